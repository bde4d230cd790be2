"""Which runs the figure of costs leaves out, and why."""

from dataclasses import replace
from pathlib import Path

from lensapp.services.train.comparisons import compared_runs
from lensapp.ui.evaluate.compare import compare_figures
from support.pages_workspace import full_workspace


def test_runs_without_a_cost_are_named_with_the_reason(folder: Path) -> None:
    ws = full_workspace(folder)
    [run] = compared_runs(ws, ["elu_cnn-1"])
    few, run = replace(run, label="few", parameters=5), replace(run, tpr10=0.5)
    rows = [
        replace(run, label="whole", parameters=5),
        *(replace(run, label=f"old {place}") for place in range(6)),
        replace(run, label="jury", kind="committee"),
        replace(run, label="theirs", model="external"),
        replace(run, label="values", auroc=None, tpr10=None, parameters=5),
    ]
    assert compare_figures.not_drawn(rows, "parameters").split("; ") == [
        "old 0, old 1, old 2, old 3 and 2 more (parameters not recorded)",
        "jury (a committee is not trained, its members are)",
        "theirs (a table of scores, whose network is not known here)",
        "values (no TPR10: it does not tell lenses from non-lenses)",
    ]
    assert compare_figures.not_drawn(rows[:1], "parameters") == ""
    few_told = "few (no TPR10: too few non-lenses to tell it)"
    assert compare_figures.not_drawn([few], "parameters") == few_told
