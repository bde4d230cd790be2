"""What follows the steps of an epoch: validation, the best network, figures, early stopping, checkpoint.

All of it works on copies of what the epoch left, so that it can be done in another thread, with a copy of the
network, while the next epoch is under way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lensapp.core.progress import never_stop
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import Feed
from lensapp.learning.train.checkpoints import TrainingState, save_network, write_checkpoint
from lensapp.learning.train.devices import memory_errors, out_of_memory
from lensapp.learning.train.epoch_figures import JUDGED_BY, deciding_figures, figures_after_epoch, is_better
from lensapp.learning.train.schedules import ends_cycle
from lensapp.storage.files import LAST_NETWORK, NETWORK, snapshot_file

PROCESSOR = "cpu:0"


@dataclass(frozen=True, kw_only=True)
class EpochEnd:
    """What an epoch left behind, as copies.

    Attributes
    ----------
    state
        Where the training stands after it; what validation tells is added when it is closed.
    row
        Figures of the training part, and under which circumstances they came about.
    values
        What `lensapp.learning.train.checkpoints.trained_values` returned.
    """

    state: TrainingState
    row: dict[str, Any]
    values: list[NDArray[Any]]


@dataclass(kw_only=True)
class EpochCloser:
    """Measures and saves what epochs leave behind.

    Attributes
    ----------
    spec, task, folder
        What is trained, what it is asked, and where it is saved.
    validation
        The validation part in order and unchanged; without one every epoch is the best so far.
    seconds
        Returns the time that the training has taken.
    twin_device
        Where a copy of the network is measured, apart from the one that trains; None without a copy.
    waits
        Whether the next epoch begins only when the copy is measured.
    """

    spec: TrainingSpec
    task: FittedTask
    folder: Path
    validation: Feed | None
    seconds: Callable[[], float]
    twin_device: str | None = None
    waits: bool = False
    twin: keras.Model | None = None

    @cached_property
    def deciding(self) -> tuple[str, ...]:
        """The figures by which epochs are compared, those of equal epochs after another."""
        if self.validation is None:
            return (self.spec.monitor,)
        return deciding_figures(self.spec, self.task, np.asarray(self.validation.data.labels))

    def close_with_twin(
        self, ended: EpochEnd, network: keras.Model, weights: list[NDArray[Any]]
    ) -> TrainingState:
        """Close an epoch with a copy of `network` that has these weights; in a thread of its own.

        Such a thread knows nothing of Keras's distribution over devices or processes, so that the copy lies
        on its device alone. Where a GPU has no room for it beside the training, the processor measures it.
        """
        try:
            with keras.device(self.twin_device):
                if self.twin is None:
                    self.twin = keras.models.clone_model(network)
                for variable, value in zip(self.twin.variables, weights, strict=True):
                    variable.assign(value)
                self.close(ended, self.twin, asked_to_stop=never_stop)
        except memory_errors() as error:
            if not out_of_memory(error) or self.twin_device == PROCESSOR:
                raise
            self.twin, self.twin_device = None, PROCESSOR
            return self.close_with_twin(ended, network, weights)
        return ended.state

    def close(
        self, ended: EpochEnd, network: keras.Model, *, asked_to_stop: Callable[[], object]
    ) -> TrainingState | None:
        """Measure the network of an epoch, save it if it is the best, and save the checkpoint.

        Returns
        -------
        TrainingState or None
            Where the training stands; None, and nothing saved, when asked to stop meanwhile.
        """
        spec, state, figures = self.spec, ended.state, dict(ended.row)
        if self.validation is not None:
            outputs = self.outputs_of(network, self.validation, asked_to_stop)
            if outputs is None:
                return None
            labels = np.asarray(self.validation.data.labels)
            figures |= figures_after_epoch(self.task, labels, outputs, fpr=spec.monitor_fpr)
            figures[JUDGED_BY] = self.deciding[0]
        first = self.validation is None or state.best_epoch == 0
        best = figures if first else state.history[state.best_epoch - 1]
        if first or is_better(figures, best, self.deciding[:1]):
            state.risen_epoch = state.epoch
        if first or is_better(figures, best, self.deciding):
            state.best_epoch, state.best_value = state.epoch, figures.get(self.deciding[0])
            save_network(network, self.folder / NETWORK)
        if ends_cycle(spec, state.epoch):
            save_network(network, self.folder / snapshot_file(state.epoch))
        patience = spec.early_stopping_patience
        if state.epoch >= spec.epochs:
            state.finished = "finished"
        elif patience and state.epoch - (state.risen_epoch or state.best_epoch) >= patience:
            state.finished = "early_stopped"
        if state.finished:
            save_network(network, self.folder / LAST_NETWORK)
        state.seconds = self.seconds()
        state.history.append(figures | {"seconds": state.seconds, "best_epoch": state.best_epoch})
        write_checkpoint(self.folder, ended.values, state)
        return state

    def outputs_of(
        self, network: keras.Model, validation: Feed, asked_to_stop: Callable[[], object]
    ) -> NDArray[np.float64] | None:
        """Return what `network` gives for the validation part (n, outputs); None when asked to stop."""
        parts = []
        for pixels, _, _ in validation.batches(0):
            if asked_to_stop():
                return None
            parts.append(np.asarray(network.predict_on_batch(pixels), np.float64))
        return np.concatenate(parts)[: len(validation.data)]
