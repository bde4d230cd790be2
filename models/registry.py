"""Build a network by its name.

To add one: write its file, give it a specification and an `INFOS` entry in `lensapp.core.networks`, a line
in `REGISTRY` and an id in `tests/test_models.py`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.network_specs import NETWORKS, find_network
from lensapp.core.networks.info import NetworkInfo
from lensapp.core.tasks import Head
from models import deeplens_resnet46, elu_cnn, lens_cnn


@dataclass(frozen=True)
class Network:
    """A family of networks: what is known about it, how it is built and how small a cutout may be."""

    info: NetworkInfo
    builder: Callable[[tuple[int, int, int], Any, Head], keras.Model]
    smallest_size: Callable[[Any], int]


REGISTRY: dict[str, Network] = {
    "elu_cnn": Network(NETWORKS["elu_cnn"], elu_cnn.build, elu_cnn.smallest_size),
    "lens_cnn": Network(NETWORKS["lens_cnn"], lens_cnn.build, lens_cnn.smallest_size),
    "deeplens_resnet46": Network(
        NETWORKS["deeplens_resnet46"], deeplens_resnet46.build, deeplens_resnet46.smallest_size
    ),
}


def build(
    name: str,
    *,
    input_shape: tuple[int, int, int] | None = None,
    spec: Spec | None = None,
    head: Head | None = None,
) -> keras.Model:
    """Build the network called `name` for cutouts of `input_shape` (height, width, bands).

    Without a shape, options or head those of its document are taken. The model maps (n, height, width,
    bands) to the outputs of its head; the input of its last layer are its features.

    Raises
    ------
    NotFound
        When no network has that name.
    InvalidInput
        When the cutouts are too small or the options belong to another network.
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
    smallest = network.smallest_size(options)
    if min(shape[:2]) < smallest:
        raise InvalidInput(
            f"Expected cutouts of at least {smallest}×{smallest} pixels for {name}, received "
            f"{shape[0]}×{shape[1]}. Import larger cutouts or change the network's options."
        )
    return network.builder(shape, options, head or info.head)


def describe_networks() -> list[dict[str, Any]]:
    """Build each network at its document's input size and list its name, family, parameters and input."""
    return [_describe(network) for network in REGISTRY.values()]


def _describe(network: Network) -> dict[str, Any]:
    model = build(network.info.name)
    return {
        "name": network.info.name,
        "title": network.info.title,
        "family": network.info.family,
        "document": network.info.document,
        "parameters": int(model.count_params()),
        "trainable": sum(math.prod(weight.shape) for weight in model.trainable_weights),
        "input": list(network.info.input_shape),
    }
