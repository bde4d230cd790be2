"""Which runs were measured on the very same cutouts, whatever dataset versions they belong to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import NotFound
from lensapp.services.evaluate.evaluation import Evaluation, comparable_runs, load_evaluation
from lensapp.storage import datasets, runs
from lensapp.storage.records import Run
from lensapp.storage.studies import study_names_by_run
from lensapp.storage.workspace import Workspace


def measured_alike(ws: Workspace, run_names: Sequence[str], *, part: str = "test") -> bool:
    """Return whether all runs were measured on the same cutouts with the same labels.

    A version that was fed back keeps the test part of its parent; one that was split anew does not, nor
    does a table of scores that leaves some of the part out.
    """
    try:
        first, *others = (_measured(ws, name, part=part) for name in dict.fromkeys(run_names))
    except (NotFound, ValueError):  # a stored evaluation is missing, or no run is named
        return False
    return all(np.array_equal(first, other) for other in others)


def run_before(ws: Workspace, run: Run, *, part: str = "test") -> str | None:
    """Return the run to compare a run with, measured on the same part; None where there is none.

    That whose weights it began with goes first, then those of an earlier version of its dataset, the nearest
    first: of a version single runs before those of studies, of the same network before others, by the same
    settings before others, the newest first.
    """
    comparable = set(comparable_runs(ws, run, part=part))
    version = datasets.dataset_by_id(ws.database, run.dataset_id)
    nearest = {one.id: place for place, one in enumerate(datasets.earlier_versions(ws.database, version))}
    candidates = [
        other
        for other in runs.list_runs(ws.database)
        if other.name in comparable and (other.dataset_id in nearest or other.id == run.initial_run_id)
    ]
    if not candidates:
        return None
    in_studies, settings = study_names_by_run(ws.database), _settings(run)

    def order(other: Run) -> tuple[bool, int, bool, bool, bool, float]:
        return (
            other.id != run.initial_run_id,
            nearest.get(other.dataset_id, -1),
            other.id in in_studies,
            other.model != run.model,
            _settings(other) != settings,
            -other.created_at,
        )

    ranked = sorted(candidates, key=order)
    return next((one.name for one in ranked if measured_alike(ws, [run.name, one.name], part=part)), None)


def _settings(run: Run) -> dict[str, Any]:
    """Return what a run was trained by, but for the weights that it began with and its random seed."""
    return {name: value for name, value in run.spec.items() if name not in ("initial_run", "seed")}


def _measured(ws: Workspace, run_name: str, *, part: str) -> NDArray[np.int64]:
    """Return the cutouts that a run was measured on, each with its label in the last bit, in one order."""
    evaluation = load_evaluation(ws, run_name, part=part)
    is_lens = evaluation.labels if isinstance(evaluation, Evaluation) else 0
    return np.sort(2 * evaluation.stored.cutout_ids.astype(np.int64) + is_lens)
