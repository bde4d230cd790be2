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
from networks_on_backend import TRACED_ONLY, score_saved, small_network, some_pixels, step_each
from test_models import SMALL

CHILD = Path(__file__).with_name("networks_on_backend.py")
SCORED = ("simple_cnn", "lenet5", "rotational_cnn")
TOLERANCE = 1e-5
UNOPTIMISED = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""Compiling takes longer than the few steps here, so that it had better not optimise."""


def on_backend(backend: str, *arguments: str) -> dict[str, object]:
    if find_spec(backend) is None:
        pytest.skip(f"needs the package {backend}, which is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(CHILD.parents[1])}
    environment["XLA_FLAGS"] = UNOPTIMISED
    done = subprocess.run(
        [sys.executable, CHILD, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_network_takes_a_training_step_here():
    losses = step_each()
    assert set(losses) == set(SMALL)
    assert all(loss is None or math.isfinite(loss) for loss in losses.values())


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_network_takes_a_training_step_elsewhere(backend):
    losses = on_backend(backend)
    assert set(losses) == set(SMALL)
    skipped = {name for name, loss in losses.items() if loss is None}
    assert skipped == (set(TRACED_ONLY) if backend == "jax" else set())
    assert all(loss is None or math.isfinite(loss) for loss in losses.values())


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_saved_network_scores_alike_on_another_backend(backend, tmp_path):
    for name in SCORED:
        network = small_network(name, side=some_pixels(name).shape[1])
        keras.saving.save_model(network, tmp_path / f"{name}.keras")
    here, there = score_saved(tmp_path), on_backend(backend, str(tmp_path))
    assert set(here) == set(there) == set(SCORED)
    for name in SCORED:
        np.testing.assert_allclose(there[name], here[name], atol=TOLERANCE)
