"""Every folder of real files is imported, or refused for the right reason."""

import pytest

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.preview import make_preview


def preview(path, **values):
    return make_preview(IngestSpec.parse({"path": str(path), **values}))


def codes(found):
    return {rejection.file: rejection.code for rejection in found.rejected}


def test_the_panstarrs_lenses_are_joined_with_their_catalogue(shared_data):
    folder = shared_data / "sled_ps1"
    found = preview(folder / "cutouts", catalogue=str(folder / "catalogue.csv"))
    assert (found.accepted, found.rejected, found.bands) == (48, [], ("g", "r", "i", "z", "y"))
    assert (found.matched, found.positions["catalogue"]) == (48, 48)
    assert found.pixel_scale_arcsec == pytest.approx(0.25, rel=1e-4)
    assert not any("outside their cutout" in warning for warning in found.warnings)


def test_the_panstarrs_headers_point_at_the_catalogue_positions(shared_data):
    folder = shared_data / "sled_ps1"
    catalogue = str(folder / "catalogue.csv")
    found = preview(folder / "cutouts", catalogue=catalogue, join="position", join_radius_arcsec=5.0)
    assert found.matched == 48


@pytest.mark.parametrize(
    ("part", "bands", "count"), [("ground", ("U", "G", "R", "I"), 6), ("space", ("VIS",), 8)]
)
def test_the_lens_challenge_gets_the_labels_of_its_own_part(shared_data, part, bands, count):
    folder = shared_data / "bologna"
    found = preview(folder / part, catalogue=str(folder / "labels.csv"), label_column="is_lens")
    assert (found.accepted, found.bands, found.labels["none"]) == (count, bands, 0)
    assert found.labels["lens"] == count // 2
    assert found.positions["wcs"] == 0  # all headers claim one position
    assert not any("several rows" in text for text in found.warnings)  # a row for each file of a candidate


def test_the_parts_of_the_lens_challenge_are_not_mixed(shared_data):
    with pytest.raises(InvalidInput, match="U, G, R, I and others VIS"):
        preview(shared_data / "bologna")
    assert preview(shared_data / "bologna", bands=["VIS"]).accepted == 8


def test_the_euclid_file_gives_its_flux_planes_only(shared_data):
    found = preview(shared_data / "euclid_mef")
    assert found.bands == ("MEGACAM_U", "HSC_G", "MEGACAM_R", "VIS", "HSC_Z", "NIR_Y", "NIR_J", "NIR_H")
    assert (found.accepted, found.positions["wcs"]) == (1, 1)
    assert found.pixel_scale_arcsec == pytest.approx(0.1, rel=1e-6)
    assert preview(shared_data / "euclid_mef", hdus=["10", "NIR_H_FLUX"], bands=["VIS", "H"]).accepted == 1


def test_the_colour_images_lose_their_frames(shared_data):
    folder = shared_data / "spacewarps"
    with pytest.raises(InvalidInput, match="red, green and blue"):
        preview(folder)
    found = preview(folder, bands=["i", "r", "g"], catalogue=str(folder / "labels.csv"), size=64)
    assert (found.accepted, found.matched) == (47, 47)
    assert preview(folder, bands=["i", "r", "g"]).shape == (464, 464)
    assert preview(folder / "ASW0000360_0.png", bands=["i", "r", "g"]).shape == (464, 464)


def test_hdf5_and_npz_files_give_their_images(shared_data):
    found = preview(shared_data / "hdf5" / "lens_system1")
    assert (found.accepted, found.bands) == (1, ("F390W",))
    assert "psf_lens_system1_F390W.h5" in found.warnings[0]
    found = preview(shared_data / "npz", layout="npy")
    assert (found.accepted, found.bands, found.shape) == (1, ("g", "r", "i", "z", "y"), (58, 48))
    with pytest.raises(InvalidInput, match="names of the bands"):
        preview(shared_data / "npz" / "Cut_HSC.fits")
    assert preview(shared_data / "npz" / "Cut_HSC.fits", bands=list("grizy")).accepted == 1


def test_the_test_files_of_astropy_are_images_or_have_their_reason(shared_data):
    found = preview(shared_data / "fits_variety", layout="files", bands=["r"], size=64)
    outcome = codes(found)
    assert found.accepted == 11
    assert found.accepted + len(outcome) == 58
    expected = {
        "random_groups.fits": "no_image",
        "table.fits": "no_image",
        "zerowidth.fits": "no_image",
        "arange.fits": "wrong_shape",
        "test0.fits": "ambiguous",
        "fixed-1890.fits": "constant",
        "blank.fits": "all_nan",
        "double_ext.fits": "all_zero",
        "checksum_false.fits": "duplicate_image",
        "invalid/group_invalid.fits": "no_image",
        "more/modeling_tests_data_idcompspec.fits": "unreadable",
        "more/wcs_tests_data_header_with_time_wcslib71.fits": "no_image",
    }
    assert {file: outcome[file] for file in expected} == expected


@pytest.mark.parametrize("folder", ["catalogues", "scores"])
def test_folders_without_images_are_refused(shared_data, folder):
    with pytest.raises(InvalidInput, match=r"There are no .* files"):
        preview(shared_data / folder)
