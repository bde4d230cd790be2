"""Names of reviews that are longer than the bar has room for differ at their ends: these are in sight."""

from collections.abc import Iterator
from typing import Any

import pytest

from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.queues import create_review
from support.gallery_in_browser import GalleryServer, open_gallery
from support.gallery_survey import add_source, blobs

pytestmark = pytest.mark.browser
LONG = "KiDS-DR4-luminous-red-galaxies-best-of-efficientnet-committee-round-"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryServer]:
    made = GalleryServer(tmp_path_factory.mktemp("names") / "ws")
    add_source(made.ws, "sky", blobs(4))
    for number in (1, 2):
        spec = ReviewSpec(order="given", limit=None)
        create_review(made.ws, name=f"{LONG}{number}", source_name="sky", spec=spec)
    with made:
        yield made


def test_the_bar_shows_both_ends_of_a_long_name(served: GalleryServer, context: Any) -> None:
    page = open_gallery(context, served, "namer", review=f"{LONG}2")
    field, ends = page.locator(".bar .review select"), page.locator(".bar .review .ends > span")
    assert field.get_attribute("title") == f"Review {LONG}2"
    first, last = ends.all_text_contents()
    assert first + last == f"{LONG}2"
    cut, whole = (
        span.evaluate("one => [one.scrollWidth > one.clientWidth, one.className]") for span in ends.all()
    )
    assert cut[0]
    assert not whole[0]
    room, end = field.bounding_box(), ends.nth(1).bounding_box()
    assert end["x"] > room["x"]
    assert end["x"] + end["width"] <= room["x"] + room["width"]
    page.select_option(".bar .review select", f"{LONG}1")
    page.wait_for_selector(".bar .review .ends > span:last-child:text('round-1')")
