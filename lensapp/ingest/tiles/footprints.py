"""What each image of a survey's tiles covers, in which band, and what its pixels are worth."""

import math
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.bands import KNOWN_BAND
from lensapp.ingest.companions import name_key
from lensapp.ingest.formats.file_types import stem_of
from lensapp.ingest.formats.fits_choice import band_name, image_hdus, pick
from lensapp.ingest.formats.fits_files import LenientFits, load_bytes
from lensapp.ingest.formats.fits_structure import check_structure
from lensapp.ingest.formats.photometry import asinh_softening, flux_scale
from lensapp.ingest.formats.plane_kinds import words_of
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.planes_beside import kept_hdus
from lensapp.ingest.refusals import Refused
from lensapp.storage.tiles.tile_images import Tile

Degrees = NDArray[np.float64]


class TileFile(LenientFits):
    """A FITS file of which only headers are read."""

    def __init__(self, path: Path) -> None:
        from astropy.io import fits
        from astropy.io.fits.verify import VerifyWarning

        check_structure(load_bytes(path))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", VerifyWarning)
            self._hdus = fits.open(path, memmap=True, lazy_load_hdus=False)

    def close(self) -> None:
        """Close the file."""
        self._hdus.close()


@dataclass(frozen=True, kw_only=True)
class Projection:
    """How the pixels of an image lie on the sky.

    Attributes
    ----------
    wcs
        `astropy.wcs.WCS` of its celestial axes, with distortions.
    frame
        The frame of its coordinates.
    """

    wcs: Any
    frame: Any

    def to_pixels(self, ra_deg: Degrees, dec_deg: Degrees) -> tuple[Degrees, Degrees]:
        """Return x and y (from 0, at pixel centres) of ICRS positions; NaN where they do not project."""
        from astropy.coordinates import ICRS, SkyCoord

        if not isinstance(self.frame, ICRS):
            there = SkyCoord(ra_deg, dec_deg, unit="deg", frame="icrs").transform_to(self.frame)
            ra_deg, dec_deg = there.spherical.lon.deg, there.spherical.lat.deg
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if self.wcs.sip is None and self.wcs.cpdis1 is None and self.wcs.det2im1 is None:
                x, y = self.wcs.wcs_world2pix(ra_deg, dec_deg, 0)
            else:
                x, y = self.wcs.all_world2pix(ra_deg, dec_deg, 0, quiet=True)
        return x, y

    def to_sky(self, x: Degrees, y: Degrees) -> tuple[Degrees, Degrees]:
        """Return ICRS positions in degrees of pixels."""
        from astropy.coordinates import ICRS, SkyCoord

        lon, lat = self.wcs.all_pix2world(x, y, 0)
        if isinstance(self.frame, ICRS):
            return lon, lat
        here = SkyCoord(lon, lat, unit="deg", frame=self.frame).icrs
        return here.ra.deg, here.dec.deg


@dataclass(frozen=True, kw_only=True)
class Footprint(Projection):
    """One image of the tiles: where it is, its band and its projection.

    Attributes
    ----------
    flux_scale
        Factor from pixels to flux in units of AB magnitude 25, NaN where nothing tells.
    ra_deg, dec_deg, radius_deg
        Centre (ICRS) and distance of the farthest corner.
    planes
        Noise maps, weights and PSFs in further HDUs of its file, by their word.
    """

    tile: Tile
    name: str
    band: str
    flux_scale: float
    ra_deg: float
    dec_deg: float
    radius_deg: float
    pixel_scale_arcsec: float
    planes: tuple[tuple[str, Tile], ...] = ()


def read_footprints(root: Path, name: str, *, bands: Sequence[str], hdus: Sequence[str]) -> list[Footprint]:
    """Return the images of flux in one file of tiles, one for each HDU that holds one.

    Raises
    ------
    Refused
        When the file cannot be read, or an image has no projection or no known band.
    """
    path = root / name
    with reading("not a readable FITS file"):
        file = TileFile(path)
        try:
            chosen = [pick(file, selector) for selector in hdus] if hdus else image_hdus(file)
            if not chosen:
                raise Refused("no_image", "holds no image of flux")
            return [_footprint(file, path, name, index, bands, alone=len(chosen) == 1) for index in chosen]
        finally:
            file.close()


