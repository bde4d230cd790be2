"""The page about the workspace: room, people, deletion, trash, changes and health."""

import time
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from lensapp.core.acting import may
from lensapp.core.typed_commands import as_typed_here
from lensapp.services.care import disk, removal
from lensapp.services.care.dependents import names_of_kind
from lensapp.services.care.doctor import examine, seconds_to_examine
from lensapp.services.care.records import changes
from lensapp.services.care.renaming import rename
from lensapp.storage.workspace import Workspace
from lensapp.ui.care.people_view import show_people
from lensapp.ui.care.told import show_told, tell
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import ButtonType, page_head
from lensapp.ui.shared.state import choose_view, get_workspace
from lensapp.ui.shared.widgets import (
    counted,
    duration,
    empty_state,
    errors_shown,
    heading,
    relative_time,
    size_in_words,
)

VIEWS = {
    "disk": "Disk use",
    "people": "People",
    "delete": "Rename and delete",
    "trash": "Trash",
    "changes": "Changes",
    "health": "Health",
}
KINDS = {"source": "Source", "dataset": "Dataset version", "run": "Run", "review": "Review"}
MOST_CHANGES = 500
MOST_WHOLE, TALL = 16, 560  # rows that a table shows at once, and its height in pixels for more
WIDEST_NAME = 480  # pixels
EXAMINED = {  # check of the examination → what a reader calls it, and what must hold
    "database": ("database", "its pages and references are whole"),
    "pixels": ("pixels", "each source has its cutouts, as many as noted"),
    "networks": ("networks", "each finished run has its network"),
    "orphans": ("what belongs to nothing", "each file is of a source, run, review or export that is there"),
    "leftovers": ("temporary files", "none is left of a job that has ended"),
    "jobs": ("jobs", "none says that it runs while nobody works on it"),
    "secret": ("secret key", "only its owner reads the key that signs addresses of pictures"),
}
AT_ONCE_SECONDS = 0.3
FOUND = "workspace-found"  # what was found at the last examination, and when


def show_workspace_page() -> None:
    """Show what the workspace holds, and let it be cleared, renamed, deleted and brought back."""
    ws = get_workspace()
    page_head("Workspace")
    view = choose_view(VIEWS, key="workspace-view")
    show_told()
    {
        "disk": _show_disk_use,
        "people": show_people,
        "delete": _show_deletion,
        "trash": _show_trash,
        "changes": _show_changes,
        "health": _show_health,
    }[view](ws)


def _show_disk_use(ws: Workspace) -> None:
    used = disk.disk_use(ws)
    st.caption(plain(f"{size_in_words(used.bytes)} in {ws.folder}"))
    left, right = st.columns(2, gap="large")
    with left:
        rows = [
            {
                "what": usage.kind,
                "files": usage.files,
                "size": size_in_words(usage.bytes),
                "can be cleared": size_in_words(usage.clearable) if usage.clearable else "–",
            }
            for usage in used.kinds
        ]
        _table(rows)
    with right:
        if used.largest:
            _table([{"largest": name, "size": size_in_words(size)} for name, size in used.largest])
        else:
            st.caption("The largest sources and runs will be listed here.")
    going = [usage for usage in used.kinds if usage.clearable and usage.kind in disk.CLEARED]
    st.subheader("What can be cleared")
    if not going:
        st.caption("Nothing: all files are needed, or in the trash.")
    for usage in going:
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.popover(f"Clear {usage.kind}", icon=":material/delete_sweep:"):
                st.markdown(
                    f"{usage.advice} {size_in_words(usage.clearable)} will be free. This cannot be undone."
                )
                if st.button("Clear", type="primary", key=f"clear-{usage.kind}"):
                    with errors_shown():
                        tell(f"{size_in_words(disk.clear(ws, usage.kind))} of {usage.kind} cleared.")
            st.caption(f"{size_in_words(usage.clearable)}. {usage.advice}")


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
    held = removal.list_trash(ws)
    if not held:
        empty_state("The trash is empty", "What you delete stays here for 30 days.", icon=":material/delete:")
        return
    for entry in held:
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Bring back", icon=":material/undo:", key=f"back-{entry['deletion']}"):
                _bring_back(ws, [entry["deletion"]])
            others = len(entry["items"]) - 1
            along = f" with {counted(others, 'other item')}" if others else ""
            st.markdown(
                plain(
                    f"{entry['deletion']}{along}, deleted by {entry['deleted_by']} "
                    f"{relative_time(entry['deleted_at'])}, goes in {entry['days_left']:.0f} days"
                )
            )
    with st.container(horizontal=True):
        if len(held) > 1 and st.button("Bring all back", icon=":material/undo:", key="back-all"):
            _bring_back(ws, [entry["deletion"] for entry in held])
        with st.popover("Empty the trash", icon=":material/delete_forever:"):
            st.markdown(
                "Everything in it is gone for good. Reviews stay for a day, since open pages may still vote."
            )
            if st.button("Empty it", type="primary", key="empty-trash"):
                freed = removal.empty_trash(ws, overdue=False)
                size = size_in_words(freed["bytes"])
                tell(f"{counted(len(freed['removed']), 'item')} removed, {size} free.")


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


def _show_health(ws: Workspace) -> None:
    """Show what an examination finds: at once where that is quick, else when it is asked for."""
    seconds = seconds_to_examine(ws)
    if FOUND not in st.session_state and seconds < AT_ONCE_SECONDS and may("keep"):
        st.session_state[FOUND] = examine(ws, quick=True, noted=False), time.time()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        kind: ButtonType = "secondary" if seconds < AT_ONCE_SECONDS else "primary"
        if st.button("Examine", type=kind, icon=":material/stethoscope:", key="examine"):
            st.session_state[FOUND] = examine(ws, quick=True), time.time()
        found, at = st.session_state.get(FOUND, (None, None))
        takes = f"Not examined in this session; it takes about {duration(max(1, seconds))}."
        st.caption(takes if found is None else f"Examined {relative_time(at)}.")
    if found is not None and found["healthy"]:
        st.success(f"{counted(found['files'], 'file')} and the database are sound.", icon=":material/check:")
    for finding in () if found is None else found["findings"]:
        st.warning(plain(f"{finding['what']} {finding['remedy']}"), icon=":material/warning:")
    heading("What is looked at")
    wrong = [one["check"] for one in found["findings"]] if found else []
    rows = []
    for check, (what, wanted) in EXAMINED.items():
        told = "not yet" if found is None else f"{wrong.count(check)} wrong" if check in wrong else "sound"
        rows.append({"what": what, "what must hold": wanted, "outcome": told})
    _table(rows)
    st.caption("To read every file besides, and compare its checksum, type:")
    st.code(as_typed_here("doctor", workspace=ws.folder), language="bash")


def _table(rows: Sequence[Mapping[str, object]]) -> None:
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        height="content" if len(rows) <= MOST_WHOLE else TALL,
        column_config={
            "size": st.column_config.TextColumn(alignment="right"),
            "can be cleared": st.column_config.TextColumn(alignment="right"),
            "when (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", width=150),
            "who": st.column_config.TextColumn(width=120),
            "did": st.column_config.TextColumn(width=90),
            "what": st.column_config.TextColumn(width=None if "files" in rows[0] else 110),
            "name": st.column_config.TextColumn(width=WIDEST_NAME if "when (UTC)" in rows[0] else 330),
        },
    )
