"""The line under the pointer: pixels of a file with known values, and positions as astropy has them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from lensapp.cli import main
from lensapp.core.data.flux_units import SourceUnit
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.data import pictures
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.storage import sources
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from support.gallery_in_browser import GalleryServer, open_gallery
from support.gallery_survey import add_source, blobs, ids_by_row

SIDE, SCALE = 16, 0.2
# Right ascension, where north is, and on which side of it east.
FILES = {"one-0": (150.0, 30.0, 1.0), "two-0": (0.0001, 110.0, -1.0)}
MASKED = (3, 5)


def header_of(ra_deg: float, north_deg: float, side: float, **cards: object) -> fits.Header:
    """Return the header of an image whose north is so turned, with east to the left or, for −1, the right."""
    angle = np.radians(north_deg)
    north = np.array([-np.sin(angle), np.cos(angle)])
    east = side * np.array([-np.cos(angle), -np.sin(angle)])
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = (
        ["RA---TAN", "DEC--TAN"],
        [ra_deg, 60.0],
        [(SIDE + 1) / 2] * 2,
    )
    wcs.wcs.cd = SCALE / 3600 * np.array([east, north])
    return fits.Header([*wcs.to_header().cards, *cards.items()])


def value_at(x: Any, y: Any, name: str = "one-0") -> np.ndarray:
    """Return both values of pixels, counted from 1: 100 a row, 1 a column, and what tells files apart."""
    return np.stack([100 * y + x, 100 * y + x + (0.5 if name == "one-0" else 0.3)])


def write_survey(folder: Path) -> None:
    y, x = np.mgrid[1 : SIDE + 1, 1 : SIDE + 1].astype(np.float64)
    for name, place in FILES.items():
        pixels = value_at(x, y, name).astype(np.float32)
        pixels[0, MASKED[1] - 1, MASKED[0] - 1] = np.nan
        fits.PrimaryHDU(pixels, header_of(*place, MAGZERO=22.5)).writeto(folder / f"{name}.fits")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryServer]:
    folder = tmp_path_factory.mktemp("files")
    write_survey(folder)
    made = GalleryServer(tmp_path_factory.mktemp("readout") / "ws")
    command = ["--workspace", str(made.folder), "ingest", str(folder), "--name", "sky", "--bands", "g,r"]
    assert main(command) == 0
    spec = ReviewSpec(order="given", limit=None)
    create_review(made.ws, name="first", source_name="sky", spec=spec)
    with made:
        yield made


def hover(page: Any, place: Any, x: float, y: float) -> str:
    """Move the pointer to a pixel of a picture that is shown whole; return the line then."""
    box = place.bounding_box()
    side = box["width"] / SIDE
    page.mouse.move(box["x"] + (x - 0.5) * side, box["y"] + box["height"] - (y - 0.5) * side, steps=3)
    page.wait_for_selector(f".single .readout .pixel:text('x {x:.1f} y {y:.1f}')")
    page.wait_for_selector(".single .readout .value:not(:text('…'))")
    return re.sub(r"\s+", " ", page.locator(".single .readout").inner_text())


@pytest.mark.browser
@pytest.mark.parametrize("name", FILES)
def test_the_line_tells_the_values_of_the_file_and_positions_as_astropy_does(
    served: GalleryServer, context: Any, name: str
) -> None:
    asked: list[str] = []
    page = open_gallery(context, served, "pointer")
    page.on("request", lambda one: asked.append(one.url) if "/values?" in one.url else None)
    page.locator(f".tile[aria-label^='{name}']").dblclick()
    page.wait_for_selector(f".single:not([hidden]) .facts b:text('{name}')")
    page.locator(".panels canvas").nth(1).wait_for()
    picture = page.locator(".view.main")
    before = picture.bounding_box()
    wcs = WCS(header_of(*FILES[name]))
    for x, y in ((1.0, 1.0), (12.0, 4.0), (16.0, 16.0)):
        line = hover(page, picture, x, y)
        first, second = value_at(x, y, name)
        assert f"g {first:.0f} r {float(f'{second:.5g}'):g} AB zero point 22.5" in line
        ra, dec = wcs.wcs_pix2world(x, y, 1)
        told = [float(word) for word in re.findall(r"(?:RA|Dec) (\S+)°", line)]
        assert told == pytest.approx([float(ra), float(dec)], abs=6e-6)  # five decimals, north to 0.01°
        away = SCALE * np.hypot(x - 8.5, y - 8.5)
        assert f"{away:.2f}″ from the centre" in line
    assert "g masked r 503." in hover(page, picture, *map(float, MASKED))
    assert picture.bounding_box() == before, "nothing moves"
    assert len(asked) == 1, "values are fetched once, however the pointer moves"
    page.mouse.move(5, 5)
    page.wait_for_selector(".single .readout .hint:not([hidden])")


@pytest.mark.browser
def test_the_line_follows_the_zoom_and_stands_in_the_lightbox_too(
    served: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, served, "zoomer")
    page.keyboard.press("Enter")
    page.locator(".panels canvas").nth(1).wait_for()
    picture = page.locator(".view.main")
    box = picture.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2 + 1)
    for _ in range(3):
        page.keyboard.press("+")
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] / 2 + 1, steps=3)
    edge = 0.5 + SIDE * (0.5 + 0.5 / 1.5**3)  # the right edge of what is seen
    page.wait_for_selector(f".single .readout .pixel:text('x {edge:.1f}')")
    page.goto(f"{served.address}/data?source=sky")
    page.locator(".cell").first.click()
    page.wait_for_selector("dialog[open] .record h2")
    page.locator("dialog[open] .panels canvas").nth(1).wait_for()
    assert f"g {value_at(12, 4)[0]:.0f} r" in hover(page, page.locator("dialog[open] .view.main"), 12.0, 4.0)


@pytest.mark.browser
def test_no_line_stands_where_pictures_are_touched(served: GalleryServer, browser: Any) -> None:
    phone = browser.new_context(viewport={"width": 1000, "height": 800}, has_touch=True, is_mobile=True)
    page = open_gallery(phone, served, "toucher")
    page.keyboard.press("Enter")
    page.wait_for_selector(".single:not([hidden])")
    assert page.locator(".single .readout").is_hidden()
    phone.close()


@pytest.fixture
def source(ws: Workspace) -> Source:
    return add_source(ws, "sky", blobs(3))


def sent(body: bytes) -> np.ndarray:
    return np.frombuffer(body, "<f4", offset=16).reshape(np.frombuffer(body, "<i4", count=4))


def test_values_are_those_stored_where_no_unit_is_told(ws: Workspace, source: Source) -> None:
    pixels = blobs(3)
    spec = ReviewSpec(order="given", limit=None)
    opened = open_review(ws, create_review(ws, name="first", source_name="sky", spec=spec).id)
    [planes] = sent(opened.values(ids_by_row(ws, source)[1]))
    assert np.array_equal(planes, np.moveaxis(pixels[1], -1, 0))
    assert pictures.optics_of(ws, source.id)["value_unit"] == "as in the file"


def test_values_are_in_microjansky_where_zero_points_differ(
    ws: Workspace, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object of AB magnitude 25 has 3631 Jy · 10^-10 = 0.3631 µJy (Oke & Gunn 1983)."""
    np.save(ws.cutouts_folder("sky") / "flux-scale.npy", np.ones((3, 3), np.float32))
    differing = SourceUnit("flux", ((22.5, 27.0),) * 3)
    monkeypatch.setattr(pictures, "source_unit", lambda *_: differing)
    pictures.open_cutouts.__globals__["_open"].cache_clear()
    values = sent(pictures.values_of(ws, source, np.ones((1, 2, 2, 3), np.float32)))
    assert values == pytest.approx(0.3631, rel=1e-4)
    assert pictures.optics_of(ws, sources.get_source(ws.database, "sky").id)["value_unit"] == "µJy"
