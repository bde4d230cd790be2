"""The Features page, run by Streamlit's own test harness inside the frame."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from lensapp import jobs
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.inspect.acquisition import runs_that_scored
from lensapp.services.inspect.consensus import grades_of
from lensapp.services.score import features, map_density
from lensapp.services.score.map_density import map_points
from lensapp.services.score.scores import aligned_scores
from lensapp.services.train.runs import start_training
from lensapp.storage import queue, runs, sources
from lensapp.storage.features import FeatureMap, features_folder, open_store, save_map
from lensapp.storage.files import checksum_of
from lensapp.storage.workspace import Workspace
from lensapp.ui.score import feature_map
from lensapp.ui.score.selection import best_first, selection_words, weak_clusters
from lensapp.ui.shared.markup import guard_figure
from support.pages_workspace import (
    COUNT,
    add_dataset,
    add_run,
    add_survey,
    figures_of,
    full_workspace,
    open_page,
    sheets_of,
)
from support.small_surveys import pack_source


def add_map(ws: Workspace, run_name: str = "elu_cnn-2") -> None:
    """Store features of the source "sky" and a map with two clusters and an outlier."""
    source = sources.get_source(ws.database, "sky")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    place = features_folder(ws, run_name, "sky")
    checksum = checksum_of(ws.run_folder(run_name) / "best.keras")
    open_store(place, ids, 2, checksum=checksum).advance(COUNT)
    clusters = np.array([-1] + [0] * 25 + [1] * 14, np.int32)
    positions = np.random.default_rng(0).normal(size=(COUNT, 2)).astype(np.float32)
    save_map(place, "pca", FeatureMap(ids, positions, clusters, {}))


def test_an_empty_workspace_says_what_to_do_first(folder: Path) -> None:
    page = open_page("features")
    assert any("No map yet" in text.value for text in page.markdown)


def test_a_map_is_started_from_its_form(folder: Path) -> None:
    ws = Workspace.open(folder)
    add_run(ws, add_dataset(ws, add_survey(ws)), "elu_cnn-1")
    page = open_page("features")
    assert any("Distances between groups mean little" in text.value for text in page.caption)  # of UMAP
    page.button_group(key="map-first-elu_cnn-1-sky-method").set_value("pca").run()
    assert any("where distances should mean something" in text.value for text in page.caption)
    next(button for button in page.button if button.label == "Make the map").click().run()
    assert not page.exception
    job = queue.list_jobs(ws.database)[0]
    assert (job.kind, job.payload["source"], job.payload["spec"]["clusters"]) == (
        "features",
        "sky",
        "hdbscan",
    )


def test_a_run_that_still_learns_is_mapped_once_it_has_ended(folder: Path) -> None:
    ws = Workspace.open(folder)
    dataset = add_dataset(ws, add_survey(ws))
    run, _ = start_training(ws, dataset_name=dataset.name, spec=TrainingSpec(), name="learning")
    ws.run_folder(run.name).mkdir(parents=True, exist_ok=True)
    (ws.run_folder(run.name) / "best.keras").write_bytes(b"")  # of its first epochs
    page = open_page("features", run="learning")
    assert any("learning is still being trained" in text.value for text in page.markdown)
    assert page.button(key="features-learning").label == "Watch its training"
    add_run(ws, dataset, "ended")
    page = open_page("features", run="learning")
    assert page.selectbox(key="choose-run").options == ["ended"]
    assert any("“learning”: still being trained" in text.value for text in page.caption)
    runs.update_run(ws.database, run.id, state="finished")
    for job in queue.list_jobs(ws.database):
        jobs.stop(ws.database, job.id)
    assert [one.name for one in features.runs_that_give_features(ws)] == ["ended", "learning"]


def test_larger_cutouts_are_mapped_by_their_middle_with_the_switch_that_score_has(folder: Path) -> None:
    ws = Workspace.open(folder)
    run = add_run(ws, add_dataset(ws, add_survey(ws)), "elu_cnn-1")
    cutouts = [{"row": row, "candidate_id": f"K{row}"} for row in range(4)]
    pixels = np.random.default_rng(2).normal(0, 1, (4, 20, 20, 3)).astype(np.float32)
    large = pack_source(ws, "large", pixels, cutouts, bands=("g", "r", "i"), pixel_scale_arcsec=0.25)
    page = open_page("features", run="elu_cnn-1", source="large")
    assert not page.error
    page.toggle(key=f"crop-{run.id}-{large.id}").set_value(False).run()
    assert not [one for one in page.button if one.label == "Make the map"]
    page.toggle(key=f"crop-{run.id}-{large.id}").set_value(True).run()
    next(button for button in page.button if button.label == "Make the map").click().run()
    assert not page.exception
    assert queue.list_jobs(ws.database)[0].payload["source"] == "large"
    runs.require_fit(ws, run, large)  # the run remembers it: the job is not refused


def test_a_map_is_drawn_with_its_clusters(folder: Path) -> None:
    add_map(full_workspace(folder))
    page = open_page("features", run="elu_cnn-2", source="sky")
    assert len(figures_of(page)) == 1
    assert page.dataframe[0].value["cluster"].tolist() == ["0", "1", "in none"]
    assert page.dataframe[0].value["size"].sum() == COUNT


def test_a_run_without_a_map_leads_to_the_one_that_has_it(folder: Path) -> None:
    add_map(full_workspace(folder))
    page = open_page("features", run="elu_cnn-1", source="sky")
    [example] = figures_of(page)
    assert "artefact" in {trace["name"] for trace in example["data"]}
    page.button(key="features-other").click().run()
    assert not page.exception
    assert page.query_params["run"] in ("elu_cnn-2", ["elu_cnn-2"])
    assert [one for one in figures_of(page) if one != example]


def test_the_map_numbers_its_clusters_and_shows_the_cutout_in_the_middle_of_each(folder: Path) -> None:
    ws = full_workspace(folder)
    add_map(ws)
    page = open_page("features", run="elu_cnn-2", source="sky")
    points = map_points(ws, "elu_cnn-2", "sky", "pca")
    numbers = [f"<b>{cluster}</b>" for cluster in sorted({*points.clusters.tolist()} - {-1})]
    assert [one["text"] for one in figures_of(page)[-1]["layout"]["annotations"]] == numbers
    assert any("In the middle of each cluster" in text.value for text in page.markdown)
    sheet = sheets_of(page)["features-middles"]
    assert len(sheet["together"]) == len(numbers)
    assert sum(sheet["together"]) == len(sheet["items"]) > len(numbers)  # several of each


def test_each_colouring_draws_every_cutout_once(folder: Path) -> None:
    ws = full_workspace(folder)
    add_map(ws)
    grades = grades_of(ws, [sources.get_source(ws.database, "sky")])
    table = features.map_table(ws, "elu_cnn-2", "sky", "pca", grades=grades)
    known = feature_map.colourings_of(table)
    assert known == ["label", "score", "grade", "cluster"]
    for colouring in (*known, None):
        drawn = feature_map.map_figure(table, method="pca", colouring=colouring, theme="dark")
        boxes = [trace.hovertemplate.partition("<extra>")[2] for trace in drawn.data]
        assert {*boxes} <= {"", "</extra>"}  # plotly writes what stands there in the mark's colour on grey
        places = np.concatenate([np.asarray(trace.customdata) for trace in drawn.data])
        assert sorted(places.tolist()) == list(range(COUNT))
    rows = features.cluster_rows(table)
    assert sum(row["votes"] for row in rows) == 6
    assert feature_map.dot_size(10) > feature_map.dot_size(100_000)


def test_numbers_of_close_clusters_hide_none() -> None:
    rng = np.random.default_rng(2)
    places = rng.normal(200, 15, (12, 2))
    moved = places + np.array(feature_map.moved_apart(places))
    apart = np.hypot(*(moved[:, None] - moved[None]).transpose(2, 0, 1)) + 1e3 * np.eye(12)
    assert apart.min() >= feature_map.NUMBER_PIXELS - 1e-9
    assert feature_map.moved_apart(np.array([[0.0, 0.0], [90.0, 0.0]])) == [(0.0, 0.0)] * 2
    figure = feature_map.go.Figure()
    feature_map.number_clusters(
        figure, [0, 1], np.array([[0.0, 0.0], [0.1, 0.0]]), extent=np.array([10.0, 10.0]),
        ink="#000000", ground="#ffffff",
    )  # fmt: skip
    assert [one.showarrow for one in figure.layout.annotations] == [False, True]


def test_clusters_that_hold_few_cutouts_are_called_weak() -> None:
    rows = [{"cluster": 0, "size": 30}, {"cluster": -1, "size": 70}]
    assert weak_clusters(rows).startswith("Weak clusters: 70 of 100 cutouts are in none. Try k-means")
    assert not weak_clusters([{"cluster": 0, "size": 50}, {"cluster": -1, "size": 50}])


def test_scores_that_lie_close_together_take_all_colours() -> None:
    table = pd.DataFrame(
        {"x": [0.0, 1.0, 2.0], "y": 0.0, "score": [0.38, 0.5, 0.65], "candidate_id": list("abc")}
    )
    figure = feature_map.map_figure(table, method="umap", colouring="score", theme="light")
    [dots] = [trace for trace in figure.data if trace.name == "score"]
    # the 1st percentile lies 2 % of the way from the first to the second, the 99th as far before the last
    assert dots.marker.cmin == pytest.approx(0.38 + 0.02 * 0.12)
    assert dots.marker.cmax == pytest.approx(0.65 - 0.02 * 0.15)
    assert dots.marker.colorbar.ticktext[0] == "≤ 0.38"
    assert dots.marker.colorbar.ticktext[-1] == "≥ 0.65"


def test_graded_cutouts_stand_out_above_those_without_votes(folder: Path) -> None:
    columns = ("x", "y", "candidate_id", "grade")
    rows = [(0.0, 0.0, f"c{k}", grade) for k, grade in enumerate(["", "X", "A", "B", "C", ""])]
    for theme in ("dark", "light"):
        table = pd.DataFrame(rows, columns=columns)
        figure = feature_map.map_figure(table, method="umap", colouring="grade", theme=theme)
        assert [trace.name for trace in figure.data] == ["no votes", "X", "C", "B", "A"]
        looks = [(trace.marker.symbol, trace.marker.color) for trace in figure.data]
        assert len({symbol for symbol, _ in looks}) == len({colour for _, colour in looks}) == 5
        unknown, *graded = figure.data
        assert all(trace.marker.size >= 1.5 * unknown.marker.size for trace in graded)
        assert all(trace.marker.opacity > 2 * unknown.marker.opacity for trace in graded)
        assert figure.layout.legend.traceorder == "reversed"


def test_what_is_chosen_comes_by_another_runs_scores_where_this_one_gave_none(folder: Path) -> None:
    ws = full_workspace(folder)
    source = sources.get_source(ws.database, "sky")
    runs_with_scores = runs_that_scored(ws, "sky")
    assert runs_with_scores
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    known = aligned_scores(ws, ids, [source.id], run_id=runs_with_scores[0].id)
    table = pd.DataFrame({"cutout_id": ids, "score": np.nan})
    ordered, words = best_first(ws, table, "sky")
    assert words == f"best score by {runs_with_scores[0].name} first"
    assert ordered["cutout_id"].iloc[0] == ids[np.nanargmax(known)]
    ordered, words = best_first(ws, table.assign(score=np.arange(len(ids))), "sky")
    assert (ordered["cutout_id"].iloc[0], words) == (ids[-1], "best score first")


def test_what_is_laid_over_dots_lies_above_them_and_follows_the_filter(folder: Path) -> None:
    add_map(full_workspace(folder))
    page = open_page("features", run="elu_cnn-2", source="sky", where='label == "lens"')
    page.toggle(key="features-over-votes").set_value(True).run()
    assert not page.exception
    drawn = figures_of(page)[0]["data"]
    assert {trace["type"] for trace in drawn} == {"scattergl"}
    over = [trace for trace in drawn if trace["name"].startswith("grade ")]
    places = {row for trace in drawn if trace not in over for row in numbers_of(trace["customdata"])}
    assert over
    assert all(set(numbers_of(trace["customdata"])) <= places for trace in over)


def numbers_of(written: Any) -> list[int]:
    """Return numbers of a figure, which plotly writes as a list or in base 64."""
    if isinstance(written, dict):
        return np.frombuffer(base64.b64decode(written["bdata"]), written["dtype"]).tolist()
    return list(written)


def test_a_large_map_is_a_density_with_overlays_that_is_zoomed_by_counting_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = full_workspace(folder)
    add_map(ws)
    monkeypatch.setattr(map_density, "DENSE_FROM", COUNT - 1)
    page = open_page("features", run="elu_cnn-2", source="sky")
    assert not page.exception
    assert page.dataframe[0].value["size"].sum() == COUNT
    chart = figures_of(page)[0]
    kinds = [trace["type"] for trace in chart["data"]]
    assert kinds == ["heatmap", "scatter"]
    page.toggle(key="features-over-votes").set_value(True).run()
    assert not page.exception
    names = [trace.get("name", "") for trace in figures_of(page)[0]["data"]]
    assert any(name.startswith("grade ") for name in names)
    page.segmented_control(key="features-density").set_value("score").run()
    assert not page.exception
    points = map_density.map_points(ws, "elu_cnn-2", "sky", "pca")
    cells = map_density.cells_of(points, points.bounds)
    first = int(cells.cell[0])
    page.session_state["features-bounds-elu_cnn-2-sky-pca"] = cells.bounds_of([first])
    page.run()
    assert not page.exception
    shown = [text.value for text in page.caption if "of them here" in text.value]
    assert f"{int(cells.counts.ravel()[first])} of them here" in shown[0]
    next(button for button in page.button if button.label == "Whole map").click().run()
    assert any(f"{COUNT} of them here" in text.value for text in page.caption)


def test_odd_cutouts_of_a_pca_stand_at_the_edge_of_the_map() -> None:
    places = np.random.default_rng(1).normal(0, 1, (1000, 2))
    places[7] = 500.0, 0.0
    moved, far_out = feature_map.within_axes(places, method="pca")
    assert far_out[7]
    assert far_out.sum() < 20
    assert moved[7, 0] < 6
    assert (moved[~far_out] == places[~far_out]).all()
    assert not feature_map.within_axes(places, method="umap")[1].any()


def test_ticked_rows_stand_out_and_all_others_are_faint() -> None:
    figure = go.Figure()
    figure.add_scattergl(x=[0, 1, 2], y=[0, 1, 2], customdata=[4, 7, 9])
    feature_map.fade_others(figure, [7])
    opacity = figure.data[0].marker.opacity
    assert list(opacity) == [feature_map.FADED, feature_map.STANDING_OUT, feature_map.FADED]
    assert feature_map.FADED >= 0.2, "what is not selected stays in sight"
    assert figure.data[0].unselected.marker.opacity * feature_map.FADED >= 0.15, "and outside a lasso too"


@pytest.mark.parametrize(
    ("ticked", "drawn", "words"),
    [
        ([], True, "1\u202f226 chosen on the map"),
        ([1], True, "1\u202f226 chosen on the map, of cluster 1"),
        ([1, 3], False, "1\u202f226 in clusters 1, 3"),
        ([0, -1], False, "1\u202f226 in cluster 0 or no cluster"),
    ],
)
def test_what_is_selected_is_said_in_words(ticked: list[int], drawn: bool, words: str) -> None:
    assert selection_words(1226, ticked, drawn=drawn) == words


def test_dots_outside_a_lasso_stay_in_sight_and_scores_are_told_under_the_mouse() -> None:
    columns = ("x", "y", "candidate_id", "score", "cluster")
    table = pd.DataFrame([(0.0, 0.0, "a", 0.2, 1), (1.0, 1.0, "b", 0.8, 1)], columns=columns)
    for colouring in ("score", "cluster"):
        figure = feature_map.map_figure(table, method="umap", colouring=colouring, theme="dark")
        guard_figure(figure)
        [trace] = figure.data
        assert trace.unselected.marker.opacity == feature_map.FADED
        assert list(trace.text) == ["a", "b"]
    scores = feature_map.map_figure(table, method="umap", colouring="score", theme="dark").data[0]
    assert list(scores.hovertext) == ["0.200", "0.800"]
