"""The parts of a dataset version as labelled cutouts, whatever number of sources they come from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.split.folds import Fold
from lensapp.core.train.tasks import BinaryTask, TaskSpec
from lensapp.learning.feed.batches import LabelledCutouts, Pixels
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.datasets import part_members
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Source
from lensapp.storage.targets import CLASS_COLUMNS, truth_of
from lensapp.storage.workspace import Workspace


@dataclass(frozen=True)
class JoinedCutouts:
    """Several packed sources read as one; the rows of each follow those of the one before."""

    packed: tuple[PackedCutouts, ...]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """First row of each source."""
        return np.cumsum([0, *(source.shape[0] for source in self.packed)])[:-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, height, width, bands)."""
        return sum(source.shape[0] for source in self.packed), *self.packed[0].shape[1:]

    def read(self, rows: NDArray[np.int64]) -> Pixels:
        """Return the cutouts at `rows`, float32 (n, height, width, bands), NaN where masked."""
        if len(self.packed) == 1:
            return self.packed[0].read(rows)
        offsets = self.offsets
        source = np.searchsorted(offsets, rows, side="right") - 1
        pixels = np.empty((len(rows), *self.shape[1:]), np.float32)
        for number in np.unique(source):
            chosen = np.flatnonzero(source == number)
            pixels[chosen] = self.packed[number].read(rows[chosen] - offsets[number])
        return pixels


def dataset_part(
    workspace: Workspace,
    dataset: Dataset,
    part: str,
    *,
    task: TaskSpec | None = None,
    fold: Fold | None = None,
) -> LabelledCutouts:
    """Return one part ("train", "validation" or "test") of a dataset version.

    Members are in the order of their cutout ids, as `lensapp.storage.datasets.part_members` gives them;
    those without the truth that the task asks for are left out.

    Parameters
    ----------
    task
        What the labels answer; default: lens or not.
    fold
        Fold of the development members that is the validation part; default: the dataset's own parts.

    Raises
    ------
    InvalidInput
        When the part is empty, has labels other than the task's, or no member has the truth it asks for.
    BandMismatch
        When the sources do not fit together.
    """
    members = part_members(workspace.database, dataset.id, part, fold=fold, extra=CLASS_COLUMNS)
    if not len(members["label"]):
        raise InvalidInput(
            f"Expected labelled cutouts in the {part} part of {dataset.name}, received no cutouts. "
            "Split a labelled source."
        )
    return labelled_members(workspace, dataset, members, task=task or BinaryTask())


def labelled_members(
    workspace: Workspace, dataset: Dataset, members: Columns, *, task: TaskSpec
) -> LabelledCutouts:
    """Return members of a dataset version with what is true of them for a task; see `dataset_part`."""
    truth = truth_of(workspace.database, dataset, members, task=task)
    used = [sources.source_by_id(workspace.database, key) for key in dataset.source_ids]
    _require_alike(used)
    joined = JoinedCutouts(tuple(PackedCutouts.open(workspace.cutouts_folder(item.name)) for item in used))
    place = np.searchsorted(np.sort(dataset.source_ids), members["source_id"])
    offset = joined.offsets[np.argsort(dataset.source_ids)][place]
    return LabelledCutouts(
        cutouts=joined,
        rows=(members["row"] + offset)[truth.known],
        labels=truth.labels,
        bands=used[0].bands,
        pixel_scale_arcsec=used[0].pixel_scale_arcsec,
        classes=truth.classes,
        targets=truth.targets,
        cutout_ids=members["cutout_id"][truth.known],
    )


def _require_alike(used: list[Source]) -> None:
    first = used[0]
    for other in used[1:]:
        if (other.bands, other.height, other.width) != (first.bands, first.height, first.width):
            raise BandMismatch(
                f"Expected the bands {','.join(first.bands)} and {first.width}×{first.height} pixels of "
                f"{first.name}, received {','.join(other.bands)} and {other.width}×{other.height} in "
                f"{other.name}. "
                "Import it again with the same bands and size."
            )
