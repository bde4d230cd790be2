"""Reviews: choose and order their candidates, mix blind tests in, save the queue; find reviews again."""

from collections.abc import Collection, Sequence
from itertools import count
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from lensapp.core.acting import needs
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.inspect.inspector_names import checked_inspector, inspector_key
from lensapp.core.inspect.review_orders import FREE_ORDERS, ORDERS
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.shares import Shares, deal
from lensapp.services.inspect.acquisition import Candidates, Ordering, ordered_candidates
from lensapp.services.inspect.blind_tests import REPEAT, Mixed, mix_in
from lensapp.services.inspect.vote_log import graded_candidates, standing, voted_per_review, votes_in
from lensapp.services.score.scores import MOST_HELD, joint_scores, kept_scores, learned_cutouts
from lensapp.services.split.split_tables import refuse_mismatch
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.columns.filtering import kept_by
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.records import Review, Run, Source, Vote
from lensapp.storage.scores import stored_scores
from lensapp.storage.scores.score_files import Best
from lensapp.storage.workspace import Workspace

Ids = NDArray[np.int64]

ALIKE = "like-"  # how the names of looks at candidates similar to one begin
DISPUTED = "-disputed"
TAKEN_OVER = ("blind", "blind_to_others", "inspectors", "grades", "own_grades", "contaminants")


@needs("work")
def create_review(
    ws: Workspace, *, name: str, source_name: str, run_name: str | None = None, spec: ReviewSpec | None = None
) -> Review:
    """Choose and order the candidates of one or more sources and save them as a review.

    Raises
    ------
    NotFound
        When a source, the run, or features or Monte-Carlo dropout that the order needs do not exist.
    InvalidInput
        When the name is taken, what the order needs is absent, or no candidate is left.
    BandMismatch
        When further sources differ in bands or size.
    """
    spec = spec or ReviewSpec()
    invited = [checked_inspector(person) for person in spec.inspectors]
    once = {inspector_key(person): person for person in reversed(invited)}
    spec = spec.replaced(inspectors=list(reversed(once.values())))
    names = dict.fromkeys((source_name, *spec.also_sources))
    of_review = [sources.get_source(ws.database, name) for name in names]
    for other in of_review[1:]:
        refuse_mismatch(of_review[0], other)
    review_runs = _review_runs(ws, run_name, spec)
    source_ids = [source.id for source in of_review]
    best = best_candidates(ws, of_review, review_runs, spec)
    candidates = _all_candidates(ws, source_ids, review_runs, spec) if best is None else best
    run = review_runs[0] if review_runs else None
    if best is None:
        candidates = candidates.of_rows(~np.isin(candidates.ids, _left_out(ws, of_review, review_runs, spec)))
    if spec.ungraded and not len(candidates.ids):
        raise InvalidInput(
            f"Every candidate of {', '.join(names)} is graded already. Open a review of graded ones, too."
        )
    shown = candidates
    if spec.where is not None and best is None:
        shown = candidates.of_rows(
            kept_by(ws, of_review, spec.where, ids=candidates.ids, known={"score": candidates.scores})
        )
    queue = ordered_candidates(Ordering(ws, of_review, shown, run, spec))
    if not len(queue):
        scored = int(np.isfinite(candidates.scores).sum())
        if best is not None and run is not None:
            scored = stored_scores.count_of(ws, run.id, source_ids[0])
        of_run = "no run" if run is None else f"run {run.name} ({scored} scored)"
        raise InvalidInput(
            f"No candidate of {', '.join(names)} is left with {of_run}, include={spec.include}, "
            f"min_score={spec.min_score}, max_score={spec.max_score} and the filter {spec.where or 'none'}. "
            "Score the source with this run first, or widen the limits or the filter."
        )
    reviews.refuse_taken(ws.database, name)
    mixed = mix_in(ws, of_review, queue, shown, spec)
    return reviews.create_review(
        ws.database,
        name=name,
        source_id=of_review[0].id,
        run_id=None if run is None else run.id,
        spec=spec.saved(),
        queue=mixed.queue,
        blind_tests=mixed.tests,
        shares=dealt_shares(spec, mixed),
    )


