"""Find the band in file names, and the files that belong to one candidate."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from lensapp.core.data.bands import KNOWN_BAND, wavelength_order
from lensapp.ingest.formats.file_types import stem_of

GENERIC_START = re.compile(r"^(image|img|cutout|stamp|coadd)[A-Za-z]*[_-]+", re.IGNORECASE)
BAND_FOLDER = re.compile(r"band[ _-]?\w{1,6}", re.IGNORECASE)


@dataclass
class Groups:
    """Files of one band each, by candidate.

    Attributes
    ----------
    bands
        Every band found, blue to red, or the user's.
    files
        (folder, ID) → band → file.
    bandless
        Files without a band in their names.
    of_other_bands
        Files with a usual band in their names that the user did not ask for.
    doubles
        (file, file before it) of the same candidate and band.
    """

    bands: tuple[str, ...]
    files: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    bandless: list[str] = field(default_factory=list)
    of_other_bands: list[str] = field(default_factory=list)
    doubles: list[tuple[str, str]] = field(default_factory=list)

    @property
    def complete(self) -> int:
        """Number of files in candidates that have every band."""
        return sum(len(group) for group in self.files.values() if len(group) == len(self.bands))


def group_by_band(names: Sequence[str], bands: Sequence[str]) -> Groups:
    """Group relative file names by candidate.

    Parameters
    ----------
    names
        Relative paths, with "/" between folders.
    bands
        The user's names; empty: letters and names in common use.

    Notes
    -----
    Where a name holds several words that could be the band (`J_0851_g`), the last one is taken, unless
    taking the first makes more candidates complete.
    """
    patterns = [KNOWN_BAND]
    if bands:
        options = "|".join(re.escape(band) for band in sorted(bands, key=len, reverse=True))
        text = rf"(?<![A-Za-z0-9])({options})(?![A-Za-z0-9])"
        patterns = [re.compile(text), re.compile(text, re.IGNORECASE)]
    best = Groups(tuple(bands))
    for pattern in patterns:
        for which in (-1, 0):
            groups = _group(names, bands, pattern, which)
            best = groups if groups.complete > best.complete or not best.files else best
            if best.complete == len(names):
                return best
    if bands:
        best.of_other_bands = [name for name in best.bandless if _split(name, KNOWN_BAND, -1)]
        others = set(best.of_other_bands)
        best.bandless = [name for name in best.bandless if name not in others]
    return best


def _group(names: Sequence[str], bands: Sequence[str], pattern: re.Pattern[str], which: int) -> Groups:
    spelling = {band.lower(): band for band in bands}
    groups = Groups(tuple(bands))
    bands_in_names = set()
    for name in names:
        split = _split(name, pattern, which)
        if split is None:
            groups.bandless.append(name)
            continue
        key, word = split
        band = word if word in bands else spelling.get(word.lower(), word)
        bands_in_names.add(band)
        group = groups.files.setdefault(key, {})
        if band in group:
            groups.doubles.append((name, group[band]))
        else:
            group[band] = name
    if not bands:
        words = sorted(bands_in_names)
        groups.bands = tuple(words[index] for index in wavelength_order(words))
    return groups


def _split(name: str, pattern: re.Pattern[str], which: int) -> tuple[tuple[str, str], str] | None:
    """Return ((folder, ID), band) of one file, or None when its name holds no band."""
    parent, _, file = name.rpartition("/")
    stem = file[:-5] if file.endswith(".fits") else stem_of(file)
    matches = list(pattern.finditer(stem))
    if matches:
        match = matches[which]
        band = match[1]
        # One separator goes with the band; more of them may belong to the ID.
        before, after = stem[: match.start()], stem[match.end() :]
        rest = before + after[1:] if after else before[:-1]
    else:
        named = [part for part in parent.split("/") if pattern.fullmatch(part)]
        if not named:
            return None
        band, rest = named[-1], stem
    folder = _without_band(parent, band)
    generic = GENERIC_START.match(rest)
    if generic and generic.end() < len(rest):
        rest = rest[generic.end() :]
    return (folder, rest or folder.rpartition("/")[2]), band


@lru_cache(maxsize=4096)
def _without_band(folder: str, band: str) -> str:
    """Return the path of a folder without the parts that only name the band."""
    return "/".join(part for part in folder.split("/") if part != band and not BAND_FOLDER.fullmatch(part))
