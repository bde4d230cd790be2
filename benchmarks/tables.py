"""Measure what is worked out over a whole table at once: near-duplicates, and the consensus of votes.

The peer of the groups compares the perceptual hashes of all pairs, block by block, in numpy; that of the
consensus is pandas: sort, keep each inspector's last vote, group. Both answers are held against ours before
anything is timed. Run `python benchmarks/tables.py [--quick]`.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd

from lensapp.core.inspect.consensus import columns_of, consensus_of_columns
from lensapp.core.split.duplicates import near_duplicate_groups

ROUNDS, BITS, BLOCK = 5, 3, 500
INSPECTORS = 10
GROUP_SECONDS, CONSENSUS_SECONDS = 5.0, 1.0


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


def timed(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def in_turn(ours: Callable[[], Any], peer: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Return the median processor seconds of both, run in turn."""
    pairs = [(timed(ours), timed(peer)) for _ in range(rounds)]
    return statistics.median(one for one, _ in pairs), statistics.median(other for _, other in pairs)


def report(name: str, ours: float, peer: float, target: float) -> None:
    line = {
        "benchmark": "tables",
        "figure": name,
        "unit": "s",
        "ours": round(ours, 3),
        "peer": round(peer, 3),
    }
    print(
        json.dumps(line | {"ratio": round(peer / ours, 1), "target": target, "met": ours < target}),
        flush=True,
    )


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
    report(
        f"near-duplicates among {count} hashes of 64 bits, beside all pairs in numpy", *seconds, GROUP_SECONDS
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
    report(
        f"consensus of {count} votes of {INSPECTORS} inspectors, beside pandas", *seconds, CONSENSUS_SECONDS
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the hashes and votes")
    share = 5 if parser.parse_args().quick else 1
    measure_groups(100_000 // share)
    measure_consensus(100_000 // share)


if __name__ == "__main__":
    main()
