"""What a team of inspectors says: mean grade, scatter and number of votes per candidate.

Of each inspector only the last vote on a candidate counts, and not at all if it withdraws. "Last" is
decided without trusting the order in which votes arrive, since votes made without a connection come
hours late:

* within a client (one browser tab, one command) the running number `seq` decides;
* between clients of one inspector the inspector's clock decides, because it tells when a late vote was
  cast. A vote cannot be cast after it was received, so a clock that runs ahead is cut to the server's;
  and a clock that is set back never puts a vote before an earlier one of its client. A clock that runs
  behind cannot be told from a late delivery and is believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.grades import ABCX

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
A_ABOVE, B_FROM, C_FROM = 2.5, 1.5, 0.5
WITHDRAWN = -1.0


class CastVote(Protocol):
    """One inspector's grade of one cutout; a grade of None withdraws the vote before."""

    @property
    def client(self) -> str:
        """One browser tab or one command."""

    @property
    def seq(self) -> int:
        """Counts up within a client."""

    @property
    def cutout_id(self) -> int:
        """The cutout that was graded."""

    @property
    def inspector(self) -> str:
        """Who graded."""

    @property
    def grade(self) -> str | None:
        """A, B, C, X, a grade of another scheme, or None."""

    @property
    def value(self) -> float | None:
        """What the grade is worth, 0 to 3; None for the value of A, B, C or X."""

    @property
    def voted_at(self) -> float:
        """Seconds since 1970 by the inspector's clock."""

    @property
    def received_at(self) -> float:
        """Seconds since 1970 by the server's clock."""


@dataclass(frozen=True, eq=False)
class Consensus:
    """One entry per cutout that has at least one vote that counts, ordered by cutout.

    Attributes
    ----------
    cutout_id : int64, shape (n,)
    votes : int64, shape (n,)
        Inspectors whose vote counts.
    mean, scatter : float64, shape (n,)
        Mean of the grades' values (A, B, C, X = 3, 2, 1, 0) and their population standard deviation,
        NaN for a single vote, which has none.
    grade : object, shape (n,)
        "A" for a mean above 2.5, "B" from 1.5, "C" from 0.5, else "X"; by `probability` where there is one.
    inspectors : length n
        Their names in alphabetical order.
    counted : int64
        Positions of the votes that count in the sequence given, ordered by cutout and inspector.
    probability : float64, shape (n,), or None
        That the cutout is a lens, by a method that estimates it (see `core.inspect.consensus_methods`).
    """

    cutout_id: IntArray
    votes: IntArray
    mean: FloatArray
    scatter: FloatArray
    grade: NDArray[Any]
    inspectors: tuple[tuple[str, ...], ...]
    counted: IntArray
    probability: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.cutout_id)


def grades_of_means(mean: FloatArray) -> NDArray[Any]:
    """Return the consensus grade of each mean value, as letters: A above 2.5, B from 1.5, C from 0.5."""
    mean = np.asarray(mean, np.float64)
    grades = np.full(mean.shape, "X", object)
    grades[mean >= C_FROM] = "C"
    grades[mean >= B_FROM] = "B"
    grades[mean > A_ABOVE] = "A"
    return grades


def find_consensus(votes: Sequence[CastVote]) -> Consensus:
    """Combine votes; the result does not depend on their order or on repeated deliveries.

    Parameters
    ----------
    votes
        Any votes, on any number of cutouts and from any number of reviews.
    """
    names = sorted({vote.inspector for vote in votes})
    return consensus_of_columns(columns_of(votes), names)


def consensus_of_columns(votes: "VoteColumns", names: Sequence[str]) -> Consensus:
    """Combine votes as `find_consensus` does; `names` are those of the inspectors by their ranks."""
    counted = last_of(votes)
    ids, start, count = np.unique(votes.cutout[counted], return_index=True, return_counts=True)
    values = votes.value[counted]
    # Summed by cutout and inspector, so the result is the same to the last bit in any order.
    total = np.add.reduceat(values, start) if len(ids) else np.empty(0)
    squares = np.add.reduceat(values**2, start) if len(ids) else np.empty(0)
    mean = total / count
    scatter = np.sqrt(np.maximum(count * squares - total**2, 0.0)) / count
    people = [names[rank] for rank in votes.inspector[counted].tolist()]
    return Consensus(
        cutout_id=ids,
        votes=count.astype(np.int64),
        mean=mean,
        scatter=np.where(count > 1, scatter, np.nan),
        grade=grades_of_means(mean),
        inspectors=tuple(
            tuple(people[first : first + n]) for first, n in zip(start.tolist(), count.tolist(), strict=True)
        ),
        counted=counted,
    )


