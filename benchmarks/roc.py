"""Measure what plots and figures of millions of scores cost: thinned curves and mergeable histograms.

The peer is the plain way: every point of scikit-learn's curve sent to the browser, and for the histogram
65 536 bins of equal width. Every figure with its interval is timed at 10⁶ scores, and at 10⁸ through
histograms, where the peer's time is that of a million scores, times a hundred. So is a paired comparison of
two runs, through counts of both scores together, and the command `metrics` on a table of 10⁷ rows. Scores
are those of a confident network (most within 1e-4 of 0 or 1) at one lens in a hundred.
Run `python benchmarks/roc.py [--quick]`.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pyarrow
from memory import resident_mb
from pyarrow import parquet
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from lensapp.core.evaluate.compare.joint import JointHistogram
from lensapp.core.evaluate.curves import count_thresholds, roc, thinned
from lensapp.core.evaluate.histogram import BINS, ScoreHistogram
from lensapp.core.evaluate.metrics import (
    auroc,
    average_precision,
    brier,
    figures_of,
    recall_with_fewer_false_positives,
)
from lensapp.core.evaluate.resampling import compare_figures as paired
from lensapp.core.evaluate.resampling import intervals_of_counts

ROUNDS = 3


def draw_scores(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.random(count) < 0.01
    logits = rng.normal(np.where(labels, 6.0, -8.0), 4.0)
    return labels, (1 / (1 + np.exp(-logits))).astype(np.float32)


def figure(
    name: str, unit: str, *, ours: float, peer: float, ratio: float | None, target: float, met: bool
) -> None:
    line = {"benchmark": "roc", "figure": name, "unit": unit, "ours": ours, "peer": peer, "ratio": ratio}
    print(json.dumps(line | {"target": target, "met": bool(met)}))


def median_seconds(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in taken.items()}


def plot_bytes(*columns: np.ndarray) -> int:
    return len(json.dumps([column.tolist() for column in columns]))


def compare_curves(labels: np.ndarray, scores: np.ndarray) -> None:
    rate, completeness, _ = roc(count_thresholds(labels, scores))
    keep = thinned(rate, completeness)
    whole = plot_bytes(*roc_curve(labels, scores, drop_intermediate=False)[:2])
    thin = plot_bytes(rate[keep], completeness[keep])
    error = abs(np.trapezoid(completeness[keep], rate[keep]) - roc_auc_score(labels, scores))
    print(f"curve   {rate.size} points, {whole / 1e6:.1f} MB -> {keep.size} points, {thin / 1e3:.0f} kB")
    figure(
        "size of a plotted ROC",
        "bytes",
        ours=thin,
        peer=whole,
        ratio=round(whole / thin, 1),
        target=100,
        met=whole / thin >= 100,
    )
    figure(
        "area lost by thinning",
        "AUROC",
        ours=float(error),
        peer=0.0,
        ratio=1.0,
        target=1e-4,
        met=error <= 1e-4,
    )


def compare_histograms(labels: np.ndarray, scores: np.ndarray) -> None:
    exact = count_thresholds(labels, scores)
    ours = ScoreHistogram.of(labels, scores).counts()
    peer = count_thresholds(labels, np.minimum((scores.astype(np.float64) * BINS).astype(int), BINS - 1))
    for name, of, target in (
        ("AUROC", auroc, 1e-6),
        ("average precision", average_precision, 1e-3),
        ("TPR10", lambda counts: recall_with_fewer_false_positives(counts, limit=10), 1e-2),
    ):
        mine, theirs = abs(of(ours) - of(exact)), abs(of(peer) - of(exact))
        print(f"error of {name:18s} ours {mine:.1e}   equal bins {theirs:.1e}")
        gain = round(theirs / mine, 1) if mine else None
        figure(
            f"error of {name} in 65 536 bins",
            name,
            ours=mine,
            peer=theirs,
            ratio=gain,
            target=target,
            met=mine <= target,
        )


def compare_speed(labels: np.ndarray, scores: np.ndarray) -> None:
    taken = median_seconds(
        {
            "ours": lambda: auroc(count_thresholds(labels, scores)),
            "histogram": lambda: auroc(ScoreHistogram.of(labels, scores).counts()),
            "scikit-learn": lambda: roc_auc_score(labels, scores),
        }
    )
    for name, seconds in taken.items():
        print(f"AUROC by {name:14s} {seconds:7.3f} s")
    ratio = round(taken["scikit-learn"] / taken["ours"], 2)
    figure(
        "time of an exact AUROC",
        "s",
        ours=taken["ours"],
        peer=taken["scikit-learn"],
        ratio=ratio,
        target=1.0,
        met=ratio >= 1,
    )


def compare_figures(labels: np.ndarray, scores: np.ndarray) -> None:
    """Time every figure with its interval, beside scikit-learn's AUROC and average precision alone."""

    def ours() -> None:
        counts = count_thresholds(labels, scores)
        figures_of(counts, brier=brier(labels, scores))
        intervals_of_counts(counts, rng=np.random.default_rng(0))

    taken = median_seconds(
        {
            "ours": ours,
            "scikit-learn": lambda: (roc_auc_score(labels, scores), average_precision_score(labels, scores)),
        }
    )
    for name, seconds in taken.items():
        print(f"figures of {labels.size} scores by {name:14s} {seconds:7.3f} s")
    figure(
        "time of every figure with its interval",
        "s",
        ours=taken["ours"],
        peer=taken["scikit-learn"],
        ratio=round(taken["scikit-learn"] / taken["ours"], 2),
        target=2.0,
        met=taken["ours"] < 2.0,
    )


