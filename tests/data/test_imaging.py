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
    levels_of_sample,
    luminance_composite,
    midtones,
    render,
    shown_bands,
    sprite_sheet,
    usual_display,
)
from lensapp.core.data.zscale import zscale_limits
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.inspect.grades import ABCX, GRADES
from support.gallery_survey import blobs

few = settings(max_examples=20, deadline=None)
GRI = ("g", "r", "i")


@few
@given(exponent=st.integers(-13, 5), stretch=st.sampled_from([*STRETCHES]))
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


def test_eight_bit_pictures_are_shown_as_they_are_by_default_and_flux_is_not() -> None:
    pixels = np.zeros((1, 2, 3, 3), np.float32)
    pixels[0, 1, 0] = (12, 0, 255)  # the upper left pixel: red, green and blue, of the bands B, G, R
    pixels[0, 0, 2] = (200, 100, 7)
    pixels[0, 0, 0] = np.nan
    bands = ("b", "g", "r")
    levels = levels_of_sample(pixels, in_flux=False, of_pictures=True)
    picture = render(pixels, bands=bands, levels=levels, stretch=usual_display(levels))
    linear = usual_display(levels).replaced(stretch="linear")  # between the same black and white
    assert np.abs(render(pixels, bands=bands, levels=levels, stretch=linear).astype(int) - picture).max() <= 1
    assert picture[0, 0, 0].tolist() == [255, 0, 12]
    assert picture[0, 1, 2].tolist() == [7, 100, 200]
    assert picture[0, 0, 1].tolist() == [0, 0, 0]
    assert (picture[0, 1, 0] == MASKED_RGB).all()
    assert (render(pixels, bands=bands, levels=levels) == picture).all()
    assert (render(pixels, bands=bands, levels=levels, stretch=DisplaySpec(stretch="sqrt")) != picture).any()
    flux = blobs(2)
    of_flux = levels_of_sample(flux, in_flux=False)
    soft = render(flux, bands=GRI, levels=of_flux, stretch=DisplaySpec(stretch="soft"))
    for display in (None, DisplaySpec(stretch="given")):
        assert (render(flux, bands=GRI, levels=of_flux, stretch=display) == soft).all()


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
    display = DisplaySpec(stretch="lupton", black=0)
    red, green, blue = render(pixels, bands=GRI, stretch=display, levels=levels)[0, 0, 0].tolist()
    assert red == 255
    assert (green, blue) == (64, 32)


def scene(seed: int) -> np.ndarray:
    """Return a cutout (y, x, band) of sky, a red galaxy and a blue arc, in units of the noise."""
    y, x = np.mgrid[:41, :41] - 20
    galaxy = 300 * np.exp(-np.hypot(x, y) / 3)
    arc = 80 * np.exp(-((np.hypot(x, y) - 12) ** 2) / 4) * (x > 0)
    noise = np.random.default_rng(seed).normal(size=(41, 41, 3))
    return galaxy[..., None] * [0.3, 0.7, 1.0] + arc[..., None] * [1.0, 0.3, 0.1] + noise


@pytest.mark.parametrize("stretch", ["lupton", "soft"])
def test_lupton_is_that_of_astropy_and_the_soft_one_differs_only_where_that_one_clips(stretch: str) -> None:
    from astropy.visualization import make_lupton_rgb

    gri, soft, white = scene(1), 2.0, 320.0
    levels = Levels(np.zeros(3), np.ones(3), np.ones(3))
    display = DisplaySpec(stretch=stretch, black=0, softening=soft, white=white)
    picture = render(gri[None].astype(np.float32), bands=GRI, stretch=display, levels=levels)[0]
    # astropy's curve is asinh(Q I / s) of 0.1 / asinh(Q / 10): these make it ours
    bend = 10 * np.sinh(0.1 * np.arcsinh(white / soft))
    red, green, blue = np.moveaxis(gri[::-1, :, ::-1], -1, 0)
    theirs = make_lupton_rgb(red, green, blue, Q=bend, stretch=soft * bend).astype(int)
    intensity = gri[::-1].mean(-1)
    unclipped = (theirs.max(-1) < 250) & (intensity > 0)
    compared = unclipped if stretch == "soft" else intensity > 0
    assert 0.4 < compared.mean() < 1
    assert np.abs(picture - theirs)[compared].max() <= 1


def test_a_bright_blue_arc_pales_and_keeps_its_shape_where_lupton_makes_it_a_disc() -> None:
    flux = np.linspace(60, 600, 64, dtype=np.float32)
    arc = np.stack([flux, 0.05 * flux, 0.02 * flux], axis=-1).reshape(1, 1, 64, 3)
    levels = Levels(np.zeros(3), np.ones(3), np.full(3, 30.0))
    burnt, pale = (
        render(arc, bands=GRI, stretch=DisplaySpec(stretch=name), levels=levels)[0, 0].astype(int)
        for name in ("lupton", "soft")
    )
    assert len(np.unique(burnt[32:], axis=0)) <= 2
    assert len(np.unique(pale[32:], axis=0)) >= 20
    assert (np.diff(pale.sum(-1)) >= -2).all()
    assert (pale[:, 2] >= pale[:, 0]).all()  # blue is the brightest all the same


