"""Which noise maps, weights and PSFs lie beside the tiles, in files of their own or in further HDUs."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lensapp.ingest.companions import Companions
from lensapp.ingest.formats.fits_choice import picture_hdus
from lensapp.ingest.formats.plane_kinds import KINDS
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.planes_beside import LARGEST_PSF, kept_beside
from lensapp.ingest.refusals import Refused
from lensapp.ingest.tiles.footprints import Footprint, TileFile, plane_tile
from lensapp.storage.tiles.tile_images import Tile
from lensapp.storage.tiles.tile_planes import PSF, TilePlane


def find_tile_planes(
    root: Path, footprints: Sequence[Footprint], companions: Companions, *, size: int, warnings: list[str]
) -> tuple[TilePlane, ...]:
    """Return the planes beside the tiles of a survey, and say which are kept.

    Noise and weights must be as large as their tile. `size` is the side of the cutouts.
    """
    found: dict[str, dict[int, Tile]] = {}
    misfits = 0
    for number, one in enumerate(footprints):
        for word, tile in _planes_of(root, one, companions):
            if KINDS.get(word, word) == PSF or (tile.height, tile.width) == (one.tile.height, one.tile.width):
                found.setdefault(word, {}).setdefault(number, tile)
            else:
                misfits += 1
    if misfits:
        warnings.append(
            f"{misfits} noise maps or weights have another size than their tile and are left out."
        )
    planes = []
    for word, of_tile in sorted(found.items()):
        kind = KINDS.get(word, word)
        side = size
        if kind == PSF:
            side = min(max(max(tile.height, tile.width) for tile in of_tile.values()), LARGEST_PSF)
        tiles = tuple(of_tile.get(number) for number in range(len(footprints)))
        planes.append(TilePlane(word=word, kind=kind, height=side, width=side, tiles=tiles))
    if planes:
        listed = ", ".join(
            f"{plane.word} ({plane.kind}; {sum(tile is not None for tile in plane.tiles)} of "
            f"{len(footprints)} tiles)"
            for plane in planes
        )
        warnings.append(f"Kept beside the pixels, per candidate and band: {listed}.")
    return tuple(planes)


def _planes_of(root: Path, one: Footprint, companions: Companions) -> Iterator[tuple[str, Tile]]:
    """Yield word and image of each plane beside a tile; those that cannot be read are left out."""
    name = one.name.partition("[")[0]
    for word, file in kept_beside(companions, name):
        with suppress(Refused), reading("it cannot be decoded"):
            yield word, _only_image(root / file)
    yield from one.planes


def _only_image(path: Path) -> Tile:
    file = TileFile(path)
    try:
        pictures = picture_hdus(file)
        if len(pictures) != 1:
            raise Refused("no_image", f"it holds {len(pictures)} images")
        return plane_tile(file, path, pictures[0])
    finally:
        file.close()
