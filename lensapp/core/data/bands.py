"""Names of bands as files of others give them, and their order from blue to red."""

import re
from collections.abc import Sequence

BROAD_BANDS_NM = {
    "fuv": 154, "nuv": 231, "u": 360, "b": 440, "g": 480, "v": 550, "vr": 626, "r": 630, "vis": 715, "i": 770,
    "z": 890, "y": 1010, "j": 1240, "h": 1650, "ks": 2150, "k": 2190, "ch1": 3550, "ch2": 4490, "ch3": 5730,
    "ch4": 7870, "w1": 3350, "w2": 4600, "w3": 11560, "w4": 22090,
}  # fmt: skip
"""Close enough to sort u to K of DECam, VISTA, Euclid, HSC, Pan-STARRS and SDSS; in nanometres."""

ROMAN_NM = {
    "R062": 620, "Z087": 870, "Y106": 1060, "J129": 1290, "W146": 1460, "H158": 1580, "F184": 1840,
    "K213": 2130,
}  # fmt: skip
WIDE_NM = {"F150W2": 1671, "F322W2": 3247, "F200LP": 497, "F350LP": 587, "F600LP": 747, "F850LP": 914}
"""Pivot wavelengths of filters so wide that their number is their edge, or that share it with another."""

# Filters whose number counts tens of nanometres; those of the other cameras of HST count nanometres.
NIRCAM_NIRISS = {
    "F070W", "F090W", "F115W", "F140M", "F150W", "F150W2", "F158M", "F162M", "F164N", "F182M", "F187N",
    "F200W", "F210M", "F212N", "F250M", "F277W", "F300M", "F322W2", "F323N", "F335M", "F356W", "F360M",
    "F380M", "F405N", "F410M", "F430M", "F444W", "F460M", "F466N", "F470N", "F480M",
}  # fmt: skip
MIRI = {
    "F560W", "F770W", "F1000W", "F1130W", "F1280W", "F1500W", "F1800W", "F2100W", "F2550W", "F1065C",
    "F1140C", "F1550C", "F2300C",
}  # fmt: skip
NICMOS = {
    "F200N", "F204M", "F205W", "F207M", "F212N", "F215N", "F216N", "F222M", "F237M", "F240M",
}  # fmt: skip
# Filters of HST in the far ultraviolet, whose numbers below 200 count nanometres all the same.
FAR_ULTRAVIOLET = {
    "F115LP", "F122M", "F125LP", "F140LP", "F150LP", "F165LP", "F160BW", "F170W", "F185W",
}  # fmt: skip
OF_TWO_TELESCOPES = {"F410M"}  # 411 nm on HST, 4.1 micrometres on JWST
TENS_BELOW = 200

SPACE_FILTER = re.compile(r"(?<![A-Z0-9])FQ?(\d{3,4})[A-Z]{0,2}\d?(?![A-Z0-9])", re.IGNORECASE)
NARROW_BAND = re.compile(r"(?:NB|IB|IA|N)0?(\d{3})", re.IGNORECASE)
KNOWN_BAND = re.compile(
    r"(?<![A-Za-z0-9])([ugrizyUBVGRIZYJHK]|Ks|VR|VIS|vis|[Ff]Q?\d{3,4}[A-Za-z]{1,2}\d?|"
    r"F(?:062|087|106|129|146|158|184|213)|" + "|".join(ROMAN_NM) + r")(?![A-Za-z0-9])"
)


def wavelength_nm(name: str, *, beside: Sequence[str] = ()) -> float | None:
    """Return about the pivot wavelength of a band in nanometres, or None for a name that says nothing.

    Parameters
    ----------
    name
        A letter, a filter of HST, JWST, Euclid or Roman, or either with a survey or instrument before it:
        "g", "HSC-G", "NIR_H", "F444W", "NIRCAM_F444W", "J129".
    beside
        The other bands, which tell to which telescope a name that two of them use belongs.

    References
    ----------
    HST: WFC3 and ACS instrument handbooks; JWST: user documentation of NIRCam, NIRISS and MIRI; Roman: WFI
    reference information; Euclid: Euclid Collaboration 2025, A&A 697, A1 to A3; others: SVO filter profile
    service.
    """
    if match := SPACE_FILTER.search(name):
        return _of_space_filter(match[0].upper(), int(match[1]), beside)
    for word in reversed([part for part in re.split(r"[^A-Za-z0-9']+", name) if part]):
        if word.upper() in ROMAN_NM:
            return ROMAN_NM[word.upper()]
        for letter in (word.lower(), word.lower().rstrip("'234p")):  # g', i2 and y4, gp: editions of a filter
            if letter in BROAD_BANDS_NM:
                return BROAD_BANDS_NM[letter]
        if match := NARROW_BAND.fullmatch(word):
            return int(match[1]) * 10 if int(match[1]) < TENS_BELOW else int(match[1])
    return None


def _of_space_filter(name: str, number: int, beside: Sequence[str]) -> float:
    if name in WIDE_NM:
        return WIDE_NM[name]
    if name in OF_TWO_TELESCOPES:
        spaceborne = {match[0].upper() for other in beside for match in SPACE_FILTER.finditer(other)}
        others = spaceborne - OF_TWO_TELESCOPES
        with_jwst = not others or not others.isdisjoint(NIRCAM_NIRISS | MIRI)  # or none of them is of HST
        return number * 10 if with_jwst else number
    in_tens = name in NIRCAM_NIRISS | MIRI | NICMOS or name[1:].isdigit()  # digits alone: Roman
    if in_tens or (number < TENS_BELOW and name not in FAR_ULTRAVIOLET):
        return number * 10
    return number


def wavelength_order(bands: Sequence[str]) -> list[int]:
    """Return the indices of the bands from blue to red; with an unknown name they keep the order given."""
    indices = list(range(len(bands)))
    wavelengths = [wavelength_nm(name, beside=bands) for name in bands]
    known = [wavelength for wavelength in wavelengths if wavelength is not None]
    return sorted(indices, key=known.__getitem__) if len(known) == len(bands) else indices


def short_band(text: str) -> str:
    """Return the band in what a header says of its filter: "g DECam SDSS c0001 4720.0 1520.0" is "g"."""
    text = text.strip()
    if match := SPACE_FILTER.search(text):
        return match[0] if len(match[0]) > 4 else text
    head, *rest = re.split(r"[\s.;,]+", text)
    others = [word for word in rest if word.lower() in BROAD_BANDS_NM]
    return head if head.lower() in BROAD_BANDS_NM and rest and not others else text
