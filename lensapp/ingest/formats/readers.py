"""Read the planes of one candidate, whatever the layout of its files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.array_files import forget_mapped_arrays, open_arrays
from lensapp.ingest.formats.fits_choice import (
    band_name,
    header_band,
    image_hdus,
    match_bands,
    only_image,
    pick,
)
from lensapp.ingest.formats.fits_files import FitsFile, Header, open_fits, read_pixels
from lensapp.ingest.formats.image_files import read_image
from lensapp.ingest.formats.photometry import flux_scale
from lensapp.ingest.formats.planes import Axes, band_planes, divide_axes
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import Refused

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """The planes of one candidate, one per band, each (y, x), and the header of the first.

    `flux_scale` holds, where each band has a header that tells, factors to one unit of flux.
    """

    planes: list[Pixels]
    header: Header | None = None
    flux_scale: tuple[float, ...] | None = None


def read_candidate(recipe: Recipe, candidate: Candidate) -> Reading:
    """Read the planes of a candidate in the order of the bands.

    Raises
    ------
    Refused
        With the code and the reason for the user.
    """
    return READERS[recipe.layout](recipe, candidate)


def _read_files(recipe: Recipe, candidate: Candidate) -> Reading:
    """One file per band."""
    planes: list[Pixels] = []
    headers: list[Header | None] = []
    for band, file in zip(recipe.bands, candidate.files, strict=True):
        try:
            plane, found = _read_plane(recipe, f"{recipe.root}/{file}")
        except Refused as refused:
            which = f"band {band} ({file}): " if len(candidate.files) > 1 else ""
            raise Refused(refused.code, which + refused.reason) from refused
        if recipe.band_from_header and found is not None and header_band(found) != band:
            raise Refused("missing_band", f"{file} is of band {header_band(found) or 'unknown'}, not {band}")
        planes.append(plane)
        headers.append(found)
    return Reading(planes, next((found for found in headers if found), None), _flux_scale(headers))


def _flux_scale(headers: Sequence[Header | None]) -> tuple[float, ...] | None:
    """Return a factor per band, or None unless all are known."""
    factors = [flux_scale(header) for header in headers if header is not None]
    known = tuple(factor for factor in factors if factor is not None)
    return known if len(known) == len(headers) else None


def _read_plane(recipe: Recipe, path: str) -> tuple[Pixels, Header | None]:
    """Read the one image of a file of any format."""
    kind = recipe.format
    header: Header | None = None
    if kind == "images":
        array = read_image(Path(path), trim_frame=recipe.trim_frame)
        if len(array) > 1 and (array[0] == array).all():  # grey saved as colour
            array = array[:1]
    elif kind in ("hdf5", "npy"):
        file = open_arrays(Path(path))
        array = file.pixels(file.pixel_key(recipe.key), None)
    else:
        fits = open_fits(path)
        index = pick(fits, recipe.hdus[0]) if recipe.hdus else only_image(fits)
        array, header = read_pixels(fits, index), fits.header(index)
    plane = (
        array.reshape(array.shape[-2:])
        if array.ndim > 2 and array.size == np.prod(array.shape[-2:])
        else array
    )
    if plane.ndim != 2:
        raise Refused(
            "wrong_shape", f"one plane expected, the file holds an array of shape {_sides(array.shape)}"
        )
    return plane, header


def _read_cube(recipe: Recipe, candidate: Candidate) -> Reading:
    """Planes of a FITS cube, or of one cutout in a stack of cubes."""
    path = f"{recipe.root}/{candidate.files[0]}"
    fits = open_fits(path) if candidate.place is None else _cached_fits(path, Path(path).stat().st_mtime_ns)
    index = pick(fits, recipe.hdus[0]) if recipe.hdus else only_image(fits)
    shape = fits.shape(index) or ()
    axes = _axes(recipe, shape)
    if axes.stacked != (candidate.place is not None):
        raise Refused("wrong_shape", f"a cube expected, the file holds an array of shape {_sides(shape)}")
    array = read_pixels(fits, index, row=candidate.place)
    return Reading(_in_order(recipe, band_planes(array, axes)), fits.header(index))


def forget_stacks() -> None:
    """Close the files of many cutouts: pages of theirs that were read count as this process's memory."""
    _cached_fits.cache_clear()
    forget_mapped_arrays()


