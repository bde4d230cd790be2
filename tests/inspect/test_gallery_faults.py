"""Crowds, twin tabs, dead servers, wrong clocks: no vote may be lost or doubled."""

import threading
import time
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from lensapp.core.inspect.consensus import find_consensus
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect import tokens
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery import routes
from lensapp.ui.shared import state
from support.blind_reviews import counted_votes
from support.gallery_survey import add_source, blobs

INSPECTORS = 30
VOTES_EACH = 8
DAY = 86_400.0


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    workspace = state.get_workspace()
    add_source(workspace, "sky", blobs(VOTES_EACH, size=8))
    return workspace


@pytest.fixture
def review(ws: Workspace) -> Review:
    return create_review(ws, name="first", source_name="sky", spec=ReviewSpec(order="given", limit=None))


@pytest.fixture
def ids(ws: Workspace, review: Review) -> list[int]:
    return list(reviews.queue_of(ws.database, review.id).tolist())


def connect(ws: Workspace, review: Review, inspector: str) -> httpx.AsyncClient:
    """Return a browser's connection to the real routes."""
    token = tokens.issue_token(ws, review=review, inspector=inspector)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=Starlette(routes=routes.ROUTES)),
        base_url="http://lensapp",
        headers={"x-token": token},
    )


def op(seq: int, cutout_id: int, grade: str | None, *, ahead: float = 0.0) -> dict[str, Any]:
    return {"seq": seq, "id": cutout_id, "grade": grade, "voted_at": time.time() + ahead}


async def send(client: httpx.AsyncClient, name: str, *ops: dict[str, Any]) -> int:
    answer = await client.post(f"{routes.API}/labels", json={"client": name, "ops": list(ops)})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["seq"])


async def inspect_all(ws: Workspace, review: Review, inspector: str, ids: list[int]) -> None:
    """Grade every candidate in a burst; now and then an answer is lost and the tab sends again."""
    async with connect(ws, review, inspector) as client:
        for seq, cutout_id in enumerate(ids, 1):
            ops = [op(seq, cutout_id, "ABCX"[(seq + len(inspector)) % 4])]
            for _ in range(2 if seq % 3 == 0 else 1):
                assert await send(client, f"tab-{inspector}-0001", *ops) == seq


async def crowd(ws: Workspace, review: Review, ids: list[int]) -> None:
    async with anyio.create_task_group() as group:
        for number in range(INSPECTORS):
            group.start_soon(inspect_all, ws, review, f"inspector-{number:02d}", ids)


def test_thirty_inspectors_at_once_lose_and_double_nothing(
    ws: Workspace, review: Review, ids: list[int]
) -> None:
    anyio.run(crowd, ws, review, ids)
    stored = reviews.votes_of(ws.database, review_id=review.id)
    assert len(stored) == INSPECTORS * VOTES_EACH
    assert len({(vote.inspector, vote.cutout_id) for vote in stored}) == len(stored)
    assert find_consensus(stored).votes.tolist() == [INSPECTORS] * VOTES_EACH


async def two_tabs(ws: Workspace, review: Review, ids: list[int]) -> None:
    async with connect(ws, review, "ada") as one, connect(ws, review, "ada") as other:
        async with anyio.create_task_group() as group:
            for seq, cutout_id in enumerate(ids, 1):
                group.start_soon(send, one, "tab-left-0001", op(seq, cutout_id, "A"))
        for seq, cutout_id in enumerate(ids[:4], 1):
            await send(other, "tab-right-0001", op(seq, cutout_id, "B", ahead=1.0))


def test_two_tabs_of_one_inspector_count_once_and_the_later_wins(
    ws: Workspace, review: Review, ids: list[int]
) -> None:
    anyio.run(two_tabs, ws, review, ids)
    stored = reviews.votes_of(ws.database, review_id=review.id)
    assert len(stored) == VOTES_EACH + 4
    assert find_consensus(stored).votes.tolist() == [1] * VOTES_EACH
    counted = counted_votes(ws, review, "ada")
    assert [counted[key].grade for key in ids] == ["B"] * 4 + ["A"] * (VOTES_EACH - 4)


async def journal_again(ws: Workspace, review: Review, ids: list[int]) -> None:
    async with connect(ws, review, "ada") as client:
        burst = [op(seq, cutout_id, "A") for seq, cutout_id in enumerate(ids, 1)]
        await send(client, "tab-000001", *burst[:3])
        # The server died after it stored these three and before it answered: the journal is sent whole,
        # by the tab itself and by the tab that is opened after it.
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(send, client, "tab-000001", *burst)


