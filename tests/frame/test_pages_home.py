"""The home page and what it is made from."""

import re
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lensapp import jobs
from lensapp.core.acting import THIS_MACHINE, Actor, acting_as
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.plurals import counted
from lensapp.core.split.splits import SplitSpec
from lensapp.services import tour
from lensapp.services.catalogue.feedback import feed_back
from lensapp.services.data.demo import example_lenses
from lensapp.services.inspect.queues import create_review
from lensapp.services.next_step import round_of
from lensapp.services.overview import overview
from lensapp.services.recent import recent_changes
from lensapp.services.split.datasets import freeze_split
from lensapp.services.tour import tour_of
from lensapp.storage import datasets, queue, reviews, runs, sources, studies
from lensapp.storage.care.trail import EXPORTED, note_change
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.ui.home.cards import breaking_well
from lensapp.ui.home.no_page import page_meant
from lensapp.ui.home.tour import TOUR
from support import pages_workspace
from support.small_surveys import add_source, make_survey

PROJECT = Path(__file__).parents[2]


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


def test_without_labels_the_card_of_the_scores_says_that_the_starter_network_can(workspace):
    assert overview(workspace).empty
    add_source(workspace, "sky", labelled=False, count=6, bands=("g", "r", "i"))
    facts = overview(workspace)  # the starter network reads g, r, i
    assert (facts.stages[1].detail, facts.stages[3].detail) == (
        "no labels yet",
        "none; the starter network can",
    )


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


def test_the_card_of_the_scores_has_thin_spaces_in_its_counts(workspace):
    source = add_source(workspace, "sky", count=2000)
    dataset = freeze_split(workspace, source_names=["sky"], spec=SplitSpec())
    run = runs.create_run(workspace.database, name="run1", dataset_id=dataset.id, model="elu_cnn", spec={})
    ids = sources.cutout_columns(workspace.database, [source.id], columns=("id",))["id"]
    stored_scores.add_scores(workspace, run.id, source.id, ids.tolist(), [0.5] * len(ids))
    assert overview(workspace).stages[3].detail == "2\u202f000 by run1"


def test_the_home_page_shows_six_cards_and_what_happened_last(workspace):
    walk_the_round(workspace)
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    assert not app.exception
    cards = [element.value for element in app.main.get("html") if "card-head" in element.value]
    assert len(cards) == 6
    assert {button.label for button in app.main.button} >= {"run1", "look"}


def test_folds_of_a_study_are_one_line_among_the_recent_runs(workspace):
    walk_the_round(workspace)
    [dataset] = datasets.list_datasets(workspace.database)
    study = studies.create_study(workspace.database, name="cv", kind="kfold", dataset_id=dataset.id, spec={})
    for fold, auroc in enumerate((0.91, 0.94)):
        run = runs.create_run(
            workspace.database, name=f"cv-fold{fold}", dataset_id=dataset.id, model="elu_cnn", spec={}
        )
        runs.update_run(workspace.database, run.id, state="finished", evaluation={"auroc": auroc})
        studies.add_run(workspace.database, study.id, run.id, place=fold)
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    assert not app.exception
    labels = {button.label for button in app.main.button}
    assert "cv" in labels
    assert not labels & {"cv-fold0", "cv-fold1"}
    assert any(text.value == "2 runs · AUROC 0.910 to 0.940" for text in app.caption)


def test_a_fold_is_not_the_newest_network_of_the_cards(workspace):
    walk_the_round(workspace)
    [dataset], [source] = datasets.list_datasets(workspace.database), sources.list_sources(workspace.database)
    fold = pages_workspace.add_fold(workspace, dataset, "cv-fold0")
    stored_scores.add_scores(workspace, fold.id, source.id, [1], [0.9])
    facts = overview(workspace)
    details = {stage.name: stage.detail for stage in facts.stages}
    assert details["Network"].startswith("run1, ")
    assert details["Scores"].endswith(" by run1")
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    [network] = [text.proto.body for text in app.get("html") if "Network</div>" in text.proto.body]
    assert "lowest 0.333" in network, "of the three epochs of run1: 1, 1/2 and 1/3"


