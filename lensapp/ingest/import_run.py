"""One import under way: its chunks, its progress and its end."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.errors import JobCancelled
from lensapp.core.progress import Report, ShouldStop
from lensapp.ingest.catalogue_match import Joiner, refuse_known
from lensapp.ingest.cutout import Outcome, Refusal, pack_chunk
from lensapp.ingest.gate.subprocesses import Work, alone, in_order
from lensapp.ingest.journal import ChunkNote, Journal
from lensapp.ingest.plan import ImportPlan
from lensapp.ingest.quality import band_warnings, count_warnings, describe_bands, total_counts
from lensapp.ingest.refusals import Refused
from lensapp.storage import sources
from lensapp.storage.arrays import (
    MANIFEST,
    PackedCutouts,
    Packing,
    ShardWriter,
    settle_flux_scales,
    write_flux_scales,
)
from lensapp.storage.columns.source_columns import UNITS, complete_source
from lensapp.storage.cutouts import UNIT
from lensapp.storage.records import Rejection, Source
from lensapp.storage.workspace import Workspace

CHUNK_BYTES = 16 * 2**20
CHUNK_CANDIDATES = 128
REPORT_SECONDS = 0.5


@dataclass
class ImportRun:
    """The work of one import after its plan was made.

    Attributes
    ----------
    notes
        The chunks that are done, by earlier runs too.
    digests
        Digest of pixels → ID of the candidate that has them.
    """

    ws: Workspace
    source: Source
    plan: ImportPlan
    packing: Packing
    journal: Journal
    joiner: Joiner
    notes: list[ChunkNote]
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the shards."""
        return self.ws.cutouts_folder(self.source.name)

    @property
    def complete(self) -> bool:
        """Whether all pixels are written and declared so."""
        return (self.folder / MANIFEST).exists()

    @property
    def starts(self) -> range:
        """The first row of each chunk; the same in every run of an import."""
        image_bytes = self.packing.height * self.packing.width * len(self.packing.bands) * 4
        return range(0, self.packing.slots, max(1, min(CHUNK_CANDIDATES, CHUNK_BYTES // image_bytes)))

    def pack(self, *, processes: int, report: Report, should_stop: ShouldStop) -> None:
        """Read and store every chunk that is not done, until `should_stop` asks for an end."""
        done = {note.chunk for note in self.notes}
        if done:  # their rows, of an earlier run; those of an unfinished chunk are stored anew
            columns = ("row", "pixels_digest", "candidate_id")
            rows = sources.cutout_columns(self.ws.database, [self.source.id], columns=columns)
            finished = np.isin(rows["row"] // self.starts.step, list(done))
            ids, digests = rows["candidate_id"][finished], rows["pixels_digest"][finished]
            self.digests = dict(zip(digests, ids, strict=True))
        todo = [number for number in range(len(self.starts)) if number not in done]
        began, reported = time.monotonic(), 0.0
        works = (self._work(number) for number in todo)
        with closing(in_order(pack_chunk, works, processes=max(1, min(processes, len(todo))))) as results:
            for count, (number, outcomes) in enumerate(zip(todo, results, strict=True), 1):
                self._store(number, outcomes if outcomes is not None else self._halved(self._work(number)))
                now = time.monotonic()
                if now - reported > REPORT_SECONDS or count == len(todo):
                    reported = now
                    accepted = sum(note.accepted for note in self.notes)
                    rejected = sum(len(note.rejected) for note in self.notes)
                    rate = count * self.starts.step / max(now - began, 1e-9)
                    report(
                        {
                            "fraction": (accepted + rejected) / self.packing.slots,
                            "message": f"{accepted + rejected} of {self.packing.slots} candidates",
                            "rate": rate,
                            "seconds_left": (len(todo) - count) * self.starts.step / rate,
                            "accepted": accepted,
                            "rejected": rejected + len(self.plan.rejections),
                        }
                    )
                if should_stop() is not None and count < len(todo):
                    raise JobCancelled(
                        f"The import of {self.source.name} was stopped; run it again to continue."
                    )

    def _work(self, number: int) -> Work:
        start, step = self.starts[number], self.starts.step
        candidates = self.plan.candidates[start : start + step]
        return self.plan.recipe, self.packing, str(self.folder), start, candidates

    def _halved(self, work: Work) -> list[Outcome]:
        """Find the candidate that crashes its reader; the others are kept."""
        *settings, first_row, candidates = work
        if len(candidates) == 1:
            return [Refusal("unreadable", "its files crash their decoder")]
        middle = len(candidates) // 2
        outcomes: list[Outcome] = []
        for row, part in ((first_row, candidates[:middle]), (first_row + middle, candidates[middle:])):
            half = (*settings, row, part)
            packed = alone(pack_chunk, *half)
            outcomes += packed if packed is not None else self._halved(half)
        return outcomes

    def _store(self, number: int, outcomes: Sequence[Outcome]) -> None:
        """Insert the rows of one chunk and note what became of it."""
        bands = len(self.packing.bands)
        note = ChunkNote(number, nan=[0] * bands, sentinel=[0] * bands)
        rows = []
        for row, outcome in enumerate(outcomes, self.starts[number]):
            candidate = self.plan.candidates[row]
            try:
                prepared = refuse_known(candidate, outcome, self.digests)
                rows.append(self.joiner.columns(row, candidate, prepared, note))
            except Refused as refused:
                note.rejected.append((candidate.files[0], refused.code, refused.reason))
                continue
            for band, (nan, sentinel) in enumerate(prepared.masked):
                note.nan[band] += nan
                note.sentinel[band] += sentinel
        note.accepted = len(rows)
        scales = [None if isinstance(outcome, Refusal) else outcome.flux_scale for outcome in outcomes]
        if any(scales):  # once one candidate tells
            filled = [scale or (np.nan,) * bands for scale in scales]
            write_flux_scales(self.folder, self.packing, self.starts[number], filled)
        sources.add_cutouts(self.ws.database, self.source.id, rows)
        self.journal.add(note)
        self.notes.append(note)

    def rejections(self) -> list[Rejection]:
        """Return everything that was refused, in the order of the plan."""
        notes = sorted(self.notes, key=lambda note: note.chunk)
        return self.plan.rejections + [Rejection(*refused) for note in notes for refused in note.rejected]

    def finish(self, rejections: Sequence[Rejection]) -> dict[str, Any]:
        """Make the source readable, and return its quality report."""
        database = self.ws.database
        if not self.complete:
            for path in self.folder.glob("*.npy"):  # on the disk before they are declared complete
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            ShardWriter(self.folder, self.packing).finish()
        columns = sources.cutout_columns(database, [self.source.id], columns=("row",))
        rows = np.asarray(columns["row"], np.int64)
        settle_flux_scales(self.folder, rows)
        bands = describe_bands(PackedCutouts.open(self.folder), rows, self.notes)
        counts = total_counts(self.notes)
        quality = {
            "accepted": len(rows),
            "rejected": len(rejections),
            "reasons": dict(Counter(rejection.code for rejection in rejections)),
            "bands": bands,
            "counts": dict(counts),
            "warnings": self.plan.warnings + count_warnings(counts, len(rows)) + band_warnings(bands),
        }
        if self.plan.are_pictures:
            quality[UNIT] = "picture"
        if self.plan.catalogue is not None and self.plan.catalogue.units:
            quality[UNITS] = self.plan.catalogue.units
        stored = set(sources.list_rejections(database, self.source.id))
        sources.add_rejections(database, self.source.id, [r for r in rejections if r not in stored])
        complete_source(self.ws, self.source.id, quality=quality)
        self.journal.remove()
        return quality
