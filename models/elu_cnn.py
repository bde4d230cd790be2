"""The winning network of Gábor, "Convolutional Neural Networks" (2019)."""

import keras
from keras import layers

from lensapp.core.train.networks.convolutional import EluCnnSpec
from lensapp.core.train.tasks import Head
from models.heads import finish

WIDTHS = (1, 1, 2, 4, 4, 8)


def build(input_shape: tuple[int, int, int], spec: EluCnnSpec, head: Head) -> keras.Model:
    """Return blocks of 3×3 convolution, ELU, batch normalisation and 2×2 pooling, then three dense layers."""
    size = min(input_shape[:2])
    valid = spec.padding == "valid" or (spec.padding == "auto" and size >= _smallest(spec, padding="valid"))
    image = keras.Input(input_shape, name="cutout")
    x = image
    for block in range(spec.blocks):
        x = layers.Conv2D(
            spec.filters * WIDTHS[block], 3, activation="elu", padding="valid" if valid else "same"
        )(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(spec.dropout)(layers.Flatten()(x))
    x = layers.Dense(spec.dense_units, activation="relu")(x)
    x = layers.Dense(spec.second_dense_units, activation="relu")(x)
    return finish(image, x, head, name="elu_cnn")


def smallest_size(spec: EluCnnSpec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel after the last pooling."""
    return _smallest(spec, padding="same" if spec.padding == "auto" else spec.padding)


def _smallest(spec: EluCnnSpec, *, padding: str) -> int:
    size = 1
    for _ in range(spec.blocks):
        size = 2 * size + (2 if padding == "valid" else 0)
    return size
