"""Sky that parts of a split have in common: cutouts that show the middle of a training cutout."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lensapp.core.data.sky import chord, unit_vectors
from lensapp.core.plurals import thin_spaced
from lensapp.core.split.splits import CutoutTable, SplitSpec
from lensapp.storage.records import Source

MOST_LOOKED_AT = 20_000  # of the held-out cutouts


def shared_sky_notes(
    used: Sequence[Source], table: CutoutTable, part: NDArray[np.object_], spec: SplitSpec
) -> tuple[str, ...]:
    """Say how many validation and test cutouts show the middle of a training cutout, or that none can know.

    The group radius keeps what is closer in one part; images that are wider may still overlap. Cutouts
    without a position are not looked at.

    Parameters
    ----------
    used
        The sources, all of one pixel scale, that with the smallest cutouts first.
    table
        Their labelled cutouts, n of them.
    part : shape (n,)
        The part of each.
    """
    points = unit_vectors(table.ra_deg, table.dec_deg)
    placed = np.isfinite(points).all(axis=1)
    learned = placed & (part == "train")
    held_out = np.flatnonzero(placed & np.isin(part, ("validation", "test")))
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
    nearest = cKDTree(points[learned])
    distance, _ = nearest.query(points[looked_at], distance_upper_bound=chord(half_arcsec))
    shared = int(np.isfinite(distance).sum())
    if not shared:
        return ()
    of_all = "" if len(looked_at) == len(held_out) else f" of {thin_spaced(len(looked_at))} looked at"
    return (
        f"{thin_spaced(shared)} validation and test cutouts{of_all} show the middle of a training cutout: "
        f"they are closer than {half_arcsec:.3g}″, half an image, and the group radius of {radius:g}″ keeps "
        "only closer ones together. A larger one keeps the same sky in one part.",
    )
