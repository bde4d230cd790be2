"""The page that measures a run: one threshold, every curve, and what the network got wrong."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import streamlit as st

from lensapp.core.errors import NotFound
from lensapp.services.evaluate import evaluation as evaluations
from lensapp.services.evaluate.class_evaluation import class_evaluation
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.value_evaluation import ValueEvaluation, load_values
from lensapp.services.score.estimates import task_of
from lensapp.services.train import runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate import classes, curves, metrics_table, mistakes
from lensapp.ui.evaluate import values as value_views
from lensapp.ui.evaluate.terms import SUGGESTIONS
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.state import choose, get_workspace, go, select, selected
from lensapp.ui.shared.widgets import empty_state

COMPARE = "compare"
SLIDER = "evaluate-threshold"
AIMS = "evaluate-aims"
PART = "part"
TEST = "test"
PARTS = ("test", "validation")
Found = TypeVar("Found", Evaluation, ValueEvaluation)


def show() -> None:
    """Show the page."""
    ws = get_workspace()
    st.title("Evaluate")
    trained = [
        status
        for status in runs.list_statuses(ws)
        if status.run.evaluation or runs.has_network(ws, status.run)
    ]
    if not trained:
        _without_run()
        return
    left, middle, right = st.columns([3, 2, 4], vertical_alignment="bottom")
    with left:
        name = choose("run", [status.run.name for status in trained], label="Run")
    run = next(status.run for status in trained if status.run.name == name)
    with middle:
        part = _choose_part()
    alike = [status.run for status in trained if status.run.name != run.name and _alike(ws, status.run, run)]
    if task_of(ws, run).kind == "regression":
        with right:
            values = _choose_others({one.name: load_values(ws, one.name, part=part) for one in alike}, run)
        _values(ws, run, values, part=part)
        return
    with right:
        others = _choose_others({one.name: load(ws, one, part=part) for one in alike}, run)
    _scores(ws, run, others, part=part)


def _choose_part() -> str:
    """Show the parts that can be measured; the address keeps the choice."""
    shown = st.query_params.get(PART, TEST)
    part = st.segmented_control(
        "Part",
        PARTS,
        default=shown if shown in PARTS else TEST,
        required=True,
        key="evaluate-part",
        help="The test part is measured once at the end; choose settings by the validation part.",
    )
    if part and part != shown:
        st.query_params[PART] = part
    return part or TEST


def _alike(ws: Workspace, other: Run, run: Run) -> bool:
    return task_of(ws, other).scores_candidates == task_of(ws, run).scores_candidates


def _scores(ws: Workspace, run: Run, others: list[Evaluation], *, part: str) -> None:
    if watch_job(ws, "evaluate", run=run.name):
        return
    measured = load(ws, run, part=part)
    if measured is None:
        _not_evaluated(ws, run, part=part)
        return
    if measured.outdated:
        _offer_again(ws, run, part=part)
    found = class_evaluation(measured)
    if found is not None:
        classes.show(found)
        st.subheader(f"{' and '.join(task_of(ws, run).positive)} against the rest")
    _show_evaluation(ws, measured, others)


def _values(ws: Workspace, run: Run, others: list[ValueEvaluation], *, part: str) -> None:
    if watch_job(ws, "evaluate", run=run.name):
        return
    found = load_values(ws, run.name, part=part)
    if found is None:
        _not_evaluated(ws, run, part=part)
        return
    if found.outdated:
        _offer_again(ws, run, part=part)
    value_views.show(ws, found, others)


def _offer_again(ws: Workspace, run: Run, *, part: str) -> None:
    st.warning("The network has changed since it was evaluated.", icon=":material/history:")
    _start_button("Evaluate again", ws, run, part=part)


def _start_button(label: str, ws: Workspace, run: Run, *, part: str) -> None:
    other = {} if part == TEST else {"part": part}
    start_button(label, start=runs.start_evaluation, ws=ws, run_name=run.name, **other)


def _without_run() -> None:
    box = empty_state(
        "No trained network yet",
        "ROC, confusion matrix, purity and completeness, and the worst mistakes of a run will appear here, "
        "measured on the test part that training never sees.",
        icon=":material/query_stats:",
    )
    if box.button("Train a network", icon=":material/model_training:", type="primary", key="to-train"):
        go("train")


def _not_evaluated(ws: Workspace, run: Run, *, part: str) -> None:
    scores = task_of(ws, run).scores_candidates
    what = (
        f"score the {part} part under four rotations" if scores else f"estimate the values of the {part} part"
    )
    box = empty_state(
        f"{run.name} has not been evaluated" + ("" if part == TEST else f" on the {part} part"),
        f"Its best network will {what}.",
        icon=":material/query_stats:",
    )
    with box:
        _start_button("Evaluate", ws, run, part=part)


def _choose_others(loaded: Mapping[str, Found | None], run: Run) -> list[Found]:
    """Return the evaluations to lay beside the run's, chosen from those that exist."""
    known = {name: found for name, found in loaded.items() if found is not None}
    wanted = [name for name in st.query_params.get(COMPARE, "").split(",") if name in known]
    chosen = st.multiselect(
        "Compare with",
        list(known),
        wanted,
        key=f"evaluate-compare-{run.name}",
        placeholder="other evaluated runs" if known else "no other run is evaluated",
        disabled=not known,
    )
    if chosen:
        st.query_params[COMPARE] = ",".join(chosen)
    else:
        st.query_params.pop(COMPARE, None)
    return [known[name] for name in chosen]


