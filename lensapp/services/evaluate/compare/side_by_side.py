"""Any number of evaluated runs on the cutouts that all of them scored: figures, curves and overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import rows_of
from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.core.evaluate.compare.overlap import Overlap, thresholds_of_top, usual_top
from lensapp.core.evaluate.resampling import Difference
from lensapp.services.evaluate.differences import FEWEST_SHARED, compare_pair, scored
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.storage.evaluations import StoredEvaluation
from lensapp.storage.workspace import Workspace

LENS, NONLENS = "lens", "nonlens"


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Runs on the cutouts that all of them scored and label alike.

    Attributes
    ----------
    part
        Of the runs' datasets.
    evaluations
        One for each run, of the shared cutouts alone, in one order.
    measured
        How many cutouts each run was measured on.
    relabelled
        Cutouts that all scored, left out because their datasets label them differently.
    """

    part: str
    evaluations: tuple[Evaluation, ...]
    measured: tuple[int, ...]
    relabelled: int

    @property
    def runs(self) -> tuple[str, ...]:
        """Names."""
        return tuple(one.run for one in self.evaluations)

    @property
    def cutout_ids(self) -> NDArray[np.int64]:
        """IDs of the shared cutouts, shape (n,)."""
        return self.evaluations[0].stored.cutout_ids

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Whether each shared cutout is a lens, shape (n,)."""
        return self.evaluations[0].labels

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Scores, shape (runs, n)."""
        return np.stack([one.scores for one in self.evaluations])

    @cached_property
    def ranks(self) -> NDArray[np.float64]:
        """Place of each cutout by each run's score, 1 the highest, ties at their mean: shape (runs, n)."""
        from scipy.stats import rankdata

        return np.stack([rankdata(-row) for row in self.scores])

    @property
    def n_positive(self) -> int:
        """Number of shared lenses."""
        return int(self.labels.sum())

    @property
    def n_negative(self) -> int:
        """Number of shared non-lenses."""
        return len(self.labels) - self.n_positive

    def differences_from(self, run: int) -> dict[str, tuple[Difference, ...]]:
        """Return the differences of each other run from one, figure by figure, by the run's name."""
        return {
            one.run: compare_pair(one, self.evaluations[run])
            for number, one in enumerate(self.evaluations)
            if number != run
        }

    def thresholds(self, *, top: int | None = None, threshold: float | None = None) -> NDArray[np.float64]:
        """Return the threshold of each run: one for all, or that at which each accepts `top` non-lenses.

        Without either, as many as `usual_top` says.
        """
        if threshold is not None:
            return np.full(len(self.runs), threshold)
        return thresholds_of_top(self.labels, self.scores, top=top or usual_top(self.n_negative))

    def overlap(self, thresholds: NDArray[np.float64], *, label: str = NONLENS) -> Overlap:
        """Return which cutouts of a class ("lens" or "nonlens") each run accepts at its threshold."""
        return Overlap(self.scores[:, self.of_class(label)] >= thresholds[:, None])

    def surest_first(self, rows: NDArray[np.int64], runs: Sequence[int]) -> NDArray[np.int64]:
        """Return rows in the order of their mean rank by some of the runs, the highest first."""
        return rows[np.argsort(self.ranks[list(runs)][:, rows].mean(axis=0), kind="stable")]

    def of_class(self, label: str) -> NDArray[np.int64]:
        """Return the rows of the lenses or of the non-lenses."""
        return np.flatnonzero(self.labels == (label == LENS))


def side_by_side(ws: Workspace, run_names: Sequence[str], *, part: str = "test") -> SideBySide:
    """Lay evaluated runs side by side, limited to the cutouts that all of them scored.

    Raises
    ------
    NotFound
        When a run does not exist or was not evaluated on that part.
    InvalidInput
        When fewer than two runs are named, one estimates values, or they share too few cutouts.
    """
    names = list(dict.fromkeys(run_names))
    if len(names) < 2:
        raise InvalidInput("Name at least two evaluated runs to lay side by side.")
    return laid_together(tuple(scored(ws, name, part=part) for name in names))


