"""Curves that are smoothed or on logarithmic axes; notes and tags of runs, on the page and by command."""

import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lensapp.cli import main
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.services.train.run_notes import annotate_run
from lensapp.storage import runs
from lensapp.ui.train import curves
from support.node import evaluate
from support.pages_workspace import full_workspace, open_page

SCALES = partial(evaluate, "scales", folder=curves.MODULES.folder)


def test_a_smoothed_curve_is_the_unbiased_running_mean():
    # As TensorBoard draws it: sums 2, 2 and 1.5 of half weights, over the weights 1/2, 3/4 and 7/8 so far.
    drawn = SCALES("({ smoothed }, values) => [smoothed(values, 0.5), smoothed(values, 0)]", [4, 2, None, 1])
    np.testing.assert_allclose(np.array(drawn[0], float), [4.0, 2.0 / 0.75, np.nan, 1.5 / 0.875])
    assert drawn[1] == [4, 2, None, 1]


def test_axes_have_round_values_within_their_range():
    made = SCALES(
        """({ linearTicks, logTicks, readable }, _) => [
          linearTicks(0.13, 0.66, 5), linearTicks(0, 3, 8, { whole: true }),
          logTicks(2e-6, 1e-3).map((x) => readable(x)),
          logTicks(0.3, 2.5), [0.2355, 3221112, -0.00012, 1e-6, null].map((x) => readable(x))]"""
    )
    assert made[0] == pytest.approx([0.2, 0.4, 0.6])
    assert made[1] == [0, 1, 2, 3]  # there is nothing between epochs
    assert made[2] == ["10⁻⁵", "10⁻⁴", "0.001"]
    assert made[3] == pytest.approx([0.5, 1, 2])  # no power of ten stands alone
    assert made[4] == ["0.2355", "3\u202f221\u202f112", "−1.2·10⁻⁴", "10⁻⁶", "–"]


def test_an_epoch_lies_at_its_number_its_last_step_or_its_seconds():
    run = {"steps": 25, "columns": {"epoch": [1, 2, 3], "seconds": [4, 8, None]}}
    by = "({ positions }, run) => ['epoch', 'step', 'time'].map((axis) => positions(run, axis))"
    assert SCALES(by, run) == [[1, 2, 3], [25, 50, 75], [4, 8, None]]
    assert SCALES(by, run | {"steps": None})[1] == [None] * 3
    near = "({ nearest }, _) => [nearest([1, 2, 3], [5, null, 7], 1.9), nearest([1], [null], 1)]"
    assert SCALES(near) == [0, -1]


def test_a_learning_rate_steps_where_it_was_constant_and_falls():
    rates = [1e-3, 1e-3, 1e-4, 1e-4, 5e-5, 5e-5, 4e-5, 2e-5]  # the last two fall as a cosine does
    columns = {"epoch": list(range(1, 9)), "learning_rate": rates}
    assert SCALES("({ rateSteps }, columns) => rateSteps(columns)", columns) == [3, 5]


LINES = """({ linesOf, xAxisOf }, runs) => {
  const figures = [{ name: 'loss', key: 'loss' }];
  const view = { x: 'epoch', smoothing: 0 };
  const board = { runs, view, colours: ['a', 'b'], hidden: new Set(), withTraining: runs.length === 1 };
  const lines = linesOf({ figures, parted: true }, board);
  const axis = xAxisOf(runs, view, null);
  const told = lines.map(({ label, faint, colour, dash, run }) => [run.name, label, faint, colour, dash]);
  return [told, [axis.low, axis.high]];
}"""
DRAWN = partial(evaluate, "chart", LINES, folder=curves.MODULES.folder)


def test_training_is_faint_and_the_axis_shows_the_epochs_that_are_planned():
    columns = {"epoch": [1, 2], "loss": [1, 0.5], "val_loss": [1.1, 0.6]}
    lines, axis = DRAWN([{"name": "a", "columns": columns, "planned": 20, "steps": None}])
    assert lines == [["a", "loss, training", True, 0, None], ["a", "loss, validation", False, 0, None]]
    assert axis == [0, 20]


def test_a_run_that_is_alone_keeps_the_colour_that_it_has_in_the_table():
    columns = {"epoch": [1, 2], "val_loss": [1.1, 0.6]}
    lines, _ = DRAWN([{"name": "a", "columns": columns, "planned": None, "colour": 1}])
    assert lines == [["a", "loss, validation", False, 1, None]]


