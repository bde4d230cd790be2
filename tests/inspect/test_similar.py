"""Find more like this: from any candidate of a review, without a word about blind tests and scores."""

import numpy as np
import pytest

from lensapp.core.errors import FeaturesMissing, InvalidInput
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.catalogue.choices import catalogue_choices
from lensapp.services.inspect.gallery import OpenReview, open_review
from lensapp.services.inspect.queues import create_review, list_reviews, order_in_words, review_of_cutouts
from lensapp.services.inspect.shares import next_task
from lensapp.services.inspect.similar import review_more_like
from lensapp.services.inspect.votes import VoteOp, VotePost, record_votes
from lensapp.services.overview import overview
from lensapp.services.recent import recent_changes
from lensapp.storage import reviews, runs
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace
from support.gallery_survey import add_scores, add_source, blobs, ids_by_row
from support.small_surveys import store_features

COUNT = 40


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def source(ws: Workspace) -> Source:
    return add_source(ws, "sky", blobs(COUNT, size=24))


def along_a_line(count: int = COUNT) -> np.ndarray:
    """Return features of which neighbours in the list are the most alike."""
    return np.stack([np.ones(count), np.linspace(0, 1, count)], axis=1).astype(np.float32)


def opened(ws: Workspace, spec: ReviewSpec, run_name: str | None = None) -> OpenReview:
    made = create_review(ws, name="first", source_name="sky", run_name=run_name, spec=spec)
    return open_review(ws, made.id)


def queue(ws: Workspace, review: Review) -> list[int]:
    return list(reviews.queue_of(ws.database, review.id).tolist())


def test_a_candidate_and_those_most_alike_it_open_under_the_same_rules(ws, source) -> None:
    add_scores(ws, source, {0: 0.5}, name="scorer")
    add_scores(ws, source, {0: 0.4}, name="seer")
    ids = store_features(ws, source, along_a_line(), run_name="seer")
    spec = ReviewSpec(order="given", grades="binary", blind_to_others=False, inspectors=("ada",))
    first = opened(ws, spec, "scorer")
    made = review_more_like(first, int(ids[20]), count=4)
    assert (made.name, queue(ws, made)[0]) == ("like-sky-0020", ids[20])
    assert set(queue(ws, made)[1:]) == set(ids[[18, 19, 21, 22]].tolist())
    taken_over = ReviewSpec.parse(made.spec)
    assert (taken_over.blind, taken_over.blind_to_others, taken_over.inspectors) == (True, False, ("ada",))
    assert taken_over.scheme.name == "binary"
    assert made.run_id == runs.get_run(ws.database, "scorer").id
    assert review_more_like(first, int(ids[20]), count=4).id == made.id
    other = create_review(ws, name="other", source_name="sky", spec=ReviewSpec(order="given"))
    graded_otherwise = review_more_like(open_review(ws, other.id), int(ids[20]), count=4)
    assert (graded_otherwise.name, graded_otherwise.run_id) == ("like-sky-0020-2", None)


def test_the_order_of_chosen_candidates_is_named_by_how_they_were_chosen(ws, source) -> None:
    add_scores(ws, source, {0: 0.4}, name="seer")
    ids = store_features(ws, source, along_a_line(), run_name="seer").tolist()
    first = opened(ws, ReviewSpec(order="given"), "seer")
    assert order_in_words(ws, first.review) == "as imported"
    assert order_in_words(ws, review_more_like(first, ids[20], count=4)) == "most alike first"
    picked = review_of_cutouts(ws, name="first-picked", cutout_ids=[ids[7], ids[2]], run_name="seer")
    assert order_in_words(ws, picked) == "in the order chosen"
    disputed = review_of_cutouts(ws, name="first-disputed", cutout_ids=[ids[7], ids[2]], run_name="seer")
    assert order_in_words(ws, disputed) == "most disputed first"
    scored = create_review(ws, name="best", source_name="sky", run_name="seer", spec=ReviewSpec())
    assert order_in_words(ws, scored) == "highest score first"


def test_a_look_at_what_is_similar_stands_in_lists_while_it_is_shown_and_once_somebody_voted(ws, source):
    add_scores(ws, source, {0: 0.4}, name="seer")
    ids = store_features(ws, source, along_a_line(), run_name="seer")
    first = opened(ws, ReviewSpec(order="given"), "seer")
    made = [review_more_like(first, int(ids[row]), count=4) for row in (20, 30)]

    def listed(**how) -> list[str]:
        return [one.name for one in list_reviews(ws, **how)]

    assert listed() == ["first"]
    assert listed(shown=(made[0].name,)) == ["like-sky-0020", "first"]
    assert [one.name for one in overview(ws).reviews] == ["first"]
    assert [one.name for one in catalogue_choices(ws).reviews] == ["first"]
    assert next_task(ws, inspector="ada", after="first") is None
    assert not any("like-" in change.text for change in recent_changes(ws, since=0, limit=20))
    # Another inspector, in whose window it is open still, grades in it.
    op = VoteOp(seq=1, id=int(ids[20]), grade="A", voted_at=1.0)
    post = VotePost(client="window-of-bob", ops=(op,))
    record_votes(ws, review=made[0], inspector="bob", post=post)
    assert listed() == ["like-sky-0020", "first"]
    op = VoteOp(seq=2, id=int(ids[20]), grade=None, voted_at=2.0)
    record_votes(ws, review=made[0], inspector="bob", post=post.replaced(ops=(op,)))
    assert listed() == ["like-sky-0020", "first"], "a grade taken back can be brought back in it"
    reviews.close_review(ws.database, made[1].name)
    assert listed() == ["like-sky-0030", "like-sky-0020", "first"]


def test_blind_tests_lead_to_real_candidates_and_are_not_told(ws, source) -> None:
    add_scores(ws, source, {0: 0.4}, name="seer")
    real = set(ids_by_row(ws, source))
    store_features(ws, source, along_a_line(), run_name="seer")
    first = opened(ws, ReviewSpec(order="given", limit=20, calibrators=0.3, repeats=0.1, seed=3))
    kinds = {test.kind for test in first.blind_tests.values()}
    assert kinds == {"lens", "dud", "repeat"}
    sizes = set()
    for shown in first.queue.tolist():
        [cutout_id] = first.cutout_ids([shown])
        found = queue(ws, review_more_like(first, shown, count=4))
        assert set(found) <= real - {cutout_id}
        test = first.blind_tests.get(cutout_id)
        if test is not None:
            assert (test.pixels_of or test.truth["host"]) not in found
        sizes.add(len(found))
    assert sizes == {4}


def test_without_features_it_says_where_to_compute_them(ws, source) -> None:
    first = opened(ws, ReviewSpec(order="given"))
    [shown] = first.queue.tolist()[:1]
    with pytest.raises(FeaturesMissing, match="Train one") as without:
        review_more_like(first, shown)
    assert without.value.run is None
    add_scores(ws, source, {0: 0.4}, name="seer")
    ws.run_folder("seer").mkdir(parents=True, exist_ok=True)
    (ws.run_folder("seer") / "best.keras").write_bytes(b"")
    with pytest.raises(
        FeaturesMissing, match=r"run seer and source sky on the page Features .* features seer sky"
    ):
        review_more_like(first, shown)
    with pytest.raises(InvalidInput, match="candidates of review first"):
        review_more_like(first, 10**6)
