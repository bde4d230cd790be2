"""How long work reports its progress and asks whether to go on, without knowing about jobs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict

from lensapp.core.plurals import thin_spaced


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


@dataclass
class ProgressMeter:
    """Counts pieces of work and reports them with rate and time left.

    Attributes
    ----------
    message
        What is reported, with {done} and {total}.
    share
        Share of these pieces in the whole work.
    done, skipped
        Pieces done, and those of them done before, which say nothing about the rate.
    """

    report: Report
    total: int
    message: str = "{done} of {total} cutouts"
    share: float = 1.0
    done: int = 0
    skipped: int = 0
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.message.format(done="", total="")  # texts: a format of numbers fails before the work, not in it

    @property
    def rate(self) -> float:
        """Pieces per second so far."""
        return (self.done - self.skipped) / max(time.perf_counter() - self.started, 1e-9)

    @property
    def text(self) -> str:
        """How far it is, in words."""
        return self.message.format(done=thin_spaced(self.done), total=thin_spaced(self.total))

    def skip(self, count: int) -> None:
        """Count `count` that were done before."""
        self.done += count
        self.skipped += count

    def add(self, count: int) -> None:
        """Count `count` more."""
        self.done += count
        self.show()

    def show(self) -> None:
        """Report how far it is."""
        rate = self.rate
        self.report(
            {
                "fraction": self.share * self.done / self.total,
                "message": self.text,
                "rate": rate,
                "seconds_left": (self.total - self.done) / rate if rate else None,
                "done": self.done,
                "total": self.total,
            }
        )


def phase_of(report: Report, *, begin: float, end: float, phase: str) -> Report:
    """Return what reports one phase of longer work: its fraction within that of the whole, its name first.

    The time left is that of the phase alone, so that it is not told.
    """

    def of_whole(progress: Progress) -> None:
        fraction = begin + (end - begin) * progress.get("fraction", 0.0)
        message = f"{phase}: {progress.get('message', '')}".removesuffix(": ")
        report({**progress, "fraction": fraction, "message": message, "seconds_left": None})

    return of_whole


def ignore_progress(_progress: Progress) -> None:
    """Discard progress, for work that nobody watches."""


def never_stop() -> str | None:
    """Return None: go on."""
    return None
