"""A decoder in C that never comes back and takes no notice of signals, for the tests of the gate."""

from collections import deque
from itertools import repeat

from lensapp.ingest.gate.guards import reading


def doubled(number: int) -> int:
    """Return twice the number; of 2, never."""
    with reading("it cannot be decoded"):
        if number == 2:
            deque(repeat(None), maxlen=0)
    return 2 * number
