"""Votes for lens and for non-lens on the same candidate: how many stand against each label."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.inspect.consensus import CastVote, grades_of_means, vote_values
from lensapp.core.plurals import counted
from lensapp.core.split.splits import LABELS

IntArray = NDArray[np.int64]
Flags = NDArray[np.bool_]
MOST_TOLD = 4  # grades that are written one by one: "A X"; of more it is "3 A 2 X"


@dataclass(frozen=True, eq=False)
class Sides:
    """What the votes on each candidate mean by some rules; one entry per candidate.

    Attributes
    ----------
    grades : object
        The grades given, best first: "A X", "3 A 2 X".
    lens, nonlens : int64
        Inspectors whose grade means lens, and non-lens.
    """

    grades: NDArray[Any]
    lens: IntArray
    nonlens: IntArray

    @property
    def opposed(self) -> Flags:
        """Where one inspector says lens and another non-lens."""
        return (self.lens > 0) & (self.nonlens > 0)

    def undecided(self, label: NDArray[Any]) -> Flags:
        """Where as many inspectors contradict a label as support it, or more."""
        of_lens = label == LABELS[0]
        behind = np.where(of_lens, self.lens, self.nonlens)
        against = np.where(of_lens, self.nonlens, self.lens)
        return np.asarray((label != None) & self.opposed & (against >= behind))  # noqa: E711 - by element


def sides_of(counted_votes: Sequence[CastVote], votes: IntArray, rules: FeedbackRules) -> Sides:
    """Return what votes say for and against; `votes` is how many, in a row, are on each candidate."""
    values = vote_values(counted_votes)
    letters = grades_of_means(values)
    start = np.cumsum(votes) - votes

    def count(grades: Sequence[str]) -> IntArray:
        means_it = np.isin(letters.astype(str), list(grades)).astype(np.int64)
        return np.add.reduceat(means_it, start) if len(votes) else np.empty(0, np.int64)

    told = np.empty(len(votes), object)
    for row, (first, length) in enumerate(zip(start.tolist(), votes.tolist(), strict=True)):
        best_first = sorted(range(first, first + length), key=lambda place: -values[place])
        told[row] = grades_in_words([str(counted_votes[place].grade) for place in best_first])
    return Sides(told, count(rules.lens_grades), count(rules.nonlens_grades))


def grades_in_words(grades: Sequence[str]) -> str:
    """Return the grades of one candidate: "A X" of a few, "3 A 2 X" of more."""
    if len(grades) <= MOST_TOLD:
        return " ".join(grades)
    return " ".join(f"{count} {grade}" for grade, count in Counter(grades).items())


@dataclass(frozen=True)
class Contradictions:
    """How many labels rest on votes that contradict each other, and how many candidates are left out for it.

    Attributes
    ----------
    labels, of_labels
        Labels with a vote for lens and one for non-lens, of all.
    undecided
        Those of them that as many inspectors contradict as support, or more.
    left_out
        Candidates that become no label, as neither side prevails.
    lens_grades, nonlens_grades
        What means lens and non-lens.
    weighted
        Whether a method weighs the inspectors, so that their number does not decide.
    """

    labels: int
    of_labels: int
    undecided: int
    left_out: int
    lens_grades: tuple[str, ...]
    nonlens_grades: tuple[str, ...]
    weighted: bool

    def __bool__(self) -> bool:
        return bool(self.labels or self.left_out)

    def in_words(self) -> str:
        """Return it in a sentence or more; empty where no votes contradict each other."""
        lens, nonlens = "/".join(self.lens_grades), "/".join(self.nonlens_grades)
        sides = f"one inspector says lens ({lens}), another non-lens ({nonlens})"
        said = []
        if self.left_out:
            number = f"{counted(self.left_out, 'candidate')} {'is' if self.left_out == 1 else 'are'}"
            said.append(f"{number} left out: {sides}, and the label has no majority.")
        if self.labels:
            number = f"{self.labels} of the {counted(self.of_labels, 'label')}"
            meaning = "" if self.left_out else f": {sides}"
            rest = "rests" if self.labels == 1 else "rest"
            said.append(f"{number} {rest} on contradicting votes{meaning}.")
        if self.undecided:
            whose = f"{self.undecided} of them" if self.undecided < self.labels else "None of these"
            verb = "have" if self.undecided < self.labels else "has"
            no = "no" if self.undecided < self.labels else "a"
            also = "; the weights of the inspectors decided" if self.weighted else ""
            said.append(f"{whose} {verb} {no} majority{also}.")
        return " ".join(said)


def contradictions_in(
    sides: Sides, label: NDArray[Any], which: Flags, left_out: int, rules: FeedbackRules
) -> Contradictions:
    """Return how many of the labels at `which` votes contradict."""
    return Contradictions(
        labels=int((sides.opposed & which).sum()),
        of_labels=int(which.sum()),
        undecided=int((sides.undecided(label) & which).sum()),
        left_out=left_out,
        lens_grades=rules.lens_grades,
        nonlens_grades=rules.nonlens_grades,
        weighted=rules.method != "mean",
    )
