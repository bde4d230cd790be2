"""Surveys by name: published depth and units, linked deflectors, noise as stacks have it, no shortcuts."""

from dataclasses import fields
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy import constants
from astropy.cosmology import FlatLambdaCDM
from astropy.io import fits
from streamlit.testing.v1 import AppTest

from lensapp.core.errors import InvalidInput
from lensapp.services.data.demo import simulate_survey
from lensapp.simulation import deflectors, populations
from lensapp.simulation.deflectors import einstein_radius
from lensapp.simulation.observing import Camera, typical_conditions
from lensapp.simulation.resampling import stack_noise
from lensapp.simulation.sky_model import above_sky, noise_correlation, noise_of_images
from lensapp.simulation.survey import DemoSpec, SimulatedBatch, simulate
from lensapp.simulation.surveys import (
    GALAXIES,
    SURVEYS,
    BandProperties,
    SurveyProperties,
    source_rows,
)
from lensapp.storage import sources
from lensapp.storage.cutouts import source_unit
from lensapp.storage.workspace import Workspace
from support.shortcut_audits import audit

PUBLISHED = [name for name, survey in SURVEYS.items() if survey.published]
COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)


@pytest.fixture(scope="module")
def lenses() -> SimulatedBatch:
    return simulate(DemoSpec.parse({"survey": "ps1", "count": 192, "lens_fraction": 1.0, "size": 32}))


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_survey_is_simulated_in_its_own_bands_pixels_and_size(name: str) -> None:
    spec = DemoSpec.parse({"survey": name, "count": 12, "lens_fraction": 0.5})
    survey = SURVEYS[name]
    assert (spec.bands, spec.size) == (tuple(survey.bands), survey.size_pixels)
    assert spec.pixel_scale_arcsec == survey.pixel_scale_arcsec
    batch = simulate(spec)
    assert batch.pixels.shape == (12, spec.size, spec.size, len(spec.bands))
    centre = batch.pixels[:, spec.size // 2 - 2 : spec.size // 2 + 2, spec.size // 2 - 2 : spec.size // 2 + 2]
    lens = [cutout.label == "lens" for cutout in batch.truth]
    assert (centre[lens].mean((1, 2)) > np.nanmedian(batch.pixels[lens], axis=(1, 2))).all()


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_number_of_a_survey_has_a_source(name: str) -> None:
    survey = SURVEYS[name]
    numbers = {one.name for kind in (SurveyProperties, BandProperties) for one in fields(kind)}
    named = [number for one in survey.sources for number in one.numbers]
    assert sorted(named) == sorted(numbers - {"title", "bands", "published", "sources"})
    assert all(one.source for one in survey.sources)


def test_every_number_of_the_galaxies_has_a_source() -> None:
    numbers = {name for module in (deflectors, populations) for name in vars(module) if name.isupper()}
    assert {number for one in GALAXIES for number in one.numbers} == numbers


def test_the_page_on_realism_tells_every_source_and_what_was_not_verified() -> None:
    page = (Path(__file__).parents[2] / "docs" / "realism.md").read_text("utf-8")
    rows = list(source_rows())
    assert "\n".join(rows) in page
    assert sum("not verified" in row for row in rows) == sum(
        not one.checked and one.source not in ("our choice", "assumed")
        for sources in (*(SURVEYS[name].sources for name in PUBLISHED), GALAXIES)
        for one in sources
    )


def test_what_is_given_wins_over_the_survey() -> None:
    given = {"survey": "hsc", "bands": ["i", "g"], "size": 48, "pixel_scale_arcsec": 0.2}
    spec = DemoSpec.parse(given)
    assert (spec.bands, spec.size, spec.pixel_scale_arcsec) == (("i", "g"), 48, 0.2)
    assert DemoSpec.parse(spec.saved()) == spec


@pytest.mark.parametrize(("name", "band"), [("ps1", "u"), ("legacy", "i"), ("euclid", "r"), ("plain", "VIS")])
def test_bands_that_a_survey_lacks_are_refused(name: str, band: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name} has no band {band}; it has"):
        DemoSpec.parse({"survey": name, "bands": [band]})


@pytest.mark.parametrize("name", ["sdss", ["ps1"], None])
def test_a_survey_that_nobody_knows_is_refused_with_those_there_are(name: object) -> None:
    with pytest.raises(InvalidInput, match="ps1"):
        DemoSpec.parse({"survey": name})


def test_einstein_radius_is_that_of_astropys_distances() -> None:
    distances = COSMOLOGY.angular_diameter_distance([0, 0.3], 1.5)
    ratio = (distances[1] / distances[0]).value
    expected = 4 * np.pi * (250 * u.km / u.s / constants.c).to_value("") ** 2 * ratio * u.rad
    np.testing.assert_allclose(
        einstein_radius(np.array([250.0]), np.array([ratio])), expected.to_value("arcsec"), rtol=1e-6
    )


def test_dispersion_redshifts_and_einstein_radius_of_each_lens_belong_together(
    lenses: SimulatedBatch,
) -> None:
    names = ("redshift", "source_redshift", "velocity_dispersion_km_s", "einstein_radius_arcsec")
    near, far, dispersion, radius = (
        np.array([cutout.properties[name] for cutout in lenses.truth]) for name in names
    )
    assert (far > near).all()
    ratio = COSMOLOGY.angular_diameter_distance(near, far) / COSMOLOGY.angular_diameter_distance(far)
    expected = 4 * np.pi * (dispersion * u.km / u.s / constants.c).to_value("") ** 2 * ratio.value * u.rad
    np.testing.assert_allclose(radius, expected.to_value("arcsec"), rtol=2e-3)
    assert np.corrcoef(radius, dispersion)[0, 1] > 0.5
    magnitude = np.array([cutout.properties["magnitude_i"] for cutout in lenses.truth])
    assert np.corrcoef(near, magnitude)[0, 1] > 0.6  # far galaxies look faint


def test_many_arcs_are_faint(lenses: SimulatedBatch) -> None:
    snr = np.array([cutout.properties["arc_snr"] for cutout in lenses.truth])
    assert (snr < 25).mean() > 0.5
    assert (snr > 50).mean() > 0.02
    assert snr.min() > 2  # S/N 5 in the best band where seeing and depth are typical


def blank_sky(name: str, band: str, *, count: int, size: int) -> np.ndarray:
    survey = SURVEYS[name]
    camera = Camera(size, 0, (band,), survey.pixel_scale_arcsec, survey)
    image = np.zeros((count, 1, size, size), np.float32)
    camera.add_noise(np.random.default_rng(1), image, typical_conditions(count, (band,), survey))
    return image[:, 0]


@pytest.mark.parametrize(
    ("name", "band", "aperture_arcsec", "magnitude"),
    [("des", "g", 1.95, 24.7), ("des", "i", 1.95, 23.8), ("euclid", "VIS", 1.3, 25.6)],
)
def test_apertures_have_the_published_noise(
    name: str, band: str, aperture_arcsec: float, magnitude: float
) -> None:
    size, scale = 64, SURVEYS[name].pixel_scale_arcsec
    sky = blank_sky(name, band, count=300, size=size)
    axis = (np.arange(size) - size / 2) * scale
    flux = []
    for x in (-size / 4, size / 4):
        inside = np.hypot(axis[:, None], axis - x * scale) < aperture_arcsec / 2
        flux.append(sky[:, inside].sum(1) / inside.sum() * np.pi * (aperture_arcsec / 2 / scale) ** 2)
    ten_sigma = 27 - 2.5 * np.log10(10 * np.std(np.subtract(*flux)) / np.sqrt(2))
    assert ten_sigma == pytest.approx(magnitude, abs=0.12)


@pytest.mark.parametrize(("detector_pixels", "turning"), [(1.028, True), (1.0, False), (3.0, False)])
def test_noise_is_as_correlated_as_that_of_white_exposures_resampled_one_by_one(
    detector_pixels: float, *, turning: bool
) -> None:
    rng = np.random.default_rng(4)
    offsets = [(0, 0), (0, 1), (0, 2), (1, 1)]
    moments = np.zeros(4)
    for _ in range(1500):
        angle = rng.uniform(0, 2 * np.pi) if turning else 0.0
        shift = rng.uniform(-0.5, 0.5, 2)
        kernels = []
        for y, x in offsets:  # weights of the detector's pixels in four pixels of the stack
            across = (np.cos(angle) * x + np.sin(angle) * y) / detector_pixels + shift[0]
            along = (np.cos(angle) * y - np.sin(angle) * x) / detector_pixels + shift[1]
            grid = np.arange(-7, 8)
            weights = [
                np.where(np.abs(d) < 3, np.sinc(d) * np.sinc(d / 3), 0) for d in (grid - across, grid - along)
            ]
            kernel = np.outer(weights[1], weights[0])
            kernels.append(kernel / kernel.sum())
        moments += [(kernels[0] * kernel).sum() for kernel in kernels]
    noise = stack_noise(rng, 200, 48, detector_pixels=detector_pixels, turning=turning)
    measured = np.array([(noise[:, : 48 - y, : 48 - x] * noise[:, y:, x:]).mean() for y, x in offsets])
    expected = moments / moments[0]
    np.testing.assert_allclose(measured / measured[0], expected, atol=0.02)


def test_noise_of_ps1_is_that_of_real_stacks(shared_data: Path) -> None:
    files = sorted((shared_data / "sled_ps1" / "cutouts").glob("*/*_r.fits"))[:24]
    stacks = [fits.getdata(file) / fits.getheader(file)["EXPTIME"] for file in files]  # zero point 25
    real = above_sky(np.stack(stacks)[..., None].astype(np.float32))
    sky = blank_sky("ps1", "r", count=24, size=120)[..., None] * 10 ** (0.4 * (25 - 27))
    sigmas, shared = [], []
    for light in (real, sky.astype(np.float64)):
        noise = noise_of_images(light)
        sigmas.append(np.median(noise))
        shared.append(noise_correlation(light, noise)[0])
    assert sigmas[1] == pytest.approx(sigmas[0], rel=0.15)
    for lag in ((3, 4), (4, 4), (3, 5)):  # beside, diagonal, two away; the middle is (3, 3)
        assert shared[1][lag] == pytest.approx(shared[0][lag], abs=0.05)


def test_psf_differs_from_cutout_to_cutout_and_is_not_round(lenses: SimulatedBatch) -> None:
    seeing = np.array([cutout.properties["seeing_arcsec_r"] for cutout in lenses.truth])
    assert np.median(seeing) == pytest.approx(1.19, rel=0.05)  # Chambers et al. 2016
    assert 0.05 < np.std(seeing) / np.median(seeing) < 0.2


def test_neither_central_pixels_nor_photometry_tell_the_lenses_of_ps1() -> None:
    result = audit(DemoSpec.parse({"survey": "ps1", "count": 1000}))
    assert result.central_pixels < 0.75
    assert result.aperture_photometry < 0.80


def test_pixels_of_a_survey_have_its_units(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "workspace")
    spec = DemoSpec.parse({"survey": "euclid", "count": 4, "size": 32})
    simulate_survey(workspace, name="q1", spec=spec, processes=1)
    unit = source_unit(workspace, sources.get_source(workspace.database, "q1"))
    # MAGZERO of the mosaics of Euclid's first release.
    assert [low for low, _ in unit.zero_points] == pytest.approx([24.6, 29.8, 30.0, 29.9], abs=1e-3)


def test_a_survey_begun_before_surveys_had_names_goes_on(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "workspace")
    spec = DemoSpec(count=3, size=24, bands=("g",))
    earlier = {name: value for name, value in spec.saved().items() if name != "survey"}
    sources.create_source(
        workspace.database,
        name="old",
        kind="demo",
        bands=spec.bands,
        height=24,
        width=24,
        slots=3,
        pixel_scale_arcsec=0.25,
        spec=earlier,
    )
    assert simulate_survey(workspace, name="old", spec=spec, processes=1)["accepted"] == 3


def dialog() -> None:
    from lensapp.ui.data.demo_dialog import demo_dialog

    demo_dialog()


def test_the_dialog_offers_each_survey_with_its_own_bands_and_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    app = AppTest.from_function(dialog, default_timeout=60).run()
    app.selectbox(key="demo-survey").set_value("euclid").run()
    assert not app.exception
    assert app.multiselect(key="demo-euclid-bands").value == ["VIS", "Y", "J", "H"]
    assert app.multiselect(key="demo-euclid-bands").options == ["VIS", "Y", "J", "H"]
    assert app.number_input(key="demo-euclid-pixel_scale_arcsec").value == 0.1
