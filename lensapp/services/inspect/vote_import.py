"""Import votes from files: of other machines without duplicates, of other tools by their columns."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from lensapp.core.acting import needs
from lensapp.core.catalogue.safe_text import restore, unescape
from lensapp.core.data.candidate_ids import storable
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.inspector_names import checked_inspector
from lensapp.core.inspect.vote_files import (
    PANOPTES,
    aggregate_columns,
    client_of,
    find_vote_columns,
    grade_of,
    is_own_export,
    panoptes_votes,
)
from lensapp.core.inspect.vote_times import DateOrder, date_order, has_two_readings, parse_time
from lensapp.core.plurals import counted
from lensapp.ingest.catalogues import as_text
from lensapp.ingest.formats.table_files import columns_of, read_columns, read_first_table
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.gate.subprocesses import isolated_once
from lensapp.ingest.refusals import Refused
from lensapp.services.inspect.queues import list_reviews
from lensapp.services.inspect.vote_export import CANDIDATE
from lensapp.services.inspect.vote_log import added_in_words, worked_on_last
from lensapp.services.inspect.vote_reviews import TargetReview, shown_by, target_reviews
from lensapp.services.inspect.votes import check_inspector
from lensapp.storage import reviews, sources
from lensapp.storage.records import Vote
from lensapp.storage.workspace import Workspace

LONGEST_CLIENT = 80
LONGEST_SECONDS = 86_400.0
LONGEST_COMMENT = 2000
TIME_STEP = 1e-3
CONTENT = ("inspector", "grade", "contaminant", "comment", "voted_at", "seconds_spent")
MOST_SEQ = 2**53
SAME = ("cutout_id", "grade")
NOT_STORED = ("row", "target", "id", "has_time", "other_reading")
NO_VOTE = "no vote before"
ROUNDING = 1e-5
NEUTRALISED = (".csv", ".ecsv", ".tsv", ".txt")
PLAIN = (".parquet", ".pq")
SECOND_TABLES = {".fits": "fits", ".fit": "fits", ".vot": "votable", ".votable": "votable", ".xml": "votable"}
Content = tuple[int, str, str | None, int]
"""Cutout, inspector, grade and time of a vote."""


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Votes of a file as texts by meaning; `own` tells whether `export` wrote them."""

    file: str
    columns: dict[str, str]
    cells: dict[str, list[str | None]]
    own: bool
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.cells["id"])

    def row(self, row: int) -> dict[str, str | None]:
        """Return the texts of a row by meaning."""
        return {meaning: cells[row] for meaning, cells in self.cells.items()}


