"""The gallery's modules: how they are served, and what they do without a browser."""

import base64
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette

from lensapp.core.data import pixel_codes
from lensapp.core.data.imaging import (
    STRETCHES,
    DisplaySpec,
    choose_rgb,
    levels_of_sample,
    luminance_composite,
    render,
    shown_bands,
)
from lensapp.core.inspect.grades import CONTAMINANTS, GRADES
from lensapp.core.inspect.pace import LEAST_SECONDS
from lensapp.ui.drawing import component as figures
from lensapp.ui.gallery import component, routes
from lensapp.ui.shared.client_modules import ClientModules
from lensapp.ui.train import curves
from support.gallery_survey import blobs
from support.node import evaluate, run_node

with warnings.catch_warnings():
    # It would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

NODE_TESTS = sorted((Path(__file__).parent / "client").glob("*.test.mjs"))
ENTRIES = ("mount", "mount_sheet")
IMPORTED = re.compile(r"""^import .* from ["'](\S+)\.js["'];""", re.MULTILINE)
LOADED = re.compile(r'^import .* from "\./(\w+)\.js";', re.MULTILINE)


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes.ROUTES)) as made:
        yield made


@pytest.mark.parametrize("path", NODE_TESTS, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_the_pure_modules_pass_their_own_tests(path: Path) -> None:
    done = run_node("--test", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_browsers_and_tables_call_the_same_time_too_short_for_a_look():
    toolbar = (Path(component.__file__).parent / "client" / "toolbar.js").read_text()
    assert f"const LEAST_SECONDS = {LEAST_SECONDS};" in toolbar


def test_what_a_module_imports_is_served_as_javascript_to_keep(client: TestClient) -> None:
    modules = routes.MODULES.texts()
    imported = {name for text in modules.values() for name in LOADED.findall(text.decode())}
    assert imported | {*ENTRIES} == set(modules)
    for name, text in modules.items():
        answer = client.get(f"{routes.MODULES.address}/{name}.js")
        assert answer.content == text
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "immutable" in answer.headers["cache-control"]


def test_an_outdated_address_is_answered_but_not_kept_and_nothing_else_is_served(client: TestClient) -> None:
    answer = client.get(f"{routes.API}/client/0123456789abcdef/mount.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    for path in ("absent.js", "package.js", "..%2Fgallery.js", "..%2Frecall.js", "%2Fetc%2Fpasswd.js"):
        assert client.get(f"{routes.MODULES.address}/{path}").status_code == 404


@pytest.mark.parametrize(
    "modules", [routes.MODULES, figures.MODULES, curves.MODULES], ids=lambda one: one.path
)
def test_what_the_modules_of_a_client_import_is_served_beside_them(modules: ClientModules) -> None:
    texts = modules.texts()
    imported = {name for text in texts.values() for name in IMPORTED.findall(text.decode())}
    assert "./mounting" in imported
    assert {name.removeprefix("./") for name in imported} <= set(texts)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_component_is_a_loader_of_every_module(entry: str) -> None:
    text = routes.MODULES.loader(entry)
    assert routes.MODULES.address in text
    [names] = re.findall(r"Promise\.all\((\[.*?\])\.map", text)
    others = set(ENTRIES) - {entry}
    assert set(json.loads(names)) == set(routes.MODULES.texts()) - others
    assert json.loads(names)[0] == entry


KEY_TABLES = """({ ACTIONS, SHIFTED, helpSections }) => ({
  plain: Object.keys(ACTIONS),
  shifted: Object.keys(SHIFTED),
  legend: helpSections({ grades: [{ letter: 'X', keys: [], meaning: '' }], contaminants: [] })
    .flatMap(([, rows]) => rows.flatMap(([keys]) => keys)),
})"""


def test_no_key_means_two_things() -> None:
    keys = [key for one in GRADES for key in one.keys]
    keys += [*(one.key for one in CONTAMINANTS), *evaluate("keys", KEY_TABLES)["plain"]]
    assert len(set(keys)) == len(keys)


def test_the_legend_names_every_key() -> None:
    tables = evaluate("keys", KEY_TABLES)
    written = {
        "ArrowRight": "→",
        "ArrowLeft": "←",
        "ArrowDown": "↓",
        "ArrowUp": "↑",
        "Escape": "Esc",
        "-": "−",
        " ": "Space",
    }
    written |= {"PageDown": "Page Down", "PageUp": "Page Up"}
    unnamed = {"=", "r"}  # + without Shift; nothing happens
    legend = set(tables["legend"])
    letters = [key for key in tables["shifted"] if len(key) == 1]
    named = {key: written.get(key, key.upper() if len(key) == 1 else key) for key in tables["plain"]}
    missing = [key for key, name in named.items() if key not in unnamed and name not in legend]
    assert missing + [key for key in letters if f"⇧ {key.upper()}" not in legend] == []


PAINT = """({ Painter, parseRaw, shownBands }, { raw, display, ...optics }) => {
  globalThis.ImageData = class {
    constructor(width, height) { this.data = new Uint8ClampedArray(4 * width * height); }
  };
  const bytes = Uint8Array.from(Buffer.from(raw, 'base64'));
  const painter = new Painter(parseRaw(bytes.buffer), display, shownBands(optics, display), optics);
  return [0, 1].map((index) => [...painter.paint(index).data]);
}"""


@pytest.mark.parametrize(
    ("stretch", "bands"), [*((one, ("g", "r", "i")) for one in STRETCHES), ("soft", ("VIS", "Y", "J", "H"))]
)
def test_the_browser_stretches_like_the_server(stretch: str, bands: tuple[str, ...]) -> None:
    pixels = blobs(2, size=24, bands=len(bands))
    pixels[1] *= np.linspace(3, 40, len(bands), dtype=np.float32)  # brighter than white, and coloured
    pixels[0, 2, 3] = np.nan
    pixels[1, 5, 5, 1] = np.nan
    pixels[1, 7, 7, 0] = np.nan
    of_pictures = stretch == "given"
    levels = levels_of_sample(pixels[:1], in_flux=False, of_pictures=of_pictures)
    display = DisplaySpec(stretch=stretch)
    expected = render(pixels, bands=bands, stretch=display, levels=levels)
    codes = pixel_codes.encode(pixels, levels)
    raw = np.asarray(codes.shape, "<i4").tobytes() + codes.tobytes()
    values = {
        "raw": base64.b64encode(raw).decode(),
        "display": json.loads(display.model_dump_json()),
        "gains": levels.gain.tolist(),
        "given": levels.given and [limits.tolist() for limits in levels.given],
        "bands": bands,
        "rgb": choose_rgb(bands),
        "composite": luminance_composite(bands),
    }
    colours = np.array(evaluate("stretch", PAINT, values), np.int16).reshape(2, 24, 24, 4)
    assert (colours[..., 3] == 255).all()
    most = 5 if values["composite"] else 2  # a composite multiplies what bytes round
    assert np.abs(colours[..., :3] - expected).max() <= most


SHOWN = """({ STRETCH_WORDS, shownBands }, { optics, displays }) => ({
  words: STRETCH_WORDS,
  shown: displays.map((display) => shownBands(optics, display)),
})"""


def test_the_browser_names_stretches_and_chooses_bands_as_the_server_does() -> None:
    bands = ("VIS", "Y", "J", "H")
    displays = [
        DisplaySpec.parse(values)
        for values in (
            {},
            {"luminance": "none"},
            {"rgb": ("VIS",)},
            {"luminance": "VIS"},
            {"rgb": ("H", "J", "Y"), "luminance": "J"},
            {"rgb": ("H", "J", "Y"), "luminance": "none"},
        )
    ]
    optics = {"bands": bands, "rgb": choose_rgb(bands), "composite": luminance_composite(bands)}
    told = evaluate("stretch", SHOWN, {"optics": optics, "displays": [one.saved() for one in displays]})
    assert list(told["words"].items()) == list(STRETCHES.items())
    expected = [shown_bands(bands, display) for display in displays]
    assert [(tuple(one["rgb"]), one["luminance"]) for one in told["shown"]] == expected
