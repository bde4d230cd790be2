"""Completeness by injection: lenses painted on galaxies of a source, scored by a run, over a grid.

Einstein radius and S/N of the arcs are set, whatever mass a galaxy has: the result is what a network accepts
of lenses that look so, not how frequent they are.
"""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy import ndimage

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.align import aligned
from lensapp.core.data.distributions import Even
from lensapp.core.data.paint_spec import LensedSourceSpec, PaintSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.selection_function import InjectionSpec, SelectionFunction, cell_counts
from lensapp.core.progress import ShouldStop
from lensapp.job_kinds import CompletenessPayload
from lensapp.services.access.roots import check_readable
from lensapp.services.data.host_choice import Columns, HostSample, choose_hosts
from lensapp.services.data.made_in_parts import done_in_order
from lensapp.services.data.painting import (
    BLOCK_SIZE,
    STAMP_STREAM,
    STAMPS_PER_PART,
    Part,
    painted_pixels,
    read_psf,
    read_stamps,
)
from lensapp.services.evaluate.evaluation import task_of
from lensapp.services.evaluate.realism import areas_in_words, realism_outcomes
from lensapp.services.train.run_networks import network_has_changed
from lensapp.services.train.runs import require_network
from lensapp.simulation.injection import Survey, largest_fitting_radius
from lensapp.simulation.lens_population import Lenses
from lensapp.simulation.source_light import Stamps
from lensapp.storage import datasets, evaluations, runs, sources
from lensapp.storage.arrays import Packing, Pixels
from lensapp.storage.cutouts import flux_scales_of
from lensapp.storage.evaluations import StoredInjections
from lensapp.storage.files import network_checksum
from lensapp.storage.records import Job, Run, Source
from lensapp.storage.workspace import Workspace

Rows = NDArray[np.int64]
FloatArray = NDArray[np.float64]

KIND = "completeness"
SEEING_COLUMNS = ("seeing_arcsec", "psf_fwhm_arcsec", "seeing", "psf_fwhm", "fwhm_arcsec")
LEAST_RANGE = 1.05  # of the seeing, largest over smallest bin
HOST_STREAM = 4
MOST_CELLS = 2000


@dataclass(frozen=True, eq=False)
class Injections:
    """Lenses to paint, one block after the other; each field of the truth has shape (n,)."""

    parts: list[Part]
    theta_e_arcsec: FloatArray
    arc_snr: FloatArray
    seeing_arcsec: FloatArray
    hosts: Rows
    figures: dict[str, Any]


@needs("work")
def start_completeness(ws: Workspace, *, run_name: str, source_name: str, spec: InjectionSpec) -> Job:
    """Queue the measurement of a run's completeness on the galaxies of a source.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When run or source do not exist or do not fit together, or the lenses do not fit into the cutouts.
    """
    run, source = fitting_pair(ws, run_name, source_name)
    check_readable(spec.psf_file)
    refuse_too_large(source, spec)
    payload: CompletenessPayload = {"run": run.name, "source": source.name, "spec": spec.saved()}
    title = f"Completeness of {run.name} in {source.name}"
    return jobs.enqueue(ws.database, kind=KIND, title=title, payload=payload, once=True)


def fitting_pair(ws: Workspace, run_name: str, source_name: str) -> tuple[Run, Source]:
    """Return a run that scores and a finished source that fits it, or say why not."""
    run, source = runs.get_run(ws.database, run_name), sources.get_source(ws.database, source_name)
    require_network(ws, run)
    if not task_of(ws, run).scores_candidates:
        raise InvalidInput(f"{run.name} estimates values and gives no scores. Name a run that tells lenses.")
    sources.require_ready(source)
    runs.require_fit(ws, run, source)
    return run, source


def refuse_too_large(source: Source, spec: InjectionSpec) -> None:
    """Refuse Einstein radii whose arcs do not fit into the cutouts, and grids without end."""
    scale = source.pixel_scale_arcsec
    if scale is None:
        raise InvalidInput(
            f"The pixel scale of {source.name} is unknown, so that Einstein radii in arcsec mean nothing. "
            "Import it again with --pixel-scale-arcsec."
        )
    fitting = largest_fitting_radius((source.height, source.width), scale)
    if max(spec.theta_e_arcsec) > fitting:
        raise InvalidInput(
            f"Cutouts of {source.width} × {source.height} pixels have room for Einstein radii up to "
            f"{fitting:.2g} arcsec; {max(spec.theta_e_arcsec):g} was asked for. Lower the largest one."
        )
    cells = len(spec.theta_e_arcsec) * len(spec.arc_snr) * spec.seeing_bins
    if cells > MOST_CELLS:
        raise InvalidInput(
            f"The grid has {cells} cells; at most {MOST_CELLS} are measured. Take fewer values."
        )


