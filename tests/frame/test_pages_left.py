"""What a fragment of a page asks for that the reader has just left."""

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession

from lensapp.ui.shared.pages_left import leave_pages


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a session was let run, by page; "fragment of" before that of one."""
    done: list[str] = []

    def request_rerun(_session: AppSession, state: ClientState) -> None:
        done.append(f"fragment of {state.page_script_hash}" if state.fragment_id else state.page_script_hash)

    monkeypatch.setattr(AppSession, "request_rerun", request_rerun)
    monkeypatch.setattr(AppSession, "__del__", lambda _session: None)  # none of these has begun
    leave_pages()
    return done


def session_on(page: str) -> AppSession:
    """Return a session whose last run began a page."""
    session = AppSession.__new__(AppSession)
    session._client_state = ClientState(page_script_hash=page)
    return session


def test_a_fragment_of_a_page_that_is_left_is_not_run(ran: list[str]) -> None:
    session = session_on("train")
    session.request_rerun(ClientState(page_script_hash="train", fragment_id="jobs"))
    session.request_rerun(ClientState(page_script_hash="catalogue"))
    session.request_rerun(ClientState(page_script_hash="train", fragment_id="jobs"))  # nothing has begun yet
    session._client_state.page_script_hash = "catalogue"
    session.request_rerun(
        ClientState(page_script_hash="train", fragment_id="jobs")
    )  # the browser has not heard
    session.request_rerun(ClientState(page_script_hash="catalogue", fragment_id="jobs"))
    assert ran == ["fragment of train", "catalogue", "fragment of catalogue"]


def test_fragments_of_the_page_that_a_run_has_gone_to_are_run(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("lensapp.ui.shared.pages_left.time.monotonic", lambda: clock[0])
    session = session_on("catalogue")
    session.request_rerun(ClientState(page_script_hash="catalogue"))  # a button there leads to Train
    session._client_state.page_script_hash = "train"
    clock[0] += 1.0
    session.request_rerun(ClientState(page_script_hash="train", fragment_id="curves"))
    assert ran == ["catalogue", "fragment of train"]


def test_a_browser_that_does_not_know_its_page_yet_is_heard(ran: list[str]) -> None:
    session = session_on("home")
    session.request_rerun(ClientState(page_script_hash=""))
    session.request_rerun(ClientState(page_script_hash="home", fragment_id="jobs"))
    session.request_rerun(ClientState(page_script_hash="", fragment_id="jobs"))
    assert ran == ["", "fragment of home", "fragment of "]
