"""Our group-equivariant residual network: what it learns of one orientation it knows in all.

Pre-activation blocks after He et al. (2016), with group convolutions after Cohen and Welling (2016) in
place of plain ones. Before each stage the image is halved by poolings that treat its four sides alike;
after the last one the largest orientation is kept, its maximum over the image and its means in rings about
the centre. No turn of the cutout by 90° changes the score, and for "d4" no mirroring.

For "c8" the root of the mean square takes the place of the maximum, which depends on where a peak lies
within a coarse pixel, the pooling blurs more, and only the first stage halves the image: rectified maps on
coarser pixels alias, and turns by 45° would change the pooled features of smooth images by 3 % instead of
less than 1 %. Batch statistics follow quickly (momentum 0.9), since surveys begin small.
"""

from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.equivariant import EquivariantResnetSpec
from lensapp.core.train.tasks import Head
from models.heads import finish
from models.layers import (
    AntialiasedPooling,
    CircularMask,
    GroupBatchNormalization,
    GroupConv2D,
    GroupPooling,
    RingPooling,
    RootMeanSquarePooling,
    SymmetricPooling,
)

FIRST_SIDE = 5
MOMENTUM = 0.9
BLUR_PIXELS = 1.0


def build(input_shape: tuple[int, int, int], spec: EquivariantResnetSpec, head: Head) -> keras.Model:
    """Return a lifting convolution, stages of residual blocks, and what no turn changes."""
    image = keras.Input(input_shape, name="cutout")
    x: Any = CircularMask()(image) if spec.group == "c8" else image
    x = GroupConv2D(spec.fields, FIRST_SIDE, group=spec.group, lifting=True)(x)
    for stage in range(spec.stages):
        x = _halve(x, spec) if stage < _halvings(spec) else x
        for _ in range(spec.blocks):
            x = _block(x, spec, fields=spec.fields * 2**stage)
    x = GroupPooling(group=spec.group)(_activate(x, spec))
    peak = layers.GlobalMaxPooling2D() if spec.group == "d4" else RootMeanSquarePooling()
    x = layers.Concatenate()([peak(x), RingPooling(spec.rings)(x)])
    x = layers.Dense(spec.dense_units, activation="relu")(layers.Dropout(spec.dropout)(x))
    return finish(image, x, head, name="equivariant_resnet")


def smallest_size(spec: EquivariantResnetSpec) -> int:
    """Return the smallest side of a cutout in pixels that each stage can still halve."""
    return int(2 ** (_halvings(spec) + 1))


def _halvings(spec: EquivariantResnetSpec) -> int:
    return spec.stages if spec.group == "d4" else 1


def _halve(x: Any, spec: EquivariantResnetSpec) -> Any:
    return SymmetricPooling()(x) if spec.group == "d4" else AntialiasedPooling(sigma=BLUR_PIXELS)(x)


def _activate(x: Any, spec: EquivariantResnetSpec) -> Any:
    x = GroupBatchNormalization(group=spec.group, momentum=MOMENTUM)(x)
    return layers.Activation("relu")(x)


def _block(x: Any, spec: EquivariantResnetSpec, *, fields: int) -> Any:
    """Add two convolutions to their input, which a 1×1 convolution fits where the number of fields grows."""
    inner = _activate(x, spec)
    shortcut = x
    if x.shape[-1] != fields * 8:
        shortcut = GroupConv2D(fields, 1, group=spec.group)(inner)
    inner = GroupConv2D(fields, spec.kernel_size, group=spec.group)(inner)
    inner = GroupConv2D(fields, spec.kernel_size, group=spec.group)(_activate(inner, spec))
    return layers.Add()([inner, shortcut])
