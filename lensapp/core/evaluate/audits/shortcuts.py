"""Shortcuts: how well classifiers that look for no arcs tell the lenses of a dataset from its other cutouts.

What a logistic regression reads off the border of a cutout, off its noise or off its place on the sky, a
network can learn in place of lenses; on another survey, where the classes were not chosen in that way, it
then loses what it seemed to know.
"""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.column_names import column_label
from lensapp.core.data.sky import unit_vectors
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.audits.realism import aperture_photometry
from lensapp.core.evaluate.metrics import COIN
from lensapp.core.evaluate.resampling import figure_intervals

FloatArray = NDArray[np.float64]
Kind = Literal["central", "border", "background", "noise", "psf", "columns", "position"]

CENTRAL_ARCSEC, CENTRAL_CELLS = 4.0, 16
USUAL_PIXEL_SCALE_ARCSEC = 0.25  # where a source does not tell
BORDER_CELLS = 32  # along a side, of which an eighth on each is border
FEWEST = 20  # cutouts of each class
TELLING, TELLS_ALONE = 3, 0.6
STRONG = 0.75
MAX_NAMES = 20  # distinct words that a column may hold and still be a property
ONE_CLASS_ONLY = 0.02  # share of a class with a value, below which the column is of the other class only
MEASURED_SHARE = 0.5
PSF_COLUMN = re.compile(r"(^|_)(psf|seeing|fwhm)(_|$)", re.IGNORECASE)
MAD_TO_SIGMA = 1.4826

TITLES: dict[Kind, str] = {
    "central": "central pixels",
    "border": "border pixels",
    "background": "background level",
    "noise": "noise",
    "psf": "PSF width",
    "columns": "catalogue columns",
    "position": "position",
}
MEANINGS: dict[Kind, str] = {
    "central": "Arcs lie in the middle, too, so this can be the lenses themselves; where brightness, colour "
    "and size differ as well, choose non-lenses that are as bright and as red as the deflectors.",
    "border": "No arc is there, so the classes differ in frame, neighbours or marks: look how their cutouts "
    "were made.",
    "background": "The classes differ in sky level or in masked pixels: subtract the sky of both alike.",
    "noise": "The classes differ in depth or units: take both from the same images.",
    "psf": "The classes differ in seeing or resampling: take both from the same images.",
    "columns": "The classes were chosen by different cuts, and a network sees what goes along with these "
    "columns.",
    "position": "The classes lie in different fields, and depth and seeing change with the field.",
}
INPUTS = (
    "The cutouts are simulated, and their columns are what went into the simulation: no catalogue of real "
    "objects has them, and the network does not read them. That the classes differ in them can still be "
    "seen in the images."
)
"""What columns that tell lenses mean of a dataset that is simulated from end to end."""
PLURALS = ("pixels", "columns")


@dataclass(frozen=True, eq=False)
class Measures:
    """Columns of one kind, shape (n, columns), with their names; pixels have none."""

    values: FloatArray
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shortcut:
    """How well one kind of measures tells lenses, out of fold.

    Attributes
    ----------
    low, high
        95 % limits of the AUROC.
    telling
        At most three columns that tell most alone, each with its AUROC, 0.5 to 1.
    """

    kind: Kind
    auroc: float
    low: float
    high: float
    columns: int
    telling: tuple[tuple[str, float], ...]

    def as_dict(self, *, network: Mapping[str, Any] | None = None, simulated: bool = False) -> dict[str, Any]:
        """Return plain JSON values, with what they tell in words, as `shortcut_words`."""
        told = asdict(self) | {"title": TITLES[self.kind], "telling": [list(one) for one in self.telling]}
        return told | {"words": shortcut_words(told, network=network, simulated=simulated)}


def is_strong(shortcut: Mapping[str, Any]) -> bool:
    """Return whether one kind of measures, as `Shortcut.as_dict` gives it, tells much."""
    return bool(shortcut["low"] > 0.5 and shortcut["auroc"] >= STRONG)


