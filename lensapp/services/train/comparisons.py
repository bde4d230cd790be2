"""Comparisons of networks: start one, and read the figures of its runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.evaluate.metrics import COIN, FEW_NONLENSES, told_figures
from lensapp.core.train.baseline_spec import KINDS as BASELINES
from lensapp.core.train.baseline_spec import BaselineSpec
from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.core.train.comparison_spec import ComparisonSpec, entries_of
from lensapp.core.train.study_spec import StudyKind
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.job_kinds import RunsPayload
from lensapp.services.split.second_test import require_trainable
from lensapp.services.train.runs import check_start, has_network, numbered_name
from lensapp.services.train.studies import enqueue_study, suggest_study_name
from lensapp.storage import datasets, runs, studies
from lensapp.storage.records import Dataset, Job, Run, Study, StudyRun
from lensapp.storage.workspace import Workspace

KIND: StudyKind = "comparison"
FIGURES = ("auroc", "average_precision", "tpr0", "tpr10", "rotation_std")
COSTS = ("parameters", "epochs", "seconds", "images_per_second")


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
    auroc_low, auroc_high, tpr10_low, tpr10_high
        95 % limits, as Evaluate has them: of the AUROC after DeLong, of TPR10 by resampling.
    accepted
        Cutouts with a score of the threshold of the accuracy or above; None of several classes.
    parameters, epochs, seconds, images_per_second
        Size of the network and cost of its training.
    reason
        Why it failed.
    after
        The epochs of the run whose weights it began with, as in "first's 20"; their cost is not its own.
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
    auroc_low: float | None = None
    auroc_high: float | None = None
    tpr10_low: float | None = None
    tpr10_high: float | None = None
    accepted: int | None = None
    after: str = ""

    @property
    def like_chance(self) -> bool:
        """Whether the limits of the AUROC hold that of a coin, or lie below it."""
        return self.auroc_low is not None and self.auroc_low <= COIN

    @property
    def has_few_nonlenses(self) -> bool:
        """Whether the non-lenses of the part are too few to tell TPR0 and TPR10."""
        return self.n is not None and self.lenses is not None and self.n - self.lenses <= FEW_NONLENSES


@needs("work")
def start_comparison(
    ws: Workspace,
    *,
    dataset_name: str,
    spec: ComparisonSpec,
    name: str | None = None,
    spread: str | None = None,
) -> tuple[Study, Job]:
    """Register a comparison and its runs, and queue the job that trains and evaluates them.

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
    spread
        See `lensapp.spread.work_on_study`.

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
        require_comparable(ws, entry.recipe, dataset)
    title = f"Compare {len(entries)} networks on {dataset.name}"
    with ws.database.whole():
        study = studies.create_study(
            ws.database,
            name=name or suggest_study_name(ws, KIND),
            kind=KIND,
            dataset_id=dataset.id,
            spec=spec.saved(),
        )
        for place, entry in enumerate(entries):
            recipe = entry.recipe
            if isinstance(recipe, str):
                run = runs.get_run(ws.database, recipe)
            else:
                run = runs.create_run(
                    ws.database,
                    name=_free_run_name(ws, f"{study.name}-{entry.label.replace(' ', '-')}"),
                    dataset_id=dataset.id,
                    model=recipe.network if isinstance(recipe, TrainingSpec) else recipe.baseline,
                    spec=recipe.saved(),
                )
            studies.add_run(ws.database, study.id, run.id, place=place, info={"label": entry.label})
        return study, enqueue_study(ws, study, title, spread=spread)


def require_comparable(ws: Workspace, recipe: TrainingSpec | BaselineSpec | str, dataset: Dataset) -> None:
    """Refuse a network that cannot be trained on the dataset, or a run that cannot be compared on it."""
    if isinstance(recipe, TrainingSpec):
        check_start(ws, dataset, recipe)
    if not isinstance(recipe, str):
        return
    run = runs.get_run(ws.database, recipe)
    if run.dataset_id != dataset.id:
        other = datasets.dataset_by_id(ws.database, run.dataset_id).name
        raise InvalidInput(
            f"{run.name} belongs to {other}, not to {dataset.name}: their test parts may differ. Leave it "
            "out, or compare it on its own dataset version."
        )
    if run.evaluation is None and not has_network(ws, run):
        raise InvalidInput(
            f"{run.name} is {run.state} and has neither a network nor an evaluation. Leave it out or let it "
            "finish."
        )


