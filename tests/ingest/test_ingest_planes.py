"""What of a survey's files and HDUs is an image of flux, and which bands it is of."""

import numpy as np
import pytest
from astropy.io import fits

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.ingest.catalogue_match import Joiner
from lensapp.ingest.companions import find_companions
from lensapp.ingest.cutout import read_blocks
from lensapp.ingest.formats.plane_kinds import plane_kind
from lensapp.ingest.importer import run_import
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.plan import make_plan
from lensapp.ingest.preview import make_preview
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.workspace import Workspace
from support.cutout_files import SIDE, cutout, header, write_fits, write_hdus


def preview(path, **values):
    return make_preview(IngestSpec.parse({"path": str(path), **values}))


def stored(path, **values):
    plan = make_plan(IngestSpec.parse({"path": str(path), **values}))
    blocks = list(read_blocks(plan.recipe, plan.candidates))
    pixels = np.concatenate([block for _, block in blocks])
    return {candidate.candidate_id: pixels[row] for row, candidate in enumerate(plan.candidates)}


def weight(seed=0):
    return (100 + np.random.default_rng(seed).normal(0, 3, (SIDE, SIDE))).astype(np.float32)


def mask(seed=0):
    return ((np.random.default_rng(seed).random((SIDE, SIDE)) > 0.9) * 4).astype(np.int16)


NAMES = {
    "HST": ["{o}_{b}_drz_sci", "{o}_{b}_drz_wht", "{o}_{b}_drz_ctx"],
    "HST without sci": ["{o}_{b}_drz", "{o}_{b}_wht"],
    "KiDS": ["KiDS_DR4.0_{o}_{b}_sci", "KiDS_DR4.0_{o}_{b}_wei", "KiDS_DR4.0_{o}_{b}_msk"],
    "Pan-STARRS": [
        "rings.{o}.stk.{b}.unconv",
        "rings.{o}.stk.{b}.unconv.wt",
        "rings.{o}.stk.{b}.unconv.mask",
    ],
    "Legacy": [
        "ls-{o}-image-{b}",
        "ls-{o}-invvar-{b}",
        "ls-{o}-psf-{b}",
        "ls-{o}-model-{b}",
        "ls-{o}-nexp-{b}",
    ],
    "SWarp": ["{o}_{b}", "{o}_{b}.weight"],
    "VISTA": ["{o}_{b}", "{o}_{b}_conf"],
    "folders": ["images/{o}_{b}", "weights/{o}_{b}", "rms/{o}_{b}"],
    "noise and segmentation": ["{o}_{b}", "{o}_{b}_rms", "{o}_{b}_seg", "{o}_{b}_bkg", "{o}_{b}_resid"],
}


@pytest.mark.parametrize("patterns", NAMES.values(), ids=NAMES.keys())
def test_files_of_weights_masks_and_psfs_are_left_out_and_counted(tmp_path, patterns):
    for number in range(2):
        for band in "gr":
            for seed, pattern in enumerate(patterns):
                plane = cutout(number + ord(band)) if not seed else weight(number + ord(band) + seed)
                write_fits(tmp_path / f"{pattern.format(o=f'obj{number}', b=band)}.fits", plane)
    found = preview(tmp_path)
    assert (found.candidates, found.accepted, found.bands) == (2, 2, ("g", "r"))
    assert found.warnings[0].startswith(f"{4 * (len(patterns) - 1)} files are no image of flux by name")


def test_companions_are_kept_with_their_candidate(tmp_path):
    for name in ("a_g_sci", "a_r_sci"):
        write_fits(tmp_path / f"{name}.fits", cutout(ord(name[2])))
    for name in ("a_g_wht", "a_r_wht", "a_g_psf"):
        write_fits(tmp_path / f"{name}.fits", weight(ord(name[2])))
    spec = IngestSpec.parse({"path": str(tmp_path)})
    plan = make_plan(spec)
    [([outcome], _)] = read_blocks(plan.recipe, plan.candidates)
    columns = Joiner(plan, spec).columns(0, plan.candidates[0], outcome, ChunkNote(0))
    assert columns["properties"]["companion_files"] == {
        "PSF": ["a_g_psf.fits"],
        "weight": ["a_g_wht.fits", "a_r_wht.fits"],
    }


@pytest.mark.parametrize(
    "names",
    [
        ["model_1.fits", "model_2.fits"],
        ["obj1_exp1.fits", "obj1_exp2.fits", "obj2_exp1.fits"],
        ["psf_matched/a_g.fits", "psf_matched/a_r.fits"],
        ["a_bkgsub_g.fits", "a_bkg_sub_r.fits", "b_g.fits"],
        ["weights/a.fits", "weights/b.fits"],
        ["masking.fits", "experiment.fits", "Weissman.fits"],
    ],
)
def test_names_that_only_sound_like_it_are_images(names):
    assert find_companions(names).kinds == {}


