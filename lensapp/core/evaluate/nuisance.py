"""How scores change with what should not matter: the orientation of a cutout, its seeing, its zero point."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from lensapp.core.config import Spec
from lensapp.core.numerals import true_minus
from lensapp.core.train.normalisation import sky_of_cutout

Pixels = NDArray[np.float32]
Change = Callable[[Pixels, np.random.Generator], Pixels]

FWHM_TO_SIGMA = 1.0 / 2.3548200450309493
QUARTER_DEG = 90.0
D4_ORDER = 8


class NuisanceSpec(Spec):
    """What is changed in the cutouts of a part, and by how much."""

    cutouts: int = Field(
        500, ge=20, le=5000, title="Cutouts", description="Cutouts of the part that are changed, at most."
    )
    shift_pixels: float = Field(
        0.5,
        gt=0.0,
        le=10.0,
        title="Shift (pixels)",
        description="Length of shifts in random directions; half of it is tried as well.",
    )
    blur_fwhm_pixels: float = Field(
        2.0,
        gt=0.0,
        le=20.0,
        title="Broadening (pixels)",
        description="FWHM of the Gaussian by which the PSF is broadened; half of it is tried as well.",
    )
    noise_sky: float = Field(
        1.0,
        gt=0.0,
        le=10.0,
        title="Added noise (of the sky's)",
        description="Standard deviation of noise that is added, in units of that of the sky; half of it is "
        "tried as well.",
    )
    zero_point_mag: float = Field(
        0.1,
        gt=0.0,
        le=2.0,
        title="Zero point error (mag)",
        description="Error of the zero point, of either sign in all bands and brighter in each alone.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Random seed", description="Random seed.")


@dataclass(frozen=True)
class Nuisance:
    """How scores answer to one change of the cutouts.

    Attributes
    ----------
    change
        What was done.
    mean_change
        Mean of the absolute difference of the scores.
    drift
        Mean difference: positive where scores rise.
    completeness, false_positive_rate
        Differences of both at the threshold; None without lenses or without non-lenses.
    """

    change: str
    mean_change: float
    drift: float
    completeness: float | None
    false_positive_rate: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def changes(spec: NuisanceSpec, *, bands: tuple[str, ...], size: tuple[int, int]) -> dict[str, Change]:
    """Return every change by name, each a function of cutouts (n, y, x, band) with NaN where masked.

    Rotations by 90° are left out where cutouts are not square, and missing bands where there is one only.
    """
    square = size[0] == size[1]
    table: dict[str, Change] = {
        f"rotated by {turn * 90}°": partial(_turned, turns=turn) for turn in ((1, 2, 3) if square else (2,))
    }
    table["rotated by 45°"] = partial(rotated, angle_deg=45.0)
    table["rotated by any angle"] = rotated
    table["mirrored, rows"] = lambda pixels, _rng: pixels[:, ::-1]
    table["mirrored, columns"] = lambda pixels, _rng: pixels[:, :, ::-1]
    for length in (spec.shift_pixels / 2, spec.shift_pixels):
        table[f"shifted by {length:g} pixels"] = partial(shifted, length=length)
    for fwhm in (spec.blur_fwhm_pixels / 2, spec.blur_fwhm_pixels):
        table[f"PSF broadened by {fwhm:g} pixels"] = partial(broadened, fwhm_pixels=fwhm)
    for share in (spec.noise_sky / 2, spec.noise_sky):
        table[f"noise of {share:g} × the sky's added"] = partial(noisier, share=share)
    if len(bands) > 1:
        for place, band in enumerate(bands):
            table[f"{band} missing"] = partial(_without_band, place=place)
    for error in (spec.zero_point_mag, -spec.zero_point_mag):
        table[true_minus(f"zero point off by {error:+g} mag")] = partial(_scaled, error_mag=error, place=None)
    if len(bands) > 1:
        for place, band in enumerate(bands):
            name = f"zero point of {band} off by {true_minus(f'{spec.zero_point_mag:+g}')} mag"
            table[name] = partial(_scaled, error_mag=spec.zero_point_mag, place=place)
    return table


def _turned(pixels: Pixels, _rng: np.random.Generator, *, turns: int) -> Pixels:
    return np.rot90(pixels, turns, axes=(1, 2))


def _without_band(pixels: Pixels, _rng: np.random.Generator, *, place: int) -> Pixels:
    copy = pixels.copy()
    copy[..., place] = np.nan
    return copy


def _scaled(pixels: Pixels, _rng: np.random.Generator, *, error_mag: float, place: int | None) -> Pixels:
    """Return fluxes read with a zero point too large by `error_mag`: brighter objects come out fainter."""
    factors = np.ones(pixels.shape[3], np.float32)
    factors[slice(None) if place is None else place] = 10.0 ** (-0.4 * error_mag)
    return pixels * factors


def rotated(pixels: Pixels, rng: np.random.Generator, *, angle_deg: float | None = None) -> Pixels:
    """Return cutouts turned by an angle, each by its own random one by default.

    Pixels between those of the cutout are read from cubic splines; masked pixels turn with the image, and
    corners that it does not reach show sky with its noise.
    """
    turned = np.empty_like(pixels)
    centre = (np.array(pixels.shape[1:3]) - 1) / 2
    for source, target in zip(pixels, turned, strict=True):
        angle = np.deg2rad(rng.uniform(0.0, 360.0) if angle_deg is None else angle_deg)
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = np.array([[cosine, -sine], [sine, cosine]])
        target[...] = _resampled(source, matrix, centre - matrix @ centre, rng)
    return turned


def shifted(pixels: Pixels, rng: np.random.Generator, *, length: float) -> Pixels:
    """Return cutouts shifted by `length` pixels, each in a random direction; see `rotated`."""
    moved = np.empty_like(pixels)
    for source, target in zip(pixels, moved, strict=True):
        angle = rng.uniform(0.0, 2 * np.pi)
        target[...] = _resampled(source, np.eye(2), length * np.array([np.sin(angle), np.cos(angle)]), rng)
    return moved


def _resampled(
    image: Pixels, matrix: NDArray[np.float64], offset: NDArray[np.float64], rng: np.random.Generator
) -> Pixels:
    """Return an image (y, x, band) read at matrix · pixel + offset; what is nearer to a mask is masked.

    Beyond the edges is sky: mirrored edges would show a galaxy twice.
    """
    masked = ~np.isfinite(image)
    sky, noise = sky_of_cutout(image)
    filled = np.where(masked, sky, image)
    read = partial(ndimage.affine_transform, matrix=matrix, offset=offset)
    inside = read(np.ones(image.shape[:2]), order=1, mode="constant") > 0.5
    out = np.empty_like(image)
    for band in range(image.shape[2]):
        plane = read(filled[..., band], order=3, mode="mirror")
        beyond = sky[band] + noise[band] * rng.normal(size=plane.shape)
        hidden = read(masked[..., band].astype(np.float64), order=1, mode="constant") > 0.5
        out[..., band] = np.where(hidden, np.nan, np.where(inside, plane, beyond))
    return out


def broadened(pixels: Pixels, rng: np.random.Generator, *, fwhm_pixels: float) -> Pixels:
    """Return cutouts behind a broader PSF: convolved with a Gaussian, and the noise that it took put back.

    A survey in worse seeing has smoother light and the same noise.
    """
    sigma = fwhm_pixels * FWHM_TO_SIGMA
    point = np.zeros((int(8 * sigma) * 2 + 3,) * 2)
    point[len(point) // 2, len(point) // 2] = 1.0
    kept = np.square(ndimage.gaussian_filter(point, sigma)).sum()  # of the variance of white noise
    blurred = np.empty_like(pixels)
    for source, target in zip(pixels, blurred, strict=True):
        sky, noise = sky_of_cutout(source)
        light = ndimage.gaussian_filter(np.where(np.isfinite(source), source, sky), (sigma, sigma, 0))
        light += rng.normal(size=light.shape) * noise * np.sqrt(max(1.0 - kept, 0.0))
        target[...] = np.where(np.isfinite(source), light, np.nan)
    return blurred


def noisier(pixels: Pixels, rng: np.random.Generator, *, share: float) -> Pixels:
    """Return cutouts with white noise added, `share` of that of the sky in each band of each cutout."""
    noise = np.stack([sky_of_cutout(one)[1] for one in pixels])[:, None, None, :]
    return np.asarray(pixels + share * noise * rng.normal(size=pixels.shape), np.float32)


def measure_nuisance(
    labels: NDArray[np.bool_], before: NDArray[Any], after: NDArray[Any], *, change: str, threshold: float
) -> Nuisance:
    """Compare scores before and after a change, each of shape (n,)."""
    differences = after.astype(np.float64) - before.astype(np.float64)
    accepted = [(scores >= threshold).astype(np.float64) for scores in (after, before)]

    def drift_of_rate(of: NDArray[np.bool_]) -> float | None:
        return float(accepted[0][of].mean() - accepted[1][of].mean()) if of.any() else None

    return Nuisance(
        change,
        float(np.abs(differences).mean()),
        float(differences.mean()),
        drift_of_rate(labels),
        drift_of_rate(~labels),
    )
