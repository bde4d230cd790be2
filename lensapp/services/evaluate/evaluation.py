"""What the Evaluate page shows of a run, from its stored numbers: no network is loaded."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate import estimation
from lensapp.core.evaluate.compare.overlap import usual_top
from lensapp.core.evaluate.curves import (
    PLOT_POINTS,
    Confusion,
    FloatArray,
    ThresholdCounts,
    confusion_at,
    count_thresholds,
    precision_recall,
    roc,
    thinned,
)
from lensapp.core.evaluate.estimation import EstimateFigures, measure_estimates, recovered_bands
from lensapp.core.evaluate.histogram import counts_of_many
from lensapp.core.evaluate.intervals import Interval, Trials, trials_of, wilson_limits
from lensapp.core.evaluate.metrics import (
    COIN,
    DEFAULT_THRESHOLD,
    Figures,
    Suggestion,
    ThresholdProposals,
    brier,
    figures_of,
    untold_figures,
)
from lensapp.core.evaluate.multiclass import ClassFigures, measure_classes
from lensapp.core.evaluate.prevalence import purity_at_prevalence
from lensapp.core.evaluate.resampling import FIGURES, figure_intervals, purity_band, roc_band
from lensapp.core.evaluate.score_axis import FIRST_AIMS, ScoreAxis, axis_of
from lensapp.core.once import once
from lensapp.core.plurals import counted
from lensapp.core.train.tasks import FittedTask, load_task
from lensapp.services.evaluate.histogram_bins import bins_for
from lensapp.services.train.run_networks import is_another_network, network_dated
from lensapp.storage import evaluations, runs
from lensapp.storage.evaluations import StoredEstimates, StoredEvaluation
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

Columns = dict[str, FloatArray]
Outcome = Literal["false_positive", "false_negative", "true_positive"]
CURVE_POINTS, CLASS_CURVE_POINTS, BAND_RATES = PLOT_POINTS, 500, 100
SCATTER_POINTS, VALUE_SCATTER_POINTS = 5_000, 3_000
NEARLY = 0.75  # of the best F1: less is far from it
ROUNDING = 5e-5  # scatter under rotations that is written 0.00 %


@dataclass(frozen=True, eq=False)
class Measured:
    """A run measured on one part of its dataset.

    Attributes
    ----------
    run, part
        Names.
    outdated
        Whether the network has changed since; evaluate again.
    """

    run: str
    part: str
    outdated: bool


@dataclass(frozen=True, eq=False)
class Evaluation(Measured):
    """Scores of lens or not and, of a run that predicts classes, their probabilities."""

    stored: StoredEvaluation

    @property
    def scores(self) -> NDArray[np.float32]:
        """Scores of the cutouts as they are, shape (n,)."""
        return self.stored.rotated_scores[:, 0]

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Whether each cutout is a lens, shape (n,)."""
        return self.stored.labels

    @cached_property
    def counts(self) -> ThresholdCounts:
        """Outcomes at each distinct score (at 65 536 scores above a million cutouts)."""
        return counts_of_many(self.labels, self.scores)

    @cached_property
    def score_axis(self) -> ScoreAxis:
        """The axis on which the scores can be told apart."""
        return axis_of(self.scores)

    @cached_property
    def outcomes_at_stops(self) -> tuple[list[float], list[Confusion]]:
        """Thresholds at which the outcomes change from one stop of the slider to the next, and these."""
        stops: list[float] = []
        outcomes: list[Confusion] = []
        for stop in self.score_axis.stops().tolist():
            at_stop = confusion_at(self.counts, stop)
            if not outcomes or at_stop != outcomes[-1]:
                stops.append(stop)
                outcomes.append(at_stop)
        return stops, outcomes

    @cached_property
    def brier(self) -> float | None:
        """Mean squared difference of score and truth."""
        return brier(self.labels, self.scores)

    def figures_at(self, threshold: float) -> Figures:
        """Return every figure with purity, completeness and confusion at `threshold`."""
        return figures_of(self.counts, threshold=threshold, brier=self.brier, trials=self.trials)

    @cached_property
    def trials(self) -> Trials:
        """How many trials the shares at each score are worth, an object counted once."""
        return trials_of(self.counts, self.labels, self.scores, self.stored.group_ids)

    @cached_property
    def objects_once(self) -> str:
        """That limits count each object once, to follow their name, where several cutouts show one."""
        groups = self.stored.group_ids
        objects = self.counts.n if groups is None else len(np.unique(groups))
        return f", each of {counted(objects, 'object')} counted once" if objects < self.counts.n else ""

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Figures with their 95 % limits."""
        stored = self.stored.figures.get("intervals")
        if stored:
            return {name: Interval(**limits) for name, limits in stored.items()}
        groups = self.stored.group_ids
        return figure_intervals(self.labels, self.scores, rng=np.random.default_rng(0), groups=groups)

    @property
    def limits_by(self) -> str:
        """How the limits of the figures were found, in words."""
        if self.stored.group_ids is not None:
            return "by resampling, cutouts of one object together"
        return "of the AUROC after DeLong, else by resampling"

    @property
    def no_better_than_chance(self) -> str:
        """That the limits of the AUROC hold chance, or lie below it, in a sentence; else nothing."""
        area = self.intervals["auroc"]
        if area.low > COIN:
            return ""
        means = "no better than chance"
        if area.value > COIN:
            lenses, others = self.counts.n_positive, self.counts.n_negative
            means = f"not told from chance by {counted(lenses, 'lens')} and {counted(others, 'non-lens')}"
        elif area.high < COIN:
            means = "worse than chance: non-lenses get higher scores than lenses"
        return f"AUROC {area.value:.3f} (95\u00a0%: {area.low:.3f}–{area.high:.3f}): {means}."

    @cached_property
    def roc_band(self) -> Columns:
        """95 % limits of the ROC at fixed false positive rates: false_positive_rate, low, high."""
        rates = np.append(0.0, np.geomspace(1 / self.counts.n_negative, 1.0, BAND_RATES))
        rng = np.random.default_rng(0)
        low, high = roc_band(self.labels, self.scores, rates=rates, rng=rng, groups=self.stored.group_ids)
        return {"false_positive_rate": rates, "low": low, "high": high}

    @cached_property
    def purity_band(self) -> Columns:
        """95 % limits of the purity at fixed completeness: completeness, low, high."""
        steps = min(self.counts.n_positive, BAND_RATES)
        completeness, rng = np.linspace(1 / steps, 1.0, steps), np.random.default_rng(0)
        groups = self.stored.group_ids
        low, high = purity_band(self.labels, self.scores, completeness=completeness, rng=rng, groups=groups)
        return {"completeness": completeness, "low": low, "high": high}

    @property
    def resolved(self) -> tuple[str, ...]:
        """Names of the figures that the part can tell: no rate, TPR0 or TPR10 that needs more non-lenses."""
        untold = untold_figures(self.counts.n_negative)
        return tuple(name for name in FIGURES if name not in untold)

    @cached_property
    def proposals(self) -> ThresholdProposals | None:
        """Thresholds for common aims, chosen on the validation part; None where there is none."""
        stored = self.stored.figures.get("suggested_thresholds")
        return ThresholdProposals.from_dict(stored) if stored else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their probabilities; none for lens or not."""
        if self.stored.probabilities is None or self.stored.class_labels is None:
            return ()
        return tuple(one["name"] for one in self.stored.figures["classes"]["classes"])

    @cached_property
    def class_figures(self) -> ClassFigures:
        """The figures of each class, of a run that predicts classes."""
        labels, probabilities = np.asarray(self.stored.class_labels), np.asarray(self.stored.probabilities)
        return measure_classes(labels, probabilities, classes=self.classes)

    def class_curves(self) -> dict[str, Columns]:
        """Return the ROC of each class of the part against the rest, at most 500 points each."""
        curves = {}
        labels, probabilities = np.asarray(self.stored.class_labels), np.asarray(self.stored.probabilities)
        for column, name in enumerate(self.classes):
            belongs = labels == column
            if belongs.any() and not belongs.all():
                counts = count_thresholds(belongs, probabilities[:, column])
                curves[name] = _roc_columns(counts, limit=CLASS_CURVE_POINTS)
        return curves


