"""The ledger: label → dataset version → run → score, and whose votes stand behind each of them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from lensapp.core.inspect.consensus import last_votes, withdrawn_votes
from lensapp.core.split.folds import DEVELOPMENT
from lensapp.services.catalogue.label_origin import read_origin
from lensapp.services.evaluate.calibrations import calibrated_by_id
from lensapp.services.evaluate.committees import members_of
from lensapp.services.split.datasets import DatasetDescription, describe_version
from lensapp.services.train.run_listing import studies_last
from lensapp.services.train.runs import run_status
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.records import Cutout, Run, Vote
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

# Kinds of sources whose labels are not imported, though stored as such.
OWN_WORK = (sources.OBJECTS, sources.PAINTED)


@dataclass(frozen=True)
class VoteShare:
    """Labels of a dataset version that votes made: in which reviews, by whom, how many of each label."""

    reviews: tuple[str, ...]
    inspectors: tuple[str, ...]
    labels: dict[str, int]


@dataclass(frozen=True)
class RunLedger:
    """Everything that made a network, and what it scored.

    Attributes
    ----------
    run
        The run.
    state
        Where its training stands: "running", "paused", "finished", …
    versions
        The dataset version it learned from and that version's ancestors, newest first.
    sources
        Names of the sources of the version.
    labels
        Origin ("import", "demo", "votes", or "objects" and "paint" of sources made here) -> label -> number
        of members.
    votes
        Labels made by votes, by review and inspectors, most labels first.
    inspectors
        Name -> number of labels of the version that their votes helped to make.
    parents
        Runs whose networks it was trained further from (warm start), nearest first.
    scored
        Source -> number of candidates scored.
    members
        Runs that score together when this is a committee.
    """

    run: Run
    state: str
    versions: tuple[DatasetDescription, ...]
    sources: tuple[str, ...]
    labels: dict[str, dict[str, int]]
    votes: tuple[VoteShare, ...]
    inspectors: dict[str, int]
    parents: tuple[Run, ...]
    scored: dict[str, int]
    members: tuple[Run, ...] = ()


@dataclass(frozen=True)
class CandidateLedger:
    """Everything known about one candidate.

    Attributes
    ----------
    cutout, source
        The candidate and the name of its source.
    scores
        (run, dataset version of the run, score, the probability that it means by the run's calibration, or
        None without one), oldest run first.
    votes
        (review, vote, whether it counts), in the order received. A withdrawal is told of the vote that it
        withdrew.
    withdrawn
        Ids of the votes that were withdrawn.
    memberships
        Dataset versions that hold it: dataset, part, label, label_from.
    trained
        Names of the runs that learned from it (training or validation part).
    """

    cutout: Cutout
    source: str
    scores: tuple[tuple[str, str, float, float | None], ...]
    votes: tuple[tuple[str, Vote, bool], ...]
    withdrawn: frozenset[int]
    memberships: tuple[dict[str, Any], ...]
    trained: tuple[str, ...]


def ledger(ws: Workspace, run_name: str) -> RunLedger:
    """Return which data, labels and votes made a network, and what it scored.

    Raises
    ------
    NotFound
        When the run does not exist.
    """
    run = runs.get_run(ws.database, run_name)
    version = datasets.dataset_by_id(ws.database, run.dataset_id)
    versions = [version, *datasets.earlier_versions(ws.database, version)]
    warm_starts = [run]
    while (initial := warm_starts[-1].initial_run_id) is not None:
        warm_starts.append(runs.run_by_id(ws.database, initial))

    labels: dict[str, dict[str, int]] = {}
    labels_of_votes: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, int]] = {}
    members = datasets.member_columns(ws.database, run.dataset_id)
    kinds = {source.id: source.kind for source in sources.list_sources(ws.database)}
    made = [kinds.get(int(key), "") for key in members["source_id"]]
    origins = Counter(zip(members["label_from"], made, members["label"], strict=True))
    for (label_from, kind, label), count in sorted(origins.items()):
        origin = read_origin(kind if label_from == "import" and kind in OWN_WORK else label_from)
        of_kind = labels.setdefault(origin.kind, {})
        of_kind[label] = of_kind.get(label, 0) + count
        if origin.kind == "votes":
            by_whom = labels_of_votes.setdefault((origin.reviews, origin.inspectors), {})
            by_whom[label] = by_whom.get(label, 0) + count
    shares = [VoteShare(names, people, counts) for (names, people), counts in labels_of_votes.items()]
    inspectors: Counter[str] = Counter()
    for share in shares:
        inspectors.update(dict.fromkeys(share.inspectors, sum(share.labels.values())))

    names = {source.id: source.name for source in sources.list_sources(ws.database)}
    return RunLedger(
        run=run,
        state=run_status(ws, run.name).state,
        versions=tuple(describe_version(ws, version.name) for version in versions),
        sources=tuple(names[key] for key in versions[0].source_ids),
        labels=labels,
        votes=tuple(sorted(shares, key=lambda share: -sum(share.labels.values()))),
        inspectors=dict(inspectors.most_common()),
        parents=tuple(warm_starts[1:]),
        scored={names[key]: n for _, key, n in stored_scores.score_counts(ws, run_id=run.id)},
        members=members_of(ws, run),
    )


def run_names(ws: Workspace) -> list[str]:
    """Return the names of all runs, newest first, those of studies last."""
    return [run.name for run in studies_last(ws, runs.list_runs(ws.database))]


def ledger_of_candidate(ws: Workspace, cutout_id: int) -> CandidateLedger | None:
    """Return which runs scored a candidate, whose votes graded it and which networks learned from it.

    None when there is no such cutout.
    """
    cutouts = sources.get_cutouts(ws.database, [cutout_id])
    if not cutouts:
        return None
    [cutout] = cutouts
    every_run = {run.id: run for run in runs.list_runs(ws.database)}
    dataset_names = {
        dataset.id: dataset.name for dataset in datasets.list_datasets(ws.database, without_sources=True)
    }
    review_names = {review.id: review.name for review in reviews.list_reviews(ws.database)}
    memberships = tuple(datasets.memberships_of(ws.database, cutout_id))
    learned = {entry["dataset"] for entry in memberships if entry["part"] in DEVELOPMENT}
    votes = reviews.votes_of(ws.database, cutout_id=cutout_id)
    counted, withdrawn = set(last_votes(votes).tolist()), withdrawn_votes(votes)
    return CandidateLedger(
        cutout=cutout,
        source=sources.source_by_id(ws.database, cutout.source_id).name,
        scores=tuple(
            (
                every_run[key].name,
                dataset_names[every_run[key].dataset_id],
                score,
                calibrated_by_id(ws, every_run[key], {cutout_id: score}).get(cutout_id),
            )
            for key, score in stored_scores.scores_of_cutout(ws, cutout_id)
        ),
        votes=tuple(
            (review_names[vote.review_id], vote, position in counted)
            for position, vote in enumerate(votes)
            if position not in withdrawn
        ),
        withdrawn=frozenset(votes[position].id for position in withdrawn.values()),
        memberships=memberships,
        trained=tuple(
            every_run[key].name
            for key in sorted(every_run)
            if dataset_names[every_run[key].dataset_id] in learned
        ),
    )
