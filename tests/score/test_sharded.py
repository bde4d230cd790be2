"""Scoring by shards: each cutout once, whoever is killed when; from tiles; and reviewed while it goes on."""

import os
import signal

import numpy as np
import pytest
from pyarrow import parquet

from ingest.tiles.survey_tiles import make_survey
from lensapp.core.config import read_json, write_json
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, StorageError
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.score.shard_share import ShardShare
from lensapp.ingest.importer import run_import
from lensapp.learning.score import sharded
from lensapp.learning.score.onnx_export import exported
from lensapp.learning.score.scorers import TrainedNetwork
from lensapp.learning.score.scoring import score_source
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews, runs, sources, tables
from lensapp.storage.cutouts import open_in_unit, read_cutouts
from lensapp.storage.files import NORMALISATION, SCORED, network_checksum
from lensapp.storage.scores import stored_scores
from lensapp.storage.scores.shards import ShardList
from support.scoring_workspace import Trained, train_tiny


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Trained:
    made = train_tiny(tmp_path_factory.mktemp("shards") / "workspace")
    exported(made.folder)
    return made


@pytest.fixture
def trained(original, tmp_path) -> Trained:
    return original.copied(tmp_path / "workspace")


def pair(trained: Trained):
    run = runs.get_run(trained.workspace.database, "first")
    return trained.workspace, run.id, trained.source.id


def expected(trained: Trained) -> np.ndarray:
    return TrainedNetwork.open(trained.folder).score(trained.pixels().read(np.arange(1, 61)))


def refuse_unless_each_is_scored_once(trained: Trained) -> None:
    """What is stored is one file with every cutout once, its score, and no list of shards."""
    [file] = stored_scores.score_files(*pair(trained)).paths()
    table = parquet.read_table(file)
    ids = sources.cutout_columns(trained.workspace.database, [trained.source.id], columns=("id",))["id"]
    assert table["cutout_id"].to_pylist() == ids.tolist()
    np.testing.assert_allclose(table["score"].to_numpy(), expected(trained), rtol=0, atol=1e-6)
    assert not ShardList(trained.workspace.database, *pair(trained)[1:], "anybody").exists()


def score(trained: Trained, **options):
    return score_source(
        trained.workspace, run_name="first", source_name="field", shard_rows=7, precision="float32", **options
    )


def test_a_dask_worker_killed_in_the_middle_leaves_every_cutout_scored_once(trained):
    distributed = pytest.importorskip("distributed")
    killed = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:

        def kill_one(_progress) -> None:
            if not killed:
                killed.append(cluster.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)

        outcome = score(trained, dask_url=cluster.scheduler_address, report=kill_one)
    assert killed
    assert outcome["scored"] == 60
    refuse_unless_each_is_scored_once(trained)


def test_shares_take_what_is_theirs_and_the_last_one_joins(trained):
    left = [score(trained, share=ShardShare(number, 3)) for number in (2, 1, 3)]
    assert [outcome["scored"] for outcome in left] == [21, 20, 19]
    assert [outcome.get("shards_left") for outcome in left] == [6, 3, None]
    refuse_unless_each_is_scored_once(trained)
    assert score(trained, share=ShardShare(2, 3)) == {
        "scored": 0, "skipped": 60, "images_per_second": 0.0, "warnings": []
    }  # fmt: skip


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_a_share_that_is_none_is_refused(text):
    with pytest.raises(InvalidInput, match="such as 3/20"):
        ShardShare.parse(text)


class Killed(BaseException):
    """Stands for a kill: nothing is tidied up."""


@pytest.mark.parametrize("moment", ["finish", "forget"])
def test_a_kill_between_storing_and_ticking_off_neither_loses_nor_doubles(trained, monkeypatch, moment):
    done = []

    def killed(self, *args):
        done.append(args)
        if len(done) == 3:  # what there was is forgotten twice, then the list
            raise Killed
        return tick_off(self, *args)

    tick_off = getattr(ShardList, moment)
    with monkeypatch.context() as patch:
        patch.setattr(ShardList, moment, killed)
        patch.setattr(ShardList, "release", lambda _: None)
        with pytest.raises(Killed):
            score(trained)
    with trained.workspace.database.write() as connection:  # as it is 20 seconds later
        connection.execute(tables.score_shards.update().values(heartbeat_at=0.0))
    outcome = score(trained)
    assert outcome["scored"] == {"finish": 60 - 6 - 7 - 7, "forget": 0}[moment]
    refuse_unless_each_is_scored_once(trained)


