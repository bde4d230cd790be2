"""Lenses and galaxies are those of lenstronomy, pixel by pixel."""

import numpy as np
import pytest

from lensapp.simulation.lenses import Deflector, lensed_images, sie_deflection
from lensapp.simulation.profiles import (
    Grid,
    Sersic,
    ring_images,
    sersic_brightness,
    sersic_images,
    sersic_total,
    spiral_arm_images,
    tail_images,
)
from lensapp.simulation.psf import convolved, fourier_length, kernel_spectra, moffat_kernels, shift_phases

pytestmark = pytest.mark.filterwarnings("ignore")  # lenstronomy and what it imports warn while loading

SIZE = 32
SCALE = 0.25
COUNT = 6


def draw_deflectors(rng: np.random.Generator) -> Deflector:
    return Deflector(
        einstein_radius_arcsec=rng.uniform(0.7, 2, COUNT),
        e1=rng.uniform(-0.2, 0.2, COUNT),
        e2=rng.uniform(-0.2, 0.2, COUNT),
        shear_g1=rng.uniform(-0.08, 0.08, COUNT),
        shear_g2=rng.uniform(-0.08, 0.08, COUNT),
        x_arcsec=np.zeros(COUNT),
        y_arcsec=np.zeros(COUNT),
    )


def draw_galaxies(rng: np.random.Generator, *, spread: float, radius: float) -> Sersic:
    return Sersic(
        x_arcsec=rng.uniform(-spread, spread, COUNT),
        y_arcsec=rng.uniform(-spread, spread, COUNT),
        radius_arcsec=rng.uniform(0.5, 1.5, COUNT) * radius,
        index=rng.uniform(0.8, 4, COUNT),
        e1=rng.uniform(-0.3, 0.3, COUNT),
        e2=rng.uniform(-0.3, 0.3, COUNT),
    )


def points() -> tuple[np.ndarray, np.ndarray]:
    x, y = Grid(SIZE, SCALE, 1, np.float64).axes()
    return np.broadcast_arrays(x, y)


def keywords(shape: Sersic, place: int) -> dict[str, float]:
    return {
        "R_sersic": shape.radius_arcsec[place],
        "n_sersic": shape.index[place],
        "e1": shape.e1[place],
        "e2": shape.e2[place],
        "center_x": shape.x_arcsec[place],
        "center_y": shape.y_arcsec[place],
    }


def lens_keywords(deflector: Deflector, place: int) -> list[dict[str, float]]:
    return [
        {
            "theta_E": deflector.einstein_radius_arcsec[place],
            "e1": deflector.e1[place],
            "e2": deflector.e2[place],
            "center_x": 0.0,
            "center_y": 0.0,
        },
        {"gamma1": deflector.shear_g1[place], "gamma2": deflector.shear_g2[place]},
    ]


