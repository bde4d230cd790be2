"""Score a source through a run: resumable, with progress, on this machine or over Dask."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask, load_task
from lensapp.learning.score.inference import NORMALISATION, Outputs, Scores, TrainedNetwork, cached_network
from lensapp.learning.score.onnx_export import network_checksum
from lensapp.storage import runs, sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.estimates import EstimateStore, estimate_store
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace

CHUNK_ROWS = 512
DASK_ROWS = 4096
DASK_AHEAD = 32
SCORED = "scored.json"

Chunk = tuple[NDArray[np.int64], Outputs]
"""Positions among the cutouts to score, and what the network gave for them."""


@dataclass
class Progressing:
    """Counts scored cutouts and reports them with rate and time left."""

    total: int
    report: Report
    scored: int = 0
    started: float = field(default_factory=time.perf_counter)
    what: str = "cutouts"

    @property
    def rate(self) -> float:
        """Cutouts per second so far."""
        return self.scored / max(time.perf_counter() - self.started, 1e-9)

    def add(self, count: int) -> None:
        """Count `count` more and report."""
        self.scored += count
        rate = self.rate
        self.report(
            {
                "fraction": self.scored / self.total,
                "message": f"{self.scored} of {self.total} {self.what} scored",
                "rate": rate,
                "seconds_left": (self.total - self.scored) / rate,
                "done": self.scored,
                "total": self.total,
            }
        )


def score_source(
    workspace: Workspace,
    *,
    run_name: str,
    source_name: str,
    dask_url: str | None = None,
    chunk_rows: int = CHUNK_ROWS,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Score every cutout of a source that this run has not scored yet, and store the scores.

    A run that tells classes apart stores the probability of each besides; one that estimates values stores
    these with their uncertainties and no score.

    Parameters
    ----------
    workspace
        The workspace.
    run_name, source_name
        A run with a network, an imported source.
    dask_url
        Scheduler of a Dask cluster whose workers see the workspace folder; default: this process.
    chunk_rows
        Cutouts between two commits in this process.
    report, should_stop
        Told of every chunk, asked before the next.

    Returns
    -------
    dict
        `scored`, `skipped` (scored before), `images_per_second`, `engine` and, where it matters, `reason`.

    Raises
    ------
    NotFound
        When the run, its network or the source does not exist.
    BandMismatch
        When bands, their order, the size or the pixel scale differ from the network's.
    JobCancelled
        When `should_stop` says so; what is scored is kept and skipped the next time.
    """
    run = runs.get_run(workspace.database, run_name)
    source = sources.get_source(workspace.database, source_name)
    folder = workspace.run_folder(run.name)
    check_source(folder, source)
    checksum, task = network_checksum(folder), load_task(folder)
    store = estimate_store(folder, source.name, task.columns())
    _forget_scores_of_another_network(workspace, run, source, store, checksum=checksum)
    cutout_ids, rows, skipped = _unscored(workspace, run, source, task, store)
    outcome: dict[str, Any] = {"scored": len(rows), "skipped": skipped, "images_per_second": 0.0}
    if not len(rows):
        return outcome
    network = cached_network(folder, checksum)
    pixels = workspace.cutouts_folder(source.name)
    progress = Progressing(len(rows), report)
    chunks = (
        outputs_here(network, PackedCutouts.open(pixels), rows, chunk_rows=chunk_rows)
        if dask_url is None
        else outputs_on_dask(dask_url, folder, checksum, pixels, rows)
    )
    for places, outputs in chunks:
        ids = cutout_ids[places]
        store.add(ids, task.table(outputs))
        if task.scores_candidates:
            scores = task.scores(outputs).tolist()
            runs.add_scores(workspace.database, run.id, source.id, ids.tolist(), scores)
        progress.add(len(places))
        if should_stop() and progress.scored < progress.total:
            raise JobCancelled(f"Scoring stopped after {progress.scored} of {progress.total} cutouts.")
    store.join()
    outcome |= {"images_per_second": round(progress.rate, 1), "engine": network.engine}
    return outcome | ({"reason": network.reason} if network.reason else {})


def check_source(folder: Path, source: Source) -> None:
    """Refuse a source whose cutouts differ from those the network in `folder` was trained on.

    Raises
    ------
    BandMismatch
        Saying which of bands, order, size or pixel scale differs.
    InvalidInput
        When the source is not imported yet or the run has no normalisation.
    """
    if source.state != "ready":
        raise InvalidInput(
            f"Expected an imported source, received {source.name}, which is {source.state}. "
            "Wait for its import to end."
        )
    FittedNormalisation.parse(read_json(folder / NORMALISATION)).check(
        bands=source.bands,
        size=(source.height, source.width),
        pixel_scale_arcsec=source.pixel_scale_arcsec,
    )


