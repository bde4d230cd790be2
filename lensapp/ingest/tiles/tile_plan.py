"""Plan the import of a catalogue's positions from the tiles of a survey."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.bands import wavelength_order
from lensapp.core.data.candidate_ids import flaw_of_id
from lensapp.core.data.flux_units import factor_of_zero_point
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.sky import separation_arcsec
from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import thin_spaced
from lensapp.ingest.astrometry import Pointing
from lensapp.ingest.catalogues import Catalogue, load_catalogue_of
from lensapp.ingest.listing import Listing
from lensapp.ingest.recipe import Candidate, Recipe, TilePlace
from lensapp.ingest.refusals import Refused
from lensapp.ingest.tiles.footprints import Footprint, read_footprints
from lensapp.ingest.tiles.matching import (
    Covering,
    Grid,
    affines,
    corner,
    cover,
    on_grid,
    orientations,
    scale_ratio,
)
from lensapp.ingest.tiles.object_sizes import field_arcsec
from lensapp.ingest.tiles.tile_planes import find_tile_planes
from lensapp.storage.records import Rejection
from lensapp.storage.tiles.tile_planes import TilePlane
from lensapp.storage.tiles.tiled_cutouts import TilePlaces, TileSet

NAMES_LISTED = 3
SAMPLED_PER_BAND = 200
SMALLEST, LARGEST = 4, 4096


@dataclass(frozen=True, eq=False)
class TileCandidates(Sequence[Candidate]):
    """The candidates of an import from tiles, in the order of the tiles; each is made when it is asked for.

    Attributes
    ----------
    ids
        Of each candidate.
    catalogue_rows : shape (n,)
        Its row of the catalogue.
    places
        Where its squares lie.
    pointings : shape (n, 4)
        Right ascension, declination, angle of north, and 1 where east is left of north.
    pixel_scale_arcsec : shape (n,)
        Of each cutout.
    """

    ids: NDArray[np.str_]
    catalogue_rows: NDArray[np.int64]
    places: TilePlaces
    pointings: NDArray[np.float64]
    pixel_scale_arcsec: NDArray[np.float64]
    tile_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> list[Candidate]: ...
    def __getitem__(self, index: int | slice) -> Candidate | list[Candidate]:
        if isinstance(index, slice):
            return [self._candidate(row) for row in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._candidate(index % len(self))

    def __iter__(self) -> Iterator[Candidate]:
        return map(self._candidate, range(len(self)))

    def _candidate(self, row: int) -> Candidate:
        places = self.places
        tiles = places.tile[row].tolist()
        ra, dec, north, east_left = self.pointings[row].tolist()
        place = TilePlace(
            tuple(zip(tiles, places.left[row].tolist(), places.bottom[row].tolist(), strict=True)),
            tuple((band, tuple(values[row].tolist())) for band, values in places.affines.items()),
            Pointing(ra, dec, float(self.pixel_scale_arcsec[row]), north, east_left=bool(east_left)),
        )
        files = tuple(self.tile_names[tile] for tile in tiles)
        return Candidate(str(self.ids[row]), files, int(self.catalogue_rows[row]), place=place)


@dataclass(frozen=True)
class TilePlan:
    """What an import from tiles will cut out."""

    recipe: Recipe
    candidates: TileCandidates
    rejections: list[Rejection]
    warnings: list[str]
    pixel_scale_arcsec: float
    catalogue: Catalogue = field(repr=False)


def make_tile_plan(spec: IngestSpec, listing: Listing) -> TilePlan:
    """Plan an import from tiles; nothing is written.

    Raises
    ------
    InvalidInput
        When the tiles, the catalogue or the size cannot be used, or no tile covers a position.
    """
    _require_catalogue(spec)
    rejections, warnings = list(listing.refused), list(filter(None, [listing.companions.warning()]))
    footprints = _footprints(spec, listing, rejections)
    catalogue = _catalogue(spec, footprints)
    bands, footprints = _of_bands(spec, footprints, warnings)
    warnings += catalogue.warnings
    pixel_scale = spec.pixel_scale_arcsec or min(one.pixel_scale_arcsec for one in footprints)
    size = _size(spec, pixel_scale)
    fields = None
    if spec.size_column is not None:
        fields = field_arcsec(catalogue, spec, tile_scale_arcsec=pixel_scale)
    ids = _ids(catalogue)
    rows, coverings, kept = _covered(catalogue, ids, footprints, bands=bands, rejections=rejections)
    kept = _sized(kept, rows, ids=ids, fields=fields, spec=spec, rejections=rejections)
    reference = min(bands, key=lambda band: (_scale_of(footprints, coverings[band], kept), bands.index(band)))
    of_reference = coverings[reference]
    scales = np.full(len(rows), pixel_scale) if fields is None else fields[rows] / size
    step = np.full(len(rows), scale_ratio(pixel_scale, _scale_of(footprints, of_reference, kept)))
    if fields is not None:
        step = scales / np.array([one.pixel_scale_arcsec for one in footprints])[of_reference.tile]
        pixel_scale = float(np.median(scales[kept]))
        warnings.append(
            f"Each cutout has a pixel scale of its own, {scales[kept].min():.3g} to {scales[kept].max():.3g} "
            f"arcsec, kept as pixel_scale_arcsec; that of the source is the median, {pixel_scale:.3g}."
        )
    grid = Grid(of_reference, size, step)
    places = _places(
        footprints, bands, coverings, grid=grid, reference=reference, rows=kept, warnings=warnings
    )
    order = np.lexsort((places.bottom[:, 0], places.tile[:, 0]))
    kept, places = kept[order], places.take(order)
    _count_beyond(places, footprints, size, warnings)
    ra, dec = catalogue.ra_deg[rows], catalogue.dec_deg[rows]
    north, east_left = orientations(footprints, of_reference, ra, dec, kept)
    candidates = TileCandidates(
        np.array([ids[row] for row in rows[kept]]),
        rows[kept],
        places,
        np.stack([ra[kept], dec[kept], north, east_left], -1),
        scales[kept],
        tuple(one.name for one in footprints),
    )
    recipe = _recipe(spec, listing, footprints, bands=bands, size=size, places=places, warnings=warnings)
    return TilePlan(recipe, candidates, rejections, warnings, pixel_scale, catalogue)


def _recipe(
    spec: IngestSpec,
    listing: Listing,
    footprints: Sequence[Footprint],
    *,
    bands: tuple[str, ...],
    size: int,
    places: TilePlaces,
    warnings: list[str],
) -> Recipe:
    """Return how the candidates are cut out, with the planes beside the tiles that are kept."""
    planes: tuple[TilePlane, ...] = ()
    if spec.keep_planes:
        planes = find_tile_planes(listing.root, footprints, listing.companions, size=size, warnings=warnings)
    tiles = TileSet(
        tiles=tuple(one.tile for one in footprints),
        resampled=tuple(places.affines),
        sentinels=spec.sentinels,
        planes=planes,
    )
    return Recipe(
        root=str(listing.root),
        layout="tiles",
        format="fits",
        bands=bands,
        sentinels=spec.sentinels,
        detect_sentinels=spec.detect_sentinels,
        height=size,
        width=size,
        dtype=spec.dtype,
        tiles=tiles,
        beside=tuple(plane.shape for plane in planes),
        tile_scales=tuple(_flux_scale(spec, bands, one) for one in footprints),
    )


def _covered(
    catalogue: Catalogue,
    ids: list[str],
    footprints: Sequence[Footprint],
    *,
    bands: Sequence[str],
    rejections: list[Rejection],
) -> tuple[NDArray[np.int64], dict[str, Covering], NDArray[np.int64]]:
    """Return the rows of the catalogue with positions, the tiles that cover them, and those that are kept.

    Those kept are numbers among these rows; the others are added to the rejections.
    """
    has_position = np.isfinite(catalogue.ra_deg + catalogue.dec_deg)
    rows = np.flatnonzero(has_position)
    for row in np.flatnonzero(~has_position).tolist():
        rejections.append(Rejection(ids[row], "no_position", "its row has no position"))
    ra, dec = catalogue.ra_deg[rows], catalogue.dec_deg[rows]
    coverings = {
        band: cover(footprints, [n for n, one in enumerate(footprints) if one.band == band], ra, dec)
        for band in bands
    }
    everywhere = np.all([coverings[band].tile >= 0 for band in bands], axis=0)
    for index in np.flatnonzero(~everywhere).tolist():
        absent = [band for band, covering in coverings.items() if covering.tile[index] < 0]
        code, reason = "missing_band", f"no tile of band {', '.join(absent)} covers its position"
        if len(absent) == len(coverings):
            code, reason = "off_tiles", "its position is on none of the tiles"
        rejections.append(Rejection(ids[rows[index]], code, reason))
    kept = _distinct(ids, rows, np.flatnonzero(everywhere), rejections)
    if not len(kept):
        raise InvalidInput(
            f"None of the {len(catalogue)} positions in {catalogue.path.name} lies on tiles of "
            f"{', '.join(bands)}. Check that catalogue and tiles are of one field."
        )
    return rows, coverings, kept


def _sized(
    kept: NDArray[np.int64],
    rows: NDArray[np.int64],
    *,
    ids: list[str],
    fields: NDArray[np.float64] | None,
    spec: IngestSpec,
    rejections: list[Rejection],
) -> NDArray[np.int64]:
    """Return the kept rows that have a size of their own, where sizes come from a column."""
    if fields is None:
        return kept
    sized = np.isfinite(fields[rows[kept]])
    reason = f"its {spec.size_column} is no size from 2 to 4096 pixels of its tile"
    rejections += [Rejection(ids[rows[index]], "bad_size", reason) for index in kept[~sized].tolist()]
    if not sized.any():
        raise InvalidInput(f"No row has a size in the column {spec.size_column}. Name another column.")
    sized_rows: NDArray[np.int64] = kept[sized]
    return sized_rows


def _require_catalogue(spec: IngestSpec) -> None:
    if not spec.catalogue:
        raise InvalidInput(
            "Tiles need a catalogue of the positions to cut out. Name its file as Catalogue (--catalogue), "
            "with columns of right ascension and declination."
        )


def _catalogue(spec: IngestSpec, footprints: Sequence[Footprint]) -> Catalogue:
    """Read the catalogue; of a large one the rows that lie at one of the tiles."""

    def at_tiles(part: Catalogue) -> NDArray[np.bool_]:
        within = np.zeros(len(part), np.bool_)
        for one in footprints:
            apart = separation_arcsec(part.ra_deg, part.dec_deg, one.ra_deg, one.dec_deg)
            within |= apart <= one.radius_deg * 3600.0 * (1.0 + 1e-6)
        return within

    catalogue = load_catalogue_of(spec, str(spec.catalogue), keep=at_tiles)
    if not np.isfinite(catalogue.ra_deg + catalogue.dec_deg).any():
        reason = " ".join(catalogue.warnings) or "it has no columns of right ascension and declination"
        raise InvalidInput(
            f"{catalogue.path.name} gives no positions to cut out ({reason}). Name the columns with "
            "--ra-column and --dec-column."
        )
    return catalogue


def _footprints(spec: IngestSpec, listing: Listing, rejections: list[Rejection]) -> list[Footprint]:
    footprints: list[Footprint] = []
    for name in listing.names:
        try:
            footprints += read_footprints(listing.root, name, bands=spec.bands, hdus=spec.hdus)
        except Refused as refused:
            rejections.append(Rejection(name, refused.code, refused.reason))
    if not footprints:
        why = f": the first ({rejections[0].file}) {rejections[0].reason}" if rejections else ""
        raise InvalidInput(f"None of the {len(listing.names)} files in {spec.path} is a tile{why}.")
    return footprints


def _of_bands(
    spec: IngestSpec, footprints: list[Footprint], warnings: list[str]
) -> tuple[tuple[str, ...], list[Footprint]]:
    """Return the bands in their order, and the tiles of these."""
    present = list(dict.fromkeys(one.band for one in footprints))
    absent = [band for band in spec.bands if band not in present]
    if absent:
        raise InvalidInput(
            f"There are no tiles of band {', '.join(absent)}, only of {', '.join(present)}. "
            "Name some of these."
        )
    bands = spec.bands or tuple(present[index] for index in wavelength_order(present))
    others = Counter(one.band for one in footprints if one.band not in bands)
    if others:
        warnings.append(f"{sum(others.values())} tiles of other bands ({', '.join(others)}) are left out.")
    return bands, [one for one in footprints if one.band in bands]


def _size(spec: IngestSpec, pixel_scale_arcsec: float) -> int:
    if spec.size is not None and spec.size_arcsec is not None:
        raise InvalidInput("The size of cutouts is given in pixels and in arcseconds. Give one of them.")
    if spec.size is not None:
        return spec.size
    if spec.size_arcsec is None:
        raise InvalidInput(
            "Say how large the cutouts are, in pixels or in arcsec (--size 64 or --size-arcsec 12)."
        )
    size = round(spec.size_arcsec / pixel_scale_arcsec)
    if not SMALLEST <= size <= LARGEST:
        raise InvalidInput(
            f"{spec.size_arcsec:g} arcsec are {size} pixels of {pixel_scale_arcsec:.3g} arcsec; cutouts have "
            f"{SMALLEST} to {LARGEST}. Choose another size."
        )
    return size


def _ids(catalogue: Catalogue) -> list[str]:
    """Return the ID of each row; one without gets its position, or its number."""
    positions = zip(catalogue.ra_deg.tolist(), catalogue.dec_deg.tolist(), strict=True)
    return [
        name or (f"{ra:.5f}{dec:+.5f}" if math.isfinite(ra + dec) else f"row {number}")
        for number, (name, (ra, dec)) in enumerate(zip(catalogue.ids, positions, strict=True), 1)
    ]


def _distinct(
    ids: list[str], rows: NDArray[np.int64], kept: NDArray[np.int64], rejections: list[Rejection]
) -> NDArray[np.int64]:
    """Return those whose ID is their own and can be stored."""
    first: dict[str, int] = {}
    good = []
    for index in kept.tolist():
        row = int(rows[index])
        if flaw := flaw_of_id(ids[row]):
            rejections.append(Rejection(ids[row][:300], "bad_id", f"{flaw} in row {row + 1}"))
        elif first.setdefault(ids[row], row) != row:
            reason = f"rows {first[ids[row]] + 1} and {row + 1} of the catalogue have this ID"
            rejections.append(Rejection(ids[row], "id_collision", reason))
        else:
            good.append(index)
    return np.array(good, np.int64)


def _scale_of(footprints: Sequence[Footprint], covering: Covering, rows: NDArray[np.int64]) -> float:
    tiles: list[int] = np.unique(covering.tile[rows]).tolist()
    return min(footprints[tile].pixel_scale_arcsec for tile in tiles)


def _places(
    footprints: Sequence[Footprint],
    bands: Sequence[str],
    coverings: dict[str, Covering],
    *,
    grid: Grid,
    reference: str,
    rows: NDArray[np.int64],
    warnings: list[str],
) -> TilePlaces:
    """Return where the cutouts lie in the tiles of each band: whole pixels where the grids agree."""
    of_grid = grid.covering
    first_x, first_y = corner(of_grid.x[rows], grid.size), corner(of_grid.y[rows], grid.size)
    left = np.empty((len(rows), len(bands)), np.int32)
    bottom = np.empty_like(left)
    resampled: dict[int, NDArray[np.float64]] = {}
    spread = np.unique(np.linspace(0, len(rows) - 1, SAMPLED_PER_BAND).astype(int))
    for number, band in enumerate(bands):
        covering = coverings[band]
        if grid.own and (
            band == reference or on_grid(affines(footprints, grid, covering, rows[spread]), grid.size)
        ):
            left[:, number] = first_x + np.round(covering.x[rows] - of_grid.x[rows]).astype(np.int32)
            bottom[:, number] = first_y + np.round(covering.y[rows] - of_grid.y[rows]).astype(np.int32)
            continue
        found = affines(footprints, grid, covering, rows)
        resampled[number] = found
        left[:, number] = np.floor(found[:, 0]).astype(np.int32)
        bottom[:, number] = np.floor(found[:, 1]).astype(np.int32)
    if resampled:
        names = ", ".join(bands[number] for number in resampled)
        what = f"the pixels of {reference}" if grid.own else "the pixel scale that was asked for"
        warnings.append(f"Band {names}: brought to {what}, flux kept; the noise of its pixels is correlated.")
    tile = np.stack([coverings[band].tile[rows] for band in bands], -1).astype(np.int32)
    return TilePlaces(tile, left, bottom, resampled)


def _count_beyond(
    places: TilePlaces,
    footprints: Sequence[Footprint],
    size: int,
    warnings: list[str],
) -> None:
    """Say how many cutouts reach beyond the edge of their tile."""
    width = np.array([one.tile.width for one in footprints])[places.tile]
    height = np.array([one.tile.height for one in footprints])[places.tile]
    beyond = (places.left < 0) | (places.bottom < 0)
    beyond |= (places.left + size > width) | (places.bottom + size > height)
    for number, values in places.affines.items():
        reach_x = (np.abs(values[:, 2]) + np.abs(values[:, 3])) * size / 2
        reach_y = (np.abs(values[:, 4]) + np.abs(values[:, 5])) * size / 2
        beyond[:, number] = (values[:, 0] < reach_x - 0.5) | (values[:, 1] < reach_y - 0.5)
        beyond[:, number] |= values[:, 0] > width[:, number] - 0.5 - reach_x
        beyond[:, number] |= values[:, 1] > height[:, number] - 0.5 - reach_y
    count = int(beyond.any(1).sum())
    if count:
        reach = "reaches" if count == 1 else "reach"
        warnings.append(
            f"Of {thin_spaced(len(beyond))} positions on the tiles {thin_spaced(count)} {reach} beyond the "
            "edge of a tile with "
            f"{'its' if count == 1 else 'their'} cutout; what lies beyond is masked."
        )


def _flux_scale(spec: IngestSpec, bands: Sequence[str], footprint: Footprint) -> float:
    """Return what pixels of a tile are worth: as the user states, else by its header."""
    stated = dict(zip(bands, spec.zero_points(bands), strict=True))[footprint.band]
    return footprint.flux_scale if math.isnan(stated) else factor_of_zero_point(stated)
