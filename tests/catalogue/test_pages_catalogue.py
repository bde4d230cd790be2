"""The Catalogue page, run by Streamlit's own test harness inside the frame."""

import re
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import LETTERS
from lensapp.services.catalogue.feedback import feed_back
from lensapp.services.catalogue.feedback_plans import OWN_LABEL, plan_feedback
from lensapp.services.catalogue.ledger import ledger
from lensapp.services.catalogue.usual_export import exported_bytes, usual_export, written_after
from lensapp.services.data.filters import filter_columns
from lensapp.services.inspect.queues import review_of_cutouts
from lensapp.services.inspect.vote_import import import_votes
from lensapp.services.recent import recent_changes
from lensapp.storage import datasets, queue, reviews, runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.catalogue_page import listed_catalogue
from lensapp.ui.catalogue.feedback_plan import why_nothing_changes
from lensapp.ui.catalogue.file_format import FORMATS
from lensapp.ui.catalogue.ledger_figure import ledger_figure
from lensapp.ui.catalogue.next_version import MOST_PICTURES
from lensapp.ui.catalogue.table import in_order, matched_in_words, styled, with_thumbnails
from lensapp.ui.shared import page_head
from support import small_surveys
from support.pages_workspace import (
    add_dataset,
    add_run,
    add_scores,
    add_survey,
    add_votes,
    full_workspace,
    open_page,
    sheets_of,
)

QUERY = CatalogueQuery(of=("sky",), run="elu_cnn-2", reviews=("round-1",), grades=("A", "B"))


def test_an_empty_workspace_says_what_will_appear(folder: Path) -> None:
    page = open_page("catalogue")
    assert any("No candidates yet" in text.value for text in page.markdown)


def test_a_survey_without_votes_sends_to_inspect(folder: Path) -> None:
    add_survey(Workspace.open(folder))
    page = open_page("catalogue")
    assert any("has been graded yet" in text.value for text in page.markdown)


