"""Normalisation is fitted once, means the same in training and scoring, and does not know flux units."""

import json

import numpy as np
import pytest
from astropy.stats import mad_std
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.train.normalisation import (
    FittedNormalisation,
    NormalisationSpec,
    fit_normalisation,
    reading_factor,
    sky_of_cutout,
)

KINDS = ("asinh", "sqrt", "zscore", "cutout", "minmax", "none")
BANDS = ("g", "r")


def survey(*, flux: float = 1.0, n: int = 6, seed: int = 0) -> np.ndarray:
    """Sky noise of 1 (g) and 2 (r) around 10, with a bright core, times `flux`."""
    pixels = np.random.default_rng(seed).normal(10.0, 1.0, (n, 8, 9, 2))
    pixels[..., 1] += pixels[..., 1] - 10.0
    pixels[:, 3:5, 3:5] += 200.0
    return (pixels * flux).astype(np.float32)


def fitted(kind: str, pixels: np.ndarray) -> FittedNormalisation:
    return fit_normalisation(pixels, NormalisationSpec(kind=kind), bands=BANDS, pixel_scale_arcsec=0.25)


@pytest.mark.parametrize("kind", ["asinh", "sqrt", "zscore", "minmax"])
@pytest.mark.parametrize("flux", [1e-13, 1e-11, 3.7, 1e5])
def test_the_unit_of_flux_does_not_matter(kind, flux):
    plain, scaled = survey(), survey(flux=flux)
    np.testing.assert_allclose(
        fitted(kind, scaled).apply(scaled), fitted(kind, plain).apply(plain), atol=2e-4, rtol=2e-4
    )


@pytest.mark.parametrize("kind", ["asinh", "sqrt", "zscore", "minmax"])
def test_normalised_pixels_are_of_order_one(kind):
    pixels = survey()
    assert np.abs(fitted(kind, pixels).apply(pixels)).max() < 6.0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cutout"])  # it measures each cutout anew
def test_masked_pixels_become_zero_and_leave_the_others_alone(kind):
    pixels = survey()
    fit = fitted(kind, pixels)
    whole = fit.apply(pixels)
    pixels[0, 0, 0, 0], pixels[1, 0, 0, 1] = np.nan, np.inf
    masked = fit.apply(pixels)
    assert masked[0, 0, 0, 0] == 0.0
    assert masked[1, 0, 0, 1] == 0.0
    kept = np.isfinite(pixels)
    np.testing.assert_allclose(masked[kept], whole[kept], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cutout_without_any_pixel_becomes_zero(kind):
    pixels = survey()
    fit = fitted(kind, pixels)
    pixels[2] = np.nan
    assert (fit.apply(pixels)[2] == 0.0).all()


@settings(max_examples=20, deadline=None)
@given(st.floats(-(2.0**100), 2.0**100, width=32), st.sampled_from(["asinh", "sqrt", "zscore"]))
def test_bright_pixels_stay_finite_and_keep_their_order(value, kind):
    fit = fitted(kind, survey())
    pixels = np.full((1, 2, 2, 2), 10.0, np.float32)
    pixels[0, 0, 0, 0] = value
    out = fit.apply(pixels).astype(np.float64)
    assert np.isfinite(out).all()
    assert (out[0, 0, 0, 0] - out[0, 1, 1, 0]) * (value - 10.0) >= 0.0


def test_asinh_is_that_of_numpy():
    pixels = survey()
    fit = fitted("asinh", pixels)
    expected = np.arcsinh((pixels - np.array(fit.centre)) / np.array(fit.scale)) * np.array(fit.gain)
    np.testing.assert_allclose(fit.apply(pixels), expected, atol=1e-6)


def test_an_image_is_normalised_alone_as_in_a_batch():
    pixels = survey()
    fit = fitted("asinh", pixels)
    np.testing.assert_array_equal(fit.apply(pixels)[3:4], fit.apply(pixels[3:4]))


def test_input_pixels_are_left_as_they_were():
    pixels = survey()
    before = pixels.copy()
    fitted("asinh", pixels).apply(pixels)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_survive_being_saved(kind):
    fit = fitted(kind, survey(flux=1e-13))
    assert FittedNormalisation.parse(json.loads(json.dumps(fit.saved()))) == fit


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_band_is_not_divided_by_zero(kind):
    pixels = np.full((2, 4, 4, 2), 5.0, np.float32)
    assert np.isfinite(fitted(kind, pixels).apply(pixels)).all()


def test_other_bands_sizes_and_pixel_scales_are_refused_by_name():
    fit = fitted("asinh", survey())
    fit.check(bands=BANDS, size=(8, 9), pixel_scale_arcsec=0.2601)
    fit.check(bands=BANDS, size=(8, 9), pixel_scale_arcsec=None)
    with pytest.raises(BandMismatch, match="bands g,r, but these cutouts have r,g: the order differs"):
        fit.check(bands=("r", "g"), size=(8, 9), pixel_scale_arcsec=0.25)
    with pytest.raises(BandMismatch, match="have g,z: the names differ"):
        fit.check(bands=("g", "z"), size=(8, 9), pixel_scale_arcsec=0.25)
    with pytest.raises(BandMismatch, match="8×9 pixels, but these have 10×9"):
        fit.check(bands=BANDS, size=(10, 9), pixel_scale_arcsec=0.25)
    with pytest.raises(BandMismatch, match=r"pixel scale of 0.25 arcsec, but these cutouts have 0.5 arcsec"):
        fit.check(bands=BANDS, size=(8, 9), pixel_scale_arcsec=0.5)


def test_a_third_band_is_refused():
    with pytest.raises(BandMismatch, match=r"are of shape \(1, 8, 9, 3\)"):
        fitted("asinh", survey()).apply(np.zeros((1, 8, 9, 3), np.float32))


def test_an_empty_or_fully_masked_training_part_is_refused():
    with pytest.raises(InvalidInput, match="n ≥ 1"):
        fitted("asinh", np.zeros((0, 4, 4, 2), np.float32))
    with pytest.raises(InvalidInput, match="in the band r are masked"):
        fitted("asinh", np.stack([np.ones((1, 4, 4)), np.full((1, 4, 4), np.nan)], axis=-1))


@settings(max_examples=20, deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6))
def test_a_normalisation_by_the_cutout_itself_needs_no_unit_of_any_band(first, second):
    pixels = survey()
    fit = fitted("cutout", pixels)
    other = pixels * np.array([10.0**first, 10.0**second])
    np.testing.assert_allclose(fit.apply(other.astype(np.float32)), fit.apply(pixels), rtol=1e-3, atol=1e-4)
    assert not fit.needs_unit


