"""Another run than the one that scores a source: one that has scored it already, or one that is better."""

from collections.abc import Sequence
from dataclasses import replace

from lensapp.services.evaluate.compare.better_told import BetterRun, better_told, told_apart
from lensapp.services.train.better_runs import best_of
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace


def other_run(ws: Workspace, run: Run, source: Source, offered: Sequence[Run]) -> BetterRun | None:
    """Return the run of those offered to look at beside one, with the reason; None where there is none.

    That is one that has scored the source where the run has not, else a better one of the same version.
    """
    done = {run_id for run_id, _, _ in stored_scores.score_counts(ws, source_id=source.id)}
    better = better_told(ws, run)
    others = [one for one in offered if one.id in done and one.id != run.id]
    if run.id not in done and others:
        scorer = better.run if better is not None and better.run.id in done else best_of(others)
        named = (scorer.name, run.name, source.name)
        told = told_apart(ws, scorer, run)
        return BetterRun(scorer, f"{scorer.name} has scored {source.name} already. {told}".rstrip(), named)
    if better is not None and better.run.id in done:
        return replace(better, why=f"{better.why} It has scored {source.name} too.")
    return better
