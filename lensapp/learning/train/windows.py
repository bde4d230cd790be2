"""Take many training steps in one call of the device, without a word to the processor in between.

TensorFlow runs a loop of compiled steps, JAX a `scan` of the step. Both take exactly the steps that
`train_on_batch` would take, one after the other.
"""

from collections.abc import Callable
from typing import Any

import keras

from lensapp.learning.feed.device_feed import DeviceFeed, Window
from lensapp.learning.train.distribution import replicas
from lensapp.learning.train.trainer import Trainer

TakeWindow = Callable[[Window], Any]
"""Takes the steps of a window and returns the mean loss of the epoch so far, still on the device."""


def takes_windows(trainer: Trainer) -> bool:
    """Whether the backend can take many steps of this trainer in one call."""
    return keras.backend.backend() in ("tensorflow", "jax") and replicas(trainer) == 1


def window_taker(trainer: Trainer, feed: DeviceFeed) -> TakeWindow:
    """Return what takes the steps of a window; it is compiled at its first call."""
    return (_jax_taker if keras.backend.backend() == "jax" else _tensorflow_taker)(trainer, feed)


def _tensorflow_taker(trainer: Trainer, feed: DeviceFeed) -> TakeWindow:
    import tensorflow as tf

    def step(pixels: Any, inputs: dict[str, Any]) -> Any:
        return trainer.train_step(feed.batch(pixels, inputs))["loss"]

    compiled = tf.function(step, jit_compile=bool(trainer.jit_compile), autograph=False)

    @tf.function(autograph=False)
    def take(pixels: Any, inputs: dict[str, Any], steps: Any) -> Any:
        def one(number: Any, _loss: Any) -> tuple[Any, Any]:
            loss = compiled(pixels, {name: rows[number] for name, rows in inputs.items()})
            return number + 1, tf.cast(loss, tf.float32)

        return tf.while_loop(
            lambda number, _loss: number < steps,
            one,
            (tf.constant(0), tf.constant(0.0)),
            parallel_iterations=1,
        )[1]

    return lambda window: take(
        window.pixels,
        {name: tf.convert_to_tensor(rows) for name, rows in window.inputs.items()},
        tf.constant(window.steps),
    )


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
