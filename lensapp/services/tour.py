"""The ten-minute tour: one round on a demo survey, each step ticked by what the workspace holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from lensapp.services.data.demo import start_demo
from lensapp.services.data.source_names import free_name
from lensapp.services.next_step import Round
from lensapp.simulation.survey import DemoSpec
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


def tour_of(stands: Round) -> list[TourStep]:
    """Return the steps of the tour as they stand for what is selected."""
    stages = {stage.name: stage for stage in stands.stages}
    votes = stages["Votes"]
    enough = min(GRADED, votes.of or GRADED)
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
            stages["Network"].done,
        ),
        TourStep(
            "Evaluate it",
            "ROC, confusion and the worst mistakes on the test part, which training never saw.",
            "evaluate",
            stands.measured,
        ),
        TourStep(
            "Score the survey",
            "Every cutout gets a score; the best come first.",
            "score",
            stages["Scores"].done,
        ),
        TourStep(
            f"Grade {GRADED} candidates",
            "A, B, C or X on the keyboard; the key ? shows the others.",
            "inspect",
            (votes.count or 0) >= enough,
        ),
        TourStep(
            "Export the catalogue",
            "Grades, scores and positions as FITS, CSV or VOTable, with every vote.",
            "catalogue",
            stages["Catalogue"].done,
            view={"view": "export"},
        ),
    ]
