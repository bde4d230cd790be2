"""VGG-16; its dense layers take what the convolutions leave of any cutout.

Layers and weights have the names, order and shapes of `keras.applications.VGG16` up to the last layer, so
that its files of ImageNet weights fit (those of the two dense layers for 224×224 cutouts only).

References
----------
Simonyan & Zisserman 2014, "Very deep convolutional networks for large-scale image recognition", column D:
138 357 544 parameters for 224×224 images in three bands and 1000 classes.
"""

import keras
from keras import layers

from lensapp.core.train.networks.classical import Vgg16Spec
from lensapp.core.train.tasks import Head
from models.heads import finish

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Number of convolutions and filters of each block."""


def build(input_shape: tuple[int, int, int], spec: Vgg16Spec, head: Head) -> keras.Model:
    """Return five blocks of 3×3 convolutions, each pooled, and two wide dense layers with dropout."""
    image = keras.Input(input_shape, name="cutout")
    x = image
    for block, (convolutions, filters) in enumerate(BLOCKS, 1):
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


def smallest_size(_spec: Vgg16Spec) -> int:
    """Return the smallest side of a cutout in pixels that each block can still halve."""
    return int(2 ** len(BLOCKS))
