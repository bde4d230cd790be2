"""Redshifts and dispersions of hosts from colours and light, against spectra, and published functions."""

from pathlib import Path

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.paint_spec import LensedSourceSpec, MassSpec, PaintSpec
from lensapp.ingest.importer import run_import
from lensapp.services.data.host_choice import ON_SEQUENCE, choose_hosts
from lensapp.services.data.paint_preview import doubts_in_words, preview_painting
from lensapp.simulation.host_galaxies import (
    COLOUR_SCATTER,
    masses_of,
    red_sequence,
    sequence_redshifts,
    velocity_dispersions,
)
from lensapp.simulation.lens_population import draw_lenses
from lensapp.simulation.populations import PASSIVE_I_CORRECTION, PASSIVE_REDSHIFTS
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace

BANDS = ("g", "r", "i")
COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)
# Shu et al. 2017, ApJ 851, 48 (SDSS spectra), and Moustakas et al. 2012 for the last two.
SPECTROSCOPIC = {
    "SDSSJ0847_2348": 0.1551, "SDSSJ0851_0505": 0.1276, "SDSSJ1040_3626": 0.1225, "SDSSJ1048_1313": 0.1330,
    "SDSSJ1144_0436": 0.1036, "SDSSJ1543_2202": 0.2681, "J2156_1204": 0.257, "J2231-0849": 0.175,
}  # fmt: skip
QUASARS = ("Q1355-2257",)


