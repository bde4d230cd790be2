import io
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from lensapp.core.data import pixel_codes
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect import tokens
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery import routes
from lensapp.ui.shared import state
from support.gallery_survey import add_scores, add_source, blobs, ids_by_row

with warnings.catch_warnings():
    # It would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

API = routes.API


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    workspace = state.get_workspace()
    pixels = blobs(12)
    pixels[0, :, :4] = np.nan
    pixels[1] = np.nan
    source = add_source(workspace, "sky", pixels)
    add_scores(workspace, source, {row: row / 20 for row in range(12)})
    return workspace


@pytest.fixture
def review(ws: Workspace) -> Review:
    return create_review(
        ws, name="first", source_name="sky", run_name="run-1", spec=ReviewSpec(order="given", limit=10)
    )


@pytest.fixture
def client(ws: Workspace, review: Review) -> Iterator[TestClient]:
    token = tokens.issue_token(ws, review=review, inspector="ada")
    with TestClient(Starlette(routes=routes.ROUTES), headers={"x-token": token}) as made:
        yield made


@pytest.fixture
def ids(ws: Workspace, review: Review) -> list[int]:
    return list(reviews.queue_of(ws.database, review.id).tolist())


def vote(seq: int, cutout_id: int, grade: str | None = "A", **more: Any) -> dict[str, Any]:
    return {"seq": seq, "id": cutout_id, "grade": grade, "voted_at": time.time()} | more


def send(client: TestClient, *ops: dict[str, Any], name: str = "tab-000001") -> Any:
    return client.post(f"{API}/labels", json={"client": name, "ops": list(ops)})


def joined(ids: list[int]) -> str:
    return "-".join(map(str, ids))


def test_votes_are_stored_in_the_name_of_the_token(client: TestClient, ws: Workspace, ids: list[int]) -> None:
    answer = send(client, vote(1, ids[0], "B", seconds_spent=1.5, score_seen=True), vote(2, ids[1], "X"))
    assert answer.json() == {"seq": 2}
    stored = reviews.votes_of(ws.database)
    assert [(one.inspector, one.cutout_id, one.grade) for one in stored] == [
        ("ada", ids[0], "B"),
        ("ada", ids[1], "X"),
    ]
    assert (stored[0].seconds_spent, stored[0].score_seen) == (1.5, True)
    assert client.get(f"{API}/labels").json() == {
        str(ids[0]): ["B", None, 1.5, None, False],
        str(ids[1]): ["X", None, None, None, False],
    }


def test_a_retry_is_acknowledged_and_changes_nothing(
    client: TestClient, ws: Workspace, ids: list[int]
) -> None:
    first = [vote(1, ids[0]), vote(2, ids[1])]
    assert send(client, *first).json() == {"seq": 2}
    assert send(client, *first, vote(3, ids[0], None)).json() == {"seq": 3}
    assert reviews.count_votes(ws.database) == 3
    assert client.get(f"{API}/labels").json() == {str(ids[1]): ["A", None, None, None, False]}
    assert send(client).json() == {"seq": 0}


def test_two_tabs_of_one_inspector_do_not_hide_each_other(
    client: TestClient, ws: Workspace, ids: list[int]
) -> None:
    send(client, vote(1, ids[0]), name="tab-000001")
    send(client, vote(1, ids[1]), name="tab-000002")
    assert len(client.get(f"{API}/labels").json()) == 2


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "labels"),
        ("POST", "labels"),
        ("GET", "sheet"),
        ("GET", "raw"),
        ("GET", "queue"),
        ("GET", "candidates"),
    ],
)
@pytest.mark.parametrize("token", ["", "nonsense", "eyJ9.forged"])
def test_nothing_is_answered_without_a_token_of_ours(
    client: TestClient, ws: Workspace, method: str, path: str, token: str
) -> None:
    answer = client.request(method, f"{API}/{path}?ids=1", headers={"x-token": token})
    assert answer.status_code == 403
    wrong = "not valid" if token else "missing"
    assert answer.json()["error"] == f"The token in the header x-token is {wrong}. Reload the page."
    assert reviews.count_votes(ws.database) == 0


