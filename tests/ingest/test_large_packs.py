"""Zarr stores of both versions are read with their tables; large packs by blocks, hostile ones not at all."""

import json
import pickle

import h5py
import numcodecs
import numpy as np
import pandas as pd
import pytest
import zarr

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.cutout import read_blocks
from lensapp.ingest.formats import array_files
from lensapp.ingest.formats.array_files import ArrayFile
from lensapp.ingest.formats.packs import blocks
from lensapp.ingest.plan import make_plan
from lensapp.ingest.refusals import Refused

COUNT = 20
PIXELS = np.random.default_rng(1).normal(0, 1, (COUNT, 9, 9, 3)).astype(np.float32)


def write_store(path, *, version=3, pixels=PIXELS, table=True):
    """A store as Cutana writes one: images, and a table with a row for each beside it."""
    root = zarr.open_group(path, mode="w", zarr_format=version)
    root.create_array("images", data=pixels, chunks=(8, *pixels.shape[1:]))
    if table:
        columns = {
            "source_id": [f"EUC-{row}" for row in range(COUNT)], "ra": 150.0 + np.arange(COUNT),
            "dec": np.full(COUNT, 2.5), "diameter_pixel": np.full(COUNT, np.nan), "tile": "tile-7.fits",
            "pixel_scale_arcsec_per_pixel": 0.1,
        }  # fmt: skip
        pd.DataFrame(columns).to_parquet(path.with_name(f"{path.stem}_metadata.parquet"))
    return path


def read(path, **values):
    plan = make_plan(IngestSpec.parse({"path": str(path), "bands": ["VIS", "Y", "J"], **values}))
    return plan, np.concatenate([pixels.copy() for _, pixels in read_blocks(plan.recipe, plan.candidates)])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("named", ["store", "folder"])
def test_a_zarr_store_is_read_with_the_table_that_cutana_writes_beside_it(tmp_path, version, named):
    store = write_store(tmp_path / "batch" / "images.zarr", version=version)
    plan, pixels = read(store if named == "store" else tmp_path)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert [one.candidate_id for one in plan.candidates] == [f"EUC-{row}" for row in range(COUNT)]
    assert plan.pixel_scale_arcsec == 0.1
    np.testing.assert_array_equal(plan.catalogue.ra_deg, 150.0 + np.arange(COUNT))
    assert plan.catalogue.properties(3)["tile"] == "tile-7.fits"
    assert plan.warnings == []


def test_bands_and_zero_points_are_attributes_of_a_store(tmp_path):
    store = write_store(tmp_path / "a.zarr", table=False)
    zarr.open_group(store, mode="r+").attrs.update({"bands": ["u", "g", "r"], "zero_point": 25.0})
    plan, _ = read(store, bands=[])
    assert plan.recipe.bands == ("u", "g", "r")
    assert plan.candidates[0].candidate_id == "a-00"


class Counted:
    """An array that counts how many of its rows are read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.chunks = array, array.shape, array.dtype, array.chunks
        self.largest = self.rows = 0

    def __getitem__(self, rows):
        part = np.asarray(self.array[rows])
        self.largest, self.rows = max(self.largest, len(part)), self.rows + len(part)
        return part


@pytest.mark.parametrize("kind", ["hdf5", "zarr", "npz"])
def test_a_pack_is_read_chunk_by_chunk_and_each_chunk_once(tmp_path, kind, monkeypatch):
    if kind == "hdf5":
        file = h5py.File(tmp_path / "a.h5", "w")
        array = file.create_dataset("images", data=PIXELS, chunks=(4, 9, 9, 3), compression="gzip")
    elif kind == "zarr":
        array = zarr.create_array(tmp_path / "a.zarr", data=PIXELS, chunks=(4, 9, 9, 3))
    else:
        monkeypatch.setattr("lensapp.ingest.formats.packs.npz_members.BLOCK_BYTES", 4 * PIXELS[0].nbytes)
        np.savez_compressed(tmp_path / "a.npz", images=PIXELS)
        file = ArrayFile(tmp_path / "a.npz")
        array = file._array("images")
    counted = Counted(array)
    rows = blocks.RowBlocks(counted)
    for row in (*range(COUNT), 2):
        np.testing.assert_array_equal(rows.row(row), PIXELS[row])
    assert (counted.largest, counted.rows) == (4, COUNT + 4)


def test_an_npz_in_columns_and_one_cut_short_are_told_apart(tmp_path):
    np.savez(tmp_path / "f.npz", images=np.asfortranarray(PIXELS))
    np.testing.assert_array_equal(ArrayFile(tmp_path / "f.npz").pixels("images", 5), PIXELS[5])


def test_a_store_that_could_run_code_or_leads_elsewhere_is_refused(tmp_path, monkeypatch):
    store = write_store(tmp_path / "a.zarr", version=2, table=False)
    (tmp_path / "outside").write_bytes(b"secret")
    chunk = next(path for path in (store / "images").rglob("*") if path.name[0].isdigit() and path.is_file())
    chunk.unlink()
    chunk.symlink_to(tmp_path / "outside")
    with pytest.raises(Refused, match="link out of the store"):
        ArrayFile(store)
    evil = write_store(tmp_path / "b.zarr", version=2, table=False)
    metadata = json.loads((evil / "images" / ".zarray").read_text())
    metadata |= {"filters": [numcodecs.Pickle().get_config()], "compressor": None, "dtype": "|O"}
    (evil / "images" / ".zarray").write_text(json.dumps(metadata))
    monkeypatch.setattr(pickle, "loads", lambda *_, **__: pytest.fail("a pickle was loaded"))
    with pytest.raises(Refused, match="packed by 'pickle'"):
        ArrayFile(evil)


def test_a_table_of_other_length_than_its_store_is_named(tmp_path):
    store = write_store(tmp_path / "a.zarr")
    table = pd.read_parquet(tmp_path / "a_metadata.parquet")
    table.head(3).to_parquet(tmp_path / "a_metadata.parquet")
    array_files._open_packed.cache_clear()
    plan, _ = read(store)
    assert "3 rows for 20 cutouts" in " ".join(plan.warnings)
    assert plan.candidates[0].candidate_id == "a-00"