def test_the_core_of_a_bright_cutout_is_not_burnt_and_faint_cutouts_share_one_white() -> None:
    y, x = np.mgrid[:64, :64] - 32
    profile = np.exp(-np.hypot(x, y) / 4)[..., None]
    pixels = (np.array([5.0, 50.0, 5000.0])[:, None, None, None] * profile).astype(np.float32)
    levels = Levels(np.zeros(1), np.ones(1), np.full(1, 20.0))
    together = render(pixels, bands=("r",), stretch=DisplaySpec(), levels=levels)
    assert [(picture == 255).mean() < 0.003 for picture in together[..., 0]] == [True] * 3
    assert together[2].max() == 255
    assert (together[0].astype(int) <= together[1]).all()
    assert (render(pixels[:1], bands=("r",), stretch=DisplaySpec(), levels=levels) == together[0]).all()
    burnt = render(pixels[2:], bands=("r",), stretch=DisplaySpec(stretch="lupton"), levels=levels)
    assert (burnt == 255).mean() > 0.05


@pytest.mark.parametrize(
    ("level", "midtone", "expected"),
    [
        (0.0, 0.3, 0.0),
        (1.0, 0.3, 1.0),
        (0.3, 0.3, 0.5),
        (0.5, 0.25, 0.75),  # -0.375 / -0.5
        (0.2, 0.5, 0.2),
        (0.1, 0.01, 0.099 / 0.108),
    ],
)
def test_the_midtones_transfer_function_has_the_values_worked_by_hand(
    level: float, midtone: float, expected: float
) -> None:
    assert midtones(np.array(level), midtone) == pytest.approx(expected, abs=1e-12)


def test_mtf_gives_the_sky_its_brightness_and_black_lies_2_8_noises_below() -> None:
    levels = Levels(np.full(1, 7.0), np.full(1, 2.0), np.full(1, 50.0))
    pixels = np.array([7.0, 7.0 - 2 * 2.8, 7.0 + 4 * 50], np.float32).reshape(1, 1, 3, 1)
    display = DisplaySpec(stretch="mtf", background=0.2)
    assert render(pixels, bands=("VIS",), stretch=display, levels=levels)[0, 0, :, 0].tolist() == [51, 0, 255]


EUCLID = ("VIS", "NIR_Y", "NIR_J", "NIR_H")


@pytest.mark.parametrize("stretch", STRETCHES)
def test_the_luma_of_a_luminance_composite_is_what_vis_alone_shows(stretch: str) -> None:
    sharp, noise = scene(2)[..., :1], np.random.default_rng(3).normal(size=(41, 41, 3))
    pixels = np.concatenate([sharp, 5 * scene(4) + noise], axis=-1)[None].astype(np.float32)
    levels = estimate_levels(pixels)
    display = DisplaySpec(stretch=stretch)
    picture = render(pixels, bands=EUCLID, stretch=display, levels=levels)[0]
    alone = DisplaySpec(stretch=stretch, rgb=("VIS",))
    vis = render(pixels, bands=EUCLID, stretch=alone, levels=levels)[0, ..., 0].astype(int)
    luma = Image.fromarray(picture).convert("L", matrix=(0.2126, 0.7152, 0.0722, 0))
    assert np.abs(np.asarray(luma).astype(int) - vis).max() <= 1
    assert (picture.max(-1).astype(int) - picture.min(-1)).max() > 40  # and there is colour


def test_euclid_is_shown_with_vis_as_luminance_unless_other_colours_are_named() -> None:
    assert shown_bands(EUCLID, DisplaySpec()) == ((3, 2, 1), 0)
    assert shown_bands(EUCLID, DisplaySpec(luminance="none")) == (choose_rgb(EUCLID), None)
    assert shown_bands(EUCLID, DisplaySpec(rgb=("VIS",))) == ((0,), None)
    assert shown_bands(EUCLID, DisplaySpec(rgb=("NIR_H", "NIR_Y"), luminance="VIS")) == ((3, 1), 0)
    assert shown_bands(GRI, DisplaySpec()) == ((2, 1, 0), None)
    assert shown_bands(GRI, DisplaySpec(luminance="r")) == ((2, 1, 0), 1)
    assert luminance_composite(("Y", "VIS", "H")) == ((2, 0), 1)
    assert luminance_composite(("VIS", "H")) is None
    with pytest.raises(BandMismatch, match="made from z"):
        shown_bands(GRI, DisplaySpec(luminance="z"))


def test_masked_pixels_of_a_composite_show_what_is_known() -> None:
    pixels = np.full((1, 4, 4, 4), 30.0, np.float32)
    pixels[0, 0, :, 0] = np.nan  # no luminance: the colours' own
    pixels[0, 1, :, 1:] = np.nan  # no colours: grey
    pixels[0, 2] = np.nan
    levels = Levels(np.zeros(4), np.ones(4), np.array([60.0, 90.0, 40.0, 20.0]))
    both, colours, vis = (
        render(pixels, bands=EUCLID, stretch=DisplaySpec(rgb=rgb), levels=levels)[0, ::-1]
        for rgb in ((), ("NIR_H", "NIR_J", "NIR_Y"), ("VIS",))
    )
    assert (both[0] == colours[0]).all()
    assert (both[1] == vis[1]).all()
    assert (both[2] == MASKED_RGB).all()
    assert (both[3] != colours[3]).any()


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
