"""Find, choose and prepare the processor that trains."""

import resource
import sys
from pathlib import Path

import keras

from lensapp.core.errors import InvalidInput


def gpus() -> list[str]:
    """Return the names of the GPUs that the backend can use, such as "gpu:0"."""
    if keras.backend.backend() == "torch":
        import torch

        return [f"gpu:{index}" for index in range(torch.cuda.device_count())]
    try:
        return [str(name).lower() for name in keras.distribution.list_devices("gpu")]
    except RuntimeError:  # JAX raises where it has no GPU plugin
        return []


def choose_device(device: str) -> str:
    """Turn "auto", "cpu" or "gpu:1" into a device that is there."""
    if device == "cpu":
        return "cpu:0"
    present = gpus()
    if device == "auto":
        return present[0] if present else "cpu:0"
    if device not in present:
        raise InvalidInput(
            f"This machine has no device {device!r}. Choose one of {', '.join(['auto', 'cpu', *present])}."
        )
    return device


def prepare_device(device: str) -> None:
    """Make results repeatable on a CPU, and let a GPU's memory grow with need instead of taking it all."""
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if device.startswith("cpu"):
        tf.config.experimental.enable_op_determinism()
        return
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, enable=True)
        except RuntimeError:  # the process has used the GPU already: the choice was made then
            return


def memory_bytes(device: str) -> int:
    """Return the memory that training takes: of the GPU where its backend says so, else of this process."""
    if device.startswith("gpu") and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return int(tf.config.experimental.get_memory_info(device.upper())["current"])
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
