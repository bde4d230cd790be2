"""Keep the noise maps, weights and PSFs that files hold beside the images of flux.

They are not cleaned or converted: what a value means (a standard deviation, a variance, its inverse) is told
by the word that the survey calls them by, such as rms or invvar.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.companions import Companions, name_key
from lensapp.ingest.formats.fits_choice import band_hdus, picture_hdus, single_image
from lensapp.ingest.formats.fits_files import FitsFile, open_fits, read_pixels
from lensapp.ingest.formats.plane_kinds import KINDS, header_kind, kind_words, words_of
from lensapp.ingest.formats.planes import band_planes, centre
from lensapp.ingest.formats.readers import find_axes, of_cube, open_stack, places_of
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import Refused
from lensapp.storage.arrays import PlaneShape
from lensapp.storage.tiles.tile_planes import cut_planes

Pixels = NDArray[np.float32]
KEPT = frozenset({"noise", "weight", "PSF"})
LARGEST_PSF = 256


class PlaneOfBand(NamedTuple):
    """One plane of one band of a candidate, called by its word."""

    word: str
    band: int
    pixels: Pixels


def with_companions(
    recipe: Recipe, candidates: Sequence[Candidate], companions: Companions
) -> list[Candidate]:
    """Return candidates with the files beside theirs that hold planes to keep: word, band and file."""
    if not companions.kinds or recipe.format != "fits":
        return list(candidates)

    @cache  # a file of many cutouts is that of many candidates
    def beside(files: tuple[str, ...]) -> tuple[tuple[str, int, str], ...]:
        planes = []
        for band, file in enumerate(files):
            planes += [(word, band, name) for word, name in kept_beside(companions, file)]
        return tuple(planes)

    return [candidate._replace(beside=beside(candidate.files)) for candidate in candidates]


def kept_beside(companions: Companions, file: str) -> Iterator[tuple[str, str]]:
    """Yield word and name of each file beside another that holds a plane to keep."""
    for kind, names in companions.of_files([file]).items():
        for name in names if kind in KEPT else ():
            words = [word for word in kind_words(words_of(name)) if KINDS[word] == kind]
            yield words[-1] if words else kind.lower(), name


def kept_hdus(fits: FitsFile) -> dict[str, list[int]]:
    """Return the HDUs of a file that hold planes to keep, by their word."""
    by_word: dict[str, list[int]] = {}
    for index in picture_hdus(fits):
        words = kind_words(words_of(fits.name(index)))
        kind = KINDS[words[0]] if words else header_kind(fits.header(index))
        if kind in KEPT:
            by_word.setdefault(words[0] if words else kind.lower(), []).append(index)
    return by_word


def find_planes(recipe: Recipe, candidates: Sequence[Candidate]) -> tuple[PlaneShape, ...]:
    """Return what planes some candidates have, and the sizes in which they are kept.

    Noise and weights are as large as the cutouts; of PSFs the largest decides.
    """
    sides: dict[str, int] = {}
    kinds: dict[str, str] = {}
    for candidate in candidates:
        for plane in planes_of(recipe, candidate):
            kinds[plane.word] = KINDS.get(plane.word, plane.word)
            sides[plane.word] = max(sides.get(plane.word, 0), *plane.pixels.shape)
    shapes = []
    for word, kind in sorted(kinds.items()):
        is_psf = kind == "PSF"
        side = min(sides[word], LARGEST_PSF)
        height, width = (side, side) if is_psf else (recipe.height, recipe.width)
        shapes.append(PlaneShape(word=word, kind=kind, height=height, width=width))
    return tuple(shapes)


def read_planes(recipe: Recipe, candidates: Sequence[Candidate]) -> dict[str, Pixels]:
    """Return the planes of some candidates by their word, shape (n, y, x, band), NaN where there are none."""
    if recipe.tiles is not None:
        places = places_of(candidates)
        return {plane.word: cut_planes(plane, places) for plane in recipe.tiles.planes}
    bands = len(recipe.bands)
    stacks = {
        shape.word: np.full((len(candidates), shape.height, shape.width, bands), np.nan, np.float32)
        for shape in recipe.beside
    }
    for row, candidate in enumerate(candidates):
        for plane in planes_of(recipe, candidate):
            stack = stacks.get(plane.word)
            if stack is None:
                continue
            height, width = stack.shape[1:3]
            pixels = plane.pixels
            if pixels.shape != (height, width) and height == width:
                pixels = centre(pixels, height)
            if pixels.shape == (height, width):
                stack[row, :, :, plane.band] = pixels
    return stacks


def planes_of(recipe: Recipe, candidate: Candidate) -> Iterator[PlaneOfBand]:
    """Yield the planes of one candidate; those that cannot be read are left out."""
    opened = open_fits if candidate.row is None else open_stack
    every = list(range(len(recipe.bands)))
    for word, band, file in candidate.beside:
        with suppress(Refused), reading("it cannot be decoded"):
            fits = opened(f"{recipe.root}/{file}")
            pictures = picture_hdus(fits)
            if len(pictures) == 1:
                bands = [band] if candidate.row is None else every
                yield from _of_hdu(recipe, fits, pictures[0], word, bands, row=candidate.row)
    if recipe.format != "fits":
        return
    for band, file in enumerate(candidate.files):
        with suppress(Refused), reading("it cannot be decoded"):
            fits = opened(f"{recipe.root}/{file}")
            if len(fits) > 1:
                yield from _of_file(recipe, fits, band, row=candidate.row)


def _of_file(recipe: Recipe, fits: FitsFile, band: int, *, row: int | None) -> Iterator[PlaneOfBand]:
    """Yield the planes of the HDUs of a file beside its images of flux."""
    by_word = kept_hdus(fits)
    if not by_word:
        return
    if recipe.layout == "hdus":
        flux = band_hdus(fits, recipe.bands, recipe.hdus)
        keys = [name_key(words_of(fits.name(index))) for index in flux]
    for word, planes in by_word.items():
        if recipe.layout != "hdus":
            bands = [band] if recipe.layout == "files" else list(range(len(recipe.bands)))
            if len(planes) == 1:
                yield from _of_hdu(recipe, fits, planes[0], word, bands, row=row)
            continue
        names = [name_key(words_of(fits.name(index))) for index in planes]
        if len(set(keys)) == len(keys):
            pairs = [
                (keys.index(name), plane) for name, plane in zip(names, planes, strict=True) if name in keys
            ]
        else:  # SCI, ERR, SCI, ERR: told apart by their order alone
            pairs = list(enumerate(planes)) if len(planes) == len(flux) else []
        for number, plane in pairs:
            yield from _of_hdu(recipe, fits, plane, word, [number], row=None)


def _of_hdu(
    recipe: Recipe, fits: FitsFile, index: int, word: str, bands: Sequence[int], *, row: int | None
) -> Iterator[PlaneOfBand]:
    """Yield what an HDU holds for some bands: one plane for all, or a cube with one for each.

    Of a stack of cutouts it is what lies at `row`; what is no stack is that of every cutout, as one PSF is.
    """
    shape = fits.shape(index) or ()
    if len(shape) > 2 and recipe.layout == "cube":
        recipe = of_cube(recipe, fits, single_image(fits, recipe.hdus))
    if row is None or len(shape) <= 2 or not find_axes(recipe, shape, word).stacked:
        row = None
    elif row >= shape[0]:
        return
    pixels = read_pixels(fits, index, row=row).squeeze()
    if pixels.ndim == 2:
        yield from (PlaneOfBand(word, band, pixels) for band in bands)
    elif recipe.layout == "cube":
        planes = band_planes(pixels, find_axes(recipe, pixels.shape, word))
        order = recipe.planes or range(len(planes))
        yield from (PlaneOfBand(word, band, planes[plane]) for band, plane in enumerate(order))


def with_planes(
    recipe: Recipe, candidates: Sequence[Candidate], warnings: list[str], *, no_flux: Sequence[str] = ()
) -> Recipe:
    """Return the recipe with the planes that a sample of the candidates has, and say which are kept.

    Of the HDUs in `no_flux`, such as "2 G_PSF (PSF)", those that are not kept are named as left out.
    """
    beside = find_planes(recipe, candidates)
    if beside:
        listed = ", ".join(
            shape.word if shape.word == shape.kind.lower() else f"{shape.word} ({shape.kind})"
            for shape in beside
        )
        kept = tuple(shape.word.lower() for shape in beside)
        others = [name for name in no_flux if not name.rpartition(" (")[0].lower().endswith(kept)]
        left_out = f"; left out, as no images of flux: {', '.join(others)}" if others else ""
        warnings.append(f"Kept beside the pixels, per candidate and band: {listed}{left_out}.")
    elif no_flux:
        warnings.append(words_of_left_out(no_flux))
    return replace(recipe, beside=beside)


def words_of_left_out(no_flux: Sequence[str]) -> str:
    """Say which HDUs are left out in each file, as they are no images of flux."""
    what = "HDU is no image" if len(no_flux) == 1 else "HDUs are no images"
    return f"{len(no_flux)} {what} of flux and left out in each file: {', '.join(no_flux)}."
