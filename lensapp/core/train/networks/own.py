"""Networks of others: one of the user's own, by its Python function, and backbones of KerasHub."""

from typing import Any

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.networks.scaled import Dropout


class OwnNetworkSpec(Spec):
    """Which function builds the network, and what it is given."""

    builder: str = Field(
        "",
        max_length=1000,
        title="Builder",
        description="Function that takes the shape (height, width, bands) and returns a Keras model from a "
        "cutout to features, as package.module:function or /path/file.py:function; training and scoring run "
        "its code.",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, title="Arguments", description="Further keyword arguments of the function."
    )
    dropout: Dropout = Field(0.0, description="Dropout before the last layer.")


class KerasHubSpec(Spec):
    """Which backbone of KerasHub, and how its features are used."""

    preset: str = Field(
        "",
        max_length=1000,
        title="Preset folder",
        description="Folder on this machine with a preset of KerasHub; nothing is downloaded.",
    )
    weights: bool = Field(
        default=True, title="Trained weights", description="Begin with the weights of the preset."
    )
    dropout: Dropout = Field(0.2, description="Dropout before the last layer.")


INFOS = (
    NetworkInfo(
        name="own_network",
        title="Own network",
        family="own",
        document="Your own Keras code",
        description="A Keras model that a Python function of yours builds; its code runs here.",
        spec=OwnNetworkSpec,
        input_shape=(64, 64, 3),
    ),
    NetworkInfo(
        name="keras_hub_backbone",
        title="KerasHub backbone",
        family="own",
        document="KerasHub",
        description="A backbone from a local preset folder; needs the extra package keras-hub.",
        spec=KerasHubSpec,
        input_shape=(224, 224, 3),
    ),
)
