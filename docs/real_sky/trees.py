"""What aperture photometry alone can tell: trees on brightness, colours and concentration, and no image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from lensapp.core.evaluate.audits.realism import aperture_photometry
from lensapp.storage import sources
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.workspace import Workspace
from real_sky.measuring import Table
from real_sky.recipes import BANDS, SCALE_ARCSEC

SKY = ("sky noise", "sky level", "noise correlation")
SIMULATED, REAL = "trees-simulated", "trees-real"
TREES = {
    SIMULATED: "the same simulated and painted cutouts, aperture photometry only",
    REAL: "the same real lenses and non-lenses, aperture photometry only",
}
Values = NDArray[np.float64]


def add_trees(ws: Workspace, scores: Table, *, folds: int) -> Table:
    """Add the scores (logits) of trees that learned from simulated cutouts, and from other folds' real ones."""
    real = {
        (kind, fold): measured(ws, f"{kind}-{fold}")[0]
        for kind in scores["kind"].unique()
        for fold in range(folds)
    }
    simulated, lens = zip(*(measured(ws, name) for name in ("preset", "arcs", "field")), strict=True)
    everywhere = grown(np.concatenate(simulated), np.concatenate(lens))
    for fold in range(folds):
        learned = [
            (values, np.full(len(values), kind == "lenses"))
            for (kind, other), values in real.items()
            if other != fold and kind != "around"
        ]
        others = grown(*(np.concatenate(part) for part in zip(*learned, strict=True)))
        for kind in scores["kind"].unique():
            rows = (scores["kind"] == kind) & (scores["fold"] == fold)
            for name, trees in ((SIMULATED, everywhere), (REAL, others)):
                share = np.clip(trees.predict_proba(real[kind, fold])[:, 1], 1e-3, 1 - 1e-3)
                scores.loc[rows, name] = np.log(share / (1 - share))
    return scores


def measured(ws: Workspace, name: str) -> tuple[Values, NDArray[np.bool_]]:
    """Return brightness, colours and concentration (n, columns) of the cutouts of a source, and which are lenses."""
    source = sources.get_source(ws.database, name)
    columns = sources.cutout_columns(ws.database, [source.id], columns=("row", "label"))
    pixels = open_cutouts(ws, name, calibrated=True).read(columns["row"])
    table = aperture_photometry(
        pixels, bands=BANDS.split(","), pixel_scale_arcsec=SCALE_ARCSEC, in_one_unit=True
    )
    kept = [number for number, theme in enumerate(table.themes) if not theme.startswith(SKY)]
    return table.values[:, kept], np.asarray(columns["label"]) == "lens"


def grown(values: Values, lens: Sequence[bool] | NDArray[np.bool_]) -> ExtraTreesClassifier:
    """Return extremely randomised trees that learned from measured cutouts.

    References
    ----------
    Geurts, Ernst & Wehenkel 2006, Machine Learning 63, 3.
    """
    return ExtraTreesClassifier(500, min_samples_leaf=3, random_state=0).fit(values, lens)
