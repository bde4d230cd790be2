"""Change training cutouts where they lie, inside the compiled step, as `augmentation` does on the processor.

All random numbers but those of the noise are drawn on the processor, so that both give the same cutouts: to
1e-4 of a normalised pixel for what is resampled, exactly for orientations. Noise is drawn on the device from
the seed of its step: of the same distribution, not the same.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.target_geometry import FLIP_COLUMNS, FLIP_ROWS, TRANSPOSE
from lensapp.learning.feed.augmentation import Changes, Motions

LARGEST_EXPONENT = 20.0


def device_inputs(changes: Changes, size: tuple[int, int], seed: NDArray[np.uint32]) -> dict[str, Any]:
    """Return what the device needs to make these changes to a batch, as arrays by name.

    Parameters
    ----------
    size
        Height and width of the cutouts.
    seed : shape (2,)
        Of the noise.
    """
    inputs: dict[str, Any] = {"seed": seed}
    if changes.motions is not None:
        inputs["maps"] = maps_of(changes.motions, size)
    if changes.codes is not None:
        inputs["codes"] = changes.codes.astype(np.int32)
    if changes.strengths is not None:
        inputs["strengths"] = changes.strengths.astype(np.float32)
    return inputs


def maps_of(motions: Motions, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the affine maps (n, 2, 3) from (row, column, 1) of a moved pixel to where it comes from."""
    cosine, sine = np.cos(motions.angles) / motions.zooms, np.sin(motions.angles) / motions.zooms
    matrix = np.stack([np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)], axis=1)
    centre = (np.array(size) - 1) / 2
    offset = centre - np.einsum("nij,nj->ni", matrix, centre + motions.shifts)
    return np.concatenate([matrix, offset[..., None]], axis=2).astype(np.float32)


def change_on_device(pixels: Any, inputs: dict[str, Any], spec: AugmentationSpec) -> Any:
    """Return a batch (n, y, x, band) on the device with the changes that `device_inputs` describes."""
    if "maps" in inputs:
        pixels = move_on_device(pixels, inputs["maps"], fill=spec.fill)
    if "codes" in inputs:
        pixels = reorient_on_device(pixels, inputs["codes"])
    if "strengths" in inputs:
        pixels = stretch_on_device(pixels, inputs["strengths"])
    if spec.noise_sigma:
        pixels = pixels + spec.noise_sigma * standard_normal(ops.shape(pixels), inputs["seed"])
    return pixels


def reorient_on_device(pixels: Any, codes: Any) -> Any:
    """Return what `reorient` does to a tensor (n, y, x, bands), where the tensor lies."""
    codes = ops.reshape(codes, (-1, 1, 1, 1))
    if pixels.shape[1] == pixels.shape[2]:  # oblong cutouts are never transposed
        pixels = ops.where(codes & TRANSPOSE, ops.transpose(pixels, (0, 2, 1, 3)), pixels)
    pixels = ops.where(codes & FLIP_ROWS, ops.flip(pixels, axis=1), pixels)
    return ops.where(codes & FLIP_COLUMNS, ops.flip(pixels, axis=2), pixels)


def move_on_device(pixels: Any, maps: Any, *, fill: str) -> Any:
    """Return what `move` does without finer pixels: linear interpolation where `maps` (n, 2, 3) say."""
    _, height, width, bands = pixels.shape
    rows, columns = np.mgrid[:height, :width].reshape(2, -1).astype(np.float32)
    grid = ops.convert_to_tensor(np.stack([rows, columns, np.ones_like(rows)]))
    places = ops.matmul(maps, grid)  # (n, 2, y · x)
    corner = ops.floor(places)
    fraction = places - corner
    corner = ops.cast(corner, "int32")
    flat = ops.reshape(pixels, (-1, height * width, bands))
    total = ops.zeros_like(flat)
    for row_step in (0, 1):
        for column_step in (0, 1):
            row, row_weight = within(corner[:, 0] + row_step, height, fill)
            column, column_weight = within(corner[:, 1] + column_step, width, fill)
            share_row = fraction[:, 0] if row_step else 1.0 - fraction[:, 0]
            share_column = fraction[:, 1] if column_step else 1.0 - fraction[:, 1]
            weight = share_row * share_column * row_weight * column_weight
            values = ops.take_along_axis(flat, (row * width + column)[..., None], axis=1)
            total = total + values * weight[..., None]
    return ops.reshape(total, (-1, height, width, bands))


def within(index: Any, length: int, fill: str) -> tuple[Any, Any]:
    """Return the pixel that stands for each index along an axis, and 0 where there is none, else 1."""
    if fill == "wrap":
        return ops.mod(index, length), 1.0
    if fill == "reflect":  # about the centres of the outermost pixels
        period = max(2 * (length - 1), 1)
        index = ops.mod(index, period)
        return ops.minimum(index, period - index) if length > 1 else index * 0, 1.0
    inside = ops.logical_and(index >= 0, index < length)
    return ops.clip(index, 0, length - 1), ops.cast(inside, "float32")


def stretch_on_device(pixels: Any, strengths: Any) -> Any:
    """Return what `stretch` does to a tensor, with strengths (n,)."""
    strengths = ops.reshape(strengths, (-1, 1, 1, 1))
    size = ops.maximum(ops.abs(strengths), 1e-3)
    lifted = ops.arcsinh(size * pixels) / ops.arcsinh(size)
    exponent = ops.clip(ops.arcsinh(size) * pixels, -LARGEST_EXPONENT, LARGEST_EXPONENT)
    sunk = ops.sinh(exponent) / size
    changed = ops.where(strengths > 0, lifted, sunk)
    return ops.where(ops.abs(strengths) < 1e-3, pixels, changed)


def standard_normal(shape: Any, seed: Any) -> Any:
    """Return normal deviates that follow from a seed (2,), which may lie on the device."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.random.normal(jax.random.wrap_key_data(seed), shape)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.random.stateless_normal(shape, tf.cast(seed, tf.int64))
    return keras.random.normal(shape, seed=int(ops.convert_to_numpy(seed)[1]))
