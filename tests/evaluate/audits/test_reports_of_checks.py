"""What was checked of a run stands in its report and card, with the numbers of page and commands."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lensapp.cli import main
from lensapp.core.evaluate.audits.audit_spec import AuditSpec
from lensapp.core.evaluate.selection_function import InjectionSpec
from lensapp.core.train.tasks import FittedTask, save_task
from lensapp.services.evaluate.audits import audit, keep_audit
from lensapp.services.reports.run_report import card_markdown, report_html, run_report
from lensapp.services.score.vetoes import keep_veto
from lensapp.storage import evaluations
from lensapp.storage.evaluations import StoredInjections, StoredNuisance
from lensapp.storage.workspace import Workspace
from support.pages_workspace import ReportTables, open_page
from support.shortcut_audits import add_dataset_and_run, add_marked_survey

RUN, SOURCE, THRESHOLD = "husky", "wolves", 0.4


def store_injections(ws: Workspace) -> None:
    """Two radii, two S/N, two seeings, ten lenses in each cell: of high S/N they score 0.9, else 0.1."""
    axes = np.meshgrid([1.0, 2.0], [20.0, 60.0], [0.7, 1.1], np.arange(10), indexing="ij")
    theta_e, snr, seeing, _ = (one.ravel() for one in axes)
    spec = InjectionSpec.parse({"theta_e_arcsec": [1, 2], "arc_snr": [20, 60]})
    figures = {
        "spec": spec.saved(), "galaxies": 60, "learned_from": False, "psf_fwhm_arcsec": [0.7], "made_at": 2e10
    }  # fmt: skip
    scores = np.where(snr > 30, 0.9, 0.1)
    stored = StoredInjections(
        theta_e, snr, seeing, np.arange(80), scores, figures, np.empty(0, np.int64), np.empty(0)
    )
    evaluations.save_injections(ws.run_folder(RUN), SOURCE, stored)


def store_nuisance(ws: Workspace) -> None:
    """Twenty cutouts, every other a lens; blurring lowers the scores of all by 0.2."""
    labels = np.arange(20) % 2 == 0
    scores = np.where(labels, 0.55, 0.3).astype(np.float32)
    figures = {"changes": ["blurred", "mirrored"], "images_per_second": 100.0, "measured_at": 2e10}
    changed = np.stack([scores - np.float32(0.2), scores])
    stored = StoredNuisance(np.arange(20), labels, np.stack([scores] * 8), changed, figures)
    evaluations.save_nuisance(ws.run_folder(RUN), "test", stored)


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = Workspace.open(tmp_path / "workspace")
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(made.folder))
    add_marked_survey(made)
    add_dataset_and_run(made)
    save_task(made.run_folder(RUN), FittedTask.parse({"kind": "binary"}))
    test = evaluations.load_evaluation(made.run_folder(RUN), "test")
    ids = np.arange(81, 101)  # the validation part
    evaluations.save_evaluation(made.run_folder(RUN), "validation", replace(test, cutout_ids=ids))
    keep_audit(made, RUN, audit(made, run_name=RUN, spec=AuditSpec()) | {"shift": []})
    store_injections(made)
    store_nuisance(made)
    keep_veto(made, RUN, "seeing_arcsec > 1", threshold=THRESHOLD)
    return made


def as_texts(table: pd.DataFrame, digits: int) -> list[list[str]]:
    rows = table.astype(object).to_numpy().tolist()
    cells = [
        [f"{value:.{digits}f}" if isinstance(value, float) else str(value) for value in row] for row in rows
    ]
    return [list(table.columns), *cells]


def test_the_checks_of_a_report_have_the_numbers_of_the_page(ws: Workspace) -> None:
    told = ReportTables(report_html(run_report(ws, RUN, threshold=THRESHOLD)))
    views = [
        open_page("evaluate", run=RUN, threshold=str(THRESHOLD), view=name) for name in ("audits", "survey")
    ]
    shown = [one.value for page in views for one in page.dataframe]
    for column, title, digits in (
        ("shared", "Leakage: what the parts of the dataset share", 0),
        ("change", "Scores after each change", 4),
        ("rule", "Lenses that vetoes cost and inspections that they save", 3),
    ):
        table = pd.concat([one for one in shown if column in one.columns])  # long ones stand in two halves
        in_report = [
            row[: len(table.columns)] for row in told.tables[title]
        ]  # the page says meanings below it
        assert in_report == as_texts(table, digits), title
    assert "Shortcuts: how well single measures tell lenses" in told.tables
    assert told.tables["Scores after each change"][1][1:] == ["0.2000", "-0.2000", "-1.0000", "0.0000"]
    for what in ("Shortcuts", "Scores after each change", "Lenses that the network accepts"):
        assert any(name.startswith(what) for name in told.figures), what


def test_the_completeness_of_a_report_is_that_of_the_command(
    ws: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--workspace", str(ws.folder), "completeness", RUN, SOURCE, "--stored", "--json"]
    assert main([*command, "--threshold", str(THRESHOLD)]) == 0
    answer = json.loads(capsys.readouterr().out)["network"]
    tables = ReportTables(report_html(run_report(ws, RUN, threshold=THRESHOLD))).tables
    limits = f"{answer['completeness']:.3f} ({answer['low']:.3f}–{answer['high']:.3f})"
    assert tables["Completeness of the whole grid"][1] == ["the network", "80", "40", limits]
    grid = tables["Lenses that the network accepts, by Einstein radius (arcsec) and S/N of the arcs"]
    assert grid[0] == ["Einstein radius (arcsec)", "S/N 20", "S/N 60"]
    assert grid[1] == ["1", "0.000 (0.000–0.161)", "1.000 (0.839–1.000)"]  # Wilson's limits of 0 and 20 of 20
    assert [row[:2] for row in tables["Completeness by seeing"][1:]] == [["0.7", "40"], ["1.1", "40"]]


def test_limits_and_card_name_what_the_checks_found_and_what_was_not_checked(ws: Workspace) -> None:
    report = run_report(ws, RUN, threshold=THRESHOLD)
    limits, card = " ".join(report.facts.limits), card_markdown(report)
    assert "Border pixels alone" in limits
    assert "Same ID or parent object: 1 test cutouts and some of earlier parts" in limits
    assert "No source has been compared with the training part" in limits
    assert "was not measured by injection" not in limits
    for words in ("- Shortcuts, wolves-v1: AUROC", "- Leakage, wolves-v1", "- Label noise, wolves-v1",
                  "- Completeness by injection, wolves: 0.500", "- What should not matter, test part: Scores",
                  "- Veto, seeing_arcsec \\> 1: Lenses lost", "## Vetoes after the network",
                  "### Scores after each change"):  # fmt: skip
        assert words in card, words


def test_a_report_doubts_suspect_labels_in_the_words_of_the_page(ws: Workspace) -> None:
    path = ws.run_folder(RUN) / "audit.json"
    kept = json.loads(path.read_text())
    found = kept.get("found", kept)
    found["label_noise"] |= {"suspects": 39, "judged": 880, "auroc": 0.77}
    path.write_text(json.dumps(kept))
    limits = " ".join(run_report(ws, RUN).facts.limits)
    assert "39 of 880 labels contradict the scores" in limits
    assert "most suspects will be mistakes of the network" in limits
    assert "probably wrong" not in report_html(run_report(ws, RUN))
    found["label_noise"]["auroc"] = 0.95
    path.write_text(json.dumps(kept))
    assert "even a perfect network" in " ".join(run_report(ws, RUN).facts.limits)


def test_a_report_of_a_run_that_nobody_checked_says_so(ws: Workspace) -> None:
    folder = ws.run_folder(RUN)
    for path in (folder / "audit.json", folder / "vetoes.json", evaluations.injections_path(folder, SOURCE),
                 evaluations.nuisance_path(folder, "test")):  # fmt: skip
        path.unlink()
    report = run_report(ws, RUN)
    limits = " ".join(report.facts.limits)
    text = report_html(report)
    assert f"<code>audit {RUN}</code>" in text
    assert f"`audit {RUN}`" not in text
    for words in ("Shortcuts, leaks between the parts and wrong labels were not looked for",
                  "was not measured by injection", "answer to seeing, noise"):  # fmt: skip
        assert words in limits
    assert (report.sections, report.facts.findings) == ((), ())


def test_a_veto_whose_column_is_gone_does_not_stop_a_report(ws: Workspace) -> None:
    path = ws.run_folder(RUN) / "vetoes.json"
    path.write_text(path.read_text().replace("seeing_arcsec > 1", "vanished > 1"))
    [veto] = [one for one in run_report(ws, RUN).facts.findings if one.name == "Veto"]
    assert "There is no column 'vanished'" in veto.words
