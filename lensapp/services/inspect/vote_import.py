"""Take votes from files: of other machines without doubling any, of other tools by their columns."""

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.vote_files import client_of, grade_of, parse_time
from lensapp.services.inspect.tokens import checked_inspector
from lensapp.services.inspect.vote_export import CANDIDATE
from lensapp.services.inspect.vote_reviews import TargetReview, target_reviews
from lensapp.services.inspect.vote_tables import VoteTable, read_vote_table
from lensapp.storage import reviews
from lensapp.storage.records import Vote
from lensapp.storage.workspace import Workspace

LONGEST_CLIENT = 80
LONGEST_SECONDS = 86_400.0
LONGEST_COMMENT = 2000
TIME_STEP = 1e-3
SAME = ("cutout_id", "inspector", "grade")


@dataclass(eq=False)
class _Import:
    """What becomes of the rows of a table."""

    votes: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    already_there: int = 0
    seen: Counter[str] = field(default_factory=Counter)


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
    """Add the votes of a file to a review, or to the reviews of a source; importing again adds nothing.

    Rows with a client and a running number keep them, as `export` wrote them; others are known by their
    content, so that the same row of two files is one vote. Where a row has no time, the order of the rows
    decides. For a source, rows go to the review they name; one that does not exist is made.

    Parameters
    ----------
    ws
        The workspace.
    name
        A review or a source; a review goes first.
    path
        CSV, ECSV, FITS, VOTable or Parquet.
    columns
        Meaning (id, inspector, grade, …) to the name of its column, where it is not a usual one.
    grade_map
        Words of the file to grades.
    inspector
        Who voted, for a file of one inspector without such a column.
    dry_run
        Say what would be added; change nothing.

    Returns
    -------
    dict
        file, columns (meaning → column), reviews, new_reviews, rows, added, already_there, withdrawals,
        inspectors (name → added), refused ({"row", "id", "reason"}, rows from 1), dry_run.

    Raises
    ------
    NotFound
        When neither a review nor a source has the name.
    InvalidInput
        When the file cannot be read, or lacks a column that is needed.
    """
    table = read_vote_table(path, given=columns or {})
    if inspector is None and "inspector" not in table.columns:
        raise InvalidInput(
            f"Expected a column of inspectors in {path.name}, received none. Name it with "
            "--inspector-column, or say who voted with --inspector."
        )
    who = None if inspector is None else checked_inspector(inspector)
    targets = target_reviews(ws, name, table, grade_map or {})
    found = _read_rows(targets, table, grade_map or {}, inspector=who)
    _drop_known(ws, found)
    if not dry_run and found.votes:
        _store(ws, found, targets)
    return _report(table, found, targets, dry_run=dry_run)


