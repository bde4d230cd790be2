"""How many bins a histogram of scores has."""

import math

FEWEST, MOST = 10, 50


def bins_for(count: int) -> int:
    """Return how many bins a histogram of `count` scores has: few scores would be a comb in many."""
    return min(max(round(math.sqrt(count)), FEWEST), MOST)
