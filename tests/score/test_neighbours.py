"""The most alike candidates: an index beside the features, exact where few, and the review made of them."""

from pathlib import Path

import numpy as np
import pytest

from lensapp.core.errors import NotFound, StorageError
from lensapp.core.score.similarity import nearest, unit_rows
from lensapp.services.inspect import similar
from lensapp.services.score import neighbours
from lensapp.storage import reviews, sources
from lensapp.storage.features import features_folder
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_features, store_features


def features_like_a_network(count: int, dimensions: int = 32) -> np.ndarray:
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(6, dimensions))
    return np.maximum(rng.normal(size=(count, 6)) @ basis, 0).astype(np.float32)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws")


def test_chunked_comparison_equals_one_product(monkeypatch):
    monkeypatch.setattr("lensapp.core.score.similarity.CHUNK_ROWS", 37)
    features = features_like_a_network(300)
    found, cosines = nearest(features, features[:5], 12)
    alike = unit_rows(features[:5]) @ unit_rows(features).T
    assert (found == np.argsort(-alike, axis=1, kind="stable")[:, :12]).all()
    np.testing.assert_allclose(cosines, -np.sort(-alike, axis=1)[:, :12], atol=1e-6)


def test_the_index_recalls_the_exact_neighbours(tmp_path):
    features = features_like_a_network(1500)
    path = tmp_path / "neighbours.usearch"
    neighbours.build_index(path, features)
    queries = features[::100]
    found, cosines = neighbours.search_index(path, queries, 20)
    exact, _ = nearest(features, queries, 20)
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True)]
    assert sum(hits) / exact.size > 0.97
    products = unit_rows(queries) @ unit_rows(features).T
    np.testing.assert_allclose(cosines, np.take_along_axis(products, found, axis=1), atol=5e-3)


def test_an_index_serves_many_candidates_and_is_built_again_for_other_features(ws, monkeypatch):
    features = features_like_a_network(300)
    ids = add_features(ws, features)
    wanted = {"run_name": "first", "source_name": "sky", "cutout_id": int(ids[7]), "count": 9}
    exact = neighbours.find_neighbours(ws, **wanted)
    assert exact.exact
    assert not neighbours.ensure_index(ws, run_name="first", name="sky")
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 100)
    assert neighbours.find_neighbours(ws, **wanted).exact, "nothing is built while a page waits"
    assert neighbours.ensure_index(ws, run_name="first", name="sky")
    through_index = neighbours.find_neighbours(ws, **wanted)
    assert not through_index.exact
    assert ids[7] not in through_index.cutout_ids
    assert len(np.intersect1d(through_index.cutout_ids, exact.cutout_ids)) >= 8
    [kept] = features_folder(ws, "first", "sky").glob(neighbours.PATTERN)
    neighbours.ensure_index(ws, run_name="first", name="sky")
    source = sources.get_source(ws.database, "sky")
    store_features(ws, source, features, run_name="first", network=b"another network")
    neighbours.ensure_index(ws, run_name="first", name="sky")
    [other] = features_folder(ws, "first", "sky").glob(neighbours.PATTERN)
    assert other != kept


def test_a_damaged_index_is_named(tmp_path):
    path = tmp_path / "neighbours.usearch"
    path.write_bytes(b"no index")
    with pytest.raises(StorageError, match="Delete it"):
        neighbours.search_index(path, np.ones((1, 4), np.float32), 2)


def test_a_review_shows_a_candidate_and_those_most_alike_it(ws):
    features = np.zeros((30, 4), np.float32)
    features[:, 0] = 1
    features[:, 1] = np.linspace(0, 1, 30)
    ids = add_features(ws, features)
    source = sources.get_source(ws.database, "sky")
    wanted = {"run_name": "first", "source": source, "cutout_id": int(ids[10]), "count": 4}
    made, found = similar.review_alike(ws, **wanted)
    assert made.name == "like-sky-010"
    assert reviews.queue_of(ws.database, made.id)[0] == ids[10]
    assert set(found.cutout_ids.tolist()) == set(ids[[9, 11, 8, 12]].tolist())
    assert found.cosines.tolist() == sorted(found.cosines.tolist(), reverse=True)
    again, _ = similar.review_alike(ws, **wanted)
    assert again.id == made.id
    assert neighbours.runs_with_features(ws, "sky") == ["first"]
    assert similar.candidate_called(ws, source, "sky-010") == ids[10]
    with pytest.raises(NotFound, match="features"):
        neighbours.find_neighbours(ws, run_name="first", source_name="sky", cutout_id=10**6)
