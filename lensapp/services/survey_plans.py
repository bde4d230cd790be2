"""What a survey would give with the lenses graded so far, and the rates and pace of the team's inspectors."""

from collections.abc import Sequence
from dataclasses import dataclass

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.core.plurals import thin_spaced
from lensapp.services.data.sources import count_cutouts, is_labelled
from lensapp.services.evaluate.expectations import LEAST_GALAXIES, BlindTests
from lensapp.services.inspect.consensus import grades_of
from lensapp.services.inspect.team import MeasuredRates, measured_rates
from lensapp.storage import sources
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

LENS_GRADES = ("A", "B")


@dataclass(frozen=True)
class GradedLenses:
    """Galaxies of sources without labels, and how many of them the inspectors graded as lenses so far."""

    lenses: int
    galaxies: int

    @property
    def share(self) -> float:
        """The share of lenses, a lower limit while not all are graded."""
        return self.lenses / self.galaxies

    def in_words(self) -> str:
        """Return where the share comes from."""
        return (
            f"{thin_spaced(self.lenses)} of {thin_spaced(self.galaxies)} cutouts graded B or better so far; "
            "ungraded ones may be lenses, too"
        )


def graded_lenses(ws: Workspace, searched: Sequence[Source]) -> GradedLenses | None:
    """Return how many galaxies of sources without labels were graded as lenses; None without any.

    None also of so few cutouts that they stand for no survey.
    """
    own = _unlabelled(ws, searched)
    galaxies = sum(count_cutouts(ws, one) for one in own)
    lenses = sum(grade in LENS_GRADES for grade in grades_of(ws, own).values()) if own else 0
    return GradedLenses(lenses, galaxies) if 0 < lenses < galaxies >= LEAST_GALAXIES else None


def graded_where_scored(ws: Workspace, run: Run) -> GradedLenses | None:
    """Return what was graded as lenses in the sources that a run scored, as `graded_lenses`."""
    return graded_lenses(ws, _scored_by(ws, run))


def galaxies_where_scored(ws: Workspace, run: Run) -> dict[str, int]:
    """Return how many galaxies each source without labels has that a run scored, the most first.

    None of them where they are too few together to stand for a survey.
    """
    counts = {one.name: count_cutouts(ws, one) for one in _unlabelled(ws, _scored_by(ws, run))}
    ordered = dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
    return ordered if sum(counts.values()) >= LEAST_GALAXIES else {}


def _scored_by(ws: Workspace, run: Run) -> list[Source]:
    return [sources.source_by_id(ws.database, key) for key in stored_scores.scored_sources(ws, run.id)]


def _unlabelled(ws: Workspace, searched: Sequence[Source]) -> list[Source]:
    return [one for one in searched if not is_labelled(ws, one)]


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
