"""Cutouts that are cut out of a survey's tiles when they are read; nothing of their pixels is stored."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec, read_json, write_json
from lensapp.storage.arrays import (
    MANIFEST,
    TILES,
    PackedCutouts,
    Packing,
    Pixels,
    PlaneShape,
    Rows,
    write_flux_scales,
)
from lensapp.storage.files import whole_file
from lensapp.storage.tiles.kept_pixels import kept_pixels
from lensapp.storage.tiles.resampling import Affine
from lensapp.storage.tiles.tile_images import Tile, TileImages
from lensapp.storage.tiles.tile_planes import TilePlane, cut_planes

PLACES = "tile-places.npy"
AFFINES = "tile-affines-{}.npy"
BESIDE = "tiles"  # folder beside packed pixels that tells where in the tiles they were cut out


class TileSet(Spec):
    """The tiles of a source, stored beside its manifest."""

    version: int = Field(1, ge=1, le=1, description="Version of this format.")
    tiles: tuple[Tile, ...] = Field(description="Images of all bands and fields.")
    resampled: tuple[int, ...] = Field((), description="Numbers of the bands brought to another grid.")
    sentinels: tuple[float, ...] = Field((), description="Pixel values that mean 'no data' and are masked.")
    planes: tuple[TilePlane, ...] = Field((), description="Noise maps, weights and PSFs beside the tiles.")

    def __hash__(self) -> int:
        """Return a hash that costs the same for any number of tiles: it is asked for with each cutout."""
        return hash((len(self.tiles), self.tiles[0].path if self.tiles else ""))


@dataclass(frozen=True)
class TilePlaces:
    """Where the cutouts of a source lie.

    Attributes
    ----------
    tile : int32, shape (rows, band)
        Number of the tile of each.
    left, bottom : int32, shape (rows, band)
        Its pixel, counted from 0, in the lower left corner.
    affines
        Of bands on another grid, by their number: float64, shape (rows, 6); see `Affine`.
    """

    tile: NDArray[np.int32]
    left: NDArray[np.int32]
    bottom: NDArray[np.int32]
    affines: dict[int, NDArray[np.float64]]

    def take(self, rows: NDArray[np.int64] | slice) -> "TilePlaces":
        """Return those of some rows."""
        affines = {band: values[rows] for band, values in self.affines.items()}
        return TilePlaces(self.tile[rows], self.left[rows], self.bottom[rows], affines)


def cut_out(images: TileImages, places: TilePlaces, size: int, sentinels: tuple[float, ...] = ()) -> Pixels:
    """Cut squares out of tiles, tile by tile.

    Returns
    -------
    float32, shape (rows, size, size, band)
        y upwards; NaN beyond a tile's edge, and where a pixel holds one of `sentinels`.
    """
    count, bands = places.tile.shape
    pixels = np.empty((count, size, size, bands), np.float32)
    for band in range(bands if count else 0):
        numbers, left, bottom = places.tile[:, band], places.left[:, band], places.bottom[:, band]
        order = np.lexsort((bottom, numbers))
        starts = np.flatnonzero(np.diff(numbers[order])) + 1
        affines = places.affines.get(band)
        for rows in np.split(order, starts):
            images.cut(
                int(numbers[rows[0]]),
                left=left[rows],
                bottom=bottom[rows],
                out=pixels[..., band],
                rows=rows,
                affines=None if affines is None else affines[rows],
            )
    for value in sentinels:
        pixels[pixels == np.float32(value)] = np.nan
    return pixels


@dataclass(eq=False)
class TiledCutouts(PackedCutouts):
    """A source whose pixels are those of tiles, read by row numbers as packed ones are."""

    def read(self, rows: Rows) -> Pixels:
        """Return the cutouts at `rows`, float32 (n, y, x, band), NaN where masked."""
        rows = np.asarray(rows, np.int64)
        pixels = kept_pixels(self.folder, rows)
        if pixels is None:
            pixels = cut_out(
                self._images, self._places.take(rows), self.packing.height, self._tiles.sentinels
            )
        if self.flux_scales is not None:
            pixels *= self.flux_scales[rows][:, None, None, :]
        return pixels

    def blocks(self, most: int) -> list[Rows]:
        """Return all rows tile by tile, of crowded tiles in blocks of at most `most`, from below upwards."""
        tiles, bottom = (np.asarray(column[:, 0]) for column in (self._places.tile, self._places.bottom))
        order = np.lexsort((bottom, tiles))
        of_tiles = np.split(order, np.flatnonzero(np.diff(tiles[order])) + 1)
        return [rows[first : first + most] for rows in of_tiles for first in range(0, len(rows), most)]

    @cached_property
    def planes(self) -> dict[str, PlaneShape]:
        """The planes beside the tiles, by the word that the survey calls them by."""
        return {plane.word: plane.shape for plane in self._tiles.planes}

    def read_plane(self, word: str, rows: Rows) -> Pixels:
        """Return noise maps, weights or PSFs of the cutouts at `rows`, cut out beside them."""
        plane = next((one for one in self._tiles.planes if one.word == word), None)
        if plane is None:
            return super().read_plane(word, rows)
        return cut_planes(plane, self._places.take(np.asarray(rows, np.int64)))

    def read_wider(self, rows: Rows, *, times: int) -> Pixels:
        """Return what the tiles show around the cutouts at `rows`.

        Parameters
        ----------
        times
            Odd number by which the field is larger; the cutout's own pixels lie in its middle.

        Returns
        -------
        float32, shape (n, times · y, times · x, band)
            NaN beyond a tile's edge.
        """
        rows, size = np.asarray(rows, np.int64), self.packing.height
        own = self._places.take(rows)
        step = (times - 1) // 2 * size
        wider = TilePlaces(own.tile, own.left - step, own.bottom - step, own.affines)
        pixels = cut_out(self._images, wider, times * size, self._tiles.sentinels)
        if self.flux_scales is not None:
            pixels *= self.flux_scales[rows][:, None, None, :]
        return pixels

    def header_of(self, row: int, *, band: int) -> Any:
        """Return the `astropy.io.fits.Header` of a cutout: its tile's, with the projection where it now is.

        Of a band that was brought to another grid, that of the band whose grid it is; of a pixel scale
        that no band has, the tangent plane at the cutout's middle.
        """
        from astropy.io import fits

        numbers = [
            number for number in (band, *range(len(self.bands))) if number not in self._tiles.resampled
        ]
        place = self._places.take(np.array([row], np.int64))
        number = numbers[0] if numbers else band
        tile = self._tiles.tiles[int(place.tile[0, number])]
        header = fits.getheader(tile.path, tile.hdu)
        if not numbers:
            affine = Affine(*place.affines[number][0].tolist())
            return _tangent_plane(header, affine, self.packing.height)
        for keyword, start in (("CRPIX1", place.left[0, number]), ("CRPIX2", place.bottom[0, number])):
            header[keyword] = header.get(keyword, 0.0) - int(start)
        header["NAXIS1"] = header["NAXIS2"] = self.packing.height
        return header

    @cached_property
    def _tiles(self) -> TileSet:
        return TileSet.parse(read_json(self.folder / TILES))

    @cached_property
    def _images(self) -> TileImages:
        return TileImages(self._tiles.tiles)

    @cached_property
    def _places(self) -> TilePlaces:
        stored = np.load(self.folder / PLACES, mmap_mode="r")
        affines = {
            band: np.load(self.folder / AFFINES.format(band), mmap_mode="r") for band in self._tiles.resampled
        }
        return TilePlaces(stored[..., 0], stored[..., 1], stored[..., 2], affines)


def _tangent_plane(header: Any, affine: Affine, size: int) -> Any:
    """Return the header of a cutout on another grid of the tile with `header`, linear about its middle."""
    from astropy.wcs import WCS
    from astropy.wcs.utils import local_partial_pixel_derivatives

    wcs = WCS(header)
    lon, lat = wcs.all_pix2world(affine.x, affine.y, 0)
    slopes = local_partial_pixel_derivatives(wcs, affine.x, affine.y)
    slopes[0] *= np.cos(np.radians(lat))
    here = WCS(naxis=2)
    here.wcs.ctype = [f"{name[:4]}-TAN" for name in wcs.wcs.ctype]
    here.wcs.crval = [float(lon), float(lat)]
    here.wcs.crpix = [(size + 1) / 2] * 2
    here.wcs.cd = slopes @ np.array([[affine.xx, affine.xy], [affine.yx, affine.yy]])
    return here.to_header()


def open_tiles(folder: Path) -> TiledCutouts | None:
    """Open, as calibrated, the tiles that a source's cutouts were cut from; None for a source of no tiles."""
    for place in (folder, folder / BESIDE):
        if (place / TILES).exists():
            opened = PackedCutouts.open(place, calibrated=True)
            return opened if isinstance(opened, TiledCutouts) else None
    return None


def write_tiled(
    folder: Path,
    *,
    bands: tuple[str, ...],
    size: int,
    tiles: TileSet,
    places: TilePlaces,
    tile_scales: NDArray[np.float64],
) -> TiledCutouts:
    """Store where the cutouts of a source lie, and make it readable.

    Parameters
    ----------
    tile_scales : shape (tiles,)
        Factor from a tile's pixels to flux in units of AB magnitude 25, NaN where it is unknown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packing = Packing.plan(slots=len(places.tile), height=size, width=size, bands=bands)
    stored = np.stack([places.tile, places.left, places.bottom], -1)
    for name, array in [(PLACES, stored)] + [
        (AFFINES.format(band), values) for band, values in places.affines.items()
    ]:
        with whole_file(folder / name) as partial:
            np.save(partial, array)
    write_json(folder / TILES, tiles.saved())
    if np.isfinite(tile_scales).any():
        write_flux_scales(folder, packing, 0, tile_scales[places.tile].tolist())
    write_json(folder / MANIFEST, packing.saved())
    return TiledCutouts(folder, packing)
