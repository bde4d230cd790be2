"""Scores made into probabilities: maps fitted on validation, and figures that say how well they hold.

The raw score is always kept; a map is rising, so that ranking, ROC and thresholds by rank stay what they are.
"""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.calibration_spec import METHODS, CalibrationMethod
from lensapp.core.evaluate.curves import FloatArray, checked
from lensapp.core.evaluate.intervals import trials_in_bins, wilson_limits
from lensapp.core.log_odds import log_odds_terms, probability
from lensapp.core.plurals import counted

FEWEST = 10  # of each class
FOLDS = 5
LARGE_C = 1e6


@dataclass(frozen=True)
class Calibration:
    """A rising map from scores to probabilities.

    Attributes
    ----------
    scores, probabilities
        Points of the isotonic map, between which it is straight; empty for the others.
    slope, slope_of_complement, intercept
        Of the logit: slope · ln s - slope_of_complement · ln(1 - s) + intercept.
    part, n_positive, n_negative
        On what it was fitted.
    """

    method: CalibrationMethod
    part: str
    n_positive: int
    n_negative: int
    slope: float = 1.0
    slope_of_complement: float = 1.0
    intercept: float = 0.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def __call__(self, scores: ArrayLike) -> FloatArray:
        """Return the probability of each score, the same shape; NaN stays NaN."""
        values = np.asarray(scores, np.float64)
        if self.method == "isotonic":
            calibrated: FloatArray = np.interp(values, self.scores, self.probabilities)
            return np.where(np.isnan(values), np.nan, calibrated)
        rising, falling = log_odds_terms(values)
        logit = self.slope * rising - self.slope_of_complement * falling + self.intercept
        return probability(logit)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "Calibration":
        """Read what `as_dict` returned."""
        points = {name: tuple(saved.get(name, ())) for name in ("scores", "probabilities")}
        return cls(**saved | points)


def fit_calibration(
    labels: ArrayLike, scores: ArrayLike, *, method: CalibrationMethod, part: str = "validation"
) -> Calibration:
    """Fit a map from scores to probabilities on labelled scores.

    "platt": a line in the logit of the score; "temperature": the logit divided by one number; "beta":
    separate slopes towards 0 and 1; "isotonic": the best rising steps, for many cutouts.

    Parameters
    ----------
    labels, scores : shape (n,)
        Scores between 0 and 1.

    References
    ----------
    Platt 1999, Advances in Large Margin Classifiers, 61; Zadrozny & Elkan 2002, KDD, 694 (isotonic);
    Kull, Silva Filho & Flach 2017, AISTATS 54, 623 (beta); Guo et al. 2017, ICML 70, 1321 (temperature).
    """
    truth, values = checked(labels, scores)
    require_enough(truth, part=part, what="a calibration")
    _require_probabilities(values)
    return _fit(truth, values, method=method, part=part)


def _require_probabilities(values: FloatArray) -> None:
    if values.min() < 0 or values.max() > 1:
        raise InvalidInput("Scores outside 0–1 are no probabilities. Calibrate scores between 0 and 1.")


def _fit(
    truth: NDArray[np.bool_], values: FloatArray, *, method: CalibrationMethod, part: str
) -> Calibration:
    from scipy.optimize import minimize_scalar  # slow to import, and pages only apply what was fitted
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    fitted = partial(Calibration, method, part, int(truth.sum()), int((~truth).sum()))
    if method == "isotonic":
        steps = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(values, truth)
        return fitted(
            scores=tuple(steps.X_thresholds_.tolist()),
            probabilities=tuple(steps.y_thresholds_.tolist()),
        )
    rising, falling = log_odds_terms(values)
    logit = rising - falling
    if method == "temperature":

        def loss(log_slope: float) -> float:
            return float(np.logaddexp(0, np.where(truth, -1, 1) * np.exp(log_slope) * logit).mean())

        slope = float(np.exp(minimize_scalar(loss, bounds=(-7, 7), method="bounded").x))
        return fitted(slope=slope, slope_of_complement=slope)
    if method == "platt":
        line = LogisticRegression(C=LARGE_C).fit(logit[:, None], truth)
        slope = max(float(line.coef_[0, 0]), 0.0)
        return fitted(slope=slope, slope_of_complement=slope, intercept=float(line.intercept_[0]))
    a, b, c = _fit_beta(truth, rising, falling)
    return fitted(slope=a, slope_of_complement=b, intercept=c)


def log_losses(labels: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None) -> dict[str, float]:
    """Return the mean negative log likelihood of the raw scores, as "none", and of each method's maps.

    Each fifth of the cutouts is judged by a map fitted on the other four: one judged by what it was fitted
    on would be the better the more freely it bends.

    Parameters
    ----------
    labels, scores : shape (n,)
        Scores between 0 and 1.
    groups : shape (n,)
        Equal for cutouts that share a fifth, of one object; without them each stands for itself.

    References
    ----------
    Gneiting & Raftery 2007, JASA 102, 359 (the logarithmic score).
    """
    truth, values = checked(labels, scores)
    require_enough(truth, part="fitted", what="a calibration")
    _require_probabilities(values)
    fold = _folds(truth, np.arange(len(truth)) if groups is None else np.asarray(groups))
    parts = [(fold != one, fold == one) for one in range(FOLDS)]
    parts = [(kept, left) for kept, left in parts if left.any() and 0 < truth[kept].sum() < kept.sum()]
    if not parts:  # all lenses, or all others, are of one object
        return {}
    judged = np.concatenate([truth[left] for _, left in parts])
    losses = {"none": _log_loss(judged, np.concatenate([values[left] for _, left in parts]))}
    for method in METHODS:
        maps = [_fit(truth[kept], values[kept], method=method, part="") for kept, _ in parts]
        probabilities = [one(values[left]) for one, (_, left) in zip(maps, parts, strict=True)]
        losses[method] = _log_loss(judged, np.concatenate(probabilities))
    return losses


