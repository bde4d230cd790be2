"""A workspace with a packed source, a frozen dataset and a tiny trained network, for tests of scoring."""

import atexit
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lensapp.core.progress import ignore_progress, never_stop
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.train.run_training import train_run
from lensapp.storage import datasets, runs, sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from support.small_surveys import pack_source

BANDS = ("g", "r")
SIZE = 8
SPEC = TrainingSpec.parse(
    {
        "network_options": {
            "filters": 4,
            "blocks": 2,
            "dense_units": 8,
            "second_dense_units": 8,
            "dropout": 0.0,
        },
        "epochs": 8,
        "batch_size": 6,
        "augmentation": {"d4": False},
        "learning_rate": 1e-2,
        "device": "cpu",
        "seed": 3,
    }
)


@dataclass(frozen=True)
class Trained:
    """A workspace in which the run "first" was trained on the source "field"."""

    workspace: Workspace
    source: Source

    @property
    def folder(self) -> Path:
        return self.workspace.run_folder("first")

    def pixels(self, name: str = "field") -> PackedCutouts:
        return PackedCutouts.open(self.workspace.cutouts_folder(name))

    def copied(self, folder: Path) -> "Trained":
        """A copy that a test may change."""
        shutil.copytree(self.workspace.folder, folder)
        return Trained(open_workspace(folder), self.source)


def open_workspace(folder: Path) -> Workspace:
    return Workspace.open(folder, database_url=f"sqlite:///{folder / 'workspace.db'}")


def train_tiny(folder: Path) -> Trained:
    """Sky noise in two bands; every other cutout, a lens, has bright columns; some pixels are masked.

    Trained once for all modules of a test process; each gets a copy.
    """
    return _trained_once().copied(folder)


@cache
def _trained_once() -> Trained:
    parent = Path(tempfile.mkdtemp(prefix="lensapp-tests-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    return _train(parent / "workspace")


def _train(folder: Path) -> Trained:
    workspace = open_workspace(folder)
    source = add_source(workspace, "field", count=60)
    columns = sources.cutout_columns(workspace.database, [source.id])
    parts = ["train"] * 30 + ["validation"] * 10 + ["test"] * 20
    members = [
        {"cutout_id": int(key), "part": part, "label": label, "group_id": int(key), "fold": None,
         "label_from": "import"}
        for key, part, label in zip(columns["id"], parts, columns["label"], strict=True)
    ]  # fmt: skip
    datasets.create_dataset(
        workspace.database,
        name="sky-v1",
        source_ids=[source.id],
        bands=BANDS,
        spec={},
        counts={part: {"lens": 5, "nonlens": 5} for part in ("train", "validation", "test")},
        checksum="0",
        members=members,
    )
    dataset = datasets.get_dataset(workspace.database, "sky-v1")
    runs.create_run(
        workspace.database, name="first", dataset_id=dataset.id, model=SPEC.network, spec=SPEC.saved()
    )
    train_run(workspace, run_name="first", report=ignore_progress, should_stop=never_stop)
    return Trained(workspace, source)


def add_source(
    workspace: Workspace,
    name: str,
    *,
    count: int = 12,
    bands: tuple[str, ...] = BANDS,
    shape: tuple[int, int] = (SIZE, SIZE),
    scale: float | None = 0.2,
    unit: float = 1.0,
    zero_point: float | None = 27.0,
) -> Source:
    pixels = np.random.default_rng(7).normal(size=(count, *shape, len(bands))).astype(np.float32)
    pixels[1::2, :, 2:4] += 3.0
    pixels[:: max(count // 5, 1), 0, :2] = np.nan
    cutouts = [  # the first file was rejected and left a hole
        {"row": k + 1, "candidate_id": f"{name}-{k}", "label": ("nonlens", "lens")[k % 2]}
        for k in range(count)
    ]
    return pack_source(
        workspace,
        name,
        pixels * np.float32(unit),
        cutouts,
        bands=bands,
        kind="import",
        pixel_scale_arcsec=scale,
        zero_point=zero_point,
    )


def date_anew(folder: Path) -> None:
    """Give the network of a run a later date, as copying a workspace does."""
    later = time.time() + 3600
    os.utime(folder / "best.keras", (later, later))


def train_further(folder: Path) -> None:
    """Let the network of a run be another file than before; it can be opened still."""
    with (folder / "best.keras").open("ab") as network:
        network.write(b"trained further")
    date_anew(folder)
