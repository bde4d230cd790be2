"""What the Evaluate page shows of a run, from its stored scores: no network is loaded."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import NotFound
from lensapp.core.evaluate.curves import FloatArray, ThresholdCounts, precision_recall, roc, thinned
from lensapp.core.evaluate.histogram import counts_of_many
from lensapp.core.evaluate.intervals import wilson_band
from lensapp.core.evaluate.metrics import (
    Figures,
    Suggestion,
    brier,
    figures_of,
    purity_at_prevalence,
    suggest_thresholds,
)
from lensapp.services.train.runs import network_files
from lensapp.storage import runs
from lensapp.storage.evaluations import StoredEvaluation
from lensapp.storage.evaluations import load_evaluation as read_evaluation
from lensapp.storage.workspace import Workspace

Columns = dict[str, FloatArray]
Outcome = Literal["false_positive", "false_negative", "true_positive"]
SCATTER_POINTS = 5_000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A run measured on one part of its dataset.

    Attributes
    ----------
    run, part
        Names.
    stored
        Scores and figures as saved.
    outdated
        Whether the network has changed since; evaluate again.
    """

    run: str
    part: str
    stored: StoredEvaluation
    outdated: bool

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
    def brier(self) -> float | None:
        """Mean squared difference of score and truth."""
        return brier(self.labels, self.scores)

    def figures_at(self, threshold: float) -> Figures:
        """Return every figure with purity, completeness and confusion at `threshold`."""
        return figures_of(self.counts, threshold=threshold, brier=self.brier)

    def suggestions(self) -> list[Suggestion]:
        """Suggest thresholds for common aims; chosen on this part, so slightly optimistic for it."""
        return suggest_thresholds(self.counts)


def load_evaluation(workspace: Workspace, run_name: str, *, part: str = "test") -> Evaluation:
    """Load the stored evaluation of a run.

    Raises
    ------
    NotFound
        When the run does not exist or was not evaluated on that part.
    """
    run = runs.get_run(workspace.database, run_name)
    folder = workspace.run_folder(run.name)
    stored = read_evaluation(folder, part)
    evaluated_at = float(stored.figures.get("evaluated_at", 0.0))
    files = [path for path in network_files(workspace, run) if path.exists()]
    outdated = any(path.stat().st_mtime > evaluated_at for path in files)
    return Evaluation(run=run.name, part=part, stored=stored, outdated=outdated)


def evaluated_parts(workspace: Workspace, run_name: str) -> list[str]:
    """Return the parts of the dataset that a run was evaluated on, "test" first."""
    found = []
    for part in ("test", "validation", "train"):
        try:
            load_evaluation(workspace, run_name, part=part)
        except NotFound:
            continue
        found.append(part)
    return found


def roc_columns(evaluation: Evaluation) -> Columns:
    """Return at most 2 000 points of the ROC: false_positive_rate, completeness, threshold."""
    rate, completeness, thresholds = roc(evaluation.counts)
    keep = thinned(rate, completeness)
    return {
        "false_positive_rate": rate[keep],
        "completeness": completeness[keep],
        "threshold": thresholds[keep],
    }


def precision_recall_columns(evaluation: Evaluation) -> Columns:
    """Return at most 2 000 points of the precision–recall curve: completeness, purity, threshold."""
    purity, completeness, thresholds = precision_recall(evaluation.counts)
    keep = thinned(completeness, purity)
    return {"completeness": completeness[keep], "purity": purity[keep], "threshold": thresholds[keep]}


def threshold_columns(evaluation: Evaluation, *, prevalence: float | None = None) -> Columns:
    """Return at most 2 000 points of purity and completeness against threshold, with 95 % limits.

    Columns: threshold, purity, purity_low, purity_high, completeness, completeness_low, completeness_high,
    accepted. With a `prevalence`, purity_in_survey is what a survey with that share of lenses would give.
    """
    counts = evaluation.counts
    purity, completeness, thresholds = precision_recall(counts)
    accepted = counts.true_positives + counts.false_positives
    low, high = wilson_band(counts.true_positives, accepted)
    lower, upper = wilson_band(counts.true_positives, np.full_like(accepted, counts.n_positive))
    keep = thinned(thresholds, purity + completeness)
    columns = {
        "threshold": thresholds, "purity": purity, "purity_low": low, "purity_high": high,
        "completeness": completeness, "completeness_low": lower, "completeness_high": upper,
        "accepted": accepted.astype(np.float64),
    }  # fmt: skip
    if prevalence is not None:
        columns["purity_in_survey"] = purity_at_prevalence(counts, prevalence)
    return {name: values[keep] for name, values in columns.items()}


def score_histogram(evaluation: Evaluation, *, bins: int = 50) -> dict[str, NDArray[Any]]:
    """Return numbers of lenses and non-lenses per equal bin of score: edges (bins + 1), lens, nonlens."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    scores, labels = evaluation.scores, evaluation.labels
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
    wanted = {
        "false_positive": accepted & ~labels,
        "false_negative": ~accepted & labels,
        "true_positive": accepted & labels,
    }
    places = np.flatnonzero(wanted[outcome])
    order = np.argsort(scores[places] if outcome == "false_negative" else -scores[places], kind="stable")
    chosen = places[order[:limit]]
    return {"cutout_id": evaluation.stored.cutout_ids[chosen], "score": scores[chosen]}


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