@dataclass(eq=False)
class _Import:
    """What becomes of the rows of a table; `stored` are the votes there already that may be the same."""

    table: VoteTable
    targets: dict[str | None, TargetReview]
    stored: list[Vote]
    votes: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    already_there: int = 0
    warnings: list[str] = field(default_factory=list)

    def read(self, grade_map: Mapping[str, str], *, inspector: str | None, order: DateOrder | None) -> None:
        """Read the votes; refuse rows that are none."""
        for row in range(len(self.table)):
            cells = self.table.row(row)
            target = self.targets[None] if None in self.targets else self.targets[cells["review"] or ""]
            try:
                vote = _vote(target, cells, grade_map, inspector=inspector, own=self.table.own, order=order)
            except InvalidInput as error:
                self.refused.append({"row": row + 1, "id": cells["id"] or "", "reason": str(error)})
                continue
            self.votes.append(vote | {"row": row + 1, "target": target, "id": cells["id"]})

    def identify(self, ws: Workspace) -> None:
        """Write inspectors as they are known, and give every vote a client, a running number and a time."""
        names = reviews.inspectors_called(ws.database, [vote["inspector"] for vote in self.votes])
        seen: Counter[str] = Counter()
        last: dict[tuple[Any, ...], tuple[int, str | None]] = {}
        now, kept = time.time(), []
        for vote in self.votes:
            vote["inspector"] = names[vote["inspector"]]
            if vote["client"] is None or len(vote["client"]) > LONGEST_CLIENT:
                if vote["voted_at"] is not None:
                    # Of votes at one moment, as where days are given, the later row is the later vote.
                    moment = (vote["cutout_id"], vote["inspector"], vote["voted_at"])
                    steps, before = last.get(moment, (-1, NO_VOTE))
                    if vote["grade"] == before:
                        self.already_there += 1
                        continue
                    last[moment] = (steps + 1, vote["grade"])
                    vote["voted_at"] += (steps + 1) * TIME_STEP
                # Without a client and a running number of its own, a vote is known by its content.
                client = client_of(vote["target"].name, vote["id"], *(vote[name] for name in CONTENT))
                seen[client] += 1
                vote |= {"client": client, "seq": seen[client]}
            vote["has_time"] = vote["voted_at"] is not None
            if not vote["has_time"]:
                vote["voted_at"] = now - (len(self.table) - vote["row"] + 1) * TIME_STEP
            vote["received_at"] = min(vote["received_at"] or now, now)
            kept.append(vote)
        self.votes = kept

    def drop_duplicates(self) -> None:
        """Leave out votes stored already, or earlier in the file; refuse other votes of their name."""
        by_key = {
            (one.client, one.seq, one.inspector, one.review_id): tuple(getattr(one, name) for name in SAME)
            for one in self.stored
        }
        contents = {_content_of(one) for one in self.stored}
        new = []
        for vote in self.votes:
            target = vote["target"]
            key = (vote["client"], vote["seq"], vote["inspector"], target.review_id or target.name)
            content = tuple(vote[name] for name in SAME)
            if key in by_key and by_key[key] != content:
                reason = f"another vote has the client {vote['client']} and the running number {vote['seq']}"
                self.refused.append({"row": vote["row"], "id": "", "reason": reason})
            elif key in by_key or (vote["has_time"] and not contents.isdisjoint(_may_be_stored_as(vote))):
                self.already_there += 1
            else:
                by_key[key] = content
                new.append(vote)
        self.votes = new

    def warn_of_copies(self, elsewhere: Iterable[Vote], names: Mapping[int, str]) -> None:
        """Warn of votes that other reviews, of these `names` by ID, hold already: they are added here too."""
        holders: dict[Content, set[str]] = {}
        for one in elsewhere:
            holders.setdefault(_content_of(one), set()).add(names[one.review_id])
        copied, held_by = 0, set[str]()
        for vote in self.votes:
            if found := set().union(*(holders.get(content, ()) for content in _may_be_stored_as(vote))):
                copied, held_by = copied + 1, held_by | found
        if copied:
            self.warnings.append(
                f"{counted(copied, 'new vote')} {'is' if copied == 1 else 'are'} already in "
                f"{', '.join(sorted(held_by))}. Added here too, they count in what Team shows of it; "
                "in Catalogue each inspector still counts once on each candidate."
            )

    def check_two_readings(self, column: str) -> None:
        """Warn of dates that can be read in two ways; refuse them where that decides which vote is the last.

        Raises
        ------
        InvalidInput
            When another vote would count with day and month exchanged.
        """
        readings: dict[tuple[int, str], list[tuple[float, float, str | None]]] = {}
        unsure = [vote for vote in self.votes if vote["other_reading"] is not None]
        persons = {(vote["cutout_id"], vote["inspector"]) for vote in unsure}
        for one in self.stored:
            if (one.cutout_id, one.inspector) in persons:
                times = (one.voted_at, one.voted_at, one.grade)
                readings.setdefault((one.cutout_id, one.inspector), []).append(times)
        for vote in self.votes:
            if (vote["cutout_id"], vote["inspector"]) in persons:
                other = vote["voted_at"] if vote["other_reading"] is None else vote["other_reading"]
                times = (vote["voted_at"], other, vote["grade"])
                readings.setdefault((vote["cutout_id"], vote["inspector"]), []).append(times)
        if not unsure:
            return
        example = self.table.cells["voted_at"][unsure[0]["row"] - 1]
        dates = counted(len(unsure), "date")
        told = f"{dates} in the column {column}, such as {example}, can be read in two ways"
        for cast in readings.values():
            if max(cast, key=itemgetter(0))[2] != max(cast, key=itemgetter(1))[2]:
                raise InvalidInput(
                    f"{told}, and it depends on that which vote is an inspector's last. Say which is right "
                    "with --date-order day-first or --date-order month-first."
                )
        self.warnings.append(
            f"{told}; the day is taken to come first, which changes no grade. If it does not, say so with "
            "--date-order month-first."
        )

    def store(self, ws: Workspace) -> None:
        """Store the votes, in reviews made where they do not exist."""
        rows: list[dict[str, Any]] = []
        whose: dict[str, Counter[str]] = {}
        for vote in self.votes:
            vote["target"].make(ws)
            whose.setdefault(vote["target"].name, Counter[str]())[vote["inspector"]] += 1
            values = {name: value for name, value in vote.items() if name not in NOT_STORED}
            rows.append(values | {"review_id": vote["target"].review_id})
        if rows:
            reviews.add_votes(ws.database, rows, imported=added_in_words(whose, self.table.file))

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
            "warnings": [*self.table.warnings, *self.warnings],
        }


