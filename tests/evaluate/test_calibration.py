"""Calibration of scores: known maps are recovered, and figures agree with their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.calibration import Calibration, fit_calibration, log_losses, measure_reliability
from lensapp.core.evaluate.calibration_spec import METHODS


def logit(values):
    return np.log(values / (1 - values))


def expit(values):
    return 1 / (1 + np.exp(-values))


def overconfident(count=40_000, *, slope=3.0, shift=1.0, seed=1):
    """Scores whose logit is `slope` times that of the truth, plus `shift`."""
    rng = np.random.default_rng(seed)
    probability = np.clip(rng.beta(0.6, 2.0, count), 1e-4, 1 - 1e-4)
    return rng.random(count) < probability, expit(slope * logit(probability) + shift), probability


@pytest.mark.parametrize("method", METHODS)
def test_a_known_distortion_is_undone(method):
    labels, scores, probability = overconfident(shift=0.0 if method == "temperature" else 1.0)
    calibrated = fit_calibration(labels, scores, method=method)(scores)
    assert np.abs(calibrated - probability).mean() < 0.012
    assert measure_reliability(labels, calibrated).expected_error < 0.012
    assert measure_reliability(labels, scores).expected_error > 0.05


def test_platts_line_is_the_inverse_of_the_distortion():
    labels, scores, _ = overconfident()
    fitted = fit_calibration(labels, scores, method="platt")
    assert fitted.slope == pytest.approx(1 / 3, abs=0.01)
    assert fitted.intercept == pytest.approx(-1 / 3, abs=0.03)


@pytest.fixture(scope="module", params=METHODS)
def fitted(request):
    return fit_calibration(*overconfident(400)[:2], method=request.param)


@given(scores=st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_a_calibration_never_changes_the_order_and_survives_being_stored(fitted, scores):
    calibrated = fitted(np.sort(scores))
    assert (np.diff(calibrated) >= 0).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    np.testing.assert_array_equal(Calibration.from_dict(fitted.as_dict())(np.sort(scores)), calibrated)


def test_what_was_not_scored_stays_so():
    labels, scores, _ = overconfident(400)
    for method in METHODS:
        assert np.isnan(fit_calibration(labels, scores, method=method)([np.nan])).all()


def test_reliability_agrees_with_scikit_learn():
    labels, scores, _ = overconfident(5000)
    ours = measure_reliability(labels, scores, bins=10)
    share, mean_score = calibration_curve(labels, scores, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(ours.share, share, atol=0.002)
    np.testing.assert_allclose(ours.mean_score, mean_score, atol=0.002)
    assert ours.brier == pytest.approx(brier_score_loss(labels, scores))


def test_the_terms_of_the_brier_score_add_up_where_scores_are_few():
    labels = [1, 0, 0, 0, 1, 1, 0, 1]
    scores = [0.25] * 4 + [0.75] * 4
    found = measure_reliability(labels, scores, bins=2)
    # Both bins are calibrated: shares 1/4 and 3/4 around a base rate of 1/2.
    assert (found.reliability, found.resolution, found.uncertainty) == (0.0, 0.0625, 0.25)
    assert found.brier == pytest.approx(found.reliability - found.resolution + found.uncertainty)


def test_the_method_that_undoes_the_distortion_has_the_smallest_loss():
    labels, scores, _ = overconfident(4000, slope=3.0, shift=2.0)
    losses = log_losses(labels, scores)
    assert set(losses) == {"none", *METHODS}
    assert losses["platt"] == pytest.approx(min(losses.values()), abs=0.002)
    assert losses["temperature"] > losses["platt"] + 0.02
    assert losses["none"] == pytest.approx(log_loss(labels, np.clip(scores, 1e-7, 1 - 1e-7)), rel=1e-4)


def test_a_map_that_bends_freely_is_not_judged_by_what_it_was_fitted_on():
    """Isotonic steps fitted on 40 cutouts match these to the letter; on others they are worse than a line."""
    labels, scores, _ = overconfident(60, slope=1.0, shift=0.0, seed=4)
    own = fit_calibration(labels, scores, method="isotonic")(scores)
    assert log_loss(labels, own) < log_loss(labels, fit_calibration(labels, scores, method="platt")(scores))
    losses = log_losses(labels, scores)
    assert losses["isotonic"] > losses["platt"]


def test_cutouts_of_one_object_share_a_fifth():
    labels, scores, _ = overconfident(100, seed=2)
    repeated = np.repeat(labels, 5), np.repeat(scores, 5)
    apart, together = log_losses(*repeated), log_losses(*repeated, groups=np.repeat(np.arange(100), 5))
    assert together["isotonic"] > apart["isotonic"]


def test_too_few_lenses_are_refused():
    labels, scores, _ = overconfident(400)
    few = np.flatnonzero(labels)[:3].tolist() + np.flatnonzero(~labels)[:100].tolist()
    with pytest.raises(InvalidInput, match="3 lenses and 100 non-lenses"):
        fit_calibration(labels[few], scores[few], method="platt")
