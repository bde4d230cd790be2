"""What unfolds, in a browser: it comes into sight, and fields keep what was entered when they are folded."""

from pathlib import Path
from typing import Any

import pytest

from lensapp.ui.shared import client_modules
from support.app_in_browser import Server, settled
from support.pages_workspace import full_workspace

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


def test_what_is_sent_once_it_is_unfolded_comes_to_the_top_too(context: Any) -> None:
    page = context.new_page()
    page.set_content(PAGE.replace("600px", "0px"))
    page.add_script_tag(content=SCRIPT.read_text("utf-8"), type="module")
    page.click("#low summary")
    page.wait_for_timeout(900)
    assert page.evaluate("document.querySelector('#list').scrollTop") == 0
    page.evaluate("document.querySelector('#low div').style.height = '600px'")
    page.wait_for_function("document.querySelector('#list').scrollTop > 200")


def test_a_field_keeps_what_was_entered_while_it_is_folded(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    full_workspace(folder).database.close()
    with Server(folder) as server:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{server.address}/train")
        everything, augmentation = (
            page.get_by_text(name, exact=True) for name in ("All settings", "Augmentation")
        )
        noise = page.locator(".st-key-new-run-FAST-augmentation-noise_sigma input")
        everything.wait_for()
        settled(page)
        assert not noise.count()
        everything.click()
        augmentation.click()
        noise.fill("0.3")
        noise.press("Tab")
        page.wait_for_url("**augmentation.noise_sigma=0.3**")
        settled(page)
        everything.click()
        noise.wait_for(state="detached")
        epochs = page.locator(".st-key-new-run-FAST-epochs input")
        epochs.fill("7")
        epochs.press("Tab")
        page.wait_for_url("**epochs=7**")
        settled(page)
        everything.click()
        augmentation.wait_for()
        settled(page)
        if not noise.count():  # whether it was open is forgotten, its fields are not
            augmentation.click()
        noise.wait_for()
        assert float(noise.input_value()) == 0.3


def test_the_mark_of_help_beside_a_switch_leaves_the_switch_as_it_is(context: Any) -> None:
    page = context.new_page()
    page.set_content(
        "<label><input type='checkbox'> <b>Relabel</b> "
        "<span data-testid='stTooltipIcon'><button type='button'>?</button></span></label>"
        "<script>document.querySelector('label').onpointerdown = () => { window.pressed = true; }</script>"
    )
    script = SCRIPT.with_name("quiet_help.js").read_text("utf-8")
    page.add_script_tag(content=script, type="module")
    page.click("button")
    assert not page.evaluate("window.pressed ?? document.querySelector('input').checked")
    page.click("b")
    assert page.evaluate("window.pressed && document.querySelector('input').checked")
