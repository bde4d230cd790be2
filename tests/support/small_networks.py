"""Every network of the registry with as few weights as it can have."""

from lensapp.core.train.networks.classical import AlexNetSpec, LeNet5Spec, OverFeatSpec, Vgg16Spec
from lensapp.core.train.networks.convolutional import EluCnnSpec, LensCnnSpec, SimpleCnnSpec
from lensapp.core.train.networks.equivariant import (
    EquivariantResnetLSpec,
    EquivariantResnetMSpec,
    EquivariantResnetSpec,
    LastroInvariantSpec,
    RotationalCnnSpec,
    SteerableSpec,
)
from lensapp.core.train.networks.inception import GoogLeNetSpec, InceptionV4Spec
from lensapp.core.train.networks.lastro import LastroResidualSpec, LastroSpec, LastroViewsSpec
from lensapp.core.train.networks.own import OwnNetworkSpec
from lensapp.core.train.networks.residual import DeepLensSpec, ResNetSpec
from lensapp.core.train.networks.today import (
    ApplicationSpec,
    ScaledApplicationSpec,
    VisionTransformerSpec,
)

SMALL = {
    "elu_cnn": EluCnnSpec(filters=1, dense_units=4, second_dense_units=2),
    "lens_cnn": LensCnnSpec(filters=1, dense_units=4, second_dense_units=2),
    "deeplens_resnet46": DeepLensSpec(filters=2, stages=2, blocks=1),
    "simple_cnn": SimpleCnnSpec(filters=1, dense_units=2, activation="prelu"),
    "lenet5": LeNet5Spec(width=0.1),
    "alexnet": AlexNetSpec(width=0.01),
    "vgg16": Vgg16Spec(width=0.01, dense_units=100),
    "overfeat": OverFeatSpec(width=0.01),
    "googlenet": GoogLeNetSpec(width=0.01, modules=1, factorised=True),
    "inception_v4": InceptionV4Spec(width=0.01, modules=1),
    "resnet34": ResNetSpec(width=0.02, stages=2, blocks=2),
    "resnet50": ResNetSpec(width=0.02, stages=2, blocks=1),
    "resnet101": ResNetSpec(width=0.02, stages=1, blocks=2),
    "resnet152": ResNetSpec(width=0.02, stages=1, blocks=2),
    "lastro_baseline": LastroSpec(width=0.02),
    "lastro_views": LastroViewsSpec(width=0.02),
    "lastro_residual": LastroResidualSpec(width=0.02, blocks=1),
    "rotational_cnn": RotationalCnnSpec(filters=1, dense_units=4, second_dense_units=2),
    "steerable_c8": SteerableSpec(width=0.01, dense_units=2),
    "lastro_invariant": LastroInvariantSpec(width=0.01),
    "equivariant_resnet": EquivariantResnetSpec(fields=1, dense_units=2),
    "equivariant_resnet_m": EquivariantResnetMSpec(fields=1, blocks=1, stages=1, dense_units=2),
    "equivariant_resnet_l": EquivariantResnetLSpec(fields=1, blocks=1, stages=1, dense_units=2),
    "convnext_tiny": ScaledApplicationSpec(width=0.02, blocks=1),
    "efficientnet_v2_b0": ScaledApplicationSpec(width=0.01, blocks=1),
    "efficientnet_v2_s": ScaledApplicationSpec(width=0.01, blocks=1, enlarge=2),
    "densenet121": ApplicationSpec(blocks=1),
    "vit_small": VisionTransformerSpec(units=8, depth=1, heads=2, dense_units=4),
    "own_network": OwnNetworkSpec(builder="support.own.networks:tiny", arguments={"filters": 2}),
}
