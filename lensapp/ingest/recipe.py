"""What a worker process needs to know to read the candidates of one import."""

from dataclasses import dataclass
from typing import NamedTuple

from lensapp.ingest.astrometry import Pointing
from lensapp.ingest.formats.frames import Frame
from lensapp.storage.arrays import PlaneShape
from lensapp.storage.tiles.tiled_cutouts import TileSet


class TilePlace(NamedTuple):
    """Where a candidate lies in the tiles of a survey.

    `squares` gives tile, left and bottom pixel of each band; `affines` those of bands on another grid, with
    the number of the band; see `lensapp.storage.tiles.resampling.Affine`.
    """

    squares: tuple[tuple[int, int, int], ...]
    affines: tuple[tuple[int, tuple[float, ...]], ...]
    pointing: Pointing


class Candidate(NamedTuple):
    """One cutout to be: its ID and its files, one or one per band, relative to the root."""

    candidate_id: str
    files: tuple[str, ...]
    row: int | None = None  # of a file that holds many cutouts
    beside: tuple[tuple[str, int, str], ...] = ()  # files of planes to keep: word, number of the band, file
    place: TilePlace | None = None  # of a cutout from tiles, whose `row` is that of the catalogue


@dataclass(frozen=True)
class Recipe:
    """How the files of an import become planes of one shape."""

    root: str
    layout: str
    format: str  # of all files: "fits", "images", "hdf5", "npy" or "zarr"
    bands: tuple[str, ...]
    hdus: tuple[str, ...] = ()
    key: str | None = None
    band_axis: str = "auto"
    planes: tuple[int, ...] = ()  # of a cube that names its bands: which of them, in the user's order
    planes_in_file: int = 0
    planes_named: bool = False  # by the files: each is read by its own list
    band_from_header: bool = False  # so that each file's header has to name the same
    height: int = 0
    width: int = 0
    crop: bool = False  # bring planes of other sizes to the shape
    sentinels: tuple[float, ...] = ()
    detect_sentinels: bool = True
    frames: tuple[Frame, ...] = ()  # of images of each size: what to cut off
    use_header_positions: bool = True
    position_keywords: tuple[str, ...] = ()  # of right ascension and declination, where there is no WCS
    flux_scales: tuple[float, ...] = ()  # per band what the user states, NaN where not; before the headers'
    beside: tuple[PlaneShape, ...] = ()  # noise, weights and PSFs that are kept too
    dtype: str = "float32"
    tiles: TileSet | None = None  # what cutouts are cut out of
    tile_scales: tuple[float, ...] = ()  # what a pixel of each tile is worth, NaN where unknown

    @property
    def bands_in_file(self) -> int:
        """Number of bands that a cube holds, those left out included."""
        return self.planes_in_file or len(self.bands)
