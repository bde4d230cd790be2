"""The simple network of Gábor, "Convolutional Neural Networks" (2019)."""

import keras
from keras import layers

from lensapp.core.train.networks.convolutional import SimpleCnnSpec
from lensapp.core.train.tasks import Head
from models.activations import activate
from models.heads import finish
from models.sizes import smallest_unpadded

STEPS = ((3, 1), (2, 2))


def build(input_shape: tuple[int, int, int], spec: SimpleCnnSpec, head: Head) -> keras.Model:
    """Return a 3×3 convolution, 2×2 pooling and a dense layer, neither of them with a bias."""
    image = keras.Input(input_shape, name="cutout")
    x = activate(layers.Conv2D(spec.filters, 3, use_bias=False)(image), spec.activation)
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    x = activate(layers.Dense(spec.dense_units, use_bias=False)(x), spec.activation)
    return finish(image, x, head, name="simple_cnn")


def smallest_size(_spec: SimpleCnnSpec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel after the pooling."""
    return smallest_unpadded(STEPS)
