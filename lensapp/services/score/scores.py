"""The scores that a run gave a source, with the labels of the cutouts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.align import aligned
from lensapp.core.config import read_json
from lensapp.core.data.conditions import Texts
from lensapp.core.evaluate.histogram import BINS, bin_of, lower_edges
from lensapp.core.evaluate.score_axis import ScoreAxis, axis_of
from lensapp.core.plurals import counted, thin_spaced
from lensapp.core.train.committees import Combination, combined
from lensapp.services.data.sources import count_cutouts
from lensapp.services.evaluate.histogram_bins import bins_for
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.columns.filtering import kept_by, kept_in_groups
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.files import SCORED
from lensapp.storage.queries import Columns
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.scores.score_files import Best
from lensapp.storage.workspace import Workspace

LABELS = ("lens", "nonlens")
UNLABELLED = "unlabelled"
MOST_HELD = 2_000_000  # scores held at once; of more the best are, and the histogram of all
BEST_HELD = 10_000
ScoresState = tuple[tuple[float, float, str | None, int], ...]


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of one source by one run, highest first.

    Attributes
    ----------
    cutout_ids : int64, shape (n,)
    scores : float64, shape (n,)
    labels : object, shape (n,)
        "lens", "nonlens" or "unlabelled".
    total
        Number of cutouts of the source.
    tally
        Of more scores than are held (`MOST_HELD`; the arrays are then those of the best): how many lie in
        each bin of `lensapp.core.evaluate.histogram`, by label.
    narrowed
        Whether these are not all scores of the source, where they are more than are held.
    """

    cutout_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    labels: NDArray[Any]
    total: int
    tally: dict[str, NDArray[np.int64]] | None = None
    narrowed: bool = False

    def __len__(self) -> int:
        return len(self.scores) if self.tally is None else int(sum(map(np.sum, self.tally.values())))

    @cached_property
    def score_axis(self) -> ScoreAxis:
        """The axis on which the scores can be told apart."""
        if self.tally is None:
            return axis_of(self.scores)
        counts = np.cumsum(np.sum(list(self.tally.values()), axis=0))
        ends_and_middle = np.searchsorted(counts, [1, (counts[-1] + 1) // 2, counts[-1]])
        return axis_of(lower_edges()[ends_and_middle])

    @property
    def complete(self) -> bool:
        """Whether every cutout of the source has a score."""
        return len(self) >= self.total


def load_scored(ws: Workspace, *, run: Run, source: Source) -> Scored:
    """Return what is scored so far; read again only when that has changed."""
    return _read_scores(ws, run.id, source.id, state_of_scores(ws, run, [source]))


def count_at_least(ws: Workspace, scored: Scored, *, run: Run, source: Source, threshold: float) -> int:
    """Return how many of the scores reach a threshold.

    Of more filtered ones than are held it is the number of those in the bins that begin there or above.
    """
    if scored.tally is None:
        return int(np.count_nonzero(scored.scores >= threshold))
    if scored.narrowed:
        first = int(np.searchsorted(lower_edges(), threshold))
        return int(sum(counts[first:].sum() for counts in scored.tally.values()))
    return _count_at_least(ws, run.id, source.id, state_of_scores(ws, run, [source]), threshold)


@lru_cache(maxsize=64)
def _count_at_least(ws: Workspace, run_id: int, source_id: int, _state: ScoresState, threshold: float) -> int:
    return stored_scores.count_at_least(ws, run_id, source_id, threshold)


def filtered(
    ws: Workspace, run: Run, source: Source, scored: Scored, where: str | None, *, unlearned: bool = False
) -> Scored:
    """Return the scores of the cutouts that fulfil a filter; `score` is one of its columns.

    With `unlearned` those that the run learned from are left out.

    Raises
    ------
    InvalidInput
        When the filter cannot be used on the source.
    """
    if scored.tally is not None:
        return _counted(
            ws, run.id, source.id, state_of_scores(ws, run, [source]), where=where, unlearned=unlearned
        )
    kept = np.ones(len(scored.cutout_ids), bool)
    if where is not None:
        kept = kept_by(ws, [source], where, ids=scored.cutout_ids, known={"score": scored.scores})
    if unlearned:
        kept = kept & ~np.isin(scored.cutout_ids, learned_cutouts(ws, run=run, source=source))
    return Scored(scored.cutout_ids[kept], scored.scores[kept], scored.labels[kept], scored.total)


def among_scored(
    ws: Workspace,
    run: Run,
    source: Source,
    scored: Scored,
    cutout_ids: NDArray[np.int64],
    *,
    where: str | None,
) -> NDArray[np.int64]:
    """Return which of some cutouts are among the scores, also of more than are held.

    Raises
    ------
    InvalidInput
        When the filter, by which `filtered` narrowed the scores, cannot be used on the source.
    """
    if scored.tally is None:
        return cutout_ids[np.isin(cutout_ids, scored.cutout_ids)]
    values = stored_scores.scores_for(ws, run.id, source.id, cutout_ids)
    rows = np.isfinite(values)
    if where is not None:
        rows &= kept_by(ws, [source], where, ids=cutout_ids, known={"score": values})
    kept: NDArray[np.int64] = cutout_ids[rows]
    return kept


def leaving_out(
    ws: Workspace, run: Run, source: Source, scored: Scored, cutout_ids: NDArray[np.int64]
) -> Scored:
    """Return the scores without those of some cutouts that are `among_scored`."""
    rows = ~np.isin(scored.cutout_ids, cutout_ids)
    held = (scored.cutout_ids[rows], scored.scores[rows], scored.labels[rows])
    if scored.tally is None:
        return Scored(*held, scored.total)
    columns = sources.cutout_columns(ws.database, [source.id], columns=("id", "label"), labelled_only=True)
    labels = _labels_of(cutout_ids, columns)
    values = stored_scores.scores_for(ws, run.id, source.id, cutout_ids)
    bins = bin_of(np.clip(values, 0.0, 1.0))
    tally = {
        label: counts - np.bincount(bins[labels == label], minlength=BINS)
        for label, counts in scored.tally.items()
    }
    return Scored(*held, scored.total, tally, narrowed=True)


@lru_cache(maxsize=8)
def _counted(
    ws: Workspace,
    run_id: int,
    source_id: int,
    _state: ScoresState,
    *,
    where: str | None,
    unlearned: bool,
) -> Scored:
    """Return the scores that `filtered` keeps out of more than are held, in groups of some ten thousand."""
    run, source = runs.run_by_id(ws.database, run_id), sources.source_by_id(ws.database, source_id)
    left_out = learned_cutouts(ws, run=run, source=source) if unlearned else ()
    best = Best(MOST_HELD)
    tally = {label: np.zeros(BINS, np.int64) for label in (*LABELS, UNLABELLED)}
    for ids, scores, labels in kept_scores(ws, run_id, source, where, left_out=left_out):
        best.add(ids, scores)
        bins = bin_of(np.clip(scores, 0.0, 1.0))
        of_none = np.ones(len(ids), bool)
        for label in LABELS:
            tally[label] += np.bincount(bins[labels == label], minlength=BINS)
            of_none &= labels != label
        tally[UNLABELLED] += np.bincount(bins[of_none], minlength=BINS)
    held = sum(int(counts.sum()) for counts in tally.values()) <= MOST_HELD
    cutout_ids, values = best.ordered()
    if not held:
        cutout_ids, values = cutout_ids[:BEST_HELD], values[:BEST_HELD]
    columns = sources.cutout_columns(ws.database, [source_id], columns=("id", "label"), labelled_only=True)
    total = sources.count_cutouts(ws.database, source_id)
    labels = _labels_of(cutout_ids, columns)
    if held:
        return Scored(cutout_ids, values, labels, total)
    return Scored(cutout_ids, values, labels, total, tally, narrowed=True)


def kept_scores(
    ws: Workspace, run_id: int, source: Source, where: str | None, *, left_out: ArrayLike = ()
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[Any]]]:
    """Yield ids, scores and labels of the scored cutouts that fulfil a filter, some ten thousand at a time.

    Labels are "lens", "nonlens", other class names or None. Cutouts whose IDs are in `left_out` are left out.

    Raises
    ------
    InvalidInput
        When the filter cannot be used on the source.
    """
    known = {"score": lambda ids: stored_scores.scores_for(ws, run_id, source.id, ids)}
    for kept, ids, columns in kept_in_groups(ws, source, where, known=known, also=("label",)):
        scores, labels = np.asarray(columns["score"], np.float64), columns["label"]
        rows = np.flatnonzero(kept & np.isfinite(scores) & ~np.isin(ids, left_out))
        cells = labels.cells() if isinstance(labels, Texts) else np.full(len(ids), None, object)
        yield ids[rows], scores[rows], cells[rows]


def state_of_scores(ws: Workspace, run: Run, scored: Sequence[Source]) -> ScoresState:
    """Return what changes whenever the scores of a run for some sources do, in the order of the sources.

    Of each: when it was made, the digest of the network that scored it, and how many scores there are. A
    network that was trained further gives as many scores as before.
    """
    path = ws.run_folder(run.name) / SCORED
    scored_with = read_json(path) if path.exists() else {}
    return tuple(
        (
            run.created_at,
            source.created_at,
            scored_with.get(source.name),
            stored_scores.count_of(ws, run.id, source.id),
        )
        for source in scored
    )


@lru_cache(maxsize=8)
def _read_scores(ws: Workspace, run_id: int, source_id: int, _state: ScoresState) -> Scored:
    if stored_scores.count_of(ws, run_id, source_id) > MOST_HELD:
        return _tallied(ws, run_id, source_id)
    return _every_score(ws, run_id, source_id)


def _every_score(ws: Workspace, run_id: int, source_id: int) -> Scored:
    cutout_ids, scores = stored_scores.scores_of(ws, run_id, source_id)
    columns = cutout_columns(ws, [source_id], columns=("id", "label"))
    labels = _labels_of(cutout_ids, columns)
    return Scored(cutout_ids, scores, labels, total=len(columns["id"]))


def _tallied(ws: Workspace, run_id: int, source_id: int) -> Scored:
    """Return the best scores of a source and how all of them are distributed."""
    columns = sources.cutout_columns(ws.database, [source_id], columns=("id", "label"), labelled_only=True)
    of_labelled = stored_scores.scores_for(ws, run_id, source_id, columns["id"])
    every = stored_scores.histogram_of(ws, run_id, source_id)
    tally: dict[str, NDArray[np.int64]] = {}
    for label in LABELS:
        scores = of_labelled[(columns["label"] == label) & np.isfinite(of_labelled)]
        tally[label] = np.bincount(bin_of(np.clip(scores, 0.0, 1.0)), minlength=BINS)
        every = every - tally[label]
    cutout_ids, scores = stored_scores.scores_of(ws, run_id, source_id, limit=BEST_HELD)
    labels = _labels_of(cutout_ids, columns)
    total = sources.count_cutouts(ws.database, source_id)
    return Scored(cutout_ids, scores, labels, total, tally | {UNLABELLED: every})


def _labels_of(cutout_ids: NDArray[np.int64], columns: Columns) -> NDArray[Any]:
    """Return the labels of cutouts, those that are neither lens nor non-lens as unlabelled."""
    labels = aligned(cutout_ids, columns["id"], columns["label"], absent=None)
    labels[(labels != LABELS[0]) & (labels != LABELS[1])] = UNLABELLED
    return labels


def scored_so_far(ws: Workspace, *, run_name: str, source_name: str) -> str | None:
    """Return a sentence on how much of a source a run has scored, None where that is all or nothing.

    What is made of the scores before the rest has come, such as a review, holds the best so far.
    """
    run, source = runs.get_run(ws.database, run_name), sources.get_source(ws.database, source_name)
    scored = stored_scores.count_of(ws, run.id, source.id)
    total = count_cutouts(ws, source)
    if not 0 < scored < total:
        return None
    return (
        f"{run.name} has scored {thin_spaced(scored)} of {counted(total, 'cutout')} of {source.name} so far."
    )


def count_trained_on(ws: Workspace, *, run: Run, source: Source) -> int:
    """Return how many cutouts of a source are in the training and validation parts of the run's dataset.

    A run that went on from another one's network has learned from that one's dataset too.
    """
    return _count_trained_on(ws, run.id, source.id, (run.created_at, source.created_at))


@lru_cache(maxsize=32)
def _count_trained_on(ws: Workspace, run_id: int, source_id: int, _made_at: tuple[float, float]) -> int:
    return datasets.count_learned_from(ws.database, _datasets_learned(ws, run_id), source_id)


def learned_cutouts(ws: Workspace, *, run: Run, source: Source) -> NDArray[np.int64]:
    """Return the IDs of the cutouts that `count_trained_on` counts, ascending."""
    return _learned_cutouts(ws, run.id, source.id, (run.created_at, source.created_at))


@lru_cache(maxsize=8)
def _learned_cutouts(
    ws: Workspace, run_id: int, source_id: int, _made_at: tuple[float, float]
) -> NDArray[np.int64]:
    return datasets.learned_from(ws.database, _datasets_learned(ws, run_id), source_id)


def _datasets_learned(ws: Workspace, run_id: int) -> list[int]:
    """Return the IDs of the dataset versions that a run, and those it went on from, learned from."""
    dataset_ids: list[int] = []
    next_id: int | None = run_id
    while next_id is not None:
        run = runs.run_by_id(ws.database, next_id)
        if not run.is_external:  # what it learned from is not known
            dataset_ids.append(run.dataset_id)
        next_id = run.initial_run_id
    return dataset_ids


def aligned_scores(
    ws: Workspace, cutout_ids: NDArray[np.int64], source_ids: Sequence[int], *, run_id: int | None
) -> NDArray[np.float64]:
    """Return a run's scores of cutouts of some sources in the order given, NaN where there is none."""
    scores = np.full(len(cutout_ids), np.nan)
    if run_id is None or not len(cutout_ids):
        return scores
    for source_id in source_ids:
        of_source = stored_scores.scores_for(ws, run_id, source_id, cutout_ids)
        scores = np.where(np.isnan(of_source), scores, of_source)
    return scores


def joint_scores(
    ws: Workspace,
    cutout_ids: NDArray[np.int64],
    source_ids: Sequence[int],
    *,
    run_ids: Sequence[int],
    how: Combination,
) -> NDArray[np.float64]:
    """Return `aligned_scores` of several runs as one, NaN where one of them has none."""
    if len(run_ids) < 2:
        return aligned_scores(ws, cutout_ids, source_ids, run_id=run_ids[0] if run_ids else None)
    each = [aligned_scores(ws, cutout_ids, source_ids, run_id=run_id) for run_id in run_ids]
    return combined(np.stack(each), how).astype(np.float64)


def joint_scores_of(
    ws: Workspace, cutout_ids: Sequence[int], *, run_ids: Sequence[int], how: Combination
) -> dict[int, float]:
    """Return the combined scores of the few cutouts that all runs have scored, by cutout id."""
    each = [stored_scores.scores_of_cutouts(ws, run_id, cutout_ids) for run_id in run_ids]
    if len(each) < 2:
        return each[0] if each else {}
    scored_ids = sorted(set.intersection(*(set(scores) for scores in each)))
    values = np.array([[scores[cutout_id] for cutout_id in scored_ids] for scores in each])
    return dict(zip(scored_ids, combined(values, how).astype(float).tolist(), strict=True))


def histogram(scored: Scored) -> dict[str, NDArray[Any]]:
    """Return numbers of cutouts per bin and label: edges (bins + 1), then one column each.

    The bins are equally wide on the axis of the scores.
    """
    axis = scored.score_axis
    edges = axis.grid(bins_for(len(scored)) + 1)
    columns: dict[str, NDArray[Any]] = {"edges": edges}
    if scored.tally is not None:
        ends = _ends_of_bins(axis.clipped(lower_edges()), edges)
        return columns | {
            label: np.diff(np.append(0, np.cumsum(counts))[ends])
            for label, counts in scored.tally.items()
            if counts.any()
        }
    ascending, labels = axis.clipped(scored.scores)[::-1], scored.labels[::-1]
    unlabelled = np.diff(_ends_of_bins(ascending, edges))
    for label in LABELS:
        columns[label] = np.diff(_ends_of_bins(ascending[labels == label], edges))
        unlabelled = unlabelled - columns[label]
    columns[UNLABELLED] = unlabelled
    return {name: values for name, values in columns.items() if name == "edges" or values.any()}


def _ends_of_bins(ascending: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return where the bins begin in values from the first to the last edge, and where the last one ends."""
    ends = np.searchsorted(ascending, edges)
    ends[-1] = len(ascending)
    return ends


def name_for_best(ws: Workspace, source: Source, *, limit: int) -> str:
    """Return a name for a review of the best candidates of a source that no review has yet."""
    taken = {review.name for review in reviews.list_reviews(ws.database)}
    name = f"{source.name}-top-{limit}"
    numbered = (f"{name}-{number}" for number in count(2))
    return next(free for free in chain([name], numbered) if free not in taken)
