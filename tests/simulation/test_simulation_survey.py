"""The simulated survey: reproducible in parts, true to its settings, not trivially separable."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.errors import InvalidInput
from lensapp.simulation.artefacts import IN_ALL_BANDS, MARKS, add_artefact
from lensapp.simulation.blocks import SCENES
from lensapp.simulation.observing import Camera, correlated_noise, flux_of, magnitude_of, typical_conditions
from lensapp.simulation.survey import DemoSpec, SimulatedBatch, block_ranges, simulate
from support.shortcut_audits import central_auroc

SMALL = DemoSpec(count=150, size=24, bands=("g", "i"), seed=5, lens_fraction=0.3)


@pytest.fixture(scope="module")
def small() -> SimulatedBatch:
    return simulate(SMALL)


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (60, 70), (64, 128), (130, 150)])
def test_cutouts_do_not_depend_on_how_the_survey_is_cut(small: SimulatedBatch, start: int, stop: int) -> None:
    part = simulate(SMALL, start=start, stop=stop)
    np.testing.assert_array_equal(part.pixels, small.pixels[start:stop])
    assert part.truth == small.truth[start:stop]


def test_pixels_and_truth_have_the_shape_asked_for(small: SimulatedBatch) -> None:
    assert small.pixels.shape == (150, 24, 24, 2)
    assert small.pixels.dtype == np.float32
    assert sum(cutout.label == "lens" for cutout in small.truth) == 45
    assert len({cutout.candidate_id for cutout in small.truth}) == 150
    assert {cutout.object_class for cutout in small.truth} <= set(SCENES)


def test_another_seed_gives_another_survey(small: SimulatedBatch) -> None:
    other = simulate(SMALL.replaced(seed=6), stop=5)
    assert not np.array_equal(other.pixels, small.pixels[:5], equal_nan=True)


def test_truth_of_lenses_names_physics_and_conditions(small: SimulatedBatch) -> None:
    lenses = [cutout.properties for cutout in small.truth if cutout.object_class == "lens"]
    for name in ("einstein_radius_arcsec", "ellipticity_e1", "shear_g1", "source_x_arcsec", "arc_snr_g"):
        assert all(np.isfinite(properties[name]) for properties in lenses)
    assert all(0.7 < properties["seeing_arcsec_i"] < 1.3 for properties in lenses)
    assert all(properties["source_redshift"] > properties["redshift"] for properties in lenses)
    assert 25 < np.median([properties["arc_snr"] for properties in lenses]) < 70


def test_second_views_show_their_parent_at_the_same_place(small: SimulatedBatch) -> None:
    by_id = {cutout.candidate_id: cutout for cutout in small.truth}
    seconds = [cutout for cutout in small.truth if cutout.parent != cutout.candidate_id]
    assert seconds
    for second in seconds:
        first = by_id[second.parent]
        assert second.object_class == first.object_class
        assert second.properties["magnitude_i"] == first.properties["magnitude_i"]
        assert np.hypot(second.ra_deg - first.ra_deg, second.dec_deg - first.dec_deg) < 3 / 3600


@pytest.mark.parametrize(("count", "width_deg"), [(1, 3), (700, 3), (2000, 3), (200_000, 5)])
def test_objects_of_a_survey_are_neighbours_only_of_their_second_views(count: int, width_deg: float) -> None:
    spec = DemoSpec(count=count, size=24, bands=("r",))
    batches = [
        simulate(spec, start=start, stop=min(start + 64, count)) for start in range(0, min(count, 704), 64)
    ]
    truth = [cutout for batch in batches for cutout in batch.truth]
    sky = SkyCoord([one.ra_deg for one in truth], [one.dec_deg for one in truth], unit="deg")
    first, second, _, _ = sky.search_around_sky(sky, 15 * units.arcsec)
    assert all(truth[one].parent == truth[other].parent for one, other in zip(first, second, strict=True))
    assert (np.abs(sky.ra.deg - 150) < width_deg / 2).all()
    assert (np.abs(sky.dec.deg - 2) < width_deg / 2).all()
    if count > 700:
        assert np.ptp(sky.ra.deg) > 0.9 * width_deg
        assert np.ptp(sky.dec.deg) > 0.9 * width_deg


def test_second_views_look_like_their_parent_but_have_their_own_noise(small: SimulatedBatch) -> None:
    places = {cutout.candidate_id: place for place, cutout in enumerate(small.truth)}
    pairs = [
        (places[cutout.parent], place)
        for place, cutout in enumerate(small.truth)
        if cutout.parent != cutout.candidate_id and cutout.object_class != "artefact"
    ]
    for first, second in pairs:
        one, two = small.pixels[first, ..., 1].ravel(), small.pixels[second, ..., 1].ravel()
        assert 0.6 < np.corrcoef(one, two)[0, 1] < 0.9999


def test_only_artefacts_have_masked_pixels(small: SimulatedBatch) -> None:
    masked = np.isnan(small.pixels).any((1, 2, 3))
    kinds = {
        cutout.properties.get("artefact") for cutout, bad in zip(small.truth, masked, strict=True) if bad
    }
    assert kinds <= {"masked_edge"}


def test_lenses_and_others_are_equally_bright(small: SimulatedBatch) -> None:
    lens = np.array([cutout.label == "lens" for cutout in small.truth])
    magnitude = np.array([cutout.properties["magnitude_i"] for cutout in small.truth])
    assert abs(np.median(magnitude[lens]) - np.median(magnitude[~lens])) < 0.3


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 5000), fraction=st.floats(0, 1))
def test_blocks_cover_the_survey_once(count: int, fraction: float) -> None:
    ranges = block_ranges(DemoSpec(count=count, lens_fraction=fraction))
    assert [place for start, stop in ranges for place in range(start, stop)] == list(range(count))


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0), (1.0, 20), (0.25, 5)])
def test_lens_fraction_holds_exactly(fraction: float, expected: int) -> None:
    batch = simulate(DemoSpec(count=20, size=24, bands=("r",), lens_fraction=fraction))
    assert sum(cutout.label == "lens" for cutout in batch.truth) == expected


def test_every_band_can_be_simulated() -> None:
    batch = simulate(DemoSpec(count=3, size=24, bands=("u", "g", "r", "i", "z", "y"), seed=3))
    assert batch.pixels.shape == (3, 24, 24, 6)
    assert "magnitude_y" in batch.truth[0].properties


def test_repeated_bands_are_refused() -> None:
    with pytest.raises(InvalidInput, match="name each band once"):
        DemoSpec.parse({"bands": ["g", "g"]})


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (5, 5), (0, 999)])
def test_ranges_outside_the_survey_are_refused(start: int, stop: int) -> None:
    with pytest.raises(InvalidInput, match="start < stop <= 150"):
        simulate(SMALL, start=start, stop=stop)


def test_noise_has_unit_variance_and_neighbours_correlate() -> None:
    noise = correlated_noise(np.random.default_rng(0), (4, 64, 64), np.array([0.0, 0.2, 0.3, 0.4]))
    np.testing.assert_allclose(noise.std((1, 2)), 1, atol=0.05)
    neighbours = (noise[:, :, 1:] * noise[:, :, :-1]).mean((1, 2))
    assert np.all(np.diff(neighbours) > 0)
    assert abs(neighbours[0]) < 0.05


def test_point_source_at_the_depth_has_signal_to_noise_five() -> None:
    camera = Camera(40, 4, ("r",), 0.25)
    conditions = typical_conditions(1, ("r",))
    light = np.zeros((1, 1, 40, 40), np.float32)
    light[0, 0, 20, 20] = flux_of(conditions.depth_mag[0, 0])
    star = camera.exposed(light, conditions)
    ratio = camera.signal_to_noise(star, np.zeros_like(star), conditions)
    assert ratio[0, 0] == pytest.approx(5, rel=0.03)


def test_magnitudes_and_fluxes_are_inverse() -> None:
    np.testing.assert_allclose(magnitude_of(flux_of(np.array([17.0, 27.0]))), [17.0, 27.0])


@pytest.mark.parametrize("kind", MARKS)
def test_artefact_marks_the_bands_it_belongs_to(kind: str) -> None:
    for seed in range(200):
        views = np.zeros((3, 24, 24), np.float32)
        if add_artefact(np.random.default_rng(seed), views, np.ones(3)) == kind:
            break
    hit = (np.nan_to_num(views, nan=1) != 0).any((1, 2)).sum()
    assert hit in ((3,) if kind in IN_ALL_BANDS else (0, 1))


def test_central_pixels_do_not_tell_lenses_from_others() -> None:
    spec = DemoSpec(count=1500, size=32)
    assert 0.5 < central_auroc(simulate(spec), spec) < 0.75
