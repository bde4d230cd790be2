"""Command-line options made from a specification, and their values put back into it."""

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from lensapp.core.config import Spec, inner_specs, is_fixed, kinds_of
from lensapp.core.errors import InvalidInput

FieldPath = tuple[str, ...]
KIND = "kind"  # the field that tells alternatives apart


def add_spec_options(
    parser: argparse.ArgumentParser, spec: type[Spec], *, skip: tuple[str, ...] = (), flags: Mapping[str, str]
) -> None:
    """Add an option for every field of `spec`; nested ones get their parent's name in front.

    `flags` renames fields, as {"group_radius_arcsec": "--group-radius"}.
    """
    words: dict[
        FieldPath, list[str]
    ] = {}  # of the fields that take one of a few, of all alternatives together
    for path, field in _every_field(spec, ()):
        for kind in kinds_of(field.annotation):
            if get_origin(kind) is Literal:
                words.setdefault(path, []).extend(map(str, get_args(kind)))
    for path, field in spec_fields(spec):
        name = "_".join(path)
        if name in skip or path[0] in skip:
            continue
        flag = flags.get(name, "--" + name.replace("_", "-"))
        text = field.description or ""
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, list | tuple):
            default = ",".join(map(str, default))
        if not (field.is_required() or default in (None, "", {}) or isinstance(default, Spec)):
            text += f" Default: {default}."
        parser.add_argument(
            flag,
            dest=_destination(spec, path),
            metavar=f"{{{','.join(dict.fromkeys(words[path]))}}}" if path in words else "VALUE",
            default=None,
            help=text.replace("%", "%%"),
        )


def spec_fields(spec: type[Spec], parents: FieldPath = ()) -> Iterator[tuple[FieldPath, FieldInfo]]:
    """Yield (path, field) for every scalar field of `spec` and of the specifications inside it.

    Of several alternatives (a union of specifications) each field is given once. The version of a format
    is no option; the name that chooses an alternative is one.
    """
    fields: dict[FieldPath, FieldInfo] = {}
    for path, leaf in _every_field(spec, parents):
        fields.setdefault(path, leaf)
    yield from fields.items()


def _every_field(spec: type[Spec], parents: FieldPath) -> Iterator[tuple[FieldPath, FieldInfo]]:
    """Yield the scalar fields of `spec`, those of several alternatives once for each that has them."""
    for name, field in spec.model_fields.items():
        if is_fixed(field) and name != KIND:
            continue
        inner = inner_specs(field.annotation)
        if not inner:
            yield (*parents, name), field
        for kind in inner:
            yield from _every_field(kind, (*parents, name))


def _destination(spec: type[Spec], path: FieldPath) -> str:
    return ".".join((spec.__name__, *path))


def given_values(arguments: argparse.Namespace, spec: type[Spec]) -> dict[str, Any]:
    """Return the options that were given on the command line as nested values for `spec`."""
    values: dict[str, Any] = {}
    for path, field in spec_fields(spec):
        text = getattr(arguments, _destination(spec, path), None)
        if text is None:
            continue
        holder = values
        for name in path[:-1]:
            holder = holder.setdefault(name, {})
        holder[path[-1]] = parsed_value(text, field)
    return values


def parsed_value(text: str, field: FieldInfo) -> Any:
    """Return what an option says, as the field takes it: lists by commas, mappings as JSON."""
    kinds = [get_origin(kind) or kind for kind in kinds_of(field.annotation)]
    if text.lower() == "none" and type(None) in kinds:
        return None
    if tuple in kinds or list in kinds:
        return [part.strip() for part in text.split(",") if part.strip()]
    if dict not in kinds:
        return text
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InvalidInput(
            f'{text!r} is not JSON ({error}). Write an object such as {{"filters": 16}}, in quotes.'
        ) from error
    if not isinstance(values, dict):
        raise InvalidInput(f'{text!r} is not a JSON object. Write one such as {{"filters": 16}}.')
    return values
