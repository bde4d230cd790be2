"""Purity, candidates and person-hours in a survey where lenses are rare."""

import numpy as np
import pytest

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import ThresholdCounts, count_thresholds
from lensapp.core.evaluate.prevalence import (
    SurveySpec,
    expectation_at,
    inspection_budget,
    purity_limits,
    survey_columns,
)
from lensapp.services.survey_plans import GradedLenses, galaxies_where_scored, graded_lenses
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.survey_view import PREVALENCES, assumption_text
from support import pages_workspace as rooms
from support.small_surveys import add_review, add_votes, ids_of, make_survey, pack_source


def part(*, completeness=0.8, rate=0.01, lenses=100, others=1000):
    """A part with one threshold of interest, 0.9, and everything accepted at 0."""
    return ThresholdCounts(
        np.array([0.9, 0.0]),
        np.array([round(completeness * lenses), lenses]),
        np.array([round(rate * others), others]),
    )


def test_a_million_galaxies_with_a_thousand_lenses_give_the_hand_worked_candidates():
    survey = SurveySpec(
        galaxies=1_000_000, prevalence=1e-3, seconds_per_candidate=3.6, inspectors=2,
        inspector_completeness=0.9, inspector_false_positive_rate=0.05,
    )  # fmt: skip
    found = expectation_at(part(), survey, 0.9)
    assert found is not None
    # 1000 lenses × 0.8; 999 000 others × 0.01; twice 3.6 s for each of 10 790 candidates.
    assert found.true_candidates == pytest.approx(800)
    assert found.false_candidates == pytest.approx(9990)
    assert found.purity == pytest.approx(800 / 10790)
    assert found.hours == pytest.approx(10790 * 2 * 3.6 / 3600)
    assert (found.graded_lenses, found.graded_false) == (pytest.approx(720), pytest.approx(499.5))


def test_a_purity_of_95_per_cent_among_one_in_five_is_one_of_a_tenth_at_one_in_a_thousand():
    counts = part(completeness=0.76, rate=0.01, lenses=250, others=1000)
    assert counts.true_positives[0] / (190 + counts.false_positives[0]) == pytest.approx(190 / 200)
    purity = survey_columns(counts, SurveySpec(prevalence=1e-3))["purity"][0]
    assert purity == pytest.approx(0.00076 / (0.00076 + 0.00999))


def test_no_threshold_of_the_scores_gives_no_expectation():
    assert expectation_at(part(), SurveySpec(), 0.95) is None


def test_limits_of_the_purity_hold_the_truth_as_often_as_they_say():
    rng, inside, tries, prevalence = np.random.default_rng(3), 0, 800, 1e-3
    true_rate, false_rate = 0.7, 0.005
    truth = prevalence * true_rate / (prevalence * true_rate + (1 - prevalence) * false_rate)
    for _ in range(tries):
        counts = ThresholdCounts(
            np.array([0.9, 0.0]),
            np.array([rng.binomial(200, true_rate), 200]),
            np.array([rng.binomial(800, false_rate), 800]),
        )
        low, high = purity_limits(counts, prevalence)
        inside += low[0] <= truth <= high[0]
    assert inside / tries > 0.93


def test_no_false_positive_seen_does_not_make_a_pure_survey():
    low, high = purity_limits(part(rate=0.0), 1e-3)
    assert low[0] < 0.3
    assert high[0] == 1.0


def test_the_budget_grows_to_all_lenses_when_all_is_inspected():
    rng = np.random.default_rng(1)
    labels = rng.random(2000) < 0.2
    counts = count_thresholds(labels, rng.normal(labels, 1))
    survey = SurveySpec(galaxies=10_000, prevalence=0.01)
    budget = inspection_budget(counts, survey, [0, 100, 1000, 10_000])
    assert budget["lenses"][0] == 0
    assert (np.diff(budget["lenses"]) > 0).all()
    assert budget["lenses"][-1] == pytest.approx(100)
    assert budget["hours"][-1] == pytest.approx(10_000 * 2 / 3600)


