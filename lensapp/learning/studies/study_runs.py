"""Train the runs of a study one after another within one job."""

import gc
import time
from dataclasses import dataclass, field

import keras

from lensapp.core.errors import LensAppError
from lensapp.core.progress import Progress, Report, ShouldStop
from lensapp.learning.train.run_training import train_run
from lensapp.storage import runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

FAILURES = (
    LensAppError,
    ArithmeticError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
LONGEST_REASON = 500


@dataclass
class MemberReport:
    """Reports the progress of one run as a part of its study's.

    Attributes
    ----------
    report
        Receives the progress of the study.
    run, label
        The run and what it is in the study, as "fold 2 of 5".
    done, total
        Runs that are finished, and runs in all.
    """

    report: Report
    run: str
    label: str
    done: int
    total: int
    started: float = field(default_factory=time.monotonic)

    def __call__(self, progress: Progress) -> None:
        """Take one report of a training or an evaluation."""
        share = min(max(float(progress.get("fraction") or 0.0), 0.0), 1.0)
        left = progress.get("seconds_left")
        spent = time.monotonic() - self.started
        # The runs to come are taken to be as long as this one.
        more = None if left is None else float(left) + (spent + float(left)) * (self.total - self.done - 1)
        self.report(
            progress
            | {
                "run": self.run,
                "run_fraction": share,
                "fraction": (self.done + share) / self.total,
                "message": f"{self.label}: {progress.get('message', '')}",
                "seconds_left": more,
            }
        )


def train_member(workspace: Workspace, run: Run, *, report: Report, should_stop: ShouldStop) -> None:
    """Train a run of a study, or go on with it; one that is finished is left alone."""
    if run.state == "finished":
        return
    train_run(workspace, run_name=run.name, report=report, should_stop=should_stop)
    runs.update_run(workspace.database, run.id, state="finished", finished_at=time.time())


def forget_networks() -> None:
    """Free what Keras keeps of the network before, so that many trainings fit into one process."""
    keras.backend.clear_session()
    gc.collect()


def training_failures() -> tuple[type[Exception], ...]:
    """Return the exceptions that mean one training failed, for studies that go on with the next.

    They come out of Keras and its backends, where a network cannot be built or trained.
    """
    if keras.backend.backend() != "tensorflow":
        return FAILURES
    import tensorflow as tf

    return *FAILURES, tf.errors.OpError


def reason_of(error: Exception) -> str:
    """Return in one line why a training failed."""
    text = str(error) if isinstance(error, LensAppError) else f"{type(error).__name__}: {error}"
    return text.splitlines()[0][:LONGEST_REASON]
