"""Register committees, and make one of the networks that a training kept at the end of each cycle."""

import shutil
import time
from typing import Any

from lensapp.core.config import read_json, write_json
from lensapp.core.train.committees import MODEL, CommitteeSpec
from lensapp.core.train.tasks import TASK, FittedTask, load_task, save_task
from lensapp.core.train.training_spec import CyclicSchedule, TrainingSpec
from lensapp.services.train.runs import numbered_name
from lensapp.storage import runs
from lensapp.storage.files import COMMITTEE, NETWORK, NORMALISATION, SPEC, TRAINING_PART, snapshot_file
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

SHARED_FILES = (SPEC, TASK, NORMALISATION, TRAINING_PART)


def register_committee(
    ws: Workspace,
    *,
    name: str,
    dataset_id: int,
    spec: CommitteeSpec,
    normalisation: dict[str, Any],
    task: FittedTask,
    parameters: int,
) -> Run:
    """Register a committee whose members exist, with what its folder holds."""
    committee = runs.create_run(ws.database, name=name, dataset_id=dataset_id, model=MODEL, spec=spec.saved())
    folder = ws.run_folder(committee.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / NORMALISATION, normalisation)
    write_json(folder / COMMITTEE, spec.saved())
    save_task(folder, FittedTask() if task.kind == "binary" else task)
    runs.update_run(
        ws.database,
        committee.id,
        state="finished",
        summary={"parameters": parameters},
        finished_at=time.time(),
    )
    return runs.get_run(ws.database, committee.name)


def gather_snapshots(ws: Workspace, run_name: str) -> str | None:
    """Make runs of the networks that a training kept at the end of its cycles, and a committee of them.

    None where there are not two of them, or where the training left out a fold: parts of the dataset on which
    a committee is measured would have trained it. One that was made before is returned.
    """
    run = runs.get_run(ws.database, run_name)
    spec, folder = TrainingSpec.parse(run.spec), ws.run_folder(run.name)
    made: str | None = run.summary.get("committee")
    schedule = spec.schedule
    if made or spec.fold is not None or not isinstance(schedule, CyclicSchedule):
        return made
    rows = [
        row
        for row in runs.metrics_of(ws.database, run.id)
        if schedule.ends(row["epoch"], spec.epochs) and (folder / snapshot_file(row["epoch"])).exists()
    ]
    if len(rows) < 2:
        return None
    taken = {one.name for one in runs.list_runs(ws.database)}
    with ws.database.whole():
        members: list[str] = []
        for row in rows:
            members.append(numbered_name(f"{run.name}-cycle", taken | set(members)))
            _register_snapshot(ws, run, name=members[-1], row=row)
        committee = register_committee(
            ws,
            name=numbered_name(f"{run.name}-cycles", taken),
            dataset_id=run.dataset_id,
            spec=CommitteeSpec.parse({"members": members, "task": load_task(folder).question().saved()}),
            normalisation=read_json(folder / NORMALISATION),
            task=load_task(folder),
            parameters=len(members) * int(run.summary.get("parameters") or 0),
        )
        runs.update_run(ws.database, run.id, summary=run.summary | {"committee": committee.name})
    return committee.name


def _register_snapshot(ws: Workspace, run: Run, *, name: str, row: dict[str, Any]) -> None:
    """Register the network of the epoch that `row` measures as a run that has ended."""
    member = runs.create_run(
        ws.database,
        name=name,
        dataset_id=run.dataset_id,
        model=run.model,
        spec=run.spec,
        initial_run_id=run.initial_run_id,
    )
    source, folder = ws.run_folder(run.name), ws.run_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    for file in SHARED_FILES:
        shutil.copy2(source / file, folder / file)
    shutil.copy2(source / snapshot_file(row["epoch"]), folder / NETWORK)
    kept = {key: run.summary[key] for key in ("parameters", "device") if key in run.summary}
    summary = kept | {"epochs": row["epoch"], "best_epoch": row["epoch"], "best": row}
    runs.update_run(ws.database, member.id, state="finished", summary=summary, finished_at=time.time())
