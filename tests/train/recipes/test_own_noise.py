"""Noise in units of a cutout's own: by the maps beside it or by its sky, added before the stretch."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.stats import mad_std

from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.normalisation import FittedNormalisation, NormalisationSpec, fit_normalisation
from lensapp.core.train.own_noise import noisier, sky_sigma
from lensapp.learning.feed.batches import Feed, LabelledCutouts, keep_in_memory
from lensapp.learning.feed.dataset_parts import JoinedCutouts
from lensapp.storage import cutouts
from lensapp.storage.arrays import (
    PackedCutouts,
    Packing,
    PlaneShape,
    ShardWriter,
    create_planes,
    write_flux_scales,
    write_planes,
)
from lensapp.storage.tiles.tile_images import Tile
from lensapp.storage.tiles.tile_planes import TilePlane
from lensapp.storage.tiles.tiled_cutouts import TilePlaces, TileSet, write_tiled

SIZE, COUNT = 16, 24
FLUX_OF_ONE = 2.0  # in the unit of the network, of one unit as stored
EPOCHS = 40
BANDS = ("g", "r", "i", "z")


def deviations() -> np.ndarray:
    """Standard deviations (y, x, band): 1 on the left, 3 on the right; 2 in the third band, 5 in the last."""
    sigma = np.ones((SIZE, SIZE, 4), np.float32)
    sigma[:, SIZE // 2 :] = 3
    sigma[..., 2], sigma[..., 3] = 2, 5
    return sigma


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> PackedCutouts:
    """Noise with an RMS map in g, an inverse variance in r, a weight in any unit in i, none in z."""
    folder = tmp_path_factory.mktemp("noise") / "source"
    pixels = np.random.default_rng(1).normal(0, deviations(), (COUNT, SIZE, SIZE, 4)).astype(np.float32)
    pixels[0, 3:5, 3:5] = np.nan
    writer = ShardWriter.create(folder, Packing.plan(slots=COUNT, height=SIZE, width=SIZE, bands=BANDS))
    writer.write_rows(0, pixels)
    stored = writer.finish()
    words = {"rms": 1.0, "invvar": -2.0, "wht": -2.0}
    shapes = [PlaneShape(word=word, kind="noise", height=SIZE, width=SIZE) for word in words]
    create_planes(folder, stored.packing, shapes)
    planes = {}
    for band, (word, power) in enumerate(words.items()):
        planes[word] = np.full((COUNT, SIZE, SIZE, 4), np.nan, np.float32)
        planes[word][..., band] = deviations()[..., band] ** power
    planes["rms"][:, 0, 0, 0] = 1e16  # as surveys mark pixels without exposure
    planes["wht"] *= 1000
    write_planes(folder, 0, planes)
    write_flux_scales(folder, stored.packing, 0, [[FLUX_OF_ONE] * 4] * COUNT)
    return PackedCutouts.open(folder, calibrated=True)


def part_of(source: PackedCutouts) -> LabelledCutouts:
    joined = JoinedCutouts((source,), (SIZE, SIZE))
    rows = np.arange(source.shape[0])
    return LabelledCutouts(cutouts=joined, rows=rows, labels=rows % 2, bands=source.bands)


def added_to(part: LabelledCutouts, times: float, **changes: float) -> np.ndarray:
    """What is added to the fluxes of each cutout in some epochs, shape (epoch, n, y, x, band)."""
    zeros, ones = (0,) * len(part.bands), (1,) * len(part.bands)
    normalisation = FittedNormalisation.parse(
        {"kind": "none", "softening": 1, "centre": zeros, "scale": ones, "gain": ones}
        | {"bands": part.bands, "size": (SIZE, SIZE)}
    )
    feed = keep_in_memory(
        Feed(
            data=part,
            normalisation=normalisation,
            augmentation=AugmentationSpec(d4=False, own_noise=times, **changes),
            batch_size=len(part),
            seed=3,
            shuffle=False,
        )
    )
    plain = normalisation.apply(part.read(np.arange(len(part))))
    return np.array([next(feed.batches(epoch))[0] - plain for epoch in range(1, EPOCHS + 1)])


@pytest.mark.parametrize("changes", [{}, {"blur_pixels": 1e-6}])
def test_what_is_added_has_the_variance_of_the_maps_beside_the_cutouts(packed, changes) -> None:
    """A half of σ = 1 and 3 in g and r, 2 in i, in a unit of which one as stored is two: 1², 3², 2²."""
    added = added_to(part_of(packed), 0.5, **changes)
    assert (added[:, :, 0, 0, 0] == 0).all()  # an RMS of 1e16 says that nothing is known
    assert (added[:, 0, 3:5, 3:5] == 0).all()  # masked
    variance = added[:, 1:, 1:].var(axis=(0, 1))
    left, right = slice(None, SIZE // 2), slice(SIZE // 2, None)
    assert variance[:, left, :2].mean((0, 1)) == pytest.approx([1, 1], rel=0.03)
    assert variance[:, right, :2].mean((0, 1)) == pytest.approx([9, 9], rel=0.03)
    # Relative weights and no plane: as the sky of each cutout scatters, to what 192 pixels tell of it.
    assert variance[..., 2:].mean((0, 1)) == pytest.approx([4, 25], rel=0.06)
    assert abs(added.mean()) < 0.01


def test_the_noise_of_the_sky_is_measured_once_and_is_that_of_astropy(packed, monkeypatch) -> None:
    pixels = PackedCutouts.open(packed.folder).read(np.arange(COUNT))
    outer = np.ones((SIZE, SIZE), bool)
    outer[2:-2, 2:-2] = False
    rows = np.array([5, 2, 2])
    sky = cutouts.sky_noise(packed, rows)
    assert sky == pytest.approx(mad_std(pixels[rows][:, outer], axis=1), rel=1e-4)
    monkeypatch.setattr(cutouts, "sky_sigma", None)  # it would be called
    np.testing.assert_array_equal(cutouts.sky_noise(packed.of_bands(("z", "g")), rows), sky[:, [3, 0]])


def test_cutouts_hardly_unmasked_constant_or_masked_throughout_have_a_noise_too() -> None:
    pixels = np.random.default_rng(0).normal(0, 4, (3, 40, 40, 1)).astype(np.float32)
    pixels[0, :5], pixels[0, -5:], pixels[0, :, :5], pixels[0, :, -5:] = (np.nan,) * 4
    pixels[1], pixels[2] = 7, np.nan
    assert sky_sigma(pixels)[:, 0].tolist() == [pytest.approx(4, rel=0.1), 0, 0]


def test_cutouts_left_in_their_tiles_take_the_noise_of_the_maps_beside_the_tiles(tmp_path: Path) -> None:
    rng, sigma = np.random.default_rng(5), np.full((64, 64), 2.0, np.float32)
    sigma[:, 32:] = 6
    images = []
    for name, values in (("flux", rng.normal(0, sigma).astype(np.float32)), ("rms", sigma)):
        fits.PrimaryHDU(values).writeto(tmp_path / f"{name}.fits")
        path = tmp_path / f"{name}.fits"
        size = path.stat().st_size
        images.append(Tile(path=str(path), height=64, width=64, file_bytes=size))
    beside = TilePlane(word="rms", kind="noise", height=SIZE, width=SIZE, tiles=(images[1],))
    squares = np.array([[left, bottom] for left in (0, 16, 32, 48) for bottom in (0, 16, 32, 48)], np.int32)
    source = write_tiled(
        tmp_path / "virtual",
        bands=("g",),
        size=SIZE,
        tiles=TileSet(tiles=(images[0],), planes=(beside,)),
        places=TilePlaces(np.zeros((16, 1), np.int32), squares[:, :1], squares[:, 1:], {}),
        tile_scales=np.array([np.nan]),
    )
    added = added_to(part_of(source), 1.5)
    assert added[:, :8].var() == pytest.approx(9, rel=0.03)
    assert added[:, 8:].var() == pytest.approx(81, rel=0.03)


def test_an_arcsinh_is_undone_before_noise_is_added_and_done_again() -> None:
    """Flux 7 is 3 above the sky, 1.5 of the scale; twice the noise of 0.5 makes it 2.5 or 0.5 of it."""
    fitted = FittedNormalisation.parse(
        {"kind": "asinh", "softening": 3, "centre": [4], "scale": [2], "gain": [0.7]}
        | {"bands": ["g"], "size": (1, 2)}
    )
    pixels = fitted.apply(np.full((1, 1, 2, 1), 7, np.float32))
    levels = np.array([0.5, 0.5], np.float32).reshape(pixels.shape)
    deviates = np.array([1, -1], np.float32).reshape(pixels.shape)
    changed = noisier(pixels, levels, deviates, fitted, times=2.0, arrays=np).ravel()
    assert changed == pytest.approx([0.7 * 1.6472311, 0.7 * 0.4812118], rel=1e-6)  # arcsinh of 2.5 and 0.5


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("asinh", 1e-5), ("sqrt", 1e-5), ("zscore", 1e-5), ("minmax", 1e-5), ("none", 1e-5), ("cutout", 0.1)],
)
def test_noise_is_added_as_if_the_fluxes_had_had_it(kind: str, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(3, 2, (8, 48, 48, 2)).astype(np.float32)
    pixels[:, 20:26, 20:26] += 200
    pixels[0, :4] = np.nan
    fitted = fit_normalisation(pixels, NormalisationSpec(kind=kind), bands=("g", "r"))
    sigma = np.where(np.isfinite(pixels), np.float32(2), np.float32(0))
    deviates = rng.standard_normal(pixels.shape, np.float32)
    levels = sigma / fitted.flux_of_one(pixels)
    changed = noisier(fitted.apply(pixels), levels, deviates, fitted, times=1.5, arrays=np)
    observed = fitted.apply(pixels + 1.5 * sigma * deviates)
    scale = np.abs(observed - fitted.apply(pixels)).max()
    assert np.abs(changed - observed).max() < tolerance * scale
    assert changed.dtype == np.float32
