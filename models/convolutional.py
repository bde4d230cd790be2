"""Plain convolutional networks of the lens-finding documents.

References
----------
Gábor 2019, "Convolutional Neural Networks": the simple network and the winning one with ELU.

Ivashkov 2022, "Identifying strong gravitational lenses using CNN": ReLU between the layers, a sigmoid at
the end, dropout 0.5, weight decay on the kernels and about 27 million parameters. It names neither the
layers nor the size of its cutouts; those of `lens_cnn` are ours, and have 26 900 801 parameters for its
group's 60×60 cutouts in three bands.
"""

import keras
from keras import layers

from lensapp.core.train.networks.convolutional import EluCnnSpec, LensCnnSpec, SimpleCnnSpec
from lensapp.core.train.tasks import Head
from models.building import Network, Shape, Step, choose_padding, finish, smallest_side, smallest_unpadded
from models.layers.activations import activate

ELU_WIDTHS = (1, 1, 2, 4, 4, 8)
LENS_CNN_POOLED = 2
"""Convolutions of the lens CNN that are followed by a pooling."""


def simple_cnn(input_shape: Shape, spec: SimpleCnnSpec, head: Head) -> keras.Model:
    """Return a 3×3 convolution, 2×2 pooling and a dense layer, neither of them with a bias."""
    image = keras.Input(input_shape, name="cutout")
    x = activate(layers.Conv2D(spec.filters, 3, use_bias=False)(image), spec.activation)
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    x = activate(layers.Dense(spec.dense_units, use_bias=False)(x), spec.activation)
    return finish(image, x, head, name="simple_cnn")


def elu_cnn(input_shape: Shape, spec: EluCnnSpec, head: Head) -> keras.Model:
    """Return blocks of 3×3 convolution, ELU, batch normalisation and 2×2 pooling, then three dense layers."""
    padding = choose_padding(spec.padding, elu_steps(spec), side=min(input_shape[:2]))
    image = keras.Input(input_shape, name="cutout")
    x = image
    for block in range(spec.blocks):
        x = layers.Conv2D(spec.filters * ELU_WIDTHS[block], 3, activation="elu", padding=padding)(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(spec.dropout)(layers.Flatten()(x))
    x = layers.Dense(spec.dense_units, activation="relu")(x)
    x = layers.Dense(spec.second_dense_units, activation="relu")(x)
    return finish(image, x, head, name="elu_cnn")


def elu_steps(spec: EluCnnSpec) -> tuple[Step, ...]:
    """Return kernels and strides of the blocks."""
    return ((3, 1), (2, 2)) * spec.blocks


def lens_cnn(input_shape: Shape, spec: LensCnnSpec, head: Head) -> keras.Model:
    """Return plain convolutions, the first two pooled, the first three unpadded, and two dense layers."""
    image = keras.Input(input_shape, name="cutout")
    x = image
    for step in range(spec.convolutions):
        x = layers.Conv2D(
            spec.filters * 2 ** min(step, 3),
            spec.kernel_size if step < LENS_CNN_POOLED else 3,
            padding="valid" if step <= LENS_CNN_POOLED else "same",
            activation="relu",
        )(x)
        if step < LENS_CNN_POOLED:
            x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for units in (spec.dense_units, spec.second_dense_units):
        x = layers.Dense(units, activation="relu")(layers.Dropout(spec.dropout)(x))
    return finish(image, x, head, name="lens_cnn")


def lens_cnn_steps(spec: LensCnnSpec) -> tuple[Step, ...]:
    """Return kernels and strides of the layers that shrink the cutout."""
    third = ((3, 1),) if spec.convolutions > LENS_CNN_POOLED else ()
    return ((spec.kernel_size, 1), (2, 2)) * LENS_CNN_POOLED + third


NETWORKS = {
    "simple_cnn": Network(simple_cnn, lambda _spec: smallest_unpadded(((3, 1), (2, 2)))),
    "elu_cnn": Network(elu_cnn, lambda spec: smallest_side(spec.padding, elu_steps(spec))),
    "lens_cnn": Network(lens_cnn, lambda spec: smallest_unpadded(lens_cnn_steps(spec))),
}
