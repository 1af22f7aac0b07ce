"""State factors whose exponents are kept as integers, for the wide kernels.

The same S, T and R as in `tables`, each entry a mantissa times a power of two: exponents add in integers,
without rounding and without end, so that no choice of a bit has to be scaled away.
"""

import math

import numpy as np

from refvi.fast.compiled import exact, two_sum
from refvi.fast.tables import log_factor

LN2_HIGH = 6.93147180369123816490e-01  # 33 bits: times an integer below 2^20 it is exact
LN2_LOW = 1.90821492927058770002e-10


@exact
def wide_factor(value, remainder):
    """Mantissa and exponent of exp(value + remainder): (m, e) with exp = m 2^e and m between 0.7 and 1.42."""
    exponent = round(value / math.log(2.0))
    rest, error = two_sum(value, -exponent * LN2_HIGH)
    rest, more = two_sum(rest, -exponent * LN2_LOW)
    return math.exp(rest) * (1.0 + (error + more + remainder)), np.int64(exponent)


@exact
def wide_datum_tables(x, W, b, c, high, low, mantissas, exponents):
    """State factors of one datum as mantissas and exponents, and the offset as value and remainder.

    Formula     m 2^e of S, T or R at a state = product of exp(s_k) over its set bits
                offset = sum_d (x_d - 1) b_d - sum_k log(1 + exp(c_k))
    Shapes      mantissas, exponents: three arrays each, (2^high,), (2^low,), (2^top,)
    Checked by  tests/fast/test_tables.py
    """
    K = W.shape[1]
    offset, carry = 0.0, 0.0
    for part in range(3):
        mantissas[part][0] = 1.0
        exponents[part][0] = 0
    for d in range(b.size):
        offset, rest = two_sum(offset, (x[d] - 1.0) * b[d])
        carry += rest
    for k in range(K):
        part = 0 if k < high else (1 if k < high + low else 2)
        value, remainder = log_factor(x, W, c, k, part == 1)
        mantissa, exponent = wide_factor(value, remainder)
        size = 1 << (k - (0 if part == 0 else (high if part == 1 else high + low)))
        for q in range(size):
            mantissas[part][size + q] = mantissas[part][q] * mantissa
            exponents[part][size + q] = exponents[part][q] + exponent
        offset, rest = two_sum(offset, -max(c[k], 0.0))
        carry += rest
        offset, rest = two_sum(offset, -math.log1p(math.exp(-abs(c[k]))))
        carry += rest
    return two_sum(offset, carry)


@exact
def wide_data_tables(x, W, b, c, high, low):
    """Mantissas and exponents of S, T and R, each (B, states), and offsets (B, 2)."""
    B, top = x.shape[0], W.shape[1] - high - low
    S, T, R = np.empty((B, 1 << high)), np.empty((B, 1 << low)), np.empty((B, 1 << top))
    Se, Te = np.empty(S.shape, np.int64), np.empty(T.shape, np.int64)
    Re, offset = np.empty(R.shape, np.int64), np.empty((B, 2))
    for q in range(B):
        mantissas, exponents = (S[q], T[q], R[q]), (Se[q], Te[q], Re[q])
        offset[q, 0], offset[q, 1] = wide_datum_tables(x[q], W, b, c, high, low, mantissas, exponents)
    return (S, T, R), (Se, Te, Re), offset
