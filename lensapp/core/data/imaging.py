"""Turn pixels into pictures: automatic levels, stretches, colour composites, sprite sheets.

Fluxes may be 1e-13 or 1e5: everything is measured against the source's own sky, noise and typical
brightness. Pixels come as (n, y, x, band) with y upwards and NaN where masked; pictures leave as
(n, row, column, RGB) with the first row on top.
"""

import base64
import hashlib
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.data.bands import wavelength_order
from lensapp.core.data.zscale import zscale_limits
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.sampling import evenly_spread

Pixels = NDArray[np.float32]
Floats = NDArray[np.float64]
Fluxes = NDArray[np.float32]
Pictures = NDArray[np.uint8]

STRETCHES = {
    "soft": "soft Lupton",
    "lupton": "Lupton",
    "asinh": "asinh",
    "mtf": "MTF",
    "log": "log",
    "sqrt": "square root",
    "linear": "linear",
    "zscale": "zscale",
    "percentile": "percentile",
    "given": "as in the file",
}  # and what they are called; the last for pictures alone
USUAL_RGB = ("i", "r", "g")  # of surveys that have them: z and y are noisy
MASKED_RGB = (38, 38, 46)
PICTURE_WHITE = 255.0  # of 8-bit pictures
MAD_TO_SIGMA = 1.4826
LEVEL_CUTOUTS = 256
LEVEL_PIXELS = 4_000_000
VALUES_AT_ONCE = 60_000  # rendered together
BLACK_RANGE, WHITE_RANGE = (-20.0, 50.0), (1e-2, 1000.0)
FAINTEST_NOISE = 1e-3  # of the brightness: noise-free simulations still get a stretch
BRIGHTEST_SHARE = 1e-3  # of the pixels of a cutout that may be brighter than white
BRIGHTEST_SAMPLE = 16_384  # pixels of a cutout that tell its white, at least
SHADOWS = 2.8  # noises below the sky where MTF begins, as in PixInsight's STF
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709, of red, green and blue
NO_LUMINANCE = "none"
LUMINANCE_BAND = "vis"
COLOUR_BANDS = {"y", "j", "h"}  # of NISP, whose pixels are three times those of VIS


