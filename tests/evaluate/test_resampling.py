"""Intervals of figures and paired comparisons: hand-worked, by definition, and by simulated coverage."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.delong import (
    auroc_interval,
    auroc_variance,
    grouped_auroc_interval,
    paired_auroc_test,
)
from lensapp.core.evaluate.intervals import draw_anew, limits_of_draws, wilson_interval
from lensapp.core.evaluate.resampling import (
    FIGURES,
    coarse_bins,
    compare_figures,
    counts_of_bins,
    figure_intervals,
    figures_of_draws,
    purity_band,
    resampled_figures,
    roc_band,
)


def drawn(rng, *, lenses=60, others=240, apart=1.5):
    labels = np.repeat([True, False], [lenses, others])
    return labels, rng.normal(apart * labels, 1.0)


def test_delongs_variance_is_that_of_the_hand_worked_case():
    # Lenses 0.9, 0.8, 0.3; others 0.5, 0.3, 0.1. Below each lens: 1, 1, 1/2 (one tie of three is a half, one
    # below): (1, 1, 0.5). Above each other: 2/3, 2.5/3, 1.
    labels, scores = [1, 1, 1, 0, 0, 0], [0.9, 0.8, 0.3, 0.5, 0.3, 0.1]
    area, variance = auroc_variance(count_thresholds(labels, scores))
    assert area == pytest.approx(2.5 / 3)
    of_lenses, of_others = np.array([1, 1, 0.5]), np.array([2 / 3, 2.5 / 3, 1])
    assert variance == pytest.approx(of_lenses.var(ddof=1) / 3 + of_others.var(ddof=1) / 3)


def test_delongs_covariance_is_the_one_of_its_definition():
    rng = np.random.default_rng(4)
    labels = rng.random(40) < 0.4
    first = np.round(rng.normal(labels, 1), 1)
    second = np.round(0.5 * first + rng.normal(labels, 1), 1)

    def kernel(scores):
        return np.array(
            [[(x > y) + 0.5 * (x == y) for y in scores[~labels]] for x in scores[labels]], np.float64
        )

    gap = kernel(first) - kernel(second)
    variance = gap.mean(1).var(ddof=1) / labels.sum() + gap.mean(0).var(ddof=1) / (~labels).sum()
    (low, high), p_value = paired_auroc_test(labels, first, second)
    assert (low + high) / 2 == pytest.approx(gap.mean())
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)
    assert p_value == pytest.approx(2 * norm.sf(abs(gap.mean()) / np.sqrt(variance)))


def test_delongs_interval_holds_the_true_area_as_often_as_it_says():
    truth = norm.cdf(1.5 / np.sqrt(2))
    rng, inside, tries = np.random.default_rng(5), 0, 600
    for _ in range(tries):
        labels, scores = drawn(rng, lenses=30, others=100)
        low, high = auroc_interval(count_thresholds(labels, scores))
        inside += low <= truth <= high
    assert 0.925 < inside / tries < 0.975


def test_the_interval_of_groups_is_that_of_the_hand_worked_case():
    # As above, each cutout twice: the sums of a group are what one of it alone gives, over the areas'
    # mean; each class has three groups, so that it is DeLong's of single cutouts.
    labels = np.array([True, True, True, False, False, False])
    scores = np.array([0.9, 0.8, 0.3, 0.5, 0.3, 0.1])
    area, own = 2.5 / 3, np.array([1, 1, 0.5, 2 / 3, 2.5 / 3, 1]) - 2.5 / 3
    half = 1.959964 * np.sqrt(3 / 2 * np.sum((own / 3) ** 2)) / (area * (1 - area))
    expected = 1 / (1 + np.exp(-(np.log(area / (1 - area)) + np.array([-half, half]))))
    assert auroc_interval(count_thresholds(labels, scores)) == pytest.approx(expected, rel=1e-6)
    for times in (1, 2):
        given = [np.repeat(values, times) for values in (labels, scores, np.arange(6))]
        assert grouped_auroc_interval(*given) == pytest.approx(expected, rel=1e-6)


def test_limits_of_few_groups_hold_the_true_area_as_often_as_they_say_and_differ_where_areas_do():
    truth = norm.cdf(1.5 / np.sqrt(2))
    rng, inside, tries, seen = np.random.default_rng(8), 0, 200, set()
    for _ in range(tries):
        labels, scores = drawn(rng, lenses=25, others=29)
        given = [np.repeat(values, 3) for values in (labels, scores, np.arange(len(labels)))]
        one = figure_intervals(given[0], given[1], rng=rng, groups=given[2], repeats=100)["auroc"]
        inside += one.low <= truth <= one.high
        seen.add((one.low, one.high))
    assert 0.93 < inside / tries < 0.995
    assert len(seen) == tries


@pytest.mark.parametrize("grouped", [False, True])
def test_resampled_limits_hold_the_true_recall_and_area_as_often_as_they_say(grouped):
    truth = {"auroc": norm.cdf(1.5 / np.sqrt(2)), "recall_fpr_1e-2": norm.sf(norm.isf(0.01) - 1.5)}
    rng, tries = np.random.default_rng(6), 80
    inside = dict.fromkeys(truth, 0)
    for _ in range(tries):
        labels, scores = drawn(rng, lenses=60, others=600)
        groups = np.arange(len(labels))
        if grouped:
            labels, scores, groups = (np.repeat(values, 3) for values in (labels, scores, groups))
            scores = scores + rng.normal(0, 1e-3, len(scores))
        intervals = figure_intervals(labels, scores, rng=rng, groups=groups if grouped else None, repeats=100)
        for name, value in truth.items():
            inside[name] += intervals[name].low <= value <= intervals[name].high
    assert inside["auroc"] / tries > 0.89
    assert inside["recall_fpr_1e-2"] / tries > 0.86


def test_one_object_seen_thrice_is_not_three_objects():
    rng = np.random.default_rng(7)
    labels, scores = drawn(rng)
    thrice = [np.repeat(values, 3) for values in (labels, scores, np.arange(len(labels)))]
    once = figure_intervals(labels, scores, rng=np.random.default_rng(1))["average_precision"]
    naive = figure_intervals(*thrice[:2], rng=np.random.default_rng(1))["average_precision"]
    honest = figure_intervals(*thrice[:2], groups=thrice[2], rng=np.random.default_rng(1))[
        "average_precision"
    ]
    assert honest.high - honest.low == pytest.approx(once.high - once.low, rel=0.15)
    assert naive.high - naive.low < 0.75 * (once.high - once.low)


def test_intervals_repeat_with_the_seed_and_enclose_their_figures():
    labels, scores = drawn(np.random.default_rng(3))
    first = figure_intervals(labels, scores, rng=np.random.default_rng(1), repeats=100)
    assert first == figure_intervals(labels, scores, rng=np.random.default_rng(1), repeats=100)
    assert list(first) == list(FIGURES)
    assert all(one.low <= one.value <= one.high for one in first.values())


def test_an_area_below_a_half_is_shown_as_it_is():
    labels, scores = drawn(np.random.default_rng(3))
    area = figure_intervals(labels, -scores, rng=np.random.default_rng(1), repeats=50)["auroc"]
    assert area.value < 0.5
    assert area.high < 0.5


def test_a_perfect_ranking_of_few_cutouts_still_has_an_interval():
    low, high = auroc_interval(count_thresholds([1, 1, 1, 0, 0, 0], [6, 5, 4, 3, 2, 1]))
    assert low == pytest.approx(
        3 / (3 + 1.959964**2), abs=1e-6
    )  # Wilson's of three successes in three trials
    assert high == 1.0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("grouped", [False, True])
def test_limits_of_few_lenses_never_begin_at_the_figure_itself(seed, grouped):
    rng = np.random.default_rng(seed)
    lenses, others = int(rng.integers(3, 8)), int(rng.integers(5, 200))
    labels, scores = drawn(rng, lenses=lenses, others=others)
    groups = np.arange(lenses + others) // 2 if grouped else None
    found = figure_intervals(labels, scores, rng=rng, groups=groups, repeats=60)
    for name, one in found.items():
        assert one.low < one.value or one.value == 0
        assert one.high > one.value or one.value == 1
        assert one.high - one.low > 0.2 or name == "auroc"


def test_resamples_that_vary_to_one_side_leave_wilsons_limit_on_the_other():
    assert limits_of_draws(0.5, (0.5, 0.51), 4)[0] == wilson_interval(2, 4)[0]
    assert limits_of_draws(0.5, (0.45, 0.56), 400) == (0.45, 0.56)
    assert limits_of_draws(0.5, (0.5, 0.56), 400)[0] == wilson_interval(200, 400)[0]


def test_bands_of_few_perfect_lenses_have_a_width():
    labels, scores = np.arange(12) < 5, -np.arange(12.0)
    rng = np.random.default_rng(0)
    low, high = roc_band(labels, scores, rates=np.array([0.0, 0.5]), rng=rng)
    assert (low < 0.6).all()
    assert (high == 1).all()
    low, high = purity_band(labels, scores, completeness=np.array([0.2, 1.0]), rng=rng)
    assert low[0] < low[1] < 0.6


def test_the_same_run_twice_does_not_differ_and_two_unlike_ones_do():
    labels, scores = drawn(np.random.default_rng(8), lenses=300, others=900)
    noisy = scores + np.random.default_rng(9).normal(0, 2, len(scores))
    same = compare_figures(labels, scores, scores, rng=np.random.default_rng(1))
    assert {(one.difference, one.p_value) for one in same} == {(0.0, 1.0)}
    unlike = {one.figure: one for one in compare_figures(labels, scores, noisy, rng=np.random.default_rng(1))}
    for name in ("auroc", "average_precision"):
        assert unlike[name].low > 0
        assert unlike[name].p_value < 0.01


def test_runs_that_differ_by_chance_are_called_different_as_rarely_as_the_p_value_says():
    rng, called = np.random.default_rng(10), 0
    for _ in range(200):
        labels, scores = drawn(rng, lenses=40, others=120)
        first, second = (scores + rng.normal(0, 0.7, len(scores)) for _ in range(2))
        _, p_value = paired_auroc_test(labels, first, second)
        called += p_value < 0.05
    assert 0.01 < called / 200 < 0.10


def test_many_distinct_scores_keep_their_order_in_few_bins():
    scores = np.random.default_rng(2).permutation(50_000).astype(np.float64)
    bins = coarse_bins(scores, levels=1000)
    assert bins.max() < 1000
    assert all(a <= b for a, b in itertools.pairwise(bins[np.argsort(-scores)].tolist()))
    assert (np.sort(bins)[:100] == np.arange(100)).mean() > 0.5  # the highest scores stay apart


def test_groups_of_another_table_are_refused():
    labels, scores = drawn(np.random.default_rng(3))
    with pytest.raises(InvalidInput, match="2 groups but 300 labels"):
        resampled_figures(labels, scores[:, None], rng=np.random.default_rng(1), groups=[1, 2])


def test_figures_of_all_resamples_at_once_are_those_of_each():
    rng = np.random.default_rng(6)
    hits, misses = rng.poisson(0.3, (40, 50)), rng.poisson(2.0, (40, 50))
    hits[0], misses[1] = 0, 0  # without a class there is no figure
    misses[2, :5] = 0
    figures = figures_of_draws(hits, misses)
    assert np.isnan(figures[:2]).all()
    for repeat in range(2, 40):
        counts = counts_of_bins(hits[repeat], misses[repeat])
        assert figures[repeat] == pytest.approx([figure(counts) for figure in FIGURES.values()], rel=1e-12)


@pytest.mark.parametrize("number", [[1, 0, 2, 1], [30, 0, 60, 30]], ids=["one by one", "a multinomial"])
def test_what_is_drawn_anew_has_the_mean_and_spread_of_a_multinomial(number):
    drawn_kinds = draw_anew(np.array(number), rng=np.random.default_rng(8), repeats=20_000)
    total, share = sum(number), np.array(number) / sum(number)
    assert (drawn_kinds.sum(axis=1) == total).all()
    assert drawn_kinds.mean(axis=0) == pytest.approx(number, rel=0.03)
    assert drawn_kinds.var(axis=0) == pytest.approx(total * share * (1 - share), rel=0.05)
