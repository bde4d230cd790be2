"""Scores that other programs gave to the cutouts of a source become runs without a network."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.align import ABSENT
from lensapp.core.config import write_json
from lensapp.core.data.sky import match_positions
from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.score.score_table_spec import (
    MODEL,
    ScoreTableSpec,
    best_by_place,
    count_outside,
    scores_from,
)
from lensapp.ingest.catalogues import other_spelling
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.ingest.score_tables import ScoreTable, read_score_table
from lensapp.job_kinds import ScoreTablePayload
from lensapp.services.access.roots import check_readable
from lensapp.services.data.import_paths import note_path
from lensapp.storage import datasets, runs, sources
from lensapp.storage.care.inventory import UPLOADS
from lensapp.storage.files import SCORED, checksum_of, require_file
from lensapp.storage.queries import Columns
from lensapp.storage.records import Job, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

COLUMNS = ("id", "candidate_id", "ra_deg", "dec_deg")
EXAMPLES = 3
LONGEST_NAME = 100
ROWS_AT_ONCE = 250_000
"""Scores in one transaction: votes wait no longer than it takes."""


@dataclass(frozen=True, eq=False)
class Join:
    """Which rows belong to which cutouts, by places that both share.

    Attributes
    ----------
    of_row, of_cutout : int64, shapes (n,) and (m,)
        Place of each row and each cutout, -1 where it has none.
    places
        How many places there are.
    without_key
        Rows that have no ID, or no position.
    unknown
        Rows whose ID is none of the source, or that lie beyond the radius of every cutout.
    farther
        Rows within the radius of a cutout to which a nearer row belongs.
    """

    of_row: NDArray[np.int64]
    of_cutout: NDArray[np.int64]
    places: int
    without_key: int
    unknown: int
    farther: int = 0

    def counts(self) -> dict[str, int]:
        """Return what became of rows that give no cutout its score; `duplicates` share one with another."""
        joined = self.of_row[self.of_row != ABSENT]
        return {
            "without_key": self.without_key,
            "unknown": self.unknown,
            "farther": self.farther,
            "duplicates": len(joined) - len(np.unique(joined)),
        }


@needs("work")
def start_score_import(
    ws: Workspace,
    *,
    file: Path,
    source_name: str,
    spec: ScoreTableSpec,
    name: str | None = None,
    dataset_name: str | None = None,
) -> Job:
    """Queue the import of a table of scores; one that waits or runs already is returned.

    Parameters
    ----------
    name
        Of the run, and where there are several columns what stands before their names; default: that of the
        file.
    dataset_name
        Dataset version by whose labels and parts the scores are measured; default: the newest that has
        cutouts of the source.

    Raises
    ------
    NotFound, InvalidInput
        When source or dataset do not exist or have nothing in common, the file is absent, or a name is taken.
    """
    source = sources.get_source(ws.database, source_name)
    sources.require_ready(source)
    check_readable(file, uploads=ws.folder / UPLOADS)
    require_file(file)
    if dataset_name is None:
        dataset_name = usual_dataset(ws, source_name)
    else:
        dataset = datasets.get_dataset(ws.database, dataset_name)
        if source.id not in dataset.source_ids:
            raise InvalidInput(
                f"{dataset.name} has no cutouts of {source.name}, so that it cannot measure its scores. "
                "Choose a version that has some, or leave --dataset out."
            )
    names = run_names(spec.scores, name=name, file=file)
    _refuse_taken(ws, names)
    payload: ScoreTablePayload = {
        "file": str(file.resolve()),
        "source": source.name,
        "names": names,
        "dataset": dataset_name,
        "spec": spec.saved(),
    }
    note_path(ws, str(file), "tables")
    title = f"Import scores of {source.name} from {file.name}"
    return jobs.enqueue(ws.database, kind="import-scores", title=title, payload=payload, once=True)


def _refuse_taken(ws: Workspace, names: Sequence[str]) -> None:
    """Refuse names that no run can have, or that another than an unfinished import has."""
    saved = {run.name: run for run in runs.list_runs(ws.database)}
    for one in names:
        held = saved.get(one)
        if held is not None and _is_done(held):
            raise InvalidInput(f"There is a run called {one!r} already. Choose another with --name.")
        if held is None:
            runs.check_free_name(ws.database, one)


def _is_done(run: Run) -> bool:
    """Return whether a run is another than an unfinished import, which may be gone on with."""
    return run.model != MODEL or run.state == "finished"


def free_name(ws: Workspace, columns: Sequence[str], *, file: Path) -> str:
    """Return the name of a file, with a number where runs of its columns are called so already."""
    taken = {run.name for run in runs.list_runs(ws.database) if _is_done(run)}
    stem = run_names(columns[:1], name=None, file=file)[0][: LONGEST_NAME // 2]
    numbered = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(one for one in numbered if taken.isdisjoint(run_names(columns, name=one, file=file)))


def usual_dataset(ws: Workspace, source_name: str) -> str | None:
    """Return the newest dataset version that has cutouts of a source, by which its scores are measured."""
    source = sources.get_source(ws.database, source_name)
    every = datasets.list_datasets(ws.database)
    return next((one.name for one in every if source.id in one.source_ids), None)


def run_names(columns: Sequence[str], *, name: str | None, file: Path) -> list[str]:
    """Return a name for the run of each column, or raise InvalidInput where two would be equal."""
    stem = name or re.sub(r"[^A-Za-z0-9._-]+", "_", file.name.split(".")[0]).lstrip("._-") or "scores"
    if len(columns) == 1:
        return [stem[:LONGEST_NAME]]
    names = [f"{stem}-{re.sub(r'[^A-Za-z0-9._-]+', '_', column)}"[:LONGEST_NAME] for column in columns]
    if len(set(names)) < len(names):
        raise InvalidInput(
            f"The columns {', '.join(columns)} would give runs of equal names. Name each once, or import "
            "them one by one with --name."
        )
    return names


def import_scores(
    workspace: Workspace,
    *,
    file: str,
    source_name: str,
    names: Sequence[str],
    dataset: str | None,
    spec: ScoreTableSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Make a run of each column of scores; what a stopped import has stored is not stored again.

    Where several rows belong to one cutout, the highest score counts.

    Returns
    -------
    dict
        source, dataset, joined_by ("id" or "position"), rows, without_key, unknown, farther, duplicates (rows
        beyond the first of a cutout's), warnings and, of each of `runs`: run, column, scored and unscored
        cutouts, no_number (rows of cutouts whose cell gives no score), outside (values outside 0 to 1) and
        contradicting (cutouts with several scores that differ).

    Raises
    ------
    NotFound, InvalidInput
        When the table cannot be read or joined, or values are outside 0 to 1 and nothing says what they are.
    JobCancelled
        When `should_stop` says so.
    """
    path, source = Path(file), sources.get_source(workspace.database, source_name)
    report({"fraction": 0.05, "message": f"reading {path.name}"})
    table: ScoreTable = isolated(read_score_table, path, spec)
    cutouts = sources.cutout_columns(workspace.database, [source.id], columns=COLUMNS)
    join = join_table(table, cutouts, spec, what=f"{path.name} and {source.name}")
    every = [scores_from(row, spec, column=name) for name, row in zip(table.names, table.values, strict=True)]
    joined = join.of_row != ABSENT
    meter = ProgressMeter(report, len(every) * len(cutouts["id"]), "{done} of {total} scores stored")
    described = {"file": path.name, "sha256": checksum_of(path), "source": source.name, "table": spec.saved()}
    home = workspace.folder.resolve()
    if path.is_relative_to(home / UPLOADS):  # goes with the last run that was read from it
        described["sent"] = path.relative_to(home).as_posix()
    made: list[tuple[Run, dict[str, Any]]] = []
    for name, column, values, scores in zip(names, table.names, table.values, every, strict=True):
        best, contradicting = best_by_place(join.of_row[joined], scores[joined], join.places)
        of_cutout = np.where(join.of_cutout == ABSENT, np.nan, best[join.of_cutout])
        run = _external_run(workspace, name, source, dataset, spec=described | {"column": column})
        _store(workspace, run, source, cutouts["id"], of_cutout, meter=meter, should_stop=should_stop)
        counts = {
            "column": column,
            "scored": int(np.isfinite(of_cutout).sum()),
            "unscored": int(np.isnan(of_cutout).sum()),
            "no_number": int(np.count_nonzero(~np.isfinite(values[joined]))),
            "outside": count_outside(values),
            "contradicting": contradicting,
        }
        made.append((run, counts))
    for run, counts in made:
        write_json(workspace.run_folder(run.name) / SCORED, {source.name: described["sha256"]})
        runs.update_run(workspace.database, run.id, state="finished", summary=counts, finished_at=time.time())
    return {
        "source": source.name,
        "dataset": dataset,
        "joined_by": "position" if table.ids is None else "id",
        "rows": len(table),
        **join.counts(),
        "runs": [{"run": run.name} | counts for run, counts in made],
        "warnings": list(table.warnings),
    }


