"""Divide one training over processes, on one machine or several: each takes its share of every batch.

All of them run the same program with the same seeds, and TensorFlow sums their gradients and the statistics
of batch normalisations (`MultiWorkerMirroredStrategy`), so that weights stay the same everywhere. The first
process keeps the run; the others compute only.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import keras

from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.core.progress import ShouldStop
from lensapp.learning.train.devices import prepare_device

HOSTS_VARIABLE, MEMBER_VARIABLE = "LENSAPP_HOSTS", "LENSAPP_MEMBER"
WISHES = {"pause": 1, "stop": 1000}
"""Numbers whose sum over all devices of the first process still tells them apart."""
LOST = "Collective ops is aborted"


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
        if keras.backend.backend() != "tensorflow":
            raise InvalidInput(
                f"Keras on {keras.backend.backend()} trains in one process. Set KERAS_BACKEND to tensorflow."
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
        try:
            yield tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
        except tf.errors.OpError as error:
            if LOST not in str(error):
                raise
            raise LensAppError(
                "Another process of this training was lost. Start all of them again with the same commands: "
                "the training goes on after its last whole epoch."
            ) from error


def agreed(strategy: Any, should_stop: ShouldStop) -> ShouldStop:
    """Return what gives every process the first one's answer; all must ask equally often."""
    import tensorflow as tf

    @tf.function(autograph=False)
    def total(number: Any) -> Any:
        return strategy.reduce("SUM", strategy.run(lambda own: own, (number,)), axis=None)

    def answer() -> str | None:
        number = int(total(tf.constant(WISHES.get(should_stop() or "", 0))))
        return "stop" if number >= WISHES["stop"] else "pause" if number else None

    return answer


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
        return False
    import tensorflow as tf

    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
