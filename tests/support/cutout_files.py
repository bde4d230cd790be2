"""Small files of every layout that the tests of the import read."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

SIDE = 8


def cutout(seed: int = 0, *, side: int = SIDE) -> NDArray[np.float32]:
    """One plane of noise with a source in its middle."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return (rng.normal(0.0, 1.0, (side, side)) + 50 * np.exp(-(x**2 + y**2) / 4)).astype(np.float32)


def header(
    ra: float = 150.0, dec: float = 2.0, *, scale: float = 0.2, side: int = SIDE, **cards: object
) -> fits.Header:
    """The header of a cutout centred on a position."""
    made = fits.Header()
    made["CTYPE1"], made["CTYPE2"] = "RA---TAN", "DEC--TAN"
    made["CRVAL1"], made["CRVAL2"] = ra, dec
    made["CRPIX1"] = made["CRPIX2"] = (side + 1) / 2
    made["CD1_1"], made["CD2_2"] = -scale / 3600, scale / 3600
    for key, value in cards.items():
        made[key] = value
    return made


def write_fits(path: Path, data: NDArray[np.generic], head: fits.Header | None = None) -> Path:
    """Write one image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(data, head).writeto(path)
    return path


def write_bands(folder: Path, *, objects: int = 3, bands: str = "gri", side: int = SIDE) -> Path:
    """Write a tree `<id>/<id>_<band>.fits`."""
    for number in range(objects):
        for place, band in enumerate(bands):
            name = f"obj{number}"
            head = header(150.0 + number / 10, side=side)
            write_fits(folder / name / f"{name}_{band}.fits", cutout(100 * number + place, side=side), head)
    return folder


def write_hdus(path: Path, planes: list[NDArray[np.float32]], names: list[str], **cards: object) -> Path:
    """Write one file with an empty primary and one HDU per plane."""
    hdus = [fits.PrimaryHDU()]
    for plane, name in zip(planes, names, strict=True):
        hdu = fits.ImageHDU(plane, name=name)
        hdu.header.update(cards)
        hdus.append(hdu)
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path)
    return path
