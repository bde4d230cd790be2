"""The base of every specification that a user can edit and a run can save."""

import glob
import json
import operator
import time
import types
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from lensapp.core.errors import InvalidInput

UNITS = ("arcsec", "arcmin", "deg", "pixels", "seconds", "percent", "sigma", "nm")
LONGEST_VALUE = 80
BOUNDS: tuple[tuple[str, type, str], ...] = (
    ("at least", annotated_types.Ge, "ge"),
    ("above", annotated_types.Gt, "gt"),
    ("at most", annotated_types.Le, "le"),
    ("below", annotated_types.Lt, "lt"),
)

LEFTOVER_SECONDS = 3600.0


class Spec(BaseModel):
    """Frozen settings; unknown keys are refused, every field has a title, bounds and a description.

    Forms, command-line help and documentation are generated from the fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Validate `values` into a specification."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidInput(describe_invalid(error, cls)) from error

    def replaced(self, **changes: Any) -> Self:
        """Return a validated copy with `changes` applied."""
        return self.parse({**self.model_dump(), **changes})

    def saved(self) -> dict[str, Any]:
        """Return the specification as plain JSON values."""
        values: dict[str, Any] = self.model_dump(mode="json")
        return values

    def is_saved_as(self, values: dict[str, Any]) -> bool:
        """Return whether `values`, saved by this version or by one that lacked newer fields, say the same."""
        with suppress(InvalidInput):
            return self.parse(values) == self
        return False


def kinds_of(annotation: Any) -> list[Any]:
    """Return the alternatives of a field's annotation, `None` included as its type."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in kinds_of(part)]
    if hasattr(annotation, "__metadata__"):
        return kinds_of(annotation.__origin__)
    return [annotation]


def inner_specs(annotation: Any) -> list[type[Spec]]:
    """Return the specifications that a field with this annotation may hold."""
    return [kind for kind in kinds_of(annotation) if isinstance(kind, type) and issubclass(kind, Spec)]


def is_fixed(field: FieldInfo) -> bool:
    """Return whether a field admits one value only, as the version of a format does."""
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def label_of(name: str, field: FieldInfo) -> str:
    """Return what forms and messages call a field: its title or, failing that, its name in words."""
    if field.title:
        return field.title
    words = name.split("_")
    if len(words) > 1 and words[-1] in UNITS:
        return f"{' '.join(words[:-1]).capitalize()} ({words[-1]})"
    return " ".join(words).capitalize()


def bound_of(field: FieldInfo, kind: type, name: str) -> Any:
    """Return a bound of a field or of its alternatives, such as `ge` of Ge, or None."""
    alternatives = [getattr(part, "__metadata__", ()) for part in get_args(field.annotation)]
    metadata = [*field.metadata, *(item for items in alternatives for item in items)]
    return next((getattr(item, name) for item in metadata if isinstance(item, kind)), None)


def is_within_limits(field: FieldInfo, value: float) -> bool:
    """Return whether a number keeps to the bounds of a field."""
    bounds = [(name, bound_of(field, kind, name)) for _, kind, name in BOUNDS]
    return all(bound is None or getattr(operator, name)(value, bound) for name, bound in bounds)


def words_of(field: FieldInfo) -> list[str]:
    """Return the words that a field takes."""
    kinds = kinds_of(field.annotation)
    return [str(word) for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]


def limits_of(field: FieldInfo) -> str:
    """Return the bounds of a field in words; empty where it has none."""
    bounds = [(words, bound_of(field, kind, name)) for words, kind, name in BOUNDS]
    return ", ".join(
        f"{words} {int(bound) if float(bound).is_integer() else bound}"
        for words, bound in bounds
        if bound is not None
    )


