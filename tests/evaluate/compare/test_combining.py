"""Committees that learn on the validation part, and every way of combining beside the best single run."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from streamlit.testing.v1 import AppTest

from lensapp.cli import main
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.combining import learn_combination
from lensapp.core.train.committees import COMBINATIONS, CommitteeSpec
from lensapp.learning.score.onnx_export import exported
from lensapp.learning.score.scorers import open_scorer
from lensapp.services.evaluate.calibrations import calibrate
from lensapp.services.evaluate.combinations import compare_combinations
from lensapp.services.evaluate.committees import make_committee
from lensapp.storage import runs
from lensapp.storage.evaluations import StoredEvaluation, save_evaluation
from lensapp.storage.files import network_checksum
from support.scoring_workspace import Trained, train_further, train_tiny


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def drawn(count=600, *, spread=(1.0, 1.5), seed=0):
    """Truth, and scores of members whose errors are independent."""
    rng = np.random.default_rng(seed)
    labels = rng.random(count) < 0.3
    return labels, np.stack([sigmoid(rng.normal(3.0 * labels - 1.5, width)) for width in spread])


class Logit(ClassifierMixin, BaseEstimator):
    """A fitted classifier of scikit-learn's: the logit of one column."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, _X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return np.log(X[:, self.column] / (1 - X[:, self.column]))

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


def test_stacking_is_that_of_scikit_learn():
    labels, scores = drawn()
    members = [(f"m{column}", Logit(column).fit(None, labels)) for column in range(2)]
    peer = StackingClassifier(
        members, LogisticRegression(), cv="prefit", stack_method="decision_function"
    ).fit(scores.T, labels)
    _, others = drawn(seed=1)
    ours = learn_combination(labels, scores, "stacking")(others)
    assert ours == pytest.approx(peer.predict_proba(others.T)[:, 1], abs=1e-5)


