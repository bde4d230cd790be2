"""Networks with large dense layers, from handwritten digits to ImageNet."""

from typing import Literal

from pydantic import Field

from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.networks.scaled import Dropout, Padding, ScaledSpec
from lensapp.core.train.tasks import Head

IMAGENET = Head("softmax", 1000)


class LeNet5Spec(ScaledSpec):
    """Options of LeNet-5 (LeCun et al. 1998)."""

    activation: Literal["tanh", "relu", "logistic"] = Field(
        "tanh",
        title="Activation",
        description="Function between the layers; the published network used a scaled tanh.",
    )
    pooling: Literal["average", "max"] = Field(
        "average",
        title="Pooling",
        description="How 2×2 pixels become one; the published network averaged them.",
    )


class AlexNetSpec(ScaledSpec):
    """Options of AlexNet (Krizhevsky et al. 2012)."""

    padding: Padding = "auto"
    towers: Literal[1, 2] = Field(
        2,
        title="Towers",
        description="Halves of convolutions 2, 4 and 5 that see only their own half of the channels.",
    )
    local_normalisation: bool = Field(
        default=True,
        title="Local response normalisation",
        description="Divide each channel by the strength of its neighbours, as published.",
    )
    dropout: Dropout = Field(0.5, description="Dropout before each wide dense layer.")


class Vgg16Spec(ScaledSpec):
    """Options of VGG-16 (Simonyan & Zisserman 2014)."""

    dense_units: int = Field(
        4096,
        ge=1,
        le=8192,
        title="Dense units",
        description="Units of the two dense layers, before the width is applied.",
    )
    dropout: Dropout = Field(0.5, description="Dropout after each wide dense layer.")


class OverFeatSpec(ScaledSpec):
    """Options of the fast network of OverFeat (Sermanet et al. 2013)."""

    padding: Padding = "auto"
    dropout: Dropout = Field(0.5, description="Dropout before each wide dense layer.")


INFOS = (
    NetworkInfo(
        name="lenet5",
        title="LeNet-5",
        family="classical",
        document="S3 · Bom 2018, Deep Learning Applications in Astronomy; LeCun et al. 1998",
        description="Two convolutions and three dense layers, made for handwritten digits; very quick.",
        spec=LeNet5Spec,
        input_shape=(32, 32, 1),
        head=Head("softmax", 10),
    ),
    NetworkInfo(
        name="alexnet",
        title="AlexNet",
        family="classical",
        document="S3 · Bom 2018, Deep Learning Applications in Astronomy; Krizhevsky et al. 2012",
        description="Five convolutions in two towers and two dense layers of 4096 units, 60 M parameters.",
        spec=AlexNetSpec,
        input_shape=(227, 227, 3),
        head=IMAGENET,
    ),
    NetworkInfo(
        name="vgg16",
        title="VGG-16",
        family="classical",
        document="S3 · Bom 2018, Deep Learning Applications in Astronomy; Simonyan & Zisserman 2014",
        description="Thirteen 3×3 convolutions and two dense layers of 4096 units, 138 M parameters; slow.",
        spec=Vgg16Spec,
        input_shape=(224, 224, 3),
        head=IMAGENET,
    ),
    NetworkInfo(
        name="overfeat",
        title="OverFeat, fast",
        family="classical",
        document="S3 · Bom 2018 after Hezaveh et al. 2017; Sermanet et al. 2013",
        description="Five wide convolutions and two dense layers, 146 M parameters at its published size.",
        spec=OverFeatSpec,
        input_shape=(231, 231, 3),
        head=IMAGENET,
    ),
)
