"""What a training may look at without labels: whether it fits, and how much of it there is."""

from functools import lru_cache

import numpy as np

from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.split.second_test import reserved_cutouts, showing_same_object
from lensapp.services.split.split_tables import TABLE_COLUMNS
from lensapp.services.split.versions import split_spec_of
from lensapp.storage import datasets, sources
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.datasets import takes_middle_of
from lensapp.storage.records import Dataset, Source
from lensapp.storage.workspace import Workspace


def unlabelled_sources(ws: Workspace, dataset: Dataset, source_name: str | None) -> list[Source]:
    """Return the source of this name, or for None those of a dataset version."""
    if source_name is not None:
        return [sources.get_source(ws.database, source_name)]
    return [sources.source_by_id(ws.database, key) for key in dataset.source_ids]


def require_unlabelled(ws: Workspace, dataset: Dataset, spec: TrainingSpec) -> None:
    """Refuse a source of unlabelled cutouts that a training cannot or may not look at.

    Raises
    ------
    NotFound
        When there is no such source.
    InvalidInput
        When it is still being imported, all of its cutouts are kept for validation and tests, or others of
        them show objects of a second test part.
    BandMismatch
        When its bands or its size differ from those of the dataset version.
    """
    if not spec.looks_at_unlabelled:
        return
    used = unlabelled_sources(ws, dataset, spec.unlabelled_source)
    sizes = {(one.height, one.width) for one in unlabelled_sources(ws, dataset, None)}
    for source in used:
        sources.require_ready(source)
        fits = not sizes or (source.height, source.width) in sizes or takes_middle_of(dataset, source)
        if not {*source.bands} >= {*dataset.bands} or not fits:
            expected = ", ".join(f"{width}×{height}" for height, width in sizes) or "its"
            raise BandMismatch(
                f"{source.name} has the bands {','.join(source.bands)} and {source.width}×{source.height} "
                f"pixels, but a training on {dataset.name} sees {','.join(dataset.bands)} and {expected} "
                "pixels. Import it again with these."
            )
    reserved = reserved_cutouts(ws)
    wanted = TABLE_COLUMNS if len(reserved["id"]) else ("id",)
    columns = cutout_columns(ws, [one.id for one in used], columns=wanted)
    held_out = datasets.held_out_cutouts(ws.database, dataset, fold=spec.held_out)
    free = ~np.isin(columns["id"].astype(np.int64), held_out)
    if not free.any():
        raise InvalidInput(
            f"All cutouts of {', '.join(source.name for source in used)} are kept for validation and tests, "
            "so that none is left to learn from without labels. Name another source."
        )
    if not len(reserved["id"]):
        return
    free_columns = {name: column[free] for name, column in columns.items()}
    seen = int(showing_same_object(ws, free_columns, reserved, split_spec_of(dataset)).sum())
    if seen:
        raise InvalidInput(
            f"{seen} cutouts of {', '.join(source.name for source in used)} show objects of a second test "
            "part, which no training of this workspace may see, with labels or without. Name a source "
            "without them."
        )


@lru_cache(maxsize=64)
def unlabelled_count(ws: Workspace, dataset_name: str, source_name: str | None) -> int:
    """Return `count_unlabelled` of a version by its name, counted once per process."""
    return count_unlabelled(ws, datasets.get_dataset(ws.database, dataset_name), source_name)


def count_unlabelled(ws: Workspace, dataset: Dataset, source_name: str | None) -> int:
    """Return how many cutouts a training on a version looks at without labels."""
    keys = [source.id for source in unlabelled_sources(ws, dataset, source_name)]
    ids = cutout_columns(ws, keys, columns=("id",))["id"].astype(np.int64)
    return int((~np.isin(ids, datasets.held_out_cutouts(ws.database, dataset))).sum())
