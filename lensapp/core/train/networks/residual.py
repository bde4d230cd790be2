"""Residual networks."""

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.networks.scaled import Dropout, ScaledSpec
from lensapp.core.train.tasks import Head

BOM = "S3 · Bom 2018, Deep Learning Applications in Astronomy; He et al. 2015"
IMAGENET_SHAPE = (224, 224, 3)


class DeepLensSpec(Spec):
    """Options of CMU DeepLens, the pre-activation residual network of Lanusse et al. (2018)."""

    filters: int = Field(
        32,
        ge=2,
        le=128,
        multiple_of=2,
        title="Filters",
        description="Filters of the 7×7 convolution; each stage doubles them.",
    )
    stages: int = Field(
        5,
        ge=1,
        le=6,
        title="Stages",
        description="Stages of residual blocks; each but the first halves the image.",
    )
    blocks: int = Field(
        3,
        ge=1,
        le=8,
        title="Blocks",
        description="Bottleneck blocks in a stage; 5 stages of 3 make 46 layers.",
    )


class ResNetSpec(ScaledSpec):
    """Options of the residual networks of He et al. (2015)."""

    stages: int = Field(
        4,
        ge=1,
        le=4,
        title="Stages",
        description="Stages of residual blocks; each but the first halves the image.",
    )
    blocks: int = Field(
        36,
        ge=1,
        le=36,
        title="Blocks",
        description="Residual blocks in a stage, at most; fewer than published is quicker.",
    )
    dropout: Dropout = Field(0.0, description="Dropout before the last layer.")


RESNETS = (
    (34, 1000, "16 blocks of two 3×3 convolutions, 21 M parameters."),
    (50, 2, "16 bottleneck blocks, 24 M parameters; the lens finder of the document's example 02."),
    (101, 1000, "33 bottleneck blocks, 43 M parameters; slow without a GPU."),
    (152, 1000, "50 bottleneck blocks, 58 M parameters; very slow without a GPU."),
)
"""Layers, classes and description of each."""

INFOS = (
    NetworkInfo(
        name="deeplens_resnet46",
        title="DeepLens ResNet-46",
        family="residual",
        document="S4 · Storfer et al. 2019 after Lanusse et al. 2018, CMU DeepLens",
        description="46 layers of pre-activation bottleneck blocks; strong, and slow without a GPU.",
        spec=DeepLensSpec,
        input_shape=(101, 101, 3),
    ),
    *(
        NetworkInfo(
            name=f"resnet{depth}",
            title=f"ResNet-{depth}",
            family="residual",
            document=BOM,
            description=description,
            spec=ResNetSpec,
            input_shape=IMAGENET_SHAPE,
            head=Head("softmax", classes),
        )
        for depth, classes, description in RESNETS
    ),
)
