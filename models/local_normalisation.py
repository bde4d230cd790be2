"""Local response normalisation, which AlexNet and GoogLeNet had before batch normalisation was known."""

from typing import Any

from keras import ops

REACH = 2


def normalise_locally(x: Any, *, strength: float = 1e-4, power: float = 0.75, offset: float = 2.0) -> Any:
    """Divide each channel of `x` (n, height, width, channels) by the strength of its neighbours.

    x / (offset + strength · Σ x²) ** power, summed over the channel and two on either side; it has no
    weights.

    References
    ----------
    Krizhevsky et al. 2012, section 3.3 (the formula and its constants).
    """
    channels = x.shape[-1]
    squares = ops.pad(ops.square(x), ((0, 0), (0, 0), (0, 0), (REACH, REACH)))
    total = squares[..., :channels]
    for shift in range(1, 2 * REACH + 1):
        total = ops.add(total, squares[..., shift : shift + channels])
    return ops.divide(x, ops.power(ops.add(ops.multiply(total, strength), offset), power))
