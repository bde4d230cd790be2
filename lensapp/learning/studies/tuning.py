"""Search hyper-parameters: propose settings, train them as runs, end those without prospects early."""

import time
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState

from lensapp.core.config import merged
from lensapp.core.errors import InvalidInput, JobCancelled, NotFound
from lensapp.core.progress import Progress, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.train.study_spec import SearchSpec
from lensapp.learning.studies.study_runs import (
    MemberReport,
    forget_networks,
    reason_of,
    train_member,
    training_failures,
)
from lensapp.learning.studies.trials import STATES, Judge, ask, importance_of, rebuild, rungs_of
from lensapp.learning.train.epoch_figures import JUDGED_BY, comparable_value
from lensapp.storage import runs, studies
from lensapp.storage.records import Run, Study, StudyRun
from lensapp.storage.workspace import Workspace

UNDER_WAY = "running"


@dataclass(frozen=True)
class Search:
    """A search under way: where it is stored, what it tries, and who follows it."""

    workspace: Workspace
    study: Study
    spec: SearchSpec
    report: Report
    should_stop: ShouldStop

    def entries(self) -> list[StudyRun]:
        """Return the trials so far in order."""
        return studies.runs_of(self.workspace.database, self.study.id)

    def note(self, run: Run, number: int, **info: Any) -> None:
        """Store the state, settings and figures of a trial."""
        studies.add_run(self.workspace.database, self.study.id, run.id, place=number, info=info)

    def epochs_of(self, run: Run) -> dict[int, float]:
        """Return the figure of each epoch of a run by which epochs are compared."""
        rows = runs.metrics_of(self.workspace.database, run.id)
        values = {row["epoch"]: comparable_value(row, self.spec.training.monitor) for row in rows}
        return {epoch: value for epoch, value in values.items() if value is not None}

    def recipe_run(self, number: int, params: dict[str, Any]) -> Run:
        """Return the run of a trial, registered now unless it was before an interruption."""
        database, name = self.workspace.database, f"{self.study.name}-trial{number}"
        training = self.spec.training
        try:
            spec = self.spec.recipe(params).saved()
        except InvalidInput:  # two settings that do not go together: the trial fails and says why
            spec = merged(training.saved(), {"refused": params})
        try:
            run = runs.get_run(database, name)
        except NotFound:
            return runs.create_run(
                database, name=name, dataset_id=self.study.dataset_id, model=training.network, spec=spec
            )
        if run.spec != spec:
            raise InvalidInput(
                f"The run of trial {number} would be called {name}, but a run of that name has other "
                "settings. Search under another name."
            )
        return run

    def train(self, trial: optuna.trial.Trial, run: Run, number: int) -> tuple[float | None, str]:
        """Return the best value of a trial, and "complete" or "pruned"."""
        spec, name = self.spec, f"trial {number} of {self.spec.trials}"
        spec.recipe(trial.params)  # refuses settings that do not go together
        member = MemberReport(self.report, run.name, name, number - 1, spec.trials)
        judge = Judge(trial, spec.training.monitor, member, self.should_stop)
        for epoch, value in self.epochs_of(run).items():
            judge.judge(epoch, value)
        state = "complete"
        try:
            train_member(self.workspace, run, report=judge.take, should_stop=judge.wish)
        except JobCancelled:
            if not judge.pruned or self.should_stop():
                raise
            state = "pruned"
            runs.update_run(self.workspace.database, run.id, state="stopped", finished_at=time.time())
        values = self.epochs_of(run).values()
        better = min if spec.minimises else max
        return (better(values) if values else None), state

    def run_trial(self, optimiser: optuna.study.Study, trial: optuna.trial.Trial) -> None:
        """Train one trial to its end and note how it ended."""
        number, params = trial.number + 1, dict(trial.params)
        run = self.recipe_run(number, params)
        self.note(run, number, state=UNDER_WAY, params=params)
        value: float | None = None
        failure: dict[str, str] = {}
        try:
            value, state = self.train(trial, run, number)
        except JobCancelled:
            raise
        except training_failures() as error:
            state, failure = "failed", {"reason": reason_of(error)}
            runs.update_run(self.workspace.database, run.id, state="failed", finished_at=time.time())
        state = state if value is not None or state == "pruned" else "failed"
        optimiser.tell(trial, value if state == "complete" else None, state=STATES[state])
        rungs = rungs_of(optimiser, trial.number)
        self.note(run, number, state=state, params=params, value=value, rungs=rungs, **failure)

    def summary(self, optimiser: optuna.study.Study) -> dict[str, Any]:
        """Return how many trials ended how, the best of them and the importance of each setting."""
        entries = self.entries()
        counts = {state: sum(entry.info["state"] == state for entry in entries) for state in STATES}
        best, figure = None, self.spec.training.monitor
        if any(trial.state == TrialState.COMPLETE for trial in optimiser.trials):
            number = optimiser.best_trial.number + 1
            entry = next(entry for entry in entries if entry.place == number)
            rows = runs.metrics_of(self.workspace.database, entry.run.id)
            figure = rows[-1].get(JUDGED_BY, figure)
            best = {"run": entry.run.name, "trial": number} | {
                key: entry.info[key] for key in ("value", "params")
            }
        return {
            "trials": sum(counts.values()),
            **counts,
            "figure": figure,
            "best": best,
            "importance": importance_of(optimiser),
        }

    def may_go_on(self, *, trials: int) -> bool:
        """Return whether there are fewer trials than asked for, and time left."""
        limit = self.spec.timeout_seconds
        spent = sum(float(entry.run.summary.get("seconds") or 0.0) for entry in self.entries())
        return trials < self.spec.trials and (limit is None or spent < limit)


