"""Blind tests in reviews: mixed in, not to be told apart, counted for inspectors, and never candidates."""

import json
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette

from lensapp.cli import main
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.catalogue.export import export
from lensapp.services.catalogue.feedback import freeze_votes
from lensapp.services.catalogue.query import catalogue, select
from lensapp.services.inspect import tokens
from lensapp.services.inspect.consensus import candidates_of, count_retired, retired_in, retirement_doubt
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.team import team_of
from lensapp.services.inspect.vote_import import import_votes
from lensapp.services.inspect.votes import marks_of
from lensapp.storage import reviews, sources
from lensapp.storage.columns.source_columns import COLUMNS
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery import answers, routes
from support.blind_reviews import BLIND, blind_tests, grade
from support.gallery_survey import add_scores, add_source, blobs, ids_by_row

with warnings.catch_warnings():
    # It would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def source(ws: Workspace) -> Source:
    return add_source(ws, "sky", blobs(60, size=24))


@pytest.fixture
def review(ws: Workspace, source: Source) -> Review:
    return create_review(ws, name="blind", source_name="sky", spec=BLIND)


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
        [(test.kind, test.pixels_of) for test in reviews.blind_tests_of(ws.database, [one.id])]
        for one in (review, again)
    ]
    assert hosts[0] == hosts[1]


def test_a_repetition_stands_apart_from_its_original(ws: Workspace, review: Review) -> None:
    place = {key: number for number, key in enumerate(reviews.queue_of(ws.database, review.id).tolist())}
    for test in reviews.blind_tests_of(ws.database, [review.id]):
        if test.kind == "repeat":
            assert test.pixels_of is not None
            assert abs(place[test.cutout_id] - place[test.pixels_of]) > 1


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
    with pytest.raises(InvalidInput, match=r"\[33\] are not among the candidates of review scored"):
        opened.pixels([33])


def test_pixels_of_repeats_and_duds_are_their_hosts_and_lenses_have_arcs(
    ws: Workspace, review: Review
) -> None:
    opened, every = open_review(ws, review.id), blobs(60, size=24)
    rows = {
        key: row for row, key in enumerate(sources.cutout_columns(ws.database, [1], columns=("id",))["id"])
    }
    labels = sources.cutout_columns(ws.database, [1], columns=("label",))["label"]
    for key, test in opened.blind_tests.items():
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
    assert len(reviews.votes_of(ws.database, with_blind_tests=True)) == 32
    assert len(reviews.votes_of(ws.database)) == 20
    assert len(select(ws, CatalogueQuery(of=("sky",))).vote_table(ws)) == 20
    assert catalogue(ws, CatalogueQuery(of=("sky",)))["votes"].sum() == 20
    made = freeze_votes(ws, review_names=["blind"], rules=FeedbackRules())
    assert sum(sum(part.values()) for part in made.counts.values()) <= 20
    assert made.source_ids == (source.id,)
    assert len(marks_of(ws, review=review, inspector="ada")) == 32


def test_votes_on_tests_are_exported_once_their_review_is_closed(
    ws: Workspace, source: Source, review: Review, tmp_path: Path
) -> None:
    queue, path = reviews.queue_of(ws.database, review.id).tolist(), tmp_path / "o.csv"
    grade(ws, review, "ada", dict.fromkeys(queue, "C"))
    assert export(ws, CatalogueQuery(of=("sky",)), out=path)["votes"] == 20
    assert set(select(ws, CatalogueQuery(of=("sky",))).vote_table(ws)["kind"]) == {"candidate"}
    assert main(["--workspace", str(ws.folder), "close", "blind"]) == 0
    closed = reviews.get_review(ws.database, "blind").closed_at
    assert reviews.close_review(ws.database, "blind").closed_at == closed
    report = export(ws, CatalogueQuery(of=("blind",)), out=path)
    assert (report["rows"], report["votes"]) == (20, 32)
    votes = select(ws, CatalogueQuery(of=("sky",), reviews=["blind"])).vote_table(ws)
    assert votes["kind"].value_counts().to_dict() == {"candidate": 20, "lens": 4, "dud": 4, "repeat": 4}
    tests = votes[votes["kind"] != "candidate"]
    assert not tests["counts"].any()
    assert (tests["source"] == "sky").all()
    names = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id",))["candidate_id"]
    assert set(tests["picture_of"]) <= set(names)
    assert not set(tests["id"]) & set(names)
    assert not set(tests["id"]) & set(catalogue(ws, CatalogueQuery(of=("sky",)))["id"])
    other = Workspace.open(tmp_path / "other")
    add_source(other, "sky", blobs(60, size=24))
    taken = import_votes(other, name="sky", path=tmp_path / "o_votes.csv")
    assert (taken["added"], len(taken["refused"])) == (20, 12)
    assert "a blind test of the review blind, which is not here" in taken["refused"][0]["reason"]
    assert import_votes(ws, name="blind", path=tmp_path / "o_votes.csv")["already_there"] == 32


