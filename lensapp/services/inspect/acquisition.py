"""Orders of active learning: what decides which candidates of a review are worth the next look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect import acquisition
from lensapp.core.inspect.consensus import find_consensus
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.core.inspect.review_order import may_show
from lensapp.core.inspect.review_spec import ORDERS_BY_PRIORITY, ReviewSpec
from lensapp.core.score.similarity import similarity
from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.job_kinds import DropoutPayload
from lensapp.services.evaluate.evaluation import task_of
from lensapp.services.inspect.blind_tests import Known
from lensapp.services.score.estimates import estimates_of
from lensapp.services.score.scores import aligned_scores
from lensapp.services.train.runs import check_source_fits, require_network
from lensapp.storage import reviews, runs, sources
from lensapp.storage.estimates import bald_store
from lensapp.storage.features import load_features
from lensapp.storage.records import Job, Run, Source
from lensapp.storage.workspace import Workspace

MOST_DIVERSE = 10_000  # further candidates follow by score
DEFAULT_PASSES = 20

Ids = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chosen:
    """What an order is made from.

    Attributes
    ----------
    sources
        The sources shown.
    known
        Their cutouts, scores and labels.
    run
        The run whose scores, features or passes with dropout are asked.
    """

    sources: Sequence[Source]
    known: Known
    run: Run | None


def priority_of(
    ws: Workspace, shown: Sequence[Source], known: Known, *, run_name: str | None, spec: ReviewSpec
) -> Values | None:
    """Return what the order of a review is made by, highest first, NaN where unknown; None if by score.

    Raises
    ------
    InvalidInput
        When the order needs a run, members of a committee or graded candidates that are not there.
    NotFound
        When it needs features or passes with dropout that have not been computed.
    """
    if spec.order not in ORDERS_BY_PRIORITY:
        return None
    if run_name is None and spec.order != "committee":
        raise InvalidInput(f"Expected a run for the order {spec.order}, received none. Choose a run.")
    run = None if run_name is None else runs.get_run(ws.database, run_name)
    chosen = Chosen(shown, known, run)
    if spec.order in ("entropy", "margin"):
        return uncertainty(ws, chosen, spec.order)
    if spec.order == "committee":
        several = (run_name, *spec.also_runs) if run_name is not None and spec.also_runs else ()
        return committee_priority(ws, chosen, spec.committee or several)
    if spec.order == "bald":
        return bald_priority(ws, chosen)
    if spec.order == "diverse":
        return diverse_priority(ws, chosen, spec)
    return similar_priority(ws, chosen, last_positives(ws, shown, spec.positives))


def uncertainty(ws: Workspace, chosen: Chosen, order: str) -> Values:
    """Return the entropy of each prediction, or less its margin; of the classes where the run tells them."""
    given: NDArray[Any] = chosen.known.scores
    if chosen.run is not None and task_of(ws, chosen.run).kind == "classes":
        given = np.full((len(chosen.known.ids), len(task_of(ws, chosen.run).classes)), np.nan)
        for source in chosen.sources:
            here = chosen.known.source_id == source.id
            keys = chosen.known.ids[here]
            given[here] = estimates_of(ws, run=chosen.run, source=source, cutout_ids=keys).to_numpy()
    return acquisition.entropy(given) if order == "entropy" else -acquisition.margin(given)


def committee_priority(ws: Workspace, chosen: Chosen, names: Sequence[str] = ()) -> Values:
    """Return the scatter of the scores of several runs.

    Parameters
    ----------
    names
        The runs; default: the members of the run where it is a committee and they scored the sources, else
        all runs that did.

    Raises
    ------
    InvalidInput
        When fewer than two scored the sources.
    """
    members = [runs.get_run(ws.database, name) for name in names] or _scored_by(ws, chosen)
    keys = [source.id for source in chosen.sources]
    if len(members) < 2:
        shown = ", ".join(source.name for source in chosen.sources)
        raise InvalidInput(
            f"Expected at least two runs that scored {shown}, received {len(members)}. "
            "Score the source with another run."
        )
    ids = chosen.known.ids
    scores = np.stack([aligned_scores(ws, ids, keys, run_id=member.id) for member in members])
    return acquisition.committee_scatter(scores)


def _scored_by(ws: Workspace, chosen: Chosen) -> list[Run]:
    wanted = {source.id for source in chosen.sources}
    scored: dict[int, set[int]] = {}
    for run_id, source_id, _ in runs.score_counts(ws.database):
        scored.setdefault(run_id, set()).add(source_id)
    found = [run for run in runs.list_runs(ws.database) if wanted <= scored.get(run.id, set())]
    single = [run for run in found if run.model != COMMITTEE]
    if chosen.run is None or chosen.run.model != COMMITTEE:
        return single
    members = [run for run in single if run.name in chosen.run.spec["members"]]
    return members if len(members) > 1 else single


def bald_priority(ws: Workspace, chosen: Chosen) -> Values:
    """Return the stored BALD of each candidate.

    Raises
    ------
    NotFound
        When it has not been computed for a source.
    """
    values = np.full(len(chosen.known.ids), np.nan)
    run = _run(chosen)
    require_network(ws, run)
    for source in chosen.sources:
        ids, stored = bald_store(ws, run.name, source.name).read()
        if not len(ids):
            raise NotFound(
                f"Expected passes with dropout of {source.name} through {run.name}, received none. "
                f"Compute them: python -m lensapp bald {run.name} {source.name}."
            )
        _put(values, chosen.known.ids, ids, stored[:, 0])
    return values


def _run(chosen: Chosen) -> Run:
    if chosen.run is None:
        raise InvalidInput("Expected a run, received none. Choose a run.")
    return chosen.run


def _put(values: Values, ids: Ids, stored_ids: Ids, stored: NDArray[Any]) -> None:
    """Write what is stored of cutouts to their places among `ids`."""
    order = np.argsort(ids)
    places = np.minimum(np.searchsorted(ids[order], stored_ids), len(ids) - 1)
    same = ids[order][places] == stored_ids
    values[order[places[same]]] = stored[same]


def diverse_priority(ws: Workspace, chosen: Chosen, spec: ReviewSpec) -> Values:
    """Return falling numbers along batches spread over features within the best-scored; then along scores."""
    known, run = chosen.known, _run(chosen)
    allowed = np.flatnonzero(may_show(known.labels, known.scores, spec) & np.isfinite(known.scores))
    best = allowed[np.lexsort((known.ids[allowed], -known.scores[allowed]))]
    count = min(spec.limit or len(best), MOST_DIVERSE, len(best))
    reached = best[: count + spec.batch * spec.pool]
    features = features_of(ws, run, chosen.sources, known.ids[reached])
    scores = known.scores[reached]
    first = reached[
        acquisition.diverse_order(features, scores, batch=spec.batch, pool=spec.pool, count=count)
    ]
    order = np.concatenate([first, best[~np.isin(best, first)]])
    priority = np.full(len(known.ids), np.nan)
    priority[order] = -np.arange(len(order), dtype=np.float64)
    return priority


def features_of(
    ws: Workspace, run: Run, shown: Sequence[Source], cutout_ids: Ids
) -> NDArray[np.floating[Any]]:
    """Return the stored features (n, d) of cutouts of some sources, in the order given.

    Raises
    ------
    NotFound
        When they have not been computed for every source, or not for one of the cutouts.
    """
    parts: list[NDArray[Any]] = []
    places = np.full(len(cutout_ids), -1, np.int64)
    for source in shown:
        ids, features = load_features(ws, run.name, source.name)
        order = np.argsort(ids)
        found = order[np.minimum(np.searchsorted(ids[order], cutout_ids), len(ids) - 1)]
        here = np.flatnonzero(ids[found] == cutout_ids)
        places[here] = sum(map(len, parts)) + np.arange(len(here))
        parts.append(np.asarray(features[found[here]]))
    if (places < 0).any():
        names = ", ".join(source.name for source in shown)
        raise NotFound(
            f"Expected the features of all cutouts of {names} through {run.name}, received those of "
            f"{int((places >= 0).sum())} of {len(places)}. Compute them again."
        )
    return np.asarray(np.concatenate(parts)[places])


def last_positives(ws: Workspace, shown: Sequence[Source], count: int) -> Ids:
    """Return the candidates of sources whose consensus is A or B, the `count` last graded ones.

    Raises
    ------
    InvalidInput
        When there is none.
    """
    log = [vote for source in shown for vote in reviews.votes_of(ws.database, source_id=source.id)]
    consensus = find_consensus(log)
    positives = set(consensus.cutout_id[consensus.mean >= LENS_FROM].tolist())
    last = {vote.cutout_id: vote.id for vote in log if vote.cutout_id in positives}
    if not last:
        names = ", ".join(source.name for source in shown)
        raise InvalidInput(
            f"Expected candidates of {names} graded A or B to find similar ones, received none. "
            "Grade some in another order first."
        )
    newest = sorted(last, key=last.__getitem__, reverse=True)[:count]
    return np.array(newest, np.int64)


def similar_priority(ws: Workspace, chosen: Chosen, examples: Ids) -> Values:
    """Return the cosine of each candidate to the example most alike it, in features; NaN for examples."""
    run = _run(chosen)
    priority = np.full(len(chosen.known.ids), np.nan)
    shown = features_of(ws, run, chosen.sources, examples)
    for source in chosen.sources:
        ids, features = load_features(ws, run.name, source.name)
        _put(priority, chosen.known.ids, ids, similarity(features, shown))
    priority[np.isin(chosen.known.ids, examples)] = np.nan
    return priority


def has_bald(ws: Workspace, *, run_name: str, source_name: str) -> bool:
    """Return whether a review of a source can be ordered by the passes with dropout through a run.

    Raises
    ------
    InvalidInput
        When the run is no single network, so that it never can.
    """
    run = runs.get_run(ws.database, run_name)
    require_network(ws, run)
    if run.model == COMMITTEE:
        raise InvalidInput(f"Expected a single network, received the committee {run_name}. Choose a member.")
    return len(bald_store(ws, run_name, source_name).read()[0]) > 0


def start_bald(ws: Workspace, *, run_name: str, source_name: str, passes: int = DEFAULT_PASSES) -> Job:
    """Queue the passes with dropout of a source through a run; one that waits or runs already is returned.

    Raises
    ------
    NotFound
        When the run or the source does not exist.
    InvalidInput
        When the run has no network.
    BandMismatch
        When bands, their order, the size or the pixel scale differ from the network's.
    """
    run = runs.get_run(ws.database, run_name)
    source = sources.get_source(ws.database, source_name)
    require_network(ws, run)
    check_source_fits(ws, run, source)
    payload: DropoutPayload = {"run": run.name, "source": source.name, "passes": passes}
    title = f"Passes with dropout of {source.name} through {run.name}"
    return jobs.enqueue(ws.database, kind="bald", title=title, payload=payload, once=True)
