"""The next step as pages show it: a button, beside stages that make room for it, and for the best run."""

from pathlib import Path

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from lensapp import jobs
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue.export import export
from lensapp.services.catalogue.feedback import feed_back
from lensapp.services.inspect.queues import review_of_cutouts
from lensapp.services.next_step import NextStep, Round, round_of
from lensapp.services.round_stages import STAGES, RoundStage
from lensapp.services.split.datasets import freeze_split
from lensapp.storage import queue, reviews, runs, tables
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.page_head import is_full
from support import pages_workspace as rooms
from support.small_surveys import add_source, make_survey

PROJECT = Path(__file__).parents[2]


def test_pages_about_a_review_tell_the_version_that_other_pages_tell(tmp_path):
    ws = Workspace.open(tmp_path / "ws")
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source), "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    rooms.add_survey(ws, "more")
    larger = freeze_split(ws, source_names=["sky", "more"], spec=SplitSpec()).name
    selected = {"source": "sky", "run": "first", "review": "round-1"}
    for version, size in ((larger, 80), ("sky-v1", 40)):
        for kind in ("source", "review"):
            of = round_of(ws, selected | {"dataset": version}, [], led_by=kind)
            told = {stage.name: stage.count for stage in of.stages}["Dataset"], of.selection["dataset"]
            assert told == (size, version), kind


def test_pressing_the_next_step_opens_its_page_with_the_source(tmp_path, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    ws = Workspace.open()
    make_survey(ws, name="first")
    make_survey(ws, name="second")
    freeze_split(ws, source_names=["first"], spec=SplitSpec())
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60)
    app.query_params["source"] = "first"
    app.run()
    app.switch_page(str(PROJECT / "pages" / "data.py")).run()
    app.button(key="round-next").click().run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Train"]
    assert app.query_params["source"] == "first"


@pytest.mark.parametrize(
    "name",
    ["catalogue", "compare", "evaluate", "inspect", "paint", "replay", "score", "split", "team", "train"],
)
def test_an_empty_page_has_one_coloured_button_at_most(name, folder):
    page = rooms.open_page(name)
    assert not page.exception
    assert len([one.key for one in page.main.button if one.proto.type == "primary"]) <= 1


def test_after_the_export_the_next_step_opens_the_view_that_feeds_back(tmp_path, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    ws = Workspace.open()
    source, survey = rooms.add_survey(ws, "demo1"), rooms.add_survey(ws, "demo1-survey", labelled=False)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source, "demo1-v1"), "first")
    rooms.add_scores(ws, run, survey)
    rooms.add_votes(ws, run, survey)
    export(ws, CatalogueQuery(of=(survey.name,)), out=ws.folder / "sky.csv")

    def steps(page):
        keys = ("round-next", "round-again-next")
        buttons = [one.label for one in page.button if one.key in keys]
        return buttons + [text.value for text in page.caption if "Next:" in text.value]

    page = rooms.open_page("catalogue", source=survey.name, view="export")
    assert steps(page) == ["Feed back into training"]
    next(one for one in page.button if one.label == "Feed back into training").click().run()
    assert not page.exception
    assert page.get_by_key("catalogue-view").value == "feed-back"
    assert steps(page) == ["**Next:** Feed the grades back into the next training."]
    page.get_by_key("catalogue-view").set_value("candidates").run()
    assert steps(page) == ["Feed back into training"]


@pytest.mark.parametrize(
    ("cutouts", "page", "full"),
    [
        (400, "score", False),
        (1_200_000, "score", True),
        (400, "inspect", True),
        (1_200_000, "workspace", False),
    ],
)
def test_counts_of_the_stages_give_way_where_the_next_step_would_not_fit_beside_them(cutouts, page, full):
    stages = [RoundStage(name, "data", True, False, cutouts, None, "of it") for name in STAGES]
    step = NextStep("Review the next 100", "Review the top candidates.", "inspect", {}, {})
    assert is_full(Round(tuple(stages), step, {}), page) is full


def stands(ws: Workspace, **selected: str) -> Round:
    return round_of(ws, selected, [])


