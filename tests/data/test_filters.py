"""Filters mean what they mean in SQL and in pandas, evaluate nothing else, and name what is wrong."""

import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from lensapp.core.data.conditions import Texts, parse_filter, spelling_of
from lensapp.core.errors import InvalidInput
from lensapp.services.data.filters import (
    catalogue_columns,
    example_filter,
    filter_columns,
    in_reading_order,
    kept_ids,
    number_columns,
)
from lensapp.storage import sources
from lensapp.storage.columns import source_columns
from lensapp.storage.columns.filtering import kept_by
from lensapp.storage.workspace import Workspace
from lensapp.ui.data.catalogue_view import filled_first
from lensapp.ui.shared.filters import filter_help
from support.small_surveys import add_source

TABLE = {
    "mag_i": [21.0, 23.0, None, 18.0, 22.0],
    "mag_g": [22.5, None, 24.0, 18.5, 22.5],
    "star": [0.1, 0.9, 0.2, None, 0.5],
    "field": ["EDF-N", "EDF-S", None, "EDF-N", "EDF-F"],
    "flag": [1, 0, 1, 0, 1],
}
SAME_IN_SQL = [
    ('mag_i < 22 & star < 0.5 & field == "EDF-N"', "mag_i < 22 AND star < 0.5 AND field = 'EDF-N'"),
    ("mag_i < 22 | star < 0.5", "mag_i < 22 OR star < 0.5"),
    ("~(mag_i < 22 | star < 0.5)", "NOT (mag_i < 22 OR star < 0.5)"),
    ("not mag_i < 22 and star >= 0.1", "NOT mag_i < 22 AND star >= 0.1"),
    ("18 < mag_i <= 22", "18 < mag_i AND mag_i <= 22"),
    ("mag_g - mag_i > 1 | star == 0.9", "mag_g - mag_i > 1 OR star = 0.9"),
    ('field in ["EDF-N", "EDF-F"]', "field IN ('EDF-N', 'EDF-F')"),
    ('field not in ("EDF-N", "EDF-F") & flag == 0', "field NOT IN ('EDF-N', 'EDF-F') AND flag = 0"),
    ("mag_i in [18, 23.0]", "mag_i IN (18, 23)"),
    ("field != 'EDF-N'", "field <> 'EDF-N'"),
    ("field > 'EDF-F'", "field > 'EDF-F'"),
    ("isnull(mag_i) | star.isnull()", "mag_i IS NULL OR star IS NULL"),
    ("notnull(field) && flag = 1", "field IS NOT NULL AND flag = 1"),
    ("1 / (flag - 1) < 0 || abs(mag_i - 20) < 1.5", "1 / (flag - 1) < 0 OR abs(mag_i - 20) < 1.5"),
    ("flag == True & -mag_i * 2 < -40", "flag = 1 AND -mag_i * 2 < -40"),
]


def columns() -> dict[str, np.ndarray | Texts]:
    numbers = {name: np.array(cells, float) for name, cells in TABLE.items() if name not in ("field", "flag")}
    return numbers | {"field": Texts.of(TABLE["field"]), "flag": np.array(TABLE["flag"], bool)}


@pytest.mark.parametrize(("text", "sql"), SAME_IN_SQL)
def test_unknown_values_are_treated_as_sql_treats_null(text: str, sql: str) -> None:
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE t ({', '.join(TABLE)})")
    database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", zip(*TABLE.values(), strict=True))
    chosen, broken = (
        [row for (row,) in database.execute(f"SELECT rowid - 1 FROM t WHERE {condition} ORDER BY 1")]  # noqa: S608 - of this file
        for condition in (sql, f"NOT ({sql})")
    )
    database.close()
    read = parse_filter(text)
    assert np.flatnonzero(read.holds(columns(), 5)).tolist() == chosen
    assert np.flatnonzero(read.fails(columns(), 5)).tolist() == broken


@pytest.mark.parametrize(
    "text",
    [
        'a < 0.5 & b > 0.3 | name == "x"',
        "~(a < 0.5) & (b > 0.3 | a + b > 1.2)",
        "`a b` > 0.5 and not name in ['x', 'y']",
        "0.2 < a < b < 0.9",
    ],
)
def test_whole_tables_are_filtered_as_by_pandas(text: str) -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.uniform(size=(200, 3)), columns=["a", "b", "a b"])
    frame["name"] = rng.choice(["x", "y", "z"], 200)
    held = {name: frame[name].to_numpy() for name in ("a", "b", "a b")} | {"name": Texts.of(frame["name"])}
    assert np.flatnonzero(parse_filter(text).holds(held, 200)).tolist() == frame.query(text).index.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "", "mag_i", "1 < 2", '__import__("os").system("true") == 1', "mag_i < (lambda: 1)()",
        "mag_i < star[0]",
        "mag_i < 10 ** 9", "mag_i is 3", "mag_i == None", "mag_i < 1; star > 2", "field in star", "mag_i <",
        'f"{star}" == 1', "[one for one in star] == 1", "mag_i < 1j", "(" * 300 + "star < 1" + ")" * 300,
        "not " * 100 + "star < 1", "mag_i\x00 < 1", "star < 1" + " & star < 1" * 400, "star := 1",
    ],
)  # fmt: skip
def test_nothing_is_evaluated_that_is_no_comparison(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"is no condition|are the most"):
        parse_filter(text)


