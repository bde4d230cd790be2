"""What a network's own gradients say of a cutout: Grad-CAM and integrated gradients.

Both explain the number before the sigmoid or the softmax, whose own slope vanishes wherever a network is
nearly certain. They need the network itself, so that a committee has them of each of its members only.

References
----------
Selvaraju et al. 2017, ICCV, arXiv:1610.02391 (Grad-CAM), in the form of Draelos & Carin 2020,
arXiv:2011.08891 (HiResCAM); Sundararajan, Taly & Yan 2017, ICML, arXiv:1703.01365 (integrated gradients);
Adebayo et al. 2018, NeurIPS, arXiv:1810.03292 (sanity checks).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy import ndimage, stats

from lensapp.core.evaluate.explain_spec import SCORE
from lensapp.core.train.normalisation import FittedNormalisation, about_middle, in_cutout
from lensapp.core.train.tasks import FittedTask
from lensapp.learning.explain.superpixels import Pixels, sky_levels

Floats = NDArray[np.float64]

HEAD = "score"
COARSEST_MAP = 5  # pixels; of fewer, nothing can be said of where the light lies
POINTS_AT_ONCE = 32
NOT_LEARNT = ("moving_mean", "moving_variance")


@dataclass(frozen=True, eq=False)
class GradientMaps:
    """Maps of one cutout from the gradients of a network.

    Attributes
    ----------
    grad_cam, integrated : shape (y, x)
        Positive where light speaks for what is explained, negative where it speaks against it.
    total
        What the map of integrated gradients should add up to: the logit less that of sky alone.
    """

    grad_cam: Floats
    integrated: Floats
    total: float

    @property
    def gap(self) -> float | None:
        """By how much integrated gradients miss what they should add up to, as a share; None of nothing."""
        return abs(float(self.integrated.sum()) / self.total - 1.0) if self.total else None


@dataclass(frozen=True)
class GradientNetwork:
    """A network cut into two halves at its last maps that are not too coarse.

    Gradients with respect to inner maps are taken through the second half alone: a model that returns both
    the maps and the answer has no gradient between them.

    Attributes
    ----------
    network
        From normalised cutouts to the outputs of the head.
    layer
        Name of the layer whose maps Grad-CAM weighs.
    first, second
        From the cutout to these maps, and from them (and the cutout, where a branch goes around them) to
        the input of the head.
    normalisation
        Fitted on the training part of the network.
    answer
        What is explained, of the head's values before sigmoid or softmax: (n, outputs) → (n,).
    """

    network: Any
    layer: str
    first: Any
    second: Any
    normalisation: FittedNormalisation
    answer: Callable[[Any], Any]

    @classmethod
    def of(cls, network: Any, normalisation: FittedNormalisation, task: FittedTask, *, about: str) -> Self:
        """Cut a Keras network of `models` in two, to explain what it says under one name."""
        image, features = network.inputs[0], network.get_layer(HEAD).input
        maps = last_maps(network)
        return cls(
            network,
            maps.name,
            keras.Model(image, maps.output),
            keras.Model([maps.output, image], features),
            normalisation,
            answer_before_activation(task, about),
        )

    def maps(self, cutout: Pixels, *, steps: int) -> GradientMaps:
        """Return the maps of a cutout (y, x, band) in flux units; `steps` of the path are summed up."""
        image = self.normalisation.apply(cutout[None])
        [seen] = about_middle(cutout[None], image.shape[1:3])
        integrated, total = self._integrated_gradients(image, sky_of(image, seen), steps=steps)
        # The last maps times the gradient with respect to them, summed up; signs are kept. Where the network
        # averages its maps this is Grad-CAM to the letter. Most of ours flatten them, which gives each pixel
        # a weight of its own: the mean gradient of Grad-CAM would then point anywhere.
        given = ops.convert_to_tensor(image)
        maps = ops.convert_to_numpy(self.first(given, training=False))
        slopes = gradient(lambda changed: self.answers(self.second([changed, given], training=False)), maps)
        grad_cam = over_cutout((maps[0].astype(np.float64) * slopes[0]).sum(axis=2), self.network)
        size = cutout.shape[:2]
        return GradientMaps(in_cutout(grad_cam, size), in_cutout(integrated, size), total)

    def answers(self, features: Any) -> Any:
        """Return what is explained for inputs (n, k) of the head."""
        head = self.network.get_layer(HEAD)
        return self.answer(ops.matmul(ops.cast(features, "float32"), head.kernel) + head.bias)

    def _integrated_gradients(self, image: Pixels, baseline: Pixels, *, steps: int) -> tuple[Floats, float]:
        """Return the gradients along the straight path from sky alone, by midpoints, times the light.

        Summed over bands, with the difference of the answers at both ends.
        """

        def answers(images: Any) -> Any:
            maps = self.first(images, training=False)
            return self.answers(self.second([maps, images], training=False))

        summed = np.zeros(image.shape[1:])
        for part in np.array_split((np.arange(steps) + 0.5) / steps, -(-steps // POINTS_AT_ONCE)):
            points = baseline + part.astype(np.float32)[:, None, None, None] * (image - baseline)
            summed += gradient(answers, points).sum(axis=0, dtype=np.float64)
        both = ops.convert_to_tensor(np.concatenate([image, baseline]))
        ends = ops.convert_to_numpy(answers(both)).astype(np.float64)
        light = (image - baseline)[0].astype(np.float64)
        return np.asarray((light * summed / steps).sum(axis=2)), float(ends[0] - ends[1])


def answer_before_activation(task: FittedTask, about: str) -> Callable[[Any], Any]:
    """Return what gives the logit of the score or of a class, or a value in its unit.

    The logit of a softmax's classes is the difference of the logarithms of what the exponentials of these
    and of all others add up to.
    """
    if task.kind == "regression":
        place = task.targets.index(about)
        return lambda raw: raw[:, place] * task.scale[place] + task.centre[place]
    if task.output == "sigmoid":
        return lambda raw: raw[:, 0]
    wanted = task.positive_columns() if about == SCORE else [task.classes.index(about)]
    others = [place for place in range(len(task.classes)) if place not in wanted]
    return lambda raw: (
        ops.logsumexp(ops.take(raw, wanted, axis=1), axis=1)
        - ops.logsumexp(ops.take(raw, others, axis=1), axis=1)
    )


def gradient(function: Callable[[Any], Any], points: NDArray[Any]) -> NDArray[Any]:
    """Return the gradient of each of the answers (n,) with respect to its point (n, …), on any backend."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(lambda given: ops.sum(function(given)))(ops.convert_to_tensor(points)))
    given = ops.convert_to_tensor(points)
    if backend == "torch":
        import torch

        given = given.detach().requires_grad_()
        [slopes] = torch.autograd.grad(ops.sum(function(given)), [given])
        return np.asarray(ops.convert_to_numpy(slopes))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(given)
        total = ops.sum(function(given))
    return np.asarray(tape.gradient(total, given, unconnected_gradients="zero"))


