"""Import files as a source: parallel writers, resumable, readable only when it is complete."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.ingest_spec import IngestSpec
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.ingest.chunk import Outcome, Refusal, pack_chunk
from lensapp.ingest.isolation import Work, alone, in_order, isolated, processors
from lensapp.ingest.joining import Joiner
from lensapp.ingest.journal import ChunkNote, Journal, fingerprint
from lensapp.ingest.plan import ImportPlan, make_plan
from lensapp.ingest.quality import band_warnings, count_warnings, describe_bands, total_counts
from lensapp.ingest.recipe import Candidate
from lensapp.ingest.refusals import Refused
from lensapp.storage import sources
from lensapp.storage.arrays import MANIFEST, PackedCutouts, Packing, ShardWriter
from lensapp.storage.records import Rejection, Source
from lensapp.storage.workspace import Workspace

CHUNK_BYTES = 16 * 2**20
CHUNK_CANDIDATES = 128
REPORT_SECONDS = 0.5


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
        source, accepted, rejected (file and reason of each), bands, shape (y, x) and warnings.

    Raises
    ------
    InvalidInput
        When the settings do not fit the files, the name is taken, or no candidate could be used; the
        workspace is then as before.
    JobCancelled
        When `should_stop` asked for it; what was done is kept.
    """
    _refuse_taken(ws, name, spec)
    report({"fraction": 0.0, "message": "Looking through the files", "rate": None, "seconds_left": None})
    plan = isolated(make_plan, spec)
    packing = Packing.plan(
        slots=len(plan.candidates),
        height=plan.recipe.height,
        width=plan.recipe.width,
        bands=plan.recipe.bands,
        dtype=spec.dtype,
    )
    journal = Journal(ws.cutouts_folder(name), fingerprint(plan.recipe, plan.candidates))
    source, notes = _prepare(ws, name, spec, plan, packing, journal)
    run = _Import(ws, source, plan, packing, journal, Joiner(plan, spec), report, should_stop, notes)
    if not (ws.cutouts_folder(name) / MANIFEST).exists():
        run.pack(processes or processors())
    return run.finish()


def discard_import(ws: Workspace, *, name: str) -> None:
    """Delete an unfinished import with all it has written.

    Raises
    ------
    InvalidInput
        When the source is finished: it may be in use.
    """
    source = sources.get_source(ws.database, name)
    if source.state == "ready":
        raise InvalidInput(f"Expected an unfinished import, received {name!r}, which is ready and is kept.")
    _discard(ws, source)


def _discard(ws: Workspace, source: Source) -> None:
    sources.delete_source(ws.database, source.id)
    shutil.rmtree(ws.cutouts_folder(source.name), ignore_errors=True)


def _unfinished(ws: Workspace, name: str) -> Source | None:
    return next((s for s in sources.list_sources(ws.database) if s.name == name), None)


def _refuse_taken(ws: Workspace, name: str, spec: IngestSpec) -> None:
    source = _unfinished(ws, name)
    if source is None:
        return
    if source.state == "ready":
        raise InvalidInput(
            f"Expected an unused name for the source, received {name!r}, which exists. Choose another."
        )
    if source.kind != "import" or source.spec != spec.saved():
        raise InvalidInput(
            f"Expected the settings with which the unfinished import {name!r} began, received others. "
            "Run it with the same settings, discard it, or choose another name."
        )


def _prepare(
    ws: Workspace, name: str, spec: IngestSpec, plan: ImportPlan, packing: Packing, journal: Journal
) -> tuple[Source, list[ChunkNote]]:
    """Register the source and reserve its shards, or take up what an earlier run left."""
    folder = ws.cutouts_folder(name)
    source = _unfinished(ws, name)
    notes = journal.read() if source is not None else None
    if source is not None and notes is None:  # the files have changed since
        _discard(ws, source)
        source = None
    if source is None:
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
        shutil.rmtree(folder, ignore_errors=True)
    if not (folder / MANIFEST).exists():
        ShardWriter.create(folder, packing)
        journal.start(notes or [])
    return source, notes or []


