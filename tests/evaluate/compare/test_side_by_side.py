"""Any number of runs side by side: shared cutouts, figures, and what they accept together."""

import json

import numpy as np
import pandas as pd
import pytest

from lensapp.cli import main
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.compare.overlap import Overlap, thresholds_of_top, usual_top
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.services.evaluate.compare.side_by_side import LENS, as_dict, laid_together, side_by_side
from lensapp.services.evaluate.compare.tables import figures_frame
from lensapp.services.evaluate.differences import compare_pair
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.storage import runs
from lensapp.storage.evaluations import StoredEvaluation, load_evaluation, save_evaluation
from lensapp.ui.evaluate.compare.side_figures import overlap_figure
from lensapp.ui.evaluate.compare.side_view import number_text
from support.scoring_workspace import train_tiny


def made(run, scores, labels, *, ids=None, groups=None):
    stored = StoredEvaluation(
        cutout_ids=np.arange(len(scores)) if ids is None else np.asarray(ids),
        labels=np.asarray(labels, bool),
        rotated_scores=np.asarray(scores, np.float32)[:, None],
        figures={},
        group_ids=groups,
    )
    return Evaluation(run=run, part="test", stored=stored, outdated=False)


def some(count=400, *, seed=1):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4 == 0
    return (1 / (1 + np.exp(-rng.normal(3 * labels - 1.5, 1.0)))).astype(np.float32), labels


