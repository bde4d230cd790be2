"""Parts that several pages show: empty states, errors, times, numbers, downloads."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from pydantic import ValidationError
from streamlit.delta_generator import DeltaGenerator
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lensapp.core.config import Spec
from lensapp.core.errors import LensAppError, SizeMismatch
from lensapp.core.numerals import true_minus
from lensapp.core.plurals import noun
from lensapp.ui.shared.markup import plain, shortened
from lensapp.ui.shared.page_words import in_page_words, without_commands

Rules = TypeVar("Rules", bound=Spec)
Plan = TypeVar("Plan")
Entered = TypeVar("Entered", int, float)
CELL_LETTERS = 30  # of a name in a table
WHOLE_BELOW = 1e9  # from which on a number is a measure, not a count
REFUSED = "refused-in-a-click"
SEND_CLOSED = False  # whether browsers are sent what lies in a closed fold


def empty_state(title: str, text: str, *, icon: str = ":material/inbox:") -> DeltaGenerator:
    """Show what will appear here and how to get it; return the box, for the action's button."""
    box = st.container(border=True, horizontal_alignment="center", gap="small")
    box.markdown(f"### {icon}&ensp;{plain(title)}", text_alignment="center")
    box.markdown(plain(text), text_alignment="center")
    return box


@contextmanager
def fold(label: str, *, key: str, expanded: bool = False) -> Iterator[None]:
    """Fold fields that the address keeps; the browser is sent them once the fold is open.

    What they hold counts before, too: they are made in every run. Drawing what nobody sees takes a browser
    longer than all that is seen.
    """
    box = st.expander(label, expanded=expanded, key=key, on_change="rerun")
    with box, nullcontext() if box.open or SEND_CLOSED else _unsent(box):
        yield


@contextmanager
def _unsent(box: DeltaGenerator) -> Iterator[None]:
    """Keep what is drawn in a box from the browser; messages of other kinds are sent."""
    context = get_script_run_ctx()
    if context is None:
        yield
        return
    inside, send = box._block_delta_path, context._enqueue

    def send_others(message: ForwardMsg) -> None:
        if list(message.metadata.delta_path[: len(inside)]) != inside:
            send(message)

    context._enqueue = send_others
    try:
        yield
    finally:
        context._enqueue = send


def heading(text: str, *, meaning: str | None = None, badge: str = "") -> None:
    """Show the title of a figure, a table or a sheet as a heading, by which screen readers find it.

    A `badge` beside it says in a word what is below.
    """
    st.markdown(f"#### {plain(text)}" + (f" :gray-badge[{badge}]" if badge else ""), help=meaning)


def text_table(rows: Sequence[Mapping[str, str | int]]) -> None:
    """Show a small table whose texts take several lines where they need them; counts stand to the right.

    Columns that are empty everywhere are left out.
    """
    names = [name for name in (rows[0] if rows else ()) if any(row[name] != "" for row in rows)]
    counts = [isinstance(rows[0][name], int) for name in names]
    lines = [[*map(plain, names)], ["---:" if count else "---" for count in counts]]
    for row in rows:
        values = (row[name] for name in names)
        lines.append([plain(number(one) if isinstance(one, int) else one) for one in values])
    st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines if line))


def error_box(error: LensAppError, *, labels: Mapping[str, str] | None = None) -> None:
    """Show the first line of a message: what is wrong and what to do; fold the rest.

    Options have the labels of forms, unless the page gives others.
    """
    text, commands = without_commands(str(error))
    message, _, details = in_page_words(text, labels=labels).partition("\n")
    details = "\n".join([details, *commands]).strip()
    st.error(plain(message), icon=":material/error:")
    cause = error.__cause__
    if cause and not isinstance(cause, ValidationError):  # whose reasons the message has in words
        details = details or f"{type(cause).__name__}: {cause}"
    if details:
        with st.expander("Details"):
            st.code(details, language=None, wrap_lines=True)


def offer_middle(error: SizeMismatch, *, label: str, key: str, help_text: str) -> bool:
    """Say that cutouts are larger than what they are to go with; return whether their middle is taken."""
    st.info(plain(str(error).split(". ")[0]) + ".", icon=":material/crop:")
    return st.toggle(label, value=True, key=key, help=help_text)


