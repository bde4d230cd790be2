"""Display limits around the sky, as IRAF's zscale chooses them."""

import numpy as np
from numpy.typing import NDArray

SAMPLES = 1000
CONTRAST = 0.25
REJECTION_SIGMAS = 2.5
ITERATIONS = 5
SMALLEST_FRACTION_LEFT = 0.5
SMALLEST_COUNT_LEFT = 5


def zscale_limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return black and white from a straight line through the sorted values.

    Parameters
    ----------
    values : shape (n,)
        Finite pixel values, at least one.

    References
    ----------
    IRAF `display`, task help, section ZSCALE ALGORITHM; same constants as astropy's ZScaleInterval.
    """
    stride = int(max(1.0, values.size / SAMPLES))
    sample = np.sort(values[::stride][:SAMPLES])
    low, high = float(sample[0]), float(sample[-1])
    count, slope = fitted_slope(sample)
    if count < max(SMALLEST_COUNT_LEFT, int(sample.size * SMALLEST_FRACTION_LEFT)):
        return low, high
    slope /= CONTRAST
    centre = (sample.size - 1) // 2
    middle = float(np.median(sample))
    return (
        max(low, middle - (centre - 1) * slope),
        min(high, middle + (sample.size - centre) * slope),
    )


def fitted_slope(sample: NDArray[np.float64]) -> tuple[int, float]:
    """Fit a line to the sorted sample and reject outliers with their neighbours, several times."""
    ranks = np.arange(sample.size, dtype=np.float64)
    rejected = np.zeros(sample.size, bool)
    grow = np.ones(max(1, int(sample.size * 0.01)))
    count, before, slope = sample.size, sample.size + 1, 0.0
    smallest = max(SMALLEST_COUNT_LEFT, int(sample.size * SMALLEST_FRACTION_LEFT))
    for _ in range(ITERATIONS):
        if count >= before or count < smallest:
            break
        x, y = ranks[~rejected], sample[~rejected]
        centre, level = float(x.mean()), float(y.mean())
        spread = float(((x - centre) ** 2).sum())
        slope = float(((x - centre) * (y - level)).sum()) / spread if spread else 0.0
        rest = sample - (slope * ranks + (level - slope * centre))
        limit = REJECTION_SIGMAS * float(np.std(rest[~rejected]))
        rejected[(rest < -limit) | (rest > limit)] = True
        rejected = np.convolve(rejected, grow, mode="same") > 0
        before, count = count, int(np.count_nonzero(~rejected))
    return count, slope
