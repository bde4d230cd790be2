"""What is told of the quality of a source: how much of what became cutouts, its sky and its noise."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.flux_units import REFERENCE_ZERO_POINT_MAG, factor_of_zero_point
from lensapp.core.plurals import imported_of
from lensapp.core.train.own_noise import FEWEST_COMPARED, noise_outliers, sky_sigma
from lensapp.services.data.object_search import left_out_sentence, reasons_in_words
from lensapp.services.data.painting import LENS, nonlenses_in_words
from lensapp.services.data.source_tables import (
    column_of,
    labels_of,
    sampled_pixels,
    which_are_sampled,
)
from lensapp.services.data.sources import rejections, unit_in_words
from lensapp.storage import sources
from lensapp.storage.cutouts import open_cutouts, source_unit
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

FloatArray = NDArray[np.float64]
COMMON_ZERO_POINT_MAG = 27.0  # where those of cutouts or bands differ
SIGNIFICANT, MOST_DECIMALS = 3, 4
SMALLEST_WRITTEN, LARGEST_WRITTEN = 1e-3, 1e5


@dataclass(frozen=True)
class Account:
    """How many cutouts a source has of what, in words, and what is to be said of the rest."""

    kept: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PixelSky:
    """Sky and noise of a pixel in each band, in one unit.

    Attributes
    ----------
    sky, noise : shape (bands,)
        In units of ten to the `power`.
    noise_mag_arcsec2 : shape (bands,)
        Surface brightness of the noise; None where the unit of flux or the pixel scale are unknown.
    decimals
        That tell three digits of the smallest noise.
    unit
        In words, after "Sky and noise of a pixel".
    """

    sky: FloatArray
    noise: FloatArray
    noise_mag_arcsec2: FloatArray | None
    power: int
    decimals: int
    unit: str


def account_of(ws: Workspace, source: Source, *, write: Callable[[int], str] = str) -> Account:
    """Return how many cutouts a source has of the files, objects or lenses that it was made of."""
    count = len(column_of(ws, source, "id"))
    if source.kind == sources.OBJECTS:
        detected = count + int(source.quality.get("rejected", 0))
        reasons: dict[str, int] = source.quality.get("reasons") or {}
        if not reasons:
            return Account(f"{write(count)} of {write(detected)} objects kept")
        why = f"Left out: {reasons_in_words(reasons, write=write)}."
        return Account(f"{write(count)} of {write(detected)} objects kept", (why,))
    if source.kind == sources.PAINTED:
        lenses = int(np.count_nonzero(labels_of(ws, source) == LENS))
        told = nonlenses_in_words(source.spec, count - lenses)
        return Account(f"{write(lenses)} lenses, {write(count - lenses)} non-lenses", told)
    if source.kind == sources.SIMULATED:
        return Account(f"{write(count)} simulated cutouts")
    rejected = len(rejections(ws, source))
    said = () if rejected else ("No cutout was rejected.",)
    return Account(f"{imported_of(count, rejected, write=write)} imported", said)


def remarks_on(source: Source) -> list[str]:
    """Return what should be looked at in a source; why objects were left out is in its account."""
    detected = source.quality.get("accepted", 0) + source.quality.get("rejected", 0)
    reasons = source.quality.get("reasons") or {} if source.kind == sources.OBJECTS else {}
    told = {left_out_sentence(left, detected, reason) for reason, left in reasons.items()}
    return [warning for warning in source.quality.get("warnings") or () if warning not in told]


def pixel_sky(ws: Workspace, source: Source) -> PixelSky:
    """Return sky and noise of a pixel in a sample of a source, in one zero point wherever these are known."""
    _, levels = sampled_pixels(ws, source)
    unit, words = source_unit(ws, source), f"in the unit of the source: {unit_in_words(ws, source)}"
    factor, calibrated = 1.0, open_cutouts(ws, source.name, calibrated=True).flux_scales is not None
    if calibrated:
        zero_point = unit.zero_point or COMMON_ZERO_POINT_MAG
        factor = factor_of_zero_point(REFERENCE_ZERO_POINT_MAG, unit_mag=zero_point)
        words = f"all in flux of AB zero point {zero_point:.4g}"
    sky, noise = levels.sky * factor, levels.noise * factor
    depth = None
    if calibrated and source.pixel_scale_arcsec:
        depth = REFERENCE_ZERO_POINT_MAG - 2.5 * np.log10(levels.noise / source.pixel_scale_arcsec**2)
    largest = float(np.abs(np.concatenate([sky, noise])).max(initial=0.0))
    plain = SMALLEST_WRITTEN <= largest < LARGEST_WRITTEN or not largest
    power = 0 if plain else int(np.floor(np.log10(largest)))
    sky, noise = sky / 10.0**power, noise / 10.0**power
    digits = SIGNIFICANT - 1 - np.floor(np.log10(max(float(noise.min(initial=1.0)), 1e-30)))
    return PixelSky(sky, noise, depth, power, int(np.clip(digits, 0, MOST_DECIMALS)), words)


@dataclass(frozen=True, eq=False)
class CutoutNoise:
    """The noise of single cutouts of a sample.

    Attributes
    ----------
    cutout_ids : int64, shape (n,)
    relative : float64, shape (n, bands)
        Over the median of all in the band; NaN where a cutout shows too little sky.
    depth_mag_arcsec2 : float64, shape (n, bands)
        Surface brightness equal to it, where unit and pixel scale are known, else None.
    """

    cutout_ids: NDArray[np.int64]
    relative: NDArray[np.float64]
    depth_mag_arcsec2: NDArray[np.float64] | None

    def outstanding(self) -> tuple[NDArray[np.int64], int, int]:
        """Return which stand out in any band, the farthest first, and how many are shallower and deeper.

        Their noise differs from the usual by more than that of the cutouts does among each other, and by a
        fifth at least.
        """
        with np.errstate(divide="ignore"):
            found = noise_outliers(self.relative) | noise_outliers(1 / self.relative)
        rows = np.flatnonzero(found)
        off = self.off[rows]
        order = np.argsort(-np.abs(off), kind="stable")
        return rows[order], int((off > 0).sum()), int((off < 0).sum())

    def extremes(self, of_each: int) -> NDArray[np.int64]:
        """Return the deepest and then the shallowest, by the band where each is farthest from the usual."""
        order = np.argsort(self.off, kind="stable")
        known = np.asarray(order[np.isfinite(self.off[order])], np.int64)
        return known if len(known) <= 2 * of_each else np.concatenate([known[:of_each], known[-of_each:]])

    @property
    def farthest(self) -> NDArray[np.int64]:
        """The band, by its place, in which the noise of each cutout is farthest from the usual, by ratio."""
        return np.asarray(np.argmax(np.abs(np.nan_to_num(self._logs)), axis=1), np.int64)

    @property
    def off(self) -> NDArray[np.float64]:
        """How far each is there: the logarithm of the ratio; NaN where no noise is known."""
        logs = self._logs
        there = np.nan_to_num(logs[np.arange(len(logs)), self.farthest])
        return np.where(np.isnan(logs).all(axis=1), np.nan, there)

    @property
    def _logs(self) -> NDArray[np.float64]:
        return np.log(np.where(self.relative > 0, self.relative, np.nan))


def noise_of_cutouts(ws: Workspace, source: Source) -> CutoutNoise | None:
    """Return the noise of a pixel in each cutout of a sample, None of too few to compare.

    It is the robust scatter of the pixels at the border, as that of the source is.
    """
    return _noise_of_sample(ws, source.name, source.created_at)


@lru_cache(maxsize=4)
def _noise_of_sample(ws: Workspace, name: str, _created_at: float) -> CutoutNoise | None:
    source = sources.get_source(ws.database, name)
    ids = column_of(ws, source, "id")
    sample = ids[which_are_sampled(len(ids))]
    if len(sample) < FEWEST_COMPARED:
        return None
    pixels, _ = sampled_pixels(ws, source)
    noise = sky_sigma(pixels).astype(np.float64)
    noise = np.where(noise > 0, noise, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a band in which all are masked
        relative = noise / np.nanmedian(noise, axis=0)
    depth = None
    calibrated = open_cutouts(ws, source.name, calibrated=True).flux_scales is not None
    if calibrated and source.pixel_scale_arcsec:
        depth = REFERENCE_ZERO_POINT_MAG - 2.5 * np.log10(noise / source.pixel_scale_arcsec**2)
    return CutoutNoise(np.asarray(sample, np.int64), relative, depth)
