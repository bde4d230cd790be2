"""Take a training step of every network on the library named by KERAS_BACKEND; print the losses as JSON.

A child process of `test_backends`, since Keras takes up one library for good. It also scores the networks
that are saved in the folder of its argument.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lensapp.core.train.tasks import Head
from models.registry import REGISTRY, build
from support.small_networks import SMALL

TRACED_ONLY = {
    *("elu_cnn", "lens_cnn", "alexnet", "vgg16", "overfeat", "googlenet", "inception_v4"),
    *("resnet34", "resnet101", "resnet152", "lastro_baseline", "lastro_views", "lastro_residual"),
}
"""Networks of Keras's own layers whose step JAX traces and lowers but does not compile, which takes seconds
each. Unoptimised compilation (XLA_FLAGS) is no way out: jax 0.10.2 then returned gradients of nan."""

LABELS = np.array([[0.0], [1.0]], np.float32)


def step_each() -> dict[str, float | None]:
    take_step = step_on_jax if keras.backend.backend() == "jax" else step_on_keras
    return {name: take_step(name) for name in SMALL}


def small_network(name: str, *, side: int) -> keras.Model:
    return build(name, input_shape=(side, side, 1), spec=SMALL[name], head=Head())


def some_pixels(name: str) -> np.ndarray:
    side = max(8, REGISTRY[name].smallest_size(SMALL[name]))
    return np.random.default_rng(0).normal(size=(2, side, side, 1)).astype(np.float32)


def step_on_keras(name: str) -> float:
    pixels = some_pixels(name)
    network = small_network(name, side=pixels.shape[1])
    assert network(pixels).shape == (2, 1)
    network.compile("sgd", "binary_crossentropy", run_eagerly=True)
    return float(network.train_on_batch(pixels, LABELS))


def step_on_jax(name: str) -> float | None:
    """Compile gradients and a step of a network without Keras's trainer, whose figures compile slowly."""
    import jax

    pixels = some_pixels(name)
    with keras.StatelessScope(initialize_variables=False):
        network = small_network(name, side=pixels.shape[1])
    weights = [first_value(variable) for variable in network.trainable_variables]
    rest = [first_value(variable) for variable in network.non_trainable_variables]
    scores, _ = jax.eval_shape(partial(network.stateless_call, training=False), weights, rest, pixels)
    assert scores.shape == (2, 1)
    gradients = jax.value_and_grad(partial(loss_of, network, rest, pixels))
    step = jax.jit(partial(descend, gradients)).lower(weights)
    if name in TRACED_ONLY:
        return None
    loss, changed = step.compile()(weights)
    assert all(np.isfinite(weight).all() for weight in changed)
    assert any((np.asarray(new) != old).any() for new, old in zip(changed, weights, strict=True))
    return float(loss)


def loss_of(network: keras.Model, rest: list[Any], pixels: np.ndarray, weights: list[Any]) -> Any:
    scores, _ = network.stateless_call(weights, rest, pixels, training=True)
    return keras.ops.mean(keras.losses.binary_crossentropy(LABELS, scores))


def descend(gradients: Any, weights: list[Any]) -> Any:
    loss, slopes = gradients(weights)
    return loss, [weight - 0.01 * slope for weight, slope in zip(weights, slopes, strict=True)]


def first_value(variable: keras.Variable) -> np.ndarray:
    if "seed" in variable.name:
        return np.zeros(variable.shape, variable.dtype)
    if variable.name == "moving_variance":
        return np.ones(variable.shape, variable.dtype)
    return (0.1 * np.random.default_rng(0).normal(size=variable.shape)).astype(variable.dtype)


def score_saved(folder: Path) -> dict[str, list[float]]:
    scores = {}
    for path in sorted(folder.glob("*.keras")):
        network = keras.saving.load_model(path, compile=False)
        scores[path.stem] = keras.ops.convert_to_numpy(network(some_pixels(path.stem)))[:, 0].tolist()
    return scores


if __name__ == "__main__":
    found = {"losses": step_each(), "scores": score_saved(Path(sys.argv[1]))}
    sys.stdout.write(json.dumps(found) + "\n")
