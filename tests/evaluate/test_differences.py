"""What a referee asks of an evaluated run: intervals, differences, survey expectations and subgroups."""

import json

import numpy as np
import pytest
from scipy.stats import beta, binom
from sqlalchemy import update

from lensapp.cli import main
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.services.evaluate.differences import compare_pair, differences
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation
from lensapp.services.evaluate.expectations import (
    BlindTests,
    budget_columns,
    expectation,
    expectation_columns,
)
from lensapp.services.evaluate.figure_tables import expectation_table
from lensapp.services.evaluate.subgroups import properties, subgroups
from lensapp.storage.evaluations import StoredEvaluation
from lensapp.storage.tables import cutouts
from support.scoring_workspace import train_tiny


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    trained = train_tiny(tmp_path_factory.mktemp("referee") / "workspace")
    evaluate_run(trained.workspace, run_name="first")
    for row, key in enumerate(load_evaluation(trained.workspace, "first").stored.cutout_ids.tolist()):
        properties = {"seeing_arcsec": 0.5 + 0.01 * row, "parent": f"p{row}", "band": "g"}
        with trained.workspace.database.write() as connection:
            connection.execute(update(cutouts).where(cutouts.c.id == key).values(properties=properties))
    return trained.workspace


def made(scores, labels, *, ids=None, groups=None):
    stored = StoredEvaluation(
        cutout_ids=np.arange(len(scores)) if ids is None else np.asarray(ids),
        labels=np.asarray(labels, bool),
        rotated_scores=np.asarray(scores, np.float32)[:, None],
        figures={},
        group_ids=groups,
    )
    return Evaluation(run="r", part="test", stored=stored, outdated=False)


def some(count=400, *, noise=1.0, seed=1):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4 == 0
    return 1 / (1 + np.exp(-rng.normal(3 * labels - 1.5, noise))), labels


def test_an_evaluation_keeps_its_intervals_and_the_page_reads_them_back(ws):
    evaluation = load_evaluation(ws, "first")
    figures = evaluation.stored.figures
    assert figures["intervals"]["auroc"]["value"] == pytest.approx(figures["auroc"])
    assert evaluation.intervals["auroc"].low == figures["intervals"]["auroc"]["low"]
    precision = evaluation.intervals["average_precision"]
    assert precision.low <= figures["average_precision"] <= precision.high
    assert figures["tpr10"] is None  # ten non-lenses do not tell it
    assert "tpr10" not in evaluation.intervals


def test_an_evaluation_made_before_intervals_were_kept_still_has_them():
    intervals = made(*some()).intervals
    assert intervals["auroc"].low < intervals["auroc"].value < intervals["auroc"].high


def test_runs_are_compared_on_the_cutouts_that_both_were_measured_on():
    scores, labels = some()
    order = np.random.default_rng(3).permutation(400)[:300]
    shuffled = made(scores[order], labels[order], ids=order)
    same = compare_pair(made(scores, labels), shuffled)
    assert all(one.difference == 0 for one in same)


def test_a_cutout_whose_label_differs_is_not_compared():
    scores, labels = some()
    relabelled = labels.copy()
    relabelled[:370] = ~labels[:370]
    assert compare_pair(made(scores, labels), made(scores, relabelled))[0].difference == 0
    with pytest.raises(InvalidInput, match="0 cutouts in common"):
        compare_pair(made(scores, labels), made(scores, ~labels))


def test_cutouts_of_one_object_are_compared_together():
    scores, labels = some(noise=2.0)
    worse, _ = some(noise=2.5, seed=2)
    alone = compare_pair(made(scores, labels), made(worse, labels))[0]
    thrice = [np.repeat(values, 3) for values in (scores, worse, labels, np.arange(400))]
    together = compare_pair(
        made(thrice[0], thrice[2], groups=thrice[3]), made(thrice[1], thrice[2], groups=thrice[3])
    )[0]
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.2)


