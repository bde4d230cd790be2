"""A trained network ready to score: its normalisation, and ONNX Runtime or Keras behind one method."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask, load_task
from lensapp.learning.score.onnx_export import (
    ExportImpossible,
    exported,
    load_network,
    network_checksum,
    open_session,
    run_session,
)

Pixels = NDArray[np.float32]
Scores = NDArray[np.float32]
Outputs = NDArray[np.float32]
Estimates = tuple[NDArray[np.float64], NDArray[np.float64]]
Engine = Literal["auto", "onnxruntime", "keras"]

NORMALISATION = "normalisation.json"
ONNX_BATCH = 32
KERAS_BATCH = 256


@dataclass(frozen=True)
class TrainedNetwork:
    """The best network of a run.

    Attributes
    ----------
    folder
        The run's folder.
    normalisation
        Fitted on the training part; applied to every cutout exactly as in training.
    engine
        "onnxruntime (CPU)", "onnxruntime (CUDA)" or "keras (<backend>)".
    reason
        Why Keras scores, where ONNX Runtime would be expected.
    checksum
        SHA-256 of the network.
    batch, threads
        Cutouts normalised and computed at once by each of several threads.
    task
        What the network is asked, which says what its outputs mean.
    """

    folder: Path
    normalisation: FittedNormalisation
    engine: str
    reason: str | None
    checksum: str
    batch: int
    threads: int
    compute: Callable[[Pixels], NDArray[np.float32]]
    task: FittedTask

    @classmethod
    def open(cls, folder: Path, *, engine: Engine = "auto") -> Self:
        """Open the best network of a run.

        Raises
        ------
        NotFound
            When the run has no network.
        ExportImpossible
            When ONNX Runtime is asked for and the network cannot be exported.
        """
        checksum = network_checksum(folder)
        normalisation = FittedNormalisation.parse(read_json(folder / NORMALISATION))
        task = load_task(folder)
        reason = _prefer_keras() if engine == "auto" else None
        if engine != "keras" and reason is None:
            try:
                session = open_session(exported(folder))
                device, threads = ("CUDA", 1) if "CUDA" in session.get_providers()[0] else ("CPU", _cores())
                name, compute = f"onnxruntime ({device})", _OnnxCompute(session)
                return cls(folder, normalisation, name, None, checksum, ONNX_BATCH, threads, compute, task)
            except ExportImpossible as impossible:
                if engine == "onnxruntime":
                    raise
                reason = str(impossible)
        import keras

        name = f"keras ({keras.backend.backend()})"
        compute_keras = _KerasCompute(load_network(folder))
        return cls(folder, normalisation, name, reason, checksum, KERAS_BATCH, 1, compute_keras, task)

    def score(self, pixels: NDArray[Any]) -> Scores:
        """Score cutouts in flux units, shape (n, y, x, band), NaN where masked.

        Returns
        -------
        float32, shape (n,)

        Raises
        ------
        BandMismatch
            When the bands or the size are not the network's.
        InvalidInput
            When the network estimates values, or gives a score that is not a number.
        """
        return self.task.scores(self.outputs(pixels))

    def estimate(self, pixels: NDArray[Any]) -> Estimates:
        """Return estimates of the targets and their uncertainties, each of shape (n, t); see `score`."""
        return self.task.estimates(self.outputs(pixels))

    def outputs(self, pixels: NDArray[Any]) -> Outputs:
        """Return what the network gives for cutouts, shape (n, outputs): see `lensapp.core.train.tasks.Head`.

        Raises
        ------
        BandMismatch, InvalidInput
            As `score`.
        """
        norm = self.normalisation
        if pixels.ndim == 4 and pixels.shape[3] == len(norm.bands):
            norm.check(bands=norm.bands, size=pixels.shape[1:3], pixel_scale_arcsec=None)
        parts = [pixels[start : start + self.batch] for start in range(0, len(pixels), self.batch)]
        with ThreadPoolExecutor(self.threads) as pool:
            none = np.empty((0, self.task.head.outputs), np.float32)
            outputs = np.concatenate([none, *pool.map(self._compute_batch, parts)])
        unusable = np.count_nonzero(~np.isfinite(outputs).all(axis=1))
        if unusable:
            raise InvalidInput(
                f"Expected scores between 0 and 1 from {self.folder.name}, received "
                f"{unusable} that are not numbers. Its training diverged: "
                "train it again with a smaller learning rate."
            )
        return outputs

    def _compute_batch(self, pixels: NDArray[Any]) -> Outputs:
        return self.compute(self.normalisation.apply(pixels))


@dataclass(frozen=True)
class _OnnxCompute:
    session: Any

    def __call__(self, images: Pixels) -> NDArray[np.float32]:
        return run_session(self.session, images)


@dataclass(frozen=True)
class _KerasCompute:
    model: Any

    def __call__(self, images: Pixels) -> NDArray[np.float32]:
        return np.asarray(self.model.predict_on_batch(images), dtype=np.float32)


def _cores() -> int:
    """Return the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _prefer_keras() -> str | None:
    """Return why Keras is faster here: it has a GPU and ONNX Runtime was installed without CUDA."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers() or not shutil.which("nvidia-smi"):
        return None
    from lensapp.learning.train.devices import gpus

    if not gpus():
        return None
    _forbid_tensor_float_32()
    return "ONNX Runtime is installed without CUDA here, and Keras has a GPU."


def _forbid_tensor_float_32() -> None:
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(enabled=False)


@lru_cache(maxsize=2)
def cached_network(folder: Path, checksum: str) -> TrainedNetwork:
    """Open the network of `folder` once per process; `checksum` makes a retrained one be opened anew."""
    from lensapp.learning.score.committees import open_network

    network = open_network(folder)
    if network.checksum != checksum:
        raise InvalidInput(
            f"Expected the network {checksum[:12]} in {folder}, received {network.checksum[:12]}. "
            "It was trained further meanwhile: start the scoring again."
        )
    return network
