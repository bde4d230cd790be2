"""How far samples are apart quantile by quantile, and how far by chance; right values by hand and tables."""

from statistics import NormalDist

import numpy as np
import pytest

from lensapp.core.score.feature_distance import feature_distance
from lensapp.core.score.part_summary import PartSummary, errors_of, quantiles_of
from lensapp.core.score.quantile_distance import (
    LEVELS,
    distance_of,
    errors_together,
    is_telling,
    quantile_errors,
    significant_from,
)
from lensapp.core.score.source_check import compare


def test_the_distance_of_two_normal_distributions_is_their_shift_in_sigma() -> None:
    """Quantiles of a normal distribution at 5, 25, 50, 75 and 95 %, by a printed table."""
    table = np.array([-1.645, -0.6745, 0.0, 0.6745, 1.645])
    assert distance_of(table, table + 0.7) == pytest.approx(0.7, rel=1e-3)
    assert distance_of(table, 2 * table) == pytest.approx((2 * 1.645 + 2 * 0.6745) / 5, rel=1e-3)
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 4000, 6)).astype(np.float32)
    assert feature_distance(ours, theirs + 2)[0] == pytest.approx(2.0, abs=0.1)
    distance, error = feature_distance(ours, theirs)
    assert distance < 0.1
    assert error == pytest.approx(1.066 * np.sqrt(2 / 4000), rel=1e-3)  # see the table below


def test_another_share_of_lenses_leaves_the_features_alike_and_another_survey_does_not() -> None:
    """Lenses lie 3 sigma from the others in each feature, half of the dataset and 2 % of the survey."""
    rng = np.random.default_rng(1)
    are_lenses = np.arange(2000) % 2 == 0
    ours = rng.normal(size=(2000, 8)) + 3.0 * are_lenses[:, None]
    survey = rng.normal(size=(2000, 8)) + 3.0 * (np.arange(2000) % 50 == 0)[:, None]
    [distance, error] = feature_distance(ours, survey, are_lenses=are_lenses)
    assert distance < min(0.1, 3 * error)
    assert feature_distance(ours, survey)[0] > 0.6, "but for the mix they differ"
    elsewhere = survey + 5.0 * (np.arange(8) % 2 == 0) - 5.0 * (np.arange(8) % 2 == 1)
    assert feature_distance(ours, elsewhere, are_lenses=are_lenses)[0] > 1.0
    few = np.arange(2000) < 10  # too few lenses to tell what more of them look like
    assert feature_distance(ours, survey, are_lenses=few) == feature_distance(ours, survey)


def test_sampling_errors_of_quantiles_agree_with_ranks_and_with_the_table_of_the_normal_distribution() -> (
    None
):
    """Of 101 values 0, 1, … 100 the median is 50, 5 ranks (the root of 101/4) and half a rank uncertain."""
    values, levels = np.arange(101.0), np.array([0.5])
    assert quantile_errors(values, levels) == pytest.approx((np.sqrt(101) / 2 + 0.5) * 100 / 101)
    few = quantile_errors(np.array([0.0, 1, 2, 3, 40]), np.array([0.05]))  # nothing is below the lowest
    assert few == pytest.approx([4 * (np.sqrt(0.05 * 0.95 / 5) + 0.1)])
    normal = np.array([NormalDist().inv_cdf((k + 0.5) / 4000) for k in range(4000)])
    table = np.array([2.113, 1.363, 1.253, 1.363, 2.113])  # sqrt(p (1 - p)) / density, by a printed table
    errors = quantile_errors(normal, np.array(LEVELS)) * np.sqrt(4000)
    assert errors == pytest.approx(table, rel=0.08)
    kept_without = PartSummary(
        cutouts=4000, bands=("r",), quantiles={"colour": (-1.645, -0.6745, 0, 0.6745, 1.645)}
    )
    assert kept_without.errors_of("colour") * np.sqrt(4000) == pytest.approx(table, rel=1e-3)


def test_how_far_off_counts_follows_from_how_many_are_compared() -> None:
    """Two-sided normal quantiles at 0.01 and at 0.01 / 20, by a printed table."""
    assert significant_from(1) == pytest.approx(2.576, abs=1e-3)
    assert significant_from(20) == pytest.approx(3.481, abs=1e-3)


def test_errors_of_quantiles_of_one_sample_go_together_as_far_as_they_are_correlated() -> None:
    """Median and upper quartile: √(0.5 · 0.25 / (0.75 · 0.5)) = 0.577; (9 + 16 + 24 · 0.577) / 4 = 9.71."""
    assert errors_together(np.array([3.0, 4.0]), (0.5, 0.75)) == pytest.approx(np.sqrt(9.714), rel=1e-3)
    rng = np.random.default_rng(5)
    means = np.quantile(rng.normal(size=(4000, 400)), LEVELS, axis=1).mean(axis=0)
    table = np.array([2.113, 1.363, 1.253, 1.363, 2.113]) / 20  # of quantiles of 400, by a printed table
    assert errors_together(table) == pytest.approx(means.std(), rel=0.05)


def test_a_shift_of_many_standard_errors_is_red_whatever_the_tails_of_few_values() -> None:
    """48 values of noise, 0.64 mag off with a scatter of 0.28 and a few strays: 0.28 / √48 = 0.04 mag.

    In spreads, of 0.2 mag at least: 3.2 off with an error of 0.25, a median's being 1.25 times that of a
    mean. The tails alone would make it ± 0.5 and more.
    """
    normal = np.array([NormalDist().inv_cdf((k + 0.5) / 48) for k in range(48)])
    noise = 27.50 + 0.2 * normal
    noise[-3:] += [0.4, 0.6, 0.9]  # the strays
    training = PartSummary(
        cutouts=512,
        bands=("g",),
        quantiles={"sky noise g": (27.94, 28.06, 28.14, 28.22, 28.34)},
        errors={"sky noise g": (0.01,) * 5},
    )
    few = {"quantiles": quantiles_of({"sky noise g": noise}), "errors": errors_of({"sky noise g": noise})}
    check = compare(training, training.replaced(cutouts=48, **few))
    [one] = check.comparisons
    assert (check.light, one.light) == ("red", "red")
    assert one.distance == pytest.approx(0.64 / 0.2, abs=0.15)
    assert one.error == pytest.approx(1.25 * 0.04 / 0.2, abs=0.1)
    assert "by chance" not in one.words
    uncertain = training.replaced(quantiles=few["quantiles"], errors={"sky noise g": (0.5,) * 5})
    check = compare(training, uncertain)
    assert check.light == "grey"
    assert "Too few cutouts to tell" in check.words


def test_how_many_cutouts_tell() -> None:
    """Of 3.6 errors, 1.066 / √n each beside many: (3.6 · 1.066)² = 14.7 cutouts."""
    assert not is_telling(10**9, 14, least=3.6)
    assert is_telling(10**9, 15, least=3.6)
