"""What the benchmark of the gallery does in Chromium, on our page and on the idiom's."""

import statistics
from collections.abc import Callable
from functools import partial

import numpy as np
from playwright.sync_api import Browser, Page

from support.app_in_browser import Server

TILES = 48
VIEWPORT = {"width": 1280, "height": 790}

PEER = """
import numpy as np, sqlite3, streamlit as st
st.set_page_config(layout="wide")
pictures = np.load({pictures!r})
tiles = int(st.query_params.get("tiles", {tiles}))
if "db" not in st.session_state:
    st.session_state.db = sqlite3.connect({database!r}, check_same_thread=False)
    st.session_state.db.execute("create table if not exists vote(place int, grade text)")
    st.session_state.grades, st.session_state.page = {{}}, 0
def grade(place):
    st.session_state.db.execute("insert into vote values(?, 'A')", (place,))
    st.session_state.db.commit()
    st.session_state.grades[place] = "A"
def turn():
    st.session_state.page += 1
st.button("Next page", on_click=turn)
first = st.session_state.page * tiles
for start in range(0, tiles, 8):
    for place, column in enumerate(st.columns(8), start):
        column.image(pictures[(first + place) % len(pictures)])
        mark = st.session_state.grades.get(place, "-")
        column.button(f"Grade {{place}} {{mark}}", key=f"b{{place}}", on_click=grade, args=(place,))
st.write(f"Page {{st.session_state.page}} shown")
"""

# Events, mutations and frames share one clock in the page.
WATCH = """
(() => {
  const watch = window.watch = { grade: [], turn: [], load: [], acknowledged: [], started: 0, kind: '' };
  const start = () => { watch.started = watch.pressed = performance.now(); };
  for (const name of ['keydown', 'pointerdown', 'input']) addEventListener(name, start, true);
  const frame = (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = then;
    channel.port2.postMessage(0);
  });
  watch.observe = (root, shown) => new MutationObserver((changes) => {
    const { started, kind } = watch;
    if (!started || !shown(kind, changes)) return;
    watch.started = 0;
    frame(() => watch[kind].push(performance.now() - started));
  }).observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  const send = window.fetch;
  window.fetch = async (...request) => {
    const since = watch.pressed, answer = await send(...request);
    if (request[1]?.method === 'POST' && String(request[0]).endsWith('/labels') && answer.ok) {
      watch.acknowledged.push(performance.now() - since);
    }
    return answer;
  };
})()
"""
WATCH_GALLERY = """
() => {
  const host = [...document.querySelectorAll('*')].find((one) => one.shadowRoot?.querySelector('.gallery'));
  const stage = host.shadowRoot.querySelector('.stage');
  const loaded = () => !stage.hasAttribute('data-loading');
  const shown = {
    grade: (change) => change.attributeName === 'data-grade',
    turn: () => loaded(),
    load: (change) => change.attributeName === 'data-loading' && loaded(),
  };
  watch.observe(host.shadowRoot, (kind, changes) => changes.some(shown[kind]));
}
"""
WATCH_PEER = """
() => {
  const words = { grade: /^Grade \\d+ A$/, turn: /^Page \\d+ shown$/, load: /^Page \\d+ shown$/ };
  watch.observe(document.body, (kind, changes) => changes.some((change) => words[kind].test(
    change.target.textContent ?? '')));
}
"""


def open_gallery(browser: Browser, server: Server, *, inspector: str) -> Page:
    page = browser.new_page(viewport=VIEWPORT)
    page.add_init_script(WATCH)
    page.add_init_script(f"localStorage.setItem('lensapp.inspector', {inspector!r})")
    page.goto(f"{server.address}/inspect?review=small")
    painted(page)
    show_tiles(page, TILES)
    page.evaluate(WATCH_GALLERY)
    return page


def painted(page: Page) -> None:
    page.wait_for_selector(".tile[aria-selected='true']", timeout=120_000)
    page.wait_for_selector(".stage:not([data-loading])", timeout=120_000)


