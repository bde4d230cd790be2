"""Whether two runs differ in their figures, on the cutouts that both were measured on."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import checked, count_thresholds
from lensapp.core.evaluate.delong import paired_auroc_test
from lensapp.core.evaluate.metrics import auroc
from lensapp.core.evaluate.resampling import Difference, compare_figures
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation
from lensapp.storage.workspace import Workspace

FEWEST_SHARED = 20
AUROC = "auroc"


def differences(ws: Workspace, run: str, other: str, *, part: str = "test") -> dict[str, Any]:
    """Compare the figures of two runs on the cutouts of a part that both were measured on.

    Returns
    -------
    dict
        `run`, `other`, `part`, `shared` (cutouts measured by both) and `figures`, a list of
        `lensapp.core.evaluate.resampling.Difference` as plain values.

    Raises
    ------
    InvalidInput
        When a run gives no scores, or hardly any cutout was measured by both.
    """
    first, second = (scored(ws, name, part=part) for name in (run, other))
    shared = paired(first, second)
    figures = [one.as_dict() for one in compare_pair(first, second)]
    return {"run": run, "other": other, "part": part, "shared": len(shared[0]), "figures": figures}


def scored(ws: Workspace, run: str, *, part: str) -> Evaluation:
    """Return the evaluation of a run that gives scores.

    Raises
    ------
    NotFound
        When the run does not exist or was not evaluated on that part.
    InvalidInput
        When it estimates values.
    """
    evaluation = load_evaluation(ws, run, part=part)
    if not isinstance(evaluation, Evaluation):
        raise InvalidInput(f"{run} estimates values and gives no scores. Name a run that tells lenses.")
    return evaluation


def paired(first: Evaluation, second: Evaluation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of each evaluation that show the same cutouts with the same label."""
    rows = rows_of(first.stored.cutout_ids, second.stored.cutout_ids)
    here = np.flatnonzero(rows != ABSENT)
    here = here[first.labels[here] == second.labels[rows[here]]]
    return here, rows[here]


@lru_cache(maxsize=64)  # evaluations are the same objects until one is made anew
def compare_pair(first: Evaluation, second: Evaluation) -> tuple[Difference, ...]:
    """Compare two evaluations on the cutouts that they share.

    Raises
    ------
    InvalidInput
        When they share too few.
    """
    here, there = _enough(first, second)
    groups = first.stored.group_ids
    compared = compare_figures(
        first.labels[here],
        first.scores[here],
        second.scores[there],
        rng=np.random.default_rng(0),
        groups=None if groups is None else groups[here],
    )
    return tuple(compared)


@lru_cache(maxsize=64)
def compare_aurocs(first: Evaluation, second: Evaluation) -> Difference:
    """Compare the AUROCs of two evaluations as `compare_pair` does, without resamples that it does not need.

    Raises
    ------
    InvalidInput
        When they share too few cutouts, or these lack a class.
    """
    if first.stored.group_ids is not None:
        return next(one for one in compare_pair(first, second) if one.figure == AUROC)
    here, there = _enough(first, second)
    labels, one = checked(first.labels[here], first.scores[here])
    _, other = checked(labels, second.scores[there])
    (low, high), p_value = paired_auroc_test(labels, one, other)
    area, others = (auroc(count_thresholds(labels, scores)) for scores in (one, other))
    return Difference(AUROC, area, others, area - others, low, high, p_value)


def _enough(first: Evaluation, second: Evaluation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    here, there = paired(first, second)
    if len(here) < FEWEST_SHARED:
        raise InvalidInput(
            f"{first.run} and {second.run} were measured on {len(here)} cutouts in common, and a comparison "
            f"needs {FEWEST_SHARED}. Evaluate both on one dataset version."
        )
    return here, there
