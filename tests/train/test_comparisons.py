"""Comparisons: one budget for all, one failure that stops nobody else, and the table they end in."""

import json
from pathlib import Path

import pytest

from lensapp.cli import main
from lensapp.core.errors import InvalidInput, JobCancelled, NotFound
from lensapp.core.progress import Progress
from lensapp.core.train.comparison_spec import ComparisonSpec, entries_of
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.studies.comparing import Budget, compare
from lensapp.services.train import job_control
from lensapp.services.train.comparisons import compared_in, compared_runs, start_comparison
from lensapp.services.train.studies import study_status, unfinished_study
from lensapp.storage import runs, studies
from support.scoring_workspace import SPEC, Trained, train_tiny

OPTIONS = json.dumps({"elu_cnn": {**SPEC.network_options, "filters": 1}})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    made = train_tiny(tmp_path_factory.mktemp("compare") / "workspace")
    run = runs.get_run(made.workspace.database, "first")
    runs.update_run(made.workspace.database, run.id, state="finished")
    evaluate_run(made.workspace, run_name="first")  # once for all tests
    return made


def test_a_budget_counts_from_the_first_question_and_what_was_spent_before() -> None:
    assert Budget(never, seconds=100.0)() is None
    spent = Budget(never, seconds=100.0, spent=100.0)
    assert spent() == "stop"
    assert spent.exhausted
    paused = Budget(pause, seconds=100.0, spent=100.0)
    assert paused() == "pause"
    assert not paused.exhausted
    readings = iter((5.0, 14.9, 15.0))
    timed = Budget(never, seconds=10.0, clock=lambda: next(readings))
    assert [timed(), timed(), timed()] == [None, None, "stop"]


def test_the_time_left_is_the_clocks_where_epochs_are_endless() -> None:
    told: list[Progress] = []
    readings = iter((5.0, 35.0, 65.0))
    budget = Budget(never, seconds=120.0, spent=30.0, clock=lambda: next(readings), report=told.append)
    budget.wall -= 60.0  # half of the processor was ours
    progress = {"fraction": 3e-4, "epoch": 3, "message": "epoch 3 of 10000", "seconds_left": 1e6}
    budget.pass_on(progress)
    assert told[0] == progress  # nobody has asked yet, the clock stands
    budget()
    budget.pass_on(progress)
    assert told[1]["seconds_left"] == pytest.approx(120, rel=0.01)
    assert told[1]["fraction"] == pytest.approx(0.5)
    assert told[1]["message"] == "epoch 3, 1.0 of 2 min"
    budget.pass_on(progress | {"seconds_left": 7.0, "fraction": 0.9})
    assert (told[2]["seconds_left"], told[2]["fraction"]) == (7.0, 0.9)


def never() -> None:
    return None


def pause() -> str:
    return "pause"


def test_shared_settings_hold_for_networks_and_presets_alike() -> None:
    spec = ComparisonSpec(models=("elu_cnn",), presets=("S4",), training={"epochs": "3", "seed": 5})
    first, second = (entry.recipe for entry in entries_of(spec))
    assert (first.epochs, second.epochs, second.seed) == (3, 3, 5)
    assert (second.network, second.batch_size) == ("deeplens_resnet46", 256)
    timed = ComparisonSpec(models=("elu_cnn",), minutes=2.0)
    assert entries_of(timed)[0].recipe.epochs == 10_000


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"nothing to compare\. Name networks"):
        entries_of(ComparisonSpec())
    with pytest.raises(NotFound, match="'S9'"):
        entries_of(ComparisonSpec(presets=("S9",)))
    with pytest.raises(InvalidInput, match="network cannot hold for all networks"):
        ComparisonSpec.parse({"training": {"network": "elu_cnn"}})
    with pytest.raises(InvalidInput, match="vgg16 are not among the models"):
        ComparisonSpec.parse({"models": ["elu_cnn"], "options": {"vgg16": {}}})
    with pytest.raises(InvalidInput, match="earning rate must be a number above 0"):
        entries_of(ComparisonSpec(models=("elu_cnn",), training={"learning_rate": -1}))


