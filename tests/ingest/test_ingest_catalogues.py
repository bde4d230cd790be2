"""Catalogues of every format are joined by file, ID or position; labels are read or refused."""

import warnings

import numpy as np
import pytest
from astropy.table import Table

from lensapp.core.data.column_names import column_label, parse_label
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.sky import sky_groups
from lensapp.core.errors import InvalidInput
from lensapp.ingest.catalogues import load_catalogue, plain
from lensapp.ingest.formats.table_files import read_columns
from lensapp.ingest.importer import run_import
from lensapp.ingest.preview import make_preview
from lensapp.storage.sources import cutout_columns, get_source
from lensapp.storage.workspace import Workspace
from support.cutout_files import cutout, header, write_bands, write_fits

TABLE = {
    "SourceID": ["obj0", "obj1", "obj2"],
    "RA [deg]": [150.0, 150.1, 150.2],
    "Dec [deg]": [2.0, 2.0, 2.0],
    "is_lens": [1, 0, 1],
    "z": [0.5, np.nan, 0.7],
}


def preview(path, **values):
    return make_preview(IngestSpec.parse({"path": str(path), **values}))


@pytest.mark.parametrize("suffix", ["csv", "ecsv", "fits", "vot", "parquet", "tsv"])
def test_every_format_gives_the_same_labels_and_positions(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    kinds = {"vot": "votable", "csv": "ascii.csv", "ecsv": "ascii.ecsv", "tsv": "ascii.tab", "fits": "fits"}
    if suffix == "parquet":
        Table(TABLE).to_pandas().to_parquet(path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the names of columns in VOTables
            Table(TABLE).write(path, format=kinds[suffix])
    found = load_catalogue(path, label_column="IS_LENS")
    assert found.ids == ["obj0", "obj1", "obj2"]
    assert found.labels == ["lens", "nonlens", "lens"]
    assert found.position(2) == pytest.approx((150.2, 2.0))
    assert "z" not in found.properties(1)
    assert found.properties(0)["z"] == 0.5


def test_a_catalogue_among_the_files_is_not_said_to_be_left_out(tmp_path):
    for index in range(3):
        write_fits(tmp_path / f"obj{index}.fits", cutout(index), header())
    (tmp_path / "truth.csv").write_text("object_id,is_lens\nobj0,1\nobj1,0\nobj2,0\n")
    for name in ("notes.txt", "LICENSE", "README.md"):  # papers of a data set are no news
        (tmp_path / name).write_text("clouds\n")
    offered = "truth.csv lies beside the images, not used yet: it can be the --catalogue."
    assert offered in preview(tmp_path, bands=("g",)).warnings
    told = preview(tmp_path, catalogue=str(tmp_path / "truth.csv"), label_column="is_lens", bands=("g",))
    assert told.matched == 3
    assert [text for text in told.warnings if "left out" in text] == [
        "1 other file is no image of this kind and left out: notes.txt."
    ]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("einstein_radius_arcsec", "Einstein radius (arcsec)"),
        ("velocity_dispersion_km_s", "velocity dispersion (km/s)"),
        ("mag_g", "mag g"),
        ("arc_snr", "arc S/N"),
        ("counts_per_pixels", "counts per pixels"),
        ("FLUX_RADIUS", "FLUX_RADIUS"),
        ("seeing_arcsec_g", "seeing g (arcsec)"),
        ("sersic_index", "Sérsic index"),
        ("shear_g1", "shear g₁"),
        ("redshift", "redshift"),
    ],
)
def test_columns_are_labelled_in_a_readers_words_with_their_units(name, label):
    assert column_label(name) == label


def test_a_unit_that_the_catalogue_tells_is_said_once():
    assert column_label("R_EFF", unit="kpc") == "R_EFF (kpc)"
    assert column_label("seeing_arcsec", unit="arcsec") == "seeing (arcsec)"


def test_ids_are_texts_and_keep_their_zeros(tmp_path):
    (tmp_path / "a.csv").write_text("object_id,ra,dec,note\n00012,1,2,0012\n7,1,2,3.5\n")
    found = load_catalogue(tmp_path / "a.csv")
    assert found.ids == ["00012", "7"]
    assert (found.properties(0)["note"], found.properties(1)["note"]) == ("0012", 3.5)
    assert (plain("1_000"), plain("-0.5"), plain("0"), plain(b"x".decode()), plain("nan")) == (
        "1_000",
        -0.5,
        0,
        "x",
        None,
    )


def test_candidates_join_by_id_and_catalogue_positions_go_before_headers(tmp_path):
    write_bands(tmp_path / "tree")
    Table(TABLE).write(tmp_path / "t.csv")
    found = preview(tmp_path / "tree", catalogue=str(tmp_path / "t.csv"), label_column="is_lens")
    assert (found.matched, found.labels["lens"], found.labels["nonlens"]) == (3, 2, 1)
    assert found.positions["catalogue"] == 3


