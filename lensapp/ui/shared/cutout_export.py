"""Write cutouts as files for other programs, and download what was written."""

import io
import zipfile
from pathlib import Path

import streamlit as st

from lensapp.core.catalogue.cutout_export_spec import CutoutExportSpec
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.services.catalogue.cutouts.export import start_cutout_export, unused_path
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import spec_form
from lensapp.ui.shared.job_controls import watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import counted, download, errors_shown, size_in_words

KINDS = {
    "Zarr": (".zarr", "A store and a table with a row per image, as Cutana writes them."),
    "HDF5": (".h5", "One file: pixels, labels, positions, zero points as arrays."),
    "npz": (".npz", "One file for NumPy: pixels, labels, positions, zero points as arrays."),
    "FITS and JPEG": ("", "A file and a picture each, with a manifest: a subject set for Zooniverse."),
}
ARRAYS, PICTURES = ("axes", "planes"), ("planes", "picture_side")
LARGEST_DOWNLOAD = 500 * 10**6
WRITTEN = "cutouts-written"


def show_cutout_export(ws: Workspace, query: CatalogueQuery, *, count: int, key: str) -> None:
    """Show in which files the cutouts of a query can be written, how that stands, and the result."""
    with st.expander(
        "Write the cutouts as files", icon=":material/inventory_2:", expanded=WRITTEN in st.session_state
    ):
        picked = st.segmented_control(
            "Files",
            list(KINDS),
            required=True,
            **kept("files", one_of(list(KINDS)), "Zarr", key=f"{key}-files"),
        )
        ending, meaning = KINDS[picked]
        st.caption(f"{meaning} Pixels as they are stored, with bands, pixel scale and zero points stated.")
        spec = spec_form(
            CutoutExportSpec,
            key=f"{key}-cutouts-{picked}",
            submit=f"Write {counted(count, 'cutout')}",
            only=ARRAYS if ending else PICTURES,
            keep="cutouts.",
        )
        if spec is not None:
            with errors_shown():
                out = unused_path(ws.exports_folder, query.name, ending)
                start_cutout_export(ws, query, spec, out=out)
                st.session_state[WRITTEN] = str(out)
        written = st.session_state.get(WRITTEN)
        if written and not watch_job(ws, "export-cutouts", out=written) and Path(written).exists():
            _show_written(Path(written))


def _show_written(out: Path) -> None:
    """Show where files lie that were written, and offer them where they are not too large for a browser."""
    files = sorted(path for path in out.rglob("*") if path.is_file()) if out.is_dir() else [out]
    beside = out.with_name(f"{out.stem}_metadata.parquet")
    if out.suffix == ".zarr" and beside.is_file():
        files.append(beside)
    size = sum(path.stat().st_size for path in files)
    st.success(
        f"{plain(out.name)}, {size_in_words(size)}, lies in {out.parent.name}/ of the workspace.",
        icon=":material/inventory_2:",
    )
    if size > LARGEST_DOWNLOAD:
        st.caption("It is too large to be downloaded by a browser: copy it from there.")
        return

    def packed() -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path in files:
                archive.write(path, path.relative_to(out.parent))
        return buffer.getvalue()

    download(
        "Download",
        packed if out.is_dir() else out.read_bytes,
        file_name=f"{out.name}.zip" if out.is_dir() else out.name,
        mime="application/octet-stream",
        key="cutouts-download",
    )
