"""Scores in Parquet: what is asked of them is what numpy says of the arrays, joined or not, killed or not."""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from sqlalchemy import insert

from lensapp.core.errors import InvalidInput, StorageError
from lensapp.core.evaluate.histogram import lower_edges
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.split.splits import SplitSpec
from lensapp.services.inspect import queues
from lensapp.services.inspect.queues import create_review
from lensapp.services.score import scores as score_service
from lensapp.services.score.scores import count_at_least, filtered, histogram, load_scored
from lensapp.services.split import datasets as dataset_service
from lensapp.storage import reviews, runs, sources, tables
from lensapp.storage.columns import source_columns
from lensapp.storage.scores import score_files, stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source

COUNT = 60
BEST = ReviewSpec(order="score", limit=7)
Pair = tuple[Workspace, int, int]


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Iterator[Pair]:
    """A run and a source of sixty cutouts, numbered from 1; scores are read a few at a time."""
    ws = Workspace.open(tmp_path_factory.mktemp("scores") / "workspace")
    source = add_source(ws, count=COUNT)
    dataset = dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    run = runs.create_run(ws.database, name="r", dataset_id=dataset.id, model="m", spec={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_files, "GROUP_ROWS", 4)
        patch.setattr(score_files, "BLOCK_ROWS", 7)
        patch.setattr(score_files, "FIRST_CUT", 5)
        patch.setattr(score_files, "BEST_KEPT", 9)
        yield ws, run.id, source.id


@pytest.fixture
def empty(pair) -> Pair:
    stored_scores.delete_scores(*pair)
    return pair


ENDS = st.sampled_from([0.0, 0.25, 0.5, 1.0])
VALUES = st.lists(st.one_of(ENDS, st.floats(0, 1)), min_size=1, max_size=COUNT)


@given(
    values=VALUES, seed=st.integers(0, 99), size=st.integers(1, COUNT), joined=st.sets(st.integers(0, COUNT))
)
@example(values=[0.9, float(np.float32(0.9))], seed=0, size=1, joined=set())  # the second is below the first
@settings(max_examples=25, deadline=None)
def test_answers_are_those_of_the_arrays_whatever_the_order_of_parts_and_joins(
    pair, values, seed, size, joined
):
    stored_scores.delete_scores(*pair)
    ids, scores = np.arange(1, len(values) + 1), np.array(values)
    order = np.random.default_rng(seed).permutation(len(ids))
    for part, start in enumerate(range(0, len(ids), size)):
        rows = order[start : start + size]
        stored_scores.add_scores(*pair, ids[rows], scores[rows])
        if part in joined:
            stored_scores.score_files(*pair).join()
    best = np.lexsort((ids, -scores))[:size]
    best_ids, best_scores = stored_scores.scores_of(*pair, limit=size)
    np.testing.assert_array_equal(best_ids, ids[best])
    np.testing.assert_array_equal(best_scores, scores[best])
    assert stored_scores.count_of(*pair) == len(ids)
    assert stored_scores.count_at_least(*pair, values[0]) == np.count_nonzero(scores >= values[0])
    asked = np.append(order, COUNT) + 1
    np.testing.assert_array_equal(stored_scores.scores_for(*pair, asked), np.append(scores[order], np.nan))
    bins = stored_scores.histogram_of(*pair)
    for edge in (0.0, 0.25, 0.5):
        assert bins[lower_edges() >= edge].sum() == np.count_nonzero(scores >= edge)


def test_scores_of_a_network_take_four_bytes_and_those_of_tables_lose_nothing(empty):
    files = stored_scores.score_files(*empty)
    of_network, of_table = np.array([0.1, 0.9], np.float32), np.array([0.1, 0.9])
    stored_scores.add_scores(*empty, [1, 2], of_network)
    assert parquet.read_schema(files.paths()[0]).field("score").type == "float"
    stored_scores.add_scores(*empty, [3, 4], of_table)
    files.join()
    _, scores = stored_scores.scores_of(*empty)
    assert scores.tolist() == [0.9, float(of_network[1]), float(of_network[0]), 0.1]


def test_a_kill_between_joining_and_tidying_loses_and_doubles_nothing(empty, tmp_path):
    files = stored_scores.score_files(*empty)
    stored_scores.add_scores(*empty, [5, 1], [0.5, 0.1])
    stored_scores.add_scores(*empty, [3], [0.3])
    shutil.copytree(files.folder / "1", tmp_path / "parts")
    files.join()
    shutil.copytree(tmp_path / "parts", files.folder / "1")  # as they were before they were removed
    assert stored_scores.scores_of(*empty)[0].tolist() == [5, 3, 1]
    stored_scores.add_scores(*empty, [2, 3], [0.2, 0.9])
    assert stored_scores.scores_of(*empty)[0].tolist() == [5, 3, 2, 1]
    files.join()
    left = sorted(path.name for path in files.folder.iterdir())
    assert left == ["scores-2-4.best.npy", "scores-2-4.histogram.npy", "scores-2-4.parquet"]
    assert parquet.read_table(files.paths()[0])["cutout_id"].to_pylist() == [1, 2, 3, 5]


def test_scores_of_an_earlier_version_are_read_beside_the_files_and_removed_with_them(empty):
    ws, run, source = empty
    row = {"run_id": run, "source_id": source}
    with ws.database.write() as connection:
        held = [row | {"cutout_id": 7, "score": 0.7}, row | {"cutout_id": 8, "score": 0.2}]
        connection.execute(insert(tables.scores), held)
    assert stored_scores.scored_sources(ws, run) == [source]
    stored_scores.add_scores(*empty, [7, 9], [0.1, 0.4])
    assert [values.tolist() for values in stored_scores.scores_of(*empty)] == [[7, 9, 8], [0.7, 0.4, 0.2]]
    assert stored_scores.score_counts(ws) == [(run, source, 3)]
    assert stored_scores.scores_of_cutouts(ws, run, [9, 7, 6]) == {7: 0.7, 9: 0.4}
    stored_scores.delete_scores(*empty)
    assert stored_scores.score_counts(ws) == []


def test_a_damaged_file_is_named(empty):
    stored_scores.add_scores(*empty, [1], [0.5])
    path = stored_scores.score_files(*empty).paths()[0]
    path.write_bytes(b"PAR1 not a table PAR1")
    with pytest.raises(StorageError, match=r"from-1-1\.parquet cannot be read .* score the source again"):
        stored_scores.scores_of(*empty)


def test_a_reader_begins_again_where_parts_are_joined_under_its_hands(empty, monkeypatch):
    stored_scores.add_scores(*empty, [1], [0.5])
    stored_scores.add_scores(*empty, [2], [0.6])
    files, listed = stored_scores.score_files(*empty), score_files.ScoreFiles.paths

    def joined_after_listing(self):
        paths = listed(self)
        monkeypatch.undo()
        files.join()
        return paths

    monkeypatch.setattr(score_files.ScoreFiles, "paths", joined_after_listing)
    assert stored_scores.scores_of(*empty)[0].tolist() == [2, 1]


def test_more_scores_than_are_held_have_the_same_best_histogram_and_review(empty, monkeypatch):
    ws, run_id, source_id = empty
    scores = np.random.default_rng(3).beta(0.2, 2.0, COUNT).astype(np.float32)
    stored_scores.add_scores(*empty, np.arange(1, COUNT + 1), scores)
    stored_scores.score_files(*empty).join()
    run, source = runs.run_by_id(ws.database, run_id), sources.source_by_id(ws.database, source_id)
    held = load_scored(ws, run=run, source=source)
    reviewed = create_review(ws, name="held", source_name="sky", run_name="r", spec=BEST)

    monkeypatch.setattr(score_service, "MOST_HELD", 20)
    monkeypatch.setattr(score_service, "BEST_HELD", 9)
    monkeypatch.setattr(queues, "MOST_HELD", 20)
    score_service._read_scores.cache_clear()
    tallied = load_scored(ws, run=run, source=source)
    assert (len(tallied), tallied.total, tallied.complete, len(tallied.scores)) == (COUNT, COUNT, True, 9)
    np.testing.assert_array_equal(tallied.cutout_ids, held.cutout_ids[:9])
    np.testing.assert_array_equal(tallied.labels, held.labels[:9])
    threshold = float(np.sort(scores)[40])
    reach = {"run": run, "source": source, "threshold": threshold}
    assert count_at_least(ws, tallied, **reach) == count_at_least(ws, held, **reach) == 20
    assert tallied.score_axis.logit == held.score_axis.logit
    np.testing.assert_allclose(tallied.score_axis.low, held.score_axis.low, rtol=1 / 256)
    every, few = histogram(held), histogram(tallied)
    assert every.keys() == few.keys()
    for label in ("lens", "nonlens"):
        assert few[label].sum() == every[label].sum()
        # Scores are at most a bin's width, 1/512 of their size, from where they are counted.
        assert np.abs(np.cumsum(few[label]) - np.cumsum(every[label])).max() <= 1
    again = create_review(ws, name="tallied", source_name="sky", run_name="r", spec=BEST)
    np.testing.assert_array_equal(
        reviews.queue_of(ws.database, again.id), reviews.queue_of(ws.database, reviewed.id)
    )


def test_a_filter_of_more_scores_than_are_held_keeps_what_it_keeps_of_fewer(empty, monkeypatch):
    ws, run_id, source_id = empty
    scores = np.random.default_rng(4).random(COUNT).astype(np.float32)
    stored_scores.add_scores(*empty, np.arange(1, COUNT), scores[1:])  # one is not scored
    run, source = runs.run_by_id(ws.database, run_id), sources.source_by_id(ws.database, source_id)
    where = 'score < 0.9 & (magnitude_r > 19 | label == "lens")'
    score_service._read_scores.cache_clear()
    held = filtered(ws, run, source, load_scored(ws, run=run, source=source), where)
    specs = [BEST.replaced(where=where), BEST.replaced(include="nonlens", max_score=0.7)]
    names = [create_review(ws, name=f"few-{k}", source_name="sky", run_name="r", spec=spec).id
             for k, spec in enumerate(specs)]  # fmt: skip

    source_columns._unwritten.cache_clear()
    for most, whole in ((50, True), (12, False)):  # what is kept is held, or the best of it
        monkeypatch.setattr(score_service, "MOST_HELD", most)
        monkeypatch.setattr(score_service, "BEST_HELD", 5)
        monkeypatch.setattr(source_columns, "ROWS_OF_GROUP", 16)
        monkeypatch.setattr(queues, "MOST_HELD", most)
        score_service._read_scores.cache_clear()
        score_service._counted.cache_clear()
        tallied = load_scored(ws, run=run, source=source)
        assert tallied.tally is not None
        kept = filtered(ws, run, source, tallied, where)
        assert (len(kept), len(kept.scores)) == (len(held), len(held) if whole else 5)
        np.testing.assert_array_equal(kept.cutout_ids, held.cutout_ids[: len(kept.scores)])
        np.testing.assert_array_equal(kept.labels, held.labels[: len(kept.scores)])
        assert filtered(ws, run, source, tallied, where) is kept  # nothing is read again
        for threshold in (0.25, 0.5):  # where bins begin
            reach = {"run": run, "source": source, "threshold": threshold}
            assert count_at_least(ws, kept, **reach) == np.count_nonzero(held.scores >= threshold)
        for k, (spec, of_few) in enumerate(zip(specs, names, strict=True)):
            name = f"many-{most}-{k}"
            again = create_review(ws, name=name, source_name="sky", run_name="r", spec=spec)
            np.testing.assert_array_equal(
                reviews.queue_of(ws.database, again.id), reviews.queue_of(ws.database, of_few)
            )
    with pytest.raises(InvalidInput, match="Did you mean magnitude_r"):
        filtered(ws, run, source, tallied, "magnitud_r > 1")
