"""Numbers by which tables say that there is no value: -1, -99, 9999, 1e20 and their kin."""

import math
import re
from collections.abc import Iterable

FARTHER = 5.0  # a value is none when it lies so many times farther from zero than all others
SIGNED = frozenset({-1.0, -9.0, -32768.0})
LARGEST = 1e19
_NINES = re.compile(r"-?99+(\.9*0*)?")


def no_data_values(values: Iterable[float]) -> frozenset[float]:
    """Return which of the values of a column mean that there is none.

    Values that are usual for "none" (-1, -9, -32768, a row of nines, 1e20 and beyond, NaN) count as such
    only where no measured value of the column looks alike: negative ones where all others are not negative,
    and others where they are five times farther from zero than any other value.
    """
    distinct = {float(value) for value in values}
    usual = {
        value
        for value in distinct
        if value in SIGNED
        or not math.isfinite(value)
        or abs(value) >= LARGEST
        or _NINES.fullmatch(f"{value:.6f}".rstrip("0"))
    }
    measured = [value for value in distinct - usual if math.isfinite(value)]
    reach = FARTHER * max(map(abs, measured), default=1.0)
    is_positive = all(value >= 0 for value in measured)
    return frozenset(
        value
        for value in usual
        if not math.isfinite(value) or abs(value) > max(reach, FARTHER) or (value < 0 and is_positive)
    )


def as_number(value: object) -> float | None:
    """Return a cell as a number, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
