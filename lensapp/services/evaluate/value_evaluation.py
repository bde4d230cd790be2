"""What the Evaluate page shows of a run that estimates values, from stored estimates."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import NotFound
from lensapp.core.evaluate.estimation import (
    LEVELS,
    EstimateFigures,
    FloatArray,
    calibration,
    measure_estimates,
    recovered_bands,
)
from lensapp.services.train.runs import network_files
from lensapp.storage import runs
from lensapp.storage.evaluations import StoredEstimates, load_estimates
from lensapp.storage.workspace import Workspace

Columns = dict[str, FloatArray]
SCATTER_POINTS = 3_000


@dataclass(frozen=True, eq=False)
class ValueEvaluation:
    """Estimates of one part of a dataset.

    Attributes
    ----------
    run, part
        Names.
    targets
        Names of the values in order.
    stored
        Truth, estimates and uncertainties as saved.
    outdated
        Whether the network has changed since; evaluate again.
    """

    run: str
    part: str
    targets: tuple[str, ...]
    stored: StoredEstimates
    outdated: bool

    @cached_property
    def figures(self) -> EstimateFigures:
        """The figures of all targets."""
        stored = self.stored
        return measure_estimates(stored.truth, stored.mean, stored.sigma, targets=self.targets)

    def columns(self, target: str) -> Columns:
        """Return truth, mean and sigma of one target, each of shape (n,)."""
        place = self.targets.index(target)
        stored = self.stored
        return {
            name: np.asarray(values[:, place], np.float64)
            for name, values in (("truth", stored.truth), ("mean", stored.mean), ("sigma", stored.sigma))
        }

    def scatter(self, target: str) -> Columns:
        """Return `columns`, of every k-th cutout when there are many."""
        every = slice(None, None, -(-len(self.stored.cutout_ids) // SCATTER_POINTS))
        return {name: values[every] for name, values in self.columns(target).items()}

    def bands(self, target: str) -> Columns:
        """Return the central 68 % and 95 % of the estimates against truth; see `recovered_bands`."""
        columns = self.columns(target)
        return recovered_bands(columns["truth"], columns["mean"])

    def calibration(self) -> Columns:
        """Return the share of truths within intervals of each nominal probability: nominal, then targets."""
        stored = [np.asarray(v, np.float64) for v in (self.stored.truth, self.stored.mean, self.stored.sigma)]
        measured = calibration(*stored)
        return {"nominal": LEVELS, **{name: measured[:, k] for k, name in enumerate(self.targets)}}

    def worst(self, target: str, *, limit: int) -> tuple[NDArray[np.int64], FloatArray]:
        """Return cutout ids and errors in standard deviations of the estimates most wrong for their sigma."""
        columns = self.columns(target)
        pulls = (columns["mean"] - columns["truth"]) / columns["sigma"]
        chosen = np.argsort(-np.abs(pulls), kind="stable")[:limit]
        return self.stored.cutout_ids[chosen], pulls[chosen]


def load_values(ws: Workspace, run_name: str, *, part: str = "test") -> ValueEvaluation | None:
    """Return the stored estimates of a run on a part, or None where it was not evaluated.

    Raises
    ------
    NotFound
        When the run does not exist.
    StorageError
        When the file is damaged.
    """
    run = runs.get_run(ws.database, run_name)
    try:
        stored = load_estimates(ws.run_folder(run.name), part)
    except NotFound:
        return None
    targets = tuple(target["name"] for target in stored.figures["targets"])
    at = float(stored.figures.get("evaluated_at", 0.0))
    outdated = any(path.exists() and path.stat().st_mtime > at for path in network_files(ws, run))
    return ValueEvaluation(run.name, part, targets, stored, outdated)