def _folds(truth: NDArray[np.bool_], groups: NDArray[Any]) -> NDArray[np.int64]:
    """Return the fifth of each cutout: by chance, whole groups, those with lenses evenly."""
    _, group_of = np.unique(groups, return_inverse=True)
    has_lens = np.bincount(group_of, weights=truth) > 0
    order = np.lexsort((np.random.default_rng(0).random(len(has_lens)), has_lens))
    fold_of = np.empty(len(order), np.int64)
    fold_of[order] = np.arange(len(order)) % FOLDS
    return fold_of[group_of]


def _log_loss(truth: NDArray[np.bool_], probabilities: FloatArray) -> float:
    of_lens, of_other = log_odds_terms(probabilities)
    return float(-np.where(truth, of_lens, of_other).mean())


def require_enough(truth: NDArray[np.bool_], *, part: str, what: str) -> tuple[int, int]:
    """Return the numbers of lenses and non-lenses of a part; refuse to fit on too few."""
    positive, negative = int(truth.sum()), int((~truth).sum())
    if reason := too_few(positive, negative, part=part, what=what):
        raise InvalidInput(reason)
    return positive, negative


def too_few(positive: int, negative: int, *, part: str, what: str) -> str:
    """Return why nothing can be fitted on so few lenses or non-lenses; nothing where there are enough."""
    if min(positive, negative) >= FEWEST:
        return ""
    return (
        f"The {part} part has {counted(positive, 'lens')} and {counted(negative, 'non-lens')}; {what} needs "
        f"at least {FEWEST} of each. Use a larger part."
    )


def _fit_beta(
    truth: NDArray[np.bool_], rising: FloatArray, falling: FloatArray
) -> tuple[float, float, float]:
    """Return the slopes, none below zero, and the intercept of the beta map of highest likelihood."""
    from scipy.optimize import minimize

    sign = np.where(truth, -1.0, 1.0)

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        margin = sign * (values[0] * rising - values[1] * falling + values[2])
        weight = sign / (1 + np.exp(-margin))
        slope = np.array([weight @ rising, -(weight @ falling), weight.sum()])
        return float(np.logaddexp(0, margin).mean()), slope / len(truth)

    fitted = minimize(loss, np.array([1.0, 1.0, 0.0]), jac=True, bounds=[(0, None), (0, None), (None, None)])
    a, b, c = (float(value) for value in fitted.x)
    return a, b, c


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often cutouts of a score are lenses.

    Attributes
    ----------
    mean_score, share, low, high : shape (bins,)
        Mean score, share of lenses and its 95 % limits (Wilson) of equal numbers of cutouts, by score.
    number : shape (bins,)
        Cutouts in each.
    expected_error
        Mean distance of score and share, weighted by cutouts (ECE).
    brier, reliability, resolution, uncertainty
        Brier score, and the three terms that make it up within bins (reliability - resolution + uncertainty;
        the scatter of scores within a bin is the small rest).
    """

    mean_score: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    number: NDArray[np.int64]
    expected_error: float
    brier: float
    reliability: float
    resolution: float
    uncertainty: float


def measure_reliability(
    labels: ArrayLike, scores: ArrayLike, *, bins: int = 15, objects: NDArray[np.int64] | None = None
) -> Reliability:
    """Measure how well scores between 0 and 1 are probabilities.

    Bins hold equal numbers of cutouts, but cutouts of equal score share a bin. Cutouts with one value of
    `objects` (n,) show one object, which counts once in the limits of a bin.

    References
    ----------
    Naeini, Cooper & Hauskrecht 2015, AAAI, 2901 (ECE); Murphy 1973, J. Applied Meteorology 12, 595 (terms).
    """
    truth, values = checked(labels, scores)
    _require_probabilities(values)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    bin_of = np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)[1]
    number = np.bincount(bin_of)
    mean_score = np.bincount(bin_of, weights=values) / number
    share, base = np.bincount(bin_of, weights=truth) / number, float(truth.mean())
    weight = number / len(truth)
    low, high = wilson_limits(share, number if objects is None else trials_in_bins(truth, bin_of, objects))
    return Reliability(
        mean_score, share, low, high, number,
        expected_error=float(weight @ np.abs(mean_score - share)),
        brier=float(np.mean((values - truth) ** 2)),
        reliability=float(weight @ (mean_score - share) ** 2),
        resolution=float(weight @ (share - base) ** 2),
        uncertainty=base * (1 - base),
    )  # fmt: skip
