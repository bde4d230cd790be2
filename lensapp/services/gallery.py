"""What the gallery shows: pictures, raw pixels and facts of a review's candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core import companding, imaging
from lensapp.core.errors import InvalidInput
from lensapp.storage import reviews, runs, sources
from lensapp.storage.arrays import PackedCutouts, Pixels
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace

LEVEL_CUTOUTS = 256
LEVEL_PIXELS = 4_000_000
OPEN_REVIEWS = 8

Ids = NDArray[np.int64]


def sample_levels(packed: PackedCutouts) -> imaging.Levels:
    """Measure the levels of a source on a few hundred of its cutouts, evenly spread."""
    slots, height, width, bands = packed.shape
    most = max(8, min(LEVEL_CUTOUTS, LEVEL_PIXELS // (height * width * bands)))
    rows = np.unique(np.linspace(0, slots - 1, min(slots, most)).astype(np.int64))
    pixels = packed.read(rows)
    used = pixels.reshape(len(rows), -1).any(axis=1)  # rows of rejected files stay zero
    return imaging.estimate_levels(pixels[used] if used.any() else pixels)


@dataclass(eq=False)
class OpenReview:
    """A review with all that its pictures need; nothing in it changes after the review was made."""

    workspace: Workspace
    review: Review

    @cached_property
    def source(self) -> Source:
        """The survey that the candidates come from."""
        return sources.source_by_id(self.workspace.database, self.review.source_id)

    @cached_property
    def queue(self) -> Ids:
        """Cutout ids in the order shown."""
        return reviews.queue_of(self.workspace.database, self.review.id)

    @cached_property
    def packed(self) -> PackedCutouts:
        """The pixels."""
        return PackedCutouts.open(self.workspace.cutouts_folder(self.source.name))

    @cached_property
    def levels(self) -> imaging.Levels:
        """Sky, noise and brightness of the source."""
        return sample_levels(self.packed)

    @property
    def picture_key(self) -> str:
        """Changes whenever a picture of the same cutout id could look different."""
        return f"{self.levels.key}-{self.source.id}-{int(self.source.created_at)}"

    @cached_property
    def _members(self) -> Ids:
        return np.sort(self.queue)

    @cached_property
    def _scored(self) -> tuple[Ids, NDArray[np.float64]]:
        if self.review.run_id is None:
            return np.empty(0, np.int64), np.empty(0)
        ids, scores = runs.scores_of(self.workspace.database, self.review.run_id, self.review.source_id)
        order = np.argsort(ids)
        return ids[order], scores[order]

    def score(self, cutout_id: int) -> float | None:
        """Return the score that the review's run gave to a candidate, if any."""
        ids, scores = self._scored
        place = int(np.searchsorted(ids, cutout_id))
        return float(scores[place]) if place < len(ids) and ids[place] == cutout_id else None

    def check_members(self, ids: Sequence[int]) -> None:
        """Raise InvalidInput unless every cutout id belongs to the review."""
        wanted = np.asarray(ids, np.int64)
        places = np.minimum(np.searchsorted(self._members, wanted), len(self._members) - 1)
        foreign = wanted[self._members[places] != wanted]
        if len(foreign):
            raise InvalidInput(
                f"Expected candidates of review {self.review.name}, received {foreign[:3].tolist()}. "
                "Reload the page."
            )

    def pixels(self, ids: Sequence[int], *, size: int | None = None) -> Pixels:
        """Return pixels (n, y, x, band) of candidates, reduced to about `size` pixels across."""
        self.check_members(ids)
        rows = [cutout.row for cutout in sources.get_cutouts(self.workspace.database, ids)]
        pixels = self.packed.read(np.array(rows, np.int64))
        return pixels if size is None else companding.reduced(pixels, size)

    def sheet(self, ids: Sequence[int], *, display: imaging.DisplaySpec, size: int) -> bytes:
        """Return pictures of candidates as one WebP sprite sheet."""
        bands = self.source.bands
        pixels = self.pixels(ids, size=size)
        pictures = imaging.render(pixels, bands=bands, stretch=display, levels=self.levels)
        return imaging.sprite_sheet(pictures)

    def raw(self, ids: Sequence[int], *, size: int) -> bytes:
        """Return companded pixels: int32 (n, bands, rows, columns), then uint16 codes in that order."""
        codes = companding.encode(self.pixels(ids, size=size), self.levels)
        return np.asarray(codes.shape, "<i4").tobytes() + codes.tobytes()

    def facts(self, ids: Sequence[int], *, with_scores: bool = False) -> list[dict[str, Any]]:
        """Return name, position and (when asked) score of candidates; never a label."""
        self.check_members(ids)
        rows = sources.get_cutouts(self.workspace.database, ids)
        return [
            {"id": row.id, "name": row.candidate_id, "ra": row.ra_deg, "dec": row.dec_deg}
            | ({"score": self.score(row.id)} if with_scores else {})
            for row in rows
        ]


@lru_cache(maxsize=OPEN_REVIEWS)
def open_review(ws: Workspace, review_id: int) -> OpenReview:
    """Open a review by its number, or take it from the few that are open already.

    Raises
    ------
    NotFound
        When there is none.
    """
    return OpenReview(ws, reviews.review_by_id(ws.database, review_id))
