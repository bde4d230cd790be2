"""The page about the workspace: room, people, deletion, trash, changes and health."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.services.care import removal
from lensapp.services.care.dependents import names_of_kind
from lensapp.services.care.records import changes
from lensapp.services.care.renaming import rename
from lensapp.storage.workspace import Workspace
from lensapp.ui.care.health_view import show_health
from lensapp.ui.care.overview import show_overview
from lensapp.ui.care.people_view import show_people
from lensapp.ui.care.told import show_told, tell
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import page_head
from lensapp.ui.shared.page_views import choose_view
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import (
    counted,
    empty_state,
    errors_shown,
    relative_time,
    size_in_words,
)

VIEWS = {
    "disk": ":material/dashboard: Overview",
    "people": ":material/group: People",
    "delete": ":material/edit: Rename and delete",
    "trash": ":material/delete: Trash",
    "changes": ":material/history: Changes",
    "health": ":material/stethoscope: Health",
}
KINDS = {"source": "Source", "dataset": "Dataset version", "run": "Run", "review": "Review"}
MOST_CHANGES = 500
MOST_WHOLE, TALL = 16, 560  # rows that a table shows at once, and its height in pixels for more
WIDEST_NAME = 240  # pixels


def show_workspace_page() -> None:
    """Show what the workspace holds, and let it be cleared, renamed, deleted and brought back."""
    ws = get_workspace()
    page_head("Workspace")
    view = choose_view(VIEWS, key="workspace-view")
    show_told()
    {
        "disk": show_overview,
        "people": show_people,
        "delete": _show_deletion,
        "trash": _show_trash,
        "changes": _show_changes,
        "health": show_health,
    }[view](ws)


def _show_deletion(ws: Workspace) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.segmented_control(
            "What",
            list(KINDS),
            required=True,
            format_func=KINDS.__getitem__,
            **kept("kind", one_of(list(KINDS)), "source", key="delete-kind"),
        )
        names = names_of_kind(ws, str(kind))
        with st.container(width=320):
            name = st.selectbox(
                "Name",
                names,
                placeholder="none yet",
                **kept("name", one_of(names), names[0] if names else "", key=f"delete-name-{kind}"),
            )
    if not name:
        what = KINDS[str(kind)].lower()
        empty_state(
            f"No {what} yet",
            "What it holds, and what would go with it, will stand here.",
            icon=":material/delete:",
        )
        return
    with errors_shown():
        plan = removal.plan_deletion(ws, str(kind), str(name))
        others = len(plan.goes) - 1
        own = next(one.holds for one in plan.goes if one.item == plan.item)
        st.markdown(f"**{plain(str(name))}** holds {plain(own)}.")
        rows = []
        for one in plan.goes:
            what = KINDS.get(one.item.kind, "Study")
            rows.append({"what": what, "name": one.item.name, "holds": one.holds})
        _show_actions(ws, str(kind), str(name))
        along = f"takes along {counted(others, 'other item')} and " if others else ""
        st.caption(f"Deleting it {along}frees {size_in_words(plan.bytes)} once the trash is emptied:")
        _table(rows)
        for loss in plan.losses:
            st.caption(plain(loss))


def _show_actions(ws: Workspace, kind: str, name: str) -> None:
    """Offer to rename and to delete what is called `name`."""
    with st.container(horizontal=True):
        with st.popover("Rename", icon=":material/edit:"):
            new = st.text_input("New name", key=f"rename-{kind}-{name}", max_chars=100)
            if st.button("Rename it", type="primary", key="rename-do", disabled=not new):
                with errors_shown():
                    rename(ws, kind, name, new)
                    tell(f"{name} is called {new} now.")
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown("It goes to the trash with all that is listed, and can be brought back for 30 days.")
            typed = st.text_input("Type its name to confirm", key=f"delete-{kind}-{name}")
            if st.button("Delete it", type="primary", key="delete-do", disabled=typed != name):
                with errors_shown():
                    removal.delete(ws, kind, name)
                    tell(f"{name} is in the trash.")


def _show_trash(ws: Workspace) -> None:
    held, freed_by_all = removal.measured_trash(ws)
    if not held:
        empty_state("The trash is empty", "What you delete stays here for 30 days.", icon=":material/delete:")
        return
    for entry in held:
        _show_deleted(ws, entry)
    size = size_in_words(freed_by_all)
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(held) > 1 and st.button("Bring all back", icon=":material/undo:", key="back-all"):
            _bring_back(ws, [entry["deletion"] for entry in held])
        with st.popover("Empty the trash", icon=":material/delete_forever:"):
            st.markdown(
                f"Everything in it is gone for good and {size} are free. Reviews stay for a day, since open "
                "pages may still vote."
            )
            if st.button("Empty it", type="primary", key="empty-trash"):
                freed = removal.empty_trash(ws, overdue=False)
                size = size_in_words(freed["bytes"])
                tell(f"{counted(len(freed['removed']), 'item')} removed, {size} free.")
        st.markdown(f"{counted(len(held), 'deletion')}: emptying frees **{size}**.")


def _show_deleted(ws: Workspace, entry: Mapping[str, Any]) -> None:
    """Show a deletion with its size and how long it stays, and offer to bring it back."""
    kind, _, name = entry["deletion"].partition(" ")
    others = len(entry["items"]) - 1
    along = f" and {counted(others, 'other item')}" if others else ""
    with st.container(border=True, key=f"deleted-{entry['deletion']}"):
        what, size, who, left, back = st.columns([4, 1, 3, 2, 2], vertical_alignment="center")
        what.markdown(f"**{plain(name)}**, {plain(KINDS.get(kind, 'Study').lower())}{along}")
        size.markdown(size_in_words(entry["bytes"]) if entry["bytes"] else "no files")
        who.caption(plain(f"deleted by {entry['deleted_by']} {relative_time(entry['deleted_at'])}"))
        left.caption(f"goes in {counted(round(entry['days_left']), 'day')}")
        if back.button(
            "Bring back", icon=":material/undo:", key=f"back-{entry['deletion']}", width="stretch"
        ):
            _bring_back(ws, [entry["deletion"]])


def _bring_back(ws: Workspace, deletions: Sequence[str]) -> None:
    """Bring back what deletions took along, the newest first: what an older one needs went later."""
    with errors_shown():
        for deletion in deletions:
            removal.undelete(ws, *deletion.split(" ", 1))
        tell(f"{deletions[0].partition(' ')[2]} is back." if len(deletions) == 1 else "All of it is back.")


def _show_changes(ws: Workspace) -> None:
    rows = changes(ws, limit=MOST_CHANGES)
    if not rows:
        empty_state(
            "No change yet",
            "Who made, renamed, deleted or started what will be listed here.",
            icon=":material/history:",
        )
        return
    wanted = st.text_input(
        "Filter",
        key="changes-filter",
        placeholder="words in any column, such as a name",
        help="Changes in whose line all of these words stand.",
        width=420,
    )
    rows = [row for row in rows if all(word in _line_of(row) for word in wanted.lower().split())]
    st.caption(f"{counted(len(rows), 'change')}, the newest first; times are UTC.")
    if not rows:
        return
    table = [
        {"when (UTC)": pd.Timestamp(row["at"], unit="s"), "who": row["who"], "did": row["did"],
         "what": _what(row), "name": row["name"], "detail": _detail(row)}
        for row in rows
    ]  # fmt: skip
    _table(table)


def _what(row: Mapping[str, object]) -> str:
    """Return what was changed; of a job which kind of job it is."""
    kind = str(row["detail"]).partition(" ")[0]
    return f"{kind} job" if row["kind"] == "job" and kind else str(row["kind"])


def _detail(row: Mapping[str, object]) -> str:
    """Return what else is known of a change; of a job its number."""
    detail = str(row["detail"])
    return f"number {detail.partition(' ')[2]}" if row["kind"] == "job" and " " in detail else detail


def _line_of(row: Mapping[str, object]) -> str:
    """Return the words of a change, in small letters."""
    return " ".join(str(row[name]) for name in ("who", "did", "kind", "name", "detail")).lower()


def _table(rows: Sequence[Mapping[str, object]]) -> None:
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        height="content" if len(rows) <= MOST_WHOLE else TALL,
        column_config={
            "when (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", width=150),
            "who": st.column_config.TextColumn(width=105),
            "did": st.column_config.TextColumn(width=150),
            "what": st.column_config.TextColumn(width=110),
            "name": st.column_config.TextColumn(width=WIDEST_NAME if "when (UTC)" in rows[0] else 330),
        },
    )
