"""The network of Ivashkov (2022) with his rotational convolutions in place of plain ones."""

from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.equivariant import RotationalCnnSpec
from lensapp.core.train.tasks import Head
from models import lens_cnn
from models.heads import finish
from models.layers import CircularMask, RotationalConv2D, SymmetricPooling, TurnPooling


def build(input_shape: tuple[int, int, int], spec: RotationalCnnSpec, head: Head) -> keras.Model:
    """Return the lens CNN with rotational convolutions and poolings that keep to the middle."""
    image = keras.Input(input_shape, name="cutout")
    x: Any = CircularMask()(image) if spec.form == "lifted" else image
    for step in range(spec.convolutions):
        x = RotationalConv2D(
            spec.filters * 2 ** min(step, 3),
            spec.kernel_size if step < lens_cnn.POOLED else 3,
            form=spec.form,
            rotations=spec.rotations,
            padding="valid" if step <= lens_cnn.POOLED else "same",
            activation="relu",
        )(x)
        if step < lens_cnn.POOLED:
            x = SymmetricPooling()(x)
    if spec.invariant and spec.form != "literal":
        x = TurnPooling()(x)
    x = layers.Flatten()(x)
    for units in (spec.dense_units, spec.second_dense_units):
        x = layers.Dense(units, activation="relu")(layers.Dropout(spec.dropout)(x))
    return finish(image, x, head, name="rotational_cnn")


def smallest_size(spec: RotationalCnnSpec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel before the dense layers."""
    return lens_cnn.smallest_size(spec)
