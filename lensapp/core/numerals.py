"""Figures as text has them: so many decimals, with a true minus."""


def true_minus(text: str) -> str:
    """Return a number in text with the sign of minus in the place of hyphens."""
    return text.replace("-", "−")


def fixed(value: float, digits: int = 2) -> str:
    """Return a figure with so many decimals and a true minus; what rounds to 0 has none."""
    return true_minus(f"{value:z.{digits}f}")