def _read_rows(
    targets: dict[str | None, TargetReview],
    table: VoteTable,
    grade_map: Mapping[str, str],
    *,
    inspector: str | None,
) -> _Import:
    found, now = _Import(), time.time()
    for place in range(len(table)):
        cells = table.row(place)
        target = targets[None] if None in targets else targets[cells["review"] or ""]
        try:
            vote = _vote(target, cells, grade_map, inspector=inspector, own=table.own)
        except InvalidInput as error:
            found.refused.append({"row": place + 1, "id": cells["id"] or "", "reason": str(error)})
            continue
        _identify(vote, cells, found, review=target.name)
        late = now - (len(table) - place) * TIME_STEP
        vote["voted_at"] = late if vote["voted_at"] is None else vote["voted_at"]
        vote["received_at"] = min(vote["received_at"] or now, now)
        found.votes.append(vote | {"row": place + 1, "target": target})
    return found


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
    grade = grade_of(cells["grade"], target.spec.scheme, grade_map)
    if grade is None and not own:
        raise InvalidInput("no grade given")
    person = checked_inspector(inspector or cells.get("inspector") or "")
    target.check_inspector(person)
    seq = cells.get("seq") if cells.get("client") else None
    return {
        "client": cells.get("client") if seq else None,
        "seq": _whole(seq) if seq else None,
        "cutout_id": target.cutout_id(cells["id"]),
        "inspector": person,
        "grade": grade,
        "value": None if grade is None else target.spec.scheme.values[grade],
        "contaminant": target.contaminant(cells.get("contaminant")),
        "comment": (cells.get("comment") or "")[:LONGEST_COMMENT] or None,
        "voted_at": parse_time(cells.get("voted_at")),
        "received_at": parse_time(cells.get("received_at")),
        "seconds_spent": _seconds(cells.get("seconds_spent")),
        "stretch": cells.get("stretch"),
        "score_seen": _flag(cells.get("score_seen")),
        "starred": _flag(cells.get("starred")),
    }


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 2**53:
        raise InvalidInput(f"expected a running number in the column seq, received {text!r}")
    return number


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "nan")
    except ValueError:
        return None
    return min(seconds, LONGEST_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None


def _flag(text: str | None) -> bool:
    return (text or "").strip().casefold() in ("true", "1", "yes", "t")


def _identify(vote: dict[str, Any], cells: Mapping[str, str | None], found: _Import, *, review: str) -> None:
    """Give a vote without client and running number those that its content makes."""
    client = vote["client"]
    if client is not None and len(client) <= LONGEST_CLIENT:
        return
    names = ("inspector", "grade", "contaminant", "comment", "voted_at", "seconds_spent")
    client = client_of(review, cells["id"], *(vote[name] for name in names))
    found.seen[client] += 1
    vote |= {"client": client, "seq": found.seen[client]}


def _drop_known(ws: Workspace, found: _Import) -> None:
    """Leave out votes that are stored already, or earlier in the file; refuse other votes of their name."""
    stored: dict[tuple[str, int], Vote | dict[str, Any]] = dict(
        reviews.votes_by_client(ws.database, [vote["client"] for vote in found.votes])
    )
    kept = []
    for vote in found.votes:
        earlier = stored.setdefault((vote["client"], vote["seq"]), vote)
        if earlier is vote:
            kept.append(vote)
        elif all(_value(earlier, name) == vote[name] for name in SAME):
            found.already_there += 1
        else:
            reason = f"another vote has the client {vote['client']} and the running number {vote['seq']}"
            found.refused.append({"row": vote["row"], "id": "", "reason": reason})
    found.votes = kept


def _value(vote: Vote | dict[str, Any], name: str) -> Any:
    return vote[name] if isinstance(vote, dict) else getattr(vote, name)


def _store(ws: Workspace, found: _Import, targets: dict[str | None, TargetReview]) -> None:
    used = {id(vote["target"]) for vote in found.votes}
    for target in targets.values():
        if id(target) in used:
            target.make(ws)
    rows = [
        {name: value for name, value in vote.items() if name not in ("row", "target")}
        | {"review_id": vote["target"].review_id}
        for vote in found.votes
    ]
    reviews.add_votes(ws.database, rows)


def _report(
    table: VoteTable, found: _Import, targets: dict[str | None, TargetReview], *, dry_run: bool
) -> dict[str, Any]:
    used = {vote["target"].name: vote["target"] for vote in found.votes}
    named = {target.name for target in targets.values()}
    return {
        "file": table.file,
        "columns": table.columns,
        "reviews": sorted(named),
        "new_reviews": sorted(name for name, target in used.items() if target.is_new),
        "rows": len(table),
        "added": len(found.votes),
        "already_there": found.already_there,
        "withdrawals": sum(vote["grade"] is None for vote in found.votes),
        "inspectors": dict(Counter(vote["inspector"] for vote in found.votes)),
        "refused": sorted(found.refused, key=_row),
        "dry_run": dry_run,
    }


def _row(refusal: dict[str, Any]) -> int:
    return int(refusal["row"])
