"""What a dry run says of files: counts, surveys, classes, and pictures as the source will show them."""

import numpy as np
import pytest
from astropy.io import fits

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import imported_of
from lensapp.ingest.importer import run_import
from lensapp.ingest.recognition.catalogue_look import make_look
from lensapp.ingest.recognition.surveys import survey_of
from lensapp.services.data.pictures import read_pictures
from lensapp.services.data.sources import make_dry_run
from lensapp.storage.sources import cutout_columns, get_source, list_rejections
from support.cutout_files import cutout, header, write_fits


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((12, 0, 0), "12"),
        ((7, 5, 0), "7 (5 of 12 rejected)"),
        ((256, 0, 9744), "10000 (256 read, none rejected)"),
        ((250, 6, 9744), "what is accepted of 10000 (6 of 256 read are rejected)"),
    ],
)
def test_a_count_of_an_import_is_said_in_one_way(counts, words):
    assert imported_of(*counts[:2], unread=counts[2]) == words


@pytest.mark.parametrize(
    ("cards", "name"),
    [
        ({"STK_TYPE": "DEEP_STACK"}, "PS1 stacks"),
        ({"TELESCOP": "CTIO 4.0-m telescope", "INSTRUME": "DECam"}, "DECam images"),
        ({"TELESCOP": "HST", "INSTRUME": "ACS"}, "HST images"),
        ({"SURVEY": "LegacySurvey", "INSTRUME": "DECam"}, "Legacy Surveys images"),
        ({"INSTRUME": "Hyper Suprime-Cam"}, "HSC images"),
        ({"OBJECT": "M 51"}, ""),
    ],
)
def test_headers_tell_whose_images_they_are(cards, name):
    assert survey_of([fits.Header(cards)]) == name


def mixed(tmp_path):
    """Four galaxies of three classes, and a copy of one."""
    for number in range(4):
        head = header(150.0 + number / 10, side=16, MAGZERO=27.0 + number / 10)
        write_fits(tmp_path / "in" / f"o{number}.fits", cutout(number, side=16), head)
    write_fits(tmp_path / "in" / "copy.fits", cutout(2, side=16), header(150.2, side=16, MAGZERO=27.2))
    table = tmp_path / "t.csv"
    table.write_text("id,kind,flag\no0,GALAXY,1\no1,LENS,0\no2,STAR,1\no3,QSO,\n")
    meanings = ("GALAXY=nonlens", "LENS=lens", "STAR=out", "QSO=none")
    return IngestSpec(
        path=str(tmp_path / "in"),
        bands=("r",),
        catalogue=str(table),
        label_column="kind",
        label_meanings=meanings,
    )


def test_classes_become_labels_as_said_and_the_dry_run_counts_what_the_import_does(ws, tmp_path):
    spec = mixed(tmp_path)
    dry_run = make_dry_run(spec)
    run_import(ws, name="mixed", spec=spec)
    source = get_source(ws.database, "mixed")
    rows = cutout_columns(ws.database, [source.id], columns=("id", "candidate_id", "label"))
    labels = dict(zip(rows["candidate_id"], rows["label"], strict=True))
    assert {name: labels[name] for name in ("o0", "o1", "o3")} == {"o0": "nonlens", "o1": "lens", "o3": None}
    codes = {rejection.file: rejection.code for rejection in list_rejections(ws.database, source.id)}
    assert codes["o2.fits"] in ("left_out", "duplicate_image")
    assert dry_run.preview.in_words() == imported_of(len(rows["id"]), len(codes))


def test_pictures_of_a_dry_run_are_those_of_the_contact_sheet(ws, tmp_path):
    for number, band in enumerate("grigri"):
        head = header(150.0 + number / 10, side=16, MAGZERO=27.0 + number)
        write_fits(tmp_path / f"o{number // 3}_{band}.fits", cutout(number, side=16), head)
    spec = IngestSpec(path=str(tmp_path))
    dry_run = make_dry_run(spec)
    run_import(ws, name="coloured", spec=spec)
    source = get_source(ws.database, "coloured")
    rows = cutout_columns(ws.database, [source.id], columns=("id",))
    cutouts, pictures = read_pictures(ws, source, rows["id"])
    assert dry_run.preview.image_ids == [one.candidate_id for one in cutouts]
    np.testing.assert_array_equal(dry_run.pictures, pictures)


@pytest.mark.parametrize(
    ("meanings", "words"),
    [
        (("GALAXY",), "GALAXY=nonlens"),
        (("GALAXY=maybe",), "GALAXY=nonlens"),
        (("A=lens", "A=out"), "one meaning"),
    ],
)
def test_meanings_of_labels_that_say_nothing_are_refused(meanings, words):
    with pytest.raises(InvalidInput, match=words):
        IngestSpec.parse(
            {"path": "x", "catalogue": "t.csv", "label_column": "kind", "label_meanings": meanings}
        )


def test_meanings_need_a_column_of_labels():
    with pytest.raises(InvalidInput, match="needs the column of the labels"):
        IngestSpec.parse({"path": "x", "label_meanings": ("A=lens",)})


def test_a_look_at_a_catalogue_tells_columns_and_the_values_of_those_with_few(tmp_path):
    lines = [f"g{number},{number / 10},-5,{'STAR' if number < 10 else 'GALAXY'}" for number in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["name,RA [deg],Dec [deg],kind", *lines]))
    look = make_look(str(tmp_path / "t.csv"))
    assert (look.rows, look.columns) == (40, ("name", "RA [deg]", "Dec [deg]", "kind"))
    assert (look.id_column, look.label_column, look.position_columns) == (
        "name",
        None,
        ("RA [deg]", "Dec [deg]"),
    )
    assert look.values["kind"] == {"GALAXY": 30, "STAR": 10}
    assert look.limits == {"RA [deg]": (0.0, 3.9)}  # in the others are texts, or few values
    assert "name" not in look.values


def test_a_column_of_few_numbers_has_limits_but_for_two_classes_and_no_data(tmp_path):
    rows = ["0.3,1,-99,1", "3.0,0,2.5,2", ",1,4,B", "1.7,0,3,3"]
    (tmp_path / "t.csv").write_text("\n".join(["grade,is_lens,mark,mixed", *rows]))
    look = make_look(str(tmp_path / "t.csv"))
    assert look.limits == {"grade": (0.3, 3.0), "mark": (2.5, 4.0)}
    assert set(look.values) == {"grade", "is_lens", "mark", "mixed"}


def test_a_look_at_a_catalogue_that_is_absent_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"does not exist\. Choose another file"):
        make_look(str(tmp_path / "absent.csv"))
