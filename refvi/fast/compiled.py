"""The two decorators of the compiled code, and the storage that its inner loops want.

`compiled` lets the compiler reorder additions, which is what turns a sum over lanes into vector instructions;
it does not let it assume that NaN or infinity never occur. `exact` keeps every operation as written, for
compensated sums. The flags belong to each instruction, so that an `exact` function stays exact when it is
inlined. `merged` is `compiled` for a part of a loop that keeps vectors in registers: a call would put them into
memory. Importing this module imports Numba: only modules that need compiled code may import it, and they are
imported when first used.
"""

from functools import partial

import numpy as np

from refvi.targets.cache import compiled as cached_njit

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
