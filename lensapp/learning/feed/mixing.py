"""Mix cutouts of a batch with one another, and their labels in proportion."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensapp.core.train.augmentation_spec import AugmentationSpec

Numbers = NDArray[np.float32]


class Mixture(NamedTuple):
    """How each cutout of a batch is mixed with another.

    Attributes
    ----------
    partners : shape (n,)
        The other cutout.
    own : shape (n, 1, 1, 1) or (n, height, width, 1)
        Share of the cutout's own pixels; the rest is the partner's.
    """

    partners: NDArray[np.int64]
    own: Numbers

    @property
    def shares(self) -> Numbers:
        """Share of each cutout's own pixels on the whole, shape (n,)."""
        return np.asarray(self.own.mean(axis=(1, 2, 3)), np.float32)


def draw_mixture(
    count: int, size: tuple[int, int], spec: AugmentationSpec, rng: np.random.Generator
) -> Mixture:
    """Draw how `count` cutouts of `size` (height, width) are mixed; with both kinds each batch has one.

    References
    ----------
    Zhang et al. 2018, ICLR, arXiv:1710.09412 (mixup); Yun et al. 2019, ICCV, 6023 (cutmix).
    """
    partners = rng.permutation(count)
    cut = bool(spec.cutmix_alpha) and (not spec.mixup_alpha or rng.random() < 0.5)
    alpha = spec.cutmix_alpha if cut else spec.mixup_alpha
    shares = rng.beta(alpha, alpha, count)
    if not cut:
        return Mixture(partners, shares.astype(np.float32)[:, None, None, None])
    inside = []
    for length in size:  # the side of a rectangle with 1 - share of the area, about any pixel, cut at edges
        half = 0.5 * length * np.sqrt(1.0 - shares)
        middle, pixel = rng.uniform(0.0, length, count), np.arange(length) + 0.5
        inside.append(np.abs(pixel - middle[:, None]) < half[:, None])
    own = ~(inside[0][:, :, None] & inside[1][:, None, :])
    return Mixture(partners, own[..., None].astype(np.float32))


def blend(pixels: Any, others: Any, own: Any) -> Any:
    """Return cutouts mixed with others, arrays or tensors (n, height, width, bands)."""
    return own * pixels + (1.0 - own) * others


def mixed_labels(
    labels: Numbers, weights: Numbers, mixture: Mixture, *, outputs: int
) -> tuple[Numbers, Numbers]:
    """Return labels and weights with which the cross-entropy of a mixture is that of its parts.

    The weighted cross-entropies of both labels are added by their shares of the pixels.

    Parameters
    ----------
    labels : shape (n, 1)
        0 and 1, or indices of classes.
    weights : shape (n,)
        Those of the labels.
    outputs
        Outputs of the network: one score, or a probability of each class.

    Returns
    -------
    labels : shape (n, outputs)
        Shares of the classes, of lenses for one output.
    weights : shape (n,)
        The mean of both weights by their shares.
    """
    each = labels if outputs == 1 else np.eye(outputs, dtype=np.float32)[labels[:, 0].astype(int)]
    own = mixture.shares * weights
    other = (1.0 - mixture.shares) * weights[mixture.partners]
    together = own + other
    shared = own[:, None] * each + other[:, None] * each[mixture.partners]
    return (shared / together[:, None]).astype(np.float32), together.astype(np.float32)
