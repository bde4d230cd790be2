"""Choose the library that Keras computes with, before Keras is imported."""

import os
from importlib.util import find_spec


def choose_backend() -> str:
    """Set KERAS_BACKEND unless the user has, to the first installed of TensorFlow, JAX and PyTorch.

    Keras reads the variable once, when it is first imported.
    """
    found = (name for name in ("tensorflow", "jax", "torch") if find_spec(name) is not None)
    backend = os.environ.setdefault("KERAS_BACKEND", next(found, "tensorflow"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # start-up notices about CPU instructions
    return backend
