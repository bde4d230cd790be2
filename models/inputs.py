"""Put what a network does with its cutouts in front of its first layer."""

from functools import partial
from typing import Any

import keras
from keras import layers

from lensapp.core.train.input_spec import InputSpec
from models.layers import CircularMask


def with_inputs(core: keras.Model, *, input_shape: tuple[int, int, int], inputs: InputSpec) -> keras.Model:
    """Return the layers of `core` behind those that make its input of cutouts of `input_shape`.

    The layers are made anew from those of `core`; all stand side by side in one flat network.
    """
    image = keras.Input(input_shape, name="cutout")
    prepared = _prepare(image, inputs)
    return keras.models.clone_model(
        core, input_tensors=image, call_function=partial(_call, image=image, prepared=prepared)
    )


def _prepare(image: Any, inputs: InputSpec) -> Any:
    """Cut out the central square, limit it to its circle, surround it with sky."""
    height, width = image.shape[1:3]
    x = image
    if inputs.crop_pixels:
        side = inputs.crop_pixels
        x = layers.Cropping2D((_halves(height - side), _halves(width - side)), name="crop")(x)
    if inputs.circle:
        x = CircularMask(name="circle")(x)
    if inputs.pad_pixels:
        side = inputs.pad_pixels
        x = layers.ZeroPadding2D((_halves(side - x.shape[1]), _halves(side - x.shape[2])), name="pad")(x)
    return x


def _halves(pixels: int) -> tuple[int, int]:
    """Share rows or columns out to both sides; an odd one goes to the end."""
    return pixels // 2, pixels - pixels // 2


def _call(layer: Any, *arguments: Any, image: Any, prepared: Any, **options: Any) -> Any:
    """Call a layer, on the prepared image where it would take the cutout."""
    arguments = tuple(keras.tree.map_structure(partial(_exchange, image, prepared), list(arguments)))
    return layer(*arguments, **options)


def _exchange(image: Any, prepared: Any, argument: Any) -> Any:
    return prepared if argument is image else argument
