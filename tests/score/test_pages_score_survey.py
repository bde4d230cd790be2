"""What Score says of the survey and of the threshold, run by Streamlit's own test harness."""

from pathlib import Path

import numpy as np
import pytest

from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.services.evaluate import expectations
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation
from lensapp.services.evaluate.figure_tables import expectation_table
from lensapp.storage import runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.ui.evaluate.survey_view import Reached, beyond_the_part
from lensapp.ui.score import score_page
from support.pages_workspace import (
    add_survey,
    full_workspace,
    open_page,
)


def test_few_lenses_give_the_same_figures_of_a_survey_on_score_as_on_evaluate_and_it_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = full_workspace(folder)
    pages = [
        open_page("score", run="elu_cnn-1", source="sky", threshold="0.3"),
        open_page("evaluate", run="elu_cnn-1", view="survey", threshold="0.3"),
    ]
    told, said = ([] for _ in range(2))
    for page in pages:
        assert not page.exception
        told.append({one.label: one.value for one in page.metric})
        said.append(next(one.value for one in page.caption if "few for a survey" in one.value))
        limits = next(one.value for one in page.caption if "Expected at score ≥ 0.3" in one.value)
        assert "completeness 0." in limits
    assert told[0] == told[1]
    assert "Completeness" in told[0]
    assert "holds 3 lenses and 9 non-lenses, few for a survey" in said[0]
    assert "21 lenses tell completeness to ±\u202f0.2, 100 non-lenses" in said[0]
    assert said[0] == said[1]
    evaluation = load_evaluation(ws, "elu_cnn-1")
    assert isinstance(evaluation, Evaluation)
    monkeypatch.setattr(expectations, "LEAST_LENSES", 3)
    monkeypatch.setattr(expectations, "LEAST_NONLENSES", 9)
    assert expectations.few_for_survey(evaluation) is None


def test_a_run_keeps_its_threshold_from_evaluate_to_score(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1", threshold="0.3")
    page.query_params.clear()
    page.switch_page("../../pages/score.py").run()
    assert not page.exception
    assert any("at score ≥ 0.3, the threshold of Evaluate" in one.value for one in page.caption)


@pytest.fixture
def small_surveys_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small sources and parts stand for a survey."""
    monkeypatch.setattr(score_page, "LEAST_GALAXIES", 10)
    for name in ("LEAST_GALAXIES", "LEAST_LENSES", "LEAST_NONLENSES"):
        monkeypatch.setattr(expectations, name, 1)


@pytest.mark.usefixtures("small_surveys_count")
def test_score_says_what_the_network_would_give_in_a_survey_of_the_sources_size(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("score", run="elu_cnn-1", source="sky")
    told = {one.label: one.value for one in page.metric}
    said = next(one.value for one in page.caption if "not counted" in one.value)
    assert "of the cutouts scored here 20 reach it" in said
    assert "Candidates" not in told, "what is expected of a survey is no count of those scored"
    assert {"Purity", "To inspect", "Person-time", "Completeness"} <= told.keys()
    assert next(one for one in page.number_input if one.label == "Galaxies").value == 40


@pytest.mark.parametrize(
    ("beyond", "highest", "told"),
    [
        (
            12,
            0.97,
            "12 cutouts scored here lie above 0.850, where the scores of the test part end, up to 0.970",
        ),
        (1, 0.97, "1 cutout scored here lies above 0.850"),
        (0, 0.80, None),
        (1, 0.85003, None),  # no other number as scores are written
    ],
)
def test_scores_beyond_those_of_the_test_part_are_told(beyond: int, highest: float, told: str | None) -> None:
    reached = Reached(at_threshold=20, beyond=beyond, highest=highest, part_ends=0.85)
    said = beyond_the_part(reached, part="test")
    assert said is told is None or (said is not None and told is not None and said.startswith(told))


@pytest.mark.usefixtures("small_surveys_count")
@pytest.mark.parametrize("threshold", ["0.3", "0.97"])
def test_score_says_where_the_test_part_tells_nothing_of_what_the_survey_reaches(
    folder: Path, threshold: str
) -> None:
    ws = full_workspace(folder)
    add_survey(ws, "field")
    run, source = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "field")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    given = np.append(np.full(len(ids) - 3, 0.2), [0.98, 0.985, 0.99])
    stored_scores.add_scores(ws, run.id, source.id, ids, given)
    evaluation = load_evaluation(ws, "elu_cnn-1")
    assert isinstance(evaluation, Evaluation)
    assert evaluation.scores.max() < 0.97
    page = open_page("score", run="elu_cnn-1", source="field", threshold=threshold)
    text = "\n".join(one.value for one in (*page.caption, *page.info))
    if threshold == "0.3":
        assert "3 cutouts scored here lie above" in text
    else:
        assert "cannot tell purity and completeness at score ≥ 0.97, which 3 cutouts here reach" in text


@pytest.mark.usefixtures("small_surveys_count")
def test_the_survey_in_numbers_begins_with_the_lenses_that_the_source_is_labelled_to_have(
    folder: Path,
) -> None:
    full_workspace(folder)
    page = open_page("score", run="elu_cnn-1", source="sky")
    said = "For 40 galaxies with 10 lenses: a prevalence of 25 % (the share of lenses among the labels"
    assert any(said in one.value for one in page.caption)
    slider = next(one for one in page.select_slider if one.label == "Prevalence")
    slider.set_value(1e-3).run()
    assert any(
        "with fewer than one lens" in one.value and "(assumed; of this source's labels 25 %)" in one.value
        for one in page.caption
    )


def test_a_threshold_is_named_by_what_it_was_chosen_for_and_where(folder: Path) -> None:
    ws = full_workspace(folder)
    evaluation = load_evaluation(ws, "elu_cnn-1")
    assert isinstance(evaluation, Evaluation)
    table = expectation_table(evaluation, SurveySpec(prevalence=1e-3), threshold=0.5)
    names = set(table["threshold for"]) - {"as chosen"}
    assert names
    assert all(name.endswith(" on validation") for name in names)
