"""Choose the HDUs of a FITS file that hold the image, and find the names of their bands."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile

from lensapp.core.data.bands import BROAD_BANDS_NM, SPACE_FILTER, WIDE_NM, short_band
from lensapp.ingest.formats.fits_files import FitsFile, Header
from lensapp.ingest.formats.plane_kinds import header_kind, is_bit_plane, plane_kind
from lensapp.ingest.refusals import Refused

FLUX_SUFFIX = re.compile(r"[_\s.-]*(flux|sci|image|img|data|bgsub|science)$", re.IGNORECASE)
FILTER_KEYWORDS = (
    "FILTER", "BAND", "FILTNAM", "FILTNAM1", "FILTER1", "FILTER2", "HIERARCH FPA.FILTER",
    "HIERARCH ESO INS FILT1 NAME", "PUPIL",
)  # fmt: skip
NO_FILTER = ("clear", "open", "none", "n/a", "empty", "blank", "unknown")
LIST_KEYWORDS = ("BANDS", "FILTERS", "FILTER", "BAND", "BANDLIST", "FILTLIST")
NUMBERED = ("BAND", "FILTER", "FILT", "PLANE", "CHAN", "CHANNEL")
NUMBERS = ("{}{}", "{}_{}", "{}{:02d}")
MOST_PLANES = 64


def image_hdus(file: FitsFile) -> list[int]:
    """Return the HDUs with a flux image, without weights, masks, noise, PSFs and others that are no flux.

    These are told by their names and headers, and integers beside images of decimals are masks.
    """
    pictures = picture_hdus(file)
    if len(pictures) == 1 and len(file) == 1:
        return pictures
    images = [index for index in pictures if hdu_kind(file, index) is None]
    if len(images) > 1:
        integers = [is_bit_plane(file.header(index)) for index in images]
        if not all(integers):
            images = [index for index, integer in zip(images, integers, strict=True) if not integer]
    return images


def picture_hdus(file: FitsFile) -> list[int]:
    """Return the HDUs that hold images of any kind; a row of values is none."""
    shapes = [(index, file.shape(index)) for index in range(len(file))]
    return [index for index, shape in shapes if shape and sum(side > 1 for side in shape) > 1]


def hdu_kind(file: FitsFile, index: int) -> str | None:
    """Return what kind of plane an HDU is by its name or header, or None for one of flux."""
    return plane_kind(file.name(index)) or header_kind(file.header(index))


def pick(file: FitsFile, selector: str) -> int:
    """Return the HDU that `selector`, a number or a name, chooses; refuse any but an image."""
    if selector.isdigit():
        index = int(selector)
        if index >= len(file):
            raise Refused("missing_band", f"there is no HDU {index}, only {len(file)} (0 to {len(file) - 1})")
    else:
        named = [n for n in range(len(file)) if file.name(n).lower() == selector.lower()]
        if len(named) != 1:
            code = "ambiguous" if named else "missing_band"
            raise Refused(code, f"{len(named) or 'no'} HDUs are called {selector}, where one is needed")
        index = named[0]
    if file.shape(index) is None:
        raise Refused("no_image", f"HDU {selector} is {file.kind(index)}")
    return index


def single_image(file: FitsFile, selectors: Sequence[str]) -> int:
    """Return the HDU of a file that holds one image: the user's choice, else the only one."""
    if selectors:
        return pick(file, selectors[0])
    if len(file) == 1 and file.shape(0) is not None:
        return 0
    images = image_hdus(file)
    if len(images) == 1:
        return images[0]
    if images:
        raise Refused(
            "ambiguous",
            f"holds {len(images)} images (HDUs {listed(file, images[:8])}); choose one by its number or name",
        )
    kinds = sorted({file.kind(index) for index in range(len(file))})
    raise Refused("no_image", f"holds no image, only {', '.join(kinds[:4])}")


def listed(file: FitsFile, hdus: Sequence[int]) -> str:
    """Return numbers and names of HDUs as one text."""
    return ", ".join(f"{index} {file.name(index)}".strip() for index in hdus)


