"""How many lenses an order of candidates would have shown after so many views, beside chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.score.similarity import similarity

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Values = NDArray[np.float64]

BAND_TAILS = (0.025, 0.975)
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, eq=False)
class Replay:
    """Lenses found by several orders of the same candidates.

    Attributes
    ----------
    candidates, lenses
        How many there are, and how many of them are lenses.
    found
        Name of an order → int64 (candidates + 1,): lenses among the first 0, 1, 2, … views.
    """

    candidates: int
    lenses: int
    found: Mapping[str, NDArray[np.int64]]

    def chance(self, views: NDArray[np.int64]) -> tuple[Values, Values, Values]:
        """Return the expected number, and the 95 % band, of a random order: see `random_found`."""
        return random_found(candidates=self.candidates, lenses=self.lenses, views=views)

    def found_after(self, views: int) -> dict[str, int]:
        """Return the lenses found by each order after `views` views."""
        last = min(views, self.candidates)
        return {name: int(curve[last]) for name, curve in self.found.items()}

    def ratios(self, views: int) -> dict[str, float]:
        """Return how many times as many lenses as a random order each order finds."""
        expected = min(views, self.candidates) * self.lenses / self.candidates
        return {name: count / expected for name, count in self.found_after(views).items()}

    def views_for(self, completeness: float) -> dict[str, int]:
        """Return the views that each order needs to find this share of all lenses."""
        enough = int(np.ceil(completeness * self.lenses - 1e-9))
        return {name: int(np.searchsorted(curve, enough)) for name, curve in self.found.items()}

    def places(self) -> dict[str, list[int]]:
        """Return at which places, counted from 1, each order has the lenses."""
        return {name: (np.flatnonzero(np.diff(curve)) + 1).tolist() for name, curve in self.found.items()}

    def chance_of_as_early(self, name: str) -> float:
        """Return the probability that a random order has the lenses as far forward, by their mean place.

        References
        ----------
        Mann & Whitney 1947, Annals of Mathematical Statistics 18, 50 (exact, one-sided).
        """
        from scipy.stats import mannwhitneyu

        is_lens = np.diff(self.found[name]) > 0
        if is_lens.all():
            return 1.0
        places = np.arange(self.candidates)
        test = mannwhitneyu(places[is_lens], places[~is_lens], alternative="less", method="exact")
        return float(test.pvalue)


def replay(is_lens: Flags, orders: Mapping[str, Rows]) -> Replay:
    """Return what each order, a permutation of all candidates, would have found.

    Parameters
    ----------
    is_lens : bool, shape (n,)
    orders
        Name → rows of the candidates, int64 (n,).
    """
    if not is_lens.any():
        raise InvalidInput(
            f"None of the {len(is_lens)} candidates is a lens, but a replay needs at least one lens. "
            "Replay a review with grades A or B, or a source with labels."
        )
    for name, order in orders.items():
        if not np.array_equal(np.sort(order), np.arange(len(is_lens))):
            raise InvalidInput(f"The order {name} does not hold each of {len(is_lens)} candidates once.")
    found = {name: np.append(0, np.cumsum(is_lens[order])) for name, order in orders.items()}
    return Replay(len(is_lens), int(is_lens.sum()), found)


def random_found(*, candidates: int, lenses: int, views: NDArray[np.int64]) -> tuple[Values, Values, Values]:
    """Return mean, lower and upper end of the 95 % band of lenses found in random order.

    The number of lenses among N views without repetition is hypergeometric; the band lies between its 2.5 and
    97.5 % quantiles, whole numbers both, so at least 95 % of random orders are within it, ends included.

    Parameters
    ----------
    views : int64, shape (k,)
        Numbers of candidates inspected, each with values of its own.
    """
    from scipy.stats import hypergeom

    low, high = hypergeom.ppf(np.reshape(BAND_TAILS, (2, 1)), candidates, lenses, views)
    return np.asarray(views, np.float64) * (lenses / candidates), low, high


def descending(values: NDArray[Any]) -> Rows:
    """Return rows by falling value; ties in the order given, NaN last."""
    filled = np.where(np.isnan(values), -np.inf, values)
    return np.asarray(np.argsort(-filled, kind="stable"), np.int64)


def similar_replay(
    features: NDArray[Any], scores: NDArray[Any], is_lens: Flags, *, batch: int, most: int
) -> Rows:
    """Return all rows as an inspector would see them who asks for more like the last lenses found.

    The first batch is by score; each further one holds those most similar to the lenses of the batch before,
    or the best-scored ones left where it had none.

    Parameters
    ----------
    batch
        Candidates graded before the order of the rest is made anew.
    most
        From here on the rest is by score.
    """
    waiting = descending(scores)
    order = lenses = np.empty(0, np.int64)
    while len(waiting) and len(order) < most:
        views = np.arange(min(batch, len(waiting)))
        if len(lenses):
            cosines = similarity(features[waiting], features[lenses])
            views = np.argsort(-cosines, kind="stable")[:batch]
        lenses = waiting[views][is_lens[waiting[views]]]
        order = np.append(order, waiting[views])
        waiting = np.delete(waiting, views)
    return np.append(order, waiting)


def person_hours(views: NDArray[Any] | int, seconds_each: float) -> Any:
    """Return the hours that so many views take one person."""
    return views * seconds_each / SECONDS_PER_HOUR
