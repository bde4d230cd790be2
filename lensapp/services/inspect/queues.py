"""Make a review: choose and order candidates, mix blind tests in, save the queue."""

import numpy as np

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.review_order import order_candidates
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.acquisition import priority_of
from lensapp.services.inspect.blind_tests import Known, mix_in
from lensapp.services.inspect.tokens import checked_inspector
from lensapp.services.score.scores import joint_scores
from lensapp.services.split.split_tables import refuse_mismatch
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace


def create_review(
    ws: Workspace, *, name: str, source_name: str, run_name: str | None = None, spec: ReviewSpec | None = None
) -> Review:
    """Choose and order the candidates of one or more sources and save them as a review.

    Raises
    ------
    NotFound
        When a source or the run does not exist.
    InvalidInput
        When the name is taken, scores are needed but absent, or no candidate is left.
    BandMismatch
        When further sources differ in bands or size.
    """
    wanted = spec or ReviewSpec()
    wanted = wanted.replaced(inspectors=[checked_inspector(person) for person in wanted.inspectors])
    shown = _sources(ws, source_name, wanted)
    run_ids = _run_ids(ws, run_name, wanted)
    if wanted.needs_scores and not run_ids:
        raise InvalidInput(
            f"Expected a run whose scores give the order {wanted.order!r}, received none. "
            "Choose a run, or the order 'random' or 'given' without score limits."
        )
    known = _known(ws, shown, wanted, run_ids=run_ids)
    priority = priority_of(ws, shown, known, run_name=run_name, spec=wanted)
    queue = order_candidates(known.ids, known.scores, known.labels, wanted, priority=priority)
    if not len(queue):
        scored = int(np.isfinite(known.scores).sum())
        raise InvalidInput(_nothing_left(shown, run_name, wanted, scored=scored))
    reviews.refuse_taken(ws.database, name)
    mixed = mix_in(ws, shown[0], queue, known, wanted)
    return reviews.create_review(
        ws.database,
        name=name,
        source_id=shown[0].id,
        run_id=run_ids[0] if run_ids else None,
        spec=wanted.saved(),
        queue=mixed.queue,
        blind_tests=mixed.blind_tests,
    )


def _sources(ws: Workspace, source_name: str, spec: ReviewSpec) -> list[Source]:
    names = dict.fromkeys((source_name, *spec.also_sources))
    found = [sources.get_source(ws.database, name) for name in names]
    for other in found[1:]:
        refuse_mismatch(found[0], other)
    return found


def _run_ids(ws: Workspace, run_name: str | None, spec: ReviewSpec) -> list[int]:
    if run_name is None and spec.also_runs:
        raise InvalidInput(
            f"Expected a run besides the further ones {', '.join(spec.also_runs)}, received none. Choose one."
        )
    names = () if run_name is None else dict.fromkeys((run_name, *spec.also_runs))
    return [runs.get_run(ws.database, name).id for name in names]


def _known(ws: Workspace, shown: list[Source], spec: ReviewSpec, *, run_ids: list[int]) -> Known:
    keys = [source.id for source in shown]
    columns = sources.cutout_columns(ws.database, keys, columns=("id", "label", "source_id"))
    ids = columns["id"]
    scores = joint_scores(ws, ids, keys, run_ids=run_ids, how=spec.combine)
    return Known(ids, scores, columns["label"], columns["source_id"])


def _nothing_left(shown: list[Source], run_name: str | None, spec: ReviewSpec, *, scored: int) -> str:
    limits = f"include={spec.include}, min_score={spec.min_score}, max_score={spec.max_score}"
    run = "no run" if run_name is None else f"run {run_name} ({scored} scored)"
    names = ", ".join(source.name for source in shown)
    return (
        f"Expected at least one candidate, received none from {names} with {run} and {limits}. "
        "Score the source with this run first, or widen the limits."
    )
