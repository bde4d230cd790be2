"""Scores of other programs become runs: rows find their cutouts, what does not is counted, figures agree."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lensapp.cli import main
from lensapp.core.errors import InvalidInput
from lensapp.core.score.score_table_spec import ScoreTableSpec, best_by_place, scores_from
from lensapp.core.split.splits import SplitSpec
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.services.catalogue.choices import catalogue_choices
from lensapp.services.evaluate.evaluation import load_evaluation
from lensapp.services.split.datasets import freeze_split
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.pages_workspace import open_page, sheets_of
from support.small_surveys import pack_source

COUNT = 90


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace.open(tmp_path_factory.mktemp("scores") / "workspace")
    cutouts = [
        {"row": k, "candidate_id": f"J{k:03d}", "ra_deg": 10.0 + k / 100, "dec_deg": 1.0}
        | {"label": "nonlens" if k % 3 else "lens"}
        for k in range(COUNT)
    ]
    pixels = np.random.default_rng(0).normal(size=(COUNT, 8, 8, 3)).astype(np.float32)
    pack_source(workspace, "sky", pixels, cutouts)
    freeze_split(workspace, source_names=["sky"], spec=SplitSpec(), name="sky-v1")
    unlabelled = [one | {"label": None} for one in cutouts[:4]]
    pack_source(workspace, "bare", pixels[:4], unlabelled)
    return workspace


def table(path: Path, header: str, *rows: tuple[object, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def called(ws: Workspace, capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    capsys.readouterr()
    assert main(["--workspace", str(ws.folder), *map(str, words), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def refused(ws: Workspace, capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main(["--workspace", str(ws.folder), *map(str, words)]) == 2
    return capsys.readouterr().err


def stored(ws: Workspace, run_name: str, source_name: str = "sky") -> dict[str, float]:
    source, run = sources.get_source(ws.database, source_name), runs.get_run(ws.database, run_name)
    ids, scores = stored_scores.scores_of(ws, run.id, source.id)
    names = {one.id: one.candidate_id for one in sources.get_cutouts(ws.database, ids.tolist())}
    return {names[key]: score for key, score in zip(ids.tolist(), scores.tolist(), strict=True)}


@pytest.mark.parametrize(
    ("scale", "lower", "expected"),
    [
        ("logistic", False, [0.5, 0.75, 0.1, np.nan]),
        ("logistic", True, [0.5, 0.25, 0.9, np.nan]),
        ("range", False, [np.log(9) / np.log(27), 1.0, 0.0, np.nan]),
        ("rank", False, [0.5, 5 / 6, 1 / 6, np.nan]),
        ("rank", True, [0.5, 1 / 6, 5 / 6, np.nan]),
    ],
)
def test_values_outside_0_to_1_keep_their_order(scale, lower, expected):
    values = np.array([0.0, np.log(3.0), -np.log(9.0), np.inf])  # odds of 1, 3 and 1/9
    spec = ScoreTableSpec(scores=("a",), scale=scale, lower_is_better=lower)
    np.testing.assert_allclose(scores_from(values, spec, column="a"), expected, atol=1e-12)


def test_values_outside_0_to_1_are_refused_unless_it_is_said_what_they_are():
    with pytest.raises(InvalidInput, match="1 of the 2 values of a lie outside 0 to 1"):
        scores_from(np.array([0.5, -99.0]), ScoreTableSpec(scores=("a",)), column="a")
    lower = ScoreTableSpec(scores=("a",), lower_is_better=True)
    np.testing.assert_allclose(scores_from(np.array([0.0, 0.3]), lower, column="a"), [1.0, 0.7])


def test_of_several_scores_the_highest_counts():
    places, scores = np.array([0, 0, 1, 1, 2]), np.array([0.2, 0.9, np.nan, 0.4, np.nan])
    best, contradicting = best_by_place(places, scores, 4)
    np.testing.assert_array_equal(best, [0.9, 0.4, np.nan, np.nan])
    assert contradicting == 1


def test_every_row_is_stored_or_counted(ws, tmp_path, capsys):
    file = table(
        tmp_path / "theirs.csv", "object_id,p,q",
        ("J000", 0.9, 0.1), ("J001", "nan", 0.2), ("J002", 0.3, -99), ("J002", 0.6, 0.3), ("J003", 0.4, "?"),
        ("J003", 0.4, 0.5), ("X1", 0.5, 0.5), ("", 0.7, 0.7), ("J004.fits", 1.0, 0.0),
    )  # fmt: skip
    found = called(
        ws, capsys, "import-scores", file, "--source", "sky", "--score", "p,q", "--no-score", "-99"
    )
    of_table = ("joined_by", "rows", "without_key", "unknown", "farther", "duplicates", "dataset")
    assert [found[key] for key in of_table] == ["id", 9, 1, 1, 0, 2, "sky-v1"]
    first, second = found["runs"]
    assert first == {
        "run": "theirs-p", "column": "p", "scored": 4, "unscored": COUNT - 4, "no_number": 1, "outside": 0,
        "contradicting": 1,
    }  # fmt: skip
    assert (second["scored"], second["no_number"]) == (5, 2)
    assert stored(ws, "theirs-p") == {"J004": 1.0, "J000": 0.9, "J002": 0.6, "J003": 0.4}
    assert stored(ws, "theirs-q") == {"J003": 0.5, "J002": 0.3, "J001": 0.2, "J000": 0.1, "J004": 0.0}


def test_cutouts_take_the_score_of_the_nearest_position(ws, tmp_path, capsys):
    arcsec = 1 / 3600
    file = table(
        tmp_path / "places.csv", "ra,dec,logit",
        (10.0, 1.0 + 0.4 * arcsec, 0.0), (10.0, 1.0 + 0.2 * arcsec, 3.0), (10.01, 1.0 + 1.5 * arcsec, 9.0),
        (10.02, 1.0, -1.0), (10.02, 1.0, 1.0), ("", "", 1.0),
    )  # fmt: skip
    words = ("import-scores", file, "--source", "sky", "--score", "logit", "--name")
    assert "--scale logistic" in refused(ws, capsys, *words, "places")
    found = called(ws, capsys, *words, "places", "--scale", "logistic")
    counts = ("joined_by", "without_key", "unknown", "farther", "duplicates")
    assert [found[key] for key in counts] == ["position", 1, 1, 1, 1]
    assert stored(ws, "places") == pytest.approx({"J000": 1 / (1 + np.exp(-3)), "J002": 1 / (1 + np.exp(-1))})
    wider = called(ws, capsys, *words, "wider", "--scale", "rank", "--radius-arcsec", "2")
    assert wider["runs"][0]["scored"] == 3


@pytest.fixture(scope="module")
def noisy(ws: Workspace, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Scores of every cutout from two columns, the second better, imported as lens-bad and lens-good."""
    rng = np.random.default_rng(5)
    truth = np.arange(COUNT) % 3 == 0
    scores = np.stack([0.5 + 0.1 * truth, 0.3 + 0.4 * truth]) + rng.uniform(-0.25, 0.25, (2, COUNT))
    file = tmp_path_factory.mktemp("noisy") / "t.csv"
    table(file, "id,bad,good", *((f"J{k:03d}", *scores[:, k]) for k in range(COUNT)))
    words = ["import-scores", str(file), "--source", "sky", "--score", "bad,good", "--name", "lens"]
    assert main(["--workspace", str(ws.folder), *words]) == 0
    return scores


