from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect.review_orders import ORDERS
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect import queues
from lensapp.services.inspect.acquisition import PRIORITIES, Candidates, Ordering, ordered_candidates
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.votes import VotePost, record_votes, vote_once
from lensapp.storage import reviews
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace
from support.blind_reviews import counted_votes
from support.gallery_survey import add_scores, add_source, blobs, ids_by_row

CLIENT = "test-client-1"


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def source(ws: Workspace) -> Source:
    return add_source(ws, "sky", blobs(12))


@pytest.fixture
def review(ws: Workspace, source: Source) -> Review:
    return create_review(ws, name="first", source_name="sky", spec=ReviewSpec(order="given", limit=10))


@pytest.fixture(scope="module")
def empty_ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.open(tmp_path_factory.mktemp("empty"))


def order_candidates(ws: Workspace, ids: np.ndarray, scores: np.ndarray, spec: ReviewSpec) -> np.ndarray:
    candidates = Candidates(ids, scores, np.full(len(ids), None, object), np.zeros(len(ids), np.int64))
    return ordered_candidates(Ordering(ws, [], candidates, None, spec))


def test_every_order_of_the_table_can_be_made() -> None:
    assert set(PRIORITIES) == set(ORDERS)


def post(*ops: dict[str, object], client: str = CLIENT) -> VotePost:
    return VotePost.parse(
        {"client": client, "ops": [{"voted_at": 1000.0 + place} | op for place, op in enumerate(ops)]}
    )


def queue(ws: Workspace, review: Review) -> list[int]:
    return list(reviews.queue_of(ws.database, review.id).tolist())


def test_highest_scores_come_first_and_unscored_candidates_not_at_all(ws: Workspace, source: Source) -> None:
    add_scores(ws, source, {0: 0.2, 3: 0.9, 5: 0.9, 7: 0.55})
    made = create_review(ws, name="best", source_name="sky", run_name="run-1", spec=ReviewSpec(limit=3))
    ids = ids_by_row(ws, source)
    assert queue(ws, made) == [ids[3], ids[5], ids[7]]
    unsure = ReviewSpec(order="uncertain", min_score=0.1, max_score=0.8)
    made = create_review(ws, name="unsure", source_name="sky", run_name="run-1", spec=unsure)
    assert queue(ws, made) == [ids[7], ids[0]]


def test_a_review_by_score_needs_a_run(ws: Workspace, source: Source) -> None:
    with pytest.raises(InvalidInput, match="The order 'score' needs a run"):
        create_review(ws, name="best", source_name="sky")
    add_scores(ws, source, {})
    with pytest.raises(InvalidInput, match=r"No candidate of sky is left with run run-1 \(0 scored\)"):
        create_review(ws, name="best", source_name="sky", run_name="run-1")
    with pytest.raises(NotFound, match="no source called 'moon'"):
        create_review(ws, name="best", source_name="moon")
    assert reviews.list_reviews(ws.database) == []


def test_labels_choose_the_candidates(ws: Workspace, source: Source) -> None:
    ids = ids_by_row(ws, source)
    for include, rows in (("lens", ids[1::3]), ("unlabelled", ids[::3])):
        spec = ReviewSpec(order="given", include=include)
        assert queue(ws, create_review(ws, name=include, source_name="sky", spec=spec)) == rows


@settings(max_examples=30, deadline=None)
@given(
    scores=st.lists(st.one_of(st.just(np.nan), st.floats(0, 1)), min_size=1, max_size=40),
    order=st.sampled_from(["score", "random", "uncertain", "given"]),
    limit=st.one_of(st.none(), st.integers(1, 50)),
    seed=st.integers(0, 99),
)
def test_an_order_shows_each_candidate_once_and_always_the_same(
    empty_ws: Workspace, scores: list[float], order: str, limit: int | None, seed: int
) -> None:
    ids = np.arange(10, 10 + len(scores), dtype=np.int64)
    spec = ReviewSpec(order=order, limit=limit, seed=seed)
    shown = order_candidates(empty_ws, ids, np.array(scores), spec)
    assert len(set(shown.tolist())) == len(shown)
    usable = int(np.isfinite(scores).sum()) if spec.needs_scores else len(ids)
    assert len(shown) == min(usable, limit or usable)
    assert (order_candidates(empty_ws, ids, np.array(scores), spec) == shown).all()
    ranked = np.array(scores)[shown - 10]
    if order == "score":
        assert (np.diff(ranked) <= 0).all()
    if order == "uncertain":
        assert (np.diff(np.abs(ranked - 0.5)) >= 0).all()


