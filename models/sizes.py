"""How small a cutout may be for layers that shrink it."""

import math
from collections.abc import Sequence

Step = tuple[int, int]
"""Side of a kernel or pooling window in pixels, and its stride."""


def smallest_unpadded(steps: Sequence[Step]) -> int:
    """Return the side in pixels of which unpadded `steps`, in order, leave one pixel."""
    side = 1
    for kernel, stride in reversed(steps):
        side = (side - 1) * stride + kernel
    return side


def smallest_padded(steps: Sequence[Step]) -> int:
    """Return the smallest side in pixels that each stride of `steps` can still divide."""
    return math.prod(stride for _, stride in steps)


def smallest_side(padding: str, steps: Sequence[Step]) -> int:
    """Return the smallest side in pixels for `padding` "valid", "same", or "auto", which takes either."""
    return smallest_unpadded(steps) if padding == "valid" else smallest_padded(steps)


def choose_padding(padding: str, steps: Sequence[Step], *, side: int) -> str:
    """Return `padding`, or for "auto" "valid" wherever cutouts of `side` pixels are large enough for it."""
    if padding != "auto":
        return padding
    return "valid" if side >= smallest_unpadded(steps) else "same"
