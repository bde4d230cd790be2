"""The repositories on SQLite and PostgreSQL, and the packed pixels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, NotFound, StorageError
from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue import feedback
from lensapp.services.catalogue.query import catalogue, select
from lensapp.services.inspect.vote_log import voted_per_review
from lensapp.services.split import datasets as dataset_service
from lensapp.storage import datasets, reviews, runs, sources, studies
from lensapp.storage.arrays import MANIFEST, PackedCutouts, Packing, ShardWriter
from lensapp.storage.records import Rejection
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.database_servers import BACKENDS, empty_database
from support.small_surveys import add_review, add_source, add_votes, ids_of


@pytest.fixture(params=BACKENDS)
def ws(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with empty_database(request.param, tmp_path) as url:
        workspace = Workspace.open(tmp_path / "w", database_url=url)
        yield workspace
        workspace.database.close()


def test_a_source_is_stored_and_read_back(ws: Workspace) -> None:
    source = add_source(ws, "sky", count=3, bands=("g", "r", "z"), size=16, pixel_scale_arcsec=0.262)
    assert (source.bands, source.height, source.width, source.pixel_scale_arcsec, source.state) == (
        ("g", "r", "z"), 16, 16, 0.262, "ready",
    )  # fmt: skip
    assert sources.source_by_id(ws.database, source.id) == source
    assert sources.list_sources(ws.database) == [source]
    assert sources.count_cutouts(ws.database, source.id) == 3


def test_one_property_of_many_cutouts_is_read_in_their_order(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [{"mag.r": 20.5, "other": "x"}, {"mag.r": 21}, {"mag.r": "faint"}, {"mag.r": None}, {}]
    rows = [{"candidate_id": str(k), "label": "lens", "properties": cell} for k, cell in enumerate(cells)]
    source = add_source(
        ws, "sky", cutouts=[*rows, {"candidate_id": "unlabelled", "properties": {"mag.r": 1}}]
    )
    for at_once in (2, 100):
        monkeypatch.setattr(sources, "ROWS_AT_ONCE", at_once)
        monkeypatch.setattr("lensapp.storage.queries.ROWS_AT_ONCE", at_once)
        found = sources.property_column(ws.database, [source.id], "mag.r", labelled_only=True)
        np.testing.assert_array_equal(found, [20.5, 21, np.nan, np.nan, np.nan])
        columns = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id", "row"))
        assert columns["candidate_id"].tolist() == ["0", "1", "2", "3", "4", "unlabelled"]
        assert columns["row"].tolist() == list(range(6))
    empty = sources.cutout_columns(ws.database, [source.id + 1], columns=("id", "ra_deg", "label"))
    assert [empty[name].dtype.kind for name in ("id", "ra_deg", "label")] == ["i", "f", "O"]


def test_unknown_names_are_refused_with_those_that_exist(ws: Workspace) -> None:
    add_source(ws, "sky")
    with pytest.raises(NotFound, match=r"no source called 'sly'\. Known: sky"):
        sources.get_source(ws.database, "sly")
    with pytest.raises(NotFound, match="Known: none yet"):
        runs.get_run(ws.database, "r")


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "a b", "x" * 101, "ü"])
def test_names_that_are_unfit_for_folders_are_refused(ws: Workspace, name: str) -> None:
    with pytest.raises(InvalidInput, match="is not a possible name"):
        add_source(ws, name)


def test_a_taken_name_is_refused(ws: Workspace) -> None:
    add_source(ws, "sky")
    with pytest.raises(InvalidInput, match="There is a source called 'sky' already"):
        add_source(ws, "sky")


def test_cutouts_keep_texts_numbers_and_properties(ws: Workspace) -> None:
    row = {
        "candidate_id": "çé '\"; DROP TABLE cutouts; -- 🔭", "ra_deg": 1 / 3, "dec_deg": -89.999999999,
        "label": "lens", "masked_fraction": 0.25,
        "properties": {"zlens": "-", "list": [1, 2.5, None], "ü": True},
    }  # fmt: skip
    source = add_source(ws, count=1, cutouts=[row])
    cutout = sources.find_cutouts(ws.database, row["candidate_id"], source_id=source.id)[0]
    assert {name: getattr(cutout, name) for name in row} == row


def test_adding_cutouts_twice_has_the_effect_of_once(ws: Workspace) -> None:
    source = add_source(ws, count=4)
    again = [
        {"row": 0, "candidate_id": "other"},
        {"row": 9, "candidate_id": "sky-001"},
        {"row": 4, "candidate_id": "new"},
    ]
    sources.add_cutouts(ws.database, source.id, again)
    columns = sources.cutout_columns(ws.database, [source.id], columns=("row", "candidate_id"))
    assert columns["candidate_id"].tolist() == ["sky-000", "sky-001", "sky-002", "sky-003", "new"]


def test_unknown_positions_are_nan_and_unlabelled_cutouts_can_be_left_out(ws: Workspace) -> None:
    source = add_source(ws, count=2, cutouts=[{"candidate_id": "a"}, {"candidate_id": "b", "label": "lens"}])
    columns = sources.cutout_columns(ws.database, [source.id])
    assert np.isnan(columns["ra_deg"]).all()
    assert columns["label"].tolist() == [None, "lens"]
    labelled = sources.cutout_columns(ws.database, [source.id], labelled_only=True)
    assert labelled["candidate_id"].tolist() == ["b"]


def test_more_cutouts_than_one_statement_holds_are_found_in_the_order_asked_for(ws: Workspace) -> None:
    count = 4100
    source = add_source(ws, count=count, cutouts=[{"candidate_id": f"c{k}"} for k in range(count)])
    ids = list(ids_of(ws, source).values())[::-1]
    assert [cutout.id for cutout in sources.get_cutouts(ws.database, [*ids, 10**9])] == ids


def test_a_deleted_source_takes_its_cutouts_and_rejections_along(ws: Workspace) -> None:
    source = add_source(ws)
    sources.add_rejections(ws.database, source.id, [Rejection("f.fits", "nan", "all NaN")])
    assert sources.list_rejections(ws.database, source.id)[0].code == "nan"
    sources.delete_source(ws.database, source.id)
    assert sources.count_cutouts(ws.database, source.id) == 0
    assert sources.list_rejections(ws.database, source.id) == []


def test_scores_are_ordered_and_never_overwritten(ws: Workspace) -> None:
    source = add_source(ws)
    dataset = dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    run = runs.create_run(ws.database, name="r", dataset_id=dataset.id, model="m", spec={"a": 1})
    ids = list(ids_of(ws, source).values())
    stored_scores.add_scores(ws, run.id, source.id, ids[:3], [0.5, 0.9, 0.5])
    stored_scores.add_scores(ws, run.id, source.id, ids[:4], [0.0, 0.0, 0.0, 0.1])
    keys, scores = stored_scores.scores_of(ws, run.id, source.id)
    assert keys.tolist() == [ids[1], ids[0], ids[2], ids[3]]
    assert scores.tolist() == [0.9, 0.5, 0.5, 0.1]
    assert stored_scores.score_counts(ws) == [(run.id, source.id, 4)]
    assert stored_scores.scores_of_cutout(ws, ids[1]) == [(run.id, 0.9)]


def test_a_repeated_epoch_replaces_the_earlier_one(ws: Workspace) -> None:
    add_source(ws)
    dataset = dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    run = runs.create_run(ws.database, name="r", dataset_id=dataset.id, model="m", spec={})
    for epoch, loss in ((1, 0.5), (0, 0.7), (1, 0.4)):
        runs.put_metrics(ws.database, run.id, epoch, {"loss": loss})
    assert runs.metrics_of(ws.database, run.id) == [{"epoch": 0, "loss": 0.7}, {"epoch": 1, "loss": 0.4}]


def test_a_study_holds_its_runs_in_the_order_of_their_places(ws: Workspace) -> None:
    add_source(ws)
    dataset = dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    made = [
        runs.create_run(ws.database, name=f"s-fold{k}", dataset_id=dataset.id, model="m", spec={"k": k})
        for k in (2, 1)
    ]
    study = studies.create_study(
        ws.database, name="s", kind="kfold", dataset_id=dataset.id, spec={"folds": 2}
    )
    other = studies.create_study(ws.database, name="t", kind="search", dataset_id=dataset.id, spec={})
    for place, run in ((2, made[0]), (1, made[1])):
        studies.add_run(ws.database, study.id, run.id, place=place)
    studies.add_run(ws.database, study.id, made[0].id, place=2, info={"auroc": float("nan")})
    entries = studies.runs_of(ws.database, study.id)
    assert [(entry.run.name, entry.place, entry.info) for entry in entries] == [
        ("s-fold1", 1, {}), ("s-fold2", 2, {"auroc": None}),
    ]  # fmt: skip
    assert [entry.run for entry in entries] == made[::-1]
    studies.update_study(ws.database, study.id, state="finished", summary={"n": 1}, finished_at=3.5)
    found = studies.get_study(ws.database, "s")
    assert (found.state, found.summary, found.finished_at) == ("finished", {"n": 1}, 3.5)
    assert studies.list_studies(ws.database) == [other, found]
    assert studies.list_studies(ws.database, kind="search") == [other]
    with pytest.raises(InvalidInput, match="There is a study called 's' already"):
        studies.create_study(ws.database, name="s", kind="kfold", dataset_id=dataset.id, spec={})


def test_a_vote_sent_twice_is_stored_once(ws: Workspace) -> None:
    source = add_source(ws, count=2)
    review, cutout_id = add_review(ws, source), next(iter(ids_of(ws, source).values()))
    vote: dict[str, Any] = {"client": "tab", "seq": 1, "review_id": review.id, "cutout_id": cutout_id}
    vote |= {
        "inspector": "çem",
        "grade": "A",
        "voted_at": 1234567890.123456,
        "comment": "a\nb",
        "seconds_spent": 0.5,
    }
    reviews.add_votes(ws.database, [vote])
    reviews.add_votes(ws.database, [vote, vote | {"seq": 2, "grade": None}])
    stored = reviews.votes_of(ws.database, review_id=review.id)
    assert [(v.seq, v.grade) for v in stored] == [(1, "A"), (2, None)]
    assert {name: getattr(stored[0], name) for name in vote} == vote
    assert reviews.votes_of(ws.database, inspector="nobody") == []
    assert len(reviews.votes_of(ws.database, cutout_id=cutout_id)) == 2
    assert len(reviews.votes_of(ws.database, source_id=source.id)) == 2
    assert voted_per_review(ws) == {}  # it was withdrawn
    assert reviews.count_votes(ws.database) == 2


def test_a_review_keeps_the_order_of_its_queue(ws: Workspace) -> None:
    source = add_source(ws)
    queue = np.array(list(ids_of(ws, source).values())[::-1], np.int64)
    review = reviews.create_review(
        ws.database, name="r", source_id=source.id, run_id=None, spec={}, queue=queue
    )
    np.testing.assert_array_equal(reviews.queue_of(ws.database, review.id), queue)
    assert review.size == 60


def test_a_dataset_that_cannot_be_stored_whole_is_not_stored_at_all(ws: Workspace) -> None:
    add_source(ws)
    members = [
        {"cutout_id": 1, "part": "train", "label": "lens", "group_id": 0, "fold": None, "label_from": None}
    ]
    with pytest.raises(Exception, match=r"label_from|NOT NULL"):
        datasets.create_dataset(
            ws.database, name="d", source_ids=[1], bands=["g"], spec={}, counts={}, checksum="0",
            members=members,
        )  # fmt: skip
    assert datasets.list_datasets(ws.database) == []


def test_the_round_from_split_to_feedback_and_catalogue_runs_on_both_databases(ws: Workspace) -> None:
    add_source(ws)
    field = add_source(ws, "field", count=5, labelled=False, first_ra_deg=200.0)
    first = dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec(folds=2))
    review, ids = add_review(ws, field), ids_of(ws, field)
    add_votes(ws, review, "ann", {ids["field-000"]: "A", ids["field-001"]: "X"})
    made = feedback.feed_back(
        ws, dataset_name=first.name, review_names=["look"], rules=feedback.FeedbackRules()
    )
    assert datasets.count_members(ws.database, made.id) == 62
    assert dataset_service.verify_checksum(ws, made.name) == made.checksum
    assert [entry["part"] for entry in datasets.memberships_of(ws.database, ids["field-000"])] == ["train"]
    assert sorted(catalogue(ws, CatalogueQuery(of=("field",)))["grade"]) == ["", "", "", "A", "X"]
    assert len(select(ws, CatalogueQuery(of=("field",))).vote_table(ws)) == 2


cubes = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=5),
    elements=st.floats(-1e6, 1e6, width=32) | st.just(np.float32(np.nan)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pixels=cubes, shard_rows=st.integers(1, 3), dtype=st.sampled_from(["float32", "int16"]), data=st.data()
)
def test_packed_pixels_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    pixels: np.ndarray,
    shard_rows: int,
    dtype: str,
    data: st.DataObject,
) -> None:
    count, height, width, bands = pixels.shape
    packing = Packing(
        slots=count, height=height, width=width, bands=tuple(f"b{k}" for k in range(bands)),
        shard_rows=shard_rows, dtype=dtype,
    )  # fmt: skip
    writer = ShardWriter.create(tmp_path_factory.mktemp("pack") / "s", packing)
    for row in data.draw(st.permutations(range(count))):
        writer.write(row, pixels[row])
    rows = np.array(data.draw(st.lists(st.integers(0, count - 1), max_size=6)), np.int64)
    read = writer.finish().read(rows)
    wanted = pixels[rows]
    np.testing.assert_array_equal(np.isnan(read), np.isnan(wanted))
    if dtype == "float32":
        np.testing.assert_array_equal(read, wanted)
        return
    for got, image in zip(read, wanted, strict=True):
        for band in range(bands):
            finite = image[..., band][np.isfinite(image[..., band])]
            reach = float(np.ptp(finite)) if finite.size else 0.0
            largest = float(np.abs(finite).max()) if finite.size else 0.0
            near = np.abs(got[..., band] - image[..., band]) <= reach / 60_000 + 4e-7 * largest
            assert near[np.isfinite(image[..., band])].all()


def small_packing(slots: int = 3) -> Packing:
    return Packing.plan(slots=slots, height=2, width=2, bands=("g",))


def test_half_written_pixels_cannot_be_read(tmp_path: Path) -> None:
    writer = ShardWriter.create(tmp_path / "s", small_packing())
    writer.write(0, np.ones((2, 2, 1), np.float32))
    with pytest.raises(NotFound, match="unfinished import"):
        PackedCutouts.open(tmp_path / "s")


def test_an_interrupted_import_keeps_the_rows_that_it_wrote(tmp_path: Path) -> None:
    first = ShardWriter.create(tmp_path / "s", small_packing())
    first.write(1, np.full((2, 2, 1), 7, np.float32))
    first.flush()
    again = ShardWriter.create(tmp_path / "s", small_packing()).finish()
    assert again.read(np.array([1])).ravel().tolist() == [7, 7, 7, 7]


def test_an_interrupted_import_of_another_shape_starts_anew(tmp_path: Path) -> None:
    ShardWriter.create(tmp_path / "s", small_packing())
    packed = ShardWriter.create(tmp_path / "s", small_packing(5)).finish()
    assert packed.shape == (5, 2, 2, 1)


def test_finished_pixels_are_never_overwritten(tmp_path: Path) -> None:
    ShardWriter.create(tmp_path / "s", small_packing()).finish()
    with pytest.raises(StorageError, match="packed already"):
        ShardWriter.create(tmp_path / "s", small_packing())


def test_a_lost_shard_and_a_broken_manifest_are_named(tmp_path: Path) -> None:
    packed = ShardWriter.create(tmp_path / "s", small_packing()).finish()
    next((tmp_path / "s").glob("shard-*.npy")).unlink()
    with pytest.raises(StorageError, match=r"shard-00000\.npy"):
        packed.read(np.array([0]))
    (tmp_path / "s" / MANIFEST).write_text("{")
    with pytest.raises(InvalidInput, match="JSON"):
        PackedCutouts.open(tmp_path / "s")
