"""Maps turn with the image and scores do not change with it, for each layer and network that promises so."""

from functools import partial
from zipfile import ZipFile

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lensapp.core.errors import InvalidInput
from lensapp.core.train.input_spec import InputSpec
from lensapp.core.train.networks.equivariant import (
    EquivariantResnetSpec,
    LastroInvariantSpec,
    RotationalCnnSpec,
    SteerableSpec,
)
from lensapp.learning.score.onnx_export import exported, load_network, open_session, run_session
from lensapp.storage.files import EXPORTED_NETWORK, NETWORK
from models.layers.group_convolution import (
    GroupBatchNormalization,
    GroupConv2D,
    GroupDropout,
    GroupPooling,
)
from models.layers.pooling import (
    AntialiasedPooling,
    CircularMask,
    RingPooling,
    RootMeanSquarePooling,
    SymmetricPooling,
    TurnPooling,
)
from models.layers.rotational import RotationalConv2D
from models.outline import outline
from models.registry import build, load

SIZES = st.integers(41, 129)
TINY_DENSE = {"dense_units": 16, "second_dense_units": 16}
INVARIANT = {
    "rotational_cnn literal": RotationalCnnSpec(filters=2, **TINY_DENSE),
    "rotational_cnn aligned": RotationalCnnSpec(filters=2, form="aligned", **TINY_DENSE),
    "rotational_cnn lifted": RotationalCnnSpec(filters=2, form="lifted", rotations=12, **TINY_DENSE),
    "lastro_invariant": LastroInvariantSpec(width=0.05),
    "equivariant_resnet d4": EquivariantResnetSpec(fields=1, dense_units=16),
    "equivariant_resnet c8": EquivariantResnetSpec(fields=1, dense_units=16, group="c8", stages=2),
}


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def relative_error(expected: object, received: object) -> float:
    expected, received = np.asarray(expected), np.asarray(received)
    return float(np.abs(received - expected).max() / np.abs(expected).max())


def quarter(images: np.ndarray, turns: int = 1) -> np.ndarray:
    return np.rot90(images, turns, axes=(1, 2))


def mirrored(images: np.ndarray) -> np.ndarray:
    return images[:, :, ::-1]


def blobs(size: int, *, angle: float, seed: int = 0) -> np.ndarray:
    """Smooth spots well inside the inscribed circle, turned by `angle` about the centre."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    image = np.zeros((size, size))
    for radius, place, height in zip(*rng.uniform((0, 0, 0.5), (0.25, 6.28, 1), (5, 3)).T, strict=True):
        row, column = (radius * size * f(place + angle) for f in (np.sin, np.cos))
        image += height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * (0.08 * size) ** 2))
    return image.astype(np.float32)[None, :, :, None]


def with_trained_statistics(network: keras.Model) -> keras.Model:
    """Give batch normalisations the scales, shifts and statistics of some training."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for place, weight in enumerate(layer.weights):
                weight.assign(np.abs(noise(*weight.shape, seed=place)) + 0.1)
    return network


@pytest.mark.parametrize("case", sorted(INVARIANT))
@settings(max_examples=3, deadline=None, derandomize=True)
@given(size=SIZES)
@example(size=42)
def test_no_right_angle_changes_a_score_at_any_size(case, size):
    keras.utils.set_random_seed(1)  # some random weights leave features of zeros
    name = case.split()[0]
    network = with_trained_statistics(build(name, input_shape=(size, size, 1), spec=INVARIANT[case]))
    features = keras.Model(network.input, network.layers[-1].input)
    image = noise(1, size, size, 1)
    views = [image, quarter(image), quarter(image, 2)]
    if name == "lastro_invariant" or case.endswith("d4"):
        views.append(mirrored(image))
    found = np.asarray(features(np.concatenate(views)))
    assert max(relative_error(found[0], view) for view in found[1:]) <= 1e-5
    assert np.ptp(np.asarray(network(np.concatenate(views)))) <= 1e-5


@settings(max_examples=2, deadline=None, derandomize=True)
@given(size=SIZES)
@example(size=44)
def test_the_maps_of_the_steerable_network_turn_with_the_image(size):
    network = with_trained_statistics(
        build("steerable_c8", input_shape=(size, size, 1), spec=SteerableSpec(width=0.02, dense_units=1))
    )
    pooled = next(layer for layer in network.layers if isinstance(layer, GroupPooling))
    maps = keras.Model(network.input, pooled.output)
    image = noise(1, size, size, 1)
    assert relative_error(quarter(np.asarray(maps(image))), maps(quarter(image))) <= 1e-5


