"""Put what cutouts need before the first layer of an ONNX graph, and a head behind its features.

All stands in one graph, so that training a head, scoring and exports cannot differ.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lensapp.core.errors import InvalidInput
from lensapp.core.score.encoder_spec import EncoderSpec
from lensapp.learning.score.onnx_export import RUNTIME_ERRORS, open_session, run_session

OPSET = 13
CUTOUT, FEATURES = "lensapp_cutout", "lensapp_features"
TEST_IMAGES = 3


def read_graph(path: Path) -> Any:
    """Return the graph in an ONNX file, in a form that takes what is put before and behind it.

    Raises InvalidInput when the file is none, takes several inputs, or is too old to be converted.
    """
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
        if opset < OPSET:
            model = onnx.version_converter.convert_version(model, OPSET)
    except (OSError, ValueError, RuntimeError, DecodeError, onnx.checker.ValidationError) as error:
        raise InvalidInput(
            f"{path} is no ONNX file that can be used ({str(error)[:200]}). Export the network again, with "
            f"opset {OPSET} or later."
        ) from error
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in constants]
    if len(inputs) != 1:
        raise InvalidInput(
            f"{path.name} takes {len(inputs)} inputs ({', '.join(one.name for one in inputs)}), and an "
            "encoder takes one image. Export the part that encodes images."
        )
    return model


def encoder_graph(path: Path, spec: EncoderSpec) -> Any:
    """Return the graph of an ONNX file from stretched cutouts (n, y, x, band) to features (n, d).

    Channels are picked from the bands and scaled, images are resized linearly to the input's side; an
    output of maps, or of words, is averaged over them.

    Raises InvalidInput when file and `spec` do not fit together.
    """
    model = read_graph(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    [image] = [one for one in model.graph.input if one.name not in constants]
    require_input(path, image, spec)
    outputs = {one.name: one for one in model.graph.output}
    if spec.output is not None and spec.output not in outputs:
        raise InvalidInput(f"{path.name} has no output {spec.output!r}; it has {', '.join(outputs)}.")
    output = outputs[spec.output or next(iter(outputs))]
    before, constants_before = _before(image.name, spec)
    behind = _behind(output)
    nodes = [*before, *model.graph.node, *behind]
    batched_shapes = ("n", None, None, len(spec.bands))
    taken = helper.make_tensor_value_info(CUTOUT, TensorProto.FLOAT, batched_shapes)
    given = helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ("n", None))
    others = [one for one in model.graph.input if one.name in constants]
    for field, items in (
        (model.graph.node, nodes),
        (model.graph.input, [taken, *others]),
        (model.graph.output, [given]),
    ):
        kept = list(items)
        del field[:]
        field.extend(kept)
    del model.graph.value_info[:]  # their batches may be fixed
    model.graph.initializer.extend(constants_before)
    return model


def require_input(path: Path, image: Any, spec: EncoderSpec) -> None:
    """Refuse an input of other channels, or of another fixed size, than `spec` says."""
    sides = [dim.dim_value or None for dim in image.type.tensor_type.shape.dim]
    wanted = [None, len(spec.order), spec.input_pixels, spec.input_pixels]
    if spec.layout == "nhwc":
        wanted = [None, spec.input_pixels, spec.input_pixels, len(spec.order)]
    kind = image.type.tensor_type.elem_type
    differs = any(
        mine and theirs and mine != theirs for mine, theirs in zip(wanted[1:], sides[1:], strict=False)
    )
    if len(sides) != len(wanted) or differs or kind != TensorProto.FLOAT:
        shape = "×".join(str(side or "any") for side in sides)
        raise InvalidInput(
            f"The input {image.name} of {path.name} is {TensorProto.DataType.Name(kind).lower()} of {shape}, "
            f"and the description beside it makes {'×'.join(str(side or 'any') for side in wanted)} "
            f"({spec.layout}). Correct channels, input_pixels or layout."
        )


def _before(image: str, spec: EncoderSpec) -> tuple[list[Any], list[Any]]:
    """Return nodes and constants that make the input called `image` of stretched cutouts."""
    picked = np.array([spec.bands.index(band) for band in spec.order], np.int64)
    channels = (1, len(picked), 1, 1)
    constants = {
        "lensapp_channels": picked,
        "lensapp_side": np.array([spec.input_pixels] * 2, np.int64),
        "lensapp_factor": np.array(spec.factor or np.ones(len(picked)), np.float32).reshape(channels),
        "lensapp_offset": np.array(spec.offset or np.zeros(len(picked)), np.float32).reshape(channels),
        "lensapp_first": np.array([0], np.int64),
        "lensapp_second": np.array([2], np.int64),
    }
    last = image if spec.layout == "nchw" else "lensapp_nchw"
    node = helper.make_node
    nodes = [
        node("Transpose", [CUTOUT], ["lensapp_bands"], perm=(0, 3, 1, 2)),
        node("Gather", ["lensapp_bands", "lensapp_channels"], ["lensapp_picked"], axis=1),
        node("Shape", ["lensapp_picked"], ["lensapp_shape"]),
        node("Slice", ["lensapp_shape", "lensapp_first", "lensapp_second"], ["lensapp_batch"]),
        node("Concat", ["lensapp_batch", "lensapp_side"], ["lensapp_sizes"], axis=0),
        node(
            "Resize",
            ["lensapp_picked", "", "", "lensapp_sizes"],
            ["lensapp_resized"],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        ),
        node("Mul", ["lensapp_resized", "lensapp_factor"], ["lensapp_scaled"]),
        node("Add", ["lensapp_scaled", "lensapp_offset"], [last]),
    ]
    if spec.layout == "nhwc":
        nodes.append(node("Transpose", [last], [image], perm=(0, 2, 3, 1)))
    return nodes, [numpy_helper.from_array(value, name) for name, value in constants.items()]


def _behind(output: Any) -> list[Any]:
    """Return nodes that make features (n, d) of an output (n, d), (n, words, d) or (n, d, y, x)."""
    rank = len(output.type.tensor_type.shape.dim)
    node = helper.make_node
    if rank == 3:
        return [
            node("Transpose", [output.name], ["lensapp_words"], perm=(0, 2, 1)),
            node("GlobalAveragePool", ["lensapp_words"], ["lensapp_mean"]),
            node("Flatten", ["lensapp_mean"], [FEATURES]),
        ]
    if rank == 4:
        return [
            node("GlobalAveragePool", [output.name], ["lensapp_mean"]),
            node("Flatten", ["lensapp_mean"], [FEATURES]),
        ]
    return [node("Flatten", [output.name], [FEATURES])]


def tried(model: Any, path: Path, *, spec: EncoderSpec) -> int:
    """Write a graph to `path` and return the number of its features, if it takes several cutouts at once."""
    onnx.save(model, path)
    side = spec.cutout_pixels or spec.input_pixels
    cutouts = np.random.default_rng(0).random((TEST_IMAGES, side, side, len(spec.bands))).astype(np.float32)
    try:
        session = open_session(path)
        together = run_session(session, cutouts)
        alone = np.concatenate([run_session(session, cutouts[k : k + 1]) for k in range(TEST_IMAGES)])
    except RUNTIME_ERRORS as error:
        raise InvalidInput(
            f"ONNX Runtime cannot run this encoder on {TEST_IMAGES} cutouts ({str(error)[:200]}). Export it "
            "with a dynamic batch, and check channels, input_pixels and layout."
        ) from error
    if together.shape != alone.shape or not np.allclose(together, alone, rtol=1e-3, atol=1e-4):
        raise InvalidInput(
            "This encoder gives a cutout other features in company than alone. Export it for inference, "
            "with a dynamic batch."
        )
    return int(together.shape[1])


def with_head(body: Any, features: str, weights: NDArray[Any], bias: NDArray[Any]) -> Any:
    """Return the graph with a logistic head on the tensor `features`.

    Parameters
    ----------
    body
        A graph that gives the tensor `features`, (n, d).
    weights, bias
        Shapes (d, k) and (k,): one column for lens or not, else one per class.
    """
    model = onnx.ModelProto()
    model.CopyFrom(body)
    constants = {
        "lensapp_head_weights": np.asarray(weights, np.float32),
        "lensapp_head_bias": np.asarray(bias, np.float32),
    }
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    last = "Sigmoid" if weights.shape[1] == 1 else "Softmax"
    model.graph.node.extend(
        [
            helper.make_node("Gemm", [features, *constants], ["lensapp_logits"]),
            helper.make_node(last, ["lensapp_logits"], ["lensapp_score"]),
        ]
    )
    del model.graph.output[:]
    score = helper.make_tensor_value_info("lensapp_score", TensorProto.FLOAT, ("n", weights.shape[1]))
    model.graph.output.append(score)
    return model
