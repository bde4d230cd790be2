"""Figures that say how well scores tell lenses from non-lenses.

All follow scikit-learn's definitions to rounding. TPR0 and TPR10 are those of the Bologna challenge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import (
    Confusion,
    ThresholdCounts,
    checked,
    confusion_at,
    count_thresholds,
    precision_recall,
    roc,
)
from lensapp.core.evaluate.histogram import counts_of_many
from lensapp.core.evaluate.intervals import Trials, trials_of, wilson_limits

DEFAULT_THRESHOLD = 0.5
COIN = 0.5  # the AUROC of scores that say nothing
PARTIAL_RATE = 0.05  # of false positives, up to which a partial area is taken
FALSE_POSITIVE_RATES = (1e-2, 1e-3, 1e-4)
NEGATIVES_EXPECTED = 3  # accepted at a rate that is proposed: with fewer, the rate itself is not known
EXCEPTIONS = 0.1  # lenses missed and non-lenses accepted at the aims of 90 %, of which as many are expected
TELLING = round(NEGATIVES_EXPECTED / EXCEPTIONS)  # lenses, or cutouts accepted
FEW_NONLENSES = 10  # that do not tell TPR0 and TPR10: fewer than ten of them are all, or all but one
COUNTED_IN = 100  # non-lenses of a part in which 10 false positives are no more than a tenth


@dataclass(frozen=True)
class Figures:
    """The figures of one set of labelled scores; purity, completeness and accuracy at `threshold`.

    Intervals hold 95 % (Wilson). `purity` is None when nothing is accepted, `brier` when the scores are
    not probabilities, `tpr0` and `tpr10` where ten non-lenses or fewer cannot tell them. `tied_lenses` have
    exactly the score of some non-lens, None where scores were counted in bins.
    """

    n: int
    n_positive: int
    auroc: float
    average_precision: float
    pr_auc_trapezoid: float
    tpr0: float | None
    tpr10: float | None
    threshold: float
    confusion: Confusion
    accuracy: float
    purity: float | None
    completeness: float
    purity_interval: tuple[float, float]
    completeness_interval: tuple[float, float]
    brier: float | None
    tied_lenses: int | None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the figures must know of the scores."""
        words = []
        if self.auroc < 0.5:
            words.append(
                f"The AUROC of {self.auroc:.3f} is below 0.5: non-lenses get higher scores than lenses. It "
                "is shown as it is; check the labels, and that a high score means a lens."
            )
        if self.tied_lenses:
            words.append(
                f"{self.tied_lenses} of {self.n_positive} lenses share their score with non-lenses: such "
                "pairs count half in the AUROC, and no threshold parts them."
            )
        return tuple(words)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = asdict(self)
        values["purity_interval"] = list(self.purity_interval)
        values["completeness_interval"] = list(self.completeness_interval)
        return values


@dataclass(frozen=True)
class Suggestion:
    """A threshold, why one would choose it, and what it gives."""

    name: str
    meaning: str
    threshold: float
    purity: float
    completeness: float
    accepted: int


@dataclass(frozen=True)
class ThresholdProposals:
    """Thresholds for common aims, chosen on one part of a dataset, and on how many cutouts.

    Attributes
    ----------
    part
        Name of the part.
    n, n_positive, n_negative
        Cutouts, lenses and non-lenses in it.
    thresholds
        What they give is said of this part.
    not_proposed
        Aim → why the part cannot say it.
    """

    part: str
    n: int
    n_positive: int
    n_negative: int
    thresholds: tuple[Suggestion, ...]
    not_proposed: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"thresholds": [asdict(one) for one in self.thresholds]}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "ThresholdProposals":
        """Read what `as_dict` returned; aims out of reach, of which older ones say nothing, have a reason."""
        part, offered = saved["part"], tuple(Suggestion(**one) for one in saved["thresholds"])
        numbers = {name: saved[name] for name in ("n_positive", "n_negative")}
        thresholds, untold = _told(offered, part=part, **numbers)
        reasons = _with_unreached(untold | saved["not_proposed"], thresholds, part=part)
        return cls(**saved | {"thresholds": thresholds, "not_proposed": reasons})


def measure(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    objects: NDArray[np.int64] | None = None,
) -> Figures:
    """Measure labelled scores.

    Parameters
    ----------
    labels, scores : shape (N,)
        See `lensapp.core.evaluate.curves.count_thresholds`.
    threshold
        Objects with at least this score are accepted.
    objects : shape (N,), optional
        Cutouts with one value show one object, which counts once in the limits.
    """
    truth, values = checked(labels, scores)
    counts = count_thresholds(truth, values)
    trials = trials_of(counts, truth, values, objects)
    return figures_of(counts, threshold=threshold, brier=brier(truth, values), trials=trials)


