"""What a database, its folder and its pixels say of their own soundness."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sqlalchemy
from sqlalchemy import select

from lensapp.core.data.fingerprints import pixel_digest
from lensapp.core.errors import LensAppError
from lensapp.storage import sources, tables
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.database import Database
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

MOST_TOLD = 5
ROWS_READ = 256


def database_damage(database: Database) -> list[str]:
    """Return what SQLite finds wrong in its file: pages, indices, and rows that refer to none.

    A PostgreSQL server looks after its own pages and keeps references itself; nothing is said of it.
    """
    with database.read() as connection:
        if connection.dialect.name != "sqlite":
            return []
        try:
            found = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST_TOLD})").scalars().all()
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        except sqlalchemy.exc.DatabaseError as error:
            return [" ".join(str(error.orig).split())]
    pairs: dict[tuple[str, str], int] = {}
    for table, _row, parent, _number in broken:
        pairs[table, parent] = pairs.get((table, parent), 0) + 1
    references = [
        f"{count} rows of {table} refer to rows of {parent} that do not exist"
        for (table, parent), count in pairs.items()
    ]
    return [text for text in found if text != "ok"] + references


def names_of(database: Database) -> dict[str, set[str]]:
    """Return the names of all sources and runs, hidden ones too, by the folder that holds them."""
    with database.read() as connection:
        return {
            "cutouts": set(connection.scalars(select(tables.sources.c.name))),
            "runs": set(connection.scalars(select(tables.runs.c.name))),
        }


def every_source(database: Database) -> list[Source]:
    """Return all sources with pixels of their own, hidden ones and those in the trash too."""
    with database.read() as connection:
        keys = list(connection.scalars(select(tables.sources.c.id).order_by(tables.sources.c.id)))
    return [sources.source_by_id(database, key) for key in keys]


def damaged_pixels(ws: Workspace, source: Source, packed: PackedCutouts) -> Iterator[str]:
    """Yield the candidates of a packed source whose pixels are not those that were imported.

    Pixels kept as int16 differ from what was imported by their rounding and are not looked at.
    """
    if packed.packing.dtype != "float32":
        return
    columns = sources.cutout_columns(
        ws.database, [source.id], columns=("row", "candidate_id", "pixels_digest")
    )
    known = np.array([digest is not None for digest in columns["pixels_digest"]], bool)
    rows, digests, names = (columns[name][known] for name in ("row", "pixels_digest", "candidate_id"))
    for start in range(0, len(rows), ROWS_READ):
        part = slice(start, start + ROWS_READ)
        for pixels, digest, name in zip(packed.read(rows[part]), digests[part], names[part], strict=True):
            if pixel_digest(pixels) != digest:
                yield str(name)


def open_damage(path: Path) -> str | None:
    """Return why a network or archive of arrays cannot be read, by the checksums that it carries itself."""
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
    except (OSError, zipfile.BadZipFile) as error:
        return " ".join(str(error).split())
    return None if wrong is None else f"{wrong} in it has another checksum"


def pixels_damage(ws: Workspace, source: Source) -> tuple[PackedCutouts | None, str | None]:
    """Open the pixels of a source to its last shard; return them, or why they cannot be read."""
    try:
        packed = PackedCutouts.open(ws.cutouts_folder(source.name))
        last = [shard * packed.packing.shard_rows for shard in range(packed.packing.shards)]
        packed.read(np.array(last, np.int64))
    except (LensAppError, OSError, ValueError, IndexError) as error:
        return None, " ".join(str(error).split())
    return packed, None


def database_bytes(database: Database) -> int | None:
    """Return the size of a database on a server; None for one that is a file of the workspace."""
    with database.read() as connection:
        if connection.dialect.name != "postgresql":
            return None
        return int(connection.scalar(sqlalchemy.text("SELECT pg_database_size(current_database())")) or 0)
