"""Comparisons of networks: start one, and read the figures of its runs side by side."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lensapp import jobs
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.train.baseline_spec import KINDS as BASELINES
from lensapp.core.train.baseline_spec import BaselineSpec
from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.core.train.comparison_spec import ComparisonSpec, Entry, entries_of
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train.run_states import has_network
from lensapp.services.train.runs import check_start
from lensapp.services.train.studies import suggest_study_name
from lensapp.storage import datasets, runs, studies
from lensapp.storage.records import Dataset, Job, Run, Study, StudyRun
from lensapp.storage.workspace import Workspace

KIND: studies.StudyKind = "comparison"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One row of a comparison; what was not measured is None.

    Attributes
    ----------
    label, run, model, dataset, state
        What the row is called, its run, network, dataset version and how far it is.
    kind
        "network", "committee" or "baseline".
    n, lenses, accuracy, accuracy_low, accuracy_high
        Cutouts and lenses of the test part; the share decided correctly with its 95 % interval (Wilson).
    auroc, average_precision, tpr0, tpr10, rotation_std
        See `lensapp.core.evaluate.metrics`.
    parameters, epochs, seconds, images_per_second
        Size of the network and cost of its training.
    reason
        Why it failed.
    """

    label: str
    run: str
    model: str
    dataset: str
    state: str
    kind: str
    n: int | None
    lenses: int | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    auroc: float | None
    average_precision: float | None
    tpr0: float | None
    tpr10: float | None
    rotation_std: float | None
    parameters: int | None
    epochs: int | None
    seconds: float | None
    images_per_second: float | None
    reason: str


def start_comparison(
    ws: Workspace, *, dataset_name: str, spec: ComparisonSpec, name: str | None = None
) -> tuple[Study, Job]:
    """Register a comparison and its runs, and queue the job that trains and evaluates them in turn.

    Parameters
    ----------
    ws
        The workspace.
    dataset_name
        A frozen dataset version.
    spec
        What to compare, with which budget.
    name
        Default: "comparison" and the next free number.

    Raises
    ------
    NotFound
        When the dataset, a network, a preset or a run does not exist.
    InvalidInput
        When there is nothing to compare, a setting is refused, the name is taken, or a run belongs to
        another dataset version or can never be evaluated.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    entries = entries_of(spec)
    for entry in entries:
        _require_usable(ws, entry.recipe, dataset)
    study = studies.create_study(
        ws.database,
        name=name or suggest_study_name(ws, KIND),
        kind=KIND,
        dataset_id=dataset.id,
        spec=spec.saved(),
    )
    for place, entry in enumerate(entries):
        run = _run_of(ws, entry, study, dataset)
        studies.add_run(ws.database, study.id, run.id, place=place, info={"label": entry.label})
    title = f"Compare {len(entries)} networks on {dataset.name}"
    job = jobs.enqueue(ws.database, kind="compare", title=title, payload={"study": study.name})
    return study, job


def _require_usable(ws: Workspace, recipe: TrainingSpec | BaselineSpec | str, dataset: Dataset) -> None:
    if isinstance(recipe, TrainingSpec):
        check_start(ws, dataset, recipe)
    if not isinstance(recipe, str):
        return
    run = runs.get_run(ws.database, recipe)
    if run.dataset_id != dataset.id:
        other = datasets.dataset_by_id(ws.database, run.dataset_id).name
        raise InvalidInput(
            f"Expected runs of {dataset.name}, received {run.name} of {other}: their test parts may differ. "
            "Leave it out, or compare on its own dataset version."
        )
    if run.evaluation is None and not has_network(ws, run):
        raise InvalidInput(
            f"Expected runs with a network or an evaluation, received {run.name}, which is {run.state} and "
            "has neither. Leave it out or let it finish."
        )


def _run_of(ws: Workspace, entry: Entry, study: Study, dataset: Dataset) -> Run:
    recipe = entry.recipe
    if isinstance(recipe, str):
        return runs.get_run(ws.database, recipe)
    return runs.create_run(
        ws.database,
        name=_free_run_name(ws, f"{study.name}-{entry.label.replace(' ', '-')}"),
        dataset_id=dataset.id,
        model=recipe.network if isinstance(recipe, TrainingSpec) else recipe.baseline,
        spec=recipe.saved(),
    )


def _free_run_name(ws: Workspace, wanted: str) -> str:
    taken = {run.name for run in runs.list_runs(ws.database)}
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def start_baselines(
    ws: Workspace, *, dataset_name: str, specs: Sequence[BaselineSpec], name: str | None = None
) -> tuple[list[Run], Job]:
    """Register classical classifiers on a dataset version and queue the job that fits and measures them.

    `name` begins the names of their runs; default: that of the dataset version.

    Raises
    ------
    NotFound
        When the dataset or the run whose features are taken does not exist.
    InvalidInput
        When nothing is asked for, or features without the run that gives them.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    if not specs:
        raise InvalidInput(
            "Expected classifiers and what they see, received none. Name at least one of each."
        )
    for spec in specs:
        _require_features(ws, spec)
    made = [
        runs.create_run(
            ws.database,
            name=_free_run_name(ws, f"{name or dataset.name}-{spec.baseline}-{spec.on}"),
            dataset_id=dataset.id,
            model=spec.baseline,
            spec=spec.saved(),
        )
        for spec in specs
    ]
    title = f"Fit {len(made)} classical baselines on {dataset.name}"
    payload = {"runs": [run.name for run in made]}
    return made, jobs.enqueue(ws.database, kind="baselines", title=title, payload=payload)


