"""Inception-v4, whose large kernels are factorised into 1×n and n×1.

On cutouts of less than 75 pixels the convolutions and poolings that the paper leaves unpadded are padded,
unless the options forbid it.

References
----------
Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the impact of residual connections on learning",
figures 3 to 9.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.inception import InceptionV4Spec
from lensapp.core.train.tasks import Head
from models.heads import finish
from models.sizes import choose_padding, smallest_side

STEPS = ((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2))
"""Kernels and strides of what the paper leaves unpadded, in order."""

Convolve = Callable[..., Any]


def build(input_shape: tuple[int, int, int], spec: InceptionV4Spec, head: Head) -> keras.Model:
    """Return the stem, modules A, B and C with reductions between them, and global average pooling."""
    shrink = choose_padding(spec.padding, STEPS, side=min(input_shape[:2]))
    convolve = partial(_convolve, spec)
    image = keras.Input(input_shape, name="cutout")
    x = _stem(image, convolve, shrink)
    for _ in range(min(4, spec.modules)):
        x = _module_a(x, convolve)
    x = _reduce_a(x, convolve, shrink)
    for _ in range(min(7, spec.modules)):
        x = _module_b(x, convolve)
    x = _reduce_b(x, convolve, shrink)
    for _ in range(min(3, spec.modules)):
        x = _module_c(x, convolve)
    x = layers.Dropout(spec.dropout)(layers.GlobalAveragePooling2D()(x))
    return finish(image, x, head, name="inception_v4")


def smallest_size(spec: InceptionV4Spec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel for the last modules."""
    return smallest_side(spec.padding, STEPS)


def _stem(x: Any, convolve: Convolve, shrink: str) -> Any:
    x = convolve(x, 32, 3, stride=2, padding=shrink)
    x = convolve(convolve(x, 32, 3, padding=shrink), 64, 3)
    x = _join(_pool(x, shrink), convolve(x, 96, 3, stride=2, padding=shrink))
    plain = convolve(convolve(x, 64), 96, 3, padding=shrink)
    wide = convolve(convolve(convolve(x, 64), 64, (7, 1)), 64, (1, 7))
    x = _join(plain, convolve(wide, 96, 3, padding=shrink))
    return _join(convolve(x, 192, 3, stride=2, padding=shrink), _pool(x, shrink))


def _module_a(x: Any, convolve: Convolve) -> Any:
    return _join(
        convolve(_average(x), 96),
        convolve(x, 96),
        convolve(convolve(x, 64), 96, 3),
        convolve(convolve(convolve(x, 64), 96, 3), 96, 3),
    )


def _reduce_a(x: Any, convolve: Convolve, shrink: str) -> Any:
    deep = convolve(convolve(x, 192), 224, 3)
    return _join(
        _pool(x, shrink),
        convolve(x, 384, 3, stride=2, padding=shrink),
        convolve(deep, 256, 3, stride=2, padding=shrink),
    )


def _module_b(x: Any, convolve: Convolve) -> Any:
    deep = convolve(convolve(convolve(x, 192), 192, (1, 7)), 224, (7, 1))
    return _join(
        convolve(_average(x), 128),
        convolve(x, 384),
        convolve(convolve(convolve(x, 192), 224, (1, 7)), 256, (7, 1)),
        convolve(convolve(deep, 224, (1, 7)), 256, (7, 1)),
    )


def _reduce_b(x: Any, convolve: Convolve, shrink: str) -> Any:
    deep = convolve(convolve(convolve(x, 256), 256, (1, 7)), 320, (7, 1))
    return _join(
        _pool(x, shrink),
        convolve(convolve(x, 192), 192, 3, stride=2, padding=shrink),
        convolve(deep, 320, 3, stride=2, padding=shrink),
    )


def _module_c(x: Any, convolve: Convolve) -> Any:
    near = convolve(x, 384)
    far = convolve(convolve(convolve(x, 384), 448, (1, 3)), 512, (3, 1))
    return _join(
        convolve(_average(x), 256),
        convolve(x, 256),
        *(convolve(near, 256, side) for side in ((1, 3), (3, 1))),
        *(convolve(far, 256, side) for side in ((3, 1), (1, 3))),
    )


def _join(*branches: Any) -> Any:
    return layers.Concatenate()(list(branches))


def _pool(x: Any, padding: str) -> Any:
    return layers.MaxPooling2D(3, strides=2, padding=padding)(x)


def _average(x: Any) -> Any:
    return layers.AveragePooling2D(3, strides=1, padding="same")(x)


def _convolve(
    spec: InceptionV4Spec,
    x: Any,
    filters: int,
    side: int | tuple[int, int] = 1,
    *,
    stride: int = 1,
    padding: str = "same",
) -> Any:
    """Convolve without bias, normalise the batch and cut below zero."""
    x = layers.Conv2D(
        spec.scaled(filters),
        side,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_uniform",
    )(x)
    return layers.Activation("relu")(layers.BatchNormalization()(x))
