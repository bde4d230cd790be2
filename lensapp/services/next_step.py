"""Where a source stands in the round, and the one next step: what every page says under its title."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lensapp.core.inspect.review_spec import REVIEWED_FIRST, ReviewSpec
from lensapp.core.split.splits import LABELS, SplitSpec
from lensapp.job_kinds import JOB_KINDS
from lensapp.services.catalogue.feedback import usual_votes_change
from lensapp.services.data.demo import KIND as DEMO
from lensapp.services.data.demo import labelled_beside, survey_name
from lensapp.services.data.sources import is_labelled, label_counts, ready_sources
from lensapp.services.evaluate.compare.better_told import BetterRun, better_told
from lensapp.services.imported_tables import why_not_measured
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.vote_log import graded_candidates, graded_since
from lensapp.services.round_jobs import concerns, made_by, paints_on, stages_at_work
from lensapp.services.round_stages import RoundStage, stages_of
from lensapp.services.score.scores import name_for_best
from lensapp.services.selected_chain import (
    Chain,
    Kind,
    chain_of,
    done_of_source,
    reads,
    trained_on,
    with_looks,
)
from lensapp.services.split.datasets import freeze_split
from lensapp.services.split.previews import complements_of
from lensapp.services.train import runs as trainings
from lensapp.services.train.starter import install_starter, is_starter, starter_bands
from lensapp.storage import datasets, runs, sources
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.records import Dataset, Job, Review, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

Action = Literal["split", "evaluate", "score", "review", "export"]
WAITED_FOR = ("running", "queued", "paused")


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
    view: Mapping[str, str | list[str]]
    starts: Action | None = None
    done_on: str | None = None


@dataclass(frozen=True)
class Round:
    """The six stages of what is selected, and the next step; `measured` is whether its run is evaluated."""

    stages: tuple[RoundStage, ...]
    next_step: NextStep
    selection: Mapping[str, str]
    measured: bool = False


def round_of(
    ws: Workspace,
    selected: Mapping[str, str | None],
    active: Sequence[Job],
    *,
    led_by: Kind = "source",
) -> Round:
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
    led_by
        What stays where parts of the selection do not go together: what the page is about.
    """
    chain = chain_of(ws, selected, led_by=led_by)
    networks = _networks_of(ws, chain)
    busy = stages_at_work(active, chain.names, networks)
    step = _next_step(ws, chain)
    awaited = _awaited(active, chain, step)
    if awaited is not None:
        step = _waiting_for(awaited, active, step)
    measured = chain.run is not None and chain.run.evaluation is not None
    of_source = done_of_source(ws, _of_step(ws, chain, step))
    used = of_source.exported or _in_a_version(ws, of_source.review)
    stages = stages_of(chain, of_source, busy, networks, votes_used=used)
    return Round(stages, step, chain.names, measured)


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


def _of_step(ws: Workspace, chain: Chain, step: NextStep) -> Chain:
    """Return the chain whose scores the stages tell: that of the survey which the next step goes on with.

    It is so where the cutouts shown are what the network learned from and have no scores of their own.
    """
    searched = step.selection.get("source")
    if chain.source is None or searched in (None, chain.source.name) or chain.scored or chain.review:
        return chain
    of_survey = chain_of(ws, step.selection)
    return of_survey if of_survey.scored and not done_of_source(ws, chain).scored else chain


def _awaited(active: Sequence[Job], chain: Chain, step: NextStep) -> Job | None:
    """Return the job that a step waits for, one that runs first; None where it can be done."""
    awaited = [job for job in active if paints_on(job, chain) or _does(job, chain, step)]
    return min(awaited, key=lambda job: WAITED_FOR.index(job.state), default=None)


def _does(job: Job, chain: Chain, step: NextStep) -> bool:
    if step.starts in ("evaluate", "score") and job.kind != step.starts:
        return False
    concerned = concerns(job, chain.names) or concerns(job, step.selection)
    return JOB_KINDS[job.kind].page == step.page and concerned


def _waiting_for(job: Job, active: Sequence[Job], step: NextStep) -> NextStep:
    """Return the step of waiting for a job, with what runs in its place as long as it is queued."""
    running = next((one.title for one in active if one.state == "running"), None)
    label, stands = {
        "queued": ("Queued", "is queued" + (f"; {running} is running" if running else "")),
        "paused": ("Paused", "is paused: resume it there"),
    }.get(job.state, ("Watch", "is under way"))
    names = {**step.selection, **made_by(job)}
    page = JOB_KINDS[job.kind].page
    return NextStep(f"{label}: {job.title}", f"{job.title} {stands}.", page, names, {})


