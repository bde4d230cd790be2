"""Which of several runs of one dataset version is the best, by the AUROC of its test part."""

from collections.abc import Sequence

from lensapp.services.train.runs import has_network
from lensapp.storage import runs
from lensapp.storage.records import Run
from lensapp.storage.studies import study_names_by_run
from lensapp.storage.workspace import Workspace

DIGITS = 3  # runs whose figures are written alike are as good


def auroc_on_test(run: Run) -> float | None:
    """Return the AUROC of a run on its test part, as it is written; None where it was not evaluated there."""
    value = (run.evaluation or {}).get("auroc")
    return None if value is None else round(float(value), DIGITS)


def best_of(offered: Sequence[Run]) -> Run:
    """Return the best run of the version of the first of those offered; the first among equals.

    Runs of other versions were measured on other cutouts. A table of scores is it only among tables.
    """
    own = [run for run in offered if not run.is_external] or offered
    same = [run for run in own if run.dataset_id == own[0].dataset_id]
    return max(same, key=lambda run: auroc if (auroc := auroc_on_test(run)) is not None else -1.0)


def better_run(ws: Workspace, run: Run) -> Run | None:
    """Return the best run of the version of an evaluated one where it is better and has a network, or None.

    Folds and trials are measured on other parts.
    """
    own = auroc_on_test(run)
    if own is None:
        return None
    trials = study_names_by_run(ws.database)
    others = [
        one
        for one in runs.list_runs(ws.database)
        if one.dataset_id == run.dataset_id and one.id not in trials and (auroc_on_test(one) or 0.0) > own
    ]
    others = [one for one in others if has_network(ws, one)]
    return best_of(others) if others else None
