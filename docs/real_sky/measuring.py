"""Scores of real lenses and non-lenses, what decides whether a lens can be seen, and figures with limits."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.evaluate.metrics import rate_aim
from lensapp.core.evaluate.resampling import REPEATS, figure_intervals, resampled_figures
from lensapp.services.data.object_search import STAR
from lensapp.services.score.scores import load_scored
from lensapp.storage import runs, sources
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.workspace import Workspace
from real_sky.recipes import FOLDED, SCALE_ARCSEC, SIZE
from real_sky.training import MEASURED

BRIGHTNESS = "brightness"
ONE_IN_HUNDRED, ONE_IN_THOUSAND = (f"recall_{rate_aim(rate)}" for rate in (0.01, 0.001))
SEPARATION_ARCSEC, VISIBLE_SNR = 1.5, 5.0
RADIUS_ARCSEC = np.hypot(*(np.indices((SIZE, SIZE)) - (SIZE - 1) / 2)) * SCALE_ARCSEC
CORE, SKY = RADIUS_ARCSEC < 0.6, RADIUS_ARCSEC > 0.45 * SIZE * SCALE_ARCSEC
RING = (RADIUS_ARCSEC >= 1.0) & (RADIUS_ARCSEC <= 3.0)
Figure = tuple[float, float, float]
Table = pd.DataFrame


def read_scores(ws: Workspace, names: Sequence[str], *, folds: int) -> Table:
    """Return one row per real cutout: its kind, field, whether it is a lens, and the score (a logit) by each name.

    Every cutout is scored by a network that never saw its field: of recipes with a network for each fold, the
    runs are called NAME-FOLD.
    """
    parts = []
    for fold in range(folds):
        for kind in MEASURED:
            source = sources.get_source(ws.database, f"{kind}-{fold}")
            columns = sources.cutout_columns(
                ws.database, [source.id], columns=("id", "row", "candidate_id", "parent")
            )
            rows = pd.DataFrame(columns).set_index("id")
            rows["kind"], rows["fold"], rows["lens"] = kind, fold, kind == "lenses"
            rows["field"] = rows["parent"].fillna(rows["candidate_id"])
            likeness = sources.property_column(ws.database, [source.id], "star_likeness")
            rows["star"] = likeness >= STAR  # none of the lenses has one
            pixels = open_cutouts(ws, source.name, calibrated=True).read(columns["row"])
            rows[BRIGHTNESS] = total_flux(pixels)
            for name in names:
                run = f"{name}-{fold}" if name.split("-")[0] in FOLDED else name
                scored = load_scored(ws, run=runs.get_run(ws.database, run), source=source)
                score = np.clip(pd.Series(scored.scores, index=scored.cutout_ids), 1e-7, 1 - 1e-7)
                rows[name] = np.log(score / (1 - score))
            parts.append(rows)
    return pd.concat(parts)


def total_flux(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the flux in i within 1.5 arcsec of the middle, above the sky, of cutouts (n, y, x, band)."""
    return above_sky(pixels)[:, RADIUS_ARCSEC < 1.5, 2].sum(axis=1)


def describe_lenses(ws: Workspace, catalogue: Path, *, folds: int) -> Table:
    """Return what decides whether a lens can be seen: separation, blue light around it, S/N in g and i."""
    listed = pd.read_csv(catalogue).set_index("object_id")["image_separation_arcsec"]
    parts = []
    for fold in range(folds):
        source = sources.get_source(ws.database, f"lenses-{fold}")
        columns = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id", "row"))
        light = above_sky(open_cutouts(ws, source.name, calibrated=True).read(columns["row"]))
        ids = pd.Series(columns["candidate_id"])
        described = {
            "separation": ids.map(listed).to_numpy(float),
            "visible": blue_excess(light),
            "snr": signal_to_noise(light[..., 0], CORE),
            "snr_i": signal_to_noise(light[..., 2], CORE),
        }
        parts.append(pd.DataFrame(described, index=ids))
    return pd.concat(parts)


def above_sky(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return cutouts (n, y, x, band) less the sky of each band; masked pixels are sky."""
    level = np.nanmedian(pixels[:, SKY], axis=1)
    return np.nan_to_num(pixels - level[:, None, None, :]).astype(np.float64)


def blue_excess(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the S/N of blue light in a ring around each object of cutouts (n, y, x, band) without sky.

    Blue is what is left of g after i is taken off, scaled to leave nothing in the core: arcs are bluer than
    their lens. Light of blue neighbours counts too.
    """
    blue, red = light[..., 0], light[..., 2]
    share = np.clip(blue[:, CORE].sum(1) / np.maximum(red[:, CORE].sum(1), 1e-9), 0.0, 3.0)
    return signal_to_noise(blue - share[:, None, None] * red, RING)


def signal_to_noise(plane: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the S/N of the light of images (n, y, x) in some pixels (y, x)."""
    noise = 1.4826 * np.median(np.abs(plane[:, SKY]), axis=1)
    return np.asarray(plane[:, where].sum(1) / (noise * np.sqrt(where.sum())), np.float64)


def lens_bins(lenses: Table) -> dict[str, pd.Series]:
    """Return which lenses are in each bin, by the words for it."""
    middle = float(lenses["snr"].median())
    return {
        f"separation above {SEPARATION_ARCSEC:g}″": lenses["separation"] > SEPARATION_ARCSEC,
        f"separation up to {SEPARATION_ARCSEC:g}″": lenses["separation"] <= SEPARATION_ARCSEC,
        "separation not listed": lenses["separation"].isna(),
        f"blue light around it, S/N above {VISIBLE_SNR:g}": lenses["visible"] > VISIBLE_SNR,
        "no such light": lenses["visible"] <= VISIBLE_SNR,
        f"S/N in g above {middle:.0f}": lenses["snr"] > middle,
        f"S/N in g up to {middle:.0f}": lenses["snr"] <= middle,
        f"S/N in i up to {VISIBLE_SNR:g}: nothing to see": lenses["snr_i"] <= VISIBLE_SNR,
    }


def whole_objects(scores: Table) -> Table:
    """Return the lenses, and the objects whose cutouts lie within their image."""
    return scores[scores["kind"] != "around"]


def all_objects(scores: Table) -> Table:
    """Return the lenses, and all objects, also those at the edges of their image."""
    return scores[scores["kind"] != "objects"]


def figures(scores: Table, members: Sequence[str]) -> dict[str, Figure]:
    """Return AUROC and recalls on real non-lenses of the mean logit of `members`, with their 95 % limits.

    Whole fields are drawn anew, and with each draw as many of the members, with repetition: the limits hold
    for other fields and other seeds.
    """
    lens, fields = scores["lens"].to_numpy(bool), scores["field"].to_numpy(str)
    logits = scores[list(members)].to_numpy(float)
    rng = np.random.default_rng(0)
    found = figure_intervals(lens, logits.mean(axis=1), rng=rng, groups=fields, repeats=2)
    draws = rng.integers(logits.shape[1], size=(REPEATS, logits.shape[1]))
    drawn = np.concatenate(
        [
            resampled_figures(
                lens, logits[:, chosen].mean(axis=1, keepdims=True), rng=rng, groups=fields, repeats=times
            )[:, 0]
            for chosen, times in Counter(tuple(sorted(draw)) for draw in draws.tolist()).items()
        ]
    )
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    return {
        name: (one.value, min(float(low[k]), one.value), max(float(high[k]), one.value))
        for k, (name, one) in enumerate(found.items())
    }


def limits(figure: Figure) -> str:
    """Return a figure with its limits."""
    return "{:.2f} ({:.2f}–{:.2f})".format(*figure)
