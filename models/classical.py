"""Networks with large dense layers: LeNet-5, AlexNet, VGG-16 and OverFeat.

The dense layers take what the convolutions leave of any cutout. On cutouts too small for the published
layers (67 pixels for AlexNet, 71 for OverFeat) convolutions and poolings are padded, unless the options
forbid it.

References
----------
LeCun et al. 1998, "Gradient-based learning applied to document recognition". As is usual now, each filter
of the second convolution sees all maps of the first, sub-sampling has no weights and the last layer is
dense: 61 706 parameters for 32×32 images in one band and ten classes, as against 60 000.

Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks": 60 965 224
parameters for 227×227 images in three bands and 1000 classes.

Simonyan & Zisserman 2014, "Very deep convolutional networks for large-scale image recognition", column D:
138 357 544 parameters for 224×224 images in three bands and 1000 classes.

Sermanet et al. 2013, "OverFeat: integrated recognition, localization and detection using convolutional
networks", table 1, the fast network: 145 M parameters for 231×231 images in three bands and 1000 classes.
"""

from typing import Any

import keras
from keras import layers, ops

from lensapp.core.train.networks.classical import AlexNetSpec, LeNet5Spec, OverFeatSpec, Vgg16Spec
from lensapp.core.train.tasks import Head
from models.building import Network, Shape, choose_padding, finish, smallest_side, smallest_unpadded
from models.layers.activations import activate, normalise_locally

LENET5_STEPS = ((5, 1), (2, 2), (5, 1), (2, 2))
ALEXNET_STEPS = ((11, 4), (3, 2), (3, 2), (3, 2))
OVERFEAT_STEPS = ((11, 4), (2, 2), (5, 1), (2, 2), (2, 2))
VGG16_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Number of convolutions and filters of each block."""


def lenet5(input_shape: Shape, spec: LeNet5Spec, head: Head) -> keras.Model:
    """Return two 5×5 convolutions, each pooled, and dense layers of 120 and 84 units."""
    image = keras.Input(input_shape, name="cutout")
    pooling = layers.AveragePooling2D if spec.pooling == "average" else layers.MaxPooling2D
    x = image
    for filters in (6, 16):
        x = pooling(2)(activate(layers.Conv2D(spec.scaled(filters), 5)(x), spec.activation))
    x = layers.Flatten()(x)
    for units in (120, 84):
        x = activate(layers.Dense(spec.scaled(units))(x), spec.activation)
    return finish(image, x, head, name="lenet5")


def alexnet(input_shape: Shape, spec: AlexNetSpec, head: Head) -> keras.Model:
    """Return five convolutions, three of them pooled, and two dense layers of 4096 units.

    Some convolutions are split into the two towers in which the network was trained on two processors.
    """
    padding = choose_padding(spec.padding, ALEXNET_STEPS, side=min(input_shape[:2]))
    image = keras.Input(input_shape, name="cutout")
    x = _alexnet_convolution(image, spec, filters=96, side=11, stride=4, padding=padding)
    x = _alexnet_pooling(x, spec, padding)
    x = _alexnet_convolution(x, spec, filters=256, side=5, towers=spec.towers)
    x = _alexnet_pooling(x, spec, padding)
    x = _alexnet_convolution(x, spec, filters=384, side=3)
    x = _alexnet_convolution(x, spec, filters=384, side=3, towers=spec.towers)
    x = _alexnet_convolution(x, spec, filters=256, side=3, towers=spec.towers)
    x = layers.Flatten()(layers.MaxPooling2D(3, strides=2, padding=padding)(x))
    for _ in range(2):
        x = layers.Dropout(spec.dropout)(x)
        x = layers.Dense(spec.scaled(4096), activation="relu", kernel_initializer="he_uniform")(x)
    return finish(image, x, head, name="alexnet")


def _alexnet_pooling(x: Any, spec: AlexNetSpec, padding: str) -> Any:
    normalised = normalise_locally(x) if spec.local_normalisation else x
    return layers.MaxPooling2D(3, strides=2, padding=padding)(normalised)


def _alexnet_convolution(
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


def vgg16(input_shape: Shape, spec: Vgg16Spec, head: Head) -> keras.Model:
    """Return five blocks of 3×3 convolutions, each pooled, and two wide dense layers with dropout.

    Layers and weights have the names, order and shapes of `keras.applications.VGG16` up to the last layer,
    so that its files of ImageNet weights fit (those of the two dense layers for 224×224 cutouts only).
    """
    image = keras.Input(input_shape, name="cutout")
    x = image
    for block, (convolutions, filters) in enumerate(VGG16_BLOCKS, 1):
        for number in range(1, convolutions + 1):
            x = layers.Conv2D(
                spec.scaled(filters),
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_uniform",
                name=f"block{block}_conv{number}",
            )(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        units = spec.scaled(spec.dense_units)
        x = layers.Dense(units, activation="relu", kernel_initializer="he_uniform", name=name)(x)
        x = layers.Dropout(spec.dropout)(x)
    return finish(image, x, head, name="vgg16")


def overfeat(input_shape: Shape, spec: OverFeatSpec, head: Head) -> keras.Model:
    """Return five convolutions, the first, second and last pooled, and two wide dense layers."""
    padding = choose_padding(spec.padding, OVERFEAT_STEPS, side=min(input_shape[:2]))
    image = keras.Input(input_shape, name="cutout")
    x = image
    for filters, side, stride, pad, pooled in (
        (96, 11, 4, padding, True),
        (256, 5, 1, padding, True),
        (512, 3, 1, "same", False),
        (1024, 3, 1, "same", False),
        (1024, 3, 1, "same", True),
    ):
        x = layers.Conv2D(
            spec.scaled(filters),
            side,
            strides=stride,
            padding=pad,
            activation="relu",
            kernel_initializer="he_uniform",
        )(x)
        x = layers.MaxPooling2D(2)(x) if pooled else x
    x = layers.Flatten()(x)
    for units in (3072, 4096):
        x = layers.Dropout(spec.dropout)(x)
        x = layers.Dense(spec.scaled(units), activation="relu", kernel_initializer="he_uniform")(x)
    return finish(image, x, head, name="overfeat")


NETWORKS = {
    "lenet5": Network(lenet5, lambda _spec: smallest_unpadded(LENET5_STEPS)),
    "alexnet": Network(alexnet, lambda spec: smallest_side(spec.padding, ALEXNET_STEPS)),
    "vgg16": Network(vgg16, lambda _spec: 2 ** len(VGG16_BLOCKS)),
    "overfeat": Network(overfeat, lambda spec: smallest_side(spec.padding, OVERFEAT_STEPS)),
}
