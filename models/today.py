"""Networks of today: ConvNeXt, EfficientNetV2 and DenseNet of keras.applications, and a small transformer.

Layers and weights of the first three are those of `keras.applications` up to the last layer, so that its
files of ImageNet weights fit, for any number of bands.

References
----------
Liu et al. 2022, "A ConvNet for the 2020s", CVPR, 11966.

Tan & Le 2021, "EfficientNetV2: smaller models and faster training", ICML, 10096.

Huang et al. 2017, "Densely connected convolutional networks", CVPR, 2261.

Dosovitskiy et al. 2021, "An image is worth 16×16 words: transformers for image recognition at scale", ICLR.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import keras
from keras import layers
from keras.src.applications import convnext, densenet, efficientnet_v2

from lensapp.core.train.networks.today import ApplicationSpec, ScaledApplicationSpec, VisionTransformerSpec
from lensapp.core.train.tasks import Head
from models.building import Network, Shape, finish
from models.layers.positions import AddPositions

SMALLEST_APPLICATION = 32
CONVNEXT_TINY = ((3, 96), (3, 192), (9, 384), (3, 768))
"""Blocks and filters of the four stages."""
DENSENET121 = (6, 12, 24, 16)
"""Layers of the four dense blocks."""

Body = Callable[[Any, Any], keras.Model]


def application(input_shape: Shape, spec: ApplicationSpec, head: Head, *, name: str) -> keras.Model:
    """Return the network of keras.applications called `name` with a last layer of ours."""
    image = keras.Input(input_shape, name="cutout")
    x: Any = image
    if spec.enlarge > 1:
        x = layers.UpSampling2D(spec.enlarge, interpolation="bilinear", name="enlarge")(x)
    features = BODIES[name](x, spec).output
    return finish(image, layers.Dropout(spec.dropout)(features), head, name=name)


def convnext_tiny(image: Any, spec: ScaledApplicationSpec) -> keras.Model:
    """Return the body of ConvNeXt-Tiny."""
    return convnext.ConvNeXt(
        depths=[min(blocks, spec.blocks) for blocks, _ in CONVNEXT_TINY],
        projection_dims=[spec.scaled(filters) for _, filters in CONVNEXT_TINY],
        name="convnext_tiny",
        input_tensor=image,
        include_top=False,
        include_preprocessing=False,
        pooling="avg",
    )


def efficientnet(image: Any, spec: ScaledApplicationSpec, *, variant: str) -> keras.Model:
    """Return the body of EfficientNetV2 of a `variant` of keras.applications, as "efficientnetv2-b0"."""
    stages = deepcopy(efficientnet_v2.DEFAULT_BLOCKS_ARGS[variant])
    for stage in stages:
        stage["num_repeat"] = min(stage["num_repeat"], spec.blocks)
    return efficientnet_v2.EfficientNetV2(
        width_coefficient=spec.width,
        depth_coefficient=1.0,
        default_size=None,
        blocks_args=stages,
        name=variant,
        weights=None,
        input_tensor=image,
        include_top=False,
        include_preprocessing=False,
        pooling="avg",
    )


def densenet121(image: Any, spec: ApplicationSpec) -> keras.Model:
    """Return the body of DenseNet-121."""
    return densenet.DenseNet(
        [min(layers_of_block, spec.blocks) for layers_of_block in DENSENET121],
        name="densenet121",
        weights=None,
        input_tensor=image,
        include_top=False,
        pooling="avg",
    )


BODIES: dict[str, Body] = {
    "convnext_tiny": convnext_tiny,
    "efficientnet_v2_b0": partial(efficientnet, variant="efficientnetv2-b0"),
    "efficientnet_v2_s": partial(efficientnet, variant="efficientnetv2-s"),
    "densenet121": densenet121,
}


def vit_small(input_shape: Shape, spec: VisionTransformerSpec, head: Head) -> keras.Model:
    """Return patches with their positions, blocks of attention before dense layers, and their average.

    Cutouts that are no multiple of the patches are surrounded with sky.
    """
    image = keras.Input(input_shape, name="cutout")
    side = spec.patch_pixels
    x = layers.Conv2D(spec.units, side, strides=side, padding="same", name="patches")(image)
    x = AddPositions()(layers.Reshape((-1, spec.units))(x))
    for _ in range(spec.depth):
        seen = layers.LayerNormalization(epsilon=1e-6)(x)
        attention = layers.MultiHeadAttention(spec.heads, spec.units // spec.heads)
        x = layers.Add()([x, attention(seen, seen)])
        inner = layers.Dense(spec.dense_units, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
        x = layers.Add()([x, layers.Dense(spec.units)(inner)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    return finish(image, layers.Dropout(spec.dropout)(x), head, name="vit_small")


NETWORKS = {
    **{
        name: Network(partial(application, name=name), lambda spec: -(-SMALLEST_APPLICATION // spec.enlarge))
        for name in BODIES
    },
    "vit_small": Network(vit_small, lambda spec: spec.patch_pixels),
}
