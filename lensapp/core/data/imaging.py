"""Turn pixels into pictures: automatic levels, stretches, colour composites, sprite sheets.

Fluxes may be 1e-13 or 1e5: everything is measured against the source's own sky, noise and typical
brightness. Pixels come as (n, y, x, band) with y upwards and NaN where masked; pictures leave as
(n, row, column, RGB) with the first row on top.
"""

import base64
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.data.bands import wavelength_order
from lensapp.core.data.zscale import zscale_limits
from lensapp.core.errors import BandMismatch, InvalidInput

Pixels = NDArray[np.float32]
Floats = NDArray[np.float64]
Pictures = NDArray[np.uint8]

STRETCHES = ("lupton", "asinh", "log", "sqrt", "linear", "zscale", "percentile")
USUAL_RGB = ("i", "r", "g")  # of surveys that have them: z and y are noisy
MASKED_RGB = (38, 38, 46)
MAD_TO_SIGMA = 1.4826
LEVEL_CUTOUTS = 256
LEVEL_PIXELS = 4_000_000
VALUES_AT_ONCE = 60_000  # rendered together
FAINTEST_NOISE = 1e-3  # of the brightness: noise-free simulations still get a stretch


class DisplaySpec(Spec):
    """How pixels become colours; levels are in units of the source's noise and brightness."""

    stretch: Literal["lupton", "asinh", "log", "sqrt", "linear", "zscale", "percentile"] = Field(
        "lupton",
        title="Stretch",
        description="Curve from flux to brightness; 'lupton' keeps the colours of bright cores.",
        json_schema_extra={"words": {"lupton": "Lupton", "log": "logarithmic", "sqrt": "square root"}},
    )
    rgb: tuple[str, ...] = Field(
        (),
        max_length=3,
        title="Red, green and blue",
        description="Bands shown as red, green and blue; empty takes i, r, g, or the reddest as red.",
    )
    black: float = Field(
        -0.5, ge=-20, le=50, title="Black level", description="Flux shown black, in units of the noise."
    )
    softening: float = Field(
        3.0,
        gt=0,
        le=1000,
        title="Softening",
        description="Flux where the curve bends from linear, in units of the noise.",
    )
    white: float = Field(
        3.0,
        gt=0,
        le=1000,
        title="White level",
        description="Flux shown white, in units of a typical galaxy's brightness.",
    )
    percentile: float = Field(
        99.5,
        gt=50,
        le=100,
        title="Percentile",
        description="Percentage of the pixels between black and white, for 'percentile'.",
    )


@dataclass(frozen=True, eq=False)
class Levels:
    """Sky, noise and typical brightness above the sky of each band, shape (band,)."""

    sky: Floats
    noise: Floats
    brightness: Floats

    @property
    def key(self) -> str:
        """A short name of these values, for addresses that may be cached."""
        values = np.concatenate([self.sky, self.noise, self.brightness])
        return hashlib.sha256(np.asarray(values, "<f8").tobytes()).hexdigest()[:12]

    @property
    def gain(self) -> Floats:
        """Factor from units of noise to units of brightness."""
        return self.noise / self.brightness

    def of_bands(self, indices: Sequence[int]) -> "Levels":
        """Return the levels of some bands."""
        return Levels(*(np.asarray(part)[list(indices)] for part in (self.sky, self.noise, self.brightness)))

    def half_true(self) -> "Levels":
        """Return levels between these, which make typical galaxies grey, and true colours, in one unit."""
        return Levels(self.sky, self.noise, np.sqrt(self.brightness * np.exp(np.log(self.brightness).mean())))

    def normalised(self, pixels: Pixels) -> Floats:
        """Return pixels as multiples of the noise above the sky."""
        return np.asarray((pixels.astype(np.float64) - self.sky) / self.noise)


