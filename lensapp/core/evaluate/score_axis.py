"""How an axis of scores is spread, by logit where most are near 0 or 1, and how thresholds are called."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

NEAR_END = 0.02  # half of the scores within this of 0, or of 1, are spread by their logit
NARROW = 0.5  # a narrower range of scores fills the axis
LEAST_WIDTH = 1e-3
LEAST_LOGITS = 2.5  # a factor of 12 in the odds; less is as clear on a linear axis
CLOSEST = 1e-6  # to 0 or 1: float32 holds no more of a score near 1
DECADES = [10.0**power for power in range(-6, -1)]
MOST_TICKS = 9
EQUAL_POINTS = 100  # of a line of equal score and share, which is bent on an axis by logit
WHOLE_STOPS, STOPS = 1001, 400  # of the slider of a threshold
EVERY_DIGIT = 18  # which a number of double precision has
AIM_LABELS = {  # of the thresholds that are suggested
    "accuracy": "best accuracy",
    "f1": "best F1",
    "youden": "best Youden J",
    "tpr0": "TPR0",
    "tpr10": "TPR10",
    "fpr_1e-1": "FPR 0.1",
    "fpr_1e-2": "FPR 0.01",
    "fpr_1e-3": "FPR 0.001",
    "fpr_1e-4": "FPR 0.0001",
    "purity_90": "purity 90 %",
    "completeness_90": "completeness 90 %",
}
FIRST_AIMS = ("fpr_1e-2", "tpr10", "f1")
"""Of which the first that some score reaches is begun with, where none reaches 0.5."""


@dataclass(frozen=True)
class ScoreAxis:
    """The part of 0 … 1 that an axis shows, from `low` to `high`, linear or by logit = ln(p / (1 − p))."""

    logit: bool
    low: float
    high: float

    @property
    def whole(self) -> bool:
        """Whether it is the plain axis from 0 to 1."""
        return not self.logit and (self.low, self.high) == (0.0, 1.0)

    def positions(self, scores: ArrayLike) -> FloatArray:
        """Return where scores lie on the axis; on one by logit those outside of it lie at its ends."""
        values = np.asarray(scores, np.float64)
        if not self.logit:
            return values
        values = np.clip(values, self.low, self.high)
        return np.asarray(np.log(values) - np.log1p(-values), np.float64)

    def grid(self, count: int) -> FloatArray:
        """Return `count` scores from one end to the other, evenly spaced along the axis."""
        if not self.logit:
            return np.linspace(self.low, self.high, count)
        low, high = self.positions([self.low, self.high]).tolist()
        scores: FloatArray = 1 / (1 + np.exp(-np.linspace(low, high, count)))
        scores[[0, -1]] = self.low, self.high  # to the last digit: every score lies between
        return scores

    def stops(self) -> FloatArray:
        """Return the thresholds to choose from: in steps of 0.001, or evenly along the axis."""
        if self.whole:
            return np.linspace(0.0, 1.0, WHOLE_STOPS).round(3)
        return np.unique([float(f"{score:.4g}") for score in self.grid(STOPS)])

    def clipped(self, scores: ArrayLike) -> FloatArray:
        """Return scores, those outside of the axis at its ends."""
        return np.clip(np.asarray(scores, np.float64), self.low, self.high)

    def ticks(self, *, apart: float = 0.0) -> list[float]:
        """Return the scores to write at an axis by logit: decades, and 2 and 5 times these if few.

        From one to the next it is `apart` of the axis's length at least, so that they can be read level.
        """
        inner = [0.1, 0.5, 0.9]
        whole = [*DECADES, *inner, *(1 - decade for decade in reversed(DECADES))]
        fine = [factor * decade for decade in [*DECADES, 0.1] for factor in (1, 2, 5)]
        fine += [1 - score for score in reversed(fine)]
        chosen = [score for score in whole if self.low <= score <= self.high]
        if len(chosen) < 4:
            chosen = [score for score in fine if self.low <= score <= self.high]
        chosen = chosen[:: -(-len(chosen) // MOST_TICKS)] if chosen else []
        least = apart * np.ptp(self.positions([self.low, self.high]))
        ticks = chosen[:1]
        for tick in chosen[1:]:
            if np.ptp(self.positions([ticks[-1], tick])) >= least:
                ticks.append(tick)
        return ticks


def axis_of(scores: ArrayLike) -> ScoreAxis:
    """Return the axis on which scores can be told apart.

    Parameters
    ----------
    scores : shape (N,)
        From 0 to 1. Without any, the axis goes from 0 to 1.

    Returns
    -------
    ScoreAxis
        By logit where half of the scores lie within 0.02 of an end; linear over the range of the scores
        where this is narrower than 0.5; else linear from 0 to 1.
    """
    values = np.asarray(scores, np.float64)
    if not values.size:
        return ScoreAxis(logit=False, low=0.0, high=1.0)
    low, high = (float(np.clip(end, 0.0, 1.0)) for end in (values.min(), values.max()))
    middle = float(np.median(values))
    if min(middle, 1 - middle) < NEAR_END:
        axis = ScoreAxis(
            logit=True, low=max(min(low, 1 - CLOSEST), CLOSEST), high=min(max(high, CLOSEST), 1 - CLOSEST)
        )
        if np.ptp(axis.positions([axis.low, axis.high])) > LEAST_LOGITS:
            return axis
    if high - low >= NARROW:
        return ScoreAxis(logit=False, low=0.0, high=1.0)
    margin = max(0.05 * (high - low), LEAST_WIDTH / 2)
    return ScoreAxis(logit=False, low=max(low - margin, 0.0), high=min(high + margin, 1.0))


def shared_axis(scores: Sequence[ArrayLike]) -> ScoreAxis:
    """Return one axis for several kinds of scores: by logit where one of them needs it, over all of them."""
    together = np.concatenate([np.asarray(one, np.float64) for one in scores])
    if not any(axis_of(one).logit for one in scores):
        return axis_of(together)
    low, high = np.clip([together.min(), together.max()], CLOSEST, 1 - CLOSEST).tolist()
    return ScoreAxis(logit=True, low=low, high=high)


def threshold_text(threshold: float, *, digits: int = 3) -> str:
    """Return a threshold with so many digits, with more where these would round it to 1: 0.99997."""
    for more in range(digits, EVERY_DIGIT):
        text = f"{threshold:.{more}g}"
        if float(text) < 1 or threshold >= 1:
            return text
    return repr(threshold)


def at_least(threshold: float) -> str:
    """Return what is asked of a score, as captions say it: "score ≥ 0.5"."""
    return f"score ≥ {threshold_text(threshold)}"
