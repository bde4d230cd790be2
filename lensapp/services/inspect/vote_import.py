"""Import votes from files: of other machines without duplicates, of other tools by their columns."""

import math
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from lensapp.core.catalogue.safe_text import restore, unescape
from lensapp.core.data.candidate_ids import storable
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.vote_files import (
    PANOPTES,
    client_of,
    find_vote_columns,
    grade_of,
    is_own_export,
    panoptes_votes,
    parse_time,
)
from lensapp.ingest.catalogues import as_text
from lensapp.ingest.formats.table_files import columns_of, read_columns, read_first_table
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.ingest.refusals import Refused
from lensapp.services.inspect.tokens import checked_inspector
from lensapp.services.inspect.vote_export import CANDIDATE
from lensapp.services.inspect.vote_reviews import TargetReview, target_reviews
from lensapp.services.inspect.votes import check_inspector
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace

LONGEST_CLIENT = 80
LONGEST_SECONDS = 86_400.0
LONGEST_COMMENT = 2000
TIME_STEP = 1e-3
CONTENT = ("inspector", "grade", "contaminant", "comment", "voted_at", "seconds_spent")
MOST_SEQ = 2**53
SAME = ("cutout_id", "grade")
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

    def row(self, row: int) -> dict[str, str | None]:
        """Return the texts of a row by meaning."""
        return {meaning: cells[row] for meaning, cells in self.cells.items()}


@dataclass(eq=False)
class _Import:
    """What becomes of the rows of a table."""

    table: VoteTable
    targets: dict[str | None, TargetReview]
    votes: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    already_there: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def read(self, grade_map: Mapping[str, str], *, inspector: str | None) -> None:
        """Read the votes; refuse rows that are none."""
        table, now = self.table, time.time()
        for row in range(len(table)):
            cells = table.row(row)
            target = self.targets[None] if None in self.targets else self.targets[cells["review"] or ""]
            try:
                vote = _vote(target, cells, grade_map, inspector=inspector, own=table.own)
            except InvalidInput as error:
                self.refused.append({"row": row + 1, "id": cells["id"] or "", "reason": str(error)})
                continue
            if vote["client"] is None or len(vote["client"]) > LONGEST_CLIENT:
                # Without a client and a running number of its own, a vote is known by its content.
                content = (vote[name] for name in CONTENT)
                client = client_of(target.name, cells["id"], *content)
                self.seen[client] += 1
                vote |= {"client": client, "seq": self.seen[client]}
            late = now - (len(table) - row) * TIME_STEP
            vote["voted_at"] = late if vote["voted_at"] is None else vote["voted_at"]
            vote["received_at"] = min(vote["received_at"] or now, now)
            self.votes.append(vote | {"row": row + 1, "target": target})

    def drop_duplicates(self, ws: Workspace) -> None:
        """Leave out votes stored already, or earlier in the file; refuse other votes of their name."""
        clients = [vote["client"] for vote in self.votes]
        stored: dict[tuple[Any, ...], tuple[Any, ...]] = {
            key: tuple(getattr(vote, name) for name in SAME)
            for key, vote in reviews.votes_by_client(ws.database, clients).items()
        }
        new = []
        for vote in self.votes:
            target = vote["target"]
            key = (vote["client"], vote["seq"], vote["inspector"], target.review_id or target.name)
            content = tuple(vote[name] for name in SAME)
            if key not in stored:
                stored[key] = content
                new.append(vote)
            elif stored[key] == content:
                self.already_there += 1
            else:
                reason = f"another vote has the client {vote['client']} and the running number {vote['seq']}"
                self.refused.append({"row": vote["row"], "id": "", "reason": reason})
        self.votes = new

    def store(self, ws: Workspace) -> None:
        """Store the votes, in reviews made where they do not exist."""
        rows = []
        for vote in self.votes:
            vote["target"].make(ws)
            values = {name: value for name, value in vote.items() if name not in ("row", "target")}
            rows.append(values | {"review_id": vote["target"].review_id})
        if rows:
            reviews.add_votes(ws.database, rows)

    def report(self) -> dict[str, Any]:
        """Return what was read, as plain JSON values."""
        return {
            "file": self.table.file,
            "columns": self.table.columns,
            "reviews": sorted({target.name for target in self.targets.values()}),
            "new_reviews": sorted({vote["target"].name for vote in self.votes if vote["target"].is_new}),
            "rows": len(self.table),
            "added": len(self.votes),
            "already_there": self.already_there,
            "withdrawals": sum(vote["grade"] is None for vote in self.votes),
            "late": sum(vote["target"].is_closed_at(vote["received_at"]) for vote in self.votes),
            "inspectors": dict(Counter(vote["inspector"] for vote in self.votes)),
            "refused": sorted(self.refused, key=itemgetter("row")),
        }


