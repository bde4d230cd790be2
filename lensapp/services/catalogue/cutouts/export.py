"""Write the cutouts of a source, a review or a filtered catalogue for other programs, as a job."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.catalogue.cutout_export_spec import CutoutExportSpec
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, JobCancelled, StorageError
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.job_kinds import CutoutExportPayload
from lensapp.services.catalogue.cutouts.array_files import facts_of, write_hdf5, write_npz, write_zarr
from lensapp.services.catalogue.cutouts.blocks import CutoutSet, cutout_set
from lensapp.services.catalogue.cutouts.subject_set import write_subject_set
from lensapp.services.catalogue.provenance import provenance
from lensapp.services.catalogue.query import catalogue_of, select
from lensapp.services.data.known_lenses import copy_for_job
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

KIND = "export-cutouts"
Writer = Callable[
    [CutoutSet, Path, CutoutExportSpec, dict[str, Any], Callable[[int], None]],
    list[Path],
]
WRITERS: dict[str, Writer] = {
    ".zarr": write_zarr,
    ".h5": write_hdf5,
    ".hdf5": write_hdf5,
    ".npz": write_npz,
    "": write_subject_set,
}
"""What writes a name with each ending; one without is a folder of FITS and JPEG."""


def unused_path(folder: Path, name: str, ending: str) -> Path:
    """Return a path in `folder` that nothing has yet: the name, or the name with a number."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = ("", *(f"-{number}" for number in range(2, 10_000)))
    return next(
        path for number in numbers if not (path := folder / f"{name}_cutouts{number}{ending}").exists()
    )


@needs("work")
def start_cutout_export(ws: Workspace, query: CatalogueQuery, spec: CutoutExportSpec, *, out: Path) -> Job:
    """Queue the writing of the cutouts of a query to `out`, with the table of known lenses as it is now.

    Raises
    ------
    InvalidInput
        When the ending is unknown, the folder does not exist, or `out` is there already.
    """
    out = out.expanduser().absolute()
    _check(out)
    if query.known_lenses is not None:
        of_jobs = [
            str(job.payload["query"].get("known_lenses") or "")
            for job in jobs.recent(ws.database, limit=jobs.JOBS_SEARCHED)
            if job.kind == KIND and job.state != "done"
        ]
        table = copy_for_job(ws, query.known_lenses, in_use=of_jobs)
        query = query.replaced(known_lenses=table)
    payload: CutoutExportPayload = {"query": query.saved(), "out": str(out), "spec": spec.saved()}
    title = f"Write cutouts of {query.name} to {out.name}"
    return jobs.enqueue(ws.database, kind=KIND, title=title, payload=payload, once=True)


def export_cutouts(
    workspace: Workspace,
    *,
    query: dict[str, Any],
    out: str,
    spec: CutoutExportSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Write the cutouts of a query, a block at a time; the work of the job.

    Returns
    -------
    dict
        out, files, cutouts, bands, shape (of `images`, or y and x of a subject set), planes.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When the query names nothing, or its sources do not fit together.
    StorageError
        When the files cannot be written.
    JobCancelled
        When `should_stop` asked for it; nothing is left of it.
    """
    path = Path(out)
    _check(path)
    selection = select(workspace, CatalogueQuery.parse(query))
    cutouts = cutout_set(
        workspace, selection.sources, catalogue_of(workspace, selection), with_planes=spec.planes
    )
    facts = facts_of(cutouts, spec, dict(provenance(workspace, selection)))
    meter = ProgressMeter(report, len(cutouts), "{done} of {total} cutouts written")

    def count(written: int) -> None:
        meter.add(written)
        if should_stop() is not None:
            raise JobCancelled(f"The writing of {path.name} was stopped; nothing was kept.")

    try:
        files = _whole(path, cutouts, spec, facts, count)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(
            f"{path.name} could not be written: {reason}. Free space or choose another folder."
        ) from error
    return {
        "out": str(path),
        "files": [str(file) for file in files],
        "cutouts": len(cutouts),
        "bands": list(cutouts.bands),
        "axes": spec.axes if path.suffix else "one FITS file each",
        "shape": list(cutouts.shape),
        "planes": [plane.word for plane in cutouts.planes],
    }


def _whole(
    path: Path,
    cutouts: CutoutSet,
    spec: CutoutExportSpec,
    facts: dict[str, Any],
    count: Callable[[int], None],
) -> list[Path]:
    write = WRITERS[path.suffix.lower()]
    if path.suffix:
        return write(cutouts, path, spec, facts, count)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        write(cutouts, partial, spec, facts, count)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [path]


def _check(out: Path) -> None:
    if out.suffix.lower() not in WRITERS:
        raise InvalidInput(
            f"{out.name!r} has no known ending: let it end in {', '.join(filter(None, WRITERS))}, or "
            "name a new folder for FITS and JPEG files."
        )
    if not out.parent.is_dir():
        raise InvalidInput(f"There is no folder {out.parent}. Make it or choose another.")
    if out.exists() and out.suffix.lower() not in (".h5", ".hdf5", ".npz"):
        raise InvalidInput(f"{out} is there already. Remove it or choose another name.")
