"""A network that takes training steps, and what is set in it before and after them."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from lensapp.learning.train.distribution import replicas, take_step
from lensapp.learning.train.objectives import largest_share
from lensapp.learning.train.processes import share_of_batch

SHORTEST_MOMENTUM, STEPS_OF_MOMENTUM = 0.9, 30


class Trainer(keras.Model):
    """A network that shares its layers with another and sums its figures over an epoch, not a step.

    Attributes
    ----------
    mixes
        Whether labels are shares of classes; figures then take the class that has the largest.
    """

    mixes = False

    def train_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, **options: Any) -> Any:
        """Take one step, divided among the devices where there are several."""
        if replicas(self) > 1:
            return take_step(self, (x, y, sample_weight))
        own, labels, weights = map(share_of_batch, (x, y, sample_weight))
        return super().train_on_batch(own, labels, sample_weight=weights, **options)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch to the figures."""
        truth = largest_share(y) if self.mixes else y
        return super().compute_metrics(x, truth, y_pred, sample_weight)

    def reset_metrics(self) -> None:
        """Keep the sums: `train_on_batch` calls this before each step."""

    def begin_epoch(self) -> None:
        """Set the sums to zero."""
        super().reset_metrics()

    def running_figures(self) -> dict[str, float | None]:
        """Return the training figures of the epoch so far; None where they are undefined."""
        results = {name: float(value) for name, value in self.get_metrics_result().items()}
        figures = {name: value if math.isfinite(value) else None for name, value in results.items()}
        figures["objective"] = figures.pop("loss")
        figures["loss"] = figures.pop("data_loss")
        return figures


@contextmanager
def averaged_weights(trainer: keras.Model) -> Iterator[None]:
    """Let the layers hold the running mean of their weights where there is one, then the last ones again.

    References
    ----------
    Polyak & Juditsky 1992, SIAM J. Control and Optimization 30, 838; Izmailov et al. 2018, UAI, 876.
    """
    if not trainer.optimizer.use_ema or not int(trainer.optimizer.iterations):
        yield
        return
    last = [ops.convert_to_numpy(variable) for variable in trainer.trainable_variables]
    trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
    for variable in trainer.trainable_variables:
        # JAX would let a prediction give up the memory that the running mean still has in common with it.
        variable.assign(ops.copy(variable))
    try:
        yield
    finally:
        for variable, value in zip(trainer.trainable_variables, last, strict=True):
            variable.assign(value)


def start_at_shares(network: keras.Model, shares: Sequence[float] | NDArray[np.float64]) -> None:
    """Set the last bias so that an untrained network gives each class its share.

    Parameters
    ----------
    shares
        Of each class, none zero; of lenses only for a network with one output.

    References
    ----------
    Lin et al. 2017, ICCV, 2999, section 3.3.
    """
    bias = np.log(shares) if len(shares) > 1 else np.log(shares) - np.log1p(-np.asarray(shares))
    for layer in reversed(network._flatten_layers()):
        if isinstance(variable := getattr(layer, "bias", None), keras.Variable):
            if tuple(variable.shape) == bias.shape:
                variable.assign(bias)
            return


@contextmanager
def precision_of(policy: str) -> Iterator[None]:
    """Build layers in this precision, then return to the one before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def set_batch_momentum(network: keras.Model, momentum: float | Literal["auto"], *, steps: int) -> None:
    """Let every batch normalisation of `network` keep this share of its older statistics at each step.

    A momentum m averages over about 1 / (1 - m) steps. With "auto" that is a thirtieth of the `steps` of an
    epoch, at least 10 steps (0.9) and at most what the layer has by itself (often 100 steps, 0.99).
    """
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            settled = max(SHORTEST_MOMENTUM, 1.0 - STEPS_OF_MOMENTUM / steps)
            layer.momentum = min(layer.momentum, settled) if momentum == "auto" else momentum
