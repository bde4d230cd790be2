"""Tables of scores of other programs beside one's own networks: what is offered of them, and what is not."""

from pathlib import Path

import numpy as np
import pytest

from lensapp import jobs
from lensapp.core.errors import InvalidInput
from lensapp.core.score.score_table_spec import MODEL
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.services.catalogue.query import newest_run
from lensapp.services.evaluate.compare.lineage import beginnings_in_words
from lensapp.services.imported_tables import why_not_measured
from lensapp.services.inspect.replay import replayable
from lensapp.services.next_step import Round, round_of
from lensapp.services.overview import overview
from lensapp.services.selected_chain import proposed_run, trained_on
from lensapp.services.train import runs as trainings
from lensapp.services.train.run_listing import studies_last
from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Dataset, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.pages_workspace import (
    add_dataset,
    add_evaluation,
    add_run,
    add_scores,
    add_survey,
    add_votes,
    full_workspace,
    open_page,
)

WHY = (
    "finder is an imported table of scores and cannot be measured here, because no dataset version has "
    "labelled lenses and non-lenses of wide in its test part: grade some and feed the grades back, or split "
    "the source if it has labels."
)


@pytest.fixture
def ws(folder: Path) -> Workspace:
    return Workspace.open(folder)


def add_table(ws: Workspace, source: Source, dataset: Dataset | None = None, name: str = "finder") -> Run:
    """Register a finished import that scores the whole source, measured by a version or by none."""
    stands_on = dataset or datasets.create_elsewhere(ws.database, name=name, bands=source.bands)
    run = runs.create_run(
        ws.database, name=name, dataset_id=stands_on.id, model=MODEL, spec={"sha256": "0" * 64}
    )
    runs.update_run(ws.database, run.id, state="finished")
    add_scores(ws, run, source)
    return runs.get_run(ws.database, name)


def stands(ws: Workspace, **selected: str) -> Round:
    return round_of(ws, selected, jobs.active(ws.database))


def test_a_table_of_a_survey_without_labels_offers_no_evaluation_and_says_what_would_allow_one(ws):
    add_table(ws, add_survey(ws, "wide", labelled=False))
    score = open_page("score", run="finder", source="wide")
    assert WHY in [one.value for one in score.caption]
    assert not [one for one in score.button if one.key == "score-to-evaluate"]
    assert [one.value for one in score.caption if "20 at score ≥ 0.5; " in one.value], "0.99 … 0.01"
    evaluate = open_page("evaluate", run="finder")
    assert any(WHY in one.value for one in evaluate.markdown)
    assert not [one for one in evaluate.button if one.label.startswith("Evaluate")]
    assert not jobs.active(ws.database)
    with pytest.raises(InvalidInput, match="cannot be measured here"):
        trainings.start_evaluation(ws, run_name="finder")


def test_the_stage_of_the_network_is_not_ticked_by_a_table(ws):
    add_table(ws, add_survey(ws, "wide", labelled=False))
    of = stands(ws, run="finder", source="wide")
    [network] = [one for one in of.stages if one.name == "Network"]
    assert (network.done, network.remark) == (False, "table of scores")
    assert network.hint == "finder: scores of a table, without a network."
    assert of.next_step.starts == "review"


def test_a_table_that_no_version_could_measure_is_measured_by_one_frozen_since(ws):
    source = add_survey(ws, "wide")
    add_table(ws, source)
    assert why_not_measured(ws, runs.get_run(ws.database, "finder"))
    add_dataset(ws, source, "wide-v1")
    assert why_not_measured(ws, runs.get_run(ws.database, "finder")) == ""
    assert open_page("score", run="finder", source="wide").button(key="score-to-evaluate")
    trainings.start_evaluation(ws, run_name="finder")
    figures = evaluate_run(ws, run_name="finder")
    assert (figures["dataset"], figures["unscored"]) == ("wide-v1", 0)
    # lenses are the 1st, 5th and 9th of the 12 of the test part, whose scores fall: of 27 pairs
    # 9 + 6 + 3 are in order
    assert figures["auroc"] == pytest.approx(18 / 27)
    assert why_not_measured(ws, runs.get_run(ws.database, "finder"), part="validation") == ""


