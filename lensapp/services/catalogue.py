"""The labelled catalogue: every candidate of a source with score, consensus, label and known lens."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.consensus import Consensus, find_consensus
from lensapp.core.consensus_methods import ConsensusSpec
from lensapp.core.grades import checked_grade
from lensapp.services.consensus import consensus_of
from lensapp.services.estimates import estimates_of
from lensapp.services.known_lenses import DEFAULT_RADIUS_ARCSEC, KnownLenses, match_known
from lensapp.services.ledger import ledger_of_candidate
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Review, Run, Source, Vote
from lensapp.storage.workspace import Workspace

__all__ = ["catalogue", "choose_reviews", "choose_run", "ledger_of_candidate", "vote_table"]

CUTOUT_COLUMNS = ("id", "candidate_id", "ra_deg", "dec_deg", "label")
INSPECTORS_JOINED_BY = "; "


def catalogue(
    ws: Workspace,
    *,
    source_name: str,
    run_name: str | None = None,
    review_names: Sequence[str] | None = None,
    min_score: float | None = None,
    grades: Sequence[str] | None = None,
    known: KnownLenses | None = None,
    radius_arcsec: float = DEFAULT_RADIUS_ARCSEC,
    cutout_ids: NDArray[np.int64] | None = None,
    method: ConsensusSpec | None = None,
) -> pd.DataFrame:
    """Return one row per candidate of a source, highest score first.

    Parameters
    ----------
    ws
        The workspace.
    source_name
        The source.
    run_name
        The run whose scores are shown; default: the newest that scored the source.
    review_names
        The reviews whose votes are combined; default: all of the source.
    min_score, grades
        Leave out candidates that score lower or have no score; keep only these consensus grades.
    known, radius_arcsec
        Known lenses to match by position.
    cutout_ids
        Keep only these cutouts.
    method
        How votes are combined; default: by their mean.

    Returns
    -------
    DataFrame
        cutout_id, id, ra, dec (degrees, NaN where unknown), score (NaN), run (""), grade (""), mean, scatter
        (NaN), votes, inspectors, probability (NaN) where the method gives one, known_lens (""),
        known_sep_arcsec (NaN), label (""); then, of a run that
        tells classes apart or estimates values, what it says (NaN).

    Raises
    ------
    NotFound, InvalidInput
        When a name or a grade is unknown.
    """
    source = sources.get_source(ws.database, source_name)
    run = choose_run(ws, source, run_name)
    wanted = None if grades is None else {checked_grade(grade) for grade in grades}
    table = _cutouts(ws, source)
    if cutout_ids is not None:
        table = table[table["cutout_id"].isin(cutout_ids)]
    table = _with_scores(ws, table, source, run)
    if min_score is not None:
        table = table[table["score"] >= min_score]
    votes = _votes(ws, choose_reviews(ws, source, review_names))
    table = _with_consensus(table, consensus_of(ws, votes, method or ConsensusSpec()))
    if wanted is not None:
        table = table[table["grade"].isin(wanted)]
    table = _with_estimates(ws, _with_known(table, known, radius_arcsec), source, run)
    order = table.sort_values("score", ascending=False, kind="stable", na_position="last")
    return order.reset_index(drop=True)


def choose_run(ws: Workspace, source: Source, run_name: str | None) -> Run | None:
    """Return the run of that name, or the newest that scored the source, or None."""
    if run_name is not None:
        return runs.get_run(ws.database, run_name)
    scored = [run for run, scored_source, _ in runs.score_counts(ws.database) if scored_source == source.id]
    return runs.run_by_id(ws.database, max(scored)) if scored else None


def choose_reviews(ws: Workspace, source: Source, review_names: Sequence[str] | None) -> list[Review]:
    """Return the reviews of those names, or all of the source, oldest first."""
    if review_names is not None:
        return [reviews.get_review(ws.database, name) for name in dict.fromkeys(review_names)]
    every = reviews.list_reviews(ws.database)
    return [review for review in every if source.id in reviews.source_ids_of(ws.database, review)][::-1]


def _votes(ws: Workspace, chosen: Sequence[Review]) -> list[Vote]:
    return [vote for review in chosen for vote in reviews.votes_of(ws.database, review_id=review.id)]


def _cutouts(ws: Workspace, source: Source) -> pd.DataFrame:
    columns = sources.cutout_columns(ws.database, [source.id], columns=CUTOUT_COLUMNS)
    return pd.DataFrame(
        {
            "cutout_id": columns["id"],
            "id": columns["candidate_id"],
            "ra": columns["ra_deg"],
            "dec": columns["dec_deg"],
            "label": [label or "" for label in columns["label"]],
        }
    )


def _with_scores(ws: Workspace, table: pd.DataFrame, source: Source, run: Run | None) -> pd.DataFrame:
    if run is None:
        return table.assign(score=np.nan, run="")
    ids, values = runs.scores_of(ws.database, run.id, source.id)
    score = table["cutout_id"].map(pd.Series(values, index=ids))
    return table.assign(score=score.astype(float), run=np.where(score.notna(), run.name, ""))


def _with_estimates(ws: Workspace, table: pd.DataFrame, source: Source, run: Run | None) -> pd.DataFrame:
    if run is None:
        return table
    found = estimates_of(ws, run=run, source=source, cutout_ids=table["cutout_id"].to_numpy(np.int64))
    if found.columns.empty:
        return table
    named = np.where(found.notna().any(axis=1), run.name, table["run"])
    return table.assign(run=named, **{name: found[name].to_numpy(float) for name in found.columns})


def _with_consensus(table: pd.DataFrame, consensus: Consensus) -> pd.DataFrame:
    _, row, place = np.intersect1d(
        table["cutout_id"].to_numpy(), consensus.cutout_id, assume_unique=True, return_indices=True
    )
    people = np.array([INSPECTORS_JOINED_BY.join(names) for names in consensus.inspectors], object)
    columns = {
        "grade": (np.full(len(table), "", object), consensus.grade),
        "mean": (np.full(len(table), np.nan), consensus.mean),
        "scatter": (np.full(len(table), np.nan), consensus.scatter),
        "votes": (np.zeros(len(table), np.int64), consensus.votes),
        "inspectors": (np.full(len(table), "", object), people),
    }
    if consensus.probability is not None:
        columns["probability"] = (np.full(len(table), np.nan), consensus.probability)
    for column, found in columns.values():
        column[row] = found[place]
    return table.assign(**{name: column for name, (column, _) in columns.items()})


def _with_known(table: pd.DataFrame, known: KnownLenses | None, radius_arcsec: float) -> pd.DataFrame:
    if known is None:
        return table.assign(known_lens="", known_sep_arcsec=np.nan)
    name, separation = match_known(
        table["ra"].to_numpy(float), table["dec"].to_numpy(float), known, radius_arcsec=radius_arcsec
    )
    return table.assign(known_lens=name, known_sep_arcsec=separation)


def vote_table(
    ws: Workspace,
    *,
    source_name: str,
    review_names: Sequence[str] | None = None,
    cutout_ids: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Return every vote on the candidates of a source, in the order received, withdrawn ones included.

    Returns
    -------
    DataFrame
        id, review, inspector, grade ("" withdraws), contaminant, comment, voted_at and received_at (ISO
        8601, UTC), seconds_spent (NaN), stretch, score_seen, counts (whether the vote is part of the
        consensus), client, seq, value (of the grade, NaN where its letter says it), starred.

    Raises
    ------
    NotFound
        When the source or a review does not exist.
    """
    source = sources.get_source(ws.database, source_name)
    chosen = choose_reviews(ws, source, review_names)
    votes = sorted(_votes(ws, chosen), key=_received)
    counted = {votes[place].id for place in find_consensus(votes).counted.tolist()}
    columns = sources.cutout_columns(ws.database, [source.id], columns=("id", "candidate_id"))
    names = dict(zip(columns["id"].tolist(), columns["candidate_id"], strict=True))
    if cutout_ids is not None:
        names = {key: names[key] for key in cutout_ids.tolist() if key in names}
    titles = {review.id: review.name for review in chosen}
    rows = [
        _vote_row(vote, names[vote.cutout_id], titles[vote.review_id], counts=vote.id in counted)
        for vote in votes
        if vote.cutout_id in names
    ]
    return pd.DataFrame(rows, columns=list(VOTE_COLUMNS)).astype(VOTE_COLUMNS)


