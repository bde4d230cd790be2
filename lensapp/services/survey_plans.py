"""What a survey would give with the rates and the pace of the team's own inspectors."""

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.services.evaluate.expectations import BlindTests
from lensapp.services.inspect.team import MeasuredRates, measured_rates
from lensapp.storage.workspace import Workspace


def blind_tests_of(rates: MeasuredRates | None, survey: SurveySpec) -> BlindTests | None:
    """Return the blind tests behind the share of lenses recognised; None where the survey has another."""
    if rates is None or not rates.completeness.cases:
        return None
    if survey.inspector_completeness != rates.completeness.value:
        return None
    return BlindTests(rates.completeness.hits, rates.completeness.cases)


def survey_values_of_team(ws: Workspace) -> tuple[dict[str, float], MeasuredRates]:
    """Return fields of a `SurveySpec` as measured in all reviews, and what they were measured on.

    Seconds are left out without timed votes, a rate without graded blind tests of its kind.

    Raises
    ------
    InvalidInput
        When nothing was measured.
    """
    rates = measured_rates(ws)
    values = {}
    if rates.seconds_each:
        values["seconds_per_candidate"] = rates.seconds_each
    if rates.completeness.cases:
        values["inspector_completeness"] = rates.completeness.value
    if rates.false_positives.cases:
        values["inspector_false_positive_rate"] = rates.false_positives.value
    if not values:
        raise InvalidInput(
            "No review has timed votes or graded blind tests yet. Grade some candidates of a review with "
            "calibrators first."
        )
    return values, rates
