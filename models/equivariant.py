"""Networks whose maps, or whose scores, follow the rotations of the image.

References
----------
Ivashkov 2022, "Identifying strong gravitational lenses using CNN" (rotational convolutions).

Singh 2021, "Equivalent neural network for dark matter morphology with strong gravitational lensing";
Weiler and Cesa 2019, "General E(2)-equivariant steerable CNNs".

Schaefer et al. 2018, A&A 611, A2; Dieleman, De Fauw and Kavukcuoglu 2016, "Exploiting cyclic symmetry in
convolutional neural networks".

Cohen and Welling 2016, "Group equivariant convolutional networks"; He et al. 2016, "Identity mappings in
deep residual networks".
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.equivariant import (
    EquivariantResnetSpec,
    LastroInvariantSpec,
    RotationalCnnSpec,
    SteerableSpec,
)
from lensapp.core.train.tasks import Head
from models.building import Network, Shape, Step, choose_padding, finish, smallest_unpadded
from models.convolutional import LENS_CNN_POOLED, lens_cnn_steps
from models.layers.group_convolution import (
    GroupBatchNormalization,
    GroupConv2D,
    GroupDropout,
    GroupPooling,
)
from models.layers.pooling import (
    AntialiasedPooling,
    CircularMask,
    RingPooling,
    RootMeanSquarePooling,
    SymmetricPooling,
    TurnPooling,
)
from models.layers.rotational import RotationalConv2D

BLUR_PIXELS = 1.0
"""Rotations by 45° change the maps of the steerable network at 129 pixels by 0.5 to 0.95 %; with 0.66 pixels
by up to 1.03 %."""


def rotational_cnn(input_shape: Shape, spec: RotationalCnnSpec, head: Head) -> keras.Model:
    """Return the lens CNN with rotational convolutions and poolings that keep to the middle."""
    image = keras.Input(input_shape, name="cutout")
    x: Any = CircularMask()(image) if spec.form == "lifted" else image
    for step in range(spec.convolutions):
        x = RotationalConv2D(
            spec.filters * 2 ** min(step, 3),
            spec.kernel_size if step < LENS_CNN_POOLED else 3,
            form=spec.form,
            rotations=spec.rotations,
            padding="valid" if step <= LENS_CNN_POOLED else "same",
            activation="relu",
        )(x)
        if step < LENS_CNN_POOLED:
            x = SymmetricPooling()(x)
    if spec.invariant and spec.form != "literal":
        x = TurnPooling()(x)
    x = layers.Flatten()(x)
    for units in (spec.dense_units, spec.second_dense_units):
        x = layers.Dense(units, activation="relu")(layers.Dropout(spec.dropout)(x))
    return finish(image, x, head, name="rotational_cnn")


STEERABLE_FIELDS = (24, 48, 48, 96, 96, 64)
STEERABLE_KERNELS = (7, 5, 5, 5, 5, 5)
STEERABLE_PADDINGS = (1, 2, 2, 2, 2, 1)
STEERABLE_POOLED_AFTER = (1, 3)
STEERABLE_STEPS = ((5, 1), (1, 2), (1, 2), (3, 1), (5, 1))
"""The first convolution, two poolings, the last convolution and the last pooling, less what is padded."""
PYTORCH_BATCH_NORMALISATION = {"momentum": 0.9, "epsilon": 1e-5}


def steerable_c8(input_shape: Shape, spec: SteerableSpec, head: Head) -> keras.Model:
    """Return six steerable convolutions, three antialiased poolings, group pooling and two dense layers.

    The maps rotate with the image up to the group pooling. What follows, a dense layer on the flattened
    maps, is the document's, and not invariant: it learns to be so from rotated images at best.
    """
    image = keras.Input(input_shape, name="cutout")
    x: Any = CircularMask()(image)
    for step, (fields, side, padding) in enumerate(
        zip(STEERABLE_FIELDS, STEERABLE_KERNELS, STEERABLE_PADDINGS, strict=True)
    ):
        x = GroupConv2D(
            max(1, round(fields * spec.width)), side, group="c8", lifting=step == 0, padding=padding
        )(x)
        x = GroupBatchNormalization(group="c8", **PYTORCH_BATCH_NORMALISATION)(x)
        x = layers.Activation("relu")(x)
        if step in STEERABLE_POOLED_AFTER:
            x = AntialiasedPooling(sigma=BLUR_PIXELS)(x)
    x = GroupPooling(group="c8")(AntialiasedPooling(stride=1, padded=False)(x))
    x = layers.Dense(spec.dense_units)(layers.Flatten()(x))
    x = layers.Activation("elu")(layers.BatchNormalization(**PYTORCH_BATCH_NORMALISATION)(x))
    return finish(image, x, head, name="steerable_c8")


LASTRO_STAGES = ((16, (4, 3)), (32, (3, 3)), (64, (3, 3)))
LASTRO_WIDE, LASTRO_LAST_SIDE, LASTRO_DENSE = 128, 5, 1024
D4_ORDER = 8


def lastro_invariant(input_shape: Shape, spec: LastroInvariantSpec, head: Head) -> keras.Model:
    """Return the baseline of Schaefer et al. with dihedral-equivariant layers.

    Three pooled pairs of convolutions, three more, and dense layers over orientations. The channels of the
    baseline are shared out among 8 orientations, so that it costs as much time and an eighth of the
    parameters; dense layers act on each orientation relative to the others, and the largest orientation
    counts in the end. Rotated and mirrored cutouts get the same score at any size. Units are dropped in all
    orientations at once, by the stable form behind a batch normalisation (see `models.lastro`).
    """

    def convolve(x: Any, channels: int, side: int, *, padding: int, lifting: bool = False) -> Any:
        fields = max(1, round(channels * spec.width / D4_ORDER))
        x = GroupConv2D(fields, side, group="d4", lifting=lifting, padding=padding, use_bias=True)(x)
        return layers.Activation("relu")(x)

    def drop(x: Any, *, normalised: bool = False) -> Any:
        normalise = not (normalised or spec.form == "document")
        x = GroupBatchNormalization(group="d4")(x) if normalise else x
        return GroupDropout(spec.dropout, group="d4")(x)

    padding = choose_padding(spec.padding, lastro_invariant_steps("valid"), side=min(input_shape[:2]))
    around = 0 if padding == "valid" else 1
    image = keras.Input(input_shape, name="cutout")
    x: Any = image
    for width, sides in LASTRO_STAGES:
        for side in sides:
            x = convolve(x, width, side, padding=around, lifting=x is image)
        x = GroupBatchNormalization(group="d4")(SymmetricPooling()(x))
    x = drop(convolve(drop(x, normalised=True), LASTRO_WIDE, 3, padding=around))
    x = GroupBatchNormalization(group="d4")(convolve(x, LASTRO_WIDE, 3, padding=around))
    x = drop(x, normalised=True)
    x = layers.GlobalMaxPooling2D(keepdims=True)(convolve(x, LASTRO_DENSE, LASTRO_LAST_SIDE, padding=0))
    for _ in range(2):
        x = convolve(drop(x), LASTRO_DENSE, 1, padding=0)
    x = GroupPooling(group="d4")(GroupBatchNormalization(group="d4")(x))
    return finish(image, layers.Flatten()(x), head, name="lastro_invariant")


def lastro_invariant_steps(padding: str) -> list[Step]:
    """Return kernels and strides of the layers, less the pixel on each side that padding gives back."""
    back = 0 if padding == "valid" else 2
    stages = [step for _, sides in LASTRO_STAGES for step in (*((side - back, 1) for side in sides), (2, 2))]
    return [*stages, (3 - back, 1), (3 - back, 1), (LASTRO_LAST_SIDE, 1)]


def equivariant_resnet(
    input_shape: Shape, spec: EquivariantResnetSpec, head: Head, *, name: str
) -> keras.Model:
    """Return our group-equivariant residual network: what it learns of one orientation it knows in all.

    Pre-activation blocks, with group convolutions in place of plain ones. Before each stage the image is
    halved by poolings that treat its four sides alike; after the last one the largest orientation is kept,
    its maximum over the image and its means in rings about the centre. No rotation of the cutout by 90°
    changes the score, and for "d4" no mirroring.

    For "c8" the root of the mean square takes the place of the maximum, which depends on where a peak lies
    within a coarse pixel, the pooling blurs more, and only the first stage halves the image: rectified maps
    on coarser pixels alias, and rotations by 45° would change the pooled features of smooth images by 3 %
    instead of less than 1 %. Batch statistics follow quickly (momentum 0.9), since surveys begin small.
    """

    def convolve(x: Any, fields: int, side: int, *, lifting: bool = False) -> Any:
        return GroupConv2D(fields, side, group=spec.group, lifting=lifting)(x)

    def activate(x: Any) -> Any:
        return layers.Activation("relu")(GroupBatchNormalization(group=spec.group, momentum=0.9)(x))

    def add_block(x: Any, fields: int) -> Any:
        """Add two convolutions to `x`; a 1×1 convolution fits it where the number of fields grows."""
        inner = activate(x)
        shortcut = x if x.shape[-1] == fields * 8 else convolve(inner, fields, 1)
        inner = activate(convolve(inner, fields, spec.kernel_size))
        return layers.Add()([convolve(inner, fields, spec.kernel_size), shortcut])

    exact = spec.group == "d4"
    image = keras.Input(input_shape, name="cutout")
    x: Any = image if exact else CircularMask()(image)
    x = convolve(x, spec.fields, 5, lifting=True)
    for stage in range(spec.stages):
        if stage < _halvings(spec):
            x = SymmetricPooling()(x) if exact else AntialiasedPooling(sigma=BLUR_PIXELS)(x)
        for _ in range(spec.blocks):
            x = add_block(x, spec.fields * 2**stage)
    x = GroupPooling(group=spec.group)(activate(x))
    peak = layers.GlobalMaxPooling2D() if exact else RootMeanSquarePooling()
    x = layers.Concatenate()([peak(x), RingPooling(spec.rings)(x)])
    x = layers.Dense(spec.dense_units, activation="relu")(layers.Dropout(spec.dropout)(x))
    return finish(image, x, head, name=name)


def _halvings(spec: EquivariantResnetSpec) -> int:
    return spec.stages if spec.group == "d4" else 1


NETWORKS = {
    "rotational_cnn": Network(rotational_cnn, lambda spec: smallest_unpadded(lens_cnn_steps(spec))),
    "steerable_c8": Network(steerable_c8, lambda _spec: smallest_unpadded(STEERABLE_STEPS)),
    "lastro_invariant": Network(
        lastro_invariant,
        lambda spec: smallest_unpadded(
            lastro_invariant_steps("same" if spec.padding == "auto" else spec.padding)
        ),
    ),
    **{
        name: Network(partial(equivariant_resnet, name=name), lambda spec: 2 ** (_halvings(spec) + 1))
        for name in ("equivariant_resnet", "equivariant_resnet_m", "equivariant_resnet_l")
    },
}
