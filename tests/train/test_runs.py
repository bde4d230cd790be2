"""Starting, steering and following runs through the service, on a real database and no network library."""

import copy
import time
from pathlib import Path

import numpy as np
import pytest

from lensapp import jobs
from lensapp.cli import main
from lensapp.core.config import write_json
from lensapp.core.errors import BandMismatch, InvalidInput, NotFound
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import job_control, runs
from lensapp.storage import datasets, queue, sources
from lensapp.storage import runs as run_table
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "workspace", database_url=f"sqlite:///{tmp_path / 'test.db'}")


def add_source(ws: Workspace, name: str, *, bands: str = "gri", size: int = 8, scale: float = 0.2) -> int:
    source = sources.create_source(
        ws.database,
        name=name,
        kind="demo",
        bands=list(bands),
        height=size,
        width=size,
        slots=4,
        pixel_scale_arcsec=scale,
        spec={},
    )
    sources.finish_source(ws.database, source.id, quality={})
    return source.id


def add_dataset(ws: Workspace, name: str = "sky-v1", *, lenses: int = 2, bands: str = "gri") -> None:
    counts = {part: {"lens": lenses, "nonlens": 2} for part in ("train", "validation", "test")}
    datasets.create_dataset(
        ws.database,
        name=name,
        source_ids=[add_source(ws, f"{name}-source", bands=bands)],
        bands=list(bands),
        spec={},
        counts=counts,
        checksum="0",
        members=[],
    )


def started(ws: Workspace) -> Run:
    return runs.start_training(ws, dataset_name="sky-v1", spec=TrainingSpec())[0]


def store_network(ws: Workspace, run: Run) -> None:
    ws.run_folder(run.name).mkdir(parents=True)
    (ws.run_folder(run.name) / "best.keras").write_bytes(b"")
    fitted = FittedNormalisation(
        kind="none",
        softening=1.0,
        centre=(0, 0, 0),
        scale=(1, 1, 1),
        gain=(1, 1, 1),
        bands=("g", "r", "i"),
        size=(8, 8),
        pixel_scale_arcsec=0.2,
    )
    write_json(ws.run_folder(run.name) / "normalisation.json", fitted.saved())


def test_a_training_registers_a_run_and_queues_its_job(ws: Workspace) -> None:
    add_dataset(ws)
    run, job = runs.start_training(ws, dataset_name="sky-v1", spec=TrainingSpec(epochs=3))
    assert run.name == "elu_cnn-1"
    assert run.spec["epochs"] == 3
    assert (job.kind, job.payload) == ("train", {"run": "elu_cnn-1"})
    assert runs.suggest_run_name(ws, "elu_cnn") == "elu_cnn-2"
    assert runs.run_status(ws, run.name).state == "queued"


def test_an_unknown_dataset_is_refused_and_nothing_is_queued(ws: Workspace) -> None:
    with pytest.raises(NotFound, match="no dataset called 'none'"):
        runs.start_training(ws, dataset_name="none", spec=TrainingSpec())
    assert not jobs.active(ws.database)


def test_a_dataset_without_lenses_is_refused(ws: Workspace) -> None:
    add_dataset(ws, lenses=0)
    with pytest.raises(InvalidInput, match="train part of sky-v1 needs both lenses and non-lenses"):
        started(ws)
    assert not run_table.list_runs(ws.database)


def test_a_warm_start_needs_the_same_network_a_stored_network_and_the_same_bands(ws: Workspace) -> None:
    add_dataset(ws)
    add_dataset(ws, "other-v1", bands="rgi")
    first = started(ws)
    spec = TrainingSpec()
    with pytest.raises(InvalidInput, match="elu_cnn-1 is queued and has stored no trained network"):
        runs.start_training(ws, dataset_name="sky-v1", spec=spec, initial_run=first.name)
    store_network(ws, first)
    with pytest.raises(
        BandMismatch, match="elu_cnn-1 was trained on the bands g,r,i, but other-v1 has r,g,i"
    ):
        runs.start_training(ws, dataset_name="other-v1", spec=spec, initial_run=first.name)
    with pytest.raises(InvalidInput, match="A lens_cnn cannot continue from elu_cnn-1"):
        runs.start_training(
            ws, dataset_name="sky-v1", spec=TrainingSpec(network="lens_cnn"), initial_run=first.name
        )
    second, _ = runs.start_training(ws, dataset_name="sky-v1", spec=spec, initial_run=first.name)
    assert second.initial_run_id == first.id
    assert second.spec["initial_run"] == first.name


def test_pause_stop_and_resume_follow_the_job(ws: Workspace) -> None:
    add_dataset(ws)
    run = started(ws)
    with pytest.raises(InvalidInput, match="elu_cnn-1 is queued: only a running run"):
        job_control.pause(ws, runs.run_status(ws, run.name))
    job = queue.claim_job(ws.database, worker="w")
    assert job is not None
    job_control.pause(ws, runs.run_status(ws, run.name))
    assert runs.run_status(ws, run.name).state == "pausing"
    seen = runs.run_status(ws, run.name)
    job_control.stop(ws, seen)
    with pytest.raises(InvalidInput, match="is stopping by now: there is nothing to pause"):
        job_control.pause_job(ws, job.id)  # as another tab asks, which has not seen the stop
    queue.update_job(ws.database, job, state="paused", command=None)
    assert runs.run_status(ws, run.name).can_resume
    job_control.resume(ws, runs.run_status(ws, run.name))
    assert runs.run_status(ws, run.name).state == "queued"
    job_control.stop(ws, runs.run_status(ws, run.name))
    assert runs.run_status(ws, run.name).state == "stopped"
    assert run_table.get_run(ws.database, run.name).state == "stopped"
    with pytest.raises(InvalidInput, match="nothing to stop"):
        job_control.stop(ws, runs.run_status(ws, run.name))


