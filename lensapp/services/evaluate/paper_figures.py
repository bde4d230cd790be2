"""Figures of an evaluation at a paper's column width, from the columns that the Evaluate page draws.

References
----------
Okabe & Ito 2008, Color Universal Design (the colours).
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np

from lensapp.core.colours import CLASS_COLOURS, INK, LINE_COLOURS
from lensapp.core.data.column_names import column_label
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.calibration import Reliability
from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.core.evaluate.score_axis import EQUAL_POINTS, ScoreAxis, shared_axis
from lensapp.core.evaluate.subgroups import Subgroup
from lensapp.core.plurals import thin_spaced
from lensapp.core.train.tasks import target_symbol
from lensapp.services.evaluate import evaluation as service
from lensapp.services.evaluate import expectations
from lensapp.services.evaluate.evaluation import Evaluation, ValueEvaluation
from lensapp.storage.files import whole_file

PictureFormat = Literal["svg", "pdf"]
FORMATS: tuple[PictureFormat, ...] = ("svg", "pdf")
COLUMN_WIDTH_MM, HEIGHT_MM, MM_PER_INCH = 88.0, 66.0, 25.4
LENS, NONLENS = CLASS_COLOURS["light"]["lens"], CLASS_COLOURS["light"]["nonlens"]
CHANCE, TEXT, GRID = CLASS_COLOURS["light"]["unlabelled"], INK["light"]["text"], INK["light"]["grid"]
LINES = LINE_COLOURS["light"][:4]
DASHES = ("-", "--", "-.", ":")
STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.edgecolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and edited
    "pdf.fonttype": 42,  # TrueType, as journals ask
}
TICKS_APART = 0.16  # of the axis of scores, from one to the next, so that they do not touch
LETTERS_IN_HALF = 26  # of a name of a line, beside which another finds room
_DRAWING = Lock()  # matplotlib's settings hold for the whole process


@dataclass(frozen=True)
class PaperFigure:
    """A figure before it is drawn.

    Attributes
    ----------
    name, title, caption
        Name of its file, what it shows, and part and number of cutouts.
    draw
        Draws it on matplotlib axes.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Any], None]

    def rendered(self, picture_format: PictureFormat) -> bytes:
        """Return the figure as a file, 88 mm wide on white ground."""
        import matplotlib as mpl
        from matplotlib.figure import Figure

        settings = STYLE | {"svg.hashsalt": self.name}  # names within a file are the same each time
        with _DRAWING, mpl.rc_context(settings):
            size = COLUMN_WIDTH_MM / MM_PER_INCH, HEIGHT_MM / MM_PER_INCH
            figure = Figure(figsize=size, layout="constrained")
            self.draw(figure.add_subplot())
            stream = io.BytesIO()
            dates = {"Date": None} if picture_format == "svg" else {"CreationDate": None}
            figure.savefig(stream, format=picture_format, dpi=300, metadata=dates)
        return stream.getvalue()


def write_figures(
    figures: Sequence[PaperFigure], folder: Path, *, picture_format: PictureFormat
) -> list[Path]:
    """Write figures into a folder, each whole or not at all; return their paths.

    Raises
    ------
    InvalidInput
        When the folder cannot be written, or the format is not one of FORMATS.
    """
    if picture_format not in FORMATS:
        raise InvalidInput(f"Figures are written as svg or pdf, not as {picture_format!r}. Choose one.")
    paths = [folder / f"{figure.name}.{picture_format}" for figure in figures]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure, path in zip(figures, paths, strict=True):
            with whole_file(path) as partial:
                partial.write_bytes(figure.rendered(picture_format))
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}. Name another folder.") from error
    return paths


