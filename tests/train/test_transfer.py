"""Transfer: a start from a run or from published weights, and layers kept fixed for a while."""

from pathlib import Path

import keras
import numpy as np
import pytest

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.train.network_specs import network_options
from lensapp.core.train.tasks import Head
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.transfer_rules import require_start
from lensapp.learning.train.schedules import learning_rate_at
from lensapp.learning.train.training import TrainingResult
from lensapp.learning.train.transfer import adapt_kernel, body_layers, start_from_file
from models.registry import build
from support.tiny_trainings import (
    StopAfter,
    assert_same_networks,
    run,
    tiny_spec,
    weights_of,
    without_times,
)

FROZEN = {
    "initial_run": "first",
    "frozen_fraction": 0.7,
    "unfreeze_epoch": 3,
    "unfreeze_factor": 0.5,
    "schedule": {"kind": "constant"},
    "network_options": {"filters": 2, "blocks": 1, "dense_units": 4, "second_dense_units": 4, "dropout": 0.4},
}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transfer") / "first"
    run(folder, tiny_spec(epochs=1))
    return folder


@pytest.fixture(scope="module")
def thawed(first: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingResult]:
    folder = tmp_path_factory.mktemp("transfer") / "thawed"
    return folder, run(folder, tiny_spec(**FROZEN), initial_folder=first)


def test_frozen_layers_and_their_statistics_stay_until_they_are_let_go(first: Path, tmp_path: Path) -> None:
    run(tmp_path, tiny_spec(**FROZEN | {"epochs": 2, "unfreeze_epoch": None}), initial_folder=first)
    before, after = weights_of(first, "best.keras"), weights_of(tmp_path, "last.keras")
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    # convolution, batch normalisation with its moving statistics; then two dense layers and the last
    assert same[:6] == [True] * 6
    assert not any(same[-2:])


def test_from_the_epoch_set_all_layers_train_more_slowly(
    first: Path, thawed: tuple[Path, TrainingResult]
) -> None:
    folder, result = thawed
    rates = [row["learning_rate"] for row in result.history]
    assert rates == pytest.approx([3e-3, 3e-3, 1.5e-3, 1.5e-3])
    before, after = weights_of(first, "best.keras"), weights_of(folder, "last.keras")
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("questions", [10, 16])  # in the second epoch, and let go without a step yet
def test_a_training_resumed_around_the_thaw_is_bit_identical(
    first: Path, thawed: tuple[Path, TrainingResult], tmp_path: Path, questions: int
) -> None:
    folder, whole = thawed
    stopped = run(
        tmp_path, tiny_spec(**FROZEN), initial_folder=first, should_stop=StopAfter(questions, "pause")
    )
    assert stopped.status == "paused"
    resumed = run(tmp_path, tiny_spec(**FROZEN), initial_folder=first)
    assert without_times(resumed) == without_times(whole)
    assert_same_networks(tmp_path, folder)


def test_another_task_takes_the_body_and_gets_a_new_last_layer(first: Path, tmp_path: Path) -> None:
    spec = tiny_spec(
        epochs=1, learning_rate=1e-12, initial_run="first", task={"kind": "binary", "output": "softmax"}
    )
    run(tmp_path, spec, initial_folder=first)
    before, after = weights_of(first, "best.keras"), weights_of(tmp_path, "last.keras")
    assert after[-2].shape == (4, 2)
    assert np.allclose(before[0], after[0], atol=1e-9)
    assert np.allclose(before[-4], after[-4], atol=1e-9)


def test_other_layers_are_named_when_bodies_differ(first: Path, tmp_path: Path) -> None:
    options = FROZEN["network_options"] | {"filters": 3}
    with pytest.raises(InvalidInput, match=r"3×3×2×2 where \S+ 3×3×2×3 stands\. Take that run's network"):
        run(tmp_path, tiny_spec(initial_run="first", network_options=options), initial_folder=first)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frozen_fraction": 0.5}, "no trained layers to freeze"),
        ({"initial_run": "a", "initial_weights": "b.h5"}, "starts from one network"),
        ({"initial_weights": "b.h5"}, "only for vgg16, resnet50"),
    ],
)
def test_starts_that_cannot_be_made_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        require_start(tiny_spec(**changes))


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotFound, match=r"no file of weights at absent\.h5"):
        require_start(TrainingSpec(network="vgg16", initial_weights="absent.h5"))


