"""Bring the fluxes of any survey to numbers of order one, the same way in training and in scoring.

The statistics come from the training part only and travel with the network, with the unit of flux in which
they hold: a network scores what is read in that unit. Multiplying all pixels by a constant and fitting again
gives the same result.
"""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lensapp.core.config import Spec
from lensapp.core.data.flux_units import REFERENCE_ZERO_POINT_MAG, UnitKind, factor_of_zero_point
from lensapp.core.errors import BandMismatch, InvalidInput, SizeMismatch

Pixels = NDArray[np.float32]
Kind = Literal["asinh", "sqrt", "zscore", "cutout", "minmax", "none"]
FluxUnit = Literal["flux", "surface_brightness"]
NetworkUnit = Literal["flux", "surface_brightness", "unknown", "picture"]

NETWORK_ZERO_POINT_MAG = 27.0  # that of the demo surveys, whose pixels are read as they are
NEEDS_NO_UNIT = ("cutout", "minmax")
SCALE_TOLERANCE = 0.05
MAD_TO_SIGMA = 1.4826
PEAK_QUANTILE = 0.999
MAX_FIT_VALUES = 20_000_000
LARGEST = np.float32(1e18)  # its square is still a float32


class NormalisationSpec(Spec):
    """How pixels become the input of a network."""

    kind: Kind = Field(
        "asinh",
        title="Stretch",
        description="asinh and sqrt compress bright cores relative to the sky of each band; zscore is "
        "linear; cutout is asinh with sky and noise of each cutout itself, minmax scales each cutout to 0…1: "
        "both work without a unit of flux; none keeps the fluxes.",
    )
    unit: FluxUnit = Field(
        "flux",
        title="Unit of flux",
        description="What pixels are converted to where a source tells its unit: flux per pixel, or per "
        "square arcsecond for surveys of several pixel scales, at AB zero point 27.",
        json_schema_extra={
            "words": {"flux": "flux per pixel", "surface_brightness": "flux per square arcsecond"}
        },
    )
    softening: float = Field(
        3.0,
        gt=0.0,
        le=1000.0,
        title="Softening (σ)",
        description="Flux, in units of the sky noise, at which asinh changes from linear to logarithmic.",
    )


