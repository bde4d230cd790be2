"""What a field that can be searched for objects looks like, drawn beside a single cutout."""

import numpy as np
from plotly.graph_objects import Figure, Scatter
from plotly.subplots import make_subplots

from lensapp.ui.shared import figures

HEIGHT = 260
FIELD = 4.0  # cutouts across
OBJECTS = ((0.65, 3.2), (2.0, 3.35), (3.35, 3.1), (0.8, 1.0), (3.1, 1.1))
TARGET = 2.0
TITLES = ("A single cutout: no room beside the target", "A field: objects beside the target are cut out")


def show_fields_wanted(size: int) -> None:
    """Draw a single cutout beside a field from which cutouts of `size` pixels are taken."""
    figures.show_example(
        field_figure(size, colours=figures.class_colours(), ink=figures.ink()),
        title="What can be searched",
        caption="Drawn as an example. The circle around the target is left out.",
        key="field-example",
        height=HEIGHT,
    )


def field_figure(size: int, *, colours: dict[str, str], ink: str) -> Figure:
    """Draw targets as lenses are marked, and what is cut out of a field around other objects."""
    figure = make_subplots(1, 2, subplot_titles=TITLES, horizontal_spacing=0.04)
    light = np.random.default_rng(4).uniform(0.1, FIELD - 0.1, (2, 34))
    stars = {"color": figures.faded(ink, 0.35), "size": 3}
    figure.add_trace(Scatter(x=light[0], y=light[1], mode="markers", marker=stars), row=1, col=2)
    for column, side in ((1, 1.0), (2, FIELD)):
        middle, where = side / 2 + (FIELD - 1.0) / 2 * (column == 1), {"row": 1, "col": column}
        low, high = middle - side / 2, middle + side / 2
        edge = {"color": figures.faded(ink, 0.7), "width": 1.5}
        figure.add_shape(type="rect", x0=low, x1=high, y0=low, y1=high, line=edge, **where)
        target = {"color": colours["lens"], "size": 13, "symbol": "circle"}
        figure.add_trace(Scatter(x=[middle], y=[middle], mode="markers", marker=target), **where)
        figure.update_xaxes(visible=False, showticklabels=False, range=[-0.1, FIELD + 0.1], **where)
        figure.update_yaxes(
            visible=False, showticklabels=False, range=[-0.1, FIELD + 0.1], scaleanchor=f"x{column}", **where
        )
    around = {"color": colours["lens"], "width": 1.2, "dash": "dot"}
    figure.add_shape(type="circle", x0=1.5, x1=2.5, y0=1.5, y1=2.5, line=around, row=1, col=2)
    for x, y in OBJECTS:
        cut = {"color": colours["nonlens"], "width": 1.6}
        figure.add_shape(type="rect", x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5, line=cut, row=1, col=2)
    seen = {"color": colours["nonlens"], "size": 8, "symbol": "circle"}
    across, up = zip(*OBJECTS, strict=True)
    figure.add_trace(Scatter(x=across, y=up, mode="markers", marker=seen), row=1, col=2)
    figure.add_annotation(
        x=FIELD + 0.1, y=3.1, text=f"{size} pixels each", xanchor="left", showarrow=False, row=1, col=2
    )
    figure.update_annotations(font_size=13)
    figure.update_traces(hoverinfo="skip", showlegend=False)
    return figure
