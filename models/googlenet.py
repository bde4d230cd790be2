"""GoogLeNet, the first inception network, without its auxiliary classifiers.

Those two only helped gradients through the published training and were discarded after it. Kernels are
padded throughout, so that any cutout of 32 pixels or more goes in. With `factorised` the n×n convolutions
of the modules become 1×n and n×1, as Bom (2018) shows after Szegedy et al. (2015).

References
----------
Szegedy et al. 2014, "Going deeper with convolutions", table 1; Szegedy et al. 2015, "Rethinking the
inception architecture for computer vision" (factorisation).
"""

from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.inception import GoogLeNetSpec
from lensapp.core.train.tasks import Head
from models.heads import finish
from models.local_normalisation import normalise_locally

STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)
"""Filters of each module: 1×1; 1×1 and 3×3; 1×1 and 5×5; 1×1 after the pooling."""

SMALLEST = 32


def build(input_shape: tuple[int, int, int], spec: GoogLeNetSpec, head: Head) -> keras.Model:
    """Return three convolutions, nine inception modules in three stages and global average pooling."""
    image = keras.Input(input_shape, name="cutout")
    x = _shrink(_convolve(image, spec, 64, side=7, stride=2))
    x = _convolve(_convolve(normalise_locally(x), spec, 64), spec, 192, side=3)
    x = normalise_locally(x)
    for stage in STAGES:
        x = _shrink(x)
        for widths in stage[: spec.modules]:
            x = _inception(x, spec, widths)
    x = layers.Dropout(spec.dropout)(layers.GlobalAveragePooling2D()(x))
    return finish(image, x, head, name="googlenet")


def smallest_size(_spec: GoogLeNetSpec) -> int:
    """Return the smallest side of a cutout in pixels that each of the five strides can still halve."""
    return SMALLEST


def _inception(x: Any, spec: GoogLeNetSpec, widths: tuple[int, ...]) -> Any:
    """Join 1×1, 3×3 and 5×5 convolutions and a pooling of the same image."""
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    return layers.Concatenate()(
        [
            _convolve(x, spec, widths[0]),
            _convolve_in_module(_convolve(x, spec, widths[1]), spec, widths[2], side=3),
            _convolve_in_module(_convolve(x, spec, widths[3]), spec, widths[4], side=5),
            _convolve(pooled, spec, widths[5]),
        ]
    )


def _convolve_in_module(x: Any, spec: GoogLeNetSpec, filters: int, *, side: int) -> Any:
    if not spec.factorised:
        return _convolve(x, spec, filters, side=side)
    return _convolve(_convolve(x, spec, filters, side=(1, side)), spec, filters, side=(side, 1))


def _shrink(x: Any) -> Any:
    return layers.MaxPooling2D(3, strides=2, padding="same")(x)


def _convolve(
    x: Any, spec: GoogLeNetSpec, filters: int, *, side: int | tuple[int, int] = 1, stride: int = 1
) -> Any:
    x = layers.Conv2D(
        spec.scaled(filters), side, strides=stride, padding="same", kernel_initializer="he_uniform"
    )(x)
    return layers.Activation("relu")(layers.BatchNormalization()(x) if spec.batch_normalisation else x)
