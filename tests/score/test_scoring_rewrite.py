"""Rearranged graphs compute what the exported ones do, in fewer and cheaper steps."""

from collections import Counter

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

from lensapp.core.train.network_specs import network_options
from lensapp.learning.score.onnx_rewrite import rewrite
from models.registry import build

TINY = {
    "elu_cnn": {"filters": 3, "blocks": 2, "dense_units": 4, "second_dense_units": 4},
    "lens_cnn": {
        "filters": 3,
        "convolutions": 3,
        "kernel_size": 3,
        "dense_units": 4,
        "second_dense_units": 4,
    },
    "deeplens_resnet46": {"filters": 4, "stages": 2, "blocks": 1},
}


def exported(model: keras.Model, folder) -> onnx.ModelProto:
    signature = [keras.InputSpec(shape=(None, *model.input_shape[1:]), dtype="float32", name="cutout")]
    model.export(folder / "plain.onnx", format="onnx", input_signature=signature, verbose=False)
    return onnx.load(folder / "plain.onnx")


def outputs(graph: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"cutout": images})[0]


def randomised(model: keras.Model) -> keras.Model:
    """Weights of either sign and variances above zero, as no fresh network has."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        values = rng.normal(0, 0.5, weight.shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path else values)
    return model


def steps(graph: onnx.ModelProto) -> Counter:
    return Counter(node.op_type for node in graph.graph.node)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("size", [20, 21])
def test_every_network_gives_the_same_scores_rearranged(tmp_path, name, size):
    model = randomised(build(name, input_shape=(size, size, 2), spec=network_options(name, TINY[name])))
    plain = exported(model, tmp_path)
    images = np.random.default_rng(0).normal(size=(20, size, size, 2)).astype(np.float32)
    expected = outputs(plain, images)
    faster = rewrite(plain)
    onnx.checker.check_model(faster)
    np.testing.assert_allclose(outputs(faster, images), expected, rtol=0, atol=1e-5)
    assert np.ptp(expected) > 1e-3


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling_goes_first_whatever_the_sign_of_the_normalisation(tmp_path, padding):
    model = keras.Sequential(
        [
            keras.Input((9, 9, 2)),
            layers.Conv2D(6, 3, activation="elu", padding=padding),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2, padding=padding),
            layers.Conv2D(3, 3, padding=padding),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    plain = exported(randomised(model), tmp_path)
    faster = rewrite(plain)
    kinds = [node.op_type for node in faster.graph.node]
    assert kinds[kinds.index("Conv") + 1] == "MaxPool"
    assert "Elu" not in kinds
    affine = steps(faster)["Mul"]
    assert affine == (1 if padding == "valid" else 2)  # the signs; a padded convolution keeps its own factor
    images = np.random.default_rng(0).normal(size=(10, 9, 9, 2)).astype(np.float32)
    np.testing.assert_allclose(outputs(faster, images), outputs(plain, images), rtol=1e-4, atol=1e-4)


def test_a_map_that_is_read_twice_is_left_alone(tmp_path):
    image = keras.Input((8, 8, 2))
    x = layers.Activation("elu")(layers.Conv2D(3, 3, padding="same")(image))
    both = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    model = keras.Model(image, layers.Dense(1)(layers.Flatten()(both)))
    plain = exported(randomised(model), tmp_path)
    images = np.random.default_rng(0).normal(size=(10, 8, 8, 2)).astype(np.float32)
    faster = rewrite(plain)
    np.testing.assert_allclose(outputs(faster, images), outputs(plain, images), rtol=1e-5, atol=1e-5)
    assert steps(faster)["MaxPool"] == 1


def test_an_elu_with_another_slope_is_left_alone():
    node = onnx.helper.make_node("Elu", ["cutout"], ["out"], alpha=0.5)
    shapes = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in ("cutout", "out")
    ]
    graph = onnx.helper.make_graph([node], "g", shapes[:1], shapes[1:])
    assert steps(rewrite(onnx.helper.make_model(graph))) == {"Elu": 1}


def test_constants_that_nothing_reads_are_dropped(tmp_path):
    model = randomised(
        build("elu_cnn", input_shape=(16, 16, 2), spec=network_options("elu_cnn", TINY["elu_cnn"]))
    )
    faster = rewrite(exported(model, tmp_path))
    read = {name for node in faster.graph.node for name in node.input}
    assert {tensor.name for tensor in faster.graph.initializer} <= read
