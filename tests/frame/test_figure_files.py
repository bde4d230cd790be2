"""Figures as files for papers: PDF from SVG, and colours that can be seen on white."""

import asyncio
import re

import httpx
import pytest
from starlette.applications import Starlette

from lensapp.core.colours import CLASS_COLOURS, INK, LINE_COLOURS, PART_COLOURS, on_white
from lensapp.core.errors import InvalidInput
from lensapp.ui.drawing import files as figure_files
from support.contrast import MARK, contrast

WHITE = "#ffffff"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300" viewBox="0 0 400 300">'
    '<rect width="400" height="300" fill="#fff"/><text x="9" y="40" font-family="DejaVu Sans">θ 10⁻⁴</text>'
    '<path d="M0,0L400,300" stroke="#0072b2"/>{}</svg>'
)


def asked(method: str, name: str, content: bytes | None = None) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = httpx.ASGITransport(Starlette(routes=figure_files.ROUTES))
        async with httpx.AsyncClient(transport=app, base_url="http://localhost") as client:
            return await client.request(method, f"{figure_files.API}/{name}", content=content)

    return asyncio.run(ask())


def test_a_pdf_has_the_size_of_the_drawing_and_its_font():
    answer = asked("POST", "pdf", SVG.format("").encode())
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF-")
    # a CSS pixel is 1/96 inch, a point 1/72: 400 × 300 pixels are 300 × 225 points
    assert re.search(rb"/MediaBox ?\[0 0 300 225\]", answer.content)
    assert b"DejaVuSans" in answer.content


def test_what_is_no_drawing_is_refused_with_the_reason(monkeypatch):
    with pytest.raises(InvalidInput, match="no SVG that can be drawn"):
        figure_files.pdf_of_svg("no drawing")
    assert asked("POST", "pdf", b"<html>").status_code == 422
    monkeypatch.setattr(figure_files, "MOST_BYTES", 10)
    answer = asked("POST", "pdf", SVG.format("").encode())
    assert (answer.status_code, "Save it as PNG" in answer.text) == (413, True)


def test_a_drawing_cannot_bring_files_of_the_server_into_its_pdf(tmp_path):
    secret = tmp_path / "secret.svg"
    secret.write_text(SVG.format("<text font-family='DejaVu Sans Mono'>secret</text>"), "utf-8")
    for address in (secret.as_uri(), str(secret), f"../../../../../../../..{secret}"):
        inner = f'<image href="{address}" width="300" height="200"/>'
        with_it = asked("POST", "pdf", SVG.format(inner).encode())
        if with_it.status_code == 200:
            assert b"DejaVuSansMono" not in with_it.content


def test_the_browser_gets_plotly_the_fonts_and_nothing_else():
    assert b"plotly.js v" in asked("GET", "plotly.js").content[:200]
    for name in figure_files.FONTS:
        assert asked("GET", name).content[:4] == b"\x00\x01\x00\x00"  # TrueType
    assert asked("GET", "DejaVuSansMono.ttf").status_code == 404
    paper = asked("GET", "paper.json").json()
    assert paper["template"]["layout"]["font"]["color"] == INK["light"]["text"]


def test_each_colour_of_the_dark_theme_has_one_that_is_seen_on_white():
    colours = on_white()
    for of in (CLASS_COLOURS["dark"], PART_COLOURS["dark"]):
        assert all(contrast(colours[one], WHITE) >= MARK for one in of.values())
    assert all(contrast(colours[one], WHITE) >= MARK for one in LINE_COLOURS["dark"])
    for label, dark in CLASS_COLOURS["dark"].items():  # a class keeps its colour in print
        assert colours[dark] == CLASS_COLOURS["light"][label]
