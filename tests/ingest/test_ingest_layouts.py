"""Layouts, bands and candidates are found in names and headers, or the import is refused."""

import h5py
import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.cutout import read_blocks
from lensapp.ingest.formats.planes import centre, divide_axes
from lensapp.ingest.grouping import group_by_band
from lensapp.ingest.plan import make_plan
from lensapp.ingest.preview import make_preview
from support.cutout_files import SIDE, cutout, header, write_bands, write_fits, write_hdus


def preview(path, **values):
    return make_preview(IngestSpec.parse({"path": str(path), **values}))


def stored(path, **values):
    """The pixels of every candidate by ID."""
    plan = make_plan(IngestSpec.parse({"path": str(path), **values}))
    blocks = [block.copy() for _, block in read_blocks(plan.recipe, plan.candidates)]
    return dict(zip((c.candidate_id for c in plan.candidates), np.concatenate(blocks), strict=True))


def test_one_file_per_band_in_a_folder_per_object(tmp_path):
    found = preview(write_bands(tmp_path))
    assert (found.layout, found.bands, found.accepted, found.shape) == (
        "files",
        ("g", "r", "i"),
        3,
        (SIDE, SIDE),
    )
    assert found.pixel_scale_arcsec == pytest.approx(0.2)
    assert found.positions == {"catalogue": 0, "wcs": 3, "keyword": 0, "none": 0}


def test_the_order_of_the_bands_is_the_users(tmp_path):
    pixels = stored(write_bands(tmp_path), bands=["i", "g"])["obj1"]
    assert np.array_equal(pixels[..., 0], cutout(102))
    assert np.array_equal(pixels[..., 1], cutout(100))


@pytest.mark.parametrize(
    ("names", "bands", "key"),
    [
        (["Band1/imageSDSS_R-100004.fits", "Band2/imageSDSS_G-100004.fits"], ("G", "R"), ("", "100004")),
        (["g/007.fits", "r/007.fits"], ("g", "r"), ("", "007")),
        (["J1041_g.fits", "J1041_r.fits"], ("g", "r"), ("", "J1041")),
        (["a/SN__9___g.fits", "a/SN__9___z.fits"], ("g", "z"), ("a", "SN__9__")),
        (["x/g.fits", "x/i.fits"], ("g", "i"), ("x", "x")),
        (["hst_f814w_1.fits", "hst_f606w_1.fits"], ("f606w", "f814w"), ("", "hst_1")),
        (["g_J_g.fits", "g_J_r.fits"], ("g", "r"), ("", "g_J")),
    ],
)
def test_bands_are_found_in_names_wherever_they_stand(names, bands, key):
    groups = group_by_band(names, ())
    assert groups.bands == bands
    assert set(groups.files) == {key}


def test_a_lone_letter_in_names_is_not_taken_for_a_band(tmp_path):
    for number in range(3):
        write_fits(tmp_path / f"J_{number}.fits", cutout(number))
    with pytest.raises(InvalidInput, match=r"No band in the name or header .* the lone letter J: name it if"):
        preview(tmp_path)
    assert preview(tmp_path, bands=["VIS"]).accepted == 3


def test_a_band_in_the_headers_is_taken_and_another_one_rejected(tmp_path):
    for number, band in enumerate("rrrg"):
        write_fits(tmp_path / f"{number}.fits", cutout(number), header(FILTER=band))
    found = preview(tmp_path)
    assert (found.bands, found.accepted, found.rejected[0].code) == (("r",), 3, "missing_band")


def test_folders_with_other_bands_are_refused_unless_bands_are_named(tmp_path):
    write_bands(tmp_path / "ground", bands="gr")
    write_fits(tmp_path / "space" / "imageEUC_VIS-1.fits", cutout(7))
    with pytest.raises(InvalidInput, match="by name they are of g, r"):
        preview(tmp_path / "ground", bands=["VIS"])
    found = preview(tmp_path, bands=["VIS"])
    assert found.accepted == 1
    assert found.rejected == []
    assert "6 files of other bands than VIS" in found.warnings[0]


def test_cubes_need_names_for_their_planes(tmp_path):
    write_fits(tmp_path / "a.fits", np.stack([cutout(1), cutout(2), cutout(3)]))
    with pytest.raises(InvalidInput, match="names of the bands"):
        preview(tmp_path)
    with pytest.raises(InvalidInput, match="one axis of 2 bands"):
        preview(tmp_path, bands=["g", "r"])
    assert preview(tmp_path, bands=["g", "r", "i"]).layout == "cube"


def test_planes_named_in_the_header_are_picked_by_name(tmp_path):
    write_fits(tmp_path / "a.fits", np.stack([cutout(1), cutout(2), cutout(3)]), header(BANDS="g,r,i"))
    assert np.array_equal(stored(tmp_path, bands=["i", "g"])["a"][..., 0], cutout(3))
    with pytest.raises(InvalidInput, match="name their bands g, r, i"):
        preview(tmp_path, bands=["z", "g"])
    renamed = preview(tmp_path, bands=["z", "g", "r"])  # the user's word is the last
    assert renamed.bands == ("z", "g", "r")
    assert "renamed z, g, r, in order" in renamed.warnings[0]