def show_tiles(page: Page, wanted: int) -> int:
    """Choose the tile size with the number of tiles nearest to `wanted`; return that number."""
    sizes = np.geomspace(24, 240, 80)
    counts = {}
    for size in sizes:
        counts[set_size(page, size)] = size
    best = min(counts, key=lambda count: abs(count - wanted))
    set_size(page, counts[best])
    page.wait_for_timeout(400)
    painted(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    return best


def set_size(page: Page, size: float) -> int:
    return int(
        page.locator("[data-set='tile']").evaluate(
            """(slider, size) => {
                slider.step = 'any';
                slider.value = Math.log10(size);
                slider.dispatchEvent(new Event('change', { bubbles: true }));
                return slider.getRootNode().querySelectorAll('.tile').length;
            }""",
            float(size),
        )
    )


def open_peer(browser: Browser, server: Server, *, tiles: int = TILES) -> Page:
    page = browser.new_page(viewport=VIEWPORT)
    page.add_init_script(WATCH)
    page.goto(f"{server.address}/?tiles={tiles}")
    page.get_by_role("button", name=f"Grade {tiles - 1} -", exact=True).wait_for(timeout=120_000)
    page.wait_for_timeout(1500)
    page.evaluate(WATCH_PEER)
    return page


def timed(page: Page, kind: str, act: Callable[[], object]) -> float:
    """Return the milliseconds from what `act` does to the frame that shows it."""
    before = page.evaluate("(kind) => { watch.kind = kind; return watch[kind].length; }", kind)
    act()
    page.wait_for_function("([kind, n]) => watch[kind].length > n", arg=[kind, before], timeout=120_000)
    return float(page.evaluate("(kind) => watch[kind].at(-1)", kind))


def grade(page: Page, *, count: int) -> tuple[list[float], list[float]]:
    """Return milliseconds to painted and to acknowledged."""
    shown, stored = [], []
    for _ in range(count):
        before = page.evaluate("watch.acknowledged.length")
        shown.append(timed(page, "grade", partial(page.keyboard.press, "a")))
        page.wait_for_function("(n) => watch.acknowledged.length > n", arg=before)
        stored.append(page.evaluate("watch.acknowledged.at(-1)"))
        page.wait_for_timeout(30)
    return shown, stored


def turn(page: Page, *, count: int) -> list[float]:
    times = []
    for _ in range(count):
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(250)
        times.append(timed(page, "turn", partial(page.keyboard.press, "PageDown")))
    return times


def first_paints(page: Page, tiles: int, *, rounds: int) -> tuple[int, float]:
    """Return the number of tiles and the median milliseconds until all of them show a new stretch."""
    count = show_tiles(page, tiles)
    names = ("asinh", "log", "sqrt", "linear")[:rounds]
    box = page.locator("[data-set='stretch']")
    times = []
    for name in names:
        times.append(timed(page, "load", partial(box.select_option, name)))
        page.wait_for_load_state("networkidle")
    box.select_option("lupton")
    return count, statistics.median(times)


def grade_peer(page: Page, *, first: int, count: int) -> list[float]:
    buttons = [
        page.get_by_role("button", name=f"Grade {place} -", exact=True)
        for place in range(first, first + count)
    ]
    return [timed(page, "grade", button.click) for button in buttons]


def turn_peer(page: Page, *, count: int) -> list[float]:
    button = page.get_by_role("button", name="Next page")
    return [timed(page, "turn", button.click) for _ in range(count)]


def open_many(page: Page, name: str, *, source: str, shown: str) -> float:
    """Return the seconds from choosing a review in the bar to its first page."""
    page.evaluate("watch.started = 0")
    start = page.evaluate("performance.now()")
    page.select_option("[data-set='review']", name)
    page.wait_for_selector(f".gallery .progress:has-text('{shown}')")
    page.wait_for_selector(f".tile[aria-label*='{source}-']")
    painted(page)
    return float(page.evaluate("(start) => (performance.now() - start) / 1000", start))