@pytest.mark.parametrize(
    ("files", "rows", "pattern"),
    [("KiDS-10{}_recons", "KiDS-10{}", "(.+)_recons"), ("KiDS-10{}", "KiDS-10{}_v2", "(.+?)(_v2)?$"),
     ("cut_{}_new", "obj {}", r"\D*(\d+)")],
)  # fmt: skip
def test_ids_with_a_suffix_join_by_a_pattern_and_the_dry_run_says_how_many(tmp_path, files, rows, pattern):
    folder = tmp_path / "cutouts"
    folder.mkdir()
    for number in range(4):
        write_fits(folder / f"{files.format(number)}.fits", cutout(number), header())
    lines = [f"{rows.format(number)},{number % 2}" for number in range(3)]
    (tmp_path / "t.csv").write_text("\n".join(["object_id,is_lens", *lines]))
    settings = {"catalogue": str(tmp_path / "t.csv"), "label_column": "is_lens", "bands": ["r"]}
    assert preview(folder, **settings).matched == 0
    found = preview(folder, **settings, id_pattern=pattern)
    assert (found.matched, found.labels) == (3, {"lens": 1, "nonlens": 2, "none": 1})
    assert list(found.shared_ids) == [files.format(number) for number in range(4)]
    for wrong, message in (("(", "no regular expression"), ("x+", "needs a group")):
        with pytest.raises(InvalidInput, match=message):
            preview(folder, **settings, id_pattern=wrong)


def test_candidates_join_by_position_within_the_radius(tmp_path):
    write_bands(tmp_path / "tree")
    (tmp_path / "t.csv").write_text(f"ra,dec,is_lens\n{150 + 0.4 / 3600},2.0,1\n150.1,{2 + 3 / 3600},0\n")
    settings = {"catalogue": str(tmp_path / "t.csv"), "label_column": "is_lens", "join": "position"}
    assert preview(tmp_path / "tree", **settings).labels == {"lens": 1, "nonlens": 0, "none": 2}
    assert preview(tmp_path / "tree", **settings, join_radius_arcsec=5.0).labels["nonlens"] == 1


def test_a_join_by_position_without_positions_is_refused(tmp_path):
    write_fits(tmp_path / "a" / "1.fits", cutout())
    (tmp_path / "t.csv").write_text("ra,dec\n1,2\n")
    with pytest.raises(InvalidInput, match="Join by ID"):
        preview(tmp_path / "a", bands=["r"], catalogue=str(tmp_path / "t.csv"), join="position")


def test_a_file_column_tells_equal_ids_apart(tmp_path):
    for folder in ("ground", "space"):
        write_fits(tmp_path / folder / "7.fits", cutout(len(folder)))
    (tmp_path / "t.csv").write_text("file,ID,is_lens\nground/7.fits,7,1\nspace/7.fits,7,0\n")
    settings = {"bands": ["r"], "catalogue": str(tmp_path / "t.csv"), "label_column": "is_lens"}
    assert preview(tmp_path / "ground", **settings).labels["lens"] == 1
    assert preview(tmp_path / "space", **settings).labels["nonlens"] == 1


def test_rows_that_contradict_each_other_reject_the_candidate(tmp_path):
    write_fits(tmp_path / "a" / "7.fits", cutout())
    write_fits(tmp_path / "a" / "8.fits", cutout(1))
    (tmp_path / "t.csv").write_text("ID,is_lens\n7,1\n7,0\n8,1\n8,1\n")
    found = preview(tmp_path / "a", bands=["r"], catalogue=str(tmp_path / "t.csv"), label_column="is_lens")
    assert [(r.file, r.code) for r in found.rejected] == [("7.fits", "label")]
    assert found.labels["lens"] == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "lens"),
        ("0.0", "nonlens"),
        (True, "lens"),
        ("Non-Lens", "nonlens"),
        ("not a lens", "nonlens"),
        ("", None),
    ],
)
def test_labels_are_read_in_any_spelling(value, expected):
    assert parse_label(value) == expected


def test_ambiguous_labels_need_a_threshold():
    with pytest.raises(InvalidInput, match="threshold"):
        parse_label("2.5")
    with pytest.raises(InvalidInput, match="holds 'B'"):
        parse_label("B")
    assert parse_label("2.5", threshold=1.5) == "lens"
    with pytest.raises(InvalidInput, match="threshold needs numbers"):
        parse_label("A", threshold=1.5)


