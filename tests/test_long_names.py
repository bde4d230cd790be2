"""Long names leave their room to what stands beside them: columns of tables, stages of the round."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit import dataframe_util
from streamlit.testing.v1 import AppTest

from support import pages_workspace as rooms

LONG = "efficientnet_v2_s_luminous-red-galaxies_learning-rate-0.001_seed-"
RUNS = [f"{LONG}{seed}" for seed in (1, 2)]
VERSION = "KiDS_DR4_tile-180.0_-0.5_luminous-red-galaxies-frozen"
SHORT_RUNS = ["efficientnet_v2…e-0.001_seed-1", "efficientnet_v2…e-0.001_seed-2"]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    ws = rooms.Workspace.open(tmp_path / "workspace")
    source = rooms.add_survey(ws)
    dataset = rooms.add_dataset(ws, source, VERSION)
    for name in RUNS:
        rooms.add_evaluation(ws, rooms.add_run(ws, dataset, name), dataset)
    rooms.add_scores(ws, rooms.runs.get_run(ws.database, RUNS[0]), source)


def cells(page: AppTest, column: str) -> list[tuple[list[str], list[str]]]:
    """Return what each table with a column of this name holds there, and what it shows."""
    found = []
    for element in page.dataframe:
        shown = dataframe_util.convert_arrow_bytes_to_pandas_df(
            element.proto.arrow_data.styler.display_values
        )
        if column in element.value:
            place = list(element.value).index(column)
            found.append((element.value[column].tolist(), shown.iloc[:, place].tolist()))
    return found


@pytest.mark.parametrize(
    ("page", "address"),
    [("train", {"run": RUNS[0]}), ("compare", {"compare": ",".join(RUNS), "view": "costs"})],
)
def test_a_table_shows_both_ends_of_the_names_of_runs(page: str, address: dict[str, Any]) -> None:
    found = cells(rooms.open_page(page, **address), "run")
    assert found
    assert all(sorted(held) == RUNS and sorted(shown) == SHORT_RUNS for held, shown in found)


def test_a_table_shows_both_ends_of_the_names_of_versions() -> None:
    assert cells(rooms.open_page("split"), "version") == [([VERSION], ["KiDS_DR4_tile-1…alaxies-frozen"])]


def test_columns_that_are_runs_have_both_ends_of_their_names_as_titles() -> None:
    page = rooms.open_page("evaluate", run=RUNS[0])
    tables = [element.proto for element in page.dataframe if RUNS[0] in element.value]
    assert tables
    assert all(json.loads(table.columns)[RUNS[0]]["label"] == SHORT_RUNS[0] for table in tables)


def test_a_stage_of_the_round_leaves_a_long_name_to_its_hint() -> None:
    page = rooms.open_page("train", run=RUNS[1])
    scores = next(one.proto for one in page.get("page_link") if one.proto.label.startswith("Scores"))
    assert scores.label == "Scores 40"
    assert RUNS[0] in scores.help
