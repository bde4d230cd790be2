import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lensapp.core.data import pixel_codes
from lensapp.core.data.imaging import (
    MASKED_RGB,
    STRETCHES,
    DisplaySpec,
    Levels,
    choose_rgb,
    estimate_levels,
    render,
    sprite_sheet,
)
from lensapp.core.data.zscale import zscale_limits
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.inspect.grades import ABCX, GRADES
from support.gallery_survey import blobs

few = settings(max_examples=20, deadline=None)
GRI = ("g", "r", "i")


@few
@given(exponent=st.integers(-13, 5), stretch=st.sampled_from(STRETCHES))
def test_pictures_do_not_depend_on_the_unit_of_flux(exponent: int, stretch: str) -> None:
    pixels = blobs(6)
    display = DisplaySpec(stretch=stretch)
    one = render(pixels, bands=GRI, stretch=display)
    other = render(
        (pixels.astype(np.float64) * 10.0**exponent).astype(np.float32), bands=GRI, stretch=display
    )
    assert np.abs(one.astype(int) - other).max() <= 1
    assert one.max() > 60


@pytest.mark.parametrize("stretch", STRETCHES)
def test_a_brighter_pixel_is_never_darker(stretch: str) -> None:
    ramp = np.linspace(-3, 60, 400, dtype=np.float32).reshape(1, 20, 20, 1)
    levels = Levels(np.zeros(1), np.ones(1), np.full(1, 20.0))
    picture = render(ramp, bands=("r",), stretch=DisplaySpec(stretch=stretch), levels=levels)
    assert (np.diff(picture[0, ::-1, :, 0].ravel().astype(int)) >= 0).all()
    assert picture.min() == 0


@pytest.mark.parametrize("stretch", STRETCHES)
def test_masked_pixels_are_shown_as_such_and_do_not_spread(stretch: str) -> None:
    pixels = blobs(3)
    pixels[0, :4] = np.nan
    pixels[1] = np.nan
    pixels[2, 0, 0, 0] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = render(pixels, bands=GRI, stretch=DisplaySpec(stretch=stretch))
    assert (picture[0, -4:] == MASKED_RGB).all()
    assert not (picture[0, :-4] == MASKED_RGB).all(-1).any()
    assert (picture[1] == MASKED_RGB).all()


def test_the_first_row_of_a_picture_is_the_last_of_the_pixels() -> None:
    pixels = blobs(1)
    pixels[0, -1] += 100
    assert render(pixels, bands=GRI, stretch=DisplaySpec())[0, 0].min() > 200


def test_one_band_is_grey_and_two_bands_mix_green() -> None:
    grey = render(blobs(2, bands=1), bands=("vis",), stretch=DisplaySpec())
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 0] == grey[..., 2]).all()
    two = render(blobs(2, bands=2), bands=("g", "i"), stretch=DisplaySpec(stretch="asinh")).astype(int)
    assert np.abs(two[..., 1] - (two[..., 0] + two[..., 2]) / 2).max() <= 1


def test_lupton_keeps_the_colour_of_a_saturated_core() -> None:
    levels = Levels(np.zeros(3), np.ones(3), np.full(3, 20.0))
    pixels = np.tile(np.array([50.0, 100.0, 400.0], np.float32), (1, 4, 4, 1))
    display = DisplaySpec(black=0)
    red, green, blue = render(pixels, bands=GRI, stretch=display, levels=levels)[0, 0, 0].tolist()
    assert red == 255
    assert (green, blue) == (64, 32)


@pytest.mark.parametrize(
    ("bands", "chosen"),
    [
        (("g", "r", "i"), (2, 1, 0)),
        (("i", "g", "r"), (0, 2, 1)),
        (("g", "r", "i", "z", "y"), (2, 1, 0)),
        (("g", "r", "z"), (2, 1, 0)),
        (("VIS",), (0,)),
        (("R", "I", "G", "U"), (1, 0, 3)),
        (("one", "two", "three"), (2, 1, 0)),
    ],
)
def test_the_reddest_band_is_shown_red(bands: tuple[str, ...], chosen: tuple[int, ...]) -> None:
    assert choose_rgb(bands) == chosen


def test_levels_of_calibrated_cutouts_leave_half_of_the_colour() -> None:
    levels = Levels(np.zeros(2), np.ones(2), np.array([4.0, 16.0])).half_true()
    assert levels.brightness == pytest.approx([np.sqrt(4 * 8), np.sqrt(16 * 8)])


