"""Choose the library that Keras computes with, before Keras is imported."""

import os
from importlib.util import find_spec


def choose_backend() -> str:
    """Set KERAS_BACKEND unless the user has, to the first installed of TensorFlow, JAX and PyTorch.

    Keras reads the variable once, when it is first imported. TensorFlow runs one operation at a time, each
    on all cores: with several at once their sums depend on which threads happen to be free, and a resumed
    training would not end with the weights of an uninterrupted one.
    """
    installed = (name for name in ("tensorflow", "jax", "torch") if find_spec(name) is not None)
    backend = os.environ.setdefault("KERAS_BACKEND", next(installed, "tensorflow"))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # start-up notices about CPU instructions
    return backend
