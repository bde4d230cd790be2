"""Poolings that treat all four sides of an image alike, whatever its size.

Taking every second pixel of an even number of pixels keeps the first and drops the last, so a rotated
image gives other values than the image. These poolings take a window of odd width on odd sizes and of even
width on even ones: the pixels they keep lie symmetrically, and 2k + 1 pixels become k or k + 1, 2k become k.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

ANTIALIASING_SIGMA_PIXELS = 0.66


@keras.saving.register_keras_serializable(package="lensapp")
class AntialiasedPooling(layers.Layer):
    """Blur with a Gaussian, of 0.66 pixels by default, and take every `stride`-th pixel.

    An odd size n becomes (n + 1) / 2, an even one n / 2. The blur removes what the coarser pixels cannot
    hold, which keeps rotations by 45° accurate too.

    Parameters
    ----------
    stride
        Pixels from one output to the next, 1 or 2.
    padded
        Whether zeros are put around the image; without, a window of five pixels loses four rows and columns.
    sigma
        Standard deviation of the Gaussian in pixels. A wider one follows rotations by 45° better.

    References
    ----------
    Zhang 2019, "Making convolutional networks shift-invariant again".
    """

    def __init__(
        self,
        *,
        stride: int = 2,
        padded: bool = True,
        sigma: float = ANTIALIASING_SIGMA_PIXELS,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.stride = stride
        self.padded = padded
        self.sigma = sigma

    def call(self, inputs: Any) -> Any:
        """Return blurred, coarser maps with the same channels."""
        height, width, channels = inputs.shape[1:]
        rows, columns = (_window(size, self.stride) for size in (height, width))
        weights = np.outer(_gaussian(rows, self.sigma), _gaussian(columns, self.sigma))[:, :, None, None]
        kernel = ops.convert_to_tensor(np.repeat(weights, channels, axis=2), dtype=self.compute_dtype)
        if self.padded:
            (top, bottom), (left, right) = ((_around(side, self.stride),) * 2 for side in (rows, columns))
            inputs = ops.pad(inputs, ((0, 0), (top, bottom), (left, right), (0, 0)))
        return ops.depthwise_conv(
            inputs, kernel, strides=self.stride, padding="valid", data_format="channels_last"
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the coarser maps."""
        coarser = []
        for size in (int(size or 0) for size in input_shape[1:3]):
            side = _window(size, self.stride)
            around = 2 * _around(side, self.stride) if self.padded else 0
            coarser.append((size + around - side) // self.stride + 1)
        return (input_shape[0], *coarser, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        config: dict[str, Any] = super().get_config()
        return config | {"stride": self.stride, "padded": self.padded, "sigma": self.sigma}


def _window(size: int, stride: int) -> int:
    return 5 if size % 2 or stride == 1 else 4


def _around(side: int, stride: int) -> int:
    return (side - 1) // 2 if side % 2 or stride == 1 else side // 2 - 1


def _gaussian(side: int, sigma: float) -> NDArray[np.float64]:
    offsets = np.arange(side) - (side - 1) / 2
    values = np.exp(-(offsets**2) / (2 * sigma**2))
    return np.asarray(values / values.sum())


@keras.saving.register_keras_serializable(package="lensapp")
class SymmetricPooling(layers.Layer):
    """Take the largest, or the mean, of 2×2 pixels on even sizes and of overlapping 3×3 ones on odd sizes.

    2k and 2k + 1 pixels become k, as in an ordinary pooling, which only differs on odd sizes: there it
    drops the last row and column.
    """

    def __init__(self, *, mode: str = "max", **options: Any) -> None:
        super().__init__(**options)
        self.mode = mode

    def call(self, inputs: Any) -> Any:
        """Return maps of half the size with the same channels."""
        pool = ops.max_pool if self.mode == "max" else ops.average_pool
        window = tuple(3 if size % 2 else 2 for size in inputs.shape[1:3])
        return pool(inputs, window, strides=2, padding="valid", data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the coarser maps."""
        height, width = (None if size is None else size // 2 for size in input_shape[1:3])
        return (input_shape[0], height, width, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        config: dict[str, Any] = super().get_config()
        return config | {"mode": self.mode}


@keras.saving.register_keras_serializable(package="lensapp")
class TurnPooling(layers.Layer):
    """Take the maximum over the four rotations of each map, which no rotation of the image by 90° changes.

    Where things lie in the image is kept up to its rotations. An oblong image has only that by 180°.
    """

    def call(self, inputs: Any) -> Any:
        """Return maps of the same shape."""
        inputs = ops.maximum(inputs, ops.flip(ops.flip(inputs, axis=1), axis=2))
        if inputs.shape[1] != inputs.shape[2]:
            return inputs
        return ops.maximum(inputs, ops.flip(ops.transpose(inputs, (0, 2, 1, 3)), axis=1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return input_shape


@keras.saving.register_keras_serializable(package="lensapp")
class RootMeanSquarePooling(layers.Layer):
    """Take the root of the mean square of each map over the image.

    It rises with peaks as the maximum does, but does not ask on which side of a coarse pixel they lie, so
    rotations by angles other than 90° change it far less.
    """

    def call(self, inputs: Any) -> Any:
        """Return values (n, channels) of maps (n, height, width, channels)."""
        return ops.sqrt(ops.mean(ops.square(inputs), axis=(1, 2)) + keras.config.epsilon())

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (n, channels)."""
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable(package="lensapp")
class RingPooling(layers.Layer):
    """Take the mean of each map in rings about the centre, which no rotation of the image changes.

    Rings overlap linearly and reach to the inscribed circle. Unlike one mean over the image they tell the
    galaxy in the middle from what lies at the Einstein radius and from its neighbours.
    """

    def __init__(self, rings: int, **options: Any) -> None:
        super().__init__(**options)
        self.rings = rings

    def call(self, inputs: Any) -> Any:
        """Return means (n, rings · channels) of maps (n, height, width, channels)."""
        height, width, channels = inputs.shape[1:]
        weights = ops.convert_to_tensor(ring_weights(height, width, self.rings), dtype=self.compute_dtype)
        means = ops.matmul(weights, ops.reshape(inputs, (-1, height * width, channels)))
        return ops.reshape(means, (-1, self.rings * channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (n, rings · channels)."""
        return (input_shape[0], self.rings * int(input_shape[-1] or 0))

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        config: dict[str, Any] = super().get_config()
        return config | {"rings": self.rings}


def ring_weights(height: int, width: int, rings: int) -> NDArray[np.float32]:
    """Return how much each pixel counts in each ring, shape (rings, height · width); rows sum to 1 or 0."""
    radius = radius_pixels(height, width)
    step = min(height, width) / 2 / rings
    middles = np.arange(rings)[:, None, None] + 0.5
    weights = np.clip(1 - np.abs(radius / step - middles), 0, 1)
    weights[0][radius < step / 2] = 1.0
    totals = weights.sum(axis=(1, 2), keepdims=True)
    means = weights / np.where(totals > 0, totals, 1)
    return np.asarray(means.reshape(rings, -1), dtype=np.float32)


def radius_pixels(height: int, width: int) -> NDArray[np.float64]:
    """Return the distance of each pixel from the centre of the image in pixels."""
    y, x = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    return np.asarray(np.hypot(y[:, None], x[None, :]))


@keras.saving.register_keras_serializable(package="lensapp")
class CircularMask(layers.Layer):
    """Set what lies outside the inscribed circle to 0, the sky, fading over its outermost pixel.

    A rotated square shows other corners than the square; a rotated disc shows the same pixels.
    """

    def call(self, inputs: Any) -> Any:
        """Return images of the same shape."""
        height, width = inputs.shape[1:3]
        inside = np.clip(min(height, width) / 2 - radius_pixels(height, width), 0, 1)
        return inputs * ops.convert_to_tensor(inside[None, :, :, None], dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return input_shape
