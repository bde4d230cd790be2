"""How the votes stand, told from arrays that grow with the votes: always what a fresh reading would tell."""

from collections import Counter

import numpy as np
import pytest
from sqlalchemy import delete

from lensapp.core.inspect.consensus import consensus_of_columns, find_consensus
from lensapp.services.inspect import vote_log
from lensapp.services.inspect.vote_log import Standing, cutouts_graded, graded_since, standing, votes_in
from lensapp.storage import reviews, tables
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source, add_votes


@pytest.fixture
def ws(tmp_path):
    workspace = Workspace.open(tmp_path / "workspace")
    add_source(workspace)
    yield workspace
    workspace.database.close()


def add_review(ws: Workspace, name: str, **options) -> Review:
    return reviews.create_review(
        ws.database, name=name, source_id=1, run_id=None, spec={}, queue=np.arange(1, 20), **options
    )


def test_votes_that_come_change_and_are_withdrawn_count_as_they_stand_now(ws):
    assert standing(ws) == Standing(0, 0, 0, {}, {})
    look, again = add_review(ws, "look"), add_review(ws, "again")
    add_votes(ws, look, "ada", {1: "A", 2: "X"})
    assert standing(ws) == Standing(2, 1, 1, {"A": 1, "X": 1}, {look.id: 2})
    add_votes(ws, look, "ada", {2: "B"})  # a second thought
    add_votes(ws, again, "bo", {1: "C", 3: "X"})
    assert standing(ws) == Standing(4, 2, 2, {"A": 1, "B": 1, "C": 1, "X": 1}, {look.id: 2, again.id: 2})
    add_votes(ws, look, "ada", {1: None})
    assert standing(ws) == Standing(3, 2, 1, {"B": 1, "C": 1, "X": 1}, {look.id: 1, again.id: 2})


def test_good_candidates_are_those_that_all_votes_together_grade_a_or_b(ws):
    look = add_review(ws, "look")
    add_votes(ws, look, "ada", {1: "A", 2: "B", 3: "C", 4: "A"})
    add_votes(ws, look, "bo", {1: "B", 2: "X", 3: "A", 4: "X"})
    consensus = find_consensus(votes_in(ws, look))
    assert consensus.grade.tolist() == ["B", "C", "B", "B"]
    assert standing(ws).good == 3  # not the four with a vote of A or B


def test_only_new_votes_are_read_and_all_where_some_have_gone(ws, monkeypatch):
    look = add_review(ws, "look")
    add_votes(ws, look, "ada", {1: "A", 2: "X"})
    standing(ws)
    read, columns = [], reviews.vote_columns

    def noted(*arguments, **options):
        found = columns(*arguments, **options)
        read.append(len(found["id"]))
        return found

    monkeypatch.setattr(reviews, "vote_columns", noted)
    add_votes(ws, look, "bo", {1: "B"})
    assert (standing(ws).votes, read) == (3, [1])
    assert (standing(ws).votes, read) == (3, [1])
    with ws.database.write() as connection:
        connection.execute(delete(tables.votes).where(tables.votes.c.inspector == "ada"))
    assert (standing(ws).votes, read) == (1, [1, 1])


def test_late_votes_blind_tests_and_deleted_reviews_do_not_count(ws):
    tests = [{"cutout_id": 5, "kind": "dud", "pixels_of": None, "score": None, "truth": {"lens": False}}]
    look, gone = add_review(ws, "look", blind_tests=tests), add_review(ws, "gone")
    add_votes(ws, look, "ada", {4: "A", 5: "A"})
    add_votes(ws, gone, "ada", {7: "B"})
    assert standing(ws) == Standing(2, 1, 2, Counter("AB"), {look.id: 2, gone.id: 1})
    reviews.close_review(ws.database, "look")
    add_votes(ws, look, "bo", {6: "A"})
    with ws.database.write() as connection:
        row = {"kind": "reviews", "item_id": gone.id, "name": "gone", "deletion": "review gone"}
        connection.execute(tables.trash.insert().values(deleted_by="ada", deleted_at=1.0, reviews=[], **row))
    assert standing(ws) == Standing(1, 1, 1, {"A": 1}, {look.id: 2})
    vote_log._kept.cache_clear()
    vote_log._standing.cache_clear()
    assert standing(ws) == Standing(1, 1, 1, {"A": 1}, {look.id: 2})


