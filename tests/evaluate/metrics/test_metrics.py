"""Figures of merit against scikit-learn, a published table and their own laws."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from astropy.stats import binom_conf_interval
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import (
    ThresholdCounts,
    binary_labels,
    confusion_at,
    count_thresholds,
    precision_recall,
    roc,
    thinned,
)
from lensapp.core.evaluate.intervals import wilson_band, wilson_interval, wilson_limits
from lensapp.core.evaluate.metrics import (
    ThresholdProposals,
    auroc,
    average_precision,
    brier,
    measure,
    partial_auroc,
    pr_auc_trapezoid,
    propose_thresholds,
    recall_with_fewer_false_positives,
    suggest_thresholds,
    told_figures,
    untold_figures,
)
from lensapp.core.evaluate.prevalence import purity_at_prevalence

EXACT = 1e-12


@st.composite
def labelled_scores(draw, most=60):
    """Both classes present; few distinct scores, so that ties are common."""
    n = draw(st.integers(2, most))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    labels[0], labels[1] = 0, 1
    levels = draw(st.sampled_from([2, 5, 1000]))
    scores = draw(st.lists(st.integers(0, levels), min_size=n, max_size=n))
    return np.array(labels), np.array(scores) / levels


@settings(max_examples=60, deadline=None)
@given(labelled_scores())
def test_every_figure_equals_scikit_learn(sample):
    labels, scores = sample
    counts = count_thresholds(labels, scores)
    precision, recall, _ = reference.precision_recall_curve(labels, scores)
    assert auroc(counts) == pytest.approx(reference.roc_auc_score(labels, scores), abs=EXACT)
    assert average_precision(counts) == pytest.approx(
        reference.average_precision_score(labels, scores), abs=EXACT
    )
    assert pr_auc_trapezoid(counts) == pytest.approx(reference.auc(recall, precision), abs=EXACT)
    assert brier(labels, scores) == pytest.approx(reference.brier_score_loss(labels, scores), abs=EXACT)


@settings(max_examples=60, deadline=None)
@given(labelled_scores())
def test_every_curve_equals_scikit_learn(sample):
    labels, scores = sample
    counts = count_thresholds(labels, scores)
    for ours, theirs in zip(
        roc(counts), reference.roc_curve(labels, scores, drop_intermediate=False), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=EXACT)
    precision, recall, thresholds = reference.precision_recall_curve(labels, scores)
    ours = precision_recall(counts)
    for values, theirs in zip(ours, (precision[:-1], recall[:-1], thresholds), strict=True):
        np.testing.assert_allclose(values[::-1], theirs, rtol=0, atol=EXACT)


@settings(max_examples=60, deadline=None)
@given(labelled_scores(), st.floats(-0.1, 1.1))
def test_confusion_at_any_threshold_equals_scikit_learn(sample, threshold):
    labels, scores = sample
    found = measure(labels, scores, threshold=threshold)
    tn, fp, fn, tp = reference.confusion_matrix(labels, scores >= threshold).ravel()
    assert (found.confusion.tn, found.confusion.fp) == (tn, fp)
    assert (found.confusion.fn, found.confusion.tp) == (fn, tp)
    assert found.accuracy == pytest.approx(reference.accuracy_score(labels, scores >= threshold), abs=EXACT)
    assert found.confusion.f1 == pytest.approx(reference.f1_score(labels, scores >= threshold), abs=EXACT)
    assert found.completeness == pytest.approx(reference.recall_score(labels, scores >= threshold), abs=EXACT)


@settings(max_examples=60, deadline=None)
@given(labelled_scores())
def test_the_roc_rises_from_corner_to_corner(sample):
    rate, completeness, thresholds = roc(count_thresholds(*sample))
    assert (rate[0], completeness[0]) == (0, 0)
    assert (rate[-1], completeness[-1]) == (1, 1)
    assert (np.diff(rate) >= 0).all()
    assert (np.diff(completeness) >= 0).all()
    assert (np.diff(thresholds) < 0).all()


@settings(max_examples=60, deadline=None)
@given(labelled_scores())
def test_ranking_figures_ignore_monotone_transforms_of_the_score(sample):
    labels, scores = sample
    before, after = count_thresholds(labels, scores), count_thresholds(labels, np.exp(3 * scores) - 7)
    assert auroc(before) == auroc(after)
    assert average_precision(before) == average_precision(after)
    assert recall_with_fewer_false_positives(before, limit=2) == recall_with_fewer_false_positives(
        after, limit=2
    )


@settings(max_examples=60, deadline=None)
@given(labelled_scores())
def test_swapping_the_classes_turns_the_roc_around(sample):
    labels, scores = sample
    swapped = count_thresholds(1 - labels, -scores)
    assert auroc(swapped) == pytest.approx(auroc(count_thresholds(labels, scores)), abs=EXACT)


@settings(max_examples=60, deadline=None)
@given(labelled_scores(), st.sampled_from([1, 2, 10]))
def test_recall_at_few_false_positives_equals_trying_every_threshold(sample, limit):
    labels, scores = sample
    tried = [0.0]
    for threshold in scores:
        accepted = scores >= threshold
        if np.count_nonzero(accepted & (labels == 0)) < limit:
            tried.append(np.count_nonzero(accepted & (labels == 1)) / labels.sum())
    counts = count_thresholds(labels, scores)
    assert recall_with_fewer_false_positives(counts, limit=limit) == max(tried)


def test_a_nonlens_tied_with_the_best_lenses_makes_tpr0_zero():
    found = measure([1, 1, 0, 1] + 10 * [0], [0.9, 0.9, 0.9, 0.4] + 10 * [0.1])
    assert found.tpr0 == 0
    assert found.tpr10 == 1


@pytest.mark.parametrize(("nonlenses", "tpr0", "tpr10"), [(1, None, None), (10, None, None), (11, 0.5, 0.75)])
def test_ten_non_lenses_or_fewer_tell_neither_tpr0_nor_tpr10(nonlenses, tpr0, tpr10):
    # Lenses at 0.9, 0.8, 0.35 and 0.05; of eleven non-lenses from 0.50 down to 0.10 the tenth is at 0.14.
    labels = np.arange(4 + nonlenses) < 4
    scores = np.concatenate([[0.9, 0.8, 0.35, 0.05], 0.5 - 0.04 * np.arange(nonlenses)])
    found = measure(labels, scores)
    assert (found.tpr0, found.tpr10) == (tpr0, tpr10)
    assert {"tpr0", "tpr10"}.isdisjoint(untold_figures(nonlenses)) is (nonlenses > 10)
    stored = {"n": 4 + nonlenses, "n_positive": 4, "auroc": 0.9, "tpr0": 1.0, "tpr10": 1.0}
    assert told_figures(stored)["tpr10"] == (1.0 if nonlenses > 10 else None)
    assert told_figures(stored)["auroc"] == 0.9


def test_an_object_exactly_at_the_threshold_is_accepted():
    counts = count_thresholds([0, 1, 1], [0.2, 0.5, 0.8])
    assert confusion_at(counts, 0.5).tp == 2
    assert confusion_at(counts, np.nextafter(0.5, 1)).tp == 1


def test_purity_is_absent_when_nothing_is_accepted():
    found = measure([0, 1], [0.1, 0.2], threshold=0.9)
    assert found.purity is None
    assert found.purity_interval == (0, 1)
    assert found.as_dict()["confusion"] == {"tp": 0, "fp": 0, "fn": 1, "tn": 1}


def test_brier_is_absent_when_scores_are_not_probabilities():
    assert brier([0, 1], [-3.0, 8.0]) is None


def test_figures_are_plain_json():
    assert json.loads(json.dumps(measure([0, 1, 1], [0.1, 0.7, 0.3]).as_dict()))["n"] == 3


def test_figures_equal_the_published_table(shared_data: Path):
    published = json.loads((shared_data / "scores" / "published_metrics.json").read_text())["global"]
    with (shared_data / "scores" / "slchallenge_pad1_norm1.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    labels, scores = [row["label"] for row in rows], [float(row["score"]) for row in rows]
    found = measure(labels, scores, threshold=published["threshold"])
    assert found.auroc == pytest.approx(published["roc_auc"], abs=EXACT)
    assert found.average_precision == pytest.approx(published["pr_auc"], abs=EXACT)  # the step, not the line
    assert abs(found.pr_auc_trapezoid - published["pr_auc"]) > 1e-4
    assert found.brier == pytest.approx(published["brier"], abs=EXACT)
    assert found.accuracy == pytest.approx(published["accuracy"], abs=EXACT)
    assert found.purity == pytest.approx(published["precision"], abs=EXACT)
    assert found.completeness == pytest.approx(published["recall"], abs=EXACT)
    assert found.as_dict()["confusion"] == {name: published[name] for name in ("tp", "fp", "fn", "tn")}


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5, np.nan], r"1 of 2 scores are NaN or infinite"),
        ([0, 1], [0.5, np.inf], r"scores are NaN or infinite"),
        ([1, 1], [0.5, 0.6], r"All 2 objects are labelled lens\. Add"),
        ([0, 0], [0.5, 0.6], r"All 2 objects are labelled non-lens\. Add"),
        ([], [], r"no labelled scores"),
        ([0, 1, 2], [0.1, 0.2, 0.3], r"lens/non-lens or 1/0, .* others such as 2 \(1 in all\)"),
        ([0, 1, np.nan], [0.1, 0.2, 0.3], r"such as nan"),
        (["lens", "maybe"], [0.1, 0.2], r"such as 'maybe'"),
        ([0, 1, 1], [0.1, 0.2], r"3 labels but 2 scores"),
    ],
)
def test_unusable_input_is_refused_with_a_remedy(labels, scores, message):
    with pytest.raises(InvalidInput, match=message):
        measure(labels, scores)


def test_a_threshold_that_is_not_finite_is_refused():
    with pytest.raises(InvalidInput, match="threshold nan is not a finite number"):
        measure([0, 1], [0.1, 0.2], threshold=float("nan"))


@pytest.mark.parametrize(
    "labels", [[True, False], ["lens", "nonlens"], [1.0, 0.0], ["1", "0"], np.array(["LENS", " NonLens "])]
)
def test_labels_are_read_in_every_common_form(labels):
    assert binary_labels(labels).tolist() == [True, False]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([500, 6000, 20000]))
def test_thinning_keeps_corners_the_first_points_and_the_area(seed, n):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.1
    labels[:2] = True, False
    rate, completeness, _ = roc(count_thresholds(labels, rng.normal(labels * 1.5, 1)))
    kept = thinned(rate, completeness)
    assert kept.size <= 2000
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0
    assert kept[-1] == rate.size - 1
    area = np.trapezoid(completeness[kept], rate[kept])
    assert area == pytest.approx(np.trapezoid(completeness, rate), abs=4e-4)


def test_thinning_a_short_curve_only_drops_points_inside_straight_lines():
    kept = thinned([0, 0, 0, 0.5, 1], [0, 0.5, 1, 1, 1])
    assert kept.tolist() == [0, 2, 4]


def test_thinning_a_steep_curve_keeps_the_low_false_positive_end():
    rate = np.arange(100_001) / 100_000
    kept = thinned(rate, rate**0.01 + np.sin(np.arange(rate.size)) * 1e-9)
    assert np.count_nonzero(rate[kept] < 1e-3) > 90


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_limits_enclose_the_proportion_and_stay_possible(successes, more):
    trials = successes + more
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1


def test_wilson_limits_equal_the_published_example():
    low, high = wilson_interval(81, 263)  # Newcombe 1998, Statistics in Medicine 17, 857, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.integers(1, 50), st.sampled_from([0.68, 0.9, 0.95, 0.999]))
def test_wilson_limits_are_those_of_astropy(successes, more, confidence):
    trials = successes + more
    wanted = binom_conf_interval(successes, trials, confidence_level=confidence, interval="wilson")
    assert wilson_interval(successes, trials, confidence=confidence) == pytest.approx(wanted, abs=1e-12)


def test_wilson_limits_take_trials_that_are_no_whole_number():
    """By hand: (0.5 + z²/5 ± z √(0.25/2.5 + (z/5)²)) / (1 + z²/2.5), z = 1.95996."""
    low, high = wilson_limits(0.5, 2.5)
    assert (float(low), float(high)) == pytest.approx((0.1108, 0.8892), abs=1e-4)


def test_an_impossible_confidence_is_refused():
    with pytest.raises(InvalidInput, match="confidence of 95 is not between 0 and 1"):
        wilson_band(np.array([1]), np.array([2]), confidence=95)


def test_purity_at_the_sample_prevalence_is_the_purity():
    counts = count_thresholds([1, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.1])
    np.testing.assert_allclose(purity_at_prevalence(counts, 0.4), precision_recall(counts)[0], atol=EXACT)
    assert purity_at_prevalence(counts, 1e-3)[-1] == pytest.approx(1e-3)
    with pytest.raises(InvalidInput, match="prevalence of 0 is not between 0 and 1"):
        purity_at_prevalence(counts, 0)


def test_suggested_thresholds_do_what_they_say():
    rng = np.random.default_rng(5)
    labels = rng.random(4000) < 0.1
    scores = rng.normal(labels * 2.0, 1)
    found = {item.name: item for item in suggest_thresholds(count_thresholds(labels, scores))}
    accuracies = [np.mean((scores >= threshold) == labels) for threshold in scores]
    at_best = np.mean((scores >= found["accuracy"].threshold) == labels)
    assert at_best == pytest.approx(max(accuracies), abs=EXACT)
    assert found["tpr0"].purity == 1
    assert found["purity_90"].purity >= 0.9
    assert found["completeness_90"].completeness >= 0.9
    assert np.mean(scores[~labels] >= found["fpr_1e-3"].threshold) <= 1e-3
    for item in found.values():
        assert item.accepted == np.count_nonzero(scores >= item.threshold)


@pytest.mark.parametrize(
    ("negatives", "rates"),
    [(299, []), (300, ["fpr_1e-2"]), (480, ["fpr_1e-2"]), (2999, ["fpr_1e-2"]),
     (3000, ["fpr_1e-2", "fpr_1e-3"]), (30_000, ["fpr_1e-2", "fpr_1e-3", "fpr_1e-4"])],
)  # fmt: skip
def test_a_false_positive_rate_is_proposed_only_where_three_non_lenses_are_expected_above_it(
    negatives, rates
):
    scores = np.linspace(0, 0.9, negatives + 100)
    labels = np.arange(negatives + 100) >= negatives
    proposed = propose_thresholds(labels, scores, part="validation")
    assert [one.name for one in proposed.thresholds if one.name.startswith("fpr")] == rates
    assert sorted([*proposed.not_proposed, *rates]) == ["fpr_1e-2", "fpr_1e-3", "fpr_1e-4"]
    assert (proposed.n, proposed.n_positive, proposed.n_negative) == (negatives + 100, 100, negatives)
    assert ThresholdProposals.from_dict(json.loads(json.dumps(proposed.as_dict()))) == proposed


def test_each_aim_out_of_reach_has_its_reason_also_in_proposals_from_before():
    labels = np.arange(400) % 4 == 0
    proposed = propose_thresholds(labels, np.where(labels, 0.5, 0.5 + np.arange(400) / 1000), part="test")
    aims = {one.name for one in proposed.thresholds}
    assert not aims & set(proposed.not_proposed)
    assert {"tpr0", "tpr10", "fpr_1e-2", "fpr_1e-3", "purity_90"} <= set(proposed.not_proposed)
    assert proposed.not_proposed["tpr0"] == (
        "a non-lens scores at least as high as the best lens of the test part"
    )
    assert proposed.not_proposed["fpr_1e-3"].startswith("needs 3000 non-lenses")
    older = proposed.as_dict() | {"not_proposed": {}}
    assert "purity_90" in ThresholdProposals.from_dict(older).not_proposed


@pytest.mark.parametrize(("lenses", "nonlenses"), [(60, 14), (60, 100), (9, 200)])
def test_no_threshold_is_proposed_at_the_edge_of_what_the_counts_can_tell(lenses, nonlenses):
    """As one that no non-lens of 14 passes: in another part of a survey one in five may."""
    labels = np.arange(lenses + nonlenses) < lenses
    scores = np.random.default_rng(3).normal(labels * 3.0, 1)
    proposed = propose_thresholds(labels, scores, part="validation")
    names, absent = {one.name for one in proposed.thresholds}, proposed.not_proposed
    assert {"accuracy", "f1", "youden"} <= names
    assert ({"tpr0", "tpr10"} <= names) is (nonlenses >= 100)
    assert ("completeness_90" in names) is (lenses >= 30)
    if nonlenses < 100:
        assert absent["tpr0"] == absent["tpr10"] == "needs 100 non-lenses, the validation part has 14"
    if lenses < 30:
        assert absent["completeness_90"] == "needs 30 lenses, the validation part has 9"
        assert absent["purity_90"].endswith(
            "of the validation part would be accepted, 30 are needed to tell it"
        )
    before = suggest_thresholds(count_thresholds(labels, scores))  # as older evaluations have stored them
    older = proposed.as_dict() | {"thresholds": [asdict(one) for one in before], "not_proposed": {}}
    read = ThresholdProposals.from_dict(older)
    assert read.thresholds == proposed.thresholds
    assert read.not_proposed.items() >= {one: why for one, why in absent.items() if "fpr" not in one}.items()


def test_a_part_of_one_class_proposes_nothing_and_says_why():
    proposed = propose_thresholds(np.ones(4, bool), np.arange(4), part="validation")
    assert not proposed.thresholds
    assert proposed.not_proposed["all"].startswith("the validation part has 4 lenses and 0 non-lenses")


def test_aims_out_of_reach_are_not_suggested():
    names = [item.name for item in suggest_thresholds(count_thresholds([0, 1], [0.9, 0.1]))]
    assert "tpr0" not in names
    assert "purity_90" not in names


def test_counts_know_their_totals():
    counts = ThresholdCounts(np.array([0.5]), np.array([3]), np.array([4]))
    assert (counts.n, counts.n_positive, counts.n_negative) == (7, 3, 4)


def test_the_partial_area_equals_scikit_learn():
    rng = np.random.default_rng(8)
    labels = rng.random(400) < 0.3
    scores = np.round(rng.normal(labels, 1), 1)
    for rate in (0.01, 0.05, 0.3, 1.0):
        expected = reference.roc_auc_score(labels, scores, max_fpr=rate)
        assert partial_auroc(count_thresholds(labels, scores), largest_rate=rate) == pytest.approx(expected)
