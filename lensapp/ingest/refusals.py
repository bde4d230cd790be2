"""Why one candidate is not imported."""

import sys
import zlib

CRASHED = (
    "Expected files that can be decoded, received one that crashes its decoder. "
    "Import the folder in parts to find it."
)
TILE_DECODERS = "astropy.io.fits.hdu.compressed._compression"

CODES = {
    "unreadable": "the file is damaged, truncated or of no known format",
    "no_image": "the file holds no image: only tables, or empty headers",
    "ambiguous": "the file holds several images and nothing says which to take",
    "missing_band": "a band is absent",
    "wrong_shape": "the image has another shape than the others",
    "all_nan": "every pixel of a band is masked",
    "all_zero": "every pixel of a band is zero",
    "constant": "every pixel of a band has the same value",
    "duplicate_bands": "two bands are the same, byte for byte",
    "duplicate_image": "another candidate has the same pixels",
    "id_collision": "another candidate has the same ID",
    "magnitudes": "pixels are magnitudes, not flux",
    "error_plane": "a band is an error or weight plane, not flux",
    "label": "the catalogue contradicts itself about the label",
}


class Refused(Exception):
    """A candidate that cannot be imported; `code` is one of CODES, `reason` is for the user."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


# What decoders of foreign files are known to raise on damaged input.
DECODER_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    AssertionError,
    UserWarning,
    Warning,
)


def decoder_errors() -> tuple[type[BaseException], ...]:
    """Return DECODER_ERRORS with those of the compression libraries that are loaded."""
    tiles = getattr(sys.modules.get(TILE_DECODERS), "CfitsioException", None)  # derives from Exception only
    return (*DECODER_ERRORS, zlib.error, *([tiles] if tiles else []))