def load(ws: Workspace, run: Run, *, part: str = TEST) -> Evaluation | None:
    """Return the stored evaluation of a run on a part, or None; read once per change of its file."""
    path = ws.run_folder(run.name) / f"evaluation-{part}.npz"
    if not path.exists():
        return None
    changes = tuple(file.stat().st_mtime_ns for file in runs.network_files(ws, run) if file.exists())
    try:
        return _read(ws, run.name, part, path, path.stat().st_mtime_ns, changes)
    except NotFound:
        return None


@lru_cache(maxsize=8)
def _read(
    ws: Workspace, name: str, part: str, _path: Path, _changed_at: int, _networks_at: tuple[int, ...]
) -> Evaluation:
    return evaluations.load_evaluation(ws, name, part=part)


def _show_evaluation(ws: Workspace, measured: Evaluation, others: list[Evaluation]) -> None:
    threshold = _choose_threshold(measured)
    confusion = measured.figures_at(threshold).confusion
    if confusion.tp + confusion.fp == 0:
        st.info(f"No score reaches {threshold:.3g}; try {_aim_label('f1')}.", icon=":material/info:")
    everyone = {found.run: found for found in (measured, *others)}
    curves.show_decision(everyone, threshold=threshold)
    metrics_table.show(everyone, threshold=threshold)
    mistakes.show(ws, measured, threshold=threshold)
    curves.show_more(everyone, threshold=threshold)


def _choose_threshold(measured: Evaluation) -> float:
    """Show the slider and the suggested thresholds; return the threshold, which the address keeps."""
    st.session_state[SLIDER] = current_threshold()
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        threshold: float = st.slider(
            "Threshold",
            0.0,
            1.0,
            step=0.001,
            format="%.3f",
            key=SLIDER,
            on_change=_take_slider,
            help="Cutouts with at least this score are accepted; every figure below follows it.",
        )
    suggestions = {item.name: item for item in measured.suggestions()}
    with right:
        st.pills(
            "Set it for",
            list(suggestions),
            key=AIMS,
            wrap=True,
            format_func=_aim_label,
            on_change=_take_aim,
            args=({name: item.threshold for name, item in suggestions.items()},),
            help="Chosen on these same cutouts, so slightly optimistic: "
            + "; ".join(f"{_aim_label(item.name)}: {item.meaning}" for item in suggestions.values()),
        )
    return threshold


def _aim_label(name: str) -> str:
    return SUGGESTIONS.get(name, name)


def current_threshold() -> float:
    """Return the threshold of the address, 0.5 where it has none or no number between 0 and 1."""
    try:
        value = float(selected("threshold") or 0.5)
    except ValueError:
        return 0.5
    return value if 0.0 <= value <= 1.0 else 0.5


def _take_slider() -> None:
    select("threshold", f"{st.session_state[SLIDER]:.6g}")


def _take_aim(thresholds: dict[str, float]) -> None:
    name = st.session_state[AIMS]
    if name in thresholds:
        select("threshold", repr(min(max(thresholds[name], 0.0), 1.0)))
    st.session_state[AIMS] = None
