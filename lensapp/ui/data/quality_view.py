"""The quality of a source: what of its files became cutouts, what is masked, its pixels per band."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from lensapp.core.numerals import true_minus
from lensapp.core.powers import superscript
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.data.source_quality import PixelSky, account_of, pixel_sky, remarks_on
from lensapp.services.data.source_tables import SAMPLE, column_of, sampled_pixels
from lensapp.services.data.sources import rejections
from lensapp.storage.records import Rejection, Source
from lensapp.ui.data.depth_view import show_depths
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared import figures
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, download, heading, number

LAZY_ROWS = 5000
FLUX_BINS = 90
MOST_MASKED = 14
TICKS = (-5, -2, 0, 2, 5, 20, 100, 1000, 10_000)  # noise above the sky
DECADES = 2  # between ticks


def show_quality(source: Source) -> None:
    """Show what was rejected and why, what is masked, and the distribution of pixels per band."""
    rejected = rejections(get_workspace(), source)
    account = account_of(get_workspace(), source, write=number)
    left, right = st.columns([4, 5], gap="medium")
    with left:
        heading(account.kept)
        for sentence in account.sentences:
            st.caption(plain(sentence))
        if not rejected:
            _show_masked(source)
        else:
            _show_rejected(source, rejected)
    with right:
        if not rejected:
            _show_pixel_histogram(source)
        else:
            _show_masked(source)
    if rejected:
        _show_pixel_histogram(source)
    show_depths(source)
    _show_most_masked(source)


def _show_most_masked(source: Source) -> None:
    """Show the cutouts of which most is masked."""
    ws = get_workspace()
    share = column_of(ws, source, "masked_fraction")
    rows = np.argsort(-share, kind="stable")[:MOST_MASKED]
    rows = rows[share[rows] > 0]
    if not len(rows):
        return
    heading("Most masked")
    cutouts = cutouts_by_id(ws, column_of(ws, source, "id")[rows].tolist())
    contact_sheet(
        ws,
        cutouts,
        key="masked",
        captions=[f"{one.candidate_id}\n{100 * one.masked_fraction:.2g} % masked" for one in cutouts],
        colours=figures.label_colours(one.label for one in cutouts),
    )


def _show_rejected(source: Source, rejected: Sequence[Rejection]) -> None:
    st.caption(rejection_summary(rejected))
    table = rejection_table(rejected)
    height: Literal["content"] | int = 260 if len(table) > 6 else "content"
    st.dataframe(table, hide_index=True, height=height, lazy=len(table) > LAZY_ROWS)
    download(
        "All rejections (CSV)",
        lambda: table.to_csv(index=False),
        file_name=f"{source.name}-rejected.csv",
    )


def rejection_summary(rejected: Sequence[Rejection]) -> str:
    """Return how many files were rejected for each reason, the most frequent first."""
    counts = Counter(rejection.code.replace("_", " ") for rejection in rejected)
    return ", ".join(f"{count} {code}" for code, count in counts.most_common())


def rejection_table(rejected: Sequence[Rejection]) -> pd.DataFrame:
    """Return the rejected files with code and reason."""
    rows = [(rejection.file, rejection.code, rejection.reason) for rejection in rejected]
    return pd.DataFrame(rows, columns=["file", "code", "reason"])


def what_is_of_a_sample(source: Source, *, sampled: int, total: int) -> str:
    """Return that the masked share of each band is of a sample, where the import did not count all."""
    counted_all = all("nan" in report for report in (source.quality.get("bands") or {"": {}}).values())
    return (
        ""
        if counted_all or sampled >= total
        else (f"Masked in the band: in {number(sampled)} of the cutouts, evenly spread. ")
    )


def _show_masked(source: Source) -> None:
    """Show what is masked, and sky and noise of each band in one unit."""
    ws = get_workspace()
    share = column_of(ws, source, "masked_fraction")
    with_mask = int(np.count_nonzero(share > 0))
    heading(f"{counted(with_mask, 'cutout')} with masked pixels")
    pixels, _ = sampled_pixels(ws, source)
    of_which = what_is_of_a_sample(source, sampled=len(pixels), total=len(share))
    masked_share = 100 * float(share.mean()) if len(share) else 0.0
    st.caption(
        f"All bands and {counted(len(share), 'cutout')} together: {masked_share:.2g} % of the pixels are "
        f"masked, NaN or 'no data'."
    )
    of_bands = source.quality.get("bands") or {}
    rows = []
    for index, band in enumerate(source.bands):
        report = of_bands.get(band) or {}
        values = pixels[..., index]
        # What the import counted over all cutouts, or the share in a sample where it did not.
        masked: dict[str, Any] = {"masked": 100 * float(np.isnan(values).mean()) if values.size else 0.0}
        if "nan" in report:
            masked = {"NaN": report["nan"], "no data": report.get("sentinel", 0)}
        rows.append({"band": band} | masked)
    table, levels = pd.DataFrame(rows), pixel_sky(ws, source)
    if of_which and table["masked"].nunique() == 1:  # no band differs: the share of all tells it
        table, of_which = table.drop(columns="masked"), ""
    table["sky"], table["noise"] = levels.sky, levels.noise
    if levels.noise_mag_arcsec2 is not None:
        table["depth"] = levels.noise_mag_arcsec2
    columns = _columns_of_bands(levels)
    st.dataframe(table, hide_index=True, width="stretch", column_config=columns)
    also = "" if levels.noise_mag_arcsec2 is None else "; last the noise as a surface brightness"
    st.caption(plain(f"{of_which}Sky and noise of a pixel, {levels.unit}{also}."))
    for warning in remarks_on(source):
        st.caption(f":material/warning: {plain(in_page_words(warning))}")


def _columns_of_bands(levels: PixelSky) -> dict[str, Any]:
    """Return how the columns of the table of bands are shown."""
    flux, power = f"%.{levels.decimals}f", f" (10{superscript(levels.power)})" if levels.power else ""
    figure = st.column_config.NumberColumn
    return {
        "masked": figure("masked in the band", format="%.3g %%", help="Share of the pixels of this band."),
        "NaN": figure(help="Pixels of this band without a number."),
        "no data": figure(
            help="Pixels of this band with a value such as 100 or -99 that means 'no data', masked on import."
        ),
        "sky": figure(f"sky{power}", format=flux, help="Median flux of a pixel at the borders."),
        "noise": figure(f"noise{power}", format=flux, help="Robust scatter of pixels at the borders."),
        "depth": figure("mag/arcsec²", format="%.2f", help="Surface brightness equal to the noise."),
    }


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
    reached = np.max([columns[band] for band in source.bands], axis=0) > 0
    furthest = float(edges[1:][reached].max(initial=edges[1]))
    ticks = [tick for tick in TICKS if tick <= furthest]
    what = "brightness" if levels.of_pictures else "flux"
    figure.update_xaxes(
        title=f"{what} above the sky (in units of the noise, asinh scale)",
        range=[float(np.arcsinh(edges[0])), float(np.arcsinh(1.1 * furthest))],
        tickvals=np.arcsinh(ticks),
        ticktext=[true_minus(number(tick)) for tick in ticks],
    )
    powers = _powers_of_ten([columns[band] for band in source.bands])
    figure.update_yaxes(
        title="share of pixels per σ",
        type="log",
        tickvals=[10.0**power for power in powers],
        ticktext=[f"10{superscript(power)}" for power in powers],
    )
    figures.show_figure(
        figure,
        title="Pixels per band: sky peak, galaxy tail",
        caption=f"{min(SAMPLE, len(pixels))} cutouts of {source.name}, evenly spread.",
        csv=lambda: figures.csv_text(columns),
        key=f"pixels-{source.name}",
    )


def _powers_of_ten(shares: Sequence[Any]) -> list[int]:
    """Return the powers of ten that are marked on the axis of some shares."""
    every = np.concatenate(shares)
    lowest = int(np.floor(np.log10(every[every > 0].min()))) if (every > 0).any() else 0
    return list(range(0, lowest - DECADES, -DECADES))