def test_a_word_that_the_user_gives_as_a_band_is_no_companion():
    names = ["a_image.fits", "a_model.fits", "a_rms.fits"]
    assert set(find_companions(names, bands=["image", "model"]).kinds) == {"a_rms.fits"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("MSK", "mask"), ("WGT", "weight"), ("VAR_POISSON", "noise"), ("ERR1", "noise"), ("DQ", "mask"),
        ("GRID-PSF", "PSF"), ("HSC_G_RMS", "noise"), ("INVVAR", "weight"), ("CTX", "context"), ("SCI", None),
        ("VIS_FLUX", None), ("BGSUB", None), ("PSF_MATCHED_G", None), ("NIR_H", None), ("MODEL", "model"),
        ("SEGMAP", "segmentation"), ("CONF", "weight"), ("BKG", "background"),
    ],
)  # fmt: skip
def test_hdus_are_told_apart_by_name(name, kind):
    assert plane_kind(name) == kind


def test_masks_and_weights_of_a_des_file_are_no_bands(tmp_path):
    card = "g DECam SDSS c0001 4720.0 1520.0"
    for number in range(2):
        hdus = [
            fits.PrimaryHDU(),
            fits.ImageHDU(cutout(number), header(FILTER=card), name="SCI"),
            fits.ImageHDU(mask(number), name="MSK"),
            fits.ImageHDU(weight(number), name="WGT"),
        ]
        fits.HDUList(hdus).writeto(tmp_path / f"DES{number}_g.fits")
    found = preview(tmp_path)
    assert (found.bands, found.accepted) == (("g",), 2)
    assert any("(weight); left out, as no images of flux: 2 MSK (mask)." in text for text in found.warnings)
    assert preview(tmp_path, bands=["g"], layout="files").accepted == 2
    assert preview(tmp_path, bands=["SCI", "WGT"]).bands == ("SCI", "WGT")  # asked for by name


def test_integers_beside_decimals_and_planes_named_in_headers_are_left_out(tmp_path):
    image, flags, variance = fits.ImageHDU(cutout(1)), fits.ImageHDU(mask()), fits.ImageHDU(weight())
    for hdu, kind in ((image, "IMAGE"), (variance, "VARIANCE")):
        hdu.header["EXTTYPE"] = kind
    primary = fits.PrimaryHDU(header=header(FILTER="HSC-I"))
    fits.HDUList([primary, image, flags, variance]).writeto(tmp_path / "calexp.fits")
    found = preview(tmp_path)
    assert (found.bands, found.accepted) == (("HSC-I",), 1)
    assert "2 (integers: a mask), 3 (noise)" in found.warnings[0]


def test_a_file_whose_header_says_that_it_is_a_weight_is_refused(tmp_path):
    write_fits(tmp_path / "a.fits", cutout(1))
    write_fits(tmp_path / "b.fits", weight(), header(IMAGETYP="invvar"))
    [rejection] = preview(tmp_path, bands=["r"]).rejected
    assert (rejection.file, rejection.code) == ("b.fits", "error_plane")


CUBE = np.stack([cutout(1), cutout(2), cutout(3)])


@pytest.mark.parametrize(
    "cards",
    [
        {"BANDS": "grz"},
        {"BANDS": "g,r,z"},
        {"FILTERS": "g r z"},
        {"BAND0": "g", "BAND1": "r", "BAND2": "z"},
        {"BAND1": "g", "BAND2": "r", "BAND3": "z"},
        {"FILTER_1": "g", "FILTER_2": "r", "FILTER_3": "z"},
        {"PLANE01": "g", "PLANE02": "r", "PLANE03": "z"},
        {"BANDS": "grz", "BAND0": "g", "BAND1": "r", "BAND2": "z"},
    ],
)
def test_every_spelling_of_a_list_of_bands_is_read(tmp_path, cards):
    write_fits(tmp_path / "a.fits", CUBE, header(**cards))
    found = preview(tmp_path)
    assert (found.layout, found.bands, found.candidates) == ("cube", ("g", "r", "z"), 1)
    assert preview(tmp_path, bands=["g", "r", "z"]).accepted == 1
    assert np.array_equal(stored(tmp_path, bands=["Z"])["a"][..., 0], CUBE[2])