def test_figures_are_those_of_scikit_learn(ws, noisy, capsys):
    dataset = datasets.get_dataset(ws.database, "sky-v1")
    for number, run in enumerate(("lens-bad", "lens-good")):
        figures = evaluate_run(ws, run_name=run)
        members = datasets.member_columns(ws.database, dataset.id, part="test")
        places = [int(name[1:]) for name in members["candidate_id"]]
        expected = roc_auc_score(members["label"] == "lens", noisy[number][places])
        assert (figures["auroc"], figures["unscored"]) == (pytest.approx(expected, abs=1e-9), 0)
        assert figures["suggested_thresholds"] is not None
        assert not load_evaluation(ws, run).outdated
    beside = called(ws, capsys, "side-by-side", "lens-bad,lens-good")
    assert "lens-good" in json.dumps(beside)


def test_their_best_are_reviewed_and_exported(ws, noisy, tmp_path, capsys):
    words = ("--run", "lens-good", "--limit", 5, "--also-runs", "lens-bad", "--combine", "mean")
    called(ws, capsys, "review", "best", "sky", *words)
    queue = reviews.queue_of(ws.database, reviews.get_review(ws.database, "best").id)
    shown = [one.candidate_id for one in sources.get_cutouts(ws.database, list(queue))]
    assert shown == [f"J{k:03d}" for k in np.argsort(-noisy.mean(axis=0))[:5]]
    out = tmp_path / "out.csv"
    called(ws, capsys, "export", "sky", "--run", "lens-good", "--out", out)
    rows = {row["id"]: row for row in csv.DictReader(out.open())}
    for k in (0, 7):
        assert float(rows[f"J{k:03d}"]["score"]) == pytest.approx(noisy[1][k], abs=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ("score", "lens-good", "sky"),
        ("features", "lens-good", "sky"),
        ("committee", "both", "--members", "lens-bad,lens-good"),
        ("nuisance", "lens-good"),
    ],
)
def test_what_needs_a_network_says_that_there_is_none(ws, noisy, capsys, words):
    assert "has no network" in refused(ws, capsys, *words)


