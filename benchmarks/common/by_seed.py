"""Figures of trainings by row and seed: a table of what each row changes, and lines of JSON beside a peer."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lensapp.core.config import read_json
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.metrics import auroc, recall_at_rate

FIGURES = ("AUROC", "recall at FPR 1 %")
RATE = 0.01  # at which the recall is taken

Found = dict[str, dict[str, list[float]]]  # by row and seed, in the order of FIGURES


def kept_results(path: Path | None, settings: dict[str, Any], parser: ArgumentParser) -> dict[str, Any]:
    """Return the settings and the `found` figures that a file keeps; of other settings it is refused."""
    if path is None or not path.exists():
        return {"settings": settings, "found": {}}
    kept: dict[str, Any] = read_json(path)
    if kept["settings"] != settings:
        parser.error(f"{path} holds results of {kept['settings']}. Give another file.")
    return kept


def make_parser(description: str | None, *, quick: str, count: int) -> ArgumentParser:
    """Return a parser of what both benchmarks are asked; `--only` is to be added."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--network", default="elu_cnn")
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--results", type=Path, help="JSON file that keeps what was trained")
    return parser


def figures_of(labels: NDArray[Any], scores: NDArray[Any]) -> list[float]:
    """Return the FIGURES of scores of cutouts, whose label is 1 for a lens."""
    counts = count_thresholds(labels == 1, scores)
    return [float(auroc(counts)), float(recall_at_rate(counts, RATE))]


def difference(values: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean difference of paired values and half the width of its 95 % interval."""
    pairs = values - others
    if len(pairs) < 2:
        return float(pairs.mean()), np.nan
    half = stats.t.ppf(0.975, len(pairs) - 1) * pairs.std(ddof=1) / np.sqrt(len(pairs))
    return float(pairs.mean()), float(half)


def print_table(found: Found, *, base: str, heading: str) -> None:
    """Print mean and scatter of each row, and what it changes against the row `base` with the same seeds."""
    print(f"{heading:>28} seeds {'AUROC':>16} {'change':>18} {'recall at FPR 1 %':>18} {'change':>18}")
    for name, by_seed in found.items():
        values = np.array(list(by_seed.values()))
        seeds = [seed for seed in by_seed if seed in found.get(base, {})]
        cells = []
        for column in range(len(FIGURES)):
            spread = values[:, column].std(ddof=1) if len(values) > 1 else np.nan
            cells.append(f"{values[:, column].mean():>7.4f} ± {spread:.4f}")
            if name == base or not seeds:
                cells.append("")
                continue
            pairs = [np.array([one[seed][column] for seed in seeds]) for one in (by_seed, found[base])]
            cells.append("{:+.4f} ± {:.4f}".format(*difference(*pairs)))
        print(f"{name:>28} {len(values):>5} {cells[0]:>16} {cells[1]:>18} {cells[2]:>18} {cells[3]:>18}")


def print_rows(
    found: Found, ours: Iterable[str], *, peer: str, benchmark: str, network: str, better: bool = False
) -> None:
    """Print a line of JSON per figure of some rows beside a peer; met where not worse, or `better`."""
    theirs = np.mean(list(found[peer].values()), axis=0)
    for name in (one for one in ours if one in found):
        means = np.mean(list(found[name].values()), axis=0)
        for figure, mine, other in zip(FIGURES, means, theirs, strict=True):
            row = {
                "benchmark": benchmark,
                "figure": f"{figure}, {name}, {network}",
                "unit": "",
                "ours": float(mine),
                "peer": float(other),
                "ratio": float(mine / other) if other else None,
                "target": 1.0,
                "met": bool(mine > other or (mine == other and not better)),
            }
            print(json.dumps(row, ensure_ascii=False))