def test_each_cube_is_read_by_its_own_list_of_bands(tmp_path):
    for name, order in (("a", "gri"), ("b", "irg"), ("c", "zgri"), ("d", "grz"), ("e", None)):
        cards = {"BANDS": order} if order else {}
        cube = np.stack([cutout(ord(band) + ord(name)) for band in order or "gri"])
        write_fits(tmp_path / f"{name}.fits", cube, header(**cards))
    found = preview(tmp_path)
    assert (found.bands, found.accepted) == (("g", "r", "i"), 3)
    assert {one.file: one.code for one in found.rejected} == {
        "d.fits": "missing_band",
        "e.fits": "missing_band",
    }
    for values in ({}, {"bands": ["i", "g"]}):
        pixels = stored(tmp_path, **values)
        bands = values.get("bands", ["g", "r", "i"])
        for name in "abc":
            for place, band in enumerate(bands):
                assert np.array_equal(pixels[name][..., place], cutout(ord(band) + ord(name))), (name, band)


def test_each_pack_of_arrays_is_read_by_its_own_list_of_bands(tmp_path):
    for name, order in (("a", "gr"), ("b", "rg")):
        stack = np.stack([[cutout(ord(band) + row) for band in order] for row in range(2)])
        np.savez(tmp_path / f"{name}.npz", images=stack, bands=np.array(list(order)))
    pixels = stored(tmp_path)
    for name in "ab":
        assert np.array_equal(pixels[f"{name}-1"][..., 0], cutout(ord("g") + 1))


def test_planes_last_and_stacks_of_cubes(tmp_path):
    cube = np.stack([cutout(1), cutout(2)], -1)
    write_fits(tmp_path / "last" / "a.fits", cube)
    assert np.array_equal(stored(tmp_path / "last", bands=["g", "r"])["a"], cube)
    write_fits(tmp_path / "stack" / "s.fits", np.stack([[cutout(1), cutout(2)], [cutout(3), cutout(4)]]))
    found = stored(tmp_path / "stack", bands=["g", "r"])
    assert np.array_equal(found["s-1"][..., 1], cutout(4))


def test_an_axis_as_long_as_another_is_not_guessed():
    with pytest.raises(InvalidInput, match="first or last"):
        divide_axes((3, 8, 3), bands=3, band_axis="auto", origin="a")
    assert divide_axes((3, 8, 3), bands=3, band_axis="last", origin="a").band_axis == "last"
    assert divide_axes((9, 8, 8), bands=1, band_axis="auto", origin="a").count == 9


def test_hdus_are_found_by_name_whatever_their_order(tmp_path):
    write_hdus(
        tmp_path / "a.fits", [cutout(1), cutout(2), cutout(3)], ["HSC_G_FLUX", "HSC_G_RMS", "VIS_FLUX"]
    )
    write_hdus(tmp_path / "b.fits", [cutout(5), cutout(4)], ["VIS_FLUX", "HSC_G_FLUX"])
    found = stored(tmp_path)
    assert preview(tmp_path).bands == ("HSC_G", "VIS")
    assert np.array_equal(found["b"][..., 0], cutout(4))
    assert np.array_equal(stored(tmp_path, bands=["VIS", "G"])["a"][..., 0], cutout(3))
    assert np.array_equal(stored(tmp_path, hdus=["3", "1"], bands=["v", "g"])["a"][..., 0], cutout(3))


def test_hdus_of_one_name_are_taken_in_order_only_when_the_user_names_the_bands(tmp_path):
    write_hdus(tmp_path / "a.fits", [cutout(1), cutout(2), cutout(3)], ["SCI"] * 3, BAND="r")
    with pytest.raises(InvalidInput, match="in the order of the HDUs"):
        preview(tmp_path)
    found = preview(tmp_path, bands=["g", "r", "i"])
    assert found.accepted == 1
    assert "in their order" in found.warnings[0]


def test_a_file_with_other_hdus_is_rejected_with_what_it_holds(tmp_path):
    write_hdus(tmp_path / "a.fits", [cutout(1), cutout(2)], ["G", "R"])
    write_hdus(tmp_path / "b.fits", [cutout(3), cutout(4)], ["G", "Z"])
    rejected = preview(tmp_path).rejected
    assert [(r.file, r.code) for r in rejected] == [("b.fits", "missing_band")]
    assert "1 G, 2 Z" in rejected[0].reason


def test_colour_images_need_named_bands_and_stand_upright(tmp_path):
    array = np.zeros((6, 7, 3), np.uint8)
    array[0, 0] = (10, 20, 30)
    array[5, 6] = (1, 2, 4)
    Image.fromarray(array).save(tmp_path / "a.png")
    with pytest.raises(InvalidInput, match="--bands i,r,g"):
        preview(tmp_path)
    pixels = stored(tmp_path, bands=["i", "r", "g"])["a"]
    assert pixels[5, 0].tolist() == [10, 20, 30]


