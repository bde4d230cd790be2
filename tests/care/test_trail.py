"""What changes something leaves a row in the trail: who did what, in whose name, with which file."""

from dataclasses import replace
from pathlib import Path

import pytest

from lensapp.core.acting import acting_as, this_program
from lensapp.services.care.records import changes
from lensapp.services.data.known_lenses import filter_kept_lenses, keep_known_lenses
from lensapp.services.inspect.vote_import import import_votes
from lensapp.storage.workspace import Workspace
from support.pages_workspace import full_workspace


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return full_workspace(tmp_path / "workspace")


def newest(ws: Workspace, *, count: int = 1) -> list[tuple[str, ...]]:
    """Return the newest rows of the trail."""
    rows = changes(ws, limit=count)
    return [tuple(str(row[name]) for name in ("who", "did", "kind", "name", "detail")) for row in rows]


def test_votes_that_somebody_adds_in_the_name_of_another_stand_in_the_trail(
    ws: Workspace, tmp_path: Path
) -> None:
    votes = tmp_path / "of-vera.csv"
    votes.write_text("id,grade\nJ0000,A\nJ0001,B\n", "utf-8")
    before = changes(ws)
    with acting_as(replace(this_program(), name="Ada")):
        import_votes(ws, name="sky", path=votes, inspector="Vera", dry_run=True)
        assert changes(ws) == before
        import_votes(ws, name="sky", path=votes, inspector="Vera")
        assert newest(ws)[0][:3] == ("Ada", "added votes to", "review")
        assert newest(ws)[0][4] == "2 votes of Vera; from of-vera.csv"
        told = changes(ws)
        import_votes(ws, name="sky", path=votes, inspector="Vera")  # all there already
        assert changes(ws) == told


def test_a_table_of_known_lenses_and_its_filters_stand_in_the_trail(ws: Workspace, tmp_path: Path) -> None:
    table = tmp_path / "known.csv"
    table.write_text("name,ra,dec,grade\nL1,10,2,A\nL2,20,2,B\n", "utf-8")
    with acting_as(replace(this_program(), name="Ada")):
        keep_known_lenses(ws, table)
        filter_kept_lenses(ws, grades=["A"])
    assert newest(ws, count=2) == [
        ("Ada", "filtered", "known lenses", "known.csv", "grade A"),
        ("Ada", "kept", "known lenses", "known.csv", "2 lenses"),
    ]
