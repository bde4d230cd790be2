"""Train the runs of a study one after another within one job."""

import gc
import time
from dataclasses import dataclass, field
from typing import Any

import keras

from lensapp.core.progress import Progress, Report, ShouldStop
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.train.run_training import train_run
from lensapp.storage import runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

VALIDATION = "validation"


@dataclass
class MemberReport:
    """Reports the progress of one run as a part of its study's.

    Attributes
    ----------
    report
        Told the progress of the study.
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
        # The runs to come are as long as this one, as far as it is known.
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
    """Train a run of a study, or go on with it; one that is finished is left alone.

    Raises
    ------
    JobCancelled
        When it was paused or stopped; what it has learned is stored.
    LensAppError
        As `lensapp.learning.train.run_training.train_run`.
    """
    if run.state == "finished":
        return
    train_run(workspace, run_name=run.name, report=report, should_stop=should_stop)
    runs.update_run(workspace.database, run.id, state="finished", finished_at=time.time())


def validate_member(
    workspace: Workspace, run: Run, *, report: Report, should_stop: ShouldStop
) -> dict[str, Any]:
    """Measure a run on the part held out from it; scores are stored beside its network.

    Raises
    ------
    JobCancelled
        When `should_stop` says so.
    LensAppError
        As `lensapp.learning.score.evaluation.evaluate_run`.
    """
    return evaluate_run(workspace, run_name=run.name, part=VALIDATION, report=report, should_stop=should_stop)


def forget_networks() -> None:
    """Free what Keras keeps of the network before, so that many trainings fit into one process."""
    keras.backend.clear_session()
    gc.collect()
