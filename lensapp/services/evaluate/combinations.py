"""Each way of combining the scores of some runs, measured on the held-out part beside the best single one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.combining import learn_combination
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.intervals import Interval
from lensapp.core.evaluate.metrics import average_precision, untold_figures
from lensapp.core.evaluate.resampling import compare_figures, figure_intervals
from lensapp.core.train.committees import COMBINATIONS, LEARNED, combined, rank_fractions
from lensapp.services.evaluate.committees import (
    ScoredTogether,
    common_ground,
    evaluations_of,
    require_unseen_test_part,
    scored_together,
)
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.storage import runs
from lensapp.storage.workspace import Workspace

HELD_OUT = "test"


@dataclass(frozen=True)
class Way:
    """A single run, or a way of combining all, on the held-out part.

    Attributes
    ----------
    name
        Of the run, or the combination.
    learned
        Whether it was fitted on the validation part.
    figures
        With 95 % limits, by the names of `lensapp.core.evaluate.resampling.FIGURES`.
    gains, p_values
        By how much each figure exceeds that of the best single run on the same cutouts, and how likely such
        a difference is without any; empty for that run itself.
    weights
        What was learned of each member.
    """

    name: str
    single: bool
    learned: bool
    figures: dict[str, Interval]
    gains: dict[str, float]
    p_values: dict[str, float]
    weights: dict[str, float]


@dataclass(frozen=True)
class Combinations:
    """All ways side by side.

    Attributes
    ----------
    best
        The single run with the highest average precision on the validation part.
    n, n_positive
        Cutouts and lenses of the held-out part.
    resolved
        Figures that its non-lenses can tell.
    """

    members: tuple[str, ...]
    best: str
    part: str
    n: int
    n_positive: int
    resolved: tuple[str, ...]
    ways: tuple[Way, ...]


def compare_combinations(ws: Workspace, members: Sequence[str]) -> Combinations:
    """Measure every way of combining runs that tell lenses, from their stored scores.

    What is learned is fitted on the validation part, and so is the best single run chosen: the held-out part
    decides nothing.

    Raises
    ------
    NotFound
        When a run does not exist or was not evaluated on its validation or test part.
    InvalidInput
        When the runs cannot be a committee, or a part has too few lenses or non-lenses.
    """
    member_runs = [runs.get_run(ws.database, member) for member in dict.fromkeys(members)]
    task, _ = common_ground(ws, member_runs)
    if task.kind != "binary":
        raise InvalidInput(
            f"Ways of combining are compared for runs that tell lenses, not for a {task.kind} task."
        )
    require_unseen_test_part(ws, member_runs, max(run.dataset_id for run in member_runs))
    fitted_on = evaluations_of(ws, member_runs, part="validation")
    return _compared(fitted_on, evaluations_of(ws, member_runs, part=HELD_OUT))


@lru_cache(maxsize=4)  # evaluations are the same objects until one is made anew
def _compared(validation: tuple[Evaluation, ...], held_out: tuple[Evaluation, ...]) -> Combinations:
    names = tuple(one.run for one in held_out)
    fitted_on, measured_on = scored_together(validation), scored_together(held_out)
    precisions = [average_precision(count_thresholds(fitted_on.labels, row)) for row in fitted_on.scores]
    best = int(np.argmax(precisions))
    ways = [
        _measured(measured_on, row, name, None if member == best else best, single=True)
        for member, (name, row) in enumerate(zip(names, measured_on.scores, strict=True))
    ]
    for how in COMBINATIONS:
        weights: tuple[float, ...] = ()
        if how in LEARNED:
            learned = learn_combination(fitted_on.labels, fitted_on.scores, how)
            scores, weights = learned(measured_on.scores), learned.weights
        elif how == "rank":
            references = np.sort(fitted_on.scores.astype(np.float32), axis=1)
            pairs = zip(measured_on.scores, references, strict=True)
            scores = combined(np.stack([rank_fractions(*pair) for pair in pairs]), how)
        else:
            scores = combined(measured_on.scores, how)
        of_members = dict(zip(names, weights, strict=True)) if weights else {}
        ways.append(_measured(measured_on, scores.astype(np.float64), how, best, weights=of_members))
    n, n_positive = len(measured_on.labels), int(measured_on.labels.sum())
    resolved = held_out[0].resolved
    return Combinations(names, names[best], HELD_OUT, n, n_positive, resolved, tuple(ways))


def _measured(
    held_out: ScoredTogether,
    scores: NDArray[np.float64],
    name: str,
    best: int | None,
    *,
    single: bool = False,
    weights: Mapping[str, float] | None = None,
) -> Way:
    """Measure one way on the held-out part, beside the member `best` where it is not that itself."""
    labels, groups = held_out.labels, held_out.group_ids
    differences = []
    if best is not None:
        differences = compare_figures(
            labels, scores, held_out.scores[best], rng=np.random.default_rng(0), groups=groups
        )
    intervals = figure_intervals(labels, scores, rng=np.random.default_rng(0), groups=groups)
    untold = untold_figures(int(np.count_nonzero(~labels)))
    return Way(
        name=name,
        single=single,
        learned=not single and name in LEARNED,
        figures={name: one for name, one in intervals.items() if name not in untold},
        gains={one.figure: one.difference for one in differences if one.figure not in untold},
        p_values={one.figure: one.p_value for one in differences if one.figure not in untold},
        weights=dict(weights or {}),
    )
