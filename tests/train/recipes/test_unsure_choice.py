"""What is said where the best epoch is within its statistical error of the last one."""

from typing import Any

from lensapp.services.train.best_epochs import best_epoch_in_words, chosen_by, no_surer_than_last, why_chosen
from lensapp.storage import runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from support.pages_workspace import add_dataset, add_run, add_survey


def run_of(best: dict[str, float], **summary: Any) -> Run:
    spec = {"monitor": summary["best_by"]}
    return Run(1, "one", 1, None, "elu_cnn", "finished", spec, {"best": best} | summary, None, 0.0, 1.0)


def test_a_choice_within_its_error_of_the_last_epoch_is_told_with_what_that_does_better() -> None:
    best = {"val_partial_auc": 0.62, "val_auc": 0.71, "val_loss": 0.55}
    last = {"epoch": 8, "val_partial_auc": 0.60, "val_auc": 0.80, "val_loss": 0.41}
    run = run_of(best, best_by="val_partial_auc", best_epoch=3)
    told = no_surer_than_last(run, last, lenses=28)
    assert told.startswith("The choice of epoch 3 rests on 28 lenses: its AUROC to FPR 0.05 (0.62 ±")
    assert "AUROC (0.8 in place of 0.71) and loss (0.41 in place of 0.55)" in told
    assert no_surer_than_last(run, last, lenses=28_000) == ""  # surely the better one
    assert (
        no_surer_than_last(run, last | {"val_partial_auc": 0.51}, lenses=28) == ""
    )  # by more than its error
    assert no_surer_than_last(run, last | {"val_auc": 0.7, "val_loss": 0.6}, lenses=28) == ""
    assert no_surer_than_last(run_of(best, best_by="val_partial_auc", best_epoch=8), last, lenses=28) == ""


def test_the_error_of_the_auroc_is_its_stored_one_and_a_loss_has_none() -> None:
    best = {"val_auc": 0.77, "val_auc_low": 0.70, "val_auc_high": 0.83, "val_loss": 0.92}
    last = {"epoch": 8, "val_auc": 0.73, "val_loss": 0.74}
    told = no_surer_than_last(run_of(best, best_by="val_auc", best_epoch=7), last, lenses=56)
    assert "the better loss (0.74 in place of 0.92)" in told
    assert no_surer_than_last(run_of(best, best_by="val_loss", best_epoch=7), last, lenses=56) == ""


def test_a_figure_that_only_parts_equal_epochs_is_not_told_as_what_chose_the_best(ws: Workspace) -> None:
    """Epochs 5 to 7 have one AUROC, and epoch 1 the least loss of all."""
    best = {"val_auc": 0.8068, "val_loss": 0.626, "judged_by": "val_auc"}
    run = run_of(best, best_by="val_loss", best_epoch=5, epochs=8)
    run.spec["monitor"] = "val_partial_auc"
    assert best_epoch_in_words(run) == "best epoch 5 of 8 (validation AUROC = 0.807)"
    assert chosen_by(ws, run) == "AUROC"
    assert why_chosen(run) == (
        "The best epoch is chosen by the AUROC of the validation part: the AUROC to FPR 0.05 cannot be told "
        "from so few non-lenses. Of the epochs with the same AUROC it has the least loss."
    )
    by_loss = run_of({"val_loss": 0.5, "judged_by": "val_loss"}, best_by="val_loss")
    assert why_chosen(by_loss) == "The best epoch is chosen by the loss of the validation part."


def test_while_a_run_is_under_way_its_last_epoch_tells_by_what_the_best_is_chosen(ws: Workspace) -> None:
    run = add_run(ws, add_dataset(ws, add_survey(ws)), "one", epochs=1)
    runs.update_run(
        ws.database, run.id, state="running", summary={}, spec=run.spec | {"monitor": "val_partial_auc"}
    )
    under_way = runs.get_run(ws.database, "one")
    assert chosen_by(ws, under_way) == "AUROC to FPR 0.05"
    for epoch, figure in ((2, "val_partial_auc"), (3, "val_auc")):
        runs.put_metrics(ws.database, run.id, epoch, {"judged_by": figure})
    assert chosen_by(ws, under_way) == "AUROC"
