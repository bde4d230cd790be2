"""Make a committee of trained runs: a run of its own, whose score combines those of its members."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.acting import needs
from lensapp.core.align import rows_of
from lensapp.core.config import read_json
from lensapp.core.errors import BandMismatch, InvalidInput, LensAppError
from lensapp.core.evaluate.combining import learn_combination
from lensapp.core.split.folds import DEVELOPMENT
from lensapp.core.train.committees import (
    LEARNED,
    MODEL,
    Combination,
    CommitteeSpec,
    require_combination,
)
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask, load_task
from lensapp.services.evaluate.differences import paired, scored
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.train.committee_runs import register_committee
from lensapp.services.train.runs import (
    has_recipe,
    numbered_name,
    require_scores,
    require_second_test_unseen_by,
)
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import load_evaluation
from lensapp.storage.files import NORMALISATION
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

REFERENCES = ("validation", "test")


@needs("work")
def make_committee(
    ws: Workspace,
    *,
    name: str,
    members: Sequence[str],
    combine: Combination = "mean",
    prior: float | None = None,
) -> Run:
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
        to the validation part (to the test part when not all members were evaluated on the former); or one
        of those that are fitted on the validation part, see
        `lensapp.core.evaluate.combining.learn_combination`.
    prior
        For "bayes": share of lenses among what will be scored; that of the validation part unless given.

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
        lacks an evaluation for ranks or for what is learned; or when the name is taken.
    """
    member_runs = [runs.get_run(ws.database, member) for member in dict.fromkeys(members)]
    task, normalisation = common_ground(ws, member_runs)
    require_combination(combine, task.kind)
    dataset_id = max(run.dataset_id for run in member_runs)
    require_unseen_test_part(ws, member_runs, dataset_id)
    learned = None
    if combine in LEARNED and task.kind == "binary":
        measured = evaluations_of(ws, member_runs, part="validation")
        together = scored_together(measured)
        networks = [str(one.stored.figures["network_sha256"]) for one in measured]
        learned = learn_combination(together.labels, together.scores, combine, networks=networks, prior=prior)
    elif prior is not None:
        raise InvalidInput(f"Combining by {combine} has no prior. Leave it out, or combine by bayes.")
    spec = CommitteeSpec.parse(
        {
            "members": [run.name for run in member_runs],
            "combine": combine,
            "reference": reference_part(ws, member_runs) if combine == "rank" else None,
            "learned": None if learned is None else learned.saved(),
            "task": task.question().saved(),
        }
    )
    return register_committee(
        ws,
        name=name,
        dataset_id=dataset_id,
        spec=spec,
        normalisation=normalisation.saved(),
        task=task,
        parameters=sum(int(run.summary.get("parameters") or 0) for run in member_runs),
    )


@dataclass(frozen=True, eq=False)
class ScoredTogether:
    """Cutouts of a part on which every member was measured.

    Attributes
    ----------
    labels, group_ids : shape (n,)
        Truth, and what is drawn together; None where cutouts stand for themselves.
    scores : float64, shape (members, n)
        What each member gave.
    """

    labels: NDArray[np.bool_]
    group_ids: NDArray[np.int64] | None
    scores: NDArray[np.float64]


def evaluations_of(ws: Workspace, members: Sequence[Run], *, part: str) -> tuple[Evaluation, ...]:
    """Return what was measured of all members on a part.

    Raises
    ------
    NotFound
        When a member was not evaluated on that part.
    InvalidInput
        When an evaluation is outdated.
    """
    evaluations = tuple(scored(ws, run.name, part=part) for run in members)
    for one in evaluations:
        if one.outdated or "network_sha256" not in one.stored.figures:
            raise InvalidInput(
                f"The stored scores of {one.run} on its {part} part are those of an earlier network. "
                f"Evaluate it again (`evaluate {one.run} --part {part}`)."
            )
    return evaluations


def scored_together(evaluations: Sequence[Evaluation]) -> ScoredTogether:
    """Return the stored scores of all members on the cutouts of a part that they share."""
    first = evaluations[0]
    rows = np.arange(len(first.labels))
    for other in evaluations[1:]:
        rows = np.intersect1d(rows, paired(first, other)[0])
    if not len(rows):
        names = ", ".join(one.run for one in evaluations)
        raise InvalidInput(
            f"The {first.part} parts of {names} have no cutouts in common. "
            "Choose runs of one dataset version."
        )
    ids = first.stored.cutout_ids[rows]
    scores = [one.scores[rows_of(ids, one.stored.cutout_ids)].astype(np.float64) for one in evaluations]
    groups = first.stored.group_ids
    return ScoredTogether(first.labels[rows], None if groups is None else groups[rows], np.stack(scores))


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
        require_scores(ws, run)
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
    newest = datasets.dataset_by_id(ws.database, dataset_id)
    for run in members:
        require_second_test_unseen_by(ws, newest, run)
    held_out = set(datasets.member_columns(ws.database, dataset_id, part="test")["cutout_id"].tolist())
    for other in sorted({run.dataset_id for run in members} - {dataset_id}):
        columns = datasets.member_columns(ws.database, other)
        learned = columns["cutout_id"][np.isin(columns["part"], DEVELOPMENT)].tolist()
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