def test_sie_deflects_as_in_lenstronomy() -> None:
    from lenstronomy.LensModel.lens_model import LensModel

    deflector = draw_deflectors(np.random.default_rng(1))
    x, y = points()
    ours_x, ours_y = sie_deflection(x, y, deflector)
    for place in range(COUNT):
        keys = lens_keywords(deflector, place)[:1]
        theirs = LensModel(["SIE"]).alpha(x.ravel(), y.ravel(), keys)
        np.testing.assert_allclose(ours_x[place].ravel(), theirs[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(ours_y[place].ravel(), theirs[1], rtol=1e-6, atol=1e-6)


def test_sersic_is_that_of_lenstronomy() -> None:
    from lenstronomy.LightModel.light_model import LightModel

    galaxies = draw_galaxies(np.random.default_rng(2), spread=1, radius=0.8)
    x, y = points()
    ours = sersic_brightness(x, y, galaxies)
    for place in range(COUNT):
        keys = keywords(galaxies, place) | {"amp": 1.0}
        theirs = LightModel(["SERSIC_ELLIPSE"]).surface_brightness(x.ravel(), y.ravel(), [keys])
        np.testing.assert_allclose(ours[place].ravel(), theirs, rtol=1e-9)


def test_arcs_are_those_of_lenstronomy_to_single_precision() -> None:
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    rng = np.random.default_rng(3)
    deflector, sources = draw_deflectors(rng), draw_galaxies(rng, spread=0.3, radius=0.3)
    ours = lensed_images(Grid(SIZE, SCALE, 1), deflector, (sources, np.ones(COUNT)))
    x, y = (axis[0].ravel() for axis in points())
    for place in range(COUNT):
        traced = LensModel(["SIE", "SHEAR"]).ray_shooting(x, y, lens_keywords(deflector, place))
        keys = keywords(sources, place) | {"amp": SCALE**2 / sersic_total(sources)[place]}
        theirs = LightModel(["SERSIC_ELLIPSE"]).surface_brightness(*traced, [keys])
        np.testing.assert_allclose(ours[place].ravel(), theirs, atol=1e-4 * theirs.max())


def test_observed_lens_is_that_of_lenstronomy() -> None:
    from lenstronomy.Data.pixel_grid import PixelGrid
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    rng = np.random.default_rng(4)
    deflector, sources = draw_deflectors(rng), draw_galaxies(rng, spread=0.3, radius=0.3)
    zero = np.zeros(COUNT)
    kernels = moffat_kernels(21, SCALE, fwhm_arcsec=rng.uniform(0.7, 1, COUNT), e1=zero, e2=zero)
    length = fourier_length(SIZE, 21)
    light = lensed_images(Grid(SIZE, SCALE), deflector, (sources, np.ones(COUNT)))
    ours = convolved(light, kernel_spectra(kernels, length), length)
    corner = -(SIZE - 1) / 2 * SCALE
    grid = PixelGrid(SIZE, SIZE, np.eye(2) * SCALE, ra_at_xy_0=corner, dec_at_xy_0=corner)
    for place in range(COUNT):
        psf = PSF("PIXEL", kernel_point_source=kernels[place].astype(float))
        model = ImageModel(
            grid,
            psf,
            LensModel(["SIE", "SHEAR"]),
            LightModel(["SERSIC_ELLIPSE"]),
            kwargs_numerics={"supersampling_factor": 3, "supersampling_convolution": False},
        )
        # lenstronomy's images are in flux per pixel: brightness times pixel area.
        keys = keywords(sources, place) | {"amp": 1 / sersic_total(sources)[place]}
        theirs = model.image(lens_keywords(deflector, place), [keys])
        np.testing.assert_allclose(ours[place], theirs, atol=3e-4 * theirs.max())


def test_sersic_images_hold_their_flux() -> None:
    galaxies = draw_galaxies(np.random.default_rng(5), spread=0.2, radius=0.5)
    image = sersic_images(Grid(160, SCALE, 5), galaxies)
    np.testing.assert_allclose(image.sum((1, 2)), 1, atol=0.03)


def test_unlensed_source_keeps_its_flux() -> None:
    rng = np.random.default_rng(6)
    none = Deflector(*np.zeros((7, COUNT)))
    sources = draw_galaxies(rng, spread=0.3, radius=0.4)
    grid = Grid(SIZE, SCALE)
    np.testing.assert_allclose(
        lensed_images(grid, none, (sources, np.ones(COUNT))), sersic_images(grid, sources), atol=1e-6
    )


def test_supersampled_points_average_into_pixels() -> None:
    fine = np.arange(2 * 36, dtype=np.float32).reshape(2, 6, 6)
    expected = fine.reshape(2, 2, 3, 2, 3).mean((2, 4))
    np.testing.assert_allclose(Grid(2, 1.0, 3).binned(fine), expected, rtol=1e-6)


def test_structured_profiles_have_unit_flux() -> None:
    two, grid = np.ones(2), Grid(SIZE, SCALE)
    arms = spiral_arm_images(
        grid,
        radius_arcsec=two,
        e1=0.1 * two,
        e2=0 * two,
        arms=2 * two,
        pitch_rad=0.3 * two,
        phase_rad=two,
        sharpness=3 * two,
    )
    ring = ring_images(
        grid,
        radius_arcsec=2 * two,
        width_arcsec=0.3 * two,
        e1=0 * two,
        e2=0 * two,
        unevenness=0 * two,
        phase_rad=two,
    )
    tails = tail_images(
        grid, radius_arcsec=two, growth=0.3 * two, start_rad=two, length_rad=two, width=0.2 * two
    )
    for image in (arms, ring, tails):
        assert image.min() >= 0
        np.testing.assert_allclose(image.sum((1, 2)), 1, rtol=1e-5)
    assert ring[0, SIZE // 2, SIZE // 2] < 1e-6 * ring.max()


def test_convolution_shifts_and_keeps_the_flux() -> None:
    light = np.zeros((1, SIZE, SIZE), np.float32)
    light[0, 16, 16] = 1
    kernel = moffat_kernels(15, SCALE, fwhm_arcsec=np.array([0.8]), e1=np.zeros(1), e2=np.zeros(1))
    length = fourier_length(SIZE, 15)
    phases = shift_phases(length, np.array([1.0]), np.array([-2.0]))
    image = convolved(light, kernel_spectra(kernel, length) * phases, length)[0]
    assert image.sum() == pytest.approx(1, abs=1e-4)
    assert np.unravel_index(image.argmax(), image.shape) == (14, 17)
