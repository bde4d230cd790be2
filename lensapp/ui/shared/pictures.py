"""Pictures of cutouts for sheets and cards, and small drawings of numbers."""

import base64
import html
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.data import imaging
from lensapp.core.data.column_names import column_label
from lensapp.core.inspect.grades import COLOURS
from lensapp.services.data.pictures import readable_pictures
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.state import theme
from lensapp.ui.shared.widgets import error_box

Pictures = NDArray[np.uint8]
MOST_COLUMNS = 24
GROUNDS = {"dark": ("#111316", "#ffffff"), "light": ("#ffffff", "#000000")}  # under a grade, and its letter
MARKS = 0.65  # share of the grade's own colour in a mark on dark ground
TINTS = {"dark": (0.38, 0.35), "light": (0.16, 0.85)}  # share of the grade's own colour in each


def sheet(
    pictures: Pictures,
    *,
    columns: int | None = None,
    captions: Sequence[str] | None = None,
    hints: Sequence[str] | None = None,
    colours: Sequence[str | None] | None = None,
    smallest: int = 92,
) -> None:
    """Show pictures (n, row, column, 3) as a grid made from one image file; a click shows one large.

    Parameters
    ----------
    columns
        Pictures per row; default: as many as fit at `smallest` screen pixels.
    captions
        One short line below each.
    hints
        Text that appears on hovering.
    colours
        Colour of a dot before each caption (the class), None for no dot.
    """
    if not len(pictures):
        return
    track = f"{columns}, minmax(0, 1fr)" if columns else f"auto-fill, minmax({smallest}px, 1fr)"
    tracks = f"repeat({track})"
    st.html(sheet_html(pictures, tracks=tracks, captions=captions, hints=hints, colours=colours))


