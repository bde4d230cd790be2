"""Exports carry columns of the sources' own catalogues: values, units, and names that do not collide."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from lensapp.cli import main
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput
from lensapp.services.catalogue.export import export
from lensapp.storage import sources
from lensapp.storage.columns.source_columns import UNITS
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source

MAG = [21.5, None, 19.0]
FIELD = ["EDF-N", None, "=EDF"]


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """A source whose catalogue has numbers with a unit, texts, and columns of names that exports have."""
    workspace = Workspace.open(tmp_path_factory.mktemp("columns") / "workspace")
    rows = [
        {"candidate_id": f"J{row}", "ra_deg": 10.0 + row, "dec_deg": -1.0}
        | {"properties": {"mag_i": MAG[row], "field": FIELD[row], "Score": row + 7, "ra": 0.5, "star": row}}
        for row in range(3)
    ]
    source = add_source(workspace, "sky", count=3, cutouts=rows, finished=False)
    sources.finish_source(workspace.database, source.id, quality={UNITS: {"mag_i": "mag"}})
    add_source(workspace, "bare", first_ra_deg=50.0, count=2)
    yield workspace
    workspace.database.close()


def exported(ws, tmp_path, ending, *columns, of=("sky",)):
    out = tmp_path / f"out{ending}"
    export(ws, CatalogueQuery(of=of, columns=columns), out=out)
    return Table.read(out, **({"format": "votable"} if ending == ".vot" else {})), out


@pytest.mark.parametrize("ending", [".fits", ".vot", ".ecsv", ".parquet", ".csv"])
def test_all_columns_go_along_in_every_format(ws, tmp_path, ending):
    table, out = exported(ws, tmp_path, ending, "all")
    own = Table.read(exported(ws, tmp_path, ".ecsv")[1]).colnames
    assert set(table.colnames) - set(own) == {"mag_i", "field", "catalogue_Score", "catalogue_ra", "star"}
    order = np.argsort(np.asarray(table["id"]).astype(str))
    mag = np.ma.filled(np.ma.asarray(table["mag_i"], float), np.nan)[order]
    np.testing.assert_array_equal(mag, [21.5, np.nan, 19.0])
    assert np.asarray(table["catalogue_Score"])[order].tolist() == [7, 8, 9]
    assert np.asarray(table["catalogue_ra"]).tolist() == [0.5] * 3
    if ending in (".fits", ".vot", ".ecsv"):
        assert str(table["mag_i"].unit) == "mag"
    if ending == ".csv":
        assert '"\'=EDF"' in out.read_text("utf-8")  # no formula in a spreadsheet
    if ending == ".fits":
        assert fits.getval(out, "COLUMNS") == "all"


def test_some_columns_are_chosen_and_an_unknown_one_is_named(ws, tmp_path):
    table, _ = exported(ws, tmp_path, ".fits", "star", "MAG_I", of=("sky", "bare"))
    assert table.colnames[-2:] == ["star", "mag_i"]
    of_sky = np.char.startswith(np.asarray(table["id"]).astype(str), "J")
    assert np.isnan(np.ma.filled(np.ma.asarray(table["star"], float), np.nan)[~of_sky]).all()
    with pytest.raises(InvalidInput, match=r"no column .mag_j.\. Did you mean mag_i"):
        exported(ws, tmp_path, ".csv", "mag_j")


def test_the_command_takes_columns_and_the_sheet_its_own_number(ws, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    out = tmp_path / "all.csv"
    assert main(["export", "sky", "--out", str(out), "--columns", "mag_i,field", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 3
    assert Table.read(out).colnames[-2:] == ["mag_i", "field"]
    provenance = json.loads((tmp_path / "all_provenance.json").read_text("utf-8"))
    assert provenance["columns"] == "mag_i, field"
