"""A source whose pixels are away, as on a disk that is not mounted: pages say so and show what they can."""

import shutil
from pathlib import Path

import pytest

from lensapp.storage.cutouts import open_cutouts
from support.pages_workspace import full_workspace, open_page


@pytest.fixture
def without_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "workspace"
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(folder))
    ws = full_workspace(folder)
    open_cutouts(ws, "sky", calibrated=True)
    shutil.rmtree(ws.cutouts_folder("sky"))


def test_home_shows_its_other_cards_and_says_why_one_has_no_picture(without_pixels: None) -> None:
    page = open_page("home")
    cards = "".join(str(one.proto) for one in page.get("html"))
    assert "holds no packed cutouts" in cards
    assert {one.key for one in page.button if one.key and one.key.startswith("go-")} == {
        f"go-{name}" for name in ("data", "split", "train", "score", "inspect", "catalogue")
    }


@pytest.mark.parametrize("name", ["catalogue", "team"])
def test_tables_of_candidates_come_without_pictures(without_pixels: None, name: str) -> None:
    page = open_page(name, source="sky")
    tables = [one.value for one in page.dataframe if "image" in one.value]
    assert tables
    assert all(table["image"].isna().all() and table["id"].notna().all() for table in tables)
    assert any("Bring its disk back" in one.value for one in page.error)


def test_scores_are_drawn_and_can_be_reviewed(without_pixels: None) -> None:
    page = open_page("score", run="elu_cnn-1", source="sky")
    assert any("Bring its disk back" in one.value for one in page.error)
    assert any(one.label.startswith("Review the") for one in page.button)
    assert any("Your survey" in one.value for one in page.subheader)
