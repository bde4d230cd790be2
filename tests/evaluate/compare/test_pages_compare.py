"""The Compare page, run by Streamlit's own test harness inside the frame, and its figures."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lensapp import jobs
from lensapp.services.evaluate import differences
from lensapp.services.evaluate.compare import side_by_side
from lensapp.services.evaluate.compare.scatter import scatter
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.train import job_control
from lensapp.services.train.comparisons import compared_in, compared_runs
from lensapp.storage import datasets, queue, reviews, runs, sources, studies
from lensapp.storage.evaluations import StoredEvaluation, load_evaluation, save_evaluation
from lensapp.storage.records import Dataset
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.compare import compare_figures
from lensapp.ui.evaluate.compare.compare_forms import MADE, chosen_words
from lensapp.ui.evaluate.compare.compare_page import accuracy_words, measured_on, titled
from lensapp.ui.evaluate.compare.side_figures import scatter_figure
from lensapp.ui.evaluate.evaluation_figures import roc_figure, smallest_rate
from lensapp.ui.shared.widgets import in_one_unit, number, rounded_count, size_in_words
from support.pages_workspace import (
    add_dataset,
    add_evaluation,
    add_fold,
    add_run,
    add_survey,
    figures_of,
    full_workspace,
    open_page,
)


def compared_workspace(folder: Path) -> Workspace:
    """The round gone through once, and a comparison of its two runs with one that failed."""
    ws = full_workspace(folder)
    dataset = datasets.get_dataset(ws.database, "sky-v1")
    failed = add_run(ws, dataset, "small-vgg16")
    runs.update_run(ws.database, failed.id, state="failed", summary={})
    study = studies.create_study(
        ws.database, name="small", kind="comparison", dataset_id=dataset.id, spec={"training": {"epochs": 5}}
    )
    studies.update_study(ws.database, study.id, state="finished")
    for place, name in enumerate(("elu_cnn-1", "elu_cnn-2", "small-vgg16")):
        run = runs.get_run(ws.database, name)
        reason = "Expected cutouts of at least 32×32 pixels." if name == failed.name else ""
        studies.add_run(
            ws.database, study.id, run.id, place=place, info={"label": f"row {place}", "reason": reason}
        )
    return ws


def test_an_empty_workspace_asks_for_a_split(folder: Path) -> None:
    page = open_page("compare")
    assert any("No dataset to compare networks on yet" in text.value for text in page.markdown)


def test_a_comparison_is_drawn_tabulated_and_its_failure_told(folder: Path) -> None:
    compared_workspace(folder)
    page = open_page("compare", view="costs")
    assert len(figures_of(page)) == 1
    assert any("nothing to draw: row 0, row 1 (parameters not recorded)." in info.value for info in page.info)
    table = page.dataframe[0].value
    assert list(table["network"]) == ["row 0", "row 1", "row 2"]
    assert {"accuracy", "AUROC", "scatter under rotation", "training time"} <= set(table.columns)
    assert "TPR10" not in table.columns  # nine non-lenses do not tell it
    assert any("row 2** failed: Expected cutouts" in warning.value for warning in page.warning)
    assert page.query_params["study"] in ("small", ["small"])
    page.get_by_key("compare-merit").set_value("auroc").run()
    page.get_by_key("compare-cost").set_value("seconds").run()
    assert not page.exception
    assert len(figures_of(page)) == 2
    assert any("AUROC by run" in text.value for text in page.markdown)


def test_the_threshold_of_the_accuracy_is_named_with_who_accepts_nothing_there(folder: Path) -> None:
    ws = full_workspace(folder)
    row = compared_runs(ws, ["elu_cnn-1"])[0]
    confusion = runs.get_run(ws.database, "elu_cnn-1").evaluation["confusion"]
    assert row.accepted == confusion["tp"] + confusion["fp"] > 0
    assert accuracy_words([row]) == "accuracy at score ≥ 0.5"
    blind, unmeasured = replace(row, label="blind", accepted=0), replace(row, accepted=None, n=None)
    assert accuracy_words([row, blind]).startswith("accuracy at score ≥ 0.5, where blind accepts nothing, so")
    assert (accuracy_words([unmeasured]), measured_on(ws, [unmeasured])) == ("", "")
    assert titled(replace(row, label="FAST")).label == "Fast: ELU CNN"
    assert titled(replace(row, label="S1")).label == "Lens CNN (Ivashkov 2022)"
    assert titled(row) == row


def test_what_runs_were_measured_on_is_told_by_the_cutouts_not_by_the_version(folder: Path) -> None:
    ws = full_workspace(folder)
    second = add_dataset(ws, sources.get_source(ws.database, "sky"), "sky-v2")
    run = add_run(ws, second, "fed-back")
    add_evaluation(ws, run, second)
    names = ["fed-back", "elu_cnn-1"]
    same = "test part of sky-v1, sky-v2: n = 12, 3 of them lenses (the same cutouts)"
    assert measured_on(ws, compared_runs(ws, names)) == same
    assert measured_on(ws, compared_runs(ws, names[1:])) == "test part of sky-v1: n = 12, 3 of them lenses"
    stored = load_evaluation(ws.run_folder("fed-back"), "test")
    others = replace(stored, cutout_ids=stored.cutout_ids - 1)
    save_evaluation(ws.run_folder("fed-back"), "test", others)
    told = measured_on(ws, compared_runs(ws, names))
    assert told.endswith("3 of them lenses; not the same cutouts: compare with care")


def test_a_fold_is_not_the_second_run_that_is_proposed_to_be_evaluated(folder: Path) -> None:
    ws = Workspace.open(folder)
    dataset = add_dataset(ws, add_survey(ws))
    add_run(ws, dataset, "elu_cnn-1")
    add_fold(ws, dataset)
    assert open_page("compare").button(key="compare-to-missing").label == "Evaluate elu_cnn-1"


def add_up(dataset: Dataset) -> dict[str, str]:
    """The cutouts of each part that has some, as a table says them."""
    sizes = {part: sum(counts.values()) for part, counts in dataset.counts.items()}
    return {part: str(size) for part, size in sizes.items() if size}


def test_a_new_comparison_is_queued_with_its_budget(folder: Path) -> None:
    ws = compared_workspace(folder)
    page = open_page("compare", compare="elu_cnn-2,elu_cnn-1", view="costs")
    assert list(page.dataframe[0].value["network"]) == ["elu_cnn-2", "elu_cnn-1"]
    page.button_group(key="compare-view").set_value("new").run()
    planned, parts = (one.value for one in page.dataframe)  # no table of a comparison made before
    assert planned["network"].tolist()[1].startswith("Best: Equivariant ResNet")
    assert planned["parameters"].tolist()[1] == "89.8\u202fk"
    counts = add_up(datasets.list_datasets(ws.database)[0])
    assert dict(zip(parts["part"], parts["cutouts"], strict=True)) == counts
    primary = [one.key for one in page.button if one.proto.type == "primary"]
    assert primary == ["compare-start"]
    assert page.multiselect(key="compare-networks").value == ["FAST", "BEST"]
    assert any("epochs: ≈ " in text.value and " in all" in text.value for text in page.caption)
    page.multiselect(key="compare-networks").set_value(["elu_cnn", "lens_cnn"])
    page.multiselect(key="compare-beside").set_value(["elu_cnn-1"])
    page.number_input(key="compare-epochs").set_value(3)
    page.checkbox(key="compare-baselines").check()
    page.run()
    planned = page.dataframe[0].value["network"].tolist()
    assert (planned[0], planned[-1], len(planned)) == ("ELU CNN", "elu_cnn-1", 11)
    page.button(key="compare-start").click().run()
    assert not page.exception
    assert page.query_params["view"] == "costs", "where it is followed"
    study = studies.get_study(ws.database, "comparison-1")
    assert study.spec["training"] == {"epochs": 3, "seed": 0}
    labels = [row.label for row in compared_in(ws, study)]
    assert (labels[:2], labels[-1], len(labels)) == (["elu_cnn", "lens_cnn"], "elu_cnn-1", 11)
    assert [job.kind for job in queue.list_jobs(ws.database)] == ["compare"]


def test_recipes_of_another_task_are_not_compared_nor_are_all_chosen_at_once(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("compare", view="new")
    offered = page.multiselect(key="compare-networks").options
    assert "Lens CNN (Ivashkov 2022)" in offered
    assert not {"Morphological classes (Bom 2018)", "Lens parameters (Bom 2018)"} & set(offered)
    for key in ("compare-networks", "compare-beside"):
        assert page.multiselect(key=key).proto.select_all == 0, "Enter would choose every one of them"


def test_nothing_chosen_is_refused_with_a_remedy(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("compare", view="new")
    page.multiselect(key="compare-networks").set_value([])
    page.button(key="compare-start").click().run()
    assert any("nothing to compare. Name networks" in error.value for error in page.error)


def test_runs_are_sorted_with_the_best_on_top_and_carry_their_intervals(folder: Path) -> None:
    ws = full_workspace(folder)
    first, second = compared_runs(ws, ["elu_cnn-1", "elu_cnn-2"])
    better = replace(second, accuracy=0.99, accuracy_low=0.9, accuracy_high=1.0, kind="committee")
    figure = compare_figures.bar_figure([better, first], "accuracy", colours=["#000"] * 8, ink="#fff")
    assert list(figure.layout.yaxis.categoryarray) == ["elu_cnn-1", "elu_cnn-2"]
    bars = {trace.name: trace.error_x for trace in figure.data if trace.error_x.array}
    assert bars[better.label].array[0] == pytest.approx(0.01)
    assert bars[better.label].color == "#000"
    scatter = replace(first, rotation_std=0.2), replace(second, rotation_std=0.1)
    figure = compare_figures.bar_figure(scatter, "rotation_std", colours=["#000"] * 8, ink="#fff")
    assert list(figure.layout.yaxis.categoryarray) == ["elu_cnn-1", "elu_cnn-2"]
    first = replace(first, tpr10=0.776)
    known = replace(first, tpr10_low=0.54, tpr10_high=1.0)
    assert compare_figures.interval_of(known, "tpr10") == (0.54, 1.0)
    assert compare_figures.interval_of(first, "tpr10") == (first.tpr10, first.tpr10)  # of another method none


def test_limits_of_tpr10_are_those_of_the_evaluation_and_costs_follow_the_figure(folder: Path) -> None:
    ws = full_workspace(folder)
    for name in ("elu_cnn-1", "elu_cnn-2"):
        one = runs.get_run(ws.database, name)
        limits = {
            "tpr10": {"value": 0.776, "low": 0.543, "high": 1.0},
            "auroc": {"value": 0.6, "low": 0.6 if name == "elu_cnn-1" else 0.4, "high": 0.8},
        }
        evaluation = one.evaluation or {}
        told = evaluation | {"n": 40, "tpr10": 0.776, "intervals": limits}
        costs = one.summary | {"parameters": 1000}
        runs.update_run(ws.database, one.id, evaluation=told, summary=costs)
    rows = compared_runs(ws, ["elu_cnn-1", "elu_cnn-2"])
    assert compare_figures.interval_of(rows[0], "tpr10") == (0.543, 1.0)
    page = open_page("compare", view="costs", study="", compare="elu_cnn-1,elu_cnn-2", merit="tpr10")
    told = [text.value for text in page.markdown]
    assert "TPR10 against cost" in " ".join(told)
    assert ["chance, or worse: **elu_cnn-2**." in one.value for one in page.warning] == [True]
    assert any("95\u00a0% (resampling)" in text.value for text in page.caption)
    page.get_by_key("compare-merit").set_value("auroc").run()
    assert "AUROC against cost" in " ".join(text.value for text in page.markdown)


def test_costs_are_written_as_round_numbers_and_names_of_near_points_apart() -> None:
    assert compare_figures.cost_ticks([317_665, 1_693_765]) == [2e5, 5e5, 1e6, 2e6]
    assert compare_figures.cost_ticks([5e3, 5e7]) == [1e4, 1e5, 1e6, 1e7, 1e8]
    assert [rounded_count(count) for count in (50, 317_665, 1e6)] == ["50", "318\u202fk", "1\u202fM"]
    names = ["a network", "another network", "a large network"]
    near = [1e5, 1.1e5, 1e7, 1e7], [0.50, 0.51, 0.5, 0.0], [*names, "the lowest"]
    assert compare_figures.name_positions(*near)[:3] == ["bottom center", "middle right", "middle left"]
    alone = compare_figures.name_positions(*(part[:3] for part in near))
    assert alone == ["middle right", "middle right", "middle left"]  # where the axis spans but these
    assert compare_figures.name_positions([1e5], [0.2], ["alone"]) == ["middle right"]
    facing = compare_figures.name_positions(
        [9e4, 3.2e5], [0.5, 0.5], ["Equivariant ResNet · BEST", "ELU CNN"]
    )
    assert facing == ["middle right", "middle right"]  # at one height: they would cover each other between


def test_names_are_placed_as_the_height_of_the_figure_has_room_for_them() -> None:
    near, names = ([1e5, 1e5, 2e6], [0.50, 0.44, 0.0]), ["a network", "another network", "a third"]
    tall, low = (compare_figures.name_positions(*near, names, height=height) for height in (600, 90))
    assert tall == ["middle right", "middle right", "middle right"]
    assert low != tall


def test_names_lie_on_no_bar() -> None:
    costs, shares, names = [1e5, 1.2e5, 1e6], [0.6, 0.9, 0.1], ["a network", "b", "c"]
    assert compare_figures.name_positions(costs, shares, names)[0] == "middle right"
    bars = [(0.55, 0.65), (0.3, 0.95), (0.1, 0.1)]  # that of the second stands where the first is named
    assert compare_figures.name_positions(costs, shares, names, bars=bars)[0] == "middle left"


def test_values_stand_above_their_points_and_names_apart_from_the_axis(folder: Path) -> None:
    rows = compared_runs(full_workspace(folder), ["elu_cnn-1", "elu_cnn-2"])
    figure = compare_figures.bar_figure(rows, "auroc", colours=["#000"] * 8, ink="#fff")
    [points] = [trace for trace in figure.data if trace.text]
    assert points.textposition == "top center"
    assert figure.layout.xaxis.rangemode is None  # near values are told apart
    assert all(text.endswith("\u2002") for text in figure.layout.yaxis.ticktext)


def test_of_many_points_those_that_no_cheaper_one_reaches_are_named(folder: Path) -> None:
    ws = full_workspace(folder)
    [run] = compared_runs(ws, ["elu_cnn-1"])
    shares = [0.1, 0.3, 0.2, 0.2, 0.9] + [0.05] * 15
    rows = [
        replace(run, label=f"net {place}", tpr10=share, parameters=1000 * (place + 1))
        for place, share in enumerate(shares)
    ]
    [points] = compare_figures.cost_figure(rows, "parameters", colours=["#000"] * 8, ink="#fff").data
    assert [name for name in points.text if name] == ["net 0", "net 1", "net 4"]
    assert compare_figures.unbeaten([10, 20], [0.5, 0.5], cost="images_per_second") == [True, True]
    assert compare_figures.unbeaten([10, 20], [0.4, 0.5], cost="images_per_second") == [False, True]


def test_a_single_run_leads_to_the_one_that_is_missing(folder: Path) -> None:
    ws = Workspace.open(folder)
    dataset = add_dataset(ws, add_survey(ws))
    page = open_page("compare")
    assert page.button(key="compare-to-missing").label == "Train a network"
    add_evaluation(ws, add_run(ws, dataset, "one"), dataset)
    page = open_page("compare")
    assert any("A second run is missing" in text.value for text in page.markdown)
    learning = runs.create_run(ws.database, name="two", dataset_id=dataset.id, model="elu_cnn", spec={})
    jobs.enqueue(ws.database, kind="train", title="Train two", payload={"run": "two"})
    page = open_page("compare")
    assert any("The second run is under way" in text.value for text in page.markdown)
    assert any("two waits to be trained" in text.value for text in page.markdown)
    page.button(key="compare-to-training").click().run()
    assert [title.value for title in page.title] == ["Train"]
    runs.update_run(ws.database, learning.id, state="failed")
    jobs.stop(ws.database, jobs.active(ws.database)[0].id)
    add_run(ws, dataset, "three")
    page = open_page("compare")
    button = page.button(key="compare-to-missing")
    assert button.label == "Evaluate three"
    button.click().run()
    assert [title.value for title in page.title] == ["Evaluate"]
    assert page.query_params["run"] in ("three", ["three"])
    assert job_control.latest_job(ws, "evaluate", run="three") is not None, "the button does what it says"
    page = open_page("compare")  # its job waits or runs: there is nothing to start, but something to follow
    assert "compare-to-missing" not in [button.key for button in page.button]
    told = " ".join(text.value for text in page.markdown)
    assert "one is evaluated, three is being evaluated." in told.replace("\\", "")
    assert "Evaluate three" in told, "the bar of the job"


def test_times_of_one_column_are_in_the_unit_of_the_longest() -> None:
    written = [list(map(in_one_unit(times), times)) for times in ([71, 123], [71, 5400], [600, 86400], [1.5])]
    assert written == [["71 s", "123 s"], ["1.2 min", "90.0 min"], ["0.2 h", "24.0 h"], ["1.5 s"]]


def test_numbers_have_thin_spaces_and_a_true_minus() -> None:
    assert [number(value) for value in (2000, -0.18, -1234, 0.5, 1780.4, -999.6, 43.21)] == [
        "2\u202f000",
        "−0.18",
        "−1\u202f234",
        "0.5",
        "1\u202f780",
        "−1\u202f000",
        "43.2",
    ]


def test_sizes_of_files_are_in_the_unit_in_which_they_are_read() -> None:
    sizes = (120, 25_900, 999_000, 2_540_000, 3.2e9)
    assert [size_in_words(int(size)) for size in sizes] == ["1 kB", "26 kB", "999 kB", "2.54 MB", "3.2 GB"]


def test_a_committee_just_made_leads_to_where_it_is_measured(folder: Path) -> None:
    ws = compared_workspace(folder)
    dataset = datasets.get_dataset(ws.database, "sky-v1")
    add_run(ws, dataset, "committee-1")
    page = open_page("compare", view="costs")
    assert not page.success
    page.session_state[MADE] = "committee-1"
    page.run()
    assert "committee-1 is ready" in page.success[0].value
    page.button(key="committee-to-evaluate").click().run()
    assert [title.value for title in page.title] == ["Evaluate"]
    assert page.query_params["run"] in ("committee-1", ["committee-1"])
    assert job_control.latest_job(ws, "evaluate", run="committee-1") is not None


def other_scores(ws: Workspace, run_name: str) -> None:
    """Let a run refuse what another accepts: the scores of its test part in the other order."""
    stored = load_evaluation(ws.run_folder(run_name), "test")
    turned = replace(stored, rotated_scores=stored.rotated_scores[::-1].copy())
    save_evaluation(ws.run_folder(run_name), "test", turned)


@pytest.fixture
def few_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test part of the small workspace has twelve cutouts."""
    monkeypatch.setattr(side_by_side, "FEWEST_SHARED", 10)
    monkeypatch.setattr(differences, "FEWEST_SHARED", 10)