def test_the_round_goes_on_with_the_better_of_two_runs_of_a_version(ws):
    """And says which; one that was trained since is measured first, one with scores goes on with these."""
    source = rooms.add_survey(ws)
    dataset = rooms.add_dataset(ws, source)
    first = rooms.add_run(ws, dataset, "first")
    rooms.add_evaluation(ws, first, dataset)
    second = rooms.add_run(ws, dataset, "second")
    assert stands(ws).next_step.label == "Evaluate second"
    rooms.add_evaluation(ws, second, dataset)
    reached = runs.get_run(ws.database, "first").evaluation["auroc"]
    runs.update_run(ws.database, second.id, evaluation={"auroc": reached - 0.1})
    assert stands(ws).selection["run"] == "first"
    assert stands(ws).next_step.label == "Score sky"
    step = stands(ws, run="second").next_step
    assert (step.label, step.selection["run"]) == ("Score sky", "first"), "one name"
    assert step.here.endswith(
        f"first has a higher test AUROC than second: {reached:.3f} against {reached - 0.1:.3f}."
    )
    rooms.add_scores(ws, first, source)
    assert stands(ws, run="second").next_step.label == "Review the top 40 of first"
    rooms.add_scores(ws, second, source)
    assert stands(ws, run="second").next_step.label == "Review the top 40"


def test_no_stage_but_of_a_training_runs_while_a_network_is_at_work(ws):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source), "first")
    payload = {"run": run.name, "source": source.name}
    for kind, running in (("features", []), ("explain", []), ("evaluate", []), ("train", ["Network"])):
        jobs.enqueue(ws.database, kind=kind, title=kind, payload=payload)
        job = queue.claim_job(ws.database, worker="w")
        stages = round_of(ws, {"source": source.name}, jobs.active(ws.database)).stages
        assert [stage.name for stage in stages if stage.running] == running
        queue.update_job(ws.database, job, state="done")


def test_a_training_that_waits_is_queued_and_what_runs_meanwhile_is_named(ws):
    dataset = rooms.add_dataset(ws, rooms.add_survey(ws))
    for name in ("elu-a", "eq-a"):
        runs.create_run(ws.database, name=name, dataset_id=dataset.id, model="elu_cnn", spec={})
        jobs.enqueue(ws.database, kind="train", title=f"Train {name}", payload={"run": name})
    of = round_of(ws, {"run": "eq-a"}, jobs.active(ws.database))
    assert (of.next_step.label, of.next_step.here) == ("Queued: Train eq-a", "Train eq-a is queued.")
    assert not any(stage.running for stage in of.stages)
    queue.claim_job(ws.database, worker="w")
    of = round_of(ws, {"run": "eq-a"}, jobs.active(ws.database))
    assert of.next_step.here == "Train eq-a is queued; Train elu-a is running."
    assert [stage.name for stage in of.stages if stage.running] == ["Network"]
    of = round_of(ws, {"run": "elu-a"}, jobs.active(ws.database))
    assert of.next_step.here == "Train elu-a is under way."


def test_an_explanation_is_not_waited_for_in_place_of_the_evaluation(ws):
    run = rooms.add_run(ws, rooms.add_dataset(ws, rooms.add_survey(ws)), "first")
    jobs.enqueue(ws.database, kind="explain", title="Explain", payload={"run": run.name, "spec": {}})
    assert round_of(ws, {}, jobs.active(ws.database)).next_step.label == "Evaluate first"


def test_scores_are_ticked_where_the_next_step_reviews_those_of_the_survey(ws):
    source, survey = rooms.add_survey(ws, "demo1"), rooms.add_survey(ws, "demo1-survey", labelled=False)
    dataset = rooms.add_dataset(ws, source, "demo1-v1")
    run = rooms.add_run(ws, dataset, "eq-a")
    rooms.add_evaluation(ws, run, dataset)
    scores = round_of(ws, {"run": "eq-a"}, [], led_by="run").stages[3]
    assert (scores.done, scores.hint) == (False, "Not scored yet.")
    rooms.add_scores(ws, run, survey)
    of = round_of(ws, {"run": "eq-a"}, [], led_by="run")
    scores = of.stages[3]
    assert (of.next_step.label, of.selection["source"]) == ("Review the top 40", "demo1")
    assert (scores.name, scores.done, scores.count) == ("Scores", True, 40)
    assert (scores.remark, scores.hint) == ("of demo1-survey", "of demo1-survey by eq-a")


def test_a_dataset_without_cutouts_of_the_source_says_whose_it_is(ws):
    dataset = rooms.add_dataset(ws, rooms.add_survey(ws, "sky"), "sky-v1")
    run = rooms.add_run(ws, dataset, "first")
    rooms.add_scores(ws, run, rooms.add_survey(ws, "other", labelled=False))
    stage = stands(ws, source="other").stages[1]
    assert (stage.count, stage.remark) == (40, "sky-v1")
    assert stage.hint == "members of sky-v1, none of them of other: first learned from these"
    assert not stands(ws, source="sky").stages[1].remark