def _require_features(ws: Workspace, spec: BaselineSpec) -> None:
    if (spec.on == "features") != (spec.features_of is not None):
        raise InvalidInput(
            "Expected a run whose features are taken, for features and for them only, received "
            f"{spec.on} of {spec.features_of}. Name one with --features-of."
        )
    if spec.features_of is not None:
        runs.get_run(ws.database, spec.features_of)


def compared_runs(ws: Workspace, names: Sequence[str]) -> list[Compared]:
    """Return the rows of the runs called `names`, in that order."""
    found = (runs.get_run(ws.database, name) for name in names)
    known = _dataset_names(ws)
    return [_row(StudyRun(run=run, place=0, info={}), known) for run in found]


def compared_in(ws: Workspace, study: Study) -> list[Compared]:
    """Return the rows of a comparison in its order."""
    known = _dataset_names(ws)
    return [_row(entry, known) for entry in studies.runs_of(ws.database, study.id)]


def _dataset_names(ws: Workspace) -> dict[int, str]:
    return {dataset.id: dataset.name for dataset in datasets.list_datasets(ws.database)}


def _row(entry: StudyRun, dataset_names: dict[int, str]) -> Compared:
    run, summary, figures = entry.run, entry.run.summary, entry.run.evaluation or {}
    accuracy, low, high = _accuracy(figures)
    return Compared(
        label=entry.info.get("label") or run.name,
        run=run.name,
        model=run.model,
        dataset=dataset_names.get(run.dataset_id, "–"),
        state=run.state,
        kind=kind_of(run.model),
        lenses=figures.get("n_positive"),
        n=figures.get("n"),
        accuracy=accuracy,
        accuracy_low=low,
        accuracy_high=high,
        auroc=figures.get("auroc"),
        average_precision=figures.get("average_precision"),
        tpr0=figures.get("tpr0"),
        tpr10=figures.get("tpr10"),
        rotation_std=figures.get("rotation_std"),
        parameters=summary.get("parameters"),
        epochs=summary.get("epochs"),
        seconds=summary.get("seconds"),
        images_per_second=summary.get("images_per_second"),
        reason=entry.info.get("reason", ""),
    )


def kind_of(model: str) -> str:
    """Return what the model of a run is: "network", "committee" or "baseline"."""
    if model == COMMITTEE:
        return "committee"
    return "baseline" if model in BASELINES else "network"


def _accuracy(figures: dict[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return the share decided correctly, of all classes where there are several, and its interval."""
    decided = figures.get("classes") or figures
    accuracy, n = decided.get("accuracy"), decided.get("n")
    if accuracy is None or not n:
        return accuracy, None, None
    low, high = wilson_interval(round(accuracy * n), n)
    return accuracy, low, high


def describe(rows: Sequence[Compared]) -> list[dict[str, Any]]:
    """Return rows as plain JSON values."""
    return [asdict(row) for row in rows]