@pytest.mark.usefixtures("few_shared")
def test_runs_are_laid_side_by_side_with_bands_and_a_table(folder: Path) -> None:
    ws = full_workspace(folder)
    other_scores(ws, "elu_cnn-2")
    page = open_page("compare", compare="elu_cnn-1,elu_cnn-2")
    assert any(
        "Both runs scored the same 12 cutouts, 3 of them lenses." in text.value for text in page.caption
    )
    assert len(figures_of(page)) == 2
    table = page.dataframe[0].value
    assert list(table["run"]) == ["elu_cnn-1", "elu_cnn-2"]
    assert {"AUROC", "average precision", "p (AUROC)"} <= set(table.columns)
    [said] = [one.value for one in page.markdown if one.value.startswith(":material/balance: **elu_cnn-")]
    assert "cannot be told apart" in said  # so that none has won a cup
    reference = next(one for one in page.selectbox if one.label == "p-values against")
    assert reference.value == table["run"][0]  # the best
    reference.set_value("elu_cnn-2").run()
    page.toggle(key="compare-linear").set_value(True).run()
    assert not page.exception
    assert page.dataframe[0].value["p (AUROC)"].isna().tolist() == [False, True]


@pytest.mark.usefixtures("few_shared")
def test_shared_false_positives_are_counted_and_open_in_the_gallery(folder: Path) -> None:
    ws = full_workspace(folder)
    other_scores(ws, "elu_cnn-2")
    page = open_page("compare", compare="elu_cnn-1,elu_cnn-2", view="overlap")
    page.number_input(key="compare-top-9").set_value(3).run()
    assert not page.exception
    [said] = [one.value for one in page.markdown if "accepted by either run" in one.value]
    [alone] = re.findall(r"\*\*(\d)\*\* only by \*\*elu_cnn-1\*\*", said)
    only = page.get_by_key("compare-set-non-lenses accepted")
    only.set_value("accepted only by elu_cnn-1").run()
    assert not page.exception
    page.button(key="review-compare-set").click().run()
    assert [title.value for title in page.title] == ["Inspect"]
    made = reviews.list_reviews(ws.database)[0]
    assert made.name.startswith("accepted-only-by-elu_cnn-1-non-lenses")
    assert len(reviews.queue_of(ws.database, made.id)) == int(alone)


