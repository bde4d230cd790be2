"""Who may do what: every role at every service that changes something, at every route and on every page."""

from contextlib import nullcontext
from importlib import import_module

import pytest
from changing_services import changing_services
from starlette.routing import Route
from streamlit.testing.v1 import AppTest
from team_of_roles import NAMES, Ask, Team

from lensapp import worker
from lensapp.core import acting
from lensapp.core.acting import NEEDS, ROLES, acting_as
from lensapp.core.errors import NotAllowed
from lensapp.services.access import accounts
from lensapp.services.care.records import changes
from lensapp.services.data import demo
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.tokens import issue_look_token, issue_token
from lensapp.services.inspect.votes import VoteOp, VotePost, record_votes
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import queue, reviews
from lensapp.storage.care.trail import actor
from lensapp.ui.access import identity
from lensapp.ui.access.cookies import cookie_name
from lensapp.ui.access.pages import PAGES_OF
from lensapp.ui.gallery import look_routes, routes
from support.pages_workspace import MAIN

KEEP = {
    "access.accounts": {"add_account", "change_role", "set_password", "remove_account"},
    "access.people": {"list_accounts", "end_sessions", "plan_removal"},
    "care.backups": {"back_up", "move"},
    "care.disk": {"clear"},
    "care.doctor": {"examine"},
    "care.removal": {"delete", "undelete", "empty_trash"},
    "care.renaming": {"rename"},
}
VOTE = {"inspect.votes": {"record_votes", "save_view", "vote_once"}}
# Whatever else changes something is for scientists. These write, but nothing that others read:
NO_RIGHT_NEEDED = {
    "access.log_in.log_in": "begins a session, before anybody is known",
    "access.log_in.log_in_by_email": "begins a session, before anybody is known",
    "access.log_in.log_out": "ends one's own session",
    "access.log_in.change_own_password": "asks for the present password",
    "access.log_in.session_actor": "notes that a session is used",
    "access.people.log_out_everywhere": "ends one's own sessions",
    "care.backups.restore": "makes a new workspace, on the command line alone",
    "catalogue.charts.write_sheet": "writes the file that its caller names: a download",
    "catalogue.export.export": "writes the file that its caller names: a download",
    "catalogue.formats.files_of": "writes the file that its caller names: a download",
    "catalogue.usual_export.exported_bytes": "as export: a download",
    "catalogue.usual_export.usual_export": "as export: a download",
    "data.demo_tiles.write_tiles": "writes the folder that its caller names, on the command line alone",
    "inspect.similar.run_to_make_features": "only asks",
    "next_step.round_of": "only asks",
    "reports.run_report.write_card": "writes the file that its caller names, on the command line alone",
    "reports.run_report.write_report": "writes the file that its caller names, on the command line alone",
    "reports.run_report.write_report_figures": "writes the folder that its caller names",
    "score.neighbours.ensure_index": "keeps an index that was computed",
    "score.source_checks.check_source": "keeps a comparison that was computed",
    "score.source_checks.keep_as_measured": "on the command line alone",
    "score.sources_to_score.score_refusal": "only asks",
    "score.sources_to_score.to_score": "only asks",
    "train.runs.check_source_fits": "only asks, unless a service that needs a right has it remember",
    "train.runs.fit_warnings": "only asks",
    "train.runs.fitting_first": "only asks",
}


def services_with_a_right() -> dict[str, str]:
    for name in changing_services():
        import_module(name.rpartition(".")[0])
    return {name.removeprefix("lensapp.services."): right for name, right in NEEDS.items()}


def test_every_service_that_changes_something_says_which_right_it_takes() -> None:
    assert len(changing_services()) > 60
    services_with_a_right()
    unguarded = {name.removeprefix("lensapp.services.") for name in changing_services(frozenset(NEEDS))}
    assert unguarded == set(NO_RIGHT_NEEDED)


@pytest.mark.parametrize("role", [*ROLES, None])
def test_a_service_lets_past_whose_role_has_its_right_and_nobody_else(team: Team, role: str | None) -> None:
    rows = services_with_a_right()
    for right, table in (("keep", KEEP), ("vote", VOTE)):
        assert {f"{module}.{name}" for module, names in table.items() for name in names} == {
            name for name, taken in rows.items() if taken == right
        }
    may = {"administrator": {"keep", "work", "vote"}, "scientist": {"work", "vote"}, "inspector": {"vote"}}
    for name, right in rows.items():
        module, _, function = name.rpartition(".")
        service = getattr(import_module(f"lensapp.services.{module}"), function)
        # Past the door a call without its arguments fails as such a call does.
        expected = TypeError if right in may.get(str(role), set()) else NotAllowed
        with nullcontext() if role is None else acting_as(team.actor(role)), pytest.raises(expected):
            service()