def sheet_html(
    pictures: Pictures,
    *,
    tracks: str,
    captions: Sequence[str] | None = None,
    hints: Sequence[str] | None = None,
    colours: Sequence[str | None] | None = None,
) -> str:
    """Return the grid of `sheet` as HTML; all text is escaped."""
    count, height, width, _ = pictures.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    tiles = []
    for index in range(count):
        caption = captions[index] if captions else ""
        name = html.escape((hints[index] if hints else "") or caption or f"cutout {index + 1}", quote=True)
        colour = colours[index] if colours else None
        mark = f'<span class="mark" style="background:{colour}"></span>' if colour else ""
        below = f"<figcaption>{mark}{html.escape(caption)}</figcaption>" if caption else ""
        x, y = 100 * (index % across) / max(across - 1, 1), 100 * (index // across) / max(down - 1, 1)
        tile = (
            "background-image: var(--sprite); background-size: var(--across); aspect-ratio: var(--shape); "
            f"background-position: {x:.4f}% {y:.4f}%;"
        )
        tiles.append(
            f'<figure><div class="tile" role="button" tabindex="0" aria-label="{name}" '
            f'title="{name}" style="{tile}"></div>'
            f"{below}</figure>"
        )
    style = (
        f"--sprite: url({imaging.sheet_address(pictures)}); --across: {across * 100}% {down * 100}%; "
        f"--shape: {width} / {height}; grid-template-columns: {tracks};"
    )
    return f'<div class="sheet" style="{style}">{"".join(tiles)}</div>'


def picture_data(picture: Pictures) -> str:
    """Return one picture (row, column, 3) as the address of an <img>."""
    return _address(picture.tobytes(), picture.shape)


def thumbnails(ws: Workspace, cutout_ids: Sequence[int]) -> dict[int, str]:
    """Return pictures of cutouts as addresses, by cutout, for a column of a table.

    Where pixels cannot be read, as where their disk is away, this is said, and the others are returned.
    """
    pictures, failures = readable_pictures(ws, cutout_ids)
    for failure in failures:
        error_box(failure)
    return {cutout_id: picture_data(picture) for cutout_id, picture in pictures.items()}


@lru_cache(maxsize=1000)  # a table shows some hundred, and again with every run of its page
def _address(pixels: bytes, shape: tuple[int, ...]) -> str:
    return imaging.sheet_address(np.frombuffer(pixels, np.uint8).reshape(1, *shape))


def grade_style(grade: object) -> str:
    """Return how the cell of a grade looks in a table: its letter on a pale tint of the grade's colour."""
    colour = COLOURS.get(str(grade))
    if colour is None:
        return ""
    grounds, shares = GROUNDS[theme()], TINTS[theme()]
    ground, ink = (_mixed(colour, other, share) for other, share in zip(grounds, shares, strict=True))
    return f"background-color: {ground}; color: {ink}; font-weight: 600"


def grade_ink(colour: str) -> str:
    """Return the colour of a grade as that of marks in a figure: on dark ground it is lighter."""
    return colour if theme() == "light" else _mixed(colour, GROUNDS["dark"][1], MARKS)


def _mixed(colour: str, other: str, share: float) -> str:
    """Return a colour of which a share is `colour` and the rest another."""
    pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{round(share * one + (1 - share) * two):02x}" for one, two in pairs)


def bars(values: Sequence[float], *, colours: Sequence[str]) -> str:
    """Return an <img> of columns, heights proportional to `values`."""
    top = max([*values, 1e-12])
    step = 100 / max(len(values), 1)
    columns = []
    for index, value in enumerate(values):
        x, height = (index + 0.08) * step, 58 * value / top + 0.5
        fill = colours[index % len(colours)]
        columns.append(
            f'<rect x="{x:.2f}" y="{60 - height:.2f}" width="{0.84 * step:.2f}" height="{height:.2f}" '
            f'fill="{fill}"/>'
        )
    return _drawing("".join(columns))


def stacked(values: Sequence[float], *, colours: Sequence[str]) -> str:
    """Return an <img> of one bar, divided in proportion to `values`."""
    total, x, pieces = sum(values) or 1.0, 0.0, []
    for value, colour in zip(values, colours, strict=True):
        width = 100 * value / total
        pieces.append(
            f'<rect x="{x:.2f}" y="18" width="{max(width - 0.8, 0.2):.2f}" height="24" fill="{colour}"/>'
        )
        x += width
    return _drawing("".join(pieces))


def line(values: Sequence[float], *, colour: str) -> str:
    """Return an <img> of a line through the finite values, lowest at the bottom."""
    finite = [(index, value) for index, value in enumerate(values) if math.isfinite(value)]
    if len(finite) < 2:
        return _drawing("")
    low, high = min(value for _, value in finite), max(value for _, value in finite)
    points = " ".join(
        f"{100 * index / (len(values) - 1):.2f},{56 - 50 * (value - low) / ((high - low) or 1.0):.2f}"
        for index, value in finite
    )
    return _drawing(
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" '
        'vector-effect="non-scaling-stroke"/>'
    )


def _drawing(content: str) -> str:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 60" preserveAspectRatio="none">'
        f"{content}</svg>"
    )
    data = base64.b64encode(drawing.encode()).decode("ascii")
    return f'<img class="drawing" alt="" src="data:image/svg+xml;base64,{data}">'


def mosaic(pictures: Pictures, *, across: int) -> Pictures:
    """Return pictures (n, row, column, 3) joined into one, `across` in a row; incomplete rows are dropped."""
    down = max(len(pictures) // across, 1)
    pictures = pictures[: down * across]
    across = len(pictures) // down
    _, height, width, _ = pictures.shape
    rows = pictures.reshape(down, across, height, width, 3).swapaxes(1, 2)
    joined: Pictures = rows.reshape(down * height, across * width, 3)
    return joined


def describe_cutout(cutout: Cutout, *, with_columns: bool = False) -> str:
    """Return name, class and position of a cutout, for the text that appears on hovering.

    With `with_columns` those of its catalogue stand below, one in a line.
    """
    parts = [cutout.candidate_id]
    if cutout.label:
        parts.append("lens" if cutout.label == "lens" else "non-lens")
    if cutout.object_class:
        parts.append(cutout.object_class)
    if cutout.ra_deg is not None and cutout.dec_deg is not None:
        parts.append(f"RA {cutout.ra_deg:.5f}°, Dec {cutout.dec_deg:+.5f}°")
    lines = [" · ".join(parts)]
    if with_columns:
        lines += [
            f"{column_label(name)}: {f'{value:.6g}' if isinstance(value, float) else value}"
            for name, value in cutout.properties.items()
            if not isinstance(value, list | dict)
        ][:MOST_COLUMNS]
    return "\n".join(lines)
