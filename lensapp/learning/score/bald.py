"""BALD of a source: what passes of Monte-Carlo dropout disagree on, stored for each cutout."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.score.uncertainty import mutual_information
from lensapp.core.train.tasks import FittedTask, load_task
from lensapp.learning.score.dropout import DropoutNetwork
from lensapp.learning.score.features import CutoutSet
from lensapp.learning.score.scoring import check_source
from lensapp.storage import runs, sources
from lensapp.storage.estimates import bald_store
from lensapp.storage.workspace import Workspace

DEFAULT_PASSES = 20


def compute_bald(
    workspace: Workspace,
    *,
    run_name: str,
    source_name: str,
    passes: int = DEFAULT_PASSES,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Pass each cutout of a source through a run many times with dropout on; store what they disagree on.

    What a stopped computation of as many passes has stored is kept and not computed again.

    Returns
    -------
    dict
        cutouts, passes, images_per_second (of this call) and mean_bald (nats).

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When the run, its network or the source does not exist, the network has no dropout or estimates
        values, or network and source do not fit together.
    """
    run = runs.get_run(workspace.database, run_name)
    folder = workspace.run_folder(run.name)
    source = sources.get_source(workspace.database, source_name)
    check_source(workspace, run, source)
    if not load_task(folder).scores_candidates:
        raise InvalidInput(f"{run_name} estimates values. BALD needs a run that tells classes apart.")
    network = DropoutNetwork(folder, passes=passes)
    cutouts = CutoutSet.of(workspace, source_name)
    store = bald_store(workspace, run_name, source_name)
    ids, values = store.read()
    stored = ids[values[:, -1] >= passes]
    meter = ProgressMeter(report, len(cutouts.cutout_ids))
    for span, pixels in cutouts.chunks(workspace, run_name=run.name, first=0):
        keys = cutouts.cutout_ids[span]
        if np.isin(keys, stored).all():
            meter.skip(len(keys))
        else:
            store.add(keys, summarised(network.outputs_of_passes(pixels), network.task))
            meter.add(len(keys))
        if should_stop() is not None and meter.done < meter.total:
            raise JobCancelled(f"Stopped after {meter.text}.")
    store.join()
    rate, mean = round(meter.rate, 1), float(store.read()[1][:, 0].mean())
    return {"cutouts": meter.total, "passes": passes, "images_per_second": rate, "mean_bald": mean}


def summarised(passes: NDArray[Any], task: FittedTask) -> NDArray[np.float32]:
    """Return BALD, mean and scatter of the score and passes, (n, 4), of outputs (passes, n, outputs)."""
    scores = np.stack([task.scores(outputs) for outputs in passes])
    bald = mutual_information(scores if task.output == "sigmoid" else passes)
    counts = np.full(len(bald), len(passes))
    return np.stack([bald, scores.mean(axis=0), scores.std(axis=0), counts], axis=1).astype(np.float32)
