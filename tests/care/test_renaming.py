"""A new name is written wherever the old one was, and nothing else changes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensapp import jobs
from lensapp.core.errors import InvalidInput, NotFound, StorageError
from lensapp.services.care.renaming import rename
from lensapp.services.split.versions import stored_checksum
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.care.trail import read_trail
from lensapp.storage.cutouts import read_cutouts
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_review, ids_of, make_survey
from support.workspace_contents import contents

KILLED = """
import os
import sys
from pathlib import Path
from shutil import copytree

from lensapp.services.care.renaming import rename
from lensapp.storage.workspace import Workspace
from support.command_zygote import count_changes

base = Path(sys.argv[1])
for kind, name in zip(sys.argv[2::2], sys.argv[3::2]):
    warm = Workspace.open(copytree(base, base.parent / "warm" / kind))  # libraries do it the first time
    rename(warm, kind, name, "another")
    warm.database.close()
    status, step = -9, 0
    while status == -9:
        step += 1
        folder = copytree(base, base.parent / kind / f"{step:02d}")
        child = os.fork()
        if child == 0:
            os.setsid()
            opened = Workspace.open(folder)
            count_changes(str(folder), kill_at=step, delay=0)
            rename(opened, kind, name, "another")
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, (kind, step)
"""


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    ws = Workspace.open(tmp_path / "w")
    source = make_survey(ws, name="sky", count=4)
    ids = list(ids_of(ws, source).values())
    members: list[dict[str, Any]] = [
        {"cutout_id": key, "part": "train", "label": "lens", "group_id": key, "fold": None}
        | {"label_from": "votes:look+other:ada%2C"}
        for key in ids
    ]
    version = datasets.create_dataset(
        ws.database, name="v1", source_ids=[source.id], bands=source.bands, spec={}, counts={},
        checksum="0" * 64, members=members,
    )  # fmt: skip
    for name, spec in (("base", {}), ("both", {"initial_run": "base", "note": "base"})):
        runs.create_run(ws.database, name=name, dataset_id=version.id, model="m", spec=spec)
        ws.run_folder(name).mkdir()
    (ws.run_folder("both") / "committee.json").write_text('{"members": ["base", "sky"]}')
    (ws.run_folder("base") / "scored.json").write_text('{"sky": "sky", "other": "1"}')
    (ws.run_folder("base") / "crop_allowed.json").write_text('{"sources": ["sky", "other"]}')
    stored_scores.add_scores(ws, runs.get_run(ws.database, "base").id, source.id, ids, np.linspace(0, 1, 4))
    add_review(ws, source, "look")
    for kind, payload in (
        ("score", {"run": "base", "source": "sky"}), ("ingest", {"name": "sky", "spec": {"path": "sky"}}),
    ):  # fmt: skip
        job = jobs.enqueue(ws.database, kind=kind, title="t", payload=payload)
        jobs.stop(ws.database, job.id)
    return ws


def read(ws: Workspace, *parts: str) -> Any:
    return json.loads(ws.run_folder(parts[0]).joinpath(*parts[1:]).read_text())


def test_a_renamed_source_keeps_pixels_scores_and_checksums(ws: Workspace) -> None:
    source = sources.get_source(ws.database, "sky")
    ids, version = list(ids_of(ws, source).values()), datasets.get_dataset(ws.database, "v1")
    called_after_it = "estimates/{}", "dropout/{}", "features/source-{}", "completeness-{}.npz"
    for name in called_after_it:
        (ws.run_folder("base") / name.format("sky")).mkdir(parents=True)
    pixels, checksum = read_cutouts(ws, ids), stored_checksum(ws, version)
    rename(ws, "source", "sky", "heaven")
    rename(ws, "source", "heaven", "hell")
    with pytest.raises(NotFound, match="no source called 'sky'"):
        sources.get_source(ws.database, "sky")
    np.testing.assert_array_equal(read_cutouts(ws, ids), pixels)
    assert stored_scores.score_counts(ws) == [(1, source.id, 4)]
    assert all((ws.run_folder("base") / name.format("hell")).exists() for name in called_after_it)
    assert stored_checksum(ws, version) == checksum
    assert read(ws, "base", "scored.json") == {"hell": "sky", "other": "1"}
    assert read(ws, "base", "crop_allowed.json") == {"sources": ["hell", "other"]}
    assert read(ws, "both", "committee.json") == {"members": ["base", "sky"]}  # a run called so
    assert [job.payload for job in jobs.recent(ws.database)] == [
        {"name": "hell", "spec": {"path": "sky"}}, {"run": "base", "source": "hell"},
    ]  # fmt: skip
    assert [(row["did"], row["name"], row["detail"]) for row in read_trail(ws.database, limit=2)] == [
        ("renamed", "hell", "heaven"), ("renamed", "heaven", "sky"),
    ]  # fmt: skip
    assert make_survey(ws, name="sky", count=2).name == "sky"


def test_a_renamed_run_is_found_by_its_committee_and_in_its_folder(ws: Workspace) -> None:
    rename(ws, "run", "base", "first")
    assert read(ws, "both", "committee.json") == {"members": ["first", "sky"]}
    assert runs.get_run(ws.database, "both").spec == {"initial_run": "first", "note": "base"}
    assert read(ws, "first", "scored.json")["sky"] == "sky"
    assert stored_scores.score_counts(ws) == [(1, 1, 4)]
    assert {"run": "first", "source": "sky"} in [job.payload for job in jobs.recent(ws.database)]


def test_a_renamed_review_is_found_from_the_labels_that_it_made(ws: Workspace) -> None:
    rename(ws, "review", "look", "seen")
    rename(ws, "dataset", "v1", "v2")
    members = datasets.member_columns(ws.database, datasets.get_dataset(ws.database, "v2").id)
    assert set(members["label_from"]) == {"votes:other+seen:ada%2C"}
    assert [review.name for review in reviews.list_reviews(ws.database)] == ["seen"]


def test_a_name_that_is_taken_or_unfit_changes_nothing(ws: Workspace) -> None:
    make_survey(ws, name="other", count=2)
    for name, why in (
        ("other", "called 'other' already"),
        ("../up", "not a possible name"),
        ("sky", "Give another"),
    ):
        with pytest.raises(InvalidInput, match=why):
            rename(ws, "source", "sky", name)
    (ws.folder / "cutouts" / "lost").mkdir()
    with pytest.raises(Exception, match="exists already"):
        rename(ws, "source", "sky", "lost")
    assert sources.get_source(ws.database, "sky").first_name is None
    assert ws.cutouts_folder("sky").is_dir()
    jobs.enqueue(ws.database, kind="score", title="Score", payload={"run": "base", "source": "sky"})
    with pytest.raises(InvalidInput, match="works on it"):
        rename(ws, "source", "sky", "heaven")


def test_what_was_renamed_has_its_old_or_its_new_name_at_whatever_step_it_was_killed(ws: Workspace) -> None:
    for path in ("scores/sky", "estimates/sky", "dropout/sky", "features/source-sky", "features/dataset-v1"):
        folder = ws.run_folder("base") / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a.txt").write_text(path)
    (ws.folder / "views").mkdir()
    address = {"run": "base", "source": "sky", "review": "look", "dataset": "v1"}
    (ws.folder / "views" / "evaluate.json").write_text(json.dumps({"views": [{"address": address}]}))
    ws.database.close()
    names = {"source": "sky", "dataset": "v1", "run": "base", "review": "look"}
    project = Path(__file__).parents[2]
    words = [sys.executable, "-c", KILLED, str(ws.folder), *(word for pair in names.items() for word in pair)]
    paths = os.pathsep.join([str(project), str(project / "tests")])
    subprocess.run(words, check=True, env=os.environ | {"PYTHONPATH": paths}, timeout=600)
    old = contents(ws.folder)
    for kind, name in names.items():
        steps = sorted((ws.folder.parent / kind).iterdir())
        new = contents(steps.pop())  # nobody killed the last one
        assert not any(name in Path(path).parts or f"{kind}-{name}" in path for path, _ in new)
        held = [contents(step) for step in steps]  # which opens it
        assert [one for one in held if one not in (old, new)] == []
        ends = [one == new for one in held]
        assert ends == sorted(ends)  # once it has its new name it keeps it
        assert (len(ends) > 3, set(ends)) == (True, {False, True}), kind


def test_files_that_cannot_be_renamed_leave_all_as_it_was(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(ws.folder)
    rename_path = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.parent.name == "scores" and path.name == "sky":
            raise PermissionError(13, "Permission denied")
        return rename_path(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError, match=r"files of sky cannot be renamed \(Permission denied\)"):
        rename(ws, "source", "sky", "heaven")
    assert contents(ws.folder) == before
    assert list(ws.folder.glob(".renaming*")) == []
