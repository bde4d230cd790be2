"""The view of the Compare page of the scores of one run against those of another."""

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from lensapp.services.evaluate.compare.scatter import disagreements, scatter
from lensapp.services.evaluate.compare.side_by_side import SideBySide
from lensapp.services.evaluate.compare.tables import named_cutouts
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.compare.side_figures import scatter_figure
from lensapp.ui.evaluate.cutout_sheet import show_cutouts
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import NO_ROWS, digest, kept, one_of, ticked
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.scores import with_scores_written
from lensapp.ui.shared.widgets import counted, heading, number

LISTED, SHOWN = 200, 24
ACROSS, UPWARDS = "→", "↑"
WIDTHS = {"score": 66, "rank": 60, "ratio": 52}  # pixels
RATIO = "ratio of ranks"
CLASSES = {"both": "all", "lens": "lenses", "nonlens": "non-lenses"}


def show_scatter(ws: Workspace, compared: SideBySide) -> None:
    """Show score against score; what is marked in the figure or ticked in the table is shown as cutouts."""
    left, right = st.columns(2)
    first = left.selectbox(f"Across {ACROSS}", compared.runs, key="compare-across")
    others = [name for name in compared.runs if name != first]
    second = right.selectbox(f"Upwards {UPWARDS}", others, key="compare-upwards")
    pair = compared.runs.index(first), compared.runs.index(second)
    drawn = scatter(compared, *pair)
    left, right = st.columns([3, 4], gap="small")  # at 1280 pixels the table has room for all its columns
    with left:
        thinned = "" if len(drawn.lenses) == compared.n_positive else f", {number(len(drawn.lenses))} drawn"
        dense = "; non-lenses as density (tint: logarithm)" if drawn.density is not None else ""
        marked = figures.show_figure(
            scatter_figure(compared, drawn, runs=pair, colours=figures.class_colours()),
            title="Score against score",
            caption=f"{compared.part} part: {counted(compared.n_negative, 'non-lens')}, "
            f"{counted(compared.n_positive, 'lens')}{thinned}{dense}. Click a mark or draw around some: they "
            "are shown below.",
            csv=lambda: figures.csv_text(_columns(ws, compared, pair, np.arange(len(compared.labels)))),
            key="compare-scatter",
            height=500,  # with its controls in sight in a window of 900 pixels
            selectable=True,
        )
    with right:
        ticked = _show_disagreements(ws, compared, pair)
    rows = np.array(marked, np.int64) if marked else ticked
    _show_marked(ws, compared, pair, rows, by_hand=bool(marked))


def _columns(
    ws: Workspace, compared: SideBySide, pair: tuple[int, int], rows: NDArray[np.int64]
) -> pd.DataFrame:
    table = named_cutouts(ws, compared.cutout_ids[rows])
    table.insert(1, "label", np.where(compared.labels[rows], "lens", "non-lens"))
    for run in pair:
        table[_score(compared, run)] = compared.scores[run, rows]
        table[_rank(compared, run)] = compared.ranks[run, rows]
    return table


def _score(compared: SideBySide, run: int) -> str:
    return f"score ({compared.runs[run]})"


def _rank(compared: SideBySide, run: int) -> str:
    return f"rank ({compared.runs[run]})"


def _show_disagreements(ws: Workspace, compared: SideBySide, pair: tuple[int, int]) -> NDArray[np.int64]:
    """Show the cutouts on which two runs disagree most; return the rows ticked, or the first of them."""
    kind = st.segmented_control(
        "Most different",
        list(CLASSES),
        required=True,
        **kept("different", one_of(list(CLASSES)), "both", key="compare-kind"),
        format_func=CLASSES.__getitem__,
        help="By the ratio of the ranks that the runs give a cutout among all.",
    )
    every = np.arange(len(compared.labels)) if kind == "both" else compared.of_class(kind)
    rows = disagreements(compared, *pair, rows=every)[:LISTED]
    names = [str(cutout_id) for cutout_id in compared.cutout_ids[rows].tolist()]
    scores, ranks = [_score(compared, run) for run in pair], [_rank(compared, run) for run in pair]
    table = _columns(ws, compared, pair, rows)[["candidate_id", "label", *scores, *ranks]]
    table[RATIO] = table[ranks].max(axis=1) / table[ranks].min(axis=1)
    event = st.dataframe(
        with_scores_written(table.style, scores),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        height=480,
        **kept("ticked_cutouts", ticked(names), NO_ROWS, key=f"compare-different-{pair}-{digest(names)}"),
        column_config={
            "candidate_id": st.column_config.TextColumn("candidate", width=98),
            "label": st.column_config.TextColumn(width=72),  # "non-lens", which may stand below the first
            **{  # by the arrows of the axes: two names would leave no room for the numbers
                name(compared, run): st.column_config.NumberColumn(
                    f"{word} {axis}",
                    format=written,
                    width=WIDTHS[word],
                    help=f"{word.capitalize()} by {plain(compared.runs[run])}{meaning}.",
                )
                for run, axis in zip(pair, (ACROSS, UPWARDS), strict=True)
                for name, word, written, meaning in (
                    (_score, "score", None, ""),
                    (_rank, "rank", "%.0f", "; 1 is the highest score"),
                )
            },
            RATIO: st.column_config.NumberColumn(
                "ratio",
                format="%.1f",
                width=WIDTHS["ratio"],
                help="The larger rank by the smaller: by this the table is sorted, the most different first.",
            ),
        },
    )
    first, second = (plain(compared.runs[run]) for run in pair)
    st.caption(f"{ACROSS} by {first}, {UPWARDS} by {second}; rank 1 is the highest score.")
    chosen = [row for row in event.selection.rows if row < len(rows)]
    return rows[chosen] if chosen else rows[:SHOWN]


def _show_marked(
    ws: Workspace,
    compared: SideBySide,
    pair: tuple[int, int],
    rows: NDArray[np.int64],
    *,
    by_hand: bool,
) -> None:
    names = [compared.runs[run] for run in pair]
    classes = figures.class_colours()
    row_of = dict(zip(compared.cutout_ids[rows].tolist(), rows.tolist(), strict=True))

    def caption_of(cutout: Cutout) -> str:
        row = row_of[cutout.id]
        ranks = [number(round(compared.ranks[run, row])) for run in pair]
        return f"{ACROSS} {ranks[0]} · {UPWARDS} {ranks[1]}"

    heading("Marked cutouts" if by_hand else "Cutouts on which the runs differ most")
    show_cutouts(
        ws,
        list(row_of),
        limit=SHOWN,
        caption_of=caption_of,
        review_name=f"{names[0]}-against-{names[1]}"[:80],
        run_name=names[0],
        key="compare-marked",
        colours=[classes["lens" if compared.labels[row] else "nonlens"] for row in rows.tolist()],
        legend={figures.CLASS_NAMES[label]: classes[label] for label in ("lens", "nonlens")},
    )
    st.caption(
        f"{number(min(SHOWN, len(rows)))} of {number(len(rows))}; below each its rank among "
        f"{number(len(compared.labels))}, by {plain(names[0])} ({ACROSS}) and {plain(names[1])} ({UPWARDS})."
    )
