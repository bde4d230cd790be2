"""The epochs of a training: steps, validation, the best network, early stopping, pause and stop."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.progress import Report, ShouldStop
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import Feed, ResidentFeed
from lensapp.learning.train.checkpoints import TrainingState, save_checkpoint, save_network
from lensapp.learning.train.devices import memory_bytes
from lensapp.learning.train.epoch_figures import Figures, figures_after_epoch
from lensapp.learning.train.schedules import learning_rate_at
from lensapp.learning.train.trainer import Trainer
from lensapp.learning.train.transfer import thaws_at

BEST = "best.keras"
LAST = "last.keras"
REPORT_SECONDS = 1.0


@dataclass
class TrainingLoop:
    """A training under way.

    Attributes
    ----------
    spec, task, folder, device
        What to train, what it is asked, where to save it and on what.
    network, trainer
        The network as it is saved, and the same layers with their optimiser.
    feed, validation
        The training batches, and the validation part in order and unchanged.
    report, should_stop
        Told the progress, asked before each step whether to go on.
    thaw
        Makes a trainer of all layers from the one whose first layers are frozen.
    state
        Where the training stands.
    """

    spec: TrainingSpec
    task: FittedTask
    folder: Path
    device: str
    network: keras.Model
    trainer: Trainer
    feed: Feed | ResidentFeed
    validation: Feed
    report: Report
    should_stop: ShouldStop
    thaw: Callable[[], Trainer]
    state: TrainingState
    signal: str | None = None
    session_steps: int = 0
    step_seconds: float = 0.0
    clock: float = field(default_factory=time.monotonic)
    reported: float = 0.0

    def run(self) -> str:
        """Train until the last epoch, an early end or a signal; return which it was."""
        while not self.state.finished:
            self.take_steps()
            outputs = None if self.signal else self.score_validation()
            if outputs is None:
                return self.leave()
            self.finish_epoch(outputs)
        save_network(self.network, self.folder / LAST)
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
        batches = self.feed.batches(epoch, first_step=state.step)
        start = time.monotonic()
        while not self._asked_to_stop() and (batch := next(batches, None)) is not None:
            logs = self.trainer.train_on_batch(batch[0], batch[1], sample_weight=batch[2], return_dict=True)
            self._require_finite(logs["loss"])
            state.step += 1
            self.session_steps += 1
            self.step_seconds = time.monotonic() - start
            if time.monotonic() - self.reported >= REPORT_SECONDS:
                self._tell("step", self.trainer.running_figures())
        batches.close()

    def score_validation(self) -> NDArray[np.float64] | None:
        """Return the outputs of the validation part (n, outputs), or None when asked to pause or stop."""
        parts = []
        for pixels, _, _ in self.validation.batches(0):
            if self._asked_to_stop():
                return None
            parts.append(np.asarray(self.network.predict_on_batch(pixels), np.float64))
        return np.concatenate(parts)[: len(self.validation.data)]

    def finish_epoch(self, outputs: NDArray[np.float64]) -> None:
        """Note the epoch's figures, keep the network if it is the best, and save the checkpoint."""
        state = self.state
        labels = np.asarray(self.validation.data.labels)
        figures = self.trainer.running_figures() | figures_after_epoch(self.task, labels, outputs)
        state.epoch, state.step = state.epoch + 1, 0
        self._keep_if_best(figures)
        state.finished = self._reason_to_end()
        state.seconds += self._lap()
        row = figures | self._circumstances(state.epoch) | {"best_epoch": state.best_epoch}
        state.history.append(row)
        save_checkpoint(self.folder, self.trainer, state)
        self._tell("epoch", row)

    def leave(self) -> str:
        """Save everything after a signal and return "paused" or "stopped"; both can be resumed."""
        self.state.seconds += self._lap()
        save_checkpoint(self.folder, self.trainer, self.state)
        save_network(self.network, self.folder / LAST)
        return "stopped" if self.signal == "stop" else "paused"

    def _asked_to_stop(self) -> bool:
        self.signal = self.signal or self.should_stop()
        return self.signal is not None

    def _require_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise InvalidInput(
                f"Expected a finite loss, received {loss} in epoch {self.state.epoch + 1}, step "
                f"{self.state.step + 1}. Lower the learning rate or look for extreme pixels."
            )

    def _keep_if_best(self, figures: Figures) -> None:
        value, best = figures[self.spec.monitor], self.state.best_value
        falls = self.spec.monitor == "val_loss"
        better = value is not None and (best is None or (value < best if falls else value > best))
        if better or self.state.best_epoch == 0:
            self.state.best_epoch, self.state.best_value = self.state.epoch, value
            save_network(self.network, self.folder / BEST)

    def _reason_to_end(self) -> str:
        waited = self.state.epoch - self.state.best_epoch
        if self.state.epoch >= self.spec.epochs:
            return "finished"
        patience = self.spec.early_stopping_patience
        return "early_stopped" if patience and waited >= patience else ""

    def _lap(self) -> float:
        before, self.clock = self.clock, time.monotonic()
        return self.clock - before

    def _circumstances(self, epoch: int) -> dict[str, Any]:
        images = self.session_steps * self.spec.batch_size
        return {
            "epoch": epoch,
            "learning_rate": learning_rate_at(self.spec, epoch),
            "images_per_second": images / self.step_seconds if self.step_seconds else None,
            "seconds": self.state.seconds,
            "device": self.device,
            "memory_bytes": memory_bytes(self.device),
        }

    def _tell(self, event: str, figures: dict[str, Any]) -> None:
        """Report a step or an epoch: its figures, and how far the whole training is."""
        state, steps = self.state, self.feed.steps
        self.reported = time.monotonic()
        epoch = state.epoch if event == "epoch" else state.epoch + 1
        done, total = state.epoch * steps + state.step, self.spec.epochs * steps
        pace = self._pace()
        self.report(
            self._circumstances(epoch)
            | figures
            | {
                "event": event,
                "step": steps if event == "epoch" else state.step,
                "steps": steps,
                "fraction": 1.0 if state.finished else done / total,
                "message": f"epoch {epoch} of {self.spec.epochs}",
                "rate": self.spec.batch_size / pace if pace else None,
                "seconds_left": 0.0 if state.finished else (total - done) * pace if pace else None,
            }
        )

    def _pace(self) -> float | None:
        """Return the seconds a step takes in this epoch, reading included."""
        return self.step_seconds / self.session_steps if self.session_steps else None
