"""Learning curves: one run with its training and validation parts, or several runs laid over each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.train.tasks import target_symbol
from lensapp.ui.shared import figures

Columns = Mapping[str, NDArray[np.float64]]
TRAIN_DASH = "dot"
SECOND_DASH = "dash"
FEW_EPOCHS = 6
MANY = 2  # figures whose names would push each other out of the legend


@dataclass(frozen=True)
class Panel:
    """One figure of the training page.

    Attributes
    ----------
    title, axis
        What the figure shows, and the quantity with its unit on the vertical axis.
    figures
        Name shown and key of each figure; the key of the validation part has `val_` before it.
    share
        Whether the values lie between 0 and 1.
    parted
        Whether training and validation part have a value each.
    logarithmic
        Whether the vertical axis is.
    """

    title: str
    axis: str
    figures: tuple[tuple[str, str], ...]
    share: bool = False
    parted: bool = True
    logarithmic: bool = False


PROGRESS_PANELS = (
    Panel(
        "Learning rate",
        "learning rate",
        (("learning rate", "learning_rate"),),
        parted=False,
        logarithmic=True,
    ),
    Panel("Speed", "images per second", (("images per second", "images_per_second"),), parted=False),
)
FEW_FALSE_POSITIVES = Panel(
    "At few false positives",
    "share of lenses, area",
    (("TPR at FPR 0.01", "val_tpr_at_fpr"), ("AUROC to FPR 0.05", "val_partial_auc")),
    share=True,
    parted=False,
)
PANELS = (
    Panel("Loss", "binary cross-entropy", (("loss", "loss"),)),
    Panel("Accuracy", "share decided correctly", (("accuracy", "accuracy"),), share=True),
    Panel("Area under the ROC curve", "AUROC", (("AUROC", "auc"),), share=True),
    FEW_FALSE_POSITIVES,
    Panel(
        "Purity and completeness",
        "share at score ≥ 0.5",
        (("purity", "purity"), ("completeness", "completeness")),
        share=True,
    ),
    *PROGRESS_PANELS,
)
CLASS_PANELS = (
    Panel("Loss", "cross-entropy", (("loss", "loss"),)),
    Panel("Accuracy", "share given their class", (("accuracy", "accuracy"),), share=True),
    Panel("Area under the ROC curve, mean of the classes", "AUROC", (("AUROC", "auc"),), share=True),
    FEW_FALSE_POSITIVES,
    Panel(
        "Purity and completeness of the score",
        "share at score ≥ 0.5",
        (("purity", "purity"), ("completeness", "completeness")),
        share=True,
    ),
    *PROGRESS_PANELS,
)


CONTRASTIVE_PANELS = (
    Panel("Contrastive loss", "cross-entropy", (("loss", "loss"),), parted=False),
    Panel("Copies recognised among all", "share", (("recognised", "recognised"),), share=True, parted=False),
    *PROGRESS_PANELS,
)
UNLABELLED_PANELS = (
    Panel(
        "Unlabelled cutouts",
        "share of cutouts",
        (("answered surely", "sure"), ("answered lens, mean", "answered_lens")),
        share=True,
        parted=False,
    ),
    Panel(
        "Loss of unlabelled cutouts",
        "cross-entropy where sure",
        (("loss of unlabelled cutouts", "unlabelled_loss"),),
        parted=False,
    ),
)


def panels_for(
    kind: str, targets: Sequence[str], *, unlabelled: bool = False, fpr: float = 0.01
) -> tuple[Panel, ...]:
    """Return the figures that follow a training of this kind of task.

    Parameters
    ----------
    targets
        Of a task that estimates values.
    unlabelled
        Whether the training looks at unlabelled cutouts beside the labelled ones.
    fpr
        False positive rate at which the true positive rate is read.
    """
    if kind in ("binary", "classes"):
        (_, tpr), area = FEW_FALSE_POSITIVES.figures
        few = replace(FEW_FALSE_POSITIVES, figures=((f"TPR at FPR {fpr:g}", tpr), area))
        panels = (*(PANELS if kind == "binary" else CLASS_PANELS), *(UNLABELLED_PANELS if unlabelled else ()))
        return tuple(few if panel is FEW_FALSE_POSITIVES else panel for panel in panels)
    if kind == "contrastive":
        return CONTRASTIVE_PANELS
    each = tuple((target_symbol(name), f"rmse_{name}") for name in targets)
    unit = "error / spread of the truth"
    return (
        Panel("Loss", "negative log-likelihood", (("loss", "loss"),)),
        Panel("Error (RMSE)", unit, (("error", "rmse"),)),
        Panel("Error (RMSE) of each value", unit, each),
        *PROGRESS_PANELS,
    )


@dataclass(frozen=True)
class View:
    """How curves are drawn.

    Attributes
    ----------
    smoothing
        Share that each point keeps of those before, 0 to below 1; the points themselves stay faintly visible.
    log_values, log_epochs
        Whether the axes of losses and errors, and those of epochs, are logarithmic.
    """

    smoothing: float = 0.0
    log_values: bool = False
    log_epochs: bool = False


def smoothed(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return the running mean of values that keeps `share` of the mean before, NaN where there is no value.

    The sum of the weights so far is divided out, so that the first points are not drawn towards 0, as
    TensorBoard does.
    """
    out = np.full(len(values), np.nan)
    mean, weight = 0.0, 0.0
    for index in np.flatnonzero(np.isfinite(values)):
        mean = share * mean + (1.0 - share) * values[index]
        weight = share * weight + (1.0 - share)
        out[index] = mean / weight
    return out


