"""Columns of numbers that the figures and tables of studies are drawn from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.crossval import (
    THRESHOLDS,
    RocBand,
    Spread,
    ThresholdSpread,
    at_thresholds,
    count_folds,
    roc_band,
    summarise,
)
from lensapp.core.evaluate.metrics import told_figures
from lensapp.core.evaluate.score_axis import AIM_LABELS, FIRST_AIMS, ScoreAxis, axis_of
from lensapp.core.train.study_spec import SearchSpec
from lensapp.storage.evaluations import load_evaluation
from lensapp.storage.records import StudyRun
from lensapp.storage.workspace import Workspace

HELD_OUT = "validation"
ENDED = ("complete", "pruned", "failed")
HEADLINES = (
    "classes.accuracy",
    "classes.macro_auroc",
    "auroc",
    "average_precision",
    "tpr0",
    "tpr10",
    "accuracy",
    "purity",
    "completeness",
)
NO_HEADLINES = ("n", "dropout_passes")
MOST_FIGURES = 12
Columns = dict[str, Any]


@dataclass(frozen=True, eq=False)
class FoldCurves:
    """The out-of-fold scores of a cross-validation as curves.

    Attributes
    ----------
    names
        Of the folds that have been measured.
    n, n_positive
        Cutouts in them, and how many of these are lenses.
    band, thresholds
        See `lensapp.core.evaluate.crossval`.
    axis
        On which the scores of all folds can be told apart.
    highest
        Of all scores.
    """

    names: list[str]
    n: int
    n_positive: int
    band: RocBand
    thresholds: ThresholdSpread
    axis: ScoreAxis
    highest: float


@dataclass(frozen=True)
class ProposedInFolds:
    """The threshold that folds propose for an aim, and what they reach there: each the mean of the folds."""

    aim: str
    threshold: float
    purity: float
    completeness: float


def fold_curves(ws: Workspace, entries: list[StudyRun]) -> FoldCurves | None:
    """Return the curves of the folds measured so far, None before the first or for values."""
    names, parts = [], []
    for entry in entries:
        if "figures" not in entry.info:
            continue
        try:
            stored = load_evaluation(ws.run_folder(entry.run.name), HELD_OUT)
        except NotFound:  # a run that estimates values keeps no scores
            continue
        names.append(f"fold {entry.place}")
        parts.append((stored.labels, stored.rotated_scores[:, 0]))
    if not parts:
        return None
    try:
        counts = count_folds(parts)
    except InvalidInput:  # a fold without both classes has no curve
        return None
    scores = np.concatenate([scores for _, scores in parts])
    axis = axis_of(scores)
    return FoldCurves(
        names=names,
        n=sum(count.n for count in counts),
        n_positive=sum(count.n_positive for count in counts),
        band=roc_band(counts),
        thresholds=at_thresholds(counts, axis.grid(len(THRESHOLDS))),
        axis=axis,
        highest=float(scores.max()),
    )


def proposed_in_folds(summary: Mapping[str, Any], *, highest: float) -> ProposedInFolds | None:
    """Return the first of the usual aims for which the folds propose a threshold that some score reaches."""
    mean = summary.get("mean") or {}
    for aim in FIRST_AIMS:
        threshold, purity, completeness = (
            float(np.nan if (value := mean.get(f"suggested_thresholds.{aim}.{name}")) is None else value)
            for name in ("threshold", "purity", "completeness")
        )
        if 0 <= threshold <= highest and np.isfinite([purity, completeness]).all():
            return ProposedInFolds(AIM_LABELS[aim], threshold, purity, completeness)
    return None


def seconds_trained(entries: Iterable[StudyRun]) -> float:
    """Return how long the runs of a study have trained together."""
    return sum(float(entry.run.summary.get("seconds") or 0.0) for entry in entries)


def roc_table(curves: FoldCurves) -> Columns:
    """Return the ROC band as columns: rate, each fold, mean, median and std."""
    table: Columns = {"false_positive_rate": curves.band.rates}
    table |= dict(zip(curves.names, curves.band.folds, strict=True))
    return table | _spread_columns("completeness", curves.band.spread)


def threshold_table(curves: FoldCurves) -> Columns:
    """Return mean, median and std of completeness, false positive rate and purity at each threshold."""
    table: Columns = {"threshold": curves.thresholds.thresholds}
    for name in ("completeness", "false_positive_rate", "purity"):
        table |= _spread_columns(name, getattr(curves.thresholds, name))
    return table


def _spread_columns(name: str, spread: Spread) -> Columns:
    return {f"{name}_{kind}": getattr(spread, kind) for kind in ("mean", "median", "std")}


def fold_rows(entries: list[StudyRun], summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row per fold, then their mean, median and scatter, and the pooled figures if any."""
    summary = told_summary(summary)
    measured = {row["fold"]: row for row in summary.get("folds", [])}
    names = headline_figures(summary)
    rows = [
        {
            "fold": f"fold {entry.place}",
            "run": entry.run.name,
            "state": entry.run.state,
            "cutouts": measured.get(entry.place, {}).get("n"),
        }
        | {name: measured.get(entry.place, {}).get(name) for name in names}
        for entry in entries
    ]
    if len(measured) < 2:
        return rows
    pooled = summary.get("pooled") or {}
    for kind, words in (("mean", "mean"), ("median", "median"), ("std", "standard deviation")):
        figures = summary.get(kind) or {}
        rows.append({"fold": words} | {name: figures.get(name) for name in names})
    if pooled:
        rows.append(
            {"fold": "pooled", "cutouts": pooled.get("n")} | {name: pooled.get(name) for name in names}
        )
    return rows


