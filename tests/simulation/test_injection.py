"""What is painted is recovered by other programs: flux, Einstein radius, PSF, noise, images of points."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.convolution import convolve_fft
from astropy.cosmology import FlatLambdaCDM
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.functional_models import Moffat2D, Sersic2D

from lensapp.core.data.distributions import Bell, Even
from lensapp.core.data.paint_spec import LensedSourceSpec, MassSpec
from lensapp.core.errors import InvalidInput
from lensapp.simulation.host_galaxies import (
    absolute_magnitudes,
    colour_redshifts,
    marked_in_one_band,
    measure_hosts,
    red_sequence,
    velocity_dispersions,
)
from lensapp.simulation.injection import Painting, Survey, paint_lenses, signal_to_noise
from lensapp.simulation.lens_population import Lenses, draw_lenses, einstein_radii
from lensapp.simulation.lenses import Deflector
from lensapp.simulation.sky_model import SkyModel, correlated_normals
from lensapp.simulation.source_light import make_stamps, point_images

pytestmark = pytest.mark.filterwarnings("ignore")  # lenstronomy and what it imports warn while loading

SCALE, FINE, COUNT, SIZE = 0.25, 5, 6, 48
BANDS = ("g", "r", "i")
WIDTHS = (4.0, 3.6, 3.2)  # full widths at half maximum in pixels
PLAIN = LensedSourceSpec(clumps=0, second_share=0.0, radius_arcsec=Even(lowest=0.2, highest=0.4))


def fine_psf(width: float, *, fine: int = FINE, half: int = 12) -> np.ndarray:
    """Return a Moffat profile of a width in pixels on points `fine` times denser, of unit sum."""
    axis = np.arange(-(half * fine + fine // 2), half * fine + fine // 2 + 1) / fine
    profile = Moffat2D(1, 0, 0, width / Moffat2D(1, 0, 0, 1, 3.5).fwhm, 3.5)(*np.meshgrid(axis, axis))
    return profile / profile.sum()


def star(width: float) -> np.ndarray:
    """Return a star as pixels show it: the fine profile summed over each."""
    fine = fine_psf(width)
    return fine.reshape(len(fine) // FINE, FINE, len(fine) // FINE, FINE).sum((1, 3))


@pytest.fixture(scope="module")
def survey() -> Survey:
    correlation = np.zeros((3, 7, 7))
    correlation[:, 3, 3] = 1
    correlation[:, [2, 3, 3, 4], [3, 2, 4, 3]] = 0.2
    sky = SkyModel(
        sigma=np.array([0.5, 0.7, 1.0]),
        psf=np.stack([star(width) for width in WIDTHS]).astype(np.float32),
        psf_fwhm_arcsec=np.array(WIDTHS) * SCALE,
        shot=np.array([0.02, 0.03, 0.05]),
        correlation=correlation,
        stars=np.full(3, 20),
    )
    return Survey(BANDS, SCALE, sky, calibrated=True)


def round_hosts(survey: Survey, count: int = COUNT, *, size: int = SIZE, seed: int = 1) -> np.ndarray:
    """Return round galaxies on correlated noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    galaxy = Sersic2D(30, 4, 2, 0, 0)(x, y)[None, :, :, None]
    noise = [correlated_normals(rng, (count, size, size), one) for one in survey.sky.correlation]
    return (galaxy + np.stack(noise, axis=-1) * survey.sky.sigma).astype(np.float32)


def lenses_of(radius: np.ndarray, *, quasar: bool = False) -> Lenses:
    count, none = len(radius), np.full(len(radius), np.nan)
    return Lenses(np.arange(count), none, none, radius, none + 2, none, none, np.full(count, quasar))


def painted(survey: Survey, source: LensedSourceSpec, mass: MassSpec | None = None, **options) -> Painting:
    hosts = options.pop("hosts", None)
    hosts = round_hosts(survey) if hosts is None else hosts
    radius = np.linspace(0.8, 2, len(hosts)) if "radius" not in options else options.pop("radius")
    return paint_lenses(
        np.random.default_rng(2), hosts, lenses_of(radius, quasar=options.pop("quasar", False)),
        survey=survey, mass=mass or MassSpec(), source=source, **options,
    )  # fmt: skip


