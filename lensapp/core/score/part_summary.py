"""What a sample of cutouts looks like: brightness, colours, size, PSF width, sky noise and sky level."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.score.quantile_distance import (
    LEVELS,
    NORMAL_ERRORS,
    Floats,
    quantile_errors,
    spread_of,
)

COMPACT = 0.1  # of the objects, which resemble stars
LEAST_COMPACT = 4  # objects, to tell a PSF width by
BRIGHT_SIGMA = 10.0
MAD_TO_SIGMA = 1.4826
LEAST_SPREAD = {"brightness": 0.2, "colour": 0.1, "size": 0.2, "PSF width": 0.2, "sky noise": 0.2}
PSF_WIDTH = "PSF width"


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


def kind_of(name: str) -> str:
    """Return what kind of quantity has this name, which has a band or two behind it."""
    return next((kind for kind in LEAST_SPREAD if name.startswith(kind)), "sky level")


def least_spread(name: str) -> float:
    """Return the spread that a quantity has at least, in its unit: smaller differences do not matter."""
    return LEAST_SPREAD.get(kind_of(name), 1.0)
