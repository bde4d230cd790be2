"""Where imports come from: folders that may be looked into, recent paths, files sent by a browser."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.services.data import import_paths
from lensapp.storage.care.inventory import UPLOADS, kind_of
from lensapp.storage.workspace import DATABASE_FILE, Workspace


@dataclass
class Sent:
    name: str
    content: bytes = b"SIMPLE"

    def getvalue(self) -> bytes:
        return self.content


@pytest.fixture
def survey(tmp_path, monkeypatch):
    """A root with two folders, the second by name newer, a link out of it, and a secret beside it."""
    root = tmp_path / "root"
    for name, count, moment in (("old", 3, 2_000_000), ("new", 2, 1_000_000)):
        (root / name / "deeper").mkdir(parents=True)
        for number in range(count):
            (root / name / "deeper" / f"c{number}.fits").write_bytes(b"")
        (root / name / "notes.md").write_text("")
        os.utime(root / name, (moment, moment))
    (root / "table.csv").write_text("id\n1\n")
    (root / ".hidden").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.fits").write_bytes(b"")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "nowhere").symlink_to(tmp_path / "absent")
    monkeypatch.setenv("LENSAPP_IMPORT_ROOTS", str(root))
    return root


def test_folders_stand_by_name_with_the_files_below_them_counted(ws, survey):
    listing = import_paths.list_folder(ws, survey)
    assert [(entry.name, entry.counts, entry.whole) for entry in listing.folders] == [
        ("new", {"fits": 2}, True),
        ("old", {"fits": 3}, True),
    ]
    assert [(entry.name, entry.kind) for entry in listing.files] == [("table.csv", "table")]
    assert listing.counts == {"fits": 5, "table": 1}


def test_numbers_in_names_stand_by_their_size(ws, survey):
    for name in ("tile10", "tile9", "Tile2"):
        (survey / "new" / name).mkdir()
    names = [entry.name for entry in import_paths.list_folder(ws, survey / "new").folders]
    assert names == ["deeper", "Tile2", "tile9", "tile10"]


@pytest.mark.parametrize("way_out", ["link", "..", "../secret"])
def test_no_way_leads_out_of_the_roots(ws, survey, way_out):
    with pytest.raises(InvalidInput, match="outside the folders that may be read here"):
        import_paths.list_folder(ws, survey / way_out)


def test_without_roots_every_folder_can_be_looked_into(ws, survey, monkeypatch):
    monkeypatch.delenv("LENSAPP_IMPORT_ROOTS")
    assert import_paths.list_folder(ws, survey.parent / "secret").counts == {"fits": 1}


def test_the_folders_of_the_program_and_of_the_workspace_are_not_offered(ws, tmp_path, monkeypatch):
    monkeypatch.delenv("LENSAPP_IMPORT_ROOTS", raising=False)
    program, home = tmp_path / "program", tmp_path / "home"
    for folder in (program / "lensapp" / "ui", program / "docs", home, ws.folder / UPLOADS / "sent"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(import_paths, "PROGRAM", program)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(program)
    (program / "workspace").mkdir()
    (program / "workspace" / DATABASE_FILE).touch()
    assert import_paths.list_folder(ws, program).folders == []
    assert import_paths.first_folder(ws) == tmp_path  # that above, where home and program stand
    (program / "stamps").mkdir()
    assert [one.name for one in import_paths.list_folder(ws, program).folders] == ["stamps"]
    assert import_paths.first_folder(ws) == program
    assert [one.name for one in import_paths.list_folder(ws, ws.folder).folders] == [UPLOADS]


def test_looking_begins_where_there_is_something_to_open(ws, tmp_path, monkeypatch):
    home, empty, full = (tmp_path / name for name in ("home", "empty", "full"))
    (home / ".cache").mkdir(parents=True)
    (full / "archive" / "papers").mkdir(parents=True)
    empty.mkdir()
    monkeypatch.setenv("HOME", str(home))
    roots = [str(one) for one in (home, empty, tmp_path / "absent", full)]
    monkeypatch.setenv("LENSAPP_IMPORT_ROOTS", os.pathsep.join(roots))
    assert import_paths.first_folder(ws) == full
    assert [one.name for one in import_paths.list_folder(ws, full).folders] == ["archive"]
    assert full in import_paths.named_roots()
    (home / "survey").mkdir()
    assert import_paths.first_folder(ws) == home


def test_a_folder_that_is_no_folder_is_refused_with_a_remedy(ws, survey):
    with pytest.raises(InvalidInput, match=r"cannot be read .* Choose another"):
        import_paths.list_folder(ws, survey / "table.csv")


def test_only_so_many_entries_of_a_large_folder_are_listed_and_counted(ws, survey, monkeypatch):
    monkeypatch.setattr(import_paths.folders, "LISTED", 1)
    listing = import_paths.list_folder(ws, survey)
    assert (len(listing.folders), listing.more_folders, listing.whole) == (1, 1, False)
    monkeypatch.setattr(import_paths.folders, "COUNTED", 2)
    monkeypatch.setattr(import_paths.folders, "FEWEST_COUNTED", 2)
    assert not import_paths.list_folder(ws, survey).folders[0].whole


def test_tables_in_the_folder_and_above_it_may_be_the_catalogue(ws, survey):
    assert import_paths.catalogues_near(ws, str(survey / "new")) == [str(survey / "table.csv")]
    assert import_paths.catalogues_near(ws, str(survey / "absent")) == []


def test_a_table_older_than_all_listed_files_may_be_the_catalogue_and_nothing_is_counted(
    ws, survey, monkeypatch
):
    monkeypatch.setattr(import_paths.folders, "LISTED", 1)
    monkeypatch.setattr(import_paths.folders, "_counted", None)
    (survey / "newer.fits").write_bytes(b"")
    os.utime(survey / "table.csv", (0, 0))
    assert import_paths.catalogues_near(ws, str(survey / "new")) == [str(survey / "table.csv")]


def test_paths_are_remembered_once_each_in_their_workspace_the_last_first(ws, survey):
    for path in ("new", "old", "new"):
        import_paths.note_path(ws, str(survey / path))
    assert import_paths.recent_paths(ws) == [str(survey / "new"), str(survey / "old")]
    (survey / "old").rename(survey / "gone")
    assert import_paths.recent_paths(ws) == [str(survey / "new")]
    assert kind_of("recent-imports.json") == "views"


def test_roots_do_not_keep_from_what_was_sent(ws, survey):
    folder = import_paths.keep_upload(ws, [Sent("a.fits")], name="x")
    assert import_paths.list_folder(ws, folder).counts == {"fits": 1}
    with pytest.raises(InvalidInput, match=r"a\.fits"):  # reached, and no FITS file
        import_paths.try_import(ws, IngestSpec(path=str(folder), bands=("r",)))


def test_sent_files_lie_in_a_folder_of_their_own_below_the_workspace(ws):
    files = [Sent("a b.fits", b"1"), Sent("set/../../etc/c.fits", b"2"), Sent("t.csv", b"id\n")]
    first = import_paths.keep_upload(ws, files, name="my set/../..")
    second = import_paths.keep_upload(ws, files, name="my set/../..")
    assert first != second
    assert first.parent == second.parent == ws.folder / "uploads"
    stored = {path.relative_to(first).as_posix() for path in first.rglob("*") if path.is_file()}
    assert stored == {"a b.fits", "set/etc/c.fits", "t.csv"}
    assert kind_of(f"uploads/{first.name}/a b.fits") == "uploads"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([Sent("t.csv")], "None of these files holds cutouts"),
        ([Sent("a.fits"), Sent("a.fits")], "Two of the files are called a.fits"),
        ([Sent("a.fits", b"123")], "can be sent from a browser. Copy it to a folder"),
    ],
)
def test_sent_files_that_cannot_be_taken_are_refused_and_nothing_is_written(ws, monkeypatch, files, words):
    monkeypatch.setattr(import_paths, "LARGEST_UPLOAD", 2 if len(files[0].content) == 3 else 100)
    with pytest.raises(InvalidInput, match=words):
        import_paths.keep_upload(ws, files, name="x")
    assert not (ws.folder / "uploads").exists()


def test_the_topmost_folder_lists_no_folder_of_the_system(tmp_path, monkeypatch):
    monkeypatch.delenv("LENSAPP_IMPORT_ROOTS", raising=False)
    ws = Workspace.open(tmp_path / "workspace")
    names = {one.name for one in import_paths.list_folder(ws, Path("/")).folders}
    assert names.isdisjoint({"proc", "sys", "dev", "etc", "bin", "sbin", "usr", "var", "lib", "lib64", "run"})
    assert "tmp" in names