def test_weights_are_those_of_non_negative_least_squares_scaled_to_one():
    labels, scores = drawn(spread=(1.0, 1.5, 4.0))
    peer = LinearRegression(positive=True, fit_intercept=False).fit(scores.T, labels).coef_
    learned = learn_combination(labels, scores, "weighted")
    assert learned.weights == pytest.approx(peer / peer.sum(), abs=1e-9)
    assert learned(np.array([[1.0], [0.0], [0.0]]))[0] == pytest.approx(learned.weights[0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_weights_are_never_negative_and_add_up_to_one(seed, members):
    rng = np.random.default_rng(seed)
    labels = np.arange(40) % 2 == 0
    weights = learn_combination(labels, rng.random((members, 40)), "weighted").weights
    assert min(weights) >= 0
    assert sum(weights) == pytest.approx(1)


def stated(scores):
    """Truth and two members that each say 0.8 for four lenses in five and 0.2 for one in five."""
    labels = np.repeat([True, False], 50)
    said = np.concatenate([np.repeat([0.8, 0.2], [40, 10]), np.repeat([0.8, 0.2], [10, 40])])
    return labels, np.stack([scores(said)] * 2)


@pytest.mark.parametrize("scores", [lambda said: said, lambda said: said**3], ids=["calibrated", "low"])
def test_likelihood_ratios_are_multiplied_as_worked_by_hand(scores):
    labels, members = stated(scores)
    learned = learn_combination(labels, members, "bayes")
    high, low = scores(np.array([0.8, 0.2]))
    asked = np.array([[high, high, low], [high, low, low]])
    # 0.8 / 0.2 = 4 for "high", 1/4 for "low", at even odds: 16 : 1, 1 : 1 and 1 : 16.
    assert learned(asked) == pytest.approx([16 / 17, 1 / 2, 1 / 17], abs=2e-4)
    rare = learn_combination(labels, members, "bayes", prior=0.001)
    assert rare(asked) == pytest.approx([16 / (16 + 999), 1 / 1000, 1 / (1 + 16 * 999)], rel=2e-3)


def test_a_prior_moves_scores_and_keeps_their_order():
    labels, scores = drawn()
    usual, rare = (learn_combination(labels, scores, "bayes", prior=prior)(scores) for prior in (None, 1e-3))
    assert (np.argsort(usual, kind="stable") == np.argsort(rare, kind="stable")).mean() > 0.99
    assert rare.mean() < usual.mean()


def test_what_is_learned_of_independent_members_beats_each_of_them_on_new_cutouts():
    labels, scores = drawn(2000, spread=(1.5, 1.5, 6.0))
    truth, others = drawn(2000, spread=(1.5, 1.5, 6.0), seed=1)
    best = max(average_precision_score(truth, member) for member in others)
    plain = roc_auc_score(truth, others.mean(axis=0))
    for how in ("weighted", "bayes", "stacking"):
        together = learn_combination(labels, scores, how)(others)
        assert average_precision_score(truth, together) > best + 0.02, how
        assert roc_auc_score(truth, together) > plain, how


@pytest.mark.parametrize(
    ("labels", "scores", "how", "prior", "message"),
    [
        ([1] * 9 + [0] * 30, 0.5, "weighted", None, "has 9 lenses and 30 non-lenses; combining by weighted"),
        ([1] * 30 + [0] * 30, 1.5, "stacking", None, "Scores outside 0–1"),
        ([1] * 30 + [0] * 30, 0.5, "stacking", 0.1, "has no prior"),
    ],
)
def test_what_cannot_be_learned_is_refused(labels, scores, how, prior, message):
    with pytest.raises(InvalidInput, match=message):
        learn_combination(np.array(labels, bool), np.full((2, len(labels)), scores), how, prior=prior)


def test_a_specification_holds_a_fit_exactly_where_one_is_needed():
    fit = learn_combination(*drawn(), "weighted").saved()
    CommitteeSpec.parse({"members": ["a", "b"], "combine": "weighted", "learned": fit})
    for wrong in ({"combine": "weighted"}, {"combine": "mean", "learned": fit}):
        with pytest.raises(InvalidInput, match="what is learned needs its fit"):
            CommitteeSpec.parse({"members": ["a", "b"]} | wrong)
    with pytest.raises(InvalidInput, match="give each member a weight"):
        CommitteeSpec.parse({"members": ["a", "b", "c"], "combine": "weighted", "learned": fit})


@pytest.fixture(scope="module")
def exported_runs(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    made = train_tiny(tmp_path_factory.mktemp("combining") / "workspace")
    ws, first = made.workspace, runs.get_run(made.workspace.database, "first")
    runs.update_run(ws.database, first.id, state="finished")
    run = runs.create_run(
        ws.database, name="second", dataset_id=first.dataset_id, model=first.model, spec=first.spec
    )
    runs.update_run(ws.database, run.id, state="finished", summary=first.summary)
    exported(made.folder)
    shutil.copytree(made.folder, ws.run_folder("second"))
    return made


@pytest.fixture
def two(exported_runs: Trained, tmp_path: Path) -> Trained:
    """Runs "first" and "second" of one network, with evaluations of 600 validation and test cutouts."""
    made = exported_runs.copied(tmp_path / "workspace")
    for seed, part in enumerate(("validation", "test")):
        evaluated(made, part, *drawn(seed=seed))
    return made


def evaluated(made: Trained, part: str, labels: np.ndarray, scores: np.ndarray) -> None:
    for name, member in zip(("first", "second"), scores, strict=True):
        folder = made.workspace.run_folder(name)
        figures = {"network_sha256": network_checksum(folder), "evaluated_at": time.time() + 60}
        stored = StoredEvaluation(np.arange(len(labels)), labels, member.astype(np.float32)[:, None], figures)
        save_evaluation(folder, part, stored)


@pytest.mark.parametrize("how", ["weighted", "bayes", "stacking"])
def test_a_committee_scores_with_what_was_learned_on_validation(two: Trained, how):
    run = make_committee(two.workspace, name="both", members=["first", "second"], combine=how)
    folder = two.workspace.run_folder("both")
    pixels = two.pixels().read(np.arange(41, 61))
    alone = np.stack(
        [open_scorer(two.workspace.run_folder(name)).score(pixels) for name in run.spec["members"]]
    )
    labels, scores = drawn()
    expected = learn_combination(labels, scores.astype(np.float32), how)(alone)
    assert open_scorer(folder).score(pixels) == pytest.approx(expected, abs=1e-5)
    assert run.spec["learned"]["n_positive"] == int(labels.sum())
    with (two.workspace.run_folder("first") / "best.keras").open("ab") as network:
        network.write(b"trained further")
    with pytest.raises(InvalidInput, match="member of both was trained further since"):
        open_scorer(folder)


def test_only_cutouts_on_which_all_were_validated_teach_a_committee(two: Trained):
    labels, scores = drawn()
    folder = two.workspace.run_folder("second")
    figures = {"network_sha256": network_checksum(folder), "evaluated_at": time.time() + 60}
    later = StoredEvaluation(
        np.arange(300, 900),
        np.roll(labels, -300),
        np.roll(scores[1], -300).astype(np.float32)[:, None],
        figures,
    )
    save_evaluation(folder, "validation", later)
    run = make_committee(two.workspace, name="both", members=["first", "second"], combine="weighted")
    assert run.spec["learned"]["n_positive"] == int(labels[300:].sum())


def test_members_without_an_evaluation_of_today_are_named(two: Trained):
    path = two.workspace.run_folder("second") / "evaluation-validation.npz"
    path.unlink()
    with pytest.raises(NotFound, match="second has not been evaluated on its validation part"):
        make_committee(two.workspace, name="both", members=["first", "second"], combine="bayes")
    evaluated(two, "validation", *drawn())
    train_further(two.workspace.run_folder("second"))
    with pytest.raises(InvalidInput, match="second on its validation part are those of an earlier network"):
        make_committee(two.workspace, name="both", members=["first", "second"], combine="bayes")


def test_every_way_is_measured_on_the_test_part_beside_the_best_single_run(two: Trained):
    compared = compare_combinations(two.workspace, ["first", "second"])
    truth, scores = drawn(seed=1)
    assert (compared.best, compared.n, compared.n_positive) == ("first", 600, int(truth.sum()))
    ways = {way.name: way for way in compared.ways}
    assert list(ways) == ["first", "second", "mean", "median", "rank", "weighted", "bayes", "stacking"]
    assert ways["mean"].figures["auroc"].value == pytest.approx(roc_auc_score(truth, scores.mean(axis=0)))
    assert ways["first"].p_values == {}
    assert ways["first"].figures["auroc"].value == pytest.approx(roc_auc_score(truth, scores[0]))
    assert ways["stacking"].p_values["auroc"] < 0.01
    assert ways["stacking"].gains["auroc"] > 0
    assert [way.name for way in compared.ways if way.learned] == ["weighted", "bayes", "stacking"]
    assert set(ways["weighted"].weights) == {"first", "second"}


def test_the_page_shows_the_ways_as_a_table_with_limits_and_p_values(two: Trained):
    def page(folder: str, ticked: list[str]) -> None:
        from pathlib import Path

        from lensapp.services.train.comparisons import compared_runs
        from lensapp.storage.workspace import Workspace
        from lensapp.ui.evaluate.compare.compare_forms import show_committee_form

        ws = Workspace.open(Path(folder))
        show_committee_form(ws, compared_runs(ws, ticked), ticked)

    app = AppTest.from_function(page, args=(str(two.workspace.folder), ["first", "second"])).run(timeout=30)
    assert not app.dataframe
    table = app.toggle(key="committee-ways").set_value(True).run(timeout=30).dataframe[0].value
    assert not app.exception
    assert list(table["way"]) == ["first", "second", *(f"all by {how}" for how in COMBINATIONS)]
    compared = compare_combinations(two.workspace, ["first", "second"])
    auroc = compared.ways[-1].figures["auroc"]
    assert table["AUROC"].iloc[-1] == f"{auroc.value:.3f} ({auroc.low:.3f}–{auroc.high:.3f})"
    assert table["gain in AUROC"].iloc[0] == "–"  # the best single run is not compared with itself
    gain = auroc.value - compared.ways[0].figures["auroc"].value
    assert table["gain in AUROC"].iloc[-1].startswith(f"{gain:+.3f} (p ")
    assert "best single network on the validation part" in app.caption[0].value


def test_the_command_compares_makes_nothing_and_takes_a_prior(two: Trained, capsys):
    folder = ["--workspace", str(two.workspace.folder), "committee"]
    assert main([*folder, "--members", "first,second", "--compare", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["ways"]) == 8
    assert main([*folder, "--members", "first,second", "--compare"]) == 0
    assert "all by stacking" in capsys.readouterr().out
    assert len(runs.list_runs(two.workspace.database)) == 2
    assert main([*folder, "--members", "first,second"]) == 2
    assert "The committee has no name" in capsys.readouterr().err
    asked = ["both", "--members", "first,second", "--combine"]
    assert main([*folder, *asked, "mean", "--prior", "0.01"]) == 2
    assert "has no prior" in capsys.readouterr().err
    assert main([*folder, *asked, "bayes", "--prior", "0.01", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["learned"]["n_positive"] > 100


def test_a_committee_is_calibrated_like_a_run(two: Trained):
    ws = two.workspace
    run = make_committee(ws, name="both", members=["first", "second"], combine="bayes")
    labels, scores = drawn()
    together = learn_combination(labels, scores, "bayes")(scores)
    folder = ws.run_folder(run.name)
    stored = StoredEvaluation(np.arange(600), labels, together[:, None], {"evaluated_at": time.time() + 60})
    save_evaluation(folder, "validation", stored)
    assert calibrate(ws, "both", method="platt").n_positive == int(labels.sum())
