"""Which positions of FITS headers are those of the cutouts: of the WCS, or of keywords such as RA and DEC."""

import re
from collections.abc import Sequence
from dataclasses import replace

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.sky import separation_arcsec
from lensapp.ingest.astrometry import Pointing, point
from lensapp.ingest.formats.fits_files import Header, number
from lensapp.ingest.formats.readers import Reading
from lensapp.ingest.positions import degrees_per, position_of
from lensapp.ingest.recipe import Recipe

KEYWORDS = (  # the likelier to be those of the object first
    ("RA_OBJ", "DEC_OBJ"),
    ("OBJRA", "OBJDEC"),
    ("OBJCTRA", "OBJCTDEC"),
    ("RA_TARG", "DEC_TARG"),
    ("RA", "DEC"),
    ("RA_DEG", "DEC_DEG"),
    ("RAJ2000", "DEJ2000"),
)
SAME_PLACE_DEG = 1e-7
DISTINCT_FRACTION = 0.75
J2000, LAST_OF_BESSEL = 2000.0, 1984.0
Position = tuple[float, float]

_BRACKET = re.compile(r"[\[(]([^\])]*)[\])]")
_YEAR = re.compile(r"[JB]?(\d{4}(?:\.\d*)?)")


def pointing_of(reading: Reading) -> Pointing | None:
    """Return where the header of a reading says that it lies, None without a WCS that can be used."""
    height, width = reading.planes[0].shape
    return point(reading.header, width=width, height=height) if reading.header is not None else None


def stated_position(reading: Reading, keywords: Sequence[str]) -> Position | None:
    """Return the position (ICRS degrees) that two keywords of the headers state, or None.

    Text is sexagesimal, its right ascension in hours; numbers are in degrees unless their comment has
    another unit. What is out of range, or 0, 0 as in a form that nobody filled in, is no position.
    """
    for header in reading.headers:
        values = [header.get(keyword) for keyword in keywords]
        if any(value is None or isinstance(value, bool) for value in values):
            continue
        units = [_unit(header, keyword) for keyword in keywords]
        position = position_of(values[0], values[1], units=(units[0], units[1]))
        if position is not None and position != (0.0, 0.0):
            return _in_icrs(header, *position)
    return None


def trust_positions(
    recipe: Recipe, spec: IngestSpec, sample: Sequence[Reading], ids: Sequence[str], warnings: list[str]
) -> tuple[Recipe, Sequence[str]]:
    """Return the recipe with what of the headers is read as positions; doubts are added to `warnings`.

    Beside it are keywords that are left out, as many cutouts share the position that they tell.
    """
    if spec.header_positions == "none":
        return replace(recipe, use_header_positions=False), ()
    recipe = _trust_wcs(recipe, sample, ids, warnings)
    by_wcs = recipe.use_header_positions
    found, shared = (
        (None, ()) if spec.header_positions == "wcs" else _keywords_to_trust(sample, by_wcs=by_wcs)
    )
    if not by_wcs:
        keywords = f"{' and '.join(found)} of the headers are read instead" if found else ""
        warnings.append(
            "Headers give many cutouts the same position, that of the tile they were cut from: "
            f"{keywords or 'positions come from the catalogue only'}."
        )
    if found:
        return replace(recipe, position_keywords=found), ()
    if shared:
        warnings.append(
            f"{' and '.join(shared)} in the headers are the same for many cutouts, or within one cutout: "
            "that is where the telescope pointed, not where each object lies. Positions come from a "
            "catalogue only."
        )
    return recipe, shared


def _keywords_to_trust(
    sample: Sequence[Reading], *, by_wcs: bool
) -> tuple[tuple[str, str] | None, Sequence[str]]:
    """Return the keywords that tell where each cutout lies, and those that many cutouts share."""
    without_wcs = [one for one in sample if one.headers and not (by_wcs and pointing_of(one))]
    shared: Sequence[str] = ()
    for keywords in KEYWORDS:
        stated = [(one, at) for one in without_wcs if (at := stated_position(one, keywords)) is not None]
        if not stated:
            continue
        distinct = {_rounded(at) for _, at in stated}
        is_one = len(stated) == 1
        if is_one or (len(distinct) > DISTINCT_FRACTION * len(stated) and not _within_one_cutout(stated)):
            return keywords, ()
        shared = shared or keywords
    return None, shared


