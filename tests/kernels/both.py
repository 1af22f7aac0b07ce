"""A kernel as Python and as compiled code, side by side."""

import functools
import math
import struct

import numba

from refvi.kernels.portable import register_all


@functools.cache
def compiled(kernel):
    register_all()
    return numba.njit(error_model="numpy")(kernel)


def bits(x):
    """The bits of a float; every NaN alike."""
    return "nan" if math.isnan(x) else struct.pack(">d", x).hex()


def on_both(kernel, *arguments):
    """The kernel's value, after asserting that compiled code returns the same bits."""
    plain, fast = kernel(*arguments), compiled(kernel)(*arguments)
    assert bits(plain) == bits(fast), (kernel.__name__, arguments, plain, fast)
    return plain
