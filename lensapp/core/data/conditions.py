"""Conditions on the columns of a catalogue as a user writes them: `mag_r < 21`, `mag_g - mag_r > 1.1`."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

Columns = Mapping[str, NDArray[np.float64]]
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "!=": operator.ne,
    "=": operator.eq,
}
_FORM = re.compile(
    r"\s*(?P<first>[A-Za-z_]\w*)(\s+-\s+(?P<second>[A-Za-z_]\w*))?\s*(?P<sign><=|>=|!=|<|>|==?)\s*"
    r"(?P<value>[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)\s*"
)


@dataclass(frozen=True)
class Condition:
    """A column, or the difference of two, compared with a number."""

    first: str
    second: str | None
    sign: str
    value: float

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (self.first,) if self.second is None else (self.first, self.second)

    def holds(self, columns: Columns) -> NDArray[np.bool_]:
        """Return for which rows it holds; unknown values (NaN) fulfil nothing."""
        values = self.of(columns)
        return np.asarray(OPERATORS[self.sign](values, self.value) & ~np.isnan(values), np.bool_)

    def of(self, columns: Columns) -> NDArray[np.float64]:
        """Return what is compared; InvalidInput where a column is absent."""
        absent = [name for name in self.names if name not in columns]
        if absent:
            raise InvalidInput(
                f"There is no column {absent[0]!r}. Choose among: {', '.join(columns) or 'none'}."
            )
        return np.asarray(columns[self.first] - (0.0 if self.second is None else columns[self.second]))


def parse_condition(text: str) -> Condition:
    """Read one condition, or raise InvalidInput."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"{text!r} is no condition. Write a column, or the difference of two, a sign and a number, such "
            "as mag_r < 21 or mag_g - mag_r > 1.1."
        )
    sign = "=" if match["sign"] == "==" else match["sign"]
    return Condition(match["first"], match["second"], sign, float(match["value"]))


@dataclass(frozen=True)
class Rule:
    """Conditions joined by "and", which are all to hold: `star < 0.5 and mag_r > 16`."""

    conditions: tuple[Condition, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it reads, each once."""
        return tuple(dict.fromkeys(name for one in self.conditions for name in one.names))

    def fails(self, columns: Columns, count: int) -> NDArray[np.bool_]:
        """Return which of `count` rows break it by a known value; what is unknown breaks nothing."""
        failing = np.zeros(count, np.bool_)
        for condition in self.conditions:
            failing |= np.isfinite(condition.of(columns)) & ~condition.holds(columns)
        return failing


def parse_rule(text: str) -> Rule:
    """Read comparisons joined by "and"; nothing else is understood, and nothing is evaluated.

    Raises
    ------
    InvalidInput
        When a part is no comparison of a column with a number.
    """
    return Rule(tuple(parse_condition(part) for part in re.split(r"\s+and\s+", text)))


def all_hold(conditions: Sequence[Condition], columns: Columns, count: int) -> NDArray[np.bool_]:
    """Return which of `count` rows fulfil every condition."""
    kept = np.ones(count, np.bool_)
    for condition in conditions:
        kept &= condition.holds(columns)
    return kept
