"""Networks whose maps, or whose scores, follow the rotations of the image."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.train.networks.convolutional import LensCnnSpec
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.networks.lastro import AS_PUBLISHED, CAUTION, LASTRO_DROPOUT
from lensapp.core.train.networks.scaled import DenseUnits, Dropout, Form, Padding


class RotationalCnnSpec(LensCnnSpec):
    """Options of the network of Ivashkov (2022) with rotational convolutions."""

    form: Literal["literal", "aligned", "lifted"] = Field(
        "literal",
        title="Form",
        description="'literal' rotates the image, as on the slide; 'aligned' rotates the kernels by 90°; "
        "'lifted' rotates them by more angles and sees the inscribed circle only.",
    )
    rotations: int = Field(
        8,
        ge=4,
        le=24,
        multiple_of=4,
        title="Rotations",
        description="Angles by which the lifted form rotates its kernels.",
    )
    invariant: bool = Field(
        default=True,
        title="Rotation-invariant",
        description="Maximum over the four rotations of the last maps, so that rotating the cutout by "
        "90° keeps the score; the literal form does so anyway.",
    )


class SteerableSpec(Spec):
    """Options of the C8-steerable network of Singh (2021)."""

    width: float = Field(
        1.0,
        ge=0.01,
        le=2.0,
        title="Width",
        description="Fields of each layer as a fraction of the published 24, 48, 48, 96, 96 and 64.",
    )
    dense_units: DenseUnits = Field(64, description="Units of the dense layer.")


class LastroInvariantSpec(Spec):
    """Options of the dihedral-equivariant network of Schaefer et al. (2018)."""

    width: float = Field(
        1.0,
        ge=0.01,
        le=2.0,
        title="Width",
        description="Channels of each layer as a fraction of the baseline's; each field has 8 orientations.",
    )
    form: Form = "stable"
    padding: Padding = "auto"
    dropout: Dropout = Field(0.2, description=LASTRO_DROPOUT)

    @property
    def d4_invariant(self) -> bool:
        """Whether turned and mirrored cutouts get the same score."""
        return True


class EquivariantResnetSpec(Spec):
    """Options of this project's group-equivariant residual network."""

    group: Literal["d4", "c8"] = Field(
        "d4",
        title="Symmetry group",
        description="'d4' is exact for 90° rotations and reflections; 'c8' for 45° rotations, with "
        "harmonic kernels, finer maps and pixels inside the inscribed circle, at several times the cost.",
    )
    fields: int = Field(
        6,
        ge=1,
        le=64,
        title="Fields",
        description="Fields of the first stage, in 8 orientations each; each stage doubles them.",
    )
    stages: int = Field(
        3,
        ge=1,
        le=6,
        title="Stages",
        description="Stages of residual blocks; each halves the image first, with 'c8' only the first.",
    )
    blocks: int = Field(
        1, ge=1, le=8, title="Blocks", description="Residual blocks of two convolutions in each stage."
    )
    kernel_size: Literal[3, 5] = Field(
        3, title="Kernel size (pixels)", description="Side of the kernels of the residual blocks in pixels."
    )
    rings: int = Field(
        1,
        ge=1,
        le=16,
        title="Rings",
        description="Rings about the centre over which the last maps are averaged.",
    )
    dense_units: DenseUnits = Field(64, description="Units of the dense layer before the score.")
    dropout: Dropout = Field(0.3, description="Dropout of the pooled features.")

    @property
    def d4_invariant(self) -> bool:
        """Whether turned and mirrored cutouts get the same score."""
        return self.group == "d4"


class EquivariantResnetMSpec(EquivariantResnetSpec):
    """Options of the middle one of the three sizes."""

    fields: int = Field(
        10, ge=1, le=64, title="Fields", description="Fields of the first stage; each stage doubles them."
    )
    blocks: int = Field(2, ge=1, le=8, title="Blocks", description="Residual blocks in each stage.")


class EquivariantResnetLSpec(EquivariantResnetSpec):
    """Options of the largest of the three sizes."""

    fields: int = Field(
        16, ge=1, le=64, title="Fields", description="Fields of the first stage; each stage doubles them."
    )
    stages: int = Field(
        4, ge=1, le=6, title="Stages", description="Stages of residual blocks; each halves the image first."
    )
    blocks: int = Field(2, ge=1, le=8, title="Blocks", description="Residual blocks in each stage.")


INFOS = (
    NetworkInfo(
        name="rotational_cnn",
        title="Rotational CNN",
        family="equivariant",
        document="S1 · Ivashkov 2022, Identifying strong gravitational lenses using CNN",
        description="The lens CNN with RotationalConv2D: its score ignores 90° rotations of the cutout.",
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
        description="The LASTRO baseline with dihedral-equivariant layers, blind to rotations and flips.",
        spec=LastroInvariantSpec,
        input_shape=(101, 101, 4),
        published_options=AS_PUBLISHED,
        caution=CAUTION,
    ),
    NetworkInfo(
        name="equivariant_resnet",
        title="Equivariant ResNet S",
        family="equivariant",
        document="This project",
        description="Group-equivariant residual blocks, few parameters: no rotation changes its score.",
        spec=EquivariantResnetSpec,
        input_shape=(64, 64, 3),
    ),
    NetworkInfo(
        name="equivariant_resnet_m",
        title="Equivariant ResNet M",
        family="equivariant",
        document="This project",
        description="Twice the blocks and nearly twice the fields of S, for thousands of cutouts.",
        spec=EquivariantResnetMSpec,
        input_shape=(64, 64, 3),
    ),
    NetworkInfo(
        name="equivariant_resnet_l",
        title="Equivariant ResNet L",
        family="equivariant",
        document="This project",
        description="Four stages and wider still, for tens of thousands of cutouts and a GPU.",
        spec=EquivariantResnetLSpec,
        input_shape=(64, 64, 3),
    ),
)