def level_rows(shape: Sequence[int]) -> NDArray[np.int64]:
    """Return which of cutouts (n, y, x, band) tell the levels of all: a few hundred, evenly spread."""
    slots, *of_one = shape
    most = max(8, min(LEVEL_CUTOUTS, LEVEL_PIXELS // math.prod(of_one)))
    return np.unique(np.linspace(0, slots - 1, min(slots, most)).astype(np.int64))


def levels_of_sample(pixels: Pixels, *, in_flux: bool) -> Levels:
    """Return the levels of a source from a sample (n, y, x, band); cutouts of nothing but zeros do not count.

    Where pixels are in one unit of flux, colours are half way from true ones to grey typical galaxies.
    """
    used = pixels.reshape(len(pixels), -1).any(axis=1)  # rows of rejected files stay zero
    levels = estimate_levels(pixels[used] if used.any() else pixels)
    return levels.half_true() if in_flux else levels


def estimate_levels(pixels: Pixels) -> Levels:
    """Measure sky and noise at the borders and brightness in the middle of a sample of cutouts.

    Parameters
    ----------
    pixels : float32, shape (n, y, x, band)
        A few hundred cutouts; infinite pixels count as masked.
    """
    values = np.where(np.isfinite(pixels), pixels, np.nan).astype(np.float64)
    bands = [band_levels(values[..., band]) for band in range(values.shape[-1])]
    sky, noise, brightness = (np.array(part, np.float64) for part in zip(*bands, strict=True))
    return Levels(sky, noise, brightness)


def band_levels(values: Floats) -> tuple[float, float, float]:
    """Return sky, noise and brightness of one band (n, y, x), NaN where masked."""
    height, width = values.shape[1:]
    edge, top, left = max(1, min(height, width) // 8), height // 4, width // 4
    at_border = np.ones((height, width), bool)
    at_border[edge:-edge, edge:-edge] = False
    border = values[:, at_border]
    middle = values[:, top : height - top, left : width - left].reshape(len(values), -1)
    finite = border[np.isfinite(border)]
    if not finite.size:
        finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0, 1.0
    sky = float(np.median(finite))
    per_cutout = border - _quantile(border, 0.5)[:, None]
    scatter = np.abs(per_cutout[np.isfinite(per_cutout)])
    noise = MAD_TO_SIGMA * float(np.median(scatter)) if scatter.size else 0.0
    bright = _quantile(middle, 0.995) - sky
    bright = bright[np.isfinite(bright)]
    brightness = float(np.median(bright)) if bright.size else 0.0
    peak = float(np.max(np.abs(values[np.isfinite(values)] - sky)))
    if brightness <= 3 * noise:
        brightness = max(5 * noise, 0.1 * peak if noise == 0 else 0.0)
    brightness = brightness if brightness > 0 else 1.0
    return sky, max(noise, FAINTEST_NOISE * brightness), brightness


def _quantile(values: Floats, fraction: float) -> Floats:
    """Return a quantile per row of the finite values, NaN for rows without any."""
    ordered = np.sort(values, axis=1)  # NaN last
    finite = np.isfinite(ordered).sum(1)
    index = np.clip(np.rint((finite - 1) * fraction), 0, None).astype(int)
    return np.where(finite > 0, ordered[np.arange(len(ordered)), index], np.nan)


def choose_rgb(bands: Sequence[str], rgb: Sequence[str] = ()) -> tuple[int, ...]:
    """Return the indices of the bands shown as red, green and blue; a single one means grey."""
    missing = [name for name in rgb if name not in bands]
    if missing:
        raise BandMismatch(
            f"Colours cannot be made from {', '.join(missing)}: the source has the bands {', '.join(bands)}. "
            "Choose among these."
        )
    rgb = rgb or (USUAL_RGB if set(USUAL_RGB) <= set(bands) else ())
    if rgb:
        return tuple(list(bands).index(name) for name in rgb)
    order = wavelength_order(bands)
    if len(order) <= 2:
        return tuple(reversed(order))
    return order[-1], order[len(order) // 2], order[0]


def render(
    pixels: Pixels, *, bands: Sequence[str], stretch: DisplaySpec, levels: Levels | None = None
) -> Pictures:
    """Make one picture per cutout, first row on top.

    Parameters
    ----------
    pixels : float32, shape (n, y, x, band)
    bands
        Names of the bands, in the order of the last axis.
    levels
        Levels of the whole source; default: measured on `pixels`.

    Returns
    -------
    uint8, shape (n, y, x, 3)
        One band is grey; of two bands, green is their mean.
    """
    if pixels.ndim != 4 or pixels.shape[-1] != len(bands):
        raise InvalidInput(
            f"The pixels have the shape {pixels.shape}, not (n, y, x, {len(bands)}). "
            "Give as many bands as names."
        )
    rgb = choose_rgb(bands, stretch.rgb)
    rgb_levels = (levels or estimate_levels(pixels)).of_bands(rgb)
    pictures = np.empty((*pixels.shape[:3], 3), np.uint8)
    step = max(1, VALUES_AT_ONCE // max(1, math.prod(pixels.shape[1:])))
    for start in range(0, len(pixels), step):  # a few at a time stay in the cache
        part = slice(start, start + step)
        noises = rgb_levels.normalised(pixels[part, ::-1][..., list(rgb)])
        masked = ~np.isfinite(noises)
        flux = np.where(masked, 0.0, noises) * rgb_levels.gain
        noise = float(np.median(rgb_levels.gain))
        black, soft = stretch.black * noise, stretch.softening * noise
        white = max(stretch.white - black, soft)
        if stretch.stretch in ("zscale", "percentile"):
            bright = stretch_each_cutout(flux, masked, stretch)
        elif stretch.stretch == "lupton":
            bright = lupton_stretch(flux - black, soft, white)
        else:
            bright = stretch_flux(flux - black, stretch.stretch, soft=soft, white=white)
        if bright.shape[-1] == 1:
            bright = np.repeat(bright, 3, axis=-1)
        elif bright.shape[-1] == 2:
            bright = np.stack([bright[..., 0], bright.mean(-1), bright[..., 1]], axis=-1)
        drawn = np.rint(255 * np.clip(bright, 0.0, 1.0)).astype(np.uint8)
        drawn[masked.all(-1)] = MASKED_RGB
        pictures[part] = drawn
    return pictures


def stretch_flux(flux: Floats, stretch: str, *, soft: float, white: float) -> Floats:
    """Return brightness 0…1 of flux above black; `soft` is where asinh and log bend."""
    level = np.clip(flux / white, 0.0, 1.0)
    if stretch == "linear":
        return np.asarray(level)
    if stretch == "sqrt":
        return np.asarray(np.sqrt(level))
    bend = white / soft
    if stretch == "log":
        return np.asarray(np.log1p(bend * level) / math.log1p(bend))
    return np.asarray(np.arcsinh(bend * level) / math.asinh(bend))


def lupton_stretch(flux: Floats, soft: float, white: float) -> Floats:
    """Stretch the mean of the bands and keep their ratios.

    References
    ----------
    Lupton et al. 2004, PASP 116, 133, equations 1 to 4.
    """
    intensity = flux.mean(-1, keepdims=True)
    safe = np.maximum(intensity, 1e-12 * white)
    stretched = np.arcsinh(safe / soft) / math.asinh(white / soft)
    colour = np.clip(flux, 0.0, None) * (stretched / safe)
    return np.asarray(colour / np.maximum(colour.max(-1, keepdims=True), 1.0))


def stretch_each_cutout(flux: Floats, masked: NDArray[np.bool_], spec: DisplaySpec) -> Floats:
    """Return brightness 0…1 between limits of each cutout's own, by zscale or by percentiles."""
    bright = np.zeros_like(flux)
    tail = (100 - spec.percentile) / 2
    for cutout, band in np.ndindex(flux.shape[0], flux.shape[3]):
        index: Any = (cutout, slice(None), slice(None), band)
        valid = flux[index][~masked[index]]
        if valid.size:
            zscale = spec.stretch == "zscale"
            low, high = zscale_limits(valid) if zscale else np.percentile(valid, [tail, 100 - tail])
            bright[index] = np.clip((flux[index] - low) / ((high - low) or 1.0), 0.0, 1.0)
    return bright


def sprite_sheet(pictures: Pictures, *, quality: int = 88) -> bytes:
    """Return pictures as one WebP, row by row in a grid of ceil(sqrt(n)) columns."""
    count, height, width, _ = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.zeros((rows * columns, height, width, 3), np.uint8)
    grid[:count] = pictures
    sheet = grid.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    buffer = io.BytesIO()
    whole = Image.fromarray(sheet.reshape(rows * height, columns * width, 3))
    whole.save(buffer, "WEBP", quality=quality, method=0)
    return buffer.getvalue()


def sheet_address(pictures: Pictures, *, quality: int = 88) -> str:
    """Return a sprite sheet as the address of an <img>, which holds it whole."""
    return "data:image/webp;base64," + base64.b64encode(sprite_sheet(pictures, quality=quality)).decode()
