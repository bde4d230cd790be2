"""The map of features as a figure: one dot per cutout, coloured by what is known of it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lensapp.core.inspect.grades import COLOURS, LETTERS
from lensapp.ui.shared import figures

MOST_POINTS = 50_000
SYMBOLS = ("circle", "diamond", "square", "x")
FAINT = {"dark": "#5d666f", "light": "#b3bac2"}
COLOURINGS = {
    "label": "label",
    "object_class": "class",
    "score": "score",
    "grade": "consensus grade",
    "cluster": "cluster",
}
AXES = {"pca": "principal component {}", "umap": "UMAP coordinate {}"}


def colourings(table: pd.DataFrame) -> list[str]:
    """Return by which columns of a map table its dots can be coloured, the most telling first."""
    told = {
        "label": (table["label"] != "unlabelled").any(),
        "object_class": (table["object_class"] != "").any(),
        "score": table["score"].notna().any(),
        "grade": (table["grade"] != "").any(),
        "cluster": (table["cluster"] >= 0).any(),
    }
    return [name for name in COLOURINGS if told[name]]


def thinned(table: pd.DataFrame) -> pd.DataFrame:
    """Return at most MOST_POINTS rows, drawn at random but always the same ones."""
    if len(table) <= MOST_POINTS:
        return table
    places = np.random.default_rng(0).permutation(len(table))[:MOST_POINTS]
    return table.iloc[np.sort(places)]


def map_figure(table: pd.DataFrame, *, method: str, colouring: str | None, theme: str) -> go.Figure:
    """Draw rows of a map table; each dot carries its row's index in the table."""
    figure = go.Figure()
    if colouring == "score":
        _add_scores(figure, table, theme=theme)
    else:
        for name, members, colour, symbol in _groups(table, colouring, theme=theme):
            _add_dots(figure, members, name=name, colour=colour, symbol=symbol, total=len(table))
    figure.update_xaxes(title=AXES[method].format(1), zeroline=False)
    figure.update_yaxes(title=AXES[method].format(2), zeroline=False)
    figure.update_layout(dragmode="lasso", hovermode="closest", legend={"itemsizing": "constant"})
    return figure


def _groups(
    table: pd.DataFrame, colouring: str | None, *, theme: str
) -> list[tuple[str, pd.DataFrame, str, str]]:
    """Return name, rows, colour and symbol of each group, those that tell least first, to be drawn below."""
    if colouring is None:
        return [("cutouts", table, figures.LINE_COLOURS[theme][0], SYMBOLS[0])]
    groups = dict(list(table.groupby(colouring)))
    return [
        (_name(colouring, key), groups[key], *_look(colouring, key, place, theme=theme))
        for place, key in enumerate(_ordered(colouring, list(groups), groups))
    ]


def _ordered(colouring: str, keys: list[object], groups: dict[object, pd.DataFrame]) -> list[object]:
    if colouring == "cluster":
        return sorted(keys, key=_number)
    order: dict[str, Sequence[str]] = {
        "label": ("unlabelled", "nonlens", "lens"),
        "grade": ("", *LETTERS[::-1]),
    }
    if colouring in order:
        return [key for key in order[colouring] if key in groups]
    return sorted(keys, key=lambda key: (key != "", -len(groups[key])))


def _number(key: object) -> int:
    return int(str(key))


def _name(colouring: str, key: object) -> str:
    if colouring == "label":
        return figures.CLASS_NAMES[str(key)]
    if colouring == "cluster":
        return "none" if key == -1 else f"{key}"
    return str(key) or {"grade": "no votes"}.get(colouring, "no class")


def _look(colouring: str, key: object, place: int, *, theme: str) -> tuple[str, str]:
    if colouring == "label":
        return figures.CLASS_COLOURS[theme][str(key)], SYMBOLS[0]
    if colouring == "grade":
        return COLOURS.get(str(key), FAINT[theme]), SYMBOLS[0]
    if key in (-1, ""):
        return FAINT[theme], SYMBOLS[0]
    colours = figures.LINE_COLOURS[theme][:-1]  # the last is grey
    number = _number(key) if colouring == "cluster" else place
    return colours[number % len(colours)], SYMBOLS[number // len(colours) % len(SYMBOLS)]


def _add_dots(
    figure: go.Figure, members: pd.DataFrame, *, name: str, colour: str, symbol: str, total: int
) -> None:
    figure.add_scattergl(
        x=members["x"],
        y=members["y"],
        customdata=members.index,
        text=members["candidate_id"],
        mode="markers",
        name=name,
        marker={"color": colour, "size": dot_size(total), "symbol": symbol, "opacity": 0.8},
        hovertemplate=f"%{{text}}<extra>{name}</extra>",
    )


def _add_scores(figure: go.Figure, table: pd.DataFrame, *, theme: str) -> None:
    unscored = table[table["score"].isna()]
    if len(unscored):
        _add_dots(figure, unscored, name="no score", colour=FAINT[theme], symbol=SYMBOLS[0], total=len(table))
    scored = table[table["score"].notna()].sort_values("score")
    figure.add_scattergl(
        x=scored["x"],
        y=scored["y"],
        customdata=scored.index,
        text=scored["candidate_id"],
        mode="markers",
        name="score",
        showlegend=False,
        marker={
            "color": scored["score"],
            "cmin": 0,
            "cmax": 1,
            "colorscale": "Cividis",
            "colorbar": {"title": {"text": "score"}, "thickness": 12, "outlinewidth": 0},
            "size": dot_size(len(table)),
            "opacity": 0.85,
        },
        hovertemplate="%{text}<br>score %{marker.color:.4f}<extra></extra>",
    )


def dot_size(count: int) -> float:
    """Return the diameter of a dot in screen pixels where there are `count` of them."""
    return float(np.clip(40 / max(count, 1) ** 0.25, 2.5, 9))
