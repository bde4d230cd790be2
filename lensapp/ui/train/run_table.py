"""The table of runs; ticked ones are laid over the selected run, starred, archived or deleted."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.train.network_specs import network_title
from lensapp.services.care import removal
from lensapp.services.evaluate.run_colours import colours_of_runs
from lensapp.services.train.run_listing import (
    BEST_IS,
    FEWEST_RANKED,
    RunRow,
    best_rows,
    few_aurocs,
    figures_of_run,
    listed,
    origin_of,
    study_of_runs,
)
from lensapp.services.train.run_notes import ARCHIVED, STARRED, switch_tag
from lensapp.services.train.runs import RunStatus, has_recipe, training_datasets
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import ARRIVED, digest, kept, one_of, put, several_of, text
from lensapp.ui.shared.figures import line_colours
from lensapp.ui.shared.markup import plain_all
from lensapp.ui.shared.widgets import counted, errors_shown, name_cell

COMPARE = "compare"
DELETED = "runs-deleted"
FIRST = "runs-first"  # those drawn when the reader came to the page
SHOWN = ("starred only", "archived too", "folds and trials")
GROUPS = ("nothing", "network", "dataset version", "state", "tags")
FIXED = ("●", "★", "run", "state")
CHOSEN_AT_FIRST = (
    "validation AUROC", "test AUROC", "started", "validation loss", "network", "dataset version", "epochs",
    "best epoch", "minutes", "tags", "note",
)  # fmt: skip
OTHERS = ("validation TPR", "parameters", "learning rate", "batch", "warm start")
FORMATS = {
    "validation loss": "{:.4f}", "validation AUROC": "{:.4f}", "validation TPR": "{:.4f}",
    "test AUROC": "{:.4f}", "minutes": "{:.1f}", "learning rate": "{:.1e}", "epochs": "{:.0f}",
    "best epoch": "{:.0f}", "batch": "{:.0f}", "parameters": "{:,.0f}",
}  # fmt: skip
OF_FEW = (
    f"With fewer than {FEWEST_RANKED} lenses or non-lenses its 95 % limits stand beside it: its rank may be "
    "chance."
)
TALLEST, ROW_PIXELS = 12, 35
NAME_PIXELS = 236  # of a name that a cell just has room for; the figures stay in sight


def ticked_runs(statuses: Sequence[RunStatus]) -> list[str]:
    """Return the runs ticked in the table, as the address keeps them."""
    ticked = ticked_names()
    return [status.name for status in statuses if status.name in ticked]


def show_runs(ws: Workspace, statuses: Sequence[RunStatus], *, followed: str) -> None:
    """Show the runs; a tick lays their curves over those of the one that is followed."""
    _offer_undo(ws)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.text_input(
            "Search",
            placeholder="name, network, tag, note …",
            width=225,
            icon=":material/search:",
            **kept("find", text(), ""),
        )
        shown = st.pills("Show", SHOWN, selection_mode="multi", **kept("show", several_of(SHOWN), []))
        group = st.selectbox("Group by", GROUPS, width=170, **kept("group", one_of(GROUPS), GROUPS[0]))
        with st.popover("Columns", icon=":material/view_column:"):
            offered = [*CHOSEN_AT_FIRST, *OTHERS]
            columns = st.pills(
                "Columns",
                offered,
                selection_mode="multi",
                **kept("columns", several_of(offered), list(CHOSEN_AT_FIRST)),
            )
    rows = listed(
        statuses,
        study_of_runs(ws),
        words=words,
        only_starred=SHOWN[0] in shown,
        archived=SHOWN[1] in shown,
        unfolded=SHOWN[2] in shown,
    )
    if not rows:
        st.info("No run has all these words. Clear the search, or show archived ones too.")
        return
    with_curves = {one.name for one in statuses if has_recipe(one.run) and one.state != "queued"}
    names = [followed, *(name for name in ticked_runs(statuses) if name != followed)]
    drawn = [name for name in names if name in with_curves]
    if st.session_state.get(ARRIVED, True) or FIRST not in st.session_state:
        st.session_state[FIRST] = drawn  # a row that is ticked stays where it is
    first = {followed, *st.session_state[FIRST]}
    rows.sort(key=lambda row: row.study or row.name not in first)
    table = runs_table(rows, drawn)
    if group != GROUPS[0]:
        table = table.sort_values(group, kind="stable")
        rows = [rows[place] for place in table.index]
        columns = [group, *(name for name in columns if name != group)]
    dots = dict(zip(drawn, colours_of_runs(ws, drawn, line_colours()), strict=True))
    ticked = _show_table(table[[*FIXED, *columns]], rows, dots, few=_told_by_few(ws, rows))
    _show_actions(ws, [name for name in ticked if name in {row.name for row in rows if not row.study}])
    _keep_ticks(statuses, rows, ticked)


def _told_by_few(ws: Workspace, rows: Sequence[RunRow]) -> list[dict[str, str]]:
    """Return for each row its AUROCs that few cutouts tell, by column; none of studies, which are means."""
    versions = {one.id: one for one in training_datasets(ws)}
    runs = [None if row.study else row.statuses[0].run for row in rows]
    return [{} if run is None else few_aurocs(run, versions.get(run.dataset_id)) for run in runs]


def _show_table(
    table: pd.DataFrame, rows: Sequence[RunRow], dots: Mapping[str, str], *, few: Sequence[Mapping[str, str]]
) -> list[str]:
    """Show the table, with the colours of the drawn runs; return the names of the runs in its ticked rows."""
    names = [row.name for row in rows]
    style = table.style.format(
        {name: form for name, form in FORMATS.items() if name in table}, na_rep="–", thousands="\u202f"
    )
    style = style.format(name_cell, subset=["run"])
    for place, row in zip(table.index, few, strict=True):
        for name in table.columns.intersection(list(row)):
            style = style.format(lambda _, words=row[name]: words, subset=([place], [name]))
    style = style.apply(
        lambda column: [f"color: {dots.get(row.statuses[0].name, 'inherit')}" for row in rows], subset=["●"]
    )
    for name, best in BEST_IS.items():
        if name in table:
            marks = best_rows([None if pd.isna(value) else value for value in table[name]], best)
            style = style.apply(
                lambda _, marks=marks: [
                    "font-weight: bold; color: #2aa198" if mark else "" for mark in marks
                ],
                subset=[name],
            )
    ticked_before = set(ticked_names())
    before = [place for place, row in enumerate(rows) if {one.name for one in row.statuses} <= ticked_before]
    event = st.dataframe(
        style,
        key=f"runs-table-{digest([*names, *table.columns])}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": before}},
        hide_index=True,
        placeholder="–",
        column_config=_columns_told(),
        height="content" if len(names) <= TALLEST else TALLEST * ROW_PIXELS,
    )
    return [
        status.name for place in event.selection.rows if place < len(rows) for status in rows[place].statuses
    ]


def _columns_told() -> dict[str, Any]:
    """Return how wide columns of the table are, and what they mean."""
    text, figure = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "●": text(width=30, pinned=True, help="Colour of its curves."),
        "★": text(width=30, pinned=True, help="★ where a run is starred: tick it and press Star below."),
        "run": text(pinned=True, width=NAME_PIXELS),
        "tags": st.column_config.ListColumn(),
        "note": text(width="medium"),
        "started": st.column_config.DatetimeColumn(format="distance", width=125),
        "validation loss": figure(
            help="Cross-entropy of the best epoch, validation part; the best is marked."
        ),
        "validation AUROC": figure(help=f"Of the best epoch. {OF_FEW}"),
        "test AUROC": figure(help=f"From Evaluate, test part; the best is marked. {OF_FEW}"),
    }


def ticked_names() -> list[str]:
    """Return what the address says is ticked."""
    return [name for name in st.query_params.get(COMPARE, "").split(",") if name]


def _keep_ticks(statuses: Sequence[RunStatus], rows: Sequence[RunRow], ticked: Sequence[str]) -> None:
    """Let the address say what is ticked; what the search hides stays so."""
    inside = {status.name for row in rows for status in row.statuses}
    wanted = [*(name for name in ticked_runs(statuses) if name not in inside), *ticked]
    if sorted(wanted) != sorted(ticked_names()):
        put(COMPARE, [",".join(wanted)] if wanted else [])
        st.rerun()


def _show_actions(ws: Workspace, ticked: Sequence[str]) -> None:
    """Show what can be done with the ticked runs."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, icon, tag in (("Star", "star", STARRED), ("Archive", "archive", ARCHIVED)):
            if st.button(
                label,
                icon=f":material/{icon}:",
                key=f"runs-{tag}",
                disabled=not ticked,
                help=f"Gives or takes the tag “{tag}”.",
            ):
                switch_tag(ws, ticked, tag)
                st.rerun()
        if st.button(
            "Delete",
            icon=":material/delete:",
            key="runs-delete",
            disabled=not ticked,
            help="To the trash, from which they can be restored for 30 days.",
        ):
            with errors_shown():
                for name in ticked:
                    removal.delete(ws, "run", name)
                    st.session_state[DELETED] = [*st.session_state.get(DELETED, []), name]
                put(COMPARE, [])
                st.rerun()
        st.caption(
            f"{counted(len(ticked), 'run')} ticked"
            if ticked
            else "Tick runs to compare, star, archive or delete them."
        )