def test_each_card_says_what_its_picture_shows_and_no_two_show_the_same(workspace):
    walk_the_round(workspace)
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    cards = [element.value for element in app.main.get("html") if "card-head" in element.value]
    pictures = [re.search(r"<img[^>]*src=\"([^\"]+)\"", card)[1] for card in cards]
    captions = [re.search(r'card-caption"[^>]*>([^<]*)<', card)[1] for card in cards]
    assert len(set(pictures)) == 6
    assert captions == [
        "lenses of small", "train, validation, test", "validation loss, lowest 0.333",
        "number by score", "votes A, B, C, X", "graded A last",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("equivariant_resnet-2, finished", "equivariant_<wbr>resnet\u20112, finished"),
        ("40 by sky-v1", "40 by sky\u2011v1"),
        ("KiDS-DR4-best", "KiDS\u2011<wbr>DR4\u2011<wbr>best"),
        ("<b>-x", "&lt;b&gt;\u2011x"),
        ("committee-of-all-networks-round-12", "committee\u2011of\u2011a…orks\u2011<wbr>round\u201112"),
    ],
)
def test_names_on_cards_break_between_their_words_and_keep_both_ends(text, html):
    assert breaking_well(text) == html


def test_what_stands_at_a_wrong_address_leads_to_the_page_that_is_meant_and_home():
    def page():
        from lensapp.ui.home.no_page import show_no_page

        show_no_page("evaluation", {"home": "Home", "evaluate": "Evaluate", "data": "Data"})

    app = AppTest.from_function(page).run()
    assert any("There is no page “evaluation”" in text.value for text in app.markdown)
    assert [(one.label, one.proto.type) for one in app.button] == [
        ("Go to Evaluate", "primary"),
        ("Go to Home", "secondary"),
    ]
    titles = {"evaluate": "Evaluate", "experiments": "Experiments", "data": "Data"}
    assert page_meant("Experiment", titles) == "experiments"
    assert page_meant("nothing", titles) is None


def test_the_card_of_networks_says_by_what_the_best_epoch_was_chosen(workspace):
    walk_the_round(workspace)
    [run] = runs.list_runs(workspace.database)
    best = {"val_loss": 0.5708, "val_auc": 0.98}
    runs.update_run(workspace.database, run.id, summary=run.summary | {"best_by": "val_auc", "best": best})
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    assert any("loss 0.5708, best by AUROC<" in one.value for one in app.main.get("html"))


def test_the_picture_of_cutouts_is_of_the_source_that_the_round_is_about(workspace):
    walk_the_round(workspace)
    make_survey(workspace, name="streaks")
    facts = overview(workspace)
    assert facts.sources[0].name == "streaks"
    for query, name in (({}, "streaks"), ({"source": "small"}, "small"), ({"source": "gone"}, "streaks")):
        app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60)
        app.query_params.update(query)
        app.run()
        [card] = [
            one.value for one in app.main.get("html") if "card-head" in one.value and ">Cutouts<" in one.value
        ]
        assert f">lenses of {name}<" in card, query


def test_the_network_card_has_a_picture_where_only_scores_were_imported(workspace):
    walk_the_round(workspace)
    dataset = datasets.get_dataset(workspace.database, "small-v1")
    runs.create_run(workspace.database, name="theirs", dataset_id=dataset.id, model="external", spec={})
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    [card] = [
        one.value for one in app.main.get("html") if "card-head" in one.value and "Network" in one.value
    ]
    assert "validation loss" in card


def test_home_says_what_changed_in_the_last_day(workspace):
    with acting_as(Actor("Ada", "scientist")):
        walk_the_round(workspace)
    job = jobs.enqueue(workspace.database, kind="evaluate", title="Evaluate run1", payload={"run": "run1"})
    claimed = queue.claim_job(workspace.database, worker="w", job_id=job.id)
    queue.update_job(workspace.database, claimed, state="done", finished_at=time.time())
    old = jobs.enqueue(workspace.database, kind="evaluate", title="Evaluate old", payload={"run": "old"})
    queue.update_job(workspace.database, old, state="done", finished_at=time.time() - 90_000)
    changes = recent_changes(workspace, since=time.time() - 86_400, limit=20)
    assert {change.text: change.page for change in changes} == {
        "Evaluate run1 is finished": "evaluate", "Ada graded 3 candidates of look": "team",
        "Ada made source small": "data", "Ada made dataset small-v1": "split", "Ada made run run1": "train",
        "Ada made review look": "team",
    }  # fmt: skip


