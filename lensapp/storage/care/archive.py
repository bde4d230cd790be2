"""A workspace in one file: a zip archive of its database, its files and a manifest with their checksums."""

import errno
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import Field, ValidationError

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput, StorageError
from lensapp.storage.care.sums import digest_of, digest_stream
from lensapp.storage.files import whole_file
from lensapp.storage.workspace import SECRET_FILE

MANIFEST = "backup.json"
TEXTS = (".json", ".jsonl", ".db")  # what is worth compressing; pixels and networks are not


class ArchivedFile(Spec):
    """A file of a backup."""

    path: str = Field(min_length=1, description="From the workspace folder on.")
    size: int = Field(ge=0, description="Bytes.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of its bytes.")
    mtime_ns: int = Field(description="When it was last written, in nanoseconds since 1970.")


class Manifest(Spec):
    """What a backup holds, stored in it."""

    version: int = Field(1, ge=1, le=1, description="Version of the archive's format.")
    program: str = Field(description="Version of the program that made it.")
    made_at: float = Field(description="When the database was copied, in seconds since 1970.")
    rows: dict[str, int] = Field(description="Rows per table.")
    files: tuple[ArchivedFile, ...] = Field(description="Every file, the database among them.")
    outside: tuple[str, ...] = Field((), description="Folders of tiles that it needs and does not hold.")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass
class ArchiveWriter:
    """A backup that is being written."""

    archive: zipfile.ZipFile
    files: list[ArchivedFile]

    def add(self, path: Path, *, name: str) -> ArchivedFile:
        """Store a file under a name, as it is when it is opened; return its entry."""
        seconds = path.stat().st_mtime
        info = zipfile.ZipInfo(name, time.localtime(max(seconds, 4e8))[:6])  # zip knows no year before 1980
        info.compress_type = zipfile.ZIP_DEFLATED if name.endswith(TEXTS) else zipfile.ZIP_STORED
        info.external_attr = 0o600 << 16
        mtime_ns = path.stat().st_mtime_ns
        with self.archive.open(info, "w", force_zip64=True) as target:
            digest, size = digest_of(path, target.write)
        entry = ArchivedFile(path=name, size=size, sha256=digest, mtime_ns=mtime_ns)
        self.files.append(entry)
        return entry


@contextmanager
def write_archive(
    path: Path, describe: Callable[[tuple[ArchivedFile, ...]], Manifest]
) -> Iterator[ArchiveWriter]:
    """Open a backup to add files to; it takes its name, with the manifest that `describe` makes, or is gone.

    Raises
    ------
    StorageError
        When the disk is full.
    """
    try:
        with whole_file(path) as partial:
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # it holds the secret
            with os.fdopen(handle, "wb") as stream:
                with zipfile.ZipFile(stream, "w", compresslevel=1) as archive:
                    writer = ArchiveWriter(archive, [])
                    yield writer
                    archive.writestr(MANIFEST, describe(tuple(writer.files)).model_dump_json(indent=1))
                stream.flush()
                os.fsync(stream.fileno())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        raise StorageError(
            f"The backup {path} cannot be written ({error.strerror}); nothing of it is left. Choose a folder "
            "with room."
        ) from error


@contextmanager
def open_archive(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """Open a backup to be read.

    Raises
    ------
    InvalidInput
        When the file is none, or of a newer program.
    """
    try:
        archive = zipfile.ZipFile(path)
        manifest = Manifest.model_validate_json(archive.read(MANIFEST))
    except (OSError, KeyError, zipfile.BadZipFile, ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(
            f"{path} is no backup of this program, or a damaged one ({reason}). Give a file that 'backup' "
            "made or, where a newer program made it, update this one."
        ) from error
    with archive:
        yield archive, manifest


def copy_out(archive: zipfile.ZipFile, file: ArchivedFile, folder: Path | None) -> None:
    """Check a file of a backup and, given a folder, write it there.

    Raises
    ------
    StorageError
        When its bytes are not those that were stored.
    """
    parts = PurePosixPath(file.path).parts
    if PurePosixPath(file.path).is_absolute() or ".." in parts or not parts:
        raise StorageError(f"The backup names a file outside its folder ({file.path}). Nothing was restored.")
    try:
        with archive.open(file.path) as stored:
            if folder is None:
                digest, size = digest_stream(stored)
            else:
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                mode = 0o600 if file.path == SECRET_FILE else 0o666
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                with os.fdopen(handle, "wb") as target:
                    digest, size = digest_stream(stored, target.write)
                os.utime(path, ns=(file.mtime_ns, file.mtime_ns))
    except (KeyError, zipfile.BadZipFile):  # absent, or its CRC is another
        digest, size = "", -1
    if (digest, size) != (file.sha256, file.size):
        raise StorageError(
            f"{file.path} in the backup is damaged: its checksum is another than when it was stored. Nothing "
            "was restored; use an earlier backup."
        )
