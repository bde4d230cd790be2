"""Scores of many rows counted per label as they are written, before it is known what the labels mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import Confusion, FloatArray
from lensapp.core.evaluate.histogram import BINS, ScoreHistogram, bin_of

MOST_LABELS = 100


@dataclass
class _Counted:
    """Rows with one label.

    Attributes
    ----------
    bins : int64, shape (65536,)
        Numbers of scores, see `lensapp.core.evaluate.histogram`.
    accepted
        Scores of at least the threshold.
    squares, distances
        Σ s² and Σ (1 - s)².
    """

    rows: int = 0
    accepted: int = 0
    squares: float = 0.0
    distances: float = 0.0
    bins: Any = field(default_factory=lambda: np.zeros(BINS, np.int64))


@dataclass
class ScoreTally:
    """Counts of scores between 0 and 1 per label, in the memory of some histograms.

    Attributes
    ----------
    threshold
        Scores of at least this are accepted; counted exactly.
    """

    threshold: float
    by_label: dict[Any, _Counted] = field(default_factory=dict)

    def add(self, labels: Sequence[Any] | NDArray[Any], scores: FloatArray) -> None:
        """Count a batch of rows; a label may be anything, but there are few of them."""
        codes, distinct = pandas.factorize(np.asarray(labels, object), use_na_sentinel=False)
        for code, label in enumerate(distinct.tolist()):
            chosen = scores[codes == code]
            absent = isinstance(label, float) and np.isnan(label)  # equal to nothing, and so no key
            counted = self.by_label.setdefault(None if absent else label, _Counted())
            counted.rows += len(chosen)
            usable = chosen[np.isfinite(chosen)]
            counted.bins += np.bincount(bin_of(usable), minlength=BINS)
            counted.accepted += int(np.count_nonzero(usable >= self.threshold))
            counted.squares += float(np.square(usable).sum())
            counted.distances += float(np.square(1 - usable).sum())
        if len(self.by_label) > MOST_LABELS:
            raise InvalidInput(
                f"The label column holds more than {MOST_LABELS} different values. Choose the column that "
                "says lens or non-lens."
            )

    def summed(self, meanings: Mapping[Any, str | None]) -> tuple[ScoreHistogram, Confusion, int]:
        """Return histogram and confusion of all lenses and non-lenses, and the number of other rows.

        `meanings` gives "lens", "nonlens" or None for each label.

        Raises
        ------
        InvalidInput
            When a labelled score is NaN or infinite.
        """
        unlabelled = 0
        together, accepted = ScoreHistogram.empty(), {"lens": 0, "nonlens": 0}
        nothing = np.zeros(BINS, np.int64)
        for label, counted in self.by_label.items():
            meaning = meanings[label]
            if meaning is None:
                unlabelled += counted.rows
                continue
            unusable = counted.rows - int(counted.bins.sum())
            if unusable:
                raise InvalidInput(
                    f"{unusable} scores of rows labelled {label} are NaN or infinite. "
                    "Leave those rows out or score them again."
                )
            accepted[meaning] += counted.accepted
            together += (
                ScoreHistogram(counted.bins, nothing, counted.distances)
                if meaning == "lens"
                else ScoreHistogram(nothing, counted.bins, counted.squares)
            )
        lenses, others = int(together.positives.sum()), int(together.negatives.sum())
        tp, fp = accepted["lens"], accepted["nonlens"]
        return together, Confusion(tp=tp, fp=fp, fn=lenses - tp, tn=others - fp), unlabelled