def _footprint(
    file: TileFile, path: Path, name: str, index: int, bands: Sequence[str], *, alone: bool
) -> Footprint:
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales, wcs_to_celestial_frame

    shape = file.shape(index) or ()
    if len(shape) != 2:
        raise Refused("wrong_shape", f"HDU {index} is {file.kind(index)}, not one plane")
    header = file.header(index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(header.astropy, relax=True).celestial
    if wcs.naxis != 2:
        raise Refused("no_wcs", f"HDU {index} has no projection of the sky (WCS), which tiles need")
    height, width = shape
    softening = asinh_softening(header)
    tile = Tile(
        path=str(path.resolve()),
        hdu=index,
        height=height,
        width=width,
        file_bytes=path.stat().st_size,
        softening=softening[0] if softening else None,
        offset=softening[1] if softening else 0.0,
    )
    scale = flux_scale(header, file.header(0) if index else None)
    scales = proj_plane_pixel_scales(wcs) * 3600.0
    projection = Projection(wcs=wcs, frame=wcs_to_celestial_frame(wcs))
    ra, dec, radius = _extent(projection, height, width)
    return Footprint(
        wcs=wcs,
        frame=projection.frame,
        tile=tile,
        name=name if alone else f"{name}[{index}]",
        band=_band(file, index, name, bands, alone=alone),
        flux_scale=math.nan if scale is None else scale,
        ra_deg=ra,
        dec_deg=dec,
        radius_deg=radius,
        pixel_scale_arcsec=float(math.sqrt(scales[0] * scales[1])),
        planes=tuple(_planes_beside(file, path, index)),
    )


def plane_tile(file: TileFile, path: Path, index: int) -> Tile:
    """Return the plane in one HDU of an open file as it is read later."""
    shape = [side for side in file.shape(index) or () if side != 1]
    if len(shape) != 2:
        raise Refused("wrong_shape", "it is not one plane")
    height, width = shape
    size = path.stat().st_size
    return Tile(path=str(path.resolve()), hdu=index, height=height, width=width, file_bytes=size)


def _planes_beside(file: TileFile, path: Path, flux: int) -> list[tuple[str, Tile]]:
    """Return word and place of the planes of the flux in one HDU: those of its name, or the only one."""
    own = name_key(words_of(file.name(flux)))
    found = []
    for word, indices in kept_hdus(file).items():
        planes = [index for index in indices if index != flux]
        alike = [index for index in planes if name_key(words_of(file.name(index))) == own]
        chosen = alike if len(alike) == 1 else planes if len(planes) == 1 else []
        with suppress(Refused):
            found += [(word, plane_tile(file, path, index)) for index in chosen]
    return found


def _extent(projection: Projection, height: int, width: int) -> tuple[float, float, float]:
    """Return the centre of an image and the distance of its farthest corner, in degrees."""
    from astropy.coordinates import SkyCoord

    x = np.array([(width - 1) / 2, -0.5, width - 0.5, -0.5, width - 0.5])
    y = np.array([(height - 1) / 2, -0.5, -0.5, height - 0.5, height - 0.5])
    ra, dec = projection.to_sky(x, y)
    if not np.isfinite(ra + dec).all():
        raise Refused("no_wcs", "its projection (WCS) gives no position for its corners")
    corners = SkyCoord(ra, dec, unit="deg")
    return float(ra[0]), float(dec[0]), float(corners[0].separation(corners[1:]).deg.max())


def _band(file: TileFile, index: int, name: str, bands: Sequence[str], *, alone: bool) -> str:
    """Return the band of an image: by its file's name, its HDU or its header, else the only one asked for."""
    spelling = {band.lower(): band for band in bands}
    if alone:
        words = [match[1] for match in KNOWN_BAND.finditer(stem_of(name.rpartition("/")[2]))]
        parts = stem_of(name).replace("/", "_").replace("-", "_").replace(".", "_").split("_")
        asked = [spelling[part.lower()] for part in parts if part.lower() in spelling]
        if asked or words:
            return asked[-1] if asked else words[-1]
    band = band_name(file, index)
    if band:
        return spelling.get(band.lower(), band)
    if len(bands) == 1:
        return bands[0]
    raise Refused("missing_band", f"neither the name nor the header of HDU {index} tells its band")