def test_storage_refuses_what_no_service_has_granted(team: Team) -> None:
    with acting_as(team.actor("administrator")), pytest.raises(NotAllowed, match="in the name of an account"):
        queue.add_job(team.ws.database, kind="demo", title="Sneak", payload={})
    with pytest.raises(NotAllowed):  # nobody is known here
        queue.add_job(team.ws.database, kind="demo", title="Sneak", payload={})
    assert queue.list_jobs(team.ws.database) == []


def vote_of(team: Team, inspector: str, review_name: str = "first") -> int:
    review = reviews.get_review(team.ws.database, review_name)
    cutout = open_review(team.ws, review.id).queue[0]
    op = VoteOp(seq=1, id=int(cutout), grade="A", voted_at=1.0)
    return record_votes(
        team.ws, review=review, inspector=inspector, post=VotePost(client="tab-00001", ops=(op,))
    )


def test_nobody_votes_as_another_or_where_not_invited(team: Team) -> None:
    with acting_as(team.actor("inspector")):
        assert vote_of(team, NAMES["inspector"]) == 1
        with pytest.raises(NotAllowed, match="cannot vote as Scientist Ada"):
            vote_of(team, NAMES["scientist"])
        with pytest.raises(NotAllowed, match="not invited to the review second"):
            vote_of(team, NAMES["inspector"], "second")
    with acting_as(team.actor("scientist")):
        accounts.uninvite(team.ws, NAMES["inspector"], "first")
    with acting_as(team.actor("inspector")), pytest.raises(NotAllowed, match="not invited"):
        vote_of(team, NAMES["inspector"])


# What each route answers whom, with a token of its own: "all" who may vote, or those who may work.
ROUTES = {
    ("GET", "labels"): "all", ("POST", "labels"): "all", ("GET", "view"): "all", ("POST", "view"): "all",
    ("POST", "alike"): "work", ("POST", "features"): "work", ("GET", "features"): "all",
    ("GET", "sheet"): "all", ("GET", "raw"): "all", ("GET", "queue"): "all",
    ("GET", "values"): "all", ("GET", "retired"): "all", ("GET", "candidates"): "all",
    ("GET", "around"): "all", ("GET", "agreement"): "all", ("POST", "picked"): "work",
    ("GET", "part"): "all", ("GET", "columns"): "all", ("GET", "share"): "all", ("GET", "task"): "all",
}  # fmt: skip
STATIC = "client/{version}/{name}.js"


def test_every_route_has_a_row() -> None:
    met = {
        (method, one.path.removeprefix(f"{routes.API}/"))
        for one in routes.ROUTES
        for method in (one.methods or ())
        if method != "HEAD"
    }
    assert met == set(ROUTES) | {("GET", STATIC)}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_route_answers_those_whose_role_allows_it(team: Team, ask: Ask, method: str, path: str) -> None:
    tokens = {}
    for role in ("administrator", "scientist", "inspector"):
        with acting_as(team.actor(role)):
            tokens[role] = issue_token(team.ws, review=team.review, inspector=NAMES[role])
    address, body = f"{routes.API}/{path}?ids=1", {"client": "tab-00001", "ops": []}
    posts = {"alike": {"id": 1}, "features": {"id": 1}, "picked": {"ids": [1]}, "view": {}, "labels": body}
    sent = {"json": posts[path]} if method == "POST" else {}

    def status(role: str | None, token: str) -> int:
        cookie = team.secrets[role] if role else None
        return ask(method, address, cookie=cookie, headers={"x-token": token}, **sent).status_code

    allowed = {role: status(role, token) not in (401, 403) for role, token in tokens.items()}
    assert allowed == {"administrator": True, "scientist": True, "inspector": ROUTES[method, path] == "all"}
    assert status(None, tokens["scientist"]) == 401
    assert status("reader", tokens["scientist"]) == 403  # another's token is nobody's
    assert status("inspector", tokens["scientist"]) == 403
    assert ask(method, address, cookie=team.secrets["scientist"], **sent).status_code == 403


@pytest.mark.parametrize("route", look_routes.ROUTES, ids=lambda one: f"{min(one.methods)} {one.path}")
def test_a_sheet_is_looked_at_in_the_session_that_it_was_shown_in(team: Team, ask: Ask, route: Route) -> None:
    with acting_as(team.actor("reader")):
        token = issue_look_token(team.ws, source_ids=[1], run_name=None)
    method, path, headers = min(route.methods or ()), f"{route.path}?ids=1", {"x-token": token}
    assert ask(method, path, headers=headers).status_code == 401
    assert ask(method, path, headers=headers, cookie=team.secrets["scientist"]).status_code == 403
    assert ask(method, path, cookie=team.secrets["reader"]).status_code == 403
    assert ask(method, path, headers=headers, cookie=team.secrets["reader"]).status_code != 403


