"""What is selected, or stands in for it, from the cutouts to the votes: what a round is told of."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from lensapp.core.errors import BandMismatch, NotFound
from lensapp.core.once import once
from lensapp.services.catalogue.usual_export import exported_after
from lensapp.services.data.sources import HANDFUL, count_cutouts, is_labelled, ready_sources
from lensapp.services.inspect.queues import DISPUTED, is_fed_back
from lensapp.services.inspect.vote_log import standing, voted_per_review, worked_on_last
from lensapp.services.train.better_runs import best_of, better_run
from lensapp.services.train.run_listing import studies_last
from lensapp.services.train.runs import is_scored
from lensapp.services.train.starter import is_starter
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.database import Database
from lensapp.storage.files import NORMALISATION
from lensapp.storage.records import Dataset, Review, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.studies import study_names_by_run
from lensapp.storage.workspace import Workspace

Record = TypeVar("Record")
Kind = Literal["source", "dataset", "run", "review"]


@dataclass(frozen=True)
class Chain:
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
        """Return the name of each by its kind."""
        every = {"source": self.source, "dataset": self.dataset, "run": self.run, "review": self.review}
        return {kind: one.name for kind, one in every.items() if one is not None}


def chain_of(ws: Workspace, selected: Mapping[str, str | None], *, led_by: Kind = "source") -> Chain:
    """Return what is selected, each part with what belongs to it.

    Where two parts of a selection do not go together, such as a network and cutouts in other bands, what the
    page is about stays: the source, or what it is `led_by`. The newest that belongs to the others stands in
    for what is not selected, does not exist or does not go with them. A review leaves the version that is
    selected with its source, as pages about the source do: both tell the size of the same.
    """
    return _chain(ws, led_by, *sorted((kind, name) for kind, name in selected.items() if name is not None))


@once
def _chain(ws: Workspace, led_by: Kind, *pairs: tuple[str, str]) -> Chain:
    """Return the chain of a selection as pairs of kind and name: a page asks for it in several places."""
    database, selected = ws.database, dict(pairs)
    source = _named(sources.get_source, database, selected.get("source"))
    dataset = _named(datasets.get_dataset, database, selected.get("dataset"))
    run = _named(runs.get_run, database, selected.get("run"))
    review = _named(reviews.get_review, database, selected.get("review"))
    if review is not None:
        review = disputes_of(ws, review) or review
        selected["review"] = review.name
    if led_by == "review" and review is not None:
        if source is not None and source.id != review.source_id:
            dataset = None
        source = sources.source_by_id(database, review.source_id)
        run = None if review.run_id is None else runs.run_by_id(database, review.run_id)
    elif led_by == "run" and run is not None:
        dataset = _learned_from(ws, run)
        source = _source_of(ws, source, dataset, run)
    elif led_by == "dataset" and dataset is not None:
        source = _source_of(ws, source, dataset, run or trained_on(ws, dataset))
    if source is None or source.state != sources.READY:
        source = usual_source(ws)
    if source is None:
        return Chain()
    dataset, run = _with_cutouts(ws, source, dataset, run)
    if led_by != "review" or review is None:
        run, review = _with_its_review(ws, source, run, selected)
    return _counted(ws, Chain(source, dataset, run, review, cutouts=count_cutouts(ws, source)), source)


def _counted(ws: Workspace, chain: Chain, source: Source) -> Chain:
    """Return a chain with what its run has scored of a source, and how its review stands."""
    run, review = chain.run, chain.review
    graded = 0 if review is None else voted_per_review(ws).get(review.id, 0)
    return replace(
        chain,
        scored=0 if run is None else stored_scores.count_of(ws, run.id, source.id),
        graded=graded,
        exported=review is not None and bool(graded) and exported_after(ws, source.name, review.created_at),
    )


def done_of_source(ws: Workspace, chain: Chain) -> Chain:
    """Return a chain with what another run did for its source, where its own has not come to that yet.

    Scores are those of the newest run that has any; votes and the export those of the review worked on last.
    """
    source = chain.source
    if source is None or (chain.scored and chain.review is not None):
        return chain
    run = chain.run if chain.scored else _scored_by(ws, source) or chain.run
    review = chain.review or _with_its_review(ws, source, None, {})[1]
    return _counted(ws, replace(chain, run=run, review=review), source)


@once
def usual_source(ws: Workspace) -> Source | None:
    """Return the source that every page is about where none is selected: the one worked on last.

    That is the one made, split, scored or graded last; scores count from when their network was made. A
    handful of cutouts, as imported to look at one, comes only where there is nothing else.
    """
    ready = ready_sources(ws)
    offered = [one for one in ready if count_cutouts(ws, one) >= HANDFUL] or ready
    last = {one.id: one.created_at for one in offered}
    made = {run.id: run.created_at for run in runs.list_runs(ws.database)}
    received = standing(ws).received
    worked = [(key, one.created_at) for one in datasets.list_datasets(ws.database) for key in one.source_ids]
    worked += [(key, made.get(run_id, 0.0)) for run_id, key, _ in stored_scores.score_counts(ws)]
    worked += [
        (one.source_id, received.get(one.id, one.created_at)) for one in reviews.list_reviews(ws.database)
    ]
    for source_id, moment in worked:
        if source_id in last:
            last[source_id] = max(last[source_id], moment)
    return max(offered, key=lambda one: last[one.id], default=None)


def names_with_review(ws: Workspace, name: str) -> dict[str, str]:
    """Return a review with what it was made of, by kind: its source and, where it has scores, their run.

    The version that the run was trained on is among them. Nothing is returned of a review there is not.
    """
    review = _named(reviews.get_review, ws.database, name)
    if review is None:
        return {}
    names = {}
    if review.run_id is not None:
        run = runs.run_by_id(ws.database, review.run_id)
        dataset = _learned_from(ws, run)
        names = {"run": run.name} | ({} if dataset is None else {"dataset": dataset.name})
    return names | {"source": sources.source_by_id(ws.database, review.source_id).name, "review": name}


def _learned_from(ws: Workspace, run: Run) -> Dataset | None:
    """Return the version that a run was trained on; None for one that learned elsewhere, as the starter."""
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    return dataset if dataset.source_ids else None


def _source_of(
    ws: Workspace, source: Source | None, dataset: Dataset | None, run: Run | None
) -> Source | None:
    """Return a source where a version holds it or a run reads it, else the first that the version holds."""
    if dataset is None or (source is not None and source.id in dataset.source_ids):
        return source
    if source is not None and run is not None and reads(ws, run, source):
        return source
    return sources.source_by_id(ws.database, dataset.source_ids[0])


def _with_cutouts(
    ws: Workspace, source: Source, dataset: Dataset | None, run: Run | None
) -> tuple[Dataset | None, Run | None]:
    """Return a version and a run where they go with the cutouts of a source, else those that do.

    Where neither is selected and no version holds the source they are of the run that has scored it.
    """
    versions = datasets.list_datasets(ws.database)
    own = next((one for one in versions if source.id in one.source_ids), None)
    if dataset is None and run is None and own is None:
        run = _scored_by(ws, source) or _network_for(ws, source)
    if dataset is None and run is not None:
        dataset = _learned_from(ws, run)
    if dataset is not None and source.id not in dataset.source_ids:
        reading = run or trained_on(ws, dataset)
        if reading is None or not reads(ws, reading, source):
            dataset = run = None
    if dataset is None:
        dataset = own
    if dataset is None:
        return None, run if run is not None and reads(ws, run, source) else None
    trained = trained_on(ws, dataset)
    if run is None or not _belongs(ws, run, dataset, source, alone=trained is None):
        return dataset, trained
    if run.id in study_names_by_run(ws.database) and not stored_scores.count_of(ws, run.id, source.id):
        return dataset, trained  # of folds and trials figures are taken; the round goes on without them
    return dataset, run


def _scored_by(ws: Workspace, source: Source) -> Run | None:
    """Return the newest run that has scored a source: a network before a table, a fold or trial last."""
    scored = {run_id for run_id, _, _ in stored_scores.score_counts(ws, source_id=source.id)}
    with_scores = [one for one in runs.list_runs(ws.database) if one.id in scored]
    return next(iter(studies_last(ws, with_scores)), None)


def _network_for(ws: Workspace, source: Source) -> Run | None:
    """Return the network that a source without labels can be scored with: that of the newest version.

    What lenses were painted on is none to be scored: its network is still to learn from them.
    """
    if is_labelled(ws, source) or any(sources.is_painted_on(one, source.name) for one in ready_sources(ws)):
        return None
    for version in datasets.list_datasets(ws.database):
        run = trained_on(ws, version) if version.source_ids else None
        if run is not None and run.state == "finished" and is_scored(ws, run) and reads(ws, run, source):
            return run
    return None


def disputes_of(ws: Workspace, review: Review) -> Review | None:
    """Return the review whose disputed candidates another one shows again; None for any other.

    Such a look is one aside, of the same round: its votes count with those of the review that it is of.
    """
    if not review.name.endswith(DISPUTED):
        return None
    whole = _named(reviews.get_review, ws.database, review.name.removesuffix(DISPUTED))
    return whole if whole is not None and whole.source_id == review.source_id else None


def with_looks(ws: Workspace, review: Review) -> dict[str, int]:
    """Return a review and the looks at its disputed candidates, whose votes count with it: name → key."""
    looks = {review.name: review.id}
    for one in reviews.list_reviews(ws.database):
        whole = disputes_of(ws, one)
        if whole is not None and whole.id == review.id:
            looks[one.name] = one.id
    return looks


def _with_its_review(
    ws: Workspace, source: Source, run: Run | None, selected: Mapping[str, str]
) -> tuple[Run | None, Review | None]:
    """Return a run and the review of its candidates, or the review worked on last where no run is selected.

    A run selected has the reviews of its own scores, as whoever opens a review selects its run as well; and
    those of no run that are later than it. So a network trained on the grades of a review begins a round.

    A look aside whose votes are not fed back, such as at candidates similar to one, is the round's only where
    it is selected and there is no other; pages about reviews show it (see `chain_of`). One that holds
    votes of tables only is none of the round's as long as people grade another one here.
    """
    own_reviews = [
        one
        for one in reviews.list_reviews(ws.database)
        if one.source_id == source.id and disputes_of(ws, one) is None
    ]
    stands = standing(ws)
    cast_here = [one for one in own_reviews if not stands.only_imported(one)]
    if any(stands.voted.get(one.id) and is_fed_back(ws, one) for one in cast_here):
        own_reviews = cast_here
    of_source = worked_on_last(ws, own_reviews)
    chosen = [one for one in of_source if one.name == selected.get("review")]
    aside = [one for one in chosen if not is_fed_back(ws, one)]
    of_round = [one for one in chosen + of_source if is_fed_back(ws, one)]
    if run is not None and run.name == selected.get("run"):
        own = [one for one in of_round if one.run_id == run.id]
        later = [one for one in of_round if one.run_id is None and one.created_at > run.created_at]
        return run, next(iter(own + later + [one for one in aside if one.run_id in (None, run.id)]), None)
    review = next(iter(of_round + aside), None)
    if run is None or review is None or review.run_id in (None, run.id):
        return run, review
    if review not in chosen and run.created_at > review.created_at:
        return run, None
    scored_by = (one for one in runs.list_runs(ws.database) if one.id == review.run_id)
    return next(scored_by, run), review


def trained_on(ws: Workspace, dataset: Dataset) -> Run | None:
    """Return the newest run of a version, if it has one that was not stopped and is no fold or trial.

    One that was stopped leads nowhere by itself, unless it was measured all the same. Where the newest is
    measured, the best of those measured on the same part takes its place. A table of scores that the version
    measures was trained on none.
    """
    every = runs.list_runs(ws.database)
    own = [one for one in every if one.dataset_id == dataset.id and not one.is_external]
    own.sort(key=lambda one: one.state == "stopped" and one.evaluation is None)
    newest = next(iter(studies_last(ws, own)), None)
    return newest and (better_run(ws, newest) or newest)


def proposed_run(ws: Workspace, offered: Sequence[Run], source: Source | None) -> Run:
    """Return the best of those offered that have scored a source, else of those that take its cutouts.

    Without a source it is of those that have scored any. The best is of the version of the first of them.
    """
    source_id = None if source is None else source.id
    done = {run_id for run_id, _, _ in stored_scores.score_counts(ws, source_id=source_id)}
    with_scores = [one for one in offered if one.id in done]
    fitting = [one for one in offered if source is not None and reads(ws, one, source)]
    return best_of(with_scores or fitting or offered)


def _belongs(ws: Workspace, run: Run, dataset: Dataset, source: Source, *, alone: bool) -> bool:
    """Whether a selected run takes part in the round of a version; `alone` where none was trained on it.

    A run of another version does where it reads these cutouts and the version has runs besides, or where it
    is the starter or holds scores from a table, or where the version is not of this source.
    """
    if run.dataset_id == dataset.id:
        return True
    if source.id in dataset.source_ids and alone and not (is_starter(run) or run.is_external):
        return False
    return reads(ws, run, source)


def reads(ws: Workspace, run: Run, source: Source) -> bool:
    """Return whether a network takes the cutouts of a source, at least their middle.

    Of one that has not begun yet only the bands are known; scores from a table are of their source alone.
    """
    if stored_scores.count_of(ws, run.id, source.id):
        return True
    if run.is_external:
        return False
    if not (ws.run_folder(run.name) / NORMALISATION).is_file():
        bands = datasets.dataset_by_id(ws.database, run.dataset_id).bands
        return {*bands} <= {*source.bands}
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