def score_figures(
    evaluation: Evaluation,
    *,
    threshold: float,
    survey: SurveySpec,
    others: Sequence[Evaluation] = (),
    subgroups: Mapping[str, Sequence[Subgroup]],
    reliabilities: Mapping[str, Reliability],
) -> list[PaperFigure]:
    """Return the figures of a run that scores, those of the Evaluate page.

    Parameters
    ----------
    subgroups
        By column of the catalogue.
    reliabilities
        By name of the scores, raw or calibrated.
    """
    counts = evaluation.counts
    n = f"{evaluation.part} part: n = {counts.n}, {counts.n_positive} of them lenses"
    confusion = evaluation.figures_at(threshold).confusion
    point = confusion.false_positive_rate, confusion.completeness
    runs = [evaluation, *others]

    def draw_precision_recall(axes: Any) -> None:
        for index, one in enumerate(runs):
            columns = service.precision_recall_columns(one)
            axes.plot(columns["completeness"], columns["purity"], label=literal(one.run), **_line(index))
        axes.axhline(counts.n_positive / counts.n, color=CHANCE, linestyle=":", linewidth=0.8)
        axes.set(xlabel="completeness", ylabel="purity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.03))
        name_lines(axes)

    figures = [
        PaperFigure(
            "roc",
            "Completeness by false positives (ROC)",
            f"{n}; shaded: 95 % at each rate; circle: threshold",
            lambda axes: draw_roc(axes, runs, point=point),
        ),
        PaperFigure(
            "precision-recall",
            "Purity against completeness (precision–recall)",
            f"{n}; dotted: all accepted",
            draw_precision_recall,
        ),
    ]
    figures += _threshold_figures(evaluation, threshold, n)
    figures += _stability_figures(evaluation, reliabilities, n)
    figures += _survey_figures(evaluation, survey, threshold, n)
    return [*figures, *(_subgroup_figure(column, groups, n) for column, groups in subgroups.items())]


def _threshold_figures(evaluation: Evaluation, threshold: float, n: str) -> list[PaperFigure]:
    axis = evaluation.score_axis

    def draw_thresholds(axes: Any) -> None:
        columns = service.threshold_columns(evaluation)
        x = axis.positions(columns["threshold"])
        for name, colour in zip(("purity", "completeness"), LINES, strict=False):
            low, high = columns[f"{name}_low"], columns[f"{name}_high"]
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0, step="post")
            axes.step(x, columns[name], where="post", color=colour, label=name,
                      linestyle="-" if name == "purity" else "--")  # fmt: skip
        axes.axvline(float(axis.positions(threshold)), color=TEXT, linestyle="--", linewidth=0.8)
        axes.set(ylabel="share", ylim=(-0.02, 1.03))
        _spread_scores(axes, axis, title="threshold (score)")
        name_lines(axes)

    def draw_scores(axes: Any) -> None:
        columns = service.score_histogram(evaluation)
        edges = axis.positions(columns["edges"])
        for label, name, colour in (("nonlens", "non-lens", NONLENS), ("lens", "lens", LENS)):
            axes.stairs(columns[label], edges, color=colour, label=name, linewidth=1.2,
                        linestyle="-" if label == "lens" else "--")  # fmt: skip
        axes.axvline(float(axis.positions(threshold)), color=TEXT, linestyle="--", linewidth=0.8)
        axes.set(yscale="log", ylabel="cutouts", ylim=(0.5, None))
        _spread_scores(axes, axis, title="score")
        name_lines(axes)

    return [
        PaperFigure(
            "thresholds",
            "Purity and completeness against threshold",
            f"{n}; shaded: 95 % (Wilson)",
            draw_thresholds,
        ),
        PaperFigure(
            "scores",
            "Scores of lenses and non-lenses",
            n,
            draw_scores,
        ),
    ]


def _stability_figures(
    evaluation: Evaluation, reliabilities: Mapping[str, Reliability], n: str
) -> list[PaperFigure]:
    """Return the figures of the score under rotations and as a probability, where they are defined."""
    figures: list[PaperFigure] = []
    axis = evaluation.score_axis
    rotations = service.rotation_columns(evaluation)
    if rotations is not None and not service.keeps_scores_when_turned(evaluation):

        def draw_rotations(axes: Any) -> None:
            for lens, name, colour, mark in ((False, "non-lens", NONLENS, "D"), (True, "lens", LENS, "o")):
                rows = np.asarray(rotations["label"]) == lens
                x = axis.positions(rotations["mean"][rows])
                scatter = rotations["std"][rows]
                axes.plot(x, scatter, mark, color=colour, ms=2, alpha=0.6, label=name, rasterized=True)
            axes.set(ylabel="standard deviation", ylim=(0, None))
            _spread_scores(axes, axis, title="mean score of the four rotations")
            name_lines(axes)

        figures.append(
            PaperFigure(
                "rotations",
                "Scatter of the score when the image is rotated by 90°",
                n,
                draw_rotations,
            )
        )
    if reliabilities:
        figures.append(
            PaperFigure(
                "reliability",
                "Share of lenses against score (reliability)",
                f"{n}, in bins of equal numbers; bars: 95 % (Wilson)",
                partial(_draw_reliability, reliabilities=reliabilities),
            )
        )
    return figures


