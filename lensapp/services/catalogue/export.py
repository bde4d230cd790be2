"""Export a labelled catalogue: write it with every vote, draw its candidates, send it to other tools."""

import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lensapp.core.acting import acting_as, current_actor, this_program
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, StorageError
from lensapp.services.catalogue.charts import write_sheet
from lensapp.services.catalogue.export_columns import with_source_columns
from lensapp.services.catalogue.export_tables import ColumnMeaning, catalogue_meanings
from lensapp.services.catalogue.formats import ENDINGS, Export, Write, files_of
from lensapp.services.catalogue.provenance import provenance
from lensapp.services.catalogue.query import Selection, catalogue_of, select
from lensapp.services.catalogue.samp import send_table
from lensapp.storage import sources
from lensapp.storage.care.trail import EXPORTED, note_change
from lensapp.storage.files import whole_file
from lensapp.storage.workspace import Workspace

SENT_SECONDS = 86_400  # for which a tool that was told of a table may take to read it


def export(
    ws: Workspace,
    query: CatalogueQuery,
    *,
    out: Path | None = None,
    sheet: Path | None = None,
    sheet_columns: int = 6,
    samp: bool = False,
    order: Sequence[int] | None = None,
    taken: str | None = None,
) -> dict[str, Any]:
    """Write the catalogue of a query, draw it, or send it to the tools on this machine.

    Every vote on the sources, or on the review, stands in a second file `<stem>_votes`, whatever the filters
    of the catalogue leave. It is a file of its own, so that a reader that expects one table finds the
    catalogue; CSV, which has no header, also gets `<stem>_provenance.json`. DS9 regions hold positions only.
    Existing files are replaced only when all new ones are complete.

    Parameters
    ----------
    out, sheet
        Paths of the catalogue (.csv, .ecsv, .fits, .parquet, .vot or .reg) and of finder charts (.pdf, .png).
    samp
        Whether to write a VOTable into the workspace and ask other tools to load it.
    order
        IDs of cutouts in the order of the rows; where it is None the best grade comes first, then the
        highest score.
    taken
        Name of the file that is wanted of those written, as the history tells; that of `out` where None.

    Returns
    -------
    dict
        With `out`: out, files, format, rows, votes, source, method, run, reviews, without_position. With
        `sheet`: sheet, candidates, pages. With `samp`: sent (path), sent_to (names of the tools), rows.

    Raises
    ------
    NotFound, InvalidInput
        When a name or an ending is unknown, a folder does not exist, no candidate is left, or no tool takes
        tables.
    StorageError
        When the files cannot be written, or no SAMP hub answers.
    """
    files = None if out is None else _checked_files(out)
    selection = select(ws, query)
    table = catalogue_of(ws, selection)
    if order is None:
        table = table.sort_values(["mean", "score"], ascending=False, kind="stable", na_position="last")
        table = table.reset_index(drop=True)
    else:  # what came to pass since stands at the end
        place = {key: row for row, key in enumerate(order)}
        places = table["cutout_id"].map(lambda key: place.get(int(key), len(place)))
        table = table.iloc[np.argsort(places.to_numpy(np.int64), kind="stable")].reset_index(drop=True)
    report: dict[str, Any] = {}
    if out is not None and files is not None:
        report |= _write(ws, selection, table, out=out, files=files)
        actor = current_actor()
        with acting_as(replace(this_program(), name=actor.name if actor else "")):  # to look takes no right
            for name in () if ws.database.read_only else query.of:
                note_change(ws.database, EXPORTED, kind="source", name=name, detail=taken or out.name)
    if sheet is not None:
        report |= write_sheet(ws, candidates=table, out=sheet, columns=sheet_columns, method=query.consensus)
    if samp:
        # A name of its own for a table that other tools are going to read; those of yesterday go.
        folder = ws.exports_folder / "sent"
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if time.time() - path.stat().st_mtime > SENT_SECONDS:
                path.unlink(missing_ok=True)
        path = folder / f"{query.name}-{uuid.uuid4().hex[:8]}.vot"
        rows = _write(ws, selection, table, out=path, files=_checked_files(path))["rows"]
        report |= {"sent": str(path), "sent_to": send_table(path, name=query.name), "rows": rows}
    return report


def first_rows(ws: Workspace, query: CatalogueQuery, table: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """Return the first rows of a catalogue with the columns, in their order, that its export has."""
    owners = [sources.get_source(ws.database, name) for name in query.of]
    brought: dict[str, ColumnMeaning] = {}
    head = table.head(most)
    if query.columns:
        head, brought = with_source_columns(ws, owners, head, query.columns)
    return head[[*catalogue_meanings(head.drop(columns=list(brought))), *brought]]


def _checked_files(out: Path) -> dict[Path, Write]:
    files = files_of(out)
    if files is None:
        raise InvalidInput(f"{out.name!r} has no known ending: let it end in {', '.join(ENDINGS)}.")
    if not out.parent.is_dir():
        raise InvalidInput(f"There is no folder {out.parent}. Make it or choose another.")
    folders = [path.name for path in files if path.is_dir()]
    if folders:
        raise InvalidInput(f"{', '.join(folders)} is a folder, not a file. Choose another name.")
    return files


def _write(
    ws: Workspace, selection: Selection, table: pd.DataFrame, *, out: Path, files: dict[Path, Write]
) -> dict[str, Any]:
    if table.empty:
        filters = ", ".join(f"{name} {value}" for name, value in selection.query.filters().items())
        raise InvalidInput(
            f"No candidate of {selection.query.name} passes the filters ({filters or 'none set'}). "
            "Widen them."
        )
    table, meanings = with_source_columns(ws, selection.sources, table, selection.query.columns)
    votes = selection.vote_table(ws)
    made_by = provenance(ws, selection)
    write_whole(Export(table, votes, made_by, meanings), files)
    return {
        "out": str(out),
        "files": [str(path) for path in files],
        "format": out.suffix.lower().lstrip("."),
        "rows": len(table),
        "votes": len(votes),
        "source": made_by["source"],
        "method": made_by["consensus"],
        "run": made_by["run"] or None,
        "reviews": [review.name for review in selection.reviews],
        "without_position": int((~np.isfinite(table["ra"]) | ~np.isfinite(table["dec"])).sum()),
        "warnings": [] if selection.known is None else list(selection.known.warnings),
    }


def write_whole(export: Export, files: dict[Path, Write]) -> None:
    """Write every file beside its place, then move all into place; on failure leave what was there.

    Raises
    ------
    StorageError
        When a file cannot be written.
    """
    try:
        with ExitStack() as stack:
            for path, write in files.items():
                write(export, stack.enter_context(whole_file(path)))
    except OSError as error:
        names = ", ".join(path.name for path in files)
        raise StorageError(
            f"{names} could not be written: {error.strerror or error}. Free space or choose another folder."
        ) from error
