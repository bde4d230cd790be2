"""Where a source stands in the round, and the next step that every page offers."""

import time

import numpy as np
import pytest
from sqlalchemy import update

from lensapp import jobs
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue.export import export
from lensapp.services.catalogue.feedback import feed_back
from lensapp.services.inspect.queues import review_of_cutouts
from lensapp.services.inspect.vote_import import import_votes
from lensapp.services.next_step import Round, round_of, take_step
from lensapp.services.overview import last_graded
from lensapp.services.selected_chain import Kind, reads
from lensapp.services.split.datasets import freeze_split
from lensapp.services.train.starter import install_starter
from lensapp.storage import datasets, queue, reviews, runs, sources, studies, tables
from lensapp.storage.arrays import FLUX_SCALES
from lensapp.storage.workspace import Workspace
from support import pages_workspace as rooms
from support.small_surveys import add_source, add_votes, make_survey, pack_source


def stands(ws: Workspace, **selected: str) -> Round:
    return round_of(ws, selected, jobs.active(ws.database))


def led(ws: Workspace, kind: Kind, **selected: str) -> Round:
    return round_of(ws, selected, jobs.active(ws.database), led_by=kind)


def counts(of: Round) -> dict[str, tuple[bool, int | None]]:
    return {stage.name: (stage.done, stage.count) for stage in of.stages}


def test_each_step_of_the_round_leads_to_the_next(ws):
    assert stands(ws).next_step.page == "data"
    source = rooms.add_survey(ws)
    assert stands(ws).next_step.label == "Split sky"
    dataset = rooms.add_dataset(ws, source)
    assert stands(ws).next_step.label == "Train on sky-v1"
    run = rooms.add_run(ws, dataset, "first")
    step = stands(ws).next_step
    assert (step.label, step.starts) == ("Evaluate first", "evaluate")
    take_step(ws, step)
    assert [(job.kind, job.payload["run"]) for job in jobs.active(ws.database)] == [("evaluate", "first")]
    assert stands(ws).next_step.label == "Queued: Evaluate first on the test part"
    jobs.stop(ws.database, jobs.active(ws.database)[0].id)
    rooms.add_evaluation(ws, run, dataset)
    assert stands(ws).next_step.label == "Score sky"
    rooms.add_scores(ws, run, source)
    step = stands(ws).next_step
    assert (step.label, step.page) == ("Review the top 40", "inspect")
    names = take_step(ws, step)
    [review] = reviews.list_reviews(ws.database)
    assert (names["review"], review.size) == (review.name, 40)
    assert stands(ws).next_step.label == f"Grade {review.name}"
    reviews.close_review(ws.database, review.name)
    step = stands(ws).next_step
    assert (step.page, step.view) == ("catalogue", {"view": "export"})
    assert counts(stands(ws)) == {
        "Cutouts": (True, 40), "Dataset": (True, 40), "Network": (True, None), "Scores": (True, 40),
        "Votes": (False, 0), "Catalogue": (False, None),
    }  # fmt: skip


def test_grades_count_towards_the_review_and_an_export_ends_the_round(ws):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source, label_from="someone"), "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    assert stands(ws).next_step.label == "Grade 34 more"  # of 40, two inspectors have graded the same six
    [review] = reviews.list_reviews(ws.database)
    reviews.close_review(ws.database, review.name)
    assert (stands(ws).next_step.label, stands(ws).next_step.starts) == ("Export sky", "export")
    export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    assert stands(ws).stages[-1].done
    assert (counts(stands(ws))["Votes"], stands(ws).stages[-2].of) == ((True, 6), 40), "which were used"
    assert stands(ws).next_step.view == {"view": "feed-back"}
    rooms.add_dataset(ws, source, "sky-v2")
    step = stands(ws, dataset="sky-v2", run="first").next_step
    assert (step.label, step.done_on) == ("Train on sky-v2", "catalogue"), "whose own button retrains"


