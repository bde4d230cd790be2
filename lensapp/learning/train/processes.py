"""Divide one training over processes, on one machine or several: each takes its share of every batch.

All of them run the same program with the same seeds. TensorFlow sums their gradients and the statistics of
batch normalisations (`MultiWorkerMirroredStrategy`); JAX computes the step of the whole batch on all their
devices together (`jax.distributed` under Keras's `DataParallel`). Weights stay the same everywhere. The first
process keeps the run; the others compute only.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.core.progress import ShouldStop
from lensapp.learning.train.devices import prepare_device

HOSTS_VARIABLE, MEMBER_VARIABLE = "LENSAPP_HOSTS", "LENSAPP_MEMBER"
HEARTBEAT_SECONDS, LEAVING_SECONDS = 15, 30.0
WISHES = {"pause": 1, "stop": 1000}
"""Numbers whose sum over all devices of the first process still tells them apart."""
LOST = ("Collective ops is aborted", "Gloo", "NCCL", "NVSHMEM")
"""One of which the backends say when a collective operation fails."""


@dataclass(frozen=True)
class Group:
    """The processes of a training.

    Attributes
    ----------
    hosts
        Where each listens, as "host:port"; the first keeps the run.
    member
        Which of them this one is, from 0.
    """

    hosts: tuple[str, ...]
    member: int

    @classmethod
    def of_environment(cls) -> Self | None:
        """Return the group that LENSAPP_HOSTS and LENSAPP_MEMBER name; None without one.

        Raises
        ------
        InvalidInput
            When they do not go together.
        """
        hosts = tuple(host.strip() for host in os.environ.get(HOSTS_VARIABLE, "").split(",") if host.strip())
        if not hosts:
            return None
        told = os.environ.get(MEMBER_VARIABLE, "")
        if not told.isdigit() or int(told) >= len(hosts) or any(":" not in host for host in hosts):
            raise InvalidInput(
                f"{len(hosts)} processes take part ({', '.join(hosts)}), and this one was called "
                f"{told or 'nothing'}. Give HOST:PORT for each, and number them from 0 on."
            )
        if keras.backend.backend() not in ("tensorflow", "jax"):
            raise InvalidInput(
                f"Keras on {keras.backend.backend()} trains in one process. "
                "Set KERAS_BACKEND to tensorflow or jax."
            )
        return cls(hosts, int(told))

    def kind(self, device: str) -> str:
        """Return "cpu" or "gpu", as each process computes on."""
        import tensorflow as tf

        on_cards = not device.startswith("cpu") and tf.config.list_physical_devices("GPU")
        return "gpu" if on_cards else "cpu"

    @contextmanager
    def strategy(self, device: str) -> Iterator[Any]:
        """Yield TensorFlow's strategy once all processes are there; say so when one is lost.

        Parameters
        ----------
        device
            "auto" or "gpu:all" for all GPUs of each machine, "cpu", or the GPU of this process.
        """
        import tensorflow as tf

        cards = tf.config.list_physical_devices("GPU")
        if device.startswith("cpu"):
            tf.config.set_visible_devices([], "GPU")
        elif device not in ("auto", "gpu:all"):
            tf.config.set_visible_devices(cards[int(device.partition(":")[2])], "GPU")
        prepare_device(f"{self.kind(device)}:0")
        cluster = tf.train.ClusterSpec({"worker": list(self.hosts)})
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            cluster, task_type="worker", task_id=self.member, rpc_layer="grpc"
        )
        with told_when_one_is_lost((tf.errors.OpError,)):
            yield tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)

    @contextmanager
    def devices(self, device: str) -> Iterator[tuple[str, ...]]:
        """Yield the names of JAX's devices of all processes once they are there; say so when one is lost.

        Parameters
        ----------
        device
            As in `strategy`.
        """
        import jax

        # Otherwise JAX keeps the signal that ends a process to itself, and a lost process aborts the others.
        settings = {"jax_enable_preemption_service": False, "jax_enable_recoverability": True}
        for name, value in (
            settings | ({"jax_platforms": "cpu"} if device.startswith("cpu") else {})
        ).items():
            jax.config.update(name, value)
        number = device.partition(":")[2]
        jax.distributed.initialize(
            self.hosts[0],
            len(self.hosts),
            self.member,
            local_device_ids=int(number) if number.isdigit() and not device.startswith("cpu") else None,
            cluster_detection_method="deactivate",
            coordinator_bind_address=self.hosts[0],
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=HEARTBEAT_SECONDS,
        )
        with told_when_one_is_lost((ValueError, RuntimeError)):
            try:
                yield tuple(f"{one.platform}:{one.id}" for one in jax.devices())
            except InvalidInput:  # all processes meet it
                self._leave()
                raise
            self._leave()

    def _leave(self) -> None:
        """Leave JAX's group; the first process waits for the others, to which its end would be a failure."""
        import jax
        from jax._src import distributed  # nothing public tells who is still there

        client = distributed.global_state.client
        patience = time.monotonic() + LEAVING_SECONDS
        while self.member == 0 and time.monotonic() < patience:
            if len(client.get_live_nodes(list(range(len(self.hosts))))) == 1:
                break
            time.sleep(0.1)
        jax.distributed.shutdown()


