"""What is known about a source: quality, catalogue, positions."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.catalogue.safe_text import neutralise
from lensapp.core.plurals import imported_of
from lensapp.services.data.filters import catalogue_columns, kept_ids, magnitudes_first
from lensapp.services.data.source_tables import SAMPLE, column_of, labels_of, sampled_pixels, table_of
from lensapp.services.data.sources import rejections, unit_in_words
from lensapp.storage.records import Rejection, Source
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, several_of, text
from lensapp.ui.shared.cutout_export import show_cutout_export
from lensapp.ui.shared.filters import ask_filter
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, download, errors_shown, number

LAZY_ROWS = 5000
USUAL_COLUMNS = 8
CATALOGUE_LOOKS = {
    "ra (deg)": st.column_config.NumberColumn("RA (deg)", format="%.5f", help="ICRS"),
    "dec (deg)": st.column_config.NumberColumn("Dec (deg)", format="%.5f", help="ICRS"),
    "masked": st.column_config.NumberColumn(format="percent"),
}
SKY_POINTS = 20_000
ELONGATED = 3
SVG_POINTS = 4_000
FLUX_BINS = 90


def show_quality(source: Source) -> None:
    """Show what was rejected and why, what is masked, and the distribution of pixels per band."""
    rejected = rejections(get_workspace(), source)
    imported = len(column_of(get_workspace(), source, "id"))
    said = f"**{imported_of(imported, len(rejected), write=number)} imported**"
    left, right = st.columns([2, 3], gap="large")
    if rejected:
        with left:
            st.markdown(said)
            st.caption(rejection_summary(rejected))
            table = rejection_table(rejected)
            height: Literal["content"] | int = 260 if len(table) > 6 else "content"
            st.dataframe(table, hide_index=True, height=height, lazy=len(table) > LAZY_ROWS)
            download(
                "All rejections (CSV)",
                lambda: table.to_csv(index=False),
                file_name=f"{source.name}-rejected.csv",
            )
        with right:
            _show_masked(source)
        _show_pixel_histogram(source)
        return
    with left:
        st.markdown(said)
        st.caption("Every file of this source became a cutout.")
        _show_masked(source)
    with right:
        _show_pixel_histogram(source)


def rejection_summary(rejected: Sequence[Rejection]) -> str:
    """Return how many files were rejected for each reason, the most frequent first."""
    counts = Counter(rejection.code.replace("_", " ") for rejection in rejected)
    return ", ".join(f"{count} {code}" for code, count in counts.most_common())


def rejection_table(rejected: Sequence[Rejection]) -> pd.DataFrame:
    """Return the rejected files with code and reason."""
    rows = [(rejection.file, rejection.code, rejection.reason) for rejection in rejected]
    return pd.DataFrame(rows, columns=["file", "code", "reason"])


def _show_masked(source: Source) -> None:
    share = column_of(get_workspace(), source, "masked_fraction")
    with_mask = int(np.count_nonzero(share > 0))
    st.markdown(f"**{counted(with_mask, 'cutout')} with masked pixels**")
    st.caption(f"{100 * float(share.mean()) if len(share) else 0:.2f} % of all pixels are NaN or 'no data'.")
    pixels, levels = sampled_pixels(get_workspace(), source)
    of_bands = source.quality.get("bands") or {}
    rows = []
    for index, band in enumerate(source.bands):
        report = of_bands.get(band) or {}
        values = pixels[..., index]
        # What the import counted over all cutouts, or the share in a sample where it did not.
        masked: dict[str, Any] = {"masked in sample": float(np.isnan(values).mean()) if values.size else 0.0}
        if "nan" in report:
            masked = {"NaN pixels": report["nan"], "no-data pixels": report.get("sentinel", 0)}
        sky, noise = float(levels.sky[index]), float(levels.noise[index])
        rows.append({"band": band} | masked | {"sky": sky, "noise": noise})
    largest = max((abs(row[name]) for row in rows for name in ("sky", "noise")), default=0.0)
    power = 0 if 1e-3 <= largest < 1e5 or not largest else int(np.floor(np.log10(largest)))
    for row in rows:
        row |= {name: row[name] / 10.0**power for name in ("sky", "noise")}
    unit = "" if not power else f" (10^{power})"
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            "masked in sample": st.column_config.NumberColumn(format="percent"),
            "no-data pixels": st.column_config.NumberColumn(
                help="Values such as 100 or -99 that mean 'no data', masked on import."
            ),
            "sky": st.column_config.NumberColumn(
                f"sky{unit}", format="%.4f", help="Median flux of a pixel at the borders."
            ),
            "noise": st.column_config.NumberColumn(
                f"noise{unit}", format="%.4f", help="Robust scatter of pixels at the borders."
            ),
        },
    )
    st.caption(
        plain(
            f"Sky and noise of a pixel, in the unit of the source: {unit_in_words(get_workspace(), source)}."
        )
    )
    for warning in source.quality.get("warnings") or ():
        st.caption(f":material/warning: {plain(in_page_words(warning))}")


def _show_pixel_histogram(source: Source) -> None:
    pixels, levels = sampled_pixels(get_workspace(), source)
    if not pixels.size:
        return
    edges = np.concatenate([np.linspace(-6, 10, FLUX_BINS // 2), np.geomspace(10.5, 1e4, FLUX_BINS // 2)])
    centres = (edges[1:] + edges[:-1]) / 2
    figure = go.Figure()
    columns: dict[str, Any] = {"flux_in_noise": centres}
    colours = figures.line_colours()
    for index, band in enumerate(source.bands):
        values = (pixels[..., index] - levels.sky[index]) / levels.noise[index]
        counts, _ = np.histogram(values[np.isfinite(values)], edges)
        density = counts / np.diff(edges) / max(counts.sum(), 1)
        columns[band] = density
        figure.add_scatter(
            x=np.arcsinh(centres),
            y=np.where(density > 0, density, np.nan),
            name=band,
            mode="lines",
            line={"shape": "hvh", "width": 1.6, "color": colours[index % len(colours)]},
            customdata=centres,
            hovertemplate="%{fullData.name}<br>%{customdata:.3g} σ: %{y:.2g}<extra></extra>",
        )
    ticks = [-5, -2, 0, 2, 5, 20, 100, 1000, 10_000]
    figure.update_xaxes(
        title="flux above the sky (in units of the noise, asinh scale)",
        tickvals=np.arcsinh(ticks),
        ticktext=[f"{tick:g}" for tick in ticks],
    )
    figure.update_yaxes(title="share of pixels per σ", type="log", exponentformat="e", dtick=2)
    figures.show_figure(
        figure,
        title="Pixels per band: the sky is the peak, galaxies are the tail",
        caption=f"{min(SAMPLE, len(pixels))} cutouts of {source.name}, evenly spread.",
        csv=lambda: figures.csv_text(columns),
        key=f"pixels-{source.name}",
    )


def show_catalogue(source: Source) -> None:
    """Show the table of candidates; large ones stay on the server and are read as they are scrolled."""
    ws = get_workspace()
    where, usable = ask_filter(ws, [source], key=f"catalogue-view-filter-{source.name}")
    offered = magnitudes_first(catalogue_columns(ws, source))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=280):
            part = st.text_input("Candidate contains", **kept("contains", text(), "")).strip()
        labels = labels_of(ws, source)
        present = sorted(set(labels))
        classes = st.pills(
            "Class",
            present,
            format_func=lambda label: plain(figures.CLASS_NAMES.get(label, label)),
            selection_mode="multi",
            **kept("classes", several_of(present), []),
        )
        columns = _choose_columns(source, offered)
        download(
            "Whole catalogue (CSV)",
            lambda: safe_csv(table_of(ws, source, columns=offered)),
            file_name=f"{source.name}.csv",
        )
    if not usable:
        return
    table = table_of(ws, source, columns=columns)
    keep = np.ones(len(table), bool)
    if where is not None:
        with errors_shown():
            keep = np.isin(column_of(ws, source, "id"), kept_ids(ws, source, where))
    fulfilling = int(np.count_nonzero(keep))
    if part:
        keep &= table["candidate"].str.contains(part, case=False, regex=False).to_numpy(bool)
    if classes:
        keep &= np.isin(labels, classes)
    rows = table if keep.all() else table[keep]
    st.caption(f"{number(len(rows))} of {counted(len(table), 'candidate')}")
    st.dataframe(
        rows.assign(
            label=rows["label"].map(figures.CLASS_NAMES),
            **{"position from": rows["position from"].replace({"wcs": "header"})},
        ),
        hide_index=True,
        height=560,
        placeholder="–",
        lazy=len(rows) > LAZY_ROWS,
        column_config=CATALOGUE_LOOKS,
    )
    query = CatalogueQuery(of=(source.name,), where=where)
    show_cutout_export(ws, query, count=fulfilling, key="data")


def _choose_columns(source: Source, offered: Sequence[str]) -> list[str]:
    """Ask which columns of its catalogue the table of a source shows."""
    with st.popover("Columns of the table", icon=":material/view_column:"):
        columns = st.multiselect(
            "Of the catalogue, besides those every source has",
            offered,
            placeholder="none" if offered else "it has no further ones",
            disabled=not offered,
            **kept(
                "columns",
                several_of(offered),
                list(offered[:USUAL_COLUMNS]),
                key=f"catalogue-columns-{source.name}",
            ),
        )
    return list(columns)


def safe_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV in which no cell can become a spreadsheet formula."""
    texts = table.select_dtypes(include=["object", "string"])
    guarded = {name: texts[name].astype("string").map(neutralise, na_action="ignore") for name in texts}
    return str(table.assign(**guarded).to_csv(index=False))


