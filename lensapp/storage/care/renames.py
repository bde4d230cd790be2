"""Another name for a source, dataset version, run or review, wherever the old one is written."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, select, update

from lensapp.core.acting import acting_as, this_program
from lensapp.core.config import Spec, read_json, write_json
from lensapp.core.errors import StorageError
from lensapp.storage import tables
from lensapp.storage.care.inventory import VIEWS, paths_of
from lensapp.storage.care.trash import TABLES, Item
from lensapp.storage.files import (
    CROPPED,
    SCORE_WARNINGS,
    SCORED,
    SOURCE_CHECKS,
    SOURCE_ENGINES,
    UNKNOWN_UNITS,
)
from lensapp.storage.queries import new_name
from lensapp.storage.workspace import RENAMING, Workspace

BY_SOURCE = (SCORED, SCORE_WARNINGS, SOURCE_CHECKS, SOURCE_ENGINES)
"""Files of a run whose keys are names of sources."""

OF_SOURCES = (UNKNOWN_UNITS, CROPPED)
"""Files of a run that list names of sources as `sources`."""

IN_VIEWS = {
    "source": ("source", "sources", "second_test", "also"),
    "dataset": ("dataset", "version"),
    "run": ("run", "compare"),
    "review": ("review", "votes_of"),
    "study": ("study",),
}
"""What names an item of each kind in the address of a page."""

SPECS = (
    tables.sources.c.spec,
    tables.datasets.c.spec,
    tables.runs.c.spec,
    tables.runs.c.summary,
    tables.studies.c.spec,
    tables.studies.c.summary,
    tables.reviews.c.spec,
    tables.jobs.c.payload,
)
"""Columns of plain values in which names are written under keys."""


def rename(
    ws: Workspace, item: Item, new: str, *, keys: Collection[str], is_name: Callable[[Any], bool]
) -> None:
    """Give an item another name: its row, its folders, and where others speak of it.

    Parameters
    ----------
    keys
        Keys under which specifications and payloads name items of its kind.
    is_name
        Whether the payload of a job, given as its row, names the item by another key, as what it makes.

    Raises
    ------
    InvalidInput
        When the name is taken or not possible.
    StorageError
        When a folder cannot be renamed; then nothing is.
    """
    table = TABLES[item.kind]
    try:
        with new_name(
            ws.database, table, new, what=item.kind, did="renamed", detail=item.name, durable=True
        ) as connection:
            connection.execute(update(table).where(table.c.id == item.id).values(name=new))
            if item.kind == "source":
                first = (table.c.id == item.id, table.c.first_name.is_(None))
                connection.execute(update(table).where(*first).values(first_name=item.name))
            if item.kind == "review":
                _rename_origins(connection, item.name, new)
            for column in SPECS:
                _rename_in(connection, column, item.name, new, keys=keys, is_name=is_name)
            _move_folders(ws, item, new, keys=keys)
    finally:
        finish_renames(ws)


def finish_renames(ws: Workspace) -> None:
    """End what this program, or one that was killed, has begun to rename.

    Where the new name is stored, the rest follows; where it is not, folders get their old names again. A
    program that is still at it is waited for.

    Raises
    ------
    StorageError
        When a folder cannot be renamed.
    """
    for journal in sorted(ws.folder.glob(f"{RENAMING}*.json")):
        try:
            _end(ws, journal)
        except OSError as error:
            raise StorageError(
                f"A program that renamed something was interrupted, and what it began cannot be ended "
                f"({error}). Check the rights of the workspace folder."
            ) from error


class Renaming(Spec):
    """What a program that renames writes down before it touches a folder, for who finds it killed."""

    kind: str = Field(description="What is renamed.")
    id: int = Field(ge=1, description="Its number.")
    old: str = Field(description="Its name before.")
    new: str = Field(description="Its name afterwards.")
    keys: tuple[str, ...] = Field(description="Keys under which files name items of its kind.")
    moves: tuple[tuple[str, str], ...] = Field(
        description="Folders and files by their old and new paths, from the workspace folder on."
    )


def _move_folders(ws: Workspace, item: Item, new: str, *, keys: Collection[str]) -> None:
    """Rename folders and files of an item, and say so beforehand in a journal."""
    pairs = zip(paths_of(ws, item), paths_of(ws, replace(item, name=new)), strict=True)
    present = [pair for pair in pairs if pair[0].exists()]
    taken = [path for _, path in present if path.exists()]
    if taken:
        raise StorageError(f"{taken[0]} exists already. 'doctor --mend' puts aside what belongs to nothing.")
    moves = [tuple(str(path.relative_to(ws.folder)) for path in pair) for pair in present]
    begun = {"kind": item.kind, "id": item.id, "old": item.name, "new": new, "keys": keys, "moves": moves}
    write_json(ws.folder / f"{RENAMING}{item.kind}-{item.id}.json", Renaming.parse(begun).saved())
    try:
        for before, after in present:
            before.rename(after)
    except OSError as error:
        raise StorageError(
            f"The files of {item.name} cannot be renamed ({error.strerror}); it keeps its name. Check the "
            "rights of the workspace folder."
        ) from error


def _end(ws: Workspace, journal: Path) -> None:
    with acting_as(this_program()), ws.database.write() as connection:
        if not journal.exists():  # who was at it has ended meanwhile
            return
        begun = Renaming.parse(read_json(journal))
        table = TABLES[begun.kind]
        mine = select(table.c.name).where(table.c.id == begun.id)
        is_stored = connection.scalar(mine.with_for_update()) == begun.new
        if is_stored:
            _rename_in_files(ws, begun)
        else:
            for old, new in reversed(begun.moves):
                if (ws.folder / new).exists() and not (ws.folder / old).exists():
                    (ws.folder / new).rename(ws.folder / old)
        journal.unlink()


def _rename_in_files(ws: Workspace, begun: Renaming) -> None:
    """Write the new name into files that name the old one; done twice it changes nothing more."""
    item = Item(begun.kind, begun.id, begun.old)
    for folder in (ws.folder / "runs").iterdir():
        for file in folder.glob("*.json"):
            _rename_in_file(file, item, begun.new, keys=begun.keys)
    for file in (ws.folder / VIEWS).glob("*.json"):
        _rename_in_file(file, item, begun.new, keys=(*begun.keys, *IN_VIEWS.get(item.kind, ())))


def renamed(values: Any, keys: Collection[str], old: str, new: str) -> Any:
    """Return plain values with a name replaced where it stands under one of `keys`, alone or in a list."""
    if isinstance(values, list):
        return [renamed(value, keys, old, new) for value in values]
    if not isinstance(values, dict):
        return values
    changed: dict[str, Any] = {}
    for key, value in values.items():
        if key in keys and value == old:
            changed[key] = new
        elif key in keys and isinstance(value, list):
            changed[key] = [new if one == old else renamed(one, keys, old, new) for one in value]
        else:
            changed[key] = renamed(value, keys, old, new)
    return changed


def _rename_in(
    connection: Connection,
    column: Any,
    old: str,
    new: str,
    *,
    keys: Collection[str],
    is_name: Callable[[Any], bool],
) -> None:
    table = column.table
    for row in connection.execute(
        select(table.c.id, column, *([table.c.kind] if column.name == "payload" else []))
    ):
        values = renamed(row[1], keys, old, new)
        if column.name == "payload" and is_name(row):
            values = values | {"name": new}
        if values != row[1]:
            connection.execute(update(table).where(table.c.id == row.id).values({column.name: values}))


def _rename_origins(connection: Connection, old: str, new: str) -> None:
    """Write the new name where members of dataset versions say whose votes made their labels."""
    column = tables.dataset_members.c.label_from
    for origin in connection.scalars(select(column).where(column.like("votes:%")).distinct()).all():
        kind, reviews, people = origin.split(":", 2)
        names = [new if name == old else name for name in reviews.split("+")]
        written = ":".join((kind, "+".join(sorted(names)), people))
        if old in reviews.split("+"):
            connection.execute(
                update(tables.dataset_members).where(column == origin).values(label_from=written)
            )


def _rename_in_file(file: Path, item: Item, new: str, *, keys: Collection[str]) -> None:
    values = read_json(file)
    changed = renamed(values, keys, item.name, new)
    if item.kind == "source" and file.name in BY_SOURCE:
        changed = {new if key == item.name else key: value for key, value in changed.items()}
    if item.kind == "source" and file.name in OF_SOURCES:
        changed = renamed(changed, ("sources",), item.name, new)
    if changed != values:
        write_json(file, changed)
