"""exp, log, tanh and softplus that the compiler turns into vector code, each with a stated error.

Numba calls the C library once per element for `math.exp`; a loop over these functions becomes vector instructions. The
functions are compiled without reassociation, because the splitting of ln 2 into two parts would not survive it; callers
that reduce may compile with it, the flags belong to each instruction. Finite arguments only: the flags promise the
compiler that there is no NaN and no infinity; `refvi.kernels.scalar` is the plain twin for everything else.

    function   domain             error against the exact value, in units in the last place
    exp        |x| <= 708         2.0 (clipped outside: the largest and smallest normal results)
    log        normal x > 0       1.0
    tanh       all finite x       2.5
    softplus   all finite x       2.5

Method      exp: x = n ln 2 + r, |r| <= ½ ln 2, a polynomial of degree 13 in r, n added to the exponent bits.
            log: x = 2^e m, m in [√½, √2), log m = 2 artanh(f/(2+f)), f = m - 1, in the form of fdlibm's e_log.c.
            tanh = e/(e+2), e = exp(2|x|) - 1 with the same reduction;  softplus = max(x, 0) + log1p(exp(-|x|)).
Source      Cody and Waite 1980, Software Manual for the Elementary Functions, chapters 6 and 13; fdlibm 5.3, e_log.c
Checked by  tests/fast/test_vector_math.py
"""

import math

import numpy as np
from numba import njit

FLAGS = {"contract", "nnan", "ninf", "nsz"}
OPTIONS = {"fastmath": FLAGS, "error_model": "numpy", "nogil": True}

INVERSE_LN_2 = 1.0 / math.log(2.0)
LN_2_HIGH = float.fromhex("0x1.62e42feep-1")  # 33 bits, so that n LN_2_HIGH is exact for |n| < 2^20
LN_2_LOW = 1.90821492927058770002e-10  # ln 2 - LN_2_HIGH

C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13 = (1.0 / math.factorial(n) for n in range(2, 14))
L1, L2, L3, L4, L5, L6, L7 = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


@njit(**OPTIONS)
def _reduced(x):
    """n and exp(r) - 1 for x = n ln 2 + r."""
    n = np.rint(x * INVERSE_LN_2)
    r = (x - n * LN_2_HIGH) - n * LN_2_LOW
    p = C13
    for c in (C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2):
        p = p * r + c
    return n, p * (r * r) + r


@njit(**OPTIONS)
def _power_of_two(n):
    return np.int64((np.int64(n) + 1023) << 52).view(np.float64)


@njit(**OPTIONS)
def exp(x):
    """e^x; clipped to [-708, 709]. Error at most 2 units in the last place."""
    n, q = _reduced(min(max(x, -708.0), 709.0))
    scale = _power_of_two(n)
    return scale + scale * q


@njit(**OPTIONS)
def log(x):
    """log x for normal x > 0. Error at most 1 unit in the last place."""
    bits = np.float64(x).view(np.int64)
    e = (bits - SQRT_HALF_BITS) >> 52
    f = np.int64(bits - (e << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = z * (L1 + w * (L3 + w * (L5 + w * L7)))
    even = w * (L2 + w * (L4 + w * L6))
    half = 0.5 * f * f
    n = np.float64(e)
    return n * LN_2_HIGH - ((half - (s * (half + odd + even) + n * LN_2_LOW)) - f)


@njit(**OPTIONS)
def tanh(x):
    """tanh x. Error at most 2.5 units in the last place."""
    n, q = _reduced(2.0 * min(math.fabs(x), 20.0))
    scale = _power_of_two(n)
    e = (scale - 1.0) + scale * q
    return math.copysign(e / (e + 2.0), x)


@njit(**OPTIONS)
def softplus(x):
    """log(1 + e^x). Error at most 2.5 units in the last place."""
    e = exp(-math.fabs(x))
    u = 1.0 + e
    return max(x, 0.0) + (log(u) + (e - (u - 1.0)) / u)


@njit(**OPTIONS)
def exp_all(x, out):
    """Elementwise exp of a view into another."""
    for i in range(x.size):
        out[i] = exp(x[i])


@njit(**OPTIONS)
def log_all(x, out):
    """Elementwise log of a view into another."""
    for i in range(x.size):
        out[i] = log(x[i])


@njit(**OPTIONS)
def tanh_all(x, out):
    """Elementwise tanh of a view into another."""
    for i in range(x.size):
        out[i] = tanh(x[i])


@njit(**OPTIONS)
def softplus_all(x, out):
    """Elementwise softplus of a view into another."""
    for i in range(x.size):
        out[i] = softplus(x[i])
