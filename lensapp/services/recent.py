"""What has changed lately, for somebody who comes back: work that ended, votes, exports and deletions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePath

from lensapp.core.acting import THIS_MACHINE
from lensapp.core.plurals import counted
from lensapp.job_kinds import JOB_KINDS, selection_of
from lensapp.services.inspect.queues import is_passing
from lensapp.services.inspect.vote_log import graded_since
from lensapp.services.train.job_control import WAITING_STATES, recent_jobs
from lensapp.services.train.run_notes import TAGGED
from lensapp.storage import reviews
from lensapp.storage.care.trail import EXPORTED, read_trail
from lensapp.storage.sources import HIDDEN_PREFIX
from lensapp.storage.workspace import Workspace

JOBS_LOOKED_AT = 50
TOLD_BY_JOBS = ("queued", "asked to stop", "asked to pause", "put first")
MADE = "made"
GONE = ("deleted", "removed")
PAGES = {"source": "data", "dataset": "split", "run": "train", "review": "team"}
EXPORTED_WORDS = {"_votes": "votes on", "_provenance": "the provenance of"}  # by the end of a file's name
ENDS = {"done": "is finished", "failed": "failed", "cancelled": "was stopped"}


@dataclass(frozen=True)
class Change:
    """One change: when, in words, and the page with the selection that shows it (none for a deletion).

    Where `made_by` says who made it and of what kind it is, it can be told together with others like it.
    """

    at: float
    text: str
    page: str | None = None
    selection: Mapping[str, str] | None = None
    made_by: tuple[str, str] | None = None


def recent_changes(ws: Workspace, *, since: float, limit: int) -> list[Change]:
    """Return what has changed since a moment (seconds since 1970), newest first."""
    changes = [
        Change(job.finished_at, f"{job.title} {ENDS[job.state]}", JOB_KINDS[job.kind].page,
               selection_of(job.kind, job.payload))
        for job in recent_jobs(ws, limit=JOBS_LOOKED_AT)
        if job.state not in WAITING_STATES and job.finished_at is not None and job.finished_at > since
    ]  # fmt: skip
    graded = graded_since(ws, since)
    names = {review.id: review.name for review in reviews.list_reviews(ws.database)} if graded else {}
    for one in graded:
        if one.review_id in names and one.candidates:
            name = names[one.review_id]
            text = f"{one.inspector} graded {counted(one.candidates, 'candidate')} of {name}"
            changes.append(Change(one.last, text, "team", {"review": name}))
    passing = {one.name for one in reviews.list_reviews(ws.database) if is_passing(ws, one)}
    for row in read_trail(ws.database, limit=JOBS_LOOKED_AT):
        if row["kind"] == "source" and row["name"].startswith(HIDDEN_PREFIX):
            continue  # that of blind tests: the review tells of them
        if row["kind"] == "review" and row["name"] in passing:
            continue  # nobody has voted in it
        if row["at"] > since and row["did"] not in (*TOLD_BY_JOBS, TAGGED):
            who = _begins(row["who"])
            text = f"{who} {row['did']} {row['kind']} {row['name']}"
            if row["did"] == EXPORTED:
                text = f"{who} {EXPORTED} {_what_a_file_holds(row['detail'] or '')} {row['name']}"
                text += f" to {row['detail']}"
            page = None if row["did"] in GONE else PAGES.get(row["kind"])
            made_by = (who, row["kind"]) if page and row["did"] == MADE else None
            changes.append(
                Change(row["at"], text, page, {row["kind"]: row["name"]} if page else None, made_by)
            )
    return _told_together(sorted(changes, key=lambda change: -change.at))[:limit]


def _told_together(changes: Sequence[Change]) -> list[Change]:
    """Return changes, newest first, with what one person made of one kind in a row as one."""
    told: list[Change] = []
    for _, alike in groupby(enumerate(changes), lambda pair: pair[1].made_by or pair[0]):
        group = [change for _, change in alike]
        last = group[0]
        if last.made_by and last.selection and len(group) > 1:
            who, kind = last.made_by
            text = f"{who} made {counted(len(group), kind)}, the last {last.selection[kind]}"
            last = replace(last, text=text)
        told.append(last)
    return told


def _begins(who: str) -> str:
    """Return who did something as a sentence begins with it; people write their names as they like."""
    return who.capitalize() if who == THIS_MACHINE else who


def _what_a_file_holds(name: str) -> str:
    """Return what an exported file holds, as its name tells, up to the name of the source."""
    stem = PurePath(name).stem
    return next((words for ending, words in EXPORTED_WORDS.items() if stem.endswith(ending)), "candidates of")