def test_a_pause_that_comes_when_the_work_is_done_is_told(ws: Workspace) -> None:
    add_dataset(ws)
    run = started(ws)
    job = queue.claim_job(ws.database, worker="w")
    assert job is not None
    job_control.pause(ws, runs.run_status(ws, run.name))
    jobs.RunningJob(ws.database, job).finish("done", result={})
    status = runs.run_status(ws, run.name)
    assert (status.state, status.command_too_late) == ("finished", "pause")


def test_a_run_whose_worker_went_silent_is_stalled(ws: Workspace) -> None:
    add_dataset(ws)
    run = started(ws)
    job = queue.claim_job(ws.database, worker="w")
    assert job is not None
    queue.update_job(ws.database, job, heartbeat_at=time.time() - 60)
    assert [status.state for status in runs.list_statuses(ws)] == ["stalled"]
    job_control.stop(ws, runs.run_status(ws, run.name))  # nobody else would ever end it
    assert runs.run_status(ws, run.name).state == "stopped"
    assert not queue.update_job(
        ws.database, job, progress={}
    )  # its worker was only slow: it has lost the job


@pytest.mark.parametrize("lacking", ["mlflow", "augmentation.mixup_alpha"])
def test_a_training_that_an_older_version_began_is_the_same_training(ws: Workspace, lacking: str) -> None:
    add_dataset(ws)
    run = started(ws)
    older = copy.deepcopy(run.spec)
    *parents, name = lacking.split(".")
    held = older
    for parent in parents:
        held = held[parent]
    del held[name]
    run_table.update_run(ws.database, run.id, spec=older)
    spec = TrainingSpec.parse(run.spec)
    found = runs.unfinished_training(ws, dataset_name="sky-v1", spec=spec, name=run.name)
    assert found is not None
    assert found[0].name == run.name
    other = spec.replaced(epochs=spec.epochs + 1)
    assert runs.unfinished_training(ws, dataset_name="sky-v1", spec=other, name=run.name) is None


def test_long_histories_are_thinned_but_keep_both_ends(ws: Workspace) -> None:
    add_dataset(ws)
    run = started(ws)
    for epoch in range(1, 31):
        figures = {"loss": 1 / epoch} | ({"val_auc": 0.5} if epoch > 3 else {})
        run_table.put_metrics(ws.database, run.id, epoch, figures)
    columns = runs.overlay_columns(ws, [run.name], limit=10)[run.name]
    assert columns["epoch"].size == 10
    assert (columns["epoch"][0], columns["epoch"][-1]) == (1, 30)
    assert np.isnan(columns["val_auc"][0])
    assert len(runs.history(ws, run.name)) == 30


def test_an_evaluation_is_queued_once_and_only_for_a_stored_network(ws: Workspace) -> None:
    add_dataset(ws)
    run = started(ws)
    with pytest.raises(InvalidInput, match="has stored no trained network"):
        runs.start_evaluation(ws, run_name=run.name)
    store_network(ws, run)
    job = runs.start_evaluation(ws, run_name=run.name)
    assert job.payload == {"run": run.name, "part": "test"}
    assert runs.start_evaluation(ws, run_name=run.name).id == job.id
    with pytest.raises(InvalidInput, match="train, validation, test"):
        runs.start_evaluation(ws, run_name=run.name, part="holdout")


@pytest.mark.parametrize(
    ("bands", "size", "scale", "message"),
    [
        ("rgi", 8, 0.2, "the order differs"),
        ("ugr", 8, 0.2, "the names differ"),
        ("gri", 10, 0.2, "8×8 pixels, but these have 10×10"),
        ("gri", 8, 0.3, "pixel scale of 0.2 arcsec"),
    ],
)
def test_a_source_that_differs_is_refused_saying_how(
    ws: Workspace, bands: str, size: int, scale: float, message: str
) -> None:
    add_dataset(ws)
    run = started(ws)
    store_network(ws, run)
    add_source(ws, "other", bands=bands, size=size, scale=scale)
    with pytest.raises(BandMismatch, match=message):
        runs.start_scoring(ws, run_name=run.name, source_name="other")


def test_a_scoring_is_queued_for_a_source_that_fits(ws: Workspace) -> None:
    add_dataset(ws)
    run = started(ws)
    store_network(ws, run)
    add_source(ws, "other")
    job = runs.start_scoring(ws, run_name=run.name, source_name="other")
    assert job.payload == {"run": run.name, "source": "other", "dask": None, "precision": "auto"}
    assert jobs.active_job(ws.database, "score", run=run.name) == job


def test_a_job_is_paused_and_stopped_by_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    add_dataset(ws)
    run = started(ws)
    job = queue.claim_job(ws.database, worker="w")
    assert job is not None

    def ask(word: str) -> tuple[int, str]:
        code = main(["--workspace", str(ws.folder), word, str(job.id)])
        told = capsys.readouterr()
        return code, told.out + told.err

    assert ask("pause")[0] == 0
    assert runs.run_status(ws, run.name).state == "pausing"
    assert ask("stop")[0] == 0
    assert runs.run_status(ws, run.name).state == "stopping"  # its worker is asked
    queue.update_job(ws.database, job, state="paused")
    assert ask("stop")[0] == 0
    assert runs.run_status(ws, run.name).state == "stopped"
    for word, told in (("stop", "there is nothing to stop"), ("pause", "only a running job can be paused")):
        code, answer = ask(word)
        assert code == 2
        assert told in answer
