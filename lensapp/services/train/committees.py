"""Make a committee of trained runs: a run of its own, whose score combines those of its members."""

import time
from collections.abc import Sequence

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import BandMismatch, InvalidInput, LensAppError
from lensapp.core.train.committees import MODEL, Combination, CommitteeSpec, require_combination
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask, load_task, save_task
from lensapp.services.train.runs import has_recipe, numbered_name, require_network
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import load_evaluation
from lensapp.storage.files import COMMITTEE, NORMALISATION
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

REFERENCES = ("validation", "test")


def make_committee(ws: Workspace, *, name: str, members: Sequence[str], combine: Combination = "mean") -> Run:
    """Register a committee of runs; it is evaluated, scored with and compared like any run.

    Parameters
    ----------
    ws
        The workspace.
    name
        Name of the committee's run.
    members
        At least two runs with networks for the same bands, size, pixel scale and task.
    combine
        "mean", "median", or "rank": the mean of each score's rank among the scores that the member gave
        to the validation part (to the test part when not all members were evaluated on the former).

    Returns
    -------
    Run
        Its dataset is the newest of its members'; no other member has learned from the test part of that.

    Raises
    ------
    NotFound, BandMismatch
        When a member does not exist, or members expect other bands, sizes or pixel scales.
    InvalidInput
        When there are too few members, one has no network or another task, learned from the test part, or
        lacks an evaluation for ranks; or when the name is taken.
    """
    member_runs = [runs.get_run(ws.database, member) for member in dict.fromkeys(members)]
    task, normalisation = common_ground(ws, member_runs)
    require_combination(combine, task.kind)
    dataset_id = max(run.dataset_id for run in member_runs)
    require_unseen_test_part(ws, member_runs, dataset_id)
    spec = CommitteeSpec.parse(
        {
            "members": [run.name for run in member_runs],
            "combine": combine,
            "reference": reference_part(ws, member_runs) if combine == "rank" else None,
            "task": task.question().saved(),
        }
    )
    committee = runs.create_run(ws.database, name=name, dataset_id=dataset_id, model=MODEL, spec=spec.saved())
    folder = ws.run_folder(committee.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / NORMALISATION, normalisation.saved())
    write_json(folder / COMMITTEE, spec.saved())
    save_task(folder, FittedTask() if task.kind == "binary" else task)
    summary = {"parameters": sum(int(run.summary.get("parameters") or 0) for run in member_runs)}
    runs.update_run(ws.database, committee.id, state="finished", summary=summary, finished_at=time.time())
    return runs.get_run(ws.database, committee.name)


def members_of(ws: Workspace, run: Run) -> tuple[Run, ...]:
    """Return the members of a committee, none for any other run."""
    names = run.spec["members"] if run.model == MODEL else ()
    return tuple(runs.get_run(ws.database, name) for name in names)


def suggest_committee_name(ws: Workspace) -> str:
    """Return "committee-" with the next free number."""
    return numbered_name(MODEL, {run.name for run in runs.list_runs(ws.database)})


def common_ground(ws: Workspace, members: Sequence[Run]) -> tuple[FittedTask, FittedNormalisation]:
    """Return task and normalisation of the first member; refuse others for another task or other cutouts.

    The normalisation is that of the first that needs a unit of flux, if any does.
    """
    if len(members) < 2:
        raise InvalidInput("A committee needs at least two different members. Name more trained runs.")
    for run in members:
        if run.model == MODEL:
            raise InvalidInput(f"{run.name} is a committee itself. Name its members instead.")
        require_network(ws, run)
        if not has_recipe(run):
            raise InvalidInput(f"{run.name} ({run.model}) is no trained network. Leave it out.")
    folders = [ws.run_folder(run.name) for run in members]
    tasks = [load_task(folder) for folder in folders]
    fitted = [FittedNormalisation.parse(read_json(folder / NORMALISATION)) for folder in folders]
    for run, task, other in zip(members[1:], tasks[1:], fitted[1:], strict=True):
        if _question(task) != _question(tasks[0]):
            raise InvalidInput(
                f"The task of {run.name} ({_question(task)}) differs from that of {members[0].name} "
                f"({_question(tasks[0])}). Choose runs trained for the same task."
            )
        try:
            fitted[0].check(bands=other.bands, size=other.size, pixel_scale_arcsec=other.pixel_scale_arcsec)
        except BandMismatch as error:
            raise BandMismatch(
                f"{members[0].name} and {run.name} do not fit into one committee. {error} "
                "Choose members trained on cutouts alike."
            ) from error
        if fitted[0].unit != other.unit:
            raise BandMismatch(
                f"{members[0].name} and {run.name} do not fit into one committee: they read pixels in "
                "different units of flux. Choose members trained on cutouts alike."
            )
    return tasks[0], next((one for one in fitted if one.needs_unit), fitted[0])


def require_unseen_test_part(ws: Workspace, members: Sequence[Run], dataset_id: int) -> None:
    """Refuse a member that learned from the test part on which the committee will be measured."""
    held_out = set(datasets.member_columns(ws.database, dataset_id, part="test")["cutout_id"].tolist())
    for other in sorted({run.dataset_id for run in members} - {dataset_id}):
        columns = datasets.member_columns(ws.database, other)
        learned = columns["cutout_id"][columns["part"] != "test"].tolist()
        shared = len(held_out.intersection(learned))
        if shared:
            member = next(run.name for run in members if run.dataset_id == other)
            raise InvalidInput(
                f"{member} learned from {shared} cutouts of the test part of the newest dataset version, on "
                "which the committee will be measured. Leave it out or train it anew."
            )


def reference_part(ws: Workspace, members: Sequence[Run]) -> str:
    """Return the part for which all members have stored scores, against which each can be ranked."""
    for part in REFERENCES:
        lacking = []
        for run in members:
            try:
                load_evaluation(ws.run_folder(run.name), part)
            except LensAppError:
                lacking.append(run.name)
        if not lacking:
            return part
    raise InvalidInput(
        f"{', '.join(lacking)} cannot be ranked: no scores are stored for the test part. Evaluate first, or "
        "combine by mean or median."
    )


def _question(task: FittedTask) -> str:
    """Return what a task asks, in words that differ where tasks differ."""
    if task.kind == "binary":
        return task.kind
    return f"{task.kind}: {', '.join(task.targets or task.classes)}" + (
        f"; positive: {', '.join(task.positive)}" if task.positive else ""
    )
