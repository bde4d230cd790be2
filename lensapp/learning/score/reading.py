"""Read cutouts while others are computed."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Span = TypeVar("Span")


def read_ahead(
    pieces: Iterable[Span], read: Callable[[Span], NDArray[np.float32]]
) -> Iterator[tuple[Span, NDArray[np.float32]]]:
    """Yield each piece and its pixels, reading the next one meanwhile."""
    following = iter(pieces)
    with ThreadPoolExecutor(1) as reader:
        coming = [(piece, reader.submit(read, piece)) for piece in islice(following, 1)]
        while coming:
            piece, pixels = coming.pop()
            ready = pixels.result()
            coming += [(follower, reader.submit(read, follower)) for follower in islice(following, 1)]
            yield piece, ready


def spans(count: int, size: int) -> list[NDArray[np.int64]]:
    """Cut the numbers 0 … count - 1 into spans of at most `size`."""
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
