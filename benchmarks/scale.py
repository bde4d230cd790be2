"""What grows with the survey: import, listing, filter, review and export over three decades; 10⁸ scores.

`decades`: a virtual source of 10⁴, 10⁵ and 10⁶ catalogue rows in one tile, made by the ordinary import and
scored with made-up scores; each step is timed, and time ∝ rows^p fitted. `tiles`: the same cutouts read for
scoring out of tiles and out of packed shards. `scores`: 10⁸ scores in Parquet on two cores; a fresh process
asks what the Score page asks, draws that page, and makes a review of the best 10 000. Cutouts of these have
rows in the database only where somebody labelled them or they are among the best.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "benchmarks")]

SIZE, TILE_SIDE, SCALE_ARCSEC = 16, 4000, 0.25
BEST, THRESHOLD = 10_000, 0.99
QUICK_SCORES = 2_500_000  # more than are held at once, as of 10⁸
GOALS = {"seconds": 10.0, "page_seconds": 3.0, "page_mb": 1000.0, "mb": 2000.0}


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def add_run(ws, source, name: str):
    from lensapp.core.config import write_json
    from lensapp.core.train.normalisation import FittedNormalisation
    from lensapp.storage import datasets, runs

    dataset = datasets.create_dataset(
        ws.database, name=f"{name}-data", source_ids=[source.id], bands=source.bands, spec={}, counts={},
        checksum="0", members=[],
    )  # fmt: skip
    run = runs.create_run(ws.database, name=name, dataset_id=dataset.id, model="elu_cnn", spec={})
    runs.update_run(ws.database, run.id, state="finished", finished_at=time.time())
    fitted = FittedNormalisation(
        kind="none", softening=3.0, gain=(1.0,), centre=(0.0,), scale=(1.0,),
        bands=source.bands, size=(source.height, source.width),
        pixel_scale_arcsec=source.pixel_scale_arcsec, unit="flux", zero_point_mag=27.0,
    )  # fmt: skip
    ws.run_folder(name).mkdir(parents=True, exist_ok=True)
    write_json(ws.run_folder(name) / "normalisation.json", fitted.saved())
    (ws.run_folder(name) / "best.keras").write_bytes(b"never opened")
    return runs.get_run(ws.database, name)


def write_catalogue(path: Path, header, count: int) -> None:
    import pyarrow as pa
    from astropy.wcs import WCS
    from pyarrow import parquet

    rng = np.random.default_rng(1)
    ra, dec = WCS(header).all_pix2world(*rng.uniform(20, TILE_SIDE - 20, (2, count)), 0)
    ids = pa.array([f"obj{number:08d}" for number in range(count)])
    mag, star = rng.uniform(18, 25, count), rng.uniform(0, 1, count)
    parquet.write_table(pa.table({"id": ids, "ra": ra, "dec": dec, "mag_i": mag, "star": star}), path)


def one_decade(folder: Path, count: int) -> dict[str, float]:
    """Return the seconds of each step at a number of rows."""
    from tiles import write_tile

    from lensapp.core.catalogue.query import CatalogueQuery
    from lensapp.core.data.ingest_spec import IngestSpec
    from lensapp.core.inspect.review_spec import ReviewSpec
    from lensapp.ingest.importer import run_import
    from lensapp.services.catalogue.export import export
    from lensapp.services.data.sources import ready_sources
    from lensapp.services.inspect.queues import create_review
    from lensapp.services.overview import overview
    from lensapp.services.score.scores import load_scored
    from lensapp.storage import sources
    from lensapp.storage.columns.filtering import kept_by
    from lensapp.storage.scores import stored_scores
    from lensapp.storage.workspace import Workspace

    (folder / "tiles").mkdir(parents=True)
    _, header = write_tile(folder / "tiles", TILE_SIDE)
    write_catalogue(folder / "catalogue.parquet", header, count)
    ws = Workspace.open(folder / "workspace")
    spec = IngestSpec.parse(
        {"path": str(folder / "tiles"), "layout": "tiles", "catalogue": str(folder / "catalogue.parquet"),
         "size": SIZE, "virtual": True}
    )  # fmt: skip
    seconds = {"import": timed(lambda: run_import(ws, name="sky", spec=spec))}
    source = sources.get_source(ws.database, "sky")
    run = add_run(ws, source, "net")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    scores = np.random.default_rng(2).beta(0.2, 5, len(ids)).astype(np.float32)

    def store() -> None:
        stored_scores.add_scores(ws, run.id, source.id, ids, scores)
        stored_scores.score_files(ws, run.id, source.id).join()

    seconds["store scores"] = timed(store)
    seconds["listing"] = timed(lambda: (overview(ws), ready_sources(ws)))
    where = "mag_i < 22 & star < 0.5"
    kept_by(ws, [source], where, ids=ids[:1])
    seconds["filter"] = timed(lambda: kept_by(ws, [source], where, ids=ids))
    seconds["scores of the page"] = timed(lambda: load_scored(ws, run=run, source=source))
    best = ReviewSpec(order="score", limit=1000)
    seconds["open review"] = timed(
        lambda: create_review(ws, name="look", source_name="sky", run_name="net", spec=best)
    )
    query = CatalogueQuery(of=("sky",), run="net")
    seconds["export"] = timed(lambda: export(ws, query, out=folder / "out.parquet"))
    ws.database.close()
    return seconds


def decades(counts: list[int]) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        one_decade(Path(folder) / "warm", 100)
        steps = [one_decade(Path(folder) / str(count), count) for count in counts]
    for name in steps[0]:
        seconds = [step[name] for step in steps]
        exponent, _ = np.polyfit(np.log(counts), np.log(seconds), 1)
        last = np.log(seconds[-1] / seconds[-2]) / np.log(counts[-1] / counts[-2])
        figure = {"figure": name, "rows": counts, "seconds": [round(one, 3) for one in seconds]}
        rows.append(figure | {"exponent": round(float(exponent), 2), "last_decade": round(float(last), 2)})
    return rows


def from_tiles(count: int, rounds: int = 3) -> dict[str, Any]:
    """Return scoring from tiles as a share of scoring from packed shards, cutouts per CPU second."""
    from astropy.io import fits
    from scoring import prepare
    from tiles import positions, write_tile

    from lensapp.core.data.ingest_spec import IngestSpec
    from lensapp.ingest.importer import run_import
    from lensapp.learning.score.sharded import Shard, computed_here
    from lensapp.storage.arrays import PackedCutouts
    from lensapp.storage.workspace import Workspace

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network = prepare(folder / "net", network="elu_cnn", count=256, batches=2).network
        size = network.normalisation.size[0]
        (folder / "tiles").mkdir()
        path, header = write_tile(folder / "tiles", TILE_SIDE)
        pixels = fits.getdata(path)
        for factor, band in ((2, "g"), (3, "i")):  # the network's bands
            fits.writeto(folder / "tiles" / f"tile_{band}.fits", factor * pixels, header)
        ra, dec = positions(header, TILE_SIDE, count)
        lines = [f"o{number},{a},{d}" for number, (a, d) in enumerate(zip(ra, dec, strict=True))]
        (folder / "catalogue.csv").write_text("\n".join(["id,ra,dec", *lines]))
        ws = Workspace.open(folder / "workspace")
        usual = {"path": str(folder / "tiles"), "layout": "tiles", "size": size, "bands": ("g", "r", "i")}
        usual |= {"catalogue": str(folder / "catalogue.csv")}
        rates: dict[str, list[float]] = {"packed": [], "virtual": []}
        for way in ("packed", "virtual"):
            run_import(ws, name=way, spec=IngestSpec.parse(usual | {"virtual": way == "virtual"}))
        for turn in range(rounds + 1):
            for way, measured in rates.items():
                pixels = PackedCutouts.open(ws.cutouts_folder(way))
                shards = [Shard(number, rows, rows) for number, rows in enumerate(pixels.blocks(4096))]
                began = time.process_time()
                scored = sum(len(outputs) for _, outputs in computed_here(network, pixels, shards))
                if turn:
                    measured.append(scored / (time.process_time() - began))
    packed, virtual = (float(np.median(rates[way])) for way in ("packed", "virtual"))
    share = virtual / packed
    return {"figure": "scoring from tiles as a share of scoring from packed shards", "unit": "images/CPU s",
            "ours": round(virtual), "peer": round(packed), "ratio": round(share, 3), "target": 0.9,
            "met": bool(share >= 0.9)}  # fmt: skip


def write_scores(folder: Path, count: int) -> dict[str, float]:
    """Store made-up scores as shards do, and join them; rows of the database only for some cutouts."""
    from astropy.table import Table

    from lensapp.core.data.flux_units import factor_of_zero_point
    from lensapp.services.data.known_lenses import keep_known_lenses
    from lensapp.storage import sources
    from lensapp.storage.arrays import Packing, ShardWriter, write_flux_scales
    from lensapp.storage.scores import stored_scores
    from lensapp.storage.workspace import Workspace

    ws = Workspace.open(folder / "workspace")
    source = sources.create_source(
        ws.database, name="sky", kind="import", bands=("r",), height=8, width=8, slots=200_000,
        pixel_scale_arcsec=0.2, spec={},
    )  # fmt: skip
    run = add_run(ws, source, "net")
    files = stored_scores.score_files(ws, run.id, source.id)
    rng, part, high = np.random.default_rng(0), 2_000_000, []
    began = time.perf_counter()
    for start in range(0, count, part):
        ids = np.arange(start + 1, min(start + part, count) + 1)
        scores = (1 - rng.random(len(ids), np.float32) ** np.float32(0.1)).astype(np.float32)
        files.add(f"shard-{start // part:06d}", ids, scores)
        high.append(ids[scores >= np.partition(scores, -400)[-400]])
    written = time.perf_counter() - began
    joined = timed(files.join)
    in_database = np.union1d(
        np.concatenate(high), rng.choice(count, min(80_000, count // 100), replace=False) + 1
    )[:180_000]
    rows = [
        {"id": int(key), "row": row, "candidate_id": f"obj{key}", "ra_deg": row * 1e-3, "dec_deg": 0.0}
        | {"label": ("lens" if row % 200 == 0 else "nonlens") if row % 2 == 0 else None}
        for row, key in enumerate(in_database.tolist())
    ]
    for start in range(0, len(rows), 20_000):
        sources.add_cutouts(ws.database, source.id, rows[start : start + 20_000])
    packing = Packing.plan(slots=source.slots, height=8, width=8, bands=("r",))
    ShardWriter.create(ws.cutouts_folder("sky"), packing).finish()
    factor = factor_of_zero_point(27.0)
    write_flux_scales(ws.cutouts_folder("sky"), packing, 0, [[factor]] * source.slots)
    sources.finish_source(ws.database, source.id, quality={})
    lenses = folder / "lenses.csv"
    Table(
        {"name": [f"L{row}" for row in range(500)], "ra": np.arange(500) * 0.2, "dec": np.zeros(500)}
    ).write(lenses, format="csv")
    keep_known_lenses(ws, lenses)
    ws.database.close()
    return {"write_seconds": round(written, 1), "join_seconds": round(joined, 1)}


def ask_scores(folder: Path) -> dict[str, Any]:
    """Ask in this process, which has two cores and has read nothing yet, all that is asked of scores."""
    from lensapp.core.evaluate.histogram import ScoreHistogram
    from lensapp.core.inspect.review_spec import ReviewSpec
    from lensapp.services.catalogue.recall import known_recall
    from lensapp.services.data.known_lenses import kept_known_lenses
    from lensapp.services.inspect.queues import create_review
    from lensapp.services.score.scores import count_at_least, histogram, load_scored
    from lensapp.storage import runs, sources
    from lensapp.storage.workspace import Workspace

    ws = Workspace.open(folder / "workspace")
    run, source = runs.get_run(ws.database, "net"), sources.get_source(ws.database, "sky")
    steps: dict[str, float] = {}
    began = time.perf_counter()

    def step(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        answer = work()
        steps[name] = round(time.perf_counter() - started, 2)
        return answer

    scored = step("best and histogram", lambda: load_scored(ws, run=run, source=source))
    step("histogram of the page", lambda: histogram(scored))
    reach = {"run": run, "source": source, "threshold": THRESHOLD}
    step("threshold", lambda: count_at_least(ws, scored, **reach))
    step("ROC", lambda: ScoreHistogram(scored.tally["lens"], scored.tally["nonlens"], 0.0).counts())
    lenses = kept_known_lenses(ws)
    recall = step("known lenses", lambda: known_recall(ws, source_name="sky", known=lenses, run_name="net"))
    best = ReviewSpec(order="score", limit=BEST)
    review = step(
        "review", lambda: create_review(ws, name="top", source_name="sky", run_name="net", spec=best)
    )
    seconds = time.perf_counter() - began
    return {"steps": steps, "seconds": round(seconds, 2), "mb": peak_mb(), "scores": len(scored),
            "known_scored": recall["scored"], "reviewed": review.size}  # fmt: skip


def open_page(folder: Path) -> dict[str, Any]:
    """Draw the Score page in this process."""
    os.environ["LENSAPP_WORKSPACE"] = str(folder / "workspace")
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(str(PROJECT / "lensapp" / "ui" / "main.py"), default_timeout=120)
    page.run()  # Home: what a web process has done before anybody opens Score
    page.switch_page("../../pages/score.py")
    page.query_params["run"], page.query_params["source"] = "net", "sky"
    seconds = timed(page.run)
    if page.exception or len(page.get("plotly_chart")) != 1:
        raise SystemExit(f"The page is not as it should be: {[one.value for one in page.exception]}")
    return {"page_seconds": round(seconds, 2), "page_mb": peak_mb()}


def peak_mb() -> float:
    """Return the most memory that this process has held; what its parent held does not count."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return round(int(status["VmHWM"].split()[0]) / 1024)


def many_scores(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {"figure": f"{count:.0e} scores", **write_scores(Path(folder), count)}
        for what in ("ask", "page"):
            command = [sys.executable, __file__, "--inside", what, folder]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            figures |= json.loads(done.stdout.splitlines()[-1])
    goals = {name: figures[name] <= goal for name, goal in GOALS.items()}
    return figures | {"target": GOALS, "met": all(goals.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="A hundredth of the rows and of the scores.")
    parser.add_argument("--only", choices=("decades", "tiles", "scores"))
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
        inside = {"ask": ask_scores, "page": open_page}[arguments.inside[0]]
        print(json.dumps(inside(Path(arguments.inside[1]))))
        return
    counts = [500, 2500, 10_000] if arguments.quick else [10_000, 100_000, 1_000_000]
    parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "decades": lambda: decades(counts),
        "tiles": lambda: [from_tiles(500 if arguments.quick else 4000)],
        "scores": lambda: [many_scores(QUICK_SCORES if arguments.quick else 10**8)],
    }
    for name, part in parts.items():
        if arguments.only in (None, name):
            for figure in part():
                print(json.dumps({"benchmark": "scale"} | figure), flush=True)


if __name__ == "__main__":
    main()
