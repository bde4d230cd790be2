"""Put what a network does with its cutouts in front of its first layer."""

from typing import Any

import keras
from keras import layers

from lensapp.core.train.input_spec import InputSpec
from models.building import Shape
from models.layers.pooling import CircularMask


def with_inputs(core: keras.Model, *, input_shape: Shape, inputs: InputSpec) -> keras.Model:
    """Return the layers of `core` behind those that make its input of cutouts of `input_shape`.

    The cutout is cropped to its central square, limited to its circle and surrounded with sky, as `inputs`
    ask. The layers are made anew from those of `core`; all stand side by side in one flat network.
    """
    image = keras.Input(input_shape, name="cutout")
    prepared = image
    if inputs.crop_pixels:
        margins = tuple(_halves(size - inputs.crop_pixels) for size in input_shape[:2])
        prepared = layers.Cropping2D(margins, name="crop")(prepared)
    if inputs.circle:
        prepared = CircularMask(name="circle")(prepared)
    if inputs.pad_pixels:
        margins = tuple(_halves(inputs.pad_pixels - size) for size in prepared.shape[1:3])
        prepared = layers.ZeroPadding2D(margins, name="pad")(prepared)

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        """Call a layer, on the prepared image where it would take the cutout."""
        arguments = keras.tree.map_structure(lambda item: prepared if item is image else item, arguments)
        return layer(*arguments, **options)

    return keras.models.clone_model(core, input_tensors=image, call_function=call)


def _halves(pixels: int) -> tuple[int, int]:
    """Share rows or columns out to both sides; an odd one goes to the end."""
    return pixels // 2, pixels - pixels // 2
