"""Text of strangers shown as text: nothing in a name, an ID, a comment or an error becomes markup.

Streamlit reads every body, caption, label, help text, toast and option of a row of buttons as Markdown, in
which an ID such as `![](http://…)` is a picture that each visitor's browser fetches. `plain` goes around
whatever did not come from this program. Boxes, figures, jobs and downloads of `ui/shared` do so themselves.
"""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go

# An empty span. Streamlit makes links, icons, emoji and arrows of what is left once escapes have been
# resolved; a word that is cut in two becomes none of them, and is still copied as it was.
_CUT = ":small[]"
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u2028-\u202e\u2066-\u2069]+")
_SIGNS = re.compile(r"[\\`*\[\]<>$~|&#!^={}@]|:(?=\S)|(?<![^\W_])_|_(?![^\W_])|^[-+]|(?<=\d)[.)](?=\s|$)")
_CUTS = re.compile(r"(?<=\\:)|(?=\\@)|(?<=www)(?=\.)|(?<=[-<>~])(?=\\?[-=>])", re.IGNORECASE)


def plain(text: object) -> str:
    """Return any text, on one line, as Markdown that shows it letter by letter."""
    line = _UNSEEN.sub(" ", str(text)).strip()
    return _CUTS.sub(_CUT, _SIGNS.sub(r"\\\g<0>", line))


def plain_all(texts: Iterable[object]) -> str:
    """Return texts, each `plain`, joined by commas."""
    return ", ".join(map(plain, texts))


def shortened(name: str, *, most: int) -> str:
    """Return a long name without its middle, of at most `most` letters, for where it cannot be broken."""
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}…{name[-end:]}"


def guard_figure(figure: go.Figure) -> None:
    """Let no name, category, point or note of a figure be read as the HTML that plotly understands."""
    for trace in figure.data:
        # The text of a matrix is our own, in bold; that of points is an ID.
        for part in ("name", "x", "y", "customdata", *(("text",) if "scatter" in trace.type else ())):
            if part in trace and trace[part] is not None:
                trace[part] = _guarded(trace[part])


def _guarded(values: Any) -> Any:
    if isinstance(values, str):
        return values.replace("<", "&lt;")
    if isinstance(values, list | tuple | np.ndarray) and not (
        isinstance(values, np.ndarray) and values.dtype.kind in "biufcM"
    ):
        return [_guarded(value) for value in values]
    return values
