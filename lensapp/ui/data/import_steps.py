"""Import in three steps: choose, check what was recognised, import. Nothing is written before the last."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.job_kinds import selection_of
from lensapp.services.data.import_paths import catalogues_near, is_there, note_path, try_import
from lensapp.services.data.sources import (
    DryRun,
    discard_unfinished,
    start_import,
    unfinished_imports,
)
from lensapp.services.train.job_control import active_jobs, latest_job
from lensapp.storage.records import Source
from lensapp.ui.data.import_choice import choose_path, forget_path, reopen_after_refusal, take_upload
from lensapp.ui.data.import_columns import choose_columns, readable_labels
from lensapp.ui.data.import_sentence import TILE_FIELDS, is_typed, show_sentence
from lensapp.ui.data.quality_view import rejection_summary, rejection_table
from lensapp.ui.shared.address import digest, put
from lensapp.ui.shared.forms import say_if_impossible, spec_fields, validated
from lensapp.ui.shared.job_controls import job_progress, live_jobs
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import fields_named, in_page_words
from lensapp.ui.shared.pictures import sheet
from lensapp.ui.shared.state import VIEW, await_source, awaited_source, get_workspace, stay_here
from lensapp.ui.shared.widgets import download, error_box, errors_shown, number

DRY_RUN, FAILED, VALUES, ROUND = "import-dry-run", "import-failed", "import-values", "import-round"
ATTEMPT = "import-attempt"
SENT = "import-sent"  # the name of the import that was confirmed last
ANOTHER = "import-another"  # a form is asked for beside an import under way: the page stays with it
GOOD_NEWS = (
    "Kept beside the pixels",
    "of flux and left out in each file",
    " of other bands ",
)  # among warnings: what is as it was asked for
SETTINGS = {  # heading → fields, in this order
    "Files": ("ids", "hdus", "key", "band_axis", "size", *TILE_FIELDS),
    "Catalogue": (
        "catalogue",
        "id_column",
        "ra_column",
        "dec_column",
        "id_pattern",
        "join",
        "join_radius_arcsec",
        "header_positions",
    ),
    "Labels": ("label_column", "label_threshold", "label_meanings", "labels_from_folders", "same_label"),
}
COLUMN_FIELDS = ("id_column", "ra_column", "dec_column", "label_column", "label_threshold", "label_meanings")
PIXELS = "Pixels"  # all else
BANDS_OF_SOME = re.compile(r"have the same bands: some have ([^.]+)\.")
LONE_LETTER = re.compile(r"the lone letter (\w):")
SEVERAL_FORMATS = re.compile(r"are of several formats: ([^.]+)\.")
LAYOUTS = {  # of the files of a format that one may mean
    "FITS": {"cube": "FITS cubes", "hdus": "FITS, one HDU per band"},
    "NumPy": {"npy": "NumPy"},
    "PNG or JPEG": {"images": "PNG or JPEG"},
    "HDF5": {"hdf5": "HDF5"},
    "Zarr": {"zarr": "Zarr"},
}
OF_COLOURS, COLOURS = "shown in red, green and blue", (("i", "r", "g"), ("g", "r", "i"))
CHOICE_WIDTH = 1000  # on wide screens, so that what belongs together stays together
MOST_OFFERED = 3  # tables beside the images
PLAIN_NAMES = ("cutouts", "data", "files", "fits", "images", "stamps")  # these say nothing; the parent does


@dataclass
class Attempt:
    """A dry run that was asked for, and what came of it.

    Any click ends the run of the page that reads the files; the next one takes the attempt up, so that
    neither what was asked for nor what was read is lost.
    """

    values: dict[str, Any]
    dry_run: DryRun | None = None
    failed: LensAppError | None = None

    @property
    def is_read(self) -> bool:
        """Whether the files have been read, or cannot be."""
        return self.dry_run is not None or self.failed is not None

    def read(self) -> None:
        """Read the files without writing anything; keep what was seen, or why it cannot be."""
        try:
            if not self.values["path"]:
                raise InvalidInput("Which folder or file of cutouts? Type its path, or choose one below.")
            self.dry_run = try_import(get_workspace(), IngestSpec.parse(self.values))
            note_path(get_workspace(), self.values["path"])
        except LensAppError as error:
            self.failed = error


def show_import() -> None:
    """Show the running and unfinished imports, and the three steps of a new one."""
    with st.container():  # also where it holds nothing: the form below keeps its place, and what is typed
        _finish_attempt()
        _put_away_what_is_done()
        live_jobs("ingest")
        _show_what_ended()
    if _own_under_way() and not st.session_state.get(ANOTHER):
        st.caption("The new source is shown here as soon as it is ready.")
        st.button("Import another set", key="import-another", icon=":material/add:", on_click=_begin_another)
        return
    take_upload()
    if FAILED in st.session_state:
        reopen_after_refusal()
    st.markdown("#### 1 · Choose")
    with st.container(width=CHOICE_WIDTH):
        tried = (st.session_state.get(VALUES) or {}).get("path", "")  # back from an import that has failed
        path, asked, beside = choose_path(checked=DRY_RUN in st.session_state, first=tried)
    values = _values_of(path)
    failed: LensAppError | None = st.session_state.get(FAILED)
    named, asked_for = _named_in(failed if path else None, values)
    entered: dict[str, Any] = {}
    again = False
    if failed is not None:
        with beside:
            error_box(failed)
            if asked_for:
                entered, again = _ask_for(asked_for, failed, values)
    open_first = failed is not None and not named and is_there(get_workspace(), path)
    everything = st.container(width=CHOICE_WIDTH)
    with everything.expander("All settings", expanded=open_first, icon=":material/tune:"):
        entered |= {"path": path} | _all_settings(values, skip=asked_for)
    if asked or again:
        _try_out(entered)
        st.rerun()
    dry_run: DryRun | None = st.session_state.get(DRY_RUN)
    if dry_run is None:
        if values.get("catalogue"):
            _show_columns(values)
        st.caption("A dry run reads the files and shows what would be taken and refused. It writes nothing.")
        return
    _check_and_confirm(dry_run, values)


def _check_and_confirm(dry_run: DryRun, values: Mapping[str, Any]) -> None:
    """Show what a dry run recognised, to be changed or confirmed, and its pictures."""
    st.markdown("#### 2 · Check what was recognised")
    is_settled = True
    with st.container(width=CHOICE_WIDTH):
        with st.container(border=True, gap="small"):
            show_sentence(dry_run, values, key=_key("part"), change=_change)
            _ask_for_label(dry_run, values)
            if values.get("catalogue"):
                is_settled = _show_columns(values)
        _show_remarks(dry_run)
        st.markdown("#### 3 · Import")
        _confirm(dry_run, is_settled=is_settled)
    _show_pictures(dry_run)


def _named_in(
    failed: LensAppError | None, values: Mapping[str, Any]
) -> tuple[Sequence[str], tuple[str, ...]]:
    """Return the settings that a refusal names, and those of them that are asked for beside it."""
    named = fields_named(str(failed), IngestSpec) if failed else ()
    return named, tuple(one for one in named if not (values.get("catalogue") and one in COLUMN_FIELDS))


def _own_under_way() -> bool:
    """Return whether the import that was confirmed here last waits, runs or is paused."""
    awaited = awaited_source()
    return awaited is not None and any(
        job.kind == "ingest" and selection_of(job.kind, job.payload).get("source") == awaited
        for job in active_jobs(get_workspace())
    )


def _show_what_ended() -> None:
    """Say why the import that was confirmed here last has failed, where it has, and which are unfinished."""
    name = awaited_source()
    job = None if name is None else latest_job(get_workspace(), "ingest", name=name)
    if job is not None and job.state == "failed":
        job_progress(job, key="import-failed")
    for source in unfinished_imports(get_workspace()):
        _show_unfinished(source)


def _begin_another() -> None:
    """Open an empty form beside the import under way, which the page no longer leaves when that is done."""
    put(VIEW, ["import"])  # where there was no source yet there was no choice of views
    stay_here()
    st.session_state[ANOTHER] = True
    _empty_form()


def _empty_form() -> None:
    """Begin with nothing of the import before."""
    for name in (VALUES, FAILED, DRY_RUN, SENT):
        st.session_state.pop(name, None)
    forget_path()
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1


def _put_away_what_is_done() -> None:
    """Begin with an empty form once what was confirmed in it is imported; what failed stays to be mended."""
    name = st.session_state.get(SENT)
    if name is None or name == awaited_source():
        return
    job = latest_job(get_workspace(), "ingest", name=name)
    if job is not None and job.state == "done":
        _empty_form()


def _show_unfinished(source: Source) -> None:
    """Offer to discard an import that was stopped or has failed."""
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


def _values_of(path: str) -> dict[str, Any]:
    """Return the settings tried last; another path begins with the usual ones."""
    values: dict[str, Any] = st.session_state.get(VALUES) or {}
    if values and values["path"] != path:
        for name in (VALUES, DRY_RUN, FAILED):
            st.session_state.pop(name, None)
        st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
        return {}
    return values


def _key(name: str) -> str:
    """Return a key that changes with what was tried, so that widgets show it."""
    tried = st.session_state.get(ROUND, 0)
    return f"{name}-{tried}" if tried else name


def _ask_for(
    names: Sequence[str], failed: LensAppError, values: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Show the settings that a refusal names; return what is entered, and whether to try it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=320 * len(names)):
            entered = spec_fields(
                IngestSpec, key=_key("import"), values=values, only=names, columns=len(names)
            )
        again = st.button("Dry run with this", icon=":material/science:", key=_key("import-again"))
        again |= len(names) == 1 and is_typed(entered, key=_key(f"import-asked-{names[0]}"))
        for bands in _likely_bands(str(failed)):
            if st.button(", ".join(bands), key=_key(f"import-{''.join(bands)}")):
                return {"bands": bands}, True
        for layout, words in _layouts_of_formats(str(failed)).items():
            if st.button(words, key=_key(f"import-layout-{layout}")):
                return {"layout": layout}, True
    return entered, again


def _layouts_of_formats(refusal: str) -> dict[str, str]:
    """Return the layouts of the formats that a refusal lists, with what their buttons say."""
    listed = SEVERAL_FORMATS.search(refusal)
    formats = [] if listed is None else listed[1].split(", ")
    return {
        layout: words for one in formats for layout, words in LAYOUTS.get(one.partition(" ")[2], {}).items()
    }


def _likely_bands(refusal: str) -> Sequence[tuple[str, ...]]:
    """Return what the bands may be that a refusal says to be unknown: each is offered as a button."""
    if OF_COLOURS in refusal:
        return COLOURS
    if some := BANDS_OF_SOME.search(refusal):
        return tuple(tuple(bands.split(", ")) for bands in some[1].split(" and others "))
    lone = LONE_LETTER.search(refusal)
    return ((lone[1],),) if lone else ()


def _all_settings(values: Mapping[str, Any], *, skip: Sequence[str]) -> dict[str, Any]:
    """Show every field under headings but the path and those of `skip`; return what is entered."""
    key = _key("import")
    first = tuple(name for name in ("layout", "bands") if name not in skip)
    st.markdown("**Files**")
    entered = spec_fields(IngestSpec, key=key, values=values, only=first)
    of_tiles = entered.get("layout", values.get("layout")) == "tiles"
    shown = {"path", *first, *skip, *(() if of_tiles else TILE_FIELDS)}
    for heading, names in SETTINGS.items():
        if heading != "Files":
            st.markdown(f"**{heading}**")
        only = tuple(name for name in names if name not in shown)
        entered |= spec_fields(IngestSpec, key=key, values=values, only=only, columns=3)
        shown.update(only)
    st.markdown(f"**{PIXELS}**")
    return entered | spec_fields(IngestSpec, key=key, values=values, skip=tuple(shown), columns=3)


def _change(entered: Mapping[str, Any]) -> None:
    """Try the files again with some settings changed."""
    before = st.session_state[VALUES]
    values = {**before, **entered}
    if values.get("catalogue") != before.get("catalogue"):
        values |= dict.fromkeys(("id_column", "ra_column", "dec_column", "label_column"))
        others = values.get("labels_from_folders") or values.get("same_label")
        with errors_shown():
            if values["catalogue"] and not others:
                values["label_column"] = readable_labels(values["catalogue"])
    if "label_column" not in entered and (entered.get("labels_from_folders") or entered.get("same_label")):
        values |= dict.fromkeys(("label_column", "label_threshold"))
    if not values.get("catalogue"):
        values |= dict.fromkeys(("id_column", "ra_column", "dec_column"), None) | {"join": "id"}
    if not values.get("label_column"):
        values["label_meanings"] = ()
    _try_out(values)
    st.rerun()


def _ask_for_label(dry_run: DryRun, values: Mapping[str, Any]) -> None:
    """Offer one label for all, where none was recognised or asked for."""
    read = any(dry_run.preview.labels.get(label) for label in ("lens", "nonlens"))
    if read or values.get("same_label") or values.get("label_column"):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=_key("no-labels")):
        st.markdown("No labels. Give all of them one:", width="content")
        for label, words in {"lens": "All are lenses", "nonlens": "All are non-lenses"}.items():
            if st.button(words, key=_key(f"all-{label}")):
                _change({"same_label": label})
        st.caption("or import without: they can be scored and graded.", width="content")


def _show_columns(values: Mapping[str, Any]) -> bool:
    """Show the columns of the catalogue; try the files again with others if asked.

    Return whether they are those that were tried.
    """
    chosen = choose_columns(values, key=_key(f"columns-{digest([str(values['catalogue'])])}"))
    usual = IngestSpec.model_fields
    changed = any(
        value != (values.get(name, usual[name].default) or usual[name].default)
        for name, value in chosen.items()
    )
    if changed and st.button(
        "Look again with these columns", key="import-columns-again", type="primary", icon=":material/science:"
    ):
        if chosen["label_column"]:
            chosen |= {"labels_from_folders": False, "same_label": None}
        _change(chosen)
    return not changed


def _try_out(values: Mapping[str, Any]) -> None:
    """Read the files without writing anything; keep what was seen, or why it cannot be."""
    st.session_state[ATTEMPT] = Attempt(dict(values))
    _finish_attempt()


def _finish_attempt() -> None:
    """Read the files of the dry run that was asked for last, unless that is done, and have it shown."""
    attempt: Attempt | None = st.session_state.get(ATTEMPT)
    if attempt is None:
        return
    if not attempt.is_read:
        with st.spinner("Reading the files…"):
            attempt.read()
    st.session_state[VALUES] = attempt.values
    for name, outcome in {DRY_RUN: attempt.dry_run, FAILED: attempt.failed}.items():
        if outcome is None:
            st.session_state.pop(name, None)
        else:
            st.session_state[name] = outcome
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    del st.session_state[ATTEMPT]


def _show_remarks(dry_run: DryRun) -> None:
    """Say how much was read, what lies beside the images, and what is worth a warning."""
    preview = dry_run.preview
    of_tiles = preview.layout == "tiles"  # whose candidates are rows of the catalogue
    matched = (
        "" if preview.matched is None or of_tiles else f" · {number(preview.matched)} found in the catalogue"
    )
    unread = preview.candidates - preview.sampled
    read = f"{number(preview.total - unread)} of {number(preview.total)}" if unread else "all"
    st.caption(f"Read {read} · import {preview.in_words(number)} · unit: {plain(preview.unit)}{matched}")
    some_unmatched = preview.matched is not None and preview.matched < preview.accepted
    if preview.catalogue_ids and not of_tiles and (some_unmatched or dry_run.spec.id_pattern):
        _try_pattern(dry_run)
    _show_offers(dry_run)
    for warning in (one for one in preview.warnings if one not in preview.offers):
        if any(words in warning for words in GOOD_NEWS):
            st.caption(f":material/info: {plain(in_page_words(warning))}")
        else:
            st.warning(plain(in_page_words(warning)), icon=":material/warning:")


def _show_pictures(dry_run: DryRun) -> None:
    """Show candidates as they will look, and those that would be rejected."""
    preview, pictures = dry_run.preview, len(dry_run.pictures)
    if pictures < preview.accepted:
        st.caption(f"The first {number(pictures)} that are accepted:")
    sheet(dry_run.pictures, captions=preview.image_ids)
    if preview.rejected:
        summary, table = rejection_summary(preview.rejected), rejection_table(preview.rejected)
        with st.expander(f"Would be rejected: {summary}", icon=":material/block:"):
            st.dataframe(table, hide_index=True)
            download("Rejections (CSV)", lambda: table.to_csv(index=False), file_name="rejected.csv")


def _words_of_tables(tables: Sequence[str], path: str) -> str:
    """Return the offer of tables in the folder above cutouts, or beside a file of them."""
    lie, one = ("lies", "it") if len(tables) == 1 else ("lie", "one of them")
    place = Path(path).expanduser().resolve()
    folder = place if place.is_dir() else place.parent
    beside = {Path(table).parent == folder for table in tables}
    where = "in the folder above the images" if beside == {False} else "beside the images"
    names = ", ".join(Path(table).name for table in tables)
    return f"{names} {lie} {where}, not used yet: {one} can be the --catalogue."


def _show_offers(dry_run: DryRun) -> None:
    """Offer tables that lie beside the images, or in the folder above, as their catalogue, a click each."""
    offers, near = list(dry_run.preview.offers), catalogues_near(get_workspace(), dry_run.spec.path)
    if not offers and not dry_run.spec.catalogue and 0 < len(near) <= MOST_OFFERED:
        offers = [_words_of_tables(near, dry_run.spec.path)]
    for offer in offers:
        with st.container(horizontal=True, vertical_alignment="center", border=True, key=_key("offer")):
            st.markdown(f":material/table: {plain(in_page_words(offer))}", width="stretch")
            for table in near[:MOST_OFFERED]:
                if st.button(f"Use {plain(Path(table).name)}", key=_key(f"use-{digest([table])}")):
                    _change({"catalogue": table})


@st.fragment
def _try_pattern(dry_run: DryRun) -> None:
    """Show, while it is typed, what an ID pattern takes of some IDs; read the files with it if asked."""
    if ATTEMPT in st.session_state:  # typed on while the files were read: the page has to show them
        st.rerun()
    pattern = st.text_input(
        "ID pattern",
        dry_run.spec.id_pattern or "",
        key=f"try-pattern-{digest([str(dry_run.spec.path), str(dry_run.spec.id_pattern)])}",
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
    if spec != dry_run.spec and st.button(
        "Dry run with this pattern", key="import-pattern-again", icon=":material/science:"
    ):
        _try_out({**st.session_state[VALUES], "id_pattern": spec.id_pattern})
        st.rerun()


def _confirm(dry_run: DryRun, *, is_settled: bool) -> None:
    """Ask for the name and import; where columns were changed since, looking again comes first."""
    path = Path(dry_run.spec.path).expanduser().absolute()
    stem = path.parent.name if path.name.lower() in PLAIN_NAMES else path.stem
    allowed = "".join(char if char.isalnum() or char in "._-" else "_" for char in stem)
    preview = dry_run.preview
    label = f"Import {preview.in_words(number)}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=320):
            suggestion = allowed.lstrip("._-")[:60]
            name = st.text_input(
                "Name of the source", suggestion, key=f"import-name-{digest([str(dry_run.spec.path)])}"
            )
            say_if_impossible(name)
        sure = st.button(
            label,
            key="import-sure",
            type="primary" if is_settled else "secondary",
            icon=":material/download:",
            disabled=not preview.accepted,
        )
    if not sure:
        return
    with errors_shown():
        start_import(get_workspace(), name=name.strip(), spec=dry_run.spec)
        await_source(name.strip())
        st.session_state[SENT] = name.strip()
        for shown in (DRY_RUN, ANOTHER):
            st.session_state.pop(shown, None)
        st.rerun()
