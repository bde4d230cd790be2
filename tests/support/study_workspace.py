"""A workspace with a packed source and a frozen dataset, for tests of cross-validations and searches."""

from pathlib import Path
from typing import Any

from lensapp.core.train.training_spec import TrainingSpec
from lensapp.storage import datasets, sources
from lensapp.storage.workspace import Workspace
from support.scoring_workspace import BANDS, SPEC, add_source, open_workspace

DATASET = "sky-v1"
TINY = SPEC.replaced(
    network="simple_cnn",
    network_options={"filters": 1, "dense_units": 2},
    epochs=2,
    monitor="val_auc",
)


def study_workspace(folder: Path, *, count: int = 40) -> Workspace:
    """Every other cutout is a lens; three in four are development members, two by two in a group."""
    workspace = open_workspace(folder)
    source = add_source(workspace, "field", count=count)
    columns = sources.cutout_columns(workspace.database, [source.id])
    order = zip(columns["id"].tolist(), columns["label"], strict=True)
    members: list[dict[str, Any]] = [
        {
            "cutout_id": key,
            "part": ("train", "train", "validation", "test")[place // 2 % 4],
            "label": label,
            "group_id": place // 2,
            "fold": None,
            "label_from": "import",
        }
        for place, (key, label) in enumerate(order)
    ]
    counts = {part: {"lens": 5, "nonlens": 5} for part in ("train", "validation", "test")}
    datasets.create_dataset(
        workspace.database, name=DATASET, source_ids=[source.id], bands=BANDS, spec={}, counts=counts,
        checksum="0", members=members,
    )  # fmt: skip
    return workspace


def tiny(**changes: Any) -> TrainingSpec:
    """Return the recipe of a network of one filter."""
    return TINY.replaced(**changes)


class WorkerKilledError(BaseException):
    """Ends a job without any chance to clean up."""


class Interrupter:
    """Answers `signal`, or kills the worker, from the given question on."""

    def __init__(self, questions: int, signal: str | None = None) -> None:
        self.left = questions
        self.signal = signal

    def __call__(self) -> str | None:
        self.left -= 1
        if self.left >= 0:
            return None
        if self.signal is None:
            raise WorkerKilledError
        return self.signal
