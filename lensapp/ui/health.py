"""Whether the app can serve: asked by proxies, Docker and monitors at /healthz."""

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from lensapp.core.errors import LensAppError
from lensapp.services.workers import worker_alive
from lensapp.ui.over_http import FRESH
from lensapp.ui.shared.state import get_workspace


async def healthz(_request: Request) -> JSONResponse:
    """Answer 200 when the database answers, else 503; `worker` tells whether jobs are run."""
    try:
        alive = await anyio.to_thread.run_sync(lambda: worker_alive(get_workspace()))
    except LensAppError:
        answer, status = {"status": "the database does not answer"}, 503
        return JSONResponse(answer, status, headers=FRESH)
    return JSONResponse({"status": "ok", "worker": alive}, headers=FRESH)


ROUTES = [Route("/healthz", healthz)]