@pytest.mark.usefixtures("few_shared")
def test_score_against_score_lists_what_the_runs_differ_on(folder: Path) -> None:
    ws = full_workspace(folder)
    other_scores(ws, "elu_cnn-2")
    page = open_page("compare", compare="elu_cnn-1,elu_cnn-2", view="scores")
    table = page.dataframe[0].value
    assert len(table) == 12
    ratios = (np.log(table["rank (elu_cnn-1)"] / table["rank (elu_cnn-2)"])).abs().tolist()
    assert ratios == sorted(ratios, reverse=True)
    assert np.log(table["ratio of ranks"]).tolist() == pytest.approx(ratios), "what it is sorted by is shown"
    first = table.sort_values("score (elu_cnn-1)", ascending=False)
    assert first["rank (elu_cnn-1)"].is_monotonic_increasing
    page.get_by_key("compare-kind").set_value("lens").run()
    assert not page.exception
    assert page.dataframe[0].value["label"].tolist() == ["lens"] * 3


@pytest.mark.usefixtures("few_shared")
def test_only_runs_that_share_cutouts_are_chosen_at_first_and_an_explicit_choice_is_told_why_not(
    folder: Path,
) -> None:
    ws = full_workspace(folder)
    other = add_dataset(ws, add_survey(ws, "other"), "other-v1")
    add_evaluation(ws, add_run(ws, other, "elsewhere"), other)
    page = open_page("compare")
    assert page.query_params["compare"] in ("elsewhere", ["elsewhere"])
    assert not page.error
    assert any("those of one dataset version" in info.value for info in page.info)
    page.multiselect(key="compare-runs").set_value(["elsewhere", "elu_cnn-1"]).run()
    assert any("were all measured on 0 cutouts" in error.value for error in page.error)
    page.multiselect(key="compare-runs").set_value(["elu_cnn-1"]).run()
    page.multiselect(key="compare-runs").set_value([]).run()
    page.run()
    assert page.multiselect(key="compare-runs").value == []
    page.query_params["compare"] = "elu_cnn-2,gone"  # as Back or a link says
    page.run()
    assert page.multiselect(key="compare-runs").value == ["elu_cnn-2"]
    newest_last = ["elu_cnn-2", "elsewhere", "elu_cnn-1"]
    assert side_by_side.first_together(ws, newest_last, most=8) == ["elu_cnn-2", "elu_cnn-1"]