def test_what_a_living_process_has_claimed_is_left_to_it_and_waited_for(trained, monkeypatch):
    write_json(trained.folder / SCORED, {"field": network_checksum(trained.folder)})
    other = ShardList(trained.workspace.database, *pair(trained)[1:], "other")
    other.plan(9)
    assert [other.claim(), other.claim(share=(3, 3))] == [0, 2]
    waited = []

    def give_up(_seconds: float) -> None:
        waited.append(stored_scores.count_of(*pair(trained)))
        other.release()

    monkeypatch.setattr(sharded.time, "sleep", give_up)
    assert score(trained)["scored"] == 60
    assert waited == [60 - 6 - 7]
    refuse_unless_each_is_scored_once(trained)


def test_the_best_so_far_can_be_reviewed_while_scoring_goes_on(trained):
    reviewed = []

    def review_the_best(progress) -> None:
        if progress["done"] > 20 and not reviewed:
            review = create_review(
                trained.workspace, name="so-far", source_name="field", run_name="first",
                spec=ReviewSpec(order="score", limit=5),
            )  # fmt: skip
            reviewed.append(reviews.queue_of(trained.workspace.database, review.id))

    score(trained, report=review_the_best)
    ids = sources.cutout_columns(trained.workspace.database, [trained.source.id], columns=("id",))["id"]
    by_then = expected(trained)[:20]  # of the shards that were stored
    assert reviewed[0].tolist() == ids[np.argsort(-by_then, kind="stable")[:5]].tolist()


def test_a_source_in_tiles_is_scored_tile_by_tile_and_keeps_the_pixels_of_the_best(trained, tmp_path):
    survey = make_survey(tmp_path / "survey")
    spec = {"path": str(survey.folder), "layout": "tiles", "catalogue": str(survey.catalogue), "size": 8}
    workspace, path = trained.workspace, trained.folder / NORMALISATION
    write_json(path, read_json(path) | {"pixel_scale_arcsec": 0.25})  # that of the tiles
    run_import(workspace, name="tiled", spec=IngestSpec.parse(spec | {"virtual": True}))
    source, run = sources.get_source(workspace.database, "tiled"), runs.get_run(workspace.database, "first")
    columns = sources.cutout_columns(workspace.database, [source.id], columns=("id", "row"))
    pixels = open_in_unit(workspace.cutouts_folder("tiled"), None).read(columns["row"])
    places = np.load(workspace.cutouts_folder("tiled") / "tile-places.npy")
    blocks = trained.pixels("tiled").blocks(1000)
    assert [len(np.unique(places[rows, 0, 0])) for rows in blocks] == [1, 1]
    assert sorted(np.concatenate(blocks)) == list(range(source.slots))

    outcome = score_source(workspace, run_name="first", source_name="tiled", keep=5)
    assert outcome["scored"] == len(columns["id"]) > 20
    scores = stored_scores.scores_for(workspace, run.id, source.id, columns["id"])
    np.testing.assert_allclose(scores, TrainedNetwork.open(trained.folder).score(pixels), atol=1e-6)
    for tile in survey.folder.iterdir():
        tile.unlink()
    best = np.argsort(-scores, kind="stable")[:5]
    np.testing.assert_array_equal(read_cutouts(workspace, columns["id"][best]), pixels[best])
    with pytest.raises(StorageError, match="is gone"):
        read_cutouts(workspace, columns["id"])


def test_a_list_left_by_a_filtered_scoring_hides_nothing_from_one_of_all(trained):
    write_json(trained.folder / SCORED, {"field": network_checksum(trained.folder)})
    filtered = ShardList(trained.workspace.database, *pair(trained)[1:], "killed")
    filtered.plan(9, only="mag_i < 20")
    number = filtered.claim()
    assert number == 0
    filtered.finish(number)  # nothing in it fulfilled the filter
    assert score(trained)["scored"] == 60
    refuse_unless_each_is_scored_once(trained)