def test_the_learning_rate_falls_only_where_layers_were_frozen() -> None:
    spec = TrainingSpec(unfreeze_epoch=3)
    assert learning_rate_at(spec, 5) == spec.learning_rate


@pytest.mark.parametrize("bands", [1, 3, 5])
def test_a_first_kernel_sees_the_same_picture_in_all_bands_as_it_saw_colours(bands: int) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
    adapted = adapt_kernel(kernel, bands=bands, input_sigma=58.0)
    assert adapted.shape == (3, 3, bands, 4)
    np.testing.assert_allclose(adapted.sum(axis=2), kernel.sum(axis=2), rtol=1e-5, atol=1e-6)
    assert np.allclose(adapt_kernel(kernel, bands=bands, input_sigma=1.0), adapted * 58.0)


def test_published_weights_fill_the_convolutions_and_leave_dense_layers_of_another_size_new(
    tmp_path: Path,
) -> None:
    published = keras.applications.VGG16(weights=None, include_top=False)
    path = tmp_path / "vgg16.weights.h5"
    published.save_weights(path)
    options = network_options("vgg16", {"dense_units": 2})
    network = build("vgg16", input_shape=(32, 32, 3), spec=options)
    assert start_from_file(network, path, name="vgg16", input_sigma=29.0) == ["fc1", "fc2"]
    pairs = zip(body_layers(network), body_layers(published), strict=False)
    kernels = [(ours.kernel.numpy(), theirs.kernel.numpy()) for ours, theirs in pairs]
    assert len(kernels) == 13
    np.testing.assert_allclose(kernels[0][0], 2 * kernels[0][1], rtol=1e-6)
    assert all(np.array_equal(ours, theirs) for ours, theirs in kernels[1:])
    narrow = build("vgg16", input_shape=(32, 32, 3), spec=network_options("vgg16", {"width": 0.1}))
    with pytest.raises(InvalidInput, match="Leave the network's options at their defaults"):
        start_from_file(narrow, path, name="vgg16", input_sigma=1.0)


def test_a_file_that_holds_no_such_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.keras"
    path.write_bytes(b"not a network")
    with pytest.raises(InvalidInput, match=r"does not hold the weights of vgg16"):
        start_from_file(build("elu_cnn"), path, name="vgg16", input_sigma=1.0)


@pytest.mark.parametrize("name", [pytest.param("densenet121", marks=pytest.mark.long), "convnext_tiny"])
def test_networks_of_today_begin_from_files_of_keras_applications(name: str, tmp_path: Path) -> None:
    """The same grey picture in five bands gives the features that the published network gives it."""
    keras.utils.set_random_seed(2)
    options = {"include_preprocessing": False} if name == "convnext_tiny" else {}
    make = keras.applications.DenseNet121 if name == "densenet121" else keras.applications.ConvNeXtTiny
    published = make(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3), **options)
    path = tmp_path / "published.weights.h5"
    published.save_weights(path)
    network = build(name, input_shape=(64, 64, 5), spec=network_options(name, {"dropout": 0.0}), head=Head())
    assert start_from_file(network, path, name=name, input_sigma=1.0) == []
    features = keras.Model(network.input, network.layers[-1].input)
    picture = np.random.default_rng(0).normal(size=(1, 64, 64, 1)).astype(np.float32)
    expected = published.predict(np.repeat(picture, 3, axis=-1), verbose=0)
    ours = features.predict(np.repeat(picture, 5, axis=-1), verbose=0)
    np.testing.assert_allclose(ours, expected, rtol=2e-3, atol=2e-4)
    few = build(name, input_shape=(64, 64, 3), spec=network_options(name, {"blocks": 1}), head=Head())
    with pytest.raises(InvalidInput, match=f"This {name} has other layers than the published one"):
        start_from_file(few, path, name=name, input_sigma=1.0)
