"""Committees: how scores are combined, who may be a member, and that one works wherever a run does."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.cli import main
from lensapp.core.config import read_json, write_json
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.train.committees import CommitteeSpec, combined, rank_fractions
from lensapp.core.train.tasks import FittedTask, save_task
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.score.onnx_export import exported
from lensapp.learning.score.predict import expected_input, predict_rows
from lensapp.learning.score.scorers import open_scorer
from lensapp.learning.score.scoring import score_source
from lensapp.learning.score.sharded import outputs_of_rows
from lensapp.services.catalogue.ledger import ledger
from lensapp.services.evaluate.committees import make_committee
from lensapp.services.evaluate.evaluation import load_evaluation
from lensapp.services.evaluate.explanations import stored_explanation
from lensapp.services.train.runs import check_source_fits, has_network
from lensapp.storage import runs, sources
from lensapp.storage.files import network_checksum
from lensapp.storage.scores import stored_scores
from support.scoring_workspace import Trained, date_anew, train_further, train_tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The run "first", and "second": the same network with half its last weights."""
    made = train_tiny(tmp_path_factory.mktemp("committee") / "workspace")
    ws, first = made.workspace, runs.get_run(made.workspace.database, "first")
    runs.update_run(ws.database, first.id, state="finished")
    run = runs.create_run(
        ws.database, name="second", dataset_id=first.dataset_id, model=first.model, spec=first.spec
    )
    runs.update_run(ws.database, run.id, state="finished", summary=first.summary)
    shutil.copytree(made.folder, ws.run_folder("second"))
    _weaken(ws.run_folder("second"))
    for name in ("first", "second"):
        exported(ws.run_folder(name))  # once for all tests
    return made


def _weaken(folder: Path) -> None:
    import keras

    model = keras.models.load_model(folder / "best.keras", compile=False)
    weights = model.get_weights()
    model.set_weights([*weights[:-2], weights[-2] / 2, weights[-1] + 0.3])
    model.save(folder / "best.keras")


def scores_alone(trained: Trained, name: str, pixels: np.ndarray) -> np.ndarray:
    return open_scorer(trained.workspace.run_folder(name), engine="onnxruntime").score(pixels)


def test_a_rank_is_the_share_of_reference_scores_below_with_ties_counting_half() -> None:
    reference = np.array([0.1, 0.2, 0.2, 0.9], np.float32)
    ranks = rank_fractions(np.array([0.0, 0.1, 0.2, 0.5, 1.0], np.float32), reference)
    assert ranks.tolist() == [0.0, 0.125, 0.5, 0.75, 1.0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20))
def test_ranks_keep_the_order_of_scores(values: list[float]) -> None:
    scores = np.array(values, np.float32)
    order = np.argsort(scores, kind="stable")
    ranks = rank_fractions(scores, np.sort(scores))
    assert (np.diff(ranks[order]) >= 0).all()
    assert 0 <= ranks.min() <= ranks.max() <= 1


def test_the_median_is_not_moved_by_one_member_that_errs() -> None:
    scores = np.array([[0.1, 0.8], [0.2, 0.7], [1.0, 0.0]], np.float32)
    assert combined(scores, "median").tolist() == pytest.approx([0.2, 0.7])
    assert combined(scores, "mean").tolist() == pytest.approx([1.3 / 3, 0.5])


def test_ranks_need_a_reference_and_members_count_once() -> None:
    with pytest.raises(InvalidInput, match="ranks need a reference part"):
        CommitteeSpec.parse({"members": ["a", "b"], "combine": "rank"})
    with pytest.raises(InvalidInput, match="name each member once"):
        CommitteeSpec.parse({"members": ["a", "a"]})


