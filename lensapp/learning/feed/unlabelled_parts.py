"""Cutouts of a source whose labels are not looked at, without those that are kept for measuring."""

import numpy as np

from lensapp.core.align import rows_of
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.split.folds import Fold
from lensapp.core.train.normalisation import NetworkUnit
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.feed.dataset_parts import joined_cutouts
from lensapp.storage import datasets, sources
from lensapp.storage.records import Dataset
from lensapp.storage.workspace import Workspace


def unlabelled_part(
    workspace: Workspace,
    dataset: Dataset,
    source_name: str | None,
    *,
    fold: Fold | None = None,
    unit: NetworkUnit | None = None,
    size: tuple[int, int] | None = None,
) -> LabelledCutouts:
    """Return the cutouts of a source, or of those of a dataset version, as if all had the label 0.

    Left out are the version's validation and test cutouts, and those of any second test part.

    Parameters
    ----------
    source_name
        None for the sources of the version.
    fold, unit, size
        As `lensapp.learning.feed.dataset_parts.dataset_part` takes them.

    Raises
    ------
    InvalidInput
        When no cutout is left.
    BandMismatch
        When the source lacks a band of the version.
    """
    if source_name is None:
        used = [sources.source_by_id(workspace.database, key) for key in dataset.source_ids]
    else:
        used = [sources.get_source(workspace.database, source_name)]
    for source in used:
        if not {*source.bands} >= {*dataset.bands}:
            raise BandMismatch(
                f"{source.name} has the bands {','.join(source.bands)}, but {dataset.name} has "
                f"{','.join(dataset.bands)}. Import it again with these bands."
            )
    columns = sources.cutout_columns(
        workspace.database, [source.id for source in used], columns=("id", "source_id", "row")
    )
    ids = columns["id"].astype(np.int64)
    free = ~np.isin(ids, datasets.held_out_cutouts(workspace.database, dataset, fold=fold))
    if not free.any():
        names = ", ".join(source.name for source in used) or dataset.name
        raise InvalidInput(
            f"All cutouts of {names} are kept for validation and tests, so that none is left to learn from "
            "without labels. Name another source."
        )
    if size is None and dataset.source_ids:
        first = sources.source_by_id(workspace.database, dataset.source_ids[0])
        size = first.height, first.width
    joined = joined_cutouts(workspace, dataset, used, unit=unit, size=size)
    offset = joined.offsets[rows_of(columns["source_id"], [source.id for source in used])]
    return LabelledCutouts(
        cutouts=joined,
        rows=(columns["row"].astype(np.int64) + offset)[free],
        labels=np.zeros(int(free.sum()), np.int8),
        bands=dataset.bands,
        pixel_scale_arcsec=used[0].pixel_scale_arcsec,
        cutout_ids=ids[free],
        unit=unit,
    )
