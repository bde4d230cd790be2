"""Retraining from the catalogue, pressed again and again on a machine that has no time."""

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.services.catalogue.feedback import feed_back
from lensapp.storage import runs
from lensapp.storage.workspace import Workspace
from support.app_in_browser import Server, wait_until
from support.pages_workspace import full_workspace

ROUNDS = int(os.environ.get("LENSAPP_TORTURE") or 3)  # `make torture` sets more

# It takes minutes beside its own load; `make test-long` and `make torture` run it.
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(1200)]


def burn() -> None:
    while True:
        sum(range(100_000))


@pytest.fixture
def load() -> Iterator[None]:
    """Twice as many processes as there are cores, all at work."""
    burners = [
        multiprocessing.get_context("spawn").Process(target=burn, daemon=True)
        for _ in range(2 * (os.cpu_count() or 1))
    ]
    for burner in burners:
        burner.start()
    yield
    for burner in burners:
        burner.kill()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    ws = full_workspace(tmp_path / "workspace")
    feed_back(ws, dataset_name="sky-v1", review_names=["round-1"], rules=FeedbackRules(), name="sky-v2")
    ws.database.close()
    with Server(ws.folder) as made:
        yield made


@pytest.mark.usefixtures("load")
def test_retraining_from_the_catalogue_never_leaves_a_white_page(server: Server, context: Any) -> None:
    ws = Workspace.open(server.folder)
    before = len(runs.list_runs(ws.database))
    page = context.new_page()
    page.set_default_timeout(300_000)  # the machine has no time, and tests may run beside this one
    reloads: list[str] = []
    page.on("load", lambda: reloads.append(page.url))
    for made in range(1, ROUNDS + 1):
        page.goto(f"{server.address}/catalogue?source=sky&view=feed-back")
        page.get_by_role("button", name="Train again").click()
        page.get_by_role("heading", name="Train", exact=True).wait_for()
        wait_until(lambda made=made: len(runs.list_runs(ws.database)) == before + made)
        assert page.get_by_role("dialog").count() == 0
    assert len(reloads) == ROUNDS