def shortcut_words(
    shortcut: Mapping[str, Any], *, network: Mapping[str, Any] | None, simulated: bool = False
) -> str:
    """Return what one kind of measures tells of lenses: "Noise tells nothing.".

    Parameters
    ----------
    shortcut
        As `Shortcut.as_dict` gives it.
    network
        `auroc` of the network that is audited with its limits, `low` and `high`, where it is known.
    simulated
        Whether all cutouts are simulated.
    """
    of_inputs = simulated and shortcut["kind"] == "columns"
    meaning = INPUTS if of_inputs else MEANINGS[shortcut["kind"]]
    title = shortcut["title"]
    name = title[:1].upper() + title[1:]
    ending = "" if title.endswith(PLURALS) else "s"
    columns = [column_label(column) for column, _ in shortcut["telling"]]
    by = f" (most: {', '.join(columns)})" if columns and shortcut["kind"] != "position" else ""
    if shortcut["low"] <= 0.5:
        area = f"AUROC {shortcut['auroc']:.3f} ({shortcut['low']:.3f}–{shortcut['high']:.3f})"
        below = (
            f"{'is' if ending else 'are'} below chance, {area}: what tells lenses in one part of the cutouts "
            "misleads in another"
        )
        return f"{name} {below if shortcut['high'] < COIN else f'tell{ending} nothing'}."
    if not is_strong(shortcut):
        return f"{name} tell{ending} a little{by}."
    if not network:
        return f"{name} alone tell{ending} much{by}. {meaning}"
    areas = f"AUROC {shortcut['auroc']:.3f} against {network['auroc']:.3f}"
    if shortcut["low"] > network["high"]:
        return f"{name} alone {'does' if ending else 'do'} better than the network, {areas}{by}. {meaning}"
    # Neither figure lies outside the limits of the other.
    if shortcut["auroc"] >= network["low"] and shortcut["high"] >= network["auroc"]:
        return f"{name} alone cannot be told from the network, {areas}{by}. {meaning}"
    return f"{name} alone tell{ending} much, {areas} of the network{by}. {meaning}"


