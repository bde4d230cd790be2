"""The table of graded candidates; the ledger of the row that is ticked."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import COLOURS
from lensapp.core.numerals import fixed, score_text
from lensapp.services.catalogue.formats import MIME
from lensapp.services.catalogue.query import graded_again
from lensapp.services.catalogue.usual_export import exported_bytes
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.storage.records import Cutout, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue import ledger
from lensapp.ui.catalogue.file_format import FORMATS, chosen_format
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import NO_ROWS, digest, kept, one_of, ticked
from lensapp.ui.shared.markup import plain_all
from lensapp.ui.shared.page_head import export_kind, on_export
from lensapp.ui.shared.pictures import grade_style, thumbnails
from lensapp.ui.shared.scores import with_scores_written
from lensapp.ui.shared.widgets import counted, number

MOST_ROWS = 300
LEDGER_PIXELS = 400
ROW_PIXELS = 88
SCORES = ("score", "calibrated_score")
ORDERS = {  # name → label, columns that sort, whether the lowest comes first
    "grade": ("best grade first", ("mean", "score"), False),
    "score": ("highest score first", ("score", "mean"), False),
    "scatter": ("most disputed first", ("scatter", "votes"), False),
    "votes": ("most votes first", ("votes", "mean"), False),
    "id": ("by candidate", ("id",), True),
    "ra": ("by right ascension", ("ra", "dec"), True),
    "dec": ("by declination", ("dec", "ra"), True),
}
USUAL_ORDER = "grade"
FORMS = {"table": ":material/table_rows: Table", "cutouts": ":material/photo_library: Cutouts"}
HIDDEN = ("cutout_id", "run", "source")


def show_candidates(
    ws: Workspace, owners: Sequence[Source], table: pd.DataFrame, *, query: CatalogueQuery
) -> None:
    """Show the first rows with thumbnails, and everything known about the ticked one.

    The table comes in its usual order.
    """
    method = query.consensus
    of = f" of {plain_all(source.name for source in owners)}" if len(owners) > 1 else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="catalogue-head"):
        table, shown_as = _as_asked(table)
        rest = f"; the first {MOST_ROWS} are listed, the export holds all" if len(table) > MOST_ROWS else ""
        matched = matched_in_words(table, query)
        tick = ". Tick a row for its ledger" if shown_as == "table" else ""
        st.caption(f"{counted(len(table), 'candidate')}{of}{matched}{rest}{tick}.", width="stretch")
        _offer_export(ws, query, table)
    if again := graded_again(ws, query, table["cutout_id"].to_numpy(np.int64)):
        st.caption(
            f"{counted(again, 'candidate')} {'was' if again == 1 else 'were'} graded again by the same "
            "inspector in another review; the later vote counts.",
            help="Votes are never overwritten: the ledger of a row shows all of them, as do exported votes. "
            "Votes of, above, takes the votes of one review alone.",
        )
    head = table.head(MOST_ROWS)
    if shown_as == "cutouts":
        _show_cutouts(ws, head)
        return
    rows = head["id"].tolist() if len(owners) == 1 else (head["source"] + "/" + head["id"]).tolist()
    side_by_side = st.container(horizontal=True, gap="small", key="catalogue-rows")
    with side_by_side.container(width="stretch"):
        event = st.dataframe(
            styled(with_thumbnails(ws, owners, head)),
            hide_index=True,
            placeholder="–",
            row_height=ROW_PIXELS,
            height=min(760, 40 + ROW_PIXELS * len(head)),
            column_config=_columns(method),
            on_select="rerun",
            selection_mode="single-row",
            **kept("candidate", ticked(rows), NO_ROWS, key=f"catalogue-table-{digest(rows)}"),
        )
    chosen = [row for row in event.selection.rows if row < len(head)]
    if chosen:  # beside the table, where a tick is answered without moving the rows
        candidate = head.iloc[chosen[0]]
        owner = next(source for source in owners if source.name == candidate["source"])
        with side_by_side.container(width=LEDGER_PIXELS):
            ledger.show_ledger_of_candidate(ws, owner, int(candidate["cutout_id"]))


def matched_in_words(table: pd.DataFrame, query: CatalogueQuery) -> str:
    """Return how many candidates are at the position of a known lens, where some were given."""
    if query.known_lenses is None:
        return ""
    matched = int((table["known_lens"] != "").sum())
    return f", {number(matched)} matched with a known lens"


def _offer_export(ws: Workspace, query: CatalogueQuery, table: pd.DataFrame) -> None:
    """Show the button that exports all candidates in one file, of the format chosen or last used."""
    picked = chosen_format(ws)
    ending, _ = FORMATS[picked]
    out = ws.exports_folder / f"{query.name}{ending}"
    st.download_button(
        f"Export {picked}",
        partial(exported_bytes, ws, query, out, out, order=table["cutout_id"].tolist()),
        file_name=out.name,
        mime=MIME[ending],
        type=export_kind(),
        icon=":material/download:",
        key="catalogue-export",
        help=f"{counted(len(table), 'candidate')} as filtered and ordered here. Other formats, every vote "
        "and finder charts: view Export.",
        **on_export(query.of[0]),
    )


def _as_asked(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Ask for the order of the candidates and for table or cutouts; return the table so, and which it is."""
    with st.container(width=190):
        order = st.selectbox(
            "Order",
            list(ORDERS),
            format_func=lambda name: ORDERS[name][0],
            label_visibility="collapsed",
            **kept("order", one_of(list(ORDERS)), USUAL_ORDER, key="catalogue-order"),
        )
    shown_as = st.segmented_control(
        "Shown as",
        list(FORMS),
        required=True,
        format_func=FORMS.__getitem__,
        label_visibility="collapsed",
        **kept("form", one_of(list(FORMS)), "table", key="catalogue-form"),
    )
    return table if order == USUAL_ORDER else in_order(table, order), str(shown_as)


