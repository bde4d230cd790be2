"""Batches follow from seed, epoch and step; orientations lose nothing; the sky stays where it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.errors import InvalidInput
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.normalisation import NormalisationSpec, fit_normalisation
from lensapp.core.train.target_geometry import geometry_of
from lensapp.learning.feed.augmentation import (
    Motions,
    augment,
    draw_motions,
    draw_orientations,
    move,
    reorient,
    stretch,
)
from lensapp.learning.feed.batches import (
    Feed,
    LabelledCutouts,
    balanced_weights,
    keep_in_memory,
)
from lensapp.storage.arrays import Packing, ShardWriter

BANDS = ("g", "r", "i")


@pytest.fixture
def part(tmp_path) -> LabelledCutouts:
    """Ten cutouts in a packed source of twelve; one of them has masked pixels."""
    pixels = np.random.default_rng(3).normal(size=(12, 8, 8, 3)).astype(np.float32)
    pixels[5, 2, 2] = np.nan
    writer = ShardWriter.create(tmp_path / "source", Packing.plan(slots=12, height=8, width=8, bands=BANDS))
    for row in range(12):
        writer.write(row, pixels[row])
    labels = np.array([1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    return LabelledCutouts(cutouts=writer.finish(), rows=np.arange(1, 11), labels=labels, bands=BANDS)


def feed_of(part: LabelledCutouts, **options) -> Feed:
    fitted = fit_normalisation(part.sample(100, seed=0), NormalisationSpec(), bands=BANDS)
    settings = {"augmentation": AugmentationSpec(), "batch_size": 4, "seed": 7} | options
    return Feed(data=part, normalisation=fitted, **settings)


def resample(pixels: np.ndarray, spec: AugmentationSpec, rng: np.random.Generator) -> np.ndarray:
    motions = draw_motions(len(pixels), spec, rng)
    return move(pixels, motions, fill=spec.fill, upsampling=spec.rotation_upsampling)


def test_an_epoch_shows_every_cutout_in_batches_of_one_size(part):
    feed = feed_of(part)
    order = feed.order(1)
    assert feed.steps == 3
    assert sorted(order[:10]) == list(range(10))
    assert order[10:].tolist() == order[:2].tolist()
    assert [batch[0].shape for batch in feed.batches(1)] == [(4, 8, 8, 3)] * 3


def test_epochs_differ_and_an_epoch_repeats_exactly(part):
    feed = feed_of(part, augmentation=AugmentationSpec(rotation_deg=30, noise_sigma=0.1, stretch_jitter=1))
    first, again, second = (list(feed.batches(epoch)) for epoch in (1, 1, 2))
    for mine, same in zip(first, again, strict=True):
        for a, b in zip(mine, same, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0][0], second[0][0])


def test_a_resumed_epoch_goes_on_with_the_same_batches_whatever_the_threads(part):
    whole = list(feed_of(part, threads=1).batches(2))
    rest = list(feed_of(part, threads=3).batches(2, first_step=1))
    for mine, other in zip(whole[1:], rest, strict=True):
        np.testing.assert_array_equal(mine[0], other[0])
        np.testing.assert_array_equal(mine[1], other[1])


def test_masked_pixels_never_reach_the_network(part):
    assert all(np.isfinite(pixels).all() for pixels, _, _ in feed_of(part).batches(1))


def test_labels_stay_with_their_cutouts(part):
    feed = feed_of(part, augmentation=AugmentationSpec(d4=False))
    truth = feed.normalisation.apply(part.read(np.arange(10)))
    for pixels, labels, _ in feed.batches(1):
        for image, label in zip(pixels, labels[:, 0], strict=True):
            place = int(np.flatnonzero([np.array_equal(image, other) for other in truth])[0])
            assert part.labels[place] == label


def test_without_shuffling_the_order_is_that_of_the_part(part):
    assert feed_of(part, shuffle=False).order(5)[:10].tolist() == list(range(10))


def test_an_abandoned_epoch_leaves_no_thread_waiting(part):
    batches = feed_of(part).batches(1)
    next(batches)
    batches.close()
    assert list(batches) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=50).filter(lambda row: 0 < sum(row) < len(row)))
def test_balanced_classes_weigh_the_same_and_one_on_average(labels):
    truth = np.array(labels, int)
    weights = balanced_weights(truth)
    assert weights[truth == 1].sum() == pytest.approx(weights[truth == 0].sum(), rel=1e-5)
    assert weights.mean() == pytest.approx(1.0, rel=1e-5)


def test_a_single_class_cannot_be_balanced():
    with pytest.raises(InvalidInput, match="3 of 3 cutouts are lenses"):
        balanced_weights(np.ones(3, int))


@pytest.mark.parametrize(("rows", "labels"), [([], []), ([1, 2], [1])])
def test_a_part_without_one_label_per_cutout_is_refused(part, rows, labels):
    with pytest.raises(InvalidInput, match="one label for each of at least one cutout"):
        LabelledCutouts(cutouts=part.cutouts, rows=np.array(rows), labels=np.array(labels), bands=BANDS)


def test_the_eight_turns_are_distinct_and_keep_all_pixels():
    image = np.arange(2 * 25, dtype=np.float32).reshape(1, 5, 5, 2)
    turned = reorient(np.repeat(image, 8, axis=0), np.arange(8))
    assert len({view.tobytes() for view in turned}) == 8
    assert all(sorted(view[..., 1].ravel()) == sorted(image[0, ..., 1].ravel()) for view in turned)


def test_oblong_cutouts_keep_their_shape():
    codes = draw_orientations(200, (5, 7), np.random.default_rng(0))
    assert set(codes.tolist()) == {0, 2, 4, 6}


def test_a_part_kept_in_memory_gives_the_same_batches(part):
    feed = feed_of(part, augmentation=AugmentationSpec(rotation_deg=30))
    kept = keep_in_memory(feed)
    assert kept.normalised is not None
    for mine, other in zip(feed.batches(3), kept.batches(3), strict=True):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert keep_in_memory(feed, limit_bytes=100) is feed


def test_resampling_without_change_is_the_identity():
    pixels = np.random.default_rng(0).normal(size=(2, 9, 9, 2)).astype(np.float32)
    out = resample(pixels, AugmentationSpec(), np.random.default_rng(0))
    np.testing.assert_allclose(out, pixels, atol=1e-6)


def test_a_right_angle_is_one_of_the_turns():
    pixels = np.random.default_rng(0).normal(size=(1, 9, 9, 1)).astype(np.float32)
    quarter = resample(pixels, AugmentationSpec(rotation_deg=90), QuarterTurn())
    turns = reorient(np.repeat(pixels, 8, axis=0), np.arange(8))
    assert min(np.abs(quarter - view).max() for view in turns) < 1e-5


def test_finer_pixels_halve_what_turning_blurs():
    angle = np.deg2rad(30.0)
    turned = blob(7 * np.cos(angle), -7 * np.sin(angle))
    motions = Motions(angles=np.array([angle]), zooms=np.ones(1), shifts=np.zeros((1, 2)))
    coarse, fine = (move(blob(7, 0), motions, fill="zero", upsampling=k) for k in (1, 3))
    assert np.abs(fine - turned).max() < 0.65 * np.abs(coarse - turned).max() < 0.1


def test_finer_pixels_move_and_fill_as_coarse_ones_do():
    motions = Motions(angles=np.zeros(1), zooms=np.ones(1), shifts=np.array([[2.0, -1.0]]))
    for fill in ("zero", "wrap"):
        coarse, fine = (move(blob(14, 3), motions, fill=fill, upsampling=k) for k in (1, 2))
        np.testing.assert_allclose(fine, coarse, atol=0.1)


def blob(row: float, column: float) -> np.ndarray:
    """Return 33×33 pixels with one Gaussian at a place relative to the centre."""
    y, x = np.mgrid[:33, :33] - 16.0
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / 1.5**2).astype(np.float32)[None, :, :, None]


class QuarterTurn:
    """Random numbers that always take the upper limit."""

    def uniform(self, low, high, size):
        return np.full(size, float(high))


@pytest.mark.parametrize("fill", ["zero", "reflect", "wrap"])
def test_shifts_fill_the_edge_as_asked(fill):
    pixels = np.arange(1, 10, dtype=np.float32).reshape(1, 9, 1, 1).repeat(9, axis=2)
    moved = resample(pixels, AugmentationSpec(shift_pixels=2, fill=fill), QuarterTurn())
    edge = {"zero": [0, 0, 1], "reflect": [3, 2, 1], "wrap": [8, 9, 1]}[fill]
    assert moved[0, :3, 4, 0].tolist() == edge


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3))
def test_a_stretch_keeps_sky_and_peak_and_its_opposite_undoes_it(strength):
    values = np.linspace(-1, 1, 9, dtype=np.float32).reshape(1, 3, 3, 1)
    there = stretch(values, np.array([strength]))
    back = stretch(there, np.array([-strength]))
    np.testing.assert_allclose(there.ravel()[[0, 4, 8]], [-1, 0, 1], atol=1e-5)
    np.testing.assert_allclose(back, values, atol=1e-4)


def test_augmentation_leaves_its_input_alone():
    pixels = np.random.default_rng(0).normal(size=(4, 6, 6, 1)).astype(np.float32)
    before = pixels.copy()
    spec = AugmentationSpec(rotation_deg=10, noise_sigma=0.1, stretch_jitter=1.0)
    labels = np.zeros((len(pixels), 1), np.float32)
    augment(pixels, labels, spec, np.random.default_rng(1), geometry=geometry_of(()))
    np.testing.assert_array_equal(pixels, before)
