"""How each order of a review is made: by a priority of every candidate, highest first.

Each function marked `@_order` has the name of its row in `lensapp.core.inspect.review_orders`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core import align
from lensapp.core.acting import needs
from lensapp.core.data.conditions import Texts
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect import acquisition
from lensapp.core.inspect.consensus import find_consensus
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.score import uncertainty
from lensapp.core.score.similarity import similarity
from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.core.train.network_specs import has_dropout
from lensapp.core.typed_commands import as_typed_here
from lensapp.job_kinds import DropoutPayload
from lensapp.services.evaluate.evaluation import task_of
from lensapp.services.score.estimates import estimates_of
from lensapp.services.score.scores import ScoresState, aligned_scores, state_of_scores
from lensapp.services.train.run_listing import studies_last
from lensapp.services.train.runs import check_source_fits, require_network
from lensapp.storage import reviews, runs, sources
from lensapp.storage.columns.filtering import columns_of
from lensapp.storage.estimates import bald_store
from lensapp.storage.features import load_features
from lensapp.storage.records import Job, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

MOST_DIVERSE = 10_000  # further candidates follow by score
DEFAULT_PASSES = 20

Ids = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """All cutouts that a review could show, one entry each.

    Attributes
    ----------
    ids : int64, shape (n,)
        In the order of import.
    scores : float64, shape (n,)
        NaN where a candidate has none.
    labels : object, shape (n,)
        "lens", "nonlens", other class names or None.
    source_id : int64, shape (n,)
    """

    ids: Ids
    scores: Values
    labels: NDArray[Any]
    source_id: Ids

    def of_source(self, source_id: int) -> "Candidates":
        """Return the cutouts of one source."""
        return self.of_rows(self.source_id == source_id)

    def of_rows(self, rows: NDArray[np.bool_]) -> "Candidates":
        """Return some of them."""
        return Candidates(self.ids[rows], self.scores[rows], self.labels[rows], self.source_id[rows])


@dataclass(frozen=True, eq=False)
class Ordering:
    """What an order is made from: candidates of some sources, the run asked, and the review's settings."""

    workspace: Workspace
    sources: Sequence[Source]
    candidates: Candidates
    run: Run | None
    spec: ReviewSpec

    @property
    def chosen_run(self) -> Run:
        """The run whose scores, features or passes are asked; InvalidInput where none was chosen."""
        if self.run is None:
            raise InvalidInput(f"The order {self.spec.order} needs a run: choose one.")
        return self.run

    @property
    def source_names(self) -> str:
        """The sources, for messages."""
        return ", ".join(source.name for source in self.sources)

    def may_show(self) -> NDArray[np.bool_]:
        """Return which candidates have a label and a score that the review shows, shape (n,)."""
        spec, labels, scores = self.spec, self.candidates.labels, self.candidates.scores
        if spec.include == "all":
            included = np.ones(len(labels), bool)
        elif spec.include == "unlabelled":
            included = np.array([label is None for label in labels], bool)
        else:
            included = np.asarray(labels == spec.include, bool)
        if not spec.needs_scores:
            return included
        low = -np.inf if spec.min_score is None else spec.min_score
        high = np.inf if spec.max_score is None else spec.max_score
        return included & np.isfinite(scores) & (scores >= low) & (scores <= high)


Priority = Callable[[Ordering], Values]
PRIORITIES: dict[str, Priority] = {}


def _order(priority: Priority) -> Priority:
    PRIORITIES[priority.__name__] = priority
    return priority


def priority_of(ordering: Ordering) -> Values:
    """Return what the order of a review is made by, shape (n,): highest first, NaN is not shown."""
    return PRIORITIES[ordering.spec.order](ordering)


def ordered_candidates(ordering: Ordering) -> Ids:
    """Return the cutout ids to show, in order; of equal priority the one imported first."""
    priority, ids = priority_of(ordering), ordering.candidates.ids
    rows = np.flatnonzero(ordering.may_show() & ~np.isnan(priority))
    return ids[rows][np.lexsort((ids[rows], -priority[rows]))[: ordering.spec.limit]]


@_order
def score(ordering: Ordering) -> Values:
    """Return the scores."""
    return ordering.candidates.scores


@_order
def column(ordering: Ordering) -> Values:
    """Return values of a column of the catalogue, turned round where the lowest come first."""
    name = str(ordering.spec.sort_by)
    held = columns_of(ordering.workspace, ordering.sources, [name], ids=ordering.candidates.ids)[name]
    values = held.ranks() if isinstance(held, Texts) else np.asarray(held, np.float64)
    return values if ordering.spec.highest_first else -values


@_order
def random(ordering: Ordering) -> Values:
    """Return falling numbers along a shuffled order of what is shown."""
    rows = np.flatnonzero(ordering.may_show())
    return _falling(rows[np.random.default_rng(ordering.spec.seed).permutation(len(rows))], ordering)


@_order
def uncertain(ordering: Ordering) -> Values:
    """Return less the distance of each score to the uncertain one."""
    return -np.abs(ordering.candidates.scores - ordering.spec.uncertain_score)


