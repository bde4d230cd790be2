"""Compare a simulated survey with real lens galaxies of that survey, quantile by quantile and by eye.

Run as `python docs/make_realism.py FOLDER [--out docs/realism.md]`; FOLDER holds `sled_ps1` and
`sled_ps1_fields`, real Pan-STARRS1 stacks of lens systems. One measuring code reads both.
"""

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
Values = NDArray[np.float64]
