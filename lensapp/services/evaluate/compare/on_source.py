"""Two runs on a source that both have scored, with labels or without: how far their best candidates agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import rows_of
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.compare.overlap import Overlap
from lensapp.core.once import once
from lensapp.core.plurals import counted
from lensapp.services.data.sources import ready_sources
from lensapp.services.evaluate.compare.scatter import MOST_MARKS, Scatter, fitted_axes
from lensapp.services.train.run_listing import studies_last
from lensapp.storage import runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

FIRST, SECOND = 0, 1


@dataclass(frozen=True, eq=False)
class OnSource:
    """Two runs on the cutouts of a source that both have scored.

    Attributes
    ----------
    runs
        Their names.
    scored
        How many cutouts of the source each has scored.
    cutout_ids, scores : shapes (n,) and (2, n)
        Of the cutouts that both have scored.
    """

    source: str
    runs: tuple[str, str]
    scored: tuple[int, int]
    cutout_ids: NDArray[np.int64]
    scores: NDArray[np.float64]

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Rank of each cutout by each run's score, 1 the highest, ties by cutout: shape (2, n)."""
        order = np.stack([np.lexsort((self.cutout_ids, -row)) for row in self.scores])
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(1, order.shape[1] + 1)[None, :], axis=1)
        return ranks

    def overlap(self, top: int) -> Overlap:
        """Return which cutouts are among the `top` best of each run."""
        return Overlap(self.ranks <= top)

    def drawn(self, top: int) -> Scatter:
        """Return what is drawn: the best of either run one by one, the others as density above 3 000."""
        axes = fitted_axes(*self.scores)
        none = self.overlap(top).by_none
        best, others = np.flatnonzero(~none), np.flatnonzero(none)
        best = best[:: -(-len(best) // MOST_MARKS)]
        if len(others) <= MOST_MARKS:
            return Scatter(axes, best, others, None)
        return Scatter(axes, best, others[:0], None).with_density(self.scores[:, others])


def scored_together(ws: Workspace) -> dict[str, list[str]]:
    """Return sources that several runs have scored, each with these: own networks first, then tables."""
    names = {run.id: run.name for run in studies_last(ws, runs.list_runs(ws.database))}
    done: dict[int, set[int]] = {}
    for run_id, source_id, _ in stored_scores.score_counts(ws):
        done.setdefault(source_id, set()).add(run_id)
    by_source = {
        source.name: [name for key, name in names.items() if key in done.get(source.id, ())]
        for source in ready_sources(ws)
    }
    return {source: scored for source, scored in by_source.items() if len(scored) > 1}


@once
def on_source(ws: Workspace, source_name: str, first: str, second: str) -> OnSource:
    """Lay the scores that two runs gave a source beside each other.

    Raises
    ------
    NotFound
        When the source or a run does not exist.
    InvalidInput
        When there are not two runs, or they have scored no cutout both.
    """
    if first == second:
        raise InvalidInput("Name two runs to lay their scores beside each other.")
    source = sources.get_source(ws.database, source_name)
    held = [
        stored_scores.scores_of(ws, runs.get_run(ws.database, name).id, source.id) for name in (first, second)
    ]
    shared = np.intersect1d(held[FIRST][0], held[SECOND][0])
    if not len(shared):
        raise InvalidInput(
            f"{first} has scored {counted(len(held[FIRST][0]), 'cutout')} of {source_name}, {second} "
            f"{len(held[SECOND][0])}, none of them both. Choose other runs."
        )
    scores = np.stack([values[rows_of(shared, ids)] for ids, values in held])
    return OnSource(source_name, (first, second), (len(held[FIRST][0]), len(held[SECOND][0])), shared, scores)


def best_of_set(compared: OnSource, rows: NDArray[np.int64], of: Sequence[int]) -> NDArray[np.int64]:
    """Return rows in the order of their mean rank by some of the runs, the best first."""
    return rows[np.argsort(compared.ranks[list(of)][:, rows].mean(axis=0), kind="stable")]
