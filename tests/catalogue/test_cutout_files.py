"""Cutouts are written for other programs, and what is written is read again with equal pixels and labels."""

import csv
import json

import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from lensapp.core.catalogue.cutout_export_spec import CutoutExportSpec
from lensapp.core.data.flux_units import factor_of_zero_point
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.ingest.catalogue_match import Joiner
from lensapp.ingest.cutout import read_blocks
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.plan import make_plan
from lensapp.services.catalogue.cutouts import blocks
from lensapp.services.catalogue.cutouts.export import export_cutouts
from lensapp.storage.arrays import PlaneShape, create_planes, write_flux_scales, write_planes
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.workspace import Workspace
from support.small_surveys import pack_source

COUNT, SIDE, BANDS = 7, 12, ("g", "r", "i")
IDS = ["a/1", "a:1", "=cmd", "d4", "d5", "d6", "d7"]  # two of one name as files, one like a formula
ZERO_POINTS = 25.0 + np.arange(COUNT)[:, None] / 8 + np.arange(len(BANDS)) / 4


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """A workspace with a source that has labels, positions, units, orientation, noise maps and PSFs."""
    ws = Workspace.open(tmp_path_factory.mktemp("survey") / "workspace")
    rng = np.random.default_rng(3)
    pixels = rng.normal(0, 1, (COUNT, SIDE, SIDE, len(BANDS))).astype(np.float32)
    pixels[2, 0, :3] = np.nan
    labels = ["lens", "nonlens", None, "lens", "nonlens", "nonlens", "lens"]
    rows = [
        {
            "row": row, "candidate_id": IDS[row], "ra_deg": 150.0 + row / 10, "dec_deg": -2.0 + row / 10,
            "label": labels[row], "pixels_digest": f"{row:064x}",
            "properties": {"north_deg": 30.0, "east_left": row != 5},
        }
        for row in range(COUNT)
    ]  # fmt: skip
    pack_source(ws, "sky", pixels, rows, bands=BANDS, zero_point=None)
    packed = open_cutouts(ws, "sky")
    write_flux_scales(packed.folder, packed.packing, 0, np.vectorize(factor_of_zero_point)(ZERO_POINTS))
    shapes = [PlaneShape(word="rms", kind="noise", height=SIDE, width=SIDE)]
    shapes.append(PlaneShape(word="psf", kind="PSF", height=5, width=5))
    create_planes(packed.folder, packed.packing, shapes)
    beside = {
        shape.word: rng.uniform(1, 2, (COUNT, shape.height, shape.width, len(BANDS))).astype(np.float32)
        for shape in shapes
    }
    write_planes(packed.folder, 0, beside)
    return ws, pixels, labels, beside


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of two cutouts, so that every writer meets several, the last one smaller."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2 * 4 * SIDE * SIDE * len(BANDS))


def written(ws, out, *, of="sky", query=None, **values):
    spec = CutoutExportSpec.parse(values)
    return export_cutouts(ws, query={"of": [of], **(query or {})}, out=str(out), spec=spec)


def imported(path, **values):
    """The pixels and the columns that an import of `path` would store."""
    spec = IngestSpec.parse({"path": str(path), **values})
    plan, note = make_plan(spec), ChunkNote(0)
    parts, outcomes = [], []
    for found, pixels in read_blocks(plan.recipe, plan.candidates):
        outcomes += found
        parts.append(pixels.copy())
    columns = [
        Joiner(plan, spec).columns(row, *pair, note)
        for row, pair in enumerate(zip(plan.candidates, outcomes, strict=True))
    ]
    return plan, np.concatenate(parts), columns, outcomes


@pytest.mark.parametrize(
    ("ending", "axes"), [("zarr", "nchw"), ("zarr", "nhwc"), ("h5", "nchw"), ("npz", "nhwc"), ("npz", "nchw")]
)
def test_arrays_come_back_with_equal_pixels_labels_positions_and_units(survey, tmp_path, ending, axes):
    ws, pixels, labels, _ = survey
    out = tmp_path / f"set.{ending}"
    said = written(ws, out, axes=axes)
    assert (said["cutouts"], said["planes"]) == (COUNT, ["psf", "rms"])
    plan, again, columns, outcomes = imported(out, label_column="label")
    np.testing.assert_array_equal(again, pixels)
    assert plan.recipe.bands == BANDS
    assert plan.pixel_scale_arcsec == 0.2
    assert [row["candidate_id"] for row in columns] == IDS
    assert [row["label"] for row in columns] == labels
    np.testing.assert_array_equal([row["ra_deg"] for row in columns], 150.0 + np.arange(COUNT) / 10)
    factors = 10 ** (0.4 * (25.0 - ZERO_POINTS))
    np.testing.assert_allclose([one.flux_scale for one in outcomes], factors, rtol=1e-6)


