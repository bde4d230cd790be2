"""The published networks have the layers and parameters of their papers, at every size they can take."""

import math
from functools import partial

import keras
import numpy as np
import pytest

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.train.network_specs import NETWORKS, caution_of, has_dropout, network_options
from lensapp.core.train.tasks import Head
from models.layers.activations import activate
from models.outline import outline
from models.registry import REGISTRY, build, outline_of
from support.small_networks import SMALL

PUBLISHED = {
    "lenet5": 61_706,
    "alexnet": 60_965_224,
    "vgg16": 138_357_544,
    "overfeat": 145_920_872,  # "145 M"
    "googlenet": 6_998_552,
    "inception_v4": 42_679_816,
    "resnet34": 21_797_672,
    "resnet50": 23_538_690,
    "resnet101": 44_601_832,
    "resnet152": 60_268_520,
}
"""Trainable parameters at the published input and outputs; ResNet-50 as the lens finder of S3."""

APPLICATIONS = {
    "vgg16": keras.applications.VGG16,
    "resnet50": keras.applications.ResNet50,
    "resnet101": keras.applications.ResNet101,
    "resnet152": keras.applications.ResNet152,
    "convnext_tiny": partial(keras.applications.ConvNeXtTiny, include_preprocessing=False),
    "efficientnet_v2_b0": partial(keras.applications.EfficientNetV2B0, include_preprocessing=False),
    "efficientnet_v2_s": partial(keras.applications.EfficientNetV2S, include_preprocessing=False),
    "densenet121": keras.applications.DenseNet121,
}
UNNAMED = ("layer_normalization", "convnext_tiny_head_layernorm")
"""The last normalisation of ConvNeXt, which has a name in front of the published last layer only."""
UNPADDED = {"alexnet": 67, "overfeat": 71, "inception_v4": 75, "lastro_baseline": 101}

