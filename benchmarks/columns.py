"""Measure filters on a source of a million cutouts, and the import of eight columns of scores for them.

The peer of a filter is pandas: the columns read from the same Parquet file, then `DataFrame.query`. Run
`python benchmarks/columns.py [--quick]`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.services.score.score_imports import import_scores
from lensapp.storage import sources
from lensapp.storage.columns import source_columns
from lensapp.storage.columns.filtering import kept_by
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

ROUNDS, TABLES, AT_ONCE = 7, 8, 10_000
BANDS = "ugrizyjh"
FIELDS = ("EDF-N", "EDF-S", "EDF-F")
WHERE = 'mag_i < 22 & star < 0.5 & field == "EDF-N"'
FILTER_SECONDS, IMPORT_SECONDS = 1.0, 60.0


def make_source(ws: Workspace, count: int) -> Source:
    source = sources.create_source(
        ws.database, name="sky", kind="import", bands=["i"], height=8, width=8, slots=count,
        pixel_scale_arcsec=0.1, spec={},
    )  # fmt: skip
    ws.cutouts_folder("sky").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for start in range(0, count, AT_ONCE):
        magnitudes = rng.normal(22, 2, (AT_ONCE, len(BANDS))).round(4).tolist()
        stars, fields = rng.random(AT_ONCE).round(3).tolist(), rng.choice(FIELDS, AT_ONCE).tolist()
        rows = [
            {"row": start + k, "candidate_id": f"J{start + k:08d}", "ra_deg": k / 100, "dec_deg": start / 1e5}
            | {"properties": {f"mag_{b}": m for b, m in zip(BANDS, magnitudes[k], strict=True)}
               | {"star": stars[k], "field": fields[k]}}
            for k in range(AT_ONCE)
        ]  # fmt: skip
        sources.add_cutouts(ws.database, source.id, rows)
    sources.finish_source(ws.database, source.id, quality={})
    return sources.get_source(ws.database, "sky")


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_filters(ws: Workspace, source: Source, count: int) -> None:
    writing = timed(lambda: source_columns.write_columns(ws, source))
    path = ws.cutouts_folder("sky") / source_columns.COLUMNS
    print(f"{count} rows by columns written in {writing:.1f} s, {path.stat().st_size / 1e6:.0f} MB")
    ids = np.asarray(source_columns.read_columns(ws, source, ["cutout_id"])["cutout_id"])
    kept: list[int] = []

    def ours() -> None:
        source_columns.column_of.cache_clear()
        kept.append(int(kept_by(ws, [source], WHERE, ids=ids).sum()))

    def peer() -> None:
        table = pd.read_parquet(path, columns=["cutout_id", "mag_i", "star", "field"])
        kept.append(len(table.query(WHERE)))

    taken = [(timed(ours), timed(peer)) for _ in range(ROUNDS)]
    again = statistics.median(timed(lambda: kept_by(ws, [source], WHERE, ids=ids)) for _ in range(ROUNDS))
    if len(set(kept)) > 1:
        raise SystemExit(f"The two filters keep different numbers of rows: {set(kept)}.")
    first, pandas = (statistics.median(one) for one in zip(*taken, strict=True))
    figure("filter on 3 of 10 columns, read from the file", first, pandas, target=FILTER_SECONDS)
    figure("the same again, columns in memory", again, pandas, target=FILTER_SECONDS)


def measure_import(ws: Workspace, folder: Path, count: int) -> None:
    rng, names = np.random.default_rng(1), [f"score_{number}" for number in range(TABLES)]
    table = {"object_id": [f"J{k:08d}" for k in rng.permutation(count).tolist()]}
    table |= {name: rng.random(count) for name in names}
    file, spec = folder / "theirs.parquet", ScoreTableSpec(scores=tuple(names))
    pq.write_table(pa.table(table), file)

    def ours() -> None:
        import_scores(ws, file=str(file), source_name="sky", names=names, dataset=None, spec=spec)

    figure(f"{TABLES} columns of scores imported", timed(ours), None, target=IMPORT_SECONDS)


def figure(name: str, ours: float, peer: float | None, *, target: float) -> None:
    ratio = None if peer is None else round(peer / ours, 2)
    line = {"benchmark": "columns", "figure": name, "unit": "s", "ours": round(ours, 3), "peer": peer}
    print(json.dumps(line | {"ratio": ratio, "target": target, "met": ours < target}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 000 cutouts instead of a million")
    count = 100_000 if parser.parse_args().quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        ws = Workspace.open(Path(folder) / "workspace")
        source = make_source(ws, count)
        measure_filters(ws, source, count)
        measure_import(ws, Path(folder), count)
        ws.database.close()


if __name__ == "__main__":
    main()
