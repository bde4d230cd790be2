"""Candidates that cannot be right are rejected with the reason; 'no data' values are masked and counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lensapp.core.data.fingerprints import perceptual_hash, pixel_digest
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.formats.planes import clean
from lensapp.ingest.preview import make_preview
from lensapp.ingest.refusals import CODES, Refused
from support.cutout_files import SIDE, cutout, header, write_bands, write_fits

QUICK = settings(max_examples=40, deadline=None)


def codes(path, **values):
    found = make_preview(IngestSpec.parse({"path": str(path), "bands": ["g", "r"], **values}))
    assert {r.code for r in found.rejected} <= set(CODES)
    return {r.file: r.code for r in found.rejected}


def pair(folder, name, g, r):
    write_fits(folder / f"{name}_g.fits", g)
    write_fits(folder / f"{name}_r.fits", r)


def test_each_kind_of_bad_candidate_has_its_code(tmp_path):
    dead, nan = np.zeros((SIDE, SIDE), np.float32), np.full((SIDE, SIDE), np.nan, np.float32)
    pair(tmp_path, "good", cutout(1), cutout(2))
    pair(tmp_path, "copy", cutout(1), cutout(2))
    pair(tmp_path, "zero", cutout(3), dead)
    pair(tmp_path, "blank", nan, cutout(4))
    pair(tmp_path, "flat", cutout(5), dead + 3)
    pair(tmp_path, "twin", cutout(6), cutout(6))
    pair(tmp_path, "large", cutout(7, side=9), cutout(8, side=9))
    pair(tmp_path, "noise", cutout(9), np.full((SIDE, SIDE), 1e16, np.float32) * (1 + cutout(1) / 1e3))
    write_fits(tmp_path / "half_g.fits", cutout(10))
    pair(tmp_path, "torn", cutout(11), cutout(12))
    (tmp_path / "torn_r.fits").write_bytes((tmp_path / "torn_r.fits").read_bytes()[:2900])
    (tmp_path / "odd.fits").write_text("hello")
    assert codes(tmp_path) == {
        "good_g.fits": "duplicate_image",
        "zero_g.fits": "all_zero",
        "blank_g.fits": "all_nan",
        "flat_g.fits": "constant",
        "twin_g.fits": "duplicate_bands",
        "large_g.fits": "wrong_shape",
        "noise_g.fits": "error_plane",
        "half_g.fits": "missing_band",
        "torn_g.fits": "unreadable",
        "odd.fits": "missing_band",
    }


def test_magnitudes_are_rejected_by_unit_and_by_look(tmp_path):
    y, x = np.mgrid[:16, :16] - 7.5
    magnitudes = (27 - 5 * np.exp(-(x**2 + y**2) / 9)).astype(np.float32)
    write_fits(tmp_path / "a.fits", magnitudes)
    write_fits(tmp_path / "b.fits", cutout(1, side=16), header(BUNIT="mag/arcsec2"))
    write_fits(tmp_path / "c.fits", 20 + cutout(2, side=16))
    assert codes(tmp_path, bands=["r"]) == {"a.fits": "magnitudes", "b.fits": "magnitudes"}


def masked(plane, **values):
    return clean(plane, band="r", **{"sentinels": (), "detect": True, **values})


@pytest.mark.parametrize(("flux", "value"), [(1e-11, 100.0), (1.0, -9999.0), (1.0, 1e20), (0.01, -99.0)])
def test_usual_sentinels_far_off_the_flux_are_masked_and_counted(flux, value):
    plane = cutout() * np.float32(flux)
    plane[0, :3] = value
    found = masked(plane)
    assert found.sentinel == 3
    assert np.isnan(found.pixels[0, :3]).all()
    assert np.isfinite(found.pixels[1:]).all()


def test_a_value_within_reach_of_the_flux_is_kept():
    plane = cutout()
    plane[4, 4] = 100.0
    assert masked(plane).sentinel == 0
    assert masked(plane, sentinels=(100.0,)).sentinel == 1
    plane[0, 0] = -9999.0
    assert masked(plane, detect=False).sentinel == 0


@pytest.mark.parametrize("value", [-99.0, -999.0, -9999.0, -32768.0, -77.25, 999.0])
@pytest.mark.parametrize("noise", [1.0, 20.0])
def test_no_data_beside_a_bright_star_is_masked_to_the_pixel(value, noise):
    y, x = np.mgrid[:32, :32] - 15.5
    star = 60_000 * np.exp(-(x**2 + y**2) / 12)
    plane = (np.random.default_rng(0).normal(0, noise, (32, 32)) + star).astype(np.float32)
    plane[:, :8] = value
    found = masked(plane)
    if value == -77.25 and noise > 1:  # not a usual value, and within the noise
        assert found.sentinel == 0
    else:
        assert (found.sentinel, np.isnan(found.pixels[:, :8]).all()) == (256, True)


def faint_sky(lowest, *, pixels):
    """A sky of noise 0.25 that is worked by hand: six values in turn; `pixels` hold the lowest instead."""
    plane = np.resize(np.float32([-0.25, 0.125, 0.25, -0.125, 0.375, -0.375]), (12, 12))
    plane += np.arange(144, dtype=np.float32).reshape(12, 12) / 4096  # no value twice
    for pixel in pixels:
        plane[pixel] = lowest
    return plane


APART = ((1, 2), (5, 9), (10, 4))  # none touches another


@pytest.mark.parametrize(("value", "star"), [(-50.0, 0.5), (-12.5, 0.5), (-12.5, 90.0)])
def test_three_equal_values_far_below_a_faint_sky_are_no_data_though_none_touches_another(value, star):
    plane = faint_sky(value, pixels=APART)
    plane[6, 6] = star
    found = masked(plane)
    assert found.sentinel == 3
    assert sorted(zip(*np.nonzero(np.isnan(found.pixels)), strict=True)) == sorted(APART)


@pytest.mark.parametrize(
    ("value", "pixels"),
    [
        (-0.5, APART),  # two sigma below the sky: equal by chance, or a coarse scale
        (-50.0, APART[:2]),  # twice is no pattern: a cosmic ray in a subtracted image does as much
    ],
)
def test_faint_values_equal_within_the_noise_or_only_twice_are_flux(value, pixels):
    found = masked(faint_sky(value, pixels=pixels))
    assert found.sentinel == 0
    assert not np.isnan(found.pixels).any()


def test_several_no_data_values_in_one_plane_are_all_masked():
    plane = cutout(side=32)
    plane[:, :4], plane[:, 4:8], plane[:4, 8:] = -99, -999, -32768
    assert masked(plane).sentinel == 256 + 96


def test_stars_cut_off_at_a_usual_value_and_counts_are_flux():
    y, x = np.mgrid[:32, :32] - 15.5
    sky = np.random.default_rng(0).normal(0, 1, (32, 32))
    star = (sky + 500 * np.exp(-(x**2 + y**2) / 30)).astype(np.float32)
    assert masked(np.minimum(star, np.float32(99))).sentinel == 0
    assert masked(np.maximum(star, np.float32(-1))).sentinel == 0
    counts = np.random.default_rng(0).poisson(100 + 300 * np.exp(-(x**2 + y**2) / 30)).astype(np.float32)
    assert masked(counts).sentinel == 0
    on_nothing = np.where(star > 50, star, 0).astype(np.float32)
    assert masked(on_nothing).sentinel == 0


def test_nan_and_infinite_pixels_are_masked_and_counted():
    plane = cutout()
    plane[0, 0], plane[1, 1], plane[2, 2] = np.nan, np.inf, -np.inf
    found = masked(plane)
    assert (found.nan, found.sentinel) == (3, 0)
    assert np.isnan(found.pixels).sum() == 3


def test_a_plane_of_sentinels_only_is_all_masked():
    with pytest.raises(Refused, match="every pixel of band r is masked"):
        masked(np.full((8, 8), -99, np.float32), sentinels=(-99.0,))


@QUICK
@given(hnp.arrays(np.float32, (5, 6, 2), elements=st.floats(-100, 100, width=32)), st.integers(0, 59))
def test_a_digest_changes_with_any_pixel_and_not_with_the_copy(pixels, place):
    changed = pixels.copy()
    changed.flat[place] += np.float32(1.0) + abs(changed.flat[place])
    assert pixel_digest(pixels) == pixel_digest(pixels.copy())
    assert pixel_digest(pixels) != pixel_digest(changed)
    assert pixel_digest(pixels) != pixel_digest(pixels.reshape(6, 5, 2))


def test_swapped_pixels_and_flipped_signs_change_the_digest():
    pixels = cutout()[..., None]
    swapped, flipped = pixels.copy(), pixels.copy()
    swapped[0, 0], swapped[3, 3] = pixels[3, 3], pixels[0, 0]
    flipped[0, 1] *= -1
    flipped[5, 1] *= -1
    assert len({pixel_digest(image) for image in (pixels, swapped, flipped, pixels[::-1])}) == 4


def distance(first, second):
    return (int(perceptual_hash(first), 16) ^ int(perceptual_hash(second), 16)).bit_count()


def test_images_that_look_alike_have_hashes_that_are_near(tmp_path):
    image = np.stack([cutout(n, side=60) for n in range(3)], -1)
    rng = np.random.default_rng(1)
    noisy = image + rng.normal(0, 0.05, image.shape).astype(np.float32)
    masked_one = image.copy()
    masked_one[0, :4] = np.nan
    other = np.stack([cutout(n, side=60) for n in range(10, 13)], -1)
    assert distance(image, image * 3) == 0
    assert distance(image, noisy) <= 6
    assert distance(image, masked_one) <= 6
    assert distance(image, other) > 12
    assert perceptual_hash(np.full((4, 4, 1), np.nan, np.float32)) == "0" * 16


def test_one_band_of_a_tree_missing_is_named(tmp_path):
    write_bands(tmp_path)
    (tmp_path / "obj1" / "obj1_r.fits").unlink()
    found = make_preview(IngestSpec(path=str(tmp_path)))
    assert [(r.file, r.code) for r in found.rejected] == [("obj1/obj1_g.fits", "missing_band")]
    assert "band r is absent; there is g, i" in found.rejected[0].reason


def test_an_id_that_no_database_keeps_is_refused_and_the_others_are_imported(tmp_path):
    ids = ["good", "", "  ", "nul\0l", "x" * 301, "è 天"]
    images = np.stack([np.stack([cutout(2 * row), cutout(2 * row + 1)]) for row in range(len(ids))])
    np.savez(tmp_path / "pack.npz", images=images, ids=np.array(ids))
    found = make_preview(IngestSpec.parse({"path": str(tmp_path), "bands": ["g", "r"]}))
    assert [r.code for r in found.rejected] == ["bad_id"] * 4
    assert sorted(found.image_ids) == ["good", "è 天"]
    assert "empty" in found.rejected[0].reason
    assert found.rejected[0].reason.endswith("in row 1")
