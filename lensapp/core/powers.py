"""Powers of ten as text has them: 2 × 10⁻⁴."""

import re

SUPERSCRIPTS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_TO_SUPERSCRIPTS = str.maketrans("-0123456789", SUPERSCRIPTS)
_FROM_SUPERSCRIPTS = str.maketrans(SUPERSCRIPTS, "-0123456789")
_POWER = re.compile(rf"(?:([\d.]+)\s*[×x]\s*)?10([{SUPERSCRIPTS}]+)")


def superscript(value: int) -> str:
    """Return a whole number as an exponent is written."""
    return str(value).translate(_TO_SUPERSCRIPTS)


def scientific(mantissa: str, exponent: int) -> str:
    """Return a number as 10⁻⁵, or as 2 × 10⁻⁵ where its mantissa is not 1."""
    power = f"10{superscript(exponent)}"
    return power if mantissa == "1" else f"{mantissa} × {power}"


def without_power(text: str) -> str:
    """Return what `scientific` wrote as Python reads it, 2e-5, and other texts without their margins."""
    power = _POWER.fullmatch(text.strip())
    return f"{power[1] or 1}e{power[2].translate(_FROM_SUPERSCRIPTS)}" if power else text.strip()
