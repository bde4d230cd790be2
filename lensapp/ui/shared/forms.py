"""Forms made from specifications: one widget per field, its description as help, its bounds enforced."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import annotated_types
import streamlit as st
from pydantic.fields import FieldInfo

from lensapp.core.config import (
    Spec,
    bound_of,
    inner_specs,
    is_fixed,
    is_within_limits,
    kinds_of,
    label_of,
    limits_of,
    words_of,
)
from lensapp.core.errors import InvalidInput
from lensapp.core.item_names import RULE, impossible_name, is_possible_name
from lensapp.ui.shared.address import Kind, kept, one_of, several_of, switch, text, typed, words
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import error_box, fold

AnySpec = TypeVar("AnySpec", bound=Spec)
Values = Mapping[str, Any]

FEW = 4  # alternatives shown side by side instead of in a list,
WIDEST = 45  # where their letters fit a third of the page at 1280 px; a longer row would be cut,
AROUND = 7  # and the edges of one take the room of so many letters


@dataclass(frozen=True)
class Field:
    """One field of a specification, as a widget needs it.

    Attributes
    ----------
    offered
        Suggestions, where there are any; other entries may still be typed.
    """

    name: str
    info: FieldInfo
    kinds: tuple[Any, ...]
    value: Any
    key: str
    offered: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What the field is called: its title or, failing that, its name in words."""
        return label_of(self.name, self.info)

    @property
    def when_empty(self) -> str | None:
        """What an optional field shows while it is empty."""
        return str(self._extra("empty") or "none") if self.optional else None

    @property
    def example(self) -> str:
        """What stands in an empty field of several words: what it takes, as its specification says."""
        return str(self._extra("example") or "one, two, …")

    def option(self, value: Any) -> str:
        """Return how one of the field's alternatives is written for readers."""
        words = self._extra("words") or {}
        return str(words.get(value, "none" if value is None else value))

    def _extra(self, name: str) -> Any:
        extra = self.info.json_schema_extra
        return extra.get(name) if isinstance(extra, dict) else None

    @property
    def optional(self) -> bool:
        """Whether the field may stay empty."""
        return type(None) in self.kinds


def spec_form(
    spec: type[AnySpec],
    *,
    key: str,
    submit: str,
    values: Values | None = None,
    skip: Sequence[str] = (),
    only: Sequence[str] | None = None,
    columns: int = 2,
    keep: str | None = None,
) -> AnySpec | None:
    """Show a form; return the validated specification when it was sent, else None.

    Parameters
    ----------
    key
        Distinguishes forms; change it with `values` (another preset), so that these take effect.
    submit
        Text of the button.
    values
        Shown at first instead of the defaults; those of fields that are not shown count as well.
    skip, only
        Fields that are not shown, or the only ones shown; they keep `values` or their defaults.
    keep
        What the names of the fields in the address begin with; None where it keeps none of them.
    """
    with st.form(key, enter_to_submit=False):  # what takes minutes is started by the button alone
        entered = spec_fields(spec, key=key, values=values, skip=skip, only=only, columns=columns, keep=keep)
        sent = st.form_submit_button(submit, type="primary")
    if not sent:
        return None
    hidden = {name: value for name, value in (values or {}).items() if name in spec.model_fields}
    return validated(spec, {**hidden, **entered})


def say_if_impossible(name: str) -> None:
    """Say below a field for a name, before it is sent, that nothing can have the one entered."""
    if name.strip() and not is_possible_name(name.strip()):
        st.caption(f":red[:material/error: Use {plain(RULE)}.]")


def validated(spec: type[AnySpec], values: Values, *, name: str = "") -> AnySpec | None:
    """Return `values` as a specification, or show what is wrong with them and `name`, and return None."""
    try:
        return spec.parse(dict(values))
    except InvalidInput as error:
        wrong_name = name and not is_possible_name(name)
        error_box(InvalidInput(f"{error} {impossible_name(name)}") if wrong_name else error)
        return None


