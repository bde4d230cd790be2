"""The ten-minute tour: one round on a demo survey, each step ticked by what the workspace holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from lensapp.core.plurals import counted, thin_spaced
from lensapp.services.catalogue.usual_export import exported_after
from lensapp.services.data.demo import KIND as DEMO
from lensapp.services.data.demo import (
    free_demo_name,
    labelled_beside,
    searched_with,
    start_demo_with_survey,
)
from lensapp.services.data.sources import count_cutouts, ready_sources
from lensapp.services.inspect.vote_log import voted_per_review
from lensapp.services.next_step import Round
from lensapp.simulation.survey import BesideSpec, DemoSpec
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


EXPORT, FEED_BACK = {"view": "export"}, {"view": "feed-back"}
STEPS: dict[str, tuple[str, str, str, Mapping[str, str] | None]] = {
    "made": (
        "Make a demo survey",
        "{} simulated galaxies with labels to learn from{}.",
        "data",
        None,
    ),
    "split": (
        "Split it",
        "Training, validation and test parts that share no object, frozen for good.",
        "split",
        None,
    ),
    "trained": (
        "Train a network",
        "Choose a published recipe and start. The worker goes on while you look elsewhere.",
        "train",
        None,
    ),
    "evaluated": (
        "Evaluate it",
        "ROC, confusion and the worst mistakes on the test part, which training never saw.",
        "evaluate",
        None,
    ),
    "scored": ("Score the survey", "Every cutout gets a score; the best come first.", "score", None),
    "graded": (
        f"Grade {GRADED} candidates",
        "A, B, C or X on the keyboard; the key ? shows the others.",
        "inspect",
        None,
    ),
    "exported": (
        "Export the catalogue",
        "Grades, scores and positions as one file; Catalogue, Export has other formats and every vote.",
        "catalogue",
        EXPORT,
    ),
    "fed back": (
        "Feed the grades back",
        "What was graded a lens, or none, becomes a label of the next dataset version.",
        "catalogue",
        FEED_BACK,
    ),
    "trained again": (
        "Train again",
        "On that version; its network scores the survey anew, and the round begins again.",
        "train",
        None,
    ),
}
"""What is done → title, one sentence, page and view of each step, in their order."""


def begin_tour(ws: Workspace) -> str:
    """Queue a demo survey of the usual settings, and one to search, under free names; return the first."""
    name = free_demo_name(ws)
    start_demo_with_survey(ws, name=name, spec=DemoSpec(), beside=BesideSpec())
    return name


def tour_of(ws: Workspace, stands: Round) -> list[TourStep]:
    """Return the steps of the tour: a step done once with the sources of the round, by any run, stays done.

    These are the source selected and the one that was made with it, with or without labels.
    """
    stages = {stage.name: stage for stage in stands.stages}
    source = next((one for one in ready_sources(ws) if one.name == stands.selection.get("source")), None)
    labelled = None if source is None else labelled_beside(ws, source) or source
    searched = None if labelled is None else searched_with(ws, labelled)
    now = {
        "made": stages["Cutouts"].done,
        "split": stages["Dataset"].done,
        "trained": stages["Network"].done,
        "evaluated": stands.measured,
        "exported": stages["Catalogue"].done,
    }
    done = _done_once(ws, labelled, searched) | {name for name, reached in now.items() if reached}
    own = {} if searched is None else {"scored": f"Score {searched.name}"}
    told = {"made": _what_is_made(ws, labelled, searched)}
    return [
        TourStep(own.get(name, title), told.get(name, text), page, name in done, view)
        for name, (title, text, page, view) in STEPS.items()
    ]


def _what_is_made(ws: Workspace, labelled: Source | None, searched: Source | None) -> str:
    """Return what the sources of a tour hold, or what they will hold before there are any."""
    if labelled is not None and labelled.kind != DEMO:
        return f"{counted(count_cutouts(ws, labelled), 'cutout')} of {labelled.name} stand in for it."
    if labelled is None:
        beside_it = BesideSpec().of(DemoSpec())
        to_learn, to_search = DemoSpec().count, 0 if beside_it is None else beside_it.count
    else:
        to_learn, to_search = (0 if one is None else count_cutouts(ws, one) for one in (labelled, searched))
    beside = f", and {thin_spaced(to_search)} elsewhere without, to search" if to_search else ""
    return STEPS["made"][1].format(thin_spaced(to_learn), beside)


def _done_once(ws: Workspace, labelled: Source | None, searched: Source | None) -> set[str]:
    """Return what was done with the sources of a tour in any round, whatever run or review is current."""
    if labelled is None:
        return set()
    source = searched or labelled
    versions = [one for one in datasets.list_datasets(ws.database) if labelled.id in one.source_ids]
    fed = {one.id for one in versions if "reviews" in one.spec and source.id in one.source_ids}
    of_versions = {one.id for one in versions}
    trained = [one for one in runs.list_runs(ws.database) if one.dataset_id in of_versions]
    voted = voted_per_review(ws)
    of_source = [one for one in reviews.list_reviews(ws.database) if one.source_id == source.id]
    facts = {
        "split": bool(versions),
        "trained": any(one.state == "finished" for one in trained),
        "evaluated": any(one.evaluation is not None for one in trained),
        "scored": any(scored == source.id for _, scored, _ in stored_scores.score_counts(ws)),
        "graded": any(voted.get(one.id, 0) >= min(GRADED, one.size) for one in of_source),
        "exported": exported_after(ws, source.name, source.created_at),
        "fed back": bool(fed),
        "trained again": any(one.state == "finished" and one.dataset_id in fed for one in trained),
    }
    return {name for name, done in facts.items() if done}
