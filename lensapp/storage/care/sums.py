"""Checksums of files, kept from one look to the next: what changed without being written is damaged.

The first look at a file notes its size, date and SHA-256. A later look that finds the same size and date but
other bytes has found damage by disk or copy, since every program that writes sets the date.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Literal

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import InvalidInput
from lensapp.storage.care.inventory import StoredFile
from lensapp.storage.workspace import Workspace

SUMS = "checksums.json"
BLOCK = 2**20

Verdict = Literal["new", "same", "written", "damaged"]
Sum = tuple[int, int, str]  # size, date in nanoseconds, SHA-256


class Sums:
    """The checksums that a workspace keeps of its files."""

    def __init__(self, ws: Workspace) -> None:
        self.path = ws.folder / SUMS
        try:
            kept = read_json(self.path) if self.path.exists() else {}
        except InvalidInput:  # it can be made again, from the next look on
            kept = {}
        self.kept: dict[str, Sum] = {path: (row[0], row[1], row[2]) for path, row in kept.items()}

    def judge(self, file: StoredFile, digest: str) -> Verdict:
        """Compare a file's present digest with the kept one, and keep it unless the file is damaged."""
        size, date, kept = self.kept.get(file.path, (-1, -1, ""))
        if (size, date) == (file.size, file.mtime_ns) and kept != digest:
            return "damaged"
        self.kept[file.path] = (file.size, file.mtime_ns, digest)
        if kept == digest:
            return "same"
        return "written" if kept else "new"

    def save(self, paths: Iterable[str]) -> None:
        """Store the checksums of the files at `paths`, which are all that there are."""
        write_json(self.path, {path: self.kept[path] for path in paths if path in self.kept})


def digest_of(path: Path, also: Callable[[bytes], object] | None = None) -> tuple[str, int]:
    """Return SHA-256 and number of the bytes of a file, each block of which goes to `also`, too."""
    with path.open("rb") as stream:
        return digest_stream(stream, also)


def digest_stream(stream: IO[bytes], also: Callable[[bytes], object] | None = None) -> tuple[str, int]:
    """Return SHA-256 and number of the bytes that are left in a stream, as `digest_of`."""
    digest, count = hashlib.sha256(), 0
    while block := stream.read(BLOCK):
        digest.update(block)
        count += len(block)
        if also is not None:
            also(block)
    return digest.hexdigest(), count
