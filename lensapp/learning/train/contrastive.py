"""Pre-training without labels: two changed copies of a cutout have to be recognised among all others.

References
----------
Chen et al. 2020, ICML, arXiv:2002.05709 (SimCLR).
"""

from typing import Any

import keras
from keras import ops

from lensapp.learning.train.transfer import HEAD

NEVER = -1e9


def similarities(projections: Any, temperature: float) -> tuple[Any, Any]:
    """Return the similarity of every copy to its partner (n,) and to all copies (n, n), none to itself.

    Parameters
    ----------
    projections : shape (n, d)
        Rows 2i and 2i + 1 are copies of one cutout.
    temperature
        Divides the cosines.
    """
    vectors = ops.cast(projections, "float32")
    vectors = vectors / ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True) + 1e-12)
    every = ops.matmul(vectors, ops.transpose(vectors)) / temperature
    pairs = ops.reshape(vectors, (-1, 2, vectors.shape[-1]))
    of_partners = ops.sum(pairs[:, 0] * pairs[:, 1], axis=-1) / temperature
    itself = ops.eye(ops.shape(vectors)[0], dtype="float32")
    return ops.repeat(of_partners, 2), every + NEVER * itself


def nt_xent(temperature: float) -> Any:
    """Return the loss of projections (n, d): cross-entropy of each copy's partner among all others, (n,)."""

    def loss(_labels: Any, projections: Any) -> Any:
        of_partners, every = similarities(projections, temperature)
        return ops.logsumexp(every, axis=-1) - of_partners

    return loss


def recognised(_labels: Any, projections: Any) -> Any:
    """Return 1 for each copy (n,) that no other copy is as similar to as its partner, else 0."""
    of_partners, every = similarities(projections, 1.0)
    return ops.cast(ops.max(every, axis=-1) <= of_partners + 1e-6, "float32")


def projected(network: keras.Model, size: int) -> Any:
    """Return the features of `network` after two layers of their own, shape (n, size)."""
    features = network.get_layer(HEAD).input
    hidden = keras.layers.Dense(features.shape[-1], activation="relu", name="projection_hidden")(features)
    return keras.layers.Dense(size, name="projection", dtype="float32")(hidden)
