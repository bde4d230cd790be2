"""Find objects in the cutouts of a source and make a new source of them: real hosts and real non-lenses."""

import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.data.detection import FWHM_OF_RADIUS
from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.data.fingerprints import perceptual_hash, pixel_digest
from lensapp.core.errors import InvalidInput
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.quality import describe_bands
from lensapp.job_kinds import FindPayload
from lensapp.services.data.object_search import (
    Fields,
    Finds,
    corners,
    detect_all,
    left_out_sentence,
    magnitudes,
    open_fields,
    reasons_in_words,
    select_objects,
)
from lensapp.services.data.source_names import name_taken
from lensapp.services.data.sources import is_labelled, ready_sources
from lensapp.storage import datasets, sources
from lensapp.storage.arrays import Packing, ShardWriter, settle_flux_scales, write_flux_scales
from lensapp.storage.columns.source_columns import complete_source
from lensapp.storage.cutouts import UNIT, ZERO_POINT, flux_scales_of, open_cutouts
from lensapp.storage.records import Job, Source
from lensapp.storage.workspace import Workspace

KIND = sources.OBJECTS
BLOCK = 256
USUAL_SHARE = 4  # of the side of an image that a cutout takes where there are none to match
SCALE_TOLERANCE = 0.01
SMALL_FIELD = 3  # sides of a new cutout that an image needs, for objects beside its target
LEAST_USUAL = 32  # pixels: most networks take no smaller cutouts


def sources_alike(ws: Workspace, source: Source, *, dataset: str | None = None) -> list[Source]:
    """Return labelled sources with which objects of a source could be split, the oldest first.

    They have its bands and pixel scale, and cutouts that fit into its images. Those of a dataset version go
    first, then what was found in the source before, then those with room for objects beside its targets.
    """
    side = min(source.height, source.width)
    version = next((one for one in datasets.list_datasets(ws.database) if one.name == dataset), None)
    alike = [
        other
        for other in reversed(ready_sources(ws))
        if other.id != source.id
        and other.height == other.width < side
        and _of_one_kind(source, other)
        and is_labelled(ws, other)
    ]
    return sorted(
        alike,
        key=lambda other: (
            version is None or other.id not in version.source_ids,
            other.spec.get("source") != source.name,
            reason_against(source, other.height) is not None,
        ),
    )


