"""Learning curves: one run with its training and validation parts, or several runs laid over each other.

They are drawn in the browser by the modules in `charts/`, which lengthen lines rather than draw anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.colours import LINE_COLOURS
from lensapp.core.train.tasks import target_symbol
from lensapp.ui.base_path import base_path
from lensapp.ui.drawing import files as figure_files
from lensapp.ui.shared.address import put
from lensapp.ui.shared.client_modules import ClientModules, told_by
from lensapp.ui.shared.state import theme

Columns = Mapping[str, NDArray[np.float64]]
DIGITS = 6
MODULES = ClientModules(Path(__file__).parent / "charts", "/api/client/charts", ("board",))
AXES = ("epoch", "step", "time")


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
    x
        What lies on the horizontal axis: epochs, steps of the training, or its time.
    log_values, log_epochs
        Whether the axes of losses and errors, and the horizontal ones, are logarithmic.
    training
        Whether the training part is drawn; None draws that of a run that is alone.
    """

    smoothing: float = 0.0
    x: str = "epoch"
    log_values: bool = False
    log_epochs: bool = False
    training: bool | None = None


AS_MEASURED = View()


def view_of_address(address: Mapping[str, str]) -> View:
    """Return the view that an address asks for; what it says wrongly is as if it were not said."""
    try:
        smoothing = float(address.get("smoothing", 0.0))
    except ValueError:
        smoothing = 0.0
    log = address.get("log", "").split(",")
    return View(
        smoothing=min(max(smoothing, 0.0), 0.95) if np.isfinite(smoothing) else 0.0,
        x=address["x"] if address.get("x") in AXES else "epoch",
        log_values="values" in log,
        log_epochs="epochs" in log,
        training={"with": True, "without": False}.get(address.get("training", "")),
    )


def address_of_view(view: View) -> dict[str, str]:
    """Return what an address says of a view: what is not as at first."""
    log = [name for name, chosen in (("values", view.log_values), ("epochs", view.log_epochs)) if chosen]
    said = {
        "smoothing": f"{view.smoothing:g}" if view.smoothing else "",
        "x": view.x if view.x != AS_MEASURED.x else "",
        "log": ",".join(log),
        "training": {True: "with", False: "without", None: ""}[view.training],
    }
    return {name: text for name, text in said.items() if text}


def keep_view(view: View) -> None:
    """Let the address say how curves are drawn."""
    said = address_of_view(view)
    for name in ("smoothing", "x", "log", "training"):
        put(name, [said[name]] if name in said else [])


@dataclass(frozen=True)
class Drawn:
    """A run as its curves show it.

    Attributes
    ----------
    name
        Of the run.
    columns
        `epoch` and figures by name.
    planned
        Epochs of a run that is not yet done; the axis shows them all.
    pauses
        Epochs after which it was paused, or interrupted, and went on.
    best_by
        What its best epoch is chosen by; empty where that is not told.
    colour, dash
        Which of those of lines it has beside others; by its place among them where that is not told.
    """

    name: str
    columns: Columns
    planned: int | None = None
    pauses: Sequence[int] = ()
    best_by: str = ""
    colour: int | None = None
    dash: int | None = None


def charts_data(
    panels: Sequence[Panel],
    runs: Sequence[Drawn],
    *,
    captions: Sequence[str],
    view: View = AS_MEASURED,
    height: int = 210,
    theme: str = "dark",
) -> dict[str, Any]:
    """Return what the browser draws.

    A panel of two figures is two where there are several runs, whose colours tell them apart.
    """
    alone = len(runs) == 1
    shown = []
    for panel, caption in zip(panels, captions, strict=True):
        split = [panel] if alone or len(panel.figures) == 1 else list(_each_figure(panel))
        shown += [_panel_data(one, caption) for one in split]
    wanted = {key for panel in shown for one in panel["figures"] for key in (one["key"], f"val_{one['key']}")}
    wanted |= {"epoch", "seconds", "learning_rate"}
    return {
        "panels": shown,
        "runs": [_run_data(run, wanted) for run in runs],
        "view": asdict(view),
        "colours": list(LINE_COLOURS[theme]),
        "printed": list(LINE_COLOURS["light"]),
        "height": height,
        "api": f"{base_path()}{figure_files.API}",
    }


def _each_figure(panel: Panel) -> list[Panel]:
    return [
        replace(panel, title=f"{title[:1].upper()}{title[1:]}", figures=((title, key),))
        for title, key in panel.figures
    ]


def _panel_data(panel: Panel, caption: str) -> dict[str, Any]:
    named = [
        {"name": title, "key": key.removeprefix("val_")} for title, key in panel.figures
    ]  # the browser takes the validation part where there is one
    return asdict(panel) | {"figures": named, "caption": caption, "id": named[0]["key"]}


def _run_data(run: Drawn, wanted: set[str]) -> dict[str, Any]:
    best, batches = (run.columns.get(name, np.empty(0)) for name in ("best_epoch", "batches"))
    kept = {name: values for name, values in run.columns.items() if name in wanted}
    return {
        "name": run.name,
        "columns": {
            name: [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]
            for name, values in kept.items()
        },
        "steps": int(batches[-1]) if batches.size and np.isfinite(batches[-1]) else None,
        "planned": run.planned,
        "best": int(best[-1]) if best.size and best[-1] > 0 else None,
        "bestBy": run.best_by,
        "colour": run.colour,
        "dash": run.dash,
        "pauses": list(run.pauses),
    }


@cache
def _component() -> Any:
    css = (MODULES.folder / "charts.css").read_text("utf-8")
    return st.components.v2.component(
        "lensapp_charts", html='<div class="board"></div>', css=css, js=MODULES.loader("board")
    )


def show_charts(panels: Sequence[Panel], runs: Sequence[Drawn], *, captions: Sequence[str], key: str) -> None:
    """Show charts as the address says, which keeps it when the reader draws them in another way."""

    def told() -> None:
        view = told_by(key, "view")
        if view:
            keep_view(View(**view))

    view = view_of_address(st.query_params)
    data = charts_data(panels, runs, captions=captions, view=view, theme=theme())
    _component()(key=key, data=data, on_view_change=told)
