"""Turn a run's best network into ONNX, kept beside it and remade when the network changes."""

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput, LensAppError, StorageError
from lensapp.core.processors import memory_bytes
from lensapp.core.train.network_specs import network_options
from lensapp.core.train.tasks import load_task
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.storage.files import (
    EXPORTED_NETWORK,
    FOREIGN_NETWORK,
    NETWORK,
    SPEC,
    network_checksum,
    network_file,
    whole_file,
)

CHECKSUM_KEY = "lensapp_network_sha256"
PARITY = 1e-5
PARITY_IMAGES = 4
COPIES = 50  # tf2onnx held 54 and 48 times the weights of networks of 54 and 130 MB
# ONNX Runtime's exceptions share no base class but Exception.
RUNTIME_ERRORS = (
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NotImplemented,
    runtime.RuntimeException,
)
# What Keras, tf2onnx and their JAX and PyTorch counterparts raise for what they cannot export.
EXPORT_ERRORS = (
    ImportError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,
    OSError,
    StorageError,
    *RUNTIME_ERRORS,
)


class ExportImpossible(LensAppError):
    """The backend or the network cannot be exported; score with Keras instead."""


def load_network(folder: Path) -> Any:
    """Load the run's best network as a Keras model that computes in float32.

    A network trained in mixed precision is rebuilt from its specification: its weights are float32.
    """
    from lensapp.learning.train.own_code import run_kept_code
    from models.registry import build, load

    path = folder / NETWORK
    if network_file(folder).name == FOREIGN_NETWORK:
        raise InvalidInput(
            f"The network of {folder.name} is an ONNX file, which has neither gradients nor dropout here. "
            "Choose a network that was trained here, or another method."
        )
    if not path.exists():
        network_checksum(folder)
    run_kept_code(folder)
    try:
        model = load(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(
            f"Keras cannot read the network at {path} ({error}). Train the run again."
        ) from error
    if all(layer.compute_dtype in (None, "float32") for layer in model.layers):
        return model
    from lensapp.learning.train.trainer import precision_of

    spec = TrainingSpec.parse(read_json(folder / SPEC))
    with precision_of("float32"):
        rebuilt = build(
            spec.network,
            input_shape=tuple(model.input_shape[1:]),
            spec=network_options(spec.network, spec.network_options),
            head=load_task(folder).head,
            inputs=spec.input,
        )
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def exported(folder: Path) -> Path:
    """Return the path of the run's network as ONNX, exporting it unless that is done.

    Raises ExportImpossible when this backend cannot export the network, the export gives other scores, or
    it would take more than half of this machine's memory.
    """
    checksum = network_checksum(folder)
    if network_file(folder).name == FOREIGN_NETWORK:
        return folder / FOREIGN_NETWORK
    path = folder / EXPORTED_NETWORK
    if is_current(path, checksum):
        return path
    import keras
    import onnx

    from lensapp.learning.score.onnx_rewrite import rewrite

    model = load_network(folder)
    weights = 4 * model.count_params()
    if COPIES * weights > memory_bytes() / 2:
        raise ExportImpossible(
            f"To export this network of {weights / 1e6:.0f} MB to ONNX would take some "
            f"{COPIES * weights / 1e9:.0f} GB of memory. Scoring goes on with Keras."
        )
    try:
        with whole_file(path) as partial:
            write_onnx(model, partial, checksum=checksum)
            _require_parity(model, partial)
            # Where the faster form gives other scores, the plain export stays, which is correct and slower.
            with suppress(ValueError, StorageError), whole_file(partial) as faster:
                onnx.save(rewrite(onnx.load(partial)), faster)
                _require_parity(model, faster)
    except EXPORT_ERRORS as error:
        raise ExportImpossible(
            f"Keras on {keras.backend.backend()} cannot export this network to ONNX "
            f"({type(error).__name__}: {str(error)[:200]}). Scoring goes on with Keras, more slowly."
        ) from error
    return path


def write_onnx(model: Any, path: Path, *, checksum: str) -> None:
    """Write a Keras model as ONNX, marked with the checksum of what it was made from."""
    import keras
    import onnx

    signature = [keras.InputSpec(shape=(None, *model.input_shape[1:]), dtype="float32", name="cutout")]
    with warnings.catch_warnings():
        # Keras looks for names that NumPy 2 dropped before it mends tf2onnx; nothing is wrong.
        warnings.filterwarnings("ignore", message=r".*np\.object.*", category=FutureWarning)
        model.export(path, format="onnx", input_signature=signature, verbose=False)
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {CHECKSUM_KEY: checksum})
    onnx.save(graph, path)


def _require_parity(model: Any, path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(PARITY_IMAGES, *model.input_shape[1:])).astype(np.float32)
    by_keras = np.asarray(model.predict(images, verbose=0))
    by_onnx = run_session(open_session(path), images)
    # Relative above 1: means and logarithms of variances have no bound, as scores do.
    difference = float(np.max(np.abs(by_keras - by_onnx) / np.maximum(np.abs(by_keras), 1.0)))
    if not difference <= PARITY:
        raise ValueError(f"scores that differ by {difference:.1e}, more than {PARITY:.0e}")


def is_current(path: Path, checksum: str) -> bool:
    """Return whether there is an exported network that was made from the network with this checksum."""
    try:
        stored = open_session(path).get_modelmeta().custom_metadata_map.get(CHECKSUM_KEY)
    except StorageError:  # none, or a damaged one
        return False
    return bool(stored == checksum)


def open_session(path: Path) -> Any:
    """Open an exported network, on the GPU where ONNX Runtime has CUDA, else on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Batches run side by side in our own threads, which never wait for each other inside a layer.
    options.intra_op_num_threads = 1
    providers: list[Any] = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        # TensorFloat-32 has ten bits of mantissa and would change scores by 1e-3.
        providers.insert(0, ("CUDAExecutionProvider", {"use_tf32": "0"}))
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=providers)
    except (OSError, ValueError, *RUNTIME_ERRORS) as error:
        raise StorageError(
            f"ONNX Runtime cannot read {path} ({error}). Delete the file; it is made again."
        ) from error


def run_session(session: Any, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the network gives for normalised `images` (n, y, x, band)."""
    name = session.get_inputs()[0].name
    return np.asarray(session.run(None, {name: images})[0], dtype=np.float32)
