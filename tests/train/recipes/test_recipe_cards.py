"""Cards of recipes: what is offered in which order, and how long a training will take."""

from dataclasses import replace
from pathlib import Path

import pytest

from lensapp.core.processors import processors
from lensapp.core.train.recommended import MEASURED
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train.durations import BEGIN_SECONDS, Duration, epochs_of, paces_of
from lensapp.storage import datasets, queue, runs, tables
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.widgets import duration_span
from lensapp.ui.train.recipe_cards import (
    HEADINGS,
    MEANING,
    figures_line,
    opening,
    recipes_offered,
)
from lensapp.ui.train.training_time import NO_EPOCHS, start_words, time_in_all, time_words
from support.pages_workspace import add_dataset, add_run, add_survey


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    ws = Workspace.open(tmp_path_factory.mktemp("cards") / "workspace")
    dataset = add_dataset(ws, add_survey(ws))
    for name, seconds in (("old", 60.0), ("new", 12.0)):
        run = add_run(ws, dataset, name)
        runs.update_run(ws.database, run.id, summary=run.summary | {"seconds": seconds})
    return ws


def test_recommended_recipes_come_first_then_todays_then_those_of_the_documents(ws: Workspace):
    offered = list(recipes_offered(runs.get_run(ws.database, "new")).values())
    assert [one.name for one in offered[:2]] == ["FAST", "BEST"]
    groups = [one.group for one in offered]
    assert groups == sorted(groups)
    assert {HEADINGS[group] for group in groups} == set(HEADINGS)
    assert offered[-1].name == "like new"
    for recipe in offered:
        TrainingSpec.parse(recipe.spec)


