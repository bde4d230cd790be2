"""What blind tests and votes tell of inspectors: rates, weights, disputes, and who may vote how."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import ThresholdCounts
from lensapp.core.evaluate.prevalence import SurveySpec, expectation_at
from lensapp.core.inspect.consensus_methods import ConsensusSpec, Training, share_of_lenses
from lensapp.core.inspect.grades import BINARY, own_scheme
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.catalogue.query import catalogue, settled_consensus
from lensapp.services.inspect.consensus import (
    consensus_report,
    disputed,
    review_disputed,
)
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.team import describe_team, team_of
from lensapp.services.inspect.votes import vote_once
from lensapp.services.survey_plans import survey_values_of_team
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Review, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.blind_reviews import BLIND, blind_tests, grade
from support.gallery_survey import add_source, blobs, ids_by_row
from support.pages_workspace import full_workspace


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def source(ws: Workspace) -> Source:
    return add_source(ws, "sky", blobs(60, size=24))


@pytest.fixture
def review(ws: Workspace, source: Source) -> Review:
    return create_review(ws, name="blind", source_name="sky", spec=BLIND)


def test_a_survey_is_planned_with_the_rates_and_the_pace_of_all_inspectors(
    ws: Workspace, review: Review
) -> None:
    with pytest.raises(InvalidInput, match="No review has timed votes or graded blind tests yet"):
        survey_values_of_team(ws)
    tests = blind_tests(ws, review)
    for name, letters, dud_letters, seconds in (("ada", "AABX", "XXXA", 2.0), ("bob", "AAAA", "XXXX", 4.0)):
        lenses = dict(zip(tests["lens"], letters, strict=True))
        duds = dict(zip(tests["dud"], dud_letters, strict=True))
        grade(ws, review, name, lenses | duds, seconds=seconds)
    values, rates = survey_values_of_team(ws)
    # Seven of eight lenses and one of eight duds; the middle of 2 and 4 seconds.
    assert values == {
        "seconds_per_candidate": 3.0,
        "inspector_completeness": 7 / 8,
        "inspector_false_positive_rate": 1 / 8,
    }
    assert (rates.inspectors, rates.completeness.cases) == (2, 8)
    survey = SurveySpec.parse(values)
    counts = ThresholdCounts(np.array([0.9, 0.0]), np.array([80, 100]), np.array([10, 1000]))
    expected = expectation_at(counts, survey, 0.9)
    assert expected is not None
    # 1000 lenses × 0.8 × 7/8, and 999 000 others × 0.01 × 1/8.
    assert (expected.graded_lenses, expected.graded_false) == pytest.approx((700, 1248.75))


def test_inspectors_are_measured_with_intervals(ws: Workspace, review: Review) -> None:
    tests = blind_tests(ws, review)
    known = {test.cutout_id: test for test in reviews.blind_tests_of(ws.database, [review.id])}
    originals = {known[key].pixels_of or 0: "C" for key in tests["repeat"]}
    repeats = dict(zip(tests["repeat"], "CCCB", strict=True))
    lenses = dict(zip(tests["lens"], "AABX", strict=True))
    duds = dict(zip(tests["dud"], "XXXA", strict=True))
    grade(ws, review, "ada", lenses | duds | originals | repeats, seconds=500)
    [ada] = team_of(ws, review_name="blind").inspectors
    assert (ada.completeness.hits, ada.completeness.cases) == (3, 4)
    assert (ada.false_positives.hits, ada.false_positives.cases) == (1, 4)
    assert (ada.self_agreement.hits, ada.self_agreement.cases) == (3, 4)
    assert ada.completeness.low < 0.75 < ada.completeness.high
    assert (ada.graded, ada.total, ada.seconds_each) == (16, 32, 60)
    assert ada.hours_left == pytest.approx(16 / 60)
    grade(ws, review, "bob", dict.fromkeys(originals, "C"))
    described = describe_team(team_of(ws, review_name="blind"))
    assert described["inspectors"][1]["completeness"]["value"] is None
    assert described["cohen_kappa"][0]["candidates"] == 4
    assert json.dumps(described)


def test_swap_weighs_inspectors_by_their_tests(ws: Workspace, source: Source, review: Review) -> None:
    tests, first = blind_tests(ws, review), ids_by_row(ws, source)[0]
    grade(
        ws, review, "ada", dict.fromkeys(tests["lens"], "A") | dict.fromkeys(tests["dud"], "X") | {first: "A"}
    )
    wrong = dict.fromkeys(tests["lens"], "X") | dict.fromkeys(tests["dud"], "A")
    grade(ws, review, "eve", wrong | {first: "X"})
    spec = ConsensusSpec(method="swap", prior=0.1)
    [row] = consensus_report(ws, review_names=["blind"], spec=spec)["results"]
    # Both: five of six right, or wrong; odds 1:9, times 5 for each of the two votes.
    assert row["probability"] == pytest.approx(25 / 34)
    assert (row["grade"], row["state"], row["mean"]) == ("B", "open", 1.5)
    loose = spec.replaced(detect_above=0.7)
    [row] = consensus_report(ws, review_names=["blind"], spec=loose)["results"]
    assert (row["grade"], row["state"]) == ("A", "detected")
    table = catalogue(ws, CatalogueQuery(of=("sky",), consensus=spec))
    assert table.set_index("cutout_id")["probability"][first] == pytest.approx(25 / 34)
    by_ds = consensus_report(ws, review_names=["blind"], spec=spec.replaced(method="dawid_skene"))
    assert by_ds["results"][0]["probability"] > 0.99


def test_the_share_of_lenses_is_that_of_the_votes_corrected_for_the_errors_on_blind_tests() -> None:
    def cast(cutout_id: int, grade: str) -> SimpleNamespace:
        return SimpleNamespace(
            client="tab", seq=cutout_id, cutout_id=cutout_id, inspector="ada", grade=grade, value=None,
            voted_at=1.7e9, received_at=1.7e9,
        )  # fmt: skip

    tests = [cast(1000 + k, "A" if k < 16 else "X") for k in range(20)]  # 80 % of lenses are recognised
    tests += [cast(2000 + k, "B" if k < 2 else "X") for k in range(20)]  # and 10 % of duds taken for one
    training = Training(tests, {vote.cutout_id: vote.cutout_id < 2000 for vote in tests})
    votes = [cast(k, "A" if k < 24 else "X") for k in range(100)]
    assert share_of_lenses(votes, training) == pytest.approx((0.24 - 0.1) / (0.8 - 0.1))
    few = Training(tests[7:20] + tests[31:], training.is_lens)
    assert share_of_lenses(votes, few) is None
    blind = Training([cast(vote.cutout_id, "A") for vote in tests], training.is_lens)
    assert share_of_lenses(votes, blind) is None


def test_the_prior_of_swap_follows_the_scores_without_blind_tests_and_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ws = full_workspace(tmp_path / "full")
    run, sky = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "sky")
    ids, scores = stored_scores.scores_of(ws, run.id, sky.id)
    lowest = np.argsort(scores)[:10]
    highest = np.argsort(-scores)[:2]
    for name, run_id, rows in (
        ("scored", run.id, lowest),
        ("unscored", None, lowest),
        ("best", run.id, highest),
    ):
        made = reviews.create_review(
            ws.database, name=name, source_id=sky.id, run_id=run_id, spec={}, queue=ids[rows]
        )
        grade(ws, made, "ada", {int(ids[rows[0]]): "A"})

    def told(name: str, *options: str) -> tuple[float, str]:
        command = ["--workspace", str(ws.folder), "consensus", name, "--method", "swap", "--json"]
        assert main([*command, *options]) == 0
        report = json.loads(capsys.readouterr().out)
        return report["prior"], report["prior_from"]

    assert told("scored") == (pytest.approx(scores[lowest].mean()), "the mean score of 10 candidates shown")
    mean = scores[highest].mean()
    assert mean > 0.45
    assert told("best") == (
        0.45,
        f"the most it may be, below grade B, as the mean score of 2 candidates shown is {mean:.3g}",
    )
    assert told("unscored") == (2e-4, "of a whole survey")
    assert told("scored", "--prior", "2e-4") == (2e-4, "chosen")
    query = CatalogueQuery(of=("scored",), consensus=ConsensusSpec(method="swap"))
    assert settled_consensus(ws, query).prior == pytest.approx(scores[lowest].mean())


def test_disputed_candidates_become_a_review_of_their_own(
    ws: Workspace, source: Source, review: Review, capsys: pytest.CaptureFixture
) -> None:
    a, b, c = ids_by_row(ws, source)[:3]
    with pytest.raises(InvalidInput, match="No candidate of blind has votes that differ"):
        review_disputed(ws, review_name="blind")
    grade(ws, review, "ada", {a: "A", b: "A", c: "B"})
    grade(ws, review, "bob", {a: "A", b: "X", c: "C"})
    assert disputed(ws, review_names=["blind"]) == [b, c]
    assert main(["--workspace", str(ws.folder), "disputed", "blind", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 2
    assert main(["--workspace", str(ws.folder), "consensus", "blind", "--method", "swap", "--json"]) == 0
    by_swap = json.loads(capsys.readouterr().out)
    assert by_swap["states"] == {"open": 3}
    assert "the votes move nothing" in by_swap["warning"]
    assert main(["--workspace", str(ws.folder), "inspectors", "blind", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inspectors"][0]["name"] == "ada"


def test_only_invited_inspectors_may_vote(ws: Workspace, source: Source) -> None:
    spec = ReviewSpec(order="given", inspectors=("Ada L.",))
    create_review(ws, name="closed", source_name="sky", spec=spec)
    vote = {"source_or_review_name": "closed", "candidate_id": "sky-0001", "grade": "a"}
    assert vote_once(ws, **vote, inspector="Ada  L.").grade == "A"
    with pytest.raises(InvalidInput, match=r"'eve' is not one of the inspectors Ada L\."):
        vote_once(ws, **vote, inspector="eve")


def test_grades_of_other_schemes_are_worth_their_value(ws: Workspace, source: Source) -> None:
    spec = ReviewSpec(order="given", grades="own", own_grades=("no=0", "maybe=1.5", "sure=3"))
    made = create_review(ws, name="own", source_name="sky", spec=spec)
    vote = vote_once(ws, source_or_review_name="own", candidate_id="sky-0001", grade="Maybe", inspector="ada")
    assert (vote.grade, vote.value) == ("maybe", 1.5)
    with pytest.raises(InvalidInput, match="no grade 'A' here: choose one of sure, maybe, no"):
        vote_once(ws, source_or_review_name="own", candidate_id="sky-0001", grade="A", inspector="bob")
    with pytest.raises(InvalidInput, match=r"ops\.0\.grade: 'A' is none of sure, maybe, no"):
        grade(ws, made, "bob", {ids_by_row(ws, source)[0]: "A"})
    table = catalogue(ws, CatalogueQuery(of=("sky",))).set_index("id")
    assert (table["mean"]["sky-0001"], table["grade"]["sky-0001"]) == (1.5, "B")
    assert BINARY.letters == ("Lens", "Not")
    refused = {("a=1",): "1 own grades", ("a=1", "A=2"): "the same name", ("a=1", "b=4"): "'b=4' is no grade"}
    for entries, message in (refused | {("a=1", "b"): "'b' is no grade"}).items():
        with pytest.raises(InvalidInput, match=message):
            own_scheme(entries)
    keys = [one.key for one in ReviewSpec(grades="binary", contaminants=("star", "nova")).classes]
    assert keys == ["t", "o"]
