"""Replay a graded review or a labelled source: how many lenses each order would have found, and how fast."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect import replay as core
from lensapp.core.inspect.consensus import find_consensus
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.core.inspect.replay import Replay
from lensapp.services.inspect.acquisition import (
    Chosen,
    bald_priority,
    committee_priority,
    features_of,
    uncertainty,
)
from lensapp.services.inspect.blind_tests import Known
from lensapp.services.inspect.consensus import candidates_of
from lensapp.services.inspect.team import IDLE_SECONDS
from lensapp.services.score.scores import aligned_scores
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.records import Review, Run, Source
from lensapp.storage.workspace import Workspace

BATCH = 20  # candidates graded before the order of the rest is made anew
MOST_BATCHED = 2_000  # views ordered by features; the rest is by score
MOST_COMPARED = 20_000  # best-scored candidates whose features take part
LEARNED_PARTS = ("train", "validation")
FOUND_AT = 100
ORDERS = {
    "similar": "similar to the last lenses",
    "score": "score",
    "entropy": "entropy",
    "committee": "committee",
    "bald": "BALD",
    "diverse": "diverse batches",
    "shown": "as shown",
}

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Replayed:
    """A replay with what it was made of.

    Attributes
    ----------
    name, run_name
        The review or source, and the run whose scores and features gave the orders.
    result
        Lenses found by each order (of ORDERS).
    left_out
        Candidates that the run had learned from.
    absent
        Order → why it could not be drawn.
    seconds_each
        Mean seconds that inspectors spent per candidate; None where no vote has its time.
    """

    name: str
    run_name: str
    result: Replay
    left_out: int
    absent: dict[str, str]
    seconds_each: float | None


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of candidates to replay: their cutouts in the order shown, and which are lenses."""

    sources: list[Source]
    cutout_ids: Ids
    is_lens: NDArray[np.bool_]
    seconds_each: float | None
    shown: bool


def replay_orders(
    ws: Workspace, *, name: str, run_name: str | None = None, with_learned: bool = False
) -> Replayed:
    """Replay the review, or else the labelled source, called `name` in every order that can be drawn.

    Parameters
    ----------
    name
        Of a review, whose lenses are the candidates graded A or B; ungraded ones do not take part. Or of a
        source, whose labels tell.
    run_name
        The run that gives scores and features; default: that of the review, else the newest that scored.
    with_learned
        Whether candidates that the run learned from, in its training or validation part, take part.

    Raises
    ------
    NotFound
        When there is no such review, source or run.
    InvalidInput
        When no candidate is a lens or none has a score.
    """
    truth, review = _truth(ws, name)
    run = _run(ws, name, truth.sources, review, run_name)
    learned = np.isin(truth.cutout_ids, _learned(ws, run)) & (not with_learned)
    keys, is_lens = truth.cutout_ids[~learned], truth.is_lens[~learned]
    known = _known(ws, truth.sources, keys, run)
    if not np.isfinite(known.scores).any():
        raise InvalidInput(
            f"Expected scores of {name} by {run.name} that it has not learned from, received none of "
            f"{len(learned)} candidates. Score the source, or count what it learned from too."
        )
    orders, absent = _orders(ws, Chosen(truth.sources, known, run), is_lens)
    if truth.shown:
        orders = {"shown": np.arange(len(keys))} | orders
    result = core.replay(is_lens, orders)
    return Replayed(name, run.name, result, int(learned.sum()), absent, truth.seconds_each)


def _truth(ws: Workspace, name: str) -> tuple[Truth, Review | None]:
    review = next((one for one in reviews.list_reviews(ws.database) if one.name == name), None)
    if review is not None:
        return _graded(ws, review), review
    if name not in {source.name for source in sources.list_sources(ws.database)}:
        raise NotFound(f"Expected the name of a review or a source, received {name!r}.")
    source = sources.get_source(ws.database, name)
    columns = sources.cutout_columns(ws.database, [source.id], columns=("id", "label"))
    labelled = np.array([label is not None for label in columns["label"]], bool)
    is_lens = np.asarray(columns["label"][labelled] == "lens", bool)
    return Truth([source], columns["id"][labelled], is_lens, None, shown=False), None


def _graded(ws: Workspace, review: Review) -> Truth:
    votes = reviews.votes_of(ws.database, review_id=review.id)
    consensus = find_consensus(votes)
    queue = reviews.queue_of(ws.database, review.id)
    queue = queue[np.isin(queue, candidates_of(ws, [review])) & np.isin(queue, consensus.cutout_id)]
    mean = consensus.mean[np.searchsorted(consensus.cutout_id, queue)]
    spent = [min(vote.seconds_spent, IDLE_SECONDS) for vote in votes if vote.seconds_spent is not None]
    shown = [sources.source_by_id(ws.database, key) for key in reviews.source_ids_of(ws.database, review)]
    return Truth(shown, queue, mean >= LENS_FROM, float(np.mean(spent)) if spent else None, shown=True)


