"""Candidates shared out among inspectors: balanced, the same each time, and nobody's votes are lost."""

import json
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensapp.cli import main
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.shares import balanced_blocks, deal, hand_over, let_join
from lensapp.services.inspect.consensus import consensus_report
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.shares import Share, Task, next_task, reassign, shares_in
from lensapp.services.inspect.team import team_of
from lensapp.services.inspect.vote_import import import_votes
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from support.blind_reviews import grade
from support.gallery_survey import add_source, blobs
from support.pages_workspace import open_page

TEAM = ("Ada", "Ben", "Cho")


def listed(shares):
    return {name: keys.tolist() for name, keys in shares.items()}


def test_every_two_of_three_inspectors_meet_on_a_third_of_the_candidates():
    # By hand: groups 01, 02, 12 and again, so that each is left out every third time.
    assert balanced_blocks(3, 2).tolist() == [[0, 1], [2, 0], [1, 2], [0, 1], [2, 0], [1, 2]]
    assert listed(deal(np.arange(6), TEAM, overlap=2)) == {
        "Ada": [0, 1, 3, 4],
        "Ben": [0, 2, 3, 5],
        "Cho": [1, 2, 4, 5],
    }


def test_the_common_set_lies_at_equal_distances_and_the_rest_is_shared():
    # A fifth of ten: the middles of two halves, 2 and 7. Of 0 1 3 4 5 6 8 9 each third one is one's own.
    assert listed(deal(np.arange(10), TEAM, overlap=1, common=0.2)) == {
        "Ada": [0, 2, 4, 7, 8],
        "Ben": [1, 2, 5, 7, 9],
        "Cho": [2, 3, 6, 7],
    }


@given(st.integers(2, 7), st.data(), st.integers(0, 80), st.floats(0, 1))
def test_shares_differ_by_one_at_most_and_each_candidate_has_its_inspectors(people, data, count, common):
    overlap = data.draw(st.integers(1, people))
    names = [str(number) for number in range(people)]
    shares = listed(deal(np.arange(count), names, overlap=overlap, common=common))
    sizes = [len(keys) for keys in shares.values()]
    assert max(sizes) - min(sizes) <= 1
    votes = Counter(key for keys in shares.values() for key in keys)
    everybody = round(common * count)
    assert Counter(votes.values()) == Counter([people] * everybody + [overlap] * (count - everybody))


def test_all_pairs_of_five_meet_equally_often():
    meetings = Counter(
        pair for block in balanced_blocks(5, 2).tolist() for pair in combinations(sorted(block), 2)
    )
    assert set(meetings.values()) == {2}
    assert len(meetings) == 10


def test_what_somebody_left_goes_to_those_with_least_to_do_and_grades_stay():
    shares = {"Ada": np.array([0, 1, 2, 3]), "Ben": np.array([0, 4, 5]), "Cho": np.array([2, 6])}
    graded = {"Ada": {1}, "Ben": {0, 4}}
    # Ada's 0, 2, 3: Cho (2 left) takes 0, since Ben has it; 2 goes to Ben (1 left), 3 to Ben (2 against 3).
    assert listed(hand_over(shares, "Ada", ["Ben", "Cho"], graded)) == {
        "Ada": [1],
        "Ben": [0, 4, 5, 2, 3],
        "Cho": [2, 6, 0],
    }


def test_somebody_new_gets_a_third_of_what_two_have_left_and_what_all_have():
    shares = {"Ada": np.array([0, 1, 2, 3, 9]), "Ben": np.array([4, 5, 6, 7, 9])}
    graded = {"Ada": {0, 1}}
    # Left but for the common 9: Ada 2, 3, Ben 4 to 7. A third of 6 is 2: Ben, who has most, gives 7 and 6.
    assert listed(let_join(shares, "Cho", graded)) == {
        "Ada": [0, 1, 2, 3, 9],
        "Ben": [4, 5, 9],
        "Cho": [6, 7, 9],
    }


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    made = Workspace.open(tmp_path_factory.mktemp("shares") / "ws")
    add_source(made, "sky", blobs(30))
    return made


def review_of(ws, name, **values):
    spec = ReviewSpec(order="given", limit=12, inspectors=TEAM, overlap=2, common=0, **values)
    return create_review(ws, name=name, source_name="sky", spec=spec)


def test_tests_are_for_everybody_and_repetitions_for_those_who_have_the_first(ws):
    made = review_of(ws, "tested", calibrators=0.25, dud_share=1.0, repeats=0.25)
    tests = {test.cutout_id: test for test in reviews.blind_tests_of(ws.database, [made.id])}
    queue = reviews.queue_of(ws.database, made.id).tolist()
    shares = reviews.shares_of(ws.database, made.id)
    assert [*shares] == [*TEAM]
    for keys in shares.values():
        own = keys.tolist()
        assert own == [key for key in queue if key in set(own)]
        assert len([key for key in own if key not in tests]) == 8
        for key, test in tests.items():
            assert (key in own) == (test.kind == "dud" or test.pixels_of in own)


