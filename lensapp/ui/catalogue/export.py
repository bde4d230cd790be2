"""Export the filtered catalogue as files, finder charts or to TOPCAT and Aladin."""

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from lensapp.core.catalogue.query import UNGRADED, CatalogueQuery
from lensapp.core.inspect.consensus_methods import METHODS
from lensapp.core.inspect.grades import LETTERS
from lensapp.services.catalogue.charts import MOST_CANDIDATES, MOST_COLUMNS, write_sheet
from lensapp.services.catalogue.export import export
from lensapp.services.catalogue.export_columns import offered_columns
from lensapp.services.catalogue.formats import MIME, files_of
from lensapp.services.catalogue.query import settled_consensus
from lensapp.services.catalogue.usual_export import exported_bytes, own_folder, taken_bytes
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, one_of, several_of, whole
from lensapp.ui.shared.cutout_export import show_cutout_export
from lensapp.ui.shared.markup import plain_all
from lensapp.ui.shared.page_head import export_kind, on_export
from lensapp.ui.shared.widgets import counted, empty_state, errors_shown, number

FORMATS = {
    "FITS": (".fits", "Two files, catalogue and votes, with units and provenance in their headers."),
    "CSV": (".csv", "Three files; no cell can become a spreadsheet formula."),
    "ECSV": (".ecsv", "Two files with units and provenance in their headers, for astropy."),
    "Parquet": (".parquet", "Two files, compact, for pandas and databases."),
    "VOTable": (".vot", "Two files, catalogue and votes, with UCDs, for TOPCAT and Aladin."),
    "DS9 regions": (".reg", "Positions with grades, to lay over images."),
}


def show_export(ws: Workspace, query: CatalogueQuery, table: pd.DataFrame) -> None:
    """Show format and download buttons; the filters above decide what is exported."""
    if table.empty:
        empty_state(
            "Nothing to export",
            "No candidate passes the filters. Widen them, or add to the grades X for what is no lens, – for "
            "what has no vote.",
            icon=":material/filter_alt:",
        )
        return
    picked = st.segmented_control(
        "Format",
        list(FORMATS),
        required=True,
        **kept("format", one_of(list(FORMATS)), "FITS", key="export-format"),
    )
    ending, meaning = FORMATS[picked]
    out = ws.exports_folder / f"{query.name}{ending}"
    probability = "" if query.consensus.method == "mean" else ", probability"
    prior = ""
    if "prior" in query.consensus.settings():
        prior = f", prior {settled_consensus(ws, query).settings()['prior']:.3g}"
    st.caption(
        f"{meaning} {counted(len(table), 'candidate')} of {plain_all(query.of)}, "
        f"{grades_in_words(query)}, with "
        f"id, source, RA, Dec, score, run, grade, mean, scatter, votes{probability} and known-lens match. "
        f"Consensus: {METHODS[query.consensus.method]}, {query.consensus.grading()}{prior}."
    )
    if ending != ".reg":
        query = query.replaced(columns=_asked_columns(ws, table))
    order = table["cutout_id"].tolist()
    kind = export_kind()
    with st.container(horizontal=True, gap="small"):
        for path in files_of(out) or {}:
            label = "Every vote on them" if path.stem.endswith("votes") else "Provenance"
            st.download_button(
                f"Download {path.name}" if path == out else label,
                partial(exported_bytes, ws, query, out, path, order=order),
                file_name=path.name,
                mime=MIME[path.suffix],
                icon=":material/download:",
                type=kind if path == out else "secondary",
                key=f"export-{path.name}",
                **on_export(query.of[0]),
            )
    _show_charts_and_samp(ws, query, table)
    st.caption(f"The files also stay in {out.parent.name}/ of the workspace.")
    show_cutout_export(ws, query, count=len(table), key="catalogue")


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
        placeholder="None besides those above",
        help="They go along in the table; one whose name is taken is called catalogue_….",
    )
    return tuple(chosen)


def _show_charts_and_samp(ws: Workspace, query: CatalogueQuery, table: pd.DataFrame) -> None:
    """Show the buttons for finder charts and for SAMP."""
    drawn = table.head(MOST_CANDIDATES)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        columns = st.number_input(
            "Pictures side by side",
            1,
            MOST_COLUMNS,
            width=160,
            **kept("side_by_side", whole(1, MOST_COLUMNS), 6, key="export-columns"),
        )

        def charts(out: Path) -> bytes:
            with own_folder(out.parent) as folder:
                sheet, across = folder / out.name, int(columns)
                write_sheet(ws, candidates=drawn, out=sheet, columns=across, method=query.consensus)
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
