"""A source is compared with the training part before it is scored; what differs is named and coloured."""

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from astropy.convolution import Gaussian2DKernel, convolve_fft

from lensapp.cli import main
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.config import read_json, write_json
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.score.part_summary import PartSummary, measure, summarise
from lensapp.core.score.quantile_distance import (
    Light,
)
from lensapp.core.score.source_check import SourceCheck, compare, oddness, or_as_measured
from lensapp.ingest.importer import run_import
from lensapp.services.care.records import changes
from lensapp.services.catalogue.provenance import provenance
from lensapp.services.catalogue.query import select
from lensapp.services.evaluate.seen_pictures import seen_share
from lensapp.services.score import source_checks
from lensapp.services.score.source_checks import check_source, checks_of_audit, compared, kept_check
from lensapp.services.train.starter import install_starter
from lensapp.simulation.survey import DemoSpec, simulate
from lensapp.storage import datasets, runs, sources, tables
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.files import SOURCE_CHECKS, TRAINING_PART
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.pages_workspace import open_page
from support.scoring_workspace import add_source, train_tiny
from support.small_surveys import pack_source, store_features

BANDS = ("g", "r", "i")
SCALE = 0.25


@cache
def demo(seed: int) -> np.ndarray:
    return simulate(DemoSpec(count=192, size=48, seed=seed)).pixels


def summary_of(pixels: np.ndarray, *, scale: float | None = SCALE) -> PartSummary:
    return summarise(pixels, bands=BANDS, pixel_scale_arcsec=scale, unit="flux", zero_point_mag=27.0)


def check_of(pixels: np.ndarray) -> SourceCheck:
    return compare(summary_of(demo(1)), summary_of(pixels))


def lights(check: SourceCheck, kind: str) -> set[Light]:
    return {one.light for one in check.comparisons if one.quantity.startswith(kind)}


@pytest.mark.parametrize("seed", [2, 3])
def test_another_part_of_the_same_survey_is_green(seed: int) -> None:
    check = check_of(demo(seed))
    assert check.light == "green", check.words


def test_a_survey_at_worse_seeing_shows_in_the_psf() -> None:
    """A Gaussian of 1.2 arcsec FWHM on top of 0.9 to 1.1 makes about 1.55 arcsec."""
    kernel = Gaussian2DKernel(1.2 / 2.3548 / SCALE)
    pixels = demo(2)[:64].copy()
    for image in pixels:
        for band in range(3):
            image[..., band] = convolve_fft(image[..., band], kernel)
    rng = np.random.default_rng(0)
    noise = np.nanstd(np.diff(demo(2)[:64, :4], axis=2), axis=(0, 1, 2)) / np.sqrt(2)
    check = check_of((pixels + rng.normal(size=pixels.shape) * noise).astype(np.float32))
    assert check.light == "red"
    assert "red" in lights(check, "PSF width")  # in the band with too few compact objects it is not certain
    [psf] = [one for one in check.comparisons if one.quantity == "PSF width i"]
    assert psf.source - psf.training > 0.3


def test_fewer_stars_among_objects_of_the_same_exposures_are_not_another_seeing() -> None:
    """Objects found in a field have stars among them, galaxies chosen in it few: sizes alone are alike."""
    sizes = {"size z": (0.9, 1.1, 1.4, 1.5, 1.9)}
    close = {"size z": (0.02,) * 5, "PSF width z": (0.0,) * 5}
    found = PartSummary(
        cutouts=165, bands=("z",), quantiles=sizes | {"PSF width z": (0.89,) * 5}, errors=close
    )
    chosen = found.replaced(
        cutouts=100, quantiles=sizes | {"PSF width z": (1.13,) * 5}, compact={"PSF width z": 8}
    )
    check = compare(found, chosen)
    assert check.light == "green"
    assert "from too few compact objects (8) to tell; sizes are alike" in check.comparisons[0].words
    many = {"cutouts": 512, "compact": {"PSF width z": 50}}
    check = compare(found.replaced(**many), chosen.replaced(**many))
    assert check.light == "amber"
    assert "but sizes are alike" in check.comparisons[0].words
    larger = {"size z": tuple(1.24 + value for value in sizes["size z"]), "PSF width z": (2.13,) * 5}
    check = compare(found, chosen.replaced(quantiles=larger))
    assert lights(check, "PSF width") == {"red"}
    measured = measure(demo(2), bands=BANDS, pixel_scale_arcsec=SCALE)
    assert summary_of(demo(2)).compact_of("PSF width i") == np.isfinite(measured["PSF width i"]).sum()


