"""Cross-validation: train the folds of a study one after another and gather what they say together."""

from typing import Any

import numpy as np

from lensapp.core.errors import JobCancelled
from lensapp.core.evaluate.crossval import summarise
from lensapp.core.evaluate.metrics import measure
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.train.study_spec import KfoldSpec
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.studies.study_runs import MemberReport, forget_networks, train_member
from lensapp.storage import studies
from lensapp.storage.evaluations import load_evaluation
from lensapp.storage.records import Study, StudyRun
from lensapp.storage.workspace import Workspace

FIGURES = "figures"
VALIDATION = "validation"


def cross_validate(
    workspace: Workspace,
    *,
    study_name: str,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Train and measure every fold that is not done yet, the first one first.

    A fold is done when its run has been measured on the cutouts held out from it. An interrupted study
    goes on with the epoch in which it was interrupted.

    Returns
    -------
    dict
        `study`, `folds` (fold, run and figures of each), `mean`, `median`, `std` and `pooled`.

    Raises
    ------
    NotFound
        When the study does not exist.
    JobCancelled
        When `should_stop` says so; what is done is kept.
    LensAppError
        As the training of a fold.
    """
    study = studies.get_study(workspace.database, study_name)
    studies.update_study(workspace.database, study.id, state="running", finished_at=None)
    total = KfoldSpec.parse(study.spec).folds
    for entry in studies.runs_of(workspace.database, study.id):
        if FIGURES in entry.info:
            continue
        if wish := should_stop():
            raise JobCancelled(f"{study.name} was asked to {wish} before fold {entry.place}.")
        label = f"fold {entry.place} of {total}"
        member = MemberReport(report, entry.run.name, label, entry.place - 1, total)
        settle_fold(workspace, study, entry, report=member, should_stop=should_stop)
    return {"study": study.name} | _summary(workspace, study)


def settle_fold(
    workspace: Workspace, study: Study, entry: StudyRun, *, report: Report, should_stop: ShouldStop
) -> None:
    """Train one fold, or go on with it, and measure it on the cutouts held out from it."""
    run = entry.run
    train_member(workspace, run, report=report, should_stop=should_stop)
    figures = evaluate_run(
        workspace, run_name=run.name, part=VALIDATION, report=report, should_stop=should_stop
    )
    studies.add_run(workspace.database, study.id, run.id, place=entry.place, info={FIGURES: figures})
    studies.update_study(workspace.database, study.id, summary=_summary(workspace, study))
    forget_networks()


def _summary(workspace: Workspace, study: Study) -> dict[str, Any]:
    """Return the figures of the folds that are done, their mean and scatter, and those of all together."""
    done = [entry for entry in studies.runs_of(workspace.database, study.id) if FIGURES in entry.info]
    rows = [flat_figures(entry.info[FIGURES]) for entry in done]
    folds = [
        {"fold": entry.place, "run": entry.run.name} | row for entry, row in zip(done, rows, strict=True)
    ]
    pooled = None  # of scores only: values have no common figures
    if done and all("auroc" in entry.info[FIGURES] for entry in done):
        stored = [load_evaluation(workspace.run_folder(entry.run.name), VALIDATION) for entry in done]
        labels = np.concatenate([evaluation.labels for evaluation in stored])
        scores = np.concatenate([evaluation.rotated_scores[:, 0] for evaluation in stored])
        objects = np.concatenate(
            [-1 - one.cutout_ids if one.group_ids is None else one.group_ids for one in stored]
        )
        pooled = measure(labels, scores, objects=objects).as_dict()
    return {"folds": folds} | summarise(rows) | {"pooled": pooled}


def flat_figures(figures: dict[str, Any], prefix: str = "") -> dict[str, float | int | None]:
    """Return the figures that are numbers, nested ones under names such as `confusion.tp`.

    Those of a list of classes or targets are named after each.
    """
    flat: dict[str, float | int | None] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat |= flat_figures(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            for part in value:
                if isinstance(part, dict) and isinstance(part.get("name"), str):
                    flat |= flat_figures(part, f"{prefix}{part['name']}.")
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            flat[prefix + name] = value
    return flat
