"""Files that are written whole or not at all, and the names of those in a run's folder."""

import errno
import hashlib
import json
import os
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.config import read_json, remove_leftovers
from lensapp.core.errors import InvalidInput, NotFound, StorageError

NETWORK = "best.keras"
LAST_NETWORK = "last.keras"
EXPORTED_NETWORK = "best.onnx"
INTEGER_NETWORK = "best.int8.onnx"
FOREIGN_NETWORK = "network.onnx"
ENCODER = "encoder.json"
EMBEDDINGS = "embeddings.json"
OWN_CODE = "own_network.py"
OWN_CODE_INFO = "own_network.json"
CHECKPOINT = "checkpoint.npz"
SPEC = "spec.json"
NORMALISATION = "normalisation.json"
COMMITTEE = "committee.json"
CALIBRATION = "calibration.json"
VETOES = "vetoes.json"
SCORED = "scored.json"
ENGINE = "engine.json"
SOURCE_ENGINES = "source_engines.json"
SCORE_WARNINGS = "score_warnings.json"
SOURCE_CHECKS = "source_checks.json"
AUDIT = "audit.json"
TRAINING_PART = "training_part.json"
MEASURED_PARTS = "measured_parts.json"
UNKNOWN_UNITS = "unknown_units_allowed.json"
EVENTS = "events"
MLFLOW = "mlruns"
CROPPED = "crop_allowed.json"

DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # what numpy raises of such files


def snapshot_file(epoch: int) -> str:
    """Return the name of the network that a training kept at the end of a cycle."""
    return f"snapshot-{epoch}.keras"


def network_file(folder: Path) -> Path:
    """Return the file of what a run computes with: its best network, a foreign one, or a table's description.

    That of its best network where there is none.
    """
    files = [folder / name for name in (NETWORK, FOREIGN_NETWORK, EMBEDDINGS)]
    return next((file for file in files if file.is_file()), files[0])


def network_checksum(folder: Path) -> str:
    """Return the SHA-256 of the run's best network.

    That of a committee changes when a member is trained further, so that scores and evaluations grow
    outdated.
    """
    if (folder / COMMITTEE).exists():
        spec = read_json(folder / COMMITTEE)
        members = [network_checksum(folder.parent / name) for name in spec["members"]]
        return hashlib.sha256(json.dumps([spec, members], sort_keys=True).encode()).hexdigest()
    try:
        return checksum_of(network_file(folder))
    except OSError as error:
        raise NotFound(
            f"There is no trained network at {folder / NETWORK} ({error.strerror}). "
            "Train the run for at least one epoch."
        ) from error


def checksum_of(path: Path) -> str:
    """Return the SHA-256 of a file, computed once per change of it."""
    stat = path.stat()
    return _checksum(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=512)
def _checksum(path: Path, _changed_at: int, _size: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_file(file: Path) -> None:
    """Raise InvalidInput where a file that a user named is absent."""
    if not file.is_file():
        raise InvalidInput(f"There is no file {file} on this machine. Check the path.")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; it takes the name of `path` when all went well.

    The name is hidden, this call's own and ends as `path` does, so that writers who go by the suffix accept
    it and two processes never write the same file. After an error it is removed and `path` stays as it was;
    what a writer left that was killed is removed by the next one an hour later.
    """
    mark = uuid.uuid4().hex[:8]
    partial = path.with_name(f".{path.stem}.{mark}.partial{path.suffix}")
    remove_leftovers(partial, mark=mark)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def reserve(path: Path, *, size: int | None = None) -> None:
    """Let the disk set aside what a file may hold (default: its size); OSError when there is no room.

    Writing into a memory map of a file that has no room would end the process without a word.
    """
    with path.open("ab") as file:
        size = os.fstat(file.fileno()).st_size if size is None else size
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot do so
                raise


def write_measured(path: Path, values: dict[str, Any]) -> None:
    """Write arrays by name and, as `figures`, plain JSON values; what is None is left out."""
    arrays = {name: array for name, array in values.items() if array is not None}
    arrays["figures"] = np.array(json.dumps(values["figures"]))
    with whole_file(path) as partial, partial.open("wb") as stream:
        np.savez(stream, **arrays)


def read_measured(path: Path, *, needed: tuple[str, ...], what: str, remedy: str) -> dict[str, Any]:
    """Read what `write_measured` wrote.

    Parameters
    ----------
    path
        A file that exists.
    needed
        Arrays that must be there besides the figures.
    what, remedy
        For the message: what the file should be, and what helps where it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in {*needed, "figures", *stored.files}}
        return arrays | {"figures": json.loads(str(arrays["figures"]))}
    except DAMAGED as error:
        raise StorageError(f"The file {path} is not {what} that can be read ({error}). {remedy}") from error