def test_a_factor_in_flux_is_red_in_brightness_and_noise_and_in_nothing_else() -> None:
    check = check_of(demo(2) * np.float32(140))
    assert check.light == "red"
    assert lights(check, "brightness") == lights(check, "sky noise") == {"red"}
    assert lights(check, "colour") == lights(check, "size") == lights(check, "sky level") == {"green"}
    [noise] = [one for one in check.comparisons if one.quantity == "sky noise r"]
    assert noise.training - noise.source == pytest.approx(2.5 * np.log10(140), abs=0.1)


def test_redder_objects_and_a_sky_that_was_not_subtracted_are_named() -> None:
    redder = demo(2) * np.array([0.5, 1, 1], np.float32)
    [colour] = [one for one in check_of(redder).comparisons if one.quantity == "colour g - r"]
    assert colour.source - colour.training == pytest.approx(2.5 * np.log10(2), abs=0.1)
    assert colour.light == "red"
    assert "mag redder" in colour.words
    sky = np.nanstd(demo(2)[:, :4]) * 20
    assert lights(check_of(demo(2) + np.float32(sky)), "sky level") == {"red"}


def test_lengths_in_pixels_are_not_compared_with_lengths_in_arcsec() -> None:
    check = compare(summary_of(demo(1)), summary_of(demo(2), scale=None))
    assert not lights(check, "size")
    assert not lights(check, "PSF width")


def test_features_are_compared_with_the_dataset_not_with_what_was_fed_back_from_the_source(
    tmp_path: Path,
) -> None:
    """The survey alone has features; its best scored cutouts, fed back, are no sample of the dataset."""
    trained = train_tiny(tmp_path / "workspace")
    ws = trained.workspace
    run, field = runs.get_run(ws.database, "first"), sources.get_source(ws.database, "field")
    survey = add_source(ws, "survey", count=60)
    rng = np.random.default_rng(2)
    seen = rng.normal(size=(60, 4)).astype(np.float32)
    seen[:8] += 8  # the best scored
    ids = store_features(ws, survey, seen, run_name="first")
    learned = datasets.member_columns(ws.database, run.dataset_id, part="train")
    members = [
        {"cutout_id": key, "part": "train", "label": "lens", "group_id": key, "fold": None,
         "label_from": "import"}
        for key in [*learned["cutout_id"].tolist(), *ids[:8].tolist()]
    ]  # fmt: skip
    version = datasets.create_dataset(
        ws.database, name="sky-v2", source_ids=[field.id, survey.id], bands=field.bands, spec={}, counts={},
        checksum="1", members=members,
    )  # fmt: skip
    with ws.database.write() as connection:
        connection.execute(tables.runs.update().values(dataset_id=version.id))
    run = runs.get_run(ws.database, "first")
    assert "features" not in {one.quantity for one in compared(ws, run, survey).comparisons}
    compared_lights = []
    for shift in (0.0, 6.0):
        features = rng.normal(size=(60, 4)).astype(np.float32) + np.float32(shift)
        store_features(ws, field, features, run_name="first", network=f"{shift}".encode())
        store_features(ws, survey, seen, run_name="first", network=f"{shift}".encode())
        compared_lights += lights(compared(ws, run, survey), "features")
    assert compared_lights == ["green", "red"]


@pytest.mark.parametrize(("ours", "theirs"), [(24, 24), (48, 48), (120, 24), (12, 12)])
def test_random_halves_of_one_survey_look_alike(ours: int, theirs: int) -> None:
    """In 20 draws at most one is flagged, whether the training part kept its errors or an old run did not.

    Few may be too few to tell; 24 of either side always are, and never green.
    """
    flagged = {"kept": 0, "old": 0}
    rng = np.random.default_rng(4)
    for _ in range(20):
        drawn = rng.permutation(192)
        training, source = (summary_of(demo(1)[part]) for part in (drawn[:ours], drawn[-theirs:]))
        now, old = compare(training, source), compare(training.replaced(errors={}), source)
        flagged["kept"] += now.light in ("amber", "red")
        flagged["old"] += old.light in ("amber", "red")
        assert max(ours, theirs) > 24 or "green" not in (now.light, old.light)
    assert max(flagged.values()) <= 1, flagged