def spec_fields(
    spec: type[Spec],
    *,
    key: str,
    values: Values | None = None,
    skip: Sequence[str] = (),
    only: Sequence[str] | None = None,
    columns: int = 2,
    offered: Mapping[str, Sequence[str]] | None = None,
    unfolded: Sequence[str] = (),
    keep: str | None = None,
    room: int | None = None,
    elsewhere: Collection[str] = (),
) -> dict[str, Any]:
    """Show a widget for each field, nested specifications below; return what is entered, unvalidated.

    `offered` names, for fields of words, also nested ones, those there are to choose from; `unfolded` the
    nested specifications that are open at first; `elsewhere` the fields, those of nested ones after a dot,
    that the page asks for in another place: they are not shown and keep `values`. Of `room` letters in a
    column, what needs more has a row of its own. Unless `keep` is None the address keeps what differs from
    what is shown at first, under the fields' names after `keep`; those of nested ones follow a dot.
    """
    fields = [
        replace(make_field(name, info, values or {}, key=key), offered=tuple((offered or {}).get(name, ())))
        for name, info in spec.model_fields.items()
        if name not in skip and (only is None or name in only) and not is_fixed(info)
    ]
    entered: dict[str, Any] = {field.name: field.value for field in fields if field.name in elsewhere}
    fields = [field for field in fields if field.name not in elsewhere]
    plain = [field for field in fields if not inner_specs(field.info.annotation)]
    for row in _rows(plain, columns=columns, room=room):
        alone = len(row) == 1 and _letters(row[0]) > (room or WIDEST)
        cells = st.columns(1 if alone else columns, vertical_alignment="bottom")  # below labels of two lines
        for cell, field in zip(cells, row, strict=False):
            with cell:
                if keep is not None:
                    kept(f"{keep}{field.name}", *in_address(field), key=field.key)
                entered[field.name] = field_widget(field)
        for field in row:  # below the whole row, whose fields stay in line
            _say_if_outside(field, entered[field.name])
    for field in fields:
        if inner_specs(field.info.annotation):
            entered[field.name] = _nested(
                field,
                columns=columns,
                offered=offered,
                unfolded=field.name in unfolded,
                keep=None if keep is None else f"{keep}{field.name}.",
                room=room,
                elsewhere=within(elsewhere, field.name),
            )
    return entered


def within(paths: Collection[str], name: str) -> list[str]:
    """Return the fields of a nested specification that paths lead to, as `spec_fields` takes them of it."""
    return [path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}.")]


def _rows(fields: Sequence[Field], *, columns: int, room: int | None) -> list[list[Field]]:
    """Return the fields row by row: so many, or one that needs more letters than a column has room for."""
    rows: list[list[Field]] = []
    full = True
    for field in fields:
        wide = room is not None and _letters(field) > room
        if full or wide:
            rows.append([])
        rows[-1].append(field)
        full = wide or len(rows[-1]) == columns
    return rows


def _letters(field: Field) -> int:
    """Return how many letters a field needs to be read whole: alternatives side by side, or its example.

    A switch has its label beside it.
    """
    kind = next((kind for kind in field.kinds if kind is not type(None)), str)
    if kind is bool:
        return len(field.label) + AROUND
    if get_origin(kind) is Literal:
        return _letters_of(field, get_args(kind)) if _is_row(field, list(get_args(kind))) else 0
    return len(field.example) if get_origin(kind) in (tuple, list) and not field.offered else 0


def _letters_of(field: Field, options: Sequence[Any]) -> int:
    return sum(len(field.option(option)) + AROUND for option in options)


def _is_row(field: Field, alternatives: Sequence[Any]) -> bool:
    """Return whether alternatives stand side by side instead of in a list."""
    few = len(alternatives) <= FEW and not field.optional
    return few and _letters_of(field, alternatives) <= WIDEST


def make_field(name: str, info: FieldInfo, values: Values, *, key: str) -> Field:
    """Return a field with the value to show first."""
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    return Field(name, info, tuple(kinds_of(info.annotation)), values.get(name, default), f"{key}-{name}")