class DisplaySpec(Spec):
    """How pixels become colours; levels are in units of the source's noise and brightness."""

    stretch: Literal[
        "soft", "lupton", "asinh", "mtf", "log", "sqrt", "linear", "zscale", "percentile", "given"
    ] = Field(
        "soft",
        title="Stretch",
        description="Curve from flux to brightness; 'soft' is Lupton's with pale cores, not burnt ones; "
        "'given' shows 8-bit pictures as they are, and flux as 'soft' does.",
        json_schema_extra={"words": {**STRETCHES}},
    )
    rgb: tuple[str, ...] = Field(
        (),
        max_length=3,
        title="Red, green and blue",
        description="Bands shown as red, green and blue; empty takes i, r, g, or the reddest as red.",
    )
    luminance: str = Field(
        "",
        max_length=60,
        title="Luminance",
        description="Band that gives the brightness of the colours, 'none' where they have their own; empty "
        "takes VIS over NISP's where no colours are named.",
    )
    black: float = Field(
        -0.5,
        ge=BLACK_RANGE[0],
        le=BLACK_RANGE[1],
        title="Black level",
        description="Flux shown black, in units of the noise.",
    )
    softening: float = Field(
        2.5,
        gt=0,
        le=1000,
        title="Softening",
        description="Flux where the curve bends from linear, in units of the noise.",
    )
    white: float = Field(
        4.0,
        gt=0,
        le=WHITE_RANGE[1],
        title="White level",
        description="Flux shown white, in units of a typical galaxy's brightness; 'soft' and 'mtf' raise it.",
    )
    background: float = Field(
        0.15, gt=0, lt=1, title="Background", description="Brightness of the sky, 0 to 1, for 'mtf'."
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
    """Sky, noise and typical brightness above the sky of each band, shape (band,).

    `of_pictures` where pixels are no flux but the brightness of 8-bit pictures, stretched already.
    """

    sky: Floats
    noise: Floats
    brightness: Floats
    of_pictures: bool = False

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
        sky, noise, brightness = (
            np.asarray(part)[list(indices)] for part in (self.sky, self.noise, self.brightness)
        )
        return replace(self, sky=sky, noise=noise, brightness=brightness)

    @property
    def given(self) -> tuple[Floats, Floats] | None:
        """Black and white of 8-bit pictures in units of the noise above the sky; None of flux."""
        if not self.of_pictures:
            return None
        return -self.sky / self.noise, (PICTURE_WHITE - self.sky) / self.noise

    def half_true(self) -> "Levels":
        """Return levels between these, which make typical galaxies grey, and true colours, in one unit."""
        return Levels(self.sky, self.noise, np.sqrt(self.brightness * np.exp(np.log(self.brightness).mean())))

    def normalised(self, pixels: Pixels) -> Floats:
        """Return pixels as multiples of the noise above the sky."""
        return np.asarray((pixels.astype(np.float64) - self.sky) / self.noise)


def level_rows(shape: Sequence[int]) -> NDArray[np.int64]:
    """Return which of cutouts (n, y, x, band) tell the levels of all: a few hundred, evenly spread."""
    slots, *of_one = shape
    return evenly_spread(slots, max(8, min(LEVEL_CUTOUTS, LEVEL_PIXELS // math.prod(of_one))))


def usual_display(levels: Levels) -> DisplaySpec:
    """Return how pixels are shown unless somebody asks otherwise: pictures as they are, flux stretched."""
    if levels.given is None:
        return DisplaySpec()
    # Another stretch of a picture begins between its own black and white.
    at_black, at_white = (limit * levels.gain for limit in levels.given)
    black = np.clip(np.median(at_black) / np.median(levels.gain), *BLACK_RANGE)
    white = np.clip(np.median(at_white), *WHITE_RANGE)
    return DisplaySpec(stretch="given", black=round(float(black), 3), white=round(float(white), 3))


def levels_of_sample(pixels: Pixels, *, in_flux: bool, of_pictures: bool = False) -> Levels:
    """Return the levels of a source from a sample (n, y, x, band); cutouts of nothing but zeros do not count.

    Where pixels are in one unit of flux, colours are half way from true ones to grey typical galaxies.
    """
    used = pixels.reshape(len(pixels), -1).any(axis=1)  # rows of rejected files stay zero
    levels = estimate_levels(pixels[used] if used.any() else pixels)
    if of_pictures:  # whose colours are their own in every stretch
        sky, noise, brightness = (
            np.full_like(part, np.median(part)) for part in (levels.sky, levels.noise, levels.brightness)
        )
        return Levels(sky, noise, brightness, of_pictures=True)
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


def luminance_composite(bands: Sequence[str]) -> tuple[tuple[int, ...], int] | None:
    """Return indices of red, green, blue and of the luminance of Euclid's composite, None for other bands.

    The sharp VIS image gives the brightness, NISP's H, J and Y (at least two of them) the colours.
    """
    words = [set(re.split(r"[^a-z0-9]+", name.lower())) for name in bands]
    sharp = [index for index, of_one in enumerate(words) if LUMINANCE_BAND in of_one]
    infrared = [index for index, of_one in enumerate(words) if of_one & COLOUR_BANDS]
    if len(sharp) != 1 or len(infrared) < 2:
        return None
    return tuple(infrared[index] for index in choose_rgb([bands[index] for index in infrared])), sharp[0]


def shown_bands(bands: Sequence[str], display: DisplaySpec) -> tuple[tuple[int, ...], int | None]:
    """Return the indices of the bands shown as red, green and blue, and of the luminance if there is one."""
    composite = luminance_composite(bands)
    if display.luminance in ("", NO_LUMINANCE):
        automatic = composite if not display.luminance and not display.rgb else None
        return automatic or (choose_rgb(bands, display.rgb), None)
    [luminance] = choose_rgb(bands, [display.luminance])
    if composite and not display.rgb:
        return composite[0], luminance
    return choose_rgb(bands, display.rgb), luminance


def render(
    pixels: Pixels, *, bands: Sequence[str], stretch: DisplaySpec | None = None, levels: Levels | None = None
) -> Pictures:
    """Make one picture per cutout, first row on top.

    Parameters
    ----------
    pixels : float32, shape (n, y, x, band)
    bands
        Names of the bands, in the order of the last axis.
    stretch
        Default: the usual one of pixels with these levels.
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
    levels = levels or estimate_levels(pixels)
    stretch = stretch or usual_display(levels)
    rgb, luminance = shown_bands(bands, stretch)
    pictures = np.empty((*pixels.shape[:3], 3), np.uint8)
    step = max(1, VALUES_AT_ONCE // max(1, math.prod(pixels.shape[1:])))
    for start in range(0, len(pixels), step):  # a few at a time stay in the cache
        part = pixels[start : start + step, ::-1]
        drawn, masked = _draw(part[..., list(rgb)], levels.of_bands(rgb), stretch)
        if luminance is not None:
            grey, no_grey = _draw(part[..., [luminance]], levels.of_bands([luminance]), stretch)
            both = with_luminance(np.where(masked[..., None], grey, drawn), grey[..., 0])
            drawn, masked = np.where(no_grey[..., None], drawn, both), masked & no_grey
        drawn[masked] = MASKED_RGB
        pictures[start : start + step] = drawn
    return pictures


def _draw(pixels: Pixels, levels: Levels, display: DisplaySpec) -> tuple[Pictures, NDArray[np.bool_]]:
    """Return pictures of the one to three bands of `pixels`, and where (n, y, x) all of these are masked."""
    noises = levels.normalised(pixels)
    masked = ~np.isfinite(noises)
    flux = (np.where(masked, 0.0, noises) * levels.gain).astype(np.float32)
    noise = float(np.median(levels.gain))
    black, soft = display.black * noise, display.softening * noise
    white = max(display.white - black, soft)
    if display.stretch == "given" and levels.given:
        at_black, at_white = levels.given
        bright = ((np.where(masked, 0.0, noises) - at_black) / (at_white - at_black)).astype(np.float32)
    elif display.stretch in ("zscale", "percentile"):
        bright = stretch_each_cutout(flux, masked, display)
    elif display.stretch == "mtf":
        bright = mtf_stretch(flux, noise=noise, white=display.white, background=display.background)
    elif display.stretch in ("soft", "given"):
        bright = soft_lupton_stretch(flux - black, soft, white)
    elif display.stretch == "lupton":
        bright = lupton_stretch(flux - black, soft, white)
    else:
        bright = stretch_flux(flux - black, display.stretch, soft=soft, white=white)
    if bright.shape[-1] == 1:
        bright = np.repeat(bright, 3, axis=-1)
    elif bright.shape[-1] == 2:
        bright = np.stack([bright[..., 0], bright.mean(-1), bright[..., 1]], axis=-1)
    return np.rint(255 * np.clip(bright, 0.0, 1.0)).astype(np.uint8), np.asarray(masked.all(-1))


def stretch_flux(flux: Fluxes, stretch: str, *, soft: float, white: float) -> Fluxes:
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


def lupton_stretch(flux: Fluxes, soft: float, white: float) -> Fluxes:
    """Stretch the mean of the bands and keep their ratios; what is brighter than a screen is darkened.

    References
    ----------
    Lupton et al. 2004, PASP 116, 133, equations 1 to 4.
    """
    colour = _in_ratio(flux, _mean(flux), soft=soft, white=white)
    return np.asarray(colour / np.maximum(_largest(colour), 1.0))


def soft_lupton_stretch(flux: Fluxes, soft: float, white: float) -> Fluxes:
    """Stretch the mean of the bands and keep their ratios as far as a screen can show them.

    Where a colour would be too bright, Lupton et al. darken the pixel until it fits, and blue arcs and cores
    become flat discs. Here it pales and its mean stays. White is the brightest part of a cutout where that is
    brighter than `white`.
    """
    intensity = _mean(flux)
    colour = _in_ratio(flux, intensity, soft=soft, white=np.maximum(white, brightest_part(intensity)))
    grey = np.minimum(_mean(colour), 1.0)
    room = (1.0 - grey) / np.maximum(_largest(colour) - grey, 1e-6)
    return np.asarray(grey + (colour - grey) * np.minimum(room, 1.0))


def _in_ratio(flux: Fluxes, intensity: Fluxes, *, soft: float, white: float | Fluxes) -> Fluxes:
    """Return fluxes scaled by what asinh does to their mean."""
    safe = np.maximum(intensity, 1e-6 * white)
    return np.asarray(
        np.clip(flux, 0.0, None) * (np.arcsinh(safe / soft) / (np.arcsinh(white / soft) * safe))
    )


def _mean(flux: Fluxes) -> Fluxes:
    """Return the mean over the bands, shape (n, y, x, 1); NumPy's own takes ten times as long over so few."""
    bands = flux.shape[-1]
    return np.asarray((flux @ np.full(bands, 1 / bands, np.float32))[..., None])


def _largest(flux: Fluxes | Floats) -> Fluxes:
    """Return the largest over the bands, shape (n, y, x, 1), sooner than NumPy's own."""
    return np.asarray(reduce(np.maximum, np.moveaxis(flux, -1, 0))[..., None])


def brightest_part(flux: Fluxes) -> Fluxes:
    """Return per cutout (n, y, x, 1) the flux that one pixel in a thousand exceeds, shape (n, 1, 1, 1)."""
    values = flux.reshape(len(flux), -1)
    values = values[:, :: max(1, values.shape[1] // BRIGHTEST_SAMPLE)]
    rank = values.shape[1] - 1 - int(values.shape[1] * BRIGHTEST_SHARE)
    return np.asarray(np.partition(values, rank, axis=1)[:, rank, None, None, None])


def midtones(level: Fluxes | Floats, midtone: float | Fluxes | Floats) -> Fluxes:
    """Return the midtones transfer function of levels 0…1: 0 stays 0, `midtone` becomes 0.5, 1 stays 1.

    References
    ----------
    PixInsight reference documentation, HistogramTransformation: midtones transfer function.
    """
    return np.asarray((midtone - 1) * level / ((2 * midtone - 1) * level - midtone))


def mtf_stretch(flux: Fluxes, *, noise: float, white: float, background: float) -> Fluxes:
    """Return brightness 0…1 of flux above the sky: the sky gets `background`, `SHADOWS` noises below it 0.

    White is the brightest part of a cutout where that is brighter than `white`.

    References
    ----------
    PixInsight, ScreenTransferFunction, AutoStretch, with linked channels.
    """
    shadows = -SHADOWS * noise
    width = np.maximum(white, brightest_part(_mean(flux))) - shadows
    midtone = midtones(-shadows / width, background)  # that makes the sky's level `background`
    return midtones(np.clip((flux - shadows) / width, 0.0, 1.0), midtone)


def with_luminance(colours: Pictures, luminance: NDArray[np.uint8]) -> Pictures:
    """Return pictures in the hues of others (n, y, x, 3) whose luma is that of grey ones (n, y, x).

    Colours pale where brightness leaves no room for them, and are nowhere stronger than they were: what only
    the luminance shows is grey, not the noise of the colours.

    References
    ----------
    Luma: Recommendation ITU-R BT.709-6, item 3.2.
    """
    wanted = (luminance[..., None] / np.float32(255)).astype(np.float32)
    colour = colours / np.float32(255)
    luma = (colour @ LUMA)[..., None]
    chroma = (colour - luma) * np.minimum(1.0, wanted / np.maximum(luma, 1e-6))
    room = (1.0 - wanted) / np.maximum(_largest(chroma), 1e-6)
    mixed = wanted + chroma * np.minimum(1.0, room)
    return np.asarray(np.rint(255 * np.clip(mixed, 0.0, 1.0)).astype(np.uint8))


def stretch_each_cutout(flux: Fluxes, masked: NDArray[np.bool_], spec: DisplaySpec) -> Fluxes:
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
