"""Names of bands as files of others give them, and their order from blue to red."""

import re
from collections.abc import Sequence

WAVELENGTHS_NM = {
    "u": 360, "b": 440, "g": 480, "v": 550, "r": 630, "vis": 715, "i": 770, "z": 890,
    "y": 1000, "j": 1220, "h": 1630, "k": 2190, "ks": 2150,
}  # fmt: skip
BAND_ORDER = tuple(WAVELENGTHS_NM)
KNOWN_BAND = re.compile(
    r"(?<![A-Za-z0-9])([ugrizyUBVGRIZYJHK]|Ks|VIS|vis|[Ff]\d{3,4}[A-Za-z]{1,2}\d?)(?![A-Za-z0-9])"
)


def band_rank(name: str) -> tuple[int, int, str]:
    """Return a key that sorts bands by wavelength: HST names by their number, others by their letter."""
    number = re.fullmatch(r"[Ff](\d{3,4})[A-Za-z]+\d?", name)
    if number:
        nanometres = int(number[1])
        return 1, nanometres * 10 if nanometres < 200 else nanometres, name
    last = re.split(r"[^A-Za-z0-9]+", name)[-1].lower()
    rank = BAND_ORDER.index(last) if last in BAND_ORDER else len(BAND_ORDER)
    return 0, rank, name


def wavelength_order(bands: Sequence[str]) -> list[int]:
    """Return the indices of the bands from blue to red; with an unknown name they keep the order given."""
    indices = list(range(len(bands)))
    letters = [re.split("[_-]", name.strip().lower())[-1].rstrip("'") for name in bands]
    if not set(letters) <= set(WAVELENGTHS_NM):
        return indices
    return sorted(indices, key=lambda index: WAVELENGTHS_NM[letters[index]])
