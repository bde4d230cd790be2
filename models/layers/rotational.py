"""RotationalConv2D of Ivashkov (2022), as it was written and in two forms that rotate with the image."""

import math
from functools import lru_cache
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from models.layers.groups import find_group, move_pixels, pixel_indices
from models.layers.pooling import radius_pixels

FORMS = ("literal", "aligned", "lifted")


@keras.saving.register_keras_serializable(package="lensapp")
class RotationalConv2D(layers.Layer):
    """Convolve under several rotations and keep the largest result at each pixel, then add the bias.

    literal
        As on the slide: the image is rotated by 0°, 90°, 180° and 270°, each is convolved, and the maximum
        is taken *without rotating the results back*. The output is therefore exactly invariant: it is the
        same map, unmoved, for all four rotations of the image. It is not equivariant, and not invariant to
        local rotations as the slide says: each pixel of the map mixes four positions of the sky, and
        rotating one object within the image, or by another angle, changes the map. An oblong image has only
        its rotation by 180°.
    aligned
        The kernel is rotated by the four angles instead, in one convolution of four times the filters. The
        output rotates with the image (equivariant by 90°) and is invariant to the orientation of structures
        as small as the kernel. A network of such layers is invariant only behind a pooling over the image
        or its rotations.
    lifted
        As aligned with `rotations` angles and a kernel limited to its inscribed circle, interpolated
        linearly between multiples of 90°. Equivariance stays exact by 90° and is approximate by the
        other angles: interpolation blurs small kernels.

    Parameters
    ----------
    filters, kernel_size
        Outputs, and the side of the kernels in pixels.
    form
        "literal", "aligned" or "lifted".
    rotations
        Angles of the lifted form, a multiple of 4.
    padding, activation, use_bias
        As in a Keras convolution.

    References
    ----------
    Ivashkov 2022, "Identifying strong gravitational lenses using CNN".
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        form: str = "literal",
        rotations: int = 8,
        padding: str = "valid",
        activation: str | None = None,
        use_bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if form not in FORMS or rotations < 4 or rotations % 4:
            raise InvalidInput(
                f"RotationalConv2D has no form {form!r} with {rotations} rotations. Choose one of "
                f"{', '.join(FORMS)}, and a multiple of 4 rotations (4, 8, 12 …)."
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.form = form
        self.rotations = rotations
        self.padding = padding
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make one kernel and one bias per filter."""
        shape = (self.kernel_size, self.kernel_size, int(input_shape[-1] or 0), self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Return maps (n, height, width, filters)."""
        largest = self.convolve_rotated_images if self.form == "literal" else self.convolve_rotated_kernels
        results = largest(inputs)
        return self.activation(results + self.bias if self.use_bias else results)

    def convolve_rotated_images(self, inputs: Any) -> Any:
        """Return the largest result at each pixel for the image under its rotations."""
        rotated = [ops.flip(ops.flip(inputs, axis=1), axis=2)]
        if inputs.shape[1] == inputs.shape[2]:
            quarter = ops.flip(ops.transpose(inputs, (0, 2, 1, 3)), axis=1)
            rotated += [quarter, ops.flip(ops.flip(quarter, axis=1), axis=2)]
        largest = self._convolve(inputs, self.kernel)
        for image in rotated:
            largest = ops.maximum(largest, self._convolve(image, self.kernel))
        return largest

    def convolve_rotated_kernels(self, inputs: Any) -> Any:
        """Return the largest result at each pixel for the kernels under their rotations."""
        side, bands = self.kernel_size, inputs.shape[-1]
        rows = ops.reshape(self.kernel, (side * side, bands * self.filters))
        if self.form == "aligned":
            kernels = ops.take(rows, pixel_indices(find_group("c4"), side), axis=0)
        else:
            matrices = rotation_matrices(side, self.rotations)
            kernels = ops.matmul(ops.convert_to_tensor(matrices, dtype=self.compute_dtype), rows)
        angles = kernels.shape[0]
        kernels = ops.reshape(kernels, (angles, side, side, bands, self.filters))
        kernels = ops.transpose(kernels, (1, 2, 3, 0, 4))
        results = self._convolve(inputs, ops.reshape(kernels, (side, side, bands, angles * self.filters)))
        return ops.max(ops.reshape(results, (-1, *results.shape[1:3], angles, self.filters)), axis=3)

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        return ops.conv(inputs, kernel, padding=self.padding, data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the maps."""
        lost = self.kernel_size - 1 if self.padding == "valid" else 0
        height, width = (None if size is None else size - lost for size in input_shape[1:3])
        return (input_shape[0], height, width, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "form": self.form,
            "rotations": self.rotations,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }


@lru_cache
def rotation_matrices(side: int, rotations: int) -> NDArray[np.float32]:
    """Return what rotates the pixels of a kernel by multiples of 360° / rotations in its inscribed circle.

    Returns
    -------
    float32, shape (rotations, side², side²)
    """
    inside = (radius_pixels(side, side) < side / 2).ravel()
    quarter = rotations // 4
    matrices = np.zeros((rotations, side * side, side * side), np.float32)
    for step in range(quarter):
        between = (
            interpolation_weights(side, 2 * math.pi * step / rotations) * inside[:, None] * inside[None, :]
        )
        for right_angles in range(4):
            order = move_pixels(np.arange(side * side).reshape(side, side), right_angles).ravel()
            matrices[right_angles * quarter + step] = between[order]
    return matrices


def interpolation_weights(side: int, angle: float) -> NDArray[np.float64]:
    """Return weights (to, from) of linear interpolation that rotate a square of pixels the way rot90 does."""
    centre = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - centre
    from_y = np.cos(angle) * y + np.sin(angle) * x + centre
    from_x = -np.sin(angle) * y + np.cos(angle) * x + centre
    pixels = np.arange(side)
    rows = np.clip(1 - np.abs(from_y.reshape(-1, 1) - pixels), 0, 1)
    columns = np.clip(1 - np.abs(from_x.reshape(-1, 1) - pixels), 0, 1)
    return np.asarray((rows[:, :, None] * columns[:, None, :]).reshape(side * side, side * side))