def test_a_committee_is_made_evaluated_scored_with_and_asked_for_one_image(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = trained.copied(tmp_path / "workspace")
    ws = made.workspace
    folder = str(ws.folder)
    command = ["--workspace", folder, "committee", "both", "--members", "first,second", "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out) == {
        "run": "both",
        "members": ["first", "second"],
        "combine": "mean",
        "reference": None,
        "learned": None,
    }
    run = runs.get_run(ws.database, "both")
    assert (run.model, run.state, has_network(ws, run)) == ("committee", "finished", True)
    check_source_fits(ws, run, made.source)
    figures = evaluate_run(ws, run_name="both")
    assert figures["rotation_std"] >= 0
    assert not load_evaluation(ws, "both").outdated
    pixels = made.pixels().read(np.arange(1, 61))
    expected = (scores_alone(made, "first", pixels) + scores_alone(made, "second", pixels)) / 2
    assert score_source(ws, run_name="both", source_name="field")["scored"] == 60
    ids, stored = stored_scores.scores_of(ws, run.id, made.source.id)
    assert np.abs(stored[np.argsort(ids)] - expected).max() < 1e-5
    both = ws.run_folder("both")
    assert expected_input(both).size == (8, 8)
    assert predict_rows(both, [pixels[3]])[0]["score"] == pytest.approx(expected[3], abs=1e-5)
    shard = outputs_of_rows(both, network_checksum(both), "auto", made.pixels, np.arange(1, 4))
    assert np.abs(shard[:, 0] - expected[:3]).max() < 1e-5
    assert [run.name for run in ledger(ws, "both").members] == ["first", "second"]

    drawing = tmp_path / "why.png"
    options = ["--perturbations", "200", "--segments", "9", "--out", str(drawing), "--json"]
    assert main(["--workspace", folder, "explain", "both", "field-3", *options]) == 0
    why = json.loads(capsys.readouterr().out)
    assert (why["candidate"], why["source"], why["about"]) == ("field-3", "field", "score")
    assert why["value"] == pytest.approx(expected[3], abs=1e-5)
    assert drawing.stat().st_size > 1000
    cutout = sources.find_cutouts(ws.database, "field-3")[0]
    found = stored_explanation(ws, "both", cutout.id)
    assert found is not None
    assert found.occlusion.shape == found.labels.shape == (8, 8)
    date_anew(ws.run_folder("first"))
    assert stored_explanation(ws, "both", cutout.id) is not None
    train_further(ws.run_folder("first"))
    assert stored_explanation(ws, "both", cutout.id) is None
    alone = tmp_path / "one.npy"
    np.save(alone, pixels[3])
    assert main(["--workspace", folder, "explain", "first", str(alone), *options[:4], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(alone)
    assert main(["--workspace", folder, "explain", "first", "nobody"]) == 2
    assert "'nobody' is neither the ID of a candidate nor a file" in capsys.readouterr().err


def test_ranks_refer_to_the_stored_scores_of_each_member_and_a_retrained_one_outdates_them(
    trained: Trained, tmp_path: Path
) -> None:
    made = trained.copied(tmp_path / "workspace")
    ws = made.workspace
    with pytest.raises(InvalidInput, match="first, second cannot be ranked: no scores are stored"):
        make_committee(ws, name="ranks", members=["first", "second"], combine="rank")
    for name in ("first", "second"):
        evaluate_run(ws, run_name=name)
    run = make_committee(ws, name="ranks", members=["first", "second"], combine="rank")
    assert run.spec["reference"] == "test"
    folder = ws.run_folder("ranks")
    pixels = made.pixels().read(np.arange(41, 61))
    ranks = open_scorer(folder, engine="onnxruntime").score(pixels)
    for place in (0, 7):  # a single image gets the score it gets among others
        assert open_scorer(folder, engine="onnxruntime").score(pixels[place : place + 1])[0] == ranks[place]
    checksum = network_checksum(folder)
    with (ws.run_folder("first") / "best.keras").open("ab") as network:
        network.write(b"trained further")
    assert network_checksum(folder) != checksum
    with pytest.raises(InvalidInput, match="Evaluate it again"):
        open_scorer(folder)


def test_members_that_do_not_fit_together_are_refused(trained: Trained, tmp_path: Path) -> None:
    made = trained.copied(tmp_path / "workspace")
    ws = made.workspace
    with pytest.raises(InvalidInput, match="at least two different members"):
        make_committee(ws, name="alone", members=["first", "first"])
    make_committee(ws, name="both", members=["first", "second"])
    with pytest.raises(InvalidInput, match="both is a committee itself"):
        make_committee(ws, name="of-committees", members=["both", "first"])
    path = ws.run_folder("second") / "normalisation.json"
    write_json(path, read_json(path) | {"bands": ["r", "g"]})
    with pytest.raises(BandMismatch, match=r"first and second do not fit into one committee.*order differs"):
        make_committee(ws, name="mixed", members=["first", "second"])
    values = FittedTask(kind="regression", output="gaussian", targets=("x",), centre=(0,), scale=(1,))
    save_task(ws.run_folder("second"), values)
    with pytest.raises(InvalidInput, match=r"task of second \(regression: x.*\) differs from that of first"):
        make_committee(ws, name="mixed", members=["first", "second"])
    (ws.run_folder("first") / "best.keras").unlink()
    with pytest.raises(InvalidInput, match="and has stored no trained network yet"):
        make_committee(ws, name="mixed", members=["first", "second"])
