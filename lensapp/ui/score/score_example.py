"""What Score shows, drawn as an example where nothing has been scored yet."""

import numpy as np
from plotly.graph_objects import Bar, Figure

from lensapp.ui.shared import figures

EDGES = np.arange(0.0, 1.0, 0.025)
THRESHOLD = 0.9
HEIGHT = 260
WORDS = (
    "**How many cutouts have which score**: most near 0, on a logarithmic scale.",
    "**How many reach a threshold**, and what part of them would be lenses.",
    "**The best candidates as images**, and a review of them in one press.",
)


def show_example() -> None:
    """Show what the scores of a source will look like, with values that are no measurement."""
    figures.show_example(
        score_example_figure(figures.line_colours(), ink=figures.ink()),
        title="What scores show",
        key="score-example",
        height=HEIGHT,
        words=WORDS,
    )


def score_example_figure(colours: tuple[str, ...], *, ink: str) -> Figure:
    """Draw the histogram of scores of a survey in which few cutouts are lenses, with a threshold."""
    counts = np.round(20_000 * np.exp(-EDGES / 0.07) + 12 + 60 * np.exp((EDGES - 1) / 0.05))
    middles = EDGES + 0.0125
    colour = [colours[0] if one > THRESHOLD else figures.faded(colours[0], 0.45) for one in middles]
    figure = Figure(Bar(x=middles, y=counts, width=0.024, marker={"color": colour}, hoverinfo="skip"))
    figure.add_vline(x=THRESHOLD, line={"color": ink, "width": 1.5, "dash": "dash"})
    figure.update_xaxes(title="score", range=[0, 1])
    figure.update_yaxes(title="cutouts", type="log", dtick=1)
    return figure
