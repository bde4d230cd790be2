"""Noise maps, weights and PSFs that lie beside the tiles of a survey, cut out with their cutouts."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.storage.arrays import PlaneShape
from lensapp.storage.tiles.tile_images import Tile, TileImages

PSF = "PSF"
VARIANCES = ("var", "variance")
POWERS = {"noise": -0.5, "variance": 0.0, "weight": -2.0}
"""Power of the area of a cutout's pixel, in pixels of its tile, that turns what was summed up over it into a
standard deviation, a variance and an inverse variance of the sum."""

Pixels = NDArray[np.float32]


class TilePlane(Spec):
    """The planes of one kind beside the tiles of a source."""

    word: str = Field(min_length=1, description="What the survey calls them, such as rms.")
    kind: str = Field(min_length=1, description="Kind of plane: noise, weight or PSF.")
    height: int = Field(ge=1, description="Height that is kept of each, in pixels.")
    width: int = Field(ge=1, description="Width that is kept of each, in pixels.")
    tiles: tuple[Tile | None, ...] = Field(description="That of each tile, none where it has no such plane.")

    def __hash__(self) -> int:
        """Return a hash that costs the same for any number of tiles."""
        return hash((self.word, len(self.tiles)))

    @property
    def shape(self) -> PlaneShape:
        """The plane as a source tells of it."""
        return PlaneShape(word=self.word, kind=self.kind, height=self.height, width=self.width)


def cut_planes(plane: TilePlane, places: Any) -> Pixels:
    """Cut the planes of one kind out beside cutouts.

    Those of bands that are brought to another grid are noise of the sums of pixels there, as if the noise of
    the tile's pixels were independent. PSFs are those of the tile, in its pixels, about the middle.

    Parameters
    ----------
    places
        `TilePlaces` of the cutouts, shape (n, band).

    Returns
    -------
    float32, shape (n, y, x, band)
        NaN where a tile has no such plane, and beyond its edge.
    """
    count, bands = places.tile.shape
    out = np.full((count, plane.height, plane.width, bands), np.nan, np.float32)
    images, number_of = _images(plane)
    for band in range(bands):
        numbers = number_of[places.tile[:, band]]
        affines = places.affines.get(band)
        for number in np.unique(numbers[numbers >= 0]).tolist():
            rows = np.flatnonzero(numbers == number)
            if plane.kind == PSF:
                out[rows, :, :, band] = _psf(images.tiles[number], plane.height)
                continue
            images.cut(
                number,
                left=places.left[rows, band],
                bottom=places.bottom[rows, band],
                out=out[..., band],
                rows=rows,
                affines=None if affines is None else affines[rows],
            )
            if affines is not None:
                area = np.abs(affines[rows, 2] * affines[rows, 5] - affines[rows, 3] * affines[rows, 4])
                power = POWERS["variance" if plane.word in VARIANCES else plane.kind]
                out[rows, :, :, band] *= (area**power).astype(np.float32)[:, None, None]
    return out


@lru_cache(maxsize=8)
def _images(plane: TilePlane) -> tuple[TileImages, NDArray[np.int64]]:
    """Return the images of a kind of planes, and which of them is that of each tile (-1 for none)."""
    present = [number for number, tile in enumerate(plane.tiles) if tile is not None]
    number_of = np.full(len(plane.tiles), -1, np.int64)
    number_of[present] = np.arange(len(present))
    return TileImages(tuple(tile for tile in plane.tiles if tile is not None)), number_of


@lru_cache(maxsize=256)
def _psf(tile: Tile, side: int) -> Pixels:
    """Return the PSF of a tile about its middle, cropped or padded to a square."""
    from astropy.io import fits

    from lensapp.core.train.normalisation import about_middle

    pixels = np.asarray(fits.getdata(tile.path, tile.hdu), np.float32).squeeze()
    return about_middle(pixels[None, ..., None], (side, side))[0, ..., 0]