def count_many(labels: np.ndarray, scores: np.ndarray, *, chunks: int) -> None:
    """Count the same scores again and again in chunks: memory is that of one chunk and the histogram."""
    started = time.perf_counter()
    whole = ScoreHistogram.empty()
    for _ in range(chunks):
        whole += ScoreHistogram.of(labels, scores)
    counted = time.perf_counter() - started
    started = time.perf_counter()
    counts = whole.counts()
    figures_of(counts, brier=whole.brier)
    intervals_of_counts(counts, rng=np.random.default_rng(0))
    seconds = time.perf_counter() - started
    print(f"{counts.n:.1e} scores through histograms: counted in {counted:.1f} s, figures in {seconds:.2f} s")
    started = time.perf_counter()
    roc_auc_score(labels, scores)
    average_precision_score(labels, scores)
    peer = (time.perf_counter() - started) * chunks
    figure(
        f"time of every figure of {counts.n:.0e} scores through histograms",
        "s",
        ours=counted + seconds,
        peer=peer,
        ratio=round(peer / (counted + seconds), 2),
        target=1.0,
        met=counted + seconds <= peer,
    )


def compare_pairs(labels: np.ndarray, scores: np.ndarray, *, chunks: int) -> None:
    """Compare two runs on the same objects, counted together in chunks, beside resampling all at once."""
    rng = np.random.default_rng(1)
    logits = np.log(np.clip(scores, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(scores, 1e-6, 1 - 1e-6))
    other = (1 / (1 + np.exp(-(logits + rng.normal(0, 2.0, len(scores)))))).astype(np.float32)
    started = time.process_time()
    joint = JointHistogram.empty()
    for _ in range(chunks):
        joint += JointHistogram.of(labels, scores, other)
    counted = time.process_time() - started
    started = time.process_time()
    joint.compare(rng=np.random.default_rng(0))
    seconds = time.process_time() - started
    print(
        f"{chunks * len(labels):.1e} pairs: counted in {counted:.1f} CPU s, compared in {seconds:.1f} CPU s"
    )
    few = slice(None, 100_000)
    started = time.process_time()
    paired(labels[few], scores[few], other[few], rng=np.random.default_rng(0))
    peer = (time.process_time() - started) * chunks * len(labels) / 100_000
    figure(
        f"time of a paired comparison of {chunks * len(labels):.0e} objects through counts of both",
        "CPU s",
        ours=counted + seconds,
        peer=peer,
        ratio=round(peer / (counted + seconds), 2),
        target=120.0,
        met=counted + seconds < 120,
    )


def measure_table(count: int) -> None:
    """Measure a Parquet table by the command `metrics`; report CPU time and memory of all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scores.parquet")
        labels, scores = draw_scores(count)
        parquet.write_table(pyarrow.table({"score": scores, "label": labels.astype(np.int8)}), path)
        del labels, scores
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [
            sys.executable,
            "-m",
            "lensapp",
            "metrics",
            str(path),
            "--score",
            "score",
            "--label",
            "label",
        ]
        process = subprocess.Popen(
            [*command, "--json"], cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, resident_mb(process.pid))
            time.sleep(0.1)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"metrics of a table of {count:.0e} rows: {seconds:.1f} CPU s, {peak:.0f} MB")
    for name, unit, value, target in (
        ("memory", "MB", peak, 1_000.0),
        ("CPU time", "CPU s", seconds, 30.0),
    ):
        figure(
            f"{name} of the command metrics, {count:.0e} rows of Parquet", unit,
            ours=value, peer=target, ratio=round(value / target, 3), target=target, met=value < target,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300 000 scores instead of 2 000 000")
    quick = parser.parse_args().quick
    labels, scores = draw_scores(300_000 if quick else 2_000_000)
    compare_curves(labels, scores)
    compare_histograms(labels, scores)
    compare_speed(labels, scores)
    million = slice(None, 300_000 if quick else 1_000_000)
    compare_figures(labels[million], scores[million])
    count_many(labels[million], scores[million], chunks=10 if quick else 100)
    compare_pairs(labels[million], scores[million], chunks=10)
    measure_table(2_000_000 if quick else 10_000_000)


if __name__ == "__main__":
    main()
