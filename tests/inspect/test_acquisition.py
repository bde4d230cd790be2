"""Orders of active learning: their formulas by hand, their laws, and the reviews made of them."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp import jobs
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect import acquisition
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.score import uncertainty
from lensapp.core.score.similarity import unit_rows
from lensapp.services.inspect.acquisition import has_bald, start_bald
from lensapp.services.inspect.queues import create_review
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.estimates import bald_store
from lensapp.storage.records import Review
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_features, add_review, add_votes

SCORES = st.lists(st.floats(0, 1), min_size=4, max_size=40)


def test_uncertainty_is_as_worked_by_hand():
    np.testing.assert_allclose(uncertainty.entropy([0.5, 1.0]), [math.log(2), 0], atol=1e-9)
    np.testing.assert_allclose(uncertainty.entropy([[0.25, 0.25, 0.5]]), [1.5 * math.log(2)])
    np.testing.assert_allclose(uncertainty.margin([0.5, 0.9]), [0, 0.8])
    np.testing.assert_allclose(uncertainty.margin([[0.2, 0.5, 0.3]]), [0.2])
    np.testing.assert_allclose(uncertainty.committee_scatter(np.array([[0.0, 0.4], [1.0, 0.4]])), [0.5, 0])
    with pytest.raises(InvalidInput, match="at least two"):
        uncertainty.committee_scatter(np.array([[0.1, 0.2]]))


def test_bald_is_what_passes_disagree_on_not_what_they_doubt_together():
    passes = np.array([[0.5, 0.0, 0.9], [0.5, 1.0, 0.9]])
    np.testing.assert_allclose(uncertainty.mutual_information(passes), [0, math.log(2), 0], atol=1e-9)
    of_classes = np.stack([1 - passes, passes], axis=-1)
    np.testing.assert_allclose(
        uncertainty.mutual_information(of_classes), uncertainty.mutual_information(passes)
    )


@given(SCORES, SCORES)
@settings(max_examples=30, deadline=None)
def test_bald_lies_between_nothing_and_the_entropy(first, second):
    count = min(len(first), len(second))
    passes = np.array([first[:count], second[:count]])
    bald = uncertainty.mutual_information(passes)
    assert (bald >= 0).all()
    assert (bald <= uncertainty.entropy(passes.mean(axis=0)) + 1e-9).all()


@given(st.integers(2, 40), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_k_centre_chooses_each_once_and_none_nearer_than_what_is_left(count, wanted):
    features = np.random.default_rng(count).normal(size=(count, 3))
    chosen = acquisition.k_centre(features, wanted)
    assert len(set(chosen.tolist())) == min(count, wanted) == len(chosen)
    distance = 1 - unit_rows(features) @ unit_rows(features[chosen]).T
    farthest_left = distance.min(axis=1).max()
    apart = distance[chosen][~np.eye(len(chosen), dtype=bool)]
    assert (apart >= farthest_left - 1e-5).all()


def test_k_centre_chooses_among_equals_in_their_order():
    assert acquisition.k_centre(np.zeros((3, 2), np.float32), 3).tolist() == [0, 1, 2]


def test_diverse_batches_stay_among_the_best_scored_and_do_not_repeat_a_kind():
    kinds = np.eye(5, dtype=np.float32)[np.arange(40) % 5]
    scores = np.linspace(1, 0, 40)
    order = acquisition.diverse_order(kinds, scores, batch=5, pool=2)
    assert sorted(order.tolist()) == list(range(40))
    assert order[0] == 0
    assert set(order[:5] % 5) == {0, 1, 2, 3, 4}
    assert order[:5].max() < 10
    assert len(acquisition.diverse_order(kinds, scores, batch=5, pool=2, count=7)) == 7


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def ids(ws: Workspace) -> np.ndarray:
    """Twelve candidates at angles of 0 to 90 degrees, the last ones scored highest by the run "first"."""
    angles = np.linspace(0, np.pi / 2, 12)
    keys = add_features(ws, np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32))
    score(ws, "first", keys, np.linspace(0.05, 0.95, 12))
    return keys


def score(ws: Workspace, run_name: str, ids: np.ndarray, scores: np.ndarray) -> None:
    source = sources.get_source(ws.database, "sky")
    run = runs.get_run(ws.database, run_name)
    stored_scores.add_scores(ws, run.id, source.id, ids.tolist(), scores.tolist())


def queue(ws: Workspace, review: Review) -> list[int]:
    return list(reviews.queue_of(ws.database, review.id).tolist())


def shown(ws: Workspace, order: str, **settings: object) -> list[int]:
    spec = ReviewSpec.parse({"order": order} | settings)
    name = f"by-{order}-{len(reviews.list_reviews(ws.database))}"
    return queue(ws, create_review(ws, name=name, source_name="sky", run_name="first", spec=spec))


def test_a_review_begins_with_the_least_certain(ws, ids):
    for order in ("entropy", "margin"):
        assert set(shown(ws, order, limit=2)) == set(ids[[5, 6]].tolist())
    assert shown(ws, "entropy", include="lens", limit=1)[0] in ids[[3, 6]].tolist()


def test_a_review_begins_with_what_a_committee_disputes(ws, ids):
    with pytest.raises(InvalidInput, match="at least two runs"):
        shown(ws, "committee")
    dataset = datasets.get_dataset(ws.database, "v1")
    runs.create_run(ws.database, name="second", dataset_id=dataset.id, model="elu_cnn", spec={})
    other = np.linspace(0.05, 0.95, 12)
    other[4] = 1.0
    score(ws, "second", ids, other)
    assert shown(ws, "committee", limit=1) == [ids[4]]
    assert shown(ws, "committee", limit=1, committee=["first", "second"]) == [ids[4]]
    assert shown(ws, "committee", limit=1, also_runs=["second"]) == [ids[4]]
    together = shown(ws, "score", limit=3, also_runs=["second"])  # (0.38 + 1) / 2 at the fifth
    assert together == ids[[11, 10, 9]].tolist()
    assert set(shown(ws, "score", min_score=0.68, also_runs=["second"])) == set(ids[[4, *range(8, 12)]])
    with pytest.raises(InvalidInput, match="The further runs second need a run besides them"):
        create_review(ws, name="x", source_name="sky", spec=ReviewSpec(order="given", also_runs=("second",)))


def test_a_review_by_bald_needs_passes_with_dropout_of_this_network(ws, ids):
    with pytest.raises(NotFound, match="lensapp bald first sky"):
        shown(ws, "bald")
    values = np.zeros((12, 4), np.float32)
    values[[8, 2], 0] = (0.4, 0.2)
    bald_store(ws, "first", "sky").add(ids, values)
    assert shown(ws, "bald", limit=2) == ids[[8, 2]].tolist()
    (ws.run_folder("first") / "best.keras").write_bytes(b"trained further")
    with pytest.raises(NotFound, match="no Monte-Carlo dropout"):
        shown(ws, "bald")


def test_a_diverse_review_spreads_over_the_best_scored(ws, ids):
    found = shown(ws, "diverse", limit=3, batch=3, pool=2)
    assert found[0] == ids[11]
    assert found[1] == ids[6], "the farthest of the six best"
    assert shown(ws, "diverse", limit=None, batch=4)[-1] in ids


def test_a_review_shows_what_is_like_the_last_positives(ws, ids):
    with pytest.raises(InvalidInput, match="graded A or B"):
        shown(ws, "similar")
    source = sources.get_source(ws.database, "sky")
    review = add_review(ws, source, "graded")
    grades: dict[int, str | None] = {int(ids[0]): "A", int(ids[5]): "X", int(ids[9]): "B"}
    add_votes(ws, review, "ada", grades)
    assert set(shown(ws, "similar", limit=2, positives=1)) == set(ids[[8, 10]].tolist())
    everything = shown(ws, "similar", limit=None)
    assert set(everything[:3]) == set(ids[[8, 10, 1]].tolist())
    assert ids[0] not in everything


def test_orders_that_need_a_run_say_so(ws, ids):
    with pytest.raises(InvalidInput, match="The order 'entropy' needs a run"):
        create_review(ws, name="x", source_name="sky", spec=ReviewSpec(order="entropy"))
    (ws.run_folder("first") / "best.keras").unlink()
    with pytest.raises(InvalidInput, match="trained network"):
        start_bald(ws, run_name="first", source_name="sky")


def test_a_network_without_dropout_is_refused_before_a_job_is_queued(ws, ids):
    run = runs.get_run(ws.database, "first")
    runs.update_run(ws.database, run.id, spec=run.spec | {"network": "simple_cnn", "network_options": {}})
    with pytest.raises(InvalidInput, match=r"has no dropout.*Choose a run with dropout"):
        start_bald(ws, run_name="first", source_name="sky")
    with pytest.raises(InvalidInput, match="has no dropout"):
        has_bald(ws, run_name="first", source_name="sky")
    assert jobs.recent(ws.database) == []