def test_a_list_of_some_of_the_planes_never_overrules_the_user(tmp_path):
    write_fits(tmp_path / "a.fits", CUBE, header(BAND1="r", BAND2="z"))
    assert preview(tmp_path, bands=["g", "r", "z"]).bands == ("g", "r", "z")
    with pytest.raises(InvalidInput, match="do not give the names of the bands"):
        preview(tmp_path)
    write_fits(tmp_path / "b.fits", CUBE, header())
    with pytest.raises(InvalidInput, match=r"The first image among 2 files, a\.fits, has shape 3 × 8 × 8\."):
        preview(tmp_path)


def test_a_cube_is_not_read_as_a_stack_without_a_word(tmp_path):
    write_fits(tmp_path / "a.fits", CUBE)
    found = preview(tmp_path, bands=["r"])
    assert found.candidates == 3
    assert "read as 3 cutouts of band r each" in found.warnings[0]


@pytest.mark.parametrize(
    ("cards", "band"),
    [
        ({"FILTER1": "CLEAR1L", "FILTER2": "F814W"}, "F814W"),
        ({"FILTER": "F150W2", "PUPIL": "F162M"}, "F162M"),
        ({"FILTER": "F277W", "PUPIL": "CLEAR"}, "F277W"),
        ({"FILTER": "CLEAR", "PUPIL": "F150W"}, "F150W"),
        ({"HIERARCH ESO INS FILT1 NAME": "Ks"}, "Ks"),
    ],
)
def test_the_filter_of_a_wheel_is_found_in_the_header_of_the_file(tmp_path, cards, band):
    primary = fits.PrimaryHDU()
    primary.header.update(cards)
    fits.HDUList(
        [primary, fits.ImageHDU(cutout(1), name="SCI"), fits.ImageHDU(weight(), name="WHT")]
    ).writeto(tmp_path / "a.fits")
    assert preview(tmp_path).bands == (band,)


def test_hdus_named_by_their_own_filter_cards_are_bands(tmp_path):
    hdus = [fits.ImageHDU(cutout(n), header(FILTER=f"{band}.00000")) for n, band in enumerate("gri")]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "a.fits")
    assert preview(tmp_path).bands == ("g", "r", "i")
    assert np.array_equal(stored(tmp_path, bands=["i"])["a"][..., 0], cutout(2))


def test_a_word_of_planes_in_hdus_is_only_said_where_some_are(tmp_path):
    write_hdus(tmp_path / "a.fits", [cutout(1), cutout(2)], ["G", "R"])
    assert preview(tmp_path).warnings == []


def imported(tmp_path, **values):
    """Import `tmp_path / "in"`; return the packed source and the row of each candidate."""
    ws = Workspace.open(tmp_path / "w", database_url=f"sqlite:///{tmp_path / 'w.db'}")
    spec = IngestSpec.parse({"path": str(tmp_path / "in"), **values})
    report = run_import(ws, name="s", spec=spec, processes=1)
    source = sources.get_source(ws.database, "s")
    columns = sources.cutout_columns(ws.database, [source.id], columns=("row", "candidate_id"))
    ws.database.close()
    rows = dict(zip(columns["candidate_id"], np.asarray(columns["row"], np.int64), strict=True))
    return PackedCutouts.open(ws.cutouts_folder("s")), rows, report


def test_noise_and_psf_hdus_are_kept_by_candidate_and_band(tmp_path):
    psf = np.outer(np.hanning(5), np.hanning(5)).astype(np.float32)
    for number in range(2):
        planes = [cutout(number), weight(number), psf * (number + 1), cutout(number + 9), weight(number + 9)]
        names = ["G_FLUX", "G_RMS", "G_PSF", "VIS_FLUX", "VIS_RMS"]
        write_hdus(tmp_path / "in" / f"o{number}.fits", planes, names)
    packed, rows, report = imported(tmp_path, bands=["VIS", "G"])
    assert {word: (shape.kind, shape.height) for word, shape in packed.planes.items()} == {
        "rms": ("noise", SIDE), "psf": ("PSF", 5),
    }  # fmt: skip
    assert "Kept beside the pixels, per candidate and band: psf, rms (noise)." in report["warnings"]
    assert not any("left out" in text for text in report["warnings"])
    rms, psfs = packed.read_plane("rms", [rows["o1"]])[0], packed.read_plane("psf", [rows["o1"]])[0]
    assert np.array_equal(rms, np.stack([weight(10), weight(1)], -1))
    assert np.array_equal(psfs[..., 1], 2 * psf)
    assert np.isnan(psfs[..., 0]).all()
    with pytest.raises(NotFound, match="only: psf, rms"):
        packed.read_plane("wht", [0])