def with_middle(
    plan: Callable[[Rules], Plan], rules: Rules, *, label: str, key: str, help_text: str
) -> Plan | None:
    """Return what is planned by rules that have `crop`; of larger cutouts once their middle is asked for."""
    try:
        return plan(rules)
    except SizeMismatch as error:
        if not offer_middle(error, label=label, key=key, help_text=help_text):
            return None
        return plan(rules.replaced(crop=True))


def question(words: str) -> DeltaGenerator:
    """Show a question of a form; return where its fields stand, beside it."""
    asked, fields = st.columns([1, 3])
    asked.markdown(f"**{words}**")
    return fields


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error of the block as a box; the rest of the block is skipped, the page goes on."""
    try:
        yield
    except LensAppError as error:
        error_box(error)


def told_instead(action: Callable[..., object]) -> Callable[..., None]:
    """Return what a click calls: `action`, whose refusal becomes a notice and no error of the page.

    The page that was clicked on can be older than what it asks for: a job has ended since, or was resumed
    elsewhere.
    """

    @wraps(action)
    def act(*args: object, **kwargs: object) -> None:
        try:
            action(*args, **kwargs)
        except LensAppError as error:  # nothing may be shown before the page is
            st.session_state[REFUSED] = in_page_words(without_commands(str(error))[0]).partition("\n")[0]

    return act


def tell_refused() -> None:
    """Tell what was refused in the click that began this run, if anything."""
    if refused := st.session_state.pop(REFUSED, None):
        st.toast(plain(refused), icon=":material/info:", duration="long")


def relative_time(moment: float | None, *, now: float | None = None) -> str:
    """Return "3 min ago" for a moment in seconds since 1970, "in 2 h" for one to come."""
    if moment is None:
        return "–"
    seconds = (time.time() if now is None else now) - moment
    if abs(seconds) < 5:
        return "just now"
    text = duration(abs(seconds), whole=True)
    return f"{text} ago" if seconds > 0 else f"in {text}"


def absolute_time(moment: float | None) -> str:
    """Return local date and time, for the text that appears on hovering."""
    if moment is None:
        return "–"
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def clock_time(moment: float, *, now: float | None = None) -> str:
    """Return "at 14:32", or "on 3 May at 14:32" of another day: true on a page that is not drawn again."""
    then, today = (datetime.fromtimestamp(one).astimezone() for one in (moment, now or time.time()))
    day = "" if then.date() == today.date() else f"on {then.day} {then:%b} "
    if then.year != today.year:
        day = f"on {then.day} {then:%b %Y} "
    return f"{day}at {then:%H:%M}"


def when(moment: float | None) -> None:
    """Show how long ago a moment was, with date and time on hovering."""
    st.html(
        f'<span class="when" title="{absolute_time(moment)}">{relative_time(moment)}</span>', width="content"
    )


def duration(seconds: float, *, whole: bool = False) -> str:
    """Return a duration in its largest fitting unit: 42 s, 3 min, 2.5 h (or `whole` ones), 4 d."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.{0 if whole else 1}f} h"
    return f"{seconds / 86400:.0f} d"


def duration_span(shortest: float, longest: float) -> str:
    """Return two durations in the unit of the longer one: 2–9 min."""
    words = duration(longest)
    most, unit = words.split()
    in_unit = shortest / {"s": 1, "min": 60, "h": 3600, "d": 86400}[unit]
    least = f"{in_unit:.1f}" if unit == "h" else f"{max(in_unit, 1.0):.0f}"
    return words if least == most else f"{least}–{words}"


def in_one_unit(seconds: Iterable[float]) -> Callable[[float], str]:
    """Return how durations of one column are written: in one unit, that of the longest, to be compared."""
    longest = max((one for one in seconds if one == one), default=0.0)  # noqa: PLR0124 - NaN
    unit, size, digits = "h", 3600, 1
    if longest < 600:
        unit, size, digits = "s", 1, 0 if longest >= 10 else 1
    elif longest < 600 * 60:
        unit, size = "min", 60
    return lambda one: f"{one / size:.{digits}f} {unit}"


