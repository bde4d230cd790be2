"""What tells simulated cutouts from real ones: probes on simple photometry and on features.

A probe that reaches an AUROC of 0.5 cannot tell the two apart. What a probe can see, a network can learn in
place of lenses, and a completeness measured on such simulations is not that of the sky.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.resampling import figure_intervals

FloatArray = NDArray[np.float64]
Kind = Literal["trees", "linear"]
Column = tuple[str, str, FloatArray]
"""Theme, name and values of one measure."""

RADII_ARCSEC = (0.75, 1.5, 3.0)
SKY_FROM = 0.9  # of the inscribed circle
FEWEST = 20  # cutouts of each source
REPEATS = 5
TELLING, COMPARED = 3, 6
BINS, OUTER = 24, 1.0  # per cent at either end that are counted in the outermost bins
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, eq=False)
class Table:
    """Measured columns, each with the theme that it belongs to.

    Attributes
    ----------
    values : shape (n, columns)
        NaN where a cutout has none.
    names, themes
        Of each column; columns of one theme ("brightness in g") are shuffled together.
    """

    values: FloatArray
    names: tuple[str, ...]
    themes: tuple[str, ...]


@dataclass(frozen=True)
class Giveaway:
    """One thing by which a probe tells simulated from real.

    Attributes
    ----------
    drop
        Loss of AUROC when the columns of the theme are shuffled among the cutouts.
    alone
        AUROC of its best column alone, 0.5 to 1.
    column, real, simulated
        That column and its medians.
    """

    theme: str
    drop: float
    alone: float
    column: str
    real: float
    simulated: float


@dataclass(frozen=True)
class Distribution:
    """How one measure is distributed in real and in simulated cutouts.

    Attributes
    ----------
    edges
        Of bins of equal width; what lies beyond is in the outermost ones.
    real, simulated
        Share of the cutouts that have a value in each bin.
    """

    theme: str
    column: str
    edges: tuple[float, ...]
    real: tuple[float, ...]
    simulated: tuple[float, ...]


@dataclass(frozen=True)
class Probe:
    """How well simulated cutouts are told from real ones, out of fold.

    Attributes
    ----------
    low, high
        Limits of the 95 % interval of the AUROC, by drawing fields anew.
    giveaways
        At most three, the most telling first; none for features, which have no names.
    distributions
        Of the best measures of at most six themes, in the same order.
    """

    auroc: float
    low: float
    high: float
    giveaways: tuple[Giveaway, ...] = ()
    distributions: tuple[Distribution, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {
            "giveaways": [asdict(one) for one in self.giveaways],
            "distributions": [asdict(one) for one in self.distributions],
        }


def aperture_photometry(
    pixels: NDArray[Any], *, bands: Sequence[str], pixel_scale_arcsec: float, in_one_unit: bool
) -> Table:
    """Measure brightness, colours, concentration and sky of objects in the middle of their cutouts.

    Parameters
    ----------
    pixels : shape (n, y, x, bands)
        Of AB zero point 25, or of any unit; masked pixels (NaN) count as sky.
    in_one_unit
        Whether the flux of all is in that unit. Else fluxes are in units of the noise of a pixel, and there
        are no colours.
    """
    height, width = pixels.shape[1:3]
    y, x = np.indices((height, width), np.float64)
    radius = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
    ring = radius > SKY_FROM * min(height, width) / 2
    inside = [radius * pixel_scale_arcsec <= max(limit, pixel_scale_arcsec) for limit in RADII_ARCSEC]
    columns: list[Column] = []
    for number, band in enumerate(bands):
        plane = pixels[..., number].astype(np.float64)
        columns += _of_band(plane, band, ring=ring, inside=inside, in_one_unit=in_one_unit)
    if in_one_unit:
        brightness = {name: values for _, name, values in columns}
        for blue, red in pairwise(bands):
            first, second = (brightness[f"{band} magnitude within 1.5 arcsec"] for band in (blue, red))
            columns.append((f"colour {blue}−{red}", f"{blue}−{red} within 1.5 arcsec", first - second))
    themes, names, values = zip(*columns, strict=True)
    return Table(np.stack(values, axis=1), names, themes)


def _of_band(
    plane: FloatArray,
    band: str,
    *,
    ring: NDArray[np.bool_],
    inside: Sequence[NDArray[np.bool_]],
    in_one_unit: bool,
) -> list[Column]:
    """Return brightness, concentration and sky of one band, shape (n, y, x)."""
    border = plane[:, ring]
    border[~np.isfinite(border).any(axis=1)] = 0.0
    level = np.nanmedian(border, axis=1)
    noise = np.nanmedian(np.abs(border - level[:, None]), axis=1) * MAD_TO_SIGMA
    noise = np.maximum(noise, np.finfo(np.float32).tiny)
    light = np.nan_to_num(plane - level[:, None, None])
    unit = np.ones_like(noise) if in_one_unit else noise
    flux = [light[:, part].sum(axis=1) / unit for part in inside]
    columns: list[Column] = []
    for limit, one in zip(RADII_ARCSEC, flux, strict=True):
        logarithm = np.log10(np.where(one > 0.0, one, np.nan))
        word, value = ("magnitude", 25.0 - 2.5 * logarithm) if in_one_unit else ("log S/N", logarithm)
        columns.append((f"brightness in {band}", f"{band} {word} within {limit:g} arcsec", value))
    for (inner, outer), (small, large) in zip(pairwise(RADII_ARCSEC), pairwise(flux), strict=True):
        share = np.clip(small / np.where(large > 0.0, large, np.nan), -1.0, 3.0)
        name = f"share of {band} flux within {inner:g} of {outer:g} arcsec"
        columns.append((f"concentration in {band}", name, share))
    if in_one_unit:
        columns.append((f"sky noise in {band}", f"log noise of a pixel in {band}", np.log10(noise)))
    columns.append((f"sky level in {band}", f"{band} sky level over noise", level / noise))
    pairs = ring[:, 1:] & ring[:, :-1]
    # Products of clipped values: a star in the border would decide alone.
    sky = plane - level[:, None, None]
    spread = np.nanmedian(np.abs(np.where(ring, sky, np.nan)), axis=(1, 2), keepdims=True) * MAD_TO_SIGMA
    sky = np.clip(np.nan_to_num(sky), -3 * spread, 3 * spread)
    products = (sky[:, :, 1:] * sky[:, :, :-1])[:, pairs].mean(axis=1)
    correlation = products / np.maximum((sky[:, ring] ** 2).mean(axis=1), 1e-300)
    name = f"correlation of neighbouring {band} sky pixels"
    columns.append((f"noise correlation in {band}", name, correlation))
    return columns


def chance_scatter(real: int, simulated: int) -> float:
    """Return how far from 0.5 an AUROC falls by chance, in 95 of 100 audits of so many cutouts.

    References
    ----------
    Mann & Whitney 1947, Annals of Mathematical Statistics 18, 50 (variance of U where nothing differs).
    """
    return 1.96 * float(np.sqrt((real + simulated + 1) / (12 * real * simulated)))


def probe(
    table: Table,
    simulated: NDArray[np.bool_],
    *,
    groups: NDArray[Any],
    kind: Kind,
    folds: int,
    rng: np.random.Generator,
) -> Probe:
    """Tell simulated from real cutouts by their columns, each judged by a probe that never saw its group.

    Parameters
    ----------
    simulated, groups : shape (n,)
        Truth, and what must not be in two folds: the field or the host of a cutout.
    kind
        Gradient-boosted trees, or a logistic regression on standardised columns.

    Raises
    ------
    InvalidInput
        When there are too few cutouts or fields of either.

    References
    ----------
    Breiman 2001, Machine Learning 45, 5 (permutation importance).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    counts = [int((simulated == truth).sum()) for truth in (False, True)]
    fields = [len(np.unique(groups[simulated == truth])) for truth in (False, True)]
    if min(counts) < FEWEST or min(fields) < folds:
        raise InvalidInput(
            f"{counts[0]} real cutouts of {fields[0]} fields and {counts[1]} simulated ones of {fields[1]} "
            f"are too few: each needs {FEWEST} cutouts of {folds} fields. Take larger sources or fewer folds."
        )
    seed = int(rng.integers(2**31))
    model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    if kind == "trees":
        model = HistGradientBoostingClassifier(
            max_iter=100, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=10, random_state=seed
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    scores = np.zeros(len(simulated))
    themes = list(dict.fromkeys(table.themes)) if kind == "trees" else []
    drops = np.zeros(len(themes))
    # One thread: for tables of this size several cost more than they save, a multiple on a busy machine.
    with threadpool_limits(1):
        for learned, held in splitter.split(table.values, simulated, groups):
            model.fit(table.values[learned], simulated[learned])
            scores[held] = model.predict_proba(table.values[held])[:, 1]
            if len(np.unique(simulated[held])) == 2:
                for number, theme in enumerate(themes):
                    drops[number] += _drop(model, table, simulated, theme, held=held, rng=rng) / folds
    area = figure_intervals(simulated, scores, rng=rng, groups=groups)["auroc"]
    giveaways = [_giveaway(table, simulated, theme, drop) for theme, drop in zip(themes, drops, strict=True)]
    # What does not stand out of chance alone names nothing. Shuffling one of several columns that say the
    # same costs nothing: what each tells alone decides then.
    least = 0.5 + chance_scatter(*counts)
    giveaways.sort(key=lambda one: (one.alone <= least, -round(one.drop, 2), -one.alone))
    distributions = [_distribution(table, simulated, one) for one in giveaways[:COMPARED]]
    told = tuple(one for one in distributions if one is not None)
    return Probe(area.value, area.low, area.high, tuple(giveaways[:TELLING]), told)


def _drop(
    model: Any,
    table: Table,
    simulated: NDArray[np.bool_],
    theme: str,
    *,
    held: NDArray[np.int64],
    rng: np.random.Generator,
) -> float:
    """Return by how much the AUROC on `held` falls when the columns of a theme are shuffled together."""
    from sklearn.metrics import roc_auc_score

    own = np.array([name == theme for name in table.themes])
    orders = [np.arange(len(held)), *(rng.permutation(len(held)) for _ in range(REPEATS))]
    values = np.tile(table.values[held], (len(orders), 1))
    values[:, own] = np.concatenate([table.values[held][order][:, own] for order in orders])
    scores = model.predict_proba(values)[:, 1].reshape(len(orders), len(held))
    usual, *shuffled = (roc_auc_score(simulated[held], each) for each in scores)
    return float(usual - np.mean(shuffled))


def _giveaway(table: Table, simulated: NDArray[np.bool_], theme: str, drop: float) -> Giveaway:
    """Return what a theme tells alone: by its best column."""
    from sklearn.metrics import roc_auc_score

    best, strength = 0, 0.0
    for column, name in enumerate(table.themes):
        if name == theme:
            # An absent value sorts below all others: that it is absent tells too.
            values = np.nan_to_num(table.values[:, column], nan=-1e30)
            area = float(roc_auc_score(simulated, values))
            if max(area, 1.0 - area) > strength:
                best, strength = column, max(area, 1.0 - area)
    medians = [
        float(np.nanmedian(column)) if np.isfinite(column).any() else float("nan")
        for column in (table.values[~simulated, best], table.values[simulated, best])
    ]
    return Giveaway(theme, float(drop), strength, table.names[best], *medians)


def _distribution(table: Table, simulated: NDArray[np.bool_], giveaway: Giveaway) -> Distribution | None:
    """Return how the column of a giveaway is distributed; None where either has no values."""
    values = table.values[:, table.names.index(giveaway.column)]
    known = np.isfinite(values)
    parts = values[known & ~simulated], values[known & simulated]
    if not all(map(len, parts)):
        return None
    low, high = np.percentile(values[known], [OUTER, 100 - OUTER])
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    shares = [np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0] / len(part) for part in parts]
    return Distribution(giveaway.theme, giveaway.column, *(tuple(one.tolist()) for one in (edges, *shares)))