@_order
def given(ordering: Ordering) -> Values:
    """Return falling numbers along the order of import."""
    return _falling(np.arange(len(ordering.candidates.ids)), ordering)


@_order
def entropy(ordering: Ordering) -> Values:
    """Return the entropy of each prediction."""
    return uncertainty.entropy(_predictions(ordering))


@_order
def margin(ordering: Ordering) -> Values:
    """Return less the margin of each prediction."""
    return -uncertainty.margin(_predictions(ordering))


def _predictions(ordering: Ordering) -> NDArray[Any]:
    """Return the scores, or the probabilities of all classes (n, k) where the run gives them."""
    ws, run, candidates = ordering.workspace, ordering.chosen_run, ordering.candidates
    task = task_of(ws, run)
    if task.kind != "classes":
        return candidates.scores
    probabilities = np.full((len(candidates.ids), len(task.classes)), np.nan)
    for source in ordering.sources:
        rows = candidates.source_id == source.id
        ids = candidates.ids[rows]
        probabilities[rows] = estimates_of(ws, run=run, source=source, cutout_ids=ids).to_numpy()
    return probabilities


@_order
def committee(ordering: Ordering) -> Values:
    """Return the scatter of the scores of several runs.

    They are those of the review's committee, else its own where there are several, else the members of the
    run where it is a committee and they scored the sources, else all runs that did.
    """
    ws, spec, candidates = ordering.workspace, ordering.spec, ordering.candidates
    of_review = (ordering.run.name, *spec.also_runs) if ordering.run is not None and spec.also_runs else ()
    members = [runs.get_run(ws.database, name) for name in spec.committee or of_review]
    if not members:
        scored_by = runs_that_scored(ws, *(source.name for source in ordering.sources))
        members = [one for one in scored_by if one.model != COMMITTEE]
        if ordering.run is not None and ordering.run.model == COMMITTEE:
            own = [one for one in members if one.name in ordering.run.spec["members"]]
            members = own if len(own) > 1 else members
    if len(members) < 2:
        raise InvalidInput(
            f"{len(members)} run has scored {ordering.source_names}, but a committee takes at least two "
            "runs: score the source with another run."
        )
    states = tuple(state_of_scores(ws, member, ordering.sources) for member in members)
    source_ids = tuple(source.id for source in ordering.sources)
    return _committee_scatter(
        ws, candidates.ids.tobytes(), source_ids, tuple(member.id for member in members), states
    ).copy()


@lru_cache(maxsize=4)  # a committee of twenty reads twenty times as many scores as there are candidates
def _committee_scatter(
    ws: Workspace,
    ids: bytes,
    source_ids: Sequence[int],
    run_ids: Sequence[int],
    _states: tuple[ScoresState, ...],
) -> Values:
    """Return the scatter of the scores that runs gave to cutouts of some sources, until these change."""
    cutout_ids = np.frombuffer(ids, np.int64)
    scores = [aligned_scores(ws, cutout_ids, source_ids, run_id=run_id) for run_id in run_ids]
    return uncertainty.committee_scatter(np.stack(scores))


def runs_that_scored(ws: Workspace, *source_names: str) -> list[Run]:
    """Return the runs that have scored all of some sources, at least in part.

    The newest come first, folds and trials of studies last.
    """
    source_ids = {sources.get_source(ws.database, name).id for name in source_names}
    scored: dict[int, set[int]] = {}
    for run_id, source_id, _ in stored_scores.score_counts(ws):
        scored.setdefault(run_id, set()).add(source_id)
    every = studies_last(ws, runs.list_runs(ws.database))
    return [run for run in every if scored.get(run.id, set()).issuperset(source_ids)]


@_order
def bald(ordering: Ordering) -> Values:
    """Return the stored BALD of each candidate."""
    ws, run = ordering.workspace, ordering.chosen_run
    require_network(ws, run)
    ids, values = [], []
    for source in ordering.sources:
        source_ids, stored = bald_store(ws, run.name, source.name).read()
        if not len(source_ids):
            raise NotFound(
                f"There is no Monte-Carlo dropout of {source.name} through {run.name} yet. "
                f"Compute it: {as_typed_here(f'bald {run.name} {source.name}', workspace=ws.folder)}"
            )
        ids.append(source_ids)
        values.append(stored[:, 0])
    return align.aligned(
        ordering.candidates.ids, np.concatenate(ids), np.concatenate(values).astype(np.float64), absent=np.nan
    )


@_order
def diverse(ordering: Ordering) -> Values:
    """Return falling numbers along batches spread over features within the best-scored; then along scores."""
    spec, candidates = ordering.spec, ordering.candidates
    rows = np.flatnonzero(ordering.may_show() & np.isfinite(candidates.scores))
    best = rows[np.lexsort((candidates.ids[rows], -candidates.scores[rows]))]
    count = min(spec.limit or len(best), MOST_DIVERSE, len(best))
    within_reach = best[: count + spec.batch * spec.pool]
    first = within_reach[
        acquisition.diverse_order(
            features_of(ordering, candidates.ids[within_reach]),
            candidates.scores[within_reach],
            batch=spec.batch,
            pool=spec.pool,
            count=count,
        )
    ]
    return _falling(np.concatenate([first, best[~np.isin(best, first)]]), ordering)


