"""What a dry run recognised, as one sentence to confirm: each part opens what changes it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.services.data.import_paths import catalogues_near
from lensapp.services.data.sources import DryRun
from lensapp.ui.shared.forms import spec_fields
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, number

Values = Mapping[str, Any]
CATALOGUE, POSITIONS = "catalogue", "Positions"
SHARED_KEYWORDS = (
    "RA and DEC of headers are taken where they differ from file to file. Shared by many cutouts they tell "
    "where the telescope pointed, not where an object lies, and are left out."
)
LAYOUTS = {
    "cube": "cubes of all bands",
    "hdus": "one HDU per band",
    "files": "one file per band",
    "images": "colour images",
    "hdf5": "HDF5 arrays",
    "npy": "NumPy arrays",
    "zarr": "Zarr arrays",
    "tiles": "cut out of tiles",
}
LABEL_FIELDS = ("label_column", "label_threshold", "labels_from_folders", "same_label")
COLUMN_FIELDS = ("label_column", "label_threshold")  # where there is a catalogue, its columns ask
TILE_FIELDS = ("size_arcsec", "size_column", "size_unit", "virtual")


class Part(NamedTuple):
    """A part of the sentence: how it reads, what it is called, and the fields that change it."""

    words: str
    title: str
    fields: tuple[str, ...]


def parts_of(dry_run: DryRun) -> list[Part]:
    """Return the parts of the sentence that says what was recognised, after the count of candidates."""
    spec, preview = dry_run.spec, dry_run.preview
    height, width = preview.shape
    scale = preview.pixel_scale_arcsec
    sizes = ("size", *(TILE_FIELDS if preview.layout == "tiles" else ()))
    table = Path(spec.catalogue).name if spec.catalogue else ""
    if preview.matched is not None and preview.layout != "tiles":
        table += f" ({number(preview.matched)} of {number(preview.accepted)} have a row)"
    return [
        Part(LAYOUTS[preview.layout], "Layout", ("layout", "hdus", "key", "band_axis")),
        Part(" ".join(preview.bands), "Bands", ("bands",)),
        Part(f"{width} × {height} pixels", "Size", sizes),
        Part(f"{scale:.3g}″ a pixel" if scale else "no pixel scale", "Pixel scale", ("pixel_scale_arcsec",)),
        Part(_zero_points(dry_run), "Zero points", ("zero_point",)),
        Part(
            (table if table.startswith("catalog") else f"catalogue {table}") if table else "no catalogue",
            "Catalogue",
            (CATALOGUE,),
        ),
        Part(_positions(dry_run), POSITIONS, ("header_positions",)),
        Part(_labels(dry_run), "Labels", LABEL_FIELDS),
    ]


def show_sentence(dry_run: DryRun, values: Values, *, key: str, change: Callable[[Values], None]) -> None:
    """Show what was recognised; `change` is called with the fields of a part that the reader has changed.

    `key` has to differ for each dry run, so that fields show its settings.
    """
    preview = dry_run.preview
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="import-sentence"):
        st.markdown(f"**{counted(preview.total, 'candidate')}**", width="content")
        if preview.survey:
            st.markdown(plain(preview.survey), width="content")
        for part in parts_of(dry_run):
            with st.popover(
                plain(part.words),
                type="tertiary",
                key=f"{key}-{part.title}",
            ):
                st.markdown(f"**{part.title}**")
                known = values
                if part.title == "Bands" and not values.get("bands"):
                    known = {**values, "bands": tuple(preview.bands)}
                entered = _fields(part, known, key=f"{key}-{part.title}", path=dry_run.spec.path)
                typed = part.title == "Bands" and is_typed(entered, key=f"{key}-{part.title}")
                if (
                    st.button("Change and look again", type="primary", key=f"{key}-{part.title}-change")
                    or typed
                ):
                    change(entered)


def is_typed(entered: Values, *, key: str) -> bool:
    """Return whether a field was changed since it was shown: by Enter, or by leaving it."""
    place = f"{key}-shown"
    shown = st.session_state.setdefault(place, entered)
    st.session_state[place] = entered
    return bool(shown != entered)


def _fields(part: Part, values: Values, *, key: str, path: str) -> dict[str, Any]:
    """Show the fields of a part; return what is entered."""
    if part.fields == LABEL_FIELDS and values.get(CATALOGUE):
        st.caption("A column of the catalogue is chosen below, among its columns. Instead of it:")
        others = tuple(name for name in LABEL_FIELDS if name not in COLUMN_FIELDS)
        return spec_fields(IngestSpec, key=key, values=values, only=others, columns=1)
    if part.title == POSITIONS:
        st.caption(SHARED_KEYWORDS)
    if part.fields != (CATALOGUE,):
        return spec_fields(IngestSpec, key=key, values=values, only=part.fields, columns=1)
    given = values.get(CATALOGUE)
    tables = list(dict.fromkeys([*catalogues_near(get_workspace(), path), *([str(given)] if given else [])]))
    options = [None, *tables]
    chosen = st.selectbox(
        "Table",
        options,
        index=options.index(given) if given in options else 0,
        format_func=lambda table: "none" if table is None else table,
        accept_new_options=True,
        key=f"{key}-table",
        help="Those beside the cutouts are offered; any other path may be typed.",
        width=420,
    )
    fields = ("join", "join_radius_arcsec")
    return {CATALOGUE: chosen} | spec_fields(IngestSpec, key=key, values=values, only=fields, columns=1)


def _zero_points(dry_run: DryRun) -> str:
    """Return where the zero points come from, and what they are where they are one."""
    unit = dry_run.preview.source_unit
    if dry_run.spec.zero_point:
        stated = ", ".join(dry_run.spec.zero_point)
        return f"zero point {stated} as stated"
    if unit.kind not in ("flux", "partly"):
        return "8-bit pictures without flux" if unit.kind == "picture" else "no zero points"
    if unit.kind == "partly":
        return "zero points of some from headers"
    if unit.zero_point is None:
        return "zero points from headers"
    return f"zero point {unit.zero_point:.4g} from headers"


def _positions(dry_run: DryRun) -> str:
    """Return of how many of what was read positions are known, and where they come from."""
    preview = dry_run.preview
    keywords = f"{' and '.join(preview.position_keywords)} of the headers"
    origins = {"catalogue": "the catalogue", "wcs": "the WCS", "keyword": keywords}
    counts = {origin: preview.positions.get(name, 0) for name, origin in origins.items()}
    counts = {origin: count for origin, count in counts.items() if count}
    if not counts:
        shared = " and ".join(preview.shared_keywords)
        return f"no positions, as all share {shared}" if shared else "no positions"
    without = preview.positions.get("none", 0)
    several = len(counts) > 1 or without
    words = [f"{number(count)} from {one}" if several else f"from {one}" for one, count in counts.items()]
    return f"positions {', '.join([*words, *([f'{number(without)} without'] if without else [])])}"


def _labels(dry_run: DryRun) -> str:
    """Return how many of what was read have which label, and where labels come from."""
    spec, counts = dry_run.spec, dry_run.preview.labels
    if spec.same_label:
        return "all " + ("lenses" if spec.same_label == "lens" else "non-lenses")
    known = [(counts.get("lens", 0), "lens"), (counts.get("nonlens", 0), "non-lens")]
    words = [counted(count, word) for count, word in known if count]
    if not words:
        return "no labels"
    if none := counts.get("none", 0):
        words.append(f"{number(none)} without a label")
    origin = "folders" if spec.labels_from_folders else spec.label_column
    of_read = "" if dry_run.preview.complete else " of those read"
    return f"{', '.join(words)}{of_read}, by {origin}"
