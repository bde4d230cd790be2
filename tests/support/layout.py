"""What of a page in a browser is cut off or stands out of line."""

from pathlib import Path

FAULTS = Path(__file__).with_suffix(".js").read_text("utf-8")
"""A function of a page that returns them, one text each."""