def told_summary(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of folds without those that the non-lenses of a fold cannot tell."""
    folds = summary.get("folds", [])
    told = [told_figures(row) for row in folds]
    return summary if told == folds else summary | summarise(told) | {"folds": told}


def headline_figures(summary: dict[str, Any]) -> list[str]:
    """Return the names of the figures worth a column: those of scores, or all of a run without scores."""
    measured = summary.get("mean") or {}
    headlines = [name for name in HEADLINES if name in measured]
    return headlines or [name for name in measured if name not in NO_HEADLINES][:MOST_FIGURES]


def trial_rows(entries: list[StudyRun]) -> list[dict[str, Any]]:
    """Return a row per trial: number, run, state, value, epochs and each setting."""
    return [
        {
            "trial": entry.place,
            "run": entry.run.name,
            "state": entry.info.get("state", "running"),
            "value": entry.info.get("value"),
            "epochs": entry.run.summary.get("epochs"),
            "seconds": entry.run.summary.get("seconds"),
            "reason": entry.info.get("reason", ""),
        }
        | dict(entry.info.get("params", {}))
        for entry in entries
    ]


def best_so_far(values: NDArray[np.float64], *, minimises: bool) -> NDArray[np.float64]:
    """Return the best of the values up to each, NaN left out, shape (n,)."""
    worst = np.inf if minimises else -np.inf
    best = (np.minimum if minimises else np.maximum).accumulate(np.where(np.isfinite(values), values, worst))
    return np.where(np.isfinite(best), best, np.nan)


def trial_columns(entries: list[StudyRun], spec: SearchSpec) -> Columns:
    """Return the trials that have ended as columns: trial, value, state, best so far, and settings."""
    done = [entry for entry in entries if entry.info.get("state") in ENDED]
    values = np.array([entry.info.get("value") for entry in done], np.float64)  # None becomes NaN
    state = np.array([entry.info["state"] for entry in done], object)
    columns: Columns = {
        "trial": np.array([entry.place for entry in done], np.int64),
        "value": values,
        "state": state,
        "best": best_so_far(np.where(state == "complete", values, np.nan), minimises=spec.minimises),
    }
    for name in spec.space:
        columns[name] = np.array([entry.info["params"].get(name) for entry in done], object)
    return columns
