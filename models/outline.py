"""Count a network's parameters and list its layers without giving them memory."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import keras


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A network before it has weights.

    Attributes
    ----------
    parameters, trainable
        Number of all parameters and of those that training changes.
    layers
        Name and shapes of the weights of each layer that has any, in the network's order.
    """

    parameters: int
    trainable: int
    layers: tuple[tuple[str, tuple[tuple[int, ...], ...]], ...]


def outline(make: Callable[[], keras.Model]) -> Outline:
    """Return the outline of the network that `make` builds.

    Its variables stay without values: VGG-16 costs no half gigabyte. Keras notes such variables in order
    to fill them later, for each thread apart; in a thread of its own the note ends with it.
    """

    def trace() -> Outline:
        with keras.StatelessScope(initialize_variables=False):
            model = make()
            return Outline(
                parameters=sum(math.prod(weight.shape) for weight in model.weights),
                trainable=sum(math.prod(weight.shape) for weight in model.trainable_weights),
                layers=tuple(
                    (layer.name, tuple(tuple(weight.shape) for weight in layer.weights))
                    for layer in model.layers
                    if layer.weights
                ),
            )

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(trace).result()