def test_a_review_that_cannot_retire_anything_says_so_until_its_inspectors_graded_blind_tests(
    ws: Workspace, source: Source, capsys: pytest.CaptureFixture
) -> None:
    plain = ReviewSpec(order="given", retire=True)
    made = create_review(ws, name="plain", source_name="sky", spec=plain)
    assert "has none, and nobody" in retirement_doubt(ws, made)
    loose = create_review(ws, name="loose", source_name="sky", spec=plain.replaced(retire=False))
    assert retirement_doubt(ws, loose) == ""
    blind = create_review(ws, name="blind", source_name="sky", spec=BLIND.replaced(retire=True))
    assert retirement_doubt(ws, blind) == ""
    tests, [first, *_] = blind_tests(ws, blind), ids_by_row(ws, source)
    grade(ws, made, "bob", {first: "A"})
    grade(ws, blind, "ada", dict.fromkeys(tests["lens"], "A"))
    assert "nobody" in retirement_doubt(ws, made), "bob has graded no blind test, ada votes not here"
    grade(ws, made, "Ada", {first: "A"})
    assert retirement_doubt(ws, made) == ""
    words = ["--order", "random", "--retire", "true", "--inspectors", "bob"]
    assert main(["--workspace", str(ws.folder), "review", "again", "sky", *words]) == 0
    assert "No candidate will retire here" in capsys.readouterr().err


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
    monkeypatch.setattr(answers, "get_workspace", lambda: ws)
    client = TestClient(Starlette(routes=routes.ROUTES))
    client.headers["x-token"] = tokens.issue_token(ws, review=made, inspector="ada")
    told = np.frombuffer(client.get(f"{routes.API}/retired").content, "<i8").tolist()
    assert told == open_review(ws, made.id).shown_ids(retired)
    grade(ws, made, "eve", {first: "A"})
    assert len(reviews.votes_of(ws.database, review_id=made.id, inspector="eve")) == 1


def test_the_routes_give_feedback_only_where_the_review_says_so(
    ws: Workspace, source: Source, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "get_workspace", lambda: ws)
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
    assert catalogue(ws, CatalogueQuery(of=("sea",)))["votes"].sum() == 1
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
    (ws.cutouts_folder("sky") / COLUMNS).unlink()  # made anew of the database
    with pytest.raises(InvalidInput, match="no cutouts that are no lenses"):
        create_review(ws, name="none", source_name="sky", spec=spec)


def test_arcs_of_blind_tests_are_faint_too_and_bluer_than_their_hosts(ws: Workspace) -> None:
    source = add_source(ws, "wide", blobs(90, size=32, scale=0.3))
    made = create_review(
        ws, name="many", source_name="wide", spec=BLIND.replaced(limit=None, calibrators=0.5, dud_share=0)
    )
    opened, every = open_review(ws, made.id), blobs(90, size=32, scale=0.3)
    row_of = {key: row for row, key in enumerate(ids_by_row(ws, source))}
    lenses = {key: test for key, test in opened.blind_tests.items() if test.kind == "lens"}
    snr = np.array([test.truth["arc_snr"] for test in lenses.values()])
    assert ((snr > 4.999) & (snr <= 300)).all()
    assert (snr < 25).any()
    assert (snr > 40).any()
    extra = sum(
        opened.pixels(opened.shown_ids([key]))[0] - every[row_of[test.truth["host"]]]
        for key, test in lenses.items()
    ).sum((0, 1))
    # A star-forming source is brightest, compared with its red host, in the bluest band.
    assert extra[0] > extra[1] > extra[2] > 0
