"""What an evaluated run would give in a survey: purity, candidates, and person-hours of inspection."""

import numpy as np

from lensapp.core.evaluate.curves import thinned
from lensapp.core.evaluate.prevalence import (
    Expectation,
    SurveySpec,
    expectation_at,
    inspection_budget,
    survey_columns,
)
from lensapp.services.evaluate.evaluation import Columns, Evaluation

BUDGET_POINTS = 200


def expectation(evaluation: Evaluation, survey: SurveySpec, *, threshold: float) -> Expectation | None:
    """Return what a survey would give at a threshold; None where no score reaches it."""
    return expectation_at(evaluation.counts, survey, threshold)


def expectation_columns(evaluation: Evaluation, survey: SurveySpec) -> Columns:
    """Return at most 2 000 points of what a survey would give against the threshold.

    Columns: those of `lensapp.core.evaluate.prevalence.Expectation`.
    """
    columns = survey_columns(evaluation.counts, survey)
    keep = thinned(columns["threshold"], columns["completeness"] + columns["purity"])
    return {name: values[keep] for name, values in columns.items()}


def budget_columns(evaluation: Evaluation, survey: SurveySpec) -> Columns:
    """Return the lenses found against candidates inspected, best first: inspected, hours, lenses."""
    numbers = np.unique(np.geomspace(1, survey.galaxies, BUDGET_POINTS).round())
    return inspection_budget(evaluation.counts, survey, numbers)
