"""Compare cutouts to be scored with those a network was trained on, before any score misleads.

Brightness, colours, size, PSF width, sky noise and sky level are measured on a sample of either and compared
quantile by quantile, in units of their spread in the training part. What differs has to differ by more than
so few cutouts do by chance, see `quantile_distance.judged`; what may is grey, not green.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lensapp.core.plurals import first_of
from lensapp.core.score.part_summary import PSF_WIDTH, PartSummary, kind_of, least_spread
from lensapp.core.score.quantile_distance import (
    MIDDLE,
    ORDER,
    Floats,
    Light,
    is_telling,
    judged,
    least_errors,
    light_of,
    spread_of,
)

VERSION = 3  # one more with every change by which a source may get another light
SAMPLE_CUTOUTS = 512
NAMED = 4
SURE_COMPACT = 20  # objects, for a PSF width that differs to count alone, where the sizes are alike
LENGTHS = ("size", PSF_WIDTH)
DOUBT = ", as may be by chance among so few: cannot tell"
UNITS = {"brightness": "mag", "colour": "mag", "size": "arcsec", "PSF width": "arcsec", "sky noise": "mag"}


@dataclass(frozen=True)
class Comparison:
    """One quantity of a source beside that of the training part.

    Attributes
    ----------
    training, source
        Medians, in `unit`.
    distance
        Mean distance of the quantiles, or of the three in the middle, in units of the spread in the training
        part.
    measured
        Lowest and highest median of the samples that the network was measured on, where the source was
        compared with them too.
    error
        Sampling error of the distance; None in a check kept by an earlier release.
    """

    quantity: str
    light: Light
    training: float
    source: float
    unit: str
    distance: float
    words: str
    measured: tuple[float, float] | None = None
    error: float | None = None


@dataclass(frozen=True)
class OddCutout:
    """A cutout little like the training part: its distance in spreads, and in what it differs most."""

    cutout: int
    candidate: str
    distance: float
    quantity: str


@dataclass(frozen=True)
class SourceCheck:
    """How a source compares with a training part: the worst light, and each quantity, worst first.

    `least_alike` are the measured cutouts that are least like that part, the oddest first. `version` is that
    of the check; those kept before it was noted have 1. A quantity differs from `least` sampling errors on,
    which earlier versions kept as 0.
    """

    light: Light
    words: str
    cutouts: int
    training_cutouts: int
    comparisons: tuple[Comparison, ...]
    least_alike: tuple[OddCutout, ...] = ()
    version: int = VERSION
    least: float = 0.0

    @property
    def outdated(self) -> bool:
        """Whether the check has changed since, so that the source may get another light."""
        return self.version < VERSION

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def oddness(training: PartSummary, measured: Mapping[str, Floats]) -> tuple[Floats, list[str]]:
    """Return how little each cutout is like a training part (n,), and the quantity that differs most in each.

    The distance is the root of the mean square of those of all quantities from their medians, in units of
    their spread in the training part; what cannot be measured does not count. Both are empty where
    nothing is measured in both, as in pixels that are all alike.
    """
    names = [name for name in measured if name in training.quantiles and not name.startswith("PSF width")]
    distances = []
    for name in names:
        ours = training.quantiles[name]
        spread = max(spread_of(ours), least_spread(name), 1e-12)
        distances.append(np.abs(measured[name] - ours[MIDDLE]) / spread)
    if not distances:
        return np.zeros(0), []
    table = np.array(distances)
    known = np.isfinite(table)
    squares = np.where(known, table, 0.0) ** 2
    worst = np.argmax(squares, axis=0)
    return np.sqrt(squares.sum(0) / np.maximum(known.sum(0), 1)), [names[one] for one in worst.tolist()]


def compare(
    training: PartSummary, source: PartSummary, *, of_features: tuple[float, float] | None = None
) -> SourceCheck:
    """Compare a source with a training part, quantity by quantity; `of_features` is `feature_distance`."""
    one_length = (training.pixel_scale_arcsec is None) == (source.pixel_scale_arcsec is None)
    names = [
        name
        for name in training.quantiles.keys() & source.quantiles.keys()
        if one_length or not name.startswith(LENGTHS)
    ]
    least = least_errors(len(names) + 1)  # features count whether there are some or not
    comparisons = [_compared(name, training, source, least=least) for name in names]
    if of_features is not None:
        distance, error = of_features
        light = light_of(distance, error=error, least=least)
        words = f"features: {distance:.2g} spreads off{_doubt(light)}"
        comparisons.append(
            Comparison(
                "features", light, 0.0, distance, "spreads", distance=distance, words=words, error=error
            )
        )
    comparisons = [_of_psf(one, comparisons, training, source) for one in comparisons]
    comparisons.sort(key=lambda one: (-ORDER.index(one.light), -one.distance, one.quantity))
    worst: Light = max((one.light for one in comparisons), key=ORDER.index, default="green")
    differing = first_of([one.quantity for one in comparisons if one.light == worst], NAMED)
    if worst == "green" and not is_telling(training.cutouts, source.cutouts, least=least):
        worst, differing = "grey", "anything"
    measured = f"{source.cutouts} cutouts of the source and {training.cutouts} of the training part"
    sentence = {
        "green": "The source looks like the training part.",
        "grey": f"Too few cutouts to tell whether the source differs from the training part in {differing}: "
        f"measured were {measured}.",
        "amber": f"The source differs somewhat from the training part in {differing}: expect fewer "
        "lenses to be found.",
        "red": f"The source does not look like the training part: {differing}. Scores mean little; "
        "train on cutouts of this survey.",
    }[worst]
    return SourceCheck(worst, sentence, source.cutouts, training.cutouts, tuple(comparisons), least=least)


def _compared(name: str, training: PartSummary, source: PartSummary, *, least: float) -> Comparison:
    """Compare one quantity."""
    ours, theirs = np.array(training.quantiles[name]), np.array(source.quantiles[name])
    spread = max(spread_of(ours), least_spread(name), 1e-12)
    errors = np.hypot(training.errors_of(name), source.errors_of(name))
    light, distance, error = judged(
        np.abs(theirs - ours) / spread, errors / spread, least=least, of_lowest=name.startswith(PSF_WIDTH)
    )
    middle, here = float(ours[MIDDLE]), float(theirs[MIDDLE])
    unit = UNITS.get(kind_of(name), "times the noise")
    words = f"{name}: {_change(name, middle, here)}{_doubt(light)}"
    return Comparison(name, light, middle, here, unit, distance=distance, words=words, error=error)


def _of_psf(
    one: Comparison, every: Sequence[Comparison], training: PartSummary, source: PartSummary
) -> Comparison:
    """Return a comparison, milder where it is of a PSF width and the sizes of all objects are alike.

    Worse seeing makes every object larger. Where the most compact alone differ, other objects were chosen:
    stars are among the objects found in a field, and few where galaxies were chosen. Such is at most amber,
    and where few objects tell it, or it may differ by chance, nothing is said.
    """
    sizes = one.quantity.replace(PSF_WIDTH, "size")
    alike = any(other.quantity == sizes and other.light == "green" for other in every)
    if not one.quantity.startswith(PSF_WIDTH) or one.light == "green" or not alike:
        return one
    fewest = min(training.compact_of(one.quantity), source.compact_of(one.quantity))
    words = f"{one.quantity}: {_change(one.quantity, one.training, one.source)}"
    if one.light == "grey":
        return replace(one, light="green", words=f"{words}, as may be by chance; sizes are alike")
    if fewest >= SURE_COMPACT:
        return replace(
            one, light="amber", words=f"{words}, but sizes are alike: there may be fewer stars among them"
        )
    return replace(
        one,
        light="green",
        words=f"{words}, from too few compact objects ({fewest}) to tell; sizes are alike",
    )


def _change(name: str, middle: float, here: float) -> str:
    """Return in words how the median of a quantity differs from that of the training part."""
    shift = here - middle
    return {
        "brightness": f"{abs(shift):.2f} mag {'fainter' if shift > 0 else 'brighter'}",
        "sky noise": f"{10 ** (-0.4 * shift):.3g} times that of the training part",
        "colour": f"{abs(shift):.2f} mag {'redder' if shift > 0 else 'bluer'}",
        "sky level": f"{abs(shift):.2g} times the noise {'higher' if shift > 0 else 'lower'}",
    }.get(kind_of(name), f"{here:.2f} against {middle:.2f}")


def or_as_measured(
    check: SourceCheck, source: PartSummary, measured: Mapping[str, Sequence[PartSummary]]
) -> SourceCheck:
    """Return the check with a training part, milder where the source lies within what was measured.

    A network may have learned from simulations and been measured on real cutouts: what it does among cutouts
    like these is known, however they differ from those it learned from. Such a source is amber, not red.

    Parameters
    ----------
    measured
        Samples that the network was measured on, by what they show.
    """
    if check.light != "red" or not measured:
        return check
    names = " and ".join(measured)
    every = [part for parts in measured.values() for part in parts]
    having = {
        one.quantity: [part for part in every if one.quantity in part.quantiles]
        for one in check.comparisons
        if one.quantity in source.quantiles
    }
    known = {name: np.array([part.quantiles[name] for part in parts]) for name, parts in having.items()}
    least = least_errors(len(known) + 1)
    lights = {}
    for name, parts in known.items():
        if len(parts):  # how far the quantiles lie outside those of all samples, on average, in spreads
            values = np.array(source.quantiles[name])
            outside_of_all = np.maximum(parts.min(axis=0) - values, values - parts.max(axis=0))
            spreads = spread_of(parts.T)
            excess = np.maximum(outside_of_all, 0.0)
            of_parts = np.max([part.errors_of(name) for part in having[name]], axis=0)
            errors = np.hypot(source.errors_of(name), of_parts)
            spread = max(float(spreads.max()), least_spread(name))
            lights[name] = judged(
                excess / spread, errors / spread, least=least, of_lowest=name.startswith(PSF_WIDTH)
            )[0]
    medians = {name: parts[:, MIDDLE] for name, parts in known.items() if len(parts)}
    ranges = {name: (float(values.min()), float(values.max())) for name, values in medians.items()}
    comparisons = tuple(replace(one, measured=ranges.get(one.quantity)) for one in check.comparisons)
    outside = {
        light: first_of([name for name, one in lights.items() if one == light], NAMED) for light in ORDER
    }
    if outside["red"]:
        words = (
            f"{check.words} Nor does it lie within what the network was measured on, {names}: "
            f"{outside['red']}."
        )
        return replace(check, words=words, comparisons=comparisons)
    differing = first_of([one.quantity for one in check.comparisons if one.light == "red"], NAMED)
    but_for = f"but for {outside['amber']}" if outside["amber"] else "but"
    return replace(
        check,
        light="amber",
        words=f"The source differs from the training part in {differing}, {but_for} lies within what the "
        f"network was measured on, {names}: the figures measured there tell what to expect.",
        comparisons=comparisons,
    )


def _doubt(light: Light) -> str:
    return DOUBT if light == "grey" else ""


def check_of(values: Mapping[str, Any]) -> SourceCheck:
    """Return a check from its JSON values."""
    rows = tuple(Comparison(**one) for one in values["comparisons"])
    odd = tuple(OddCutout(**one) for one in values.get("least_alike", ()))
    return SourceCheck(**{"version": 1, **values, "comparisons": rows, "least_alike": odd})
