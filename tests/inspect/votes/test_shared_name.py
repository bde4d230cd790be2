"""Two browsers in which somebody grades under one name: each is told, since both count as one inspector."""

import time
from typing import Any

import pytest

from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect import votes
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.votes import VoteOp, VotePost, record_votes, shared_name_notice
from lensapp.storage import reviews
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from support.app_in_browser import wait_until
from support.gallery_in_browser import GalleryServer, open_gallery, press

LAPTOP, DESKTOP = "a" * 16, "b" * 16
NOTICE = "ada also grades in another window: both count as one inspector."


def review_called(ws: Workspace, name: str) -> Review:
    return create_review(ws, name=name, source_name="sky", spec=ReviewSpec(order="given", limit=None))


def told(ws: Workspace, review: Review, client: str, *, inspector: str = "ada") -> str | None:
    """Vote once; return what the browser is told."""
    cutout_id = int(reviews.queue_of(ws.database, review.id)[0])
    post = VotePost(client=client, ops=(VoteOp(seq=1, id=cutout_id, grade="A", voted_at=5.0),))
    record_votes(ws, review=review, inspector=inspector, post=post)
    return shared_name_notice(ws, review=review, inspector=inspector, post=post)


def test_another_browser_of_the_same_name_is_told_of_and_another_tab_is_not(ws: Workspace) -> None:
    review = review_called(ws, "first")
    assert told(ws, review, f"{LAPTOP}-{'1' * 32}") is None
    assert told(ws, review, f"{LAPTOP}-{'2' * 32}") is None  # a second tab, or the page loaded anew
    assert told(ws, review, f"{DESKTOP}-{'3' * 32}") == NOTICE
    assert told(ws, review, f"{LAPTOP}-{'4' * 32}") == NOTICE
    assert told(ws, review, f"{DESKTOP}-{'5' * 32}", inspector="Ada") == NOTICE.replace("ada", "Ada")


def test_other_names_other_reviews_and_other_programs_tell_nothing(ws: Workspace) -> None:
    first, second = review_called(ws, "first"), review_called(ws, "second")
    assert told(ws, first, f"{LAPTOP}-{'1' * 32}") is None
    assert told(ws, first, f"{DESKTOP}-{'2' * 32}", inspector="ben") is None
    assert told(ws, second, f"{DESKTOP}-{'3' * 32}") is None
    assert told(ws, first, "command-0123") is None
    assert told(ws, first, f"{LAPTOP}-{'4' * 32}") is None


def test_who_voted_more_than_a_minute_ago_has_left(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    review = review_called(ws, "first")
    told(ws, review, f"{LAPTOP}-{'1' * 32}")
    later = time.time() + votes.LATELY_SECONDS + 1
    monkeypatch.setattr(votes.time, "time", lambda: later)
    assert told(ws, review, f"{DESKTOP}-{'2' * 32}") is None


@pytest.mark.browser
def test_each_of_two_browsers_is_told_once_in_a_line_that_covers_no_control(
    gallery: GalleryServer, context: Any, browser: Any
) -> None:
    page = open_gallery(context, gallery, "twice")
    elsewhere = browser.new_context(viewport={"width": 1280, "height": 800})
    other = open_gallery(elsewhere, gallery, "twice")
    press(page, "ab")
    wait_until(lambda: len(gallery.grades("twice")) == 2)
    assert page.locator(".toast").is_hidden()
    other.keyboard.press("ArrowRight")
    other.keyboard.press("ArrowRight")
    other.keyboard.press("c")
    other.wait_for_selector(
        ".toast:text('twice also grades in another window: both count as one inspector.')"
    )
    toast = other.locator(".toast").bounding_box()
    for control in other.locator(".gallery :is(button, select, input, summary):visible").all():
        box = control.bounding_box()
        assert box["y"] + box["height"] <= toast["y"] or box["y"] >= toast["y"] + toast["height"]
    other.locator(".toast").click()
    other.keyboard.press("Home")
    other.keyboard.press("x")
    wait_until(lambda: gallery.grades("twice").get(0) == "X")
    other.wait_for_timeout(500)
    assert other.locator(".toast").is_hidden(), "it is said once"
    elsewhere.close()