VOTE_COLUMNS = {
    "id": object,
    "review": object,
    "inspector": object,
    "grade": object,
    "contaminant": object,
    "comment": object,
    "voted_at": object,
    "received_at": object,
    "seconds_spent": float,
    "stretch": object,
    "score_seen": bool,
    "counts": bool,
    "client": object,
    "seq": np.int64,
    "value": float,
    "starred": bool,
}


def _received(vote: Vote) -> int:
    return vote.id


def _vote_row(vote: Vote, candidate_id: str, review_name: str, *, counts: bool) -> dict[str, Any]:
    return {
        "id": candidate_id,
        "review": review_name,
        "inspector": vote.inspector,
        "grade": vote.grade or "",
        "contaminant": vote.contaminant or "",
        "comment": vote.comment or "",
        "voted_at": _iso(vote.voted_at),
        "received_at": _iso(vote.received_at),
        "seconds_spent": np.nan if vote.seconds_spent is None else vote.seconds_spent,
        "stretch": vote.stretch or "",
        "score_seen": vote.score_seen,
        "counts": counts,
        "client": vote.client,
        "seq": vote.seq,
        "value": np.nan if vote.value is None else vote.value,
        "starred": bool(vote.starred),
    }


def _iso(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC, fine enough to keep the order of votes.

    A clock beyond the calendar gives its nearest end.
    """
    moment = datetime.fromtimestamp(min(max(seconds, 0.0), 253402300799.0), UTC)
    fine = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=fine).replace("+00:00", "Z")
