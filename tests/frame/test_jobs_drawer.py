"""Jobs as pages tell of them: the sidebar, the drawer, notices of those that ended, and idle pages."""

import asyncio
import json
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from lensapp import jobs, worker
from lensapp.core.errors import NotFound
from lensapp.core.progress import Progress, phase_of
from lensapp.job_kinds import JOB_KINDS, selection_of
from lensapp.services.round_stages import STAGES
from lensapp.services.train.job_control import state_of_queue
from lensapp.storage import queue
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace
from lensapp.ui import pulse, sidebar
from lensapp.ui.main import GROUPS
from lensapp.ui.shared import job_controls, state
from lensapp.ui.shared.job_controls import polling, progress_text, queue_text, state_text
from lensapp.ui.shared.widgets import clock_time, time_left
from support.small_surveys import make_survey

PROJECT = Path(__file__).parents[2]
SCORING = {"run": "first", "source": "sky", "dask": None}


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    make_survey(workspace, name="sky")
    return workspace


def run_app(page: str = "home") -> AppTest:
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    return app if page == "home" else app.switch_page(str(state.PAGES / f"{page}.py")).run()


def score(ws: Workspace, title: str = "Score sky with first", **payload: str) -> Job:
    return jobs.enqueue(ws.database, kind="score", title=title, payload=SCORING | payload)


def end(ws: Workspace, job: Job, **changes: Any) -> None:
    claimed = queue.claim_job(ws.database, worker="w-1", job_id=job.id)
    assert claimed is not None
    queue.update_job(ws.database, claimed, finished_at=time.time(), **changes)


def ask() -> str:
    answer = asyncio.run(pulse.pulse(Request({"type": "http"})))
    assert answer.headers["cache-control"] == "no-store"
    return str(json.loads(answer.body)["queue"])


def text_of(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*app.markdown, *app.caption))


def test_a_job_that_ends_is_told_on_another_page_with_a_link_to_what_it_made(workspace):
    job = score(workspace)
    app = run_app("split")
    end(workspace, job, state="done")
    app.run()
    assert [notice.value for notice in app.toast] == [
        "**Score sky with first** is finished. [Open](/score?source=sky&run=first)"
    ]
    assert app.toast[0].proto.duration >= 10, "there is time to read it and to follow its link"
    assert not app.run().toast  # told once
    app.button(key="jobs").click().run()
    assert any("Score sky with first" in one.value for one in app.markdown), "it is found later, too"


def test_a_job_that_failed_is_told_too_and_one_that_was_cancelled_is_not(workspace):
    failed, cancelled = score(workspace, "Bad"), score(workspace, "Unwanted")
    app = run_app("split")
    end(workspace, failed, state="failed", error="No.")
    jobs.stop(workspace.database, cancelled.id)
    assert [notice.value for notice in app.run().toast] == [
        "**Bad** failed. [Open](/score?source=sky&run=first)"
    ]


def test_the_page_that_shows_what_a_job_made_needs_no_notice(workspace):
    job = jobs.enqueue(
        workspace.database, kind="ingest", title="Import sky", payload={"name": "sky", "spec": {}}
    )
    app = run_app("data")
    end(workspace, job, state="done")
    assert not app.run().toast


