"""What fragments of a page ask for when the reader has just left it, which Streamlit runs all the same.

The browser says with every request which page it shows, and hears of another one only once the server has
begun it. What a fragment in the sidebar asks for in between, as when a job has ended, names the page that was
left. Streamlit then runs it as of that page, the browser takes away all that the new page has drawn, and a
white page stays, or the click on another page is forgotten. Here such a request is not run: the new page
draws the fragment anyway.
"""

import time
from weakref import WeakKeyDictionary

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession

BEGUN_AFTER = 0.5  # seconds, by which the server has begun a page that was asked for

_asked: WeakKeyDictionary[AppSession, tuple[str, float]] = WeakKeyDictionary()


def is_of_page_left(page: str, *, begun: str, asked: str, seconds: float) -> bool:
    """Return whether what a fragment asks for names a page that has been left.

    Parameters
    ----------
    page
        Which it names; empty where the browser does not know yet.
    begun
        The page that the server has begun last.
    asked, seconds
        The page of the last request of a whole run, and how long ago that was. The server may go to another
        one in that run, but not before it has begun.
    """
    on_its_way = asked if seconds < BEGUN_AFTER else ""
    return bool(page) and (page != begun or (bool(on_its_way) and page != on_its_way))


def leave_pages() -> None:
    """Let no session of this process run what a fragment of a page asks for that has been left."""
    run_again = AppSession.request_rerun

    def request_rerun(session: AppSession, client_state: ClientState | None) -> None:
        if client_state is not None:
            page, now = client_state.page_script_hash, time.monotonic()
            if not client_state.fragment_id:
                _asked[session] = page, now
            asked, at = _asked.get(session, (page, now))
            begun = session.page_script_hash
            if client_state.fragment_id and is_of_page_left(page, begun=begun, asked=asked, seconds=now - at):
                return
        run_again(session, client_state)

    AppSession.request_rerun = request_rerun  # type: ignore[method-assign, assignment]  # wrapped
