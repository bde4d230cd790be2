"""Runs, their metrics per epoch and the scores they gave."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import UnitMismatch
from lensapp.core.once import once
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.storage import datasets, tables
from lensapp.storage.care.trail import note
from lensapp.storage.cutouts import source_unit
from lensapp.storage.database import Database
from lensapp.storage.files import CROPPED, NORMALISATION, UNKNOWN_UNITS
from lensapp.storage.queries import (
    change_row,
    check_free,
    create_named,
    find_by_id,
    find_named,
    newest_first,
    put_row,
)
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace


def create_run(
    database: Database,
    *,
    name: str,
    dataset_id: int,
    model: str,
    spec: dict[str, Any],
    initial_run_id: int | None = None,
) -> Run:
    """Register a run in state "queued"."""
    return create_named(
        database,
        tables.runs,
        Run,
        name=name,
        what="run",
        dataset_id=dataset_id,
        initial_run_id=initial_run_id,
        model=model,
        state="queued",
        spec=spec,
        summary={},
    )


def check_free_name(database: Database, name: str) -> None:
    """Raise InvalidInput where no run can be called `name`: it is impossible, taken or in the trash."""
    check_free(database, tables.runs, name, what="run")


@once
def get_run(database: Database, name: str) -> Run:
    """Return the run called `name`, or raise NotFound."""
    return find_named(database, tables.runs, Run, name, what="run")


@once
def run_by_id(database: Database, run_id: int) -> Run:
    """Return the run with the key `run_id`, or raise NotFound."""
    return find_by_id(database, tables.runs, Run, run_id, what="run")


@once
def list_runs(database: Database) -> list[Run]:
    """Return every run, newest first."""
    return newest_first(database, tables.runs, Run)


def update_run(database: Database, run_id: int, **changes: Any) -> None:
    """Change columns of a run (state, summary, evaluation, finished_at)."""
    change_row(database, tables.runs, run_id, **changes)


def annotate(database: Database, run: Run, did: str, *, detail: str = "", **changes: Any) -> None:
    """Change columns of a run (note, tags); the trail tells what somebody did to it."""
    with database.write() as connection:
        connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(**changes))
        note(connection, did, kind="run", name=run.name, detail=detail)


def put_metrics(database: Database, run_id: int, epoch: int, figures: dict[str, Any]) -> None:
    """Store the figures of an epoch; a repeated epoch (after a resume) replaces the earlier one."""
    put_row(database, tables.metrics, keys={"run_id": run_id, "epoch": epoch}, figures=figures)


@once
def metrics_of(database: Database, run_id: int) -> list[dict[str, Any]]:
    """Return the figures of each epoch in order, each with its `epoch`."""
    table = tables.metrics
    statement = select(table.c.epoch, table.c.figures).where(table.c.run_id == run_id).order_by(table.c.epoch)
    with database.read() as connection:
        return [{"epoch": epoch, **figures} for epoch, figures in connection.execute(statement)]


def last_metrics_of(database: Database, run_id: int) -> dict[str, Any]:
    """Return the figures of the last epoch; nothing before the first."""
    table = tables.metrics
    statement = (
        select(table.c.figures).where(table.c.run_id == run_id).order_by(table.c.epoch.desc()).limit(1)
    )
    with database.read() as connection:
        return dict(connection.execute(statement).scalar() or {})


def normalisation_of(ws: Workspace, run_name: str) -> FittedNormalisation:
    """Return the normalisation of a run, which names bands, size, pixel scale and unit of its cutouts."""
    return FittedNormalisation.parse(read_json(ws.run_folder(run_name) / NORMALISATION))


def require_fit(
    ws: Workspace,
    run: Run,
    source: Source,
    *,
    crop: bool = False,
    allow_unknown_units: bool = False,
    fitted: FittedNormalisation | None = None,
) -> list[str]:
    """Refuse a source that differs from what a run was trained on; return what readers of scores must know.

    That is which part of the cutouts the network sees, and what could not be compared. A source of the run's
    own dataset has the run's unit, whether that is known or not. Unknown units and pixel scales are accepted
    where `allow_unknown_units` was called or is given, and by a network made before units were kept; larger
    cutouts where `allow_crop` was called or `crop` is given. `fitted` is the run's normalisation, where it
    was read before.

    Raises
    ------
    BandMismatch
        When bands, their order, the size or the pixel scale differ; further bands are left out.
    UnitMismatch
        When the unit of flux differs, or it or the pixel scale cannot be compared.
    SizeMismatch
        When the cutouts are larger and nobody has allowed to crop them.
    """
    fitted = fitted or normalisation_of(ws, run.name)
    scale, size = source.pixel_scale_arcsec, (source.height, source.width)
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    crop = crop or datasets.takes_middle_of(dataset, source) or source.name in _allowed(ws, run.name, CROPPED)
    fitted.check(bands=source.bands, size=size, pixel_scale_arcsec=scale, crop=crop, picked=True)
    seen = fitted.seen_of(size)
    of_size = [] if seen is None else [seen]
    if fitted.unit is not None and source.id in dataset.source_ids:
        return of_size
    warnings = fitted.unit_warnings(source_unit(ws, source).kind, scale)
    allowed = allow_unknown_units or source.name in _allowed(ws, run.name, UNKNOWN_UNITS)
    if warnings and fitted.unit is not None and not allowed:
        raise UnitMismatch(unit_refusal(warnings), brief="unit or pixel scale unknown")
    return of_size + warnings


def unit_refusal(warnings: Sequence[str]) -> str:
    """Return the message that refuses cutouts because of what is unknown of their unit or pixel scale."""
    return (
        f"{' '.join(warnings)} Scores would mislead: import again with --zero-point and "
        "--pixel-scale-arcsec if you know them, or go on with --allow-unknown-units."
    )


def allow_unknown_units(ws: Workspace, run: Run, source: Source) -> None:
    """Let a run score a source although their units cannot be compared; the run remembers it."""
    _allow(ws, run, source, UNKNOWN_UNITS)


def allow_crop(ws: Workspace, run: Run, source: Source) -> None:
    """Let a run look at the middle of a source's larger cutouts; the run remembers it."""
    _allow(ws, run, source, CROPPED)


def _allow(ws: Workspace, run: Run, source: Source, file: str) -> None:
    allowed = _allowed(ws, run.name, file)
    if source.name not in allowed:
        write_json(ws.run_folder(run.name) / file, {"sources": [*allowed, source.name]})


def _allowed(ws: Workspace, run_name: str, file: str) -> list[str]:
    """Return the sources for which a run remembers a permission."""
    path = ws.run_folder(run_name) / file
    return list(read_json(path)["sources"]) if path.exists() else []
