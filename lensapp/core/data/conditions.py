"""Filters on the columns of a catalogue as a user writes them: `mag_i < 22 & star < 0.5 & field == "EDF-N"`.

The syntax is that of pandas and numexpr: comparisons of columns, numbers and texts, also in chains
(`18 < mag_i < 22`) and with lists (`field in ["EDF-N", "EDF-S"]`), joined by `&`, `|`, `~` or by the words
`and`, `or`, `not`. Python's parser reads it; only comparisons are evaluated, and nothing is run. An unknown
value (NaN, an empty cell) makes a comparison neither true nor false, as NULL does in SQL: neither
`mag_i < 22` nor `~(mag_i < 22)` keeps such a row, `isnull(mag_i)` does.
"""

import ast
import difflib
import keyword
import operator
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import first_of

MOST_CHARACTERS, DEEPEST, NEAR, LISTED = 2000, 50, 3, 8
UNKNOWN, LARGEST_INTEGER = -1, 2**63 - 1
NULL_TESTS = ("isnull", "notnull")
SIGNS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
SUMS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
WORDS = {"&": " and ", "|": " or ", "~": " not ", "=": "=="}
KEPT_WORDS = frozenset({"and", "or", "not", "in", "True", "False"})
TOKEN = re.compile(
    r"""(?P<quoted>`[^`]*`)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    | (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<sign><=|>=|!=|==|&&|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)
EXAMPLE = 'mag_i < 22 & field == "EDF-N"'

Bools = NDArray[np.bool_]
Truth = tuple[Bools, Bools]
"""Which rows fulfil a condition, and which are known not to."""


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of texts: the texts that there are, and which of them each row has.

    Attributes
    ----------
    codes : integer, shape (n,)
        Index into `values`, -1 where unknown.
    values : object, shape (m,)
    """

    codes: NDArray[Any]
    values: NDArray[Any]

    @classmethod
    def of(cls, cells: Iterable[object]) -> "Texts":
        """Return cells as texts; None and empty ones are unknown."""
        numbers: dict[str, int] = {}
        codes = [
            UNKNOWN if cell in (None, "") else numbers.setdefault(str(cell), len(numbers)) for cell in cells
        ]
        return cls(np.array(codes, np.int64), np.array([*numbers], object))

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.int64]) -> "Texts":
        """Return the texts of some rows; -1 is a row of unknown text."""
        codes = np.where(rows < 0, UNKNOWN, self.codes[rows]) if len(self) else np.full(len(rows), UNKNOWN)
        return Texts(codes, self.values)

    def spread(self, of_values: NDArray[Any], *, unknown: Any) -> NDArray[Any]:
        """Return what is given for each of `values` row by row."""
        each: NDArray[Any] = np.append(of_values, np.array([unknown], of_values.dtype))[self.codes]
        return each

    def cells(self) -> NDArray[Any]:
        """Return the text of each row, None where unknown: object array of shape (n,)."""
        return self.spread(self.values.astype(object), unknown=None)

    def ranks(self) -> NDArray[np.float64]:
        """Return the place of each text in alphabetical order, NaN where unknown."""
        _, place = np.unique(self.values.astype(str), return_inverse=True)
        return self.spread(place.astype(np.float64), unknown=np.nan)

    def numbers(self) -> NDArray[np.float64]:
        """Return the texts that are written numbers as such, NaN for the others."""
        return self.spread(np.array([_number(text) for text in self.values], np.float64), unknown=np.nan)


Column = NDArray[Any] | Texts
Columns = Mapping[str, Column]


@dataclass(frozen=True)
class Filter:
    """A filter that has been read; two are equal when their words are.

    Attributes
    ----------
    names
        The columns that it reads, each once.
    """

    text: str
    names: tuple[str, ...]
    tree: ast.expr = field(repr=False, compare=False)

    def holds(self, columns: Columns, count: int) -> Bools:
        """Return which of `count` rows fulfil it; unknown values fulfil nothing."""
        return _Evaluation(columns, count).truth(self.tree)[0]

    def fails(self, columns: Columns, count: int) -> Bools:
        """Return which of `count` rows break it by a known value; what is unknown breaks nothing."""
        return _Evaluation(columns, count).truth(self.tree)[1]