def test_graded_candidates_are_listed_best_first_with_thumbnails(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("catalogue", source="sky")
    table = page.get_by_key("catalogue-grades").set_value([*LETTERS]).run().dataframe[0].value
    assert table["grade"].tolist() == ["A", "B", "B", "C", "X", "X"]
    assert table["mean"].tolist() == [3.0, 2.5, 2.0, 0.5, 0.0, 0.0]
    assert table["image"].str.startswith("data:image/webp").all()
    southern = pd.DataFrame({"grade": ["A", "B"], "dec": [-4.5, np.nan]})
    assert re.findall(r">\s*(−4\.500000|–)\s*</td>", styled(southern).to_html()) == ["−4.500000", "–"]


def test_table_and_export_hold_candidates_and_what_is_no_lens_on_demand(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("catalogue", source="sky")
    assert page.dataframe[0].value["grade"].tolist() == ["A", "B", "B", "C"]
    page = open_page("catalogue", source="sky", view="export")
    said = "4 candidates of sky, graded A, B or C, those graded X left out. Consensus: Mean grade"
    assert any(said in text.value for text in page.caption)
    page.get_by_key("catalogue-grades").set_value(["A", "X"]).run()
    assert any("3 candidates of sky, graded A or X. Consensus" in text.value for text in page.caption)
    page.get_by_key("catalogue-grades").set_value(["C", "none"]).run()
    said = "35 candidates of sky, graded C or without a vote, those graded X left out"
    assert any(said in text.value for text in page.caption)
    page.get_by_key("catalogue-grades").set_value(["A", "B", "C", "X", "none"]).run()
    assert any("40 candidates of sky, of every grade and without" in text.value for text in page.caption)


def test_the_first_download_ticks_the_last_stage_while_the_page_stays_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks only once something was asked for, and then asks the trail alone."""
    ws = full_workspace(folder)
    asked = []
    monkeypatch.setattr(page_head, "written_after", lambda *one: asked.append(one) or written_after(*one))
    page = open_page("catalogue", source="sky", view="export")
    asked.clear()
    page.session_state[page_head.EXPORT_ASKED] = ("sky", time.time())  # as the press of a download does
    page.run()
    assert asked
    assert not page.toast
    out = ws.exports_folder / "sky.csv"
    exported_bytes(ws, QUERY, out, out)  # the browser's request, beside the page's run
    monkeypatch.setattr(page_head, "in_fragment_run", lambda: True)
    looked = iter([False])  # the whole run comes before the file, its fragment after it
    monkeypatch.setattr(page_head, "written_after", lambda *one: next(looked, True) and written_after(*one))
    page.run()
    assert not page.exception
    assert [one.value for one in page.toast] == ["sky.csv is exported. The round is complete."]
    assert page_head.EXPORT_ASKED not in page.session_state


def test_one_press_gives_what_the_page_shows_in_the_format_last_used(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("catalogue", source="sky")
    [button] = page.get("download_button")
    assert (button.proto.label, button.proto.type) == ("Export CSV", "primary")
    data = usual_export(ws, {"source": "sky"}, "sky.csv").decode()
    shown = page.dataframe[0].value
    assert [line.split(",")[0].strip('"') for line in data.splitlines()[1:]] == shown["id"].tolist()
    assert sorted(path.name for path in ws.exports_folder.iterdir()) == [
        "sky.csv", "sky_provenance.json", "sky_votes.csv",
    ]  # fmt: skip
    out = ws.exports_folder / "sky.fits"
    exported_bytes(ws, QUERY, out, out)
    [button] = open_page("catalogue", source="sky").get("download_button")
    assert button.proto.label == "Export FITS"


def test_where_all_are_non_lenses_one_press_gives_these(folder: Path) -> None:
    ws = Workspace.open(folder)
    source = add_survey(ws)
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"][:3]
    review = reviews.create_review(
        ws.database, name="look", source_id=source.id, run_id=None, spec={}, queue=ids
    )
    small_surveys.add_votes(ws, review, "Ada", dict.fromkeys(ids.tolist(), "X"))
    data = usual_export(ws, {"source": "sky"}, "sky.csv").decode()
    assert len(data.splitlines()) == 1 + len(ids)


def test_grades_and_score_filter_the_table(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("catalogue", source="sky")
    page.number_input(key="catalogue-score").set_value(0.95).run()
    assert page.dataframe[0].value["score"].min() >= 0.95
    page.get_by_key("catalogue-grades").set_value(["X"]).run()
    assert not page.exception
    assert any("No candidate passes the filters" in text.value for text in page.markdown)


def test_ad_hoc_reviews_are_fed_back_only_where_they_are_picked(folder: Path) -> None:
    ws = full_workspace(folder)
    ids, _ = stored_scores.scores_of(ws, runs.get_run(ws.database, "elu_cnn-1").id, 1)
    review = review_of_cutouts(ws, name="like-J0030", cutout_ids=[int(ids[30]), int(ids[3])])
    vote = {"client": "tab", "seq": 1, "review_id": review.id, "cutout_id": int(ids[30]), "inspector": "Ada"}
    reviews.add_votes(ws.database, [{**vote, "grade": "A", "voted_at": 1.8e9}])
    page = open_page("catalogue", source="sky", view="feed-back", relabel="1")
    assert any("1 ad-hoc review is left out; name it" in text.value for text in page.caption)
    page.button(key="feedback-freeze").click().run()
    assert datasets.list_datasets(ws.database)[0].spec["reviews"] == ["round-1"]
    page = open_page("catalogue", source="sky", view="feed-back")
    page.multiselect(key="catalogue-reviews-sky").set_value(["like-J0030"]).run()
    assert not page.exception
    assert not any("ad-hoc" in text.value for text in page.caption)


def test_feeding_back_freezes_a_version_and_retraining_starts_warm(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("catalogue", source="sky", view="feed-back", relabel="1")
    assert any("test part stays as it is" in text.value for text in page.caption)
    page.button(key="feedback-freeze").click().run()
    assert not page.exception
    made = datasets.list_datasets(ws.database)[0]
    assert (made.name, made.spec["reviews"]) == ("sky-v2", ["round-1"])
    page.get_by_key("feedback-start").set_value("from its weights").run()
    page.button(key="feedback-retrain").click().run()
    assert not page.exception
    run = runs.list_runs(ws.database)[0]
    assert run.dataset_id == made.id
    assert run.initial_run_id is not None
    assert queue.list_jobs(ws.database)[0].kind == "train"


def test_candidates_that_an_inspector_graded_again_in_another_review_are_counted(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("catalogue", source="sky")
    assert not any("graded again" in text.value for text in page.caption)
    voted = next(vote for vote in reviews.votes_of(ws.database, review_id=1) if vote.grade == "A")
    review = review_of_cutouts(ws, name="again", cutout_ids=[voted.cutout_id])
    vote = {"client": "tab-2", "seq": 1, "review_id": review.id, "cutout_id": voted.cutout_id}
    vote |= {"inspector": voted.inspector, "grade": "B", "voted_at": 1.9e9}
    reviews.add_votes(ws.database, [vote])
    page = open_page("catalogue", source="sky")
    assert any("1 candidate was graded again by the same inspector" in text.value for text in page.caption)


def test_the_example_of_a_filter_is_on_a_column_of_the_source(folder: Path) -> None:
    ws = full_workspace(folder)
    columns = {one.name for one in filter_columns(ws, [sources.get_source(ws.database, "sky")])}
    [asked] = [one for one in open_page("catalogue", source="sky").text_input if one.label == "Filter"]
    assert asked.placeholder.removeprefix("Filter, such as ").split()[0] in {*columns, "score"}


@pytest.fixture
def demo_pair(folder: Path) -> Workspace:
    """A demo survey that a network was trained on, and the one beside it that it has scored."""
    ws = Workspace.open(folder)
    source, survey = add_survey(ws, "demo1"), add_survey(ws, "demo1-survey", labelled=False)
    run = add_run(ws, add_dataset(ws, source, "demo1-v1"), "first")
    add_scores(ws, run, survey)
    return ws


def test_what_changes_is_told_and_shown_before_it_is_frozen_and_training_follows(
    demo_pair: Workspace,
) -> None:
    run, survey = (
        runs.get_run(demo_pair.database, "first"),
        sources.get_source(demo_pair.database, "demo1-survey"),
    )
    add_votes(demo_pair, run, survey)  # consensus A, B, B, C, X, X
    page = open_page("data", source="demo1")
    page.query_params.clear()
    page.switch_page("../../pages/catalogue.py").run()
    page.get_by_key("catalogue-view").set_value("feed-back").run()
    assert page.selectbox(key="choose-source").value == "demo1-survey"  # which has votes
    assert "### 3 new lenses and 2 new non-lenses for demo1-v1" in [one.value for one in page.markdown]
    assert any("New cutouts join the training part." in one.value for one in page.caption)
    counts = page.dataframe[0].value.set_index("part")
    assert counts.loc["training", ["lens", "non-lens"]].tolist() == ["8 (+3)", "17 (+2)"]
    assert "(" not in counts.loc["test", "lens"]
    said = "\n".join(one.value for one in page.markdown)
    assert "| grade ignored | 1 | Grade them anew" in said
    assert "| no vote | 34 | Grade them in Inspect." in said
    sheets = sheets_of(page)
    assert [len(sheets[f"feedback-{kind}"]["items"]) for kind in ("lens", "nonlens")] == [3, 2]
    page.button(key="feedback-freeze").click().run()
    assert not page.exception
    assert not page.toast  # it would lie over what comes next
    [said] = [one.value for one in page.markdown if "demo1-v2" in one.value]
    assert "3 lenses and 2 non-lenses more than demo1-v1" in said
    again = page.button(key="feedback-retrain")
    assert (again.label, again.proto.type) == ("Train again", "primary")
    again.click().run()
    assert (
        runs.list_runs(demo_pair.database)[0].dataset_id == datasets.list_datasets(demo_pair.database)[0].id
    )


def test_where_no_non_lens_is_known_the_best_without_a_grade_are_to_be_reviewed(demo_pair: Workspace) -> None:
    asked = {"source": "demo1-survey", "run": "first", "view": "feed-back", "of": "negatives"}
    page = open_page("catalogue", **asked)
    assert any("is known to be no lens yet" in one.value for one in page.caption)
    assert len(sheets_of(page)["unjudged"]["items"]) == MOST_PICTURES
    page.button(key="negatives-review").click().run()
    [review] = reviews.list_reviews(demo_pair.database)
    assert (review.size, review.run_id) == (40, runs.get_run(demo_pair.database, "first").id)
    queue_of = reviews.queue_of(demo_pair.database, review.id).tolist()
    small_surveys.add_votes(demo_pair, review, "Ada", dict(zip(queue_of[:3], "AXX", strict=True)))
    page = open_page("catalogue", **asked)
    assert "### 2 non-lenses of demo1-survey for demo1-v1" in [one.value for one in page.markdown]
    assert [item[2] for item in sheets_of(page)["hard-negatives"]["items"]] == [
        "0.965", "0.940",
    ]  # fmt: skip
    page.button(key="negatives-freeze").click().run()
    assert not page.exception
    assert any("demo1-v2" in one.value for one in page.markdown)
    assert any("known non-lenses of demo1-survey is left to add" in one.value for one in page.caption)
    assert page.button(key="negatives-review").proto.type == "secondary", "to train is the next step"
    assert len(sheets_of(page)["unjudged"]["items"]) == MOST_PICTURES


def test_known_labels_stay_unless_the_votes_are_told_to_change_them(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("catalogue", source="sky", view="feed-back")
    relabel = next(one for one in page.checkbox if one.label == "Relabel")
    assert relabel.value is False
    [said] = [text.value for text in page.info if "With Relabel on" in text.value]
    assert "labels from the demo's truth, which stay" in said
    count = said.partition("count more: ")[2].split()[0]
    relabel.set_value(True).run()
    assert any(f"{count} label" in text.value for text in page.warning)
    assert not page.button(key="feedback-freeze").disabled


def test_the_ledger_of_a_network_names_its_data(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("catalogue", run="elu_cnn-1", view="ledger")
    assert any("learned" in text.value and "sky-v1" in text.value for text in page.markdown)
    figure = ledger_figure(ledger(ws, "elu_cnn-1"), colours=("#111111", "#222222"))
    assert "scores of<br>sky" in figure.data[0].node.label
    colours = tuple(f"#{place:06x}" for place in range(9))
    record = ledger(ws, "elu_cnn-1")
    voted = replace(record, labels={"votes": {"lens": 3}, **record.labels})
    nodes = [ledger_figure(one, colours=colours).data[0].node for one in (record, voted)]
    before, after = (dict(zip(node.label, node.color, strict=True)) for node in nodes)
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    runs.update_run(ws.database, record.run.id, state="running", finished_at=None)
    said = [text.value for text in open_page("catalogue", run="elu_cnn-1", view="ledger").markdown]
    assert any("is training on **sky-v1**" in text for text in said)
    assert not any("learned" in text and "ago" in text for text in said)


def test_the_file_of_the_button_has_the_order_of_the_table(folder: Path) -> None:
    ws = full_workspace(folder)
    query, out = QUERY.replaced(grades=("A", "B", "C", "X")), ws.exports_folder / "sky.csv"
    table = in_order(listed_catalogue(ws, query), "id")
    data = exported_bytes(ws, query, out, out, order=table["cutout_id"].tolist())
    assert pd.read_csv(BytesIO(data))["id"].tolist() == table["id"].tolist()


def test_the_method_of_the_page_reaches_the_file(folder: Path) -> None:
    ws = full_workspace(folder)
    method = ConsensusSpec(method="dawid_skene")
    out = ws.exports_folder / "sky.fits"
    query = QUERY.replaced(consensus=method, grades=("A",))
    exported_bytes(ws, query, out, out)
    table = Table.read(out, hdu=1)
    assert [str(name).strip() for name in table["id"]] == listed_catalogue(ws, query)["id"].tolist()
    assert (np.asarray(table["probability"]) > 0.95).all()


def test_a_review_of_two_sources_lists_both_and_tells_which_is_whose(folder: Path) -> None:
    ws = full_workspace(folder)
    first, second = sources.get_source(ws.database, "sky"), add_survey(ws, "sea")
    key = int(sources.cutout_columns(ws.database, [second.id], columns=("id",))["id"][0])
    review = reviews.create_review(
        ws.database, name="both", source_id=first.id, run_id=None, spec={"also_sources": ["sea"]},
        queue=np.array([key], np.int64),
    )  # fmt: skip
    small_surveys.add_votes(ws, review, "Ada", {key: "A"})
    page = open_page("catalogue", source="sky")
    page.multiselect(key="catalogue-reviews-sky").set_value(["both"]).run()
    assert not page.exception
    table = page.dataframe[0].value
    assert list(zip(table["source"], table["id"], table["grade"], strict=True)) == [("sea", "J0000", "A")]
    assert table["image"].str.startswith("data:image/webp").all()


def test_every_format_can_be_chosen(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("catalogue", source="sky", view="export")
    for format_name in FORMATS:
        page.segmented_control(key="export-format").set_value(format_name).run()
        assert not page.exception


def test_the_button_and_the_view_export_are_of_one_format(folder: Path) -> None:
    ws = full_workspace(folder)

    def label() -> str:
        [button] = [one for one in page.get("download_button") if one.proto.id.endswith("catalogue-export")]
        return str(button.label)

    page = open_page("catalogue", source="sky")
    assert label() == "Export CSV"
    page.get_by_key("catalogue-view").set_value("export").run()
    assert page.get_by_key("export-format").value == "CSV"
    page.get_by_key("export-format").set_value("VOTable").run()
    page.get_by_key("catalogue-view").set_value("candidates").run()
    assert label() == "Export VOTable", "what was chosen there, before any file is written"
    out = ws.exports_folder / "sky.fits"
    exported_bytes(ws, QUERY, out, out)
    page = open_page("catalogue", source="sky")
    assert label() == "Export FITS"
    page.get_by_key("catalogue-view").set_value("export").run()
    assert page.get_by_key("export-format").value == "FITS", "what was used last, on both"


def test_the_export_shows_the_first_rows_of_the_file_and_one_coloured_button(folder: Path) -> None:
    ws = full_workspace(folder)
    out = ws.exports_folder / "sky.csv"
    exported_bytes(ws, QUERY.replaced(grades=("A", "B", "C")), out, out)
    page = open_page("catalogue", source="sky", run="elu_cnn-2", view="export", format="CSV")
    written = pd.read_csv(out)
    assert [*page.dataframe[0].value] == [*written]
    assert page.dataframe[0].value["id"].tolist() == written["id"].tolist()
    [said] = [text.value for text in page.markdown if "What is in the file" in text.value]
    assert said == f"#### What is in the file: 4 rows, {len(written.columns)} columns"
    coloured = [one.label for one in page.get("download_button") if one.proto.type == "primary"]
    assert coloured == ["Download sky.csv"]
    page.get_by_key("export-format").set_value("DS9 regions").run()
    assert [*page.dataframe[0].value] == ["id", "ra", "dec", "grade", "score"]


def test_the_bytes_offered_are_those_of_the_exported_file(folder: Path, tmp_path: Path) -> None:
    ws = full_workspace(folder)
    out = ws.exports_folder / "sky.fits"
    data = exported_bytes(ws, QUERY, out, out)
    assert data == out.read_bytes()
    (tmp_path / "copy.fits").write_bytes(data)
    table = Table.read(tmp_path / "copy.fits", hdu=1)
    assert [str(grade).strip() for grade in table["grade"]] == ["A", "B", "B"]


def test_columns_that_are_empty_everywhere_are_left_out(folder: Path) -> None:
    ws = full_workspace(folder)
    table = listed_catalogue(ws, QUERY)
    shown = with_thumbnails(ws, [sources.get_source(ws.database, "sky")], table)
    assert "known_lens" not in shown.columns
    assert "inspectors" in shown.columns


def test_what_is_entered_in_a_view_is_still_there_when_it_is_opened_again(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("catalogue", source="sky", view="export")
    page.get_by_key("export-format").set_value("ECSV").run()
    page.get_by_key("catalogue-grades").set_value(["A"]).run()
    for view in ("candidates", "ledger", "feed-back", "export"):
        page.get_by_key("catalogue-view").set_value(view).run()
        assert not page.exception
    assert page.get_by_key("export-format").value == "ECSV"
    assert page.get_by_key("catalogue-grades").value == ["A"]
    assert not page.warning


def test_feeding_back_what_is_known_says_why_nothing_changes_and_what_would(folder: Path) -> None:
    ws = full_workspace(folder)
    rules = FeedbackRules(relabel=False)
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["round-1"], rules=rules)
    said = why_nothing_changes(plan)
    assert "labels from the demo's truth" in said
    assert "normal for a demo" in said
    assert "With Relabel on" in said
    made = feed_back(
        ws, dataset_name="sky-v1", review_names=["round-1"], rules=rules.replaced(relabel=True), name=None
    )
    again = plan_feedback(ws, dataset_name=made.name, review_names=["round-1"], rules=rules)
    assert again.outcomes[OWN_LABEL] == sum(
        made.spec.get("relabelled", {"": again.outcomes[OWN_LABEL]}).values()
    )


def test_a_row_tells_of_one_vote_no_scatter_and_its_ledger_whether_the_score_was_seen(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("catalogue", source="sky")
    table = page.dataframe[0].value
    assert table.loc[table["votes"] == 1, "scatter"].isna().all()
    assert table.loc[table["votes"] == 2, "scatter"].notna().all()
    key = next(one for one in table["id"] if table.set_index("id").loc[one, "votes"] == 2)
    page = open_page("catalogue", source="sky", candidate=key)
    [votes] = [one.value for one in page.markdown if one.value.startswith("| inspector |")]
    assert all(f"| {name} |" in votes for name in ("Ada", "Grace"))
    assert "score was seen" not in votes
    assert "counts no more" not in votes
    [more] = [one for one in page.button if str(one.key).startswith("more-like")]
    assert more.label == "Make features first"
    more.click().run()
    assert not page.exception
    assert [title.value for title in page.title] == ["Features"]
    assert page.selectbox(key="choose-source").value == "sky"
    assert page.selectbox(key="choose-run").value == "elu_cnn-2"


def test_files_have_the_best_grade_first_and_the_history_tells_which_was_taken(folder: Path) -> None:
    full_workspace(folder)
    ws = Workspace.open(folder)
    faintest = listed_catalogue(ws, CatalogueQuery(of=("sky",), run="elu_cnn-2"))["id"].iloc[-1]
    votes = folder / "votes.csv"
    votes.write_text(f"id,inspector,grade\n{faintest},Vera,A\n")
    import_votes(ws, name="sky", path=votes)
    out, query = ws.exports_folder / "sky.csv", QUERY.replaced(reviews=None, grades=("A", "B"))
    rows = pd.read_csv(BytesIO(exported_bytes(ws, query, out, out)))
    assert rows["mean"].is_monotonic_decreasing
    assert not rows["score"].is_monotonic_decreasing
    exported_bytes(ws, query, out, out.with_name("sky_votes.csv"))
    told = [change.text for change in recent_changes(ws, since=0.0, limit=50) if "exported" in change.text]
    assert told[0].endswith("exported votes on sky to sky_votes.csv")
    assert told[1].endswith("exported candidates of sky to sky.csv")


def test_matches_with_known_lenses_are_counted_where_some_were_given(tmp_path: Path) -> None:
    table = pd.DataFrame({"known_lens": ["J1", "", "J2"]})
    assert matched_in_words(table, QUERY) == ""
    given = QUERY.replaced(known_lenses=str(tmp_path / "known.csv"))
    assert matched_in_words(table, given) == ", 2 matched with a known lens"
