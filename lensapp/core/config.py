"""The base of every specification that a user can edit and a run can save."""

import json
import types
from pathlib import Path
from typing import Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from lensapp.core.errors import InvalidInput


class Spec(BaseModel):
    """Frozen settings; unknown keys are refused, every field has bounds and a description.

    Forms, command-line help and documentation are generated from the fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Validate `values` into a specification.

        Raises
        ------
        InvalidInput
            Naming each field, what was received and the bound it broke.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidInput(describe(error, cls.__name__)) from error

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


def describe(error: ValidationError, name: str) -> str:
    """Return one line that names each wrong field, the value received and the rule it broke."""
    parts = []
    for item in error.errors(include_url=False):
        field = ".".join(str(step) for step in item["loc"]) or name
        parts.append(f"{field}: {item['msg']}, received {item['input']!r}")
    return f"{name} is not valid: " + "; ".join(parts)


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
    """Read a JSON object from `path`.

    Raises
    ------
    InvalidInput
        When the file is absent, is not JSON or is not an object.
    """
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
