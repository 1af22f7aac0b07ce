"""Sums over the states with each bit set, from tables over half states: doubling backwards, compiled.

After `quotients`, A_id GA_id = sum_j w_ij sigmoid(l_ijd), and sum_i w_ij sigmoid(l_ijd) = Wj - C_jd GC_jd.
Adding the upper half of a table to the lower half removes its highest bit, and the sum of the upper half is
the sum over the states with that bit set.
"""

import numpy as np

from refvi.fast.compiled import compiled
from refvi.fast.layout import LANE_BITS, LANES


@compiled
def fold_rows(values, bits, by_bit):
    """Fold 2^bits rows into the first one: by_bit (bits, width); values (2^bits, width) is destroyed.

    Checked by  tests/fast/test_folding.py
    """
    width = values.shape[1]
    for k in range(bits - 1, -1, -1):
        half = 1 << k
        by_bit[k] = 0.0
        for i in range(half):
            for d in range(width):
                upper = values[half + i, d]
                by_bit[k, d] += upper
                values[i, d] += upper


@compiled
def fold_lanes(values, start, by_bit, first):
    """Fold LANES numbers into one, which is returned; by_bit[first + k] += the sum over lanes with bit k set.

    Checked by  tests/fast/test_folding.py
    """
    for k in range(LANE_BITS - 1, -1, -1):
        half = 1 << k
        total = 0.0
        for lane in range(half):
            upper = values[start + half + lane]
            total += upper
            values[start + lane] += upper
        by_bit[first + k] += total
    return values[start]


@compiled
def fold_columns(values, width, bits, by_bit):
    """Fold a table in tiles of lanes, (2^bits / LANES, width, LANES) flat, over its columns.

    Formula     by_bit[k, d] = sum over columns j with bit k set; the sum over all columns is returned
    Shapes      by_bit (bits, width) -> (width,); values is destroyed
    Checked by  tests/fast/test_folding.py
    """
    tile_bits = bits - LANE_BITS
    by_tile = np.empty((tile_bits, width * LANES))
    fold_rows(values.reshape((1 << tile_bits, width * LANES)), tile_bits, by_tile)
    total, lane_sums = np.empty(width), np.empty(LANE_BITS)
    for d in range(width):
        for k in range(tile_bits):
            part = 0.0
            for lane in range(LANES):
                part += by_tile[k, d * LANES + lane]
            by_bit[LANE_BITS + k, d] = part
        lane_sums[:] = 0.0
        total[d] = fold_lanes(values, d * LANES, lane_sums, 0)
        for k in range(LANE_BITS):
            by_bit[k, d] = lane_sums[k]
    return total


@compiled
def add_groups(groups):
    """Sum over the first axis, a power of two long, in place and in pairs; the result is groups[0]."""
    count = groups.shape[0]
    while count > 1:
        count //= 2
        for g in range(count):
            for q in range(groups.shape[1]):
                groups[g, q] += groups[count + g, q]


@compiled
def fold_quotients(A, C, GA, GC, row_weight, column_weight, high, low):
    """Sums over all states of w sigmoid(l_d), and over the states with each high or low bit set; and those of w.

    Shapes      A, GA (I, Dp), C (Dp J,), GC (groups, Dp J), row_weight (I,), column_weight (groups, J)
                -> on (high + low + 1, Dp + 1): bits, then all states; visibles, then the weight itself
    Domain      GA, GC and the weights are destroyed
    Checked by  tests/fast/test_folding.py
    """
    rows, visibles = A.shape
    on = np.zeros((high + low + 1, visibles + 1))
    for i in range(rows):
        for d in range(visibles):
            GA[i, d] *= A[i, d]
    fold_rows(GA, high, on[:high, :visibles])
    for d in range(visibles):
        on[high + low, d] = GA[0, d]
    fold_rows(row_weight.reshape((rows, 1)), high, on[:high, visibles:])
    on[high + low, visibles] = row_weight[0]
    add_groups(GC)
    add_groups(column_weight)
    share, weight = GC[0], column_weight[0]
    for tile in range(weight.size // LANES):
        for d in range(visibles):
            at = (tile * visibles + d) * LANES
            for lane in range(LANES):
                share[at + lane] = weight[tile * LANES + lane] - C[at + lane] * share[at + lane]
    fold_columns(share, visibles, low, on[high : high + low, :visibles])
    fold_columns(weight, 1, low, on[high : high + low, visibles:])
    return on
