"""The order in which a review shows its candidates."""

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.review_spec import ORDERS_BY_PRIORITY, ReviewSpec

Ids = NDArray[np.int64]
Scores = NDArray[np.float64]


def order_candidates(
    ids: Ids, scores: Scores, labels: NDArray[np.object_], spec: ReviewSpec, *, priority: Scores | None = None
) -> Ids:
    """Return the cutout ids to show, in order.

    Parameters
    ----------
    ids : int64, shape (n,)
        In the order of import.
    scores : float64, shape (n,)
        NaN where a candidate has none.
    labels : object, shape (n,)
        "lens", "nonlens", other class names or None.
    priority : float64, shape (n,)
        For the orders that need one (ORDERS_BY_PRIORITY): highest first, NaN is not shown.

    Raises
    ------
    InvalidInput
        When the order needs a priority and none is given.
    """
    allowed = may_show(labels, scores, spec)
    if spec.order in ORDERS_BY_PRIORITY:
        if priority is None:
            raise InvalidInput(f"Expected a priority for the order {spec.order}, received none.")
        kept = np.flatnonzero(allowed & ~np.isnan(priority))
        return ids[kept][np.lexsort((ids[kept], -priority[kept]))[: spec.limit]]
    kept = np.flatnonzero(allowed)
    ids, scores = ids[kept], scores[kept]
    if spec.order == "random":
        places = np.random.default_rng(spec.seed).permutation(len(ids))
    elif spec.order == "given":
        places = np.arange(len(ids))
    else:
        distance = -scores if spec.order == "score" else np.abs(scores - spec.uncertain_score)
        places = np.lexsort((ids, distance))
    return ids[places[: spec.limit]]


def may_show(labels: NDArray[np.object_], scores: Scores, spec: ReviewSpec) -> NDArray[np.bool_]:
    """Return which candidates have a label and a score that the review shows, shape (n,)."""
    return _included(labels, spec) & _in_range(scores, spec)


def _included(labels: NDArray[np.object_], spec: ReviewSpec) -> NDArray[np.bool_]:
    if spec.include == "all":
        return np.ones(len(labels), bool)
    if spec.include == "unlabelled":
        return np.array([label is None for label in labels], bool)
    return np.asarray(labels == spec.include, bool)


def _in_range(scores: Scores, spec: ReviewSpec) -> NDArray[np.bool_]:
    if not spec.needs_scores:
        return np.ones(len(scores), bool)
    low = -np.inf if spec.min_score is None else spec.min_score
    high = np.inf if spec.max_score is None else spec.max_score
    return np.isfinite(scores) & (scores >= low) & (scores <= high)