def _run(ws: Workspace, name: str, shown: list[Source], review: Review | None, run_name: str | None) -> Run:
    if run_name is not None:
        return runs.get_run(ws.database, run_name)
    if review is not None and review.run_id is not None:
        return runs.run_by_id(ws.database, review.run_id)
    scored = {run_id for run_id, source_id, _ in runs.score_counts(ws.database) if source_id == shown[0].id}
    found = [run for run in runs.list_runs(ws.database) if run.id in scored]
    if not found:
        raise InvalidInput(
            f"Expected a run that scored {name}, received none. Score {shown[0].name} with a run first."
        )
    return found[0]


def _learned(ws: Workspace, run: Run) -> Ids:
    parts = [
        datasets.member_columns(ws.database, run.dataset_id, part=part)["cutout_id"] for part in LEARNED_PARTS
    ]
    return np.concatenate(parts).astype(np.int64)


def _known(ws: Workspace, shown: list[Source], keys: Ids, run: Run) -> Known:
    columns = sources.cutout_columns(
        ws.database, [source.id for source in shown], columns=("id", "label", "source_id")
    )
    order = np.argsort(columns["id"])
    place = order[np.searchsorted(columns["id"][order], keys)]
    scores = aligned_scores(ws, keys, [source.id for source in shown], run_id=run.id)
    return Known(keys, scores, columns["label"][place], columns["source_id"][place])


def _orders(
    ws: Workspace, chosen: Chosen, is_lens: NDArray[np.bool_]
) -> tuple[dict[str, Ids], dict[str, str]]:
    """Return the orders that can be drawn, and why others cannot."""
    scores = chosen.known.scores
    orders = {
        "score": core.descending(scores),
        "entropy": core.descending(uncertainty(ws, chosen, "entropy")),
    }
    absent = {}
    for name, make in {"committee": committee_priority, "bald": bald_priority}.items():
        try:
            orders[name] = core.descending(make(ws, chosen))
        except (InvalidInput, NotFound) as error:
            absent[name] = str(error)
    try:
        return orders | _by_features(ws, chosen, is_lens), absent
    except NotFound as error:
        return orders, absent | dict.fromkeys(("diverse", "similar"), str(error))


def _by_features(ws: Workspace, chosen: Chosen, is_lens: NDArray[np.bool_]) -> dict[str, Ids]:
    """Return the orders by features within the best-scored candidates, followed by the others."""
    if chosen.run is None:
        return {}
    order = core.descending(chosen.known.scores)
    best, rest = order[:MOST_COMPARED], order[MOST_COMPARED:]
    features = features_of(ws, chosen.run, chosen.sources, chosen.known.ids[best])
    scores = chosen.known.scores[best]
    found = {
        "diverse": core.diverse_replay(features, scores, batch=BATCH, most=MOST_BATCHED),
        "similar": core.similar_replay(features, scores, is_lens[best], batch=BATCH, most=MOST_BATCHED),
    }
    return {name: np.concatenate([best[places], rest]) for name, places in found.items()}


def describe_replay(replayed: Replayed, *, views: int = FOUND_AT) -> dict[str, Any]:
    """Return a replay as plain JSON values: lenses found after `views` views, and beside chance.

    Returns
    -------
    dict
        name, run, candidates, lenses, left_out, views, random (mean, low, high), orders (name → found, ratio,
        completeness, views_for_half), seconds_each, hours (for these views) and absent.
    """
    result, chance = replayed.result, replayed.result.chance()
    last = min(views, result.candidates)
    mean, low, high = (float(values[last]) for values in chance)
    found, ratios, half = result.found_after(last), result.ratios(last), result.views_for(0.5)
    seconds = replayed.seconds_each
    return {
        "name": replayed.name,
        "run": replayed.run_name,
        "candidates": result.candidates,
        "lenses": result.lenses,
        "left_out": replayed.left_out,
        "views": last,
        "random": {"mean": mean, "low": low, "high": high},
        "orders": {
            name: {
                "found": found[name],
                "ratio": round(ratios[name], 3),
                "completeness": found[name] / result.lenses,
                "views_for_half": half[name],
            }
            for name in found
        },
        "seconds_each": seconds,
        "hours": None if seconds is None else core.person_hours(last, seconds),
        "absent": replayed.absent,
    }