def test_every_library_reads_its_own_file_with_axes_and_targets_stated(survey, tmp_path):
    ws, pixels, _, beside = survey
    for ending in ("zarr", "h5", "npz"):
        written(ws, tmp_path / f"set.{ending}")
    nchw, targets = pixels.transpose(0, 3, 1, 2), [1, 0, -1, 1, 0, 0, 1]
    store = zarr.open_group(tmp_path / "set.zarr", mode="r")
    table = pd.read_parquet(tmp_path / "set_metadata.parquet")
    np.testing.assert_array_equal(store["images"][...], nchw)
    np.testing.assert_array_equal(store["psf"][...], beside["psf"].transpose(0, 3, 1, 2))
    assert (store.attrs["axes"], store.attrs["bands"]) == ("NCHW", list(BANDS))
    assert (table["source_id"].tolist(), table["target"].tolist()) == (IDS, targets)
    with h5py.File(tmp_path / "set.h5") as file:
        np.testing.assert_array_equal(file["images"][...], nchw)
        np.testing.assert_array_equal(file["zero_point"][...].round(6), ZERO_POINTS)
        assert (file.attrs["axes"], file["target"][...].tolist()) == ("NCHW", targets)
        assert file["id"].asstr()[...].tolist() == IDS
    with np.load(tmp_path / "set.npz") as arrays:
        np.testing.assert_array_equal(arrays["images"], nchw)
        np.testing.assert_array_equal(arrays["rms"], beside["rms"].transpose(0, 3, 1, 2))
        assert (arrays["id"].tolist(), arrays["target"].tolist()) == (IDS, targets)
        assert json.loads(str(arrays["facts"]))["axes"] == "NCHW"


def test_a_subject_set_shows_volunteers_the_picture_alone(survey, tmp_path):
    ws, *_ = survey
    written(ws, tmp_path / "subjects", picture_side=64)
    with (tmp_path / "subjects" / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [name for name in rows[0] if not name.startswith("#")] == ["image"]
    assert {"#fits", "#id", "#ra", "#dec", "#label", "#target"} <= set(rows[0])
    assert rows[2]["#id"] == "'=cmd"
    assert len({row["image"].lower() for row in rows}) == COUNT
    with Image.open(tmp_path / "subjects" / rows[0]["image"]) as picture:
        assert (picture.format, picture.size) == ("JPEG", (72, 72))  # six times the cutout


def test_fits_files_of_a_subject_set_come_back_with_pixels_sky_units_and_planes(survey, tmp_path):
    ws, pixels, labels, beside = survey
    written(ws, tmp_path / "subjects")
    folder = tmp_path / "subjects"
    (folder / "d4.jpg").unlink()  # pictures beside them are another format
    for path in folder.glob("*.jpg"):
        path.unlink()
    plan, again, columns, outcomes = imported(
        folder, catalogue=str(folder / "manifest.csv"), label_column="#label", id_column="#fits"
    )
    order = [[row["#fits"] for row in csv.DictReader((folder / "manifest.csv").open())].index(c.files[0])
             for c in plan.candidates]  # fmt: skip
    np.testing.assert_array_equal(again, pixels[order])
    assert [row["label"] for row in columns] == [labels[row] for row in order]
    np.testing.assert_allclose([one.flux_scale for one in outcomes],
                               10 ** (0.4 * (25.0 - ZERO_POINTS[order])), rtol=1e-6)  # fmt: skip
    assert {shape.word for shape in plan.recipe.beside} == {"psf", "rms"}
    assert columns[0]["properties"]["north_deg"] == 30.0
    assert [row["properties"]["east_left"] for row in columns] == [row != 5 for row in order]
    with fits.open(folder / "d4.fits") as hdus:
        np.testing.assert_array_equal(hdus["R_RMS"].data, beside["rms"][3, ..., 1])
        sky = WCS(hdus["g"].header).pixel_to_world((SIDE - 1) / 2, (SIDE - 1) / 2)
        np.testing.assert_allclose([sky.ra.deg, sky.dec.deg], [150.3, -1.7], rtol=1e-12)


def test_a_selection_of_grades_and_scores_is_written_as_it_is_filtered(survey, tmp_path):
    ws, *_ = survey
    with pytest.raises(InvalidInput, match="No candidate passes"):
        written(ws, tmp_path / "a.npz", query={"grades": ["A"]})
    assert not list(tmp_path.iterdir())


def test_what_is_stopped_or_in_the_way_leaves_nothing_behind(survey, tmp_path):
    ws, *_ = survey
    for name in ("a.zarr", "a.h5", "a.npz", "folder"):
        with pytest.raises(JobCancelled):
            export_cutouts(
                ws, query={"of": ["sky"]}, out=str(tmp_path / name), spec=CutoutExportSpec(),
                should_stop=lambda: "stop",
            )  # fmt: skip
    assert not list(tmp_path.iterdir())
    (tmp_path / "folder").mkdir()
    for name, message in (("folder", "there already"), ("a.tar", "no known ending"), ("x/a.h5", "no folder")):
        with pytest.raises(InvalidInput, match=message):
            written(ws, tmp_path / name)
