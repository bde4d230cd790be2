"""The form of an import in a browser, where a click ends the run of the page that reads the files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.app_in_browser import Server, settled
from support.cutout_files import cutout, write_fits

pytestmark = pytest.mark.browser


def test_a_click_while_the_files_are_read_loses_no_dry_run(tmp_path: Path, context: Any) -> None:
    for name in range(3):
        write_fits(tmp_path / f"files/a{name}.fits", np.stack([cutout(name), cutout(name + 10)]))
    with Server(tmp_path / "workspace") as server:
        page = context.new_page()
        page.goto(f"{server.address}/data?view=import")
        settled(page)
        page.get_by_role("textbox", name="Folder or file").fill(str(tmp_path / "files"))
        page.get_by_role("button", name="Dry run", exact=True).click()
        again = page.get_by_role("button", name="Dry run with this")
        again.wait_for()
        settled(page)
        bands = page.get_by_role("textbox", name="Bands")
        bands.fill("g,r")
        bands.press("Tab")  # reads the files
        page.wait_for_timeout(100)
        again.click()
        page.get_by_role("button", name="Import 3").wait_for(timeout=30_000)