def plan_injections(ws: Workspace, run: Run, source: Source, spec: InjectionSpec) -> Injections:
    """Choose galaxies for every cell of the grid; those that the run learned from are left out.

    Raises
    ------
    InvalidInput, BandMismatch
        When no galaxy is left, or PSF or stamps cannot be used.
    """
    paint = PaintSpec(
        hosts=(source.name,), nonlens_ratio=0, psf_source=spec.psf_source, psf_file=spec.psf_file,
        seed=spec.seed, choice=spec.choice,
        source=LensedSourceSpec(brightness="signal_to_noise", second_share=0, stamps=spec.stamps),
    )  # fmt: skip
    psf = None if spec.psf_file is None else read_psf(spec.psf_file, bands=source.bands)
    sample = choose_hosts(ws, paint, psf=psf)
    learned = datasets.member_columns(ws.database, run.dataset_id, part="train")["cutout_id"]
    unseen = np.flatnonzero(~np.isin(sample.galaxies.cutout_id, learned))
    usable = unseen if len(unseen) else np.arange(len(sample.galaxies))
    stamps = None if spec.stamps is None else read_stamps(ws, paint, sample.survey)
    rng = np.random.default_rng([spec.seed, HOST_STREAM])
    parts: list[Part] = []
    truth: dict[str, list[FloatArray]] = {"theta_e_arcsec": [], "arc_snr": [], "seeing_arcsec": []}
    hosts: list[Rows] = []
    for seeing, members, survey in _by_seeing(ws, sample, usable, spec):
        for theta_e, snr in product(spec.theta_e_arcsec, spec.arc_snr):
            drawn = rng.permutation(np.resize(rng.permutation(members), spec.per_cell))
            brightness = paint.source.replaced(arc_snr=Even(lowest=snr, highest=snr))
            of_cell = paint.replaced(source=brightness)
            parts += _parts(
                ws, sample, drawn, of_cell, survey=survey, stamps=stamps, theta_e=theta_e, first=len(parts)
            )
            hosts.append(sample.galaxies.cutout_id[drawn])
            for values, value in zip(truth.values(), (theta_e, snr, seeing), strict=True):
                values.append(np.full(spec.per_cell, value))
    figures = {
        "spec": spec.saved(),
        "galaxies": len(usable),
        "learned_from": not len(unseen),
        "psf_fwhm_arcsec": np.round(sample.survey.sky.psf_fwhm_arcsec, 4).tolist(),
        "psf_stars": sample.survey.sky.stars.tolist(),
        "calibrated": sample.survey.calibrated,
    }
    columns = {name: np.concatenate(values) for name, values in truth.items()}
    return Injections(parts, **columns, hosts=np.concatenate(hosts), figures=figures)


def _by_seeing(
    ws: Workspace, sample: HostSample, usable: Rows, spec: InjectionSpec
) -> list[tuple[float, Rows, Survey]]:
    """Return bins of seeing: its median, the galaxies, and the survey with the PSF stretched to it.

    One bin of unknown seeing (NaN) where no column tells it, one where it hardly varies.
    """
    columns = Columns(ws, sample.sources, sample.galaxies)
    named = spec.seeing_column
    seeing = columns.required(named) if named else columns.first_of(SEEING_COLUMNS)
    seeing = np.where(seeing > 0, seeing, np.nan)
    there = usable[np.isfinite(seeing[usable])]
    if not len(there):
        return [(np.nan, usable, sample.survey)]
    bins = min(spec.seeing_bins, len(there))
    binned = np.array_split(there[np.argsort(seeing[there], kind="stable")], bins)
    medians = [float(np.median(seeing[members])) for members in binned]
    if bins > 1 and medians[-1] < LEAST_RANGE * medians[0]:
        binned, medians = [there], [float(np.median(seeing[there]))]
    usual = float(np.median(seeing[there]))
    together: dict[float, Rows] = {}
    for median, members in zip(medians, binned, strict=True):
        together[median] = np.concatenate([together.get(median, members[:0]), members])
    return [
        (median, members, stretched(sample.survey, median / usual)) for median, members in together.items()
    ]