def found(magnitudes: list[list[float]], error: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    observed = np.array(magnitudes)
    return sequence_redshifts(observed, BANDS, np.full(observed.shape, error))


def test_a_luminous_red_galaxy_has_the_redshift_of_its_colours() -> None:
    # Eisenstein et al. 2001 at z = 0.3 in Pan-STARRS bands: g - i 1.87, r - i 0.55; r = 18.5 is M_r = -22.4.
    [redshift], [off] = found([[18.5 - 0.55 + 1.87, 18.5, 18.5 - 0.55]])
    assert redshift == pytest.approx(0.30, abs=0.03)  # of such light there are more with less
    assert not off
    magnitude = 18.5 - 0.55 - PASSIVE_I_CORRECTION[2] - COSMOLOGY.distmod(0.3).value + 0.85 * 0.3
    assert magnitude == pytest.approx(-22.6, abs=0.1)


def test_where_colours_tell_nothing_the_luminosity_function_decides() -> None:
    """The median of a Gaussian luminosity function in comoving volume, integrated with astropy."""
    grid = np.linspace(0.1, 1.0, 2000)
    for magnitude in (18.0, 20.0, 21.0):
        luminosity = magnitude - np.interp(grid, PASSIVE_REDSHIFTS, PASSIVE_I_CORRECTION)
        luminosity += 0.85 * grid - COSMOLOGY.distmod(grid).value
        number = np.exp(-(((luminosity + 21.15) / 0.841) ** 2) / 2)
        number *= COSMOLOGY.differential_comoving_volume(grid).value
        median = np.interp(0.5, np.cumsum(number) / number.sum(), grid)
        noisy = np.array([[magnitude + 1.5, magnitude + 0.5, magnitude]])
        [redshift], [off] = sequence_redshifts(noisy, BANDS, np.array([[1e3, 1e3, 0.01]]))
        assert redshift == pytest.approx(median, abs=0.01)
        assert not off


def test_the_scatter_of_colours_is_weighed_against_the_luminosity_function() -> None:
    """Redshifts of galaxies drawn as they are said to be lie within their scatter, and not on one side."""
    rng, count = np.random.default_rng(3), 4000
    grid = np.linspace(0.1, 0.95, 400)
    weight = COSMOLOGY.differential_comoving_volume(grid).value
    true = rng.choice(grid, 40 * count, p=weight / weight.sum())
    light = rng.normal(-21.15, 0.841, len(true)) - 0.85 * true + COSMOLOGY.distmod(true).value
    light += np.interp(true, PASSIVE_REDSHIFTS, PASSIVE_I_CORRECTION)
    seen = np.flatnonzero((light < 20.5) & (light > 16))[:count]
    true, light = true[seen], light[seen]
    error = np.array([0.15, 0.05, 0.03])
    observed = light[:, None] + red_sequence(BANDS, true)
    observed += rng.normal(0, np.hypot(error, COLOUR_SCATTER), observed.shape)
    redshift, off = sequence_redshifts(observed, BANDS, np.broadcast_to(error, observed.shape))
    difference = (redshift - true) / (1 + true)
    assert np.median(difference) == pytest.approx(0, abs=0.003)
    assert 1.4826 * np.median(np.abs(difference)) < 0.045
    assert off.mean() < 0.01  # of what is early-type one in 370
    assert np.mean(redshift > 0.98) < 0.005


@pytest.mark.parametrize(
    ("magnitudes", "off"),
    [
        ([18.6, 18.2, 18.0], True),  # the middle of `BLUE_COLOURS`, star-forming galaxies
        ([19.6, 18.65, 17.7], True),  # as red in r - i as at 0.55, in g - i as at 0.3
        ([18.5, 18.4, 18.3], True),  # a quasar
        ([19.87, 18.55, 18.0], False),  # an early-type galaxy at redshift 0.3
        ([np.nan, 18.55, 18.0], False),  # one colour tells less
        ([np.nan, np.nan, 18.0], False),  # and none nothing
    ],
)
def test_what_is_not_early_type_lies_off_the_red_sequence(magnitudes: list[float], off: bool) -> None:
    [redshift], [is_off] = found([magnitudes])
    assert is_off == off
    assert np.isfinite(redshift) == (np.isfinite(magnitudes).sum() > 1)
    [_], [noisy_off] = found([magnitudes], error=3.0)
    assert not noisy_off  # so faint that it may be early-type


def test_a_redshift_that_is_measured_is_kept_whatever_the_colours() -> None:
    magnitudes = np.array([[18.5, 18.4, 18.3], [18.5, 18.4, 18.3]])
    masses = masses_of(
        magnitudes, BANDS, errors=np.full((2, 3), 0.01), redshift=np.array([0.4, np.nan]),
        dispersion=np.full(2, np.nan),
    )  # fmt: skip
    assert masses.redshift[0] == 0.4
    assert masses.off_sequence.tolist() == [False, True]
    assert masses.by_colour


def test_dispersions_are_as_frequent_as_measured() -> None:
    """Of early-type galaxies above 150 km/s, between Sheth et al. 2003 and Choi et al. 2007 or nearly."""
    magnitude = np.random.default_rng(1).normal(-21.15, 0.841, 40_000)
    drawn = draw_lenses(
        np.random.default_rng(2), 400_000, redshift=np.full(40_000, 0.2),
        velocity_dispersion=velocity_dispersions(magnitude), scatter_dex=np.full(40_000, 0.07),
        mass=MassSpec(smallest_radius_arcsec=1e-3, largest_radius_arcsec=30, even_radii=False),
        source=LensedSourceSpec(),
    ).velocity_dispersion  # fmt: skip
    sigma = np.linspace(100, 400, 3001)
    sheth = (sigma / 88.8) ** 6.5 * np.exp(-((sigma / 88.8) ** 1.93)) / sigma
    choi = (sigma / 161) ** 2.32 * np.exp(-((sigma / 161) ** 2.67)) / sigma
    for least, allowed in ((200, 1.4), (250, 1.4), (300, 1.4), (350, 2.0)):
        share = (drawn > least).sum() / (drawn > 150).sum()
        published = [one[sigma > least].sum() / one[sigma > 150].sum() for one in (sheth, choi)]
        assert min(published) / allowed < share < max(published) * allowed
    assert (drawn > 350).mean() < 1e-3
    assert (drawn > 396).mean() < 1e-4
    assert drawn.min() >= 100
    assert drawn.max() <= 400


def test_paintings_of_earlier_versions_are_made_again_as_they_were() -> None:
    saved = PaintSpec(hosts=("sky",)).saved()
    assert saved["mass"].pop("redshift_method") == "posterior"  # as a version had it that lacked the choice
    older = PaintSpec.parse(saved)
    assert older.mass.redshift_method == "best_fit"
    assert older.is_saved_as(saved)
    assert not PaintSpec(hosts=("sky",)).is_saved_as(saved)
    assert MassSpec.parse({"smallest_radius_arcsec": 0.7}).redshift_method == "posterior"
    lenses = draw_lenses(
        np.random.default_rng(5), 4, redshift=np.array([0.2, 0.3, 0.5]),
        velocity_dispersion=np.array([210.0, 250.0, 390.0]), scatter_dex=np.full(3, 0.07), mass=older.mass,
        source=LensedSourceSpec(),
    )  # fmt: skip
    assert lenses.velocity_dispersion == pytest.approx([295.9276, 400.0, 265.0307, 211.7107], abs=1e-4)
    assert lenses.einstein_radius_arcsec == pytest.approx([0.70767, 2.89511, 1.35849, 1.02653], abs=1e-5)


def test_real_lens_galaxies_have_the_redshifts_of_their_spectra(shared_data: Path, tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    spec = IngestSpec(path=str(shared_data / "sled_ps1" / "cutouts"), bands=BANDS)
    run_import(ws, name="ps1", spec=spec)
    of_any_colour = {"bluest_colour": 0, "brightest_mag": 14, "smallest_size": 0, "unmarked": False}
    sample = choose_hosts(ws, PaintSpec(hosts=("ps1",), choice=of_any_colour))
    [*cuts] = sample.counts.items()
    assert cuts[-1][0] == ON_SEQUENCE
    assert cuts[-1][1] < cuts[-2][1]
    hosts = sources.get_cutouts(ws.database, sample.galaxies.cutout_id.tolist())
    redshift = {host.candidate_id: value for host, value in zip(hosts, sample.redshift, strict=True)}
    assert not set(QUASARS) & redshift.keys()
    told = np.array([(redshift[name], true) for name, true in SPECTROSCOPIC.items()])
    difference = (told[:, 0] - told[:, 1]) / (1 + told[:, 1])
    assert np.abs(difference).max() < 0.06
    assert np.median(np.abs(difference)) < 0.03
    usual = PaintSpec(hosts=("ps1",))
    columns = preview_painting(ws, usual).columns
    assert "largest" not in doubts_in_words(columns, redshift_method="posterior")
