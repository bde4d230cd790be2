"""Morphology against values worked by hand, and classical classifiers on a small dataset version."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.cli import main
from lensapp.core.data import morphology as shapes
from lensapp.core.errors import InvalidInput
from lensapp.core.split.splits import SplitSpec
from lensapp.learning.studies.baseline_inputs import averaged
from lensapp.services.evaluate.evaluation import load_evaluation
from lensapp.services.split.datasets import freeze_split
from lensapp.services.train.comparisons import compared_runs
from lensapp.services.train.runs import has_network, require_network
from lensapp.storage import runs
from lensapp.storage.workspace import Workspace
from support.small_surveys import pack_source

APERTURE = shapes.Aperture.of(101, 101)


def one(plane: np.ndarray) -> np.ndarray:
    return plane.astype(np.float64)[None]


def test_concentration_of_a_disc_and_of_a_gaussian_follow_from_their_growth_of_flux() -> None:
    disc = one(APERTURE.radius <= 40)
    assert shapes.light_ratio(disc, APERTURE)[0] == pytest.approx(5 * np.log10(2), abs=5e-3)
    gaussian = one(np.exp(-(APERTURE.radius**2) / (2 * 8.0**2)))
    expected = 5 * np.log10(np.sqrt(np.log(5) / np.log(1.25)))
    assert shapes.light_ratio(gaussian, APERTURE)[0] == pytest.approx(expected, abs=0.02)


def test_gini_is_zero_for_equal_pixels_and_one_when_a_single_pixel_has_all_flux() -> None:
    lone = np.zeros((101, 101))
    lone[50, 60] = 3.0
    assert shapes.inequality(one(np.ones((101, 101))), APERTURE)[0] == pytest.approx(0, abs=1e-12)
    assert shapes.inequality(one(lone), APERTURE)[0] == pytest.approx(1)
    halves = shapes.Aperture.of(5, 5)  # 21 pixels within the circle: 11 of them 1, the others 0
    plane = np.zeros((5, 5))
    plane[halves.inside] = np.arange(21) < 11
    assert shapes.inequality(one(plane), halves)[0] == pytest.approx(10 / 20)


def test_asymmetry_is_zero_for_symmetric_light_and_two_for_light_on_one_side() -> None:
    plane = np.zeros((101, 101))
    plane[50, 70] = plane[50, 30] = 1.0
    assert shapes.turn_difference(one(plane), APERTURE)[0] == 0
    plane[50, 30] = 0.0
    assert shapes.turn_difference(one(plane), APERTURE)[0] == pytest.approx(2)


def test_m20_is_the_share_of_the_moment_in_the_brightest_fifth() -> None:
    plane = np.zeros((101, 101))
    plane[50, 51], plane[50, 60] = 2.0, 8.0  # moments 2 and 800: the brightest alone exceeds a fifth
    assert shapes.bright_moment(one(plane), APERTURE)[0] == pytest.approx(np.log10(800 / 802))
    gaussian = one(np.exp(-(APERTURE.radius**2) / (2 * 6.0**2)))
    # Within r of a Gaussian: flux 1 − e^−t and moment 1 − (1 + t) e^−t, with t = r²/2σ².
    expected = np.log10(1 - (1 + np.log(1.25)) * 0.8)
    assert shapes.bright_moment(gaussian, APERTURE)[0] == pytest.approx(expected, abs=0.03)


def test_ellipticity_and_size_of_two_points_and_of_a_round_disc() -> None:
    line = np.zeros((101, 101))
    line[50, 30] = line[50, 70] = 1.0
    ellipticity, size = shapes.shape(one(line), APERTURE)
    assert (ellipticity[0], size[0]) == (pytest.approx(1), pytest.approx(20 / 50.5))
    ellipticity, size = shapes.shape(one(APERTURE.radius <= 40), APERTURE)
    assert (ellipticity[0], size[0]) == (
        pytest.approx(0, abs=1e-12),
        pytest.approx(40 / np.sqrt(2) / 50.5, rel=2e-3),
    )


def test_a_smooth_galaxy_is_smoother_than_a_clumpy_one_and_blue_rings_have_negative_gradients() -> None:
    smooth = one(np.exp(-APERTURE.radius / 12))
    clumps = smooth + one((APERTURE.x % 9 == 0) & (APERTURE.y % 9 == 0)) * 0.5
    assert shapes.clumpiness(smooth, APERTURE)[0] < 0.1 < shapes.clumpiness(clumps, APERTURE)[0]
    ring = np.exp(-((APERTURE.radius - 25) ** 2) / 20)
    core = np.exp(-(APERTURE.radius**2) / 50)
    pixels = np.stack([core + ring, 4 * core + ring], axis=-1)[None]
    *_, colour, colour_gradient = shapes.morphology(pixels, bands=("g", "r"))[0]
    assert colour_gradient < -0.5
    assert colour > 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 3), st.floats(1e-12, 1e9))
def test_morphology_ignores_quarter_turns_and_the_unit_of_the_flux(seed: int, turn: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    light = 30 * np.exp(-np.hypot(*np.indices((15, 15)) - 7.2) / 3)
    pixels = rng.normal(size=(2, 15, 15, 2)) + light[..., None]
    expected = shapes.morphology(pixels, bands=("g", "r"))
    turned = shapes.morphology(np.rot90(pixels, turn, axes=(1, 2)) * unit, bands=("g", "r"))
    assert np.allclose(turned, expected, rtol=1e-6, atol=1e-6)


def test_no_measure_carries_the_name_of_a_published_statistic() -> None:
    published = {"concentration", "asymmetry", "smoothness", "gini", "m20"}
    assert not published & {*shapes.PER_BAND, *vars(shapes)}


def test_empty_and_masked_cutouts_have_finite_morphology() -> None:
    pixels = np.zeros((3, 9, 9, 1), np.float32)
    pixels[1] = np.nan
    pixels[2, 4, 4] = np.nan
    assert np.isfinite(shapes.morphology(pixels, bands=("r",))).all()
    with pytest.raises(InvalidInput, match="at least 5×5 pixels in the bands r"):
        shapes.morphology(pixels[:, :3], bands=("r",))


def test_pixels_are_averaged_over_centred_blocks() -> None:
    images = np.arange(49, dtype=np.float32).reshape(1, 7, 7, 1)
    means = averaged(images, grid=3)  # blocks of 3: two fit, and the seventh row and column are left out
    assert means[0, :, :, 0].tolist() == [[8.0, 11.0], [29.0, 32.0]]
    assert averaged(images, grid=7).tolist() == images.tolist()


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """90 cutouts of 9×9 pixels: lenses are rings, the others round (ellipticals) or long (discs)."""
    ws = Workspace.open(tmp_path_factory.mktemp("baselines") / "workspace")
    rng = np.random.default_rng(5)
    y, x = np.indices((9, 9)) - 4.0
    radius = np.hypot(x, y)
    kinds = {
        "lens": np.exp(-((radius - 3) ** 2)),
        "elliptical": np.exp(-(radius**2) / 4),
        "disc": np.exp(-(x**2 / 9 + y**2)),
    }
    names = [list(kinds)[k % 3] for k in range(90)]
    pixels = np.stack([10 * kinds[name][..., None] * [1.0, 2.0] for name in names])
    pixels = (pixels + rng.normal(0, 0.5, pixels.shape)).astype(np.float32)
    cutouts = [
        {
            "row": row,
            "candidate_id": f"J{row}",
            "label": "lens" if name == "lens" else "nonlens",
            "object_class": name,
        }
        for row, name in enumerate(names)
    ]
    pack_source(ws, "sky", pixels, cutouts, bands=("g", "r"))
    freeze_split(ws, source_names=["sky"], spec=SplitSpec(), name="sky-v1")
    return ws


def test_the_command_fits_all_classifiers_and_stores_their_evaluations(
    survey: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--workspace", str(survey.folder), "baselines", "sky-v1", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)["runs"]
    assert [(row["model"], row["on"]) for row in found] == [
        (kind, seen) for seen in ("pixels", "morphology") for kind in ("tree", "svm", "mlp", "logistic")
    ]
    assert min(row["auroc"] for row in found) > 0.8, found
    assert all(row["rotation_std"] == 0 for row in found if row["on"] == "morphology")
    run = runs.get_run(survey.database, "sky-v1-mlp-morphology")
    assert (run.model, run.state) == ("mlp", "finished")
    assert run.evaluation["auroc"] == found[6]["auroc"]
    stored = load_evaluation(survey, run.name)
    assert not stored.outdated
    assert stored.stored.rotated_scores.shape == (stored.stored.labels.size, 4)
    inputs = 2 * len(shapes.PER_BAND) + 2
    assert compared_runs(survey, [run.name])[0].parameters == (inputs + 1) * 100 + 101
    assert not has_network(survey, run)
    with pytest.raises(InvalidInput, match="sky-v1-mlp-morphology is a classical baseline"):
        require_network(survey, run)


def test_classes_are_told_apart_and_summed_to_a_score(
    survey: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--workspace", str(survey.folder), "baselines", "sky-v1", "--kinds", "logistic"]
    assert main([*command, "--task", "classes", "--name", "kinds", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["runs"]
    assert [row["run"] for row in found] == ["kinds-logistic-pixels", "kinds-logistic-morphology"]
    assert min(row["auroc"] for row in found) > 0.9
    for row in found:  # the share of all classes, as of a network, and not of lenses against the rest
        measured = load_evaluation(survey, row["run"])
        assert row["accuracy"] == measured.stored.figures["classes"]["accuracy"]
        assert row["accuracy"] == compared_runs(survey, [row["run"]])[0].accuracy
    assert (
        main([*command, "--task", "classes", "--merged", "galaxy=elliptical+disc", "--name", "two", "--json"])
        == 0
    )
    merged = json.loads(capsys.readouterr().out)["runs"]
    classes = runs.get_run(survey.database, merged[0]["run"]).evaluation["classes"]["classes"]
    assert [one["name"] for one in classes] == ["galaxy", "lens"]


def test_features_need_the_run_that_gives_them(survey: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--workspace", str(survey.folder), "baselines", "sky-v1", "--on", "features"]
    assert main(command) == 2
    assert "Name a run with --features-of" in capsys.readouterr().err.replace("\n", " ")


def test_a_part_of_one_class_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--workspace", str(tmp_path / "workspace"), "baselines", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
