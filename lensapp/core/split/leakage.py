"""Leaks: what a part of a dataset shares with another part, so that its figures look better than they are."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.sky import separation_arcsec
from lensapp.core.split.splits import PARTS, SECOND_TEST, CutoutTable, SplitSpec, groupings_by_reason

IntArray = NDArray[np.int64]
Reason = Literal["position", "look", "parent"]
REASONS: dict[Reason, str] = {
    "position": "same place on the sky",
    "look": "same or nearly the same pixels",
    "parent": "same ID or parent object",
}
PAIRS = 60
EVERY_PART = (*PARTS, SECOND_TEST)
COMPARED = 50  # cutouts of a group and part among which the closest pair is sought


@dataclass(frozen=True)
class Leak:
    """What leaks for one reason.

    Attributes
    ----------
    cutouts
        Cutouts of a later part whose object an earlier part shows too, by part.
    pairs
        Rows (earlier part, later part, distance) to look at, at most 60: arcsec, bits, or 0 for a parent.
    """

    reason: Reason
    cutouts: dict[str, int]
    objects: int
    pairs: tuple[tuple[int, int, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"title": REASONS[self.reason]}


def find_leaks(table: CutoutTable, part: NDArray[Any], rules: SplitSpec) -> list[Leak]:
    """Return for each reason to belong together what is in more than one part.

    Parameters
    ----------
    table, part
        Cutouts of a dataset, and the part of each, shape (n,).
    rules
        Its radius, tolerance and meaning of IDs.
    """
    number = np.array([EVERY_PART.index(name) for name in part], np.int64)
    return [
        _leak(table, number, reason, group) for reason, group in groupings_by_reason(table, rules).items()
    ]


def _leak(table: CutoutTable, part: IntArray, reason: Reason, group: IntArray) -> Leak:
    groups = int(group.max(initial=-1)) + 1
    earliest = np.full(groups, len(EVERY_PART))
    np.minimum.at(earliest, group, part)
    later = part > earliest[group]
    counts = {name: int((later & (part == index)).sum()) for index, name in enumerate(EVERY_PART)}
    leaking = np.unique(group[later])
    pairs = []
    if leaking.size:
        order = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[order], leaking, side="left")
        ends = np.searchsorted(group[order], leaking, side="right")
        for start, end in list(zip(starts.tolist(), ends.tolist(), strict=True))[:PAIRS]:
            rows = order[start:end]
            # The pair of cutouts, one of each, that are most alike.
            first = rows[~later[rows]][:COMPARED]
            second = rows[later[rows]][:COMPARED]
            distance = np.zeros((len(first), len(second)))
            if reason == "position":
                distance = separation_arcsec(
                    table.ra_deg[first][:, None],
                    table.dec_deg[first][:, None],
                    table.ra_deg[second][None, :],
                    table.dec_deg[second][None, :],
                )
            elif reason == "look":
                hashes = [np.array([int(text or "0", 16) for text in table.perceptual_hash[those]], np.uint64)
                          for those in (first, second)]  # fmt: skip
                distance = np.bitwise_count(hashes[0][:, None] ^ hashes[1][None, :]).astype(np.float64)
            here, there = np.unravel_index(int(np.argmin(distance)), distance.shape)
            pairs.append((int(first[here]), int(second[there]), float(distance[here, there])))
    return Leak(
        reason,
        {name: count for name, count in counts.items() if count},
        len(leaking),
        tuple(sorted(pairs, key=lambda pair: pair[2])),
    )
