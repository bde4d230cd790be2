"""The page that puts networks side by side: figures of merit by run, cost, and the table."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.evaluate.score_axis import at_least
from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.presets import PRESETS
from lensapp.core.train.recommended import recipe_title
from lensapp.services.evaluate.compare.same_part import measured_alike
from lensapp.services.evaluate.compare.side_by_side import first_together
from lensapp.services.evaluate.run_colours import colours_of_runs
from lensapp.services.imported_tables import why_not_measured
from lensapp.services.train import comparisons, job_control, runs, studies
from lensapp.services.train.comparisons import Compared
from lensapp.services.train.run_listing import few_text, few_to_rank, studies_last
from lensapp.services.train.runs import RunStatus
from lensapp.services.train.starter import is_starter
from lensapp.services.train.studies import StudyStatus
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.compare import compare_figures, compare_forms
from lensapp.ui.evaluate.compare.side_view import number_text, show_beside
from lensapp.ui.evaluate.compare.source_view import is_on_source, show_if_scored, show_on_source
from lensapp.ui.evaluate.tables import TERMS, number_columns, show_caption_and_copy
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import NO_ROWS, Kind, digest, in_fragment_run, kept, one_of, ticked
from lensapp.ui.shared.job_controls import (
    following,
    job_progress,
    training_text,
    warn_without_worker,
    watch_job,
)
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import ButtonType, page_head
from lensapp.ui.shared.page_views import choose_view
from lensapp.ui.shared.scores import USUAL_THRESHOLD
from lensapp.ui.shared.state import get_workspace, go, say_what_stands_in, select
from lensapp.ui.shared.widgets import empty_state, errors_shown, heading, in_one_unit, name_cell, number

STUDY = "study"
CHOSEN = "compare"
BY_HAND = ""
TICKED = "compare-ticked"
CHOICE_PIXELS = 520  # of the list of runs, where long names stand in one row
VIEWS = {
    "beside": "Side by side",
    "overlap": "Shared false positives",
    "scores": "Score against score",
    compare_forms.COSTS: "Accuracy, cost, committees",
    compare_forms.NEW: ":material/add: New comparison",
}


def show_compare_page() -> None:
    """Show networks side by side, and the form of a new comparison."""
    ws = get_workspace()
    head = st.container()  # its next step is the coloured button where the view has none of its own
    if not runs.training_datasets(ws):
        with head:
            page_head("Compare")
        compare_forms.show_no_dataset(ws)
        show_if_scored(ws)
        return
    comparisons_made = studies.list_studies(ws, comparisons.KIND)
    statuses = studies_last(ws, runs.list_statuses(ws))
    evaluated = [status.name for status in statuses if status.run.evaluation]
    if comparisons_made or len(evaluated) > 1:
        view = choose_view(VIEWS, key="compare-view")
        with head:
            page_head("Compare", step="secondary" if view == compare_forms.NEW else "primary")
        if view == compare_forms.NEW:
            compare_forms.show_comparison_form(ws, evaluated)
            return
        if view == "scores" and is_on_source(ws):
            show_on_source(ws)
            return
        rows, part_place = _choose_rows(ws, comparisons_made, evaluated)
        for row in rows:
            if row.reason:
                st.warning(f"**{plain(row.label)}** failed: {plain(row.reason)}", icon=":material/error:")
        if view == compare_forms.COSTS:
            if blind := [row.label for row in rows if row.like_chance]:
                told = f"AUROC not told from chance, or worse: **{plain(', '.join(blind))}**."
                st.warning(told, icon=":material/warning:")
            _show_rows(rows, measured_on(ws, rows))
            compare_forms.show_committee_form(ws, rows, st.session_state.get(TICKED, []))
        else:
            show_beside(ws, rows, view, part_place=part_place)
    else:
        with head:
            page_head("Compare", step="secondary")
        missing = _ask_for_a_run(ws, statuses, evaluated)
        show_if_scored(ws)
        compare_forms.show_comparison_form(ws, evaluated, start="secondary" if missing else "primary")


def _ask_for_a_run(ws: Workspace, statuses: Sequence[RunStatus], evaluated: Sequence[str]) -> bool:
    """Say that two evaluated runs are compared, with the way to the one that is missing.

    Return whether that one is trained: its evaluation is then what the reader came for, else the form below.
    One that is under way is followed here, and the comparison comes when it ends.
    """
    ended = [one for one in statuses if one.name not in evaluated and not one.active]
    trained = [
        one.name
        for one in ended
        if not is_starter(one.run) and runs.is_scored(ws, one.run) and not why_not_measured(ws, one.run)
    ]
    under_way = next((name for name in trained if _is_evaluated_now(ws, name)), None)
    if under_way is not None:
        _follow_evaluation(ws, under_way, evaluated)
        return False
    learning = next((one for one in statuses if one.active and one.name not in evaluated), None)
    if learning is not None and not trained:
        _say_that_it_learns(learning, evaluated)
        return False
    then = (
        f"{trained[0]} is trained and needs to be evaluated."
        if trained
        else f"Train {'another' if evaluated else 'a'} network, or several at once with one budget below."
    )
    lead = f"{evaluated[0]} is evaluated. " if evaluated else ""
    box = empty_state(
        "A second run is missing" if evaluated else "Nothing to compare yet",
        f"{lead}Which of two runs is better, by how much, and whether chance would give as much, is told "
        f"here once both are evaluated on the same cutouts. {then}",
        icon=":material/leaderboard:",
    )
    if trained:
        label, page, icon = f"Evaluate {plain(trained[0])}", "evaluate", ":material/query_stats:"
    else:
        label, page, icon = "Train a network", "train", ":material/model_training:"
    kind: ButtonType = "primary" if trained else "secondary"
    if box.button(label, icon=icon, type=kind, key="compare-to-missing"):
        with errors_shown():
            if trained:
                runs.start_evaluation(ws, run_name=trained[0])
                select("run", trained[0])
            go(page)
    return bool(trained)


def _say_that_it_learns(learning: RunStatus, evaluated: Sequence[str]) -> None:
    """Say that the run for which the page waits is being trained, with the way to its curves."""
    lead = f"{evaluated[0]} is evaluated. " if evaluated else ""
    box = empty_state(
        f"The {'second' if evaluated else 'first'} run is under way",
        f"{lead}{learning.name} {training_text(learning)}. Once it is trained and evaluated as well, two "
        "runs are laid side by side here.",
        icon=":material/leaderboard:",
    )
    if box.button(
        "Watch its training", icon=":material/show_chart:", type="secondary", key="compare-to-training"
    ):
        go("train", run=learning.name)


def _is_evaluated_now(ws: Workspace, name: str) -> bool:
    job = job_control.latest_job(ws, "evaluate", run=name)
    return job is not None and job.state in job_control.WAITING_STATES


def _follow_evaluation(ws: Workspace, name: str, evaluated: Sequence[str]) -> None:
    """Show the progress of the evaluation for which the page waits."""
    lead = f"{evaluated[0]} is evaluated, " if evaluated else ""
    box = empty_state(
        f"The {'second' if evaluated else 'first'} evaluation is under way",
        f"{lead}{name} is being evaluated. Two runs evaluated on the same "
        "cutouts are laid side by side here.",
        icon=":material/leaderboard:",
    )
    with box:
        watch_job(ws, "evaluate", run=name)


def _choose_rows(
    ws: Workspace, statuses: list[StudyStatus], evaluated: list[str]
) -> tuple[list[Compared], DeltaGenerator]:
    """Show a choice of comparisons, or of runs; return the rows of the one chosen, and room beside them."""
    names = [status.study.name for status in statuses]
    options = [*names, BY_HAND] if evaluated else names
    asked = st.query_params.get(STUDY, names[0] if names and CHOSEN not in st.query_params else BY_HAND)
    left, right, beside = st.columns([5, 11, 5], vertical_alignment="bottom")
    with left:
        name = st.selectbox(
            "Comparison",
            options,
            index=options.index(asked) if asked in options else 0,
            format_func=lambda name: name or "runs chosen by hand",
            key=f"compare-study-{len(options)}-{asked}",
        )
    if name == BY_HAND:
        select(STUDY, None)
        with right:
            chosen, absent = _choose_by_hand(ws, evaluated)
        if absent:
            say_what_stands_in(", ".join(absent))
        return comparisons.compared_runs(ws, chosen), beside
    select(STUDY, name)
    st.query_params.pop(CHOSEN, None)
    status = next(status for status in statuses if status.study.name == name)
    rows = [titled(row) for row in comparisons.compared_in(ws, status.study)]
    with right, st.container(key="compare-stands"):
        if not status.active:
            dataset = next(
                dataset for dataset in runs.training_datasets(ws) if dataset.id == status.study.dataset_id
            )
            spec = status.study.spec
            budget = dict(spec.get("training") or {}) | (
                {"minutes": spec["minutes"]} if spec.get("minutes") else {}
            )
            limits = "".join(f" · {key.replace('_', ' ')} {value}" for key, value in budget.items())
            st.markdown(f"**{status.state}** on {plain(dataset.name)}{limits}")
        if status.active or status.state == "failed":
            following(_follow, moving=status.moving)(status.study.name)
    return rows, beside


def titled(row: Compared) -> Compared:
    """Return a row of a comparison by the title of its recipe or network in place of the short name."""
    if row.label == row.run or row.label not in {*PRESETS, *NETWORKS}:
        return row
    return replace(row, label=recipe_title(row.label))


def _choose_by_hand(ws: Workspace, evaluated: list[str]) -> tuple[list[str], list[str]]:
    """Show a choice of runs, at first of those that can be laid side by side; the address names them.

    Returns the chosen runs, and names in the address that are of none.
    """
    if CHOSEN not in st.query_params:
        st.query_params[CHOSEN] = ",".join(first_together(ws, evaluated, most=8))
    asked = [run for run in st.query_params[CHOSEN].split(",") if run]

    def read(texts: list[str]) -> list[str]:
        named = [run for text in texts for run in text.split(",") if run]
        known = [run for run in named if run in evaluated]
        return known if known or not named else first_together(ws, evaluated, most=8)

    listed = Kind(read, lambda names: [",".join(names)], "evaluated runs")
    chosen = kept(CHOSEN, listed, [], key="compare-runs")
    with st.popover(
        compare_forms.chosen_words(st.session_state[str(chosen["key"])]),
        width="stretch",
        key="compare-runs-open",
    ):
        run_names = st.multiselect(
            "Runs", evaluated, placeholder="evaluated runs", select_all=False, width=CHOICE_PIXELS, **chosen
        )
    st.query_params[CHOSEN] = ",".join(run_names)  # of none too: it is a choice
    return run_names, [run for run in asked if run not in evaluated]


def _follow(name: str) -> None:
    """Show the progress once a second; redraw the page when a network is done."""
    ws = get_workspace()
    status = studies.study_status(ws, name)
    stage = (
        status.state,
        [(entry.run.state, bool(entry.run.evaluation)) for entry in studies.members(ws, status.study)],
    )
    if st.session_state.setdefault(f"compare-stage-{name}", stage) != stage and in_fragment_run():
        st.session_state[f"compare-stage-{name}"] = stage
        st.rerun(scope="app")
    if status.job is not None:
        job_progress(status.job, key=f"compare-{name}")
    warn_without_worker(ws, status)


def _show_rows(rows: list[Compared], cutouts: str) -> None:
    """Show figures and table; `cutouts` says what the rows were measured on."""
    measured = [row for row in rows if row.accuracy is not None]
    if measured:
        left, right = st.columns(2, gap="medium")
        with left:
            merit = _merits(measured, cutouts)
        with right:
            _costs(measured, cutouts, merit=merit)
    elif rows:
        st.info("The first point appears when the first network is trained and measured.")
    if rows:
        best_first = sorted(rows, key=lambda row: -1.0 if row.auroc is None else -row.auroc - 1.0)
        _show_table(best_first, cutouts)


def _show_table(rows: list[Compared], cutouts: str) -> None:
    """Show the figures and costs of each row; ticked ones can make a committee."""
    table = rows_table(rows)
    names = [row.run for row in rows]
    counts = {
        "parameters": number_text,
        "epochs": number_text,
        "images/s": number_text,
        "training time": in_one_unit(table.get("training time", ())),
        "AUROC": "{:.3f}",
    }
    style = table.style.format({name: form for name, form in counts.items() if name in table}, na_rep="–")
    style = style.format(name_cell, subset=table.columns.intersection(["network", "run"]))
    for place, row in enumerate(rows):
        if row.auroc is not None and row.n and few_to_rank(row.lenses or 0, row.n - (row.lenses or 0)):
            words = few_text(row.auroc, row.auroc_low, row.auroc_high)
            style = style.format(lambda _, words=words: words, subset=([place], ["AUROC"]))
        if row.after and row.epochs is not None:  # those of the run whose weights it began with, besides
            words = f"{row.epochs} after {row.after}"
            style = style.format(lambda _, words=words: words, subset=([place], ["epochs"]))
    event = st.dataframe(
        style,
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=_table_columns(),
        column_order=[name for name in table if name not in _folded(rows)],
        height="content" if len(rows) <= 14 else 520,
        **kept("ticked", ticked(names), NO_ROWS, key=f"compare-table-{digest(names)}"),
    )
    st.session_state[TICKED] = [rows[row].run for row in event.selection.rows if row < len(rows)]
    told = filter(None, ("Tick rows to make a committee of them", cutouts, accuracy_words(rows)))
    said = " ".join(f"{one[:1].upper()}{one[1:]}." for one in told)
    show_caption_and_copy(table, caption=said, file_name="comparison")


def _folded(rows: list[Compared]) -> set[str]:
    """Return the columns that are not shown: those drawn and copied, and those that tell no news."""
    same = {
        "state": all(row.state == "finished" for row in rows),
        "run": all(row.label == row.run for row in rows),
    }
    return {"95 % from", "to", *(name for name, always in same.items() if always)}


def _table_columns() -> dict[str, Any]:
    """Return how the columns of the table are shown, with titles short enough for a narrow page."""
    shares = (
        "accuracy", "95 % from", "to", "AUROC", "average precision", "TPR0", "TPR10",
        "scatter under rotation",
    )  # fmt: skip
    return number_columns({name: TERMS.get(name) for name in shares}, digits=3) | {
        **number_columns({"AUROC": TERMS.get("AUROC")}, digits=None),
        "network": st.column_config.TextColumn(pinned=True),
        "parameters": st.column_config.NumberColumn(
            help="Weights; nodes of a tree; numbers in the support vectors of an SVM."
        ),
        "average precision": st.column_config.NumberColumn(
            "AP", help=f"Average precision. {TERMS['average precision']}", format="%.3f"
        ),
        "scatter under rotation": st.column_config.NumberColumn(
            "rotation",
            help=f"Scatter under rotation. {TERMS['scatter under rotation']}",
            format="%.4f",
        ),
        "training time": st.column_config.NumberColumn("time", help="Of training, pauses left out."),
        "images/s": st.column_config.NumberColumn(help="Median of the epochs, in training."),
    }


def measured_on(ws: Workspace, rows: Sequence[Compared]) -> str:
    """Return in words on what cutouts rows were measured, and whether these are the same; "" before any."""
    measured = [row for row in rows if row.n]
    if not measured:
        return ""
    versions = sorted({row.dataset for row in measured})
    part = f"test part of {', '.join(versions)}: n = {_range([row.n for row in measured])}"
    text = f"{part}, {_range([row.lenses for row in measured])} of them lenses"
    if not measured_alike(ws, [row.run for row in measured]):
        return text + "; not the same cutouts: compare with care"
    return text + (" (the same cutouts)" if len(versions) > 1 else "")


def accuracy_words(rows: Sequence[Compared]) -> str:
    """Return at which score the accuracy of rows is, and which accept nothing there; "" where none has it."""
    if all(row.accepted is None for row in rows):
        return ""
    usual = f"accuracy at {at_least(USUAL_THRESHOLD)}"
    nothing = [row.label for row in rows if row.accepted == 0]
    if not nothing:
        return usual
    verb = "accepts" if len(nothing) == 1 else "accept"
    return (
        f"{usual}, where {' and '.join(nothing)} {verb} nothing, so that it is the share of non-lenses; "
        "Evaluate proposes a threshold for each"
    )


def _range(counts: Sequence[int | None]) -> str:
    """Return the least and the greatest of counts, or the one that all are."""
    known = [count for count in counts if count]
    return "–".join(number(count) for count in sorted({min(known), max(known)})) if known else "–"


def _merits(rows: list[Compared], cutouts: str) -> str:
    """Show a figure of merit by run; return which was chosen."""
    merit: str = st.segmented_control(
        "Figure of merit",
        list(compare_figures.MERITS),
        required=True,
        format_func=_merit_label,
        **kept("merit", one_of(list(compare_figures.MERITS)), "auroc", key="compare-merit"),
    )
    title = f"{_merit_label(merit)} by run"
    figures.show_figure(
        compare_figures.bar_figure(
            rows, merit, colours=figures.line_colours(), ink=figures.ink(), run_colours=_run_colours(rows)
        ),
        title=title[0].upper() + title[1:],
        caption=cutouts + _limits_note(rows, merit),
        csv=lambda: figures.csv_text(compare_figures.columns_of(rows)),
        key="compare-bars",
        height=_rows_height(rows),
    )
    return merit


def _limits_note(rows: list[Compared], merit: str) -> str:
    """Return how the limits of a figure were found; nothing where none are known."""
    if not compare_figures.has_intervals(rows, merit):
        return ""
    return f"; bars: 95\u00a0% ({compare_figures.INTERVALS[merit]})"


def _merit_label(merit: str) -> str:
    return compare_figures.MERITS[merit].split(" at ")[0]


def _costs(rows: list[Compared], cutouts: str, *, merit: str) -> None:
    cost: str = st.segmented_control(
        "Cost",
        list(compare_figures.COSTS),
        required=True,
        format_func=compare_figures.COSTS.__getitem__,
        **kept("cost", one_of(list(compare_figures.COSTS)), "parameters", key="compare-cost"),
    )
    absent = compare_figures.not_drawn(rows, cost, merit=merit)
    title = f"{_merit_label(merit)} against cost"
    title = title[0].upper() + title[1:]
    if all(getattr(row, merit) is None or not getattr(row, cost) for row in rows):
        heading(title)
        st.info(f"There is nothing to draw: {plain(absent)}.", icon=":material/scatter_plot:")
        return
    height, colours = _rows_height(rows), figures.line_colours()
    one_cost = compare_figures.costs_coincide(rows, cost, merit=merit)
    together = "; in a band: equal costs, side by side" if one_cost else ""
    figures.show_figure(
        compare_figures.cost_figure(
            rows,
            cost,
            merit=merit,
            colours=colours,
            ink=figures.ink(),
            height=height,
            run_colours=_run_colours(rows),
        ),
        title=title,
        caption=cutouts + _limits_note(rows, merit) + together,
        csv=lambda: figures.csv_text(compare_figures.columns_of(rows)),
        key="compare-costs",
        height=height,
    )
    if absent:
        st.caption(f":material/info: Not drawn: {plain(absent)}.")


def _run_colours(rows: Sequence[Compared]) -> dict[str, str]:
    """Return the colours that runs have on all views of the page."""
    names = [row.run for row in rows]
    return dict(zip(names, colours_of_runs(get_workspace(), names, figures.line_colours()), strict=True))


def _rows_height(rows: list[Compared]) -> int:
    return max(figures.rows_height([row.label for row in rows]), 230)


def rows_table(rows: list[Compared]) -> pd.DataFrame:
    """Return one row per run, columns that are empty throughout left out."""
    columns = compare_figures.columns_of(rows)
    names = {
        "label": "network", "state": "state", "accuracy": "accuracy",
        "accuracy_low": "95 % from", "accuracy_high": "to", "auroc": "AUROC",
        "average_precision": "average precision", "tpr0": "TPR0", "tpr10": "TPR10",
        "rotation_std": "scatter under rotation", "parameters": "parameters", "epochs": "epochs",
        "seconds": "training time", "images_per_second": "images/s", "run": "run",
        "reason": "reason",
    }  # fmt: skip
    table = pd.DataFrame({names[key]: columns[key] for key in names})
    used = [name for name in table.columns if (table[name].notna() & (table[name].astype(str) != "")).any()]
    return table[used]
