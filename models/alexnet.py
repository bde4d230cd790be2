"""AlexNet, with the two towers in which it was trained on two processors.

Its dense layers take what the convolutions leave of any cutout. On cutouts of less than 67 pixels
convolutions and pooling are padded, unless the options forbid it.

References
----------
Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks": 60 965 224
parameters for 227×227 images in three bands and 1000 classes.
"""

from typing import Any

import keras
from keras import layers, ops

from lensapp.core.train.networks.classical import AlexNetSpec
from lensapp.core.train.tasks import Head
from models.heads import finish
from models.local_normalisation import normalise_locally
from models.sizes import choose_padding, smallest_side

STEPS = ((11, 4), (3, 2), (3, 2), (3, 2))


def build(input_shape: tuple[int, int, int], spec: AlexNetSpec, head: Head) -> keras.Model:
    """Return five convolutions, three of them pooled, and two dense layers of 4096 units."""
    padding = choose_padding(spec.padding, STEPS, side=min(input_shape[:2]))
    image = keras.Input(input_shape, name="cutout")
    x = _convolve(image, spec, filters=96, side=11, stride=4, padding=padding)
    x = _shrink(x, spec, padding)
    x = _convolve(x, spec, filters=256, side=5, towers=spec.towers)
    x = _shrink(x, spec, padding)
    x = _convolve(x, spec, filters=384, side=3)
    x = _convolve(x, spec, filters=384, side=3, towers=spec.towers)
    x = _convolve(x, spec, filters=256, side=3, towers=spec.towers)
    x = layers.Flatten()(layers.MaxPooling2D(3, strides=2, padding=padding)(x))
    for _ in range(2):
        x = layers.Dropout(spec.dropout)(x)
        x = layers.Dense(spec.scaled(4096), activation="relu", kernel_initializer="he_uniform")(x)
    return finish(image, x, head, name="alexnet")


def smallest_size(spec: AlexNetSpec) -> int:
    """Return the smallest side of a cutout in pixels that the strides leave a pixel of."""
    return smallest_side(spec.padding, STEPS)


def _shrink(x: Any, spec: AlexNetSpec, padding: str) -> Any:
    normalised = normalise_locally(x) if spec.local_normalisation else x
    return layers.MaxPooling2D(3, strides=2, padding=padding)(normalised)


def _convolve(
    x: Any,
    spec: AlexNetSpec,
    *,
    filters: int,
    side: int,
    stride: int = 1,
    padding: str = "same",
    towers: int = 1,
) -> Any:
    """Convolve each of `towers` equal shares of the channels for itself."""
    shares = ops.split(x, towers, axis=-1) if towers > 1 else [x]
    width = spec.scaled(filters, multiple_of=2) // towers
    convolved = [
        layers.Conv2D(
            width, side, strides=stride, padding=padding, activation="relu", kernel_initializer="he_uniform"
        )(share)
        for share in shares
    ]
    return layers.Concatenate()(convolved) if towers > 1 else convolved[0]
