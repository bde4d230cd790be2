"""Measure the search for the candidates most alike one among a million: ours through a kept index.

The peer compares every candidate with numpy, the features in memory already scaled to length 1. Features are
128 numbers that scatter about a thousand centres in 16 dimensions, as those of a network do: they fill few of
their dimensions. Run `python benchmarks/neighbours.py [--quick]`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from lensapp.core.score.similarity import nearest, unit_rows
from lensapp.services.score.neighbours import build_index, search_index

DIMENSIONS, INNER, CENTRES = 128, 16, 1000
QUERIES = 20
COUNT = 50
TARGET_SECONDS = 0.5


def draw_features(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(INNER, DIMENSIONS)).astype(np.float32)
    centres = rng.normal(size=(CENTRES, INNER)).astype(np.float32)
    features = np.empty((count, DIMENSIONS), np.float32)
    for start in range(0, count, 100_000):
        chosen = rng.integers(CENTRES, size=min(100_000, count - start))
        inner = centres[chosen] + 0.5 * rng.normal(size=(len(chosen), INNER)).astype(np.float32)
        features[start : start + len(chosen)] = np.maximum(inner @ basis, 0.0)
    return features


def figure(name: str, unit: str, *, ours: float, peer: float, ratio: float, target: float, met: bool) -> None:
    line = {"benchmark": "neighbours", "figure": name, "unit": unit, "ours": ours, "peer": peer}
    print(json.dumps(line | {"ratio": ratio, "target": target, "met": bool(met)}))


def plain(scaled: np.ndarray, query: np.ndarray) -> np.ndarray:
    alike = scaled @ query
    best = np.argpartition(-alike, COUNT)[:COUNT]
    return best[np.argsort(-alike[best])]


def measure(features: np.ndarray, path: Path) -> None:
    scaled = unit_rows(features)
    rows = np.random.default_rng(1).integers(len(features), size=QUERIES)
    taken: dict[str, list[float]] = {"ours": [], "chunks": [], "numpy": []}
    hits = 0
    for row in rows.tolist():
        started = time.perf_counter()
        found, _ = search_index(path, features[[row]], COUNT)
        taken["ours"].append(time.perf_counter() - started)
        started = time.perf_counter()
        true = plain(scaled, scaled[row])
        taken["numpy"].append(time.perf_counter() - started)
        hits += len(np.intersect1d(found[0], true))
    for row in rows[:3].tolist():
        started = time.perf_counter()
        nearest(features, features[[row]], COUNT)
        taken["chunks"].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    first = taken["ours"][0]
    recall = hits / (QUERIES * COUNT)
    for name, seconds in medians.items():
        print(f"{COUNT} most alike of {len(features)} by {name:7s} {seconds * 1e3:9.2f} ms")
    print(f"first query with the file just opened {first * 1e3:.2f} ms; recall {recall:.4f}")
    ratio = round(medians["numpy"] / medians["ours"], 1)
    figure(
        f"{COUNT} most alike of {len(features)} candidates, index open",
        "s",
        ours=round(medians["ours"], 5),
        peer=round(medians["numpy"], 5),
        ratio=ratio,
        target=TARGET_SECONDS,
        met=statistics.median(taken["ours"]) < TARGET_SECONDS,
    )
    figure("recall", "share", ours=recall, peer=1.0, ratio=recall, target=0.95, met=recall >= 0.95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 000 candidates instead of a million")
    features = draw_features(100_000 if parser.parse_args().quick else 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "neighbours.usearch"
        started = time.perf_counter()
        build_index(path, features)
        seconds = time.perf_counter() - started
        size = path.stat().st_size / 1e6
        print(f"built in {seconds:.1f} s ({len(features) / seconds:.0f} candidates/s), {size:.0f} MB")
        measure(features, path)


if __name__ == "__main__":
    main()
