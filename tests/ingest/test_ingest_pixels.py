"""Pixels as their files mean them: axes of one entry, rows of values, stored logarithms."""

import numpy as np
import pytest
from astropy.io import fits

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.cutout import read_blocks
from lensapp.ingest.plan import make_plan
from lensapp.ingest.preview import make_preview
from support.cutout_files import cutout, header, write_fits


def preview(path, **values):
    return make_preview(IngestSpec.parse({"path": str(path), **values}))


def stored(path, **values):
    plan = make_plan(IngestSpec.parse({"path": str(path), **values}))
    blocks = list(read_blocks(plan.recipe, plan.candidates))
    pixels = np.concatenate([block for _, block in blocks])
    return {candidate.candidate_id: pixels[row] for row, candidate in enumerate(plan.candidates)}


@pytest.mark.parametrize("axes", [(1, 1), (1,)])
def test_axes_of_one_entry_make_no_stack(tmp_path, axes):
    for number in range(3):
        write_fits(tmp_path / f"vlass{number}.fits", cutout(number).reshape(*axes, 8, 8), header(number))
    found = stored(tmp_path, bands=["S"])
    assert list(found) == ["vlass0", "vlass1", "vlass2"]
    assert np.array_equal(found["vlass1"][..., 0], cutout(1))


def test_planes_of_one_entry_are_bands_by_the_name_of_their_file(tmp_path):
    for band in "gr":
        write_fits(tmp_path / f"a_{band}.fits", cutout(ord(band))[None])
    assert preview(tmp_path).bands == ("g", "r")
    assert np.array_equal(stored(tmp_path, bands=["r", "g"])["a"][..., 0], cutout(ord("r")))


def test_an_axis_of_one_entry_between_others_is_left_out(tmp_path):
    cube = np.stack([cutout(1), cutout(2)])
    write_fits(tmp_path / "a.fits", cube[:, None])
    assert np.array_equal(stored(tmp_path, bands=["g", "r"])["a"], np.moveaxis(cube, 0, -1))
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(cube[:, None])]).writeto(
        tmp_path / "a.fits", overwrite=True
    )
    assert preview(tmp_path, bands=["g", "r"]).accepted == 1


def test_a_row_of_values_beside_the_image_is_no_image(tmp_path):
    for band in "gr":
        image = fits.PrimaryHDU(cutout(ord(band)), header(FILTER=band))
        table = fits.BinTableHDU.from_columns([fits.Column("ALLSKY", "E", array=[1.0])])
        fits.HDUList([image, fits.ImageHDU(np.ones(32, np.float32)), table]).writeto(
            tmp_path / f"frame-{band}-1.fits"
        )
    found = preview(tmp_path)
    assert (found.bands, found.accepted, found.rejected) == (("g", "r"), 1, [])


@pytest.mark.parametrize("bitpix", [-32, 16])
def test_pixels_stored_as_asinh_are_linear_flux(tmp_path, bitpix):
    # Waters et al. 2020: pixel = 2.5 log10(e) asinh((flux - BOFFSET) / (2 BSOFTEN))
    flux = cutout(1).astype(np.float64) * 1000
    offset, softening = 137.5, 210.25
    codes = 2.5 * np.log10(np.e) * np.arcsinh((flux - offset) / (2 * softening))
    hdu = fits.PrimaryHDU(codes.astype(np.float32), header(BOFFSET=offset, BSOFTEN=softening))
    if bitpix == 16:
        hdu.scale("int16", bscale=codes.max() / 32000)
    hdu.writeto(tmp_path / "a.fits")
    step = 1e-4 if bitpix < 0 else 1e-3
    assert np.allclose(stored(tmp_path, bands=["r"])["a"][..., 0], flux, rtol=step, atol=0.2)


@pytest.mark.parametrize("edit", ["no fill", "zeros", "words"])
def test_files_without_their_last_fill_or_with_more_behind_it_are_read(tmp_path, edit):
    whole = write_fits(tmp_path / "a.fits", cutout(1), header()).read_bytes()
    edited = {"no fill": whole[: 2880 + 8 * 8 * 4], "zeros": whole + bytes(2880), "words": whole + b"more"}
    (tmp_path / "a.fits").write_bytes(edited[edit])
    assert np.array_equal(stored(tmp_path, bands=["r"])["a"][..., 0], cutout(1))
    (tmp_path / "b.fits").write_bytes(whole[: 2880 + 8 * 8 * 4 - 1])
    assert [rejection.code for rejection in preview(tmp_path, bands=["r"]).rejected] == ["unreadable"]
