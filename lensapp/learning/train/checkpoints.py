"""Save and restore everything that decides how a training goes on, whole or not at all."""

import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import StorageError
from lensapp.storage.files import CHECKPOINT, whole_file

PROGRESS = "progress"


@dataclass
class TrainingState:
    """Where a training stands, apart from the weights.

    Attributes
    ----------
    epoch, step
        Completed epochs, and completed steps of the epoch after them.
    best_epoch, best_value
        The best epoch so far and the first of the figures that chose it.
    risen_epoch
        The last epoch in which that figure itself was better than ever before; 0 where none is known.
    seconds
        Time spent so far, interruptions left out.
    finished
        Why no epoch is left: "finished" or "early_stopped"; empty while some are.
    history
        One row of figures per completed epoch.
    thawed
        Whether layers that were frozen at first train by now.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    risen_epoch: int = 0
    seconds: float = 0.0
    finished: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)
    thawed: bool = False


def copies_of(variables: Iterable[keras.Variable]) -> list[NDArray[Any]]:
    """Return the values of variables, which later steps do not change."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def trained_values(trainer: keras.Model) -> list[NDArray[Any]]:
    """Return copies of weights, random seeds, optimiser and running metrics."""
    return copies_of(_variables(trainer))


def write_checkpoint(folder: Path, values: list[NDArray[Any]], state: TrainingState) -> None:
    """Write what `trained_values` returned and where the training stands as one file."""
    arrays: dict[str, Any] = {f"v{number:05d}": array for number, array in enumerate(values)}
    arrays[PROGRESS] = np.array(json.dumps(asdict(state)))
    with whole_file(folder / CHECKPOINT) as partial, partial.open("wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())


def load_checkpoint(folder: Path, trainer: keras.Model) -> TrainingState | None:
    """Restore what `write_checkpoint` wrote; return None when there is nothing yet."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    variables = _variables(trainer)
    with _opened(path) as stored:
        state = TrainingState(**json.loads(str(stored[PROGRESS])))
        arrays = [stored[f"v{k:05d}"] for k in range(len(stored.files) - 1)]
    if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
        raise StorageError(
            f"The checkpoint {path} belongs to another network. Delete it to train from the beginning."
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return state


def load_state(folder: Path) -> TrainingState:
    """Return where the training in `folder` stands, without its weights; a new state when there is none."""
    path = folder / CHECKPOINT
    if not path.exists():
        return TrainingState()
    with _opened(path) as stored:
        return TrainingState(**json.loads(str(stored[PROGRESS])))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            yield stored
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise StorageError(
            f"The checkpoint {path} cannot be read ({error}). Delete it to train from the beginning."
        ) from error


def save_network(network: keras.Model, path: Path) -> None:
    """Write a network without its optimiser to a `.keras` file, whole or not at all."""
    with whole_file(path) as partial:
        network.save(partial)


def _variables(trainer: keras.Model) -> list[Any]:
    """Return all that changes from step to step: weights, random seeds, optimiser and running metrics."""
    return [*trainer.variables, *trainer.optimizer.variables, *trainer.metrics_variables]
