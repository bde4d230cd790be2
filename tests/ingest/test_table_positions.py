"""Positions in tables: every usual name and unit, right ascension on the circle, and no silent loss."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from astropy.table import QTable, Table

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.position_names import position_pairs
from lensapp.core.errors import InvalidInput
from lensapp.ingest.catalogues import load_catalogue
from lensapp.ingest.preview import make_preview
from lensapp.services.data.known_lenses import read_known_lenses
from support.cutout_files import cutout, header, write_fits

RA, DEC = [150.25, 10.5, 359.99], [2.5, -30.25, -1.0]
NAMES = [
    ("ra", "dec"), ("RA", "DEC"), ("RAdeg", "DEdeg"), ("ALPHA_J2000", "DELTA_J2000"),
    ("_RAJ2000", "_DEJ2000"), ("mean_ra", "mean_dec"), ("ALPHAWIN_J2000", "DELTAWIN_J2000"),
    ("ra_icrs", "de_icrs"), ("RA_ICRS", "DE_ICRS"), ("RAJ2000", "DEJ2000"), ("coord_ra", "coord_dec"),
    ("i_ra", "i_dec"), ("ra_1", "dec_1"), ("RIGHT_ASCENSION", "DECLINATION"), ("raMean", "decMean"),
    ("s_ra", "s_dec"), ("R.A.", "Decl."), ("RA (J2000)", "Dec (J2000)"), ("ra2000", "dec2000"),
    ("X_WORLD", "Y_WORLD"), ("target_ra", "target_dec"), ("meanra", "meandec"), ("ALPHA_SKY", "DELTA_SKY"),
]  # fmt: skip


def found(tmp_path, text, **settings):
    (tmp_path / "t.csv").write_text(text, "utf-8")
    return load_catalogue(tmp_path / "t.csv", **settings)


@pytest.mark.parametrize(("ra", "dec"), NAMES)
def test_positions_are_found_by_every_usual_name(tmp_path, ra, dec):
    table = Table({"ID": ["A1", "A2", "A3"], "e_" + ra: [1, 1, 1], ra: RA, dec: DEC, "z": [0.1, 0.2, 0.3]})
    table.write(tmp_path / "t.csv")
    catalogue = load_catalogue(tmp_path / "t.csv")
    np.testing.assert_allclose(catalogue.ra_deg, RA)
    np.testing.assert_allclose(catalogue.dec_deg, DEC)
    assert catalogue.warnings == ()


@pytest.mark.parametrize("names", [("ra_error", "dec_error"), ("pmra", "pmdec"), ("ra_b1950", "dec_b1950")])
def test_errors_motions_and_old_frames_are_no_positions(names):
    assert position_pairs(["id", *names]) == []


def test_declared_units_of_positions_are_converted_as_astropy_does(tmp_path):
    truth = SkyCoord(RA, DEC, unit="deg")
    for ra_unit, dec_unit in ((u.hourangle, u.deg), (u.rad, u.rad), (u.arcsec, u.arcmin), (u.deg, u.deg)):
        table = QTable({"id": ["a", "b", "c"], "ra": truth.ra.to(ra_unit), "dec": truth.dec.to(dec_unit)})
        table.write(tmp_path / "t.ecsv", overwrite=True)
        known = read_known_lenses(tmp_path / "t.ecsv")
        np.testing.assert_allclose(known.ra_deg, RA, atol=1e-9)
        np.testing.assert_allclose(known.dec_deg, DEC, atol=1e-9)
    QTable({"id": ["a", "b", "c"], "pos": truth.galactic}).write(tmp_path / "t.ecsv", overwrite=True)
    np.testing.assert_allclose(read_known_lenses(tmp_path / "t.ecsv").ra_deg, RA, atol=1e-9)


@pytest.mark.parametrize("head", ["ra [hours],dec [deg]", "ra_hours,dec_deg", "RA (hourangle),Dec (deg)"])
def test_units_in_the_names_of_columns_count(tmp_path, head):
    assert found(tmp_path, f"id,{head}\na,10.0,2.5\n").ra_deg.tolist() == [150.0]


@pytest.mark.parametrize(("separator", "pad"), [(":", True), (" ", True), ("hms", False)])
def test_sexagesimal_positions_are_read_as_astropy_writes_them(tmp_path, separator, pad):
    truth = SkyCoord([*RA, 0.1], [*DEC, -0.25], unit="deg")
    ra = truth.ra.to_string("hour", sep=separator, pad=pad, precision=6)
    dec = truth.dec.to_string("deg", sep="dms" if separator == "hms" else separator, pad=pad, precision=6)
    rows = "".join(f"o{k};{a};{d}\n" for k, (a, d) in enumerate(zip(ra, dec, strict=True)))
    catalogue = found(tmp_path, f"id;ra;dec\n{rows}")
    np.testing.assert_allclose(catalogue.ra_deg, truth.ra.deg, atol=1e-8)
    np.testing.assert_allclose(catalogue.dec_deg, truth.dec.deg, atol=1e-8)
    both = "".join(f"o{k};{a} {d}\n" for k, (a, d) in enumerate(zip(ra, dec, strict=True)))
    np.testing.assert_allclose(found(tmp_path, f"id;coords\n{both}").dec_deg, truth.dec.deg, atol=1e-8)


def test_the_seven_columns_of_published_tables_are_read(tmp_path):
    catalogue = found(tmp_path, "id,RAh,RAm,RAs,DE-,DEd,DEm,DEs\na,10,1,0.0,-,0,30,36.0\n")
    assert catalogue.ra_deg[0] == pytest.approx(Angle("10h1m0s").deg)
    assert catalogue.dec_deg[0] == pytest.approx(Angle("-0d30m36s").deg)


def test_right_ascension_is_taken_on_the_circle(tmp_path):
    catalogue = found(tmp_path, "id,ra,dec\na,-0.01,-1\nb,360,0\nc,370.5,0\nd,-180,0\ne,-1e-20,0\n")
    np.testing.assert_allclose(catalogue.ra_deg, [359.99, 0.0, 10.5, 180.0, 0.0])


def test_vizier_degrees_and_sexagesimal_give_the_same(tmp_path):
    text = "_RAJ2000\t_DEJ2000\tRAJ2000\tDEJ2000\tID\n150.25\t+2.5\t10 01 00.00\t+02 30 00.0\ta\n"
    assert found(tmp_path, text).position(0) == (150.25, 2.5)
    assert found(tmp_path, text.replace("150.25", "").replace("+2.5", "")).position(0) == (150.25, 2.5)


def test_rows_and_columns_without_positions_are_said(tmp_path):
    lost = found(tmp_path, "id,ra,dec\na,1,2\nb,abc,3\nc,-99,-99\nd,,\n")
    assert "3 of 4 rows of t.csv gave no position: row 2, for one, holds 'abc', '3'" in lost.warnings[0]
    unnamed = found(tmp_path, "id,my_ra_x,delta_y\na,1,2\n")
    assert "my_ra_x, delta_y look like positions" in unnamed.warnings[0]
    named = found(tmp_path, "id,my_ra_x,delta_y\na,1,2\n", ra_column="MY_RA_X", dec_column="delta_y")
    assert (named.position(0), named.warnings) == ((1.0, 2.0), ())
    with pytest.raises(InvalidInput, match=r"id and delta_y of t\.csv give no position"):
        found(tmp_path, "id,my_ra_x,delta_y\na,1,2\n", ra_column="id", dec_column="delta_y")
    assert (
        "'pix', which is no unit of angle"
        in found(tmp_path, "id\tra\tdec\n\tpix\tpix\n-\t-\t-\na\t1\t2\n").warnings[0]
    )
    (tmp_path / "t.csv").write_text("id,glon,glat\na,1,2\n")
    with pytest.raises(InvalidInput, match="look like positions"):
        read_known_lenses(tmp_path / "t.csv")


def test_two_positions_that_disagree_are_said_and_those_of_the_id_go_first(tmp_path):
    text = "id_1,ra_1,dec_1,id_2,ra_2,dec_2\na,10,0,b,10.01,0\n"
    first = found(tmp_path, text)
    assert first.position(0) == (10.0, 0.0)
    assert "ra_2, dec_2 differ by up to 36 arcsec" in first.warnings[0]
    assert found(tmp_path, text, id_column="id_2").position(0) == (10.01, 0.0)


def test_positions_all_over_the_sky_in_hours_raise_a_doubt(tmp_path):
    rows = "".join(f"o{k},{k},{3 * k - 36}\n" for k in range(24))
    assert "range of hours" in found(tmp_path, f"id,ra,dec\n{rows}").warnings[0]


def test_radii_and_targets_are_converted_to_the_units_of_their_names(tmp_path):
    table = Table({"id": ["a", "b"], "ra": [1.0, 2.0], "dec": [0.0, 0.0]})
    table["einstein_radius_arcsec"], table["theta_E"] = [0.02, -99.0], [0.02, 0.03]
    table["pa"], table["reach"] = [30.0, 40.0], [0.5, np.nan]
    for name, unit in {
        "einstein_radius_arcsec": "arcmin",
        "theta_E": "arcmin",
        "pa": "deg",
        "reach": "arcmin",
    }.items():
        table[name].unit = unit
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv")
    first, second = (load_catalogue(tmp_path / "t.ecsv").properties(row) for row in (0, 1))
    assert first["einstein_radius_arcsec"] == pytest.approx(1.2)  # 0.02 arcmin
    assert first["theta_E"] == pytest.approx(1.2)
    assert "einstein_radius_arcsec" not in second
    assert first["pa"] == 30.0
    known = read_known_lenses(tmp_path / "t.ecsv", radius_column="reach")
    np.testing.assert_allclose(known.radii(2.0), [30.0, 2.0])


def imported(folder, text, *, positioned=False, **settings):
    for number, name in enumerate(("A1", "A2")):
        cards = header(150.0 + number, 2.0) if positioned else None
        write_fits(folder / "in" / f"{name}.fits", cutout(number), cards)
    (folder / "t.csv").write_text(text)
    settings |= {"path": str(folder / "in"), "bands": ["r"], "catalogue": str(folder / "t.csv")}
    return make_preview(IngestSpec.parse(settings))


@pytest.mark.parametrize("order", [1, -1])
def test_rows_of_one_id_at_several_positions_are_refused_whatever_their_order(tmp_path, order):
    rows = ["A1,33,44,1\n", "A1,150.25,2.5,1\n", "A2,10,2,0\n"][::order]
    seen = imported(tmp_path, "id,ra,dec,y\n" + "".join(rows), label_column="y")
    assert [(one.file, one.code) for one in seen.rejected] == [("A1.fits", "contradiction")]


def test_the_position_in_the_header_decides_between_rows_of_one_id(tmp_path):
    seen = imported(
        tmp_path, "id,ra,dec,y\nA1,33,44,0\nA1,150,2,1\nA2,151,2,0\n", positioned=True, label_column="y"
    )
    assert (seen.rejected, seen.labels["lens"], seen.labels["nonlens"]) == ([], 1, 1)


@pytest.mark.parametrize("order", [1, -1])
def test_rows_at_one_position_with_other_labels_are_refused_whatever_their_order(tmp_path, order):
    rows = ["x,150,2,0\n", "y,150,2,1\n", "z,151,2,0\n"][::order]
    seen = imported(
        tmp_path, "id,ra,dec,y\n" + "".join(rows), positioned=True, label_column="y", join="position"
    )
    assert [(one.file, one.code) for one in seen.rejected] == [("A1.fits", "label")]


def test_rows_that_differ_in_other_columns_are_counted_and_a_row_without_label_does_not_contradict(tmp_path):
    seen = imported(tmp_path, "id,y,z\nA1,,0.5\nA1,1,0.7\nA2,0,0.2\n", label_column="y")
    assert (seen.rejected, seen.labels["lens"]) == ([], 1)
    assert any(warning.startswith("1 of 2 cutouts have several rows") for warning in seen.warnings)


def test_labels_of_no_data_are_counted(tmp_path):
    seen = imported(tmp_path, "id,y\nA1,1\nA2,-1\n", label_column="y")
    assert (seen.labels["lens"], seen.labels["none"]) == (1, 1)
    assert "1 rows of t.csv hold -1 as label, which is no label." in seen.warnings


def test_a_catalogue_without_ids_is_refused_unless_positions_join_it(tmp_path):
    with pytest.raises(
        InvalidInput, match="Name the column of the IDs with --id-column, or join by position"
    ):
        imported(tmp_path / "by-id", "thing,ra,dec\nA1,150,2\n", positioned=True)
    assert imported(tmp_path, "thing,ra,dec\nA1,150,2\n", positioned=True, join="position").matched == 1


def test_ids_join_in_every_unicode_form_and_as_numbers(tmp_path):
    write_fits(tmp_path / "in" / "e\u0301te\u0301.fits", cutout(5))
    write_fits(tmp_path / "in" / "7.fits", cutout(6))
    seen = imported(tmp_path, "id,y\n\u00e9t\u00e9,1\n7.0,1\nA1,0\nA2,0\n", label_column="y")
    assert (seen.matched, seen.labels["lens"]) == (4, 2)
