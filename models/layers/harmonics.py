"""Circular harmonics: kernels that can be turned by any angle without interpolation.

References
----------
Weiler and Cesa 2019, "General E(2)-equivariant steerable CNNs"; Weiler, Hamprecht and Storath 2018,
"Learning steerable filters for rotation equivariant CNNs" (rings with a limit on their frequencies).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RING_WIDTH_PIXELS = 0.6
Values = NDArray[np.float32]


@lru_cache
def turned_harmonics(side: int, turns: int) -> Values:
    """Return Gaussian rings times circular harmonics, turned by multiples of 360° / turns.

    A ring of radius r takes frequencies up to 2r, since higher ones alias on the pixels; all but
    frequency 0 vanish at the centre, where they have no direction.

    Returns
    -------
    float32, shape (turns, harmonics, side²)
    """
    centre = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - centre
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    steps = 2 * np.pi * np.arange(turns)[:, None, None] / turns
    rings = []
    for ring in range(int(centre) + 1):
        envelope = np.exp(-((radius - ring) ** 2) / (2 * RING_WIDTH_PIXELS**2)) * (radius < centre + 0.5)
        for frequency in range(min(2 * ring, turns) + 1):
            amplitude = envelope * (radius > 0) if frequency else envelope
            phase = frequency * (angle - steps)
            rings += [amplitude * np.cos(phase), amplitude * np.sin(phase)][: 2 if frequency else 1]
    basis = np.stack(rings, axis=1)
    basis /= np.sqrt((basis[0] ** 2).sum(axis=(1, 2)))[None, :, None, None]
    return basis.reshape(turns, len(rings), side * side).astype(np.float32)
