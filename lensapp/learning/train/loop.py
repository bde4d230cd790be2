"""The epochs of a training: their steps, pause and stop; how each ends is in `epoch_ends`."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, cast

import keras
import numpy as np

from lensapp.core.errors import InvalidInput
from lensapp.core.progress import Progress, Report, ShouldStop
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import Feed
from lensapp.learning.feed.device_feed import DeviceFeed
from lensapp.learning.feed.unlabelled_feeds import FixMatchFeed
from lensapp.learning.train.checkpoints import (
    TrainingState,
    copies_of,
    save_network,
    trained_values,
    write_checkpoint,
)
from lensapp.learning.train.devices import gpu_load, memory_bytes, memory_errors, out_of_memory
from lensapp.learning.train.distribution import devices_of_a_batch
from lensapp.learning.train.epoch_ends import EpochCloser, EpochEnd
from lensapp.learning.train.objectives import blank_batch
from lensapp.learning.train.processes import in_group
from lensapp.learning.train.schedules import learning_rate_at
from lensapp.learning.train.trainer import Trainer, averaged_weights
from lensapp.learning.train.transfer import thaws_at
from lensapp.learning.train.windows import TakeWindow, takes_windows, window_taker
from lensapp.storage.files import LAST_NETWORK

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
    feed
        The training batches.
    closer
        Measures and saves what each epoch leaves behind: at once, or with a copy of the network.
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
    report: Report
    should_stop: ShouldStop
    thaw: Callable[[], Trainer]
    state: TrainingState
    closer: EpochCloser
    signal: str | None = None
    session_steps: int = 0
    step_seconds: float = 0.0
    reported: float = 0.0
    taker: tuple[Trainer, TakeWindow] | None = None
    closing: Future[TrainingState] | None = None
    epochs_began: list[float] = field(default_factory=list)

    def run(self) -> str:
        """Train until the last epoch, an early end or a signal; return which it was."""
        while not self.state.finished:
            try:
                self.take_steps()
            except memory_errors() as error:
                if not out_of_memory(error):
                    raise
                raise InvalidInput(self._batch_that_fits()) from error
            if self.note_closed_epoch():  # these steps were taken in vain
                break
            if not self.signal:
                self.end_epoch()
            if self.signal:
                return self.leave()
        self.state.epoch, self.state.step = len(self.state.history), 0
        return self.state.finished

    def take_steps(self) -> None:
        """Take the remaining steps of the current epoch, or fewer when asked to pause or stop."""
        epoch, state = self.state.epoch + 1, self.state
        self.epochs_began.append(time.monotonic())
        if thaws_at(self.spec, state, epoch):
            self.note_closed_epoch()
            self.trainer, state.thawed, self.closer.twin = self.thaw(), True, None
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
            if self.note_closed_epoch():
                return
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

    def end_epoch(self) -> None:
        """Measure and save what the epoch left behind, at once or while the next one is under way."""
        state, closer = self.state, self.closer
        epoch = state.epoch + 1
        ended = EpochEnd(
            state=replace(state, epoch=epoch, step=0, history=list(state.history)),
            row=self.trainer.running_figures() | self._circumstances(epoch) | {"batches": self.feed.steps},
            values=trained_values(self.trainer),
        )
        if closer.twin_device is None:
            with averaged_weights(self.trainer):
                closed = closer.close(ended, self.network, asked_to_stop=self._asked_to_stop)
            if closed is not None:
                self._note(closed)
            return
        with averaged_weights(self.trainer):
            weights = copies_of(self.network.variables)
        pool = ThreadPoolExecutor(1, thread_name_prefix="epoch")
        self.closing = pool.submit(closer.close_with_twin, ended, self.network, weights)
        pool.shutdown(wait=False)
        state.epoch, state.step = epoch, 0
        if closer.waits or epoch == self.spec.epochs:
            self.note_closed_epoch()

    def note_closed_epoch(self) -> bool:
        """Take over what a copy of the network tells of the last epoch, once it is measured, if one was made.

        Returns
        -------
        bool
            Whether the training has ended with it.
        """
        closing, self.closing = self.closing, None
        if closing is not None:
            self._note(closing.result())
        return bool(self.state.finished)

    def _note(self, closed: TrainingState) -> None:
        """Take over how an epoch ended, and report it; steps of the next one may have been taken."""
        state = self.state
        state.best_epoch, state.best_value = closed.best_epoch, closed.best_value
        state.risen_epoch = closed.risen_epoch
        state.history, state.finished, state.seconds = closed.history, closed.finished, closed.seconds
        if state.epoch < closed.epoch:
            state.epoch, state.step = closed.epoch, 0
        self._report("epoch", closed.history[-1])

    def leave(self) -> str:
        """Save everything after a signal and return "paused" or "stopped"; both can be resumed."""
        self.state.seconds = self.closer.seconds()
        write_checkpoint(self.folder, trained_values(self.trainer), self.state)
        with averaged_weights(self.trainer):
            save_network(self.network, self.folder / LAST_NETWORK)
        return "stopped" if self.signal == "stop" else "paused"

    def _batch_that_fits(self) -> str:
        """Return what to do after the device ran out of memory, from trying smaller batches of zeros."""
        trainer, batch, shape = self.trainer, self.spec.batch_size, self.network.input_shape[1:]
        if in_group(trainer):  # the other processes do not know that this one would try
            return (
                f"{self.device} has too little memory for its share of batches of {batch} cutouts. Set "
                f"batch_size to {max(batch // 2, 1)} for all processes, or let more processes take part."
            )
        least = devices_of_a_batch(trainer)
        # JAX gives up the weights of a step that failed; those of the last epoch are in the checkpoint.
        for variable in [*trainer.variables, *trainer.optimizer.variables, *trainer.metrics_variables]:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        label = np.asarray(blank_batch(self.task)[0])
        while batch > least:
            batch = max(batch // 2 // least, 1) * least
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
            f"{self.device} has too little memory for this network, even with one cutout at a time"
            f"{' on each' if least > 1 else ''}. Choose a smaller network, smaller cutouts or another device."
        )

    def _asked_to_stop(self) -> bool:
        """Whether to take no further step: asked to, or the epoch before was the last one."""
        if self.closing is not None and self.closing.done():
            self.note_closed_epoch()
        self.signal = self.signal or self.should_stop()
        return bool(self.signal or self.state.finished)

    def _circumstances(self, epoch: int) -> dict[str, Any]:
        images = self.session_steps * self.spec.batch_size * self.feed.copies
        return {
            "epoch": epoch,
            "learning_rate": learning_rate_at(self.spec, epoch),
            "images_per_second": images / self.step_seconds if self.step_seconds else None,
            "seconds": self.closer.seconds(),
            "device": self.device,
            "memory_bytes": memory_bytes(self.device),
            **(gpu_load(self.device) or {}),
        }

    def _report(self, event: str, figures: dict[str, Any]) -> None:
        """Report a step or an epoch: its figures, and how far the whole training is."""
        state, steps = self.state, self.feed.steps
        self.reported = time.monotonic()
        epoch = figures["epoch"] if event == "epoch" else state.epoch + 1
        done, total = state.epoch * steps + state.step, self.spec.epochs * steps
        # Seconds a step takes in this epoch, reading included.
        pace = self.step_seconds / self.session_steps if self.session_steps else None
        whole = usual_epoch(self.epochs_began) or (pace * steps if pace else None)
        progress: Progress = {
            "event": event,
            "step": steps if event == "epoch" else state.step,
            "steps": steps,
            "fraction": 1.0 if state.finished else done / total,
            "message": f"epoch {epoch} of {self.spec.epochs}",
            "rate": self.spec.batch_size * self.feed.copies / pace if pace else None,
            "seconds_left": 0.0 if state.finished else (total - done) / steps * whole if whole else None,
        }
        self.report(cast(Progress, self._circumstances(epoch) | figures | dict(progress)))


def usual_epoch(began: Sequence[float]) -> float | None:
    """Return what an epoch takes with all that follows it, from when each began; None before two have ended.

    The first is left out: it compiles the network, or is the rest of one that was interrupted.
    """
    lasted = [later - earlier for earlier, later in pairwise(began)]
    return median(lasted[1:][-5:]) if len(lasted) > 1 else None
