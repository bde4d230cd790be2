"""Units of flux read from headers, which give pictures of real stacks their colours."""

from pathlib import Path

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area
from PIL import Image

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.fits_files import open_fits
from lensapp.ingest.formats.photometry import flux_scale
from lensapp.ingest.importer import run_import
from lensapp.ingest.preview import make_preview
from lensapp.services.data.pictures import optics_of, read_pictures, sample_levels
from lensapp.services.data.sources import unit_in_words
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.workspace import Workspace
from support.cutout_files import cutout, header, write_fits

EXPOSURES = {"g": (774.0, 430.0), "r": (660.0, 580.0)}


JWST_PIXEL = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 53.0, "CRVAL2": -28.0, "CRPIX1": 4.0}
JWST_PIXEL |= {"CRPIX2": 4.0, "CD1_1": -8.33e-6, "CD1_2": 1e-6, "CD2_1": 1e-6, "CD2_2": 8.33e-6}
ACS = {"PHOTFLAM": 7.9064521e-20, "PHOTPLAM": 5917.6797, "PHOTZPT": -21.1}


def write_header(path: Path, cards: dict[str, object], *, primary: dict[str, object] | None = None) -> Path:
    """Write one image with these cards, behind an empty primary HDU where that has some of its own."""
    if primary is None:
        hdus = [fits.PrimaryHDU(cutout())]
    else:
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(cutout(), name="SCI")]
        hdus[0].header.update(primary)
    hdus[-1].header.update(cards)
    fits.HDUList(hdus).writeto(path)
    return path


def factor_of(path: Path) -> float | None:
    file = open_fits(str(path))
    return flux_scale(file.header(len(file) - 1), file.header(0) if len(file) > 1 else None)


@pytest.mark.parametrize(
    ("cards", "zero_point"),
    [
        ({"HIERARCH FPA.ZP": 25.0, "EXPTIME": 774.0}, 25 + 2.5 * np.log10(774)),  # Pan-STARRS1 stack
        ({"BUNIT": "nanomaggy", "MAGZERO": 22.5}, 22.5),  # Legacy Surveys
        ({"SURVEY": "LegacySurvey", "BANDS": "grz"}, 22.5),
        ({"BUNIT": "nanomaggies"}, 22.5),  # SDSS frames
        ({"FLUXMAG0": 63095734448.0194}, 27.0),  # HSC
        ({"BUNIT": "nJy"}, 31.4),  # Rubin
        ({"MAGZERO": 30.0}, 30.0),  # DES; Euclid's external bands
        ({"ZP": 24.57}, 24.57),
        ({"ZPAB": 29.9}, 29.9),
        ({"PHOTZP": 0.0, "PHOTSYS": "AB"}, 0.0),  # KiDS
        ({"PHOTZP": 23.0, "PHOTSYS": "VEGA"}, None),
        (ACS | {"BUNIT": "ELECTRONS/S"}, 26.486),  # Sirianni et al. 2005, table 10: F606W
        (ACS | {"BUNIT": "ELECTRONS", "EXPTIME": 400.0}, 26.486 + 2.5 * np.log10(400)),
        (ACS, None),  # counts, or counts per second?
        (ACS | {"PHOTFLAM": 0.0, "BUNIT": "ELECTRONS/S"}, None),
        ({"HIERARCH FPA.ZP": 25.0}, None),
        ({"MAGZERO": "unknown"}, None),
        ({"EXPTIME": 500.0}, None),
        ({"BUNIT": "ADU"}, None),
        ({"BUNIT": "Jy/beam"}, None),
        ({"BUNIT": "erg/s/cm2/A"}, None),
    ],
)
def test_headers_tell_what_a_count_is_worth(
    tmp_path: Path, cards: dict[str, object], zero_point: float | None
) -> None:
    factor = factor_of(write_header(tmp_path / "one.fits", cards))
    if zero_point is None:
        assert factor is None
    else:
        one_count, one_unit = ((mag * u.ABmag).to_value(u.Jy) for mag in (zero_point, 25))
        assert factor == pytest.approx(one_count / one_unit, rel=1e-3)


@pytest.mark.parametrize("unit", ["Jy", "mJy", "uJy", "nJy", "MJy/sr", "mJy/arcsec2", "erg/(s cm2 Hz)"])
def test_declared_units_are_worth_what_astropy_says(tmp_path: Path, unit: str) -> None:
    path = write_header(tmp_path / "one.fits", JWST_PIXEL | {"BUNIT": unit})
    area = proj_plane_pixel_area(WCS(fits.getheader(path))) * u.deg**2
    count = u.Quantity(1, u.Unit(unit))
    flux = count if count.unit.is_equivalent(u.Jy) else count * area
    assert factor_of(path) == pytest.approx(flux.to_value(u.Jy) / (25 * u.ABmag).to_value(u.Jy), rel=1e-6)


