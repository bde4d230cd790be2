"""The views of the Compare page of what runs scored on the same cutouts: curves, figures, overlap, scores."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from lensapp.core.errors import LensAppError
from lensapp.services.evaluate import evaluation as service
from lensapp.services.evaluate.compare.lineage import beginnings_in_words
from lensapp.services.evaluate.compare.side_by_side import SideBySide, side_by_side
from lensapp.services.evaluate.compare.tables import HIGH, LOW, figures_frame, p_name, resolved_names
from lensapp.services.evaluate.compare.verdict import Verdict, at_few_false_positives, in_words, verdict
from lensapp.services.evaluate.figure_tables import p_equals, p_text
from lensapp.services.evaluate.run_colours import colours_of_runs, dashes_of_runs
from lensapp.services.train.comparisons import Compared
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate import evaluation_figures as draw
from lensapp.ui.evaluate.chance import warn_of_chance
from lensapp.ui.evaluate.compare import side_figures
from lensapp.ui.evaluate.compare.overlap_view import show_overlap
from lensapp.ui.evaluate.compare.scatter_view import show_scatter
from lensapp.ui.evaluate.compare.second_test_view import show_second_tests
from lensapp.ui.evaluate.tables import TERMS, show_caption_and_copy
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of, switch
from lensapp.ui.shared.markup import plain, shortened
from lensapp.ui.shared.state import select, selected
from lensapp.ui.shared.widgets import counted, error_box, heading, number

VERDICT_HELP = (
    "By the AUROC, the chance that a random lens scores higher than a random non-lens. p: how likely such a "
    "difference is between runs that are equally good (DeLong et al. 1988; whole objects resampled where "
    "several cutouts show one). Below 0.05, as it is written, they count as different. Of several runs p is "
    "corrected for their number (Holm 1979), of two it needs no correction; the lead of the best of many is "
    "still a little too large."
)
LINEAR, BANDS, MERIT, REFERENCE = "compare-linear", "compare-bands", "compare-interval", "compare-reference"
PART, PARTS = "compare-part", ("test", "validation")
MOST_BANDS = 2  # more hide each other until asked for
RUN_LETTERS = 13
WIDTHS = {"run": 125, "figure": 148, "p": 62}  # pixels: five figures and a p in a window of 1280
COSTS = {"rotation_std": "scatter under rotation", "parameters": "parameters", "seconds": "training time (s)"}


def show_beside(
    ws: Workspace, rows: Sequence[Compared], view: str, *, part_place: st.delta_generator.DeltaGenerator
) -> None:
    """Show one view of the runs that tell lenses, on the cutouts that all of them scored.

    Which part these are of is chosen in `part_place`.
    """
    names = [row.run for row in rows if row.auroc is not None]
    if len(names) < 2:
        st.info(
            "Choose two runs or more that tell lenses and are evaluated on the same cutouts, such as those "
            "of one dataset version. Which is better, by how much, and whether chance would give as much, "
            "is then told here.",
            icon=":material/stacked_line_chart:",
        )
        return
    part = _choose_part(part_place)
    try:
        compared = side_by_side(ws, names, part=part)
    except LensAppError as error:
        error_box(error)
        return
    if view == "beside":
        _show_side_by_side(ws, compared, rows)
        return
    st.caption(shared_in_words(compared))
    warn_of_chance(compared.evaluations)
    if view == "overlap":
        show_overlap(ws, compared)
    else:
        show_scatter(ws, compared)


def _show_side_by_side(ws: Workspace, compared: SideBySide, rows: Sequence[Compared]) -> None:
    """Show which run is best, curves and figures with their limits, and all of them as a table."""
    told = verdict(compared)
    _show_verdict(compared, told)
    if begun := beginnings_in_words(ws, compared.runs, named=_bold):
        st.caption(f":material/info: {begun}")
    warn_of_chance(compared.evaluations)
    height = _height(compared)
    colours = colours_of_runs(ws, compared.runs, figures.line_colours())
    left, right = st.columns(2, gap="medium")
    with left:
        dashes = [figures.DASHES[place] for place in dashes_of_runs(ws, compared.runs)]
        _show_roc(compared, height=height, colours=colours, dashes=dashes)
    with right:
        merit, reference = _show_intervals(compared, best=told.runs[0], height=height, colours=colours)
    _show_table(compared, rows, merit=merit, reference=reference)
    if compared.part == "test":
        show_second_tests(ws, compared.runs)


def _choose_part(place: st.delta_generator.DeltaGenerator) -> str:
    """Ask which part of the dataset is compared, in the row of the runs."""
    asked = selected("part")  # as Evaluate has it
    st.session_state[PART] = asked if asked in PARTS else PARTS[0]
    part = place.segmented_control(
        "Part",
        PARTS,
        required=True,
        key=PART,
        help="The test part is measured once at the end; choose settings by the validation part.",
        on_change=lambda: select("part", st.session_state[PART]),
    )
    return str(part)


def _show_verdict(compared: SideBySide, told: Verdict) -> None:
    """Show which run is best, by how much, and whether chance would give as much, above all figures."""
    with st.container(key="compare-verdict", gap="xsmall"):
        icon = "balance" if told.alike else "emoji_events"  # a cup for what chance does not explain
        st.markdown(f":material/{icon}: {in_words(told, named=_bold)}", help=VERDICT_HELP)
        few = (
            at_few_false_positives(compared, told, named=_bold)
            if "tpr10" in compared.evaluations[0].resolved
            else ""
        )
        st.caption(f"{few} {shared_in_words(compared)}".strip())


def _bold(run: str) -> str:
    return f"**{plain(run)}**"


def _height(compared: SideBySide) -> int:
    """Return the height of curves and intervals, which stand beside each other: room for every name."""
    return max(310 + figures.legend_height([*compared.runs, "chance"]), figures.rows_height(compared.runs))


def shared_in_words(compared: SideBySide) -> str:
    """Return what the comparison is limited to."""
    count, lenses = counted(len(compared.labels), "cutout"), number(compared.n_positive)
    several = "both" if len(compared.runs) == 2 else f"all {len(compared.runs)}"
    if set(compared.measured) == {len(compared.labels)}:
        text = f"{several.capitalize()} runs scored the same {count}"
    else:
        of = ", ".join(
            f"{number(one)} of {run}" for run, one in zip(compared.runs, compared.measured, strict=True)
        )
        text = f"Limited to the {count} that {several} runs scored (of {plain(of)})"
    text += f", {lenses} of them lenses."
    if compared.relabelled:
        text += (
            f" {number(compared.relabelled)} more are left out: the runs' datasets label them differently."
        )
    return text


def _caption(compared: SideBySide) -> str:
    return (
        f"{compared.part} part: n = {number(len(compared.labels))}, {number(compared.n_positive)} of them "
        "lenses"
    )


def _show_roc(compared: SideBySide, *, height: int, colours: Sequence[str], dashes: Sequence[str]) -> None:
    columns = {one.run: service.roc_columns(one) for one in compared.evaluations}
    few = len(columns) <= MOST_BANDS
    linear = kept("linear", switch(), default=False, key=LINEAR)
    bands = kept("limits", switch(), default=few, key=BANDS)
    banded = st.session_state[BANDS]
    figures.show_figure(
        draw.roc_figure(
            columns,
            colours=colours,
            dashes=dashes,
            bands={one.run: one.roc_band for one in compared.evaluations} if banded else None,
            smallest=None if st.session_state[LINEAR] else draw.smallest_rate(compared.n_negative),
        ),
        title="Completeness by false positives (ROC)",
        caption=_caption(compared) + ("; bands: 95\u00a0% by resampling" if banded else ""),
        csv=lambda: str(
            pd.concat([pd.DataFrame(one).assign(run=run) for run, one in columns.items()]).to_csv(index=False)
        ),
        key="compare-roc",
        height=height,
    )
    with st.container(horizontal=True):
        st.toggle(
            "Linear false positive rate",
            **linear,
            help="The dotted line marks one false positive, the lowest rate that this part measures; left of "
            "it completeness without any is drawn.",
        )
        st.toggle("95 % bands", **bands, help="A click on a name in the legend hides its curve.")


def _show_intervals(
    compared: SideBySide, *, best: str, height: int, colours: Sequence[str]
) -> tuple[str, str]:
    """Show one figure of every run with p; return which figure, and which run p is of no difference from."""
    names = list(resolved_names(compared.evaluations[0]).values())
    chosen = kept("merit", one_of(names), names[0], key=MERIT)
    against = kept("against", one_of(compared.runs), best, key=f"{REFERENCE}-{best}")
    merit, reference = (str(st.session_state[str(one["key"])]) for one in (chosen, against))
    frame = figures_frame(compared, reference=compared.runs.index(reference))
    p_values = dict(zip(frame["run"], frame[p_name(merit)], strict=True))
    figures.show_figure(
        side_figures.interval_figure(
            frame,
            merit,
            colours=colours,
            p_values={run: "" if pd.isna(one) else p_equals(float(one)) for run, one in p_values.items()},
        ),
        title=f"{merit} with its 95 % limits",
        caption=f"{_caption(compared)}; limits {compared.evaluations[0].limits_by}; p: of no difference "
        f"from {reference}",
        csv=lambda: str(frame[["run", merit, merit + LOW, merit + HIGH, p_name(merit)]].to_csv(index=False)),
        key="compare-intervals",
        height=height,
    )
    left, right = st.columns(2)
    left.selectbox("Figure of merit", names, **chosen)
    right.selectbox(
        "p-values against",
        compared.runs,
        **against,
        help="How likely such a difference from this run is without any, on the same cutouts (DeLong for the "
        "AUROC, paired resampling for the others).",
    )
    return merit, reference


def _show_table(compared: SideBySide, rows: Sequence[Compared], *, merit: str, reference: str) -> None:
    """Show all figures of the runs with their limits, and the p-values of one; the copy has those of all."""
    heading("Figures with 95 % limits")
    names = list(resolved_names(compared.evaluations[0]).values())
    frame = figures_frame(compared, reference=compared.runs.index(reference))
    frame = frame.sort_values(names[0], ascending=False, ignore_index=True)
    by_run, after = {row.run: row for row in rows}, names.index(merit) + 1
    for cost, name in COSTS.items():
        frame[name] = [getattr(by_run[run], cost) for run in frame["run"]]
    st.dataframe(
        styled(frame, names),
        hide_index=True,
        placeholder="–",
        key="compare-figures",
        height="content" if len(frame) <= 14 else 520,
        column_order=["run", *names[:after], p_name(merit), *names[after:]],
        column_config={
            "run": st.column_config.TextColumn(pinned=True, width=WIDTHS["run"]),
            **{
                name: st.column_config.NumberColumn(
                    name.removeprefix("completeness "), help=TERMS.get(name, name), width=WIDTHS["figure"]
                )
                for name in names
            },
            p_name(merit): st.column_config.NumberColumn(
                "p", help=f"Of no difference from {plain(reference)} in {merit}.", width=WIDTHS["p"]
            ),
        },
    )
    show_caption_and_copy(
        frame,
        caption=f"{_caption(compared)}. p: of no difference from {reference}; with "
        f"{counted(len(frame) - 1, 'comparison')}, one in twenty falls below 0.05 by chance. Copy has p of "
        "every figure, and what the runs cost.",
        file_name="side-by-side",
    )


def styled(frame: pd.DataFrame, names: Sequence[str]) -> Styler:
    """Return the table with limits beside each figure; columns sort by the figure itself."""
    columns = ["run", *(one for name in names for one in (name, p_name(name)))]
    table = frame[[name for name in columns if name in frame and frame[name].notna().any()]]
    style = table.style.format(na_rep="–").format(partial(shortened, most=RUN_LETTERS), subset=["run"])
    for row in table.index:
        for name in names:
            value, low, high = (frame.loc[row, name + end] for end in ("", LOW, HIGH))
            text = f"{value:.3f} ({low:.3f}–{high:.3f})"
            style.format(lambda _, text=text: text, subset=([row], [name]))
            if p_name(name) in table:
                p_value = frame.loc[row, p_name(name)]
                cell = p_text(None if pd.isna(p_value) else p_value)
                style.format(lambda _, text=cell: text, subset=([row], [p_name(name)]), na_rep="–")
    return style


def number_text(value: float) -> str:
    """Return a count that a column with gaps holds as a float."""
    return number(round(value)) if np.isfinite(value) else "–"