def test_a_table_that_scores_one_class_of_a_part_is_not_measured_on_it(ws):
    source = add_survey(ws, "wide")
    dataset = add_dataset(ws, source, "wide-v1")
    members = datasets.member_columns(ws.database, dataset.id, part="test")
    run = runs.create_run(ws.database, name="finder", dataset_id=dataset.id, model=MODEL, spec={})
    nonlenses = members["cutout_id"][members["label"] == "nonlens"]
    stored_scores.add_scores(ws, run.id, source.id, nonlenses.tolist(), [0.5] * len(nonlenses))
    assert why_not_measured(ws, run) == WHY
    lens = members["cutout_id"][members["label"] == "lens"][:1]
    stored_scores.add_scores(ws, run.id, source.id, lens.tolist(), [0.5])
    assert why_not_measured(ws, run) == ""
    assert why_not_measured(ws, run, part="validation") == WHY.replace("test part", "validation part")


def test_only_what_was_trained_is_told_of_versions(ws):
    source = add_survey(ws)
    first, second = (add_dataset(ws, source, f"sky-v{k}") for k in (1, 2))
    add_run(ws, first, "own")
    add_run(ws, second, "other")
    add_table(ws, source, second)
    assert beginnings_in_words(ws, ["own", "finder"]) == ""
    assert beginnings_in_words(ws, ["own", "other", "finder"]) == (
        "They were trained on different dataset versions, whose labels may differ: own on sky-v1; other on "
        "sky-v2."
    )


def test_a_table_without_scores_of_a_validation_part_is_not_to_be_evaluated_again_for_thresholds(ws):
    source = add_survey(ws)
    dataset = add_dataset(ws, source)
    tested = datasets.member_columns(ws.database, dataset.id, part="test")["cutout_id"]
    run = runs.create_run(
        ws.database, name="finder", dataset_id=dataset.id, model=MODEL, spec={"sha256": "0" * 64}
    )
    scores = np.linspace(0.9, 0.1, len(tested)).tolist()
    stored_scores.add_scores(ws, run.id, source.id, tested.tolist(), scores)
    runs.update_run(ws.database, run.id, state="finished")
    evaluate_run(ws, run_name="finder")
    said = " ".join(one.value for one in open_page("evaluate", run="finder").caption)
    assert "No thresholds are proposed" in said
    assert "Evaluate again" not in said


def test_own_networks_come_before_tables_imported_later(folder):
    ws = full_workspace(folder)
    source = sources.get_source(ws.database, "sky")
    dataset = datasets.get_dataset(ws.database, "sky-v1")
    table = add_table(ws, source, dataset)
    add_evaluation(ws, table, dataset)
    every = runs.list_runs(ws.database)
    assert [run.name for run in every] == ["finder", "elu_cnn-2", "elu_cnn-1"]
    assert [run.name for run in studies_last(ws, every)] == ["elu_cnn-2", "elu_cnn-1", "finder"]
    assert proposed_run(ws, every, source).name == "elu_cnn-2"
    assert newest_run(ws, [source]).name == "elu_cnn-2"
    assert trained_on(ws, dataset).name == "elu_cnn-2"
    assert overview(ws).scores[-1][0] == runs.get_run(ws.database, "elu_cnn-2").id
    assert open_page("evaluate").selectbox(key="choose-run").value == "elu_cnn-2"


def test_after_training_again_scores_and_replay_are_of_the_run_that_was_reviewed(folder):
    ws = Workspace.open(folder)
    source = add_survey(ws)
    dataset = add_dataset(ws, source)
    first, second = (add_run(ws, dataset, name) for name in ("eq-a", "eq-b"))
    add_scores(ws, first, source)
    add_scores(ws, second, source)
    add_votes(ws, first, source)
    add_table(ws, source)
    add_run(ws, add_dataset(ws, source, "sky-v2"), "eq-a-2")
    assert replayable(ws) == {"round-1": ["eq-a", "eq-b", "finder"], "sky": ["eq-b", "eq-a", "finder"]}
    page = open_page("replay", review="round-1", run="eq-a-2", learned="1")
    assert page.selectbox(key="choose-run").value == "eq-a"
    [scored] = [one for one in stands(ws, run="eq-a-2", source="sky").stages if one.name == "Scores"]
    assert (scored.count, scored.remark) == (40, "by eq-b")
