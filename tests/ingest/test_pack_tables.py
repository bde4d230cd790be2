"""Files of many cutouts give their positions, classes and labels, each for its own cutouts."""

import h5py
import numpy as np
import pytest
from astropy.coordinates import Angle

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.importer import run_import
from lensapp.ingest.preview import make_preview
from lensapp.storage.sources import cutout_columns, get_source
from lensapp.storage.workspace import Workspace
from support.cutout_files import cutout

COUNT = 5
RA = 100.0 + np.arange(COUNT)
DEC = 10.0 - np.arange(COUNT)
CLASSES = np.array([3, 1, 4, 1, 5], np.uint8)


def images(first=0):
    return np.stack([np.stack([cutout(first + 3 * n + b) for b in range(3)], -1) for n in range(COUNT)])


def write_pack(path, *, first=0, units=None, **arrays):
    with h5py.File(path, "w") as file:
        file["images"] = images(first)
        for name, values in arrays.items():
            file[name] = values
            if units and name in units:
                file[name].attrs["units"] = units[name]
    return path


def imported(tmp_path, path, **values):
    """The columns of the source that an import of `path` makes, and what the import said."""
    ws = Workspace.open(tmp_path / "workspace")
    spec = IngestSpec.parse({"path": str(path), "bands": ["g", "r", "z"], **values})
    said = run_import(ws, name="pack", spec=spec, processes=1)
    names = ("candidate_id", "ra_deg", "dec_deg", "object_class", "label", "properties")
    return cutout_columns(ws.database, [get_source(ws.database, "pack").id], columns=names), said


def test_positions_and_classes_of_an_hdf5_pack_are_those_of_its_cutouts(tmp_path):
    pack = write_pack(tmp_path / "a.h5", ra=RA, dec=DEC, ans=CLASSES, redshift=np.full(COUNT, 0.1))
    columns, said = imported(tmp_path, pack)
    np.testing.assert_array_equal(columns["ra_deg"], RA)
    np.testing.assert_array_equal(columns["dec_deg"], DEC)
    assert list(columns["object_class"]) == ["3", "1", "4", "1", "5"]
    assert list(columns["candidate_id"]) == [f"a-{row}" for row in range(COUNT)]
    assert said["warnings"] == []


@pytest.mark.parametrize("compressed", [False, True])
def test_an_npz_pack_gives_its_columns_too(tmp_path, compressed):
    save = np.savez_compressed if compressed else np.savez
    names = np.array(["w", "x", "y", "z", "v"])
    save(tmp_path / "a.npz", images=images(), RA=RA, Dec=DEC, classes=names, ids=10 + np.arange(COUNT))
    columns, _ = imported(tmp_path, tmp_path / "a.npz")
    np.testing.assert_array_equal(columns["ra_deg"], RA)
    assert list(columns["object_class"]) == list(names)
    assert list(columns["candidate_id"]) == ["10", "11", "12", "13", "14"]


def test_columns_in_groups_or_fields_and_their_units_are_read(tmp_path):
    table = np.zeros(COUNT, [("ra", "f8"), ("dec", "f8"), ("class", "S4")])
    table["ra"], table["dec"], table["class"] = RA, DEC, [b"E", b"S0", b"Sa", b"Sb", b"Irr"]
    columns, _ = imported(tmp_path / "fields", write_pack(tmp_path / "a.h5", catalogue=table))
    np.testing.assert_array_equal(columns["dec_deg"], DEC)
    assert list(columns["object_class"]) == ["E", "S0", "Sa", "Sb", "Irr"]
    arrays = {"meta/ra": Angle(RA, "deg").rad, "meta/dec": Angle(DEC, "deg").rad}
    pack = write_pack(tmp_path / "b.h5", **arrays, units=dict.fromkeys(arrays, "rad"))
    columns, _ = imported(tmp_path / "groups", pack)
    np.testing.assert_allclose(columns["ra_deg"], RA, rtol=1e-14)
    np.testing.assert_allclose(columns["dec_deg"], DEC, rtol=1e-14)


def test_each_of_several_packs_gives_its_own_rows(tmp_path):
    folder = tmp_path / "packs"
    folder.mkdir()
    write_pack(folder / "a.h5", ra=RA, dec=DEC, ans=CLASSES)
    write_pack(folder / "b.h5", first=50, ra=RA + 50, dec=DEC, classes=CLASSES + 10)
    write_pack(folder / "c.h5", first=100)
    columns, _ = imported(tmp_path, folder)
    np.testing.assert_array_equal(columns["ra_deg"], [*RA, *(RA + 50), *[np.nan] * COUNT])
    assert list(columns["object_class"])[COUNT : 2 * COUNT] == ["13", "11", "14", "11", "15"]
    assert {*columns["object_class"][2 * COUNT :]} == {None}


def test_labels_come_from_an_array_of_the_pack(tmp_path):
    pack = write_pack(tmp_path / "a.h5", labels=np.array([1, 0, 0, 1, 0]), p=np.linspace(0, 1, COUNT))
    columns, _ = imported(tmp_path / "one", pack, label_column="labels")
    assert list(columns["label"]) == ["lens", "nonlens", "nonlens", "lens", "nonlens"]
    columns, _ = imported(tmp_path / "two", pack, label_column="p", label_threshold=0.7)
    assert list(columns["label"]) == ["nonlens", "nonlens", "nonlens", "lens", "lens"]


def test_named_columns_that_nothing_has_are_refused_and_say_so(tmp_path):
    def preview(path, **values):
        return make_preview(IngestSpec.parse({"path": str(path), "bands": ["g", "r", "z"], **values}))

    pack = write_pack(tmp_path / "a.h5", ra=RA, dec=DEC)
    with pytest.raises(InvalidInput, match=r"no column 'grade', only: dec, ra\..*--labels"):
        preview(pack, label_column="grade")
    with pytest.raises(InvalidInput, match="holds no array survey_id"):
        preview(pack, id_column="survey_id")
    np.save(tmp_path / "a.npy", images())
    with pytest.raises(InvalidInput, match="--labels grade names a column, but there is no catalogue"):
        preview(tmp_path / "a.npy", label_column="grade")


def test_a_catalogue_goes_before_the_columns_of_the_pack(tmp_path):
    pack = write_pack(tmp_path / "a.h5", ra=RA, dec=DEC, ans=CLASSES)
    (tmp_path / "table.csv").write_text("id,ra,dec\na-0,1.5,2.5\n")
    columns, _ = imported(tmp_path, pack, catalogue=str(tmp_path / "table.csv"))
    np.testing.assert_array_equal(columns["ra_deg"], [1.5, *[np.nan] * 4])
    assert {*columns["object_class"]} == {None}


def test_arrays_of_other_lengths_and_unreadable_ones_leave_the_cutouts_readable(tmp_path):
    path = tmp_path / "a.npz"
    notes = np.array([{"a": 1}] * COUNT, object)
    np.savez(path, images=images(), ra=RA, dec=DEC, notes=notes, edges=np.arange(9), psf=images()[:, :, :, 0])
    columns, said = imported(tmp_path, path)
    np.testing.assert_array_equal(columns["ra_deg"], RA)
    assert {"edges", "psf"}.isdisjoint(columns["properties"][0])
    assert said["warnings"] == ["Arrays of a.npz cannot be read and are left out: notes."]
