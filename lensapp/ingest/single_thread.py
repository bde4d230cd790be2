"""Import this before NumPy in a process that shares the processors with others like it.

The matrices of the import are so small that threads of the linear algebra library only wait for each
other: two processes with two threads each take nearly twice the processor time.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
