"""Figures as text has them: so many decimals, with a true minus; scores as every page writes them."""

MOST_DECIMALS = 7  # of single precision near 1


def true_minus(text: str) -> str:
    """Return a number in text with the sign of minus in the place of hyphens."""
    return text.replace("-", "−")


def spaced_minus(text: str) -> str:
    """Return words with the sign of minus in the place of hyphens between two spaces, as in colour g - r."""
    return text.replace(" - ", " − ")


def fixed(value: float, digits: int = 2) -> str:
    """Return a figure with so many decimals and a true minus; what rounds to 0 has none."""
    return true_minus(f"{value:z.{digits}f}")


def significant(value: float, digits: int) -> str:
    """Return a figure with so many digits, zeros at its end too: 1.60, 0.0919, 100."""
    return true_minus(f"{value:#.{digits}g}".removesuffix("."))


def score_text(score: float) -> str:
    """Return a score with 3 decimals, and where these say 0 or 1 two digits of the distance: 0.500, 0.99988.

    What single precision no longer tells from 0 or 1 is written 0.000 or 1.000.
    """
    if round(score, 3) not in (0, 1) or round(score, MOST_DECIMALS) in (0, 1):
        return f"{score:.3f}"
    exponent = f"{min(score, 1 - score):.1e}".partition("e")[2]
    return f"{score:.{min(1 - int(exponent), MOST_DECIMALS)}f}"


def ascii_signs(text: str) -> str:
    """Return a sentence with its signs as ASCII has them, as in 32x32 for 32×32; letters stay as they are."""
    return text.replace(" · ", ", ").translate(_ASCII_SIGNS)


_ASCII_SIGNS = str.maketrans(
    {"×": "x", "−": "-", "–": "-", "″": " arcsec", "′": " arcmin", "°": " deg", "±": "+/-", "≥": ">=",
     "≤": "<=", "≈": "about ", "→": "->", "…": "...", "“": '"', "”": '"', "’": "'",
     "\u202f": " ", "\u2009": " ", "\xa0": " "}
)  # fmt: skip
