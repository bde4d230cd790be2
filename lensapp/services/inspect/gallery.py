"""What the gallery shows: pictures, raw pixels and facts of a review's candidates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data import imaging, pixel_codes
from lensapp.core.data.column_names import label_and_unit
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus import last_votes
from lensapp.core.inspect.inspector_names import inspector_key
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, kept_known_lenses, nearest_known
from lensapp.services.data.pictures import picture_key, source_levels, values_of
from lensapp.services.evaluate.calibrations import calibrated_by_id
from lensapp.services.score.scores import joint_scores_of
from lensapp.storage import reviews, runs, sources
from lensapp.storage.arrays import Pixels
from lensapp.storage.columns.source_columns import UNITS
from lensapp.storage.cutouts import read_cutouts
from lensapp.storage.records import BlindTest, Cutout, Review, Source
from lensapp.storage.workspace import Workspace

OPEN_REVIEWS = 8
ORIENTATION = ("north_deg", "east_left")  # of a cutout, where its file's header tells

Ids = NDArray[np.int64]


@dataclass(eq=False)
class OpenReview:
    """A review with all that its pictures need; nothing in it changes after the review was made."""

    workspace: Workspace
    review: Review

    @cached_property
    def spec(self) -> ReviewSpec:
        """What was set when the review was made."""
        return ReviewSpec.parse(self.review.spec)

    @cached_property
    def source(self) -> Source:
        """The first survey that the candidates come from; any others have its bands and size."""
        return sources.source_by_id(self.workspace.database, self.review.source_id)

    @cached_property
    def selection(self) -> dict[str, str]:
        """The names of its `source` and, where it has scores, its `run`."""
        names = {"source": self.source.name}
        if self.review.run_id is not None:
            names["run"] = runs.run_by_id(self.workspace.database, self.review.run_id).name
        return names

    @cached_property
    def queued_cutouts(self) -> Ids:
        """Cutout ids in the order shown, which browsers do not know where there are blind tests."""
        return reviews.queue_of(self.workspace.database, self.review.id)

    @cached_property
    def queue(self) -> Ids:
        """Ids in the order shown, as browsers know them.

        They are cutout ids; with blind tests, whose cutout ids would stand out, positions in the queue.
        """
        cutouts = self.queued_cutouts
        return np.arange(1, len(cutouts) + 1, dtype=np.int64) if self.blind_tests else cutouts

    def cutout_ids(self, ids: Sequence[int]) -> list[int]:
        """Return the cutout ids of candidates of the review, given as browsers know them."""
        self.check_members(ids)
        if not self.blind_tests:
            return [int(key) for key in ids]
        return [int(key) for key in self.queued_cutouts[np.asarray(ids, np.int64) - 1]]

    def shown_ids(self, cutout_ids: Sequence[int]) -> list[int]:
        """Return cutouts of the review as browsers know them."""
        return [self.position_of[int(key)] if self.blind_tests else int(key) for key in cutout_ids]

    @cached_property
    def position_of(self) -> dict[int, int]:
        """Positions in the queue, from 1, by cutout id."""
        return {key: position for position, key in enumerate(self.queued_cutouts.tolist(), 1)}

    def holds(self, cutout_id: int) -> bool:
        """Return whether the review shows a cutout."""
        return bool((self.queued_cutouts == cutout_id).any())

    @cached_property
    def levels(self) -> imaging.Levels:
        """Sky, noise and brightness of the source."""
        return source_levels(self.workspace, self.source)

    @property
    def picture_key(self) -> str:
        """Changes whenever a picture of the same cutout id could look different."""
        own = f"-{self.review.id}" if self.blind_tests else ""
        return f"{picture_key(self.workspace, self.source)}{own}"

    @cached_property
    def _sorted_queue(self) -> Ids:
        return np.sort(self.queue)  # once: with a million candidates sorting takes longer than an answer may

    @cached_property
    def blind_tests(self) -> dict[int, BlindTest]:
        """The blind tests among the candidates, by cutout id."""
        tests = reviews.blind_tests_of(self.workspace.database, [self.review.id])
        return {test.cutout_id: test for test in tests}

    @cached_property
    def run_ids(self) -> list[int]:
        """The runs whose scores are shown, the review's own first."""
        also = (runs.get_run(self.workspace.database, name).id for name in self.spec.also_runs)
        return [] if self.review.run_id is None else [*dict.fromkeys((self.review.run_id, *also))]

    def scores(self, ids: Sequence[int]) -> dict[int, float]:
        """Return the scores of candidates by cutout id: its runs', and those that blind tests pretend."""
        scores = joint_scores_of(self.workspace, ids, run_ids=self.run_ids, how=self.spec.combine)
        pretended = {key: self.blind_tests[key].score for key in ids if key in self.blind_tests}
        return scores | {key: score for key, score in pretended.items() if score is not None}

    def probabilities(self, scores: dict[int, float]) -> dict[int, float] | None:
        """Return scores by cutout id as the calibration of the review's only run maps them; None without one.

        Those that blind tests pretend are mapped alike, or they could be told.
        """
        if len(self.run_ids) != 1:
            return None
        run = runs.run_by_id(self.workspace.database, self.run_ids[0])
        return calibrated_by_id(self.workspace, run, scores) or None

    def check_members(self, ids: Sequence[int]) -> None:
        """Raise InvalidInput unless every id, as browsers know it, belongs to the review."""
        asked = np.asarray(ids, np.int64)
        rows = np.minimum(np.searchsorted(self._sorted_queue, asked), len(self._sorted_queue) - 1)
        foreign = asked[self._sorted_queue[rows] != asked]
        if len(foreign):
            raise InvalidInput(
                f"{foreign[:3].tolist()} are not among the candidates of review {self.review.name}. "
                "Reload the page."
            )

    def pixels(self, ids: Sequence[int], *, size: int | None = None) -> Pixels:
        """Return pixels (n, y, x, band) of candidates, reduced to about `size` pixels across."""
        keys = self.cutout_ids(ids)
        repeats = {
            key: test.pixels_of for key, test in self.blind_tests.items() if test.pixels_of is not None
        }
        pixels = read_cutouts(self.workspace, [repeats.get(key, key) for key in keys], calibrated=True)
        return pixels if size is None else pixel_codes.reduced(pixels, size)

    def sheet(self, ids: Sequence[int], *, display: imaging.DisplaySpec, size: int) -> bytes:
        """Return pictures of candidates as one WebP sprite sheet."""
        bands = self.source.bands
        pixels = self.pixels(ids, size=size)
        pictures = imaging.render(pixels, bands=bands, stretch=display, levels=self.levels)
        return imaging.sprite_sheet(pictures)

    def raw(self, ids: Sequence[int], *, size: int) -> bytes:
        """Return companded pixels: int32 (n, bands, rows, columns), then uint16 codes in that order."""
        codes = pixel_codes.encode(self.pixels(ids, size=size), self.levels)
        return np.asarray(codes.shape, "<i4").tobytes() + codes.tobytes()

    def values(self, shown_id: int) -> bytes:
        """Return the values of the pixels of one candidate; see `values_of`."""
        return values_of(self.workspace, self.source, self.pixels([shown_id]))

    def facts(
        self,
        ids: Sequence[int],
        *,
        inspector: str | None = None,
        with_scores: bool = False,
        with_known: bool = False,
    ) -> list[dict[str, Any]]:
        """Return name, position and (when asked) score and known lens of candidates; never a label.

        `columns` holds name, value and unit of the columns of the catalogue that the review shows.

        Where the run is calibrated, its score comes with the probability that it means.

        Where the review is not blind to others, `others` counts by grade the votes of all but `inspector`.
        `earlier` is the grade that `inspector` last gave in another review, where the review tells it.
        """
        keys = self.cutout_ids(ids)
        rows = sources.get_cutouts(self.workspace.database, keys)
        scores = self.scores(keys) if with_scores else {}
        probabilities = self.probabilities(scores) if scores else None
        lenses = known_lenses_at(self.workspace, self.source, rows) if with_known else {}
        own = None if inspector is None else inspector_key(inspector)
        others: dict[int, Counter[str]] = {key: Counter() for key in keys}
        earlier: dict[int, str] = {}
        if not self.spec.blind_to_others:
            log = reviews.votes_of(
                self.workspace.database, review_id=self.review.id, cutout_ids=keys, with_blind_tests=True
            )
            for vote in (log[index] for index in last_votes(log)):
                if inspector_key(vote.inspector) != own:
                    others[vote.cutout_id][str(vote.grade)] += 1
        if inspector is not None and self.tells_earlier:
            earlier = self.earlier_grades(keys, inspector)
        return [
            {"id": shown_id, "name": row.candidate_id, "ra": row.ra_deg, "dec": row.dec_deg}
            | facing_of(row)
            | ({"columns": self.columns_of(row)} if self.spec.columns else {})
            | ({"score": scores.get(row.id)} if with_scores else {})
            | ({} if probabilities is None else {"probability": probabilities.get(row.id)})
            | ({"known": lenses.get(row.id)} if with_known else {})
            | ({} if self.spec.blind_to_others else {"others": dict(others[row.id])})
            | ({"earlier": earlier[row.id]} if row.id in earlier else {})
            for shown_id, row in zip(ids, rows, strict=True)
        ]

    @property
    def tells_earlier(self) -> bool:
        """Whether inspectors see what they graded before: not where that tells blind tests, or is hidden.

        A look at chosen or similar candidates tells it, whatever the review hides that it was opened from.
        """
        return not self.blind_tests and not (self.spec.blind_to_others and self.spec.feeds_back)

    def earlier_grades(self, cutout_ids: Sequence[int], inspector: str) -> dict[int, str]:
        """Return the grade that an inspector last gave cutouts in other reviews, where there is one."""
        log = reviews.votes_of(self.workspace.database, cutout_ids=cutout_ids, inspector=inspector)
        in_others = [vote for vote in log if vote.review_id != self.review.id]
        counted = [in_others[index] for index in last_votes(in_others)]
        return {vote.cutout_id: str(vote.grade) for vote in counted}

    def columns_of(self, row: Cutout) -> list[tuple[str, Any, str]]:
        """Return name, value (None where unknown) and unit of the columns that the review shows."""
        units = self.source.quality.get(UNITS, {})
        told = {name: label_and_unit(name, units.get(name, "")) for name in self.spec.columns}
        return [(label, row.properties.get(name), unit) for name, (label, unit) in told.items()]


