"""Make a demo survey: simulate it in several processes and register it as a source.

Beside one with labels, to train on, goes one without, to search: with both a round closes, as with real data.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.data import imaging
from lensapp.core.data.fingerprints import perceptual_hash, pixel_digest
from lensapp.core.data.flux_units import factor_of_zero_point
from lensapp.core.errors import NotFound
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.job_kinds import SurveyPayload
from lensapp.services.data.made_in_parts import done_in_order, usual_processes
from lensapp.services.data.pictures import Pictures
from lensapp.services.data.source_names import free_name, name_taken
from lensapp.services.data.sources import ready_sources
from lensapp.simulation.survey import BesideSpec, DemoSpec, block_ranges, simulate
from lensapp.storage import sources
from lensapp.storage.arrays import MANIFEST, Packing, ShardWriter, write_flux_scales
from lensapp.storage.columns.source_columns import complete_source
from lensapp.storage.records import Job, Source
from lensapp.storage.workspace import Workspace

KIND = sources.SIMULATED
UNLABELLED = "-survey"  # after the name of the demo survey beside which one without labels is made


@dataclass(frozen=True)
class Part:
    """Cutouts `start` … `stop` of a survey and where their pixels go."""

    spec: DemoSpec
    start: int
    stop: int
    folder: Path
    packing: Packing


@lru_cache(maxsize=1)
def example_lenses(count: int = 12) -> Pictures:
    """Return pictures of simulated lenses with clear wide arcs, shape (count, row, column, 3)."""
    spec = DemoSpec(count=5 * count, lens_fraction=0.5, seed=11)
    batch = simulate(spec)
    clear = [
        one.properties["arc_snr"] * one.properties["einstein_radius_arcsec"] ** 2
        if one.label == "lens"
        else 0
        for one in batch.truth
    ]
    chosen = np.sort(np.argsort(clear)[::-1][:count])
    levels = imaging.levels_of_sample(batch.pixels, in_flux=True)
    return imaging.render(batch.pixels[chosen], bands=spec.bands, levels=levels)


@needs("work")
def start_demo(workspace: Workspace, *, name: str, spec: DemoSpec) -> Job:
    """Register a demo survey called `name` and queue its simulation.

    Raises
    ------
    InvalidInput
        When the name is taken by anything but the same survey, stopped half way.
    """
    return start_demo_with_survey(workspace, name=name, spec=spec, beside=BesideSpec(unlabelled=0))[0]


@needs("work")
def start_demo_with_survey(
    workspace: Workspace, *, name: str, spec: DemoSpec, beside: BesideSpec
) -> list[Job]:
    """Queue a demo survey called `name`, then one without labels called as `survey_name` says.

    Those of the two that are finished already, when they were stopped half way, are left as they are.

    Raises
    ------
    InvalidInput
        When a name is taken by anything but the same survey, or both surveys are finished.
    """
    wanted = {name: spec}
    if survey := beside.of(spec):
        wanted[survey_name(name)] = survey
    for each, of in wanted.items():  # before anything is registered
        if _same_survey(workspace, name=each, spec=of) is None:
            sources.check_free_name(workspace.database, each)
    # What is labelled is registered last: as the newest it is what pages begin with.
    made = {each: _registered(workspace, name=each, spec=wanted[each]) for each in reversed(wanted)}
    left = [each for each in wanted if made[each].state != sources.READY]
    if not left:
        raise name_taken(name)
    return [_queued(workspace, name=each, spec=wanted[each]) for each in left]


def free_demo_name(ws: Workspace) -> str:
    """Return the first of demo1, demo2, … that neither a source nor a survey beside it has."""
    return free_name(ws, KIND, beside=UNLABELLED)


def survey_name(name: str) -> str:
    """Return the name of the survey without labels that is made beside a demo survey."""
    return f"{name}{UNLABELLED}"


def searched_with(ws: Workspace, source: Source) -> Source | None:
    """Return the survey without labels that was made beside a demo survey, once it is ready; else None."""
    return _ready_demo(ws, survey_name(source.name)) if source.kind == KIND else None


def labelled_beside(ws: Workspace, source: Source) -> Source | None:
    """Return the demo survey with labels beside which one without was made, once it is ready; else None."""
    if source.kind != KIND or not source.name.endswith(UNLABELLED):
        return None
    return _ready_demo(ws, source.name.removesuffix(UNLABELLED))


def _ready_demo(ws: Workspace, name: str) -> Source | None:
    return next((one for one in ready_sources(ws) if (one.kind, one.name) == (KIND, name)), None)


def _queued(workspace: Workspace, *, name: str, spec: DemoSpec) -> Job:
    payload: SurveyPayload = {"name": name, "spec": spec.saved()}
    return jobs.enqueue(workspace.database, kind=KIND, title=f"Simulate {name}", payload=payload, once=True)


def simulate_survey(
    workspace: Workspace,
    *,
    name: str,
    spec: DemoSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
    processes: int | None = None,
) -> dict[str, Any]:
    """Simulate the survey `spec` into the source `name`, going on where an earlier call was stopped.

    A finished survey of the same settings is left as it is: a job that is claimed twice does no harm.
    Labels, classes and the physical truth are kept with each cutout, unless `spec` has none. `processes`: one
    per core, 8 at most.

    Raises
    ------
    InvalidInput
        When the name is taken by anything but the same survey.
    JobCancelled
        When `should_stop` answered; what was simulated is kept.
    """
    started = time.monotonic()
    source = _registered(workspace, name=name, spec=spec)
    folder = workspace.cutouts_folder(name)
    if not (folder / MANIFEST).exists():
        packing = Packing.plan(slots=spec.count, height=spec.size, width=spec.size, bands=spec.bands)
        writer = ShardWriter.create(folder, packing)
        # Rows are stored after their pixels: a block that has all its rows is complete.
        done = set(sources.cutout_columns(workspace.database, [source.id], columns=["row"])["row"].tolist())
        blocks = [limits for limits in block_ranges(spec) if not done.issuperset(range(*limits))]
        parts = [Part(spec, *limits, folder, packing) for limits in blocks]
        meter = ProgressMeter(report, spec.count, "{done} of {total} cutouts")
        meter.skip(spec.count - sum(part.stop - part.start for part in parts))
        made = done_in_order(
            _simulate_part, parts, processes=processes or usual_processes(), should_stop=should_stop
        )
        for rows in made:
            sources.add_cutouts(workspace.database, source.id, rows)
            meter.add(len(rows))
        scales = [factor_of_zero_point(zero_point) for zero_point in spec.zero_points_mag]
        write_flux_scales(folder, packing, 0, np.tile(scales, (spec.count, 1)))
        writer.finish()
    lenses = {}
    if spec.labelled:
        labels = sources.cutout_columns(workspace.database, [source.id], columns=["label"])["label"]
        lenses = {"lenses": int((labels == "lens").sum())}
    if source.state != sources.READY:
        quality = {"accepted": spec.count, "rejected": 0, **lenses}
        complete_source(workspace, source.id, quality=quality)
    return {
        "source": name,
        "accepted": spec.count,
        **lenses,
        "bands": list(spec.bands),
        "shape": [spec.size, spec.size],
        "seconds": round(time.monotonic() - started, 2),
    }


def _registered(workspace: Workspace, *, name: str, spec: DemoSpec) -> Source:
    """Return the source of the same survey, or register a new one."""
    source = _same_survey(workspace, name=name, spec=spec)
    if source is not None:
        return source
    return sources.create_source(
        workspace.database,
        name=name,
        kind=KIND,
        bands=spec.bands,
        height=spec.size,
        width=spec.size,
        slots=spec.count,
        pixel_scale_arcsec=spec.pixel_scale_arcsec,
        spec=spec.saved(),
    )


def _same_survey(workspace: Workspace, *, name: str, spec: DemoSpec) -> Source | None:
    """Return the source of the same survey, None where the name is free; InvalidInput where it is taken."""
    try:
        source = sources.get_source(workspace.database, name)
    except NotFound:
        return None
    if source.kind != KIND or not spec.is_saved_as(source.spec):
        raise name_taken(name)
    return source


def _simulate_part(part: Part) -> list[dict[str, Any]]:
    """Simulate one part, write its pixels, return its rows for the database."""
    batch = simulate(part.spec, start=part.start, stop=part.stop)
    writer = ShardWriter(part.folder, part.packing)
    for row, pixels in enumerate(batch.pixels, part.start):
        writer.write(row, pixels)
    writer.flush()
    masked = np.isnan(batch.pixels).mean((1, 2, 3))
    return [
        {
            "row": row,
            "candidate_id": cutout.candidate_id,
            "ra_deg": cutout.ra_deg,
            "dec_deg": cutout.dec_deg,
            "position_from": "catalogue",
            "label": cutout.label,
            "object_class": cutout.object_class,
            "parent": cutout.parent,
            "masked_fraction": float(fraction),
            "pixels_digest": pixel_digest(pixels),
            "perceptual_hash": perceptual_hash(pixels),
            "properties": cutout.properties,
        }
        for row, (cutout, fraction, pixels) in enumerate(
            zip(batch.truth, masked, batch.pixels, strict=True), part.start
        )
    ]
