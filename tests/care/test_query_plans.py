"""No query of a listing reads a table that grows without an index: SQLite's own query plans say so."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, text

from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue.query import newest_run
from lensapp.services.data.sources import ready_sources
from lensapp.services.inspect.queues import feedback_warning
from lensapp.services.inspect.vote_log import voted_per_review
from lensapp.services.overview import last_graded, overview
from lensapp.services.score.scores import count_trained_on, load_scored
from lensapp.services.split import datasets as dataset_service
from lensapp.services.train import runs as run_service
from lensapp.storage import datasets, queue, reviews, runs, sources
from lensapp.storage.scores import shards, stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source, add_votes

GROWING = ("cutouts", "votes", "dataset_members", "metrics", "rejections", "scores", "score_shards")
LAST_ONE = re.compile(r"ORDER BY \w+\.id DESC\s+LIMIT")  # stops at the first row that fits
EVERY_VOTE = (("votes on a source", "votes"),)  # consensus is made of all votes there are
SCANNED = re.compile(r"^SCAN (\w+)(.*)$")


@pytest.fixture(scope="module")
def ws(tmp_path_factory) -> Iterator[Workspace]:
    """A workspace with a source, a dataset version, a run, a review and votes."""
    workspace = Workspace.open(tmp_path_factory.mktemp("plans") / "workspace")
    database = workspace.database
    source = add_source(workspace)
    dataset = dataset_service.freeze_split(workspace, source_names=["sky"], spec=SplitSpec())
    run = runs.create_run(database, name="net", dataset_id=dataset.id, model="m", spec={})
    stored_scores.add_scores(workspace, run.id, source.id, np.arange(1, 61), np.linspace(0, 1, 60))
    review = reviews.create_review(
        database, name="look", source_id=source.id, run_id=run.id, spec={}, queue=np.arange(1, 20)
    )
    add_votes(workspace, review, "ada", dict.fromkeys(range(1, 10), "A"))
    yield workspace
    database.close()


def scans(ws: Workspace, ask: Callable[[], Any], growing: Sequence[str] = GROWING) -> list[str]:
    """Return the statements of `ask` that read a growing table from end to end without an index."""
    asked: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_rest) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            asked.append((statement, parameters))

    event.listen(ws.database.engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(ws.database.engine, "before_cursor_execute", note)
    slow = []
    with ws.database.read() as connection:
        for statement, parameters in asked:
            names = dict(re.findall(r"\b(\w+) AS (\w+_\d+)\b", statement))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            for row in plan:
                scanned = SCANNED.match(row.detail)
                if scanned is None or "INDEX" in scanned[2] or LAST_ONE.search(statement):
                    continue
                table = {alias: name for name, alias in names.items()}.get(scanned[1], scanned[1])
                if table in growing:
                    slow.append(f"{row.detail}: {statement}")
    return slow


def by_name(ws: Workspace) -> dict[str, Callable[[], Any]]:
    database = ws.database
    source, run = sources.get_source(database, "sky"), runs.get_run(database, "net")
    review, listed = reviews.get_review(database, "look"), shards.ShardList(database, run.id, source.id, "me")
    return {
        "home": lambda: overview(ws),
        "graded last": lambda: last_graded(ws),
        "sources": lambda: ready_sources(ws),
        "a source": lambda: [
            sources.count_cutouts(database, source.id), sources.list_rejections(database, source.id)
        ],
        "first cutouts": lambda: sources.cutout_columns(database, [source.id], limit=9),
        "labelled cutouts": lambda: sources.cutout_columns(database, [source.id], labelled_only=True),
        "cutouts by row": lambda: sources.cutouts_in_rows(database, source.id, np.array([1, 900, 5])),
        "a candidate": lambda: [
            sources.find_cutouts(database, "sky-001", source_id=source.id), sources.get_cutouts(database, [1])
        ],
        "a candidate of any source": lambda: sources.find_cutouts(database, "sky-001"),
        "dataset versions": lambda: datasets.list_datasets(database),
        "runs": lambda: [run_service.list_statuses(ws), runs.metrics_of(database, run.id)],
        "scores": lambda: load_scored(ws, run=run, source=source),
        "scores by cutout": lambda: stored_scores.scores_of_cutout(ws, 1),
        "who scored": lambda: [stored_scores.score_counts(ws), stored_scores.scored_sources(ws, run.id)],
        "trained on": lambda: count_trained_on(ws, run=run, source=source),
        "newest run": lambda: newest_run(ws, [source]),
        "reviews": lambda: [reviews.list_reviews(database), voted_per_review(ws)],
        "votes of a review": lambda: reviews.votes_of(database, review_id=review.id),
        "votes on a source": lambda: [
            reviews.votes_of(database, source_id=source.id), reviews.count_votes_on(database, [source.id])
        ],
        "late votes": lambda: reviews.late_votes(database, review.id),
        "view": lambda: reviews.latest_view(database, inspector="ada"),
        "feedback": lambda: feedback_warning(ws, run_name="net", source_name="sky"),
        "jobs": lambda: [queue.list_jobs(database), queue.list_jobs(database, active=True)],
        "shards": lambda: [listed.plan(3), listed.claim(), listed.keep(), listed.left(), listed.forget()],
    }  # fmt: skip


def test_no_listing_reads_a_growing_table_without_an_index(ws) -> None:
    slow = {}
    for name, ask in by_name(ws).items():
        growing = [table for table in GROWING if (name, table) not in EVERY_VOTE]
        if found := scans(ws, ask, growing):
            slow[name] = found
    assert not slow, "\n".join(f"{name}: {found}" for name, found in slow.items())


def test_a_query_that_no_index_serves_is_found_out(ws) -> None:
    def by_time() -> None:
        with ws.database.read() as connection:
            connection.execute(text("SELECT id FROM votes WHERE received_at > 5"))

    assert len(scans(ws, by_time)) == 1
