"""One reader for catalogues, votes, scores and known lenses: whatever shape a text table comes in."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from lensapp.core.data.column_names import parse_labels
from lensapp.core.data.no_data import no_data_values
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.table_files import read_columns, read_table
from lensapp.services.data.known_lenses import read_known_lenses
from lensapp.services.evaluate.metrics_table import metrics_of_table
from lensapp.services.inspect.vote_import import read_vote_table

EXPECTED = {"id": ["A1", "A2"], "ra": ["150.25", "10.5"], "dec": ["2.5", "-30.25"]}
SHAPES = {
    "plain": b"id,ra,dec\nA1,150.25,2.5\nA2,10.5,-30.25\n",
    "comma at the end of rows": b"id,ra,dec\nA1,150.25,2.5,\nA2,10.5,-30.25,\n",
    "commas at the end of some rows": b"id,ra,dec\nA1,150.25,2.5\nA2,10.5,-30.25,,\n",
    "comma at the end of all lines": b"id,ra,dec,\nA1,150.25,2.5,\nA2,10.5,-30.25,\n",
    "byte-order mark": b"\xef\xbb\xbfid,ra,dec\r\nA1,150.25,2.5\r\nA2,10.5,-30.25\r\n",
    "UTF-16": "id\tra\tdec\nA1\t150.25\t2.5\nA2\t10.5\t-30.25\n".encode("utf-16"),
    "semicolons and decimal commas": b"id;ra;dec\nA1;150,25;2,5\nA2;10,5;-30,25\n",
    "tabs": b"id\tra\tdec\nA1\t150.25\t2.5\nA2\t10.5\t-30.25\n",
    "bars": b"id|ra|dec\nA1|150.25|2.5\nA2|10.5|-30.25\n",
    "blanks": b"id   ra     dec\nA1  150.25  2.5\nA2   10.5 -30.25\n",
    "comments before": b"# made by X\n# ra, dec in degrees\nid,ra,dec\nA1,150.25,2.5\nA2,10.5,-30.25\n",
    "the header is a comment": b"# id ra dec\nA1 150.25 2.5\nA2 10.5 -30.25\n",
    "sep= of a spreadsheet": b"sep=;\nid;ra;dec\nA1;150.25;2.5\nA2;10.5;-30.25\n",
    "lines of units and dashes": b"#RESOURCE\nid\tra\tdec\n\tdeg\tdeg\n---\t---\t---\n"
    b"A1\t150.25\t2.5\nA2\t10.5\t-30.25\n",
    "quotes": b'"id","ra","dec"\n"A1","150.25","2.5"\n"A2","10.5","-30.25"\n',
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_text_table_gives_the_same_columns(tmp_path, shape):
    path = tmp_path / "t.csv"
    path.write_bytes(SHAPES[shape])
    assert read_columns(path) == EXPECTED
    assert read_known_lenses(path).ra_deg.tolist() == [150.25, 10.5]
    votes = read_vote_table(path, {"grade": "ra"})
    assert votes.cells["id"] == ["A1", "A2"]


def test_cells_without_a_name_are_refused_not_shifted(tmp_path):
    (tmp_path / "t.csv").write_text("ra,dec\nA1,150.25,2.5\n")
    with pytest.raises(InvalidInput, match="more cells than its header"):
        read_columns(tmp_path / "t.csv")
    (tmp_path / "u.csv").write_text("id,ra\n" + "A1,150.25\n" * 40 + "A2,10.5,-30,9,9\n")
    with pytest.raises(InvalidInput, match="readable catalogue"):
        read_columns(tmp_path / "u.csv")


def test_texts_of_the_windows_alphabet_are_read(tmp_path):
    (tmp_path / "t.csv").write_bytes("id;note\nété;ß\n".encode("cp1252"))
    assert read_columns(tmp_path / "t.csv") == {"id": ["été"], "note": ["ß"]}


def test_lists_in_a_table_of_semicolons_are_not_taken_for_decimal_commas(tmp_path):
    (tmp_path / "t.csv").write_text("id;bands\nA;1,2,3\nB;4,5\n")
    assert read_columns(tmp_path / "t.csv")["bands"] == ["1,2,3", "4,5"]


def test_units_are_read_from_every_format_that_declares_them(tmp_path):
    table = Table({"ra": [0.1], "dec": [0.2]}, units={"ra": "rad", "dec": "rad"})
    for ending, kind in {
        "fits": "fits",
        "vot": "votable",
        "ecsv": "ascii.ecsv",
        "parquet": "parquet",
    }.items():
        table.write(tmp_path / f"t.{ending}", format=kind)
        assert read_table(tmp_path / f"t.{ending}").units == {"ra": "rad", "dec": "rad"}
    (tmp_path / "t.tsv").write_bytes(SHAPES["lines of units and dashes"])
    assert read_table(tmp_path / "t.tsv").units == {"ra": "deg", "dec": "deg"}


def test_the_objects_of_an_ldac_catalogue_are_read(tmp_path):
    head = fits.BinTableHDU(Table({"Field Header Card": ["SIMPLE = T"]}), name="LDAC_IMHEAD")
    objects = fits.BinTableHDU(Table({"NUMBER": [1, 2], "ALPHA_J2000": [3.0, 4.0]}), name="LDAC_OBJECTS")
    fits.HDUList([fits.PrimaryHDU(), head, objects]).writeto(tmp_path / "t.fits")
    assert read_columns(tmp_path / "t.fits") == {"NUMBER": [1, 2], "ALPHA_J2000": [3.0, 4.0]}


SCORES, TRUTH = [0.9, 0.2, 0.6, 0.4, 0.1], [1, 0, 1, 1, 0]
WRITTEN = {
    "byte-order mark": ("\ufeff", "p,y\n", "{p},{y}\n"),
    "semicolons": ("", "id;p;y\n", "x;{p};{y}\n"),
    "decimal commas": ("", "id;p;y\n", "x;{comma};{y}.0\n"),
    "a comma at the end": ("", "id,p,y\n", "x,{p},{y},\n"),
    "tabs": ("", "p\ty\n", "{p}\t{y}\n"),
    "a head": ("# by X\n", "p,y\n", "{p},{y}.0\n"),
    "words": ("", "p,y\n", "{p},{word}\n"),
}


@pytest.mark.parametrize("shape", WRITTEN)
def test_score_tables_of_every_shape_give_the_same_figures(tmp_path, shape):
    head, names, row = WRITTEN[shape]
    rows = [
        row.format(p=p, y=y, comma=str(p).replace(".", ","), word="Strong lens" if y else "Non-Lens")
        for p, y in zip(SCORES, TRUTH, strict=True)
    ]
    path = tmp_path / "t.csv"
    path.write_text(head + names + "".join(rows), "utf-8")
    found = metrics_of_table(path, score="p", label="y")
    assert found["auroc"] == 1.0  # by hand: each of 0.9, 0.6, 0.4 is above 0.2 and 0.1
    assert json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    "word",
    ["non-lens", "Non Lens", "NON_LENS", "nonlens", "not a lens", "not-lensed", "no lens", "unlensed",
     "non\u2010lens", "Not lens", "0", "0.0", "FALSE", "non-lenses", "not a strong lens"],
)  # fmt: skip
def test_nonlens_is_understood_in_any_spelling(word):
    assert parse_labels([word, "lens", "Gravitational lens", "1.0"]) == ["nonlens", "lens", "lens", "lens"]


@pytest.mark.parametrize(
    "value", [-1, "-1", "-99", -99.0, "9999", 1e20, "1e20", "masked", "N/A", -32768, None]
)
def test_a_no_data_value_is_no_label(value):
    assert parse_labels([1, value, 0]) == ["lens", None, "nonlens"]
    assert parse_labels([0.9, value, 0.1], threshold=0.5) == ["lens", None, "nonlens"]


def test_a_value_among_its_like_is_data():
    assert no_data_values([1.0, 50.0, 99.0]) == frozenset()
    assert no_data_values([-3.0, -1.0, 2.0]) == frozenset()
    assert no_data_values([0.3, 1.7, -99.0, 99.99]) == {-99.0, 99.99}
    assert no_data_values(np.array([0.0, 1.0, -1.0])) == {-1.0}
