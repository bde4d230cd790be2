"""Objects found in larger cutouts: where they are, how bright and large, and which are kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.modeling.models import Gaussian2D, Sersic2D
from astropy.units import deg
from astropy.wcs import WCS
from scipy.ndimage import gaussian_filter

from lensapp import jobs
from lensapp.cli import main
from lensapp.core.data.detection import detect, noise_correlation
from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.sky import offset_positions
from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.split.splits import SplitSpec
from lensapp.ingest.importer import run_import
from lensapp.services.data.find_preview import preview_finding
from lensapp.services.data.object_finding import find_objects
from lensapp.services.data.source_quality import account_of, pixel_sky, remarks_on
from lensapp.services.split.previews import preview_split
from lensapp.storage import sources
from lensapp.storage.arrays import FLUX_SCALES, PackedCutouts, write_flux_scales
from lensapp.storage.workspace import Workspace
from lensapp.ui.data.object_search import image_figure
from support.cutout_files import header, write_fits
from support.small_surveys import pack_source

SIDE, SCALE = 140, 0.25
MIDDLE = (SIDE - 1) / 2
PSF_SIGMA, NOISE = 2.0, 0.01
FACTOR = 0.02  # calibrated flux per count
TARGET, EDGE = (70.0, 69.0), (6.0, 70.0)
GALAXIES = {(25.3, 22.7): 20.0, (108.6, 30.2): 21.0, (112.4, 110.1): 20.5}  # x, y: i magnitude
STARS = {(30.0, 110.0): 19.5, (68.0, 122.0): 20.0}
COLOURS = {"g": 1.4, "r": 0.5, "i": 0.0}
FIELD_COUNT = 3


def flux_of(magnitude: float) -> float:
    """AB magnitude to flux of zero point 25."""
    return float(10 ** (0.4 * (25.0 - magnitude)))


def gaussian(x: float, y: float, magnitude: float, sigma: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    peak = flux_of(magnitude) / (2 * np.pi * sigma**2)
    return np.asarray(Gaussian2D(peak, x, y, sigma, sigma)(columns, rows))


def one_field(seed: int) -> np.ndarray:
    """Calibrated flux (y, x, band) of a target, an object at the edge, galaxies and stars, sky level 3."""
    rng = np.random.default_rng(seed)
    objects = [(*TARGET, 19.0, 5.0), (*EDGE, 20.0, 4.0)]
    objects += [(x, y, mag, 4.0) for (x, y), mag in GALAXIES.items()]
    objects += [(x, y, mag, PSF_SIGMA) for (x, y), mag in STARS.items()]
    planes = [
        sum(gaussian(x, y, mag + redder, sigma) for x, y, mag, sigma in objects)
        for redder in COLOURS.values()
    ]
    return np.stack([plane + rng.normal(3.0, NOISE, plane.shape) for plane in planes], axis=-1)


def add_fields(ws: Workspace, *, calibrated: bool = True, oriented: bool = True) -> None:
    pixels = np.stack([one_field(seed) for seed in range(FIELD_COUNT)]) / FACTOR
    orientation = {"north_deg": 0.0, "east_left": True} if oriented else {}
    cutouts = [
        {
            "row": row,
            "candidate_id": f"field{row}",
            "ra_deg": 150.0 + row,
            "dec_deg": 2.0,
            "properties": orientation,
        }
        for row in range(FIELD_COUNT)
    ]
    pack_source(
        ws,
        "fields",
        pixels.astype(np.float32),
        cutouts,
        kind="import",
        pixel_scale_arcsec=SCALE,
        zero_point=None,
    )
    if calibrated:
        folder = ws.cutouts_folder("fields")
        packing = PackedCutouts.open(folder).packing
        write_flux_scales(folder, packing, 0, [[FACTOR] * 3] * FIELD_COUNT)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "workspace")


def search(ws: Workspace, name: str = "found", **options: Any) -> dict[str, Any]:
    spec = FindObjectsSpec(**{"size": 24, "exclude_radius_arcsec": 3.0} | options)
    return find_objects(ws, name=name, source_name="fields", spec=spec)


def rows_of(ws: Workspace, name: str = "found") -> list[dict[str, Any]]:
    """The cutouts of a source as rows with their properties."""
    source = sources.get_source(ws.database, name)
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"].tolist()
    return [vars(cutout) | cutout.properties for cutout in sources.get_cutouts(ws.database, ids)]


def nearest(rows: list[dict[str, Any]], field: int, place: tuple[float, float]) -> dict[str, Any]:
    of_field = [row for row in rows if row["image"] == f"field{field}"]
    return min(of_field, key=lambda row: np.hypot(row["x"] - place[0], row["y"] - place[1]))


def test_galaxies_are_found_where_they_are_and_as_bright_and_large_as_they_are(ws: Workspace) -> None:
    add_fields(ws)
    answer = search(ws)
    rows = rows_of(ws)
    assert (answer["accepted"], len(rows)) == (9, 9)
    for field in range(FIELD_COUNT):
        for place, magnitude in GALAXIES.items():
            row = nearest(rows, field, place)
            assert np.hypot(row["x"] - place[0], row["y"] - place[1]) < 0.25
            for band, redder in COLOURS.items():
                assert row[f"mag_{band}"] == pytest.approx(
                    magnitude + redder, abs=0.05
                )  # Kron apertures miss 3 %
            assert row["colour_g_r"] == pytest.approx(0.9, abs=0.03)
            assert row["colour_r_i"] == pytest.approx(0.5, abs=0.03)
            # Half of a Gaussian's light lies within 1.1774 sigma.
            assert row["half_light_radius_arcsec"] == pytest.approx(1.1774 * 4.0 * SCALE, rel=0.03)
            assert row["ellipticity"] < 0.05
            assert row["star_likeness"] < 0.01


def test_fluxes_of_exponential_discs_miss_what_kron_apertures_miss() -> None:
    # Graham & Driver 2005, PASA 22, 118, table 1: 2.5 Kron radii hold 96 % of an exponential disc.
    rows, columns = np.mgrid[:200, :200]
    disc = Sersic2D(1.0, r_eff=9.0, n=1.0, x_0=100, y_0=98, ellip=0.4, theta=0.5)(columns, rows)
    noise = np.random.default_rng(1).normal(0, 0.002, disc.shape)
    found = detect((disc + noise)[..., None], band=0)
    assert len(found) == 1
    assert found.flux[0, 0] / disc.sum() == pytest.approx(0.96, abs=0.04)
    assert found.ellipticity[0] == pytest.approx(0.4, abs=0.02)


def test_noise_of_apertures_is_that_of_resampled_pixels() -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    circles = [np.hypot(rows - y, columns - x) <= 5 for y in range(8, SIDE, 12) for x in range(8, SIDE, 12)]
    rng, sums, factors = np.random.default_rng(2), [], []
    for _ in range(10):
        noise = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 1.0)
        sums += [noise[circle].sum() for circle in circles]
        factors.append(noise_correlation(noise, np.zeros(noise.shape, bool)))
    independent = np.std(noise) * np.sqrt(circles[0].sum())
    assert np.mean(factors) == pytest.approx(np.std(sums) / independent, rel=0.1)
    white = [noise_correlation(rng.normal(0, 1, (SIDE, SIDE)), noise > np.inf) for _ in range(10)]
    assert np.mean(white) == pytest.approx(1.0, abs=0.1)


def test_objects_are_cut_out_bit_by_bit_around_their_own_pixel(ws: Workspace) -> None:
    add_fields(ws)
    search(ws, size=25)
    stored = PackedCutouts.open(ws.cutouts_folder("fields")).read(np.arange(FIELD_COUNT))
    found = PackedCutouts.open(ws.cutouts_folder("found"), calibrated=True)
    raw = PackedCutouts.open(ws.cutouts_folder("found"))
    assert found.flux_scales == pytest.approx(np.full((9, 3), FACTOR))
    for row in rows_of(ws):
        x, y = round(row["x"]), round(row["y"])
        part = stored[int(row["image"][-1]), y - 12 : y + 13, x - 12 : x + 13]
        assert np.array_equal(raw.read(np.array([row["row"]]))[0], part)


def test_stars_the_target_known_lenses_and_what_touches_the_edge_are_left_out_and_counted(
    ws: Workspace, tmp_path: Path
) -> None:
    add_fields(ws)
    (x, y), *_ = GALAXIES
    east, north = -(x - MIDDLE) * SCALE / 3600, (y - MIDDLE) * SCALE / 3600
    lens = SkyCoord(150.0, 2.0, unit="deg").spherical_offsets_by(east * deg, north * deg)
    table = tmp_path / "lenses.csv"
    table.write_text(f"name,ra,dec\nL1,{lens.ra.deg},{lens.dec.deg}\n")
    answer = search(ws, known_lenses=str(table))
    assert answer["left_out"] == {"star": 6, "target": 3, "known lens": 1, "edge": 3}
    assert answer["detected"] - answer["accepted"] == 13
    stars = search(ws, "stars", keep="stars")
    assert stars["left_out"] == {"galaxy": 15}
    everything = search(ws, "all", keep="all", edges="mask", exclude_radius_arcsec=0.0, label="nonlens")
    assert everything["accepted"] == everything["detected"] == 21
    rows = rows_of(ws, "all")
    assert {row["label"] for row in rows} == {"nonlens"}
    assert {row["label"] for row in rows_of(ws)} == {None}
    edge = nearest(rows, 0, EDGE)
    assert edge["masked_fraction"] == pytest.approx((12 - 1 - round(EDGE[0] - 0.5) + 1) / 24, abs=1 / 24)
    assert all(row["masked_fraction"] == 0 for row in rows if row["x"] > 20)


def test_what_was_left_out_is_told_as_what_it_is_and_not_as_a_warning(ws: Workspace) -> None:
    add_fields(ws)
    search(ws)
    source = sources.get_source(ws.database, "found")
    account = account_of(ws, source)
    detected = source.quality["accepted"] + source.quality["rejected"]
    assert account.kept == f"{source.quality['accepted']} of {detected} objects kept"
    assert account.sentences[0].startswith("Left out: ")
    assert "6 are as compact as stars" in account.sentences[0]
    assert [text for text in source.quality["warnings"] if "as compact as stars" in text]
    assert not [text for text in remarks_on(source) if f"of {detected} objects" in text]


def test_a_preview_shows_what_the_search_will_keep_and_stores_nothing(ws: Workspace) -> None:
    add_fields(ws)
    preview = preview_finding(ws, "fields", FindObjectsSpec(size=24))
    assert preview.image.ndim == 3
    assert 0 < preview.marks["kept"].sum() <= len(preview.marks["x"]) <= preview.detected
    drawn = image_figure(preview, colours=("#111111", "#222222")).data
    assert sum(len(trace.x) for trace in drawn) == len(preview.marks["x"])
    assert all(
        bool(why) != kept for why, kept in zip(preview.marks["reason"], preview.marks["kept"], strict=True)
    )
    assert [trace.marker.symbol for trace in drawn] == ["circle-open", "x-thin-open"]
    assert [one.name for one in sources.list_sources(ws.database)] == ["fields"]
    answer = search(ws)
    assert (preview.detected, preview.kept) == (answer["detected"], answer["accepted"])
    assert preview.left_out == answer["left_out"]
    assert preview.pictures.shape == (answer["accepted"], 24, 24, 3)
    found = sorted(row["mag_i"] for row in rows_of(ws))
    assert np.sort(preview.magnitudes) == pytest.approx(found, abs=1e-3)


def test_sky_and_noise_are_told_in_one_zero_point(ws: Workspace) -> None:
    add_fields(ws)
    path = ws.cutouts_folder("fields") / FLUX_SCALES
    factors = np.load(path)
    factors[:, 1] *= 2.0
    np.save(path, factors)
    levels = pixel_sky(ws, sources.get_source(ws.database, "fields"))
    assert levels.unit == "all in flux of AB zero point 27"
    noise = NOISE * np.array([1, 2, 1])  # in flux of zero point 25
    assert levels.noise * 10.0**levels.power == pytest.approx(noise * 10**0.8, rel=0.1)
    assert levels.noise_mag_arcsec2 == pytest.approx(25 - 2.5 * np.log10(noise / SCALE**2), abs=0.1)


def test_cutouts_that_show_the_target_of_their_image_are_counted(ws: Workspace) -> None:
    add_fields(ws)
    # Of 80 pixels about a galaxy 55 pixels away on both axes, the target is no part; of 112 pixels it is.
    far = search(ws, "far", size=70, edges="mask")
    assert not [text for text in far["warnings"] if "show the target" in text]
    near = search(ws, "near", size=112, edges="mask")
    assert [text for text in near["warnings"] if text.startswith("9 cutouts show the target of their image")]
    assert [
        text for text in near["warnings"] if "--exclude-radius 20" in text
    ]  # 112 px of 0.25″ / √2 = 19.8″


@pytest.mark.parametrize("turned_deg", [0.0, 37.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_positions_are_those_that_the_header_of_the_image_gives(
    ws: Workspace, tmp_path: Path, turned_deg: float, mirrored: bool
) -> None:
    head = header(210.0, 65.0, scale=SCALE, side=SIDE)
    cos, sin = np.cos(np.radians(turned_deg)), np.sin(np.radians(turned_deg))
    flip = 1.0 if mirrored else -1.0
    step = SCALE / 3600
    head["CD1_1"], head["CD1_2"] = flip * step * cos, -flip * step * sin
    head["CD2_1"], head["CD2_2"] = step * sin, step * cos
    for band, plane in zip("gri", np.moveaxis(one_field(5), -1, 0), strict=True):
        write_fits(tmp_path / "sky" / "field0" / f"field0_{band}.fits", plane.astype(np.float32), head)
    run_import(ws, name="fields", spec=IngestSpec(path=str(tmp_path / "sky")), processes=1)
    search(ws)
    rows = rows_of(ws)
    assert len(rows) == 3
    wcs = WCS(head)
    for row in rows:
        sky = wcs.pixel_to_world(row["x"], row["y"])
        assert sky.separation(SkyCoord(row["ra_deg"], row["dec_deg"], unit="deg")).arcsec < 0.02
        assert row["position_from"] == "wcs"


def test_offsets_on_the_tangent_plane_are_those_of_astropy() -> None:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [359.99, -80.0], [1, 1]
    wcs.wcs.cdelt = [-1 / 3600, 1 / 3600]
    east, north = np.array([0.0, 300.0, -2000.0]), np.array([0.0, -40.0, 1500.0])
    sky = wcs.pixel_to_world(-east, north)
    ra, dec = offset_positions(359.99, -80.0, east_arcsec=east, north_arcsec=north)
    assert SkyCoord(ra, dec, unit="deg").separation(sky).arcsec == pytest.approx(0.0, abs=1e-6)


def test_a_split_keeps_what_is_of_one_field_in_one_part(ws: Workspace) -> None:
    add_fields(ws)
    search(ws, keep="all", label="nonlens")
    spec = SplitSpec(train=0.34, validation=0.33, test=0.33, near_duplicate_bits=0)
    columns = preview_split(ws, source_names=["found"], spec=spec).columns
    field = [name.split("_")[0] for name in columns["candidate_id"]]
    parts = {name: {p for f, p in zip(field, columns["part"], strict=True) if f == name} for name in field}
    assert all(len(part) == 1 for part in parts.values())
    assert len(set.union(*parts.values())) == 3


def test_images_of_unknown_unit_and_orientation_give_fluxes_and_no_positions(ws: Workspace) -> None:
    add_fields(ws, calibrated=False, oriented=False)
    answer = search(ws)
    assert any("unit of flux" in warning for warning in answer["warnings"])
    assert any("north" in warning for warning in answer["warnings"])
    row = nearest(rows_of(ws), 0, (25.3, 22.7))
    assert row["flux_i"] * FACTOR == pytest.approx(flux_of(20.0), rel=0.03)
    assert "mag_i" not in row
    assert row["ra_deg"] is None
    assert not PackedCutouts.open(ws.cutouts_folder("found"), calibrated=True).flux_scales
    with pytest.raises(InvalidInput, match="zero point"):
        search(ws, "bright", faintest_mag=20.2)


def test_a_range_of_magnitudes_and_a_number_are_kept_to(ws: Workspace) -> None:
    add_fields(ws)
    assert search(ws, faintest_mag=20.7, brightest_mag=20.2)["accepted"] == FIELD_COUNT
    assert {round(row["mag_i"], 1) for row in rows_of(ws)} == {20.5}
    few, again = (search(ws, name, limit=4) for name in ("few", "again"))
    assert few["left_out"]["limit"] == 5
    assert [row["candidate_id"] for row in rows_of(ws, "few")] == [
        row["candidate_id"] for row in rows_of(ws, "again")
    ]
    assert again["accepted"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 140}, "Choose a smaller size"),
        ({"band": "z"}, "no band 'z'; the source has g, r, i"),
        ({"snr": 900.0}, "none is left"),
        ({"brightest_mag": 22.0, "faintest_mag": 20.0}, "smaller number"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_a_remedy(
    ws: Workspace, options: dict[str, Any], message: str
) -> None:
    add_fields(ws)
    with pytest.raises(InvalidInput, match=message):
        find_objects(ws, name="x", source_name="fields", spec=FindObjectsSpec.parse({"size": 24} | options))
    assert [source.name for source in sources.list_sources(ws.database)] == ["fields"]


def test_a_search_that_is_stopped_leaves_nothing_and_can_run_again(ws: Workspace) -> None:
    add_fields(ws)
    spec = FindObjectsSpec(size=24)
    with pytest.raises(JobCancelled):
        find_objects(ws, name="found", source_name="fields", spec=spec, should_stop=lambda: "stop")
    assert len(sources.list_sources(ws.database)) == 1
    assert search(ws)["accepted"] == 9
    with pytest.raises(InvalidInput, match="Choose another name"):
        search(ws)


def test_empty_images_and_images_without_objects_have_none() -> None:
    blank = np.full((40, 40, 2), np.nan)
    assert len(detect(blank, band=0)) == len(detect(np.zeros((40, 40, 2)), band=1)) == 0
    noise = np.random.default_rng(3).normal(0, 1, (40, 40, 1))
    found = detect(noise, band=0)
    assert (found.flux[:, 0] < 10 * found.flux_error[:, 0]).all()


def test_the_command_finds_objects(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    add_fields(ws)
    words = ["find-objects", "fields", "--name", "found", "--size", "24", "--exclude-radius", "3"]
    assert main(["--workspace", str(ws.folder), *words, "--label", "nonlens", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accepted"] == 9
    assert jobs.latest_job(ws.database, "objects", name="found").state == "done"