def test_errors_name_the_column_and_those_spelt_alike() -> None:
    with pytest.raises(InvalidInput, match=r"There is no column 'mag_z'. Did you mean mag_"):
        parse_filter("mag_z < 3").holds(columns(), 5)
    with pytest.raises(InvalidInput, match=r"no column 'colour'. Choose among: mag_i, mag_g, star"):
        parse_filter("colour < 3").holds(columns(), 5)
    with pytest.raises(InvalidInput, match="mag_i holds numbers, 'bright' is text"):
        parse_filter('mag_i == "bright"').holds(columns(), 5)
    with pytest.raises(InvalidInput, match="field holds texts, such as 'EDF-N'"):
        parse_filter("field > 3").holds(columns(), 5)
    assert parse_filter("MAG_I < 22").holds(columns(), 5).tolist() == [True, False, False, True, False]


def test_numbers_among_texts_are_compared_as_numbers() -> None:
    mixed = {"zlens": Texts.of(["-", "0.5", "0.79 | nan", "2", None])}
    assert parse_filter("zlens > 0.4").holds(mixed, 5).tolist() == [False, True, False, True, False]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace.open(tmp_path_factory.mktemp("filters"))
    cells = [
        {"mag": 20 + row, "field": "EDF-N" if row % 2 else "EDF-S", "z": "-" if row else 0.5, "files": ["a"]}
        | ({"ra": 1.0} if row else {"seen": True})
        for row in range(6)
    ]
    rows = [
        {"candidate_id": f"J{k}", "ra_deg": 10.0 + k, "dec_deg": None, "label": "lens" if k < 2 else None}
        | {"properties": one, "row": 2 * k}
        for k, one in enumerate(cells)
    ]
    workspace.cutouts_folder("sky").mkdir(parents=True)
    source = add_source(workspace, "sky", cutouts=rows, finished=False)
    source_columns.complete_source(workspace, source.id, quality={"units": {"mag": "mag(AB)"}})
    other = [{"candidate_id": f"K{k}", "properties": {"mag": 21.5, "z": k}} for k in range(3)]
    add_source(workspace, "other", cutouts=other)
    return workspace


def test_the_columns_of_a_source_stand_in_a_file_with_types_and_units(ws: Workspace) -> None:
    schema = parquet.read_schema(ws.cutouts_folder("sky") / "columns.parquet")
    assert {name: str(schema.field(name).type) for name in ("mag", "field", "z", "seen", "catalogue.ra")} == {
        "mag": "int64", "field": "string", "z": "string", "seen": "bool", "catalogue.ra": "double",
    }  # fmt: skip
    assert "files" not in schema.names
    infos = {one.name: one for one in filter_columns(ws, [sources.get_source(ws.database, "sky")])}
    assert (infos["mag"].unit, infos["ra"].unit, infos["field"].is_text) == ("mag(AB)", "deg", True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("mag < 22", ["J0", "J1"]),
        ('label == "lens" & ra > 10.5', ["J1"]),
        ('isnull(label) & field == "EDF-N"', ["J3", "J5"]),
        ("seen == True", ["J0"]),
        ("`catalogue.ra` == 1 & catalogue.ra < 2 & mag > 24", ["J5"]),
        ('class == "spiral" | id in ["J4", "K1"]', ["J4"]),
        ("z > 0.2", ["J0"]),
        ('source == "sky" & mag == 22', ["J2"]),
    ],
)
def test_filters_read_the_catalogue_and_what_the_app_knows(
    ws: Workspace, text: str, names: list[str]
) -> None:
    kept = kept_ids(ws, sources.get_source(ws.database, "sky"), text)
    assert [one.candidate_id for one in sources.get_cutouts(ws.database, kept.tolist())] == names


def test_several_sources_are_filtered_in_any_order_beside_what_a_page_knows(ws: Workspace) -> None:
    owners = [sources.get_source(ws.database, name) for name in ("sky", "other")]
    ids = sources.cutout_columns(ws.database, [one.id for one in owners], columns=("id",))["id"][::-1]
    score = np.linspace(0, 1, 9)
    kept = kept_by(ws, owners, 'mag < 22 & (source == "sky" | z >= 1)', ids=ids, known={"score": score})
    assert [one.candidate_id for one in sources.get_cutouts(ws.database, ids[kept].tolist())] == [
        "K2", "K1", "J1", "J0",
    ]  # fmt: skip
    kept = kept_by(ws, owners, "score > 0.9 | field == 'EDF-N'", ids=ids, known={"score": score})
    assert [one.candidate_id for one in sources.get_cutouts(ws.database, ids[kept].tolist())] == [
        "J5", "J3", "J1", "J0",
    ]  # fmt: skip
    with pytest.raises(InvalidInput, match="no column 'score'"):
        kept_by(ws, owners, "score > 0.9", ids=ids)
    with pytest.raises(
        InvalidInput,
        match=r"no column 'xyq'\. Choose among: catalogue\.ra, field, mag, seen, z, score, source, id",
    ):
        kept_by(ws, owners, "xyq > 0.9", ids=ids, known={"score": score})


