"""Build a network by its name, or load a saved one.

To add one: write its function and its line in `NETWORKS` in the file of its family, give it a specification
and an `INFOS` entry in the file of that name in `lensapp.core.train.networks`, and an id in
`tests/train/test_models.py`.
"""

from functools import cache, partial
from pathlib import Path
from typing import Any

import keras

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.train.input_spec import InputSpec
from lensapp.core.train.network_specs import NETWORKS, find_network
from lensapp.core.train.tasks import Head
from models import classical, convolutional, equivariant, inception, lastro, own, residual, today
from models.building import Network, Shape
from models.inputs import with_inputs
from models.outline import Outline, outline

ALL_PIXELS = InputSpec()
REGISTRY: dict[str, Network] = {
    name: network
    for family in (convolutional, classical, inception, residual, lastro, equivariant, today, own)
    for name, network in family.NETWORKS.items()
}


def build(
    name: str,
    *,
    input_shape: Shape | None = None,
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
    network = REGISTRY[name]
    options = info.spec() if spec is None else spec
    if not isinstance(options, info.spec):
        raise InvalidInput(
            f"{type(options).__name__} holds the options of another network than {name}, which takes "
            f"{info.spec.__name__}."
        )
    shape = input_shape or info.input_shape
    height, width = inputs.size_within(shape[:2])
    smallest = network.smallest_size(options)
    if min(height, width) < smallest:
        raise InvalidInput(
            f"Cutouts must be at least {smallest}×{smallest} pixels for {name}, and these are "
            f"{height}×{width}. Import larger cutouts or change the network's options."
        )
    core = network.build((height, width, shape[2]), options, head or info.head)
    return core if inputs == ALL_PIXELS else with_inputs(core, input_shape=shape, inputs=inputs)


def load(path: Path) -> keras.Model:
    """Load the network saved at `path`, without its optimiser and without running code from the file."""
    return keras.models.load_model(path, compile=False, safe_mode=True)


@cache
def outline_of(name: str) -> Outline:
    """Return the layers and parameters of the network called `name` as in its document, without values."""
    info = find_network(name)
    return outline(partial(build, name, spec=info.spec.parse(dict(info.published_options))))


def describe_networks() -> list[dict[str, Any]]:
    """List each network's name, family, parameters, input and outputs as in its document, building none.

    How many parameters a network of the user's own has is not known, None.
    """
    return [
        {
            "name": name,
            "title": info.title,
            "family": info.family,
            "document": info.document,
            "parameters": None if info.family == "own" else outline_of(name).parameters,
            "trainable": None if info.family == "own" else outline_of(name).trainable,
            "input": list(info.input_shape),
            "outputs": info.head.outputs,
        }
        for name, info in NETWORKS.items()
    ]
