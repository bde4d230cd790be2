"""Whether a dataset version has what a task asks for, before a run is queued."""

from collections.abc import Mapping
from functools import lru_cache

from lensapp.core.errors import InvalidInput
from lensapp.core.split.folds import Fold, fold_of
from lensapp.core.train.tasks import BinaryTask, ClassTask, TaskSpec
from lensapp.storage import datasets
from lensapp.storage.records import Dataset, Run
from lensapp.storage.targets import count_truth, training_classes
from lensapp.storage.workspace import Workspace

PARTS = ("train", "validation")
FEWEST_VALUES = 2


def require_truth(ws: Workspace, dataset: Dataset, task: TaskSpec) -> None:
    """Raise InvalidInput, saying what a part lacks, unless a network can learn `task` from the dataset.

    There may be no validation part at all.
    """
    validated = has_validation(dataset)
    if isinstance(task, BinaryTask):
        for part in PARTS if validated else PARTS[:1]:
            counts = dataset.counts.get(part, {})
            if not (counts.get("lens") and counts.get("nonlens")):
                raise InvalidInput(
                    f"The {part} part of {dataset.name} needs both lenses and non-lenses; it has "
                    f"{_listed(counts)}. Split again with more labelled cutouts."
                )
        return
    counts = count_truth(ws.database, dataset, part="train", task=task)
    several = len(counts) > 1 or task.kind == "regression"
    if not several or not all(counts.values()) or counts.total() < FEWEST_VALUES:
        needs = "two or more classes" if task.kind == "classes" else "two or more cutouts"
        raise InvalidInput(
            f"The train part of {dataset.name} needs {needs}, with cutouts of each; it has "
            f"{_listed(counts)}. Leave out what is absent, or split again with more labelled cutouts."
        )
    if validated:
        count_truth(ws.database, dataset, part="validation", task=task)  # refuses one without any


def has_validation(dataset: Dataset) -> bool:
    """Return whether a dataset version has a validation part."""
    return bool(sum(dataset.counts.get("validation", {}).values()))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "no cutouts"


@lru_cache(maxsize=64)
def cutouts_taking_part(
    ws: Workspace, dataset: str, task: TaskSpec, *, part: str, fold: Fold | None = None
) -> int:
    """Return how many cutouts of a part of a dataset version have the truth that a task asks for.

    With `fold` this fold of the training and validation parts is the validation part, the rest the training
    part. Counted once per process: a dataset version never changes.
    """
    version = datasets.get_dataset(ws.database, dataset)
    if isinstance(task, BinaryTask) and fold is None:
        return sum(version.counts.get(part, {}).values())
    try:
        return count_truth(ws.database, version, part=part, task=task, fold=fold).total()
    except InvalidInput:
        return 0


def cutouts_of_run(ws: Workspace, run: Run, dataset: str, task: TaskSpec, *, part: str) -> int:
    """Return how many cutouts a run has in a part of its dataset; one of a fold validates on the fold."""
    return cutouts_taking_part(ws, dataset, task, part=part, fold=fold_of(run.spec))


def nonlenses_validated(ws: Workspace, run: Run, dataset: str) -> int:
    """Return how many non-lenses a run is validated on; one of a fold validates on the fold."""
    return _nonlenses_validated(ws, dataset, fold_of(run.spec))


@lru_cache(maxsize=64)
def _nonlenses_validated(ws: Workspace, dataset: str, fold: Fold | None) -> int:
    version = datasets.get_dataset(ws.database, dataset)
    if fold is None:
        return version.counts.get("validation", {}).get("nonlens", 0)
    members = datasets.part_members(ws.database, version.id, "validation", fold=fold)
    return int((members["label"] != "lens").sum())


@lru_cache(maxsize=64)
def task_words(ws: Workspace, dataset: str, kind: str) -> dict[str, tuple[str, ...]]:
    """Return the names that a task may use, by its fields: the classes in a dataset version."""
    if kind != "classes":
        return {}
    classes = training_classes(ws.database, datasets.get_dataset(ws.database, dataset), ClassTask())
    return {"classes": classes, "positive": classes}
