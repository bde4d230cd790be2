"""CMU DeepLens, the 46-layer pre-activation residual network of Lanusse et al. (2018).

References
----------
Lanusse et al. 2018, MNRAS 473, 3895 (layers); He et al. 2016, "Identity mappings in deep residual
networks" (pre-activation blocks); Storfer et al. 2019 (the recipe on observed images).
"""

from typing import Any

import keras
from keras import layers

from lensapp.core.train.networks.residual import DeepLensSpec
from lensapp.core.train.tasks import Head
from models.heads import finish


def build(input_shape: tuple[int, int, int], spec: DeepLensSpec, head: Head) -> keras.Model:
    """Return a 7×7 convolution, stages of bottleneck blocks, global average pooling and one unit."""
    image = keras.Input(input_shape, name="cutout")
    x = _activate(layers.Conv2D(spec.filters, 7, padding="same", kernel_initializer="he_normal")(image))
    for stage in range(spec.stages):
        for block in range(spec.blocks):
            x = _bottleneck(
                x,
                width=spec.filters * 2**stage,
                stride=2 if stage > 0 and block == 0 else 1,
                activated=stage == 0 and block == 0,
            )
    x = layers.GlobalAveragePooling2D()(x)
    return finish(image, x, head, name="deeplens_resnet46")


def smallest_size(spec: DeepLensSpec) -> int:
    """Return the smallest side of a cutout in pixels that each stage can still halve."""
    return int(2 ** (spec.stages - 1))


def _activate(x: Any) -> Any:
    return layers.Activation("elu")(layers.BatchNormalization()(x))


def _bottleneck(x: Any, *, width: int, stride: int, activated: bool) -> Any:
    """Add 1×1, 3×3 and 1×1 convolutions of half, half and full `width` to their input.

    `activated` says that `x` comes out of an activation, so that the block needs none before it.
    """
    inner = x if activated else _activate(x)
    shortcut = x
    if stride > 1 or x.shape[-1] != width:
        shortcut = _convolve(inner, filters=width, side=1, stride=stride)
    inner = _activate(_convolve(inner, filters=width // 2, side=1, stride=stride))
    inner = _activate(_convolve(inner, filters=width // 2, side=3))
    return layers.Add()([_convolve(inner, filters=width, side=1), shortcut])


def _convolve(x: Any, *, filters: int, side: int, stride: int = 1) -> Any:
    return layers.Conv2D(
        filters, side, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
