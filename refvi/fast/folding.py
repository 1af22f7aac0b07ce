"""Sums over the states with each bit set, from tables over half states: doubling backwards, compiled.

After `quotients`, A_id GA_id = sum_j w_ij sigmoid(l_ijd), and sum_i w_ij sigmoid(l_ijd) = Wj - C_jd GC_jd.
Adding the upper half of a table to the lower half removes its highest bit, and the sum of the upper half is
the sum over the states with that bit set. Columns are folded tile by tile, as soon as all rows of a group have
added to a tile, so that no table of all columns is kept.

Sums by low bit, by_low (Dp + 1, low + 1), have a row for each visible and one for the weight itself: the sums over
the columns with each of the seven bits of a lane set, the sum over all columns, the sums with each bit of a tile set.
"""

import numpy as np

from refvi.fast.compiled import aligned, compiled, merged
from refvi.fast.eight import load, minus, plus, store, sums_of_each, times
from refvi.fast.layout import LANE_BITS, LANES

WITH_BIT = ((np.arange(8) >> np.arange(3)[:, None]) & 1).ravel() * 1.0  # eight numbers for each of three bits


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


@merged
def fold_half(values, half):
    """Add 2 half numbers pairwise into the first half; the sum of what was the upper half, as eight numbers."""
    total = load(values, half)
    store(values, 0, plus(load(values, 0), total))
    for lane in range(8, half, 8):
        upper = load(values, half + lane)
        total = plus(total, upper)
        store(values, lane, plus(load(values, lane), upper))
    return total


@merged
def lane_sums(values):
    """Sums over the lanes with each of the seven bits set, and over all: eight numbers; values (LANES,) is destroyed."""
    on6, on5 = fold_half(values, 64), fold_half(values, 32)
    on4, on3 = fold_half(values, 16), fold_half(values, 8)
    rest = load(values, 0)
    on0, on1 = times(rest, load(WITH_BIT, 0)), times(rest, load(WITH_BIT, 8))
    return sums_of_each((on0, on1, times(rest, load(WITH_BIT, 16)), on3, on4, on5, on6, rest))


@compiled
def add_lane_sums(values, tile, sums):
    """Add the lanes of a tile to sums by low bit (low + 1,); values (LANES,) is destroyed.

    Checked by  tests/fast/test_folding.py
    """
    store(values, 0, lane_sums(values))
    for k in range(LANE_BITS + 1):
        sums[k] += values[k]
    for k in range(sums.size - LANE_BITS - 1):
        if (tile >> k) & 1:
            sums[LANE_BITS + 1 + k] += values[LANE_BITS]


@compiled
def fold_tile_of_quotients(C, GC, weight, tile, by_low):
    """Add the columns of a tile, their weights (LANES,) and quotients GC (Dp LANES,), to by_low (Dp + 1, low + 1).

    Checked by  tests/fast/test_folding.py
    """
    share, visibles = aligned(LANES), by_low.shape[0] - 1
    for d in range(visibles):
        for lane in range(0, LANES, 8):
            c = load(C, (tile * visibles + d) * LANES + lane)
            store(share, lane, minus(load(weight, lane), times(c, load(GC, d * LANES + lane))))
        add_lane_sums(share, tile, by_low[d])
    for lane in range(LANES):
        share[lane] = weight[lane]
    add_lane_sums(share, tile, by_low[visibles])


@compiled
def fold_columns(C, GC, column_weight, low):
    """The same for all tiles: GC flat like C, column_weight (J,) -> by_low (1, Dp + 1, low + 1).

    Checked by  tests/fast/test_folding.py
    """
    tiles = column_weight.size // LANES
    row = C.size // tiles
    by_low = np.zeros((1, row // LANES + 1, low + 1))
    for tile in range(tiles):
        columns = slice(tile * LANES, (tile + 1) * LANES)
        fold_tile_of_quotients(C, GC[tile * row : (tile + 1) * row], column_weight[columns], tile, by_low[0])
    return by_low


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
def fold_quotients(A, GA, by_low, row_weight, high):
    """Sums over all states of w sigmoid(l_d), and over the states with each high or low bit set; and those of w.

    Shapes      A, GA (I, Dp), by_low (groups, Dp + 1, low + 1), row_weight (I,)
                -> on (high + low + 1, Dp + 1): bits, then all states; visibles, then the weight itself
    Domain      GA, by_low and row_weight are destroyed
    Checked by  tests/fast/test_folding.py
    """
    (rows, visibles), (groups, width, sums) = A.shape, by_low.shape
    on = np.empty((high + sums, width))
    for i in range(rows):
        for d in range(visibles):
            GA[i, d] *= A[i, d]
    fold_rows(GA, high, on[:high, :visibles])
    fold_rows(row_weight.reshape((rows, 1)), high, on[:high, visibles:])
    for d in range(visibles):
        on[high + sums - 1, d] = GA[0, d]
    on[high + sums - 1, visibles] = row_weight[0]
    add_groups(by_low.reshape((groups, width * sums)))
    for d in range(width):
        for k in range(sums - 1):
            on[high + k, d] = by_low[0, d, k if k < LANE_BITS else k + 1]
    return on


def tables_of_quotients(A, groups, low):
    """Zeroed GA (I, Dp) and by_low (groups, Dp + 1, low + 1) of one top state."""
    return np.zeros(A.shape), np.zeros((groups, A.shape[1] + 1, low + 1))
