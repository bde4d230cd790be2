"""What a run would give in a survey where lenses are rare: purity, candidates, person-hours of inspection.

A test part has one lens in five, a survey one in a thousand to a hundred thousand galaxies. Completeness and
false positive rate carry over from one to the other; purity does not.
"""

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import FloatArray, ThresholdCounts, roc
from lensapp.core.evaluate.intervals import Trials, wilson_limits
from lensapp.core.log_odds import probability

SECONDS_PER_HOUR = 3600.0


class SurveySpec(Spec):
    """The survey to be searched, and the people who look at its candidates."""

    galaxies: int = Field(
        1_000_000, ge=1, le=10**11, title="Galaxies", description="Galaxies that the network scores."
    )
    prevalence: float = Field(
        1e-3,
        gt=0,
        lt=1,
        title="Prevalence",
        description="Share of the galaxies that are lenses, for example 1e-3.",
    )
    area_deg2: float | None = Field(
        None,
        gt=0,
        le=41_253,  # the whole sky
        title="Area (deg²)",
        json_schema_extra={"empty": "not known"},
        description="Area of the survey; candidates per square degree are told where it is given.",
    )
    seconds_per_candidate: float = Field(
        2.0,
        gt=0,
        le=3600,
        title="Seconds per candidate",
        description="Time that an inspector takes for one candidate.",
    )
    inspectors: int = Field(
        1, ge=1, le=1000, title="Inspectors", description="Inspectors who look at each candidate."
    )
    inspector_completeness: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Share of lenses recognised",
        description="Share of inspected lenses that the inspectors recognise, by their blind tests.",
    )
    inspector_false_positive_rate: float = Field(
        0.01,
        ge=0,
        le=1,
        title="Share of non-lenses accepted",
        description="Share of inspected non-lenses that inspectors take for lenses, by their blind tests; "
        "1 % where none were made.",
    )


@dataclass(frozen=True)
class Expectation:
    """What is expected at one threshold in a survey; limits hold 95 %.

    Attributes
    ----------
    true_candidates, false_candidates
        Lenses and non-lenses among the candidates.
    purity
        Share of the candidates that are lenses.
    hours
        Person-hours of inspection.
    graded_lenses, graded_false
        What the inspectors' grades leave of both.
    """

    threshold: float
    true_candidates: float
    false_candidates: float
    purity: float
    purity_low: float
    purity_high: float
    completeness: float
    completeness_low: float
    completeness_high: float
    hours: float
    graded_lenses: float
    graded_false: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def purity_at_prevalence(counts: ThresholdCounts, prevalence: float) -> FloatArray:
    """Return the purity at each threshold in a survey where a share `prevalence` are lenses, shape (K,)."""
    if not 0 < prevalence < 1:
        raise InvalidInput(f"A prevalence of {prevalence} is not between 0 and 1. Use 1e-3 or so.")
    rate, completeness, _ = roc(counts)
    true, false = prevalence * completeness[1:], (1 - prevalence) * rate[1:]
    return true / (true + false)


def survey_columns(
    counts: ThresholdCounts, survey: SurveySpec, trials: Trials | None = None
) -> dict[str, FloatArray]:
    """Return what is expected in a survey at each threshold, each column of shape (K,).

    Columns: those of `Expectation`. With no false positive seen the false positive rate is not zero but
    unknown: the purity there is an upper bound, and its lower limit says so. Limits are those of `trials`,
    or of as many as there are cutouts.
    """
    true, false = expected_candidates(counts, survey)
    low, high = purity_limits(counts, survey.prevalence, trials)
    completeness = counts.true_positives / counts.n_positive
    least, most = wilson_limits(completeness, counts.n_positive if trials is None else trials.lenses[1:])
    inspected = (true + false) * survey.inspectors
    return {
        "threshold": counts.thresholds,
        "true_candidates": true,
        "false_candidates": false,
        "purity": purity_at_prevalence(counts, survey.prevalence),
        "purity_low": low,
        "purity_high": high,
        "completeness": completeness,
        "completeness_low": least,
        "completeness_high": most,
        "hours": inspected * survey.seconds_per_candidate / SECONDS_PER_HOUR,
        "graded_lenses": true * survey.inspector_completeness,
        "graded_false": false * survey.inspector_false_positive_rate,
    }


