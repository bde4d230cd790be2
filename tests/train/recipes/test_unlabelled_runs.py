"""Runs that look at cutouts without labels: what they may see, what may be asked of them, by command."""

import json
from pathlib import Path

import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.split.folds import Fold
from lensapp.core.train.comparison_spec import ComparisonSpec, entries_of
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.unlabelled_parts import unlabelled_part
from lensapp.services.evaluate.explanations import start_explanation
from lensapp.services.score.features import start_features
from lensapp.services.train import pretraining, runs
from lensapp.services.train.unlabelled import count_unlabelled
from lensapp.storage import datasets, sources
from lensapp.ui.train import curves
from support.scoring_workspace import SPEC, Trained, add_source, train_tiny

TINY = SPEC.network_options
PRETRAIN = (
    *("--network-options", json.dumps(TINY), "--epochs", "1", "--batch-size", "8"),
    *("--device", "cpu", "--projection", "4"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_tiny(tmp_path_factory.mktemp("unlabelled") / "workspace")


def command(trained: Trained, capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main(["--workspace", str(trained.workspace.folder), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_validation_and_test_cutouts_are_never_looked_at(trained: Trained) -> None:
    ws = trained.workspace
    dataset = datasets.get_dataset(ws.database, "sky-v1")
    members = datasets.member_columns(ws.database, dataset.id)
    part = unlabelled_part(ws, dataset, None)
    assert sorted(part.cutout_ids) == sorted(members["cutout_id"][members["part"] == "train"])
    assert count_unlabelled(ws, dataset, None) == len(part) == 30
    assert not part.labels.any()
    rows = members["row"][members["part"] == "train"]
    assert np.array_equal(part.read(np.arange(3)), trained.pixels().read(rows[:3]), equal_nan=True)
    held_out = datasets.held_out_cutouts(ws.database, dataset, fold=Fold(1, 4, 0))
    assert 20 < len(held_out) < 40  # the test part and the fold


def test_a_source_without_labels_trains_a_body_that_others_start_from(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    ws = trained.workspace
    made = command(trained, capsys, "pretrain", "field", *PRETRAIN, "--name", "body")
    assert made["best"]["recognised"] > 0.0
    run = runs.run_status(ws, "body").run
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    assert count_unlabelled(ws, dataset, "field") == 60
    assert dataset.name not in [one.name for one in datasets.list_datasets(ws.database)]
    with pytest.raises(InvalidInput, match="body gives features and no score"):
        runs.start_scoring(ws, run_name="body", source_name="field")
    with pytest.raises(InvalidInput, match="body gives features and no score"):
        start_explanation(ws, run_name="body", cutout_id=1)
    assert not runs.is_scored(ws, run)
    assert start_features(ws, run_name="body", name="field").kind == "features"
    words = ("train", "sky-v1", "--initial-run", "body", "--epochs", "1", "--frozen-fraction", "1")
    further = command(trained, capsys, *words, "--name", "further")
    assert further["best"]["val_auc"] is not None
    assert runs.run_status(ws, "further").run.spec["task"]["kind"] == "binary"
    assert command(trained, capsys, "pretrain", "field", *PRETRAIN, "--name", "body2")["run"] == "body2"


def test_a_training_takes_unlabelled_cutouts_of_a_source_by_one_option(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "sky-v1", "--initial-run", "first", "--epochs", "1", "--batch-size", "6")
    made = command(trained, capsys, *words, "--unlabelled", "field", "--unlabelled-threshold", "0.6")
    assert 0.0 <= made["best"]["sure"] <= 1.0
    assert made["best"]["val_auc"] is not None
    spec = runs.run_status(trained.workspace, made["run"]).run.spec
    assert (spec["unlabelled"]["kind"], spec["unlabelled"]["source"]) == ("fixmatch", "field")


def test_sources_that_do_not_fit_are_refused_before_anything_is_queued(tmp_path: Path) -> None:
    trained = train_tiny(tmp_path / "workspace")
    ws = trained.workspace
    add_source(ws, "colours", count=4, bands=("r", "i"))
    fixmatch = SPEC.replaced(unlabelled={"kind": "fixmatch", "source": "colours"})
    with pytest.raises(BandMismatch, match="colours has the bands r,i"):
        runs.start_training(ws, dataset_name="sky-v1", spec=fixmatch)
    source = sources.create_source(
        ws.database,
        name="coming",
        kind="demo",
        bands=["g", "r"],
        height=8,
        width=8,
        slots=1,
        pixel_scale_arcsec=0.2,
        spec={},
    )
    assert source.state != "ready"
    contrastive = TrainingSpec.parse({"task": {"kind": "contrastive", "source": "coming"}})
    with pytest.raises(InvalidInput, match="coming is still"):
        pretraining.start_pretraining(ws, spec=contrastive)
    assert [one.name for one in datasets.list_datasets(ws.database, without_sources=True)] == ["sky-v1"]


def test_studies_need_labels() -> None:
    contrastive = {"task": {"kind": "contrastive"}}
    with pytest.raises(InvalidInput, match="no validation part to search by"):
        SearchSpec.parse(
            {"training": contrastive, "space": {"learning_rate": {"kind": "float", "low": 0.1, "high": 0.2}}}
        )
    with pytest.raises(InvalidInput, match="SIMCLR trains without labels"):
        entries_of(ComparisonSpec(presets=("SIMCLR",)))
    with pytest.raises(InvalidInput, match="no use for Validation fold"):
        KfoldSpec.parse({"training": contrastive}).recipes()


def test_curves_follow_what_is_learned_without_labels() -> None:
    epochs = np.array([1.0, 2.0])
    figures = {"epoch": epochs, "loss": epochs, "recognised": epochs / 4.0}
    panels = curves.panels_for("contrastive", ())
    drawn = curves.charts_data(panels[1:2], [curves.Drawn("a", figures)], captions=["n"])
    assert [one["name"] for one in drawn["panels"][0]["figures"]] == ["recognised"]
    beside = curves.panels_for("binary", (), unlabelled=True)
    assert beside[: len(curves.PANELS)] == curves.PANELS
    figures |= {"sure": epochs / 2.0, "answered_lens": epochs / 3.0}
    drawn = curves.charts_data(beside[-2:-1], [curves.Drawn("a", figures)], captions=["n"])
    assert [one["name"] for one in drawn["panels"][0]["figures"]] == [
        "answered surely",
        "answered lens, mean",
    ]
    assert drawn["runs"][0]["columns"]["sure"] == [0.5, 1.0]
