"""The published networks have the layers and parameters of their papers, at every size they can take."""

import math
from functools import partial

import keras
import numpy as np
import pytest

from lensapp.core.errors import InvalidInput
from lensapp.core.train.network_specs import NETWORKS, has_dropout, network_options
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
}
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
    assert outline_of(name).layers[:-1] == theirs.layers[:-1]


def test_googlenet_modules_have_the_parameters_of_its_table_within_its_rounding():
    counts = [sum(map(math.prod, shapes)) for _, shapes in outline_of("googlenet").layers[3:-1]]
    modules = [sum(counts[first : first + 6]) / 1024 for first in range(0, len(counts), 6)]
    assert modules == pytest.approx([159, 380, 364, 437, 463, 580, 840, 1072, 1388], rel=0.08)


def test_the_lastro_baseline_has_the_layers_of_its_document():
    kernels = [shapes[0] for _, shapes in outline_of("lastro_baseline").layers if len(shapes[0]) == 4]
    widths = [(kernel[0], kernel[-1]) for kernel in kernels]
    assert widths[:6] == [(4, 16), (3, 16), (3, 32), (3, 32), (3, 64), (3, 64)]
    assert widths[6:] == [(3, 128), (3, 128), (5, 1024)]


@pytest.mark.parametrize("name", sorted(NETWORKS))
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


def test_the_step_function_is_refused_with_the_reason():
    with pytest.raises(InvalidInput, match=r"gradient.*Choose logistic"):
        network_options("simple_cnn", {"activation": "step"})
