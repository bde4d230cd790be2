"""Stars and comments of inspectors in catalogues and exports."""

import pandas as pd
import pytest
from astropy.table import Table

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.services.catalogue.export import export
from lensapp.services.catalogue.query import catalogue
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from support.pages_workspace import full_workspace


def note(ws: Workspace, seq: int, cutout_id: int, inspector: str, **said: object) -> None:
    review = reviews.get_review(ws.database, "round-1")
    vote = {
        "client": "notes-0001", "seq": seq, "review_id": review.id, "cutout_id": cutout_id,
        "inspector": inspector, "grade": "A", "voted_at": 1.8e9 + seq,
    }  # fmt: skip
    reviews.add_votes(ws.database, [vote | said])


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = full_workspace(tmp_path_factory.mktemp("notes") / "ws")
    assert "stars" not in catalogue(made, CatalogueQuery(of=("sky",)))  # nobody has said anything yet
    note(made, 1, 1, "Ada", starred=True, comment="blue arc, north")
    note(made, 2, 1, "Grace", starred=True, comment="agreed")
    note(made, 3, 2, "Ada", starred=True, comment="=1+1")
    note(made, 4, 2, "Ada", starred=False, comment=None)
    note(made, 5, 3, "Grace", grade=None, comment="look again")
    return made


def test_the_newest_star_and_comment_of_each_inspector_stand_in_the_catalogue(ws: Workspace) -> None:
    rows = catalogue(ws, CatalogueQuery(of=("sky",))).set_index("cutout_id")
    assert rows.loc[[1, 2, 3, 4], "stars"].tolist() == [2, 0, 0, 0]
    assert rows.loc[1, "comments"] == "Ada: blue arc, north | Grace: agreed"
    assert rows.loc[[2, 3, 4], "comments"].tolist() == ["", "Grace: look again", ""]


@pytest.mark.parametrize("ending", [".csv", ".ecsv", ".fits", ".parquet", ".vot"])
def test_they_go_out_in_every_format(ws: Workspace, ending: str) -> None:
    out = ws.exports_folder / f"noted{ending}"
    out.parent.mkdir(exist_ok=True)
    export(ws, CatalogueQuery(of=("sky",)), out=out)
    if ending == ".csv":
        table = pd.read_csv(out, keep_default_na=False, comment="#")
    elif ending == ".parquet":
        table = pd.read_parquet(out)
    else:
        read = Table.read(out)
        read.convert_bytestring_to_unicode()  # as which FITS keeps texts
        table = read.to_pandas()
    row = next(one for one in table.to_dict("records") if str(one["id"]).strip() == "J0000")
    assert int(row["stars"]) == 2
    assert str(row["comments"]).strip() == "Ada: blue arc, north | Grace: agreed"
