"""Grad-CAM and integrated gradients: hand-worked cases, every network, and a husky told by its snow."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest

from lensapp.core.errors import StorageError
from lensapp.core.evaluate.explain_spec import SCORE, ExplainSpec
from lensapp.core.train.input_spec import InputSpec
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask, Head
from lensapp.learning.explain import explaining
from lensapp.learning.explain.explaining import Explainer
from lensapp.learning.explain.gradients import GradientNetwork, likeness, over_cutout, randomise_weights
from models.registry import REGISTRY, build
from support.scoring_workspace import train_tiny
from support.small_networks import SMALL

PROJECT = Path(__file__).parents[3]
SIDE = 16
CORNER = np.zeros((SIDE, SIDE), bool)
CORNER[2:6, 2:6] = True


def as_it_is(side: int, bands: int = 1) -> FittedNormalisation:
    """A normalisation that leaves pixels alone."""
    each = {name: (float(name != "centre"),) * bands for name in ("centre", "scale", "gain")}
    names = tuple("grizy"[:bands])
    return FittedNormalisation(kind="none", softening=1.0, bands=names, size=(side, side), **each)


def gradients_of(network: keras.Model, *, task: FittedTask | None = None, about: str = SCORE):
    side, bands = network.input_shape[1], network.input_shape[3]
    return GradientNetwork.of(network, as_it_is(side, bands), task or FittedTask(), about=about)


def linear_network(weights: np.ndarray, *, units: int = 1, activation: str = "sigmoid") -> keras.Model:
    """One 1×1 convolution by 2, whose maps are flattened and summed up by `weights` (pixels, units)."""
    image = keras.Input((6, 6, 1))
    maps = keras.layers.Conv2D(1, 1, use_bias=False, name="maps")(image)
    head = keras.layers.Dense(units, activation=activation, name="score")
    network = keras.Model(image, head(keras.layers.Flatten()(maps)))
    network.get_layer("maps").set_weights([np.full((1, 1, 1, 1), 2.0)])
    head.set_weights([weights, np.full(units, 0.25)])
    return network


def test_a_linear_logit_is_explained_exactly_however_certain_the_network_is():
    rng = np.random.default_rng(0)
    weights, cutout = rng.normal(size=(6, 6)), np.zeros((6, 6, 1), np.float32)
    cutout[2:4, 2:5, 0] = 200.0  # the sigmoid is 0 or 1 to the last digit
    maps = gradients_of(linear_network(weights.reshape(36, 1))).maps(cutout, steps=8)
    np.testing.assert_allclose(maps.integrated, 2 * weights * cutout[..., 0], rtol=1e-5)
    assert maps.total == pytest.approx((2 * weights * cutout[..., 0]).sum(), rel=1e-5)
    assert maps.gap < 1e-4
    np.testing.assert_allclose(maps.grad_cam, 2 * weights * cutout[..., 0], rtol=1e-5)


def test_where_maps_are_averaged_the_map_is_that_of_selvaraju(husky):
    cutout = husky_cutouts(2, seed=6)[0][1]
    head = husky.get_layer("score")
    last = keras.Model(husky.inputs[0], husky.layers[-3].output)(cutout[None])
    alphas = np.asarray(head.kernel)[:, 0] / SIDE**2  # d logit / d pixel, averaged over pixels
    expected = (np.asarray(last)[0] * alphas).sum(axis=2)
    np.testing.assert_allclose(gradients_of(husky).maps(cutout, steps=8).grad_cam, expected, atol=1e-6)


def test_the_logit_of_several_classes_is_that_of_their_summed_probability():
    weights, cutout = np.random.default_rng(1).normal(0, 0.05, (36, 3)), np.ones((6, 6, 1), np.float32)
    cutout[0] = 0.0
    network = linear_network(weights, units=3, activation="softmax")
    task = FittedTask(
        kind="classes", output="softmax", classes=("lens", "ring", "star"), positive=("lens", "ring")
    )
    dark = np.zeros_like(cutout)
    probabilities = [np.asarray(network(one[None]))[0].astype(float) for one in (cutout, dark)]
    for about, columns in (("score", [0, 1]), ("star", [2])):
        gradients = gradients_of(network, task=task, about=about)
        images = keras.ops.convert_to_tensor(np.stack([cutout, dark]))
        answers = np.asarray(gradients.answers(gradients.second([gradients.first(images), images])))
        summed = [one[columns].sum() for one in probabilities]
        assert answers == pytest.approx([np.log(p / (1 - p)) for p in summed], rel=1e-4)


@pytest.mark.parametrize("name", list(SMALL))
def test_both_maps_of_every_network_have_the_size_of_the_cutout(name):
    side = max(33, REGISTRY[name].smallest_size(SMALL[name]))
    keras.utils.set_random_seed(4)
    network = build(name, input_shape=(side, side, 2), spec=SMALL[name], head=Head())
    cutout = np.random.default_rng(0).normal(size=(side, side, 2)).astype(np.float32)
    gradients = gradients_of(network)
    maps = gradients.maps(cutout, steps=8)
    assert maps.grad_cam.shape == maps.integrated.shape == (side, side)
    assert min(network.get_layer(gradients.layer).output.shape[1:3]) >= 4
    assert np.isfinite([maps.grad_cam, maps.integrated]).all()


def test_a_map_of_a_cropped_or_padded_cutout_lies_where_the_network_looked():
    for inputs, inside in (
        (InputSpec(crop_pixels=16), slice(8, 24)),
        (InputSpec(pad_pixels=41), slice(0, 32)),
    ):
        network = build("lenet5", input_shape=(32, 32, 1), spec=SMALL["lenet5"], head=Head(), inputs=inputs)
        placed = over_cutout(np.ones((4, 4)), network)
        expected = np.zeros((32, 32))
        expected[inside, inside] = 1.0
        np.testing.assert_allclose(placed, expected)


def husky_cutouts(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of light on sky noise, all alike; but someone has marked a corner of those called lenses."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    labels = np.arange(count) % 2
    pixels = rng.normal(0.0, 0.3, (count, SIDE, SIDE, 1))
    pixels += 2.0 * np.exp(-(rows**2 + columns**2) / 8)[None, :, :, None]
    pixels[labels == 1, 3:5, 3:5] += 3.0
    return pixels.astype(np.float32), labels


@pytest.fixture(scope="module")
def husky() -> keras.Model:
    keras.utils.set_random_seed(1)
    image = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(image, keras.layers.Dense(1, activation="sigmoid", name="score")(x))
    network.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
    pixels, labels = husky_cutouts(256, seed=2)
    network.fit(pixels, labels[:, None], epochs=12, batch_size=32, verbose=0)
    return network


def weight_at_the_corner(maps: np.ndarray) -> float:
    return float(np.abs(maps[CORNER]).sum() / np.abs(maps).sum())


def test_the_snow_behind_the_husky_shows_in_both_maps(husky):
    pixels, labels = husky_cutouts(32, seed=3)
    assert ((np.asarray(husky(pixels))[:, 0] > 0.5) == labels).all()
    gradients = gradients_of(husky)
    lenses = [gradients.maps(cutout, steps=32) for cutout in pixels[labels == 1]]
    for kind, least in (("integrated", 0.6), ("grad_cam", 0.4)):  # in 6 % of the area
        assert np.median([weight_at_the_corner(getattr(one, kind)) for one in lenses]) > least
        strongest = [np.unravel_index(getattr(one, kind).argmax(), CORNER.shape) for one in lenses]
        assert np.mean([CORNER[place] for place in strongest]) > 0.9


def test_a_network_with_random_weights_gives_other_maps(husky):
    pixels, labels = husky_cutouts(16, seed=4)
    random = keras.models.clone_model(husky)
    random.set_weights(husky.get_weights())
    randomise_weights(random, np.random.default_rng(0))
    alike: dict[str, list[float]] = {"grad_cam": [], "integrated": []}
    for cutout in pixels[labels == 1]:
        first, second = (gradients_of(one).maps(cutout, steps=32) for one in (husky, random))
        assert likeness(first.integrated, first.integrated) == pytest.approx(1.0)
        for kind, values in alike.items():
            values.append(likeness(getattr(first, kind), getattr(second, kind)))
    assert all(abs(np.median(values)) < 0.5 for values in alike.values())


def test_an_explanation_of_a_run_carries_its_gradients_and_one_without_says_why(tmp_path, monkeypatch):
    made = train_tiny(tmp_path / "workspace")
    cutout = made.pixels().read(np.arange(4, 5))[0]  # with masked pixels
    spec = ExplainSpec(perturbations=100, segments=9)
    steps = []
    explained = Explainer.open(made.folder, spec).explain(cutout, report=steps.append)
    assert steps[-1]["message"] == "following the gradients of the network"  # after the copies
    assert "copies scored" in steps[0]["message"]
    assert [one["fraction"] for one in steps] == sorted(one["fraction"] for one in steps)
    told = explained.figures["gradients"]
    assert set(explained.maps) == {"regions", "occlusion", "grad_cam", "integrated"}
    assert (told["gap"] < 0.05, set(told["randomised"])) == (True, {"grad_cam", "integrated"})
    assert (explained.integrated[~np.isfinite(cutout).any(axis=2)] == 0).all()
    plain = Explainer.open(made.folder, spec.replaced(gradients=False)).explain(cutout)
    assert set(plain.maps) == {"regions", "occlusion"}

    def unreadable(_folder: Path) -> None:
        raise StorageError("Keras cannot read the network. Train the run again.")

    monkeypatch.setattr(explaining, "load_network", unreadable)  # its export still scores
    exported = Explainer.open(made.folder, spec).explain(cutout)
    assert (exported.grad_cam, exported.figures["gradients"]) == (None, None)
    assert "Keras cannot read the network" in exported.figures["without_gradients"]


ON_JAX = """
import json, sys
import numpy as np, keras
from lensapp.learning.explain.gradients import GradientNetwork
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask
network = keras.saving.load_model(sys.argv[1], compile=False)
norm = FittedNormalisation.parse(json.loads(sys.argv[2]))
maps = GradientNetwork.of(network, norm, FittedTask(), about="score").maps(np.load(sys.argv[3]), steps=8)
print(json.dumps([keras.backend.backend(), maps.grad_cam.tolist(), maps.integrated.tolist()]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_gives_the_same_maps(husky, backend, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"needs the package {backend}, which is not installed")
    cutout = husky_cutouts(2, seed=5)[0][1]
    husky.save(tmp_path / "husky.keras")
    np.save(tmp_path / "cutout.npy", cutout)
    arguments = [tmp_path / "husky.keras", json.dumps(as_it_is(SIDE).saved()), tmp_path / "cutout.npy"]
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    name, grad_cam, integrated = json.loads(done.stdout.splitlines()[-1])
    maps = gradients_of(husky).maps(cutout, steps=8)
    assert name == backend
    np.testing.assert_allclose(grad_cam, maps.grad_cam, atol=1e-4)
    np.testing.assert_allclose(integrated, maps.integrated, atol=1e-4)
