"""Leaks of a frozen dataset version: objects that more than one of its parts shows."""

from typing import Any

from lensapp.core.align import rows_of
from lensapp.core.split.leakage import find_leaks
from lensapp.core.split.splits import SplitSpec
from lensapp.services.split.middle_of_larger import with_prints_of_middle
from lensapp.services.split.split_tables import TABLE_COLUMNS, as_table
from lensapp.storage import datasets, sources
from lensapp.storage.records import Dataset
from lensapp.storage.workspace import Workspace


def dataset_leaks(
    ws: Workspace, dataset: Dataset, *, group_radius_arcsec: float, near_duplicate_bits: int
) -> list[dict[str, Any]]:
    """Return the leaks of a version, whatever rules it was divided by.

    Returns
    -------
    list of dict
        For each reason `reason`, `title`, `cutouts` (of a later part that leak, by part), `objects`, and
        `pairs`: IDs of a cutout of the earlier and of the later part, and their distance.
    """
    rules = SplitSpec(
        group_radius_arcsec=group_radius_arcsec,
        near_duplicate_bits=near_duplicate_bits,
        same_id_is_same_object=(dataset.spec.get("split") or {}).get("same_id_is_same_object", True),
    )
    members = datasets.member_columns(ws.database, dataset.id)
    columns = sources.cutout_columns(ws.database, dataset.source_ids, columns=TABLE_COLUMNS)
    rows = rows_of(members["cutout_id"], columns["id"])
    of_version = [sources.source_by_id(ws.database, key) for key in dataset.source_ids]
    columns = with_prints_of_middle(ws, {name: column[rows] for name, column in columns.items()}, of_version)
    table = as_table(columns, {source.id: source.name for source in of_version})
    ids = members["cutout_id"]
    leaks = []
    for leak in find_leaks(table, members["part"], rules):
        pairs = [[int(ids[first]), int(ids[second]), distance] for first, second, distance in leak.pairs]
        leaks.append(leak.as_dict() | {"pairs": pairs})
    return leaks
