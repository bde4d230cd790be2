"""The view of the Compare page of what runs accept together, in words or as a matrix, and as cutouts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.evaluate.compare.overlap import Overlap, usual_top
from lensapp.core.numerals import score_text
from lensapp.services.evaluate.compare.side_by_side import LENS, NONLENS, SideBySide
from lensapp.services.evaluate.run_colours import colours_of_runs
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.compare.side_figures import overlap_columns, overlap_figure, two_figure
from lensapp.ui.evaluate.cutout_sheet import show_cutouts
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import any_whole, decimal, kept, one_of
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.scores import score_by
from lensapp.ui.shared.widgets import counted, number, number_within

SHOWN = 24
FEW_SETS = 3  # more are a list
TOP, EQUAL = "top", "threshold"
WAYS = {TOP: "equal false positives", EQUAL: "equal score"}
BAR_PIXELS = 100
Sets = dict[str, tuple[NDArray[np.bool_], list[int]]]
FALSE, MISSED, FOUND = "non-lenses accepted", "lenses missed", "lenses found"


def show_overlap(ws: Workspace, compared: SideBySide) -> None:
    """Show how many false positives (or lenses) runs share, and which cutouts all or only one accept."""
    left, middle, right = st.columns([4, 2, 5], vertical_alignment="top")
    with left:
        way = st.segmented_control(
            "Thresholds of the runs",
            list(WAYS),
            required=True,
            **kept("accepted", one_of(list(WAYS)), TOP, key="compare-way"),
            format_func=WAYS.__getitem__,
            help="Equal false positives: each run accepts as many non-lenses, its highest, whatever scale "
            "its scores have; lenses are accepted at the same thresholds.",
        )
    with middle:
        thresholds = _choose_thresholds(compared, way)
    with right:
        what = st.segmented_control(
            "Cutouts",
            (FALSE, MISSED, FOUND),
            required=True,
            **kept("overlap", one_of((FALSE, MISSED, FOUND)), FALSE, key="compare-what"),
        )
    overlap = compared.overlap(thresholds, label=NONLENS if what == FALSE else LENS)
    if what == MISSED:
        overlap = Overlap(~overlap.accepted)
    rows = compared.of_class(NONLENS if what == FALSE else LENS)
    sets = _sets_of_runs(compared.runs, overlap, what.split()[1])
    if len(compared.runs) == 2:
        st.markdown(two_in_words(overlap, [f"**{plain(run)}**" for run in compared.runs], what=what))
        _show_two(ws, compared, overlap, thresholds, what)
        chosen = _choose_set(sets, what)
    else:
        chosen = _show_many(compared, overlap, thresholds, what, sets)
    members, runs = sets[chosen]
    _show_set(ws, compared, rows[members], runs, what, chosen=chosen)


def two_in_words(overlap: Overlap, names: Sequence[str], *, what: str) -> str:
    """Return how many cutouts both of two runs have, how many only one of them, and which share both have."""
    both, noun = int(overlap.by_all.sum()), what.split(maxsplit=1)[0]
    first, second = (int(overlap.by_only(run).sum()) for run in (0, 1))
    verb, either = what.split()[1], both + first + second
    if not either:
        return f"No {noun.removesuffix('es')} is {verb} by {names[0]} or {names[1]}."
    return (
        f"Of {counted(either, noun.removesuffix('es'))} {verb} by either run **{number(both)}** "
        f"({100 * both / either:.0f}\u00a0%) {'is' if both == 1 else 'are'} {verb} by both, "
        f"**{number(first)}** only by {names[0]} and **{number(second)}** only by {names[1]}."
    )


def _show_two(
    ws: Workspace, compared: SideBySide, overlap: Overlap, thresholds: NDArray[np.float64], what: str
) -> None:
    """Show as a bar what both of two runs have, and what one of them alone, beside what chance would give."""
    if overlap.by_none.all():
        return
    (one, other), noun = compared.runs, what.split(maxsplit=1)[0]
    lowest = [score_text(threshold) for threshold in thresholds.tolist()]
    colours = colours_of_runs(ws, compared.runs, figures.line_colours())
    figures.show_figure(
        two_figure(overlap, compared.runs, colours=colours, ink=figures.ink()),
        title=f"{what.capitalize()} by one run or both",
        caption=f"{compared.part} part: {number(overlap.accepted.shape[1])} {noun}, at score ≥ {lowest[0]} "
        f"of {one} and ≥ {lowest[1]} of {other}; independent choices would share "
        f"{float(overlap.by_chance[0, 1]):.2g}",
        csv=lambda: figures.csv_text(overlap_columns(overlap, compared.runs)),
        key="compare-overlap-two",
        height=BAR_PIXELS + figures.legend_height([one, other, "both"], width=800),
    )


def _show_many(
    compared: SideBySide, overlap: Overlap, thresholds: NDArray[np.float64], what: str, sets: Sets
) -> str:
    """Show what each two of several runs share as a matrix; return which set is shown below."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        figures.show_figure(
            overlap_figure(overlap, compared.runs, colour=figures.line_colours()[0], ink=figures.ink()),
            title=f"{what.rsplit(maxsplit=1)[-1].capitalize()} by two runs",
            caption=f"{compared.part} part: {number(overlap.accepted.shape[1])} {what.split(maxsplit=1)[0]}; "
            "tint: share of what either run has. Point at a cell for what chance would give.",
            csv=lambda: figures.csv_text(overlap_columns(overlap, compared.runs)),
            key="compare-overlap",
            height=110 + 46 * max(len(compared.runs), 4),
        )
    with right:
        _show_counts(compared, overlap, thresholds, what)
        return _choose_set(sets, what)


