"""Start a network from trained weights, and keep some of its layers fixed for a while.

The body of a network is all its layers but the last, called "score". It comes from the best network of a
run, or from a file of weights that Keras publishes for ImageNet; nothing is ever downloaded.
"""

from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.transfer_rules import thaws_by
from lensapp.learning.train.checkpoints import TrainingState

HEAD = "score"
IMAGENET_SIGMA = 58.0
"""Standard deviation of ImageNet's pixels, of 0 to 255."""


class Published(NamedTuple):
    """A network of keras.applications.

    Attributes
    ----------
    make
        Builds it.
    sigma
        Standard deviation of ImageNet's pixels as it saw them, mean taken out.
    from_red
        Whether its channels are red, green and blue, not blue, green and red.
    """

    make: Callable[..., keras.Model]
    sigma: float = IMAGENET_SIGMA
    from_red: bool = False


PUBLISHED = {
    "vgg16": Published(keras.applications.VGG16),
    "resnet50": Published(keras.applications.ResNet50),
    "resnet101": Published(keras.applications.ResNet101),
    "resnet152": Published(keras.applications.ResNet152),
    "convnext_tiny": Published(keras.applications.ConvNeXtTiny, 1.0, from_red=True),
    "efficientnet_v2_b0": Published(keras.applications.EfficientNetV2B0, 1.0, from_red=True),
    "efficientnet_v2_s": Published(keras.applications.EfficientNetV2S, IMAGENET_SIGMA / 128, from_red=True),
    "densenet121": Published(keras.applications.DenseNet121, 1.0, from_red=True),
}
RESIZED_WITH_CUTOUTS = "vgg16"
"""Its dense layers fit 224×224 cutouts only."""


def body_layers(network: keras.Model) -> list[Any]:
    """Return the layers with weights before the last one, in order from the input."""
    return [layer for layer in network.layers if layer.weights and layer.name != HEAD]


def start_from_run(network: keras.Model, path: Path, *, same_task: bool) -> None:
    """Give a network the body of a trained one, and its last layer where the task is the same."""
    if not path.exists():
        raise NotFound(f"There is no trained network at {path}. Choose a run that has finished.")
    trained = keras.saving.load_model(path, compile=False)
    for mine, theirs in zip_longest(body_layers(network), body_layers(trained)):
        if mine is None or theirs is None or _shapes(mine) != _shapes(theirs):
            raise InvalidInput(
                f"The initial run {path.parent.name} has other layers than {network.name} as set: "
                f"{_layer(theirs)} where {_layer(mine)} stands. Take that run's network and options."
            )
        mine.set_weights(theirs.get_weights())
    head, other = network.get_layer(HEAD), trained.get_layer(HEAD)
    if same_task and _shapes(head) == _shapes(other):
        head.set_weights(other.get_weights())


def ask_alike(task: FittedTask, other: FittedTask) -> bool:
    """Return whether the outputs for both tasks mean the same, wherever their scales were fitted."""
    mine = (task.kind, task.output, task.classes, task.targets)
    return mine == (other.kind, other.output, other.classes, other.targets)


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def _layer(layer: Any) -> str:
    """Return a layer's name and the shape of its weights."""
    if layer is None:
        return "nothing"
    return f"{layer.name} {'×'.join(map(str, layer.weights[0].shape))}"


def start_from_file(network: keras.Model, path: Path, *, name: str, input_sigma: float) -> list[str]:
    """Give a network the body that Keras publishes for ImageNet; return the layers that stay new.

    Layers are taken in order; of VGG-16, dense ones only where their shapes agree. Name bands from blue to
    red: where the published network saw red first, its first kernel is turned round. It is scaled so that
    inputs of ours, whose standard deviation is `input_sigma`, are seen as theirs were; for other than three
    bands its mean over the colours serves every band.

    Parameters
    ----------
    network
        A new network called `name` in our registry.
    path
        A `.weights.h5`, `.h5` or `.keras` file of the network of that name in keras.applications, with or
        without its top.
    """
    published, kind = read_published(path, name), PUBLISHED[name]
    theirs, mine = body_layers(published), body_layers(network)
    if len(theirs) == len(mine) + 1 and isinstance(theirs[-1], keras.layers.Dense):
        theirs = theirs[:-1]  # the published last layer
    resized = name == RESIZED_WITH_CUTOUTS  # its dense layers differ in size
    bodies = [
        [layer for layer in layers if not (resized and isinstance(layer, keras.layers.Dense))]
        for layers in (mine, theirs)
    ]
    for number, (ours, source) in enumerate(zip_longest(*bodies)):
        weights = source.get_weights() if source is not None else []
        if number == 0 and ours is not None and weights:
            kernel = weights[0][:, :, ::-1] if kind.from_red else weights[0]
            weights[0] = adapt_kernel(
                kernel, bands=ours.weights[0].shape[2], input_sigma=input_sigma, published_sigma=kind.sigma
            )
        if ours is None or [tuple(w.shape) for w in weights] != _shapes(ours):
            raise InvalidInput(
                f"This {name} has other layers than the published one: {_layer(ours)} where "
                f"{_layer(source)} stands in {path.name}. Leave the network's options at their defaults."
            )
        ours.set_weights(weights)
    new: list[str] = []
    if not resized:
        return new
    sources = iter([layer for layer in theirs if isinstance(layer, keras.layers.Dense)])
    for ours in [layer for layer in mine if isinstance(layer, keras.layers.Dense)]:
        source = next(sources, None)
        if source is not None and _shapes(source) == _shapes(ours):
            ours.set_weights(source.get_weights())
        else:
            new.append(ours.name)
    return new


def adapt_kernel(
    kernel: NDArray[Any], *, bands: int, input_sigma: float, published_sigma: float = IMAGENET_SIGMA
) -> NDArray[np.float32]:
    """Return the first kernel (y, x, 3, filter) for `bands` bands of this standard deviation.

    The same picture in every band gives the same result as in all three colours.
    """
    colours = kernel.shape[2]
    adapted = kernel
    if bands != colours:
        adapted = np.repeat(kernel.mean(axis=2, keepdims=True) * (colours / bands), bands, axis=2)
    return np.asarray(adapted * (published_sigma / max(input_sigma, 1e-6)), np.float32)


def read_published(path: Path, name: str) -> keras.Model:
    """Return the published network with the weights of a file, without its top where the file has none."""
    reasons = []
    if path.suffix == ".keras":
        try:
            return keras.saving.load_model(path, compile=False)
        except (OSError, ValueError, TypeError, KeyError) as error:
            reasons.append(str(error))
    for top in (False, True) if not reasons else ():
        network = PUBLISHED[name].make(weights=None, include_top=top)
        try:
            network.load_weights(path)
        except (OSError, ValueError, TypeError, KeyError) as error:
            reasons.append(str(error))
        else:
            return network
    raise InvalidInput(
        f"{path} does not hold the weights of {name} in keras.applications ({reasons[0][:200]}). "
        "Take the file of that network."
    )


def freeze(network: keras.Model, fraction: float) -> int:
    """Keep this share of the body's layers, from the input on, as they are; return how many.

    Their batch normalisations use the statistics they came with, and do not change them.
    """
    layers = body_layers(network)
    count = round(fraction * len(layers))
    for number, layer in enumerate(layers):
        layer.trainable = number >= count
    return count


def thaws_at(spec: TrainingSpec, state: TrainingState, epoch: int) -> bool:
    """Return whether all layers are to train from this epoch on, and do not yet."""
    return not state.thawed and thaws_by(spec, epoch)
