"""Reviews of cutouts that were picked one by one, such as a network's worst mistakes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace

TAKEN_OVER = ("blind", "blind_to_others", "inspectors", "grades", "own_grades", "contaminants")


def review_of_cutouts(
    ws: Workspace,
    *,
    name: str,
    cutout_ids: Sequence[int],
    run_name: str | None = None,
    like: ReviewSpec | None = None,
) -> Review:
    """Return a review of the given cutouts in their order; one that exists with the same is taken again.

    Cutouts of another source than the first one's are left out, since a review shows one source. A number
    is added to `name` where a review of other cutouts, or graded in another way, has it.

    Parameters
    ----------
    like
        A review's settings; who votes, how and what is hidden from them is taken over.

    Raises
    ------
    InvalidInput
        When no cutout is given.
    NotFound
        When the run does not exist.
    """
    cutouts = sources.get_cutouts(ws.database, cutout_ids)
    if not cutouts:
        raise InvalidInput("Expected cutouts to review, received none. Choose others.")
    queue = np.array([cutout.id for cutout in cutouts if cutout.source_id == cutouts[0].source_id], np.int64)
    run_id = None if run_name is None else runs.get_run(ws.database, run_name).id
    settings = {} if like is None else {field: getattr(like, field) for field in TAKEN_OVER}
    spec = ReviewSpec(order="given", limit=len(queue), **settings)
    known = {review.name: review for review in reviews.list_reviews(ws.database)}
    number, chosen = 1, name
    while chosen in known:
        if known[chosen].spec == spec.saved() and _shows(ws, known[chosen], queue):
            return known[chosen]
        number += 1
        chosen = f"{name}-{number}"
    return reviews.create_review(
        ws.database,
        name=chosen,
        source_id=cutouts[0].source_id,
        run_id=run_id,
        spec=spec.saved(),
        queue=queue,
    )


def _shows(ws: Workspace, review: Review, queue: NDArray[np.int64]) -> bool:
    return np.array_equal(reviews.queue_of(ws.database, review.id), queue)