def test_the_solid_angle_that_a_header_states_goes_before_that_of_its_wcs(tmp_path: Path) -> None:
    path = write_header(tmp_path / "one.fits", JWST_PIXEL | {"BUNIT": "MJy/sr", "PIXAR_SR": 2e-14})
    flux = 1 * u.MJy / u.sr * (2e-14 * u.sr)
    assert factor_of(path) == pytest.approx(flux.to_value(u.Jy) / (25 * u.ABmag).to_value(u.Jy), rel=1e-6)


def test_what_the_image_does_not_say_its_primary_header_may(tmp_path: Path) -> None:
    path = write_header(tmp_path / "hsc.fits", {}, primary={"FLUXMAG0": 1e12})
    assert factor_of(path) == pytest.approx(0.01)
    path = write_header(tmp_path / "acs.fits", ACS | {"BUNIT": "ELECTRONS"}, primary={"EXPTIME": 100.0})
    assert factor_of(path) == pytest.approx(10 ** (-0.4 * 1.486) / 100, rel=2e-3)


def write_stacks(folder: Path, *, calibrated: int) -> Path:
    """Write two views of one object that differ in exposure, the first `calibrated` of them with headers."""
    for place in range(2):
        for band, exposures in EXPOSURES.items():
            head = header()
            if place < calibrated:
                head["HIERARCH FPA.ZP"], head["EXPTIME"] = 25.0, exposures[place]
            flux = cutout(1 if band == "g" else 2) + 0.1 * place  # not the same pixels twice
            write_fits(folder / f"o{place}" / f"o{place}_{band}.fits", flux * exposures[place], head)
    return folder


@pytest.mark.parametrize(("calibrated", "known"), [(2, True), (1, False), (0, False)])
def test_pictures_are_in_one_unit_and_networks_read_what_the_files_hold(
    tmp_path: Path, calibrated: int, known: bool
) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    files = write_stacks(tmp_path / "files", calibrated=calibrated)
    run_import(ws, name="stacks", spec=IngestSpec(path=str(files)), processes=1)
    folder = ws.cutouts_folder("stacks")
    raw = PackedCutouts.open(folder).read(np.arange(2))
    seen = PackedCutouts.open(folder, calibrated=True)
    assert (seen.flux_scales is not None) is known
    factors = np.array([[1 / EXPOSURES[band][place] for band in "gr"] for place in range(2)], np.float32)
    assert seen.read(np.arange(2)) == pytest.approx(raw * factors[:, None, None] if known else raw, rel=1e-5)
    assert np.isfinite(sample_levels(seen).brightness).all()


@pytest.mark.parametrize(("calibrated", "known"), [(2, True), (1, False)])
def test_a_dry_run_shows_the_colours_of_the_import(tmp_path: Path, calibrated: int, known: bool) -> None:
    preview = make_preview(IngestSpec(path=str(write_stacks(tmp_path, calibrated=calibrated))))
    exposures = np.array([[EXPOSURES[band][place] for band in "gr"] for place in range(2)], np.float32)
    flux = [np.stack([cutout(1) + 0.1 * p, cutout(2) + 0.1 * p], axis=-1) for p in range(2)]
    held = np.stack(flux) * (1 if known else exposures[:, None, None])
    assert preview.images == pytest.approx(held, rel=1e-4)


def unit_of(ws: Workspace, name: str) -> str:
    return unit_in_words(ws, sources.get_source(ws.database, name))


