"""What a map of features looks like, drawn as an example where none has been made yet."""

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from lensapp.ui.score.feature_map import map_figure, number_clusters
from lensapp.ui.shared import figures
from lensapp.ui.shared.state import theme

GROUPS = {  # class: middle, width, tilt and number of its cutouts
    "elliptical": (0.0, 0.0, 0.9, 0.5, 130),
    "spiral": (4.1, 0.9, 0.7, 0.45, 110),
    "edge-on": (3.6, -2.4, 0.45, 0.3, 60),
    "ring, arc": (-0.6, 3.1, 0.5, 0.4, 50),
    "artefact": (-3.8, -1.8, 0.4, 0.55, 45),
    "merger": (1.7, 2.0, 0.5, 0.3, 35),
}
HEIGHT = 380
WORDS = (
    "**A dot is a cutout**; the nearer two are, the more alike the network sees them. Colour them by label, "
    "class, score, grade or cluster.",
    "**Clusters are numbered** and listed with their share of lenses: tick one to see its cutouts.",
    "**Draw a lasso** around dots that look odd, and open them in the gallery to be graded.",
)


def show_example() -> None:
    """Show what a map of features tells, with dots that are no cutouts."""
    figures.show_example(
        map_example_figure(theme=theme(), ink=figures.ink(), ground=figures.ground()),
        title="What a map shows",
        key="map-example",
        height=HEIGHT,
        words=WORDS,
    )


def map_example_figure(*, theme: str, ink: str, ground: str) -> Figure:
    """Draw groups of dots by their class, with the numbers of the clusters."""
    rng = np.random.default_rng(3)
    parts = []
    for name, (x, y, wide, high, count) in GROUPS.items():
        across, up = rng.normal(0, 1, (2, count))
        parts.append(
            pd.DataFrame({"x": x + wide * across, "y": y + high * up + 0.2 * across, "object_class": name})
        )
    table = pd.concat(parts, ignore_index=True).assign(candidate_id="")
    figure = map_figure(table, method="umap", colouring="object_class", theme=theme)
    middles = np.array([(x, y) for x, y, *_ in GROUPS.values()])
    number_clusters(
        figure,
        range(len(GROUPS)),
        middles,
        extent=np.ptp(table[["x", "y"]].to_numpy(), axis=0),
        ink=ink,
        ground=ground,
    )
    figure.update_traces(hoverinfo="skip", hovertemplate=None, marker_size=6)
    figure.update_layout(dragmode=False)
    return figure
