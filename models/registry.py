"""Build a network by its name.

To add one: write its file, give it a specification and an `INFOS` entry in `lensapp.core.train.networks`, a
line in `REGISTRY` and an id in `tests/train/test_models.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import keras

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.train.input_spec import InputSpec
from lensapp.core.train.network_specs import NETWORKS, find_network
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.tasks import Head
from models import (
    alexnet,
    deeplens_resnet46,
    elu_cnn,
    equivariant_resnet,
    googlenet,
    inception_v4,
    lastro,
    lastro_invariant,
    lenet5,
    lens_cnn,
    overfeat,
    resnet,
    rotational_cnn,
    simple_cnn,
    steerable_c8,
    vgg16,
)
from models.inputs import with_inputs
from models.outline import Outline, outline

ALL_PIXELS = InputSpec()


@dataclass(frozen=True)
class Network:
    """A family of networks: what is known about it, how it is built and how small a cutout may be."""

    info: NetworkInfo
    builder: Callable[[tuple[int, int, int], Any, Head], keras.Model]
    smallest_size: Callable[[Any], int]


REGISTRY: dict[str, Network] = {
    "simple_cnn": Network(NETWORKS["simple_cnn"], simple_cnn.build, simple_cnn.smallest_size),
    "elu_cnn": Network(NETWORKS["elu_cnn"], elu_cnn.build, elu_cnn.smallest_size),
    "lens_cnn": Network(NETWORKS["lens_cnn"], lens_cnn.build, lens_cnn.smallest_size),
    "deeplens_resnet46": Network(
        NETWORKS["deeplens_resnet46"], deeplens_resnet46.build, deeplens_resnet46.smallest_size
    ),
    "lenet5": Network(NETWORKS["lenet5"], lenet5.build, lenet5.smallest_size),
    "alexnet": Network(NETWORKS["alexnet"], alexnet.build, alexnet.smallest_size),
    "vgg16": Network(NETWORKS["vgg16"], vgg16.build, vgg16.smallest_size),
    "overfeat": Network(NETWORKS["overfeat"], overfeat.build, overfeat.smallest_size),
    "googlenet": Network(NETWORKS["googlenet"], googlenet.build, googlenet.smallest_size),
    "inception_v4": Network(NETWORKS["inception_v4"], inception_v4.build, inception_v4.smallest_size),
    **{
        name: Network(NETWORKS[name], partial(resnet.build, name=name), resnet.smallest_size)
        for name in resnet.BLOCKS
    },
    "lastro_baseline": Network(NETWORKS["lastro_baseline"], lastro.build_baseline, lastro.smallest_size),
    "lastro_views": Network(NETWORKS["lastro_views"], lastro.build_views, lastro.smallest_size),
    "lastro_residual": Network(
        NETWORKS["lastro_residual"], lastro.build_residual, lastro.smallest_residual_size
    ),
    "rotational_cnn": Network(NETWORKS["rotational_cnn"], rotational_cnn.build, rotational_cnn.smallest_size),
    "steerable_c8": Network(NETWORKS["steerable_c8"], steerable_c8.build, steerable_c8.smallest_size),
    "lastro_invariant": Network(
        NETWORKS["lastro_invariant"], lastro_invariant.build, lastro_invariant.smallest_size
    ),
    "equivariant_resnet": Network(
        NETWORKS["equivariant_resnet"], equivariant_resnet.build, equivariant_resnet.smallest_size
    ),
}


def build(
    name: str,
    *,
    input_shape: tuple[int, int, int] | None = None,
    spec: Spec | None = None,
    head: Head | None = None,
    inputs: InputSpec = ALL_PIXELS,
) -> keras.Model:
    """Build the network called `name` for cutouts of `input_shape` (height, width, bands).

    Without a shape, options or head those of its document are taken. The model maps (n, height, width,
    bands) to the outputs of its head; the input of its last layer are its features. What `inputs` ask for
    are its first layers.

    Raises
    ------
    NotFound
        When no network has that name.
    InvalidInput
        When the cutouts are too small, do not suit `inputs`, or the options belong to another network.
    """
    info = find_network(name)
    network = REGISTRY[info.name]
    options = info.spec() if spec is None else spec
    if not isinstance(options, info.spec):
        raise InvalidInput(
            f"Expected options of {name} ({info.spec.__name__}), received {type(options).__name__}. "
            "Take the options of the network you build."
        )
    shape = input_shape or info.input_shape
    height, width = inputs.size_within(shape[:2])
    _require_size(network, options, height=height, width=width)
    core = network.builder((height, width, shape[2]), options, head or info.head)
    return core if inputs == ALL_PIXELS else with_inputs(core, input_shape=shape, inputs=inputs)


def _require_size(network: Network, options: Spec, *, height: int, width: int) -> None:
    smallest = network.smallest_size(options)
    if min(height, width) < smallest:
        raise InvalidInput(
            f"Expected cutouts of at least {smallest}×{smallest} pixels for {network.info.name}, received "
            f"{height}×{width}. Import larger cutouts or change the network's options."
        )


@cache
def outline_of(name: str) -> Outline:
    """Return the layers and parameters of the network called `name` as in its document, without values."""
    return outline(partial(build, name))


def describe_networks() -> list[dict[str, Any]]:
    """List each network's name, family, parameters, input and outputs as in its document, building none."""
    return [_describe(network.info) for network in REGISTRY.values()]


def _describe(info: NetworkInfo) -> dict[str, Any]:
    counted = outline_of(info.name)
    return {
        "name": info.name,
        "title": info.title,
        "family": info.family,
        "document": info.document,
        "parameters": counted.parameters,
        "trainable": counted.trainable,
        "input": list(info.input_shape),
        "outputs": info.head.outputs,
    }
