"""Show the filtered candidates elsewhere: a sheet of finder charts, TOPCAT or Aladin; and take votes in."""

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.inspect.vote_files import parse_grade_map
from lensapp.services.catalogue.charts import MOST_CANDIDATES, MOST_COLUMNS, write_sheet
from lensapp.services.catalogue.export import export_catalogue
from lensapp.services.catalogue.samp import send_table
from lensapp.services.inspect.vote_import import import_votes
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.widgets import error_box, number

if TYPE_CHECKING:
    from lensapp.ui.catalogue.catalogue_page import Filters

ENDINGS = ["csv", "ecsv", "fits", "fit", "vot", "xml", "parquet"]
MOST_REFUSALS = 200


def show(ws: Workspace, filters: "Filters", table: pd.DataFrame) -> None:
    """Show the buttons for finder charts and for SAMP."""
    shown = table.head(MOST_CANDIDATES)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        columns = st.number_input(
            "Pictures side by side", 1, MOST_COLUMNS, 6, key="export-columns", width=160
        )
        for ending, mime in (("pdf", "application/pdf"), ("png", "image/png")):
            out = ws.exports_folder / f"{filters.name}_charts.{ending}"
            st.download_button(
                f"Finder charts ({ending.upper()})",
                partial(_charts, ws, filters, shown, out, int(columns)),
                file_name=out.name,
                mime=mime,
                icon=":material/grid_view:",
                key=f"export-charts-{ending}",
                on_click="ignore",
                help=f"Pictures with id, position, grade, score and scale bar of {number(len(shown))}.",
            )
        sent = st.button(
            "Send to TOPCAT or Aladin",
            icon=":material/send:",
            key="export-samp",
            help="By SAMP, to every tool that takes tables on the machine where this program runs.",
        )
    if sent:
        _send(ws, filters)


def _charts(ws: Workspace, filters: "Filters", shown: pd.DataFrame, out: Path, columns: int) -> bytes:
    out.parent.mkdir(parents=True, exist_ok=True)
    write_sheet(ws, candidates=shown, out=out, columns=columns, method=filters.method)
    return out.read_bytes()


def _send(ws: Workspace, filters: "Filters") -> None:
    out = ws.exports_folder / f"{filters.name}.vot"
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        export_catalogue(ws, out=out, **filters.options())
        tools = send_table(out, name=filters.name)
    except LensAppError as error:
        error_box(error)
        return
    st.success(f"Sent to {', '.join(tools)}.", icon=":material/send:")


def votes_in(ws: Workspace, source_name: str) -> None:
    """Show where votes of other tools or machines are taken in, with what they would add."""
    with st.expander("Take votes from a file", icon=":material/upload:"):
        given = st.file_uploader(
            "Table of votes",
            type=ENDINGS,
            key="votes-file",
            help="Our exports of votes, Qt-stamp-visualizer, Space Warps, or any table with a candidate's "
            "ID, an inspector and a grade. Votes that are here already are not added again.",
        )
        left, right = st.columns(2)
        person = left.text_input("Inspector, where no column tells", key="votes-inspector")
        words = right.text_input("Grades of the file", key="votes-map", placeholder="2=A,1=B,0=X")
        if given is not None:
            _take_votes(ws, source_name, given, person=person.strip(), words=words)


def _take_votes(ws: Workspace, source_name: str, given: Any, *, person: str, words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(given.name).name
        path.write_bytes(given.getvalue())
        try:
            options: dict[str, Any] = {"grade_map": parse_grade_map(words), "inspector": person or None}
            plan = import_votes(ws, name=source_name, path=path, dry_run=True, **options)
            _describe(plan)
            if plan["added"] and st.button(
                f"Add {number(plan['added'])} votes", type="primary", key="votes-add"
            ):
                done = import_votes(ws, name=source_name, path=path, **options)
                st.success(f"{number(done['added'])} votes added to {', '.join(done['reviews'])}.")
        except LensAppError as error:
            error_box(error)


def _describe(plan: dict[str, Any]) -> None:
    people = ", ".join(f"{name} ({count})" for name, count in plan["inspectors"].items()) or "nobody"
    st.caption(
        f"{number(plan['rows'])} rows: {number(plan['added'])} new votes by {people}, "
        f"{number(plan['already_there'])} here already, {number(len(plan['refused']))} refused."
    )
    if plan["refused"]:
        st.dataframe(pd.DataFrame(plan["refused"][:MOST_REFUSALS]), hide_index=True)