def test_the_drawer_shows_jobs_in_their_order_and_goes_to_what_they_made(workspace):
    end(workspace, score(workspace, "Earlier"), state="done")
    running, _, last = score(workspace, "Now"), score(workspace, "Next"), score(workspace, "After it")
    claimed = queue.claim_job(workspace.database, worker="w-1", job_id=running.id)
    queue.update_job(
        workspace.database, claimed,
        progress={"fraction": 0.25, "message": "5 of 20 cutouts", "rate": 2.5, "seconds_left": 6.0},
    )  # fmt: skip
    app = run_app("split")
    app.button(key="jobs").click().run()
    titles = [
        line.value for line in app.markdown if any(t in line.value for t in ("Now", "Next", "After", "Earl"))
    ]
    assert [title.split("**")[1] for title in titles[:3]] == ["Now", "Next", "After it"]
    assert "place 2 of 2 in the queue" in text_of(app)
    app.button(key=f"drawer-{last.id}-run-first").click().run()
    cards = [line.value for line in app.markdown if "**" in line.value]
    assert [card.split("**")[1] for card in cards if "Now" in card or "Next" in card or "After" in card] == [
        "Now", "After it", "Next",
    ]  # fmt: skip
    assert f"drawer-{last.id}-run-first" not in {button.key for button in app.button}, "it is the first"
    app.button(key=f"drawer-{running.id}-stop").click().run()
    assert queue.get_job(workspace.database, running.id).command == "stop"
    [opening] = [
        button for button in app.button if button.label == "Open" and button.key.startswith("drawer")
    ]
    opening.click().run()
    assert not app.exception
    assert (app.title[0].value, app.query_params["source"]) == ("Score", "sky")
    assert "Next" not in text_of(app)  # closed


def test_a_job_that_failed_is_tried_again_from_the_drawer(workspace):
    job = score(workspace)
    end(workspace, job, state="failed", error="The disk is full.", traceback="where")
    with queue.open_log(workspace, job.id) as log:
        log.write(b"4 kB left\n")
    app = run_app("split")
    app.button(key="jobs").click().run()
    assert {"The disk is full.", "What it wrote: 1 line"} <= {box.label for box in app.expander}
    assert "4 kB left" in [one.value for one in app.code]
    app.button(key=f"drawer-retry-{job.id}").click().run()
    assert queue.get_job(workspace.database, job.id).state == "queued"


def test_a_job_that_would_be_refused_again_is_not_offered_to_be_tried_again(workspace):
    job = jobs.enqueue(
        workspace.database, kind="score", title="Score nowhere", payload={"run": "first", "source": "nowhere"}
    )
    ended = worker.run_job(workspace, queue.claim_job(workspace.database, worker="here"))
    assert (ended.state, ended.refused) == ("failed", True)
    app = run_app("split")
    app.button(key="jobs").click().run()
    assert any("called 'first'" in box.label for box in app.expander)
    assert f"drawer-retry-{job.id}" not in {button.key for button in app.button}
    assert jobs.resume(workspace.database, job.id), "a command can, once what was asked for is there"
    assert not queue.get_job(workspace.database, job.id).refused


@pytest.mark.parametrize(
    ("shown_as", "by_now", "pressed", "told"),
    [
        ("running", "done", "stop", "is finished by now: there is nothing to stop."),
        ("queued", "cancelled", "stop", "is stopped by now: there is nothing to stop."),
        ("paused", "running", "resume", "is running by now: there is nothing to resume."),
        ("failed", "queued", "retry", "waits in the queue by now: there is nothing to resume."),
    ],
)
def test_a_job_that_went_on_since_the_page_was_drawn_is_told_so(workspace, shown_as, by_now, pressed, told):
    job = score(workspace)
    queue.update_job(workspace.database, job, state=shown_as)
    app = run_app("split")
    app.button(key="jobs").click().run()
    key = f"drawer-retry-{job.id}" if pressed == "retry" else f"drawer-{job.id}-{pressed}"
    queue.update_job(workspace.database, job, state=by_now)
    app.button(key=key).click().run()
    assert not app.exception
    assert f"Score sky with first {told}" in [notice.value for notice in app.toast]
    assert queue.get_job(workspace.database, job.id).state == by_now


