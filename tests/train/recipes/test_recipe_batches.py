"""Cutouts that are mixed, shifted by whole pixels or shown more often, on the processor and the device."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lensapp.core.errors import InvalidInput
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.normalisation import NormalisationSpec, fit_normalisation
from lensapp.core.train.target_geometry import geometry_of
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.augmentation import augment, shift_whole
from lensapp.learning.feed.batches import Feed
from lensapp.learning.feed.device_feed import feed_device
from lensapp.learning.feed.mixing import Mixture, blend, draw_mixture, mixed_labels
from lensapp.learning.feed.sampling import repeated_indices, shown_counts
from lensapp.learning.train.objectives import largest_share, loss_of
from support.tiny_trainings import TINY, part_of, run, tiny_spec

RNG = np.random.default_rng


def feed_of(count: int, **options) -> Feed:
    part = part_of(count, seed=4)
    fitted = fit_normalisation(part.sample(count, seed=0), NormalisationSpec(), bands=part.bands)
    settings = {"augmentation": AugmentationSpec(), "batch_size": 6, "seed": 7} | options
    return Feed(data=part, normalisation=fitted, **settings)


def test_a_mixture_is_the_weighted_mean_of_two_cutouts():
    pixels = np.array([4.0, 8.0], np.float32).reshape(2, 1, 1, 1)
    mixture = Mixture(np.array([1, 0]), np.array([0.25, 0.5], np.float32).reshape(2, 1, 1, 1))
    mixed = blend(pixels, pixels[mixture.partners], mixture.own)
    assert mixed.ravel().tolist() == [0.25 * 4 + 0.75 * 8, 0.5 * 8 + 0.5 * 4]
    labels = np.array([[1.0], [0.0]], np.float32)
    shares, weights = mixed_labels(labels, np.ones(2, np.float32), mixture, outputs=1)
    assert shares.ravel().tolist() == [0.25, 0.5]
    assert weights.tolist() == [1.0, 1.0]
    assert mixed_labels(labels, weights, mixture, outputs=2)[0].tolist() == [[0.75, 0.25], [0.5, 0.5]]


def test_a_mixture_costs_what_its_parts_cost_by_their_shares_and_weights():
    mixture = Mixture(np.array([1, 0]), np.array([0.3, 0.9], np.float32).reshape(2, 1, 1, 1))
    labels, weights = np.array([[1.0], [0.0]], np.float32), np.array([3.0, 0.5], np.float32)
    shares, together = mixed_labels(labels, weights, mixture, outputs=1)
    score = 0.8  # its cross-entropy is -ln 0.8 as a lens and -ln 0.2 as none
    parts = [0.3 * 3.0 * -np.log(0.8) + 0.7 * 0.5 * -np.log(0.2)]
    parts += [0.9 * 0.5 * -np.log(0.2) + 0.1 * 3.0 * -np.log(0.8)]
    costs = -together * (shares[:, 0] * np.log(score) + (1 - shares[:, 0]) * np.log(1 - score))
    np.testing.assert_allclose(costs, parts, rtol=1e-6)


def test_cutmix_replaces_one_rectangle_and_counts_its_pixels():
    mixture = draw_mixture(200, (10, 12), AugmentationSpec(cutmix_alpha=1.0), RNG(0))
    assert mixture.own.shape == (200, 10, 12, 1)
    for own, share in zip(mixture.own[..., 0], mixture.shares, strict=True):
        rows, columns = np.nonzero(own == 0)
        area = 0 if not len(rows) else (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert area == len(rows) == round((1 - share) * 120)
    # Rectangles that reach over an edge are cut, so that more than the half that was drawn is kept.
    assert 0.5 < mixture.shares.mean() < 0.8


def test_shares_of_mixup_follow_the_beta_distribution():
    shares = draw_mixture(20_000, (4, 4), AugmentationSpec(mixup_alpha=0.2), RNG(0)).shares
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.2 + 1)), rel=0.02)  # of beta(α, α)


@pytest.mark.parametrize(
    "augmentation",
    [{"mixup_alpha": 0.4}, {"cutmix_alpha": 1.0}, {"mixup_alpha": 0.4, "cutmix_alpha": 1.0}],
    ids=["mixup", "cutmix", "both"],
)
def test_a_resident_part_is_mixed_and_repeated_as_one_in_memory(augmentation):
    feed = feed_of(18, augmentation=AugmentationSpec(**augmentation), oversampling=1.0)
    resident = feed_device(feed, limit_bytes=10**9)
    for mine, other in zip(feed.batches(2), resident.batches(2), strict=True):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=1e-6)


def test_shares_of_classes_cost_as_the_classes_do_where_one_has_all():
    task = FittedTask.parse({"kind": "binary", "output": "softmax"})
    outputs = np.array([[0.9, 0.1], [0.3, 0.7]], np.float32)
    hard, soft = np.array([[0.0], [1.0]], np.float32), np.eye(2, dtype=np.float32)
    costs = np.asarray(loss_of(task, shares=True)(soft, outputs))
    np.testing.assert_allclose(costs, -np.log([0.9, 0.7]), rtol=1e-5)
    assert np.asarray(largest_share(soft)).tolist() == hard.tolist()
    assert np.asarray(largest_share(np.array([[0.6], [0.4]], np.float32))).tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_mixed_cutouts_teach_what_is_there(tmp_path: Path, output: str):
    changes = {
        "task": {"kind": "binary", "output": output},
        "augmentation": {"mixup_alpha": 0.2, "cutmix_alpha": 0.2},
        "network_options": TINY | {"filters": 4, "dropout": 0.0},
        "epochs": 12,
        "learning_rate": 0.01,
        "schedule": {"kind": "constant"},
        "early_stopping_patience": 0,
        "batch_momentum": 0.8,
    }
    result = run(tmp_path, tiny_spec(**changes))
    assert result.best["val_auc"] > 0.95
    assert result.history[-1]["accuracy"] > 0.7  # of the larger parts, which a half of a lens blurs


@pytest.mark.parametrize(
    ("fill", "mode"), [("zero", "constant"), ("reflect", "mirror"), ("wrap", "grid-wrap")]
)
def test_whole_pixels_move_as_scipy_moves_them(fill, mode):
    pixels = RNG(1).normal(size=(3, 7, 9, 2)).astype(np.float32)
    shifts = np.array([[2, -3], [0, 0], [-1, 1]])
    moved = shift_whole(pixels, shifts, fill=fill)
    for image, shift, out in zip(pixels, shifts, moved, strict=True):
        expected = ndimage.shift(image, (*shift, 0), order=0, mode=mode)
        np.testing.assert_array_equal(out, expected)


def test_positions_follow_shifts_by_whole_pixels():
    pixels = np.zeros((20, 9, 9, 1), np.float32)
    pixels[:, 4, 4] = 1.0
    geometry = geometry_of(("source_x_arcsec", "source_y_arcsec"), pixel_scale_arcsec=0.5)
    spec = AugmentationSpec(d4=False, shift_pixels=3, whole_pixels=True)
    assert not spec.interpolates
    moved, values = augment(pixels, np.zeros((20, 2), np.float32), spec, RNG(0), geometry=geometry)
    rows, columns = np.unravel_index(moved[..., 0].reshape(20, -1).argmax(axis=1), (9, 9))
    assert moved.max(axis=(1, 2, 3)).tolist() == [1.0] * 20
    assert set(rows - 4) == set(range(-3, 4))
    free, _ = augment(pixels, values * 0, spec.replaced(whole_pixels=False), RNG(0), geometry=geometry)
    assert free.max(axis=(1, 2, 3)).min() < 0.9  # resampled
    np.testing.assert_allclose(np.abs(values), 0.5 * np.abs(np.stack([columns - 4, rows - 4], axis=1)))


def test_rare_classes_are_shown_until_they_reach_the_ratio():
    assert shown_counts(np.array([90, 10, 0]), 0.5).tolist() == [90, 45, 0]
    assert shown_counts(np.array([90, 60, 10]), 0.5).tolist() == [90, 60, 45]
    labels = np.array([0] * 90 + [1] * 10)
    again = np.bincount(repeated_indices(labels, 0.5, RNG(0)), minlength=100)
    assert again[:90].tolist() == [0] * 90
    assert again[90:].sum() == 35
    assert set(again[90:].tolist()) == {3, 4}


def test_an_epoch_with_repeats_shows_every_cutout_and_differs_from_the_next():
    feed = feed_of(14, oversampling=1.0)
    object.__setattr__(feed.data, "labels", np.array([1] * 3 + [0] * 11))
    first, second = feed.order(1), feed.order(2)
    assert feed.steps == 4  # 22 cutouts in batches of 6
    counts = np.bincount(first[:22], minlength=14)
    assert counts[3:].tolist() == [1] * 11
    assert sorted(counts[:3].tolist()) == [3, 4, 4]
    assert first.tolist() != second.tolist()


def test_balanced_weights_and_repeats_together_make_no_class_count_twice():
    feed = feed_of(14, oversampling=0.5, balanced=True)
    object.__setattr__(feed.data, "labels", np.array([1] * 3 + [0] * 11))
    feed.__post_init__()
    shown = feed.order(1)[:17]  # 11 and, by repeats, 6
    labels = feed.data.labels[shown]
    assert np.bincount(labels).tolist() == [11, 6]
    weights = feed.weights[shown]
    assert weights[labels == 1].sum() == pytest.approx(weights[labels == 0].sum())
    assert weights.mean() == pytest.approx(1.0)


def test_settings_without_meaning_for_values_are_refused():
    values = {"task": {"kind": "regression", "targets": ["einstein_radius_arcsec"]}}
    for setting, words in (
        ({"oversampling": 0.5}, "oversampling belong to classes"),
        ({"augmentation": {"mixup_alpha": 0.2}}, "mixed cutouts have no values"),
        ({"average_orientations": True}, "values turn with the cutout"),
        ({"monitor": "val_tpr_at_fpr"}, "val_tpr_at_fpr belongs to classes"),
    ):
        with pytest.raises(InvalidInput, match=words):
            TrainingSpec.parse(values | setting)
