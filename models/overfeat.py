"""The fast network of OverFeat, the winner of ImageNet's localisation in 2013, as a classifier.

Its dense layers take what the convolutions leave of any cutout. On cutouts of less than 71 pixels
convolutions are padded, unless the options forbid it.

References
----------
Sermanet et al. 2013, "OverFeat: integrated recognition, localization and detection using convolutional
networks", table 1: 145 M parameters for 231×231 images in three bands and 1000 classes.
"""

import keras
from keras import layers

from lensapp.core.train.networks.classical import OverFeatSpec
from lensapp.core.train.tasks import Head
from models.heads import finish
from models.sizes import choose_padding, smallest_side

STEPS = ((11, 4), (2, 2), (5, 1), (2, 2), (2, 2))


def build(input_shape: tuple[int, int, int], spec: OverFeatSpec, head: Head) -> keras.Model:
    """Return five convolutions, the first, second and last pooled, and two wide dense layers."""
    padding = choose_padding(spec.padding, STEPS, side=min(input_shape[:2]))
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


def smallest_size(spec: OverFeatSpec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel after the last pooling."""
    return smallest_side(spec.padding, STEPS)