def test_an_idle_page_asks_for_nothing_and_a_busy_one_does(workspace, monkeypatch):
    asked: list[float | None] = []
    fragment = st.fragment

    def recorded(function=None, *, run_every=None, **options):
        asked.append(run_every)
        return fragment(function, run_every=run_every, **options)

    monkeypatch.setattr(st, "fragment", recorded)
    paused = score(workspace, "Paused")
    end(workspace, paused, state="paused")
    app = run_app()
    for path in sorted(state.PAGES.glob("*.py")):
        assert not app.switch_page(str(path)).run().exception
    assert asked
    assert set(asked) == {None}
    score(workspace)
    app.run()
    assert set(asked) == {None, job_controls.POLL_SECONDS}  # the sidebar as often as the pages


def test_no_fragment_is_told_to_run_by_itself_for_good():
    # A decorator is asked once, when its module is loaded, and cannot know whether anything runs.
    told = [
        path
        for path in (PROJECT / "lensapp").rglob("*.py")
        if "@st.fragment(run_every" in path.read_text("utf-8")
    ]
    assert not told


def test_the_pulse_changes_when_a_job_begins_is_stopped_and_ends(workspace):
    told = [ask()]
    job = score(workspace)
    told.append(ask())
    queue.claim_job(workspace.database, worker="w-1", job_id=job.id)
    told.append(state_of_queue(workspace))
    jobs.stop(workspace.database, job.id)
    told.append(state_of_queue(workspace))
    queue.update_job(workspace.database, queue.get_job(workspace.database, job.id), state="cancelled")
    told.append(ask())
    assert told == ["", f"{job.id}q", f"{job.id}r", f"{job.id}rstop", ""]


def test_a_job_that_loads_its_library_says_so(ws, monkeypatch):
    job = queue.claim_job(ws.database, worker="w-1", job_id=score(ws).id)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr(worker, "resolve_name", lambda _name: lambda _ws, **_arguments: {})
    said: list[Progress] = []
    assert worker.run_job(ws, job, watch=said.append).state == "done"
    assert [progress["message"] for progress in said] == ["loading PyTorch"]


def test_the_sidebar_says_what_a_job_does_where_it_knows_no_time_left(workspace, monkeypatch):
    monkeypatch.setattr(sidebar, "worker_alive", lambda _ws: True)
    job = queue.claim_job(workspace.database, worker="w-1", job_id=score(workspace).id)
    queue.update_job(workspace.database, job, progress={"fraction": 0.95, "message": "looking for groups"})
    [line] = [one for one in run_app().sidebar.get("html") if "Score sky with first" in one.proto.body]
    assert "95 % · looking for groups" in line.proto.body


def test_states_are_said_in_words(ws):
    first, second = score(ws, "First"), score(ws, "Second")
    live = jobs.active(ws.database)
    assert state_text(first, live) == "waits for a worker"
    assert queue_text(second, live) == "queued just now · place 2 of 2 in the queue"
    running = queue.claim_job(ws.database, worker="w-1", job_id=first.id)
    assert state_text(second, jobs.active(ws.database)) == "waits for: First"
    assert progress_text(running) == "starting · 0 s"
    mapping: Progress = {"fraction": 0.6, "message": "UMAP learns from 2 000 cutouts", "seconds_left": None}
    began = time.time() - 34
    without_time = replace(running, started_at=began, progress={**mapping})
    assert progress_text(without_time) == "UMAP learns from 2 000 cutouts · 34 s so far"
    assert progress_text(replace(without_time, progress={**mapping, "seconds_left": 42})).endswith(
        "50 s left"
    )
    jobs.pause(ws.database, first.id)
    assert state_text(queue.get_job(ws.database, first.id), []) == "pausing"
    assert polling([running]) is not None
    queue.update_job(ws.database, running, state="paused")
    assert polling([queue.get_job(ws.database, first.id)]) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "< 10 s left"), (42, "50 s left"), (84, "2 min left"), (87, "2 min left"), (119, "2 min left"),
     (3540, "59 min left"), (7200, "2.0 h left")],
)  # fmt: skip
def test_what_is_left_reads_the_same_wherever_it_is_asked_for_at_nearly_the_same_moment(seconds, words):
    assert time_left(seconds) == words