def _offer_undo(ws: Workspace) -> None:
    """Say what was deleted last, with the button that brings it back."""
    deleted = st.session_state.get(DELETED, [])
    if not deleted:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", border=True):
        st.markdown(f":material/delete: {plain_all(deleted)} in the trash for 30 days.", width="stretch")
        if st.button("Undo", icon=":material/undo:", key="runs-undo"):
            with errors_shown():
                for name in reversed(deleted):
                    removal.undelete(ws, "run", name)
                st.session_state.pop(DELETED)
                st.rerun()
        if st.button("", icon=":material/close:", key="runs-undo-close", type="tertiary", help="Close"):
            st.session_state.pop(DELETED)
            st.rerun()


def runs_table(rows: Sequence[RunRow], drawn: Sequence[str]) -> pd.DataFrame:
    """Return one row per run or study: recipe, data, how far it is and how good, of a study the means."""
    return pd.DataFrame(
        [_study_cells(row) if row.study else _run_cells(row.statuses[0], drawn) for row in rows]
    )


def _run_cells(status: RunStatus, drawn: Sequence[str]) -> dict[str, Any]:
    run = status.run
    return {
        "●": "●" if run.name in drawn else "",
        "★": "★" if STARRED in run.tags else "",
        "run": run.name,
        "state": origin_of(status),
        "network": network_title(run.model),
        "dataset version": status.dataset,
        **figures_of_run(status),
        "warm start": run.spec.get("initial_run") or "",
        "tags": [tag for tag in run.tags if tag != STARRED],
        "note": run.note,
        "started": pd.Timestamp(run.created_at, unit="s", tz="UTC"),
    }


def _study_cells(row: RunRow) -> dict[str, Any]:
    first = row.statuses[0]
    figures = [figures_of_run(status) for status in row.statuses]
    means = {}
    for name in figures[0]:
        values = [one[name] for one in figures if one[name] is not None]
        means[name] = fmean(values) if values else None
    done = sum(status.state == "finished" for status in row.statuses)
    return {
        "●": "",
        "★": "",
        "run": f"{row.name} · study of {counted(len(row.statuses), 'run')}",
        "state": f"{done} of {len(row.statuses)} finished",
        "network": network_title(first.run.model),
        "dataset version": first.dataset,
        **means,
        "warm start": "",
        "tags": [],
        "note": "means of its runs",
        "started": pd.Timestamp(min(status.run.created_at for status in row.statuses), unit="s", tz="UTC"),
    }
