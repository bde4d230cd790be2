"""Features: stored once per run and source, mapped, grouped, and read without Keras."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lensapp.core.errors import InvalidInput, JobCancelled, NotFound
from lensapp.core.score.feature_spec import MapSpec
from lensapp.learning.score.feature_extractor import FeatureExtractor, without_head
from lensapp.learning.score.features import compute_features
from lensapp.learning.score.onnx_export import load_network
from lensapp.learning.score.projections import by_size, make_map
from lensapp.learning.score.scorers import TrainedNetwork, run_keras
from lensapp.services.score import features as service
from lensapp.storage.features import features_folder, load_features
from support.scoring_workspace import Trained, add_source, train_tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_tiny(tmp_path_factory.mktemp("features") / "workspace")


def test_the_last_layer_makes_the_scores_out_of_the_stored_features(trained: Trained) -> None:
    outcome = compute_features(trained.workspace, run_name="first", name="field")
    ids, values = load_features(trained.workspace, "first", "field")
    assert (outcome["features"], outcome["dimensions"]) == values.shape == (60, 8)
    assert values.dtype == np.float32
    network = load_network(trained.folder)
    kernel, bias = (np.asarray(part) for part in network.get_layer("score").get_weights())
    rows = np.array([cutout.row for cutout in _cutouts(trained, ids)])
    scores = TrainedNetwork.open(trained.folder).score(trained.pixels().read(rows))
    assert np.allclose(1 / (1 + np.exp(-(values @ kernel + bias)[:, 0])), scores, atol=1e-5)
    pixels = FeatureExtractor.open(trained.folder).network.normalisation.apply(trained.pixels().read(rows))
    assert np.allclose(run_keras(without_head(network), pixels), values, atol=1e-4)


def _cutouts(trained: Trained, ids: np.ndarray) -> list:
    from lensapp.storage import sources

    return sources.get_cutouts(trained.workspace.database, ids.tolist())


def test_features_go_on_where_they_were_stopped_and_grow_old_with_the_network(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = trained.copied(tmp_path / "copy")
    monkeypatch.setattr("lensapp.learning.score.features.CHUNK_ROWS", 16)
    told: list[dict] = []
    with pytest.raises(JobCancelled, match="16 of 60"):
        compute_features(
            copy.workspace, run_name="first", name="sky-v1", report=told.append, should_stop=lambda: "stop"
        )
    with pytest.raises(NotFound, match="complete for 16 of 60"):
        load_features(copy.workspace, "first", "sky-v1")
    compute_features(copy.workspace, run_name="first", name="sky-v1", report=told.append)
    assert [row["message"] for row in told][1] == "features of 32 of 60 cutouts"
    compute_features(trained.workspace, run_name="first", name="field")
    ids, values = load_features(copy.workspace, "first", "sky-v1")
    other_ids, others = load_features(trained.workspace, "first", "field")
    order = np.argsort(other_ids)
    assert np.allclose(values[np.argsort(ids)], others[order], atol=1e-5)
    assert not compute_features(copy.workspace, run_name="first", name="sky-v1")["images_per_second"]
    with (copy.folder / "best.keras").open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(NotFound, match="earlier network"):
        load_features(copy.workspace, "first", "sky-v1")


def test_a_committee_has_no_features(trained: Trained, tmp_path: Path) -> None:
    copy = trained.copied(tmp_path / "copy")
    (copy.folder / "committee.json").write_text("{}", "utf-8")
    with pytest.raises(InvalidInput, match="Choose one of its members"):
        FeatureExtractor.open(copy.folder)


def test_names_and_absent_features_are_refused_with_what_to_do(trained: Trained) -> None:
    add_source(trained.workspace, "other")
    with pytest.raises(NotFound, match="python -m lensapp features first other"):
        load_features(trained.workspace, "first", "other")
    with pytest.raises(NotFound, match="Known sources"):
        features_folder(trained.workspace, "first", "nowhere")


def blobs(*, count: int = 90, dimensions: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Three groups far apart, of 1/2, 1/3 and 1/6 of the points."""
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1, 2], [count // 2, count // 3, count // 6])
    centres = 20 * np.eye(3, dimensions)
    return centres[group] + rng.normal(size=(count, dimensions)), group


@pytest.mark.parametrize("kind", ["kmeans", "hdbscan"])
def test_groups_far_apart_are_found_largest_first_and_again_with_the_same_seed(kind: str) -> None:
    features, group = blobs()
    spec = MapSpec(method="pca", clusters=kind, cluster_count=3, min_cluster_size=8)
    found = make_map(np.arange(90), features, spec)
    inside = found.clusters >= 0
    assert np.array_equal(found.clusters[inside], group[inside])
    assert inside.mean() > 0.8
    again = make_map(np.arange(90), features, spec)
    assert np.array_equal(again.positions, found.positions)
    assert found.settings["found"] == 3


UMAP_ALONE = """
import sys, warnings
sys.modules["tensorflow"] = None  # UMAP would load it for a variant that we do not use
warnings.simplefilter("ignore")
import numpy as np
from lensapp.core.score.feature_spec import MapSpec
from lensapp.learning.score.projections import make_map
features = np.random.default_rng(0).normal(size=(20, 3)) + np.repeat([[0.0], [12.0]], 10, axis=0)
found = make_map(np.arange(20), features, MapSpec(method="umap", neighbours=4, clusters="kmeans",
                                                  cluster_count=2, sample=100))
print(len(set(found.clusters[:10])), len(set(found.clusters)), np.isfinite(found.positions).all())
gap = np.linalg.norm(found.positions[:10].mean(0) - found.positions[10:].mean(0))
print(gap > 5 * found.positions[:10].std(0).max())
"""


def test_umap_keeps_groups_apart() -> None:
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}  # compiling takes longer than twenty points do
    done = subprocess.run(
        [sys.executable, "-c", UMAP_ALONE], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.split() == ["1", "2", "True", "True"], done.stderr


def test_cutouts_beyond_the_sample_join_the_groups_of_the_sample() -> None:
    features, group = blobs(count=600)
    spec = MapSpec(method="pca", clusters="hdbscan", sample=300, min_cluster_size=20)
    found = make_map(np.arange(600), features, spec)
    inside = found.clusters >= 0
    assert np.array_equal(found.clusters[inside], group[inside])


def test_clusters_are_numbered_by_size_and_outliers_stay_outside() -> None:
    assert by_size(np.array([7, -1, 3, 3, 9, 3, 9])).tolist() == [2, -1, 0, 0, 1, 0, 1]
    assert by_size(np.array([-1, -1])).tolist() == [-1, -1]


def test_too_few_or_infinite_features_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 5 cutouts"):
        make_map(np.arange(3), np.zeros((3, 4)), MapSpec())
    with pytest.raises(InvalidInput, match="features are not finite"):
        make_map(np.arange(9), np.full((9, 4), np.nan), MapSpec())


def test_features_and_their_map_tell_each_step_and_no_time_left_that_the_next_step_would_belie(
    trained: Trained,
) -> None:
    told: list[dict] = []
    spec = MapSpec(method="pca", clusters="kmeans", cluster_count=2)
    compute_features(trained.workspace, run_name="first", name="sky-v1", spec=spec, report=told.append)
    assert [row["message"] for row in told][-2:] == [
        "step 2 of 2: principal components of 60 cutouts",
        "step 2 of 2: looking for groups in the map",
    ]
    fractions = [row["fraction"] for row in told]
    assert fractions == sorted(fractions)
    assert all(row["seconds_left"] is None for row in told)


def test_a_map_stands_beside_labels_scores_and_clusters(trained: Trained) -> None:
    spec = MapSpec(method="pca", clusters="kmeans", cluster_count=2)
    compute_features(trained.workspace, run_name="first", name="field", spec=spec)
    assert service.maps_made(trained.workspace, "first", "field") == ["pca"]
    table = service.map_table(trained.workspace, "first", "field", "pca", grades={})
    assert set(table["label"]) == {"lens", "nonlens"}
    assert table["candidate_id"].is_unique
    rows = service.cluster_rows(table)
    assert sum(row["size"] for row in rows) == 60
    assert max(row["lens_share"] for row in rows) > 0.8
    named = table.assign(object_class=["ring", "ring", "spiral", *[""] * 57], cluster=[0, 0, 0, *[1] * 57])
    assert [row["most_frequent"] for row in service.cluster_rows(named)] == ["ring 67\u202f%", ""]


ALONE = """
import sys
from lensapp.storage.features import load_features
from lensapp.storage.workspace import Workspace
ids, values = load_features(Workspace.open(sys.argv[1]), "first", "field")
loaded = [name for name in ("keras", "umap", "onnx", "sklearn") if name in sys.modules]
print(values.shape, type(values).__name__, loaded)
"""


def test_stored_features_are_read_in_place_without_a_network_library(trained: Trained) -> None:
    compute_features(trained.workspace, run_name="first", name="field")
    command = [sys.executable, "-c", ALONE, str(trained.workspace.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "(60, 8) memmap []"
