"""Large sources are scored in fewer bits only where that finds the same lenses, and the run says so."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.score import engine_choice, engines
from lensapp.learning.score.engine_choice import chosen_engine, compare_engines
from lensapp.learning.score.engines import FAST_ENGINES, engines_here, write_integer_network
from lensapp.learning.score.onnx_export import load_network
from lensapp.learning.score.scorers import TrainedNetwork
from lensapp.learning.score.scoring import score_source
from lensapp.storage import runs
from lensapp.storage.files import ENGINE, NETWORK, SOURCE_ENGINES
from support.scoring_workspace import Trained, add_source, train_tiny

PROJECT = Path(__file__).parents[2]
# Rounding of float32, of eight bits of mantissa and of 256 levels, grown through a few layers.
TOLERANCES = {"float32": 1e-5, "bfloat16": 0.02, "int8": 0.05}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_tiny(tmp_path_factory.mktemp("engines") / "workspace")


@pytest.fixture
def trained(original: Trained, tmp_path) -> Trained:
    return original.copied(tmp_path / "workspace")


@pytest.mark.parametrize("engine", FAST_ENGINES)
def test_each_engine_gives_what_keras_gives_within_its_precision(trained: Trained, engine) -> None:
    if engine not in engines_here():
        pytest.skip(f"{engine} needs OpenVINO, and bfloat16 a processor that has it")
    pixels = trained.pixels().read(np.arange(1, 61))
    reference = TrainedNetwork.open(trained.folder)
    images = reference.normalisation.apply(pixels)
    write_integer_network(trained.folder, images[:32])
    expected = np.asarray(load_network(trained.folder).predict(images, verbose=0))[:, 0]
    received = TrainedNetwork.open(trained.folder, engine=engine)
    assert received.engine == engine
    tolerance = TOLERANCES[engine.split()[1]]
    np.testing.assert_allclose(received.score(pixels), expected, rtol=0, atol=tolerance)
    assert np.ptp(expected) > 10 * tolerance


def test_weights_of_the_integer_network_fit_processors_without_vnni(trained: Trained) -> None:
    """There two products are summed in 16 bits: 2 * 255 * 64 fits, 2 * 255 * 127 does not."""
    pixels = trained.pixels().read(np.arange(1, 33))
    path = write_integer_network(
        trained.folder, TrainedNetwork.open(trained.folder).normalisation.apply(pixels)
    )
    stored = onnx.load(path).graph.initializer
    weights = [onnx.numpy_helper.to_array(one) for one in stored if one.data_type == onnx.TensorProto.INT8]
    largest = max(np.abs(one.astype(int)).max() for one in weights if one.size > 1)
    assert 32 < largest <= 64


def test_openvino_does_not_round_to_bfloat16_unless_asked(trained: Trained) -> None:
    if "openvino bfloat16" not in engines_here():
        pytest.skip("needs OpenVINO and a processor with bfloat16")
    pixels = trained.pixels().read(np.arange(1, 61))
    exact, rounded = (
        TrainedNetwork.open(trained.folder, engine=engine).score(pixels)
        for engine in ("openvino float32", "openvino bfloat16")
    )
    assert np.abs(exact - rounded).max() > 1e-5


def test_openvino_reports_nothing_over_the_network() -> None:
    """Its own package for that would send a message at each import."""
    if find_spec("openvino") is None:
        pytest.skip("needs OpenVINO")
    code = (
        "import socket, sys\n"
        "def refuse(*arguments): raise AssertionError(f'connects to {arguments}')\n"
        "socket.getaddrinfo = socket.socket.connect = refuse\n"
        "from lensapp.learning.score.engines import engines_here\n"
        "assert 'openvino float32' in engines_here()\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


class Marks:
    """Cutouts of one pixel that holds a score, so that any engine can be played."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores.astype(np.float32)
        self.shape = (len(scores), 1, 1, 1)

    def read(self, rows: np.ndarray) -> np.ndarray:
        return self.scores[rows].reshape(-1, 1, 1, 1)


def played(reference: TrainedNetwork, *, seconds: float, change: Callable[[Any], Any]) -> TrainedNetwork:
    """A network that gives its pixel, changed, and works for some time on each batch."""

    def compute(images: np.ndarray) -> np.ndarray:
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass
        return np.asarray(change(images.reshape(-1, 1)), np.float32)

    norm = reference.normalisation.model_copy(
        update={
            "kind": "none",
            "bands": ("g",),
            "size": (1, 1),
            "centre": (0.0,),
            "scale": (1.0,),
            "gain": (1.0,),
        }
    )
    return replace(reference, normalisation=norm, compute=compute, threads=1, batch=64)


