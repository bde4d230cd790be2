"""Whether one class is brighter than the other, so that a network may learn brightness in place of arcs."""

import re
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.sampling import alike_first

FloatArray = NDArray[np.float64]
PERCENTILES = (10, 50, 90)
FAR_APART_MAG = 0.5
ALIKE_MAG = 0.8 * FAR_APART_MAG  # between medians of what is chosen to be alike
LEAST_KEPT = 0.5  # of what is asked for, whatever is left out to be alike
MAGNITUDE_STEP = 0.25  # within which magnitudes are distributed alike
MAGNITUDE = re.compile(
    r"^(?!e_|.*err)((magnitude|mag)(_(?P<after>\w+)|(?P<band>[a-z]\d?|vis))?|(?P<before>[a-z])_?mag)$",
    re.IGNORECASE,
)
BANDS_PREFERRED = ("", "r", "i", "vis", "g", "z", "y", "u")
FAINTEST = 90.0  # catalogues write 0, 99 and -99 where there is no magnitude
FEWEST = 5  # magnitudes of either, below which nothing is told


@dataclass(frozen=True)
class Magnitudes:
    """The 10th, 50th and 90th percentile of the magnitudes of some galaxies."""

    lowest: float
    median: float
    highest: float

    def in_words(self) -> str:
        """Return the median and the range of 80 %."""
        return f"{self.median:.1f} (80 % between {self.lowest:.1f} and {self.highest:.1f})"


@dataclass(frozen=True)
class Brightness:
    """Magnitudes of lenses, or of the galaxies they are painted on, and of non-lenses."""

    lenses: Magnitudes
    others: Magnitudes

    @property
    def differs(self) -> bool:
        """Whether the medians are so far apart that one class may be told by its magnitude."""
        return abs(self.lenses.median - self.others.median) >= FAR_APART_MAG


def compared(lenses: FloatArray, others: FloatArray) -> Brightness | None:
    """Return how bright two classes are; None where too few magnitudes of either are known."""
    known = [values[np.isfinite(values)] for values in (lenses, others)]
    if min(map(len, known)) < FEWEST:
        return None
    return Brightness(*(Magnitudes(*np.percentile(values, PERCENTILES).tolist()) for values in known))


def preferred_magnitude(names: Collection[str]) -> str | None:
    """Return the first name of a magnitude, in the r band where there is one; None without any."""
    preference = {}
    for name in names:
        if match := MAGNITUDE.match(name):
            band = (match["after"] or match["band"] or match["before"] or "").lower()
            order = BANDS_PREFERRED.index(band) if band in BANDS_PREFERRED else len(BANDS_PREFERRED)
            preference[name] = (order, name)
    return min(preference, key=preference.__getitem__, default=None)


def where_known(magnitudes: FloatArray) -> FloatArray:
    """Return magnitudes of a catalogue, NaN where it writes that there is none."""
    return np.where((magnitudes == 0) | (np.abs(magnitudes) > FAINTEST), np.nan, magnitudes)


def in_range_of(values: FloatArray, like: FloatArray) -> NDArray[np.bool_]:
    """Return which values lie between the lowest and the highest of `like`; all where none is known."""
    known = like[np.isfinite(like)]
    if not len(known):
        return np.ones(len(values), np.bool_)
    return np.asarray((values >= known.min()) & (values <= known.max()), np.bool_)


def nonlenses_beside(
    rng: np.random.Generator,
    hosts: FloatArray,
    others: FloatArray,
    *,
    painted: NDArray[np.int64],
    wanted: int,
    host_share: float,
    alike: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose galaxies that stand as non-lenses beside painted hosts, each once: rows of hosts and of others.

    Parameters
    ----------
    hosts, others
        Magnitudes of the hosts and of other galaxies, NaN where unknown.
    painted
        The host of each lens: those not painted on are taken first, unless they are to be alike.
    wanted, host_share
        How many are asked for, and the share of hosts among them.
    alike
        Whether they are to be as bright as what is painted on. Some are left out then, half of those asked
        for at most, until the medians agree.
    """
    like = hosts[painted] if alike else np.empty(0)
    from_hosts = min(round(host_share * wanted), len(hosts))
    if alike:
        first = alike_first(rng, hosts, like, count=from_hosts, step=MAGNITUDE_STEP)
    else:
        first = rng.permutation(len(hosts))
        first = first[np.argsort(np.isin(first, painted), kind="stable")]
    then = alike_first(rng, others, like, count=wanted - from_hosts, step=MAGNITUDE_STEP)
    from_others = min(wanted - from_hosts, len(then))
    from_hosts = min(wanted - from_others, len(hosts))
    first, then = first[:from_hosts], then[:from_others]
    if alike:
        values = np.concatenate([hosts[first], others[then]])
        kept = _until_alike(rng, values, like, least=round(LEAST_KEPT * wanted))
        first, then = first[kept[: len(first)]], then[kept[len(first) :]]
    return first, then


def _until_alike(
    rng: np.random.Generator, values: FloatArray, like: FloatArray, *, least: int
) -> NDArray[np.bool_]:
    """Return which values to keep, `least` or more, so that their median is that of `like`.

    As few as possible are left out, at random among those on the far side.
    """
    kept = np.ones(len(values), np.bool_)
    if not np.isfinite(values).any() or not np.isfinite(like).any():
        return kept
    middle = float(np.nanmedian(like))
    side = np.sign(np.nanmedian(values) - middle)
    beyond = rng.permutation(np.flatnonzero(side * (values - middle) > 0))[: max(len(values) - least, 0)]

    def is_alike(count: int) -> int:
        left = np.delete(values, beyond[:count])
        return int(side * (np.nanmedian(left) - middle) <= ALIKE_MAG)

    kept[beyond[: bisect_left(range(len(beyond)), 1, key=is_alike)]] = False
    return kept
