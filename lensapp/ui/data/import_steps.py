"""Import in three steps: choose, dry run, confirm. Nothing is written before the last."""

from pathlib import Path

import streamlit as st

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.services.data.sources import (
    DryRun,
    discard_unfinished,
    make_dry_run,
    start_import,
    unfinished_imports,
)
from lensapp.ui.data.source_views import rejection_summary, rejection_table
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.pictures import sheet
from lensapp.ui.shared.state import await_source, get_workspace
from lensapp.ui.shared.widgets import counted, download, errors_shown, number

FILE_FIELDS = ("path", "layout")
TILE_FIELDS = ("size_arcsec", "size_column", "size_unit", "virtual")
MAIN_FIELDS = ("bands", "size", "catalogue", "label_column", "same_label")
DRY_RUN = "import-dry-run"
LABEL_NAMES = {"lens": "lenses", "nonlens": "non-lenses"}
PLAIN_NAMES = ("cutouts", "data", "files", "fits", "images", "stamps")  # these say nothing; the parent does


def show_import() -> None:
    """Show the running and unfinished imports, and the three steps of a new one."""
    live_jobs("ingest")
    for source in unfinished_imports(get_workspace()):
        with st.container(
            horizontal=True, vertical_alignment="center", border=True, key=f"unfinished-{source.name}"
        ):
            name = plain(source.name)
            st.markdown(f"The import of **{name}** was not finished. Import with the same settings to go on.")
            with st.popover("Discard", icon=":material/delete:"):
                st.caption("Deletes the cutouts that this import has written. The imported files stay.")
                if st.button(f"Discard {name}", type="primary", key=f"discard-{source.name}"):
                    with errors_shown():
                        discard_unfinished(get_workspace(), name=source.name)
                        st.toast(f"The import of {name} is discarded.", icon=":material/delete:")
                        st.rerun()
    st.markdown("#### 1 · Choose")
    with st.container(border=True, gap="small"):
        entered = spec_fields(IngestSpec, key="import", only=FILE_FIELDS)
        form = st.form("import-form", border=False)  # its fields follow the layout, which stands before it
    main = MAIN_FIELDS + (TILE_FIELDS if entered["layout"] == "tiles" else ())
    with form:
        entered |= spec_fields(IngestSpec, key="import", only=main)
        with st.expander("More settings"):
            entered |= spec_fields(IngestSpec, key="import", skip=FILE_FIELDS + MAIN_FIELDS + TILE_FIELDS)
        sent = st.form_submit_button("Dry run", type="primary", icon=":material/science:")
    if sent:
        st.session_state.pop(DRY_RUN, None)
        if entered["path"]:
            spec = validated(IngestSpec, entered)
            if spec is not None:
                _try_out(spec)
        else:
            st.error(
                "Which folder or file of cutouts? Type its path on the machine that runs the app.",
                icon=":material/error:",
            )
    dry_run: DryRun | None = st.session_state.get(DRY_RUN)
    if dry_run is None:
        st.caption("A dry run reads the files and shows what would be taken and refused. It writes nothing.")
        return
    st.markdown("#### 2 · Dry run")
    _show_dry_run(dry_run)
    st.markdown("#### 3 · Confirm")
    _confirm(dry_run)


def _try_out(spec: IngestSpec) -> None:
    """Read the files without writing anything; keep what was seen."""
    with errors_shown(), st.spinner("Reading the files…"):
        st.session_state[DRY_RUN] = make_dry_run(spec)


def _show_dry_run(dry_run: DryRun) -> None:
    preview = dry_run.preview
    height, width = preview.shape
    scale = f" at {preview.pixel_scale_arcsec:.3g} arcsec/pixel" if preview.pixel_scale_arcsec else ""
    st.markdown(
        f"**{counted(preview.candidates, 'candidate')} found** "
        f"in layout {preview.layout} · "
        f"bands **{plain_all(preview.bands)}** · {width} × {height} pixels{scale} · "
        f"unit: {plain(preview.unit)}"
    )
    read = "all" if preview.complete else f"{number(preview.sampled)} of them"
    labels = ", ".join(
        f"{number(count)} {LABEL_NAMES.get(key, 'without a label')}"
        for key, count in preview.labels.items()
        if count
    )
    of_tiles = preview.layout == "tiles"  # whose candidates are rows of the catalogue
    matched = (
        "" if preview.matched is None or of_tiles else f" · {number(preview.matched)} found in the catalogue"
    )
    st.caption(
        f"Read {read}: {number(preview.accepted)} accepted, {number(len(preview.rejected))} rejected"
        f" · labels: {labels or 'none'}{matched}"
    )
    if preview.catalogue_ids and not of_tiles:
        _try_pattern(dry_run)
    for warning in preview.warnings:
        st.warning(plain(in_page_words(warning)), icon=":material/warning:")
    pictures = len(dry_run.pictures)
    if pictures < preview.candidates:
        st.caption(f"Pictures of {number(pictures)} of {counted(preview.candidates, 'candidate')}:")
    sheet(dry_run.pictures, captions=preview.image_ids)
    if preview.rejected:
        summary, table = rejection_summary(preview.rejected), rejection_table(preview.rejected)
        with st.expander(f"Would be rejected: {summary}", icon=":material/block:"):
            st.dataframe(table, hide_index=True)
            download("Rejections (CSV)", lambda: table.to_csv(index=False), file_name="rejected.csv")


@st.fragment
def _try_pattern(dry_run: DryRun) -> None:
    """Show, while it is typed, what an ID pattern takes of some IDs; read the files with it if asked."""
    pattern = st.text_input(
        "ID pattern",
        dry_run.spec.id_pattern or "",
        key=f"try-pattern-{dry_run.spec.path}-{dry_run.spec.id_pattern}",
        live=True,
        placeholder="(.+?)(_recons)?$",
        help=IngestSpec.model_fields["id_pattern"].description,
    ).strip()
    spec = validated(IngestSpec, {**dry_run.spec.saved(), "id_pattern": pattern or None})
    if spec is None:
        return
    preview = dry_run.preview
    pairs = "; ".join(f"{name} → {spec.shared_id(name)}" if pattern else name for name in preview.ids)
    st.text(f"IDs of the files: {pairs}\nIDs of the catalogue: {'; '.join(preview.catalogue_ids)}")
    if spec != dry_run.spec and st.button("Dry run with this pattern", icon=":material/science:"):
        _try_out(spec)
        st.rerun()


def _confirm(dry_run: DryRun) -> None:
    path = Path(dry_run.spec.path).expanduser().absolute()
    stem = path.parent.name if path.name.lower() in PLAIN_NAMES else path.stem
    allowed = "".join(char if char.isalnum() or char in "._-" else "_" for char in stem)
    preview = dry_run.preview
    label = f"Import {counted(preview.accepted, 'candidate')}"
    if not preview.complete:  # a sample cannot tell how many are accepted
        label = f"Import what is accepted of {number(preview.candidates)}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=320):
            suggestion = allowed.lstrip("._-")[:60]
            name = st.text_input("Name of the source", suggestion, key=f"name-{dry_run.spec.path}")
        sure = st.button(label, type="primary", icon=":material/download:", disabled=not preview.accepted)
    if not sure:
        return
    with errors_shown():
        start_import(get_workspace(), name=name.strip(), spec=dry_run.spec)
        await_source(name.strip())
        st.session_state.pop(DRY_RUN)
        st.rerun()