def _draw_reliability(axes: Any, *, reliabilities: Mapping[str, Reliability]) -> None:
    axis = shared_axis([one.mean_score for one in reliabilities.values()])
    equal = axis.grid(EQUAL_POINTS)
    for index, (name, one) in enumerate(reliabilities.items()):
        bars = np.maximum(one.share - one.low, 0), np.maximum(one.high - one.share, 0)
        axes.errorbar(axis.positions(one.mean_score), one.share, bars, label=name, marker="os"[index % 2],
                      ms=3, elinewidth=0.8, **_line(index))  # fmt: skip
    axes.plot(axis.positions(equal), equal, color=CHANCE, linestyle=":", linewidth=0.8, label="equal")
    axes.set(ylabel="share of lenses", ylim=(-0.02, 1.04))
    _spread_scores(axes, axis, title="mean score")
    name_lines(axes)


def _survey_figures(
    evaluation: Evaluation, survey: SurveySpec, threshold: float, n: str
) -> list[PaperFigure]:
    rarity = f"{thin_spaced(survey.galaxies)} galaxies, one lens in {thin_spaced(1 / survey.prevalence)}"
    what = f"{n}; {rarity}"
    axis, lenses = evaluation.score_axis, survey.galaxies * survey.prevalence

    def draw_expected(axes: Any) -> None:
        columns = expectations.expectation_columns(evaluation, survey)
        x = axis.positions(columns["threshold"])
        for name, label, colour, dash in (
            ("true_candidates", "lens", LENS, "-"), ("false_candidates", "non-lens", NONLENS, "--"),
        ):  # fmt: skip
            some = np.where(columns[name] > 0, columns[name], np.nan)
            axes.plot(x, some, color=colour, linestyle=dash, label=label)
        axes.axvline(float(axis.positions(threshold)), color=TEXT, linestyle="--", linewidth=0.8)
        axes.set(yscale="log", ylabel="candidates in the survey")
        _spread_scores(axes, axis, title="threshold (score)")
        name_lines(axes)

    def draw_budget(axes: Any) -> None:
        columns = expectations.budget_columns(evaluation, survey)
        limits = columns["lenses_low"], columns["lenses_high"]
        axes.fill_between(columns["inspected"], *limits, color=LINES[0], alpha=0.15, linewidth=0)
        axes.plot(columns["inspected"], columns["lenses"], color=LINES[0])
        axes.axhline(lenses, color=CHANCE, linestyle=":", linewidth=0.8)
        axes.text(0.02, lenses, "all lenses", transform=axes.get_yaxis_transform(), va="bottom", fontsize=7)
        axes.set(xscale="log", xlabel="candidates inspected", ylabel="lenses", ylim=(0, 1.1 * lenses))
        each = columns["hours"][-1] / columns["inspected"][-1]
        above = axes.secondary_xaxis(
            "top", functions=(lambda number: number * each, lambda hours: hours / each)
        )
        above.set_xlabel("person-hours")

    return [
        PaperFigure("expected", "Candidates expected against threshold", what, draw_expected),
        PaperFigure(
            "budget",
            "Lenses found by candidates inspected",
            f"{what}; best scores first; shaded: 95 %",
            draw_budget,
        ),
    ]


def _subgroup_figure(column: str, groups: Sequence[Subgroup], n: str) -> PaperFigure:
    def draw(axes: Any) -> None:
        for name, label, colour, mark in (
            ("completeness", "lens accepted", LENS, "o"),
            ("false_positive_rate", "non-lens accepted", NONLENS, "D"),
        ):  # fmt: skip
            shares = [(row, getattr(group, name)) for row, group in enumerate(groups) if getattr(group, name)]
            if shares:
                values = [one.value for _, one in shares]
                bars = [one.value - one.low for _, one in shares], [one.high - one.value for _, one in shares]
                axes.errorbar([row for row, _ in shares], values, bars, fmt=mark, ms=3, elinewidth=0.8,
                              color=colour, label=label)  # fmt: skip
        names = [literal(group.name) for group in groups]
        slanted = sum(map(len, names)) > 50
        axes.set_xticks(
            range(len(groups)), names, rotation=30 if slanted else 0, ha="right" if slanted else "center"
        )
        axes.set(xlabel=literal(column_label(column)), ylabel="share accepted", ylim=(-0.02, 1.03))
        name_lines(axes)

    words = "".join(character if character.isalnum() else " " for character in column).split()
    title = f"Share accepted by {column_label(column)}"
    return PaperFigure(f"by-{'-'.join(words)}", title, f"{n}; bars: 95 %", draw)


