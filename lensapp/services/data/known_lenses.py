"""Match candidates by position with a table of known lenses that the user gives."""

import json
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.acting import needs
from lensapp.core.config import write_json
from lensapp.core.data.candidate_ids import clean_name
from lensapp.core.data.column_names import require_column
from lensapp.core.data.sky import match_positions, sky_groups
from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import counted
from lensapp.ingest.catalogues import Catalogue, as_text, load_catalogue, plain
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.ingest.positions import degrees_per
from lensapp.storage.care.trail import note_change
from lensapp.storage.workspace import Workspace

DEFAULT_RADIUS_ARCSEC = 2.0
READ_SECONDS = 60  # for which a table that was replaced stays, for those who read it just then
LENSCAT = "lenscat"
OF_JOBS = "of-jobs"  # the folder of copies that jobs read
KIND = "known lenses"  # in the trail
LARGEST_RADIUS_ARCSEC = 3600.0
SAME_LENS_ARCSEC = 2.0
MOST_OFFERED = 200
COLUMNS = ("radius_column", "ra_column", "dec_column")
FILTERS = ("grades", "types", "references")
FILTER_COLUMNS = {
    "grade": ("grading", "grade", "confidence", "quality", "rank", "class_grade"),
    "type": ("type", "lens_type", "lenstype", "kind", "lens_kind", "system_type"),
    "reference": ("ref", "reference", "references", "refs", "discovery", "bibcode", "paper", "survey"),
}
"""Usual names of the columns by which tables of known lenses are filtered; lenscat's first."""


@dataclass(frozen=True)
class KnownTable:
    """A table of known lenses, or lenscat, its columns that were named, and what is taken of it."""

    file: str
    radius_column: str | None = None
    ra_column: str | None = None
    dec_column: str | None = None
    grades: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def wanted(self) -> dict[str, tuple[str, ...]]:
        """What is taken of the table, by what it is filtered by."""
        asked = {"grade": self.grades, "type": self.types, "reference": self.references}
        return {what: words for what, words in asked.items() if words}

    def for_query(self) -> dict[str, Any]:
        """Return the fields of a catalogue query that name this table and how it is read."""
        columns = {name: getattr(self, name) for name in COLUMNS}
        return (
            {"known_lenses": self.file} | columns | {f"known_{name}": getattr(self, name) for name in FILTERS}
        )

    def in_words(self) -> str:
        """Return the filters as a reader is told them, empty for none."""
        return "; ".join(f"{what} {' or '.join(words)}" for what, words in self.wanted.items())


@dataclass(frozen=True, eq=False)
class KnownLenses:
    """Names and ICRS positions of known lenses, as many as have a position and pass the table's filters.

    A lens that stands in several rows, as in lists made of lists, counts once: rows within two arcseconds of
    each other have the name of the first, and `duplicates` counts the others. All their positions match.

    `file` is the name of the table they come from, `table` how it is read again; `without_position` counts
    the rows left out for that, `filtered_out` those that do not pass the filters. `offered` counts the values
    of grade, type and reference in the whole table. Where the table has a column of match radii,
    `radius_arcsec` holds them, NaN for the usual radius. `warnings` say what the user should know about it.
    """

    table: KnownTable
    names: tuple[str, ...]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    without_position: int
    radius_arcsec: NDArray[np.float64] | None = None
    warnings: tuple[str, ...] = ()
    duplicates: int = 0
    filtered_out: int = 0
    offered: dict[str, dict[str, int]] = field(default_factory=dict)

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
        return len(self.names) - self.duplicates


