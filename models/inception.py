"""GoogLeNet, the first inception network, and Inception-v4.

Both know large kernels in a factorised form, 1×n and n×1: Inception-v4 throughout, GoogLeNet on request.

References
----------
Szegedy et al. 2014, "Going deeper with convolutions", table 1; Szegedy et al. 2015, "Rethinking the
inception architecture for computer vision" (factorisation, as Bom 2018 shows it).

Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the impact of residual connections on learning",
figures 3 to 9. On cutouts of less than 75 pixels the convolutions and poolings that the paper leaves
unpadded are padded, unless the options forbid it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.inception import GoogLeNetSpec, InceptionV4Spec
from lensapp.core.train.tasks import Head
from models.building import Network, Shape, choose_padding, finish, smallest_side
from models.layers.activations import normalise_locally

GOOGLENET_STAGES = (
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

INCEPTION_V4_STEPS = ((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2))
"""Kernels and strides of what the paper leaves unpadded, in order."""

Convolve = Callable[..., Any]


def googlenet(input_shape: Shape, spec: GoogLeNetSpec, head: Head) -> keras.Model:
    """Return three convolutions, nine inception modules in three stages and global average pooling.

    The two auxiliary classifiers only helped gradients through the published training and were discarded
    after it. Kernels are padded throughout, so that any cutout of 32 pixels or more goes in.
    """
    image = keras.Input(input_shape, name="cutout")
    x = _googlenet_pooling(_googlenet_convolution(image, spec, 64, side=7, stride=2))
    x = _googlenet_convolution(_googlenet_convolution(normalise_locally(x), spec, 64), spec, 192, side=3)
    x = normalise_locally(x)
    for stage in GOOGLENET_STAGES:
        x = _googlenet_pooling(x)
        for widths in stage[: spec.modules]:
            x = inception_module(x, spec, widths)
    x = layers.Dropout(spec.dropout)(layers.GlobalAveragePooling2D()(x))
    return finish(image, x, head, name="googlenet")


def inception_module(x: Any, spec: GoogLeNetSpec, widths: tuple[int, ...]) -> Any:
    """Join 1×1, 3×3 and 5×5 convolutions and a pooling of the same image."""
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    return layers.Concatenate()(
        [
            _googlenet_convolution(x, spec, widths[0]),
            _convolve_wide(_googlenet_convolution(x, spec, widths[1]), spec, widths[2], side=3),
            _convolve_wide(_googlenet_convolution(x, spec, widths[3]), spec, widths[4], side=5),
            _googlenet_convolution(pooled, spec, widths[5]),
        ]
    )


def _convolve_wide(x: Any, spec: GoogLeNetSpec, filters: int, *, side: int) -> Any:
    if not spec.factorised:
        return _googlenet_convolution(x, spec, filters, side=side)
    return _googlenet_convolution(
        _googlenet_convolution(x, spec, filters, side=(1, side)), spec, filters, side=(side, 1)
    )


def _googlenet_pooling(x: Any) -> Any:
    return layers.MaxPooling2D(3, strides=2, padding="same")(x)


def _googlenet_convolution(
    x: Any, spec: GoogLeNetSpec, filters: int, *, side: int | tuple[int, int] = 1, stride: int = 1
) -> Any:
    x = layers.Conv2D(
        spec.scaled(filters), side, strides=stride, padding="same", kernel_initializer="he_uniform"
    )(x)
    return layers.Activation("relu")(layers.BatchNormalization()(x) if spec.batch_normalisation else x)


def inception_v4(input_shape: Shape, spec: InceptionV4Spec, head: Head) -> keras.Model:
    """Return the stem, modules A, B and C with reductions between them, and global average pooling."""
    shrink = choose_padding(spec.padding, INCEPTION_V4_STEPS, side=min(input_shape[:2]))
    convolve = partial(inception_v4_convolution, spec)
    image = keras.Input(input_shape, name="cutout")
    x = inception_v4_stem(image, convolve, shrink)
    for _ in range(min(4, spec.modules)):
        x = module_a(x, convolve)
    x = reduce_a(x, convolve, shrink)
    for _ in range(min(7, spec.modules)):
        x = module_b(x, convolve)
    x = reduce_b(x, convolve, shrink)
    for _ in range(min(3, spec.modules)):
        x = module_c(x, convolve)
    x = layers.Dropout(spec.dropout)(layers.GlobalAveragePooling2D()(x))
    return finish(image, x, head, name="inception_v4")


def inception_v4_stem(x: Any, convolve: Convolve, shrink: str) -> Any:
    """Reduce the image eightfold in each direction (figure 3)."""
    x = convolve(x, 32, 3, stride=2, padding=shrink)
    x = convolve(convolve(x, 32, 3, padding=shrink), 64, 3)
    x = _join(_pool(x, shrink), convolve(x, 96, 3, stride=2, padding=shrink))
    plain = convolve(convolve(x, 64), 96, 3, padding=shrink)
    wide = convolve(convolve(convolve(x, 64), 64, (7, 1)), 64, (1, 7))
    x = _join(plain, convolve(wide, 96, 3, padding=shrink))
    return _join(convolve(x, 192, 3, stride=2, padding=shrink), _pool(x, shrink))


def module_a(x: Any, convolve: Convolve) -> Any:
    """Join 1×1 and 3×3 convolutions and a pooling of the same maps (figure 4)."""
    return _join(
        convolve(_average_pool(x), 96),
        convolve(x, 96),
        convolve(convolve(x, 64), 96, 3),
        convolve(convolve(convolve(x, 64), 96, 3), 96, 3),
    )


def reduce_a(x: Any, convolve: Convolve, shrink: str) -> Any:
    """Halve the maps between the modules A and B (figure 7)."""
    deep = convolve(convolve(x, 192), 224, 3)
    return _join(
        _pool(x, shrink),
        convolve(x, 384, 3, stride=2, padding=shrink),
        convolve(deep, 256, 3, stride=2, padding=shrink),
    )


def module_b(x: Any, convolve: Convolve) -> Any:
    """Join 1×7 and 7×1 convolutions and a pooling of the same maps (figure 5)."""
    deep = convolve(convolve(convolve(x, 192), 192, (1, 7)), 224, (7, 1))
    return _join(
        convolve(_average_pool(x), 128),
        convolve(x, 384),
        convolve(convolve(convolve(x, 192), 224, (1, 7)), 256, (7, 1)),
        convolve(convolve(deep, 224, (1, 7)), 256, (7, 1)),
    )


def reduce_b(x: Any, convolve: Convolve, shrink: str) -> Any:
    """Halve the maps between the modules B and C (figure 8)."""
    deep = convolve(convolve(convolve(x, 256), 256, (1, 7)), 320, (7, 1))
    return _join(
        _pool(x, shrink),
        convolve(convolve(x, 192), 192, 3, stride=2, padding=shrink),
        convolve(deep, 320, 3, stride=2, padding=shrink),
    )


def module_c(x: Any, convolve: Convolve) -> Any:
    """Join 1×3 and 3×1 convolutions side by side and a pooling of the same maps (figure 6)."""
    near = convolve(x, 384)
    far = convolve(convolve(convolve(x, 384), 448, (1, 3)), 512, (3, 1))
    return _join(
        convolve(_average_pool(x), 256),
        convolve(x, 256),
        *(convolve(near, 256, side) for side in ((1, 3), (3, 1))),
        *(convolve(far, 256, side) for side in ((3, 1), (1, 3))),
    )


def _join(*branches: Any) -> Any:
    return layers.Concatenate()(list(branches))


def _pool(x: Any, padding: str) -> Any:
    return layers.MaxPooling2D(3, strides=2, padding=padding)(x)


def _average_pool(x: Any) -> Any:
    """Average 3 by 3 pixels, same size."""
    return layers.AveragePooling2D(3, strides=1, padding="same")(x)


def inception_v4_convolution(
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


NETWORKS = {
    "googlenet": Network(googlenet, lambda _spec: 32),
    "inception_v4": Network(inception_v4, lambda spec: smallest_side(spec.padding, INCEPTION_V4_STEPS)),
}
