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
    """Return the HDU that `selector`, a number or a name, chooses.

    Raises
    ------
    Refused
        When there is none, several of the name, or it is no image.
    """
    if selector.isdigit():
        index = int(selector)
        if index >= len(file):
            raise Refused(
                "missing_band", f"HDU {index} expected, the file has {len(file)} (0 to {len(file) - 1})"
            )
    else:
        named = [n for n in range(len(file)) if file.name(n).lower() == selector.lower()]
        if len(named) != 1:
            code = "ambiguous" if named else "missing_band"
            raise Refused(code, f"one HDU named {selector} expected, the file has {len(named)}")
        index = named[0]
    if file.shape(index) is None:
        raise Refused("no_image", f"HDU {selector} is {file.kind(index)}")
    return index


def only_image(file: FitsFile) -> int:
    """Return the HDU of a file that holds one image.

    Raises
    ------
    Refused
        "no_image" when it holds none, "ambiguous" when it holds several.
    """
    if len(file) == 1 and file.shape(0) is not None:
        return 0
    found = image_hdus(file)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{index} {file.name(index)}".strip() for index in found[:8])
        raise Refused(
            "ambiguous", f"holds {len(found)} images (HDUs {names}); choose one by its number or name"
        )
    kinds = sorted({file.kind(index) for index in range(len(file))})
    raise Refused("no_image", f"holds no image, only {', '.join(kinds[:4])}")


def band_name(file: FitsFile, index: int) -> str:
    """Return the band of an HDU by its name without suffix, or by its header; empty when neither tells."""
    name = FLUX_SUFFIX.sub("", file.name(index))
    return name or header_band(file.header(index))


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
        numbered = [header.get(f"{keyword}{place}") for place in range(1, 65)]
        present = [value.strip() for value in numbered if isinstance(value, str) and value.strip()]
        if present and all(isinstance(value, str) for value in numbered[: len(present)]):
            return tuple(present)
    return ()


def match_bands(file: FitsFile, bands: Sequence[str]) -> list[int] | None:
    """Return the HDU of each band by name or header, or None unless each band fits exactly one."""
    chosen = []
    for band in bands:
        found = next((hits for hits in _hits(file, band) if hits), [])
        if len(found) != 1:
            return None
        chosen.append(found[0])
    return chosen if len(set(chosen)) == len(chosen) else None


def _hits(file: FitsFile, band: str) -> list[list[int]]:
    """Return HDUs that fit `band`, the strictest rule first."""
    wanted = band.lower()
    images = image_hdus(file)
    names = {index: file.name(index) for index in images}
    short = {index: FLUX_SUFFIX.sub("", name) for index, name in names.items()}
    last = {index: re.split(r"[^A-Za-z0-9]+", name)[-1] for index, name in short.items()}
    return [
        [index for index in images if names[index].lower() == wanted],
        [index for index in images if short[index] == band],
        [index for index in images if short[index].lower() == wanted],
        [index for index in images if header_band(file.header(index)).lower() == wanted],
        [index for index in images if last[index] == band],
        [index for index in images if last[index].lower() == wanted],
    ]
