"""Which runs were measured on the very same cutouts, whatever dataset versions they belong to."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import NotFound
from lensapp.services.evaluate.evaluation import Evaluation, comparable_runs, load_evaluation
from lensapp.storage import datasets, runs
from lensapp.storage.records import Run
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
    """Return the run to compare a run with: of an earlier version of its dataset, measured on the same part.

    That whose weights it began with goes first, then those of the nearest version, the newest first; None
    where there is none.
    """
    comparable = set(comparable_runs(ws, run, part=part))
    candidates = [other for other in runs.list_runs(ws.database) if other.name in comparable]
    version = datasets.dataset_by_id(ws.database, run.dataset_id)
    for earlier in datasets.earlier_versions(ws.database, version):
        of_version = [other for other in candidates if other.dataset_id == earlier.id]
        of_version.sort(key=lambda other: (other.id != run.initial_run_id, -other.created_at))
        for other in of_version:
            if measured_alike(ws, [run.name, other.name], part=part):
                return other.name
    return None


def _measured(ws: Workspace, run_name: str, *, part: str) -> NDArray[np.int64]:
    """Return the cutouts that a run was measured on, each with its label in the last bit, in one order."""
    evaluation = load_evaluation(ws, run_name, part=part)
    is_lens = evaluation.labels if isinstance(evaluation, Evaluation) else 0
    return np.sort(2 * evaluation.stored.cutout_ids.astype(np.int64) + is_lens)
