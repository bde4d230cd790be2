"""Dawid and Skene's model: truth and every inspector's confusion matrix from the votes alone.

References
----------
Dawid & Skene 1979, Applied Statistics 28, 20: equations 2.3 to 2.5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SMALLEST = 1e-10  # as in crowd-kit, to which results are compared
UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """What expectation maximisation found.

    Attributes
    ----------
    probability : float64, shape (candidates, classes)
        Of each true class; the class shares where a candidate has no vote.
    share : float64, shape (classes,)
        Of each class among the candidates voted on whose class is not known.
    confusion : float64, shape (inspectors, classes said, true classes)
        Probability of each answer given the truth; 0 for answers that an inspector never gave.
    iterations
        Steps done.
    """

    probability: FloatArray
    share: FloatArray
    confusion: FloatArray
    iterations: int


def dawid_skene(
    candidate: IntArray,
    inspector: IntArray,
    said: IntArray,
    *,
    classes: int,
    known: IntArray | None = None,
    candidates: int | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-8,
) -> DawidSkene:
    """Estimate the true classes by expectation maximisation, starting from the majority.

    Parameters
    ----------
    candidate, inspector, said : int64, shape (m,)
        One vote each: on what, by whom, which class. At most one vote per candidate and inspector.
    classes
        Number of classes.
    known : int64, shape (candidates,)
        The true class of blind tests, −1 elsewhere.
    candidates
        Number of candidates; default: as many as were voted on.
    """
    if len(said) and (said.min() < 0 or said.max() >= classes):
        raise InvalidInput(
            f"The votes name classes {said.min()} to {said.max()}, but only 0 to {classes - 1} exist."
        )
    # A fixed order makes sums of floats the same to the last bit however the votes arrived.
    order = np.lexsort((said, inspector, candidate))
    votes = _Votes(
        candidate[order], inspector[order], said[order], classes=classes, candidates=candidates, known=known
    )
    probability = votes.anchored(votes.majority())
    share, confusion = votes.maximised(probability)
    step, change = 0, np.inf
    while step < max_iterations and change > tolerance:
        before, probability = probability, votes.anchored(votes.expected(share, confusion))
        share, confusion = votes.maximised(probability)
        change = float(np.abs(probability - before).max(initial=0.0))
        step += 1
    return DawidSkene(probability, share, confusion, step)


class _Votes:
    """Votes in a fixed order, with the two steps of the algorithm."""

    def __init__(
        self,
        candidate: IntArray,
        inspector: IntArray,
        said: IntArray,
        *,
        classes: int,
        candidates: int | None,
        known: IntArray | None,
    ) -> None:
        self.candidate, self.inspector, self.said, self.classes = candidate, inspector, said, classes
        self.candidates = int(candidate.max(initial=-1)) + 1 if candidates is None else candidates
        self.inspectors = int(inspector.max(initial=-1)) + 1
        self.known = np.full(self.candidates, UNKNOWN, np.int64) if known is None else known
        # Blind tests were selected: they say nothing about how common a class is.
        self.sampled = (np.bincount(candidate, minlength=self.candidates) > 0) & (self.known == UNKNOWN)
        self.answer = inspector * classes + said
        self.used = np.bincount(self.answer, minlength=self.inspectors * classes) > 0

    def majority(self) -> FloatArray:
        """Return the share of votes for each class."""
        counts = np.bincount(
            self.candidate * self.classes + self.said, minlength=self.candidates * self.classes
        ).reshape(self.candidates, self.classes)
        shares: FloatArray = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        return shares

    def anchored(self, probability: FloatArray) -> FloatArray:
        """Put the known truth in the place of estimates."""
        rows = np.flatnonzero(self.known != UNKNOWN)
        probability[rows] = np.eye(self.classes)[self.known[rows]]
        return probability

    def maximised(self, probability: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return class shares and confusion matrices that fit the probabilities best."""
        weights = probability[self.candidate]
        counts = _counts(self.answer, weights, len(self.used))
        counts = np.where(self.used[:, None], np.maximum(counts, SMALLEST), 0.0)
        answers = counts.reshape(self.inspectors, self.classes, self.classes)
        totals = answers.sum(1, keepdims=True)
        confusion: FloatArray = answers / np.where(totals > 0, totals, 1.0)
        if not self.sampled.any():
            return np.full(self.classes, 1 / self.classes), confusion
        share: FloatArray = probability[self.sampled].mean(0)
        return share, confusion

    def expected(self, share: FloatArray, confusion: FloatArray) -> FloatArray:
        """Return the probability of each true class given the votes, in logarithms until the end."""
        flat = confusion.reshape(-1, self.classes)
        logs = np.log(np.where(self.used[:, None], flat, 1.0))[self.answer]
        sums = _counts(self.candidate, logs, self.candidates)
        sums = sums + np.log(np.maximum(share, SMALLEST))
        sums -= sums.max(1, keepdims=True)
        odds = np.exp(sums)
        probability: FloatArray = odds / odds.sum(1, keepdims=True)
        return probability


def _counts(key: IntArray, weights: FloatArray, length: int) -> FloatArray:
    """Return the sums of each column of weights by key, shape (length, classes)."""
    columns = [np.bincount(key, weights=column, minlength=length) for column in weights.T]
    return np.stack(columns, axis=-1)
