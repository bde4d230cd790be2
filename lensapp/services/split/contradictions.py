"""Objects that are a lens by one source and a non-lens by another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.sky import separation_arcsec
from lensapp.core.split.splits import LABELS, CutoutTable

LABELLED_BOTH_WAYS = "both ways in different sources"
OTHER_OBJECT_ARCSEC = 10.0  # from here on the same ID is another object's
LISTED = 6


@dataclass(frozen=True)
class Contradiction:
    """One object, its rows, and a source that says lens and one that says non-lens."""

    candidate_id: str
    rows: tuple[int, ...]
    lens_in: str
    nonlens_in: str

    def __str__(self) -> str:
        return f"{self.candidate_id} (lens in {self.lens_in}, non-lens in {self.nonlens_in})"


def contradictions_of(table: CutoutTable, group: NDArray[np.int64]) -> tuple[Contradiction, ...]:
    """Return the objects, by ID and group, that are a lens in one row and a non-lens in another.

    Where surveys give one ID to objects at different positions, these contradict nothing.
    """
    if len(set(table.source.tolist())) < 2:  # within a source every ID is its own
        return ()
    labelled = np.flatnonzero(np.isin(table.label, LABELS))
    rows_by_object: dict[tuple[str, int], list[int]] = {}
    cells = (labelled.tolist(), table.candidate_id[labelled].tolist(), group[labelled].tolist())
    for row, name, number in zip(*cells, strict=True):
        rows_by_object.setdefault((name, number), []).append(row)
    contradictions = []
    for (name, _), rows in rows_by_object.items():
        lenses, nonlenses = ([row for row in rows if table.label[row] == kind] for kind in LABELS)
        pairs = [(lens, other) for lens in lenses for other in nonlenses if not _apart(table, lens, other)]
        if pairs:
            said = [str(table.source[row]) for row in pairs[0]]
            contradictory = tuple(sorted({row for pair in pairs for row in pair}))
            contradictions.append(Contradiction(name, contradictory, *said))
    return tuple(contradictions)


def _apart(table: CutoutTable, first: int, second: int) -> bool:
    """Return whether two cutouts are known to show different places."""
    ra, dec = table.ra_deg[[first, second]], table.dec_deg[[first, second]]
    return bool(separation_arcsec(ra[0], dec[0], ra[1], dec[1]) > OTHER_OBJECT_ARCSEC)


def listing(contradictions: Sequence[Contradiction]) -> str:
    """Return contradictions as the beginning of a sentence, the first few by name."""
    listed = ", ".join(map(str, contradictions[:LISTED]))
    more = ", …" if len(contradictions) > LISTED else ""
    count = len(contradictions)
    return f"{count} object{' is' if count == 1 else 's are'} labelled both ways: {listed}{more}"
