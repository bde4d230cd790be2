"""How long each page takes in a large workspace: 10⁶ cutouts, 200 runs, 10⁵ votes.

For every page: seconds of its first drawing in a process that has drawn Home, those of the next, and of the
first after somebody has voted, without a browser (streamlit.testing). With --browser also in Chromium, from
the click on the page's name to its title, and until the run has ended and the figures in sight are drawn;
and on Evaluate from a key on the threshold's slider until the figures in sight have moved, and until the
server has drawn them. Goals: settled within 0.4 s, moved within 0.15 s.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "benchmarks"), str(PROJECT / "tests")]

GOALS = {"first content": 0.15, "settled": 0.4}
SLIDER_GOAL, KEYS = 0.15, 11
ROUNDS, PATIENCE_MS = 3, 180_000
LOOK_MS = 1000  # nobody leaves a page while its figures are being drawn
REVIEWS, INSPECTORS, SCORING_RUNS, PART = 10, 10, 20, 50_000
PAGES = tuple(sorted(path.stem for path in (PROJECT / "pages").glob("*.py")))
ADDRESS = {"run": "net-0", "source": "sky"}  # of pages that show a run
OF_RUN = ("evaluate", "score", "features", "train")


def make_workspace(folder: Path, *, cutouts: int, runs: int, votes: int) -> None:
    """Fill a workspace through its storage: pixels, scores and grades are made up."""
    from lensapp.core.data.flux_units import factor_of_zero_point
    from lensapp.storage import sources
    from lensapp.storage.arrays import Packing, ShardWriter, write_flux_scales
    from lensapp.storage.columns.source_columns import complete_source
    from lensapp.storage.workspace import Workspace
    from support.pages_workspace import BANDS, SIZE

    ws = Workspace.open(folder)
    source = sources.create_source(
        ws.database, name="sky", kind="import", bands=BANDS, height=SIZE, width=SIZE, slots=cutouts,
        pixel_scale_arcsec=0.25, spec={},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for start in range(0, cutouts, PART):
        rows = range(start, min(start + PART, cutouts))
        mag = rng.uniform(18, 25, len(rows)).round(3).tolist()
        labels = np.where(rng.random(len(rows)) < 0.002, "lens", "nonlens").tolist()
        sources.add_cutouts(
            ws.database,
            source.id,
            [
                {"row": row, "candidate_id": f"J{row:07d}", "ra_deg": row * 1e-4, "dec_deg": 2.0}
                | {"label": label if row % 100 == 0 or label == "lens" else None}
                | {"properties": {"mag_i": one, "field": "EDF-N" if row % 3 else "EDF-S"}}
                for row, label, one in zip(rows, labels, mag, strict=True)
            ],
        )
    packing = Packing.plan(slots=source.slots, height=SIZE, width=SIZE, bands=BANDS)
    writer = ShardWriter.create(ws.cutouts_folder("sky"), packing)
    pixels = rng.normal(0, 1, (PART, SIZE, SIZE, len(BANDS))).astype(np.float32)
    pixels[:, 4:8, 4:8] += rng.uniform(5, 30, (PART, 1, 1, 1)).astype(np.float32)
    for start in range(0, cutouts, PART):
        writer.write_rows(start, pixels[: cutouts - start])
    writer.finish()
    factors = [[factor_of_zero_point(27.0)] * len(BANDS)] * source.slots
    write_flux_scales(ws.cutouts_folder("sky"), packing, 0, factors)
    complete_source(ws, source.id, quality={})
    add_runs(ws, count=runs)
    add_votes(ws, count=votes)
    ws.database.close()


def add_runs(ws: Any, *, count: int) -> None:
    """Add evaluated runs of one dataset version of all that is labelled; some have scored the source."""
    from lensapp.storage import datasets, sources
    from lensapp.storage.scores import stored_scores
    from support.pages_workspace import BANDS, add_evaluation, add_run

    source = sources.get_source(ws.database, "sky")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    labelled = sources.cutout_columns(ws.database, [source.id], columns=("id", "label"), labelled_only=True)
    names = ("train", "validation", "test")
    parts = np.array(names)[np.arange(len(labelled["id"])) % 3]
    columns = (labelled["id"].tolist(), parts.tolist(), labelled["label"].tolist())
    usual = {"fold": None, "label_from": "catalogue"}
    members = [
        usual | {"cutout_id": key, "part": part, "label": label, "group_id": key}
        for key, part, label in zip(*columns, strict=True)
    ]
    counts = {  # of each part
        part: {label: int(np.sum(labelled["label"][parts == part] == label)) for label in ("lens", "nonlens")}
        for part in names
    }
    dataset = datasets.create_dataset(
        ws.database, name="sky-v1", source_ids=[source.id], bands=BANDS, spec={}, counts=counts,
        checksum="0", members=members,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    for number in reversed(range(count)):
        run = add_run(ws, dataset, f"net-{number}", epochs=30)
        add_evaluation(ws, run, dataset)
        if number < SCORING_RUNS:
            scores = rng.beta(0.2, 5, len(ids)).astype(np.float32)
            stored_scores.add_scores(ws, run.id, source.id, ids, scores)
            stored_scores.score_files(ws, run.id, source.id).join()


def add_votes(ws: Any, *, count: int) -> None:
    """Add reviews of the best of a run each, all of whose candidates ten inspectors have graded."""
    from lensapp.storage import reviews, runs, sources
    from lensapp.storage.scores import stored_scores

    source, run = sources.get_source(ws.database, "sky"), runs.get_run(ws.database, "net-0")
    size = count // REVIEWS // INSPECTORS
    ids, _ = stored_scores.scores_of(ws, run.id, source.id, limit=size * REVIEWS)
    rng = np.random.default_rng(2)
    for number in range(REVIEWS):
        queue = ids[number::REVIEWS]
        review = reviews.create_review(
            ws.database, name=f"round-{number}", source_id=source.id, run_id=run.id, spec={}, queue=queue
        )
        for inspector in range(INSPECTORS):
            grades = rng.choice(list("ABCX"), len(queue), p=[0.02, 0.08, 0.2, 0.7]).tolist()
            vote(
                ws, review.id, dict(zip(queue.tolist(), grades, strict=True)), inspector=f"person-{inspector}"
            )


def vote(ws: Any, review_id: int, grades: dict[int, str], *, inspector: str) -> None:
    """Grade candidates, one a second until now."""
    from lensapp.storage import reviews

    now, client = time.time(), f"tab-{inspector}-{time.time_ns()}"
    rows = [
        {"client": client, "seq": seq, "review_id": review_id, "cutout_id": key, "inspector": inspector}
        | {"grade": grade, "voted_at": now - len(grades) + seq, "seconds_spent": 1.0}
        for seq, (key, grade) in enumerate(grades.items())
    ]
    reviews.add_votes(ws.database, rows)


def drawn_here(folder: Path, only: Sequence[str]) -> list[dict[str, Any]]:
    """Return the seconds that each page takes the server, drawn first, again, and after a vote."""
    os.environ["LENSAPP_WORKSPACE"] = str(folder)
    os.environ["LENSAPP_WORKER"] = "0"
    from streamlit.testing.v1 import AppTest

    from lensapp.storage import reviews
    from lensapp.storage.workspace import Workspace

    ws = Workspace.open(folder)
    review = reviews.get_review(ws.database, "round-0")
    candidate = int(reviews.queue_of(ws.database, review.id)[0])
    app = AppTest.from_file(str(PROJECT / "lensapp" / "ui" / "main.py"), default_timeout=120)
    app.run()
    figures = []
    for name in only:
        app.switch_page(f"../../pages/{name}.py")
        for key, value in ADDRESS.items() if name in OF_RUN else ():
            app.query_params[key] = value
        first = timed(app.run)
        again = statistics.median(timed(app.run) for _ in range(ROUNDS))
        vote(ws, review.id, {candidate: "A"}, inspector="person-0")
        voted = timed(app.run)
        if app.exception:
            raise SystemExit(f"{name} is not as it should be: {[one.value for one in app.exception]}")
        seconds = {"first": first, "again": again, "after a vote": voted}
        figures.append({"page": name} | {key: round(value, 3) for key, value in seconds.items()})
    return figures


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def drawn_in_chromium(folder: Path, only: Sequence[str]) -> list[dict[str, Any]]:
    """Return the seconds from the click on a page's name to its title, and until it is settled."""
    from support.app_in_browser import Server, chromium

    server = Server(folder)
    server.start()
    figures: list[dict[str, Any]] = []
    try:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(server.address)
            page.locator(AT_REST).wait_for()
            for _ in range(ROUNDS + 1):
                for name in only:
                    figures.append({"page": name} | switched(page, name))
                    page.wait_for_timeout(LOOK_MS)
            slid = (
                [] if "evaluate" not in only else slider_moved(page, f"{server.address}/evaluate?run=net-0")
            )
    finally:
        server.kill()
    warm = figures[len(only) :]  # the first round loads what is loaded once
    return [
        {"page": name}
        | {
            what: round(statistics.median(one[what] for one in warm if one["page"] == name), 3)
            for what in GOALS
        }
        for name in only
    ] + slid