def expected_candidates(counts: ThresholdCounts, survey: SurveySpec) -> tuple[FloatArray, FloatArray]:
    """Return the lenses and the non-lenses expected among the candidates at each threshold, each (K,)."""
    true = survey.galaxies * survey.prevalence * (counts.true_positives / counts.n_positive)
    false = survey.galaxies * (1 - survey.prevalence) * (counts.false_positives / counts.n_negative)
    return true, false


def expectation_at(
    counts: ThresholdCounts, survey: SurveySpec, threshold: float, trials: Trials | None = None
) -> Expectation | None:
    """Return what is expected at a threshold, as `survey_columns` does; None where no score reaches it."""
    accepted = int(np.searchsorted(-counts.thresholds, -threshold, side="right"))
    if not accepted:
        return None
    row = slice(accepted - 1, accepted)
    one = ThresholdCounts(
        np.append(counts.thresholds[row], counts.thresholds[-1]),
        np.append(counts.true_positives[row], counts.n_positive),
        np.append(counts.false_positives[row], counts.n_negative),
    )
    worth = None if trials is None else trials.rows([0, accepted, -1])
    columns = {name: float(values[0]) for name, values in survey_columns(one, survey, worth).items()}
    return Expectation(**columns | {"threshold": threshold})


def purity_limits(
    counts: ThresholdCounts, prevalence: float, trials: Trials | None = None, *, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Return the limits of the purity at each threshold in a survey of a given prevalence, each (K,).

    Purity follows from the ratio of two rates that come from separate samples, of lenses and of non-lenses;
    half a cutout is added to each number, which keeps the limits right where no false positive was seen. The
    samples are as large as `trials` says, or as there are cutouts.

    References
    ----------
    Walter 1975, Biometrika 62, 371 (logarithm of a ratio of proportions, with halves added); Fagerland,
    Lydersen & Laake 2015, Statistical Methods in Medical Research 24, 224 (its coverage).
    """
    purity = purity_at_prevalence(counts, prevalence)
    rate, completeness, _ = roc(counts)
    number = (
        (counts.n_positive, counts.n_negative)
        if trials is None
        else (trials.lenses[1:], trials.nonlenses[1:])
    )
    true, false = completeness[1:] * number[0] + 0.5, rate[1:] * number[1] + 0.5
    lenses, others = number[0] + 0.5, number[1] + 0.5
    log_odds = np.log(prevalence / (1 - prevalence)) + np.log(true / lenses) - np.log(false / others)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(
        1 / true - 1 / lenses + 1 / false - 1 / others
    )
    low, high = probability(log_odds - half), probability(log_odds + half)
    return np.minimum(low, purity), np.maximum(high, purity)


def inspection_budget(
    counts: ThresholdCounts, survey: SurveySpec, inspected: ArrayLike
) -> dict[str, NDArray[np.float64]]:
    """Return the lenses found when the highest-scored candidates of a survey are inspected, each (n,).

    Columns: inspected (candidates), hours (person-hours), lenses (recognised by the inspectors).

    Parameters
    ----------
    inspected : shape (n,)
        Numbers of candidates.
    """
    true, false = expected_candidates(counts, survey)
    numbers = np.asarray(inspected, np.float64)
    candidates = np.concatenate(([0.0], true + false))
    lenses = np.concatenate(([0.0], true * survey.inspector_completeness))
    return {
        "inspected": numbers,
        "hours": numbers * survey.inspectors * survey.seconds_per_candidate / SECONDS_PER_HOUR,
        "lenses": np.interp(numbers, candidates, lenses),
    }
