"""The views of the page Catalogue that take hard negatives and tables of votes in."""

from pathlib import Path

import numpy as np

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.inspect.grades import ABCX
from lensapp.core.inspect.vote_files import grade_of
from lensapp.core.train.presets import PRESETS
from lensapp.services.catalogue.feedback import feed_back
from lensapp.services.inspect import vote_log
from lensapp.services.inspect.vote_import import import_votes, vote_targets
from lensapp.storage import datasets, reviews, runs
from lensapp.storage.scores import stored_scores
from lensapp.ui.catalogue.vote_tables import EXAMPLE_VOTES, template
from support import small_surveys
from support.pages_workspace import add_survey, full_workspace, open_page, sheets_of


def test_hard_negatives_are_shown_by_class_frozen_and_trained_on(folder: Path) -> None:
    ws = full_workspace(folder)
    kinds = ["Spiral", "Ring", "Spiral", "Ring", "Spiral", "Lens"]
    far = [
        {"candidate_id": f"F{row}", "row": row, "label": "lens" if kind == "Lens" else "nonlens",
         "object_class": kind, "properties": {}} for row, kind in enumerate(kinds)
    ]  # fmt: skip
    pixels = np.random.default_rng(3).normal(0, 1, (6, 16, 16, 3)).astype(np.float32)
    sea = small_surveys.pack_source(ws, "sea", pixels, far, pixel_scale_arcsec=0.25)
    run = runs.get_run(ws.database, "elu_cnn-1")
    ids = list(small_surveys.ids_of(ws, sea).values())
    stored_scores.add_scores(ws, run.id, sea.id, ids, [0.1, 0.2, 0.3, 0.4, 0.5, 0.9])
    page = open_page("score", source="sea", run="elu_cnn-1")
    page.button(key="score-negatives").click().run()
    assert not page.exception
    assert page.get_by_key("catalogue-fed").value == "negatives"
    page = open_page("catalogue", source="sea", run="elu_cnn-1", view="feed-back", of="negatives")
    assert any("have 16×16 pixels" in text.value for text in page.info)
    page.number_input(key="negatives-min_score").set_value(0.8).run()
    assert any("is left to add: 5 with a score below 0.8" in text.value for text in page.caption)
    assert len(sheets_of(page)["hardest"]["items"]) == 5, "they are shown though none is added"
    assert not page.error
    page.number_input(key="negatives-min_score").set_value(0.0)
    page.number_input(key="negatives-count").set_value(3).run()
    assert any(text.value == "### 3 of 5 known non-lenses of sea for sky-v1" for text in page.markdown)
    assert any("Not taken: 2 beyond the 3 asked for. The test part" in text.value for text in page.caption)
    table = page.dataframe[0].value.set_index("class")
    assert table["known"].to_dict() == {"Spiral": 3, "Ring": 2}
    assert table["to be added"].to_dict() == {"Spiral": 2, "Ring": 1}
    assert table["highest score"].to_dict() == {"Spiral": "0.500", "Ring": "0.400"}
    page.button(key="negatives-freeze").click().run()
    assert not page.exception
    made = datasets.list_datasets(ws.database)[0]
    assert (made.name, made.spec["kind"], made.spec["middle_of"]) == ("sky-v2", "hard negatives", ["sea"])
    assert any(
        "holds 3 non-lenses of sea, those with the highest scores of elu_cnn-1" in text.value
        for text in page.markdown
    )
    page.button(key="feedback-retrain").click().run()
    assert runs.list_runs(ws.database)[0].dataset_id == made.id


def test_hard_negatives_of_a_source_without_scores_lead_to_one_that_has_them(folder: Path) -> None:
    ws = full_workspace(folder)
    add_survey(ws, "bare")
    page = open_page("catalogue", source="sky", view="feed-back", of="negatives")
    page.selectbox(key="choose-source").set_value("bare").run()
    assert page.button(key="negatives-score").label == "Score bare"
    page.button(key="negatives-scored").click().run()
    assert not page.exception
    assert page.get_by_key("choose-source").value == "sky"
    assert any("non-lens" in text.value for text in page.caption)


