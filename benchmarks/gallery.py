"""Time the gallery in Chromium beside tiles of st.image and st.button in st.columns.

Label → painted runs from the key or click to the first frame that shows the grade; acknowledged, to the
server's answer that the vote is stored. In the idiom of columns the script reruns, so that the frame that
shows the grade is the acknowledgement too. Both serve 48 tiles of the same cutouts; rounds alternate. Then
a review of 200 000 candidates is made and opened. Run `python benchmarks/gallery.py [--quick]`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))

from app_in_browser import Server, chromium

from lensapp.core.imaging import DisplaySpec, render
from lensapp.core.review_spec import ReviewSpec
from lensapp.services.review import create_review
from lensapp.storage import sources
from lensapp.storage.arrays import Packing, ShardWriter
from lensapp.storage.workspace import Workspace

TILES = 48
BANDS = ("g", "r", "i")
MANY = 200_000
VIEWPORT = {"width": 1280, "height": 790}  # room for 8 × 6 tiles

PEER = """
import numpy as np, sqlite3, streamlit as st
st.set_page_config(layout="wide")
pictures = np.load({pictures!r})
if "db" not in st.session_state:
    st.session_state.db = sqlite3.connect({database!r}, check_same_thread=False)
    st.session_state.db.execute("create table if not exists vote(place int, grade text)")
    st.session_state.grades = {{}}
def grade(place):
    st.session_state.db.execute("insert into vote values(?, 'A')", (place,))
    st.session_state.db.commit()
    st.session_state.grades[place] = "A"
for start in range(0, {tiles}, 8):
    for place, column in enumerate(st.columns(8), start):
        column.image(pictures[place])
        mark = st.session_state.grades.get(place, "-")
        column.button(f"Grade {{place}} {{mark}}", key=f"b{{place}}", on_click=grade, args=(place,))
