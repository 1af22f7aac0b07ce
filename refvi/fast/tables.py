"""The tables that the kernels multiply, built by doubling: D K exponentials serve 2^K states.

p(x, h) = exp(offset) S_i T_j R_t / prod_d (A_id + C_jd), where S, T and R hold the factor of each set bit,
exp(c_k + sum_d x_d W_dk) for high and top bits and exp(c_k + sum_d (x_d - 1) W_dk) for low bits. Of the two
choices of a bit the larger one counts 1, so that the largest entry of S, T and R is 1 and nothing overflows.
The exponents are sums of many numbers and lose digits where weights are large; they are summed with
compensation.
"""

import math

import numpy as np

from refvi.fast.compiled import aligned, exact, two_sum
from refvi.fast.layout import LANES


@exact
def high_table(W, high, shift, top_logits, A):
    """Factors of the high bits, and of the top bits that are held fixed.

    Formula     A[i, d] = exp(top_d + sum_k h_k W_dk) 2^-shift_d over the bits k < high of i; zero from D on
    Shapes      W (D, K), shift (Dp,), top_logits (D, 2) as value and remainder -> A (2^high, Dp)
    Checked by  tests/fast/test_tables.py
    """
    D = W.shape[0]
    factor = np.zeros(A.shape[1])
    A[0] = 0.0
    for d in range(D):
        value, rest = top_logits[d]
        A[0, d] = math.ldexp(math.exp(value) * (1.0 + rest), -shift[d])
    for k in range(high):
        size = 1 << k
        for d in range(D):
            factor[d] = math.exp(W[d, k])
        for i in range(size):
            for d in range(A.shape[1]):
                A[size + i, d] = A[i, d] * factor[d]


@exact
def low_table(W, b, high, low, shift, C):
    """Factors of the low bits, in tiles of lanes.

    Formula     C[(tile * Dp + d) * LANES + lane] = exp(-b_d - sum_k h_k W_d,high+k) 2^-shift_d
                over the bits of j = tile * LANES + lane; one from D on
    Shapes      W (D, K), b (D,), shift (Dp,) -> C (2^low Dp,)
    Checked by  tests/fast/test_tables.py
    """
    D, visibles = W.shape[0], shift.size
    row = visibles * LANES
    C[:row] = 1.0
    for d in range(D):
        C[d * LANES] = math.ldexp(math.exp(-b[d]), -shift[d])
    for k in range(low):
        size = 1 << k
        if size < LANES:
            for d in range(D):
                _scale_copy(C, d * LANES, size, math.exp(-W[d, high + k]))
            continue
        tiles = size // LANES
        for d in range(visibles):
            factor = math.exp(-W[d, high + k]) if d < D else 1.0
            for tile in range(tiles):
                source, target = tile * row + d * LANES, (tiles + tile) * row + d * LANES
                for lane in range(LANES):
                    C[target + lane] = C[source + lane] * factor


@exact
def _scale_copy(table, start, size, factor):
    for q in range(size):
        table[start + size + q] = table[start + q] * factor


@exact
def datum_tables(x, W, b, c, high, low, S, T, R):
    """State factors of one datum; returns the offset as value and remainder.

    Formula     S[i] T[j] R[t] exp(offset) = p(h) exp(sum_d x_d l_d - v_jd),  max S = max T = max R = 1
                offset = sum_d (x_d - 1) b_d - sum_k log(1 + exp(c_k)) + sum_k max(s_k, 0)
    Shapes      x (D,), W (D, K), b (D,), c (K,) -> S (2^high,), T (2^low,), R (2^top,)
    Checked by  tests/fast/test_tables.py
    """
    D, K = W.shape
    offset, carry = 0.0, 0.0
    S[0] = T[0] = R[0] = 1.0
    for d in range(D):
        offset, rest = two_sum(offset, (x[d] - 1.0) * b[d])
        carry += rest
    for k in range(K):
        is_low = high <= k < high + low
        value, remainder = log_factor(x, W, c, k, is_low)
        off, on = 1.0, 1.0
        if value > 0.0:
            off = math.exp(-value) * (1.0 - remainder)
            offset, rest = two_sum(offset, value)
            carry += rest + remainder
        else:
            on = math.exp(value) * (1.0 + remainder)
        offset, rest = two_sum(offset, -max(c[k], 0.0))
        carry += rest
        offset, rest = two_sum(offset, -math.log1p(math.exp(-abs(c[k]))))
        carry += rest
        if is_low:
            _choose(T, 1 << (k - high), off, on)
        elif k < high:
            _choose(S, 1 << k, off, on)
        else:
            _choose(R, 1 << (k - high - low), off, on)
    return two_sum(offset, carry)


@exact
def log_factor(x, W, c, k, is_low):
    """Logarithm of the factor of bit k, as value and remainder."""
    value, remainder = c[k], 0.0
    for d in range(W.shape[0]):
        value, rest = two_sum(value, (x[d] - 1.0 if is_low else x[d]) * W[d, k])
        remainder += rest
    return two_sum(value, remainder)


@exact
def _choose(table, size, off, on):
    for q in range(size):
        table[size + q] = table[q] * on
        table[q] *= off


@exact
def top_logits(W, first, state, logits):
    """Share of the top bits in each logit, as value and remainder: logits (D, 2)."""
    for d in range(W.shape[0]):
        value, remainder = 0.0, 0.0
        for k in range(first, W.shape[1]):
            if (state >> (k - first)) & 1:
                value, rest = two_sum(value, W[d, k])
                remainder += rest
        logits[d, 0], logits[d, 1] = two_sum(value, remainder)


@exact
def top_table(W, high, low, shift, state):
    """A (2^high, Dp) for one state of the top bits."""
    logits = np.empty((W.shape[0], 2))
    top_logits(W, high + low, state, logits)
    A = aligned((1 << high) * shift.size).reshape((1 << high, shift.size))
    high_table(W, high, shift, logits, A)
    return A


@exact
def tile_table(W, b, high, low, shift):
    """C (2^low Dp,)."""
    C = aligned((1 << low) * shift.size)
    low_table(W, b, high, low, shift, C)
    return C


@exact
def data_tables(x, W, b, c, high, low):
    """S (B, I), T (B, J), R (B, 2^top) and offsets (B, 2) of all data."""
    B, top = x.shape[0], W.shape[1] - high - low
    S, T, R = np.empty((B, 1 << high)), np.empty((B, 1 << low)), np.empty((B, 1 << top))
    offset = np.empty((B, 2))
    for q in range(B):
        offset[q, 0], offset[q, 1] = datum_tables(x[q], W, b, c, high, low, S[q], T[q], R[q])
    return S, T, R, offset
