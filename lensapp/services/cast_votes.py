"""Every vote of reviews as a table, withdrawn ones included."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.consensus import find_consensus
from lensapp.services.catalogue import choose_reviews, chosen_sources, votes_of
from lensapp.storage import sources
from lensapp.storage.records import Source, Vote
from lensapp.storage.workspace import Workspace


def vote_table(
    ws: Workspace,
    *,
    source_name: str,
    also_sources: Sequence[str] = (),
    review_names: Sequence[str] | None = None,
    cutout_ids: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Return every vote on the candidates of sources, in the order received, withdrawn ones included.

    Returns
    -------
    DataFrame
        id, source, review, inspector, grade ("" withdraws), contaminant, comment, voted_at and received_at
        (ISO 8601, UTC), seconds_spent (NaN), stretch, score_seen, counts (whether the vote is part of the
        consensus), client, seq, value (of the grade, NaN where its letter says it), starred.

    Raises
    ------
    NotFound
        When the source or a review does not exist.
    """
    shown = chosen_sources(ws, source_name, also_sources)
    chosen = choose_reviews(ws, shown, review_names)
    votes = sorted(votes_of(ws, chosen), key=_received)
    counted = {votes[place].id for place in find_consensus(votes).counted.tolist()}
    names = _names_of(ws, shown, cutout_ids)
    titles = {review.id: review.name for review in chosen}
    rows = [
        names[vote.cutout_id] | _vote_row(vote, titles[vote.review_id], counts=vote.id in counted)
        for vote in votes
        if vote.cutout_id in names
    ]
    return pd.DataFrame(rows, columns=list(VOTE_COLUMNS)).astype(VOTE_COLUMNS)


def _names_of(
    ws: Workspace, shown: Sequence[Source], cutout_ids: NDArray[np.int64] | None
) -> dict[int, dict[str, str]]:
    """Return source and name of each cutout."""
    titles = {source.id: source.name for source in shown}
    columns = sources.cutout_columns(ws.database, list(titles), columns=("id", "source_id", "candidate_id"))
    kept = slice(None) if cutout_ids is None else np.isin(columns["id"], cutout_ids)
    cells = (columns[name][kept].tolist() for name in ("id", "source_id", "candidate_id"))
    return {key: {"source": titles[owner], "id": name} for key, owner, name in zip(*cells, strict=True)}


VOTE_COLUMNS = {
    "id": object,
    "source": object,
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


def _vote_row(vote: Vote, review_name: str, *, counts: bool) -> dict[str, Any]:
    return {
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
