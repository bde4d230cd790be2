"""Compute an exported network otherwise than by ONNX Runtime in float32: OpenVINO, bfloat16, integers."""

import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, StorageError
from lensapp.core.processors import processors
from lensapp.learning.score.onnx_export import CHECKSUM_KEY, exported, is_current, open_session, run_session
from lensapp.storage.files import INTEGER_NETWORK, network_checksum, whole_file

Pixels = NDArray[np.float32]
Outputs = NDArray[np.float32]
FastEngine = Literal["onnxruntime int8", "openvino float32", "openvino bfloat16", "openvino int8"]
FAST_ENGINES: tuple[FastEngine, ...] = get_args(FastEngine)
"""Each is a library and a precision."""

CALIBRATION_BATCH = 16
INTEGER_OPERATIONS = ["Conv", "MatMul", "Gemm", "MaxPool", "Add"]


def engines_here() -> tuple[FastEngine, ...]:
    """Return those of `FAST_ENGINES` that work on this machine."""
    if not find_spec("openvino"):
        return ("onnxruntime int8",)
    able = import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return tuple(engine for engine in FAST_ENGINES if "bfloat16" not in engine or "BF16" in able)


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which would send a message over the network at each import."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def open_engine(folder: Path, engine: FastEngine) -> Callable[[Pixels], Outputs]:
    """Return what computes the outputs of normalised cutouts, for as many threads as there are processors.

    Raises
    ------
    InvalidInput
        When OpenVINO is chosen and not installed, or the network in integers is missing or outdated.
    ExportImpossible
        When the network cannot be exported.
    """
    library, precision = engine.split()
    if library == "openvino" and not find_spec("openvino"):
        raise InvalidInput(
            f"{folder.name} scores with OpenVINO, which is not installed here. Install "
            "requirements-openvino.txt, or score with --precision float32."
        )
    path = folder / INTEGER_NETWORK if precision == "int8" else exported(folder)
    if precision == "int8" and not is_current(path, network_checksum(folder)):
        raise InvalidInput(
            f"{folder.name} was trained further since it was put in integers. Score it with --precision "
            "fastest, which does that again."
        )
    if library == "onnxruntime":
        session = open_session(path)
        return lambda images: run_session(session, images)
    return open_openvino(path, hint="bf16" if precision == "bfloat16" else "f32")


def open_openvino(path: Path, *, hint: str) -> Callable[[Pixels], Outputs]:
    """Compile an exported network with OpenVINO for the CPU: one stream of one thread per processor."""
    openvino = import_openvino()
    count = processors()
    settings = {
        # Left to itself OpenVINO computes in bfloat16 wherever the processor can.
        "INFERENCE_PRECISION_HINT": hint,
        "NUM_STREAMS": str(count),
        "INFERENCE_NUM_THREADS": str(count),
    }
    try:
        compiled = openvino.Core().compile_model(path, "CPU", settings)
    except (RuntimeError, OSError) as error:
        raise StorageError(
            f"OpenVINO cannot read {path} ({error}). Score with --precision float32."
        ) from error
    requests = [compiled.create_infer_request() for _ in range(count)]
    shape = [1, *(side.get_length() for side in list(compiled.input(0).partial_shape)[1:])]
    # What its bindings set up at their first call they set up once: two threads that come to it together wait
    # for each other for ever.
    requests[0].infer([np.zeros(shape, np.float32)])
    idle: SimpleQueue[Any] = SimpleQueue()
    for one in requests:
        idle.put(one)

    def compute(images: Pixels) -> Outputs:
        request = idle.get()
        try:
            return np.array(request.infer([images])[0], np.float32)  # a copy: the request is used again
        finally:
            idle.put(request)

    return compute


def write_integer_network(folder: Path, images: Pixels) -> Path:
    """Write the network of a run with weights (of 7 bits) and activations in 8 bits and return its path.

    Parameters
    ----------
    images : shape (n, y, x, band)
        Normalised training cutouts; the range of each activation is taken from them.

    References
    ----------
    Jacob et al. 2018, CVPR, 2704; Wu et al. 2020, arXiv:2004.09602.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path, checksum = folder / INTEGER_NETWORK, network_checksum(folder)
    if path.exists() and is_current(path, checksum):
        return path

    class Reader(quantization.CalibrationDataReader):
        """Gives the batches on which activations are measured."""

        def __init__(self) -> None:
            starts = range(0, len(images), CALIBRATION_BATCH)
            self.batches = iter([{"cutout": images[one : one + CALIBRATION_BATCH]} for one in starts])

        def get_next(self) -> dict[str, Pixels] | None:
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as name, whole_file(path) as partial:
        prepared = Path(name) / "prepared.onnx"
        quant_pre_process(str(exported(folder)), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(prepared),
            str(partial),
            Reader(),
            per_channel=True,
            # Weights of seven bits: two products of eight-bit weights overflow the 16-bit sums of AVX2.
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            op_types_to_quantize=INTEGER_OPERATIONS,
        )
        graph = onnx.load(partial)
        onnx.helper.set_model_props(graph, {CHECKSUM_KEY: checksum})
        onnx.save(graph, partial)
    return path
