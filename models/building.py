"""What all families build with: the head, the padding, and how small a cutout may be."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import layers

from lensapp.core.train.tasks import Head

ACTIVATIONS = {"sigmoid": "sigmoid", "softmax": "softmax", "gaussian": "linear"}

Shape = tuple[int, int, int]
"""Height, width and number of bands."""

Step = tuple[int, int]
"""Side of a kernel or pooling window in pixels, and its stride."""


class Network(NamedTuple):
    """How a network is built, and the smallest side of a cutout in pixels that its layers leave a pixel of.

    Both take the options of the network.
    """

    build: Callable[[Shape, Any, Head], keras.Model]
    smallest_size: Callable[[Any], int]


def finish(image: Any, features: Any, head: Head, *, name: str) -> keras.Model:
    """Return the network from `image` over flat `features` (n, k) to the outputs of `head` in float32."""
    activation = ACTIVATIONS[head.kind]
    output = layers.Dense(head.outputs, activation=activation, dtype="float32", name="score")(features)
    return keras.Model(image, output, name=name)


def smallest_unpadded(steps: Sequence[Step]) -> int:
    """Return the side in pixels of which unpadded `steps`, in order, leave one pixel."""
    side = 1
    for kernel, stride in reversed(steps):
        side = (side - 1) * stride + kernel
    return side


def smallest_side(padding: str, steps: Sequence[Step]) -> int:
    """Return the smallest side in pixels for `padding` "valid", "same", or "auto", which takes either.

    Padded layers need no more than that each stride can still divide what is left.
    """
    return smallest_unpadded(steps) if padding == "valid" else math.prod(stride for _, stride in steps)


def choose_padding(padding: str, steps: Sequence[Step], *, side: int) -> str:
    """Return `padding`, or for "auto" "valid" wherever cutouts of `side` pixels are large enough for it."""
    if padding != "auto":
        return padding
    return "valid" if side >= smallest_unpadded(steps) else "same"
