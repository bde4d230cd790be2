"""Finder charts: candidates side by side with captions and scale bars, as PNG or as pages of a PDF."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from lensapp.core.catalogue.safe_text import escape
from lensapp.core.data import imaging
from lensapp.core.errors import InvalidInput, StorageError
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import COLOURS
from lensapp.services.data.pictures import read_pictures
from lensapp.storage import sources
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

ENDINGS = (".pdf", ".png")
MOST_COLUMNS = 12
MOST_CANDIDATES = 1000
DOTS_PER_INCH = 200
PAGE_WIDTH, PAGE_HEIGHT = 1654, 2339  # A4
MARGIN, GAP, HEADER, FOOT = 70, 18, 74, 40
INK, PALE, PAPER = "#16202c", "#5b6472", "#ffffff"
BAR_SHARE = 0.35  # of the width, at most
NO_GRADE = "-"
METHOD_WORDS = {"swap": "consensus by SWAP", "dawid_skene": "consensus by Dawid-Skene"}


@dataclass(frozen=True)
class Layout:
    """Sizes on a page in pixels."""

    columns: int
    tile: int
    text: int
    rows: int
    lines: int

    @property
    def caption(self) -> int:
        """Height of the lines below a picture."""
        return round((1.25 * self.lines + 0.15) * self.text)

    @property
    def step(self) -> int:
        """Height of a row of pictures with captions."""
        return self.tile + self.caption + GAP

    @property
    def per_page(self) -> int:
        """Candidates on a full page."""
        return self.columns * self.rows


def write_sheet(
    ws: Workspace,
    *,
    candidates: pd.DataFrame,
    out: Path,
    columns: int = 6,
    method: ConsensusSpec | None = None,
) -> dict[str, Any]:
    """Draw the candidates of a table, in its order, with id, position, grade, score and scale bar.

    Parameters
    ----------
    ws
        The workspace.
    candidates
        As `lensapp.services.catalogue.query.catalogue` returns them, of one or more sources.
    out
        Path that ends in .pdf (A4 pages) or .png (one image).
    columns
        Pictures side by side, 1 to 12.
    method
        How their votes were combined; said in the header unless by the mean.

    Returns
    -------
    dict
        sheet (path), candidates, pages.

    Raises
    ------
    NotFound
        When a source does not exist.
    InvalidInput
        When the ending, the folder, the number of columns or of candidates cannot be used.
    StorageError
        When the file cannot be written.
    """
    _check(out, columns, len(candidates))
    rows = candidates.to_dict("records")
    surveys = {name: sources.get_source(ws.database, name) for name in dict.fromkeys(candidates["source"])}
    layout = _layout(columns, lines=4 if any(row["known_lens"] for row in rows) else 3)
    whole = out.suffix.lower() == ".png"  # one image, as high as it must be
    per_page, height = (len(rows), None) if whole else (layout.per_page, PAGE_HEIGHT)
    parts = [rows[start : start + per_page] for start in range(0, len(rows), per_page)]
    notes = _notes(surveys, rows, method)
    pages = []
    for number, part in enumerate(parts, 1):
        heading = [*notes, f"page {number} of {len(parts)}"]
        pages.append(_page(ws, part, surveys, layout, heading, height=height))
    _save(pages, out, title=f"Candidates of {', '.join(surveys)}")
    return {"sheet": str(out), "candidates": len(rows), "pages": len(pages)}


def _notes(
    surveys: Mapping[str, Source], rows: Sequence[dict[Any, Any]], method: ConsensusSpec | None
) -> list[str]:
    """Return what the header of each page says: name, bands, run, consensus."""
    bands = next(iter(surveys.values())).bands
    run = next((row["run"] for row in rows if row["run"]), "")
    by = METHOD_WORDS.get(method.method, "") if method else ""
    found = [", ".join(surveys), ", ".join(bands), f"scores of {run}" if run else "", by]
    return [found[0], *(note for note in found[1:] if note)]


def _check(out: Path, columns: int, count: int) -> None:
    if out.suffix.lower() not in ENDINGS:
        raise InvalidInput(f"Expected a sheet that ends in .pdf or .png, received {out.name!r}. Choose one.")
    if not out.parent.is_dir():
        raise InvalidInput(f"Expected an existing folder, received {out.parent}. Make it or choose another.")
    if not 1 <= columns <= MOST_COLUMNS:
        raise InvalidInput(f"Expected 1 to {MOST_COLUMNS} columns, received {columns}. Choose others.")
    if not 1 <= count <= MOST_CANDIDATES:
        raise InvalidInput(
            f"Expected 1 to {MOST_CANDIDATES} candidates on a sheet, received {count}. Change the grades or "
            "the least score."
        )


def _layout(columns: int, *, lines: int) -> Layout:
    tile = (PAGE_WIDTH - 2 * MARGIN - (columns - 1) * GAP) // columns
    text = max(11, min(26, round(tile / 13)))
    one = Layout(columns, tile, text, 1, lines)
    rows = max(1, (PAGE_HEIGHT - 2 * MARGIN - HEADER - FOOT) // one.step)
    return Layout(columns, tile, text, rows, lines)


def _page(
    ws: Workspace,
    part: Sequence[dict[Any, Any]],
    surveys: Mapping[str, Source],
    layout: Layout,
    heading: Sequence[str],
    *,
    height: int | None,
) -> Image.Image:
    rows = math.ceil(len(part) / layout.columns)
    page = Image.new("RGB", (PAGE_WIDTH, height or 2 * MARGIN + HEADER + rows * layout.step), PAPER)
    draw = ImageDraw.Draw(page)
    _header(draw, heading)
    pictures: dict[int, imaging.Pictures] = {}
    for name, survey in surveys.items():
        members = [int(row["cutout_id"]) for row in part if row["source"] == name]
        pictures |= zip(members, read_pictures(ws, survey, members)[1], strict=True)
    for place, row in enumerate(part):
        left = MARGIN + (place % layout.columns) * (layout.tile + GAP)
        top = MARGIN + HEADER + (place // layout.columns) * layout.step
        page.paste(_tile(pictures[int(row["cutout_id"])], surveys[row["source"]], layout), (left, top))
        _caption(draw, row, left=left, top=top + layout.tile + 5, layout=layout)
    return page


def _header(draw: ImageDraw.ImageDraw, heading: Sequence[str]) -> None:
    draw.text((MARGIN, MARGIN), escape(heading[0], ascii_only=True), fill=INK, font=_font(34))
    text = escape("   |   ".join(heading[1:]), ascii_only=True)
    draw.text((PAGE_WIDTH - MARGIN, MARGIN + 12), text, fill=PALE, font=_font(20), anchor="ra")
    draw.line((MARGIN, MARGIN + 52, PAGE_WIDTH - MARGIN, MARGIN + 52), fill=PALE, width=1)


def _tile(picture: imaging.Pictures, source: Source, layout: Layout) -> Image.Image:
    tile = Image.fromarray(picture).resize((layout.tile, layout.tile), Image.Resampling.NEAREST)
    if source.pixel_scale_arcsec:
        _scale_bar(tile, source.width * source.pixel_scale_arcsec, layout)
    return tile


def _scale_bar(tile: Image.Image, width_arcsec: float, layout: Layout) -> None:
    length = bar_length(width_arcsec)
    pixels = round(layout.tile * length / width_arcsec)
    draw, font = ImageDraw.Draw(tile), _font(layout.text)
    left, bottom = layout.text // 2, layout.tile - layout.text // 2
    draw.line((left, bottom, left + pixels, bottom), fill="#000000", width=7)
    draw.line((left + 1, bottom, left + pixels - 1, bottom), fill=PAPER, width=3)
    draw.text(
        (left, bottom - 6),
        f'{length:g}"',
        fill=PAPER,
        font=font,
        anchor="ls",
        stroke_width=2,
        stroke_fill="#000000",
    )


def bar_length(width_arcsec: float) -> float:
    """Return the longest of …, 0.5, 1, 2, 5, 10, … arcseconds within about a third of the width."""
    most = BAR_SHARE * width_arcsec
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))


def _caption(draw: ImageDraw.ImageDraw, row: dict[Any, Any], *, left: int, top: int, layout: Layout) -> None:
    lines = caption_lines(row)
    for place, text in enumerate(lines):
        font = _font(layout.text if place != 1 else max(layout.text - 3, 10))
        colour = COLOURS.get(row["grade"], PALE) if place == 2 else (PALE if place == 1 else INK)
        y = top + round(place * 1.25 * layout.text)
        draw.text((left, y), _fitting(text, font, layout.tile), fill=colour, font=font)


def caption_lines(row: dict[Any, Any]) -> tuple[str, str, str, str]:
    """Return what stands below a candidate: id; position; grade, mean or P, votes, score; known lens."""
    place = ""
    if math.isfinite(row["ra"]) and math.isfinite(row["dec"]):
        place = f"{row['ra']:.5f} {row['dec']:+.5f}"
    worth = f"P {row['probability']:.2g}" if "probability" in row else f"{row['mean']:.2f}"
    votes = f"{row['grade']} {worth} ({row['votes']})" if row["grade"] else NO_GRADE
    score = f"  score {row['score']:.3f}" if math.isfinite(row["score"]) else ""
    return (
        escape(row["id"], ascii_only=True),
        place,
        votes + score,
        escape(row["known_lens"], ascii_only=True),
    )


def _fitting(text: str, font: Any, width: int) -> str:
    """Return the text, its middle left out where it is wider than its picture."""
    kept = len(text)
    short = text
    while kept > 4 and font.getlength(short) > width:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}..{text[len(text) - kept // 2 :]}"
    return short


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _save(pages: Sequence[Image.Image], out: Path, *, title: str) -> None:
    partial = out.with_name(f".{out.stem}.partial{out.suffix}")
    options: dict[str, Any] = {"dpi": (DOTS_PER_INCH, DOTS_PER_INCH)}
    if out.suffix.lower() == ".pdf":
        options = {"resolution": DOTS_PER_INCH, "save_all": True, "append_images": pages[1:], "title": title}
        options |= {"quality": 92}
    try:
        pages[0].save(partial, **options)
        partial.replace(out)
    except OSError as error:
        raise StorageError(
            f"Expected to write {out.name}, received {error.strerror or error}. "
            "Free space or choose another folder."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