def settle_trial(
    workspace: Workspace, study: Study, place: int, *, report: Report, should_stop: ShouldStop
) -> None:
    """Train the trial at a place of a search whose trials are spread over workers, or go on with it.

    It is proposed from the trials before it that have ended by now; where the time is spent, none is begun.
    """

    def report_run(progress: Progress) -> None:
        report(progress | {"fraction": progress["run_fraction"], "seconds_left": None})

    under_way = Search(workspace, study, SearchSpec.parse(study.spec), report_run, should_stop)
    entries = under_way.entries()
    settings = next((entry.info["params"] for entry in entries if entry.place == place), None)
    if settings is None and not under_way.may_go_on(trials=place - 1):
        return
    ended = [entry for entry in entries if entry.info["state"] in STATES]
    done = [(entry, under_way.epochs_of(entry.run)) for entry in ended]
    optimiser = rebuild(study.name, under_way.spec, done, before=place)
    under_way.run_trial(optimiser, ask(optimiser, under_way.spec, unfinished=settings))
    forget_networks()


def search(
    workspace: Workspace,
    *,
    study_name: str,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Train trials until there are as many as asked for, or the time is spent.

    Each trial is a run like any other. One that was interrupted goes on with its epoch; the proposals of
    a resumed search are those of an uninterrupted one.

    Returns
    -------
    dict
        `study`, the number of `trials` and how they ended, `best` (run, trial, value, params), the
        `figure` it is best by, and `importance` of each setting.

    Raises
    ------
    NotFound, InvalidInput
        When the study does not exist, or no trial could be trained.
    JobCancelled
        When `should_stop` says so; what is done is kept.
    """
    study = studies.get_study(workspace.database, study_name)
    studies.update_study(workspace.database, study.id, state="running", finished_at=None)
    under_way = Search(workspace, study, SearchSpec.parse(study.spec), report, should_stop)
    entries = under_way.entries()
    ended = [entry for entry in entries if entry.info["state"] in STATES]
    done = [(entry, under_way.epochs_of(entry.run)) for entry in ended]
    optimiser = rebuild(study.name, under_way.spec, done)
    unfinished = next((entry.info["params"] for entry in entries if entry not in ended), None)
    while unfinished is not None or under_way.may_go_on(trials=len(optimiser.trials)):
        if wish := should_stop():
            raise JobCancelled(f"{study.name} was asked to {wish} after {len(optimiser.trials)} trials.")
        under_way.run_trial(optimiser, ask(optimiser, under_way.spec, unfinished=unfinished))
        unfinished = None
        studies.update_study(workspace.database, study.id, summary=under_way.summary(optimiser))
        forget_networks()
    summary = under_way.summary(optimiser)
    if summary["best"] is None:
        reasons = [str(entry.info.get("reason") or entry.info["state"]) for entry in under_way.entries()]
        raise InvalidInput(
            f"None of the {len(reasons)} trials trained to its end; the last: {reasons[-1]} "
            "Narrow the ranges."
        )
    report({"fraction": 1.0, "message": f"{summary['trials']} trials", "seconds_left": 0.0})
    return {"study": study.name} | summary
