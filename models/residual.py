"""Residual networks: ResNet of 34, 50, 101 and 152 layers, and CMU DeepLens.

Layers and weights of ResNet-50, -101 and -152 have the names, order and shapes of `keras.applications`
(ResNet50, ResNet101, ResNet152, not their "v2" forms) up to the last layer, so that its files of ImageNet
weights fit. Like these, their convolutions have biases and a block's first convolution its stride.
ResNet-34, which Keras lacks, has no biases: 21 797 672 trainable parameters for 1000 classes.

References
----------
He et al. 2015, "Deep residual learning for image recognition", table 1.

Lanusse et al. 2018, MNRAS 473, 3895 (the layers of DeepLens); He et al. 2016, "Identity mappings in deep
residual networks" (pre-activation blocks); Storfer et al. 2019 (the recipe on observed images).
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.residual import DeepLensSpec, ResNetSpec
from lensapp.core.train.tasks import Head
from models.building import Network, Shape, finish

RESNET_BLOCKS = {
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
"""Residual blocks of the four stages."""

EPSILON = 1.001e-5


def resnet(input_shape: Shape, spec: ResNetSpec, head: Head, *, name: str) -> keras.Model:
    """Return the ResNet called `name`: a pooled 7×7 convolution, four stages and global average pooling."""
    image = keras.Input(input_shape, name="cutout")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = _convolve(x, spec.scaled(64), side=7, stride=2, bias=name != "resnet34", name="conv1_conv")
    x = layers.Activation("relu", name="conv1_relu")(_normalise(x, "conv1_bn"))
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(layers.ZeroPadding2D(1, name="pool1_pad")(x))
    add_block = basic_block if name == "resnet34" else bottleneck
    for stage, blocks in enumerate(RESNET_BLOCKS[name][: spec.stages]):
        for block in range(min(blocks, spec.blocks)):
            x = add_block(
                x,
                width=spec.scaled(64 * 2**stage),
                stride=2 if stage > 0 and block == 0 else 1,
                first=block == 0,
                name=f"conv{stage + 2}_block{block + 1}",
            )
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return finish(image, layers.Dropout(spec.dropout)(x), head, name=name)


def bottleneck(x: Any, *, width: int, stride: int, first: bool, name: str) -> Any:
    """Add 1×1, 3×3 and 1×1 convolutions to `x`; the first block of a stage widens its shortcut too."""
    shortcut = x
    if first:
        shortcut = _convolve(x, 4 * width, stride=stride, name=f"{name}_0_conv")
        shortcut = _normalise(shortcut, f"{name}_0_bn")
    x = _normalise(_convolve(x, width, stride=stride, name=f"{name}_1_conv"), f"{name}_1_bn")
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = _normalise(_convolve(x, width, side=3, padding="same", name=f"{name}_2_conv"), f"{name}_2_bn")
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = _normalise(_convolve(x, 4 * width, name=f"{name}_3_conv"), f"{name}_3_bn")
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def basic_block(x: Any, *, width: int, stride: int, first: bool, name: str) -> Any:
    """Add two 3×3 convolutions to `x`."""
    shortcut = x
    if first and (stride > 1 or x.shape[-1] != width):
        shortcut = _convolve(x, width, stride=stride, bias=False, name=f"{name}_0_conv")
        shortcut = _normalise(shortcut, f"{name}_0_bn")
    x = _convolve(x, width, side=3, stride=stride, padding="same", bias=False, name=f"{name}_1_conv")
    x = layers.Activation("relu", name=f"{name}_1_relu")(_normalise(x, f"{name}_1_bn"))
    x = _convolve(x, width, side=3, padding="same", bias=False, name=f"{name}_2_conv")
    x = layers.Add(name=f"{name}_add")([shortcut, _normalise(x, f"{name}_2_bn")])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _convolve(
    x: Any,
    filters: int,
    *,
    name: str,
    side: int = 1,
    stride: int = 1,
    padding: str = "valid",
    bias: bool = True,
) -> Any:
    return layers.Conv2D(
        filters,
        side,
        strides=stride,
        padding=padding,
        use_bias=bias,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _normalise(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=EPSILON, name=name)(x)


def deeplens_resnet46(input_shape: Shape, spec: DeepLensSpec, head: Head) -> keras.Model:
    """Return a 7×7 convolution, stages of pre-activation bottlenecks and global average pooling.

    A bottleneck adds 1×1, 3×3 and 1×1 convolutions of half, half and full width to its input.
    """
    convolution = partial(layers.Conv2D, padding="same", kernel_initializer="he_normal")
    unbiased = partial(convolution, use_bias=False)

    def activate(x: Any) -> Any:
        return layers.Activation("elu")(layers.BatchNormalization()(x))

    def add_bottleneck(x: Any, width: int, *, stride: int, activated: bool) -> Any:
        inner = x if activated else activate(x)
        shortcut = x
        if stride > 1 or x.shape[-1] != width:
            shortcut = unbiased(width, 1, strides=stride)(inner)
        inner = activate(unbiased(width // 2, 1, strides=stride)(inner))
        inner = activate(unbiased(width // 2, 3)(inner))
        return layers.Add()([unbiased(width, 1)(inner), shortcut])

    image = keras.Input(input_shape, name="cutout")
    x = activate(convolution(spec.filters, 7)(image))
    for stage in range(spec.stages):
        for block in range(spec.blocks):
            x = add_bottleneck(
                x,
                spec.filters * 2**stage,
                stride=2 if stage > 0 and block == 0 else 1,
                activated=stage == 0 and block == 0,
            )
    x = layers.GlobalAveragePooling2D()(x)
    return finish(image, x, head, name="deeplens_resnet46")


NETWORKS = {
    "deeplens_resnet46": Network(deeplens_resnet46, lambda spec: 2 ** (spec.stages - 1)),
    **{
        name: Network(partial(resnet, name=name), lambda spec: 2 ** (spec.stages + 1))
        for name in RESNET_BLOCKS
    },
}
