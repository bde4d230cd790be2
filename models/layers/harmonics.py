"""Circular harmonics: kernels that can be rotated by any angle without interpolation.

References
----------
Weiler and Cesa 2019, "General E(2)-equivariant steerable CNNs"; Weiler, Hamprecht and Storath 2018,
"Learning steerable filters for rotation equivariant CNNs" (rings with a limit on their frequencies).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RING_WIDTH_PIXELS = 0.6
Pixels = NDArray[np.float64]
Values = NDArray[np.float32]


@lru_cache
def rotated_harmonics(side: int, rotations: int) -> Values:
    """Return Gaussian rings times circular harmonics, rotated by multiples of 360° / rotations.

    A ring of radius r takes frequencies up to 2r, since higher ones alias on the pixels; all but
    frequency 0 vanish at the centre, where they have no direction.

    Returns
    -------
    float32, shape (rotations, harmonics, side²)
    """
    centre = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - centre
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    steps = 2 * np.pi * np.arange(rotations)[:, None, None] / rotations
    rings = []
    for ring in range(int(centre) + 1):
        envelope = np.exp(-((radius - ring) ** 2) / (2 * RING_WIDTH_PIXELS**2)) * (radius < centre + 0.5)
        rings.append(np.repeat(envelope[None], rotations, axis=0))
        for frequency in range(1, min(2 * ring, rotations) + 1):
            even, odd = wave_pair(envelope * (radius > 0), radius, angle, frequency)
            cosine, sine = np.cos(frequency * steps), np.sin(frequency * steps)
            rings += [even * cosine + odd * sine, odd * cosine - even * sine]
    basis = np.stack(rings, axis=1)
    basis /= np.sqrt((basis**2).sum(axis=(0, 2, 3)) / rotations)[None, :, None, None]
    return basis.reshape(rotations, len(rings), side * side).astype(np.float32)


def wave_pair(amplitude: Pixels, radius: Pixels, angle: Pixels, frequency: int) -> tuple[Pixels, Pixels]:
    """Return the cosine and sine of a frequency on a ring, so that smooth images see them as equals.

    Square pixels take frequencies m and |m - 4| for one another, and weigh the cosine of frequency 2, on
    the axes, less than its sine, on the diagonals. What an image that is a polynomial of degree |m - 4|
    would see is taken out, and both are made to see one of degree 2 equally.
    """
    pair = []
    alias = abs(frequency - 4)
    for wave in (np.cos, np.sin):
        values = amplitude * wave(frequency * angle)
        if frequency > 2:
            for low in (np.cos, np.sin) if alias else (np.cos,):
                seen = radius**alias * low(alias * angle)
                values -= (
                    amplitude
                    * low(alias * angle)
                    * (values * seen).sum()
                    / (amplitude * low(alias * angle) * seen).sum()
                )
        pair.append(values)
    if frequency == 2:
        seen = radius**2
        pair[1] *= (pair[0] * seen * np.cos(2 * angle)).sum() / (pair[1] * seen * np.sin(2 * angle)).sum()
    return pair[0], pair[1]
