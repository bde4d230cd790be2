"""Paint lenses on real galaxies: plan them, paint in several processes, register the result as a source."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.brightness import nonlenses_beside
from lensapp.core.data.fingerprints import perceptual_hash, pixel_digest
from lensapp.core.data.paint_spec import PaintSpec
from lensapp.core.errors import BandMismatch, InvalidInput, NotFound
from lensapp.core.plurals import thin_spaced
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.job_kinds import SurveyPayload
from lensapp.services.access.roots import check_readable
from lensapp.services.data.host_choice import (
    Columns,
    Galaxies,
    HostSample,
    choose_hosts,
    host_sources,
    read_pixels,
)
from lensapp.services.data.made_in_parts import done_in_order, usual_processes
from lensapp.services.data.source_names import name_taken
from lensapp.simulation.host_galaxies import reference_band
from lensapp.simulation.injection import Survey, largest_fitting_radius, paint_lenses, painted_side
from lensapp.simulation.lens_population import Lenses, draw_lenses
from lensapp.simulation.sky_model import above_sky, middle_of, noise_of_images
from lensapp.simulation.source_light import Stamps, make_stamps
from lensapp.simulation.star_psf import unit_kernels
from lensapp.storage import sources
from lensapp.storage.arrays import (
    MANIFEST,
    PackedCutouts,
    Packing,
    ShardWriter,
    settle_flux_scales,
    write_flux_scales,
)
from lensapp.storage.columns.source_columns import complete_source
from lensapp.storage.cutouts import kept_noise, open_cutouts
from lensapp.storage.records import Job, Source
from lensapp.storage.workspace import Workspace

Pixels = NDArray[np.float32]
Rows = NDArray[np.int64]

KIND, LENS = sources.PAINTED, "lens"
BLOCK_SIZE = 64
MOST_STAMPS, STAMPS_PER_PART = 400, 16
ORDER_STREAM, PAINT_STREAM, STAMP_STREAM = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Plan:
    """What each cutout of a painted source shows.

    Attributes
    ----------
    galaxies
        The cutouts of the hosts' sources, one for each new one.
    lens
        Number of the lens painted on each, or -1.
    """

    sample: HostSample
    galaxies: Galaxies
    lens: Rows
    lenses: Lenses
    stamps: Stamps | None


@dataclass(frozen=True, eq=False)
class Part:
    """New cutouts from `start` on: where their pixels come from, what is painted, where they go."""

    start: int
    spec: PaintSpec
    survey: Survey
    hosts: tuple[Path, ...]
    galaxies: Galaxies
    lens: Rows
    lenses: Lenses
    stamps: Stamps | None
    folder: Path
    packing: Packing


@needs("work")
def start_painting(ws: Workspace, *, name: str, spec: PaintSpec) -> Job:
    """Register a source of painted lenses called `name` and queue the painting.

    Raises
    ------
    InvalidInput, NotFound, BandMismatch
        When the name is taken by anything but the same painting, or hosts, stamps or PSF cannot be used.
    """
    source = _registered(ws, name=name, spec=spec)
    if source.state == sources.READY:
        raise name_taken(name)
    payload: SurveyPayload = {"name": name, "spec": spec.saved()}
    return jobs.enqueue(ws.database, kind=KIND, title=f"Paint {name}", payload=payload, once=True)


def paint_source(
    workspace: Workspace,
    *,
    name: str,
    spec: PaintSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
    processes: int | None = None,
) -> dict[str, Any]:
    """Paint lenses into the source `name`, going on where an earlier call was stopped.

    A finished source of the same settings is left as it is. Each cutout keeps its host, the host's parent,
    so that splits keep them together, and the truth. `processes`: one per core, 8 at most.

    Raises
    ------
    InvalidInput
        When the name is taken, or there are no hosts as asked for.
    JobCancelled
        When `should_stop` answered; what was painted is kept.
    """
    started = time.monotonic()
    source = _registered(workspace, name=name, spec=spec)
    quality = dict(source.quality)
    if not (workspace.cutouts_folder(name) / MANIFEST).exists():
        report({"message": "Choosing hosts"})
        try:
            plan = make_plan(workspace, spec)
        except (InvalidInput, BandMismatch):
            # Settings that are not possible give the name back for those that are.
            if not workspace.cutouts_folder(name).exists():
                sources.delete_source(workspace.database, source.id)
            raise
        _paint_plan(
            workspace, source, plan, spec=spec, report=report, should_stop=should_stop,
            processes=processes or usual_processes(),
        )  # fmt: skip
        sky = plan.sample.survey.sky
        quality = {"hosts": plan.sample.counts, "psf_fwhm_arcsec": np.round(sky.psf_fwhm_arcsec, 4).tolist()}
        quality |= {"psf_stars": sky.stars.tolist(), "calibrated": plan.sample.survey.calibrated}
    labels = sources.cutout_columns(workspace.database, [source.id], columns=["label"])["label"]
    quality |= {"accepted": len(labels), "rejected": 0, "lenses": int((labels == LENS).sum())}
    if source.state != sources.READY:
        complete_source(workspace, source.id, quality=quality)
    return {
        "source": name,
        "accepted": quality["accepted"],
        "lenses": quality["lenses"],
        "bands": list(source.bands),
        "shape": [source.height, source.width],
        "hosts": quality.get("hosts", {}),
        "seconds": round(time.monotonic() - started, 2),
    }


def _paint_plan(
    ws: Workspace,
    source: Source,
    plan: Plan,
    *,
    spec: PaintSpec,
    report: Report,
    should_stop: ShouldStop,
    processes: int,
) -> None:
    """Paint what is not painted yet and make the source readable."""
    folder = ws.cutouts_folder(source.name)
    packing = Packing.plan(slots=source.slots, height=source.height, width=source.width, bands=source.bands)
    writer = ShardWriter.create(folder, packing)
    if plan.sample.survey.calibrated:
        write_flux_scales(folder, packing, 0, flux_scales(ws, plan).tolist())
    # Rows are stored after their pixels: a block that has all its rows is complete.
    done = set(sources.cutout_columns(ws.database, [source.id], columns=["row"])["row"].tolist())
    parts = [
        part
        for part in parts_of(ws, plan, spec, folder=folder, packing=packing)
        if not done.issuperset(range(part.start, part.start + len(part.galaxies)))
    ]
    meter = ProgressMeter(report, len(plan.galaxies), "{done} of {total} cutouts")
    meter.skip(len(plan.galaxies) - sum(len(part.galaxies) for part in parts))
    made = done_in_order(paint_part, parts, processes=processes, should_stop=should_stop)
    for part, rows in zip(parts, made, strict=True):
        _store_rows(ws, source, part, rows)
        meter.add(len(rows))
    # There may be fewer non-lenses than asked for: rows without a cutout have no unit.
    settle_flux_scales(folder, np.arange(len(plan.galaxies)))
    writer.finish()


def _registered(ws: Workspace, *, name: str, spec: PaintSpec) -> Source:
    """Return the source of the same painting, or register a new one."""
    try:
        source = sources.get_source(ws.database, name)
    except NotFound:
        first = host_sources(ws, spec.hosts)[0]
        if spec.psf_source is not None:
            sources.get_source(ws.database, spec.psf_source)
        if spec.source.stamps is not None:
            sources.get_source(ws.database, spec.source.stamps)
        if spec.psf_file is not None:
            read_psf(spec.psf_file, bands=first.bands)
        return sources.create_source(
            ws.database,
            name=name,
            kind=KIND,
            bands=first.bands,
            height=first.height,
            width=first.width,
            slots=spec.count + round(spec.nonlens_ratio * spec.count),
            pixel_scale_arcsec=first.pixel_scale_arcsec,
            spec=spec.saved(),
        )
    if source.kind != KIND or not spec.is_saved_as(source.spec):
        raise name_taken(name)
    return source


def read_psf(path: str, *, bands: Sequence[str]) -> Pixels:
    """Read the PSF of each band (bands, k, k) from the images of a FITS file, centred and of unit sum.

    Raises
    ------
    InvalidInput
        When the file holds no star as asked for.
    NotAllowed
        When it lies outside the folders that accounts may read.
    """
    from astropy.io import fits

    check_readable(path)
    try:
        with fits.open(path) as file:
            planes = [
                np.asarray(hdu.data, np.float64) for hdu in file if hdu.is_image and hdu.data is not None
            ]
    except OSError as error:
        raise InvalidInput(f"The PSF {path} cannot be read as FITS ({error}). Check its path.") from error
    images = [image for plane in planes for image in plane.reshape(-1, *plane.shape[-2:]) if plane.ndim >= 2]
    if len(images) not in (1, len(bands)) or len({image.shape for image in images}) != 1:
        raise InvalidInput(
            f"The PSF {path} holds {len(images)} images of a star; give one, or one for each of the bands "
            f"{', '.join(bands)}, all of one size."
        )
    kernels = unit_kernels(images * (len(bands) if len(images) == 1 else 1))
    if kernels.shape[1] < 5 or not np.isfinite(kernels).all():
        raise InvalidInput(f"The PSF {path} shows no star of at least 5 × 5 pixels. Give another file.")
    return kernels


def make_plan(ws: Workspace, spec: PaintSpec, *, most_measured: int | None = None) -> Plan:
    """Choose hosts and lenses, and which cutouts stand beside them as non-lenses, in random order.

    The same specification gives the same plan, however its cutouts are painted in parts.
    """
    bands = host_sources(ws, spec.hosts)[0].bands
    psf = None if spec.psf_file is None else read_psf(spec.psf_file, bands=bands)
    limits = {} if most_measured is None else {"most_measured": most_measured}
    sample = choose_hosts(ws, spec, psf=psf, **limits)
    first, scale = sample.sources[0], sample.survey.pixel_scale_arcsec
    fitting = largest_fitting_radius((first.height, first.width), scale)
    if fitting <= spec.mass.smallest_radius_arcsec:
        raise InvalidInput(
            f"Cutouts of {first.width} × {first.height} pixels have room for Einstein radii up to "
            f"{fitting:.2g} arcsec only. Lower the smallest Einstein radius, or take larger cutouts."
        )
    mass = spec.mass.replaced(largest_radius_arcsec=min(spec.mass.largest_radius_arcsec, fitting))
    rng = np.random.default_rng([spec.seed, ORDER_STREAM])
    lenses = draw_lenses(
        rng, spec.count, redshift=sample.redshift, velocity_dispersion=sample.velocity_dispersion,
        scatter_dex=sample.scatter_dex, mass=mass, source=spec.source,
    )  # fmt: skip
    hosts, others = nonlenses_beside(
        rng, sample.brightness, sample.others_brightness, painted=lenses.host,
        wanted=round(spec.nonlens_ratio * spec.count), host_share=spec.host_share, alike=spec.as_bright,
    )  # fmt: skip
    parts = [sample.galaxies.of(hosts), sample.others.of(others)]
    nonlenses = Galaxies(
        *(np.concatenate(pair) for pair in zip(*(vars(part).values() for part in parts), strict=True))
    )
    painted = sample.galaxies.of(lenses.host)
    joined = Galaxies(
        *(np.concatenate(pair) for pair in zip(vars(painted).values(), vars(nonlenses).values(), strict=True))
    )
    order = rng.permutation(len(joined))
    numbers = np.concatenate([np.arange(spec.count), np.full(len(nonlenses), -1)])
    stamps = read_stamps(ws, spec, sample.survey) if spec.source.stamps is not None else None
    return Plan(sample, joined.of(order), numbers[order], lenses, stamps)


def nonlenses_in_words(spec: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Return as sentences why a painting has fewer non-lenses than its saved specification asks for."""
    wanted = round(spec["nonlens_ratio"] * spec["count"])
    if count >= wanted:
        return ()
    return (
        f"{thin_spaced(count)} of the {thin_spaced(wanted)} non-lenses asked for: each cutout of the hosts' "
        "sources that fits is taken once, and there are no more"
        + (" that are as bright as the hosts" if spec.get("as_bright") else "")
        + ". Hosts from more sources give more.",
    )