def usual_size(source: Source) -> int:
    """Return the side of new cutouts where they are to match no others: a quarter of the image."""
    side = min(source.height, source.width)
    return min(max(side // USUAL_SHARE, LEAST_USUAL), side)


def reason_against(source: Source, size: int) -> str | None:
    """Return why cutouts of a size are hardly found beside the targets of a source, None where they are."""
    if source.pixel_scale_arcsec is None:
        return "its pixel scale is unknown"
    if min(source.height, source.width) < SMALL_FIELD * size:
        return f"single cutouts of {source.width} × {source.height} pixels"
    return None


def fields_to_search(ws: Workspace, source_names: Sequence[str]) -> str | None:
    """Return the source of the largest images in which cutouts such as those of some sources can be found."""
    used = [sources.get_source(ws.database, name) for name in source_names]
    size = max(max(one.height, one.width) for one in used)
    larger = [
        source
        for source in ready_sources(ws)
        if min(source.height, source.width) > size and all(_of_one_kind(source, one) for one in used)
    ]
    return max(larger, key=lambda source: source.height * source.width).name if larger else None


def _of_one_kind(one: Source, other: Source) -> bool:
    """Whether two sources have the same bands and, both known, the same pixel scale."""
    scales = one.pixel_scale_arcsec, other.pixel_scale_arcsec
    if None in scales or one.bands != other.bands:
        return False
    return abs((scales[1] or 0.0) / (scales[0] or 1.0) - 1.0) <= SCALE_TOLERANCE


@needs("work")
def start_finding(ws: Workspace, *, source_name: str, name: str, spec: FindObjectsSpec) -> Job:
    """Queue the search of `source_name` for objects, which become the source `name`.

    Raises
    ------
    NotFound, InvalidInput
        When there is no such source, it cannot be searched as asked for, or the name is taken.
    """
    open_fields(ws, source_name, spec)
    _refuse_taken(ws, name, source_name, spec)
    payload: FindPayload = {"name": name, "source": source_name, "spec": spec.saved()}
    title = f"Find objects in {source_name}"
    return jobs.enqueue(ws.database, kind=KIND, title=title, payload=payload, once=True)


def find_objects(
    workspace: Workspace,
    *,
    name: str,
    source_name: str,
    spec: FindObjectsSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Find the objects in the cutouts of a source and register those that are kept as the source `name`.

    Pixels are those of the source, cut out at whole pixels, with its factors to calibrated flux. What was
    measured is kept as properties: magnitudes, colours, size, ellipticity, S/N, likeness to a star, flags and
    the place in the image. The image is the `parent`, so that a split keeps what is of one image together.

    Raises
    ------
    InvalidInput
        When nothing is left, the source cannot be searched as asked for, or the name is taken.
    JobCancelled
        When `should_stop` answered; nothing is left behind.
    """
    fields = open_fields(workspace, source_name, spec)
    _refuse_taken(workspace, name, source_name, spec)
    finds = detect_all(fields, spec, report, should_stop)
    rows, reasons = select_objects(workspace, fields, finds, spec)
    detected = len(finds.objects)
    if not len(rows):
        why = reasons_in_words(reasons)
        raise InvalidInput(
            f"Of {detected} objects in {source_name} none is left{': ' if why else ''}{why}. "
            "Ask for less, or search larger images."
        )
    source = _create_anew(workspace, name, fields, spec, slots=len(rows))
    nan = _cut_out(workspace, source, fields=fields, finds=finds, rows=rows)
    report({"fraction": 1.0, "message": "Describing the cutouts", "rate": None, "seconds_left": None})
    packed = open_cutouts(workspace, name)
    bands = describe_bands(packed, np.arange(len(rows)), [ChunkNote(0, nan=nan, sentinel=[0] * len(nan))])
    warnings = _warnings(fields, finds, reasons, rows=rows, spec=spec)
    unit = {key: value for key, value in fields.source.quality.items() if key in (UNIT, ZERO_POINT)}
    quality = unit | {
        "accepted": len(rows),
        "rejected": detected - len(rows),
        "reasons": dict(reasons),
        "bands": bands,
        "warnings": warnings,
    }
    complete_source(workspace, source.id, quality=quality)
    return {
        "source": name,
        "detected": detected,
        "accepted": len(rows),
        "left_out": dict(reasons),
        "bands": list(source.bands),
        "shape": [spec.size, spec.size],
        "psf_fwhm_arcsec": round(finds.psf_radius_pixels * FWHM_OF_RADIUS * fields.pixel_scale_arcsec, 3),
        "warnings": warnings,
    }


def _refuse_taken(ws: Workspace, name: str, source_name: str, spec: FindObjectsSpec) -> None:
    for source in sources.list_sources(ws.database):
        if source.name != name:
            continue
        asked = {key: value for key, value in source.spec.items() if key != "source"}
        same = source.kind == KIND and source.spec["source"] == source_name and spec.is_saved_as(asked)
        if source.state == sources.READY or not same:
            raise name_taken(name)
        return
    sources.check_free_name(ws.database, name)


def _create_anew(ws: Workspace, name: str, fields: Fields, spec: FindObjectsSpec, *, slots: int) -> Source:
    """Register the source; what an earlier attempt left half-written is made anew, in seconds."""
    for unfinished in sources.list_sources(ws.database):
        if unfinished.name == name:
            sources.delete_source(ws.database, unfinished.id)
    shutil.rmtree(ws.cutouts_folder(name), ignore_errors=True)
    return sources.create_source(
        ws.database,
        name=name,
        kind=KIND,
        bands=fields.source.bands,
        height=spec.size,
        width=spec.size,
        slots=slots,
        pixel_scale_arcsec=fields.pixel_scale_arcsec,
        spec={"source": fields.source.name, **spec.saved()},
    )


def _cut_out(
    ws: Workspace, source: Source, *, fields: Fields, finds: Finds, rows: NDArray[np.int64]
) -> list[int]:
    """Write the cutouts of `rows` of the finds and what is known of them; return masked pixels per band.

    Pixels are copied as stored, bit by bit.
    """
    size, label = source.height, source.spec["label"]
    folder = ws.cutouts_folder(source.name)
    packing = Packing.plan(slots=len(rows), height=size, width=size, bands=source.bands)
    writer = ShardWriter.create(folder, packing)
    stored, factors = open_cutouts(ws, fields.source.name), flux_scales_of(ws, fields.source)
    x, y = corners(finds, size)
    nan = np.zeros(len(source.bands), np.int64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        field_rows = fields.columns["row"][finds.field[block]]
        distinct, of_distinct = np.unique(field_rows, return_inverse=True)
        images = stored.read(distinct)
        pixels = np.stack(
            [
                cut(images[image], left=int(x[row]), bottom=int(y[row]), size=size)
                for row, image in zip(block.tolist(), of_distinct.tolist(), strict=True)
            ]
        )
        writer.write_rows(start, pixels)
        if factors is not None:
            write_flux_scales(folder, packing, start, factors[field_rows].tolist())
        nan += np.isnan(pixels).sum((0, 1, 2))
        described = [_columns_of(fields, finds, row, label) for row in block.tolist()]
        sources.add_cutouts(
            ws.database,
            source.id,
            [
                columns
                | {
                    "row": start + k,
                    "masked_fraction": float(np.isnan(image).mean()),
                    "pixels_digest": pixel_digest(image),
                    "perceptual_hash": perceptual_hash(image),
                }
                for k, (columns, image) in enumerate(zip(described, pixels, strict=True))
            ],
        )
    writer.finish()
    settle_flux_scales(folder, np.arange(len(rows)))
    return [int(count) for count in nan]


def cut(image: NDArray[np.float32], *, left: int, bottom: int, size: int) -> NDArray[np.float32]:
    """Return a square of an image, shape (y, x, band); what lies outside the image is NaN."""
    height, width, bands = image.shape
    out = np.full((size, size, bands), np.nan, np.float32)
    x0, y0 = max(left, 0), max(bottom, 0)
    x1, y1 = min(left + size, width), min(bottom + size, height)
    out[y0 - bottom : y1 - bottom, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return out


def _columns_of(fields: Fields, finds: Finds, row: int, label: str | None) -> dict[str, Any]:
    """Return what the table of cutouts holds of one object."""
    field = int(finds.field[row])
    image = str(fields.columns["candidate_id"][field])
    ra, dec = float(finds.ra_deg[row]), float(finds.dec_deg[row])
    positioned = bool(np.isfinite(ra) and np.isfinite(dec))
    x, y = float(finds.objects.x[row]), float(finds.objects.y[row])
    objects, bands = finds.objects, fields.source.bands
    field = int(finds.field[row])
    measured: dict[str, float] = {
        "x": float(objects.x[row]),
        "y": float(objects.y[row]),
        "snr": float(finds.snr[row]),
        "half_light_radius_arcsec": float(objects.half_light_radius[row]) * fields.pixel_scale_arcsec,
        "ellipticity": float(objects.ellipticity[row]),
        "star_likeness": float(finds.likeness[row]),
        "north_deg": float(fields.north_deg[field]),
    }
    flux, error = objects.flux[row], objects.flux_error[row]
    if fields.calibrated:
        mags = magnitudes(flux)
        for band, mag, one, its_error in zip(bands, mags.tolist(), flux, error, strict=True):
            measured[f"mag_{band}"] = mag
            measured[f"mag_error_{band}"] = 2.5 / np.log(10) * float(its_error / one) if one > 0 else np.nan
        for first, (blue, red) in enumerate(pairwise(bands)):
            measured[f"colour_{blue}_{red}"] = float(mags[first] - mags[first + 1])
    else:
        measured |= {f"flux_{band}": float(one) for band, one in zip(bands, flux, strict=True)}
    values: dict[str, Any] = {key: round(v, 4) for key, v in measured.items() if np.isfinite(v)}
    values |= {"image": image, "flags": int(objects.flags[row])}
    if np.isfinite(fields.east_left[field]):
        values["east_left"] = bool(fields.east_left[field])
    return {
        "candidate_id": f"{image}_x{x:.0f}y{y:.0f}",
        "ra_deg": ra if positioned else None,
        "dec_deg": dec if positioned else None,
        "position_from": "wcs" if positioned else None,
        "label": label,
        "parent": fields.columns["parent"][field] or image,
        "properties": values,
    }


def _warnings(
    fields: Fields, finds: Finds, reasons: Counter[str], *, rows: NDArray[np.int64], spec: FindObjectsSpec
) -> list[str]:
    """Return what a user should know of the search, a sentence each."""
    detected = len(finds.objects)
    showing = 0
    if spec.exclude_radius_arcsec:
        x, y = (axis[rows] for axis in corners(finds, spec.size))
        middle_x, middle_y = (fields.source.width - 1) / 2, (fields.source.height - 1) / 2
        inside = (x <= middle_x) & (middle_x < x + spec.size) & (y <= middle_y) & (middle_y < y + spec.size)
        showing = int(inside.sum())
    warnings = [left_out_sentence(count, detected, name) for name, count in reasons.items()]
    if showing:
        enough = spec.size * fields.pixel_scale_arcsec / np.sqrt(2)
        warnings.append(
            f"{showing} cutouts show the target of their image near an edge, a lens where images are of "
            f"lenses. With --exclude-radius {np.ceil(enough):.0f} none does."
        )
    if not fields.calibrated:
        warnings.append("The unit of flux of these images is unknown: objects have fluxes, no magnitudes.")
    if not np.isfinite(finds.ra_deg).all():
        warnings.append("Where no header tells which way is north, objects have no position on the sky.")
    return warnings
