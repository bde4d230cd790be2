"""The cutouts of a selection, a block at a time, with what other programs need to know of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.data.flux_units import REFERENCE_ZERO_POINT_MAG
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts, PlaneShape
from lensapp.storage.cutouts import flux_scales_of, open_cutouts
from lensapp.storage.records import Cutout, Source
from lensapp.storage.workspace import Workspace

BLOCK_BYTES = 32 * 2**20
LEFT_OUT = ("cutout_id",)
TARGETS = {"lens": 1, "nonlens": 0}

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class CutoutSet:
    """The cutouts of a selection: one shape, the same bands, in the order of their sources.

    Attributes
    ----------
    table
        A row per cutout: cutout_id, id, source, ra, dec (degrees), label, and what else is known of all.
    planes
        The noise maps, weights and PSFs that every source keeps, all of one shape.
    """

    ws: Workspace
    owners: tuple[Source, ...]
    table: pd.DataFrame
    planes: tuple[PlaneShape, ...]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands."""
        return self.owners[0].bands

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) of every cutout."""
        return self.owners[0].height, self.owners[0].width

    @property
    def pixel_scale_arcsec(self) -> float | None:
        """Arcseconds per pixel, None where the sources do not agree or it is unknown."""
        scales = {source.pixel_scale_arcsec for source in self.owners}
        return next(iter(scales)) if len(scales) == 1 else None

    def columns(self) -> pd.DataFrame:
        """Return what is known of each cutout, without columns in which nothing stands, and its target.

        `target` is 1 for a lens, 0 for a non-lens and -1 where there is no label.
        """
        kept = [
            name
            for name in self.table.columns
            if name not in LEFT_OUT and not (self.table[name].isna() | (self.table[name] == "")).all()
        ]
        target = self.table["label"].map(TARGETS).fillna(-1).astype(np.int8)
        return self.table[kept].assign(target=target.to_numpy())

    def blocks(self) -> Iterator["Block"]:
        """Yield the cutouts, some megabytes at a time, each block of one source."""
        height, width = self.shape
        rows = max(1, BLOCK_BYTES // (4 * height * width * len(self.bands)))
        for source in self.owners:
            of_source = np.flatnonzero((self.table["source"] == source.name).to_numpy(bool))
            packed, scales = open_cutouts(self.ws, source.name), flux_scales_of(self.ws, source)
            for start in range(0, len(of_source), rows):
                members = of_source[start : start + rows]
                cutouts = sources.get_cutouts(
                    self.ws.database, self.table["cutout_id"].to_numpy(np.int64)[members].tolist()
                )
                places = np.array([cutout.row for cutout in cutouts], np.int64)
                yield Block(
                    source=source,
                    packed=packed,
                    first=int(members[0]),
                    cutouts=cutouts,
                    pixels=packed.read(places),
                    planes={plane.word: packed.read_plane(plane.word, places) for plane in self.planes},
                    zero_points=_zero_points(scales, places, len(self.bands)),
                )


@dataclass(frozen=True, eq=False)
class Block:
    """Some cutouts of one source.

    Attributes
    ----------
    first
        Number of the first among all of the set.
    pixels : float32, shape (n, y, x, band)
        As stored; y upwards.
    planes
        By their word: float32, shape (n, y, x, band).
    zero_points : shape (n, band)
        AB magnitude of one unit of pixel value, NaN where it is unknown.
    """

    source: Source
    packed: PackedCutouts
    first: int
    cutouts: Sequence[Cutout]
    pixels: Pixels
    planes: dict[str, Pixels]
    zero_points: NDArray[np.float64]


def cutout_set(
    ws: Workspace, owners: Sequence[Source], table: pd.DataFrame, *, with_planes: bool
) -> CutoutSet:
    """Return the cutouts of a table of candidates as a set that can be written.

    Raises
    ------
    InvalidInput, BandMismatch
        When there are none, or sources differ in shape or bands.
    """
    if table.empty:
        raise InvalidInput("No candidate passes the filters: there are no cutouts to write. Widen them.")
    names = set(table["source"])
    owners = tuple(source for source in owners if source.name in names)
    shapes = sorted({(source.width, source.height) for source in owners})
    if len(shapes) > 1:
        sizes = " and ".join(f"{width} × {height}" for width, height in shapes)
        raise InvalidInput(f"The cutouts have {sizes} pixels; one file holds one size. Export one by one.")
    if len({source.bands for source in owners}) > 1:
        listed = "; ".join(f"{source.name}: {', '.join(source.bands)}" for source in owners)
        raise BandMismatch(f"The sources have different bands ({listed}). Export them one by one.")
    order = {source.name: place for place, source in enumerate(owners)}
    table = table.assign(_order=table["source"].map(order)).sort_values(["_order", "cutout_id"])
    planes: tuple[PlaneShape, ...] = ()
    if with_planes:
        kept = [open_cutouts(ws, source.name).planes for source in owners]
        shared = set.intersection(*(set(one.values()) for one in kept))
        planes = tuple(sorted(shared, key=lambda plane: plane.word))
    return CutoutSet(ws, owners, table.drop(columns="_order").reset_index(drop=True), planes)


def _zero_points(
    scales: NDArray[np.float32] | None, rows: NDArray[np.int64], bands: int
) -> NDArray[np.float64]:
    if scales is None:
        return np.full((len(rows), bands), math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        points: NDArray[np.float64] = REFERENCE_ZERO_POINT_MAG - 2.5 * np.log10(
            scales[rows].astype(np.float64)
        )
    return points
