"""What a table of scores holds and what its import would give, before anything is imported."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT
from lensapp.core.score.score_table_spec import ScoreTableSpec, best_by_place, count_outside
from lensapp.ingest import score_tables
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.services.access.roots import check_readable
from lensapp.services.score.score_imports import COLUMNS, join_table
from lensapp.storage import sources
from lensapp.storage.care.inventory import UPLOADS
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.files import require_file
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

ScoreTableLook = score_tables.ScoreTableLook
COUNTED_ROWS = 200_000  # of a larger table, unless all are asked for
BY_POSITION = "none: join by position"
"""In the place of a column of IDs."""


@dataclass(frozen=True)
class ColumnCount:
    """What one column would give.

    Attributes
    ----------
    scored
        Cutouts that would get a score.
    low, high
        The lowest and the highest value; NaN where there is none.
    outside
        Values outside 0 to 1.
    no_number
        Rows of cutouts whose cell gives no score.
    """

    column: str
    scored: int
    low: float
    high: float
    outside: int
    no_number: int


@dataclass(frozen=True)
class DryCount:
    """What an import would give, counted without importing anything.

    Attributes
    ----------
    rows
        How many were read.
    whole
        Whether that is all of the table.
    joined
        Rows that belong to a cutout.
    cutouts
        Of the source, with a score or without.
    without_key, unknown, farther, duplicates
        As `lensapp.services.score.score_imports.Join` counts them.
    """

    rows: int
    whole: bool
    joined: int
    cutouts: int
    without_key: int
    unknown: int
    farther: int
    duplicates: int
    columns: tuple[ColumnCount, ...]
    warnings: tuple[str, ...]


def look_at_table(ws: Workspace, file: Path) -> ScoreTableLook:
    """Return what a table of scores holds, read again only when the file has changed.

    Raises
    ------
    NotAllowed, InvalidInput
        When the file may not be read, is not there, or cannot be read as a table.
    """
    return _look(*_readable(ws, file))


def usual_ids(ws: Workspace, file: Path, source: Source) -> str:
    """Return the column whose cells are IDs of cutouts of a source, or that rows are joined by position.

    It is the one with the usual name unless none of its cells is one. Where no column has any, positions
    serve if there are some.
    """
    return _usual_ids(ws, source.id, source.created_at, *_readable(ws, file))


def count_scores(
    ws: Workspace, *, file: Path, source: Source, spec: ScoreTableSpec, whole: bool = False
) -> DryCount:
    """Count what an import would give and what it would leave; of a large table by its first rows.

    Parameters
    ----------
    whole
        Whether all rows are read, of however large a table.

    Raises
    ------
    NotAllowed, InvalidInput
        When the table cannot be read or joined.
    """
    most = None if whole else COUNTED_ROWS
    read = spec.replaced(scale="as_is", lower_is_better=False)  # neither changes what is counted
    return _count(ws, source.id, source.created_at, read, most, *_readable(ws, file))


def _readable(ws: Workspace, file: Path) -> tuple[Path, int]:
    check_readable(file, uploads=ws.folder / UPLOADS)
    require_file(file)
    return file, file.stat().st_mtime_ns


@lru_cache(maxsize=8)
def _look(file: Path, _changed_at: int) -> ScoreTableLook:
    look: ScoreTableLook = isolated(score_tables.look_at_scores, file)
    return look


@lru_cache(maxsize=32)
def _usual_ids(ws: Workspace, source_id: int, _made_at: float, file: Path, changed_at: int) -> str:
    look = _look(file, changed_at)
    ours = {*cutout_columns(ws, [source_id], columns=("candidate_id",))["candidate_id"].tolist()}
    hits = {name: sum(one in ours for one in ids) for name, ids in look.ids.items()}
    if look.id_column is not None and hits[look.id_column]:
        return look.id_column
    best = max(hits, key=hits.__getitem__)
    if hits[best]:
        return best
    return BY_POSITION if look.position_columns or look.id_column is None else look.id_column


@lru_cache(maxsize=16)
def _count(
    ws: Workspace,
    source_id: int,
    _made_at: float,
    spec: ScoreTableSpec,
    most: int | None,
    file: Path,
    _changed_at: int,
) -> DryCount:
    table: score_tables.ScoreTable = isolated(score_tables.read_score_table, file, spec, most)
    source = sources.source_by_id(ws.database, source_id)
    cutouts = cutout_columns(ws, [source_id], columns=COLUMNS)
    join = join_table(table, cutouts, spec, what=f"{file.name} and {source.name}")
    joined = join.of_row != ABSENT
    columns = []
    for name, values in zip(table.names, table.values, strict=True):
        finite = np.where(np.isfinite(values), values, np.nan)
        best, _ = best_by_place(join.of_row[joined], finite[joined], join.places)
        of_cutout = np.where(join.of_cutout == ABSENT, np.nan, best[join.of_cutout])
        low, high = _limits(finite)
        columns.append(
            ColumnCount(
                name,
                scored=int(np.isfinite(of_cutout).sum()),
                low=low,
                high=high,
                outside=count_outside(finite),
                no_number=int(np.isnan(finite[joined]).sum()),
            )
        )
    return DryCount(
        rows=len(table),
        whole=most is None or len(table) < most,
        joined=int(joined.sum()),
        cutouts=len(cutouts["candidate_id"]),
        **join.counts(),
        columns=tuple(columns),
        warnings=table.warnings,
    )


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)