def first_together(ws: Workspace, run_names: Sequence[str], *, most: int, part: str = "test") -> list[str]:
    """Return the first of the runs with those that can be laid beside it, at most so many.

    Runs that give no scores are not laid beside others, and stand wherever they come.
    """
    chosen: list[str] = []
    shared: NDArray[np.int64] | None = None  # cutouts that all chosen so far have scored, with their label
    for name in run_names:
        if len(chosen) == most:
            break
        try:
            one = scored(ws, name, part=part)
        except LensAppError:
            chosen.append(name)
            continue
        labelled = 2 * one.stored.cutout_ids + one.labels
        common = labelled if shared is None else np.intersect1d(shared, labelled)
        lenses = int((common % 2).sum())
        if shared is None or (len(common) >= FEWEST_SHARED and 0 < lenses < len(common)):
            chosen.append(name)
            shared = common
    return chosen


@lru_cache(maxsize=8)  # evaluations are the same objects until one is made anew
def laid_together(evaluations: tuple[Evaluation, ...]) -> SideBySide:
    """Return evaluations limited to the cutouts that all of them hold, with one label."""
    shared = reduce(np.intersect1d, (one.stored.cutout_ids for one in evaluations))
    rows = [rows_of(shared, one.stored.cutout_ids) for one in evaluations]
    labels = np.stack([one.labels[row] for one, row in zip(evaluations, rows, strict=True)])
    alike = (labels == labels[0]).all(axis=0)
    lenses, number = int(labels[0, alike].sum()), int(alike.sum())
    if number < FEWEST_SHARED or lenses in (0, number):
        raise InvalidInput(
            f"{', '.join(one.run for one in evaluations)} were all measured on {number} cutouts with one "
            f"label, {lenses} of them lenses; at least {FEWEST_SHARED} are needed, with lenses and "
            "non-lenses. Leave a run out, or evaluate all on one dataset version."
        )
    parts = []
    for one, row in zip(evaluations, rows, strict=True):
        stored, kept = one.stored, row[alike]
        if np.array_equal(kept, np.arange(len(stored.cutout_ids))):  # all of them, in their order
            parts.append(one)
            continue
        limited = StoredEvaluation(
            cutout_ids=stored.cutout_ids[kept],
            labels=stored.labels[kept],
            rotated_scores=stored.rotated_scores[kept],
            figures={
                name: stored.figures[name] for name in ("suggested_thresholds",) if name in stored.figures
            },
            group_ids=None if stored.group_ids is None else stored.group_ids[kept],
        )
        parts.append(Evaluation(one.run, one.part, one.outdated, limited))
    return SideBySide(
        part=evaluations[0].part,
        evaluations=tuple(parts),
        measured=tuple(len(one.labels) for one in evaluations),
        relabelled=len(shared) - number,
    )


def as_dict(
    compared: SideBySide, *, reference: int = 0, top: int | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """Return runs side by side as plain JSON values.

    Returns
    -------
    dict
        `part`, `shared`, `lenses`, `measured` (by run), `relabelled`; `reference` and `runs`, a list with
        `figures` (value, low and high of those that the part resolves) and `p_values` (of no difference from
        the reference); `false_positives` and `lenses_found`, each with `accepted` and `only` by run,
        `shared` (a matrix in the order of the runs), `by_chance`, `all` and `none`; `thresholds` by run.
    """
    names = compared.runs
    thresholds = compared.thresholds(top=top, threshold=threshold)
    differences = compared.differences_from(reference)
    rows = [
        {
            "run": one.run,
            "figures": {name: vars(one.intervals[name]) for name in one.resolved},
            "p_values": {
                each.figure: each.p_value
                for each in differences.get(one.run, ())
                if each.figure in one.resolved
            },
        }
        for one in compared.evaluations
    ]
    return {
        "part": compared.part,
        "shared": len(compared.labels),
        "lenses": compared.n_positive,
        "measured": dict(zip(names, compared.measured, strict=True)),
        "relabelled": compared.relabelled,
        "reference": names[reference],
        "runs": rows,
        "thresholds": dict(zip(names, thresholds.tolist(), strict=True)),
        "false_positives": _overlap_values(names, compared.overlap(thresholds)),
        "lenses_found": _overlap_values(names, compared.overlap(thresholds, label=LENS)),
    }


def _overlap_values(names: Sequence[str], overlap: Overlap) -> dict[str, Any]:
    return {
        "accepted": dict(zip(names, overlap.number.tolist(), strict=True)),
        "shared": overlap.shared.tolist(),
        "by_chance": overlap.by_chance.tolist(),
        "only": {name: int(overlap.by_only(run).sum()) for run, name in enumerate(names)},
        "all": int(overlap.by_all.sum()),
        "none": int(overlap.by_none.sum()),
    }