def test_files_of_weights_and_psfs_are_kept_with_the_band_of_their_image(tmp_path):
    for number in range(2):
        for band in "gr":
            seed = number + ord(band)
            write_fits(tmp_path / "in" / f"o{number}_{band}_sci.fits", cutout(seed, side=12))
            write_fits(tmp_path / "in" / f"o{number}_{band}_wht.fits", cutout(seed + 50, side=12))
    write_fits(tmp_path / "in" / "o1_r_psf.fits", np.eye(7, dtype=np.float32))
    packed, rows, _ = imported(tmp_path, size=SIDE)
    wht = packed.read_plane("wht", [rows["o0_sci"], rows["o1_sci"]])
    assert np.array_equal(wht[1, ..., 1], cutout(1 + ord("r") + 50, side=12)[2:10, 2:10])
    assert np.array_equal(wht[0, ..., 0], cutout(ord("g") + 50, side=12)[2:10, 2:10])
    assert packed.planes["psf"].height == 7
    assert np.array_equal(packed.read_plane("psf", [rows["o1_sci"]])[0, ..., 1], np.eye(7))
    assert np.isnan(packed.read_plane("psf", [rows["o0_sci"]])).all()


def test_a_cube_of_weights_beside_a_cube_of_flux_is_kept_in_the_order_of_its_bands(tmp_path):
    for number, order in enumerate(["gr", "rg"]):
        flux = np.stack([cutout(number + ord(band)) for band in order])
        inverse = np.stack([weight(number + ord(band)) for band in order])
        hdus = [fits.PrimaryHDU(flux, header(BANDS=order)), fits.ImageHDU(inverse, name="INVVAR")]
        (tmp_path / "in").mkdir(exist_ok=True)
        fits.HDUList(hdus).writeto(tmp_path / "in" / f"o{number}.fits")
    packed, rows, _ = imported(tmp_path)
    assert packed.bands == ("g", "r")
    for number in range(2):
        row = [rows[f"o{number}"]]
        assert np.array_equal(packed.read(row)[0, ..., 0], cutout(number + ord("g")))
        assert np.array_equal(packed.read_plane("invvar", row)[0, ..., 1], weight(number + ord("r")))
    assert "Kept beside" not in " ".join(preview(tmp_path / "in", keep_planes=False).warnings)


@pytest.mark.parametrize("bands", ["g", "gr"])
@pytest.mark.parametrize("beside", ["hdu", "file"])
def test_the_weights_of_a_stack_of_cutouts_are_kept_with_the_cutout_of_their_row(tmp_path, bands, beside):
    def stack(plane, seed):
        planes = np.stack([[plane(seed + 10 * row + k) for k in range(len(bands))] for row in range(4)])
        return planes[:, 0] if len(bands) == 1 else planes

    folder = tmp_path / "in"
    folder.mkdir()
    psf = np.outer(np.hanning(5), np.hanning(5)).astype(np.float32)
    flux = fits.PrimaryHDU(stack(cutout, 0), header(BANDS=bands))
    weights = stack(weight, 100)
    inside = (
        [fits.ImageHDU(weights, name="INVVAR"), fits.ImageHDU(psf, name="PSF")] if beside == "hdu" else []
    )
    fits.HDUList([flux, *inside]).writeto(folder / "all.fits")
    if beside == "file":
        fits.PrimaryHDU(weights, header(BANDS=bands)).writeto(folder / "all_invvar.fits")
        fits.PrimaryHDU(psf).writeto(folder / "all_psf.fits")
    packed, rows, report = imported(tmp_path, bands=list(bands))
    assert len(rows) == 4
    assert "Kept beside the pixels, per candidate and band: invvar (weight), psf." in report["warnings"]
    for number in range(4):
        row = [rows[f"all-{number}"]]
        for k in range(len(bands)):
            assert np.array_equal(packed.read(row)[0, ..., k], cutout(10 * number + k))
            assert np.array_equal(packed.read_plane("invvar", row)[0, ..., k], weight(100 + 10 * number + k))
            assert np.array_equal(packed.read_plane("psf", row)[0, ..., k], psf)


def test_the_noise_and_psfs_of_a_real_euclid_file_are_those_that_astropy_reads(tmp_path, shared_data):
    file = next((shared_data / "euclid_mef").rglob("*.fits"))
    (tmp_path / "in").symlink_to(file.parent, target_is_directory=True)
    packed, rows, _ = imported(tmp_path)
    [row] = rows.values()
    with fits.open(file) as hdus:
        for number, band in enumerate(packed.bands):
            rms = packed.read_plane("rms", [row])[0, ..., number]
            np.testing.assert_array_equal(rms, hdus[f"{band}_RMS"].data)
            psf = packed.read_plane("psf", [row])[0, ..., number]
            kept = psf[np.isfinite(psf)]
            np.testing.assert_array_equal(kept, hdus[f"{band}_PSF"].data.astype(np.float32).ravel())