def flux_scales(ws: Workspace, plan: Plan, count: int | None = None) -> Pixels:
    """Return the factors (n, bands) to calibrated flux of the first cutouts of a plan; 1 where unknown."""
    galaxies = plan.galaxies.of(slice(count))
    scales = np.ones((len(galaxies), len(plan.sample.survey.bands)), np.float32)
    for number, source in enumerate(plan.sample.sources):
        members = galaxies.source == number
        known = open_cutouts(ws, source.name, calibrated=True).flux_scales
        if known is not None:
            scales[members] = known[galaxies.row[members]]
    return scales


def parts_of(ws: Workspace, plan: Plan, spec: PaintSpec, *, folder: Path, packing: Packing) -> list[Part]:
    """Cut a plan into blocks, each painted from its own random numbers."""
    stamps, parts = plan.stamps, []
    for start in range(0, len(plan.galaxies), BLOCK_SIZE):
        block = np.arange(start, min(start + BLOCK_SIZE, len(plan.galaxies)))
        own = None
        if stamps is not None:
            rng = np.random.default_rng([spec.seed, STAMP_STREAM, start // BLOCK_SIZE])
            few = rng.permutation(len(stamps.images))[:STAMPS_PER_PART]
            own = Stamps(stamps.images[few], stamps.half_light_radius_pixels[few], stamps.colours[few])
        lens = plan.lens[block]
        parts.append(
            Part(
                start, spec, plan.sample.survey,
                tuple(ws.cutouts_folder(source.name) for source in plan.sample.sources),
                plan.galaxies.of(block), lens, plan.lenses.of(lens[lens >= 0]), own, folder, packing,
            )
        )  # fmt: skip
    return parts


def read_stamps(ws: Workspace, spec: PaintSpec, survey: Survey) -> Stamps:
    """Read the galaxies that are lensed, in the bands of the hosts.

    Raises
    ------
    InvalidInput
        When the source of the stamps is unfinished or none of its galaxies is bright enough.
    """
    name = str(spec.source.stamps)
    (source,) = host_sources(ws, [name])
    found = sources.cutout_columns(ws.database, [source.id], columns=("id", "row"))
    every = Galaxies(np.zeros(len(found["row"]), np.int64), found["id"], found["row"])
    columns = Columns(ws, (source,), every)
    kept = np.flatnonzero(columns.that_fulfil(spec.source.stamps_where))
    drawn = np.random.default_rng([spec.seed, STAMP_STREAM]).permutation(kept)[:MOST_STAMPS]
    missing = [band for band in survey.bands if band not in source.bands]
    if missing:
        raise InvalidInput(
            f"The stamps of {name} have no band {', '.join(missing)}. Take stamps with the hosts' bands."
        )
    order = [source.bands.index(band) for band in survey.bands]
    light = above_sky(read_pixels(ws, [source], every.of(drawn))[..., order]) if len(drawn) else None
    stamps = (
        make_stamps(light, noise_of_images(light), reference=reference_band(survey.bands))
        if light is not None
        else None
    )
    if stamps is None or not len(stamps.images):
        raise InvalidInput(f"No galaxy of {name} is bright enough. Widen the conditions on stamps.")
    return stamps


def painted_pixels(part: Part) -> tuple[Pixels, list[dict[str, Any]]]:
    """Paint one part; return pixels (n, y, x, bands) in the hosts' stored units, and the truth about each."""
    raw = np.empty((len(part.galaxies), *PackedCutouts.open(part.hosts[0]).shape[1:]), np.float32)
    scales = np.ones((len(raw), raw.shape[3]), np.float32)
    noise = np.empty(scales.shape)
    for number in np.unique(part.galaxies.source).tolist():
        members, packed = (
            part.galaxies.source == number,
            PackedCutouts.open(part.hosts[number], calibrated=True),
        )
        rows = part.galaxies.row[members]
        stored = PackedCutouts.open(part.hosts[number])
        raw[members], noise[members] = stored.read(rows), kept_noise(stored, rows)
        if part.survey.calibrated and packed.flux_scales is not None:
            scales[members] = packed.flux_scales[rows]
    lensed = np.flatnonzero(part.lens >= 0)
    truth: list[dict[str, Any]] = [{} for _ in range(len(raw))]
    if len(lensed):
        factor = scales[lensed][:, None, None, :]
        rng = np.random.default_rng([part.spec.seed, PAINT_STREAM, part.start // BLOCK_SIZE])
        largest = float(part.lenses.einstein_radius_arcsec.max())
        middle = middle_of(raw, painted_side(part.survey.pixel_scale_arcsec, largest_radius_arcsec=largest))
        painting = paint_lenses(
            rng, middle[lensed] * factor, part.lenses, survey=part.survey, mass=part.spec.mass,
            source=part.spec.source, stamps=part.stamps, noise=noise[lensed] * scales[lensed],
        )  # fmt: skip
        middle[lensed] += ((painting.light + painting.noise) / factor).astype(np.float32)
        for row, values in zip(lensed.tolist(), painting.truth, strict=True):
            truth[row] = values
    return raw, truth


def paint_part(part: Part) -> list[dict[str, Any]]:
    """Paint one part and write its pixels; return what is true of each and what tells its pixels apart."""
    raw, truth = painted_pixels(part)
    writer = ShardWriter(part.folder, part.packing)
    writer.write_rows(part.start, raw)
    writer.flush()
    return [
        {
            "masked_fraction": float(np.isnan(pixels).mean()),
            "pixels_digest": pixel_digest(pixels),
            "perceptual_hash": perceptual_hash(pixels),
            "truth": values,
        }
        for pixels, values in zip(raw, truth, strict=True)
    ]


def _store_rows(ws: Workspace, source: Source, part: Part, painted: list[dict[str, Any]]) -> None:
    """Store the cutouts of a part with their origin and truth."""
    hosts = sources.get_cutouts(ws.database, part.galaxies.cutout_id.tolist())
    rows = []
    for index, (host, values, lens) in enumerate(zip(hosts, painted, part.lens.tolist(), strict=True)):
        row = part.start + index
        rows.append(
            {
                "row": row,
                "candidate_id": f"P{part.spec.seed}-{row:07d}",
                "ra_deg": host.ra_deg,
                "dec_deg": host.dec_deg,
                "position_from": host.position_from,
                "label": LENS if lens >= 0 else "nonlens",
                "object_class": LENS if lens >= 0 else host.object_class,
                "parent": host.parent or host.candidate_id,
                # The host's own columns, the truth over them, and which host it is.
                "properties": host.properties
                | values["truth"]
                | {"host": host.candidate_id, "painted": lens >= 0},
            }
            | {key: value for key, value in values.items() if key != "truth"}
        )
    sources.add_cutouts(ws.database, source.id, rows)