def import_votes(
    ws: Workspace,
    *,
    name: str,
    path: Path,
    columns: Mapping[str, str | None] | None = None,
    grade_map: Mapping[str, str] | None = None,
    inspector: str | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Import votes of a table, skipping duplicates: into a review, or into the reviews of a source.

    Rows with a client and a running number keep them, as `export` wrote them; others are known by their
    content, so that the same row of two files is one vote. Where a row has no time, the order of the rows
    decides. For a source, rows go to the review they name; one that does not exist is made. A `dry_run`
    reports what would be added and changes nothing.

    Parameters
    ----------
    name
        A review or, failing that, a source.
    columns, grade_map
        Meaning (id, inspector, …) to the name of its column, where that is unusual; words to grades.
    inspector
        Who voted in a file of one inspector.

    Returns
    -------
    dict
        file, columns (meaning → column), reviews, new_reviews, rows, added, already_there, withdrawals,
        late (added, but received after the end of their review: they do not count), inspectors (name →
        added), refused ({"row", "id", "reason"}, rows from 1), dry_run.

    Raises
    ------
    NotFound, InvalidInput
        When nothing has the name, or the file cannot be read or lacks a column.
    """
    table, grades = isolated(read_vote_table, Path(path), dict(columns or {})), grade_map or {}
    if inspector is None and "inspector" not in table.columns:
        raise InvalidInput(
            f"{path.name} has no column of inspectors. Name it with --inspector-column, or say who voted "
            "with --inspector."
        )
    importing = _Import(table, target_reviews(ws, name, table.cells, grades))
    importing.read(grades, inspector=None if inspector is None else checked_inspector(inspector))
    importing.drop_duplicates(ws)
    if importing.refused and not importing.votes and not importing.already_there and not dry_run:
        first = min(importing.refused, key=itemgetter("row"))
        raise InvalidInput(
            f"None of the {len(table)} rows of {path.name} is a vote that can be taken: row {first['row']}, "
            f"{first['reason']}."
        )
    if not dry_run:
        importing.store(ws)
    return importing.report() | {"dry_run": dry_run}


def read_vote_table(path: Path, named: Mapping[str, str | None]) -> VoteTable:
    """Read a table of votes; of FITS and VOTable files with a table called votes, that one.

    Exports before version 0.2 held catalogue and votes in one file.

    `named` gives columns by meaning, as `lensapp.core.inspect.vote_files.find_vote_columns` takes them.
    """
    ending = path.suffix.lower()
    columns = None
    if kind := SECOND_TABLES.get(ending):
        options = {"hdu": "VOTES"} if kind == "fits" else {"table_id": "votes"}
        # One table only, or a damaged file: what reads it next says so.
        with suppress(Refused), reading("no table of votes"):
            columns = columns_of(read_first_table(path, kind, **options)).columns
    columns = columns or read_columns(path)
    if set(columns) >= PANOPTES:
        rows = zip(columns["annotations"], columns["subject_data"], strict=True)
        votes = [panoptes_votes(str(annotations), str(subject)) for annotations, subject in rows]
        columns |= {"subject_ids": [name for name, _ in votes], "annotations": [word for _, word in votes]}
    own = is_own_export(list(columns))
    by_meaning = find_vote_columns(list(columns), named)
    cells = {
        meaning: [text_of_export(cell, ending) if own else as_text(cell) for cell in columns[name]]
        for meaning, name in by_meaning.items()
    }
    return VoteTable(path.name, by_meaning, cells, own)


def text_of_export(cell: object, ending: str) -> str | None:
    """Return a cell as it was before `export` made it safe for the format."""
    if not isinstance(cell, str):
        return as_text(cell)
    if not cell or ending in PLAIN:
        return cell or None
    return unescape(restore(cell) if ending in NEUTRALISED else cell)


def _vote(
    target: TargetReview,
    cells: Mapping[str, str | None],
    grade_map: Mapping[str, str],
    *,
    inspector: str | None,
    own: bool,
) -> dict[str, Any]:
    if own and target.is_new and (cells.get("kind") or CANDIDATE) != CANDIDATE:
        raise InvalidInput(f"a blind test of the review {target.name}, which is not here: nothing to grade")
    scheme = target.spec.scheme
    grade = grade_of(cells["grade"], scheme, grade_map)
    if grade is None and not own:
        raise InvalidInput("no grade given")
    person = checked_inspector(inspector or cells.get("inspector") or "")
    check_inspector(target.spec, person)
    try:
        seconds = float(cells.get("seconds_spent") or "nan")
    except ValueError:
        seconds = math.nan
    seq = cells.get("seq") if cells.get("client") else None
    if seq and not (seq.strip().isdecimal() and int(seq) <= MOST_SEQ):
        raise InvalidInput(f"{seq!r} in the column seq is no running number")
    return {
        "client": cells.get("client") if seq else None,
        "seq": int(seq) if seq else None,
        "cutout_id": target.cutout_id(cells["id"]),
        "inspector": person,
        "grade": grade,
        "value": None if grade is None else scheme.values[grade],
        "contaminant": target.contaminant(cells.get("contaminant")),
        "comment": storable(cells.get("comment") or "")[:LONGEST_COMMENT] or None,
        "voted_at": parse_time(cells.get("voted_at")),
        "received_at": parse_time(cells.get("received_at")),
        "seconds_spent": min(seconds, LONGEST_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None,
        "stretch": cells.get("stretch"),
        "score_seen": _flag(cells.get("score_seen")),
        "starred": _flag(cells.get("starred")),
    }


def _flag(text: str | None) -> bool:
    return (text or "").strip().casefold() in ("true", "1", "yes", "t")
