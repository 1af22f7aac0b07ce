"""The tables of `tables` and the ranges of `ranges` in plain NumPy.

They cost some fifty microseconds more and nothing has to be compiled for them: large models do not feel the first and are
spared the second. The same arguments, the same meaning; a last bit may differ.
"""

import math

import numpy as np

from refvi.fast.doubling import choice_products, subset_products
from refvi.fast.layout import LANE_BITS, LANES

LN2 = math.log(2.0)
LINE = 8  # doubles in a cache line


def measure_visibles(W, b, high, low, shift, half):
    """As `ranges.measure_visibles`."""
    below, above = np.minimum(W, 0.0), np.maximum(W, 0.0)
    inner = np.arange(W.shape[1]) - high
    inner = (inner >= 0) & (inner < low)
    u_min, u_max = below[:, ~inner].sum(axis=1), above[:, ~inner].sum(axis=1)
    v_min, v_max = b + below[:, inner].sum(axis=1), b + above[:, inner].sum(axis=1)
    bottom, top = np.maximum(u_min, -v_max), np.maximum(u_max, -v_min) + LN2
    D, steps = len(b), np.rint(0.5 * (bottom + top) / LN2)
    centre = steps * LN2
    shift[:D] = steps
    half[:D] = np.maximum(top - centre, centre - bottom)
    spread = u_max - u_min, v_max - v_min, np.abs(b), centre - u_min, centre + v_max
    return max(0.0, *(float(part.max()) for part in spread))


def tile_table(W, b, high, low, shift):
    """As `tables.tile_table`."""
    D, visibles = len(b), len(shift)
    factors = np.ones((low, visibles))
    factors[:, :D] = np.exp(-W[:, high : high + low].T)
    first = np.ones(visibles)
    first[:D] = np.ldexp(np.exp(-b), -shift[:D])
    tile = subset_products(first, factors[:LANE_BITS]).T
    table = aligned(visibles << low)
    subset_products(tile, factors[LANE_BITS:, :, None], table.reshape(-1, visibles, LANES))
    return table


def top_table(W, high, low, shift, state):
    """As `tables.top_table`."""
    D, visibles = len(W), len(shift)
    first, factors = np.zeros(visibles), np.ones((high, visibles))
    factors[:, :D] = np.exp(W[:, :high].T)
    value, rest = _top_logits(W[:, high + low :], state)
    first[:D] = np.ldexp(np.exp(value) * (1.0 + rest), -shift[:D])
    return subset_products(first, factors, aligned(visibles << high).reshape(-1, visibles))


def _top_logits(W, state):
    """Share of the top bits in each logit, as value and remainder: (D,) each."""
    rows = [row[(state >> np.arange(W.shape[1])) & 1 == 1].tolist() for row in W]
    values = [math.fsum(row) for row in rows]
    rests = [math.fsum([*row, -value]) for row, value in zip(rows, values)]
    return np.array(values), np.array(rests)


def data_tables(x, W, b, c, high, low):
    """As `tables.data_tables`."""
    less = np.zeros((len(b), len(c) + 1))
    less[:, high : high + low] = less[:, -1] = 1.0
    choices, shares = choice_factors(x, W, b, c, less)
    cuts = slice(0, high), slice(high, high + low), slice(high + low, len(c))
    S, T, R = (choice_products(choices[:, cut]) for cut in cuts)
    values = [math.fsum(row) for row in shares]
    rests = [math.fsum([*row, -value]) for row, value in zip(shares, values)]
    return S, T, R, np.column_stack([values, rests])


def choice_factors(x, W, b, c, less):
    """Factors of the two choices of every bit, the larger one 1, and what they leave of the log evidence.

    Formula     s_k = c_k + sum_d (x_d - less_dk) W_dk;  off, on = exp(-max(s_k, 0)), exp(min(s_k, 0))
                left = sum_k max(s_k, 0) + sum_d (x_d - less_dK) b_d - sum_k log(1 + exp(c_k))
    Shapes      x (B, D), W (D, K), b (D,), c (K,), less (D, K + 1) of zeros and ones -> (B, K + 1, 2), the last one of
                no choice; for each datum the numbers whose sum is left
    Stability   the sums lose nothing: parameters are cut into parts whose sums are exact, and remainders
    Checked by  tests/fast/test_tables.py
    """
    given = np.zeros((len(b) + 1, len(c) + 1))
    given[:-1, :-1], given[:-1, -1], given[-1, :-1] = W, b, c
    coarse = math.ldexp(1.0, math.frexp(float(np.abs(given).max()) * len(given))[1] + 1)
    head = (given + coarse) - coarse
    value, rest = (
        np.einsum("bd,dk->bk", x, part[:-1]) - (less * part[:-1]).sum(axis=0) + part[-1]
        for part in (head, given - head)
    )
    value, rest = _two_sum(value, rest)
    larger = value > 0.0
    down = np.where(larger, -1.0, 1.0)
    smaller = np.exp(down * value) * (1.0 + down * rest)
    choices = np.stack([np.where(larger, smaller, 1.0), np.where(larger, 1.0, smaller)], axis=-1)
    choices[:, -1], larger[:, -1] = 1.0, True  # the biases of the visibles are no choice
    shares = np.concatenate([value * larger, rest * larger], axis=1)
    common = [t for v in c.tolist() for t in (min(-v, 0.0), -math.log1p(math.exp(-abs(v))))]
    return choices, [[*row, *common] for row in shares.tolist()]


def _two_sum(a, b):
    """As `compiled.two_sum`."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def aligned(size):
    """Uninitialised float64 array whose first element starts a cache line."""
    buffer = np.empty(size + LINE)
    start = -(buffer.ctypes.data // buffer.itemsize) % LINE
    return buffer[start : start + size]
