"""LIME and occlusion find the light that a known answer rests on, and hide it by sky alone."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.data.overlays import shaded
from lensapp.core.errors import JobCancelled
from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.learning.explain import lime
from lensapp.learning.explain.explaining import central_share, explain_answer
from lensapp.learning.explain.superpixels import sky_pixels, superpixels

SIDE = 24
SPEC = ExplainSpec(perturbations=400, segments=25)
ROWS, COLUMNS = np.indices((SIDE, SIDE))


def blob(row: float, column: float, *, width: float = 1.5) -> np.ndarray:
    return np.exp(-((ROWS - row) ** 2 + (COLUMNS - column) ** 2) / (2 * width**2))


def sky_with_two_blobs() -> np.ndarray:
    """Noise of 1 about a sky of 50 in two bands, a galaxy in the middle and a companion at a corner."""
    noise = np.random.default_rng(3).normal(50, 1, (SIDE, SIDE, 2))
    light = 60 * blob(12, 12) + 60 * blob(5, 18)
    return (noise + light[..., None]).astype(np.float32)


COMPANION = blob(5, 18) > 0.3


def light_of_the_companion(pixels: np.ndarray) -> np.ndarray:
    """A "network" that looks at one corner only: the husky's snow."""
    flux = np.nan_to_num(pixels, nan=50.0)[:, COMPANION].mean(axis=(1, 2)) - 50
    return (1 / (1 + np.exp(10 - flux))).astype(np.float32)


def test_both_maps_find_the_region_that_the_score_rests_on():
    found, figures = explain_answer(light_of_the_companion, sky_with_two_blobs(), SPEC)
    assert COMPANION[np.unravel_index(found.occlusion.argmax(), found.occlusion.shape)]
    inside = np.bincount(found.labels.ravel(), weights=COMPANION.ravel()) > 0
    assert found.weights[inside].sum() > 0.9 * (figures["value"] - figures["baseline"])
    assert np.abs(found.weights[~inside]).max() < 0.1 * found.weights.max()
    assert figures["value"] > 0.99
    assert figures["baseline"] < 0.01
    assert figures["fidelity"] > 0.5
    assert figures["agreement"] > 0.5
    assert figures["central_share"] < 0.3


def test_a_sum_of_regions_is_recovered_exactly():
    cutout = sky_with_two_blobs()
    labels = superpixels(cutout, count=9)
    truth = np.arange(labels.max() + 1) / 10 - 0.3
    shown = lime.random_masks(len(truth), count=600, rng=np.random.default_rng(0))
    model = lime.fit_surrogate(shown, shown @ truth + 0.2, width=100.0)
    assert model.weights == pytest.approx(truth, abs=0.01)
    assert model.intercept == pytest.approx(0.2, abs=0.05)
    assert model.fidelity > 0.999


@pytest.mark.parametrize("steepness", [1.0, 4.0, 10.0])
def test_a_linear_logit_behind_a_steep_sigmoid_is_recovered(steepness):
    cutout = sky_with_two_blobs()
    labels = superpixels(cutout, count=SPEC.segments)
    regions = int(labels.max()) + 1
    truth = steepness * np.random.default_rng(2).normal(size=regions) / np.sqrt(regions)

    def answer(pixels):
        changed = (pixels != cutout).any(axis=3).astype(float)
        shown = [np.bincount(labels.ravel(), one.ravel(), minlength=regions) == 0 for one in changed]
        return (1 / (1 + np.exp(-(np.array(shown) @ truth)))).astype(np.float32)

    found, figures = explain_answer(answer, cutout, SPEC.replaced(perturbations=1000))
    assert found.weights == pytest.approx(truth, abs=0.03 * np.abs(truth).max())
    assert (figures["explained"], figures["fidelity"] > 0.99) == ("logit", True)
    assert figures["value"] == pytest.approx(1 / (1 + np.exp(-truth.sum())), abs=1e-6)


