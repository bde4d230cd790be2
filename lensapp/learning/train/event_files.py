"""The figures of a training as event files, which `tensorboard --logdir WORKSPACE/runs` draws."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lensapp.core.errors import InvalidInput

VALIDATION = "val_"
PARTS = ("train", "validation")


def require_writer() -> None:
    """Raise InvalidInput unless event files can be written here."""
    if find_spec("tensorboardX") is None:
        raise InvalidInput(
            "The package tensorboardX, which writes event files, is not installed. Install it "
            "(pip install -r requirements-tensorboard.txt), or switch off the TensorBoard files."
        )


class EventFiles(AbstractContextManager["EventFiles"]):
    """Event files of one training: a folder each for the training and the validation part.

    A figure has one name in both, so that TensorBoard lays them over each other. Epochs after those that are
    completed, which a training that was killed may have written, are left out by TensorBoard.

    Parameters
    ----------
    folder
        Where the folders of the parts are made.
    completed
        Epochs completed before.
    """

    def __init__(self, folder: Path, *, completed: int) -> None:
        require_writer()
        from tensorboardX import SummaryWriter

        purge = completed + 1 if completed else None
        self.writers = {part: SummaryWriter(str(folder / part), purge_step=purge) for part in PARTS}

    def __enter__(self) -> Self:
        return self

    def add(self, epoch: int, figures: Mapping[str, Any]) -> None:
        """Write the numbers among the figures of an epoch, and see to it that they can be read."""
        for name, value in figures.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                part = "validation" if name.startswith(VALIDATION) else "train"
                self.writers[part].add_scalar(name.removeprefix(VALIDATION), value, epoch)
        for writer in self.writers.values():
            writer.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self.writers.values():
            writer.close()
