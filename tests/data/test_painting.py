"""Lenses painted on the cutouts of a source: whole, resumable, with hosts, truth and units kept."""

from pathlib import Path

import numpy as np
import pytest
from astropy.convolution import Gaussian2DKernel
from astropy.io import fits
from astropy.stats import gaussian_sigma_to_fwhm

from lensapp.cli import main
from lensapp.core.data.conditions import parse_filter
from lensapp.core.data.paint_spec import PaintSpec
from lensapp.core.errors import BandMismatch, InvalidInput, JobCancelled, NotFound
from lensapp.core.sampling import alike_first
from lensapp.core.split.splits import SplitSpec
from lensapp.services.data.host_choice import (
    UNMARKED,
    WHOLE,
    HostSample,
    choose_hosts,
    host_warning,
    kept_psf,
    usual_hosts,
)
from lensapp.services.data.paint_preview import nonlenses_of, preview_painting
from lensapp.services.data.painting import paint_source, read_psf, start_painting
from lensapp.services.split.datasets import freeze_split
from lensapp.simulation.host_galaxies import find_artefacts, measure_hosts, red_sequence
from lensapp.storage import datasets, sources
from lensapp.storage.arrays import (
    FLUX_SCALES,
    PackedCutouts,
    PlaneShape,
    create_planes,
    write_flux_scales,
    write_planes,
)
from lensapp.storage.cutouts import kept_noise, source_unit
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from support.small_surveys import pack_source

BANDS, SIZE, COUNT, SCALE = ("g", "r", "i"), 48, 90, 0.25
ZERO_POINTS = (27.0, 28.0, 29.5)
USUAL = {
    "hosts": ("sky",), "count": 70, "nonlens_ratio": 0.5, "seed": 4,
    "source": {"second_share": 0.2, "quasar_share": 0.1}, "choice": {"smallest_size": 1.0},
}  # fmt: skip
SPEC = PaintSpec.parse(USUAL)