def read_known_lenses(
    path: Path,
    *,
    radius_column: str | None = None,
    ra_column: str | None = None,
    dec_column: str | None = None,
    grades: Sequence[str] = (),
    types: Sequence[str] = (),
    references: Sequence[str] = (),
) -> KnownLenses:
    """Read a table (CSV, ECSV, FITS, VOTable, Parquet) with positions and, if it has them, names.

    Columns are found by their usual names, or named; only names, positions and, where such a column is
    named, each one's own match radius are read, in the units that the table declares, else degrees and
    arcseconds.

    Parameters
    ----------
    grades, types, references
        Take only lenses of one of these grades and one of these types, in any case of letters, and with one
        of these texts in their reference.

    Raises
    ------
    InvalidInput
        When the file cannot be read, has no positions, a radius is out of range, or nothing passes a filter.
    """
    load = partial(load_catalogue, ra_column=ra_column, dec_column=dec_column, needs_names=False)
    table = isolated(load, Path(path))
    positioned = np.flatnonzero(np.isfinite(table.ra_deg) & np.isfinite(table.dec_deg))
    if not positioned.size:
        reason = " ".join(table.warnings) or f"Its columns are {', '.join(list(table.columns)[:12])}."
        raise InvalidInput(
            f"{table.path.name} has no columns ra and dec in degrees, or others that give positions. "
            f"{reason} Name those of the positions with --ra-column and --dec-column."
        )
    described = KnownTable(
        str(path), radius_column, ra_column, dec_column, tuple(grades), tuple(types), tuple(references)
    )
    columns = {name: [plain(cell) for cell in cells] for name, cells in table.columns.items()}
    kept = _filtered(columns, described)[positioned]
    radii = None if radius_column is None else _radii(table, radius_column)[positioned][kept]
    rows = positioned[kept]
    return _merged(
        KnownLenses(
            table=described,
            names=tuple(clean_name(as_text(table.ids[row])) or f"row {row + 1}" for row in rows.tolist()),
            ra_deg=table.ra_deg[rows],
            dec_deg=table.dec_deg[rows],
            without_position=len(table) - len(positioned),
            radius_arcsec=radii,
            warnings=table.warnings,
            filtered_out=len(positioned) - len(rows),
            offered=_offered(columns),
        )
    )


def _radii(table: Catalogue, radius_column: str) -> NDArray[np.float64]:
    """Return each row's own match radius in arcseconds, NaN where its cell is empty.

    Raises
    ------
    InvalidInput
        When there is no such column, or a radius is out of range.
    """
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
    return radii


def _filter_column(columns: Mapping[str, Sequence[Any]], what: str) -> str | None:
    """Return the column of grades, types or references by its usual names."""
    plain_names = {name.strip().lstrip("#").strip().lower().replace(" ", "_"): name for name in columns}
    return next((plain_names[alias] for alias in FILTER_COLUMNS[what] if alias in plain_names), None)


def _offered(columns: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, int]]:
    """Return how often each grade, type and reference stands in a table, the most frequent first."""
    counted = {what: _filter_column(columns, what) for what in FILTER_COLUMNS}
    return {
        what: dict(
            Counter(text for cell in columns[name] if (text := as_text(cell))).most_common(MOST_OFFERED)
        )
        for what, name in counted.items()
        if name is not None
    }


def _filtered(columns: Mapping[str, Sequence[Any]], table: KnownTable) -> NDArray[np.bool_]:
    """Return which rows pass the filters of a table.

    Raises
    ------
    InvalidInput
        When the table has no such column, or no row passes.
    """
    keep = np.ones(len(next(iter(columns.values()), ())), bool)
    for what, words in table.wanted.items():
        name = _filter_column(columns, what)
        if name is None:
            raise InvalidInput(
                f"{Path(table.file).name} has no column of the {what} "
                f"(called {', '.join(FILTER_COLUMNS[what])}), only {', '.join(list(columns)[:12])}. "
                "Leave the filter out, or rename a column."
            )
        asked = [word.strip().casefold() for word in words]
        texts = [(as_text(cell) or "").casefold() for cell in columns[name]]
        if what == "reference":
            keep &= [any(word in text for word in asked) for text in texts]
        else:
            keep &= [text in asked for text in texts]
        if not keep.any():
            there = ", ".join(f"{value} ({count})" for value, count in [*_offered(columns)[what].items()][:8])
            raise InvalidInput(
                f"No known lens of {Path(table.file).name} passes the filter {table.in_words()}. "
                f"Its column {name} holds {there or 'nothing'}."
            )
    return keep


def _merged(known: KnownLenses) -> KnownLenses:
    """Give rows at one place the name of the first, and count the others."""
    groups = sky_groups(known.ra_deg, known.dec_deg, radius_arcsec=SAME_LENS_ARCSEC)
    _, first, of_group = np.unique(groups, return_index=True, return_inverse=True)
    names = tuple(known.names[row] for row in first[of_group].tolist())
    return replace(known, names=names, duplicates=len(names) - len(first))


