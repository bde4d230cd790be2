"""The Score page, run by Streamlit's own test harness inside the frame."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.numerals import score_text, significant
from lensapp.services.catalogue.export import export
from lensapp.services.inspect import queues
from lensapp.services.inspect.vote_log import graded_candidates
from lensapp.services.score import scores
from lensapp.storage import datasets, queue, reviews, runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.ui.score import score_page
from lensapp.ui.shared.traffic_lights import LIGHTS
from support.pages_workspace import (
    MAIN,
    SIZE,
    add_dataset,
    add_evaluation,
    add_fold,
    add_run,
    add_scores,
    add_survey,
    figures_of,
    full_workspace,
    open_page,
    sheets_of,
)
from support.small_surveys import pack_source


def test_an_empty_workspace_says_what_to_do_first(folder: Path) -> None:
    page = open_page("score")
    assert any("Nothing can be scored yet" in text.value for text in page.markdown)


def test_a_source_that_fits_can_be_scored(folder: Path) -> None:
    ws = Workspace.open(folder)
    add_run(ws, add_dataset(ws, add_survey(ws)), "elu_cnn-1")
    page = open_page("score")
    page.button(key="start-score-elu_cnn-1-sky").click().run()
    assert not page.exception
    job = queue.list_jobs(ws.database)[0]
    assert job.payload == {"run": "elu_cnn-1", "source": "sky", "dask": None, "precision": "auto"}


def test_scores_are_shown_as_a_histogram_and_the_best_as_images(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("score", run="elu_cnn-1", source="sky")
    assert len(figures_of(page)) == 1
    sheet = sheets_of(page)["score-top"]
    assert len(sheet["items"]) == 20
    assert sheet["explains"] is True


def test_the_page_says_how_many_of_the_cutouts_the_network_was_trained_on(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("score", run="elu_cnn-1", source="sky")
    # The dataset has 20 cutouts to train, 8 to validate and 12 to test.
    assert any("28 of 40 were trained or validated on" in text.value for text in page.caption)
    run, other = runs.get_run(ws.database, "elu_cnn-1"), add_survey(ws, "sea")
    assert scores.count_trained_on(ws, run=run, source=other) == 0


def test_a_network_that_went_on_from_another_was_trained_on_its_cutouts_too(folder: Path) -> None:
    ws = full_workspace(folder)
    first, sky = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "sky")
    sea = add_survey(ws, "sea")
    dataset = add_dataset(ws, sea, "sea-v1")
    warm = runs.create_run(
        ws.database, name="warm", dataset_id=dataset.id, model="elu_cnn", spec={}, initial_run_id=first.id
    )
    assert [scores.count_trained_on(ws, run=warm, source=one) for one in (sky, sea)] == [28, 28]
    assert scores.count_trained_on(ws, run=first, source=sea) == 0


def test_the_best_are_handed_to_the_inspectors(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("score", run="elu_cnn-1", source="sky")
    page.number_input(key="score-review-size").set_value(7).run()
    page.button(key="score-review").click().run()
    assert not page.exception
    assert reviews.get_review(ws.database, "sky-top-7").size == 7


def test_what_the_network_learned_from_is_marked_and_can_be_left_out_of_page_and_review(folder: Path) -> None:
    ws = full_workspace(folder)
    run, source = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "sky")
    members = datasets.member_columns(ws.database, run.dataset_id)
    of_parts = members["cutout_id"][np.isin(members["part"], ["train", "validation"])]
    assert scores.learned_cutouts(ws, run=run, source=source).tolist() == sorted(of_parts.tolist())
    page = open_page("score", run="elu_cnn-1", source="sky")
    assert any("†: the network learned from it" in text.value for text in page.caption)
    [light] = [one.label for one in page.expander if "The network learned from 28 cutouts" in one.label]
    assert light.startswith(LIGHTS["amber"])
    page.toggle(key="score-unlearned").set_value(True).run()  # 28 of 40
    assert len(sheets_of(page)["score-top"]["items"]) == 12
    assert not any("†" in text.value for text in page.caption)
    page.button(key="score-review").click().run()
    assert not page.exception
    review = reviews.get_review(ws.database, "sky-top-12")
    shown = reviews.queue_of(ws.database, review.id).tolist()
    assert len(shown) == 12
    assert not set(of_parts.tolist()) & set(shown)


def test_page_shows_and_counts_what_the_review_will_hold_without_what_is_graded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = full_workspace(folder)  # six of 40 are graded
    graded = set(graded_candidates(ws).tolist())
    page = open_page("score", run="elu_cnn-2", source="sky")
    assert page.toggle(key="score-ungraded").label == "Leave out the 6 of 40 that are graded already"
    assert page.number_input(key="score-review-size").value == 34
    shown = [item[0] for item in sheets_of(page)["score-top"]["items"]]
    assert not graded & set(shown)
    assert any("highest scores that are not graded" in text.value for text in page.markdown)
    page.button(key="score-review").click().run()
    review = reviews.get_review(ws.database, "sky-top-34")
    assert reviews.queue_of(ws.database, review.id).tolist()[:20] == shown
    page = open_page("score", run="elu_cnn-2", source="sky", ungraded="0")
    assert graded & {item[0] for item in sheets_of(page)["score-top"]["items"]}
    page.button(key="score-review").click().run()
    assert reviews.get_review(ws.database, "sky-top-40").size == 40
    monkeypatch.setattr(scores, "MOST_HELD", 5)
    run, source = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "sky")
    every = scores.load_scored(ws, run=run, source=source)
    assert every.tally is not None
    ids = scores.among_scored(ws, run, source, every, graded_candidates(ws), where=None)
    left = scores.leaving_out(ws, run, source, every, ids)
    assert (len(left), sum(int(counts.sum()) for counts in (left.tally or {}).values())) == (34, 34)


def test_of_more_scores_than_are_held_those_learned_from_are_left_out_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = full_workspace(folder)
    run, source = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "sky")
    learned = scores.learned_cutouts(ws, run=run, source=source)
    for module in (scores, queues):
        monkeypatch.setattr(module, "MOST_HELD", 5)
    found = scores.load_scored(ws, run=run, source=source)
    assert found.tally is not None
    left = scores.filtered(ws, run, source, found, None, unlearned=True)
    assert len(left) == 12
    assert scores.count_at_least(ws, left, run=run, source=source, threshold=0.0) == 12
    assert not np.isin(left.cutout_ids, learned).any()
    review = queues.create_review(
        ws, name="unseen", source_name="sky", run_name="elu_cnn-1", spec=ReviewSpec(unlearned=True)
    )
    assert review.size == 12
    assert not np.isin(reviews.queue_of(ws.database, review.id), learned).any()


def test_a_source_that_fits_is_shown_first_until_another_is_asked_for(folder: Path) -> None:
    ws = full_workspace(folder)
    pixels = np.random.default_rng(2).normal(0, 1, (4, SIZE, SIZE, 1)).astype(np.float32)
    cutouts = [{"row": row, "candidate_id": f"K{row}"} for row in range(4)]
    pack_source(ws, "one-band", pixels, cutouts, bands=("VIS",), pixel_scale_arcsec=0.1)
    page = open_page("data", source="one-band")
    page.query_params.clear()  # as Streamlit does when a page is opened from the sidebar
    page.switch_page(str(MAIN.parents[2] / "pages" / "score.py")).run()
    assert page.selectbox(key="choose-source").value == "sky"
    assert any("“one-band”" in text.value and "sky is shown instead" in text.value for text in page.caption)
    page.selectbox(key="choose-source").select("one-band").run()
    assert page.selectbox(key="choose-source").value == "one-band"
    by_link = open_page("score", run="elu_cnn-1", source="one-band")
    assert by_link.selectbox(key="choose-source").value == "one-band"


def test_a_fold_is_not_proposed_before_a_run_that_is_none(folder: Path) -> None:
    ws = full_workspace(folder)
    add_fold(ws, datasets.get_dataset(ws.database, "sky-v1"))
    page = open_page("score", source="sky")
    assert page.selectbox(key="choose-run").value == "elu_cnn-2"
    assert page.selectbox(key="choose-run").options[2] == "five-fold0", "after the others, and yet there"
    assert open_page("score", run="five-fold0").selectbox(key="choose-run").value == "five-fold0"
    for name, view in {"evaluate": {}, "features": {}, "catalogue": {"view": "ledger"}}.items():
        runs_of_page = open_page(name, **view).selectbox(key="choose-run")
        assert (runs_of_page.value, runs_of_page.options[-1]) == ("elu_cnn-2", "five-fold0")


def test_the_run_that_has_scored_the_source_is_shown_first_and_told_of_beside_another(folder: Path) -> None:
    ws = Workspace.open(folder)
    dataset = add_dataset(ws, source := add_survey(ws))
    first = add_run(ws, dataset, "first")
    add_evaluation(ws, first, dataset)
    add_scores(ws, first, source)
    newest = add_run(ws, dataset, "newest")
    assert open_page("score").selectbox(key="choose-run").value == "first"
    page = open_page("score", run="newest", source="sky")
    assert any("first has scored sky already." in one.value for one in page.caption)
    page.button(key="to-other-run").click().run()
    assert not page.exception
    assert page.selectbox(key="choose-run").value == "first"
    assert "to-other-run" not in {one.key for one in page.button}  # the other is not measured
    measured = runs.get_run(ws.database, "first").evaluation
    reached = measured["auroc"]
    runs.update_run(ws.database, newest.id, evaluation=measured | {"auroc": reached + 0.02})
    page = open_page("score", run="first", source="sky")
    told = f"newest has a higher test AUROC than first: {reached + 0.02:.3f} against {reached:.3f}"
    assert any(told in one.value for one in page.caption)


def test_a_source_in_the_address_is_shown_with_a_run_that_takes_it(folder: Path) -> None:
    ws = Workspace.open(folder)
    dataset = add_dataset(ws, add_survey(ws))
    older, _ = (add_run(ws, dataset, name) for name in ("elu_cnn-1", "elu_cnn-2"))
    pixels = np.random.default_rng(2).normal(0, 1, (4, SIZE, SIZE, 1)).astype(np.float32)
    cutouts = [{"row": row, "candidate_id": f"K{row}"} for row in range(4)]
    third = pack_source(ws, "third", pixels, cutouts, bands=("VIS",), pixel_scale_arcsec=0.1)
    page = open_page("score", source="third")
    assert page.selectbox(key="choose-source").value == "third"
    assert page.selectbox(key="choose-run").value == "elu_cnn-2"
    assert any("on the bands g,r,i, but these cutouts have VIS" in error.value for error in page.error)
    stored_scores.add_scores(ws, older.id, third.id, [41, 42], [0.9, 0.1])
    page = open_page("score", source="third")
    assert page.selectbox(key="choose-source").value == "third"
    assert page.selectbox(key="choose-run").value == "elu_cnn-1", "which has scored it, though it is older"


def test_without_the_middle_of_larger_cutouts_the_page_says_why_there_is_nothing_to_start(
    folder: Path,
) -> None:
    ws = Workspace.open(folder)
    run = add_run(ws, add_dataset(ws, add_survey(ws)), "elu_cnn-1")
    pixels = np.random.default_rng(2).normal(0, 1, (4, SIZE + 8, SIZE + 8, 3)).astype(np.float32)
    cutouts = [{"row": row, "candidate_id": f"K{row}"} for row in range(4)]
    large = pack_source(ws, "large", pixels, cutouts, bands=("g", "r", "i"), pixel_scale_arcsec=0.25)
    page = open_page("score", run="elu_cnn-1", source="large")
    started = f"start-score-{run.name}-{large.name}-True"
    assert started in {button.key for button in page.button}
    page.toggle(key=f"crop-{run.id}-{large.id}").set_value(False).run()
    assert not any(str(button.key).startswith("start-score") for button in page.button)
    sizes = f"of {SIZE}×{SIZE} pixels, but these have {SIZE + 8}×{SIZE + 8}"
    assert any(sizes in info.value for info in page.info)
    assert any("cannot be scored whole by elu_cnn-1" in text.value for text in page.markdown)
    runs.allow_crop(ws, run, large)
    page.run()
    seen = f"The network sees the central {SIZE}×{SIZE} pixels of these cutouts of {SIZE + 8}×{SIZE + 8}."
    said = [one.value.replace("\\", "") for one in page.info if "×" in one.value]
    assert said == [seen], "as blue as the question before"
    assert not any("×" in one.value for one in page.warning)


def test_what_fits_and_has_no_labels_is_proposed_before_what_was_learned_from(folder: Path) -> None:
    ws = Workspace.open(folder)
    run = add_run(ws, add_dataset(ws, add_survey(ws)), "elu_cnn-1")
    add_survey(ws, "wide", labelled=False)
    add_survey(ws, "infrared", labelled=False, bands=("Y", "J", "H"))
    page = open_page("data", source="sky")

    def from_the_sidebar(name: str) -> None:
        page.query_params.clear()
        page.switch_page(f"../../pages/{name}.py").run()

    from_the_sidebar("score")
    chosen = page.selectbox(key="choose-source")
    assert chosen.value == "wide"
    assert [one.partition(" · ")[2] for one in chosen.options[:2]] == ["", "the network learned from it"]
    assert any("“sky”: the network learned from it; wide is shown" in one.value for one in page.caption)
    assert open_page("score", source="sky", run="elu_cnn-1").selectbox(key="choose-source").value == "sky"
    add_scores(ws, run, sources.get_source(ws.database, "sky"))
    from_the_sidebar("data")
    from_the_sidebar("score")
    assert page.selectbox(key="choose-source").value == "sky"  # it has scores to look at


@pytest.mark.parametrize("asked", [10, 40])
def test_the_best_are_marked_among_the_scores_only_where_they_are_not_all(folder: Path, asked: int) -> None:
    full_workspace(folder)
    page = open_page("score", run="elu_cnn-1", source="sky", top=str(asked), ungraded="0")
    [caption] = [one.value for one in page.caption if "the threshold of Evaluate" in one.value]
    assert ("all are asked for above" in caption) is (asked == 40)
    drawn = next(one for one in figures_of(page) if "cutouts" in str(one["layout"]["yaxis"]["title"]))
    words = [one["text"] for one in drawn["layout"]["annotations"]]
    assert ("the 10 best, to review" in words) is (asked == 10)
    assert any("to review" in one for one in words) is (asked == 10)


@pytest.mark.parametrize("ungraded", ["", "1"])
def test_where_all_are_graded_already_the_page_says_so_in_place_of_a_switch(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ungraded: str
) -> None:
    ws = full_workspace(folder)
    ids = sources.cutout_columns(ws.database, [sources.get_source(ws.database, "sky").id], columns=("id",))[
        "id"
    ]
    monkeypatch.setattr(score_page, "graded_candidates", lambda _: ids)
    page = open_page("score", run="elu_cnn-1", source="sky", **({"ungraded": ungraded} if ungraded else {}))
    assert any("All 40 are graded already; a review shows them again." in one.value for one in page.caption)
    assert not any(one.key == "score-ungraded" for one in page.toggle)
    assert page.button(key="score-review").label == "Review the top 40"


def test_a_histogram_counts_every_score_once_by_label(folder: Path) -> None:
    ws = full_workspace(folder)
    run, source = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "sky")
    found = scores.load_scored(ws, run=run, source=source)
    columns = scores.histogram(found)
    assert found.complete
    assert (columns["lens"].sum(), columns["nonlens"].sum()) == (10, 30)
    assert "unlabelled" not in columns


def test_page_and_export_say_that_the_pixel_scale_of_a_source_is_unknown(folder: Path) -> None:
    ws = full_workspace(folder)
    lost = add_survey(ws, "lost", pixel_scale_arcsec=None)
    run = runs.get_run(ws.database, "elu_cnn-1")
    add_scores(ws, run, lost)
    said = {}
    for name in ("sky", "lost"):
        page = open_page("score", run=run.name, source=name)
        assert not page.exception
        query = CatalogueQuery(of=(name,), run=run.name, grades=None)
        export(ws, query, out=folder / f"{name}.ecsv")
        header = str(Table.read(folder / f"{name}.ecsv").meta)
        said[name] = (
            any("pixel scales could not be compared" in warning.value for warning in page.warning),
            "lost: The pixel scales could not be compared" in header,
        )
    assert said == {"sky": (False, False), "lost": (True, True)}


def test_scores_that_are_all_low_come_with_a_hint(folder: Path) -> None:
    ws = full_workspace(folder)
    sea, run = add_survey(ws, "sea"), runs.get_run(ws.database, "elu_cnn-1")
    ids = sources.cutout_columns(ws.database, [sea.id], columns=("id",))["id"].tolist()
    stored_scores.add_scores(ws, run.id, sea.id, ids, [0.002] * len(ids))
    hints = {
        name: [info.value for info in open_page("score", run=run.name, source=name).info]
        for name in ("sky", "sea")
    }
    assert not any("No score reaches" in hint for hint in hints["sky"])
    [told] = [hint for hint in hints["sea"] if "the highest is 0.002." in hint]
    assert told.endswith("choose a lower threshold or review the best.")


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.5, "0.500"), (0.01, "0.010"), (0.99, "0.990"), (0.00996, "0.010"), (0.99004, "0.990"),
        (0.0099, "0.010"), (0.9945, "0.995"), (0.001, "0.001"), (0.999, "0.999"),
        (0.0001, "0.00010"), (0.9999, "0.99990"), (1.2e-4, "0.00012"), (0.99988, "0.99988"),
        (1e-9, "0.000"), (0.0, "0.000"), (1.0, "1.000"), (1 - 2**-24, "0.9999999"),
    ],
)  # fmt: skip
def test_scores_have_as_many_digits_near_0_as_near_1(score: float, text: str) -> None:
    assert score_text(score) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.6, "1.60"), (0.0919, "0.0919"), (100.0, "100"), (2.4289, "2.43"), (-4.0, "−4.00")]
)
def test_figures_of_so_many_digits_keep_the_zeros_at_their_end(value: float, text: str) -> None:
    assert significant(value, 3) == text


def test_how_many_to_review_follows_the_scores_while_they_come_and_a_filter(folder: Path) -> None:
    """A page opened at the first score offered one candidate ever after, and so did its link."""
    ws = full_workspace(folder)
    run, source = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "sky")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    stored_scores.delete_scores(ws, run.id, source.id)
    stored_scores.add_scores(ws, run.id, source.id, ids[:1], [0.5])
    page = open_page("score", run=run.name, source=source.name)
    assert page.number_input(key="score-review-size").value == 1
    stored_scores.add_scores(ws, run.id, source.id, ids[1:], np.linspace(0, 0.4, 39))
    page.run()
    assert page.number_input(key="score-review-size").value == 34  # six are graded
    assert "top" not in page.query_params
    page.number_input(key="score-review-size").set_value(7).run()
    stored_scores.delete_scores(ws, run.id, source.id)
    stored_scores.add_scores(ws, run.id, source.id, ids[:20], np.linspace(0, 1, 20))
    page.run()
    assert page.number_input(key="score-review-size").value == 7  # what was asked for stays


@pytest.mark.parametrize(("entered", "taken"), [(0, 1), (99999, 34)])
def test_a_number_of_candidates_that_there_are_not_is_told_with_the_limits(
    folder: Path, entered: int, taken: int
) -> None:
    full_workspace(folder)
    page = open_page("score", run="elu_cnn-1", source="sky")
    page.number_input(key="score-review-size").set_value(entered).run()
    [said] = [one.value for one in page.caption if "are possible" in one.value]
    assert f"1 to 34 are possible; {taken} is taken." in said
    page.button(key="score-review").click().run()
    assert not page.exception
    assert reviews.list_reviews(Workspace.open(folder).database)[0].size == taken
