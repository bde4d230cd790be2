"""The parts of a dataset version as labelled cutouts, whatever number of sources they come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import rows_of
from lensapp.core.config import read_json
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.split.folds import Fold
from lensapp.core.train.normalisation import (
    NEEDS_NO_UNIT,
    FittedNormalisation,
    NetworkUnit,
    NormalisationSpec,
    about_middle,
    reading_factor,
)
from lensapp.core.train.tasks import BinaryTask, TaskSpec
from lensapp.learning.feed.batches import LabelledCutouts, Pixels
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.cutouts import noise_maps, open_in_unit, source_unit
from lensapp.storage.datasets import part_members, takes_middle_of
from lensapp.storage.files import NORMALISATION
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Source
from lensapp.storage.targets import CLASS_COLUMNS, truth_of
from lensapp.storage.workspace import Workspace

UNITS_IN_WORDS = {
    "flux": "calibrated flux",
    "surface_brightness": "calibrated surface brightness",
    "picture": "8-bit pictures",
    "unknown": "of an unknown unit",
}


@dataclass(frozen=True)
class JoinedCutouts:
    """Several packed sources read as one; the rows of each follow those of the one before.

    Cutouts are cropped or padded about their middle to `size`, (y, x).
    """

    packed: tuple[PackedCutouts, ...]
    size: tuple[int, int]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """First row of each source."""
        return np.cumsum([0, *(source.shape[0] for source in self.packed)])[:-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, height, width, bands)."""
        return sum(one.shape[0] for one in self.packed), *self.size, self.packed[0].shape[3]

    def read(self, rows: NDArray[np.int64]) -> Pixels:
        """Return the cutouts at `rows`, float32 (n, height, width, bands), NaN where masked."""
        return self._of_each(rows, lambda packed, own: packed.read(own))

    def read_noise(self, rows: NDArray[np.int64]) -> Pixels:
        """Return the noise of the pixels at `rows` as `noise_maps` has it, NaN beyond a cutout's edge."""
        return self._of_each(rows, noise_maps)

    def _of_each(
        self, rows: NDArray[np.int64], read: Callable[[PackedCutouts, NDArray[np.int64]], Pixels]
    ) -> Pixels:
        if len(self.packed) == 1:
            return about_middle(read(self.packed[0], rows), self.size)
        offsets = self.offsets
        source = np.searchsorted(offsets, rows, side="right") - 1
        pixels = np.empty((len(rows), *self.shape[1:]), np.float32)
        for number in np.unique(source):
            here = source == number
            pixels[here] = about_middle(read(self.packed[number], rows[here] - offsets[number]), self.size)
        return pixels


def dataset_part(
    workspace: Workspace,
    dataset: Dataset,
    part: str,
    *,
    task: TaskSpec | None = None,
    fold: Fold | None = None,
    unit: NetworkUnit | None = None,
    size: tuple[int, int] | None = None,
) -> LabelledCutouts:
    """Return one part ("train", "validation", "test" or "second-test") of a dataset version.

    Members are in the order of their cutout ids, as `lensapp.storage.datasets.part_members` gives them;
    those without the truth that the task asks for are left out.

    Parameters
    ----------
    task
        What the labels answer; default: lens or not.
    fold
        Fold of the development members that is the validation part; default: the dataset's own parts.
    unit
        Unit in which the network reads flux; default: pixels as stored.
    size
        To which cutouts are cropped or padded about their middle, (y, x); default: that of the version.
    """
    members = part_members(workspace.database, dataset.id, part, fold=fold, extra=CLASS_COLUMNS)
    if not len(members["label"]):
        raise InvalidInput(
            f"The {part} part of {dataset.name} has no labelled cutouts. Split a labelled source."
        )
    return labelled_members(workspace, dataset, members, task=task or BinaryTask(), unit=unit, size=size)


