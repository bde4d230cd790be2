"""Measure what plots and figures of millions of scores cost: thinned curves and mergeable histograms.

The peer is the plain way: every point of scikit-learn's curve sent to the browser, and for the histogram
65 536 bins of equal width. Every figure with its interval is timed at 10⁶ scores, and at 10⁸ through
histograms, where the peer's time is that of a million scores, times a hundred. Scores are those of a
confident network (most within 1e-4 of 0 or 1) at one lens in a hundred.
Run `python benchmarks/roc.py [--quick]`.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from lensapp.core.evaluate.curves import count_thresholds, roc, thinned
from lensapp.core.evaluate.histogram import BINS, ScoreHistogram
from lensapp.core.evaluate.metrics import (
    auroc,
    average_precision,
    brier,
    figures_of,
    recall_with_fewer_false_positives,
)
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


if __name__ == "__main__":
    main()