def time_left(seconds: float) -> str:
    """Return what is left of work, rounded up so that places that show it agree: 40 s left, 2 min left.

    Below a minute it goes in steps of ten seconds; from an hour and a half on by tenths of an hour.
    """
    if seconds <= 10:
        return "< 10 s left"
    if seconds <= 60:
        return f"{10 * math.ceil(seconds / 10)} s left"
    return f"{duration(60 * math.ceil(seconds / 60) if seconds < 90 * 60 else seconds)} left"


def number(value: float | int | None, *, digits: int = 3) -> str:
    """Return a count with thin spaces or a figure with sensible digits, a true minus; a dash for none."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "–"
    if isinstance(value, int):
        return true_minus(f"{value:,}".replace(",", "\u202f"))
    text = f"{value:.{digits}g}"
    if 1000 <= abs(float(text)) < 1e9:  # not 1.78e+03
        return number(int(float(text)))
    return f"−{text[1:]}" if text.startswith("-") else text


def number_within(
    label: str, low: Entered, high: Entered, *, said_in: DeltaGenerator | None = None, **field: Any
) -> Entered:
    """Show a field for a number; return what is entered, or the nearest that is possible, and say so.

    The field has no limits of its own: a browser keeps a number outside them to itself, without a reason,
    while the page goes on with the one before.

    Parameters
    ----------
    said_in
        Where the limits are told; below the field when it is None. Within a row they would lift the field
        above the others.
    field
        As `st.number_input` takes it, with a value.
    """
    entered = optional_within(label, low, high, said_in=said_in, **field)
    return low if entered is None else entered


def optional_within(
    label: str, low: Entered, high: Entered, *, said_in: DeltaGenerator | None = None, **field: Any
) -> Entered | None:
    """Show a field for a number as `number_within` does; return None while it is empty."""
    entered: Entered | None = st.number_input(label, **field)
    if entered is None:
        return None
    nearest = min(max(entered, low), high)
    if nearest != entered:
        possible = f"{number(low)} to {number(high)} are" if low < high else f"only {number(low)} is"
        told = f"{plain(label)}: {possible} possible; {number(nearest)} is taken."
        with said_in or nullcontext():
            st.caption(f":orange[:material/warning: {told}]")
    return nearest


def rounded_count(value: float) -> str:
    """Return 318 k for 317 665 and 2 M for 2 000 000."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}\u202f{unit}"
    return f"{value:.3g}"


def size_in_words(size: int) -> str:
    """Return a number of bytes in kB, in MB from a thousand of them on, and so in GB."""
    if size >= 1e9:
        return f"{number(size / 1e9)} GB"
    return f"{number(size / 1e6)} MB" if size >= 1e6 else f"{number(round(size / 1e3) or 1)} kB"


def name_cell(name: object) -> str:
    """Return a name as a cell of a table shows it: a click on the cell tells a long one whole."""
    return shortened(str(name), most=CELL_LETTERS)


def counts_spaced(table: pd.DataFrame) -> Styler:
    """Return a table whose numbers are written as in text: counts with thin spaces, others with 3 digits."""
    values = list(table.select_dtypes("floating").columns)
    style = table.style.format(number, subset=list(table.select_dtypes("integer").columns))
    return style.format(_counted_or_measured, subset=values, na_rep="–")


def _counted_or_measured(value: float) -> str:
    """Return a count whole, also in a column that lacks some, and a figure with sensible digits."""
    return number(int(value)) if float(value).is_integer() and abs(value) < WHOLE_BELOW else number(value)


def counted(count: int, word: str) -> str:
    """Return a count for readers with its noun: "1 vote", "2 000 votes", "3 non-lenses"."""
    return f"{number(count)} {noun(count, word)}"


def download(
    label: str, data: Any, *, file_name: str, mime: str = "text/csv", key: str | None = None
) -> None:
    """Show a download button; `data` may be text, bytes or a function that makes them when pressed."""
    st.download_button(
        plain(label),
        data,
        file_name=file_name,
        mime=mime,
        key=key or f"download-{file_name}",
        icon=":material/download:",
        on_click="ignore",
    )
