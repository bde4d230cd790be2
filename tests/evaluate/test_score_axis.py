"""The axis of scores: spread over those there are, by their logit where most are near an end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logit

from lensapp.core.evaluate.score_axis import at_least, axis_of, shared_axis, threshold_text

SCORES = arrays(np.float32, st.integers(1, 60), elements=st.floats(0, 1, width=32))


def test_scores_from_end_to_end_have_the_plain_axis() -> None:
    assert axis_of(np.linspace(0.03, 0.98, 50)).whole
    assert axis_of([]).whole


def test_scores_that_lie_close_together_fill_a_linear_axis() -> None:
    axis = axis_of([0.18, 0.2, 0.26])
    assert not axis.logit
    assert (axis.low, axis.high) == pytest.approx((0.176, 0.264))


@pytest.mark.parametrize("turned", [False, True])
def test_scores_most_of_which_are_near_an_end_are_spread_by_their_logit(turned: bool) -> None:
    scores = np.array([1e-4, 2e-4, 1e-3, 3e-3, 0.7])
    scores = 1 - scores if turned else scores
    axis = axis_of(scores)
    assert axis.logit
    np.testing.assert_allclose(axis.positions(scores), logit(scores), rtol=1e-9)
    assert {1e-3, 0.01, 0.1, 0.5} == {round(1 - tick if turned else tick, 9) for tick in axis.ticks()} - {
        1e-4
    }


def test_few_decades_have_ticks_between_them() -> None:
    assert axis_of([1e-3, 2e-3, 2.5e-2]).ticks() == [1e-3, 2e-3, 5e-3, 1e-2, 2e-2]


def test_ticks_that_would_touch_are_left_out() -> None:
    axis = axis_of([2e-4, 5e-4, 1e-3, 0.25])  # 7.4 logits long
    apart = axis.ticks(apart=0.2)
    assert apart[0] == axis.ticks()[0]
    assert len(axis.ticks()) > len(apart) > 2
    assert min(np.diff(logit(apart))) >= 0.2 * (logit(0.25) - logit(2e-4))


@given(SCORES)
def test_every_score_lies_on_the_axis_in_its_order(scores: np.ndarray) -> None:
    axis = axis_of(scores)
    positions = axis.positions(np.sort(scores))
    assert np.isfinite(positions).all()
    assert (np.diff(positions) >= 0).all()
    edges = axis.grid(51)
    assert (np.diff(edges) > 0).all()
    assert np.histogram(axis.clipped(scores), edges)[0].sum() == scores.size


def test_a_threshold_below_1_is_never_written_as_1() -> None:
    texts = [threshold_text(value) for value in (0.5, 0.12345, 0.9999734, 1 - 2.0**-24, 1.0)]
    assert texts == ["0.5", "0.123", "0.99997", "0.9999999", "1"]
    assert at_least(0.9996) == "score ≥ 0.9996"
    assert at_least(0.9) == "score ≥ 0.9"


def test_scores_near_an_end_are_told_apart_beside_others() -> None:
    """As raw scores are, most near 0, beside the probabilities that a calibration makes of them."""
    raw, calibrated = [1e-4, 2e-4, 1e-3, 5e-3], [0.02, 0.1, 0.4, 0.8]
    axis = shared_axis([raw, calibrated])
    assert axis.logit
    assert (axis.low, axis.high) == pytest.approx((1e-4, 0.8))
    assert shared_axis([[0.1, 0.5, 0.9], calibrated]).whole
