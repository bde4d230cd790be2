"""Whether a dataset version has what a task asks for, before a run is queued."""

from functools import lru_cache

from lensapp.core.errors import InvalidInput
from lensapp.core.train.tasks import BinaryTask, ClassTask, TaskSpec
from lensapp.storage import datasets
from lensapp.storage.records import Dataset
from lensapp.storage.targets import count_truth, training_classes
from lensapp.storage.workspace import Workspace

PARTS = ("train", "validation")
FEWEST_VALUES = 2


def require_truth(ws: Workspace, dataset: Dataset, task: TaskSpec) -> None:
    """Raise InvalidInput, saying what a part lacks, unless a network can learn `task` from the dataset."""
    if isinstance(task, BinaryTask):
        _require_both_classes(dataset)
        return
    for part in PARTS:
        counts = count_truth(ws.database, dataset, part=part, task=task)
        absent = [name for name, number in counts.items() if not number]
        several = len(counts) > 1 or task.kind == "regression"
        if part == "train" and (absent or not several or counts.total() < FEWEST_VALUES):
            found = ", ".join(f"{number} {name}" for name, number in counts.items()) or "no cutouts"
            wanted = "two classes or more" if task.kind == "classes" else "two cutouts or more"
            raise InvalidInput(
                f"Expected {wanted} in the {part} part of {dataset.name}, with cutouts of each, received "
                f"{found}. Leave out what is absent, or split again with more labelled cutouts."
            )


def cutouts_taking_part(ws: Workspace, dataset: Dataset, task: TaskSpec, *, part: str) -> int:
    """Return how many cutouts of a part have the truth that a task asks for."""
    if isinstance(task, BinaryTask):
        return sum(dataset.counts.get(part, {}).values())
    return _count(ws, dataset.name, part, task)


@lru_cache(maxsize=64)
def _count(ws: Workspace, dataset_name: str, part: str, task: TaskSpec) -> int:
    """Count once per process: a dataset version never changes."""
    try:
        return count_truth(
            ws.database, datasets.get_dataset(ws.database, dataset_name), part=part, task=task
        ).total()
    except InvalidInput:
        return 0


@lru_cache(maxsize=64)
def task_words(ws: Workspace, dataset_name: str, kind: str) -> dict[str, tuple[str, ...]]:
    """Return the names that a task may use, by its fields: the classes found in a dataset version."""
    if kind != "classes":
        return {}
    dataset = datasets.get_dataset(ws.database, dataset_name)
    found = training_classes(ws.database, dataset, ClassTask())
    return {"classes": found, "positive": found}


def _require_both_classes(dataset: Dataset) -> None:
    for part in PARTS:
        counts = dataset.counts.get(part, {})
        for label in ("lens", "nonlens"):
            if not counts.get(label):
                received = ", ".join(f"{number} {key}" for key, number in counts.items()) or "no cutouts"
                raise InvalidInput(
                    f"Expected lenses and non-lenses in the {part} part of {dataset.name}, received "
                    f"{received}. Split again with more labelled cutouts."
                )
