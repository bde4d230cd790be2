"""Match candidates by position with a table of known lenses that the user gives."""

import json
import shutil
import time
import uuid
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import write_json
from lensapp.core.data.column_names import require_column
from lensapp.core.data.sky import match_positions
from lensapp.core.errors import InvalidInput
from lensapp.ingest.catalogues import as_text, load_catalogue, plain
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.ingest.positions import degrees_per
from lensapp.storage.workspace import Workspace

DEFAULT_RADIUS_ARCSEC = 2.0
READ_SECONDS = 60  # for which a table that was replaced stays, for those who read it just then
LENSCAT = "lenscat"
LARGEST_RADIUS_ARCSEC = 3600.0


@dataclass(frozen=True)
class KnownTable:
    """A table of known lenses, or lenscat, and those of its columns that were named."""

    file: str
    radius_column: str | None = None
    ra_column: str | None = None
    dec_column: str | None = None


@dataclass(frozen=True, eq=False)
class KnownLenses:
    """Names and ICRS positions of known lenses, as many as have a position.

    `file` is the name of the table they come from, `table` how it is read again; `without_position` counts
    the rows left out. Where the table has a column of match radii, `radius_arcsec` holds them, NaN for the
    usual radius. `warnings` say what the user should know about the table.
    """

    table: KnownTable
    names: tuple[str, ...]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    without_position: int
    radius_arcsec: NDArray[np.float64] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name of the table, without folders."""
        return Path(self.table.file).name

    def radii(self, usual_arcsec: float) -> NDArray[np.float64] | float:
        """Return the radius of each, or the usual one for all."""
        if self.radius_arcsec is None:
            return usual_arcsec
        return np.where(np.isfinite(self.radius_arcsec), self.radius_arcsec, usual_arcsec)

    def __len__(self) -> int:
        return len(self.names)


def read_known_lenses(
    path: Path,
    *,
    radius_column: str | None = None,
    ra_column: str | None = None,
    dec_column: str | None = None,
) -> KnownLenses:
    """Read a table (CSV, ECSV, FITS, VOTable, Parquet) with positions and, if it has them, names.

    Columns are found by their usual names, or named; only names, positions and, where such a column is
    named, each one's own match radius are read, in the units that the table declares, else degrees and
    arcseconds.

    Raises
    ------
    InvalidInput
        When the file cannot be read, has no positions, or a radius is out of range.
    """
    load = partial(load_catalogue, ra_column=ra_column, dec_column=dec_column)
    table = isolated(load, Path(path))
    positioned = np.flatnonzero(np.isfinite(table.ra_deg) & np.isfinite(table.dec_deg))
    if not positioned.size:
        reason = " ".join(table.warnings) or f"Its columns are {', '.join(list(table.columns)[:12])}."
        raise InvalidInput(
            f"{table.path.name} has no columns ra and dec in degrees, or others that give positions. "
            f"{reason} Name those of the positions with --ra-column and --dec-column."
        )
    radii = None
    if radius_column is not None:
        column = require_column(list(table.columns), radius_column, "--radius-column")
        cells = [plain(cell) for cell in table.columns[column]]
        scale = 3600.0 * (degrees_per(table.unit_of(column)) or 1 / 3600)
        radii = scale * np.array(
            [np.nan if cell is None or isinstance(cell, str) else cell for cell in cells], float
        )
        words = [cell for cell in cells if isinstance(cell, str)]
        wrong = [*words, *radii[(radii < 0) | (radii > LARGEST_RADIUS_ARCSEC)].tolist()]
        if wrong:
            raise InvalidInput(
                f"The column {radius_column} of {table.path.name} holds {wrong[0]!r}, which is not a radius "
                f"from 0 to {LARGEST_RADIUS_ARCSEC:g} arcsec. Correct the table or name another column."
            )
        radii = radii[positioned]
    return KnownLenses(
        table=KnownTable(str(path), radius_column, ra_column, dec_column),
        names=tuple(as_text(table.ids[row]) or f"row {row + 1}" for row in positioned.tolist()),
        ra_deg=table.ra_deg[positioned],
        dec_deg=table.dec_deg[positioned],
        without_position=len(table) - len(positioned),
        radius_arcsec=radii,
        warnings=table.warnings,
    )


def load_known_lenses(
    table: Path | str,
    *,
    radius_column: str | None = None,
    ra_column: str | None = None,
    dec_column: str | None = None,
) -> KnownLenses:
    """Return the known lenses of a file, or of the package lenscat where that is installed.

    Raises
    ------
    InvalidInput
        When the file cannot be read or has no positions; when lenscat, whose columns are known and which
        has no radii, is asked for others, or is not installed.

    References
    ----------
    Vujeva et al. 2025, lenscat: a public and community-contributed catalogue of known strong lenses.
    """
    if str(table) != LENSCAT:
        path = Path(table)
        status = path.stat() if path.exists() else None
        # The time of the last change of any kind: an older file put in the place of a newer one counts.
        version = status and (status.st_ctime_ns, status.st_mtime_ns, status.st_size)
        return _read_once(KnownTable(str(table), radius_column, ra_column, dec_column), version)
    if radius_column is not None:
        raise InvalidInput(f"lenscat has no column of radii {radius_column!r}. Give one radius for all.")
    if ra_column is not None or dec_column is not None:
        raise InvalidInput("lenscat has its positions in columns of its own. Leave out those you named.")
    try:
        catalogue = import_module(LENSCAT).catalog
    except ImportError as error:
        raise InvalidInput(
            "The package lenscat is not installed. Install it with 'pip install -r "
            "requirements-lenscat.txt -c constraints.txt', or give a table of known lenses."
        ) from error
    ra, dec = (np.asarray(catalogue[axis], np.float64) for axis in ("RA", "DEC"))
    positioned = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    names = [str(name) for name in catalogue["name"]]
    return KnownLenses(
        KnownTable(LENSCAT),
        tuple(names[row] for row in positioned.tolist()),
        ra[positioned],
        dec[positioned],
        len(ra) - len(positioned),
    )


def match_known(
    ra_deg: NDArray[np.float64],
    dec_deg: NDArray[np.float64],
    known: KnownLenses,
    *,
    radius_arcsec: float = DEFAULT_RADIUS_ARCSEC,
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the name of the nearest known lens ("" for none) and its separation in arcseconds.

    A known lens with a radius of its own matches within that, the others within `radius_arcsec`.

    Raises
    ------
    InvalidInput
        When the radius is not between 0 and 3600 arcsec.
    """
    if not 0.0 <= radius_arcsec <= LARGEST_RADIUS_ARCSEC:
        raise InvalidInput(
            f"A radius of {radius_arcsec:g} arcsec is not between 0 and {LARGEST_RADIUS_ARCSEC:g} arcsec. "
            "Choose another."
        )
    index, separation = match_positions(
        ra_deg,
        dec_deg,
        table_ra_deg=known.ra_deg,
        table_dec_deg=known.dec_deg,
        radius_arcsec=known.radii(radius_arcsec),
    )
    name = np.array([*known.names, ""], object)[index]
    return name, separation


