"""Which columns of a table hold positions, by the names that catalogues give them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BEFORE = r"(?P<before>|.*[_.\s:/-]|_?(mean|median|target|obj|object|source|src|lens|gal|galaxy|star|cat))"
_AFTER = (
    r"(?P<after>|[_.\s:/\d-].*"
    r"|(win|peak|psf|mean|median|stack|deg|degrees|rad|radians|hours|hms|dms|j2000|icrs|cen|center|cat).*)"
)
_RA = re.compile(f"{_BEFORE}(right[_ ]?ascension|alpha|ra){_AFTER}")
_DEC = re.compile(f"{_BEFORE}(declination|delta|decl|dec|de){_AFTER}")
# Errors, motions and differences are no positions; those of 1950 are not ICRS to the arcsecond.
_OTHER = re.compile(
    r"^(e|d|pm)[_.\s]|err|b?1950|fk4|b1875"
    r"|(^|[_.\s])(sigma|sig|std|stdev|unc|uncertainty|var|variance|ivar|rms|mad|off|offset|diff|cov|corr"
    r"|shift|flags?)([_.\s]|$)"
)
_BRACKET = re.compile(r"\s*[\[(]([^\])]*)[\])]\s*$")
_UNIT_WORD = re.compile(r"_?(deg|degrees?|rad|radians?|hours?|hrs?|hourangle|hms|dms)$")
_OTHER_PAIRS = (("x_world", "y_world"),)
_BOTH = frozenset(
    {"coord", "coords", "coordinate", "coordinates", "position", "positions", "pos", "radec", "ra_dec"}
    | {"ra/dec", "ra dec", "ra,dec", "skycoord", "sky_coord"}
)
_OTHER_FRAMES = frozenset({"glon", "glat", "l", "b", "lon", "lat", "longitude", "latitude", "elon", "elat"})
_ORDER = {("", ""): 0, ("_", "j2000"): 1, ("", "j2000"): 2, ("", "icrs"): 2, ("target_", ""): 3}
_SUFFIX = re.compile(r"[_.](\w+)$")
_PARTS = ("rah", "ram", "ras", "ded", "dem", "des")


@dataclass(frozen=True)
class PositionNames:
    """Two columns of one position; `dec` is None where one column of text holds both."""

    ra: str
    dec: str | None


def position_pairs(names: Sequence[str], *, id_column: str | None = None) -> list[PositionNames]:
    """Return the columns that hold positions, the likeliest first.

    A right ascension goes with the declination of the same spelling: ra_1 with dec_1, ALPHA_J2000 with
    DELTA_J2000. Pairs whose ending is that of the ID's column go first, then plain names, then VizieR's
    computed degrees, then others in the table's order.
    """
    decs: dict[tuple[str, str], str] = {}
    for name in names:
        if key := _spelling(name, _DEC):
            decs.setdefault(key, name)
    suffix = _SUFFIX.search(id_column or "")
    pairs = []
    for column, name in enumerate(names):
        key = _spelling(name, _RA)
        if key and key in decs:
            before, after = key
            alike = suffix is not None and name.lower().endswith(suffix[0].lower())
            place = _ORDER.get(key, 4 if before in ("", "_") and not after.isdigit() else 5)
            place += 6 if re.search(r"hms|sexa", name.lower()) else 0
            pairs.append((0 if alike else 1, place, column, PositionNames(name, decs[key])))
    plain = {name.strip().lower(): name for name in names}
    for ra, dec in _OTHER_PAIRS:
        if ra in plain and dec in plain:
            pairs.append((1, 8, names.index(plain[ra]), PositionNames(plain[ra], plain[dec])))
    both = [
        (1, 9, column, PositionNames(name, None))
        for column, name in enumerate(names)
        if name.strip().lower() in _BOTH
    ]
    return [pair[-1] for pair in sorted([*pairs, *both], key=lambda pair: pair[:3])]


def _spelling(name: str, axis: re.Pattern[str]) -> tuple[str, str] | None:
    """Return what stands before and after the axis in a name, without units, or None for other names."""
    lower = name.strip().lower().replace("r.a.", "ra").replace("decl.", "decl")
    if _OTHER.search(lower):
        return None
    match = axis.fullmatch(_BRACKET.sub("", lower))
    if match is None:
        return None
    return match["before"], _UNIT_WORD.sub("", match["after"]).strip(" _")


def unit_in_name(name: str) -> str | None:
    """Return the unit at the end of a column's name: "ra [deg]", "ra_rad", "RAdeg"; None without one."""
    lower = name.strip().lower()
    if bracket := _BRACKET.search(lower):
        return bracket[1].strip()
    word = _UNIT_WORD.search(lower)
    return word[1] if word else None


def sexagesimal_parts(names: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """Return the columns of hours, minutes, seconds and of sign, degrees, minutes, seconds, or None.

    References
    ----------
    Standards for astronomical catalogues 2.0 (CDS), section 3.3.2: RAh, RAm, RAs, DE-, DEd, DEm, DEs.
    """
    plain = {name.strip().lower(): name for name in names}
    if not all(part in plain for part in _PARTS):
        return None
    hours, degrees = ([plain[part] for part in parts] for parts in (_PARTS[:3], _PARTS[3:]))
    return hours, ([plain["de-"]] if "de-" in plain else []) + degrees


def position_like(names: Sequence[str]) -> list[str]:
    """Return the columns whose names speak of positions, readable or not."""
    return [
        name
        for name in names
        if _spelling(name, _RA)
        or _spelling(name, _DEC)
        or name.strip().lower() in _BOTH | _OTHER_FRAMES
        or re.search(r"(ra|de|alpha|delta).*(1950|fk4)", name.lower())
        or (
            re.search(r"coord|ascension|declination|(^|[^a-z])(ra|dec|radec)([^a-z]|$)", name.lower())
            and not _OTHER.search(name.lower())
        )
    ]
