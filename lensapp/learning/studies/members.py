"""Train one run of a study as a job of its own, which any worker may do."""

from typing import Any

from lensapp.core.errors import NotFound
from lensapp.core.progress import Progress, Report, ShouldStop
from lensapp.learning.studies.comparing import settle_run
from lensapp.learning.studies.crossval import settle_fold
from lensapp.learning.studies.tuning import settle_trial
from lensapp.storage import studies
from lensapp.storage.workspace import Workspace


def settle_member(
    workspace: Workspace, *, study_name: str, place: int, report: Report, should_stop: ShouldStop
) -> dict[str, Any]:
    """Bring the run at a place of a study to its end, or go on with it.

    Returns
    -------
    dict
        `study` and `place`; the figures are stored with the study.

    Raises
    ------
    NotFound
        When the study does not exist, or has no run at this place.
    JobCancelled
        When `should_stop` says so; what was learned is kept.
    LensAppError
        As the training of a fold; of a trial or a network of a comparison the reason is stored.
    """
    study = studies.get_study(workspace.database, study_name)
    if study.kind == "search":
        settle_trial(workspace, study, place, report=report, should_stop=should_stop)
        return {"study": study.name, "place": place}
    entries = studies.runs_of(workspace.database, study.id)
    entry = next((entry for entry in entries if entry.place == place), None)
    if entry is None:
        raise NotFound(f"{study.name} has no run at place {place}. 'jobs' lists what works on it.")

    def report_run(progress: Progress) -> None:
        report(progress | {"run": entry.run.name})

    settle = settle_fold if study.kind == "kfold" else settle_run
    settle(workspace, study, entry, report=report_run, should_stop=should_stop)
    return {"study": study.name, "place": place}