def test_what_is_done_for_a_source_stays_done_when_another_network_takes_its_place(ws):
    source = rooms.add_survey(ws)
    dataset = rooms.add_dataset(ws, source, label_from="someone")
    run = rooms.add_run(ws, dataset, "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    before = counts(stands(ws, run="first"))
    rooms.add_evaluation(ws, rooms.add_run(ws, dataset, "second"), dataset)
    of = stands(ws, run="second")
    assert counts(of) == before
    stages = {stage.name: stage for stage in of.stages}
    assert (stages["Scores"].remark, stages["Scores"].hint) == ("by first", "by first")
    assert stages["Votes"].hint == "candidates of round-1 graded"
    assert of.next_step.label == "Score sky", "by the second, which has scored nothing"
    assert not {stage.name: stage.remark for stage in stands(ws, run="first").stages}["Scores"]


def test_an_export_ends_the_grading_of_its_review_but_not_of_a_later_one(ws):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source, label_from="someone"), "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    assert stands(ws).next_step.label == "Feed back into training"  # though 34 are left
    [first] = reviews.list_reviews(ws.database)
    ids = reviews.queue_of(ws.database, first.id).tolist()
    later = reviews.create_review(
        ws.database, name="later", source_id=source.id, run_id=None, spec={}, queue=np.array(ids[:3])
    )
    add_votes(ws, later, "Ada", {ids[0]: "A"})
    of_later = stands(ws, review="later")
    assert of_later.next_step.label == "Grade 2 more"
    assert not of_later.stages[-1].done
    add_votes(ws, later, "Ada", dict.fromkeys(ids[:3], "A"))
    assert stands(ws, review="later").next_step.label == "Export sky"


def test_votes_that_change_no_label_are_not_to_be_fed_back(ws):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source), "first")  # which has the truth of every cutout
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    step = stands(ws).next_step
    assert (step.label, step.starts) == ("Review the next 34", "review")
    assert take_step(ws, step)["review"] != "round-1"
    [review, _] = reviews.list_reviews(ws.database)
    ids = reviews.queue_of(ws.database, review.id).tolist()
    assert len(ids) == 34
    add_votes(ws, review, "Ada", dict.fromkeys(ids, "X"))
    export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    assert stands(ws).next_step.label == "Import further cutouts"


def test_the_next_step_can_be_done_with_the_cutouts_selected(ws):
    run = rooms.add_run(ws, rooms.add_dataset(ws, rooms.add_survey(ws)), "first")
    add_source(ws, "other", bands=("J", "H"), labelled=False, count=6)
    assert not reads(ws, run, sources.get_source(ws.database, "other"))
    of = stands(ws, source="other", dataset="sky-v1", run="first")
    assert (of.next_step.label, of.selection) == ("Inspect other", {"source": "other"})
    # A page about the network keeps it, and goes back to the cutouts that it learned from.
    of = led(ws, "run", source="other", dataset="sky-v1", run="first")
    assert of.next_step.label == "Evaluate first"
    assert of.selection == {"source": "sky", "dataset": "sky-v1", "run": "first"}
    assert led(ws, "dataset", source="other", dataset="sky-v1").selection["source"] == "sky"
    # Cutouts that the network reads are scored with it, whichever it learned from.
    add_source(ws, "alike", bands=("g", "r", "i"), size=12, pixel_scale_arcsec=0.25, labelled=False, count=6)
    for of in (stands(ws, source="alike", run="first"), led(ws, "run", source="alike", run="first")):
        assert of.selection["source"] == "alike"
        assert of.next_step.selection["run"] == "first"


def test_a_page_about_a_review_has_the_round_of_its_source_and_its_network(ws):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source), "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    rooms.add_run(ws, rooms.add_dataset(ws, rooms.add_survey(ws, "new"), "new-v1"), "second")
    selected = {"source": "new", "dataset": "new-v1", "run": "second", "review": "round-1"}
    of = led(ws, "review", **selected)
    assert of.selection == {"source": "sky", "dataset": "sky-v1", "run": "first", "review": "round-1"}
    assert of.next_step.label == "Grade 34 more"
    assert stands(ws, **selected).selection["source"] == "new"


def test_what_is_selected_decides_and_not_what_is_newest(ws):
    old = rooms.add_survey(ws, "old")
    rooms.add_dataset(ws, old, "old-v1")
    rooms.add_survey(ws, "new")
    assert stands(ws).next_step.label == "Split new"
    assert stands(ws, source="old").next_step.label == "Train on old-v1"
    assert stands(ws, source="gone").next_step.label == "Split new"


