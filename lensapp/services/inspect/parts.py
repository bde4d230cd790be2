"""A part of a review: the candidates that a filter leaves, in an order of the inspector's own.

The queue stays as it is. What would tell the votes of others where these are hidden, or which candidates are
blind tests, is refused with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.align import ABSENT, aligned, rows_of
from lensapp.core.config import Spec
from lensapp.core.data.conditions import Column, Texts, Where, parse_filter, spelling_of
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus import Consensus, find_consensus, last_votes
from lensapp.core.inspect.inspector_names import inspector_key
from lensapp.services.data.filters import EXAMPLE_OF_SCORE, example_filter, filter_columns
from lensapp.services.data.known_lenses import kept_known_lenses, nearest_known
from lensapp.services.inspect.gallery import OPEN_REVIEWS, OpenReview, known_lens_radius
from lensapp.services.inspect.vote_log import votes_in
from lensapp.services.inspect.votes import Mark, current_votes, marks_of
from lensapp.services.score.scores import joint_scores
from lensapp.storage import reviews, sources
from lensapp.storage.columns.filtering import columns_of, kept_by
from lensapp.storage.columns.source_columns import OWN, ColumnInfo
from lensapp.storage.records import Source, Vote

SCORE, KNOWN_LENS = "score", "known_lens"
MINE = (
    ColumnInfo("my_grade", "", is_text=True),
    ColumnInfo("my_class", "", is_text=True),
    ColumnInfo("my_comment", "", is_text=True),
    ColumnInfo("my_star", "", is_text=False),
    ColumnInfo("my_seconds", "s", is_text=False),
    ColumnInfo("my_time", "s", is_text=False),
)
OF_ALL = (
    ColumnInfo("grade", "", is_text=True),
    ColumnInfo("mean", "", is_text=False),
    ColumnInfo("scatter", "", is_text=False),
    ColumnInfo("votes", "", is_text=False),
)
BY = "grade by "  # and an inspector's name
TRUTHS = ("label", "class")
AS_SHOWN = ("id", "ra", "dec")  # which blind tests have of their own
FEWEST_DISPUTING = 2

Ids = NDArray[np.int64]


class PartSpec(Spec):
    """Which candidates of a review are shown, and in what order."""

    where: Where = Field(
        None,
        title="Filter",
        description="Show only candidates that fulfil this, by columns, scores, or your own grades.",
    )
    show: tuple[Literal["disputed", "known"], ...] = Field(
        (), title="Only", description="Only candidates with differing votes, or at known lenses."
    )
    sort: str | None = Field(
        None, max_length=300, title="Sort by", description="Column to sort by; empty: the review's order."
    )
    highest_first: bool = Field(default=False, title="Highest first", description="Highest value first.")


@dataclass(frozen=True, eq=False)
class Part:
    """Ids in the order shown, as browsers know them, and whether filter or order tell scores."""

    ids: Ids
    tells_scores: bool


def part_of(opened: OpenReview, spec: PartSpec, *, inspector: str) -> Part:
    """Return the candidates of a review that a filter leaves, in the order asked for.

    Unknown values fulfil nothing and come last.

    Raises
    ------
    InvalidInput
        When the filter cannot be read, a column is unknown, or it would tell what the review hides.
    """
    table = _Table(opened, inspector)
    filtered = parse_filter(spec.where).names if spec.where else ()
    asked = [
        *filtered,
        *([spec.sort] if spec.sort else []),
        *(["scatter"] if "disputed" in spec.show else []),
    ]
    every = [one.name for one in part_columns(opened)]
    refused = [*(one.name for one in OF_ALL), *_hidden(opened)]
    spelt = [
        one if one.startswith(BY) else spelling_of(one, dict.fromkeys([*every, *refused])) for one in asked
    ]
    _refuse_telling(opened, spelt)
    known = table.known(spelt)
    kept = np.ones(len(table.cutouts), bool)
    if spec.where:
        kept &= kept_by(opened.workspace, table.owners, spec.where, ids=table.hosts, known=known)
    if "disputed" in spec.show:
        kept &= (table.of_all("votes") >= FEWEST_DISPUTING) & (table.of_all("scatter") > 0)
    if "known" in spec.show:
        kept &= table.known_lens.codes >= 0
    rows = np.flatnonzero(kept)
    if spec.sort:
        column = table.column(spelling_of(spec.sort, every), known)
        values = column.ranks() if isinstance(column, Texts) else np.asarray(column, float)
        values = values[rows]
        rows = rows[np.argsort(-values if spec.highest_first else values, kind="stable")]  # NaN comes last
    return Part(opened.queue[rows], SCORE in spelt)


def part_columns(opened: OpenReview) -> list[ColumnInfo]:
    """Return what a part of a review may be filtered by."""
    scores = [ColumnInfo(SCORE, "", is_text=False)] if opened.run_ids else []
    lenses = [ColumnInfo(KNOWN_LENS, "", is_text=True)] if kept_known_lenses(opened.workspace) else []
    of_all: list[ColumnInfo] = []
    if not opened.spec.blind_to_others:
        of_all = [*OF_ALL, *(ColumnInfo(f"{BY}{name}", "", is_text=True) for name in _voters(opened))]
    own = [*scores, *MINE, *of_all, *lenses]
    taken, hidden = {one.name for one in own}, _hidden(opened)
    return own + [
        one
        for one in filter_columns(opened.workspace, _owners(opened))
        if one.name not in taken and one.name not in hidden
    ]


def sortable(opened: OpenReview, columns: Sequence[ColumnInfo]) -> list[ColumnInfo]:
    """Return by which of these columns a review can be sorted."""
    own = {SCORE, *(one.name for one in (*MINE, *OF_ALL))}
    return [one for one in columns if not opened.blind_tests or one.name in own]


@lru_cache(maxsize=OPEN_REVIEWS)
def example_of_part(opened: OpenReview) -> str:
    """Return a filter as an example: on a measure that most candidates have, and on the score."""
    measure = example_filter(opened.workspace, _owners(opened))
    offered = {one.name for one in part_columns(opened)}
    conditions = [measure] if measure.split(" ")[0] in offered else []
    if opened.run_ids:
        conditions.append(EXAMPLE_OF_SCORE)
    return " & ".join(conditions) or 'my_grade == "A"'


def why_blind(opened: OpenReview) -> str | None:
    """Return why a review cannot be filtered by the votes of others, or None where it can."""
    if not opened.spec.blind_to_others:
        return None
    return (
        "This review hides the votes of others while it is open, so that it cannot be filtered or sorted by "
        "them."
    )


def _owners(opened: OpenReview) -> list[Source]:
    database = opened.workspace.database
    return [sources.source_by_id(database, key) for key in reviews.source_ids_of(database, opened.review)]


def _voters(opened: OpenReview) -> list[str]:
    return sorted({vote.inspector for vote in votes_in(opened.workspace, opened.review)})


def _hidden(opened: OpenReview) -> tuple[str, ...]:
    """Return the columns with the truth, where the review is blind."""
    return TRUTHS if opened.spec.blind or opened.blind_tests else ()


def _refuse_telling(opened: OpenReview, names: Sequence[str]) -> None:
    """Raise InvalidInput where a filter would tell what the review hides."""
    of_all = [one.name for one in OF_ALL]
    told = [name for name in names if name in of_all or name.startswith(BY)]
    reason = why_blind(opened)
    if told and reason is not None:
        raise InvalidInput(
            f"{reason} Filter by your own grade (my_grade), by scores or columns instead of {told[0]}, or "
            "close the review on the page Team first."
        )
    for name in names:
        if name in _hidden(opened):
            raise InvalidInput(
                f"This review is blind, and {name} would tell the truth. Filter by other columns."
            )


class _Table:
    """What is known of each candidate of a queue, computed as it is asked for.

    Blind tests have the columns of the cutouts that they show, and scores, names and positions of their own,
    so that no filter takes them out or leaves them alone.
    """

    def __init__(self, opened: OpenReview, inspector: str) -> None:
        self.opened, self.workspace, self.inspector = opened, opened.workspace, inspector
        self.cutouts = opened.queued_cutouts
        self.owners = _owners(opened)
        tests = opened.blind_tests
        hosts = {key: test.pixels_of or int(test.truth["host"]) for key, test in tests.items()}
        self.hosts = self.cutouts
        if hosts:
            self.hosts = np.array([hosts.get(key, key) for key in self.cutouts.tolist()], np.int64)

    def known(self, names: Sequence[str]) -> dict[str, Column]:
        """Return those columns among `names` that no catalogue has."""
        producers: dict[str, Callable[[str], Column]] = {one.name: self.mine for one in MINE}
        producers |= {one.name: self.of_all for one in OF_ALL} | {"grade": self.grade}
        producers |= {KNOWN_LENS: lambda _: self.known_lens}
        producers |= {SCORE: lambda _: self.scores} if self.opened.run_ids else {}
        producers |= dict.fromkeys(AS_SHOWN, self.as_shown) if self.opened.blind_tests else {}
        producers |= {name: self.by for name in names if name.startswith(BY)}
        return {name: producers[name](name) for name in dict.fromkeys(names) if name in producers}

    def column(self, name: str, known: Mapping[str, Column]) -> Column:
        """Return a column to sort by."""
        if name in known:
            return known[name]
        if self.opened.blind_tests:
            raise InvalidInput(
                f"Sorted by {name}, candidates that this review shows twice would stand side by side. Sort "
                "by score or by your own grades, or filter by it."
            )
        return columns_of(self.workspace, self.owners, [name], ids=self.cutouts)[name]

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        opened = self.opened
        scores = joint_scores(
            self.workspace,
            self.cutouts,
            [source.id for source in self.owners],
            run_ids=opened.run_ids,
            how=opened.spec.combine,
        )
        tests = opened.blind_tests
        keys = np.array([*tests], np.int64)
        pretended = np.array([np.nan if one.score is None else one.score for one in tests.values()])
        rows = rows_of(self.cutouts, keys)
        return np.where(rows == ABSENT, scores, np.append(pretended, np.nan)[rows])

    @cached_property
    def _marks(self) -> dict[int, Mark]:
        return marks_of(self.workspace, review=self.opened.review, inspector=self.inspector)

    def mine(self, name: str) -> Column:
        """Return what the inspector has said: a grade, a class, a comment, a star, seconds, or when."""
        marks = [self._marks.get(key) for key in self.cutouts.tolist()]
        if name == "my_time":
            when = {vote.cutout_id: vote.voted_at for vote in self._own_votes}
            return np.array([when.get(key, np.nan) for key in self.cutouts.tolist()], np.float64)
        if name == "my_star":
            return np.array([mark is not None and mark.starred for mark in marks], np.float64)
        if name == "my_seconds":
            seconds = [None if mark is None else mark.seconds_spent for mark in marks]
            return np.array([np.nan if one is None else one for one in seconds], np.float64)
        field = {"my_grade": "grade", "my_class": "contaminant", "my_comment": "comment"}[name]
        return Texts.of([None if mark is None else getattr(mark, field) for mark in marks])

    @property
    def _own_votes(self) -> list[Vote]:
        log = reviews.votes_of(
            self.workspace.database,
            review_id=self.opened.review.id,
            inspector=self.inspector,
            with_blind_tests=True,
        )
        return [log[row] for row in last_votes(log).tolist()]

    @cached_property
    def _votes(self) -> list[Vote]:
        return votes_in(self.workspace, self.opened.review, with_blind_tests=True)

    @cached_property
    def _consensus(self) -> Consensus:
        return find_consensus(self._votes)

    def _of_consensus(self, name: str) -> tuple[Ids, NDArray[Any]]:
        return self._consensus.cutout_id, getattr(self._consensus, name)

    def of_all(self, name: str) -> NDArray[np.float64]:
        """Return mean, scatter or number of the votes of all; none of unknown candidates."""
        absent = 0 if name == "votes" else np.nan
        return np.asarray(aligned(self.cutouts, *self._of_consensus(name), absent=absent), np.float64)

    def grade(self, _name: str) -> Texts:
        """Return the consensus grades by the mean of the votes."""
        return Texts.of(aligned(self.cutouts, *self._of_consensus("grade"), absent=""))

    def by(self, name: str) -> Texts:
        """Return the grades that the inspector in a column's name gave."""
        own = inspector_key(name.removeprefix(BY))
        grades = {
            key: vote.grade
            for (voter, key), vote in current_votes(self._votes).items()
            if inspector_key(voter) == own
        }
        return Texts.of([grades.get(key) for key in self.cutouts.tolist()])

    @cached_property
    def known_lens(self) -> Texts:
        """The name of the known lens at each candidate."""
        table = kept_known_lenses(self.workspace)
        if table is None:
            raise InvalidInput(
                "There is no table of known lenses yet: add one on the page Catalogue (Known)."
            )
        ra, dec = (np.asarray(self.as_shown(name), np.float64) for name in ("ra", "dec"))
        matches = nearest_known(ra, dec, table, radius_arcsec=known_lens_radius(self.opened.source))
        return Texts.of([None if match is None else match["name"] for match in matches])

    def as_shown(self, name: str) -> Column:
        """Return names or positions, those of blind tests as inspectors see them."""
        column = columns_of(self.workspace, self.owners, [name], ids=self.hosts)[name]
        tests = sources.get_cutouts(self.workspace.database, list(self.opened.blind_tests))
        own = {test.id: getattr(test, OWN[name]) for test in tests}
        cells = column.cells() if isinstance(column, Texts) else np.asarray(column, object)
        shown = [own.get(key, cell) for key, cell in zip(self.cutouts.tolist(), cells.tolist(), strict=True)]
        return Texts.of(shown) if isinstance(column, Texts) else np.array(shown, np.float64)