def _networks_of(ws: Workspace, chain: Chain) -> dict[str, Run]:
    """Return the networks of a chain's dataset version, with the one that takes part, by name.

    The stage is told of all of them, so that it is the same on a page about one that learns still as on a
    page about another.
    """
    own = [] if chain.run is None else [chain.run]
    if chain.dataset is not None:
        own += [one for one in runs.list_runs(ws.database) if one.dataset_id == chain.dataset.id]
    return {one.name: one for one in own}


def _in_a_version(ws: Workspace, review: Review | None) -> bool:
    """Whether votes of a review, or of a look at its disputed candidates, were fed back into a version."""
    return review is not None and any(
        not with_looks(ws, review).keys().isdisjoint(one.spec.get("reviews", ()))
        for one in datasets.list_datasets(ws.database)
    )


def _next_step(ws: Workspace, chain: Chain) -> NextStep:
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


def _with_review(ws: Workspace, chain: Chain, review: Review, source: Source) -> NextStep:
    """Return what comes next for a review: its grades, then the catalogue, then the next training.

    Who has exported what is graded has gone on, whatever is left.
    """
    names = chain.names
    holding = _version_with_votes(ws, review, source)
    voted: frozenset[int] = frozenset() if holding is None else _voted_since(ws, review, holding)
    if holding is not None and review.id not in voted:  # who feeds grades back leaves the rest for later
        again = bool(voted) and usual_votes_change(ws, source.name)
        return _feeding_back(names) if again else _goes_on_with(ws, holding, source)
    if review.closed_at is None and chain.graded < review.size and not chain.exported:
        left = review.size - chain.graded
        left_in_words = "the one that is left" if left == 1 else f"the {left} candidates that are left"
        label = f"Grade {left} more" if chain.graded else f"Grade {review.name}"
        return NextStep(label, f"Grade {left_in_words}.", "inspect", names, {})
    if not chain.exported:
        here = "Export the candidates, or feed the grades back."
        starts: Action | None = "export" if chain.graded else None  # the browser fetches it, see page_head
        return NextStep(f"Export {source.name}", here, "catalogue", names, {"view": "export"}, starts)
    return _after_export(ws, chain, review, source)


def _after_export(ws: Workspace, chain: Chain, review: Review, source: Source) -> NextStep:
    """Return what comes next for exported grades: a version that holds them, feeding back, or more grades."""
    later = _later_version(ws, review, source)
    if later is not None and not _voted_since(ws, review, later):
        return _goes_on_with(ws, later, source)
    if usual_votes_change(ws, source.name):
        return _feeding_back(chain.names)
    if later is not None:
        return _goes_on_with(ws, later, source)
    return _review_of_best(ws, chain, source, "Review the next {}")


def _feeding_back(names: Mapping[str, str]) -> NextStep:
    here = "Feed the grades back into the next training."
    return NextStep("Feed back into training", here, "catalogue", names, {"view": "feed-back"})


def _later_version(ws: Workspace, review: Review, source: Source) -> Dataset | None:
    """Return the newest version of a source that was frozen after a review was made, or None."""
    later = (one for one in datasets.list_datasets(ws.database) if one.created_at > review.created_at)
    return next((one for one in later if source.id in one.source_ids), None)


def _version_with_votes(ws: Workspace, review: Review, source: Source) -> Dataset | None:
    """Return the newest version of a source into which votes of a review were fed back, or None."""
    names = with_looks(ws, review).keys()
    every = datasets.list_datasets(ws.database)
    with_votes = (one for one in every if not names.isdisjoint(one.spec.get("reviews", ())))
    return next((one for one in with_votes if source.id in one.source_ids), None)


def _voted_since(ws: Workspace, review: Review, version: Dataset) -> frozenset[int]:
    """Return which of a review and the looks at its disputed candidates have votes later than a version."""
    of_round = {*with_looks(ws, review).values()}
    return frozenset(one.review_id for one in graded_since(ws, version.created_at)) & of_round


def _goes_on_with(ws: Workspace, version: Dataset, source: Source) -> NextStep:
    """Return the next step of the version that holds the votes of a review."""
    names = {"source": source.name, "dataset": version.name}
    run = trained_on(ws, version)
    if run is None:
        return replace(_training(version, names), done_on="catalogue")  # its button retrains
    return _next_step(ws, chain_of(ws, names | {"run": run.name}))


