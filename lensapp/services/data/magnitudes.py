"""Which magnitude tells how bright the cutouts of some sources are: light, as the command line loads it."""

from collections.abc import Sequence

from lensapp.core.brightness import preferred_magnitude
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace

LOOKED_AT = 1000  # cutouts whose properties tell which magnitudes there are


def magnitude_name(ws: Workspace, source_ids: Sequence[int], *, labelled_only: bool = False) -> str | None:
    """Return the column of magnitudes by which classes of cutouts are compared, None without any."""
    first = sources.cutout_columns(
        ws.database, source_ids, columns=("properties",), labelled_only=labelled_only, limit=LOOKED_AT
    )
    return preferred_magnitude({key for properties in first["properties"] for key in properties})
