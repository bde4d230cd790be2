"""The field of each object's own cutout, from a column of the catalogue."""

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.column_names import require_column
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.no_data import as_number
from lensapp.core.errors import InvalidInput
from lensapp.ingest.catalogues import Catalogue
from lensapp.ingest.positions import degrees_per

SMALLEST_PIXELS, LARGEST_PIXELS = 2.0, 4096.0


def field_arcsec(catalogue: Catalogue, spec: IngestSpec, *, tile_scale_arcsec: float) -> NDArray[np.float64]:
    """Return the side of each row's field in arcseconds, NaN where its cell is no size.

    Raises
    ------
    InvalidInput
        When there is no such column, or nothing tells its unit.
    """
    if spec.size_column is None:
        raise InvalidInput("No column of sizes was named. Name one with --size-column.")
    column = require_column(list(catalogue.columns), spec.size_column, "--size-column")
    values = np.array([as_number(cell) for cell in catalogue.columns[column]], float)
    unit = catalogue.units.get(column) or ""
    degrees = degrees_per(unit) if unit else None
    name = column.lower()
    if spec.size_unit == "arcsec" or (spec.size_unit == "auto" and degrees is None and "arcsec" in name):
        sides = values
    elif spec.size_unit == "auto" and degrees is not None:
        sides = values * degrees * 3600.0
    elif spec.size_unit == "pixels" or "pix" in name or str(unit).lower().startswith("pix"):
        sides = values * tile_scale_arcsec
    else:
        raise InvalidInput(
            f"Nothing tells whether the column {column} counts pixels or arcseconds. Say it with --size-unit."
        )
    pixels = sides / tile_scale_arcsec
    with np.errstate(invalid="ignore"):
        sane = (pixels >= SMALLEST_PIXELS) & (pixels <= LARGEST_PIXELS)
    return np.where(sane, sides, np.nan)
