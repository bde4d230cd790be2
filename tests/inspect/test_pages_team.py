"""The page Team, run by Streamlit's own test harness inside the frame."""

from pathlib import Path

import pytest

from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.votes import VotePost, record_votes
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from lensapp.ui.inspect.team_page import time_left
from support.blind_reviews import blind_tests
from support.pages_workspace import add_survey, figures_of, open_page


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    return Workspace.open(tmp_path / "workspace")


def grade_all(
    ws: Workspace, inspector: str, letters: str, *, seconds: float | None = 3, only: int = 99
) -> None:
    """Grade every candidate or the first, blind tests too, with these letters in turn."""
    review = reviews.get_review(ws.database, "look")
    ops = [
        {
            "seq": place,
            "id": key,
            "grade": letters[place % len(letters)],
            "voted_at": 1e9,
            "seconds_spent": seconds,
        }
        for place, key in enumerate(open_review(ws, review.id).queue.tolist()[:only], 1)
    ]
    post = VotePost.parse({"client": f"tab-{inspector}-000", "ops": ops})
    record_votes(ws, review=review, inspector=inspector, post=post)


def test_where_nobody_was_tested_no_column_is_of_dashes(ws: Workspace) -> None:
    add_survey(ws)
    create_review(ws, name="look", source_name="sky", spec=ReviewSpec(order="given", limit=10))
    grade_all(ws, "ada", "AX")
    page = open_page("team", review="look")
    assert {*page.dataframe[0].value} == {"inspector", "graded", "seconds each", "hours left"}
    assert {*page.dataframe[1].value} == {"image", "id", "grade", "mean"}, "one vote has no scatter"
    said = "**5 A, 0 B, 0 C, 5 X** on 10 candidates: 50 % graded B or better."
    assert said in [text.value for text in page.markdown]
    [pace] = figures_of(page)
    assert [trace["name"] for trace in pace["data"]] == ["A", "X"]
    assert not {"Agreement", "Disputed"} & {one.value for one in page.subheader}
    assert any(" of grading" in text.value for text in page.caption)


def test_one_inspector_is_told_how_consistent_the_own_grades_are(ws: Workspace) -> None:
    add_survey(ws)
    spec = ReviewSpec(order="given", limit=10, calibrators=0.4, repeats=0.2)
    create_review(ws, name="look", source_name="sky", spec=spec)
    grade_all(ws, "ada", "A")
    said = "\n".join(text.value for text in open_page("team", review="look").markdown)
    assert "Of 2 candidates shown twice **2 got the same grade** both times, 100 %" in said


def test_times_left_are_told_as_the_gallery_does() -> None:
    assert [time_left(hours) for hours in (0.0, 0.002, 0.5, 2.5, float("nan"))] == [
        "done",
        "7 s",
        "30 min",
        "2.5 h",
        "–",
    ]


def test_the_team_is_measured_and_its_disputes_become_a_review(ws: Workspace) -> None:
    assert any("No review yet" in text.value for text in open_page("team").markdown)
    add_survey(ws)
    spec = ReviewSpec(order="given", limit=10, calibrators=0.4, repeats=0.2, seed=2)
    create_review(ws, name="look", source_name="sky", spec=spec)
    assert any("Nobody has graded" in text.value for text in open_page("team", review="look").markdown)
    grade_all(ws, "ada", "AX")
    grade_all(ws, "bob", "AC")
    page = open_page("team", review="look")
    assert not page.exception
    assert page.dataframe[0].value["inspector"].tolist() == ["ada", "bob"]
    assert {"completeness", "self-agreement"} <= {*page.dataframe[0].value}
    listed = page.dataframe[1].value
    assert listed["image"].str.startswith("data:image").all(), (
        "each candidate of the consensus has its picture"
    )
    assert any("Krippendorff's α" in text.value for text in page.markdown)
    assert len(figures_of(page)) == 1  # of the rates: one κ needs no figure
    [said] = [text.value for text in page.markdown if "Cohen's κ = " in text.value]
    assert "ada, bob" in said
    assert "near misses lift α above κ" in said
    [said] = [text.value for text in page.markdown if text.value.startswith("**ada and bob ")]
    # α by hand: 1 − 250/(22 500/19) = 0.79, differences being 25 (C, X), 56.25 (A, C) and 156.25 (A, X)
    assert said.startswith("**ada and bob mostly agree**: the same grade on 5 of 10 candidates; they never")
    assert "look at the 5 graded differently" in said
    page.segmented_control(key="team-method").set_value("swap").run()
    assert {"probability", "grade", "state"} <= {*page.dataframe[1].value}
    assert not any("blind tests" in text.value for text in page.warning)
    page.button(key="team-close").click().run()
    assert any("Closed on" in text.value for text in page.caption)
    closed = open_page("inspect", review="look")
    assert any("look is closed" in text.value for text in closed.markdown)
    assert closed.button(key="inspect-new")
    page.button(key="review-disputed").click().run()
    assert not page.exception
    look = reviews.get_review(ws.database, "look")
    tests = {key for keys in blind_tests(ws, look).values() for key in keys}
    odd = reviews.queue_of(ws.database, look.id).tolist()[
        ::2
    ]  # X of Ada against C of Bob; even places agree on A
    disputed = reviews.get_review(ws.database, "look-disputed")
    assert disputed.size == len(set(odd) - tests)