def test_a_unit_is_known_per_cutout_and_band_and_said_in_words(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    files = write_stacks(tmp_path / "files", calibrated=1)
    outcome = run_import(ws, name="half", spec=IngestSpec(path=str(files)), processes=1)
    zero_points = [25 + 2.5 * np.log10(EXPOSURES[band][0]) for band in "gr"]
    words = "flux in part, else unknown, AB zero point {:.4g} in g, {:.4g} in r".format(*zero_points)
    assert unit_of(ws, "half") == outcome["unit"] == words
    where_known = PackedCutouts.open(ws.cutouts_folder("half"), calibrated=True, where_known=True)
    raw = PackedCutouts.open(ws.cutouts_folder("half")).read(np.arange(2))
    factors = np.array([[1 / EXPOSURES[band][0] for band in "gr"], [1, 1]], np.float32)
    assert where_known.read(np.arange(2)) == pytest.approx(raw * factors[:, None, None], rel=1e-5)


@pytest.mark.parametrize(
    ("zero_point", "words"),
    [
        (("27",), "flux, AB zero point 27"),
        (("g=27", "r=27.1"), "flux, AB zero point 27 in g, 27.1 in r"),
        (("g=27",), "flux in part, else unknown, AB zero point 27 in g, unknown in r"),
        ((), "unknown"),
    ],
)
def test_zero_points_can_be_stated(tmp_path: Path, zero_point: tuple[str, ...], words: str) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    spec = IngestSpec(path=str(write_stacks(tmp_path / "files", calibrated=0)), zero_point=zero_point)
    preview = make_preview(spec)
    assert preview.unit == words
    assert (preview.source_unit.zero_point is not None) == words.endswith("zero point 27")
    run_import(ws, name="stacks", spec=spec, processes=1)
    assert unit_of(ws, "stacks") == words


def test_a_stated_zero_point_goes_before_the_header(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    files = write_stacks(tmp_path / "files", calibrated=2)
    run_import(ws, name="stacks", spec=IngestSpec(path=str(files), zero_point=("27",)), processes=1)
    assert unit_of(ws, "stacks") == "flux, AB zero point 27"


@pytest.mark.parametrize("zero_point", [("bright",), ("g=",), ("=27",), ("99",), ("27", "26"), ("nan",)])
def test_what_is_no_zero_point_is_refused(zero_point: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="zero point"):
        IngestSpec.parse({"path": "x", "zero_point": zero_point})


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"zero_point": 27.0}, "flux, AB zero point 27"),
        ({"ZERO_POINT": [27.0, 27.5]}, "flux, AB zero point 27 in g, 27.5 in r"),
        ({"unit": "nJy"}, f"flux, AB zero point {(1 * u.nJy).to_value(u.ABmag):.4g}"),
        ({"unit": "nanomaggy"}, "flux, AB zero point 22.5"),
        ({"unit": "counts"}, "unknown"),
        ({"zero_point": 99.0}, "unknown"),
        ({"zero_point": "bright"}, "unknown"),
        ({}, "unknown"),
    ],
)
@pytest.mark.parametrize("kind", ["attribute", "file", "array", "npz"])
def test_files_of_arrays_tell_their_unit(
    tmp_path: Path, kind: str, stated: dict[str, object], words: str
) -> None:
    pixels = np.random.default_rng(3).normal(size=(3, 2, 8, 8)).astype(np.float32)
    path = tmp_path / ("cutouts.npz" if kind == "npz" else "cutouts.h5")
    if kind == "npz":
        np.savez(path, images=pixels, **stated)
    else:
        with h5py.File(path, "w") as file:
            data = file.create_dataset("images", data=pixels)
            if kind == "array":
                for name, value in stated.items():
                    file.create_dataset(name, data=value)
            else:
                (data if kind == "attribute" else file).attrs.update(stated)
    ws, spec = Workspace.open(tmp_path / "ws"), IngestSpec(path=str(path), bands=("g", "r"))
    assert make_preview(spec).unit == words
    run_import(ws, name="arrays", spec=spec, processes=1)
    assert unit_of(ws, "arrays") == words
    run_import(ws, name="said", spec=spec.replaced(zero_point=("26",)), processes=1)
    assert unit_of(ws, "said") == "flux, AB zero point 26"


def test_an_array_states_the_zero_point_of_each_cutout_and_band_in_its_order(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).normal(size=(3, 8, 8, 2)).astype(np.float32)
    points = np.array([[27, 28], [30, np.nan], [25, 22.5]])
    with h5py.File(tmp_path / "cutouts.h5", "w") as file:
        file.create_dataset("images", data=pixels)
        file.create_dataset("bands", data=["g", "r"])
        file.create_dataset("zero_point", data=points)
    ws, spec = (
        Workspace.open(tmp_path / "ws"),
        IngestSpec(path=str(tmp_path / "cutouts.h5"), bands=("r", "g")),
    )
    run_import(ws, name="arrays", spec=spec, processes=1)
    factors = np.load(ws.cutouts_folder("arrays") / "flux-scale.npy")
    in_jansky = (points[:, ::-1] * u.ABmag).to_value(u.Jy) / (25 * u.ABmag).to_value(u.Jy)
    np.testing.assert_allclose(factors, in_jansky, rtol=1e-5)


def test_a_zero_point_of_another_band_is_refused(tmp_path: Path) -> None:
    spec = IngestSpec(path=str(write_stacks(tmp_path, calibrated=0)), zero_point=("z=27",))
    with pytest.raises(InvalidInput, match="zero point for z, but the bands are g, r"):
        make_preview(spec)


