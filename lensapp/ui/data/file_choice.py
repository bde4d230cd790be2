"""Ways to a path: folders to look through, paths used lately, files that the browser sends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.services.data.import_paths import (
    LARGEST_UPLOAD,
    FolderListing,
    Sent,
    Wanted,
    first_folder,
    keep_table,
    keep_upload,
    list_folder,
    named_roots,
    recent_paths,
    roots_to_browse,
)
from lensapp.ui.shared.address import digest
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.uploads import TABLE_ENDINGS
from lensapp.ui.shared.widgets import counted, errors_shown, number, relative_time, size_in_words

Way = Literal["browse", "recent", "upload"]
WAYS: dict[Way, str] = {
    "browse": ":material/folder_open: Browse",
    "recent": ":material/history: Recent",
    "upload": ":material/upload: Upload",
}
FORMATS = {
    "fits": "FITS",
    "images": "PNG or JPEG",
    "hdf5": "HDF5",
    "npy": "NumPy",
    "zarr": "Zarr",
    "table": "table",
}
TAKEN: dict[Wanted, frozenset[str]] = {
    "cutouts": frozenset(FORMATS) - {"table"},
    "tables": frozenset(("table", "fits")),
}
NO_CUTOUTS = "A table holds no cutouts; it can be the catalogue of some."
ICONS = {"folder": ":material/folder:", "table": ":material/table:"}


@dataclass(frozen=True)
class PathField:
    """The field of a form that takes the path of a file or folder.

    Attributes
    ----------
    key
        What the keys of its widgets begin with.
    wanted
        Cutouts, of which a whole folder can be taken, or one table.
    sent
        What a browser can send.
    """

    key: str
    wanted: Wanted
    sent: str

    @property
    def path(self) -> str:
        """The key of the widget of the path."""
        return f"{self.key}-path"

    @property
    def way(self) -> str:
        """The key of the choice of a way to it."""
        return f"{self.key}-way"

    def key_of(self, what: str, path: Path | str) -> str:
        """Return the key of a widget of some path, of which nobody can read the path."""
        return f"{self.key}-{what}-{digest([str(path)])}"


def take(field: PathField, path: str) -> None:
    """Take a path and put away what it was chosen with, before the widgets of a run are made."""
    st.session_state[field.path] = path
    st.session_state[f"{field.key}-chosen"] = True
    close_ways(field)


def take_sent(field: PathField) -> None:
    """Take what the browser has sent just now, before the widgets of this run are made."""
    if sent := st.session_state.pop(f"{field.key}-taken", None):
        take(field, sent)


def was_taken(field: PathField) -> bool:
    """Return whether a path was taken by one of the ways since this was asked last."""
    return bool(st.session_state.pop(f"{field.key}-chosen", False))


def close_ways(field: PathField) -> None:
    """Put away what a path is chosen with, so that what comes of it is in sight."""
    st.session_state[f"{field.key}-way-before"] = st.session_state.get(field.way)
    st.session_state[field.way] = None


def reopen_ways(field: PathField) -> None:
    """Show again what a path was chosen with that was refused, before the widgets of a run are made."""
    if way := st.session_state.pop(f"{field.key}-way-before", None):
        st.session_state[field.way] = way


def show_ways(field: PathField, *, first: Way | None, send: bool = False) -> None:
    """Show the ways to a path, the `first` open at once; with `send` files are taken without a click."""
    way = st.segmented_control(
        "Choose by",
        list(WAYS),
        format_func=WAYS.__getitem__,
        default=first,
        key=field.way,
        label_visibility="collapsed",
    )
    if way == "browse":
        _browse(field)
    elif way == "recent":
        _recent(field)
    elif way == "upload":
        _upload(field, send=send)


def _open(field: PathField, folder: str) -> None:
    st.session_state[f"{field.key}-folder"] = folder


def _browse(field: PathField) -> None:
    """Show the folders below the roots by name, with what each holds."""
    ws = get_workspace()
    if not roots_to_browse(ws):
        st.info(
            "No folder may be read here yet: whoever runs the app names some in LENSAPP_IMPORT_ROOTS. "
            f"{'Small sets' if field.wanted == 'cutouts' else 'Tables'} can be uploaded.",
            icon=":material/folder_off:",
        )
        return
    folder = Path(st.session_state.get(f"{field.key}-folder") or first_folder(ws, field.wanted))
    with st.container(border=True, gap="small", key=f"{field.key}-browser"):
        if bound := named_roots():
            st.caption(f"Folders that may be read here: {', '.join(plain(str(one)) for one in bound)}")
        _breadcrumbs(field, folder)
        try:
            listing = list_folder(ws, folder)
        except LensAppError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        if field.wanted == "cutouts":
            _offer_folder(field, listing)
        with st.container(height=320, border=False, gap=None):
            _entries(field, listing)


def _offer_folder(field: PathField, listing: FolderListing) -> None:
    """Offer all cutouts of a folder and of those below it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Use this folder",
            key=f"{field.key}-use-folder",
            icon=":material/check:",
            disabled=not TAKEN[field.wanted] & listing.counts.keys(),
            on_click=take,
            args=(field, str(listing.path)),
        )
        st.caption(f"{_contents(field, listing.counts, whole=listing.whole)} here and below")