@lru_cache(maxsize=256)
def parse_filter(text: str) -> Filter:
    """Read a filter.

    Raises
    ------
    InvalidInput
        When it is anything but comparisons of columns, numbers and texts.
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(
            f"The filter has {len(text)} characters; {MOST_CHARACTERS} are the most. Shorten it."
        )
    spelt: dict[str, str] = {}
    written = "".join(_translated(token, spelt) for token in TOKEN.finditer(text)).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(written, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _no_condition(text) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = spelt.get(node.id, node.id)
    _check_truth(tree, text, DEEPEST)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    names.sort(key=lambda node: node.col_offset)
    if not names:
        raise _no_condition(text)
    if "None" in spelt.values():
        raise _no_condition(text, "use isnull(…) or notnull(…) for unknown values")
    return Filter(text, tuple(dict.fromkeys(node.id for node in names)), tree)


def check_filter(text: str | None) -> str | None:
    """Return a filter as written, None for an empty one; refuse what is none, as pydantic asks for it."""
    if text is None or not text.strip():
        return None
    try:
        return parse_filter(text.strip()).text
    except InvalidInput as error:
        raise ValueError(str(error)) from error


Where = Annotated[str | None, AfterValidator(check_filter)]
"""A field of a specification that holds a filter."""


def unknown_column(name: str, names: Iterable[str]) -> InvalidInput:
    """Return the error for a column that there is not, with those that are spelt nearly so or all."""
    every = list(dict.fromkeys(names))
    lower = {one.lower(): one for one in reversed(every)}
    near = [lower[one] for one in difflib.get_close_matches(name.lower(), lower, n=NEAR, cutoff=0.6)]
    if near:
        return InvalidInput(f"There is no column {name!r}. Did you mean {' or '.join(near)}?")
    listed = first_of(every, LISTED)
    return InvalidInput(f"There is no column {name!r}. Choose among: {listed or 'none'}.")


def spelling_of(name: str, names: Iterable[str]) -> str:
    """Return a column's name as it is spelt in `names`, whatever its case where that is unambiguous."""
    every = list(names)
    if name in every:
        return name
    alike = [one for one in every if one.lower() == name.lower()]
    if len(alike) != 1:
        raise unknown_column(name, every)
    return alike[0]


def _no_condition(text: str, why: str = "") -> InvalidInput:
    reason = f" ({why})" if why else ""
    return InvalidInput(
        f"{text!r} is no condition{reason}. Compare columns with numbers or with texts in quotation marks, "
        f"such as {EXAMPLE} or mag_g - mag_r > 1.1."
    )


def _translated(token: re.Match[str], spelt: dict[str, str]) -> str:
    """Return a piece of a filter as Python reads it; names that Python would not read are kept in `spelt`."""
    kind, piece = token.lastgroup, token.group()
    if kind == "text":
        return repr(re.sub(r"\\(.)", r"\1", piece[1:-1]))
    if kind == "sign":
        return WORDS.get(piece[0] if piece in ("&&", "||") else piece, piece)
    name, _, method = piece.rpartition(".") if kind == "name" else ("", "", "")
    if method in NULL_TESTS and name:
        return f"{_translated(TOKEN.match(name) or token, spelt)}.{method}"
    dotted = kind == "name" and ("." in piece or (keyword.iskeyword(piece) and piece not in KEPT_WORDS))
    if kind == "quoted" or dotted:
        stand_in = f"column_{len(spelt)}_"
        spelt[stand_in] = piece.strip("`")
        return stand_in
    return piece


