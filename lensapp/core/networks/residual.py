"""Residual networks."""

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.networks.info import NetworkInfo


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
)
