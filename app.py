"""The web app: `streamlit run app.py` serves the pages, the gallery's routes and starts a worker."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
import streamlit.runtime
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit import config

from lensapp.core.acting import mode
from lensapp.core.file_modes import keep_to_oneself
from lensapp.core.logs import LOGGER, keep_log
from lensapp.services.access.start_token import start_token
from lensapp.services.care.house import keep_house
from lensapp.services.workers import keep_worker
from lensapp.storage.workspace import Workspace
from lensapp.ui import health, metrics, own_routes
from lensapp.ui.access import provider
from lensapp.ui.access.guard import Guard
from lensapp.ui.base_path import base_path, under_base_path
from lensapp.ui.home.other_address import OnePart
from lensapp.ui.page_policy import OwnChanges, PagePolicy
from lensapp.ui.shared.downloads import keep_downloads
from lensapp.ui.shared.pages_left import leave_pages
from lensapp.ui.warm_up import warm_up

LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]


def allowed_hosts() -> list[str]:
    """Return the names under which the app answers: this machine, and those in LENSAPP_HOSTS."""
    return LOCAL_HOSTS + public_names()


def public_names() -> list[str]:
    """Return the names in LENSAPP_HOSTS, under which others reach the app."""
    return os.environ.get("LENSAPP_HOSTS", "").replace(",", " ").split()


def own_address() -> str:
    """Return the address that opens the app on this machine, with the token of this start."""
    address = config.get_option("server.address")
    host = address if address in LOCAL_HOSTS else LOCAL_HOSTS[0]
    return f"http://{host}:{config.get_option('server.port')}{base_path()}/?token={TOKEN}"


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Open the workspace, which migrates it, and see to it that a worker is alive."""
    keep_to_oneself()
    keep_downloads(streamlit.runtime.get_instance().media_file_mgr)
    leave_pages()
    workspace = await asyncio.to_thread(Workspace.open)
    keep_log(workspace.folder, "web", also=("streamlit", "uvicorn.error"))
    log = logging.getLogger(LOGGER)
    log.info("The web app of %s has started", workspace.folder)
    if TOKEN is not None:
        sys.stderr.write(
            f"\n  Others can reach this port. Open the app with its token:\n\n  {own_address()}\n\n"
        )
    works = keep_worker(workspace), keep_house(workspace), warm_up()
    tasks = [asyncio.create_task(work) for work in works]
    yield
    for task in tasks:
        task.cancel()
    log.info("The web app has ended")


OWN_ROUTES = under_base_path(own_routes.ROUTES)
TOKEN = start_token(config.get_option("server.address"))
# A page of another site must not reach the app through a name that resolves to this machine.
MIDDLEWARE = [
    Middleware(metrics.Measured, own=frozenset(route.path for route in OWN_ROUTES)),
    Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts()),
    Middleware(PagePolicy),
    Middleware(OwnChanges, public_names=public_names()),
    Middleware(OnePart),
]
if TOKEN is not None or mode() != "alone":
    MIDDLEWARE.append(Middleware(Guard, mode=mode(), token=TOKEN))

app = st.App(
    Path(health.__file__).with_name("main.py"),
    secrets=provider.provider_secrets() if mode() == "oidc" else None,
    lifespan=lifespan,
    routes=OWN_ROUTES,
    middleware=MIDDLEWARE,
)