def _store(
    ws: Workspace,
    run: Run,
    source: Source,
    cutout_ids: NDArray[np.int64],
    scores: NDArray[np.float64],
    *,
    meter: ProgressMeter,
    should_stop: ShouldStop,
) -> None:
    """Store scores but NaN, some at a time in the order of the cutouts' keys."""
    scored = np.flatnonzero(np.isfinite(scores))
    order = scored[np.argsort(cutout_ids[scored])]
    meter.add(len(scores) - len(scored))
    for start in range(0, len(order), ROWS_AT_ONCE):
        if should_stop():
            raise JobCancelled(f"Import stopped after {meter.text}.")
        some = order[start : start + ROWS_AT_ONCE]
        stored_scores.add_scores(ws, run.id, source.id, cutout_ids[some], scores[some])
        meter.add(len(some))
    stored_scores.score_files(ws, run.id, source.id).join()


def join_table(table: ScoreTable, cutouts: Columns, spec: ScoreTableSpec, *, what: str) -> Join:
    """Return which rows belong to which cutouts, or raise InvalidInput where none does to any.

    Parameters
    ----------
    cutouts
        Columns candidate_id, ra_deg and dec_deg of the cutouts.
    what
        The table and the source, for messages.
    """
    if table.ids is not None:
        join = _join_ids(table.ids, cutouts["candidate_id"])
        if not (join.of_row != ABSENT).any():
            theirs, ours = (
                ", ".join(map(str, ids[:EXAMPLES])) for ids in (table.ids, cutouts["candidate_id"])
            )
            raise InvalidInput(
                f"{what} have no ID in common ({theirs} … and {ours} …). Name the column of IDs with --id, "
                "or join by position with --join position."
            )
        return join
    join = _join_positions(table, cutouts, spec.radius_arcsec)
    if not (join.of_row != ABSENT).any():
        raise InvalidInput(
            f"{what} have no positions within {spec.radius_arcsec:g} arcsec of each other. Check the columns "
            "(--ra-column, --dec-column), or widen --radius-arcsec."
        )
    return join


