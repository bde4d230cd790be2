"""Estimates from many passes with dropout switched on, whose scatter shows what a network has not learned."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import combine_estimates, load_task
from lensapp.learning.score.inference import KERAS_BATCH, NORMALISATION, Estimates
from lensapp.learning.score.onnx_export import load_network


class DropoutNetwork:
    """The best network of a run with its dropout kept on, as in training.

    References
    ----------
    Gal & Ghahramani 2016, ICML; used for lens parameters by Perreault Levasseur et al. 2017, ApJ 850, L7.
    """

    def __init__(self, folder: Path, *, passes: int, seed: int = 0) -> None:
        import keras

        keras.utils.set_random_seed(seed)
        self.task = load_task(folder)
        self.normalisation = FittedNormalisation.parse(read_json(folder / NORMALISATION))
        self.passes = passes
        self._convert = keras.ops.convert_to_numpy
        self.model = load_network(folder)
        rates = [float(getattr(layer, "rate", 0.0)) for layer in self.model.layers if _drops(layer)]
        if passes < 2 or not any(rates):
            raise InvalidInput(
                f"Expected a network with dropout and at least two passes, received {passes} passes through "
                f"{folder.name}, whose dropout rates are {rates or 'none'}. Leave the passes out."
            )
        for layer in self.model.layers:
            if not _drops(layer):
                layer.trainable = False  # batch normalisation then keeps the statistics it has learned

    def estimate(self, pixels: NDArray[Any]) -> Estimates:
        """Return estimates and uncertainties of cutouts in flux units, each of shape (n, t)."""
        parts = [
            self._estimate_batch(pixels[start : start + KERAS_BATCH])
            for start in range(0, len(pixels), KERAS_BATCH)
        ]
        means, sigmas = zip(*parts, strict=True)
        return np.concatenate(means), np.concatenate(sigmas)

    def passes_of(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return the outputs of every pass over cutouts in flux units, shape (passes, n, outputs)."""
        parts = []
        for start in range(0, len(pixels), KERAS_BATCH):
            images = self.normalisation.apply(pixels[start : start + KERAS_BATCH])
            outputs = [self._convert(self.model(images, training=True)) for _ in range(self.passes)]
            parts.append(np.stack(outputs))
        return np.concatenate(parts, axis=1)

    def _estimate_batch(self, pixels: NDArray[Any]) -> Estimates:
        images = self.normalisation.apply(pixels)
        passes = [
            self.task.estimates(self._convert(self.model(images, training=True))) for _ in range(self.passes)
        ]
        means, sigmas = zip(*passes, strict=True)
        return combine_estimates(np.stack(means), np.stack(sigmas))


def _drops(layer: Any) -> bool:
    return "Dropout" in type(layer).__name__
