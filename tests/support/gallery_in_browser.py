"""The gallery in a real Chromium, against a real server: what its tests share."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from support.app_in_browser import Server
from support.blind_reviews import counted_votes
from support.gallery_survey import add_scores, add_source, blobs
from support.small_surveys import store_features

CANDIDATES = 200
KEYS = "abcx1230"


@dataclass
class GalleryServer(Server):
    """The app over one workspace with a review called "first"."""

    @cached_property
    def ws(self) -> Workspace:
        return Workspace.open(self.folder)

    def grades(self, inspector: str) -> dict[int, str | None]:
        """Return the votes that count, by place in the queue."""
        review = reviews.get_review(self.ws.database, "first")
        places = {
            key: place for place, key in enumerate(reviews.queue_of(self.ws.database, review.id).tolist())
        }
        votes = counted_votes(self.ws, review, inspector)
        return {places[key]: vote.grade for key, vote in votes.items()}


def fill_workspace(ws: Workspace) -> None:
    """Make a survey of 200 candidates with scores and features, and reviews of it."""
    source = add_source(ws, "sky", blobs(CANDIDATES))
    add_scores(ws, source, {row: row / CANDIDATES for row in range(CANDIDATES)})
    line = np.stack([np.ones(CANDIDATES), np.linspace(0, 1, CANDIDATES)], axis=1)
    store_features(ws, source, line.astype(np.float32), run_name="run-1")
    spec = ReviewSpec(order="given", limit=None)
    create_review(ws, name="first", source_name="sky", run_name="run-1", spec=spec)
    add_source(ws, "sea", blobs(6, seed=1))
    create_review(ws, name="no-features", source_name="sea", spec=spec)
    told = ReviewSpec(order="given", limit=10, calibrators=0.5, feedback=True, blind_to_others=False)
    create_review(ws, name="told", source_name="sky", run_name="run-1", spec=told)


def open_gallery(context: Any, server: GalleryServer, inspector: str, *, review: str = "first") -> Any:
    """Return a page that shows a review to someone whom the browser does not know yet."""
    page = context.new_page()
    page.goto(f"{server.address}/inspect?review={review}")
    page.get_by_label("Your name").fill(inspector)
    page.get_by_role("button", name="Start grading").click()
    ready(page)
    return page


def ready(page: Any) -> None:
    page.wait_for_selector(".tile[aria-selected='true'][aria-label*='-0']")
    # Until every late style has settled: a candidate that is not painted takes no grade.
    before = None
    while (seen := (page.locator(".tile").count(), page.locator(".stage[data-loading]").count())) != before:
        before = seen
        page.wait_for_timeout(500)
    page.wait_for_selector(".stage:not([data-loading])")


def press(page: Any, keys: str, *, per_second: float = 20) -> None:
    for key in keys:
        page.keyboard.press(key)
        time.sleep(1 / per_second)


def letters(keys: str) -> list[str]:
    return [{"1": "A", "2": "B", "3": "C", "0": "X"}.get(key, key.upper()) for key in keys]


def move_fingers(page: Any, *paths: tuple[tuple[float, float], tuple[float, float]], steps: int = 5) -> None:
    """Put a finger on the start of each path, move all to the ends, lift them."""
    session = page.context.new_cdp_session(page)
    for step in range(steps + 1):
        share = step / steps
        points = [
            {"x": x + share * (end_x - x), "y": y + share * (end_y - y), "id": number}
            for number, ((x, y), (end_x, end_y)) in enumerate(paths)
        ]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(20)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()
