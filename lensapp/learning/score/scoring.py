"""Score a source through a run: resumable, with progress, on this machine or over Dask."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import JobCancelled
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.score.precision import Precision
from lensapp.core.train.tasks import load_task
from lensapp.learning.score.dask_cluster import dask_client
from lensapp.learning.score.engine_choice import engine_for, forget_engine
from lensapp.learning.score.onnx_export import network_checksum
from lensapp.learning.score.scorers import Engine, Outputs, Scorer, cached_scorer
from lensapp.storage import runs, sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.columns.filtering import kept_by
from lensapp.storage.cutouts import open_in_unit
from lensapp.storage.estimates import EstimateStore, estimate_store
from lensapp.storage.files import SCORE_WARNINGS, SCORED
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

CHUNK_ROWS = 512
DASK_ROWS = 4096
DASK_AHEAD = 32

Span = TypeVar("Span")
Chunk = tuple[NDArray[np.int64], Outputs]
"""Positions among the cutouts to score, and the outputs for them."""
OpenPixels = Callable[[], PackedCutouts]


def score_source(
    workspace: Workspace,
    *,
    run_name: str,
    source_name: str,
    dask_url: str | None = None,
    precision: Precision = "auto",
    where: str | None = None,
    chunk_rows: int = CHUNK_ROWS,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Score every cutout of a source that this run has not scored yet, and store the scores.

    With a filter in `where` those that fulfil it; scored later, the others are added.
    A run that tells classes apart stores the probability of each besides; one that estimates values stores
    these with their uncertainties and no score. Workers of the Dask cluster at `dask_url` must see the
    workspace folder; without one this process scores, and commits every `chunk_rows` cutouts. Which engine
    computes says `lensapp.learning.score.engine_choice.engine_for`. Returned are `scored`, `skipped` (scored
    before), `images_per_second`, `warnings`, `engine` and, where it matters, `reason`.

    Raises
    ------
    NotFound, BandMismatch
        When the run, its network or the source does not exist, or network and source do not fit together.
    JobCancelled
        When `should_stop` says so; what is scored is kept and skipped the next time.
    """
    database, folder = workspace.database, workspace.run_folder(run_name)
    run, source = runs.get_run(database, run_name), sources.get_source(database, source_name)
    warnings = check_source(workspace, run, source)
    of_sources = read_json(folder / SCORE_WARNINGS) if (folder / SCORE_WARNINGS).exists() else {}
    if of_sources.get(source.name, []) != warnings:
        write_json(folder / SCORE_WARNINGS, of_sources | {source.name: warnings})
    checksum, task = network_checksum(folder), load_task(folder)
    store = estimate_store(folder, source.name, task.columns())
    cutout_ids, rows, skipped = unscored_cutouts(workspace, run, source, store, checksum=checksum)
    if where is not None:
        kept = kept_by(workspace, [source], where, ids=cutout_ids)
        cutout_ids, rows = cutout_ids[kept], rows[kept]
    outcome: dict[str, Any] = {"scored": len(rows), "skipped": skipped, "images_per_second": 0.0}
    outcome["warnings"] = warnings
    if not len(rows):
        return outcome
    engine = engine_for(workspace, run, source, unscored=len(rows), precision=precision)
    scorer = cached_scorer(folder, checksum, engine)
    factor = runs.normalisation_of(workspace, run.name).reading_factor(source.pixel_scale_arcsec)
    meter = ProgressMeter(report, len(rows), "{done} of {total} cutouts scored")
    open_pixels = partial(open_in_unit, workspace.cutouts_folder(source.name), factor)
    if dask_url is None:
        chunks = outputs_here(scorer, open_pixels(), rows, chunk_rows=chunk_rows)
    else:
        chunks = outputs_on_dask(dask_url, folder, checksum, open_pixels, rows, engine=engine)
    for positions, outputs in chunks:
        ids = cutout_ids[positions]
        store.add(ids, task.table(outputs))
        if task.scores_candidates:
            stored_scores.add_scores(workspace, run.id, source.id, ids, task.scores(outputs))
        meter.add(len(positions))
        if should_stop() and meter.done < meter.total:
            raise JobCancelled(f"Scoring stopped after {meter.done} of {meter.total} cutouts.")
    store.join()
    stored_scores.score_files(workspace, run.id, source.id).join()
    outcome |= {"images_per_second": round(meter.rate, 1), "engine": scorer.engine}
    return outcome | ({"reason": scorer.reason} if scorer.reason else {})