def test_tokens_of_another_workspace_or_day_are_refused(
    client: TestClient, ws: Workspace, review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tokens.issue_token(Workspace.open(tmp_path / "other"), review=review, inspector="eve")
    assert client.get(f"{API}/queue", headers={"x-token": other}).status_code == 403
    old = tokens.issue_token(ws, review=review, inspector="ada")
    future = time.time() + 26 * 3600
    monkeypatch.setattr(tokens.time, "time", lambda: future)
    assert client.get(f"{API}/queue", headers={"x-token": old}).status_code == 403


def test_a_token_stays_the_same_for_an_hour(
    ws: Workspace, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens.time, "time", lambda: 7200.0)
    first = tokens.issue_token(ws, review=review, inspector="ada")
    monkeypatch.setattr(tokens.time, "time", lambda: 10799.0)
    assert tokens.issue_token(ws, review=review, inspector="ada") == first


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "should be votes as JSON"),
        (b"[" * 20_000, 400, "should be votes as JSON"),
        (b"[]", 400, "should be a JSON object but is a list"),
        (b'{"client": "short", "ops": []}', 400, "Client: 'short' is not possible"),
        (b'{"client": "tab-000001", "ops": [{"seq": 1}]}', 400, "it is empty"),
        (b'{"client": "tab-000001", "ops": [], "admin": 1}', 400, "There is no setting 'admin'"),
        (
            b'{"client": "tab-000001", "ops": [{"seq": 1, "id": 1, "grade": "D", "voted_at": 1}]}',
            400,
            "ops.0.grade",
        ),
        (
            b'{"client": "tab-000001", "ops": [{"seq": 1, "id": 1, "grade": "A", "voted_at": NaN}]}',
            400,
            "Ops, number 1, Voted at must",
        ),
        (b" " * 1_000_001, 413, "at most 1000000 bytes"),
    ],
)
def test_bodies_that_are_not_votes_are_refused(
    client: TestClient, ws: Workspace, body: bytes, status: int, message: str
) -> None:
    answer = client.post(f"{API}/labels", content=body)
    assert answer.status_code == status
    assert message in answer.json()["error"]
    assert reviews.count_votes(ws.database) == 0


def test_too_many_votes_at_once_are_refused(client: TestClient, ws: Workspace, ids: list[int]) -> None:
    answer = send(client, *[vote(seq, ids[0]) for seq in range(1, 502)])
    assert answer.status_code == 400
    assert "at most 500 entries" in answer.json()["error"]
    assert reviews.count_votes(ws.database) == 0


def test_candidates_of_other_reviews_cannot_be_seen_or_graded(
    client: TestClient, ws: Workspace, ids: list[int]
) -> None:
    foreign = max(ids) + 1
    for path in ("sheet", "raw", "candidates"):
        answer = client.get(f"{API}/{path}?ids={ids[0]}-{foreign}")
        assert answer.status_code == 400
        assert f"[{foreign}] are not among the candidates of review first" in answer.json()["error"]
    assert send(client, vote(1, ids[0]), vote(2, foreign)).status_code == 400
    assert reviews.count_votes(ws.database) == 0


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400), ("ids=", 400), ("ids=1--2", 400), ("ids=1;drop", 400), ("ids=-1", 400), ("ids=²", 400),
        ("ids=99999999999999999999", 400), ("ids=" + "-".join(["1"] * 1001), 413),
        ("ids=1&size=15", 400), ("ids=1&size=100000000", 400), ("ids=1&size=x", 400),
        ("ids=1&stretch=magic", 400), ("ids=1&white=nan", 400), ("ids=1&rgb=z,r,g", 400),
    ],
)  # fmt: skip
def test_pictures_that_cannot_be_made_are_refused(client: TestClient, query: str, status: int) -> None:
    answer = client.get(f"{API}/sheet?{query}")
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_sheet_shows_candidates_with_masked_pixels(client: TestClient, ids: list[int]) -> None:
    answer = client.get(f"{API}/sheet?ids={joined(ids[:5])}&size=16&stretch=asinh&rgb=g,r,i")
    assert answer.headers["content-type"] == "image/webp"
    picture = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert picture.shape == (32, 48, 3)
    assert picture[8, 16:32].std() < 8
    assert picture[8, 40].min() > 100


def test_only_pictures_asked_for_by_their_key_are_kept_for_good(
    client: TestClient, ws: Workspace, review: Review, ids: list[int]
) -> None:
    key = open_review(ws, review.id).picture_key
    kept = client.get(f"{API}/sheet?ids={ids[0]}&size=16&key={key}")
    assert "immutable" in kept.headers["cache-control"]
    for path in ("sheet", "raw"):
        assert client.get(f"{API}/{path}?ids={ids[0]}&size=16&key=old").headers["cache-control"] == "no-store"


