"""Networks that look at each pixel with kernels of several sizes."""

from pydantic import Field

from lensapp.core.train.networks.classical import IMAGENET
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.networks.scaled import Dropout, Padding, ScaledSpec


class GoogLeNetSpec(ScaledSpec):
    """Options of GoogLeNet (Szegedy et al. 2014)."""

    modules: int = Field(
        5,
        ge=1,
        le=5,
        title="Inception modules",
        description="Modules at one resolution, at most; published are 2, 5 and 2.",
    )
    factorised: bool = Field(
        default=False,
        title="Factorised convolutions",
        description="Replace each n×n convolution of the modules by 1×n and n×1, which has fewer weights.",
    )
    batch_normalisation: bool = Field(
        default=True,
        title="Batch normalisation",
        description="Normalise after each convolution, without which nine modules hardly begin to learn; the "
        "published network had no such layer.",
    )
    dropout: Dropout = Field(0.4, description="Dropout before the last layer.")


class InceptionV4Spec(ScaledSpec):
    """Options of Inception-v4 (Szegedy et al. 2016)."""

    padding: Padding = "auto"
    modules: int = Field(
        7,
        ge=1,
        le=7,
        title="Inception modules",
        description="Modules at one resolution, at most; published are 4, 7 and 3.",
    )
    dropout: Dropout = Field(0.2, description="Dropout before the last layer.")


INFOS = (
    NetworkInfo(
        name="googlenet",
        title="GoogLeNet",
        family="inception",
        document="S3 · Bom 2018, Deep Learning Applications in Astronomy; Szegedy et al. 2014",
        description="Nine inception modules, 7 M parameters; needs no wide dense layer.",
        spec=GoogLeNetSpec,
        input_shape=(224, 224, 3),
        head=IMAGENET,
        published_options={"batch_normalisation": False},
        caution="Without batch normalisation its nine modules hardly begin to learn.",
    ),
    NetworkInfo(
        name="inception_v4",
        title="Inception-v4",
        family="inception",
        document="S3 · Bom 2018 after Hezaveh et al. 2017; Szegedy et al. 2016",
        description="Fourteen modules with kernels factorised into 1×n and n×1, 43 M parameters; slow.",
        spec=InceptionV4Spec,
        input_shape=(299, 299, 3),
        head=IMAGENET,
    ),
)
