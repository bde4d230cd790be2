"""The view of the Compare page of two runs on a source that both have scored, with labels or without."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.evaluate.compare.overlap import Overlap
from lensapp.core.numerals import score_text
from lensapp.services.evaluate.compare.on_source import (
    FIRST,
    SECOND,
    OnSource,
    best_of_set,
    on_source,
    scored_together,
)
from lensapp.services.evaluate.compare.tables import named_cutouts
from lensapp.services.evaluate.run_colours import colours_of_runs
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.compare.source_figure import source_figure
from lensapp.ui.evaluate.cutout_sheet import show_cutouts
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import any_whole, kept, one_of
from lensapp.ui.shared.markup import plain, shortened
from lensapp.ui.shared.state import choose
from lensapp.ui.shared.widgets import counted, empty_state, errors_shown, heading, number, number_within

USUAL_TOP, SHOWN = 100, 24
SET_LETTERS = 13  # of a name in a choice of three, in one row on a window of 1280 px
ARROWS = ("→", "↑")
PART, SOURCE = "part", "source"
CUTOUTS = {PART: "Evaluated part", SOURCE: "Whole source"}
SECOND_ONLY, FIRST_ONLY, BOTH = "second", "first", "both"


def is_on_source(ws: Workspace) -> bool:
    """Ask whether scores of the evaluated part or of a source are compared; not where no source can be."""
    if not scored_together(ws):
        return False
    chosen = st.segmented_control(
        "Cutouts",
        list(CUTOUTS),
        required=True,
        **kept("on", one_of(list(CUTOUTS)), PART, key="compare-on"),
        format_func=CUTOUTS.__getitem__,
        label_visibility="collapsed",
        help="The part of the dataset on which the runs were evaluated, or a source that two runs have "
        "scored, with labels or without.",
    )
    return str(chosen) == SOURCE


def show_on_source(ws: Workspace, together: Mapping[str, list[str]] | None = None) -> None:
    """Show how far two runs agree on a source: score against score, and the best of one or both as pictures.

    `together` are the sources that several runs have scored, where they are known already.
    """
    together = scored_together(ws) if together is None else together
    if not together:
        empty_state(
            "No source has scores of two runs",
            "Score a source with a second network, or import the scores of another program: which candidates "
            "only one of both finds is then shown here, with labels or without.",
            icon=":material/stacked_line_chart:",
        )
        return
    cells = st.columns([4, 4, 4, 3], vertical_alignment="bottom")
    below = st.container()
    with cells[0]:
        source = str(choose("source", list(together), label="Source", said_in=below))
    names = together[source]
    with cells[1]:
        across = kept("across", one_of(names), names[0], key=f"compare-source-across-{source}")
        first = str(st.selectbox("Run across →", names, **across))
    others = [name for name in names if name != first]
    with cells[2]:
        upwards = kept("upwards", one_of(others), others[0], key=f"compare-source-upwards-{source}-{first}")
        second = str(st.selectbox("Run upwards ↑", others, **upwards))
    with errors_shown():
        compared = on_source(ws, source, first, second)
        count = len(compared.cutout_ids)
        with cells[3]:
            top = number_within(
                "Best of each", 1, count, said_in=below, step=1,
                **kept("top", any_whole(), min(USUAL_TOP, count), key=f"compare-source-top-{count}"),
                help="How many of the highest scores of either run are laid beside each other; of equal "
                "scores the first cutouts of the source.",
            )  # fmt: skip
        _show_agreement(ws, compared, top)


def show_if_scored(ws: Workspace) -> None:
    """Show two runs on a source where there is one that several have scored, and nothing else to compare."""
    if together := scored_together(ws):
        st.subheader("Two runs on one source")
        show_on_source(ws, together)


def _show_agreement(ws: Workspace, compared: OnSource, top: int) -> None:
    """Show what the best of two runs have in common, and each set of them."""
    overlap = compared.overlap(top)
    first, second = (plain(name) for name in compared.runs)
    both = int(overlap.by_all.sum())
    st.markdown(
        f"Of the {number(top)} best of each, **{number(both)} ({100 * both / top:.0f} %)** are among those "
        f"of both runs; independent choices would share {float(overlap.by_chance[0, 1]):.2g}."
    )
    if any(scored > len(compared.cutout_ids) for scored in compared.scored):
        st.caption(
            f"Limited to the {counted(len(compared.cutout_ids), 'cutout')} that both runs scored "
            f"({number(compared.scored[FIRST])} by {first}, {number(compared.scored[SECOND])} by {second})."
        )
    left, right = st.columns([10, 11], gap="medium")
    sets = {
        SECOND_ONLY: (
            overlap.by_only(SECOND),
            (SECOND,),
            f"only {shortened(compared.runs[SECOND], most=SET_LETTERS)}",
        ),
        FIRST_ONLY: (
            overlap.by_only(FIRST),
            (FIRST,),
            f"only {shortened(compared.runs[FIRST], most=SET_LETTERS)}",
        ),
        BOTH: (overlap.by_all, (FIRST, SECOND), "both"),
    }
    with left:
        _show_scatter(ws, compared, top, overlap)
    with right:
        heading(f"Among the {number(top)} best of")
        usual = SECOND_ONLY if both < top else BOTH
        chosen = st.segmented_control(
            "Among the best of",
            list(sets),
            required=True,
            label_visibility="collapsed",
            **kept("set", one_of(list(sets)), usual, key="compare-source-set"),
            format_func=lambda name: f"{sets[name][2]} ({number(int(sets[name][0].sum()))})",
        )
        members, of, words = sets[str(chosen)]
        _show_set(ws, compared, best_of_set(compared, np.flatnonzero(members), of), of, words)


def _show_scatter(ws: Workspace, compared: OnSource, top: int, overlap: Overlap) -> None:
    drawn = compared.drawn(top)
    dense = "; others as density (tint: logarithm)" if drawn.density is not None else ""
    figures.show_figure(
        source_figure(
            compared, drawn, overlap, colours=colours_of_runs(ws, compared.runs, figures.line_colours()),
            ink=figures.ink(),
        ),
        title="Score against score",
        caption=f"{compared.source}: n = {number(len(compared.cutout_ids))} scored by both; marked: the "
        f"{number(top)} best of either{dense}",
        csv=lambda: figures.csv_text(_columns(ws, compared)),
        key="compare-source-scatter",
        height=500,
    )  # fmt: skip


def _columns(ws: Workspace, compared: OnSource) -> pd.DataFrame:
    table = named_cutouts(ws, compared.cutout_ids)
    for run, name in enumerate(compared.runs):
        table[f"score ({name})"] = compared.scores[run]
        table[f"rank ({name})"] = compared.ranks[run]
    return table


def _show_set(
    ws: Workspace, compared: OnSource, rows: NDArray[np.int64], of: tuple[int, ...], words: str
) -> None:
    """Show the cutouts of a set, best first, with the button that makes a review of them."""
    if not len(rows):
        st.caption(f"None is among the best of {plain(words)}.")
        return
    row_of = dict(zip(compared.cutout_ids[rows].tolist(), rows.tolist(), strict=True))

    def caption_of(cutout: Cutout) -> str:
        scores, ranks = compared.scores[:, row_of[cutout.id]], compared.ranks[:, row_of[cutout.id]]
        return "\n".join(
            f"{arrow} {score_text(score)} · {number(rank)}"
            for arrow, score, rank in zip(ARROWS, scores.tolist(), ranks.tolist(), strict=True)
        )

    show_cutouts(
        ws,
        list(row_of),
        limit=SHOWN,
        caption_of=caption_of,
        review_name=f"{compared.source}-{words}".replace(" ", "-")[:80],
        run_name=compared.runs[of[0]],
        key="compare-source-set-sheet",
    )
    shown = f"{number(SHOWN)} of {number(len(rows))}" if len(rows) > SHOWN else number(len(rows))
    first, second = (plain(name) for name in compared.runs)
    st.caption(f"{shown}, best first; below each its score and rank by {first} (→) and {second} (↑).")