def show_sky(source: Source) -> None:
    """Show where the cutouts are."""
    ws = get_workspace()
    labels = labels_of(ws, source)
    ra_deg, dec_deg = column_of(ws, source, "ra_deg"), column_of(ws, source, "dec_deg")
    positioned = np.flatnonzero(np.isfinite(ra_deg) & np.isfinite(dec_deg))
    if not len(positioned):
        st.info(
            "No cutout of this source has a position. Import it again with a catalogue of positions.",
            icon=":material/public_off:",
        )
        return
    drawn = evenly_spread(positioned, most=SKY_POINTS)
    figure = sky_figure(
        ra_deg[drawn],
        dec_deg[drawn],
        labels[drawn],
        column_of(get_workspace(), source, "candidate_id")[drawn],
        colours=figures.class_colours(),
        names=figures.CLASS_NAMES,
    )
    part = "" if len(drawn) == len(positioned) else f", {number(len(drawn))} of them drawn"
    figures.show_figure(
        figure,
        title="Positions of the cutouts",
        caption=f"{number(len(positioned))} of {counted(len(labels), 'cutout')} with a position{part}. ICRS.",
        csv=lambda: safe_csv(
            table_of(get_workspace(), source)[["candidate", "ra (deg)", "dec (deg)", "label"]]
        ),
        key=f"sky-{source.name}",
        height=560,
    )


