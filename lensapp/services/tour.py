"""The ten-minute tour: one round on a demo survey, each step ticked by what the workspace holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from lensapp.services.catalogue.usual_export import exported_after
from lensapp.services.data.demo import start_demo
from lensapp.services.data.source_names import free_name
from lensapp.services.data.sources import ready_sources
from lensapp.services.inspect.vote_log import voted_per_review
from lensapp.services.next_step import Round
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import datasets, reviews, runs
from lensapp.storage.records import Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

GRADED = 10


@dataclass(frozen=True)
class TourStep:
    """One step of the tour: what is done, one sentence on it, its page and view, and whether it is done."""

    title: str
    text: str
    page: str
    done: bool
    view: Mapping[str, str] | None = None


def begin_tour(ws: Workspace) -> str:
    """Queue a demo survey of the usual settings under a free name, which is returned."""
    name = free_name(ws, "demo")
    start_demo(ws, name=name, spec=DemoSpec())
    return name


def tour_of(ws: Workspace, stands: Round) -> list[TourStep]:
    """Return the steps of the tour: a step done once with the source selected, by any run, stays done."""
    stages = {stage.name: stage for stage in stands.stages}
    source = next((one for one in ready_sources(ws) if one.name == stands.selection.get("source")), None)
    once = _done_once(ws, source)
    return [
        TourStep(
            "Make a demo survey",
            "2 000 simulated galaxies in g, r and i; one in five is a lens, and the truth is kept.",
            "data",
            stages["Cutouts"].done,
        ),
        TourStep(
            "Split it",
            "Training, validation and test parts that share no object, frozen for good.",
            "split",
            stages["Dataset"].done,
        ),
        TourStep(
            "Train a network",
            "Choose a published recipe and start. The worker goes on while you look elsewhere.",
            "train",
            stages["Network"].done or "trained" in once,
        ),
        TourStep(
            "Evaluate it",
            "ROC, confusion and the worst mistakes on the test part, which training never saw.",
            "evaluate",
            stands.measured or "evaluated" in once,
        ),
        TourStep(
            "Score the survey",
            "Every cutout gets a score; the best come first.",
            "score",
            stages["Scores"].done or "scored" in once,
        ),
        TourStep(
            f"Grade {GRADED} candidates",
            "A, B, C or X on the keyboard; the key ? shows the others.",
            "inspect",
            "graded" in once,
        ),
        TourStep(
            "Export the catalogue",
            "Grades, scores and positions as one file; Catalogue, Export has other formats and every vote.",
            "catalogue",
            stages["Catalogue"].done or "exported" in once,
            view={"view": "export"},
        ),
    ]


def _done_once(ws: Workspace, source: Source | None) -> set[str]:
    """Return what was done with a source in any round, whatever run or review is current."""
    if source is None:
        return set()
    versions = {one.id for one in datasets.list_datasets(ws.database) if source.id in one.source_ids}
    trained = [one for one in runs.list_runs(ws.database) if one.dataset_id in versions]
    voted = voted_per_review(ws)
    of_source = [one for one in reviews.list_reviews(ws.database) if one.source_id == source.id]
    facts = {
        "trained": any(one.state == "finished" for one in trained),
        "evaluated": any(one.evaluation is not None for one in trained),
        "scored": any(scored == source.id for _, scored, _ in stored_scores.score_counts(ws)),
        "graded": any(voted.get(one.id, 0) >= min(GRADED, one.size) for one in of_source),
        "exported": exported_after(ws, source.name, source.created_at),
    }
    return {name for name, done in facts.items() if done}
