"""Names of columns and labels as catalogues of others give them."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from lensapp.core.data.no_data import as_number, no_data_values
from lensapp.core.errors import InvalidInput

COLUMN_ALIASES = {
    "id": (
        "object_id", "id_str", "id", "sourceid", "source_id", "candidate_id", "objid", "objectid", "name",
        "coadd_object_id", "coadd_objects_id", "obj_id", "cutout_id", "iau_name", "iauname", "designation",
        "targetid", "target_id", "object_name", "objname", "source_name", "lens_name", "system_name",
        "system", "source", "object", "number",
    ),
    "file": ("file", "filename", "file_name", "path", "image"),
    "label": ("is_lens", "label", "lens", "truth", "target"),
    "class": (
        "object_class", "class", "classification", "object_type", "classes", "class_name", "ans", "labels",
    ),
    "parent": ("parent", "parent_id", "group_id"),
}  # fmt: skip

LENS_WORDS = frozenset({"1", "true", "t", "yes", "y", "positive", "positives", "pos"})
NONLENS_WORDS = frozenset({"0", "false", "f", "no", "n", "negative", "negatives", "neg"})
LEFT_OUT = "left out"
"""In the place of a label: what has it is not imported."""
UNKNOWN_WORDS = frozenset(
    {"", "nan", "none", "null", "-", "--", "masked", "unknown", "?", "n/a", "na", "<na>", "nat", "unlabelled"}
    | {"unlabeled", "unclassified", "undefined", "missing", "..."}
)
# "Non-lens", "not a lens", "no_lens", "unlensed", "strong lens", "gravitational lensing system" …
_A_LENS = r"(an?)?(strong|gravitational|grav)*(ly)?lens(es|ed|ing)?(galaxy|galaxies|system|systems)?"
_IS_LENS = re.compile(f"(is)?{_A_LENS}")
_IS_NONLENS = re.compile(f"(is)?(non|not|no|un){_A_LENS}")
_SEPARATORS = re.compile(r"[\s_/.'’\u00ad\u2010-\u2015\u2212-]+")


COLUMN_UNITS = {
    "arcsec": "arcsec", "arcmin": "arcmin", "deg": "deg", "mag": "mag", "pixels": "pixels", "km_s": "km/s",
    "nm": "nm", "kpc": "kpc", "mpc": "Mpc", "gyr": "Gyr", "seconds": "s", "percent": "%", "dex": "dex",
}  # fmt: skip
COLUMN_WORDS = {
    "snr": "S/N", "psf": "PSF", "fwhm": "FWHM", "ra": "RA", "dec": "Dec", "einstein": "Einstein",
    "sersic": "Sérsic", "e1": "e₁", "e2": "e₂", "g1": "g₁", "g2": "g₂",
}  # fmt: skip
_BAND = r"([a-z]\d*|[A-Z][A-Z0-9]*)"
_COLOUR = re.compile(f"[Cc]olou?r_{_BAND}_{_BAND}(?=_|$)")
_BAND_BEHIND_UNIT = re.compile(f"(.+)_({'|'.join(COLUMN_UNITS)})_([a-z])", re.IGNORECASE)


def column_label(name: str, *, unit: str = "") -> str:
    """Return a column's name as a reader writes it: "einstein_radius_arcsec" is "Einstein radius (arcsec)".

    What ends in a unit has it in brackets, as has one whose catalogue tells its `unit`. Names in capitals are
    terms of their survey and stay as they are.
    """
    label = name if name.isupper() else _in_words(name)
    return label if not unit or label.endswith(")") else f"{label} ({unit})"


def label_and_unit(name: str, unit: str) -> tuple[str, str]:
    """Return a column's name as a reader writes it, and its unit where the name does not tell it."""
    label = column_label(name)
    return label, "" if label.endswith(")") else unit