def score_here(
    network: TrainedNetwork, cutouts: Any, rows: NDArray[np.int64], *, chunk_rows: int = CHUNK_ROWS
) -> Iterator[tuple[NDArray[np.int64], Scores]]:
    """Yield positions and scores of `rows`; see `outputs_here`."""
    for places, outputs in outputs_here(network, cutouts, rows, chunk_rows=chunk_rows):
        yield places, network.task.scores(outputs)


def outputs_here(
    network: TrainedNetwork, cutouts: Any, rows: NDArray[np.int64], *, chunk_rows: int = CHUNK_ROWS
) -> Iterator[Chunk]:
    """Yield what a network gives for `rows`, reading the next chunk while one is computed.

    Parameters
    ----------
    network
        An open network.
    cutouts
        Anything with `read(rows)`, such as `lensapp.storage.arrays.PackedCutouts`.
    rows : shape (n,)
        Rows to score.
    chunk_rows
        Cutouts in memory at once, twice.
    """
    spans = _spans(len(rows), chunk_rows)
    following = iter(spans)
    with ThreadPoolExecutor(1) as reader:
        coming = [reader.submit(cutouts.read, rows[places]) for places in islice(following, 1)]
        for span in spans:
            pixels = coming.pop().result()
            coming += [reader.submit(cutouts.read, rows[places]) for places in islice(following, 1)]
            yield span, network.outputs(pixels)


def outputs_of_rows(folder: Path, checksum: str, pixels: Path, rows: NDArray[np.int64]) -> Outputs:
    """Compute rows of a packed source in a Dask worker; the network stays open between calls."""
    network = cached_network(folder, checksum)
    cutouts = PackedCutouts.open(pixels)
    return np.concatenate([outputs for _, outputs in outputs_here(network, cutouts, rows)])


def outputs_on_dask(
    url: str,
    folder: Path,
    checksum: str,
    pixels: Path,
    rows: NDArray[np.int64],
    *,
    shard_rows: int = DASK_ROWS,
) -> Iterator[Chunk]:
    """Yield what a network gives for `rows` on a Dask cluster, in shards as they are finished.

    Raises
    ------
    InvalidInput
        When no scheduler answers at `url`.
    """
    from distributed import Client, as_completed

    try:
        client = Client(url, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"Expected a Dask scheduler such as tcp://host:8786, received {url!r}: {error}. "
            "Start one with 'dask scheduler', or leave --dask out."
        ) from error
    shards = iter(_spans(len(rows), shard_rows))
    with client:
        submit = partial(client.submit, outputs_of_rows, folder, checksum, pixels, pure=False)
        running = {submit(rows[places]): places for places in islice(shards, DASK_AHEAD)}
        finished = as_completed(running, loop=client.loop)
        for future in finished:
            yield running.pop(future), future.result()
            for places in islice(shards, 1):
                follower = submit(rows[places])
                running[follower] = places
                finished.add(follower)


def _spans(count: int, size: int) -> list[NDArray[np.int64]]:
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]


def _unscored(
    workspace: Workspace, run: Run, source: Source, task: FittedTask, store: EstimateStore
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return ids and rows of the cutouts without a score, in the order of the rows, and how many have one."""
    columns = sources.cutout_columns(workspace.database, [source.id], columns=("id", "row"))
    missing = np.zeros(len(columns["id"]), bool)
    if task.scores_candidates:
        missing |= ~np.isin(columns["id"], runs.scores_of(workspace.database, run.id, source.id)[0])
    if store.columns:
        missing |= ~np.isin(columns["id"], store.read()[0])
    return columns["id"][missing], columns["row"][missing], int(np.count_nonzero(~missing))


def _forget_scores_of_another_network(
    workspace: Workspace, run: Run, source: Source, store: EstimateStore, *, checksum: str
) -> None:
    """Drop the scores of a source when the run was trained further since they were made."""
    path = workspace.run_folder(run.name) / SCORED
    known = read_json(path) if path.exists() else {}
    if known.get(source.name) == checksum:
        return
    store.clear()
    runs.delete_scores(workspace.database, run.id, source.id)
    write_json(path, known | {source.name: checksum})
