"""Why one candidate is not imported."""

import struct
import sys
import zipfile
import zlib

CRASHED = (
    "One of the files crashes its decoder, or keeps it busy without end. Give the files in parts to find out "
    "which."
)
CODES = {
    "unreadable": "the file is damaged, truncated or of no known format",
    "too_large": "the file claims more pixels, columns, bytes or memory than a cutout or table has",
    "too_slow": "reading the file takes longer than allowed",
    "elsewhere": "the file is a link out of the folder, or names another file or address for its content",
    "no_image": "the file holds no image: only tables, or empty headers",
    "ambiguous": "the file holds several images and nothing says which to take",
    "missing_band": "a band is absent",
    "wrong_shape": "the image has another shape than the others",
    "all_nan": "every pixel of a band is masked",
    "all_zero": "every pixel of a band is zero",
    "constant": "every pixel of a band has the same value",
    "duplicate_bands": "two bands are the same, byte for byte",
    "duplicate_image": "another candidate has the same pixels",
    "bad_id": "the ID is empty, too long or holds what no database keeps",
    "id_collision": "another candidate has the same ID",
    "magnitudes": "pixels are magnitudes, not flux",
    "error_plane": "a band is an error or weight plane, not flux",
    "too_long": "a class or the name of a parent is longer than databases keep",
    "label": "the catalogue contradicts itself about the label",
    "contradiction": "the catalogue has the candidate at several positions",
}


class Refused(Exception):
    """A candidate that cannot be imported; `code` is one of CODES, `reason` is for the user."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


# What decoders of foreign files are known to raise on damaged input.
BUILT_IN_ERRORS = (
    OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError, MemoryError,
    RuntimeError, SyntaxError, AssertionError, Warning, zlib.error, zipfile.BadZipFile, struct.error,
)  # fmt: skip
# Those that derive from Exception alone, by module, so that a library is not loaded for its errors.
LIBRARY_ERRORS = (
    ("astropy.io.fits.verify", "VerifyError"),
    ("astropy.io.fits.hdu.compressed._compression", "CfitsioException"),
    ("PIL.Image", "DecompressionBombError"),
)


def decoder_errors() -> tuple[type[BaseException], ...]:
    """Return what decoders raise on damaged files, for an `except` clause."""
    loaded = [getattr(sys.modules.get(module), name, None) for module, name in LIBRARY_ERRORS]
    return (*BUILT_IN_ERRORS, *(error for error in loaded if error is not None))


def one_line(error: BaseException) -> str:
    """Return the message of an error, cut to one line, or else its name."""
    return " ".join(str(error).split())[:160] or type(error).__name__
