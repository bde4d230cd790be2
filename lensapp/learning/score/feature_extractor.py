"""A trained network without its last layer, which gives the features of cutouts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.learning.score.inference import TrainedNetwork
from lensapp.learning.score.onnx_export import EXPORTED, load_network, open_session, run_session

HEAD = "score"
COMMITTEE = "committee.json"
AFTER_HEAD = ("Sigmoid", "Softmax", "Add", "Identity", "Cast")

Images = NDArray[np.float32]
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Body:
    """A trained network without its last layer.

    Attributes
    ----------
    normalisation
        Applied to every cutout as in training.
    engine, batch, threads
        What computes, and how many cutouts at once in how many threads.
    dimensions
        Number of features.
    """

    normalisation: FittedNormalisation
    engine: str
    batch: int
    threads: int
    dimensions: int
    compute: Callable[[Images], Features]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the body of the best network in a run's folder, in ONNX Runtime where that scores too.

        Raises
        ------
        NotFound
            When the run has no network.
        InvalidInput
            When the run is a committee, which has no features of its own.
        """
        if (folder / COMMITTEE).exists():
            raise InvalidInput(
                f"Expected a run with one network, received the committee {folder.name}. "
                "Choose one of its members."
            )
        network = TrainedNetwork.open(folder)
        graph = headless(folder / EXPORTED) if network.engine.startswith("onnxruntime") else None
        compute: Callable[[Images], Features] = (
            _KerasBody.of(load_network(folder)) if graph is None else _OnnxBody(graph)
        )
        engine, threads = (network.engine, network.threads) if graph is not None else ("keras", 1)
        normalisation = network.normalisation
        blank = np.zeros((1, *normalisation.size, len(normalisation.bands)), np.float32)
        dimensions = compute(blank).shape[1]
        return cls(normalisation, engine, network.batch, threads, dimensions, compute)

    def features(self, pixels: NDArray[Any]) -> Features:
        """Return the features (n, d) of cutouts in flux units (n, y, x, band), NaN where masked."""
        parts = [pixels[start : start + self.batch] for start in range(0, len(pixels), self.batch)]
        with ThreadPoolExecutor(self.threads) as pool:
            return np.concatenate([np.empty((0, self.dimensions), np.float32), *pool.map(self._of, parts)])

    def _of(self, pixels: NDArray[Any]) -> Features:
        return self.compute(self.normalisation.apply(pixels))


@dataclass(frozen=True)
class _OnnxBody:
    session: Any

    def __call__(self, images: Images) -> Features:
        return run_session(self.session, images)


@dataclass(frozen=True)
class _KerasBody:
    model: Any

    @classmethod
    def of(cls, network: Any) -> Self:
        import keras

        return cls(keras.Model(network.inputs, network.get_layer(HEAD).input))

    def __call__(self, images: Images) -> Features:
        return np.asarray(self.model.predict_on_batch(images), np.float32)


def headless(path: Path) -> Any | None:
    """Return a session that stops before the last dense layer of an exported network.

    None where the end of the graph is not a product with constant weights, as every head of ours makes.
    """
    import onnx

    model = onnx.load(path)
    features = _input_of_head(model.graph)
    if features is None:
        return None
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(features, onnx.TensorProto.FLOAT, None))
    partial = path.with_name(f"body-{path.name}")
    onnx.save(model, partial)
    try:
        return open_session(partial)
    finally:
        partial.unlink()


def _input_of_head(graph: Any) -> str | None:
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name for tensor in graph.initializer}
    node = makers.get(graph.output[0].name)
    while node is not None and node.op_type in AFTER_HEAD:
        moving = [name for name in node.input if name not in constants]
        node = makers.get(moving[0]) if moving else None
    if node is None or node.op_type not in ("MatMul", "Gemm") or node.input[1] not in constants:
        return None
    return str(node.input[0])
