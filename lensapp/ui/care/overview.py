"""First view of the page Workspace: what takes room, what can go, who is in, whether all is sound."""

import shutil
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from lensapp.core.acting import may, mode
from lensapp.services.access import people
from lensapp.services.care import disk, removal
from lensapp.services.care.records import changes
from lensapp.services.inspect.vote_log import signatures
from lensapp.storage.workspace import Workspace
from lensapp.ui.care.health_view import examined
from lensapp.ui.care.told import tell
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import ask_to_go
from lensapp.ui.shared.widgets import counted, errors_shown, heading, relative_time, size_in_words

KINDS = {  # of files → what a reader calls them
    "pixels": "cutouts",
    "leftovers": "temporary files",
    "views": "named views",
    "events": "TensorBoard events",
}
NEARLY_FULL = 0.1  # of a disk that is free
Card = tuple[str, str, str, str]
"""Icon, what matters, what else is known, and the view that says more."""


def show_overview(ws: Workspace) -> None:
    """Show the state of the workspace in four cards, what takes its room, and what can be cleared."""
    used = disk.disk_use(ws)
    cards = {
        "room": _room(ws, used),
        "trash": _trash(ws, used),
        "people": _people(ws),
        "health": _health(ws),
    }
    for (name, (icon, what, detail, view)), cell in zip(
        cards.items(), st.columns(4, gap="small"), strict=True
    ):
        with cell.container(border=True, gap="xsmall", height="stretch", key=f"care-{name}"):
            st.markdown(f":material/{icon}: **{plain(what)}**")
            st.caption(plain(detail), width="stretch")
            if view:
                st.button(
                    view.capitalize(),
                    key=f"care-to-{view}",
                    type="tertiary",
                    icon=":material/arrow_forward:",
                    on_click=ask_to_go,
                    args=("workspace",),
                    kwargs={"view": {"view": view}},
                )
    left, right = st.columns(2, gap="large")
    with left:
        heading("What takes room")
        _show_kinds(used)
    with right:
        heading("Largest sources and runs")
        _show_largest(used)
    _show_clearable(ws, used)


def _room(ws: Workspace, used: disk.DiskUse) -> Card:
    room = shutil.disk_usage(ws.folder)
    left = f"{size_in_words(room.free)} free on its disk"
    if room.free < NEARLY_FULL * room.total:
        left = f"Only {left}, {100 * room.free / room.total:.0f} % of it"
    last = next(iter(changes(ws, limit=1)), None)
    told = "" if last is None else f". Last change {relative_time(last['at'])}"
    return "storage", size_in_words(used.bytes), f"{left}{told}.", "changes"


def _trash(ws: Workspace, used: disk.DiskUse) -> Card:
    held = removal.deletions(ws)
    if not held:
        return "delete", "Trash empty", "What is deleted stays there for 30 days.", "trash"
    size = next((usage.bytes for usage in used.kinds if usage.kind == "trash"), 0)
    soonest = min(entry["days_left"] for entry in held)
    takes = f"{size_in_words(size)}; " if size else ""
    return (
        "delete",
        f"{counted(len(held), 'deletion')} in the trash",
        f"{takes}the first goes in {counted(round(soonest), 'day')}.",
        "trash",
    )


def _people(ws: Workspace) -> Card:
    if mode() == "alone":
        names = signatures(ws)
        if not names:
            return "group", "Nobody logs in", "No vote has been signed yet.", "people"
        last = f"{names[0].inspector} voted last, {relative_time(names[0].last)}."
        return "group", f"{counted(len(names), 'inspector')}, no accounts", last, "people"
    if not may("keep"):
        return "group", "Accounts", "Administrators see who has one.", ""
    every = people.list_accounts(ws)
    inside = sum(1 for one in every if one["sessions"])
    return "group", counted(len(every), "account"), f"{inside} logged in now.", "people"


def _health(ws: Workspace) -> Card:
    found, at = examined(ws)
    if found is None:
        return "stethoscope", "Not examined", "An examination takes a moment.", "health"
    wrong = len(found["findings"])
    when = f"Examined {relative_time(at)}."
    if found["healthy"]:
        return (
            "check_circle",
            "All sound",
            f"{counted(found['files'], 'file')} and the database. {when}",
            "health",
        )
    return "warning", counted(wrong, "finding"), f"Each with its remedy. {when}", "health"


def _show_kinds(used: disk.DiskUse) -> None:
    """Show the kinds of files with a bar each, and what of them can go."""
    rows = [
        {
            "what": KINDS.get(usage.kind, usage.kind),
            "size": usage.bytes,
            "clearable": usage.clearable or None,
            "files": usage.files,
        }
        for usage in used.kinds
    ]
    _show_sizes(rows, whole=used.bytes)


def _show_largest(used: disk.DiskUse) -> None:
    if not used.largest:
        st.caption("Sources and runs, the largest first, will be listed here.")
        return
    rows = []
    for name, size in used.largest:
        kind, _, own = name.partition(" ")
        whole = (kind, own) if kind in ("source", "run") else ("review", name)
        rows.append({"name": whole[1], "what": whole[0], "size": size})
    _show_sizes(rows, whole=used.bytes)


def _show_sizes(rows: Sequence[Mapping[str, object]], *, whole: int) -> None:
    """Show a table whose sizes are written as in the text and sort as numbers, each with a bar.

    The bars are of the `whole` workspace, so that those of two tables can be compared.
    """
    table = pd.DataFrame(rows)
    sizes = [name for name in ("size", "clearable") if name in table]
    table[sizes] = table[sizes].astype(float)
    table.insert(table.columns.get_loc("size") + 1, "share", 100 * table["size"] / max(whole, 1))
    st.dataframe(
        table.style.format(lambda size: size_in_words(int(size)), subset=sizes, na_rep="–"),
        hide_index=True,
        width="stretch",
        height="content" if len(table) <= 12 else 440,
        placeholder="–",
        column_config={
            "size": st.column_config.NumberColumn(width=75),
            "share": st.column_config.ProgressColumn(
                "of workspace", format="%.0f %%", min_value=0, max_value=100, width=105
            ),
            "clearable": st.column_config.NumberColumn(width=78, help="What of it can be cleared, below."),
            "name": st.column_config.TextColumn(width=180),
            "what": st.column_config.TextColumn(width=65 if "name" in table else 105),
            "files": st.column_config.NumberColumn(format="localized", width=50),
        },
    )


def _show_clearable(ws: Workspace, used: disk.DiskUse) -> None:
    """Offer to clear each kind of files that can go without loss."""
    going = [usage for usage in used.kinds if usage.clearable and usage.kind in disk.CLEARED]
    heading("What can be cleared")
    if not going:
        st.caption("Nothing: all files are needed, or in the trash.")
    for usage in going:
        name = KINDS.get(usage.kind, usage.kind)
        with st.container(horizontal=True, vertical_alignment="center", key=f"clearable-{usage.kind}"):
            with st.popover(f"Clear {name}", icon=":material/delete_sweep:", width=230):
                _ask_to_clear(ws, usage, name)
            st.markdown(f"**{size_in_words(usage.clearable)}**", width=80)
            st.caption(usage.advice, width="stretch")


def _ask_to_clear(ws: Workspace, usage: disk.Usage, name: str) -> None:
    st.markdown(f"{usage.advice} {size_in_words(usage.clearable)} will be free. This cannot be undone.")
    if st.button("Clear", type="primary", key=f"clear-{usage.kind}"):
        with errors_shown():
            tell(f"{size_in_words(disk.clear(ws, usage.kind))} of {name} cleared.")
