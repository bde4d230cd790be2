"""Figures on a second test part: lenses at the thresholds that the test part's non-lenses set."""

import json

import numpy as np
import pytest
from scipy.stats import binom, binomtest, fisher_exact
from sqlalchemy import insert, update

from lensapp.cli import main
from lensapp.core.evaluate.compare.second_test import operating_points
from lensapp.core.evaluate.intervals import share_interval
from lensapp.core.split.splits import SECOND_TEST
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.services.evaluate.compare.second_test import points_table, second_test
from lensapp.services.evaluate.evaluation import load_evaluation
from lensapp.services.train.runs import run_status
from lensapp.storage import runs, sources, tables
from support.scoring_workspace import add_source, train_tiny


def test_a_case_counted_by_hand():
    # Test part: 4 lenses, 30 non-lenses that score 0.01 … 0.30; second part: 5 lenses.
    scores = np.concatenate([[0.9, 0.8, 0.285, 0.1], np.arange(1, 31) / 100])
    labels = np.arange(34) < 4
    second = np.array([0.95, 0.3, 0.29, 0.275, 0.2])
    points = {point.name: point for point in operating_points(labels, scores, np.ones(5, bool), second)}
    assert list(points) == ["tpr0", "tpr10", "fpr_1e-1"]  # 30 non-lenses do not tell 1 %
    none, few, tenth = points.values()
    assert (none.threshold, none.test.value, none.second.value) == (0.8, 2 / 4, 1 / 5)
    assert (tenth.threshold, tenth.false_positives) == (0.28, 3)
    assert (tenth.test.value, tenth.second.value) == (3 / 4, 3 / 5)
    assert (few.threshold, few.false_positives, few.second.value) == (0.22, 9, 4 / 5)
    wilson = binomtest(3, 5).proportion_ci(method="wilson")
    assert (tenth.second.low, tenth.second.high) == pytest.approx(wilson)
    assert tenth.p_value == pytest.approx(fisher_exact([[3, 1], [3, 2]]).pvalue)
    assert tenth.second_false_positive_rate is None


def test_a_test_part_of_ten_non_lenses_sets_no_threshold_by_their_number():
    scores, second = np.concatenate([[0.9, 0.8], np.arange(1, 11) / 100]), np.array([0.9, 0.1])
    assert operating_points(np.arange(12) < 2, scores, np.ones(2, bool), second) == []
    scores = np.append(scores, 0.2)
    points = operating_points(np.arange(13) < 2, scores, np.ones(2, bool), second)
    assert [point.name for point in points] == ["tpr0", "tpr10"]


def test_non_lenses_of_the_second_part_are_counted_too():
    scores = np.concatenate([[0.9, 0.8], np.arange(1, 31) / 100])
    labels = np.arange(32) < 2
    second = operating_points(labels, scores, np.array([True, False, False]), np.array([0.9, 0.9, 0.1]))
    assert second[0].second_false_positive_rate is not None
    assert second[0].second_false_positive_rate.value == 0.5


def test_where_a_non_lens_scores_highest_nothing_is_accepted_without_one():
    scores = np.concatenate([[0.9, 0.99], np.full(29, 0.1)])
    labels = np.array([True, *[False] * 30])
    first = operating_points(labels, scores, np.ones(3, bool), np.ones(3))[0]
    assert first.threshold == float("inf")
    assert (first.test.value, first.second.value) == (0, 0)
    assert first.as_dict()["threshold"] is None


def test_views_of_one_lens_count_as_one_in_the_limits():
    # Four views of each of 25 lenses, 15 of which are found in all views: the limits are those of 15 of 25.
    accepted = np.repeat(np.arange(25) < 15, 4)
    grouped = share_interval(accepted, np.ones(100, bool), np.repeat(np.arange(25), 4))
    assert grouped.value == 0.6
    assert (grouped.low, grouped.high) == pytest.approx(binom.ppf([0.025, 0.975], 25, 0.6) / 25, abs=0.041)
    alone = share_interval(accepted, np.ones(100, bool), None)
    assert alone.high - alone.low < 0.6 * (grouped.high - grouped.low)


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """The version of the tiny run with six lenses of another source as its second test part.

    The non-lenses of its validation part are of the test part, which then has the 15 that tell TPR0.
    """
    workspace = train_tiny(tmp_path_factory.mktemp("second") / "workspace").workspace
    source = add_source(workspace, "real", count=12)
    run = runs.get_run(workspace.database, "first")
    columns = sources.cutout_columns(workspace.database, [source.id])
    rows = [
        {"dataset_id": run.dataset_id, "cutout_id": int(key), "part": SECOND_TEST, "label": "lens",
         "group_id": 1000 + int(key), "fold": None, "label_from": "import"}
        for key, label in zip(columns["id"], columns["label"], strict=True) if label == "lens"
    ]  # fmt: skip
    with workspace.database.write() as connection:
        connection.execute(insert(tables.dataset_members), rows)
        members = tables.dataset_members.c
        connection.execute(
            update(tables.dataset_members)
            .where(members.part == "validation", members.label == "nonlens")
            .values(part="test")
        )
        held = connection.execute(
            tables.datasets.select().where(tables.datasets.c.id == run.dataset_id)
        ).one()
        counts = held.counts | {SECOND_TEST: {"lens": 6, "nonlens": 0}}
        connection.execute(
            update(tables.datasets)
            .where(tables.datasets.c.id == run.dataset_id)
            .values(counts=counts, source_ids=[*held.source_ids, source.id])
        )
    return workspace


def test_evaluating_measures_lenses_of_the_second_part_at_the_test_parts_thresholds(ws, capsys):
    assert main(["--workspace", str(ws.folder), "evaluate", "first", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["second_test"]
    assert (told["n"], told["n_positive"], told["figures"]) == (6, 6, {})
    test, second = (load_evaluation(ws, "first", part=part) for part in ("test", SECOND_TEST))
    threshold = test.scores[~test.labels].max()
    point = told["points"][0]
    assert point["second"]["value"] == pytest.approx((second.scores > threshold).mean())
    assert run_status(ws, "first").run.evaluation["n"] == 25  # the run's own figures are the test part's
    both = second_test(ws, "first")
    assert both is not None
    assert points_table(both)["completeness, second test part"][0].startswith(
        f"{point['second']['value']:.3f} ("
    )


def test_the_second_part_can_be_measured_alone(ws):
    figures = evaluate_run(ws, run_name="first", part=SECOND_TEST)
    assert (figures["n"], figures["n_positive"], figures["part"]) == (6, 6, SECOND_TEST)
    assert "auroc" not in figures
