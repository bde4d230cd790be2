"""The state of the round: how far each of its six stages is, and what comes next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lensapp.core.evaluate.histogram import lower_edges
from lensapp.core.plurals import counted, noun, thin_spaced
from lensapp.services.catalogue.usual_export import exported_after
from lensapp.services.data.sources import count_cutouts, is_labelled, ready_sources
from lensapp.services.inspect.queues import list_reviews
from lensapp.services.inspect.vote_log import GOOD_GRADES, Standing, cutouts_graded, graded_last, standing
from lensapp.services.score.scores import ScoresState, state_of_scores
from lensapp.services.train.run_listing import studies_last, study_of_runs
from lensapp.services.train.starter import is_starter, starter_bands
from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Dataset, Review, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

UNDER_WAY = ("queued", "running", "paused")
HISTOGRAM_BINS = 16
LOOKED_AT = 400  # cutouts among which there may be lenses to show


@dataclass(frozen=True)
class Stage:
    """One stage of the round.

    Attributes
    ----------
    count, unit
        What there is, such as 2000 cutouts.
    detail
        One line on the newest of it.
    action, page
        What to do there, and the page to do it on.
    """

    name: str
    count: int
    unit: str
    detail: str
    action: str
    page: str

    @property
    def done(self) -> bool:
        """Whether the stage has anything to show."""
        return self.count > 0


@dataclass(frozen=True)
class Overview:
    """What the home page shows.

    `scores` are (run id, source id, number of scores) of each pair with some, in rising order, those of
    folds and trials first, then those of tables;
    `skipped` are pages of stages that nothing can be done in yet.
    """

    sources: tuple[Source, ...]
    datasets: tuple[Dataset, ...]
    runs: tuple[Run, ...]
    reviews: tuple[Review, ...]
    voted: dict[int, int]
    grades: dict[str, int]
    stages: tuple[Stage, ...]
    scores: tuple[tuple[int, int, int], ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing has been imported yet."""
        return not self.sources


def overview(ws: Workspace) -> Overview:
    """Return how far the round is."""
    ready = tuple(ready_sources(ws))
    versions = tuple(datasets.list_datasets(ws.database))
    trained = tuple(runs.list_runs(ws.database))
    opened = tuple(list_reviews(ws))
    cutouts = sum(count_cutouts(ws, source) for source in ready)
    of_studies = study_of_runs(ws)
    tables = {run.id for run in trained if run.is_external}
    scores = sorted(
        stored_scores.score_counts(ws), key=lambda one: (one[0] not in of_studies, one[0] not in tables)
    )
    cast = standing(ws)

    # One line on the newest of each stage.
    newest_source, newest_version = "nothing imported", "no version frozen"
    newest_scores, inspecting = "none scored", "nobody has graded yet"
    if ready:
        newest_source = ready[0].name if len(ready) == 1 else f"in {counted(len(ready), 'source')}"
    if versions:
        members = sum(sum(part.values()) for part in versions[0].counts.values())
        newest_version = f"{versions[0].name}: {counted(members, 'member')}"
    made = [run for run in trained if not is_starter(run)]
    unlabelled = bool(ready) and not versions and not any(is_labelled(ws, source) for source in ready)
    scorable = bool(trained) or any(source.bands == starter_bands() for source in ready)
    if unlabelled and scorable and not scores:
        newest_version, newest_scores = "no labels yet", "none; the starter network can"
    if scores:
        run_id, _, count = scores[-1]
        names = {run.id: run.name for run in trained}
        newest_scores = f"{thin_spaced(count)} by {names.get(run_id, run_id)}"
    if cast.votes:
        inspecting = counted(cast.inspectors, "inspector")
    elif opened:
        inspecting = f"review {opened[0].name} waits"

    total_scores = sum(count for _, _, count in scores)
    export = "" if not cast.good else _export_in_words(ws, ready, opened, cast)
    stages = (
        Stage(
            "Cutouts", cutouts, noun(cutouts, "cutout"), newest_source, "Look" if ready else "Import", "data"
        ),
        Stage("Dataset", len(versions), noun(len(versions), "version"), newest_version, "Split", "split"),
        Stage(
            "Network", len(made), noun(len(made), "run"), _newest_network(ws, made, trained), "Train", "train"
        ),
        Stage("Scores", total_scores, noun(total_scores, "score"), newest_scores, "Score", "score"),
        Stage("Votes", cast.votes, noun(cast.votes, "vote"), inspecting, "Inspect", "inspect"),
        Stage("Catalogue", cast.good, f"A or B {noun(cast.good, 'candidate')}", export, "Open", "catalogue"),
    )
    return Overview(ready, versions, trained, opened, cast.voted, dict(cast.grades), stages, tuple(scores))