@contextmanager
def told_when_one_is_lost(errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn what a backend raises when another process has gone into what to do then."""
    try:
        yield
    except errors as error:
        if not any(word in str(error) for word in LOST):
            raise
        raise LensAppError(
            "Another process of this training was lost. Start all of them again with the same commands: "
            "the training goes on after its last whole epoch."
        ) from error


def agreed(strategy: Any, should_stop: ShouldStop) -> ShouldStop:
    """Return what gives every process the first one's answer; all must ask equally often.

    Parameters
    ----------
    strategy
        TensorFlow's; None on JAX.
    """
    if strategy is None:
        return _agreed_on_jax(should_stop)
    import tensorflow as tf

    @tf.function(autograph=False)
    def total(number: Any) -> Any:
        return strategy.reduce("SUM", strategy.run(lambda own: own, (number,)), axis=None)

    def answer() -> str | None:
        number = int(total(tf.constant(WISHES.get(should_stop() or "", 0))))
        return "stop" if number >= WISHES["stop"] else "pause" if number else None

    return answer


def _agreed_on_jax(should_stop: ShouldStop) -> ShouldStop:
    from jax.experimental import multihost_utils

    words = {number: word for word, number in WISHES.items()}

    def answer() -> str | None:
        own = np.int32(WISHES.get(should_stop() or "", 0))
        return words.get(int(multihost_utils.broadcast_one_to_all(own)))

    return answer


def share_of_batch(values: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return the rows of a batch that this process hands to JAX, all where it is alone."""
    if values is None or not in_jax_group():
        return values
    import jax

    rows = len(values) // jax.process_count()
    return np.asarray(values)[jax.process_index() * rows :][:rows]


def in_jax_group() -> bool:
    """Whether several processes share JAX's devices."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    return bool(jax.process_count() > 1)


def step_of_all(model: keras.Model) -> Callable[[Iterator[Any]], dict[str, Any]]:
    """Return what takes a training step in all processes; the loss is the mean of all.

    Keras's own takes the mean of what each process returns along an axis that single numbers do not have.
    """
    import tensorflow as tf

    strategy = model.distribute_strategy

    @tf.function(autograph=False)
    def take(batch: Any) -> dict[str, Any]:
        logs = strategy.run(model.train_step, (batch,))
        return {"loss": strategy.reduce("MEAN", logs["loss"], axis=None)}

    return lambda batches: take(next(batches))


def in_group(model: keras.Model) -> bool:
    """Whether a model is trained by several processes, whose figures are summed by all of them at once."""
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is None:
        return in_jax_group()
    import tensorflow as tf

    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