def test_networks_are_compared_a_failure_is_noted_and_a_stopped_comparison_goes_on(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = trained.copied(tmp_path / "workspace")
    ws = made.workspace
    command = [
        "--workspace", str(ws.folder), "compare", "sky-v1", "--models", "lens_cnn,elu_cnn", "--runs", "first",
        "--epochs", "2", "--batch-size", "16", "--options", OPTIONS, "--device", "cpu", "--name", "small",
        "--json",
    ]  # fmt: skip
    assert main(command) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = {row["label"]: row for row in answer["runs"]}
    assert (answer["study"], answer["dataset"]) == ("small", "sky-v1")
    assert (rows["lens_cnn"]["state"], rows["lens_cnn"]["auroc"]) == ("failed", None)
    assert "Cutouts must be at least" in rows["lens_cnn"]["reason"]
    network = rows["elu_cnn"]
    assert (network["run"], network["state"], network["epochs"]) == ("small-elu_cnn", "finished", 2)
    assert network["accuracy_low"] < network["accuracy"] < network["accuracy_high"] or network["n"] == 20
    assert network["parameters"] > 10
    assert network["rotation_std"] is not None
    assert rows["first"]["auroc"] is not None
    assert len(rows) == 3
    study = studies.get_study(ws.database, "small")
    assert (study.kind, study.state, study.summary["finished"]) == ("comparison", "finished", 2)
    assert main(command) == 2
    assert "There is a study called 'small' already" in capsys.readouterr().err


def test_a_comparison_goes_on_by_its_name_or_its_settings_but_never_with_others(
    trained: Trained, tmp_path: Path
) -> None:
    ws = trained.copied(tmp_path / "workspace").workspace
    spec, other = (ComparisonSpec(runs=("first",), baselines=(kind,)) for kind in ("tree", "mlp"))
    start_comparison(ws, dataset_name="sky-v1", spec=spec, name="mine")
    job_control.stop(ws, study_status(ws, "mine"))
    asked: tuple[tuple[str | None, ComparisonSpec | None, bool], ...] = (
        ("mine", None, True),
        (None, spec, True),
        ("mine", spec, True),
        ("mine", other, False),
        ("his", None, False),
    )
    for name, settings, goes_on in asked:
        resumed = unfinished_study(ws, name, kind="comparison", spec=settings, dataset_name="sky-v1")
        assert (resumed is not None) == goes_on
        assert resumed is None or (resumed[0].name, resumed[1].state) == ("mine", "queued")


@pytest.mark.long
def test_a_comparison_that_is_stopped_keeps_what_is_done(trained: Trained, tmp_path: Path) -> None:
    made = trained.copied(tmp_path / "workspace")
    ws = made.workspace
    spec = ComparisonSpec(runs=("first",), baselines=("tree",), baselines_on=("pixels", "morphology"))
    study, _ = start_comparison(ws, dataset_name="sky-v1", spec=spec)
    assert study.name == "comparison-1"
    asked = iter([None, "stop"])
    reports: list[Progress] = []
    with pytest.raises(JobCancelled, match="before tree on morphology"):
        compare(ws, study_name=study.name, report=reports.append, should_stop=lambda: next(asked))
    states = [row.state for row in compared_in(ws, study)]
    assert states == ["finished", "queued", "finished"]
    assert compare(ws, study_name=study.name)["failed"] == {}
    rows = compared_in(ws, study)
    assert [row.label for row in rows] == ["tree on pixels", "tree on morphology", "first"]
    assert all(row.auroc is not None for row in rows)
    assert compared_runs(ws, ["first"])[0].n == 20
    assert 0 < max(report["fraction"] for report in reports) <= 1 / 3


def test_runs_of_another_dataset_version_are_refused(trained: Trained, tmp_path: Path) -> None:
    ws = trained.copied(tmp_path / "workspace").workspace
    spec = ComparisonSpec(runs=("second",))
    with pytest.raises(NotFound, match="second"):
        start_comparison(ws, dataset_name="sky-v1", spec=spec)
    with pytest.raises(NotFound, match="sky-v2"):
        start_comparison(ws, dataset_name="sky-v2", spec=spec)