def figures_of(
    counts: ThresholdCounts,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    brier: float | None = None,
    confusion: Confusion | None = None,
    trials: Trials | None = None,
) -> Figures:
    """Gather all figures that follow from the counts at each threshold.

    `confusion` is that at `threshold` where it was counted more finely than the counts are; `trials` says
    what shares are worth where several cutouts show one object.
    """
    if not np.isfinite(threshold):
        raise InvalidInput(f"The threshold {threshold} is not a finite number. Choose one among the scores.")
    confusion = confusion or confusion_at(counts, threshold)
    untold = untold_figures(counts.n_negative)
    purity, completeness = _intervals_at(counts, confusion, threshold, trials)
    return Figures(
        n=counts.n,
        n_positive=counts.n_positive,
        auroc=auroc(counts),
        average_precision=average_precision(counts),
        pr_auc_trapezoid=pr_auc_trapezoid(counts),
        tpr0=None if "tpr0" in untold else recall_with_fewer_false_positives(counts, limit=1),
        tpr10=None if "tpr10" in untold else recall_with_fewer_false_positives(counts, limit=10),
        threshold=float(threshold),
        confusion=confusion,
        accuracy=confusion.accuracy,
        purity=confusion.purity,
        completeness=confusion.completeness,
        purity_interval=purity,
        completeness_interval=completeness,
        brier=brier,
        tied_lenses=tied_lenses(counts),
    )