def test_votes_outside_a_share_count_and_a_leaver_s_rest_is_reassigned(ws):
    made = review_of(ws, "round")
    queue = reviews.queue_of(ws.database, made.id).tolist()
    mine = {name: keys.tolist() for name, keys in reviews.shares_of(ws.database, made.id).items()}
    grade(ws, made, "Ada", dict.fromkeys(mine["Ada"][:3], "A"))
    outside = next(key for key in queue if key not in mine["Ben"])
    grade(ws, made, "Ben", {outside: "B", mine["Ben"][0]: "A"})
    assert shares_in(ws, made) == [Share("Ada", 8, 3), Share("Ben", 8, 1), Share("Cho", 8, 0)]
    report = consensus_report(ws, review_names=["round"])
    assert sum(row["votes"] for row in report["results"]) == 5
    # Ben has graded one of his eight, and one beside it.
    assert [(one.graded, one.total) for one in team_of(ws, review_name="round").inspectors] == [
        (3, 8),
        (2, 9),
    ]
    moved = reassign(ws, "round", leaver="ada", to=["Dora"])
    assert moved == [Share("Ada", 3, 3), Share("Ben", 8, 1), Share("Cho", 8, 0), Share("Dora", 5, 0)]
    dora = reviews.share_of(ws.database, made.id, "dora")
    assert dora is not None
    assert dora.tolist() == mine["Ada"][3:]
    grade(ws, made, "Dora", {int(dora[0]): "C"})  # who was not named may grade now
    table = ws.folder / "votes.csv"
    table.write_text("id,inspector,grade\nsky-0001,Dora,A\nsky-0001,Eve,A\n")
    taken = import_votes(ws, name="round", path=table)
    assert (taken["added"], len(taken["refused"])) == (1, 1)
    with pytest.raises(InvalidInput, match="'Eve' is not one of the inspectors"):
        grade(ws, made, "Eve", {queue[0]: "C"})
    with pytest.raises(InvalidInput, match="'Eve' has no share of round"):
        reassign(ws, "round", leaver="Eve")
    # Ben has 7 left, Cho 8, Dora 4, Ada, who may come back, none: a fifth of 19.
    assert reassign(ws, "round", to=["Fay"])[-1] == Share("Fay", 3, 0)


def test_the_next_task_is_the_review_that_waits_longest_and_names_one(ws):
    add_source(ws, "sea", blobs(4))
    create_review(ws, name="for-all", source_name="sea", spec=ReviewSpec(order="given"))
    made = review_of(ws, "later")
    first = next_task(ws, inspector="Cho", after="tested")
    assert first is not None
    assert first.review == "round"
    for name in ("tested", "round"):
        reviews.close_review(ws.database, name)
    assert next_task(ws, inspector="cho") == Task("later", 8)
    grade(ws, made, "Cho", dict.fromkeys(reviews.shares_of(ws.database, made.id)["Cho"].tolist(), "X"))
    assert next_task(ws, inspector="Cho") == Task("for-all", 4)
    assert next_task(ws, inspector="Cho", after="for-all") is None
    assert next_task(ws, inspector="Eve") == Task("for-all", 4)


def test_too_few_inspectors_and_a_review_that_is_not_shared_are_refused(ws):
    with pytest.raises(InvalidInput, match="4 inspectors per candidate, but 2 are named"):
        ReviewSpec.parse({"overlap": 4, "inspectors": ["Ada", "ada ", "Ben"]})
    add_source(ws, "lake", blobs(4))
    made = create_review(ws, name="whole", source_name="lake", spec=ReviewSpec(order="given"))
    assert shares_in(ws, made) == []
    assert open_review(ws, made.id).queue.size == 4
    with pytest.raises(InvalidInput, match="all inspectors grade all candidates"):
        reassign(ws, "whole", leaver="Ada")


def test_the_team_page_shows_shares_and_gives_a_leaver_s_rest_away(ws, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    review_of(ws, "paged")
    page = open_page("team", review="paged")
    assert not page.exception
    [table] = [one.value for one in page.dataframe if "share" in one.value]
    assert table["share"].tolist() == [8, 8, 8]
    page.selectbox(key="reassign-from").set_value("Cho").run()
    page.button(key="reassign-do").click().run()
    assert not page.exception
    [table] = [one.value for one in page.dataframe if "share" in one.value]
    assert dict(zip(table["inspector"], table["share"], strict=True)) == {"Ada": 12, "Ben": 12, "Cho": 0}


def test_a_review_is_shared_out_and_reassigned_from_the_command_line(ws, capsys):
    workspace = ["--workspace", str(ws.folder)]
    made = ["review", "cli", "sky", "--limit", "12", "--inspectors", "Ada,Ben,Cho", "--overlap", "2"]
    assert main([*workspace, *made, "--common", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spec"]["overlap"] == 2
    assert main([*workspace, "reassign", "cli", "--from", "Ben", "--to", "Cho", "--json"]) == 0
    # Cho has 8 of the 12, Ben's 8 overlap with Cho's in 4: the other four are new to Cho.
    expected = [("Ada", 8), ("Ben", 0), ("Cho", 12)]
    stand = json.loads(capsys.readouterr().out)["shares"]
    assert [(one["inspector"], one["candidates"]) for one in stand] == expected
    assert main([*workspace, "inspectors", "cli", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shares"] == stand
