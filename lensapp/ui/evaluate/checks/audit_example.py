"""What an audit of a run shows, drawn as an example where none has been made yet."""

import numpy as np
from plotly.graph_objects import Bar, Figure, Scatter
from plotly.subplots import make_subplots

from lensapp.core.evaluate.audits.shortcuts import STRONG
from lensapp.ui.shared import figures

TOLD_BY = {"network": 0.94, "colours": 0.81, "sky noise": 0.58, "size of a file": 0.51}
SHARED = {"validation": 2, "test": 5}
SUSPECT = 0.2  # probability of its label below which one of the example is held for wrong
HEIGHT = 280
TITLES = ("Shortcuts", "Leakage", "Label noise", "Shift")
WORDS = (
    "**Could something other than arcs tell the lenses?** How well the sky, the colours or a column of the "
    "catalogue alone tell them, beside the network.",
    "**Do the parts share objects?** Objects seen in training make a test look too good; the pairs are shown "
    "as images.",
    "**Which labels are probably wrong?** The least probable first, as images to be reviewed.",
    "**Do other sources look like the training part?** What differs most, and the cutouts least alike; "
    "simulated cutouts beside real ones too.",
)


def show_example() -> None:
    """Show what each check of an audit will tell, with values that are no measurement."""
    colours = figures.line_colours()
    figures.show_example(
        audit_example_figure(colours, classes=figures.class_colours(), ink=figures.ink()),
        title="What an audit shows",
        key="audit-example",
        height=HEIGHT,
        words=WORDS,
    )


def audit_example_figure(colours: tuple[str, ...], *, classes: dict[str, str], ink: str) -> Figure:
    """Draw what tells lenses, objects that parts share, probabilities of labels, and another source."""
    figure = make_subplots(1, len(TITLES), subplot_titles=TITLES, horizontal_spacing=0.085)
    figure.add_trace(
        Bar(
            x=[area - 0.5 for area in TOLD_BY.values()], base=0.5, y=[*TOLD_BY], orientation="h", width=0.55,
            marker={"color": [colours[0], *[figures.faded(colours[1], 0.8)] * (len(TOLD_BY) - 1)]},
        ),
        row=1, col=1,
    )  # fmt: skip
    figure.add_vline(x=STRONG, line=figures.CHANCE, row=1, col=1)
    figure.add_trace(
        Bar(x=[*SHARED], y=[*SHARED.values()], width=0.5, marker={"color": figures.faded(colours[3], 0.8)}),
        row=1, col=2,
    )  # fmt: skip
    edges = np.linspace(0, 1, 21)[:-1] + 0.025
    counts = 60 * np.exp(-((edges - 1) ** 2) / 0.05) + 5 * np.exp(-(edges**2) / 0.008) + 1
    suspect = [figures.faded(classes["lens" if edge < SUSPECT else "nonlens"], 0.85) for edge in edges]
    figure.add_trace(Bar(x=edges, y=counts, width=0.05, marker={"color": suspect}), row=1, col=3)
    figure.add_vline(x=SUSPECT, line={"color": ink, "width": 1.5, "dash": "dash"}, row=1, col=3)
    sky = np.linspace(0, 6, 80)
    drawn = zip(("training part", "another source"), (2.2, 3.3), colours, ("solid", "dash"), strict=False)
    for name, middle, colour, dash in drawn:
        figure.add_trace(
            Scatter(
                x=sky, y=np.exp(-0.7 * (sky - middle) ** 2), mode="lines", fill="tozeroy",
                line={"color": colour, "dash": dash, "width": 2}, fillcolor=figures.faded(colour, 0.15),
                name=name,
            ),
            row=1, col=4,
        )  # fmt: skip
    _label_axes(figure)
    figure.update_traces(hoverinfo="skip", showlegend=False)
    figure.update_annotations(font_size=13)
    figure.update_layout(bargap=0)
    return figure


def _label_axes(figure: Figure) -> None:
    figure.update_xaxes(title="AUROC alone", range=[0.5, 1.0], tickvals=[0.5, 0.75, 1.0], row=1, col=1)
    figure.update_yaxes(autorange="reversed", ticks="", row=1, col=1)
    figure.update_xaxes(title="part", row=1, col=2)
    figure.update_yaxes(title="objects seen before", dtick=2, row=1, col=2)
    figure.update_xaxes(title="probability of the label", range=[0, 1], tickvals=[0, 0.5, 1.0], row=1, col=3)
    figure.update_yaxes(title="cutouts", showticklabels=False, row=1, col=3)
    figure.update_xaxes(title="seeing, noise, colour …", showticklabels=False, row=1, col=4)
    figure.update_yaxes(title="share", showticklabels=False, row=1, col=4)