def _check_truth(node: ast.expr, text: str, depth: int) -> None:
    """Refuse a part of a filter that is no comparison, or not made of such."""
    if not depth:
        raise _no_condition(text, "it is nested too deeply")
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check_truth(value, text, depth - 1)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check_truth(operand, text, depth - 1)
        case ast.Compare():
            _check_comparison(node, text, depth - 1)
        case ast.Call() if _null_test(node) is None:
            raise _no_condition(text)
        case ast.Call():
            pass
        case ast.Name(id=name):
            raise _no_condition(text, f"compare {name} with something, such as {name} == True")
        case _:
            raise _no_condition(text)


def _null_test(node: ast.Call) -> tuple[str, str] | None:
    """Return the test for unknown values that a call is, and the column; None for any other call."""
    match node:
        case ast.Call(func=ast.Name(id=test), args=[ast.Name(id=name)], keywords=[]):
            pass
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=test), args=[], keywords=[]):
            pass
        case _:
            return None
    return (test, name) if test in NULL_TESTS else None


def _check_comparison(node: ast.Compare, text: str, depth: int) -> None:
    """Refuse a comparison by another sign than those of numbers, or of anything but values."""
    _check_value(node.left, text, depth)
    for sign, other in zip(node.ops, node.comparators, strict=True):
        if isinstance(sign, ast.In | ast.NotIn):
            if not isinstance(other, ast.List | ast.Tuple | ast.Set) or not other.elts:
                raise _no_condition(text, 'after "in" comes a list, as in field in ["EDF-N"]')
            for element in other.elts:
                _check_constant(element, text)
        elif type(sign) in SIGNS:
            _check_value(other, text, depth)
        else:
            raise _no_condition(text, "use ==, or isnull(…) for unknown values")


def _check_value(node: ast.expr, text: str, depth: int) -> None:
    """Refuse a side of a comparison that is no column, number, text or sum of such."""
    if not depth:
        raise _no_condition(text, "it is nested too deeply")
    match node:
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in SUMS:
            _check_value(left, text, depth - 1)
            _check_value(right, text, depth - 1)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check_value(operand, text, depth - 1)
        case ast.Call(func=ast.Name(id="abs"), args=[argument], keywords=[]):
            _check_value(argument, text, depth - 1)
        case ast.Name():
            pass
        case _:
            _check_constant(node, text)


def _check_constant(node: ast.expr, text: str) -> None:
    inner = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    if not isinstance(inner, ast.Constant) or not isinstance(inner.value, bool | int | float | str):
        raise _no_condition(text)
    if isinstance(inner.value, int) and abs(inner.value) > sys.float_info.max:
        raise _no_condition(text, "a number is too large")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


