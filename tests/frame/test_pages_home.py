"""The home page and what it is made from."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lensapp import jobs
from lensapp.core.plurals import counted
from lensapp.core.split.splits import SplitSpec
from lensapp.services.overview import overview
from lensapp.services.split.datasets import freeze_split
from lensapp.storage import reviews, runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source, make_survey

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    return Workspace.open()


def walk_the_round(workspace: Workspace) -> None:
    source = make_survey(workspace)
    dataset = freeze_split(workspace, source_names=["small"], spec=SplitSpec())
    run = runs.create_run(workspace.database, name="run1", dataset_id=dataset.id, model="elu_cnn", spec={})
    for epoch in range(3):
        runs.put_metrics(workspace.database, run.id, epoch, {"val_loss": 1 / (epoch + 1)})
    ids = sources.cutout_columns(workspace.database, [source.id], columns=("id",))["id"]
    stored_scores.add_scores(workspace, run.id, source.id, ids.tolist(), [0.5] * len(ids))
    review = reviews.create_review(
        workspace.database, name="look", source_id=source.id, run_id=run.id, spec={}, queue=ids[:5]
    )
    votes = [
        {
            "client": "test-client",
            "seq": place + 1,
            "review_id": review.id,
            "cutout_id": int(ids[place]),
            "inspector": "Ada",
            "grade": grade,
            "voted_at": time.time(),
        }
        for place, grade in enumerate("ABX")
    ]
    reviews.add_votes(workspace.database, votes)


def test_an_empty_round_begins_with_cutouts(workspace):
    facts = overview(workspace)
    assert facts.empty
    assert facts.next_stage.name == "Cutouts"


def test_the_next_stage_is_the_first_without_anything_in_it(workspace):
    make_survey(workspace)
    assert overview(workspace).next_stage.name == "Dataset"


def test_without_labels_the_next_stage_is_the_first_where_something_can_be_done(workspace):
    add_source(workspace, "sky", labelled=False, count=6, bands=("g", "r", "i"))
    facts = overview(workspace)  # the starter network reads g, r, i
    assert facts.next_stage.name == "Scores"
    assert facts.stages[3].detail == "none; the starter network can"
    add_source(workspace, "infrared", labelled=True, count=6, bands=("J", "H"))
    assert overview(workspace).next_stage.name == "Dataset"


def test_without_labels_and_without_a_network_for_its_bands_candidates_are_graded(workspace):
    add_source(workspace, "infrared", labelled=False, count=6, bands=("J", "H"))
    assert overview(workspace).next_stage.name == "Votes"


@pytest.mark.parametrize(
    ("count", "word", "expected"),
    [(1, "version", "1 version"), (0, "vote", "0 votes"), (2, "non-lens", "2 non-lenses"),
     (3, "study", "3 studies"), (5, "epoch", "5 epochs"), (2, "patch", "2 patches"),
     (2, "survey", "2 surveys"), (1, "non-lens", "1 non-lens")],
)  # fmt: skip
def test_nouns_agree_with_their_counts(count, word, expected):
    assert counted(count, word) == expected


def test_each_stage_counts_what_there_is(workspace):
    walk_the_round(workspace)
    counts = {stage.name: stage.count for stage in overview(workspace).stages}
    assert counts == {"Cutouts": 20, "Dataset": 1, "Network": 1, "Scores": 20, "Votes": 3, "Catalogue": 2}


def test_the_home_page_shows_six_cards_and_what_happened_last(workspace):
    walk_the_round(workspace)
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    assert not app.exception
    cards = [element.value for element in app.main.get("html") if "card-head" in element.value]
    assert len(cards) == 6
    assert {button.label for button in app.main.button} >= {"run1", "look"}


def dialog() -> None:
    from lensapp.ui.data.demo_dialog import demo_dialog

    demo_dialog()


def test_a_demo_survey_is_queued_from_the_dialog(workspace):
    app = AppTest.from_function(dialog, default_timeout=60).run()
    app.number_input(key="demo-count").set_value(50)
    next(button for button in app.button if button.label == "Make it").click().run()
    assert not app.exception
    assert [job.payload["spec"]["count"] for job in jobs.active(workspace.database)] == [50]


def test_a_taken_name_is_refused_in_the_dialog(workspace):
    make_survey(workspace, name="taken")
    app = AppTest.from_function(dialog, default_timeout=60).run()
    app.text_input[0].input("taken")
    next(button for button in app.button if button.label == "Make it").click().run()
    assert "taken" in app.error[0].value
    assert not jobs.active(workspace.database)
