"""A trained network without its last layer, which gives the features of cutouts."""

import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.learning.score.onnx_export import exported, load_network, open_session, run_session
from lensapp.learning.score.scorers import TrainedNetwork, run_keras
from lensapp.storage.files import COMMITTEE, ENCODER

HEAD = "score"
AFTER_HEAD = ("Sigmoid", "Softmax", "Add", "Identity", "Cast")

Features = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureExtractor:
    """A trained network without its last layer.

    Attributes
    ----------
    network
        The network of a run, computing up to the features; its `outputs` are not scores.
    dimensions
        Number of features.
    """

    network: TrainedNetwork
    dimensions: int

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the best network in a run's folder, in ONNX Runtime where that scores too."""
        if (folder / COMMITTEE).exists():
            raise InvalidInput(
                f"The committee {folder.name} has several networks and no features of its own. "
                "Choose one of its members."
            )
        network = TrainedNetwork.open(folder)
        if not (folder / ENCODER).exists():  # what that gives are features
            by_onnx = network.engine.startswith("onnxruntime")
            session = headless(exported(folder)) if by_onnx else None
            if session is not None:
                network = replace(network, compute=partial(run_session, session))
            else:
                compute = partial(run_keras, without_head(load_network(folder)))
                network = replace(network, engine="keras", threads=1, compute=compute)
        normalisation = network.normalisation
        blank = np.zeros((1, *normalisation.size, len(normalisation.bands)), np.float32)
        return cls(network, network.compute(blank).shape[1])

    def features(self, pixels: NDArray[Any]) -> Features:
        """Return the features (n, d) of cutouts in flux units (n, y, x, band), NaN where masked."""
        return self.network.computed(pixels, columns=self.dimensions)


def without_head(network: Any) -> Any:
    """Return a Keras model that stops before the last dense layer of `network`."""
    import keras

    return keras.Model(network.inputs, network.get_layer(HEAD).input)


def headless(path: Path) -> Any | None:
    """Return a session that stops before the last dense layer of an exported network.

    None where the end of the graph is not a product with constant weights, as every head of ours makes.
    """
    import onnx

    if (found := headless_graph(path)) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:  # of this job's own: another may use the same network
        onnx.save(found[0], body := Path(folder) / path.name)
        return open_session(body)


def headless_graph(path: Path) -> tuple[Any, str] | None:
    """Return an exported network without its last layer, and the name of its features; see `headless`."""
    import onnx

    model = onnx.load(path)
    makers = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name for tensor in model.graph.initializer}
    node = makers.get(model.graph.output[0].name)
    while node is not None and node.op_type in AFTER_HEAD:
        computed = [name for name in node.input if name not in constants]
        node = makers.get(computed[0]) if computed else None
    if node is None or node.op_type not in ("MatMul", "Gemm") or node.input[1] not in constants:
        return None
    features = str(node.input[0])
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(features, onnx.TensorProto.FLOAT, None))
    return model, features