AT_REST = "[data-testid='stApp'][data-test-script-state='notRunning']"
WATCH = """(name) => new Promise((settled) => {
  const app = document.querySelector("[data-testid='stApp']"), began = performance.now(), seconds = {};
  const since = () => (performance.now() - began) / 1000;
  const title = () => document.querySelector("[data-testid='stMain'] h1");
  const before = title();
  const waits = (figure) => {
    const { top, bottom, height } = figure.getBoundingClientRect();
    return height > 0 && top < innerHeight && bottom > 0 && !figure.querySelector('.main-svg');
  };
  const look = () => {
    const state = app.getAttribute('data-test-script-state');
    if (!('first content' in seconds) && title() && title() !== before) seconds['first content'] = since();
    // Asked only once the run has ended: where a figure lies costs a layout of the page.
    const ended = state === 'notRunning' && 'first content' in seconds;
    if (!ended || [...document.querySelectorAll('.figure')].some(waits)) return requestAnimationFrame(look);
    settled({ ...seconds, settled: since() });
  };
  const links = [...document.querySelectorAll("[data-testid='stSidebar'] a")];
  links.find((link) => link.pathname === `/${name}`).click();
  requestAnimationFrame(look);
})"""


def switched(page: Any, name: str) -> dict[str, float]:
    """Go to a page by the sidebar; return the seconds to its title, and until it is settled."""
    seconds: dict[str, float] = page.evaluate(WATCH, "" if name == "home" else name)
    return seconds