def _free_run_name(ws: Workspace, name: str) -> str:
    """Return `name`, with a number behind it where a run is called so."""
    taken = {run.name for run in runs.list_runs(ws.database)}
    return name if name not in taken else numbered_name(name, {f"{name}-1", *taken})


@needs("work")
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
    require_trainable(ws, dataset)
    if not specs:
        raise InvalidInput("Name at least one classifier and one kind of input to fit it on.")
    for spec in specs:
        if (spec.on == "features") != (spec.features_of is not None):
            raise InvalidInput(
                f"A baseline on {spec.on} was given {spec.features_of or 'no run'} to take features of. Name "
                "a run with --features-of for features, and for nothing else."
            )
        if spec.features_of is not None:
            runs.get_run(ws.database, spec.features_of)
    title = f"Fit {len(specs)} classical baselines on {dataset.name}"
    with ws.database.whole():
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
        payload: RunsPayload = {"runs": [run.name for run in made]}
        return made, jobs.enqueue(ws.database, kind="baselines", title=title, payload=payload)


def unfinished_baselines(
    ws: Workspace, *, dataset_name: str, specs: Sequence[BaselineSpec], name: str | None = None
) -> Job | None:
    """Return the job of the same classifiers that was begun and not finished, if any."""
    dataset, here = datasets.get_dataset(ws.database, dataset_name), runs.list_runs(ws.database)
    names = {run.name for run in here}
    asked = [(dataset.id, spec.saved()) for spec in specs]
    for job in jobs.recent(ws.database, limit=jobs.JOBS_SEARCHED):
        if job.kind != "baselines" or job.state == "done" or not names.issuperset(job.payload["runs"]):
            continue
        made = [runs.get_run(ws.database, run) for run in job.payload["runs"]]
        same_name = all(run.name.startswith(f"{name or dataset.name}-") for run in made)
        if same_name and [(run.dataset_id, run.spec) for run in made] == asked:
            return job
    return None


def compared_runs(ws: Workspace, names: Sequence[str]) -> list[Compared]:
    """Return the rows of the runs called `names`, in that order."""
    entries = [StudyRun(run=runs.get_run(ws.database, name), place=0, info={}) for name in names]
    return _compared(ws, entries)


def compared_in(ws: Workspace, study: Study) -> list[Compared]:
    """Return the rows of a comparison in its order."""
    return _compared(ws, studies.runs_of(ws.database, study.id))


def _compared(ws: Workspace, entries: Sequence[StudyRun]) -> list[Compared]:
    """Return a row for each run of a comparison."""
    dataset_names = {
        dataset.id: dataset.name for dataset in datasets.list_datasets(ws.database, without_sources=True)
    }
    by_name = {run.name: run for run in runs.list_runs(ws.database)}
    rows = []
    for entry in entries:
        earlier = by_name.get(str(entry.run.spec.get("initial_run")))
        before = earlier.summary.get("epochs") if earlier else None
        run, summary, figures = entry.run, entry.run.summary, told_figures(entry.run.evaluation or {})
        decided = figures.get("classes") or figures  # the share of all classes decided correctly, of several
        accuracy, n = decided.get("accuracy"), decided.get("n")
        intervals = figures.get("intervals") or {}
        confusion = None if figures.get("classes") else figures.get("confusion")
        low, high = (None, None) if accuracy is None or not n else wilson_interval(round(accuracy * n), n)
        low, high = decided.get("accuracy_interval") or (low, high)  # where several cutouts show one object
        rows.append(
            Compared(
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
                **{name: figures.get(name) for name in FIGURES},
                **{name: summary.get(name) for name in COSTS},
                accepted=confusion["tp"] + confusion["fp"] if confusion else None,
                reason=entry.info.get("reason", ""),
                after=f"{earlier.name}'s {before}" if earlier and before else "",
                **{
                    f"{name}_{end}": (intervals.get(name) or {}).get(end)
                    for name in ("auroc", "tpr10")
                    if figures.get(name) is not None
                    for end in ("low", "high")
                },
            )
        )
    return rows


def kind_of(model: str) -> str:
    """Return what the model of a run is: "network", "committee" or "baseline"."""
    if model == COMMITTEE:
        return "committee"
    return "baseline" if model in BASELINES else "network"
