"""Show a training cutout in a new way in each epoch: rotations, shifts, zooms, noise and another stretch.

All functions work on normalised cutouts of shape (n, height, width, bands), in which 0 is the sky. The
eight orientations of a square (rotations by 90° and reflections) are numbered by three bits: 1 exchanges
the axes, 2 mirrors rows, 4 columns.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.target_geometry import (
    FLIP_COLUMNS,
    FLIP_ROWS,
    TRANSPOSE,
    TargetGeometry,
    Targets,
)

Pixels = NDArray[np.float32]
Codes = NDArray[np.int64]

PAD_MODES = {"zero": "constant", "reflect": "reflect", "wrap": "wrap"}
NDIMAGE_MODES = {"zero": "grid-constant", "reflect": "mirror", "wrap": "grid-wrap"}


def augment(
    pixels: Pixels,
    labels: Targets,
    spec: AugmentationSpec,
    rng: np.random.Generator,
    *,
    geometry: TargetGeometry,
) -> tuple[Pixels, Targets]:
    """Return changed copies of cutouts and their labels; the same `rng` state gives the same copies.

    Parameters
    ----------
    labels : shape (n, t)
        Values of the targets, which follow the changes, or classes, which do not: see `geometry`.
    """
    changes = draw_changes(len(pixels), pixels.shape[1:3], spec, rng)
    labels = changed_labels(labels, changes, geometry)
    if changes.motions is not None:
        if spec.interpolates:
            pixels = move(pixels, changes.motions, fill=spec.fill, upsampling=spec.rotation_upsampling)
        else:
            pixels = shift_whole(pixels, changes.motions.shifts.astype(np.int64), fill=spec.fill)
    if changes.codes is not None:
        pixels = reorient(pixels, changes.codes)
    if changes.strengths is not None:
        pixels = stretch(pixels, changes.strengths)
    if spec.noise_sigma:
        pixels = pixels + np.float32(spec.noise_sigma) * rng.standard_normal(pixels.shape, np.float32)
    return pixels, labels


class Changes(NamedTuple):
    """What happens to each cutout of a batch, apart from noise; None where nothing of a kind does."""

    motions: "Motions | None"
    codes: Codes | None
    strengths: NDArray[np.float64] | None


def draw_changes(
    count: int, size: tuple[int, ...], spec: AugmentationSpec, rng: np.random.Generator
) -> Changes:
    """Draw the changes of `count` cutouts of this height and width."""
    return Changes(
        motions=draw_motions(count, spec, rng) if spec.interpolates or spec.shift_pixels else None,
        codes=draw_orientations(count, size, rng) if spec.d4 else None,
        strengths=rng.uniform(-spec.stretch_jitter, spec.stretch_jitter, count)
        if spec.stretch_jitter
        else None,
    )


def changed_labels(labels: Targets, changes: Changes, geometry: TargetGeometry) -> Targets:
    """Return the labels of cutouts after their changes: values may move and turn, classes do not."""
    motions = changes.motions
    if motions is not None:
        labels = geometry.moved(labels, angles=motions.angles, zooms=motions.zooms, shifts=motions.shifts)
    return labels if changes.codes is None else geometry.turned(labels, changes.codes)


def draw_orientations(count: int, size: tuple[int, ...], rng: np.random.Generator) -> Codes:
    """Draw `count` of the eight orientations, or of the four that keep the shape of an oblong cutout."""
    codes = rng.integers(8, size=count)
    return codes if size[0] == size[1] else codes & (FLIP_ROWS | FLIP_COLUMNS)


def reorient(pixels: Pixels, codes: Codes) -> Pixels:
    """Return each cutout in the orientation of its code."""
    reoriented = np.empty_like(pixels)
    for image, code, target in zip(pixels, codes.tolist(), reoriented, strict=True):
        view = image.swapaxes(0, 1) if code & TRANSPOSE else image
        target[...] = view[:: -1 if code & FLIP_ROWS else 1, :: -1 if code & FLIP_COLUMNS else 1]
    return reoriented


class Motions(NamedTuple):
    """How each cutout is resampled: angles (radians), zooms, and shifts (rows, columns) in pixels."""

    angles: NDArray[np.float64]
    zooms: NDArray[np.float64]
    shifts: NDArray[np.float64]


def draw_motions(count: int, spec: AugmentationSpec, rng: np.random.Generator) -> Motions:
    """Draw the motions of `count` cutouts."""
    angles = np.deg2rad(rng.uniform(-spec.rotation_deg, spec.rotation_deg, count))
    zooms = rng.uniform(spec.zoom_min, spec.zoom_max, count)
    if spec.whole_pixels:
        largest = int(spec.shift_pixels)
        shifts = rng.integers(-largest, largest, (count, 2), endpoint=True).astype(np.float64)
    else:
        shifts = rng.uniform(-spec.shift_pixels, spec.shift_pixels, (count, 2))
    return Motions(angles=angles, zooms=zooms, shifts=shifts)


def shift_whole(pixels: Pixels, shifts: NDArray[np.int64], *, fill: str) -> Pixels:
    """Return each cutout shifted by whole pixels (rows, columns), its edges filled."""
    widest = int(np.abs(shifts).max(initial=0))
    if not widest:
        return pixels
    mode: Any = PAD_MODES[fill]
    padded = np.pad(pixels, ((0, 0), (widest, widest), (widest, widest), (0, 0)), mode=mode)
    height, width = pixels.shape[1:3]
    out = np.empty_like(pixels)
    for image, (row, column), target in zip(padded, (widest - shifts).tolist(), out, strict=True):
        target[...] = image[row : row + height, column : column + width]
    return out


def move(pixels: Pixels, motions: Motions, *, fill: str, upsampling: int = 1) -> Pixels:
    """Return each cutout rotated from columns towards rows, magnified about its centre, then shifted.

    With `upsampling` cubic splines are read at the centres of pixels finer by that factor, which are
    averaged in the end: that blurs less than linear interpolation of the cutout's own pixels.
    """
    finer = (pixels.shape[1] * upsampling, pixels.shape[2] * upsampling, pixels.shape[3])
    centre, fine_centre = ((np.array(shape) - 1) / 2 for shape in (pixels.shape[1:3], finer[:2]))
    out = np.empty_like(pixels)
    moved = np.empty(finer, np.float32)
    order = 1 if upsampling == 1 else 3
    for image, angle, zoom, shift, target in zip(pixels, *motions, out, strict=True):
        cosine, sine = np.cos(angle) / zoom, np.sin(angle) / zoom
        matrix = np.array([[cosine, -sine], [sine, cosine]])
        offset = centre - matrix @ (fine_centre / upsampling + shift)
        for band in range(image.shape[2]):
            moved[..., band] = ndimage.affine_transform(
                image[..., band],
                matrix / upsampling,
                offset=offset,
                order=order,
                mode=NDIMAGE_MODES[fill],
                cval=0.0,
                output_shape=finer[:2],
            )
        height, width, bands = image.shape
        squares = moved.reshape(height, upsampling, width, upsampling, bands)
        target[...] = moved if upsampling == 1 else squares.mean(axis=(1, 3), dtype=np.float32)
    return out


def stretch(pixels: Pixels, strengths: NDArray[np.float64]) -> Pixels:
    """Return cutouts shown in another stretch that keeps 0 and ±1 where they are.

    A strength b > 0 lifts faint structures, x → arcsinh(bx) / arcsinh(b); b < 0 undoes that of −b.
    """
    out = pixels.copy()
    for image, strength in zip(out, strengths.tolist(), strict=True):
        size = np.float32(abs(strength))
        if size < 1e-3:
            continue
        if strength > 0:
            image[...] = np.arcsinh(size * image) / np.arcsinh(size)
        else:
            image[...] = np.sinh(np.clip(np.arcsinh(size) * image, -20.0, 20.0)) / size
    return out
