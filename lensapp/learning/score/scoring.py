"""Score a source through a run: resumable to the shard, with progress, on this machine, an array or Dask."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import JobCancelled
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.score.precision import Precision
from lensapp.core.score.shard_share import ShardShare
from lensapp.core.train.tasks import FittedTask, load_task
from lensapp.learning.score.engine_choice import engine_for, forget_engine
from lensapp.learning.score.scorers import Outputs, cached_scorer
from lensapp.learning.score.sharded import (
    OpenPixels,
    Shard,
    ShardedSource,
    computed_here,
    computed_on_dask,
    wait_for_others,
)
from lensapp.storage import runs, sources
from lensapp.storage.arrays import TILES, PackedCutouts
from lensapp.storage.cutouts import open_in_unit
from lensapp.storage.estimates import estimate_store
from lensapp.storage.files import SCORE_WARNINGS, SCORED, network_checksum
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.tiles.kept_pixels import keep_pixels
from lensapp.storage.workspace import Workspace

SHARD_ROWS = 4096
KEPT = 1000
CONTROL_SEED = 0


def score_source(
    workspace: Workspace,
    *,
    run_name: str,
    source_name: str,
    dask_url: str | None = None,
    precision: Precision = "auto",
    where: str | None = None,
    share: ShardShare | None = None,
    keep: int = KEPT,
    shard_rows: int = SHARD_ROWS,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Score every cutout of a source that this run has not scored yet, and store the scores.

    With a filter in `where` those that fulfil it; scored later, the others are added.

    The source is cut into shards: its tiles, or blocks of `shard_rows` cutouts. Each is claimed, computed and
    stored whole or not at all, so that a killed scoring goes on at the shard and several may share the work.
    What is stored can be reviewed meanwhile. Workers of the Dask cluster at `dask_url` must see the
    workspace folder; without one this process computes. Which engine does says
    `lensapp.learning.score.engine_choice.engine_for`.

    A run that tells classes apart stores the probability of each besides; one that estimates values stores
    these with their uncertainties and no score.

    Parameters
    ----------
    share
        Only this share of the shards; whoever ends last joins the scores.
    keep
        Of a source in tiles: how many of the best, and as many at random, have their pixels kept.

    Returns
    -------
    dict
        `scored`, `skipped` (scored before), `images_per_second`, `warnings`, `engine`, where it matters
        `reason`, and `shards_left` where others still score.

    Raises
    ------
    NotFound, BandMismatch
        When the run, its network or the source does not exist, or network and source do not fit together.
    JobCancelled
        When `should_stop` says so; the shards that are stored are kept and skipped the next time.
    """
    database, folder = workspace.database, workspace.run_folder(run_name)
    run, source = runs.get_run(database, run_name), sources.get_source(database, source_name)
    warnings = check_source(workspace, run, source)
    of_sources = read_json(folder / SCORE_WARNINGS) if (folder / SCORE_WARNINGS).exists() else {}
    if of_sources.get(source.name, []) != warnings:
        write_json(folder / SCORE_WARNINGS, of_sources | {source.name: warnings})
    task = load_task(folder)
    fitted = runs.normalisation_of(workspace, run.name)
    factor = fitted.reading_factor(source.pixel_scale_arcsec)
    open_pixels = partial(open_in_unit, workspace.cutouts_folder(source.name), factor, fitted.bands)
    work = ShardedSource(
        workspace, run, source, open_pixels().blocks(shard_rows),
        estimate_store(folder, source.name, task.columns()), task.scores_candidates, share, where,
    )  # fmt: skip
    skipped, unscored = _begin(work)
    outcome: dict[str, Any] = {"scored": 0, "skipped": skipped, "images_per_second": 0.0}
    outcome["warnings"] = warnings
    if not work.shards.exists():
        return outcome
    progress = ScoringProgress(
        meter=ProgressMeter(report, max(_to_do(work, unscored), 1), "{done} of {total} cutouts scored"),
        should_stop=should_stop,
    )
    compute = partial(
        _computed, work, open_pixels, progress,
        unscored=unscored, precision=precision, dask_url=dask_url, outcome=outcome,
    )  # fmt: skip
    with work.alive():
        _score(work, compute, task, progress, keep=keep)
    outcome |= {"scored": progress.stored, "images_per_second": round(progress.meter.rate, 1)}
    left = work.shards.left()
    return outcome | ({"shards_left": left} if left else {})