def test_catalogues_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="readable catalogue"):
        read_columns(tmp_path / "absent.csv")
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(InvalidInput, match="catalogue"):
        read_columns(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("flux\n1\n")
    with pytest.raises(InvalidInput, match="columns for IDs"):
        load_catalogue(tmp_path / "b.csv")
    (tmp_path / "c.fits").write_bytes(b"SIMPLE")
    with pytest.raises(InvalidInput, match="readable catalogue"):
        read_columns(tmp_path / "c.fits")
    with pytest.raises(InvalidInput, match="Convert it"):
        read_columns(tmp_path / "d.docx")


def test_header_positions_of_the_parent_tile_are_not_used(tmp_path):
    for number in range(6):
        write_fits(tmp_path / f"{number}.fits", cutout(number), header(10.0, 20.0))
    found = preview(tmp_path, bands=["r"])
    assert found.positions == {"catalogue": 0, "wcs": 0, "keyword": 0, "none": 6}
    assert "the tile they were cut from" in found.warnings[0]


def test_positions_of_a_few_tiles_are_not_used(tmp_path):
    for index in range(12):
        tile = header(10.0 + index % 3, 20.0, CRPIX1=2000.5, CRPIX2=2000.5)
        write_fits(tmp_path / f"obj{index}.fits", cutout(index), tile)
    assert preview(tmp_path, bands=["r"]).positions == {"catalogue": 0, "wcs": 0, "keyword": 0, "none": 12}


@pytest.mark.parametrize("reference", [4.5, 2000.5])
def test_positions_of_several_epochs_are_kept_and_a_split_keeps_them_together(tmp_path, reference):
    ws = Workspace.open(tmp_path / "ws")
    for index in range(20):
        epoch = header(10.0 + index // 4, 0.0, CRPIX1=reference + 100 * (reference > 8) * (index // 4))
        write_fits(tmp_path / "in" / f"obj{index // 4}_ep{index % 4}.fits", cutout(index), epoch)
    spec = IngestSpec.parse({"path": str(tmp_path / "in"), "bands": ["r"]})
    run_import(ws, name="s", spec=spec, processes=1)
    names = ("candidate_id", "ra_deg", "dec_deg")
    columns = cutout_columns(ws.database, [get_source(ws.database, "s").id], columns=names)
    assert np.isfinite(columns["ra_deg"]).all()
    groups = sky_groups(columns["ra_deg"], columns["dec_deg"], radius_arcsec=10.0)
    objects = [name.split("_")[0] for name in columns["candidate_id"]]
    assert len(set(zip(objects, groups.tolist(), strict=True))) == len(set(groups.tolist())) == 5


def test_headers_that_point_elsewhere_are_counted(tmp_path):
    write_bands(tmp_path / "tree")
    Table({**TABLE, "RA [deg]": [10.0, 150.1, 150.2]}).write(tmp_path / "t.csv")
    found = preview(tmp_path / "tree", catalogue=str(tmp_path / "t.csv"))
    assert any(warning.startswith("1 headers point outside") for warning in found.warnings)


@pytest.mark.parametrize(
    "wrong", [{"RA [deg]": [10.0, 10.1, 10.2]}, {"RA [deg]": [2.0] * 3, "Dec [deg]": [50.0, 50.1, 50.2]}]
)
def test_a_catalogue_that_contradicts_every_header_is_doubted(tmp_path, wrong):
    write_bands(tmp_path / "tree")
    Table({**TABLE, **wrong}).write(tmp_path / "t.csv")
    found = preview(tmp_path / "tree", catalogue=str(tmp_path / "t.csv"))
    assert any(
        warning.startswith("All 3 headers place their cutouts elsewhere") for warning in found.warnings
    )
    assert not any("point outside" in warning for warning in found.warnings)


def test_a_list_of_confirmed_lenses_is_labelled_as_a_whole(tmp_path):
    for number in range(3):
        write_fits(tmp_path / f"{number}.fits", cutout(number))
    found = preview(tmp_path, bands=["r"], same_label="lens")
    assert found.labels == {"lens": 3, "nonlens": 0, "none": 0}


def test_labels_have_one_origin():
    with pytest.raises(InvalidInput, match="choose one"):
        IngestSpec.parse({"path": "x", "same_label": "lens", "labels_from_folders": True})


def test_classes_and_parents_that_no_database_keeps_are_refused_with_their_length(tmp_path):
    for number in range(3):
        write_fits(tmp_path / "in" / f"A{number}.fits", cutout(number))
    rows = ["id,class,parent", f"A0,{'r' * 101},P", f"A1,ring,{'p' * 301}", f"A2,{'r' * 100},{'p' * 300}"]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    found = preview(tmp_path / "in", bands=["r"], catalogue=str(tmp_path / "t.csv"))
    assert found.accepted == 1
    assert [(one.file, one.code) for one in found.rejected] == [
        ("A0.fits", "too_long"),
        ("A1.fits", "too_long"),
    ]
    assert "has 101 characters; 100 are the most" in found.rejected[0].reason


def test_an_id_that_ends_like_a_file_stays_whole(tmp_path):
    for number, name in enumerate(["J1.fits.fits", "J2.fits.fz", "J3.fits"]):
        write_fits(tmp_path / "in" / name, cutout(number))
    (tmp_path / "t.csv").write_text("id,is_lens\nJ1.fits,1\nJ2,0\nJ3,1\n")
    found = preview(tmp_path / "in", bands=["r"], catalogue=str(tmp_path / "t.csv"), label_column="is_lens")
    assert found.image_ids == ["J1.fits", "J2", "J3"]
    assert found.labels == {"lens": 2, "nonlens": 1, "none": 0}