def dealt_shares(spec: ReviewSpec, mixed: Mixed) -> Shares:
    """Return the share of each inspector of a new review; none where all grade all.

    Simulated lenses and duds are for everybody, since they measure each; a repetition is for those who have
    what it repeats.
    """
    if spec.overlap is None:
        return {}
    tests = {test["cutout_id"]: test for test in mixed.tests}
    is_test = np.isin(mixed.queue, np.array([*tests], np.int64))
    dealt = deal(mixed.queue[~is_test], spec.inspectors, overlap=spec.overlap, common=spec.common)
    shares = {}
    for name, candidates in dealt.items():
        own = {*candidates.tolist()}
        also = [key for key, test in tests.items() if test["kind"] != REPEAT or test["pixels_of"] in own]
        shares[name] = mixed.queue[np.isin(mixed.queue, [*own, *also])]
    return shares


def _left_out(
    ws: Workspace, of_review: Sequence[Source], review_runs: Sequence[Run], spec: ReviewSpec
) -> Ids:
    """Return the cutouts that a new review leaves out: what its runs learned from, and what is graded."""
    parts = [graded_candidates(ws)] if spec.ungraded else []
    if spec.unlearned:
        parts += [learned_cutouts(ws, run=one, source=of) for one in review_runs for of in of_review]
    return np.concatenate([*parts, np.empty(0, np.int64)]).astype(np.int64)


def graded_left_out(ws: Workspace, review: Review) -> int:
    """Return how many candidates of its sources a review left out as they were graded when it was made."""
    if not ReviewSpec.parse(review.spec).ungraded:
        return 0
    graded = graded_candidates(ws, before=review.created_at)
    own = cutout_columns(ws, reviews.source_ids_of(ws.database, review), columns=("id",))["id"]
    return int(np.isin(graded, own).sum())


@needs("work")
def with_graded(ws: Workspace, review: Review) -> Review:
    """Return a review like one that left out what was graded, with it; made where there is none yet.

    Raises
    ------
    NotFound, InvalidInput
        As `create_review`.
    """
    name = f"{review.name}-all"
    same = [one for one in reviews.list_reviews(ws.database) if one.name == name and one.closed_at is None]
    if same:
        return same[0]
    run = None if review.run_id is None else runs.run_by_id(ws.database, review.run_id).name
    source = sources.source_by_id(ws.database, review.source_id).name
    spec = ReviewSpec.parse(review.spec).replaced(ungraded=False)
    return create_review(ws, name=name, source_name=source, run_name=run, spec=spec)


def _all_candidates(
    ws: Workspace, source_ids: Sequence[int], review_runs: Sequence[Run], spec: ReviewSpec
) -> Candidates:
    """Return every cutout of some sources with its joint score."""
    columns = cutout_columns(ws, source_ids, columns=("id", "label", "source_id"))
    scores = joint_scores(
        ws, columns["id"], source_ids, run_ids=[run.id for run in review_runs], how=spec.combine
    )
    return Candidates(columns["id"], scores, columns["label"], columns["source_id"])


def best_candidates(
    ws: Workspace, of_review: Sequence[Source], review_runs: Sequence[Run], spec: ReviewSpec
) -> Candidates | None:
    """Return the best of a source with millions of scores, where a review of them needs no others; else None.

    All of a smaller source are as quickly read.
    """
    if spec.order != "score" or spec.limit is None or spec.calibrators:  # these need others, too
        return None
    if len(of_review) != 1 or len(review_runs) != 1:
        return None
    run_id, source_id = review_runs[0].id, of_review[0].id
    if stored_scores.count_of(ws, run_id, source_id) <= MOST_HELD:
        return None
    label = None if spec.include in ("all", "unlabelled") else spec.include  # of all that are chosen
    if spec.where or spec.max_score is not None or spec.include != "all" or spec.unlearned or spec.ungraded:
        best = Best(spec.limit)
        left_out = _left_out(ws, of_review, review_runs, spec)
        for ids, scores, labels in kept_scores(ws, run_id, of_review[0], spec.where, left_out=left_out):
            rows = scores <= (np.inf if spec.max_score is None else spec.max_score)
            if spec.include != "all":
                rows &= np.asarray(labels == label, bool)
            best.add(ids[rows], scores[rows])
        ids, scores = best.ordered()
    else:
        ids, scores = stored_scores.scores_of(ws, run_id, source_id, limit=spec.limit)
    return Candidates(ids, scores, np.full(len(ids), label, object), np.full(len(ids), source_id))


