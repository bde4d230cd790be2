"""Score the cutouts of a part as they are and changed in what should not matter, and keep the scores."""

import time
from typing import Any

import numpy as np

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.evaluate.nuisance import NuisanceSpec, changes
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.split.folds import fold_of
from lensapp.core.train.normalisation import orientations
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.learning.score.evaluation import positive_labels
from lensapp.learning.score.scorers import open_scorer
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import StoredNuisance, save_nuisance
from lensapp.storage.workspace import Workspace


def score_changes(
    workspace: Workspace,
    *,
    run_name: str,
    part: str,
    spec: NuisanceSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Score cutouts of a part of a run's dataset under all changes of `NuisanceSpec` and in all orientations.

    Returns
    -------
    dict
        run, part, cutouts, lenses, changes: names and numbers of each.

    Raises
    ------
    NotFound, InvalidInput
        When the run or its network does not exist, the part is empty, or the run estimates values.
    JobCancelled
        When `should_stop` says so.
    """
    run = runs.get_run(workspace.database, run_name)
    dataset = datasets.dataset_by_id(workspace.database, run.dataset_id)
    scorer = open_scorer(folder := workspace.run_folder(run.name))
    if not scorer.task.scores_candidates:
        raise InvalidInput(f"{run_name} estimates values and gives no scores. Name one that tells lenses.")
    fold, unit = fold_of(run.spec), runs.normalisation_of(workspace, run.name).unit
    labelled = dataset_part(workspace, dataset, part, task=scorer.task.question(), fold=fold, unit=unit)
    rng = np.random.default_rng(spec.seed)
    labels = positive_labels(scorer.task, np.asarray(labelled.labels))
    chosen = np.sort(rng.permutation(len(labels))[: spec.cutouts])
    pixels = labelled.cutouts.read(labelled.rows[chosen])
    table = changes(spec, bands=labelled.bands, size=(pixels.shape[1], pixels.shape[2]))
    total = len(chosen) * (len(table) + len(orientations(pixels[:1])))
    meter = ProgressMeter(report, total, "{done} of {total} scorings")

    def scored(images: Any) -> Any:
        if should_stop():
            raise JobCancelled(f"Stopped after {meter.done} of {meter.total} scorings. Start it again.")
        meter.add(len(images))
        return scorer.score(np.ascontiguousarray(images))

    turned = np.stack([scored(images) for images in orientations(pixels)])
    stored = StoredNuisance(
        cutout_ids=np.asarray(labelled.cutout_ids, np.int64)[chosen],
        labels=labels[chosen],
        oriented=turned,
        changed=np.stack([scored(change(pixels, rng)) for change in table.values()]),
        group_ids=None if labelled.group_ids is None else labelled.group_ids[chosen],
        figures={
            "changes": list(table),
            "part": part,
            "images_per_second": meter.rate,
            "engine": scorer.engine,
            "network_sha256": scorer.checksum,
            "spec": spec.saved(),
            "measured_at": time.time(),
        },
    )
    save_nuisance(folder, part, stored)
    lenses = int(stored.labels.sum())
    return {"run": run.name, "part": part, "cutouts": len(chosen), "lenses": lenses, "changes": len(table)}
