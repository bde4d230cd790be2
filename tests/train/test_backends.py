"""Every network trains on TensorFlow, JAX and PyTorch, and scores alike on each that is installed."""

import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest

from support.networks_on_backend import TRACED_ONLY, score_saved, small_network, some_pixels, step_each
from support.small_networks import SMALL

PROJECT = Path(__file__).parents[2]
CHILD = PROJECT / "tests" / "support" / "networks_on_backend.py"
SCORED = ("simple_cnn", "lenet5", "rotational_cnn")
TOLERANCE = 1e-5


def on_backend(backend: str, folder: Path) -> dict[str, dict[str, object]]:
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "tests")]),
    }
    done = subprocess.run(
        [sys.executable, CHILD, str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_network_takes_a_training_step_here():
    losses = step_each()
    assert set(losses) == set(SMALL)
    assert all(loss is None or math.isfinite(loss) for loss in losses.values())


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_networks_train_on_another_backend_and_score_there_as_here(backend, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"needs the package {backend}, which is not installed")
    for name in SCORED:
        network = small_network(name, side=some_pixels(name).shape[1])
        keras.saving.save_model(network, tmp_path / f"{name}.keras")
    here, there = score_saved(tmp_path), on_backend(backend, tmp_path)
    losses, scores = there["losses"], there["scores"]
    assert set(losses) == set(SMALL)
    assert {name for name in SMALL if losses[name] is None} == (TRACED_ONLY if backend == "jax" else set())
    assert all(math.isfinite(loss) for loss in losses.values() if loss is not None)
    assert set(here) == set(scores) == set(SCORED)
    for name in SCORED:
        np.testing.assert_allclose(scores[name], here[name], atol=TOLERANCE)


def test_loading_tensorflow_writes_no_notice_and_hides_nothing_else():
    script = "import os; from lensapp.core import backend; backend.choose_backend(); import keras\n"
    script += "keras.ops.ones(3); backend.without_notices().__enter__()\n"
    script += "os.write(2, b'F0000 a library that cannot go on\\n'); os.abort()"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode < 0
    # Its last words, then what Python may say of it, once the filter has written them.
    assert done.stderr.splitlines()[:1] == ["F0000 a library that cannot go on"]