def test_a_run_alone_says_what_the_views_need(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("compare", compare="elu_cnn-1")
    assert any("Choose two runs or more that tell lenses" in info.value for info in page.info)


def test_the_logarithmic_axis_begins_at_half_of_one_false_positive() -> None:
    assert smallest_rate(500) == 0.001
    curve = {"false_positive_rate": np.array([0.0, 0.002, 1.0]), "completeness": np.array([0.4, 0.6, 1.0]),
             "threshold": np.array([np.inf, 0.9, 0.1])}  # fmt: skip
    band = {
        "false_positive_rate": np.array([0.0, 1.0]),
        "low": np.array([0.3, 1.0]),
        "high": np.array([0.5, 1.0]),
    }
    figure = roc_figure({"r": curve}, colours=["#000000"], bands={"r": band}, smallest=0.001)
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.tickvals[:2] == (0.001, 0.002)
    assert figure.layout.xaxis.ticktext == ("0", "1/500", "10⁻²", "0.1", "1")
    line = next(trace for trace in figure.data if trace.name == "r")
    assert (line.x[0], line.y[0], line.customdata[0][1]) == (0.001, 0.4, 0.0)
    assert min(figure.data[0].x) == 0.001  # the band
    assert roc_figure({"r": curve}, colours=["#000000"]).layout.xaxis.type == "linear"


def test_above_some_thousand_cutouts_non_lenses_are_drawn_as_a_density() -> None:
    rng = np.random.default_rng(2)
    labels = np.arange(9_000) % 9 == 0
    both = []
    for name in ("a", "b"):
        scores = rng.uniform(0, 1, 9_000).astype(np.float32)[:, None]
        stored = StoredEvaluation(np.arange(9_000), labels, scores, {})
        both.append(Evaluation(run=name, part="test", outdated=False, stored=stored))
    compared = side_by_side.laid_together(tuple(both))
    drawn = scatter(compared, 0, 1)
    assert drawn.density is not None
    assert drawn.density.sum() == 8_000
    assert len(drawn.lenses) == 1_000
    colours = {"lens": "#e69f00", "nonlens": "#56b4e9"}
    figure = scatter_figure(compared, drawn, runs=(0, 1), colours=colours)
    assert figure.data[0].type == "heatmap"
    marks = figure.data[1]
    assert compared.labels[marks.customdata].sum() == 0
    ratio = compared.ranks[0, marks.customdata] / compared.ranks[1, marks.customdata]
    assert abs(np.log(ratio)).min() > 1


def test_the_chosen_runs_stand_in_one_row_however_many_they_are() -> None:
    assert chosen_words([]) == "Choose runs"
    assert chosen_words(["first", "second"]) == "**2 runs:** first, second"
    seeds = [f"simple-cnn-recommended-seed-{place}" for place in range(8)]
    words = chosen_words(["first", *seeds])
    assert words == "**9 runs:** first, simple-cnn-re…ended-seed-0 and 7 more"
    assert len(words) <= 60