def _nested(
    field: Field,
    *,
    columns: int,
    offered: Mapping[str, Sequence[str]] | None,
    unfolded: bool,
    keep: str | None,
    room: int | None,
    elsewhere: Collection[str],
) -> dict[str, Any]:
    specs = inner_specs(field.info.annotation)
    values = field.value.model_dump() if isinstance(field.value, Spec) else dict(field.value or {})
    kept_by_address = keep is not None  # else what it holds is lost where the browser has no field for it
    folded = partial(fold, key=f"{field.key}-fold") if kept_by_address else st.expander
    with folded(field.label, expanded=unfolded):
        if field.info.description:
            st.caption(field.info.description)
        if len(specs) == 1:
            return spec_fields(
                specs[0],
                key=field.key,
                values=values,
                columns=columns,
                offered=offered,
                keep=keep,
                room=room,
                elsewhere=elsewhere,
            )
        by_kind = {str(get_args(spec.model_fields["kind"].annotation)[0]): spec for spec in specs}
        kinds = list(by_kind)
        kind = values["kind"] if values.get("kind") in kinds else kinds[0]
        if "kind" not in elsewhere:
            kind = _choose_kind(kinds, kind, key=f"{field.key}-kind", keep=keep)
        same = values if values.get("kind") == kind else {}
        return {
            "kind": kind,
            **spec_fields(
                by_kind[kind],
                key=f"{field.key}-{kind}",
                values=same,
                columns=columns,
                offered=offered,
                keep=keep,
                room=room,
                elsewhere=elsewhere,
            ),
        }


def _choose_kind(kinds: Sequence[str], at_first: str, *, key: str, keep: str | None) -> str:
    """Show the kinds of a nested specification to choose from."""
    if keep is not None:
        others = [name for name in st.query_params if name.startswith(keep)]
        kept(f"{keep}kind", one_of(kinds), at_first, key=key, resets=others)
    return st.selectbox(
        "Kind", kinds, index=kinds.index(at_first), key=key, format_func=lambda one: one.replace("_", " ")
    )


def in_address(field: Field) -> tuple[Kind[Any], Any]:
    """Return how the value of a field's widget stands in an address, and what the widget holds at first."""
    kind, value = next((kind for kind in field.kinds if kind is not type(None)), str), field.value
    if kind is bool:
        return switch(), bool(value)
    if kind in (int, float):
        return _number_in_address(field, kind)
    if get_origin(kind) is Literal:
        return one_of([*([None] if field.optional else []), *get_args(kind)]), value
    if get_origin(kind) in (tuple, list):
        return _several_in_address(field, get_args(kind)[0])
    if field.offered and field.optional:
        return one_of([None, *field.offered, *([value] if value else [])]), value
    of_json = dict in (kind, get_origin(kind))
    return text(), json.dumps(value or {}) if of_json else "" if value is None else str(value)


def _number_in_address(field: Field, kind: type) -> tuple[Kind[Any], Any]:
    """Return the same of a number, or of words that may stand for one."""
    value = field.value
    if alternatives := words_of(field.info):
        options = [*([None] if field.optional else []), *alternatives]
        return typed(options), value if value in options else str(value)
    read: Callable[[str], float] = int if kind is int else float
    numbers: Kind[Any] = Kind(
        lambda texts: read(texts[-1]) if texts[-1] else None,
        lambda number: [] if number is None else [f"{number:.10g}"],
        f"a number {limits_of(field.info)}",
    )
    return numbers, None if value is None else kind(value)


def _several_in_address(field: Field, item: Any) -> tuple[Kind[Any], Any]:
    """Return the same of several words: of those there are, chosen or typed, or separated by commas."""
    chosen = [str(part) for part in field.value or ()]
    if get_origin(item) is Literal:
        return several_of(field.offered or tuple(map(str, get_args(item)))), chosen
    return (words(), chosen) if field.offered else (text(), ", ".join(chosen))


def field_widget(field: Field) -> Any:
    """Show the widget that fits a field; return what is entered."""
    kind = next((kind for kind in field.kinds if kind is not type(None)), str)
    if kind is bool:
        return st.checkbox(field.label, bool(field.value), key=field.key, help=field.info.description)
    if kind in (int, float) and words_of(field.info):
        return _number_or_word(field)
    if kind in (int, float):
        return _number(field, kind)
    if get_origin(kind) is Literal:
        return _choice(field, list(get_args(kind)))
    if get_origin(kind) in (tuple, list):
        return _several(field, get_args(kind)[0])
    return _written(field, kind)


