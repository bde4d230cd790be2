"""Tests that lack a browser, a server or Node.js skip, but fail where CI asks for it; packages are pinned."""

import re
from pathlib import Path

import pytest

from support import app_in_browser, database_servers, node
from support.requirements import lacking


def test_what_is_lacking_is_skipped_unless_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LENSAPP_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs Chromium"):
        lacking("browser", "needs Chromium")
    monkeypatch.setenv("LENSAPP_REQUIRE", "browser, postgres")
    with pytest.raises(pytest.skip.Exception):
        lacking("node", "needs Node.js")
    for what in ("browser", "postgres"):
        with pytest.raises(pytest.fail.Exception, match=f"asks for {what}, but this needs it"):
            lacking(what, "needs it")
    monkeypatch.setenv("LENSAPP_REQUIRE", "browsr")
    with pytest.raises(pytest.fail.Exception, match="names browsr"):
        lacking("browser", "needs Chromium")


def test_a_machine_without_them_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENSAPP_REQUIRE", "browser,postgres,node")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(app_in_browser, "CHROMIUM", "/nowhere/chromium")
    monkeypatch.setattr(database_servers, "PROGRAMS", "/nowhere")
    with pytest.raises(pytest.fail.Exception, match="asks for browser"), app_in_browser.chromium():
        pass
    with pytest.raises(pytest.fail.Exception, match="asks for node"):
        node.run_node("--version")
    with pytest.raises(pytest.fail.Exception, match="asks for postgres"):
        database_servers.postgresql_folder.__wrapped__()


def test_what_an_installation_needs_is_pinned_to_one_version() -> None:
    def pinned(name: str) -> dict[str, str]:
        lines = (Path(__file__).parents[1] / name).read_text(encoding="utf-8").splitlines()
        found = (re.match(r"([A-Za-z0-9._-]+)(?:\[[a-z,]*\])?==([^\s;#]+)", line) for line in lines)
        return {re.sub(r"[._-]+", "-", one[1]).lower(): one[2] for one in found if one is not None}

    needed = pinned("requirements.txt") | pinned("requirements-dev.txt")
    assert len(needed) > 20
    assert needed.items() <= pinned("constraints.txt").items()