def test_a_source_of_an_earlier_time_gets_its_columns_when_asked(ws: Workspace, tmp_path: Path) -> None:
    old = Workspace.open(tmp_path)
    old.cutouts_folder("sky").mkdir(parents=True)
    source = add_source(old, count=4)
    written = old.cutouts_folder("sky") / "columns.parquet"
    assert not written.exists()
    assert len(kept_ids(old, source, "magnitude_r >= 18.1")) == 3
    assert parquet.read_table(written).num_rows == 4
    parquet.write_table(
        parquet.read_table(written).slice(0, 1).replace_schema_metadata({"source": "9"}), written
    )
    assert len(kept_ids(old, source, "magnitude_r < 18.3")) == 3  # the file was another source's


@pytest.mark.parametrize(
    ("properties", "example"),
    [
        ({"east_left": 1.0, "mag_error_g": 0.1, "mag_g": 20.0, "snr": 3.0}, "mag_g < 24"),
        ({"flags": 0.0, "x": 1.0, "snr": 30.0}, "snr < 34"),
        ({"east_left": 1.0, "north_deg": 2.0, "mag_error_g": 0.1}, ""),
    ],
)
def test_the_example_is_on_a_measure_and_near_its_median(tmp_path, properties, example):
    ws = Workspace.open(tmp_path)
    cutouts = [
        {"candidate_id": f"c{row}", "properties": {name: value + row for name, value in properties.items()}}
        for row in range(9)
    ]
    source = add_source(ws, "some", count=9, cutouts=cutouts)
    assert example_filter(ws, [source]) == example
    assert example_filter(ws, [source], known=["score"]) == (example or "score > 0.5")


def test_columns_are_read_magnitudes_first_in_the_order_of_bands_and_errors_last() -> None:
    names = [
        "colour_g_r",
        "flags",
        "mag_error_i",
        "mag_error_g",
        "mag_r",
        "mag_g",
        "snr",
        "half_light_radius_arcsec",
    ]
    assert in_reading_order(names, ("g", "r", "i")) == [
        *("mag_g", "mag_r", "half_light_radius_arcsec", "colour_g_r", "flags", "snr"),
        *("mag_error_g", "mag_error_i"),
    ]


def test_the_error_of_an_unknown_column_lists_a_few_and_says_how_many_more_there_are() -> None:
    every = [f"column_{place}" for place in range(30)]
    with pytest.raises(InvalidInput, match=r"'nosuch'\. Choose among: column_0, .*, column_7 and 22 more\."):
        spelling_of("nosuch", every)


def test_columns_of_a_catalogue_that_repeat_what_the_cutouts_know_are_left_out(ws: Workspace) -> None:
    def cutout(number: int) -> dict[str, object]:
        ra, label = 10.0 + number, ("lens", "nonlens")[number % 2]
        return {
            "candidate_id": f"{number}",
            "ra_deg": ra,
            "dec_deg": -1.0,
            "label": label,
            "properties": {
                "ra": ra, "RA_hms": ra + 1e-9 if number else None, "DEC_hms": "-1.0", "dec": number - 1.0,
                "objid": number, "is_lens": 1 - number % 2, "class": "spiral", "z": 0.1,
            },
        }  # fmt: skip

    source = add_source(ws, "joined", count=3, cutouts=[cutout(number) for number in range(3)])
    assert catalogue_columns(ws, source) == ["catalogue.class", "catalogue.dec", "z"]
    assert number_columns(ws, source) == ["catalogue.dec", "z"]
    assert "catalogue.ra" in [
        one.name for one in filter_columns(ws, [source])
    ]  # links that name it still work


def test_columns_that_most_rows_leave_empty_come_last_in_the_catalogue() -> None:
    columns = {"z": [0.5, None, None], "note": ["", "", "odd"], "id": list("abc"), "mag": [1, 2, 3]}
    assert list(filled_first(pd.DataFrame(columns))) == ["id", "mag", "z", "note"]
    assert list(filled_first(pd.DataFrame(columns).head(0))) == list(columns)


def test_the_help_of_a_filter_names_columns_of_the_source_alone() -> None:
    told = filter_help("snr < 34", ["candidate_id", "EDF field", "survey"])
    assert 'for example `snr < 34` or `survey == "…"`, joined' in told
    assert "`isnull(snr)`" in told
    assert "for example" not in filter_help("", [])
    assert not any(name in told for name in ("mag_i", "`field"))