def test_sky_and_noise_of_a_cutout_are_those_of_astropy():
    pixels = survey()[0].astype(np.float64)
    sky, noise = sky_of_cutout(pixels)
    for band in range(2):
        assert sky[band] == pytest.approx(np.median(pixels[..., band]))
        assert noise[band] == pytest.approx(mad_std(pixels[..., band]), rel=1e-4)


@pytest.mark.parametrize(
    ("trained_on", "kind", "source", "refused"),
    [
        ("flux", "asinh", "flux", None),
        ("flux", "asinh", "unknown", "unit of flux of these cutouts is unknown"),
        ("flux", "asinh", "partly", "unit of flux of some of these cutouts is unknown"),
        ("flux", "asinh", "picture", "8-bit pictures, whose values are no flux"),
        ("flux", "cutout", "unknown", None),
        ("flux", "minmax", "unknown", None),
        ("flux", "cutout", "picture", "8-bit pictures, whose values are no flux"),
        ("unknown", "asinh", "flux", "trained on cutouts of an unknown unit"),
        ("unknown", "cutout", "flux", None),
        ("picture", "asinh", "picture", None),
        ("picture", "cutout", "flux", "trained on 8-bit pictures"),
        (None, "asinh", "unknown", "made before units of flux were kept"),
    ],
)
def test_a_unit_of_no_use_to_the_network_is_said(trained_on, kind, source, refused):
    fit = fitted(kind, survey()).replaced(unit=trained_on)
    warnings = fit.unit_warnings(source, 0.25)
    assert len(warnings) == (refused is not None)
    assert refused is None or refused in warnings[0]


def test_networks_read_ab_27_per_pixel_or_per_square_arcsecond():
    """Flux of AB magnitude 25 is 6.31 times that of magnitude 27; a pixel of 0.5 arcsec holds a quarter."""
    assert reading_factor("flux", None) == pytest.approx(6.3096, rel=1e-4)
    assert reading_factor("surface_brightness", 0.5) == pytest.approx(4 * 6.3096, rel=1e-4)
    assert reading_factor("unknown", 0.5) is None
    with pytest.raises(InvalidInput, match="needs the pixel scale"):
        reading_factor("surface_brightness", None)
