"""Replay a graded review or a labelled source: how many lenses each order would have found, and how fast."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core import align
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect import replay as core
from lensapp.core.inspect.consensus import find_consensus, last_votes
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.core.inspect.pace import seconds_of
from lensapp.core.inspect.replay import Replay
from lensapp.core.inspect.review_orders import ORDERS
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.vote_files import is_imported
from lensapp.core.once import once
from lensapp.core.plurals import counted, thin_spaced
from lensapp.services.data.sources import count_cutouts, is_labelled
from lensapp.services.inspect.acquisition import (
    Candidates,
    Ordering,
    features_of,
    priority_of,
    runs_that_scored,
)
from lensapp.services.inspect.consensus import candidates_of
from lensapp.services.inspect.vote_log import voted_per_review, votes_in
from lensapp.services.score.scores import aligned_scores
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.records import Review, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

BATCH = 20  # candidates graded before the order of the rest is made anew
MOST_BATCHED = 2_000  # views ordered by features; the rest is by score
MOST_COMPARED = 20_000  # best-scored candidates whose features take part
LEARNED_PARTS = ("train", "validation")
FOUND_AT = 100
FEWEST_DRAWN = 20  # candidates: curves of fewer are steps
FEWEST_RANKED = 50  # candidates: among fewer, orders differ by chance
AS_SHOWN = "shown"
NO_SCORE = "no score of what it was not trained on"
LABELS = {name: order.label for name, order in ORDERS.items() if order.replayed} | {AS_SHOWN: "as shown"}

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Replayed:
    """A replay with what it was made of.

    Attributes
    ----------
    name, run_name
        The review or source, and the run whose scores and features gave the orders.
    result
        Lenses found by each order (of LABELS).
    left_out
        Candidates that the run had learned from.
    absent
        Order → why it could not be drawn.
    seconds_each
        Mean seconds per vote that counts, as the page Team has it; None where none has its time.
    votes, imported
        Votes that count, and how many of them came from tables: in which order their inspectors saw the
        candidates is not known. Where all did, no order is that in which they were shown.
    """

    name: str
    run_name: str
    result: Replay
    left_out: int
    absent: dict[str, str]
    seconds_each: float | None
    votes: int
    imported: int


@dataclass(frozen=True, eq=False)
class Truth:
    """Candidates to replay: their cutouts in the order shown, and which are lenses."""

    sources: list[Source]
    cutout_ids: Ids
    is_lens: NDArray[np.bool_]
    seconds_each: float | None
    votes: int = 0
    imported: int = 0


def replay_orders(
    ws: Workspace, *, name: str, run_name: str | None = None, with_learned: bool = False
) -> Replayed:
    """Replay the review, or else the labelled source, called `name` in every order that can be drawn.

    Parameters
    ----------
    name
        Of a review, whose lenses are the candidates graded A or B; ungraded ones do not take part. Or of a
        source, whose lenses are labelled.
    run_name
        The run that gives scores and features; default: that of the review, else the newest that scored.
    with_learned
        Include candidates the run was trained on (biased): those of its training and validation parts.

    Raises
    ------
    NotFound
        When there is no such review, source or run.
    InvalidInput
        When no candidate is a lens or none has a score.
    """
    truth, review = _truth(ws, name)
    _require_truth(name, truth, review)
    run = _run(ws, name, truth.sources, review, run_name)
    learned = _learned(ws, run, truth.cutout_ids) & (not with_learned)
    ids, is_lens = truth.cutout_ids[~learned], truth.is_lens[~learned]
    source_ids = [source.id for source in truth.sources]
    columns = cutout_columns(ws, source_ids, columns=("id", "label", "source_id"))
    rows = align.rows_of(ids, columns["id"])
    scores = aligned_scores(ws, ids, source_ids, run_id=run.id)
    candidates = Candidates(ids, scores, columns["label"][rows], columns["source_id"][rows])
    if learned.any() and not is_lens.any() and truth.is_lens.any():
        raise InvalidInput(
            f"{run.name} was trained on {counted(int(learned.sum()), 'candidate')} of {name}, all lenses "
            f"among them; of the {counted(len(ids), 'candidate')} left none is a lens. Include training "
            "data, or choose another run."
        )
    if not np.isfinite(candidates.scores).any():
        raise InvalidInput(
            f"{run.name} has scored none of the {len(learned)} candidates of {name} that it was not trained "
            "on. Score the source, or include candidates the run was trained on."
        )
    orders, absent = _orders_of(ws, truth.sources, candidates, is_lens, run)
    if truth.votes > truth.imported:
        orders = {AS_SHOWN: np.arange(len(ids))} | orders
    result = core.replay(is_lens, orders)
    left_out, votes = int(learned.sum()), (truth.votes, truth.imported)
    return Replayed(name, run.name, result, left_out, absent, truth.seconds_each, *votes)


def _orders_of(
    ws: Workspace, of: Sequence[Source], candidates: Candidates, is_lens: NDArray[np.bool_], run: Run
) -> tuple[dict[str, Ids], dict[str, str]]:
    """Return the candidates in every order that can be drawn, and why others cannot be."""
    orders: dict[str, Ids] = {}
    absent: dict[str, str] = {}
    for key, order in ORDERS.items():
        if not order.replayed:
            continue
        ordering = Ordering(ws, of, candidates, run, ReviewSpec(order=key, limit=MOST_BATCHED, batch=BATCH))
        try:
            if "grades" in order.needs:
                # Made anew after every batch of grades, within the best-scored; then the others.
                by_score = core.descending(candidates.scores)
                best, rest = by_score[:MOST_COMPARED], by_score[MOST_COMPARED:]
                features = features_of(ordering, candidates.ids[best])
                graded = core.similar_replay(
                    features, candidates.scores[best], is_lens[best], batch=BATCH, most=MOST_BATCHED
                )
                orders[key] = np.concatenate([best[graded], rest])
            else:
                orders[key] = core.descending(priority_of(ordering))
        except (InvalidInput, NotFound) as error:
            absent[key] = str(error)
    return orders, absent


def fitting_first(
    ws: Workspace, name: str, run_names: Sequence[str], *, with_learned: bool = False
) -> dict[str, str]:
    """Return runs with why each cannot order a review or a source, those without a reason first."""
    truth, _ = _truth(ws, name)
    sizes = {source.id: count_cutouts(ws, source) for source in truth.sources}
    unseen: dict[int, Ids] = {}  # by dataset, of which many runs have the same
    reasons = {}
    for run_name in run_names:
        run = runs.get_run(ws.database, run_name)
        if run.dataset_id not in unseen:
            seen = _learned(ws, run, truth.cutout_ids) & (not with_learned)
            unseen[run.dataset_id] = truth.cutout_ids[~seen]
        ids = unseen[run.dataset_id]
        fits = bool(len(ids)) and (
            all(stored_scores.count_of(ws, run.id, key) >= size for key, size in sizes.items())
            or np.isfinite(aligned_scores(ws, ids, list(sizes), run_id=run.id)).any()
        )
        reasons[run_name] = "" if fits else NO_SCORE
    return dict(sorted(reasons.items(), key=lambda one: bool(one[1])))


def _learned(ws: Workspace, run: Run, cutout_ids: Ids) -> NDArray[np.bool_]:
    """Return whether a run learned from each cutout: those of its training and validation parts."""
    return np.isin(cutout_ids, _learned_from(ws, run.dataset_id))


@once
def _learned_from(ws: Workspace, dataset_id: int) -> Ids:
    """Return the cutouts that networks learn from on a dataset version."""
    parts = [datasets.member_columns(ws.database, dataset_id, part=part) for part in LEARNED_PARTS]
    return np.concatenate([part["cutout_id"] for part in parts])


def replayable(ws: Workspace) -> dict[str, list[str]]:
    """Return graded reviews, then scored sources with labels, each with the runs that scored its source.

    The run by which a review was made comes first.
    """
    voted = voted_per_review(ws)
    scored_by = {source.id: runs_that_scored(ws, source.name) for source in sources.list_sources(ws.database)}
    graded = [one for one in reviews.list_reviews(ws.database) if voted.get(one.id)]
    names = {}
    for one in graded:
        of_source = scored_by.get(one.source_id, [])
        names[one.name] = [run.name for run in sorted(of_source, key=lambda run: run.id != one.run_id)]
    for source in sources.list_sources(ws.database):
        if scored_by[source.id] and is_labelled(ws, source):
            names.setdefault(source.name, [run.name for run in scored_by[source.id]])
    return names


@once
def _truth(ws: Workspace, name: str) -> tuple[Truth, Review | None]:
    review = next((one for one in reviews.list_reviews(ws.database) if one.name == name), None)
    if review is not None:
        votes = votes_in(ws, review)
        counted = [votes[row] for row in last_votes(votes).tolist()]
        consensus = find_consensus(votes)
        queue = reviews.queue_of(ws.database, review.id)
        queue = queue[np.isin(queue, candidates_of(ws, [review])) & np.isin(queue, consensus.cutout_id)]
        mean = align.aligned(queue, consensus.cutout_id, consensus.mean, absent=np.nan)
        spent = seconds_of(counted)
        of_review = [sources.source_by_id(ws.database, k) for k in reviews.source_ids_of(ws.database, review)]
        each = fmean(spent) if spent else None
        imported = sum(is_imported(vote.client) for vote in counted)
        return Truth(of_review, queue, mean >= LENS_FROM, each, len(counted), imported), review
    if name not in {source.name for source in sources.list_sources(ws.database)}:
        raise NotFound(f"There is no review or a source called {name!r}. Check the name.")
    source = sources.get_source(ws.database, name)
    columns = cutout_columns(ws, [source.id], columns=("id", "label"))
    labelled = np.array([label is not None for label in columns["label"]], bool)
    is_lens = np.asarray(columns["label"][labelled] == "lens", bool)
    return Truth([source], columns["id"][labelled], is_lens, None), None


def _require_truth(name: str, truth: Truth, review: Review | None) -> None:
    if not len(truth.cutout_ids):
        raise InvalidInput(
            f"{name} has no {'truth labels' if review is None else 'grades'}: nothing tells which candidates "
            "are lenses. Replay a graded review, or a source with labels."
        )


def _run(
    ws: Workspace, name: str, of_sources: list[Source], review: Review | None, run_name: str | None
) -> Run:
    if run_name is not None:
        return runs.get_run(ws.database, run_name)
    if review is not None and review.run_id is not None:
        return runs.run_by_id(ws.database, review.run_id)
    scored_by = runs_that_scored(ws, of_sources[0].name)
    if not scored_by:
        raise InvalidInput(f"No run has scored {name}. Score {of_sources[0].name} with a run first.")
    return scored_by[0]


def telling_views(candidates: int, lenses: int) -> int:
    """Return after how many views orders are compared at first: as many as there are lenses.

    The best order has found all of them there. At most half of the candidates are viewed: later orders differ
    little, and after all of them every order has found every lens.
    """
    return max(1, min(lenses, candidates // 2))


def too_few(result: Replay) -> bool:
    """Return whether a replay has too few candidates for curves."""
    return result.candidates < FEWEST_DRAWN


def why_unranked(result: Replay, *, views: int) -> str | None:
    """Return as a sentence why what was found after so many views ranks no order, or None where it can."""
    if result.candidates < FEWEST_RANKED:
        return (
            f"With fewer than {FEWEST_RANKED} candidates orders cannot be ranked, even where a curve leaves "
            "the band."
        )
    _, low, high = (float(values[0]) for values in result.chance(np.array([views])))
    if all(low <= found <= high for found in result.found_after(views).values()):
        return (
            f"After {counted(views, 'view')} no order can be told from chance: none lies outside the band of "
            "95 % of random orders there."
        )
    return None


def what_is_not_known(replayed: Replayed) -> str:
    """Return that imported votes do not tell in which order they were given; nothing of votes given here."""
    if not replayed.imported:
        return ""
    if replayed.imported == replayed.votes:
        return (
            "All votes were imported, and their file does not tell in which order they were given: "
            "that order is not drawn."
        )
    return (
        f"{thin_spaced(replayed.imported)} of {counted(replayed.votes, 'vote')} were imported: "
        f'"{LABELS[AS_SHOWN]}" is the order of the review, in which these need not have been given.'
    )


def describe_replay(replayed: Replayed, *, views: int = FOUND_AT) -> dict[str, Any]:
    """Return a replay as plain JSON values: lenses found after `views` views, and beside chance.

    Returns
    -------
    dict
        name, run, candidates, lenses, left_out, views, random (mean, low, high), orders (name → found, ratio,
        completeness, views_for_half), seconds_each, hours (for these views), votes, imported and absent.
    """
    result = replayed.result
    last = min(views, result.candidates)
    mean, low, high = (float(values[0]) for values in result.chance(np.array([last])))
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
        "votes": replayed.votes,
        "imported": replayed.imported,
        "absent": replayed.absent,
    }
