"""A backup made while people vote holds all that was acknowledged, and comes back whole or not at all."""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from lensapp.cli import main
from lensapp.core.acting import this_program
from lensapp.core.errors import InvalidInput, NotFound, StorageError
from lensapp.services.care import backups
from lensapp.services.care.backups import back_up, move, restore
from lensapp.services.inspect.tokens import issue_token, read_token
from lensapp.storage import datasets, reviews, runs, sources, tables
from lensapp.storage.care.trail import WORKSPACE, read_trail
from lensapp.storage.cutouts import read_cutouts
from lensapp.storage.database import DatabaseTime
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.database_servers import BACKENDS, empty_database
from support.small_surveys import add_review, add_votes, ids_of, make_survey

VOTER = """
import sys
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.votes import VoteOp, VotePost, record_votes
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace

ws = Workspace.open(sys.argv[1], database_url=sys.argv[2])
review = reviews.get_review(ws.database, "look")
cutout = int(reviews.queue_of(ws.database, review.id)[0])
for seq in range(1, 100_000):
    op = VoteOp(seq=seq, id=cutout, grade="A", voted_at=5.0)
    record_votes(ws, review=review, inspector="ada", post=VotePost(client="tab-000001", ops=(op,)))
    print(seq, flush=True)  # acknowledged
"""


def fill(ws: Workspace) -> None:
    """Fill a workspace with a source, a dataset, two runs of which one began from the other, and votes."""
    source = make_survey(ws, name="sky", count=6)
    ids = list(ids_of(ws, source).values())
    members = [
        {"cutout_id": key, "part": "train", "label": "lens", "group_id": key, "label_from": "import"}
        | {"fold": None}
        for key in ids
    ]
    dataset = datasets.create_dataset(
        ws.database, name="v1", source_ids=[source.id], bands=source.bands, spec={}, counts={},
        checksum="0" * 64, members=members,
    )  # fmt: skip
    spec = {"a": None}
    first = runs.create_run(ws.database, name="first", dataset_id=dataset.id, model="elu_cnn", spec=spec)
    runs.create_run(
        ws.database, name="second", dataset_id=dataset.id, model="elu_cnn", spec={}, initial_run_id=first.id
    )
    stored_scores.add_scores(ws, first.id, source.id, ids, np.linspace(0, 1, 6).tolist())
    ws.run_folder("first").mkdir(parents=True, exist_ok=True)
    (ws.run_folder("first") / "spec.json").write_text('{"ü": 1}', "utf-8")
    add_votes(ws, add_review(ws, source, "look"), "grace", dict.fromkeys(ids, "B"))
    ws.secret()


