"""What a veto after the network costs in lenses and saves in inspections."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import checked
from lensapp.core.evaluate.intervals import Interval, share_interval


@dataclass(frozen=True)
class VetoFigures:
    """A veto among the cutouts that a network accepts; limits are Wilson's, 95 %, an object counted once.

    Attributes
    ----------
    lenses, others
        Lenses and non-lenses that the network accepts.
    vetoed_lenses, vetoed_others
        Those of them that are vetoed.
    lenses_lost
        Share of the accepted lenses that it costs.
    inspections_saved
        Share of the accepted non-lenses that need no look any more; where lenses are rare that is the share
        of all inspections. None where the network accepts no non-lens.
    """

    threshold: float
    lenses: int
    others: int
    vetoed_lenses: int
    vetoed_others: int
    lenses_lost: Interval | None
    inspections_saved: Interval | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def measure_veto(
    labels: ArrayLike,
    scores: ArrayLike,
    vetoed: ArrayLike,
    *,
    threshold: float,
    objects: NDArray[np.int64] | None = None,
) -> VetoFigures:
    """Count what a veto (n,) takes of the lenses and non-lenses (n,) whose score reaches a threshold.

    Cutouts with one value of `objects` (n,) show one object.
    """
    truth, values = checked(labels, scores)
    out, accepted = np.asarray(vetoed, np.bool_), values >= threshold
    if out.shape != truth.shape:
        raise InvalidInput(f"There are {out.size} vetoes but {truth.size} labels.")
    lenses, others = accepted & truth, accepted & ~truth
    lost, saved = (share_interval(out, of, objects) if of.any() else None for of in (lenses, others))
    numbers = [int(one.sum()) for one in (lenses, others, lenses & out, others & out)]
    return VetoFigures(threshold, numbers[0], numbers[1], numbers[2], numbers[3], lost, saved)