def test_the_gallerys_modules_are_for_who_is_logged_in(team: Team, ask: Ask) -> None:
    path = f"{routes.MODULES.address}/mount.js"
    assert ask("GET", path).status_code == 401
    assert ask("GET", path, cookie=team.secrets["reader"]).status_code == 200


def test_no_token_is_given_to_who_may_not_vote(team: Team) -> None:
    for role, review in (("reader", team.review), ("inspector", team.other)):
        with acting_as(team.actor(role)), pytest.raises(NotAllowed, match="not invited"):
            issue_token(team.ws, review=review, inspector=NAMES[role])


PAGES = {
    "administrator": {"workspace": True, "data": True, "paint": True},
    "scientist": {"workspace": False, "paint": True},
    "inspector": {"catalogue": False, "inspect": True},
    "reader": {"inspect": False, "catalogue": True},
}


def test_every_page_is_open_to_administrators_and_inspectors_only_inspect() -> None:
    every = {path.stem for path in (MAIN.parents[2] / "pages").glob("*.py")}
    assert PAGES_OF["administrator"] == every
    assert PAGES_OF["inspector"] == {"inspect"}
    assert PAGES_OF["reader"] < PAGES_OF["scientist"] < every
    assert set(PAGES_OF) == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_page_runs_for_those_to_whom_it_is_open(
    team: Team, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setattr(identity, "session_secret", lambda _ws: team.secrets[role])
    monkeypatch.setattr(acting, "_ASKED", [identity.page_actor])
    app = AppTest.from_file(MAIN, default_timeout=120).run()
    for page, is_open in PAGES[role].items():
        app.switch_page(str(MAIN.parents[2] / "pages" / f"{page}.py")).run()
        assert not app.exception
        assert any("is not open to you" in one.value for one in app.markdown) is not is_open
    assert any(f"{role} here" in one.value for one in app.sidebar.caption)


def test_what_a_page_calls_back_is_done_by_who_looks_at_it(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "session_secret", lambda _ws: team.secrets["scientist"])
    monkeypatch.setattr(acting, "_ASKED", [identity.page_actor])
    with acting_as(acting.this_program()):
        job = queue.add_job(team.ws.database, kind="demo", title="Simulate sky", payload={})

    def page(job_id: int) -> None:
        import streamlit as st

        from lensapp.services.train.job_control import stop_job
        from lensapp.ui.shared.state import get_workspace

        st.button("Cancel", on_click=stop_job, args=(get_workspace(), job_id))

    app = AppTest.from_function(page, kwargs={"job_id": job.id}).run()
    app.button[0].click().run()
    assert not app.exception
    [row] = [one for one in changes(team.ws) if one["did"] == "asked to stop"]
    assert row["who"] == NAMES["scientist"]


@pytest.mark.parametrize(("role", "offered"), [("scientist", True), ("reader", False)])
def test_only_who_may_work_is_offered_to_retry_a_job(
    team: Team, monkeypatch: pytest.MonkeyPatch, role: str, offered: bool
) -> None:
    monkeypatch.setattr(identity, "session_secret", lambda _ws: team.secrets[role])
    monkeypatch.setattr(acting, "_ASKED", [identity.page_actor])
    with acting_as(acting.this_program()):
        job = queue.add_job(team.ws.database, kind="demo", title="Simulate sky", payload={"name": "sky"})
        claimed = queue.claim_job(team.ws.database, worker="w-1", job_id=job.id)
        assert claimed is not None
        queue.update_job(team.ws.database, claimed, state="failed", error="The disk is full.")
    app = AppTest.from_file(MAIN, default_timeout=120).run()
    app.button(key="jobs").click().run()
    assert not app.exception
    assert "The disk is full." in [box.label for box in app.expander]
    assert any(one.key == f"drawer-retry-{job.id}" for one in app.button) is offered


def test_a_job_is_done_in_the_name_of_who_queued_it(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    with acting_as(team.actor("scientist")):
        job = demo.start_demo(team.ws, name="tiny", spec=DemoSpec(count=8, size=24, bands=("r",)))
    monkeypatch.setattr(demo, "simulate_survey", lambda *_, **__: {"who": actor()})
    with acting_as(acting.this_program()):
        claimed = queue.claim_job(team.ws.database, worker="w", job_id=job.id)
        assert claimed is not None
        ended = worker.run_job(team.ws, claimed)
    assert (ended.state, ended.result) == ("done", {"who": NAMES["scientist"]})


def test_the_cookie_of_a_workspace_is_its_own(team: Team) -> None:
    assert cookie_name(team.ws.folder) != cookie_name(team.ws.folder.with_name("another"))
