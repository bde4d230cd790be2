"""The lightbox: looking at any cutout of any page, which makes no review and no vote."""

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette

from lensapp.core.data import pixel_codes
from lensapp.core.data.overlays import AGAINST, FOR
from lensapp.services.data.pictures import optics_of, source_levels
from lensapp.services.evaluate.explanations import MAP_NAMES, explanation_key
from lensapp.services.inspect.tokens import issue_look_token, issue_token
from lensapp.storage import queue, reviews, sources
from lensapp.storage.cutouts import read_cutouts
from lensapp.storage.explanations import StoredExplanation, save_explanation
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery import look_routes, routes
from support.gallery_survey import add_source, blobs, ids_by_row
from support.pages_workspace import SIZE, full_workspace

with warnings.catch_warnings():
    # It would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

API = look_routes.LOOK_API


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("lightbox") / "ws"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENSAPP_WORKSPACE", str(folder))
        patch.delenv("LENSAPP_DATABASE_URL", raising=False)
        made = full_workspace(folder)
        add_source(made, "sea", blobs(3, size=16))
        yield made


@pytest.fixture(scope="module")
def client(ws: Workspace) -> Iterator[TestClient]:
    token = issue_look_token(ws, source_ids=[1], run_name="elu_cnn-2")
    with TestClient(Starlette(routes=look_routes.ROUTES + routes.ROUTES), headers={"x-token": token}) as made:
        yield made


def everything_made(ws: Workspace) -> tuple[Any, ...]:
    """Return all that a look could have made: reviews, votes, jobs, views."""
    names = [review.name for review in reviews.list_reviews(ws.database)]
    return names, reviews.state_of_votes(ws.database), len(queue.list_jobs(ws.database))


def test_positions_of_a_simulated_sky_lead_to_no_other_survey(ws: Workspace) -> None:
    kinds = {one.id: one.kind for one in sources.list_sources(ws.database)}
    assert {kind: optics_of(ws, key)["on_sky"] for key, kind in kinds.items()} == {"demo": False}


def test_looking_at_a_cutout_tells_all_that_is_known_and_creates_nothing(
    ws: Workspace, client: TestClient
) -> None:
    before = everything_made(ws)
    record = client.get(f"{API}/record?ids=1").json()
    for path in ("raw?ids=1&size=16", "sheet?ids=1-2&size=16", "around?ids=1", "explanation?ids=1"):
        assert client.get(f"{API}/{path}").status_code == 200
    assert everything_made(ws) == before
    assert (record["name"], record["source"], record["label"]) == ("J0000", "sky", "lens")
    assert record["facts"] == [["seeing (arcsec)", 0.5, ""]]
    assert record["score"] == pytest.approx(0.99)
    assert {run for run, _, _ in record["scores"]} == {"elu_cnn-1", "elu_cnn-2"}
    assert [(vote["inspector"], vote["grade"]) for vote in record["votes"]] == [("Ada", "A"), ("Grace", "A")]
    assert record["datasets"] == [["sky-v1", "train", "lens"]]
    assert record["trained"] == ["elu_cnn-1", "elu_cnn-2"]


def test_pixels_are_those_of_the_source_by_its_levels(ws: Workspace, client: TestClient) -> None:
    body = client.get(f"{API}/raw?ids=3&size=16").content
    assert np.frombuffer(body[:16], "<i4").tolist() == [1, 3, SIZE, SIZE]
    codes = np.frombuffer(body[16:], "<u2").reshape(1, 3, SIZE, SIZE)
    source = sources.source_by_id(ws.database, 1)
    expected = pixel_codes.encode(read_cutouts(ws, [3], calibrated=True), source_levels(ws, source))
    assert np.array_equal(codes, expected)


@pytest.mark.parametrize(
    "path", ["record?ids=41", "raw?ids=41&size=16", "sheet?ids=1-41&size=16", "around?ids=41"]
)
def test_a_token_lets_nobody_look_at_cutouts_of_other_sources(
    ws: Workspace, client: TestClient, path: str
) -> None:
    assert 41 in ids_by_row(ws, sources.get_source(ws.database, "sea"))
    answer = client.get(f"{API}/{path}")
    assert answer.status_code == 400
    assert "not among those of this page" in answer.json()["error"]


def test_a_token_to_look_cannot_vote_and_one_to_vote_cannot_look(ws: Workspace, client: TestClient) -> None:
    op = {"seq": 1, "id": 1, "grade": "A", "voted_at": time.time()}
    refused = client.post(f"{routes.API}/labels", json={"client": "tab-000001", "ops": [op]})
    assert refused.status_code == 403
    review = reviews.get_review(ws.database, "round-1")
    token = issue_token(ws, review=review, inspector="ada")
    assert client.get(f"{API}/record?ids=1", headers={"x-token": token}).status_code == 403


def test_an_explanation_that_is_asked_for_is_made_by_a_job_and_shown_as_maps(
    ws: Workspace, client: TestClient
) -> None:
    assert client.get(f"{API}/explanation?ids=5").json()["state"] == "none"
    assert client.post(f"{API}/explanation?ids=5", json={}).json()["state"] == "waiting"
    [job] = queue.list_jobs(ws.database)
    assert (job.kind, job.payload["cutout"]) == ("explain", 5)
    maps = np.arange(SIZE * SIZE, dtype=float).reshape(SIZE, SIZE)
    figures = {
        "about": "score", "value": 0.9, "baseline": 0.1, "fidelity": 0.2, "agreement": 0.5,
        "central_share": 0.7, "segments": 2, "perturbations": 100, "explained_at": time.time() + 9,
    }  # fmt: skip
    pixels, labels = np.zeros((SIZE, SIZE, 3), np.float32), (maps > 50).astype(int)
    explanation = StoredExplanation(pixels, labels, np.array([0.1, -0.2]), maps, figures)
    save_explanation(ws.run_folder("elu_cnn-2"), explanation_key(5, None), explanation)
    answer = client.get(f"{API}/explanation?ids=5").json()
    queue.command_job(ws.database, job.id, "stop")
    assert answer["state"] == "ready"
    assert [view["label"] for view in answer["views"]] == [MAP_NAMES["regions"], MAP_NAMES["occlusion"]]
    assert "explains 20 % of the changes" in answer["reading"]
    against, colours, towards, _ = answer["legend"]
    assert (against, towards) == ("against a lens", "for a lens")
    assert colours.index(str(AGAINST)) < colours.index(str(FOR)), "the colours that the maps have"