def evenly_spread(rows: NDArray[np.int64], *, most: int) -> NDArray[np.int64]:
    """Return `most` of the rows or fewer, in even steps from the first to the last."""
    steps = np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)
    return np.asarray(rows[np.unique(steps)])


def sky_figure(
    ra_deg: Any,
    dec_deg: Any,
    classes: Any,
    candidates: Any,
    *,
    colours: dict[str, str],
    names: dict[str, str],
) -> go.Figure:
    """Return a map with east to the left, one colour per class; the largest class lies lowest."""
    figure = go.Figure()
    # WebGL costs seconds to start on machines without a GPU and pays only for many points.
    trace = go.Scatter if len(classes) <= SVG_POINTS else go.Scattergl
    kinds = [kind for kind in colours if np.any(classes == kind)]
    for kind in sorted(kinds, key=lambda item: -np.count_nonzero(classes == item)):
        members = classes == kind
        points = trace(
            x=ra_deg[members],
            y=dec_deg[members],
            name=names.get(kind, kind),
            legendrank=kinds.index(kind),
            mode="markers",
            marker={
                "size": 4 if len(classes) > 1000 else 6,
                "color": colours[kind],
                "symbol": figures.CLASS_SYMBOLS.get(kind, "circle"),
                "opacity": 0.8,
            },
            customdata=candidates[members],
            hovertemplate="%{customdata}<br>RA %{x:.5f}°, Dec %{y:.5f}°<extra></extra>",
        )
        figure.add_trace(points)
    figure.update_xaxes(title="RA (deg)", autorange="reversed")
    figure.update_yaxes(title="Dec (deg)", minallowed=-90, maxallowed=90)
    squeeze = max(float(np.cos(np.radians(np.median(dec_deg)))), 0.05)
    width, height = float(np.ptp(ra_deg)) * squeeze, float(np.ptp(dec_deg))
    # In true shape, but for strips: a figure of another shape would be mostly empty, or go beyond its data.
    if height / ELONGATED < width < height * ELONGATED:
        figure.update_xaxes(constrain="domain")
        figure.update_yaxes(scaleanchor="x", scaleratio=1 / squeeze, constrain="domain")
    return figure
