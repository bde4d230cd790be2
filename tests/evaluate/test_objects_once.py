"""Limits of shares where several cutouts show one object, which counts once in all of them."""

from dataclasses import replace

import numpy as np
import pytest

from lensapp.core.evaluate.calibration import measure_reliability
from lensapp.core.evaluate.compare.second_test import operating_points
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.intervals import share_interval, trials_of, wilson_interval, wilson_limits
from lensapp.core.evaluate.metrics import measure
from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.core.evaluate.vetoes import measure_veto
from lensapp.services.evaluate.evaluation import Evaluation, threshold_columns
from lensapp.services.evaluate.expectations import expectation, expectation_columns
from lensapp.services.evaluate.figure_tables import expectation_table
from lensapp.storage.evaluations import StoredEvaluation

SURVEY = SurveySpec(galaxies=10**6, prevalence=1e-3)


def made(scores: np.ndarray, labels: np.ndarray, objects: np.ndarray | None) -> Evaluation:
    turned = np.asarray(scores, np.float32)[:, None]
    stored = StoredEvaluation(np.arange(len(labels)), labels, turned, {}, group_ids=objects)
    return Evaluation(run="r", part="test", outdated=False, stored=stored)


def each(times: int) -> tuple[Evaluation, Evaluation, Evaluation]:
    """A part of 10 lenses and 40 non-lenses; each as so many objects; each so often as one object.

    At score ≥ 0.5 are 8 of the lenses and 2 of the non-lenses.
    """
    labels = np.arange(50) < 10
    scores = np.where(labels, np.arange(50) < 8, np.arange(50) < 12) * 0.4 + np.arange(50) / 200 + 0.2
    objects = np.arange(50)
    again = [np.repeat(one, times) for one in (scores, labels, objects)]
    return made(scores, labels, None), made(again[0], again[1], None), made(*again)