def feedback_warning(ws: Workspace, *, run_name: str | None, source_name: str) -> str | None:
    """Return why grades of a source cannot be fed back into what a run was trained on, None where they can.

    It is told before anybody grades: a version of its own can still be made of the grades. Of larger cutouts
    the middle can be fed back.
    """
    if run_name is None:
        return None
    dataset = datasets.dataset_by_id(ws.database, runs.get_run(ws.database, run_name).dataset_id)
    if not dataset.source_ids:
        return None
    own = sources.source_by_id(ws.database, dataset.source_ids[0])
    try:
        refuse_mismatch(own, sources.get_source(ws.database, source_name), crop=True)
    except BandMismatch as error:
        return (
            f"Grades given here cannot be fed back into {dataset.name}, on which {run_name} was trained. "
            f"{error} They can make a dataset version of their own."
        )
    return None


def _review_runs(ws: Workspace, run_name: str | None, spec: ReviewSpec) -> list[Run]:
    if run_name is not None:
        return [runs.get_run(ws.database, name) for name in dict.fromkeys((run_name, *spec.also_runs))]
    if spec.also_runs:
        raise InvalidInput(
            f"The further runs {', '.join(spec.also_runs)} need a run besides them: choose one."
        )
    if ORDERS[spec.order].needs_run or spec.limits_scores:
        what = f"The order {spec.order!r} needs" if ORDERS[spec.order].needs_run else "Limits of scores need"
        raise InvalidInput(
            f"{what} a run. Choose a run, or the order {' or '.join(map(repr, FREE_ORDERS))} without score "
            "limits."
        )
    return []


@needs("work")
def review_of_cutouts(
    ws: Workspace,
    *,
    name: str,
    cutout_ids: Sequence[int],
    run_name: str | None = None,
    like: ReviewSpec | None = None,
    feeds_back: bool = False,
) -> Review:
    """Return a review of cutouts in the order given, such as a network's worst mistakes.

    Cutouts of another source than the first one's are left out, since a review shows one source. A review
    that exists with the same is taken again; a number is added to `name` where a review of other cutouts, or
    graded in another way, has it.

    Parameters
    ----------
    like
        A review's settings; who votes, how and what is hidden from them is taken over.
    feeds_back
        Whether its votes are fed back by default. A look at a network's mistakes is a choice by the label,
        and one at a cluster by the network: votes on them alone would bias what is trained next.

    Raises
    ------
    InvalidInput
        When no cutout is given.
    NotFound
        When the run does not exist.
    """
    cutouts = sources.get_cutouts(ws.database, cutout_ids)
    if not cutouts:
        raise InvalidInput("There are no cutouts to review. Choose some first.")
    queue = np.array([cutout.id for cutout in cutouts if cutout.source_id == cutouts[0].source_id], np.int64)
    run_id = None if run_name is None else runs.get_run(ws.database, run_name).id
    settings = {} if like is None else {field: getattr(like, field) for field in TAKEN_OVER}
    spec = ReviewSpec(order="given", limit=len(queue), feeds_back=feeds_back, **settings)
    by_name = {review.name: review for review in reviews.list_reviews(ws.database)}
    for number in count(1):
        title = name if number == 1 else f"{name}-{number}"
        if title not in by_name:
            break
        same = by_name[title]
        if spec.is_saved_as({"feeds_back": feeds_back, **same.spec}) and np.array_equal(
            reviews.queue_of(ws.database, same.id), queue
        ):
            return same
    return reviews.create_review(
        ws.database,
        name=title,
        source_id=cutouts[0].source_id,
        run_id=run_id,
        spec=spec.saved(),
        queue=queue,
    )


