"""Whether jobs have begun or ended, told to idle pages by a small answer in place of a run of the script."""

from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from lensapp.core.errors import LensAppError
from lensapp.services.train.job_control import state_of_queue
from lensapp.ui.base_path import base_path
from lensapp.ui.over_http import FRESH
from lensapp.ui.shared.client_modules import invisible_component
from lensapp.ui.shared.state import get_workspace

ADDRESS = "/api/pulse"
CLIENT = Path(__file__).with_name("pulse.js")


async def pulse(_request: Request) -> JSONResponse:
    """Answer with the state of the queue: numbers and states of jobs, no names; 503 without a database."""
    try:
        queue = await anyio.to_thread.run_sync(lambda: state_of_queue(get_workspace()))
    except LensAppError:
        return JSONResponse({}, 503, headers=FRESH)
    return JSONResponse({"queue": queue}, headers=FRESH)


ROUTES = [Route(ADDRESS, pulse)]


def watch_queue(*, key: str, drawn: str, on_opened: Callable[[], None]) -> None:
    """Run the fragment around this again when the queue is in another state than `drawn`.

    `on_opened` is called when the link of a notice was followed; `st.session_state[key].opened` is where to.
    """
    invisible_component("lensapp_pulse", CLIENT)(
        key=key,
        data={"address": f"{base_path()}{ADDRESS}", "drawn": drawn},
        on_changed_change=lambda: None,
        on_opened_change=on_opened,
        height=1,
    )
