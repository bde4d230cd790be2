"""Cards of recipes: what is offered in which order, and how long a training will take."""

import os
from dataclasses import replace

import pytest

from lensapp.core.train.recommended import DEMO_PIXELS, MEASURED, PARAMETERS
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train.durations import BEGIN_SECONDS, Size, paces_of
from lensapp.storage import datasets, runs
from lensapp.storage.workspace import Workspace
from lensapp.ui.train.recipe_cards import HEADINGS, figures_line, opening, recipes_offered, time_words
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
    larger = replace(dataset, counts={"train": {"lens": 30, "nonlens": 10}})
    assert paces.expected({"network": "elu_cnn", "epochs": 5}, larger).seconds == pytest.approx(
        BEGIN_SECONDS + 2 * 12.0
    )
    assert time_words(time) == "≈ 58 s"


def test_without_an_earlier_training_the_demo_survey_tells_it_or_nobody(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    paces = paces_of(ws, [])
    time = paces.expected({"network": "lenet5", "epochs": 40}, dataset)
    assert time is not None
    assert not time.measured
    share = 20 / 1120 * (12 * 12) / (64 * 64)  # of the demo's cutouts, and of their pixels
    assert time.seconds == pytest.approx(BEGIN_SECONDS + 31 * share / min(os.cpu_count() or 1, 8))
    assert paces.expected({"network": "vgg16", "epochs": 40}, dataset) is None
    assert time_words(None) == "time unknown"
    on_gpu = replace(paces, on_processor=False)
    assert on_gpu.expected({"network": "lenet5", "epochs": 40}, dataset) is None
    contrastive = {"network": "elu_cnn", "epochs": 5, "task": {"kind": "contrastive"}}
    assert paces.expected(contrastive, dataset) is None


def test_a_card_tells_what_was_measured_of_the_network_it_trains():
    offered = recipes_offered(None)
    assert f"AUROC {MEASURED['elu_cnn'].auroc:.2f} (demo) ·" in figures_line(offered["FAST"], None, None)
    assert "AUROC" not in figures_line(offered["starter"], None, None)  # which has learned from other data
    assert "AUROC" not in figures_line(offered["S3-classes"], None, None)
    assert "AUROC" not in figures_line(offered["FIXMATCH"], None, None)  # measured with all labels


def test_a_card_fits_two_short_lines_and_what_is_said_of_it_names_its_source():
    offered = recipes_offered(None)
    assert all(len(figures_line(recipe, None, None)) <= 60 for recipe in offered.values())
    assert offered["FIXMATCH"].text.startswith("Sohn et al. 2020, FixMatch.")


def test_a_card_tells_the_parameters_that_a_run_on_the_same_cutouts_has(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    [first, *_] = runs.list_runs(ws.database)
    recipe = recipes_offered(None)["FAST"]
    nothing_known = paces_of(ws, []).size_of(recipe.spec, dataset)
    assert nothing_known == Size(PARAMETERS["elu_cnn"], exact=False)
    assert figures_line(recipe, None, nothing_known).endswith("≈ 318\u202fk parameters at its usual size")
    counted = replace(first, summary=first.summary | {"parameters": 12_345})
    assert paces_of(ws, [counted]).size_of(recipe.spec, dataset) == Size(12_345, exact=True)
    of_classes = recipe.spec | {"task": {"kind": "classes"}}
    assert paces_of(ws, [counted]).size_of(of_classes, dataset) == nothing_known
    assert paces_of(ws, [counted]).size_of(recipe.spec | {"network_options": {"a": 1}}, dataset) is None
    demo = replace(paces_of(ws, []), pixels=dict.fromkeys(dataset.source_ids, DEMO_PIXELS))
    of_demo = demo.size_of(recipe.spec, replace(dataset, bands=("g", "r", "i")))
    assert of_demo == Size(MEASURED["elu_cnn"].parameters, exact=True)


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
