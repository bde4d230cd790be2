"""From pixels as they come to the planes of one cutout: axes, size, masks, and what cannot be right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.train.normalisation import about_middle
from lensapp.ingest.refusals import Refused

Pixels = NDArray[np.float32]

SENTINELS = (99.0, 100.0, 999.0, 9999.0, 1.0e4, 99999.0, 32768.0)
USUAL_SENTINELS = frozenset(sign * value for value in SENTINELS for sign in (1, -1))
SORTED_SENTINELS = sorted(USUAL_SENTINELS, key=abs, reverse=True)
HUGE = 1e15  # no flux unit reaches it; error planes carry such values where they have no data
GAP = 3.0  # a sentinel stands off the other pixels by so many times their whole range
OFF_THE_SKY = 10.0  # or it lies below all of them by so many times the noise of the sky
REPEATED, OFTEN = 3, 3  # pixels, and times as many where nothing else tells
FEWER = 4  # times, that pixels hold the next whole number
CONTINUOUS = 0.9  # of the values differ in an image that was measured and not counted
FAINTEST_MAGNITUDE, BRIGHTEST_MAGNITUDE = 40.0, 12.0
SHORTEST_SIDE = 4


@dataclass(frozen=True)
class Axes:
    """How an array of pixels is divided into cutouts and bands."""

    count: int  # cutouts in one array
    stacked: bool  # whether the first axis counts cutouts
    band_axis: str  # "first", "last" or "none"


def divide_axes(shape: Sequence[int], *, bands: int, band_axis: str, origin: str) -> Axes:
    """Tell cutouts and bands apart in an array of `shape`.

    Parameters
    ----------
    shape
        (y, x), (band, y, x), (y, x, band), (cutout, y, x) or (cutout, …) with four axes.
    bands
        Number of bands.
    band_axis
        "auto", "first" or "last"; auto only where one of the axes has as many entries as bands.
    """
    if len(shape) == 2 and bands == 1:
        return Axes(1, stacked=False, band_axis="none")
    if len(shape) == 3 and bands == 1 and 1 not in (shape[0], shape[2]):
        return Axes(shape[0], stacked=True, band_axis="none")
    if len(shape) in (3, 4):
        inner = shape[-3:]
        fits = [name for name, axis in (("first", 0), ("last", 2)) if inner[axis] == bands]
        if band_axis != "auto":
            fits = [name for name in fits if name == band_axis]
        if len(fits) == 1:
            return Axes(shape[0] if len(shape) == 4 else 1, stacked=len(shape) == 4, band_axis=fits[0])
    what = f"one axis of {bands} bands" if bands > 1 else "a single plane"
    raise InvalidInput(
        f"The array in {origin} has the shape {sides(shape)}, which does not have {what}. "
        "Name the bands in the order of the file, or say whether they come first or last."
    )


def sides(shape: Sequence[int]) -> str:
    """Return a NumPy shape as text, "5 × 64 × 64"."""
    return " × ".join(map(str, shape)) or "()"


def plane_counts(shape: Sequence[int], band_axis: str) -> set[int]:
    """Return how many bands an array of `shape` may hold."""
    axes = {"first": (0,), "last": (2,)}.get(band_axis, (0, 2))
    return {shape[-3:][axis] for axis in axes} if len(shape) in (3, 4) else set()


def band_planes(array: Pixels, axes: Axes) -> list[Pixels]:
    """Return the planes of one cutout, each (y, x)."""
    if axes.band_axis == "none":
        return [array]
    return list(np.moveaxis(array, -1, 0) if axes.band_axis == "last" else array)


def centre(plane: Pixels, size: int) -> Pixels:
    """Return `plane` cropped or padded (with NaN) about its centre to (size, size).

    Of an odd number of pixels one more goes at the upper and right edge, or comes at the lower and left.
    """
    if plane.shape == (size, size):
        return plane
    return about_middle(plane.astype(np.float32, copy=False)[None, ..., None], (size, size))[0, ..., 0]


class Cleaned(NamedTuple):
    """One plane with its masks set to NaN, and how many pixels were masked and why."""

    pixels: Pixels
    low: float
    high: float
    nan: int
    sentinel: int


def clean(plane: Pixels, *, band: str, sentinels: Sequence[float], detect: bool) -> Cleaned:
    """Mask NaN, infinities and sentinels of one plane, and refuse it when nothing useful is left."""
    nan = sentinel = 0
    low, high = float(plane.min()), float(plane.max())
    if not math.isfinite(low + high):
        plane, nan = _mask(plane, ~np.isfinite(plane))
        low, high = _range(plane, band)
    for value in sentinels:
        plane, count = _mask(plane, plane == np.float32(value))
        sentinel += count
    if sentinel:
        low, high = _range(plane, band)
    if detect and _may_hold_no_data(plane, low, high):
        usual = [
            value for value in SORTED_SENTINELS if low <= value <= high
        ]  # those farthest from zero first
        extremes = [value for value in (low, high) if abs(value) >= HUGE or value == low < 0.0]
        for value in dict.fromkeys(extremes + usual):
            plane, count = _mask_no_data(plane, value, band)
            sentinel += count
        low, high = _range(plane, band) if sentinel else (low, high)
    if low == high == 0.0:
        raise Refused("all_zero", f"every pixel of band {band} is zero")
    if low == high:
        raise Refused("constant", f"every pixel of band {band} is {low:g}")
    if low > BRIGHTEST_MAGNITUDE and high < FAINTEST_MAGNITUDE and _dips(plane):
        raise Refused("magnitudes", f"band {band} looks like magnitudes ({low:.1f} to {high:.1f}), not flux")
    return Cleaned(plane, low, high, nan, sentinel)


def _range(plane: Pixels, band: str) -> tuple[float, float]:
    valid = plane[np.isfinite(plane)]
    if not valid.size:
        raise Refused("all_nan", f"every pixel of band {band} is masked")
    return float(valid.min()), float(valid.max())


def _mask(plane: Pixels, masked: NDArray[np.bool_]) -> tuple[Pixels, int]:
    count = int(np.count_nonzero(masked))
    if not count:
        return plane, 0
    plane = plane.copy()
    plane[masked] = np.nan
    return plane, count


def _may_hold_no_data(plane: Pixels, low: float, high: float) -> bool:
    """Return quickly whether a plane may hold values that mean "no data"; most planes do not.

    Such values lie at an end of the range, or side by side; in a faint plane the lowest alone can be one,
    where it is repeated.
    """
    if low in USUAL_SENTINELS or high in USUAL_SENTINELS or max(-low, high) >= HUGE:
        return True
    if max(-low, high) <= min(SENTINELS):  # too faint for any but the lowest value
        return low < 0.0 and int(np.count_nonzero(plane == np.float32(low))) >= REPEATED
    values, width = plane.ravel(), plane.shape[1]
    beside = np.count_nonzero(values[1:] == values[:-1])
    return bool(beside or np.count_nonzero(values[width:] == values[:-width]))


def _mask_no_data(plane: Pixels, value: float, band: str) -> tuple[Pixels, int]:
    """Mask `value` where it is no flux: far off all other pixels, or repeated to the bit among them."""
    huge = abs(value) >= HUGE
    masked = np.abs(plane) >= HUGE if huge else plane == np.float32(value)
    count = int(np.count_nonzero(masked))
    if not count or (count < REPEATED and value not in USUAL_SENTINELS and not huge):
        return plane, 0
    if not huge and FEWER * np.count_nonzero(np.abs(plane - value) == 1.0) > count:
        return plane, 0  # whole numbers, and the next ones are as frequent
    rest = plane[np.isfinite(plane) & ~masked]
    if huge and count > rest.size:
        raise Refused("error_plane", f"band {band} holds values like {value:.1e}: an error plane, not flux")
    if not rest.size or not (huge or _is_no_data(plane, masked, value, rest, count)):
        return plane, 0
    return _mask(plane, masked)


def _is_no_data(
    plane: Pixels, masked: NDArray[np.bool_], value: float, rest: NDArray[np.float32], count: int
) -> bool:
    """Return whether the pixels `masked`, which all hold `value`, are no data beside the `rest`.

    Stars reach high above the sky, so that no gap can be asked for between them and a value: below all flux
    it must lie off the sky by its noise, among the flux it must be repeated as no measured value is, and
    at the top it must not be where the flux leads up to, as it does where stars are cut off.
    """
    low, high = float(rest.min()), float(rest.max())
    usual = value in USUAL_SENTINELS
    gap = max(low - value, value - high)
    if usual and gap > 0 and gap > GAP * (high - low):
        return True
    sky = float(np.median(rest))
    noise = 1.4826 * float(np.median(np.abs(rest - sky)))
    if value < low and low - value > OFF_THE_SKY * noise:
        return True
    if not usual or count < REPEATED:
        return False
    if value < high and count >= OFTEN * REPEATED and np.unique(rest).size > CONTINUOUS * rest.size:
        return True
    if abs(value - sky) <= OFF_THE_SKY * noise:
        return False
    beside = np.zeros_like(masked)
    beside[1:] |= masked[:-1]
    beside[:-1] |= masked[1:]
    beside[:, 1:] |= masked[:, :-1]
    beside[:, :-1] |= masked[:, 1:]
    around = beside & ~masked & np.isfinite(plane)
    nearby = float(np.median(plane[around])) if around.any() else sky
    return abs(nearby - sky) < abs(nearby - value)


def _dips(plane: Pixels) -> bool:
    """Return whether the centre is lower than the border by a magnitude, as only magnitudes are."""
    height, width = plane.shape
    y, x = height // 2, width // 2
    near = max(1, min(height, width) // 16)
    middle = plane[y - near : y + near + 1, x - near : x + near + 1]
    border = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    if np.isnan(middle).all() or np.isnan(border).all():
        return False
    return bool(np.nanmedian(border) - np.nanmedian(middle) > 1.0)


def refuse_copies(cleaned: Sequence[Cleaned], bands: Sequence[str]) -> None:
    """Refuse a candidate of which two bands are the same, byte for byte."""
    seen: dict[tuple[float, float], list[int]] = {}
    for number, plane in enumerate(cleaned):
        for other in seen.setdefault((plane.low, plane.high), []):
            if np.array_equal(cleaned[other].pixels, plane.pixels, equal_nan=True):
                raise Refused(
                    "duplicate_bands", f"bands {bands[other]} and {bands[number]} are the same, byte for byte"
                )
        seen[plane.low, plane.high].append(number)