def _written(field: Field, kind: Any) -> Any:
    """Show a line of text for what has no widget of its own: words, a path, an object as JSON."""
    if field.offered and field.optional:
        options = [None, *dict.fromkeys([*field.offered, *([field.value] if field.value else [])])]
        return st.selectbox(
            field.label,
            options,
            index=options.index(field.value),
            key=field.key,
            help=field.info.description,
            format_func=lambda option: str(field.when_empty) if option is None else str(option),
            placeholder=field.when_empty,
        )
    if dict in (kind, get_origin(kind)):
        text = _text(field, json.dumps(field.value or {}))
        try:
            return json.loads(text or "{}")
        except ValueError:
            return text  # the specification refuses it and says so
    text = _text(field, "" if field.value is None else str(field.value), placeholder=field.when_empty)
    if not text and field.optional:
        return None
    return Path(text) if kind is Path else text


def _text(field: Field, value: str, *, placeholder: str | None = None) -> str:
    return st.text_input(
        field.label, value, key=field.key, help=field.info.description, placeholder=placeholder
    ).strip()


def _say_if_outside(field: Field, entered: object) -> None:
    """Say that a number is not within its limits, before it is sent."""
    if isinstance(entered, int | float) and not is_within_limits(field.info, entered):
        st.caption(f":red[:material/error: {plain(field.label)}: {plain(limits_of(field.info))}.]")


def _number(field: Field, kind: type) -> float | int | None:
    """Show a number without the widget's own limits: it resets what lies outside without a word."""
    high = bound_of(field.info, annotated_types.Le, "le")
    high = bound_of(field.info, annotated_types.Lt, "lt") if high is None else high
    value = None if field.value is None else kind(field.value)
    # A tenth of the value's power of ten, so that one press is a small change.
    step = float(f"{(abs(value) if value else min(float(high or 1.0), 1.0)) / 10:.0e}")
    limits = limits_of(field.info)
    bounds = f"{limits[:1].upper()}{limits[1:]}." if limits else ""
    entered: float | int | None = st.number_input(
        field.label,
        value=value,
        step=1 if kind is int else step,
        format="%d" if kind is int else "%g",
        key=field.key,
        help=" ".join(part for part in (field.info.description, bounds) if part),
        placeholder=field.when_empty,
    )
    return entered


def _number_or_word(field: Field) -> Any:
    """Show the words that may stand for a number; numbers may be typed, and are checked when sent."""
    options = [*([None] if field.optional else []), *words_of(field.info)]
    if field.value not in options:
        options.append(str(field.value))
    limits = limits_of(field.info)
    return st.selectbox(
        field.label,
        options,
        index=options.index(field.value if field.value in options else str(field.value)),
        key=field.key,
        help=f"{field.info.description} Or type a number {limits}.",
        format_func=lambda option: str(field.when_empty) if option is None else field.option(option),
        placeholder=field.when_empty,
        accept_new_options=True,
    )


def _choice(field: Field, alternatives: list[Any]) -> Any:
    options = [None, *alternatives] if field.optional else alternatives
    index = options.index(field.value) if field.value in options else 0
    if _is_row(field, alternatives):
        return st.segmented_control(
            field.label,
            options,
            default=options[index],
            required=True,
            key=field.key,
            help=field.info.description,
            format_func=field.option,
        )
    return st.selectbox(
        field.label,
        options,
        index=index,
        key=field.key,
        help=field.info.description,
        format_func=field.option,
        placeholder=field.option(None),  # what the address keeps as none is shown by it
    )


def _several(field: Field, item: Any) -> tuple[Any, ...]:
    value = [str(part) for part in field.value or ()]
    if get_origin(item) is Literal:
        return tuple(
            st.multiselect(
                field.label,
                [str(option) for option in field.offered or get_args(item)],
                value,
                key=field.key,
                help=field.info.description,
                format_func=field.option,
            )
        )
    if field.offered:
        return tuple(
            st.multiselect(
                field.label,
                list(dict.fromkeys([*field.offered, *value])),
                value,
                key=field.key,
                help=field.info.description,
                placeholder="all" if not field.info.is_required() and not field.info.default else "choose",
                accept_new_options=True,
            )
        )
    text = _text(field, ", ".join(value), placeholder=field.example)
    return tuple(part.strip() for part in text.split(",") if part.strip())
