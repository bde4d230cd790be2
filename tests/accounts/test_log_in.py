"""Logging in and out: sessions that end, patience with wrong passwords, the token of a start."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from team_of_roles import NAMES, PASSWORD, Ask, Team

from lensapp.cli import main
from lensapp.core.acting import acting_as, this_program
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, NotAllowed
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.access import accounts, log_in, start_token
from lensapp.services.data.sources import make_dry_run, start_import
from lensapp.services.inspect.tokens import issue_token
from lensapp.services.train.recipe_files import check_recipe
from lensapp.storage.access import sessions
from lensapp.ui.access.cookies import cookie_name
from lensapp.ui.access.guard import wanted
from lensapp.ui.gallery import routes

HTML = {"accept": "text/html"}


def log(team: Team, role: str = "scientist", *, password: str = PASSWORD, address: str = "10.0.0.2") -> str:
    return log_in.log_in(team.ws, name=NAMES[role], password=password, address=address)


def test_nothing_but_the_log_in_page_and_probes_is_answered_to_strangers(team: Team, ask: Ask) -> None:
    page = ask("GET", "/data?source=sky", headers=HTML)
    assert page.status_code == 401
    assert 'name="next" value="/data?source=sky"' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert ask("GET", "/healthz").status_code == 200
    for method, path in (
        ("GET", "/"),
        ("POST", "/"),
        ("PUT", "/_stcore/upload_file/a/b"),
        ("GET", "/media/x"),
    ):
        assert ask(method, path).status_code == 401


def test_the_form_begins_a_session_that_only_this_browser_has(team: Team, ask: Ask) -> None:
    fields = {"name": NAMES["reader"].upper(), "password": PASSWORD, "next": "/data?source=sky"}
    answer = ask("POST", "/log-in", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/data?source=sky")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    secret = answer.cookies[cookie_name(team.ws.folder)]
    actor = log_in.session_actor(team.ws, secret)
    assert actor is not None
    assert (actor.name, actor.role) == (NAMES["reader"], "reader")
    database = (team.ws.folder / "workspace.db").read_bytes() + (
        team.ws.folder / "workspace.db-wal"
    ).read_bytes()
    assert secret.encode() not in database
    assert PASSWORD.encode() not in database
    wrong = ask("POST", "/log-in", data=fields | {"password": "<b>no</b>", "name": "<b>x</b>"})
    assert wrong.status_code == 403
    assert "<b>" not in wrong.text
    assert ask("POST", "/log-in", content=b"x" * 20_000).status_code == 413


@pytest.mark.parametrize(
    ("target", "page"),
    [("/data?a=1", "/data?a=1"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/"),
     ("/a\r\nset-cookie: x", "/"), ("", "/")],
)  # fmt: skip
def test_logging_in_leads_to_a_page_of_the_app_whatever_a_link_says(target: str, page: str) -> None:
    assert wanted(target) == page


def test_guessing_is_slowed_for_the_account_and_for_the_address(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        with pytest.raises(NotAllowed, match="Name or password are wrong"):
            log(team, password=f"wrong {number}", address=f"10.1.0.{number}")
    with pytest.raises(log_in.TooManyTries, match="Wait 2 s"):
        log(team, address="10.9.0.1")  # the right one, too
    for number in range(20):
        with pytest.raises(NotAllowed):
            log_in.log_in(team.ws, name=f"nobody {number}", password="x", address="10.2.0.1")
    with pytest.raises(log_in.TooManyTries):
        log(team, "reader", address="10.2.0.1")
    assert log(team, "reader")  # from elsewhere
    later = time.time() + 3
    monkeypatch.setattr(log_in.time, "time", lambda: later)
    assert log(team)
    waits = [log_in.seconds_left("account x", count, later) for count in (4, 5, 6, 7, 50)]
    assert waits == [0, 2, 4, 8, 900]


def test_an_account_that_does_not_exist_is_told_from_none(team: Team) -> None:
    messages = set()
    for name in (NAMES["reader"], "nobody"):
        with pytest.raises(NotAllowed) as refused:
            log_in.log_in(team.ws, name=name, password="wrong", address="10.3.0.1")
        messages.add(str(refused.value))
    assert messages == {log_in.WRONG}


def test_sessions_end_unused_after_hours_and_used_after_days(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, now = log(team), time.time()
    clock = {"now": now}
    for module in (log_in, sessions):
        monkeypatch.setattr(module.time, "time", lambda: clock["now"])
    clock["now"] = now + 11.9 * 3600
    assert log_in.session_actor(team.ws, secret) is not None  # and so it is in use
    clock["now"] = now + 23.7 * 3600
    assert log_in.session_actor(team.ws, secret, in_use=False) is not None
    clock["now"] = now + 24 * 3600
    assert log_in.session_actor(team.ws, secret) is None
    fresh, begun = log(team), clock["now"]
    for hours in range(0, 24 * 7, 11):
        clock["now"] = begun + hours * 3600
        assert log_in.session_actor(team.ws, fresh) is not None
    clock["now"] = begun + 7 * 86_400 + 1
    assert log_in.session_actor(team.ws, fresh) is None


def test_logging_out_ends_the_session_and_the_tokens_that_it_was_given(team: Team, ask: Ask) -> None:
    actor = team.actor("inspector")
    with acting_as(actor):
        token = issue_token(team.ws, review=team.review, inspector=actor.name)
    asked = {"cookie": team.secrets["inspector"], "headers": {"x-token": token}}
    assert ask("GET", f"{routes.API}/queue", **asked).status_code == 200
    again = log(team, "inspector")  # another session of the same account
    assert ask("GET", f"{routes.API}/queue", cookie=again, headers={"x-token": token}).status_code == 403
    log_in.log_out(team.ws, team.secrets["inspector"])
    assert ask("GET", f"{routes.API}/queue", **asked).status_code == 401
    assert log_in.session_actor(team.ws, again) is not None


@pytest.mark.parametrize("change", ["remove", "role", "password"])
def test_sessions_and_tokens_die_with_the_account_its_role_and_its_password(
    team: Team, ask: Ask, change: str
) -> None:
    actor = team.actor("inspector")
    with acting_as(actor):
        token = issue_token(team.ws, review=team.review, inspector=actor.name)
    with acting_as(team.actor("administrator")):
        if change == "remove":
            accounts.remove_account(team.ws, actor.name)
            accounts.add_account(
                team.ws, name=actor.name, password=PASSWORD
            )  # SQLite may give its number again
        elif change == "role":
            accounts.change_role(team.ws, actor.name, "reader")
        else:
            accounts.set_password(team.ws, actor.name, "another four words")
    answer = ask("GET", f"{routes.API}/queue", cookie=team.secrets["inspector"], headers={"x-token": token})
    assert answer.status_code == 401


def test_one_changes_ones_own_password_with_the_present_one(team: Team) -> None:
    actor = team.actor("reader")
    with pytest.raises(NotAllowed, match="wrong"):
        log_in.change_own_password(team.ws, actor, old="no", new="another four words", address="10.4.0.1")
    with pytest.raises(InvalidInput, match="12 or more"):
        log_in.change_own_password(team.ws, actor, old=PASSWORD, new="short", address="10.4.0.1")
    log_in.change_own_password(team.ws, actor, old=PASSWORD, new="another four words", address="10.4.0.1")
    assert log_in.session_actor(team.ws, team.secrets["reader"]) is None
    assert log(team, "reader", password="another four words")


def test_the_last_administrator_stays(team: Team) -> None:
    with acting_as(team.actor("administrator")):
        for act in (accounts.remove_account, lambda *given: accounts.change_role(*given, "reader")):
            with pytest.raises(InvalidInput, match="only administrator"):
                act(team.ws, NAMES["administrator"])


def test_accounts_are_made_and_changed_by_commands(
    team: Team, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lensapp.core.acting._ASKED", [])  # a command is its user's own
    monkeypatch.setattr("lensapp.cli.accounts.read_password", lambda _name: PASSWORD)
    for command, said in (
        (
            ["add", "Grace", "--role", "scientist"],
            {"name": "Grace", "role": "scientist", "email": None, "password": True},
        ),
        (["invite", "grace", "second"], {"name": "grace", "review": "second", "changed": True}),
        (["role", "Grace", "reader"], {"name": "Grace", "role": "reader"}),
        (["passwd", "Grace"], {"name": "Grace", "password": True}),
        (["uninvite", "Grace", "second"], {"name": "Grace", "review": "second", "changed": True}),
        (["logout", NAMES["reader"]], {"name": NAMES["reader"], "sessions_ended": 1}),
        (["remove", "Grace"], {"name": "Grace", "removed": True}),
    ):
        assert main(["user", *command, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == said
    assert main(["user", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["role"] for one in listed] == sorted(NAMES)
    assert [one["reviews"] for one in listed] == [
        ["first"] if one == "inspector" else [] for one in sorted(NAMES)
    ]
    assert [one["sessions"] for one in listed] == [1, 1, 0, 1]
    assert all(0 <= one["seen_days"] < 1 for one in listed)  # also of who has logged out
    for wrong, message in (
        (["role", "Nobody", "reader"], "no account called 'Nobody'"),
        (["add", NAMES["reader"].upper()], "has this name already"),
        (["add", "Grace", "--role", "king"], "no role 'king'"),
        (["invite", "Grace"], "takes NAME REVIEW"),
    ):
        assert main(["user", *wrong]) == 2
        assert message in capsys.readouterr().err


def test_accounts_have_only_files_read_that_lie_below_the_roots(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "surveys"
    root.mkdir()
    (root / "link").symlink_to("/etc")
    inside, outside = IngestSpec(path=str(root / "sky")), IngestSpec(path="/etc")
    with acting_as(team.actor("administrator")):
        with pytest.raises(NotAllowed, match="LENSAPP_IMPORT_ROOTS"):
            make_dry_run(inside)
        monkeypatch.setenv("LENSAPP_IMPORT_ROOTS", f"{root}{os.pathsep}{tmp_path / 'more'}")
        for spec in (
            outside, IngestSpec(path=f"{root}/../../etc"), IngestSpec(path=str(root / "link")),
            IngestSpec(path=str(root), catalogue="/etc/passwd"), IngestSpec(path=f"{root}-other"),
        ):  # fmt: skip
            with pytest.raises(NotAllowed, match="outside the folders"):
                make_dry_run(spec)
            with pytest.raises(NotAllowed, match="outside the folders"):
                start_import(team.ws, name="x", spec=spec)
        with pytest.raises(InvalidInput, match="does not exist"):
            start_import(team.ws, name="x", spec=inside)
        for recipe in (
            {"network": "own_network", "network_options": {"builder": "subprocess:check_output"}},
            {"network": "keras_hub_backbone", "network_options": {"preset": "/etc"}},
            {"network": "elu_cnn", "initial_weights": "/etc/passwd"},
        ):
            with pytest.raises(NotAllowed, match="outside the folders"):
                check_recipe(TrainingSpec.model_construct(**TrainingSpec().model_dump() | recipe))
    monkeypatch.delenv("LENSAPP_IMPORT_ROOTS")
    with acting_as(this_program()), pytest.raises(InvalidInput, match="does not exist"):
        start_import(team.ws, name="x", spec=inside)  # a command may read what its user may


def test_the_token_of_a_start_opens_the_app_once_shown(
    team: Team, asker: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_MODE", "alone")
    ask = asker(mode="alone", token="first-start-token")
    assert ask("GET", "/data", headers=HTML).status_code == 401
    assert ask("GET", "/data?token=guess", headers=HTML).status_code == 403
    entered = ask("GET", "/data?source=sky&token=first-start-token", headers=HTML)
    assert (entered.status_code, entered.headers["location"]) == (303, "/data?source=sky")
    cookie = entered.cookies[cookie_name(team.ws.folder)]
    assert "first-start-token" not in cookie
    path = f"{routes.API}/queue"
    assert ask("GET", path, cookie=cookie).status_code == 403  # past the door, and without a gallery's token
    assert ask("GET", path, headers={"authorization": "token first-start-token"}).status_code == 403
    assert ask("POST", "/log-in", data={"token": "first-start-token"}).status_code == 303
    assert asker(mode="alone", token="second-start-token")("GET", path, cookie=cookie).status_code == 401


def test_a_token_is_asked_for_where_others_reach_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LENSAPP_MODE", "LENSAPP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for address, others, asked in (
        ("127.0.0.1", False, False), ("localhost", True, True), ("0.0.0.0", False, True), (None, False, True),
    ):  # fmt: skip
        monkeypatch.setattr(start_token, "others_here", lambda others=others: others)
        assert (start_token.start_token(address) is not None) is asked
    monkeypatch.setenv("LENSAPP_TOKEN", "off")
    assert start_token.start_token("0.0.0.0") is None
    monkeypatch.setenv("LENSAPP_TOKEN", "a token of one's own")
    assert start_token.start_token("127.0.0.1") == "a token of one's own"
    monkeypatch.setenv("LENSAPP_TOKEN", "short")
    with pytest.raises(InvalidInput, match="16 characters"):
        start_token.start_token("127.0.0.1")
    monkeypatch.setenv("LENSAPP_MODE", "passwords")
    assert start_token.start_token("0.0.0.0") is None


@pytest.mark.parametrize(("group", "mask"), [("", 0o077), ("1", 0o007)])
def test_what_the_program_makes_is_for_its_user_alone_or_the_group(
    tmp_path: Path, group: str, mask: int
) -> None:
    environment = os.environ | {"LENSAPP_GROUP": group, "LENSAPP_WORKSPACE": str(tmp_path / "w")}
    environment.pop("LENSAPP_DATABASE_URL", None)
    command = [sys.executable, "-m", "lensapp", "sources"]
    subprocess.run(command, env=environment, check=True, capture_output=True, umask=0o022)
    made = [tmp_path / "w", *(tmp_path / "w").rglob("*")]
    assert len(made) > 3
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & mask] == []
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == 0o777 & ~mask
