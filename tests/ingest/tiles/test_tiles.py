"""Positions of a catalogue are cut out of the tiles of a survey, packed or left where they are."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.table import Table
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.tiles.survey_tiles import DEC, RA, make_survey, projection, write_tile
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, JobCancelled, StorageError
from lensapp.ingest.importer import run_import
from lensapp.ingest.preview import make_preview
from lensapp.storage import sources
from lensapp.storage.cutouts import open_cutouts, source_unit
from lensapp.storage.tiles.resampling import Affine, resample
from lensapp.storage.workspace import Workspace

SIZE = 24


@pytest.fixture
def workspace(tmp_path):
    return Workspace.open(tmp_path / "ws")


def spec_of(survey, **values):
    usual = {"path": str(survey.folder), "layout": "tiles", "catalogue": str(survey.catalogue), "size": SIZE}
    return IngestSpec.parse(usual | values)


def columns_of(workspace, name):
    source = sources.get_source(workspace.database, name)
    names = ("candidate_id", "row", "ra_deg", "dec_deg", "masked_fraction", "properties")
    return sources.cutout_columns(workspace.database, [source.id], columns=names)


def by_cutout2d(survey, tile, ra, dec, size=SIZE):
    position = SkyCoord(ra, dec, unit="deg")
    return Cutout2D(
        survey.pixels[tile], position, size, wcs=survey.wcs[tile], mode="partial", fill_value=np.nan
    )


def covering_tiles(survey, band, ra, dec):
    """Return the tiles of a band with the position, the one to whose centre it is nearest first."""
    apart = {}
    for name in survey.pixels:
        x, y = survey.wcs[name].all_world2pix(ra, dec, 0)
        height, width = survey.pixels[name].shape
        if name.split(".")[0].endswith(f"_{band}") and -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5:
            apart[name] = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    return sorted(apart, key=apart.get)


@pytest.mark.parametrize("virtual", [False, True])
@pytest.mark.parametrize("ending", [".fits", ".fits.fz", ".fits.gz"])
def test_cutouts_are_those_of_astropy(tmp_path, workspace, ending, virtual):
    survey = make_survey(tmp_path, ending=ending)
    table = Table.read(survey.catalogue)
    result = run_import(workspace, name="survey", spec=spec_of(survey, virtual=virtual))
    columns = columns_of(workspace, "survey")
    pixels = open_cutouts(workspace, "survey").read(columns["row"])
    covered = {
        str(row["id"]): [covering_tiles(survey, band, row["ra"], row["dec"]) for band in "gr"]
        for row in table
    }
    assert set(columns["candidate_id"]) == {name for name, tiles in covered.items() if all(tiles)}
    assert result["bands"] == ["g", "r"]
    assert len(result["rejected"]) == len(table) - result["accepted"] > 0
    for index, name in enumerate(columns["candidate_id"]):
        ra, dec = columns["ra_deg"][index], columns["dec_deg"][index]
        for band in (0, 1):
            expected = by_cutout2d(survey, covered[name][band][0], ra, dec).data
            np.testing.assert_array_equal(pixels[index, ..., band], expected)
    masked = np.isnan(pixels).mean((1, 2, 3))
    np.testing.assert_allclose(columns["masked_fraction"], masked)
    assert 0 < (masked > 0).sum() < len(masked)
    assert any("beyond the edge" in text for text in result["warnings"])


def test_virtual_and_packed_sources_are_alike(tmp_path, workspace):
    survey = make_survey(tmp_path)
    run_import(workspace, name="packed", spec=spec_of(survey))
    run_import(workspace, name="virtual", spec=spec_of(survey, virtual=True))
    packed, virtual = (columns_of(workspace, name) for name in ("packed", "virtual"))
    for name in ("candidate_id", "row", "ra_deg", "dec_deg"):
        np.testing.assert_array_equal(packed[name], virtual[name])
    for calibrated in (False, True):
        both = [open_cutouts(workspace, name, calibrated=calibrated) for name in ("packed", "virtual")]
        np.testing.assert_array_equal(*(one.read(packed["row"][::-1]) for one in both))
    units = [source_unit(workspace, sources.get_source(workspace.database, n)) for n in ("packed", "virtual")]
    for unit in units:
        np.testing.assert_allclose(unit.zero_points, 27.0, atol=1e-6)
    folder = workspace.cutouts_folder("virtual")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 100 * len(packed["row"]) + 10_000


def test_properties_of_the_catalogue_and_which_way_is_north_are_kept(tmp_path, workspace):
    survey = make_survey(tmp_path)
    run_import(workspace, name="survey", spec=spec_of(survey))
    columns, table = columns_of(workspace, "survey"), Table.read(survey.catalogue)
    magnitudes = dict(zip(table["id"], table["mag_i"], strict=True))
    for name, properties in zip(columns["candidate_id"], columns["properties"], strict=True):
        assert properties["mag_i"] == pytest.approx(magnitudes[name])
        # CD = scale R(20°) rotates the axes of pixels: by hand north is 20° clockwise of up.
        assert properties["north_deg"] == pytest.approx(-20.0, abs=0.2)
        assert properties["east_left"]
        assert len(properties["files"]) == 2


def test_a_parent_projection_holds_to_a_millionth_of_a_pixel(tmp_path, workspace):
    survey = make_survey(tmp_path)
    run_import(workspace, name="survey", spec=spec_of(survey, virtual=True))
    columns, opened = columns_of(workspace, "survey"), open_cutouts(workspace, "survey")
    for index, row in enumerate(columns["row"].tolist()):
        header = opened.header_of(row, band=1)
        tile = columns["properties"][index]["files"][1]
        expected = by_cutout2d(survey, tile, columns["ra_deg"][index], columns["dec_deg"][index]).wcs
        x, y = WCS(header).all_world2pix(columns["ra_deg"][index] + 0.0005, columns["dec_deg"][index], 0)
        x2, y2 = expected.all_world2pix(columns["ra_deg"][index] + 0.0005, columns["dec_deg"][index], 0)
        np.testing.assert_allclose((x, y), (x2, y2), rtol=0, atol=1e-6)


def test_tpv_and_galactic_frames_are_followed(tmp_path, workspace):
    rng = np.random.default_rng(0)
    header = projection(side=200, scale_arcsec=0.25, sip=False)
    header["CTYPE1"], header["CTYPE2"] = "RA---TPV", "DEC--TPV"
    header["PV1_1"], header["PV2_1"], header["PV1_4"] = 1.001, 0.999, 1e-2
    pixels = rng.normal(size=(200, 200)).astype(np.float32)
    write_tile(tmp_path / "tiles/tpv_g.fits", header, pixels)
    centre = SkyCoord(RA, DEC, unit="deg").galactic
    galactic = projection(side=200, scale_arcsec=0.25, sip=False, ra=centre.l.deg, dec=centre.b.deg)
    galactic["CTYPE1"], galactic["CTYPE2"] = "GLON-TAN", "GLAT-TAN"
    del galactic["RADESYS"]
    write_tile(tmp_path / "tiles/tpv_r.fits", galactic, pixels)
    Table({"id": ["a"], "ra": [RA + 0.001], "dec": [DEC + 0.002]}).write(tmp_path / "c.csv")
    spec = IngestSpec.parse(
        {"path": str(tmp_path / "tiles"), "layout": "tiles", "catalogue": str(tmp_path / "c.csv"), "size": 16}
    )
    run_import(workspace, name="s", spec=spec)
    pixels_read = open_cutouts(workspace, "s").read(np.array([0]))[0]
    position = SkyCoord(RA + 0.001, DEC + 0.002, unit="deg")
    expected = Cutout2D(pixels, position, 16, wcs=WCS(header)).data
    np.testing.assert_array_equal(pixels_read[..., 0], expected)


def gaussians(header, side, positions, *, sigma_arcsec, flux=1000.0, scale_arcsec):
    """Return an image of round sources, integrated finely over each pixel."""
    y, x = np.mgrid[:side, :side].astype(float)
    image, sigma = np.zeros((side, side)), sigma_arcsec / scale_arcsec
    for ra, dec in positions:
        x0, y0 = WCS(header).all_world2pix(ra, dec, 0)
        image += flux * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 2 / sigma**2) / (2 * np.pi * sigma**2)
    return image.astype(np.float32)


@pytest.mark.parametrize("rotation", [20.0, 57.0])
def test_bands_of_other_pixels_are_aligned_and_keep_their_flux(tmp_path, workspace, rotation):
    positions = [(RA, DEC), (RA + 0.003, DEC - 0.004)]
    fine = projection(side=600, scale_arcsec=0.1, sip=False)
    coarse = projection(side=250, scale_arcsec=0.3, sip=False, rotation_deg=rotation, shift=(0.3, -0.2))
    for name, header, side, scale in (("VIS", fine, 600, 0.1), ("J", coarse, 250, 0.3)):
        image = gaussians(header, side, positions, sigma_arcsec=0.45, scale_arcsec=scale)
        write_tile(tmp_path / f"tiles/t_{name}.fits", header, image)
    table = Table(rows=[(f"o{n}", *p) for n, p in enumerate(positions)], names=("id", "ra", "dec"))
    table.write(tmp_path / "c.csv")
    values = {"path": str(tmp_path / "tiles"), "layout": "tiles", "catalogue": str(tmp_path / "c.csv")}
    for virtual in (False, True):
        spec = IngestSpec.parse(values | {"size": 80, "virtual": virtual, "bands": ("VIS", "J")})
        result = run_import(workspace, name=f"v{virtual}", spec=spec)
        assert any("J: brought to the pixels of VIS" in text for text in result["warnings"])
        pixels = open_cutouts(workspace, f"v{virtual}").read(np.array([0, 1]))
        flux = pixels.sum((1, 2))
        np.testing.assert_allclose(flux, 1000.0, rtol=1e-3)
        y, x = np.mgrid[:80, :80]
        for image in pixels:
            centres = [
                (np.average(x, weights=image[..., b]), np.average(y, weights=image[..., b])) for b in (0, 1)
            ]
            np.testing.assert_allclose(centres[0], centres[1], atol=0.03)
    asked = {"size": 40, "pixel_scale_arcsec": 0.2, "bands": ("VIS", "J"), "virtual": True}
    coarse_spec = IngestSpec.parse(values | asked)
    run_import(workspace, name="coarse", spec=coarse_spec)
    opened = open_cutouts(workspace, "coarse")
    flux = opened.read(np.array([0, 1])).sum((1, 2))
    np.testing.assert_allclose(flux, 1000.0, rtol=1e-3)
    columns = columns_of(workspace, "coarse")
    x, y = WCS(opened.header_of(0, band=0)).all_world2pix(columns["ra_deg"][0], columns["dec_deg"][0], 0)
    image = opened.read(np.array([0]))[0, ..., 0]
    rows, lines = np.mgrid[:40, :40]
    np.testing.assert_allclose(
        (x, y), (np.average(lines, weights=image), np.average(rows, weights=image)), atol=0.02
    )


@settings(deadline=None, max_examples=25)
@given(xx=st.floats(0.2, 4.0), yy=st.floats(0.2, 4.0), x=st.floats(28.0, 32.0), y=st.floats(28.0, 32.0))
def test_parallel_grids_share_every_pixel_of_flux(xx, yy, x, y):
    image = np.zeros((61, 61), np.float32)
    image[27:34, 27:34] = np.arange(49).reshape(7, 7)
    size = int(np.ceil(14 / min(xx, yy))) + 2
    reach = (size / 2) * np.array([xx, yy]) + 1
    padded = np.pad(image, int(np.ceil(max(reach))) + 2)
    shift = (len(padded) - 61) / 2
    square = resample(padded, Affine(x + shift, y + shift, xx, 0.0, 0.0, yy), size)
    np.testing.assert_allclose(np.nansum(square, dtype=float), image.sum(dtype=float), rtol=1e-5)


def test_bad_tiles_and_positions_are_refused_with_their_reason(tmp_path, workspace):
    survey = make_survey(tmp_path)
    (survey.folder / "broken_g.fits").write_bytes(b"SIMPLE  = nonsense")
    fits.PrimaryHDU(np.ones((50, 50), np.float32)).writeto(survey.folder / "flat_g.fits")
    (survey.folder / "field1_r.fits").unlink()
    table = Table.read(survey.catalogue)
    table["id"][1] = table["id"][0]
    table.write(survey.catalogue, overwrite=True)
    result = run_import(workspace, name="s", spec=spec_of(survey))
    reasons = {one["file"]: one["reason"] for one in result["rejected"]}
    assert reasons["flat_g.fits"].startswith("no_wcs")
    assert reasons["broken_g.fits"].startswith("unreadable")
    codes = {one["reason"].split(":")[0] for one in result["rejected"]}
    assert {"off_tiles", "missing_band"} <= codes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"catalogue": None}, "Tiles need a catalogue"),
        ({"size": None}, "Say how large"),
        ({"size_arcsec": 6.0}, "Give one of them"),
        ({"bands": ("z",)}, "no tiles of band z"),
        ({"size": None, "size_arcsec": 0.5}, "Choose another size"),
    ],
)
def test_what_cannot_be_cut_out_is_said(tmp_path, workspace, values, message):
    survey = make_survey(tmp_path, objects=5)
    with pytest.raises(InvalidInput, match=message):
        run_import(workspace, name="s", spec=spec_of(survey, **values))
    assert sources.list_sources(workspace.database) == []


def test_a_size_in_arcseconds_is_that_many_pixels(tmp_path):
    survey = make_survey(tmp_path)
    preview = make_preview(spec_of(survey, size=None, size_arcsec=6.0))
    assert preview.shape == (24, 24)
    assert preview.pixel_scale_arcsec == pytest.approx(0.25, rel=1e-3)


def test_a_dry_run_of_large_images_and_many_positions_proposes_the_layout_of_tiles(tmp_path):
    survey = make_survey(tmp_path, bands=("g",), side=520, objects=30)
    for layout, hints in (("auto", 1), ("tiles", 0)):
        values = {"layout": layout, "bands": ("g",), "size": None if hints else SIZE}
        preview = make_preview(spec_of(survey, **values))
        assert sum("choose the layout of tiles" in text for text in preview.warnings) == hints


def test_a_virtual_import_goes_on_where_it_was_stopped(tmp_path, workspace, monkeypatch):
    monkeypatch.setattr("lensapp.ingest.tiles.virtual.ROWS_AT_ONCE", 10)
    survey = make_survey(tmp_path)
    spec = spec_of(survey, virtual=True)
    with pytest.raises(JobCancelled):
        run_import(workspace, name="s", spec=spec, should_stop=lambda: "stop")
    assert sources.count_cutouts(workspace.database, sources.list_sources(workspace.database)[0].id) == 10
    run_import(workspace, name="s", spec=spec)
    run_import(workspace, name="whole", spec=spec)
    for name in ("candidate_id", "row", "ra_deg"):
        first, second = columns_of(workspace, "s")[name], columns_of(workspace, "whole")[name]
        np.testing.assert_array_equal(first, second)


def test_threads_read_compressed_tiles_at_once(tmp_path, workspace):
    survey = make_survey(tmp_path, ending=".fits.fz")
    run_import(workspace, name="s", spec=spec_of(survey, virtual=True))
    cutouts = copy.deepcopy(open_cutouts(workspace, "s"))
    rows = columns_of(workspace, "s")["row"]
    expected = cutouts.read(rows)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda row: cutouts.read(np.array([row]))[0], np.tile(rows, 3)))
    np.testing.assert_array_equal(parts, np.tile(expected, (3, 1, 1, 1)))


def test_a_tile_that_is_gone_or_changed_is_named(tmp_path, workspace):
    survey = make_survey(tmp_path, bands=("g",))
    run_import(workspace, name="s", spec=spec_of(survey, virtual=True))
    tile = survey.folder / "field0_g.fits"
    kept = tile.read_bytes()
    tile.write_bytes(kept + bytes(2880))
    with pytest.raises(StorageError, match="has changed"):
        open_cutouts(workspace, "s").read(np.arange(5))
    tile.unlink()
    with pytest.raises(StorageError, match=r"field0_g\.fits is gone"):
        open_cutouts(workspace, "s").read(np.arange(5))
    tile.write_bytes(kept)
    assert open_cutouts(workspace, "s").read(np.arange(5)).shape == (5, SIZE, SIZE, 1)
