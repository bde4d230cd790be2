"""The state of the round: how far each of its six stages is, and what comes next."""

from collections import Counter
from dataclasses import dataclass

from lensapp.core.inspect.consensus import grades_of_means, vote_values
from lensapp.services.inspect.votes import current_votes
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.records import Dataset, Review, Run, Source
from lensapp.storage.workspace import Workspace

GOOD_GRADES = ("A", "B")


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
    """All that the home page tells."""

    sources: tuple[Source, ...]
    datasets: tuple[Dataset, ...]
    runs: tuple[Run, ...]
    reviews: tuple[Review, ...]
    voted: dict[int, int]
    grades: dict[str, int]
    stages: tuple[Stage, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing has been imported yet."""
        return not self.sources

    @property
    def next_stage(self) -> Stage:
        """The first stage without anything in it, or the last."""
        return next((stage for stage in self.stages if not stage.done), self.stages[-1])


def overview(ws: Workspace) -> Overview:
    """Return how far the round is."""
    ready = tuple(source for source in sources.list_sources(ws.database) if source.state == "ready")
    versions = tuple(datasets.list_datasets(ws.database))
    trained = tuple(runs.list_runs(ws.database))
    saved = tuple(reviews.list_reviews(ws.database))
    votes = list(current_votes(reviews.votes_of(ws.database)).values())
    letters = grades_of_means(vote_values(votes)).tolist()
    grades = Counter(letters)
    good = len({vote.cutout_id for vote, letter in zip(votes, letters, strict=True) if letter in GOOD_GRADES})
    stages = (
        _cutouts(ws, ready),
        _dataset(versions),
        _network(trained),
        _scores(ws, trained),
        _votes(len(votes), len({vote.inspector for vote in votes}), saved),
        Stage(
            "Catalogue",
            good,
            "A or B candidates",
            "export, or feed back" if good else "",
            "Open",
            "catalogue",
        ),
    )
    return Overview(
        ready, versions, trained, saved, reviews.votes_per_review(ws.database), dict(grades), stages
    )


def _cutouts(ws: Workspace, ready: tuple[Source, ...]) -> Stage:
    count = sum(sources.count_cutouts(ws.database, source.id) for source in ready)
    surveys = f"{len(ready)} source" + ("s" if len(ready) > 1 else "")
    detail = f"{surveys}, newest {ready[0].name}" if ready else "nothing imported"
    return Stage("Cutouts", count, "cutouts", detail, "Look" if ready else "Import", "data")


def _dataset(versions: tuple[Dataset, ...]) -> Stage:
    detail = "no version frozen"
    if versions:
        newest = versions[0]
        detail = f"{newest.name}: {sum(sum(part.values()) for part in newest.counts.values())} members"
    return Stage("Dataset", len(versions), "versions", detail, "Split", "split")


def _network(trained: tuple[Run, ...]) -> Stage:
    detail = "none trained"
    if trained:
        detail = f"{trained[0].name}, {trained[0].state}"
    return Stage("Network", len(trained), "runs", detail, "Train", "train")


def _scores(ws: Workspace, trained: tuple[Run, ...]) -> Stage:
    counts = runs.score_counts(ws.database)
    names = {run.id: run.name for run in trained}
    detail = "none scored"
    if counts:
        run_id, _, count = max(counts)
        detail = f"{count} by {names.get(run_id, run_id)}"
    return Stage("Scores", sum(count for _, _, count in counts), "scores", detail, "Score", "score")


def _votes(count: int, inspectors: int, saved: tuple[Review, ...]) -> Stage:
    detail = (
        f"{inspectors} inspector" + ("s" if inspectors != 1 else "") if count else "nobody has graded yet"
    )
    if saved and not count:
        detail = f"review {saved[0].name} waits"
    return Stage("Votes", count, "votes", detail, "Inspect", "inspect")
