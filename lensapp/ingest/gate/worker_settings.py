"""Import this before NumPy in a process that does nothing but read cutouts: it sets threads and memory.

The matrices of the import are so small that threads of the linear algebra library only wait for each
other. And glibc returns freed memory to the system at once, so that each new image of 40 kB costs ten
page faults, five times the time of its copy: here freed memory is kept.
"""

import contextlib
import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
KEPT_BYTES = 64 * 2**20
MAPPED_FROM_BYTES = 16 * 2**20

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
# Arrow's own allocator reserves 1 GiB at once, which counts as memory of a process that has a limit.
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"

# Another C library needs other settings, or none.
with contextlib.suppress(AttributeError, OSError, TypeError):
    _libc = ctypes.CDLL(None)
    _libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    _libc.mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