def test_a_run_compared_with_itself_by_command_does_not_differ(ws, capsys):
    assert main(["--workspace", str(ws.folder), "difference", "first", "first", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shared"] == 20
    assert [one["difference"] for one in found["figures"]] == [0] * 7
    with pytest.raises(NotFound):
        differences(ws, "first", "nobody")


def test_expectations_in_a_survey_follow_the_threshold(ws, capsys):
    evaluation = made(*some())
    survey = SurveySpec(galaxies=10**6, prevalence=1e-3)
    found = expectation(evaluation, survey, threshold=0.6)
    accepted = evaluation.scores >= 0.6
    rates = accepted[evaluation.labels].mean(), accepted[~evaluation.labels].mean()
    assert found is not None
    assert found.true_candidates == pytest.approx(1000 * rates[0])
    assert found.false_candidates == pytest.approx(999_000 * rates[1])
    assert found.purity_low < found.purity < found.purity_high
    assert expectation(evaluation, survey, threshold=2.0) is None
    arguments = ["expect", "first", "--threshold", "0.5", "--prevalence", "0.01", "--json"]
    assert main(["--workspace", str(ws.folder), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["survey"]["prevalence"] == 0.01


def test_curves_of_expectation_and_budget_are_short_and_rise():
    evaluation = made(*some())
    survey = SurveySpec(galaxies=10**6, prevalence=1e-3)
    columns = expectation_columns(evaluation, survey)
    assert (np.diff(columns["true_candidates"]) >= 0).all()
    budget = budget_columns(evaluation, survey)
    assert (np.diff(budget["lenses"]) >= 0).all()
    assert budget["lenses"][-1] == pytest.approx(1000)
    assert len(budget["lenses"]) <= 200
    assert (budget["lenses_low"] <= budget["lenses"]).all()
    assert (budget["lenses"] <= budget["lenses_high"]).all()


@pytest.mark.parametrize("share", [1, 4], ids=["single cutouts", "groups of four"])
def test_limits_of_the_lenses_found_are_those_of_a_binomial_share(share):
    # 80 of 100 lenses score 0.9, all else 0.1: the first 900 inspected hold ten times a binomial share, whose
    # scatter is twice as large where four cutouts at a time are one object.
    labels = np.repeat([True, False], [100, 400])
    scores = np.where(np.arange(500) < 80, 0.9, 0.1)
    groups = None if share == 1 else np.arange(500) // share
    budget = budget_columns(made(scores, labels, groups=groups), SurveySpec(galaxies=10**6, prevalence=1e-3))
    row = int(np.searchsorted(budget["inspected"], 900))
    low, high = 10 * share * binom.ppf([0.025, 0.975], 100 / share, 0.8)
    assert budget["lenses"][row] == pytest.approx(800, abs=1)
    assert budget["lenses_low"][row] == pytest.approx(low, abs=15 * share)
    assert budget["lenses_high"][row] == pytest.approx(high, abs=15 * share)


@pytest.mark.parametrize("share", [1, 5], ids=["single cutouts", "groups of five"])
def test_limits_of_the_lenses_found_are_wide_where_lenses_are_few(share):
    # Five objects with lenses, all above every non-lens: no resample loses one, yet Wilson's limit of five of
    # five is 0.566; of the first hundred inspected no more than a hundred are lenses.
    labels = np.repeat([True, False], [5 * share, 400])
    groups = None if share == 1 else np.arange(len(labels)) // share
    evaluation = made(np.where(labels, 0.9, 0.1), labels, groups=groups)
    budget = budget_columns(evaluation, SurveySpec(galaxies=10**6, prevalence=1e-3))
    later = (budget["inspected"] > 1100) & (budget["inspected"] < 10**6)
    assert budget["lenses_low"][later] == pytest.approx(1000 * wilson_interval(5, 5)[0])
    assert budget["lenses_high"][later] == pytest.approx(1000)
    assert (budget["lenses_high"] <= budget["inspected"] + 1e-9).all()
    assert (budget["lenses_low"] <= budget["lenses"]).all()
    assert budget["lenses_low"][-1] == pytest.approx(1000)  # of all galaxies nothing is uncertain


def test_limits_of_the_lenses_found_hold_the_true_number_where_lenses_are_few():
    """Eight lenses of which each is found with a chance of 0.7, as are 2 % of the non-lenses."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(60):
        labels = np.repeat([True, False], [8, 2000])
        scores = np.where(rng.random(2008) < np.where(labels, 0.7, 0.02), 0.9, 0.1)
        budget = budget_columns(made(scores, labels), SurveySpec(galaxies=10**6, prevalence=1e-3))
        row = int(np.searchsorted(budget["inspected"], 700 + 19_980))
        held += budget["lenses_low"][row] <= 700 <= budget["lenses_high"][row]
    assert held / 60 >= 0.9


def test_limits_of_the_lenses_found_hold_what_blind_tests_leave_open():
    # The network ranks every lens first, so that resampling changes nothing: what is open is the share that
    # inspectors recognise, 16 of 20 in blind tests.
    labels = np.repeat([True, False], [100, 400])
    survey = SurveySpec(galaxies=10**6, prevalence=1e-3, inspector_completeness=0.8)
    evaluation = made(np.where(labels, 0.9, 0.1), labels)
    alone = budget_columns(evaluation, survey)
    assert alone["lenses_low"][-1] == pytest.approx(alone["lenses_high"][-1])
    budget = budget_columns(evaluation, survey, BlindTests(16, 20))
    assert budget["lenses"][-1] == pytest.approx(800)
    low, high = 1000 * beta.ppf([0.025, 0.975], 16.5, 4.5)
    assert budget["lenses_low"][-1] == pytest.approx(low, abs=40)
    assert budget["lenses_high"][-1] == pytest.approx(high, abs=40)


def test_a_survey_in_numbers_at_a_threshold_by_hand():
    # 80 of 100 lenses and 8 of 400 non-lenses score 0.9, all else 0.1. Of a million galaxies, 1 000 of them
    # lenses, 800 lenses and 0.02 × 999 000 = 19 980 others are candidates: 20 780, at 2 s each 11.5 hours.
    labels = np.repeat([True, False], [100, 400])
    ranks = np.where(labels, np.arange(500), np.arange(500) - 100)
    scores = np.where(ranks < np.where(labels, 80, 8), 0.9, 0.1)
    survey = SurveySpec(galaxies=10**6, prevalence=1e-3)
    table = expectation_table(made(scores, labels), survey, threshold=0.5)
    [row] = [row for row in table.to_dict("records") if row["threshold for"] == "as chosen"]
    assert (row["to inspect"], row["true lenses"], row["completeness"]) == (
        "20\u202f780", "800", "0.800 (0.711–0.867)",  # by Wilson, as statsmodels has it
    )  # fmt: skip
    purity, limits = row["purity"].removesuffix(")").split(" (")
    assert (purity, row["person-h"]) == ("3.85 %", "12")
    low, high = (float(one) for one in limits.removesuffix(" %").split("–"))
    assert low < 3.85 < high
    spotless = np.where(ranks < np.where(labels, 80, 0), 0.9, 0.1)  # of no non-lens
    table = expectation_table(made(spotless, labels), survey, threshold=0.5)
    [row] = [row for row in table.to_dict("records") if row["threshold for"] == "as chosen"]
    assert 0 < float(row["purity"].removeprefix("above ").removesuffix(" %")) < 100


def test_subgroups_are_those_of_any_column_that_differs(ws, capsys):
    evaluation = load_evaluation(ws, "first")
    assert list(properties(ws, evaluation)) == ["seeing_arcsec"]  # not what is one name each, nor one for all
    groups = subgroups(ws, evaluation, "seeing_arcsec", threshold=0.5)
    assert sum(one.n_positive for one in groups) == 10
    assert main(["--workspace", str(ws.folder), "subgroups", "first", "seeing_arcsec", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["subgroups"][0]["name"] == groups[0].name
    with pytest.raises(InvalidInput, match="no column 'nothing'"):
        subgroups(ws, evaluation, "nothing", threshold=0.5)
