"""What a network that cannot be built or trained here raises, out of Keras and its backends."""

import keras

from lensapp.core.errors import LensAppError

FAILURES = (
    LensAppError,
    ArithmeticError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def training_failures() -> tuple[type[Exception], ...]:
    """Return the exceptions that mean one training failed, for studies that go on with the next."""
    if keras.backend.backend() != "tensorflow":
        return FAILURES
    import tensorflow as tf

    return *FAILURES, tf.errors.OpError