def test_what_one_person_made_in_a_row_is_one_line(workspace):
    def make_reviews(*names: str) -> None:
        for name in names:
            reviews.create_review(
                workspace.database, name=name, source_id=source.id, run_id=None, spec={}, queue=[]
            )

    with acting_as(Actor("Ada", "scientist")):
        source = make_survey(workspace)
        make_reviews("look-1", "look-2", "look-3")
    with acting_as(Actor("Ben", "scientist")):
        make_reviews("other")
    with acting_as(Actor(THIS_MACHINE, "administrator")):
        make_reviews("night")
    changes = recent_changes(workspace, since=time.time() - 86_400, limit=4)
    assert [(change.text, change.selection) for change in changes] == [
        ("This machine made review night", {"review": "night"}),
        ("Ben made review other", {"review": "other"}),
        ("Ada made 3 reviews, the last look-3", {"review": "look-3"}),
        ("Ada made source small", {"source": "small"}),
    ]
    names = ["night", "other", "look-3", "look-2", "look-1"]
    assert [review.name for review in overview(workspace).reviews] == names, "newest first"


def test_what_holds_blind_tests_is_not_told_as_a_source(workspace):
    spec = ReviewSpec(order="given", limit=10, calibrators=0.4)
    create_review(workspace, name="blind", source_name=make_survey(workspace).name, spec=spec)
    told = [change.text for change in recent_changes(workspace, since=0.0, limit=9)]
    assert told == ["This machine made review blind", "This machine made source small"]


def test_get_started_makes_a_survey_at_once_and_the_tour_ticks_itself(workspace):
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    app.button(key="tour").click().run()
    assert not app.exception
    assert [(job.kind, job.payload["name"]) for job in jobs.active(workspace.database)[::-1]] == [
        ("demo", "demo1"),
        ("demo", "demo1-survey"),
    ]
    assert app.button(key="tour").disabled  # a second press would make a second survey
    walk_the_round(workspace)
    app.run()
    assert app.expander[0].label == "Ten-minute tour: 3 of 9 steps done"
    steps = {step.title: step.done for step in tour_of(workspace, round_of(workspace, {}, []))}
    assert steps == {
        "Make a demo survey": True, "Split it": True, "Train a network": False, "Evaluate it": False,
        "Score the survey": True, "Grade 10 candidates": False, "Export the catalogue": False,
        "Feed the grades back": False, "Train again": False,
    }  # fmt: skip
    keys = [button.key for button in app.button]
    assert "tour-open-3" in keys  # grading is the next step of the round, but trains no network
    assert "tour-next" not in keys


def test_the_tour_shows_the_button_of_the_next_step_at_that_step_only(workspace):
    source = pages_workspace.add_survey(workspace)
    dataset = pages_workspace.add_dataset(workspace, source)
    run = pages_workspace.add_run(workspace, dataset, "first")
    pages_workspace.add_evaluation(workspace, run, dataset)
    pages_workspace.add_scores(workspace, run, source)
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    assert app.button(key="tour-next").label == "Review the top 40"
    ids = sources.cutout_columns(workspace.database, [source.id], columns=("id",))["id"].tolist()
    review = reviews.create_review(
        workspace.database, name="look", source_id=source.id, run_id=run.id, spec={}, queue=ids
    )
    ten = [
        {
            "client": "t",
            "seq": seq,
            "review_id": review.id,
            "cutout_id": key,
            "inspector": "Ada",
            "grade": "A",
        }
        for seq, key in enumerate(ids[:10], start=1)
    ]
    reviews.add_votes(workspace.database, [vote | {"voted_at": 1.7e9} for vote in ten])
    app.run()
    assert any("Grade 30 more" in button.label for button in app.button)  # the next step of the round
    assert [button.proto.label for button in app.get("download_button")] == ["Export sky"]
    assert "tour-open-7" not in [button.key for button in app.button]


def test_who_took_the_votes_alone_has_not_exported_the_catalogue(workspace):
    source = pages_workspace.add_survey(workspace)
    run = pages_workspace.add_run(workspace, pages_workspace.add_dataset(workspace, source), "first")
    pages_workspace.add_scores(workspace, run, source)
    pages_workspace.add_votes(workspace, run, source)
    told = []
    for name in ("sky_votes.csv", "sky_provenance.json", "sky.csv"):
        note_change(workspace.database, EXPORTED, kind="source", name=source.name, detail=name)
        told.append((overview(workspace).stages[-1].detail, round_of(workspace, {}, []).stages[-1].done))
    waits = ("ready to export or feed back", False)
    assert told == [waits, waits, ("exported with the last vote", True)]