@dataclass(frozen=True, eq=False)
class _Evaluation:
    """Evaluates the parts of one filter over columns of `count` rows."""

    columns: Columns
    count: int

    def truth(self, node: ast.expr) -> Truth:
        """Return which rows fulfil a part of a filter, and which are known not to."""
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.truth(value) for value in values]
                joined, other = (np.all, np.any) if isinstance(op, ast.And) else (np.any, np.all)
                return joined([one[0] for one in parts], axis=0), other([one[1] for one in parts], axis=0)
            case ast.UnaryOp(operand=operand):
                held, broken = self.truth(operand)
                return broken, held
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [left, *others]
                pairs = [self.compared(*one) for one in zip(sides, ops, others, strict=False)]
                return np.all([one[0] for one in pairs], axis=0), np.any([one[1] for one in pairs], axis=0)
            case ast.Call():
                return self.null_test(*(_null_test(node) or ("", "")))
        raise _no_condition(ast.unparse(node))

    def compared(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Truth:
        """Return where a comparison of two sides holds, and where it is known not to."""
        first = self.value(left)
        if isinstance(sign, ast.In | ast.NotIn) and isinstance(right, ast.List | ast.Tuple | ast.Set):
            each = [self.compared_values(first, operator.eq, self.value(one), left) for one in right.elts]
            truth = np.any([one[0] for one in each], axis=0), np.all([one[1] for one in each], axis=0)
            return truth if isinstance(sign, ast.In) else truth[::-1]
        return self.compared_values(first, SIGNS[type(sign)], self.value(right), left, right)

    def compared_values(
        self, first: Any, sign: Callable[[Any, Any], Any], second: Any, *nodes: ast.expr
    ) -> Truth:
        """Return where `sign` holds between two values, and where it is known not to."""
        are_texts = [isinstance(one, Texts | str) for one in (first, second)]
        if are_texts == [True, True]:
            if isinstance(first, Texts) and isinstance(second, str):
                of_values = np.asarray(sign(first.values, second), bool)
                held = first.spread(of_values, unknown=False)
                return self.known(held, first.codes != UNKNOWN)
            cells = [
                one.cells() if isinstance(one, Texts) else np.full(self.count, one) for one in (first, second)
            ]
            known = (cells[0] != None) & (cells[1] != None)  # noqa: E711 - element by element
            held = np.zeros(self.count, bool)
            held[known] = sign(cells[0][known], cells[1][known]).astype(bool)
            return self.known(held, known)
        numbers = [self.as_numbers(one, nodes) for one in (first, second)]
        with np.errstate(invalid="ignore"):
            return self.known(sign(*numbers), ~(np.isnan(numbers[0]) | np.isnan(numbers[1])))

    def known(self, held: Any, known: Any) -> Truth:
        """Return the truth of a comparison that is known for some rows."""
        held, known = (np.broadcast_to(np.asarray(one, bool), (self.count,)) for one in (held, known))
        return held & known, ~held & known

    def as_numbers(self, value: Any, nodes: tuple[ast.expr, ...]) -> Any:
        """Return what is compared with a number as numbers, or raise InvalidInput where it is text."""
        if isinstance(value, str):
            said = next(
                (ast.unparse(node) for node in nodes if not isinstance(node, ast.Constant)), "the column"
            )
            raise InvalidInput(f"{said} holds numbers, {value!r} is text. Compare it with a number.")
        if not isinstance(value, Texts):
            return value
        numbers = value.numbers()
        if len(value.values) and np.isnan(numbers).all():
            said = next((node.id for node in nodes if isinstance(node, ast.Name)), "the column")
            raise InvalidInput(
                f"{said} holds texts, such as {value.values[0]!r}. Compare it with a text in quotation marks."
            )
        return numbers

    def null_test(self, test: str, name: str) -> Truth:
        """Return where a value is unknown, or where it is known."""
        column = self.column(name)
        absent = column.codes == UNKNOWN if isinstance(column, Texts) else np.isnan(column)
        return (absent, ~absent) if test == NULL_TESTS[0] else (~absent, absent)

    def value(self, node: ast.expr) -> Any:
        """Return one side of a comparison: numbers, `Texts`, one number or one text."""
        match node:
            case ast.Constant(value=int() as whole) if abs(whole) > LARGEST_INTEGER:
                return float(whole)
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.column(name)
            case ast.UnaryOp(op=op, operand=operand):
                inner = self.as_numbers(self.value(operand), (operand,))
                return -inner if isinstance(op, ast.USub) else inner
            case ast.Call(args=[argument]):
                return np.abs(self.as_numbers(self.value(argument), (argument,)))
            case ast.BinOp(left=left, op=op, right=right):
                first, second = (self.as_numbers(self.value(one), (one,)) for one in (left, right))
                first, second = np.asarray(first, float), np.asarray(second, float)
                if isinstance(op, ast.Div):
                    second = np.where(second == 0, np.nan, second)
                with np.errstate(all="ignore"):
                    return SUMS[type(op)](first, second)
        raise _no_condition(ast.unparse(node))

    def column(self, name: str) -> Column:
        """Return a column, one of bools as numbers; InvalidInput where there is none of that name."""
        column = self.columns[spelling_of(name, self.columns)]
        return column.astype(np.int8) if isinstance(column, np.ndarray) and column.dtype == bool else column