def _entries(field: PathField, listing: FolderListing) -> None:
    """Show the folders and files of a folder, each a button."""
    for entry in listing.folders:
        contents = _contents(field, entry.counts, whole=entry.whole) if entry.readable else "no access"
        st.button(
            f"**{plain(entry.name)}**  :gray[{contents} · {relative_time(entry.modified)}]",
            key=field.key_of("open", entry.path),
            icon=ICONS["folder"],
            type="tertiary",
            disabled=not entry.readable,
            on_click=_open,
            args=(field, str(entry.path)),
        )
    files = [one for one in listing.files if field.wanted == "cutouts" or one.kind in TAKEN["tables"]]
    for entry in files:
        fits = entry.kind in TAKEN[field.wanted]
        st.button(
            f"{plain(entry.name)}  :gray[{FORMATS[entry.kind]} · {size_in_words(entry.size)} · "
            f"{relative_time(entry.modified)}]",
            key=field.key_of("take", entry.path),
            icon=ICONS.get("table" if field.wanted == "tables" else entry.kind, ":material/image:"),
            type="tertiary",
            disabled=not fits,
            help=None if fits else NO_CUTOUTS,
            on_click=take,
            args=(field, str(entry.path)),
        )
    if not listing.folders and not files:
        st.caption("Nothing here that can be opened or imported: choose a folder above it, or type a path.")
    if more := listing.more_folders + listing.more_files:
        st.caption(f"and {counted(more, 'older entry')}: type the path to reach them")


def _breadcrumbs(field: PathField, folder: Path) -> None:
    """Show the way from a root to a folder, each part a button."""
    roots = roots_to_browse(get_workspace())
    root = next((one for one in roots if folder.resolve().is_relative_to(one)), roots[0])
    parts = [folder, *folder.parents]
    way = [one for one in reversed(parts) if one.resolve().is_relative_to(root)] or [root]
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", key=f"{field.key}-crumbs"):
        for other in roots if len(roots) > 1 else []:
            if other != root:
                st.button(
                    plain(str(other)), key=field.key_of("root", other), type="tertiary",
                    icon=":material/hard_drive:", on_click=_open, args=(field, str(other)),
                )  # fmt: skip
        for number_of, one in enumerate(way):
            name = str(one) if number_of == 0 else one.name
            st.button(
                plain(name) if number_of == 0 else f"› {plain(name)}",
                key=field.key_of("crumb", one),
                type="tertiary",
                icon=":material/hard_drive:" if number_of == 0 else None,
                disabled=one == way[-1],
                on_click=_open,
                args=(field, str(one)),
            )


def _contents(field: PathField, counts: Mapping[str, int], *, whole: bool) -> str:
    """Return how many files of each format that can be taken there are, such as "240 FITS"."""
    few = [
        counted(count, "table") if kind == "table" else f"{number(count)} {FORMATS[kind]}"
        for kind, count in counts.items()
        if kind in TAKEN[field.wanted]
    ]
    if not few:
        what = "images" if field.wanted == "cutouts" else "tables"
        return f"no {what}" if whole else f"no {what} among the first files"
    return ", ".join(few) + ("" if whole else " or more")


def _recent(field: PathField) -> None:
    """Show the paths that were tried or imported in this workspace."""
    paths = recent_paths(get_workspace(), field.wanted)
    with st.container(border=True, gap=None, key=f"{field.key}-recent"):
        if not paths:
            what = "path was tried" if field.wanted == "cutouts" else "table was imported"
            st.caption(f"No {what} in this workspace yet.")
        for path in paths:
            st.button(
                plain(path), key=field.key_of("recent", path), icon=":material/history:", type="tertiary",
                on_click=take, args=(field, path),
            )  # fmt: skip


def _upload(field: PathField, *, send: bool) -> None:
    """Take files from the browser into a folder of the workspace, cutouts once asked for or with `send`."""
    with st.container(border=True, gap="small", key=f"{field.key}-upload"):
        most, several = LARGEST_UPLOAD // 1024**2, field.wanted == "cutouts"
        given = st.file_uploader(
            field.sent,
            type=None if several else TABLE_ENDINGS,
            accept_multiple_files=several,
            max_upload_size=most,
            help=f"Up to {most} MB{' together' if several else ''}, kept in the workspace. For more use a "
            "folder of the server.",
            key=f"{field.key}-files-{st.session_state.get(f'{field.key}-sent', 0)}",
        )
        if not given:
            return
        files = given if isinstance(given, list) else [given]
        name = ""
        if several:
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                with st.container(width=320):
                    name = st.text_input("Name of the set", "upload", key=f"{field.key}-upload-name")
                send |= st.button(
                    f"Take {counted(len(files), 'file')}", key=f"{field.key}-take", icon=":material/check:"
                )
        if send or not several:
            with errors_shown():
                _keep(field, files, name=name)


def _keep(field: PathField, files: Sequence[Sent], *, name: str) -> None:
    """Keep what was sent in the workspace and draw the page anew, with its path taken."""
    ws = get_workspace()
    kept = keep_table(ws, files[0]) if field.wanted == "tables" else keep_upload(ws, files, name=name)
    st.session_state[f"{field.key}-sent"] = st.session_state.get(f"{field.key}-sent", 0) + 1
    st.session_state[f"{field.key}-taken"] = str(kept)
    st.rerun()