def test_a_step_of_the_tour_stays_done_when_another_run_is_chosen(workspace, monkeypatch):
    monkeypatch.setattr(tour, "GRADED", 6)
    source = pages_workspace.add_survey(workspace)
    dataset = pages_workspace.add_dataset(workspace, source)
    first = pages_workspace.add_run(workspace, dataset, "first")
    pages_workspace.add_evaluation(workspace, first, dataset)
    pages_workspace.add_scores(workspace, first, source)
    pages_workspace.add_votes(workspace, first, source)
    note_change(workspace.database, EXPORTED, kind="source", name=source.name)
    before = [step.done for step in tour_of(workspace, round_of(workspace, {}, []))]
    pages_workspace.add_run(workspace, dataset, "second")
    after = tour_of(workspace, round_of(workspace, {"run": "second"}, []))
    assert [step.done for step in after] == before == [True] * 7 + [False] * 2


def test_the_tour_tells_what_will_be_made_and_then_what_was_made(workspace):
    def told(**selected):
        return tour_of(workspace, round_of(workspace, selected, []))[0].text.replace("\u202f", " ")

    before = "2 000 simulated galaxies with labels to learn from, and 1 000 elsewhere without, to search."
    assert told() == before
    pages_workspace.add_survey(workspace, "demo1")
    alone = "40 simulated galaxies with labels to learn from."
    assert told(source="demo1") == alone
    pages_workspace.add_survey(workspace, "demo1-survey", labelled=False)
    for name in ("demo1", "demo1-survey"):
        assert told(source=name) == alone.replace(".", ", and 40 elsewhere without, to search.")
    add_source(workspace, "own", count=12)
    assert told(source="own") == "12 cutouts of own stand in for it."


def test_the_tour_on_both_sources_of_a_demo_is_one(workspace, monkeypatch):
    """Whichever of the two is selected, the step is that of the one which it is done with."""
    monkeypatch.setattr(tour, "GRADED", 6)
    source = pages_workspace.add_survey(workspace, "demo1")
    survey = pages_workspace.add_survey(workspace, "demo1-survey", labelled=False)
    dataset = pages_workspace.add_dataset(workspace, source, "demo1-v1")
    first = pages_workspace.add_run(workspace, dataset, "first")
    pages_workspace.add_evaluation(workspace, first, dataset)
    pages_workspace.add_scores(workspace, first, survey)
    pages_workspace.add_votes(workspace, first, survey)
    made = feed_back(
        workspace, dataset_name="demo1-v1", review_names=["round-1"], rules=FeedbackRules(relabel=False)
    )
    for selected in ({"source": "demo1"}, {"source": "demo1-survey"}):
        steps = tour_of(workspace, round_of(workspace, selected, []))
        assert [step.title for step in steps if not step.done] == ["Export the catalogue", "Train again"]
        assert "Score demo1-survey" in [step.title for step in steps]
    pages_workspace.add_run(workspace, made, "second")
    assert tour_of(workspace, round_of(workspace, {"source": "demo1"}, []))[-1].done


def dialog() -> None:
    from lensapp.ui.data.demo_dialog import demo_dialog

    demo_dialog()


def test_a_demo_survey_is_queued_from_the_dialog(workspace):
    app = AppTest.from_function(dialog, default_timeout=60).run()
    app.number_input(key="demo-count").set_value(50)
    next(button for button in app.button if button.label == "Make it").click().run()
    assert not app.exception
    assert [job.payload["spec"]["count"] for job in jobs.active(workspace.database)] == [25, 50]


def test_a_taken_name_is_refused_in_the_dialog(workspace):
    make_survey(workspace, name="taken")
    app = AppTest.from_function(dialog, default_timeout=60).run()
    app.text_input[0].input("taken")
    next(button for button in app.button if button.label == "Make it").click().run()
    assert "taken" in app.error[0].value
    assert not jobs.active(workspace.database)


def test_the_tour_is_there_while_it_was_begun_and_not_ended(workspace):
    walk_the_round(workspace)
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    assert not [one for one in app.expander if "tour" in one.label], "nobody took it"
    app.session_state[TOUR] = True
    app.run()
    assert [one for one in app.expander if "tour" in one.label]
    app.button(key="tour-end").click().run()
    assert not [one for one in app.expander if "tour" in one.label]


def test_an_empty_home_page_shows_what_is_looked_for(workspace):
    pictures = example_lenses()
    assert pictures.shape == (12, 64, 64, 3)
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    assert any('class="sheet"' in element.value for element in app.main.get("html"))