def test_overlap_of_three_runs_is_that_counted_by_hand():
    # cutouts       a  b  c  d  e
    accepted = [
        [1, 1, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [1, 0, 0, 0, 0],
    ]
    overlap = Overlap(np.array(accepted, bool))
    assert overlap.number.tolist() == [3, 3, 1]
    assert overlap.shared.tolist() == [[3, 2, 1], [2, 3, 1], [1, 1, 1]]
    assert overlap.jaccard[0].tolist() == pytest.approx([1, 2 / 4, 1 / 3])
    assert overlap.by_chance[0, 1] == pytest.approx(9 / 5)
    assert overlap.by_all.tolist() == [True, False, False, False, False]
    assert overlap.by_none.tolist() == [False, False, False, False, True]
    assert [overlap.by_only(run).sum() for run in range(3)] == [1, 1, 0]
    assert overlap.by_all_but(2).tolist() == [False, True, False, False, False]


def test_runs_that_accept_nothing_share_no_share():
    overlap = Overlap(np.zeros((2, 4), bool))
    assert np.isnan(overlap.jaccard).all()
    assert overlap.shared.sum() == 0


def test_the_highest_non_lenses_of_a_run_are_all_that_tie_with_the_last():
    labels = np.array([1, 0, 0, 0, 0], bool)
    scores = np.array([[0.9, 0.8, 0.7, 0.7, 0.1], [0.1, 0.5, 0.4, 0.3, 0.2]])
    thresholds = thresholds_of_top(labels, scores, top=2)
    assert thresholds.tolist() == [0.7, 0.4]
    assert (scores[:, ~labels] >= thresholds[:, None]).sum(axis=1).tolist() == [3, 2]
    with pytest.raises(InvalidInput, match=r"hold 4 non-lenses. Choose a number from 1 to 4"):
        thresholds_of_top(labels, scores, top=5)


def test_one_in_a_hundred_non_lenses_are_compared_and_ten_where_that_is_fewer():
    assert [usual_top(number) for number in (5, 72, 1_000, 5_000)] == [5, 10, 10, 50]


def test_runs_are_limited_to_the_cutouts_that_all_scored_with_one_label():
    scores, labels = some()
    flipped = labels.copy()
    flipped[10:15] = ~flipped[10:15]
    order = np.random.default_rng(3).permutation(400)[:300]
    third = made("third", scores[order], labels[order], ids=order)
    compared = laid_together((made("first", scores, labels), made("second", scores[::-1], flipped), third))
    kept = np.setdiff1d(order, np.arange(10, 15))
    assert compared.cutout_ids.tolist() == sorted(kept.tolist())
    assert compared.relabelled == 300 - len(kept)
    assert compared.measured == (400, 400, 300)
    np.testing.assert_array_equal(compared.scores[0], scores[np.sort(kept)])
    np.testing.assert_array_equal(compared.scores[1], scores[::-1][np.sort(kept)])
    np.testing.assert_array_equal(compared.scores[2], scores[np.sort(kept)])


def test_runs_that_share_hardly_a_cutout_are_refused():
    scores, labels = some()
    with pytest.raises(InvalidInput, match="were all measured on 0 cutouts"):
        laid_together(
            (made("first", scores, labels), made("second", scores, labels, ids=np.arange(400, 800)))
        )


def test_what_runs_accept_is_compared_at_a_threshold_of_each_or_one_for_all():
    scores, labels = some()
    halved = made("halved", scores / 2, labels)  # the same order of cutouts
    compared = laid_together((made("first", scores, labels), halved))
    overlap = compared.overlap(compared.thresholds(top=20))
    assert overlap.shared.tolist() == [[20, 20], [20, 20]]
    assert overlap.by_only(0).sum() == 0
    told = as_dict(compared, threshold=0.5)
    assert told["false_positives"]["accepted"]["halved"] == 0
    assert told["false_positives"]["only"]["first"] == int((scores[~labels] >= 0.5).sum())
    found = compared.overlap(compared.thresholds(top=20), label=LENS)
    assert found.accepted.shape == (2, 100)


def test_cutouts_of_one_object_stay_together_in_the_limits_of_limited_runs():
    scores, labels = some()
    groups = np.repeat(np.arange(100), 4)  # a lens in each
    one = made("first", scores, labels, groups=groups)
    limited = laid_together((one, made("second", scores[:380], labels[:380]))).evaluations[0]
    assert limited.stored.group_ids.tolist() == groups[:380].tolist()
    alone = made("first", scores[:380], labels[:380])
    assert limited.intervals["average_precision"] != alone.intervals["average_precision"]


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    trained = train_tiny(tmp_path_factory.mktemp("beside") / "workspace")
    evaluate_run(trained.workspace, run_name="first")
    workspace = trained.workspace
    first = runs.get_run(workspace.database, "first")
    stored = load_evaluation(workspace.run_folder("first"), "test")
    noise = np.random.default_rng(5).normal(0, 0.3, stored.rotated_scores.shape)
    other = StoredEvaluation(
        stored.cutout_ids,
        stored.labels,
        np.clip(stored.rotated_scores + noise, 0, 1).astype(np.float32),
        stored.figures | {"intervals": None},
    )
    run = runs.create_run(
        workspace.database, name="second", dataset_id=first.dataset_id, model=first.model, spec=first.spec
    )
    workspace.run_folder(run.name).mkdir()
    save_evaluation(workspace.run_folder(run.name), "test", other)
    return workspace


def test_the_command_prints_figures_and_overlap_and_writes_tables(ws, capsys, tmp_path):
    figures, cutouts = tmp_path / "figures.csv", tmp_path / "cutouts.csv"
    arguments = ["side-by-side", "first,second", "--top", "3", "--out", str(figures)]
    arguments += ["--cutouts", str(cutouts), "--json"]
    assert main(["--workspace", str(ws.folder), *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["shared"], told["lenses"], told["reference"]) == (20, 10, "first")
    rows = pd.read_csv(cutouts)
    assert len(rows) == 20
    accepted = [
        rows.loc[rows["label"] == "nonlens", f"accepted ({run})"].to_numpy() for run in ("first", "second")
    ]
    assert told["false_positives"]["shared"][0][1] == int((accepted[0] & accepted[1]).sum())
    written = pd.read_csv(figures)
    assert written["run"].tolist() == ["first", "second"]
    first = told["runs"][0]["figures"]["auroc"]
    assert written.loc[0, ["AUROC from", "AUROC", "AUROC to"]].tolist() == pytest.approx(
        [first["low"], first["value"], first["high"]]
    )
    assert main(["--workspace", str(ws.folder), "side-by-side", "first,second"]) == 0
    printed = capsys.readouterr().out
    assert "false positives" in printed
    assert "only it" in printed


def test_p_values_are_those_of_the_paired_comparison(ws):
    compared = side_by_side(ws, ["first", "second"])
    frame = figures_frame(compared)
    assert frame["p (AUROC)"].isna().tolist() == [True, False]
    pair = {one.figure: one for one in compare_pair(compared.evaluations[1], compared.evaluations[0])}
    assert frame["p (AUROC)"][1] == pair["auroc"].p_value


def test_one_run_or_one_that_is_unknown_is_refused(ws):
    with pytest.raises(InvalidInput, match="at least two evaluated runs"):
        side_by_side(ws, ["first", "first"])
    with pytest.raises(NotFound):
        side_by_side(ws, ["first", "nobody"])


def test_a_training_time_is_rounded_as_on_other_pages() -> None:
    assert number_text(13.777) == "14"
    assert number_text(float("nan")) == "–"


def test_both_columns_of_two_runs_are_labelled_by_numbers_where_names_are_long():
    overlap = Overlap(np.array([[1, 1, 0], [1, 0, 1]], bool))
    for names, told in (
        (["one", "other"], ("one", "other")),
        (["equivariant_resnet-1", "equivariant_resnet-2"], ("1", "2")),
    ):
        figure = overlap_figure(overlap, names, colour="#336699", ink="#000000")
        assert figure.layout.xaxis.ticktext == told
