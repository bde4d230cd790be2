"""Plain convolutional networks."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.networks.scaled import DenseUnits, Dropout, Padding

Activation = Literal["identity", "step", "logistic", "tanh", "arctan", "relu", "prelu", "elu", "softplus"]
"""Functions between layers that a network can be trained with; equations in `models.layers.activations`."""


class SimpleCnnSpec(Spec):
    """Options of the simple network of Gábor (2019)."""

    filters: int = Field(32, ge=1, le=256, title="Filters", description="Filters of the 3×3 convolution.")
    dense_units: DenseUnits = Field(100, description="Units of the dense layer.")
    activation: Activation = Field(
        "relu",
        title="Activation",
        description="Function after the convolution and the dense layer. The gradient of the step function "
        "vanishes: with it only the last layer learns.",
    )


class EluCnnSpec(Spec):
    """Options of the convolutional network with ELU and batch normalisation of Gábor (2019)."""

    filters: int = Field(
        32,
        ge=1,
        le=256,
        title="Filters",
        description="Filters of the first convolution; the later ones are multiples of it.",
    )
    blocks: int = Field(
        5,
        ge=1,
        le=6,
        title="Blocks",
        description="Blocks of convolution, ELU, batch normalisation and pooling.",
    )
    padding: Padding = "auto"
    dense_units: DenseUnits = Field(256, description="Units of the first dense layer.")
    second_dense_units: int = Field(
        128, ge=1, le=4096, title="Second dense units", description="Units of the second dense layer."
    )
    dropout: Dropout = Field(0.5, description="Dropout of the flattened features.")


class LensCnnSpec(Spec):
    """Options of the plain convolutional network of Ivashkov (2022)."""

    filters: int = Field(
        32,
        ge=1,
        le=256,
        title="Filters",
        description="Filters of the first convolution; each later one has twice as many.",
    )
    kernel_size: Literal[3, 5, 7] = Field(
        5,
        title="Kernel size (pixels)",
        description="Side of the kernels of the first two convolutions in pixels; the last two have 3.",
    )
    convolutions: int = Field(
        4,
        ge=2,
        le=6,
        title="Convolutions",
        description="Number of convolutions; the document tried one more and one fewer.",
    )
    dense_units: int = Field(
        1024,
        ge=1,
        le=8192,
        title="Dense units",
        description="Units of the first dense layer, which holds most of the parameters.",
    )
    second_dense_units: int = Field(
        256, ge=1, le=4096, title="Second dense units", description="Units of the second dense layer."
    )
    dropout: Dropout = Field(0.5, description="Dropout before each dense layer.")


INFOS = (
    NetworkInfo(
        name="simple_cnn",
        title="Simple CNN",
        family="convolutional",
        document="S5 · Gábor 2019, Convolutional Neural Networks",
        description="One 3×3 convolution, pooling and a dense layer of 100 units; the quickest to train.",
        spec=SimpleCnnSpec,
        input_shape=(101, 101, 3),
    ),
    NetworkInfo(
        name="elu_cnn",
        title="ELU CNN",
        family="convolutional",
        document="S5 · Gábor 2019, Convolutional Neural Networks",
        description="Five blocks of 3×3 convolution, ELU, batch normalisation and pooling, quick.",
        spec=EluCnnSpec,
        input_shape=(101, 101, 3),
    ),
    NetworkInfo(
        name="lens_cnn",
        title="Lens CNN, 27 M",
        family="convolutional",
        document="S1 · Ivashkov 2022, Identifying strong gravitational lenses using CNN",
        description="Four ReLU convolutions and wide dense layers with dropout, about 27 M parameters.",
        spec=LensCnnSpec,
        input_shape=(60, 60, 3),
    ),
)