@dataclass
class _Import:
    """One running import."""

    ws: Workspace
    source: Source
    plan: ImportPlan
    packing: Packing
    journal: Journal
    joiner: Joiner
    report: Report
    should_stop: ShouldStop
    notes: list[ChunkNote]
    digests: dict[str, str] = field(default_factory=dict)

    def pack(self, processes: int) -> None:
        """Read and store every chunk that is not done."""
        self._know_digests()
        done = {note.chunk for note in self.notes}
        todo = [number for number in range(len(self._starts)) if number not in done]
        began, reported = time.monotonic(), 0.0
        pending = iter(todo)
        results = in_order(
            pack_chunk, (self._work(number) for number in todo), processes=min(processes, len(todo))
        )
        finished = 0
        try:
            for number, outcomes in zip(pending, results, strict=True):
                self._store(number, outcomes if outcomes is not None else self._halved(self._work(number)))
                finished += 1
                now = time.monotonic()
                if now - reported > REPORT_SECONDS or finished == len(todo):
                    reported = now
                    self._tell(finished, len(todo), now - began)
                command = self.should_stop()
                if command is not None and finished < len(todo):
                    raise JobCancelled(
                        f"The import of {self.source.name} was stopped; run it again to go on where it was."
                    )
        finally:
            results.close()

    @property
    def _starts(self) -> range:
        image = self.packing.height * self.packing.width * len(self.packing.bands) * 4
        return range(0, self.packing.slots, max(1, min(CHUNK_CANDIDATES, CHUNK_BYTES // image)))

    def _work(self, number: int) -> Work:
        start, step = self._starts[number], self._starts.step
        folder = str(self.ws.cutouts_folder(self.source.name))
        return self.plan.recipe, self.packing, folder, start, self.plan.candidates[start : start + step]

    def _halved(self, work: Work) -> list[Outcome]:
        """Find the candidate that crashes its reader; the others are kept."""
        *settings, first_row, candidates = work
        if len(candidates) == 1:
            return [Refusal("unreadable", "its files crash their decoder")]
        middle = len(candidates) // 2
        outcomes: list[Outcome] = []
        for row, part in ((first_row, candidates[:middle]), (first_row + middle, candidates[middle:])):
            half = (*settings, row, part)
            found = alone(pack_chunk, half)
            outcomes += found if found is not None else self._halved(half)
        return outcomes

    def _store(self, number: int, outcomes: Sequence[Outcome]) -> None:
        """Insert the rows of one chunk and note what became of it."""
        bands = len(self.packing.bands)
        note = ChunkNote(number, nan=[0] * bands, sentinel=[0] * bands)
        start = self._starts[number]
        rows = []
        for row, outcome in enumerate(outcomes, start):
            candidate = self.plan.candidates[row]
            try:
                rows.append(self._accept(row, candidate, outcome, note))
            except Refused as refused:
                note.rejected.append((candidate.files[0], refused.code, refused.reason))
        note.accepted = len(rows)
        sources.add_cutouts(self.ws.database, self.source.id, rows)
        self.journal.add(note)
        self.notes.append(note)

    def _accept(self, row: int, candidate: Candidate, outcome: Outcome, note: ChunkNote) -> dict[str, Any]:
        if isinstance(outcome, Refusal):
            raise Refused(outcome.code, outcome.reason)
        other = self.digests.setdefault(outcome.digest, candidate.candidate_id)
        if other != candidate.candidate_id:
            raise Refused("duplicate_image", f"the same pixels as {other}")
        columns = self.joiner.columns(row, candidate, outcome, note)
        for place, (nan, sentinel) in enumerate(outcome.masked):
            note.nan[place] += nan
            note.sentinel[place] += sentinel
        return columns

    def _know_digests(self) -> None:
        if self.notes:
            known = sources.cutout_columns(
                self.ws.database, [self.source.id], columns=("pixels_sha256", "candidate_id")
            )
            self.digests = dict(zip(known["pixels_sha256"], known["candidate_id"], strict=True))

    def _tell(self, finished: int, chunks: int, seconds: float) -> None:
        done = sum(note.accepted + len(note.rejected) for note in self.notes)
        rate = finished * self._starts.step / max(seconds, 1e-9)
        self.report(
            {
                "fraction": done / self.packing.slots,
                "message": f"{done} of {self.packing.slots} candidates",
                "rate": rate,
                "seconds_left": (chunks - finished) * self._starts.step / rate,
                "accepted": sum(note.accepted for note in self.notes),
                "rejected": sum(len(note.rejected) for note in self.notes) + len(self.plan.rejections),
            }
        )

    def finish(self) -> dict[str, Any]:
        """Make the source readable, with its quality report."""
        database, folder = self.ws.database, self.ws.cutouts_folder(self.source.name)
        rejections = self.plan.rejections + [
            Rejection(*r) for note in self._by_chunk() for r in note.rejected
        ]
        accepted = sources.count_cutouts(database, self.source.id)
        if not accepted:
            _discard(self.ws, self.source)
            raise InvalidInput(_all_refused(rejections))
        if not (folder / MANIFEST).exists():
            _sync(folder)
            ShardWriter(folder, self.packing).finish()
        packed = PackedCutouts.open(folder)
        rows = sources.cutout_columns(database, [self.source.id], columns=("row",))["row"]
        bands = describe_bands(packed, np.asarray(rows, np.int64), self.notes)
        counts = total_counts(self.notes)
        warnings = self.plan.warnings + count_warnings(counts, accepted) + band_warnings(bands)
        known = set(sources.list_rejections(database, self.source.id))
        sources.add_rejections(database, self.source.id, [r for r in rejections if r not in known])
        quality = {
            "accepted": accepted,
            "rejected": len(rejections),
            "reasons": dict(Counter(rejection.code for rejection in rejections)),
            "bands": bands,
            "counts": dict(counts),
            "warnings": warnings,
        }
        sources.finish_source(database, self.source.id, quality=quality)
        self.journal.remove()
        return {
            "source": self.source.name,
            "accepted": accepted,
            "rejected": [{"file": r.file, "reason": f"{r.code}: {r.reason}"} for r in rejections],
            "bands": list(self.packing.bands),
            "shape": [self.packing.height, self.packing.width],
            "warnings": warnings,
        }

    def _by_chunk(self) -> Iterator[ChunkNote]:
        return iter(sorted(self.notes, key=lambda note: note.chunk))


def _all_refused(rejections: Sequence[Rejection]) -> str:
    first = rejections[0]
    return (
        f"Expected at least one usable candidate, received {len(rejections)} that were all refused, the first "
        f"({first.file}) as {first.code}: {first.reason}. A dry run lists all reasons."
    )


def _sync(folder: Path) -> None:
    """Bring the shards to the disk before they are declared complete."""
    for path in folder.glob("*.npy"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
