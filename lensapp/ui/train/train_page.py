"""The page that trains networks: live curves first, then the runs, then the next run."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import streamlit as st
from pydantic import TypeAdapter

from lensapp.core.errors import NotFound
from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.core.train.network_specs import network_title
from lensapp.core.train.tasks import ContrastiveTask, TaskSpec
from lensapp.services.evaluate.run_colours import dashes_of_runs, places_of_runs
from lensapp.services.imported_tables import why_not_measured
from lensapp.services.split.part_sizes import untold_rate
from lensapp.services.train import runs
from lensapp.services.train.best_epochs import (
    best_epoch_in_words,
    chosen_by,
    no_better_than_chance,
    risen_loss,
    risen_loss_in_words,
    usual_threshold_misleads,
    why_choice_unsure,
    why_chosen,
)
from lensapp.services.train.low_scores import why_low_scores, without_lens_scores
from lensapp.services.train.run_listing import studies_last
from lensapp.services.train.runs import RunStatus
from lensapp.services.train.starter import REMARK, is_starter
from lensapp.services.train.task_checks import cutouts_of_run, nonlenses_validated
from lensapp.services.train.unlabelled import unlabelled_count
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import figures
from lensapp.ui.shared.job_controls import (
    badge_and_buttons,
    following,
    fraction_done,
    redraw_when_changed,
    show_troubles,
)
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.page_head import current_round, page_head
from lensapp.ui.shared.page_views import choose_view
from lensapp.ui.shared.scores import hint_at_low_scores
from lensapp.ui.shared.state import choose, get_workspace, go
from lensapp.ui.shared.widgets import (
    absolute_time,
    clock_time,
    counted,
    duration,
    empty_state,
    heading,
    number,
    rounded_count,
    time_left,
)
from lensapp.ui.train import curves
from lensapp.ui.train.run_form import FORM, FORM_AND_RUN, show_run_form
from lensapp.ui.train.run_notes import show_notes
from lensapp.ui.train.run_table import show_runs, ticked_runs

NEW, ALL, NEW_RUN = "new", "runs", "New run"
VIEWS = {NEW: NEW_RUN, ALL: ":material/table_rows: All runs"}


def show_train_page() -> None:
    """Show the curves of one run, the table of all runs and the form of the next."""
    ws = get_workspace()
    statuses = runs.list_statuses(ws)
    stands = current_round()
    measures = stands.next_step.selection.get("run") if stands.next_step.page == "evaluate" else None
    starts = not measures and not any(one.moving for one in statuses)  # is what a reader came for
    page_head("Train", step="secondary" if starts else "primary", stands=stands)
    if not runs.training_datasets(ws):
        box = empty_state(
            "No dataset to train on yet",
            "Networks learn from a frozen dataset version with training, validation and test parts. "
            "Split a source first; the learning curves will then appear here.",
            icon=":material/call_split:",
        )
        if box.button("Split a source", icon=":material/call_split:", type="primary", key="train-to-split"):
            go("split")
        return
    with st.container(key="train-columns"):
        form, beside = st.columns(FORM_AND_RUN, gap="medium")
    with form, st.container(key=FORM, gap="small"):
        if statuses:
            view = choose_view(VIEWS, key="train-view")
        else:
            heading(NEW_RUN)
            view = NEW
        if view == NEW:
            show_run_form(ws, statuses, start="primary" if starts else "secondary")
    if not statuses:
        with beside:
            empty_state(
                "No run yet",
                "Loss, accuracy, AUROC, purity and completeness, learning rate and speed will be drawn here, "
                "epoch by epoch. Choose a recipe and start.",
                icon=":material/show_chart:",
            )
        return
    with beside:
        status = _choose_followed(studies_last(ws, statuses))
    if view == ALL:
        show_runs(ws, statuses, followed=status.name)
    with beside if view == NEW else st.container():
        following(_follow, moving=status.moving)(
            status.name, ticked_runs(statuses), measured_next=status.name == measures
        )
        show_notes(ws, status, statuses)
    if view == NEW:
        st.subheader("Runs", help="Tick runs to lay their validation curves over those of the run above.")
        show_runs(ws, statuses, followed=status.name)


def _choose_followed(statuses: Sequence[RunStatus]) -> RunStatus:
    """Choose the run that is followed: unless the address names one, a running one, or the first of them."""
    running = (one.name for one in statuses if one.state == "running")
    trained = (one.name for one in statuses if runs.has_recipe(one.run) and not is_starter(one.run))
    first = next(running, None) or next(trained, None)
    name = choose("run", [one.name for one in statuses], label="Run", first=first)
    return next(one for one in statuses if one.name == name)


def _follow(run_name: str, ticked: list[str], *, measured_next: bool) -> None:
    """Show how the run stands and its curves, once a second; the page anew when its state has changed.

    One that is `measured_next` is led to its evaluation by the next step already.
    """
    ws = get_workspace()
    status, *others = runs.run_statuses(ws, [run_name, *(name for name in ticked if name != run_name)])
    columns = runs.overlay_columns(ws, [status.name, *(one.name for one in others)])
    progress: dict[str, Any] = dict(status.job.progress) if status.job else {}
    redraw_when_changed((run_name, status.state), key="train-drawn")
    with st.container(key="train-live", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", height=40, border=False):
            badge_and_buttons(
                ws,
                status,
                page="train",
                resume_help="Continues from the last epoch.",
                stop_help="Ends the training; the best network so far is kept.",
            )
            if not measured_next:
                _offer_evaluation(ws, status)
            if status.study:
                st.caption(f"part of the study {plain(status.study)}, controlled under Experiments")
        with st.container(key="train-stands", gap="xsmall"):  # of one height: its end moves no curves
            if status.active:
                st.progress(fraction_done(status.job), text=progress_line(status, progress))
            else:
                unsure = why_choice_unsure(ws, status.run)
                st.markdown(
                    summary_line(
                        status.run, unsure=bool(unsure), risen=risen_loss(status.run, columns[status.name])
                    ),
                    help=circumstances(
                        status.run,
                        unsure,
                        low=why_low_scores(ws, status.run) if without_lens_scores(status.run) else "",
                    ),
                )
    show_troubles(ws, status)
    _show_curves(ws, status, others, columns)
    if status.active:
        return
    if chance := no_better_than_chance(status.run):  # below the curves, which stay where they are
        st.warning(chance, icon=":material/warning:")
    elif without_lens_scores(status.run):
        hint_at_low_scores(
            "In the best epoch no score of the validation part reached 0.5.", why_low_scores(ws, status.run)
        )
    elif misleads := usual_threshold_misleads(status.run):
        st.info(misleads, icon=":material/lightbulb:")
    if risen := risen_loss_in_words(status.run, columns[status.name]):
        st.info(risen, icon=":material/lightbulb:")


def _offer_evaluation(ws: Workspace, status: RunStatus) -> None:
    """Lead from a run that has ended with a network to its evaluation."""
    if status.active or not runs.is_scored(ws, status.run) or why_not_measured(ws, status.run):
        return
    label = "Open in Evaluate" if status.run.evaluation else "Evaluate"
    if st.button(
        label,
        icon=":material/arrow_forward:",
        icon_position="right",
        key="train-evaluate",
    ):
        go("evaluate", run=status.run.name)


def progress_line(status: RunStatus, progress: dict[str, Any]) -> str:
    """Return epoch, speed, time left, device and memory of a training in one line of Markdown."""
    if status.state == "queued":
        return "waits for a worker"
    if status.state in ("pausing", "stopping"):
        what = "goes on from here when resumed" if status.state == "pausing" else "the best network is kept"
        return f"**{status.state}: the current step is finished and everything is saved** · {what}"
    if status.state == "paused":
        message = plain(progress.get("message") or "")
        how_far = message if message.startswith("epoch") else "before its first epoch"
        return f"**paused** · {how_far} · goes on from here when resumed"
    if not progress.get("event"):  # nothing learned in this attempt yet
        began = status.job.started_at if status.job else None
        since = f", {duration(max(time.time() - began, 0.0))}" if began else ""
        return f"**{plain(progress.get('message') or 'loading TensorFlow and the cutouts')}{since}**"
    parts = [f"**{plain(progress.get('message', ''))}**"]
    if progress.get("rate"):
        parts.append(f"{number(float(progress['rate']))} images/s")
    if status.state == "running" and progress.get("seconds_left") is not None:
        parts.append(f"**{time_left(float(progress['seconds_left']))}**")
    if progress.get("loss") is not None:
        parts.append(f"loss {number(float(progress['loss']))}")
    if progress.get("device"):
        parts.append(f"on {plain(progress['device'])}")
    if progress.get("memory_bytes"):
        parts.append(f"{float(progress['memory_bytes']) / 1e9:.2f} GB memory")
    if progress.get("gpu_load") is not None:
        parts.append(
            f"GPU {100 * float(progress['gpu_load']):.0f} %, "
            f"{float(progress['gpu_memory_bytes']) / 1e9:.1f} GB, {number(float(progress['gpu_power_w']))} W"
        )
    return " · ".join(parts)


def summary_line(run: Run, *, unsure: bool = False, risen: float | None = None) -> str:
    """Return network, best epoch and time of a training in one line of Markdown.

    `unsure` tells that the best epoch is within its statistical error of the last, `risen` how many times its
    least the validation loss of the best epoch is.
    """
    summary = run.summary
    parts = [f"**{plain(network_title(run.model))}**"]
    if no_better_than_chance(run):
        parts.append(":orange[not told from chance]")
    elif without_lens_scores(run):
        parts.append(":orange[no score reached 0.5]")
    if summary.get("epochs"):
        parts.append(best_epoch_in_words(run) or counted(summary["epochs"], "epoch"))
    if unsure:
        parts.append(":orange[last epoch may be as good]")
    if risen:
        parts.append(f":orange[its loss {risen:.1f} times the least]")
    if is_starter(run):
        parts.append(REMARK)
    elif summary.get("seconds"):
        parts.append(f"took {duration(float(summary['seconds']))}")
    return " · ".join(parts)


def circumstances(run: Run, unsure: str = "", *, low: str = "") -> str:
    """Return what chose the best epoch of an ended training, when it was, how large, on what and how fast.

    `unsure` says that the choice is within its statistical error, `low` why no score reached 0.5.
    """
    summary = run.summary
    began = f"Started {absolute_time(run.created_at)}"
    if run.finished_at is not None and not is_starter(run):
        began += f", ended {clock_time(run.finished_at)}"
    sentences = [low, why_chosen(run), unsure, f"{began}."]
    if summary.get("parameters"):
        sentences.append(f"{rounded_count(summary['parameters'])} parameters.")
    if summary.get("device"):
        bits = str(summary.get("precision") or "float32").replace("_", " ")
        speed = summary.get("images_per_second")
        at = f" at {number(float(speed))} images/s" if speed else ""
        sentences.append(
            f"Trained on {plain(summary['device'])}{at}{'' if bits == 'float32' else f', in {bits}'}."
        )
    return " ".join(filter(None, sentences))


def _show_curves(
    ws: Workspace,
    status: RunStatus,
    others: Sequence[RunStatus],
    columns: Mapping[str, curves.Columns],
) -> None:
    """Show the figures of the selected run, with the validation curves of the ticked ones over its own."""
    drawn = [drawn_run(ws, one, columns[one.name]) for one in (status, *others) if columns[one.name]]
    if not drawn:
        if status.run.model == COMMITTEE:
            members = plain_all(status.run.spec["members"])
            st.info(f"A committee is not trained: its score combines those of {members}.")
        elif status.active:
            st.info("The first point of each curve appears when the first epoch has ended.")
        else:
            st.info("There are no curves: no epoch of it was trained in this workspace.")
        return
    spec = status.run.spec
    task: TaskSpec = TypeAdapter(TaskSpec).validate_python(spec.get("task") or {"kind": "binary"})
    panels = curves.panels_for(
        task.kind,
        getattr(task, "targets", ()),
        unlabelled=(spec.get("unlabelled") or {}).get("kind") == "fixmatch",
        fpr=float(spec.get("monitor_fpr", 0.01)),
    )
    parts, held_out = _cutouts_of_parts(ws, status, task), 0
    if task.kind != "contrastive":
        held_out = cutouts_of_run(ws, status.run, status.dataset, task, part="validation")
    captions = [
        "validation part of each run"
        if len(drawn) > 1 and panel.parted
        else _of_panel(panel, parts, held_out)
        for panel in panels
    ]
    if task.kind == "binary" and curves.FEW_FALSE_POSITIVES.title in (
        titles := [one.title for one in panels]
    ):
        few = untold_rate(nonlenses_validated(ws, status.run, status.dataset))
        captions[titles.index(curves.FEW_FALSE_POSITIVES.title)] += f"; {few}" if few else ""
    names = [one.name for one in drawn]
    styles = zip(
        drawn, places_of_runs(ws, names, len(figures.line_colours())), dashes_of_runs(ws, names), strict=True
    )
    drawn = [replace(one, colour=colour, dash=dash) for one, colour, dash in styles]
    curves.show_charts(panels, drawn, captions=captions, key="train-curves")


def _of_panel(panel: curves.Panel, parts: str, held_out: int) -> str:
    """Return on how many cutouts a figure is measured; nothing for the learning rate and the speed."""
    if panel.figures[0][1].startswith("val_"):
        return f"n = {number(held_out)} validation"
    return "" if panel in curves.PROGRESS_PANELS else parts


def drawn_run(ws: Workspace, status: RunStatus, columns: curves.Columns) -> curves.Drawn:
    """Return a run as its curves show it: until it has ended, the epochs to come too."""
    planned = status.run.spec.get("epochs") if status.active else None
    pauses = status.run.summary.get("resumed_after", ())
    best_by = f"validation {chosen_by(ws, status.run)}"
    return curves.Drawn(status.run.name, columns, planned=planned, pauses=pauses, best_by=best_by)


def _cutouts_of_parts(ws: Workspace, status: RunStatus, task: TaskSpec) -> str:
    """Return in words how many cutouts a run learns from and is validated on."""
    unlabelled = status.run.spec.get("unlabelled") or {}
    without_labels = isinstance(task, ContrastiveTask) or unlabelled.get("kind") == "fixmatch"
    words = []
    if not isinstance(task, ContrastiveTask):
        for part, word in (("train", "training"), ("validation", "validation")):
            members = cutouts_of_run(ws, status.run, status.dataset, task, part=part)
            words.append(f"{number(members)} {word}")
    if without_labels:
        source = task.source if isinstance(task, ContrastiveTask) else unlabelled.get("source")
        with suppress(NotFound):  # deleted since
            count = number(unlabelled_count(ws, status.dataset, source))
            words.append(f"{count} looked at without {'' if source else 'their '}labels")
    return f"n = {', '.join(words)}"
