"""Which sources a network is to score: those that it reads and has not learned from come first."""

from collections.abc import Sequence
from dataclasses import dataclass

from lensapp.services.data.sources import is_labelled
from lensapp.services.train.runs import fitting_first, gives_features_only, has_network, what_differs
from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

LEARNED_FROM = "the network learned from it"


@dataclass(frozen=True)
class SourcesToScore:
    """Sources by name in the order in which they are offered.

    Attributes
    ----------
    remarks
        Name -> what speaks against a source in a few words, empty where nothing does.
    passed_over
        Names of those that are shown only where they are asked for.
    """

    remarks: dict[str, str]
    passed_over: frozenset[str]


def to_score(ws: Workspace, run: Run, offered: Sequence[Source]) -> SourcesToScore:
    """Return the sources that `run` may score: what fits and has no labels is what it was trained for.

    What it learned from says so where there is such a source, and is passed over until it is scored.
    """
    remarks = fitting_first(ws, run, offered)
    by_name = {source.name: source for source in offered}
    to_search = {name for name in remarks if not remarks[name] and not is_labelled(ws, by_name[name])}
    scored = set(stored_scores.scored_sources(ws, run.id))
    passed_over = {name for name, remark in remarks.items() if remark}
    if to_search and not run.is_external:
        learned = set(datasets.dataset_by_id(ws.database, run.dataset_id).source_ids)
        for name in remarks.keys() - to_search - passed_over:
            if by_name[name].id in learned:
                remarks[name] = LEARNED_FROM
                passed_over |= set() if by_name[name].id in scored else {name}
    ordered = sorted(remarks, key=lambda name: (bool(remarks[name]), name not in to_search))
    return SourcesToScore({name: remarks[name] for name in ordered}, frozenset(passed_over))


def score_refusal(ws: Workspace, *, run_name: str, source_name: str) -> str:
    """Return in a few words why a run cannot score a source as it is; empty where it can.

    Raises
    ------
    NotFound
        When there is no such run or source.
    """
    run, source = runs.get_run(ws.database, run_name), sources.get_source(ws.database, source_name)
    if gives_features_only(run):
        return "it gives no scores"
    if not run.is_external and not has_network(ws, run):
        return "it has no network yet"
    return what_differs(ws, run, source)