def _in_words(name: str) -> str:
    name = _COLOUR.sub("colour_\\1 − \\2", name.strip())
    stem, unit = _BAND_BEHIND_UNIT.sub(r"\1_\3_\2", name.strip()), ""
    for ending, written in COLUMN_UNITS.items():
        what = stem.lower().removesuffix(f"_{ending}")
        if what != stem.lower() and what.strip("_") and not what.endswith("_per"):
            stem, unit = stem[: -len(ending) - 1], f" ({written})"
            break
    words = [COLUMN_WORDS.get(word.lower(), word) for word in stem.split("_") if word]
    return (" ".join(words) or name) + unit


def find_column(names: Iterable[str], meaning: str) -> str | None:
    """Return the column that means `meaning` (a key of COLUMN_ALIASES) by its usual names, or None."""
    by_alias = {
        name.strip().lstrip("#").strip().lower().replace(" ", "_"): name for name in reversed([*names])
    }
    # TOPCAT and others number the columns of joined tables.
    spellings = (alias + ending for ending in ("", "_1") for alias in COLUMN_ALIASES[meaning])
    return next((by_alias[alias] for alias in spellings if alias in by_alias), None)


def require_column(names: Sequence[str], column: str, option: str | None = None) -> str:
    """Return the name of `column` as it is spelt in `names`, whatever its case where that is unambiguous.

    `option` is what names the column on the command line.
    """
    if column in names:
        return column
    alike = [name for name in names if name.strip().lower() == column.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    remedy = "" if option is None else f" with {option}"
    raise InvalidInput(
        f"There is no column {column!r}, only: {', '.join(names[:30]) or 'none'}. Name one of these{remedy}."
    )


def label_of_word(word: str) -> str | None:
    """Return "lens" or "nonlens" for a word that says so in any spelling, else None."""
    plain = _SEPARATORS.sub("", word.strip().lower())
    if plain in LENS_WORDS or _IS_LENS.fullmatch(plain):
        return "lens"
    if plain in NONLENS_WORDS or _IS_NONLENS.fullmatch(plain):
        return "nonlens"
    return None


def parse_labels(
    values: Sequence[object],
    *,
    threshold: float | None = None,
    meanings: Mapping[str, str | None] | None = None,
) -> list[str | None]:
    """Return the labels of a column: "lens", "nonlens", or None for an empty cell or a no-data value.

    Parameters
    ----------
    values
        1/0, true/false, yes/no, lens/nonlens in any spelling; numbers when `threshold` is given.
    threshold
        From this value on a candidate is a lens.
    meanings
        What some values mean, such as {"GALAXY": "nonlens", "STAR": LEFT_OUT}, before all else; None for no
        label. Numbers as `word_of` writes them.

    Raises
    ------
    InvalidInput
        When a value could mean either.
    """
    stated = meanings or {}
    numbers = {number for value in set(values) if (number := as_number(value)) is not None}
    absent = no_data_values(numbers)
    labels: dict[object, str | None] = {}
    for value in sorted(set(values), key=str):
        if (word := word_of(value)) in stated:
            labels[value] = stated[word]
        else:
            labels[value] = None if as_number(value) in absent else parse_label(value, threshold=threshold)
    return [labels[value] for value in values]


def word_of(value: object) -> str:
    """Return a cell of a label column as one names it: trimmed, "" for an empty one, 2.0 as "2"."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def parse_label(value: object, *, threshold: float | None = None) -> str | None:
    """Return the label of one cell as `parse_labels` does, which also knows no-data values."""
    text = "" if value is None else str(value).strip()
    if text.lower() in UNKNOWN_WORDS:
        return None
    number = as_number(value)
    if threshold is not None:
        if number is None:
            raise InvalidInput(
                f"The label column holds {text!r}, but a threshold needs numbers. "
                "Leave the threshold empty, or choose another column."
            )
        return "lens" if number >= threshold else "nonlens"
    if number in (0.0, 1.0):
        return "lens" if number else "nonlens"
    label = label_of_word(text) if number is None else None
    if label is None:
        raise InvalidInput(
            f"The label column holds {text!r}, which is not 1/0, true/false or lens/non-lens. "
            "Say what its values mean (--label-meanings), set a label threshold for grades and "
            "probabilities, or choose another column."
        )
    return label
