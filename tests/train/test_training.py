"""Training learns, saves, stops, resumes bit for bit, and refuses what cannot be trained."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from lensapp.core.errors import BandMismatch, InvalidInput, NotFound, StorageError
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.presets import PRESETS, find_preset
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.train.devices import choose_device
from lensapp.learning.train.loop import usual_epoch
from lensapp.learning.train.objectives import loss_of
from lensapp.learning.train.schedules import learning_rate_at
from lensapp.learning.train.training import TrainingResult, telling_augmentation, train
from lensapp.storage.files import CHECKPOINT
from support.tiny_trainings import (
    TINY,
    TRAINING,
    VALIDATION,
    KillAfter,
    StopAfter,
    WorkerKilledError,
    assert_same_networks,
    part_of,
    run,
    tiny_spec,
    weights_of,
    without_times,
)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[Path, TrainingResult]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder)


def test_a_network_learns_what_is_there(tmp_path):
    spec = tiny_spec(epochs=12, learning_rate=0.01, augmentation={}, schedule={"kind": "constant"})
    changes = {"early_stopping_patience": 0, "batch_momentum": 0.8}
    result = run(tmp_path, spec.replaced(network_options=TINY | {"dropout": 0.0}, **changes))
    assert result.best["val_auc"] == 1.0
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    saved = keras.saving.load_model(tmp_path / "best.keras", compile=False)
    assert [x.momentum for x in saved.layers if isinstance(x, keras.layers.BatchNormalization)] == [0.8]


def test_a_run_leaves_its_settings_statistics_and_networks(uninterrupted):
    folder, result = uninterrupted
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "best.keras",
        "checkpoint.npz",
        "last.keras",
        "normalisation.json",
        "spec.json",
        "task.json",
        "training_part.json",
    ]
    assert TrainingSpec.parse(json.loads((folder / "spec.json").read_text("utf-8"))) == tiny_spec()
    assert result.status in ("finished", "early_stopped")
    json.dumps(result.as_dict(), allow_nan=False)
    assert result.seconds == result.history[-1]["seconds"] > 0


def test_two_equal_trainings_end_with_equal_weights(uninterrupted, tmp_path):
    run(tmp_path)
    assert_same_networks(uninterrupted[0], tmp_path)


@pytest.mark.parametrize("questions", [3, 5, 12], ids=["in epoch 1", "in validation", "later"])
def test_a_paused_training_resumes_bit_for_bit(uninterrupted, tmp_path, questions):
    paused = run(tmp_path, should_stop=StopAfter(questions, "pause"))
    assert paused.status == "paused"
    resumed = run(tmp_path)
    assert resumed.status == uninterrupted[1].status
    assert_same_networks(uninterrupted[0], tmp_path)
    assert without_times(resumed) == without_times(uninterrupted[1])


def test_a_killed_worker_resumes_from_its_last_epoch_bit_for_bit(uninterrupted, tmp_path):
    with pytest.raises(WorkerKilledError):
        run(tmp_path, should_stop=KillAfter(20))
    reports = []
    resumed = run(tmp_path, report=reports.append)
    assert reports[0]["epoch"] > 1
    assert_same_networks(uninterrupted[0], tmp_path)
    assert without_times(resumed) == without_times(uninterrupted[1])


def test_a_stopped_training_goes_on_bit_for_bit_when_it_is_resumed(uninterrupted, tmp_path):
    stopped = run(tmp_path, should_stop=StopAfter(9, "stop"))
    assert (stopped.status, stopped.epochs, stopped.best_epoch) == ("stopped", 1, 1)
    assert run(tmp_path).status == uninterrupted[1].status
    assert_same_networks(uninterrupted[0], tmp_path)


def test_progress_names_the_figures_of_each_epoch(tmp_path):
    reports = []
    run(tmp_path, tiny_spec(epochs=2, early_stopping_patience=0), report=reports.append)
    epochs = [row for row in reports if row["event"] == "epoch"]
    assert [row["epoch"] for row in epochs] == [1, 2]
    assert [row["fraction"] for row in epochs] == [0.5, 1.0]
    last = epochs[-1]
    for name in ("loss", "accuracy", "auc", "purity", "completeness"):
        assert name in last
        assert "val_" + name in last
    assert last["device"] == "cpu:0"
    assert last["images_per_second"] > 0
    assert last["memory_bytes"] > 1e7
    assert last["seconds_left"] == 0.0
    json.dumps(reports, allow_nan=False)


def test_reported_validation_figures_are_those_of_the_saved_network(uninterrupted):
    from lensapp.core.config import read_json
    from lensapp.core.train.normalisation import FittedNormalisation

    folder, result = uninterrupted
    fitted = FittedNormalisation.parse(read_json(folder / "normalisation.json"))
    network = keras.saving.load_model(folder / "best.keras", compile=False)
    scores = np.asarray(network(fitted.apply(VALIDATION.read(np.arange(14)))), np.float64).ravel()
    truth = VALIDATION.labels == 1
    loss = -np.log(np.where(truth, scores, 1 - scores)).mean()
    assert result.best["val_loss"] == pytest.approx(loss, rel=1e-5)
    assert result.best["val_accuracy"] == pytest.approx(((scores >= 0.5) == truth).mean())


def test_the_time_left_counts_what_follows_each_epoch_but_not_the_first():
    assert usual_epoch([0.0, 30.0]) is None
    assert usual_epoch([0.0, 30.0, 34.0]) == 4.0  # the first compiled the network
    assert usual_epoch([0.0, 30.0, 34.0, 38.0, 48.0]) == 4.0


def test_training_stops_early_and_keeps_the_best_network(tmp_path):
    spec = tiny_spec(epochs=30, learning_rate=1.0, early_stopping_patience=2, optimizer="sgd")
    result = run(tmp_path, spec)
    assert result.status == "early_stopped"
    assert result.epochs == result.best_epoch + 2
    assert result.best["val_loss"] == min(row["val_loss"] for row in result.history)


def test_a_warm_start_begins_with_the_other_networks_weights(uninterrupted, tmp_path):
    spec = tiny_spec(epochs=1, learning_rate=1e-12, initial_run="whole")
    result = run(tmp_path, spec, initial_folder=uninterrupted[0])
    assert result.history[0]["val_loss"] == pytest.approx(uninterrupted[1].best["val_loss"], rel=0.2)
    for a, b in zip(
        weights_of(tmp_path, "best.keras"), weights_of(uninterrupted[0], "best.keras"), strict=True
    ):
        if a.ndim > 1:
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_warm_start_from_other_bands_or_layers_is_refused(uninterrupted, tmp_path):
    other = part_of(12, seed=3, bands=("r", "g"))
    spec = tiny_spec(epochs=1)
    with pytest.raises(BandMismatch, match="bands g,r, but these cutouts have r,g"):
        train(spec, training=other, validation=other, folder=tmp_path / "a", initial_folder=uninterrupted[0])
    wider = spec.replaced(network_options=TINY | {"filters": 3})
    with pytest.raises(InvalidInput, match="has other layers than"):
        run(tmp_path / "b", wider, initial_folder=uninterrupted[0])
    with pytest.raises(InvalidInput, match=r"normalisation\.json"):
        run(tmp_path / "c", spec, initial_folder=tmp_path)


def test_a_warm_start_without_a_network_is_refused(uninterrupted, tmp_path):
    (tmp_path / "normalisation.json").write_bytes((uninterrupted[0] / "normalisation.json").read_bytes())
    with pytest.raises(NotFound, match="Choose a run that has finished"):
        run(tmp_path / "new", tiny_spec(epochs=1), initial_folder=tmp_path)


def test_resuming_with_other_settings_is_refused(uninterrupted):
    with pytest.raises(InvalidInput, match="other values of batch_size, learning_rate"):
        run(uninterrupted[0], tiny_spec(learning_rate=1e-3, batch_size=4))


def test_a_damaged_checkpoint_is_named(tmp_path):
    run(tmp_path, should_stop=StopAfter(3, "pause"))
    (tmp_path / CHECKPOINT).write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(StorageError, match="Delete it to train from the beginning"):
        run(tmp_path)


def test_labels_of_one_class_are_refused(tmp_path):
    lenses = LabelledCutouts(
        cutouts=TRAINING.cutouts, rows=np.arange(4), labels=np.ones(4), bands=TRAINING.bands
    )
    with pytest.raises(InvalidInput, match="4 of the 4 cutouts are lenses"):
        train(tiny_spec(), training=lenses, validation=VALIDATION, folder=tmp_path)


def test_validation_cutouts_of_other_bands_are_refused(tmp_path):
    with pytest.raises(BandMismatch, match="but these cutouts have g,i"):
        train(
            tiny_spec(), training=TRAINING, validation=part_of(6, seed=1, bands=("g", "i")), folder=tmp_path
        )


def test_a_diverging_loss_is_named(tmp_path):
    spec = tiny_spec(learning_rate=10.0, weight_decay=1.0, optimizer="sgd", epochs=60)
    with pytest.raises(InvalidInput, match="Lower the learning rate"):
        run(tmp_path, spec.replaced(early_stopping_patience=0))


def test_an_absent_gpu_is_refused_and_auto_finds_a_device():
    with pytest.raises(InvalidInput, match="no device 'gpu:9'"):
        choose_device("gpu:9")
    assert choose_device("auto")
    assert choose_device("cpu") == "cpu:0"


def test_step_decay_is_that_of_storfer():
    spec = find_preset("S4").spec
    rates = [learning_rate_at(spec, epoch) for epoch in (1, 40, 41, 81, 120)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5, 1e-5])


def test_a_cosine_rises_then_falls_to_its_last_share():
    schedule = {"kind": "cosine", "warmup_epochs": 2, "last_fraction": 0.1}
    spec = TrainingSpec.parse({"epochs": 10, "learning_rate": 1.0, "schedule": schedule})
    rates = [learning_rate_at(spec, epoch) for epoch in range(1, 11)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(0.1)


def test_presets_carry_the_numbers_of_their_documents():
    s1, s4 = find_preset("S1").spec, find_preset("S4").spec
    assert (s1.network, s1.batch_size, s1.epochs, s1.learning_rate) == ("lens_cnn", 128, 35, 6e-4)
    assert (s4.network, s4.batch_size, s4.epochs, s4.learning_rate) == ("deeplens_resnet46", 256, 120, 1e-3)
    s2 = find_preset("S2").spec
    assert (s2.network, s2.epochs, s2.learning_rate, s2.weight_decay) == ("steerable_c8", 5, 5e-5, 1e-5)
    assert (s2.input.crop_pixels, s2.input.pad_pixels, s2.augmentation.rotation_upsampling) == (128, 129, 3)
    assert find_preset("S5").spec.network == "elu_cnn"
    ours = find_preset("OURS").spec
    assert (ours.network, ours.epochs, ours.class_weights) == ("equivariant_resnet", 30, "balanced")
    assert all(TrainingSpec.parse(preset.spec.saved()) == preset.spec for preset in PRESETS.values())
    with pytest.raises(NotFound, match=r"no preset called 'S9'. Choose one of .*\(S1\), .*\(S2\), "):
        find_preset("S9")


def test_every_setting_is_described_and_bounded():
    for name, setting in TrainingSpec.model_fields.items():
        assert setting.description, name


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"epochs": 0}, "Epochs must be a whole number at least 1, at most 10000, not 0"),
        ({"network": "vgg"}, "no network called 'vgg'"),
        ({"network_options": {"blocks": 77}}, "Options of .*, Blocks must"),
        ({"device": "tpu"}, "Device: .* is not possible"),
        ({"epoch": 3}, "There is no setting 'epoch'"),
    ],
)
def test_wrong_settings_are_named(values, reason):
    with pytest.raises(InvalidInput, match=reason):
        TrainingSpec.parse(values)


def test_the_running_mean_of_the_weights_is_what_is_saved(tmp_path):
    """By hand: mean ← 0.6 mean + 0.4 weights after each step, from the weights after the first."""
    spec = tiny_spec(
        epochs=1, optimizer="sgd", weight_decay=0.0, augmentation={}, early_stopping_patience=0,
        schedule={"kind": "constant"}, network_options=TINY | {"dropout": 0.0},
    )  # fmt: skip
    steps = []
    for count in range(1, 6):  # 36 cutouts in batches of 8
        folder = tmp_path / f"after-{count}"
        stop = StopAfter(count, "stop")
        run(folder, spec, should_stop=stop)
        steps.append(trainable(folder / "last.keras"))
    mean = steps[0]
    for weights in steps[1:]:
        mean = [0.6 * before + 0.4 * now for before, now in zip(mean, weights, strict=True)]
    averaged = tmp_path / "averaged"
    run(averaged, spec.replaced(weight_average=0.6))
    for ours, expected in zip(trainable(averaged / "best.keras"), mean, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def trainable(path: Path) -> list[np.ndarray]:
    network = keras.saving.load_model(path, compile=False)
    return [keras.ops.convert_to_numpy(variable) for variable in network.trainable_variables]


def test_a_training_with_every_new_option_resumes_bit_for_bit(tmp_path):
    spec = tiny_spec(
        weight_average=0.9, gradient_clip=0.5, label_smoothing=0.1, focal_gamma=2.0, prior_bias=True,
        monitor="val_partial_auc",
    )  # fmt: skip
    whole = run(tmp_path / "whole", spec)
    run(tmp_path / "parts", spec, should_stop=StopAfter(9, "pause"))
    resumed = run(tmp_path / "parts", spec)
    assert_same_networks(tmp_path / "whole", tmp_path / "parts")
    assert without_times(resumed) == without_times(whole)


def test_gradients_are_shortened_to_the_largest_norm(tmp_path):
    """A step of plain gradient descent moves the weights by at most rate × norm."""

    def moved(**changes) -> float:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        spec = tiny_spec(
            epochs=1, optimizer="sgd", learning_rate=1.0, weight_decay=0.0, augmentation={},
            schedule={"kind": "constant"}, **changes,
        )  # fmt: skip
        run(folder / "none", spec, should_stop=StopAfter(0, "stop"))
        run(folder / "one", spec, should_stop=StopAfter(1, "stop"))
        pairs = zip(*(trainable(folder / name / "last.keras") for name in ("none", "one")), strict=True)
        return float(np.sqrt(sum(np.square(after - before).sum() for before, after in pairs)))

    assert moved(gradient_clip=0.01) == pytest.approx(0.01, rel=1e-3)
    assert moved() > 0.05


def test_an_untrained_network_gives_each_class_its_share(tmp_path):
    quiet = {"learning_rate": 1e-9, "class_weights": "none", "epochs": 1, "augmentation": {}}
    few = LabelledCutouts(
        cutouts=TRAINING.cutouts, rows=TRAINING.rows, bands=TRAINING.bands, pixel_scale_arcsec=0.2,
        labels=(np.arange(36) % 6 == 0).astype(int),
    )  # fmt: skip
    biases = []
    for prior_bias in (False, True):
        folder = tmp_path / str(prior_bias)
        train(tiny_spec(prior_bias=prior_bias, **quiet), training=few, validation=few, folder=folder)
        biases.append(float(trainable(folder / "best.keras")[-1][0]))
    assert biases[0] == pytest.approx(0.0, abs=1e-6)
    assert biases[1] == pytest.approx(np.log(1 / 5), abs=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_smoothed_and_focal_losses_are_those_of_their_papers(gamma):
    outputs = np.array([[0.8], [0.3]])
    smooth = np.array([[0.95], [0.05]])  # 1 and 0 with a tenth spread over two classes
    ours = loss_of(FittedTask(), smoothing=0.1, gamma=gamma)(np.array([[1.0], [0.0]]), outputs)
    modulation = (1 - (smooth * outputs + (1 - smooth) * (1 - outputs))) ** gamma
    expected = -modulation * (smooth * np.log(outputs) + (1 - smooth) * np.log(1 - outputs))
    assert float(ours) == pytest.approx(expected.mean(), rel=1e-5)


def test_weight_decay_shrinks_weights_as_keras_or_as_pytorch_does(tmp_path):
    """A step of plain gradient descent: w ← w − rate · (gradient + λw) in PyTorch, 2λw in Keras's L2.

    References
    ----------
    The algorithm on the page of torch.optim.Adam and torch.optim.SGD: g ← g + λθ for every parameter.
    """

    def stepped(name: str, **changes) -> tuple[list[np.ndarray], list[np.ndarray]]:
        spec = tiny_spec(
            epochs=1, optimizer="sgd", learning_rate=0.1, augmentation={}, early_stopping_patience=0,
            schedule={"kind": "constant"}, network_options=TINY | {"dropout": 0.0}, **changes,
        )  # fmt: skip
        run(tmp_path / name / "none", spec, should_stop=StopAfter(0, "stop"))
        run(tmp_path / name / "one", spec, should_stop=StopAfter(1, "stop"))
        return trainable(tmp_path / name / "none/last.keras"), trainable(tmp_path / name / "one/last.keras")

    start, plain = stepped("plain", weight_decay=0.0)
    for way, factor in (("pytorch", 1.0), ("keras", 2.0)):
        _, decayed = stepped(way, weight_decay=0.05, weight_decay_as=way)
        for before, free, ours in zip(start, plain, decayed, strict=True):
            shrunk = factor if way == "pytorch" or before.ndim > 1 else 0.0  # Keras: kernels only
            np.testing.assert_allclose(ours, free - 0.1 * shrunk * 0.05 * before, rtol=1e-5, atol=1e-6)
    assert find_preset("S2").spec.weight_decay_as == "pytorch"


def test_errors_can_be_minimised_in_place_of_the_likelihood():
    binary = (np.array([[1.0], [0.0]]), np.array([[0.8], [0.4]]))
    losses = {kind: keras.losses.get(loss_of(FittedTask(), kind=kind)) for kind in ("squared", "absolute")}
    assert np.mean(losses["squared"](*binary)) == pytest.approx((0.04 + 0.16) / 2)
    assert np.mean(losses["absolute"](*binary)) == pytest.approx((0.2 + 0.4) / 2)
    task = FittedTask(kind="classes", output="softmax", classes=("a", "b", "c"), positive=("a",))
    classes = (np.array([[2]]), np.array([[0.1, 0.3, 0.6]], np.float32))
    assert np.mean(loss_of(task, kind="squared")(*classes)) == pytest.approx((0.01 + 0.09 + 0.16) / 3)
    assert np.mean(loss_of(task, kind="absolute")(*classes)) == pytest.approx((0.1 + 0.3 + 0.4) / 3)


@pytest.mark.parametrize(("kind", "slope"), [("squared", 2 * 3.0), ("absolute", 1.0)])
def test_values_follow_the_error_and_their_uncertainty_its_size(kind, slope):
    """Truth 1, mean 4, variance e^0.5: the slope for the mean is that of the error, for the variance
    (1 − 9 e^−0.5) / 2, that of the likelihood."""
    import tensorflow as tf

    task = FittedTask(kind="regression", output="gaussian", classes=(), positive=(), targets=("x",))
    outputs = tf.Variable([[4.0, 0.5]])
    with tf.GradientTape() as tape:
        loss = loss_of(task, kind=kind)(np.array([[1.0]], np.float32), outputs)
    found = np.asarray(tape.gradient(loss, outputs))[0]
    assert found == pytest.approx([slope, (1 - 9 * np.exp(-0.5)) / 2], rel=1e-5)


def test_other_losses_refuse_the_forms_of_the_cross_entropy():
    with pytest.raises(InvalidInput, match="forms of the cross-entropy"):
        TrainingSpec.parse({"loss": "squared", "focal_gamma": 2.0})


def test_without_a_validation_part_the_last_network_is_the_best_and_nothing_stops_early(tmp_path):
    spec = tiny_spec(early_stopping_patience=0)
    result = train(spec, training=TRAINING, validation=None, folder=tmp_path)
    assert (result.status, result.best_epoch, len(result.history)) == ("finished", 4, 4)
    assert not [name for row in result.history for name in row if name.startswith("val_")]
    for last, best in zip(*(weights_of(tmp_path, f"{one}.keras") for one in ("last", "best")), strict=True):
        np.testing.assert_array_equal(last, best)
    with pytest.raises(InvalidInput, match="asks the validation part"):
        train(tiny_spec(), training=TRAINING, validation=None, folder=tmp_path / "patient")


def test_a_network_blind_to_turns_is_shown_none():
    turned = AugmentationSpec(d4=True, noise_sigma=0.1)
    spec = TrainingSpec(network="lastro_invariant", augmentation=turned)
    assert telling_augmentation(spec) == turned.replaced(d4=False)
    assert telling_augmentation(spec.replaced(network="lastro_baseline")) == turned
    c8 = {"network": "equivariant_resnet", "network_options": {"group": "c8"}}
    assert telling_augmentation(TrainingSpec.parse(c8)).d4
    values = TrainingSpec.parse({"network": "equivariant_resnet", "task": {"kind": "regression"}})
    assert telling_augmentation(values).d4