def test_painted_arcs_are_those_of_lenstronomy_in_flux_and_shape(survey: Survey) -> None:
    from lenstronomy.Data.pixel_grid import PixelGrid
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    painting = painted(survey, PLAIN)
    corner = -(SIZE - 1) / 2 * SCALE
    pixels = PixelGrid(SIZE, SIZE, np.eye(2) * SCALE, ra_at_xy_0=corner, dec_at_xy_0=corner)
    model = ImageModel(
        pixels,
        PSF("PIXEL", kernel_point_source=fine_psf(WIDTHS[2]), point_source_supersampling_factor=FINE),
        LensModel(["SIE", "SHEAR"]),
        LightModel(["SERSIC_ELLIPSE"]),
        kwargs_numerics={"supersampling_factor": FINE, "supersampling_convolution": True},
    )
    for image, true in zip(painting.light[..., 2], painting.truth, strict=True):
        centre = {"center_x": true["lens_x_arcsec"], "center_y": true["lens_y_arcsec"]}
        lens = {
            "theta_E": true["einstein_radius_arcsec"],
            "e1": true["ellipticity_e1"],
            "e2": true["ellipticity_e2"],
        }
        light = {
            "R_sersic": true["source_radius_arcsec"], "n_sersic": true["source_sersic_index"],
            "e1": true["source_e1"], "e2": true["source_e2"], "amp": 1.0,
            "center_x": true["source_x_arcsec"] + true["lens_x_arcsec"],
            "center_y": true["source_y_arcsec"] + true["lens_y_arcsec"],
        }  # fmt: skip
        shear = {"gamma1": true["shear_g1"], "gamma2": true["shear_g2"]}
        unlensed = LightModel(["SERSIC_ELLIPSE"]).total_flux([light], k=0)[0]
        flux = 10 ** (-0.4 * (true["source_magnitude_i"] - 25))
        theirs = model.image([lens | centre, shear], [light | {"amp": flux / unlensed}])
        assert image.sum() == pytest.approx(theirs.sum(), rel=0.01)
        assert -2.5 * np.log10(theirs.sum()) + 25 == pytest.approx(true["arc_magnitude_i"], abs=0.01)
        np.testing.assert_allclose(image, theirs, atol=0.03 * theirs.max())


def test_a_ring_has_the_einstein_radius(survey: Survey) -> None:
    # A small round source behind a round lens: the ring that remains is as wide as the lens is strong.
    mass = MassSpec(shape_scatter=0.0, shear=Even(lowest=0.0, highest=0.0))
    source = PLAIN.replaced(
        offset=0.0, radius_arcsec={"kind": "even", "lowest": 0.05, "highest": 0.06},
        axis_ratio={"kind": "even", "lowest": 1.0, "highest": 1.0},
    )  # fmt: skip
    radius = np.array([1.5, 2.0, 2.5])
    painting = painted(survey, source, mass, hosts=round_hosts(survey, 3), radius=radius)
    y, x = (np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2) * SCALE
    trials = np.linspace(1, 3, 21)
    angle = np.random.default_rng(3).uniform(0, 2 * np.pi, 200_000)
    edges = np.append(x[0] - SCALE / 2, x[0, -1] + SCALE / 2)
    rings = [np.histogram2d(r * np.sin(angle), r * np.cos(angle), [edges, edges])[0] for r in trials]
    widths = [mean_radius(convolve_fft(ring, star(WIDTHS[1])), x, y) for ring in rings]
    for image, true, expected in zip(painting.light[..., 1], painting.truth, radius, strict=True):
        measured = mean_radius(image, x - true["lens_x_arcsec"], y - true["lens_y_arcsec"])
        assert np.interp(measured, widths, trials) == pytest.approx(expected, rel=0.03)


