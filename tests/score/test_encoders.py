"""Encoders of others: what they see is what their file computes, and heads on it score as one run."""

import json
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lensapp.cli import main
from lensapp.core.errors import InvalidInput
from lensapp.core.score.encoder_spec import EncoderSpec
from lensapp.core.split.splits import SplitSpec
from lensapp.learning.encoders.embedding_tables import read_embeddings
from lensapp.learning.encoders.onnx_graphs import encoder_graph, tried
from lensapp.learning.score.onnx_export import open_session, run_session
from lensapp.services.split.datasets import freeze_split
from lensapp.storage import runs
from lensapp.storage.features import load_features
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import pack_source

SIDE = 8


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """90 cutouts in g, r, i: every third, a lens, is brighter in i."""
    rng = np.random.default_rng(3)
    images = rng.normal(size=(90, SIDE, SIDE, 3)).astype(np.float32)
    images[::3, :, :, 2] += 1.0
    return images


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray) -> Workspace:
    workspace = Workspace.open(tmp_path_factory.mktemp("encoders") / "workspace")
    cutouts = [
        {"row": row, "candidate_id": f"J{row:03d}", "label": "nonlens" if row % 3 else "lens"}
        for row in range(len(pixels))
    ]
    pack_source(workspace, "sky", pixels, cutouts)
    pack_source(workspace, "reversed", pixels, cutouts, bands=("i", "r", "g"))
    freeze_split(workspace, source_names=["sky"], spec=SplitSpec(), name="sky-v1")
    return workspace


