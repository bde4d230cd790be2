"""Command-line options made from a specification, and their values put back into it."""

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_origin

from pydantic.fields import FieldInfo

from lensapp.core.config import Spec, inner_specs, is_fixed, kinds_of, merged
from lensapp.core.errors import InvalidInput

__all__ = ["add_spec_options", "given_values", "merged", "spec_fields"]

Path = tuple[str, ...]
KIND = "kind"  # the field that tells alternatives apart


def add_spec_options(
    parser: argparse.ArgumentParser, spec: type[Spec], *, skip: tuple[str, ...] = (), flags: Mapping[str, str]
) -> None:
    """Add an option for every field of `spec`; nested ones get their parent's name in front.

    `flags` renames fields, as {"group_radius_arcsec": "--group-radius"}.
    """
    for path, field in spec_fields(spec):
        name = "_".join(path)
        if name in skip or path[0] in skip:
            continue
        flag = flags.get(name, "--" + name.replace("_", "-"))
        text = (field.description or "").replace("%", "%%")
        if (default := _default_text(field)) is not None:
            text += f" Default: {default}."
        parser.add_argument(flag, dest=_destination(path), metavar="VALUE", default=None, help=text)


def _default_text(field: FieldInfo) -> str | None:
    default = field.get_default(call_default_factory=True, validated_data={})
    if field.is_required() or default is None or isinstance(default, Spec):
        return None
    if isinstance(default, list | tuple):
        return ",".join(map(str, default)) or None
    return str(default).replace("%", "%%")


def spec_fields(spec: type[Spec], parents: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Yield (path, field) for every scalar field of `spec` and of the specifications inside it.

    Of several alternatives (a union of specifications) each field is given once. The version of a format
    is no option; the name that chooses an alternative is one.
    """
    seen: set[Path] = set()
    for name, field in spec.model_fields.items():
        if is_fixed(field) and name != KIND:
            continue
        inner = inner_specs(field.annotation)
        found = [((*parents, name), field)] if not inner else []
        for kind in inner:
            found += list(spec_fields(kind, (*parents, name)))
        for path, leaf in found:
            if path not in seen:
                seen.add(path)
                yield path, leaf


def _destination(path: Path) -> str:
    return "spec." + ".".join(path)


def given_values(arguments: argparse.Namespace, spec: type[Spec]) -> dict[str, Any]:
    """Return the options that were given on the command line as nested values for `spec`."""
    values: dict[str, Any] = {}
    for path, field in spec_fields(spec):
        text = getattr(arguments, _destination(path), None)
        if text is None:
            continue
        place = values
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = _value(text, field)
    return values


def _value(text: str, field: FieldInfo) -> Any:
    kinds = [get_origin(kind) or kind for kind in kinds_of(field.annotation)]
    if text.lower() in {"none", "auto-none"} and type(None) in kinds:
        return None
    if tuple in kinds or list in kinds:
        return [part for part in text.split(",") if part]
    if dict in kinds:
        return _json_object(text)
    return text


def _json_object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InvalidInput(
            f'Expected a JSON object such as {{"filters": 16}}, received {text!r}: {error}.'
        ) from error
    if not isinstance(values, dict):
        raise InvalidInput(f'Expected a JSON object such as {{"filters": 16}}, received {text!r}.')
    return values
