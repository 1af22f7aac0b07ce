"""Which arithmetic a model allows: a rigorous bound of every product that the kernels form.

With u_id the share of the high bits in logit d and v_jd that of the low bits and the bias, 1 + exp(u + v) =
exp(v + m_d) (A_id + C_jd), A = exp(u - m_d), C = exp(-v - m_d). The centre m_d = n_d log 2 makes the factor's
logarithm symmetric, |log(A + C)| <= half_d, and costs no rounding, as a power of two. The extremes of u and v
are sums of negative or of positive weights: no table is visited.
"""

import math
from enum import Enum

import numpy as np

from refvi.fast.compiled import exact

LIMIT = 700.0  # exp(700) and exp(-700) are normal numbers, with 9 to spare for rounding
CHUNK = 600.0  # a mantissa in [1, 2) times a product within exp(+-600) stays normal
LN2 = math.log(2.0)


class Route(Enum):
    """The arithmetic of a model.

    NARROW      products of four states fit: on a device, where divisions are dear, one serves four states
    PAIR        products of two states fit
    WIDE        exponents are moved into integers after every chunk of visibles
    LOG         logarithms throughout
    """

    NARROW = "narrow"
    PAIR = "pair"
    WIDE = "wide"
    LOG = "log"


@exact
def measure_visibles(W, b, high, low, shift, half):
    """Centre and half-range of every visible; returns the largest exponent that a table has to hold.

    Formula     half_d >= |log(A_id + C_jd)| for all i, j, with m_d = shift_d log 2
    Shapes      W (D, K), b (D,) -> shift (Dp,), half (Dp,) with zeros from D on
    Checked by  tests/fast/test_ranges.py
    """
    D, K = W.shape
    reach = 0.0
    for d in range(D):
        u_min = u_max = 0.0
        v_min = v_max = b[d]
        for k in range(K):
            below, above = min(W[d, k], 0.0), max(W[d, k], 0.0)
            if high <= k < high + low:
                v_min += below
                v_max += above
            else:
                u_min += below
                u_max += above
        bottom, top = max(u_min, -v_max), max(u_max, -v_min) + LN2
        shift[d] = round(0.5 * (bottom + top) / LN2)
        centre = shift[d] * LN2
        half[d] = max(top - centre, centre - bottom)
        reach = max(reach, u_max - u_min, v_max - v_min, abs(b[d]), centre - u_min, centre + v_max)
    return reach


def choose_route(half, reach):
    """The fastest arithmetic in which no product overflows and no term that matters underflows.

    Formula     NARROW  4 sum_d half_d <= 700
                PAIR    2 sum_d half_d <= 600
                WIDE    sum of half over each four visibles that are multiplied together <= 600
    Stability   a state whose S T / product underflows weighs less than exp(-700 + 350) of the largest one in
                NARROW, less than exp(-700 + 600) in PAIR; 2^40 of them are below exp(-72)
    Checked by  tests/fast/test_ranges.py
    """
    if not reach <= LIMIT:
        return Route.LOG
    if 4.0 * half.sum() <= LIMIT:
        return Route.NARROW
    if 2.0 * half.sum() <= CHUNK:
        return Route.PAIR
    if half.reshape(-1, 4).sum(axis=1).max() <= CHUNK:
        return Route.WIDE
    return Route.LOG


def least_scale(half):
    """Smallest factor s by which two products may be divided: exp(2 sum_d half_d) / s^2 <= exp(700).

    Checked by  tests/fast/test_ranges.py
    """
    return math.exp(half.sum() - 0.5 * LIMIT)


def chunk_ends(half):
    """Where the wide kernel has to move exponents: ends of runs of visibles with sum of half <= 600.

    Shapes      half (Dp,) -> (chunks,) int64, multiples of 4, the last one Dp
    Checked by  tests/fast/test_ranges.py
    """
    ends, run = [], 0.0
    for group, size in enumerate(half.reshape(-1, 4).sum(axis=1)):
        if run + size > CHUNK:
            ends.append(4 * group)
            run = 0.0
        run += size
    return np.array([*ends, half.size], dtype=np.int64)
