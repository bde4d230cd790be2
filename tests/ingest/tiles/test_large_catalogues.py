"""Catalogues that are folders of Parquet files, partitioned or HATS, are read by batches; few rows stay."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table
from pyarrow import parquet

from ingest.tiles.survey_tiles import make_survey
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.ingest.catalogues import load_catalogue
from lensapp.ingest.formats.table_batches import READ_WHOLE_UP_TO
from lensapp.ingest.formats.table_files import read_table
from lensapp.ingest.gate.limits import limits
from lensapp.ingest.importer import run_import
from lensapp.ingest.large.parquet_tables import is_large
from lensapp.ingest.plan import make_plan
from lensapp.ingest.score_tables import read_score_table
from lensapp.services.data.filters import filter_columns, kept_ids
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace


def hats(folder: Path, table: Table) -> Path:
    """Write a table as a HATS catalogue of three partitions, one file and two in a folder of their own."""
    far = 2000
    columns = {
        "source_id": [str(one) for one in table["id"]] + [f"far-{k}" for k in range(far)],
        "RA_deg": np.append(np.asarray(table["ra"]), np.linspace(200, 210, far)),
        "DEC_deg": np.append(np.asarray(table["dec"]), np.linspace(-40, -30, far)),
        "ra": np.zeros(len(table) + far),  # not the positions, as the properties say
        "mag_i": np.append(np.asarray(table["mag_i"]), np.full(far, 30.0)),
        "field": pa.array([["EDF-N", None][k % 2] for k in range(len(table) + far)]).dictionary_encode(),
        "spectrum": [[1.0, 2.0]] * (len(table) + far),
    }
    whole = pa.table(columns)
    index = whole.schema.get_field_index("mag_i")
    whole = whole.cast(whole.schema.set(index, pa.field("mag_i", pa.float64(), metadata={"unit": "mag(AB)"})))
    folder.mkdir()
    data = folder / "dataset" / "Norder=0" / "Dir=0"
    cuts = (0, len(table) // 2, len(table), len(whole))
    names = ("Npix=3.parquet", "Npix=4/part0.parquet", "Npix=4/part1.parquet")
    for name, first, last in zip(names, cuts[:-1], cuts[1:], strict=True):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(whole.slice(first, last - first), data / name, row_group_size=7)
    parquet.write_metadata(whole.schema, folder / "dataset" / "_common_metadata")
    parquet.write_metadata(whole.schema, folder / "dataset" / "_metadata")
    (folder / "partition_info.csv").write_text("Norder,Npix\n0,3\n0,4\n")
    (folder / "hats.properties").write_text(
        "#HATS catalog\nobs_collection=euclid\ndataproduct_type=object\nhats_nrows=2100\n"
        "hats_col_ra=RA_deg\nhats_col_dec=DEC_deg\nhats_npix_suffix=/\n"
    )
    return folder


def test_tiles_are_cut_at_the_positions_of_a_hats_catalogue_with_all_its_columns(tmp_path):
    survey, ws = make_survey(tmp_path), Workspace.open(tmp_path / "ws")
    table = Table.read(survey.catalogue)
    (tmp_path / "collection").mkdir()
    (tmp_path / "collection" / "collection.properties").write_text("hats_primary_table_url=euclid\n")
    hats(tmp_path / "collection" / "euclid", table)
    usual = {"path": str(survey.folder), "layout": "tiles", "size": 24, "virtual": True}
    plain = run_import(ws, name="plain", spec=IngestSpec.parse(usual | {"catalogue": str(survey.catalogue)}))
    spec = IngestSpec.parse(usual | {"catalogue": str(tmp_path / "collection")})
    result = run_import(ws, name="hats", spec=spec)
    assert any("rows of collection belong to nothing imported" in one for one in result["warnings"])
    assert not any(one["file"].startswith("far-") for one in result["rejected"])
    assert result["accepted"] == plain["accepted"]
    found, expected = (
        sources.cutout_columns(ws.database, [sources.get_source(ws.database, name).id])
        for name in ("hats", "plain")
    )
    np.testing.assert_array_equal(found["candidate_id"], expected["candidate_id"])
    np.testing.assert_array_equal(found["ra_deg"], expected["ra_deg"])
    source = sources.get_source(ws.database, "hats")
    infos = {one.name: one for one in filter_columns(ws, [source])}
    assert (infos["mag_i"].unit, infos["field"].is_text) == ("mag(AB)", True)
    assert {"spectrum", "Norder", "Npix"}.isdisjoint(infos)
    magnitude = dict(zip(map(str, table["id"]), table["mag_i"], strict=True))
    kept = kept_ids(ws, source, "mag_i < 20 & field == 'EDF-N'")
    names = [one.candidate_id for one in sources.get_cutouts(ws.database, kept.tolist())]
    in_field = {str(name) for k, name in enumerate(table["id"]) if k % 2 == 0}
    imported = set(found["candidate_id"])
    assert set(names) == {one for one in imported & in_field if magnitude[one] < 20}


def test_of_a_partitioned_catalogue_only_the_rows_of_the_files_are_held(tmp_path):
    for number in (3, 40):
        fits.writeto(tmp_path / f"J{number}.fits", np.random.default_rng(number).normal(size=(8, 8)))
    catalogue = tmp_path / "parts"
    for field in ("EDF-N", "EDF-S"):
        (catalogue / f"field={field}").mkdir(parents=True)
        ids = np.arange(30) + (30 if field == "EDF-S" else 0)
        part = pa.table({"object_id": ids, "name": [f"J{k}" for k in ids], "z": ids / 10, "sort": [1] * 30})
        parquet.write_table(part, catalogue / f"field={field}" / "a.parquet")
    spec = IngestSpec(path=str(tmp_path), bands=("g",), catalogue=str(catalogue), id_column="name")
    held = make_plan(spec).catalogue
    assert held is not None
    assert held.ids == ["J3", "J40"]
    assert held.properties(1) == {"object_id": 40, "name": "J40", "z": 4.0, "sort": 1, "field": "EDF-S"}
    with pytest.raises(InvalidInput, match="None of the 60 rows of parts belongs"):
        make_plan(spec.replaced(id_column="object_id"))


def test_a_folder_without_tables_and_a_damaged_one_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds no Parquet files"):
        load_catalogue(tmp_path / "empty")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InvalidInput, match="is not a readable catalogue"):
        load_catalogue(tmp_path / "bad")


def test_a_parquet_file_read_by_batches_is_not_refused_for_all_the_cells_it_holds(tmp_path, monkeypatch):
    count = READ_WHOLE_UP_TO + 1
    path = tmp_path / "large.parquet"
    columns = {"object_id": np.arange(count), "score": np.linspace(0, 1, count), "ra": np.full(count, 10.0)}
    parquet.write_table(pa.table(columns | {"dec": np.linspace(0, 1, count)}), path)
    limits.cache_clear()
    monkeypatch.setenv("LENSAPP_LIMIT_CELLS", str(count))
    try:
        assert is_large(path)
        scores = read_score_table(path, ScoreTableSpec(scores=("score",)))
        with pytest.raises(InvalidInput, match="50001 rows of 4 columns, more than 50001 cells"):
            read_table(path)
    finally:
        limits.cache_clear()
    assert (len(scores), scores.ids[-1]) == (count, "50000")
