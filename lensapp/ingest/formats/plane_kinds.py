"""Tell images of flux from what surveys deliver beside them: weights, masks, noise, PSFs and so on."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest

from lensapp.ingest.formats.fits_files import Header

WORDS = {
    "weight": "wht weight weights wgt wei wt invvar ivar conf confidence expwt",
    "mask": "mask masks msk maskbits dq dqi flag flags bpm badpix qual quality",
    "noise": "rms err errs error errors var variance noise sigma std stddev unc uncert uncertainty chi2 "
    "d2imarr wcsdvarr",
    "PSF": "psf psfs psfex psfsize",
    "background": "bkg background backgrounds bg skybg minibackground",
    "exposure": "exp expmap exposure exptime nexp nimage cov coverage rrhr depth psfdepth galdepth area",
    "context": "ctx con context",
    "segmentation": "seg segm segmap segmentation blobs",
    "model": "model models blobmodel",
    "residual": "resid residual residuals",
}
KINDS = {word: kind for kind, words in WORDS.items() for word in words.split()}
UNMISTAKABLE = frozenset(
    [
        "wht",
        "weight",
        "weights",
        "wgt",
        "invvar",
        "ivar",
        "mask",
        "masks",
        "msk",
        "maskbits",
        "dq",
        "bpm",
        "rms",
        "psf",
        "psfs",
        "nexp",
        "ctx",
        "segmap",
        "segmentation",
    ]
)
"""Words that objects, surveys and epochs are not called by."""

FLUX_WORDS = frozenset(
    [
        "sci",
        "science",
        "image",
        "images",
        "img",
        "flux",
        "data",
        "drz",
        "drc",
        "drw",
        "i2d",
        "mosaic",
        "coadd",
        "cutout",
        "cutouts",
        "bgsub",
        "int",
    ]
)
PROCESSED = ("sub", "match", "appl", "add", "corr", "free", "homog", "conv", "removed")
WORD = re.compile(r"[A-Za-z0-9]+")
HEADER_KINDS = frozenset({"EXTTYPE", "DES_EXT", "IMAGETYP", "IMTYPE", "HDUCLAS2"})
OF_CAMERAS = frozenset({"exposure", "exp", "background", "area"})  # such images are of flux for IMAGETYP
UNSIGNED = (None, 0, 128, 2**15, 2**31)


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case; numbers at the end of a word go with it."""
    return [word.lower() for word in WORD.findall(name)]


def kind_words(words: Sequence[str]) -> list[str]:
    """Return those of `words` that name a plane which is no flux, such as "wht" or "psf".

    A flux image that was matched to a PSF, or less its background, is one of flux.
    """
    kinds = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        stem = word if word in KINDS else word.rstrip("0123456789")
        if stem in KINDS and not following.startswith(PROCESSED):
            kinds.append(stem)
    return kinds


@lru_cache(maxsize=4096)
def plane_kind(name: str) -> str | None:
    """Return what kind of plane the name of an HDU tells, or None for one of flux."""
    words = kind_words(words_of(name))
    return KINDS[words[0]] if words else None


def header_kind(header: Header) -> str | None:
    """Return what kind of plane a header says it is of, or None for one of flux."""
    for keyword in HEADER_KINDS if header.has_any(HEADER_KINDS) else ():
        value = header.get(keyword)
        if isinstance(value, str) and (word := value.strip().lower()) in KINDS and word not in OF_CAMERAS:
            return KINDS[word]
    return None


def is_bit_plane(header: Header) -> bool:
    """Return whether pixels are integers as they are, not fluxes scaled to integers."""
    bits, scale, zero = header.get("BITPIX"), header.get("BSCALE"), header.get("BZERO")
    return isinstance(bits, int) and bits > 0 and scale in (None, 1) and zero in UNSIGNED