def test_the_table_of_votes_that_is_shown_as_an_example_is_taken(folder: Path) -> None:
    ws = full_workspace(folder)
    graded = reviews.list_reviews(ws.database)[0]
    page = open_page("catalogue", source="sky", view="votes")
    shown = page.dataframe[0].value
    assert len(shown) == len(EXAMPLE_VOTES)
    shown.to_csv(folder / "votes.csv", index=False)
    assert template(shown) == (folder / "votes.csv").read_text("utf-8")
    assert [one.label for one in page.get("download_button")] == ["Template for sky"]
    plan = import_votes(ws, name="sky", path=folder / "votes.csv", dry_run=True)
    assert (plan["added"], plan["refused"]) == (3, [])
    assert "votes-map" not in [one.key for one in page.text_input]  # of a file that there is not
    words = page.dataframe[1].value.iloc[:4].set_index("grade")["also read"]
    for grade, read in words.items():
        assert {grade_of(word, ABCX, {}) for word in [grade, *read.split(", ")]} == {grade}
    sent = ("votes.csv", (folder / "votes.csv").read_bytes(), "text/csv")
    page.file_uploader(key="votes-file").set_value(sent).run()
    assert "votes-map" in [one.key for one in page.text_input]
    assert any("3 new votes" in one.value for one in page.caption)
    assert [one.name for one in reviews.list_reviews(ws.database)] == [graded.name]
    chosen = page.selectbox(key="votes-review-sky")
    assert chosen.value == graded.name, "the open review that shows the candidates"
    assert any(f"for {graded.name}" in one.value for one in page.caption)
    chosen.set_value("sky").run()
    assert any("for sky-all" in one.value for one in page.caption)
    page.selectbox(key="votes-review-sky").set_value(graded.name).run()
    page.button(key="votes-add").click().run()
    assert not page.exception
    assert [one.name for one in reviews.list_reviews(ws.database)] == [graded.name]
    assert {"Vera", "Fritz"} <= {one.inspector for one in vote_log.votes_in(ws, graded)}
    reviews.close_review(ws.database, graded.name)
    targets = vote_targets(ws, source_name="sky", path=folder / "votes.csv")
    assert (targets.usual, targets.held, targets.rows) == ("sky", {}, 3), "closed, it takes no more votes"
    page.button(key="votes-to-feed-back").click().run()
    assert page.query_params["view"] == "feed-back"


def test_training_again_begins_with_the_weights_that_the_run_taken_over_began_with(folder: Path) -> None:
    ws = full_workspace(folder)
    feed_back(ws, dataset_name="sky-v1", review_names=["round-1"], rules=FeedbackRules(), name="sky-v2")
    shown = runs.get_run(ws.database, "elu_cnn-2")
    further = {"initial_run": "elu_cnn-1", "learning_rate": 1e-5, "epochs": 3}
    runs.update_run(ws.database, shown.id, spec=shown.spec | further)
    page = open_page("catalogue", source="sky", view="feed-back", retrain_like="elu_cnn-2")
    page.button(key="feedback-retrain").click().run()
    assert not page.exception
    made = runs.list_runs(ws.database)[0]
    assert made.initial_run_id == runs.get_run(ws.database, "elu_cnn-1").id
    assert (made.spec["learning_rate"], made.spec["epochs"]) == (1e-5, 3)
    page = open_page("catalogue", source="sky", view="feed-back", retrain_like="elu_cnn-2")
    page.get_by_key("feedback-start-further").set_value("from scratch").run()
    assert any("elu_cnn-2 did not begin from scratch: now with" in one.value for one in page.caption)
    page.button(key="feedback-retrain").click().run()
    made = runs.list_runs(ws.database)[0]
    usual = PRESETS["FAST"].spec
    assert made.initial_run_id is None
    assert (made.spec["learning_rate"], made.spec["epochs"]) == (usual.learning_rate, usual.epochs)
    runs.update_run(ws.database, shown.id, spec=shown.spec | further | {"initial_run": "lost"})
    page = open_page("catalogue", source="sky", view="feed-back", retrain_like="elu_cnn-2")
    assert page.get_by_key("feedback-start").value == "from scratch"
    assert any("elu_cnn-2 did not begin from scratch: now with" in one.value for one in page.caption)


def test_a_column_of_ids_that_the_message_asks_for_can_be_named(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("catalogue", source="sky", view="votes")
    shown = page.dataframe[0].value.rename(columns={"id": "which", "grade": "mark"})
    sent = ("votes.csv", shown.to_csv(index=False).encode(), "text/csv")
    page.file_uploader(key="votes-file").set_value(sent).run()
    for label, column in (("Column of the IDs", "which"), ("Column of grades", "mark")):
        assert any(f"Name it with \u201c{label}\u201d" in one.value for one in page.error)
        next(one for one in page.text_input if one.label == label).set_value(column).run()
    assert not page.error
    assert any("3 new votes" in one.value for one in page.caption)
