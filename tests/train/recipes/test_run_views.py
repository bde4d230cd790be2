"""Curves that are smoothed or on logarithmic axes; notes and tags of runs, on the page and by command."""

import json
from pathlib import Path

import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.services.train.run_notes import annotate_run
from lensapp.storage import runs
from lensapp.ui.train import curves
from support.pages_workspace import full_workspace, open_page

COLOURS = ("#111111", "#222222")
COLUMNS = {"epoch": np.arange(1.0, 5.0), "loss": np.array([4.0, 2.0, np.nan, 1.0])}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "workspace"
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(folder))
    return folder


def test_a_smoothed_curve_is_the_unbiased_running_mean():
    # As TensorBoard draws it: sums 2, 2 and 1.5 of half weights, over the weights 1/2, 3/4 and 7/8 so far.
    values = curves.smoothed(COLUMNS["loss"], 0.5)
    np.testing.assert_allclose(values, [4.0, 2.0 / 0.75, np.nan, 1.5 / 0.875])
    np.testing.assert_array_equal(curves.smoothed(COLUMNS["loss"], 0.0), COLUMNS["loss"])


def test_a_smoothed_line_keeps_what_was_measured_in_sight_and_in_its_hover():
    figure = curves.panel_figure(
        curves.PANELS[0], {"a": COLUMNS}, colours=COLOURS, view=curves.View(smoothing=0.5)
    )
    line, measured = figure.data
    np.testing.assert_array_equal(measured.y, COLUMNS["loss"])
    np.testing.assert_array_equal(line.customdata, COLUMNS["loss"])
    assert line.y[1] == pytest.approx(2.0 / 0.75)
    assert (measured.hoverinfo, measured.showlegend) == ("skip", False)


def test_logarithmic_axes_are_for_losses_and_epochs_and_not_for_shares():
    view = curves.View(log_values=True, log_epochs=True)
    loss, accuracy = (
        curves.panel_figure(panel, {"a": COLUMNS | {"accuracy": np.full(4, 0.5)}}, colours=COLOURS, view=view)
        for panel in curves.PANELS[:2]
    )
    assert (loss.layout.xaxis.type, loss.layout.yaxis.type) == ("log", "log")
    assert loss.layout.yaxis.range[0] < 0.0 < np.log10(4.0) < loss.layout.yaxis.range[1]
    assert (accuracy.layout.xaxis.type, accuracy.layout.yaxis.type) == ("log", None)
    assert loss.layout.yaxis.dtick == "D2"  # from 1 to 4 there is no other power of ten
    rate = {"a": {"epoch": np.arange(1.0, 5.0), "learning_rate": np.geomspace(1e-3, 1e-6, 4)}}
    smooth = curves.panel_figure(
        curves.PROGRESS_PANELS[0], rate, colours=COLOURS, view=curves.View(smoothing=0.9)
    )
    np.testing.assert_array_equal(smooth.data[0].y, rate["a"]["learning_rate"])


def test_what_is_found_at_few_false_positives_is_a_panel_of_its_own_with_the_rate_of_the_recipe():
    few = curves.panels_for("binary", (), fpr=0.02)[3]
    assert [title for title, _ in few.figures] == ["TPR at FPR 0.02", "AUROC to FPR 0.05"]
    columns = {"epoch": np.arange(1.0, 3.0), "val_tpr_at_fpr": np.array([0.2, 0.6])}
    alone = curves.panel_figure(few, {"a": columns}, colours=COLOURS)
    assert [line.name for line in alone.data] == ["TPR at FPR 0.02"]
    np.testing.assert_array_equal(alone.data[0].y, [0.2, 0.6])
    together = curves.panel_figure(few, {"a": columns, "b": columns}, colours=COLOURS)
    assert [line.name for line in together.data] == ["a, TPR at FPR 0.02", "b, TPR at FPR 0.02"]
    assert curves.long_table({"a": columns}, few)["val_tpr_at_fpr"] == [0.2, 0.6]
    assert few.title not in [panel.title for panel in curves.panels_for("regression", ["x"])]


def test_laid_over_runs_share_one_hover_with_their_whole_names():
    name = "a-name-much-longer-than-fifteen-letters"
    figure = curves.panel_figure(curves.PANELS[0], {name: COLUMNS, "b": COLUMNS}, colours=COLOURS)
    assert (figure.layout.hovermode, figure.layout.hoverlabel.namelength) == ("x unified", -1)
    assert figure.data[0].name == name


def test_notes_and_tags_stay_with_their_run(folder: Path):
    ws = full_workspace(folder)
    run = annotate_run(ws, "elu_cnn-1", note="  too deep \n", tags=["paper", " Paper", "two  words", ""])
    assert (run.note, run.tags) == ("too deep", ["paper", "two words"])
    assert annotate_run(ws, "elu_cnn-1", tags=[]).note == "too deep"
    assert runs.get_run(ws.database, "elu_cnn-2").tags == []
    for wrong, words in (
        ({"tags": ["x" * 41]}, "too long or has a comma"),
        ({"tags": map(str, range(21))}, "at most 20 tags, not 21"),
        ({"note": "x" * 4001}, "at most 4000 characters"),
    ):
        with pytest.raises(InvalidInput, match=words):
            annotate_run(ws, "elu_cnn-1", **wrong)
    with pytest.raises(NotFound):
        annotate_run(ws, "nobody", note="")


def test_the_command_notes_and_lists_by_tags(folder: Path, capsys: pytest.CaptureFixture[str]):
    full_workspace(folder)
    where = ["--workspace", str(folder)]
    assert (
        main([*where, "note", "elu_cnn-1", "--text", "for the paper", "--tags", "paper,deep", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["tags"] == ["paper", "deep"]
    assert main([*where, "runs", "--tags", "paper", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["note"]) for row in listed] == [("elu_cnn-1", "for the paper")]


def test_the_page_keeps_a_note_and_draws_smoothed_curves(folder: Path):
    ws = full_workspace(folder)
    page = open_page("train", run="elu_cnn-1")
    note = next(one for one in page.text_input if one.label == "Note")
    note.set_value("looked at twice").run()
    assert not page.exception
    assert runs.get_run(ws.database, "elu_cnn-1").note == "looked at twice"
    page.slider(key="train-smoothing").set_value(0.6).run()
    page.button_group(key="train-axes").set_value(["values"]).run()
    assert not page.exception


def test_a_momentum_is_chosen_by_word_or_typed(folder: Path):
    ws = full_workspace(folder)
    page = open_page("train")
    field = page.selectbox(key="new-run-FAST-batch_momentum")
    assert field.options[:2] == ["the network's own", "from the number of steps"]
    field.set_value("auto").run()
    page.button(key="train-start").click().run()
    assert not page.exception
    assert runs.get_run(ws.database, "elu_cnn-3").spec["batch_momentum"] == "auto"
