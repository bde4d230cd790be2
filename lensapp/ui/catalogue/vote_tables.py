"""What a table of votes looks like: an example to download, the columns that are read, and the grades."""

import pandas as pd
import streamlit as st

from lensapp.core.catalogue.safe_text import neutralise
from lensapp.core.inspect.grades import GRADES
from lensapp.core.inspect.vote_files import VOTE_ALIASES
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.data.source_tables import column_of
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.table import show_rows
from lensapp.ui.shared.widgets import download

EXAMPLE_VOTES = (
    {"inspector": "Vera", "grade": "A", "voted_at": "2026-03-01 10:15", "comment": "long arc"},
    {"inspector": "Vera", "grade": "X", "voted_at": "2026-03-01 10:16", "comment": "spiral"},
    {"inspector": "Fritz", "grade": "B", "voted_at": "2026-03-02 16:40", "comment": ""},
)
NEEDED = ("id", "grade")
MEANINGS = {
    "id": "ID of the candidate, or the name of its file",
    "grade": "a grade, or another word that is read as one",
    "inspector": "who voted; asked for once the file is chosen where absent",
    "voted_at": "time in UTC, as above, (modified) Julian date or Unix seconds",
    "seconds_spent": "seconds that the look took",
    "contaminant": "what a non-lens is, such as spiral or ring",
    "comment": "a remark on the candidate",
    "review": "review of the vote; one that does not exist is made",
}
MOST_ALIASES = 3
WORDS = {
    "A": ("lens", "yes", "sure lens", "SL"),
    "B": ("maybe lens", "ML"),
    "C": ("flexion", "FL"),
    "X": ("non-lens", "no", "not", "NL"),
}


def show_what_is_read(ws: Workspace, source: Source) -> None:
    """Show an example with candidates of a source, also as a file, and which columns and grades are read."""
    left, right = st.columns([6, 5], gap="medium")
    example = example_of(ws, source)
    with left:
        st.markdown("**What a table of votes looks like**")
        show_rows(example, key="votes-example")
        name = f"{source.name}-votes.csv"
        download(
            f"Template for {source.name}", lambda: template(example), file_name=name, key="votes-template"
        )
    with right:
        st.markdown("**Grades that are read**")
        show_rows(grades_table(), key="votes-grades", grade=st.column_config.TextColumn(width=75))
        st.caption("Others can be mapped once the file is chosen, as 2=A, 1=B, 0=X.")
    st.markdown("**Columns that are read**")
    text = st.column_config.TextColumn
    show_rows(columns_table(), key="votes-columns", column=text(width=130), holds=text(width=400))


def example_of(ws: Workspace, source: Source) -> pd.DataFrame:
    """Return votes as they may stand in a table, on candidates that there are."""
    ids = cutouts_by_id(ws, column_of(ws, source, "id")[: len(EXAMPLE_VOTES)].tolist())
    return pd.DataFrame(
        [{"id": one.candidate_id, **vote} for one, vote in zip(ids, EXAMPLE_VOTES, strict=False)]
    )


def template(example: pd.DataFrame) -> str:
    """Return the example as a CSV file, of which a spreadsheet computes nothing."""
    return str(example.assign(id=example["id"].map(neutralise)).to_csv(index=False))


def columns_table() -> pd.DataFrame:
    """Return one row per column that is read: what it holds, and what else it may be called."""
    return pd.DataFrame(
        {
            "column": f"{meaning} (needed)" if meaning in NEEDED else meaning,
            "holds": holds,
            "also called": ", ".join(VOTE_ALIASES[meaning][1 : 1 + MOST_ALIASES]),
        }
        for meaning, holds in MEANINGS.items()
    )


def grades_table() -> pd.DataFrame:
    """Return one row per grade: what it means, and other words that are read as it."""
    rows = [
        {
            "grade": grade.letter,
            "means": grade.meaning.partition(":")[0].lower(),
            "also read": ", ".join(WORDS[grade.letter]),
        }
        for grade in GRADES
    ]
    return pd.DataFrame([*rows, {"grade": "(empty)", "means": "withdraws", "also read": "none, -"}])
