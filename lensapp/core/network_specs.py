"""What a user can set for each family of networks.

The specifications stand here, not beside the Keras code in `models`, because the web process builds its
forms from them and never loads a network library.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.errors import NotFound


class EluCnnSpec(Spec):
    """Options of the convolutional network with ELU and batch normalisation of Gábor (2019)."""

    filters: int = Field(
        32, ge=1, le=256, description="Filters of the first convolution; the later ones are multiples of it."
    )
    blocks: int = Field(
        5, ge=1, le=6, description="Blocks of convolution, ELU, batch normalisation and pooling."
    )
    padding: Literal["auto", "valid", "same"] = Field(
        "auto",
        description="'valid' is the document's; 'auto' takes 'same' where the cutout is too small for it.",
    )
    dense_units: int = Field(256, ge=1, le=4096, description="Units of the first dense layer.")
    second_dense_units: int = Field(128, ge=1, le=4096, description="Units of the second dense layer.")
    dropout: float = Field(
        0.5, ge=0.0, lt=1.0, description="Share of the flattened features dropped at each training step."
    )


class LensCnnSpec(Spec):
    """Options of the plain convolutional network of Ivashkov (2022)."""

    filters: int = Field(
        32, ge=1, le=256, description="Filters of the first convolution; each later one has twice as many."
    )
    kernel_size: Literal[3, 5, 7] = Field(
        5, description="Side of the kernels of the first two convolutions in pixels; the last two have 3."
    )
    convolutions: int = Field(
        4, ge=2, le=6, description="Number of convolutions; the document tried one more and one fewer."
    )
    dense_units: int = Field(
        1024, ge=1, le=8192, description="Units of the first dense layer, which holds most of the parameters."
    )
    second_dense_units: int = Field(256, ge=1, le=4096, description="Units of the second dense layer.")
    dropout: float = Field(
        0.5, ge=0.0, lt=1.0, description="Share of units dropped before each dense layer while training."
    )


class DeepLensSpec(Spec):
    """Options of CMU DeepLens, the pre-activation residual network of Lanusse et al. (2018)."""

    filters: int = Field(
        32,
        ge=2,
        le=128,
        multiple_of=2,
        description="Filters of the 7×7 convolution; each stage doubles them.",
    )
    stages: int = Field(
        5, ge=1, le=6, description="Stages of residual blocks; each but the first halves the image."
    )
    blocks: int = Field(
        3, ge=1, le=8, description="Bottleneck blocks in a stage; 5 stages of 3 make 46 layers."
    )


@dataclass(frozen=True, kw_only=True)
class NetworkInfo:
    """What a form shows about a network before anything is built.

    Attributes
    ----------
    name, title, family, document, description
        The key in `NETWORKS`, the name to show, the family, the source and one sentence.
    spec
        The class of its options.
    input_shape
        Height, width and number of bands in its document.
    """

    name: str
    title: str
    family: str
    document: str
    description: str
    spec: type[Spec]
    input_shape: tuple[int, int, int]


NETWORKS: dict[str, NetworkInfo] = {
    info.name: info
    for info in (
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
        NetworkInfo(
            name="deeplens_resnet46",
            title="DeepLens ResNet-46",
            family="residual",
            document="S4 · Storfer et al. 2019 after Lanusse et al. 2018, CMU DeepLens",
            description="46 layers of pre-activation bottleneck blocks; strong, and slow without a GPU.",
            spec=DeepLensSpec,
            input_shape=(101, 101, 3),
        ),
    )
}


def find_network(name: str) -> NetworkInfo:
    """Return what is known about the network called `name`.

    Raises
    ------
    NotFound
        When no network has that name.
    """
    if name not in NETWORKS:
        raise NotFound(
            f"Expected a network out of {', '.join(NETWORKS)}, received {name!r}. Choose one of them."
        )
    return NETWORKS[name]


def network_options(name: str, values: dict[str, Any]) -> Spec:
    """Validate the options of the network called `name`.

    Raises
    ------
    NotFound
        When no network has that name.
    InvalidInput
        When an option is unknown or out of its bounds.
    """
    return find_network(name).spec.parse(values)