def test_found_objects_that_no_network_reads_are_painted_on(ws):
    """And what was painted on them goes on; of other cutouts without labels grades become labels."""
    add_source(ws, "imported", labelled=False)
    step = stands(ws, source="imported").next_step
    assert (step.label, step.page) == ("Inspect imported", "inspect")
    add_source(ws, "found", labelled=False, kind="objects")
    step = stands(ws, source="found").next_step
    assert (step.label, step.page) == ("Paint lenses on found", "paint")
    add_source(ws, "painted1", kind="paint")
    with ws.database.engine.begin() as connection:
        of_painted = tables.sources.c.name == "painted1"
        connection.execute(update(tables.sources).where(of_painted).values(spec={"hosts": ["found"]}))
    assert stands(ws, source="found").next_step.label == "Split painted1"


def test_what_is_painted_goes_before_lenses_of_another_size(ws):
    """Found objects and the larger cutouts that they were found in differ in more than lenses."""
    add_source(ws, "lenses", lens_every=1, count=6, size=24)
    objects = [{"candidate_id": f"o{row}", "label": "nonlens", "row": row} for row in range(6)]
    add_source(ws, "objects", kind="objects", lens_every=100, cutouts=objects, count=6)
    assert stands(ws, source="objects").next_step.label == "Paint lenses on objects"
    assert stands(ws, source="lenses").next_step.label == "Split lenses and objects"
    add_source(ws, "painted1", kind="paint")
    with ws.database.engine.begin() as connection:
        of_painted = tables.sources.c.name == "painted1"
        connection.execute(update(tables.sources).where(of_painted).values(spec={"hosts": ["objects"]}))
    for name in ("objects", "lenses"):
        assert stands(ws, source=name).next_step.label == "Split painted1"


def test_lenses_without_any_non_lenses_lead_to_an_import_of_some(ws):
    add_source(ws, "lenses", lens_every=1, count=6)
    step = round_of(ws, {"source": "lenses"}, []).next_step
    assert (step.label, step.page, step.view) == ("Import non-lenses", "data", {"view": "import"})


def test_what_is_painted_is_waited_for_and_then_goes_on(ws):
    bands = ("g", "r", "i")  # which the starter network reads
    add_source(ws, "bare", labelled=False, count=6, bands=bands)
    payload = {"name": "painted1", "spec": {"hosts": ["bare"]}}
    job = jobs.enqueue(ws.database, kind="paint", title="Paint painted1", payload=payload)
    step = round_of(ws, {"source": "bare"}, jobs.active(ws.database)).next_step
    assert (step.label, step.page) == ("Queued: Paint painted1", "data")
    jobs.stop(ws.database, job.id)
    assert stands(ws, source="bare").next_step.label == "Score with the starter network"
    add_source(ws, "painted1", kind="paint", bands=bands)
    with ws.database.engine.begin() as connection:
        of_painted = tables.sources.c.name == "painted1"
        connection.execute(update(tables.sources).where(of_painted).values(spec={"hosts": ["bare"]}))
    assert stands(ws, source="bare").next_step.label == "Split painted1"


def test_grades_that_were_fed_back_lead_to_training_and_no_longer_to_the_rest_of_the_review(ws):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source, label_from="someone"), "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    assert stands(ws).next_step.label == "Grade 34 more"
    feed_back(ws, dataset_name="sky-v1", review_names=["round-1"], rules=FeedbackRules(), name="sky-v2")
    step = stands(ws, dataset="sky-v2", run="first", review="round-1").next_step
    assert (step.label, step.done_on) == ("Train on sky-v2", "catalogue")


def test_a_review_of_the_disputed_is_a_look_aside_of_the_same_round(ws):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source, label_from="someone"), "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    [review] = reviews.list_reviews(ws.database)
    export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    before = round_of(ws, {}, [])
    ids = reviews.queue_of(ws.database, review.id).tolist()
    aside = review_of_cutouts(
        ws, name=f"{review.name}-disputed", cutout_ids=ids[:5], run_name="first", feeds_back=True
    )
    for kind, selected in (("source", {}), ("source", {"review": aside.name}), ("run", {"run": "first"}),
                           ("review", {"review": aside.name})):  # fmt: skip
        after = round_of(ws, selected, [], led_by=kind)
        assert [(one.name, one.done, one.count, one.of) for one in after.stages] == [
            (one.name, one.done, one.count, one.of) for one in before.stages
        ], (kind, selected)
        assert after.next_step.label == before.next_step.label