def _join_ids(ids: NDArray[Any], names: NDArray[Any]) -> Join:
    """Join by ID as written, and what is then left by other spellings, such as 12.0 for 12."""
    import pandas

    of_row = pandas.Index(names.astype(object)).get_indexer(pandas.Index(ids))
    named = np.array([one is not None for one in ids], bool)
    left = np.flatnonzero((of_row == ABSENT) & named)
    if len(left):
        spelt = pandas.Series([other_spelling(str(one)) for one in names])
        once = np.flatnonzero(~spelt.duplicated(keep=False).to_numpy())
        found = pandas.Index(spelt.to_numpy()[once]).get_indexer([other_spelling(one) for one in ids[left]])
        of_row[left[found != ABSENT]] = once[found[found != ABSENT]]
    of_row = np.where(named, of_row, ABSENT).astype(np.int64)
    return Join(
        of_row=of_row,
        of_cutout=np.arange(len(names)),
        places=len(names),
        without_key=int((~named).sum()),
        unknown=int(np.count_nonzero((of_row == ABSENT) & named)),
    )


def _join_positions(table: ScoreTable, cutouts: Columns, radius_arcsec: float) -> Join:
    """Join each cutout to the nearest position of the table; rows at the very same position go together."""
    placed = np.isfinite(table.ra_deg + table.dec_deg)
    points = np.stack([table.ra_deg[placed], table.dec_deg[placed]], axis=1)
    distinct, of_point = np.unique(points, axis=0, return_inverse=True)
    of_cutout, _ = match_positions(
        cutouts["ra_deg"],
        cutouts["dec_deg"],
        table_ra_deg=distinct[:, 0],
        table_dec_deg=distinct[:, 1],
        radius_arcsec=radius_arcsec,
    )
    taken = np.zeros(len(distinct), bool)
    taken[of_cutout[of_cutout != ABSENT]] = True
    near, _ = match_positions(
        distinct[:, 0],
        distinct[:, 1],
        table_ra_deg=cutouts["ra_deg"],
        table_dec_deg=cutouts["dec_deg"],
        radius_arcsec=radius_arcsec,
    )
    of_point = of_point.ravel()
    of_row = np.full(len(table), ABSENT, np.int64)
    of_row[placed] = np.where(taken[of_point], of_point, ABSENT)
    farther = (~taken & (near != ABSENT))[of_point]
    unknown = (~taken & (near == ABSENT))[of_point]
    return Join(
        of_row, of_cutout, len(distinct), int((~placed).sum()), int(unknown.sum()), int(farther.sum())
    )


def _external_run(
    ws: Workspace, name: str, source: Source, dataset_name: str | None, *, spec: dict[str, Any]
) -> Run:
    """Return the run of a column, as a stopped import of the same has left it or new.

    Where no dataset version has cutouts of the source it stands on one without any.
    """
    held = next((run for run in runs.list_runs(ws.database) if run.name == name), None)
    if held is not None:
        if (held.model, held.spec) != (MODEL, spec) or held.state == "finished":
            raise InvalidInput(f"There is a run called {name!r} already. Choose another with --name.")
        return held
    with ws.database.whole():
        if dataset_name is None:
            dataset = datasets.create_elsewhere(ws.database, name=name, bands=source.bands)
        else:
            dataset = datasets.get_dataset(ws.database, dataset_name)
        ws.run_folder(name).mkdir(parents=True, exist_ok=True)
        return runs.create_run(ws.database, name=name, dataset_id=dataset.id, model=MODEL, spec=spec)