def test_the_newest_training_tells_how_long_the_next_will_take(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    paces = paces_of(ws, runs.list_runs(ws.database))
    time = paces.expected({"network": "elu_cnn", "epochs": 20}, dataset)
    assert time is not None
    assert time.measured
    assert time.seconds == pytest.approx(BEGIN_SECONDS + 4 * 12.0)  # four times its five epochs
    assert time.slowest == pytest.approx(BEGIN_SECONDS + 4 * 60.0)  # as the one before it was
    larger = replace(dataset, counts={"train": {"lens": 30, "nonlens": 10}})
    assert paces.expected({"network": "elu_cnn", "epochs": 5}, larger).seconds == pytest.approx(
        BEGIN_SECONDS + 2 * 12.0
    )
    assert time_words(time) == "≈ 58 s"
    assert (
        time_in_all([time] * 5, epochs=20) == "5 trainings of 20 epochs: ≈ 4 min in all."
    )  # libraries are loaded once: 10 + 5 * 48 s
    quick = replace(time, seconds=30.0, begin=10.0)  # of each most is loading: why five take no 150 s
    assert time_in_all([quick] * 5, epochs=1) == (
        "5 trainings of 1 epoch: ≈ 2 min in all, with loading and saving, 10 s, only once."
    )
    assert time_in_all([time] * 5, epochs=20, at_most=60.0) == "≈ 60 s in all."
    assert time_in_all([time, None], epochs=20) == (
        "1 training of 20 epochs: ≈ 58 s in all, and 1 network not trained here yet."
    )
    split = replace(dataset, counts={"train": {"lens": 12}, "validation": {"lens": 8}})
    halves = paces.expected({"network": "elu_cnn", "epochs": 20}, split, folds=2)
    assert halves.seconds == pytest.approx(BEGIN_SECONDS + 4 * 12.0 * 10 / 20)  # on ten of twenty cutouts


def test_without_an_earlier_training_the_demo_survey_tells_it_or_nobody(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    paces = paces_of(ws, [])
    time = paces.expected({"network": "lenet5", "epochs": 40}, dataset)
    assert time is not None
    assert not time.measured
    share = 20 / 1120 * (12 * 12) / (64 * 64)  # of the demo's cutouts, and of their pixels
    assert time.seconds == pytest.approx(BEGIN_SECONDS + 31 * share / min(processors(), 8))
    assert time.slowest - BEGIN_SECONDS == pytest.approx(6 * (time.seconds - BEGIN_SECONDS))
    assert time.guessed
    assert paces.expected({"network": "vgg16", "epochs": 40}, dataset) is None
    assert time_words(None) == "time unknown"
    on_gpu = replace(paces, on_processor=False)
    assert on_gpu.expected({"network": "lenet5", "epochs": 40}, dataset) is None
    contrastive = {"network": "elu_cnn", "epochs": 5, "task": {"kind": "contrastive"}}
    assert paces.expected(contrastive, dataset) is None


def test_networks_not_trained_here_are_as_much_slower_as_the_one_that_was(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    asked = {"network": "lenet5", "epochs": 40}
    by_demo = paces_of(ws, []).expected(asked, dataset).seconds - BEGIN_SECONDS
    of_demo = paces_of(ws, []).expected({"network": "elu_cnn", "epochs": 5}, dataset).seconds - BEGIN_SECONDS
    time = paces_of(ws, runs.list_runs(ws.database)).expected(asked, dataset)
    assert not time.measured
    assert time.seconds - BEGIN_SECONDS == pytest.approx(
        by_demo * 12.0 / of_demo
    )  # its five epochs took 12 s


def test_the_latest_epochs_of_a_training_under_way_tell_how_long_the_next_takes(tmp_path: Path):
    ws = Workspace.open(tmp_path / "workspace")
    dataset = add_dataset(ws, add_survey(ws))
    add_run(ws, dataset, "quick")  # 12 s for five epochs
    spec = TrainingSpec(epochs=40)
    slow = runs.create_run(
        ws.database, name="slow", dataset_id=dataset.id, model=spec.network, spec=spec.saved()
    )
    runs.update_run(ws.database, slow.id, state="running")

    def expected_after(*seconds: float) -> Duration:
        for epoch, ended in enumerate(seconds, 1):
            runs.put_metrics(ws.database, slow.id, epoch, {"seconds": ended, "device": "cpu:0"})
        paces = paces_of(ws, [runs.get_run(ws.database, "slow"), runs.get_run(ws.database, "quick")])
        return paces.expected({"network": "elu_cnn", "epochs": 20}, dataset)

    begun = expected_after(30.0)  # it compiles the network: no more than that is known
    assert (begun.seconds, begun.by_epochs_of) == (pytest.approx(BEGIN_SECONDS + 20 * 12.0 / 5), None)
    # By hand: after the first its epochs took 4, 6, 90, 8, 6 and 7 s; the median of the last five is 7.
    going = expected_after(30.0, 34.0, 40.0, 130.0, 138.0, 144.0, 151.0)
    assert (going.seconds, going.by_epochs_of) == (pytest.approx(BEGIN_SECONDS + 20 * 7.0), "slow")


def test_what_the_last_trainings_took_beside_their_epochs_is_counted_in(tmp_path: Path):
    ws = Workspace.open(tmp_path / "workspace")
    dataset = add_dataset(ws, add_survey(ws))
    recipe = {"network": "elu_cnn", "epochs": 5}
    for name, around in (("old", 90.0), ("one", 31.0), ("two", 33.0), ("new", 39.0)):
        run = add_run(ws, dataset, name)  # 12 s for five epochs
        train_job(ws, run.name, lasted=12.0 + around, attempts=1)
    train_job(ws, "resumed", lasted=500.0, attempts=2)  # the pause counts too
    paces = paces_of(ws, runs.list_runs(ws.database))
    # By hand: of the newest three, 31, 33 and 39 s, the middle one.
    assert paces.begin == pytest.approx(33.0, abs=0.1)
    assert paces.expected(recipe, dataset).seconds == pytest.approx(33.0 + 12.0, abs=0.1)


def train_job(ws: Workspace, run: str, *, lasted: float, attempts: int) -> None:
    """Store a job that trained a run, ended after so many seconds and was taken up so many times."""
    job = queue.add_job(ws.database, kind="train", title=f"Train {run}", payload={"run": run})
    with ws.database.write() as connection:
        ended = {"state": "done", "attempt": attempts, "started_at": 100.0, "finished_at": 100.0 + lasted}
        changed = tables.jobs.update().where(tables.jobs.c.id == job.id)
        connection.execute(changed.values(result={"seconds": 12.0}, **ended))


def test_a_card_tells_what_was_measured_of_the_network_it_trains():
    offered = recipes_offered(None)
    assert f"AUROC {MEASURED['elu_cnn'].auroc:.2f} ·" in figures_line(offered["FAST"], None, None)
    assert "AUROC" not in figures_line(offered["starter"], None, None)  # which has learned from other data
    assert "AUROC" not in figures_line(offered["S3-classes"], None, None)
    assert "AUROC" not in figures_line(offered["FIXMATCH"], None, None)  # measured with all labels


def test_a_card_names_the_epochs_of_its_recipe_in_a_line_of_the_form_at_1280_pixels():
    offered = recipes_offered(None)
    best = offered["BEST"]
    line = figures_line(best, Duration(4_200.0, measured=True), 89_800)
    assert line == f"AUROC 0.97 · {best.spec['epochs']} epochs ≈ 70 min · 89.8\u202fk param."
    assert len(line) <= 49  # letters that the form has room for
    assert figures_line(replace(best, spec=best.spec | {"epochs": 1}), None, None).endswith(
        "· 1 epoch · time unknown"
    )


def test_a_card_fits_two_short_lines_and_what_is_said_of_it_names_its_source():
    offered = recipes_offered(None)
    assert all(len(figures_line(recipe, None, 123_456_789)) <= 64 for recipe in offered.values())
    assert offered["FIXMATCH"].text.startswith("Sohn et al. 2020, FixMatch.")


def test_a_card_tells_the_parameters_for_the_cutouts_chosen(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    recipe, paces = recipes_offered(None)["FAST"], paces_of(ws, [])
    demo = replace(paces, shapes=dict.fromkeys(dataset.source_ids, (64, 64)))
    three = replace(dataset, bands=("g", "r", "i"))
    assert demo.parameters_of(recipe.spec, three) == 415_969
    assert figures_line(recipe, None, 415_969).endswith("time unknown · 416\u202fk param.")
    cropped = recipe.spec | {"input": {"crop_pixels": 40}}
    smaller = replace(paces, shapes=dict.fromkeys(dataset.source_ids, (40, 40)))
    assert demo.parameters_of(cropped, three) == smaller.parameters_of(recipe.spec, three) < 415_969
    wider = {"network_options": {"filters": 64}}
    assert demo.parameters_of(recipe.spec | wider, three) is None
    usual = {"network_options": {"filters": 32, "dropout": 0.1}}
    assert demo.parameters_of(recipe.spec | usual, three) == 415_969
    assert demo.parameters_of(recipe.spec | {"input": {"crop_pixels": 99}}, three) is None


@pytest.mark.parametrize(
    ("text", "most", "seen"),
    [
        ("A small network, averaged weights, clipped gradients.", 40, "A small network, averaged weights …"),
        ("Blocks: rotations never change a score.", 60, "Blocks: rotations never change a score."),
        ("One long phrase without an end", 20, "One long phrase …"),
    ],
)
def test_what_is_said_of_a_recipe_ends_at_a_whole_phrase(text: str, most: int, seen: str):
    assert opening(text, most) == seen


def test_the_words_of_a_time_tell_only_what_it_goes_by():
    guess = Duration(70.0, measured=False, slowest=10.0 + 6 * 60.0, begin=10.0)
    assert start_words(guess, epochs=30) == (
        "30 epochs: 1–6 min, depending on this machine: nothing was trained on it yet. "
        "The first epochs will tell."
    )
    assert time_words(guess) == "1–6 min"
    assert time_in_all([guess, guess], epochs=30) == (
        "2 trainings of 30 epochs: 2–12 min in all: none was trained on this machine yet."
    )
    best = figures_line(recipes_offered(None)["BEST"], guess, 89_800)
    assert best == "AUROC 0.97 · 30 epochs, 1–6 min · 89.8\u202fk param."
    assert [duration_span(*one) for one in ((20, 80), (5_000, 20_000), (50, 50))] == [
        "20–80 s", "1.4–5.6 h", "50 s",
    ]  # fmt: skip
    others = replace(guess, others=True)
    assert "the demo survey and what other networks took here;" in start_words(others, epochs=30)
    again = Duration(50.0, measured=True, begin=27.0)  # beside a training that took 23 s
    assert start_words(again, epochs=5) == (
        "5 epochs: ≈ 50 s here, 27 s of it loading and saving, going by its last training."
    )
    assert "loading" not in start_words(replace(again, begin=5.0), epochs=5)


def test_only_where_other_networks_were_trained_here_they_tell_the_time(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    asked = {"network": "lenet5", "epochs": 20}
    assert not paces_of(ws, []).expected(asked, dataset).others
    assert paces_of(ws, runs.list_runs(ws.database)).expected(asked, dataset).others


def test_a_card_and_the_form_tell_one_time_which_counts_loading_and_saving() -> None:
    time = Duration(400.0, measured=True, begin=120.0)
    recipe = recipes_offered(None)["FAST"]
    epochs = epochs_of(recipe.spec)
    assert start_words(time, epochs=epochs).startswith(f"{epochs} epochs: {time_words(time)} here")
    assert f"{epochs} epochs {time_words(time)}" in figures_line(recipe, time, None)
    assert f"{epochs} epochs: {time_words(time)} in all" in time_in_all([time], epochs=epochs)
    assert "loading and saving included" in MEANING


def test_without_epochs_the_network_is_not_said_to_be_unknown(ws: Workspace) -> None:
    [dataset] = datasets.list_datasets(ws.database)
    paces = paces_of(ws, runs.list_runs(ws.database))
    for entered in (0, -3, None):
        recipe = {"network": "elu_cnn", "epochs": entered}
        assert paces.expected(recipe, dataset) is None
        assert start_words(None, epochs=epochs_of(recipe)) == NO_EPOCHS
        assert time_in_all([None], epochs=epochs_of(recipe)) == NO_EPOCHS
    usual = TrainingSpec.model_fields["epochs"].default
    left_open = paces.expected({"network": "elu_cnn"}, dataset)
    assert left_open == paces.expected({"network": "elu_cnn", "epochs": usual}, dataset) is not None
