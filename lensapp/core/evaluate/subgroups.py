"""Any figure by bins of a property: Einstein radius, signal to noise, magnitude, seeing, class, field."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import FloatArray, checked, count_thresholds
from lensapp.core.evaluate.delong import auroc_interval, grouped_auroc_interval
from lensapp.core.evaluate.intervals import Interval, share_interval
from lensapp.core.evaluate.metrics import auroc, untold_figures
from lensapp.core.evaluate.resampling import figure_intervals

MOST_NAMES = 20
USUAL_DIGITS, MOST_DIGITS = 4, 12  # of limits of bins


@dataclass(frozen=True)
class Subgroup:
    """The figures of the cutouts of one bin or one value of a property; None where they are not defined.

    Attributes
    ----------
    name
        The value, or "low – high" of a bin.
    low, high
        Limits of a bin of numbers, else None; the last bin holds its upper limit.
    completeness, false_positive_rate
        Shares of its lenses and of its non-lenses that are accepted.
    auroc
        Of its lenses against the non-lenses of the same subgroup, or, where a property is one of lenses
        only, against all non-lenses.
    figures
        All figures that its cutouts can tell, by the names of `lensapp.core.evaluate.resampling.FIGURES`.
    """

    name: str
    low: float | None
    high: float | None
    n_positive: int
    n_negative: int
    completeness: Interval | None
    false_positive_rate: Interval | None
    auroc: Interval | None
    figures: dict[str, Interval] = field(default_factory=dict)


def by_subgroup(
    labels: ArrayLike,
    scores: ArrayLike,
    values: ArrayLike,
    *,
    threshold: float,
    objects: ArrayLike | None = None,
    bins: int = 5,
    edges: ArrayLike | None = None,
) -> list[Subgroup]:
    """Return the figures in bins of a property; cutouts without it (NaN, None, empty) are left out.

    Parameters
    ----------
    labels, scores : shape (n,)
    values : shape (n,)
        Numbers, put into `bins` of equal numbers of lenses unless `edges` are given; or names, each a
        subgroup (the 20 most frequent).
    threshold
        Cutouts with at least this score are accepted.
    objects : shape (n,), optional
        Cutouts with one value show one object, of which limits count each once.
    """
    truth, measured = checked(labels, scores)
    groups, lens_only = _divided(truth, values, bins, edges)
    accepted = measured >= threshold
    units = None if objects is None else np.asarray(objects)
    subgroups = []
    for name, limits, inside in groups:
        lenses = truth & inside
        others = ~truth if lens_only else ~truth & inside
        area = None
        if lenses.any() and others.any():
            part = lenses | others
            area = _area(truth[part], measured[part], None if units is None else units[part])
        low, high = (None, None) if limits is None else limits
        subgroups.append(
            Subgroup(
                name=name,
                low=low,
                high=high,
                n_positive=int(lenses.sum()),
                n_negative=0 if lens_only else int(others.sum()),
                completeness=_share(accepted, lenses, units),
                false_positive_rate=None if lens_only else _share(accepted, others, units),
                auroc=area,
            )
        )
    return subgroups


def subgroup_figures(
    labels: ArrayLike,
    scores: ArrayLike,
    values: ArrayLike,
    *,
    rng: np.random.Generator,
    objects: ArrayLike | None = None,
    bins: int = 5,
    edges: ArrayLike | None = None,
) -> list[dict[str, Interval]]:
    """Return the figures of each subgroup that its cutouts can tell, in the order of `by_subgroup`.

    Parameters
    ----------
    objects : shape (n,), optional
        Cutouts with one value are drawn together.
    """
    truth, measured = checked(labels, scores)
    groups, lens_only = _divided(truth, values, bins, edges)
    found: list[dict[str, Interval]] = []
    for _, _, inside in groups:
        part = (truth & inside) | (~truth if lens_only else ~truth & inside)
        if truth[part].all() or not truth[part].any():
            found.append({})
            continue
        own = None if objects is None else np.asarray(objects)[part]
        intervals = figure_intervals(truth[part], measured[part], rng=rng, groups=own)
        untold = untold_figures(int(np.count_nonzero(~truth[part])))
        found.append({name: one for name, one in intervals.items() if name not in untold})
    return found


def _divided(
    truth: NDArray[np.bool_], values: ArrayLike, bins: int, edges: ArrayLike | None
) -> tuple[list["Group"], bool]:
    """Return the subgroups of a property, and whether it is one of lenses only."""
    members = np.asarray(values)
    if members.shape != truth.shape:
        raise InvalidInput(f"There are {members.size} values but {truth.size} labels.")
    numbers = _numbers(members)
    if numbers is None:
        names = members.astype(str)
        stated = ~np.isin(names, ("", "None", "nan"))
        distinct, number = np.unique(names[stated], return_counts=True)
        frequent = distinct[np.argsort(-number, kind="stable")[:MOST_NAMES]]
        return [(str(name), None, (names == name) & stated) for name in sorted(frequent.tolist())], False
    usable = np.isfinite(numbers)
    of_lenses = numbers[usable & truth] if (usable & truth).any() else numbers[usable]
    if not of_lenses.size:
        raise InvalidInput("No cutout has a value of this property. Choose another one.")
    limits = (
        np.quantile(of_lenses, np.linspace(0, 1, bins + 1)) if edges is None else np.asarray(edges, float)
    )
    digits = USUAL_DIGITS
    if edges is None:
        limits[0], limits[-1] = numbers[usable].min(), numbers[usable].max()
        limits, digits = _told_apart(limits)
    limits = np.unique(limits)
    if len(limits) < 2:
        limits = np.array([limits[0], limits[0]])
    groups: list[Group] = []
    for low, high in pairwise(limits.tolist()):
        above = numbers <= high if high == limits[-1] else numbers < high
        first, last = f"{low:.{digits}g}", f"{high:.{digits}g}"
        groups.append(
            (first if low == high else f"{first} – {last}", (low, high), usable & (numbers >= low) & above)
        )
    return groups, not np.isfinite(numbers[~truth]).any()


def _told_apart(limits: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the limits of bins that are told apart as they are written, and with how many digits.

    The first and the last are among them. Of a value that many cutouts share, several quantiles are the same
    but for rounding.
    """
    distinct = np.unique(limits)
    first, last = float(distinct[0]), float(distinct[-1])
    differing = next((one for one in range(1, MOST_DIGITS) if f"{first:.{one}g}" != f"{last:.{one}g}"), 0)
    digits = max(differing + 1, USUAL_DIGITS)
    kept = [first]
    for limit in distinct[1:].tolist():
        if f"{limit:.{digits}g}" != f"{kept[-1]:.{digits}g}":
            kept.append(limit)
    if last > first:
        kept[max(len(kept) - 1, 1) :] = [last]
    return np.array(kept), digits


Group = tuple[str, tuple[float, float] | None, NDArray[np.bool_]]


def _numbers(values: NDArray[Any]) -> NDArray[np.float64] | None:
    if values.dtype.kind == "b":
        return None
    try:
        return np.array([np.nan if value in (None, "") else float(value) for value in values.tolist()])
    except (TypeError, ValueError):
        return None


def _area(labels: NDArray[np.bool_], scores: FloatArray, objects: NDArray[Any] | None) -> Interval:
    """Return the AUROC with DeLong's limits, or Obuchowski's where several cutouts show one object."""
    counts = count_thresholds(labels, scores)
    if objects is not None:
        distinct, numbers = np.unique(objects, return_inverse=True)
        if len(distinct) < len(numbers):
            return Interval(auroc(counts), *grouped_auroc_interval(labels, scores, numbers.ravel()))
    return Interval(auroc(counts), *auroc_interval(counts))


def _share(
    accepted: NDArray[np.bool_], members: NDArray[np.bool_], objects: NDArray[Any] | None
) -> Interval | None:
    return share_interval(accepted, members, objects) if members.any() else None