@pytest.mark.parametrize("exported", [False, True])
def test_votes_on_the_disputed_after_feeding_back_are_to_be_fed_back_again(ws, exported):
    source = rooms.add_survey(ws)
    run = rooms.add_run(ws, rooms.add_dataset(ws, source, label_from="someone"), "first")
    rooms.add_scores(ws, run, source)
    rooms.add_votes(ws, run, source)
    [review] = reviews.list_reviews(ws.database)
    if exported:
        export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    feed_back(ws, dataset_name="sky-v1", review_names=["round-1"], rules=FeedbackRules(), name="sky-v2")
    ids = reviews.queue_of(ws.database, review.id).tolist()
    aside = review_of_cutouts(
        ws, name="round-1-disputed", cutout_ids=ids[:6], run_name="first", feeds_back=True
    )
    for selected in ({}, {"review": aside.name}):
        assert round_of(ws, selected, []).next_step.label == "Train on sky-v2", "nobody has settled one yet"
    post = {"review_id": aside.id, "voted_at": 1.8e9}
    votes = [
        {"client": f"later-{name}", "seq": place + 1, "cutout_id": ids[place], "inspector": name} | post
        for name in ("Ada", "Grace")
        for place in range(6)
    ]
    reviews.add_votes(ws.database, [vote | {"grade": "AAAAXX"[vote["seq"] - 1]} for vote in votes[:3]])
    assert round_of(ws, {}, []).next_step.label == "Train on sky-v2", "these change no label"
    reviews.add_votes(ws.database, [vote | {"grade": "A"} for vote in votes[3:]])
    for kind, selected in (("source", {}), ("review", {"review": aside.name})):
        step = round_of(ws, selected, [], led_by=kind).next_step
        assert (step.label, step.view) == ("Feed back into training", {"view": "feed-back"}), kind
    feed_back(
        ws,
        dataset_name="sky-v2",
        review_names=["round-1", aside.name],
        rules=FeedbackRules(),
        name="sky-v3",
    )
    assert round_of(ws, {}, []).next_step.label == "Train on sky-v3"


def test_cutouts_without_labels_are_to_be_scored_by_a_network_that_reads_them_on_every_page(ws):
    learned = rooms.add_survey(ws, "painted1")
    dataset = rooms.add_dataset(ws, learned, "painted1-v1")
    run = rooms.add_run(ws, dataset, "first")
    rooms.add_evaluation(ws, run, dataset)
    rooms.add_survey(ws, "cands", labelled=False)
    add_source(ws, "other", bands=("J", "H"), labelled=False, count=6)
    told = {
        (stands.next_step.label, *(stage.done for stage in stands.stages[:3]))
        for stands in (
            round_of(ws, {"source": "cands"}, []),
            round_of(ws, {"source": "cands", "run": "first"}, [], led_by="run"),
            round_of(ws, {"source": "cands", "dataset": "painted1-v1"}, [], led_by="dataset"),
        )
    }
    assert told == {("Score cands", True, True, True)}
    assert round_of(ws, {"source": "other"}, []).next_step.label == "Inspect other"


def coloured(block):
    """Return the labels of the coloured buttons of a page that are seen without opening anything."""
    if block.type in ("popover", "expander", "dialog"):
        return []
    found = []
    for one in block.children.values():
        if hasattr(one, "children"):
            found += coloured(one)
        elif getattr(one.proto, "type", "") == "primary":
            found.append(one.proto.label)
    return found


@pytest.fixture(scope="module")
def gone_round(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coloured") / "workspace"
    rooms.full_workspace(folder).database.close()
    return folder


@pytest.mark.parametrize(("name", "view"), sorted(rooms.views_of_pages()))
def test_each_view_has_one_coloured_button_at_most(name, view, gone_round, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(gone_round))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    of = {"catalogue": {"source": "sky"}, "team": {"review": "round-1"}}.get(name, {})
    page = rooms.open_page(name, **of, **dict([view.split("=")] if view else []))
    assert not page.exception
    assert len(coloured(page.main)) <= 1, coloured(page.main)