def called(ws: Workspace, capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    assert main(["--workspace", str(ws.folder), *map(str, words), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def refused(ws: Workspace, capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main(["--workspace", str(ws.folder), *map(str, words)]) == 2
    return capsys.readouterr().err


def mean_of_channels(path: Path, *, channels: int = 2, batch: int | str = "n", side: int = SIDE) -> Path:
    """An encoder made by hand: the features are the means of its channels."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (batch, channels, side, side))
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, (batch, channels, side, side))
    node = helper.make_node("Mul", ["image", "one"], ["maps"])
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    graph = helper.make_graph([node], "means", [image], [maps], [one])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_an_encoder_gives_its_channels_as_its_description_says(ws, pixels, tmp_path, capsys):
    file = mean_of_channels(tmp_path / "means.onnx")
    description = {
        "bands": ["g", "r", "i"], "channels": ["i", "g"], "input_pixels": SIDE, "stretch": "none",
        "factor": [2.0, 1.0], "offset": [0.0, -5.0],
    }  # fmt: skip
    file.with_suffix(".json").write_text(json.dumps(description))
    assert called(ws, capsys, "encoder", file, "--name", "means")["dimensions"] == 2
    assert called(ws, capsys, "features", "means", "sky", "--map", "pca")["features"] == 90
    _, features = load_features(ws, "means", "sky")
    expected = np.stack([2 * pixels[..., 2].mean((1, 2)), pixels[..., 0].mean((1, 2)) - 5], axis=1)
    np.testing.assert_allclose(features, expected, atol=1e-5)
    words = refused(ws, capsys, "features", "means", "reversed")
    assert "g,r,i" in words
    assert "the order differs" in words
    assert "gives features and no score" in refused(ws, capsys, "score", "means", "sky")
    assert runs.get_run(ws.database, "means").spec["sha256"]


def test_a_head_scores_with_its_encoder_as_one_run(ws, pixels, tmp_path, capsys):
    file = mean_of_channels(tmp_path / "three.onnx", channels=3)
    options = ("--bands", "g,r,i", "--input-pixels", SIDE, "--stretch", "none")
    called(ws, capsys, "encoder", file, "--name", "three", *options)
    found = called(ws, capsys, "head", "three", "sky-v1", "--name", "on-three")
    assert (found["dimensions"], found["cutouts"]) == (3, 51)
    assert called(ws, capsys, "evaluate", "on-three")["auroc"] == 1.0
    assert called(ws, capsys, "score", "on-three", "sky")["scored"] == 90
    ids, scores = stored_scores.scores_of(ws, runs.get_run(ws.database, "on-three").id, 1)
    scores = scores[np.argsort(ids)]
    assert np.min(scores[::3]) > np.max(np.delete(scores, np.s_[::3]))
    # Every score is the logistic of one linear function of the features, which four cutouts settle.
    logits = np.log(scores / (1 - np.asarray(scores, np.float64)))
    inputs = np.column_stack([pixels.mean((1, 2)), np.ones(90)])
    linear = np.linalg.lstsq(inputs, logits, rcond=None)[0]
    np.testing.assert_allclose(inputs @ linear, logits, atol=5e-3)
    assert called(ws, capsys, "features", "on-three", "sky")["dimensions"] == 3


def test_images_are_resized_and_words_averaged(tmp_path):
    words = helper.make_tensor_value_info("words", TensorProto.FLOAT, ("n", SIDE, 1))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ("n", SIDE, SIDE, 1))
    nodes = [
        helper.make_node("Transpose", ["image"], ["turned"], perm=(0, 3, 1, 2)),
        helper.make_node("ReduceMean", ["turned"], ["rows"], axes=(3,), keepdims=0),
        helper.make_node("Transpose", ["rows"], ["words"], perm=(0, 2, 1)),
    ]
    graph = helper.make_graph(nodes, "rows", [image], [words])
    path = tmp_path / "rows.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    spec = EncoderSpec(bands=("i",), layout="nhwc", stretch="none", input_pixels=SIDE, cutout_pixels=16)
    assert tried(encoder_graph(path, spec), tmp_path / "made.onnx", spec=spec) == 1
    cutout = np.zeros((1, 16, 16, 1), np.float32)
    cutout[0, 0, 0] = 64.0
    # Halved linearly at pixel centres: each of the 64 pixels is the mean of the four that it covers.
    assert run_session(open_session(tmp_path / "made.onnx"), cutout)[0, 0] == pytest.approx(0.25)


def test_a_network_that_keras_exports_sees_the_same_as_keras(ws, pixels, tmp_path, capsys):
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    file = tmp_path / "exported.onnx"
    signature = [keras.InputSpec(shape=(None, SIDE, SIDE, 3), dtype="float32", name="image")]
    network.export(file, format="onnx", input_signature=signature, verbose=False)
    options = ("--bands", "g,r,i", "--input-pixels", SIDE, "--layout", "nhwc", "--stretch", "none")
    called(ws, capsys, "encoder", file, "--name", "exported", *options)
    called(ws, capsys, "features", "exported", "sky")
    _, features = load_features(ws, "exported", "sky")
    np.testing.assert_allclose(features, network.predict(pixels, verbose=0), atol=1e-5)


def test_an_image_model_that_a_package_ships_gives_features(tmp_path):
    path = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"
    if not path.exists():
        pytest.skip("this version of onnx ships no squeezenet")
    spec = EncoderSpec(bands=("g", "r", "i"), channels=("i", "r", "g"), cutout_pixels=64)
    with pytest.raises(InvalidInput, match="Correct channels"):
        encoder_graph(path, spec.replaced(layout="nhwc"))
    assert tried(encoder_graph(path, spec), tmp_path / "squeezenet.onnx", spec=spec) == 1000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"channels": ("g", "z")}, "z are not among the bands"),
        ({"factor": (1.0,)}, "one number for each of the 3 channels"),
    ],
)
def test_descriptions_that_contradict_themselves_are_refused(changes, reason):
    with pytest.raises(InvalidInput, match=reason):
        EncoderSpec.parse({"bands": ("g", "r", "i"), **changes})


def test_files_that_are_no_encoder_are_refused_with_the_remedy(ws, tmp_path, capsys):
    (tmp_path / "text.onnx").write_text("no graph")
    assert "Export the network again" in refused(
        ws, capsys, "encoder", tmp_path / "text.onnx", "--name", "x", "--bands", "g"
    )
    file = mean_of_channels(tmp_path / "two.onnx")
    assert "Nothing says which bands" in refused(ws, capsys, "encoder", file, "--name", "x")
    words = refused(ws, capsys, "encoder", file, "--name", "x", "--bands", "g,r,i", "--input-pixels", 8)
    assert "Correct channels" in words
    assert "x" not in {run.name for run in runs.list_runs(ws.database)}


def table_of(path: Path, ids: list[str], values: np.ndarray) -> Path:
    from astropy.table import Table

    if path.suffix == ".npy":
        np.save(path, values)
        path.with_suffix(".txt").write_text("\n".join(ids) + "\n")
    elif path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        vectors = pa.array(values.tolist(), pa.list_(pa.float32()))
        parquet.write_table(pa.table({"id": ids, "embedding": vectors}), path)
    else:
        Table({"id": ids, "a": values[:, 0], "b": values[:, 1]}).write(path)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".npy"])
def test_a_table_of_embeddings_is_joined_by_id(ws, pixels, tmp_path, capsys, suffix):
    order = np.random.default_rng(1).permutation(90)
    values = pixels[order][..., 1:].mean((1, 2))
    ids = [f"J{row:03d}" for row in order]
    path = table_of(tmp_path / f"table{suffix}", [*ids, "K1"], np.vstack([values, [9, 9]]).astype(np.float32))
    name = f"table-{suffix[1:]}"
    more = ("--ids", path.with_suffix(".txt")) if suffix == ".npy" else ()
    found = called(ws, capsys, "embeddings", path, "sky", "--name", name, *more)
    assert [found[key] for key in ("joined", "without", "unknown", "dimensions")] == [90, 0, 1, 2]
    _, features = load_features(ws, name, "sky")
    np.testing.assert_allclose(features, pixels[..., 1:].mean((1, 2)), atol=1e-6)
    called(ws, capsys, "features", name, "sky", "--map", "pca")
    if suffix == ".fits":
        return
    scored = called(ws, capsys, "head", name, "sky-v1", "--name", f"on-{name}")
    assert (scored["scored"], scored["auroc"]) == (90, 1.0)


def test_embeddings_that_cannot_be_joined_are_refused(ws, tmp_path, capsys):
    path = table_of(tmp_path / "other.parquet", ["a", "b"], np.eye(2, dtype=np.float32))
    assert "--id-column" in refused(ws, capsys, "embeddings", path, "sky", "--name", "y")
    twice = table_of(tmp_path / "twice.parquet", ["a", "a"], np.eye(2, dtype=np.float32))
    with pytest.raises(InvalidInput, match="several rows for one ID"):
        read_embeddings(twice, id_column=None, ids_file=None)
