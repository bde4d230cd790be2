"""What to import: a folder or file that is typed, browsed to, used lately, or sent by the browser."""

from pathlib import Path

import streamlit as st

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import LensAppError
from lensapp.services.data.import_paths import (
    LARGEST_UPLOAD,
    FolderListing,
    first_folder,
    keep_upload,
    list_folder,
    named_roots,
    recent_paths,
    roots_to_browse,
)
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, errors_shown, number, relative_time, size_in_words

PATH, CHOSEN, FOLDER, WAY = "import-path", "import-chosen", "import-folder", "import-way"
WAYS = {
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
NO_CUTOUTS = "A table holds no cutouts; it can be the catalogue of some."
ICONS = {"folder": ":material/folder:", "table": ":material/table:"}


def choose_path(*, checked: bool, first: str = "") -> tuple[str, bool, st.delta_generator.DeltaGenerator]:
    """Ask what to import; return its path, whether to look at its files now, and where to say what is wrong.

    That place is right below the path, above everything that unfolds. Once files are `checked` the way on is
    to import them. The path is the `first` until another is typed.
    """
    st.session_state.setdefault(PATH, first)
    with (
        st.form("import-choice", border=False),  # so that Enter in the field begins, too
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        info = IngestSpec.model_fields["path"]
        path = st.text_input(
            str(info.title),
            key=PATH,
            help=info.description,
            placeholder="Type a path on the machine that runs the app, or choose below",
            width="stretch",
        ).strip()
        sent = st.form_submit_button(
            "Dry run",
            type="secondary" if checked else "primary",
            icon=":material/science:",
            on_click=_begin,
        )
    beside = st.container()
    way = st.segmented_control(
        "Choose by",
        list(WAYS),
        format_func=WAYS.__getitem__,
        default=None if path else "browse",
        key=WAY,
        label_visibility="collapsed",
    )
    if way == "browse":
        _browse()
    elif way == "recent":
        _recent()
    elif way == "upload":
        _upload(take=sent and not path)
    return path, sent or bool(st.session_state.pop(CHOSEN, False)), beside


def _take(path: str) -> None:
    """Take a path, close what it was chosen with, and look at its files."""
    st.session_state[PATH] = path
    st.session_state[CHOSEN] = True
    _close()


def _close() -> None:
    """Put away what a path is chosen with, so that what the dry run says is in sight."""
    st.session_state[WAY] = None


def _begin() -> None:
    """Put away what a path was chosen with; without one it stays, or is opened, to choose one by."""
    if st.session_state.get(PATH, "").strip():
        _close()
    elif st.session_state.get(WAY) is None:
        st.session_state[WAY] = "browse"


def _open(folder: str) -> None:
    st.session_state[FOLDER] = folder


def _browse() -> None:
    """Show the folders below the roots by name, with what each holds."""
    if not roots_to_browse(get_workspace()):
        st.info(
            "No folder may be read here yet: whoever runs the app names some in LENSAPP_IMPORT_ROOTS. Small "
            "sets can be uploaded.",
            icon=":material/folder_off:",
        )
        return
    folder = Path(st.session_state.get(FOLDER) or first_folder(get_workspace()))
    with st.container(border=True, gap="small", key="import-browser"):
        if bound := named_roots():
            st.caption(f"Folders that may be read here: {', '.join(plain(str(one)) for one in bound)}")
        _breadcrumbs(folder)
        try:
            listing = list_folder(get_workspace(), folder)
        except LensAppError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        importable = {kind: count for kind, count in listing.counts.items() if kind != "table"}
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                "Use this folder",
                key="import-use-folder",
                icon=":material/check:",
                disabled=not importable,
                on_click=_take,
                args=(str(listing.path),),
            )
            st.caption(f"{_contents(importable, whole=listing.whole)} here and below")
        with st.container(height=320, border=False, gap=None):
            _entries(listing)


def _entries(listing: FolderListing) -> None:
    """Show the folders and files of a folder, each a button."""
    for entry in listing.folders:
        contents = _contents(entry.counts, whole=entry.whole) if entry.readable else "no access"
        st.button(
            f"**{plain(entry.name)}**  :gray[{contents} · {relative_time(entry.modified)}]",
            key=f"open-{entry.path}",
            icon=ICONS["folder"],
            type="tertiary",
            disabled=not entry.readable,
            on_click=_open,
            args=(str(entry.path),),
        )
    for entry in listing.files:
        st.button(
            f"{plain(entry.name)}  :gray[{FORMATS[entry.kind]} · {size_in_words(entry.size)} · "
            f"{relative_time(entry.modified)}]",
            key=f"take-{entry.path}",
            icon=ICONS.get(entry.kind, ":material/image:"),
            type="tertiary",
            disabled=entry.kind == "table",
            help=NO_CUTOUTS if entry.kind == "table" else None,
            on_click=_take,
            args=(str(entry.path),),
        )
    if not listing.folders and not listing.files:
        st.caption("Nothing here that can be opened or imported: choose a folder above it, or type a path.")
    if more := listing.more_folders + listing.more_files:
        st.caption(f"and {counted(more, 'older entry')}: type the path to reach them")


def _breadcrumbs(folder: Path) -> None:
    """Show the way from a root to a folder, each part a button."""
    roots = roots_to_browse(get_workspace())
    root = next((one for one in roots if folder.resolve().is_relative_to(one)), roots[0])
    parts = [folder, *folder.parents]
    way = [one for one in reversed(parts) if one.resolve().is_relative_to(root)] or [root]
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", key="import-crumbs"):
        for other in roots if len(roots) > 1 else []:
            if other != root:
                st.button(
                    plain(str(other)), key=f"root-{other}", type="tertiary", icon=":material/hard_drive:",
                    on_click=_open, args=(str(other),),
                )  # fmt: skip
        for number_of, one in enumerate(way):
            name = str(one) if number_of == 0 else one.name
            st.button(
                plain(name) if number_of == 0 else f"› {plain(name)}",
                key=f"crumb-{one}",
                type="tertiary",
                icon=":material/hard_drive:" if number_of == 0 else None,
                disabled=one == way[-1],
                on_click=_open,
                args=(str(one),),
            )


def _contents(counts: dict[str, int], *, whole: bool) -> str:
    """Return how many files of each format there are, such as "240 FITS"."""
    few = [f"{number(count)} {FORMATS[kind]}" for kind, count in counts.items() if kind != "table"]
    if not few:
        return "no images" if whole else "no images among the first files"
    return ", ".join(few) + ("" if whole else " or more")


def _recent() -> None:
    """Show the paths that were tried or imported in this workspace."""
    paths = recent_paths(get_workspace())
    with st.container(border=True, gap=None, key="import-recent"):
        if not paths:
            st.caption("No path was tried in this workspace yet.")
        for path in paths:
            st.button(
                plain(path), key=f"recent-{path}", icon=":material/history:", type="tertiary",
                on_click=_take, args=(path,),
            )  # fmt: skip


def _upload(*, take: bool) -> None:
    """Take files from the browser into a folder of the workspace, at once with `take`."""
    with st.container(border=True, gap="small", key="import-upload"):
        most = LARGEST_UPLOAD // 1024**2
        files = st.file_uploader(
            "Cutouts and, if there is one, their catalogue",
            accept_multiple_files=True,
            max_upload_size=most,
            help=f"Up to {most} MB together, kept in the workspace. For more use a folder of the server.",
            key=f"import-files-{st.session_state.get('import-sent', 0)}",
        )
        if not files:
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            with st.container(width=320):
                name = st.text_input("Name of the set", "upload", key="import-upload-name")
            sent = st.button(
                f"Take {counted(len(files), 'file')}", key="import-take", icon=":material/check:"
            )
        if sent or take:
            with errors_shown():
                folder = keep_upload(get_workspace(), files, name=name)
                st.session_state["import-sent"] = st.session_state.get("import-sent", 0) + 1
                st.session_state["import-taken"] = str(folder)
                st.rerun()


def take_upload() -> None:
    """Take the folder of files just sent, before the widgets of this run are made."""
    if folder := st.session_state.pop("import-taken", None):
        _take(folder)