def test_arrays_of_votes_and_the_consensus_on_them_are_those_of_votes_read_one_by_one(ws):
    tests = [{"cutout_id": 5, "kind": "dud", "pixels_of": None, "score": None, "truth": {"lens": False}}]
    look, again = add_review(ws, "look", blind_tests=tests), add_review(ws, "again")
    other = add_review(ws, "other")
    for review, who, grades in (
        (again, "zoë", {3: "B", 1: "A", 4: "C"}), (look, "bo", {1: "A", 5: "A", 2: "X"}),
        (other, "cy", {1: "X"}),
        (again, "bo", {1: "X", 3: "A"}), (look, "ada", {2: "B", 1: None}), (again, "zoë", {3: None, 4: "A"}),
    ):  # fmt: skip
        add_votes(ws, review, who, grades)
        standing(ws)  # reads them as they come
    reviews.close_review(ws.database, "look")
    add_votes(ws, look, "ada", {2: "A"})  # too late
    logged = vote_log.logged_votes(ws, [look.id, again.id], reviews.state_of_votes(ws.database))
    votes = [vote for review in (look, again) for vote in reviews.votes_of(ws.database, review_id=review.id)]
    assert logged.id.tolist() == [vote.id for vote in votes]
    assert [logged.names[rank] for rank in logged.columns.inspector] == [vote.inspector for vote in votes]
    told, read = consensus_of_columns(logged.columns, logged.names), find_consensus(votes)
    assert told.cutout_id.tolist() == read.cutout_id.tolist() == [1, 2, 3, 4]
    # Bo thought of 1 again, Zoë took back what she had said of 3, Ada had said nothing of 1.
    assert told.inspectors == read.inspectors == (("bo", "zoë"), ("ada", "bo"), ("bo",), ("zoë",))
    assert told.mean.tolist() == read.mean.tolist() == [1.5, 1.0, 3.0, 3.0]


def test_votes_that_come_in_a_review_are_read_and_added_to_those_that_are_kept(ws, monkeypatch):
    look = add_review(ws, "look")
    add_votes(ws, look, "ada", {1: "A", 2: "X"})
    votes_in(ws, look)
    read, votes_of = [], reviews.votes_of

    def noted(*arguments, **options):
        found = votes_of(*arguments, **options)
        read.extend([len(found)] if "review_id" in options else [])
        return found

    monkeypatch.setattr(vote_log.reviews, "votes_of", noted)
    add_votes(ws, look, "bo", {1: "B"})
    assert ([vote.grade for vote in votes_in(ws, look)], read) == (["A", "X", "B"], [1])
    with ws.database.write() as connection:
        connection.execute(delete(tables.votes).where(tables.votes.c.inspector == "ada"))
    add_votes(ws, look, "cy", {1: "C"})
    assert ([vote.grade for vote in votes_in(ws, look)], read) == (["B", "C"], [1, 2])


def test_the_votes_of_a_review_are_read_again_after_a_vote_in_it_only(ws, monkeypatch):
    look, other = add_review(ws, "look"), add_review(ws, "other")
    add_votes(ws, look, "ada", {1: "A"})
    first = votes_in(ws, look)
    read, votes_of = [], reviews.votes_of

    def noted(*arguments, **options):
        read.append(options["review_id"])
        return votes_of(*arguments, **options)

    monkeypatch.setattr(vote_log.reviews, "votes_of", noted)
    first.clear()  # what is kept is not what is handed out
    assert [vote.grade for vote in votes_in(ws, look)] == ["A"]
    monkeypatch.undo()
    add_votes(ws, other, "ada", {2: "B"})
    monkeypatch.setattr(vote_log.reviews, "votes_of", noted)
    assert ([vote.grade for vote in votes_in(ws, look)], read) == (["A"], [])
    assert ([vote.grade for vote in votes_in(ws, other)], read) == (["B"], [other.id])
    reviews.close_review(ws.database, "look")
    votes_in(ws, look)
    assert read == [other.id, look.id]


def test_a_vote_that_was_withdrawn_is_neither_shown_as_graded_nor_counted(ws):
    review = add_review(ws, "look")
    add_votes(ws, review, "Ada", {1: "A", 2: "B", 3: "A"})
    add_votes(ws, review, "Ada", {3: None, 2: "A"})
    assert cutouts_graded(ws, "A", [review], limit=4) == [2, 1]
    assert cutouts_graded(ws, "B", [review], limit=4) == []
    [lately] = graded_since(ws, 0.0)
    assert (lately.inspector, lately.review_id, lately.candidates) == ("Ada", review.id, 2)


def test_who_graded_lately_is_told_by_review_without_earlier_and_late_votes(ws):
    look, other, closed = (add_review(ws, name) for name in ("look", "other", "closed"))
    add_votes(ws, look, "Ada", {1: "A", 2: "B"})
    moment = max(vote.received_at for vote in votes_in(ws, look))
    add_votes(ws, look, "Ben", {1: "C", 2: "X", 3: "A"})
    add_votes(ws, other, "Ada", {1: "A"})
    add_votes(ws, other, "Ada", {1: None})
    reviews.close_review(ws.database, "closed")
    add_votes(ws, closed, "Ada", {1: "A"})
    found = {(one.inspector, one.review_id): one for one in graded_since(ws, moment)}
    assert {key: one.candidates for key, one in found.items()} == {("Ben", look.id): 3, ("Ada", other.id): 0}
    last = max(vote.received_at for vote in votes_in(ws, look))
    assert found["Ben", look.id].last == last
    assert graded_since(ws, max(one.last for one in found.values())) == []