def test_an_impossible_prevalence_is_refused():
    with pytest.raises(InvalidInput, match="prevalence of 2 is not between 0 and 1"):
        purity_limits(part(), 2)


def test_lenses_graded_so_far_are_counted_among_the_cutouts_of_sources_without_labels(tmp_path):
    ws = Workspace.open(tmp_path / "workspace")
    pixels = np.random.default_rng(0).normal(0, 1, (200, 8, 8, 3)).astype(np.float32)
    sky = pack_source(ws, "sky", pixels, [{"row": row, "candidate_id": f"s{row}"} for row in range(200)])
    ids = sorted(ids_of(ws, sky).values())
    add_votes(ws, add_review(ws, sky), "Ada", dict(zip(ids, "ABXXC", strict=False)))
    labelled = make_survey(ws, count=120)
    own = sorted(ids_of(ws, labelled).values())
    add_votes(ws, add_review(ws, labelled, "again"), "Ada", dict.fromkeys(own[:9], "A"))
    assert graded_lenses(ws, [sky, labelled]) == GradedLenses(lenses=2, galaxies=200)
    assert graded_lenses(ws, [labelled]) is None


def test_the_assumption_says_where_the_prevalence_is_from_and_never_none_at_all():
    graded = GradedLenses(lenses=2, galaxies=200)
    said = assumption_text(SurveySpec(galaxies=100, prevalence=0.01), lens_share=None, graded=graded)
    assert said.startswith("For 100 galaxies with 1 lens: a prevalence of 1 % (2 of 200 cutouts graded B or")
    said = assumption_text(SurveySpec(galaxies=100, prevalence=1e-3), lens_share=None, graded=graded)
    assert "with fewer than one lens" in said
    assert "(assumed; graded as lenses so far 1 %)" in said


def test_prevalences_reach_from_one_in_a_million_to_candidates_half_of_which_are_lenses() -> None:
    assert (PREVALENCES[0], PREVALENCES[-1]) == (1e-6, 0.5)
    assert 1e-3 in PREVALENCES
    assert 0.2 in PREVALENCES


def test_evaluate_begins_with_the_galaxies_that_a_run_has_scored_without_labels(ws: Workspace) -> None:
    labelled = rooms.add_survey(ws, "labelled")
    run = rooms.add_run(ws, rooms.add_dataset(ws, labelled), "first")
    rooms.add_scores(ws, run, labelled)
    assert galaxies_where_scored(ws, run) == {}
    pixels = np.zeros((150, 8, 8, 3), np.float32)
    sea = pack_source(
        ws, "sea", pixels, [{"candidate_id": f"S{row}", "row": row} for row in range(150)],
        pixel_scale_arcsec=0.25,
    )  # fmt: skip
    rooms.add_scores(ws, run, sea)
    assert galaxies_where_scored(ws, run) == {"sea": 150}


def test_galaxies_of_several_sources_taken_together_say_of_which_and_how_many() -> None:
    searched = {"deep": 1500, "sea": 150, "c": 30, "d": 20, "e": 1}
    survey = SurveySpec(galaxies=1701, prevalence=1e-3)
    said = assumption_text(survey, lens_share=None, searched=searched)
    assert said.startswith(
        "For 1\u202f701 galaxies, the cutouts of “deep” (1\u202f500), “sea” (150), “c” (30) and 2 more, "
        "with 2 lenses:"
    )
    other = SurveySpec(galaxies=2000, prevalence=1e-3)  # as it was entered
    assert assumption_text(other, lens_share=None, searched=searched).startswith(
        "For 2\u202f000 galaxies with 2 lenses:"
    )
    one = assumption_text(SurveySpec(galaxies=150), lens_share=None, searched={"sea": 150})
    assert one.startswith("For 150 galaxies, the cutouts of “sea”, with")
