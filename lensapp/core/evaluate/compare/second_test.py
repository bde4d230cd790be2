"""What a second set of lenses gives at the thresholds that the test part sets."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate.curves import FloatArray, count_thresholds
from lensapp.core.evaluate.intervals import Interval, share_interval, trials_in_bins
from lensapp.core.evaluate.metrics import FALSE_POSITIVE_RATES, rate_aim, resolves, untold_figures

RATES = (1e-1, *FALSE_POSITIVE_RATES)


@dataclass(frozen=True)
class OperatingPoint:
    """Completeness of two sets of lenses at one threshold.

    Attributes
    ----------
    name
        "tpr0", "tpr10", or "fpr_1e-2" of the highest rate of false positives allowed on the test part.
    threshold
        Least score accepted; infinite where only accepting nothing keeps to it.
    false_positives, false_positive_rate
        Non-lenses of the test part accepted, and their share.
    test, second
        Completeness on the test part and on the second one.
    second_false_positive_rate
        Of the second part's own non-lenses; None where it has none.
    p_value
        Two-sided, of one completeness for both sets of lenses (Fisher's exact test).
    """

    name: str
    threshold: float
    false_positives: int
    false_positive_rate: float
    test: Interval
    second: Interval
    second_false_positive_rate: Interval | None
    p_value: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"threshold": self.threshold if np.isfinite(self.threshold) else None}


def operating_points(
    labels: NDArray[np.bool_],
    scores: FloatArray,
    second_labels: NDArray[np.bool_],
    second_scores: FloatArray,
    *,
    groups: NDArray[np.int64] | None = None,
    second_groups: NDArray[np.int64] | None = None,
) -> list[OperatingPoint]:
    """Return the completeness of both parts at the thresholds that the test part's non-lenses set.

    Without false positives and with fewer than ten, of more than ten non-lenses, and at those of the rates
    0.1, 0.01 … that three non-lenses or more are expected to exceed. Limits are those of the lenses at the
    threshold as it is.

    Parameters
    ----------
    labels, scores : shape (n,)
        Of the test part.
    second_labels, second_scores : shape (m,)
        Of the second one; it may hold lenses only.
    groups, second_groups : shapes (n,), (m,)
        Cutouts with one value show one object.

    References
    ----------
    Fisher 1935, The Design of Experiments, chapter 2.
    """
    from scipy.stats import fisher_exact

    counts = count_thresholds(labels, scores)
    untold = untold_figures(counts.n_negative)
    counted = {"tpr0": 0, "tpr10": 9}
    allowed = {name: number for name, number in counted.items() if name not in untold} | {
        rate_aim(rate): int(np.floor(rate * counts.n_negative * (1 + 1e-12)))
        for rate in RATES
        if resolves(counts, rate)
    }
    points, others = [], ~second_labels
    for name, number in allowed.items():
        reached = int(np.searchsorted(counts.false_positives, number, side="right"))
        threshold = float(counts.thresholds[reached - 1]) if reached else float("inf")
        false_positives = int(counts.false_positives[reached - 1]) if reached else 0
        accepted, second_accepted = scores >= threshold, second_scores >= threshold
        table = [
            _both_ways(accepted, labels, groups),
            _both_ways(second_accepted, second_labels, second_groups),
        ]
        points.append(
            OperatingPoint(
                name=name,
                threshold=threshold,
                false_positives=false_positives,
                false_positive_rate=false_positives / counts.n_negative,
                test=share_interval(accepted, labels, groups),
                second=share_interval(second_accepted, second_labels, second_groups),
                second_false_positive_rate=share_interval(second_accepted, others, second_groups)
                if others.any()
                else None,
                p_value=float(fisher_exact(table).pvalue),
            )
        )
    return points


def _both_ways(
    accepted: NDArray[np.bool_], members: NDArray[np.bool_], groups: NDArray[np.int64] | None
) -> list[int]:
    """Return how many of some cutouts are accepted and refused, as many together as they are worth."""
    found = accepted[members]
    worth = len(found)
    if groups is not None:
        [trials] = trials_in_bins(found, np.zeros(worth, np.int64), groups[members])
        worth = round(float(trials))
    hits = round(float(found.mean()) * worth)
    return [hits, worth - hits]
