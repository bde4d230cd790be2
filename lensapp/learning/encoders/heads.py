"""A logistic head on features: seconds to train, and scored with the encoder as one run."""

import shutil
import time
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.errors import InvalidInput
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.score.encoder_spec import HeadSpec
from lensapp.core.train.tasks import FittedTask, save_task
from lensapp.learning.encoders.onnx_graphs import FEATURES, with_head
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.learning.score.evaluation import keep_evaluation, measured_scores
from lensapp.learning.score.feature_extractor import headless_graph
from lensapp.learning.score.features import compute_features
from lensapp.learning.score.onnx_export import exported
from lensapp.storage import datasets, runs, sources
from lensapp.storage.datasets import part_members
from lensapp.storage.features import features_folder, load_features
from lensapp.storage.files import EMBEDDINGS, ENCODER, FOREIGN_NETWORK, NORMALISATION, whole_file
from lensapp.storage.records import Dataset, Run
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

ITERATIONS = 500
Features = NDArray[np.floating[Any]]


def fit_head(
    workspace: Workspace,
    *,
    run_name: str,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Train the head that a run describes on the training part of its dataset version.

    With an encoder or a trained network, head and encoder become one network, which scores as any run does.
    A table of embeddings sees no pixels: cutouts that it has are scored at once, and the test part measured.

    Returns
    -------
    dict
        dimensions, cutouts (learned from), seconds (of the head alone) and, of a table, `scored` and the
        figures of the test part.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When the encoder does not exist, gives no features of these cutouts, or a class is absent.
    """
    run = runs.get_run(workspace.database, run_name)
    spec, dataset = HeadSpec.parse(run.spec), datasets.dataset_by_id(workspace.database, run.dataset_id)
    runs.update_run(workspace.database, run.id, state="running")
    of_table = (workspace.run_folder(spec.encoder) / EMBEDDINGS).exists()
    if of_table:  # of all sources that it has
        names = [sources.source_by_id(workspace.database, key).name for key in dataset.source_ids]
        joined = [name for name in names if features_folder(workspace, spec.encoder, name).exists()]
        if not joined:
            raise InvalidInput(
                f"{spec.encoder} has embeddings of none of the sources of {dataset.name} "
                f"({', '.join(names)}). Import a table of them."
            )
        stored = [load_features(workspace, spec.encoder, name) for name in joined]
        ids, values = (np.concatenate(arrays) for arrays in zip(*stored, strict=True))
    else:
        compute_features(
            workspace, run_name=spec.encoder, name=dataset.name, report=report, should_stop=should_stop
        )
        ids, values = load_features(workspace, spec.encoder, dataset.name)
    members = part_members(workspace.database, dataset.id, "train")
    rows = rows_of(members["cutout_id"], ids)
    labels = (members["label"] == "lens").astype(int)[rows != ABSENT]
    if len(set(labels.tolist())) < 2:
        raise InvalidInput(
            f"The training part of {dataset.name} has features of {int(labels.sum())} lenses among "
            f"{len(labels)} cutouts through {spec.encoder}. A head needs lenses and non-lenses."
        )
    began = time.perf_counter()
    weights, bias = fitted_head(values[rows[rows != ABSENT]], labels, spec)
    seconds = time.perf_counter() - began
    outcome: dict[str, Any] = {"dimensions": len(weights), "cutouts": len(labels), "seconds": seconds}
    folder = workspace.run_folder(run.name)
    folder.mkdir(parents=True, exist_ok=True)
    save_task(folder, FittedTask())
    if of_table:
        outcome |= _score_table(workspace, run, dataset, ids, logistic(values, weights, bias))
    else:
        _join(workspace, run, spec.encoder, weights, bias)
    summary = {"parameters": len(weights) + 1, "epochs": None, "seconds": seconds, "device": "cpu"}
    runs.update_run(workspace.database, run.id, state="finished", summary=summary, finished_at=time.time())
    return {"run": run.name} | outcome


def fitted_head(
    features: Features, labels: NDArray[np.int64], spec: HeadSpec
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (d, 1) and bias (1,) of a logistic regression on standardised features (n, d)."""
    values = np.asarray(features, np.float64)
    centre, spread = values.mean(axis=0), values.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(
        C=spec.strength, max_iter=ITERATIONS, class_weight="balanced" if spec.balanced else None
    )
    model.fit((values - centre) / spread, labels)
    weights = model.coef_[0] / spread
    return weights[:, None], model.intercept_ - weights @ centre


def logistic(
    features: Features, weights: NDArray[np.float64], bias: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the scores (n,) of features (n, d)."""
    logits = np.asarray(features, np.float64) @ weights[:, 0] + bias[0]
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -500, 500))), np.float32)


def _join(
    workspace: Workspace, run: Run, encoder: str, weights: NDArray[np.float64], bias: NDArray[np.float64]
) -> None:
    """Write encoder and head as the one network of the run."""
    theirs, mine = workspace.run_folder(encoder), workspace.run_folder(run.name)
    if (theirs / ENCODER).exists():
        body, features = onnx.load(theirs / FOREIGN_NETWORK), FEATURES
    elif (found := headless_graph(exported(theirs))) is not None:
        body, features = found
    else:
        raise InvalidInput(f"{encoder} cannot be cut off before its last layer. Choose another network.")
    with whole_file(mine / NORMALISATION) as partial:
        shutil.copyfile(theirs / NORMALISATION, partial)
    with whole_file(mine / FOREIGN_NETWORK) as partial:
        onnx.save(with_head(body, features, weights, bias), partial)


def _score_table(
    workspace: Workspace,
    run: Run,
    dataset: Dataset,
    ids: NDArray[np.int64],
    scores: NDArray[np.float32],
) -> dict[str, Any]:
    """Store the scores of all cutouts with embeddings, and measure those of the test part."""
    for key in dataset.source_ids:
        mine = sources.cutout_columns(workspace.database, [key], columns=("id",))["id"]
        here = np.isin(ids, mine)
        stored_scores.delete_scores(workspace, run.id, key)
        stored_scores.add_scores(workspace, run.id, key, ids[here], scores[here])
    labelled = dataset_part(workspace, dataset, "test")
    rows = rows_of(np.asarray(labelled.cutout_ids), ids)
    if (rows == ABSENT).any():
        absent = int(np.count_nonzero(rows == ABSENT))
        return {"scored": len(ids), "not_measured": f"{absent} cutouts of the test part have no embedding"}
    circumstances = {
        "task": "binary",
        "part": "test",
        "dataset": dataset.name,
        "engine": "table",
        "suggested_thresholds": None,
        "evaluated_at": time.time(),
    }
    measured = measured_scores(FittedTask(), labelled, scores[rows][:, None, None], circumstances)
    figures = keep_evaluation(workspace, run, "test", measured)
    return {"scored": len(ids)} | {key: figures[key] for key in ("auroc", "tpr0", "tpr10")}
