"""Networks whose maps, or whose scores, follow the turns of the image."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.train.networks.convolutional import LensCnnSpec
from lensapp.core.train.networks.info import NetworkInfo


class RotationalCnnSpec(LensCnnSpec):
    """Options of the network of Ivashkov (2022) with rotational convolutions."""

    form: Literal["literal", "aligned", "lifted"] = Field(
        "literal",
        description="'literal' turns the image, as on the slide; 'aligned' turns the kernels by 90°; "
        "'lifted' turns them by more angles and sees the inscribed circle only.",
    )
    rotations: int = Field(
        8, ge=4, le=24, multiple_of=4, description="Angles that the lifted form turns its kernels by."
    )
    invariant: bool = Field(
        default=True,
        description="Take the maximum over the four turns of the last maps, so that turning the cutout by "
        "90° leaves the score alone; the literal form does so without.",
    )


class SteerableSpec(Spec):
    """Options of the C8-steerable network of Singh (2021)."""

    width: float = Field(
        1.0,
        ge=0.01,
        le=2.0,
        description="Fields of each layer as a share of the document's 24, 48, 48, 96, 96 and 64.",
    )
    dense_units: int = Field(64, ge=1, le=4096, description="Units of the dense layer.")


class LastroInvariantSpec(Spec):
    """Options of the dihedral-equivariant network of Schaefer et al. (2018)."""

    width: float = Field(
        1.0,
        ge=0.01,
        le=2.0,
        description="Channels of each layer as a share of the baseline's; each field has 8 orientations.",
    )
    padding: Literal["auto", "valid", "same"] = Field(
        "auto",
        description="'valid' is the document's; 'auto' takes 'same' where the cutout is too small for it.",
    )
    dropout: float = Field(
        0.5, ge=0.0, lt=1.0, description="Share of values dropped at each dropout layer while training."
    )


class EquivariantResnetSpec(Spec):
    """Options of our group-equivariant residual network."""

    group: Literal["d4", "c8"] = Field(
        "d4",
        description="'d4' follows turns by 90° and mirror images exactly; 'c8' follows turns by 45°, with "
        "harmonic kernels, finer maps and pixels inside the inscribed circle, at several times the price.",
    )
    fields: int = Field(
        6,
        ge=1,
        le=64,
        description="Fields of the first stage, in 8 orientations each; each stage doubles them.",
    )
    stages: int = Field(
        3,
        ge=1,
        le=6,
        description="Stages of residual blocks; each halves the image first, with 'c8' only the first.",
    )
    blocks: int = Field(1, ge=1, le=8, description="Residual blocks of two convolutions in each stage.")
    kernel_size: Literal[3, 5] = Field(3, description="Side of the kernels of the residual blocks in pixels.")
    rings: int = Field(
        1, ge=1, le=16, description="Rings about the centre over which the last maps are averaged."
    )
    dense_units: int = Field(64, ge=1, le=4096, description="Units of the dense layer before the score.")
    dropout: float = Field(
        0.3, ge=0.0, lt=1.0, description="Share of the pooled features dropped at each training step."
    )


INFOS = (
    NetworkInfo(
        name="rotational_cnn",
        title="Rotational CNN",
        family="equivariant",
        document="S1 · Ivashkov 2022, Identifying strong gravitational lenses using CNN",
        description="The lens CNN with RotationalConv2D: its score ignores turns of the cutout by 90°.",
        spec=RotationalCnnSpec,
        input_shape=(60, 60, 3),
    ),
    NetworkInfo(
        name="steerable_c8",
        title="Steerable C8 CNN",
        family="equivariant",
        document="S2 · Singh 2021, Equivariant network for dark matter morphology",
        description="Harmonic kernels in eight orientations; large, and slow without a GPU.",
        spec=SteerableSpec,
        input_shape=(129, 129, 1),
    ),
    NetworkInfo(
        name="lastro_invariant",
        title="LASTRO invariant",
        family="equivariant",
        document="S5 · Gábor 2019 after Schaefer et al. 2018",
        description="The LASTRO baseline with dihedral-equivariant layers: blind to turns and mirroring.",
        spec=LastroInvariantSpec,
        input_shape=(101, 101, 4),
    ),
    NetworkInfo(
        name="equivariant_resnet",
        title="Equivariant ResNet",
        family="equivariant",
        document="ours",
        description="Group-equivariant residual blocks, few parameters: no turn changes its score.",
        spec=EquivariantResnetSpec,
        input_shape=(64, 64, 3),
    ),
)
