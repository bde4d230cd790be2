"""What is asked of scores: the best, how many reach a threshold, their histogram, those of some cutouts.

This is the one door to them. Those that earlier versions kept in the database are read beside the files.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import ColumnElement, Table, delete, func, select
from sqlalchemy import false as sql_false

from lensapp.core.evaluate.histogram import BINS, bin_of
from lensapp.core.once import once
from lensapp.storage import tables
from lensapp.storage.queries import chunks, fetch_columns, matches, not_in_trash
from lensapp.storage.scores.score_files import Best, Block, Ids, ScoreFiles
from lensapp.storage.workspace import Workspace

FOLDER = "scores"
TRIES = 3

Given = ParamSpec("Given")
Result = TypeVar("Result")


def _steady(read: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a reader begin again whose files were joined or replaced under its hands."""

    @wraps(read)
    def again(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        for _ in range(TRIES - 1):
            try:
                return read(*args, **kwargs)
            except FileNotFoundError:
                continue
        return read(*args, **kwargs)

    return again


def score_files(ws: Workspace, run_id: int, source_id: int) -> ScoreFiles:
    """Return the files of the scores that a run gave a source, whether there are any or not."""
    run_folder = ws.run_folder(_name_of(ws, tables.runs, run_id))
    return ScoreFiles(run_folder / FOLDER / _name_of(ws, tables.sources, source_id))


@once
def _name_of(ws: Workspace, table: Table, key: int) -> str:
    """Return the name of a run or a source, deleted or not."""
    with ws.database.read() as connection:
        return str(connection.scalar(select(table.c.name).where(table.c.id == key)))


def add_scores(ws: Workspace, run_id: int, source_id: int, cutout_ids: ArrayLike, values: ArrayLike) -> None:
    """Store scores; those of cutouts that this run has scored already are left."""
    ids, first = np.unique(np.asarray(cutout_ids, np.int64), return_index=True)
    scores = np.asarray(values, np.float64)[first]
    new = np.isnan(scores_for(ws, run_id, source_id, ids))
    if new.any():
        name = f"from-{int(ids[new][0])}"
        score_files(ws, run_id, source_id).add(name, ids[new], scores[new])


@_steady
def scores_of(
    ws: Workspace, run_id: int, source_id: int, *, limit: int | None = None
) -> tuple[Ids, NDArray[np.float64]]:
    """Return cutout ids and scores of a source, highest score first (ties by cutout id).

    With `limit` the best, for which no more than some millions of scores are held at once.
    """
    best = Best(None) if limit is None else score_files(ws, run_id, source_id).best(limit)
    in_database = [_kept_in_database(ws, run_id, source_id)]
    for ids, scores in _blocks(ws, run_id, source_id) if limit is None else in_database:
        best.add(ids, scores)
    return best.ordered()


@once
def count_of(ws: Workspace, run_id: int, source_id: int) -> int:
    """Return how many cutouts of a source a run has scored."""
    earlier = _of_pair(run_id, source_id)
    with ws.database.read() as connection:
        kept = connection.scalar(select(func.count()).select_from(tables.scores).where(*earlier)) or 0
    return kept + score_files(ws, run_id, source_id).count()


@_steady
def count_at_least(ws: Workspace, run_id: int, source_id: int, threshold: float) -> int:
    """Return how many scores reach a threshold."""
    _, kept = _kept_in_database(ws, run_id, source_id)
    in_files = score_files(ws, run_id, source_id).count_at_least(threshold)
    return in_files + int(np.count_nonzero(kept >= threshold))


@_steady
def histogram_of(ws: Workspace, run_id: int, source_id: int) -> NDArray[np.int64]:
    """Return the number of scores in each bin of `lensapp.core.evaluate.histogram`, shape (65536,).

    Scores outside 0 to 1, which tables of others may hold, count at the ends.
    """
    _, kept = _kept_in_database(ws, run_id, source_id)
    of_kept = np.bincount(bin_of(np.clip(kept, 0.0, 1.0)), minlength=BINS)
    return score_files(ws, run_id, source_id).histogram() + of_kept


@_steady
def scores_for(
    ws: Workspace, run_id: int, source_id: int, cutout_ids: ArrayLike, *, but: str | None = None
) -> NDArray[np.float64]:
    """Return a run's scores of some cutouts of a source in the order given, NaN where there is none.

    Parts whose names begin with `but` are not looked into.
    """
    ids = np.asarray(cutout_ids, np.int64)
    scores = score_files(ws, run_id, source_id).scores_for(ids, but=but)
    reach = tables.scores.c.cutout_id.between(int(ids.min()), int(ids.max())) if len(ids) else sql_false()
    kept_ids, kept = _kept_in_database(ws, run_id, source_id, reach)
    if len(kept_ids) and len(ids):
        order = np.argsort(kept_ids)
        rows = order[np.minimum(np.searchsorted(kept_ids, ids, sorter=order), len(kept_ids) - 1)]
        scores = np.where(kept_ids[rows] == ids, kept[rows], scores)
    return scores


def scores_of_cutouts(ws: Workspace, run_id: int, cutout_ids: Sequence[int]) -> dict[int, float]:
    """Return the scores that a run gave to these cutouts, by cutout id; unscored ones are left out."""
    scores: dict[int, float] = {}
    for source_id, ids in _by_source(ws, cutout_ids).items():
        values = scores_for(ws, run_id, source_id, ids)
        scored = np.flatnonzero(np.isfinite(values)).tolist()
        scores |= {ids[row]: float(values[row]) for row in scored}
    return scores


def scores_of_cutout(ws: Workspace, cutout_id: int) -> list[tuple[int, float]]:
    """Return (run id, score) for each run that scored a cutout, oldest run first."""
    scored: list[tuple[int, float]] = []
    for source_id, ids in _by_source(ws, [cutout_id]).items():
        run_ids = [run for run, _, _ in score_counts(ws, source_id=source_id)]
        values = [(run, float(scores_for(ws, run, source_id, ids)[0])) for run in run_ids]
        scored += [(run, score) for run, score in values if not np.isnan(score)]
    return scored


@once
def score_counts(
    ws: Workspace, *, run_id: int | None = None, source_id: int | None = None
) -> list[tuple[int, int, int]]:
    """Return (run id, source id, number of scores) of each pair with scores that is not deleted, sorted.

    With `run_id` those of one run, with `source_id` those of one source.
    """
    table = tables.scores
    of_pairs = *matches(table.c.run_id, run_id), *matches(table.c.source_id, source_id)
    kept = select(table.c.run_id, table.c.source_id, func.count()).where(*of_pairs)
    with ws.database.read() as connection:
        in_database = connection.execute(kept.group_by(table.c.run_id, table.c.source_id)).all()
        run_ids, source_ids = (
            {
                row.name: row.id
                for row in connection.execute(
                    select(named.c.name, named.c.id).where(not_in_trash(named), *matches(named.c.id, key))
                )
            }
            for named, key in ((tables.runs, run_id), (tables.sources, source_id))
        )
    here = set(run_ids.values()), set(source_ids.values())
    counts = {
        (run, source): count for run, source, count in in_database if run in here[0] and source in here[1]
    }
    for run_name, run in run_ids.items():
        for folder in (ws.run_folder(run_name) / FOLDER).glob("*"):
            source = source_ids.get(folder.name)
            count = 0 if source is None else ScoreFiles(folder).count()
            if count:
                counts[run, source] = counts.get((run, source), 0) + count
    return [(run, source, count) for (run, source), count in sorted(counts.items())]


@once
def scored_sources(ws: Workspace, run_id: int) -> list[int]:
    """Return the keys of the sources that a run has scores of, in their order."""
    kept = select(tables.scores.c.source_id).where(tables.scores.c.run_id == run_id).distinct()
    with ws.database.read() as connection:
        scored = set(connection.scalars(kept))
        folders = (ws.run_folder(_name_of(ws, tables.runs, run_id)) / FOLDER).glob("*")
        names = [folder.name for folder in folders if ScoreFiles(folder).count()]
        of_names = select(tables.sources.c.id).where(tables.sources.c.name.in_(names))
        scored.update(connection.scalars(of_names))
    return sorted(scored)


def delete_scores(ws: Workspace, run_id: int, source_id: int) -> None:
    """Remove the scores that a run gave to a source, because its network has changed since."""
    score_files(ws, run_id, source_id).clear()
    with ws.database.write() as connection:
        connection.execute(delete(tables.scores).where(*_of_pair(run_id, source_id)))


def _blocks(ws: Workspace, run_id: int, source_id: int) -> Iterator[Block]:
    yield _kept_in_database(ws, run_id, source_id)
    yield from score_files(ws, run_id, source_id).blocks()


def _of_pair(run_id: int, source_id: int) -> tuple[Any, Any]:
    return tables.scores.c.run_id == run_id, tables.scores.c.source_id == source_id


def _kept_in_database(ws: Workspace, run_id: int, source_id: int, *among: ColumnElement[bool]) -> Block:
    """Return the scores that an earlier version of the program stored, those that meet conditions."""
    table = tables.scores
    statement = select(table.c.cutout_id, table.c.score).where(*_of_pair(run_id, source_id), *among)
    with ws.database.read() as connection:
        columns = fetch_columns(connection, statement, {"cutout_id": "int64", "score": "float64"})
    return columns["cutout_id"], columns["score"]


def _by_source(ws: Workspace, cutout_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return cutout ids by the source that they belong to."""
    table = tables.cutouts
    by_source: dict[int, list[int]] = {}
    with ws.database.read() as connection:
        for part in chunks([int(key) for key in cutout_ids]):
            statement = select(table.c.id, table.c.source_id).where(table.c.id.in_(part))
            for key, source_id in connection.execute(statement):
                by_source.setdefault(source_id, []).append(key)
    return by_source
