"""Which reviews the votes of a file belong to, and which candidates those show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect.grade_schemes import MOST_OWN_GRADES, SCHEMES
from lensapp.core.inspect.grades import HIGHEST_VALUE
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.vote_files import NOTHING, grade_of, spellings
from lensapp.services.inspect.vote_tables import VoteTable
from lensapp.services.inspect.votes import check_inspector, create_review
from lensapp.storage import reviews, sources
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace

MOST_CLASSES = 15
LONGEST_CLASS = 100


@dataclass(eq=False)
class TargetReview:
    """A review that votes go to; `review_id` is None until it is made.

    `by_name` holds the cutouts that it shows by the names of their candidates.
    """

    name: str
    spec: ReviewSpec
    source: Source
    by_name: dict[str, list[int]]
    review_id: int | None = None
    is_new: bool = False

    @cached_property
    def _classes(self) -> dict[str, str]:
        return {one.name.casefold(): one.name for one in self.spec.classes}

    def cutout_id(self, candidate_id: str | None) -> int:
        """Return the cutout of a candidate; InvalidInput when the review shows none or several."""
        for spelling in spellings(candidate_id or ""):
            found = self.by_name.get(spelling, [])
            if len(found) == 1:
                return found[0]
            if found:
                raise InvalidInput(f"expected one candidate, received {spelling!r}, the ID of {len(found)}")
        raise InvalidInput(f"expected a candidate of {self.name}, received {candidate_id!r}: check the ID")

    def contaminant(self, word: str | None) -> str | None:
        """Return a contaminant class of the review; InvalidInput when it has none of that name."""
        text = (word or "").strip()
        if text.casefold() in NOTHING:
            return None
        known = self._classes.get(text.casefold())
        if known is None:
            raise InvalidInput(
                f"expected a contaminant of {', '.join(self._classes.values())}, received {text!r}"
            )
        return known

    def check_inspector(self, person: str) -> None:
        """Raise InvalidInput unless the inspector may vote in the review."""
        check_inspector(self.spec, person)

    def make(self, ws: Workspace) -> None:
        """Create the review if it does not exist yet."""
        if self.review_id is None:
            made = create_review(ws, name=self.name, source_name=self.source.name, spec=self.spec)
            self.review_id = made.id


def target_reviews(
    ws: Workspace, name: str, table: VoteTable, grade_map: Mapping[str, str]
) -> dict[str | None, TargetReview]:
    """Return the review for every row (under None), or one for each review that the rows name.

    Raises
    ------
    NotFound
        When neither a review nor a source is called `name`.
    InvalidInput
        When a review that the rows name shows another source, or no grades would fit a new one.
    """
    existing = {review.name: review for review in reviews.list_reviews(ws.database)}
    if name in existing:
        return {None: _existing(ws, existing[name])}
    by_name = {source.name: source for source in sources.list_sources(ws.database)}
    if name not in by_name:
        raise NotFound(
            f"Expected the name of a review or a source, received {name!r}. Known reviews: "
            f"{', '.join(existing) or 'none yet'}; sources: {', '.join(by_name) or 'none yet'}."
        )
    if "review" not in table.columns:
        rows_of: dict[str | None, list[int]] = {None: list(range(len(table)))}
    else:
        rows_of = {}
        for place, review in enumerate(table.cells["review"]):
            rows_of.setdefault(review or "", []).append(place)
    return {
        review: _target(
            ws, review or f"{name}-all", by_name[name],
            existing=existing, table=table, grade_map=grade_map, rows=rows,
        )
        for review, rows in rows_of.items()
    }  # fmt: skip


def _target(
    ws: Workspace,
    review_name: str,
    source: Source,
    *,
    existing: Mapping[str, Review],
    table: VoteTable,
    grade_map: Mapping[str, str],
    rows: Sequence[int],
) -> TargetReview:
    if review_name in existing:
        review = existing[review_name]
        if source.id not in reviews.source_ids_of(ws.database, review):
            raise InvalidInput(
                f"Expected votes on {source.name}, received those of the review {review_name}, which shows "
                "another source here. Import them into that review by its name."
            )
        return _existing(ws, review)
    grades = [table.cells["grade"][place] for place in rows]
    spec = ReviewSpec.parse(
        {"order": "given", "limit": None, **_scheme(table, grades, rows, grade_map), **_classes(table, rows)}
    )
    shown = _candidates(ws, [source.id], None)
    return TargetReview(review_name, spec, source, shown, is_new=True)


def _scheme(
    table: VoteTable, grades: Sequence[str | None], rows: Sequence[int], grade_map: Mapping[str, str]
) -> dict[str, object]:
    """Return the first usual grades that fit all rows; else own ones, where the file tells their values."""
    words = {(word or "").strip() for word in grades}
    fitting = {name: sum(_fits(word, name, grade_map) for word in words) for name in SCHEMES}
    best = max(fitting, key=lambda name: fitting[name])
    values = table.cells.get("value")
    if fitting[best] == len(words) or values is None:
        return {"grades": best}
    worth = {(table.cells["grade"][place] or ""): values[place] for place in rows}
    pairs = {word: float(value) for word, value in sorted(worth.items()) if word and value is not None}
    # A file may hold only some of the grades: the ends of the scale are always offered.
    for word, value in (("lens", HIGHEST_VALUE), ("not", 0.0)):
        if value not in pairs.values():
            pairs.setdefault(word, value)
    own = [f"{word}={value!r}" for word, value in pairs.items()]
    return {"grades": "own", "own_grades": own} if len(own) <= MOST_OWN_GRADES else {"grades": best}


def _fits(word: str, scheme: str, grade_map: Mapping[str, str]) -> bool:
    try:
        grade_of(word, SCHEMES[scheme], grade_map)
    except InvalidInput:
        return False
    return True


def _classes(table: VoteTable, rows: Sequence[int]) -> dict[str, object]:
    cells = table.cells.get("contaminant")
    words = {(cells[place] or "").strip() for place in rows} if cells else set()
    usual = ReviewSpec().contaminants
    known = {name.casefold() for name in usual} | NOTHING
    new = {word.casefold(): word for word in sorted(words) if word.casefold() not in known}
    fitting = [word for word in new.values() if len(word) <= LONGEST_CLASS]
    return {"contaminants": (*usual, *fitting)[:MOST_CLASSES]}


def _existing(ws: Workspace, review: Review) -> TargetReview:
    shown = reviews.queue_of(ws.database, review.id)
    tests = [test.cutout_id for test in reviews.blind_tests_of(ws.database, [review.id])]
    by_name = _candidates(ws, reviews.source_ids_of(ws.database, review), shown)
    for test in sources.get_cutouts(ws.database, tests):
        by_name.setdefault(test.candidate_id, []).append(test.id)
    source = sources.source_by_id(ws.database, review.source_id)
    return TargetReview(review.name, ReviewSpec.parse(review.spec), source, by_name, review.id)


def _candidates(
    ws: Workspace, source_ids: Sequence[int], shown: NDArray[np.int64] | None
) -> dict[str, list[int]]:
    columns = sources.cutout_columns(ws.database, list(source_ids), columns=("id", "candidate_id"))
    ids, names = columns["id"], columns["candidate_id"]
    if shown is not None:
        held = np.isin(ids, shown)
        ids, names = ids[held], names[held]
    by_name: dict[str, list[int]] = {}
    for key, candidate_id in zip(ids.tolist(), names.tolist(), strict=True):
        by_name.setdefault(candidate_id, []).append(key)
    return by_name