def test_a_job_of_several_phases_is_at_its_end_once_only_and_names_the_phase():
    told: list[Progress] = []
    first = phase_of(told.append, begin=0.0, end=0.2, phase="scoring the test part")
    rest = phase_of(told.append, begin=0.2, end=1.0, phase="audit")
    first({"fraction": 1.0, "message": "512 of 512 cutouts", "seconds_left": 0.0, "rate": 90.0})
    rest({"fraction": 0.5, "message": "measuring cutouts"})
    assert [round(one["fraction"], 6) for one in told] == [0.2, 0.6]
    assert [one["message"] for one in told] == [
        "scoring the test part: 512 of 512 cutouts",
        "audit: measuring cutouts",
    ]
    assert all(one["seconds_left"] is None for one in told)


def test_a_moment_is_told_so_that_it_stays_true():
    noon = datetime(2026, 5, 3, 12, 0).astimezone()
    assert clock_time(noon.timestamp() - 3600, now=noon.timestamp()) == "at 11:00"
    assert clock_time(noon.timestamp() - 86_400, now=noon.timestamp()) == "on 2 May at 12:00"
    assert clock_time(noon.timestamp(), now=noon.timestamp() + 300 * 86_400) == "on 3 May 2026 at 12:00"


def test_every_kind_of_job_leads_to_a_page_that_a_stage_is_about():
    about = {page for pages in STAGES.values() for page in pages}
    assert {kind.page for kind in JOB_KINDS.values()} <= about
    assert about == {page for group in GROUPS.values() for page, *_ in group} - {"home", "workspace"}


@pytest.mark.parametrize(
    ("kind", "payload", "selection"),
    [
        ("demo", {"name": "demo", "spec": {}}, {"source": "demo"}),
        ("score", {"run": "first", "source": "sky", "dask": None}, {"run": "first", "source": "sky"}),
        ("import-scores", {"names": ["cnn", "vit"], "source": "sky"}, {"run": "cnn", "source": "sky"}),
        ("baselines", {"runs": ["svm"]}, {"run": "svm"}),
        ("member", {"part_of": "folds", "place": 2}, {"study": "folds"}),
    ],
)
def test_the_work_of_a_job_is_found_by_what_its_payload_names(kind, payload, selection):
    assert selection_of(kind, payload) == selection


def test_where_what_is_followed_has_been_deleted_the_page_is_drawn_again(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(job_controls.st, "rerun", lambda *, scope: asked.append(scope))
    monkeypatch.setattr(job_controls.st, "fragment", lambda draw, run_every: draw)

    def draw(name: str) -> None:
        raise NotFound(f"There is no run called '{name}'.")

    follow = job_controls.following(draw, moving=True)
    monkeypatch.setattr(job_controls, "in_fragment_run", lambda: True)
    follow("gone")
    assert asked == ["app"]
    monkeypatch.setattr(job_controls, "in_fragment_run", lambda: False)
    with pytest.raises(NotFound, match="no run called 'gone'"):
        follow("gone")


def test_of_a_training_that_has_ended_the_time_of_the_job_and_of_the_training_are_told_apart(workspace):
    job = jobs.enqueue(workspace.database, kind="train", title="Train one", payload={"run": "one"})
    claimed = queue.claim_job(workspace.database, worker="w-1", job_id=job.id)
    queue.update_job(
        workspace.database,
        claimed,
        state="done",
        started_at=1000.0,
        finished_at=1020.2,
        result={"seconds": 13.8},
    )
    app = run_app()
    app.button(key="jobs").click().run()
    assert "after 20 s, 14 s of it training" in text_of(app)


def test_a_bar_of_progress_stands_where_its_words_say_at_once() -> None:
    css = (PROJECT / "lensapp" / "ui" / "frame.css").read_text("utf-8")
    assert '[data-testid="stProgress"] * { transition: none !important; }' in css
