"""Reports, model cards and figures of a run: their numbers are the page's, and they need nothing else."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from lensapp.core.config import write_json
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.evaluate.resampling import purity_band, roc_band
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation
from lensapp.services.reports.run_report import (
    as_table,
    card_markdown,
    report_html,
    run_report,
    write_card,
    write_report,
    write_report_figures,
)
from lensapp.storage.workspace import Workspace
from support.app_in_browser import chromium
from support.pages_workspace import ReportTables, full_workspace, open_page

RUN = "elu_cnn-1"
MM_PER_POINT = 25.4 / 72


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    return full_workspace(tmp_path / "workspace")


def test_the_numbers_of_a_report_are_those_of_the_page(ws: Workspace) -> None:
    views = [open_page("evaluate", run=RUN, threshold="0.6", view=name) for name in ("scores", "survey")]
    tables = ReportTables(report_html(run_report(ws, RUN, threshold=0.6))).tables
    shown = {
        column: pd.concat([one.value for page in views for one in page.dataframe if column in one.value])
        for column in ("figure", "ECE")
    }  # the figures of merit stand in two halves
    calibrations = tables["Scores as probabilities"]
    assert calibrations[0] == list(shown["ECE"].columns)
    for row, values in zip(calibrations[1:], shown["ECE"].to_numpy(), strict=True):
        assert row == [f"{value:.4f}" if isinstance(value, float) else str(value) for value in values]
    merits = dict(zip(shown["figure"]["figure"], shown["figure"][RUN], strict=True))
    limits = dict(tables["Figures with 95 % limits"][1:])
    assert "AUROC" in limits
    assert limits.items() <= merits.items()
    told = dict(zip(*tables["Figures of merit"], strict=True))
    assert told["TPR10"] == merits["TPR10"] == "–"  # nine non-lenses do not tell it
    assert merits["lenses"] == told["lenses"]
    for name in ("accuracy", "purity", "completeness", "Brier"):
        assert float(merits[name]) == pytest.approx(float(told[name]), abs=6e-4)
    purity = next(metric.value for metric in views[1].metric if metric.label == "Purity")
    in_report = tables["Expected in a survey"][1][3]
    assert in_report.partition(" (")[0].replace("above ", "> ") == purity  # a lower limit: "above 0.08 %"


def test_the_figures_of_a_report_agree_with_scikit_learn(ws: Workspace) -> None:
    evaluation = load_evaluation(ws, RUN)
    assert isinstance(evaluation, Evaluation)
    head, row = ReportTables(report_html(run_report(ws, RUN))).tables["Figures of merit"]
    values = dict(zip(head, row, strict=True))
    truth, scores = evaluation.labels, evaluation.scores
    assert values["AUROC"] == f"{roc_auc_score(truth, scores):.4f}"
    assert values["average precision"] == f"{average_precision_score(truth, scores):.4f}"


def test_a_report_says_what_is_stored_of_recipe_data_and_audits(ws: Workspace) -> None:
    words = "noise 1.8 times that of the training part"
    write_json(ws.run_folder(RUN) / "source_checks.json", {"sky": {"light": "amber", "words": words}})
    text = report_html(run_report(ws, RUN))
    for part in ("0" * 64, "sky-v1", "learning rate", "g, r, i", "12 × 12 pixels", f"amber: {words}"):
        assert part in text
    assert "12 cutouts" not in text
    assert "The part has 3 lenses only" in text


def test_a_report_escapes_what_users_named(ws: Workspace) -> None:
    name = "<script>alert(1)</script> & | $x$"
    report = run_report(ws, RUN)
    facts = replace(report.facts, network=name, recipe=((name, name),))
    hostile = replace(report, facts=facts)
    assert "<script" not in report_html(hostile)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; | $x$" in report_html(hostile)
    assert r"\<script\>alert(1)\</script\> & \| $x$" in card_markdown(hostile)


def test_a_report_needs_no_network(ws: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(run_report(ws, RUN), out)
    text = out.read_text(encoding="utf-8")
    outside = re.findall(r'(?:src|href)="(?!#|data:)([^"]+)"', text) + re.findall(r"url\((?!#)[^)]*\)", text)
    assert outside == []


@pytest.mark.browser
def test_a_report_opens_in_a_browser_and_shows_every_figure(ws: Workspace, tmp_path: Path) -> None:
    report = run_report(ws, RUN)
    write_report(report, tmp_path / "report.html")
    asked: list[str] = []
    said: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 800, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto((tmp_path / "report.html").as_uri())
        boxes = page.evaluate(
            "[...document.querySelectorAll('figure svg')].map((one) => one.getBoundingClientRect().height)"
        )
        assert len(boxes) == len(report.figures)
        assert min(boxes) > 150
        assert page.evaluate("document.documentElement.scrollWidth") <= 800
        names = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(names) == len(set(names))
    assert asked == [(tmp_path / "report.html").as_uri()]
    assert said == []


@pytest.mark.parametrize("picture_format", ["svg", "pdf"])
def test_figures_are_as_wide_as_the_column_of_a_paper(
    ws: Workspace, tmp_path: Path, picture_format: Any
) -> None:
    report = run_report(ws, RUN)
    few = replace(report, figures=report.figures[:2])
    made = write_report_figures(few, tmp_path / "figures", picture_format=picture_format)
    assert sorted(made["figures"]) == [f"precision-recall.{picture_format}", f"roc.{picture_format}"]
    text = (tmp_path / "figures" / f"roc.{picture_format}").read_bytes().decode("latin-1")
    found = re.search(
        r'width="([\d.]+)pt"' if picture_format == "svg" else r"/MediaBox \[ 0 0 ([\d.]+)", text
    )
    assert found is not None
    assert float(found[1]) * MM_PER_POINT == pytest.approx(88, abs=0.01)


def test_a_figure_is_the_same_file_each_time(ws: Workspace) -> None:
    first, again = (run_report(ws, RUN).figures[0].rendered("pdf") for _ in range(2))
    assert first == again


def test_a_model_card_has_tables_that_markdown_can_read(ws: Workspace, tmp_path: Path) -> None:
    write_card(run_report(ws, RUN), tmp_path / "card.md")
    lines = (tmp_path / "card.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# {RUN}"
    heads = [number for number, line in enumerate(lines) if set(line) == set("| -")]
    assert heads
    for number in heads:
        assert lines[number - 1].count("|") == lines[number].count("|") == lines[number + 1].count("|")
        assert lines[number - 2] == ""
    assert "licence" not in " ".join(lines).lower()
    assert "## What it can and cannot do" in lines


def test_a_file_of_another_kind_and_a_run_not_measured_are_refused(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"does not end in \.html"):
        write_report(run_report(ws, RUN), tmp_path / "report.pdf")
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_card(run_report(ws, RUN), tmp_path / "absent" / "card.md")
    with pytest.raises(NotFound, match="has not been evaluated on its validation part"):
        run_report(ws, RUN, part="validation")


def test_a_missing_figure_is_a_dash_in_tables() -> None:
    import pandas as pd

    table = as_table(pd.DataFrame({"a": [1.0, np.nan], "b": [3, None]}), title="t", caption="c", digits=2)
    assert table.rows == (("1.00", "3.00"), ("–", "–"))


def test_the_band_of_a_roc_holds_the_true_completeness_nineteen_times_in_twenty() -> None:
    """Of scores N(0, 1) and N(1.5, 1) the completeness at a rate f is Φ(1.5 + Φ⁻¹(f))."""
    from scipy.stats import norm

    rng = np.random.default_rng(4)
    rates = np.array([0.05, 0.1, 0.3])
    truth = norm.cdf(1.5 + norm.ppf(rates))
    labels = np.arange(600) < 200
    held = []
    for _ in range(150):
        scores = rng.normal(np.where(labels, 1.5, 0.0))
        low, high = roc_band(labels, scores, rates=rates, rng=rng, repeats=200)
        held.append((low <= truth) & (truth <= high))
    assert np.all(np.mean(held, axis=0) > 0.90)
    assert np.all(np.mean(held, axis=0) < 0.995)


def test_the_band_of_the_purity_holds_that_of_known_distributions() -> None:
    from scipy.stats import norm

    rng = np.random.default_rng(5)
    completeness = np.array([0.25, 0.5, 0.9])
    accepted = norm.sf(1.5 + norm.isf(completeness))
    truth = 200 * completeness / (200 * completeness + 400 * accepted)
    labels = np.arange(600) < 200
    held = []
    for _ in range(150):
        scores = rng.normal(np.where(labels, 1.5, 0.0))
        low, high = purity_band(labels, scores, completeness=completeness, rng=rng, repeats=200)
        held.append((low <= truth) & (truth <= high))
    assert np.all(np.mean(held, axis=0) > 0.88)
    assert np.all(np.mean(held, axis=0) < 0.995)


def test_the_band_of_a_perfect_ranking_lies_at_one_and_of_few_lenses_holds_wilsons_limit() -> None:
    rates, rng = np.array([0.0, 0.5, 1.0]), np.random.default_rng(1)
    for lenses, lowest in ((60, 1.0), (10, wilson_interval(10, 10)[0])):
        labels = np.arange(100) < lenses
        low, high = roc_band(labels, np.where(labels, 1.0, -np.arange(100)), rates=rates, rng=rng)
        assert low.tolist() == [lowest, lowest, 1.0]
        assert high.tolist() == [1.0, 1.0, 1.0]
