"""What is true of the members of a dataset version, as each task asks for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import rows_of
from lensapp.core.errors import InvalidInput
from lensapp.core.split.folds import Fold
from lensapp.core.train.tasks import (
    BINARY_CLASSES,
    LENS,
    BinaryTask,
    ClassTask,
    ContrastiveTask,
    TaskSpec,
    merged_names,
)
from lensapp.storage import datasets, sources
from lensapp.storage.database import Database
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset

VOTES = "votes"
TRAINING = "train"
CLASS_COLUMNS = ("object_class",)


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of some members, in their order.

    Attributes
    ----------
    known : bool, shape (n,)
        Members that take part: those whose class, or all of whose values, are known.
    labels
        Of the known members: 1 for a lens (m,), indices into `classes` (m,), or values (m, t).
    classes, targets
        What the labels stand for; targets for values, else classes.
    """

    known: NDArray[np.bool_]
    labels: NDArray[Any]
    classes: tuple[str, ...] = BINARY_CLASSES
    targets: tuple[str, ...] = ()


def truth_of(database: Database, dataset: Dataset, members: Columns, *, task: TaskSpec) -> Truth:
    """Return what is true of `members` of a dataset version.

    Parameters
    ----------
    members
        As `lensapp.storage.datasets.member_columns` gives them with `extra=CLASS_COLUMNS`.
    """
    if isinstance(task, BinaryTask):
        foreign = sorted(set(members["label"]) - set(BINARY_CLASSES))
        if foreign or not len(members["label"]):
            content = f"holds cutouts labelled {', '.join(foreign)}" if foreign else "is empty"
            raise InvalidInput(
                f"The {_part(members)} part of {dataset.name} {content}; it needs cutouts labelled lens and "
                "non-lens. Split a labelled source."
            )
        labels = (members["label"] == LENS).astype(np.int8)
        return Truth(np.ones(len(labels), bool), labels)
    if isinstance(task, ClassTask):
        return class_truth(database, dataset, members, task)
    if isinstance(task, ContrastiveTask):
        return Truth(np.ones(len(members["label"]), bool), np.zeros(len(members["label"]), np.int8))
    return value_truth(database, dataset, members, task.targets)


def _part(members: Columns) -> str:
    return str(members["part"][0]) if len(members["part"]) else "selected"


def class_truth(database: Database, dataset: Dataset, members: Columns, task: ClassTask) -> Truth:
    """Return the classes of members, as votes and imports tell them."""
    names = class_names(members, positive=task.positive, merged=task.merged)
    classes = task.classes or training_classes(database, dataset, task)
    number = {name: index for index, name in enumerate(classes)}
    known = np.array([name in number for name in names], bool)
    if not known.any():
        held = ", ".join(sorted(set(names) - {""})) or "no classes"
        raise InvalidInput(
            f"The {_part(members)} part of {dataset.name} has no cutout of the classes "
            f"{', '.join(classes) or '(none is known)'}, but {held}. Name classes that it has."
        )
    labels = np.array([number[name] for name in names[known]], np.int64)
    return Truth(known, labels, classes=tuple(classes))


def class_names(members: Columns, *, positive: Sequence[str], merged: Sequence[str] = ()) -> NDArray[Any]:
    """Return the class of each member, "" where it is not known: object array of shape (n,).

    It is the class of the object, else the label. Votes win: what they call a lens has the first positive
    class unless its own is positive, and what they call none has no known class if its own is positive.
    """
    becomes = merged_names(merged)
    names = np.empty(len(members["label"]), object)
    rows = zip(members["label"], members["object_class"], members["label_from"], strict=True)
    for index, (label, object_class, origin) in enumerate(rows):
        name = becomes.get(object_class or label, object_class or label)
        if str(origin).startswith(VOTES) and (label == LENS) != (name in positive):
            name = positive[0] if label == LENS else ""
        names[index] = name
    return names


def training_classes(database: Database, dataset: Dataset, task: ClassTask) -> tuple[str, ...]:
    """Return the classes of the training part in alphabetical order."""
    members = datasets.member_columns(database, dataset.id, part=TRAINING, extra=CLASS_COLUMNS)
    names = class_names(members, positive=task.positive, merged=task.merged)
    return tuple(sorted(set(names) - {""}))


def value_truth(database: Database, dataset: Dataset, members: Columns, targets: tuple[str, ...]) -> Truth:
    """Return the values of the targets, of the members that have all of them."""
    values = property_values(database, dataset.source_ids, members["cutout_id"], targets)
    known: NDArray[np.bool_] = np.all(np.isfinite(values), axis=1)
    if not known.any():
        counts = np.isfinite(values).sum(axis=0)
        held = ", ".join(f"{count} with {name}" for name, count in zip(targets, counts, strict=True))
        raise InvalidInput(
            f"The {_part(members)} part of {dataset.name} has no cutout with all of {', '.join(targets)}, "
            f"but {held}. Choose other targets, or a source whose truth has them."
        )
    return Truth(known, values[known].astype(np.float32), classes=(), targets=targets)


def property_values(
    database: Database, source_ids: Sequence[int], cutout_ids: NDArray[np.int64], names: Sequence[str]
) -> NDArray[np.float64]:
    """Return properties of cutouts, shape (n, names), NaN where one is absent or no number."""
    rows = rows_of(cutout_ids, sources.cutout_columns(database, source_ids, columns=("id",))["id"])
    columns = [sources.property_column(database, source_ids, name)[rows] for name in names]
    return np.stack(columns, axis=1)


def count_truth(
    database: Database, dataset: Dataset, *, part: str, task: TaskSpec, fold: Fold | None = None
) -> Counter[str]:
    """Return how many members of a part take part in a task, by class (or all, under "cutouts").

    With `fold` the part is as `datasets.part_members` has it.
    """
    members = datasets.part_members(database, dataset.id, part, fold=fold, extra=CLASS_COLUMNS)
    truth = truth_of(database, dataset, members, task=task)
    if truth.targets:
        return Counter({"cutouts": len(truth.labels)})
    counts = np.bincount(truth.labels, minlength=len(truth.classes))
    return Counter(dict(zip(truth.classes, counts.tolist(), strict=True)))
