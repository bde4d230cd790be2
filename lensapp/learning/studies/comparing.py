"""Train the networks of a comparison one after another with the same budget, and measure each."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lensapp.core.errors import JobCancelled, LensAppError
from lensapp.core.progress import Progress, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.train.baseline_spec import KINDS as BASELINES
from lensapp.core.train.comparison_spec import ComparisonSpec
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.studies.baselines import fit_baseline
from lensapp.learning.studies.study_runs import MemberReport, forget_networks, reason_of, training_failures
from lensapp.learning.train.run_training import train_run
from lensapp.storage import runs, studies
from lensapp.storage.files import NETWORK
from lensapp.storage.records import Run, Study, StudyRun
from lensapp.storage.workspace import Workspace


@dataclass
class Budget:
    """Passes the user's wish to stop on, ends a training when its time is spent and says how much is left."""

    should_stop: ShouldStop
    seconds: float | None
    spent: float = 0.0
    clock: Callable[[], float] = time.monotonic
    report: Report = ignore_progress
    began: float | None = None
    exhausted: bool = False
    wall: float = field(default_factory=time.monotonic)

    def __call__(self) -> str | None:
        """Return "pause", "stop" or None; the clock begins with the first question."""
        wish = self.should_stop()
        if wish or self.seconds is None:
            return wish
        now = self.clock()
        self.began = now if self.began is None else self.began
        self.exhausted = self.spent + now - self.began >= self.seconds
        return "stop" if self.exhausted else None

    def pass_on(self, progress: Progress) -> None:
        """Report progress with the time that the budget leaves: the epochs may be endless."""
        if self.seconds is None or self.began is None:
            self.report(progress)
            return
        used = self.clock() - self.began
        pace = (time.monotonic() - self.wall) / used if used > 0 else 1.0  # wall seconds for one of the clock
        left = max(self.seconds - self.spent - used, 0.0) * pace
        epochs, spent = progress.get("seconds_left"), self.spent + used
        limited: Progress = {
            "fraction": max(float(progress["fraction"]), min(spent / self.seconds, 1.0)),
            "seconds_left": left if epochs is None else min(left, float(epochs)),
            "message": f"epoch {progress['epoch']}, {spent / 60:.1f} of {self.seconds / 60:g} min",
        }
        self.report(progress | limited)


def compare(
    workspace: Workspace,
    *,
    study_name: str,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Train and evaluate every run of a comparison that is not done yet.

    A network that cannot be trained is noted with its reason, and the others go on. What is done is kept
    when the job is stopped or killed; the next one goes on with the training that was under way.

    Returns
    -------
    dict
        `study`, the number `finished`, and `failed`: label -> reason.

    Raises
    ------
    NotFound
        When the study does not exist.
    JobCancelled
        When `should_stop` says so.
    """
    study = studies.get_study(workspace.database, study_name)
    studies.update_study(workspace.database, study.id, state="running")
    entries = studies.runs_of(workspace.database, study.id)
    failed: dict[str, str] = {}
    for done, entry in enumerate(entries):
        label = str(entry.info.get("label") or entry.run.name)
        if wish := should_stop():
            raise JobCancelled(f"The comparison {study.name} was asked to {wish} before {label}.")
        text = f"{label}, {done + 1} of {len(entries)}"
        member = MemberReport(report, entry.run.name, text, done, len(entries))
        reason = settle_run(workspace, study, entry, report=member, should_stop=should_stop)
        if reason:
            failed[label] = reason
    summary = {"finished": len(entries) - len(failed), "failed": failed}
    studies.update_study(workspace.database, study.id, summary=summary)
    return {"study": study.name} | summary


def settle_run(
    workspace: Workspace, study: Study, entry: StudyRun, *, report: Report, should_stop: ShouldStop
) -> str:
    """Bring one run to its evaluation; return why that was impossible, or an empty text."""
    run = entry.run
    if run.evaluation is not None and run.state not in ("queued", "running"):
        return ""
    if run.state == "failed" and entry.info.get("reason"):  # resuming a study queues it again
        return str(entry.info["reason"])
    info = {key: value for key, value in entry.info.items() if key != "reason"}
    finished_before = run.name in study.spec["runs"]
    try:
        if run.model in BASELINES:
            fit_baseline(workspace, run_name=run.name, report=report)
        else:
            if not finished_before:
                train_within_budget(workspace, study, run, report=report, should_stop=should_stop)
            evaluate_run(workspace, run_name=run.name, report=report, should_stop=should_stop)
    except JobCancelled:
        raise
    except training_failures() as error:
        info["reason"] = reason_of(error)
        if not finished_before:
            runs.update_run(workspace.database, run.id, state="failed", finished_at=time.time())
    studies.add_run(workspace.database, study.id, run.id, place=entry.place, info=info)
    forget_networks()
    return str(info.get("reason", ""))


def train_within_budget(
    workspace: Workspace, study: Study, run: Run, *, report: Report, should_stop: ShouldStop
) -> None:
    """Train one run of a comparison until it ends or the budget is spent."""
    spec = ComparisonSpec.parse(study.spec)
    seconds = None if spec.minutes is None else 60.0 * spec.minutes
    clock = time.process_time if spec.clock == "processor" else time.monotonic
    epochs = runs.metrics_of(workspace.database, run.id)
    last = float(epochs[-1].get("seconds") or 0.0) if epochs else 0.0
    spent = max(last, float(run.summary.get("seconds") or 0.0))  # before an interruption
    budget = Budget(should_stop, seconds, spent=spent, clock=clock, report=report)
    try:
        train_run(workspace, run_name=run.name, report=budget.pass_on, should_stop=budget)
    except JobCancelled:
        if not budget.exhausted:
            runs.update_run(workspace.database, run.id, state="stopped")
            raise
        if not (workspace.run_folder(run.name) / NETWORK).exists():
            raise LensAppError(
                f"{run.model} did not finish an epoch within {spec.minutes:g} minutes. Give it more time, "
                "fewer cutouts or a smaller network."
            ) from None
    runs.update_run(workspace.database, run.id, state="finished", finished_at=time.time())
