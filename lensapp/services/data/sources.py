"""Sources: try an import out, start it, look at its quality, read its pixels."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.importer import discard_import, refuse_taken
from lensapp.ingest.preview import ImportPreview, preview_import
from lensapp.storage import sources
from lensapp.storage.arrays import MANIFEST, PackedCutouts
from lensapp.storage.records import Cutout, Job, Rejection
from lensapp.storage.workspace import Workspace

__all__ = [
    "ImportPreview",
    "describe_preview",
    "discard_import",
    "preview_import",
    "quality",
    "read_pixels",
    "rejections",
    "start_import",
]

OPEN_SOURCES = 16


def start_import(ws: Workspace, *, name: str, spec: IngestSpec) -> Job:
    """Queue the import of `spec` as the source `name`; an unfinished one of the same settings goes on.

    Raises
    ------
    InvalidInput
        When the name is taken or the path does not exist.
    """
    spec = _absolute(spec)
    refuse_taken(ws, name=name, spec=spec)
    if not Path(spec.path).expanduser().exists():
        raise InvalidInput(
            f"Expected a folder or file to import, received {spec.path}, which does not exist."
        )
    payload = {"name": name, "spec": spec.saved()}
    return jobs.enqueue(ws.database, kind="ingest", title=f"Import {name}", payload=payload)


def _absolute(spec: IngestSpec) -> IngestSpec:
    """Return `spec` with absolute paths: a worker may run in another folder."""
    paths = {key: getattr(spec, key) for key in ("path", "catalogue") if getattr(spec, key)}
    return spec.replaced(**{key: str(Path(value).expanduser().absolute()) for key, value in paths.items()})


def describe_preview(preview: ImportPreview) -> dict[str, Any]:
    """Return a dry run as plain JSON values, without its images."""
    return {
        "source": None,
        "candidates": preview.candidates,
        "sampled": preview.sampled,
        "accepted": preview.accepted,
        "rejected": [{"file": r.file, "reason": f"{r.code}: {r.reason}"} for r in preview.rejected],
        "layout": preview.layout,
        "bands": list(preview.bands),
        "shape": list(preview.shape),
        "pixel_scale_arcsec": preview.pixel_scale_arcsec,
        "labels": preview.labels,
        "positions": preview.positions,
        "matched": preview.matched,
        "warnings": preview.warnings,
    }


def quality(ws: Workspace, source_name: str) -> dict[str, Any]:
    """Return the quality report of a source.

    Returns
    -------
    dict
        accepted, rejected, reasons (code → number), warnings, counts, and per band quantiles, histogram
        (edges, counts), zero_share, nan and sentinel (masked pixels). Empty for an unfinished source.
    """
    return sources.get_source(ws.database, source_name).quality


def rejections(ws: Workspace, source_name: str, *, limit: int | None = None) -> list[Rejection]:
    """Return what was rejected on import, with code and reason."""
    source = sources.get_source(ws.database, source_name)
    return sources.list_rejections(ws.database, source.id, limit=limit)


def read_pixels(ws: Workspace, cutout_ids: Sequence[int]) -> tuple[list[Cutout], NDArray[np.float32]]:
    """Read cutouts of one shape, in the order of `cutout_ids`; unknown ones are left out.

    Returns
    -------
    cutouts, pixels (n, y, x, band)
        Float32, y upwards, NaN where masked.

    Raises
    ------
    InvalidInput
        When the cutouts are of sources with different shapes.
    """
    cutouts = sources.get_cutouts(ws.database, cutout_ids)
    packed = {key: _open(ws, key) for key in dict.fromkeys(cutout.source_id for cutout in cutouts)}
    shapes = {found.shape[1:] for found in packed.values()}
    if len(shapes) > 1:
        shown = " and ".join(" × ".join(map(str, shape)) for shape in sorted(shapes))
        raise InvalidInput(f"Expected cutouts of one shape, received {shown}. Read one source at a time.")
    pixels = np.empty((len(cutouts), *(shapes.pop() if shapes else (0, 0, 0))), np.float32)
    for key, found in packed.items():
        places = [place for place, cutout in enumerate(cutouts) if cutout.source_id == key]
        pixels[places] = found.read(np.array([cutouts[place].row for place in places], np.int64))
    return cutouts, pixels


def _open(ws: Workspace, source_id: int) -> PackedCutouts:
    folder = ws.cutouts_folder(sources.source_by_id(ws.database, source_id).name)
    manifest = folder / MANIFEST
    return _opened(folder, manifest.stat().st_mtime_ns if manifest.exists() else 0)


@lru_cache(maxsize=OPEN_SOURCES)
def _opened(folder: Path, _changed: int) -> PackedCutouts:
    return PackedCutouts.open(folder)