def test_limits_that_exclude_everything_are_refused() -> None:
    with pytest.raises(InvalidInput, match="min_score is above max_score"):
        ReviewSpec.parse({"min_score": 0.9, "max_score": 0.1})


def test_a_vote_sent_twice_counts_once(ws: Workspace, review: Review) -> None:
    first, second = queue(ws, review)[:2]
    batch = post({"seq": 1, "id": first, "grade": "A"}, {"seq": 2, "id": second, "grade": "X"})
    assert record_votes(ws, review=review, inspector="ada", post=batch) == 2
    assert record_votes(ws, review=review, inspector="ada", post=batch) == 2
    assert reviews.count_votes(ws.database) == 2


def test_the_last_vote_counts_and_a_withdrawn_one_does_not(ws: Workspace, review: Review) -> None:
    first, second = queue(ws, review)[:2]
    batch = post(
        {"seq": 1, "id": first, "grade": "A"},
        {"seq": 2, "id": second, "grade": "B"},
        {"seq": 3, "id": first, "grade": "C", "contaminant": None},
        {"seq": 4, "id": second, "grade": None},
    )
    record_votes(ws, review=review, inspector="ada", post=batch)
    votes = counted_votes(ws, review, "ada")
    assert {key: vote.grade for key, vote in votes.items()} == {first: "C"}
    assert counted_votes(ws, review, "bob") == {}


def test_votes_outside_the_review_are_refused_whole(ws: Workspace, review: Review, source: Source) -> None:
    inside, outside = queue(ws, review)[0], ids_by_row(ws, source)[11]
    batch = post({"seq": 1, "id": inside, "grade": "A"}, {"seq": 2, "id": outside, "grade": "A"})
    with pytest.raises(InvalidInput, match=rf"\[{outside}\] are not among the candidates of review first"):
        record_votes(ws, review=review, inspector="ada", post=batch)
    odd = post({"seq": 1, "id": inside, "grade": "X", "contaminant": "cat"})
    with pytest.raises(InvalidInput, match="'cat' is none of spiral"):
        record_votes(ws, review=review, inspector="ada", post=odd)
    assert reviews.count_votes(ws.database) == 0


def test_a_vote_from_the_command_line_makes_the_review_of_its_source(ws: Workspace, source: Source) -> None:
    vote = vote_once(
        ws, source_or_review_name="sky", candidate_id="sky-0003", grade="b", inspector=" Ada  L. "
    )
    assert (vote.grade, vote.inspector) == ("B", "Ada L.")
    again = vote_once(ws, source_or_review_name="sky", candidate_id="sky-0004", grade="X", inspector="Ada L.")
    assert again.review_id == vote.review_id
    [made] = reviews.list_reviews(ws.database)
    assert (made.name, made.size) == ("sky-all", 12)
    assert len(counted_votes(ws, made, "Ada L.")) == 2


def test_a_command_line_vote_on_an_unknown_candidate_makes_no_review(ws: Workspace, source: Source) -> None:
    with pytest.raises(NotFound, match="has no candidate 'sky-9999'"):
        vote_once(ws, source_or_review_name="sky", candidate_id="sky-9999", grade="A", inspector="ada")
    assert reviews.list_reviews(ws.database) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_or_review_name": "moon"}, "no review or source called 'moon'"),
        ({"candidate_id": "sky-9999"}, "sky has no candidate 'sky-9999'"),
        ({"grade": "Z"}, "no grade 'Z' here: choose one of A, B, C, X"),
        ({"inspector": "  "}, "cannot be an inspector's name"),
    ],
)
def test_a_command_line_vote_that_cannot_count_says_why(
    ws: Workspace, source: Source, changes: dict[str, str], message: str
) -> None:
    values = {"source_or_review_name": "sky", "candidate_id": "sky-0001", "grade": "A", "inspector": "ada"}
    with pytest.raises((InvalidInput, NotFound), match=message):
        vote_once(ws, **(values | changes))
    assert reviews.count_votes(ws.database) == 0


