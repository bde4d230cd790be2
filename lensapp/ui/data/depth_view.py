"""How deep single cutouts of a source are, per band, and which stand out."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.data.source_quality import CutoutNoise, noise_of_cutouts
from lensapp.storage.records import Source
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared import figures
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import describe_cutout
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, heading, number

MOST_BINS = 40
OUTER = 0.5  # per cent at either end that a few strays may lie beyond
MOST_SHOWN = 6
SMALLEST = 104  # pixels across: all of them in one row on a wide screen, in two on others


def show_depths(source: Source) -> None:
    """Show how the noise of cutouts is spread in each band beside those that stand out."""
    found = noise_of_cutouts(get_workspace(), source)
    if found is None or not np.isfinite(found.relative).any():
        return
    left, right = st.columns([4, 5], gap="medium")
    with left:
        _show_farthest(source, found)
    with right:
        _show_spread(source, found)


def _show_spread(source: Source, found: CutoutNoise) -> None:
    deep = found.depth_mag_arcsec2
    values = found.relative if deep is None else deep
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [OUTER, 100 - OUTER])
    margin = max(0.05 * (high - low), 0.02)
    bins = int(np.clip(3 * np.sqrt(len(values)), 8, MOST_BINS))
    edges = np.linspace(low - margin, high + margin, bins + 1)
    figure, colours = go.Figure(), figures.line_colours()
    columns: dict[str, Any] = {"from": edges[:-1], "to": edges[1:]}
    for index, band in enumerate(source.bands):
        counts, _ = np.histogram(np.clip(values[:, index], edges[0], edges[-1]), edges)
        columns[band] = counts
        colour = colours[index % len(colours)]
        figure.add_scatter(
            x=(edges[1:] + edges[:-1]) / 2,
            y=counts,
            name=band,
            mode="lines",
            line={"shape": "hvh", "width": 1.6, "color": colour},
            fill="tozeroy",
            fillcolor=figures.faded(colour, 0.15),
            hovertemplate="%{fullData.name}<br>%{x:.3g}: %{y} cutouts<extra></extra>",
        )
    title = "noise of a pixel, over the median of its band"
    if deep is not None:
        title = "surface brightness of the noise (mag/arcsec²), deeper to the right"
    figure.update_xaxes(title=title)
    figure.update_yaxes(title="cutouts", rangemode="tozero")
    figures.show_figure(
        figure,
        title="Noise of each cutout" if deep is None else "Depth of each cutout",
        caption=f"{counted(len(values), 'cutout')} of {source.name}, evenly spread; strays in the end bins.",
        csv=lambda: figures.csv_text(columns),
        key=f"depths-{source.name}",
        height=300,
    )


def _show_farthest(source: Source, found: CutoutNoise) -> None:
    ws, (rows, shallower, deeper) = get_workspace(), found.outstanding()
    if len(rows):
        heading("Cutouts of unusual depth")
        counts = {"shallower": shallower, "deeper": deeper}
        told = " and ".join(f"{number(count)} {words}" for words, count in counts.items() if count)
        stand = "stand" if len(rows) > 1 else "stands"
        said = f"{counted(len(rows), 'cutout')} of the sample {stand} out: {told}."
        rows = rows[:MOST_SHOWN]
    else:
        heading("The deepest and the shallowest cutouts")
        said = "None of the sample stands out from the others of its band."
        rows = found.extremes(MOST_SHOWN // 2)
    st.caption(
        f"{said} Below each the noise of a pixel over its median in {plain(source.name)}, in the band where "
        "it is farthest from that."
    )
    cutouts = cutouts_by_id(ws, found.cutout_ids[rows].tolist())
    chosen = zip(found.cutout_ids[rows].tolist(), rows.tolist(), strict=True)
    words = {key: _in_words(source, found, row) for key, row in chosen}
    contact_sheet(
        ws,
        cutouts,
        key="noisiest",
        captions=[f"{one.candidate_id}\n{words[one.id]}" for one in cutouts],
        hints=[describe_cutout(one) for one in cutouts],
        colours=figures.label_colours(one.label for one in cutouts),
        smallest=SMALLEST,
    )


def _in_words(source: Source, found: CutoutNoise, row: int) -> str:
    """Return in which band the noise of a cutout is farthest from the usual, and how far."""
    band = int(found.farthest[row])
    return f"{source.bands[band]}: noise × {number(float(found.relative[row, band]), digits=2)}"