def test_runs_of_one_dataset_give_a_source_one_light(tmp_path: Path) -> None:
    """What a run drew by its own seed, and kept, does not decide."""
    trained = train_tiny(tmp_path / "workspace")
    ws, path = trained.workspace, trained.folder / TRAINING_PART
    source = add_source(ws, "other", unit=2.0)
    run = runs.get_run(ws.database, "first")
    before = compared(ws, run, source)
    kept = read_json(path)
    shifted = {
        name: [one + 5 if "sky noise" in name else one for one in row]
        for name, row in kept["quantiles"].items()
    }
    write_json(path, kept | {"quantiles": shifted})
    assert compared(ws, run, source) == before


@pytest.mark.parametrize("count", [24, 48])
def test_few_cutouts_of_another_survey_are_still_flagged(count: int) -> None:
    few, training = demo(2)[:count], summary_of(demo(1))
    assert compare(training, summary_of(few * np.float32(2.5))).light == "red"  # zero point off by 1 mag
    assert compare(training, summary_of(few[..., ::-1])).light == "red"  # bands in another order
    if count >= 48:  # sizes of fewer galaxies differ as much by chance
        assert compare(training, summary_of(few, scale=0.4)).light == "red"


def test_what_is_off_within_its_error_is_said_to_be_so() -> None:
    few = compare(summary_of(demo(1)), summary_of(demo(1)[:8]))
    assert few.light == "grey"
    assert "Too few cutouts to tell" in few.words
    doubted = [one for one in few.comparisons if one.distance >= 0.5]
    assert doubted
    assert all(one.light == "grey" and "by chance" in one.words for one in doubted)


def test_masked_and_empty_cutouts_are_left_out() -> None:
    pixels = demo(2).copy()
    pixels[:20] = np.nan
    pixels[20:30] = 0.0
    check = check_of(pixels)
    assert all(np.isfinite([one.source, one.distance]).all() for one in check.comparisons)
    assert check.light == "green"


@pytest.mark.parametrize("calibrated", [True, False])
def test_real_stacks_are_red_for_a_demo_network_with_units_and_without(
    shared_data: Path, tmp_path: Path, calibrated: bool
) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    spec = IngestSpec(path=str(shared_data / "sled_ps1" / "cutouts"), bands=BANDS, size=48)
    run_import(ws, name="ps1", spec=spec)
    packed = PackedCutouts.open(ws.cutouts_folder("ps1"), calibrated=calibrated, in_unit=10**0.8)
    check = check_of(packed.read(np.arange(48)))
    assert check.light == "red"
    brighter = [one.training - one.source for one in check.comparisons if one.quantity == "brightness g"]
    assert (brighter[0] > 4) is not calibrated


def test_a_source_within_what_the_network_was_measured_on_is_amber_and_says_so() -> None:
    """Trained at one brightness, measured at others: a source between these is judged by the latter."""
    training, brighter, brightest = summary_of(demo(1)), demo(2) * np.float32(20), demo(3) * np.float32(40)
    measured = {"real lenses": [summary_of(brighter[:96])], "field galaxies": [summary_of(brightest)]}
    between = summary_of(brighter[96:])
    check = or_as_measured(compare(training, between), between, measured)
    assert check.light == "amber"
    assert "differs from the training part in" in check.words
    assert "within what the network was measured on, real lenses and field galaxies" in check.words
    [noise] = [one for one in check.comparisons if one.quantity == "sky noise r"]
    assert noise.measured is not None
    low, high = noise.measured
    assert high - low == pytest.approx(2.5 * np.log10(2), abs=0.05)
    beyond = summary_of(demo(2) * np.float32(400))
    check = or_as_measured(compare(training, beyond), beyond, measured)
    assert check.light == "red"
    assert "Nor does it lie within what the network was measured on" in check.words
    alike = compare(training, summary_of(demo(2)))
    assert or_as_measured(alike, summary_of(demo(2)), measured) == alike
    assert or_as_measured(compare(training, beyond), beyond, {}).light == "red"


