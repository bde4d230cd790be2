"""Import files as a source: parallel writers, resumable, readable only when it is complete."""

import shutil
from typing import Any

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.processors import processors
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.ingest.catalogue_match import Joiner
from lensapp.ingest.gate.subprocesses import alone
from lensapp.ingest.import_run import ImportRun
from lensapp.ingest.journal import Journal, fingerprint
from lensapp.ingest.plan import make_plan
from lensapp.ingest.refusals import CRASHED
from lensapp.ingest.tiles.tile_plan import TileCandidates
from lensapp.ingest.tiles.virtual import register_places, write_places
from lensapp.storage import sources
from lensapp.storage.arrays import Packing, ShardWriter, create_planes
from lensapp.storage.cutouts import source_unit
from lensapp.storage.records import Source
from lensapp.storage.tiles.tiled_cutouts import BESIDE
from lensapp.storage.workspace import Workspace


def run_import(
    ws: Workspace,
    *,
    name: str,
    spec: IngestSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
    processes: int | None = None,
) -> dict[str, Any]:
    """Import the files of `spec` as the source `name`.

    An import that was stopped or killed goes on when it is run again with the same name and settings.

    Parameters
    ----------
    processes
        Number of reading processes; default: one per processor.

    Returns
    -------
    dict
        source, accepted, rejected (file and reason of each), bands, shape (y, x), unit (of flux, in words)
        and warnings.

    Raises
    ------
    InvalidInput
        When the settings do not fit the files, the name is taken, or no candidate could be used; the
        workspace is then as before.
    JobCancelled
        When `should_stop` asked for it; what was done is kept.
    """
    refuse_taken(ws, name=name, spec=spec)
    report({"fraction": 0.0, "message": "Looking through the files", "rate": None, "seconds_left": None})
    run = _begin_or_resume(ws, name, spec)
    if spec.virtual:
        register_places(run, report=report, should_stop=should_stop)
    elif not run.complete:
        ShardWriter.create(run.folder, run.packing)
        create_planes(run.folder, run.packing, run.plan.recipe.beside)
        run.journal.start(run.notes)
        run.pack(processes=processes or processors(), report=report, should_stop=should_stop)
        if isinstance(run.plan.candidates, TileCandidates):  # for a look around the cutouts
            write_places(run, run.folder / BESIDE)
    rejections = run.rejections()
    accepted = sources.count_cutouts(ws.database, run.source.id)
    if not accepted:
        _discard(ws, run.source)
        first = rejections[0]
        raise InvalidInput(
            f"No usable candidate: {len(rejections)} were all refused, the first ({first.file}) as "
            f"{first.code}: {first.reason}. A dry run lists all reasons."
        )
    quality = run.finish(rejections)
    source = sources.source_by_id(ws.database, run.source.id)  # with what is known of it now
    return {
        "source": name,
        "accepted": accepted,
        "rejected": [{"file": r.file, "reason": f"{r.code}: {r.reason}"} for r in rejections],
        "bands": list(run.packing.bands),
        "shape": [run.packing.height, run.packing.width],
        "unit": source_unit(ws, source).in_words(run.packing.bands),
        "warnings": quality["warnings"],
    }


def _begin_or_resume(ws: Workspace, name: str, spec: IngestSpec) -> ImportRun:
    """Plan an import and register its source, or take up what an earlier run of it has stored."""
    plan = alone(make_plan, spec)
    if plan is None:
        raise InvalidInput(CRASHED)
    packing = Packing.plan(
        slots=len(plan.candidates),
        height=plan.recipe.height,
        width=plan.recipe.width,
        bands=plan.recipe.bands,
        dtype=spec.dtype,
    )
    journal = Journal(ws.cutouts_folder(name), fingerprint(plan.recipe, plan.candidates))
    source, notes = _find(ws, name), journal.read()
    if source is not None and notes is None:  # the files have changed since an earlier run
        _discard(ws, source)
        source = None
    if source is None:
        notes = []
        source = sources.create_source(
            ws.database,
            name=name,
            kind="import",
            bands=packing.bands,
            height=packing.height,
            width=packing.width,
            slots=packing.slots,
            pixel_scale_arcsec=plan.pixel_scale_arcsec,
            spec=spec.saved(),
        )
        shutil.rmtree(ws.cutouts_folder(name), ignore_errors=True)  # of a source deleted from the database
    return ImportRun(ws, source, plan, packing, journal, Joiner(plan, spec), notes or [])


def discard_import(ws: Workspace, *, name: str) -> None:
    """Delete an unfinished import with all it has written.

    Raises
    ------
    InvalidInput
        When the source is finished: it may be in use.
    """
    source = sources.get_source(ws.database, name)
    if source.state == sources.READY:
        raise InvalidInput(
            f"The import {name!r} is ready and is kept: only unfinished ones can be discarded."
        )
    _discard(ws, source)


def _discard(ws: Workspace, source: Source) -> None:
    sources.delete_source(ws.database, source.id)
    shutil.rmtree(ws.cutouts_folder(source.name), ignore_errors=True)


def refuse_taken(ws: Workspace, *, name: str, spec: IngestSpec) -> None:
    """Raise InvalidInput unless `name` is free, or of an unfinished import with the same settings."""
    source = _find(ws, name)
    if source is None:
        sources.check_free_name(ws.database, name)
        return
    if source.state == sources.READY:
        raise InvalidInput(f"There is a source {name!r} already. Choose an unused name.")
    if source.kind != "import" or not spec.is_saved_as(source.spec):
        raise InvalidInput(
            f"The unfinished import {name!r} began with other settings. Run it with the same settings, "
            "discard it, or choose another name."
        )


def _find(ws: Workspace, name: str) -> Source | None:
    return next((source for source in sources.list_sources(ws.database) if source.name == name), None)
