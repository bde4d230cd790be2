"""Fit classical classifiers from scikit-learn on a dataset version and measure them like networks.

Only their evaluation is kept (their files would be pickles, which run code when opened), so they can be
compared and evaluated but not scored with.
"""

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.train.baseline_spec import BaselineSpec
from lensapp.core.train.tasks import fit_task, save_task
from lensapp.learning.score.evaluation import keep_evaluation, measured_scores, proposed_thresholds
from lensapp.learning.studies.baseline_inputs import Inputs, data_of
from lensapp.storage import datasets, runs
from lensapp.storage.workspace import Workspace

PART = "test"
HEADLINE = ("accuracy", "auroc", "average_precision", "tpr0", "tpr10", "rotation_std", "seconds")


def fit_baselines(
    workspace: Workspace,
    *,
    run_names: Sequence[str],
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Fit and measure the runs called `run_names` that are not done yet.

    Returns
    -------
    dict
        `runs`: name, figures of merit and seconds of each; of several classes `accuracy` counts them all,
        and is that of the same task as a network's `classes.accuracy`.

    Raises
    ------
    NotFound
        When a run does not exist.
    InvalidInput
        When a part of its dataset lacks a class.
    JobCancelled
        When `should_stop` says so; what is done is kept.
    """
    rows = []
    for done, name in enumerate(run_names):
        if should_stop():
            raise JobCancelled(f"Stopped after {done} of {len(run_names)} baselines.")
        report({"fraction": done / len(run_names), "message": f"fitting {name}"})
        run = runs.get_run(workspace.database, name)
        figures = run.evaluation or fit_baseline(workspace, run_name=name)
        headline = {figure: figures.get(figure) for figure in HEADLINE}
        headline["accuracy"] = (figures.get("classes") or figures).get("accuracy")
        rows.append({"run": name, "model": run.model, "on": run.spec["on"]} | headline)
    return {"runs": rows}


def fit_baseline(workspace: Workspace, *, run_name: str, report: Report = ignore_progress) -> dict[str, Any]:
    """Fit one classifier on the training part and store its evaluation on the test part.

    Returns
    -------
    dict
        The figures that `lensapp.learning.score.evaluation.evaluate_run` gives, and `seconds` of fitting.
    """
    run = runs.get_run(workspace.database, run_name)
    runs.update_run(workspace.database, run.id, state="running")
    spec = BaselineSpec.parse(run.spec)
    report({"fraction": 0.1, "message": f"reading {spec.on}"})
    data = data_of(workspace, run.dataset_id, spec)
    report({"fraction": 0.4, "message": "fitting"})
    began = time.perf_counter()
    classifier = fit_classifier(spec, data.training, data.labels)
    seconds = time.perf_counter() - began
    outputs = np.zeros((len(data.held_out), len(data.test), len(data.classes)), np.float32)
    for turn, inputs in enumerate(data.test):  # classes without a training cutout keep a probability of 0
        outputs[:, turn, classifier.classes_] = classifier.predict_proba(inputs)
    summary = {
        "parameters": count_parameters(classifier),
        "epochs": None,
        "seconds": seconds,
        "images_per_second": len(data.labels) / max(seconds, 1e-9),
        "device": "cpu",
        "training_cutouts": len(data.labels),
        "seconds_of_inputs": data.seconds,
    }
    task = fit_task(spec.task, classes=data.classes, labels=data.labels)
    folder = workspace.run_folder(run.name)
    folder.mkdir(parents=True, exist_ok=True)
    save_task(folder, task)
    circumstances = {
        "task": task.kind,
        "part": PART,
        "dataset": datasets.dataset_by_id(workspace.database, run.dataset_id).name,
        "engine": "scikit-learn",
        "evaluated_at": time.time(),
    }
    task = task.replaced(output="softmax")
    if data.validation is not None and data.validation_inputs is not None:
        probabilities = np.zeros((len(data.validation), len(data.classes)), np.float32)
        probabilities[:, classifier.classes_] = classifier.predict_proba(data.validation_inputs)
        circumstances["suggested_thresholds"] = proposed_thresholds(task, data.validation, probabilities)
    measured = measured_scores(task, data.held_out, outputs, circumstances)
    with workspace.database.whole():  # a run with an evaluation is taken as finished
        figures = keep_evaluation(workspace, run, PART, measured)
        runs.update_run(
            workspace.database, run.id, state="finished", summary=summary, finished_at=time.time()
        )
    return figures | {"seconds": seconds}


def fit_classifier(spec: BaselineSpec, inputs: Inputs, labels: NDArray[np.int64]) -> Pipeline:
    """Fit a classifier of scikit-learn on inputs (n, features).

    Measures and features are standardised. Pixels, which are of order one already, become principal
    components that keep their variances: scaled alike, those that hold noise only would drown the others.
    """
    steps: list[Any] = [StandardScaler()]
    if spec.on == "pixels":
        components = min(spec.components, inputs.shape[1], len(inputs) - 1)
        steps = [PCA(components, svd_solver="randomized", random_state=spec.seed)]
    pipeline = make_pipeline(*steps, make_classifier(spec, labels))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)  # the figures say how good it is
        pipeline.fit(inputs, labels)
    return pipeline


def make_classifier(spec: BaselineSpec, labels: NDArray[np.int64]) -> Any:
    """Return the classifier of scikit-learn that `spec` asks for, to be fitted on these labels."""
    if spec.baseline == "tree":
        return DecisionTreeClassifier(max_depth=10, min_samples_leaf=5, random_state=spec.seed)
    if spec.baseline == "mlp":
        return MLPClassifier((100,), alpha=1e-3, max_iter=200, random_state=spec.seed)
    if spec.baseline == "logistic":
        return LogisticRegression(C=0.1, max_iter=1000)
    folds = int(min(3, np.bincount(labels)[np.unique(labels)].min()))
    machine = SVC(C=10.0, gamma="scale", random_state=spec.seed)
    if folds < 2:
        raise InvalidInput(
            "An SVM needs at least two training cutouts of each class, and a class has fewer. "
            "Split again with more labelled cutouts."
        )
    # Platt's sigmoid on held-out folds turns distances from the margin into probabilities.
    return CalibratedClassifierCV(machine, method="sigmoid", cv=folds, ensemble=False)


def count_parameters(classifier: Pipeline) -> int:
    """Return the numbers that decide: weights of a model, nodes of a tree, support vectors of an SVM."""
    last = classifier[-1]
    if isinstance(last, DecisionTreeClassifier):
        return int(last.tree_.node_count)
    if isinstance(last, MLPClassifier):
        return sum(values.size for values in (*last.coefs_, *last.intercepts_))
    if isinstance(last, LogisticRegression):
        return int(last.coef_.size + last.intercept_.size)
    return int(last.calibrated_classifiers_[0].estimator.support_vectors_.size)