@dataclass(frozen=True, eq=False)
class VoteColumns:
    """Votes as arrays, each (n,): what decides which of them count.

    Attributes
    ----------
    cutout, seq : int64
    inspector, client : int64
        Ranks of their names (`alphabetical_ranks`), those of clients within their inspectors.
    voted_at, received_at : float64
        Seconds since 1970 by the inspector's clock and the server's.
    value : float64
        What the grade is worth, WITHDRAWN where it withdraws.
    """

    cutout: IntArray
    seq: IntArray
    inspector: IntArray
    client: IntArray
    voted_at: FloatArray
    received_at: FloatArray
    value: FloatArray


def last_votes(votes: Sequence[CastVote]) -> IntArray:
    """Return the positions of the votes that count: the last of each inspector on each cutout.

    Ordered by cutout and inspector.
    """
    return last_of(columns_of(votes))


def withdrawn_votes(votes: Sequence[CastVote]) -> dict[int, int]:
    """Return by the position of each withdrawal that of the vote it withdrew, if there is one.

    That is the one which its inspector had cast last on the same cutout.
    """
    if not votes:
        return {}
    columns = columns_of(votes)
    order = np.lexsort(
        (columns.seq, columns.client, cast_times(columns), columns.inspector, columns.cutout)
    ).tolist()
    return {
        after: before
        for before, after in pairwise(order)
        if votes[after].grade is None
        and votes[before].grade is not None
        and columns.cutout[before] == columns.cutout[after]
        and columns.inspector[before] == columns.inspector[after]
    }


def columns_of(votes: Sequence[CastVote]) -> VoteColumns:
    """Return votes as arrays."""
    return VoteColumns(
        cutout=np.array([vote.cutout_id for vote in votes], np.int64),
        seq=np.array([vote.seq for vote in votes], np.int64),
        inspector=alphabetical_ranks([vote.inspector for vote in votes]),
        client=alphabetical_ranks([tab_of(vote.inspector, vote.client) for vote in votes]),
        voted_at=np.array([vote.voted_at for vote in votes], np.float64),
        received_at=np.array([vote.received_at for vote in votes], np.float64),
        value=vote_values(votes),
    )


def last_of(votes: VoteColumns) -> IntArray:
    """Return the positions of the votes that count, as `last_votes` does.

    Most inspectors vote once on a cutout: when votes were cast matters for the others only.
    """
    if not len(votes.cutout):
        return np.empty(0, np.int64)
    cutout = np.unique(votes.cutout, return_inverse=True)[1].astype(np.int64)
    pair = cutout * (int(votes.inspector.max()) + 1) + votes.inspector
    order = np.argsort(pair, kind="stable")
    same = np.diff(pair[order]) == 0
    again = np.append(same, False) | np.append(False, same)
    if again.any():
        rows = order[again]
        times = cast_times(votes)[rows]
        order[again] = rows[np.lexsort((votes.seq[rows], votes.client[rows], times, pair[rows]))]
    last = order[np.append(~same, True)]
    return np.asarray(last[votes.value[last] != WITHDRAWN], np.int64)


def tab_of(inspector: str, client: str) -> str:
    """Return the name of a client that is its inspector's own.

    Another who votes under the client's name does not touch these votes.
    """
    return f"{inspector}\0{client}"


def alphabetical_ranks(names: Sequence[str]) -> IntArray:
    """Number names alphabetically, so that ties do not depend on the order given."""
    rank = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([rank[name] for name in names], np.int64)


def vote_values(votes: Sequence[CastVote]) -> FloatArray:
    """Return what each vote is worth, 0 to 3, and WITHDRAWN where it withdraws; shape (n,)."""
    return values_of([vote.grade for vote in votes], [vote.value for vote in votes])


def values_of(grades: Sequence[str | None], values: Sequence[float | None]) -> FloatArray:
    """Return what grades are worth, as `vote_values`, with what their schemes say where these say it."""
    by_grade: dict[str | None, float] = {None: WITHDRAWN}
    by_grade.update(ABCX.values)
    try:
        worth = [
            by_grade[grade] if grade is None or value is None else value
            for grade, value in zip(grades, values, strict=True)
        ]
    except KeyError as error:
        raise InvalidInput(
            f"The vote {error.args[0]!r} has no value: vote again with one of {', '.join(ABCX.letters)}."
        ) from error
    return np.array(worth, np.float64)


def cast_times(votes: VoteColumns) -> FloatArray:
    """Return when each vote was cast: never after its reception, never before an earlier `seq`."""
    seq, client = votes.seq, votes.client
    order = np.lexsort((seq, client))
    # Ranks instead of seconds: a running maximum per client is one over (client, rank).
    rank = np.unique(np.minimum(votes.voted_at, votes.received_at), return_inverse=True)[1].astype(np.int64)
    step = int(rank.max()) + 1
    running = np.maximum.accumulate(rank[order] + client[order] * step) - client[order] * step
    times = np.empty(len(seq), np.float64)
    times[order] = running
    return times