def test_pages_are_about_the_source_worked_on_last_and_not_about_a_handful_imported_since(ws):
    searched = rooms.add_survey(ws, "searched", labelled=False)
    labelled = rooms.add_survey(ws, "labelled")
    one = np.ones((1, 12, 12, 3), np.float32)
    pack_source(ws, "one", one, [{"row": 0, "candidate_id": "one"}], bands=rooms.BANDS)
    assert stands(ws).selection["source"] == "labelled"
    dataset = rooms.add_dataset(ws, labelled, "labelled-v1")
    run = rooms.add_run(ws, dataset, "first")
    assert stands(ws).selection["source"] == "labelled"
    rooms.add_scores(ws, run, searched)
    assert dict(stands(ws).selection) == {"source": "searched", "dataset": "labelled-v1", "run": "first"}


def test_a_network_of_another_version_does_not_stand_in_for_one_trained_on_the_version_selected(ws):
    first = rooms.add_dataset(ws, rooms.add_survey(ws))
    run = rooms.add_run(ws, first, "first")
    add_source(ws, "other", bands=("J", "H"), count=60)
    other = freeze_split(ws, source_names=["other"], spec=SplitSpec())
    selected = {"source": "other", "dataset": other.name, "run": run.name}
    of = stands(ws, **selected)
    assert of.next_step.label == f"Train on {other.name}"
    assert counts(of)["Network"] == (False, None)
    assert "run" not in of.selection
    assert stands(ws, source="sky", dataset="sky-v1", run="first").next_step.label == "Evaluate first"
    own = runs.create_run(ws.database, name="own", dataset_id=other.id, model="elu_cnn", spec={})
    runs.update_run(ws.database, own.id, state="running")
    assert stands(ws, **selected).next_step.label == "Watch own"  # the first reads other bands


def test_the_next_version_of_the_same_cutouts_is_trained_on(ws):
    source = rooms.add_survey(ws)
    old, new = (rooms.add_dataset(ws, source, name) for name in ("sky-v1", "sky-v2"))
    rooms.add_run(ws, old, "first")
    assert stands(ws, dataset=new.name, run="first").next_step.label == "Train on sky-v2"
    rooms.add_run(ws, new, "second")
    assert stands(ws, dataset=new.name, run="first").selection["run"] == "first"
    runs.update_run(ws.database, rooms.add_run(ws, new, "third").id, state="stopped")
    assert stands(ws, dataset=new.name).selection["run"] == "second", "which was not ended half way"


def test_a_network_trained_on_the_grades_of_a_review_begins_its_own_round(ws):
    source = rooms.add_survey(ws)
    old = rooms.add_dataset(ws, source, "sky-v1")
    first = rooms.add_run(ws, old, "first")
    rooms.add_scores(ws, first, source)
    rooms.add_votes(ws, first, source)
    [review] = reviews.list_reviews(ws.database)
    new = rooms.add_dataset(ws, source, "sky-v2")
    second = rooms.add_run(ws, new, "second")
    for selected in ({}, {"run": "second"}, {"run": "second", "review": review.name}):
        of = stands(ws, **selected)
        assert of.next_step.label == "Evaluate second"
        assert counts(of)["Votes"] == (False, 6), "which are of the source"
    rooms.add_evaluation(ws, second, new)
    assert stands(ws).next_step.label == "Score sky"
    # The review itself, opened again, is that of the first network.
    for selected in ({"review": review.name}, {"run": "first", "review": review.name}, {"run": "first"}):
        of = stands(ws, dataset="sky-v1", **selected)
        assert of.next_step.label == "Grade 34 more"
        assert (of.selection["run"], counts(of)["Scores"]) == ("first", (True, 40))
    # Once its grades are fed back they are not proposed again, whichever network is selected.
    reviews.close_review(ws.database, review.name)
    export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    assert stands(ws, dataset="sky-v1", run="first").next_step.here == "Score sky with second."
    assert stands(ws, dataset="sky-v1", run="first").next_step.selection["run"] == "second"
    rooms.add_scores(ws, second, source)
    names = take_step(ws, stands(ws).next_step)
    assert stands(ws).selection["review"] == names["review"] != review.name
    assert stands(ws).selection["run"] == "second"


def test_the_starter_selected_takes_part_in_the_round_of_a_version_that_it_can_score(ws):
    scale = runs.normalisation_of(ws, install_starter(ws).name).pixel_scale_arcsec
    of_bands = {"seen": ("g", "r", "i"), "unseen": ("J", "H"), "unknown": ("g", "r", "i")}
    expected = {"seen": "Score seen", "unseen": "Train on unseen-v1", "unknown": "Train on unknown-v1"}
    for name, bands in of_bands.items():  # the network refuses what has no known unit of flux
        add_source(ws, name, bands=bands, size=64, pixel_scale_arcsec=scale)
        if name == "seen":
            ws.cutouts_folder(name).mkdir(parents=True, exist_ok=True)
            np.save(ws.cutouts_folder(name) / FLUX_SCALES, np.ones((60, 3), np.float32))
        freeze_split(ws, source_names=[name], spec=SplitSpec())
        of = stands(ws, source=name, dataset=f"{name}-v1", run="starter")
        assert of.next_step.label == expected[name]


