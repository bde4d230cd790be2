"""Cutouts without labels: losses worked by hand, changes of fluxes, trainings that stop and go on."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from lensapp.core.errors import InvalidInput
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.network_specs import network_options
from lensapp.core.train.presets import find_preset
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.unlabelled_spec import FixMatchSpec
from lensapp.learning.feed.batches import Feed
from lensapp.learning.feed.flux_changes import change_fluxes
from lensapp.learning.feed.unlabelled_feeds import FixMatchFeed, PairFeed
from lensapp.learning.train.contrastive import nt_xent, recognised
from lensapp.learning.train.fixmatch import (
    MeanAnswer,
    aligned,
    class_probabilities,
    masked_cross_entropy,
    wanted_shares,
)
from lensapp.learning.train.make_trainer import make_trainer
from lensapp.learning.train.training import train
from models.registry import build
from support.tiny_trainings import (
    TINY,
    TRAINING,
    VALIDATION,
    StopAfter,
    assert_same_networks,
    part_of,
    tiny_spec,
)

UNLABELLED = part_of(30, seed=3)
CONTRASTIVE = TrainingSpec.parse(
    {
        "network_options": TINY,
        "task": {"kind": "contrastive", "projection": 4},
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "device": "cpu",
        "augmentation": {"noise_sigma": 0.1, "blur_pixels": 0.5},
    }
)
FIXMATCH = tiny_spec(
    unlabelled={"kind": "fixmatch", "ratio": 2, "threshold": 0.55, "align": 0.4},
    augmentation={},
    early_stopping_patience=0,
    epochs=3,
)


def test_the_contrastive_loss_is_that_of_the_paper_for_two_pairs():
    # Unit vectors at 0°, 60°, 90° and 180°: cosines ½, 0, -1 | ½, √3/2, -½ | 0, √3/2, 0 | -1, -½, 0.
    angles = np.deg2rad([0.0, 60.0, 90.0, 180.0])
    projections = 3.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    root = np.sqrt(3.0) / 2.0
    by_hand = [
        -np.log(np.exp(0.5) / (np.exp(0.5) + np.exp(0.0) + np.exp(-1.0))),
        -np.log(np.exp(0.5) / (np.exp(0.5) + np.exp(root) + np.exp(-0.5))),
        -np.log(np.exp(0.0) / (np.exp(0.0) + np.exp(root) + np.exp(0.0))),
        -np.log(np.exp(0.0) / (np.exp(-1.0) + np.exp(-0.5) + np.exp(0.0))),
    ]
    loss = ops.convert_to_numpy(nt_xent(1.0)(None, ops.convert_to_tensor(projections)))
    assert loss == pytest.approx(by_hand, rel=1e-5)
    found = ops.convert_to_numpy(recognised(None, ops.convert_to_tensor(projections)))
    assert found.tolist() == [1, 0, 0, 1]


def test_the_contrastive_loss_of_any_batch_is_that_of_a_loop_in_numpy():
    projections, temperature = np.random.default_rng(0).normal(size=(10, 6)), 0.3
    expected = []
    for one in range(10):
        cosine = [
            projections[one] @ other / np.linalg.norm(projections[one]) / np.linalg.norm(other)
            for other in projections
        ]
        partner = one + 1 if one % 2 == 0 else one - 1
        others = sum(np.exp(cosine[k] / temperature) for k in range(10) if k != one)
        expected.append(-np.log(np.exp(cosine[partner] / temperature) / others))
    loss = nt_xent(temperature)(None, ops.convert_to_tensor(projections.astype(np.float32)))
    assert ops.convert_to_numpy(loss) == pytest.approx(np.array(expected), rel=1e-5)


def test_only_sure_answers_become_labels_of_copies():
    answers = ops.convert_to_tensor(np.array([[0.04, 0.96], [0.3, 0.7], [0.98, 0.02]], np.float32))
    copies = ops.convert_to_tensor(np.array([[0.5, 0.5], [0.1, 0.9], [0.8, 0.2]], np.float32))
    losses, sure = masked_cross_entropy(answers, copies, threshold=0.95)
    assert ops.convert_to_numpy(losses) == pytest.approx([np.log(2.0), 0.0, -np.log(0.8)], rel=1e-5)
    assert ops.convert_to_numpy(sure).tolist() == [1, 0, 1]
    both = class_probabilities(ops.convert_to_tensor(np.array([[0.25]], np.float32)))
    assert ops.convert_to_numpy(both).tolist() == [[0.75, 0.25]]


def test_answers_are_corrected_to_the_share_of_lenses():
    answers = ops.convert_to_tensor(np.array([[0.4, 0.6]], np.float32))
    # 0.4 · 0.8 / 0.5 = 0.64 and 0.6 · 0.2 / 0.5 = 0.24, of 0.88 together.
    shares, usual = np.array([0.8, 0.2], np.float32), np.array([0.5, 0.5], np.float32)
    corrected = aligned(answers, shares=shares, usual=usual)
    assert ops.convert_to_numpy(corrected)[0] == pytest.approx([0.64 / 0.88, 0.24 / 0.88], rel=1e-5)
    seen = MeanAnswer(2, [1], name="seen")
    seen.update_state(ops.convert_to_tensor(np.array([[0.9, 0.1], [0.5, 0.5]], np.float32)))
    assert ops.convert_to_numpy(seen.with_batch(answers)) == pytest.approx([0.6, 0.4])
    assert float(seen.result()) == pytest.approx(0.3)
    shares = np.array([0.5, 0.3, 0.2])
    assert wanted_shares(FixMatchSpec(align=0.1), shares, [1]) == pytest.approx(
        [0.9 * 5 / 7, 0.1, 0.9 * 2 / 7]
    )
    assert wanted_shares(FixMatchSpec(align="labels"), shares, [1]) is shares


def test_the_whole_loss_is_that_of_the_labels_and_of_the_sure_copies():
    spec = FIXMATCH.replaced(class_weights="none", weight_decay=0.0)
    shape = TRAINING.image_shape
    network = build("elu_cnn", input_shape=shape, spec=network_options("elu_cnn", TINY))
    trainer = make_trainer(network, spec, shares=np.array([0.6, 0.4]))
    # One labelled lens, two unlabelled cutouts, their copies.
    outputs = np.array([[0.8], [0.9], [0.45], [0.7], [0.2]], np.float32)
    mean = (0.9 + 0.45) / 2.0
    corrected = np.array(
        [p * 0.4 / mean / (p * 0.4 / mean + (1 - p) * 0.6 / (1 - mean)) for p in (0.9, 0.45)]
    )
    assert corrected == pytest.approx([0.743, 0.208], abs=1e-3)  # both sure: lens, and no lens
    expected = -np.log(0.8) + (-np.log(0.7) - np.log(1.0 - 0.2)) / 2.0
    loss = trainer.compute_loss(None, ops.ones((5, 1)), ops.convert_to_tensor(outputs), None)
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    trainer.compute_metrics(None, ops.ones((5, 1)), ops.convert_to_tensor(outputs), None)
    figures = trainer.running_figures()
    assert figures["sure"] == 1.0
    assert figures["loss"] == pytest.approx(-np.log(0.8), rel=1e-4)  # of the labelled one alone
    assert figures["answered_lens"] == pytest.approx(mean)


def test_fluxes_change_by_magnitudes_about_the_sky_and_blur_leaves_their_sum():
    rng = np.random.default_rng(1)
    cutouts = np.full((4, 15, 15, 2), 5.0, np.float32)
    cutouts[:, 7, 7] += [100.0, 50.0]
    cutouts[0, 0, 0, 0] = np.nan
    sky = (5.0, 5.0)
    jitter = AugmentationSpec(flux_jitter_mag=0.4)
    changed = change_fluxes(cutouts, jitter, rng, sky=sky)
    draws = np.random.default_rng(1).normal(0.0, 0.4, (4, 1))[:, 0]
    assert changed[:, 7, 7, 0] - 5.0 == pytest.approx(100.0 * 10.0 ** (0.4 * draws), rel=1e-5)
    assert changed[:, 7, 7, 1] - 5.0 == pytest.approx(50.0 * 10.0 ** (0.4 * draws), rel=1e-5)  # same colour
    assert changed[1, 0, 0].tolist() == [5.0, 5.0]
    assert np.isnan(changed[0, 0, 0, 0])
    colours = change_fluxes(cutouts, AugmentationSpec(colour_jitter_mag=0.1), rng, sky=sky)[:, 7, 7] - 5.0
    assert np.ptp(colours[:, 0] / colours[:, 1]) > 0.0
    blurred = change_fluxes(cutouts, AugmentationSpec(blur_pixels=1.0), np.random.default_rng(2), sky=sky)
    sigmas = np.random.default_rng(2)
    sigmas.normal(0.0, 0.0, 12)
    sigma = sigmas.uniform(0.0, 1.0, 4)[1]
    expected = ndimage.gaussian_filter(cutouts[1, ..., 0].astype(np.float64), sigma, mode="nearest")
    assert blurred[1, ..., 0] == pytest.approx(expected, rel=1e-4)
    assert blurred[1].sum() == pytest.approx(cutouts[1].sum(), rel=1e-5)


def feed(kind=Feed, data=TRAINING, **options):
    from lensapp.core.train.normalisation import NormalisationSpec, fit_normalisation

    fitted = fit_normalisation(TRAINING.sample(36, seed=0), NormalisationSpec(), bands=TRAINING.bands)
    usual = {"augmentation": AugmentationSpec(), "batch_size": 4, "seed": 1}
    return kind(data=data, normalisation=fitted, **(usual | options))


def test_pairs_are_copies_of_one_cutout():
    still = feed(PairFeed, augmentation=AugmentationSpec(d4=False))
    pixels, _, _ = next(still.batches(1))
    assert len(pixels) == 8
    assert np.array_equal(pixels[::2], pixels[1::2])
    assert np.array_equal(pixels[::2], still.normalised_at(still.order(1)[:4]))
    changed, _, _ = next(feed(PairFeed).batches(1))
    assert not np.array_equal(changed[::2], changed[1::2])
    assert changed[::2].sum(axis=(1, 2)) == pytest.approx(changed[1::2].sum(axis=(1, 2)), rel=1e-4)


def test_a_batch_of_fixmatch_shows_every_cutout_and_goes_on_where_it_stopped():
    plain = AugmentationSpec(d4=False)
    labelled, others = (
        feed(augmentation=plain, data=part_of(6, seed=1), batch_size=2),
        feed(augmentation=plain, data=UNLABELLED, batch_size=4),
    )
    both = FixMatchFeed(labelled=labelled, unlabelled=others, strong=plain.replaced(d4=True))
    assert (both.ratio, both.copies, both.steps) == (2, 5, 8)
    whole = [batch[0] for batch in both.batches(2)]
    groups = np.stack(whole).reshape(8, 2, 5, -1)
    of_groups = groups[:, :, 1:3].sum(axis=-1), groups[:, :, 3:].sum(axis=-1)
    assert of_groups[0] == pytest.approx(of_groups[1], rel=1e-3)  # copies of the unlabelled ones before
    assert len(np.unique(groups[:, :, 1:3].reshape(32, -1)[:, 0])) == 30
    rest = [batch[0] for batch in both.batches(2, first_step=5)]
    assert np.array_equal(np.stack(rest), np.stack(whole[5:]))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contrastive")
    return folder, train(CONTRASTIVE, training=UNLABELLED, validation=None, folder=folder)


def test_a_pretraining_resumes_bit_for_bit(pretrained, tmp_path):
    folder, result = pretrained
    assert [set(row) >= {"loss", "recognised"} for row in result.history] == [True] * 3
    asked = {"training": UNLABELLED, "validation": None, "folder": tmp_path}
    assert train(CONTRASTIVE, **asked, should_stop=StopAfter(5, "pause")).status == "paused"
    assert train(CONTRASTIVE, **asked).status == "finished"
    assert_same_networks(folder, tmp_path)


def test_a_network_starts_from_a_pretrained_body_with_a_new_head(pretrained, tmp_path):
    spec = tiny_spec(initial_run="contrastive", frozen_fraction=1.0, epochs=1, early_stopping_patience=0)
    train(spec, training=TRAINING, validation=VALIDATION, folder=tmp_path, initial_folder=pretrained[0])
    before = keras.saving.load_model(pretrained[0] / "best.keras", compile=False)
    after = keras.saving.load_model(tmp_path / "best.keras", compile=False)
    for mine, theirs in zip(after.layers, before.layers, strict=True):
        same = all(map(np.array_equal, mine.get_weights(), theirs.get_weights()))
        assert same == (mine.name != "score") or not mine.weights


def test_a_training_with_unlabelled_cutouts_resumes_bit_for_bit(tmp_path):
    asked = {"training": TRAINING, "validation": VALIDATION, "unlabelled": UNLABELLED}
    whole = train(FIXMATCH, **asked, folder=tmp_path / "whole")
    assert whole.history[-1]["sure"] > 0.0
    assert whole.history[-1]["val_auc"] is not None
    paused = train(FIXMATCH, **asked, folder=tmp_path / "cut", should_stop=StopAfter(7, "pause"))
    assert paused.status == "paused"
    train(FIXMATCH, **asked, folder=tmp_path / "cut")
    assert_same_networks(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": {"kind": "contrastive"}, "prior_bias": True}, "has no use for Start at the class shares"),
        (
            {"task": {"kind": "contrastive"}, "unlabelled": {"kind": "fixmatch"}},
            "FixMatch answers with classes",
        ),
        (
            {"task": {"kind": "regression"}, "unlabelled": {"kind": "fixmatch"}},
            "FixMatch answers with classes",
        ),
        ({"augmentation": {"mixup_alpha": 1}, "unlabelled": {"kind": "fixmatch"}}, "switch off mixup"),
    ],
)
def test_settings_that_need_labels_are_refused_without_them(changes, reason):
    with pytest.raises(InvalidInput, match=reason):
        TrainingSpec.parse(changes)


def test_fixmatch_asks_for_its_cutouts(tmp_path):
    with pytest.raises(InvalidInput, match="FixMatch takes unlabelled cutouts"):
        train(FIXMATCH, training=TRAINING, validation=VALIDATION, folder=tmp_path)


def test_stronger_changes_go_further_and_stay_within_bounds():
    twice = FixMatchSpec(strength=2.0).strong_changes()
    assert (twice.shift_pixels, twice.blur_pixels) == (4.0, 1.6)
    assert twice.zoom_min == pytest.approx(0.85**2)
    assert FixMatchSpec(strength=3.0).strong_changes().zoom_max <= 2.0
    assert find_preset("FIXMATCH").spec.looks_at_unlabelled
    assert find_preset("SIMCLR").spec.unlabelled_source is None
