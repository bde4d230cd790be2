"""A deletion shows what it takes along, hides it everywhere, and is undone or final."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lensapp import jobs
from lensapp.cli import main
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.ingest.importer import run_import
from lensapp.services.care.removal import (
    delete,
    empty_trash,
    list_trash,
    measured_trash,
    plan_deletion,
    undelete,
)
from lensapp.services.data.tiled_demo import TiledDemoSpec, simulate_tiles
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.vote_log import graded_last, voted_per_review
from lensapp.services.train.pretraining import start_pretraining
from lensapp.storage import datasets, reviews, runs, sources, studies, tables
from lensapp.storage.care import trash
from lensapp.storage.care.health import database_damage
from lensapp.storage.care.inventory import uploads_of
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.database_servers import BACKENDS, empty_database
from support.small_surveys import add_review, add_votes, ids_of, make_survey

WHOLE = [
    "review look",
    "review plain",
    "study folds",
    "run base",
    "run both",
    "run tuned",
    "dataset v1",
    "source sky",
]


on_every_backend = pytest.mark.parametrize("ws", BACKENDS, indirect=True)


@pytest.fixture
def ws(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """A source, a version of it, a run, one trained on from it, their committee, a study, two reviews."""
    with empty_database(getattr(request, "param", "sqlite"), tmp_path) as url:
        ws = Workspace.open(tmp_path / "w", database_url=url)
        source, other = make_survey(ws, name="sky", count=4), make_survey(ws, name="other", count=4)
        version = add_version(ws, "v1", source)
        base = runs.create_run(ws.database, name="base", dataset_id=version.id, model="m", spec={})
        tuned = runs.create_run(
            ws.database, name="tuned", dataset_id=version.id, model="m", spec={}, initial_run_id=base.id
        )
        runs.create_run(ws.database, name="both", dataset_id=version.id, model="committee", spec={})
        for name in ("base", "tuned", "both"):
            ws.run_folder(name).mkdir()
            (ws.run_folder(name) / "best.keras").write_bytes(b"network")
        (ws.run_folder("both") / "committee.json").write_text('{"members": ["base", "tuned"]}')
        study = studies.create_study(ws.database, name="folds", kind="kfold", dataset_id=version.id, spec={})
        studies.add_run(ws.database, study.id, tuned.id, place=0)
        for one in (source, other):
            ids = list(ids_of(ws, one).values())
            stored_scores.add_scores(ws, base.id, one.id, ids, np.linspace(0, 1, 4))
        add_votes(
            ws,
            add_review(ws, source, "look", run_id=base.id),
            "ada",
            dict.fromkeys(ids_of(ws, source).values(), "A"),
        )
        add_review(ws, source, "plain")
        yield ws
        ws.database.close()


def add_version(ws: Workspace, name: str, source: sources.Source) -> datasets.Dataset:
    members = [
        {
            "cutout_id": key,
            "part": "train",
            "label": "lens",
            "group_id": key,
            "fold": None,
            "label_from": "import",
        }
        for key in ids_of(ws, source).values()
    ]
    return datasets.create_dataset(
        ws.database, name=name, source_ids=[source.id], bands=source.bands, spec={}, counts={},
        checksum="0" * 64, members=members,
    )  # fmt: skip


def listed(ws: Workspace) -> set[str]:
    """Return all that the lists of pages and commands show."""
    database = ws.database
    return {
        *(f"source {one.name}" for one in sources.list_sources(database)),
        *(f"dataset {one.name}" for one in datasets.list_datasets(database)),
        *(f"run {one.name}" for one in runs.list_runs(database)),
        *(f"study {one.name}" for one in studies.list_studies(database)),
        *(f"review {one.name}" for one in reviews.list_reviews(database)),
    }


def goes(ws: Workspace, kind: str, name: str) -> list[str]:
    return [f"{one.item.kind} {one.item.name}" for one in plan_deletion(ws, kind, name).goes]


def test_what_depends_on_it_is_shown_and_nothing_changes(ws: Workspace) -> None:
    before = listed(ws)
    assert sorted(goes(ws, "source", "sky")) == sorted(WHOLE)
    assert goes(ws, "source", "sky")[-1] == "source sky"
    assert set(goes(ws, "dataset", "v1")) == set(WHOLE) - {"review look", "review plain", "source sky"}
    assert goes(ws, "run", "base") == ["run base", "run both"]
    assert goes(ws, "review", "look") == ["review look"]
    plan = plan_deletion(ws, "run", "base")
    assert plan.losses == ("The review look keeps its votes and loses its scores.",)
    assert [one.holds for one in plan.goes] == ["8 scores", "no score"]
    assert plan.bytes == sum(
        path.stat().st_size for name in ("base", "both") for path in ws.run_folder(name).rglob("*.*")
    )
    assert plan_deletion(ws, "run", "tuned").losses == ("The study folds loses 1 run.",)
    assert plan_deletion(ws, "source", "other").losses == ("The run base loses 4 scores of other.",)
    assert listed(ws) == before


def test_runs_that_learned_from_a_source_without_labels_stay_and_are_told(ws: Workspace) -> None:
    start_pretraining(
        ws,
        spec=TrainingSpec.parse({"task": {"kind": "contrastive", "source": "other"}}),
        name="without-labels",
    )
    half = TrainingSpec.parse({"unlabelled": {"kind": "fixmatch", "source": "other"}})
    version = datasets.get_dataset(ws.database, "v1")
    runs.create_run(
        ws.database, name="half-labelled", dataset_id=version.id, model="elu_cnn", spec=half.saved()
    )
    plan = plan_deletion(ws, "source", "other")
    assert [f"{one.item.kind} {one.item.name}" for one in plan.goes] == ["source other"]
    assert [told.split(" learned from ")[0] for told in plan.losses if "without labels" in told] == [
        "The run half-labelled",
        "The run without-labels",
    ]
    assert "it keeps its network, and its training can be neither resumed nor repeated" in plan.losses[-1]
    # Those of a version that goes with its source go as well.
    told = plan_deletion(ws, "source", "sky").losses
    assert not any("without labels" in one for one in told)


@on_every_backend
def test_what_was_deleted_is_nowhere_and_comes_back_as_it_was(ws: Workspace) -> None:
    before, look = listed(ws), reviews.get_review(ws.database, "look")
    planned = delete(ws, "source", "sky")
    assert listed(ws) == {"source other"}
    assert (reviews.votes_of(ws.database), reviews.count_votes(ws.database)) == ([], 0)
    assert (graded_last(ws), voted_per_review(ws)) == (None, {})
    assert stored_scores.score_counts(ws) == []
    assert sources.find_cutouts(ws.database, "sky-<b>1</b>") == []
    with pytest.raises(NotFound, match="no review called 'look'"):
        open_review(ws, look.id)  # an open page votes no more
    with pytest.raises(InvalidInput, match=r"'sky' is in the trash.*'untrash source sky'"):
        make_survey(ws, name="sky")
    (entry,) = list_trash(ws)
    assert entry["bytes"] == measured_trash(ws)[1] == planned.bytes > 0
    assert (entry["deletion"], sorted(entry["items"]), entry["days_left"]) == (
        "source sky",
        sorted(WHOLE),
        30.0,
    )
    undelete(ws, "source", "sky")
    assert listed(ws) == before
    assert reviews.get_review(ws.database, "look") == look
    assert len(reviews.votes_of(ws.database)) == 4
    assert list_trash(ws) == []


def test_a_deleted_run_leaves_votes_and_what_was_trained_on_from_it(ws: Workspace) -> None:
    delete(ws, "run", "base")
    assert reviews.get_review(ws.database, "look").run_id is None
    assert len(reviews.votes_of(ws.database)) == 4
    base = runs.get_run(ws.database, "tuned").initial_run_id
    assert base is not None
    assert set(empty_trash(ws, overdue=False)["removed"]) == {"run both", "run base"}
    assert not ws.run_folder("base").exists()
    assert (
        runs.run_by_id(ws.database, base).name == f".{base}"
    )  # its number still says what "tuned" began from
    assert database_damage(ws.database) == []


def test_what_needs_a_deleted_item_waits_for_it(ws: Workspace) -> None:
    delete(ws, "run", "tuned")
    delete(ws, "dataset", "v1")
    with pytest.raises(InvalidInput, match="needs dataset v1, which is in the trash too"):
        undelete(ws, "run", "tuned")
    undelete(ws, "dataset", "v1")
    undelete(ws, "run", "tuned")
    with pytest.raises(NotFound, match=r"The trash holds no deletion of run tuned\. It holds: nothing"):
        undelete(ws, "run", "tuned")


@on_every_backend
def test_emptying_removes_rows_and_files_and_gives_no_number_again(ws: Workspace) -> None:
    newest = reviews.get_review(ws.database, "plain").id, runs.get_run(ws.database, "both").id
    delete(ws, "source", "sky")
    assert empty_trash(ws) == {"removed": [], "bytes": 0}  # nothing is 30 days old
    grow_old(ws, days=31)
    removed = empty_trash(ws)
    assert sorted(removed["removed"]) == sorted(WHOLE)
    assert removed["bytes"] > 0
    assert list_trash(ws) == []
    assert listed(ws) == {"source other"}
    assert [path.name for path in (ws.folder / "cutouts").iterdir()] == ["other"]
    assert list((ws.folder / "runs").iterdir()) == []
    with ws.database.read() as connection:
        for table in (tables.votes, tables.dataset_members, tables.study_runs, tables.metrics):
            assert connection.execute(table.select()).all() == []
    assert database_damage(ws.database) == []
    again = make_survey(ws, name="sky", count=4)  # the name is free
    version = add_version(ws, "v1", again)
    assert runs.create_run(ws.database, name="both", dataset_id=version.id, model="m", spec={}).id > newest[1]
    assert add_review(ws, again, "plain").id > newest[0]
    studies.create_study(ws.database, name="folds", kind="kfold", dataset_id=version.id, spec={})
    empty_trash(ws)
    assert listed(ws) == {
        "source other",
        "source sky",
        "dataset v1",
        "run both",
        "study folds",
        "review plain",
    }
    with ws.database.read() as connection:  # what stood for numbers is gone as well
        assert connection.execute(tables.trash.select()).all() == []


def test_a_review_whose_pages_may_be_open_stays_when_the_trash_is_emptied_early(ws: Workspace) -> None:
    delete(ws, "source", "sky")
    removed = empty_trash(ws, overdue=False)["removed"]
    assert not {"review look", "review plain", "source sky"} & set(removed)
    assert database_damage(ws.database) == []
    grow_old(ws, days=1.1)
    assert set(empty_trash(ws, overdue=False)["removed"]) == {"review look", "review plain", "source sky"}


def test_nothing_measured_in_a_removed_source_is_left_to_another_of_its_name(ws: Workspace) -> None:
    base = ws.run_folder("base")
    for name in ("scores/other", "estimates/other", "dropout/other", "features/source-other"):
        (base / name).mkdir(parents=True, exist_ok=True)
        (base / name / "file.npy").write_bytes(b"x" * 100)
    (base / "completeness-other.npz").write_bytes(b"x" * 100)
    expected = plan_deletion(ws, "source", "other").bytes
    delete(ws, "source", "other")
    assert empty_trash(ws, overdue=False)["bytes"] == expected > 500
    assert list(ws.folder.rglob("*other*")) == []
    assert (base / "best.keras").exists()


def grow_old(ws: Workspace, *, days: float) -> None:
    with ws.database.write() as connection:
        connection.execute(tables.trash.update().values(deleted_at=time.time() - days * 86_400))


def test_what_a_job_works_on_is_not_deleted_and_ended_jobs_go_with_it(ws: Workspace) -> None:
    job = jobs.enqueue(ws.database, kind="score", title="Score sky", payload={"run": "base", "source": "sky"})
    with pytest.raises(InvalidInput, match=r"Job \d+ \(Score sky\) works on it"):
        delete(ws, "dataset", "v1")
    jobs.stop(ws.database, job.id)
    delete(ws, "run", "base")
    assert [one.id for one in jobs.recent(ws.database)] == [job.id]
    empty_trash(ws, overdue=False)
    assert jobs.recent(ws.database) == []


def test_commands_show_first_and_delete_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ws = Workspace.open(tmp_path / "w")
    make_survey(ws, name="sky", count=2)
    ws.database.close()

    def run(*words: str) -> dict[str, object]:
        assert main(["--workspace", str(tmp_path / "w"), *words, "--json"]) == 0
        told: dict[str, object] = json.loads(capsys.readouterr().out)
        return told

    shown = run("delete", "source", "sky")
    assert (shown["deleted"], shown["deletes"]) == (
        False,
        [{"kind": "source", "name": "sky", "holds": "2 cutouts"}],
    )
    assert run("delete", "source", "sky", "--yes")["deleted"] is True
    assert len(run("trash")) == 1
    assert run("untrash", "source", "sky") == {"back": ["source sky"]}
    assert run("delete", "source", "sky", "--yes")["deleted"] is True
    assert run("trash", "--empty")["would_remove"] == ["source sky"]
    assert run("trash", "--empty", "--yes")["removed"] == ["source sky"]
    trail = run("trail")
    assert [(row["did"], row["name"]) for row in trail][:3] == [  # type: ignore[index]
        ("removed", "sky"), ("deleted", "sky"), ("brought back", "sky"),
    ]  # fmt: skip


def test_the_tiles_of_a_demo_go_with_the_last_source_that_was_read_from_them(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "w")
    spec = TiledDemoSpec(count=12, size=32, tile_count=2, tile_side=256)
    simulate_tiles(ws, name="sky", spec=spec)
    tiles, sent = (ws.folder / "uploads" / name for name in ("sky-tiles", "sent-by-somebody"))
    sent.mkdir()
    imported = IngestSpec.parse(sources.get_source(ws.database, "sky").spec)
    run_import(ws, name="again", spec=imported.replaced(size=24))
    size = sum(path.stat().st_size for path in tiles.iterdir())
    assert not any("tiles" in one for one in plan_deletion(ws, "source", "sky").losses)
    delete(ws, "source", "sky")
    empty_trash(ws, overdue=False)
    assert open_cutouts(ws, "again").read(np.arange(12)).shape[0] == 12
    plan = plan_deletion(ws, "source", "again")
    assert plan.losses == ("What it was read from in uploads/sky-tiles goes with it.",)
    assert plan.bytes > size
    delete(ws, "source", "again")
    undelete(ws, "source", "again")
    assert open_cutouts(ws, "again").read(np.arange(12)).shape[0] == 12
    delete(ws, "source", "again")
    assert tiles.is_dir()
    spoken_of = jobs.enqueue(
        ws.database, kind="ingest", title="Import", payload={"name": "third", "spec": imported.saved()}
    )
    assert plan_uploads(ws) == []
    jobs.stop(ws.database, spoken_of.id)
    assert plan_uploads(ws) == [tiles]
    empty_trash(ws, overdue=False)
    assert not tiles.exists()
    assert sent.is_dir()


def plan_uploads(ws: Workspace) -> list[Path]:
    return uploads_of(ws, [one.item for one in trash.list_trash(ws.database)])