def test_pictures_of_8_bits_are_no_flux(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    for number in range(2):
        values = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        (tmp_path / "files").mkdir(exist_ok=True)
        Image.fromarray(values).save(tmp_path / "files" / f"o{number}.png")
    spec = IngestSpec(path=str(tmp_path / "files"), bands=("i", "r", "g"))
    assert make_preview(spec).unit == "8-bit pictures, no flux"
    run_import(ws, name="pictures", spec=spec, processes=1)
    assert unit_of(ws, "pictures") == "8-bit pictures, no flux"
    source = sources.get_source(ws.database, "pictures")
    cutouts, pictures = read_pictures(ws, source, [1])
    first = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    assert cutouts[0].candidate_id == "o0"
    assert (pictures[0] == first).all()  # red is i, as it was in the file
    assert optics_of(ws, source.id)["usual_display"]["stretch"] == "given"
    assert optics_of(ws, source.id)["on_sky"]
    with pytest.raises(InvalidInput, match="brightness on a screen"):
        make_preview(spec.replaced(zero_point=("27",)))


def write_bytes(path: Path, values: np.ndarray, **cards: object) -> Path:
    """Write pixels of 8 bits as a file of the format that its ending says; `cards` tell of their unit."""
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("images", data=values).attrs.update(cards)
    elif path.suffix == ".fits":
        write_fits(path, values[0], fits.Header(cards))
    else:
        np.save(path, values)
    return path


@pytest.mark.parametrize("name", ["stack.npy", "stack.h5", "one.fits"])
def test_8_bits_without_a_unit_are_pictures_in_whatever_file(tmp_path: Path, name: str) -> None:
    values = np.random.default_rng(1).integers(0, 255, (3, 8, 8), np.uint8)
    spec = IngestSpec(path=str(write_bytes(tmp_path / name, values)), bands=("r",))
    assert make_preview(spec).unit == "8-bit pictures, no flux"
    with pytest.raises(InvalidInput, match="brightness on a screen"):
        make_preview(spec.replaced(zero_point=("27",)))
    floats = IngestSpec(path=str(write_bytes(tmp_path / f"of-16-{name}", values.astype(np.int16))))
    assert make_preview(floats.replaced(bands=("r",))).unit == "unknown"


@pytest.mark.parametrize(("name", "cards"), [("stack.h5", {"unit": "nJy"}), ("one.fits", {"BUNIT": "nJy"})])
def test_8_bits_with_a_unit_are_flux(tmp_path: Path, name: str, cards: dict[str, str]) -> None:
    values = np.random.default_rng(1).integers(0, 255, (3, 8, 8), np.uint8)
    spec = IngestSpec(path=str(write_bytes(tmp_path / name, values, **cards)), bands=("r",))
    assert make_preview(spec).unit.startswith("flux, AB zero point 31.4")


def test_rejected_candidates_do_not_make_a_unit_unknown(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    files = write_stacks(tmp_path / "files", calibrated=2)
    for band in "gr":
        write_fits(files / "o9" / f"o9_{band}.fits", np.zeros((8, 8), np.float32), header())
    outcome = run_import(ws, name="stacks", spec=IngestSpec(path=str(files)), processes=1)
    assert len(outcome["rejected"]) == 1
    assert unit_of(ws, "stacks").startswith("flux, AB zero point")


def test_factors_scale_integers_as_they_scale_floats(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    files = write_stacks(tmp_path / "files", calibrated=2)
    for dtype in ("float32", "int16"):
        run_import(ws, name=dtype, spec=IngestSpec(path=str(files), dtype=dtype), processes=1)
    floats, integers = (
        PackedCutouts.open(ws.cutouts_folder(name), calibrated=True).read(np.array([1, 0, 1]))
        for name in ("float32", "int16")
    )
    assert integers == pytest.approx(floats, abs=float(np.ptp(floats)) / 60_000)


def test_each_real_stack_has_the_zero_point_of_its_exposure(shared_data: Path, tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    files = shared_data / "sled_ps1" / "cutouts"
    run_import(ws, name="ps1", spec=IngestSpec(path=str(files), bands=("g", "r", "i"), size=32))
    assert unit_of(ws, "ps1").startswith("flux, AB zero point 3")
    exposures = [fits.getheader(path)["EXPTIME"] for path in sorted(files.glob("*/*_g.fits"))]
    scales = np.load(ws.cutouts_folder("ps1") / "flux-scale.npy")
    assert np.sort(scales[:, 0]) == pytest.approx(np.sort(1 / np.array(exposures)), rel=1e-5)
