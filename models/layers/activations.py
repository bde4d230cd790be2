"""Functions between layers: activations, and the local normalisation of the years before batch statistics."""

from typing import Any

from keras import layers, ops

BY_KERAS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "elu": "elu",
    "softplus": "softplus",
}
REACH = 2


def activate(x: Any, name: str) -> Any:
    """Apply the function called `name` to each value of `x` (n, ..., channels).

    ========  ==================================  =========================
    name      f(x)                                f'(x)
    ========  ==================================  =========================
    identity  x                                   1
    step      0 for x < 0, else 1                 0, undefined at 0
    logistic  1 / (1 + exp(-x))                   f(x) (1 - f(x))
    tanh      2 / (1 + exp(-2x)) - 1              1 - f(x)²
    arctan    arctan(x)                           1 / (x² + 1)
    relu      0 for x < 0, else x                 0 for x < 0, else 1
    prelu     α x for x < 0, else x               α for x < 0, else 1
    elu       exp(x) - 1 for x < 0, else x        f(x) + 1 for x < 0, else 1
    softplus  log(1 + exp(x))                     1 / (1 + exp(-x))
    ========  ==================================  =========================

    The slope α of prelu is learnt, one per channel; that of elu is 1. With identity alone a network is one
    linear map. The derivative of step vanishes on both sides of its jump, so that no layer before it ever
    learns.

    References
    ----------
    Bom 2018, "Deep Learning Applications in Astronomy" (the table); He et al. 2015, "Delving deep into
    rectifiers" (prelu); Clevert et al. 2015, "Fast and accurate deep network learning by exponential linear
    units" (elu).
    """
    if name == "prelu":
        return layers.PReLU(shared_axes=list(range(1, len(x.shape) - 1)) or None)(x)
    if name == "arctan":
        return ops.arctan(x)
    if name == "step":
        # Signs have a gradient, of zero; a comparison has none at all, and optimisers complain.
        return 0.5 * (ops.sign(ops.sign(x) + 0.5) + 1.0)
    return layers.Activation(BY_KERAS[name])(x)


def normalise_locally(x: Any, *, strength: float = 1e-4, power: float = 0.75, offset: float = 2.0) -> Any:
    """Divide each channel of `x` (n, height, width, channels) by the strength of its neighbours.

    Local response normalisation, x / (offset + strength · Σ x²) ** power, summed over the channel and two
    on either side; it has no weights.

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