def seeing_of(ws: Workspace, source: Source, cutout_ids: Rows, *, column: str | None) -> FloatArray:
    """Return the seeing (n,) at cutouts of a source by a column, or by its usual names; NaN where unknown."""
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    for name in SEEING_COLUMNS if column is None else (column,):
        values = sources.property_column(ws.database, [source.id], name)
        if np.isfinite(values).any():
            return np.asarray(aligned(cutout_ids, ids, values, absent=np.nan), np.float64)
    return np.full(len(cutout_ids), np.nan)


def stretched(survey: Survey, factor: float) -> Survey:
    """Return a survey whose PSF is wider by a factor, its shape and unit sum kept."""
    if factor == 1.0:
        return survey
    kernels = []
    for kernel in survey.sky.psf:
        centre = np.array(kernel.shape) // 2
        wide = ndimage.affine_transform(
            kernel.astype(np.float64), np.full(2, 1 / factor), offset=centre * (1 - 1 / factor), order=3
        )
        wide = np.maximum(wide, 0)
        kernels.append(wide / wide.sum())
    sky = replace(
        survey.sky,
        psf=np.array(kernels, np.float32),
        psf_fwhm_arcsec=survey.sky.psf_fwhm_arcsec * factor,
    )
    return replace(survey, sky=sky)


def _parts(
    ws: Workspace,
    sample: HostSample,
    drawn: Rows,
    paint: PaintSpec,
    *,
    survey: Survey,
    stamps: Stamps | None,
    theta_e: float,
    first: int,
) -> list[Part]:
    """Cut the galaxies of one cell into blocks, each painted from its own random numbers."""
    folder = ws.cutouts_folder(sample.sources[0].name)
    source = sample.sources[0]
    packing = Packing.plan(slots=len(drawn), height=source.height, width=source.width, bands=source.bands)
    parts = []
    for number, start in enumerate(range(0, len(drawn), BLOCK_SIZE), first):
        rows = drawn[start : start + BLOCK_SIZE]
        unknown = np.full(len(rows), np.nan)
        lenses = Lenses(
            host=np.arange(len(rows)), redshift=sample.redshift[rows],
            velocity_dispersion=unknown, einstein_radius_arcsec=np.full(len(rows), theta_e),
            source_redshift=unknown, second_redshift=unknown, second_radius_arcsec=unknown,
            quasar=np.zeros(len(rows), np.bool_),
        )  # fmt: skip
        own = None
        if stamps is not None:
            few = np.random.default_rng([paint.seed, STAMP_STREAM, number]).permutation(len(stamps.images))[
                :STAMPS_PER_PART
            ]
            own = Stamps(stamps.images[few], stamps.half_light_radius_pixels[few], stamps.colours[few])
        parts.append(
            Part(
                number * BLOCK_SIZE, paint, survey, (folder,), sample.galaxies.of(rows),
                np.arange(len(rows)), lenses, own, folder, packing,
            )
        )  # fmt: skip
    return parts


def painted_blocks(
    ws: Workspace,
    source: Source,
    injections: Injections,
    *,
    factor: float | None,
    processes: int,
    should_stop: ShouldStop,
) -> Iterator[Pixels]:
    """Yield the painted cutouts (n, y, x, band), block by block, as a network reads them.

    Parameters
    ----------
    factor
        From flux of AB magnitude 25 to the network's unit; None for pixels as stored.
    """
    scales = flux_scales_of(ws, source)
    painted = done_in_order(painted_pixels, injections.parts, processes=processes, should_stop=should_stop)
    for part, (pixels, _) in zip(injections.parts, painted, strict=True):
        of_part = None if scales is None else scales[part.galaxies.row]
        yield in_network_unit(pixels, of_part, factor)


def in_network_unit(pixels: Pixels, scales: NDArray[np.float32] | None, factor: float | None) -> Pixels:
    """Return pixels (n, y, x, band) as stored in the unit of a network; those of unknown unit as they are.

    Parameters
    ----------
    scales
        From stored pixels to flux of AB magnitude 25, (n, band).
    """
    if scales is None or factor is None:
        return pixels
    known = np.where(np.isfinite(scales), scales * np.float64(factor), 1.0).astype(np.float32)
    return pixels * known[:, None, None, :]


