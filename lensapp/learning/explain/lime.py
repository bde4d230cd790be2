"""What a score rests on: a linear model of hidden regions (LIME), and occlusion beside it as a check.

Regions are hidden by the cutout's own sky, noise included. Zeros would not do: the sky of a survey is
seldom zero, a normalisation makes something else of them, and a flat patch with sharp edges is a thing
that the network has never seen and may respond to.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.learning.explain.superpixels import Labels, Pixels

Answer = Callable[[Pixels], NDArray[np.float32]]
"""The number to explain of each of several cutouts, (n, y, x, band) → (n,)."""

Floats = NDArray[np.float64]
IMAGES_AT_ONCE = 128
RIDGE = 1.0
WINDOWS_ACROSS = 8
SMALLEST_WINDOW = 3
UNCERTAINTY = 1e-7


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A linear model of the answer around one cutout.

    Attributes
    ----------
    weights : shape (regions,)
        What showing each region adds to the answer.
    intercept
        The answer that the model gives with everything hidden.
    fidelity
        Weighted coefficient of determination: 1 where the answer really is such a sum.
    """

    weights: Floats
    intercept: float
    fidelity: float


def hide(cutout: Pixels, hidden: NDArray[np.bool_], *, sky: Pixels, rng: np.random.Generator) -> Pixels:
    """Return copies of a cutout (y, x, band) whose pixels `hidden` (n, y, x) show sky drawn from (m, band).

    Masked pixels stay masked.
    """
    copies = np.repeat(cutout[None], len(hidden), axis=0)
    copies[hidden] = sky[rng.integers(len(sky), size=int(np.count_nonzero(hidden)))]
    return np.where(np.isfinite(cutout), copies, np.float32(np.nan))


def logit(probabilities: NDArray[np.float32]) -> Floats:
    """Return ln(p / (1 − p)); certainties count as one part in ten million, what float32 can tell from 1."""
    clipped = np.clip(np.asarray(probabilities, np.float64), UNCERTAINTY, 1 - UNCERTAINTY)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), np.float64)


def random_masks(regions: int, *, count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which regions each of `count` copies shows, (count, regions): half of them; the first all.

    The second of each pair shows what the first hides, so that what regions do together adds nothing to the
    weight of one: the same copies tell weights better.

    References
    ----------
    Covert & Lee 2021, AISTATS, arXiv:2012.01536, section 4.2 (paired sampling).
    """
    shown = rng.random((-(-count // 2), regions)) < 0.5
    visible = np.stack([shown, ~shown], axis=1).reshape(-1, regions)[:count]
    visible[0] = True
    return visible


def hidden_regions(labels: Labels, visible: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """Yield the hidden pixels (n, y, x) of copies that show regions `visible` (count, regions)."""
    for start in range(0, len(visible), IMAGES_AT_ONCE):
        yield ~visible[start : start + IMAGES_AT_ONCE][:, labels]


def fit_surrogate(visible: NDArray[np.bool_], answers: NDArray[Any], *, width: float) -> Surrogate:
    """Fit a ridge regression of the answers to what was visible, near copies counting more.

    Parameters
    ----------
    visible : shape (count, regions)
    answers : shape (count,)
    width
        Of the kernel exp(−d²/width²), where d = 1 − √(share visible) is the cosine distance to the cutout.

    References
    ----------
    Ribeiro, Singh & Guestrin 2016, KDD, arXiv:1602.04938.
    """
    from sklearn.linear_model import Ridge

    distance = 1.0 - np.sqrt(visible.mean(axis=1))
    kernel = np.exp(-np.square(distance / width))
    values = np.asarray(answers, np.float64)
    model = Ridge(alpha=RIDGE).fit(visible.astype(np.float64), values, sample_weight=kernel)
    left = np.square(values - model.predict(visible.astype(np.float64))) @ kernel
    spread = np.square(values - np.average(values, weights=kernel)) @ kernel
    fidelity = float(1.0 - left / spread) if spread > 0 else 0.0
    return Surrogate(np.asarray(model.coef_, np.float64), float(model.intercept_), fidelity)


def windows(height: int, width: int) -> NDArray[np.bool_]:
    """Return square windows (n, y, x) an eighth of the image wide that overlap by half and leave no gap."""
    side = max(SMALLEST_WINDOW, round(min(height, width) / WINDOWS_ACROSS))
    tops, lefts = _starts(height, side), _starts(width, side)
    rows = (np.arange(height) >= tops[:, None]) & (np.arange(height) < tops[:, None] + side)
    columns = (np.arange(width) >= lefts[:, None]) & (np.arange(width) < lefts[:, None] + side)
    squares = rows[:, None, :, None] & columns[None, :, None, :]
    return np.asarray(squares.reshape(-1, height, width))


def _starts(length: int, side: int) -> NDArray[np.int64]:
    last = max(length - side, 0)
    count = -(-last // max(side // 2, 1)) + 1
    return np.unique(np.rint(np.linspace(0, last, count)).astype(np.int64))


def occlusion_map(covers: NDArray[np.bool_], answers: NDArray[Any], *, whole: float) -> Floats:
    """Return by how much hiding each pixel's surroundings lowers the answer: the mean over its windows.

    Parameters
    ----------
    covers : shape (n, y, x)
        The windows hidden.
    answers : shape (n,)
        The answer with each window hidden.
    whole
        The answer to the cutout as it is.

    References
    ----------
    Zeiler & Fergus 2014, ECCV, section 4.2.
    """
    drops = whole - np.asarray(answers, np.float64)
    summed = np.tensordot(drops, covers.astype(np.float64), axes=1)
    return np.asarray(summed / covers.sum(axis=0))
