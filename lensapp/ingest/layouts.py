"""Find out how the bands of an import are stored, and what they are called.

Bands come from the user, from names or from headers; where none of these tells, the import is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lensapp.core.data.column_names import KNOWN_BAND
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.array_files import BAND_KEYS, ArrayFile, open_arrays
from lensapp.ingest.formats.fits_choice import (
    band_name,
    header_band,
    header_band_list,
    image_hdus,
    only_image,
    pick,
)
from lensapp.ingest.formats.fits_files import FitsFile, open_fits
from lensapp.ingest.formats.image_files import read_image
from lensapp.ingest.formats.planes import divide_axes
from lensapp.ingest.formats.readers import choose_hdus
from lensapp.ingest.grouping import Groups, group_by_band
from lensapp.ingest.listing import Listing
from lensapp.ingest.recipe import Recipe
from lensapp.ingest.refusals import Refused

PROBED_FILES = 40
NAME_THEM = "Name the bands, in the order of the file (--bands g,r,i)."


@dataclass(frozen=True)
class Layout:
    """How bands are stored: the recipe without the shape, and the groups of one file per band.

    `stacked` tells that a file holds many cutouts.
    """

    recipe: Recipe
    groups: Groups | None = None
    stacked: bool = False
    warnings: tuple[str, ...] = ()


def find_layout(listing: Listing, spec: IngestSpec) -> Layout:
    """Find the layout of the listed files and the names of their bands.

    Raises
    ------
    InvalidInput
        When bands are neither named by the user nor found in names or headers.
    """
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
        trim_frame=spec.trim_frame,
        dtype=spec.dtype,
    )
    if spec.layout == "files":
        return _files_layout(base, listing, "")
    if listing.format == "fits":
        return _fits_layout(base, listing)
    if listing.format == "images":
        return _images_layout(base, listing)
    return _arrays_layout(base, listing)


def _fits_layout(base: Recipe, listing: Listing) -> Layout:
    fits = _first_fits(listing, base)
    images = image_hdus(fits)
    first = fits.shape(pick(fits, base.hdus[0]) if base.hdus else images[0]) or ()
    layout = base.layout
    if layout == "auto":
        several = len(base.hdus) > 1 or (not base.hdus and len(images) > 1)
        layout = "hdus" if several else "cube" if len(first) > 2 else "files"
    if layout == "files":
        return _files_layout(base, listing, header_band(fits.header(images[0])))
    if layout == "hdus":
        return _hdus_layout(replace(base, layout="hdus"), fits)
    try:
        index = pick(fits, base.hdus[0]) if base.hdus else only_image(fits)
    except Refused as refused:
        raise InvalidInput(f"Expected a cube in each file, received one that {refused.reason}.") from refused
    if len(first) == 2 and not base.bands and header_band(fits.header(index)):
        base = replace(base, bands=(header_band(fits.header(index)),))
    return _cube_layout(replace(base, layout="cube"), header_band_list(fits.header(index)), first)


def _first_fits(listing: Listing, base: Recipe) -> FitsFile:
    """Return the first file that holds an image."""
    reason = ""
    for name in listing.names[:PROBED_FILES]:
        try:
            fits = open_fits(listing.root / name)
            if base.hdus:
                pick(fits, base.hdus[0])
            if image_hdus(fits):
                return fits
            only_image(fits)
        except Refused as refused:
            reason = reason or f"{name} {refused.reason}"
    raise InvalidInput(
        f"Expected FITS images, received {len(listing.names)} files without any that can be read ({reason}). "
        "Give a folder of images."
    )


def _cube_layout(base: Recipe, names: Sequence[str], shape: Sequence[int]) -> Layout:
    """Reconcile the user's bands with those named in the file."""
    wanted = base.bands
    if not wanted and not names:
        sides = " × ".join(str(side) for side in shape)
        raise InvalidInput(
            f"Expected the names of the bands, received none, and the files (shape {sides}) do not say. "
            f"{NAME_THEM}"
        )
    axes = divide_axes(shape, bands=len(names or wanted), band_axis=base.band_axis, origin="the files")
    if not names or not wanted:
        return Layout(replace(base, bands=wanted or tuple(names)), stacked=axes.stacked)
    if set(wanted) <= set(names):
        planes = tuple(list(names).index(band) for band in wanted)
        return Layout(replace(base, planes=planes, planes_in_file=len(names)), stacked=axes.stacked)
    if len(wanted) == len(names) and not set(wanted) & set(names):
        note = (
            f"The files name their bands {', '.join(names)}; they were renamed {', '.join(wanted)}, in order."
        )
        return Layout(base, stacked=axes.stacked, warnings=(note,))
    raise InvalidInput(
        f"Expected bands among {', '.join(names)}, which the files name, received {', '.join(wanted)}. "
        "Use these names."
    )


