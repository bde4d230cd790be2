"""Figures of a run that tells several classes apart."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from lensapp.core.evaluate.curves import FloatArray
from lensapp.ui.shared.figures import CHANCE

DASHES = ("solid", "dash", "dot", "dashdot")


def class_roc_figure(curves: Mapping[str, Mapping[str, FloatArray]], *, colours: Sequence[str]) -> go.Figure:
    """Draw the ROC of each class against the rest."""
    figure = go.Figure()
    for place, (name, columns) in enumerate(curves.items()):
        dash = DASHES[place // len(colours) % len(DASHES)]
        figure.add_scatter(
            x=columns["false_positive_rate"],
            y=columns["completeness"],
            name=name,
            mode="lines",
            line={"color": colours[place % len(colours)], "width": 2, "dash": dash},
            hovertemplate=f"{name}<br>FPR %{{x:.4g}}<br>completeness %{{y:.4f}}<extra></extra>",
        )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=CHANCE, name="chance", hoverinfo="skip")
    figure.update_xaxes(title="false positive rate", range=[-0.01, 1.01])
    figure.update_yaxes(title="completeness (true positive rate)", range=[-0.01, 1.02])
    return figure


def class_confusion_figure(
    confusion: Sequence[Sequence[int]], classes: Sequence[str], *, colour: str, ink: str
) -> go.Figure:
    """Draw numbers by true class (rows) and class given (columns), tinted by the share of the true class."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=list(classes),
            y=list(classes),
            customdata=counts,
            text=counts,
            texttemplate="%{text:,}",
            textfont={"color": ink, "size": 13 if len(classes) < 10 else 10},
            colorscale=[(0.0, "rgba(0,0,0,0)"), (1.0, colour)],
            zmin=0.0,
            zmax=1.6,  # full colour would hide the number
            showscale=False,
            hovertemplate="truth %{y}<br>given %{x}<br>%{customdata:,} cutouts, %{z:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="class given", side="top", showgrid=False, tickangle=-35)
    figure.update_yaxes(title="true class", autorange="reversed", showgrid=False)
    return figure
