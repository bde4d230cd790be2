"""The last layer of every network: what it is asked decides how its features become numbers."""

from typing import Any

import keras
from keras import layers

from lensapp.core.train.tasks import Head

ACTIVATIONS = {"sigmoid": "sigmoid", "softmax": "softmax", "gaussian": "linear"}


def finish(image: Any, features: Any, head: Head, *, name: str) -> keras.Model:
    """Return the network from `image` over flat `features` (n, k) to the outputs of `head` in float32."""
    activation = ACTIVATIONS[head.kind]
    output = layers.Dense(head.outputs, activation=activation, dtype="float32", name="score")(features)
    return keras.Model(image, output, name=name)
