"""Learnt positions of the patches of a vision transformer."""

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable(package="lensapp")
class AddPositions(layers.Layer):
    """Add to each patch what is learnt of its position.

    References
    ----------
    Dosovitskiy et al. 2021, ICLR, equation 1.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make one vector per patch."""
        self.positions = self.add_weight(
            name="positions",
            shape=input_shape[1:],
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )

    def call(self, inputs: Any) -> Any:
        """Return patches (n, patches, units)."""
        return inputs + self.positions

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return input_shape