def is_fed_back(ws: Workspace, review: Review) -> bool:
    """Return whether the votes of a review are fed back where no review is chosen by name.

    Reviews saved before they told so are, except those made of cutouts that someone clicked or selected. Such
    a review has as many cutouts as its limit, in another order than the source has.
    """
    if "feeds_back" in review.spec:
        return bool(review.spec["feeds_back"])
    if review.spec.get("order") != "given" or review.spec.get("limit") != review.size:
        return True
    queue = reviews.queue_of(ws.database, review.id)
    in_order = len(queue) > 1 and bool(np.all(np.diff(queue) > 0))
    return in_order or review.name.endswith(DISPUTED)


def order_in_words(ws: Workspace, review: Review) -> str:
    """Return what comes first in a review: by its order or, of chosen cutouts, as these were chosen."""
    order = review.spec.get("order", "score")
    if order != "given" or review.spec.get("limit") != review.size:
        return ORDERS[order].label
    if _is_look(review):
        return "most alike first"
    if review.name.endswith(DISPUTED):
        return "most disputed first"
    in_order = bool(np.all(np.diff(reviews.queue_of(ws.database, review.id)) > 0))
    return ORDERS[order].label if in_order else "in the order chosen"


def _is_look(review: Review) -> bool:
    """Whether a review was made as a look at candidates similar to one."""
    spec = review.spec
    return spec.get("order") == "given" and spec.get("feeds_back") is False and review.name.startswith(ALIKE)


def is_passing(ws: Workspace, review: Review) -> bool:
    """Whether a review is a look at candidates similar to one, in which nobody has voted.

    Nobody has to decide on it: it can be opened by its address, and is a review as any other from the first
    vote on, or once it is closed or has another name.
    """
    return _is_look(review) and review.closed_at is None and review.id not in standing(ws).received


def list_reviews(
    ws: Workspace, *, graded_first: bool = False, shown: Collection[str | None] = ()
) -> list[Review]:
    """Return the reviews to choose from, newest first; on request those with votes before the others.

    Passing looks at what is similar are left out, but for those `shown` now, by name.
    """
    every = [one for one in reviews.list_reviews(ws.database) if one.name in shown or not is_passing(ws, one)]
    if graded_first:
        voted = voted_per_review(ws)
        every.sort(key=lambda review: review.id not in voted)
    return every


def source_ids_of_review(ws: Workspace, review: Review) -> Sequence[int]:
    """Return the keys of the sources that a review shows."""
    return reviews.source_ids_of(ws.database, review)


@needs("work")
def close_review(ws: Workspace, review_name: str) -> Review:
    """End a review, for good: it is no longer offered, and exports tell its blind tests.

    Raises
    ------
    NotFound
        When the review does not exist.
    """
    return reviews.close_review(ws.database, review_name)


def late_votes(ws: Workspace, review: Review) -> int:
    """Return how many votes came after a review was closed: they are kept and do not count."""
    return reviews.late_votes(ws.database, review.id)


def free_review_name(ws: Workspace, source_name: str) -> str:
    """Return a name for a new review of a source that none has yet."""
    taken = {review.name for review in reviews.list_reviews(ws.database)}
    return next(name for number in count(1) if (name := f"{source_name}-review-{number}") not in taken)


def votes_of_reviews(ws: Workspace, review_names: Sequence[str]) -> tuple[list[Review], list[Vote]]:
    """Return reviews by name and all their votes in the order received, or raise NotFound."""
    of_names = [reviews.get_review(ws.database, name) for name in dict.fromkeys(review_names)]
    votes = [vote for review in of_names for vote in votes_in(ws, review)]
    return of_names, sorted(votes, key=attrgetter("id"))
