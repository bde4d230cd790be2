"""The network of Schaefer et al. (2018) with dihedral-equivariant layers.

The baseline's layers with its channels shared out among 8 orientations, so that it costs as much time and
an eighth of the parameters; its dense layers act on each orientation relative to the others, and the
largest orientation counts in the end. Turned and mirrored cutouts get the same score at any size.

References
----------
Schaefer et al. 2018, A&A 611, A2; Dieleman, De Fauw and Kavukcuoglu 2016, "Exploiting cyclic symmetry in
convolutional neural networks".
"""

from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.equivariant import LastroInvariantSpec
from lensapp.core.train.tasks import Head
from models.heads import finish
from models.layers import GroupBatchNormalization, GroupConv2D, GroupPooling, SymmetricPooling

GROUP = "d4"
ORDER = 8
STAGES = ((16, (4, 3)), (32, (3, 3)), (64, (3, 3)))
WIDE, LAST_SIDE, DENSE = 128, 5, 1024


def build(input_shape: tuple[int, int, int], spec: LastroInvariantSpec, head: Head) -> keras.Model:
    """Return three pooled pairs of convolutions, three more, and dense layers over orientations."""
    size = min(input_shape[:2])
    valid = spec.padding == "valid" or (spec.padding == "auto" and size >= _smallest(padding="valid"))
    around = 0 if valid else 1
    image = keras.Input(input_shape, name="cutout")
    x: Any = image
    for width, sides in STAGES:
        for side in sides:
            x = _convolve(x, width, side, spec=spec, padding=around, lifting=x is image)
        x = GroupBatchNormalization(group=GROUP)(SymmetricPooling()(x))
    x = layers.Dropout(spec.dropout)(x)
    x = layers.Dropout(spec.dropout)(_convolve(x, WIDE, 3, spec=spec, padding=around))
    x = GroupBatchNormalization(group=GROUP)(_convolve(x, WIDE, 3, spec=spec, padding=around))
    x = layers.Dropout(spec.dropout)(x)
    x = layers.GlobalMaxPooling2D(keepdims=True)(_convolve(x, DENSE, LAST_SIDE, spec=spec, padding=0))
    for _ in range(2):
        x = _convolve(layers.Dropout(spec.dropout)(x), DENSE, 1, spec=spec, padding=0)
    x = GroupPooling(group=GROUP)(GroupBatchNormalization(group=GROUP)(x))
    return finish(image, layers.Flatten()(x), head, name="lastro_invariant")


def smallest_size(spec: LastroInvariantSpec) -> int:
    """Return the smallest side of a cutout in pixels that leaves one pixel after the last convolution."""
    return _smallest(padding="same" if spec.padding == "auto" else spec.padding)


def _smallest(*, padding: str) -> int:
    lost = 2 if padding == "valid" else 0
    size = LAST_SIDE + 2 * lost
    for _ in STAGES:
        size = 2 * size + 2 * lost
    return size + 1  # the kernel of 4 pixels


def _convolve(
    x: Any, channels: int, side: int, *, spec: LastroInvariantSpec, padding: int, lifting: bool = False
) -> Any:
    fields = max(1, round(channels * spec.width / ORDER))
    x = GroupConv2D(fields, side, group=GROUP, lifting=lifting, padding=padding, use_bias=True)(x)
    return layers.Activation("relu")(x)
