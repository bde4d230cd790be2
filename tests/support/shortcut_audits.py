"""What tells lenses of a simulated survey from its other objects without looking at shapes; one to audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

from lensapp.core.evaluate.audits.shortcuts import Measures, central_pixels, noise_of, out_of_fold_scores
from lensapp.simulation.survey import DemoSpec, SimulatedBatch, simulate
from lensapp.storage import datasets, sources
from lensapp.storage.workspace import Workspace
from support.pages_workspace import BANDS, SIZE, add_evaluation, add_run
from support.small_surveys import pack_source

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


def add_marked_survey(
    ws: Workspace,
    *,
    count: int = 120,
    kind: str = "demo",
    lens_columns: Mapping[str, object] = MappingProxyType({}),
    other_columns: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Two classes alike but for a mark in a corner of the lenses; row 100, in the test part, shows row 0."""
    pixels = np.random.default_rng(1).normal(0, 1, (count, SIZE, SIZE, 3)).astype(np.float32)
    pixels[::2, :2, :2] += 4.0
    rows = [
        {
            "row": k,
            "candidate_id": f"J{k}",
            "label": ("lens", "nonlens")[k % 2],
            "parent": "J0" if k == 100 else None,
            "ra_deg": 150.0 + k / 10,
            "dec_deg": 2.0,
            "properties": {"einstein_radius_arcsec": 1.1} | dict(lens_columns)
            if k % 2 == 0
            else {"seeing_arcsec": 0.7} | dict(other_columns),
        }
        for k in range(count)
    ]
    pack_source(ws, "wolves", pixels, rows, bands=BANDS, kind=kind)


def add_dataset_and_run(ws: Workspace, name: str = "husky") -> None:
    """Divide "wolves" as it comes into 80 training, 20 validation and 20 test cutouts; evaluate a run."""
    source = sources.get_source(ws.database, "wolves")
    columns = sources.cutout_columns(ws.database, [source.id], columns=("id", "label"))
    parts = ["train"] * 80 + ["validation"] * 20 + ["test"] * 20
    members = [
        {"cutout_id": int(key), "part": part, "label": label, "group_id": int(key), "fold": None,
         "label_from": "demo"}
        for key, label, part in zip(columns["id"], columns["label"], parts, strict=True)
    ]  # fmt: skip
    counts = {part: {"lens": 10, "nonlens": 10} for part in ("train", "validation", "test")}
    made = datasets.create_dataset(
        ws.database, name="wolves-v1", source_ids=[source.id], bands=BANDS, spec={}, counts=counts,
        checksum="1" * 64, members=members,
    )  # fmt: skip
    add_evaluation(ws, add_run(ws, made, name), made)
