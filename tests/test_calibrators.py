"""Blind tests in reviews: mixed in, not to be told apart, counted for inspectors, and never candidates."""

import json
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from gallery_survey import add_scores, add_source, blobs, ids_by_row
from starlette.applications import Starlette

from lensapp.cli import main
from lensapp.core.consensus_methods import ConsensusSpec
from lensapp.core.dataset_spec import FeedbackRules
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.grade_schemes import BINARY, own_scheme
from lensapp.core.review_spec import ReviewSpec
from lensapp.services import tokens
from lensapp.services.cast_votes import vote_table
from lensapp.services.catalogue import catalogue
from lensapp.services.consensus import (
    candidates_of,
    consensus_report,
    disputed,
    open_candidates,
    review_disputed,
)
from lensapp.services.export import export
from lensapp.services.feedback import freeze_votes
from lensapp.services.gallery import open_review
from lensapp.services.inspectors import describe_team, team_of
from lensapp.services.retirement import count_retired, retired_in
from lensapp.services.review import VotePost, create_review, record_votes, review_progress, vote_once
from lensapp.services.vote_import import import_votes
from lensapp.simulation.injection import inject_arcs, measure_sky
from lensapp.storage import reviews, sources
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui import routes

with warnings.catch_warnings():
    # It would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

BLIND = ReviewSpec(order="given", limit=20, calibrators=0.4, dud_share=0.5, repeats=0.2, seed=3)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def source(ws: Workspace) -> Source:
    return add_source(ws, "sky", blobs(60, size=24))


@pytest.fixture
def review(ws: Workspace, source: Source) -> Review:
    return create_review(ws, name="blind", source_name="sky", spec=BLIND)


def blind_tests(ws: Workspace, review: Review) -> dict[str, list[int]]:
    kinds: dict[str, list[int]] = {"lens": [], "dud": [], "repeat": []}
    for test in reviews.calibrators_of(ws.database, [review.id]):
        kinds[test.kind].append(test.cutout_id)
    return kinds


def grade(
    ws: Workspace, review: Review, inspector: str, grades: dict[int, str], seconds: float = 2.0
) -> None:
    """Grade cutouts as a browser would: by the ids that the queue gives."""
    shown = open_review(ws, review.id).shown_ids(list(grades))
    ops = [
        {"seq": place, "id": key, "grade": letter, "voted_at": 1e9 + place, "seconds_spent": seconds}
        for place, (key, letter) in enumerate(zip(shown, grades.values(), strict=True), 1)
    ]
    post = VotePost.parse({"client": f"tab-{inspector}-000", "ops": ops})
    record_votes(ws, review=review, inspector=inspector, post=post)


def test_tests_are_mixed_in_at_the_rates_asked_for(ws: Workspace, source: Source, review: Review) -> None:
    kinds = {kind: len(found) for kind, found in blind_tests(ws, review).items()}
    assert kinds == {"lens": 4, "dud": 4, "repeat": 4}
    assert review.size == 32
    queue = reviews.queue_of(ws.database, review.id).tolist()
    assert len(set(queue)) == 32
    assert [key for key in queue if key in ids_by_row(ws, source)] == ids_by_row(ws, source)[:20]
    assert candidates_of(ws, [review]).tolist() == ids_by_row(ws, source)[:20]
    again = create_review(ws, name="again", source_name="sky", spec=BLIND)
    hosts = [
        [(test.kind, test.pixels_of) for test in reviews.calibrators_of(ws.database, [one.id])]
        for one in (review, again)
    ]
    assert hosts[0] == hosts[1]


def test_a_repetition_comes_after_its_original(ws: Workspace, review: Review) -> None:
    place = {key: number for number, key in enumerate(reviews.queue_of(ws.database, review.id).tolist())}
    for test in reviews.calibrators_of(ws.database, [review.id]):
        if test.kind == "repeat":
            assert test.pixels_of is not None
            assert place[test.cutout_id] > place[test.pixels_of]


def test_browsers_cannot_tell_tests_from_candidates(ws: Workspace, source: Source) -> None:
    add_scores(ws, source, {row: 1 - row / 60 for row in range(60)})
    spec = BLIND.replaced(order="score")
    made = create_review(ws, name="scored", source_name="sky", run_name="run-1", spec=spec)
    opened = open_review(ws, made.id)
    assert opened.queue.tolist() == list(range(1, 33))
    facts = opened.facts(opened.queue.tolist(), with_scores=True)
    assert {frozenset(row) for row in facts} == {frozenset(("id", "name", "ra", "dec", "score"))}
    assert all(row["name"].startswith("sky-") and row["ra"] is not None for row in facts)
    assert len({row["name"] for row in facts}) == len(facts)
    scores = np.array([row["score"] for row in facts])
    assert (np.diff(scores) <= 0).all()
    assert np.isfinite(opened.pixels([1, 2, 3])).all()
    with pytest.raises(InvalidInput, match=r"candidates of review scored, received \[33\]"):
        opened.pixels([33])


