"""The two decorators of the compiled code, and the storage that its inner loops want.

`compiled` lets the compiler reorder additions, which is what turns a sum over lanes into vector instructions;
it does not let it assume that NaN or infinity never occur. `exact` keeps every operation as written, for
compensated sums. The flags belong to each instruction, so that an `exact` function stays exact when it is
inlined. `merged` is `compiled` for a part of a loop that keeps vectors in registers: a call would put them into
memory. Importing this module imports Numba: only modules that need compiled code may import it, and they are
imported when first used.
"""

import importlib
from functools import partial

import numpy as np
from numba.np import linalg

from refvi.targets.cache import compiled as cached_njit


def load_without_scipy():
    """Load Numba's arrays and leave SciPy, a third of the time, to the first matrix product that is compiled or called.

    Numba asks for SciPy's BLAS twice: when its arrays are loaded, to know that it is there, and when it is needed.
    """
    ensure_blas, linalg.ensure_blas = linalg.ensure_blas, lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = ensure_blas


load_without_scipy()

exact = partial(cached_njit, boundscheck=False)
compiled = partial(cached_njit, boundscheck=False, fastmath={"reassoc", "contract", "nsz"})
merged = partial(compiled, forceinline=True)


@exact
def aligned(size):
    """Uninitialised float64 array whose first element starts a cache line."""
    buffer = np.empty(size + 8)
    start = (-(buffer.ctypes.data // 8)) % 8
    return buffer[start : start + size]


@exact
def two_sum(a, b):
    """Sum and its rounding error: a + b = total + error exactly (Knuth)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)