def _within_one_cutout(stated: Sequence[tuple[Reading, Position]]) -> bool:
    """Tell whether what keywords state is one field, as the WCS beside them that many cutouts share.

    So it is where all are within a cutout's size of one another, or each of the position by its own WCS.
    """
    pointings = [pointing for reading, _ in stated if (pointing := pointing_of(reading)) is not None]
    if len(pointings) < len(stated):
        return False
    sides = [
        max(reading.planes[0].shape) * pointing.pixel_scale_arcsec
        for (reading, _), pointing in zip(stated, pointings, strict=True)
    ]
    places = [at for _, at in stated]
    of_wcs = [(pointing.ra_deg, pointing.dec_deg) for pointing in pointings]
    return any(
        all(
            float(separation_arcsec(*place, *centre)) <= side
            for place, centre, side in zip(places, centres, sides, strict=True)
        )
        for centres in ([places[0]] * len(places), of_wcs)
    )


def _trust_wcs(recipe: Recipe, sample: Sequence[Reading], ids: Sequence[str], warnings: list[str]) -> Recipe:
    """Ignore header positions when different cutouts claim the same: that of the tile they were cut from.

    A few equal ones are let pass, as a lens may be there with and without its injected arcs; and those of
    several epochs of one object.
    """
    positions: dict[tuple[int, int], list[int]] = {}
    for index, read in enumerate(sample):
        if pointing := pointing_of(read):
            positions.setdefault(_rounded((pointing.ra_deg, pointing.dec_deg)), []).append(index)
    count = sum(map(len, positions.values()))
    if count < 2 or len(positions) > DISTINCT_FRACTION * count:
        return recipe
    centred = all(  # no tile has its reference pixel inside of every cutout
        0.5 <= (number(read.header, keyword) or 0.0) <= side + 0.5
        for read in sample
        if read.header is not None
        for keyword, side in zip(("CRPIX2", "CRPIX1"), read.planes[0].shape, strict=True)
    )
    last_word = r"[^A-Za-z0-9]*[A-Za-z0-9]+$"
    names = [{re.sub(last_word, "", ids[index]) for index in group} for group in positions.values()]
    of_one_name_each = all(len(name) == 1 for name in names) and len(set.union(*names)) == len(names)
    if len(positions) > 1 and (centred or of_one_name_each):
        warnings.append(
            "Several cutouts each have the same position, as epochs of one object do: a split keeps them "
            "together."
        )
        return recipe
    return replace(recipe, use_header_positions=False)


def _rounded(position: Position) -> tuple[int, int]:
    ra, dec = position
    return round(ra / SAME_PLACE_DEG), round(dec / SAME_PLACE_DEG)


def _unit(header: Header, keyword: str) -> str | None:
    """Return the unit of angle that the comment of a keyword is, or has in brackets: "radians", "[deg]"."""
    comment = header.comment(keyword).strip()
    words = [*(word.strip() for word in _BRACKET.findall(comment)), *([comment] if comment.isalpha() else [])]
    return next((word for word in words if degrees_per(word) is not None), None)


def _in_icrs(header: Header, ra_deg: float, dec_deg: float) -> Position:
    """Return a position of the header's equinox at J2000; FK5 at J2000 is ICRS to 0.1 arcsec and better."""
    frame = str(header.get("RADESYS") or header.get("RADECSYS") or "").strip().upper()
    year = _YEAR.fullmatch(str(header.get("EQUINOX") or "").strip())
    equinox = float(year[1]) if year else (1950.0 if frame == "FK4" else J2000)
    if frame == "ICRS" or (equinox == J2000 and frame != "FK4"):
        return ra_deg, dec_deg
    from astropy.coordinates import FK4, FK5, SkyCoord

    is_old = frame == "FK4" or (not frame and equinox < LAST_OF_BESSEL)
    at = FK4(equinox=f"B{equinox}") if is_old else FK5(equinox=f"J{equinox}")
    sky = SkyCoord(ra_deg, dec_deg, unit="deg", frame=at).icrs
    return float(sky.ra.deg), float(sky.dec.deg)
