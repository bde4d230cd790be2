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
from lensapp.core.numerals import ascii_signs, score_text
from lensapp.services.data.pictures import read_pictures
from lensapp.storage import sources
from lensapp.storage.files import whole_file
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
    """Sizes in pixels of a page with so many columns of pictures and lines of caption."""

    columns: int
    lines: int

    @property
    def tile(self) -> int:
        """Side of a picture."""
        return (PAGE_WIDTH - 2 * MARGIN - (self.columns - 1) * GAP) // self.columns

    @property
    def text(self) -> int:
        """Height of letters."""
        return max(11, min(26, round(self.tile / 13)))

    @property
    def step(self) -> int:
        """Height of a row of pictures with captions."""
        return self.tile + round((1.25 * self.lines + 0.15) * self.text) + GAP

    @property
    def per_page(self) -> int:
        """Candidates on a full page."""
        return self.columns * max(1, (PAGE_HEIGHT - 2 * MARGIN - HEADER - FOOT) // self.step)


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
    NotFound, InvalidInput, StorageError
        When a source does not exist, the ending, the folder, the number of columns or of candidates cannot
        be used, or the file cannot be written.
    """
    check_sheet(out, columns, len(candidates))
    rows = candidates.to_dict("records")
    surveys = {name: sources.get_source(ws.database, name) for name in dict.fromkeys(candidates["source"])}
    layout = Layout(columns, lines=4 if any(row["known_lens"] for row in rows) else 3)
    whole = out.suffix.lower() == ".png"  # one image, as high as it must be
    per_page, height = (len(rows), None) if whole else (layout.per_page, PAGE_HEIGHT)
    parts = [rows[start : start + per_page] for start in range(0, len(rows), per_page)]
    run = next((row["run"] for row in rows if row["run"]), "")
    notes = [", ".join(next(iter(surveys.values())).bands), f"scores of {run}" if run else ""]
    notes.append(METHOD_WORDS.get(method.method, "") if method else "")
    pages = []
    for number, part in enumerate(parts, 1):
        heading = [", ".join(surveys), *filter(None, notes), f"page {number} of {len(parts)}"]
        pages.append(draw_page(ws, part, surveys, layout, heading, height=height))
    save_pages(pages, out, title=f"Candidates of {', '.join(surveys)}")
    return {"sheet": str(out), "candidates": len(rows), "pages": len(pages)}


def check_sheet(out: Path, columns: int, count: int) -> None:
    """Refuse a file, columns or a number of candidates of which no sheet can be made."""
    if out.suffix.lower() not in ENDINGS:
        raise InvalidInput(f"A sheet ends in .pdf or .png, not as {out.name!r} does. Rename it.")
    if not out.parent.is_dir():
        raise InvalidInput(f"There is no folder {out.parent}. Make it or choose another.")
    if not 1 <= columns <= MOST_COLUMNS:
        raise InvalidInput(f"A sheet has 1 to {MOST_COLUMNS} columns, not {columns}. Choose another number.")
    if not 1 <= count <= MOST_CANDIDATES:
        raise InvalidInput(
            f"A sheet shows 1 to {MOST_CANDIDATES} candidates, not {count}. Change the grades or the least "
            "score."
        )


def draw_page(
    ws: Workspace,
    part: Sequence[dict[Any, Any]],
    surveys: Mapping[str, Source],
    layout: Layout,
    heading: Sequence[str],
    *,
    height: int | None,
) -> Image.Image:
    """Draw one page of candidates under a heading; without a height as high as it must be."""
    rows = math.ceil(len(part) / layout.columns)
    page = Image.new("RGB", (PAGE_WIDTH, height or 2 * MARGIN + HEADER + rows * layout.step), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, MARGIN), escape(ascii_signs(heading[0]), ascii_only=True), fill=INK, font=_font(34))
    text = escape(ascii_signs("   |   ".join(heading[1:])), ascii_only=True)
    draw.text((PAGE_WIDTH - MARGIN, MARGIN + 12), text, fill=PALE, font=_font(20), anchor="ra")
    draw.line((MARGIN, MARGIN + 52, PAGE_WIDTH - MARGIN, MARGIN + 52), fill=PALE, width=1)
    pictures: dict[int, imaging.Pictures] = {}
    for name, survey in surveys.items():
        cutout_ids = [int(row["cutout_id"]) for row in part if row["source"] == name]
        pictures |= zip(cutout_ids, read_pictures(ws, survey, cutout_ids)[1], strict=True)
    for position, row in enumerate(part):
        survey = surveys[row["source"]]
        left = MARGIN + (position % layout.columns) * (layout.tile + GAP)
        top = MARGIN + HEADER + (position // layout.columns) * layout.step
        picture = Image.fromarray(pictures[int(row["cutout_id"])])
        tile = picture.resize((layout.tile, layout.tile), Image.Resampling.NEAREST)
        if survey.pixel_scale_arcsec:
            draw_scale_bar(tile, survey.width * survey.pixel_scale_arcsec, layout)
        page.paste(tile, (left, top))
        draw_caption(draw, row, left=left, top=top + layout.tile + 5, layout=layout)
    return page


def draw_scale_bar(tile: Image.Image, width_arcsec: float, layout: Layout) -> None:
    """Draw a bar of a round number of arcseconds into the lower left corner of a picture."""
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


def draw_caption(
    draw: ImageDraw.ImageDraw, row: dict[Any, Any], *, left: int, top: int, layout: Layout
) -> None:
    """Write the lines below a picture; the middle of a line wider than the picture is left out."""
    styles = (
        (layout.text, INK),
        (max(layout.text - 3, 10), PALE),
        (layout.text, COLOURS.get(row["grade"], PALE)),
        (layout.text, INK),
    )
    for number, (text, (size, colour)) in enumerate(zip(caption_lines(row), styles, strict=True)):
        font, line, letters = _font(size), text, len(text)
        while letters > 4 and font.getlength(line) > layout.tile:
            letters -= 1
            line = f"{text[: (letters + 1) // 2]}..{text[len(text) - letters // 2 :]}"
        draw.text((left, top + round(number * 1.25 * layout.text)), line, fill=colour, font=font)


def caption_lines(row: dict[Any, Any]) -> tuple[str, str, str, str]:
    """Return what stands below a candidate: id; position; grade, mean or P, votes, score; known lens."""
    place = ""
    if math.isfinite(row["ra"]) and math.isfinite(row["dec"]):
        place = f"{row['ra']:.5f} {row['dec']:+.5f}"
    worth = f"P {row['probability']:.2g}" if "probability" in row else f"{row['mean']:.2f}"
    votes = f"{row['grade']} {worth} ({row['votes']})" if row["grade"] else NO_GRADE
    score = f"  score {score_text(row['score'])}" if math.isfinite(row["score"]) else ""
    if math.isfinite(row.get("calibrated_score", math.nan)):
        score += f" ({score_text(row['calibrated_score'])})"
    return (
        escape(row["id"], ascii_only=True),
        place,
        votes + score,
        escape(row["known_lens"], ascii_only=True),
    )


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def save_pages(pages: Sequence[Image.Image], out: Path, *, title: str) -> None:
    """Write pages as one PDF, or the only one as PNG."""
    options: dict[str, Any] = {"dpi": (DOTS_PER_INCH, DOTS_PER_INCH)}
    if out.suffix.lower() == ".pdf":
        options = {"resolution": DOTS_PER_INCH, "save_all": True, "append_images": pages[1:], "title": title}
        options |= {"quality": 92}
    try:
        with whole_file(out) as partial:
            pages[0].save(partial, **options)
    except OSError as error:
        raise StorageError(
            f"{out.name} could not be written: {error.strerror or error}. "
            "Free space or choose another folder."
        ) from error
