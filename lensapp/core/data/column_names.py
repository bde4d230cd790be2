"""Names found in files of others: catalogue columns, labels, bands."""

import re
from collections.abc import Iterable, Sequence

from lensapp.core.errors import InvalidInput

COLUMN_ALIASES = {
    "id": ("object_id", "id_str", "id", "sourceid", "source_id", "candidate_id", "objid", "objectid", "name"),
    "file": ("file", "filename", "file_name", "path", "image"),
    "ra": ("ra", "ra_deg", "ra [deg]", "right_ascension", "raj2000", "ra_j2000", "_raj2000", "target_ra"),
    "dec": (
        "dec",
        "dec_deg",
        "dec [deg]",
        "declination",
        "decj2000",
        "dec_j2000",
        "_decj2000",
        "dej2000",
        "target_dec",
    ),
    "label": ("is_lens", "label", "lens", "truth", "target"),
    "class": ("object_class", "class", "classification", "object_type"),
    "parent": ("parent", "parent_id", "group_id"),
}

LENS_WORDS = frozenset(
    {"1", "true", "t", "yes", "y", "lens", "lenses", "lensed", "positive", "positives", "pos", "is_lens"}
)
NONLENS_WORDS = frozenset(
    {"0", "false", "f", "no", "n", "nonlens", "nonlenses", "notlens", "unlensed", "negative", "negatives"}
    | {"neg", "notalens", "nolens"}
)
UNKNOWN_WORDS = frozenset({"", "nan", "none", "null", "-", "--", "masked", "unknown", "?"})

BAND_ORDER = ("u", "b", "g", "v", "r", "vis", "i", "z", "y", "j", "h", "k", "ks")
KNOWN_BAND = re.compile(
    r"(?<![A-Za-z0-9])([ugrizyUBVGRIZYJHK]|Ks|VIS|vis|[Ff]\d{3,4}[A-Za-z]{1,2}\d?)(?![A-Za-z0-9])"
)


def find_column(names: Iterable[str], meaning: str) -> str | None:
    """Return the column that means `meaning` (a key of COLUMN_ALIASES) by its usual names, or None."""
    known = {name.strip().lower(): name for name in names}
    return next((known[alias] for alias in COLUMN_ALIASES[meaning] if alias in known), None)


def require_column(names: Sequence[str], wanted: str) -> str:
    """Return the column called `wanted`, whatever its case where that is unambiguous.

    Raises
    ------
    InvalidInput
        Listing the columns that exist.
    """
    if wanted in names:
        return wanted
    alike = [name for name in names if name.strip().lower() == wanted.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    raise InvalidInput(
        f"Expected a catalogue column {wanted!r}, received {', '.join(names)}. Choose one of these."
    )


def parse_label(value: object, *, threshold: float | None = None) -> str | None:
    """Return "lens", "nonlens", or None for an empty cell.

    Parameters
    ----------
    value
        1/0, true/false, yes/no, lens/nonlens in any spelling; a number when `threshold` is given.
    threshold
        From this value on a candidate is a lens.

    Raises
    ------
    InvalidInput
        When the value could mean either.
    """
    text = str(value).strip().lower()
    if text in UNKNOWN_WORDS:
        return None
    if threshold is not None:
        return "lens" if _number(text) >= threshold else "nonlens"
    word = re.sub(r"[\s_-]|\.0+$", "", text)
    if word in LENS_WORDS:
        return "lens"
    if word in NONLENS_WORDS:
        return "nonlens"
    raise InvalidInput(
        f"Expected 1/0, true/false or lens/nonlens in the label column, received {str(value)!r}. "
        "Give a label threshold for grades and probabilities, or another column."
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(
            f"Expected numbers in the label column, as a threshold is set, received {text!r}. "
            "Leave the threshold empty, or choose another column."
        ) from None


def band_rank(name: str) -> tuple[int, int, str]:
    """Return a key that sorts bands by wavelength: HST names by their number, others by their letter."""
    number = re.fullmatch(r"[Ff](\d{3,4})[A-Za-z]+\d?", name)
    if number:
        nanometres = int(number[1])
        return 1, nanometres * 10 if nanometres < 200 else nanometres, name
    last = re.split(r"[^A-Za-z0-9]+", name)[-1].lower()
    rank = BAND_ORDER.index(last) if last in BAND_ORDER else len(BAND_ORDER)
    return 0, rank, name
