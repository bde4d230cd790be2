"""Errors on pages: what messages call by an option of the command line is called as the form calls it."""

import ast
import re
from pathlib import Path

import pandas as pd
import pytest

from lensapp.ui.shared.page_words import in_page_words, labels_of_options
from lensapp.ui.shared.widgets import counts_spaced

PROJECT = Path(__file__).parents[2]
ON_NO_PAGE = {
    "--attempt", "--dask", "--email", "--logdir", "--member", "--mend", "--role", "--shard", "--workspace",
}  # fmt: skip
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def options_in_messages() -> set[str]:
    files = [
        path
        for path in (PROJECT / "lensapp").rglob("*.py")
        if not {"cli", "ui"}.intersection(path.relative_to(PROJECT / "lensapp").parts)
    ]
    texts = [
        node.value
        for path in files
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return {option for text in texts for option in OPTION.findall(text)}


def test_a_page_calls_an_option_as_its_own_control_is_called():
    message = "Name the IDs with --id, or join with --join position."
    labels = {"--id": "IDs in name", "--join": "IDs in name"}
    assert in_page_words(message, labels=labels) == (
        "Name the IDs with “IDs in name”, or join with “IDs in name”: position."
    )


def test_every_option_that_a_message_names_has_a_label_on_pages():
    options = options_in_messages()
    assert "--bands" in options
    assert options - ON_NO_PAGE <= labels_of_options().keys()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Name the bands, in the order of the file (--bands g,r,i).",
         "Name the bands, in the order of the file (“Bands”: g,r,i)."),
        ("Name those of the positions with --ra-column and --dec-column.",
         "Name those of the positions with “Column of right ascensions” and “Column of declinations”."),
        ("Set --folds 5.", "Set “Folds”: 5."),
        ("Evaluate it again (`evaluate first --part test`).", "Evaluate it again."),
        ("No option -- here, nor in a--b.", "No option -- here, nor in a--b."),
    ],
)  # fmt: skip
def test_options_become_labels(message, shown):
    assert in_page_words(message) == shown


def test_whole_numbers_of_a_table_have_thin_spaces_and_stay_numbers():
    table = pd.DataFrame({"cutouts": [2000, 20], "share": [0.25, float("nan")], "bands": ["g", "r"]})
    style = counts_spaced(table)
    assert "2\u202f000" in style.to_html()
    assert style.data["cutouts"].tolist() == [2000, 20]


def test_figures_of_a_table_have_three_digits_and_counts_all_theirs_also_where_one_is_missing():
    table = pd.DataFrame({"recall": [0.354835, 0.5], "cutouts": [1412.0, float("nan")]})
    shown = counts_spaced(table).to_html()
    assert "0.355" in shown
    assert "0.3548" not in shown
    assert "1\u202f412" in shown


def test_no_text_that_comes_with_the_program_has_commas_between_thousands():
    cards = Path(__file__).parents[2].glob("models/*/card.md")
    assert not [card.name for card in cards if re.search(r"\d,\d{3}\b", card.read_text(encoding="utf-8"))]