def test_a_survey_in_numbers_counts_each_object_once() -> None:
    """By hand: 8 of 10 lenses by Wilson 0.490–0.943, however often each of them is seen."""
    single, apart, together = (expectation(one, SURVEY, threshold=0.5) for one in each(4))
    assert single is not None
    assert (single.completeness_low, single.completeness_high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert together is not None
    assert together.as_dict() == pytest.approx(single.as_dict())
    assert apart is not None
    assert apart.completeness_low > 0.6
    assert apart.purity_high - apart.purity_low < 0.6 * (single.purity_high - single.purity_low)
    tables = [expectation_table(one, SURVEY, threshold=0.5) for one in each(4)]
    assert tables[2].equals(tables[0])
    assert not tables[1].equals(tables[0])


def test_limits_at_all_thresholds_count_each_object_once() -> None:
    single, _, together = each(3)
    for columns in (threshold_columns, lambda one: expectation_columns(one, SURVEY)):
        wanted, found = columns(single), columns(together)
        for name in wanted:
            np.testing.assert_allclose(
                found[name], wanted[name] * (3 if name == "accepted" else 1), rtol=1e-9, err_msg=name
            )


def test_that_each_object_counts_once_is_said_where_one_has_several_cutouts() -> None:
    single, apart, together = each(4)
    assert single.objects_once == apart.objects_once == ""
    assert together.objects_once == ", each of 50 objects counted once"


def test_trials_of_objects_that_differ_are_those_worked_by_hand() -> None:
    """Lenses of four objects, seen 3, 1, 1 and 1 times; all of the first are accepted, no other.

    The share is 3 of 6; Σ (accepted - share × seen)² is 1.5² + 3 × 0.5² = 3, so that the share is worth
    0.5 × 0.5 × 6² / 3 = 3 trials, fewer than there are objects (Rao & Scott 1992). Of a share of 0 or 1 they
    are 6² / (3² + 3) = 3, as if the cutouts of an object were always alike (Kish 1965).
    """
    seen = np.repeat(np.arange(4), [3, 1, 1, 1])
    everything = np.ones(6, bool)
    for accepted, share in ((seen == 0, 0.5), (seen < 0, 0.0), (seen >= 0, 1.0)):
        found = share_interval(accepted, everything, seen)
        assert (found.low, found.high) == pytest.approx(tuple(map(float, wilson_limits(share, 3))))
    labels, scores = np.array([True] * 6 + [False]), np.array([0.9, 0.9, 0.9, 0.4, 0.3, 0.2, 0.1])
    trials = trials_of(count_thresholds(labels, scores), labels, scores, np.append(seen, 9))
    assert trials.lenses[[0, 1, 4]] == pytest.approx([3, 3, 3])  # of none, of the first object, of all
    # Of what is accepted at first all three cutouts, of one object, are lenses: one trial.
    assert trials.accepted[1] == pytest.approx(1)


def test_a_share_is_never_worth_more_trials_than_there_are_objects() -> None:
    """Of each of two objects one of two cutouts is accepted: they agree better than chance would have it."""
    found = share_interval(np.array([1, 0, 1, 0], bool), np.ones(4, bool), np.array([0, 0, 1, 1]))
    assert (found.low, found.high) == pytest.approx(wilson_interval(1, 2))


@pytest.mark.parametrize("objects", [12, 60])
def test_limits_hold_the_true_share_as_often_as_they_say(objects: int) -> None:
    """Five cutouts of each object, whose scores share four fifths of their variance."""
    rng, held, apart, tries = np.random.default_rng(5), 0, 0, 600
    seen = np.repeat(np.arange(objects), 5)
    everything = np.ones(len(seen), bool)
    for _ in range(tries):
        own = rng.normal(size=objects)[seen] * np.sqrt(0.8)
        accepted = own + rng.normal(0, np.sqrt(0.2), len(seen)) > -0.5244  # of 70 %
        limits = [share_interval(accepted, everything, groups) for groups in (seen, None)]
        held += limits[0].low <= 0.7 <= limits[0].high
        apart += limits[1].low <= 0.7 <= limits[1].high
    assert held / tries > 0.93
    assert apart / tries < 0.8


def test_figures_vetoes_reliability_and_second_tests_count_each_object_once() -> None:
    labels, scores, objects = (np.repeat(one, 4) for one in _part())
    single, together = measure(*_part()[:2]), measure(labels, scores, objects=objects)
    assert together.purity_interval == pytest.approx(single.purity_interval)
    assert together.completeness_interval == pytest.approx(single.completeness_interval)
    vetoed = np.arange(40) % 3 == 0
    one, again = (
        measure_veto(*_part()[:2], vetoed, threshold=0.5),
        measure_veto(labels, scores, np.repeat(vetoed, 4), threshold=0.5, objects=objects),
    )
    assert one.lenses_lost is not None
    assert again.lenses_lost is not None
    assert (again.lenses_lost.low, again.lenses_lost.high) == pytest.approx(
        (one.lenses_lost.low, one.lenses_lost.high)
    )
    bins = [
        measure_reliability(*_part()[:2], bins=4),
        measure_reliability(labels, scores, bins=4, objects=objects),
    ]
    np.testing.assert_allclose(bins[1].low, bins[0].low)
    few = np.array([True] * 6), np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
    points = (
        operating_points(*_part()[:2], *few),
        operating_points(
            labels, scores, *(np.repeat(one, 4) for one in few),
            groups=objects, second_groups=np.repeat(np.arange(6), 4),
        ),
    )  # fmt: skip
    by_name = {point.name: point for point in points[1]}
    for point in points[0]:
        if point.name == "fpr_1e-1":  # which does not hang on the number of non-lenses
            assert by_name[point.name].p_value == pytest.approx(point.p_value)


def _part() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, distinct scores and objects of 8 lenses and 32 non-lenses."""
    labels = np.arange(40) % 5 == 0
    scores = np.random.default_rng(2).permutation(40) / 50 + 0.2 * labels
    return labels, scores, np.arange(40)


def test_an_evaluation_whose_cutouts_show_one_object_each_has_the_limits_of_cutouts() -> None:
    single, apart, _ = each(1)
    alone = replace(single, stored=replace(single.stored, group_ids=np.arange(50)))
    wanted = single.figures_at(0.5)
    for figures in (apart.figures_at(0.5), alone.figures_at(0.5)):
        assert figures.purity_interval == pytest.approx(wanted.purity_interval)
        assert figures.completeness_interval == pytest.approx(wanted.completeness_interval)
