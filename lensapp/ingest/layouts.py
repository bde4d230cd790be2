"""Find out how the bands of an import are stored, and what they are called.

Bands come from the user, from names or from headers; where none of these tells, the import is refused.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.bands import KNOWN_BAND
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.array_files import open_arrays
from lensapp.ingest.formats.fits_choice import (
    band_hdus,
    band_name,
    hdu_kind,
    header_band_list,
    image_band,
    image_hdus,
    match_bands,
    pick,
    picture_hdus,
    single_image,
)
from lensapp.ingest.formats.fits_files import FitsFile, open_fits
from lensapp.ingest.formats.frames import common_frames
from lensapp.ingest.formats.image_files import read_values
from lensapp.ingest.formats.planes import divide_axes, plane_counts, sides
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.grouping import Groups, group_by_band
from lensapp.ingest.listing import Listing
from lensapp.ingest.recipe import Recipe
from lensapp.ingest.refusals import Refused

PROBED_FILES = 40
PROBED_IMAGES = 16
NAME_THEM = "Name the bands, in the order of the file (--bands g,r,i)."
WHITE_BORDERS = (
    "White borders are not trimmed, as they differ from image to image: they may be white sky. Where they "
    "are frames of plots, import the images of each frame on their own."
)
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Layout:
    """How bands are stored: the recipe without the shape, and the groups of one file per band.

    `stacked` tells that a file holds many cutouts. `no_flux` names the HDUs of each file that are no
    band, and what they are: "2 G_PSF (PSF)".
    """

    recipe: Recipe
    groups: Groups | None = None
    stacked: bool = False
    warnings: tuple[str, ...] = ()
    no_flux: tuple[str, ...] = ()


def find_layout(listing: Listing, spec: IngestSpec) -> Layout:
    """Find the layout of the listed files and the names of their bands."""
    base = Recipe(
        root=str(listing.root),
        layout=spec.layout,
        format=listing.format,
        bands=spec.bands,
        hdus=spec.hdus,
        key=spec.key,
        band_axis=spec.band_axis,
        sentinels=spec.sentinels,
        detect_sentinels=spec.detect_sentinels,
        dtype=spec.dtype,
    )
    if listing.format == "images" and spec.trim_frame:
        frames, kept = common_frames(_some_images(listing))
        layout = _layout_of(replace(base, frames=frames), listing)
        return replace(layout, warnings=(*layout.warnings, WHITE_BORDERS)) if kept else layout
    return _layout_of(base, listing)


def _layout_of(base: Recipe, listing: Listing) -> Layout:
    """Find the layout by the format of the files."""
    if base.layout == "files" and listing.format != "fits":
        return _files_layout(base, listing)
    if listing.format == "fits":
        return _fits_layout(base, listing)
    if listing.format == "images":
        return _images_layout(base, listing)
    return _arrays_layout(base, listing)


def _first_readable(listing: Listing, read: Callable[[Path], Opened], complaint: str) -> Opened:
    """Return what `read` makes of the first file that it accepts."""
    reason = ""
    for name in listing.names[:PROBED_FILES]:
        try:
            with reading("cannot be decoded"):
                return read(listing.root / name)
        except Refused as refused:
            reason = reason or f"{name} {refused.reason}"
    raise InvalidInput(complaint.format(reason=reason))


def _fits_layout(base: Recipe, listing: Listing) -> Layout:
    def read(path: Path) -> tuple[str, FitsFile]:
        fits = open_fits(path)
        if base.hdus:
            pick(fits, base.hdus[0])
        if not image_hdus(fits):
            single_image(fits, ())
            raise Refused("no_image", "holds no image but an error, weight, mask or PSF plane")
        return Path(path).name, fits

    complaint = "None of the FITS files holds a readable image ({reason}). Choose another folder."
    name, fits = _first_readable(listing, read, complaint)
    images = image_hdus(fits)
    chosen = pick(fits, base.hdus[0]) if base.hdus else images[0]
    first = fits.shape(chosen) or ()
    layout = base.layout
    if layout == "auto":
        several = len(base.hdus) > 1 or (not base.hdus and len(images) > 1)
        if len(base.bands) > 1 and len(picture_hdus(fits)) > 1 and not base.hdus:
            several = several or match_bands(fits, base.bands) is not None
        layout = "hdus" if several else "cube" if len(first) > 2 else "files"
    if layout == "files":
        return _with_note(_files_layout(base, listing, image_band(fits, chosen)), fits, base)
    if layout == "hdus":
        return _with_note(_hdus_layout(replace(base, layout="hdus"), fits), fits, base)
    try:
        index = single_image(fits, base.hdus)
    except Refused as refused:
        raise InvalidInput(
            f"A cube has to be the only image of its file, but one file {refused.reason}."
        ) from refused
    band = image_band(fits, index)
    if len(first) == 2 and not base.bands and band:
        base = replace(base, bands=(band,))
    names = header_band_list(fits.header(index), plane_counts(first, base.band_axis))
    count = len(listing.names)
    image = f"The first image among {count} files, {name}," if count > 1 else "The image"
    return _with_note(_cube_layout(replace(base, layout="cube"), names, first, image=image), fits, base)


def _with_note(layout: Layout, fits: FitsFile, base: Recipe) -> Layout:
    """Add the names of the planes of a file that are no flux."""
    if base.hdus:
        return layout
    taken = set(band_hdus(fits, layout.recipe.bands, ())) if layout.recipe.layout == "hdus" else set()
    images = set(image_hdus(fits)) | taken
    others = [index for index in picture_hdus(fits) if index not in images]
    listed = (
        f"{index} {fits.name(index)} ({hdu_kind(fits, index) or 'integers: a mask'})".replace("  ", " ")
        for index in others
    )
    return replace(layout, no_flux=tuple(listed))


def _cube_layout(
    base: Recipe, names: Sequence[str], shape: Sequence[int], *, image: str = "An array"
) -> Layout:
    """Reconcile the user's bands with those named in the file; the user's are the last word."""
    bands = base.bands
    if not bands and not names:
        raise InvalidInput(
            "The files do not give the names of the bands, nor do the settings. "
            f"{image} has shape {sides(shape)}. {NAME_THEM}"
        )
    spelling = {name.lower(): index for index, name in enumerate(names)}
    planes = [spelling.get(band.lower()) for band in bands]
    of_file = [index for index in planes if index is not None]
    counts = plane_counts(shape, base.band_axis)
    if names and bands and len(set(of_file)) == len(bands):
        axes = divide_axes(shape, bands=len(names), band_axis=base.band_axis, origin="the files")
        return Layout(
            replace(base, planes=tuple(of_file), planes_in_file=len(names), planes_named=True),
            stacked=axes.stacked,
        )
    if names and bands and len(bands) not in counts:
        raise InvalidInput(
            f"The files name their bands {', '.join(names)}, which do not include all of {', '.join(bands)}. "
            "Choose among their names."
        )
    axes = divide_axes(shape, bands=len(bands or names), band_axis=base.band_axis, origin="the files")
    notes = []
    if names and bands:
        notes.append(
            f"The files name their bands {', '.join(names)}; they were renamed {', '.join(bands)}, in order."
        )
    if axes.stacked and axes.band_axis == "none":
        notes.append(
            f"The files hold stacks (shape {sides(shape)}), read as {axes.count} cutouts of band {bands[0]} "
            "each. Where these planes are bands of one cutout, name them all (--bands g,r,i)."
        )
    base = replace(base, bands=bands or tuple(names), planes_named=not bands)
    return Layout(base, stacked=axes.stacked, warnings=tuple(notes))


def _hdus_layout(base: Recipe, fits: FitsFile) -> Layout:
    try:
        images = [pick(fits, selector) for selector in base.hdus] if base.hdus else image_hdus(fits)
        names = [band_name(fits, index) for index in images]
        if base.bands:
            if base.hdus and len(base.hdus) != len(base.bands):
                raise InvalidInput(
                    f"{len(base.hdus)} HDUs do not fit {len(base.bands)} bands. Name one HDU per band."
                )
            hdus = band_hdus(fits, base.bands, base.hdus)
            alike = hdus == images and len(set(names)) <= 1 and len(images) > 1 and not base.hdus
            note = (
                f"Nothing tells the HDUs {', '.join(map(str, images))} apart: bands are taken in their order."
            )
            return Layout(base, warnings=(note,) if alike else ())
    except Refused as refused:
        raise InvalidInput(
            f"A file does not fit one HDU per band: {refused.reason}. Choose HDUs by number or name."
        ) from refused
    if not all(names) or len(set(names)) != len(names):
        listed = ", ".join(f"{index} {name}".strip() for index, name in zip(images, names, strict=True))
        raise InvalidInput(
            f"HDUs {listed} do not each name a band of their own. "
            "Name the bands, in the order of the HDUs (--bands g,r,i)."
        )
    return Layout(replace(base, bands=tuple(names)))


def _some_images(listing: Listing) -> Iterator[NDArray[np.generic]]:
    """Yield the values of readable images spread over all."""
    for index in np.unique(np.linspace(0, len(listing.names) - 1, PROBED_IMAGES).astype(int)).tolist():
        with suppress(Refused):
            yield read_values(listing.root / listing.names[index])[0]


def _channels_of(values: NDArray[np.generic]) -> int:
    """Return the number of channels (y, x, channel) that differ: 1 for grey saved as colour."""
    return 1 if (values == values[..., :1]).all() else values.shape[-1]


def _images_layout(base: Recipe, listing: Listing) -> Layout:
    def read(path: Path) -> int:
        return _channels_of(read_values(path)[0])

    complaint = "None of the images can be read ({reason}). Choose another folder."
    channels = _first_readable(listing, read, complaint)
    if channels == 1:  # one may be grey by chance, such as an empty one
        channels = max((_channels_of(values) for values in _some_images(listing)), default=1)
    words = base.bands or {match[1] for name in listing.names for match in KNOWN_BAND.finditer(name)}
    one_each = base.layout == "auto" and channels == 1 and len(words) > 1
    if one_each and (not base.bands or group_by_band(listing.names, base.bands).files):
        return _files_layout(base, listing)
    if not base.bands:
        if channels == 1:
            raise InvalidInput("The images are grey and do not say of which band: name it (--bands VIS).")
        raise InvalidInput(
            f"Images do not say which band is shown in red, green and blue: name the bands of the {channels} "
            "channels in this order (--bands i,r,g)."
        )
    if len(base.bands) != channels:
        what = "are grey: they have one band" if channels == 1 else f"have {channels} channels"
        raise InvalidInput(
            f"The images {what}, but the bands are {', '.join(base.bands)}. Name one band per channel."
        )
    return Layout(replace(base, layout="images"))


def _arrays_layout(base: Recipe, listing: Listing) -> Layout:
    def read(path: Path) -> tuple[tuple[int, ...], tuple[str, ...]]:
        file = open_arrays(path)
        return file.shape(file.pixel_key(base.key)), file.bands()

    complaint = (
        "None of the files holds an array of pixels ({reason}). Name the array (key), or choose "
        "another folder."
    )
    shape, names = _first_readable(listing, read, complaint)
    if len(names) not in plane_counts(shape, base.band_axis):
        names = ()  # of something else than these planes
    if len(shape) == 2 and base.layout == "auto":
        return _files_layout(base, listing)
    return _cube_layout(replace(base, layout=listing.format), names, shape)


def _files_layout(base: Recipe, listing: Listing, band_in_header: str = "") -> Layout:
    """One file per band, or one file per candidate when there is one band."""
    base = replace(base, layout="files")
    groups = group_by_band(listing.names, base.bands)
    alone = len(groups.bands) == 1 and len(groups.bands[0]) == 1 and not base.bands
    if len(base.bands) == 1 and not groups.files:
        _refuse_other_bands(listing, base.bands, fewest=2)
        return Layout(base)
    if groups.files and not alone:
        _refuse_mixed(groups, listing)
        return Layout(replace(base, bands=groups.bands), groups)
    if band_in_header and not groups.files and not base.bands:
        return Layout(replace(base, bands=(band_in_header,), band_from_header=True))
    if alone and band_in_header == groups.bands[0]:
        return Layout(replace(base, bands=groups.bands), groups)
    if base.bands:
        _refuse_other_bands(listing, base.bands, fewest=1)
    if alone:
        raise InvalidInput(
            f"No band in the name or header of the files, which are called like {listing.names[0]}, but for "
            f"the lone letter {groups.bands[0]}: name it if it is the band (--bands {groups.bands[0]})."
        )
    raise InvalidInput(
        f"No band in the name or header of the files, which are called like {listing.names[0]}. {NAME_THEM}"
    )


def _refuse_other_bands(listing: Listing, bands: Sequence[str], *, fewest: int) -> None:
    """Refuse to take files that name `fewest` or more bands for files of the bands that the user named."""
    others = group_by_band(listing.names, ())
    if len(others.bands) >= fewest and others.complete:
        what = f"band {bands[0]}" if len(bands) == 1 else f"the bands {', '.join(bands)}"
        raise InvalidInput(
            f"No files of {what}: by name they are of {', '.join(others.bands)}. Name some of these."
        )


def _refuse_mixed(groups: Groups, listing: Listing) -> None:
    """Refuse folders of which no candidate has every band: the user's, or those in the names."""
    if any(len(group) == len(groups.bands) for group in groups.files.values()):
        return
    folder = Path(listing.root).name
    present = {band for group in groups.files.values() for band in group}
    absent = [band for band in groups.bands if band not in present]
    if absent:
        named = group_by_band(listing.names, ()).bands or sorted(present)
        raise InvalidInput(
            f"No files of band {', '.join(absent)} in {folder}, only of {', '.join(named)}. "
            "Name some of these."
        )
    sets = sorted(
        {", ".join(band for band in groups.bands if band in group) for group in groups.files.values()}
    )
    raise InvalidInput(
        f"Not all candidates in {folder} have the same bands: some have {' and others '.join(sets[:4])}. "
        "Import the folders one by one, or name the bands to take (--bands)."
    )
