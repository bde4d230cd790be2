"""Every network that can be trained, with what a user can set for it.

The specifications stand in `lensapp.core.train.networks`, not beside the Keras code in `models`, because the
web process builds its forms from them and never loads a network library.
"""

from typing import Any

from lensapp.core.config import Spec
from lensapp.core.errors import NotFound
from lensapp.core.train.networks import (
    classical,
    convolutional,
    equivariant,
    inception,
    lastro,
    own,
    residual,
    today,
)
from lensapp.core.train.networks.info import NetworkInfo

FAMILIES = (convolutional, classical, inception, residual, lastro, equivariant, today, own)
NETWORKS: dict[str, NetworkInfo] = {info.name: info for family in FAMILIES for info in family.INFOS}


def find_network(name: str) -> NetworkInfo:
    """Return the network called `name`, or raise NotFound."""
    if name not in NETWORKS:
        raise NotFound(f"There is no network called {name!r}. Choose one of {', '.join(NETWORKS)}.")
    return NETWORKS[name]


def network_title(name: str) -> str:
    """Return what readers call the network `name`; what is none of ours keeps its name."""
    return NETWORKS[name].title if name in NETWORKS else name


def network_options(name: str, values: dict[str, Any]) -> Spec:
    """Validate the options of the network called `name`; raises NotFound or InvalidInput."""
    return find_network(name).spec.parse(values)


def caution_of(name: str, options: dict[str, Any]) -> str:
    """Return why options as published serve this network badly where they are chosen, else an empty text."""
    info = find_network(name)
    usual, chosen = info.spec(), network_options(name, options)
    as_published = any(
        getattr(chosen, key) == value != getattr(usual, key) for key, value in info.published_options.items()
    )
    if getattr(chosen, "activation", "") == "step":
        return "The gradient of the step function vanishes, so that only the last layer learns."
    return info.caution if as_published else ""


def is_d4_invariant(name: str, options: dict[str, Any]) -> bool:
    """Return whether the network of this name and options scores turned and mirrored cutouts alike."""
    return bool(getattr(network_options(name, options), "d4_invariant", False))


def has_dropout(name: str, options: dict[str, Any]) -> bool:
    """Return whether the network of this name and options drops units in training."""
    return float(getattr(network_options(name, options), "dropout", 0.0)) > 0
