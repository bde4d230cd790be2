"""The epochs of a training: steps, validation, the best network, early stopping, pause and stop."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.progress import Progress, Report, ShouldStop
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import Feed
from lensapp.learning.feed.device_feed import DeviceFeed
from lensapp.learning.feed.unlabelled_feeds import FixMatchFeed
from lensapp.learning.train.checkpoints import TrainingState, checkpoint_of, save_network, write_checkpoint
from lensapp.learning.train.devices import gpu_load, memory_bytes, memory_errors, out_of_memory
from lensapp.learning.train.epoch_figures import figures_after_epoch
from lensapp.learning.train.objectives import blank_batch
from lensapp.learning.train.processes import in_group
from lensapp.learning.train.schedules import ends_cycle, learning_rate_at
from lensapp.learning.train.trainer import Trainer, averaged_weights
from lensapp.learning.train.transfer import thaws_at
from lensapp.learning.train.windows import TakeWindow, takes_windows, window_taker
from lensapp.storage.files import LAST_NETWORK, NETWORK, snapshot_file

REPORT_SECONDS = 1.0
AnyFeed = Feed | DeviceFeed | FixMatchFeed


@dataclass
class TrainingLoop:
    """A training under way.

    Attributes
    ----------
    spec, task, folder, device, precision
        What to train, what it is asked, where to save it, on what, and in which precision layers compute.
    network, trainer
        The network as it is saved, and the same layers with their optimiser.
    feed, validation
        The training batches, and the validation part in order and unchanged; without one every epoch is the
        best so far.
    report, should_stop
        Receives the progress; is asked before each step whether to go on.
    thaw
        Makes a trainer of all layers from the one whose first layers are frozen.
    state
        Where the training stands.
    """

    spec: TrainingSpec
    task: FittedTask
    folder: Path
    device: str
    precision: str
    network: keras.Model
    trainer: Trainer
    feed: AnyFeed
    validation: Feed | None
    report: Report
    should_stop: ShouldStop
    thaw: Callable[[], Trainer]
    state: TrainingState
    signal: str | None = None
    session_steps: int = 0
    step_seconds: float = 0.0
    clock: float = field(default_factory=time.monotonic)
    reported: float = 0.0
    taker: tuple[Trainer, TakeWindow] | None = None
    writing: Future[None] | None = None

    def run(self) -> str:
        """Train until the last epoch, an early end or a signal; return which it was."""
        while not self.state.finished:
            try:
                self.take_steps()
            except memory_errors() as error:
                if not out_of_memory(error):
                    raise
                raise InvalidInput(self._batch_that_fits()) from error
            with averaged_weights(self.trainer):
                outputs = None if self.signal else self.score_validation()
            if self.signal:
                return self.leave()
            self.finish_epoch(outputs)
        self._wait_for_checkpoint()
        self._save_network(LAST_NETWORK)
        return self.state.finished

    def take_steps(self) -> None:
        """Take the remaining steps of the current epoch, or fewer when asked to pause or stop."""
        epoch, state = self.state.epoch + 1, self.state
        if thaws_at(self.spec, state, epoch):
            self.trainer, state.thawed = self.thaw(), True
        self.trainer.optimizer.learning_rate.assign(learning_rate_at(self.spec, epoch))
        if state.step == 0:
            self.trainer.begin_epoch()
        self.session_steps, self.step_seconds = 0, 0.0
        if isinstance(self.feed, DeviceFeed) and takes_windows(self.trainer):
            self.take_windows(self.feed, epoch)
            return
        batches = self.feed.batches(epoch, first_step=state.step)
        start = time.monotonic()
        while not self._asked_to_stop() and (batch := next(batches, None)) is not None:
            logs = self.trainer.train_on_batch(batch[0], batch[1], sample_weight=batch[2], return_dict=True)
            self._count_steps(1, loss=float(logs["loss"]), start=start)
        batches.close()

    def take_windows(self, feed: DeviceFeed, epoch: int) -> None:
        """Take the steps of an epoch in windows; the loss of one is looked at while the next is computed."""
        if self.taker is None or self.taker[0] is not self.trainer:
            self.taker = (self.trainer, window_taker(self.trainer, feed))
        windows = feed.windows(epoch, first_step=self.state.step)
        start = time.monotonic()
        under_way: tuple[int, Any] | None = None
        while not self._asked_to_stop() and (window := next(windows, None)) is not None:
            coming = (window.steps, self.taker[1](window))
            if under_way is not None:
                self._count_steps(under_way[0], loss=float(under_way[1]), start=start)
            under_way = coming
        windows.close()
        if under_way is not None:
            self._count_steps(under_way[0], loss=float(under_way[1]), start=start)

    def _count_steps(self, count: int, *, loss: float, start: float) -> None:
        """Note steps that were taken since `start`, and refuse to go on after a loss that is no number."""
        state = self.state
        if not math.isfinite(loss):
            first, last = state.step + 1, state.step + count
            steps = f"step {first}" if count == 1 else f"steps {first} to {last}"
            raise InvalidInput(
                f"The loss became {loss} in epoch {state.epoch + 1}, {steps}. "
                "Lower the learning rate, or look for extreme pixels."
            )
        state.step += count
        self.session_steps += count
        self.step_seconds = time.monotonic() - start
        if time.monotonic() - self.reported >= REPORT_SECONDS:
            # Figures of several processes are summed by all at once, which only ends of epochs are.
            figures = {"loss": loss} if in_group(self.trainer) else self.trainer.running_figures()
            self._report("step", figures)

    def score_validation(self) -> NDArray[np.float64] | None:
        """Return the outputs of the validation part (n, outputs); None without one or when asked to leave."""
        if self.validation is None:
            return None
        parts = []
        for pixels, _, _ in self.validation.batches(0):
            if self._asked_to_stop():
                return None
            parts.append(np.asarray(self.network.predict_on_batch(pixels), np.float64))
        return np.concatenate(parts)[: len(self.validation.data)]

    def finish_epoch(self, outputs: NDArray[np.float64] | None) -> None:
        """Note the epoch's figures, keep the network if it is the best, and save the checkpoint."""
        state = self.state
        figures = self.trainer.running_figures()
        if self.validation is not None and outputs is not None:
            labels = np.asarray(self.validation.data.labels)
            figures |= figures_after_epoch(self.task, labels, outputs, fpr=self.spec.monitor_fpr)
        state.epoch, state.step = state.epoch + 1, 0
        value, best = figures.get(self.spec.monitor), state.best_value
        falls = self.spec.monitor == "val_loss"
        better = value is not None and (best is None or (value < best if falls else value > best))
        if better or state.best_epoch == 0 or self.validation is None:
            state.best_epoch, state.best_value = state.epoch, value
            self._save_network(NETWORK)
        if ends_cycle(self.spec, state.epoch):
            self._save_network(snapshot_file(state.epoch))
        patience = self.spec.early_stopping_patience
        if state.epoch >= self.spec.epochs:
            state.finished = "finished"
        elif patience and state.epoch - state.best_epoch >= patience:
            state.finished = "early_stopped"
        state.seconds += self._lap()
        row = figures | self._circumstances(state.epoch) | {"best_epoch": state.best_epoch}
        state.history.append(row)
        self._save_checkpoint()
        self._report("epoch", row)

    def leave(self) -> str:
        """Save everything after a signal and return "paused" or "stopped"; both can be resumed."""
        self.state.seconds += self._lap()
        self._save_checkpoint()
        self._wait_for_checkpoint()
        self._save_network(LAST_NETWORK)
        return "stopped" if self.signal == "stop" else "paused"

    def _batch_that_fits(self) -> str:
        """Return what to do after the device ran out of memory, from trying smaller batches of zeros."""
        trainer, batch, shape = self.trainer, self.spec.batch_size, self.network.input_shape[1:]
        # JAX gives up the weights of a step that failed; those of the last epoch are in the checkpoint.
        for variable in [*trainer.variables, *trainer.optimizer.variables, *trainer.metrics_variables]:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        label = np.asarray(blank_batch(self.task)[0])
        while batch > 1:
            batch //= 2
            images = batch * self.feed.copies
            pixels = np.zeros((images, *shape), np.float32)
            try:
                trainer.train_on_batch(pixels, np.repeat(label, images, axis=0), return_dict=True)
            except memory_errors() as error:
                if not out_of_memory(error):
                    raise
            else:
                return (
                    f"{self.device} has too little memory for batches of {self.spec.batch_size} cutouts; "
                    f"{batch} fit. Set batch_size to {batch}."
                )
        return (
            f"{self.device} has too little memory for this network, even with one cutout at a time. Choose a "
            "smaller network, smaller cutouts or another device."
        )

    def _save_checkpoint(self) -> None:
        """Write the checkpoint; of a training on a GPU while the next epoch is under way."""
        self._wait_for_checkpoint()
        arrays = checkpoint_of(self.trainer, self.state)
        if not isinstance(self.feed, DeviceFeed):
            write_checkpoint(self.folder, arrays)
            return
        pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self.writing = pool.submit(write_checkpoint, self.folder, arrays)
        pool.shutdown(wait=False)

    def _wait_for_checkpoint(self) -> None:
        writing, self.writing = self.writing, None
        if writing is not None:
            writing.result()

    def _save_network(self, name: str) -> None:
        with averaged_weights(self.trainer):
            save_network(self.network, self.folder / name)

    def _asked_to_stop(self) -> bool:
        self.signal = self.signal or self.should_stop()
        return self.signal is not None

    def _lap(self) -> float:
        before, self.clock = self.clock, time.monotonic()
        return self.clock - before

    def _circumstances(self, epoch: int) -> dict[str, Any]:
        images = self.session_steps * self.spec.batch_size * self.feed.copies
        return {
            "epoch": epoch,
            "learning_rate": learning_rate_at(self.spec, epoch),
            "images_per_second": images / self.step_seconds if self.step_seconds else None,
            "seconds": self.state.seconds,
            "device": self.device,
            "memory_bytes": memory_bytes(self.device),
            **(gpu_load(self.device) or {}),
        }

    def _report(self, event: str, figures: dict[str, Any]) -> None:
        """Report a step or an epoch: its figures, and how far the whole training is."""
        state, steps = self.state, self.feed.steps
        self.reported = time.monotonic()
        epoch = state.epoch if event == "epoch" else state.epoch + 1
        done, total = state.epoch * steps + state.step, self.spec.epochs * steps
        # Seconds a step takes in this epoch, reading included.
        pace = self.step_seconds / self.session_steps if self.session_steps else None
        progress: Progress = {
            "event": event,
            "step": steps if event == "epoch" else state.step,
            "steps": steps,
            "fraction": 1.0 if state.finished else done / total,
            "message": f"epoch {epoch} of {self.spec.epochs}",
            "rate": self.spec.batch_size * self.feed.copies / pace if pace else None,
            "seconds_left": 0.0 if state.finished else (total - done) * pace if pace else None,
        }
        self.report(cast(Progress, self._circumstances(epoch) | figures | dict(progress)))