@lru_cache(maxsize=2)
def _cached_fits(path: str, _changed: int) -> FitsFile:
    return open_fits(path)


def _read_hdus(recipe: Recipe, candidate: Candidate) -> Reading:
    """One HDU per band."""
    fits = open_fits(f"{recipe.root}/{candidate.files[0]}")
    chosen = choose_hdus(fits, recipe)
    planes = []
    for band, index in zip(recipe.bands, chosen, strict=True):
        array = read_pixels(fits, index)
        if array.ndim != 2:
            raise Refused(
                "wrong_shape", f"band {band}: one plane expected, received shape {_sides(array.shape)}"
            )
        planes.append(array)
    headers = [fits.header(index) for index in chosen]
    return Reading(planes, headers[0], _flux_scale(headers))


def choose_hdus(fits: FitsFile, recipe: Recipe) -> list[int]:
    """Return the HDU of each band: the user's choice, by name or header, or in order where all are alike.

    Raises
    ------
    Refused
        "missing_band" or "ambiguous".
    """
    if recipe.hdus:
        return [pick(fits, selector) for selector in recipe.hdus]
    matched = match_bands(fits, recipe.bands)
    if matched is not None:
        return matched
    images = image_hdus(fits)
    if not images:
        only_image(fits)
    names = [band_name(fits, index) for index in images]
    if len(set(names)) <= 1 and len(images) == len(recipe.bands):
        return images  # nothing tells them apart: the user's list of bands is their order
    shown = ", ".join(f"{index} {name}".strip() for index, name in zip(images, names, strict=True))
    raise Refused(
        "missing_band", f"bands {', '.join(recipe.bands)} expected, the file has images in HDUs {shown}"
    )


def _read_colours(recipe: Recipe, candidate: Candidate) -> Reading:
    """Channels of a colour image."""
    array = read_image(Path(recipe.root, candidate.files[0]), trim_frame=recipe.trim_frame)
    if len(array) != len(recipe.bands):
        raise Refused(
            "missing_band", f"{len(recipe.bands)} bands expected, the image has {len(array)} channels"
        )
    return Reading(list(array))


def _read_arrays(recipe: Recipe, candidate: Candidate) -> Reading:
    """Planes of an HDF5, npy or npz array."""
    file = open_arrays(Path(recipe.root, candidate.files[0]))
    key = file.pixel_key(recipe.key)
    axes = _axes(recipe, file.shape(key))
    if axes.stacked != (candidate.place is not None):
        raise Refused("wrong_shape", f"a cutout expected, the array has shape {_sides(file.shape(key))}")
    return Reading(_in_order(recipe, band_planes(file.pixels(key, candidate.place), axes)))


def _axes(recipe: Recipe, shape: tuple[int, ...]) -> Axes:
    try:
        bands = recipe.planes_in_file or len(recipe.bands)
        return divide_axes(shape, bands=bands, band_axis=recipe.band_axis, origin="the file")
    except InvalidInput as error:
        raise Refused("wrong_shape", str(error)) from error


def _in_order(recipe: Recipe, planes: list[Pixels]) -> list[Pixels]:
    return [planes[place] for place in recipe.planes] if recipe.planes else planes


def _sides(shape: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in shape) or "()"


READERS: dict[str, Callable[[Recipe, Candidate], Reading]] = {
    "files": _read_files,
    "cube": _read_cube,
    "hdus": _read_hdus,
    "images": _read_colours,
    "hdf5": _read_arrays,
    "npy": _read_arrays,
}