def in_order(table: pd.DataFrame, order: str = USUAL_ORDER) -> pd.DataFrame:
    """Return candidates in one of the `ORDERS`; those alike stay in the order they come in."""
    _, columns, ascending = ORDERS[order]
    return table.sort_values(list(columns), ascending=ascending, kind="stable", na_position="last")


def _show_cutouts(ws: Workspace, head: pd.DataFrame) -> None:
    """Show candidates as a sheet: what a click opens has their ledger beside the picture."""
    rows = {int(row.cutout_id): row for row in head.itertuples()}
    cutouts = cutouts_by_id(ws, list(rows))
    scored = [str(name) for name in head["run"].dropna().unique()] if "run" in head else []
    contact_sheet(
        ws,
        cutouts,
        key="catalogue",
        captions=[_caption(cutout, rows[cutout.id]) for cutout in cutouts],
        colours=[COLOURS.get(str(rows[cutout.id].grade)) for cutout in cutouts],
        run_name=scored[0] if len(scored) == 1 else None,
    )


def styled(table: pd.DataFrame) -> Styler:
    """Return the table with grades in their colours, scores and signs as they are written everywhere."""
    declinations = [name for name in ("dec",) if name in table]
    style = table.style.map(grade_style, subset=["grade"])
    style = style.format(lambda degrees: fixed(degrees, 6), subset=declinations, na_rep="–")
    return with_scores_written(style, SCORES)


def _verdict(row: Any) -> str:
    """Return grade, number of votes and score of a row, as far as there are some."""
    graded = f"{row.grade}, {counted(int(row.votes), 'vote')}" if str(row.grade) in COLOURS else ""
    return "  ".join(part for part in (graded, "" if pd.isna(row.score) else score_text(row.score)) if part)


def _caption(cutout: Cutout, row: Any) -> str:
    """Return the name of a candidate, its verdict and the known lens at its position, where there is one."""
    known = [f"known: {row.known_lens}"] if row.known_lens else []
    return "\n".join((cutout.candidate_id, _verdict(row), *known))


def with_thumbnails(ws: Workspace, owners: Sequence[Source], table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a picture in front and without columns that are empty everywhere."""
    images = thumbnails(ws, table["cutout_id"].tolist())
    pictured = table.assign(
        image=[images.get(int(key)) for key in table["cutout_id"]],
        label=[class_name(label) if isinstance(label, str) else label for label in table["label"]],
    )
    several = ["source"] if len(owners) > 1 else []
    calibrated = ["calibrated_score"] if "calibrated_score" in table else []
    holds_values = (table.notna() & (table.astype(str) != "")).any()
    match = [name for name in ("known_lens", "known_sep_arcsec") if holds_values[name]]
    judged = ["grade", "score", *calibrated, "mean", "scatter", "votes"]  # the first are seen beside a ledger
    first = ["image", *several, "id", *judged, *match]
    rest = [name for name in table.columns if holds_values[name] and name not in (*first, *HIDDEN)]
    return pictured[[*first, *rest]]


def _columns(method: ConsensusSpec) -> dict[str, Any]:
    number_column = st.column_config.NumberColumn
    return {
        "image": st.column_config.ImageColumn("", width=ROW_PIXELS, pinned=True),
        "id": "candidate",
        "grade": st.column_config.TextColumn(help=f"Consensus: {method.grading()}."),
        "mean": number_column(format="%.2f", help="Mean of the votes, A B C X = 3 2 1 0."),
        "scatter": number_column(
            format="%.2f", help="Standard deviation of the votes; a single vote has none."
        ),
        "votes": number_column(help="Inspectors whose vote counts."),
        "probability": number_column(format="%.3g", help="That it is a lens, by the consensus chosen."),
        "score": number_column(help="The network's score, 1 for a lens."),
        "calibrated_score": number_column(
            "calibrated",
            help="The score as a probability, by the calibration of the run.",
        ),
        "source": st.column_config.TextColumn(help="Survey that the candidate is of."),
        "ra": number_column("RA (deg)", format="%.6f"),
        "dec": number_column("Dec (deg)"),
        "label": st.column_config.TextColumn(help="Label given on import."),
        "stars": number_column(help="Inspectors who starred it."),
        "comments": st.column_config.TextColumn(help="What inspectors wrote about it."),
        "known_lens": st.column_config.TextColumn("match", help="Known lens at this position."),
        "known_sep_arcsec": number_column("separation (arcsec)", format="%.2f"),
    }


def show_rows(table: pd.DataFrame, *, key: str, **columns: Any) -> None:
    """Show a small table as it is."""
    st.dataframe(
        table, hide_index=True, key=key, column_config=columns or None, height="content", placeholder="–"
    )


def class_name(label: str) -> str:
    """Return a label as it is written for readers."""
    return figures.CLASS_NAMES.get(label, label)