def _hdus_layout(base: Recipe, fits: FitsFile) -> Layout:
    try:
        images = [pick(fits, selector) for selector in base.hdus] if base.hdus else image_hdus(fits)
        names = [band_name(fits, index) for index in images]
        if base.bands:
            if base.hdus and len(base.hdus) != len(base.bands):
                raise InvalidInput(
                    f"Expected one HDU per band, received {len(base.hdus)} HDUs for {len(base.bands)} bands."
                )
            chosen = choose_hdus(fits, base)
            alike = chosen == images and len(set(names)) <= 1 and len(images) > 1 and not base.hdus
            note = (
                f"Nothing tells the HDUs {', '.join(map(str, images))} apart: bands are taken in their order."
            )
            return Layout(base, warnings=(note,) if alike else ())
    except Refused as refused:
        raise InvalidInput(
            f"Expected one HDU per band, received a file that does not fit: {refused.reason}. "
            "Choose HDUs by number or name."
        ) from refused
    if not all(names) or len(set(names)) != len(names):
        shown = ", ".join(f"{index} {name}".strip() for index, name in zip(images, names, strict=True))
        raise InvalidInput(
            f"Expected HDUs that name their bands, received HDUs {shown}. "
            "Name the bands, in the order of the HDUs (--bands g,r,i)."
        )
    return Layout(replace(base, bands=tuple(names)))


def _images_layout(base: Recipe, listing: Listing) -> Layout:
    channels = _channels(listing, base)
    words = base.bands or tuple(
        sorted({match[1] for name in listing.names for match in KNOWN_BAND.finditer(name)})
    )
    if base.layout == "auto" and channels == 1 and len(words) > 1:
        return _files_layout(base, listing, "")
    if not base.bands:
        raise InvalidInput(
            f"Expected the names of the {channels} channels, received none, and images do not say which band "
            "is shown in red, green and blue. Name them in this order (--bands i,r,g)."
        )
    if len(base.bands) != channels:
        raise InvalidInput(
            f"Expected {channels} bands, one per channel of the images, received {', '.join(base.bands)}."
        )
    return Layout(replace(base, layout="images"))


def _channels(listing: Listing, base: Recipe) -> int:
    reason = ""
    for name in listing.names[:PROBED_FILES]:
        try:
            return len(read_image(listing.root / name, trim_frame=base.trim_frame))
        except Refused as refused:
            reason = reason or f"{name}: {refused.reason}"
    raise InvalidInput(f"Expected readable images, received {reason}. Give another folder.")


def _arrays_layout(base: Recipe, listing: Listing) -> Layout:
    file, key = _first_arrays(listing, base)
    shape = file.shape(key)
    if len(shape) == 2 and base.layout == "auto":
        return _files_layout(base, listing, "")
    base = replace(base, layout=listing.format)
    return _cube_layout(base, file.names(BAND_KEYS), shape)


def _first_arrays(listing: Listing, base: Recipe) -> tuple[ArrayFile, str]:
    reason = ""
    for name in listing.names[:PROBED_FILES]:
        try:
            file = open_arrays(listing.root / name)
            return file, file.pixel_key(base.key)
        except Refused as refused:
            reason = reason or f"{name} {refused.reason}"
    raise InvalidInput(
        f"Expected arrays of pixels, received {reason}. Name the array (key), or another folder."
    )


def _files_layout(base: Recipe, listing: Listing, header_says: str) -> Layout:
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
    if header_says and not groups.files:
        return Layout(replace(base, bands=(header_says,), band_from_header=True))
    if alone and header_says == groups.bands[0]:
        return Layout(replace(base, bands=groups.bands), groups)
    if base.bands:
        _refuse_other_bands(listing, base.bands, fewest=1)
    raise InvalidInput(
        f"Expected a band in the name or header of each file, received names such as {listing.names[0]}. "
        f"{NAME_THEM}"
    )


def _refuse_other_bands(listing: Listing, wanted: Sequence[str], *, fewest: int) -> None:
    """Refuse to take files that name `fewest` or more bands for files of the bands that the user named."""
    others = group_by_band(listing.names, ())
    if len(others.bands) >= fewest and others.complete:
        what = f"band {wanted[0]}" if len(wanted) == 1 else f"the bands {', '.join(wanted)}"
        raise InvalidInput(
            f"Expected files of {what}, received files of {', '.join(others.bands)} by name. "
            "Name some of these."
        )


def _refuse_mixed(groups: Groups, listing: Listing) -> None:
    """Refuse folders of which no candidate has every band: those wanted, or those found in the names."""
    if any(len(group) == len(groups.bands) for group in groups.files.values()):
        return
    present = {band for group in groups.files.values() for band in group}
    absent = [band for band in groups.bands if band not in present]
    if absent:
        found = ", ".join(group_by_band(listing.names, ()).bands) or ", ".join(sorted(present))
        raise InvalidInput(
            f"Expected files of the bands {', '.join(groups.bands)}, received none of {', '.join(absent)} in "
            f"{Path(listing.root).name}, only of {found}. Name some of these."
        )
    sets = sorted(
        {", ".join(band for band in groups.bands if band in group) for group in groups.files.values()}
    )
    raise InvalidInput(
        f"Expected candidates with the same bands, received some with {' and others with '.join(sets[:4])} "
        f"in {Path(listing.root).name}. Import the folders one by one, or name the bands wanted (--bands)."
    )