def test_pixels_of_repeats_and_duds_are_their_hosts_and_lenses_have_arcs(
    ws: Workspace, review: Review
) -> None:
    opened, every = open_review(ws, review.id), blobs(60, size=24)
    rows = {
        key: row for row, key in enumerate(sources.cutout_columns(ws.database, [1], columns=("id",))["id"])
    }
    labels = sources.cutout_columns(ws.database, [1], columns=("label",))["label"]
    for key, test in opened.calibrators.items():
        [image] = opened.pixels(opened.shown_ids([key]))
        host = rows[test.pixels_of or test.truth["host"]]
        extra = image - every[host]
        assert (np.abs(extra).max() == 0) == (test.kind != "lens")
        if test.kind == "lens":
            assert extra.sum() > 0
            assert test.truth["einstein_radius_arcsec"] > 0
        if test.kind != "repeat":
            assert labels[host] == "nonlens"
            assert test.truth["lens"] == (test.kind == "lens")


def test_hidden_sources_are_in_no_listing(
    ws: Workspace, review: Review, capsys: pytest.CaptureFixture
) -> None:
    assert [one.name for one in sources.list_sources(ws.database)] == ["sky"]
    [test] = sources.get_cutouts(ws.database, blind_tests(ws, review)["lens"][:1])
    hidden = sources.source_by_id(ws.database, test.source_id)
    with pytest.raises(NotFound, match=r"Known: sky\.$"):
        sources.get_source(ws.database, hidden.name)
    assert sources.find_cutouts(ws.database, test.candidate_id) == []
    assert main(["--workspace", str(ws.folder), "split", hidden.name, "--json"]) == 2
    assert "Known: sky." in capsys.readouterr().err


def test_votes_on_tests_never_reach_candidates(ws: Workspace, source: Source, review: Review) -> None:
    queue = reviews.queue_of(ws.database, review.id).tolist()
    grade(ws, review, "ada", {key: "A" if number % 2 else "X" for number, key in enumerate(queue)})
    assert len(reviews.votes_of(ws.database, with_calibrators=True)) == 32
    assert len(reviews.votes_of(ws.database)) == 20
    assert len(vote_table(ws, source_name="sky")) == 20
    assert catalogue(ws, source_name="sky")["votes"].sum() == 20
    made = freeze_votes(ws, review_names=["blind"], rules=FeedbackRules())
    assert sum(sum(part.values()) for part in made.counts.values()) <= 20
    assert made.source_ids == (source.id,)
    assert review_progress(ws, review=review, inspector="ada").graded == 32


def test_votes_on_tests_are_exported_once_their_review_is_closed(
    ws: Workspace, source: Source, review: Review, tmp_path: Path
) -> None:
    queue, path = reviews.queue_of(ws.database, review.id).tolist(), tmp_path / "o.csv"
    grade(ws, review, "ada", dict.fromkeys(queue, "C"))
    assert export(ws, name="sky", out=path)["votes"] == 20
    assert set(vote_table(ws, source_name="sky")["kind"]) == {"candidate"}
    assert main(["--workspace", str(ws.folder), "close", "blind"]) == 0
    closed = reviews.get_review(ws.database, "blind").closed_at
    assert reviews.close_review(ws.database, "blind").closed_at == closed
    report = export(ws, name="blind", out=path)
    assert (report["rows"], report["votes"]) == (20, 32)
    votes = vote_table(ws, source_name="sky", review_names=["blind"])
    assert votes["kind"].value_counts().to_dict() == {"candidate": 20, "lens": 4, "dud": 4, "repeat": 4}
    tests = votes[votes["kind"] != "candidate"]
    assert not tests["counts"].any()
    assert (tests["source"] == "sky").all()
    names = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id",))["candidate_id"]
    assert set(tests["picture_of"]) <= set(names)
    assert not set(tests["id"]) & set(names)
    assert not set(tests["id"]) & set(catalogue(ws, source_name="sky")["id"])
    other = Workspace.open(tmp_path / "other")
    add_source(other, "sky", blobs(60, size=24))
    taken = import_votes(other, name="sky", path=tmp_path / "o_votes.csv")
    assert (taken["added"], len(taken["refused"])) == (20, 12)
    assert "a blind test of the review blind, which is not here" in taken["refused"][0]["reason"]
    assert import_votes(ws, name="blind", path=tmp_path / "o_votes.csv")["already_there"] == 32


