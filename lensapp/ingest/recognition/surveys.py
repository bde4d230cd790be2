"""Tell from FITS headers whose images they are, in the words that astronomers use."""

import re
from collections import Counter
from collections.abc import Iterable

from lensapp.ingest.formats.fits_files import Header

TELLING = ("SURVEY", "TELESCOP", "INSTRUME", "ORIGIN")
STACK_OF_PS1 = ("STK_TYPE", "SKYCELL")
NAMES = (
    (r"legacysurvey|decals", "Legacy Surveys images"),
    (r"gpc1|\bps1\b|pan-?starrs", "PS1 images"),
    (r"lsst(com)?cam|rubin", "Rubin images"),
    (r"euclid", "Euclid images"),
    (r"\bhst\b|hubble|\bwfc3\b|\bacs\b|\bwfpc2\b", "HST images"),
    (r"jwst|nircam|niriss", "JWST images"),
    (r"decam", "DECam images"),
    (r"hyper suprime|\bhsc\b", "HSC images"),
    (r"omegacam|\bkids\b", "OmegaCAM images"),
    (r"megaprime|megacam|cfht", "CFHT MegaCam images"),
    (r"\bsdss\b", "SDSS images"),
    (r"\bztf\b", "ZTF images"),
)


def survey_of(headers: Iterable[Header]) -> str:
    """Return whose images most headers say that they are, such as "PS1 stacks"; empty where none says so.

    References
    ----------
    Waters et al. 2020, ApJS 251, 4 (Pan-STARRS1 stacks are cut in sky cells, and say so).
    """
    words = Counter(filter(None, map(_survey, headers)))
    return words.most_common(1)[0][0] if words else ""


def _survey(header: Header) -> str:
    if any(header.get(keyword) for keyword in STACK_OF_PS1):
        return "PS1 stacks"
    said = " ".join(str(header.get(keyword) or "") for keyword in TELLING).lower()
    return next((name for pattern, name in NAMES if re.search(pattern, said)), "")