def keep_injections(
    ws: Workspace,
    run: Run,
    source: Source,
    injections: Injections,
    *,
    scores: FloatArray,
    tests: tuple[Rows, FloatArray],
) -> StoredInjections:
    """Store the scores of injections, and of blind tests (numbers, scores), beside the network."""
    stored = StoredInjections(
        injections.theta_e_arcsec,
        injections.arc_snr,
        injections.seeing_arcsec,
        injections.hosts,
        scores,
        injections.figures
        | {"made_at": time.time(), "network_sha256": network_checksum(ws.run_folder(run.name))},
        *tests,
    )
    evaluations.save_injections(ws.run_folder(run.name), source.name, stored)
    return stored


def measured_sources(ws: Workspace, run_name: str) -> list[str]:
    """Return the sources in which the completeness of a run was measured."""
    folder = ws.run_folder(run_name)
    names = [source.name for source in sources.list_sources(ws.database)]
    return [name for name in names if evaluations.injections_path(folder, name).exists()]


def load_injections(ws: Workspace, run_name: str, source_name: str) -> StoredInjections:
    """Return the scores of injections; NotFound where there are none."""
    run = runs.get_run(ws.database, run_name)
    return evaluations.load_injections(ws.run_folder(run.name), source_name)


def injections_outdated(ws: Workspace, run: Run, stored: StoredInjections) -> bool:
    """Return whether the network has changed since its completeness was measured."""
    since, checksum = float(stored.figures["made_at"]), stored.figures.get("network_sha256")
    return network_has_changed(ws, run, since=since, checksum=checksum)


def half_accepted_from(stored: StoredInjections) -> float:
    """Return the highest threshold that at least half of the injected lenses reach."""
    return float(np.sort(stored.scores)[len(stored.scores) // 2])


def selection_function(
    ws: Workspace, run_name: str, source_name: str, *, threshold: float
) -> SelectionFunction:
    """Return the share of injected lenses in each cell whose score reaches a threshold.

    Raises
    ------
    NotFound
        When the completeness of the run was not measured in that source.
    """
    stored = load_injections(ws, run_name, source_name)
    truth = (stored.theta_e_arcsec, stored.arc_snr, stored.seeing_arcsec)
    (theta_e, rows), (snr, columns), (seeing, layers) = (np.unique(one, return_inverse=True) for one in truth)
    shape, accepted = (len(theta_e), len(snr), len(seeing)), stored.scores >= threshold
    tried = cell_counts((rows, columns, layers), shape)
    of_cell = cell_counts((rows[accepted], columns[accepted], layers[accepted]), shape)
    figures = stored.figures
    settings = {
        "run": run_name,
        "source": source_name,
        "galaxies": str(figures["galaxies"]),
        "learned": "yes" if figures["learned_from"] else "no",
        "psf_fwhm": ", ".join(map(str, figures["psf_fwhm_arcsec"])),
        "seed": str(figures["spec"]["seed"]),
        "stamps": figures["spec"]["stamps"] or "Sersic profiles",
        "realism": realism_line(ws, source_name),
    }
    return SelectionFunction(theta_e, snr, seeing, tried, of_cell, threshold, settings=settings)


def realism_line(ws: Workspace, source_name: str) -> str:
    """Return in a sentence how well lenses painted on a source are told from real cutouts, where audited."""
    painted = {
        source.name
        for source in sources.list_sources(ws.database)
        if sources.is_painted_on(source, source_name)
    }
    for found in realism_outcomes(ws) if painted else ():
        if found["simulated"] in painted:
            return (
                f"Realism: painted lenses ({found['simulated']}) are told from real cutouts "
                f"({found['real']}) with an AUROC of {areas_in_words(found)}; 0.5 is chance."
            )
    return (
        f"Realism: not audited. Whether lenses painted on {source_name} look real is unknown, and with it "
        f"how far this completeness holds for real lenses: paint a source on it (`paint {source_name}`) and "
        "compare that with real lenses (`audit-realism REAL PAINTED`)."
    )


def fits_bytes(functions: list[SelectionFunction]) -> bytes:
    """Return selection functions of one search as a FITS file, a table with its definition for each."""
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *(one.hdu() for one in functions)]).writeto(stream)
    return stream.getvalue()
