"""Layers that Keras lacks; importing this package lets Keras load networks that hold them."""

from models.layers.group_convolution import GroupBatchNormalization, GroupConv2D, GroupPooling
from models.layers.pooling import (
    AntialiasedPooling,
    CircularMask,
    RingPooling,
    RootMeanSquarePooling,
    SymmetricPooling,
    TurnPooling,
)
from models.layers.rotational import RotationalConv2D

__all__ = [
    "AntialiasedPooling",
    "CircularMask",
    "GroupBatchNormalization",
    "GroupConv2D",
    "GroupPooling",
    "RingPooling",
    "RootMeanSquarePooling",
    "RotationalConv2D",
    "SymmetricPooling",
    "TurnPooling",
]