@pytest.mark.parametrize("group", ["c4", "d4", "c8"])
def test_group_layers_turn_with_the_image_and_permute_orientations(group):
    lift = GroupConv2D(2, 4 if group != "c8" else 5, group=group, lifting=True, padding=1, use_bias=True)
    convolve, normalise = GroupConv2D(3, 3, group=group), GroupBatchNormalization(group=group)
    image = noise(2, 11, 11, 2)
    for training in (True, False):
        turned, still = (
            np.asarray(GroupPooling(group=group)(normalise(convolve(lift(view)), training=training)))
            for view in (quarter(image), image)
        )
        assert relative_error(quarter(still), turned) <= 1e-5


@pytest.mark.parametrize(
    "make", [AntialiasedPooling, SymmetricPooling, partial(SymmetricPooling, mode="mean")]
)
def test_poolings_treat_all_sides_alike_at_every_size(make):
    pooling = make()
    for size in range(41, 130):
        image = noise(1, size, size, 1)
        still = np.asarray(pooling(image))
        assert still.shape[1] == ((size + 1) // 2 if make is AntialiasedPooling else size // 2)
        assert relative_error(quarter(still), pooling(quarter(image))) <= 1e-5
        assert relative_error(mirrored(still), pooling(mirrored(image))) <= 1e-5


def test_harmonic_layers_follow_turns_by_45_degrees_within_one_percent():
    size = 65
    image = keras.Input((size, size, 1))
    x = GroupConv2D(4, 7, group="c8", lifting=True)(image)
    x = AntialiasedPooling()(keras.layers.Activation("relu")(x))
    x = keras.layers.Activation("relu")(GroupConv2D(4, 5, group="c8")(x))
    x = keras.layers.GlobalAveragePooling2D()(GroupPooling(group="c8")(x))
    network = keras.Model(image, x)
    assert relative_error(network(blobs(size, angle=0)), network(blobs(size, angle=np.pi / 4))) <= 0.01


@pytest.mark.parametrize(
    ("name", "spec", "size"),
    [
        ("steerable_c8", SteerableSpec(width=0.1, dense_units=2), 129),
        ("equivariant_resnet", EquivariantResnetSpec(fields=2, group="c8"), 64),
    ],
)
def test_whole_c8_networks_follow_turns_by_45_degrees_within_one_percent(name, spec, size):
    """At the size each is made for; S2's reaches 2 % on images half as large."""
    keras.utils.set_random_seed(0)
    network = build(name, input_shape=(size, size, 1), spec=spec)
    views = [np.concatenate([blobs(size, angle=a, seed=s) for s in range(6)]) for a in (0, np.pi / 4)]
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(views[0], training=True)
    pooled = next(layer for layer in network.layers if isinstance(layer, GroupPooling)).output
    if name == "steerable_c8":
        pooled = keras.layers.GlobalAveragePooling2D()(pooled)
    else:
        pooled = next(layer for layer in network.layers if isinstance(layer, keras.layers.Concatenate)).output
    still, turned = (np.asarray(keras.Model(network.input, pooled)(view)) for view in views)
    assert np.linalg.norm(turned - still) <= 0.01 * np.linalg.norm(still)


def test_the_literal_form_gives_one_unmoved_map_and_the_others_turn_theirs():
    image = noise(1, 12, 12, 2)
    for form in ("literal", "aligned", "lifted"):
        layer = RotationalConv2D(3, 5, form=form, rotations=12)
        still, turned = np.asarray(layer(image)), np.asarray(layer(quarter(image)))
        moved = still if form == "literal" else quarter(still)
        assert relative_error(moved, turned) <= 1e-5
    with pytest.raises(InvalidInput, match="no form 'lifted' with 6 rotations"):
        RotationalConv2D(3, 5, form="lifted", rotations=6)


def test_the_steerable_network_has_the_layers_of_its_document():
    counted = dict(outline(partial(build, "steerable_c8")).layers)
    fields = [shapes[0][0] for name, shapes in counted.items() if name.startswith("group_batch")]
    dense = [shapes for name, shapes in counted.items() if name.startswith(("dense", "score"))]
    assert fields == [24, 48, 48, 96, 96, 64]
    assert dense == [((64 * 26 * 26, 64), (64,)), ((64, 1), (1,))]
    assert 2 * sum(fields) + 2 * 64 + sum(np.prod(s) for shapes in dense for s in shapes) == 2_769_905


def test_a_network_crops_masks_and_pads_its_cutouts_itself(tmp_path):
    inputs = InputSpec(crop_pixels=16, circle=True, pad_pixels=19)
    spec = EquivariantResnetSpec(fields=1, stages=1, dense_units=4)
    network = with_trained_statistics(
        build("equivariant_resnet", input_shape=(21, 24, 2), spec=spec, inputs=inputs)
    )
    plain = build("equivariant_resnet", input_shape=(19, 19, 2), spec=spec)
    plain.set_weights(network.get_weights())
    cutouts = noise(3, 21, 24, 2)
    seen = np.pad(CircularMask()(cutouts[:, 2:18, 4:20]), ((0, 0), (1, 2), (1, 2), (0, 0)))
    np.testing.assert_allclose(network(cutouts), plain(seen), atol=1e-6)
    network.save(tmp_path / NETWORK)
    np.testing.assert_array_equal(load_network(tmp_path)(cutouts), network(cutouts))
    scores = run_session(open_session(exported(tmp_path)), cutouts)
    np.testing.assert_allclose(scores, network(cutouts), atol=1e-5)
    assert (tmp_path / EXPORTED_NETWORK).exists()


def test_input_options_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="48×60 pixels are smaller than crop_pixels = 64"):
        InputSpec(crop_pixels=64).size_within((48, 60))
    with pytest.raises(InvalidInput, match="pad_pixels = 42 must be odd and at least 41"):
        InputSpec(pad_pixels=42).size_within((41, 41))
    with pytest.raises(InvalidInput, match="at least 16×16 pixels for equivariant_resnet, and these are 8×8"):
        build("equivariant_resnet", input_shape=(64, 64, 3), inputs=InputSpec(crop_pixels=8))


