"""Read the positions of a table in ICRS degrees, whatever their columns' names, units and spelling."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.column_names import require_column
from lensapp.core.data.position_names import (
    PositionNames,
    position_like,
    position_pairs,
    sexagesimal_parts,
    unit_in_name,
)
from lensapp.core.data.sky import separation_arcsec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.table_files import TableFile

Degrees = NDArray[np.float64]

DEG_PER_HOUR = 15.0
UNITS = {
    "deg": 1.0, "degree": 1.0, "degrees": 1.0, "°": 1.0, "d": 1.0, "dd": 1.0, "decimal": 1.0,
    "rad": 180.0 / np.pi, "radian": 180.0 / np.pi, "radians": 180.0 / np.pi,
    "hourangle": DEG_PER_HOUR, "h": DEG_PER_HOUR, "hr": DEG_PER_HOUR, "hrs": DEG_PER_HOUR,
    "hour": DEG_PER_HOUR, "hours": DEG_PER_HOUR,
    "arcmin": 1 / 60, "arcminute": 1 / 60, "arcminutes": 1 / 60, "'": 1 / 60,
    "arcsec": 1 / 3600, "arcsecond": 1 / 3600, "arcseconds": 1 / 3600, "asec": 1 / 3600, '"': 1 / 3600,
    "mas": 1 / 3.6e6, "marcsec": 1 / 3.6e6,
}  # fmt: skip
"""Degrees in one of each unit of angle."""
MINUS = "\u2212"
SEXAGESIMAL = frozenset({"h:m:s", "d:m:s", "hms", "dms", "hh:mm:ss", "dd:mm:ss"})
FULL_TURN_DEG, RIGHT_ANGLE_DEG = 360.0, 90.0
FARTHEST_RA_DEG = 720.0  # two turns; what lies beyond is no right ascension but a no-data value
DISAGREEMENT_ARCSEC = 1.0
LIKELY_ROWS = 20  # so many rows are needed to suspect another unit than degrees

_ANGLE = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<whole>\d{1,3})\s*(?P<mark>[h:d°\s])\s*(?P<minutes>\d{1,2}(?:\.\d*)?)"
    r"(?:\s*[m:'′\s]\s*(?P<seconds>\d{1,2}(?:\.\d*)?))?\s*(?:s|\"|″|''|m|'|′)?"
)


@dataclass(frozen=True, eq=False)
class Positions:
    """Positions of the rows of a table, NaN where a row has none.

    Attributes
    ----------
    ra_deg, dec_deg : shape (n,)
        ICRS degrees; right ascension from 0 up to 360.
    columns
        The columns that they come from.
    warnings
        What the user should know about them, one sentence each.
    """

    ra_deg: Degrees
    dec_deg: Degrees
    columns: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def none(cls, rows: int, columns: tuple[str, ...] = (), warnings: tuple[str, ...] = ()) -> Self:
        """Return what a table of so many rows without positions has, and why."""
        return cls(np.full(rows, np.nan), np.full(rows, np.nan), columns, warnings)


def degrees_per(unit: str) -> float | None:
    """Return how many degrees a unit of angle has, or None for units of something else."""
    plain = unit.strip().strip("\"'").strip().lower() or unit.strip()
    first = re.split(r"[\s,;(]", plain)[0]
    return UNITS.get(plain, UNITS.get(first))


def read_positions(
    table: TableFile,
    *,
    file: str,
    ra_column: str | None = None,
    dec_column: str | None = None,
    id_column: str | None = None,
) -> Positions:
    """Find the columns of positions and read them.

    Parameters
    ----------
    table
        The table, its units declared or in the names of its columns; degrees where nothing says otherwise.
    file
        Its name, for warnings.
    ra_column, dec_column
        Columns to read instead of those with usual names; one column may hold both as text.
    id_column
        The column of the IDs: positions with the same ending in their names go first.

    Raises
    ------
    InvalidInput
        When a column that was asked for does not exist or holds no positions.
    """
    names = list(table.columns)
    if ra_column or dec_column:
        ra = require_column(names, ra_column or dec_column or "", "--ra-column")
        dec = require_column(names, dec_column, "--dec-column") if dec_column and ra_column else None
        asked = _read_pair(table, PositionNames(ra, dec), file)
        if not np.isfinite(asked.ra_deg).any():
            raise InvalidInput(
                f"The columns {' and '.join(asked.columns)} of {file} give no position "
                f"({' '.join(asked.warnings)}). Name the columns of right ascension and declination."
            )
        return asked
    readings = [_read_pair(table, pair, file) for pair in position_pairs(names, id_column=id_column)]
    readings += _from_parts(table, file)
    usable = [reading for reading in readings if np.isfinite(reading.ra_deg).any()]
    if usable:
        first = usable[0]
        for other in usable[1:]:
            both = np.isfinite(first.ra_deg) & np.isfinite(other.ra_deg)
            apart = separation_arcsec(
                first.ra_deg[both], first.dec_deg[both], other.ra_deg[both], other.dec_deg[both]
            )
            count = int(np.count_nonzero(apart > DISAGREEMENT_ARCSEC))
            if count:
                doubt = (
                    f"Positions are those of {', '.join(first.columns)}; {', '.join(other.columns)} differ "
                    f"by up to {apart.max():.3g} arcsec in {count} rows. Choose with --ra-column and "
                    "--dec-column."
                )
                return Positions(first.ra_deg, first.dec_deg, first.columns, (*first.warnings, doubt))
        return first
    failed = readings[0].warnings if readings else ()
    like = position_like(names)
    if not readings and like:
        failed = (
            f"{file} gives no positions: the column{'s' * (len(like) > 1)} {', '.join(like[:6])} "
            f"{'look' if len(like) > 1 else 'looks'} like positions, but which is right ascension and which "
            "declination (ICRS) is not known. Name them with --ra-column and --dec-column.",
        )
    return Positions.none(len(table), warnings=failed)


def position_of(
    ra: object, dec: object, *, units: tuple[str | None, str | None] = (None, None)
) -> tuple[float, float] | None:
    """Return one position in degrees, None for what is none; of text that is sexagesimal units are not asked.

    Parameters
    ----------
    ra, dec
        Numbers in degrees or in `units`; or text, of which a sexagesimal right ascension is in hours.
    """
    cells = [_plain_number(cell) for cell in (ra, dec)]
    of_cells = [None if isinstance(cell, str) else unit for cell, unit in zip(cells, units, strict=True)]
    in_degrees = [
        float(_degrees([cell], unit, hours=hours)[0])
        for cell, unit, hours in zip(cells, of_cells, (True, False), strict=True)
    ]
    if not (abs(in_degrees[0]) <= FULL_TURN_DEG and abs(in_degrees[1]) <= RIGHT_ANGLE_DEG):
        return None
    return in_degrees[0] % FULL_TURN_DEG, in_degrees[1]


def _plain_number(cell: object) -> object:
    """Return a text that is one number as that number; header cards may hold it in quotes."""
    try:
        return float(cell) if isinstance(cell, str) else cell
    except ValueError:
        return cell


def _read_pair(table: TableFile, pair: PositionNames, file: str) -> Positions:
    """Read one pair of columns, or one column that holds both as text."""
    if pair.dec is None:
        halves = [_halves(cell) for cell in table.columns[pair.ra]]
        cells: tuple[Sequence[Any], Sequence[Any]] = [ra for ra, _ in halves], [dec for _, dec in halves]
        columns: tuple[str, ...] = (pair.ra,)
    else:
        cells = table.columns[pair.ra], table.columns[pair.dec]
        columns = (pair.ra, pair.dec)
    units: list[str | None] = []
    for name in (pair.ra, pair.dec or pair.ra):
        named = unit_in_name(name)
        units.append(table.units.get(name) or (named if named and _is_angle(named) else None))
    foreign = next((unit for unit in units if unit and not _is_angle(unit)), None)
    if foreign:
        text = (
            f"{file} gives no positions: {', '.join(columns)} are in {foreign!r}, which is no unit of angle."
        )
        return Positions.none(len(table), columns, (text,))
    ra, dec = (
        _degrees(values, unit, hours=hours)
        for values, unit, hours in zip(cells, units, (True, False), strict=True)
    )
    return _checked(ra, dec, cells, columns, file, is_declared=any(units))


def _is_angle(unit: str) -> bool:
    return unit.strip().strip('"').lower() in SEXAGESIMAL or degrees_per(unit) is not None


def _checked(
    ra: Degrees,
    dec: Degrees,
    cells: Sequence[Sequence[Any]],
    columns: tuple[str, ...],
    file: str,
    *,
    is_declared: bool,
) -> Positions:
    """Take right ascension modulo 360 and leave out what is no position, with a warning that counts it."""
    with np.errstate(invalid="ignore"):
        valid = (np.abs(ra) <= FARTHEST_RA_DEG) & (np.abs(dec) <= RIGHT_ANGLE_DEG)
        valid &= ~((ra == -1.0) & (dec == -1.0))  # how some catalogues say that there is none
    warnings = []
    if not valid.all():
        row = int(np.argmin(valid))
        held = ", ".join(repr("" if values[row] is None else values[row]) for values in cells)
        count = int(np.count_nonzero(~valid))
        warnings.append(
            f"{count} of {len(ra)} rows of {file} gave no position: row {row + 1}, for one, holds {held} in "
            f"{', '.join(columns)}."
        )
    if not is_declared and (unit := _likely_unit(ra[valid], dec[valid])):
        warnings.append(
            f"{', '.join(columns)} of {file} were read as degrees, but all lie in the range of {unit}. "
            f"Declare the unit if they are {unit}, as in 'ra [{unit}]'."
        )
    turned = np.mod(np.where(valid, ra, np.nan), FULL_TURN_DEG)
    turned[turned == FULL_TURN_DEG] = 0.0  # a tiny negative number rounds up to it
    return Positions(turned, np.where(valid, dec, np.nan), columns, tuple(warnings))


def _likely_unit(ra: Degrees, dec: Degrees) -> str | None:
    """Return the unit that positions all over the sky may be in, if it is not degrees."""
    if len(ra) < LIKELY_ROWS:
        return None
    highest, spread, height = ra.max(), np.ptp(ra), np.ptp(dec)
    if ra.min() < 0:
        return None
    if highest <= 2 * np.pi and np.abs(dec).max() <= np.pi / 2 and spread > 3.0 and height > 1.0:
        return "rad"
    return "hours" if highest < 24.0 and spread > 12.0 and height > 60.0 else None


def _degrees(cells: Sequence[Any], unit: str | None, *, hours: bool) -> Degrees:
    """Return cells in degrees, NaN where they are no angle; sexagesimal right ascensions are in hours."""
    scale = (unit and degrees_per(unit)) or 1.0
    try:
        return np.array(cells, np.float64) * scale
    except (TypeError, ValueError):  # empty cells, words, sexagesimal
        pass
    in_degrees = not hours or (unit or "").lower() in ("deg", "degree", "degrees", "d:m:s", "dms")
    angles = [_angle(cell) for cell in cells]
    # Hours end before 24: a right ascension beyond is written in degrees, and so are those beside it.
    in_degrees |= any(wholes >= 24 or mark in "d°" for _, wholes, mark in angles if mark)
    factor = 1.0 if in_degrees else DEG_PER_HOUR
    return np.array([value * (factor if mark else scale) for value, _, mark in angles], np.float64)


def _angle(cell: object) -> tuple[float, int, str]:
    """Return a cell's number; of a sexagesimal one also its hours or degrees and the mark after them."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell), 0, ""
    text = str("" if cell is None else cell).strip().replace(MINUS, "-")
    try:
        return float(text.removesuffix("deg").removesuffix("°")), 0, ""
    except ValueError:
        match = _ANGLE.fullmatch(text)
    minutes, seconds = (float(match[part] or 0) if match else 99.0 for part in ("minutes", "seconds"))
    if match is None or minutes > 60.0 or seconds > 60.0:
        return np.nan, 0, ""
    value = int(match["whole"]) + minutes / 60 + seconds / 3600
    return (-value if match["sign"] == "-" else value), int(match["whole"]), match["mark"]