def test_colours_of_absent_bands_are_refused() -> None:
    with pytest.raises(BandMismatch, match=r"made from z: the source has the bands g, r, i\."):
        render(blobs(1), bands=GRI, stretch=DisplaySpec(rgb=("z", "r", "g")))
    with pytest.raises(InvalidInput, match=r"not \(n, y, x, 2\)"):
        render(blobs(1), bands=("g", "r"), stretch=DisplaySpec())


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_flat_or_empty_cutouts_still_make_a_picture(value: float) -> None:
    pixels = np.full((2, 8, 8, 3), value, np.float32)
    levels = estimate_levels(pixels)
    assert np.isfinite([levels.sky, levels.noise, levels.brightness]).all()
    assert (levels.noise > 0).all()
    assert render(pixels, bands=GRI, stretch=DisplaySpec()).shape == (2, 8, 8, 3)


def test_levels_find_sky_noise_and_brightness() -> None:
    levels = estimate_levels(blobs(200, size=24))
    assert levels.sky == pytest.approx(np.full(3, 5), abs=0.1)
    assert levels.noise == pytest.approx(np.ones(3), abs=0.05)
    assert levels.brightness == pytest.approx(np.full(3, 19), abs=2)


@few
@given(seed=st.integers(0, 1000), size=st.integers(6, 5000))
def test_zscale_agrees_with_astropy(seed: int, size: int) -> None:
    from astropy.visualization import ZScaleInterval

    values = np.random.default_rng(seed).standard_normal(size)
    values[: size // 20] += 30
    assert zscale_limits(values) == pytest.approx(ZScaleInterval().get_limits(values), rel=1e-9)


def test_a_sprite_sheet_holds_its_pictures_row_by_row() -> None:
    pictures = np.zeros((5, 8, 16, 3), np.uint8)
    pictures[4] = 200
    sheet = np.asarray(Image.open(io.BytesIO(sprite_sheet(pictures))))
    assert sheet.shape == (16, 48, 3)
    assert sheet[12, 24].min() > 150
    assert sheet[4, 24].max() < 50


@few
@given(flux=st.floats(-1e6, 1e9), noise=st.floats(1e-15, 1e6))
def test_companded_pixels_keep_their_precision(flux: float, noise: float) -> None:
    levels = Levels(np.zeros(1), np.array([noise]), np.ones(1))
    pixels = np.array(flux * noise, np.float32).reshape(1, 1, 1, 1)
    [read] = pixel_codes.decode(pixel_codes.encode(pixels, levels)).ravel()
    assert read == pytest.approx(flux, rel=5e-4, abs=5e-4)


def test_masked_pixels_stay_masked_when_companded() -> None:
    pixels = blobs(2)
    pixels[0, 3, 4, 1] = np.nan
    codes = pixel_codes.encode(pixels, estimate_levels(pixels))
    assert codes.shape == (2, 3, 16, 16)
    assert np.argwhere(codes == pixel_codes.MASKED).tolist() == [[0, 1, 12, 4]]
    assert np.isnan(pixel_codes.decode(codes)).sum() == 1


def test_reduction_averages_what_is_known() -> None:
    pixels = np.ones((1, 9, 8, 1), np.float32)
    pixels[0, :2, :2, 0] = [[np.nan, 3], [np.nan, 5]]
    small = pixel_codes.reduced(pixels, 4)
    assert small.shape == (1, 4, 4, 1)
    assert small[0, 0, 0, 0] == 4
    assert pixel_codes.reduced(pixels, 16) is pixels


def test_every_key_gives_one_grade() -> None:
    assert {key: grade.letter for grade in GRADES for key in grade.keys} == {
        "a": "A",
        "1": "A",
        "b": "B",
        "2": "B",
        "c": "C",
        "3": "C",
        "x": "X",
        "0": "X",
    }
    assert [grade.value for grade in GRADES] == [3, 2, 1, 0]
    assert ABCX.checked(" b") == "B"
    with pytest.raises(InvalidInput, match="no grade 'D' here: choose one of A, B, C, X"):
        ABCX.checked("D")


def test_a_red_object_is_red_where_the_unit_is_known_and_grey_where_each_band_may_have_its_own():
    bands = ("F115W", "F150W", "F277W", "F444W")
    y, x = np.mgrid[:33, :33] - 16
    galaxy = np.exp(-(x**2 + y**2) / 18.0)[None, ..., None] * 10.0 * 3.0 ** np.arange(4)
    pixels = (galaxy + np.random.default_rng(0).normal(size=(8, 33, 33, 4))).astype(np.float32)
    levels = estimate_levels(pixels)
    for known, told in ((True, levels.half_true()), (False, levels)):
        picture = render(pixels, bands=bands, levels=told, stretch=DisplaySpec(white=8))
        red, _, blue = picture[:, 15:18, 15:18].mean(axis=(0, 1, 2))
        assert bool(red > 2 * blue) is known
        assert known or abs(red - blue) < 0.15 * red
    only_last = pixels * np.array([0, 0, 0, 1], np.float32)
    red, _, blue = render(only_last, bands=bands, levels=levels, stretch=DisplaySpec())[0, 16, 16].astype(int)
    assert red > 2 * blue  # red is the longest wavelength