def test_without_labels_scores_stand_on_a_version_without_cutouts(ws, tmp_path, capsys):
    file = table(tmp_path / "bare.csv", "id,s", ("J001", 0.25))
    found = called(
        ws, capsys, "import-scores", file, "--source", "bare", "--score", "s", "--lower-is-better", 1
    )
    assert (found["dataset"], stored(ws, "bare", "bare")) == (None, {"J001": 0.75})
    assert "no dataset version has labelled lenses and non-lenses of bare" in refused(
        ws, capsys, "evaluate", "bare"
    )


def test_parts_without_any_score_are_left_out_and_named_where_they_are_to_be_measured(ws, tmp_path, capsys):
    dataset = datasets.get_dataset(ws.database, "sky-v1")
    members = datasets.member_columns(ws.database, dataset.id, part="test")
    rows = [(name, 0.9 if label == "lens" else 0.1)
            for name, label in zip(members["candidate_id"], members["label"], strict=True)]  # fmt: skip
    file = table(tmp_path / "tested.csv", "id,s", *rows)
    called(ws, capsys, "import-scores", file, "--source", "sky", "--score", "s")
    figures = evaluate_run(ws, run_name="tested")
    assert (figures["auroc"], figures["unscored"], figures["suggested_thresholds"]) == (1.0, 0, None)
    unscored = sum(dataset.counts["validation"].values())
    with pytest.raises(
        InvalidInput, match=f"None of the {unscored} cutouts of the validation part of sky-v1"
    ):
        evaluate_run(ws, run_name="tested", part="validation")


def test_bad_tables_are_refused_with_what_to_do(ws, tmp_path, capsys):
    file = table(tmp_path / "bad.csv", "id,s", ("A", 0.25))
    words = ("import-scores", file, "--source", "sky", "--name", "bad", "--score")
    assert "no ID in common" in refused(ws, capsys, *words, "s")
    assert "no column 'p'" in refused(ws, capsys, *words, "p")
    assert "--ra-column" in refused(ws, capsys, *words, "s", "--join", "position")
    assert "has no cutouts of bare" in refused(
        ws, capsys, "import-scores", file, "--source", "bare", "--score", "s", "--dataset", "sky-v1"
    )
    assert "bad" not in {run.name for run in runs.list_runs(ws.database)}


def test_pages_promise_of_a_run_without_a_network_only_what_it_can(ws, noisy, tmp_path, monkeypatch):
    file = table(tmp_path / "few.csv", "id,s", *((f"J{k:03d}", 0.1 + k / 100) for k in range(60)))
    assert (
        main(["--workspace", str(ws.folder), "import-scores", str(file), "--source", "sky", "--score", "s"])
        == 0
    )
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    score = open_page("score", source="sky", run="few")
    assert sheets_of(score)["score-top"]["explains"] is False
    assert score.button(key="score-review").label == "Review the top 60"
    assert not any("trained" in one.value or "are scored" in one.value for one in score.caption)
    evaluate = open_page("evaluate", run="few")
    assert any("will be compared with the labels" in one.value for one in evaluate.markdown)
    evaluate_run(ws, run_name="few")
    evaluate = open_page("evaluate", run="few")
    assert not evaluate.exception
    assert any("has no network" in one.value for one in evaluate.info)


def test_a_trained_run_is_offered_before_imported_scores(ws, noisy):
    sky = sources.get_source(ws.database, "sky")
    dataset = datasets.get_dataset(ws.database, "sky-v1")
    net = runs.create_run(ws.database, name="net", dataset_id=dataset.id, model="simple_cnn", spec={})
    ids, scores = stored_scores.scores_of(ws, runs.get_run(ws.database, "lens-good").id, sky.id)
    stored_scores.add_scores(ws, net.id, sky.id, ids, scores)
    assert catalogue_choices(ws).runs_of(sky)[0] == "net"
