"""Tests that lack a browser, a server or Node.js skip, but fail where CI has asked for it."""

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
