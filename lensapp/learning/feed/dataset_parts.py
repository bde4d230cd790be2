"""The parts of a dataset version as labelled cutouts, whatever number of sources they come from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import rows_of
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.split.folds import Fold
from lensapp.core.train.tasks import BinaryTask, TaskSpec
from lensapp.learning.feed.batches import LabelledCutouts, Pixels
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.datasets import part_members
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset
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
            here = source == number
            pixels[here] = self.packed[number].read(rows[here] - offsets[number])
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
    """
    members = part_members(workspace.database, dataset.id, part, fold=fold, extra=CLASS_COLUMNS)
    if not len(members["label"]):
        raise InvalidInput(
            f"The {part} part of {dataset.name} has no labelled cutouts. Split a labelled source."
        )
    return labelled_members(workspace, dataset, members, task=task or BinaryTask())


def labelled_members(
    workspace: Workspace, dataset: Dataset, members: Columns, *, task: TaskSpec
) -> LabelledCutouts:
    """Return members of a dataset version with what is true of them for a task; see `dataset_part`."""
    truth = truth_of(workspace.database, dataset, members, task=task)
    first, *others = joined_sources = [
        sources.source_by_id(workspace.database, key) for key in dataset.source_ids
    ]
    for other in others:
        if (other.bands, other.height, other.width) != (first.bands, first.height, first.width):
            raise BandMismatch(
                f"{first.name} has the bands {','.join(first.bands)} and {first.width}×{first.height} "
                f"pixels, {other.name} {','.join(other.bands)} and {other.width}×{other.height}. "
                f"Import {other.name} again with the same bands and size."
            )
    joined = JoinedCutouts(
        tuple(PackedCutouts.open(workspace.cutouts_folder(source.name)) for source in joined_sources)
    )
    offset = joined.offsets[rows_of(members["source_id"], dataset.source_ids)]
    return LabelledCutouts(
        cutouts=joined,
        rows=(members["row"] + offset)[truth.known],
        labels=truth.labels,
        bands=first.bands,
        pixel_scale_arcsec=first.pixel_scale_arcsec,
        classes=truth.classes,
        targets=truth.targets,
        cutout_ids=members["cutout_id"][truth.known],
        group_ids=members["group_id"][truth.known],
    )
