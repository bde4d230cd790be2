"""Lay signed weights over a picture: one colour for what speaks for a lens, one for what speaks against."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

FOR = (230, 159, 0)
AGAINST = (86, 180, 233)
SKY_GREY, BRIGHTEST_GREY = 80.0, 225.0  # under the colours; on black they would be dark
STRONGEST = 0.65
AGAINST_WORDS, FOR_WORDS = "against a lens", "for a lens"
SCALE_WORDS = "grey: none; the strongest in each cutout has the full colour"
EDGE, FAINT = 0.8, 0.1  # of brightness at a border; of the strongest weight, below which regions have none
SATURATED = 0.995  # of the pixels stay below full colour: one outlier would leave the others pale


def legend_gradient() -> str:
    """Return the colours from the strongest against to the strongest for, as CSS writes a gradient."""
    return f"linear-gradient(90deg, rgb{AGAINST}, rgb(128, 128, 128), rgb{FOR})"


def enlarged(picture: NDArray[Any], times: int) -> NDArray[Any]:
    """Return a picture (row, column, …) with each pixel as a square of `times` pixels."""
    return np.repeat(np.repeat(picture, times, axis=0), times, axis=1)


def shaded(
    picture: Picture,
    weights: NDArray[np.float64],
    *,
    times: int = 1,
    labels: NDArray[np.int64] | None = None,
    opacity: float = STRONGEST,
) -> Picture:
    """Return a picture in greys, of which its sky is a middle one, under the colours of its weights.

    Parameters
    ----------
    picture : uint8, shape (row, column, 3)
    weights : shape (row, column)
        Positive ones are orange, negative ones blue, the strongest least transparent.
    times
        Each pixel becomes a square so wide.
    labels : shape (row, column)
        Regions, drawn with their borders where these are of some weight.
    opacity
        Of the strongest colour, 0 to 1. The strongest half of a percent of the pixels counts as one.
    """
    brightness = enlarged(picture, times).mean(axis=2, keepdims=True) / 255
    grey = SKY_GREY + (BRIGHTEST_GREY - SKY_GREY) * brightness
    strongest = float(np.quantile(np.abs(weights), SATURATED)) or float(np.abs(weights).max())
    strength = np.clip(weights / max(strongest, 1e-12), -1.0, 1.0)
    alpha = opacity * np.abs(strength)[..., None]
    colour = np.where(strength[..., None] > 0, np.array(FOR, float), np.array(AGAINST, float))
    covering, tint = enlarged(alpha, times), enlarged(colour, times)
    mixed = (1 - covering) * grey + covering * tint
    if labels is not None:
        regions = enlarged(labels, times)
        border = np.zeros(regions.shape, bool)
        border[1:] |= regions[1:] != regions[:-1]
        border[:, 1:] |= regions[:, 1:] != regions[:, :-1]
        mixed[border & enlarged(np.abs(strength) >= FAINT, times)] *= EDGE
    return np.asarray(np.rint(mixed), np.uint8)
