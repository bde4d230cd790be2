"""Figures that say how good estimates with uncertainties are."""

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput

FloatArray = NDArray[np.float64]
LEVELS = np.linspace(0.05, 0.95, 19)
BAND_PERCENTILES = (2.5, 16.0, 50.0, 84.0, 97.5)
FEWEST_PER_BIN = 8

_COLUMNS = ("einstein_radius_arcsec", "ellipticity_e1", "ellipticity_e2", "lens_x_arcsec", "lens_y_arcsec")
_ROWS = {
    "Inception": (0.03, 0.04, 0.05, 0.06, 0.06),
    "AlexNet": (0.03, 0.04, 0.04, 0.05, 0.06),
    "OverFeat": (0.04, 0.05, 0.05, 0.06, 0.06),
    "Network 4": (0.03, 0.05, 0.06, 0.05, 0.05),
    "Combined": (0.02, 0.04, 0.04, 0.04, 0.04),
}
HEZAVEH_ERRORS = {name: dict(zip(_COLUMNS, row, strict=True)) for name, row in _ROWS.items()}
"""68 % errors by network and target, in arcsec for lengths: Hezaveh et al. 2017, Nature 548, 555, table 1."""


@dataclass(frozen=True)
class TargetFigures:
    """How well one target is estimated, in its own unit.

    Attributes
    ----------
    half_width_68
        Half of the width that holds the central 68 % of the errors (16th to 84th percentile).
    absolute_68
        68th percentile of the absolute error, which counts a bias too.
    bias, rmse
        Mean of the errors (estimate minus truth), and root of the mean of their squares.
    mean_sigma
        Mean uncertainty predicted.
    coverage_68, coverage_95
        Share of the truths within the predicted central 68 % and 95 %.
    nll
        Mean negative logarithm of the likelihood, the target in units of its spread in the truth.
    correlation
        Pearson's, of estimate and truth; None where either does not vary.
    """

    name: str
    half_width_68: float
    absolute_68: float
    bias: float
    rmse: float
    mean_sigma: float
    coverage_68: float
    coverage_95: float
    nll: float
    correlation: float | None


@dataclass(frozen=True)
class EstimateFigures:
    """The figures of all targets: means of each target's, and each."""

    n: int
    nll: float
    coverage_68: float
    coverage_95: float
    targets: tuple[TargetFigures, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"targets": [asdict(target) for target in self.targets]}


def measure_estimates(
    truth: ArrayLike, mean: ArrayLike, sigma: ArrayLike, *, targets: tuple[str, ...]
) -> EstimateFigures:
    """Measure estimates.

    Parameters
    ----------
    truth, mean, sigma : shape (n, t)
        True values, estimates and their standard deviations.
    """
    arrays = [np.asarray(values, np.float64) for values in (truth, mean, sigma)]
    shape = (len(arrays[0]), len(targets))
    wrong = any(values.shape != shape or not np.isfinite(values).all() for values in arrays)
    if wrong or not shape[0] or not (arrays[2] > 0).all():
        raise InvalidInput(
            f"The estimates of {', '.join(targets)} are not all finite with positive uncertainties (shapes "
            f"{', '.join(str(values.shape) for values in arrays)}). Evaluate the run again."
        )
    each: list[TargetFigures] = []
    for name, true, estimate, one_sigma in zip(targets, *(values.T for values in arrays), strict=True):
        error = estimate - true
        low, high = np.percentile(error, (16.0, 84.0))
        spread = float(true.std()) or 1.0
        terms = np.square(error / one_sigma) + 2 * np.log(one_sigma / spread) + np.log(2 * np.pi)
        varies = true.std() > 0 and estimate.std() > 0
        each.append(
            TargetFigures(
                name=name,
                half_width_68=float((high - low) / 2),
                absolute_68=float(np.percentile(np.abs(error), 68.0)),
                bias=float(error.mean()),
                rmse=float(np.sqrt(np.square(error).mean())),
                mean_sigma=float(one_sigma.mean()),
                coverage_68=float(coverage(true, estimate, one_sigma, 0.68)),
                coverage_95=float(coverage(true, estimate, one_sigma, 0.95)),
                nll=float(0.5 * terms.mean()),
                correlation=float(np.corrcoef(true, estimate)[0, 1]) if varies else None,
            )
        )
    return EstimateFigures(
        n=shape[0],
        nll=float(np.mean([one.nll for one in each])),
        coverage_68=float(np.mean([one.coverage_68 for one in each])),
        coverage_95=float(np.mean([one.coverage_95 for one in each])),
        targets=tuple(each),
    )


def coverage(truth: FloatArray, mean: FloatArray, sigma: FloatArray, level: float) -> Any:
    """Return the share of truths within the central interval of probability `level`, along the first axis."""
    limit = NormalDist().inv_cdf(0.5 + level / 2)
    return (np.abs(mean - truth) <= limit * sigma).mean(axis=0)


def calibration(truth: FloatArray, mean: FloatArray, sigma: FloatArray) -> FloatArray:
    """Return the coverage at each of `LEVELS`, shape (levels, t); calibrated uncertainties give the level.

    References
    ----------
    Perreault Levasseur, Hezaveh & Wechsler 2017, ApJ 850, L7, on coverage for these networks.
    """
    return np.stack([coverage(truth, mean, sigma, float(level)) for level in LEVELS])


def recovered_bands(truth: FloatArray, mean: FloatArray, *, bins: int = 12) -> dict[str, FloatArray]:
    """Return percentiles of the estimates in bins of truth that hold equally many cutouts.

    Returns
    -------
    dict
        truth (median of the bin), low_95, low_68, median, high_68 and high_95, each of shape (≤ bins,).
    """
    count = max(1, min(bins, len(truth) // FEWEST_PER_BIN))
    parts = np.array_split(np.argsort(truth, kind="stable"), count)
    middles = np.array([np.median(truth[part]) for part in parts])
    limits = np.array([np.percentile(mean[part], BAND_PERCENTILES) for part in parts])
    names = ("low_95", "low_68", "median", "high_68", "high_95")
    return {"truth": middles, **{name: limits[:, column] for column, name in enumerate(names)}}
