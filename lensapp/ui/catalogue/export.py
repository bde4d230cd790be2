"""Export the filtered catalogue as files, finder charts or to TOPCAT and Aladin."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from lensapp.core.catalogue.query import UNGRADED, CatalogueQuery
from lensapp.core.inspect.consensus_methods import METHODS
from lensapp.core.inspect.grades import LETTERS
from lensapp.services.catalogue.charts import MOST_CANDIDATES, MOST_COLUMNS, write_sheet
from lensapp.services.catalogue.export import export, first_rows
from lensapp.services.catalogue.export_columns import offered_columns
from lensapp.services.catalogue.formats import MIME, files_of
from lensapp.services.catalogue.query import settled_consensus
from lensapp.services.catalogue.usual_export import exported_bytes, own_folder, taken_bytes
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.file_format import FORMATS, choose_format
from lensapp.ui.catalogue.table import show_rows
from lensapp.ui.shared.address import any_whole, kept, several_of
from lensapp.ui.shared.cutout_export import show_cutout_export
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.page_head import on_export
from lensapp.ui.shared.widgets import (
    counted,
    counts_spaced,
    empty_state,
    errors_shown,
    heading,
    number,
    number_within,
)

FIRST_ROWS = 5
POSITION_DIGITS = 6  # of degrees: 0.004 arcsec
REGION_COLUMNS = ("id", "ra", "dec", "grade", "score")  # what DS9 is told
FURTHER_FILES = {
    "Every vote": "Every vote of the reviews chosen, also on candidates that the filters leave out, in a "
    "file of the same format.",
    "Provenance": "Where scores and votes come from, as JSON; other formats hold it themselves.",
}


def show_export(ws: Workspace, query: CatalogueQuery, table: pd.DataFrame) -> None:
    """Show the format, the download and the first rows of the file, of which the filters decide."""
    if table.empty:
        empty_state(
            "Nothing to export",
            "No candidate passes the filters. Widen them, or add to the grades X for what is no lens, – for "
            "what has no vote.",
            icon=":material/filter_alt:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        picked = choose_format(ws)
        buttons = st.container(horizontal=True, gap="small", width="content")
    ending, meaning = FORMATS[picked]
    st.caption(meaning)
    if ending != ".reg":
        query = query.replaced(columns=_asked_columns(ws, table))
    with buttons:
        _offer_files(ws, query, table, out=ws.exports_folder / f"{query.name}{ending}")
    _show_first_rows(ws, query, table, only=REGION_COLUMNS if ending == ".reg" else None)
    with st.container(key="export-others"):
        heading("Pictures and other programs")
        _show_charts_and_samp(ws, query, table)
        show_cutout_export(ws, query, count=len(table), key="catalogue")


def _offer_files(ws: Workspace, query: CatalogueQuery, table: pd.DataFrame, *, out: Path) -> None:
    """Show a button for each file of an export, that of the catalogue first."""
    order = table["cutout_id"].tolist()
    for path in files_of(out) or {}:
        others = "Every vote" if path.stem.endswith("votes") else "Provenance"
        st.download_button(
            f"Download {path.name}" if path == out else others,
            partial(exported_bytes, ws, query, out, path, order=order),
            file_name=path.name,
            mime=MIME[path.suffix],
            icon=":material/download:",
            type="primary" if path == out else "secondary",
            key=f"export-{path.name}",
            help=None if path == out else FURTHER_FILES[others],
            **on_export(query.of[0]),
        )


def _show_first_rows(
    ws: Workspace, query: CatalogueQuery, table: pd.DataFrame, *, only: Sequence[str] | None
) -> None:
    """Say how much the file holds, and show its first rows with its columns; `only` these where given."""
    written = first_rows(ws, query, table, most=FIRST_ROWS)
    if only is not None:
        written = written[list(only)]
    rows = f"{counted(len(table), 'row')}, {counted(len(written.columns), 'column')}"
    heading(f"What is in the file: {rows}")
    settled = ""
    if "prior" in query.consensus.settings():
        settled = f", prior {settled_consensus(ws, query).settings()['prior']:.3g}"
    degrees = st.column_config.NumberColumn(format=f"%.{POSITION_DIGITS}f")
    show_rows(counts_spaced(written), key="export-rows", ra=degrees, dec=degrees)
    first = f"The first {len(written)} of " if len(written) < len(table) else ""
    st.caption(
        f"{first}{counted(len(table), 'candidate')} of {plain_all(query.of)}, "
        f"{grades_in_words(query)}. Consensus: {METHODS[query.consensus.method]}, "
        f"{query.consensus.grading()}{settled}. {_matched_with(query)} "
        f"Files also stay in {ws.exports_folder.name}/ of the workspace."
    )


def _matched_with(query: CatalogueQuery) -> str:
    """Return with which table of known lenses the candidates of a file are matched."""
    if query.known_lenses is None:
        return "Not matched with known lenses."
    return f"Matched with {plain(Path(query.known_lenses).name)} within {query.radius_arcsec:g} arcsec."


def grades_in_words(query: CatalogueQuery) -> str:
    """Return which grades a catalogue holds, and what is left out, as in "graded A, B or C, without X"."""
    if query.grades is None:
        return "of every grade and without one"
    letters = [letter for letter in LETTERS if letter in query.grades]
    graded = f"graded {' or '.join(filter(None, [', '.join(letters[:-1]), letters[-1]]))}" if letters else ""
    kept = " or ".join(filter(None, [graded, "without a vote" if UNGRADED in query.grades else ""]))
    return kept + ("" if LETTERS[-1] in letters else f", those graded {LETTERS[-1]} left out")


def _asked_columns(ws: Workspace, table: pd.DataFrame) -> tuple[str, ...]:
    """Ask which columns of the sources' catalogues go along, where there are any."""
    offered = offered_columns(ws, table)
    if not offered:
        return ()
    chosen = st.multiselect(
        "Columns of the source's catalogue",
        offered,
        **kept("further_columns", several_of(offered), [], key="export-source-columns"),
        placeholder="none besides those below",
        help="They go along in the table; one whose name is taken is called catalogue_….",
    )
    return tuple(chosen)


