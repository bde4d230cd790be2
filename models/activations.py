"""The functions between layers of Bom, "Deep Learning Applications in Astronomy" (2018)."""

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
    linear map. The derivative of step vanishes on both sides of its jump, so that no layer before it would
    ever learn: options of networks refuse it, and it is here to be looked at.

    References
    ----------
    He et al. 2015, "Delving deep into rectifiers" (prelu); Clevert et al. 2015, "Fast and accurate deep
    network learning by exponential linear units" (elu).
    """
    if name == "prelu":
        return layers.PReLU(shared_axes=list(range(1, len(x.shape) - 1)) or None)(x)
    if name == "arctan":
        return ops.arctan(x)
    if name == "step":
        return ops.cast(ops.greater_equal(x, 0), x.dtype)
    return layers.Activation(BY_KERAS[name])(x)
