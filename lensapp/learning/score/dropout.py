"""Monte-Carlo dropout: the scatter of many passes shows what a network has not learned."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import combine_estimates, load_task
from lensapp.learning.score.onnx_export import load_network
from lensapp.learning.score.scorers import KERAS_BATCH, Estimates
from lensapp.storage.files import NORMALISATION


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
        dropouts = [layer for layer in self.model.layers if "Dropout" in type(layer).__name__]
        rates = [float(getattr(layer, "rate", 0.0)) for layer in dropouts]
        if passes < 2 or not any(rates):
            raise InvalidInput(
                f"Monte-Carlo dropout takes a network with dropout and at least two passes; {folder.name} "
                f"has the dropout rates {rates or 'none'}, and {passes} passes were asked for. "
                "Leave the passes out, or choose another run."
            )
        for layer in self.model.layers:
            if layer not in dropouts:
                layer.trainable = False  # batch normalisation then keeps the statistics it has learned

    def outputs_of_passes(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return the outputs of every pass over cutouts in flux units, shape (passes, n, outputs)."""
        parts = []
        for start in range(0, len(pixels), KERAS_BATCH):
            images = self.normalisation.apply(pixels[start : start + KERAS_BATCH])
            outputs = [self._convert(self.model(images, training=True)) for _ in range(self.passes)]
            parts.append(np.stack(outputs))
        return np.concatenate(parts, axis=1)

    def estimate(self, pixels: NDArray[Any]) -> Estimates:
        """Return estimates and uncertainties of cutouts in flux units, each of shape (n, t)."""
        estimates = [self.task.estimates(outputs) for outputs in self.outputs_of_passes(pixels)]
        means, sigmas = zip(*estimates, strict=True)
        return combine_estimates(np.stack(means), np.stack(sigmas))
