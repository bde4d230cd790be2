"""Agreement of inspectors: published examples, scikit-learn's kappa, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.agreement import (
    SharedVerdicts,
    cohen_kappa,
    kappa_interval,
    krippendorff_alpha,
    shared_verdicts,
    wilson_rate,
)

# Krippendorff 2011, section C: four observers, twelve units, 0 where one is missing.
OBSERVED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
)
UNIT, VALUE = np.nonzero(OBSERVED.T)[0], OBSERVED.T[OBSERVED.T > 0].astype(float)


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_equals_krippendorffs_own_example(level: str, published: float) -> None:
    alpha = krippendorff_alpha(UNIT, VALUE, level=level)
    assert alpha.value == pytest.approx(published, abs=5e-4)
    assert alpha.low < alpha.value < alpha.high <= 1
    assert alpha.units == 11


def test_alpha_is_one_for_agreement_and_undefined_without_contrast() -> None:
    unit = np.repeat(np.arange(6), 2)
    assert krippendorff_alpha(unit, np.repeat([0.0, 1, 2, 0, 1, 2], 2)).value == 1
    assert np.isnan(krippendorff_alpha(unit, np.ones(12)).value)
    assert np.isnan(krippendorff_alpha(np.arange(5), np.arange(5.0)).value)
    assert np.isnan(krippendorff_alpha(np.empty(0, int), np.empty(0)).value)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999))
def test_alpha_does_not_depend_on_the_order_of_votes(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(UNIT))
    assert krippendorff_alpha(UNIT[order], VALUE[order]) == krippendorff_alpha(UNIT, VALUE)


def test_shared_verdicts_are_those_counted_by_hand() -> None:
    # Krippendorff's example: all said the same of units 1, 3, 5, 7, 8, 9, 10 and 11 of the eleven shared;
    # of 2 (3, 3 against 2, 2), 4 (3 only), 6 (1 to 4) and 12 as the columns above say.
    same = sum(len({*column[column > 0]}) == 1 and (column > 0).sum() > 1 for column in OBSERVED.T)
    split = sum(
        column[column > 0].min() < 2.5 <= column.max() for column in OBSERVED.T if (column > 0).sum() > 1
    )
    assert shared_verdicts(UNIT, VALUE, lens_from=2.5) == SharedVerdicts(11, same, split)
    assert (same, split) == (8, 2)
    assert shared_verdicts(UNIT[:0], VALUE[:0], lens_from=2.5) == SharedVerdicts(0, 0, 0)


def test_kappa_of_the_usual_example_is_two_fifths() -> None:
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    assert np.isnan(cohen_kappa(first[:20], first[:20]))
    assert np.isnan(cohen_kappa(first[:0], first[:0]))
    with pytest.raises(InvalidInput, match="votes in pairs, but there are 2 and 3"):
        cohen_kappa(first[:2], first[:3])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999), st.integers(2, 40))
def test_kappa_equals_scikit_learn(seed: int, count: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, 4, (2, count))
    first[:2], second[:2] = (0, 1), (1, 0)
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_rates_carry_wilsons_interval() -> None:
    rate = wilson_rate(8, 10)
    # Wilson's formula by hand: (0.8 + z²/20 ± z √(0.16/10 + z²/400)) / (1 + z²/10), z = 1.96.
    assert (rate.value, rate.low, rate.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    assert wilson_rate(0, 10).low == 0
    assert wilson_rate(10, 10).high == 1
    assert np.isnan(wilson_rate(0, 0).value)
    with pytest.raises(InvalidInput, match="3 hits in 2 cases"):
        wilson_rate(3, 2)


def test_the_interval_of_kappa_equals_that_worked_by_hand() -> None:
    first, second = np.array([0] * 5 + [1] * 5), np.array([0] * 4 + [1] * 5 + [0])
    assert cohen_kappa(first, second) == pytest.approx(0.6)  # 8 of 10 equal, 5 by chance
    # Wilson's limits of 8 in 10 are 0.4902 and 0.9433: less 0.5, over 0.5.
    assert kappa_interval(first, second) == pytest.approx((-0.0197, 0.8867), abs=2e-4)
    low, high = kappa_interval(first, first)
    assert (low < 0.5, high) == (True, pytest.approx(1.0)), "full agreement on ten leaves room"
    assert np.isnan(kappa_interval(first[:5], first[:5])).all()