LAYERS = (
    AntialiasedPooling,
    CircularMask,
    GroupBatchNormalization,
    GroupConv2D,
    GroupPooling,
    RingPooling,
    RootMeanSquarePooling,
    RotationalConv2D,
    SymmetricPooling,
    TurnPooling,
)


@pytest.mark.parametrize("layer", LAYERS)
def test_keras_finds_each_layer_of_ours_by_its_registered_name(layer):
    assert keras.saving.get_registered_object(f"lensapp>{layer.__name__}") is layer


def test_a_network_whose_file_names_modules_of_earlier_versions_can_still_be_loaded(tmp_path):
    spec = EquivariantResnetSpec(fields=1, stages=1, dense_units=4)
    network = build("equivariant_resnet", input_shape=(12, 12, 2), spec=spec)
    network.save(tmp_path / "now.keras")
    with ZipFile(tmp_path / "now.keras") as now, ZipFile(tmp_path / "before.keras", "w") as before:
        for name in now.namelist():
            content = now.read(name)
            if name == "config.json":
                assert b"models.layers." in content
                content = content.replace(b"models.layers.", b"models.of.a.former.house.")
            before.writestr(name, content)
    cutouts = noise(2, 12, 12, 2)
    np.testing.assert_array_equal(load(tmp_path / "before.keras")(cutouts), network(cutouts))


def test_dropout_takes_a_field_away_in_all_its_orientations_and_keeps_the_mean():
    fields, order = 5, 8
    maps = np.ones((40, 3, 3, order * fields), np.float32)
    dropped = np.asarray(GroupDropout(0.2, group="d4", seed=3)(maps, training=True))
    orientations = dropped.reshape(40, 3, 3, order, fields)
    assert (np.ptp(orientations, axis=3) == 0).all()
    assert set(np.unique(dropped)) == {0.0, 1.25}
    assert dropped.mean() == pytest.approx(1.0, abs=4 * 0.5 / np.sqrt(40 * 9 * fields))
    np.testing.assert_array_equal(np.asarray(GroupDropout(0.2, group="d4")(maps, training=False)), maps)
