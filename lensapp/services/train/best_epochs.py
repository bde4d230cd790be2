"""The best epoch of a training in words: which it is, what chose it, and whether it is better than chance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.evaluate.metrics import COIN
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.storage import datasets, runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

MISLEADS_FROM = 2  # times as many lenses at a lower threshold than at 0.5
RISEN_LOSS = 1.5  # times its least, of the validation part: scores are far too sure
OTHERS_COMPARED = {"val_auc": 1, "val_loss": -1}  # figures of all cutouts: better where higher, or lower
FIGURE_WORDS = {
    "val_loss": "loss",
    "val_auc": "AUROC",
    "val_partial_auc": "AUROC to FPR 0.05",
    "val_tpr_at_fpr": "TPR at FPR {fpr:g}",
}

Histories = Mapping[str, NDArray[np.float64]]  # figures of each epoch, by their names


def best_epoch_in_words(run: Run) -> str:
    """Return the best epoch of an ended training with the figure that chose it; nothing before the first."""
    epochs, best = run.summary.get("epochs"), run.summary.get("best_epoch")
    if not epochs or not best:
        return ""
    name = _chosen_by(run)
    value = _best(run).get(name)
    chosen_by = "" if value is None else f" (validation {_words(run, name)} = {value:.3g})"
    return f"best epoch {best} of {epochs}{chosen_by}"


def chosen_by(ws: Workspace, run: Run) -> str:
    """Return the name of the figure of the validation part by which the best epoch is chosen.

    While the run is under way its last epoch tells it: the recipe may ask for one that so few non-lenses
    cannot tell.
    """
    under_way = not _best(run) and runs.last_metrics_of(ws.database, run.id).get("judged_by")
    return _words(run, under_way or _chosen_by(run))


def _chosen_by(run: Run) -> str:
    """Return the first figure by which epochs are compared; others part those that it leaves equal."""
    first = _best(run).get("judged_by") or run.summary.get("best_by")
    return str(first or run.spec.get("monitor") or "val_loss")


def why_chosen(run: Run) -> str:
    """Return in a sentence what the best epoch was chosen by; nothing where that is not known."""
    first, monitor = _best(run).get("judged_by"), str(run.spec.get("monitor") or "val_loss")
    if first is None:
        return ""
    last = str(run.summary.get("best_by") or first)
    told = f"The best epoch is chosen by the {_words(run, first)} of the validation part"
    if first != monitor:
        told += f": the {_words(run, monitor)} cannot be told from so few non-lenses"
    if last != first:
        best_of = f"{'least' if last == 'val_loss' else 'highest'} {_words(run, last)}"
        told += f". Of the epochs with the same {_words(run, first)} it has the {best_of}"
    return f"{told}."


def why_choice_unsure(ws: Workspace, run: Run) -> str:
    """Return in a sentence that the last epoch of an ended training may be as good as its best one."""
    rows = runs.metrics_of(ws.database, run.id)
    if not rows or run.spec.get("fold") is not None:  # a fold holds out cutouts that are not counted here
        return ""
    counts = datasets.dataset_by_id(ws.database, run.dataset_id).counts
    return no_surer_than_last(run, rows[-1], lenses=counts.get("validation", {}).get("lens", 0))


def no_surer_than_last(run: Run, last: Mapping[str, Any], *, lenses: int) -> str:
    """Return in a sentence that the best epoch is within its statistical error of the last; else nothing.

    That is told where the last epoch is the better one by other figures. The error is that of a figure of
    `lenses` cutouts (95 %); of the AUROC the one that was stored with it. A loss has none.

    Parameters
    ----------
    last
        Figures of the last epoch.
    lenses
        Lenses in the validation part.
    """
    best, name = _best(run), _chosen_by(run)
    ours, theirs, error = best.get(name), last.get(name), _error_of(best, name, lenses=lenses)
    if ours is None or theirs is None or error is None or abs(ours - theirs) > error:
        return ""
    better = [
        f"{FIGURE_WORDS[other]} ({last[other]:.3g} in place of {best[other]:.3g})"
        for other, sign in OTHERS_COMPARED.items()
        if other != name
        and None not in (best.get(other), last.get(other))
        and sign * (last[other] - best[other]) > 0
    ]
    epoch = run.summary.get("best_epoch")
    if not better or last.get("epoch") == epoch:
        return ""
    return (
        f"The choice of epoch {epoch} rests on {lenses} lenses: its {_words(run, name)} ({ours:.3g} ± "
        f"{error:.2g}) is within its error of that of the last epoch ({theirs:.3g}), which has the better "
        f"{' and '.join(better)} of the validation part."
    )


def _error_of(best: Mapping[str, Any], name: str, *, lenses: int) -> float | None:
    """Return half the width of the 95 % interval of a figure of the best epoch, None where none is known."""
    value = best.get(name)
    if value is None or lenses < 1:
        return None
    if name == "val_auc":
        low, high = best.get("val_auc_low"), best.get("val_auc_high")
        return None if low is None or high is None else (high - low) / 2
    if name == "val_tpr_at_fpr":
        return _half_width(value, lenses)
    if name == "val_partial_auc":  # 0.5 is chance and 1 the best: half the mean share of lenses accepted
        return _half_width(max(2 * value - 1, 0.0), lenses) / 2
    return None


def _half_width(share: float, lenses: int) -> float:
    low, high = wilson_interval(round(share * lenses), lenses)
    return (high - low) / 2


def no_better_than_chance(run: Run) -> str:
    """Return in a sentence that the best epoch orders the validation part as a coin would; else nothing."""
    best = _best(run)
    area, low = best.get("val_auc"), best.get("val_auc_low")
    if area is None or (area if low is None else low) > COIN:  # no limits are known of earlier runs
        return ""
    limits = "" if low is None else f" (95\u00a0%: {low:.2f}–{best['val_auc_high']:.2f})"
    means = "not told from chance" if area > COIN else "no better than chance"
    return (
        f"In its best epoch the AUROC of the validation part is {area:.3f}{limits}: {means}. Train longer, "
        "or on more cutouts, before its scores are used."
    )


def risen_loss(run: Run, history: Histories) -> float | None:
    """Return how many times its least the validation loss of the best epoch is; None where it is no alarm."""
    best, losses = _best(run).get("val_loss"), history.get("val_loss")
    if best is None or losses is None or not np.isfinite(losses).any():
        return None
    least = float(np.nanmin(losses))
    return best / least if 0 < RISEN_LOSS * least <= best else None


def risen_loss_in_words(run: Run, history: Histories) -> str:
    """Return in a sentence that the loss of the best epoch is far above its least; else nothing."""
    times = risen_loss(run, history)
    if times is None:
        return ""
    losses = np.asarray(history["val_loss"])
    at = int(history["epoch"][np.nanargmin(losses)])
    ours, least = _best(run)["val_loss"], np.nanmin(losses)
    figure = _words(run, _chosen_by(run))
    return (
        f"The validation loss of the best epoch ({ours:.3g}) is {times:.1f} times its least ({least:.3g}, "
        f"epoch {at}): the {figure} tells the order of scores only, and they are far too sure. "
        "Calibrate them, or train for fewer epochs, with more augmentation or on more cutouts."
    )


def usual_threshold_misleads(run: Run) -> str:
    """Return in a sentence that 0.5 is too strict for the best epoch, by its validation part; else nothing.

    It is where a lower threshold accepts at least twice as many lenses at the few false positives at which
    runs are compared. Where none is accepted at 0.5 the page says more.
    """
    best = _best(run)
    usual, reached = best.get("val_completeness"), best.get("val_tpr_at_fpr")
    if not usual or not reached or reached < MISLEADS_FROM * usual:
        return ""
    rate = _words(run, "val_tpr_at_fpr").removeprefix("TPR at ")
    return (
        "Purity and completeness above are at score ≥ 0.5, which misleads here: in the best epoch it "
        f"accepts {100 * usual:.0f}\u00a0% of the lenses of the validation part, a lower threshold "
        f"{100 * reached:.0f}\u00a0% at {rate}. Evaluate proposes one."
    )


def _best(run: Run) -> dict[str, Any]:
    return run.summary.get("best") or {}


def _words(run: Run, name: str) -> str:
    default = float(TrainingSpec.model_fields["monitor_fpr"].default)
    return FIGURE_WORDS.get(name, name).format(fpr=float(run.spec.get("monitor_fpr") or default))
