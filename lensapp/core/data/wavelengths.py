"""The order of bands from blue to red."""

from collections.abc import Sequence

WAVELENGTHS_NM = {
    "u": 360, "b": 440, "g": 480, "v": 550, "r": 630, "vis": 715, "i": 770, "z": 890,
    "y": 1000, "j": 1220, "h": 1630, "k": 2190, "ks": 2150,
}  # fmt: skip


def wavelength_order(bands: Sequence[str]) -> list[int]:
    """Return the places of the bands from blue to red; unknown names keep the order given."""
    known = [_wavelength(name) for name in bands]
    if any(value is None for value in known):
        return list(range(len(bands)))
    return sorted(range(len(bands)), key=lambda place: (known[place], place))


def _wavelength(name: str) -> int | None:
    short = name.strip().lower().split("_")[-1].split("-")[-1].rstrip("'")
    return WAVELENGTHS_NM.get(short)
