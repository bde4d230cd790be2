"""Sky that parts of a split have in common: cutouts that show the middle of a training cutout."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lensapp.core.data.sky import chord, unit_vectors
from lensapp.core.plurals import thin_spaced
from lensapp.core.split.splits import CutoutTable, SplitSpec
from lensapp.storage.records import Source

MOST_LOOKED_AT = 20_000  # of the held-out cutouts
NEIGHBOURS = 16  # that are asked for of each; where all are of other parts, training cutouts are sought alone


@dataclass(frozen=True, eq=False)
class SkyTree:
    """The positions of the cutouts that have one, whatever their part, in a tree that finds neighbours.

    Attributes
    ----------
    rows : shape (k,)
        Which of the cutouts they are.
    points : shape (k, 3)
        On the unit sphere.
    """

    rows: NDArray[np.int64]
    points: NDArray[np.float64]
    tree: Any

    @classmethod
    def of(cls, table: CutoutTable) -> Self:
        """Return the tree of the positions of a table."""
        points = unit_vectors(table.ra_deg, table.dec_deg)
        rows = np.flatnonzero(np.isfinite(points).all(axis=1))
        return cls(rows, points[rows], cKDTree(points[rows]))

    def near(
        self, looked_at: NDArray[np.int64], members: NDArray[np.bool_], *, arcsec: float
    ) -> NDArray[np.bool_]:
        """Return which positions have one of some members closer than an angle; shapes (m,), (k,), (m,)."""
        points, limit = self.points[looked_at], chord(arcsec)
        distance, which = self.tree.query(points, k=NEIGHBOURS, distance_upper_bound=limit)
        is_member = np.append(members, False)[which]  # what is not there has the number k
        near: NDArray[np.bool_] = is_member.any(axis=1)
        crowded = ~near & np.isfinite(distance[:, -1])
        if crowded.any():
            alone, _ = cKDTree(self.points[members]).query(points[crowded], distance_upper_bound=limit)
            near[crowded] = np.isfinite(alone)
        return near


def shared_sky_notes(
    used: Sequence[Source], sky: SkyTree, part: NDArray[np.object_], spec: SplitSpec
) -> tuple[str, ...]:
    """Say how many validation and test cutouts show the middle of a training cutout, or that none can know.

    The group radius keeps what is closer in one part; images that are wider may still overlap. Cutouts
    without a position are not looked at.

    Parameters
    ----------
    used
        The sources, all of one pixel scale, that with the smallest cutouts first.
    sky
        Where their labelled cutouts lie.
    part : shape (n,)
        The part of each of these.
    """
    placed = part[sky.rows]
    learned = placed == "train"
    held_out = np.flatnonzero((placed == "validation") | (placed == "test"))
    if not learned.any() or not len(held_out):
        return ()
    scale, radius = used[0].pixel_scale_arcsec, spec.group_radius_arcsec
    if scale is None:
        names = ", ".join(source.name for source in used)
        return (
            f"{names}: no pixel scale is known, so whether images overlap cannot be judged. Cutouts closer "
            f"than {radius:g}″ stay in one part; a larger group radius keeps wider images apart.",
        )
    half_arcsec = scale * min(used[0].height, used[0].width) / 2
    if half_arcsec <= radius:
        return ()
    looked_at = held_out[:: -(-len(held_out) // MOST_LOOKED_AT)]
    shared = int(np.count_nonzero(sky.near(looked_at, learned, arcsec=half_arcsec)))
    if not shared:
        return ()
    of_all = "" if len(looked_at) == len(held_out) else f" of {thin_spaced(len(looked_at))} looked at"
    return (
        f"{thin_spaced(shared)} validation and test cutouts{of_all} show the middle of a training cutout: "
        f"they are closer than {half_arcsec:.3g}″, half an image, and the group radius of {radius:g}″ keeps "
        "only closer ones together. A larger one keeps the same sky in one part.",
    )
