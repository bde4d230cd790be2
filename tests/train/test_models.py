"""The registry builds every network of the documents, and refuses what cannot work."""

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import keras
import numpy as np
import pytest

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.train.network_specs import NETWORKS, network_options
from lensapp.core.train.networks.convolutional import LensCnnSpec
from lensapp.core.train.networks.parameters import FIXED, LEFT, parameters_of
from lensapp.core.train.recommended import SMALLEST_PIXELS
from lensapp.core.train.tasks import Head
from models.outline import outline
from models.registry import REGISTRY, build, describe_networks, outline_of
from support.small_networks import SMALL

DEEPEST = ("efficientnet_v2_s", "inception_v4")  # two of 28 take a third of the time of all
SMALL_ONES = sorted(set(SMALL) - {"own_network"})


def in_turn(names: Iterable[str]) -> list[Any]:
    """Networks to try; the deepest only where it may take long."""
    return [pytest.param(name, marks=pytest.mark.long) if name in DEEPEST else name for name in names]


@cache
def small_network(name: str) -> keras.Model:
    smallest = REGISTRY[name].smallest_size(SMALL[name])
    return build(name, input_shape=(smallest, smallest + 3, 2), spec=SMALL[name], head=Head())


@pytest.fixture(scope="module")
def described() -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in describe_networks()}


@pytest.mark.parametrize("name", in_turn(FIXED))
def test_cards_tell_the_parameters_that_networks_have(name: str):
    smallest = SMALLEST_PIXELS[name]
    shapes = {(smallest, smallest + 1, 1), (64, 64, 3), (101, 101, 4)} if name in LEFT else {(96, 97, 4)}
    for height, width, bands in (one for one in shapes if min(one[:2]) >= smallest):
        made = outline(
            partial(build, name, input_shape=(height, width, bands), spec=NETWORKS[name].spec(), head=Head())
        )
        told = parameters_of(name, height=height, width=width, bands=bands)
        assert told == made.parameters, (height, width, bands)


def test_every_network_but_the_users_own_has_a_known_size():
    assert {*FIXED, "own_network", "keras_hub_backbone"} == set(NETWORKS)


def test_the_form_knows_the_smallest_cutouts_that_networks_take():
    own = ("own_network", "keras_hub_backbone")
    asked = {
        name: REGISTRY[name].smallest_size(NETWORKS[name].spec()) for name in REGISTRY if name not in own
    }
    assert asked == SMALLEST_PIXELS


def test_every_network_with_a_form_can_be_built():
    assert set(REGISTRY) == set(NETWORKS) == {*SMALL, "keras_hub_backbone"}


@pytest.mark.parametrize("name", in_turn(SMALL_ONES))
def test_smallest_size_works_and_one_pixel_less_is_refused(name):
    smallest = REGISTRY[name].smallest_size(SMALL[name])
    model = small_network(name)
    scores = np.asarray(model(np.zeros((3, smallest, smallest + 3, 2), np.float32)))
    assert scores.shape == (3, 1)
    assert ((scores >= 0) & (scores <= 1)).all()
    with pytest.raises(InvalidInput, match=f"at least {smallest}×{smallest} pixels for {name}"):
        build(name, input_shape=(smallest - 1, smallest, 2), spec=SMALL[name])


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_network_survives_being_saved(name, tmp_path):
    model = small_network(name)
    model.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras", compile=False)
    pixels = np.random.default_rng(1).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(model(pixels)), np.asarray(again(pixels)))


def test_lens_cnn_has_the_27_million_parameters_of_its_document(described):
    assert described["lens_cnn"]["parameters"] == pytest.approx(27e6, rel=0.03)


def test_elu_cnn_has_the_layers_of_its_document():
    model = build("elu_cnn")
    filters = [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    units = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert filters == [32, 32, 64, 128, 128]
    assert units == [256, 128, 1]
    assert {layer.padding for layer in model.layers if isinstance(layer, keras.layers.Conv2D)} == {"valid"}


def test_deeplens_has_46_convolutional_layers_on_its_main_path(described):
    weights = [shapes for _, shapes in outline_of("deeplens_resnet46").layers]
    kernels = [shapes[0] for shapes in weights if len(shapes[0]) == 4]
    shortcuts = 4  # one 1×1 convolution where the width changes; the first stage keeps its 32
    assert len(kernels) - shortcuts == 46
    assert kernels[0][:2] == (7, 7)
    assert described["deeplens_resnet46"]["input"] == [101, 101, 3]


def test_an_unknown_network_is_refused_with_the_known_ones():
    with pytest.raises(NotFound, match=r"no network called 'vgg'. Choose one of simple_cnn, elu_cnn, "):
        build("vgg")


def test_options_of_another_network_are_refused():
    with pytest.raises(InvalidInput, match="another network than elu_cnn"):
        build("elu_cnn", spec=LensCnnSpec())


def test_options_out_of_bounds_are_refused():
    with pytest.raises(InvalidInput, match=r"Blocks must be a whole number .*at most 6, not 9"):
        network_options("elu_cnn", {"blocks": 9})
