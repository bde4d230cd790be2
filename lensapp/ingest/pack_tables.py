"""What HDF5 and npz files of many cutouts say of each: positions, classes, labels and other columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from lensapp.core.data.column_names import require_column
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.catalogues import Catalogue, catalogue_of
from lensapp.ingest.formats.array_files import open_arrays
from lensapp.ingest.formats.table_files import TableFile
from lensapp.ingest.recipe import Candidate

WARNINGS_LISTED = 3


@dataclass(frozen=True)
class PackTable:
    """The columns of one file, a row per cutout, and the names of arrays that could not be read."""

    table: TableFile
    rows: int
    unread: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path, key: str | None, rows: int) -> Self:
        """Read the columns of a file of `rows` cutouts; `key` names the array of pixels, as for the import.

        Raises
        ------
        Refused
            When the file cannot be read.
        """
        arrays = open_arrays(path)
        columns, units, unread = arrays.columns(rows, arrays.pixel_key(key))
        return cls(TableFile(list(columns), columns, units), rows, tuple(unread))


def refuse_columns_of_none(spec: IngestSpec) -> None:
    """Refuse settings that name columns where neither a catalogue nor the files have any.

    Raises
    ------
    InvalidInput
        When a column of labels or positions is named.
    """
    asked = {"--labels": spec.label_column, "--ra-column": spec.ra_column, "--dec-column": spec.dec_column}
    for option, column in asked.items():
        if column:
            raise InvalidInput(
                f"{option} {column} names a column, but there is no catalogue, and the files hold no columns "
                "as HDF5 and npz files of many cutouts do. Give the table with --catalogue."
            )


def pack_catalogue(
    root: Path, packs: Mapping[str, PackTable], candidates: Sequence[Candidate], spec: IngestSpec
) -> tuple[Catalogue | None, list[str]]:
    """Join what files say of their cutouts to one catalogue with a row per cutout, or None if it is nothing.

    What is worth a warning is returned beside it.

    Each file is read by itself: its units and the names of its columns hold for its own rows.

    Raises
    ------
    InvalidInput
        When no file has a column that was asked for, or a label could mean either.
    """
    names = list(dict.fromkeys(name for pack in packs.values() for name in pack.table.columns))
    if not names:
        refuse_columns_of_none(spec)
    asked = {
        "label_column": (spec.label_column, "--labels"),
        "ra_column": (spec.ra_column, "--ra-column"),
        "dec_column": (spec.dec_column, "--dec-column"),
    }
    wanted = {
        setting: require_column(names, column, option)
        for setting, (column, option) in asked.items()
        if column and packs
    }
    warnings: list[str] = []
    parts: dict[str, Catalogue] = {}
    for name, pack in packs.items():
        if pack.unread:
            warnings.append(
                f"Arrays of {name} cannot be read and are left out: {', '.join(pack.unread[:6])}."
            )
        of_file = {setting: column for setting, column in wanted.items() if column in pack.table.columns}
        if absent := sorted(set(wanted.values()) - set(of_file.values())):
            warnings.append(f"{name} holds no array {', '.join(absent)}.")
        if "ra_column" not in of_file:
            of_file.pop("dec_column", None)
        if pack.table.columns:
            parts[name] = catalogue_of(
                pack.table,
                root / name,
                label_threshold=spec.label_threshold,
                label_meanings=spec.meanings_of_labels(),
                **of_file,
            )
            warnings += parts[name].warnings
    if len(warnings) > WARNINGS_LISTED:
        others = len(warnings) - WARNINGS_LISTED
        warnings = [*warnings[:WARNINGS_LISTED], f"There are {others} more warnings of this kind."]
    return _joined(root, packs, parts, candidates) if parts else None, warnings


def _joined(
    root: Path,
    packs: Mapping[str, PackTable],
    parts: Mapping[str, Catalogue],
    candidates: Sequence[Candidate],
) -> Catalogue:
    """Return the catalogues of all files as one, the rows of a file after those of the file before it."""
    names = dict.fromkeys(name for part in parts.values() for name in part.columns)
    whole = Catalogue(
        path=root, columns={name: [] for name in names}, ids=[], files=[], labels=[],
        ra_deg=np.empty(0), dec_deg=np.empty(0),
    )  # fmt: skip
    starts: dict[str, int] = {}
    right_ascensions, declinations = [], []
    for file, pack in packs.items():
        starts[file] = len(whole.labels)
        part, nothing = parts.get(file), [None] * pack.rows
        for name, cells in whole.columns.items():
            cells.extend(part.columns.get(name, nothing) if part else nothing)
        whole.labels += part.labels if part else nothing
        right_ascensions.append(part.ra_deg if part else np.full(pack.rows, np.nan))
        declinations.append(part.dec_deg if part else np.full(pack.rows, np.nan))
        if part:
            # One name per meaning: what another file calls differently goes under the name of the first.
            for meaning, name in part.meanings.items():
                first = whole.meanings.setdefault(meaning, name)
                if first != name and first not in part.columns:
                    whole.columns[first][starts[file] :] = part.columns[name]
            whole.units = {**part.units, **whole.units}
            whole.position_columns = whole.position_columns or part.position_columns
    whole.ra_deg, whole.dec_deg = np.concatenate(right_ascensions), np.concatenate(declinations)
    whole.files = [None] * len(whole.labels)
    whole.ids = [None] * len(whole.labels)
    for candidate in candidates:
        file, place = candidate.files[0], candidate.row
        row = starts[file] + (place or 0)
        whole.places[file, place] = row
        whole.ids[row] = candidate.candidate_id
    return whole