def unscored_cutouts(
    workspace: Workspace, run: Run, source: Source, store: EstimateStore, *, checksum: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return ids and rows of the cutouts that the run's present network has not scored, and how many it has.

    What an earlier network of the run has said is removed.
    """
    folder = workspace.run_folder(run.name)
    scored_with = read_json(folder / SCORED) if (folder / SCORED).exists() else {}
    if scored_with.get(source.name) != checksum:
        store.clear()
        stored_scores.delete_scores(workspace, run.id, source.id)
        forget_engine(folder, source.name)
        write_json(folder / SCORED, scored_with | {source.name: checksum})
    columns = sources.cutout_columns(workspace.database, [source.id], columns=("id", "row"))
    missing = np.zeros(len(columns["id"]), bool)
    if load_task(folder).scores_candidates:
        missing |= np.isnan(stored_scores.scores_for(workspace, run.id, source.id, columns["id"]))
    if store.columns:
        missing |= ~np.isin(columns["id"], store.read()[0])
    return columns["id"][missing], columns["row"][missing], int(np.count_nonzero(~missing))


def check_source(workspace: Workspace, run: Run, source: Source) -> list[str]:
    """Refuse a source that is not imported or differs from what a run was trained on.

    Return what could not be compared, as sentences.
    """
    sources.require_ready(source)
    return runs.require_fit(workspace, run, source)


def outputs_here(
    scorer: Scorer, cutouts: Any, rows: NDArray[np.int64], *, chunk_rows: int = CHUNK_ROWS
) -> Iterator[Chunk]:
    """Yield what a run gives for `rows`, reading the next chunk while one is computed.

    Parameters
    ----------
    cutouts
        Anything with `read(rows)`, such as `lensapp.storage.arrays.PackedCutouts`.
    rows : shape (n,)
        Rows to score.
    chunk_rows
        Cutouts in memory at once, twice.
    """
    spans = _spans(len(rows), chunk_rows)
    for positions, pixels in read_ahead(spans, lambda positions: cutouts.read(rows[positions])):
        yield positions, scorer.outputs(pixels)


def read_ahead(
    spans: Sequence[Span], read: Callable[[Span], NDArray[np.float32]]
) -> Iterator[tuple[Span, NDArray[np.float32]]]:
    """Yield each span and its pixels, reading the next one meanwhile."""
    following = iter(spans)
    with ThreadPoolExecutor(1) as reader:
        coming = [reader.submit(read, span) for span in islice(following, 1)]
        for span in spans:
            pixels = coming.pop().result()
            coming += [reader.submit(read, following_span) for following_span in islice(following, 1)]
            yield span, pixels


def outputs_of_rows(
    folder: Path, checksum: str, engine: Engine, open_pixels: OpenPixels, rows: NDArray[np.int64]
) -> Outputs:
    """Compute rows of a packed source in a Dask worker; the network stays open between calls."""
    scorer, cutouts = cached_scorer(folder, checksum, engine), open_pixels()
    return np.concatenate([outputs for _, outputs in outputs_here(scorer, cutouts, rows)])


def outputs_on_dask(
    url: str,
    folder: Path,
    checksum: str,
    open_pixels: OpenPixels,
    rows: NDArray[np.int64],
    *,
    engine: Engine = "auto",
    shard_rows: int = DASK_ROWS,
) -> Iterator[Chunk]:
    """Yield what a run gives for `rows` on a Dask cluster, in shards as they are finished."""
    from distributed import as_completed

    shards = iter(_spans(len(rows), shard_rows))
    with dask_client(url) as client:
        submit = partial(client.submit, outputs_of_rows, folder, checksum, engine, open_pixels, pure=False)
        running = {submit(rows[positions]): positions for positions in islice(shards, DASK_AHEAD)}
        finished = as_completed(running, loop=client.loop)
        for future in finished:
            yield running.pop(future), future.result()
            for positions in islice(shards, 1):
                follower = submit(rows[positions])
                running[follower] = positions
                finished.add(follower)


def _spans(count: int, size: int) -> list[NDArray[np.int64]]:
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