def galaxies(rng: np.random.Generator) -> tuple[np.ndarray, list[dict[str, object]]]:
    """Return flux at AB 25 of early-type galaxies, spirals and stars, and what is known of them."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    pixels, known = [], []
    for row in range(COUNT):
        magnitude, redshift = rng.uniform(17.5, 19.5), rng.uniform(0.3, 0.5)
        red = red_sequence(BANDS, np.array([redshift]))[0]
        colours = red if row % 3 else np.array([0.4, 0.1, 0.0])
        width = 2.0 if row % 9 == 0 else rng.uniform(2.6, 3.4)
        flux = 10 ** (-0.4 * (magnitude + colours - 25))
        light = np.exp(-(x**2 + y**2) / 2 / width**2) / (2 * np.pi * width**2)
        pixels.append(light[..., None] * flux + rng.normal(0, 0.1, (SIZE, SIZE, 3)))
        known.append({"redshift": redshift, "mag": magnitude, "sort": row % 3})
    return np.array(pixels), known


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    ws = Workspace.open(tmp_path / "ws")
    pixels, known = galaxies(np.random.default_rng(1))
    factors = 10 ** (0.4 * (25 - np.array(ZERO_POINTS)))
    rows = [
        {
            "row": row, "candidate_id": f"sky-{row:03d}", "label": "lens" if row == 5 else None,
            "ra_deg": 150 + row / 100, "dec_deg": 2.0, "parent": f"tile-{row // 4}", "properties": known[row],
        }
        for row in range(COUNT)
    ]  # fmt: skip
    source = pack_source(ws, "sky", (pixels / factors).astype(np.float32), rows, pixel_scale_arcsec=SCALE)
    folder = ws.cutouts_folder(source.name)
    write_flux_scales(folder, PackedCutouts.open(folder).packing, 0, np.tile(factors, (COUNT, 1)))
    return ws


def cutouts_of(ws: Workspace, name: str) -> list[Cutout]:
    source = sources.get_source(ws.database, name)
    return sources.get_cutouts(
        ws.database, sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    )


def pixels_of(ws: Workspace, name: str, *, calibrated: bool = False) -> np.ndarray:
    packed = PackedCutouts.open(ws.cutouts_folder(name), calibrated=calibrated)
    return packed.read(np.array([cutout.row for cutout in cutouts_of(ws, name)]))


def test_a_painted_source_is_its_hosts_and_arcs_in_the_surveys_units(ws: Workspace) -> None:
    report = paint_source(ws, name="new", spec=SPEC, processes=1)
    assert (report["accepted"], report["lenses"], report["bands"]) == (105, 70, list(BANDS))
    hosts = {cutout.candidate_id: cutout for cutout in cutouts_of(ws, "sky")}
    raw, new, every = pixels_of(ws, "sky"), pixels_of(ws, "new"), cutouts_of(ws, "new")
    stored = PackedCutouts.open(ws.cutouts_folder("new"), calibrated=True).flux_scales
    for cutout, image in zip(every, new, strict=True):
        host = hosts[cutout.properties["host"]]
        extra = image - raw[host.row]
        assert cutout.parent == host.parent
        assert (cutout.ra_deg, cutout.dec_deg) == (host.ra_deg, host.dec_deg)
        assert cutout.properties["painted"] is (cutout.label == "lens")
        assert host.label != "lens"
        if cutout.label == "nonlens":
            assert (extra == 0).all()
            continue
        truth = cutout.properties
        assert truth["arc_snr"] >= 4.999
        # Stored counts brought to magnitudes by the zero point of each band's own headers.
        for band, zero_point in enumerate(ZERO_POINTS):
            magnitude = zero_point - 2.5 * np.log10(extra[..., band].sum())
            noisy = 5 / truth[f"arc_snr_{BANDS[band]}"]
            assert magnitude == pytest.approx(truth[f"arc_magnitude_{BANDS[band]}"], abs=0.03 + 0.5 * noisy)
    factors = 10 ** (0.4 * (25 - np.array(ZERO_POINTS)))
    assert stored[: len(every)] == pytest.approx(np.tile(factors, (len(every), 1)), rel=1e-6)


def test_the_unit_is_known_where_there_are_fewer_nonlenses_than_asked_for(ws: Workspace) -> None:
    report = paint_source(ws, name="new", spec=SPEC.replaced(nonlens_ratio=2.0), processes=1)
    source = sources.get_source(ws.database, "new")
    assert report["accepted"] < source.slots
    assert source_unit(ws, source).kind == "flux"
    # Rows without a cutout tell nothing of the zero points, also where an earlier version filled them with 1.
    assert source_unit(ws, source) == source_unit(ws, sources.get_source(ws.database, "sky"))
    path = ws.cutouts_folder("new") / FLUX_SCALES
    factors = np.load(path)
    assert (factors == factors[0]).all()
    factors[report["accepted"] :] = 1.0
    np.save(path, factors)
    assert source_unit(ws, source) == source_unit(ws, sources.get_source(ws.database, "sky"))


def test_conditions_on_hosts_and_on_other_nonlenses_hold_for_these_alone(ws: Workspace) -> None:
    every = {cutout.id: cutout.properties["mag"] for cutout in cutouts_of(ws, "sky")}

    def magnitudes(sample: HostSample) -> list[np.ndarray]:
        return [np.array([every[key] for key in one.cutout_id]) for one in (sample.galaxies, sample.others)]

    choice = {"smallest_size": 1.0, "where": ["mag < 18.5"]}
    any_other = SPEC.replaced(choice=choice)
    hosts, others = magnitudes(choose_hosts(ws, any_other))
    assert hosts.max() < 18.5 < others.max()
    assert len(hosts) + len(others) == COUNT - 1  # without the one labelled as a lens
    sample = choose_hosts(ws, any_other.replaced(nonlens_where=["mag > 19"]))
    hosts, others = magnitudes(sample)
    assert hosts.max() < 18.5
    assert others.min() > 19
    counts = list(sample.counts.items())
    assert counts[:3] == [
        ("in the sources", 90), ("not labelled as lenses", 89), ("with at most 2 % of pixels masked", 89)
    ]  # fmt: skip
    assert counts[3][0] == "with mag < 18.5"


@pytest.mark.parametrize("calibrated", [True, False])
def test_other_nonlenses_are_as_bright_as_the_hosts_where_that_is_asked_for(
    ws: Workspace, calibrated: bool
) -> None:
    if not calibrated:
        (ws.cutouts_folder("sky") / FLUX_SCALES).unlink()
    every = {cutout.id: cutout.properties["mag"] for cutout in cutouts_of(ws, "sky")}
    bright = SPEC.replaced(
        choice={"smallest_size": 1.0, "where": ["mag < 18"]}, count=30, nonlens_ratio=1, host_share=0
    )
    medians = {}
    for as_bright in (True, False):
        spec = bright.replaced(as_bright=as_bright)
        sample = choose_hosts(ws, spec)
        assert sample.magnitude_name == "mag"  # by which Split compares them
        medians[as_bright] = np.median([every[key] for key in sample.others.cutout_id])
        preview = preview_painting(ws, spec)
        both = nonlenses_of(preview, spec).brightness
        assert both is None or both.differs is not as_bright
    assert medians[True] < 18.1
    assert medians[False] > 18.5


def test_what_is_drawn_first_is_distributed_like_others_as_far_as_there_is_enough() -> None:
    rng = np.random.default_rng(3)
    values, like = rng.uniform(16, 24, 4000), rng.normal(19, 0.5, 300)
    order = alike_first(rng, values, like, count=200, step=0.25)
    assert sorted(order.tolist()) == list(range(4000))
    first = values[order[:200]]
    assert np.percentile(first, [10, 50, 90]) == pytest.approx(np.percentile(like, [10, 50, 90]), abs=0.25)
    few = alike_first(rng, values[:10], like, count=200, step=0.25)
    assert sorted(few.tolist()) == list(range(10))
    unknown = alike_first(rng, np.full(4, np.nan), like, count=2, step=0.25)
    assert sorted(unknown.tolist()) == list(range(4))


def test_galaxies_drawn_at_random_for_a_preview_are_counted_as_such(ws: Workspace) -> None:
    counts = choose_hosts(ws, SPEC, most_measured=40).counts
    assert counts["drawn of them at random"] == 40
    assert not any(cut.startswith("with ") and cut != WHOLE for cut in counts)


def test_the_psf_kept_beside_the_cutouts_is_painted_with(ws: Workspace) -> None:
    """A Gaussian of 1.1 arcsec FWHM by astropy, off centre in its plane; one candidate has none."""
    folder = ws.cutouts_folder("sky")
    shape = PlaneShape(word="psf", kind="PSF", height=24, width=26)
    create_planes(folder, PackedCutouts.open(folder).packing, [shape])
    kernel = Gaussian2DKernel(1.1 / SCALE / gaussian_sigma_to_fwhm, x_size=21, y_size=21).array
    planes = np.full((COUNT, 24, 26, 3), np.nan, np.float32)
    planes[1:, 2:23, 4:25] = 7 * kernel[..., None]
    write_planes(folder, 0, {"psf": planes})
    psf = kept_psf(ws, sources.get_source(ws.database, "sky"), np.arange(COUNT))
    assert psf is not None
    assert psf.sum((1, 2)) == pytest.approx([1, 1, 1], abs=1e-5)
    middle = psf.shape[1] // 2
    assert psf[0, middle - 5 : middle + 6, middle - 5 : middle + 6] == pytest.approx(
        kernel[5:16, 5:16], abs=1e-4
    )
    sky = choose_hosts(ws, SPEC).survey.sky
    assert sky.psf_fwhm_arcsec == pytest.approx([1.1] * 3, rel=0.03)
    assert sky.psf == pytest.approx(psf, abs=1e-6)


@pytest.mark.parametrize(("word", "power"), [("rms", 1.0), ("variance", 2.0), ("invvar", -2.0)])
def test_the_noise_of_maps_beside_the_cutouts_is_that_of_the_sky(
    ws: Workspace, word: str, power: float
) -> None:
    """Noise of 0.15 where 0.1 would be measured, told by a map with holes in units as stored."""
    folder, factors = ws.cutouts_folder("sky"), 10 ** (0.4 * (25 - np.array(ZERO_POINTS)))
    shapes = [PlaneShape(word=one, kind="noise", height=SIZE, width=SIZE) for one in ("wht", word)]
    create_planes(folder, PackedCutouts.open(folder).packing, shapes)
    sigma = np.broadcast_to(0.15 / factors, (COUNT, SIZE, SIZE, 3))
    maps = (sigma**power).astype(np.float32)
    maps[:, :5], maps[0] = 0, np.nan
    write_planes(folder, 0, {word: maps, "wht": np.full_like(maps, 7)})
    noise = kept_noise(PackedCutouts.open(folder, calibrated=True), np.arange(COUNT))
    assert np.isnan(noise[0]).all()
    assert noise[1:] == pytest.approx(np.full((COUNT - 1, 3), 0.15), rel=1e-5)
    assert choose_hosts(ws, SPEC).survey.sky.sigma == pytest.approx([0.15] * 3, rel=1e-5)
    write_planes(folder, 0, {word: (maps * 100**power).astype(np.float32)})  # not the noise of these pixels
    assert choose_hosts(ws, SPEC).survey.sky.sigma == pytest.approx([0.1] * 3, rel=0.05)


def test_field_galaxies_are_proposed_as_hosts_and_poor_ones_warned_of(ws: Workspace) -> None:
    sky = sources.get_source(ws.database, "sky")
    pixels = np.ones((4, SIZE, SIZE, 3), np.float32)
    rows = [{"row": row, "candidate_id": f"l{row}", "label": "lens"} for row in range(4)]
    lenses = pack_source(ws, "lenses", pixels, rows, pixel_scale_arcsec=SCALE)
    alone = pixels[:1], [{"row": 0, "candidate_id": "one"}]
    painted, objects = (
        pack_source(ws, name, *alone, pixel_scale_arcsec=SCALE, kind=kind)
        for name, kind in (("arcs", "paint"), ("objects", "objects"))
    )
    assert "89 of the 90 cutouts of sky have no label" in str(host_warning(ws, sky))
    assert "4 of the 4 cutouts of lenses are labelled as lenses" in str(host_warning(ws, lenses))
    assert "arcs is painted itself" in str(host_warning(ws, painted))
    assert usual_hosts(ws, [painted, lenses, sky], None) == "sky"
    assert usual_hosts(ws, [painted, lenses, sky, objects], "arcs") == "objects"
    assert usual_hosts(ws, [painted, lenses, sky, objects], "sky") == "objects"
    assert usual_hosts(ws, [lenses], None) == "lenses"


def test_cutouts_without_labels_are_hosts_only_where_no_others_are_and_said_to_be_no_nonlenses(
    ws: Workspace,
) -> None:
    pixels = np.ones((4, SIZE, SIZE, 3), np.float32)
    rows = [{"row": row, "candidate_id": f"u{row}"} for row in range(4)]
    labelled = [one | {"candidate_id": f"n{row}", "label": "nonlens"} for row, one in enumerate(rows)]
    survey, nonlenses, objects, painted = (
        pack_source(ws, name, pixels, those, pixel_scale_arcsec=SCALE, kind=kind)
        for name, those, kind in (
            ("survey", rows, "import"),
            ("nonlenses", labelled, "import"),
            ("objects", rows, "objects"),
            ("arcs", rows, "paint"),
        )
    )
    assert usual_hosts(ws, [survey, nonlenses], "survey") == "nonlenses"
    assert usual_hosts(ws, [survey, nonlenses, objects], "survey") == "objects"
    assert usual_hosts(ws, [painted, survey], "arcs") == "survey"
    told = str(host_warning(ws, survey))
    assert told.startswith("4 of the 4 cutouts of survey have no label, which does not mean")
    assert host_warning(ws, nonlenses) is None
    assert host_warning(ws, objects) is None


def test_hosts_are_red_and_extended_and_their_redshift_is_that_of_the_column(ws: Workspace) -> None:
    sample = choose_hosts(ws, SPEC.replaced(choice={"smallest_size": 1.15}))
    every = {cutout.id: cutout for cutout in cutouts_of(ws, "sky")}
    chosen = [every[key].properties for key in sample.galaxies.cutout_id.tolist()]
    assert {one["sort"] for one in chosen} == {1, 2}
    assert sample.redshift == pytest.approx([one["redshift"] for one in chosen])
    assert sample.magnitude == pytest.approx([one["mag"] for one in chosen], abs=0.05)
    assert ((sample.velocity_dispersion > 120) & (sample.velocity_dispersion < 420)).all()
    fewer = choose_hosts(ws, SPEC.replaced(choice={"where": ("mag < 18.5", "redshift > 0.4")}))
    assert 0 < len(fewer.galaxies) < len(sample.galaxies)
    assert (fewer.redshift > 0.4).all()


def test_hosts_with_a_trail_across_them_are_left_out_unless_asked_for(ws: Workspace) -> None:
    pixels = pixels_of(ws, "sky").copy()
    y, x = np.mgrid[:SIZE, :SIZE]
    chosen = choose_hosts(ws, SPEC)
    row = int(chosen.galaxies.row[0])
    pixels[row, ..., 0] += 40 * np.exp(-0.5 * ((x - y - 8) / 1.5) ** 2)
    rows = [{"row": one, "candidate_id": f"t-{one}"} for one in range(COUNT)]
    marked = pack_source(ws, "trail", pixels, rows, pixel_scale_arcsec=SCALE)
    folder = ws.cutouts_folder(marked.name)
    factors = 10 ** (0.4 * (25 - np.array(ZERO_POINTS)))
    write_flux_scales(folder, PackedCutouts.open(folder).packing, 0, np.tile(factors, (COUNT, 1)))
    spec = SPEC.replaced(hosts=("trail",))
    left = choose_hosts(ws, spec)
    assert row not in left.galaxies.row
    assert left.counts[UNMARKED] == left.counts[WHOLE] - 1
    kept = choose_hosts(ws, spec.replaced(choice=spec.choice.replaced(unmarked=False)))
    assert row in kept.galaxies.row
    assert UNMARKED not in kept.counts


def test_hosts_beside_a_bright_star_at_an_edge_or_of_odd_noise_are_no_hosts() -> None:
    rng = np.random.default_rng(4)
    light = 50 * np.exp(-(np.square(np.mgrid[:40, :40] - 19.5).sum(0)) / 18)[None, ..., None]
    pixels = (light + rng.normal(0, 1, (12, 40, 40, 2))).astype(np.float32)
    pixels[3, 5:8, 5:8] = 5000  # a saturated star
    pixels[5, :, :9] = 0.0  # beyond the edge of the data
    pixels[7] += rng.normal(0, 3, (40, 40, 2))
    shapes = measure_hosts(pixels, reference=1, pixel_scale_arcsec=0.25)
    found = find_artefacts(
        pixels, pixels, shapes, survey_noise=np.ones(2), reference=1, pixel_scale_arcsec=0.25
    )
    assert np.flatnonzero(found.unclean).tolist() == [3, 5, 7]


def test_of_large_images_the_middle_is_painted_and_previewed(ws: Workspace) -> None:
    count, side = 12, 301
    pixels = np.random.default_rng(2).normal(0, 0.1, (count, side, side, 3)).astype(np.float32)
    first = (side - SIZE) // 2
    pixels[:, first : first + SIZE, first : first + SIZE] += galaxies(np.random.default_rng(1))[0][:count]
    rows = [{"row": one, "candidate_id": f"w-{one}"} for one in range(count)]
    pack_source(ws, "wide", pixels, rows, pixel_scale_arcsec=SCALE)
    changes = {"hosts": ("wide",), "count": 8, "source": {"second_share": 0.0}}
    spec = PaintSpec.parse({**USUAL, **changes})
    paint_source(ws, name="arcs", spec=spec, processes=1)
    arcs = [one for one in cutouts_of(ws, "arcs") if one.label == "lens"]
    host_of = {one.candidate_id: one.row for one in cutouts_of(ws, "wide")}
    added = np.stack(
        [pixels_of(ws, "arcs")[one.row] - pixels[host_of[str(one.properties["host"])]] for one in arcs]
    )
    edge = (side - 129) // 2
    beside = np.ones((side, side), bool)
    beside[edge : side - edge, edge : side - edge] = False
    assert not added[:, beside].any()
    assert (added[:, ~beside].sum((1, 2)) > 0).all()
    preview = preview_painting(ws, spec)
    assert preview.painted_flux.shape[1:3] == (129, 129)
    assert preview.middle_of == (side, side)


def test_what_is_painted_does_not_depend_on_parts_and_goes_on_where_it_was(ws: Workspace) -> None:
    paint_source(ws, name="whole", spec=SPEC, processes=2)
    answers = iter([None, "stop"])
    with pytest.raises(JobCancelled, match="resume it"):
        paint_source(ws, name="cut", spec=SPEC, should_stop=lambda: next(answers), processes=1)
    assert sources.count_cutouts(ws.database, sources.get_source(ws.database, "cut").id) == 64
    with pytest.raises(NotFound, match="unfinished"):
        PackedCutouts.open(ws.cutouts_folder("cut"))
    paint_source(ws, name="cut", spec=SPEC, processes=1)
    np.testing.assert_array_equal(pixels_of(ws, "cut"), pixels_of(ws, "whole"))
    assert [one.properties for one in cutouts_of(ws, "cut")] == [
        one.properties for one in cutouts_of(ws, "whole")
    ]
    again = paint_source(ws, name="cut", spec=SPEC, processes=1)
    assert again["accepted"] == 105
    for seed in (4, 5):
        with pytest.raises(InvalidInput, match="already"):
            start_painting(ws, name="cut", spec=SPEC.replaced(seed=seed))


def test_no_host_is_on_both_sides_of_a_split(ws: Workspace) -> None:
    paint_source(ws, name="new", spec=SPEC, processes=1)
    made = freeze_split(ws, source_names=["new"], spec=SplitSpec(seed=2))
    members = datasets.member_columns(ws.database, made.id)
    tile = {cutout.id: cutout.parent for cutout in cutouts_of(ws, "new")}
    parts: dict[str, set[str]] = {}
    for key, part in zip(members["cutout_id"].tolist(), members["part"].tolist(), strict=True):
        parts.setdefault(str(tile[key]), set()).add(part)
    assert all(len(one) == 1 for one in parts.values())
    assert len(set().union(*parts.values())) == 3


def test_without_a_unit_arcs_follow_their_signal_to_noise_and_their_hosts_colours(ws: Workspace) -> None:
    (ws.cutouts_folder("sky") / "flux-scale.npy").unlink()
    paint_source(ws, name="new", spec=SPEC.replaced(nonlens_ratio=0), processes=1)
    assert PackedCutouts.open(ws.cutouts_folder("new"), calibrated=True).flux_scales is None
    truth = [cutout.properties for cutout in cutouts_of(ws, "new")]
    assert all("source_magnitude_i" not in one for one in truth)
    snr = np.array([one["arc_snr"] for one in truth])
    assert ((snr > 4.999) & (snr < 300.1)).all()


def test_stamps_of_another_source_are_lensed(ws: Workspace) -> None:
    stamped = SPEC.replaced(
        source={"stamps": "sky", "stamps_where": ("sort = 0",), "second_share": 0, "quasar_share": 0}
    )
    paint_source(ws, name="new", spec=stamped, processes=1)
    lenses = [cutout.properties for cutout in cutouts_of(ws, "new") if cutout.label == "lens"]
    colours = [one["arc_magnitude_g"] - one["arc_magnitude_i"] for one in lenses]
    assert colours == pytest.approx([0.4] * len(lenses), abs=0.08)  # that of the blue third
    for where, message in (
        (("absent > 1",), "no column 'absent'"),
        (("mag > 99",), "bright enough"),
    ):
        with pytest.raises(InvalidInput, match=message):
            paint_source(
                ws, name="bad", spec=stamped.replaced(source={"stamps": "sky", "stamps_where": where})
            )


def test_the_psf_of_a_file_is_taken(ws: Workspace, tmp_path: Path) -> None:
    y, x = np.mgrid[:25, :25] - 12
    star = np.exp(-(x**2 + y**2) / 2 / 1.8**2)
    path = tmp_path / "psf.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.stack([star, 2 * star, star]))]).writeto(path)
    sample = choose_hosts(ws, SPEC, psf=read_psf(str(path), bands=BANDS))
    assert sample.survey.sky.psf_fwhm_arcsec == pytest.approx(np.full(3, 2.3548 * 1.8 * SCALE), rel=0.02)
    assert sample.survey.sky.psf.sum((1, 2)) == pytest.approx(np.ones(3), rel=1e-5)
    with pytest.raises(
        InvalidInput, match="holds 3 images of a star; give one, or one for each of the bands g, r"
    ):
        read_psf(str(path), bands=("g", "r"))
    with pytest.raises(InvalidInput, match="Check its path"):
        start_painting(ws, name="x", spec=SPEC.replaced(psf_file=str(tmp_path / "absent.fits")))


def test_the_psf_is_that_of_the_stars_in_the_images_where_hosts_were_found(ws: Workspace) -> None:
    rng, (y, x) = np.random.default_rng(6), np.mgrid[:64, :64]
    fields = rng.normal(0, 0.5, (30, 64, 64, 3))
    for number in range(30):
        x0, y0 = rng.uniform(20, 44, 2)
        fields[number] += (300 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 2 / 1.5**2))[..., None]
    rows = [{"row": row, "candidate_id": f"field-{row}"} for row in range(30)]
    pack_source(ws, "fields", fields.astype(np.float32), rows, pixel_scale_arcsec=SCALE)
    sky = choose_hosts(ws, SPEC.replaced(psf_source="fields")).survey.sky
    assert sky.psf_fwhm_arcsec == pytest.approx(np.full(3, 2.3548 * 1.5 * SCALE), rel=0.03)
    assert (sky.stars >= 10).all()
    pack_source(ws, "coarse", fields.astype(np.float32), rows, pixel_scale_arcsec=0.4)
    with pytest.raises(BandMismatch, match="another pixel scale than sky"):
        choose_hosts(ws, SPEC.replaced(psf_source="coarse"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"choice": {"faintest_mag": 16.5}}, "No cutout of sky is a host as asked for"),
        ({"choice": {"where": ("colour > 1",)}}, "no column 'colour'. Choose among"),
        (
            {"mass": {"smallest_radius_arcsec": 8.0, "largest_radius_arcsec": 9.0}},
            "room for Einstein radii up to",
        ),
    ],
)
def test_a_painting_that_cannot_be_says_why(ws: Workspace, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        paint_source(ws, name="new", spec=PaintSpec.parse(USUAL | changes), processes=1)
    with pytest.raises(NotFound):  # the name is free for other settings
        sources.get_source(ws.database, "new")


def test_the_command_edits_distributions_by_name(ws: Workspace, capsys: pytest.CaptureFixture) -> None:
    options = "--count 8 --nonlens-ratio 0 --source-radius-arcsec-centre 0.3 --source-quasar-share 0 --seed 2"
    kind = "--source-redness-kind even --source-redness-lowest 0.1 --source-redness-highest 0.2"
    given = ["--workspace", str(ws.folder), "paint", "sky", "--name", "new", *options.split(), *kind.split()]
    assert main([*given, "--choice-where", "mag < 19.4, sort > 0", "--json"]) == 0
    assert '"lenses": 8' in capsys.readouterr().out
    spec = PaintSpec.parse(sources.get_source(ws.database, "new").spec)
    assert spec.source.radius_arcsec.saved() | {"centre": 0.3} == spec.source.radius_arcsec.saved()
    assert spec.source.redness.saved() == {"kind": "even", "lowest": 0.1, "highest": 0.2}
    assert spec.choice.where == ("mag < 19.4", "sort > 0")
    assert main([*given[:2], "paint", "elsewhere", "--name", "other"]) == 2
    assert "elsewhere" in capsys.readouterr().err
    assert main([*given, "--source-magnitude-lowest", "50"]) == 2
    assert "lowest value must not be above the highest" in capsys.readouterr().err


def test_conditions_are_columns_or_differences_compared_with_numbers() -> None:
    columns = {"mag_g": np.array([21.0, 20.0, np.nan]), "mag_r": np.array([19.5, 19.6, 19.0])}
    texts = ("mag_g - mag_r > 1.1", "mag_r<19.6", "mag_g >= 2.1e1", "mag_r = 19.5")
    held = np.all([parse_filter(text).holds(columns, 3) for text in texts], axis=0)
    assert held.tolist() == [True, False, False]
    with pytest.raises(InvalidInput, match="is no condition"):
        PaintSpec.parse(USUAL | {"choice": {"where": ("red",)}})
