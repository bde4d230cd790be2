"""What unfolds at the lower edge of a list that scrolls, in a browser."""

from pathlib import Path
from typing import Any

import pytest

from lensapp.ui.shared import client_modules

pytestmark = pytest.mark.browser
SCRIPT = Path(client_modules.__file__).with_name("unfolded.js")
PAGE = """<div id="list" style="height: 300px; overflow-y: auto">
<details id="high"><summary>High</summary><div style="height: 50px">seen</div></details>
<div style="height: 220px"></div>
<details id="low"><summary>Low</summary><div style="height: 600px">below</div></details></div>"""


def test_what_unfolds_at_the_lower_edge_comes_to_the_top_and_what_is_seen_stays(context: Any) -> None:
    page = context.new_page()
    page.set_content(PAGE)
    page.add_script_tag(content=SCRIPT.read_text("utf-8"), type="module")
    page.click("#high summary")
    page.wait_for_timeout(900)
    assert page.evaluate("document.querySelector('#list').scrollTop") == 0
    page.click("#high summary")
    page.click("#low summary")
    page.wait_for_function("document.querySelector('#list').scrollTop > 200")