def test_inspectors_are_measured_with_intervals(ws: Workspace, review: Review) -> None:
    tests = blind_tests(ws, review)
    known = {test.cutout_id: test for test in reviews.calibrators_of(ws.database, [review.id])}
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
    assert len(open_candidates(ws, review_name="blind", spec=spec)) == 20
    loose = spec.replaced(detect_above=0.7)
    assert first not in open_candidates(ws, review_name="blind", spec=loose)
    table = catalogue(ws, source_name="sky", method=spec)
    assert table.set_index("cutout_id")["probability"][first] == pytest.approx(25 / 34)
    by_ds = consensus_report(ws, review_names=["blind"], spec=spec.replaced(method="dawid_skene"))
    assert by_ds["results"][0]["probability"] > 0.99


def test_a_running_review_retires_what_its_votes_have_settled(
    ws: Workspace, source: Source, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = {"retire_prior": 0.2, "retire_above": 0.85, "retire_below": 0.05}
    made = create_review(ws, name="run", source_name="sky", spec=BLIND.replaced(retire=True, **loose))
    tests, [first, second, third, *_] = blind_tests(ws, made), ids_by_row(ws, source)
    right = dict.fromkeys(tests["lens"], "A") | dict.fromkeys(tests["dud"], "X")
    assert count_retired(ws, made) == 0
    grade(ws, made, "ada", right | {first: "X", second: "A", third: "X"})
    assert count_retired(ws, made) == 2  # 1:4 times 1/5 rejects, 5:4 does not detect
    grade(ws, made, "bob", right | {second: "A"})
    assert count_retired(ws, made) == 3
    retired = retired_in(ws, made).tolist()
    assert retired == sorted([first, second, third, *tests["lens"], *tests["dud"]])
    team = team_of(ws, review_name="run")
    assert team.retired == 3
    assert [one.hours_left for one in team.inspectors] == pytest.approx([2 * 21 / 3600] * 2)
    assert main(["--workspace", str(ws.folder), "reviews", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["retired"] == 3
    monkeypatch.setattr(routes, "get_workspace", lambda: ws)
    client = TestClient(Starlette(routes=routes.ROUTES))
    client.headers["x-token"] = tokens.issue_token(ws, review=made, inspector="ada")
    told = np.frombuffer(client.get(f"{routes.API}/retired").content, "<i8").tolist()
    assert told == open_review(ws, made.id).shown_ids(retired)
    grade(ws, made, "eve", {first: "A"})
    assert len(reviews.votes_of(ws.database, review_id=made.id, inspector="eve")) == 1


def test_disputed_candidates_become_a_review_of_their_own(
    ws: Workspace, source: Source, review: Review, capsys: pytest.CaptureFixture
) -> None:
    a, b, c = ids_by_row(ws, source)[:3]
    with pytest.raises(InvalidInput, match="votes that differ, received none"):
        review_disputed(ws, review_name="blind")
    grade(ws, review, "ada", {a: "A", b: "A", c: "B"})
    grade(ws, review, "bob", {a: "A", b: "X", c: "C"})
    assert disputed(ws, review_names=["blind"]) == [b, c]
    assert main(["--workspace", str(ws.folder), "disputed", "blind", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 2
    assert main(["--workspace", str(ws.folder), "consensus", "blind", "--method", "swap", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["states"] == {"open": 3}
    assert main(["--workspace", str(ws.folder), "inspectors", "blind", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inspectors"][0]["name"] == "ada"


def test_the_routes_give_feedback_only_where_the_review_says_so(
    ws: Workspace, source: Source, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "get_workspace", lambda: ws)
    told = create_review(ws, name="told", source_name="sky", spec=BLIND.replaced(feedback=True))
    for one, expected in ((review, None), (told, [{"kind": "dud", "right": False}])):
        opened, dud = open_review(ws, one.id), blind_tests(ws, one)["dud"][0]
        client = TestClient(Starlette(routes=routes.ROUTES))
        client.headers["x-token"] = tokens.issue_token(ws, review=one, inspector="ada")
        [shown] = opened.shown_ids([dud])
        op = {"seq": 1, "id": shown, "grade": "A", "voted_at": time.time()}
        answer = client.post(
            f"{routes.API}/labels", json={"client": f"tab-{one.name}-00", "ops": [op]}
        ).json()
        feedback = answer.get("feedback")
        assert feedback == (expected and [{"id": shown} | entry for entry in expected])
        assert list(client.get(f"{routes.API}/labels").json()) == [str(shown)]


def test_only_invited_inspectors_may_vote(ws: Workspace, source: Source) -> None:
    spec = ReviewSpec(order="given", inspectors=("Ada L.",))
    create_review(ws, name="closed", source_name="sky", spec=spec)
    vote = {"source_or_review_name": "closed", "candidate_id": "sky-0001", "grade": "a"}
    assert vote_once(ws, **vote, inspector="Ada  L.").grade == "A"
    with pytest.raises(InvalidInput, match=r"one of the inspectors Ada L\., received 'eve'"):
        vote_once(ws, **vote, inspector="eve")


def test_grades_of_other_schemes_are_worth_their_value(ws: Workspace, source: Source) -> None:
    spec = ReviewSpec(order="given", grades="own", own_grades=("no=0", "maybe=1.5", "sure=3"))
    made = create_review(ws, name="own", source_name="sky", spec=spec)
    vote = vote_once(ws, source_or_review_name="own", candidate_id="sky-0001", grade="Maybe", inspector="ada")
    assert (vote.grade, vote.value) == ("maybe", 1.5)
    with pytest.raises(InvalidInput, match="one of the grades sure, maybe, no, received 'A'"):
        vote_once(ws, source_or_review_name="own", candidate_id="sky-0001", grade="A", inspector="bob")
    with pytest.raises(InvalidInput, match=r"ops\.0\.grade: expected one of sure, maybe, no"):
        grade(ws, made, "bob", {ids_by_row(ws, source)[0]: "A"})
    table = catalogue(ws, source_name="sky").set_index("id")
    assert (table["mean"]["sky-0001"], table["grade"]["sky-0001"]) == (1.5, "B")
    assert BINARY.letters == ("Lens", "Not")
    for entries in (("a=1",), ("a=1", "A=2"), ("a=1", "b=4"), ("a=1", "b")):
        with pytest.raises(InvalidInput, match="Expected"):
            own_scheme(entries)
    keys = [one.key for one in ReviewSpec(grades="binary", contaminants=("star", "nova")).classes]
    assert keys == ["t", "o"]


def test_several_sources_are_reviewed_as_one(ws: Workspace, source: Source) -> None:
    add_source(ws, "sea", blobs(4, size=24, seed=9))
    spec = ReviewSpec(order="given", limit=None, also_sources=("sea",), repeats=0.2, blind_to_others=False)
    made = create_review(ws, name="both", source_name="sky", spec=spec)
    assert made.size == 64 + 13
    opened = open_review(ws, made.id)
    last = candidates_of(ws, [made])[-1]
    [image] = opened.pixels(opened.shown_ids([last]))
    assert (image == blobs(4, size=24, seed=9)[3]).all()
    grade(ws, made, "ada", {int(last): "A"})
    assert catalogue(ws, source_name="sea")["votes"].sum() == 1
    [fact] = opened.facts(opened.shown_ids([last]))
    assert fact["others"] == {"A": 1}
    [fact] = opened.facts(opened.shown_ids([last]), inspector="ada")
    assert fact["others"] == {}


def test_a_survey_without_negatives_gives_no_tests(ws: Workspace, source: Source) -> None:
    spec = BLIND.replaced(limit=None)
    made = create_review(ws, name="fine", source_name="sky", spec=spec)
    assert made.size == 60 + 24 + 12
    only = ws.database
    with only.write() as connection:
        connection.exec_driver_sql("UPDATE cutouts SET label = 'lens'")
    with pytest.raises(InvalidInput, match="cutouts that are no lenses"):
        create_review(ws, name="none", source_name="sky", spec=spec)


def test_arcs_are_seen_through_the_psf_of_their_survey() -> None:
    rng = np.random.default_rng(5)
    hosts = blobs(40, size=32, scale=0.3)
    hosts[0, :3, :3] = np.nan
    sky = measure_sky(hosts, pixel_scale_arcsec=0.25)
    assert sky.sigma == pytest.approx(np.full(3, 0.3), rel=0.1)
    # The blobs' full width at half maximum is 4.7 pixels.
    assert sky.psf_fwhm_arcsec == pytest.approx(np.full(3, 4.7 * 0.25), rel=0.15)
    painted, truth = inject_arcs(rng, hosts, bands=("g", "r", "i"), sky=sky, pixel_scale_arcsec=0.25)
    assert np.isnan(painted[0, :3, :3]).all()
    extra = (painted - hosts)[1:]
    assert (extra.sum((1, 2, 3)) > 0).all()
    # A star-forming source is brightest, compared with its red host, in the bluest band.
    assert (extra[..., 0].sum((1, 2)) > extra[..., 2].sum((1, 2))).all()
    snr = np.array([one["arc_snr"] for one in truth])
    assert ((snr > 5) & (snr <= 300)).all()
