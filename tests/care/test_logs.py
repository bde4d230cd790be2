"""Logs rotate, are JSON where that is asked for, and the house is kept once a day."""

import asyncio
import json
import logging
import time
from pathlib import Path

import pytest

from lensapp.core import logs
from lensapp.services.care.house import keep_house
from lensapp.services.care.removal import delete
from lensapp.storage import sources, tables
from lensapp.storage.workspace import Workspace
from support.small_surveys import make_survey


def test_a_log_rotates_and_is_json_where_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENSAPP_LOG", "json")
    monkeypatch.setattr(logs, "LARGEST_BYTES", 2000)
    handler = logs.keep_log(tmp_path, "web")
    assert handler is not None
    log = logging.getLogger(f"{logs.LOGGER}.test")
    try:
        for number in range(200):
            log.info("Number %d of “Ada”\nand more", number)
        try:
            int("wrong")
        except ValueError:
            log.exception("It failed")
    finally:
        logging.getLogger(logs.LOGGER).removeHandler(handler)
        handler.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert [path.name for path in files] == ["web.log", *(f"web.log.{k}" for k in range(1, 6))]
    assert all(path.stat().st_size <= 2000 for path in files)
    lines = [json.loads(line) for line in (tmp_path / "logs" / "web.log").read_text("utf-8").splitlines()]
    assert lines[-2]["message"] == "Number 199 of “Ada”\nand more"
    assert (lines[-1]["level"], lines[-1]["logger"]) == ("error", "lensapp.test")
    assert "ValueError: invalid literal" in lines[-1]["traceback"]


def test_a_large_output_file_is_put_aside_before_a_worker_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LARGEST_BYTES", 10)
    path = tmp_path / "worker.log"
    logs.turn_over(path)
    path.write_text("short")
    logs.turn_over(path)
    assert path.exists()
    path.write_text("longer than that")
    logs.turn_over(path)
    assert (path.exists(), (tmp_path / "worker.log.1").read_text()) == (False, "longer than that")


def test_the_trash_is_emptied_after_thirty_days_by_itself(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "w")
    make_survey(ws, name="old", count=2)
    make_survey(ws, name="new", count=2)
    for name in ("old", "new"):
        delete(ws, "source", name)
    with ws.database.write() as connection:
        of_old = tables.trash.c.name == "old"
        connection.execute(tables.trash.update().where(of_old).values(deleted_at=time.time() - 31 * 86_400))

    async def keep() -> None:
        keeping = asyncio.create_task(keep_house(ws))
        while ws.cutouts_folder("old").exists():
            await asyncio.sleep(0.01)
        keeping.cancel()

    asyncio.run(asyncio.wait_for(keep(), 60))
    assert ws.cutouts_folder("new").exists()
    assert sources.list_sources(ws.database) == []
    ws.database.close()
