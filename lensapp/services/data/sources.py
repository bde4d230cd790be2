"""Sources: try an import out, start or discard it, and read what is known of finished ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.data import imaging
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.importer import discard_import, refuse_taken
from lensapp.ingest.preview import ImportPreview, preview_import
from lensapp.job_kinds import SurveyPayload
from lensapp.services.access.roots import check_readable
from lensapp.storage import sources
from lensapp.storage.care.inventory import UPLOADS
from lensapp.storage.cutouts import source_unit
from lensapp.storage.records import Job, Rejection, Source
from lensapp.storage.workspace import Workspace

PATHS = ("path", "catalogue")
HANDFUL = 20  # cutouts below which a source is for looking at: nothing is searched, split or learned of it


@needs("work")
def start_import(ws: Workspace, *, name: str, spec: IngestSpec) -> Job:
    """Queue the import of `spec` as the source `name`; an unfinished one of the same settings goes on.

    The job of one that waits or runs already is returned.

    Raises
    ------
    InvalidInput
        When the name is taken or the path does not exist.
    """
    # Absolute paths: a worker may run in another folder.
    paths = {key: getattr(spec, key) for key in PATHS if getattr(spec, key)}
    spec = spec.replaced(**{key: str(Path(value).expanduser().absolute()) for key, value in paths.items()})
    check_readable(*(getattr(spec, key) for key in PATHS), uploads=ws.folder / UPLOADS)
    refuse_taken(ws, name=name, spec=spec)
    if not Path(spec.path).exists():
        raise InvalidInput(f"The folder or file {spec.path} does not exist. Check its path.")
    payload: SurveyPayload = {"name": name, "spec": spec.saved()}
    return jobs.enqueue(ws.database, kind="ingest", title=f"Import {name}", payload=payload, once=True)


@dataclass(frozen=True)
class DryRun:
    """What an import would take, with its settings and with pictures in place of pixels.

    Attributes
    ----------
    pictures : uint8, shape (n, row, column, 3)
        As they will look after the import.
    """

    spec: IngestSpec
    preview: ImportPreview
    pictures: NDArray[np.uint8]


def make_dry_run(spec: IngestSpec, *, uploads: Path | None = None) -> DryRun:
    """Read a sample of what `spec` would import; nothing is written.

    Parameters
    ----------
    uploads
        The folder of files that were sent from a browser, which may be read as well.

    Raises
    ------
    InvalidInput
        When the settings do not fit the files, as the import itself would say.
    """
    check_readable(*(getattr(spec, key) for key in PATHS), uploads=uploads)
    preview = preview_import(spec)
    pictures = np.empty((0, 1, 1, 3), np.uint8)
    if preview.levels is not None:
        pictures = imaging.render(preview.images, bands=preview.bands, levels=preview.levels)
    return DryRun(spec, replace(preview, images=np.empty(0, np.float32)), pictures)


def unfinished_imports(ws: Workspace) -> list[Source]:
    """Return the sources whose import failed or was stopped, newest first."""
    return [
        source
        for source in sources.list_sources(ws.database)
        if source.kind == "import"
        and source.state != sources.READY
        and jobs.active_job(ws.database, "ingest", name=source.name) is None
    ]


@needs("work")
def discard_unfinished(ws: Workspace, *, name: str) -> None:
    """Delete an unfinished import with all it has written; the imported files stay.

    Raises
    ------
    NotFound
        When there is no source of that name.
    InvalidInput
        When it is finished, and so may be in use, or is being imported now.
    """
    if jobs.active_job(ws.database, "ingest", name=name) is not None:
        raise InvalidInput(f"{name} is being imported. Stop its job before discarding it.")
    discard_import(ws, name=name)


def describe_preview(preview: ImportPreview) -> dict[str, Any]:
    """Return a dry run as plain JSON values, without its images."""
    return {
        "source": None,
        "candidates": preview.candidates,
        "sampled": preview.sampled,
        "accepted": preview.accepted,
        "summary": preview.in_words(),
        "rejected": [{"file": r.file, "reason": f"{r.code}: {r.reason}"} for r in preview.rejected],
        "layout": preview.layout,
        "bands": list(preview.bands),
        "shape": list(preview.shape),
        "pixel_scale_arcsec": preview.pixel_scale_arcsec,
        "unit": preview.unit,
        "labels": preview.labels,
        "positions": preview.positions,
        "matched": preview.matched,
        "shared_ids": preview.shared_ids,
        "warnings": preview.warnings,
    }


def ready_sources(ws: Workspace) -> list[Source]:
    """Return the sources whose import is complete: newest first, those of a handful of cutouts behind others.

    The first stands in on every page where none is selected, so that all are about the same.
    """
    ready = [source for source in sources.list_sources(ws.database) if source.state == sources.READY]
    return sorted(ready, key=lambda source: count_cutouts(ws, source) < HANDFUL)


def count_cutouts(ws: Workspace, source: Source) -> int:
    """Return how many cutouts a source has; asked once of one that is ready, since these never change."""
    asked = _count_cutouts if source.state == sources.READY else _count_cutouts.__wrapped__
    return asked(ws, source.id)


def is_labelled(ws: Workspace, source: Source) -> bool:
    """Return whether any cutout of a source has a label; asked once of one that is ready."""
    asked = _is_labelled if source.state == sources.READY else _is_labelled.__wrapped__
    return asked(ws, source.id)


def lens_share(ws: Workspace, source: Source, *, of_at_least: int = 1) -> float | None:
    """Return the share of lenses among the labels of a source; None unless it has both labels, and enough."""
    counts = label_counts(ws, source)
    lenses, labelled = counts.get("lens", 0), sum(counts.values())
    return lenses / labelled if 0 < lenses < labelled and labelled >= of_at_least else None


@lru_cache(maxsize=256)
def _count_cutouts(ws: Workspace, source_id: int) -> int:
    return sources.count_cutouts(ws.database, source_id)


@lru_cache(maxsize=256)
def _is_labelled(ws: Workspace, source_id: int) -> bool:
    first = sources.cutout_columns(ws.database, [source_id], columns=("id",), labelled_only=True, limit=1)
    return len(first["id"]) > 0


def only_lenses(ws: Workspace, source: Source) -> bool:
    """Return whether a source has labels and all of them are lenses, as a table of known ones has."""
    return set(label_counts(ws, source)) == {"lens"}


def label_counts(ws: Workspace, source: Source) -> dict[str, int]:
    """Return label -> number of the cutouts of a source that have it; asked once of one that is ready."""
    asked = _label_counts if source.state == sources.READY else _label_counts.__wrapped__
    return asked(ws, source.id)


@lru_cache(maxsize=256)
def _label_counts(ws: Workspace, source_id: int) -> dict[str, int]:
    return sources.label_counts(ws.database, source_id)


def words_if_made(every: Iterable[Source]) -> dict[str, str]:
    """Return what is said of each source beside its name where it is not real; real ones come first.

    Objects found in a source are what it is.
    """
    named = {one.name: one for one in every}
    words = {name: sources.MADE.get(found_in(one, named).kind, "") for name, one in named.items()}
    return dict(sorted(words.items(), key=lambda pair: bool(pair[1])))


def found_in(source: Source, named: Mapping[str, Source]) -> Source:
    """Return the source in which objects were found, at the end of a chain of such; else the source."""
    while source.kind == sources.OBJECTS and (parent := named.get(source.spec.get("source", ""))) is not None:
        source = parent
    return source


def show_the_same(one: Source, other: Source, named: Mapping[str, Source]) -> bool:
    """Whether two sources hold the same pixels: found in one source, or painted on what was found in it."""
    return not _shown_by(one, named).isdisjoint(_shown_by(other, named))


def _shown_by(source: Source, named: Mapping[str, Source]) -> set[str]:
    """Return the names of the sources whose pixels one holds, itself among them."""
    own = found_in(source, named)
    hosts = [named[name] for name in sources.hosts_of(own) if name in named]
    return {own.name}.union(*(_shown_by(host, named) for host in hosts))


def unit_in_words(ws: Workspace, source: Source) -> str:
    """Return the unit of flux of a source as a reader is told it."""
    words = source_unit(ws, source).in_words(source.bands)
    several = source.kind == sources.PAINTED and " to " in words
    return f"{words} (cutout by cutout as its host)" if several else words


def unit_briefly(ws: Workspace, source: Source) -> str:
    """Return the unit of flux of a source in a few words, where bands and cutouts differ with one range."""
    return source_unit(ws, source).briefly(source.bands)


def rejections(ws: Workspace, source: Source) -> list[Rejection]:
    """Return what was rejected on import, with code and reason, in the order of the files."""
    return sources.list_rejections(ws.database, source.id)