@dataclass
class ScoringProgress:
    """How far the scoring is.

    Attributes
    ----------
    stored
        Cutouts whose shard is stored.
    """

    meter: ProgressMeter
    should_stop: ShouldStop
    stored: int = 0

    def count(self, cutouts: int, left: int) -> None:
        """Count cutouts that were computed, `left` more of whose shard are still to come."""
        self.meter.add(cutouts)
        if left:
            self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raise JobCancelled where a stop was asked for and something is left to do."""
        if self.should_stop() and self.stored < self.meter.total:
            raise JobCancelled(f"Scoring stopped after {self.stored} of {self.meter.total} cutouts.")


def _begin(work: ShardedSource) -> tuple[int, int]:
    """List the shards of a source where something is to be scored.

    What an earlier network of the run has said is removed. Returned are how many cutouts were scored before,
    and how many are to be scored.
    """
    workspace, run, source = work.workspace, work.run, work.source
    folder, checksum = workspace.run_folder(run.name), network_checksum(workspace.run_folder(run.name))
    with work.shards.alone():
        scored_with = read_json(folder / SCORED) if (folder / SCORED).exists() else {}
        if scored_with.get(source.name) != checksum:
            work.estimates.clear()
            stored_scores.delete_scores(workspace, run.id, source.id)
            work.shards.forget()
            forget_engine(folder, source.name)
            write_json(folder / SCORED, scored_with | {source.name: checksum})
        work.find_chosen()
        scored, unscored = work.counts()
        blocks = len(work.blocks), work.where
        if (unscored or work.shards.exists()) and work.shards.planned() != blocks:
            work.files.join()  # what shards of another list have stored is then no longer looked for by shard
            work.shards.plan(blocks[0], only=work.where)
    return scored, unscored


def _to_do(work: ShardedSource, unscored: int) -> int:
    """Return how many cutouts are to be scored here, of a share at most."""
    if work.share is None:
        return unscored
    return min(unscored, sum(map(len, work.blocks[work.share.number - 1 :: work.share.of])))


def _computed(
    work: ShardedSource,
    open_pixels: OpenPixels,
    progress: ScoringProgress,
    shards: Iterator[Shard],
    *,
    unscored: int,
    precision: Precision,
    dask_url: str | None,
    outcome: dict[str, Any],
) -> Iterator[tuple[Shard, Outputs]]:
    """Yield shards with the outputs of a run, computed by the engine that is chosen for the source."""
    folder = work.workspace.run_folder(work.run.name)
    checksum = network_checksum(folder)
    engine = engine_for(work.workspace, work.run, work.source, unscored=unscored, precision=precision)
    scorer = cached_scorer(folder, checksum, engine)
    outcome |= {"engine": scorer.engine} | ({"reason": scorer.reason} if scorer.reason else {})
    if dask_url is None:
        yield from computed_here(scorer, open_pixels(), shards, counted=progress.count)
    else:
        network = folder, checksum, engine
        yield from computed_on_dask(dask_url, network, open_pixels, shards, counted=progress.count)


def _score(
    work: ShardedSource,
    compute: Callable[[Iterator[Shard]], Iterator[tuple[Shard, Outputs]]],
    task: FittedTask,
    progress: ScoringProgress,
    *,
    keep: int,
) -> None:
    """Claim, compute and store shards until none is left; the last process joins the scores."""
    while True:
        shards = work.claimed()
        first = next(shards, None)
        if first is not None:
            for shard, outputs in compute(chain([first], shards)):
                scores = task.scores(outputs) if task.scores_candidates else None
                work.store(shard, table=task.table(outputs), scores=scores)
                progress.stored += len(shard.rows)
                progress.stop_if_asked()
        elif work.may_join:
            work.estimates.join()
            work.files.join()
            if task.scores_candidates and keep:
                keep_best(work.workspace, work.run, work.source, keep=keep)
            work.shards.forget()
            return
        elif wait_for_others(work):
            progress.stop_if_asked()
        else:
            return


def keep_best(workspace: Workspace, run: Run, source: Source, *, keep: int) -> None:
    """Keep the pixels of the best of a source in tiles, and of as many at random; of others nothing."""
    folder = workspace.cutouts_folder(source.name)
    if not (folder / TILES).exists():
        return
    best, _ = stored_scores.scores_of(workspace, run.id, source.id, limit=keep)
    rng = np.random.default_rng(CONTROL_SEED)
    drawn = rng.permutation(source.slots)[:keep].astype(np.int64)
    _, control = sources.cutouts_in_rows(workspace.database, source.id, drawn)
    of_best = [cutout.row for cutout in sources.get_cutouts(workspace.database, best.tolist())]
    rows = np.union1d(np.array(of_best, np.int64), control)
    keep_pixels(folder, run.name, rows, PackedCutouts.open(folder).read(rows))


def check_source(workspace: Workspace, run: Run, source: Source) -> list[str]:
    """Refuse a source that is not imported or differs from what a run was trained on.

    Return what could not be compared, as sentences.
    """
    sources.require_ready(source)
    return runs.require_fit(workspace, run, source)