def keep_known_lenses(
    ws: Workspace,
    path: Path,
    *,
    radius_column: str | None = None,
    ra_column: str | None = None,
    dec_column: str | None = None,
) -> KnownLenses:
    """Read a table of known lenses and keep it in the workspace, in place of the one before.

    Raises
    ------
    InvalidInput
        When the file cannot be read or has no positions; the one before stays.
    """
    columns = {"radius_column": radius_column, "ra_column": ra_column, "dec_column": dec_column}
    read_known_lenses(path, **columns)
    # A folder of its own for each table, chosen by one write: whoever else keeps one now, or reads the one
    # before, meets a whole file.
    folder = _folder(ws) / uuid.uuid4().hex[:12]
    folder.mkdir(parents=True)
    shutil.copyfile(path, folder / path.name)
    write_json(_choice_file(ws), {"file": f"{folder.name}/{path.name}", **columns})
    for earlier in _folder(ws).iterdir():
        if earlier != folder and time.time() - earlier.stat().st_mtime > READ_SECONDS:
            shutil.rmtree(earlier, ignore_errors=True) if earlier.is_dir() else earlier.unlink()
    return load_known_lenses(folder / path.name, **columns)


def kept_known_lenses(ws: Workspace) -> KnownLenses | None:
    """Return the known lenses kept in the workspace, or None."""
    folder = _folder(ws)
    choice = json.loads(_choice_file(ws).read_text("utf-8")) if _choice_file(ws).exists() else {}
    if "file" in choice:
        columns = {name: choice.get(name) for name in ("radius_column", "ra_column", "dec_column")}
        return load_known_lenses(folder / choice["file"], **columns)
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    if not files:
        return None
    return load_known_lenses(files[0], radius_column=choice.get("radius_column"))  # of an earlier version


@lru_cache(maxsize=4)
def _read_once(table: KnownTable, _version: tuple[int, int, int] | None) -> KnownLenses:
    columns = {name: value for name, value in asdict(table).items() if name != "file"}
    return read_known_lenses(Path(table.file), **columns)


def _folder(ws: Workspace) -> Path:
    return ws.folder / "known-lenses"


def _choice_file(ws: Workspace) -> Path:
    """Return the file that says how the table of known lenses is read."""
    return ws.folder / "known-lenses.json"


def nearest_known(
    ra_deg: NDArray[np.float64],
    dec_deg: NDArray[np.float64],
    known: KnownLenses,
    *,
    radius_arcsec: float,
) -> list[dict[str, Any] | None]:
    """Return for each position the nearest known lens, or None beyond the radius.

    Returns
    -------
    list of {"name", "separation", "east", "north"}
        Separation and offset from the position, in arcseconds.
    """
    index, separation = match_positions(
        ra_deg, dec_deg, table_ra_deg=known.ra_deg, table_dec_deg=known.dec_deg, radius_arcsec=radius_arcsec
    )
    east = (known.ra_deg[index] - ra_deg + 180.0) % 360.0 - 180.0
    east = 3600.0 * east * np.cos(np.radians(dec_deg))
    north = 3600.0 * (known.dec_deg[index] - dec_deg)
    rows = zip(index.tolist(), separation.tolist(), east.tolist(), north.tolist(), strict=True)
    return [
        None if row < 0 else {"name": known.names[row], "separation": far, "east": to_east, "north": to_north}
        for row, far, to_east, to_north in rows
    ]
