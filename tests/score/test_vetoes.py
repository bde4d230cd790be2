"""Rules after the network: read strictly, measured on validation, kept with the run, applied on wish."""

import json

import numpy as np
import pytest
from astropy.stats import binom_conf_interval

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.data.conditions import parse_filter
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.vetoes import measure_veto
from lensapp.core.train.tasks import FittedTask, save_task
from lensapp.services.catalogue.export import export
from lensapp.services.catalogue.query import catalogue
from lensapp.services.score import vetoes
from lensapp.storage import datasets, evaluations, runs, sources
from lensapp.storage.care.trail import read_trail
from lensapp.storage.estimates import estimate_store
from lensapp.storage.evaluations import StoredEvaluation
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.pages_workspace import open_page
from support.small_surveys import add_source


def test_a_rule_is_broken_by_known_values_only():
    rule = parse_filter("star < 0.5 and g - r >= 1 and sort != 3")
    columns = {
        "star": np.array([0.1, 0.5, np.nan, 0.1, 0.1]),
        "g": np.array([2.0, 2.0, 2.0, 1.5, 2.0]),
        "r": np.ones(5),
        "sort": np.array([1.0, 1, np.nan, 1, 3]),
    }
    assert rule.names == ("star", "g", "r", "sort")
    assert rule.fails(columns, 5).tolist() == [False, True, False, True, True]
    assert not parse_filter("sort != 3").holds(columns, 5)[2]


@pytest.mark.parametrize(
    "text", ["", "__import__('os')", "star", "star < (lambda: 1)()", "star is 1", "1 < 2"]
)
def test_what_is_no_comparison_is_refused(text):
    with pytest.raises(InvalidInput, match="is no condition"):
        parse_filter(text)


def test_an_absent_column_is_named():
    with pytest.raises(InvalidInput, match=r"no column 'star'\. Choose among: g"):
        parse_filter("star < 1").fails({"g": np.zeros(1)}, 1)


def test_a_veto_counts_only_what_the_network_accepts():
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    scores = np.array([0.9, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.1])
    out = np.array([1, 0, 0, 1, 1, 1, 1, 0, 0, 1], bool)
    found = measure_veto(labels, scores, out, threshold=0.5)
    assert (found.vetoed_lenses, found.lenses, found.vetoed_others, found.others) == (1, 3, 3, 5)
    assert found.inspections_saved is not None
    wanted = binom_conf_interval(3, 5, confidence_level=0.95, interval="wilson")
    assert (found.inspections_saved.low, found.inspections_saved.high) == pytest.approx(tuple(wanted))
    assert measure_veto(labels, scores, out, threshold=0.95).lenses_lost is None


@pytest.fixture
def ws(tmp_path) -> Workspace:
    """Thirty cutouts in validation, magnitude 18 + row / 10, every third a lens, all accepted."""
    ws = Workspace.open(tmp_path / "ws")
    source = add_source(ws, count=30)
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    dataset = datasets.create_dataset(
        ws.database, name="sky-v1", source_ids=[source.id], bands=("g", "r"), spec={}, counts={},
        checksum="0",
        members=[
            {"cutout_id": int(key), "part": "validation", "label": "nonlens", "group_id": int(key),
             "fold": None, "label_from": "import"}
            for key in ids
        ],
    )  # fmt: skip
    run = runs.create_run(ws.database, name="first", dataset_id=dataset.id, model="elu_cnn", spec={})
    stored_scores.add_scores(ws, run.id, source.id, ids.tolist(), [0.9] * 30)
    folder = ws.run_folder("first")
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.arange(30) % 3 == 0
    scores = np.full((30, 1), 0.9, np.float32)
    evaluations.save_evaluation(folder, "validation", StoredEvaluation(ids, labels, scores, {}))
    return ws


def test_a_kept_rule_is_measured_on_validation_and_leaves_its_candidates_out_of_catalogues(ws):
    save_task(ws.run_folder("first"), FittedTask.parse({"kind": "binary"}))
    # The truth in the catalogue stays aside where a run estimates a value of that name.
    values = {
        "kind": "regression",
        "output": "gaussian",
        "targets": ["magnitude_r"],
        "centre": [0],
        "scale": [1],
    }
    other = runs.create_run(ws.database, name="values", dataset_id=1, model="elu_cnn", spec={})
    ws.run_folder(other.name).mkdir(parents=True)
    task = FittedTask.parse(values)
    save_task(ws.run_folder(other.name), task)
    ids = evaluations.load_evaluation(ws.run_folder("first"), "validation").cutout_ids
    estimates = np.stack([np.where(np.arange(30) == 3, 30.0, 15.0), np.ones(30)], axis=-1)
    estimate_store(ws.run_folder(other.name), "sky", task.columns()).add(ids, estimates)
    by_estimate = vetoes.veto_figures(ws, "first", "magnitude_r < 19.95", threshold=0.5, by=["values"])
    assert (by_estimate.vetoed_lenses, by_estimate.vetoed_others) == (1, 0)
    found = vetoes.keep_veto(ws, "first", "magnitude_r < 19.95", threshold=0.5)  # rows 0 to 19
    assert (found.vetoed_lenses, found.lenses, found.vetoed_others, found.others) == (3, 10, 7, 20)
    query = CatalogueQuery.parse({"of": ["sky"], "run": "first"})
    assert len(catalogue(ws, query)) == 30
    assert len(catalogue(ws, query.replaced(vetoes=True))) == 20
    assert [one["rule"] for one in vetoes.kept_vetoes(ws, "first")] == ["magnitude_r < 19.95"]
    with pytest.raises(InvalidInput, match=r"There is no column 'star'.*--by RUN"):
        vetoes.veto_figures(ws, "first", "star < 0.5", threshold=0.5)
    with pytest.raises(InvalidInput, match="keeps no veto 'other < 1'"):
        vetoes.remove_veto(ws, "first", "other < 1")
    vetoes.remove_veto(ws, "first", "magnitude_r < 19.95")
    assert vetoes.kept_vetoes(ws, "first") == []
    told = [(row["did"], row["detail"]) for row in read_trail(ws.database, limit=2, name="first")]
    assert told == [("took a veto from", "magnitude_r < 19.95"), ("kept a veto with", "magnitude_r < 19.95")]