def _intervals_at(
    counts: ThresholdCounts, confusion: Confusion, threshold: float, trials: Trials | None
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the limits of purity and of completeness at a threshold; (0, 1) of what nothing tells."""
    accepted, lenses = float(confusion.tp + confusion.fp), float(counts.n_positive)
    if trials is not None:
        reached = int(np.searchsorted(-counts.thresholds, -threshold, side="right"))
        accepted, lenses = float(trials.accepted[reached]), float(trials.lenses[reached])
    limits = [
        (0.0, 1.0) if share is None else wilson_limits(share, worth)
        for share, worth in ((confusion.purity, accepted), (confusion.completeness, lenses))
    ]
    (purity_low, purity_high), (low, high) = limits
    return (float(purity_low), float(purity_high)), (float(low), float(high))


def tied_lenses(counts: ThresholdCounts) -> int | None:
    """Return the number of lenses whose score some non-lens has too; None where scores are in bins."""
    if counts.binned:
        return None
    lenses, others = (
        np.diff(reached, prepend=0) for reached in (counts.true_positives, counts.false_positives)
    )
    return int(lenses[others > 0].sum())


def auroc(counts: ThresholdCounts) -> float:
    """Return the area under the ROC: the chance that a lens outscores a non-lens, ties counting half.

    References
    ----------
    Hanley & McNeil 1982, Radiology 143, 29.
    """
    widths = np.diff(counts.false_positives, prepend=0)
    heights = counts.true_positives * 2 - np.diff(counts.true_positives, prepend=0)
    return float(np.dot(widths, heights)) / (2.0 * counts.n_positive * counts.n_negative)


def partial_auroc(counts: ThresholdCounts, *, largest_rate: float = PARTIAL_RATE) -> float:
    """Return the area under the ROC up to a false positive rate, scaled so that chance is 0.5 and best is 1.

    References
    ----------
    McClish 1989, Medical Decision Making 9, 190; scikit-learn's `roc_auc_score(max_fpr=…)`.
    """
    rate, completeness, _ = roc(counts)
    inside = rate <= largest_rate
    x = np.append(rate[inside], largest_rate)
    y = np.append(completeness[inside], np.interp(largest_rate, rate, completeness))
    area, chance = float(np.trapezoid(y, x)), largest_rate**2 / 2
    return 0.5 * (1 + (area - chance) / (largest_rate - chance))


def average_precision(counts: ThresholdCounts) -> float:
    """Return the step-wise area under purity against completeness, Σ (R_k - R_{k-1}) P_k.

    This, not the trapezoid, is what most papers and scikit-learn's `average_precision_score` quote as
    "PR AUC".

    References
    ----------
    Davis & Goadrich 2006, ICML, on why straight lines between points are too optimistic.
    """
    purity, _, _ = precision_recall(counts)
    return float(np.dot(np.diff(counts.true_positives, prepend=0), purity)) / counts.n_positive


def pr_auc_trapezoid(counts: ThresholdCounts) -> float:
    """Return the area under straight lines between the purity–completeness points, from purity 1."""
    purity, completeness, _ = precision_recall(counts)
    return float(np.trapezoid(np.append(1.0, purity), np.append(0.0, completeness)))


def recall_with_fewer_false_positives(counts: ThresholdCounts, *, limit: int) -> float:
    """Return the highest completeness reached with fewer than `limit` false positives.

    `limit=1` is TPR0, `limit=10` is TPR10. Objects of equal score are accepted together, so a non-lens
    that shares the highest score of all makes TPR0 zero.

    References
    ----------
    Metcalf et al. 2019, A&A 625, A119, section 4.
    """
    reached = int(np.searchsorted(counts.false_positives, limit, side="left"))
    return int(counts.true_positives[reached - 1]) / counts.n_positive if reached else 0.0


def recall_at_rate(counts: ThresholdCounts, rate: float) -> float:
    """Return the highest completeness reached at a false positive rate of at most `rate`."""
    allowed = np.floor(rate * counts.n_negative * (1 + 1e-12))
    reached = int(np.searchsorted(counts.false_positives, allowed, side="right"))
    return int(counts.true_positives[reached - 1]) / counts.n_positive if reached else 0.0


def brier(labels: ArrayLike, scores: ArrayLike) -> float | None:
    """Return the mean squared difference of score and truth, None when a score lies outside 0–1.

    References
    ----------
    Brier 1950, Monthly Weather Review 78, 1.
    """
    truth, values = checked(labels, scores)
    if values.min() < 0 or values.max() > 1:
        return None
    return float(np.mean((values - truth) ** 2))


def propose_thresholds(labels: ArrayLike, scores: ArrayLike, *, part: str) -> ThresholdProposals:
    """Propose thresholds for common aims on one part of a dataset, and say why others are not.

    A false positive rate is proposed only where at least 3 non-lenses are expected above it, and a share of
    90 % where 3 exceptions to it are; a number of false positives needs 100 non-lenses. A part with lenses or
    non-lenses only proposes nothing.

    Parameters
    ----------
    labels : bool, shape (N,)
    scores : shape (N,)
    part
        Its name, which the proposals keep.
    """
    truth = np.asarray(labels, bool)
    n, n_positive = truth.size, int(np.count_nonzero(truth))
    if n_positive in (0, n):
        reason = f"the {part} part has {n_positive} lenses and {n - n_positive} non-lenses; both are needed"
        return ThresholdProposals(part, n, n_positive, n - n_positive, (), {"all": reason})
    counts = counts_of_many(truth, np.asarray(scores))
    not_proposed = {
        rate_aim(rate): f"needs {NEGATIVES_EXPECTED / rate:.0f} non-lenses, the {part} part has "
        f"{counts.n_negative}"
        for rate in FALSE_POSITIVE_RATES
        if not resolves(counts, rate)
    }
    numbers = {"n_positive": n_positive, "n_negative": counts.n_negative}
    thresholds, untold = _told(suggest_thresholds(counts), part=part, **numbers)
    reasons = _with_unreached(untold | not_proposed, thresholds, part=part)
    return ThresholdProposals(part, n, n_positive, n - n_positive, thresholds, reasons)


def _told(
    offered: Sequence[Suggestion], *, part: str, n_positive: int, n_negative: int
) -> tuple[tuple[Suggestion, ...], dict[str, str]]:
    """Return the thresholds whose aim a part of so many cutouts can tell, and why it cannot tell the others.

    What no non-lens of a few passes, or most of a few lenses reach, is another threshold in another part.
    """
    few = {}
    if n_negative < COUNTED_IN:
        few = dict.fromkeys(
            ("tpr0", "tpr10"), f"needs {COUNTED_IN} non-lenses, the {part} part has {n_negative}"
        )
    if n_positive < TELLING:
        few["completeness_90"] = f"needs {TELLING} lenses, the {part} part has {n_positive}"
    purity = next((one for one in offered if one.name == "purity_90" and one.accepted < TELLING), None)
    if purity is not None:
        few[purity.name] = (
            f"only {purity.accepted} of the {part} part would be accepted, {TELLING} are needed to tell it"
        )
    return tuple(one for one in offered if one.name not in few), few


def _with_unreached(
    reasons: dict[str, str], thresholds: tuple[Suggestion, ...], *, part: str
) -> dict[str, str]:
    """Return why each aim is not proposed, also of those that no score of the part reaches."""
    if "all" in reasons:
        return reasons
    best = f"at least as high as the best lens of the {part} part"
    unreached = {
        "tpr0": f"a non-lens scores {best}",
        "tpr10": f"10 or more non-lenses score {best}",
        **{rate_aim(rate): f"more non-lenses than that score {best}" for rate in FALSE_POSITIVE_RATES},
        "purity_90": f"no threshold of the {part} part has it",
    }
    proposed = {one.name for one in thresholds}
    return {aim: why for aim, why in unreached.items() if aim not in proposed} | reasons


def rate_aim(rate: float) -> str:
    """Return the name of the aim of a false positive rate: fpr_1e-3."""
    return f"fpr_1e{round(np.log10(rate))}"


def resolves(counts: ThresholdCounts, rate: float) -> bool:
    """Return whether there are enough non-lenses to know a false positive rate: 3 expected above it."""
    return enough_nonlenses(counts.n_negative, rate)


def enough_nonlenses(number: int, rate: float) -> bool:
    """Return whether of so many non-lenses at least 3 are expected above a false positive rate."""
    return number * rate >= NEGATIVES_EXPECTED * (1 - 1e-9)


def untold_figures(n_negative: int) -> frozenset[str]:
    """Return the figures that so few non-lenses cannot tell, by the names of `resampling.FIGURES`.

    A rate of false positives needs 3 expected above it. With ten non-lenses or fewer, fewer than ten false
    positives cannot be avoided or are all but one, and the highest score of so few differs from part to part.
    """
    rates = {
        f"recall_{rate_aim(rate)}" for rate in FALSE_POSITIVE_RATES if not enough_nonlenses(n_negative, rate)
    }
    return frozenset(rates | ({"tpr0", "tpr10"} if n_negative <= FEW_NONLENSES else set()))


def told_figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored figures of a part, None for those that its non-lenses cannot tell."""
    if figures.get("n") is None or figures.get("n_positive") is None:
        return dict(figures)
    untold = untold_figures(int(figures["n"]) - int(figures["n_positive"]))
    return {name: None if name in untold else value for name, value in figures.items()}


def suggest_thresholds(counts: ThresholdCounts) -> list[Suggestion]:
    """Suggest thresholds for common aims; aims that the scores cannot reach or resolve are left out."""
    rate = counts.false_positives / counts.n_negative
    purity, recall, _ = precision_recall(counts)
    correct = counts.true_positives - counts.false_positives
    f1 = 2 * counts.true_positives / (counts.true_positives + counts.false_positives + counts.n_positive)
    suggestions = [
        _suggest(counts, "accuracy", "most objects decided correctly", int(np.argmax(correct))),
        _suggest(counts, "f1", "best balance of purity and completeness (F1)", int(np.argmax(f1))),
        _suggest(
            counts, "youden", "completeness minus false positive rate is largest (Youden's J)",
            int(np.argmax(recall - rate)),
        ),
        _last(counts, "tpr0", "most lenses with no false positive", counts.false_positives < 1),
        _last(counts, "tpr10", "most lenses with fewer than 10 false positives", counts.false_positives < 10),
        *(
            _last(counts, rate_aim(limit), f"most lenses at a false positive rate ≤ {limit:g}", rate <= limit)
            for limit in FALSE_POSITIVE_RATES
            if resolves(counts, limit)
        ),
        _last(counts, "purity_90", "most lenses at a purity of at least 90 %", purity >= 0.9),
        _suggest(
            counts, "completeness_90", "highest threshold that keeps 90 % of the lenses",
            int(np.argmax(recall >= 0.9)),
        ),
    ]  # fmt: skip
    return [suggestion for suggestion in suggestions if suggestion is not None]


def _last(counts: ThresholdCounts, name: str, meaning: str, allowed: Any) -> Suggestion | None:
    reached = np.flatnonzero(allowed & (counts.true_positives > 0))
    return _suggest(counts, name, meaning, int(reached[-1])) if reached.size else None


def _suggest(counts: ThresholdCounts, name: str, meaning: str, index: int) -> Suggestion:
    confusion = confusion_at(counts, float(counts.thresholds[index]))
    return Suggestion(
        name=name,
        meaning=meaning,
        threshold=float(counts.thresholds[index]),
        purity=confusion.purity or 0.0,
        completeness=confusion.completeness,
        accepted=confusion.tp + confusion.fp,
    )
