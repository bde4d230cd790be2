"""What tells lenses of a simulated survey from its other objects without looking at shapes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lensapp.simulation.survey import DemoSpec, SimulatedBatch, simulate

CENTRAL_ARCSEC = 4.0
APERTURES_ARCSEC = (0.75, 1.5, 3.0)


@dataclass(frozen=True)
class Audit:
    """Cross-validated AUROC of two classifiers that know too little to find a lens."""

    central_pixels: float
    aperture_photometry: float


def audit(spec: DemoSpec) -> Audit:
    """Simulate a survey; try logistic regression on its central pixels, and trees on its photometry."""
    batch = simulate(spec)
    noise = 1.4826 * np.nanmedian(np.abs(batch.pixels), axis=(0, 1, 2))
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300))
    trees = HistGradientBoostingClassifier(max_depth=4, random_state=0)
    pixels = np.arcsinh(central_pixels(batch.pixels, spec.pixel_scale_arcsec) / noise)
    return Audit(
        _auroc(logistic, pixels.reshape(len(pixels), -1), batch),
        _auroc(trees, aperture_photometry(batch.pixels, spec), batch),
    )


def central_pixels(pixels: NDArray[np.float32], pixel_scale_arcsec: float) -> NDArray[np.float32]:
    """Return the middle of cutouts, CENTRAL_ARCSEC wide and at most 16 pixels, coarser pixels beyond that."""
    step = max(1, round(CENTRAL_ARCSEC / pixel_scale_arcsec / 16))
    half = step * 8
    middle = pixels.shape[1] // 2
    inner = np.nan_to_num(pixels[:, middle - half : middle + half, middle - half : middle + half])
    return inner.reshape(len(inner), 16, step, 16, step, -1).mean((2, 4))


def aperture_photometry(pixels: NDArray[np.float32], spec: DemoSpec) -> NDArray[np.float64]:
    """Return seven numbers: a magnitude, two concentrations and four colours, by asinh (NaN where dark)."""
    size = pixels.shape[1]
    axis = (np.arange(size) - (size - 1) / 2) * spec.pixel_scale_arcsec
    radius = np.hypot(axis[:, None], axis)
    noise = 1.4826 * np.nanmedian(np.abs(pixels), axis=(0, 1, 2))
    flux = np.stack([np.nansum(pixels[:, radius < limit], 1) / noise for limit in APERTURES_ARCSEC], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        magnitude = -2.5 * np.log10(flux)
    # The band nearest to the middle stands for all, as r does in g, r, i.
    middle, last = len(spec.bands) // 2, len(spec.bands) - 1
    return np.column_stack(
        [
            magnitude[:, 2, middle],
            magnitude[:, 0, middle] - magnitude[:, 2, middle],
            magnitude[:, 1, middle] - magnitude[:, 2, middle],
            magnitude[:, 0, 0] - magnitude[:, 0, middle],
            magnitude[:, 2, 0] - magnitude[:, 2, middle],
            magnitude[:, 0, middle] - magnitude[:, 0, last],
            magnitude[:, 2, middle] - magnitude[:, 2, last],
        ]
    )


def _auroc(model: object, features: NDArray[np.floating], batch: SimulatedBatch) -> float:
    return cross_val_score(
        model,
        features,
        [cutout.label == "lens" for cutout in batch.truth],
        groups=[cutout.parent for cutout in batch.truth],
        cv=StratifiedGroupKFold(3),
        scoring="roc_auc",
    ).mean()
