"""Networks of today: three families of keras.applications, and a small vision transformer of ours."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.train.networks.classical import IMAGENET
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.networks.scaled import DenseUnits, Dropout, ScaledSpec

IMAGENET_SHAPE = (224, 224, 3)
MOST_BLOCKS = 36


class ApplicationSpec(Spec):
    """Options of a network of keras.applications."""

    enlarge: int = Field(
        1,
        ge=1,
        le=4,
        title="Enlarge",
        description="Factor by which cutouts are enlarged first: these networks were made for 224 pixels and "
        "see 64 as two by two.",
    )
    blocks: int = Field(
        MOST_BLOCKS,
        ge=1,
        le=MOST_BLOCKS,
        title="Blocks",
        description="Blocks in a stage, at most; fewer than published is quicker.",
    )
    dropout: Dropout = Field(0.2, description="Dropout before the last layer.")


class ScaledApplicationSpec(ApplicationSpec, ScaledSpec):
    """Options of one whose layers can be made narrower or wider too."""


class VisionTransformerSpec(Spec):
    """Options of this project's small vision transformer."""

    patch_pixels: int = Field(
        8, ge=2, le=32, title="Patch (pixels)", description="Side of the patches that become words."
    )
    units: int = Field(
        96, ge=8, le=768, multiple_of=4, title="Units", description="Numbers that describe a patch."
    )
    depth: int = Field(6, ge=1, le=24, title="Depth", description="Blocks of attention.")
    heads: Literal[1, 2, 3, 4, 6, 8, 12] = Field(
        4, title="Heads", description="Attentions side by side in a block."
    )
    dense_units: DenseUnits = Field(192, description="Units of the hidden layer of a block.")
    dropout: Dropout = Field(0.1, description="Dropout of the averaged patches.")


INFOS = (
    NetworkInfo(
        name="convnext_tiny",
        title="ConvNeXt-Tiny",
        family="today",
        document="Liu et al. 2022, A ConvNet for the 2020s",
        description="18 blocks of wide depthwise convolutions, 28 M parameters; at its best from ImageNet "
        "weights.",
        spec=ScaledApplicationSpec,
        input_shape=IMAGENET_SHAPE,
        head=IMAGENET,
    ),
    NetworkInfo(
        name="efficientnet_v2_b0",
        title="EfficientNetV2-B0",
        family="today",
        document="Tan & Le 2021, EfficientNetV2: smaller models and faster training",
        description="Inverted bottlenecks, 6 M parameters; quick for its depth.",
        spec=ScaledApplicationSpec,
        input_shape=IMAGENET_SHAPE,
        head=IMAGENET,
    ),
    NetworkInfo(
        name="efficientnet_v2_s",
        title="EfficientNetV2-S",
        family="today",
        document="Tan & Le 2021, EfficientNetV2: smaller models and faster training",
        description="Inverted bottlenecks, 20 M parameters; slow without a GPU.",
        spec=ScaledApplicationSpec,
        input_shape=(384, 384, 3),
        head=IMAGENET,
    ),
    NetworkInfo(
        name="densenet121",
        title="DenseNet-121",
        family="today",
        document="Huang et al. 2017, Densely connected convolutional networks",
        description="Each layer sees all before it, 8 M parameters; good with little data.",
        spec=ApplicationSpec,
        input_shape=IMAGENET_SHAPE,
        head=IMAGENET,
    ),
    NetworkInfo(
        name="vit_small",
        title="Vision transformer, small",
        family="today",
        document="This project, after Dosovitskiy et al. 2021, An image is worth 16×16 words",
        description="Patches of 8 pixels and six blocks of attention; wants many cutouts.",
        spec=VisionTransformerSpec,
        input_shape=(64, 64, 3),
    ),
)