def _choose_thresholds(compared: SideBySide, way: str) -> NDArray[np.float64]:
    if way == TOP:
        usual, key = usual_top(compared.n_negative), f"compare-top-{compared.n_negative}"
        top = number_within(
            "False positives each",
            1,
            compared.n_negative,
            step=1,
            **kept("top", any_whole(), usual, key=key),
            help="Non-lenses that tie with the last one are taken too.",
        )
        return compared.thresholds(top=top)
    threshold = number_within(
        "Score ≥",
        0.0,
        1.0,
        step=0.05,
        format="%.4f",
        **kept("least", decimal(), 0.5, key="compare-least-score"),
    )
    return compared.thresholds(threshold=threshold)


def _show_counts(compared: SideBySide, overlap: Overlap, thresholds: NDArray[np.float64], what: str) -> None:
    runs = range(len(compared.runs))
    columns: dict[str, Any] = {
        "run": compared.runs,
        "from score": [score_text(threshold) for threshold in thresholds.tolist()],
        what.split()[1]: overlap.number,
        "only by it": [int(overlap.by_only(run).sum()) for run in runs],
        "by all but it": [int(overlap.by_all_but(run).sum()) for run in runs],
    }
    show_table(
        pd.DataFrame(columns),
        title=f"{what.capitalize()} by all runs: {number(int(overlap.by_all.sum()))}, by none: "
        f"{number(int(overlap.by_none.sum()))}",
        caption=f"{compared.part} part: n = {number(len(compared.labels))}.",
        terms={},
        digits=3,
        file_name="overlap",
        key="compare-overlap-table",
    )


def _sets_of_runs(names: Sequence[str], overlap: Overlap, verb: str) -> Sets:
    """Return by its name each set of cutouts that some runs share, and which runs these are."""
    every = range(len(names))
    sets = {f"{verb} by {'both' if len(names) == 2 else 'all'}": (overlap.by_all, list(every))}
    for run, name in enumerate(names):
        sets[f"{verb} only by {name}"] = overlap.by_only(run), [run]
    if len(names) > 2:
        for run, name in enumerate(names):
            sets[f"{verb} by all but {name}"] = overlap.by_all_but(run), [k for k in every if k != run]
        for one in every:
            for other in range(one):
                both = overlap.accepted[one] & overlap.accepted[other]
                sets[f"{verb} by both {names[other]} and {names[one]}"] = both, [other, one]
    return sets


def _choose_set(sets: Sets, what: str) -> str:
    """Ask which cutouts are shown below, at first of a set that has some."""
    counts = {name: int(members.sum()) for name, (members, _) in sets.items()}
    first = next((name for name in sets if counts[name]), next(iter(sets)))
    label = f"{what.split(maxsplit=1)[0].capitalize()} shown below"
    place = kept("set", one_of(list(sets)), first, key=f"compare-set-{what}")

    def named(name: str) -> str:
        return f"{name} ({number(counts[name])})"

    if len(sets) > FEW_SETS:
        return str(st.selectbox(label, list(sets), format_func=named, **place))
    return str(st.segmented_control(label, list(sets), required=True, format_func=named, **place))


def _show_set(
    ws: Workspace, compared: SideBySide, rows: NDArray[np.int64], runs: list[int], what: str, *, chosen: str
) -> None:
    """Show the cutouts of one set of runs, which a click opens in the gallery."""
    noun, names = what.split(maxsplit=1)[0], compared.runs
    ordered = compared.surest_first(rows, runs)
    if what == MISSED:
        ordered = ordered[::-1]
    if not len(ordered):
        st.caption(f"No {noun.removesuffix('es')} is {chosen}.")
        return
    row_of = dict(zip(compared.cutout_ids[ordered].tolist(), ordered.tolist(), strict=True))

    def caption_of(cutout: Cutout) -> str:
        scores = compared.scores[:3, row_of[cutout.id]].tolist()
        return "\n".join(score_by(name, score) for name, score in zip(names[:3], scores, strict=True))

    show_cutouts(
        ws,
        list(row_of),
        limit=SHOWN,
        caption_of=caption_of,
        review_name=f"{chosen}-{noun}".replace(" ", "-")[:80],
        run_name=names[runs[0]],
        key="compare-set",
    )
    st.caption(
        f"{number(min(SHOWN, len(ordered)))} of {number(len(ordered))}, those that "
        f"{'the runs rank lowest' if what == MISSED else 'the runs rank highest'} first; below each its "
        f"scores by {', '.join(names[:3])}{' (the first three)' if len(names) > 3 else ''}."
    )
