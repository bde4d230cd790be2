"""The page about the workspace: what takes room, what goes with a deletion, what comes back, who did it."""

import json
from pathlib import Path

import pytest

from lensapp.cli import main
from lensapp.core.errors import InvalidInput
from lensapp.services.care.disk import clear, disk_use
from lensapp.services.care.doctor import examine
from lensapp.services.care.removal import delete, list_trash
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.workspace import Workspace
from lensapp.ui.care import health_view
from lensapp.ui.shared.widgets import counted
from support.pages_workspace import open_page
from support.small_surveys import add_review, add_votes, make_survey


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "w"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    ws = Workspace.open(tmp_path / "w")
    source = make_survey(ws, name="sky", count=4)
    add_review(ws, source, "look")
    dataset = datasets.create_dataset(
        ws.database, name="v1", source_ids=[source.id], bands=source.bands, spec={}, counts={},
        checksum="0" * 64, members=[],
    )  # fmt: skip
    for name, state in (("done", "finished"), ("going", "paused")):
        run = runs.create_run(ws.database, name=name, dataset_id=dataset.id, model="m", spec={})
        runs.update_run(ws.database, run.id, state=state)
        ws.run_folder(name).mkdir()
        (ws.run_folder(name) / "best.keras").write_bytes(b"n" * 1000)
        (ws.run_folder(name) / "checkpoint.npz").write_bytes(b"c" * 5000)
    (ws.exports_folder / "c.csv").write_bytes(b"e" * 300)
    return ws


def test_room_is_told_by_kind_and_what_a_job_needs_is_never_cleared(
    ws: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {usage.kind: usage for usage in disk_use(ws).kinds}
    assert (kinds["checkpoints"].bytes, kinds["checkpoints"].clearable) == (10_000, 5_000)
    assert (kinds["networks"].bytes, kinds["networks"].clearable) == (2_000, 0)
    assert (kinds["exports"].clearable, kinds["pixels"].clearable) == (300, 0)
    assert disk_use(ws).bytes == sum(path.stat().st_size for path in ws.folder.rglob("*") if path.is_file())
    assert dict(disk_use(ws).largest)["run done"] == 6_000
    with pytest.raises(InvalidInput, match=r"'pixels' cannot be cleared\. Name one of checkpoints"):
        clear(ws, "pixels")
    assert main(["disk", "--clear", "checkpoints", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cleared"] is False
    assert clear(ws, "checkpoints") == 5_000
    assert [(ws.run_folder(name) / "checkpoint.npz").exists() for name in ("done", "going")] == [False, True]
    delete(ws, "run", "done")
    assert {usage.kind: usage.bytes for usage in disk_use(ws).kinds}["trash"] == 1_000


def test_the_page_clears_deletes_after_the_name_is_typed_and_brings_back(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("workspace")
    assert not [one.key for one in page.button if str(one.key).startswith("round-next")]
    page.button("clear-exports").click().run()
    assert not (ws.exports_folder / "c.csv").exists()
    assert "300" in page.success[0].value or "kB" in page.success[0].value
    page = open_page("workspace", view="delete")
    assert page.button("delete-do").disabled
    shown = page.dataframe[0].value
    assert set(shown["name"]) == {"sky", "look", "v1", "done", "going"}
    page.text_input("delete-source-sky").input("sky").run()
    page.text_input("inspector").input("Grace").run()
    page.text_input("delete-source-sky").input("sky").run()
    page.button("delete-do").click().run()
    assert sources.list_sources(ws.database) == []
    page = open_page("workspace", view="trash")
    assert any("deleted by Grace" in one.value for one in page.caption)
    assert any("emptying frees **" in one.value for one in page.markdown)
    page.button("back-source sky").click().run()
    assert [one.name for one in sources.list_sources(ws.database)] == ["sky"]
    assert not any(one.key == "back-all" for one in page.button)
    for kind, name in (("review", "look"), ("source", "sky")):
        delete(ws, kind, name)
    page = open_page("workspace", view="trash")
    page.button("back-all").click().run()
    assert not page.error
    assert [one.name for one in sources.list_sources(ws.database)] == ["sky"]
    assert list_trash(ws) == []
    page = open_page("workspace", view="changes")
    assert next(iter(page.dataframe[0].value["did"])) == "brought back"
    page.text_input("changes-filter").input("brought SKY").run()
    assert set(page.dataframe[0].value["did"]) == {"brought back"}
    assert "when (UTC)" in page.dataframe[0].value
    assert "sound" in set(open_page("workspace", view="health").dataframe[0].value["outcome"])
    assert "examined" not in set(open_page("workspace", view="changes").dataframe[0].value["did"])
    monkeypatch.setattr(health_view, "AT_ONCE_SECONDS", 0.0)
    page = open_page("workspace", view="health")
    assert set(page.dataframe[0].value["outcome"]) == {"not yet"}
    assert any("it takes about 1 s" in one.value for one in page.caption)
    page.button("examine").click().run()
    assert not page.exception
    page.button("jobs").click().run()  # which must not take away what was found
    assert any(one.value.startswith("Examined ") for one in page.caption)
    assert "sound" in set(page.dataframe[0].value["outcome"])


def test_the_first_view_says_in_four_cards_how_the_workspace_stands(ws: Workspace) -> None:
    page = open_page("workspace")
    told = [one.value for one in page.markdown]
    assert any("Trash empty" in one for one in told)
    assert any("Nobody logs in" in one for one in told)
    wrong = len(examine(ws, quick=True, noted=False)["findings"])
    assert any(f"**{counted(wrong, 'finding')}**" in one for one in told)
    sizes = page.dataframe[0].value.set_index("what")
    assert (sizes["size"]["checkpoints"], sizes["clearable"]["checkpoints"]) == (10_000, 5_000)
    assert sizes["share"].sum() == pytest.approx(100)
    largest = page.dataframe[1].value.set_index("name")
    assert largest["what"].to_dict() == {"sky": "source", "done": "run", "going": "run"}
    [review] = reviews.list_reviews(ws.database)
    add_votes(ws, review, "Grace", {reviews.queue_of(ws.database, review.id).tolist()[0]: "A"})
    delete(ws, "run", "going")
    page = open_page("workspace")
    told = [one.value for one in page.markdown]
    assert any("1 deletion in the trash" in one for one in told)
    assert any("1 inspector, no accounts" in one for one in told)
    page.button("care-to-trash").click().run()
    assert any("deleted by" in one.value for one in page.caption)


def test_people_lists_the_names_that_signed_votes_where_nobody_logs_in(ws: Workspace) -> None:
    assert not open_page("workspace", view="people").dataframe
    [review] = reviews.list_reviews(ws.database)
    first, second, *_ = reviews.queue_of(ws.database, review.id).tolist()
    add_votes(ws, review, "Grace", {first: "A"})
    add_votes(ws, review, "Ada", {first: "A", second: "X"})
    page = open_page("workspace", view="people")
    names = page.dataframe[0].value.set_index("inspector")
    assert names["votes"].to_dict() == {"Ada": 2, "Grace": 1}
    assert not page.code, "pages show no commands"


def test_a_name_that_cannot_be_is_refused_without_hiding_the_deletion(ws: Workspace) -> None:
    page = open_page("workspace", view="delete")
    page.text_input("rename-source-sky").input("a/b").run()
    page.button("rename-do").click().run()
    assert not page.exception
    assert len(page.error) == 1
    assert page.button("delete-do").disabled
