"""Figures of a split: class balance, positions and magnitudes per part, folds, images that look alike."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from lensapp.core.brightness import Brightness
from lensapp.core.data.column_names import column_label
from lensapp.core.split.splits import LABELS, PARTS
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.split.previews import SplitPreview
from lensapp.ui.data.sky_view import Positions, evenly_spread, sky_figure
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared import figures
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, number

SKY_POINTS = 1_000  # each mark costs the browser an element; a small panel shows no more of them apart
MOST_GROUPS = 6
MOST_OF_GROUP = 8
FEWEST_BINS, MAGNITUDE_BINS = 10, 40
TOP_PIXELS = 58  # two rows of the legend, as on a narrow window
EVEN_SHARES = 0.02  # largest difference of the shares of lenses


def show_balance(preview: SplitPreview) -> None:
    """Show how many cutouts of each class each part holds."""
    figure, colours = go.Figure(), figures.class_colours()
    parts = list(reversed(PARTS))
    counts = {label: [preview.counts.get(part, {}).get(label, 0) for part in parts] for label in LABELS}
    totals = [sum(values) for values in zip(*counts.values(), strict=True)]
    shares = [lenses / max(total, 1) for lenses, total in zip(counts[LABELS[0]], totals, strict=True)]
    names = [
        f"{figures.PART_NAMES[part]}: {number(total)}, {100 * share:.1f} % lenses"
        for part, total, share in zip(parts, totals, shares, strict=True)
    ]
    for place, label in enumerate(LABELS):
        figure.add_bar(
            y=names,
            x=counts[label],
            name=figures.CLASS_NAMES[label],
            orientation="h",
            legendrank=place,
            marker={"color": colours[label], "pattern": {"shape": "/" if label == "nonlens" else ""}},
            hovertemplate="%{x} " + figures.CLASS_NAMES[label] + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.25, legend={"traceorder": "normal"})
    figure.update_xaxes(title="cutouts")
    even = is_even(counts[LABELS[0]], totals)
    figures.show_figure(
        figure,
        title="Each part holds the same share of lenses" if even else "Lenses in each part",
        caption=f"{number(sum(totals))} labelled cutouts, all parts.",
        csv=lambda: figures.csv_text({"part": parts, **counts}),
        key="balance",
        height=210,
    )


def show_sky_of_parts(preview: SplitPreview) -> None:
    """Show where the cutouts of each part lie."""
    columns = preview.columns
    positioned = np.flatnonzero(np.isfinite(columns["ra_deg"]) & (columns["part"] != ""))
    if not len(positioned):
        st.caption("No cutout has a position.")
        return
    drawn = evenly_spread(positioned, most=SKY_POINTS)
    positions = Positions(
        columns["ra_deg"][drawn],
        columns["dec_deg"][drawn],
        columns["candidate_id"][drawn],
        columns["part"][drawn],
    )
    figure, _ = sky_figure(positions, colours=figures.part_colours(), names=figures.PART_NAMES)
    figure.update_layout(margin={"t": TOP_PIXELS})
    table = {name: columns[name][positioned] for name in ("candidate_id", "ra_deg", "dec_deg", "part")}
    figures.show_figure(
        figure,
        title="Parts on the sky",
        caption=f"{number(len(drawn))} of {counted(len(positioned), 'cutout')} with a position.",
        csv=lambda: figures.csv_text(table),
        key="parts-sky",
        height=330,
    )


def show_magnitudes(preview: SplitPreview) -> None:
    """Show the distribution of magnitudes in each part, where the sources have any."""
    if not preview.magnitude_name:
        st.caption("Magnitudes per part appear here for sources that have a magnitude column.")
        return
    columns, colours = preview.columns, figures.part_colours()
    magnitudes = columns["magnitude"]
    measured = np.isfinite(magnitudes) & (columns["part"] != "")
    if not measured.any():
        return
    bins = int(np.clip(2 * np.count_nonzero(measured) ** (1 / 3), FEWEST_BINS, MAGNITUDE_BINS))  # Rice's rule
    edges = np.histogram_bin_edges(magnitudes[measured], bins)
    figure, table = go.Figure(), {"magnitude": (edges[1:] + edges[:-1]) / 2}
    for part in PARTS:
        counts, _ = np.histogram(magnitudes[measured & (columns["part"] == part)], edges)
        share = counts / max(int(counts.sum()), 1)
        table[part] = share
        figure.add_scatter(
            x=edges,
            y=np.append(share, share[-1]),
            customdata=np.append(table["magnitude"], table["magnitude"][-1]),
            name=figures.PART_NAMES[part],
            mode="lines",
            line={"shape": "hv", "color": colours[part], "width": 1.8},
            hovertemplate="%{customdata:.2f} mag: %{y:.3f}",
        )
    figure.update_xaxes(title=f"{column_label(preview.magnitude_name)} (mag)")
    figure.update_yaxes(title="share of the part", rangemode="tozero")
    figure.update_layout(margin={"t": TOP_PIXELS})
    figures.show_figure(
        figure,
        title="Magnitudes by part",
        caption=_how_many_measured(int(measured.sum()), int(np.count_nonzero(columns["part"] != "")))
        + _medians(preview.brightness),
        csv=lambda: figures.csv_text(table),
        key="parts-magnitude",
        height=330,
    )


def _medians(brightness: Brightness | None) -> str:
    """Say how bright the classes are, where magnitudes of both are known."""
    if brightness is None:
        return ""
    return f" Median: lenses {brightness.lenses.median:.1f}, non-lenses {brightness.others.median:.1f}."


def _how_many_measured(measured: int, total: int) -> str:
    """Say of how many cutouts of the parts a figure of magnitudes tells."""
    if measured == total:
        return f"{counted(total, 'cutout')}, all of them with a magnitude."
    return f"Only the {number(measured)} of {counted(total, 'cutout')} that have a magnitude."


def show_groups(
    groups: Sequence[Sequence[int]], source_names: Mapping[int, str], *, title: str, text: str
) -> None:
    """Show groups of cutouts as pictures under a title, a row for each; nothing where there is none."""
    if not groups:
        return
    with st.expander(title):
        st.caption(text)
        ws = get_workspace()
        for number_of_group, cutout_ids in enumerate(groups[:MOST_GROUPS]):
            cutouts = cutouts_by_id(ws, cutout_ids[:MOST_OF_GROUP])
            contact_sheet(
                ws,
                cutouts,
                key=f"{title}-{number_of_group}",
                captions=[f"{one.candidate_id} ({source_names[one.source_id]})" for one in cutouts],
                colours=figures.label_colours(cutout.label for cutout in cutouts),
                with_controls=not number_of_group,
            )
            if len(cutout_ids) > MOST_OF_GROUP:
                st.caption(f"{number(len(cutout_ids) - MOST_OF_GROUP)} more in this group")
        if len(groups) > MOST_GROUPS:
            st.caption(f"and {counted(len(groups) - MOST_GROUPS, 'group')} more")


def is_even(lenses: Sequence[int], totals: Sequence[int]) -> bool:
    """Tell whether all parts hold cutouts, both classes are there, and lenses are the same share of each."""
    if not all(totals) or not 0 < sum(lenses) < sum(totals):
        return False
    shares = [some / total for some, total in zip(lenses, totals, strict=True)]
    return max(shares) - min(shares) < EVEN_SHARES