AS_MEASURED = View()


def panel_figure(
    panel: Panel, runs: Mapping[str, Columns], *, colours: Sequence[str], view: View = AS_MEASURED
) -> go.Figure:
    """Draw one panel.

    Parameters
    ----------
    panel
        Which figures.
    runs
        Columns (`epoch` and figures) by run name; one run shows both parts, several only validation.
    colours
        Colours of lines in the order to use them.
    view
        Smoothing and axes.
    """
    figure = go.Figure()
    if len(runs) == 1:
        _add_parts(figure, panel, next(iter(runs.values())), colours)
    else:
        for (name, columns), colour in zip(runs.items(), cycle(colours), strict=False):
            for (title, key), dash in zip(panel.figures, ("solid", SECOND_DASH), strict=False):
                drawn_key = f"val_{key}" if f"val_{key}" in columns else key
                label = f"{name}, {title}" if len(panel.figures) > 1 else name
                _add_line(figure, columns, drawn_key, name=label, colour=colour, dash=dash)
    last = max(
        (columns["epoch"].max(initial=0) for columns in runs.values() if "epoch" in columns), default=0
    )
    whole = {"dtick": 1} if last < FEW_EPOCHS else {}  # no ticks between epochs
    figure.update_xaxes(title="epoch", rangemode="tozero", tickformat=",d", **whole)
    figure.update_yaxes(title=panel.axis)
    if view.smoothing and not panel.logarithmic:  # a learning rate has no scatter
        _smooth(figure, view.smoothing)
    if view.log_epochs:
        figure.update_xaxes(
            type="log", rangemode="normal", dtick="D1" if last < 10 else "D2", tickformat=",d"
        )
    if panel.logarithmic or (view.log_values and panel.parted and not panel.share):
        values = _finite_values(figure)
        positive = values[values > 0] if (values > 0).any() else np.array([1e-4, 1.0])
        low, high = np.log10(positive.min()), np.log10(positive.max())  # and a third of a decade beyond
        figure.update_yaxes(type="log", exponentformat="power", dtick=1, range=(low - 0.33, high + 0.33))
        if high - low < 1.0 and not panel.logarithmic:  # a lone power of ten would be no scale
            figure.update_yaxes(dtick="D2", tickformat="~g", range=(low - 0.1, high + 0.1))
    if panel.share:  # from a little below the lowest to a little above 1
        low = float(_finite_values(figure).min(initial=np.inf))
        low = low if np.isfinite(low) else 0.0
        margin = 0.04 * (1.0 - low) if low < 1.0 else 0.05
        figure.update_yaxes(range=(max(low - margin, -0.02), 1.0 + max(margin, 0.005)))
    figure.update_layout(hovermode="x unified", hoverlabel={"namelength": -1})
    return figure


def _smooth(figure: go.Figure, share: float) -> None:
    """Draw the running mean of each line over the points themselves, which stay faintly visible."""
    for line in list(figure.data):
        values = np.asarray(line.y, np.float64)
        faint = {"color": line.line.color, "width": 1}
        figure.add_scatter(
            x=line.x, y=values, mode="lines", line=faint, opacity=0.3, hoverinfo="skip", showlegend=False
        )
        line.update(
            y=smoothed(values, share),
            customdata=values,
            hovertemplate="%{y:.4g} (measured %{customdata:.4g})",
        )


