"""BALD of a source: what passes of Monte-Carlo dropout disagree on, stored for each cutout."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
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
    NotFound
        When the run, its network or the source does not exist.
    InvalidInput
        When the network has no dropout or estimates values, or the source is not imported.
    BandMismatch
        When bands, size or pixel scale differ from the network's.
    JobCancelled
        When `should_stop` says so.
    """
    folder = workspace.run_folder(runs.get_run(workspace.database, run_name).name)
    source = sources.get_source(workspace.database, source_name)
    check_source(folder, source)
    if not load_task(folder).scores_candidates:
        raise InvalidInput(f"{run_name} estimates values. BALD needs a run that tells classes apart.")
    network = DropoutNetwork(folder, passes=passes)
    cutouts = CutoutSet.of(workspace, source_name)
    store = bald_store(workspace, run_name, source_name)
    ids, values = store.read()
    stored = ids[values[:, -1] >= passes]
    started, computed, total = time.monotonic(), 0, len(cutouts.cutout_ids)
    for span, pixels in cutouts.chunks(workspace, first=0):
        keys = cutouts.cutout_ids[span]
        if not np.isin(keys, stored).all():
            store.add(keys, summarised(network.outputs_of_passes(pixels), network.task))
            computed += len(keys)
        rate = computed / max(time.monotonic() - started, 1e-9)
        report({"fraction": span.stop / total, "message": f"{span.stop} of {total} cutouts", "rate": rate})
        if should_stop() is not None and span.stop < total:
            raise JobCancelled(f"Stopped after {span.stop} of {total} cutouts.")
    store.join()
    _, values = store.read()
    return {
        "cutouts": total,
        "passes": passes,
        "images_per_second": round(computed / max(time.monotonic() - started, 1e-9), 1),
        "mean_bald": float(values[:, 0].mean()),
    }


def summarised(passes: NDArray[Any], task: FittedTask) -> NDArray[np.float32]:
    """Return BALD, mean and scatter of the score and passes, (n, 4), of outputs (passes, n, outputs)."""
    scores = np.stack([task.scores(outputs) for outputs in passes])
    bald = mutual_information(scores if task.output == "sigmoid" else passes)
    counts = np.full(len(bald), len(passes))
    return np.stack([bald, scores.mean(axis=0), scores.std(axis=0), counts], axis=1).astype(np.float32)
