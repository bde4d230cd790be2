"""Objects that are labelled lens and non-lens: within a source, or by one source and another."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.groups import name_groups, unite
from lensapp.core.data.sky import separation_arcsec, sky_groups
from lensapp.core.split.splits import LABELS, CutoutTable, Texts

LABELLED_BOTH_WAYS = "both ways in different sources"
OTHER_OBJECT_ARCSEC = 10.0  # from here on the same ID is another object's
SAME_OBJECT_ARCSEC = 2.0  # centres closer than this are one object's; further apart they are neighbours
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
        pairs = []
        for lens, other in product(lenses, nonlenses):
            ra, dec = table.ra_deg[[lens, other]], table.dec_deg[[lens, other]]
            if not separation_arcsec(ra[0], dec[0], ra[1], dec[1]) > OTHER_OBJECT_ARCSEC:  # NaN: not known
                pairs.append((lens, other))
        if pairs:
            said = [str(table.source[row]) for row in pairs[0]]
            contradictory = tuple(sorted({row for pair in pairs for row in pair}))
            contradictions.append(Contradiction(name, contradictory, *said))
    return tuple(contradictions)


def listing(contradictions: Sequence[Contradiction]) -> str:
    """Return contradictions as the beginning of a sentence, the first few by name."""
    listed = ", ".join(map(str, contradictions[:LISTED]))
    more = ", …" if len(contradictions) > LISTED else ""
    count = len(contradictions)
    return f"{count} object{' is' if count == 1 else 's are'} labelled both ways: {listed}{more}"


def objects_with_both_labels(
    table: CutoutTable, group: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of the objects that are a lens in one cutout and a non-lens in another, and their objects.

    A group keeps together what must not be parted, which is more than one object: neighbours on the sky, all
    objects of one image, images that look alike. One object are the cutouts of a group that have the same
    pixels or lie within 2 arcsec of each other or, without positions, share an ID or a parent.

    Parameters
    ----------
    group : shape (n,)
        The group of each row of `table`.

    Returns
    -------
    rows, objects : shape (m,)
        Rows of `table`, and the number of the object that each of them shows.
    """
    rows = np.flatnonzero(_holds_both(table.label, group))
    ra, dec = table.ra_deg[rows], table.dec_deg[rows]
    names = [
        None if placed else f"{number}/{parent or name}"
        for placed, number, parent, name in zip(
            np.isfinite(ra) & np.isfinite(dec),
            group[rows].tolist(),
            table.parent[rows].tolist(),
            table.candidate_id[rows].tolist(),
            strict=True,
        )
    ]
    close = sky_groups(ra, dec, radius_arcsec=SAME_OBJECT_ARCSEC)
    objects = unite([name_groups(table.pixels_digest[rows].tolist()), close, name_groups(names)])
    both = _holds_both(table.label[rows], objects)
    return rows[both], objects[both]


def _holds_both(label: Texts, group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the group of each row holds a lens and a non-lens."""
    held = [
        np.bincount(group[label == kind], minlength=int(group.max(initial=-1)) + 1) > 0 for kind in LABELS
    ]
    return np.asarray((held[0] & held[1])[group])
