"""Read the planes of one candidate, whatever the layout of its files."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.flux_units import HIGHEST_ZERO_POINT, LOWEST_ZERO_POINT, factor_of_zero_point
from lensapp.core.errors import InvalidInput, StorageError
from lensapp.ingest.astrometry import Pointing
from lensapp.ingest.formats.array_files import (
    PIXEL_SCALES,
    UNIT_ATTRIBUTES,
    ZERO_POINTS,
    ArrayFile,
    forget_mapped_arrays,
    open_arrays,
)
from lensapp.ingest.formats.fits_choice import band_hdus, header_band_list, image_band, single_image
from lensapp.ingest.formats.fits_files import FitsFile, Header, open_fits, read_pixels
from lensapp.ingest.formats.image_files import is_grey, read_image
from lensapp.ingest.formats.photometry import factor_of_unit, flux_scale, linear_flux
from lensapp.ingest.formats.planes import Axes, band_planes, divide_axes, plane_counts, sides
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import Refused
from lensapp.storage.tiles.tile_images import TileImages
from lensapp.storage.tiles.tiled_cutouts import TilePlaces, TileSet, cut_out

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """The planes of one candidate, one per band, each (y, x), and the headers of the first.

    `headers` are its own and, before an extension, that of the file.

    `pointing` is where it lies when that is known without a header.

    `pixel_scale_arcsec` is what a file without a header states of it.

    `flux_scale` holds factors to flux in units of AB magnitude 25, NaN for a band of unknown unit; None where
    nothing tells.
    """

    planes: list[Pixels]
    headers: tuple[Header, ...] = ()
    flux_scale: tuple[float, ...] | None = None
    pointing: Pointing | None = None
    pixel_scale_arcsec: float | None = None

    @property
    def header(self) -> Header | None:
        """The header of the first plane."""
        return self.headers[0] if self.headers else None


def _headers_of(fits: FitsFile, index: int) -> tuple[Header, ...]:
    """Return the header of an HDU and, of an extension, that of the file."""
    return tuple(fits.header(one) for one in dict.fromkeys((index, 0)))


def read_candidate(recipe: Recipe, candidate: Candidate) -> Reading:
    """Read the planes of a candidate in the order of the bands, or refuse it."""
    reading = READERS[recipe.layout](recipe, candidate)
    if not recipe.flux_scales:
        return reading
    of_headers = reading.flux_scale or (math.nan,) * len(recipe.bands)
    stated = zip(recipe.flux_scales, of_headers, strict=True)
    scales = tuple(of_header if math.isnan(factor) else factor for factor, of_header in stated)
    return replace(reading, flux_scale=None if all(map(math.isnan, scales)) else scales)


def _read_files(recipe: Recipe, candidate: Candidate) -> Reading:
    """One file per band."""
    planes: list[Pixels] = []
    headers: list[tuple[Header, ...]] = []
    scales: list[float | None] = []
    for band, file in zip(recipe.bands, candidate.files, strict=True):
        try:
            plane, of_plane, scale = _read_plane(recipe, f"{recipe.root}/{file}", band)
        except Refused as refused:
            which = f"band {band} ({file}): " if len(candidate.files) > 1 else ""
            raise Refused(refused.code, which + refused.reason) from refused
        planes.append(plane)
        headers.append(of_plane)
        scales.append(scale)
    return Reading(planes, next(filter(None, headers), ()), _known(scales))


def _known(scales: Sequence[float | None]) -> tuple[float, ...] | None:
    """Return a factor per band, NaN where it is unknown; None where all are."""
    if all(scale is None for scale in scales):
        return None
    return tuple(math.nan if scale is None else scale for scale in scales)


def _scale_of(fits: FitsFile, index: int) -> float | None:
    """Return what pixels of an HDU are worth, by its own header and that of the primary HDU."""
    return flux_scale(fits.header(index), fits.header(0) if index else None)


def _read_plane(recipe: Recipe, path: str, band: str) -> tuple[Pixels, tuple[Header, ...], float | None]:
    """Read the one image of a file of any format, with its headers and what its pixels are worth."""
    headers: tuple[Header, ...] = ()
    scale = None
    if recipe.format == "images":
        array = read_image(Path(path), frames=recipe.frames)
        array = array[:1] if is_grey(array) else array
    elif recipe.format in ("hdf5", "npy", "zarr"):
        file = open_arrays(Path(path))
        key = file.pixel_key(recipe.key)
        array = file.pixels(key, None)
        scale = next(iter(_scales_of_arrays(file, key, bands=1, row=None) or ()), None)
    else:
        fits = open_fits(path)
        index = single_image(fits, recipe.hdus)
        if recipe.band_from_header and (other := image_band(fits, index)) != band:
            raise Refused("missing_band", f"it is of band {other or 'unknown'}, not {band}")
        array, headers, scale = _read_flux(fits, index), _headers_of(fits, index), _scale_of(fits, index)
    if array.ndim > 2 and array.size == np.prod(array.shape[-2:]):
        return array.reshape(array.shape[-2:]), headers, scale
    if array.ndim != 2:
        raise Refused("wrong_shape", f"holds an array of shape {sides(array.shape)}, not one plane")
    return array, headers, scale


def _read_flux(fits: FitsFile, index: int, *, row: int | None = None) -> Pixels:
    return linear_flux(read_pixels(fits, index, row=row), fits.header(index))


def _read_cube(recipe: Recipe, candidate: Candidate) -> Reading:
    """Planes of a FITS cube, or of one cutout in a stack of cubes."""
    path = f"{recipe.root}/{candidate.files[0]}"
    fits = open_fits(path) if candidate.row is None else open_stack(path)
    index = single_image(fits, recipe.hdus)
    recipe = of_cube(recipe, fits, index)
    axes = _axes_of(recipe, candidate, fits.shape(index) or ())
    array = _read_flux(fits, index, row=candidate.row)
    return Reading(
        _planes(recipe, array, axes),
        _headers_of(fits, index),
        _known([_scale_of(fits, index)] * len(recipe.bands)),
    )


def forget_stacks() -> None:
    """Close the files of many cutouts: pages of theirs that were read count as this process's memory."""
    _cached_fits.cache_clear()
    forget_mapped_arrays()


