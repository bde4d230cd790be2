"""The figures of an evaluated run by bins of any column of its cutouts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.intervals import Interval
from lensapp.core.evaluate.subgroups import Subgroup, by_subgroup, subgroup_figures
from lensapp.services.data.filters import is_magnitude
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.storage import sources
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace

NOT_PROPERTIES = frozenset({"parent", "host", "host_id"})  # names, each of hardly more than one cutout
FIRST_CHOICE = ("einstein_radius_arcsec", "arc_snr")  # where both classes have no magnitude
ERROR_WORDS = frozenset({"err", "error", "errors", "magerr", "fluxerr", "sigma", "std", "unc", "uncertainty"})
RADIUS = re.compile(r"einstein|theta_?e(_|$)|(^|_)r_?ein", re.IGNORECASE)
PLACE = re.compile(r"(^|_)(ra|dec|raj2000|dej2000|declination|l|b|x|y)(_|$)|^right_ascension", re.IGNORECASE)
LEAST_FOR_TREND = 4  # lenses
SHARED = 0.5  # share of each class that has a value


@lru_cache(maxsize=8)  # a catalogue's columns stay as they were imported
def properties(ws: Workspace, evaluation: Evaluation) -> dict[str, NDArray[Any]]:
    """Return what is known of the cutouts of an evaluation besides their pixels, each of shape (n,).

    Columns of the catalogue and of the simulation, the class, and the source; None where one has none.
    """
    return columns_of(ws, sources.get_cutouts(ws.database, evaluation.stored.cutout_ids.tolist()))


def columns_of(ws: Workspace, cutouts: Sequence[Cutout]) -> dict[str, NDArray[Any]]:
    """Return the columns of cutouts that differ among them, each of shape (n,); see `properties`."""
    columns: dict[str, NDArray[Any]] = {}
    for name in sorted({name for cutout in cutouts for name in cutout.properties} - NOT_PROPERTIES):
        values = [cutout.properties.get(name) for cutout in cutouts]
        if not any(isinstance(value, list | dict) for value in values):
            columns[name] = np.array(values, object)
    columns["object_class"] = np.array([cutout.object_class for cutout in cutouts], object)
    by_id = {source.id: source.name for source in sources.list_sources(ws.database)}
    columns["source"] = np.array([by_id.get(cutout.source_id) for cutout in cutouts], object)
    return {name: values for name, values in columns.items() if len({str(value) for value in values}) > 1}


def usual_column(ws: Workspace, evaluation: Evaluation) -> str:
    """Return the column to begin with: a magnitude of both classes, else θE or S/N, never an error.

    One that lenses have stands before one that only non-lenses have.
    """
    columns = properties(ws, evaluation)
    told = [name for name in columns if not is_error(name)]
    without = without_lenses(ws, evaluation)
    told.sort(key=without.__contains__)
    shared = [name for name in told if _is_shared(columns[name], evaluation.labels)]
    magnitudes = [name for name in shared if is_magnitude(name)]
    if magnitudes:
        return next((name for name in magnitudes if name.lower().endswith(("_i", "_r"))), magnitudes[0])
    # A lens is missed for its radius or its light sooner than for its place on the sky.
    radii = [name for name in told if RADIUS.search(name)]
    bright = [name for name in told if is_magnitude(name)]
    elsewhere = [name for name in (*shared, "object_class", *told) if not PLACE.search(name)]
    wanted = (*FIRST_CHOICE, *radii, *bright, *elsewhere, *told)
    usable = [name for name in wanted if name in columns]
    return next((name for name in usable if name not in without), next(iter(usable or columns)))


def without_lenses(ws: Workspace, evaluation: Evaluation) -> frozenset[str]:
    """Return the columns in which no lens of an evaluation has a value."""
    is_lens = evaluation.labels
    return frozenset(
        name
        for name, values in properties(ws, evaluation).items()
        if not any(_has_value(value) for value in values[is_lens])
    )


def _has_value(value: Any) -> bool:
    return value is not None and value != "" and not (isinstance(value, float) and np.isnan(value))


def is_error(name: str) -> bool:
    """Whether a column is the uncertainty of another, by its name."""
    return bool(ERROR_WORDS.intersection(re.split(r"[^a-z]+", name.lower())))


def _is_shared(values: NDArray[Any], labels: NDArray[np.bool_]) -> bool:
    """Whether most cutouts of both classes have a number."""
    known = np.array([isinstance(value, int | float) and np.isfinite(value) for value in values], np.bool_)
    return all(bool(part.any()) and known[part].mean() >= SHARED for part in (labels, ~labels))


def subgroups(
    ws: Workspace, evaluation: Evaluation, column: str, *, threshold: float, bins: int = 5
) -> list[Subgroup]:
    """Return all figures of an evaluation by bins or names of a column; see `by_subgroup`.

    Raises
    ------
    InvalidInput
        When no cutout has that column.
    """
    columns = properties(ws, evaluation)
    if column not in columns:
        raise InvalidInput(
            f"The cutouts have no column {column!r} that differs among them. "
            f"Choose one of: {', '.join(columns) or 'none'}."
        )
    counted = by_subgroup(
        evaluation.labels,
        evaluation.scores,
        columns[column],
        threshold=threshold,
        objects=evaluation.stored.group_ids,
        bins=bins,
    )
    told = _figures(ws, evaluation, column, bins)
    return [replace(one, figures=figures) for one, figures in zip(counted, told, strict=True)]


@dataclass(frozen=True, eq=False)
class LensTrend:
    """How the scores of few lenses go with a column, one by one.

    Attributes
    ----------
    values, scores : shape (n,)
        Of the cutouts that have a number in the column, lenses and non-lenses.
    labels : bool, shape (n,)
    correlation, p_value
        Spearman's rank correlation of the lenses, and how likely one as strong is without any; None where
        fewer than four lenses have a value or all have the same.
    """

    values: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.bool_]
    correlation: float | None
    p_value: float | None


def lens_trend(ws: Workspace, evaluation: Evaluation, column: str) -> LensTrend | None:
    """Return the cutouts of an evaluation by a column of numbers; None where no lens has a number in it.

    References
    ----------
    Spearman 1904, American Journal of Psychology 15, 72.
    """
    from scipy.stats import spearmanr

    told = [
        float(value) if isinstance(value, int | float) else np.nan
        for value in properties(ws, evaluation)[column]
    ]
    values = np.array(told, np.float64)
    known = np.isfinite(values)
    labels, scores = evaluation.labels[known], np.asarray(evaluation.scores, np.float64)[known]
    of_lenses = values[known][labels], scores[labels]
    if not labels.any():
        return None
    if len(of_lenses[0]) < LEAST_FOR_TREND or any(np.ptp(one) == 0 for one in of_lenses):
        return LensTrend(values[known], scores, labels, None, None)
    found = spearmanr(*of_lenses)
    return LensTrend(values[known], scores, labels, float(found.statistic), float(found.pvalue))


@lru_cache(maxsize=16)  # resampled once for all thresholds; evaluations are the same objects until made anew
def _figures(
    ws: Workspace, evaluation: Evaluation, column: str, bins: int
) -> tuple[dict[str, Interval], ...]:
    return tuple(
        subgroup_figures(
            evaluation.labels,
            evaluation.scores,
            properties(ws, evaluation)[column],
            rng=np.random.default_rng(0),
            objects=evaluation.stored.group_ids,
            bins=bins,
        )
    )
