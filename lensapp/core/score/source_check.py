"""Compare cutouts to be scored with those a network was trained on, before any score misleads.

Brightness, colours, size, PSF width, sky noise and sky level are measured on a sample of either and compared
quantile by quantile, in units of their spread in the training part. What differs has to differ by more than
so few cutouts do by chance, see `significant_from`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.plurals import first_of

Light = Literal["green", "amber", "red"]
Floats = NDArray[np.float64]

VERSION = 2  # one more with every change by which a source may get another light
SAMPLE_CUTOUTS = 512
NAMED = 4
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
LOWER, MIDDLE, UPPER = 1, 2, 3
AMBER_FROM, RED_FROM = 0.5, 1.0  # mean distance of quantiles in units of the spread
CHANCE = 0.01  # that a check of a part of the same survey finds any of its quantities different
COMPACT = 0.1  # of the objects, which resemble stars
LEAST_COMPACT = 4  # objects, to tell a PSF width by
SURE_COMPACT = 20  # objects, for a PSF width that differs to count alone, where the sizes are alike
BRIGHT_SIGMA = 10.0
MAD_TO_SIGMA = 1.4826
LEAST_SPREAD = {"brightness": 0.2, "colour": 0.1, "size": 0.2, "PSF width": 0.2, "sky noise": 0.2}
PSF_WIDTH = "PSF width"
LENGTHS = ("size", PSF_WIDTH)
ORDER: tuple[Light, ...] = ("green", "amber", "red")
NORMAL = NormalDist()
NORMAL_ERRORS = np.array(  # of quantiles, in sigma, times the root of the number of values
    [np.sqrt(level * (1 - level)) / NORMAL.pdf(NORMAL.inv_cdf(level)) for level in LEVELS]
)
UNITS = {"brightness": "mag", "colour": "mag", "size": "arcsec", "PSF width": "arcsec", "sky noise": "mag"}


class PartSummary(Spec):
    """What a sample of cutouts looks like; stored beside the network for its training part."""

    version: Literal[1] = 1
    cutouts: int = Field(ge=1, description="Number of cutouts measured.")
    bands: tuple[str, ...] = Field(min_length=1, description="Names of the bands in their order.")
    unit: str = Field("unknown", description="Unit of flux of the pixels.")
    pixel_scale_arcsec: float | None = Field(None, description="Side of a pixel in arcsec, where known.")
    quantiles: dict[str, tuple[float, ...]] = Field(
        description="Values at 5, 25, 50, 75 and 95 % of each quantity."
    )
    errors: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="Sampling error of each of these values; earlier runs kept none."
    )

    compact: dict[str, int] = Field(
        default_factory=dict, description="Objects that each PSF width is from; earlier runs kept none."
    )

    def compact_of(self, name: str) -> int:
        """Return how many objects a PSF width is from; where that was not kept, the most that it can be."""
        return self.compact.get(name, round(COMPACT * self.cutouts))

    def errors_of(self, name: str) -> Floats:
        """Return the sampling errors of a quantity; where none were kept, those of a normal distribution."""
        if name in self.errors:
            return np.array(self.errors[name])
        values, count = self.quantiles[name], self.cutouts
        if name.startswith(PSF_WIDTH):
            count = max(1, round(COMPACT * count))
        return np.asarray(spread_of(values) * NORMAL_ERRORS / np.sqrt(count))


@dataclass(frozen=True)
class Comparison:
    """One quantity of a source beside that of the training part.

    Attributes
    ----------
    training, source
        Medians, in `unit`.
    distance
        Mean distance of the quantiles, in units of the spread in the training part.
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
    of the check; those kept before it was noted have 1.
    """

    light: Light
    words: str
    cutouts: int
    training_cutouts: int
    comparisons: tuple[Comparison, ...]
    least_alike: tuple[OddCutout, ...] = ()
    version: int = VERSION

    @property
    def outdated(self) -> bool:
        """Whether the check has changed since, so that the source may get another light."""
        return self.version < VERSION

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def summarise(
    pixels: NDArray[np.float32],
    *,
    bands: tuple[str, ...],
    pixel_scale_arcsec: float | None = None,
    unit: str = "unknown",
    zero_point_mag: float | None = None,
) -> PartSummary:
    """Measure a sample of cutouts.

    Parameters
    ----------
    pixels : shape (n, y, x, band)
        As the network reads them, NaN where masked.
    pixel_scale_arcsec
        Side of a pixel; where it is unknown lengths are in pixels.
    zero_point_mag
        Of magnitudes, which are instrumental without one.
    """
    measured = measure(
        pixels, bands=bands, pixel_scale_arcsec=pixel_scale_arcsec, zero_point_mag=zero_point_mag or 0.0
    )
    return PartSummary(
        cutouts=len(pixels),
        bands=bands,
        unit=unit,
        pixel_scale_arcsec=pixel_scale_arcsec,
        quantiles=quantiles_of(measured),
        errors=errors_of(measured),
        compact=compact_of(measured),
    )


def compact_of(measured: Mapping[str, Floats]) -> dict[str, int]:
    """Return how many objects each PSF width was measured from."""
    counts = {name: int(np.isfinite(measured[name]).sum()) for name in measured if name.startswith(PSF_WIDTH)}
    return {name: count for name, count in counts.items() if count}


def quantiles_of(measured: Mapping[str, Floats]) -> dict[str, tuple[float, ...]]:
    """Return the quantiles of each quantity that was measured at all."""
    return {
        name: tuple(float(value) for value in np.quantile(finite, LEVELS))
        for name, values in measured.items()
        if len(finite := values[np.isfinite(values)])
    }


def errors_of(measured: Mapping[str, Floats]) -> dict[str, tuple[float, ...]]:
    """Return the sampling errors of the quantiles of each quantity that was measured at all.

    PSF widths are the low end of the sizes, and as uncertain as it is.
    """
    errors = {}
    for name, values in measured.items():
        if np.isfinite(values).any():
            levels = np.array(LEVELS)
            of_sizes = name.replace(PSF_WIDTH, "size")
            if name.startswith(PSF_WIDTH) and of_sizes in measured:
                values, levels = measured[of_sizes], COMPACT * levels  # noqa: PLW2901
            errors[name] = tuple(quantile_errors(values[np.isfinite(values)], levels).tolist())
    return errors


def quantile_errors(values: Floats, levels: Floats) -> Floats:
    """Return the sampling error of quantiles of n values, whatever their distribution.

    How many values lie below the quantile at p varies by the root of n p (1 - p): the error is the way to the
    value so many ranks below or above, whichever is longer, since nothing lies beyond the ends of few values.
    Half a rank is added, by which quantiles of few are off.

    References
    ----------
    H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed., Wiley 2003, section 7.1.
    """
    away = np.sqrt(levels * (1 - levels) / len(values)) + 0.5 / len(values)
    low, middle, high = (np.quantile(values, np.clip(levels + sign * away, 0, 1)) for sign in (-1, 0, 1))
    return np.maximum(high - middle, middle - low)


def measure(
    pixels: NDArray[np.float32],
    *,
    bands: tuple[str, ...],
    pixel_scale_arcsec: float | None,
    zero_point_mag: float = 0.0,
) -> dict[str, Floats]:
    """Return each quantity of each cutout, shape (n,) by name; NaN where it cannot be measured.

    Sky and noise are those of the border, an eighth of the side wide; brightness is that of a circle of a
    sixth of the side; size and PSF width are diameters of the area above half of the peak, the latter of the
    tenth of the objects that are most compact, where that is four or more.
    """
    count, height, width = pixels.shape[:3]
    edge = max(1, min(height, width) // 8)
    at_border = np.ones((height, width), bool)
    at_border[edge:-edge, edge:-edge] = False
    y, x = np.ogrid[:height, :width]
    away = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
    aperture: NDArray[np.bool_] = np.asarray(away <= max(2.0, min(height, width) / 6))
    scale = pixel_scale_arcsec or 1.0
    magnitudes: list[Floats] = []
    measured: dict[str, Floats] = {}
    for index, band in enumerate(bands):
        plane = np.where(np.isfinite(pixels[..., index]), pixels[..., index], np.nan).astype(np.float64)
        seen = [np.isfinite(plane[:, part]).any(axis=1) for part in (at_border, aperture)]
        usable = np.array(seen, bool).min(axis=0, keepdims=True).T
        plane = np.where(usable[..., None], plane, 0.0)
        border: Floats = plane[:, at_border]
        sky: Floats = np.nanmedian(border, axis=1)
        noise = MAD_TO_SIGMA * np.nanmedian(np.abs(border - sky[:, None]), axis=1)
        noise = np.where(usable[:, 0] & (noise > 0), noise, np.nan)
        light = plane - sky[:, None, None]
        flux = np.nansum(light[:, aperture], axis=1)
        least = noise * np.sqrt(aperture.sum())  # where there is no light to speak of
        magnitudes.append(zero_point_mag - 2.5 * np.log10(np.maximum(flux, least)))
        inner = np.where(aperture, light, -np.inf)
        peak = np.nanmax(inner, axis=(1, 2))
        across = 2 * np.sqrt((inner > peak[:, None, None] / 2).sum((1, 2)) / np.pi) * scale
        across = np.where(peak > BRIGHT_SIGMA * noise, across, np.nan)
        bright = across[np.isfinite(across)]
        few = COMPACT * len(bright) < LEAST_COMPACT
        star_like = np.zeros(count, bool) if few else across <= np.quantile(bright, COMPACT)
        measured |= {
            f"brightness {band}": magnitudes[-1],
            f"sky noise {band}": zero_point_mag - 2.5 * np.log10(noise),
            f"sky level {band}": sky / noise,
            f"size {band}": across,
            f"PSF width {band}": np.where(star_like, across, np.nan),
        }
    for first, second in zip(range(len(bands) - 1), range(1, len(bands)), strict=True):
        colour = magnitudes[first] - magnitudes[second]
        measured[f"colour {bands[first]} - {bands[second]}"] = colour
    return measured


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
        spread = max(spread_of(ours), _least_spread(name), 1e-12)
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
    least = significant_from(len(names) + (of_features is not None))
    comparisons = []
    for name in names:
        ours, theirs = np.array(training.quantiles[name]), np.array(source.quantiles[name])
        distance = distance_of(ours, theirs, least_spread=_least_spread(name))
        errors = np.hypot(training.errors_of(name), source.errors_of(name))
        error = distance_of(ours, ours + errors, least_spread=_least_spread(name))
        light = _light(distance, error=error, least=least)
        middle, here = float(ours[MIDDLE]), float(theirs[MIDDLE])
        unit = UNITS.get(_kind_of(name), "times the noise")
        words = f"{name}: {_change(name, middle, here)}{_doubt(distance, light)}"
        comparisons.append(
            Comparison(name, light, middle, here, unit, distance=distance, words=words, error=error)
        )
    if of_features is not None:
        distance, error = of_features
        light = _light(distance, error=error, least=least)
        words = f"features: {distance:.2g} spreads off{_doubt(distance, light)}"
        comparisons.append(
            Comparison(
                "features", light, 0.0, distance, "spreads", distance=distance, words=words, error=error
            )
        )
    comparisons = [_of_psf(one, comparisons, training, source) for one in comparisons]
    comparisons.sort(key=lambda one: (-one.distance, one.quantity))
    worst: Light = max((one.light for one in comparisons), key=ORDER.index, default="green")
    differing = first_of([one.quantity for one in comparisons if one.light == worst], NAMED)
    sentence = {
        "green": "The source looks like the training part.",
        "amber": f"The source differs somewhat from the training part in {differing}: expect fewer "
        "lenses to be found.",
        "red": f"The source does not look like the training part: {differing}. Scores mean little; "
        "train on cutouts of this survey.",
    }[worst]
    return SourceCheck(worst, sentence, source.cutouts, training.cutouts, tuple(comparisons))


def _of_psf(
    one: Comparison, every: Sequence[Comparison], training: PartSummary, source: PartSummary
) -> Comparison:
    """Return a comparison, milder where it is of a PSF width and the sizes of all objects are alike.

    Worse seeing makes every object larger. Where the most compact alone differ, other objects were chosen:
    stars are among the objects found in a field, and few where galaxies were chosen. Such is at most amber,
    and where few objects tell it nothing is said.
    """
    sizes = one.quantity.replace(PSF_WIDTH, "size")
    alike = any(other.quantity == sizes and other.light == "green" for other in every)
    if not one.quantity.startswith(PSF_WIDTH) or one.light == "green" or not alike:
        return one
    fewest = min(training.compact_of(one.quantity), source.compact_of(one.quantity))
    if fewest >= SURE_COMPACT:
        return replace(
            one, light="amber", words=f"{one.words}, but sizes are alike: there may be fewer stars among them"
        )
    return replace(
        one,
        light="green",
        words=f"{one.words}, from too few compact objects ({fewest}) to tell; sizes are alike",
    )


def _change(name: str, middle: float, here: float) -> str:
    """Return in words how the median of a quantity differs from that of the training part."""
    shift = here - middle
    return {
        "brightness": f"{abs(shift):.2f} mag {'fainter' if shift > 0 else 'brighter'}",
        "sky noise": f"{10 ** (-0.4 * shift):.3g} times that of the training part",
        "colour": f"{abs(shift):.2f} mag {'redder' if shift > 0 else 'bluer'}",
        "sky level": f"{abs(shift):.2g} times the noise {'higher' if shift > 0 else 'lower'}",
    }.get(_kind_of(name), f"{here:.2f} against {middle:.2f}")


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
    least = significant_from(len(known))
    lights = {}
    for name, parts in known.items():
        if len(parts):  # how far the quantiles lie outside those of all samples, on average, in spreads
            values = np.array(source.quantiles[name])
            outside_of_all = np.maximum(parts.min(axis=0) - values, values - parts.max(axis=0))
            spreads = spread_of(parts.T)
            excess = float(np.maximum(outside_of_all, 0.0).mean())
            of_parts = np.max([part.errors_of(name) for part in having[name]], axis=0)
            error = float(np.hypot(source.errors_of(name), of_parts).mean())
            spread = max(float(spreads.max()), _least_spread(name))
            lights[name] = _light(excess / spread, error=error / spread, least=least)
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


def spread_of(quantiles: Sequence[float] | Floats) -> Any:
    """Return the width of the middle half as a standard deviation: of a normal distribution it is σ.

    Of quantiles at LEVELS along the first axis, of one quantity or of several.
    """
    return (quantiles[UPPER] - quantiles[LOWER]) / 1.349


def distance_of(training: Floats, source: Floats, *, least_spread: float = 0.0) -> float:
    """Return the mean distance of quantiles in units of their spread in the training part."""
    spread = max(spread_of(training), least_spread, 1e-12)
    return float(np.mean(np.abs(source - training)) / spread)


def significant_from(quantities: int) -> float:
    """Return from how many sampling errors on a quantity differs, where so many are compared.

    One of many is far off by chance more easily than the only one: 2.6 for one, 3.4 for seventeen.

    References
    ----------
    C. E. Bonferroni's inequality; R. G. Miller, Simultaneous Statistical Inference, 2nd ed., Springer 1981.
    """
    return NORMAL.inv_cdf(1 - CHANCE / (2 * max(quantities, 1)))


def _kind_of(name: str) -> str:
    """Return what kind of quantity has this name, which has a band or two behind it."""
    return next((kind for kind in LEAST_SPREAD if name.startswith(kind)), "sky level")


def _least_spread(name: str) -> float:
    return LEAST_SPREAD.get(_kind_of(name), 1.0)


def _light(distance: float, *, error: float, least: float) -> Light:
    """Return green also for what is off by less than `least` sampling errors."""
    if distance < max(AMBER_FROM, least * error):
        return "green"
    return "red" if distance >= RED_FROM else "amber"


def _doubt(distance: float, light: Light) -> str:
    return ", as may be by chance among so few" if light == "green" and distance >= AMBER_FROM else ""


def check_of(values: Mapping[str, Any]) -> SourceCheck:
    """Return a check from its JSON values."""
    rows = tuple(Comparison(**one) for one in values["comparisons"])
    odd = tuple(OddCutout(**one) for one in values.get("least_alike", ()))
    return SourceCheck(**{"version": 1, **values, "comparisons": rows, "least_alike": odd})
