"""How long work reports its progress and asks whether to go on, without knowing about jobs."""

from collections.abc import Callable
from typing import TypedDict


class Progress(TypedDict, total=False):
    """What long work reports; a training adds the figures of its step or epoch under their own names.

    Attributes
    ----------
    fraction
        Done so far, 0 to 1.
    message
        What is being done.
    rate, unit, seconds_left
        Pieces per second, what follows the number on a page ("/s" unless given), and the time left.
    done, total
        Pieces done, and pieces in all.
    accepted, rejected
        Of an import.
    event, epoch, step, steps
        Of a training: "step" or "epoch", and how far it is.
    loss, learning_rate, images_per_second, seconds, device, memory_bytes
        Of a training.
    run, run_fraction
        Of a study: the run that is being trained and how much of it is done.
    """

    fraction: float
    message: str
    rate: float | None
    unit: str
    seconds_left: float | None
    done: int
    total: int
    accepted: int
    rejected: int
    event: str
    epoch: int
    step: int
    steps: int
    loss: float | None
    learning_rate: float
    images_per_second: float | None
    seconds: float
    device: str
    memory_bytes: int | None
    run: str
    run_fraction: float


Report = Callable[[Progress], None]
ShouldStop = Callable[[], str | None]
"""Returns "pause", "stop" or None."""


def ignore_progress(_progress: Progress) -> None:
    """Discard progress, for work that nobody watches."""


def never_stop() -> str | None:
    """Return None: go on."""
    return None
