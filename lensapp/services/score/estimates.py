"""What runs predict of cutouts besides a score: probabilities of classes, or values with uncertainties."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.align import aligned
from lensapp.services.evaluate.evaluation import task_of
from lensapp.storage import sources
from lensapp.storage.estimates import estimate_store
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace


def load_estimates(ws: Workspace, *, run: Run, source: Source) -> pd.DataFrame:
    """Return what a run predicts of the cutouts of a source, by cutout ID; no columns for lens or not.

    Raises
    ------
    StorageError
        When a file is damaged.
    """
    columns = task_of(ws, run).columns()
    if not columns:
        return pd.DataFrame(index=pd.Index([], name="cutout_id", dtype=np.int64))
    ids, values = estimate_store(ws.run_folder(run.name), source.name, columns).read()
    return pd.DataFrame(values, index=pd.Index(ids, name="cutout_id"), columns=list(columns))


def estimates_of(ws: Workspace, *, run: Run, source: Source, cutout_ids: NDArray[np.int64]) -> pd.DataFrame:
    """Return what a run predicts of some cutouts in their order, NaN where it has not seen one."""
    return load_estimates(ws, run=run, source=source).reindex(cutout_ids)


def with_names(ws: Workspace, estimates: pd.DataFrame) -> pd.DataFrame:
    """Return estimates with the candidates' own names in front, in the order given."""
    cutouts = sources.get_cutouts(ws.database, estimates.index.tolist())
    names = aligned(
        estimates.index,
        [cutout.id for cutout in cutouts],
        np.array([cutout.candidate_id for cutout in cutouts], object),
        absent=np.nan,
    )
    table = estimates.reset_index(drop=True)
    table.insert(0, "id", names)
    return table
