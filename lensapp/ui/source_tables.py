"""Facts of a source as columns, read once: a source that is ready never changes."""

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core import imaging
from lensapp.services.gallery import sample_levels
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.records import Source
from lensapp.storage.rows import Columns
from lensapp.ui.state import get_workspace

SAMPLE = 256
COLUMNS = (
    "id",
    "row",
    "candidate_id",
    "ra_deg",
    "dec_deg",
    "label",
    "object_class",
    "parent",
    "position_from",
    "masked_fraction",
)
SHOWN = {
    "candidate_id": "candidate",
    "label": "label",
    "object_class": "class",
    "ra_deg": "ra (deg)",
    "dec_deg": "dec (deg)",
    "position_from": "position from",
    "parent": "parent",
    "masked_fraction": "masked",
}


def columns_of(source: Source) -> Columns:
    """Return the columns of COLUMNS for every cutout of a source."""
    return _columns(str(get_workspace().folder), source.id, source.created_at)


@lru_cache(maxsize=8)
def _columns(_folder: str, source_id: int, _created_at: float) -> Columns:
    return sources.cutout_columns(get_workspace().database, [source_id], columns=COLUMNS)


def table_of(source: Source) -> pd.DataFrame:
    """Return the catalogue of a source as a table for reading."""
    columns = columns_of(source)
    return pd.DataFrame({shown: columns[name] for name, shown in SHOWN.items()})


def labels_of(source: Source) -> NDArray[np.object_]:
    """Return "lens", "nonlens" or "unlabelled" for each cutout."""
    labels: NDArray[np.object_] = columns_of(source)["label"].copy()
    labels[[label is None for label in labels]] = "unlabelled"
    return labels


def sampled_pixels(source: Source) -> tuple[NDArray[np.float32], imaging.Levels]:
    """Return pixels of at most SAMPLE cutouts, evenly spread, and the levels of the source."""
    return _sampled(str(get_workspace().folder), source.name, source.id, source.created_at)


@lru_cache(maxsize=2)
def _sampled(
    _folder: str, name: str, source_id: int, created_at: float
) -> tuple[NDArray[np.float32], imaging.Levels]:
    packed = PackedCutouts.open(get_workspace().cutouts_folder(name))
    rows = _columns(_folder, source_id, created_at)["row"]
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(np.int64))
    return packed.read(rows[places]), sample_levels(packed)