def central_pixels(pixels: NDArray[np.float32], pixel_scale_arcsec: float | None) -> NDArray[np.float32]:
    """Return the middle of cutouts, 4 arcsec wide and at most 16 cells, each a mean where pixels are finer.

    Parameters
    ----------
    pixels : shape (n, y, x, band)
        NaN where masked, which counts as 0.

    Returns
    -------
    shape (n, cells, cells, band)
    """
    scale = pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC
    step = max(1, round(CENTRAL_ARCSEC / scale / CENTRAL_CELLS))
    middle_y, middle_x = pixels.shape[1] // 2, pixels.shape[2] // 2
    half = max(1, min(CENTRAL_CELLS // 2, min(middle_y, middle_x) // step)) * step
    inner = np.nan_to_num(pixels[:, middle_y - half : middle_y + half, middle_x - half : middle_x + half])
    cells = inner.shape[1] // step
    means: NDArray[np.float32] = inner.reshape(len(inner), cells, step, cells, step, -1).mean((2, 4))
    return means


def border_pixels(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outer eighth of cutouts on each side, in at most 32 cells along a side.

    Returns
    -------
    shape (n, cells, band)
    """
    binned: NDArray[Any] = np.nan_to_num(pixels)
    at_border = []
    for axis in (1, 2):
        side = pixels.shape[axis]
        cells = min(side, BORDER_CELLS)
        edges = np.linspace(0, side, cells + 1).astype(np.int64)
        widths = np.diff(edges).reshape([-1 if number == axis else 1 for number in range(4)])
        binned = np.add.reduceat(binned, edges[:-1], axis=axis) / widths
        width = max(1, cells // 8)
        at_border.append((np.arange(cells) < width) | (np.arange(cells) >= cells - width))
    return np.asarray(binned[:, at_border[0][:, None] | at_border[1][None, :]], np.float32)


def noise_of(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a robust scale of each band, shape (band,), positive."""
    planes = [np.abs(plane[np.isfinite(plane)]) for plane in np.moveaxis(pixels, -1, 0)]
    scale = np.array([MAD_TO_SIGMA * np.median(plane) if plane.size else 0.0 for plane in planes])
    return np.where(scale > 0, scale, 1.0).astype(np.float32)


def pixel_measures(
    pixels: NDArray[np.float32],
    *,
    bands: Sequence[str],
    pixel_scale_arcsec: float | None,
    scale: NDArray[np.float32],
) -> dict[Kind, Measures]:
    """Measure what pixels tell without a look for arcs: centre, border, background, noise, smoothness.

    Parameters
    ----------
    pixels : shape (n, y, x, band)
    scale : shape (band,)
        Unit of the stretch by arcsinh; see `noise_of`.
    """
    flat = {
        "central": central_pixels(pixels, pixel_scale_arcsec),
        "border": border_pixels(pixels),
    }
    stretched = {
        kind: Measures(np.arcsinh(values / scale).reshape(len(pixels), -1).astype(np.float64))
        for kind, values in flat.items()
    }
    sky = aperture_photometry(
        pixels,
        bands=bands,
        pixel_scale_arcsec=pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC,
        in_one_unit=True,
    )

    def of_theme(*themes: str) -> Measures:
        chosen = [number for number, theme in enumerate(sky.themes) if theme.startswith(themes)]
        return Measures(sky.values[:, chosen], tuple(sky.names[number] for number in chosen))

    background = of_theme("sky level")
    masked = (~np.isfinite(pixels)).mean(axis=(1, 2))
    names = tuple(f"share of masked pixels in {band}" for band in bands)
    return {
        "central": stretched["central"],
        "border": stretched["border"],
        "background": Measures(np.hstack([background.values, masked]), background.names + names),
        "noise": of_theme("sky noise"),
        "psf": of_theme("noise correlation"),
    }


def column_measures(
    columns: Mapping[str, NDArray[Any]], labels: NDArray[np.bool_]
) -> tuple[dict[Kind, Measures], list[str]]:
    """Return columns of a catalogue as numbers, those of the PSF apart, and the names of those left out.

    Words become columns of 0 and 1. Left out is what only one class has, as the truth of a simulation, and
    what names each cutout.

    Parameters
    ----------
    columns
        By name, each of shape (n,); None where a cutout has no value.
    labels : shape (n,)
    """
    values: dict[Kind, list[FloatArray]] = {"columns": [], "psf": []}
    names: dict[Kind, list[str]] = {"columns": [], "psf": []}
    left_out = []
    for name, column in columns.items():
        numbers = _numbers(column)
        known = np.array([value is not None and value != "" for value in column], np.bool_)
        known &= np.isfinite(numbers[:, 0]) if numbers is not None and numbers.shape[1] == 1 else True
        if numbers is None or min(known[labels].mean(), known[~labels].mean()) < ONE_CLASS_ONLY:
            left_out.append(name)
            continue
        kind: Kind = "psf" if PSF_COLUMN.search(name) else "columns"
        values[kind].append(numbers)
        names[kind] += [name] * numbers.shape[1]
    measured = {kind: Measures(np.hstack(of), tuple(names[kind])) for kind, of in values.items() if of}
    return measured, left_out


def _numbers(column: NDArray[Any]) -> FloatArray | None:
    """Return a column as numbers, shape (n, 1), or its words as 0 and 1; None for names of cutouts."""
    if all(value is None or isinstance(value, int | float | np.number | np.bool_) for value in column):
        return np.array([np.nan if value is None else float(value) for value in column])[:, None]
    words = np.array(["" if value is None else str(value) for value in column], object)
    distinct, counts = np.unique(words.astype(str), return_counts=True)
    if len(distinct) > MAX_NAMES or counts.max() < 2:
        return None
    return np.asarray(words[:, None] == distinct[None, :].astype(object), np.float64)


def position_measures(ra_deg: FloatArray, dec_deg: FloatArray) -> Measures | None:
    """Return positions as points of the unit sphere, shape (n, 3); None where most are unknown."""
    if np.isfinite(ra_deg).mean() < MEASURED_SHARE:
        return None
    return Measures(unit_vectors(ra_deg, dec_deg), ("x", "y", "z"))


def out_of_fold_scores(
    measures: Measures, labels: NDArray[np.bool_], *, groups: NDArray[Any], folds: int, seed: int
) -> FloatArray:
    """Return the probability of a lens for each cutout, by a logistic regression that never saw its group.

    Pixels are strongly regularised, for there are many; of measures the squares are learned from, too, so
    that a class in the middle of the other is told.

    Parameters
    ----------
    labels, groups : shape (n,)

    Returns
    -------
    shape (n,)

    Raises
    ------
    InvalidInput
        When there are too few cutouts or objects of a class.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from threadpoolctl import threadpool_limits

    counts = [int((labels == truth).sum()) for truth in (True, False)]
    objects = [len(np.unique(groups[labels == truth])) for truth in (True, False)]
    folds = min(folds, *objects)
    if min(counts) < FEWEST or folds < 2:
        raise InvalidInput(
            f"{counts[0]} lenses of {objects[0]} objects and {counts[1]} non-lenses of {objects[1]} are too "
            f"few to look for shortcuts: each class needs {FEWEST} cutouts of 2 objects."
        )
    values = measures.values
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300))
    if measures.names:
        values = values[:, np.isfinite(values).any(axis=0)]
        classifier = make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
            StandardScaler(),
            FunctionTransformer(np.clip, kw_args={"a_min": -4.0, "a_max": 4.0}),  # no odd value decides alone
            FunctionTransformer(lambda clipped: np.hstack([clipped, clipped**2])),
            LogisticRegression(C=0.1, max_iter=1000),
        )
    scores = np.full(len(labels), 0.5)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)  # the area says how good it is
        for learned, held in splitter.split(values, labels, groups):
            if values.shape[1] and len(np.unique(labels[learned])) == 2:
                classifier.fit(values[learned], labels[learned])
                scores[held] = classifier.predict_proba(values[held])[:, 1]
    return scores


def find_shortcuts(
    measured: Mapping[Kind, Measures],
    labels: NDArray[np.bool_],
    *,
    groups: NDArray[Any],
    folds: int,
    seed: int,
    before: Callable[[Kind], None] = lambda _kind: None,
) -> list[Shortcut]:
    """Return what logistic regressions on each kind of measures reach, in the order of `TITLES`.

    Parameters
    ----------
    labels, groups : shape (n,)
        Truth, and what must not be in two folds.
    before
        Called with each kind before it is looked at.

    Raises
    ------
    InvalidInput
        As `out_of_fold_scores`.
    """
    shortcuts = []
    independent = len(np.unique(groups)) == len(groups)
    for kind in TITLES:
        if kind not in measured or not measured[kind].values.shape[1]:
            continue
        before(kind)
        measures = measured[kind]
        scores = out_of_fold_scores(measures, labels, groups=groups, folds=folds, seed=seed)
        area = figure_intervals(
            labels, scores, rng=np.random.default_rng(seed), groups=None if independent else groups
        )["auroc"]
        telling = _telling(measures, labels)
        columns = measures.values.shape[1]
        shortcuts.append(Shortcut(kind, area.value, area.low, area.high, columns, telling))
    return shortcuts


def _telling(measures: Measures, labels: NDArray[np.bool_]) -> tuple[tuple[str, float], ...]:
    """Return the columns that tell most alone, each by a threshold on it."""
    from sklearn.metrics import roc_auc_score

    best: dict[str, float] = {}
    for number, name in enumerate(measures.names):
        # An absent value sorts below all others: that it is absent tells too.
        area = float(roc_auc_score(labels, np.nan_to_num(measures.values[:, number], nan=-1e30)))
        best[name] = max(best.get(name, 0.5), area, 1.0 - area)
    ranked = sorted(best.items(), key=lambda item: -item[1])
    return tuple((name, area) for name, area in ranked[:TELLING] if area >= TELLS_ALONE)
