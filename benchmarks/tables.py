"""Measure work on whole tables: filters, imported scores, near-duplicates, consensus of votes.

The peer of a filter is pandas: the columns read from the same Parquet file, then `DataFrame.query`. That of
near-duplicates compares the perceptual hashes of all pairs in numpy, that of the consensus is pandas: sort,
keep each inspector's last vote, group. Their answers are held against ours before anything is timed. Run
`python benchmarks/tables.py [--quick]`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lensapp.core.inspect.consensus import columns_of, consensus_of_columns
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.core.split.duplicates import near_duplicate_groups
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
BITS, BLOCK = 3, 500
INSPECTORS = 10
GROUP_SECONDS, CONSENSUS_SECONDS = 5.0, 1.0


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
    line = {
        "benchmark": "tables",
        "figure": name,
        "unit": "s",
        "ours": round(ours, 3),
        "peer": peer and round(peer, 3),
    }
    print(json.dumps(line | {"ratio": ratio, "target": target, "met": ours < target}))


@dataclass(frozen=True)
class Vote:
    """A vote as the database keeps it."""

    cutout_id: int
    inspector: str
    grade: str
    client: str
    seq: int
    voted_at: float
    received_at: float
    value: float | None = None


def processor_time(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def in_turn(ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median processor seconds of both, run in turn."""
    pairs = [(processor_time(ours), processor_time(peer)) for _ in range(rounds)]
    return statistics.median(one for one, _ in pairs), statistics.median(other for _, other in pairs)


def draw_hashes(count: int) -> np.ndarray:
    """Draw hashes of 64 bits, of which a thousandth is that of another image but for three bits."""
    values = np.random.default_rng(0).integers(0, 2**64, count, dtype=np.uint64)
    alike = count // 1000
    values[count // 2 : count // 2 + alike] = values[:alike] ^ np.uint64(0b111)
    return values


def near_pairs(values: np.ndarray) -> np.ndarray:
    """Return all pairs of hashes that differ in at most BITS bits, by comparing every two."""
    pairs = []
    for start in range(0, len(values), BLOCK):
        near = np.bitwise_count(values[start : start + BLOCK, None] ^ values[None, start:]) <= BITS
        first, second = np.nonzero(near)
        pairs.append(np.stack([first, second], axis=1)[first < second] + start)
    return np.concatenate(pairs)


def measure_groups(count: int) -> None:
    values = draw_hashes(count)
    hashes = [f"{value:016x}" for value in values.tolist()]
    groups, pairs = near_duplicate_groups(hashes, bits=BITS), near_pairs(values)
    assert (groups[pairs[:, 0]] == groups[pairs[:, 1]]).all()
    assert len(np.unique(groups)) == count - len(pairs)
    seconds = in_turn(lambda: near_duplicate_groups(hashes, bits=BITS), lambda: near_pairs(values), 1)
    figure(
        f"near-duplicates among {count} hashes of 64 bits, beside all pairs in numpy",
        *seconds,
        target=GROUP_SECONDS,
    )


def draw_votes(count: int) -> list[Vote]:
    rng = np.random.default_rng(0)
    grades, people = rng.choice(list("ABCX"), count), rng.integers(0, INSPECTORS, count)
    return [
        Vote(k % (count // 5), f"i{person}", str(grade), f"c{person}", k, float(k), float(k))
        for k, (grade, person) in enumerate(zip(grades, people, strict=True))
    ]


def by_pandas(table: pd.DataFrame) -> pd.DataFrame:
    last = table.sort_values("seq").drop_duplicates(["cutout", "inspector"], keep="last")
    return last.groupby("cutout")["value"].agg(["size", "mean", lambda value: value.std(ddof=0)])


def measure_consensus(count: int) -> None:
    votes = draw_votes(count)
    columns, names = columns_of(votes), sorted({vote.inspector for vote in votes})
    table = pd.DataFrame({"cutout": columns.cutout, "seq": columns.seq, "inspector": columns.inspector})
    table["value"] = columns.value
    ours, peer = consensus_of_columns(columns, names), by_pandas(table)
    assert (ours.votes == peer["size"].to_numpy()).all()
    np.testing.assert_allclose(ours.mean, peer["mean"].to_numpy(), atol=1e-12)
    seconds = in_turn(lambda: consensus_of_columns(columns, names), lambda: by_pandas(table), ROUNDS)
    figure(
        f"consensus of {count} votes of {INSPECTORS} inspectors, beside pandas",
        *seconds,
        target=CONSENSUS_SECONDS,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    count = 100_000 if parser.parse_args().quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        ws = Workspace.open(Path(folder) / "workspace")
        source = make_source(ws, count)
        measure_filters(ws, source, count)
        measure_import(ws, Path(folder), count)
        ws.database.close()
    measure_groups(count // 10)
    measure_consensus(count // 10)


if __name__ == "__main__":
    main()