def describe_invalid(error: ValidationError, spec: type[BaseModel]) -> str:
    """Return one line that names each wrong field as forms do, says what it must be and what it is."""
    reasons = []
    for item in error.errors(include_url=False):
        names, field = _locate(item["loc"], spec)
        where, value = ", ".join(names), _written(item["input"])
        value = value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
        if item["type"] == "value_error":
            reason = str(item["ctx"]["error"]).rstrip(".")
            said = value in reason or isinstance(item["input"], Mapping)  # by the reason, or by its parts
            given = "" if said else f" ({value} was given)"
            reason = f"{where}: {reason}{given}" if where else reason
        elif item["type"] == "extra_forbidden":
            reason = f"There is no setting {'.'.join(str(step) for step in item['loc'])!r}"
        elif item["type"] == "string_pattern_mismatch" and field and field.description:
            reason = f"{where}: {value} is not possible. {field.description.rstrip('.')}"
        else:
            is_empty = item["input"] is None or item["type"] == "missing"
            beside = "; it is empty" if is_empty else f", not {value}"
            reason = f"{where or spec.__name__} must {_requirement(item, field)}{beside}"
        reasons.append(reason)
    return f"{'; '.join(dict.fromkeys(reasons))}."


def _written(value: object) -> str:
    """Return what was given as messages quote it: each of several by itself, not as a program's list."""
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(map(repr, value)) or "nothing"
    return repr(value)


def _locate(steps: tuple[int | str, ...], spec: type[BaseModel]) -> tuple[list[str], FieldInfo | None]:
    """Return the labels on the way to a wrong field, and the field; kinds of alternatives are no labels."""
    names: list[str] = []
    field: FieldInfo | None = None
    specs: Sequence[type[BaseModel]] = [spec]
    alternatives = False
    for step in steps:
        fields = [inner.model_fields[step] for inner in specs if step in inner.model_fields]
        if alternatives:  # this step names the kind of alternative
            alternatives = False
        elif fields:
            field, specs = fields[0], _specs_within(fields[0].annotation)
            alternatives = len(specs) > 1
            names.append(label_of(str(step), field))
        elif isinstance(step, int):
            names.append(f"number {step + 1}")
    return names, field


def _specs_within(annotation: Any) -> list[type[Spec]]:
    """Return the specifications that a field holds, one or a sequence of them."""
    kinds = kinds_of(annotation)
    inner = [_specs_within(get_args(kind)[0]) for kind in kinds if get_origin(kind) in (tuple, list)]
    return inner_specs(annotation) + [spec for specs in inner for spec in specs]


def _requirement(item: ErrorDetails, field: FieldInfo | None) -> str:
    """Return what must be: a number within the field's bounds, or the words of the check that failed."""
    numbers = {int: "a whole number", float: "a number"}
    kinds = [kind for kind in kinds_of(field.annotation) if kind in numbers] if field else []
    if field and kinds:
        return " or ".join([f"be {numbers[kinds[0]]} {limits_of(field)}".rstrip(), *words_of(field)])
    context = item.get("ctx", {})
    for words, key in (("at least", "min_length"), ("at most", "max_length")):
        if key in context:
            return (
                f"have {words} {context[key]} {'characters' if isinstance(item['input'], str) else 'entries'}"
            )
    if "expected_tags" in context:
        return f"be one of {context['expected_tags']}"
    message = item["msg"]
    return (
        message.removeprefix("Input should ")
        if message.startswith("Input should ")
        else f"be valid ({message})"
    )


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` laid over it, nested objects merged key by key.

    A nested object of another `kind` replaces the one before: their keys have nothing in common.
    """
    result = dict(base)
    for key, value in changes.items():
        before: Any = result.get(key)
        both = isinstance(value, dict) and isinstance(before, dict)
        of_one_kind = both and value.get("kind", before.get("kind")) == before.get("kind")
        result[key] = merged(before, value) if of_one_kind else value
    return result


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from `path`."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read as JSON ({error}). Give another path.") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"{path} must hold a JSON object, not a {type(values).__name__}.")
    return values


def remove_leftovers(partial: Path, *, mark: str) -> None:
    """Remove files called like `partial`, but for its `mark`, that nobody has written to for an hour.

    They are left by writers that were killed; a younger one may belong to a writer that lives.
    """
    too_old = time.time() - LEFTOVER_SECONDS
    for leftover in partial.parent.glob(glob.escape(partial.name).replace(mark, "?" * len(mark))):
        with suppress(OSError):  # another writer was faster
            if leftover.stat().st_mtime < too_old:
                leftover.unlink()


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` to `path` whole or not at all, whoever else writes it at the same time."""
    mark = uuid.uuid4().hex[:8]
    partial = path.with_name(f".{path.name}.{mark}.partial")
    remove_leftovers(partial, mark=mark)
    try:
        partial.write_text(json.dumps(values, indent=2, sort_keys=True), "utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