def _newest_network(ws: Workspace, made: Sequence[Run], trained: Sequence[Run]) -> str:
    """Return the name and state of the newest run that was made here."""
    if made:
        newest = studies_last(ws, made)[0]
        return f"{newest.name}, {state_in_words(newest)}"
    return "the starter network only" if trained else "none trained"


def state_in_words(run: Run) -> str:
    """Return the state of a run; whether it waits or learns is said where its job is followed, at once."""
    return "under way" if run.state in ("queued", "running") else run.state


def _export_in_words(ws: Workspace, ready: Sequence[Source], opened: Sequence[Review], cast: Standing) -> str:
    """Return whether the sources that were graded are exported with their last vote."""
    names = {source.id: source.name for source in ready}
    voted = [
        (names[one.source_id], cast.received[one.id])
        for one in opened
        if one.id in cast.received and one.source_id in names
    ]
    if all(exported_after(ws, name, received) for name, received in voted):
        return "exported with the last vote"
    return "ready to export or feed back"


def newest_run(ws: Workspace, facts: Overview) -> Run | None:
    """Return the run that the card of the networks names: the newest, folds and trials last; None without."""
    return next(iter(studies_last(ws, facts.runs)), None)


def last_graded(ws: Workspace) -> dict[str, str]:
    """Return the names of the review graded last (`review`), its `source` and its `run`.

    Left out are the source and the run where another was made after that vote, or is being trained: the
    newest was then worked on last.
    """
    last = graded_last(ws)
    if last is None:
        return {}
    review, received_at = last
    names = {"review": review.name}
    source = sources.source_by_id(ws.database, review.source_id)
    usual = next(iter(ready_sources(ws)), source)  # no handful of cutouts that was looked at since
    if usual.created_at <= received_at:
        names["source"] = source.name
    trained = runs.list_runs(ws.database)
    newer = [one for one in trained if one.created_at > received_at or one.state in UNDER_WAY]
    if review.run_id is not None and not newer:
        names["run"] = runs.run_by_id(ws.database, review.run_id).name
    return names


def example_cutouts(ws: Workspace, source: Source, *, count: int = 4) -> list[int]:
    """Return some of the first cutouts of a source, lenses where it has any."""
    columns = sources.cutout_columns(ws.database, [source.id], columns=("id", "label"), limit=LOOKED_AT)
    lenses = columns["id"][columns["label"] == "lens"]
    examples: list[int] = (lenses if len(lenses) else columns["id"])[:count].tolist()
    return examples


def best_graded(ws: Workspace, facts: Overview, *, count: int = 4) -> tuple[str, list[int]]:
    """Return the best grade that candidates of the newest reviewed source have, and some of these."""
    for source in facts.sources:
        graded = [one for one in facts.reviews if one.source_id == source.id and facts.voted.get(one.id)]
        for grade in GOOD_GRADES if graded else ():
            ids = cutouts_graded(ws, grade, graded, limit=count)
            if ids:
                return grade, ids
    return "", []


def validation_losses(ws: Workspace, run: Run) -> list[float]:
    """Return the validation loss of each epoch of a run, NaN where it has none."""
    return [float(row.get("val_loss") or math.nan) for row in runs.metrics_of(ws.database, run.id)]


def score_histogram(ws: Workspace, facts: Overview) -> tuple[float, ...]:
    """Return log(1 + number of scores) in equal bins from 0 to 1, of the newest run that has scored.

    A network comes before a table.
    """
    run_id, source_id, _ = facts.scores[-1]
    run, source = runs.run_by_id(ws.database, run_id), sources.source_by_id(ws.database, source_id)
    return _score_histogram(ws, run_id, source_id, state_of_scores(ws, run, [source]))


@lru_cache(maxsize=16)
def _score_histogram(ws: Workspace, run_id: int, source_id: int, _state: ScoresState) -> tuple[float, ...]:
    fine = stored_scores.histogram_of(ws, run_id, source_id)
    counts, _ = np.histogram(lower_edges(), HISTOGRAM_BINS, (0.0, 1.0), weights=fine)
    return tuple(np.log1p(counts).tolist())
