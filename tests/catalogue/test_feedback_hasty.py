"""Votes given too fast to have seen the pictures: said when they are fed back, and left out where wished."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lensapp.__main__ import main
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import InvalidInput
from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue.feedback import feed_back, freeze_votes
from lensapp.services.catalogue.feedback_plans import plan_feedback
from lensapp.services.inspect.team import team_of
from lensapp.services.split import datasets as dataset_service
from lensapp.storage import reviews
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.feedback_plan import stays_out
from support.pages_workspace import open_page
from support.small_surveys import add_review, add_source, ids_of

RULES = FeedbackRules()
CAREFUL = FeedbackRules(count_hasty=False)


def surveyed(ws: Workspace) -> Source:
    """Freeze a version of one source; return another one without labels."""
    add_source(ws)
    dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    return add_source(ws, "field", count=20, labelled=False, first_ra_deg=200.0)


@pytest.fixture
def field(ws: Workspace) -> Source:
    return surveyed(ws)


def cast(ws: Workspace, review: Review, inspector: str, grades: Mapping[int, str], *, seconds: float) -> None:
    votes: list[dict[str, Any]] = [
        {"client": f"tab-{inspector}", "seq": k, "review_id": review.id, "cutout_id": key, "grade": grade,
         "inspector": inspector, "voted_at": 1000.0 + k, "seconds_spent": seconds}
        for k, (key, grade) in enumerate(grades.items())
    ]  # fmt: skip
    reviews.add_votes(ws.database, votes)


def graded(ws: Workspace, field: Source) -> dict[str, int]:
    """Let ann look at four candidates and bob rush through five others and one of hers."""
    review, ids = add_review(ws, field, "look"), ids_of(ws, field)
    names = {name: ids[f"field-{name}"] for name in ("000", "001", "002", "003", "004", "005", "006", "007")}
    cast(ws, review, "ann", {names[key]: grade for key, grade in zip(names, "AXBC", strict=False)}, seconds=3)
    hasty = {names["000"]: "A", names["004"]: "A", names["005"]: "X", names["006"]: "C"}
    cast(ws, review, "bob", hasty, seconds=0.2)
    return names


def test_hasty_votes_behind_labels_are_counted_as_by_hand(ws: Workspace, field: Source) -> None:
    graded(ws, field)
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    # Labels: 000 (ann, bob), 001, 002 (ann), 004, 005 (bob); the two C become none.
    assert asdict(plan.hasty) == {
        "votes": 3, "of_votes": 6, "alone": 2, "inspectors": ("bob",), "left_out": False, "rest": 0,
    }  # fmt: skip
    assert plan.hasty.in_words() == (
        "3 of the 6 votes behind these labels took less than 0.5 s each, by bob: too fast to see "
        "a picture. 2 labels would have no other vote."
    )
    assert (
        feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
        .spec["hasty"]
        .startswith("3 ")
    )


def test_hasty_votes_can_be_left_out(ws: Workspace, field: Source) -> None:
    names = graded(ws, field)
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=CAREFUL)
    assert sorted(plan.columns["cutout_id"].tolist()) == sorted(
        names[key] for key in ("000", "001", "002", "003")
    )
    assert plan.inspectors == {"ann": 4}
    assert plan.hasty.in_words() == "4 votes of less than 0.5 s each by bob are left out."


def test_votes_of_unknown_time_or_of_who_looked_are_not_hasty(ws: Workspace, field: Source) -> None:
    review, ids = add_review(ws, field, "look"), ids_of(ws, field)
    cast(ws, review, "ann", {ids["field-000"]: "A", ids["field-001"]: "X"}, seconds=0.5)
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=CAREFUL)
    assert (len(plan.columns["cutout_id"]), bool(plan.hasty), plan.hasty.in_words()) == (2, False, "")
    assert "hasty" not in feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=CAREFUL).spec


def test_a_first_version_tells_and_refuses_too(ws: Workspace) -> None:
    field = add_source(ws, "field", count=40, labelled=False)
    review, ids = add_review(ws, field, "look"), list(ids_of(ws, field).values())
    cast(ws, review, "bob", {key: "AX"[place % 2] for place, key in enumerate(ids)}, seconds=0.1)
    made = freeze_votes(ws, review_names=["look"], rules=RULES)
    assert "40 of the 40 votes behind these labels took less than 0.5 s each, by bob" in made.spec["hasty"]
    with pytest.raises(InvalidInput, match="Every vote in look took less than"):
        freeze_votes(ws, review_names=["look"], rules=CAREFUL)


def test_candidates_with_hasty_votes_alone_are_told_from_those_without_a_vote(
    ws: Workspace, field: Source
) -> None:
    """Of 20 candidates ann graded four at leisure, bob three others too fast; nobody looked at 13."""
    graded(ws, field)
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=CAREFUL)
    assert (plan.only_hasty, plan.ungraded) == (3, 13)
    rows = {row["reason"]: row for row in stays_out(plan)}
    assert (rows["only hasty votes"]["candidates"], rows["no vote"]["candidates"]) == (3, 13)
    assert "Count hasty votes" in str(rows["only hasty votes"]["what to do"])
    counting = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    assert (counting.only_hasty, counting.ungraded) == (0, 13)


def test_the_command_tells_of_them_and_leaves_them_out(folder: Path, capsys: Any) -> None:
    ws = Workspace.open(folder)
    graded(ws, surveyed(ws))
    told = []
    for option in ((), ("--count-hasty", "false")):
        assert (
            main(["--workspace", str(folder), "label", "look", "--dataset", "sky-v1", "--json", *option]) == 0
        )
        told.append(json.loads(capsys.readouterr().out).get("hasty", ""))
    assert told[0].startswith("3 of the 6 votes")
    assert told[1].startswith("4 votes of less than 0.5 s each by bob")


def test_the_page_says_it_and_its_switch_leaves_them_out(folder: Path) -> None:
    ws = Workspace.open(folder)
    graded(ws, surveyed(ws))
    page = open_page("catalogue", source="field", view="feed-back")
    assert any(one.value.startswith("3 of the 6 votes behind these labels took less") for one in page.warning)
    page.checkbox(key="feedback-rules-count_hasty").set_value(False).run()
    assert any(one.value.startswith("4 votes of less than 0.5 s each by bob") for one in page.info)
    assert "0" in page.query_params["count_hasty"]
    assert not page.exception


def test_each_vote_is_judged_by_itself_and_the_rest_of_a_page_by_the_look_at_it(
    ws: Workspace, field: Source
) -> None:
    review, ids = add_review(ws, field, "look"), list(ids_of(ws, field).values())
    # One by one, hasty in the mean; the rest of a page after a long look; the rest of another after none.
    looks = [(12.0, 0.0), (0.1, 1.0), (0.1, 2.0), *[(0.01, 3.0)] * 4, *[(0.02, 90.0)] * 5]
    reviews.add_votes(ws.database, [
        {"client": "tab", "seq": k, "review_id": review.id, "cutout_id": key, "inspector": "Ada",
         "grade": "X" if k > 2 else "A", "voted_at": 1000.0 + at, "seconds_spent": seconds}
        for k, (key, (seconds, at)) in enumerate(zip(ids, looks, strict=False))
    ])  # fmt: skip
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    assert (plan.hasty.votes, plan.hasty.rest, plan.hasty.of_votes) == (7, 5, 12)
    assert "by Ada, 5 of them given to the rest of a page at once: too fast" in plan.hasty.in_words()
    kept = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=CAREFUL)
    assert sorted(kept.columns["cutout_id"].tolist()) == sorted([ids[0], *ids[3:7]])
    [ada] = team_of(ws, review_name="look").inspectors
    assert ada.hasty == plan.hasty.votes


def test_where_most_votes_are_hasty_they_do_not_count_unless_asked_for(folder: Path) -> None:
    ws = Workspace.open(folder)
    field = surveyed(ws)
    review, ids = add_review(ws, field, "look"), list(ids_of(ws, field).values())
    cast(ws, review, "ann", {ids[0]: "A", ids[1]: "X"}, seconds=3)
    cast(ws, review, "bob", dict.fromkeys(ids[2:5], "X"), seconds=0.1)
    page = open_page("catalogue", source="field", view="feed-back")
    assert not page.checkbox(key="feedback-rules-count_hasty").value
    assert any(one.value.startswith("3 votes of less than 0.5 s each by bob") for one in page.info)
    page.checkbox(key="feedback-rules-count_hasty").set_value(True).run()
    assert any(one.value.startswith("3 of the 5 votes behind these labels") for one in page.warning)


def test_where_all_votes_are_hasty_the_page_says_so_and_is_no_error(folder: Path) -> None:
    ws = Workspace.open(folder)
    field = surveyed(ws)
    review, ids = add_review(ws, field, "look"), list(ids_of(ws, field).values())
    cast(ws, review, "bob", dict.fromkeys(ids[:4], "A"), seconds=0.1)
    page = open_page("catalogue", source="field", view="feed-back")
    assert any(one.value.startswith("Every vote in look took less than 0.5 s") for one in page.info)
    assert not page.error
    page.checkbox(key="feedback-rules-count_hasty").set_value(True).run()
    assert any("4 new lenses" in one.value for one in page.markdown)
    assert not page.exception


def test_the_command_counts_hasty_votes_as_the_page_does_and_says_how_otherwise(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ws = Workspace.open(folder)
    field = surveyed(ws)
    review, ids = add_review(ws, field, "look"), list(ids_of(ws, field).values())
    cast(ws, review, "ann", {ids[0]: "A", ids[1]: "X"}, seconds=3)
    cast(ws, review, "bob", dict.fromkeys(ids[2:5], "X"), seconds=0.1)

    def added(*options: str) -> tuple[int, str]:
        assert main(["--workspace", str(folder), "label", "field", "--json", *options]) == 0
        made = json.loads(capsys.readouterr().out)
        return sum(made["changes"]["added"].values()), made["hasty"]

    usual, told = added("--dataset", "sky-v1")
    assert (usual, told.endswith("are left out. To let them count: --count-hasty true.")) == (2, True)
    counted, told = added("--dataset", "sky-v1", "--count-hasty", "true")
    assert (counted, told.startswith("3 of the 5 votes behind these labels")) == (5, True)
    assert told.endswith("To leave them out: --count-hasty false.")
    cast(ws, review, "cat", dict.fromkeys(ids[5:9], "X"), seconds=3)  # so that they are no longer most
    counted, told = added("--dataset", "sky-v1")
    assert (counted, told.endswith("--count-hasty false.")) == (9, True)