def open_stack(path: str) -> FitsFile:
    """Open a FITS file of many cutouts; the few opened last stay open, as stacks are read row by row."""
    return _cached_fits(path, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _cached_fits(path: str, _changed: int) -> FitsFile:
    return open_fits(path)


def _read_hdus(recipe: Recipe, candidate: Candidate) -> Reading:
    """One HDU per band."""
    fits = open_fits(f"{recipe.root}/{candidate.files[0]}")
    hdus = band_hdus(fits, recipe.bands, recipe.hdus)
    planes = []
    for band, index in zip(recipe.bands, hdus, strict=True):
        array = _read_flux(fits, index)
        if array.ndim != 2:
            raise Refused("wrong_shape", f"band {band} has the shape {sides(array.shape)}, not one plane")
        planes.append(array)
    return Reading(planes, _headers_of(fits, hdus[0]), _known([_scale_of(fits, index) for index in hdus]))


def _read_colours(recipe: Recipe, candidate: Candidate) -> Reading:
    """Channels of a colour image."""
    array = read_image(Path(recipe.root, candidate.files[0]), frames=recipe.frames)
    if len(recipe.bands) == 1 and is_grey(array):
        array = array[:1]
    if len(array) != len(recipe.bands):
        raise Refused(
            "missing_band", f"the image has {len(array)} channels, not {len(recipe.bands)}, one per band"
        )
    return Reading(list(array))


def _read_arrays(recipe: Recipe, candidate: Candidate) -> Reading:
    """Planes of an HDF5, npy, npz or Zarr array."""
    file = open_arrays(Path(recipe.root, candidate.files[0]))
    key = file.pixel_key(recipe.key)
    recipe = of_arrays(recipe, file, key)
    axes = _axes_of(recipe, candidate, file.shape(key))
    scales = _scales_of_arrays(file, key, bands=recipe.bands_in_file, row=candidate.row)
    if scales is not None and recipe.planes:
        scales = tuple(scales[place] for place in recipe.planes)
    scale = 0.0
    if (stated := file.stated(key, PIXEL_SCALES)) is not None and stated.dtype.kind in "iuf":
        of_cutout = stated.reshape(-1)[:1] if stated.size == 1 else stated.reshape(-1)[candidate.row or 0 :]
        scale = float(of_cutout[0]) if stated.ndim < 2 and len(of_cutout) else 0.0
    return Reading(
        _planes(recipe, file.pixels(key, candidate.row), axes),
        flux_scale=scales,
        pixel_scale_arcsec=scale if 0.0 < scale < math.inf else None,
    )


def _scales_of_arrays(file: ArrayFile, key: str, *, bands: int, row: int | None) -> tuple[float, ...] | None:
    """Return the factor per band that a file of arrays states of one cutout; None where it tells nothing.

    AB zero points are one number, one per band (band,), per cutout (n,), or per cutout and band (n, band);
    without them a unit such as "nJy" tells.
    """
    stated = file.stated(key, ZERO_POINTS)
    if stated is None:
        unit = file.stated(key, UNIT_ATTRIBUTES)
        text = "" if unit is None or unit.size != 1 else unit.reshape(-1)[0]
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        factor, per_steradian = factor_of_unit(text.strip()) if text else (None, False)
        return None if factor is None or per_steradian else (factor,) * bands
    if stated.dtype.kind not in "iuf" or stated.ndim > 2:
        return None
    of_cutout = stated if row is None or stated.shape in ((), (1,), (bands,)) else stated[row : row + 1]
    values = of_cutout.astype(np.float64).reshape(-1)
    if len(values) not in (1, bands):
        return None
    sane = (values > LOWEST_ZERO_POINT) & (values < HIGHEST_ZERO_POINT)
    factors = [
        factor_of_zero_point(value) if ok else math.nan for value, ok in zip(values, sane, strict=True)
    ]
    return tuple(factors * (bands // len(factors))) if sane.any() else None


def _read_tiles(recipe: Recipe, candidate: Candidate) -> Reading:
    """Squares of a survey's tiles, one per band."""
    if recipe.tiles is None or candidate.place is None:
        raise Refused("unreadable", "it has no place in the tiles")
    images, place = _tile_images(recipe.tiles), candidate.place
    try:
        pixels = cut_out(images, places_of([candidate]), recipe.height)
    except StorageError as error:
        raise Refused("unreadable", str(error)) from error
    scales = [recipe.tile_scales[tile] for tile, _, _ in place.squares]
    known = None if all(map(math.isnan, scales)) else tuple(scales)
    return Reading(list(np.moveaxis(pixels[0], -1, 0)), flux_scale=known, pointing=place.pointing)


def places_of(candidates: Sequence[Candidate]) -> TilePlaces:
    """Return where some candidates lie in their tiles."""
    places = [candidate.place for candidate in candidates if candidate.place is not None]
    tile, left, bottom = np.array([place.squares for place in places], np.int32).transpose(2, 0, 1)
    affines: dict[int, list[tuple[float, ...]]] = {}
    for place in places:
        for band, affine in place.affines:
            affines.setdefault(band, []).append(affine)
    return TilePlaces(tile, left, bottom, {band: np.array(values) for band, values in affines.items()})


@lru_cache(maxsize=1)
def _tile_images(tiles: TileSet) -> TileImages:
    return TileImages(tiles.tiles)


def of_cube(recipe: Recipe, fits: FitsFile, index: int) -> Recipe:
    """Return the recipe for a FITS cube, its planes by the file's own list of bands."""
    if not recipe.planes_named:
        return recipe
    counts = plane_counts(fits.shape(index) or (), recipe.band_axis)
    return _by_own_list(recipe, header_band_list(fits.header(index), counts))


def of_arrays(recipe: Recipe, file: ArrayFile, key: str) -> Recipe:
    """Return the recipe for a file of arrays, its planes by the file's own list of bands."""
    if not recipe.planes_named:
        return recipe
    names = file.bands()
    return _by_own_list(
        recipe, names if len(names) in plane_counts(file.shape(key), recipe.band_axis) else ()
    )


def _by_own_list(recipe: Recipe, names: Sequence[str]) -> Recipe:
    place = {name.lower(): number for number, name in enumerate(names)}
    absent = [band for band in recipe.bands if band.lower() not in place]
    if absent:
        said = f"names its bands {', '.join(names)}" if names else "does not name its bands, as others do"
        raise Refused("missing_band", f"it {said}: band {', '.join(absent)} is not to be found")
    planes = tuple(place[band.lower()] for band in recipe.bands)
    if planes == (recipe.planes or tuple(range(len(names)))) and len(names) == recipe.bands_in_file:
        return recipe
    return replace(recipe, planes=planes, planes_in_file=len(names))


def find_axes(recipe: Recipe, shape: tuple[int, ...], origin: str) -> Axes:
    """Tell cutouts and bands apart in an array of a file called `origin`, or refuse it."""
    try:
        return divide_axes(shape, bands=recipe.bands_in_file, band_axis=recipe.band_axis, origin=origin)
    except InvalidInput as error:
        raise Refused("wrong_shape", str(error)) from error


def _axes_of(recipe: Recipe, candidate: Candidate, shape: tuple[int, ...]) -> Axes:
    axes = find_axes(recipe, shape, "the file")
    if axes.stacked != (candidate.row is not None):
        raise Refused("wrong_shape", f"holds an array of shape {sides(shape)}, not one cutout")
    return axes


def _planes(recipe: Recipe, array: Pixels, axes: Axes) -> list[Pixels]:
    """Return the planes of one cutout in the user's order."""
    planes = band_planes(array, axes)
    return [planes[index] for index in recipe.planes] if recipe.planes else planes


READERS: dict[str, Callable[[Recipe, Candidate], Reading]] = {
    "files": _read_files,
    "cube": _read_cube,
    "hdus": _read_hdus,
    "images": _read_colours,
    "hdf5": _read_arrays,
    "npy": _read_arrays,
    "zarr": _read_arrays,
    "tiles": _read_tiles,
}