def test_runs_have_a_colour_each_and_further_ones_a_dash_too():
    columns = {"epoch": [1, 2], "loss": [1, 0.5], "val_loss": [1.1, 0.6]}
    lines, axis = DRAWN([{"name": name, "columns": columns, "planned": None} for name in "abcd"])
    assert [(line[0], line[3], line[4]) for line in lines] == [
        ("a", 0, None),
        ("b", 1, None),
        ("c", 0, "6 3"),
        ("d", 1, "6 3"),
    ]
    assert axis == [0, 2]


def test_values_kept_as_csv_are_those_measured():
    run = {
        "name": 'a, "b"',
        "steps": 2,
        "columns": {"epoch": [1, 2], "val_loss": [0.5, None], "seconds": [3, 6]},
    }
    text = SCALES("({ csvOf }, run) => csvOf([{ name: 'loss', key: 'loss' }], [run])", run)
    table = pd.read_csv(io.StringIO(text))
    assert list(table) == ["run", "epoch", "steps", "seconds", "val_loss"]
    assert table["run"].tolist() == ['a, "b"'] * 2
    np.testing.assert_array_equal(table["val_loss"], [0.5, np.nan])


def test_what_is_found_at_few_false_positives_is_a_panel_of_its_own_with_the_rate_of_the_recipe():
    few = curves.panels_for("binary", (), fpr=0.02)[3]
    columns = {"epoch": np.arange(1.0, 3.0), "val_tpr_at_fpr": np.array([0.2, 0.6])}
    drawn = curves.Drawn("a", columns, best_by="validation AUROC")
    alone = curves.charts_data([few], [drawn], captions=["n"])
    assert alone["runs"][0]["bestBy"] == "validation AUROC"
    assert [one["name"] for one in alone["panels"][0]["figures"]] == ["TPR at FPR 0.02", "AUROC to FPR 0.05"]
    assert alone["runs"][0]["columns"]["val_tpr_at_fpr"] == [0.2, 0.6]
    both = [curves.Drawn(name, columns) for name in ("a", "b")]
    together = curves.charts_data([few], both, captions=["n"])
    assert [one["title"] for one in together["panels"]] == ["TPR at FPR 0.02", "AUROC to FPR 0.05"]
    assert few.title not in [panel.title for panel in curves.panels_for("regression", ["x"])]


def test_a_figure_without_a_value_yet_is_named_all_the_same():
    purity = curves.PANELS[4]
    first = {"epoch": np.array([1.0]), "val_purity": np.array([np.nan]), "val_completeness": np.array([0.0])}
    data = curves.charts_data([purity], [curves.Drawn("a", first, planned=20)], captions=["n"])
    assert [one["name"] for one in data["panels"][0]["figures"]] == ["purity", "completeness"]
    assert data["runs"][0]["columns"]["val_purity"] == [None]
    assert data["runs"][0]["planned"] == 20


@pytest.mark.parametrize(
    "view",
    [
        curves.View(),
        curves.View(smoothing=0.6, x="time", log_values=True, log_epochs=True, training=False),
        curves.View(x="step", training=True),
    ],
)
def test_an_address_says_how_curves_are_drawn(view: curves.View):
    address = curves.address_of_view(view)
    assert curves.view_of_address(address) == view
    assert bool(address) == (view != curves.View())
    wrong = {"smoothing": "much", "x": "moon", "log": "everything", "training": "perhaps"}
    assert curves.view_of_address(wrong) == curves.View()


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


def test_the_page_keeps_a_note(folder: Path):
    ws = full_workspace(folder)
    page = open_page("train", run="elu_cnn-1")
    note = next(one for one in page.text_input if one.label == "Note")
    note.set_value("looked at twice").run()
    assert not page.exception
    assert runs.get_run(ws.database, "elu_cnn-1").note == "looked at twice"


def test_a_momentum_is_chosen_by_word_or_typed(folder: Path):
    ws = full_workspace(folder)
    page = open_page("train")
    field = page.selectbox(key="new-run-FAST-batch_momentum")
    assert field.options[:2] == ["the network's own", "from the number of steps"]
    field.set_value("auto").run()
    page.button(key="train-start").click().run()
    assert not page.exception
    assert runs.get_run(ws.database, "elu_cnn-3").spec["batch_momentum"] == "auto"


def test_the_axis_of_a_first_epoch_is_no_axis_of_last_digits() -> None:
    low, high = SCALES("(module, values) => module.rangeOf(values)", [0.5744, 0.5746])
    assert high - low > 0.05
    low, high = SCALES("(module, values) => module.rangeOf(values)", [0.2, 0.7])
    assert (low, high) == pytest.approx((0.17, 0.73))