def test_a_version_of_two_sources_says_so_beside_its_count(ws):
    for name in ("first", "second"):
        make_survey(ws, name=name)
    freeze_split(ws, source_names=["first", "second"], spec=SplitSpec())
    stages = {stage.name: stage for stage in stands(ws, source="first").stages}
    assert (stages["Cutouts"].count, stages["Dataset"].count) == (20, 40)
    assert (stages["Cutouts"].remark, stages["Dataset"].remark) == ("", "2 sources")
    assert stages["Dataset"].hint.endswith("from 2 sources; the other counts are those of first")


def test_jobs_of_others_do_not_run_in_ones_own_round(ws):
    rooms.add_survey(ws, "mine")
    rooms.add_survey(ws, "theirs")
    payload = {"run": "other", "source": "theirs", "dask": None}
    jobs.enqueue(ws.database, kind="score", title="Score theirs", payload=payload)
    queue.claim_job(ws.database, worker="w")
    assert not any(stage.running for stage in stands(ws, source="mine").stages)
    assert [stage.name for stage in stands(ws, source="theirs").stages if stage.running] == ["Scores"]


def test_a_network_that_is_being_trained_is_watched(ws):
    dataset = rooms.add_dataset(ws, rooms.add_survey(ws))
    run = runs.create_run(ws.database, name="first", dataset_id=dataset.id, model="elu_cnn", spec={})
    runs.update_run(ws.database, run.id, state="running")
    assert stands(ws).next_step.label == "Watch first"
    runs.update_run(ws.database, run.id, state="failed")
    assert stands(ws).next_step.label == "See first: failed"


def test_a_network_is_watched_until_its_training_ends_though_its_best_epoch_is_there(ws):
    run = rooms.add_run(ws, rooms.add_dataset(ws, rooms.add_survey(ws)), "first")
    assert stands(ws).next_step.label == "Evaluate first"
    runs.update_run(ws.database, run.id, state="running")
    assert stands(ws).next_step.label == "Watch first"


def test_the_stage_of_networks_is_the_same_on_pages_about_different_runs(ws):
    dataset = rooms.add_dataset(ws, rooms.add_survey(ws))
    rooms.add_run(ws, dataset, "done")
    learning = runs.create_run(ws.database, name="learning", dataset_id=dataset.id, model="elu_cnn", spec={})
    runs.update_run(ws.database, learning.id, state="running")
    jobs.enqueue(ws.database, kind="train", title="Train learning", payload={"run": "learning"})
    queue.claim_job(ws.database, worker="w")
    for of in (stands(ws), led(ws, "run", run="done"), led(ws, "run", run="learning"), led(ws, "dataset")):
        network = of.stages[2]
        assert (network.name, network.done, network.running) == ("Network", True, True)


def test_folds_of_a_cross_validation_do_not_take_over_the_round(ws):
    source = rooms.add_survey(ws)
    dataset = rooms.add_dataset(ws, source)
    first = rooms.add_run(ws, dataset, "first")
    rooms.add_scores(ws, first, source)
    rooms.add_votes(ws, first, source)
    study = studies.create_study(ws.database, name="five", kind="kfold", dataset_id=dataset.id, spec={})
    fold = rooms.add_run(ws, dataset, "five-fold0")
    studies.add_run(ws.database, study.id, fold.id, place=0)
    for selected in ({}, {"run": "five-fold0"}):
        of = stands(ws, **selected)
        assert (of.next_step.label, of.selection["run"]) == ("Grade 34 more", "first")
    rooms.add_scores(ws, fold, source)
    assert stands(ws, run="five-fold0").next_step.label == "Review the top 34"  # six are graded


