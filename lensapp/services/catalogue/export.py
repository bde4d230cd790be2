"""Export a labelled catalogue with every vote and its provenance, whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, StorageError
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.services.catalogue.formats import Export, Write, files_of
from lensapp.services.catalogue.provenance import provenance
from lensapp.services.catalogue.query import catalogue, choose_run
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, KnownLenses, load_known_lenses
from lensapp.services.inspect.review_selection import choose_reviews, chosen_sources
from lensapp.services.inspect.vote_export import vote_table
from lensapp.storage import reviews, runs, sources
from lensapp.storage.workspace import Workspace

ENDINGS = (".csv", ".ecsv", ".fits", ".parquet", ".vot", ".reg")


def export_catalogue(
    ws: Workspace,
    *,
    source_name: str,
    out: Path,
    also_sources: Sequence[str] = (),
    run_name: str | None = None,
    review_names: Sequence[str] | None = None,
    min_score: float | None = None,
    grades: Sequence[str] | None = None,
    known: KnownLenses | None = None,
    radius_arcsec: float = DEFAULT_RADIUS_ARCSEC,
    cutout_ids: NDArray[np.int64] | None = None,
    method: ConsensusSpec | None = None,
) -> dict[str, Any]:
    """Write the catalogue of one or more sources to `out`, in the format of its ending.

    FITS and VOTable hold the votes as a second table; CSV, ECSV and Parquet get a second file
    `<stem>_votes`; CSV, which has no header, also `<stem>_provenance.json`. DS9 regions hold positions only.
    Existing files are replaced only when all new ones are complete.

    Parameters
    ----------
    ws
        The workspace.
    out
        Path that ends in .csv, .ecsv, .fits, .parquet, .vot or .reg.
    source_name, also_sources, run_name, review_names, min_score, grades
        As `lensapp.services.catalogue.query.catalogue`.
    known, radius_arcsec, cutout_ids, method
        As `lensapp.services.catalogue.query.catalogue`.

    Returns
    -------
    dict
        out, files, format, rows, votes, source, method, run, reviews, without_position.

    Raises
    ------
    NotFound
        When a name is unknown.
    InvalidInput
        When the ending is unknown, the folder does not exist, or no candidate is left.
    StorageError
        When the files cannot be written.
    """
    files = _checked_files(out)
    frame = catalogue(
        ws, source_name=source_name, also_sources=also_sources, run_name=run_name,
        review_names=review_names, min_score=min_score, grades=grades, known=known,
        radius_arcsec=radius_arcsec, cutout_ids=cutout_ids, method=method,
    )  # fmt: skip
    if frame.empty:
        raise InvalidInput(
            f"Expected candidates of {source_name} to export, received none after the filters (min score "
            f"{min_score}, grades {', '.join(grades or ()) or 'any'}). Widen them."
        )
    shown = chosen_sources(ws, source_name, also_sources)
    export = Export(
        catalogue=frame,
        votes=vote_table(
            ws, source_name=source_name, also_sources=also_sources, review_names=review_names,
            cutout_ids=frame["cutout_id"].to_numpy(np.int64),
        ),
        provenance=provenance(
            ws, shown=shown, run=choose_run(ws, shown, run_name),
            reviews=choose_reviews(ws, shown, review_names), method=method or ConsensusSpec(),
            known=known, radius_arcsec=radius_arcsec,
            filters={"min_score": min_score, "grades": ", ".join(grades) if grades else None},
        ),
    )  # fmt: skip
    write_whole(export, files)
    return _report(export, files, out)


def _checked_files(out: Path) -> dict[Path, Write]:
    files = files_of(out)
    if files is None:
        raise InvalidInput(
            f"Expected a file that ends in {', '.join(ENDINGS)}, received {out.name!r}. Choose one of them."
        )
    if not out.parent.is_dir():
        raise InvalidInput(f"Expected an existing folder, received {out.parent}. Make it or choose another.")
    folders = [path.name for path in files if path.is_dir()]
    if folders:
        raise InvalidInput(
            f"Expected names for files, received {', '.join(folders)}, a folder. Choose another."
        )
    return files


def write_whole(export: Export, files: dict[Path, Write]) -> None:
    """Write every file beside its place, then move all into place; on failure leave what was there.

    Raises
    ------
    StorageError
        When a file cannot be written.
    """
    # The ending stays last: some writers choose their format by it.
    partials = {path: path.with_name(f".{path.stem}.partial{path.suffix}") for path in files}
    try:
        for path, write in files.items():
            partials[path].unlink(missing_ok=True)
            write(export, partials[path])
        for path, partial in partials.items():
            partial.replace(path)
    except OSError as error:
        names = ", ".join(path.name for path in files)
        raise StorageError(
            f"Expected to write {names}, received {error.strerror or error}. "
            "Free space or choose another folder."
        ) from error
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def _report(export: Export, files: dict[Path, Write], out: Path) -> dict[str, Any]:
    frame = export.catalogue
    return {
        "out": str(out),
        "files": [str(path) for path in files],
        "format": out.suffix.lower().lstrip("."),
        "rows": len(frame),
        "votes": len(export.votes),
        "source": export.provenance["source"],
        "method": export.provenance["consensus"],
        "run": export.provenance["run"] or None,
        "reviews": [name for name in export.provenance["reviews"].split(", ") if name],
        "without_position": int((~np.isfinite(frame["ra"]) | ~np.isfinite(frame["dec"])).sum()),
    }


def export(
    ws: Workspace,
    *,
    name: str,
    out: Path,
    run_name: str | None = None,
    min_score: float | None = None,
    grades: Sequence[str] | None = None,
    known_lenses: Path | str | None = None,
    radius_column: str | None = None,
    radius_arcsec: float = DEFAULT_RADIUS_ARCSEC,
    method: ConsensusSpec | None = None,
) -> dict[str, Any]:
    """Write the catalogue of a source with all its reviews, or of one review's candidates and votes.

    Parameters
    ----------
    ws
        The workspace.
    name
        A source or a review; a source goes first.
    out, run_name, min_score, grades, radius_arcsec, method
        As `export_catalogue`; a review over several sources is written with all of them, and its
        default run is the one it was opened with.
    known_lenses
        Table of known lenses to match by position, or "lenscat".
    radius_column
        Column of that table with each one's own match radius in arcseconds.

    Raises
    ------
    NotFound, InvalidInput, StorageError
        As `export_catalogue`.
    """
    _checked_files(out)
    return export_catalogue(
        ws,
        out=out,
        min_score=min_score,
        grades=grades,
        known=None if known_lenses is None else load_known_lenses(known_lenses, radius_column=radius_column),
        radius_arcsec=radius_arcsec,
        method=method,
        **scope_of(ws, name).options(run_name),
    )


class Scope(NamedTuple):
    """What a name stands for: a source with all its reviews, or the candidates of one review."""

    source_name: str
    also_sources: tuple[str, ...] = ()
    run_name: str | None = None
    review_names: tuple[str, ...] | None = None
    cutout_ids: NDArray[np.int64] | None = None

    def options(self, run_name: str | None) -> dict[str, Any]:
        """Return the scope as arguments of `catalogue`, with another run where one is named."""
        return self._asdict() | {"run_name": run_name or self.run_name}


def scope_of(ws: Workspace, name: str) -> Scope:
    """Return what an export of `name` holds; a source goes before a review of that name."""
    every = {review.name: review for review in reviews.list_reviews(ws.database)}
    taken = {source.name for source in sources.list_sources(ws.database)}
    if name in taken or name not in every:
        return Scope(name)
    review = every[name]
    run = None if review.run_id is None else runs.run_by_id(ws.database, review.run_id).name
    first, *others = (
        sources.source_by_id(ws.database, key).name for key in reviews.source_ids_of(ws.database, review)
    )
    return Scope(first, tuple(others), run, (name,), reviews.queue_of(ws.database, review.id))
