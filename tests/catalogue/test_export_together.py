"""Many people export, draw and keep tables at the same time: each gets what they asked for."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from astropy.table import Table

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.config import read_json, write_json
from lensapp.services.catalogue.usual_export import exported_bytes
from lensapp.services.data.known_lenses import keep_known_lenses, kept_known_lenses
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.catalogue_page import listed_catalogue
from support.pages_workspace import full_workspace

PEOPLE = 12


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return full_workspace(tmp_path / "workspace")


def all_at_once(actions: list[Callable[[], object]]) -> list[object]:
    """Do everything at the same moment; return what each gave, or raise what one raised."""
    start = threading.Barrier(len(actions))

    def act(action: Callable[[], object]) -> object:
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as people:
        return list(people.map(act, actions))


@pytest.mark.parametrize("ending", [".csv", ".fits"])
def test_everyone_downloads_their_own_rows(ws: Workspace, ending: str) -> None:
    queries = [
        CatalogueQuery(of=("sky",), grades=grades, reviews=("round-1",))
        for grades in (("A",), ("B",), ("X",), ("A", "B", "X"))
    ] * (PEOPLE // 4)
    wanted = [sorted(listed_catalogue(ws, query)["id"]) for query in queries]
    out = ws.exports_folder / f"sky{ending}"

    def download(query: CatalogueQuery) -> list[str]:
        data = io.BytesIO(exported_bytes(ws, query, out, out))
        table = pd.read_csv(data) if ending == ".csv" else Table.read(data, hdu=1).to_pandas()
        return sorted(name.decode() if isinstance(name, bytes) else name.strip() for name in table["id"])

    got = all_at_once([lambda query=query: download(query) for query in queries])
    assert got == wanted
    assert len({tuple(names) for names in wanted}) == 4
    assert not [path for path in ws.exports_folder.iterdir() if path.name.startswith(".")]


def test_everyone_keeps_a_whole_table_of_known_lenses_and_one_of_them_stays(ws: Workspace, tmp_path) -> None:
    def keep(count: int) -> int:
        path = tmp_path / str(count) / "known.csv"
        path.parent.mkdir()
        path.write_text("name,ra,dec\n" + "".join(f"L{row},{row},0\n" for row in range(count)), "utf-8")
        keep_known_lenses(ws, path)
        kept = kept_known_lenses(ws)
        assert kept is not None
        return len(kept)

    sizes = range(1, PEOPLE + 1)
    assert set(all_at_once([lambda size=size: keep(size) for size in sizes])) <= set(sizes)


def test_json_that_many_write_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    all_at_once([lambda place=place: write_json(path, {"place": [place] * 500}) for place in range(PEOPLE)])
    assert len(set(read_json(path)["place"])) == 1
    assert list(tmp_path.iterdir()) == [path]