def _show_charts_and_samp(ws: Workspace, query: CatalogueQuery, table: pd.DataFrame) -> None:
    """Show the buttons for finder charts and for SAMP."""
    drawn = table.head(MOST_CANDIDATES)
    row, below = st.container(horizontal=True, gap="small", vertical_alignment="bottom"), st.container()
    with row:
        columns = number_within(
            "Pictures side by side",
            1,
            MOST_COLUMNS,
            said_in=below,
            step=1,
            width=160,
            **kept("side_by_side", any_whole(), 6, key="export-columns"),
        )

        def charts(out: Path) -> bytes:
            with own_folder(out.parent) as folder:
                sheet = folder / out.name
                write_sheet(ws, candidates=drawn, out=sheet, columns=columns, method=query.consensus)
                return taken_bytes(out.name, folder, left_in=out.parent)

        for ending, mime in (("pdf", "application/pdf"), ("png", "image/png")):
            out = ws.exports_folder / f"{query.name}_charts.{ending}"
            st.download_button(
                f"Finder charts ({ending.upper()})",
                partial(charts, out),
                file_name=out.name,
                mime=mime,
                icon=":material/grid_view:",
                key=f"export-charts-{ending}",
                on_click="ignore",
                help=f"Pictures with id, position, grade, score and scale bar of {number(len(drawn))}.",
            )
        pressed = st.button(
            "Send to TOPCAT or Aladin",
            icon=":material/send:",
            key="export-samp",
            help="By SAMP, to every tool that takes tables on the machine where this program runs.",
        )
    if pressed:
        with errors_shown():
            tools = export(ws, query, samp=True)["sent_to"]
            st.success(f"Sent to {plain_all(tools)}.", icon=":material/send:")
