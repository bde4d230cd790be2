"""Write a catalogue and its votes in the formats of astronomy, with provenance in the header."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from astropy.io import fits, votable
from astropy.table import Table

from lensapp.core.catalogue.safe_text import escape
from lensapp.core.config import write_json
from lensapp.core.inspect.grades import COLOURS
from lensapp.core.numerals import ascii_signs, score_text
from lensapp.services.catalogue.export_tables import (
    CALIBRATED_SCORE,
    VOTE_MEANINGS,
    ColumnMeaning,
    TextRules,
    as_table,
    catalogue_meanings,
)
from lensapp.services.catalogue.provenance import Provenance

ENDINGS = (".csv", ".ecsv", ".fits", ".parquet", ".vot", ".reg")
MIME = {
    ".csv": "text/csv",
    ".ecsv": "text/plain",
    ".fits": "application/fits",
    ".parquet": "application/vnd.apache.parquet",
    ".vot": "application/x-votable+xml",
    ".reg": "text/plain",
    ".json": "application/json",
}
CATALOGUE, VOTES = 0, 1  # the parts of an export
REGION_RADIUS_ARCSEC = 3.0
FITS_KEYWORDS = {
    "program": "PROGRAM",
    "version": "VERSION",
    "date": "DATE",
    "source": "SOURCE",
    "run": "RUN",
    "network": "NETWORK",
    "dataset": "DATASET",
    "dataset_sha256": "DATASHA",
    "scores": "SCORES",
    "calibration": "CALIBRAT",
    "reviews": "REVIEWS",
    "filters": "FILTERS",
    "columns": "COLUMNS",
    "vetoes": "VETOES",
    "known_lenses": "KNOWN",
    "consensus": "CONSENS",
    "consensus_settings": "CONSSET",
    "grades": "GRADES",
    "positions": "POSITION",
    "warnings": "WARNINGS",
    "texts": "TEXTS",
}


class Part(NamedTuple):
    """One table of an export and what its columns mean."""

    name: str
    frame: pd.DataFrame
    meanings: dict[str, ColumnMeaning]

    def as_table(self, rules: TextRules) -> Table:
        """Return the part as a table with texts written by `rules`."""
        return as_table(self.frame, self.meanings, rules)


@dataclass(frozen=True, eq=False)
class Export:
    """A catalogue, every vote behind it, and where both come from.

    `meanings` are those of columns that the sources' catalogues brought.
    """

    catalogue: pd.DataFrame
    votes: pd.DataFrame
    provenance: Provenance
    meanings: Mapping[str, ColumnMeaning] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Part, Part]:
        """The catalogue and the votes."""
        meanings = catalogue_meanings(self.catalogue.drop(columns=list(self.meanings))) | dict(self.meanings)
        return Part("catalogue", self.catalogue, meanings), Part("votes", self.votes, VOTE_MEANINGS)

    def header(self, rules: TextRules) -> Provenance:
        """Return the provenance with a sentence on how texts are written."""
        return self.provenance | {"texts": rules.sentence()}


Write = Callable[[Export, Path], None]


def write_csv(export: Export, path: Path, *, part: int) -> None:
    """Write a part as CSV: UTF-8, texts quoted, missing values empty, no comment lines."""
    table = with_short_scores(export.parts[part].as_table(TextRules(neutralised=True)))
    columns = [
        [csv_cell(value) for value in (column if column.dtype == np.float32 else column.tolist())]
        for column in table.itercols()
    ]
    lines = [",".join(table.colnames), *(",".join(row) for row in zip(*columns, strict=True))]
    path.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def with_short_scores(table: Table) -> Table:
    """Let scores in text have the digits of single precision, in which networks give them: 0.1582794.

    Read in single precision they are what they were. Others, from a table of another program, keep all.
    """
    if "score" in table.colnames:
        scores = np.asarray(table["score"], np.float64)
        if np.array_equal(scores.astype(np.float32), scores, equal_nan=True):
            for name in {"score", CALIBRATED_SCORE} & {*table.colnames}:
                table[name] = table[name].astype(np.float32)
    return table


def csv_cell(value: object) -> str:
    """Return a value as a cell of CSV."""
    if isinstance(value, np.float32):
        return "" if np.isnan(value) else str(value)
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"' if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if isinstance(value, float) and math.isnan(value) else repr(value)


def write_provenance(export: Export, path: Path) -> None:
    """Write the provenance as JSON, for formats without a header."""
    write_json(path, export.header(TextRules(neutralised=True)))


def write_ecsv(export: Export, path: Path, *, part: int) -> None:
    """Write a part as ECSV with units, descriptions and provenance in its header."""
    rules = TextRules(neutralised=True)
    table = with_short_scores(export.parts[part].as_table(rules))
    table.meta.update(export.header(rules))
    table.write(path, format="ascii.ecsv", delimiter=",")


def write_parquet(export: Export, path: Path, *, part: int) -> None:
    """Write a part as Parquet with texts as they are and provenance in its metadata."""
    rules = TextRules(escaped=False)
    table = export.parts[part].as_table(rules)
    table.meta.update(export.header(rules))
    table.write(path, format="parquet")


def write_fits(export: Export, path: Path, *, part: int) -> None:
    """Write a part as the only extension of a FITS file; texts are ASCII as the standard asks.

    References
    ----------
    FITS standard 4.0, sections 4.2.1 and 7.3.3 (restricted to ASCII text).
    """
    rules = TextRules(ascii_only=True)
    primary = fits.PrimaryHDU()
    for name, value in export.header(rules).items():
        primary.header[FITS_KEYWORDS[name]] = escape(ascii_signs(value), ascii_only=True)
    written = export.parts[part]
    hdu = fits.BinTableHDU(written.as_table(rules), name=written.name.upper())
    for number, meaning in enumerate(written.meanings.values(), start=1):
        if meaning.ucd:
            hdu.header[f"TUCD{number}"] = meaning.ucd
        hdu.header[f"TCOMM{number}"] = meaning.description
    fits.HDUList([primary, hdu]).writeto(path, checksum=True)


def write_votable(export: Export, path: Path, *, part: int) -> None:
    """Write a part as the only table of a VOTable 1.4 with UCDs; provenance as INFO elements.

    References
    ----------
    IVOA VOTable 1.4; IVOA UCD1+ controlled vocabulary.
    """
    rules = TextRules()
    written = export.parts[part]
    file = votable.from_table(written.as_table(rules))
    resource = file.resources[0]
    for name, value in export.header(rules).items():
        resource.infos.append(votable.tree.Info(ID=None, name=name, value=escape(value)))
    [table] = resource.tables
    table.name, table.ID = written.name, written.name
    for column in table.fields:
        column.ucd = written.meanings[column.name].ucd or None
        column.ID = None  # a name need not be one that XML allows as an ID
    file.to_xml(str(path))


def write_regions(export: Export, path: Path) -> None:
    """Write the candidates with positions as DS9 circles, coloured by grade; the votes have no place here.

    References
    ----------
    DS9 reference manual, "Regions" (text may hold no braces, semicolons or line ends).
    """
    lines = ["# Region file format: DS9 version 4.1"]
    lines += [f"# {name}: {_plain(value)}" for name, value in export.provenance.items()]
    lines += ['global color=white font="helvetica 10 normal"', "icrs"]
    frame = export.catalogue
    placed = frame[np.isfinite(frame["ra"]) & np.isfinite(frame["dec"])]
    for row in placed.to_dict("records"):
        score = "" if np.isnan(row["score"]) else score_text(row["score"])
        caption = " ".join(part for part in (_plain(row["id"]), row["grade"], score) if part)
        lines.append(
            f'circle({row["ra"]:.7f},{row["dec"]:.7f},{REGION_RADIUS_ARCSEC:g}") '
            f"# color={COLOURS.get(row['grade'], 'white')} text={{{caption}}}"
        )
    path.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def _plain(text: str) -> str:
    return escape(text).translate(str.maketrans("{};", "(),"))


def files_of(out: Path) -> dict[Path, Write] | None:
    """Return the files that an export to `out` makes and what writes each; None for unknown endings."""
    votes = out.with_name(f"{out.stem}_votes{out.suffix}")
    notes = out.with_name(f"{out.stem}_provenance.json")
    of_both_parts: dict[str, Callable[..., None]] = {
        ".csv": write_csv,
        ".ecsv": write_ecsv,
        ".parquet": write_parquet,
        ".fits": write_fits,
        ".vot": write_votable,
    }
    ending = out.suffix.lower()
    if ending == ".reg":
        return {out: write_regions}
    if ending not in of_both_parts:
        return None
    write = of_both_parts[ending]
    files: dict[Path, Write] = {out: partial(write, part=CATALOGUE), votes: partial(write, part=VOTES)}
    return files | ({notes: write_provenance} if ending == ".csv" else {})
