"""The E(2)-steerable network of Singh (2021): eight orientations, harmonic kernels.

Its maps turn with the image up to the group pooling. What follows, a dense layer on the flattened maps, is
the document's, and not invariant: it learns to be so from turned images at best.

References
----------
Singh 2021, "Equivalent neural network for dark matter morphology with strong gravitational lensing";
Weiler and Cesa 2019, "General E(2)-equivariant steerable CNNs".
"""

from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.equivariant import SteerableSpec
from lensapp.core.train.tasks import Head
from models.heads import finish
from models.layers import AntialiasedPooling, CircularMask, GroupBatchNormalization, GroupConv2D, GroupPooling

GROUP = "c8"
FIELDS = (24, 48, 48, 96, 96, 64)
KERNELS = (7, 5, 5, 5, 5, 5)
PADDINGS = (1, 2, 2, 2, 2, 1)
POOLED_AFTER = (1, 3)
BLUR_PIXELS = 1.0  # turns by 45° change the maps at 129 pixels by 0.5 to 0.95 %; with 0.66 up to 1.03 %
BATCH_NORMALISATION = {"momentum": 0.9, "epsilon": 1e-5}  # PyTorch's defaults


def build(input_shape: tuple[int, int, int], spec: SteerableSpec, head: Head) -> keras.Model:
    """Return six steerable convolutions, three antialiased poolings, group pooling and two dense layers."""
    image = keras.Input(input_shape, name="cutout")
    x: Any = CircularMask()(image)
    for step, (fields, side, padding) in enumerate(zip(FIELDS, KERNELS, PADDINGS, strict=True)):
        x = GroupConv2D(
            max(1, round(fields * spec.width)), side, group=GROUP, lifting=step == 0, padding=padding
        )(x)
        x = layers.Activation("relu")(GroupBatchNormalization(group=GROUP, **BATCH_NORMALISATION)(x))
        if step in POOLED_AFTER:
            x = AntialiasedPooling(sigma=BLUR_PIXELS)(x)
    x = GroupPooling(group=GROUP)(AntialiasedPooling(stride=1, padded=False)(x))
    x = layers.Dense(spec.dense_units)(layers.Flatten()(x))
    x = layers.Activation("elu")(layers.BatchNormalization(**BATCH_NORMALISATION)(x))
    return finish(image, x, head, name="steerable_c8")


def smallest_size(_spec: SteerableSpec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel before the dense layer."""
    size = 1 + 4 + 2  # the last pooling and the last convolution
    for _ in POOLED_AFTER:
        size = 2 * size - 1
    return size + 4