def labelled_members(
    workspace: Workspace,
    dataset: Dataset,
    members: Columns,
    *,
    task: TaskSpec,
    unit: NetworkUnit | None = None,
    size: tuple[int, int] | None = None,
) -> LabelledCutouts:
    """Return members of a dataset version with what is true of them for a task; see `dataset_part`."""
    truth = truth_of(workspace.database, dataset, members, task=task)
    joined_sources = [sources.source_by_id(workspace.database, key) for key in dataset.source_ids]
    joined = joined_cutouts(workspace, dataset, joined_sources, unit=unit, size=size)
    first = joined_sources[0]
    offset = joined.offsets[rows_of(members["source_id"], dataset.source_ids)]
    return LabelledCutouts(
        cutouts=joined,
        rows=(members["row"] + offset)[truth.known],
        labels=truth.labels,
        bands=dataset.bands,
        pixel_scale_arcsec=first.pixel_scale_arcsec,
        classes=truth.classes,
        targets=truth.targets,
        cutout_ids=members["cutout_id"][truth.known],
        group_ids=members["group_id"][truth.known],
        unit=unit,
    )


def joined_cutouts(
    workspace: Workspace,
    dataset: Dataset,
    joined_sources: Sequence[Source],
    *,
    unit: NetworkUnit | None = None,
    size: tuple[int, int] | None = None,
) -> JoinedCutouts:
    """Return the cutouts of sources read as one for a version, in this unit and size.

    Bands are those of the version, picked by name. Raises BandMismatch where a source lacks one, or has
    another size and is none of those of which the version takes the middle.
    """
    first = joined_sources[0]
    of_version = (first.height, first.width)
    for other in joined_sources:
        fits = (other.height, other.width) == of_version or takes_middle_of(dataset, other)
        if not {*other.bands} >= {*dataset.bands} or not fits:
            raise BandMismatch(
                f"{dataset.name} has the bands {','.join(dataset.bands)} and {first.width}×{first.height} "
                f"pixels, {other.name} {','.join(other.bands)} and {other.width}×{other.height}. "
                f"Import {other.name} again with these bands and this size."
            )
    return JoinedCutouts(
        tuple(
            open_in_unit(
                workspace.cutouts_folder(source.name),
                reading_factor(unit, source.pixel_scale_arcsec),
                dataset.bands,
            )
            for source in joined_sources
        ),
        size or of_version,
    )


def unit_of_dataset(
    workspace: Workspace,
    dataset: Dataset,
    normalisation: NormalisationSpec,
    *,
    initial: Path | None = None,
    besides: str | None = None,
) -> NetworkUnit | None:
    """Return the unit in which a network to be trained on a dataset version reads its cutouts.

    Parameters
    ----------
    normalisation
        That of the network, with the unit that is wanted where the sources tell theirs.
    initial
        Folder of the run that is trained further: its network has a unit already.
    besides
        Name of a source whose cutouts are looked at without their labels.

    Raises
    ------
    BandMismatch
        When some sources are calibrated and others are not, or they are not what the initial run was
        trained on.
    """
    start = None if initial is None else FittedNormalisation.parse(read_json(initial / NORMALISATION))
    if start is not None and start.unit is None:
        return None  # made before units were kept
    first_of: dict[str, str] = {}
    used = [sources.source_by_id(workspace.database, key) for key in dataset.source_ids]
    used += [] if besides is None else [sources.get_source(workspace.database, besides)]
    for source in used:
        kind = source_unit(workspace, source).kind
        first_of.setdefault("unknown" if kind == "partly" else kind, source.name)
    needs_unit = normalisation.kind not in NEEDS_NO_UNIT if start is None else start.needs_unit
    if len(first_of) > 1 and (needs_unit or "picture" in first_of):
        standing = ", ".join(f"{name} is {UNITS_IN_WORDS[kind]}" for kind, name in first_of.items())
        raise BandMismatch(
            f"Sources that train together must agree in being calibrated: {standing}. Import those of "
            "unknown unit again with --zero-point, or leave them out."
        )
    unit: NetworkUnit = "picture" if "picture" in first_of else "unknown"
    if list(first_of) == ["flux"]:
        unit = normalisation.unit
        if start is not None and start.unit in ("flux", "surface_brightness"):
            unit = start.unit
    if start is not None and unit != start.unit and (needs_unit or "picture" in (unit, start.unit)):
        raise BandMismatch(
            f"The initial run was trained on cutouts that are {UNITS_IN_WORDS[start.unit or 'unknown']}, but "
            f"those of {dataset.name} are {UNITS_IN_WORDS[unit]}. Train from scratch, or import the sources "
            "again with --zero-point."
        )
    return unit if start is None else start.unit
