"""Bring the fluxes of any survey to numbers of order one, the same way in training and in scoring.

The statistics come from the training part only and travel with the network. Nothing here depends on the
unit of the flux: multiplying all pixels by a constant and fitting again gives the same result.
"""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lensapp.core.config import Spec
from lensapp.core.errors import BandMismatch, InvalidInput

Pixels = NDArray[np.float32]
Kind = Literal["asinh", "sqrt", "zscore", "minmax", "none"]

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
        "linear; minmax scales each cutout to 0…1; none keeps the fluxes.",
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

    @model_validator(mode="after")
    def check_bands(self) -> Self:
        """Refuse statistics of other bands."""
        lengths = {len(self.centre), len(self.scale), len(self.gain), len(self.bands)}
        if len(lengths) > 1:
            raise ValueError(f"expected one centre, scale and gain for each of the bands {self.bands}")
        return self

    def apply(self, pixels: NDArray[Any]) -> Pixels:
        """Normalise `pixels` of shape (n, height, width, bands); masked (NaN) pixels become 0.

        Raises BandMismatch when the number of bands differs from the one that was fitted.
        """
        if pixels.ndim != 4 or pixels.shape[3] != len(self.bands):
            raise BandMismatch(
                f"The network takes cutouts of shape (n, height, width, {len(self.bands)}) with the bands "
                f"{', '.join(self.bands)}, but these are of shape {pixels.shape}. Choose cutouts with these "
                "bands."
            )
        out = np.empty(pixels.shape, np.float32)
        height, width, bands = pixels.shape[1:]
        # Repeated along a row of pixels: three times faster than broadcasting over bands.
        centre, factor, gain = (
            np.tile(np.asarray(values, np.float64), width).astype(np.float32)
            for values in (self.centre, 1.0 / np.asarray(self.scale), self.gain)
        )
        for source, target in zip(pixels, out, strict=True):  # one image at a time stays in the cache
            flat = target.reshape(height, width * bands)
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
                elif self.kind == "asinh":
                    replace_by_arcsinh(flat)
                flat *= gain
            if not finite.all():
                flat[~finite] = 0.0
        return out

    def check(
        self, *, bands: tuple[str, ...], size: tuple[int, int], pixel_scale_arcsec: float | None
    ) -> None:
        """Refuse cutouts that differ from those the network was trained on.

        Pixel scales may differ by 1 % and are not compared where one of them is unknown. Raises BandMismatch,
        naming what differs: bands, their order, the size or the pixel scale.
        """
        if tuple(bands) != self.bands:
            what = "the order differs" if sorted(bands) == sorted(self.bands) else "the names differ"
            raise BandMismatch(
                f"The network was trained on the bands {','.join(self.bands)}, but these cutouts have "
                f"{','.join(bands)}: {what}. Import the cutouts again with the network's bands."
            )
        if tuple(size) != self.size:
            raise BandMismatch(
                f"The network was trained on cutouts of {self.size[0]}×{self.size[1]} pixels, but these have "
                f"{size[0]}×{size[1]}. Import the cutouts again with --size {self.size[0]}."
            )
        mine, theirs = self.pixel_scale_arcsec, pixel_scale_arcsec
        if mine is not None and theirs is not None and abs(theirs / mine - 1.0) > 0.01:
            raise BandMismatch(
                f"The network was trained at a pixel scale of {mine:.4g} arcsec, but these cutouts have "
                f"{theirs:.4g} arcsec. Resample the cutouts or train a network on this survey."
            )

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


def fit_normalisation(
    pixels: NDArray[Any],
    spec: NormalisationSpec,
    *,
    bands: tuple[str, ...],
    pixel_scale_arcsec: float | None = None,
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

    An empty sample, or a band without any finite pixel, is refused as InvalidInput.
    """
    if pixels.ndim != 4 or pixels.shape[0] == 0 or pixels.shape[3] != len(bands):
        raise InvalidInput(
            f"The training cutouts have the shape {pixels.shape} in place of (n ≥ 1, height, width, "
            f"{len(bands)}). Check the bands {', '.join(bands)} and the training part."
        )
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
    )


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
