"""Names of columns and labels as catalogues of others give them."""

import re
from collections.abc import Iterable, Sequence

from lensapp.core.errors import InvalidInput

COLUMN_ALIASES = {
    "id": ("object_id", "id_str", "id", "sourceid", "source_id", "candidate_id", "objid", "objectid", "name"),
    "file": ("file", "filename", "file_name", "path", "image"),
    "ra": ("ra", "ra_deg", "ra [deg]", "right_ascension", "raj2000", "ra_j2000", "_raj2000", "target_ra"),
    "dec": (
        "dec", "dec_deg", "dec [deg]", "declination", "decj2000", "dec_j2000", "_decj2000", "dej2000",
        "target_dec",
    ),
    "label": ("is_lens", "label", "lens", "truth", "target"),
    "class": ("object_class", "class", "classification", "object_type"),
    "parent": ("parent", "parent_id", "group_id"),
}  # fmt: skip

LENS_WORDS = frozenset(
    {"1", "true", "t", "yes", "y", "lens", "lenses", "lensed", "positive", "positives", "pos", "is_lens"}
)
NONLENS_WORDS = frozenset(
    {"0", "false", "f", "no", "n", "nonlens", "nonlenses", "notlens", "unlensed", "negative", "negatives"}
    | {"neg", "notalens", "nolens"}
)
UNKNOWN_WORDS = frozenset({"", "nan", "none", "null", "-", "--", "masked", "unknown", "?"})


def find_column(names: Iterable[str], meaning: str) -> str | None:
    """Return the column that means `meaning` (a key of COLUMN_ALIASES) by its usual names, or None."""
    by_alias = {name.strip().lower(): name for name in names}
    return next((by_alias[alias] for alias in COLUMN_ALIASES[meaning] if alias in by_alias), None)


def require_column(names: Sequence[str], column: str) -> str:
    """Return the name of `column` as it is spelt in `names`, whatever its case where that is unambiguous."""
    if column in names:
        return column
    alike = [name for name in names if name.strip().lower() == column.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    raise InvalidInput(f"There is no column {column!r}. Choose one of {', '.join(names)}.")


def parse_label(value: object, *, threshold: float | None = None) -> str | None:
    """Return "lens", "nonlens", or None for an empty cell; refuse what could mean either.

    Parameters
    ----------
    value
        1/0, true/false, yes/no, lens/nonlens in any spelling; a number when `threshold` is given.
    threshold
        From this value on a candidate is a lens.
    """
    text = str(value).strip().lower()
    if text in UNKNOWN_WORDS:
        return None
    if threshold is not None:
        try:
            return "lens" if float(text) >= threshold else "nonlens"
        except ValueError:
            raise InvalidInput(
                f"The label column holds {text!r}, but a threshold needs numbers. "
                "Leave the threshold empty, or choose another column."
            ) from None
    word = re.sub(r"[\s_-]|\.0+$", "", text)
    if word in LENS_WORDS:
        return "lens"
    if word in NONLENS_WORDS:
        return "nonlens"
    raise InvalidInput(
        f"The label column holds {str(value)!r}, which is not 1/0, true/false or lens/nonlens. "
        "Set a label threshold for grades and probabilities, or choose another column."
    )