def _review_of_best(ws: Workspace, chain: Chain, source: Source, label: str) -> NextStep:
    """Return the step to a review of the best that nobody has graded, or past it where all are graded."""
    own = cutout_columns(ws, [source.id], columns=("id",))["id"]
    left = chain.scored - int(np.isin(graded_candidates(ws), own).sum())
    if left <= 0:
        here = "All that is scored is graded: import more cutouts."
        return NextStep("Import further cutouts", here, "data", chain.names, {"view": "import"})
    best = min(REVIEWED_FIRST, left)
    here = "Review the top candidates."
    return NextStep(
        label.format("one" if best == 1 else best),
        here,
        "inspect",
        chain.names,
        {},
        "review",
        done_on="score",
    )


def _training(dataset: Dataset, names: Mapping[str, str]) -> NextStep:
    return NextStep(f"Train on {dataset.name}", f"Start a training on {dataset.name}.", "train", names, {})


def _first_network(ws: Workspace, source: Source, names: Mapping[str, str]) -> NextStep:
    """Return the step to a first network, or past it where nothing has labels."""
    if is_labelled(ws, source):
        return _first_version(ws, source, names)
    painted = _painted_on(ws, source)
    if painted is not None:
        return _next_step(ws, chain_of(ws, {"source": painted.name}))
    labelled = labelled_beside(ws, source)
    if labelled is not None:  # of a demo: the network that searches it learns there
        return _next_step(ws, chain_of(ws, {"source": labelled.name}))
    if source.bands == starter_bands():
        here = "Score the cutouts with the starter network."
        return NextStep("Score with the starter network", here, "score", names, {}, "score")
    return _without_labels(ws, source, names)


def _without_labels(ws: Workspace, source: Source, names: Mapping[str, str]) -> NextStep:
    """Return the step to labels of cutouts that no network reads: lenses painted on found objects, or grades.

    What was painted on them holds their non-lenses already: the round goes on with it alone.
    """
    own = _painted_on(ws, source)
    if own is not None:
        return _next_step(ws, chain_of(ws, {"source": own.name}))
    if source.kind == sources.OBJECTS:
        here = "Paint lenses on these galaxies: a network that learns from them can search for such lenses."
        return NextStep(f"Paint lenses on {source.name}", here, "paint", names, {})
    here = "Make a review of these cutouts: their grades become labels to train on."
    return NextStep(f"Inspect {source.name}", here, "inspect", names, {})


def _painted_on(ws: Workspace, source: Source) -> Source | None:
    """Return the newest source of lenses painted on cutouts of another, or None."""
    return next((one for one in ready_sources(ws) if sources.is_painted_on(one, source.name)), None)


def _first_version(ws: Workspace, source: Source, names: Mapping[str, str]) -> NextStep:
    """Return the step to a version of labelled cutouts, with another source where they lack a class.

    What was painted on them, or on non-lenses of another size than lenses have, holds non-lenses already:
    the round goes on with it alone. Objects are painted on where there are no lenses of their size.
    """
    here = "Look at the parts, then freeze this version."
    missing = [label for label in LABELS if not label_counts(ws, source).get(label)]
    other = _with_label(ws, source, missing[0]) if len(missing) == 1 else None
    of_one_size = other is not None and (other.height, other.width) == (source.height, source.width)
    painted = _painted_on(ws, source) if missing == ["lens"] else None
    if missing == ["nonlens"] and other is not None and not of_one_size:
        painted = _painted_on(ws, other)
    if painted is not None:
        return _next_step(ws, chain_of(ws, {"source": painted.name}))
    if other is not None and (of_one_size or source.kind != sources.OBJECTS or missing != ["lens"]):
        both = {"sources": [source.name, other.name]}
        return NextStep(f"Split {source.name} and {other.name}", here, "split", names, both)
    if missing == ["lens"]:
        here = "Paint lenses on these galaxies: none of them is a lens."
        return NextStep(f"Paint lenses on {source.name}", here, "paint", names, {})
    if missing == ["nonlens"]:
        here = (
            "Import non-lenses of the same bands, or find galaxies in images of the survey (page Data, Find "
            "objects): a network learns lenses from both classes."
        )
        return NextStep("Import non-lenses", here, "data", names, {"view": "import"})
    if source.kind == DEMO:  # of one's own cutouts one looks at the parts first
        return NextStep(f"Split {source.name}", here, "train", names, {}, "split", done_on="split")
    return NextStep(f"Split {source.name}", here, "split", names, {})


def _with_label(ws: Workspace, source: Source, label: str) -> Source | None:
    """Return the source that has the label which one lacks, or None.

    One that has nothing else comes first, then the newest.
    """
    fitting = complements_of(ws, [source.name], label=label)
    fitting.sort(key=lambda one: len(one[1]) > 1)
    return sources.get_source(ws.database, fitting[0][0]) if fitting else None