def test_white_frames_lines_and_transparency_of_plots_are_left_out(tmp_path):
    array = np.full((12, 13, 4), 255, np.uint8)
    array[2:10, 2:10, :3] = 205
    array[3:9, 3:9, :3] = np.random.default_rng(0).integers(0, 250, (6, 6, 3))
    array[4, 4, 3] = 0
    Image.fromarray(array).save(tmp_path / "a.png")
    pixels = stored(tmp_path, bands=["i", "r", "g"])["a"]
    assert pixels.shape == (6, 6, 3)
    assert np.isnan(pixels[4, 1]).all()
    assert stored(tmp_path, bands=["i", "r", "g"], trim_frame=False)["a"].shape == (12, 13, 3)


def test_numpy_files_are_read_and_pickles_never(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.stack([cutout(1), cutout(2)]), filters=np.array(["g", "r"]))
    assert preview(tmp_path).bands == ("g", "r")
    np.save(tmp_path / "b.npy", np.array([{"a": 1}], object), allow_pickle=True)
    rejected = preview(tmp_path).rejected
    assert [(r.file, r.code) for r in rejected] == [("b.npy", "unreadable")]
    assert "objects" in rejected[0].reason


def test_a_stack_of_arrays_is_many_candidates_with_their_ids(tmp_path):
    stack = np.stack([[cutout(2 * n), cutout(2 * n + 1)] for n in range(4)])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = stack
        file["object_id"] = np.array([b"w", b"x", b"y", b"z"])
    found = stored(tmp_path, bands=["g", "r"])
    assert list(found) == ["w", "x", "y", "z"]
    assert np.array_equal(found["y"][..., 1], cutout(5))
    np.save(tmp_path / "b.npy", stack)
    assert list(stored(tmp_path / "b.npy", bands=["g", "r"])) == ["b-0", "b-1", "b-2", "b-3"]


def test_files_of_two_formats_and_absent_paths_are_refused(tmp_path):
    write_fits(tmp_path / "a.fits", cutout())
    np.save(tmp_path / "b.npy", cutout())
    with pytest.raises(InvalidInput, match="1 FITS, 1 NumPy"):
        preview(tmp_path)
    with pytest.raises(InvalidInput, match="does not exist"):
        preview(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no FITS, PNG, JPEG, HDF5, NumPy or Zarr files"):
        preview(tmp_path / "empty")


def test_cropping_and_padding_keep_the_centre():
    image = np.arange(49, dtype=np.float32).reshape(7, 7)
    assert centre(image, 3)[1, 1] == image[3, 3]
    padded = centre(image, 9)
    assert padded[4, 4] == image[3, 3]
    assert np.isnan(padded[0]).all()
    assert np.array_equal(centre(padded, 7), image)


def test_sizes_are_brought_to_one_shape_only_on_demand(tmp_path):
    for number, side in enumerate((8, 8, 12)):
        write_fits(tmp_path / f"{number}.fits", cutout(number, side=side))
    found = preview(tmp_path, bands=["r"])
    assert [r.code for r in found.rejected] == ["wrong_shape"]
    assert "Set a size" in found.warnings[0]
    cropped = preview(tmp_path, bands=["r"], size=10)
    assert (cropped.accepted, cropped.shape) == (3, (10, 10))


def test_an_id_used_twice_is_rejected_unless_ids_are_paths(tmp_path):
    for folder in ("lens", "nonlens"):
        write_fits(tmp_path / folder / "1.fits", cutout(len(folder)))
    found = preview(tmp_path, bands=["r"])
    assert [(r.file, r.code) for r in found.rejected] == [("nonlens/1.fits", "id_collision")]
    found = preview(tmp_path, bands=["r"], ids="path", labels_from_folders=True)
    assert found.labels == {"lens": 1, "nonlens": 1, "none": 0}
    assert found.image_ids == ["lens/1", "nonlens/1"]


def test_folders_without_a_label_are_refused(tmp_path):
    write_fits(tmp_path / "spirals" / "1.fits", cutout())
    with pytest.raises(InvalidInput, match="folders named lens and nonlens"):
        preview(tmp_path, bands=["r"], labels_from_folders=True)


def test_a_file_with_several_images_is_not_taken_for_one_band(tmp_path):
    write_fits(tmp_path / "a.fits", cutout(1))
    write_hdus(tmp_path / "b.fits", [cutout(2), cutout(3)], ["A", "B"])
    fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])]).writeto(tmp_path / "c.fits")
    found = preview(tmp_path, bands=["r"])
    assert {r.file: r.code for r in found.rejected} == {"b.fits": "ambiguous", "c.fits": "no_image"}


def test_a_band_that_no_file_has_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"No files of band q in .*, only of g, r, i"):
        make_plan(IngestSpec(path=str(write_bands(tmp_path)), bands=("g", "r", "q")))


def test_bands_that_no_name_holds_are_refused_with_those_that_are_there(tmp_path):
    with pytest.raises(InvalidInput, match="No files of the bands u, q: by name they are of g, r, i"):
        make_plan(IngestSpec(path=str(write_bands(tmp_path)), bands=("u", "q")))