def test_a_run_remembers_what_it_was_measured_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = train_tiny(tmp_path / "workspace")
    ws = trained.workspace
    add_source(ws, "other", unit=30.0)
    add_source(ws, "larger", unit=30.0, shape=(12, 12))
    command = ["--workspace", str(ws.folder), "--json", "check", "first"]
    assert main([*command, "other"]) == 0
    assert json.loads(capsys.readouterr().out)["light"] == "red"
    assert main([*command, "other,larger", "--measured-as", "deep stacks"]) == 0
    assert json.loads(capsys.readouterr().out)["cutouts"] == 24
    assert main([*command, "other"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["light"] == "amber"
    assert "deep stacks" in said["words"]


def test_few_real_stacks_are_not_refused_by_the_check_of_the_starter(
    shared_data: Path, tmp_path: Path
) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    install_starter(ws)
    run_import(ws, name="ps1", spec=IngestSpec(path=str(shared_data / "sled_ps1" / "cutouts"), bands=BANDS))
    check = check_source(ws, run_name="starter", source_name="ps1")
    assert check.light != "red"
    off = [one for one in check.comparisons if one.distance >= 0.5]
    assert off  # the starter learned from simulated galaxies
    assert check.light != "green"


def test_a_check_is_kept_with_the_scores_and_said_by_command_and_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = train_tiny(tmp_path / "workspace")
    ws = trained.workspace
    add_source(ws, "other", unit=30.0)
    command = ["--workspace", str(ws.folder), "--json", "check", "first", "other"]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["light"] == "red"
    assert "sky noise" in said["words"]
    assert main([*command[:3], "score", "first", "other"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["check"] == "red"
    assert f"Warning: {said['words']}" in captured.err
    run, source = runs.get_run(ws.database, "first"), sources.get_source(ws.database, "other")
    kept = kept_check(ws, run, source)
    assert kept is not None
    assert kept.as_dict() == check_source(ws, run_name="first", source_name="other").as_dict()
    selection = select(ws, CatalogueQuery(of=("other",), run="first"))
    assert provenance(ws, selection)["scores"] == f"other: check red: {said['words']}"


def test_runs_of_a_dataset_share_what_was_measured_of_its_training_part(tmp_path: Path) -> None:
    """Networks that read cutouts alike have one sample measured once; a fold of the dataset is another."""
    trained = train_tiny(tmp_path / "workspace")
    ws, first = trained.workspace, runs.get_run(trained.workspace.database, "first")
    source = add_source(ws, "other")
    for name, spec in (("second", first.spec), ("fold", first.spec | {"fold": 1, "folds": 3})):
        run = runs.create_run(
            ws.database, name=name, dataset_id=first.dataset_id, model=first.model, spec=spec
        )
        shutil.copytree(trained.folder, ws.run_folder(run.name))
    before = source_checks._measured_training_part.cache_info().misses
    parts = []
    for name, measured in (("first", 1), ("second", 1), ("fold", 2)):
        parts.append(compared(ws, runs.get_run(ws.database, name), source))
        assert source_checks._measured_training_part.cache_info().misses - before == measured
    assert parts[0].as_dict() == parts[1].as_dict()
    assert parts[0].training_cutouts != parts[2].training_cutouts


def test_a_run_made_before_summaries_is_measured_by_its_training_part(tmp_path: Path) -> None:
    trained = train_tiny(tmp_path / "workspace")
    ws, path = trained.workspace, trained.folder / TRAINING_PART
    run, source = runs.get_run(ws.database, "first"), sources.get_source(ws.database, "field")
    stored = PartSummary.parse(read_json(path))
    first = compared(ws, run, source)
    path.unlink()
    again = compared(ws, run, source)
    assert (again.light, again.training_cutouts) == (first.light, stored.cutouts)
    medians = [{one.quantity: one.training for one in check.comparisons} for check in (first, again)]
    assert medians[0] == pytest.approx(medians[1])


def test_an_audit_looks_at_sources_with_scored_cutouts_outside_the_dataset(tmp_path: Path) -> None:
    trained = train_tiny(tmp_path / "workspace")
    ws, run = trained.workspace, runs.get_run(trained.workspace.database, "first")
    members = datasets.member_columns(ws.database, run.dataset_id)
    ids, [key] = members["cutout_id"], set(members["source_id"].tolist())
    stored_scores.add_scores(ws, run.id, key, ids, np.linspace(0.0, 1.0, len(ids)))
    assert checks_of_audit(ws, run_name="first", source_name=None) == []
    member = tables.dataset_members
    with ws.database.write() as connection:
        connection.execute(member.delete().where(member.c.cutout_id == int(ids[-1])))
    assert [one["source"] for one in checks_of_audit(ws, run_name="first", source_name=None)] == ["field"]


def test_of_larger_cutouts_that_middle_is_compared_which_is_scored(tmp_path: Path) -> None:
    """The training part with a bright frame about each cutout looks as it does without the frame."""
    trained = train_tiny(tmp_path / "workspace")
    ws = trained.workspace
    field = sources.get_source(ws.database, "field")
    columns = sources.cutout_columns(ws.database, [field.id], columns=("row", "candidate_id"))
    middle = PackedCutouts.open(ws.cutouts_folder("field"), calibrated=False).read(columns["row"])
    framed = np.full((len(middle), field.height + 40, field.width + 40, middle.shape[3]), 900.0, np.float32)
    framed[:, 20:-20, 20:-20] = middle
    cutouts = [{"row": row, "candidate_id": f"framed-{row}"} for row in range(len(framed))]
    scale = field.pixel_scale_arcsec
    pack_source(ws, "framed", framed, cutouts, bands=field.bands, kind="import", pixel_scale_arcsec=scale)
    run = runs.get_run(ws.database, "first")
    whole, cut = (compared(ws, run, sources.get_source(ws.database, name)) for name in ("field", "framed"))
    told = [{one.quantity: one.source for one in check.comparisons} for check in (whole, cut)]
    assert told[1] == pytest.approx(told[0])
    larger = sources.get_source(ws.database, "framed")
    assert seen_share(ws, "first", larger.id) == (field.height / larger.height, field.width / larger.width)
    assert seen_share(ws, "first", field.id) is None
    assert seen_share(ws, None, larger.id) is None


def test_the_cutouts_least_alike_are_named_with_what_sets_them_apart() -> None:
    """Of 60 alike cutouts one is 3 mag brighter, one has a sky eight times its noise higher."""
    training = summary_of(demo(1))
    pixels = demo(2)[:60].copy()
    noise = 1.4826 * np.median(np.abs(pixels[9, :4] - np.median(pixels[9, :4], axis=(0, 1))), axis=(0, 1))
    pixels[7] *= np.float32(10**1.2)
    pixels[9] += np.float32(8 * noise)
    distance, quantity = oddness(
        training, measure(pixels, bands=BANDS, pixel_scale_arcsec=SCALE, zero_point_mag=27)
    )
    assert set(np.argsort(-distance)[:2].tolist()) == {7, 9}
    assert quantity[9].startswith("sky level")
    assert np.median(distance) < 2


def test_of_pixels_all_alike_no_cutout_is_least_alike() -> None:
    flat = np.ones_like(demo(2)[:5])
    measured = measure(flat, bands=BANDS, pixel_scale_arcsec=SCALE, zero_point_mag=27)
    distance, quantity = oddness(summary_of(np.ones_like(demo(1))), measured)
    assert len(distance) == len(quantity)


def test_a_check_keeps_the_cutouts_least_alike(tmp_path: Path) -> None:
    trained = train_tiny(tmp_path / "workspace")
    ws = trained.workspace
    add_source(ws, "other", unit=8.0)
    check = check_source(ws, run_name="first", source_name="other")
    names = [one.candidate for one in check.least_alike]
    assert sorted(names) == sorted(f"other-{k}" for k in range(12))
    distances = [one.distance for one in check.least_alike]
    assert distances == sorted(distances, reverse=True)
    by_id = {
        one.id: one.candidate_id
        for one in sources.get_cutouts(ws.database, [one.cutout for one in check.least_alike])
    }
    assert [by_id[one.cutout] for one in check.least_alike] == names
    run, source = runs.get_run(ws.database, "first"), sources.get_source(ws.database, "other")
    assert kept_check(ws, run, source) == check


def test_a_check_kept_by_an_earlier_version_is_made_anew_by_who_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = train_tiny(tmp_path / "workspace")
    ws = trained.workspace
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    source = add_source(ws, "other", unit=1.0)
    run = runs.get_run(ws.database, "first")
    assert main(["--workspace", str(ws.folder), "--json", "score", "first", "other"]) == 0
    now = kept_check(ws, run, source)
    assert now is not None
    assert now.light != "red"
    page = open_page("score", run="first", source="other")
    assert page.button(key="source-check-again").proto.type == "tertiary"
    path = trained.folder / SOURCE_CHECKS
    earlier = now.as_dict() | {"light": "red", "words": "The source is unlike."}
    del earlier["version"]
    write_json(path, {"other": earlier})
    page.run()
    assert any("Unlike" in one.label for one in page.expander)
    assert any("an earlier version of this program" in one.value for one in page.caption)
    page.button(key="source-check-again").click().run()
    assert not page.exception
    assert kept_check(ws, run, source) == now
    assert not any("Unlike" in one.label for one in page.expander)
    newest = changes(ws, limit=1)[0]
    assert (newest["did"], newest["kind"], newest["name"]) == ("checked again", "source", "other")
