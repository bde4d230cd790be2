"""Take many training steps in one call of the device, without a word to the processor in between.

TensorFlow runs a loop of compiled steps (of copies of the network, where several devices share a batch),
JAX a `scan` of the step. Both take exactly the steps that
`train_on_batch` would take, one after the other.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import keras

from lensapp.learning.feed.device_feed import DeviceFeed, Window
from lensapp.learning.train.distribution import replicas, share_of, synchronised
from lensapp.learning.train.processes import in_group
from lensapp.learning.train.trainer import Trainer

TakeWindow = Callable[[Window], Any]
"""Takes the steps of a window and returns the mean loss of the epoch so far, still on the device."""


def takes_windows(trainer: Trainer) -> bool:
    """Whether the backend can take many steps of this trainer in one call."""
    several = keras.backend.backend() == "tensorflow" and replicas(trainer) > 1
    return keras.backend.backend() in ("tensorflow", "jax") and not (several and in_group(trainer))


def window_taker(trainer: Trainer, feed: DeviceFeed) -> TakeWindow:
    """Return what takes the steps of a window; it is compiled at its first call."""
    return (_jax_taker if keras.backend.backend() == "jax" else _tensorflow_taker)(trainer, feed)


def _tensorflow_taker(trainer: Trainer, feed: DeviceFeed) -> TakeWindow:
    import tensorflow as tf

    step = (_step_of_copies if replicas(trainer) > 1 else _compiled_step)(trainer, feed)

    @tf.function(autograph=False)
    def take(pixels: Any, inputs: dict[str, Any], steps: Any) -> Any:
        def one(number: Any, _loss: Any) -> tuple[Any, Any]:
            loss = step(pixels, {name: rows[number] for name, rows in inputs.items()})
            return number + 1, tf.cast(loss, tf.float32)

        return tf.while_loop(
            lambda number, _loss: number < steps,
            one,
            (tf.constant(0), tf.constant(0.0)),
            parallel_iterations=1,
        )[1]

    copies = _CopiesOfPixels(trainer)

    def run(window: Window) -> Any:
        inputs = {name: tf.convert_to_tensor(rows) for name, rows in window.inputs.items()}
        with synchronised(trainer) if replicas(trainer) > 1 else nullcontext():
            return take(copies.of(window.pixels), inputs, tf.constant(window.steps))

    return run


def _compiled_step(trainer: Trainer, feed: DeviceFeed) -> Callable[[Any, Any], Any]:
    """Return a step of one device, which gives its loss."""
    import tensorflow as tf

    def step(pixels: Any, inputs: dict[str, Any]) -> Any:
        return trainer.train_step(feed.batch(pixels, inputs))["loss"]

    compiled: Callable[[Any, Any], Any] = tf.function(
        step, jit_compile=bool(trainer.jit_compile), autograph=False
    )
    return compiled


def _step_of_copies(trainer: Trainer, feed: DeviceFeed) -> Callable[[Any, Any], Any]:
    """Return a step of several devices: each changes the whole batch, as one would, and learns its share."""
    import tensorflow as tf

    strategy = trainer.distribute_strategy
    trainer.jit_compile = False  # XLA compiles no step that talks to other devices

    def on_each(pixels: Any, inputs: dict[str, Any]) -> Any:
        context = tf.distribute.get_replica_context()
        batch = tuple(share_of(values, context) for values in feed.batch(pixels, inputs))
        return trainer.train_step(batch)["loss"]

    return lambda pixels, inputs: strategy.reduce("MEAN", strategy.run(on_each, (pixels, inputs)), axis=None)


class _CopiesOfPixels:
    """The cutouts on each device that takes steps; those that stay the same are copied once."""

    def __init__(self, trainer: Trainer) -> None:
        self.strategy = trainer.distribute_strategy if replicas(trainer) > 1 else None
        self.last: tuple[Any, Any] | None = None

    def of(self, pixels: Any) -> Any:
        """Return `pixels`, or a copy of them on every device."""
        import tensorflow as tf

        if self.strategy is None:
            return pixels
        if self.last is None or self.last[0] is not pixels:
            devices = self.strategy.extended.worker_devices

            def copied(context: Any) -> Any:
                with tf.device(devices[context.replica_id_in_sync_group]):
                    return tf.identity(pixels)

            copies = self.strategy.experimental_distribute_values_from_function(copied)
            self.last = (pixels, copies)
        return self.last[1]


def _jax_taker(trainer: Trainer, feed: DeviceFeed) -> TakeWindow:
    import jax

    def take(state: Any, pixels: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
        def one(carried: Any, rows: dict[str, Any]) -> tuple[Any, Any]:
            logs, after = trainer.train_step(carried, feed.batch(pixels, rows))
            return after, logs["loss"]

        after, losses = jax.lax.scan(one, state, inputs)
        return losses[-1], after

    distribution = keras.distribution.distribution()
    shardings = None if distribution is None else (None, trainer._get_state_sharding_spec())
    compiled = jax.jit(take, donate_argnums=0, out_shardings=shardings)

    def shared(name: str, rows: Any) -> Any:
        """Give each device its share of every batch."""
        if distribution is None or name in ("seed", "own_seed"):
            return rows
        axes = [None, distribution.batch_dim_name, *[None] * (rows.ndim - 2)]
        layout = keras.distribution.TensorLayout(axes, distribution.device_mesh)
        return keras.distribution.distribute_tensor(rows, layout)

    def run(window: Window) -> Any:
        names = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
        state = trainer._get_jax_state(**dict.fromkeys(names, True))
        inputs = {name: shared(name, rows) for name, rows in window.inputs.items()}
        loss, after = compiled(state, window.pixels, inputs)
        trainer._jax_state = dict(zip(names, after, strict=True))
        trainer._jax_state_synced = False
        trainer.jax_state_sync()
        return loss

    return run
