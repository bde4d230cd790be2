"""Positions that headers state without a WCS: RA and DEC in any unit, but not where a telescope pointed."""

import numpy as np
import pytest
from astropy.io import fits

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.cutout import prepare
from lensapp.ingest.formats.fits_plain import Cards
from lensapp.ingest.plan import make_plan
from lensapp.ingest.preview import make_preview
from support.cutout_files import SIDE, cutout, header, write_fits

M31 = (10.684708, 41.26875)  # SIMBAD: 00 42 44.33 +41 16 07.5


def stated(folder, **cards):
    """Return what an import makes of the header of one file: RA and Dec, or None."""
    head = fits.Header()
    for keyword, value in cards.items():
        head[keyword] = value
    write_fits(folder / "one.fits", cutout(), head)
    plan = make_plan(IngestSpec(path=str(folder / "one.fits"), bands=("g",)))
    shape = (SIDE, SIDE)
    return prepare(
        plan.recipe, plan.candidates[0], np.empty((*shape, 1), np.float32), np.empty(shape, np.float32)
    ).stated


@pytest.mark.parametrize(
    "cards",
    [
        {"RA": 10.684708, "DEC": 41.26875},
        {"RA": ("00:42:44.33", "[HH:MM:SS.SS] target"), "DEC": ("+41:16:07.5", "[DD:MM:SS.S] target")},
        {"OBJRA": "0h42m44.33s", "OBJDEC": "+41d16m07.5s"},
        {"OBJCTRA": "00 42 44.33", "OBJCTDEC": "+41 16 07.5"},
        {"RA_TARG": (10.684708 / 15, "right ascension (hours)"), "DEC_TARG": (41.26875, "(deg)")},
        {"RA": (0.18648333, "radians"), "DEC": (0.72027556, "radians")},
        {"RA_OBJ": "10.684708", "DEC_OBJ": "41.26875", "RA": 9.0, "DEC": 40.0},
        {"RA": 10.684708, "DEC": 41.26875, "EQUINOX": "J2000.0"},
        # B1950, to an arcsecond; the precession to J2000 is two thirds of a degree
        {"RA": "00:40:00.09", "DEC": "+40:59:42.8", "EQUINOX": 1950.0, "RADESYS": "FK4"},
    ],
)
def test_keywords_of_a_header_without_a_wcs_are_its_position(tmp_path, cards):
    assert stated(tmp_path, **cards) == pytest.approx(M31, abs=4e-4)


@pytest.mark.parametrize(
    "cards",
    [
        {"RA": 400.0, "DEC": 41.0},
        {"RA": 10.0, "DEC": -91.0},
        {"RA": 0.0, "DEC": 0.0},
        {"RA": "unknown", "DEC": "unknown"},
        {"RA": True, "DEC": True},
        {"RA": 10.0},
        {"CRVAL1": 10.0, "CRVAL2": 41.0},
    ],
)
def test_what_is_out_of_range_or_half_a_position_is_none(tmp_path, cards):
    assert stated(tmp_path, **cards) is None


def write_exposures(folder, *, count=6, **keywords):
    """Files with an empty primary header of keywords, of which those that are callable tell of each file."""
    folder.mkdir()
    for index in range(count):
        primary = fits.PrimaryHDU()
        for keyword, value in keywords.items():
            primary.header[keyword] = value(index) if callable(value) else value
        hdus = fits.HDUList([primary, fits.ImageHDU(cutout(index), name="SCI")])
        hdus.writeto(folder / f"exposure7_{index}.fits")
    return folder


def preview_of(folder, **values):
    return make_preview(IngestSpec.parse({"path": str(folder), "bands": ("g",)} | values))


def test_the_header_of_the_file_counts_where_the_image_is_an_extension(tmp_path):
    folder = write_exposures(tmp_path / "cut", RA=lambda index: 10.0 + index / 100, DEC=41.0)
    found = preview_of(folder)
    assert found.position_keywords == ("RA", "DEC")
    assert found.positions == {"catalogue": 0, "wcs": 0, "keyword": 6, "none": 0}
    assert preview_of(folder, header_positions="wcs").positions["none"] == 6
    assert preview_of(folder, header_positions="none").positions["none"] == 6


def test_a_position_that_all_files_share_is_where_the_telescope_pointed(tmp_path):
    folder = write_exposures(tmp_path / "cut", RA=10.0, DEC=41.0)
    found = preview_of(folder)
    assert (found.shared_keywords, found.positions["none"]) == (("RA", "DEC"), 6)
    assert any("where the telescope pointed, not where each object lies" in text for text in found.warnings)


def test_positions_of_the_objects_are_preferred_to_those_that_files_share(tmp_path):
    keywords = {"RA_TARG": 10.0, "DEC_TARG": 41.0, "RA": lambda index: 10.0 + index / 100, "DEC": 41.0}
    found = preview_of(write_exposures(tmp_path / "cut", **keywords))
    assert (found.position_keywords, found.shared_keywords) == (("RA", "DEC"), ())


def test_keywords_tell_where_cutouts_kept_the_wcs_of_their_tile(tmp_path):
    for index in range(6):
        head = header(150.0, 2.0, RA=150.0 + index / 100, DEC=2.0)
        head["CRPIX1"] = 5000.0
        write_fits(tmp_path / f"o{index}.fits", cutout(index), head)
    found = preview_of(tmp_path)
    assert found.positions["keyword"] == 6
    assert "RA and DEC of the headers are read instead" in found.warnings[0]


@pytest.mark.parametrize("away_deg", [0.0, 5.0])
def test_keywords_within_one_cutout_tell_no_more_than_the_wcs_that_all_share(tmp_path, away_deg):
    for index in range(6):  # less than 0.3 arcsec apart in all, cutouts are 1.6 wide
        keywords = {"RA": 150.0 + away_deg + index * 1e-4 / SIDE, "DEC": 2.0}
        write_fits(tmp_path / f"o{index}.fits", cutout(index), header(150.0, 2.0, **keywords))
    found = preview_of(tmp_path)
    assert (found.position_keywords, found.shared_keywords) == ((), ("RA", "DEC"))
    assert found.positions["none"] == 6
    assert "positions come from the catalogue only" in found.warnings[0]


def test_a_catalogue_is_joined_by_positions_of_keywords(tmp_path):
    folder = write_exposures(tmp_path / "cut", RA=lambda index: 10.0 + index / 100, DEC=41.0)
    table = tmp_path / "truth.csv"
    table.write_text("name,ra,dec,is_lens\nother,10.02,41.0,1\n")
    found = preview_of(folder, catalogue=str(table), join="position", label_column="is_lens")
    assert (found.matched, found.labels["lens"]) == (1, 1)
    assert found.positions == {"catalogue": 1, "wcs": 0, "keyword": 5, "none": 0}


def test_the_comment_of_a_card_begins_after_its_value():
    cards = Cards(
        b"".join(
            text.ljust(80) for text in (b"A       = 'a / b''s' / of (deg)", b"B       = 1.5", b"C = 2 / no")
        )
    )
    assert [cards.comment(keyword) for keyword in "ABX"] == ["of (deg)", "", ""]
