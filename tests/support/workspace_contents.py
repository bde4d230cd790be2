"""All that a workspace holds, without times and speeds, to be compared with another's to the bit."""

import hashlib
import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from sqlalchemy import select

from lensapp.storage import tables
from lensapp.storage.workspace import Workspace

TIMED = frozenset(
    {
        "resumed_after", "seconds", "seconds_of_inputs", "images_per_second", "memory_bytes",
        "created_at", "finished_at", "evaluated_at",
        "shared_object_id", "network_sha256",  # of a network's file: addresses in memory, and its date
    }
)  # fmt: skip
OF_THE_MOMENT = ("jobs", "workers", "trail")
# A checkpoint holds seconds; an exported network holds names by chance, and its scores are stored; columns of
# a source repeat its rows of the database beside the moment of its making.
NOT_RESULTS = (
    "workspace.db", "workspace.db-wal", "workspace.db-shm", "checkpoint.npz", "best.onnx", "columns.parquet",
)  # fmt: skip


def contents(folder: Path) -> set[tuple[str, str]]:
    """Return each row of each table, the kinds and states of jobs, a digest of each file, all by name."""
    workspace = Workspace.open(folder)
    held = set()
    with workspace.database.read() as connection:
        for table in tables.metadata.sorted_tables:
            if table.name not in OF_THE_MOMENT:
                for row in connection.execute(select(table)).mappings():
                    held.add((table.name, json.dumps(without_times(dict(row)), default=bytes.hex)))
        jobs = connection.execute(select(tables.jobs.c.kind, tables.jobs.c.state).order_by(tables.jobs.c.id))
        held.add(("jobs", str([tuple(row) for row in jobs])))
    workspace.database.close()
    for path in folder.rglob("*"):
        is_log = path.relative_to(folder).parts[0] == "logs"
        if path.is_file() and not is_log and path.name not in NOT_RESULTS and ".partial" not in path.suffixes:
            held.add((str(path.relative_to(folder)), _digest(path)))
    return held


def without_times(value: Any) -> Any:
    """Return plain values without those that two runs of one command never share."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMED}
    return [without_times(item) for item in value] if isinstance(value, list | tuple) else value


def _digest(path: Path) -> str:
    if path.suffix == ".json":
        return json.dumps(without_times(json.loads(path.read_text())), sort_keys=True)
    if path.suffix == ".keras":  # its metadata hold the date
        with zipfile.ZipFile(path) as archive:
            config = without_times(json.loads(archive.read("config.json")))
            return json.dumps(config) + _digest_of_hdf5(archive.read("model.weights.h5"))
    if path.suffix == ".npz":
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in sorted(stored.files)}
        figures = without_times(json.loads(str(arrays.pop("figures", "{}"))))
        joined = b"".join(name.encode() + array.tobytes() for name, array in arrays.items())
        return json.dumps(figures, sort_keys=True) + hashlib.sha256(joined).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest_of_hdf5(stored: bytes) -> str:
    digest = hashlib.sha256()
    with h5py.File(BytesIO(stored)) as file:

        def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
            digest.update(name.encode())
            if isinstance(item, h5py.Dataset):
                digest.update(np.asarray(item).tobytes())

        file.visititems(add)
    return digest.hexdigest()
