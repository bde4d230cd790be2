"""Which reviews the votes of a file belong to, and which candidates those show."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.candidate_ids import LONGEST_CLASS, flaw_of_id
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect.grades import HIGHEST_VALUE, MOST_OWN_GRADES, SCHEMES, GradeScheme
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.vote_files import NOTHING, grade_of, loose, spellings
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews, sources
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace

MOST_CLASSES = 15

Cells = Mapping[str, Sequence[str | None]]


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
    closed_at: float | None = None

    def is_closed_at(self, moment: float) -> bool:
        """Return whether the review was closed before `moment` (Unix time)."""
        return self.closed_at is not None and self.closed_at < moment

    @cached_property
    def _classes(self) -> dict[str, str]:
        return {one.name.casefold(): one.name for one in self.spec.classes}

    @cached_property
    def _by_loose_name(self) -> dict[str, list[int]]:
        by_name: dict[str, list[int]] = {}
        for name, cutout_ids in self.by_name.items():
            by_name.setdefault(loose(name), []).extend(cutout_ids)
        return by_name

    def cutout_id(self, candidate_id: str | None) -> int:
        """Return the cutout of a candidate; InvalidInput when the review shows none or several."""
        if flaw := flaw_of_id(candidate_id):
            raise InvalidInput(flaw)
        for spelling in spellings(str(candidate_id)):
            cutout_ids = self.by_name.get(spelling, [])
            if len(cutout_ids) > 1:
                raise InvalidInput(f"{spelling!r} is the ID of {len(cutout_ids)} candidates")
            if cutout_ids:
                return cutout_ids[0]
            alike = self._by_loose_name.get(loose(spelling), [])
            if len(alike) == 1:
                return alike[0]
        raise InvalidInput(f"{candidate_id!r} is not a candidate of {self.name}: check the ID")

    def contaminant(self, word: str | None) -> str | None:
        """Return a contaminant class of the review; InvalidInput when it has none of that name."""
        text = (word or "").strip()
        if text.casefold() in NOTHING:
            return None
        if text.casefold() not in self._classes:
            raise InvalidInput(f"{text!r} is none of the contaminants {', '.join(self._classes.values())}")
        return self._classes[text.casefold()]

    def make(self, ws: Workspace) -> None:
        """Create the review if it does not exist yet."""
        if self.review_id is None:
            made = create_review(ws, name=self.name, source_name=self.source.name, spec=self.spec)
            self.review_id = made.id


def target_reviews(
    ws: Workspace, name: str, cells: Cells, grade_map: Mapping[str, str]
) -> dict[str | None, TargetReview]:
    """Return the review for every row (under None), or one for each review that the rows name.

    `cells` are the columns of a table of votes by meaning.
    """
    by_name = {review.name: review for review in reviews.list_reviews(ws.database)}
    if name in by_name:
        return {None: _existing(ws, by_name[name])}
    of_sources = {source.name: source for source in sources.list_sources(ws.database)}
    if name not in of_sources:
        raise NotFound(
            f"There is no review or source called {name!r}. Reviews: {', '.join(by_name) or 'none yet'}; "
            f"sources: {', '.join(of_sources) or 'none yet'}."
        )
    source = of_sources[name]
    rows_by_review: dict[str | None, list[int]] = {}
    if "review" not in cells:
        rows_by_review[None] = list(range(len(cells["id"])))
    for row, review_name in enumerate(cells.get("review", ())):
        rows_by_review.setdefault(review_name or "", []).append(row)
    targets: dict[str | None, TargetReview] = {}
    for review_name, rows in rows_by_review.items():
        title = review_name or f"{name}-all"
        if title in by_name and source.id not in reviews.source_ids_of(ws.database, by_name[title]):
            title = f"{title}-{name}"  # candidates imported anew: their votes move along
        if title not in by_name:
            in_review = {meaning: [column[row] for row in rows] for meaning, column in cells.items()}
            settings = {
                "order": "given",
                "limit": None,
                **fitting_grades(in_review, grade_map),
                **_classes(in_review),
            }
            by_candidate = _candidates_by_name(ws, [source.id], None)
            targets[review_name] = TargetReview(
                title, ReviewSpec.parse(settings), source, by_candidate, is_new=True
            )
        elif source.id in reviews.source_ids_of(ws.database, by_name[title]):
            targets[review_name] = _existing(ws, by_name[title])
        else:
            raise InvalidInput(
                f"The review {title} that votes on {name} name shows another source here. "
                "Import them into that review by its name."
            )
    return targets


def shown_by(ws: Workspace, where: Review | Source, candidate_ids: Sequence[str | None]) -> int:
    """Return how many of some candidate IDs a review shows, or a source holds."""
    if isinstance(where, Review):
        target = _existing(ws, where)
    else:
        by_name = _candidates_by_name(ws, [where.id], None)
        target = TargetReview(where.name, ReviewSpec(), where, by_name)
    shown = 0
    for one in candidate_ids:
        with suppress(InvalidInput):
            target.cutout_id(one)
            shown += 1
    return shown


def fitting_grades(cells: Cells, grade_map: Mapping[str, str]) -> dict[str, object]:
    """Return the first usual grades that fit all rows; else own ones, where the file tells their values."""
    words = {(word or "").strip() for word in cells["grade"]}

    def fits(word: str, scheme: GradeScheme) -> bool:
        try:
            grade_of(word, scheme, grade_map)
        except InvalidInput:
            return False
        return True

    fitting = {name: sum(fits(word, scheme) for word in words) for name, scheme in SCHEMES.items()}
    best = max(fitting, key=lambda name: fitting[name])
    if fitting[best] == len(words) or "value" not in cells:
        return {"grades": best}
    values = {word or "": value for word, value in zip(cells["grade"], cells["value"], strict=True)}
    pairs = {word: float(value) for word, value in sorted(values.items()) if word and value is not None}
    # A file may hold only some of the grades: the ends of the scale are always offered.
    for word, value in (("lens", HIGHEST_VALUE), ("not", 0.0)):
        if value not in pairs.values():
            pairs.setdefault(word, value)
    own = [f"{word}={value!r}" for word, value in pairs.items()]
    return {"grades": "own", "own_grades": own} if len(own) <= MOST_OWN_GRADES else {"grades": best}


def _classes(cells: Cells) -> dict[str, object]:
    words = {(word or "").strip() for word in cells.get("contaminant", ())}
    usual = ReviewSpec().contaminants
    named = {name.casefold() for name in usual} | NOTHING
    new = {word.casefold(): word for word in sorted(words) if word.casefold() not in named}
    fitting = [word for word in new.values() if len(word) <= LONGEST_CLASS]
    return {"contaminants": (*usual, *fitting)[:MOST_CLASSES]}


def _existing(ws: Workspace, review: Review) -> TargetReview:
    queue = reviews.queue_of(ws.database, review.id)
    tests = [test.cutout_id for test in reviews.blind_tests_of(ws.database, [review.id])]
    by_name = _candidates_by_name(ws, reviews.source_ids_of(ws.database, review), queue)
    for test in sources.get_cutouts(ws.database, tests):
        by_name.setdefault(test.candidate_id, []).append(test.id)
    source = sources.source_by_id(ws.database, review.source_id)
    spec = ReviewSpec.parse(review.spec)
    if spec.inspectors:  # those who joined later grade as well
        joined = reviews.shares_of(ws.database, review.id)
        spec = spec.replaced(inspectors=(*spec.inspectors, *joined))
    return TargetReview(review.name, spec, source, by_name, review.id, closed_at=review.closed_at)


def _candidates_by_name(
    ws: Workspace, source_ids: Sequence[int], queue: NDArray[np.int64] | None
) -> dict[str, list[int]]:
    """Return the cutouts of sources, or those of them in a queue, by the names of their candidates."""
    columns = sources.cutout_columns(ws.database, list(source_ids), columns=("id", "candidate_id"))
    rows = slice(None) if queue is None else np.isin(columns["id"], queue)
    by_name: dict[str, list[int]] = {}
    cells = (columns[name][rows].tolist() for name in ("id", "candidate_id"))
    for cutout_id, candidate_id in zip(*cells, strict=True):
        by_name.setdefault(candidate_id, []).append(cutout_id)
    return by_name