def test_levels_leave_out_rows_of_rejected_files(ws: Workspace) -> None:
    pixels = blobs(40)
    pixels[::2] = 0
    add_source(ws, "holes", pixels)
    made = create_review(ws, name="holes", source_name="holes", spec=ReviewSpec(order="given"))
    assert open_review(ws, made.id).levels.sky == pytest.approx(np.full(3, 5), abs=0.3)


def test_facts_hold_no_label_and_a_score_only_when_asked(ws: Workspace, source: Source) -> None:
    add_scores(ws, source, {1: 0.25})
    made = create_review(ws, name="blind", source_name="sky", run_name="run-1")
    opened = open_review(ws, made.id)
    [row] = opened.facts(queue(ws, made))
    assert row == {"id": queue(ws, made)[0], "name": "sky-0001", "ra": 150.01, "dec": 2.0}
    [row] = opened.facts(queue(ws, made), with_scores=True)
    assert row["score"] == 0.25


def test_a_review_leaves_out_on_request_what_anybody_graded_before_and_takes_it_in_again(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = add_source(ws, "sky", blobs(6))
    add_scores(ws, source, {row: 1 - row / 10 for row in range(6)})
    ids = ids_by_row(ws, source)
    best = create_review(
        ws, name="best", source_name="sky", run_name="run-1", spec=ReviewSpec(order="score", limit=2)
    )
    vote_once(ws, source_or_review_name="best", candidate_id="sky-0000", grade="A", inspector="ada")
    spec = ReviewSpec(order="score", limit=3, ungraded=True)
    second = create_review(ws, name="second", source_name="sky", run_name="run-1", spec=spec)
    assert reviews.queue_of(ws.database, second.id).tolist() == [ids[1], ids[2], ids[3]]
    vote_once(ws, source_or_review_name="best", candidate_id="sky-0001", grade="X", inspector="bob")
    assert (queues.graded_left_out(ws, second), queues.graded_left_out(ws, best)) == (1, 0)
    monkeypatch.setattr(queues, "MOST_HELD", 2)  # the best of a large source are found in another way
    third = create_review(ws, name="third", source_name="sky", run_name="run-1", spec=spec)
    assert reviews.queue_of(ws.database, third.id).tolist() == [ids[2], ids[3], ids[4]]
    whole = queues.with_graded(ws, third)
    assert reviews.queue_of(ws.database, whole.id).tolist() == [ids[0], ids[1], ids[2]]
    assert queues.with_graded(ws, third) == whole


def test_nothing_is_left_to_review_where_all_is_graded(ws: Workspace) -> None:
    add_source(ws, "sky", blobs(1))
    create_review(ws, name="all", source_name="sky", spec=ReviewSpec(order="given"))
    vote_once(ws, source_or_review_name="all", candidate_id="sky-0000", grade="A", inspector="ada")
    with pytest.raises(InvalidInput, match="graded already"):
        create_review(ws, name="rest", source_name="sky", spec=ReviewSpec(order="given", ungraded=True))


def test_an_earlier_grade_of_ones_own_is_told_but_not_in_a_blind_review(ws: Workspace) -> None:
    [key, other] = ids_by_row(ws, add_source(ws, "sky", blobs(2)))
    for name in ("open", "blind", "look", "first"):
        hidden, feeds_back = name in ("blind", "look"), name != "look"
        spec = ReviewSpec(order="given", blind_to_others=hidden, feeds_back=feeds_back)
        create_review(ws, name=name, source_name="sky", spec=spec)
    for inspector, grade in (("ada", "B"), ("ada", "C"), ("bob", "A")):
        vote_once(
            ws, source_or_review_name="first", candidate_id="sky-0000", grade=grade, inspector=inspector
        )

    def earlier(name: str, inspector: str) -> list[str | None]:
        opened = open_review(ws, reviews.get_review(ws.database, name).id)
        return [fact.get("earlier") for fact in opened.facts([key, other], inspector=inspector)]

    assert earlier("open", "Ada") == earlier("look", "Ada") == ["C", None]
    assert earlier("open", "eve") == earlier("blind", "ada") == earlier("first", "ada") == [None, None]
