"""Every vote of reviews as a table, withdrawn ones included."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.acting import may
from lensapp.storage import reviews as review_rows
from lensapp.storage import sources as source_rows
from lensapp.storage.records import BlindTest, Review, Source, Vote
from lensapp.storage.workspace import Workspace

CANDIDATE = "candidate"
VOTE_COLUMNS = {
    "id": object,
    "source": object,
    "kind": object,
    "picture_of": object,
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


def vote_table(
    ws: Workspace,
    *,
    sources: Sequence[Source],
    reviews: Sequence[Review],
    votes: Sequence[Vote],
    counted: Collection[int],
    cutout_ids: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Return every vote on the candidates of sources, in the order received, withdrawn ones included.

    `votes` are those of `reviews` on candidates, `counted` the IDs of those that the consensus counts.

    Votes on the blind tests of reviews that are closed are among them, with what each test was; those of a
    review that goes on are not, so that no export reveals to an inspector which candidates are tests; nor
    are they for who may not know. Votes that came after the closing are among them too, and do not count.

    Returns
    -------
    DataFrame
        id, source, kind ("candidate"; of a blind test "lens", "dud" or "repeat"), picture_of (the candidate
        that a blind test shows or is painted on, else ""), review, inspector, grade ("" withdraws),
        contaminant, comment, voted_at and received_at (ISO 8601, UTC), seconds_spent (NaN), stretch,
        score_seen, counts (whether the vote is part of the consensus), client, seq, value (of the grade, NaN
        where its letter says it), starred.
    """
    closed = [review for review in reviews if review.closed_at is not None and may("reveal")]
    tests = review_rows.blind_tests_of(ws.database, [review.id for review in closed])
    told = {vote.id for vote in votes}
    uncounted = [
        vote
        for review in closed
        for vote in review_rows.votes_of(
            ws.database, review_id=review.id, with_blind_tests=True, with_late=True
        )
        if vote.id not in told
    ]
    voted = np.unique(np.array([vote.cutout_id for vote in [*votes, *uncounted]], np.int64))
    asked = voted if cutout_ids is None else np.intersect1d(voted, cutout_ids)
    cells = candidate_cells(ws, sources, asked) | test_cells(ws, closed, tests)
    names = {review.id: review.name for review in reviews}
    rows = [
        cells[vote.cutout_id] | vote_cells(vote, names[vote.review_id], counts=vote.id in counted)
        for vote in sorted([*votes, *uncounted], key=attrgetter("id"))
        if vote.cutout_id in cells
    ]
    return pd.DataFrame(rows, columns=list(VOTE_COLUMNS)).astype(VOTE_COLUMNS)


def candidate_cells(
    ws: Workspace, of_sources: Sequence[Source], cutout_ids: NDArray[np.int64] | None
) -> dict[int, dict[str, str]]:
    """Return what is written about each candidate."""
    names = {source.id: source.name for source in of_sources}
    columns = source_rows.cutout_columns(
        ws.database, list(names), columns=("id", "source_id", "candidate_id")
    )
    rows = slice(None) if cutout_ids is None else np.isin(columns["id"], cutout_ids)
    cells = (columns[name][rows].tolist() for name in ("id", "source_id", "candidate_id"))
    return {
        cutout_id: {"id": candidate_id, "source": names[source_id], "kind": CANDIDATE, "picture_of": ""}
        for cutout_id, source_id, candidate_id in zip(*cells, strict=True)
    }


def test_cells(
    ws: Workspace, closed: Sequence[Review], tests: Sequence[BlindTest]
) -> dict[int, dict[str, str]]:
    """Return what is written about each blind test of reviews that are closed."""
    hosts = {test.cutout_id: test.pixels_of or test.truth.get("host") for test in tests}
    cutout_ids = {int(key) for pair in hosts.items() for key in pair if key is not None}
    cutouts = source_rows.get_cutouts(ws.database, sorted(cutout_ids))
    names = {cutout.id: cutout.candidate_id for cutout in cutouts}
    source_names = {one.id: source_rows.source_by_id(ws.database, one.source_id).name for one in closed}
    return {
        test.cutout_id: {
            "id": names[test.cutout_id],
            "source": source_names[test.review_id],
            "kind": test.kind,
            "picture_of": names.get(hosts[test.cutout_id] or 0, ""),
        }
        for test in tests
    }


def vote_cells(vote: Vote, review_name: str, *, counts: bool) -> dict[str, Any]:
    """Return what is written about one vote."""
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