def mean_radius(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean distance of light from the origin."""
    return float((image * np.hypot(x, y)).sum() / image.sum())


def test_a_lensed_quasar_has_the_width_of_a_star(survey: Survey) -> None:
    source = PLAIN.replaced(quasar_light={"kind": "even", "lowest": 1000, "highest": 1000}, offset=0.3)
    hosts, radius = round_hosts(survey, 2), np.array([2.0, 2.2])
    painting = painted(survey, source, hosts=hosts, radius=radius, quasar=True)
    y, x = np.mgrid[-4:5, -4:5]
    for band, width in enumerate(WIDTHS):
        for image in painting.light[..., band]:
            top, left = np.unravel_index(image.argmax(), image.shape)
            stamp = image[top - 4 : top + 5, left - 4 : left + 5]
            start = Moffat2D(stamp.max(), 0, 0, 2.5, 3.5, fixed={"alpha": True})
            fitted, expected = (
                TRFLSQFitter()(start, x, y, one).fwhm for one in (stamp, star(width)[8:17, 8:17])
            )
            assert fitted == pytest.approx(expected, rel=0.03)


def test_images_of_points_are_those_of_lenstronomy() -> None:
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver

    rng = np.random.default_rng(7)
    for _ in range(8):
        radius, e1, e2, g1, g2 = rng.uniform([0.8, -0.2, -0.2, -0.05, -0.05], [2, 0.2, 0.2, 0.05, 0.05])
        x, y = rng.uniform(-0.3, 0.3, 2) * radius
        lens = Deflector(*(np.array([value]) for value in (radius, e1, e2, g1, g2, 0.0, 0.0)))
        points, magnification = point_images(lens, x, y)
        model = LensModel(["SIE", "SHEAR"])
        keys = [
            {"theta_E": radius, "e1": e1, "e2": e2, "center_x": 0, "center_y": 0},
            {"gamma1": g1, "gamma2": g2},
        ]
        theirs = LensEquationSolver(model).image_position_from_source(
            x, y, keys, min_distance=0.02, search_window=8, num_iter_max=100
        )
        brightness = np.abs(model.magnification(*theirs, keys))
        seen = brightness > 1e-3  # the one in the middle of a singular lens has no light
        order, their_order = np.argsort(points[:, 0]), np.argsort(theirs[0][seen])
        np.testing.assert_allclose(points[order], np.stack(theirs, -1)[seen][their_order], atol=2e-3)
        np.testing.assert_allclose(magnification[order], brightness[seen][their_order], rtol=0.03)


def test_the_noise_of_arcs_is_that_of_their_photons_and_shared_by_pixels(survey: Survey) -> None:
    bright = PLAIN.replaced(arc_snr={"kind": "even", "lowest": 200, "highest": 300})
    hosts = round_hosts(survey, 40)
    noise = painted(survey, bright, hosts=hosts)
    for band in range(3):
        lit = noise.light[..., band] > 1
        ratio = noise.noise[..., band][lit] / np.sqrt(noise.light[..., band][lit] * survey.sky.shot[band])
        assert ratio.std() == pytest.approx(1, rel=0.03)
        left, right = noise.noise[:, :, :-1, band], noise.noise[:, :, 1:, band]
        scaled = np.maximum(noise.light[..., band] * survey.sky.shot[band], 1e-12) ** 0.5
        both = lit[:, :, :-1] & lit[:, :, 1:]
        shared = (left / scaled[:, :, :-1] * right / scaled[:, :, 1:])[both].mean()
        assert shared == pytest.approx(0.2, abs=0.03)


def test_signal_to_noise_is_that_of_many_measurements(survey: Survey) -> None:
    painting = painted(survey, PLAIN)
    ratios = signal_to_noise(painting.light, np.tile(survey.sky.sigma, (COUNT, 1)), survey.sky.correlation)
    rng = np.random.default_rng(8)
    noise = correlated_normals(rng, (4000, SIZE, SIZE), survey.sky.correlation[2]) * survey.sky.sigma[2]
    for image, ratio in zip(painting.light[..., 2], ratios[:, 2], strict=True):
        measured = ((image + noise) * image).sum((1, 2))
        assert measured.mean() / measured.std() == pytest.approx(ratio, rel=0.03)


def test_arcs_keep_within_the_signal_to_noise_asked_for(survey: Survey) -> None:
    hosts = round_hosts(survey, 60)
    for brightness in ("magnitude", "signal_to_noise"):
        snr = np.array(
            [
                one["arc_snr"]
                for one in painted(survey, PLAIN.replaced(brightness=brightness), hosts=hosts).truth
            ]
        )
        assert ((snr > 4.999) & (snr < 300.1)).all()
        assert np.median(snr) < 60


def test_einstein_radii_are_those_of_isothermal_spheres_by_astropy() -> None:
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    for dispersion, near, far in ((220.0, 0.3, 1.5), (300.0, 0.6, 2.5)):
        ratio = cosmology.angular_diameter_distance_z1z2(near, far) / cosmology.angular_diameter_distance(far)
        expected = 4 * np.pi * (dispersion / 299792.458) ** 2 * float(ratio) * 206264.806
        assert einstein_radii(*(np.array([v]) for v in (dispersion, near, far))) == pytest.approx(
            expected, rel=1e-4
        )
    assert einstein_radii(*(np.array([v]) for v in (220.0, 0.8, 0.5))) == 0


def test_masses_follow_from_light_as_published() -> None:
    # -2.97 + 0.37 × 22.5 - 0.006 × 22.5² = 2.3175
    assert velocity_dispersions(np.array([-22.5])) == pytest.approx(10**2.3175)
    # A spectrum that is flat in AB magnitudes needs no K-correction but that of the frequencies.
    flat = absolute_magnitudes(
        np.full((1, 6), 20.0), ("u", "g", "r", "i", "z", "y"), np.array([0.4]), np.array([41.7])
    )
    assert flat == pytest.approx(20 - 41.7 + 2.5 * np.log10(1.4) + 0.85 * 0.4)
    true = np.linspace(0.15, 0.65, 6)
    usual = 18.9 + (true - 0.36) / 0.1
    found = colour_redshifts(usual[:, None] + red_sequence(BANDS, true), BANDS)
    assert found == pytest.approx(true, abs=0.02)


def test_lenses_are_evenly_strong_where_asked_and_never_outside_the_limits() -> None:
    count, rng = 1200, np.random.default_rng(9)
    hosts = {"redshift": rng.uniform(0.2, 0.6, 500), "velocity_dispersion": rng.normal(230, 40, 500)}
    drawn = {}
    for even in (True, False):
        mass = MassSpec(smallest_radius_arcsec=0.6, largest_radius_arcsec=2.4, even_radii=even)
        lenses = draw_lenses(
            rng, count, **hosts, scatter_dex=np.zeros(500), mass=mass, source=LensedSourceSpec()
        )
        radius = lenses.einstein_radius_arcsec
        assert radius.min() >= 0.6
        assert radius.max() <= 2.4
        assert (lenses.source_redshift > lenses.redshift).all()
        expected = einstein_radii(
            hosts["velocity_dispersion"][lenses.host], hosts["redshift"][lenses.host], lenses.source_redshift
        )
        assert radius == pytest.approx(expected)
        drawn[even] = np.histogram(radius, [0.6, 1.2, 1.8, 2.4])[0] / count
    assert drawn[True] == pytest.approx(np.full(3, 1 / 3), abs=0.05)
    assert drawn[False][0] > 0.4
    with pytest.raises(InvalidInput, match="choose brighter hosts"):
        draw_lenses(
            rng, 5, redshift=np.full(3, 0.3), velocity_dispersion=np.full(3, 90.0), scatter_dex=np.zeros(3),
            mass=MassSpec(smallest_radius_arcsec=2.0), source=LensedSourceSpec(),
        )  # fmt: skip


def test_few_massive_hosts_do_not_carry_most_lenses() -> None:
    dispersion = np.repeat([210.0, 330.0], [15, 2])
    lenses = draw_lenses(
        np.random.default_rng(4), 102, redshift=np.full(17, 0.3), velocity_dispersion=dispersion,
        scatter_dex=np.zeros(17), mass=MassSpec(), source=LensedSourceSpec(),
    )  # fmt: skip
    uses = np.bincount(lenses.host, minlength=17)
    assert uses.max() <= 18  # three times the 6 lenses that each host has on average
    assert (uses > 0).all()


def test_hosts_are_measured_as_they_are() -> None:
    y, x = np.mgrid[:64, :64] - 31.5
    q, angle = 0.7, 0.5
    # A Gaussian: half-light radius 1.1774 σ, total 2π σ² q.
    light = np.exp(
        -(((x - 0.6) * np.cos(angle) + y * np.sin(angle)) ** 2) / 32
        - (-(x - 0.6) * np.sin(angle) + y * np.cos(angle)) ** 2 / 32 / q**2
    )
    shapes = measure_hosts(light[None, :, :, None], reference=0, pixel_scale_arcsec=0.25)
    assert shapes.flux[0] == pytest.approx(2 * np.pi * 16 * q, rel=0.03)
    assert shapes.half_light_radius_arcsec[0] == pytest.approx(1.1774 * 4 * np.sqrt(q) * 0.25, rel=0.06)
    e = (1 - q) / (1 + q)
    assert [shapes.e1[0], shapes.e2[0]] == pytest.approx(
        [e * np.cos(2 * angle), e * np.sin(2 * angle)], abs=0.03
    )
    assert [shapes.x_arcsec[0], shapes.y_arcsec[0]] == pytest.approx([0.15, 0.0], abs=0.01)


def test_what_shines_in_one_band_alone_is_a_mark_and_a_blue_arc_is_none() -> None:
    rng, size = np.random.default_rng(3), 64
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    sigma, red = np.array([0.3, 0.5, 0.8]), np.array([10.0, 40.0, 60.0])
    galaxy = np.exp(-(x**2 + y**2) / 18)[..., None] * red
    light = rng.normal(0, 1, (6, size, size, 3)) * sigma + galaxy
    light[1, ..., 0] += 8 * sigma[0] * np.exp(-0.5 * ((x - y) / 2) ** 2)  # a satellite's trail in g
    light[2, :, 20:22, 2] -= 12 * sigma[2]  # bad columns in i
    ring = np.exp(-0.5 * ((np.hypot(x, y) - 10) / 2) ** 2)
    light[3] += ring[..., None] * np.array([8.0, 9.0, 10.0])  # a blue arc: equal magnitudes
    light[4] += 300 * np.exp(-((x - 15) ** 2 + y**2) / 4)[..., None] * np.array([1.0, 1.1, 1.2])  # a star
    light[5, 10:12, 10:12, 1] += 60 * sigma[1]  # a cosmic ray of four pixels, as hosts may have
    core = galaxy.sum((0, 1))[None].repeat(6, axis=0)
    assert marked_in_one_band(light, sigma, core).tolist() == [False, True, True, False, False, False]
    assert not marked_in_one_band(light[..., :1], sigma[:1], core[:, :1]).any()


def test_stamps_are_lensed_with_their_colours_and_at_the_size_drawn(survey: Survey) -> None:
    y, x = np.mgrid[:32, :32] - 15.5
    galaxy = np.exp(-(x**2 + y**2) / 18)
    light = np.stack([galaxy * flux for flux in (400.0, 300.0, 200.0)], axis=-1)[None]
    stamps = make_stamps(
        light + np.random.default_rng(3).normal(0, 0.2, light.shape), np.full((1, 3), 0.2), reference=2
    )
    assert stamps.colours[0] == pytest.approx([2.0, 1.5, 1.0], rel=0.02)
    assert stamps.half_light_radius_pixels[0] == pytest.approx(1.1774 * 3, rel=0.1)
    painting = painted(survey, PLAIN, stamps=stamps)
    totals = painting.light.sum((1, 2))
    assert totals[:, 0] / totals[:, 2] == pytest.approx(np.full(COUNT, 2.0), rel=0.03)
    # Unlensed it has the flux that is said: behind a lens without mass nothing is magnified.
    bare = painted(
        survey,
        PLAIN.replaced(offset=0.2),
        MassSpec(shear=Even(lowest=0, highest=0)),
        stamps=stamps,
        radius=np.full(COUNT, 1e-4),
    )
    assert [one["magnification"] for one in bare.truth] == pytest.approx(np.ones(COUNT), rel=0.03)


def test_lenses_of_rectangular_cutouts_are_where_their_hosts_are(survey: Survey) -> None:
    hosts = round_hosts(survey, 2)[:, 5:-4]
    mass = MassSpec(shape_scatter=0.0, shear=Even(lowest=0.0, highest=0.0))
    painting = painted(survey, PLAIN.replaced(offset=0.0), mass, hosts=hosts, radius=np.array([1.0, 1.5]))
    for image, true in zip(painting.light[..., 2], painting.truth, strict=True):
        y, x = (np.mgrid[: image.shape[0], : image.shape[1]]) * SCALE
        centre = [
            (image * one).sum() / image.sum() - (side - 1) / 2 * SCALE
            for one, side in ((x, image.shape[1]), (y, image.shape[0]))
        ]
        assert centre == pytest.approx([true["lens_x_arcsec"], true["lens_y_arcsec"]], abs=0.03)


def test_photons_count_for_each_image_by_its_own_exposure(survey: Survey) -> None:
    deep = replace(survey, sky=replace(survey.sky, sigma=survey.sky.sigma * 2))
    hosts, bright = (
        round_hosts(survey, 20),
        PLAIN.replaced(arc_snr={"kind": "even", "lowest": 200, "highest": 300}),
    )
    painting = painted(deep, bright, hosts=hosts)
    lit = painting.light[..., 1] > 1
    ratio = painting.noise[..., 1][lit] / np.sqrt(painting.light[..., 1][lit] * survey.sky.shot[1])
    assert ratio.std() == pytest.approx(0.5, rel=0.05)


def test_redshifts_of_sources_can_be_of_any_distribution() -> None:
    spec = LensedSourceSpec(redshift=Bell(centre=2, spread=0.1, lowest=1.9, highest=2.1))
    values = spec.redshift.draw(np.random.default_rng(1), 2000)
    assert values.mean() == pytest.approx(2, abs=0.01)
    assert values.std() == pytest.approx(0.0540, rel=0.05)  # of a normal cut at ± σ: 0.5396 σ
