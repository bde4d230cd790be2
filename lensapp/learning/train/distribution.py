"""Train on several devices at once: each takes its share of every batch, all keep the same weights.

JAX computes the step as on one device and divides it by itself (Keras's `DataParallel`), so that results
differ by rounding only. TensorFlow runs a copy of the step on each device (`MirroredStrategy`): batch
normalisation then takes its statistics over all copies, as on one device, but each copy draws its own
dropout. PyTorch trains on one device. Of several processes see `lensapp.learning.train.processes`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lensapp.core.errors import InvalidInput
from lensapp.core.progress import ShouldStop
from lensapp.learning.train.devices import choose_device, gpus, prepare_device
from lensapp.learning.train.processes import Group, agreed, in_group, in_jax_group, step_of_all

ALL_GPUS = "gpu:all"


@dataclass(frozen=True)
class Placement:
    """Where a training computes.

    Attributes
    ----------
    devices
        Names such as "cpu:0".
    strategy
        TensorFlow's strategy for several devices, else None.
    """

    devices: tuple[str, ...]
    strategy: Any = None

    @property
    def name(self) -> str:
        """The device, or how many there are of which kind."""
        if len(self.devices) == 1:
            return self.devices[0]
        return f"{len(self.devices)} × {self.devices[0].split(':')[0]}"

    @property
    def local(self) -> str:
        """The first device of this process."""
        if not in_jax_group():
            return self.devices[0]
        import jax

        return next(name for name in self.devices if name.endswith(f":{jax.local_devices()[0].id}"))

    def building(self) -> AbstractContextManager[Any]:
        """Return a context in which networks and trainers are built, so that every device has a copy."""
        return self.strategy.scope() if self.strategy else nullcontext()

    def undivided(self, network: keras.Model) -> keras.Model:
        """Return a network with the same layers that predicts whole batches on one device."""
        if self.strategy is None:
            return network
        return keras.Model(network.inputs, network.outputs, name=network.name)

    def agreed(self, should_stop: ShouldStop) -> ShouldStop:
        """Return what asks whether to go on, with one answer for all processes."""
        return agreed(self.strategy, should_stop) if Group.of_environment() else should_stop


def choose_devices(name: str) -> tuple[str, ...]:
    """Turn "auto", "gpu:0", "gpu:all" or "cpu:2" into devices that are there.

    "cpu:2" divides the processor into two devices, for trying things out without GPUs.
    """
    if name == ALL_GPUS:
        present = gpus()
        if not present:
            raise InvalidInput("This machine has no GPU for gpu:all. Choose auto or cpu.")
        return tuple(present)
    if not name.startswith("cpu:"):
        return (choose_device(name),)
    count = int(name.removeprefix("cpu:"))
    available = divide_processor(count) if count > 1 else 1
    if available < count:
        raise InvalidInput(
            f"The processor cannot be divided into {count} devices: {keras.backend.backend()} uses it as "
            f"{available} already. Start a new process, or take cpu."
        )
    return tuple(f"cpu:{index}" for index in range(count))


def divide_processor(count: int) -> int:
    """Make `count` devices of the processor unless the backend has started; return how many there are."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        (processor,) = tf.config.list_physical_devices("CPU")
        try:
            tf.config.set_logical_device_configuration(
                processor, [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
            )
        except RuntimeError:  # TensorFlow runs already, with the devices that it has
            return len(tf.config.list_logical_devices("CPU"))
        return count
    if backend == "jax":
        import jax

        try:
            jax.config.update("jax_num_cpu_devices", count)
        except RuntimeError:  # as above
            return len(jax.devices("cpu"))
        return len(jax.devices("cpu"))
    return 1


def require_divisible(batch_size: int, devices: tuple[str, ...]) -> None:
    """Raise InvalidInput unless a batch divides evenly among the devices."""
    if batch_size % len(devices):
        fitting = max(batch_size // len(devices), 1) * len(devices)
        raise InvalidInput(
            f"A batch of {batch_size} does not divide evenly among the {len(devices)} devices. "
            f"Set batch_size to {fitting}."
        )


@contextmanager
def placed(name: str, *, batch_size: int) -> Iterator[Placement]:
    """Compute on the devices called `name`, of all processes that take part, until the context is left."""
    group, backend = Group.of_environment(), keras.backend.backend()
    if group and backend == "jax":
        with group.devices(name) as devices:
            require_divisible(batch_size, devices)
            with keras.distribution.DataParallel(devices=list(devices), auto_shard_dataset=False).scope():
                yield Placement(devices)
        return
    if group:
        with group.strategy(name) as strategy:
            devices = (f"{group.kind(name)}:0",) * strategy.num_replicas_in_sync
            require_divisible(batch_size, devices)
            yield Placement(devices, strategy)
        return
    devices = choose_devices(name)
    require_divisible(batch_size, devices)
    prepare_device(devices[0])
    if len(devices) == 1:
        with keras.device(devices[0]):
            yield Placement(devices)
        return
    if backend == "jax":
        with keras.distribution.DataParallel(devices=list(devices)).scope():
            yield Placement(devices)
    elif backend == "tensorflow":
        import tensorflow as tf

        # The collective operations taken otherwise fail when a second step is compiled, as after a thaw.
        on_gpus = devices[0].startswith("gpu")
        reduction = tf.distribute.NcclAllReduce() if on_gpus else tf.distribute.ReductionToOneDevice()
        names = [f"/{name}" for name in devices]
        yield Placement(devices, tf.distribute.MirroredStrategy(devices=names, cross_device_ops=reduction))
    else:
        raise InvalidInput(
            f"Keras on {backend} trains on one device only, not on {len(devices)}. Set KERAS_BACKEND to "
            "tensorflow or jax, or choose one device."
        )


def replicas(model: keras.Model) -> int:
    """Return on how many copies a model takes a step, which only TensorFlow keeps apart."""
    strategy = getattr(model, "distribute_strategy", None)
    return int(strategy.num_replicas_in_sync) if strategy is not None else 1


def devices_of_a_batch(model: keras.Model) -> int:
    """Return among how many devices of this process a batch is divided, at least one cutout for each."""
    if keras.backend.backend() == "jax" and (distribution := keras.distribution.distribution()) is not None:
        return int(distribution.device_mesh.devices.size)
    return replicas(model)


def share_of(values: Any, context: Any) -> Any:
    """Return the part of an array or tensor of a whole batch that the copy of a TensorFlow context takes."""
    part = values.shape[0] // context.num_replicas_in_sync
    return values[context.replica_id_in_sync_group * part :][:part]


def take_step(model: keras.Model, batch: tuple[Any, Any, Any]) -> dict[str, float]:
    """Take a training step of a model that has several copies, each with its share of the batch."""
    import tensorflow as tf

    def divided(values: Any) -> Any:
        if values is None:
            return None
        array = np.asarray(values)
        return model.distribute_strategy.experimental_distribute_values_from_function(
            lambda context: tf.convert_to_tensor(share_of(array, context))
        )

    model.jit_compile = False  # XLA compiles no step that talks to other devices
    if model.train_function is None and in_group(model):
        model.train_function = step_of_all(model)
    parts = tuple(divided(values) for values in batch)
    with synchronised(model):
        model.make_train_function()
        logs = model.train_function(iter([parts]))
    return {name: float(value) for name, value in logs.items()}


@contextmanager
def synchronised(model: keras.Model) -> Iterator[None]:
    """Let batch normalisations share their statistics among the copies of a step.

    Only while it is taken: a layer saved so could be read by TensorFlow alone.
    """
    layers = [
        layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer in layers:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = False


def update_on_replicas(model: keras.Model, *batch: Any) -> None:
    """Call `compute_metrics` of a model once on each copy, which makes its figures' variables."""
    if replicas(model) == 1:
        model.compute_metrics(*batch)
    else:
        model.distribute_strategy.run(model.compute_metrics, args=batch)