def test_a_journal_sent_again_after_the_server_died_is_stored_once(
    ws: Workspace, review: Review, ids: list[int]
) -> None:
    anyio.run(journal_again, ws, review, ids)
    stored = reviews.votes_of(ws.database, review_id=review.id)
    assert sorted(vote.seq for vote in stored) == list(range(1, VOTES_EACH + 1))


@pytest.mark.parametrize("ahead", [-DAY, DAY])
def test_a_clock_wrong_by_a_day_keeps_the_order_of_its_tab(
    ws: Workspace, review: Review, ids: list[int], ahead: float
) -> None:
    async def revise() -> None:
        async with connect(ws, review, "ada") as client:
            await send(client, "tab-000001", op(1, ids[0], "A", ahead=ahead), op(2, ids[1], "A", ahead=ahead))
            await send(client, "tab-000001", op(3, ids[0], "X", ahead=ahead), op(4, ids[1], None))

    anyio.run(revise)
    assert reviews.count_votes(ws.database) == 4
    counted = counted_votes(ws, review, "ada")
    assert {key: vote.grade for key, vote in counted.items()} == {ids[0]: "X"}


def test_threads_with_connections_of_their_own_store_every_vote(
    ws: Workspace, review: Review, ids: list[int]
) -> None:
    def work(number: int) -> None:
        anyio.run(inspect_all, ws, review, f"thread-{number}", ids)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reviews.count_votes(ws.database) == 6 * VOTES_EACH


def test_a_comment_and_a_star_outlive_grading_and_withdrawal(
    ws: Workspace, review: Review, ids: list[int]
) -> None:
    note = {"comment": "an arc", "starred": True}

    async def annotate() -> dict[str, Any]:
        async with connect(ws, review, "ada") as client:
            await send(client, "tab-000001", op(1, ids[0], None) | note, op(2, ids[1], "B") | note)
            await send(client, "tab-000001", op(3, ids[1], None) | note, op(4, ids[2], "C"))
            return dict((await client.get(f"{routes.API}/labels")).json())

    marks = anyio.run(annotate)
    noted = [None, None, None, "an arc", True]
    assert marks == {str(ids[0]): noted, str(ids[1]): noted, str(ids[2]): ["C", None, None, None, False]}


def test_the_place_and_the_view_are_kept_per_inspector_and_review(
    ws: Workspace, review: Review, ids: list[int]
) -> None:
    later = create_review(ws, name="second", source_name="sky", spec=ReviewSpec(order="given"))

    async def look() -> list[dict[str, Any]]:
        seen = []
        async with connect(ws, review, "ada") as client:
            view = {"settings": {"tile": 80}, "last": ids[3], "changed": 5.0}
            for changed in (view | {"last": ids[2]}, view):
                assert (await client.post(f"{routes.API}/view", json=changed)).status_code == 200
            large = {"settings": {"x": "y" * 30_000}}
            assert (await client.post(f"{routes.API}/view", json=large)).status_code == 400
            seen.append((await client.get(f"{routes.API}/view")).json())
        for other, name in ((later, "ada"), (review, "bob")):
            async with connect(ws, other, name) as client:
                seen.append((await client.get(f"{routes.API}/view")).json())
        return seen

    here, next_review, other_inspector = anyio.run(look)
    assert here == {"settings": {"tile": 80}, "last": ids[3], "changed": 5.0}
    assert next_review == {"settings": {"tile": 80}, "last": None, "changed": 5.0}
    assert other_inspector == {"settings": {}, "last": None, "changed": 0.0}


def test_known_lenses_are_marked_only_when_asked_for(
    ws: Workspace, review: Review, ids: list[int], tmp_path: Path
) -> None:
    from lensapp.services.data.known_lenses import keep_known_lenses

    table = tmp_path / "known.csv"
    table.write_text("name,ra,dec\nthe cross,150.0,2.0001\n", "utf-8")
    keep_known_lenses(ws, table)

    async def ask() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with connect(ws, review, "ada") as client:
            path = f"{routes.API}/candidates?ids={ids[0]}-{ids[1]}"
            return (await client.get(path)).json(), (await client.get(f"{path}&known=1")).json()

    plain, marked = anyio.run(ask)
    assert "known" not in plain[0]
    assert marked[0]["known"]["name"] == "the cross"
    assert marked[0]["known"]["north"] == pytest.approx(0.36)
    assert marked[1]["known"] is None
