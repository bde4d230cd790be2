"""Convolutions that repeat one kernel under each element of a group."""

import math
from typing import Any

import keras
from keras import layers, ops

from models.layers.groups import find_group, kernel_indices, relative_elements
from models.layers.harmonics import rotated_harmonics


@keras.saving.register_keras_serializable(package="lensapp")
class GroupConv2D(layers.Layer):
    """Convolve an image, or feature maps in all orientations of a group, with rotated kernels.

    When the input is rotated by an element of the group, each output map rotates with it and its
    orientations change places: exactly by multiples of 90° (and mirror images for "d4"), nearly so by 45°
    for "c8", whose kernels are sums of circular harmonics. That holds where padding is the same on all
    sides, which it is here. Nothing is invariant before `GroupPooling` and a pooling over the image.

    The kernel is expanded once per step; all orientations are then channels of one ordinary convolution.

    Parameters
    ----------
    fields
        Outputs; each has as many channels as the group has elements.
    kernel_size
        Side of the kernels in pixels.
    group
        "c4", "d4" or "c8".
    lifting
        Whether the input is an image instead of maps in orientations.
    padding
        Rows and columns of zeros on each side; half of the kernel, which keeps the size, when None.
    use_bias
        Whether each field gets a bias, the same in all orientations.

    References
    ----------
    Cohen and Welling 2016, "Group equivariant convolutional networks".
    """

    def __init__(
        self,
        fields: int,
        kernel_size: int,
        *,
        group: str = "d4",
        lifting: bool = False,
        padding: int | None = None,
        use_bias: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.fields = fields
        self.kernel_size = kernel_size
        self.group = find_group(group)
        self.lifting = lifting
        self.padding = padding
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the kernel: pixels or harmonics, then orientations, inputs and fields."""
        bands = int(input_shape[-1] or 0)
        inputs = bands if self.lifting else bands // self.group.order
        rows = self.kernel_size**2
        if not self.group.exact:
            rows = rotated_harmonics(self.kernel_size, self.group.rotations).shape[1]
        orientations = 1 if self.lifting else self.group.order
        self.kernel = self.add_weight(
            name="kernel",
            shape=(rows, orientations, inputs, self.fields),
            initializer=keras.initializers.RandomNormal(stddev=math.sqrt(2 / (rows * bands))),
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.fields,), initializer="zeros")

    def expanded_kernel(self) -> Any:
        """Return the kernel in all orientations, shape (side, side, inputs, order · fields)."""
        order, side = self.group.order, self.kernel_size
        orientations, inputs = self.kernel.shape[1:3]
        if self.group.exact:
            rows = ops.reshape(self.kernel, (-1, inputs, self.fields))
            rotated = ops.take(rows, kernel_indices(self.group, side, lifting=self.lifting), axis=0)
        else:
            harmonics = self.kernel.shape[0]
            basis = ops.convert_to_tensor(rotated_harmonics(side, order), dtype=self.compute_dtype)
            basis = ops.transpose(basis, (0, 2, 1))
            if self.lifting:
                rotated = ops.matmul(basis, ops.reshape(self.kernel, (1, harmonics, -1)))
            else:
                seen = ops.take(self.kernel, relative_elements(self.group).ravel(), axis=1)
                seen = ops.reshape(seen, (harmonics, order, -1))
                rotated = ops.matmul(basis, ops.transpose(seen, (1, 0, 2)))
        rotated = ops.reshape(rotated, (order, side, side, orientations * inputs, self.fields))
        rotated = ops.transpose(rotated, (1, 2, 3, 0, 4))
        return ops.reshape(rotated, (side, side, orientations * inputs, order * self.fields))

    def call(self, inputs: Any) -> Any:
        """Return maps (n, height, width, order · fields)."""
        padding = "same" if self.padding is None and self.kernel_size % 2 else "valid"
        around = self._zeros_around()
        if padding == "valid" and around:
            inputs = ops.pad(inputs, ((0, 0), (around, around), (around, around), (0, 0)))
        maps = ops.conv(inputs, self.expanded_kernel(), padding=padding, data_format="channels_last")
        return maps + ops.tile(self.bias, self.group.order) if self.use_bias else maps

    def _zeros_around(self) -> int:
        return (self.kernel_size - 1) // 2 if self.padding is None else self.padding

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the maps."""
        lost = self.kernel_size - 1 - 2 * self._zeros_around()
        height, width = (None if size is None else size - lost for size in input_shape[1:3])
        return (input_shape[0], height, width, self.group.order * self.fields)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "fields": self.fields,
            "kernel_size": self.kernel_size,
            "group": self.group.name,
            "lifting": self.lifting,
            "padding": self.padding,
            "use_bias": self.use_bias,
        }


