"""Another run than the one that scores a source: one that has scored it already, or one that is better."""

from collections.abc import Sequence
from dataclasses import dataclass

from lensapp.services.train.better_runs import auroc_on_test, best_of, better_run, compared_in_words
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace


@dataclass(frozen=True)
class OtherRun:
    """Another run, and in a sentence why one would look at it."""

    run: Run
    why: str


def other_run(ws: Workspace, run: Run, source: Source, offered: Sequence[Run]) -> OtherRun | None:
    """Return the run of those offered to look at beside one, with the reason; None where there is none.

    That is one that has scored the source where the run has not, else a better one of the same version.
    """
    done = {run_id for run_id, _, _ in stored_scores.score_counts(ws, source_id=source.id)}
    better = better_run(ws, run)
    others = [one for one in offered if one.id in done and one.id != run.id]
    if run.id not in done and others:
        scorer = better if better is not None and better.id in done else best_of(others)
        return OtherRun(scorer, f"{scorer.name} has scored {source.name} already{_figures(scorer, run)}.")
    if better is None:
        return None
    scored = f" and has scored {source.name} too" if better.id in done else ""
    return OtherRun(better, f"{better.name} is better{scored}{_figures(better, run)}.")


def _figures(other: Run, run: Run) -> str:
    """Return the AUROC of both on the test part that they share; nothing where they share none."""
    if other.dataset_id != run.dataset_id or auroc_on_test(other) is None:
        return ""
    return f": test {compared_in_words(other, run)}"