def _halves(cell: object) -> tuple[str, str]:
    """Return the right ascension and the declination of a text that holds both."""
    text = str("" if cell is None else cell).strip().strip("()[]").replace(MINUS, "-")
    words = [word for word in re.split(r"[,;]\s*|\s+", text) if word]
    half = len(words) // 2
    return (" ".join(words[:half]), " ".join(words[half:])) if words and len(words) % 2 == 0 else ("", "")


def _from_parts(table: TableFile, file: str) -> list[Positions]:
    """Read columns RAh, RAm, RAs, DE-, DEd, DEm, DEs, if the table has them."""
    parts = sexagesimal_parts(list(table.columns))
    if parts is None:
        return []

    def joined(names: Sequence[str], separate: Callable[[Sequence[Any]], str]) -> list[str]:
        return [separate(row) for row in zip(*(table.columns[name] for name in names), strict=True)]

    hours, degrees = parts
    cells = (
        joined(hours, lambda row: " ".join(map(_part, row))),
        joined(degrees, lambda row: "".join(map(_part, row[:-3])) + " ".join(map(_part, row[-3:]))),
    )
    ra, dec = _degrees(cells[0], "h:m:s", hours=True), _degrees(cells[1], "d:m:s", hours=False)
    return [_checked(ra, dec, cells, (*hours, *degrees), file, is_declared=True)]


def _part(cell: object) -> str:
    """Return hours, degrees or minutes without a fraction that is zero; a float column writes 7.0 for 7."""
    text = str("" if cell is None else cell).strip()
    return text.removesuffix(".0")