@keras.saving.register_keras_serializable(package="lensapp")
class GroupBatchNormalization(layers.BatchNormalization):
    """Normalise each field by its mean and variance over all orientations, pixels and images.

    One mean per channel instead would treat orientations differently and end equivariance.
    """

    def __init__(self, *, group: str = "d4", **options: Any) -> None:
        super().__init__(**options)
        self.group = find_group(group)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make scale, shift and statistics, one each per field."""
        super().build((*input_shape[:-1], int(input_shape[-1] or 0) // self.group.order))
        self.input_spec = None

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: FBT001
        """Return normalised maps of the same shape."""
        if training and self.trainable:
            height, width, channels = inputs.shape[1:]
            order = self.group.order
            # Orientations beside each other as columns, for which the quick four-dimensional kernel exists.
            beside = ops.reshape(inputs, (-1, height, width * order, channels // order))
            return ops.reshape(super().call(beside, training=True), (-1, height, width, channels))
        mean, variance, scale, shift = (
            ops.tile(ops.cast(values, self.compute_dtype), self.group.order)
            for values in (self.moving_mean, self.moving_variance, self.gamma, self.beta)
        )
        return ops.batch_normalization(
            inputs, mean, variance, axis=-1, offset=shift, scale=scale, epsilon=self.epsilon
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        config: dict[str, Any] = super().get_config()
        return config | {"group": self.group.name}


@keras.saving.register_keras_serializable(package="lensapp")
class GroupDropout(layers.Dropout):
    """Drop values in all orientations of a field at once, so that a turned image loses the same.

    Parameters
    ----------
    rate
        Share of the values of fields that is dropped.
    group
        "c4", "d4" or "c8".
    """

    def __init__(self, rate: float, *, group: str = "d4", **options: Any) -> None:
        super().__init__(rate, **options)
        self.group = find_group(group)

    def call(self, inputs: Any, training: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Return maps of the same shape, some fields of some pixels without values while it trains."""
        if not training or not self.rate:
            return inputs
        *sides, channels = inputs.shape[1:]
        order = self.group.order
        beside = ops.reshape(inputs, (-1, *sides, order, channels // order))
        shape = (ops.shape(beside)[0], *sides, 1, channels // order)
        kept = keras.random.dropout(ops.ones(shape, dtype=beside.dtype), self.rate, seed=self.seed_generator)
        return ops.reshape(beside * kept, (-1, *sides, channels))

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        config: dict[str, Any] = super().get_config()
        config.pop("noise_shape")
        return config | {"group": self.group.name}


@keras.saving.register_keras_serializable(package="lensapp")
class GroupPooling(layers.Layer):
    """Take the largest of each field's orientations, so that the maps only rotate with the image."""

    def __init__(self, *, group: str = "d4", **options: Any) -> None:
        super().__init__(**options)
        self.group = find_group(group)

    def call(self, inputs: Any) -> Any:
        """Return maps (n, height, width, fields) of maps in orientations."""
        *sides, channels = inputs.shape[1:]
        order = self.group.order
        return ops.max(ops.reshape(inputs, (-1, *sides, order, channels // order)), axis=-2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape without orientations."""
        return (*input_shape[:-1], int(input_shape[-1] or 0) // self.group.order)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        config: dict[str, Any] = super().get_config()
        return config | {"group": self.group.name}
