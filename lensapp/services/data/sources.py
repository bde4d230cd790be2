"""Sources: try an import out, start it, look at its quality, read its pixels."""

from pathlib import Path
from typing import Any

from lensapp import jobs
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.importer import discard_import, refuse_taken
from lensapp.ingest.preview import ImportPreview, preview_import
from lensapp.job_kinds import SurveyPayload
from lensapp.storage import sources
from lensapp.storage.records import Job, Rejection
from lensapp.storage.workspace import Workspace

__all__ = [
    "ImportPreview",
    "describe_preview",
    "discard_import",
    "preview_import",
    "quality",
    "rejections",
    "start_import",
]


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
    payload: SurveyPayload = {"name": name, "spec": spec.saved()}
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