def test_the_same_seed_gives_the_same_maps_and_another_does_not():
    explain = partial(explain_answer, light_of_the_companion, sky_with_two_blobs())
    first, second = explain(SPEC)[0], explain(SPEC)[0]
    assert (first.weights == second.weights).all()
    assert (first.occlusion == second.occlusion).all()
    assert (explain(SPEC.replaced(seed=1))[0].weights != first.weights).any()


def test_what_is_hidden_shows_sky_and_masked_pixels_stay_masked():
    cutout = sky_with_two_blobs()
    cutout[0, :3] = np.nan
    hidden = np.broadcast_to(COMPANION, (5, SIDE, SIDE)).copy()
    hidden[:, 0] = True
    copies = lime.hide(cutout, hidden, sky=sky_pixels(cutout), rng=np.random.default_rng(0))
    assert np.isnan(copies[:, 0, :3]).all()
    assert copies[:, COMPANION].mean() == pytest.approx(50, abs=0.5)
    assert copies[:, COMPANION].std() == pytest.approx(1, abs=0.2)
    assert (copies[:, ~hidden[0]] == cutout[~hidden[0]]).all()
    assert sky_pixels(cutout, median=True).shape == (1, 2)


@settings(max_examples=15, deadline=None)
@given(st.integers(5, 30), st.integers(5, 30), st.integers(4, 60), st.integers(0, 99))
def test_regions_are_numbered_without_a_gap_and_connected(height, width, count, seed):
    from scipy.ndimage import label

    cutout = np.random.default_rng(seed).normal(size=(height, width, 1)).astype(np.float32)
    labels = superpixels(cutout, count=count)
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    assert all(label(labels == number)[1] == 1 for number in range(labels.max() + 1))


def test_windows_cover_every_pixel_of_any_shape():
    for shape in ((8, 8), (24, 17), (41, 101)):
        assert lime.windows(*shape).any(axis=0).all()


def test_an_empty_cutout_gets_an_explanation_without_weight():
    blank = np.full((10, 10, 1), np.nan, np.float32)
    found, figures = explain_answer(lambda pixels: np.full(len(pixels), 0.5, np.float32), blank, SPEC)
    assert not found.weights.any()
    assert (figures["fidelity"], figures["agreement"], figures["central_share"]) == (0, None, None)


def test_weight_in_the_middle_counts_by_region():
    labels = (blob(11.5, 11.5) > 0.5).astype(np.int64)
    assert central_share(labels, np.array([0.0, -2.0])) == 1
    assert central_share(labels, np.array([1.0, 0.0])) == pytest.approx(0.19, abs=0.02)


def test_an_explanation_stops_when_asked():
    with pytest.raises(JobCancelled, match="0 of"):
        explain_answer(light_of_the_companion, sky_with_two_blobs(), SPEC, should_stop=lambda: "stop")


def test_what_speaks_for_a_lens_is_orange_and_what_speaks_against_is_blue():
    weights = np.array([[1.0, -1.0], [0.0, 0.0]])
    picture = np.full((2, 2, 3), 100, np.uint8)
    red, _, blue = np.moveaxis(shaded(picture, weights, times=3).astype(int), 2, 0)
    assert red[0, 0] > blue[0, 0]
    assert red[0, 3] < blue[0, 3]
    assert red[5, 0] == blue[5, 0]


def test_black_sky_is_a_middle_grey_and_what_is_bright_stands_out_of_it():
    picture = np.zeros((1, 2, 3), np.uint8)
    picture[0, 1] = 200
    [sky, galaxy], [faint, strong] = (
        shaded(picture, np.zeros((1, 2)))[0, :, 0].astype(int),
        shaded(np.zeros_like(picture), np.array([[0.3, 1.0]]))[0].astype(int).max(axis=1),
    )
    assert sky > 60, "on black the colours of the maps would be as dark as a dark page"
    assert galaxy > 1.8 * sky
    assert sky < faint < strong