def value_figures(evaluation: ValueEvaluation) -> list[PaperFigure]:
    """Return the figures of a run that estimates values: each against its truth, and their calibration."""
    n = f"{evaluation.part} part: n = {evaluation.figures.n}"

    def draw_calibration(axes: Any) -> None:
        columns = evaluation.calibration()
        for index, target in enumerate(name for name in columns if name != "nominal"):
            axes.plot(
                columns["nominal"], columns[target], label=literal(target_symbol(target)), **_line(index)
            )
        axes.plot([0, 1], [0, 1], color=CHANCE, linestyle=":", linewidth=0.8)
        axes.set(xlabel="stated probability", ylabel="share of truths within", xlim=(0, 1), ylim=(0, 1.02))
        name_lines(axes)

    recovered = [
        PaperFigure(
            f"recovered-{target}",
            f"Estimated against true {target_symbol(target)}",
            f"{n}; bands: 68 % and 95 % of the estimates",
            partial(_draw_recovered, evaluation=evaluation, target=target),
        )
        for target in evaluation.targets
    ]
    calibration = PaperFigure(
        "calibration",
        "Share of truths within the stated interval",
        n,
        draw_calibration,
    )
    return [*recovered, calibration]


def literal(text: str) -> str:
    """Return text of a user as matplotlib writes it out, whatever it holds."""
    return text.replace("$", r"\$")


def draw_roc(
    axes: Any, evaluations: Sequence[Evaluation], *, point: tuple[float, float] | None = None
) -> None:
    """Draw the ROC of each run with its 95 % band; low false positive rates, where searches live, spread."""
    smallest = min(1 / one.counts.n_negative for one in evaluations) / 2
    for index, evaluation in enumerate(evaluations):
        line, band = _line(index), evaluation.roc_band
        rates = np.maximum(band["false_positive_rate"], smallest)
        axes.fill_between(rates, band["low"], band["high"], color=line["color"], alpha=0.15, linewidth=0)
        columns = service.roc_columns(evaluation)
        axes.step(
            np.maximum(columns["false_positive_rate"], smallest), columns["completeness"],
            where="post", label=literal(evaluation.run), **line,
        )  # fmt: skip
    chance = np.geomspace(smallest, 1, 50)
    axes.plot(chance, chance, color=CHANCE, linestyle=":", linewidth=0.8, label="chance")
    if point is not None:
        axes.plot(max(point[0], smallest), point[1], "o", mfc="none", mec=TEXT, ms=6)
    axes.set(xscale="log", xlabel="false positive rate", ylabel="completeness", ylim=(-0.02, 1.02))
    name_lines(axes)


def name_lines(axes: Any) -> None:
    """Write what is drawn above the axes, where it covers nothing."""
    names = axes.get_legend_handles_labels()[1]
    wide = max(map(len, names), default=0) > LETTERS_IN_HALF
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1 if wide else 2, borderaxespad=0.1)


def _line(index: int) -> dict[str, Any]:
    return {"color": LINES[index % len(LINES)], "linestyle": DASHES[index // len(LINES) % len(DASHES)]}


def _spread_scores(axes: Any, axis: ScoreAxis, *, title: str) -> None:
    low, high = axis.positions([axis.low, axis.high])
    margin = 0.01 * (high - low)
    axes.set(xlabel=f"{title}, by logit" if axis.logit else title, xlim=(low - margin, high + margin))
    if axis.logit:
        ticks = axis.ticks(apart=TICKS_APART)
        axes.set_xticks(axis.positions(ticks), [f"{tick:.7g}" for tick in ticks])


def _draw_recovered(axes: Any, *, evaluation: ValueEvaluation, target: str) -> None:
    bands, points = evaluation.bands(target), evaluation.scatter(target)
    for level, opacity in (("95", 0.14), ("68", 0.28)):
        axes.fill_between(bands["truth"], bands[f"low_{level}"], bands[f"high_{level}"], color=LINES[0],
                          alpha=opacity, linewidth=0, label=f"{level} %")  # fmt: skip
    axes.plot(points["truth"], points["mean"], ".", color=TEXT, ms=1.5, alpha=0.6, rasterized=True)
    ends = [float(points["truth"].min()), float(points["truth"].max())]
    axes.plot(ends, ends, color=CHANCE, linestyle=":", linewidth=0.8, label="equal")
    unit = " (arcsec)" if target.endswith("_arcsec") else ""
    name = literal(target_symbol(target)) + unit
    axes.set(xlabel=f"true {name}", ylabel=f"estimated {name}")
    name_lines(axes)
