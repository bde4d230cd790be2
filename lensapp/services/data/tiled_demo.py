"""Make a demo survey as large ones come: tiles and a catalogue, out of which cutouts are read."""

import shutil
from pathlib import Path
from typing import Any

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import JobCancelled
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.ingest.importer import refuse_taken, run_import
from lensapp.job_kinds import SurveyPayload
from lensapp.services.data.demo_tiles import CATALOGUE, TileSpec, fields_of, write_tiles
from lensapp.simulation.survey import DemoSpec
from lensapp.storage.care.inventory import UPLOADS
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

KIND = "demo-tiles"


class TiledDemoSpec(DemoSpec, TileSpec):
    """Settings of a simulated survey whose cutouts stay in its tiles."""


@needs("work")
def start_tiled_demo(workspace: Workspace, *, name: str, spec: TiledDemoSpec) -> Job:
    """Queue the simulation of a survey's tiles, and of a source called `name` that is cut out of them.

    Raises
    ------
    InvalidInput
        When the name is taken, or the objects do not fit into the tiles.
    """
    refuse_taken(workspace, name=name, spec=_import_of(workspace, name, spec))
    next(fields_of(spec, spec))
    payload: SurveyPayload = {"name": name, "spec": spec.saved()}
    return jobs.enqueue(workspace.database, kind=KIND, title=f"Simulate {name}", payload=payload, once=True)


def simulate_tiles(
    workspace: Workspace,
    *,
    name: str,
    spec: TiledDemoSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Write the tiles of a survey beside what was sent to the workspace, and import them, left as they are.

    Tiles that are whole are taken as they are; those of a call that was stopped are made anew.

    Raises
    ------
    InvalidInput
        When the name is taken or the objects do not fit into the tiles.
    JobCancelled
        When `should_stop` answered.
    """
    imported = _import_of(workspace, name, spec)
    folder = Path(imported.path)
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        meter = ProgressMeter(report, spec.count, "{done} of {total} objects")
        meter.show()
        done = 0
        for count in write_tiles(partial, spec, spec):
            meter.add(count - done)
            done = count
            if should_stop():
                raise JobCancelled("The simulation was stopped. Start it again to begin anew.")
        partial.rename(folder)
    return run_import(workspace, name=name, spec=imported, report=report, should_stop=should_stop)


def _import_of(workspace: Workspace, name: str, spec: TiledDemoSpec) -> IngestSpec:
    """Return the import of the tiles of a survey."""
    folder = (workspace.folder / UPLOADS / f"{name}-tiles").absolute()
    return IngestSpec(
        path=str(folder),
        layout="tiles",
        catalogue=str(folder / CATALOGUE),
        label_column="label" if spec.labelled else None,
        bands=spec.bands,
        size=spec.size,
        virtual=True,
    )