@_order
def similar(ordering: Ordering) -> Values:
    """Return the cosine of each candidate to the most similar of the last positives; NaN for these."""
    ids = ordering.candidates.ids
    examples = last_positives(ordering)
    features = features_of(ordering, examples)
    cosines = np.full(len(ids), np.nan)
    for source in ordering.sources:
        stored_ids, stored = load_features(ordering.workspace, ordering.chosen_run.name, source.name)
        of_source = similarity(stored, features)
        rows = ordering.candidates.source_id == source.id
        cosines[rows] = align.aligned(ids[rows], stored_ids, of_source, absent=np.nan)
    cosines[np.isin(ids, examples)] = np.nan
    return cosines


def _falling(rows: Ids, ordering: Ordering) -> Values:
    """Return priorities that show candidates in the order of `rows`, and no others."""
    priority = np.full(len(ordering.candidates.ids), np.nan)
    priority[rows] = -np.arange(len(rows), dtype=np.float64)
    return priority


def features_of(ordering: Ordering, cutout_ids: Ids) -> NDArray[np.floating[Any]]:
    """Return the stored features (n, d) of cutouts of the sources, in the order given."""
    run = ordering.chosen_run
    stored: list[NDArray[Any]] = []
    rows = np.full(len(cutout_ids), align.ABSENT, np.int64)
    for source in ordering.sources:
        ids, features = load_features(ordering.workspace, run.name, source.name)
        stored_rows = align.rows_of(cutout_ids, ids)
        of_source = stored_rows != align.ABSENT
        rows[of_source] = sum(map(len, stored)) + np.arange(of_source.sum())
        stored.append(np.asarray(features[stored_rows[of_source]]))
    if (rows == align.ABSENT).any():
        raise NotFound(
            f"Only {int((rows != align.ABSENT).sum())} of {len(rows)} cutouts of {ordering.source_names} "
            f"have features through {run.name}. Compute them again."
        )
    return np.asarray(np.concatenate(stored)[rows])


def last_positives(ordering: Ordering) -> Ids:
    """Return the candidates whose consensus is A or B, the last graded ones, as many as the review asks."""
    database = ordering.workspace.database
    log = [vote for source in ordering.sources for vote in reviews.votes_of(database, source_id=source.id)]
    consensus = find_consensus(log)
    positives = set(consensus.cutout_id[consensus.mean >= LENS_FROM].tolist())
    last = {vote.cutout_id: vote.id for vote in log if vote.cutout_id in positives}
    if not last:
        raise InvalidInput(
            f"No candidate of {ordering.source_names} is graded A or B yet, to find similar ones. "
            "Grade some in another order first."
        )
    newest = sorted(last, key=last.__getitem__, reverse=True)[: ordering.spec.positives]
    return np.array(newest, np.int64)


def has_bald(ws: Workspace, *, run_name: str, source_name: str) -> bool:
    """Return whether a review of a source can be ordered by the Monte-Carlo dropout of a run.

    Raises
    ------
    InvalidInput
        When the run is no single network with dropout, so that it never can.
    """
    run = runs.get_run(ws.database, run_name)
    require_network(ws, run)
    if run.model == COMMITTEE:
        raise InvalidInput(f"{run_name} is a committee, but dropout takes a single network. Choose a member.")
    _require_dropout(run)
    return len(bald_store(ws, run_name, source_name).read()[0]) > 0


def _require_dropout(run: Run) -> None:
    """Raise InvalidInput where the recipe of a run leaves dropout out."""
    network = run.spec.get("network")
    if network and not has_dropout(network, run.spec.get("network_options") or {}):
        raise InvalidInput(
            f"The network of {run.name} ({run.model}) has no dropout to make its passes differ. "
            "Choose a run with dropout, or an order by committee."
        )


@needs("work")
def start_bald(ws: Workspace, *, run_name: str, source_name: str, passes: int = DEFAULT_PASSES) -> Job:
    """Queue the Monte-Carlo dropout of a source through a run; one that waits or runs already is returned.

    Raises
    ------
    NotFound
        When the run or the source does not exist.
    InvalidInput
        When the run has no network, or one without dropout.
    BandMismatch
        When bands, their order, the size or the pixel scale differ from the network's.
    """
    run = runs.get_run(ws.database, run_name)
    source = sources.get_source(ws.database, source_name)
    require_network(ws, run)
    _require_dropout(run)
    check_source_fits(ws, run, source)
    payload: DropoutPayload = {"run": run.name, "source": source.name, "passes": passes}
    title = f"Monte-Carlo dropout of {source.name} through {run.name}"
    return jobs.enqueue(ws.database, kind="bald", title=title, payload=payload, once=True)
