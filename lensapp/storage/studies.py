"""Studies: several runs that answer one question together (folds, trials, networks)."""

from typing import Any

from sqlalchemy import select

from lensapp.core.once import once
from lensapp.core.train.study_spec import StudyKind
from lensapp.storage import tables
from lensapp.storage.database import Database
from lensapp.storage.queries import (
    change_row,
    check_free,
    create_named,
    find_named,
    matches,
    newest_first,
    not_in_trash,
    put_row,
)
from lensapp.storage.records import Run, Study, StudyRun


def create_study(
    database: Database, *, name: str, kind: StudyKind, dataset_id: int, spec: dict[str, Any]
) -> Study:
    """Register a study in state "queued"."""
    return create_named(
        database,
        tables.studies,
        Study,
        name=name,
        what="study",
        kind=kind,
        dataset_id=dataset_id,
        state="queued",
        spec=spec,
        summary={},
    )


def check_free_name(database: Database, name: str) -> None:
    """Raise InvalidInput where no study can be called `name`: it is impossible, taken or in the trash."""
    check_free(database, tables.studies, name, what="study")


def get_study(database: Database, name: str) -> Study:
    """Return the study called `name`, or raise NotFound."""
    return find_named(database, tables.studies, Study, name, what="study")


@once
def list_studies(database: Database, *, kind: StudyKind | None = None) -> list[Study]:
    """Return every study (of one kind), newest first."""
    return newest_first(database, tables.studies, Study, *matches(tables.studies.c.kind, kind))


def update_study(database: Database, study_id: int, **changes: Any) -> None:
    """Change columns of a study (state, summary, finished_at)."""
    change_row(database, tables.studies, study_id, **changes)


def add_run(
    database: Database, study_id: int, run_id: int, *, place: int, info: dict[str, Any] | None = None
) -> None:
    """Add a run to a study; the place and info of one that is there already are replaced."""
    keys: dict[str, int | str] = {"study_id": study_id, "run_id": run_id}
    put_row(database, tables.study_runs, keys=keys, place=place, info=info or {})


@once
def study_names_by_run(database: Database) -> dict[int, str]:
    """Return the study of each fold and trial by the run's key; comparisons also take runs made before."""
    link, table = tables.study_runs, tables.studies
    statement = (
        select(link.c.run_id, table.c.name)
        .join(table, table.c.id == link.c.study_id)
        .where(table.c.kind != "comparison", not_in_trash(table))
    )
    with database.read() as connection:
        return {row.run_id: row.name for row in connection.execute(statement)}


@once
def runs_of(database: Database, study_id: int) -> list[StudyRun]:
    """Return the runs of a study in the order of their places."""
    link, runs = tables.study_runs, tables.runs
    statement = (
        select(runs, link.c.place, link.c.info)
        .join(link, link.c.run_id == runs.c.id)
        .where(link.c.study_id == study_id, not_in_trash(runs))
        .order_by(link.c.place, runs.c.id)
    )
    columns = [column.name for column in runs.columns]
    with database.read() as connection:
        rows = [row._mapping for row in connection.execute(statement)]
    return [
        StudyRun(run=Run(**{name: row[name] for name in columns}), place=row["place"], info=row["info"])
        for row in rows
    ]
