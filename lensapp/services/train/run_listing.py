"""Runs as a list shows them: which are wanted, folds and trials under their study, which values are best."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.core.train.network_specs import network_title
from lensapp.services.train.run_notes import ARCHIVED, STARRED
from lensapp.services.train.runs import RunStatus, has_recipe
from lensapp.services.train.starter import REMARK, is_starter
from lensapp.storage import datasets, studies
from lensapp.storage.records import Dataset, Run
from lensapp.storage.workspace import Workspace

Listed = TypeVar("Listed", Run, RunStatus)

FEWEST_RANKED = 30  # of each class: the AUROC of fewer scatters by 0.05 and more
BEST_IS = {
    "validation loss": "low",
    "validation AUROC": "high",
    "validation TPR": "high",
    "test AUROC": "high",
}
"""Columns in which one run is better than the others, and which end of them is."""


@dataclass(frozen=True)
class RunRow:
    """A line of the list: a run, or a study with its folds or trials.

    Attributes
    ----------
    name
        Of the run or the study.
    statuses
        The run, or the runs of the study.
    study
        Whether it is a study.
    """

    name: str
    statuses: Sequence[RunStatus]
    study: bool = False


def study_of_runs(ws: Workspace) -> dict[int, str]:
    """Return the study of each fold and trial by the run's key."""
    return studies.study_names_by_run(ws.database)


def trained_along(ws: Workspace, trained: Sequence[Run], dataset: Dataset) -> list[Run]:
    """Return which runs were trained on a version or on one that it came from, without those of studies."""
    line = {one.id for one in (dataset, *datasets.earlier_versions(ws.database, dataset))}
    in_studies = study_of_runs(ws)
    return [run for run in trained if run.dataset_id in line and run.id not in in_studies]


def studies_last(ws: Workspace, runs: Sequence[Listed]) -> list[Listed]:
    """Return runs in their order, tables of scores after networks, folds and trials of studies last.

    The first is what a page begins with: whoever trains looks for the own networks before what was imported.
    """
    study_by_run = study_of_runs(ws)

    def rank(one: Listed) -> tuple[bool, bool]:
        run = one.run if isinstance(one, RunStatus) else one
        return run.id in study_by_run, run.is_external

    return sorted(runs, key=rank)


def listed(
    statuses: Sequence[RunStatus],
    study_by_run: dict[int, str],
    *,
    words: str = "",
    only_starred: bool = False,
    archived: bool = False,
    unfolded: bool = False,
) -> list[RunRow]:
    """Return the wanted runs in their order, folds and trials as one line at the place of the first.

    Parameters
    ----------
    words
        All of which name, network, dataset version, study, tags or note of a run must hold, in any case.
    only_starred, archived
        Leaves out runs without a star; keeps archived ones, which are left out otherwise.
    unfolded
        Lists folds and trials one by one.
    """
    rows: dict[str, RunRow] = {}
    for status in statuses:
        run, study = status.run, study_by_run.get(status.run.id)
        network = f"{run.model} {network_title(run.model)}"
        text = " ".join((run.name, network, status.dataset, study or "", *run.tags, run.note)).casefold()
        wanted = all(word in text for word in words.casefold().split())
        if (
            not wanted
            or (only_starred and STARRED not in run.tags)
            or (ARCHIVED in run.tags and not archived)
        ):
            continue
        if study is None or unfolded:
            rows[f"run {run.name}"] = RunRow(run.name, [status])
        else:
            before = rows.get(f"study {study}")
            rows[f"study {study}"] = RunRow(study, [*(before.statuses if before else ()), status], study=True)
    return list(rows.values())


def origin_of(status: RunStatus) -> str:
    """Return the state of a run in words; of one that was not trained here, where it comes from."""
    if is_starter(status.run):
        return REMARK
    if has_recipe(status.run):
        return status.state
    if status.run.model == COMMITTEE:
        return "combined, not trained"
    return "imported scores" if status.run.is_external else "made elsewhere"


def figures_of_run(status: RunStatus) -> dict[str, Any]:
    """Return settings, time and figures of merit of a run by the names of their columns."""
    run, summary = status.run, status.run.summary
    best, evaluation = summary.get("best") or {}, run.evaluation or {}
    trained = has_recipe(run)
    return {
        "epochs": summary.get("epochs"),
        "best epoch": summary.get("best_epoch"),
        "validation loss": best.get("val_loss"),
        "validation AUROC": best.get("val_auc"),
        "validation TPR": best.get("val_tpr_at_fpr"),
        "test AUROC": evaluation.get("auroc"),
        "minutes": summary["seconds"] / 60 if summary.get("seconds") else None,
        "parameters": summary.get("parameters"),
        "learning rate": run.spec.get("learning_rate") if trained else None,
        "batch": run.spec.get("batch_size") if trained else None,
    }


def few_to_rank(lenses: int, others: int) -> bool:
    """Return whether so few of a class make the AUROC of runs differ by chance as much as by merit."""
    return min(lenses, others) < FEWEST_RANKED


def few_aurocs(run: Run, dataset: Dataset | None) -> dict[str, str]:
    """Return the AUROCs of a run that few cutouts tell, by column, each as text with its limits."""
    best, tested = run.summary.get("best") or {}, run.evaluation or {}
    validated = dataset.counts.get("validation", {}) if dataset is not None else {}
    limits = (tested.get("intervals") or {}).get("auroc") or {}
    lenses = int(tested.get("n_positive") or 0)
    told = {
        "validation AUROC": (
            (validated.get("lens", 0), sum(validated.values()) - validated.get("lens", 0)),
            (best.get("val_auc"), best.get("val_auc_low"), best.get("val_auc_high")),
        ),
        "test AUROC": (
            (lenses, int(tested.get("n") or 0) - lenses),
            (tested.get("auroc"), limits.get("low"), limits.get("high")),
        ),
    }
    return {
        name: few_text(value, low, high)
        for name, (counts, (value, low, high)) in told.items()
        if value is not None and few_to_rank(*counts)
    }


def few_text(value: float, low: float | None, high: float | None) -> str:
    """Return a figure that few cutouts tell, with its limits; marked as rough where they are not known."""
    if low is None or high is None:
        return f"≈ {value:.2f}"
    return f"{value:.2f} ({low:.2f}–{high:.2f})"


def best_rows(values: Collection[float | None], best: str) -> list[bool]:
    """Return which of the values are the best, where there are two or more to compare."""
    present = [value for value in values if value is not None]
    if len(set(present)) < 2:  # one alone is no best
        return [False] * len(values)
    wanted = min(present) if best == "low" else max(present)
    return [value == wanted for value in values]
