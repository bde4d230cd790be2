"""Figures of pages as files for papers: the browser draws them on white ground, here SVG becomes PDF.

What the browser needs for it beside Plotly is fetched when the first figure is saved: the font in which
figures are measured and written, and the look on white ground.

References
----------
typst: https://typst.app, whose SVG export to PDF keeps lines as lines and text as text.
"""

import html
from pathlib import Path

import anyio.to_thread
import plotly
import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lensapp.core.colours import on_white
from lensapp.core.errors import InvalidInput
from lensapp.ui.base_path import base_path
from lensapp.ui.over_http import FRESH, body_of
from lensapp.ui.shared.client_modules import LASTING

API = "/api/figures"
FORMATS = {"svg": "vectors to edit", "png": "pixels, for slides", "pdf": "vectors, for papers"}
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
MOST_BYTES = 30_000_000
PAGE = b"""#set document(title: sys.inputs.title)
#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.svg), format: "svg", alt: sys.inputs.title)
"""


def fonts_folder() -> Path:
    """Return the folder of the fonts that matplotlib brings, DejaVu among them."""
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf"


def plotly_address() -> str:
    """Return where browsers find Plotly's own script: another address for another version."""
    return f"{base_path()}{API}/plotly.js?v={plotly.__version__}"


def pdf_of_svg(svg: str, *, title: str = "") -> bytes:
    """Return a drawing as a PDF page of its own size, vectors kept and fonts within.

    Raises
    ------
    InvalidInput
        When the text is no SVG.
    """
    import typst

    fonts = str(fonts_folder())
    # Nothing of the machine but fonts can be read.
    compiler = typst.Compiler(root=fonts, font_paths=[fonts], ignore_system_fonts=True)
    try:
        pdf = compiler.compile(PAGE, format="pdf", sys_inputs={"svg": svg, "title": title})
    except typst.TypstError as error:
        raise InvalidInput(
            f"The figure is no SVG that can be drawn: {error.message}. Save it again."
        ) from error
    return b"".join(pdf) if isinstance(pdf, list) else bytes(pdf or b"")


async def _pdf(request: Request) -> Response:
    body = await body_of(request, most=MOST_BYTES)
    if body is None:
        text = "The figure is too large for a PDF. Save it as PNG, or show fewer points."
        return PlainTextResponse(text, 413)
    try:
        pdf = await anyio.to_thread.run_sync(pdf_of_svg, body.decode("utf-8", "replace"))
    except InvalidInput as error:
        return PlainTextResponse(str(error), 422)
    return Response(pdf, media_type="application/pdf", headers=FRESH)


async def _script(_request: Request) -> Response:
    script = Path(str(plotly.__file__)).parent / "package_data" / "plotly.min.js"
    return FileResponse(script, media_type="text/javascript", headers=LASTING)


async def _font(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FONTS:
        return PlainTextResponse("There is no such font.", 404)
    return FileResponse(fonts_folder() / name, media_type="font/ttf", headers=LASTING)


async def _paper(_request: Request) -> Response:
    from lensapp.ui.shared.figures import template_of

    paper = {"template": template_of("light"), "colours": on_white()}
    return JSONResponse(paper, headers=FRESH)


ROUTES = [
    Route(f"{API}/plotly.js", _script),
    Route(f"{API}/paper.json", _paper),
    Route(f"{API}/pdf", _pdf, methods=["POST"]),
    Route(f"{API}/{{name}}", _font),
]


def offer_files(name: str, *, title: str, caption: str) -> None:
    """Show buttons that save the figure above them as SVG, PNG and PDF, with its title and caption."""
    buttons = "".join(
        f'<button type="button" data-format="{one}" title="Save as {one.upper()} on white ground: {what}">'
        f"{one.upper()}</button>"
        for one, what in FORMATS.items()
    )
    words = {"name": name, "title": title, "caption": caption}
    data = " ".join(f'data-{key}="{html.escape(value, quote=True)}"' for key, value in words.items())
    st.html(f'<div class="figure-files" {data}>{buttons}<span role="status"></span></div>', width="content")
