"""Time the gallery in Chromium beside tiles of st.image and st.button in st.columns.

Times are taken in the page, from the key or click to the first frame that shows the result; acknowledged, to
the server's answer that the vote is stored. "At 30" means that 29 further inspectors vote once a second each.
First paint: every picture of the page is new to server and browser, from the request to the frame with the
last. In the idiom of columns the script reruns, so that the frame that shows the grade is the acknowledgement
too. Then a review of 1 000 000 candidates is made and opened.
Run `python benchmarks/gallery.py [--quick]`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Browser
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))

from common.gallery_pages import (
    PEER,
    TILES,
    first_paints,
    grade,
    grade_peer,
    open_gallery,
    open_many,
    open_peer,
    show_tiles,
    turn,
    turn_peer,
)

from lensapp.core.data.imaging import DisplaySpec, render
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.tokens import issue_token
from lensapp.storage import reviews, sources
from lensapp.storage.arrays import Packing, ShardWriter
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.routes import API
from support.app_in_browser import Server, chromium

SMALL, SIZE = 2000, 64
MANY, MANY_SIZE = 1_000_000, 8
OTHERS = 29
BANDS = ("g", "r", "i")
# figure, unit, target (of ours, at most)
FIGURES = (
    ("label to painted", "ms", 16),
    ("label to acknowledged, 1 inspector", "ms", 25),
    ("label to acknowledged, 30 inspectors", "ms", 25),
    ("page turn", "ms", 20),
    ("first paint of 48 tiles", "ms", 500),
    ("first paint of 200 tiles", "ms", 1000),
    ("first paint of 1000 tiles", "ms", 3000),
    ("review of 1 000 000 opened, 48 tiles", "s", 1),
    ("review of 1 000 000 opened, 1000 tiles", "s", 1),
    ("web process resident", "MB", 600),
)


def add_source(ws: Workspace, name: str, *, count: int, size: int, bands: tuple[str, ...]) -> None:
    """Register a source of `count` cutouts, of which some hundred to a thousand have pixels of their own."""
    shape = {"bands": bands, "height": size, "width": size, "slots": count, "pixel_scale_arcsec": 0.2}
    source = sources.create_source(ws.database, name=name, kind="demo", spec={}, **shape)
    plan = Packing.plan(slots=count, height=size, width=size, bands=bands)
    writer = ShardWriter.create(ws.cutouts_folder(name), plan)
    for row, pixels in zip(range(0, count, max(1, count // 2000)), simulated(2000, size=size), strict=False):
        writer.write(row, pixels[..., : len(bands)])
    writer.finish()
    rows = (
        "insert into cutouts (source_id, row, candidate_id, masked_fraction, properties) "
        "with recursive n(i) as (select 0 union all select i + 1 from n where i < :last) "
        "select :source, i, :name || '-' || i, 0, '{}' from n"
    )
    with ws.database.write() as connection:
        connection.execute(text(rows), {"last": count - 1, "source": source.id, "name": name})
    sources.finish_source(ws.database, source.id, quality={})


def simulated(count: int, *, size: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] - size / 2
    widths = rng.uniform(1, size / 6, (count, 1, 1))
    galaxies = 30 * np.exp(-(x**2 + y**2) / (2 * widths**2))
    return (galaxies[..., None] + rng.standard_normal((count, size, size, 3))).astype(np.float32)


@contextmanager
def crowd(ws: Workspace, server: Server) -> Iterator[None]:
    """Let further inspectors vote once a second each."""
    review = reviews.get_review(ws.database, "small")
    ids = reviews.queue_of(ws.database, review.id).tolist()
    done = threading.Event()
    names = [f"other-{number:02d}" for number in range(OTHERS)]
    tokens = [issue_token(ws, review=review, inspector=name) for name in names]
    threads = [
        threading.Thread(target=vote_on, args=(server, token, ids, done, place / OTHERS))
        for place, token in enumerate(tokens)
    ]
    for thread in threads:
        thread.start()
    time.sleep(2)
    yield
    done.set()
    for thread in threads:
        thread.join()


def vote_on(server: Server, token: str, ids: list[int], done: threading.Event, wait: float) -> None:
    time.sleep(wait)
    with httpx.Client(base_url=server.address, headers={"x-token": token}, timeout=30) as client:
        name = f"crowd-{os.urandom(8).hex()}"
        for seq, cutout_id in enumerate(ids, 1):
            op = {"seq": seq, "id": cutout_id, "grade": "X", "voted_at": time.time(), "seconds_spent": 1.0}
            client.post(f"{API}/labels", json={"client": name, "ops": [op]}).raise_for_status()
            if done.wait(1.0):
                return


def write_peer(folder: Path) -> str:
    pixels = simulated(2 * TILES, size=SIZE)
    np.save(folder / "pictures.npy", render(pixels, bands=BANDS, stretch=DisplaySpec()))
    script = folder / "peer.py"
    values = {"pictures": str(folder / "pictures.npy"), "database": str(folder / "peer.db"), "tiles": TILES}
    script.write_text(PEER.format(**values), "utf-8")
    return str(script)


def measure_both(browser: Browser, ours: Server, peer: Server, *, rounds: int) -> dict[str, Any]:
    """Grade and turn pages here and there in turn."""
    gallery, columns = open_gallery(browser, ours, inspector="bench"), open_peer(browser, peer)
    times: dict[str, list[float]] = {name: [] for name in ("painted", "stored", "turn", "peer", "peer turn")}
    for number in range(rounds):
        painted, stored = grade(gallery, count=5)
        times["painted"] += painted
        times["stored"] += stored
        times["turn"] += turn(gallery, count=3)
        times["peer"] += grade_peer(columns, first=3 * number, count=3)
    times["peer turn"] = turn_peer(columns, count=max(2, rounds // 2))
    gallery.close()
    columns.close()
    return {name: statistics.median(values) for name, values in times.items()}


def measure_alone(browser: Browser, ws: Workspace, server: Server, *, rounds: int) -> dict[str, Any]:
    page = open_gallery(browser, server, inspector="alone")
    paints = [first_paints(page, tiles, rounds=min(3, rounds)) for tiles in (48, 200, 1000)]
    show_tiles(page, TILES)
    opened = [open_many(page, "many", source="many", shown=f"{MANY:,}")]
    open_many(page, "small", source="small", shown=f"{SMALL:,}")
    show_tiles(page, 1000)
    opened.append(open_many(page, "many-again", source="many", shown=f"{MANY:,}"))
    page.close()
    page = open_gallery(browser, server, inspector="one-of-thirty")
    with crowd(ws, server):
        _, stored = grade(page, count=5 * rounds)
    page.close()
    return {"paints": paints, "opened": opened, "crowd": statistics.median(stored)}


def measure(folder: Path, *, rounds: int) -> dict[str, Any]:
    ws = Workspace.open(folder / "workspace")
    add_source(ws, "small", count=SMALL, size=SIZE, bands=BANDS)
    add_source(ws, "many", count=MANY, size=MANY_SIZE, bands=BANDS[:1])
    spec = ReviewSpec(order="given", limit=None)
    for name in ("many-again", "many", "small"):
        create_review(ws, name=name, source_name=name.removesuffix("-again"), spec=spec)
    ours, peer = Server(ws.folder), Server(ws.folder, script=write_peer(folder))
    try:
        ours.start()
        peer.start()
        with chromium() as browser:
            figures = measure_both(browser, ours, peer, rounds=rounds)
            peer.kill()
            figures |= measure_alone(browser, ws, ours, rounds=rounds)
        figures["resident"] = ours.resident_mb()
    finally:
        ours.kill()
        peer.kill()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Fewer rounds.")
    rounds = 2 if parser.parse_args().quick else 10
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), rounds=rounds)
    peer = {0: figures["peer"], 1: figures["peer"], 3: figures["peer turn"]}
    paints = [milliseconds for _, milliseconds in figures["paints"]]
    grading = [figures[name] for name in ("painted", "stored", "crowd", "turn")]
    ours = [*grading, *paints, *figures["opened"], figures["resident"]]
    print(
        f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores; tiles painted first: {figures['paints']}"
    )
    print(f"{'median':<40}{'gallery':>10}{'columns':>10}")
    for place, ((figure, unit, _), value) in enumerate(zip(FIGURES, ours, strict=True)):
        idiom = f"{peer[place]:10.1f}" if place in peer else ""
        print(f"{figure + ', ' + unit:<40}{value:10.1f}{idiom}")
    for place, ((figure, unit, target), value) in enumerate(zip(FIGURES, ours, strict=True)):
        print(line(figure, unit, value, peer.get(place), target=target))


def line(figure: str, unit: str, ours: float, peer: float | None, *, target: float) -> str:
    """Return one figure as JSON; `target` is what ours must not exceed."""
    ratio = None if peer is None else round(peer / ours, 1)
    values = {"figure": figure, "unit": unit, "ours": round(ours, 3), "peer": peer and round(peer, 3)}
    return json.dumps(
        {"benchmark": "gallery"} | values | {"ratio": ratio, "target": target, "met": ours <= target}
    )


if __name__ == "__main__":
    main()
