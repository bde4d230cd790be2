"""LeNet-5, made for handwritten digits.

References
----------
LeCun et al. 1998, "Gradient-based learning applied to document recognition". As is usual now, each filter
of the second convolution sees all maps of the first, sub-sampling has no weights and the last layer is
dense: 61 706 parameters for 32×32 images in one band and ten classes, as against 60 000.
"""

import keras
from keras import layers

from lensapp.core.train.networks.classical import LeNet5Spec
from lensapp.core.train.tasks import Head
from models.activations import activate
from models.heads import finish
from models.sizes import smallest_unpadded

STEPS = ((5, 1), (2, 2), (5, 1), (2, 2))


def build(input_shape: tuple[int, int, int], spec: LeNet5Spec, head: Head) -> keras.Model:
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


def smallest_size(_spec: LeNet5Spec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel after the last pooling."""
    return smallest_unpadded(STEPS)
