"""Columns of cutouts out of the files of columns are those of the database, value by value."""

import numpy as np
import pytest

from lensapp.storage import sources
from lensapp.storage.columns.source_columns import FILED, cutout_columns
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source

NAMES = ["0012", "çé 天", "nan", 'a "b"', "=cmd()"]


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """A source with odd names and unknown values, one of whose files was rejected, and a plain one."""
    workspace = Workspace.open(tmp_path_factory.mktemp("columns") / "workspace")
    cutouts = [
        {"candidate_id": name, "row": row + (row > 2), "ra_deg": 10.0 + row if row else None}
        | {"dec_deg": -row / 3, "label": ("lens", "nonlens", None)[row % 3], "parent": None}
        for row, name in enumerate(NAMES)
    ]
    add_source(workspace, "odd", count=len(NAMES) + 1, cutouts=cutouts)
    add_source(workspace, "sky")
    yield workspace
    workspace.database.close()


@pytest.mark.parametrize("names", [["odd"], ["sky", "odd"], []])
def test_columns_are_those_of_the_database(ws, names):
    keys = [sources.get_source(ws.database, name).id for name in names]
    of_files = cutout_columns(ws, keys, columns=tuple(FILED))
    of_database = sources.cutout_columns(ws.database, keys, columns=tuple(FILED))
    for name in FILED:
        np.testing.assert_array_equal(of_files[name], of_database[name], err_msg=name)
        assert of_files[name].dtype == of_database[name].dtype, name


@pytest.mark.parametrize("finished", [True, False])
def test_columns_of_some_cutouts_are_their_rows_of_all(ws, finished):
    coming = sources.list_sources(ws.database) if finished else [add_source(ws, "half", finished=False)]
    keys = [one.id for one in coming]
    every = cutout_columns(ws, keys, columns=tuple(FILED))
    among = np.append(every["id"][[4, 1]], 10**9)
    some = cutout_columns(ws, keys, columns=tuple(FILED), among=among)
    for name in FILED:
        np.testing.assert_array_equal(some[name], every[name][[1, 4]], err_msg=name)
    alone = cutout_columns(ws, keys, columns=("candidate_id",), among=among)["candidate_id"]
    assert alone.tolist() == every["candidate_id"][[1, 4]].tolist()


def test_a_change_of_what_is_returned_changes_nothing_that_is_kept(ws):
    key = sources.get_source(ws.database, "sky").id
    cutout_columns(ws, [key], columns=("label", "ra_deg"))["label"][:] = "changed"
    assert "changed" not in cutout_columns(ws, [key], columns=("label",))["label"].tolist()


def test_a_source_that_is_being_imported_is_read_from_the_database(ws):
    source = add_source(ws, "coming", finished=False)
    held = cutout_columns(ws, [source.id], columns=("candidate_id",))["candidate_id"]
    assert len(held) == sources.count_cutouts(ws.database, source.id)
