"""Make a committee of trained runs: a run of its own, whose score combines those of its members."""

import time
from collections.abc import Sequence

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import BandMismatch, InvalidInput, LensAppError
from lensapp.core.train.committees import MODEL, Combination, CommitteeSpec, require_combination
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask, load_task, save_task
from lensapp.services.train.run_states import has_recipe, require_network
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import load_evaluation
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

COMMITTEE = "committee.json"
NORMALISATION = "normalisation.json"
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
    NotFound
        When a member does not exist.
    InvalidInput
        When there are too few members, one has no network or another task, learned from the test part, or
        lacks an evaluation for ranks; or when the name is taken.
    BandMismatch
        When members expect other bands, sizes or pixel scales.
    """
    found = [runs.get_run(ws.database, member) for member in dict.fromkeys(members)]
    if len(found) < 2:
        raise InvalidInput(
            f"Expected at least two different members, received {len(found)}. Name more trained runs."
        )
    for run in found:
        _require_member(ws, run)
    _require_same_task(ws, found, combine)
    normalisation = _common_normalisation(ws, found)
    dataset_id = max(run.dataset_id for run in found)
    _require_unseen_test_part(ws, found, dataset_id)
    spec = CommitteeSpec.parse(
        {
            "members": [run.name for run in found],
            "combine": combine,
            "reference": _reference(ws, found) if combine == "rank" else None,
            "task": load_task(ws.run_folder(found[0].name)).question().saved(),
        }
    )
    made = runs.create_run(ws.database, name=name, dataset_id=dataset_id, model=MODEL, spec=spec.saved())
    folder = ws.run_folder(made.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / NORMALISATION, normalisation.saved())
    write_json(folder / COMMITTEE, spec.saved())
    asked = load_task(ws.run_folder(found[0].name))
    save_task(folder, FittedTask() if asked.kind == "binary" else asked)
    summary = {"parameters": sum(int(run.summary.get("parameters") or 0) for run in found)}
    runs.update_run(ws.database, made.id, state="finished", summary=summary, finished_at=time.time())
    return runs.get_run(ws.database, made.name)


def members_of(ws: Workspace, run: Run) -> tuple[Run, ...]:
    """Return the members of a committee, none for any other run."""
    names = run.spec["members"] if run.model == MODEL else ()
    return tuple(runs.get_run(ws.database, name) for name in names)


def suggest_committee_name(ws: Workspace) -> str:
    """Return "committee-" with the next free number."""
    taken = {run.name for run in runs.list_runs(ws.database)}
    number = 1
    while f"{MODEL}-{number}" in taken:
        number += 1
    return f"{MODEL}-{number}"


def _require_member(ws: Workspace, run: Run) -> None:
    if run.model == MODEL:
        raise InvalidInput(
            f"Expected trained networks as members, received the committee {run.name}. Name its members."
        )
    require_network(ws, run)
    if not has_recipe(run):
        raise InvalidInput(f"Expected trained networks as members, received {run.name} ({run.model}).")


def _require_same_task(ws: Workspace, members: Sequence[Run], combine: Combination) -> None:
    first = load_task(ws.run_folder(members[0].name))
    for run in members[1:]:
        other = load_task(ws.run_folder(run.name))
        if _asked(other) != _asked(first):
            raise InvalidInput(
                f"Expected members with the task of {members[0].name} ({_asked(first)}), received "
                f"{run.name} ({_asked(other)}). Choose runs that were asked the same."
            )
    require_combination(combine, first.kind)


def _asked(task: FittedTask) -> str:
    if task.kind == "binary":
        return task.kind
    return f"{task.kind}: {', '.join(task.targets or task.classes)}" + (
        f"; positive: {', '.join(task.positive)}" if task.positive else ""
    )


def _common_normalisation(ws: Workspace, members: Sequence[Run]) -> FittedNormalisation:
    fitted = [
        FittedNormalisation.parse(read_json(ws.run_folder(run.name) / NORMALISATION)) for run in members
    ]
    for run, other in zip(members[1:], fitted[1:], strict=True):
        try:
            fitted[0].check(bands=other.bands, size=other.size, pixel_scale_arcsec=other.pixel_scale_arcsec)
        except BandMismatch as error:
            raise BandMismatch(
                f"{members[0].name} and {run.name} do not fit into one committee. {error} "
                "Choose members trained on cutouts alike."
            ) from error
    return fitted[0]


def _require_unseen_test_part(ws: Workspace, members: Sequence[Run], dataset_id: int) -> None:
    """Refuse a member that learned from the test part on which the committee will be measured."""
    held_out = set(datasets.member_columns(ws.database, dataset_id, part="test")["cutout_id"].tolist())
    for other in sorted({run.dataset_id for run in members} - {dataset_id}):
        columns = datasets.member_columns(ws.database, other)
        learned = columns["cutout_id"][columns["part"] != "test"].tolist()
        shared = len(held_out.intersection(learned))
        if shared:
            wrong = next(run.name for run in members if run.dataset_id == other)
            raise InvalidInput(
                "Expected members that never saw the test part of the newest dataset version, received "
                f"{wrong}, which learned from {shared} of its cutouts. Leave it out or train it anew."
            )


def _reference(ws: Workspace, members: Sequence[Run]) -> str:
    for part in REFERENCES:
        if all(_has_evaluation(ws, run, part) for run in members):
            return part
    lacking = [run.name for run in members if not _has_evaluation(ws, run, "test")]
    raise InvalidInput(
        "Expected members with stored scores to rank against, received none for "
        f"{', '.join(lacking)}. Evaluate them first, or combine by mean or median."
    )


def _has_evaluation(ws: Workspace, run: Run, part: str) -> bool:
    try:
        load_evaluation(ws.run_folder(run.name), part)
    except LensAppError:
        return False
    return True
