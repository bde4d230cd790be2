"""The network of Ivashkov, "Identifying strong gravitational lenses using CNN" (2022).

The document says: ReLU between the layers, a sigmoid at the end, dropout 0.5, weight decay on the kernels
and about 27 million parameters. It names neither the layers nor the size of its cutouts; those here are
ours, and have 26 900 801 parameters for its group's 60×60 cutouts in three bands.
"""

import keras
from keras import layers

from lensapp.core.train.networks.convolutional import LensCnnSpec
from lensapp.core.train.tasks import Head
from models.heads import finish

POOLED = 2


def build(input_shape: tuple[int, int, int], spec: LensCnnSpec, head: Head) -> keras.Model:
    """Return plain convolutions, the first two pooled, the first three unpadded, and two dense layers."""
    image = keras.Input(input_shape, name="cutout")
    x = image
    for step in range(spec.convolutions):
        x = layers.Conv2D(
            spec.filters * 2 ** min(step, 3),
            spec.kernel_size if step < POOLED else 3,
            padding="valid" if step <= POOLED else "same",
            activation="relu",
        )(x)
        if step < POOLED:
            x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for units in (spec.dense_units, spec.second_dense_units):
        x = layers.Dense(units, activation="relu")(layers.Dropout(spec.dropout)(x))
    return finish(image, x, head, name="lens_cnn")


def smallest_size(spec: LensCnnSpec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel before the dense layers."""
    size = 3 if spec.convolutions > POOLED else 1
    for _ in range(POOLED):
        size = 2 * size + spec.kernel_size - 1
    return size
