"""Figures of a split: class balance, positions and magnitudes per part, folds, images that look alike."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from lensapp.core.split.splits import LABELS, PARTS, SplitSpec
from lensapp.services.data.pictures import read_mixed_pictures
from lensapp.services.split.previews import SplitPreview
from lensapp.ui.data.source_views import sky_figure
from lensapp.ui.shared import figures
from lensapp.ui.shared.pictures import sheet
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import number

PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}
SKY_POINTS = 12_000
SHOWN_GROUPS = 6
SHOWN_OF_GROUP = 8
MAGNITUDE_BINS = 40


def show_parts(preview: SplitPreview, *, spec: SplitSpec) -> None:
    """Show class balance above, sky and magnitudes below."""
    _balance(preview)
    left, right = st.columns(2, gap="medium")
    with left:
        _sky(preview)
    with right:
        if preview.magnitude_name:
            _magnitudes(preview)
        else:
            st.caption("Magnitudes per part appear here for sources that have a magnitude column.")
    if spec.folds:
        st.markdown("**Folds for cross-validation, of training and validation together**")
        st.dataframe(
            [
                {"fold": fold, "lenses": counts[LABELS[0]], "non-lenses": counts[LABELS[1]]}
                for fold, counts in preview.fold_counts.items()
            ],
            hide_index=True,
        )


def _balance(preview: SplitPreview) -> None:
    figure, colours = go.Figure(), figures.class_colours()
    parts = list(reversed(PARTS))
    counts = {label: [preview.counts.get(part, {}).get(label, 0) for part in parts] for label in LABELS}
    totals = [sum(values) for values in zip(*counts.values(), strict=True)]
    names = [
        f"{PART_NAMES[part]}: {number(total)}, {100 * lenses / max(total, 1):.1f} % lenses"
        for part, total, lenses in zip(parts, totals, counts[LABELS[0]], strict=True)
    ]
    for label in LABELS:
        figure.add_bar(
            y=names,
            x=counts[label],
            name=figures.CLASS_NAMES[label],
            orientation="h",
            marker={"color": colours[label]},
            hovertemplate="%{x} " + figures.CLASS_NAMES[label] + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.25)
    figure.update_xaxes(title="cutouts")
    figures.show(
        figure,
        title="Each part holds the same share of lenses" if _even(preview) else "Lenses in each part",
        caption=f"{number(sum(totals))} labelled cutouts, all parts.",
        csv=lambda: figures.csv_text({"part": parts, **counts}),
        key="balance",
        height=210,
    )


def _even(preview: SplitPreview) -> bool:
    shares = [
        part.get(LABELS[0], 0) / total for part in preview.counts.values() if (total := sum(part.values()))
    ]
    return bool(shares) and max(shares) - min(shares) < 0.02


def _sky(preview: SplitPreview) -> None:
    columns = preview.columns
    positioned = np.flatnonzero(np.isfinite(columns["ra_deg"]) & (columns["part"] != ""))
    if not len(positioned):
        st.caption("No cutout has a position.")
        return
    drawn = positioned[
        np.unique(np.linspace(0, len(positioned) - 1, min(len(positioned), SKY_POINTS)).astype(np.int64))
    ]
    figure = sky_figure(
        columns["ra_deg"][drawn],
        columns["dec_deg"][drawn],
        columns["part"][drawn],
        columns["candidate_id"][drawn],
        colours=figures.part_colours(),
        names=PART_NAMES,
    )
    table = {name: columns[name][positioned] for name in ("candidate_id", "ra_deg", "dec_deg", "part")}
    figures.show(
        figure,
        title="Where the parts lie on the sky",
        caption=f"{number(len(drawn))} of {number(len(positioned))} cutouts with a position.",
        csv=lambda: figures.csv_text(table),
        key="parts-sky",
        height=330,
    )


def _magnitudes(preview: SplitPreview) -> None:
    columns, colours = preview.columns, figures.part_colours()
    values = columns["magnitude"]
    known = np.isfinite(values)
    if not known.any():
        return
    edges = np.histogram_bin_edges(values[known], MAGNITUDE_BINS)
    figure, table = go.Figure(), {"magnitude": (edges[1:] + edges[:-1]) / 2}
    for part in PARTS:
        counts, _ = np.histogram(values[known & (columns["part"] == part)], edges)
        share = counts / max(int(counts.sum()), 1)
        table[part] = share
        figure.add_scatter(
            x=table["magnitude"],
            y=share,
            name=PART_NAMES[part],
            mode="lines",
            line={"shape": "hvh", "color": colours[part], "width": 1.8},
        )
    figure.update_xaxes(title=f"{preview.magnitude_name} (mag)")
    figure.update_yaxes(title="share of the part", rangemode="tozero")
    figures.show(
        figure,
        title="Magnitudes of the parts",
        caption=f"{number(int(known.sum()))} cutouts with a magnitude.",
        csv=lambda: figures.csv_text(table),
        key="parts-magnitude",
        height=330,
    )


def show_groups(preview: SplitPreview) -> None:
    """Show images that look alike, and groups with both labels, as pictures."""
    _group_pictures(
        preview.conflicts,
        title=f"{number(len(preview.conflicts))} groups hold both labels",
        text="One object, two labels: one of them is probably wrong.",
    )
    _group_pictures(
        preview.duplicate_groups,
        title=f"{number(len(preview.duplicate_groups))} groups of near-duplicate images",
        text="They stay in one part, so that the test part holds no image seen in training.",
    )


def _group_pictures(groups: tuple[tuple[int, ...], ...], *, title: str, text: str) -> None:
    if not groups:
        return
    with st.expander(title):
        st.caption(text)
        for members in groups[:SHOWN_GROUPS]:
            _pictures(members)
        if len(groups) > SHOWN_GROUPS:
            st.caption(f"and {number(len(groups) - SHOWN_GROUPS)} groups more")


def _pictures(members: tuple[int, ...]) -> None:
    cutouts, source_names, pictures = read_mixed_pictures(get_workspace(), members[:SHOWN_OF_GROUP])
    colours = figures.class_colours()
    sheet(
        np.stack(pictures),
        columns=SHOWN_OF_GROUP,
        captions=[
            f"{cutout.candidate_id} ({name})" for cutout, name in zip(cutouts, source_names, strict=True)
        ],
        colours=[colours[cutout.label or "unlabelled"] for cutout in cutouts],
    )
    if len(members) > SHOWN_OF_GROUP:
        st.caption(f"{number(len(members) - SHOWN_OF_GROUP)} more in this group")
