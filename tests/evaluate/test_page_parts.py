"""What the pages of runs share: pictures as a network saw them, colours, bins, words of an audit."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lensapp.core.colours import LINE_COLOURS
from lensapp.core.data.column_names import column_label
from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.core.evaluate.subgroups import by_subgroup, subgroup_figures
from lensapp.core.numerals import fixed
from lensapp.services.data.pictures import read_pictures
from lensapp.services.evaluate import subgroups
from lensapp.services.evaluate.expectations import time_unit
from lensapp.services.evaluate.figure_tables import audited_shortcut_words
from lensapp.services.evaluate.histogram_bins import bins_for
from lensapp.services.evaluate.run_colours import colours_of_runs, dashes_of_runs, places_of_runs
from lensapp.services.evaluate.seen_pictures import seen_pictures
from lensapp.storage import datasets, runs
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.survey_figures import (
    bin_ticks,
    drawn_panels,
    expected_figure,
    panels_across,
    subgroup_figure,
    subgroup_panels,
)
from lensapp.ui.shared.figures import DASHES
from support.pages_workspace import add_run, figures_of, full_workspace, open_page
from support.small_surveys import ids_of, pack_source


def test_pictures_of_two_sizes_show_the_middle_that_a_network_saw(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    pixels = np.random.default_rng(1).normal(0, 1, (2, 14, 14, 3)).astype(np.float32)
    names = [{"row": row, "candidate_id": f"L{row}"} for row in range(2)]
    large = pack_source(ws, "large", pixels, names, kind="import")
    small = pack_source(ws, "small", pixels[:, 2:12, 2:12], names, kind="import")
    ids = [*ids_of(ws, large).values(), *ids_of(ws, small).values()]
    cutouts, pictures = seen_pictures(ws, ids, (10, 10))
    assert [cutout.id for cutout in cutouts] == ids
    assert pictures.shape == (4, 10, 10, 3)
    whole = read_pictures(ws, large, ids[:2])[1]
    assert (pictures[:2] == whole[:, 2:12, 2:12]).all()
    assert (pictures[2:] == read_pictures(ws, small, ids[2:])[1]).all()
    blank = seen_pictures(ws, ids, (10, 10), drawn=lambda _cutout, picture: np.zeros_like(picture))[1]
    assert not blank.any()


def test_a_run_has_one_colour_and_one_dash_whatever_is_drawn_beside_it(tmp_path: Path) -> None:
    ws = full_workspace(tmp_path / "workspace")
    version = datasets.list_datasets(ws.database)[0]
    while len(names := [run.name for run in runs.list_runs(ws.database)]) < 20:
        add_run(ws, version, f"later-{len(names)}")
    palette = LINE_COLOURS["dark"]
    together = dict(zip(names, colours_of_runs(ws, names, palette), strict=True))
    dashes = dict(zip(names, dashes_of_runs(ws, names), strict=True))
    for name, other in combinations(names, 2):
        for pair in ([name, other], [other, name]):
            assert colours_of_runs(ws, pair, palette) == [together[one] for one in pair]
            assert dashes_of_runs(ws, pair) == [dashes[one] for one in pair]
        assert (together[name], dashes[name]) != (together[other], dashes[other])


def test_colours_of_much_the_same_hue_come_with_different_dashes(tmp_path: Path) -> None:
    ws = full_workspace(tmp_path / "workspace")
    version = datasets.list_datasets(ws.database)[0]
    while len(runs.list_runs(ws.database)) < 8:
        add_run(ws, version, f"later-{len(runs.list_runs(ws.database))}")
    of_number = {run.id - 1: run.name for run in runs.list_runs(ws.database)}
    for one, other in ((0, 6), (1, 5), (0, 5), (1, 6)):  # blues and oranges on dark, then on white ground
        assert len({*dashes_of_runs(ws, [of_number[one], of_number[other]])}) == 2


def test_evaluate_draws_a_run_alone_as_beside_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    ws = full_workspace(tmp_path / "workspace")
    page = open_page("evaluate", run="elu_cnn-2")
    drawn = [one for figure in figures_of(page) for one in figure["data"] if one.get("name") == "elu_cnn-2"]
    lines = {(one["line"]["color"], one["line"]["dash"]) for one in drawn}
    [place], [dash] = places_of_runs(ws, ["elu_cnn-2"], 8), dashes_of_runs(ws, ["elu_cnn-2"])
    assert lines == {(LINE_COLOURS["dark"][place], DASHES[dash])}
    assert dash > 0, "no longer solid only because it is the first that is drawn"


def test_candidates_that_the_part_has_none_left_of_are_no_line() -> None:
    columns = {
        "threshold": np.array([0.2, 0.5, 0.8]),
        "true_candidates": np.array([900.0, 500.0, 100.0]),
        "false_candidates": np.array([8e5, 2e4, 0.0]),
    }
    axis = ScoreAxis(logit=False, low=0.0, high=1.0)
    figure = expected_figure(columns, threshold=0.5, axis=axis, colours={"lens": "red", "nonlens": "blue"})
    lenses, others = (np.asarray(trace.y, float) for trace in figure.data[:2])
    assert lenses.tolist() == [900, 500, 100]
    assert others[:2].tolist() == [8e5, 2e4]
    assert np.isnan(others[2])


def test_fewer_than_half_a_candidate_expected_is_drawn_as_few_as_it_is() -> None:
    columns = {
        "threshold": np.array([0.5, 0.896]),
        "true_candidates": np.array([0.8, 0.267]),
        "false_candidates": np.array([120.0, 3.0]),
    }
    axis = ScoreAxis(logit=False, low=0.0, high=1.0)
    figure = expected_figure(columns, threshold=0.5, axis=axis, colours={"lens": "red", "nonlens": "blue"})
    assert np.asarray(figure.data[0].y, float).tolist() == [0.8, 0.267]
    assert figure.data[0].customdata[1] == "0.267"
    assert min(figure.layout.yaxis.tickvals) == 0.1


def test_few_scores_have_few_bins() -> None:
    assert [bins_for(count) for count in (4, 52, 600, 10**6)] == [10, 10, 24, 50]


def test_one_unit_of_time_serves_a_table() -> None:
    assert [time_unit(hours)[0] for hours in (0.01, 0.4, 36.0)] == ["s", "min", "h"]


def test_what_tells_lenses_is_said_in_words_beside_the_network() -> None:
    found = {
        "kind": "columns", "title": "catalogue columns", "auroc": 0.95, "low": 0.9, "high": 0.98,
        "telling": [["magnitude_i", 0.9]],
    }  # fmt: skip
    alike = {"auroc": 0.96, "low": 0.92, "high": 0.99}
    assert audited_shortcut_words(found, {"network": alike}).startswith(
        "Catalogue columns alone cannot be told from the network, AUROC 0.950 against 0.960 "
        "(most: magnitude i). The classes"
    )
    better = audited_shortcut_words(found, {"network": {"auroc": 0.84, "low": 0.8, "high": 0.88}})
    assert better.startswith("Catalogue columns alone do better than the network, AUROC 0.950 against 0.840")
    behind = audited_shortcut_words(found, {"network": {"auroc": 0.98, "low": 0.97, "high": 0.99}})
    told = "Catalogue columns alone tell much, AUROC 0.950 against 0.980 of the network (most"
    assert behind.startswith(told)
    # A network of few lenses has wide limits: that these hold the columns' figure does not make both alike.
    few = {**found, "auroc": 0.756, "low": 0.7, "high": 0.81}
    apart = audited_shortcut_words(few, {"network": {"auroc": 0.866, "low": 0.74, "high": 0.95}})
    assert apart.startswith("Catalogue columns alone tell much, AUROC 0.756 against 0.866 of the network")
    assert audited_shortcut_words(found, {}).startswith("Catalogue columns alone tell much (most")
    inputs = audited_shortcut_words(found, {"network": alike, "shortcuts": {"simulated": True}})
    assert "what went into the simulation" in inputs
    noise = {"kind": "noise", "title": "noise", "auroc": 0.6, "low": 0.55, "high": 0.65, "telling": []}
    assert audited_shortcut_words(noise, {}) == "Noise tells a little."
    assert audited_shortcut_words(noise | {"low": 0.45}, {}) == "Noise tells nothing."
    psf = {"kind": "psf", "title": "PSF width", "auroc": 0.399, "low": 0.308, "high": 0.496, "telling": []}
    assert audited_shortcut_words(psf, {}).startswith(
        "PSF width is below chance, AUROC 0.399 (0.308–0.496): "
    )
    assert audited_shortcut_words(psf | {"high": 0.5}, {}) == "PSF width tells nothing."
    middle = {**found, "kind": "central", "title": "central pixels", "telling": []}
    assert "Arcs lie in the middle, too" in audited_shortcut_words(middle, {})


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("colour_r_i", "colour r − i"),
        ("colour_g_r_mag", "colour g − r (mag)"),
        ("color_VIS_Y", "colour VIS − Y"),
        ("colour_g_r_err", "colour g − r err"),
        ("colour_excess", "colour excess"),
    ],
)
def test_a_colour_has_its_minus(column: str, label: str) -> None:
    assert column_label(column) == label


def test_bins_have_short_limits_on_two_lines() -> None:
    values = np.array([1.1331, 1.41, 1.597, 1.92, np.nan, np.nan])
    labels, scores = np.array([1, 1, 1, 1, 0, 0]), np.array([0.9, 0.4, 0.8, 0.7, 0.1, 0.6])
    groups = by_subgroup(labels, scores, values, threshold=0.5, bins=2)
    assert bin_ticks(groups, most=2) == ["1.1–<br>1.5", "1.5–<br>1.9"]
    assert bin_ticks(groups, most=1) == []
    drawn = subgroup_figure(groups, by="redshift", colours={"lens": "#000000", "nonlens": "#ffffff"})
    assert drawn.layout.xaxis.tickangle == 0
    counts = drawn.layout.annotations[-1].text  # each class in its colour
    assert counts.endswith(
        "<span style='color:#000000'>lens</span>, <span style='color:#ffffff'>non-lens</span>"
    )
    named = by_subgroup(labels, scores, np.array(["a", "a", "b", "b", "a", "b"]), threshold=0.5)
    assert bin_ticks(named, most=7) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("mag_error_i", "mag_i", "mag_g", "snr"), "mag_i"),
        (("einstein_radius_arcsec", "arc_snr", "mag_error_i", "snr"), "einstein_radius_arcsec"),
        (("arc_snr", "flux_err", "snr"), "arc_snr"),
        (("flux_err", "snr"), "snr"),
    ],
)
def test_subgroups_begin_with_a_magnitude_then_the_arcs_and_never_an_error(
    monkeypatch: pytest.MonkeyPatch, columns: tuple[str, ...], expected: str
) -> None:
    values = dict.fromkeys(sorted(columns), np.array([1.0, 2.0, 3.0, 4.0], object))
    monkeypatch.setattr(subgroups, "properties", lambda _ws, _evaluation: values)
    evaluation = SimpleNamespace(labels=np.array([True, False, True, False]))
    assert subgroups.usual_column(None, evaluation) == expected  # type: ignore[arg-type]


def test_subgroups_begin_with_a_column_that_lenses_have(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "colour_g_r": np.array([None, 0.4, np.nan, 0.6], object),
        "survey": np.array(["SL2S", "", "CASSOWARY", ""], object),
    }
    monkeypatch.setattr(subgroups, "properties", lambda _ws, _evaluation: values)
    evaluation = SimpleNamespace(labels=np.array([True, False, True, False]))
    assert subgroups.without_lenses(None, evaluation) == {"colour_g_r"}  # type: ignore[arg-type]
    assert subgroups.usual_column(None, evaluation) == "survey"  # type: ignore[arg-type]


def test_rows_of_panels_have_no_gap() -> None:
    assert [panels_across(count) for count in (2, 3, 4, 6, 8, 9)] == [2, 3, 4, 3, 4, 3]
    assert [panels_across(count) for count in (5, 7, 10)] == [0, 0, 0]
    labels, scores = np.arange(24) % 2 == 0, np.linspace(0, 1, 24)
    counted = by_subgroup(labels, scores, np.repeat(["a", "b"], 12), threshold=0.5)
    told = subgroup_figures(
        labels, scores, np.repeat(["a", "b"], 12), rng=np.random.default_rng(0)
    )  # of six non-lenses neither TPR0 nor TPR10
    groups = [replace(one, figures=of) for one, of in zip(counted, told, strict=True)]
    assert len(subgroup_panels(groups)) == 4
    assert [*drawn_panels(groups)] == ["lenses accepted", "non-lenses accepted", "AUROC"]


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert [fixed(value, 3) for value in (-0.0001, 0.0, -0.0006, 0.5)] == [
        "0.000",
        "0.000",
        "−0.001",
        "0.500",
    ]