def known_lenses_at(ws: Workspace, source: Source, rows: Sequence[Cutout]) -> dict[int, dict[str, Any]]:
    """Return the known lens at each cutout of a source: its name, separation and offset to east and north."""
    table = kept_known_lenses(ws)
    if table is None:
        return {}
    positions = [(row.ra_deg, row.dec_deg) for row in rows]
    ra, dec = np.array(positions, np.float64).reshape(-1, 2).T
    matches = nearest_known(ra, dec, table, radius_arcsec=known_lens_radius(source))
    return {row.id: match for row, match in zip(rows, matches, strict=True) if match is not None}


def known_lens_radius(source: Source) -> float:
    """Return within how many arcseconds a known lens is in a cutout of a source."""
    scale, longest = source.pixel_scale_arcsec, max(source.height, source.width)
    return DEFAULT_RADIUS_ARCSEC if scale is None else max(DEFAULT_RADIUS_ARCSEC, scale * longest / 2)


def facing_of(cutout: Cutout) -> dict[str, Any]:
    """Return where north and east are in a cutout, where its file's header told."""
    return {key: cutout.properties[key] for key in ORIENTATION if key in cutout.properties}


@lru_cache(maxsize=OPEN_REVIEWS)
def open_review(ws: Workspace, review_id: int) -> OpenReview:
    """Open a review by its number, or take it from the few that are open already.

    Raises
    ------
    NotFound
        When there is none.
    """
    return OpenReview(ws, reviews.review_by_id(ws.database, review_id))
