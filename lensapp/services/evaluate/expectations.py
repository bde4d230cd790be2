"""What an evaluated run would give in a survey: purity, candidates, and person-hours of inspection."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate.curves import FloatArray, thinned
from lensapp.core.evaluate.intervals import band_of_share_draws, trials_for, wilson_interval
from lensapp.core.evaluate.metrics import COUNTED_IN, TELLING, ThresholdProposals
from lensapp.core.evaluate.prevalence import (
    Expectation,
    SurveySpec,
    expectation_at,
    inspection_budget,
    survey_columns,
)
from lensapp.core.evaluate.resampling import resampled_counts
from lensapp.core.plurals import counted, thin_spaced
from lensapp.services.evaluate.evaluation import Columns, Evaluation
from lensapp.services.split.part_sizes import COARSE, LEAST_FPR

BUDGET_POINTS, BUDGET_REPEATS = 200, 200
LEAST_GALAXIES = 100  # of a source that stands for a survey, and labels that tell its share of lenses
LEAST_LENSES = trials_for(COARSE)  # of a part whose rates are carried over to one
LEAST_NONLENSES = round(1 / LEAST_FPR)


def expectation(evaluation: Evaluation, survey: SurveySpec, *, threshold: float) -> Expectation | None:
    """Return what a survey would give at a threshold; None where no score reaches it."""
    return expectation_at(evaluation.counts, survey, threshold, evaluation.trials)


def expectation_columns(evaluation: Evaluation, survey: SurveySpec) -> Columns:
    """Return at most 1 000 points of what a survey would give against the threshold.

    Columns: those of `lensapp.core.evaluate.prevalence.Expectation`.
    """
    columns = survey_columns(evaluation.counts, survey, evaluation.trials)
    keep = thinned(columns["threshold"], columns["completeness"] + columns["purity"])
    return {name: values[keep] for name, values in columns.items()}


def few_for_survey(evaluation: Evaluation) -> str | None:
    """Say that the rates of a part with few lenses or non-lenses hardly tell those of a survey; else None."""
    lenses, nonlenses = evaluation.counts.n_positive, evaluation.counts.n_negative
    if lenses >= LEAST_LENSES and nonlenses >= LEAST_NONLENSES:
        return None
    return (
        f"The {evaluation.part} part of {evaluation.run} holds {counted(lenses, 'lens')} and "
        f"{counted(nonlenses, 'non-lens')}, few for a survey: trust the limits of these numbers, not the "
        f"numbers. {LEAST_LENSES} lenses tell completeness to ±\u202f{COARSE:.1f}, {LEAST_NONLENSES} "
        f"non-lenses a false positive rate of {100 * LEAST_FPR:g} % from 0."
    )


def few_for_threshold(proposals: ThresholdProposals) -> str | None:
    """Say that a threshold was chosen among few lenses or non-lenses, and how far that is off; else None."""
    lenses, nonlenses = proposals.n_positive, proposals.n_negative
    if not proposals.thresholds or (lenses >= TELLING and nonlenses >= COUNTED_IN):
        return None
    said = f"Chosen among {counted(lenses, 'lens')} and {counted(nonlenses, 'non-lens')}, which is few:"
    if nonlenses < COUNTED_IN:
        _, high = wilson_interval(0, nonlenses)
        said += (
            f" each non-lens accepted is {_percent(1 / nonlenses)} of them, and where none is, "
            f"{_percent(high)} may be (95\u00a0%)"
        )
    if lenses < TELLING:
        low, high = wilson_interval(lenses // 2, lenses)
        said += " and" if nonlenses < COUNTED_IN else ""
        said += f" completeness is known to ±\u202f{(high - low) / 2:.1g} only"
    return f"{said}. Take a larger {proposals.part} part, or as many of the best as can be looked at."


def _percent(share: float) -> str:
    return f"{100 * share:.2g}\u00a0%"


def person_time(hours: float) -> str:
    """Return person-hours in seconds, minutes or hours: 36 s, 6 min, 560 h."""
    if hours < 1 / 60:
        return f"{3600 * hours:.2g} s"
    if hours < 1:
        return f"{60 * hours:.2g} min"
    return f"{hours:.2g} h" if hours < 100 else f"{thin_spaced(hours)} h"


def time_unit(most_hours: float) -> tuple[str, float]:
    """Return the unit for times of up to so many person-hours, all in one table, and how many an hour has."""
    if most_hours < 1 / 60:
        return "s", 3600.0
    return ("min", 60.0) if most_hours < 1 else ("h", 1.0)


@dataclass(frozen=True)
class BlindTests:
    """Simulated lenses that inspectors were shown in blind tests, and how many they recognised."""

    recognised: int
    shown: int

    def drawn(self, count: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw shares of lenses recognised that go with the tests, shape (count,).

        References
        ----------
        Brown, Cai & DasGupta 2001, Statistical Science 16, 101 (Jeffreys' prior for a binomial share).
        """
        return rng.beta(self.recognised + 0.5, self.shown - self.recognised + 0.5, count)


@lru_cache(maxsize=16)  # evaluations are the same objects until one is made anew
def budget_columns(evaluation: Evaluation, survey: SurveySpec, tests: BlindTests | None = None) -> Columns:
    """Return the lenses found against candidates inspected, best first, with 95 % limits.

    Columns: inspected, hours, lenses, lenses_low, lenses_high. The limits are those of resamples of the part:
    of whole groups where its cutouts are grouped. Where groups with lenses are few, or resamples agree, they
    hold Wilson's of as many trials. With `tests`, in which the share of lenses that the inspectors recognise
    was measured, they hold the uncertainty of that share as well.
    """
    numbers = np.unique(np.geomspace(1, survey.galaxies, BUDGET_POINTS).round())
    columns = inspection_budget(evaluation.counts, survey, numbers)
    drawn = resampled_counts(
        evaluation.labels,
        evaluation.scores,
        rng=np.random.default_rng(0),
        groups=evaluation.stored.group_ids,
        repeats=BUDGET_REPEATS,
    )
    lenses = np.stack([inspection_budget(counts, survey, numbers)["lenses"] for counts in drawn])
    low, high = _few_lenses(evaluation, survey, columns, np.quantile(lenses, [0.025, 0.975], axis=0))
    if tests is not None and survey.inspector_completeness:
        shares = tests.drawn(len(lenses), rng=np.random.default_rng(1))
        lenses *= shares[:, None] / survey.inspector_completeness
        tested = np.quantile(lenses, [0.025, 0.975], axis=0)
        low, high = np.minimum(low, tested[0]), np.maximum(high, tested[1])
    return columns | {"lenses_low": low, "lenses_high": high}


def _few_lenses(
    evaluation: Evaluation, survey: SurveySpec, columns: Columns, limits: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return limits of the lenses found that hold Wilson's where those of resamples say too little."""
    found, inspected = columns["lenses"], columns["inspected"]
    low, high = np.minimum(limits[0], found), np.maximum(limits[1], found)
    most = survey.galaxies * survey.prevalence * survey.inspector_completeness
    if most == 0:
        return low, high
    groups = evaluation.stored.group_ids
    objects = evaluation.counts.n_positive if groups is None else len(np.unique(groups[evaluation.labels]))
    least, largest = band_of_share_draws(np.minimum(found / most, 1), (low / most, high / most), objects)
    # No more lenses are found than were looked at, and of all galaxies nothing is uncertain.
    largest = np.minimum(largest * most, np.maximum(inspected * survey.inspector_completeness, high))
    some = inspected < survey.galaxies
    return np.where(some, np.minimum(least * most, found), low), np.where(some, largest, high)