"""

# Times are taken in the page: events, mutations and frames share one clock there.
WATCH = """
(() => {
  const watch = window.watch = { painted: [], acknowledged: [], started: 0 };
  const start = () => { watch.started = performance.now(); };
  addEventListener('keydown', start, true);
  addEventListener('pointerdown', start, true);
  const frame = (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = then;
    channel.port2.postMessage(0);
  });
  watch.observe = (root, shown) => new MutationObserver((changes) => {
    if (!watch.started || !changes.some(shown)) return;
    const since = watch.started;
    watch.started = 0;
    frame(() => watch.painted.push(performance.now() - since));
  }).observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  const send = window.fetch;
  window.fetch = async (...request) => {
    const since = watch.started, answer = await send(...request);
    if (request[1]?.method === 'POST' && String(request[0]).endsWith('/labels') && answer.ok) {
      watch.acknowledged.push(performance.now() - (since || watch.pressed));
    }
    return answer;
  };
  addEventListener('keydown', () => { watch.pressed = performance.now(); }, true);
})()
"""
WATCH_GALLERY = """
() => {
  const host = [...document.querySelectorAll('*')].find((one) => one.shadowRoot?.querySelector('.gallery'));
  watch.observe(host.shadowRoot, (change) => change.attributeName === 'data-grade');
}
"""
WATCH_PEER = """
() => watch.observe(document.body, (change) => /^Grade \\d+ A$/.test(change.target.textContent ?? ''))
"""


def add_source(ws: Workspace, name: str, *, count: int, size: int) -> None:
    shape = {"bands": BANDS, "height": size, "width": size, "slots": count, "pixel_scale_arcsec": 0.2}
    source = sources.create_source(ws.database, name=name, kind="demo", spec={}, **shape)
    plan = Packing.plan(slots=count, height=size, width=size, bands=BANDS)
    writer = ShardWriter.create(ws.cutouts_folder(name), plan)
    for row, pixels in enumerate(simulated(min(count, 1000), size=size)):
        for copy in range(row, count, 1000):
            writer.write(copy, pixels)
    writer.finish()
    rows = [{"row": row, "candidate_id": f"{name}-{row}"} for row in range(count)]
    sources.add_cutouts(ws.database, source.id, rows)
    sources.finish_source(ws.database, source.id, quality={})


def simulated(count: int, *, size: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] - size / 2
    widths = rng.uniform(1, size / 6, (count, 1, 1))
    galaxies = 30 * np.exp(-(x**2 + y**2) / (2 * widths**2))
    return (galaxies[..., None] + rng.standard_normal((count, size, size, 3))).astype(np.float32)


def open_gallery(browser: Browser, server: Server, *, inspector: str) -> Page:
    page = browser.new_page(viewport=VIEWPORT)
    page.add_init_script(WATCH)
    page.add_init_script(f"localStorage.setItem('lensapp.inspector', {inspector!r})")
    page.goto(f"{server.address}/inspect?review=small")
    painted(page)
    for size in range(160, 64, -2):
        page.locator("[data-set='tile']").fill(str(size))
        page.locator("[data-set='tile']").dispatch_event("change")
        if page.locator(".tile").count() == TILES:
            break
    painted(page)
    page.wait_for_timeout(1500)
    page.evaluate(WATCH_GALLERY)
    return page


def painted(page: Page) -> None:
    page.wait_for_selector(".tile[aria-selected='true']")
    page.wait_for_selector(".stage:not([data-loading])")


def open_peer(browser: Browser, server: Server) -> Page:
    page = browser.new_page(viewport=VIEWPORT)
    page.add_init_script(WATCH)
    page.goto(server.address)
    page.get_by_role("button", name=f"Grade {TILES - 1} -").wait_for()
    page.wait_for_timeout(1500)
    page.evaluate(WATCH_PEER)
    return page


def grade_gallery(page: Page, *, count: int) -> None:
    for _ in range(count):
        before = page.evaluate("watch.acknowledged.length")
        page.keyboard.press("a")
        page.wait_for_function("(before) => watch.acknowledged.length > before", arg=before)


def grade_peer(page: Page, *, first: int, count: int) -> None:
    for place in range(first, first + count):
        page.get_by_role("button", name=f"Grade {place} -").click()
        page.get_by_role("button", name=f"Grade {place} A").wait_for()
        page.wait_for_function("(wanted) => watch.painted.length >= wanted", arg=place + 1)


def time_grading(browser: Browser, ours: Server, peer: Server, *, rounds: int) -> dict[str, list[float]]:
    gallery, columns = open_gallery(browser, ours, inspector="bench"), open_peer(browser, peer)
    for number in range(rounds):
        grade_gallery(gallery, count=4)
        grade_peer(columns, first=4 * number, count=4)
    figures = {
        "tiles": [gallery.locator(".tile").count()],
        "painted": gallery.evaluate("watch.painted"),
        "acknowledged": gallery.evaluate("watch.acknowledged"),
        "peer": columns.evaluate("watch.painted"),
    }
    gallery.close()
    columns.close()
    return figures


def time_opening(browser: Browser, server: Server) -> float:
    page = open_gallery(browser, server, inspector="opener")
    start = time.perf_counter()
    page.select_option("[data-set='review']", "many")
    page.wait_for_selector(".gallery .progress:has-text('200,000')")
    page.wait_for_selector(".tile[aria-label*='many-']")
    painted(page)
    seconds = time.perf_counter() - start
    page.close()
    return seconds


def write_peer(folder: Path) -> str:
    pixels = simulated(TILES, size=64)
    np.save(folder / "pictures.npy", render(pixels, bands=BANDS, stretch=DisplaySpec()))
    script = folder / "peer.py"
    values = {"pictures": str(folder / "pictures.npy"), "database": str(folder / "peer.db"), "tiles": TILES}
    script.write_text(PEER.format(**values), "utf-8")
    return str(script)


def measure(folder: Path, *, rounds: int) -> dict[str, Any]:
    ws = Workspace.open(folder / "workspace")
    add_source(ws, "small", count=480, size=64)
    add_source(ws, "many", count=MANY, size=10)
    spec = ReviewSpec(order="given", limit=None)
    start = time.perf_counter()
    create_review(ws, name="many", source_name="many", spec=spec)
    figures: dict[str, Any] = {"created": time.perf_counter() - start}
    create_review(ws, name="small", source_name="small", spec=spec)
    ours, peer = Server(ws.folder), Server(ws.folder, script=write_peer(folder))
    try:
        ours.start()
        peer.start()
        with chromium() as browser:
            figures |= time_grading(browser, ours, peer, rounds=rounds)
            figures["opened"] = time_opening(browser, ours)
        figures["resident"] = ours.resident_mb()
    finally:
        ours.kill()
        peer.kill()
    return figures


def line(figure: str, unit: str, ours: float, peer: float | None, *, target: float) -> str:
    """Return one figure as JSON; `target` is what ours must not exceed."""
    ratio = None if peer is None else round(peer / ours, 1)
    values = {"figure": figure, "unit": unit, "ours": round(ours, 3), "peer": peer and round(peer, 3)}
    return json.dumps(
        {"benchmark": "gallery"} | values | {"ratio": ratio, "target": target, "met": ours <= target}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Fewer rounds.")
    rounds = 3 if parser.parse_args().quick else 12
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), rounds=rounds)
    names = ("painted", "acknowledged", "peer")
    painted_ms, stored_ms, peer_ms = (statistics.median(figures[name]) for name in names)
    worst = {name: max(figures[name]) for name in names}
    print(f"{figures['tiles'][0]} tiles, {len(figures['painted'])} grades; median ms (worst)")
    print(f"{'':<24}{'gallery':>16}{'columns':>16}")
    idiom = f"{peer_ms:8.1f} ({worst['peer']:5.0f})"
    print(f"{'label → painted':<24}{painted_ms:8.1f} ({worst['painted']:5.0f}){idiom}")
    print(f"{'label → acknowledged':<24}{stored_ms:8.1f} ({worst['acknowledged']:5.0f}){idiom}")
    print(f"review of {MANY:,}: made in {figures['created']:.2f} s, opened in {figures['opened']:.2f} s")
    print(f"web process: {figures['resident']:.0f} MB resident")
    print(line("label to painted", "ms", painted_ms, peer_ms, target=20))
    print(line("label to acknowledged", "ms", stored_ms, peer_ms, target=40))
    print(line("review of 200 000 opened", "s", figures["opened"], None, target=2))
    print(line("review of 200 000 made", "s", figures["created"], None, target=2))
    print(line("web process resident", "MB", figures["resident"], None, target=600))


if __name__ == "__main__":
    main()