def _add_parts(figure: go.Figure, panel: Panel, columns: Columns, colours: Sequence[str]) -> None:
    several = len(panel.figures) > 1
    for (title, key), colour in zip(panel.figures, colours, strict=False):
        if not panel.parted:
            _add_line(figure, columns, key, name=title, colour=colour, dash="solid")
            continue
        prefix = f"{title}, " if several else ""
        _add_line(figure, columns, key, name=f"{prefix}training", colour=colour, dash=TRAIN_DASH)
        label = title if len(panel.figures) > MANY else f"{prefix}validation"
        _add_line(figure, columns, f"val_{key}", name=label, colour=colour, dash="solid")
    if several:  # four names would take half of a small figure: dotted is the training part everywhere
        validated = {
            line.line.color for line in figure.data if line.line.dash != TRAIN_DASH and _drawn(line.y)
        }
        for line in figure.data:
            line.showlegend = _drawn(line.y) and (
                line.line.dash != TRAIN_DASH or line.line.color not in validated
            )


def _drawn(values: Sequence[float]) -> bool:
    return bool(np.isfinite(np.asarray(values, np.float64)).any())


def _add_line(figure: go.Figure, columns: Columns, key: str, *, name: str, colour: str, dash: str) -> None:
    if key not in columns:
        return
    values = columns[key]
    lone = np.count_nonzero(np.isfinite(values)) == 1
    figure.add_scatter(
        x=columns["epoch"],
        y=values,
        name=name,
        mode="lines+markers" if lone else "lines",
        line={"color": colour, "dash": dash, "width": 2},
        hovertemplate="%{y:.4g}",
        connectgaps=True,
    )


def _finite_values(figure: go.Figure) -> NDArray[np.float64]:
    """Return every number that the lines of a figure draw."""
    values = np.concatenate([np.asarray(line.y, np.float64) for line in figure.data] or [np.empty(0)])
    return np.asarray(values[np.isfinite(values)])


def show_panel(
    panel: Panel,
    runs: Mapping[str, Columns],
    *,
    caption: str,
    key: str,
    height: int,
    best_epoch: int | None = None,
    name_runs: bool = False,
    view: View = AS_MEASURED,
) -> None:
    """Show one panel with its legend.

    Parameters
    ----------
    best_epoch
        The epoch whose network is kept; a line marks it.
    name_runs
        Whether the legend names several runs; otherwise it only tells the parts of one.
    view
        Smoothing and axes; downloads hold what was measured.
    """
    colours = figures.line_colours()
    figure = panel_figure(panel, runs, colours=colours, view=view)
    with_legend = name_runs or (len(runs) == 1 and len(figure.data) > 1)
    figure.update_layout(showlegend=with_legend, margin={"t": 34 if with_legend else 10})
    if best_epoch is not None:
        figure.add_vline(
            x=best_epoch,
            line={"color": colours[2], "width": 1, "dash": "dot"},
            annotation={"text": "best", "font": {"size": 11, "color": colours[2]}},
        )
        if view.log_epochs:  # where plotly places annotations, but not lines, by the logarithm
            figure.layout.annotations[-1].x = float(np.log10(best_epoch))
    figures.show_figure(
        figure,
        title=panel.title,
        caption=caption,
        csv=lambda: figures.csv_text(long_table(runs, panel)),
        key=f"{key}-{panel.figures[0][1]}",
        height=height,
    )


def long_table(runs: Mapping[str, Columns], panel: Panel) -> dict[str, list[object]]:
    """Return the values of a panel as columns run, epoch and figures, for download."""
    keys = [name for _, key in panel.figures for name in (key, f"val_{key}")]
    table: dict[str, list[object]] = {"run": [], "epoch": []}
    present = [key for key in keys if any(key in columns for columns in runs.values())]
    table |= {key: [] for key in present}
    for name, columns in runs.items():
        count = columns["epoch"].size if "epoch" in columns else 0
        table["run"] += [name] * count
        table["epoch"] += columns["epoch"].astype(int).tolist() if count else []
        for key in present:
            table[key] += columns[key].tolist() if key in columns else [None] * count
    return table
