"""Where a source stands in the round, and the one next step: what every page says under its title."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from lensapp.core.errors import BandMismatch, NotFound
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.split.splits import SplitSpec
from lensapp.job_kinds import JOB_KINDS, selection_of
from lensapp.services.catalogue.usual_export import exported_after
from lensapp.services.data.demo import KIND as DEMO
from lensapp.services.data.sources import count_cutouts, is_labelled, ready_sources
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.vote_log import voted_per_review
from lensapp.services.score.scores import name_for_best
from lensapp.services.split.datasets import freeze_split
from lensapp.services.train import runs as trainings
from lensapp.services.train.starter import install_starter, is_starter, starter_bands
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.database import Database
from lensapp.storage.files import NORMALISATION
from lensapp.storage.records import Dataset, Job, Review, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.studies import study_names_by_run
from lensapp.storage.workspace import Workspace

Record = TypeVar("Record")
Action = Literal["split", "evaluate", "score", "review", "export"]
REVIEWED_FIRST = 100
STAGES = {
    "Cutouts": ("data", "paint"),
    "Dataset": ("split",),
    "Network": ("train", "experiments", "evaluate", "compare", "features"),
    "Scores": ("score",),
    "Votes": ("inspect", "team", "replay"),
    "Catalogue": ("catalogue",),
}
"""The stages of the round and the pages about each, the first of them where it is done."""


@dataclass(frozen=True)
class RoundStage:
    """One stage of the round as it stands for what is selected.

    Attributes
    ----------
    page
        Where it is done.
    done, running
        Whether it has been reached, and whether a job works on it.
    count, of
        How many there are, and of how many; None where there is nothing to count.
    hint
        One line on it, such as the name of the dataset version.
    remark
        What the count is of where it is not of the source selected, as in "2 sources".
    """

    name: str
    page: str
    done: bool
    running: bool
    count: int | None
    of: int | None
    hint: str
    remark: str = ""


@dataclass(frozen=True)
class NextStep:
    """What is to be done next.

    Attributes
    ----------
    label
        What a button says.
    here
        The same as a sentence for the page it is done on.
    page, selection, view
        Where: the page, what is selected there, and what else its address says.
    starts
        What pressing the button starts besides.
    done_on
        Another page on which it can be done, whose own button then does it.
    """

    label: str
    here: str
    page: str
    selection: Mapping[str, str]
    view: Mapping[str, str]
    starts: Action | None = None
    done_on: str | None = None


@dataclass(frozen=True)
class Round:
    """The six stages of what is selected, and the next step; `measured` is whether its run is evaluated."""

    stages: tuple[RoundStage, ...]
    next_step: NextStep
    selection: Mapping[str, str]
    measured: bool = False


@dataclass(frozen=True)
class _Chain:
    """What is selected, or stands in for it, from the cutouts to the votes."""

    source: Source | None = None
    dataset: Dataset | None = None
    run: Run | None = None
    review: Review | None = None
    cutouts: int = 0
    scored: int = 0
    graded: int = 0
    exported: bool = False

    @property
    def names(self) -> dict[str, str]:
        every = {"source": self.source, "dataset": self.dataset, "run": self.run, "review": self.review}
        return {kind: one.name for kind, one in every.items() if one is not None}


def round_of(ws: Workspace, selected: Mapping[str, str | None], active: Sequence[Job]) -> Round:
    """Return where what is selected stands in the round.

    Parameters
    ----------
    ws
        The workspace.
    selected
        Names of a source, dataset, run and review. The newest that belongs to the others stands in for what
        is not selected or does not exist.
    active
        The jobs that wait, run or are paused.
    """
    chain = _chain(ws, selected)
    own = [job for job in active if _concerns(job, chain)]
    pages = [JOB_KINDS[job.kind].page for job in own]
    busy = {name for name, about in STAGES.items() if any(page in about for page in pages)}
    step = _next_step(ws, chain)
    for job, page in zip(own, pages, strict=True):
        if page == step.page:
            step = NextStep(
                f"Watch: {job.title}", f"{job.title} is under way.", page, chain.names | _made(job), {}
            )
            break
    measured = chain.run is not None and chain.run.evaluation is not None
    return Round(_stages(chain, busy), step, chain.names, measured)


def take_step(ws: Workspace, step: NextStep) -> Mapping[str, str]:
    """Start what a step starts, and return what is to be selected on its page.

    Raises
    ------
    LensAppError
        When it cannot be started, as the service of its page says.
    """
    names = dict(step.selection)
    if step.starts == "split":
        names["dataset"] = freeze_split(ws, source_names=[names["source"]], spec=SplitSpec()).name
    elif step.starts == "evaluate":
        trainings.start_evaluation(ws, run_name=names["run"])
    elif step.starts == "score":
        if "run" not in names:
            names["run"] = install_starter(ws).name
        trainings.start_scoring(ws, run_name=names["run"], source_name=names["source"])
    elif step.starts == "review":
        source = sources.get_source(ws.database, names["source"])
        run = runs.get_run(ws.database, names["run"])
        limit = min(REVIEWED_FIRST, stored_scores.count_of(ws, run.id, source.id))
        review = create_review(
            ws,
            name=name_for_best(ws, source, limit=limit),
            source_name=source.name,
            run_name=run.name,
            spec=ReviewSpec(order="score", limit=limit, ungraded=True),
        )
        names["review"] = review.name
    return names


def _chain(ws: Workspace, selected: Mapping[str, str | None]) -> _Chain:
    database = ws.database
    source = _named(sources.get_source, database, selected.get("source"))
    if source is None or source.state != sources.READY:
        source = next(iter(ready_sources(ws)), None)
    if source is None:
        return _Chain()
    run = _named(runs.get_run, database, selected.get("run"))
    dataset = _named(datasets.get_dataset, database, selected.get("dataset"))
    if dataset is None and run is not None:
        dataset = datasets.dataset_by_id(database, run.dataset_id)
        dataset = dataset if dataset.source_ids else None  # the starter network learned elsewhere
    if dataset is None:
        own = (one for one in datasets.list_datasets(database) if source.id in one.source_ids)
        dataset = next(own, None)
    if dataset is not None:
        trained = _trained_on(ws, dataset)
        if run is None or not _belongs(ws, run, dataset, source, alone=trained is None):
            run = trained
        elif run.id in study_names_by_run(database) and not stored_scores.count_of(ws, run.id, source.id):
            run = trained  # of folds and trials figures are taken; the round goes on without them
    run, review = _with_its_review(ws, source, run, selected)
    graded = 0 if review is None else voted_per_review(ws).get(review.id, 0)
    return _Chain(
        source,
        dataset,
        run,
        review,
        cutouts=count_cutouts(ws, source),
        scored=0 if run is None else stored_scores.count_of(ws, run.id, source.id),
        graded=graded,
        exported=review is not None and bool(graded) and exported_after(ws, source.name, review.created_at),
    )


def _with_its_review(
    ws: Workspace, source: Source, run: Run | None, selected: Mapping[str, str | None]
) -> tuple[Run | None, Review | None]:
    """Return a run and the review of its candidates, or that of the newest review where no run is selected.

    A run selected has the reviews of its own scores, as whoever opens a review selects its run as well; and
    those of no run that are later than it. So a network trained on the grades of a review begins a round.
    """
    of_source = [one for one in reviews.list_reviews(ws.database) if one.source_id == source.id]
    chosen = [one for one in of_source if one.name == selected.get("review")]
    if run is not None and run.name == selected.get("run"):
        own = [one for one in chosen + of_source if one.run_id == run.id]
        later = [one for one in chosen + of_source if one.run_id is None and one.created_at > run.created_at]
        return run, next(iter(own + later), None)
    review = next(iter(chosen + of_source), None)
    if run is None or review is None or review.run_id in (None, run.id):
        return run, review
    if not chosen and run.created_at > review.created_at:
        return run, None
    scored_by = (one for one in runs.list_runs(ws.database) if one.id == review.run_id)
    return next(scored_by, run), review


def _trained_on(ws: Workspace, dataset: Dataset) -> Run | None:
    """Return the newest run of a version, one that is no fold or trial of a study where there is one."""
    own = [one for one in runs.list_runs(ws.database) if one.dataset_id == dataset.id]
    of_studies = study_names_by_run(ws.database)
    return next((one for one in own if one.id not in of_studies), next(iter(own), None))


def _belongs(ws: Workspace, run: Run, dataset: Dataset, source: Source, *, alone: bool) -> bool:
    """Whether a selected run takes part in the round of a version; `alone` where none was trained on it.

    A run of another version does where the version has runs besides and the network reads these cutouts, or
    is the starter, or where the version is not of this source.
    """
    if run.dataset_id == dataset.id or run.is_external or source.id not in dataset.source_ids:
        return True
    if alone and not is_starter(run):
        return False
    if not (ws.run_folder(run.name) / NORMALISATION).is_file():
        return True  # not begun yet
    size, scale = (source.height, source.width), source.pixel_scale_arcsec
    fitted = runs.normalisation_of(ws, run.name)
    try:
        fitted.check(bands=source.bands, size=size, pixel_scale_arcsec=scale, crop=True, picked=True)
    except BandMismatch:
        return False
    return True


def _named(get: Callable[[Database, str], Record], database: Database, name: str | None) -> Record | None:
    """Return what is called `name`, or None where nothing is."""
    if name is not None:
        with suppress(NotFound):
            return get(database, name)
    return None


def _made(job: Job) -> dict[str, str]:
    return selection_of(job.kind, job.payload)


def _concerns(job: Job, chain: _Chain) -> bool:
    """Whether a job works on what is selected; of what has no cutouts yet, every job that makes some."""
    if chain.source is None:
        return JOB_KINDS[job.kind].page == "data"
    made, names = _made(job), chain.names
    return bool(made.keys() & names.keys()) and all(
        names.get(kind, name) == name for kind, name in made.items()
    )


def _stages(chain: _Chain, busy: set[str]) -> tuple[RoundStage, ...]:
    source, dataset, run, review = chain.source, chain.dataset, chain.run, chain.review
    members = sum(sum(part.values()) for part in dataset.counts.values()) if dataset else None
    auroc = (run.evaluation or {}).get("auroc") if run else None
    measured = "" if auroc is None else f", AUROC {auroc:.3f}"
    remarks, together = {}, ""
    if source is not None and dataset is not None and len(dataset.source_ids) > 1:
        remarks["Dataset"] = f"{len(dataset.source_ids)} sources"
        together = f", from {remarks['Dataset']}; the other counts are those of {source.name}"
    facts: dict[str, tuple[bool, int | None, int | None, str]] = {
        "Cutouts": (
            source is not None, chain.cutouts or None, None,
            f"of {source.name}" if source else "Import cutouts, or make a demo survey.",
        ),
        "Dataset": (
            dataset is not None, members, None,
            f"members of {dataset.name}{together}" if dataset else "No dataset version of these cutouts yet.",
        ),
        "Network": (
            run is not None and run.state == "finished", None, None,
            f"{run.name}, {run.state}{measured}" if run else "No network trained on them yet.",
        ),
        "Scores": (
            chain.scored > 0, chain.scored or None, None,
            f"by {run.name}" if run and chain.scored else "Not scored yet.",
        ),
        "Votes": (
            review is not None and chain.graded >= review.size, chain.graded if review else None,
            review.size if review else None,
            f"candidates of {review.name} graded" if review else "No review of them yet.",
        ),
        "Catalogue": (chain.exported, None, None, "Exported." if chain.exported else "Not exported yet."),
    }  # fmt: skip
    return tuple(
        RoundStage(name, STAGES[name][0], done, name in busy, count, of, hint, remarks.get(name, ""))
        for name, (done, count, of, hint) in facts.items()
    )


def _next_step(ws: Workspace, chain: _Chain) -> NextStep:
    """Return the first step of the round that is not done for a chain."""
    source, run, review = chain.source, chain.run, chain.review
    if source is None:
        return NextStep("Get cutouts", "Choose files below, or make a demo survey on Home.", "data", {}, {})
    names = chain.names
    if review is not None:
        return _with_review(ws, chain, review, source)
    if run is None and chain.dataset is not None:
        return _training(chain.dataset, names)
    if run is None:
        return _first_network(ws, source, names)
    return _with_network(ws, chain, run, source)


def _with_review(ws: Workspace, chain: _Chain, review: Review, source: Source) -> NextStep:
    """Return what comes next for a review: its grades, then the catalogue, then the next training.

    Who has exported what is graded has gone on, whatever is left.
    """
    names = chain.names
    if review.closed_at is None and chain.graded < review.size and not chain.exported:
        left = review.size - chain.graded
        label = f"Grade {left} more" if chain.graded else f"Grade {review.name}"
        return NextStep(label, f"Grade the {left} candidates that are left.", "inspect", names, {})
    if not chain.exported:
        here = "Look through the candidates, then export them or feed the grades back."
        starts: Action | None = "export" if chain.graded else None  # the browser fetches it, see page_head
        return NextStep(f"Export {source.name}", here, "catalogue", names, {"view": "export"}, starts)
    if (version := _fed_back(ws, review, source)) is not None:
        names = {"source": source.name, "dataset": version.name}
        run = _trained_on(ws, version)
        if run is None:
            return replace(_training(version, names), done_on="catalogue")  # its button retrains
        step = _next_step(ws, _chain(ws, names | {"run": run.name}))
        other = step.starts == "score" and run != chain.run  # than the run that the page shows
        return replace(step, label=f"Score with {run.name}") if other else step
    here = "Feed the grades back into the next training."
    return NextStep("Feed back into training", here, "catalogue", names, {"view": "feed-back"})


def _fed_back(ws: Workspace, review: Review, source: Source) -> Dataset | None:
    """Return the newest version of a source that was frozen after the last vote of a review, or None.

    The round goes on there, whatever is selected: to feed the same votes back again would change nothing.
    """
    later = (one for one in datasets.list_datasets(ws.database) if one.created_at > review.created_at)
    version = next((one for one in later if source.id in one.source_ids), None)
    if version is None:
        return None
    voted = reviews.votes_since(ws.database, version.created_at)
    return None if any(review_id == review.id for _, review_id, *_ in voted) else version


def _training(dataset: Dataset, names: Mapping[str, str]) -> NextStep:
    return NextStep(f"Train on {dataset.name}", f"Start a training on {dataset.name}.", "train", names, {})


def _first_network(ws: Workspace, source: Source, names: Mapping[str, str]) -> NextStep:
    """Return the step to a first network, or past it where nothing has labels."""
    if is_labelled(ws, source):
        here = "Look at the parts, then freeze this dataset version."
        if source.kind == DEMO:  # of one's own cutouts one looks at the parts first
            return NextStep(f"Split {source.name}", here, "train", names, {}, "split", done_on="split")
        return NextStep(f"Split {source.name}", here, "split", names, {})
    if source.bands == starter_bands():
        here = "Score the cutouts with the starter network."
        return NextStep("Score with the starter network", here, "score", names, {}, "score")
    return NextStep(f"Inspect {source.name}", "Make a review of these cutouts.", "inspect", names, {})


def _with_network(ws: Workspace, chain: _Chain, run: Run, source: Source) -> NextStep:
    """Return what comes next for a network whose best candidates nobody reviews yet."""
    names = chain.names
    if trainings.gives_features_only(run):
        return NextStep("Map its features", "Look at the map.", "features", names, {})
    if run.state in ("queued", "running"):  # whose best network so far is there from the first epoch on
        return NextStep(
            f"Watch {run.name}", f"Wait for {run.name}, which is {run.state}.", "train", names, {}
        )
    if not trainings.is_scored(ws, run):
        here = f"Train again: {run.name} {'has' if run.state == 'failed' else 'is'} {run.state}."
        return NextStep(f"See {run.name}: {run.state}", here, "train", names, {})
    tested = chain.dataset is not None and bool(sum(chain.dataset.counts.get("test", {}).values()))
    if run.evaluation is None and not chain.scored and tested and not is_starter(run):
        here = f"Evaluate {run.name} on the test part."
        return NextStep(f"Evaluate {run.name}", here, "evaluate", names, {}, "evaluate")
    if not chain.scored:
        here = f"Score {source.name} with {run.name}."
        return NextStep(f"Score {source.name}", here, "score", names, {}, "score")
    best = min(REVIEWED_FIRST, chain.scored)
    here = "Review the top candidates."
    return NextStep(f"Review the top {best}", here, "inspect", names, {}, "review", done_on="score")