def test_a_search_of_similar_candidates_does_not_take_over_the_round(ws):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source, label_from="someone"), "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    [review] = reviews.list_reviews(ws.database)
    ids = reviews.queue_of(ws.database, review.id).tolist()
    like = review_of_cutouts(ws, name="like-J0003", cutout_ids=ids[:5], run_name="first")
    for selected in ({}, {"run": "first"}, {"review": like.name}, {"run": "first", "review": like.name}):
        of = stands(ws, **selected)
        assert (of.next_step.label, of.selection["review"]) == ("Grade 34 more", "round-1"), selected
    assert led(ws, "review", review=like.name).next_step.label == "Grade like-J0003", "on its own pages"


def test_the_round_is_about_the_review_that_people_grade_and_not_one_made_for_imported_votes(ws, tmp_path):
    source = rooms.add_survey(ws)
    version = rooms.add_dataset(ws, source)
    run = rooms.add_run(ws, version, "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)  # of 40, six are graded
    graded_here = stands(ws).selection["review"]
    candidates = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id",))["candidate_id"]
    table = tmp_path / "others.csv"
    table.write_text("id,inspector,grade\n" + "".join(f"{name},Eve,A\n" for name in candidates[:22]))
    import_votes(ws, name="sky", path=table)
    assert reviews.list_reviews(ws.database)[0].name == "sky-all"
    for selected in ({}, {"run": "first"}):
        assert stands(ws, **selected).selection["review"] == graded_here
        assert stands(ws, **selected).next_step.label == "Grade 34 more"
    assert last_graded(ws)["review"] == graded_here
    table.write_text(f"id,inspector,grade\n{candidates[22]},Eve,A\n")
    import_votes(ws, name="sky-all", path=table)  # again: after the review was made, but nobody graded on it
    assert last_graded(ws)["review"] == stands(ws).selection["review"] == graded_here
    rooms.add_run(ws, version, "second")
    assert stands(ws, run="second").next_step.selection.get("review") is None
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    vote = {
        "client": "tab", "seq": 1, "review_id": reviews.get_review(ws.database, "sky-all").id,
        "cutout_id": int(ids[30]), "inspector": "Ada", "grade": "A", "voted_at": time.time(),
    }  # fmt: skip
    reviews.add_votes(ws.database, [vote])
    assert stands(ws).selection["review"] == "sky-all", "which somebody grades here now"


def test_lenses_alone_are_split_together_with_the_non_lenses_that_fit_them(ws):
    add_source(
        ws,
        "objects",
        lens_every=100,
        cutouts=[{"candidate_id": f"o{row}", "label": "nonlens", "row": row} for row in range(6)],
        count=6,
    )
    step = stands(ws).next_step
    assert (step.label, step.page) == ("Paint lenses on objects", "paint"), "for there are lenses nowhere"
    add_source(ws, "painted1", lens_every=1, count=6)
    for name, other in (("objects", "painted1"), ("painted1", "objects")):
        step = stands(ws, source=name).next_step
        assert (step.label, step.view) == (f"Split {name} and {other}", {"sources": [name, other]})


def test_cutouts_that_were_painted_on_are_not_split_beside_their_copies(ws):
    add_source(ws, "objects", lens_every=100, cutouts=[{"candidate_id": "o", "label": "nonlens", "row": 0}])
    painted = add_source(ws, "painted1", kind="paint", count=40)
    with ws.database.engine.begin() as connection:
        of_painted = tables.sources.c.name == "painted1"
        connection.execute(update(tables.sources).where(of_painted).values(spec={"hosts": ["objects"]}))
    assert stands(ws, source="objects").next_step.label == "Split painted1"
    rooms.add_dataset(ws, painted, "painted1-v1")
    assert stands(ws, source="objects").next_step.label == "Train on painted1-v1"


def test_a_look_aside_is_the_rounds_review_only_where_it_is_selected(ws):
    source = rooms.add_survey(ws)
    dataset = rooms.add_dataset(ws, source)
    run = rooms.add_run(ws, dataset, "first")
    rooms.add_evaluation(ws, run, dataset)
    rooms.add_scores(ws, run, source)
    review_of_cutouts(ws, name="like-J0003", cutout_ids=[1, 2, 3], run_name="first")
    assert stands(ws).next_step.label == "Review the top 40"
    assert stands(ws, review="like-J0003").next_step.label == "Grade like-J0003"


@pytest.mark.parametrize(
    ("bands", "label"),
    [(("g", "r", "i"), "Score with the starter network"), (("J", "H"), "Inspect bare")],
)
def test_without_labels_the_next_step_goes_past_the_network(ws, bands, label):
    add_source(ws, "bare", labelled=False, count=6, bands=bands)
    assert stands(ws).next_step.label == label


def test_of_a_demo_survey_the_usual_parts_are_frozen_at_once(ws):
    add_source(ws, "demo1", kind="demo", count=60)
    step = stands(ws).next_step
    assert (step.label, step.page, step.done_on) == ("Split demo1", "train", "split")
    assert take_step(ws, step)["dataset"] == "demo1-v1"
    assert stands(ws).next_step.label == "Train on demo1-v1"


def test_a_source_without_labels_that_is_larger_comes_before_what_the_network_learned_from(ws):
    source = rooms.add_survey(ws, "fields-objects1")
    seen = rooms.add_survey(ws, "seen", labelled=False)
    dataset = rooms.add_dataset(ws, source, "objects-v1")
    with ws.database.engine.begin() as connection:  # as a version that takes in cutouts without labels
        connection.execute(update(tables.datasets).values(source_ids=[source.id, seen.id]))
    run = rooms.add_run(ws, datasets.get_dataset(ws.database, dataset.name), "first")
    rooms.add_evaluation(ws, run, dataset)
    assert stands(ws, source=source.name).next_step.label == "Score seen", "for want of another one"
    add_source(ws, "fields", bands=("g", "r", "i"), size=30, pixel_scale_arcsec=0.25, labelled=False, count=6)
    step = led(ws, "run", source=source.name, run="first").next_step
    assert (step.label, step.page, step.starts) == ("Score fields", "score", None), "which asks of the size"


def test_what_a_network_learned_from_leads_on_to_the_survey_without_labels_and_round_again(ws):
    source, survey = rooms.add_survey(ws, "demo1"), rooms.add_survey(ws, "demo1-survey", labelled=False)
    assert stands(ws, source="demo1-survey").next_step.label == "Split demo1"
    dataset = rooms.add_dataset(ws, source, "demo1-v1")
    first = rooms.add_run(ws, dataset, "first")
    rooms.add_evaluation(ws, first, dataset)
    step = stands(ws, source="demo1").next_step
    assert (step.label, step.selection["source"]) == ("Score demo1-survey", "demo1-survey")
    take_step(ws, step)
    [job] = jobs.active(ws.database)
    assert (job.payload["run"], job.payload["source"]) == ("first", "demo1-survey")
    assert stands(ws, source="demo1").next_step.label.startswith("Queued: ")
    jobs.stop(ws.database, job.id)
    rooms.add_scores(ws, first, survey)
    step = stands(ws, source="demo1").next_step
    assert (step.label, step.selection["source"]) == ("Review the top 40", "demo1-survey")
    rooms.add_votes(ws, first, survey)
    export(ws, CatalogueQuery(of=("demo1-survey",)), out=ws.folder / "survey.csv")
    assert stands(ws, source="demo1-survey").next_step.label == "Feed back into training"
    made = feed_back(
        ws, dataset_name="demo1-v1", review_names=["round-1"], rules=FeedbackRules(relabel=False)
    )
    assert stands(ws, source="demo1-survey").next_step.label == f"Train on {made.name}"
    second = rooms.add_run(ws, made, "second")
    rooms.add_evaluation(ws, second, dataset)
    step = stands(ws, source="demo1-survey").next_step
    assert (step.label, step.selection["run"]) == ("Score demo1-survey", "second")


@pytest.mark.parametrize(
    ("page", "asked", "source"),
    [
        ("replay", {"review": "round-1"}, "sky"),
        ("replay", {"source": "sky"}, "sky"),
        ("team", {"review": "round-1"}, "sky"),
        ("evaluate", {"run": "first"}, "sky"),
        ("catalogue", {"view": "ledger", "run": "first"}, "sky"),
        ("catalogue", {"run": "first"}, "new"),
    ],
)
def test_the_stages_are_of_what_the_page_shows_and_not_of_the_source_before(
    tmp_path, monkeypatch, page, asked, source
):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    ws = Workspace.open()
    sky = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, sky), "first")
    rooms.add_scores(ws, run, sky)
    rooms.add_votes(ws, run, sky)
    add_source(ws, "new", bands=("J", "H"), labelled=False, count=6)
    app = rooms.open_page(page, **{"source": "new", "run": "first", **asked})
    cutouts = next(link for link in app.get("page_link") if link.proto.label.startswith("Cutouts"))
    assert cutouts.proto.label == {"sky": "Cutouts 40", "new": "Cutouts 6"}[source]
