"""Load saved networks, those with layers of our own among them."""

from pathlib import Path

import keras

from models import layers

CUSTOM_LAYERS = layers.__all__
"""Layers that Keras can load because this module has imported them."""


def load(path: Path) -> keras.Model:
    """Load the network saved at `path`, without its optimiser and without running code from the file."""
    return keras.models.load_model(path, compile=False, safe_mode=True)
