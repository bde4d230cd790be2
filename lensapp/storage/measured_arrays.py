"""Arrays with the figures measured on them as one file, written whole or not at all."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.errors import StorageError


def write_measured(path: Path, values: dict[str, Any]) -> None:
    """Write arrays by name and, as `figures`, plain JSON values; what is None is left out."""
    arrays = {name: array for name, array in values.items() if array is not None}
    arrays["figures"] = np.array(json.dumps(values["figures"]))
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)
    partial.replace(path)


def read_measured(path: Path, *, needed: tuple[str, ...], what: str, remedy: str) -> dict[str, Any]:
    """Read what `write_measured` wrote.

    Parameters
    ----------
    path
        A file that exists.
    needed
        Arrays that must be there besides the figures.
    what, remedy
        For the message: what is expected, and what helps where it is damaged.

    Raises
    ------
    StorageError
        When the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in {*needed, "figures", *stored.files}}
        return arrays | {"figures": json.loads(str(arrays["figures"]))}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise StorageError(f"Expected {what} at {path}, received {error}. {remedy}") from error
