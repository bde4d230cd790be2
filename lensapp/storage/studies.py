"""Studies: several runs that answer one question together (folds, trials, networks)."""

import time
from typing import Any, Literal

from sqlalchemy import insert, select, update

from lensapp.storage import tables
from lensapp.storage.database import Database
from lensapp.storage.queries import find_by_id, find_named, matches, new_name, to_record
from lensapp.storage.records import Run, Study, StudyRun

StudyKind = Literal["kfold", "search", "comparison"]


def create_study(
    database: Database, *, name: str, kind: StudyKind, dataset_id: int, spec: dict[str, Any]
) -> Study:
    """Register a study in state "queued".

    Raises
    ------
    InvalidInput
        When the name is taken or cannot be a folder name.
    """
    with new_name(database, tables.studies, name, what="study") as connection:
        connection.execute(
            insert(tables.studies).values(
                name=name,
                kind=kind,
                dataset_id=dataset_id,
                state="queued",
                spec=spec,
                summary={},
                created_at=time.time(),
            )
        )
    return get_study(database, name)


def get_study(database: Database, name: str) -> Study:
    """Return the study called `name`, or raise NotFound."""
    return find_named(database, tables.studies, Study, name, what="study")


def study_by_id(database: Database, study_id: int) -> Study:
    """Return the study with the key `study_id`, or raise NotFound."""
    return find_by_id(database, tables.studies, Study, study_id, what="study")


def list_studies(database: Database, *, kind: StudyKind | None = None) -> list[Study]:
    """Return every study (of one kind), newest first."""
    table = tables.studies
    statement = select(table).where(*matches(table.c.kind, kind)).order_by(table.c.id.desc())
    with database.read() as connection:
        return [to_record(Study, row) for row in connection.execute(statement)]


def update_study(database: Database, study_id: int, **changes: Any) -> None:
    """Change columns of a study (state, summary, finished_at)."""
    with database.write() as connection:
        connection.execute(update(tables.studies).where(tables.studies.c.id == study_id).values(**changes))


def add_run(
    database: Database, study_id: int, run_id: int, *, place: int, info: dict[str, Any] | None = None
) -> None:
    """Add a run to a study; the place and info of one that is there already are replaced."""
    table, values = tables.study_runs, {"place": place, "info": info or {}}
    with database.write() as connection:
        changed = connection.execute(
            update(table).where(table.c.study_id == study_id, table.c.run_id == run_id).values(values)
        )
        if changed.rowcount == 0:
            connection.execute(insert(table).values(study_id=study_id, run_id=run_id, **values))


def runs_of(database: Database, study_id: int) -> list[StudyRun]:
    """Return the runs of a study in the order of their places."""
    link, runs = tables.study_runs, tables.runs
    statement = (
        select(runs, link.c.place, link.c.info)
        .join(link, link.c.run_id == runs.c.id)
        .where(link.c.study_id == study_id)
        .order_by(link.c.place, runs.c.id)
    )
    columns = [column.name for column in runs.columns]
    with database.read() as connection:
        rows = [row._mapping for row in connection.execute(statement)]
    return [
        StudyRun(run=Run(**{name: row[name] for name in columns}), place=row["place"], info=row["info"])
        for row in rows
    ]


def studies_of_run(database: Database, run_id: int) -> list[Study]:
    """Return the studies that a run belongs to, newest first."""
    table, link = tables.studies, tables.study_runs
    statement = (
        select(table)
        .join(link, link.c.study_id == table.c.id)
        .where(link.c.run_id == run_id)
        .order_by(table.c.id.desc())
    )
    with database.read() as connection:
        return [to_record(Study, row) for row in connection.execute(statement)]