@pytest.fixture(params=BACKENDS)
def ws(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with empty_database(request.param, tmp_path) as url:
        server = url if request.param == "postgresql" else None
        workspace = Workspace.open(tmp_path / "w", database_url=server)
        fill(workspace)
        yield workspace
        workspace.database.close()


def rows_of(ws: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows but those of the trail about the workspace as a whole."""
    with ws.database.read() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key))
                if table is not tables.trail or row.kind != WORKSPACE
            ]
            for table in tables.metadata.sorted_tables
        }


def deeds(ws: Workspace) -> list[tuple[str, str, str, str]]:
    """Return what the trail says of the workspace as a whole, oldest first."""
    rows = read_trail(ws.database, limit=100, kind=WORKSPACE)[::-1]
    assert all(abs(time.time() - row["at"]) < 3600 for row in rows)
    return [(row["who"], row["did"], row["name"], row["detail"]) for row in rows]


def test_votes_cast_meanwhile_in_another_process_are_in_the_backup_once_acknowledged(
    ws: Workspace, tmp_path: Path
) -> None:
    voter = subprocess.Popen(
        [sys.executable, "-c", VOTER, str(ws.folder), ws.database.url],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert voter.stdout is not None
    try:
        for number in range(2):
            acknowledged = int(voter.stdout.readline())
            while acknowledged < 5 * (number + 1):
                acknowledged = int(voter.stdout.readline())
            told = back_up(ws, tmp_path / f"{number}.zip")
            restore(tmp_path / f"{number}.zip", tmp_path / f"again{number}")  # which checks the database
            copied = Workspace.open(tmp_path / f"again{number}")
            votes = reviews.votes_of(copied.database)
            copied.database.close()
            numbers = sorted(vote.seq for vote in votes if vote.inspector == "ada")
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) >= acknowledged
            assert told["votes"] == len(votes)
        assert voter.poll() is None
    finally:
        voter.kill()
        voter.wait()


def test_what_is_restored_is_what_was_saved(ws: Workspace, tmp_path: Path) -> None:
    ids = list(ids_of(ws, sources.get_source(ws.database, "sky")).values())
    before, pixels, secret = rows_of(ws), read_cutouts(ws, ids), ws.secret()
    told = back_up(ws, tmp_path / "one.zip")
    assert (told["damaged"], told["outside"], told["votes"]) == ([], [], 6)
    assert (tmp_path / "one.zip").stat().st_mode & 0o077 == 0
    checked = restore(tmp_path / "one.zip", None)
    assert (checked["workspace"], checked["files"]) == (None, told["files"])
    told_at = restore(tmp_path / "one.zip", tmp_path / "again")["made_at"]
    shutil.rmtree(ws.folder / "cutouts")  # the copy stands by itself
    copied = Workspace.open(tmp_path / "again")
    assert rows_of(copied) == before
    me = this_program().name
    assert deeds(ws) == [(me, "backed up", "w", str(tmp_path / "one.zip"))]
    said = f"{tmp_path / 'one.zip'} of {told_at} in {tmp_path / 'again'}"
    assert deeds(copied) == [(me, "restored", "again", said)]
    assert copied.secret() == secret
    np.testing.assert_array_equal(read_cutouts(copied, ids), pixels)
    assert (copied.run_folder("first") / "spec.json").read_text("utf-8") == '{"ü": 1}'
    copied.database.close()


def test_a_backup_goes_from_a_file_to_a_server_where_new_rows_get_new_numbers(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "w")
    fill(ws)
    before = rows_of(ws)
    back_up(ws, tmp_path / "one.zip")
    ws.database.close()
    with empty_database("postgresql", tmp_path) as url:
        restore(tmp_path / "one.zip", tmp_path / "again", database_url=url)
        assert not (tmp_path / "again" / "workspace.db").exists()
        copied = Workspace.open(tmp_path / "again", database_url=url)
        assert rows_of(copied) == before
        assert make_survey(copied, name="more", count=2).id > 2
        assert [did for _, did, _, _ in deeds(copied)] == ["restored"]
        with pytest.raises(InvalidInput, match="holds rows already"):
            restore(tmp_path / "one.zip", tmp_path / "third", database_url=url)
        assert not (tmp_path / "third").exists()
        copied.database.close()


def test_what_is_restored_gives_no_number_that_was_given_after_the_backup(
    ws: Workspace, tmp_path: Path
) -> None:
    gone = make_survey(ws, name="gone", count=2)
    sources.delete_source(ws.database, gone.id)
    back_up(ws, tmp_path / "one.zip")
    source = sources.get_source(ws.database, "sky")
    later = add_review(ws, source, "later")  # an open tab votes in it, and the disk breaks
    token = issue_token(ws, review=later, inspector="ada")
    restore(tmp_path / "one.zip", tmp_path / "again")
    copied = Workspace.open(tmp_path / "again")
    assert read_token(copied, token).review_id == later.id  # it is the same workspace to browsers
    other = add_review(copied, sources.get_source(copied.database, "sky"), "other")
    assert other.id > later.id + 1000
    assert make_survey(copied, name="new", count=2).id > gone.id
    with pytest.raises(NotFound):
        reviews.review_by_id(copied.database, later.id)
    copied.database.close()


def test_a_damaged_backup_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "w")
    fill(ws)
    back_up(ws, tmp_path / "one.zip")
    whole = (tmp_path / "one.zip").read_bytes()
    place = whole.index(b"cutouts/sky/shard-00000.npy") + 600  # within the pixels
    (tmp_path / "bad.zip").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for folder in (None, tmp_path / "again"):
        with pytest.raises(StorageError, match=r"cutouts/sky/\S+ in the backup is damaged"):
            restore(tmp_path / "bad.zip", folder)
    (tmp_path / "short.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match="no backup of this program"):
        restore(tmp_path / "short.zip", tmp_path / "again")
    with zipfile.ZipFile(tmp_path / "one.zip") as archive, zipfile.ZipFile(tmp_path / "up.zip", "w") as evil:
        manifest = json.loads(archive.read("backup.json"))
        manifest["files"] = [manifest["files"][0] | {"path": "../outside"}]
        evil.writestr("backup.json", json.dumps(manifest))
        evil.writestr("../outside", b"x")
    with pytest.raises(StorageError, match="outside its folder"):
        restore(tmp_path / "up.zip", tmp_path / "again")
    assert {path.name for path in tmp_path.iterdir()} == {"w", "one.zip", "bad.zip", "short.zip", "up.zip"}
    ws.database.close()


def test_what_would_be_overwritten_is_refused(ws: Workspace, tmp_path: Path) -> None:
    back_up(ws, tmp_path / "one.zip")
    with pytest.raises(InvalidInput, match=r"one\.zip exists"):
        back_up(ws, tmp_path / "one.zip")
    with pytest.raises(InvalidInput, match="lies in the workspace"):
        back_up(ws, ws.folder / "one.zip")
    with pytest.raises(InvalidInput, match="is not empty"):
        restore(tmp_path / "one.zip", ws.folder)
    with pytest.raises(InvalidInput, match="is not empty"):
        move(ws, tmp_path)


def test_a_full_disk_leaves_no_half_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ws = Workspace.open(tmp_path / "w")
    fill(ws)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(StorageError, match="nothing of it is left"):
        back_up(ws, tmp_path / "one.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    ws.database.close()


@pytest.mark.parametrize("another_disk", [False, True])
def test_a_workspace_moves_with_all_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, another_disk: bool
) -> None:
    ws = Workspace.open(tmp_path / "w")
    fill(ws)
    tile = {"path": str(ws.folder / "exports" / "t.fits"), "hdu": 0}
    (ws.folder / "cutouts" / "sky" / "tiles.json").write_text(json.dumps({"tiles": [tile]}), "utf-8")
    before = rows_of(ws)
    monkeypatch.setattr(backups, "disk_of", lambda path: path == ws.folder and another_disk)
    other = Workspace.open(tmp_path / "w")
    with other.database.read(), pytest.raises(InvalidInput, match="Somebody works in the workspace"):
        move(ws, tmp_path / "moved")
    other.database.close()
    with ws.database.write() as connection:
        connection.execute(
            tables.workers.insert().values(name="w1", host="h", started_at=0, heartbeat_at=DatabaseTime())
        )
    with pytest.raises(InvalidInput, match="1 worker alive"):
        move(ws, tmp_path / "moved")
    with ws.database.write() as connection:
        connection.execute(tables.workers.delete())
    assert move(ws, tmp_path / "moved")["copied"] is another_disk
    assert not ws.folder.exists()
    moved = Workspace.open(tmp_path / "moved")
    assert rows_of(moved) == before
    assert deeds(moved) == [
        (this_program().name, "moved", "moved", f"{tmp_path / 'w'} to {tmp_path / 'moved'}")
    ]
    written = json.loads((moved.folder / "cutouts" / "sky" / "tiles.json").read_text("utf-8"))
    assert written["tiles"][0]["path"] == str(tmp_path / "moved" / "exports" / "t.fits")
    with moved.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.votes)) == 6
    moved.database.close()


def test_a_mistyped_workspace_is_not_saved_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--workspace", str(tmp_path / "no"), "backup", str(tmp_path / "one.zip")]) == 2
    assert "There is no workspace" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
