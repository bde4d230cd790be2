"""What is laid over a map of features: known lenses, graded candidates, the objects of any catalogue."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.sky import match_positions
from lensapp.core.errors import InvalidInput
from lensapp.ingest.catalogues import Catalogue, load_catalogue
from lensapp.ingest.gate.subprocesses import isolated_once
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, KnownLenses, match_known
from lensapp.services.score.features import sources_of
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.workspace import Workspace

MOST_DRAWN = 5_000  # points of one overlay
COLUMNS = ("id", "candidate_id", "ra_deg", "dec_deg")

Ids = NDArray[np.int64]


def known_overlay(
    ws: Workspace, name: str, known: KnownLenses, *, radius_arcsec: float = DEFAULT_RADIUS_ARCSEC
) -> Ids:
    """Return the cutouts of a source or a dataset version at known lenses."""
    columns = _cutouts(ws, _states(ws, name))
    names, _ = match_known(columns["ra_deg"], columns["dec_deg"], known, radius_arcsec=radius_arcsec)
    matched: Ids = columns["id"][names != ""]
    return matched


def catalogue_overlay(
    ws: Workspace, name: str, path: Path, *, radius_arcsec: float = DEFAULT_RADIUS_ARCSEC
) -> Ids:
    """Return the cutouts of a source or a dataset version that stand in a table, by ID or else by position.

    Raises
    ------
    InvalidInput
        When the table cannot be read, or has neither IDs nor positions of these cutouts.
    """
    table: Catalogue = isolated_once(load_catalogue, path)
    columns = _cutouts(ws, _states(ws, name))
    listed = {text for text in table.ids if text}
    by_id = np.fromiter((text in listed for text in columns["candidate_id"]), bool, len(columns["id"]))
    if by_id.any():
        matched: Ids = columns["id"][by_id]
        return matched
    placed = np.isfinite(table.ra_deg) & np.isfinite(table.dec_deg)
    if placed.any():
        index, _ = match_positions(
            columns["ra_deg"], columns["dec_deg"], table_ra_deg=table.ra_deg[placed],
            table_dec_deg=table.dec_deg[placed], radius_arcsec=radius_arcsec,
        )  # fmt: skip
        if (index >= 0).any():
            near: Ids = columns["id"][index >= 0]
            return near
    raise InvalidInput(
        f"No row of {path.name} has the ID of a cutout of {name}, nor lies within {radius_arcsec:g} arcsec "
        "of one. Choose another table."
    )


def _states(ws: Workspace, name: str) -> tuple[tuple[int, float], ...]:
    return tuple((source.id, source.created_at) for source in sources_of(ws, name))


@lru_cache(maxsize=2)
def _cutouts(ws: Workspace, states: tuple[tuple[int, float], ...]) -> dict[str, Any]:
    return cutout_columns(ws, [key for key, _ in states], columns=COLUMNS)
