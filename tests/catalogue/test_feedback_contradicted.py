"""Votes for lens and for non-lens on one candidate: shown, counted, and left out where neither prevails."""

import json
from pathlib import Path
from typing import Any

import pytest

from lensapp.__main__ import main
from lensapp.core.catalogue.contradictions import grades_in_words
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue.feedback import feed_back, freeze_votes
from lensapp.services.catalogue.feedback_plans import plan_feedback
from lensapp.services.split import datasets as dataset_service
from lensapp.storage.workspace import Workspace
from support.pages_workspace import open_page
from support.small_surveys import add_review, add_source, add_votes, ids_of

# Who graded what: labels by hand beside each.
GRADES = {
    "000": "AX",  # mean 1.5: B, lens, but one against one
    "001": "AAX",  # mean 2: B, lens by two to one
    "002": "AA",
    "003": "XX",
    "004": "BX",  # mean 1: C, ignored anyway
    "005": "AC",  # mean 2: B; C means nothing, so that nothing contradicts
    "006": "AAXX",  # mean 1.5: B, two against two
}
EVERY = FeedbackRules(leave_out_contradicted=False)


def surveyed(ws: Workspace) -> None:
    """Freeze a version of one source, and let up to four inspectors grade another."""
    add_source(ws)
    dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    field = add_source(ws, "field", count=20, labelled=False, first_ra_deg=200.0)
    review, ids = add_review(ws, field, "look"), ids_of(ws, field)
    for place, name in enumerate(("ann", "bob", "cyd", "dan")):
        given = {ids[f"field-{key}"]: grades[place] for key, grades in GRADES.items() if len(grades) > place}
        add_votes(ws, review, name, given)


def labels_by_name(ws: Workspace, rules: FeedbackRules) -> dict[str, str]:
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=rules)
    told = zip(plan.columns["candidate_id"], plan.columns["label"], strict=True)
    return {name.removeprefix("field-"): label for name, label in told if label is not None}


def test_a_label_without_a_majority_is_left_out(ws: Workspace) -> None:
    surveyed(ws)
    assert labels_by_name(ws, FeedbackRules()) == {
        "001": "lens", "002": "lens", "003": "nonlens", "005": "lens",
    }  # fmt: skip
    assert labels_by_name(ws, EVERY).keys() == {"000", "001", "002", "003", "005", "006"}
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=FeedbackRules())
    assert plan.outcomes["votes contradict each other"] == 2
    assert plan.contradictions.in_words() == (
        "2 candidates are left out: one inspector says lens (A/B), another non-lens (X), and the label has "
        "no majority. 1 of the 4 labels rests on contradicting votes."
    )
    assert plan.columns["cast"].tolist()[:3] == ["A X", "A A X", "A A"]


def test_where_they_are_taken_in_it_is_said_of_how_many(ws: Workspace) -> None:
    surveyed(ws)
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=EVERY)
    assert plan.contradictions.in_words() == (
        "3 of the 6 labels rest on contradicting votes: one inspector says lens (A/B), another non-lens (X). "
        "2 of them have no majority."
    )
    made = feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=EVERY)
    assert made.spec["contradicted"].startswith("3 of the 6 labels")
    assert made.spec["rules"]["leave_out_contradicted"] is False


def test_methods_that_weigh_inspectors_decide_by_their_weights(ws: Workspace) -> None:
    surveyed(ws)
    weighed = FeedbackRules(method="dawid_skene")
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=weighed)
    assert "votes contradict each other" not in plan.outcomes
    assert not any(which.startswith("as many votes against") for which, _ in weighed.meanings())


def test_a_first_version_leaves_them_out_too(ws: Workspace) -> None:
    field = add_source(ws, "field", count=40, labelled=False)
    review, ids = add_review(ws, field, "look"), list(ids_of(ws, field).values())
    add_votes(ws, review, "ann", {key: "AX"[place % 2] for place, key in enumerate(ids)})
    add_votes(ws, review, "bob", {ids[0]: "X"})
    made = freeze_votes(ws, review_names=["look"], rules=FeedbackRules())
    assert made.spec["contradicted"].startswith("1 candidate is left out")
    assert sum(sum(labels.values()) for labels in made.counts.values()) == 39


@pytest.mark.parametrize(
    ("grades", "words"), [(["A"], "A"), (["A", "X"], "A X"), (["A", "A", "A", "X", "X"], "3 A 2 X")]
)
def test_grades_are_told_shortly(grades: list[str], words: str) -> None:
    assert grades_in_words(grades) == words


def test_the_command_leaves_them_out_or_takes_them_in(folder: Path, capsys: Any) -> None:
    ws = Workspace.open(folder)
    surveyed(ws)
    told = []
    for option in ((), ("--leave-out-contradicted", "false")):
        command = ["--workspace", str(folder), "label", "look", "--dataset", "sky-v1", "--json", *option]
        assert main(command) == 0
        told.append(json.loads(capsys.readouterr().out)["contradicted"])
    assert told[0].startswith("2 candidates are left out")
    assert told[1].startswith("3 of the 6 labels")


def test_the_page_shows_the_votes_and_its_switch_takes_them_in(folder: Path) -> None:
    surveyed(Workspace.open(folder))
    page = open_page("catalogue", source="field", view="feed-back")
    assert any(one.value.startswith("2 candidates are left out") for one in page.info)
    page.checkbox(key="feedback-rules-leave_out_contradicted").set_value(False).run()
    assert any("2 of them have no majority. *Leave out" in one.value for one in page.warning)
    assert "0" in page.query_params["leave_out_contradicted"]
    assert not page.exception