@dataclass(frozen=True, eq=False)
class ValueEvaluation(Measured):
    """Values estimated with their uncertainties, beside the truth."""

    stored: StoredEstimates

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the values in order."""
        return tuple(target["name"] for target in self.stored.figures["targets"])

    @cached_property
    def figures(self) -> EstimateFigures:
        """The figures of all values."""
        return measure_estimates(self.stored.truth, self.stored.mean, self.stored.sigma, targets=self.targets)

    def columns(self, target: str) -> Columns:
        """Return truth, mean and sigma of one value, each of shape (n,)."""
        column = self.targets.index(target)
        return {name: getattr(self.stored, name)[:, column].astype(np.float64)
                for name in ("truth", "mean", "sigma")}  # fmt: skip

    def scatter(self, target: str) -> Columns:
        """Return `columns`, of every k-th cutout when there are many."""
        every = slice(None, None, -(-len(self.stored.cutout_ids) // VALUE_SCATTER_POINTS))
        return {name: values[every] for name, values in self.columns(target).items()}

    def bands(self, target: str) -> Columns:
        """Return the central 68 % and 95 % of the estimates against truth; see `recovered_bands`."""
        columns = self.columns(target)
        return recovered_bands(columns["truth"], columns["mean"])

    def calibration(self) -> Columns:
        """Return the share of truths within intervals of each nominal probability: nominal, then targets."""
        arrays = (self.stored.truth, self.stored.mean, self.stored.sigma)
        shares = estimation.calibration(*(values.astype(np.float64) for values in arrays))
        return {"nominal": estimation.LEVELS, **dict(zip(self.targets, shares.T, strict=True))}

    def worst(self, target: str, *, limit: int) -> tuple[NDArray[np.int64], FloatArray]:
        """Return cutout IDs and errors in standard deviations of the estimates most wrong for their sigma."""
        columns = self.columns(target)
        pulls = (columns["mean"] - columns["truth"]) / columns["sigma"]
        order = np.argsort(-np.abs(pulls), kind="stable")[:limit]
        return self.stored.cutout_ids[order], pulls[order]


def task_of(ws: Workspace, run: Run) -> FittedTask:
    """Return what the network of a run predicts; of one that has not begun, lens or not."""
    return load_task(ws.run_folder(run.name))


def load_evaluation(ws: Workspace, run_name: str, *, part: str = "test") -> Evaluation | ValueEvaluation:
    """Load what was measured of a run, read once per change of it or of the network.

    Raises
    ------
    NotFound
        When the run does not exist or was not evaluated on that part.
    StorageError
        When the file is damaged.
    """
    run = runs.get_run(ws.database, run_name)
    folder, path = ws.run_folder(run.name), _path(ws, run, part)
    changed_at = path.stat().st_mtime_ns if path.exists() else 0
    return _read_evaluation(folder, path, part, changed_at, network_dated(ws, run))


@lru_cache(maxsize=32)  # Compare lays any number side by side
def _read_evaluation(
    folder: Path, path: Path, part: str, _changed_at: int, network_dated_at: float
) -> Evaluation | ValueEvaluation:
    if path == evaluations.estimates_path(folder, part):
        estimates = evaluations.load_estimates(folder, part)
        outdated = _is_outdated(folder, estimates.figures, network_dated_at)
        return ValueEvaluation(folder.name, part, outdated, estimates)
    scores = evaluations.load_evaluation(folder, part)
    outdated = _is_outdated(folder, scores.figures, network_dated_at)
    return Evaluation(folder.name, part, outdated, scores)


def _is_outdated(folder: Path, figures: dict[str, Any], dated: float) -> bool:
    since, checksum = float(figures.get("evaluated_at", 0.0)), figures.get("network_sha256")
    return is_another_network(folder, dated=dated, since=since, checksum=checksum)


def _path(ws: Workspace, run: Run, part: str) -> Path:
    values = task_of(ws, run).kind == "regression"
    path_of = evaluations.estimates_path if values else evaluations.evaluation_path
    return path_of(ws.run_folder(run.name), part)


def is_evaluated(ws: Workspace, run: Run, *, part: str) -> bool:
    """Return whether a run was measured on a part of its dataset."""
    return _path(ws, run, part).exists()


def comparable_runs(ws: Workspace, run: Run, *, part: str) -> list[str]:
    """Return the other runs measured on a part whose figures can be laid beside those of a run."""
    return _comparable_runs(ws, run.id, part)


@once
def _comparable_runs(ws: Workspace, run_id: int, part: str) -> list[str]:
    run = runs.run_by_id(ws.database, run_id)
    scores = task_of(ws, run).scores_candidates
    return [
        other.name
        for other in runs.list_runs(ws.database)
        if other.id != run.id
        and task_of(ws, other).scores_candidates == scores
        and is_evaluated(ws, other, part=part)
    ]


def usual_threshold(evaluation: Evaluation) -> tuple[float, str]:
    """Return the threshold to begin with, and why it is not 0.5; no reason where it is.

    Where no score reaches 0.5, or all do, it is the first of those proposed on the validation part at a false
    positive rate of 1 %, for TPR10 or for the best F1 that some scores reach and not all, else the score that
    the highest 1 % of the cutouts, at least ten, reach.
    """
    scores = evaluation.scores
    lowest, highest = float(scores.min()), float(scores.max())
    if lowest < DEFAULT_THRESHOLD <= highest:
        return DEFAULT_THRESHOLD, ""
    proposals = evaluation.proposals
    if proposals is not None:
        by_name = {one.name: one for one in proposals.thresholds}
        for aim in (by_name[name] for name in FIRST_AIMS if name in by_name):
            if lowest < aim.threshold <= highest:
                return aim.threshold, f"{aim.meaning} on the {proposals.part} part"
    count = usual_top(len(scores))
    value = float(np.partition(scores, len(scores) - count)[len(scores) - count])
    return value, f"which the {count} highest scores reach"


def better_than_usual(evaluation: Evaluation) -> Suggestion | None:
    """Return the threshold of the best F1, where 0.5 misleads: where it gives far less on this part.

    It was chosen on the validation part; purity and completeness are those of the part that is measured. None
    where 0.5 does about as well, where no score reaches it, or where nothing is proposed.
    """
    proposals, usual = evaluation.proposals, evaluation.figures_at(DEFAULT_THRESHOLD).confusion
    if proposals is None or usual.tp + usual.fp == 0:
        return None
    best = next((one for one in proposals.thresholds if one.name == "f1"), None)
    if best is None or not 0 <= best.threshold <= 1:
        return None
    reached = evaluation.figures_at(best.threshold)
    if reached.purity is None or usual.f1 >= NEARLY * reached.confusion.f1:
        return None
    accepted = reached.confusion.tp + reached.confusion.fp
    return replace(best, purity=reached.purity, completeness=reached.completeness, accepted=accepted)


def roc_columns(evaluation: Evaluation) -> Columns:
    """Return at most 1 000 points of the ROC: false_positive_rate, completeness, threshold."""
    return _roc_columns(evaluation.counts, limit=CURVE_POINTS)


def _roc_columns(counts: ThresholdCounts, *, limit: int) -> Columns:
    rate, completeness, thresholds = roc(counts)
    keep = thinned(rate, completeness, limit=limit)
    return {
        "false_positive_rate": rate[keep],
        "completeness": completeness[keep],
        "threshold": thresholds[keep],
    }


def precision_recall_columns(evaluation: Evaluation) -> Columns:
    """Return at most 1 000 points of the precision–recall curve: completeness, purity, threshold."""
    purity, completeness, thresholds = precision_recall(evaluation.counts)
    keep = thinned(completeness, purity)
    return {"completeness": completeness[keep], "purity": purity[keep], "threshold": thresholds[keep]}


def threshold_columns(evaluation: Evaluation, *, prevalence: float | None = None) -> Columns:
    """Return at most 1 000 points of purity and completeness against threshold, with 95 % limits.

    Columns: threshold, purity, purity_low, purity_high, completeness, completeness_low, completeness_high,
    accepted. With a `prevalence`, purity_in_survey is what a survey with that share of lenses would give.
    """
    counts = evaluation.counts
    purity, completeness, thresholds = precision_recall(counts)
    accepted = counts.true_positives + counts.false_positives
    low, high = wilson_limits(purity, evaluation.trials.accepted[1:])
    lower, upper = wilson_limits(completeness, evaluation.trials.lenses[1:])
    keep = thinned(thresholds, purity + completeness)
    columns = {
        "threshold": thresholds, "purity": purity, "purity_low": low, "purity_high": high,
        "completeness": completeness, "completeness_low": lower, "completeness_high": upper,
        "accepted": accepted.astype(np.float64),
    }  # fmt: skip
    if prevalence is not None:
        columns["purity_in_survey"] = purity_at_prevalence(counts, prevalence)
    return {name: values[keep] for name, values in columns.items()}


def score_histogram(evaluation: Evaluation, *, bins: int | None = None) -> dict[str, NDArray[Any]]:
    """Return numbers of lenses and non-lenses per bin: edges (bins + 1), lens, nonlens.

    The bins are equally wide on the axis of the scores, as many as `bins_for` says unless stated.
    """
    axis = evaluation.score_axis
    edges = axis.grid((bins or bins_for(evaluation.counts.n)) + 1)
    scores, labels = axis.clipped(evaluation.scores), evaluation.labels
    return {
        "edges": edges,
        "lens": np.histogram(scores[labels], edges)[0],
        "nonlens": np.histogram(scores[~labels], edges)[0],
    }


def surest(
    evaluation: Evaluation, outcome: Outcome, *, threshold: float, limit: int = 24
) -> dict[str, NDArray[Any]]:
    """Return the cutouts with an outcome at `threshold` that the network was surest of, surest first.

    Returns
    -------
    dict
        cutout_id and score, each of shape (≤ limit,). Scores fall, those of false negatives rise.
    """
    scores, labels = evaluation.scores, evaluation.labels
    accepted = scores >= threshold
    has_outcome = {
        "false_positive": accepted & ~labels,
        "false_negative": ~accepted & labels,
        "true_positive": accepted & labels,
    }
    rows = np.flatnonzero(has_outcome[outcome])
    order = np.argsort(scores[rows] if outcome == "false_negative" else -scores[rows], kind="stable")
    surest_rows = rows[order[:limit]]
    return {"cutout_id": evaluation.stored.cutout_ids[surest_rows], "score": scores[surest_rows]}


def keeps_scores_when_turned(evaluation: Evaluation) -> bool:
    """Return whether every score is the same in four orientations, up to rounding.

    What is left then is the noise of single precision: it has no shape to look at.
    """
    rotated = evaluation.stored.rotated_scores.astype(np.float64)
    return rotated.shape[1] > 1 and float(rotated.std(axis=1).max(initial=0.0)) < ROUNDING


def rotation_columns(
    evaluation: Evaluation, *, limit: int = SCATTER_POINTS
) -> dict[str, NDArray[Any]] | None:
    """Return per cutout the score and its standard deviation under four rotations by 90°.

    Columns: cutout_id, label, score, mean, std; every k-th cutout when there are more than `limit`. None
    where the cutouts are not square.
    """
    rotated = evaluation.stored.rotated_scores.astype(np.float64)
    if rotated.shape[1] == 1:
        return None
    every = slice(None, None, -(-len(rotated) // limit))
    return {
        "cutout_id": evaluation.stored.cutout_ids[every],
        "label": evaluation.labels[every],
        "score": rotated[every, 0],
        "mean": rotated[every].mean(axis=1),
        "std": rotated[every].std(axis=1),
    }
