"""Noise, its correlation and the PSF are measured on images as they are known to be."""

import numpy as np
import pytest
from astropy.convolution import Gaussian2DKernel, convolve
from astropy.modeling.functional_models import Gaussian2D, Moffat2D
from scipy import ndimage

from lensapp.simulation.sky_model import (
    correlated_normals,
    measure_sky,
    noise_correlation,
    noise_of_images,
)

SIGMA = np.array([0.3, 7.0])


def galaxies(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Return light (count, size, size, 2) of galaxies of several sizes, two in each image."""
    y, x = np.mgrid[:size, :size]
    light = np.zeros((count, size, size))
    for number in range(2 * count):
        middle, widths = rng.uniform(0.2 * size, 0.8 * size, 2), rng.uniform(1.5, 4, 2)
        light[number // 2] += Gaussian2D(rng.uniform(5, 60), *middle, *widths)(x, y)
    return light[..., None] * SIGMA


def noise_of(rng: np.random.Generator, shape: tuple[int, int, int], kind: str) -> np.ndarray:
    """Return unit noise as white, as smoothed, or as resampled half way between pixels."""
    count, height, width = shape
    white = rng.normal(size=(count, height + 8, width + 8))
    if kind == "smoothed":
        kernel = Gaussian2DKernel(0.8).array
        drawn = np.stack([convolve(image, kernel) for image in white]) / np.sqrt((kernel**2).sum())
    elif kind == "resampled":
        drawn = (
            ndimage.shift(white, (0, 0.5, 0.5), order=1) / 0.5
        )  # means of four pixels have half their noise
    else:
        drawn = white
    return drawn[:, 4:-4, 4:-4]


@pytest.mark.parametrize("kind", ["white", "smoothed", "resampled"])
def test_noise_is_measured_within_three_percent_whatever_correlates_it(kind: str) -> None:
    rng = np.random.default_rng(1)
    shape = (60, 48, 48)
    noise = np.stack([noise_of(rng, shape, kind) for _ in SIGMA], axis=-1) * SIGMA
    slope = np.linspace(-1, 1, 48)[None, :, None, None] * SIGMA
    sky = measure_sky(
        (100 + slope + noise + galaxies(rng, *shape[:2])).astype(np.float32), pixel_scale_arcsec=0.25
    )
    assert sky.sigma == pytest.approx(SIGMA, rel=0.03)


def test_noise_of_each_image_is_its_own() -> None:
    rng = np.random.default_rng(2)
    own = np.linspace(1, 4, 20)
    light = rng.normal(size=(20, 64, 64, 1)) * own[:, None, None, None]
    assert noise_of_images(light)[:, 0] == pytest.approx(own, rel=0.1)


def test_correlation_of_resampled_noise_is_that_of_the_triangle() -> None:
    # Means of four neighbours share two of four pixels with the next one, one with that across the corner.
    rng = np.random.default_rng(3)
    light = noise_of(rng, (64, 64, 64), "resampled")[..., None]
    correlation = noise_correlation(light, noise_of_images(light))[0]
    assert correlation[3, 3] == 1
    assert [correlation[3, 4], correlation[4, 3], correlation[2, 3]] == pytest.approx([0.5] * 3, abs=0.02)
    assert [correlation[4, 4], correlation[2, 4]] == pytest.approx([0.25] * 2, abs=0.02)
    assert abs(correlation[3, 5:]).max() < 0.03
    drawn = correlated_normals(rng, (64, 64, 64), correlation)
    assert drawn.std() == pytest.approx(1, rel=0.01)
    assert np.mean(drawn[:, 1:] * drawn[:, :-1]) == pytest.approx(0.5, abs=0.02)
    assert np.mean(drawn[:, 1:, 1:] * drawn[:, :-1, :-1]) == pytest.approx(0.25, abs=0.02)


def field(rng: np.random.Generator, *, stars: int, galaxies: int, size: int = 72) -> np.ndarray:
    """Return an image of stars (Moffat, full width 3.6 and 4.4 pixels) and larger galaxies on noise."""
    y, x = np.mgrid[:size, :size]
    image = rng.normal(size=(size, size, 2))
    for number in range(stars + galaxies):
        flux, (x0, y0) = rng.uniform(100, 2000), rng.uniform(16, size - 16, 2)
        larger = 1.0 if number < stars else rng.uniform(1.4, 3)
        for band, width in enumerate((3.6, 4.4)):
            profile = Moffat2D(flux, x0, y0, 1, 3.0)
            profile.gamma = larger * width / profile.fwhm
            image[..., band] += profile(x, y)
    return image.astype(np.float32)


def test_the_psf_is_that_of_the_stars_among_galaxies() -> None:
    rng = np.random.default_rng(4)
    sky = measure_sky(np.stack([field(rng, stars=1, galaxies=2) for _ in range(60)]), pixel_scale_arcsec=0.25)
    assert sky.psf_fwhm_arcsec == pytest.approx(np.array([3.6, 4.4]) * 0.25, rel=0.03)
    assert (sky.stars >= 10).all()
    assert sky.psf.sum((1, 2)) == pytest.approx([1, 1], abs=1e-5)
    for band, width in enumerate((3.6, 4.4)):
        size = sky.psf.shape[-1]
        y, x = np.mgrid[:size, :size] - size // 2
        true = Moffat2D(1, 0, 0, width / Moffat2D(1, 0, 0, 1, 3.0).fwhm, 3.0)(x, y)
        assert sky.psf[band].max() == pytest.approx((true / true.sum()).max(), rel=0.05)


def test_without_stars_the_psf_is_that_of_the_most_compact_objects() -> None:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:20, :20]
    few = np.stack([Gaussian2D(50, 10, 10, 2, 2)(x, y) + rng.normal(size=(20, 20)) for _ in range(2)])
    sky = measure_sky(few[..., None].astype(np.float32), pixel_scale_arcsec=0.25)
    assert sky.stars.tolist() == [0]
    assert sky.psf_fwhm_arcsec == pytest.approx([4.71 * 0.25], rel=0.1)