def add_other_run(ws: Workspace, name: str, task: dict, columns: list[np.ndarray]) -> FittedTask:
    """Register a run that tells classes or values, with what it said of every cutout."""
    other = runs.create_run(ws.database, name=name, dataset_id=1, model="elu_cnn", spec={})
    folder = ws.run_folder(other.name)
    folder.mkdir(parents=True)
    fitted = FittedTask.parse(task)
    save_task(folder, fitted)
    ids = evaluations.load_evaluation(ws.run_folder("first"), "validation").cutout_ids
    estimate_store(folder, "sky", fitted.columns()).add(ids, np.stack(columns, axis=-1))
    return fitted


def test_a_class_of_artefacts_vetoes_by_the_probability_that_another_run_gives(ws):
    """Rows 1, 2, 4 and 6 are artefacts; every third row is a lens, so that one of ten lenses is lost."""
    save_task(ws.run_folder("first"), FittedTask.parse({"kind": "binary"}))
    artefact = np.isin(np.arange(30), [1, 2, 4, 6])
    probability = np.where(artefact, 0.9, 0.1)
    add_other_run(
        ws, "sorts", {"kind": "classes", "output": "softmax", "classes": ["artefact", "lens"]},
        [probability, 1 - probability],
    )  # fmt: skip
    found = vetoes.keep_veto(ws, "first", "probability_artefact < 0.5", threshold=0.5, by=["sorts"])
    assert (found.vetoed_lenses, found.lenses, found.vetoed_others, found.others) == (1, 10, 3, 20)
    table = catalogue(ws, CatalogueQuery.parse({"of": ["sky"], "run": "first", "vetoes": True}))
    assert set(table["id"]) == {f"sky-{row:03d}" for row in range(30)} - {
        "sky-001",
        "sky-002",
        "sky-004",
        "sky-006",
    }


def test_an_implausible_einstein_radius_of_the_parameter_network_vetoes(ws):
    """Radii of 0.1 arcsec for rows 5 and 7; two networks of which one has said nothing of row 7."""
    save_task(ws.run_folder("first"), FittedTask.parse({"kind": "binary"}))
    radius = np.where(np.isin(np.arange(30), [5, 7]), 0.1, 1.2)
    radius[8] = np.nan  # not estimated: not vetoed
    task = {
        "kind": "regression", "output": "gaussian", "targets": ["einstein_radius_arcsec"], "centre": [0],
        "scale": [1],
    }  # fmt: skip
    add_other_run(ws, "values", task, [radius, np.full(30, 0.1)])
    rule = "einstein_radius_arcsec > 0.4 and einstein_radius_arcsec < 3"
    found = vetoes.keep_veto(ws, "first", rule, threshold=0.5, by=["values"])
    assert (found.vetoed_lenses, found.vetoed_others) == (0, 2)
    assert found.inspections_saved is not None
    wanted = binom_conf_interval(2, 20, confidence_level=0.95, interval="wilson")
    assert (found.inspections_saved.low, found.inspections_saved.high) == pytest.approx(tuple(wanted))


def test_the_catalogue_switches_vetoes_on_and_the_export_names_them(ws, monkeypatch, tmp_path):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    save_task(ws.run_folder("first"), FittedTask.parse({"kind": "binary"}))
    address = {"source": "sky", "run": "first", "view": "export"}
    assert not open_page("catalogue", **address).toggle
    vetoes.keep_veto(ws, "first", "magnitude_r < 19.95", threshold=0.5)
    page = open_page("catalogue", **address)
    page.pills(key="catalogue-grades").set_value(["A", "B", "C", "X", "–"]).run()
    assert any("30 candidates" in one.value for one in page.caption)
    page.toggle(key="catalogue-vetoes-first").set_value(True).run()
    assert any("20 candidates" in one.value for one in page.caption)
    out = tmp_path / "sky.csv"
    export(ws, CatalogueQuery(of=("sky",), run="first", vetoes=True), out=out)
    notes = json.loads((tmp_path / "sky_provenance.json").read_text())
    assert (notes["vetoes"], notes["filters"]) == ("magnitude_r < 19.95", "vetoes = those of the run")
    export(ws, CatalogueQuery(of=("sky",), run="first"), out=out)
    assert json.loads((tmp_path / "sky_provenance.json").read_text())["vetoes"] == "none"
