"""The training page, run by Streamlit's own test harness inside the frame."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1.element_tree import Block

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.train.presets import PRESETS
from lensapp.services.catalogue.feedback import feed_back
from lensapp.services.train import runs
from lensapp.services.train.best_epochs import usual_threshold_misleads
from lensapp.storage import datasets, queue, sources
from lensapp.storage.runs import create_run, update_run
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import state, widgets
from lensapp.ui.train import curves
from lensapp.ui.train.train_page import circumstances, summary_line
from support.pages_workspace import (
    add_dataset,
    add_fold,
    add_run,
    add_survey,
    drawn_charts,
    full_workspace,
    open_page,
)


def test_an_empty_workspace_says_what_is_missing(folder: Path) -> None:
    page = open_page("train")
    assert any("No dataset to train on yet" in text.value for text in page.markdown)
    assert drawn_charts(page, "train-curves") is None


def test_the_curves_of_the_run_in_the_address_are_drawn(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("train", run="elu_cnn-1")
    assert page.selectbox(key="choose-run").value == "elu_cnn-1"
    data = drawn_charts(page, "train-curves")
    assert data is not None
    assert [panel["title"] for panel in data["panels"]] == [one.title for one in curves.PANELS]
    page = open_page("train", run="nosuch")
    assert any("There is no “nosuch” here; elu_cnn-2 is shown instead" in text.value for text in page.caption)


def test_a_fold_that_ended_is_not_followed_at_first(folder: Path) -> None:
    ws = full_workspace(folder)
    add_fold(ws, datasets.get_dataset(ws.database, "sky-v1"))
    assert open_page("train").selectbox(key="choose-run").value == "elu_cnn-2"


def test_a_run_that_ended_is_evaluated_next_which_only_one_button_says(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("train", run="elu_cnn-2", source="sky")
    assert page.button(key="train-start").proto.type == "primary"
    assert page.button(key="train-evaluate").label == "Open in Evaluate"
    add_run(ws, add_dataset(ws, sources.get_source(ws.database, "sky"), "sky-v2"), "late")
    page = open_page("train", run="late", source="sky", dataset="sky-v2")
    step = page.button(key="round-next")
    assert (step.label, step.proto.type) == ("Evaluate late", "primary")
    assert page.button(key="train-start").proto.type == "secondary"
    assert not [one.label for one in page.button if one.key == "train-evaluate"]


def test_start_registers_a_run_with_the_values_of_the_form(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("train")
    page.number_input(key="new-run-FAST-epochs").set_value(3).run()
    page.button(key="train-start").click().run()
    assert not page.exception
    assert [toast.value for toast in page.toast] == [
        "elu_cnn-3 is queued; its curves are drawn at the top of the page."
    ]
    run = runs.run_status(ws, "elu_cnn-3").run
    assert run.spec["epochs"] == 3
    assert page.query_params["run"] in ("elu_cnn-3", ["elu_cnn-3"])


def test_what_lies_in_a_closed_fold_is_sent_once_it_is_open_and_counts_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widgets, "SEND_CLOSED", False)
    ws = full_workspace(folder)
    page = open_page("train", **{"augmentation.noise_sigma": "0.2"})
    drawn = len(list(page.main))
    assert not [one for one in page.number_input if one.key == "new-run-FAST-augmentation-noise_sigma"]
    page.button(key="train-start").click().run()
    assert runs.run_status(ws, "elu_cnn-3").run.spec["augmentation"]["noise_sigma"] == 0.2
    for fold in ("new-run-FAST-all-fold", "new-run-FAST-augmentation-fold"):
        page.session_state[fold] = True
    page.run()
    assert page.number_input(key="new-run-FAST-augmentation-noise_sigma").value == 0.2
    assert len(list(page.main)) > drawn


def test_cutouts_too_small_for_a_network_are_told_before_the_start(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("train")
    told = "This network takes cutouts of 32 × 32 pixels or more; these are 12 × 12"
    assert [one.value for one in page.warning if one.value.startswith(told)]
    page.selectbox(key="train-recipe-others").set_value("LASTRO").run()  # its own least is 8
    assert not [one.value for one in page.warning if "takes cutouts of" in one.value]


def test_a_taken_name_is_refused_in_one_line_and_nothing_is_queued(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("train")
    page.text_input(key="new-run-FAST-name").set_value("elu_cnn-1")
    page.button(key="train-start").click().run()
    assert "There is a run called 'elu_cnn-1' already" in page.error[0].value
    assert not queue.list_jobs(ws.database)


def test_each_recipe_fills_the_form_with_one_click(folder: Path) -> None:
    ws = Workspace.open(folder)
    add_dataset(ws, add_survey(ws))
    page = open_page("train")
    for preset in ("S1", "S2", "S4", "S5", "OURS", "SIMCLR", "FIXMATCH"):
        page.selectbox(key="train-recipe-others").set_value(preset).run()
        assert not page.exception, preset
        assert page.radio(key="train-recipe").value == preset  # it has a card beside the recommended ones
        shown = page.number_input(key=f"new-run-{preset}-batch_size").value
        assert shown == PRESETS[preset].spec.batch_size, preset


def test_a_queued_run_can_be_stopped_from_the_page(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("train")
    page.button(key="train-start").click().run()
    page.button(key="train-stop").click().run()
    assert runs.run_status(ws, "elu_cnn-3").state == "stopped"


def test_the_next_run_begins_with_the_epochs_of_the_last_one_started(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("train")
    page.number_input(key="new-run-FAST-epochs").set_value(3).run()
    page.button(key="train-start").click().run()
    assert page.number_input(key="new-run-FAST-epochs").value == 3
    page.switch_page("../../pages/home.py").run()
    page.switch_page("../../pages/train.py")
    page.query_params.clear()
    page.query_params["run"] = "elu_cnn-3"  # as a button leads there, whose address names no epochs
    page.run()
    assert page.number_input(key="new-run-FAST-epochs").value == 3
    page.selectbox(key="train-recipe-others").set_value("S1").run()
    assert page.number_input(key="new-run-S1-epochs").value == PRESETS["S1"].spec.epochs


def test_the_next_run_begins_as_the_last_one_by_its_recipe_and_can_go_back_to_the_recipe(
    folder: Path,
) -> None:
    ws = full_workspace(folder)
    page = open_page("train", **{"train-recipe": "BEST"})
    page.number_input(key="new-run-BEST-epochs").set_value(8).run()
    page.selectbox(key="new-run-BEST-optimizer").set_value("sgd").run()
    page.button(key="train-start").click().run()
    feed_back(ws, dataset_name="sky-v1", review_names=["round-1"], rules=FeedbackRules(), name="sky-v2")
    page = open_page("train", dataset="sky-v2")  # in another session, with a version made of the first one
    assert page.radio(key="train-recipe").value == "BEST"
    toggle = page.toggle(key="new-run-BEST-as-last")
    assert toggle.label == "As in equivariant_resnet-1: epochs 8, optimiser SGD"
    assert page.number_input(key="new-run-BEST-epochs").value == 8
    toggle.set_value(False).run()
    assert page.number_input(key="new-run-BEST-epochs").value == PRESETS["BEST"].spec.epochs
    assert page.query_params["as_last"] in ("0", ["0"])
    page.radio(key="train-recipe").set_value("FAST").run()
    assert not [one.key for one in page.toggle if "as-last" in str(one.key)]
    assert page.number_input(key="new-run-FAST-epochs").value == PRESETS["FAST"].spec.epochs


def test_a_run_just_started_stays_shown_though_the_browser_has_not_heard_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_workspace(folder)
    page = open_page("train", run="elu_cnn-1")
    page.button(key="train-start").click().run()
    assert page.selectbox(key="choose-run").value == "elu_cnn-3"
    page.query_params["run"] = "elu_cnn-1"  # as the browser says it that renews the sidebar meanwhile
    page.run()
    assert page.selectbox(key="choose-run").value == "elu_cnn-3"
    page.query_params["run"] = "elu_cnn-1"
    page.selectbox(key="choose-run").set_value("elu_cnn-1").run()  # with the list as it was drawn before
    assert page.selectbox(key="choose-run").value == "elu_cnn-3"
    page.query_params["run"] = "elu_cnn-3"  # it has heard by now, and the reader chooses
    monkeypatch.setattr(state, "DRAWN_AFTER", 0.0)
    page.selectbox(key="choose-run").set_value("elu_cnn-1").run()
    assert page.selectbox(key="choose-run").value == "elu_cnn-1"
    page.query_params["run"] = "elu_cnn-2"  # by the reader
    page.run()
    assert page.selectbox(key="choose-run").value == "elu_cnn-2"


def test_the_best_epoch_is_told_with_what_chose_it(folder: Path) -> None:
    ws = full_workspace(folder)
    run = runs.run_status(ws, "elu_cnn-1").run
    best = {"val_auc": 0.822, "val_auc_low": 0.68, "val_auc_high": 0.91, "judged_by": "val_auc"}
    summary = run.summary | {"best_epoch": 3, "best": best, "best_by": "val_auc"}
    update_run(ws.database, run.id, summary=summary)
    page = open_page("train", run="elu_cnn-1")
    line = next(text for text in page.markdown if "best epoch" in text.value)
    assert "best epoch 3 of 5 (validation AUROC = 0.822)" in line.value
    assert not [one.value for one in page.warning if "chance" in one.value]


@pytest.mark.parametrize(
    "best",
    [{"val_auc": 0.62, "val_auc_low": 0.43, "val_auc_high": 0.78}, {"val_auc": 0.38, "val_loss": 0.6}],
    ids=["its limits hold 0.5", "of a run without limits"],
)
def test_a_run_no_better_than_chance_is_told(folder: Path, best: dict) -> None:
    ws = full_workspace(folder)
    run = runs.run_status(ws, "elu_cnn-1").run
    update_run(ws.database, run.id, summary=run.summary | {"best": best})
    page = open_page("train", run="elu_cnn-1")
    [told] = [one.value for one in page.warning if "chance" in one.value]
    assert told.startswith(f"In its best epoch the AUROC of the validation part is {best['val_auc']:.3f}")


def test_a_run_whose_figures_at_a_half_mislead_is_told(folder: Path) -> None:
    ws = full_workspace(folder)
    run = runs.run_status(ws, "elu_cnn-1").run
    best = {"val_auc": 0.9, "val_auc_low": 0.8, "val_completeness": 0.08, "val_tpr_at_fpr": 0.61}
    update_run(ws.database, run.id, summary=run.summary | {"best": best})
    [told] = [one.value for one in open_page("train", run="elu_cnn-1").info if "misleads" in one.value]
    assert "accepts 8\u00a0% of the lenses" in told
    assert "a lower threshold 61\u00a0% at FPR 0.01" in told
    enough = run.summary | {"best": best | {"val_completeness": 0.5}}
    update_run(ws.database, run.id, summary=enough)
    assert not usual_threshold_misleads(runs.run_status(ws, "elu_cnn-1").run)


def test_several_runs_are_drawn_as_one_line_each_with_their_name(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("train", run="elu_cnn-1", compare="elu_cnn-2")
    data = drawn_charts(page, "train-curves")
    assert data is not None
    assert [run["name"] for run in data["runs"]] == ["elu_cnn-1", "elu_cnn-2"]
    assert data["runs"][1]["columns"]["val_loss"] == [1.2, 0.6, 0.4, 0.3, 0.24]
    assert all(len(panel["figures"]) == 1 for panel in data["panels"])


def test_the_workspace_of_the_fixture_is_whole(folder: Path) -> None:
    assert isinstance(full_workspace(folder), Workspace)


@pytest.mark.parametrize(("recipe", "unfolded"), [("FAST", False), ("FIXMATCH", True)])
def test_unlabelled_cutouts_are_unfolded_where_the_recipe_looks_at_them(
    folder: Path, recipe: str, unfolded: bool
) -> None:
    full_workspace(folder)
    page = open_page("train", **{"train-recipe": recipe})
    folded = {one.label: one.proto.expanded for one in page.expander}
    assert folded["Unlabelled cutouts"] is unfolded


@pytest.mark.parametrize(
    ("bands", "said"),
    [
        (("g", "r", "i"), None),
        (("g", "r", "i", "z"), "It reads g, r, i, this version has g, r, i, z; split with only g, r, i."),
        (("r", "i"), "It reads g, r, i, this version has r, i."),
    ],
)
def test_the_starter_network_is_no_recipe_for_a_version_of_other_bands(
    folder: Path, bands: tuple[str, ...], said: str | None
) -> None:
    ws = full_workspace(folder)
    source = add_survey(ws, "banded", bands=bands)
    add_dataset(ws, source, "banded-v1")
    start = "new-run-BEST-equivariant_resnet-initial"
    page = open_page("train", dataset="banded-v1", **{"train-recipe": "BEST"})
    titles = page.radio(key="train-recipe").options
    assert any("trained further" in title for title in titles) == (said is None)
    shown = [text.value for text in page.markdown if "trained further" in text.value]
    assert [said is not None and said in text for text in shown] == ([] if said is None else [True])
    assert ("starter" in page.selectbox(key=start).options) == (said is None)


def test_of_the_starter_network_no_training_here_is_told(folder: Path) -> None:
    ws = full_workspace(folder)
    run = next(one.run for one in runs.list_statuses(ws) if one.name == "elu_cnn-1")
    assert "took 12 s" in summary_line(run)
    assert "ended" not in summary_line(run), "which its help says: the line takes two rows at 1280 pixels"
    assert ", ended " in circumstances(run)
    assert "parameters." in circumstances(replace(run, summary=run.summary | {"parameters": 317_665}))
    shipped = summary_line(replace(run, summary=run.summary | {"starter": True}))
    assert "comes with the program" in shipped
    assert "took" not in shipped
    assert "ended" not in circumstances(replace(run, summary=run.summary | {"starter": True}))


@pytest.mark.parametrize(
    ("shown_as", "by_now", "pressed", "told"),
    [
        ("running", "done", "pause", "is finished by now: there is nothing to pause."),
        ("running", "done", "stop", "is finished by now: there is nothing to stop."),
        ("paused", "queued", "resume", "waits in the queue by now: there is nothing to resume."),
    ],
)
def test_a_training_that_went_on_since_the_page_was_drawn_is_told_so(
    folder: Path, shown_as: str, by_now: str, pressed: str, told: str
) -> None:
    ws = full_workspace(folder)
    open_page("train").button(key="train-start").click().run()
    [job] = queue.list_jobs(ws.database)
    queue.update_job(ws.database, job, state=shown_as, heartbeat_at=time.time())
    page = open_page("train", run="elu_cnn-3")
    queue.update_job(ws.database, job, state=by_now)
    page.button(key=f"train-{pressed}").click().run()
    assert not page.exception
    assert any(notice.value.endswith(told) for notice in page.toast)


def test_the_next_run_begins_with_the_weights_of_the_last_one_and_says_where_that_had_none(
    folder: Path,
) -> None:
    ws = full_workspace(folder)
    start = {"train-recipe": "starter"}
    page = open_page("train", **start)
    assert page.selectbox(key="new-run-starter-equivariant_resnet-initial").value == "starter"
    page.number_input(key="new-run-starter-epochs").set_value(3).run()
    page.button(key="train-start").click().run()
    first = runs.run_status(ws, "equivariant_resnet-1").run
    assert first.spec["initial_run"] == "starter"
    page = open_page("train")
    assert page.radio(key="train-recipe").value == "starter"
    toggle = page.toggle(key="new-run-starter-as-last")
    assert toggle.label == "As in equivariant_resnet-1: epochs 3"
    assert page.selectbox(key="new-run-starter-equivariant_resnet-initial").value == "starter"
    page.selectbox(key="new-run-starter-equivariant_resnet-initial").set_value(None).run()
    page.button(key="train-start").click().run()
    assert runs.run_status(ws, "equivariant_resnet-2").run.spec["initial_run"] is None
    page = open_page("train", **start)
    toggle = page.toggle(key="new-run-starter-as-last")
    assert toggle.label == "As in equivariant_resnet-2: from scratch, epochs 3"
    assert page.selectbox(key="new-run-starter-equivariant_resnet-initial").value is None
    like = {"train-recipe": "like equivariant_resnet-1", "run": "equivariant_resnet-1"}
    page = open_page("train", **like)
    key = "new-run-like equivariant_resnet-1-equivariant_resnet-initial"
    assert page.selectbox(key=key).value == "starter"


def test_what_goes_with_weights_that_are_not_to_be_had_is_that_of_the_recipe(folder: Path) -> None:
    ws = full_workspace(folder)
    first = {"initial_run": "lost", "epochs": 2, "learning_rate": 1e-5, "optimizer": "sgd"}
    spec = PRESETS["FAST"].spec.saved() | first
    version = runs.run_status(ws, "elu_cnn-1").run.dataset_id
    create_run(ws.database, name="further", dataset_id=version, model="elu_cnn", spec=spec)
    page = open_page("train", run="further")
    assert page.toggle(key="new-run-FAST-as-last").label == "As in further: optimiser SGD"
    assert page.number_input(key="new-run-FAST-epochs").value == PRESETS["FAST"].spec.epochs
    said = [one.value for one in page.caption]
    assert any("further began with the weights of lost, which are not to be had" in one for one in said)
    page = open_page("train", **{"train-recipe": "like further", "run": "further"})
    assert page.number_input(key="new-run-like further-epochs").value == PRESETS["FAST"].spec.epochs
    said = [one.value for one in page.caption]
    assert any("weights of lost: here from scratch, with learning rate" in one for one in said)


@pytest.mark.parametrize(("room", "key"), [("train", "train-start"), ("experiments", "kfold-start")])
def test_why_a_training_cannot_start_stands_beside_its_button(folder: Path, room: str, key: str) -> None:
    full_workspace(folder)
    page = open_page(room)
    [epochs] = [one for one in page.number_input if str(one.key).endswith("FAST-epochs")]
    epochs.set_value(0).run()
    page.button(key=key).click().run()
    [bar] = [one for one in blocks_of(page.main) if "train-form-start" in getattr(one.proto, "id", "")]
    assert [one.value for one in bar.error] == [page.error[0].value]


def blocks_of(block: Block) -> Iterator[Block]:
    """Return a container of a page and all in it."""
    yield block
    for child in block.children.values():
        if isinstance(child, Block):
            yield from blocks_of(child)


def test_all_that_is_wrong_is_named_at_the_button_and_below_the_rows(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("train")
    fields = {one.label: one for one in page.number_input}
    fields["Epochs"].set_value(0)
    fields["Learning rate"].set_value(99.0)
    next(one for one in page.text_input if one.label == "Name").set_value("../bäd name/<b>").run()
    below = [one.value for one in page.caption if one.value.startswith(":red[")]
    assert any("Epochs: " in one for one in below)
    assert any("Learning rate: " in one for one in below)
    page.button(key="train-start").click().run()
    [refused] = page.error
    for name in ("Epochs", "Learning rate", "bäd name"):
        assert name in refused.value