@dataclass(frozen=True)
class VoteTargets:
    """Where the votes of a table on candidates of a source may go.

    Attributes
    ----------
    rows
        How many votes there are.
    held
        Of how many of them each open review of the source shows the candidates, the last worked on first.
    named
        Whether a column names the reviews.
    usual
        The review that shows all candidates that the source has, or else the source: its votes go to the
        reviews that the table names, or to one of all candidates.
    """

    rows: int
    held: Mapping[str, int]
    named: bool
    usual: str


def vote_targets(
    ws: Workspace, *, source_name: str, path: Path, columns: Mapping[str, str | None] | None = None
) -> VoteTargets:
    """Return where the votes of a table on candidates of a source may go; errors as of `import_votes`."""
    table = isolated_once(read_vote_table, Path(path), dict(columns or {}))
    source = sources.get_source(ws.database, source_name)
    own = [
        one
        for one in list_reviews(ws)
        if one.closed_at is None and source.id in reviews.source_ids_of(ws.database, one)
    ]
    ids = table.cells["id"]
    held = {one.name: shown_by(ws, one, ids) for one in worked_on_last(ws, own)}
    known = shown_by(ws, source, ids)
    whole = (name for name, count in held.items() if count == known > 0)
    named = "review" in table.columns
    return VoteTargets(len(table), held, named, source_name if named else next(whole, source_name))


