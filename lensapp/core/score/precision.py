"""How exactly networks are computed when a source is scored."""

from typing import Literal

Precision = Literal["auto", "float32", "fastest"]
"""float32; the fastest engine that finds the same lenses; or ("auto") that one for large sources only."""
