"""A review of the candidates that an inspector picked in another one."""

from collections.abc import Sequence

from lensapp.core.errors import InvalidInput
from lensapp.services.inspect.gallery import OpenReview
from lensapp.services.inspect.queues import review_of_cutouts
from lensapp.storage.records import Review


def review_of_picked(opened: OpenReview, shown_ids: Sequence[int]) -> Review:
    """Return the review of candidates of another one, graded in the same way, in the order given.

    Parameters
    ----------
    shown_ids
        Candidates as browsers know them.

    Raises
    ------
    InvalidInput
        When the review has blind tests, which would stand out by their absence, or a candidate is not of it.
    """
    if opened.blind_tests:
        raise InvalidInput(
            f"{opened.review.name} has blind tests: a review of candidates picked by hand would tell which "
            "these are. Close it on the page Team first, or pick in a review without blind tests."
        )
    return review_of_cutouts(
        opened.workspace,
        name=f"{opened.review.name}-picked",
        cutout_ids=opened.cutout_ids(shown_ids),
        run_name=opened.selection.get("run"),
        like=opened.spec,
    )
