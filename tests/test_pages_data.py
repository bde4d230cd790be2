"""The data page on an empty workspace and on a small survey."""

from pathlib import Path

import pandas as pd
import pytest
from small_survey import make_survey
from streamlit.testing.v1 import AppTest

from lensapp.storage.workspace import Workspace
from lensapp.ui.data_views import safe_csv

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    return Workspace.open()


def open_data(**address: str) -> AppTest:
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    app.switch_page(str(PROJECT / "pages" / "data.py"))
    for key, value in address.items():
        app.query_params[key] = value
    return app.run()


def test_without_a_source_the_page_is_the_import(workspace):
    app = open_data()
    assert not app.exception
    assert app.title[0].value == "Import cutouts"


def test_the_contact_sheet_holds_a_tile_for_each_cutout(workspace):
    make_survey(workspace, count=20)
    app = open_data()
    assert not app.exception
    sheets = [element.value for element in app.main.get("html") if 'class="sheet"' in element.value]
    assert sheets[0].count("<figure>") == 20


def test_the_contact_sheet_follows_the_class(workspace):
    make_survey(workspace, count=20)
    app = open_data()
    app.button_group(key="class").set_value("lens").run()
    sheets = [element.value for element in app.main.get("html") if 'class="sheet"' in element.value]
    assert sheets[0].count("<figure>") == 5


@pytest.mark.parametrize("view", ["cutouts", "quality", "catalogue", "sky", "import"])
def test_every_view_of_a_small_survey_opens(workspace, view):
    make_survey(workspace)
    app = open_data(view=view)
    assert not app.exception
    assert view in app.query_params["view"]


def test_quality_tells_what_was_rejected_and_why(workspace):
    make_survey(workspace)
    app = open_data(view="quality")
    reasons = app.dataframe[0].value["reason"].tolist()
    assert reasons == ["Expected pixels, received only NaN.", "Expected FITS, received 3 bytes."]


def test_no_cell_of_a_downloaded_table_can_become_a_formula():
    table = pd.DataFrame({"candidate": ["=1+1", "@x", "plain"], "ra (deg)": [-1.0, 2.0, 3.0]})
    text = safe_csv(table)
    assert "'=1+1" in text
    assert "'@x" in text
    assert "\n-1.0" not in text
    assert "-1.0" in text
