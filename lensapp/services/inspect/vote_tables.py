"""Read tables of votes: ours with their texts restored, those of other tools by their columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lensapp.core.catalogue.safe_text import restore, unescape
from lensapp.core.inspect.vote_files import find_vote_columns, is_own_export
from lensapp.ingest.catalogues import as_text
from lensapp.ingest.formats.table_files import Columns, columns_of, read_columns, read_first_table
from lensapp.ingest.refusals import decoder_errors

NEUTRALISED = (".csv", ".ecsv", ".tsv", ".txt")
PLAIN = (".parquet", ".pq")
SECOND_TABLES = {".fits": "fits", ".fit": "fits", ".vot": "votable", ".votable": "votable", ".xml": "votable"}


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Votes of a file as texts by meaning; `own` tells whether `export` wrote them."""

    file: str
    columns: dict[str, str]
    cells: dict[str, list[str | None]]
    own: bool

    def __len__(self) -> int:
        return len(self.cells["id"])

    def row(self, place: int) -> dict[str, str | None]:
        """Return the texts of a row by meaning."""
        return {meaning: cells[place] for meaning, cells in self.cells.items()}


def read_vote_table(path: Path, *, given: Mapping[str, str | None]) -> VoteTable:
    """Read a table of votes; of our FITS and VOTable files the second one, which holds them.

    `given` names columns by meaning, as `lensapp.core.inspect.vote_files.find_vote_columns` takes them.

    Raises
    ------
    InvalidInput
        When the file cannot be read, or lacks columns of IDs or grades.
    """
    columns = _second_table(path) or read_columns(path)
    own = is_own_export(list(columns))
    found = find_vote_columns(list(columns), given)
    ending = path.suffix.lower()
    cells = {
        meaning: [_own_text(cell, ending) if own else as_text(cell) for cell in columns[name]]
        for meaning, name in found.items()
    }
    return VoteTable(path.name, found, cells, own)


def _second_table(path: Path) -> Columns | None:
    """Return the table called votes of a file with several tables, or None."""
    kind = SECOND_TABLES.get(path.suffix.lower())
    if kind is None:
        return None
    options = {"hdu": "VOTES"} if kind == "fits" else {"table_id": "votes"}
    try:
        return columns_of(read_first_table(path, kind, **options))
    except decoder_errors():
        return None  # one table only, or a damaged file: what reads it next says so


def _own_text(cell: object, ending: str) -> str | None:
    """Return a cell as it was before `export` made it safe for the format."""
    if cell is None or cell == "":
        return None
    if not isinstance(cell, str) or ending in PLAIN:
        return as_text(cell) if not isinstance(cell, str) else cell
    return unescape(restore(cell) if ending in NEUTRALISED else cell)