def test_raw_pixels_can_be_stretched_by_the_browser(
    client: TestClient, ws: Workspace, review: Review, ids: list[int]
) -> None:
    body = client.get(f"{API}/raw?ids={joined(ids[2:4])}&size=16").content
    shape = np.frombuffer(body, "<i4", 4).tolist()
    codes = np.frombuffer(body, "<u2", offset=16).reshape(shape)
    opened = open_review(ws, review.id)
    levels = opened.levels
    expected = levels.normalised(opened.pixels(ids[2:4])[:, ::-1])
    assert np.moveaxis(pixel_codes.decode(codes), 1, -1) == pytest.approx(expected, rel=5e-4, abs=5e-4)


def test_the_queue_comes_whole_and_in_order(client: TestClient, ids: list[int]) -> None:
    assert np.frombuffer(client.get(f"{API}/queue").content, "<i8").tolist() == ids


def test_scores_are_told_only_when_asked_for(client: TestClient, ids: list[int], ws: Workspace) -> None:
    [row] = client.get(f"{API}/candidates?ids={ids[4]}").json()
    assert row == {"id": ids[4], "name": "sky-0004", "ra": 150.04, "dec": 2.0}
    [row] = client.get(f"{API}/candidates?ids={ids[4]}&scores=1").json()
    assert row["score"] == 0.2
    assert ids_by_row(ws, open_review(ws, 1).source)[4] == ids[4]


def test_why_nothing_lies_around_a_candidate_is_told_only_when_asked_for(
    client: TestClient, ids: list[int]
) -> None:
    shown = client.get(f"{API}/candidates?ids={ids[0]}").json()[0]
    asked = client.get(f"{API}/candidates?ids={ids[0]}&alone=1").json()[0]
    assert "alone" not in shown
    assert asked == shown | {"alone": client.get(f"{API}/around?ids={ids[0]}").json()["note"]}
    assert asked["alone"]


def test_streamlit_takes_the_routes() -> None:
    import streamlit as st

    assert st.App("lensapp/ui/main.py", routes=routes.ROUTES) is not None


def test_an_inspector_is_told_how_far_others_agree_but_no_vote_of_theirs(
    client: TestClient, ws: Workspace, review: Review, ids: list[int]
) -> None:
    # Cohen 1960 by hand: 3 of 4 the same; A in 1/2 and 1/4, X in 1/2 and 3/4: chance 1/2, so kappa = 1/2.
    for name, grades in (("ada", "AAXX"), ("bob", "AXXX")):
        ops = [vote(seq, key, grade) for seq, (key, grade) in enumerate(zip(ids, grades, strict=False), 1)]
        token = tokens.issue_token(ws, review=review, inspector=name)
        body = {"client": f"tab-{name}-0001", "ops": ops}
        assert client.post(f"{API}/labels", json=body, headers={"x-token": token}).status_code == 200
    told = client.get(f"{API}/agreement").json()
    assert told == [{"inspector": "bob", "kappa": pytest.approx(0.5), "candidates": 4}]


def test_candidates_picked_by_hand_become_a_review_graded_alike_but_not_where_tests_would_stand_out(
    client: TestClient, ws: Workspace, review: Review, ids: list[int]
) -> None:
    name = client.post(f"{API}/picked", json={"ids": [ids[4], ids[1]]}).json()["review"]
    made = reviews.get_review(ws.database, name)
    assert reviews.queue_of(ws.database, made.id).tolist() == [ids[4], ids[1]]
    assert (made.run_id, made.spec["grades"]) == (review.run_id, "ABCX")
    assert client.post(f"{API}/picked", json={"ids": [ids[4], ids[1]]}).json()["review"] == name
    for wrong in ([], ["1"], [10**9], "all"):
        assert client.post(f"{API}/picked", json={"ids": wrong}).status_code == 400
    tested = create_review(
        ws, name="tested", source_name="sky", spec=ReviewSpec(order="given", calibrators=0.5)
    )
    token = tokens.issue_token(ws, review=tested, inspector="ada")
    refused = client.post(f"{API}/picked", json={"ids": [1]}, headers={"x-token": token})
    assert refused.status_code == 400
    assert "would tell which" in refused.json()["error"]
