"""Score a source shard by shard: each is claimed, computed here or on Dask, and stored whole or not."""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import StorageError
from lensapp.core.score.shard_share import ShardShare
from lensapp.learning.score.dask_cluster import dask_client
from lensapp.learning.score.reading import read_ahead, spans
from lensapp.learning.score.scorers import Engine, Outputs, Scorer, cached_scorer
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.columns.filtering import kept_by
from lensapp.storage.estimates import EstimateStore
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.scores.shards import JOINING, ShardList
from lensapp.storage.workspace import Workspace

CHUNK_ROWS = 512
DASK_AHEAD = 32
HEARTBEAT_SECONDS = 3.0
PART = "shard-"

Ids = NDArray[np.int64]
OpenPixels = Callable[[], PackedCutouts]
Counted = Callable[[int, int], None]


def not_counted(_done: int, _left: int) -> None:
    """Count nothing, for work that nobody watches."""


def part_name(number: int) -> str:
    """Return the name that the scores of a shard have as a part."""
    return f"{PART}{number:06d}"


@dataclass(frozen=True)
class Shard:
    """What of a tile or a block of cutouts is still to be scored."""

    number: int
    cutout_ids: Ids
    rows: Ids

    @property
    def name(self) -> str:
        """The name of its part among the scores."""
        return part_name(self.number)


@dataclass
class ShardedSource:
    """A source in shards, and where what a run says of them is stored.

    Attributes
    ----------
    blocks
        The rows of each shard.
    estimates
        What else the run says; without columns nothing.
    scores_candidates
        Whether the run gives scores.
    share
        The only shards of concern here.
    where
        A filter: the only cutouts of concern.
    """

    workspace: Workspace
    run: Run
    source: Source
    blocks: list[Ids]
    estimates: EstimateStore
    scores_candidates: bool
    share: ShardShare | None = None
    where: str | None = None

    def __post_init__(self) -> None:
        owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self.shards = ShardList(self.workspace.database, self.run.id, self.source.id, owner)
        self.files = stored_scores.score_files(self.workspace, self.run.id, self.source.id)
        self.estimated = np.empty(0, np.int64)  # what else was said of these before
        self.chosen: Ids | None = None
        self.may_join = False

    def find_chosen(self) -> None:
        """Read which cutouts fulfil the filter, and of which something is stored besides scores."""
        if self.estimates.columns:
            self.estimated = self.estimates.read()[0]
        if self.where is not None:
            ids = sources.cutout_columns(self.workspace.database, [self.source.id], columns=("id",))["id"]
            self.chosen = ids[kept_by(self.workspace, [self.source], self.where, ids=ids)]

    def counts(self) -> tuple[int, int]:
        """Return how many cutouts were scored before, and how many are to be scored."""
        of_pair = self.workspace, self.run.id, self.source.id
        done = [len(self.estimated)] if self.estimates.columns else []
        if self.scores_candidates:
            done.append(stored_scores.count_of(*of_pair))
        if self.chosen is None:
            total = sources.count_cutouts(self.workspace.database, self.source.id)
            return min(done), total - min(done)
        missing = np.zeros(len(self.chosen), bool)
        if self.estimates.columns:
            missing |= ~np.isin(self.chosen, self.estimated)
        if self.scores_candidates:
            missing |= np.isnan(stored_scores.scores_for(*of_pair, self.chosen))
        return min(done), int(missing.sum())

    def claimed(self) -> Iterator[Shard]:
        """Yield shards that nobody works on, as long as there are any; those without work are ticked off."""
        pair = None if self.share is None else (self.share.number, self.share.of)
        while (number := self.shards.claim(share=pair)) is not None:
            if number == JOINING:
                self.may_join = True
                return
            shard = self._unscored(number)
            if len(shard.rows):
                yield shard
            else:
                self.shards.finish(number)

    def _unscored(self, number: int) -> Shard:
        ids, rows = sources.cutouts_in_rows(self.workspace.database, self.source.id, self.blocks[number])
        if self.chosen is not None:
            fulfilling = np.isin(ids, self.chosen)
            ids, rows = ids[fulfilling], rows[fulfilling]
        missing = np.zeros(len(ids), bool)
        if self.scores_candidates:
            held = stored_scores.scores_for(self.workspace, self.run.id, self.source.id, ids, but=PART)
            missing |= np.isnan(held)
            # A kill between storing a shard and ticking it off leaves it whole.
            if self.files.has(part_name(number), int(missing.sum())):
                missing[:] = False
        if self.estimates.columns:
            missing |= ~np.isin(ids, self.estimated)
        return Shard(number, ids[missing], rows[missing])

    def store(self, shard: Shard, *, table: NDArray[Any], scores: NDArray[Any] | None) -> None:
        """Store what the run says of a shard, and tick it off."""
        self.estimates.add(shard.cutout_ids, table)
        if scores is not None:
            self.files.add(shard.name, shard.cutout_ids, scores)
        self.shards.finish(shard.number)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Tell from time to time that this process lives; what it has not stored it gives back in the end."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                with suppress(StorageError):  # a passing fault is mended by the next beat
                    self.shards.keep()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with suppress(StorageError):
                self.shards.release()