def band_name(file: FitsFile, index: int) -> str:
    """Return the band of an HDU by its name without suffix, or by its header; empty when neither tells."""
    return FLUX_SUFFIX.sub("", file.name(index)) or image_band(file, index)


def image_band(file: FitsFile, index: int) -> str:
    """Return the band that the header of an image names, or else that of the whole file; or an empty text."""
    band = header_band(file.header(index))
    return band or (header_band(file.header(0)) if index and file.shape(0) is None else "")


def header_band(header: Header) -> str:
    """Return the band that a header names, or an empty text."""
    bands = []
    for keyword in FILTER_KEYWORDS:
        value = header.get(keyword)
        if isinstance(value, str) and value.strip() and not value.strip().lower().startswith(NO_FILTER):
            bands.append(short_band(value))
    if len(bands) > 1 and bands[0] in WIDE_NM and SPACE_FILTER.fullmatch(bands[-1]):
        return bands[-1]  # a narrow filter behind a wide one: the pupil wheel of NIRCam
    return bands[0] if bands else ""


def header_band_list(header: Header, planes: Collection[int]) -> tuple[str, ...]:
    """Return the bands of a cube's planes named by its header, as many as one of `planes`, or nothing.

    `BANDS = 'g,r,i'`, `BANDS = 'gri'`, or BAND0, BAND1 and so on, counted from 0 or 1.
    """
    distinct = (names for names in _band_lists(header) if len(names) > 1 and len(set(names)) == len(names))
    return next((names for names in distinct if len(names) in planes), ())


def _band_lists(header: Header) -> Iterator[tuple[str, ...]]:
    """Yield the lists of bands in a header, the likeliest first."""
    for keyword in LIST_KEYWORDS:
        if isinstance(value := header.get(keyword), str):
            names = tuple(filter(None, re.split(r"[\s,;:/|+]+", value.strip())))
            letters = len(names) == 1 and all(letter.lower() in BROAD_BANDS_NM for letter in names[0])
            yield tuple(names[0]) if letters else names
    for keyword in NUMBERED:
        for form in NUMBERS:
            for first in (0, 1):
                numbers = range(first, first + MOST_PLANES)
                values = (header.get(form.format(keyword, number)) for number in numbers)
                words = takewhile(lambda value: isinstance(value, str) and bool(value.strip()), values)
                yield tuple(short_band(str(word)) for word in words)


def band_hdus(file: FitsFile, bands: Sequence[str], selectors: Sequence[str]) -> list[int]:
    """Return the HDU of each band: the user's choice, by name or header, or in order where all are alike."""
    if selectors:
        return [pick(file, selector) for selector in selectors]
    matched = match_bands(file, bands)
    if matched is not None:
        return matched
    images = image_hdus(file)
    if not images:
        single_image(file, ())
    if len(images) == len(bands) and len({band_name(file, index) for index in images}) <= 1:
        return images  # nothing tells them apart: the user's list of bands is their order
    names = ", ".join(f"{index} {band_name(file, index)}".strip() for index in images)
    raise Refused("missing_band", f"bands {', '.join(bands)} are not all there; the images are HDUs {names}")


def match_bands(file: FitsFile, bands: Sequence[str]) -> list[int] | None:
    """Return the HDU of each band by name or header, or None unless each band fits exactly one."""
    images = image_hdus(file)
    every = picture_hdus(file)  # a plane that the user names by its own name is taken whatever it is
    names = {index: file.name(index) for index in every}
    short = {index: FLUX_SUFFIX.sub("", name) for index, name in names.items()}
    last = {index: re.split(r"[^A-Za-z0-9]+", name)[-1] for index, name in short.items()}
    hdus = []
    for band in bands:
        word = band.lower()
        fits = next(
            filter(
                None,
                (  # the strictest rule first
                    [index for index in every if names[index].lower() == word],
                    [index for index in images if short[index] == band],
                    [index for index in images if short[index].lower() == word],
                    [index for index in images if image_band(file, index).lower() == word],
                    [index for index in images if last[index] == band],
                    [index for index in images if last[index].lower() == word],
                ),
            ),
            [],
        )
        if len(fits) != 1:
            return None
        hdus += fits
    return hdus if len(set(hdus)) == len(hdus) else None
