"""Changes that should not matter: known answers, and what an equivariant network makes of them."""

import json

import keras
import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.evaluate import nuisance
from lensapp.core.evaluate.nuisance import NuisanceSpec, changes, measure_nuisance
from lensapp.core.train.normalisation import orientations
from lensapp.core.train.tasks import Head
from lensapp.services.evaluate.nuisances import augmentation, nuisances, stored_nuisance
from lensapp.storage.evaluations import StoredNuisance
from models.registry import build
from support.scoring_workspace import date_anew, train_further, train_tiny
from support.small_networks import SMALL

SIDE = 32
ROWS, COLUMNS = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2


def blob(row: float, column: float, *, sigma: float = 2.5) -> np.ndarray:
    return np.exp(-((ROWS - row) ** 2 + (COLUMNS - column) ** 2) / (2 * sigma**2))[None, ..., None]


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_a_quarter_turn_changes_no_score_of_an_equivariant_network():
    keras.utils.set_random_seed(0)
    network = build(
        "equivariant_resnet", input_shape=(17, 17, 1), spec=SMALL["equivariant_resnet"], head=Head()
    )
    pixels = rng().normal(size=(6, 17, 17, 1)).astype(np.float32)
    before = np.asarray(network(pixels))[:, 0]
    table = changes(NuisanceSpec(), bands=("r",), size=(17, 17))
    for name, change in table.items():
        after = np.asarray(network(np.ascontiguousarray(change(pixels, rng()))))[:, 0]
        told = measure_nuisance(np.arange(6) % 2 == 1, before, after, change=name, threshold=0.5)
        exact = name in ("rotated by 90°", "rotated by 180°", "rotated by 270°") or name.startswith(
            "mirrored"
        )
        assert (told.mean_change < 1e-6) == exact, name
    assert len(orientations(pixels)) == 8
    assert len({one.tobytes() for one in orientations(pixels[:1])}) == 8


def test_light_turns_and_shifts_to_where_geometry_puts_it():
    light = (1000 * blob(0.0, 6.0)).astype(np.float32)
    light += rng().normal(0, 0.1, light.shape).astype(np.float32)
    turned = nuisance.rotated(light, rng(), angle_deg=45.0)
    expected = max(
        (1000 * blob(sign * 6 / np.sqrt(2), 6 / np.sqrt(2)) for sign in (1, -1)),
        key=lambda one: float((one * turned).sum()),
    )
    np.testing.assert_allclose(turned, expected, atol=2)
    moved = nuisance.shifted(
        np.repeat(1000 * blob(0.0, 0.0), 4, axis=0).astype(np.float32), rng(), length=0.5
    )
    for one in moved[..., 0]:
        centre = np.array([(one * ROWS).sum(), (one * COLUMNS).sum()]) / one.sum()
        assert np.hypot(*centre) == pytest.approx(0.5, abs=0.01)
        assert one.sum() == pytest.approx(1000 * 2 * np.pi * 2.5**2, rel=2e-3)


def test_a_broader_psf_adds_in_quadrature_and_leaves_the_noise_of_the_sky():
    bright = (1e4 * blob(0.0, 0.0) + rng().normal(0, 1, (1, SIDE, SIDE, 1))).astype(np.float32)
    wide = nuisance.broadened(bright, rng(), fwhm_pixels=2.0)[0, ..., 0]
    width = 2.5**2 + (2.0 / 2.3548) ** 2
    np.testing.assert_allclose(
        wide, 1e4 * 2.5**2 / width * blob(0, 0, sigma=np.sqrt(width))[0, ..., 0], atol=30
    )
    sky = np.random.default_rng(8).normal(0, 3, (8, 64, 64, 2)).astype(np.float32)
    assert nuisance.broadened(sky, rng(), fwhm_pixels=2.0).std() == pytest.approx(3, rel=0.02)
    assert nuisance.noisier(sky, rng(), share=1.0).std() == pytest.approx(3 * np.sqrt(2), rel=0.02)


def test_bands_go_missing_and_zero_points_err_as_named_and_masked_pixels_stay_masked():
    pixels = rng().normal(5, 1, (3, 8, 8, 2)).astype(np.float32)
    pixels[0, 3:5, 3:5, 1] = np.nan
    table = changes(NuisanceSpec(zero_point_mag=2.5 / 5), bands=("g", "r"), size=(8, 8))
    assert np.isnan(table["r missing"](pixels, rng())[..., 1]).all()
    assert np.isfinite(table["r missing"](pixels, rng())[..., 0]).all()
    fainter = table["zero point off by +0.5 mag"](pixels, rng()) / pixels
    assert np.nanmax(np.abs(fainter - 0.630957)) < 1e-5  # 10^(−0.2)
    alone = table["zero point of g off by +0.5 mag"](pixels, rng()) / pixels
    assert np.nanmax(np.abs(alone - [0.630957, 1.0])) < 1e-5
    for name, change in table.items():
        changed = change(pixels, rng())
        assert changed.shape == pixels.shape
        assert np.isnan(changed[0, ..., 1]).any(), name


def test_differences_are_those_worked_by_hand():
    labels = np.array([True, True, False, False])
    before, after = np.array([0.9, 0.4, 0.6, 0.1]), np.array([0.4, 0.4, 0.8, 0.6])
    told = measure_nuisance(labels, before, after, change="x", threshold=0.5)
    assert (told.mean_change, told.drift) == (pytest.approx(0.3), pytest.approx(0.05))
    assert (told.completeness, told.false_positive_rate) == (-0.5, 0.5)
    none = measure_nuisance(labels[:2], before[:2], after[:2], change="x", threshold=0.5)
    assert none.false_positive_rate is None


def test_averaging_over_orientations_gains_where_they_scatter_and_nothing_where_they_agree():
    labels = np.arange(200) % 2 == 1
    scores = 0.5 * labels + rng().normal(0, 0.6, (8, 200))
    figures = {"changes": [], "images_per_second": 10.0}
    stored = StoredNuisance(np.arange(200), labels, scores, np.empty((0, 200)), figures)
    told = augmentation(stored)
    assert told.orientations == 8
    assert told.auroc.difference > 0.1
    assert told.auroc.p_value < 0.01
    alike = augmentation(StoredNuisance(np.arange(200), labels, scores[[0] * 8], np.empty((0, 200)), figures))
    assert alike.auroc.difference == 0
    assert alike.auroc.p_value == 1


def test_the_command_scores_changed_cutouts_and_keeps_them_with_the_run(tmp_path, capsys):
    made = train_tiny(tmp_path / "workspace")
    folder = str(made.workspace.folder)
    assert main(["--workspace", folder, "nuisance", "first", "--cutouts", "20", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["cutouts"], told["lenses"], told["part"]) == (20, 10, "test")
    named = {one["change"]: one for one in told["nuisances"]}
    assert {"rotated by 90°", "g missing", "r missing", "zero point off by −0.1 mag"} <= set(named)
    assert named["rotated by 90°"]["mean_change"] > 0.01  # lenses are told by bright columns
    assert told["augmentation"]["orientations"] == 8
    stored = stored_nuisance(made.workspace, "first", part="test")
    assert [one.as_dict() for one in nuisances(stored, threshold=0.5)] == told["nuisances"]
    date_anew(made.folder)
    assert stored_nuisance(made.workspace, "first", part="test") is not None
    train_further(made.folder)
    assert stored_nuisance(made.workspace, "first", part="test") is None
