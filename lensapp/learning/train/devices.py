"""Find, choose and prepare the processor that trains."""

import os
import resource
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

import keras

from lensapp.core.errors import InvalidInput

LEAST_CAPABILITY = (8, 0)
"""Of NVIDIA's cards that compute in bfloat16 at the speed of float16."""


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


def precision_on(device: str, asked: str) -> str:
    """Return the precision of the layers of a training, as Keras calls it.

    Parameters
    ----------
    device
        Such as "gpu:0"; of several, the first.
    asked
        "auto", or what is taken as it is.
    """
    if asked != "auto":
        return asked
    return "mixed_bfloat16" if has_bfloat16(device) else "float32"


def has_bfloat16(device: str) -> bool:
    """Whether a device is a GPU whose cores multiply bfloat16: NVIDIA's from Ampere on."""
    kind, _, number = device.partition(":")
    if kind != "gpu":
        return False
    index, backend = int(number), keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        card = tf.config.list_physical_devices("GPU")[index]
        capability = tf.config.experimental.get_device_details(card).get("compute_capability", (0, 0))
    elif backend == "jax":
        import jax

        told = str(getattr(jax.devices("gpu")[index], "compute_capability", "0.0"))
        capability = tuple(int(part) for part in told.split(".") if part.isdigit())
    else:
        import torch

        capability = torch.cuda.get_device_capability(index)
    return tuple(capability) >= LEAST_CAPABILITY


class GpuLoad(TypedDict):
    """What a GPU does at this moment.

    Attributes
    ----------
    gpu_load
        Share of the last moments in which it computed.
    gpu_memory_bytes, gpu_power_w
        Memory taken by all programs, and power drawn in watts.
    """

    gpu_load: float
    gpu_memory_bytes: int
    gpu_power_w: float


def gpu_load(device: str) -> GpuLoad | None:
    """Return what the first GPU of a training does, where nvidia-ml-py is installed, else None."""
    if not device.startswith(("gpu", "cuda")) and "× gpu" not in device:
        return None
    if not find_spec("pynvml"):
        return None
    import pynvml

    number = device.partition(":")[2]
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(physical_number(int(number) if number.isdigit() else 0))
        return {
            "gpu_load": pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100.0,
            "gpu_memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).used),
            "gpu_power_w": pynvml.nvmlDeviceGetPowerUsage(handle) / 1000.0,
        }
    except pynvml.NVMLError:  # no driver, or a card that does not tell
        return None


def physical_number(number: int) -> int:
    """Return which card of the machine is the n-th that CUDA lets this process see."""
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return int(visible[number]) if number < len(visible) and visible[number].isdigit() else number


def memory_errors() -> tuple[type[Exception], ...]:
    """Return what the backend raises, among other reasons, when a device has no memory left."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return (tf.errors.ResourceExhaustedError,)
    return (RuntimeError,)  # of which the errors of JAX and PyTorch are kinds


def out_of_memory(error: Exception) -> bool:
    """Whether one of `memory_errors` says that the device has no memory left."""
    named = type(error).__name__ in ("ResourceExhaustedError", "OutOfMemoryError")
    return named or "RESOURCE_EXHAUSTED" in str(error)


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
