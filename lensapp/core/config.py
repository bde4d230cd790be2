"""The base of every specification that a user can edit and a run can save."""

import json
import types
from collections.abc import Sequence
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


class Spec(BaseModel):
    """Frozen settings; unknown keys are refused, every field has bounds and a description.

    Forms, command-line help and documentation are generated from the fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Validate `values` into a specification."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidInput(describe(error, cls)) from error

    def replaced(self, **changes: Any) -> Self:
        """Return a validated copy with `changes` applied."""
        return self.parse({**self.model_dump(), **changes})

    def saved(self) -> dict[str, Any]:
        """Return the specification as plain JSON values."""
        values: dict[str, Any] = self.model_dump(mode="json")
        return values


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
    """Return a bound of a field, such as `ge` of Ge, or None."""
    return next((getattr(item, name) for item in field.metadata if isinstance(item, kind)), None)


def limits_of(field: FieldInfo) -> str:
    """Return the bounds of a field in words; empty where it has none."""
    found = [(words, bound_of(field, kind, name)) for words, kind, name in BOUNDS]
    return ", ".join(f"{words} {_plain(bound)}" for words, bound in found if bound is not None)


def _plain(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else str(bound)


def describe(error: ValidationError, spec: type[BaseModel]) -> str:
    """Return one line that names each wrong field as forms do, what it expects and the value received."""
    parts = [_reason(item, spec) for item in error.errors(include_url=False)]
    return f"{'; '.join(dict.fromkeys(parts))}."


def _reason(item: ErrorDetails, spec: type[BaseModel]) -> str:
    names, field = _place(item["loc"], spec)
    where = ", ".join(names)
    if item["type"] == "value_error":
        told = str(item["ctx"]["error"]).rstrip(".")
        return f"{where}: {told}, received {_shortened(item['input'])}" if where else told
    if item["type"] == "extra_forbidden":
        return f"Expected only known settings, received {'.'.join(str(step) for step in item['loc'])!r}"
    received = "nothing" if item["input"] is None or item["type"] == "missing" else _shortened(item["input"])
    return f"{where or spec.__name__}: expected {_expected(item, field)}, received {received}"


def _place(steps: tuple[int | str, ...], spec: type[BaseModel]) -> tuple[list[str], FieldInfo | None]:
    """Return the labels on the way to a wrong field, and the field; kinds of alternatives are no labels."""
    names: list[str] = []
    field: FieldInfo | None = None
    specs: Sequence[type[BaseModel]] = [spec]
    alternatives = False
    for step in steps:
        found = [inner.model_fields[step] for inner in specs if step in inner.model_fields]
        if alternatives:  # this step names the kind of alternative
            alternatives = False
        elif found:
            field, specs = found[0], _specs_within(found[0].annotation)
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


def _expected(item: ErrorDetails, field: FieldInfo | None) -> str:
    """Return what a field takes: its type with its bounds, or the words of the check that it failed."""
    numbers = {int: "a whole number", float: "a number"}
    kinds = [kind for kind in kinds_of(field.annotation) if kind in numbers] if field else []
    if field and kinds:
        limits = limits_of(field)
        return f"{numbers[kinds[0]]} {limits}" if limits else numbers[kinds[0]]
    if item["type"] == "string_pattern_mismatch" and field and field.description:
        return field.description.rstrip(".")
    given = item.get("ctx", {})
    for words, key in (("at least", "min_length"), ("at most", "max_length")):
        if key in given:
            return f"{words} {given[key]} {'characters' if isinstance(item['input'], str) else 'of them'}"
    told = str(given["expected_tags"] if "expected_tags" in given else item["msg"])
    told = told.removeprefix("Input should be ").removeprefix("Input should ")
    return told[:1].lower() + told[1:]


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _of_one_kind(before: Any, value: Any) -> bool:
    return bool(value.get("kind", before.get("kind")) == before.get("kind"))


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` laid over it, nested objects merged key by key.

    A nested object of another `kind` replaces the one before: their keys have nothing in common.
    """
    result = dict(base)
    for key, value in changes.items():
        before: Any = result.get(key)
        both = isinstance(value, dict) and isinstance(before, dict)
        result[key] = merged(before, value) if both and _of_one_kind(before, value) else value
    return result


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from `path`."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"Expected a JSON file at {path}, received {error}. Give another path.") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"Expected a JSON object in {path}, received {type(values).__name__}.")
    return values


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` to `path` whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(values, indent=2, sort_keys=True), "utf-8")
    partial.replace(path)
