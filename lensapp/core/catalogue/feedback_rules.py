"""Decide what becomes of each graded cutout when votes are fed back into a dataset version.

The test part is never touched, and no new cutout may show an object that the test part holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.catalogue.contradictions import Sides
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.split.splits import LABELS, PARTS, SECOND_TEST
from lensapp.core.split.stratify import allot_groups

IntArray = NDArray[np.int64]
Texts = NDArray[Any]

ADDED = "added"
RELABELLED = "relabelled"
CONFIRMED = "confirmed"
KEPT = "label kept: relabelling is off"
LABELLED_OTHERWISE = "labelled otherwise by their source: relabelling is off"
FEW_VOTES = "too few votes"
IGNORED_GRADE = "grade ignored"
CONTRADICTED = "votes contradict each other"
IN_TEST = "in the test part, which stays as it is"
OBJECT_IN_TEST = "its object, or a near-duplicate, is in the test part"
IN_SECOND_TEST = "in the second test part, which no training sees"
OBJECT_IN_SECOND_TEST = "its object is in a second test part, which no training sees"
BETWEEN_PARTS = "links objects of different parts or folds"
OF_SEVERAL = {
    OBJECT_IN_TEST: "show an object that the test part holds, or look like one of its cutouts",
    OBJECT_IN_SECOND_TEST: "show an object of a second test part, which no training sees",
    BETWEEN_PARTS: "link objects of different parts or folds",
}
"""The same reasons as a predicate of several cutouts."""
TEST = PARTS[2]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where new cutouts go; one entry per new cutout.

    Attributes
    ----------
    part : object
        "train", "validation", or "" when refused.
    fold : int64
        -1 for none.
    group : int64
        Group number in the dataset version.
    refusal : object
        Why it is refused, or None.
    """

    part: Texts
    fold: IntArray
    group: IntArray
    refusal: Texts

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which of them become members."""
        return np.asarray(self.refusal == None, bool)  # noqa: E711 - compares each element


def wanted_labels(
    grade: Texts, votes: IntArray, rules: FeedbackRules, *, sides: Sides
) -> tuple[Texts, Texts]:
    """Return the label that each consensus asks for (None for none) and why there is none (or None)."""
    label, reason = np.full(len(grade), None, object), np.full(len(grade), None, object)
    for letter in set(grade.tolist()):
        label[grade == letter] = rules.label_of(letter)
    reason[label == None] = IGNORED_GRADE  # noqa: E711 - compares each element
    if rules.majority_decides:
        undecided = sides.undecided(label)
        label[undecided], reason[undecided] = None, CONTRADICTED
    few = votes < rules.min_votes
    label[few], reason[few] = None, FEW_VOTES
    return label, reason


def member_outcomes(part: Texts, label: Texts, wanted: Texts, rules: FeedbackRules) -> Texts:
    """Return what votes do to members: one outcome per member whose wanted label is not None."""
    outcome = np.full(len(part), RELABELLED if rules.relabel else KEPT, object)
    outcome[label == wanted] = CONFIRMED
    outcome[part == TEST] = IN_TEST
    outcome[part == SECOND_TEST] = IN_SECOND_TEST
    return outcome


def place_new(
    *,
    linked: IntArray,
    label: Texts,
    member_linked: IntArray,
    member_part: Texts,
    member_fold: IntArray,
    member_group: IntArray,
    folds: int,
    rules: FeedbackRules,
) -> Placement:
    """Place new cutouts with the members that show the same object, or by the rules where none does.

    Parameters
    ----------
    linked, member_linked
        Groups over new cutouts and members together, numbered independently of the row order.
    label
        Labels of the new cutouts.
    member_part, member_fold, member_group
        Of the members, as stored (fold -1 for none).
    folds
        Number of folds of the dataset version, 0 for none.
    rules
        Share of validation and seed.
    """
    count = len(linked)
    part, fold = np.full(count, "", object), np.full(count, -1, np.int64)
    refusal = np.full(count, None, object)
    homes: dict[int, set[tuple[str, int]]] = {}  # parts and folds of the members in each group of new cutouts
    for row in np.flatnonzero(np.isin(member_linked, linked)).tolist():
        home = (member_part[row], int(member_fold[row]))
        homes.setdefault(int(member_linked[row]), set()).add(home)
    for row, group in enumerate(linked.tolist()):
        parts_and_folds = homes.get(group, set())
        if any(name == TEST for name, _ in parts_and_folds):
            refusal[row] = OBJECT_IN_TEST
        elif any(name == SECOND_TEST for name, _ in parts_and_folds):
            refusal[row] = OBJECT_IN_SECOND_TEST
        elif len(parts_and_folds) > 1:
            refusal[row] = BETWEEN_PARTS
        elif parts_and_folds:
            part[row], fold[row] = next(iter(parts_and_folds))
    free = np.flatnonzero([group not in homes for group in linked.tolist()])
    if free.size:
        shares = [1.0 - rules.validation_share, rules.validation_share]
        part[free] = np.array(PARTS[:2], object)[
            _allot(linked[free], label[free], shares, seed=(rules.seed, 0))
        ]
        if folds:
            fold[free] = _allot(linked[free], label[free], [1.0 / folds] * folds, seed=(rules.seed, 1))
    return Placement(part, fold, group_numbers(linked, member_linked, member_group), refusal)


def group_numbers(linked: IntArray, member_linked: IntArray, member_group: IntArray) -> IntArray:
    """Return the numbers of new cutouts' groups: those of the version, or the next free without members."""
    numbers: dict[int, int] = {}
    for group, number in zip(member_linked.tolist(), member_group.tolist(), strict=True):
        numbers[group] = min(number, numbers.get(group, number))
    fresh = int(member_group.max(initial=-1)) + 1
    numbers |= {group: fresh + n for n, group in enumerate(sorted(set(linked.tolist()) - numbers.keys()))}
    return np.array([numbers[group] for group in linked.tolist()], np.int64)


def _allot(linked: IntArray, label: Texts, shares: Sequence[float], *, seed: tuple[int, int]) -> IntArray:
    classes = (label == LABELS[0]).astype(np.int64)
    if shares[-1] == 0.0:
        return np.zeros(len(linked), np.int64)
    return allot_groups(linked, classes, shares, rng=np.random.default_rng(seed))