def last_maps(network: Any) -> Any:
    """Return the last layer of a network whose output still shows where things lie.

    Its maps are at least COARSEST_MAP pixels wide or, of cutouts too small for that, the last that are half
    as wide as the cutout.
    """
    layers = network.layers
    learnt = next(place for place, layer in enumerate(layers) if layer.weights)
    least = min(COARSEST_MAP, min(network.input_shape[1:3]) // 2)
    with_maps = [
        layer
        for layer in layers[learnt:]
        if len(getattr(layer.output, "shape", ())) == 4 and min(layer.output.shape[1:3]) >= least
    ]
    return with_maps[-1] if with_maps else layers[learnt]


def over_cutout(maps: Floats, network: Any) -> Floats:
    """Return a map (row, column) of the inside of a network at the pixels of its cutouts.

    It covers what the network was shown: a central part where the cutout is cropped first, more than all of
    it where it is padded.
    """
    shown = next(
        (layer.output.shape[1:3] for layer in reversed(network.layers) if layer.name in ("pad", "crop")),
        network.input_shape[1:3],
    )
    factors = [wide / own for wide, own in zip(shown, maps.shape, strict=True)]
    fine = ndimage.zoom(maps, factors, order=1, mode="nearest", grid_mode=True)
    for axis, size in enumerate(network.input_shape[1:3]):
        lacking = size - fine.shape[axis]
        if lacking > 0:
            margins = [(0, 0), (0, 0)]
            margins[axis] = (lacking // 2, lacking - lacking // 2)
            fine = np.pad(fine, margins)
        elif lacking < 0:
            fine = np.take(fine, np.arange(size) - lacking // 2, axis=axis)
    return np.asarray(fine, np.float64)


def sky_of(image: Pixels, cutout: Pixels) -> Pixels:
    """Return the normalised sky (1, y, x, band) of a normalised image, masked pixels as they are."""
    sky, _ = sky_levels(np.where(np.isfinite(cutout), image[0], np.nan))
    return np.where(np.isfinite(cutout), sky.astype(np.float32), image[0])[None]


def randomise_weights(network: Any, rng: np.random.Generator) -> None:
    """Replace all that a network has learnt by normal numbers with the root mean square of each array."""
    for layer in network.layers:
        for weight in layer.weights:
            if weight.name in NOT_LEARNT or not keras.backend.is_float_dtype(weight.dtype):
                continue
            values = ops.convert_to_numpy(weight).astype(np.float64)
            weight.assign(rng.normal(0.0, np.sqrt(np.square(values).mean()), values.shape))


def likeness(first: Floats, second: Floats) -> float | None:
    """Return the rank correlation (Spearman) of two maps with their signs; None where one is flat."""
    if not np.ptp(first) or not np.ptp(second):
        return None
    return float(stats.spearmanr(first.ravel(), second.ravel()).statistic)