@needs("work")
def import_votes(
    ws: Workspace,
    *,
    name: str,
    path: Path,
    columns: Mapping[str, str | None] | None = None,
    grade_map: Mapping[str, str] | None = None,
    inspector: str | None = None,
    order: DateOrder | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Import votes of a table, skipping duplicates: into a review, or into the reviews of a source.

    Rows with a client and a running number keep them, as `export` wrote them; others are known by their
    content: the same grade of one inspector for one candidate at one time is one vote, in whatever file or
    review of the source it comes. Where a row has no time, the order of the rows decides. For a source,
    rows go to the review they name; one that does not exist is made. A `dry_run` reports what would be
    added and changes nothing.

    Parameters
    ----------
    name
        A review or, failing that, a source.
    columns, grade_map
        Meaning (id, inspector, …) to the name of its column, where that is unusual; words to grades.
    inspector
        Who voted in a file of one inspector.
    order
        Of day and month in dates such as 05/01/2024; None: as the column tells.

    Returns
    -------
    dict
        file, columns (meaning → column), reviews, new_reviews, rows, added, already_there, withdrawals,
        late (added, but received after the end of their review: they do not count), inspectors (name →
        added), refused ({"row", "id", "reason"}, rows from 1), warnings, dry_run.

    Raises
    ------
    NotFound, InvalidInput
        When nothing has the name; when the file cannot be read, lacks a column, sums up the votes of
        several people, or has dates on whose reading the grades depend.
    """
    table, grades = isolated_once(read_vote_table, Path(path), dict(columns or {})), grade_map or {}
    if inspector is None and "inspector" not in table.columns:
        raise InvalidInput(
            f"{path.name} has no column of inspectors. Name it with --inspector-column, or say who voted "
            "with --inspector."
        )
    targets = target_reviews(ws, name, table.cells, grades)
    # Votes that the file may hold again: of its reviews, and of the source where it is for one.
    log: dict[int, Vote] = {}
    for target in targets.values():
        if target.name != name:
            votes = reviews.votes_of(ws.database, source_id=target.source.id, with_late=True)
            log |= {vote.id: vote for vote in votes}
        if target.review_id is not None:
            votes = reviews.votes_of(
                ws.database, review_id=target.review_id, with_blind_tests=True, with_late=True
            )
            log |= {vote.id: vote for vote in votes}
    importing = _Import(table, targets, list(log.values()))
    told = order or date_order(table.cells.get("voted_at", ()))
    person = None if inspector is None else checked_inspector(inspector)
    importing.read(grades, inspector=person, order=told)
    importing.identify(ws)
    importing.check_two_readings(table.columns.get("voted_at", ""))
    importing.drop_duplicates()
    _warn_of_copies(ws, importing, [one for one in targets.values() if one.name == name])
    if importing.refused and not importing.votes and not importing.already_there and not dry_run:
        first = min(importing.refused, key=itemgetter("row"))
        raise InvalidInput(
            f"None of the {len(table)} rows of {path.name} is a vote that can be taken: row {first['row']}, "
            f"{first['reason']}."
        )
    if not dry_run:
        importing.store(ws)
    return importing.report() | {"dry_run": dry_run}


def _warn_of_copies(ws: Workspace, importing: _Import, here: Sequence[TargetReview]) -> None:
    """Say which votes other reviews hold: they are no duplicates in those asked for, which are `here`."""
    if not here:
        return
    votes = [
        vote
        for source_id in {target.source.id for target in here}
        for vote in reviews.votes_of(ws.database, source_id=source_id, with_late=True)
    ]
    asked = {target.review_id for target in here}
    names = {one.id: one.name for one in reviews.list_reviews(ws.database)}
    importing.warn_of_copies((vote for vote in votes if vote.review_id not in asked), names)


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
    warnings = []
    if not own and "inspector" not in by_meaning and (summing := aggregate_columns(list(columns))):
        told = f"{path.name} sums up the votes of several people, by its columns {', '.join(summing[:5])}"
        if named.get("grade") is None:
            raise InvalidInput(
                f"{told}, and has no column of inspectors. Import the votes themselves, name the column with "
                "--inspector-column, or, if one person gave these grades, name their column with "
                "--grade-column."
            )
        warnings.append(
            f"{told}: its {named['grade']} is taken as the grades of one inspector, as asked for."
        )
    cells = {
        meaning: [text_of_export(cell, ending) if own else as_text(cell) for cell in columns[name]]
        for meaning, name in by_meaning.items()
    }
    if "voted_at" in cells and named.get("voted_at") is None and not any(map(_is_time, cells["voted_at"])):
        example = next((cell for cell in cells["voted_at"] if cell is not None), None)
        column = by_meaning.pop("voted_at")
        del cells["voted_at"]
        if example is not None:
            warnings.append(
                f"The column {column} holds no times, such as {example!r}: it is left out, and of several "
                "votes of one inspector on a candidate the last row counts. Name a column of times with "
                "--time-column."
            )
    return VoteTable(path.name, by_meaning, cells, own, tuple(warnings))


def _is_time(text: str | None) -> bool:
    try:
        return parse_time(text) is not None
    except InvalidInput:
        return False


def _content_of(vote: Vote) -> Content:
    """Return what a stored vote says, by which one without a running number is known."""
    return vote.cutout_id, vote.inspector, vote.grade, _rounded(vote.voted_at)


def _may_be_stored_as(vote: Mapping[str, Any]) -> set[Content]:
    """Return what a vote may be stored as: its time may have moved by less than a microsecond since."""
    moments = {_rounded(vote["voted_at"] + shift) for shift in (-ROUNDING, ROUNDING)}
    return {(vote["cutout_id"], vote["inspector"], vote["grade"], moment) for moment in moments}


def _rounded(seconds: float) -> int:
    return round(seconds / TIME_STEP)


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
    order: DateOrder | None,
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
    voted_at = cells.get("voted_at")
    two_readings = order is None and has_two_readings(voted_at)
    return {
        "client": cells.get("client") if seq else None,
        "seq": int(seq) if seq else None,
        "cutout_id": target.cutout_id(cells["id"]),
        "inspector": person,
        "grade": grade,
        "value": None if grade is None else scheme.values[grade],
        "contaminant": target.contaminant(cells.get("contaminant")),
        "comment": storable(cells.get("comment") or "")[:LONGEST_COMMENT] or None,
        "voted_at": parse_time(voted_at, order=order or "day-first"),
        "other_reading": parse_time(voted_at, order="month-first") if two_readings else None,
        "received_at": parse_time(cells.get("received_at")),
        "seconds_spent": min(seconds, LONGEST_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None,
        "stretch": cells.get("stretch"),
        "score_seen": _flag(cells.get("score_seen")),
        "starred": _flag(cells.get("starred")),
    }


def _flag(text: str | None) -> bool:
    return (text or "").strip().casefold() in ("true", "1", "yes", "t")
