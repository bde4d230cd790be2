"""Choose the HDUs of a FITS file that hold the image, and find the names of their bands."""

import re
from collections.abc import Sequence

from lensapp.ingest.formats.fits_files import FitsFile, Header
from lensapp.ingest.refusals import Refused

FLUX_SUFFIX = re.compile(r"[_\s.-]*(flux|sci|image|img|data|bgsub|science)$", re.IGNORECASE)
AUXILIARY = re.compile(
    r"(?<![A-Za-z])(psf|rms|err|error|errors|dq|wht|weight|weights|var|variance|ivar|invvar|mask|exp|exposure|flag|"
    r"flags|bkg|background|d2imarr|wcsdvarr|noise|sigma|std|stddev|uncert|nexp|maskbits|chi2)(?![A-Za-z])",
    re.IGNORECASE,
)
FILTER_KEYWORDS = ("FILTER", "BAND", "FILTNAM", "FILTNAM1", "FILTER1", "HIERARCH FPA.FILTER")
LIST_KEYWORDS = ("BANDS", "FILTERS", "FILTER", "BAND")


def image_hdus(file: FitsFile) -> list[int]:
    """Return the HDUs with a flux image, without those named as error, weight, mask or PSF planes."""
    return [
        index
        for index in range(len(file))
        if file.shape(index) is not None and not AUXILIARY.search(file.name(index).replace("_", " "))
    ]


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
    return FLUX_SUFFIX.sub("", file.name(index)) or header_band(file.header(index))


def header_band(header: Header) -> str:
    """Return the band that a header names, or an empty text."""
    for keyword in FILTER_KEYWORDS:
        value = header.get(keyword)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def header_band_list(header: Header) -> tuple[str, ...]:
    """Return the bands of a cube's planes named by its header: BANDS = 'g,r,i', or BAND1, BAND2 and so on."""
    for keyword in LIST_KEYWORDS:
        value = header.get(keyword)
        if isinstance(value, str):
            names = tuple(part for part in re.split(r"[\s,;/|]+", value.strip()) if part)
            if len(names) > 1:
                return names
    for keyword in ("BAND", "FILTER", "PLANE"):
        numbered = [header.get(f"{keyword}{number}") for number in range(1, 65)]
        present = [value.strip() for value in numbered if isinstance(value, str) and value.strip()]
        if present and all(isinstance(value, str) for value in numbered[: len(present)]):
            return tuple(present)
    return ()


def band_hdus(file: FitsFile, bands: Sequence[str], selectors: Sequence[str]) -> list[int]:
    """Return the HDU of each band: the user's choice, by name or header, or in order where all are alike."""
    if selectors:
        return [pick(file, selector) for selector in selectors]
    matched = _match_bands(file, bands)
    if matched is not None:
        return matched
    images = image_hdus(file)
    if not images:
        single_image(file, ())
    if len(images) == len(bands) and len({band_name(file, index) for index in images}) <= 1:
        return images  # nothing tells them apart: the user's list of bands is their order
    names = ", ".join(f"{index} {band_name(file, index)}".strip() for index in images)
    raise Refused("missing_band", f"bands {', '.join(bands)} are not all there; the images are HDUs {names}")


def _match_bands(file: FitsFile, bands: Sequence[str]) -> list[int] | None:
    """Return the HDU of each band by name or header, or None unless each band fits exactly one."""
    images = image_hdus(file)
    names = {index: file.name(index) for index in images}
    short = {index: FLUX_SUFFIX.sub("", name) for index, name in names.items()}
    last = {index: re.split(r"[^A-Za-z0-9]+", name)[-1] for index, name in short.items()}
    hdus = []
    for band in bands:
        word = band.lower()
        fits = next(
            filter(
                None,
                (  # the strictest rule first
                    [index for index in images if names[index].lower() == word],
                    [index for index in images if short[index] == band],
                    [index for index in images if short[index].lower() == word],
                    [index for index in images if header_band(file.header(index)).lower() == word],
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
