"""What tells lenses of a simulated survey from its other objects without looking at shapes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

from lensapp.core.evaluate.audits.shortcuts import Measures, central_pixels, noise_of, out_of_fold_scores
from lensapp.simulation.survey import DemoSpec, SimulatedBatch, simulate

APERTURES_ARCSEC = (0.75, 1.5, 3.0)


@dataclass(frozen=True)
class Audit:
    """Cross-validated AUROC of two classifiers that know too little to find a lens."""

    central_pixels: float
    aperture_photometry: float


def audit(spec: DemoSpec) -> Audit:
    """Simulate a survey; try logistic regression on its central pixels, and trees on its photometry."""
    batch = simulate(spec)
    trees = HistGradientBoostingClassifier(max_depth=4, random_state=0)
    return Audit(
        central_auroc(batch, spec),
        _auroc(trees, aperture_photometry(batch.pixels, spec), batch),
    )


def central_auroc(batch: SimulatedBatch, spec: DemoSpec) -> float:
    """AUROC of the workbench's own audit of central pixels."""
    cells = central_pixels(batch.pixels, spec.pixel_scale_arcsec)
    measures = Measures(np.arcsinh(cells / noise_of(batch.pixels)).reshape(len(cells), -1))
    labels = np.array([cutout.label == "lens" for cutout in batch.truth])
    parents = np.array([cutout.parent for cutout in batch.truth])
    scores = out_of_fold_scores(measures, labels, groups=parents, folds=3, seed=0)
    return float(roc_auc_score(labels, scores))


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