def test_swap_without_blind_tests_warns_and_gives_no_verdicts(ws: Workspace) -> None:
    add_survey(ws)
    create_review(ws, name="look", source_name="sky", spec=ReviewSpec(order="given", limit=10))
    grade_all(ws, "ada", "AX")
    grade_all(ws, "bob", "AC", seconds=0.1)
    page = open_page("team", review="look")
    assert any("judges a picture in less than 0.5 s: bob" in text.value for text in page.caption)
    assert "mostly agree" in page.markdown[0].value
    assert "allows no labels: nobody judges a picture in less than 0.5 s (bob)." in page.markdown[0].value
    assert not page.warning
    assert "grade" in page.dataframe[1].value
    page.segmented_control(key="team-method").set_value("swap").run()
    assert any("the votes move nothing" in text.value for text in page.warning)
    assert not {"grade", "state"} & {*page.dataframe[1].value}
    assert any(text.value.startswith("n = 10 of 10 candidates. Prior") for text in page.caption)
    page.segmented_control(key="team-method").set_value("dawid_skene").run()
    assert any("how often each inspector errs" in text.value for text in page.warning)
    for address in ({}, {"view": "feed-back"}):
        catalogue = open_page("catalogue", source="sky", consensus="dawid_skene", **address)
        assert any("how often each inspector errs" in text.value for text in catalogue.warning), address


def test_each_kappa_of_a_larger_team_has_its_number_of_candidates(ws: Workspace) -> None:
    add_survey(ws)
    create_review(ws, name="look", source_name="sky", spec=ReviewSpec(order="given", limit=10))
    for inspector, letters in (("ada", "AX"), ("bob", "AC"), ("cyd", "XA")):
        grade_all(ws, inspector, letters)
    [kappas] = figures_of(open_page("team", review="look"))
    [points] = [trace for trace in kappas["data"] if trace["mode"] == "markers+text"]
    assert kappas["layout"]["yaxis"]["ticktext"] == ["ada,<br>bob", "ada,<br>cyd", "bob,<br>cyd"]
    assert "−1.00, n = 10" in points["text"]


def test_pairs_without_a_kappa_say_why(ws: Workspace) -> None:
    add_survey(ws)
    create_review(ws, name="look", source_name="sky", spec=ReviewSpec(order="given", limit=10))
    for inspector, letters in (("ada", "AX"), ("bob", "A"), ("cyd", "A")):
        grade_all(ws, inspector, letters, only=4 if inspector == "bob" else 10)
    page = open_page("team", review="look")
    [kappas] = figures_of(page)
    said = [note["text"] for note in kappas["layout"]["annotations"]]
    assert said == ["fewer than 5 candidates in common (n = 4)"] * 2
    for inspector in ("dan", "eva", "fay"):
        grade_all(ws, inspector, "AX")
    [kappas] = figures_of(page.run())
    said = [note["text"] for note in kappas["layout"]["annotations"]]
    assert len(said) == 15, "each pair once"
    assert said.count("–<br>n = 4") == 5
    assert any("–: fewer than 5 candidates in common" in text.value for text in page.caption)


def test_columns_in_which_nobody_has_a_value_are_left_out_and_it_is_said_why(ws: Workspace) -> None:
    add_survey(ws)
    create_review(ws, name="look", source_name="sky", spec=ReviewSpec(order="given", limit=10))
    grade_all(ws, "ada", "AX", seconds=None)
    page = open_page("team", review="look")
    assert {*page.dataframe[0].value} == {"inspector", "graded"}
    assert any("No times: these votes came without the seconds" in text.value for text in page.caption)
