"""Take votes of other tools and machines in from files."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.inspect.vote_files import parse_grade_map
from lensapp.core.inspect.vote_times import DATE_ORDERS
from lensapp.services.inspect.vote_import import VoteTargets, import_votes, vote_targets
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.uploads import TABLE_ENDINGS, uploaded_table
from lensapp.ui.shared.widgets import counted, errors_shown, number

MOST_REFUSALS = 200
VOTES_ADDED = "votes-added"
NAMED_BY_HAND = {"id": "the IDs", "grade": "grades", "inspector": "inspectors", "voted_at": "times"}


def show_vote_import(ws: Workspace, source_name: str) -> None:
    """Show where votes of other tools or machines are taken in, with what they would add to a source."""
    if added := st.session_state.pop(VOTES_ADDED, None):
        st.success(added)
    uploaded = st.file_uploader(
        "Table of votes",
        type=TABLE_ENDINGS,
        key="votes-file",
        help="Our exports of votes, Qt-stamp-visualizer, Space Warps, or any table with a candidate's "
        "ID, an inspector and a grade. Duplicates of votes that are here already are skipped.",
    )
    if uploaded is None:
        return
    left, middle, right = st.columns(3)
    person = left.text_input("Inspector, where no column says", key="votes-inspector").strip()
    grade_map = middle.text_input("Grades of the file", key="votes-map", placeholder="2=A,1=B,0=X")
    order = right.selectbox(
        "Order in dates such as 05/01/2024",
        DATE_ORDERS,
        index=None,
        placeholder="as other dates tell",
        format_func=lambda order: order.replace("-", " "),
        key="votes-date-order",
    )
    columns = _named_columns()
    with uploaded_table(uploaded) as path, errors_shown():
        options: dict[str, Any] = {
            "grade_map": parse_grade_map(grade_map),
            "inspector": person or None,
            "columns": columns,
            "order": order,
        }
        name = _choose_review(
            ws, source_name, vote_targets(ws, source_name=source_name, path=path, columns=options["columns"])
        )
        plan = import_votes(ws, name=name, path=path, dry_run=True, **options)
        people = ", ".join(f"{name} ({count})" for name, count in plan["inspectors"].items())
        new = counted(plan["added"], "new vote") + (f" by {people}" if people else "")
        st.caption(
            f"{counted(plan['rows'], 'row')}: {plain(new)} for {plain_all(plan['reviews'])}, "
            f"{number(plan['already_there'])} here already, {number(len(plan['refused']))} refused."
        )
        _show_remarks(plan)
        if plan["added"] and st.button(
            f"Add {counted(plan['added'], 'vote')}", type="primary", key="votes-add"
        ):
            done = import_votes(ws, name=name, path=path, **options)
            added = f"{counted(done['added'], 'vote')} added to {plain_all(done['reviews'])}."
            st.session_state[VOTES_ADDED] = added
            st.rerun()  # the table above counts them


def _named_columns() -> dict[str, str | None]:
    """Ask for the columns of a table by what they hold, where their names are unusual."""
    return {
        meaning: place.text_input(
            f"Column of {words}", key=f"votes-{meaning}-column", placeholder="by its usual names"
        ).strip()
        or None
        for place, (meaning, words) in zip(st.columns(len(NAMED_BY_HAND)), NAMED_BY_HAND.items(), strict=True)
    }


def _show_remarks(plan: Mapping[str, Any]) -> None:
    """Show what is doubtful about a table of votes, and the rows that are refused."""
    for warning in plan["warnings"]:
        st.warning(plain(in_page_words(warning)), icon=":material/warning:")
    if plan["refused"]:
        st.dataframe(pd.DataFrame(plan["refused"][:MOST_REFUSALS]), hide_index=True)


def _choose_review(ws: Workspace, source_name: str, targets: VoteTargets) -> str:
    """Ask which review the votes go to; return its name, or that of the source for those that are made."""
    of_all = f"{source_name}-all"
    words = {
        name: f"{name} · shows {number(held)} of {number(targets.rows)}"
        for name, held in targets.held.items()
    }
    if targets.named:
        words[source_name] = "the reviews that the table names"
    elif of_all not in words:
        words[source_name] = f"a new review of all candidates, {of_all}"
    usual = targets.usual if targets.usual in words else of_all
    return str(
        st.selectbox(
            "Review that the votes go to",
            list(words),
            index=list(words).index(usual),
            format_func=words.__getitem__,
            key=f"votes-review-{source_name}",
            help="Those of one review are compared with each other: at first the open one that shows the "
            "candidates of the table.",
        )
    )