def _with_network(ws: Workspace, chain: Chain, run: Run, source: Source) -> NextStep:
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
    return _with_trained(ws, chain, run, source)


def _with_trained(ws: Workspace, chain: Chain, run: Run, source: Source) -> NextStep:
    """Return what comes next for a network that gives scores: its figures, its scores, or their review."""
    names = chain.names
    tested = chain.dataset is not None and bool(sum(chain.dataset.counts.get("test", {}).values()))
    tested = tested and not is_starter(run) and not why_not_measured(ws, run)
    if run.evaluation is None and not chain.scored and tested:
        here = f"Evaluate {run.name} on the test part."
        return NextStep(f"Evaluate {run.name}", here, "evaluate", names, {}, "evaluate")
    better = better_told(ws, run)
    if better is not None and not chain.scored:
        step = _with_earlier(ws, chain, better, source) if better.before else _with_better(ws, chain, better)
        if step is not None:
            return step
    survey = None if chain.scored else _to_search(ws, chain, run)
    if survey is not None:
        return _next_step(ws, chain_of(ws, {**names, "source": survey.name, "run": run.name}))
    if not chain.scored:
        return _scoring(ws, chain, run, source)
    step = _review_of_best(ws, chain, source, "Review the top {}")
    told = better is not None and better.sure and step.starts == "review"
    return replace(step, here=f"{step.here} {better.why}") if better is not None and told else step


def _with_earlier(ws: Workspace, chain: Chain, better: BetterRun, source: Source) -> NextStep | None:
    """Return the next step of a better run of an earlier version: its scores, or the next candidates of it.

    None is returned where it does not take the cutouts.
    """
    run, name = better.run, better.run.name
    source = _to_search(ws, chain, chain.run or run) or source
    if not reads(ws, run, source):
        return None
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    scored = stored_scores.count_of(ws, run.id, source.id)
    own = replace(chain, source=source, dataset=dataset, run=run, review=None, scored=scored)
    if scored:
        step = _review_of_best(ws, own, source, f"Review the next {{}} of {name}")
    else:
        step = _scoring(ws, own, run, source)
        step = replace(step, label=f"{step.label} with {name}")
    return replace(step, here=f"{step.here} {better.why}", done_on=None)


def _with_better(ws: Workspace, chain: Chain, better: BetterRun) -> NextStep:
    """Return the next step of the best run of a version, in place of that of a run that scored nothing."""
    name = better.run.name
    step = _next_step(ws, chain_of(ws, {**chain.names, "run": name}))
    if step.starts == "score":
        return replace(step, here=f"{step.here} {better.why}")
    if step.starts == "review":
        label, here = f"{step.label} of {name}", f"{step.here} {better.why}"
        return replace(step, label=label, here=here, done_on=None)
    return step


def _scoring(ws: Workspace, chain: Chain, run: Run, source: Source) -> NextStep:
    """Return the step to the scores of a network, or past it where it cannot read the cutouts."""
    names, differs = chain.names, trainings.what_differs(ws, run, source)
    if not differs:
        here = f"Score {source.name} with {run.name}."
        return NextStep(f"Score {source.name}", here, "score", names, {}, "score")
    if not is_labelled(ws, source) and reads(ws, run, source):  # only in its middle, which Score asks about
        here = f"Score {source.name} with {run.name} ({differs})."
        return NextStep(f"Score {source.name}", here, "score", names, {})
    if chain.dataset is not None and source.id in chain.dataset.source_ids:
        return _training(chain.dataset, names)
    return (
        _first_network(ws, source, names) if is_labelled(ws, source) else _without_labels(ws, source, names)
    )


def _to_search(ws: Workspace, chain: Chain, run: Run) -> Source | None:
    """Return a source without labels that a network reads, where the one of a chain is what it learned from.

    One that the network has not seen comes first, then one that it reads as it is, and not in its middle only
    or in a unit unknown; of these that made beside the source, then the newest.
    """
    source, dataset = chain.source, chain.dataset
    if source is None or dataset is None or not is_labelled(ws, source):
        return None
    if run.dataset_id != dataset.id or source.id not in dataset.source_ids:
        return None
    offered = [one for one in ready_sources(ws) if not is_labelled(ws, one)]
    differs = {one.id: trainings.what_differs(ws, run, one) for one in offered}
    offered = [one for one in offered if not differs[one.id] or reads(ws, run, one)]
    seen, beside = dataset.source_ids, survey_name(source.name)
    offered.sort(key=lambda one: (one.id in seen, bool(differs[one.id]), one.name != beside))
    return next(iter(offered), None)
