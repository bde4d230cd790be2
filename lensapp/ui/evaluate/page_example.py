"""What Evaluate and Compare show, drawn as examples where no network has been evaluated yet."""

import numpy as np
from numpy.typing import NDArray
from plotly.graph_objects import Figure, Scatter
from plotly.subplots import make_subplots

from lensapp.core.log_odds import probability
from lensapp.ui.shared import figures

THRESHOLD = np.linspace(-6.0, 6.0, 121)  # in log odds, as a network tells them
LENS, NONLENS, BETTER_BY = 0.9, -0.9, 0.5  # means of the example's scores, with a scatter of one
SHARE = 0.2  # of lenses among the example's cutouts
DIFFERENCE, HALF_WIDTH = 0.021, 0.014
HEIGHT = 270
EVALUATE_WORDS = (
    "**How many lenses at how many false positives**: the ROC curve with its area and limits.",
    "**What a threshold gives**: purity and completeness move with one slider, as all figures do.",
    "**How scores are spread**: lenses and non-lenses, and the worst mistakes as images.",
)
COMPARE_WORDS = (
    "**Two runs on the same cutouts**: their curves, a dash for each run beside its colour.",
    "**Which is better, and by how much**: the difference of the areas with 95\u00a0% limits; where these "
    "include 0, chance may give as much.",
)


def show_evaluate_example() -> None:
    """Show what each figure of an evaluation will be, with values that are no measurement."""
    figures.show_example(
        evaluate_example_figure(
            figures.line_colours(), classes=figures.class_colours(), ink=figures.ink()
        ),
        title="What an evaluation shows", key="evaluate-example", height=HEIGHT, words=EVALUATE_WORDS,
    )  # fmt: skip


def show_compare_example() -> None:
    """Show what a comparison of two runs will be, with values that are no measurement."""
    figures.show_example(
        compare_example_figure(figures.line_colours(), ink=figures.ink()),
        title="What a comparison shows", key="compare-example", height=HEIGHT, words=COMPARE_WORDS,
    )  # fmt: skip


def evaluate_example_figure(colours: tuple[str, ...], *, classes: dict[str, str], ink: str) -> Figure:
    """Draw a ROC curve, purity and completeness by threshold, and the scores of both classes."""
    figure = make_subplots(1, 3, horizontal_spacing=0.1)
    found, wrong = _accepted(LENS), _accepted(NONLENS)
    purity = SHARE * found / (SHARE * found + (1 - SHARE) * wrong)
    scores = probability(THRESHOLD)
    _add_roc(figure, colours[0], better_by=0.0, dash="solid", name="")
    given = (found, "completeness", colours[0], "solid", 0.3), (purity, "purity", colours[1], "dash", 0.15)
    for values, name, colour, dash, at in given:
        figure.add_trace(_line(scores, values, name=name, colour=colour, dash=dash), row=1, col=2)
        told = {"text": name, "x": at, "y": float(np.interp(at, scores, values)), "showarrow": False}
        font = {"color": colour, "size": 12}
        figure.add_annotation(**told, xanchor="left", yshift=-14, font=font, row=1, col=2)
    figure.add_vline(x=0.5, line={"color": ink, "width": 1.5, "dash": "dash"}, row=1, col=2)
    for label, mean, dash in (("nonlens", NONLENS, "dash"), ("lens", LENS, "solid")):
        drawn = np.exp(-0.5 * (THRESHOLD - mean) ** 2)
        line = _line(scores, drawn, name=figures.CLASS_NAMES[label], colour=classes[label], dash=dash)
        line.update(fill="tozeroy", fillcolor=figures.faded(classes[label], 0.15))
        figure.add_trace(line, row=1, col=3)
    figure.update_xaxes(title="threshold", range=[0, 1], row=1, col=2)
    figure.update_yaxes(title="share", range=[0, 1.05], row=1, col=2)
    figure.update_xaxes(title="score", range=[0, 1], row=1, col=3)
    figure.update_yaxes(title="cutouts", showticklabels=False, row=1, col=3)
    figure.update_traces(hoverinfo="skip", showlegend=False)
    return figure


def compare_example_figure(colours: tuple[str, ...], *, ink: str) -> Figure:
    """Draw the ROC curves of two runs, and the difference of their areas with its limits."""
    figure = make_subplots(1, 2, horizontal_spacing=0.12)
    _add_roc(figure, colours[0], better_by=BETTER_BY, dash="solid", name="one run")
    _add_roc(figure, colours[1], better_by=0.0, dash="dash", name="another")
    figure.add_trace(
        Scatter(
            x=[DIFFERENCE], y=[0.5], mode="markers", marker={"color": ink, "size": 11, "symbol": "diamond"},
            error_x={"array": [HALF_WIDTH], "color": ink, "width": 6},
        ),
        row=1, col=2,
    )  # fmt: skip
    figure.add_vline(x=0.0, line=figures.CHANCE, row=1, col=2)
    figure.update_xaxes(title="difference of AUROC", range=[-0.02, 0.06], row=1, col=2)
    figure.update_yaxes(showticklabels=False, ticks="", showgrid=False, range=[0, 1], row=1, col=2)
    figure.update_traces(hoverinfo="skip", showlegend=False)
    return figure


def _add_roc(figure: Figure, colour: str, *, better_by: float, dash: str, name: str) -> None:
    """Draw a ROC curve into the first panel."""
    wrong, found = _accepted(NONLENS), _accepted(LENS + better_by)
    figure.add_trace(_line(wrong, found, name=name, colour=colour, dash=dash), row=1, col=1)
    figure.update_xaxes(title="false positive rate", range=[0, 1], row=1, col=1)
    figure.update_yaxes(title="true positive rate", range=[0, 1.02], row=1, col=1)


def _accepted(mean: float) -> NDArray[np.float64]:
    """Return which share of scores about a mean, in log odds, reaches each threshold."""
    return probability(1.7 * (mean - THRESHOLD))  # nearly the normal distribution's


def _line(x: NDArray[np.float64], y: NDArray[np.float64], *, name: str, colour: str, dash: str) -> Scatter:
    return Scatter(x=x, y=y, name=name, mode="lines", line={"color": colour, "dash": dash, "width": 2})