SLIDE = """() => new Promise((drawn) => {
  let began;
  const seconds = {}, since = () => (performance.now() - began) / 1000;
  const both = '.st-key-figure-evaluate-roc, .st-key-figure-evaluate-confusion';
  const figures = [...document.querySelectorAll(both)];
  const title = () => document.querySelector('.st-key-caption-evaluate-confusion');
  const before = title().textContent, waits = new Set(figures);
  addEventListener('keydown', () => { began = performance.now(); }, { capture: true, once: true });
  for (const figure of figures) {
    const seen = new MutationObserver(() => {
      seen.disconnect();
      requestAnimationFrame(() => {
        waits.delete(figure);
        if (!waits.size) seconds.moved = since();
      });
    });
    const options = { subtree: true, childList: true, attributes: true, attributeFilter: ['transform', 'd'] };
    seen.observe(figure, options);
  }
  const look = () => {
    if (title()?.textContent === before || !seconds.moved) return requestAnimationFrame(look);
    drawn({ ...seconds, drawn: since() });
  };
  requestAnimationFrame(look);
})"""


def slider_moved(page: Any, address: str) -> list[dict[str, Any]]:
    """Return the seconds from a key on Evaluate's slider until figures have moved, and are drawn anew."""
    from support.app_in_browser import settled

    page.goto(address)
    settled(page)
    page.locator(".st-key-evaluate-threshold input[type=range]").focus()
    page.wait_for_timeout(LOOK_MS)
    times = []
    for press in range(KEYS):
        page.evaluate(f"() => {{ window.slid = ({SLIDE})(); }}")  # and does not wait for it
        page.keyboard.press(
            ("PageDown", "PageUp")[press % 2]
        )  # a tenth of the slider, so that outcomes change
        times.append(page.evaluate("window.slid"))
        page.wait_for_timeout(LOOK_MS)
    return [
        {"page": "evaluate's slider"}
        | {what: round(statistics.median(one[what] for one in times), 3) for what in ("moved", "drawn")}
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="A hundredth of the cutouts, a tenth of the rest."
    )
    parser.add_argument("--browser", action="store_true", help="In Chromium too.")
    parser.add_argument("--only", help="Pages, as home,score.")
    parser.add_argument("--keep", type=Path, help="Folder of the workspace, made where it is absent.")
    arguments = parser.parse_args()
    share = 10 if arguments.quick else 1
    only = arguments.only.split(",") if arguments.only else PAGES
    with tempfile.TemporaryDirectory() as passing:
        folder = arguments.keep or Path(passing) / "workspace"
        if not folder.exists():
            make_workspace(folder, cutouts=10**6 // share**2, runs=200 // share, votes=10**5 // share)
        ways = {"server": drawn_here} | ({"Chromium": drawn_in_chromium} if arguments.browser else {})
        for way, drawn in ways.items():
            for figure in drawn(folder, only):
                slowest = max(value for key, value in figure.items() if key not in ("page", "first", "drawn"))
                goal = SLIDER_GOAL if "moved" in figure else GOALS["settled"]
                met = {"target": goal, "met": slowest <= goal}
                print(json.dumps({"benchmark": "pages", "figure": way} | figure | met), flush=True)


if __name__ == "__main__":
    main()