class FittedNormalisation(Spec):
    """A normalisation with the statistics of the training part; stored beside the network.

    The tuples hold one number per band, in the flux unit of the cutouts.
    """

    version: Literal[1] = 1
    kind: Kind = Field(description="The transformation.")
    softening: float = Field(gt=0.0, description="Turning point of asinh in units of the sky noise.")
    centre: tuple[float, ...] = Field(description="Flux that becomes zero.")
    scale: tuple[float, ...] = Field(description="Flux that becomes one before the stretch.")
    gain: tuple[float, ...] = Field(description="Factor after the stretch, which brings peaks near one.")
    bands: tuple[str, ...] = Field(min_length=1, description="Names of the bands in their order.")
    size: tuple[int, int] = Field(description="Height and width of the cutouts in pixels.")
    pixel_scale_arcsec: float | None = Field(
        None, gt=0.0, description="Side of a pixel on the sky in arcsec."
    )
    unit: NetworkUnit | None = Field(
        None, description="Unit of the training part; none for a network made before units were kept."
    )
    zero_point_mag: float | None = Field(None, description="AB magnitude of one unit of flux, where known.")
    any_size: bool = Field(
        default=False,
        description="Whether cutouts of other sizes are cropped or padded about their middle, not refused.",
    )

    @model_validator(mode="after")
    def check_bands(self) -> Self:
        """Refuse statistics of other bands."""
        lengths = {len(self.centre), len(self.scale), len(self.gain), len(self.bands)}
        if len(lengths) > 1:
            raise ValueError(f"expected one centre, scale and gain for each of the bands {self.bands}")
        return self

    def apply(self, pixels: NDArray[Any]) -> Pixels:
        """Normalise `pixels` of shape (n, height, width, bands); masked (NaN) pixels become 0.

        Larger cutouts are cropped about their middle, which `check` has to allow; smaller ones are padded
        where the network takes any size.

        Raises BandMismatch when the number of bands differs from the one that was fitted.
        """
        if pixels.ndim != 4 or pixels.shape[3] != len(self.bands):
            raise BandMismatch(
                f"The network takes cutouts of shape (n, height, width, {len(self.bands)}) with the bands "
                f"{', '.join(self.bands)}, but these are of shape {pixels.shape}. Choose cutouts with these "
                "bands."
            )
        if self.any_size or self.is_within(pixels.shape[1:3]):
            pixels = about_middle(pixels, self.size)
        out = np.empty(pixels.shape, np.float32)
        height, width, bands = pixels.shape[1:]
        # Repeated along a row of pixels: three times faster than broadcasting over bands.
        centre, factor, gain = (
            np.tile(np.asarray(values, np.float64), width).astype(np.float32)
            for values in (self.centre, 1.0 / np.asarray(self.scale), self.gain)
        )
        for source, target in zip(pixels, out, strict=True):  # one image at a time stays in the cache
            flat = target.reshape(height, width * bands)
            if self.kind == "cutout":
                own_sky, own_noise = sky_of_cutout(source)
                own_scale = own_noise * np.asarray(self.scale)
                centre, factor = (np.tile(one, width).astype(np.float32) for one in (own_sky, 1 / own_scale))
            finite = np.isfinite(source.reshape(flat.shape))
            if self.kind in ("minmax", "none"):
                flat[...] = source.reshape(flat.shape)
                if self.kind == "minmax":
                    stretch_to_unit(flat, finite)
            else:
                np.subtract(source.reshape(flat.shape), centre, out=flat, casting="same_kind")
                with np.errstate(over="ignore"):
                    flat *= factor
                np.clip(flat, -LARGEST, LARGEST, out=flat)
                if self.kind == "sqrt":
                    np.copysign(np.sqrt(np.abs(flat)), flat, out=flat)
                elif self.kind in ("asinh", "cutout"):
                    replace_by_arcsinh(flat)
                flat *= gain
            if not finite.all():
                flat[~finite] = 0.0
        return out

    def flux_of_one(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return the flux that becomes one before the stretch, shape (n, 1, 1, band).

        It is the same for all cutouts (n, y, x, band) but where each is scaled by itself.
        """
        scale = np.broadcast_to(np.asarray(self.scale, np.float64), (len(pixels), len(self.bands)))
        if self.kind == "cutout":
            scale = scale * np.array([sky_of_cutout(one)[1] for one in pixels]).reshape(scale.shape)
        elif self.kind == "minmax":
            flat = pixels.reshape(len(pixels), -1)
            finite = np.isfinite(flat)
            span = np.max(flat, axis=1, initial=-np.inf, where=finite) - np.min(
                flat, axis=1, initial=np.inf, where=finite
            )
            scale = scale * np.where(span > 0.0, span, 1.0)[:, None]
        return scale.astype(np.float32)[:, None, None, :]

    def is_within(self, size: tuple[int, ...]) -> bool:
        """Return whether cutouts of `size`, (y, x), hold all that the network looks at."""
        return all(theirs >= mine for theirs, mine in zip(size, self.size, strict=True))

    def seen_of(self, size: tuple[int, int]) -> str | None:
        """Return in words which part of cutouts of `size`, (y, x), the network sees; None for all of them."""
        (height, width), (their_height, their_width) = self.size, size
        if self.size == tuple(size):
            return None
        if self.is_within(size):
            part = f"the central {height}×{width} pixels"
            return f"The network sees {part} of these cutouts of {their_height}×{their_width}."
        return (
            f"These cutouts of {their_height}×{their_width} pixels are padded with sky to the "
            f"{height}×{width} that the network reads."
        )

    def check(
        self,
        *,
        bands: tuple[str, ...],
        size: tuple[int, int],
        pixel_scale_arcsec: float | None,
        crop: bool = False,
        picked: bool = False,
    ) -> None:
        """Refuse cutouts that differ from those the network was trained on.

        Pixel scales may differ by 5 % and are not compared where one of them is unknown. Cutouts with further
        bands fit where the network's are `picked` by name. Raises BandMismatch, naming what differs: bands,
        their order, the size or the pixel scale; SizeMismatch where larger ones would be taken with `crop`.
        """
        if tuple(bands) != self.bands and not (picked and {*bands} > {*self.bands}):
            what = "the order differs" if sorted(bands) == sorted(self.bands) else "the names differ"
            raise BandMismatch(
                f"The network was trained on the bands {','.join(self.bands)}, but these cutouts have "
                f"{','.join(bands)}: {what}. Import the cutouts again with the network's bands.",
                brief=f"bands {','.join(bands)}",
            )
        mine, theirs = self.pixel_scale_arcsec, pixel_scale_arcsec
        if mine is not None and theirs is not None and abs(theirs / mine - 1.0) > SCALE_TOLERANCE:
            raise BandMismatch(
                f"The network was trained at a pixel scale of {mine:.4g} arcsec, but these cutouts have "
                f"{theirs:.4g} arcsec. Resample the cutouts or train a network on this survey.",
                brief=f"{theirs:.4g}″ per pixel",
            )
        if tuple(size) == self.size or self.any_size:
            return
        differ = (
            f"The network was trained on cutouts of {self.size[0]}×{self.size[1]} pixels, but these have "
            f"{size[0]}×{size[1]}"
        )
        if not self.is_within(size):
            raise BandMismatch(
                f"{differ}: it would see less sky than it learned from. Import the cutouts again with "
                f"--size {self.size[0]}.",
                brief=f"only {size[0]}×{size[1]} pixels",
            )
        if not crop:
            raise SizeMismatch(
                f"{differ}. Scoring can look at their central {self.size[0]}×{self.size[1]} pixels (--crop); "
                f"else import the cutouts again with --size {self.size[0]}.",
                brief="larger: can be cropped",
            )

    @property
    def needs_unit(self) -> bool:
        """Whether scores depend on the unit of flux."""
        return self.kind not in NEEDS_NO_UNIT

    def reading_factor(self, pixel_scale_arcsec: float | None) -> float | None:
        """Return the factor from flux in units of AB magnitude 25 to what the network reads.

        None for one that was trained on pixels as they are stored.
        """
        return reading_factor(self.unit, pixel_scale_arcsec)

    def unit_warnings(self, unit: UnitKind, pixel_scale_arcsec: float | None) -> list[str]:
        """Return a sentence for each of unit and pixel scale that is unknown or of no use to the network."""
        scale = self.scale_warning(pixel_scale_arcsec)
        return [text for text in (self.unit_warning(unit), scale) if text is not None]

    def unit_warning(self, unit: UnitKind) -> str | None:
        """Return what is wrong with the unit of a source, None where it is right or does not matter."""
        text: str | None = None
        if self.unit is None and not self.needs_unit:
            text = None
        elif self.unit is None:
            text = "The network was made before units of flux were kept: it reads pixels as they are stored."
        elif self.unit == "picture":
            text = None if unit == "picture" else "The network was trained on 8-bit pictures, unlike these."
        elif unit == "picture":
            text = "These cutouts are 8-bit pictures, whose values are no flux."
        elif self.needs_unit and self.unit == "unknown":
            text = "The network was trained on cutouts of an unknown unit of flux: others may have another."
        elif self.needs_unit and unit != "flux":
            some = "some of these cutouts" if unit == "partly" else "these cutouts"
            text = f"The unit of flux of {some} is unknown, and the network was trained on calibrated flux."
        return text

    def scale_warning(self, pixel_scale_arcsec: float | None) -> str | None:
        """Return what `check` could not compare: the pixel scale, where one of the two is unknown."""
        mine, theirs = self.pixel_scale_arcsec, pixel_scale_arcsec
        if mine is not None and theirs is not None:
            return None
        if mine is None and theirs is None:
            known = "neither that of the network's training cutouts nor that of these is known"
        elif theirs is None:
            known = f"the network was trained at {mine:.4g} arcsec, and that of these cutouts is unknown"
        else:
            known = f"these cutouts have {theirs:.4g} arcsec, and that of the training cutouts is unknown"
        return (
            f"The pixel scales could not be compared: {known}. At another scale lenses look larger or "
            "smaller than those learned from, and scores mislead. Import with the pixel scale if you know it."
        )


def orientations(pixels: Pixels) -> list[Pixels]:
    """Return cutouts in the eight orientations of a square, or the four of a rectangle; first as they are."""
    square = pixels.shape[1] == pixels.shape[2]
    turned = [np.rot90(pixels, turn, axes=(1, 2)) for turn in (range(4) if square else (0, 2))]
    return [*turned, *(one[:, :, ::-1] for one in turned)]


def about_middle(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return cutouts (n, y, x, band) cropped or padded with NaN about their middle to `size`, (y, x).

    Of an odd number of pixels one more goes at the upper and right edge, or comes at the lower and left.
    """
    if pixels.shape[1:3] == tuple(size):
        return pixels
    result = np.full((len(pixels), *size, pixels.shape[3]), np.nan, pixels.dtype)
    source, target = [], []
    for side, wanted in zip(pixels.shape[1:3], size, strict=True):
        start, length = (side - wanted) // 2, min(side, wanted)
        source.append(slice(max(start, 0), max(start, 0) + length))
        target.append(slice(max(-start, 0), max(-start, 0) + length))
    result[:, *target] = pixels[:, *source]
    return result


def in_cutout(seen: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return a map (y, x) of what a network sees laid over the cutout of `size` that it is the middle of.

    0 where the network sees nothing of the cutout; the reverse of `about_middle`.
    """
    if seen.shape == tuple(size):
        return seen
    result = np.zeros(size)
    places = about_middle(np.arange(result.size, dtype=np.float64).reshape(1, *size, 1), seen.shape[:2])
    places = places[0, ..., 0]
    shown = np.isfinite(places)
    result.ravel()[places[shown].astype(np.int64)] = seen[shown]
    return result


def fit_normalisation(
    pixels: NDArray[Any],
    spec: NormalisationSpec,
    *,
    bands: tuple[str, ...],
    pixel_scale_arcsec: float | None = None,
    unit: NetworkUnit | None = None,
) -> FittedNormalisation:
    """Measure the statistics that `spec` needs on a sample of the training part.

    Parameters
    ----------
    pixels
        Cutouts of shape (n, height, width, bands); NaN marks masked pixels.
    spec
        The transformation.
    bands
        Names of the bands in the order of the last axis.
    pixel_scale_arcsec
        Side of a pixel on the sky, where it is known.
    unit
        Unit of the pixels, kept with the statistics.

    An empty sample, or a band without any finite pixel, is refused as InvalidInput.
    """
    if pixels.ndim != 4 or pixels.shape[0] == 0 or pixels.shape[3] != len(bands):
        raise InvalidInput(
            f"The training cutouts have the shape {pixels.shape} in place of (n ≥ 1, height, width, "
            f"{len(bands)}). Check the bands {', '.join(bands)} and the training part."
        )
    if spec.kind == "cutout":
        skies, noises = (np.stack(part) for part in zip(*map(sky_of_cutout, pixels), strict=True))
        pixels = (pixels - skies[:, None, None]) / noises[:, None, None]
    statistics = [band_statistics(pixels[..., k], spec, bands[k]) for k in range(len(bands))]
    return FittedNormalisation(
        kind=spec.kind,
        softening=spec.softening,
        centre=tuple(s[0] for s in statistics),
        scale=tuple(s[1] for s in statistics),
        gain=tuple(s[2] for s in statistics),
        bands=tuple(bands),
        size=(int(pixels.shape[1]), int(pixels.shape[2])),
        pixel_scale_arcsec=pixel_scale_arcsec,
        unit=unit,
        zero_point_mag=NETWORK_ZERO_POINT_MAG if unit in ("flux", "surface_brightness") else None,
    )


def reading_factor(unit: NetworkUnit | None, pixel_scale_arcsec: float | None) -> float | None:
    """Return the factor from flux in units of AB magnitude 25 to a network's unit; None for as stored."""
    if unit not in ("flux", "surface_brightness"):
        return None
    factor = factor_of_zero_point(REFERENCE_ZERO_POINT_MAG, unit_mag=NETWORK_ZERO_POINT_MAG)
    if unit == "flux":
        return factor
    if pixel_scale_arcsec is None:
        raise InvalidInput(
            "Flux per square arcsecond needs the pixel scale, which is unknown for these cutouts. Import "
            "them with --pixel-scale-arcsec, or train on flux per pixel."
        )
    return factor / pixel_scale_arcsec**2


def sky_of_cutout(pixels: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the median and the scatter (from the median absolute deviation) of each band of (y, x, band).

    A band without scatter gets 1, one without pixels 0 and 1.
    """
    sky, noise = np.zeros(pixels.shape[-1]), np.ones(pixels.shape[-1])
    for band, plane in enumerate(np.moveaxis(pixels, -1, 0)):
        finite = plane[np.isfinite(plane)].astype(np.float64)
        if finite.size:
            sky[band] = np.median(finite)
            noise[band] = _spread_or_one(MAD_TO_SIGMA * float(np.median(np.abs(finite - sky[band]))))
    return sky, noise


def band_statistics(values: NDArray[Any], spec: NormalisationSpec, band: str) -> tuple[float, float, float]:
    """Return centre, scale and gain of one band."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.size == 0:
        raise InvalidInput(
            f"All pixels of the training cutouts in the band {band} are masked. Remove the band or these "
            "cutouts."
        )
    if spec.kind in ("none", "minmax"):
        return 0.0, 1.0, 1.0
    if spec.kind == "zscore":
        return float(finite.mean()), _spread_or_one(float(finite.std())), 1.0
    step = max(1, finite.size // MAX_FIT_VALUES)
    centre, peak = (float(v) for v in np.quantile(finite[::step], (0.5, PEAK_QUANTILE)))
    reach = _spread_or_one(peak - centre)
    if spec.kind == "sqrt":
        return centre, reach, 1.0
    if spec.kind == "cutout":  # already in units of each cutout's own noise
        return 0.0, spec.softening, 1.0 / float(np.arcsinh(reach / spec.softening))
    noise = MAD_TO_SIGMA * float(np.median(np.abs(finite[::step] - centre)))
    scale = spec.softening * (noise if noise > 0.0 else reach)
    return centre, scale, 1.0 / float(np.arcsinh(reach / scale))


def _spread_or_one(value: float) -> float:
    """Return `value`, or 1 for the spread of a constant band."""
    return value if value > 0.0 else 1.0


def stretch_to_unit(values: Pixels, finite: NDArray[np.bool_]) -> None:
    """Take the pixels of one image, all bands together so that colours survive, to 0…1."""
    low = float(values.min(where=finite, initial=np.inf))
    high = float(values.max(where=finite, initial=-np.inf))
    if low <= high:
        values -= np.float32(low)
        values *= np.float32(1.0 / _spread_or_one(high - low))


def replace_by_arcsinh(values: Pixels) -> None:
    """Replace `values` by their arcsinh, to 3e-7, through numpy's vectorised square root and logarithm.

    `numpy.arcsinh` is vectorised for float32 on some processors only.
    """
    sign = values.view(np.uint32) & np.uint32(0x80000000)
    np.abs(values, out=values)
    root = values * values
    root += np.float32(1.0)
    np.sqrt(root, out=root)
    values += root
    np.log(values, out=values)
    values.view(np.uint32)[...] |= sign