def test_the_fastest_engine_whose_recall_stays_within_its_limits_is_chosen(original: Trained) -> None:
    """Of 200 lenses and 400 others: one engine inverts scores, one lifts others, one rounds to hundredths."""
    rng = np.random.default_rng(1)
    labels = (np.arange(600) % 3 == 0).astype(int)
    scores = np.clip(rng.normal(0.35 + 0.3 * labels, 0.12), 0, 1)
    part = LabelledCutouts(cutouts=Marks(scores), rows=np.arange(600), labels=labels, bands=("g",))
    opened = TrainedNetwork.open(original.folder)
    reference = played(opened, seconds=0.01, change=lambda x: x)
    networks = {
        "openvino int8": played(opened, seconds=0.0, change=lambda x: 1 - x),
        "onnxruntime int8": played(opened, seconds=0.001, change=lambda x: np.minimum(x, 0.55)),
        "openvino bfloat16": played(opened, seconds=0.0025, change=lambda x: np.round(x, 2)),
        "openvino float32": played(opened, seconds=0.01, change=lambda x: x),
    }
    choice = compare_engines(reference, networks, part)
    assert choice["engine"] == "openvino bfloat16"
    tried = {one["engine"]: one for one in choice["candidates"]}
    assert [tried[name]["accepted"] for name in networks] == [False, False, True, False]
    assert not tried["openvino float32"]["figures"]  # too slow to be worth a comparison
    assert tried["openvino bfloat16"]["largest_change"] == pytest.approx(0.005, abs=2e-4)
    assert tried["openvino int8"]["figures"]["auroc"] == pytest.approx(1 - tried["auto"]["figures"]["auroc"])
    limits = choice["limits"]["recall_fpr_1e-2"]
    assert tried["onnxruntime int8"]["figures"]["recall_fpr_1e-2"] < limits["low"]
    slower = compare_engines(reference, {"openvino int8": networks["openvino int8"]}, part)
    assert slower["engine"] == "auto"


def test_the_choice_is_kept_with_the_run_and_a_source_stays_with_the_engine_it_began_with(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_choice, "LEAST_LENSES", 5)
    monkeypatch.setattr(engine_choice, "LEAST_NONLENSES", 5)
    monkeypatch.setattr(engine_choice, "WORTH_CHANGING", 0.0)  # whatever is fastest today
    workspace = trained.workspace
    first = score_source(workspace, run_name="first", source_name="field", precision="fastest")
    kept = read_json(trained.folder / ENGINE)
    assert {one["engine"] for one in kept["candidates"]} == {"auto", *engines_here()}
    assert first["engine"] == kept["engine"] != "auto"
    assert read_json(trained.folder / SOURCE_ENGINES) == {"field": kept["engine"]}
    other = (
        next(name for name in engines_here() if name != kept["engine"]) if find_spec("openvino") else "auto"
    )
    (trained.folder / ENGINE).write_text((trained.folder / ENGINE).read_text().replace(kept["engine"], other))
    run = runs.get_run(workspace.database, "first")
    field = add_source(workspace, "second", count=12)
    engine = engine_choice.engine_for(workspace, run, trained.source, unscored=10**6, precision="auto")
    assert engine == kept["engine"]
    assert engine_choice.engine_for(workspace, run, field, unscored=100, precision="auto") == "auto"
    plain = score_source(workspace, run_name="first", source_name="second", precision="float32")
    assert plain["engine"] == "onnxruntime (CPU)"
    network = load_network(trained.folder)
    network.layers[-1].set_weights([0.9 * weight for weight in network.layers[-1].get_weights()])
    network.save(trained.folder / NETWORK)
    again = score_source(workspace, run_name="first", source_name="field")
    assert (again["scored"], again["engine"]) == (
        60,
        "onnxruntime (CPU)",
    )  # of another network: from the start


def test_few_lenses_decide_nothing(trained: Trained) -> None:
    choice = chosen_engine(trained.workspace, runs.get_run(trained.workspace.database, "first"))
    assert choice["engine"] == "auto"
    assert "too few lenses" in choice["reason"]
    assert read_json(trained.folder / ENGINE) == choice


def test_what_is_missing_is_named(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="trained further since it was put in integers"):
        TrainedNetwork.open(trained.folder, engine="onnxruntime int8")
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert engines_here() == ("onnxruntime int8",)
    with pytest.raises(InvalidInput, match=r"requirements-openvino\.txt"):
        TrainedNetwork.open(trained.folder, engine="openvino bfloat16")
