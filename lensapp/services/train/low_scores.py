"""Why no score of a run reaches 0.5, as far as its best epoch and its training part tell it."""

from collections.abc import Mapping
from typing import Any

from lensapp.storage import datasets
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

WORSE_LOSS = 1.5  # times the training part's loss, of the validation part: the network does not carry over
LOST_ACCURACY = 0.15
FEW_LENSES = 0.4  # of the training part: below it lenses score below 0.5 while little is learned
SETTLED_STEPS = 300  # of batch normalisation with a momentum of 0.99
LENS_OR_NOT = "binary"


def without_lens_scores(run: Run) -> bool:
    """Whether the best epoch of an ended training accepted no cutout of the validation part as a lens."""
    best = run.summary.get("best") or {}
    return best.get("val_completeness") == 0.0 and best.get("val_purity") is None


def why_low_scores(ws: Workspace, run: Run) -> str:
    """Return in sentences why no score of a run reaches 0.5 and what helps, as far as that is known."""
    best = run.summary.get("best") or {}
    if not best:  # a committee, or a run that was brought here
        return ""
    if best.get("val_purity") is not None:
        return (
            "Scores of its validation part did reach 0.5: this source has no such lenses, or its cutouts "
            "differ from those it learned from."
        )
    lenses = lens_share(datasets.dataset_by_id(ws.database, run.dataset_id).counts)
    return reason_for_low_scores(best, run.spec, lenses)


def lens_share(counts: Mapping[str, Mapping[str, int]]) -> float | None:
    """Return the share of lenses in the training part of a dataset version, None where it is empty."""
    learned = counts.get("train", {})
    total = sum(learned.values())
    return learned.get("lens", 0) / total if total else None


def reason_for_low_scores(best: Mapping[str, Any], spec: Mapping[str, Any], lenses: float | None) -> str:
    """Return what figures of the best epoch and the share of lenses say of scores all below 0.5.

    Parameters
    ----------
    best
        Figures of the best epoch.
    spec
        Values of the recipe, which need not be complete.
    lenses
        Share of lenses in the training part, None where it is not known.
    """
    if gap := _gap_in_words(best):
        return f"{gap}{_cause_of_gap(best, spec)}{_weights_in_words(spec, lenses)}"
    kind = (spec.get("task") or {}).get("kind", LENS_OR_NOT)
    if lenses is None or lenses >= FEW_LENSES or kind != LENS_OR_NOT:
        return ""
    if spec.get("class_weights", "none") != "none" or spec.get("oversampling"):
        return ""
    return (
        f"Lenses are {100 * lenses:.0f}\u00a0% of the training part, and scores stay about there while "
        "little is learned: train longer, or with class weights balanced."
    )


def _gap_in_words(best: Mapping[str, Any]) -> str:
    """Return how much worse the validation part is than the training part, nothing where it is not."""
    pairs = {
        name: (float(best[key]), float(best[f"val_{key}"]))
        for name, key in (("accuracy", "accuracy"), ("loss", "loss"))
        if best.get(key) is not None and best.get(f"val_{key}") is not None
    }
    lost = "accuracy" in pairs and pairs["accuracy"][0] - pairs["accuracy"][1] >= LOST_ACCURACY
    worse = "loss" in pairs and pairs["loss"][1] >= WORSE_LOSS * pairs["loss"][0] > 0
    if not (lost or worse):
        return ""
    told = " and ".join(
        f"{name} {ours:.2f} on the training part, {theirs:.2f} on the validation part"
        for name, (ours, theirs) in pairs.items()
        if (lost if name == "accuracy" else worse)
    )
    return f"{told[0].upper()}{told[1:]}: what it learned does not carry over. "


def _cause_of_gap(best: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Return what makes such a gap: over-fitting, or batch normalisation too, where few steps were made."""
    cures = "train on more cutouts, with more augmentation, or a smaller network"
    steps = int(best.get("batches") or 0) * int(best.get("epoch") or 0)
    if not 0 < steps < SETTLED_STEPS or spec.get("batch_momentum") is not None:
        return f"That is over-fitting: {cures}."
    return (
        f"That is over-fitting ({cures}) or, after {steps} steps, batch normalisation that has not settled "
        "(set its momentum from the number of steps)."
    )


def _weights_in_words(spec: Mapping[str, Any], lenses: float | None) -> str:
    """Return that balanced weights would not help where lenses are the more frequent class."""
    if lenses is None or lenses <= 0.5 or spec.get("class_weights", "none") != "none":
        return ""
    return (
        f" Class weights balanced would lower scores further: lenses are {100 * lenses:.0f}\u00a0% of the "
        "training part."
    )
