"""Messages in the words of a page: what they call by an option of the command line has a label on the form.

Services, import and training speak to commands and pages alike, and name the option that mends a fault. Pages
say what the field is called instead.
"""

import re
from collections.abc import Mapping
from functools import cache

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.config import Spec, label_of
from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.core.split.splits import SplitSpec

SPECS: tuple[type[Spec], ...] = (IngestSpec, SplitSpec, ScoreTableSpec, FindObjectsSpec, FeedbackRules)
FLAGS = {"label_column": "--labels", "exclude_radius_arcsec": "--exclude-radius"}
OTHER_LABELS = {
    "--about": "About",
    "--against": "Compare with",
    "--allow-unknown-units": "Score all the same",
    "--by": "Scores of",
    "--catalogue": "Catalogue",
    "--crop": "Look at the middle of each only",
    "--dataset": "Dataset version",
    "--date-order": "Order in dates such as 05/01/2024",
    "--features-of": "Features of",
    "--grade-column": "Column of grades",
    "--id": "Column of IDs",
    "--ids": "IDs",
    "--inspector": "Inspector, where no column says",
    "--inspector-column": "Column of inspectors",
    "--label": "Column of labels",
    "--map": "Map",
    "--name": "Name",
    "--out": "File",
    "--part": "Part",
    "--precision": "Precision",
    "--radius-column": "Column with each one's own radius (arcsec)",
    "--score": "Column of scores",
    "--source": "Source",
    "--time-column": "Column of times",
}
_COMMAND = re.compile(r" \(`[a-z][^`]*`\)|, or `[a-z][^`]*--[^`]*`")
_OPTION = re.compile(
    r"(?<![\w-])(--[a-z][a-z-]*)"
    r"(?: ((?:[\w.+-]+,)+[\w.+-]+|[\d.]+(?:[eE]-?\d+)?(?=[\s,;).]|$)|true|false|position))?"
)


_TYPED = re.compile(r"(?:, or run)?: (\S+ -m lensapp [^\n]+)")


def without_commands(message: str) -> tuple[str, list[str]]:
    """Return a message without the commands that it ends with, to be read as prose, and the commands."""
    return _TYPED.sub(".", message), _TYPED.findall(message)


@cache
def labels_of_options() -> dict[str, str]:
    """Return what forms call the options that messages name."""
    labels: dict[str, str] = {}
    for spec in SPECS:
        for name, field in spec.model_fields.items():
            labels.setdefault(FLAGS.get(name, f"--{name.replace('_', '-')}"), label_of(name, field))
    return labels | OTHER_LABELS


def fields_named(message: str, spec: type[Spec]) -> tuple[str, ...]:
    """Return the fields of a specification that a message names by their options."""
    named = {match[1] for match in _OPTION.finditer(message)}
    return tuple(
        name for name in spec.model_fields if FLAGS.get(name, f"--{name.replace('_', '-')}") in named
    )


def in_page_words(message: str, *, labels: Mapping[str, str] | None = None) -> str:
    """Return a message with labels of fields in the place of options, without commands in parentheses.

    Options that no form has, such as those that open another workspace, stay. A page that calls some
    otherwise than forms do gives the `labels` of these options.
    """
    if "--" not in message and "(`" not in message:
        return message

    known = labels_of_options() | dict(labels or {})

    def label(option: re.Match[str]) -> str:
        name, value = option.groups()
        if name not in known:
            return option[0]
        return f"“{known[name]}”" + (f": {value}" if value else "")

    return _OPTION.sub(label, _COMMAND.sub("", message))
