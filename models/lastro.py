"""The networks of Schaefer et al. for the Bologna strong-lensing challenge.

What the document shows of them is the table of layers of the baseline and the names of the others. The
second network of "views", the widths of "residual" and the initialisation are ours. Cutouts of less than
101 pixels are padded, unless the options forbid it; what larger ones leave is averaged, which for 101
pixels is the single pixel of the document.

The document drops half of the units before batch normalisations. Those then see a wider spread in training
than when the network scores, and features of different cutouts become alike (Li et al. 2019). The stable
form, which is the default, has a batch normalisation before each dropout, and a rate of 0.2.

References
----------
Schaefer et al. 2018, "Deep convolutional neural networks as strong gravitational lens detectors", A&A 611.

Li et al. 2019, "Understanding the disharmony between dropout and batch normalization by variance shift",
CVPR, 2682.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import keras
from keras import layers

from lensapp.core.train.networks.lastro import LastroResidualSpec, LastroSpec, LastroViewsSpec
from lensapp.core.train.tasks import Head
from models.building import Network, Shape, choose_padding, finish, smallest_side


class Step(NamedTuple):
    """A layer of the baseline: its kind, its filters and the side of its kernels in pixels."""

    kind: Literal["convolve", "pool", "normalise", "drop"]
    filters: int = 0
    side: int = 0


POOL, NORMALISE, DROP = Step("pool"), Step("normalise"), Step("drop")
BASELINE = (
    *(Step("convolve", 16, 4), Step("convolve", 16, 3), POOL, NORMALISE),
    *(Step("convolve", 32, 3), Step("convolve", 32, 3), POOL, NORMALISE),
    *(Step("convolve", 64, 3), Step("convolve", 64, 3), POOL, NORMALISE, DROP),
    *(Step("convolve", 128, 3), DROP, Step("convolve", 128, 3), NORMALISE, DROP),
    *(Step("convolve", 1024, 5), DROP),
)
"""Layers of the baseline up to its dense ones."""

CENTRE = (
    *(Step("convolve", 16, 3), Step("convolve", 16, 3), POOL, NORMALISE),
    *(Step("convolve", 32, 3), Step("convolve", 32, 3), POOL, NORMALISE),
    *(Step("convolve", 64, 3), Step("convolve", 64, 3), NORMALISE, DROP),
)
"""Layers of the second network of "views"."""

DENSE_UNITS = 1024
WIDTHS = (16, 32, 64, 128)


def lastro_baseline(input_shape: Shape, spec: LastroSpec, head: Head) -> keras.Model:
    """Return the convolutions of `BASELINE` and two dense layers."""
    image = keras.Input(input_shape, name="cutout")
    x = _convolutions(image, spec, BASELINE)
    return finish(image, _dense(x, spec), head, name="lastro_baseline")


def lastro_views(input_shape: Shape, spec: LastroViewsSpec, head: Head) -> keras.Model:
    """Return `BASELINE` on the whole cutout beside `CENTRE` on its middle, and two dense layers on both."""
    image = keras.Input(input_shape, name="cutout")
    margins = [max(0, side - spec.view_size) for side in input_shape[:2]]
    cropping = tuple((margin // 2, margin - margin // 2) for margin in margins)
    centre = layers.Cropping2D(cropping)(image)
    x = layers.Concatenate()(
        [_convolutions(image, spec, BASELINE), _convolutions(centre, spec.replaced(padding="same"), CENTRE)]
    )
    return finish(image, _dense(x, spec), head, name="lastro_views")


def lastro_residual(input_shape: Shape, spec: LastroResidualSpec, head: Head) -> keras.Model:
    """Return four stages of pre-activation blocks of two 3×3 convolutions, and two dense layers."""

    def activate(x: Any) -> Any:
        return layers.Activation("relu")(layers.BatchNormalization()(x))

    def add_block(x: Any, width: int, stride: int) -> Any:
        convolution = partial(
            layers.Conv2D, width, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
        )
        inner = activate(x)
        shortcut = x
        if stride > 1 or x.shape[-1] != width:
            shortcut = layers.Conv2D(width, 1, strides=stride, use_bias=False)(inner)
        inner = activate(convolution(strides=stride)(inner))
        return layers.Add()([convolution()(inner), shortcut])

    image = keras.Input(input_shape, name="cutout")
    x = layers.Conv2D(
        spec.scaled(WIDTHS[0]), 4, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(image)
    for stage, width in enumerate(WIDTHS):
        for block in range(spec.blocks):
            x = add_block(x, spec.scaled(width), stride=2 if stage > 0 and block == 0 else 1)
    x = layers.GlobalAveragePooling2D()(activate(x))
    return finish(image, _dense(_drop(x, spec, normalised=True), spec), head, name="lastro_residual")


def shrinking_steps(steps: Sequence[Step]) -> list[tuple[int, int]]:
    """Return kernel side and stride of the convolutions and poolings among `steps`."""
    sides = {"convolve": 1, "pool": 2}
    return [(step.side or 2, sides[step.kind]) for step in steps if step.kind in sides]


def _convolutions(x: Any, spec: LastroSpec, steps: Sequence[Step]) -> Any:
    """Return the features (n, k) that `steps` make of the images `x`, averaged over what is left of them."""
    padding = choose_padding(spec.padding, shrinking_steps(steps), side=min(x.shape[1:3]))
    before = steps[0]
    for step in steps:
        if step.kind == "convolve":
            x = layers.Conv2D(
                spec.scaled(step.filters),
                step.side,
                padding=padding,
                activation="relu",
                kernel_initializer="he_uniform",
            )(x)
        elif step.kind == "pool":
            x = layers.MaxPooling2D(2)(x)
        elif step.kind == "normalise":
            x = layers.BatchNormalization()(x)
        else:
            x = _drop(x, spec, normalised=before == NORMALISE)
        before = step
    return layers.GlobalAveragePooling2D()(x)


def _dense(x: Any, spec: LastroSpec | LastroResidualSpec) -> Any:
    units = spec.scaled(DENSE_UNITS)
    x = layers.Dense(units, activation="relu", kernel_initializer="he_uniform")(x)
    x = _drop(x, spec)
    x = layers.Dense(units, activation="relu", kernel_initializer="he_uniform")(x)
    return layers.BatchNormalization()(x)


def _drop(x: Any, spec: LastroSpec | LastroResidualSpec, *, normalised: bool = False) -> Any:
    """Drop units, in the stable form behind a batch normalisation."""
    if spec.form == "stable" and not normalised:
        x = layers.BatchNormalization()(x)
    return layers.Dropout(spec.dropout)(x)


NETWORKS = {
    "lastro_baseline": Network(
        lastro_baseline, lambda spec: smallest_side(spec.padding, shrinking_steps(BASELINE))
    ),
    "lastro_views": Network(
        lastro_views, lambda spec: smallest_side(spec.padding, shrinking_steps(BASELINE))
    ),
    "lastro_residual": Network(lastro_residual, lambda _spec: 2 ** (len(WIDTHS) - 1)),
}
