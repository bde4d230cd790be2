"""Networks of others: a model that the user's own function builds, and backbones of KerasHub."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
from keras import layers

from lensapp.core.errors import InvalidInput
from lensapp.core.train.networks.own import KerasHubSpec, OwnNetworkSpec
from lensapp.core.train.tasks import Head
from models.building import Network, Shape, finish

COLOURS = 3


def own_network(input_shape: Shape, spec: OwnNetworkSpec, head: Head) -> keras.Model:
    """Return the model that the user's function builds, its maps averaged, with a last layer of ours."""
    body = builder_of(spec.builder)(input_shape, **spec.arguments)
    if not isinstance(body, keras.Model) or len(body.inputs) != 1 or len(body.outputs) != 1:
        raise InvalidInput(
            f"{spec.builder} must return a keras.Model with one input and one output, and returned "
            f"{type(body).__name__}."
        )
    if tuple(body.inputs[0].shape[1:]) != tuple(input_shape):
        raise InvalidInput(
            f"{spec.builder} was given the shape {input_shape} and returned a model for "
            f"{tuple(body.inputs[0].shape[1:])}. Let it use the shape that it is given."
        )
    features = _flat(body.outputs[0])
    return finish(body.inputs[0], layers.Dropout(spec.dropout)(features), head, name="own_network")


def _flat(maps: Any) -> Any:
    """Average maps (n, y, x, k) or words (n, w, k) over all but their channels."""
    pooling = {4: layers.GlobalAveragePooling2D, 3: layers.GlobalAveragePooling1D}
    return pooling[len(maps.shape)]()(maps) if len(maps.shape) in pooling else maps


def builder_of(builder: str) -> Callable[..., Any]:
    """Return the function named as package.module:function or /path/file.py:function; this runs its code."""
    place, _, name = builder.rpartition(":")
    if not place or not name:
        raise InvalidInput(
            f"Name the function that builds your network, not {builder!r}: package.module:function or "
            "/path/file.py:function, under network_options.builder."
        )
    module = module_of(code_file(builder)) if place.endswith(".py") else importlib.import_module(place)
    function = getattr(module, name, None)
    if not callable(function):
        raise InvalidInput(f"{place} has no function {name}. Name one that is there.")
    return function  # type: ignore[no-any-return]


def code_file(builder: str) -> Path:
    """Return the file with the code of a builder, or raise InvalidInput where there is none."""
    place = builder.rpartition(":")[0]
    if place.endswith(".py"):
        path = Path(place)
    else:
        try:
            found = importlib.util.find_spec(place) if place else None
        except (ModuleNotFoundError, ValueError):
            found = None
        path = Path(found.origin) if found is not None and found.origin else Path(place or "(no builder)")
    if not path.is_file():
        raise InvalidInput(
            f"There is no code at {place!r}. Give a file on this machine, or a module that Python finds."
        )
    return path.resolve()


def module_of(path: Path) -> ModuleType:
    """Return the module in a file, which is run once for each content of it."""
    name = f"lensapp_own_{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    if name not in sys.modules:
        found = importlib.util.spec_from_file_location(name, path)
        if found is None or found.loader is None:
            raise InvalidInput(f"{path} is no Python file. Give one.")
        sys.modules[name] = module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
    return sys.modules[name]


def keras_hub_backbone(input_shape: Shape, spec: KerasHubSpec, head: Head) -> keras.Model:
    """Return a backbone of a local preset; other than three bands are mixed to three first."""
    if not Path(spec.preset).is_dir() or not spec.preset:
        raise InvalidInput(
            f"There is no folder {spec.preset!r} with a preset of KerasHub on this machine. Save one with "
            "save_to_preset, or unpack a published one, and name it under network_options.preset."
        )
    try:
        hub = importlib.import_module("keras_hub")
    except ImportError as error:
        raise InvalidInput(
            "Backbones of KerasHub need the package keras-hub: pip install -r requirements-hub.txt."
        ) from error
    try:
        backbone = hub.models.Backbone.from_preset(spec.preset, load_weights=spec.weights)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInput(
            f"KerasHub cannot read the preset in {spec.preset} ({str(error)[:200]}). Name the folder that "
            "holds its config.json."
        ) from error
    image = keras.Input(input_shape, name="cutout")
    x: Any = image
    if input_shape[2] != COLOURS:
        x = layers.Conv2D(COLOURS, 1, name="colours")(x)
    height, width = backbone.input_shape[1:3]
    if height and (height, width) != tuple(input_shape[:2]):
        x = layers.Resizing(height, width, name="resize")(x)
    features = layers.Dropout(spec.dropout)(_flat(backbone(x)))
    return finish(image, features, head, name="keras_hub_backbone")


NETWORKS = {
    "own_network": Network(own_network, lambda _spec: 1),
    "keras_hub_backbone": Network(keras_hub_backbone, lambda _spec: 1),
}