def computed_here(
    scorer: Scorer,
    cutouts: PackedCutouts,
    shards: Iterable[Shard],
    *,
    chunk_rows: int = CHUNK_ROWS,
    counted: Counted = not_counted,
) -> Iterator[tuple[Shard, Outputs]]:
    """Yield shards with the outputs of a run, reading the next cutouts while some are computed.

    Parameters
    ----------
    counted
        Called with the number of cutouts just computed, and how many of their shard are left.
    """
    pieces = ((shard, span) for shard in shards for span in spans(len(shard.rows), chunk_rows))
    outputs: list[Outputs] = []
    for (shard, span), pixels in read_ahead(pieces, lambda piece: cutouts.read(piece[0].rows[piece[1]])):
        outputs.append(scorer.outputs(pixels))
        left = len(shard.rows) - int(span[-1]) - 1
        counted(len(span), left)
        if not left:
            yield shard, np.concatenate(outputs)
            outputs = []


def outputs_of_rows(
    folder: Path, checksum: str, engine: Engine, open_pixels: OpenPixels, rows: Ids
) -> Outputs:
    """Compute rows of a source in a Dask worker; the network stays open between calls."""
    scorer, cutouts = cached_scorer(folder, checksum, engine), open_pixels()
    shard = Shard(0, rows, rows)
    return next(outputs for _, outputs in computed_here(scorer, cutouts, [shard]))


def computed_on_dask(
    url: str,
    network: tuple[Path, str, Engine],
    open_pixels: OpenPixels,
    shards: Iterator[Shard],
    *,
    counted: Counted = not_counted,
) -> Iterator[tuple[Shard, Outputs]]:
    """Yield shards with the outputs of a run as the workers of a Dask cluster finish them.

    A shard whose worker dies goes to another one.

    Parameters
    ----------
    network
        Folder, checksum and engine of the run.
    """
    from distributed import as_completed

    with dask_client(url) as client:
        submit = partial(client.submit, outputs_of_rows, *network, open_pixels, pure=False)
        running = {submit(shard.rows): shard for shard in islice(shards, DASK_AHEAD)}
        finished = as_completed(running, loop=client.loop)
        for future in finished:
            shard = running.pop(future)
            outputs = future.result()
            counted(len(outputs), 0)
            yield shard, outputs
            for follower in islice(shards, 1):
                coming = submit(follower.rows)
                running[coming] = follower
                finished.add(coming)


def wait_for_others(source: ShardedSource) -> bool:
    """Wait a moment where others still work on shards that concern this process; return whether they do."""
    share = source.share
    if not source.shards.exists() or (share and not source.shards.left(share=(share.number, share.of))):
        return False
    time.sleep(HEARTBEAT_SECONDS / 6)
    return True
