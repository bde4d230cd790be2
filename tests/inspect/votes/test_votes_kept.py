"""Votes are on the disk before they are acknowledged, belong to whoever gave them, and count only in time."""

import threading
import time
from typing import Any

import pytest
from sqlalchemy import event, text

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import VoteConflict
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.care import removal
from lensapp.services.catalogue.query import select
from lensapp.services.inspect.consensus import consensus_report
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import close_review, create_review
from lensapp.services.inspect.votes import VoteOp, VotePost, late_notice, marks_of, record_votes
from lensapp.storage import reviews
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace

TAB = "tab-000001"


@pytest.fixture
def review(ws: Workspace) -> Review:
    return create_review(ws, name="first", source_name="sky", spec=ReviewSpec(order="given", limit=None))


def give(ws: Workspace, review: Review, inspector: str, *, seq: int = 1, row: int = 0, **more: Any) -> int:
    cutout_id = int(reviews.queue_of(ws.database, review.id)[row])
    op = VoteOp(seq=seq, id=cutout_id, **{"grade": "A", "voted_at": 5.0} | more)
    return record_votes(ws, review=review, inspector=inspector, post=VotePost(client=TAB, ops=(op,)))


def test_a_vote_is_synced_to_the_disk_before_it_is_acknowledged(ws: Workspace, review: Review) -> None:
    when_stored = []

    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO votes"):
            is_sqlite = connection.dialect.name == "sqlite"
            question = "PRAGMA synchronous" if is_sqlite else "SHOW synchronous_commit"
            when_stored.append(connection.exec_driver_sql(question).scalar())

    with ws.database.write() as connection:
        if connection.dialect.name == "postgresql":  # a server that was told to answer before it has stored
            name = connection.scalar(text("SELECT current_database()"))
            connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    ws.database.close()
    event.listen(ws.database.engine, "before_cursor_execute", note)
    for seq in range(1, 21):
        give(ws, review, "ada", seq=seq)
    # 2 is FULL: "the WAL file is synced after each transaction commit" (SQLite's manual).
    assert when_stored in ([2] * 20, ["on"] * 20)


def test_threads_that_wait_share_a_transaction_and_a_wrong_part_fails_alone(
    ws: Workspace, review: Review
) -> None:
    commits, outcomes = [], {}
    event.listen(
        ws.database.engine, "commit", lambda of: commits.append(of.get_execution_options().get("immediate"))
    )
    give(ws, review, "inspector-3", grade="B")

    def vote(number: int) -> None:
        try:
            outcomes[number] = give(ws, review, f"inspector-{number}", grade="A")
        except VoteConflict as conflict:
            outcomes[number] = conflict.taken

    commits.clear()
    threads = [threading.Thread(target=vote, args=(number,)) for number in range(8)]
    with ws.database._group._turn:  # somebody is writing
        for thread in threads:
            thread.start()
        while len(ws.database._group._waiting) < 8:
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert commits.count(True) == 1
    assert outcomes == {number: [1] if number == 3 else 1 for number in range(8)}
    assert reviews.count_votes(ws.database) == 8


def test_the_name_of_a_tab_belongs_to_its_inspector_and_review(ws: Workspace, review: Review) -> None:
    second = create_review(ws, name="second", source_name="sky", spec=ReviewSpec(order="given"))
    give(ws, review, "eve", grade="X", voted_at=1e10)
    give(ws, review, "ada", grade="A")
    give(ws, second, "ada", grade="B")
    stored = [(vote.inspector, vote.review_id, vote.grade) for vote in reviews.votes_of(ws.database)]
    assert stored == [("eve", review.id, "X"), ("ada", review.id, "A"), ("ada", second.id, "B")]
    # Eve's clock runs ahead: that must not make Ada's vote of this tab later than Ada's next one elsewhere.
    give(ws, review, "eve", seq=0 + 2, grade="X", voted_at=1e10)
    cutout_id = int(reviews.queue_of(ws.database, review.id)[0])
    op = VoteOp(seq=1, id=cutout_id, grade="C", voted_at=6.0)
    record_votes(ws, review=review, inspector="ada", post=VotePost(client="other-tab", ops=(op,)))
    assert marks_of(ws, review=review, inspector="ada")[cutout_id].grade == "C"


def test_the_same_vote_again_is_left_and_another_under_its_number_is_refused(
    ws: Workspace, review: Review
) -> None:
    give(ws, review, "ada", comment="arc", starred=True, seconds_spent=1.25, stretch="asinh")
    assert give(ws, review, "ada", comment="arc", starred=True, seconds_spent=1.25, stretch="asinh") == 1
    for other in ({"grade": "B"}, {"row": 1}, {"comment": "ring"}, {"voted_at": 6.0}):
        with pytest.raises(VoteConflict, match="running numbers 1 of this tab") as refused:
            give(ws, review, "ada", **{"comment": "arc", "starred": True} | other)
        assert refused.value.taken == [1]
    assert [vote.grade for vote in reviews.votes_of(ws.database)] == ["A"]


def test_votes_of_a_gallery_whose_review_was_deleted_are_kept_and_told_of(
    ws: Workspace, review: Review
) -> None:
    open_review(ws, review.id)  # as a server has it where somebody grades
    removal.delete(ws, "review", "first")
    assert give(ws, review, "ada", grade="A") == 1
    assert "deleted" in str(late_notice(ws, review.id))
    assert not consensus_report(ws, review_names=[])["results"]
    removal.undelete(ws, "review", "first")
    assert late_notice(ws, review.id) is None
    assert [mark.grade for mark in marks_of(ws, review=review, inspector="ada").values()] == ["A"]


def test_votes_after_the_closing_are_kept_and_do_not_count(ws: Workspace, review: Review) -> None:
    give(ws, review, "ada", grade="A")
    close_review(ws, "first")
    assert late_notice(ws, review.id) is not None
    time.sleep(0.01)
    give(ws, review, "bob", grade="X")
    [candidate] = consensus_report(ws, review_names=["first"])["results"]
    assert (candidate["grade"], candidate["votes"]) == ("A", 1)
    assert (reviews.count_votes(ws.database), reviews.late_votes(ws.database, review.id)) == (2, 1)
    assert [mark.grade for mark in marks_of(ws, review=review, inspector="bob").values()] == ["X"]
    table = select(ws, CatalogueQuery(of=("sky",))).vote_table(ws)
    assert table[["inspector", "grade", "counts"]].to_numpy().tolist() == [
        ["ada", "A", True], ["bob", "X", False],
    ]  # fmt: skip


def test_votes_of_an_older_workspace_keep_their_keys(ws: Workspace, review: Review) -> None:
    from alembic import command
    from alembic.config import Config

    from lensapp.storage.database import MIGRATIONS

    give(ws, review, "ada", comment="before")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with ws.database.write() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
    with ws.database.write() as connection, pytest.raises(Exception, match=r"(?i)unique"):
        connection.execute(
            text(
                "INSERT INTO votes (client, seq, review_id, cutout_id, inspector, voted_at, received_at, "
                "score_seen) SELECT client, seq, review_id, cutout_id, 'eve', 1, 1, score_seen FROM votes"
            )
        )
    ws.database.migrate()
    give(ws, review, "eve")
    assert [(vote.inspector, vote.comment) for vote in reviews.votes_of(ws.database)] == [
        ("ada", "before"), ("eve", None),
    ]  # fmt: skip
