"""What an audit of realism shows, drawn as an example where nothing has been compared yet."""

import numpy as np
from plotly.graph_objects import Bar, Figure, Scatter
from plotly.subplots import make_subplots

from lensapp.services.evaluate.realism import TELLS
from lensapp.ui.shared import figures

AREA, LOW, HIGH = 0.66, 0.61, 0.71  # of the example
TOLD_BY = {"size": 0.65, "colour g − r": 0.58, "sky noise in i": 0.53}
HEIGHT = 250
WORDS = (
    "**Whether a classifier tells them apart**: AUROC with its limits, 0.5 where they pass for real.",
    "**The measures that tell most**, their shares in real and in simulated cutouts.",
    "**What gives the simulation away**: the AUROC of each measure alone, in a table.",
)


def show_example() -> None:
    """Show what each figure of an audit will be, with values that are no measurement."""
    figures.show_example(
        example_figure(figures.line_colours(), ink=figures.ink()),
        title="What an audit shows, by an example",
        key="realism-example",
        height=HEIGHT,
        words=WORDS,
    )


def example_figure(colours: tuple[str, ...], *, ink: str) -> Figure:
    """Draw an area on its scale, two distributions of a measure, and what three measures tell alone."""
    figure = make_subplots(1, 3, horizontal_spacing=0.13)
    for low, high, words, opacity in (
        (0.5, 0.6, "alike", 0.06),
        (0.6, TELLS, "some", 0.16),
        (TELLS, 1.0, "easily told", 0.3),
    ):
        figure.add_vrect(
            low, high, fillcolor=figures.faded(colours[1], opacity), line_width=0, layer="below",
            annotation_text=words, annotation_position="top", annotation_font={"size": 12, "color": ink},
            row=1, col=1, exclude_empty_subplots=False,
        )  # fmt: skip
    figure.add_trace(
        Scatter(
            x=[AREA], y=[0.4], mode="markers", marker={"color": ink, "size": 11, "symbol": "diamond"},
            error_x={"array": [HIGH - AREA], "arrayminus": [AREA - LOW], "color": ink, "width": 6},
        ),
        row=1, col=1,
    )  # fmt: skip
    sizes = np.linspace(0, 6, 80)
    drawn = zip(("real", "simulated"), (2.2, 2.9), (0.8, 0.9), colours, ("solid", "dash"), strict=False)
    for name, middle, width, colour, dash in drawn:
        figure.add_trace(
            Scatter(
                x=sizes, y=np.exp(-0.5 * ((sizes - middle) / width) ** 2), name=name, showlegend=True,
                mode="lines", line={"color": colour, "dash": dash, "width": 2},
                fill="tozeroy", fillcolor=figures.faded(colour, 0.15),
            ),
            row=1, col=2,
        )  # fmt: skip
    figure.add_trace(
        Bar(
            x=[area - 0.5 for area in TOLD_BY.values()], base=0.5, y=[*TOLD_BY], orientation="h", width=0.5,
            marker={"color": figures.faded(colours[0], 0.75)},
        ),
        row=1, col=3,
    )  # fmt: skip
    figure.update_traces(hoverinfo="skip")
    figure.update_traces(showlegend=False, selector=lambda trace: trace.name is None)
    figure.update_layout(barmode="overlay", legend={"x": 0.37})
    figure.update_xaxes(title="AUROC", range=[0.5, 1.0], dtick=0.1, row=1, col=1)
    figure.update_yaxes(visible=False, showticklabels=False, range=[0, 1], row=1, col=1)
    figure.update_xaxes(title="size (arcsec)", showticklabels=False, row=1, col=2)
    figure.update_yaxes(title="share", showticklabels=False, row=1, col=2)
    figure.update_xaxes(title="AUROC alone", range=[0.5, 0.7], row=1, col=3)
    figure.update_yaxes(autorange="reversed", row=1, col=3)
    return figure