FUNCTIONS = {
    "identity": lambda x: x,
    "step": lambda x: np.where(x < 0, 0.0, 1.0),
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": lambda x: 2 / (1 + np.exp(-2 * x)) - 1,
    "arctan": np.arctan,
    "relu": lambda x: np.where(x < 0, 0.0, x),
    "prelu": lambda x: np.where(x < 0, 0.0, x),  # its slope begins at 0
    "elu": lambda x: np.where(x < 0, np.exp(x) - 1, x),
    "softplus": lambda x: np.log(1 + np.exp(x)),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_published_network_has_its_number_of_parameters(name):
    assert outline_of(name).trainable == PUBLISHED[name]


def test_the_resnet50_finder_has_the_three_numbers_of_its_document():
    found = outline_of("resnet50")
    assert (found.parameters, found.trainable) == (23_591_810, 23_538_690)
    assert found.parameters - found.trainable == 53_120


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_layers_agree_with_keras_applications_up_to_the_last(name):
    theirs = outline(partial(APPLICATIONS[name], weights=None))
    ours = [(layer, shapes) for layer, shapes in outline_of(name).layers[:-1] if layer not in UNNAMED]
    assert ours == [(layer, shapes) for layer, shapes in theirs.layers[:-1] if layer not in UNNAMED]


def test_googlenet_modules_have_the_parameters_of_its_table_within_its_rounding():
    counts = [sum(map(math.prod, shapes)) for _, shapes in outline_of("googlenet").layers[3:-1]]
    modules = [sum(counts[first : first + 6]) / 1024 for first in range(0, len(counts), 6)]
    assert modules == pytest.approx([159, 380, 364, 437, 463, 580, 840, 1072, 1388], rel=0.08)


def test_the_lastro_baseline_has_the_layers_of_its_document():
    kernels = [shapes[0] for _, shapes in outline_of("lastro_baseline").layers if len(shapes[0]) == 4]
    widths = [(kernel[0], kernel[-1]) for kernel in kernels]
    assert widths[:6] == [(4, 16), (3, 16), (3, 32), (3, 32), (3, 64), (3, 64)]
    assert widths[6:] == [(3, 128), (3, 128), (5, 1024)]


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_network_takes_41_pixels_and_300_in_eight_bands(name):
    assert REGISTRY[name].smallest_size(NETWORKS[name].spec()) <= 41
    large = outline(
        partial(build, name, input_shape=(300, 300, 8), spec=SMALL[name], head=Head("softmax", 3))
    )
    assert large.layers[-1][1][-1] == (3,)


@pytest.mark.parametrize("name", ["simple_cnn", "elu_cnn", "resnet34", "lastro_baseline", "lenet5"])
@pytest.mark.parametrize("rate", [0.0, 0.25])
def test_the_options_of_a_network_tell_whether_it_has_dropout(name, rate):
    options = SMALL[name].saved()
    options |= {"dropout": rate} if "dropout" in options else {}
    spec, size = network_options(name, options), UNPADDED.get(name, 41)
    network = build(name, input_shape=(size, size, 1), spec=spec, head=Head("sigmoid", 1))
    rates = [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    assert has_dropout(name, options) == any(rates)


@pytest.mark.parametrize("name", sorted(UNPADDED))
def test_an_unpadded_network_refuses_cutouts_that_leave_no_pixel(name):
    side = UNPADDED[name]
    spec = SMALL[name].replaced(padding="valid")
    assert outline(partial(build, name, input_shape=(side, side, 1), spec=spec)).parameters > 0
    with pytest.raises(InvalidInput, match=f"at least {side}×{side} pixels"):
        build(name, input_shape=(side - 1, side, 1), spec=spec)
    with pytest.raises(ValueError, match=r"(?i)output|dimension"):
        outline(partial(REGISTRY[name].build, (side - 1, side - 1, 1), spec, Head()))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_an_activation_follows_its_equation(name):
    x = np.linspace(-3, 3, 25, dtype=np.float32)[None]
    np.testing.assert_allclose(np.asarray(activate(x, name)), FUNCTIONS[name](x), atol=1e-6)


def test_behind_a_step_function_only_the_last_layer_has_a_gradient_and_the_options_say_so():
    spec = network_options("simple_cnn", {"filters": 1, "dense_units": 3, "activation": "step"})
    network = build("simple_cnn", input_shape=(8, 8, 1), spec=spec, head=Head())
    before = [np.array(weight) for weight in network.get_weights()]
    network.compile("sgd", "binary_crossentropy")
    network.train_on_batch(np.random.default_rng(0).normal(size=(4, 8, 8, 1)), np.array([1, 0, 0, 0]))
    moved = [bool(np.any(a != b)) for a, b in zip(before, network.get_weights(), strict=True)]
    assert moved == [False, False, True, True]
    assert "only the last layer learns" in caution_of("simple_cnn", spec.saved())


@pytest.mark.parametrize("name", ["lastro_baseline", "lastro_views", "lastro_residual", "lastro_invariant"])
def test_a_batch_is_normalised_before_each_dropout_unless_the_document_is_asked_for(name):
    published = network_options(name, SMALL[name].saved() | dict(NETWORKS[name].published_options))
    assert {rate for rate, _ in dropouts(name, SMALL[name])} == {0.2}
    assert all(normalised for _, normalised in dropouts(name, SMALL[name]))
    assert {rate for rate, _ in dropouts(name, published)} == {0.5}
    assert not all(normalised for _, normalised in dropouts(name, published))
    assert "become alike" in caution_of(name, published.saved())
    assert not caution_of(name, SMALL[name].saved())


def dropouts(name: str, spec: Spec) -> list[tuple[float, bool]]:
    """The rate of each dropout, and whether what it drops from comes from a batch normalisation."""

    def made_by(layer: keras.Layer) -> keras.Layer:
        [parent] = layer._inbound_nodes[0].parent_nodes
        pooled = isinstance(parent.operation, keras.layers.GlobalAveragePooling2D | keras.layers.Activation)
        return made_by(parent.operation) if pooled else parent.operation

    network = build(name, input_shape=(101, 101, 1), spec=spec, head=Head())
    return [
        (layer.rate, isinstance(made_by(layer), keras.layers.BatchNormalization))
        for layer in network.layers
        if isinstance(layer, keras.layers.Dropout)
    ]


@pytest.mark.parametrize("name", ["lastro_baseline", "lastro_invariant"])
def test_features_of_different_cutouts_stay_as_different_when_the_network_scores(name):
    """Li et al. 2019: behind dropouts a batch normalisation divides by a spread that scoring lacks."""

    def kept(options: dict) -> float:
        keras.utils.set_random_seed(1)
        spec = network_options(name, {"width": 0.1, **options})
        network = build(name, input_shape=(48, 48, 1), spec=spec, head=Head())
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0  # statistics are those of the batch
        features = keras.Model(network.input, network.layers[-1].input)
        images = np.random.default_rng(0).normal(size=(64, 48, 48, 1)).astype(np.float32)
        training = np.asarray(features(images, training=True)).std(axis=0).mean()
        return float(np.asarray(features(images, training=False)).std(axis=0).mean() / training)

    stable, document = kept({}), kept(dict(NETWORKS[name].published_options))
    assert stable > 0.4, (stable, document)
    assert document < 0.5 * stable, (stable, document)