def load_known_lenses(
    table: Path | str,
    *,
    radius_column: str | None = None,
    ra_column: str | None = None,
    dec_column: str | None = None,
    grades: Sequence[str] = (),
    types: Sequence[str] = (),
    references: Sequence[str] = (),
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
    described = KnownTable(
        str(table), radius_column, ra_column, dec_column, tuple(grades), tuple(types), tuple(references)
    )
    if str(table) != LENSCAT:
        path = Path(table)
        status = path.stat() if path.exists() else None
        # The time of the last change of any kind: an older file put in the place of a newer one counts.
        version = status and (status.st_ctime_ns, status.st_mtime_ns, status.st_size)
        return _read_once(described, version)
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
    positioned = np.isfinite(ra) & np.isfinite(dec)
    columns = {str(name): [*catalogue[name]] for name in getattr(catalogue, "colnames", catalogue)}
    rows = np.flatnonzero(positioned & _filtered(columns, described))
    return _merged(
        KnownLenses(
            described,
            tuple(clean_name(columns["name"][row]) or f"row {row + 1}" for row in rows.tolist()),
            ra[rows],
            dec[rows],
            int(np.count_nonzero(~positioned)),
            filtered_out=int(np.count_nonzero(positioned)) - len(rows),
            offered=_offered(columns),
        )
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


@needs("work")
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
    columns: dict[str, Any] = {
        "radius_column": radius_column, "ra_column": ra_column, "dec_column": dec_column,
    }  # fmt: skip
    read_known_lenses(path, **columns)
    # A folder of its own for each table, chosen by one write: whoever else keeps one now, or reads the one
    # before, meets a whole file.
    before = _folder(ws) / Path(_choice(ws).get("file", "")).parent
    folder = _folder(ws) / uuid.uuid4().hex[:12]
    folder.mkdir(parents=True)
    shutil.copyfile(path, folder / path.name)
    write_json(_choice_file(ws), {"file": f"{folder.name}/{path.name}", **columns})
    known = load_known_lenses(folder / path.name, **columns)
    note_change(ws.database, "kept", kind=KIND, name=path.name, detail=counted(len(known), "lens"))
    if before != _folder(ws) and before.exists():
        before.touch()  # replaced just now, however long ago it came
    for earlier in _folder(ws).iterdir():
        if (
            earlier not in (folder, _folder(ws) / OF_JOBS)
            and time.time() - earlier.stat().st_mtime > READ_SECONDS
        ):
            shutil.rmtree(earlier, ignore_errors=True) if earlier.is_dir() else earlier.unlink()
    return known


def copy_for_job(ws: Workspace, table: str, *, in_use: Sequence[str]) -> str:
    """Return a copy of a table of known lenses, under its content, for a job that reads it at a later time.

    Copies that are not `in_use` by other jobs are removed. lenscat, and a file that is not there, stay named.
    """
    path, folder = Path(table).expanduser(), _folder(ws) / OF_JOBS
    for earlier in folder.iterdir() if folder.is_dir() else ():
        is_read = any(Path(one).parent == earlier for one in in_use)
        if not is_read and time.time() - earlier.stat().st_mtime > READ_SECONDS:
            shutil.rmtree(earlier, ignore_errors=True)
    if table == LENSCAT or not path.is_file():
        return table
    content = path.read_bytes()
    copy = folder / sha256(content).hexdigest()[:16] / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        partly = copy.with_name(f".{uuid.uuid4().hex}")
        partly.write_bytes(content)
        partly.replace(copy)
    copy.parent.touch()  # it is in use from now on, though no job names it yet
    return str(copy)


@needs("work")
def filter_kept_lenses(
    ws: Workspace, *, grades: Sequence[str] = (), types: Sequence[str] = (), references: Sequence[str] = ()
) -> None:
    """Take only some lenses of the table that the workspace keeps, from now on; nothing for all.

    Raises
    ------
    InvalidInput
        When the table has no such column, or none is left; the filters before stay.
    """
    choice = _choice(ws)
    choice |= {"grades": list(grades), "types": list(types), "references": list(references)}
    columns = {name: choice.get(name) for name in COLUMNS}
    known = load_known_lenses(
        _folder(ws) / choice["file"], **columns, grades=grades, types=types, references=references
    )
    write_json(_choice_file(ws), choice)
    told = known.table.in_words() or "all of them"
    note_change(ws.database, "filtered", kind=KIND, name=Path(known.file).name, detail=told)


def kept_known_lenses(ws: Workspace) -> KnownLenses | None:
    """Return the known lenses kept in the workspace, or None."""
    choice = _choice(ws)
    if "file" not in choice:
        return None
    columns: dict[str, Any] = {name: choice.get(name) for name in COLUMNS}
    columns |= {name: tuple(choice.get(name) or ()) for name in FILTERS}
    return load_known_lenses(_folder(ws) / choice["file"], **columns)


def _choice(ws: Workspace) -> dict[str, Any]:
    """Return which table is kept, as "file", and how it is read; without "file" where none is."""
    folder, file = _folder(ws), _choice_file(ws)
    choice: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if "file" not in choice and folder.is_dir():  # of an earlier version
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        choice |= {"file": names[0]} if names else {}
    return choice


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
