"""What depends on a source, a dataset version, a run or a review, and which jobs speak of it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from lensapp import jobs
from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import counted
from lensapp.job_kinds import JOB_KINDS
from lensapp.storage import datasets, queue, reviews, runs, sources, studies
from lensapp.storage.care.trash import TABLES, Item
from lensapp.storage.files import COMMITTEE
from lensapp.storage.records import Job
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

MOST_JOBS = 1_000_000
PAYLOAD_KEYS = {
    "source": ("source", "real", "simulated", "hosts"),
    "dataset": ("dataset",),
    "run": ("run", "runs", "names", "initial_run", "members", "other"),
    "review": ("review",),
    "study": ("study",),
}
"""Keys under which the payload of a job, or a specification in it, names something of a kind."""


@dataclass(frozen=True)
class Dependent:
    """Something that a deletion takes along, and what it holds in words."""

    item: Item
    holds: str


def find_item(ws: Workspace, kind: str, name: str) -> Item:
    """Return the item of a kind called `name`.

    Raises
    ------
    InvalidInput
        When there is no such kind.
    NotFound
        When there is none of that name.
    """
    finders: dict[str, Any] = {
        "source": sources.get_source,
        "dataset": datasets.get_dataset,
        "run": runs.get_run,
        "review": reviews.get_review,
    }
    refuse_unknown(kind, finders, "renamed or deleted")
    return Item(kind, finders[kind](ws.database, name).id, name)


def names_of_kind(ws: Workspace, kind: str) -> list[str]:
    """Return the names of all items of a kind, newest first."""
    lists: dict[str, Any] = {
        "source": sources.list_sources,
        "dataset": datasets.list_datasets,
        "run": runs.list_runs,
        "review": reviews.list_reviews,
    }
    return [one.name for one in lists[kind](ws.database)]


def refuse_unknown(kind: str, kinds: Collection[str], what: str) -> None:
    """Raise InvalidInput unless `kind` is one of `kinds`, which can be renamed, deleted or cleared."""
    if kind not in kinds:
        raise InvalidInput(f"{kind!r} cannot be {what}. Name one of {', '.join(kinds)}.")


def dependents(ws: Workspace, item: Item) -> list[Dependent]:
    """Return the item and what cannot be without it, in an order in which each stands before what it needs.

    Datasets need their sources, runs and studies their dataset, committees their members, reviews their
    sources. A version made from another has its own members, a run trained on from another its own
    network, and a review the votes cast in it, whichever run ordered them: these stay.
    """
    met: dict[tuple[str, int], Dependent] = {}
    for one in _walk(ws, item):
        met.setdefault((one.item.kind, one.item.id), one)
    order = list(TABLES)
    return sorted(met.values(), key=lambda one: (order.index(one.item.kind), one.item.id))


def _walk(ws: Workspace, item: Item) -> Iterator[Dependent]:
    yield Dependent(item, _content(ws, item))
    walks = {"source": _needing_source, "dataset": _needing_dataset, "run": _needing_run}
    for needing in walks[item.kind](ws, item) if item.kind in walks else ():
        yield from _walk(ws, needing)


def _needing_source(ws: Workspace, item: Item) -> Iterator[Item]:
    for review in reviews.list_reviews(ws.database):
        if item.id in reviews.source_ids_of(ws.database, review):
            yield Item("review", review.id, review.name)
    for dataset in datasets.list_datasets(ws.database):
        if item.id in dataset.source_ids:
            yield Item("dataset", dataset.id, dataset.name)


def _needing_dataset(ws: Workspace, item: Item) -> Iterator[Item]:
    for study in studies.list_studies(ws.database):
        if study.dataset_id == item.id:
            yield Item("study", study.id, study.name)
    for run in runs.list_runs(ws.database):
        if run.dataset_id == item.id:
            yield Item("run", run.id, run.name)


def _needing_run(ws: Workspace, item: Item) -> Iterator[Item]:
    for run in runs.list_runs(ws.database):
        file = ws.run_folder(run.name) / COMMITTEE
        if run.id != item.id and file.exists() and item.name in read_json(file).get("members", ()):
            yield Item("run", run.id, run.name)


def _content(ws: Workspace, item: Item) -> str:
    """Return what an item holds, in words."""
    if item.kind == "source":
        return counted(sources.count_cutouts(ws.database, item.id), "cutout")
    if item.kind == "dataset":
        return counted(datasets.count_members(ws.database, item.id), "member")
    if item.kind == "run":
        scored = stored_scores.score_counts(ws, run_id=item.id)
        count = sum(number for _, _, number in scored)
        return counted(count, "score") if count else "no score"
    if item.kind == "review":
        votes = reviews.votes_of(ws.database, review_id=item.id, with_blind_tests=True, with_late=True)
        # Those undone or replaced lie in it too, and count nowhere else.
        return f"{counted(len(votes), 'vote')} cast, undone and replaced ones included"
    return counted(len(studies.runs_of(ws.database, item.id)), "run")


def losses(ws: Workspace, going: list[Dependent]) -> list[str]:
    """Return what stays and loses something by the deletion of `going`, a sentence each."""
    keys = {(one.item.kind, one.item.id) for one in going}
    told = []
    for run_id, source_id, count in stored_scores.score_counts(ws):
        if ("source", source_id) in keys and ("run", run_id) not in keys:
            run, source = runs.run_by_id(ws.database, run_id), sources.source_by_id(ws.database, source_id)
            told.append(f"The run {run.name} loses {counted(count, 'score')} of {source.name}.")
    for source_name in (one.item.name for one in going if one.item.kind == "source"):
        for run in runs.list_runs(ws.database):
            if ("run", run.id) not in keys and _named(run.spec, ("source",), source_name):
                told.append(
                    f"The run {run.name} learned from {source_name} without labels: it keeps its network, "
                    "and its training can be neither resumed nor repeated."
                )
    for review in reviews.list_reviews(ws.database):
        if ("run", review.run_id) in keys and ("review", review.id) not in keys:
            told.append(f"The review {review.name} keeps its votes and loses its scores.")
    for study in studies.list_studies(ws.database):
        if ("study", study.id) in keys:
            continue
        gone = [one for one in studies.runs_of(ws.database, study.id) if ("run", one.run.id) in keys]
        if gone:
            told.append(f"The study {study.name} loses {counted(len(gone), 'run')}.")
    return told


def jobs_about(ws: Workspace, items: list[Item], *, active: bool) -> list[Job]:
    """Return the jobs, those that are active or those that have ended, that name one of the items."""
    every = jobs.active(ws.database) if active else queue.list_jobs(ws.database, limit=MOST_JOBS)
    return [
        job
        for job in every
        if (active or job.state in ("done", "failed", "cancelled"))
        and any(names_item(job, item) for item in items)
    ]


def names_item(job: Job, item: Item) -> bool:
    """Return whether the payload of a job names an item, as what it works on or what it makes."""
    if makes_item(job, item):
        return True
    keys = PAYLOAD_KEYS[item.kind]
    if item.kind == "dataset" and job.kind == "features":
        keys = (*keys, "source")
    return _named(job.payload, keys, item.name)


def makes_item(job: Any, item: Item) -> bool:
    """Return whether a job, given as such or as its row, makes an item that its payload calls by `name`."""
    kind = JOB_KINDS.get(job.kind)  # a kind of an older version may be gone
    return kind is not None and kind.makes == item.kind and job.payload.get("name") == item.name


def _named(values: Any, keys: tuple[str, ...], name: str) -> bool:
    if isinstance(values, dict):
        here = [value for key, value in values.items() if key in keys]
        return any(value == name or (isinstance(value, list) and name in value) for value in here) or any(
            _named(value, keys, name) for value in values.values()
        )
    return isinstance(values, list) and any(_named(value, keys, name) for value in values)
